"""One market: the lit venues of one instrument, recorded order flow and participants in the same queues.

    market = Market.for_tape(tape, venues=2)
    market.step_until(now_ns)              # the recording, up to and including now_ns
    market.submit(venue, key, sign, px, qty, Kind.LIMIT, now_ns)
    for fill in market.fills(): ...        # what happened since the last call, in order
    for change in market.changes(): ...    # price levels whose total is another than at the last call

It reads no clock, draws no random number and does no I/O: the same calls give the same digest. Units as in
layout.py. Participants' keys are below 0 and, while the order rests, belong to it alone. Memory is
`memory_bytes`, fixed when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fixsim.matching import commands as _commands
from fixsim.matching import phases as _phases
from fixsim.matching import replay as _replay
from fixsim.matching.answers import Submitted
from fixsim.matching.auction import Auction, clear
from fixsim.matching.bookview import BookView
from fixsim.matching.capacity import Capacity, allocate
from fixsim.matching.errors import MatchingError, UnknownOrder, WrongPhase
from fixsim.matching.layout import COMMAND, EVENT, MAX_PX, RESULT, EventKind, Records, S
from fixsim.matching.recording import Recording, flow_capacity
from fixsim.matching.refusals import refusal
from fixsim.matching.shift import Response, engage
from fixsim.matching.terms import PLAIN, Kind, Op, Peg, Phase, Rules, Terms

_END_OF_TIME = (1 << 63) - 1
_CURSOR = int(S.CURSOR)


class Market(BookView):
    """See the module. `venues` lit venues share one time-ordered recording, which may be empty."""

    def __init__(
        self,
        venues: int,
        centre_px: int,
        *,
        capacity: Capacity | None = None,
        opening: Records | None = None,
        events: Records | None = None,
        rules: Rules | None = None,
        impact: Response | None = None,
    ) -> None:
        if venues < 1:
            raise MatchingError(f"venues {venues} is not positive")
        capacity = capacity or Capacity()
        self.rules = rules or Rules()
        core = allocate(venues, centre_px, capacity, self.rules)
        super().__init__(venues, capacity, core if impact is None else engage(core, impact))
        self._events = np.zeros(0, EVENT) if events is None else np.ascontiguousarray(events)
        self._command, self._result = np.zeros(1, COMMAND), np.zeros(1, RESULT)
        self._next: tuple[int, int | None] = (-1, None)
        if opening is not None:
            code, _ = _replay.load(self._core, np.ascontiguousarray(opening))
            if code:
                raise refusal(code, "opening order", self.capacity, {})
            self.changes()

    @classmethod
    def for_tape(
        cls,
        tape: Recording,
        venues: int,
        *,
        capacity: Capacity | None = None,
        rules: Rules | None = None,
        impact: Response | None = None,
    ) -> Market:
        """A market at the start of `tape`. Its opening orders rest; they are in depth(), not in changes().

        `capacity` None: as the tape needs; BookFull if that is more than a market may be.
        """
        opening = tape.opening
        bids, asks = opening[opening["sign"] > 0], opening[opening["sign"] < 0]
        best = [int(side["px"][0]) for side in (bids, asks) if len(side)]
        centre = sum(best) // len(best) if best else 0
        capacity = capacity or flow_capacity(tape, venues, centre)
        return cls(
            venues, centre, capacity=capacity, opening=opening, events=tape.events, rules=rules, impact=impact
        )

    # The recording

    @property
    def next_time_ns(self) -> int | None:
        """When the next recorded event is due; None after the last."""
        at = self._state[_CURSOR]
        if self._next[0] != at:
            self._next = (at, int(self._events["time_ns"][at]) if at < len(self._events) else None)
        return self._next[1]

    def step_until(self, time_ns: int) -> int:
        """Feed every recorded event due at `time_ns` or before; how many."""
        return self._feed(time_ns, len(self._events))

    def replay_event(self) -> int:
        """Feed the next recorded event, whenever it is due: 1, or 0 after the last."""
        return self._feed(_END_OF_TIME, 1)

    def _feed(self, until_ns: int, at_most: int) -> int:
        before = int(self._core.state[S.CURSOR])
        code = _replay.replay(self._core, self._events, until_ns, at_most)
        now = int(self._core.state[S.CURSOR])
        if code:
            what = f"tape event {now}, ordinal {self._events['ordinal'][now]}"
            raise refusal(code, what, self.capacity, {})
        return now - before

    def feed(self, events: Records) -> int:
        """Feed EVENT records that are no part of the recording (generated flow), now; how many.

        Their ordinals are 0 and more, within Capacity.recorded. For one that cannot be taken MatchingError is
        raised; those before it have been fed.
        """
        events = np.ascontiguousarray(events)
        code, at = _replay.feed_all(self._core, events)
        if code:
            raise refusal(code, f"event {at}, ordinal {events['ordinal'][at]}", self.capacity, {})
        return int(at)

    # Participants

    def submit(
        self,
        venue: int,
        key: int,
        sign: int,
        px: int,
        qty: int,
        kind: Kind,
        now_ns: int,
        terms: Terms = PLAIN,
    ) -> Submitted:
        """A new order. `px` is not read for Kind.MARKET; of a peg it is its own limit, 0 for none.

        Raises MatchingError, having changed nothing.
        """
        return self._asked(Op.NEW, venue, key, sign, px, qty, kind, now_ns, terms)

    def cancel(self, key: int, now_ns: int | None = None) -> int:
        """Remove a participant's order: the lots that were left of it, 0 if it no longer rests.

        `now_ns` is the time of trades that may follow (None: that of the last message).
        """
        if key >= 0:
            raise MatchingError(f"order {key} is recorded, not a participant's (keys below 0)")
        try:
            return self._asked(Op.CANCEL, 0, key, 0, 0, 0, Kind.LIMIT, self._time(now_ns), PLAIN).cancelled
        except UnknownOrder:
            return 0

    def cancel_all(self, keys: Sequence[int], now_ns: int | None = None) -> list[int]:
        """Remove participants' orders all at once: the lots that were left of each, as from cancel().

        Nothing trades between: what follows is as if they had never rested. Raises MatchingError, having
        changed nothing.
        """
        if recorded := [key for key in keys if key >= 0]:
            raise MatchingError(f"order {recorded[0]} is recorded, not a participant's (keys below 0)")
        lots = np.zeros(len(keys), np.int64)
        code = _commands.cancel_all(self._core, np.array(keys, np.int64), lots, self._time(now_ns))
        if code:
            raise refusal(code, f"cancel of {len(keys)} orders", self.capacity, {})
        left: list[int] = lots.tolist()
        return left

    def replace(self, key: int, px: int, leaves_qty: int, now_ns: int) -> Submitted:
        """Give a resting order a new price and a new *leaves* quantity, its reserve included.

        It keeps its time for a smaller quantity at the same price and loses it otherwise; then it may trade.
        """
        return self._asked(Op.REPLACE, 0, key, 0, px, leaves_qty, Kind.LIMIT, now_ns, PLAIN)

    def mass_cancel(
        self, owner: int, *, venue: int | None = None, sign: int | None = None, now_ns: int | None = None
    ) -> Records:
        """Remove every order of `owner` (at `venue`, of side `sign`): CANCELLED records, newest key last."""
        noted = int(self._core.state[S.NOTES])
        where, side = -1 if venue is None else venue, sign or 0
        terms = Terms(owner=owner)
        self._asked(Op.MASS_CANCEL, where, 0, side, 0, 0, Kind.LIMIT, self._time(now_ns), terms)
        n = int(self._result["count"][0])
        left = int(self._core.state[S.NOTES]) - n  # the answer names them; notes() need not
        self._core.notes[noted:left] = self._core.notes[noted + n : left + n].copy()
        self._core.state[S.NOTES] = left
        return self._core.gathered[:n].copy()

    def run(self, commands: Records) -> Records:
        """The batch door: COMMAND records in order, in one call. RESULT records; a `code` but 0 refused it.

        The fills of the whole batch have to fit into Capacity.fills. Orders that a mass cancel removes are in
        notes(), as are those that the market cancelled.
        """
        results = np.zeros(len(commands), RESULT)
        _commands.run(self._core, np.ascontiguousarray(commands), results)
        return results

    def _time(self, now_ns: int | None) -> int:
        return int(self._core.state[S.NOW]) if now_ns is None else now_ns

    def _asked(
        self,
        op: Op,
        venue: int,
        key: int,
        sign: int,
        px: int,
        qty: int,
        kind: Kind,
        now_ns: int,
        terms: Terms,
    ) -> Submitted:
        size, own = (terms.owner, terms.display_qty, terms.min_qty), (terms.post_only, terms.hidden)
        names = (op, kind, sign, terms.peg, terms.self_match)
        try:
            self._command[0] = (now_ns, key, px, qty, *size, terms.group, venue, *names, *own)
        except OverflowError as error:
            raise MatchingError(f"order {key}: {error}") from None
        _commands.run(self._core, self._command, self._result)
        filled, leaves, cancelled, code, _ = self._result[0].tolist()
        if code:
            asked = dict(zip(COMMAND.names or (), self._command[0].tolist(), strict=True))
            raise refusal(code, f"order {key}", self.capacity, asked | {"last_venue": self.venues - 1})
        return Submitted(filled, leaves, cancelled)

    # Venues

    def phase(self, venue: int) -> Phase:
        """What the venue does with orders now."""
        return Phase(int(self._core.venues["phase"][self._known(venue)]))

    def set_phase(self, venue: int, phase: Phase, now_ns: int) -> None:
        """Put a venue into a phase; orders stay. Pegs then follow the touch of the venues that are open.

        CONTINUOUS is refused while the book is crossed or holds market orders: WrongPhase.
        """
        code = _phases.set_phase(self._core, self._known(venue), int(phase), now_ns)
        if code:
            raise refusal(code, f"venue {venue} to {phase.name}", self.capacity, {})

    def set_bands(self, venue: int, low_px: int, high_px: int) -> None:
        """Price bands in half ticks, both included, from now on; 0, 0: none. Resting orders stay."""
        if not (low_px == high_px == 0 or 0 < low_px <= high_px <= MAX_PX):
            raise MatchingError(
                f"bands {low_px} to {high_px} half ticks of venue {venue} are no range of prices"
            )
        _phases.set_bands(self._core, self._known(venue), low_px, high_px)

    def indicative(self, venue: int, reference_px: int) -> Auction:
        """What auction() would do now."""
        if self.phase(venue) != Phase.AUCTION:
            raise WrongPhase(f"venue {venue} is in {self.phase(venue).name}, not in AUCTION")
        books = (2 * venue, 2 * venue + 1)
        bids, asks = (self._interest(book) for book in books)
        return clear(bids, asks, reference_px, self._core.ticks)

    def auction(self, venue: int, reference_px: int, now_ns: int) -> Auction:
        """Trade the venue's book at one price and cancel the market orders left over (notes()).

        Its phase stays AUCTION until the caller sets another. `reference_px` 0: none; see auction.py.
        """
        found = self.indicative(venue, reference_px)
        code = _phases.uncross(self._core, venue, found.px, found.qty, now_ns)
        if code:
            raise refusal(code, f"auction of venue {venue}", self.capacity, {})
        return found

    def _interest(self, book: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        n = int(self._core.books["live"][book] + self._core.books["dims"][book])
        px, qty = np.zeros(n, np.int64), np.zeros(n, np.int64)
        n = int(_phases.interest(self._core, book, px, qty))
        return px[:n], qty[:n]

    def _known(self, venue: int) -> int:
        if not 0 <= venue < self.venues:
            raise MatchingError(f"venue {venue} is not one of 0 to {self.venues - 1}")
        return venue


def warm() -> None:
    """Call every kernel that a market calls, on a small one."""
    events = np.array([(1, 0, 998, 5, -1, EventKind.LIMIT, 1)], EVENT)
    market = Market(1, 1000, capacity=Capacity(orders=64, recorded=4, own=8, window=64, overflow=4, fills=64))
    market.feed(events)
    market.submit(0, -1, 1, 0, 5, Kind.LIMIT, 2, Terms(peg=Peg.PRIMARY))
    market.set_bands(0, 900, 1100)
    market.set_phase(0, Phase.AUCTION, 3)
    market.submit(0, -2, -1, 998, 2, Kind.LIMIT, 4)
    market.auction(0, 998, 5)
    market.cancel_all([-1, -2], 6)
    market.changes()
    market.depth(0, 1)
    market.queue_ahead(0)
    market.digest()
