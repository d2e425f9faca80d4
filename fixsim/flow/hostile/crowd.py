"""A flow with agents in it: what a model or a recording sends, and those who watch the market.

Agents look at their own times, evenly spread by a seed of their own, so that the flow without them draws what
it drew before. At one moment the flow comes first, then the agents in their order, and after each that has
acted the flow may answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from fixsim.chance import Chance
from fixsim.flow.hostile.agents import Agent
from fixsim.flow.source import Flow
from fixsim.matching import BookFull

_STREAM = 0x4846  # of the seed, for the agents' looks


class Crowd:
    """A Flow; see the module."""

    def __init__(self, flow: Flow, agents: Sequence[Agent], *, seed: int, start_ns: int) -> None:
        self.flow = flow
        self.agents = tuple(agents)
        self._chances = [Chance(seed, _STREAM, number) for number in range(len(self.agents))]
        self._looks = [start_ns + self._wait_ns(number) for number in range(len(self.agents))]

    def _wait_ns(self, number: int) -> int:
        """Evenly from half the reaction time to one and a half."""
        reaction_ns = self.agents[number].reaction_ns
        return max(1, reaction_ns // 2 + self._chances[number].below(reaction_ns + 1))

    def next_time_ns(self) -> int | None:
        due = [*self._looks]
        if (flow_ns := self.flow.next_time_ns()) is not None:
            due.append(flow_ns)
        return min(due, default=None)

    def step_until(self, time_ns: int) -> int:
        done = 0
        while self._looks and (at_ns := min(self._looks)) <= time_ns:
            done += self.flow.step_until(at_ns)
            number = self._looks.index(at_ns)
            agent = self.agents[number]
            if not agent.desk.has_room():
                raise BookFull("an agent's look: its fills may not fit (Capacity.fills; fills() makes room)")
            agent.look(at_ns)
            self._looks[number] = at_ns + self._wait_ns(number)
            if agent.desk.acted:
                agent.desk.acted = False
                self.flow.disturbed()
                done += 1 + self.flow.step_until(at_ns)
        return done + self.flow.step_until(time_ns)

    def disturbed(self) -> None:
        self.flow.disturbed()
