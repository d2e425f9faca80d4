"""Desks that change their minds while everything goes wrong: the invariants hold at every step."""

from __future__ import annotations

import pytest

from router.fix.messages import ExecType, OrdStatus
from tests.simulation.chaos import FAULTS, Chaos, Schedule, seeds, settle

KINDS = (*FAULTS, *("replace",) * 6)


def agrees(world: Chaos) -> None:
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()


def test_a_parent_that_is_made_smaller_ends_at_its_new_quantity() -> None:
    world = Chaos(40)
    world.pass_time(0.2)
    name = world.ask(5 * 10**8, 25)
    world.run(20, stop=lambda: bool(world.engine.running.orders.live()))
    world.replace_parent(name, "R1", 10**8)
    world.pass_time(40)
    (work,) = world.engine.running.parents.values()
    kinds = [r.exec_type for r in world.desk.reports]
    if ExecType.REPLACED in kinds:
        assert (work.state.value, work.filled_lots) == ("filled", 10**8)
        last = world.desk.reports[-1]
        assert (last.ord_status, last.cl_ord_id, last.qty_lots) == (OrdStatus.FILLED, "R1", 10**8)
    else:  # the fills were quicker
        assert work.filled_lots == 5 * 10**8
        assert world.desk.others[-1].get(434) == b"2"
    agrees(world)


def test_a_parent_that_is_made_larger_goes_on() -> None:
    world = Chaos(41)
    world.pass_time(0.2)
    name = world.ask(10**8, 12)
    world.pass_time(4)
    end_ns = world.now_ns + 20 * 10**9
    world.replace_parent(name, "R1", 3 * 10**8, expire_time_ns=end_ns)
    world.pass_time(40)
    (work,) = world.engine.running.parents.values()
    assert (work.state.value, work.filled_lots) == ("filled", 3 * 10**8)
    agrees(world)


@pytest.mark.parametrize("seed", seeds(4))
def test_replaces_under_every_fault(seed: int) -> None:
    schedule = Schedule(7000 + seed, faults=KINDS)
    world = schedule.run()
    settle(world)
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()


def test_such_runs_do_replace_and_refuse() -> None:
    """Else the runs above would say nothing."""
    kinds: set[object] = set()
    for seed in range(4):
        world = Schedule(7100 + seed, seconds=15.0, faults=("replace",)).run()
        settle(world)
        kinds |= {report.exec_type for report in world.desk.reports}
        kinds |= {(message.msg_type, message.get(434)) for message in world.desk.others}
    assert {ExecType.PENDING_REPLACE, ExecType.REPLACED, (b"9", b"2")} <= kinds
