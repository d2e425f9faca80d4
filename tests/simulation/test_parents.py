"""Parents through the whole system: worked, reported to the desk, cancelled, expired, completed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from risk.limits import load_limits
from risk.order import Party, Side
from router.fix.messages import ExecType, LastLiquidity, OrdStatus
from tests.simulation.chaos import Chaos, seeds, settle
from tests.simulation.world import ETC


def agrees(world: Chaos) -> None:
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()


@pytest.mark.parametrize("strategy", [1001, 1002, 1003])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_parent_that_must_complete_does(strategy: int, side: Side) -> None:
    world = Chaos(1)
    world.pass_time(0.2)
    world.ask(2 * 10**8, 25, strategy, side=side)
    world.pass_time(35)
    (work,) = world.engine.running.parents.values()
    assert (work.state.value, work.filled_lots) == ("filled", 2 * 10**8)
    assert work.fallback_decisions == 0
    agrees(world)


def test_the_desk_hears_of_every_fill_with_its_venue_and_liquidity() -> None:
    world = Chaos(2)
    world.pass_time(0.2)
    world.ask(5 * 10**8, 25)
    world.pass_time(35)
    reports = world.desk.reports
    assert (reports[0].exec_type, reports[0].ord_status) == (ExecType.NEW, OrdStatus.NEW)
    fills = [r for r in reports if r.exec_type is ExecType.TRADE]
    assert {r.last_mkt for r in fills} <= {"XLIT1", "XLIT2", "XDRK"}
    assert {r.last_liquidity for r in fills} <= {LastLiquidity.ADDED, LastLiquidity.REMOVED}
    total = 0
    for report in fills:
        total += report.last_qty_lots
        assert (report.cum_lots, report.leaves_lots) == (total, 5 * 10**8 - total)
    assert fills[-1].ord_status is OrdStatus.FILLED
    venues = [json for json in world.record if '"event":"fill"' in json]
    assert len(venues) == len(fills)
    (work,) = world.engine.running.parents.values()
    assert sum(r.commission_nanos for r in fills) == work.fees_nanos
    agrees(world)


def test_a_short_sale_is_one_all_the_way_for_whom_and_in_what_capacity() -> None:
    limits = engine_limits()
    limits["parent"]["short_sale_accounts"] = ["ACCT1"]
    world = Chaos(2, limits=limits)
    world.pass_time(0.2)
    parties = (Party("CLIENT7", 3),)
    world.ask(
        10**8, 12, side=Side.SELL_SHORT, locate_reqd=False, parties=parties, order_capacity="A"
    )  # fmt: skip
    world.pass_time(25)
    orders = [json.loads(line) for line in world.record if '"event":"order"' in line]
    assert {order["side"] for order in orders if order["session"] == "SLUICE-OE"} == {5}
    reports = world.desk.reports
    assert {(r.side, r.parties, r.order_capacity) for r in reports} == {(Side.SELL_SHORT, parties, "A")}
    sent = [raw for port, raw in world.wire if b"\x0135=D\x01" in raw]
    assert sent
    assert all(b"\x01448=CLIENT7\x01447=D\x01452=3\x01528=A\x01114=N\x01" in raw for raw in sent)
    (work,) = world.engine.running.parents.values()
    assert (work.state.value, work.filled_lots) == ("filled", 10**8)
    agrees(world)


def engine_limits() -> dict[str, Any]:
    return load_limits(ETC / "limits.toml").model_dump(mode="json")


def test_a_parent_that_may_expire_ends_at_its_time() -> None:
    world = Chaos(3)
    world.pass_time(0.2)
    world.ask(10**9, 6, 1003, must=False, limit_nanos=6_000 * 10**9)
    world.pass_time(8)
    last = world.desk.reports[-1]
    assert (last.exec_type, last.ord_status, last.leaves_lots) == (ExecType.EXPIRED, OrdStatus.EXPIRED, 0)
    agrees(world)


def test_time_may_end_a_parent_while_its_cancel_is_under_way() -> None:
    """The desk cancels, the venue does not answer, and the parent's end comes in between."""
    world = Chaos(4)
    world.pass_time(0.2)
    world.ask(10**9, 8, 1001, must=False)
    world.run(7, stop=lambda: bool(world.engine.running.orders.live()))
    core = world.engine.running
    world.mute.update(port.index for port in core.order_ports.values())
    world.cancel_parent("D1")
    (work,) = core.parents.values()
    assert work.state.value == "canceling"
    world.pass_time(12)
    world.heal()
    world.pass_time(10)
    assert work.state.value == "canceled"
    assert world.desk.reports[-1].ord_status is OrdStatus.CANCELED
    agrees(world)


def test_a_cancel_by_the_desk_is_pending_until_the_last_child_has_gone() -> None:
    world = Chaos(5)
    world.pass_time(0.2)
    world.ask(10**9, 60, 1001)
    world.run(30, stop=lambda: bool(world.engine.running.orders.live()))
    world.pass_time(0.1)
    world.cancel_parent("D1")
    world.pass_time(2)
    kinds = [r.exec_type for r in world.desk.reports if r.exec_type is not ExecType.TRADE]
    assert kinds == [ExecType.NEW, ExecType.PENDING_CANCEL, ExecType.CANCELED]
    last = world.desk.reports[-1]
    assert (last.cl_ord_id, last.orig_cl_ord_id, last.leaves_lots) == ("D1-C", "D1", 0)
    agrees(world)


def test_a_desk_that_was_away_hears_everything_when_it_is_back() -> None:
    world = Chaos(6)
    world.pass_time(0.2)
    world.ask(2 * 10**8, 12)
    world.pass_time(2)
    desk = world.engine.running.ports[-1].index
    world.mute.add(desk)
    world.deaf.add(desk)  # first the line is dead, then it breaks, then nobody dials for a while
    world.pass_time(4)
    world.heal()
    world.run(15)
    heard = len(world.desk.reports)
    world.pass_time(4)
    assert len(world.desk.reports) > heard
    world.pass_time(10)
    settle(world)
    agrees(world)


@pytest.mark.parametrize("seed", seeds(2))
def test_many_parents_at_once(seed: int) -> None:
    world = Chaos(100 + seed)
    draw = world.random
    world.pass_time(0.2)
    for _ in range(8):
        world.ask(
            draw.randrange(10**6, 2 * 10**8), draw.uniform(8, 25), draw.choice((1001, 1002, 1003)),
            side=draw.choice((Side.BUY, Side.SELL)), must=draw.random() < 0.6,
        )  # fmt: skip
        world.pass_time(draw.uniform(0.2, 2))
    world.pass_time(45)
    assert all(work.is_ended for work in world.engine.running.parents.values())
    agrees(world)
