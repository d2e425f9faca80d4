"""A question in, an answer out, with the time that it took; a policy that fails says so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from router.actions import A
from router.clock import SteppedClock
from router.features import S
from router.inference import Inference
from router.records import AnswerStatus, pack_answer, unpack_answer
from router.tick import Decide

QUESTION = Decide(7, 42, 1001, np.zeros(S, np.float32), np.ones(A, np.bool_))
SAID = SimpleNamespace(
    value=np.ones(1, np.float32),
    logits=np.arange(A, dtype=np.float32),
    action_value=np.zeros(A, np.float32),
)


class Stopwatch(SteppedClock):
    """Each look is 3 ms after the last."""

    def monotonic_ns(self) -> int:
        self.set(self.now_ns() + 3_000_000)
        return self.now_ns()


class Scripted:
    """A policy that answers what it is told to, and keeps what it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self._error = error

    def run(self, state: Any, mask: Any) -> Any:
        self.asked.append((state, mask))
        if self._error is not None:
            raise self._error
        return SAID


def inference(policy: Any, clock: SteppedClock | None = None) -> Inference:
    return Inference({1001: policy}, clock or SteppedClock(1))


def test_the_policy_of_the_strategy_is_asked_and_its_answer_belongs_to_the_decision() -> None:
    policy = Scripted()
    answer = inference(policy).ask(QUESTION)
    ((state, mask),) = policy.asked
    assert state is QUESTION.state
    assert mask is QUESTION.mask
    assert (answer.parent, answer.decision, answer.status) == (7, 42, AnswerStatus.GOOD)
    assert answer.logits is SAID.logits, "views, so that nothing is copied on the path"
    assert unpack_answer(pack_answer(answer)).logits.tolist() == SAID.logits.tolist()


def test_the_time_that_it_took_is_measured_and_none_in_lock_step() -> None:
    assert inference(Scripted(), Stopwatch(1)).ask(QUESTION).elapsed_ns == 3_000_000
    assert inference(Scripted(), SteppedClock(1)).ask(QUESTION).elapsed_ns == 0


def test_whatever_a_runtime_raises_is_an_answer_that_failed_and_can_be_journalled() -> None:
    for policy in (Scripted(RuntimeError("no memory")), Scripted(KeyError("x"))):
        answer = inference(policy).ask(QUESTION)
        assert (answer.parent, answer.decision, answer.status) == (7, 42, AnswerStatus.FAILED)
        assert unpack_answer(pack_answer(answer)).status is AnswerStatus.FAILED


def test_a_strategy_without_a_policy_fails_too() -> None:
    assert Inference({}, SteppedClock(1)).ask(QUESTION).status is AnswerStatus.FAILED
