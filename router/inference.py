"""Runs policies for the engine: a question in, an answer out, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from router.clock import Clock
from router.policy import Policy
from router.records import NO_VALUE, NO_VECTOR, Answer, AnswerStatus
from router.tick import Decide

log = structlog.get_logger()


class Inference:
    """Inline: a policy on the list has bounded operators and no loops, so that it cannot hold the loop up."""

    def __init__(self, policies: Mapping[int, Policy], clock: Clock) -> None:
        self._policies = policies
        self._clock = clock

    def ask(self, decide: Decide) -> Answer:
        """Views of the policy's buffers, valid until its next run. `elapsed_ns` is 0 in lock-step."""
        begin_ns = self._clock.monotonic_ns()
        try:
            said = self._policies[decide.strategy].run(decide.state, decide.mask)
        except (
            Exception
        ) as error:  # the runtime's exceptions share no base; the parent's fallback decides then
            log.error("policy failed", strategy=decide.strategy, error=str(error))
            return Answer(
                decide.parent, decide.decision, AnswerStatus.FAILED, 0, NO_VALUE, NO_VECTOR, NO_VECTOR
            )
        elapsed_ns = self._clock.monotonic_ns() - begin_ns
        return Answer(
            decide.parent,
            decide.decision,
            AnswerStatus.GOOD,
            elapsed_ns,
            said.value,
            said.logits,
            said.action_value,
        )
