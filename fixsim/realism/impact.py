"""The concave law of impact, by what public data allow: returns against net traded volume.

A metaorder's impact grows about as the square root of its share of the volume (Tóth et al. 2011; Almgren et
al. 2005). A tape does not say which trades belong to one metaorder, so this is a PROXY: over windows of a
minute, with signed volume Q and return r, y = sign(Q) r / sigma is fitted by least squares to Y (|Q| /
V)^delta, V the mean volume of a window and sigma the deviation of its returns. Aggregated order flow is
known to be concave too, with an exponent that depends on the window (Patzelt and Bouchaud 2018); it is not
the metaorder's, and is compared between markets only. Where metaorders can be sent, `metaorder` measures
the law itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fixsim.realism.activity import traded
from fixsim.realism.distance import Floats
from fixsim.realism.number import Number
from fixsim.realism.verdict import Rule
from fixsim.realism.view import View
from fixsim.tape.frame import Change

FAMILY = "Impact"
EXPONENTS = np.linspace(0.05, 3.0, 119)
BUCKETS = 12


@dataclass(frozen=True, slots=True)
class Law:
    """y = factor x^exponent"""

    exponent: float
    factor: float


@dataclass(frozen=True, slots=True)
class Buckets:
    """Means over buckets of |Q| / V with as many windows in each, for the picture."""

    share: Floats
    impact: Floats
    error: Floats
    """Standard error of the impact."""


def imbalance_and_return(view: View) -> list[Floats]:
    """By block: [windows, 2] |Q| / V and sign(Q) r / sigma of each minute with net traded volume."""
    seconds, frame = view.plan.minute_s, view.frame
    rows = np.flatnonzero((frame.change == Change.MARKET) | (frame.change == Change.HIDDEN))
    signed = -frame.side[rows] * frame.quantity[rows] / frame.lots_per_unit
    net = view.sums(rows, signed.astype(np.float64), seconds)
    change, volume = view.returns(seconds), traded(view, seconds)
    known = np.isfinite(change)
    sigma, mean = (float(np.std(change[known])), float(volume.mean())) if known.any() else (0.0, 0.0)
    if sigma <= 0 or mean <= 0:
        return view.in_blocks(np.full((len(net), 2), np.nan), view.window_block(seconds))
    both = np.stack((np.abs(net) / mean, np.sign(net) * change / sigma), axis=1)
    both[net == 0] = np.nan
    return view.in_blocks(both, view.window_block(seconds))


def fit(points: Floats) -> Law:
    """Least squares of y = factor x^exponent to points [n, 2].

    The exponent is one of 0.05 to 3 in steps of 0.025; nan with fewer than ten points, or if the fit falls.
    """
    if len(points) < 10:
        return Law(np.nan, np.nan)
    powers = points[:, :1] ** EXPONENTS
    cross, square = points[:, 1] @ powers, (powers**2).sum(axis=0)
    explained = np.where(cross > 0, cross**2 / square, -np.inf)
    best = int(np.argmax(explained))
    if not np.isfinite(explained[best]):
        return Law(np.nan, np.nan)
    return Law(float(EXPONENTS[best]), float(cross[best] / square[best]))


def exponent(series: Sequence[Floats]) -> float:
    return fit(np.concatenate(series)).exponent


def factor(series: Sequence[Floats]) -> float:
    """The fit's value at |Q| = V, in deviations."""
    return fit(np.concatenate(series)).factor


def buckets(view: View) -> Buckets:
    """For the picture: as many windows in each bucket."""
    points = np.concatenate(imbalance_and_return(view))
    points = points[np.argsort(points[:, 0])]
    parts = [p for p in np.array_split(points, BUCKETS) if len(p) > 1]
    return Buckets(
        np.array([p[:, 0].mean() for p in parts]),
        np.array([p[:, 1].mean() for p in parts]),
        np.array([p[:, 1].std(ddof=1) / np.sqrt(len(p)) for p in parts]),
    )


def numbers(minute_s: float) -> tuple[Number, ...]:
    """The family's proxy, over windows of so many seconds."""
    return (
        Number(
            FAMILY,
            "Aggregate impact (proxy): exponent",
            "",
            Rule.FACT,
            f"Exponent of the return of {minute_s:g} s against its net traded volume; below 1: concave.",
            imbalance_and_return,
            exponent,
            null=1.0,
        ),
        Number(
            FAMILY,
            "Aggregate impact (proxy): size",
            "σ",
            Rule.FACT,
            f"The fit's return, in deviations of {minute_s:g} s returns, at a net volume of a mean window's.",
            imbalance_and_return,
            factor,
            null=0.0,
        ),
    )
