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
from typing import Protocol

from fixsim.impact import Impact
from fixsim.matching import Market, MatchingError, Rules
from fixsim.matching.partialmarket import PartialMarket
from fixsim.tape.format import Tape, TapeError
from fixsim.tape.partial import PartialTape

AGENT_KEYS = -(1 << 60)
"""Order keys at and below this belong to agents that live inside a flow (flow/hostile). Whoever drives a
market gives its participants' orders keys above it, and passes over fills and notes of those below."""


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


def from_tape(
    tape: Tape | PartialTape,
    venues: int,
    *,
    start_ns: int | None = None,
    stop_ns: int | None = None,
    impact: Impact | None = None,
    seed: int = 0,
    rules: Rules | None = None,
) -> Source:
    """A market that is fed the tape from `start_ns` (None: its start), with what is before it in the book.

    `impact`: prices answer to participants, with the beta that `seed` draws. `rules`: of participants'
    prices and lots. TapeError: a market for it would be too large.
    """
    response = None if impact is None else impact.drawn(seed, _opening_px(tape))
    market: Market
    try:
        if isinstance(tape, PartialTape):
            market = PartialMarket(tape, venues, impact=response, rules=rules)
        else:
            market = Market.for_tape(tape, venues, impact=response, rules=rules)
    except MatchingError as error:
        raise TapeError(f"{tape.symbol}: the tape cannot be replayed: {error}") from None
    start_ns = tape.start_ns if start_ns is None else start_ns
    return Source(market, TapeFlow(market), start_ns, tape.end_ns if stop_ns is None else stop_ns)


def _opening_px(tape: Tape | PartialTape) -> int:
    """Half way between the best opening prices, or the first price there is; half ticks."""
    bids, offers = (tape.opening["px"][tape.opening["sign"] == sign] for sign in (1, -1))
    if len(bids) and len(offers):
        return (int(bids.max()) + int(offers.min())) // 2
    priced = tape.events["px"][tape.events["px"] > 0]
    return int(priced[0]) if len(priced) else 1
