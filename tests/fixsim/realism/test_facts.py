"""Stylised facts on series whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism import facts
from fixsim.realism.view import Plan, View
from fixsim.tape.frame import Change
from tests.fixsim.realism.frames import TICK, Row, frame_of

RNG = np.random.default_rng(11)
NORMAL = np.array_split(RNG.normal(size=26_000), 26)


def autoregressive(factor: float, n: int = 26_000) -> list[np.ndarray]:
    out, last = np.empty(n), 0.0
    for k, shock in enumerate(np.random.default_rng(2).normal(size=n)):
        last = factor * last + shock
        out[k] = last
    return np.array_split(out, 26)


def clustered(n: int = 26_000) -> list[np.ndarray]:
    """Normal returns whose log volatility is an AR(1) with a half-life of 35 windows."""
    out, level, rng = np.empty(n), 0.0, np.random.default_rng(3)
    for k in range(n):
        level = 0.98 * level + 0.14 * rng.normal()
        out[k] = np.exp(level) * rng.normal()
    return np.array_split(out, 26)


@pytest.mark.parametrize("factor", [-0.4, 0.0, 0.6])
def test_an_ar_series_has_its_factor_as_autocorrelation(factor: float) -> None:
    series = autoregressive(factor)
    assert facts.first_autocorrelation(series) == pytest.approx(factor, abs=0.02)
    assert facts.autocorrelation(series, (1, 2, 3)) == pytest.approx([factor, factor**2, factor**3], abs=0.03)


def test_pairs_do_not_reach_across_blocks() -> None:
    blocks = [np.array([1.0, -1]), np.array([-1.0, 1])]  # in one piece, lag 1 would have a third pair
    assert facts.autocorrelation(blocks, (1,)) == pytest.approx([-1])
    assert np.isnan(facts.autocorrelation(blocks, (2,))[0])


def test_lags_that_no_block_is_long_enough_for_are_left_out_of_the_mean() -> None:
    blocks = [np.array([1.0, -1, 1, -1])] * 3
    assert facts.memory(blocks, lags=9) == pytest.approx(np.mean([-1, 1, -1]))
    assert np.isnan(facts.memory([np.array([1.0])], lags=3))


def test_a_constant_has_no_autocorrelation() -> None:
    assert np.isnan(facts.first_autocorrelation([np.ones(10)]))


def test_volatility_clusters_where_it_has_memory_only() -> None:
    assert facts.clustering(NORMAL) == pytest.approx(0, abs=0.005)
    assert facts.clustering(clustered()) > 0.1


def test_bursts_are_one_where_large_returns_are_independent() -> None:
    assert facts.bursts(NORMAL) == pytest.approx(1, abs=0.6)
    assert facts.bursts(clustered()) > 3


def test_kurtosis_of_known_distributions() -> None:
    assert facts.excess_kurtosis(NORMAL) == pytest.approx(0, abs=0.1)
    assert facts.excess_kurtosis([RNG.laplace(size=200_000)]) == pytest.approx(3, abs=0.3)
    assert facts.excess_kurtosis([RNG.uniform(size=50_000)]) == pytest.approx(-1.2, abs=0.05)
    assert np.isnan(facts.excess_kurtosis([np.ones(5)]))


@pytest.mark.parametrize("index", [2.0, 3.0, 5.0])
def test_hill_finds_a_power_laws_index(index: float) -> None:
    rng = np.random.default_rng(12)
    signed = (rng.pareto(index, 100_000) + 1) * rng.choice((-1, 1), 100_000)
    assert facts.hill_index([signed]) == pytest.approx(index, rel=0.05)


def test_hill_does_not_speak_of_too_few_or_of_nothing_but_zero() -> None:
    assert np.isnan(facts.hill_index([np.arange(50.0)]))
    assert np.isnan(facts.hill_index([np.zeros(500)]))


@pytest.mark.parametrize(
    ("values", "skewness", "kurtosis"),
    [
        (RNG.normal(size=100_000), 0, 0.1226),
        (RNG.uniform(size=100_000), 0, 0),
        (RNG.exponential(size=100_000), 1 / 3, 1 / 6),
    ],
)
def test_l_moments_are_hoskings(values: np.ndarray, skewness: float, kurtosis: float) -> None:
    assert facts.l_ratios(values) == pytest.approx((skewness, kurtosis), abs=0.01)


def test_losses_larger_than_gains_are_below_zero() -> None:
    assert facts.gain_loss([-RNG.exponential(size=20_000)]) == pytest.approx(-1 / 3, abs=0.02)
    assert np.isnan(facts.gain_loss([np.ones(100)]))


def test_sums_of_independent_returns_have_thinner_tails() -> None:
    assert facts.aggregational_gaussianity([RNG.laplace(size=60_000)], 30) == pytest.approx(
        0.236 - 0.1226, abs=0.025
    )
    assert facts.aggregational_gaussianity(NORMAL, 10) == pytest.approx(0, abs=0.02)


def test_the_variance_ratio_is_one_for_a_random_walk_and_less_for_a_bounce() -> None:
    assert facts.variance_ratio(NORMAL, 10) == pytest.approx(1, abs=0.06)
    bounce = np.diff(RNG.normal(size=26_001))  # all of it is undone
    assert facts.variance_ratio([bounce], 10) == pytest.approx(0.1, abs=0.02)


def test_volume_goes_with_the_size_of_returns() -> None:
    change = RNG.normal(size=2000)
    assert facts.volume_volatility([np.stack((change, change**2), axis=1)]) == pytest.approx(1)
    apart = np.stack((change, RNG.exponential(size=2000)), axis=1)
    assert facts.volume_volatility([apart]) == pytest.approx(0, abs=0.06)
    assert np.isnan(facts.volume_volatility([np.stack((change, np.ones(2000)), axis=1)]))


def test_losses_that_raise_volatility_are_leverage() -> None:
    rng, out = np.random.default_rng(8), [0.0]
    for _ in range(20_000):
        out.append(float(rng.normal()) * (2.0 if out[-1] < 0 else 1.0))
    assert facts.leverage([np.array(out)], lags=1) < -0.15
    assert facts.leverage(NORMAL) == pytest.approx(0, abs=0.01)
    assert np.isnan(facts.leverage([np.zeros(10)]))


def test_signs_are_of_takers_and_keep_their_order() -> None:
    still = (99, 5, 101, 5)
    frame = frame_of(
        [
            Row(0, Change.LIMIT, 1, 99, 5, *still),
            Row(1, Change.MARKET, -1, 101, 5, *still),  # met an offer: a buyer
            Row(1, Change.MARKET, -1, 101, 5, *still),  # the same buyer
            Row(2, Change.MARKET, 1, 99, 5, *still),
            Row(9, Change.MARKET, -1, 101, 5, *still),
        ]
    )
    blocks = facts.signs(View(frame, Plan(blocks=2), TICK))
    assert [b.tolist() for b in blocks] == [[1, -1], [1]]


def test_runs_of_one_sign_are_memory() -> None:
    runs = np.repeat(RNG.choice((-1.0, 1.0), 400), 10)
    assert facts.memory([runs], lags=5) == pytest.approx(0.7, abs=0.06)
    assert facts.memory(NORMAL) == pytest.approx(0, abs=0.01)


def test_windows_that_are_asked_for_are_in_the_names() -> None:
    names = {number.name for number in facts.numbers(5, 20, 60)}
    assert {"No autocorrelation, 5 s", "No autocorrelation, 20 s", "Leverage"} <= names
