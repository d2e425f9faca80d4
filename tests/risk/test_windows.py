"""Rate, repeat and rolling windows against the plain definition: a list of everything that happened."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from risk.windows import RateWindow, RepeatWindow, RollingTouch

times = st.lists(st.integers(0, 30), max_size=60).map(lambda steps: list(accumulate(steps)))


@given(times, st.integers(1, 5), st.integers(1, 60))
def test_a_rate_window_passes_at_most_count_in_any_period(at: list[int], count: int, period: int) -> None:
    window = RateWindow(count, period)
    sent: list[int] = []
    for now in at:
        within = sum(1 for past in sent if past > now - period)
        assert (now >= window.free_ns) == (within < count)
        if now >= window.free_ns:
            window.push(now)
            sent.append(now)


@given(times, st.lists(st.sampled_from("abc"), min_size=60, max_size=60), st.integers(1, 60))
def test_a_repeat_window_counts_what_is_in_the_period(at: list[int], keys: list[str], period: int) -> None:
    window = RepeatWindow(period)
    past: list[tuple[int, str]] = []
    for now, key in zip(at, keys, strict=False):
        assert window.count(key, now) == sum(1 for when, what in past if what == key and when > now - period)
        window.push(key, now)
        past.append((now, key))


@given(times, st.lists(st.integers(1_000, 9_000), min_size=60, max_size=60), st.integers(1, 100))
def test_a_rolling_touch_covers_its_period_and_little_more(
    at: list[int], prices: list[int], period: int
) -> None:
    rolling = RollingTouch(period, 300)
    seen: list[tuple[int, int]] = []
    bucket = -(-period // RollingTouch.BUCKETS)
    for now, price in zip(at, prices, strict=False):
        rolling.observe(price, price, now)
        seen.append((now, price))
        inside = [p for when, p in seen if when > now - period]
        at_most = [p for when, p in seen if when > now - bucket * (RollingTouch.BUCKETS + 1)]
        assert min(at_most) * 10_300 // 10_000 <= rolling.highest_buy_nanos <= min(inside) * 10_300 // 10_000
        lowest, highest = (-(-max(some) * 9_700 // 10_000) for some in (inside, at_most))
        assert lowest <= rolling.lowest_sell_nanos <= highest


def test_a_clock_that_goes_back_is_taken_for_the_present() -> None:
    rolling = RollingTouch(160, 0)
    rolling.observe(100, 110, 1000)
    rolling.observe(90, 95, 10)
    assert (rolling.highest_buy_nanos, rolling.lowest_sell_nanos) == (95, 100)
    window = RateWindow(1, 100)
    window.push(1000)
    assert window.free_ns > 10
