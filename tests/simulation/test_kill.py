"""The kill switch in the whole system: latched at once, orders named, nothing new until a second person."""

from __future__ import annotations

import pytest

from risk.order import Side
from router.orders import ChildState
from tests.simulation.chaos import Chaos, Died, Schedule, seeds, settle

SCOPES = [("all", ""), ("venue", "XLIT1"), ("venue", "XDRK"), ("symbol", "BTC-USD"), ("parent", "SL1-P2")]


def busy(seed: int = 2) -> Chaos:
    """Two parents with children at the venues."""
    world = Chaos(seed)
    world.pass_time(0.2)
    world.ask(10**9, 90, 1001)
    world.ask(8 * 10**8, 90, 1002, side=Side.SELL)
    world.pass_time(6)
    world.run(30, stop=lambda: len(world.engine.running.orders.live()) >= 2)
    return world


def orders_since(world: Chaos, at: int) -> list[bytes]:
    return [raw for _, raw in world.wire[at:] if b"\x0135=D\x01" in raw[:40]]


@pytest.mark.parametrize(("scope", "name"), SCOPES)
def test_with_healthy_venues_every_order_is_confirmed_and_nothing_leaves_until_reinstated(
    scope: str, name: str
) -> None:
    world = busy()
    core = world.engine.running
    before = {c.cl_ord_id: c for c in core.orders.live()}
    covered = {
        i
        for i, c in before.items()
        if scope in ("all", "symbol") or name in (c.order.venue, c.order.parent_id)
    }
    at = len(world.wire)
    command = world.operator("kill", scope, name)
    world.pass_time(1)
    told = world.told[command]
    assert told[0] == {"event": "latched", "mode": "halt"}
    assert told[1] == {"event": "cancelling", "orders": len(covered)}
    assert {line["cl_ord_id"] for line in told if line["event"] == "order"} == covered
    assert {line["state"] for line in told if line["event"] == "order"} <= {"canceled", "filled"}
    assert told[-1]["event"] == "completed"
    assert told[-1]["unconfirmed"] == []
    assert not any(before[i].is_live for i in covered)
    world.pass_time(10)
    if scope in ("all", "symbol"):
        assert orders_since(world, at) == []
    elif scope == "venue":
        assert all(c.order.venue != name for c in core.orders.live())
    for who in ("trader", " Trader "):
        refused = world.operator("reinstate", scope, name, who)
        assert world.told[refused][-1]["event"] == "refused"
    lifted = world.operator("reinstate", scope, name, "risk-officer")
    assert world.told[lifted] == [{"event": "reinstated", "latched_by": "trader", "still_latched": []}]
    at = len(world.wire)
    world.pass_time(8)
    assert orders_since(world, at)
    settle(world)
    assert world.watch is not None
    world.watch.quiet()


def test_a_latch_survives_crashes_and_is_never_lifted_by_itself() -> None:
    world = busy()
    world.operator("kill")
    for _ in range(3):
        world.pass_time(1)
        world.die()
    at = len(world.wire)
    world.pass_time(20)
    assert orders_since(world, at) == []
    assert [str(latch.scope) for latch in world.engine.running.gate.kill.latches] == ["all"]
    assert world.engine.running.orders.live() == []


def test_a_kill_that_a_crash_interrupts_is_carried_on_by_the_next_process() -> None:
    """The cancels had not left: the orders found live under a halt are cancelled again."""
    world = busy()
    live = world.engine.running.orders.live()
    world.writes_left = 0
    with pytest.raises(Died):
        world.operator("kill")
    world.die()
    world.pass_time(5)
    assert world.engine.running.orders.live() == []
    assert world.watch is not None
    world.watch.quiet()
    ended = [world.engine.running.orders.find(c.cl_ord_id) for c in live]
    assert all(c is not None and c.state in (ChildState.CANCELED, ChildState.FILLED) for c in ended)


def test_under_faults_what_is_not_confirmed_is_what_the_venue_may_still_have_open() -> None:
    world = busy()
    core = world.engine.running
    target = core.orders.live()[0].venue
    name = core.config.venues[target].name
    world.deaf.add(core.order_ports[target].index)
    at_venue = {c.cl_ord_id for c in core.orders.live() if c.venue == target}
    command = world.operator("kill")
    world.pass_time(6)
    told = world.told[command]
    open_there = {o.cl_ord_id for o in world.exchange.venues[name].open_orders()}
    assert told[-1]["event"] == "completed"
    assert not told[-1]["confirmed"]
    assert set(told[-1]["unconfirmed"]) == open_there <= at_venue
    assert open_there
    assert all(core.orders.find(i).is_live for i in open_there)  # type: ignore[union-attr]
    world.heal()
    world.pass_time(10)
    assert world.exchange.venues[name].open_orders() == []
    assert world.watch is not None
    world.watch.quiet()


def test_a_suspend_leaves_resting_orders_and_lets_them_be_cancelled() -> None:
    world = busy()
    live = {c.cl_ord_id for c in world.engine.running.orders.live()}
    assert live
    at = len(world.wire)
    command = world.operator("suspend")
    assert world.told[command] == [{"event": "latched", "mode": "suspend"}]
    world.pass_time(0.5)
    assert {c.cl_ord_id for c in world.engine.running.orders.live()} & live
    for name in ("D1", "D2"):
        world.cancel_parent(name)
    world.pass_time(3)
    assert orders_since(world, at) == []
    assert all(w.is_ended for w in world.engine.running.parents.values())


def test_no_parent_is_taken_in_under_a_latch() -> None:
    world = busy()
    world.operator("kill", "symbol", "BTC-USD")
    world.ask(10**7, 10)
    world.pass_time(0.5)
    assert world.desk.reports[-1].ord_rej_reason == 99
    assert "kill_latch" in world.desk.reports[-1].text


def test_draining_cancels_everything_without_a_latch_and_takes_nothing_in() -> None:
    world = busy()
    at = len(world.wire)
    world.commands += 1
    world.engine.operator(world.commands, {"cmd": "drain", "identity": "signal", "reason": "x"}, world.now_ns)
    world.flow()
    world.ask(10**7, 10)
    world.pass_time(3)
    assert world.told[world.commands][-1]["event"] == "completed"
    assert world.engine.running.orders.live() == []
    assert world.desk.reports[-1].text == "the router is stopping"
    world.pass_time(5)
    assert orders_since(world, at) == []
    assert world.engine.running.gate.kill.latches == ()
    world.die()  # the next process goes on with the parents
    world.pass_time(8)
    assert orders_since(world, at)


@pytest.mark.parametrize("seed", seeds(2))
def test_kills_at_random_times_among_faults(seed: int) -> None:
    faults = ("kill", "suspend", "reinstate", "kill", "cut", "die writing", "parent")
    schedule = Schedule(3000 + seed, seconds=20, faults=faults)
    world = schedule.run()
    for command, lines in world.told.items():
        assert sum(line["event"] == "completed" for line in lines) <= 1, command
    settle(world)
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()
