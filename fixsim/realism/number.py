"""A statistic that is one number of a market: how it is taken block by block, and how two are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fixsim.realism.blocks import UNKNOWN, Figure, bootstrap, interval
from fixsim.realism.distance import Floats
from fixsim.realism.verdict import Row, Rule, fact, same
from fixsim.realism.view import View


@dataclass(frozen=True, slots=True)
class Number:
    family: str
    name: str
    unit: str
    rule: Rule
    """SAME or FACT."""
    how: str
    series: Callable[[View], Sequence[Floats]]
    """Observations by block of time."""
    statistic: Callable[[Sequence[Floats]], float]
    """Of blocks in any order, some of them more than once; nan where it is not defined."""
    null: float = np.nan


def compare(what: Number, tape: View, generated: View, baseline: View, rng: np.random.Generator) -> Row:
    """One row of the scoreboard."""
    figures, draws = [], []
    for view in (tape, generated, baseline):
        figure, drawn = measure(what, view, rng)
        figures.append(figure)
        draws.append(drawn)
    difference = interval(draws[1] - draws[0])
    distance, allowed = _apart(figures[0], figures[1], difference)
    baseline_distance, baseline_allowed = _apart(figures[0], figures[2], interval(draws[2] - draws[0]))
    if what.rule is Rule.FACT:
        verdict, reason = fact(figures[0], figures[1], difference, what.null)
    else:
        verdict, reason = same(figures[0], figures[1], difference)
    return Row(
        family=what.family,
        name=what.name,
        unit=what.unit,
        rule=what.rule,
        tape=figures[0],
        generated=figures[1],
        baseline=figures[2],
        verdict=verdict,
        reason=reason,
        null=what.null,
        distance=distance,
        baseline_distance=baseline_distance,
        allowed=allowed,
        baseline_allowed=baseline_allowed,
    )


def measure(what: Number, view: View, rng: np.random.Generator) -> tuple[Figure, Floats]:
    """The number in one market with its interval, and the bootstrap's draws."""
    blocks = what.series(view)
    if not sum(len(b) for b in blocks):
        return UNKNOWN, np.full(view.plan.draws, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, draws = bootstrap(what.statistic, blocks, view.plan.draws, rng)
    low, high = interval(draws)
    return (Figure(value, low, high) if np.isfinite(value) else UNKNOWN), draws


def _apart(tape: Figure, other: Figure, difference: tuple[float, float]) -> tuple[Figure, float]:
    """How far a number is from the tape's, and how far it could be with zero just inside the interval."""
    apart = other.value - tape.value
    if not (np.isfinite(apart) and np.isfinite(difference[0])):
        return UNKNOWN, np.nan
    low, high = difference if apart >= 0 else (-difference[1], -difference[0])
    return Figure(abs(apart), max(low, 0.0), max(high, 0.0)), max(abs(apart) - low, 0.0)
