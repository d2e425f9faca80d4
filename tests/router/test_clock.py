"""Clocks: UTC that never goes back, and time that stands still until set."""

import time

import pytest

from router.clock import SteppedClock, SystemClock


def test_the_system_clock_is_utc_and_never_goes_back() -> None:
    clock = SystemClock()
    read = [clock.now_ns() for _ in range(1000)]
    assert read == sorted(read)
    assert abs(read[-1] - time.time_ns()) < 1_000_000_000


def test_a_stepped_wall_clock_is_seen_but_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ns, monotonic_ns = 1_000_000, 500
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic_ns)
    clock = SystemClock()
    monotonic_ns += 7
    wall_ns += 7 - 3_000
    assert clock.now_ns() == 1_000_007
    assert clock.monotonic_ns() == 507
    assert clock.stepped_ns() == -3_000


def test_a_stepped_clock_moves_only_when_set_and_only_forward() -> None:
    clock = SteppedClock(5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (5, 5)
    clock.set(5)
    clock.set(9)
    assert clock.now_ns() == 9
    with pytest.raises(ValueError, match="8 is before 9"):
        clock.set(8)
