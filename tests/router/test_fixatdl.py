"""The FIXatdl document: read as an order ticket would, and every order that it can make is taken in."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from router.cli import app
from router.config import StrategyConfig
from router.fix.decimals import time_to_wire
from router.fix.messages import ExecType, OrdStatus
from router.fix.versions import VERSIONS
from router.fixatdl import document
from router.policy import read_policies
from tests.router.desks import DESKS, Desks
from tests.router.rig import ETC, SECOND, SYMBOL, Named

CORE = "{http://www.fixprotocol.org/FIXatdl-1-1/Core}"
LAYOUT = "{http://www.fixprotocol.org/FIXatdl-1-1/Layout}"
VALIDATION = "{http://www.fixprotocol.org/FIXatdl-1-1/Validation}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
SHIPPED = {entry.name: entry.strategy for entry in read_policies(ETC / "policies.toml").policy}


def tickets(version: str) -> ElementTree.Element:
    return ElementTree.fromstring(document(SHIPPED.items(), VERSIONS[version]))


def orders(root: ElementTree.Element, rig: Desks) -> list[bytes]:
    """The body of every NewOrderSingle that a ticket made from the document can send."""
    bodies = []
    for strategy in root.iter(f"{CORE}Strategy"):
        choices = []
        for parameter in strategy.iter(f"{CORE}Parameter"):
            values = [pair.get("wireValue") or "" for pair in parameter.iter(f"{CORE}EnumPair")]
            if parameter.get(TYPE) == "UTCTimestamp_t":
                due = rig.now + (50 * SECOND if parameter.get("name") == "ExpireTime" else 0)
                values = [time_to_wire(due).decode()]
            choices.append([(parameter, value) for value in values])
        for chosen in product(*choices):
            body = f"{root.get('strategyIdentifierTag')}={strategy.get('wireValue')}|"
            group = [(p.get("name"), value) for p, value in chosen if p.get("fixTag") is None]
            body += "".join(f"{p.get('fixTag')}={value}|" for p, value in chosen if p.get("fixTag"))
            body += f"957={len(group)}|" if group else ""
            body += "".join(f"958={name}|959=14|960={value}|" for name, value in group)
            bodies.append(body.replace("|", "\x01").encode())
    return bodies


@pytest.mark.parametrize("desk", DESKS)
def test_every_order_that_the_document_describes_is_taken_in(desk: str) -> None:
    rig = Desks(strategies=_strategies())
    root = tickets(DESKS[desk])
    bodies = orders(root, rig)
    assert len(bodies) == 2 * len(SHIPPED)
    for number, body in enumerate(bodies):
        head = f"11=T{number}|1=ACCT1|55={SYMBOL}|54=1|60=20180713-20:47:11|38=0.{number + 1}|40=1|"
        rig.say(rig.of(desk), b"D", head.replace("|", "\x01").encode() + body)
    told = rig.reports_to(desk)
    assert [(r.exec_type, r.ord_status, r.text) for r in told] == [(ExecType.NEW, OrdStatus.NEW, "")] * len(
        bodies
    )
    made = {(work.parent.strategy, work.parent.must_complete) for work in rig.core.parents.values()}
    assert made == set(product(SHIPPED.values(), (True, False)))


def _strategies() -> tuple[StrategyConfig, ...]:
    named = Named()
    return tuple(
        StrategyConfig(code=code, policy=name, sha256=named.sha256, temperature=0.0)
        for name, code in SHIPPED.items()
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_document_is_whole(version: str) -> None:
    """Each control and each rule speaks of a parameter, each choice of a value of it; names are unique."""
    root = tickets(version)
    assert root.tag == f"{CORE}Strategies"
    assert root.get("tag957Support") == ("true" if VERSIONS[version].strategy_group else "false")
    names = [strategy.get("name") for strategy in root.iter(f"{CORE}Strategy")]
    assert names == list(SHIPPED)
    for strategy in root.iter(f"{CORE}Strategy"):
        assert [child.tag for child in strategy] == [
            *[f"{CORE}Parameter"] * 3, f"{LAYOUT}StrategyLayout", f"{VALIDATION}StrategyEdit",
        ]  # fmt: skip
        parameters = {one.get("name"): one for one in strategy.iter(f"{CORE}Parameter")}
        controls = list(strategy.iter(f"{LAYOUT}Control"))
        assert [control.get("parameterRef") for control in controls] == list(parameters)
        assert len({control.get("ID") for control in controls}) == len(controls)
        for control in controls:
            pairs = parameters[control.get("parameterRef")].iter(f"{CORE}EnumPair")
            items = control.iter(f"{LAYOUT}ListItem")
            assert [item.get("enumID") for item in items] == [pair.get("enumID") for pair in pairs]
        for edit in strategy.iter(f"{VALIDATION}Edit"):
            assert {edit.get("field"), edit.get("field2")} <= parameters.keys()


def test_the_shipped_document_is_what_the_command_prints(repository: Path) -> None:
    printed = CliRunner().invoke(app, ["fixatdl", "--settings", str(repository / "etc/router.toml")])
    assert printed.exit_code == 0
    assert (repository / "docs/algo.fixatdl.xml").read_text() == printed.output


def test_a_version_that_is_none_is_refused(repository: Path) -> None:
    refused = CliRunner().invoke(
        app, ["fixatdl", "--version", "FIX.4.3", "--settings", str(repository / "etc/router.toml")]
    )
    assert refused.exit_code == 2
    assert "--version FIX.4.3 is not one of FIX.4.2, FIX.4.4, FIX.5.0SP2" in refused.output
