"""`fixsim flow`: the task's table and picture, and a calibration from a tape to a model file."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fixsim.cli import app
from fixsim.flow import calibrate as calibration
from fixsim.flow.calibrate import Plan, calibrate
from fixsim.flow.model import ModelError, load_model
from fixsim.flow.show import calibration_lines
from fixsim.flow.task import POLICIES
from tests.fixsim.flow.plain import PlainMarket, framed


def test_the_task_is_shown_beside_the_published_figures(tmp_path: Path) -> None:
    picture = tmp_path / "task.png"
    result = CliRunner().invoke(app, ["flow", "task", "--episodes", "200", "--picture", str(picture)])
    assert result.exit_code == 0, result.output
    for rule in POLICIES:
        assert rule in result.output
    for figure in ("-0.365", "-0.343", "-0.342", "-0.400", "-0.399"):
        assert figure in result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_prints_the_same_table() -> None:
    command = ["flow", "task", "--episodes", "100", "--seed"]
    outputs = [CliRunner().invoke(app, [*command, seed]).output for seed in "115"]
    assert outputs[0] == outputs[1] != outputs[2].replace("seed 5", "seed 1")


def test_every_reading_is_shown_where_asked_for() -> None:
    result = CliRunner().invoke(app, ["flow", "task", "--episodes", "100", "--readings"])
    assert result.exit_code == 0, result.output
    assert "p_ref moves with every move of the mid, 100 episodes" in result.output
    assert result.output.count("TWAP ") >= 7


@pytest.fixture
def tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that reads as half an hour of the published model."""
    made, _ = framed(PlainMarket(load_model(), random.Random(2)), 1800)
    monkeypatch.setattr("fixsim.tape.reader.frame", lambda path, levels: made)
    monkeypatch.setattr(calibration, "Plan", lambda **told: Plan(**{**told, "hours": 1.0}))
    return tmp_path


def test_a_tape_gives_a_model_file_and_says_what_it_rests_on(tape: Path) -> None:
    out = tape / "model.npz"
    result = CliRunner().invoke(app, ["flow", "calibrate", str(tape), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "level 3: " in result.output
    assert "the price moves as the model's" in result.output
    model = load_model(out)
    assert (model.levels, model.most, model.symbol) == (3, 50, "QRM")
    with np.load(out) as stored:
        assert stored["evidence_events"].shape == (3, 51, 2, 3)


def test_each_regime_gets_a_file_of_its_own(tape: Path) -> None:
    command = ["flow", "calibrate", str(tape), "--out", str(tape / "m.npz"), "--regimes", "time"]
    result = CliRunner().invoke(app, [*command, "--parts", "2", "--levels", "2", "--most", "30", "--sides"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tape.glob("*.npz")) == ["m-time1.npz", "m-time2.npz"]
    assert load_model(tape / "m-time2.npz").most == 30


def test_what_was_asked_wrongly_is_told_before_the_tape_is_read(tape: Path) -> None:
    command = ["flow", "calibrate", str(tape), "--out"]
    result = CliRunner().invoke(app, [*command, str(tape / "m.npz"), "--regimes", "mood"])
    assert isinstance(result.exception, ModelError)
    assert "--regimes = 'mood': must be one of time, volatility" in str(result.exception)
    result = CliRunner().invoke(app, [*command, str(tape / "none" / "m.npz")])
    assert isinstance(result.exception, ModelError)
    assert "there is no folder" in str(result.exception)


def test_a_short_tape_and_a_level_that_nothing_holds_are_said(tape: Path) -> None:
    made, _ = framed(PlainMarket(load_model(), random.Random(3)), 500)
    result = calibrate(made, Plan(levels=2, hours=1.0))
    lines = list(calibration_lines(result, tape))
    assert "under ten whole minutes" in lines[-1]
    assert lines[0].startswith(f"{tape}: QRM, model tick 1e-09 (1 of the tape's), C 50")
