"""The door: who can make an Approved, cancels' own budget, envelopes, recovery, and what is held at start."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from risk.errors import SettingsError
from risk.gate import Approved, Gate, UnknownOrder
from risk.kill import Mode, Scope
from risk.order import OrdType
from tests.risk.build import (
    ASK,
    BTC,
    INSTRUMENT,
    MS,
    NOW,
    SECOND,
    TICK,
    cancel,
    child,
    gate,
    gate_with_parent,
    limits,
    market,
    parent,
    passed,
    refused,
)

PACKAGES = ("risk", "router", "fixsim", "policies")


# Approved


def test_a_pass_says_what_under_which_limits_when_and_which() -> None:
    g = gate_with_parent()
    first, second = (passed(g.check(child(n, qty_lots=n), market(), NOW)) for n in (1, 2))
    assert (first.order.cl_ord_id, first.limits_hash, first.approved_ns) == ("S1-1", limits().digest, NOW)
    assert (first.number, second.number) == (1, 2)


def test_nobody_else_makes_an_approved() -> None:
    made = passed(gate_with_parent().check(child(), market(), NOW))
    forge: Any = Approved
    for attempt in (
        lambda: forge(child()),
        lambda: forge((child(), "", 0, 1)),
        lambda: forge(order=child(), limits_hash="", approved_ns=0, number=1),
        lambda: forge.__new__(forge, (child(), "", 0, 1)),
        lambda: type("Mine", (forge,), {}),
        lambda: copy.copy(made),
        lambda: copy.deepcopy(made),
        lambda: pickle.dumps(made),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_an_approved_cannot_be_changed() -> None:
    made: Any = passed(gate_with_parent().check(child(), market(), NOW))
    for name in ("order", "limits_hash", "approved_ns", "number", "other"):
        with pytest.raises(AttributeError):
            setattr(made, name, None)
    assert not isinstance((*made,), Approved)


def forgeries(source: str) -> list[int]:
    """Lines that could make an Approved: a call of it (`Approved[...](...)` too), or of anything given it."""

    def names_it(node: ast.AST) -> bool:
        return any((isinstance(part, ast.Name) and part.id == "Approved")
                   or (isinstance(part, ast.Attribute) and part.attr == "Approved")
                   for part in ast.walk(node))

    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("isinstance", "issubclass", "cast", "typing.cast"):
            continue
        if names_it(node.func) or any(names_it(argument) for argument in node.args):
            lines.append(node.lineno)
    return lines


def test_no_source_but_the_gate_makes_an_approved(repository: Path) -> None:
    found = {
        f"{path.relative_to(repository)}:{line}"
        for package in PACKAGES
        for path in (repository / package).rglob("*.py")
        if path != repository / "risk/gate.py"
        for line in forgeries(path.read_text())
    }
    assert found == set()


def test_mypy_refuses_to_make_one_to_change_one_and_to_send_what_is_none(
    tmp_path: Path, repository: Path
) -> None:
    source = tmp_path / "forger.py"
    source.write_text(
        "from risk.gate import Approved, Refusal\n"
        "from risk.order import NewOrder\n"
        "def send(order: Approved[NewOrder]) -> None: ...\n"
        "def judged(verdict: Approved[NewOrder] | Refusal, order: NewOrder) -> None:\n"
        "    if isinstance(verdict, Approved):\n"
        "        send(verdict)\n"
        "        verdict.order = order\n"
        "    send(order)\n"
        "    send(verdict)\n"
        "    Approved(order)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), str(source)],
        capture_output=True, text=True, check=False, timeout=60, cwd=repository,
    )
    lines = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line]
    assert lines == [7, 8, 9, 10], done.stdout + done.stderr


@pytest.mark.parametrize("source", [
    "Approved(order)", "gate.Approved[NewOrder](order)", "tuple.__new__(Approved, (1, 2, 3, 4))",
    "object.__new__(risk.gate.Approved)", "make(Approved)",
])
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert forgeries(source) == [1]
    assert forgeries("isinstance(x, Approved)\ndef f(x: Approved[NewOrder]) -> None: ...") == []


def test_the_private_parts_of_the_gate_are_used_by_nobody(repository: Path) -> None:
    for package in PACKAGES:
        for path in (repository / package).rglob("*.py"):
            if path == repository / "risk/gate.py":
                continue
            text = path.read_text()
            assert not re.search(r"\bgate\._|\._approve\b", text), path


def test_risk_has_no_floats_and_only_the_standard_library_and_pydantic(repository: Path) -> None:
    forbidden = {"asyncio", "socket", "time", "random", "numpy", "threading", "math", "decimal", "fractions"}
    for path in (repository / "risk").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), where
            assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)) or _is_path(node), where
            assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "float"), where
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & forbidden, where
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in forbidden, where


def _is_path(node: ast.BinOp) -> bool:
    return isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)


# cancels


def test_cancels_have_their_own_budget_and_are_paced_not_refused() -> None:
    g = gate_with_parent(child__max_cancels_per_s=2, child__max_new_orders_per_s=1)
    passed(g.check(child(1), market(), NOW))
    for number in (2, 3):
        assert isinstance(g.check_cancel(cancel(number), NOW + number * MS), Approved)
    not_before = g.check_cancel(cancel(4), NOW + 4 * MS)
    assert not_before == NOW + 2 * MS + SECOND
    assert isinstance(g.check_cancel(cancel(4), not_before), Approved)


def test_a_kill_ignores_the_budget_but_is_counted() -> None:
    g = gate_with_parent(child__max_cancels_per_s=2)
    for number in range(2, 12):
        assert isinstance(g.check_cancel(cancel(number), NOW, kill=True), Approved)
    assert g.check_cancel(cancel(12), NOW) == NOW + SECOND


def test_cancels_leave_under_a_latch() -> None:
    g = gate_with_parent()
    passed(g.check(child(1), market(), NOW))
    g.kill.latch(Scope("all"), Mode.HALT, "ann", "drill", NOW)
    assert isinstance(g.check_cancel(cancel(2), NOW), Approved)


def test_a_cancels_id_is_used_up_too() -> None:
    g = gate_with_parent()
    g.check_cancel(cancel(5), NOW)
    assert refused(g.check(child(5), market(), NOW)).rule == "cl_ord_id"


# envelopes


def test_the_envelope_of_a_fresh_parent() -> None:
    env = gate_with_parent().envelope("P1", "XLIT1", market(), NOW)
    assert env.max_lots == env.cap_lots(ASK) == 250_000_000
    assert env.max_price_nanos == ASK * 10_050 // 10_000
    assert env.cap_lots(ASK + 1) == env.cap_lots(7000 * 10**9) == 0


def test_an_envelope_says_why_it_is_empty() -> None:
    g = gate_with_parent()
    for parent_id, venue, rule in (("P9", "XLIT1", "open_parent"), ("P1", "XNIL", "market_data")):
        env = g.envelope(parent_id, venue, market(), NOW)
        assert env.max_lots == 0
        assert env.reason is not None
        assert env.reason.rule == rule


def test_asking_changes_nothing() -> None:
    g = gate_with_parent(child__max_new_orders_per_s=1)
    for _ in range(3):
        assert g.envelope("P1", "XLIT1", market(), NOW).max_lots == 250_000_000
    passed(g.check(child(), market(), NOW))
    env = g.envelope("P1", "XLIT1", market(), NOW)
    assert env.reason is not None
    assert env.reason.rule == "message_rate"


# what became of them, and recovery


def test_a_done_order_frees_what_it_did_not_fill() -> None:
    g = gate_with_parent()
    line = g.exposure.parents["P1"]
    passed(g.check(child(1), market(), NOW))
    g.filled("S1-1", 40)
    g.closed("S1-1")
    g.closed("S1-1")
    assert (line.filled_lots, line.reserved_lots) == (40, 0)
    g.filled("S1-1", 60)  # a fill that crossed the cancel
    assert (line.filled_lots, line.reserved_lots) == (100, 0)


def test_an_overfilled_parent_gets_no_further_child() -> None:
    g = gate_with_parent()
    passed(g.check(child(1), market(), NOW))
    g.filled("S1-1", 11 * BTC)
    assert g.exposure.parents["P1"].reserved_lots == 0
    assert refused(g.check(child(2, qty_lots=1), market(), NOW)).rule == "parent_conservation"
    assert g.envelope("P1", "XLIT1", market(), NOW).max_lots == 0


def test_a_fill_of_an_unknown_order_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownOrder, match="S1-77"):
        gate().filled("S1-77", 1)


def test_after_a_restart_what_may_be_at_a_venue_is_reserved() -> None:
    g = gate()
    g.adopt_parent(parent(), filled_lots=7 * BTC)
    g.adopt(child(41, qty_lots=2 * BTC), filled_lots=BTC)
    g.adopt(child(41, qty_lots=2 * BTC), filled_lots=BTC)
    line = g.exposure.parents["P1"]
    assert (line.filled_lots, line.reserved_lots) == (8 * BTC, BTC)
    assert refused(g.check(child(41, qty_lots=1), market(), NOW)).rule == "cl_ord_id"
    assert refused(g.check(child(42, qty_lots=BTC + 1), market(), NOW)).rule == "parent_conservation"
    passed(g.check(child(43, qty_lots=BTC), market(), NOW))


def test_an_order_of_no_known_parent_is_held_and_nothing_follows_it() -> None:
    g = gate()
    g.adopt(child(5, parent_id="GONE"), 0)
    assert g.exposure.parents["GONE"].reserved_lots == BTC
    assert refused(g.check(child(6, parent_id="GONE", qty_lots=1), market(), NOW)).rule == "open_parent"
    g.filled("S1-5", BTC)
    g.closed("S1-5")


def test_an_adopted_parent_of_a_symbol_that_is_gone_trades_no_more() -> None:
    g = gate()
    g.adopt_parent(parent(symbol="OLD"))
    assert g.envelope("P1", "XLIT1", market(), NOW).max_lots == 0
    assert refused(g.check(child(1), market(), NOW)).rule == "parent_terms"


# at start


def test_every_symbol_needs_limits_and_an_instrument() -> None:
    other = replace(INSTRUMENT, symbol="ETH-USD")
    with pytest.raises(SettingsError, match=r"ETH-USD has no limits: symbols\.ETH-USD"):
        Gate(limits(), {"BTC-USD": INSTRUMENT, "ETH-USD": other}, "S1-")
    with pytest.raises(SettingsError, match="BTC-USD has no instrument"):
        Gate(limits(), {}, "S1-")


def test_a_market_order_is_capped_as_the_envelope_says() -> None:
    g = gate_with_parent(symbol__child_max_value_quote=10_000)
    cap = g.envelope("P1", "XLIT1", market(), NOW).cap_lots(None)
    order = child(ord_type=OrdType.MARKET, price_nanos=None, qty_lots=cap)
    assert refused(g.check(replace(order, qty_lots=cap + 1), market(), NOW)).rule == "value"
    passed(g.check(order, market(), NOW))
    assert cap < g.envelope("P1", "XLIT2", market(), NOW).cap_lots(ASK - TICK)
