"""Latencies are drawn as asked, alike on every machine, and never let a message overtake another."""

from __future__ import annotations

from decimal import Decimal
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.chance import Chance
from fixsim.latency import Lognormal, Path, Paths, normal_quantile
from fixsim.settings import Spread
from fixsim.throttle import SECOND_NS, Throttle

SPREAD = Spread(median_ns=200_000, p99_ns=1_000_000, floor_ns=100_000)


@given(st.integers(1, 10**9 - 1))
def test_the_normal_quantile_is_the_librarys(billionths: int) -> None:
    p = Decimal(billionths) / 10**9
    assert float(normal_quantile(p)) == pytest.approx(NormalDist().inv_cdf(billionths / 1e9), abs=1e-7)


def test_a_quantile_too_far_out_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond"):
        normal_quantile(Decimal(10) ** -12)


def test_draws_have_the_median_the_99th_percentile_and_the_floor_that_were_asked() -> None:
    law, chance = Lognormal(200_000, 1_000_000, 100_000), Chance(7)
    drawn = sorted(law.draw(chance) for _ in range(100_000))
    assert drawn[0] >= 100_000
    # The standard error of a sample quantile is sqrt(p (1 - p) / n) / density: 400 ns and 9,300 ns here.
    assert drawn[50_000] == pytest.approx(200_000, abs=2_000)
    assert drawn[99_000] == pytest.approx(1_000_000, abs=40_000)
    assert law.share_below(200_000) == pytest.approx(0.5, abs=0.002)
    assert law.share_below(1_000_000) == pytest.approx(0.99, abs=0.002)
    worst = 100_000 * 10 ** (4.9 / 2.3263)  # sigma is ln(9) / z99; 9 < 10
    assert 4 * 10**6 < drawn[-1] < 100_000 + worst


def test_the_same_seed_gives_the_same_nanoseconds_for_ever() -> None:
    law, chance = Lognormal(200_000, 1_000_000, 100_000), Chance(20180713, 0, 1)
    drawn = [law.draw(chance) for _ in range(6)]
    assert drawn == [265_582, 159_591, 185_243, 1_587_873, 269_571, 141_765]


def test_venues_and_ways_have_streams_of_their_own() -> None:
    first, second = (Paths(SPREAD, SPREAD, SPREAD, seed=1, number=n) for n in (0, 1))
    ways = [first.orders, first.reports, first.data, second.orders]
    drawn = [tuple(way.due_ns(f"{n}", 0) for n in range(20)) for way in ways]
    assert len(set(drawn)) == 4
    again = Paths(SPREAD, SPREAD, SPREAD, seed=1, number=0)
    assert tuple(again.orders.due_ns(f"{n}", 0) for n in range(20)) == drawn[0]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 300_000)), min_size=1, max_size=200))
def test_nothing_overtakes_within_a_session(sent: list[tuple[str, int]]) -> None:
    path, now_ns = Path(SPREAD, Chance(3)), 0
    last: dict[str, int] = {}
    for session, gap_ns in sent:
        now_ns += gap_ns
        due_ns = path.due_ns(session, now_ns)
        assert due_ns >= max(now_ns + 100_000, last.get(session, 0))
        last[session] = due_ns


def test_a_constant_is_one() -> None:
    path = Path(350_000, Chance(1))
    assert [path.due_ns("A", at) for at in (0, 10, 10)] == [350_000, 350_010, 350_010]


@pytest.mark.parametrize(("median", "p99", "floor"), [(1, 1, 0), (5, 9, 5), (0, 9, 0), (5, 9, -1)])
def test_quantiles_out_of_order_are_refused(median: int, p99: int, floor: int) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        Lognormal(median, p99, floor)


@given(st.integers(1, 5), st.lists(st.integers(0, SECOND_NS // 2), max_size=60))
def test_no_second_sees_more_than_its_limit_and_none_is_refused_below_it(limit: int, gaps: list[int]) -> None:
    throttle, now_ns = Throttle(limit), 0
    admitted: list[int] = []
    for gap_ns in gaps:
        now_ns += gap_ns
        recent = sum(now_ns - at < SECOND_NS for at in admitted)
        assert throttle.admits(now_ns) == (recent < limit)
        if recent < limit:
            admitted.append(now_ns)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="not positive"):
        Throttle(0)
