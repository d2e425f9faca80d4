"""Execution schedules as ONNX graphs under the policy contract: TWAP, Almgren-Chriss, submit-and-leave.

A schedule is a few yes-or-no tests, each a linear form of the state (and of the trajectory), and a score per
action that is linear in the tests:

    tests = [W state + w x(time left) + b > 0]        scores = V tests + c        logits = scores, masked

x is the share that should still be open. TWAP: x = t, the share of time left (Bertsimas and Lo 1998 under
linear impact). Almgren and Chriss (2000), eq. 18: x = sinh(k t) / sinh(k), k the urgency per horizon. Behind
is base left - x. Passive first: join the near touch with what is due within a bucket; cross when behind by a
bucket; when ahead by one, withdraw and send nothing; near the end a parent that must complete crosses with
everything. Almgren-Chriss uses the dark venue as well: from a quarter of a bucket behind, what is due rests
as a midpoint peg instead of joining, until it fills or the bucket is full. No state is kept: between fills a
parent only falls further behind, so the zones (ahead, join, peg, cross) are passed once, each for as long as
its width takes to come due, and only a fill leads back.
Submit-and-leave (Nevmyvaka, Feng and Kearns 2006): rest all at the near touch, leave it, cross at the end.

Sizes are scored by closeness (2yk - k^2 is largest at k = y), so that the best allowed action is the nearest
to the wanted one where that is masked. What is masked at every size gives way to the more patient: crossing
to the peg, where one is due, the peg to joining, joining to null; never the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from policies.export import assemble, tensor
from router.actions import CROSS, FIRST, JOIN, MID, NULL, SIZES, WITHDRAW, A, decode
from router.features import FEATURES, S

BUCKET = 0.05  # of the parent: how far from the schedule it may be
PEG_FROM = BUCKET / 4  # behind: from here on at the midpoint, where there is a dark venue
END = 0.02  # of the horizon
END_INTERVALS = 2.5  # or so many decision intervals, where that is longer
URGENCY = 2.0  # Almgren-Chriss: kappa times the horizon
TRAJECTORY, ONE = "x", "1"  # terms of a test beside the features

# Between two sizes, the boundary is their geometric mean.
_BOUNDARIES = tuple(math.sqrt(a * b) / 100 for a, b in pairwise(SIZES))
# Scores of the kinds of action: far enough apart that no closeness of size (below 500) bridges them.
_CROSSING, _PEGGING, _SLOT, _NULL, _UNWANTED = 6000.0, 1250.0, -600.0, -1400.0, -2500.0
_STEP = 8.0  # pushes the wanted size to the largest

Test = Mapping[str, float]
ABOUT = {
    "temperature": "0",
    "reward_calibration": "none: schedule",
    "training_data": "none: schedule",
    "seed": "none: schedule",
    "commit": "none: rebuilt byte for byte from policies/schedules.py",
    "evaluation": "completes against a toy market (tests/policies/test_schedules.py)",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """A schedule before it is a graph: named tests, and which of them speak for what."""

    tests: Mapping[str, Test]
    crosses: Sequence[str]  # any: cross instead of join
    cross_sizes: Mapping[str, float]  # steps up in size of a cross
    join_sizes: Mapping[str, float]
    join_size: float = 0.0  # before steps
    withdraws: Sequence[str] = ()
    leaves: Sequence[str] = ()  # null instead of join
    pegs: Sequence[str] = ()  # any: a midpoint peg instead of join, of the same size


def _end() -> dict[str, Test]:
    """Near the end, if the parent must complete."""
    waits = {"time_left": -1.0, "must_complete": 10.0}
    return {
        "end": {**waits, ONE: END - 10.0},
        "last_intervals": {**waits, "interval_of_horizon": END_INTERVALS, ONE: -10.0},
    }


def _follow(bucket: float, peg_from: float | None = None) -> Rules:
    """Keep within a bucket of the trajectory; from `peg_from` behind it, rest at the midpoint."""
    behind = {"base_left": 1.0, TRAJECTORY: -1.0}
    tests: dict[str, Test] = {
        "behind": {**behind, ONE: -bucket},
        "ahead": {"base_left": -1.0, TRAJECTORY: 1.0, ONE: -bucket},
        **_end(),
    }
    for k, share in enumerate(_BOUNDARIES):
        tests[f"cross_{k}"] = {**behind, "base_left": 1.0 - share}
        tests[f"join_{k}"] = {**behind, "base_left": 1.0 - share, ONE: bucket}
    if peg_from is not None:
        tests["due"] = {**behind, ONE: -peg_from}
    last = {"end": _STEP, "last_intervals": _STEP}
    return Rules(
        tests=tests,
        crosses=("behind", "end", "last_intervals"),
        cross_sizes={**{f"cross_{k}": 1.0 for k in range(len(_BOUNDARIES))}, **last},
        join_sizes={**{f"join_{k}": 1.0 for k in range(len(_BOUNDARIES))}, **last},
        withdraws=("ahead",),
        leaves=("ahead",),  # where there is nothing to withdraw
        pegs=() if peg_from is None else ("due",),
    )


def _submit_and_leave() -> Rules:
    return Rules(
        tests={"placed": {"working_of_base": 1.0, ONE: -0.97}, **_end()},
        crosses=("end", "last_intervals"),
        cross_sizes={"end": _STEP, "last_intervals": _STEP},
        join_sizes={},
        join_size=_STEP,
        leaves=("placed",),
    )


def _scores(rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """V[tests, A] and c[A]: the score of each action from the tests."""
    names = list(rules.tests)
    weights, bias = np.zeros((len(names), A)), np.full(A, _UNWANTED)
    bias[NULL] = _NULL
    weights[[names.index(n) for n in rules.leaves], NULL] = 1.5 * -_NULL
    weights[[names.index(n) for n in rules.withdraws], WITHDRAW] = 1.5 * -_UNWANTED
    for action in range(FIRST, A):
        size, price, slot = decode(action)
        if price not in (JOIN, MID, CROSS):
            continue
        k = SIZES.index(size)
        bias[action] = -k * k + (_SLOT - slot if slot else 0.0)
        steps = rules.cross_sizes if price == CROSS else rules.join_sizes
        for name, step in steps.items():
            weights[names.index(name), action] += 2.0 * step * k
        if price == CROSS:
            bias[action] -= _CROSSING / 2
            weights[[names.index(n) for n in rules.crosses], action] += _CROSSING
            continue
        bias[action] += 2.0 * rules.join_size * k
        if price == MID:
            bias[action] += _UNWANTED
            weights[[names.index(n) for n in rules.pegs], action] += _PEGGING - _UNWANTED
    return weights, bias


def _linear(rules: Rules) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W[S, tests], w[tests] for the trajectory, b[tests]."""
    n = len(rules.tests)
    state, trajectory, one = np.zeros((S, n)), np.zeros(n), np.zeros(n)
    for k, test in enumerate(rules.tests.values()):
        for term, factor in test.items():
            if term == TRAJECTORY:
                trajectory[k] = factor
            elif term == ONE:
                one[k] = factor
            else:
                state[FEATURES.index(term), k] = factor
    return state, trajectory, one


def _graph(name: str, rules: Rules, urgency: float | None, about: Mapping[str, str]) -> ModelProto:
    """`urgency` None: the trajectory is the straight line."""
    state, trajectory, one = _linear(rules)
    weights, bias = _scores(rules)
    time_left = FEATURES.index("time_left")
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    if urgency is None:
        state[time_left] += trajectory
        nodes.append(helper.make_node("Gemm", ["state", "w_state", "b_state"], ["forms"], name="forms"))
    else:
        exponent = np.zeros((S, 2))
        exponent[time_left] = urgency, -urgency
        share = np.array([[0.5], [-0.5]]) / math.sinh(urgency)
        constants += [tensor("w_exponent", exponent), tensor("w_trajectory", share * trajectory)]
        nodes += [
            helper.make_node("Gemm", ["state", "w_state", "b_state"], ["known"], name="known"),
            helper.make_node("MatMul", ["state", "w_exponent"], ["exponents"], name="exponents"),
            helper.make_node("Exp", ["exponents"], ["powers"], name="powers"),
            helper.make_node("Gemm", ["powers", "w_trajectory", "known"], ["forms"], name="forms"),
        ]
    nodes += [
        helper.make_node("Greater", ["forms", "zero"], ["true"], name="true"),
        helper.make_node("Cast", ["true"], ["tests"], name="tests", to=TensorProto.FLOAT),
        helper.make_node("Gemm", ["tests", "w_raw", "b_raw"], ["raw"], name="raw"),
        helper.make_node("MatMul", ["state", "w_value"], ["value"], name="value"),
        helper.make_node("Mul", ["raw", "zero"], ["action_value"], name="action_value"),
    ]
    constants += [
        tensor("w_state", state),
        tensor("b_state", one),
        tensor("w_raw", weights),
        tensor("b_raw", bias),
        tensor("w_value", np.zeros(S)),
        tensor("zero", 0.0),
    ]
    return assemble(name, nodes, constants, about)


def twap() -> ModelProto:
    """Evenly over the horizon."""
    return _graph("twap", _follow(BUCKET), None, {**ABOUT, "bucket": f"{BUCKET:g}"})


def almgren_chriss() -> ModelProto:
    """Faster at first, less risk for more impact; at the midpoint between joining and crossing."""
    about = {**ABOUT, "bucket": f"{BUCKET:g}", "peg_from": f"{PEG_FROM:g}", "urgency": f"{URGENCY:g}"}
    return _graph("almgren_chriss", _follow(BUCKET, PEG_FROM), URGENCY, about)


def submit_and_leave() -> ModelProto:
    """All at the near touch at once; what is left crosses at the end."""
    return _graph("submit_and_leave", _submit_and_leave(), None, ABOUT)


SCHEDULES: dict[str, Callable[[], ModelProto]] = {
    "twap": twap,
    "almgren_chriss": almgren_chriss,
    "submit_and_leave": submit_and_leave,
}
