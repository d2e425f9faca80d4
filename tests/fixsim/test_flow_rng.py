"""The kernels' generator: against published values, against a plain reading of its definition, and in law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.flow import rng

MASK = (1 << 64) - 1


def xoshiro256pp(state: list[int]) -> int:
    """The authors' C, in Python integers."""

    def rotl(x: int, k: int) -> int:
        return ((x << k) | (x >> (64 - k))) & MASK

    drawn = (rotl((state[0] + state[3]) & MASK, 23) + state[0]) & MASK
    shifted = (state[1] << 17) & MASK
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = rotl(state[3], 45)
    return drawn


def test_the_first_draws_of_1_2_3_4_are_the_published_ones() -> None:
    # The vector that Rust's rand_xoshiro and others test with, made by the authors' C.
    state = np.array([1, 2, 3, 4], np.uint64)
    assert [int(rng.bits(state)) for _ in range(10)] == [
        41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205,
        9973669472204895162, 14011001112246962877, 12406186145184390807, 15849039046786891736,
        10450023813501588000,
    ]  # fmt: skip


def test_splitmix_fills_as_published() -> None:
    state, drawn = 1234567, []
    for _ in range(5):
        state, value = rng.splitmix(state)
        drawn.append(value)
    assert drawn == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
        16408922859458223821,
    ]  # fmt: skip
    assert rng.generator(0).tolist()[:2] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@given(st.lists(st.integers(0, MASK), min_size=4, max_size=4).filter(any))
def test_bits_are_the_definition(words: list[int]) -> None:
    state = np.array(words, np.uint64)
    for _ in range(5):
        assert int(rng.bits(state)) == xoshiro256pp(words)
    assert state.tolist() == words


@given(st.integers(0, MASK), st.integers(1, 1 << 62))
def test_below_is_within_its_bound(seed: int, n: int) -> None:
    state = rng.generator(seed)
    assert all(0 <= rng.below(state, n) < n for _ in range(20))


def test_streams_of_one_seed_differ_and_repeat() -> None:
    made = [tuple(rng.generator(7, *streams).tolist()) for streams in ((), (0,), (1,), (0, 1), (1, 0))]
    assert len(set(made)) == len(made)
    assert rng.generator(7, 0, 1).tolist() == list(made[3])


def chi_square(counts: np.ndarray, shares: np.ndarray) -> float:
    """Standard deviations from its expectation, of Pearson's statistic."""
    expected = counts.sum() * shares
    degrees = len(counts) - 1
    return float((((counts - expected) ** 2 / expected).sum() - degrees) / math.sqrt(2 * degrees))


def test_uniform_below_and_categorical_have_their_laws() -> None:
    state, n = rng.generator(1), 60_000
    drawn = np.array([rng.uniform(state) for _ in range(n)])
    assert 0 <= drawn.min() < drawn.max() < 1
    assert abs(chi_square(np.histogram(drawn, 50, (0, 1))[0], np.full(50, 0.02))) < 4
    lots = np.bincount([rng.below(state, 7) for _ in range(n)], minlength=7)
    assert abs(chi_square(lots, np.full(7, 1 / 7))) < 4
    weights = np.array([0.5, 0.0, 2.0, 1.5, 0.0])
    picked = np.bincount([rng.categorical(state, weights, 4.0) for _ in range(n)], minlength=5)
    assert picked[1] == picked[4] == 0
    assert abs(chi_square(picked[[0, 2, 3]], np.array([1, 4, 3]) / 8)) < 4
    shares = np.array([0.1, 0.1, 0.7, 1.0])
    picked = np.bincount([rng.from_shares(state, shares) for _ in range(n)], minlength=4)
    assert picked[1] == 0
    assert abs(chi_square(picked[[0, 2, 3]], np.array([0.1, 0.6, 0.3]))) < 4


@pytest.mark.parametrize("mean", [1.0, 1.5, 4.0])
def test_exponential_and_geometric_have_their_means(mean: float) -> None:
    state, n = rng.generator(2), 60_000
    drawn = np.array([rng.exponential(state) for _ in range(n)])
    assert drawn.min() >= 0
    assert abs(drawn.mean() - 1) < 5 / math.sqrt(n)
    assert abs((drawn > 2).mean() - math.exp(-2)) < 5 / math.sqrt(n)
    steps = np.array([rng.geometric(state, mean) for _ in range(n)])
    assert steps.min() == 1
    assert abs(steps.mean() - mean) <= 5 * math.sqrt(mean * (mean - 1) / n)
