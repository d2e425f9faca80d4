"""Thirty seconds of `make fuzz`, the same inputs each time; and that it would find something."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fixsim.cli import app
from fixsim.fuzz import watch
from fixsim.fuzz.watch import FoundError, run

SHARE_S = 5.0


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["codec", "session"])
def test_nothing_comes_of_mutated_input(name: str, seed: int) -> None:
    done = run(name, seed, 10_000_000, SHARE_S)
    assert done.inputs > 1_000


class Bad:
    """A target with a fault."""

    def __init__(self, seed: int) -> None:
        self.steps = 0
        self.held: list[bytearray] = []

    def step(self) -> None:
        self.steps += 1


class Raises(Bad):
    def step(self) -> None:
        super().step()
        if self.steps > 700:
            raise KeyError("35")


class Grows(Bad):
    def step(self) -> None:
        super().step()
        self.held.append(bytearray(b"x" * 200_000))


@pytest.mark.parametrize(
    ("target", "says"),
    [(Raises, "codec, seed 7, input 701: KeyError: '35'"), (Grows, "codec, seed 7, input [0-9]+: grown by")],
)
def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch, target: type[Bad], says: str) -> None:
    monkeypatch.setitem(watch.TARGETS, "codec", target)
    monkeypatch.setattr(watch, "MAX_GROWTH_BYTES", 20 << 20)
    with pytest.raises(FoundError, match=says):
        run("codec", 7, 5_000)


def test_an_input_that_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_INPUT_S", 0.0)
    with pytest.raises(FoundError, match="one took"):
        run("codec", 7, 1_000)


def test_the_same_seed_is_the_same_inputs() -> None:
    made = [watch.TARGETS["codec"](5) for _ in range(2)]
    for target in made:
        for _ in range(2_000):
            target.step()
    first, second = (vars(target) for target in made)
    assert first["messages"] == second["messages"] > 500
    assert first["garbled"] == second["garbled"] > 50


def test_the_command_prints_its_seed_and_rate() -> None:
    done = CliRunner().invoke(app, ["fuzz", "--codec", "0", "--session", "0", "--seed", "3"])
    assert done.exit_code == 0
    assert done.output.startswith("seed 3\n")
