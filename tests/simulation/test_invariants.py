"""The watch over the invariants sees what it is there to see: each is planted broken once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from risk.kill import ALL, Mode
from router.journal import JournalError, Kind, Reader, json_payload
from router.orders import ChildState
from router.recovery import Replay, ReplayError
from tests.simulation.chaos import Chaos
from tests.simulation.invariants import picture


@pytest.fixture
def world() -> Chaos:
    """A parent at work, with children at the venues."""
    made = Chaos(1)
    made.pass_time(0.2)
    made.ask(10**9, 60, 1001)
    made.pass_time(4)
    assert made.engine.running.orders.live()
    return made


def last_order(world: Chaos) -> bytes:
    return next(raw for _, raw in reversed(world.wire) if b"\x0135=D\x01" in raw[:40])


def plant_unapproved(world: Chaos) -> None:
    world.watch.passes.clear()  # type: ignore[union-attr]
    world.engine.running.write(world.engine.running.order_ports[0], last_order(world))


def plant_changed(world: Chaos) -> None:
    """The pass is for another quantity."""
    passed = next(reversed(world.watch.passes.values()))  # type: ignore[union-attr]
    passed.left = False
    passed.fields[-2] = "1"
    world.engine.running.write(world.engine.running.order_ports[0], last_order(world))


def plant_resent(world: Chaos) -> None:
    world.engine.running.write(world.engine.running.order_ports[0], last_order(world))


def plant_unwritten(world: Chaos) -> None:
    world.wire.append((0, last_order(world)))


def plant_latched(world: Chaos) -> None:
    """A latch in the journal that the gate does not know of."""
    event = world.engine.running.gate.kill.latch(ALL, Mode.HALT, "x", "y", world.now_ns).as_event()
    world.writer.append(Kind.LATCH, world.now_ns, json_payload(event))
    del world.engine.running.gate.kill._by_scope[ALL]
    world.engine.running.gate.kill.count = 0
    world.pass_time(30)


def plant_freed(world: Chaos) -> None:
    world.engine.running.gate.closed(world.engine.running.orders.live()[0].cl_ord_id)


def plant_overcommitted(world: Chaos) -> None:
    work = next(iter(world.engine.running.parents.values()))
    work.filled_lots = work.parent.qty_lots


def plant_miscounted(world: Chaos) -> None:
    world.engine.running.orders.live()[0].leaves -= 1


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (plant_unapproved, "left without a pass"),
        (plant_changed, None),
        (plant_resent, "left twice"),
        (plant_unwritten, "that the journal does not hold"),
        (plant_latched, "left under"),
        (plant_freed, "SL1-P1"),
        (plant_overcommitted, "SL1-P1"),
        (plant_miscounted, "SL1-P1"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_violation_is_seen(world: Chaos, plant: Callable[[Chaos], None], why: str | None) -> None:
    def planted() -> None:
        plant(world)
        world.flow()

    with pytest.raises(AssertionError, match=why):
        planted()


def test_a_silent_difference_with_the_venue_is_seen_when_all_is_quiet(world: Chaos) -> None:
    world.run(20, stop=lambda: all(c.state is ChildState.WORKING for c in world.engine.running.orders.live()))
    world.pass_time(0.05)
    assert world.watch is not None
    world.watch.quiet()
    live = world.engine.running.orders.live()
    venue = world.exchange.venues[live[0].order.venue]
    order = next(o for o in venue.open_orders() if o.cl_ord_id == live[0].cl_ord_id)
    order.cum_lots += 1
    with pytest.raises(AssertionError):
        world.watch.quiet()


def test_two_runs_of_one_seed_are_the_same_to_the_byte() -> None:
    def run() -> bytes:
        world = Chaos(5)
        world.pass_time(0.2)
        world.ask(10**8, 20, 1002)
        world.pass_time(6)
        world.fault("cut")
        world.pass_time(4)
        return bytes(world.journal)

    assert run() == run()


def test_a_replay_is_the_live_state_at_every_point_and_an_edit_is_found(world: Chaos) -> None:
    world.operator("suspend", "venue", "XLIT2")
    world.pass_time(2)
    world.cut(0)
    world.pass_time(5)
    assert world.watch is not None
    world.watch.replays()
    journal = bytes(world.journal)
    replay = Replay()
    records = list(Reader(journal))
    for record in records:
        replay.feed(record)
    assert picture(replay.engine) == picture(world.engine)
    replay.engine.running.parents["SL1-P1"].fees_nanos += 1
    assert picture(replay.engine) != picture(world.engine)

    edited = bytearray(journal)
    edited[len(edited) // 2] ^= 1
    with pytest.raises(JournalError):
        list(Reader(bytes(edited)))
    other = Replay()
    outs = [r for r in records if r.kind is Kind.FIX_OUT]
    changed = outs[-1]._replace(payload=outs[-1].payload[:-1] + b"\x02")
    for record in records[: records.index(outs[-1])]:
        other.feed(record)
    with pytest.raises(ReplayError, match="FIX_OUT differs from byte"):
        other.feed(changed)
