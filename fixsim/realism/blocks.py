"""Blocks of time: what the bootstrap draws, since events that are close in time are not independent.

A recording is cut into a number of blocks of equal length (26 for a trading day of 6.5 hours: a quarter of an
hour each). A draw takes as many blocks as there are, with replacement (Künsch 1989, without overlap). The
recording's own variation is measured with the same blocks: split at random into two halves, again and again,
and the halves compared as if one were the tape and the other generated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixsim.realism.distance import Floats

COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate with its 95 % interval; nan where it cannot be measured."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.value))


UNKNOWN = Figure(np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class Sample:
    """A statistic's observations in one market, each with its block of time."""

    values: Floats
    """[n]"""
    block: NDArray[np.int64]
    """[n], 0 to blocks - 1"""
    blocks: int

    def __len__(self) -> int:
        return len(self.values)

    def counts(self, index: NDArray[np.intp], size: int) -> Floats:
        """[blocks, size]: how many of each block's observations are in each bin (`index`, one a value)."""
        flat = np.bincount(self.block * size + index, minlength=self.blocks * size)
        return flat.reshape(self.blocks, size).astype(np.float64)


def block_of(time_ns: NDArray[np.int64], start_ns: int, end_ns: int, blocks: int) -> NDArray[np.int64]:
    """[n]: the block of each time, the recording from start to end being cut into `blocks` of one length."""
    length = max(end_ns - start_ns, 1)
    return np.clip((time_ns - start_ns) * blocks // length, 0, blocks - 1)


def draw_weights(blocks: int, draws: int, rng: np.random.Generator) -> Floats:
    """[draws, blocks]: how often each block is in each draw. A row sums to `blocks`."""
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(np.float64)


def halves(blocks: int, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two arrays [draws, blocks] of 0 and 1: random splits of the blocks in two."""
    order = np.argsort(rng.random((draws, blocks)), axis=1)
    one = (order < blocks // 2).astype(np.float64)
    return one, 1 - one


def interval(draws: Floats) -> tuple[float, float]:
    """The percentile interval of the finite ones among bootstrap draws; nan if fewer than half are finite."""
    finite = draws[np.isfinite(draws)]
    if 2 * len(finite) <= len(draws):
        return np.nan, np.nan
    low, high = np.quantile(finite, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return float(low), float(high)


def basic_interval(value: float, draws: Floats) -> tuple[float, float]:
    """For distances. Draws add noise to a distance, so they are mirrored at the estimate; cut at 0."""
    low, high = interval(draws)
    return max(2 * value - high, 0.0), max(2 * value - low, 0.0)


def bootstrap(
    statistic: Callable[[Sequence[Floats]], float],
    series: Sequence[Floats],
    draws: int,
    rng: np.random.Generator,
) -> tuple[float, Floats]:
    """A statistic of a series given in blocks, and its values [draws] when the blocks are drawn anew."""
    value = statistic(series)
    picks = rng.integers(0, len(series), size=(draws, len(series)))
    return value, np.array([statistic([series[k] for k in pick]) for pick in picks])
