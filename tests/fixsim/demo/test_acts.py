"""What `--kill` and `--crash` do, and that they notice when what must hold does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest

from fixsim.demo.acts import HOLD_NS, crash_half_way, kill_half_way
from fixsim.demo.follow import ChildSeen, Follow, ParentSeen
from fixsim.demo.run import Check, Scene
from fixsim.report.agreement import Wire
from router.shortfall import Fill

CHILD = ChildSeen("XLIT1", "limit", 1, 5)


def half_done() -> Follow:
    follow = Follow(1, "BTC")
    follow.parent = ParentSeen("P1", "BTC-USD", 1, 10, None, 0, 100, 1002)
    follow.fills.append(Fill(1, 1, 5))
    return follow


@dataclass(slots=True)
class Stage:
    """Stands in for a Scene: says what the operator's commands and the processes were told, and answers."""

    follow: Follow = field(default_factory=half_done)
    statuses: dict[tuple[str, str], int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def processes(self) -> Stage:
        return self

    def operator(self, command: str, identity: str, reason: str) -> int:
        self.told.append(f"{command} {identity}")
        return self.statuses.get((command, identity), 0)

    def kill(self, name: str) -> None:
        self.told.append(f"kill -9 {name}")

    def start_router(self) -> None:
        self.told.append("start router")

    def check(self, text: str, holds: bool) -> None:
        self.checks.append(Check(text, holds))

    @property
    def failed(self) -> list[str]:
        return [check.text for check in self.checks if not check.holds]

    def play(self, act: Callable[[Scene], Iterator[None]], *happens: Callable[[Follow], None]) -> None:
        """Play an act; at each pause of it the next thing happens in the journal."""
        acting = act(cast(Scene, self))
        for happening in happens:
            next(acting)
            happening(self.follow)
        with pytest.raises(StopIteration):
            next(acting)


def latch(follow: Follow) -> None:
    follow.latch, follow.latched_ns = "all, halt, by trader: demo", follow.now_ns


def time_passes(follow: Follow) -> None:
    follow.now_ns += HOLD_NS


def order_leaks(follow: Follow) -> None:
    follow.now_ns += HOLD_NS
    follow.orders_after_latch += 1
    follow.working["S9"] = CHILD


def reinstated(follow: Follow) -> None:
    follow.latch = ""


def order_leaves(follow: Follow, name: str = "S1") -> None:
    raw = f"8=FIX.4.4\x0135=D\x0111={name}\x0110=0\x01".encode()
    follow.wires.append(Wire("XLIT1", True, raw))


def test_nothing_happens_before_half_is_done() -> None:
    stage = Stage()
    stage.follow.fills.clear()
    next(kill_half_way(cast(Scene, stage)))
    assert stage.told == []


def test_a_kill_is_held_and_lifted_by_another_person_only() -> None:
    stage = Stage(statuses={("reinstate", "trader"): 2})
    stage.play(kill_half_way, latch, time_passes, reinstated, order_leaves)
    assert stage.told == ["kill trader", "reinstate trader", "reinstate risk-officer"]
    assert len(stage.checks) == 6
    assert stage.failed == []


def test_an_order_that_leaves_after_the_latch_fails_the_demo() -> None:
    stage = Stage(statuses={("reinstate", "trader"): 2})
    stage.play(kill_half_way, latch, order_leaks, reinstated, order_leaves)
    assert stage.failed == [
        "no order rests anywhere while latched",
        "no order left in 20 s of market time after the latch",
    ]


def test_an_unconfirmed_order_or_a_lenient_latch_fails_the_demo() -> None:
    stage = Stage(statuses={("kill", "trader"): 1})
    stage.play(kill_half_way, latch, time_passes, reinstated, order_leaves)
    assert [text.split(":")[0] for text in stage.failed] == [
        "router kill",
        "router reinstate by the identity that killed",
    ]


def restarted(follow: Follow) -> None:
    follow.restarts = 1


def asks(follow: Follow) -> None:
    follow.asked.add("S1")


def no_more(follow: Follow) -> None:
    """Nothing happens."""


def test_after_a_crash_the_unknown_orders_are_asked_for() -> None:
    stage = Stage()
    stage.follow.restarts = 0
    stage.follow.working["S1"] = CHILD
    order_leaves(stage.follow)
    stage.play(crash_half_way, no_more, restarted, asks)
    assert stage.told == ["kill -9 router", "start router"]
    assert [check.text for check in stage.checks] == [
        "of 1 orders that may have been at a venue, 1 were asked for",
        "no ClOrdID left twice",
    ]
    assert stage.failed == []


def test_an_order_sent_twice_fails_the_demo() -> None:
    stage = Stage()
    stage.follow.restarts = 0
    stage.follow.working["S1"] = CHILD
    order_leaves(stage.follow)
    order_leaves(stage.follow)
    stage.play(crash_half_way, no_more, restarted, asks)
    assert stage.failed == ["no ClOrdID left twice"]
