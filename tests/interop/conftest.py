"""Which engines and versions there are, and the processes of ours that many of these tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.engines import ENGINES, QUICKFIX, QUICKFIX_ENGINE, VERSIONS, Engine
from tests.interop.ours import COMP_ID, VENUE, Ours, said
from tests.interop.peer import Peer

NOT_BUILT = (
    "QuickFIX is not built: `make interop` makes it in build/interop, which compiles for a quarter of an "
    "hour the first time, and runs these tests"
)
CASES = (
    "orders",
    "fills",
    "mass",
    "book-MD",
    "fills-MD",
    "restart",
    "gap",
    "both",
    "void",
    "logout",
    "router",
    "router-MD",
)
"""Of the tests beside fixsim: each has a client of its own there, so that no numbers run on from another."""
DESK_CASES = ("parent", "cancel", "replace", "refused", "mass", "terms", "restart", "gap", "next")
COPIED = "terms"
"""The desk whose reports another session gets too."""


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    if found is QUICKFIX_ENGINE and not QUICKFIX.exists():
        pytest.skip(NOT_BUILT)
    return found


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    named: str = request.param
    return named


def comp_id(engine: Engine, version: str, case: str) -> str:
    return f"{engine.name}-{version.removeprefix('FIX.')}-{case}"


def everybody(cases: tuple[str, ...]) -> dict[str, str]:
    """The versions of all that may log on, by CompID."""
    return {
        comp_id(engine, version, case): version
        for engine in ENGINES
        for version in VERSIONS
        for case in cases
    }


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    """`fixsim serve`, for all that only trade there."""
    with Ours(tmp_path_factory.mktemp("interop") / "exchange") as ours:
        ours.start_fixsim(everybody(CASES))
        yield ours


@pytest.fixture(scope="session")
def router(exchange: Ours) -> Ours:
    """`router run` beside it, for all desks that do it no harm."""
    desks = [{"comp_id": name, **said(version)} for name, version in everybody(DESK_CASES).items()]
    copies = [
        desk | {"comp_id": f"{desk['comp_id']}-copy", "drop_copy_of": desk["comp_id"]}
        for desk in desks
        if desk["comp_id"].endswith(COPIED)
    ]
    for desk in desks:
        if desk["comp_id"].endswith("next") and desk.get("version") != "FIX.4.2":
            desk["next_expected"] = True
    exchange.start_router(desks + copies, exchange.at_fixsim())
    exchange.wait_books()
    return exchange


Client = Callable[..., Peer]


@pytest.fixture
def client(engine: Engine, version: str, exchange: Ours, tmp_path: Path) -> Iterator[Client]:
    """Makes a client of XLIT1, logged on: `client(case, **settings of its engine)`."""
    with ExitStack() as stack:

        def make(case: str, **extra: str) -> Peer:
            own = comp_id(engine, version, case)
            sessions = {(own, VENUE): version}
            peer = Peer(engine, "initiator", exchange.fixsim_ports[0], tmp_path / case, sessions, extra)
            stack.enter_context(peer)
            peer.logged_on()
            return peer

        yield make


@pytest.fixture
def desk(engine: Engine, version: str, router: Ours, tmp_path: Path) -> Iterator[Client]:
    """Makes a desk of the router, logged on: `desk(case, **settings)`; `case/copy` is its drop copy."""
    with ExitStack() as stack:

        def make(case: str, **extra: str) -> Peer:
            own, _, copy = case.partition("/")
            sender = comp_id(engine, version, own) + (f"-{copy}" if copy else "")
            sessions = {(sender, COMP_ID): version}
            peer = Peer(engine, "initiator", router.oms_port, tmp_path / sender, sessions, extra)
            stack.enter_context(peer)
            peer.logged_on()
            return peer

        yield make
