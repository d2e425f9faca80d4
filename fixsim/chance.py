"""Seeded chance for what is pure: a counter, mixed. Equal seeds give equal draws on every machine.

SplitMix64 (Steele, Lea, Flood 2014): Python integers and one IEEE multiplication, so that nothing depends on
a platform's library of random numbers.
"""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


class Chance:
    """One stream of draws. `streams` tell several streams of one seed apart."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, *streams: int) -> None:
        self._state = seed & _MASK
        for stream in streams:
            self._state = (self._mixed() ^ (stream * _STEP)) & _MASK

    def _mixed(self) -> int:
        self._state = (self._state + _STEP) & _MASK
        z = self._state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
        return z ^ (z >> 31)

    def uniform(self) -> float:
        """Above 0, at most 1."""
        return ((self._mixed() >> 11) + 1) / (1 << 53)

    def exponential(self) -> float:
        """Mean 1."""
        return -math.log(self.uniform())

    def below(self, n: int) -> int:
        """0 to n - 1, each as likely as the other within 1e-9 for any n below 2**32."""
        if n < 1:
            raise ValueError(f"n {n} is not positive")
        return self._mixed() * n >> 64

    def between(self, low: int, high: int) -> int:
        """low to high, both included."""
        return low + self.below(high - low + 1)

    def happens(self, share: float) -> bool:
        """True with probability `share`; always for 1, never for 0."""
        return self.uniform() <= share
