"""kill -9 at any instant, power loss at any byte: nothing is sent twice, and what is in doubt is asked."""

from __future__ import annotations

import pytest

from risk.order import Side
from router.journal import Kind, Reader
from router.orders import ChildState
from router.parent import ParentState
from tests.simulation.chaos import Chaos, Died, Schedule, seeds, settle


def at_work(seed: int = 1, lots: int = 5 * 10**8, seconds: float = 30) -> Chaos:
    world = Chaos(seed)
    world.pass_time(0.2)
    world.ask(lots, seconds, 1002)
    return world


def agrees(world: Chaos) -> None:
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()


def test_a_parent_goes_on_after_a_crash_and_completes() -> None:
    world = at_work()
    world.pass_time(10)
    (work,) = world.engine.running.parents.values()
    filled = work.filled_lots
    assert filled > 0
    world.die()
    (work,) = world.engine.running.parents.values()
    assert work.filled_lots >= filled
    world.pass_time(40)
    assert work.state is ParentState.FILLED
    agrees(world)


@pytest.mark.parametrize("writes", [*range(0, 48, 10), *range(48, 48 + len(seeds(0)))])
def test_killed_at_the_nth_write_the_order_that_had_not_left_is_unknown_until_asked(writes: int) -> None:
    world = at_work(seconds=20)
    world.writes_left = writes
    with pytest.raises(Died):
        world.pass_time(60)
    before = len(world.wire)
    world.die()
    asked = {c.cl_ord_id for c in world.engine.running.orders.live() if c.state is ChildState.UNKNOWN}
    world.pass_time(5)
    questions = {
        found
        for _, raw in world.wire[before:]
        if b"\x0135=H\x01" in raw[:40]
        for found in [raw.split(b"\x0111=")[1].split(b"\x01")[0].decode()]
    }
    assert asked <= questions
    settle(world)
    agrees(world)


def test_a_journal_that_ends_within_an_input_starts_twice() -> None:
    """Outputs that the disk does not have are lived again at the first start, and passed over at the next."""
    world = at_work()
    world.pass_time(8)
    records = list(Reader(bytes(world.journal)))
    outs = [r for r in records if r.kind is Kind.FIX_OUT and b"\x0135=D\x01" in r.raw[:40]]
    cut = len(world.journal) - outs[-1].offset  # its input and its verdict stay
    world.die(cut_bytes=cut)
    world.pass_time(1)
    world.die()
    world.pass_time(1)
    world.die()
    assert world.watch is not None
    world.watch.replays()


@pytest.mark.parametrize("seed", seeds(3))
def test_power_loss_stops_new_orders_where_the_venue_knows_more_than_we_do(seed: int) -> None:
    world = Chaos(seed)
    draw = world.random
    world.pass_time(0.2)
    world.ask(6 * 10**8, 30, 1002)
    world.ask(4 * 10**8, 30, 1001, side=Side.SELL)
    world.pass_time(draw.uniform(1, 8))
    core = world.engine.running
    ahead = {p.session.name: p.session.next_out for p in core.ports if p.venue >= 0}
    world.die(draw.randrange(1, 60_000))
    core = world.engine.running
    sessions = [port.session for port in core.order_ports.values()]
    forgot = [session.name for session in sessions if session.next_out < ahead[session.name]]
    world.pass_time(4)
    latches = core.gate.kill.latches
    if forgot:
        assert [(str(latch.scope), latch.mode.value, latch.identity) for latch in latches] == [
            ("all", "suspend", "router")
        ]
        assert "MsgSeqNum too low" in latches[0].reason
        sent = len(world.wire)
        world.pass_time(10)
        assert not [raw for _, raw in world.wire[sent:] if b"\x0135=D\x01" in raw[:40]]
    world.die()  # and the latch is found again
    assert core.gate.kill.latches == world.engine.running.gate.kill.latches
    world.pass_time(2)
    assert world.watch is not None
    world.watch.replays()


def test_reports_that_the_desk_is_owed_outlive_a_crash() -> None:
    world = at_work(seconds=15)
    world.pass_time(2)
    desk = world.engine.running.ports[-1].index
    world.cut(desk)
    world.run(8)  # nobody dials: the reports wait without a number
    assert len(world.engine.running.ports[-1].outbox) > 0
    told = len(world.desk.reports)
    world.crash()
    world.restart_watched()
    assert len(world.desk.reports) > told
    world.pass_time(30)
    settle(world)
    agrees(world)


def test_a_parent_that_was_being_cancelled_is_still_being_cancelled() -> None:
    world = at_work(seconds=60)
    world.run(30, stop=lambda: any(c.state is ChildState.WORKING for c in world.engine.running.orders.live()))
    core = world.engine.running
    venues = {c.venue for c in core.orders.live()}
    world.deaf.update(core.order_ports[v].index for v in venues)
    world.cancel_parent("D1")
    (work,) = core.parents.values()
    assert work.state is ParentState.CANCELING
    world.deaf.clear()
    world.die()
    world.pass_time(5)
    (work,) = world.engine.running.parents.values()
    assert work.state is ParentState.CANCELED
    agrees(world)


def test_a_desks_number_stays_used_over_a_restart() -> None:
    world = at_work(lots=10**7, seconds=10)
    world.pass_time(15)
    (work,) = world.engine.running.parents.values()
    assert work.is_ended
    world.die()
    world.pass_time(1)
    world.send_parent(10**7, 10, 1002, name="D1")
    world.pass_time(0.5)
    assert len(world.engine.running.parents) == 1
    assert world.desk.reports[-1].ord_rej_reason == 6


@pytest.mark.parametrize("seed", seeds(2))
def test_crash_upon_crash(seed: int) -> None:
    schedule = Schedule(2000 + seed, seconds=15, faults=("die", "die writing", "cut"))
    world = schedule.run()
    settle(world)
    agrees(world)
