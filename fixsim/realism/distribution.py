"""A statistic that is a distribution: its name, how it is taken of a market, how two are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixsim.realism.blocks import (
    UNKNOWN,
    Figure,
    Sample,
    basic_interval,
    draw_weights,
    halves,
    interval,
)
from fixsim.realism.distance import Bins, Floats, bins_of, knots_of, total_variation, wasserstein1
from fixsim.realism.verdict import Row, Rule, within
from fixsim.realism.view import View

LEAST = 30
"""Observations below which a distribution is not compared."""


@dataclass(frozen=True, slots=True)
class Distribution:
    family: str
    name: str
    unit: str
    how: str
    """How it is measured, in a sentence for the report."""
    measure: Callable[[View], Sample]
    discrete: bool = False
    """Whole numbers of the unit."""
    log: bool = False
    """The sample is log10 of the unit; figures are shown as powers."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """What the report draws: shares by bin in each market, or None where there are too few observations."""

    bins: Bins
    shares: dict[str, Floats | None]


@dataclass(frozen=True, slots=True)
class _Distances:
    tv: Figure
    w1: Figure


def compare(
    what: Distribution, tape: View, generated: View, baseline: View, rng: np.random.Generator
) -> tuple[Row, Histograms]:
    """One row of the scoreboard and its picture."""
    plan = tape.plan
    samples = {
        name: what.measure(view)
        for name, view in (("tape", tape), ("generated", generated), ("baseline", baseline))
    }
    bins = bins_of(samples["tape"].values if len(samples["tape"]) else np.zeros(1), discrete=what.discrete)
    knots = knots_of(*(s.values for s in samples.values()), np.zeros(1))
    scale = float(np.std(samples["tape"].values)) if len(samples["tape"]) else np.nan
    enough = {name: len(sample) >= LEAST for name, sample in samples.items()}
    in_bins = {n: s.counts(bins.index(s.values), len(bins)) for n, s in samples.items()}
    on_knots = {n: s.counts(knots.index(s.values), len(knots)) for n, s in samples.items()}
    weights = {n: draw_weights(plan.blocks, plan.draws, rng) for n in samples}

    def distances(name: str) -> _Distances:
        if not (enough["tape"] and enough[name]):
            return _Distances(UNKNOWN, UNKNOWN)
        tv, w1 = (
            lambda p, q: total_variation(p, q),
            lambda p, q: wasserstein1(knots, p, q) / scale,
        )
        return _Distances(
            _distance(tv, in_bins["tape"], in_bins[name], weights["tape"], weights[name]),
            _distance(w1, on_knots["tape"], on_knots[name], weights["tape"], weights[name]),
        )

    ours, theirs = distances("generated"), distances("baseline")
    allowed = allowed_w1 = np.nan
    if enough["tape"]:
        one, other = halves(plan.blocks, plan.draws, rng)
        apart = total_variation(one @ in_bins["tape"], other @ in_bins["tape"])
        apart_w1 = wasserstein1(knots, one @ on_knots["tape"], other @ on_knots["tape"]) / scale
        allowed, allowed_w1 = (float(np.nanquantile(x, 0.95)) for x in (apart, apart_w1))
    verdict, reason = within(ours.tv, allowed)
    figures = {
        name: _mean(sample, weights[name], log=what.log) if enough[name] else UNKNOWN
        for name, sample in samples.items()
    }
    row = Row(
        family=what.family,
        name=what.name,
        unit=what.unit,
        rule=Rule.WITHIN,
        tape=figures["tape"],
        generated=figures["generated"],
        baseline=figures["baseline"],
        verdict=verdict,
        reason=reason,
        distance=ours.tv,
        baseline_distance=theirs.tv,
        allowed=allowed,
        baseline_allowed=allowed,
        wasserstein=ours.w1,
        baseline_wasserstein=theirs.w1,
        wasserstein_allowed=allowed_w1,
        note="geometric mean" if what.log else "mean",
    )
    shares = {n: c.sum(axis=0) / c.sum() if enough[n] else None for n, c in in_bins.items()}
    return row, Histograms(bins, shares)


def _distance(
    metric: Callable[[Floats, Floats], Floats], p: Floats, q: Floats, draw_p: Floats, draw_q: Floats
) -> Figure:
    """Counts by block [blocks, size] of two samples to a distance with its interval."""
    value = float(metric(p.sum(axis=0), q.sum(axis=0)))
    low, high = basic_interval(value, metric(draw_p @ p, draw_q @ q))
    return Figure(value, low, high)


def _mean(sample: Sample, draws: Floats, *, log: bool) -> Figure:
    """The mean, with its interval; of logarithms: the geometric mean."""
    sums = np.bincount(sample.block, weights=sample.values, minlength=sample.blocks)
    sizes = np.bincount(sample.block, minlength=sample.blocks)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = interval((draws @ sums) / (draws @ sizes))
    figures: NDArray[np.float64] = np.array([sums.sum() / sizes.sum(), low, high])
    return Figure(*(float(f) for f in (10**figures if log else figures)))
