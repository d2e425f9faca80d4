"""`fixsim demo` passes on what it was told, and a fault is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from fixsim.demo import show as room
from fixsim.demo.cli import demo
from fixsim.demo.processes import DemoError
from fixsim.demo.run import Options

APP = typer.Typer()
APP.command()(demo)


@pytest.mark.parametrize(
    ("words", "act"), [([], ""), (["--kill"], "kill"), (["--crash", "--speed", "0"], "crash")]
)
def test_the_act_and_the_options_are_passed_on(
    monkeypatch: pytest.MonkeyPatch, words: list[str], act: str
) -> None:
    told: list[Any] = []

    def run(act: str, options: Options, console: Console) -> int:
        told.append((act, options))
        return 3

    monkeypatch.setattr(room, "run", run)
    result = CliRunner().invoke(APP, [*words, "--out", "elsewhere"])
    assert result.exit_code == 3
    speed = 0.0 if "--speed" in words else 10.0
    assert told == [(act, Options(Path("etc"), Path("elsewhere"), speed))]


def test_two_acts_at_once_are_refused() -> None:
    result = CliRunner().invoke(APP, ["--kill", "--crash"])
    assert result.exit_code == 2
    assert "give one of them" in result.output


def test_a_fault_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(options: Options, console: Console) -> int:
        raise DemoError("router ended with status 2: port 9410 is in use")

    monkeypatch.setattr(room, "demo", fails)
    result = CliRunner().invoke(APP, [])
    assert result.exit_code == 1
    assert result.output.strip() == "the demo failed: router ended with status 2: port 9410 is in use"
