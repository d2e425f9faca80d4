"""The whole system under the venues' fault scripts: the invariants hold after every step, nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fixsim.faults import Script
from risk.order import Side
from router.orders import ChildState
from tests.simulation.chaos import Chaos, seeds, settle

Fault = dict[str, Any]


def ran(*faults: Fault, seed: int = 5, seconds: float = 40.0) -> Chaos:
    """Two parents, one of each side, with these faults at work; then everything has come to rest."""
    world = Chaos(seed)
    world.pass_time(0.2)
    script = Script.model_validate({"seed": seed, "fault": list(faults)})
    world.exchange.inject(script, world.now_ns, "script")
    world.ask(6 * 10**8, 25, 1002)
    world.ask(3 * 10**8, 25, 1001, side=Side.SELL)
    world.pass_time(seconds)
    return world


def agreed(world: Chaos) -> None:
    """The router, the venues and the desk say the same of every order, and the journal lives again."""
    settle(world)
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()
    assert all(work.is_ended for work in world.engine.running.parents.values())


def struck(world: Chaos) -> int:
    """Lines of the venues' record that a fault wrote."""
    return sum(json.loads(line)["event"] == "fault" for line in world.record)


WEATHER: dict[str, list[Fault]] = {
    "late requests": [{"do": "delay", "by": ["10ms", "1500ms"], "share": 0.3}],
    "refusals": [{"do": "reject", "share": 0.3, "for": "15s", "text": "system busy"}],
    "lost requests": [{"do": "lose", "share": 0.2, "for": "20s"}],
    "late reports": [{"do": "delay-reports", "by": ["10ms", "1500ms"], "share": 0.3}],
    "copies": [{"do": "duplicate", "by": ["0ms", "2s"]}],
    "out of order": [{"do": "reorder", "by": ["100ms", "2s"], "share": 0.5}],
    "a halt": [{"do": "halt", "venue": "XLIT1", "from": "5s", "for": "6s"}],
    "a halt of all": [{"do": "halt", "from": "5s", "for": "6s"}],
    "an auction": [{"do": "auction", "venue": "XLIT2", "from": "5s", "for": "6s"}],
    "a close": [{"do": "close", "venue": "XDRK", "from": "3s"}],
    "stale data": [{"do": "stale", "from": "4s", "for": "5s"}],
    "a crossed book": [{"do": "crossed", "from": "4s", "for": "3s", "ticks": 50}],
    "busts": [{"do": "bust", "from": f"{n}s", "at_most": 2} for n in range(2, 20)],
    "corrections": [{"do": "correct", "ticks": 3, "from": f"{n}s", "at_most": 2} for n in range(2, 20)],
    "restatements": [{"do": "restate", "from": f"{n}s", "at_most": 2} for n in range(2, 20)],
    "unsolicited cancels": [{"do": "cancel", "from": f"{n}s", "share": 0.7} for n in range(2, 20)],
}
TAKEN_BACK = ("busts", "corrections", "restatements")


@pytest.mark.parametrize("name", WEATHER)
def test_what_venues_do_wrong_loses_nothing(name: str) -> None:
    world = ran(*WEATHER[name])
    assert struck(world) > 0
    agreed(world)


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_at_once(seed: int) -> None:
    each = [fault | {"share": 0.1} for name in ("late requests", "late reports", "copies", "out of order")
            for fault in WEATHER[name]]  # fmt: skip
    once = ("a halt", "an auction", "stale data", "unsolicited cancels", *TAKEN_BACK)
    rest = [fault for name in once for fault in WEATHER[name]]
    world = ran(*each, *rest, seed=seed)
    assert struck(world) > 30
    agreed(world)


def test_the_same_scripts_are_the_same_run() -> None:
    first, again = (ran(*WEATHER["copies"], *WEATHER["late reports"], seconds=8) for _ in range(2))
    assert first.record == again.record
    assert bytes(first.journal) == bytes(again.journal)


@pytest.mark.parametrize("seed", [5, 6])
def test_a_fill_that_is_never_told_stays_reserved_and_the_rest_resolves(seed: int) -> None:
    """A status answer shows that there was one; what it cost nobody knows, so a person has to say."""
    world = ran({"do": "lose-reports", "from": "2s", "for": "8s", "share": 0.3}, seed=seed)
    settle(world)
    core = world.engine.running
    untold = 0
    for name, venue in world.exchange.venues.items():
        for order in venue.orders.values():
            child = core.orders.find(order.cl_ord_id)
            assert child is not None, f"{name} has {order.cl_ord_id}, we do not"
            assert child.cum_lots + child.provisional_lots == order.cum_lots
            if child.provisional_lots:
                untold += child.provisional_lots
                assert child.state is ChildState.UNKNOWN
                assert child.leaves >= child.provisional_lots, "what may have traded is reserved"
            else:
                assert child.is_live == order.live
    assert struck(world) > 5
    assert untold > 0
    assert any("the rest stays reserved" in alert for alert in world.engine.running.alerts)
    assert world.watch is not None
    world.watch.replays()


@pytest.mark.parametrize(
    ("name", "said"), [("busts", " busted "), ("corrections", " corrected "), ("restatements", " restated ")]
)
def test_what_a_venue_takes_back_is_told_to_a_person(name: str, said: str) -> None:
    world = ran(*WEATHER[name], seed=7)
    settle(world)
    told = [alert for alert in world.engine.running.alerts if said in alert]
    assert len(told) == struck(world) > 0
    agreed(world)


@pytest.mark.parametrize("seed", seeds(3))
def test_what_a_venue_takes_back_while_links_break_and_processes_die(seed: int) -> None:
    world = Chaos(seed)
    world.pass_time(0.2)
    taken_back = [fault for name in TAKEN_BACK for fault in WEATHER[name]]
    world.exchange.inject(Script.model_validate({"seed": seed, "fault": taken_back}), world.now_ns, "script")
    world.ask(6 * 10**8, 25, 1002)
    world.ask(3 * 10**8, 25, 1001, side=Side.SELL)
    for _ in range(20):
        world.pass_time(1.5)
        world.fault(world.random.choice(("cut", "half-open", "die")))
    world.pass_time(20)
    assert struck(world) > 0
    agreed(world)
