"""The fallback's decisions. That it completes a parent is tested with the schedules (tests/policies)."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import fallback as room
from router.actions import ACTIONS, CROSS, JOIN, NULL, A, encode
from router.fallback import fallback
from router.features import END, FILLED, INTERVAL, MUST_COMPLETE, NOW, QTY, START, UNKNOWN, TickState

SECOND = 1_000_000_000
BEGIN = 1_531_514_831 * SECOND
EVERYTHING = set(range(A))


def decide(
    elapsed_s: float, filled: int, allowed: set[int], must_complete: bool = True, unknown: int = 0
) -> str:
    """Of a parent of 1,000 over 100 seconds."""
    i = TickState().i
    i[QTY], i[FILLED], i[UNKNOWN] = 1000, filled, unknown
    i[MUST_COMPLETE], i[INTERVAL] = must_complete, SECOND
    i[START], i[END], i[NOW] = BEGIN, BEGIN + 100 * SECOND, BEGIN + int(elapsed_s * SECOND)
    mask = np.zeros(A, np.bool_)
    mask[list({NULL, *allowed})] = True
    return ACTIONS[fallback(i, mask)]


@pytest.mark.parametrize(
    ("elapsed_s", "filled", "said"),
    [
        (0, 0, "5%.join.best"),
        (4.9, 0, "10%.join.best"),
        (5, 0, "5%.cross.best"),
        (20, 0, "25%.cross.best"),
        (50, 520, "5%.join.best"),
        (50, 550, "withdraw"),
        (97, 960, "100%.join.best"),
        (98, 980, "100%.cross.best"),
        (150, 0, "100%.cross.best"),
        (-5, 0, "5%.join.best"),
        (50, 1000, "null"),
    ],
)
def test_it_keeps_to_the_straight_line(elapsed_s: float, filled: int, said: str) -> None:
    assert decide(elapsed_s, filled, EVERYTHING) == said


def test_what_is_unknown_is_not_sent_again() -> None:
    assert decide(50, 400, EVERYTHING, unknown=100).split(".")[1] == "join"
    assert decide(99, 900, EVERYTHING, unknown=100) == "null"


def test_a_parent_that_may_expire_is_not_forced_at_the_end() -> None:
    assert decide(99, 985, EVERYTHING, must_complete=False) == "100%.join.best"


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ({encode(2, CROSS), encode(10, CROSS), encode(100, CROSS)}, "10%.cross.best"),
        ({encode(100, CROSS), encode(25, JOIN)}, "100%.cross.best"),
        ({encode(5, JOIN), encode(2, CROSS, 1)}, "5%.join.best"),
        (set(), "null"),
    ],
)
def test_where_the_wanted_action_is_masked_it_takes_the_next(allowed: set[int], said: str) -> None:
    assert decide(20, 0, allowed) == said


@given(st.lists(st.integers(-(2**62), 2**62), min_size=7, max_size=7), st.sets(st.integers(0, A - 1)))
def test_whatever_the_state_its_action_is_allowed(values: list[int], allowed: set[int]) -> None:
    i = TickState().i
    for index, value in zip((QTY, FILLED, UNKNOWN, NOW, START, END, INTERVAL), values, strict=True):
        i[index] = value // 4
    mask = np.zeros(A, np.bool_)
    mask[list({NULL, *allowed})] = True
    assert mask[fallback(i, mask)]


def test_it_knows_no_floats_and_no_model() -> None:
    tree = ast.parse(inspect.getsource(room))
    assert not any(isinstance(n, ast.Div) for n in ast.walk(tree))
    assert not any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in ast.walk(tree))
