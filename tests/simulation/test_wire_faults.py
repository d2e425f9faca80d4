"""The whole system while wires delay, lose, repeat and break: the invariants hold after every step, and when
the faults cease everything resolves within a bound.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from fixsim.faults import Script
from risk.order import Side
from router.fix.codec import Framer, Message
from tests.simulation.chaos import Chaos, seeds, settle

Fault = dict[str, Any]
OE, MD = {"client": "SLUICE-OE"}, {"client": "SLUICE-MD"}
IN, OUT = OE | {"way": "in"}, OE | {"way": "out"}
LATE = ["10ms", "900ms"]
OVER_S = 22
"""Every fault has ceased so long after the start."""


class Wired(Chaos):
    """Chaos's world, whose router frames what the venues write: a message may break off in the middle."""

    def __init__(self, seed: int = 0, **changes: Any) -> None:
        self.framers: dict[object, Framer] = {}
        super().__init__(seed, **changes)

    def _from_venues(self) -> bool:
        whole: list[tuple[Any, bytes]] = []
        for link, raw in self.gateway.writes:
            framer = self.framers.setdefault(link, Framer())
            framer.feed(raw)
            while (message := framer.next()) is not None:
                assert isinstance(message, Message), message
                whole.append((link, message.raw))
        wrote = bool(self.gateway.writes)
        self.gateway.writes = whole  # type: ignore[assignment]
        return super()._from_venues() or wrote


def ran(*faults: Fault, seed: int = 5, seconds: float = 40.0) -> Wired:
    """Two parents, one of each side, with these faults at work from 1 s on and over at OVER_S."""
    world = Wired(seed)
    world.pass_time(0.2)
    limited = [{"from": "1s", "for": f"{OVER_S - 1}s"} | fault for fault in faults]
    script = Script.model_validate({"seed": seed, "fault": limited})
    world.exchange.inject(script, world.now_ns, "script")
    world.ask(6 * 10**8, 25, 1002)
    world.ask(3 * 10**8, 25, 1001, side=Side.SELL)
    world.pass_time(seconds)
    return world


def agreed(world: Wired) -> None:
    """The router, the venues and the desk say the same of every order, and the journal lives again."""
    settle(world)
    assert world.watch is not None
    world.watch.quiet()
    world.watch.told()
    world.watch.replays()
    assert all(work.is_ended for work in world.engine.running.parents.values())
    ports = world.engine.running.ports
    assert all(port.session.is_logged_on for port in ports), "every session is up again"


def struck(world: Wired) -> int:
    return sum(json.loads(line)["event"] == "fault" for line in world.record)


WIRES: dict[str, list[Fault]] = {
    "requests late": [{"do": "wire-delay", "by": LATE, "share": 0.3, "wire": IN}],
    "reports late": [{"do": "wire-delay", "by": LATE, "share": 0.3, "wire": OUT}],
    "market data late": [{"do": "wire-delay", "by": ["1ms", "90ms"], "share": 0.1, "wire": MD}],
    "requests lost": [{"do": "wire-drop", "share": 0.15, "wire": IN}],
    "reports lost": [{"do": "wire-drop", "share": 0.15, "wire": OUT}],
    "market data lost": [{"do": "wire-drop", "share": 0.01, "wire": MD | {"way": "out"}}],
    "requests twice": [{"do": "wire-duplicate", "by": ["0ms", "1s"], "share": 0.1, "wire": IN}],
    "reports twice": [{"do": "wire-duplicate", "by": ["0ms", "1s"], "share": 0.1, "wire": OUT}],
    "requests out of order": [{"do": "wire-reorder", "by": "1s", "share": 0.3, "wire": IN}],
    "reports out of order": [{"do": "wire-reorder", "by": "1s", "share": 0.3, "wire": OUT}],
    "cut by a request": [{"do": "cut", "share": 0.05, "wire": IN}],
    "cut in a report": [{"do": "cut", "share": 0.05, "wire": OUT}],
    "market data cut": [{"do": "cut", "share": 0.01, "wire": MD}],
    "deaf venues": [{"do": "half-open", "from": "4s", "for": "9s", "wire": IN}],
    "mute venues": [{"do": "half-open", "from": "4s", "for": "9s", "wire": OUT}],
    "half-open": [{"do": "half-open", "venue": "XLIT1", "from": "4s", "for": "9s"}],
    "a slow reader": [{"do": "slow-reader", "bytes_per_s": 400, "wire": IN}],
    "a slow venue": [{"do": "slow-reader", "bytes_per_s": 1500, "wire": OUT}],
    "numbers skipped": [{"do": "sequence-gap", "numbers": 7, "share": 0.1, "wire": OUT}],
    "numbers forgotten": [{"do": "sequence-gap", "numbers": 3, "share": 0.1, "wire": IN}],
}  # fmt: skip


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("seed", seeds(1))
def test_what_a_wire_does_loses_nothing_and_resolves_when_it_ceases(name: str, seed: int) -> None:
    world = ran(*WIRES[name], seed=5 + seed)
    assert struck(world) > 0
    agreed(world)


@pytest.mark.parametrize("seed", seeds(2))
def test_everything_at_once(seed: int) -> None:
    each = [fault | {"share": min(fault["share"], 0.1)} for faults in WIRES.values() for fault in faults
            if "share" in fault]  # fmt: skip
    world = ran(*each, seed=21 + seed)
    assert struck(world) > 20
    agreed(world)


def test_a_connection_that_died_silently_is_found_by_heartbeats_and_replaced() -> None:
    """Longer than 2.4 heartbeats: both ends hang up by their own timers, and nothing is traded blindly."""
    world = ran({"do": "half-open", "venue": "XLIT1", "from": "4s", "for": "90s"}, seconds=130.0)
    told = world.engine.running.alerts
    for name in ("SLUICE-OE>XLIT1", "SLUICE-MD>XLIT1"):
        assert f"{name}: nothing received for 72 s" in told
    agreed(world)


def test_the_same_wires_are_the_same_run() -> None:
    faults = WIRES["reports out of order"] + WIRES["cut in a report"] + WIRES["requests late"]
    first, again = (ran(*faults, seconds=12) for _ in range(2))
    assert struck(first) > 5
    assert first.record == again.record
    assert bytes(first.journal) == bytes(again.journal)
