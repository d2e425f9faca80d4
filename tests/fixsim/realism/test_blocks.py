"""Blocks cut time evenly, intervals cover, and dependence within a block is not taken for certainty."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism.blocks import (
    Figure,
    Sample,
    basic_interval,
    block_of,
    bootstrap,
    draw_weights,
    halves,
    interval,
)


def test_time_is_cut_in_equal_parts_and_the_end_belongs_to_the_last() -> None:
    times = np.array([0, 9, 10, 55, 99, 100], np.int64)
    assert block_of(times, 0, 100, 10).tolist() == [0, 0, 1, 5, 9, 9]


def test_a_day_of_nanoseconds_does_not_overflow() -> None:
    day = 24 * 3600 * 1_000_000_000
    start = 1_340_000_000_000_000_000
    assert block_of(np.array([start, start + day], np.int64), start, start + day, 1000).tolist() == [0, 999]


def test_counts_are_by_block_and_bin() -> None:
    sample = Sample(np.array([1.0, 2, 2]), np.array([0, 0, 2]), 3)
    assert sample.counts(np.array([0, 1, 1]), 2).tolist() == [[1, 1], [0, 0], [0, 1]]


def test_draws_take_as_many_blocks_as_there_are() -> None:
    weights = draw_weights(26, 50, np.random.default_rng(1))
    assert weights.shape == (50, 26)
    assert (weights.sum(axis=1) == 26).all()


def test_halves_are_two_and_share_no_block() -> None:
    one, other = halves(26, 40, np.random.default_rng(1))
    assert (one + other == 1).all()
    assert (one.sum(axis=1) == 13).all()
    assert len(np.unique(one, axis=0)) > 30


def test_interval_leaves_out_what_is_not_finite_unless_that_is_most() -> None:
    draws = np.concatenate((np.linspace(0, 1, 101), [np.nan] * 50))
    assert interval(draws) == pytest.approx((0.025, 0.975))
    assert np.isnan(interval(np.array([1.0, np.nan, np.nan]))[0])


def test_a_distance_is_never_below_zero() -> None:
    low, high = basic_interval(0.1, np.linspace(0.15, 0.35, 100))
    assert low == 0
    assert high == pytest.approx(0.045, abs=0.01)


def _coverage(make: object, truth: float, runs: int = 300) -> float:
    rng, covered = np.random.default_rng(7), 0
    for _ in range(runs):
        blocks = np.array_split(make(rng), 26)  # type: ignore[operator]
        _, draws = bootstrap(lambda bs: float(np.concatenate(bs).mean()), blocks, 200, rng)
        low, high = interval(draws)
        covered += low <= truth <= high
    return covered / runs


def test_the_mean_of_independent_observations_is_covered() -> None:
    assert 0.89 <= _coverage(lambda rng: rng.exponential(2.0, 1040), 2.0) <= 0.98


def test_the_mean_of_dependent_observations_is_covered_too() -> None:
    """AR(1) with 0.8: an interval that took observations for independent would be a third as wide."""

    def series(rng: np.random.Generator) -> np.ndarray:
        out, last = np.empty(1040), rng.normal() / 0.6
        for k, shock in enumerate(rng.normal(size=1040)):
            last = 0.8 * last + shock
            out[k] = last
        return out

    assert 0.87 <= _coverage(series, 0.0, runs=200) <= 0.98


def test_a_statistic_gets_the_blocks_that_were_drawn() -> None:
    blocks = [np.array([float(k)]) for k in range(5)]
    value, draws = bootstrap(lambda bs: float(sum(b[0] for b in bs)), blocks, 200, np.random.default_rng(2))
    assert value == 10
    assert draws.min() < 10 < draws.max()


def test_a_figure_that_is_not_known_says_so() -> None:
    assert Figure(1.0, 0.5, 1.5).known
    assert not Figure(np.nan, np.nan, np.nan).known
