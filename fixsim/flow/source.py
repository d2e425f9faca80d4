"""What moves a market beside its participants, and where a run's market comes from.

A Flow feeds one Market: a recording, or orders drawn from a model. Whoever drives it steps it to a moment
before anybody acts at that moment, and says so afterwards:

    flow.step_until(now_ns)              # everything that was due
    market.submit(...)                   # a participant acts
    flow.disturbed()                     # and the flow may answer

Pure: times are passed in, chance comes from a seed. One thread drives a market and its flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fixsim.matching import Market

if TYPE_CHECKING:
    from fixsim.tape import Tape


class Flow(Protocol):
    """Order flow into one market. Times are ns UTC of the market."""

    def next_time_ns(self) -> int | None:
        """When it acts next if nobody disturbs it; None: never again."""

    def step_until(self, time_ns: int) -> int:
        """Feed everything due up to and including `time_ns`: how many events.

        MatchingError if one did not fit. After BookFull it goes on with that event when called again
        (fills() makes room, for example).
        """

    def disturbed(self) -> None:
        """A participant changed the book at the moment last stepped to.

        What depends on the book depends on it as it is now. The answer, if there is one at once, is an event
        that is due at this very moment: next_time_ns says so, and step_until feeds it.
        """


@dataclass(frozen=True, slots=True)
class TapeFlow:
    """The market's own recording. It is history: nothing that participants do moves its times."""

    market: Market

    def next_time_ns(self) -> int | None:
        return self.market.next_time_ns

    def step_until(self, time_ns: int) -> int:
        due_ns = self.market.next_time_ns
        return 0 if due_ns is None or due_ns > time_ns else self.market.step_until(time_ns)

    def disturbed(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Source:
    """A market that is ready to run, what moves it, and when it begins and ends (ns UTC)."""

    market: Market
    flow: Flow
    start_ns: int
    stop_ns: int


def from_tape(tape: Tape, venues: int, *, start_ns: int | None = None, stop_ns: int | None = None) -> Source:
    """A market at `start_ns` (None: the tape's start): what is before it has been fed, and is in the book."""
    market = Market.for_tape(tape, venues)
    start_ns = tape.start_ns if start_ns is None else start_ns
    return Source(market, TapeFlow(market), start_ns, tape.end_ns if stop_ns is None else stop_ns)
