"""`fixsim flow record`: a flow in words, a tape on disk, and what it is told that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixsim.cli import main
from fixsim.flow.recipes import KINDS, recipe
from fixsim.flow.record import record
from fixsim.tape.convert import flow_tape
from fixsim.tape.reader import frame as stored_frame
from fixsim.tape.reader import open_tape
from fixsim.tape.verify import verify
from risk.errors import SettingsError


def fixsim(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["fixsim", *words])
    main()


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_writes_a_tape_that_replays(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("flow", "record", "--flow", kind, "--seconds", "120", "--seed", "4", "--out", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        fixsim(monkeypatch, *words)
    assert not ended.value.code
    folder = tmp_path / "venue=GENERATED" / "symbol=QRM"
    assert str(folder) in capsys.readouterr().out.replace("\n", "")
    stored = open_tape(folder)
    assert stored.meta.format == "generated"
    assert "seed 4" in stored.meta.notes[0]
    assert verify(flow_tape(stored), 2).ok


def test_zero_intelligence_can_be_like_a_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("flow", "record", "--flow", "queue-reactive", "--seconds", "600", "--out", str(tmp_path))
    with pytest.raises(SystemExit):
        fixsim(monkeypatch, *words)
    like = tmp_path / "venue=GENERATED" / "symbol=QRM"
    made = recipe("zero-intelligence", seed=1, seconds=300.0, symbol="ZERO", like=like)
    assert made.note.startswith("zero-intelligence flow, Rates(")
    assert made.listing.symbol == "ZERO"
    frame = record(made.opens, made.listing)
    events = len(stored_frame(like, 10)) / 600
    assert len(frame) / 300 == pytest.approx(events, rel=0.3), "as many events as the tape it is like"


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("brownian", {}, "--flow = 'brownian': must be one of queue-reactive, hawkes, zero-intelligence"),
        ("hawkes", {"branching": 1.2}, "--branching = 1.2: branching = 1.2: must be 0 or more and below 1"),
        ("hawkes", {"like": Path("x")}, "--like = x: only zero-intelligence has it"),
        ("zero-intelligence", {"model": Path("x")}, "--model = x: zero-intelligence has none"),
        ("queue-reactive", {"model": Path("none.npz")}, "none.npz: cannot be read"),
    ],
)
def test_what_cannot_be_is_named(kind: str, more: dict[str, object], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        recipe(kind, seed=1, seconds=1.0, symbol="X", **more)  # type: ignore[arg-type]


def test_a_tape_that_is_there_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("flow", "record", "--seconds", "5", "--out", str(tmp_path))
    with pytest.raises(SystemExit):
        fixsim(monkeypatch, *words)
    with pytest.raises(SystemExit) as ended:
        fixsim(monkeypatch, *words)
    assert ended.value.code == 2
    assert "is there already" in capsys.readouterr().err
