"""The rules: each case of each, so that none of them can only pass."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism.blocks import UNKNOWN, Figure
from fixsim.realism.verdict import Row, Rule, Verdict, fact, in_range, same, within

NAN = (np.nan, np.nan)


def around(value: float, half: float = 0.1) -> Figure:
    return Figure(value, value - half, value + half)


@pytest.mark.parametrize(
    ("distance", "allowed", "verdict", "reason"),
    [
        (around(0.1), 0.2, Verdict.PASS, "within"),
        (around(0.2), 0.2, Verdict.PASS, "within"),
        (around(0.5), 0.2, Verdict.FAIL, "2.5 times"),
        (UNKNOWN, 0.2, Verdict.FAIL, "cannot be measured"),
        (around(0.1), np.nan, Verdict.OPEN, "not measured on the tape"),
        (around(0.1), 0.0, Verdict.FAIL, "do not differ"),
    ],
)
def test_within(distance: Figure, allowed: float, verdict: Verdict, reason: str) -> None:
    said, why = within(distance, allowed)
    assert said is verdict
    assert reason in why


@pytest.mark.parametrize(
    ("tape", "generated", "difference", "verdict", "reason"),
    [
        (around(1), around(1.05), (-0.1, 0.2), Verdict.PASS, "contains zero"),
        (around(1), around(2), (0.8, 1.2), Verdict.FAIL, "too high"),
        (around(1), around(0), (-1.2, -0.8), Verdict.FAIL, "too low"),
        (around(1), UNKNOWN, NAN, Verdict.FAIL, "cannot be measured"),
        (UNKNOWN, around(1), NAN, Verdict.OPEN, "not measured on the tape"),
    ],
)
def test_same(
    tape: Figure, generated: Figure, difference: tuple[float, float], verdict: Verdict, reason: str
) -> None:
    said, why = same(tape, generated, difference)
    assert said is verdict
    assert reason in why


@pytest.mark.parametrize(
    ("tape", "generated", "difference", "verdict", "reason"),
    [
        (around(1), around(1), (-0.1, 0.1), Verdict.PASS, "there"),
        (around(1), around(0.5), (-0.6, -0.4), Verdict.FAIL, "too low"),
        (around(1), around(0), (-1.1, -0.9), Verdict.FAIL, "absent"),
        (around(1), around(-1), (-2.1, -1.9), Verdict.FAIL, "too low"),
        (around(1), Figure(0.5, -0.4, 1.4), (-1.4, 0.4), Verdict.OPEN, "generated market does not decide"),
        (around(0.05), around(0), (-0.2, 0.1), Verdict.OPEN, "tape itself does not decide"),
        (around(0.05), around(1), (0.8, 1.1), Verdict.FAIL, "too high"),
        (around(1), UNKNOWN, NAN, Verdict.FAIL, "cannot be measured"),
        (UNKNOWN, around(1), NAN, Verdict.OPEN, "not measured on the tape"),
    ],
)
def test_fact(
    tape: Figure, generated: Figure, difference: tuple[float, float], verdict: Verdict, reason: str
) -> None:
    said, why = fact(tape, generated, difference, 0.0)
    assert said is verdict
    assert reason in why


@pytest.mark.parametrize(
    ("generated", "verdict"),
    [
        (Figure(0.5, 0.45, 0.55), Verdict.PASS),
        (Figure(0.75, 0.65, 0.85), Verdict.OPEN),
        (Figure(0.9, 0.8, 1.0), Verdict.FAIL),
        (Figure(0.2, 0.1, 0.3), Verdict.FAIL),
        (Figure(0.2, 0.0, 1.9), Verdict.OPEN),
        (Figure(0.5, 0.0, 1.0), Verdict.OPEN),
        (UNKNOWN, Verdict.FAIL),
    ],
)
def test_in_range(generated: Figure, verdict: Verdict) -> None:
    assert in_range(generated, (0.4, 0.7))[0] is verdict


def _row(distance: Figure, baseline: Figure, allowed: float = 0.5) -> Row:
    figures = (UNKNOWN, UNKNOWN, UNKNOWN)
    return Row(
        "Book", "Spread", "ticks", Rule.WITHIN, *figures, Verdict.PASS, "",
        distance=distance, baseline_distance=baseline, allowed=allowed, baseline_allowed=allowed,
    )  # fmt: skip


def test_nearer_than_the_baseline_or_not_known() -> None:
    assert _row(around(0.1), around(0.2)).nearer is True
    assert _row(around(0.3), around(0.2)).nearer is False
    assert _row(UNKNOWN, around(0.2)).nearer is None


def test_ratio_is_distance_over_what_is_allowed() -> None:
    row = _row(around(0.25), around(1.0))
    assert row.ratio == 0.5
    assert row.baseline_ratio == 2
    assert np.isnan(_row(around(0.25), around(1.0), allowed=np.nan).ratio)
