"""How far two samples of one statistic are apart: total variation of histograms, and Wasserstein-1.

After LOB-Bench (Nagy et al., arXiv 2502.09172, and its code): L1 is half the sum of absolute differences of
normalised histograms (0 the same, 1 nothing in common), with the Freedman-Diaconis bin width, or a bin for
each value where the statistic is discrete; Wasserstein-1 is taken after division by a standard deviation.
Two things differ, so that the distances of a generated market, of a baseline and of the tape's own halves
are measured with one ruler: bins and standard deviation are the tape's (LOB-Bench pools the two samples of
each comparison), and what lies beyond the tape's 0.1 and 99.9 % quantiles falls into two open bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_BINS = 200
MOST_KNOTS = 4096
_EDGE_QUANTILES = (0.001, 0.999)


@dataclass(frozen=True, slots=True)
class Bins:
    """A histogram's inner edges; the first and the last bin are open."""

    edges: Floats
    """[k], rising: k + 1 bins."""

    def index(self, values: Floats) -> NDArray[np.intp]:
        """The bin of each value."""
        return np.searchsorted(self.edges, values, side="right")

    def __len__(self) -> int:
        return len(self.edges) + 1


def bins_of(values: Floats, *, discrete: bool = False) -> Bins:
    """Bins for a reference sample. ValueError if it is empty.

    Width by Freedman and Diaconis (1981), 2 IQR n^(-1/3), at most 200 bins; whole numbers if `discrete`.
    """
    if not len(values):
        raise ValueError("bins need at least one value")
    low, high = np.quantile(values, _EDGE_QUANTILES)
    if discrete:
        low, high = np.floor(low), np.ceil(high)
        step = float(np.ceil((high - low + 1) / MOST_BINS))
        return Bins(np.arange(low - 0.5, high + 0.5 + step, step))
    if high <= low:  # (nearly) one value: it, and what is beside it
        beside = max(abs(float(low)), 1.0) * 1e-6
        return Bins(np.array([low - beside, low + beside]))
    quarter, three_quarters = np.quantile(values, (0.25, 0.75))
    width = 2 * (three_quarters - quarter) / len(values) ** (1 / 3)
    wanted = np.sqrt(len(values)) if width <= 0 else (high - low) / width
    return Bins(np.linspace(low, high, int(np.clip(np.ceil(wanted), 1, MOST_BINS)) + 1))


def total_variation(p: Floats, q: Floats) -> Floats:
    """Half the L1 distance of histograms along the last axis; each is normalised first. 0 to 1."""
    apart = np.abs(_normalised(p) - _normalised(q)).sum(axis=-1) / 2
    return np.asarray(apart, np.float64)


@dataclass(frozen=True, slots=True)
class Knots:
    """The values that samples are snapped to before Wasserstein-1, so that a bootstrap sums counts only."""

    at: Floats
    """[k], rising. Every distinct value if there are at most 4,096; otherwise half of them quantiles, half
    spread evenly from the least to the greatest value."""

    def index(self, values: Floats) -> NDArray[np.intp]:
        """The nearest knot of each value."""
        if len(self.at) == 1:
            return np.zeros(len(values), np.intp)
        return np.searchsorted((self.at[1:] + self.at[:-1]) / 2, values, side="left")

    def __len__(self) -> int:
        return len(self.at)


def knots_of(*samples: Floats) -> Knots:
    """Knots for samples that will be compared. ValueError if all are empty."""
    pooled = np.concatenate(samples)
    if not len(pooled):
        raise ValueError("knots need at least one value")
    distinct = np.unique(pooled)
    if len(distinct) <= MOST_KNOTS:
        return Knots(distinct)
    half = MOST_KNOTS // 2
    even = np.linspace(distinct[0], distinct[-1], half)
    return Knots(np.unique(np.concatenate((np.quantile(pooled, np.linspace(0, 1, half)), even))))


def wasserstein1(knots: Knots, p: Floats, q: Floats) -> Floats:
    """Wasserstein-1 of weights on knots, along the last axis: the area between the two distributions."""
    apart = np.cumsum(_normalised(p) - _normalised(q), axis=-1)[..., :-1]
    return np.asarray((np.abs(apart) * np.diff(knots.at)).sum(axis=-1), np.float64)


def _normalised(counts: Floats) -> Floats:
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(counts / np.where(total > 0, total, np.nan), np.float64)
