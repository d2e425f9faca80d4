"""What the report draws of stylised facts: autocorrelations, tails, signature, memory of signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fixsim.realism.distance import Floats
from fixsim.realism.facts import autocorrelation, short_returns, signs
from fixsim.realism.view import View

RETURN_LAGS = tuple(range(1, 61))
SIGN_LAGS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
TAIL_POINTS = 80
SIGNATURE = (1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Line:
    x: Floats
    y: Floats


def memory_of_returns(view: View) -> Line:
    """Autocorrelation of short returns by lag in seconds."""
    lags = np.array(RETURN_LAGS)
    return Line(lags * view.plan.return_s, autocorrelation(short_returns(view), lags))


def memory_of_volatility(view: View) -> Line:
    """Autocorrelation of absolute short returns by lag in seconds."""
    lags = np.array(RETURN_LAGS)
    absolute = [np.abs(x) for x in short_returns(view)]
    return Line(lags * view.plan.return_s, autocorrelation(absolute, lags))


def memory_of_signs(view: View) -> Line:
    """Autocorrelation of market orders' signs by lag in market orders."""
    return Line(np.array(SIGN_LAGS, np.float64), autocorrelation(signs(view), SIGN_LAGS))


def tail(view: View) -> Line:
    """P(|r| > x), x in deviations of short returns, at points evenly spaced in the logarithm of x."""
    values = np.concatenate(short_returns(view))
    deviation = float(values.std())
    ordered = np.sort(np.abs(values)) / deviation if deviation > 0 else np.zeros(0)
    if not len(ordered) or ordered[-1] <= 0.2:
        return Line(np.zeros(0), np.zeros(0))
    x = np.geomspace(0.2, ordered[-1], TAIL_POINTS)[:-1]
    return Line(x, 1 - np.searchsorted(ordered, x, side="right") / len(ordered))


def signature(view: View) -> Line:
    """The variance of the mid's change over a time, per second of it (ticks²/s), by that time in seconds."""
    times = np.array([t for t in SIGNATURE if view.windows(t) >= 10], np.float64)
    return Line(times, np.array([float(np.nanvar(view.returns(float(t)))) / t for t in times]))
