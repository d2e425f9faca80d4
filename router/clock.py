"""Where time comes from. Everything below the shells is given `now_ns`; only a shell holds one of these.

All times are int nanoseconds UTC since 1970 (`_ns`). `now_ns` of every clock here never goes backwards.
"""

import time
from typing import Protocol

MAX_STEP_NS = 1_000_000_000
"""A wall clock that was stepped by more than this stops new orders (controls.md, "Wall clock jumps")."""


class Clock(Protocol):
    """What a shell may ask of time."""

    def now_ns(self) -> int:
        """UTC nanoseconds since the epoch."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some fixed moment, for measuring how long a thing took."""


class SystemClock:
    """UTC read once, then carried on by the monotonic clock, which the kernel slews but never steps.

    So a wall clock that someone sets moves neither timers nor SendingTime; `stepped_ns` shows the
    difference, and the app stops new orders when its size passes `MAX_STEP_NS`.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._offset_ns

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def stepped_ns(self) -> int:
        """By how much the wall clock was set forward (negative: back) since this clock was made."""
        return time.time_ns() - self.now_ns()


class SteppedClock:
    """Time that stands still until it is set: lock-step and tests."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Move to `now_ns`; ValueError if that is in the past."""
        if now_ns < self._now_ns:
            raise ValueError(f"time may not go back: {now_ns} is before {self._now_ns} (ns)")
        self._now_ns = now_ns
