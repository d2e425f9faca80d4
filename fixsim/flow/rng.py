"""Kernels: one random generator as an array, so that a kernel draws without an object, a lock or a global.

xoshiro256++ (Blackman and Vigna 2021), its words filled by SplitMix64 as its authors advise. A flow owns one
generator; equal seeds give equal draws on every machine that has IEEE doubles and the same logarithm.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.kernel import kernel

Generator = NDArray[np.uint64]
"""[4], never all zero."""

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


def splitmix(state: int) -> tuple[int, int]:
    """SplitMix64 (Steele, Lea, Flood 2014): (next state, draw), both of 64 bits."""
    state = (state + _GAMMA) & _MASK
    z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return state, z ^ (z >> 31)


def generator(seed: int, *streams: int) -> Generator:
    """A generator. `streams` (non-negative) tell several of one seed apart: each gives another sequence."""
    state = seed & _MASK
    for stream in streams:
        _, drawn = splitmix(state)
        state = drawn ^ (stream & _MASK)
    words = []
    for _ in range(4):
        state, drawn = splitmix(state)
        words.append(drawn)
    return np.array(words, np.uint64)


@kernel
def bits(rng: Generator) -> np.uint64:
    """64 random bits."""
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    total = s0 + s3
    drawn = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    rng[0], rng[1], rng[2] = s0, s1, s2
    rng[3] = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return np.uint64(drawn)


@kernel
def uniform(rng: Generator) -> float:
    """A multiple of 2**-53 from 0 up to, not including, 1."""
    return float(bits(rng) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def exponential(rng: Generator) -> float:
    """Mean 1; never infinite."""
    return -math.log1p(-uniform(rng))


@kernel
def below(rng: Generator, n: int) -> int:
    """0 to n - 1, all exactly as likely: what would favour small ones is thrown away. n is 1 to 2**62."""
    mask = np.uint64(n - 1)
    mask |= mask >> np.uint64(1)
    mask |= mask >> np.uint64(2)
    mask |= mask >> np.uint64(4)
    mask |= mask >> np.uint64(8)
    mask |= mask >> np.uint64(16)
    mask |= mask >> np.uint64(32)
    while True:
        drawn = np.int64((bits(rng) >> np.uint64(1)) & mask)
        if drawn < n:
            return int(drawn)


@kernel
def categorical(rng: Generator, weights: NDArray[np.float64], total: float) -> int:
    """An index with a chance in proportion to its weight. `total` is their sum, above zero."""
    left = uniform(rng) * total
    last = 0
    for i in range(weights.shape[0]):
        if weights[i] <= 0.0:
            continue
        last = i
        left -= weights[i]
        if left < 0.0:
            return i
    return last


@kernel
def from_shares(rng: Generator, cumulative: NDArray[np.float64]) -> int:
    """An index by its cumulative share: the first whose sum is above a uniform draw. The last share is 1."""
    drawn = uniform(rng)
    low, high = 0, cumulative.shape[0] - 1
    while low < high:
        middle = (low + high) >> 1
        if cumulative[middle] > drawn:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def geometric(rng: Generator, mean: float) -> int:
    """1, 2, 3, … with the given mean (1 or more), each further step as likely as the one before."""
    if mean <= 1.0:
        return 1
    return 1 + int(exponential(rng) / -math.log1p(-1.0 / mean))
