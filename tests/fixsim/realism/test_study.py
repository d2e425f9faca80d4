"""The study as a whole: a model passes against itself, and fails where it was changed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fixsim.realism.study import MARKETS, Study, plan_for, steps, study, summary
from fixsim.realism.verdict import Verdict
from fixsim.realism.view import Plan
from fixsim.tape.frame import LobFrame
from tests.fixsim.realism.frames import random_market

PLAN = Plan(blocks=12, draws=60, return_s=5.0, minute_s=20.0, coarse_s=60.0, lags=(1, 2, 5, 10, 20), levels=5)
NAMES = {"tape": "a tape", "generated": "a model", "baseline": "a baseline"}


def compared(generated: LobFrame, baseline: LobFrame | None = None, seed: int = 1) -> Study:
    tape = random_market(1, seconds=900)
    return study(
        {"tape": tape, "generated": generated, "baseline": baseline or random_market(3)},
        NAMES,
        replace(PLAN, seed=seed),
    )


@pytest.fixture(scope="module")
def alike() -> Study:
    return compared(random_market(2))


def failing(result: Study) -> set[str]:
    return {row.name for row in result.rows if row.verdict is Verdict.FAIL}


def test_another_run_of_the_same_market_passes_nearly_everything(alike: Study) -> None:
    """Each rule errs in about one of twenty; 35 rows, so five at most by any reasonable chance."""
    assert len(alike.rows) >= 33
    assert alike.count(Verdict.FAIL) <= 5, failing(alike)
    assert alike.count(Verdict.PASS) >= 18


def test_every_row_has_its_figures_and_a_reason(alike: Study) -> None:
    for row in alike.rows:
        assert row.reason
        assert row.tape.known, row.name
        assert row.generated.low <= row.generated.high


def test_families_stand_together(alike: Study) -> None:
    families = [row.family for row in alike.rows]
    assert len(list(dict.fromkeys(families))) == sum(
        a != b for a, b in zip(["", *families], families, strict=False)
    )


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda f: replace(f, qty=f.qty * 3), {"Touch volume, bids", "5-level volume, offers"}),
        (
            lambda f: replace(f, time_ns=f.time_ns[0] + (f.time_ns - f.time_ns[0]) * 4),
            {"Time between events", "Volume a minute", "Time to cancel"},
        ),
        (
            lambda f: replace(f, px=f.px + np.array([-4, 4])[None, :, None] * f.tick_nanos * (f.px > 0)),
            {"Spread", "Depth of limit orders"},
        ),
        (lambda f: replace(f, order_id=f.order_id * 0 - 1), {"Time to cancel"}),
        (lambda f: replace(f, quantity=f.quantity * 5), {"Volume a minute"}),
    ],
)
def test_what_was_changed_fails(change: object, names: set[str]) -> None:
    assert names <= failing(compared(change(random_market(2))))  # type: ignore[operator]


def test_nearer_than_the_baseline_is_counted() -> None:
    far = replace(random_market(3), qty=random_market(3).qty * 10)
    result = compared(random_market(2), far)
    row = next(r for r in result.rows if r.name == "Touch volume, bids")
    assert row.nearer is True
    near, said = result.nearer
    assert near > said / 3


def test_the_same_seed_gives_the_same_study_and_another_does_not(alike: Study) -> None:
    assert summary(compared(random_market(2))) == summary(alike)
    assert summary(compared(random_market(2), seed=2)) != summary(alike)


def test_the_summary_is_json_with_null_for_what_is_not_known(alike: Study) -> None:
    told = json.loads(json.dumps(summary(alike), allow_nan=False))
    assert told["failed"] + told["passed"] + told["open"] == len(told["rows"]) == len(alike.rows)
    assert set(told["markets"]) == set(MARKETS)
    response = next(row for row in told["rows"] if row["family"] == "Response")
    assert response["wasserstein"] == [None, None, None]


def test_progress_has_as_many_steps_as_were_announced() -> None:
    told: list[str] = []
    frames = dict.fromkeys(MARKETS, random_market(1, seconds=200))
    study(frames, NAMES, replace(PLAN, draws=20), advance=told.append)
    assert len(told) == steps(PLAN)


@pytest.mark.parametrize(
    ("seconds", "windows"),
    [(23_400, (10, 60, 300)), (580, (2, 5, 20)), (5, (0.1, 0.1, 0.1))],
)
def test_a_short_recording_gets_shorter_windows(seconds: float, windows: tuple[float, ...]) -> None:
    plan = plan_for(seconds, Plan())
    assert (plan.return_s, plan.minute_s, plan.coarse_s) == windows


def test_the_picture_of_the_mid_begins_at_the_first_event(alike: Study) -> None:
    mid = alike.markets["tape"].mid
    assert mid.x[0] == 0
    first = random_market(1)
    assert mid.y[0] == first.px[0, :, 0].sum() / 2 / first.tick_nanos


def test_real_times_are_not_rounded_by_the_picture() -> None:
    base = random_market(1, seconds=200)
    late = replace(base, time_ns=base.time_ns + 1_340_285_400_015_105_074)
    frames = dict.fromkeys(MARKETS, late)
    mid = study(frames, NAMES, replace(PLAN, draws=20)).markets["tape"].mid
    assert mid.y[0] == late.px[0, :, 0].sum() / 2 / late.tick_nanos
