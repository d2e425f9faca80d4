"""Distributions of a stream in bounded memory: weights by bin, quantiles to a stated width."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

EXACT: Final = 1 << 12
"""Whole numbers below this have a bin each."""
PER_OCTAVE: Final = 16
"""Bins for each doubling above: a quantile is right to 4.4 % (2 ** (1 / 16))."""
_FIRST = 12 * PER_OCTAVE  # of EXACT, in bins


class LogTally:
    """Whole numbers from 0 (ns, lots): exact while they are small, then in bins of equal ratio."""

    def __init__(self) -> None:
        self.n = 0
        self.total = 0.0
        self.most = 0
        self._weights = np.zeros(EXACT + 63 * PER_OCTAVE - _FIRST, np.int64)

    def add(self, values: NDArray[np.int64]) -> None:
        """Each of `values` once."""
        if not len(values):
            return
        self.n += len(values)
        self.total += float(values.astype(np.float64).sum())
        self.most = max(self.most, int(values.max()))
        above = (np.log2(np.maximum(values, EXACT)) * PER_OCTAVE).astype(np.int64) - _FIRST
        bins = np.where(values < EXACT, values, EXACT + above)
        self._weights += np.bincount(bins, minlength=len(self._weights))

    @property
    def mean(self) -> float | None:
        """None: nothing was added."""
        return self.total / self.n if self.n else None

    def quantile(self, q: float) -> float | None:
        """The value, or the geometric middle of the bin, that at least `q` of them do not exceed."""
        if not self.n:
            return None
        at = int(np.searchsorted(np.cumsum(self._weights), q * self.n))
        if at < EXACT:
            return float(at)
        return min(2 ** ((at - EXACT + _FIRST + 0.5) / PER_OCTAVE), float(self.most))


class TimeTally:
    """A whole number (a spread in ticks) weighted by how long it held, exact up to `most`."""

    def __init__(self, most: int = 1 << 16) -> None:
        self.ns = 0
        self._sum = 0.0
        self._weights = np.zeros(most + 1, np.float64)

    def add(self, values: NDArray[np.int64], held_ns: NDArray[np.int64]) -> None:
        """`values` [n] from 0, each for so long; what is above the most counts as the most in quantiles."""
        self.ns += int(held_ns.sum())
        self._sum += float((values.astype(np.float64) * held_ns).sum())
        most = len(self._weights) - 1
        self._weights += np.bincount(np.minimum(values, most), held_ns, minlength=most + 1)

    @property
    def mean(self) -> float | None:
        """None: nothing was added."""
        return self._sum / self.ns if self.ns else None

    def quantile(self, q: float) -> int | None:
        """The smallest value that at least `q` of the time does not exceed."""
        if not self.ns:
            return None
        share = np.cumsum(self._weights) / self._weights.sum()
        return int(np.searchsorted(share, q - 1e-12))
