"""How long messages take: counts in buckets, percentiles within an eighth, bounded in kinds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.stamps import MAX_TYPES, Spread, Stamps


@given(st.lists(st.integers(0, 10**12), min_size=1), st.sampled_from([1, 50, 99, 100]))
def test_a_percentile_is_at_most_an_eighth_over_the_exact_one(durations: list[int], percent: int) -> None:
    spread = Spread()
    for ns in durations:
        spread.add(ns)
    exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
    assert exact <= spread.percentile_ns(percent) <= exact * 9 / 8 + 1
    assert spread.percentile_ns(100) == max(durations) == spread.max_ns


def test_a_clock_that_is_behind_the_peer_s_counts_as_below_zero() -> None:
    spread = Spread()
    for ns in (-5, -5, -5, 7):
        spread.add(ns)
    assert (spread.percentile_ns(50), spread.percentile_ns(99)) == (0, 7)
    assert spread.summary() == {"count": 4, "p50_ns": 0, "p99_ns": 7, "max_ns": 7}
    assert Spread().summary() == {"count": 0, "p50_ns": 0, "p99_ns": 0, "max_ns": 0}


def test_each_session_and_type_has_its_times() -> None:
    stamps = Stamps()
    stamps.message("A>B", b"8", 100, 350, 360, 400)
    stamps.message("A>B", b"8", 100, 350, 360, None)
    stamps.message("A>B", b"0", 100, 350, 360, None)
    times = stamps.of("A>B")
    assert list(times) == ["0", "8"]
    assert times["8"]["travelled"] == {"count": 2, "p50_ns": 250, "p99_ns": 250, "max_ns": 250}
    assert times["8"]["handled"]["max_ns"] == 10
    assert times["8"]["written"] == {"count": 1, "p50_ns": 50, "p99_ns": 50, "max_ns": 50}
    assert stamps.of("nobody") == {}
    stamps.message("A>B", b"8", -1, 350, 360, None)
    assert stamps.of("A>B")["8"]["travelled"]["count"] == 2, "SendingTime was not readable"


def test_types_that_a_peer_invents_do_not_grow_it() -> None:
    stamps = Stamps()
    for number in range(1000):
        stamps.message("A>B", b"U%d" % number, 0, 1, 2, None)
    times = stamps.of("A>B")
    assert len(times) == MAX_TYPES + 1
    assert times["other"]["handled"]["count"] == 1000 - MAX_TYPES
