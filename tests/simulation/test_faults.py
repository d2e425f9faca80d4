"""Everything at once: random faults from a seed, invariants after every step, agreement when they cease."""

from __future__ import annotations

import pytest

from risk.order import Side
from router.orders import ChildState
from tests.simulation.chaos import MOODS, SECOND, Chaos, Schedule, seeds, settle


@pytest.mark.parametrize("seed", seeds(6))
def test_whatever_goes_wrong_the_invariants_hold_and_everything_resolves(seed: int) -> None:
    schedule = Schedule(seed)
    try:
        world = schedule.run()
        settle(world)
        assert world.watch is not None
        world.watch.quiet()
        world.watch.told()
        world.watch.replays()
        assert all(work.is_ended for work in world.engine.running.parents.values())
    except AssertionError as broken:
        raise AssertionError(f"seed {seed}: {broken}\n{schedule.happened}") from broken


@pytest.mark.parametrize("mood", MOODS)
def test_a_policy_that_talks_nonsense_never_reaches_the_wire(mood: str) -> None:
    world = Chaos(3)
    world.mood, world.moody = mood, 1.0
    world.pass_time(0.2)
    world.ask(10**8, 15, 1002)
    world.pass_time(18)
    (work,) = world.engine.running.parents.values()
    assert work.policy_off
    assert work.fallback_decisions >= work.policy_failures >= 3
    assert work.is_ended, "the fallback schedule completes what must be"
    assert world.watch is not None
    world.watch.quiet()
    world.watch.replays()


def test_a_policy_is_kept_while_it_fails_less_often_than_the_limit() -> None:
    world = Chaos(3)
    world.pass_time(0.2)
    world.mood, world.moody = "nan", 1.0
    world.ask(10**8, 30, 1002)
    (work,) = world.engine.running.parents.values()
    world.run(20, stop=lambda: work.policy_failures == 2)
    world.mood = "good"
    world.pass_time(35)
    assert not work.policy_off
    assert work.fallback_decisions == 2
    assert work.is_ended


def test_a_dead_venue_keeps_its_orders_reserved_and_the_others_go_on() -> None:
    world = Chaos(4)
    world.pass_time(0.2)
    world.ask(10**9, 200, 1002)
    core = world.engine.running
    (work,) = core.parents.values()
    world.run(60, stop=lambda: any(c.order.venue == "XLIT1" for c in core.orders.live()))
    dead = [port.index for port in core.ports if port.venue == 0]
    world.deaf.update(dead)
    world.mute.update(dead)
    world.pass_time(10)
    stuck = [c for c in core.orders.live() if c.order.venue == "XLIT1"]
    assert stuck
    assert all(c.state is ChildState.UNKNOWN for c in stuck)
    at = len(core.orders)
    world.pass_time(100)
    assert not core.order_ports[0].session.is_logged_on, "TestRequest at 1.2, dropped at 2.4 heartbeats"
    assert len(core.orders) > at
    new = [c for c in core.orders._children.values() if c.sent_ns > world.now_ns - 20 * SECOND]
    assert all(c.order.venue != "XLIT1" for c in new)
    reserved = sum(c.leaves for c in stuck)
    world.pass_time(120)
    assert work.filled_lots >= work.parent.qty_lots - reserved - work.parent.qty_lots // 50
    world.heal()
    world.pass_time(20)
    assert world.watch is not None
    settle(world)
    world.watch.quiet()
    world.watch.told()


def test_orders_lost_on_the_way_are_asked_for_and_never_sent_again() -> None:
    """The connection takes bytes and delivers none, then breaks: the venue never had the order."""
    world = Chaos(6)
    world.pass_time(0.2)
    core = world.engine.running
    port = core.order_ports[0].index
    world.deaf.add(port)
    world.ask(10**8, 20, 1001)
    world.run(20, stop=lambda: any(c.order.venue == "XLIT1" for c in core.orders.live()))
    lost = [c for c in core.orders.live() if c.order.venue == "XLIT1"]
    assert lost
    world.cut(port)
    assert all(c.state is ChildState.UNKNOWN for c in lost)
    world.deaf.clear()
    world.pass_time(6)
    assert all(c.state is ChildState.REJECTED for c in lost)
    theirs = {order.cl_ord_id for order in world.exchange.venues["XLIT1"].orders.values()}
    assert not theirs & {c.cl_ord_id for c in lost}
    settle(world)
    assert world.watch is not None
    world.watch.quiet()


def test_fills_that_the_router_could_not_hear_come_with_the_resend() -> None:
    world = Chaos(8)
    world.pass_time(0.2)
    core = world.engine.running
    port = core.order_ports[0].index
    world.ask(5 * 10**8, 30, 1002)
    world.pass_time(1)
    world.mute.add(port)
    world.pass_time(6)
    world.cut(port)
    world.mute.clear()
    world.pass_time(30)
    settle(world)
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()


@pytest.mark.parametrize("seed", seeds(3))
def test_only_links_break(seed: int) -> None:
    """With must-complete parents of both sides and time enough, they complete."""
    schedule = Schedule(1000 + seed, faults=("cut", "half-open", "desk"))
    world = schedule.run()
    world.heal()
    world.pass_time(90)
    assert world.watch is not None
    for work in world.engine.running.parents.values():
        assert work.is_ended, (work, world.engine.running.orders.live())
        assert not work.parent.must_complete or work.left_lots == 0
    world.watch.quiet()
    world.watch.told()


def test_both_sides_at_once_do_not_disturb_each_other() -> None:
    world = Chaos(9)
    world.pass_time(0.2)
    world.ask(4 * 10**8, 30, 1002, side=Side.BUY)
    world.ask(4 * 10**8, 30, 1001, side=Side.SELL)
    world.ask(3 * 10**8, 30, 1003, side=Side.SELL)
    world.pass_time(60)
    assert [work.state.value for work in world.engine.running.parents.values()] == ["filled"] * 3
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
