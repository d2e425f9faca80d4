"""The rules by which a statistic passes or fails, the same for every market, and a row's result.

WITHIN      Distributions and response curves. Pass if the generated market's distance from the tape (L1 for
            distributions, mean absolute difference for curves) is at most the 95 % quantile of the distances
            between random halves of the tape's own blocks: it is then no further from the tape than the tape
            is from itself.
SAME        Numbers. Pass if the 95 % interval of the difference, generated less tape, contains zero.
FACT        Numbers with a null value that means no effect. Fail if SAME fails. Pass if SAME holds and both
            intervals exclude the null on one side: the fact is there. Else OPEN: the tape, or the generated
            market, does not decide it (a fact that the tape barely shows would otherwise fail a perfect
            copy of it half of the time).
RANGE       Numbers with a range from the literature and no counterpart on the tape. Pass if the generated
            market's estimate lies in the range and its interval is at most twice as wide as the range; OPEN
            if it is wider, or if only the interval reaches the range; else fail.

A row whose statistic cannot be measured in the generated market (and can on the tape) FAILS. A row that
cannot be measured on the tape is OPEN. None of the rules looks at the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from fixsim.realism.blocks import UNKNOWN, Figure


class Rule(StrEnum):
    WITHIN = "within"
    SAME = "same"
    FACT = "fact"
    RANGE = "range"


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Row:
    """One statistic's result, as the scoreboard shows it."""

    family: str
    name: str
    unit: str
    rule: Rule
    tape: Figure
    generated: Figure
    baseline: Figure
    verdict: Verdict
    reason: str
    null: float = np.nan
    """FACT: the value of no effect."""
    limits: tuple[float, float] = (np.nan, np.nan)
    """RANGE: the literature's."""
    distance: Figure = UNKNOWN
    """Generated from tape: L1 of distributions; for curves and numbers in their unit."""
    baseline_distance: Figure = UNKNOWN
    allowed: float = np.nan
    """WITHIN: the tape's own. SAME and FACT: the distance at which the interval would just contain zero."""
    baseline_allowed: float = np.nan
    wasserstein: Figure = UNKNOWN
    """Distributions: Wasserstein-1 in standard deviations of the tape."""
    baseline_wasserstein: Figure = UNKNOWN
    wasserstein_allowed: float = np.nan
    note: str = ""

    @property
    def nearer(self) -> bool | None:
        """Is the generated market nearer to the tape than the baseline? None if one is not known."""
        ours, theirs = self.distance.value, self.baseline_distance.value
        return bool(ours < theirs) if np.isfinite(ours) and np.isfinite(theirs) else None

    @property
    def ratio(self) -> float:
        """Distance over what is allowed: at most 1 where WITHIN or SAME holds; nan if either is not known."""
        return self.distance.value / self.allowed if self.allowed > 0 else np.nan

    @property
    def baseline_ratio(self) -> float:
        """The same of the baseline."""
        return self.baseline_distance.value / self.baseline_allowed if self.baseline_allowed > 0 else np.nan


def within(distance: Figure, allowed: float) -> tuple[Verdict, str]:
    """Rule WITHIN."""
    if not np.isfinite(allowed):
        return Verdict.OPEN, "not measured on the tape"
    if not distance.known:
        return Verdict.FAIL, "cannot be measured in the generated market"
    if distance.value <= allowed:
        return Verdict.PASS, "within the tape's own variation"
    if allowed <= 0:
        return Verdict.FAIL, "the tape's halves do not differ at all"
    return Verdict.FAIL, f"{distance.value / allowed:.1f} times the tape's own variation"


def same(tape: Figure, generated: Figure, difference: tuple[float, float]) -> tuple[Verdict, str]:
    """Rule SAME. `difference` is the interval of generated less tape."""
    missing = _missing(tape, generated, difference)
    if missing is not None:
        return missing
    low, high = difference
    if low <= 0 <= high:
        return Verdict.PASS, "the difference's interval contains zero"
    return Verdict.FAIL, "too high" if low > 0 else "too low"


def fact(
    tape: Figure, generated: Figure, difference: tuple[float, float], null: float
) -> tuple[Verdict, str]:
    """Rule FACT."""
    missing = _missing(tape, generated, difference)
    if missing is not None:
        return missing
    verdict, reason = same(tape, generated, difference)
    established = _side(tape, null)
    if verdict is Verdict.FAIL:
        return verdict, "the fact is absent" if established and not _side(generated, null) else reason
    if not established:
        return Verdict.OPEN, "the tape itself does not decide it"
    if _side(generated, null) != established:
        return Verdict.OPEN, "the generated market does not decide it"
    return Verdict.PASS, "the fact is there, and its size agrees"


def in_range(generated: Figure, limits: tuple[float, float]) -> tuple[Verdict, str]:
    """Rule RANGE."""
    if not (generated.known and np.isfinite(generated.low) and np.isfinite(generated.high)):
        return Verdict.FAIL, "cannot be measured in the generated market"
    low, high = limits
    if generated.low > high or generated.high < low:
        return Verdict.FAIL, "above the range" if generated.low > high else "below the range"
    if not low <= generated.value <= high:
        return Verdict.OPEN, "only the interval reaches the range"
    if generated.high - generated.low > 2 * (high - low):
        return Verdict.OPEN, "in the range, but the interval is too wide to say"
    return Verdict.PASS, "in the range"


def _missing(tape: Figure, generated: Figure, difference: tuple[float, float]) -> tuple[Verdict, str] | None:
    if not (tape.known and np.isfinite(tape.low)):
        return Verdict.OPEN, "not measured on the tape"
    if not (generated.known and np.isfinite(difference[0])):
        return Verdict.FAIL, "cannot be measured in the generated market"
    return None


def _side(figure: Figure, null: float) -> int:
    """+1 if the interval is above the null value, -1 below, 0 if it contains it."""
    return int(figure.low > null) - int(figure.high < null)
