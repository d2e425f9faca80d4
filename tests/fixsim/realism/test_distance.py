"""Distances: what any distance must obey, what scipy says, and bins that make sense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wasserstein_distance

from fixsim.realism.distance import MOST_BINS, MOST_KNOTS, bins_of, knots_of, total_variation, wasserstein1

values = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))
counts = arrays(np.float64, 7, elements=st.integers(0, 50).map(float)).filter(lambda c: c.sum() > 0)


def w1(*samples: np.ndarray) -> float:
    """Of the first two; the others only add knots."""
    knots = knots_of(*samples)
    one, other = (np.bincount(knots.index(s), minlength=len(knots)).astype(float) for s in samples[:2])
    return float(wasserstein1(knots, one, other))


@given(counts, counts)
def test_total_variation_is_symmetric_and_between_0_and_1(p: np.ndarray, q: np.ndarray) -> None:
    assert total_variation(p, q) == total_variation(q, p)
    assert 0 <= total_variation(p, q) <= 1 + 1e-12


@given(counts, st.integers(1, 9))
def test_total_variation_is_zero_on_itself_however_often_it_was_counted(p: np.ndarray, k: int) -> None:
    assert total_variation(p, k * p) == pytest.approx(0, abs=1e-12)


@given(counts, counts, counts)
def test_total_variation_obeys_the_triangle(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> None:
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r) + 1e-12


def test_total_variation_of_what_has_nothing_in_common_is_one() -> None:
    assert total_variation(np.array([3.0, 0, 1]), np.array([0, 8.0, 0])) == 1


@given(values, values)
def test_wasserstein_is_symmetric_and_what_scipy_says(a: np.ndarray, b: np.ndarray) -> None:
    assert w1(a, b) == pytest.approx(w1(b, a), rel=1e-9, abs=1e-6)
    assert w1(a, b) == pytest.approx(wasserstein_distance(a, b), rel=1e-6, abs=1e-6)


@given(values)
def test_wasserstein_is_zero_on_itself(a: np.ndarray) -> None:
    assert w1(a, np.concatenate((a, a))) == pytest.approx(0, abs=1e-6)


@given(values, values, values)
def test_wasserstein_obeys_the_triangle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    assert w1(a, c) <= w1(a, b) + w1(b, c) + 1e-6 * (1 + np.abs(np.concatenate((a, b, c))).max())


@given(values, st.floats(-1e3, 1e3, width=32))
def test_wasserstein_of_a_shift_is_the_shift(a: np.ndarray, shift: float) -> None:
    assert w1(a, a + shift) == pytest.approx(abs(shift), rel=1e-3, abs=1e-2)


def test_many_distinct_values_are_snapped_closely() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_t(3, 30_000), rng.standard_t(3, 20_000) * 1.2
    assert len(knots_of(a, b)) <= MOST_KNOTS
    assert w1(a, b) == pytest.approx(wasserstein_distance(a, b), rel=0.01)


@given(values)
def test_bins_take_every_value(a: np.ndarray) -> None:
    bins = bins_of(a)
    index = bins.index(np.concatenate((a, [-1e9, 1e9])))
    assert index.min() >= 0
    assert index.max() < len(bins) <= MOST_BINS + 2


def test_bins_have_the_width_of_freedman_and_diaconis() -> None:
    a = np.random.default_rng(1).uniform(0, 1, 8000)
    width = 2 * 0.5 / 8000 ** (1 / 3)
    assert np.diff(bins_of(a).edges) == pytest.approx(width, rel=0.05)


def test_whole_numbers_get_a_bin_each() -> None:
    bins = bins_of(np.array([1.0, 1, 2, 5] * 100), discrete=True)
    assert bins.index(np.array([1.0, 2, 3, 5])).tolist() == [1, 2, 3, 5]


def test_wide_whole_numbers_share_bins() -> None:
    assert len(bins_of(np.arange(10_000.0), discrete=True)) <= MOST_BINS + 3


def test_one_value_and_another_have_nothing_in_common() -> None:
    bins = bins_of(np.full(50, 7.0))
    assert len(set(bins.index(np.array([6.0, 7.0, 8.0])).tolist())) == 3


def test_values_that_mostly_agree_still_get_bins() -> None:
    assert len(bins_of(np.array([5.0] * 90 + list(range(10))))) > 3


@pytest.mark.parametrize("make", [bins_of, knots_of])
def test_nothing_to_bin_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        make(np.zeros(0))  # type: ignore[operator]
