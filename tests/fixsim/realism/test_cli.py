"""`fixsim realism` from a stored tape to its files, and how it says no: one line, exit status 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from fixsim.cli import main
from fixsim.flow.excitation import Timing
from fixsim.flow.markets import hawkes, zero_intelligence
from fixsim.flow.model import PUBLISHED, load_model
from fixsim.flow.record import Listing, record, record_tape
from fixsim.flow.zero import Rates
from fixsim.realism import flows
from fixsim.tape.frame import LobFrame
from risk.errors import SettingsError
from tests.fixsim.realism.frames import random_market

RATES = Rates(limit_per_s=0.8, market_per_s=2.0, cancel_per_s=0.15, lots=100, ticks=12)
SHORT = ("--seconds", "60", "--draws", "20", "--levels", "5")


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_tape(
        lambda log: zero_intelligence(RATES, seed=5, duration_s=120.0, log=log),
        Listing("ZI", 10_000_000),
        tmp_path_factory.mktemp("tapes"),
    )


def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["fixsim", "realism", *(str(word) for word in words)])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_a_tape_becomes_a_report_figures_and_a_picture(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--tape", tape, "--flow", "zero", "--out", tmp_path / "out", *SHORT, "--metaorders", "2")
    status, told, _ = call(capsys, monkeypatch, *words)
    assert status == 0
    assert "nearer to the tape than the baseline" in told
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["markets"]["generated"]["seconds"] == pytest.approx(60, abs=2)
    assert summary["markets"]["tape"]["seconds"] == pytest.approx(120, abs=2)
    assert any(row["name"].startswith("Metaorders") for row in summary["rows"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "zero intelligence" in page
    assert "--metaorders 2" in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "overview.png",
        "report.html",
        "summary.json",
    ]


def test_a_tape_against_itself_passes_everything_that_it_decides(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, _ = call(capsys, monkeypatch, "--tape", tape, "--flow", tape, "--out", tmp_path, *SHORT)
    assert status == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["failed"] == 0
    assert summary["passed"] > 20
    assert summary["markets"]["generated"]["name"] == f"tape {tape.name}"


@pytest.mark.parametrize(
    ("flow", "what"),
    [
        ("magic", "--flow = 'magic': must be one of queue-reactive, hawkes, zero"),
        ("missing.npz", "missing.npz: cannot be read"),
    ],
)
def test_a_flow_that_is_none_is_refused(
    flow: str, what: str, tape: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    status, _, told = call(capsys, monkeypatch, "--tape", tape, "--flow", flow, "--out", tmp_path)
    assert status == 2
    assert what in told
    assert len(told.strip().splitlines()) == 1


def test_a_tape_that_is_none_or_too_short_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, told = call(capsys, monkeypatch, "--tape", tmp_path, "--out", tmp_path / "out")
    assert status == 2
    assert str(tmp_path) in told
    assert len(told.strip().splitlines()) == 1
    short = record_tape(
        lambda log: zero_intelligence(RATES, seed=5, duration_s=5.0, log=log),
        Listing("ZI", 10_000_000),
        tmp_path / "tapes",
    )
    status, _, told = call(capsys, monkeypatch, "--tape", short, "--out", tmp_path / "out")
    assert status == 2
    assert "at least 1000 are needed" in told


@pytest.mark.parametrize("words", [("--seconds", "1"), ("--draws", "3"), ("--levels", "0"), ("--seed", "-1")])
def test_options_have_bounds(
    words: tuple[str, str], tape: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, told = call(capsys, monkeypatch, "--tape", tape, *words)
    assert status == 2
    assert words[0] in told


# -- what --flow names ----------------------------------------------------------------------------------


def generated(flow: str, frame: LobFrame, seconds: float = 30.0) -> LobFrame:
    made = flows.generator(flow, frame)
    assert isinstance(made, flows.Generator)
    return made.frame(Listing("X", made.tick_nanos), 3, seconds, 5)


def test_a_model_starts_where_and_when_the_tape_does() -> None:
    tape = random_market(1)
    frame = generated(str(PUBLISHED), tape)
    assert abs(frame.px[0, :, 0].sum() - tape.px[0, :, 0].sum()) <= 4 * tape.tick_nanos
    assert 0 <= frame.time_ns[0] - tape.time_ns[0] < 10_000_000_000


def test_the_first_mid_lies_between_two_prices() -> None:
    tape = random_market(1)
    for tick_nanos in (tape.tick_nanos, 25 * tape.tick_nanos):
        px = flows.start_px(tape, tick_nanos)
        assert px % 2 == 1
        assert abs(px * tick_nanos - tape.px[0, :, 0].sum()) <= tick_nanos


def test_a_tape_without_a_touch_starts_nowhere() -> None:
    tape = random_market(1, seconds=60)
    tape.px[:, 1] = 0
    with pytest.raises(SettingsError, match="two sides"):
        flows.start_px(tape, tape.tick_nanos)


def test_a_tape_without_trades_calibrates_no_baseline() -> None:
    tape = random_market(1, seconds=60)
    tape.change[tape.change == 2] = 1
    with pytest.raises(SettingsError, match="--tape: TEST: no trades"):
        flows.generator("zero", tape)


def test_hawkes_timing_comes_back_from_what_it_gave() -> None:
    """Arrivals that excite each other: a branching ratio of a half, as far as twenty minutes show it."""
    model = load_model()
    timing = Timing.like(model, branching=0.5, decay=(10.0,))
    frame = record(
        lambda log: hawkes(model, timing, seed=2, duration_s=1200.0, log=log), Listing("X", model.tick_nanos)
    )
    found = flows.timing_of(frame, model)
    assert found.branching == pytest.approx(0.5, abs=0.25)
    assert found.base.sum() < np.sum(timing.base) * 2
