"""The session layer's cases as scripts, each file named for its case, through one core in memory and over
TCP.

Those whose names begin with a number are the published test cases (FIX Trading Community, "FIX Session Layer
Test Cases and Expected Behaviors"), 1 to 21; the others are ours. What only an acceptor of many sessions can
show (two connections at once) is tested with the router's and the simulator's.
"""

from pathlib import Path

import pytest

from router.fix.codec import encode
from tests.router.fix.scripted import T0, Script, played_in_memory, played_over_tcp

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "fix"
PATHS = sorted(SCENARIOS.glob("*.fix"))
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def lines_of(path: Path) -> list[str]:
    return [line.rstrip() for line in path.read_text().splitlines() if line.strip()]


@each
def test_scenario_in_memory(path: Path) -> None:
    lines = lines_of(path)
    assert played_in_memory(lines) == lines


@each
async def test_scenario_over_tcp(path: Path) -> None:
    lines = lines_of(path)
    assert await played_over_tcp(lines) == lines


def test_there_are_scenarios() -> None:
    assert len(PATHS) >= 100


def test_the_script_fills_in_what_the_encoder_would() -> None:
    raw = Script(["role acceptor"]).wire("<", "35=0|34=1")
    expected = encode(b"FIX.4.4", b"0", 1, b"PEER", b"US", T0, b"")
    assert sorted(raw.split(b"\x01")) == sorted(expected.split(b"\x01"))


def test_a_script_that_says_otherwise_fails() -> None:
    lines = lines_of(SCENARIOS / "logon_accepted.fix")
    assert "= ACTIVE 3 2" in lines
    assert played_in_memory([line.replace("= ACTIVE 3 2", "= ACTIVE 3 3") for line in lines]) == lines
