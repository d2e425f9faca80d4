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

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fixsim.matching import commands as _commands
from fixsim.matching import phases as _phases
from fixsim.matching import replay as _replay
from fixsim.matching import view as _view
from fixsim.matching.answers import Counts, Submitted, Touch
from fixsim.matching.auction import Auction, clear
from fixsim.matching.errors import MatchingError, UnknownOrder, WrongPhase
from fixsim.matching.layout import (
    CHANGE,
    COMMAND,
    EVENT,
    MAX_PX,
    RESTING,
    RESULT,
    SPECIAL,
    TRADE,
    Capacity,
    Core,
    Records,
    S,
    allocate,
    memory_bytes,
)
from fixsim.matching.levels import best_level as _best_level
from fixsim.matching.refusals import refusal
from fixsim.matching.resting import slot_of as _slot_of
from fixsim.matching.shift import Response, absorb, engage
from fixsim.matching.terms import PLAIN, Kind, Op, Phase, Rules, Terms

if TYPE_CHECKING:
    from fixsim.tape.format import Tape

_END_OF_TIME = (1 << 63) - 1


class Market:
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
        self.venues = venues
        self.capacity = capacity or Capacity()
        self.rules = rules or Rules()
        self._core = allocate(venues, centre_px, self.capacity, self.rules)
        if impact is not None:
            self._core = engage(self._core, impact)
        self._events = np.zeros(0, EVENT) if events is None else np.ascontiguousarray(events)
        self._command, self._result = np.zeros(1, COMMAND), np.zeros(1, RESULT)
        self._trades_taken = 0
        self._trades_dropped = 0
        if opening is not None:
            code, _ = _replay.load(self._core, np.ascontiguousarray(opening))
            if code:
                raise refusal(code, "opening order", self.capacity, {})
            self.changes()

    @classmethod
    def for_tape(
        cls,
        tape: Tape,
        venues: int,
        *,
        capacity: Capacity | None = None,
        rules: Rules | None = None,
        impact: Response | None = None,
    ) -> Market:
        """A market at the start of `tape`. Its opening orders rest; they are in depth(), not in changes()."""
        opening = tape.opening
        bids, asks = opening[opening["sign"] > 0], opening[opening["sign"] < 0]
        best = [int(side["px"][0]) for side in (bids, asks) if len(side)]
        centre = sum(best) // len(best) if best else 0
        return cls(
            venues, centre, capacity=capacity, opening=opening, events=tape.events, rules=rules, impact=impact
        )

    # The recording

    @property
    def next_time_ns(self) -> int | None:
        """When the next recorded event is due; None after the last."""
        at = int(self._core.state[S.CURSOR])
        return int(self._events["time_ns"][at]) if at < len(self._events) else None

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

    # One order

    def leaves(self, key: int) -> int:
        """Lots that rest of an order, recorded or not, its reserve too; 0 if it does not rest."""
        if key >= self.capacity.recorded:
            return 0
        slot = int(_slot_of(self._core, key))
        return int(self._core.orders["leaves"][slot] + self._core.orders["reserve"][slot]) if slot >= 0 else 0

    def queue_ahead(self, key: int) -> int:
        """Displayed lots that stand before a displayed order at its price and venue."""
        slot = int(_slot_of(self._core, key)) if key < self.capacity.recorded else -1
        if slot < 0:
            raise UnknownOrder(f"order {key} does not rest")
        if self._core.orders["level"][slot] < 0:
            raise MatchingError(f"order {key} is not displayed: it stands in no queue")
        total = 0
        at = int(self._core.orders["prev"][slot])
        while at >= 0:
            total += int(self._core.orders["leaves"][at])
            at = int(self._core.orders["prev"][at])
        return total

    # What happened

    def fills(self) -> Records:
        """FILL records since the last call, of all venues, in order."""
        n = int(self._core.state[S.FILLS])
        if self._core.state[S.IMPACT]:
            absorb(self._core)
        self._core.state[[S.FILLS, S.ABSORBED]] = 0
        return self._core.fills[:n].copy()

    def notes(self) -> Records:
        """NOTE records since the last call: orders, or rests of them, that the market itself cancelled.

        `after_fill` is how many of the fills since the last fills() came before.
        """
        n = int(self._core.state[S.NOTES])
        self._core.state[S.NOTES] = 0
        return self._core.notes[:n].copy()

    def changes(self) -> Records:
        """CHANGE records: each level whose total differs from the last call, in the order first touched.

        `before` 0 is a new level, `qty` 0 one that is gone.
        """
        out = np.zeros(int(self._core.state[S.TOUCHED]), CHANGE)
        n = int(_view.drain_changes(self._core, out)) if len(out) else 0
        return out[:n]

    def trades(self) -> Records:
        """TRADE records since the last call, for display: the newest Capacity.trades of them."""
        total = int(self._core.state[S.TRADES])
        ring = self._core.trades
        first = max(self._trades_taken, total - len(ring))
        self._trades_dropped += first - self._trades_taken
        self._trades_taken = total
        out: Records = ring[np.arange(first, total) % len(ring)] if total > first else np.zeros(0, TRADE)
        return out

    # What there is

    def best(self, venue: int) -> Touch:
        """The touch of a venue."""
        bid, ask = int(_best_level(self._core, 2 * venue)), int(_best_level(self._core, 2 * venue + 1))
        px, qty = self._core.levels["px"], self._core.levels["qty"]
        return Touch(
            int(px[bid]) if bid >= 0 else 0,
            int(qty[bid]) if bid >= 0 else 0,
            int(px[ask]) if ask >= 0 else 0,
            int(qty[ask]) if ask >= 0 else 0,
        )

    def depth(
        self, venue: int, sign: int, levels: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Prices and totals of the best `levels` levels (None: all) of a side of a venue, best first."""
        book = 2 * venue + (1 if sign < 0 else 0)
        n = int(self._core.books["live"][book])
        n = n if levels is None else min(n, levels)
        px, qty = np.zeros(n, np.int64), np.zeros(n, np.int64)
        n = int(_view.depth(self._core, book, px, qty))
        return px[:n], qty[:n]

    def orders(self, venue: int) -> Records:
        """RESTING records of a venue's displayed orders: bids, then asks, best price first, in queue order.

        Of an iceberg it is what shows.
        """
        return np.concatenate([self._side(2 * venue), self._side(2 * venue + 1)])

    def _side(self, book: int) -> Records:
        out = np.zeros(int(self._core.books["live"][book]), RESTING)
        _view.resting(self._core, book, out)
        return out

    def counts(self) -> Counts:
        """Totals since the market was made."""
        state = self._core.state
        return Counts(
            events=int(state[S.CURSOR]),
            matches=int(state[S.MATCHES]),
            cancelled=int(state[S.CANCELLED]),
            ignored=int(state[S.IGNORED]),
            displaced=int(state[S.DISPLACED]),
            resting=self.capacity.orders - int(state[S.FREE]),
            trades_dropped=self._trades_dropped,
            dropped=int(state[S.DROPPED]),
        )

    def digest(self) -> str:
        """Hash of every resting order in its place, with all it carries, and of what decides the future."""
        state, rules = self._core.state, self._core.ticks
        hashed = hashlib.blake2b(digest_size=16)
        hashed.update(state[[S.CURSOR, S.ARRIVAL, S.MATCHES, S.NOW, S.ROUND_LOT]].tobytes())
        hashed.update(rules.tobytes() + self._core.venues.tobytes())
        special = np.zeros(int(state[S.OWN]), SPECIAL)
        for venue in range(self.venues):
            hashed.update(self.orders(venue).tobytes())
            for book in (2 * venue, 2 * venue + 1):
                hashed.update(special[: int(_view.special(self._core, book, special))].tobytes())
            hashed.update(b"|")
        return hashed.hexdigest()

    @property
    def core(self) -> Core:
        """The arrays, for kernels that feed this market. Who has them can break it: see fixsim/flow."""
        return self._core

    @property
    def memory_bytes(self) -> int:
        """The market's arrays, all pages used."""
        return memory_bytes(self._core)
