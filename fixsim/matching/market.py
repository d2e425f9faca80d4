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
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fixsim.matching import replay as _replay
from fixsim.matching import trading as _trading
from fixsim.matching import view as _view
from fixsim.matching.errors import BookFull, DuplicateOrder, MatchingError, UnknownOrder
from fixsim.matching.layout import (
    CHANGE,
    EVENT,
    MAX_PX,
    RESTING,
    TRADE,
    Capacity,
    Code,
    Core,
    Records,
    S,
    allocate,
    memory_bytes,
)
from fixsim.matching.levels import best_level as _best_level
from fixsim.matching.resting import slot_of as _slot_of
from fixsim.matching.terms import Kind

if TYPE_CHECKING:
    from fixsim.tape.format import Tape

_END_OF_TIME = (1 << 63) - 1


class Submitted(NamedTuple):
    """What became of a participant's order, in lots; filled + leaves + cancelled is its quantity."""

    filled: int
    leaves: int
    """Rests in the book."""
    cancelled: int
    """The remainder of a MARKET or IOC; all of a FOK that was killed."""


class Touch(NamedTuple):
    """The best prices of a venue and their totals; 0 where a side is empty."""

    bid_px: int
    bid_qty: int
    ask_px: int
    ask_qty: int


class Counts(NamedTuple):
    """What the market has done so far."""

    events: int
    """Recorded events fed."""
    matches: int
    cancelled: int
    """Recorded cancels that removed an order."""
    ignored: int
    """Recorded cancels whose order no longer rested: consumed because of a participant."""
    displaced: int
    """Recorded orders, filled in history, that still rested when the recording was done with them."""
    resting: int
    """Orders that rest now."""
    trades_dropped: int
    """Trades that left the display ring before trades() took them."""


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
    ) -> None:
        if venues < 1:
            raise MatchingError(f"venues {venues} is not positive")
        self.venues = venues
        self.capacity = capacity or Capacity()
        self._core = allocate(venues, centre_px, self.capacity)
        self._events = np.zeros(0, EVENT) if events is None else np.ascontiguousarray(events)
        self._trades_taken = 0
        self._trades_dropped = 0
        if opening is not None:
            code, _ = _replay.load(self._core, np.ascontiguousarray(opening))
            if code:
                self._refuse(code, "opening order")
            self.changes()

    @classmethod
    def for_tape(cls, tape: Tape, venues: int, *, capacity: Capacity | None = None) -> Market:
        """A market at the start of `tape`. Its opening orders rest; they are in depth(), not in changes()."""
        opening = tape.opening
        bids, asks = opening[opening["sign"] > 0], opening[opening["sign"] < 0]
        best = [int(side["px"][0]) for side in (bids, asks) if len(side)]
        centre = sum(best) // len(best) if best else 0
        return cls(venues, centre, capacity=capacity, opening=opening, events=tape.events)

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
            self._refuse(code, f"tape event {now}, ordinal {self._events['ordinal'][now]}")
        return now - before

    # Participants

    def submit(
        self, venue: int, key: int, sign: int, px: int, qty: int, kind: Kind, now_ns: int
    ) -> Submitted:
        """A new order. `px` is not read for Kind.MARKET. Raises MatchingError, having changed nothing."""
        self._check(venue, key, 1 if kind == Kind.MARKET else px, qty)
        if sign not in (1, -1):
            raise MatchingError(f"sign {sign} is neither +1 nor -1 (order {key})")
        code, left = _trading.submit(self._core, venue, key, sign, px, qty, int(kind), now_ns)
        if code:
            self._refuse(code, f"order {key}")
        rests = kind == Kind.LIMIT
        return Submitted(qty - left, left if rests else 0, 0 if rests else left)

    def cancel(self, key: int) -> int:
        """Remove a participant's order: the lots that were left of it, 0 if it no longer rests."""
        if key >= 0:
            raise MatchingError(f"order {key} is recorded, not a participant's (keys below 0)")
        return int(_trading.cancel(self._core, key))

    def replace(self, key: int, px: int, leaves_qty: int, now_ns: int) -> Submitted:
        """Give a resting order a new price and a new *leaves* quantity.

        It keeps its time for a smaller quantity at the same price and loses it otherwise; then it may trade.
        """
        self._check(0, key, px, leaves_qty)
        code, left = _trading.replace(self._core, key, px, leaves_qty, now_ns)
        if code:
            self._refuse(code, f"order {key}")
        return Submitted(leaves_qty - left, left, 0)

    def leaves(self, key: int) -> int:
        """Lots that rest of an order, recorded or not; 0 if it does not rest."""
        if key >= self.capacity.recorded:
            return 0
        slot = int(_slot_of(self._core, key))
        return int(self._core.orders["leaves"][slot]) if slot >= 0 else 0

    def queue_ahead(self, key: int) -> int:
        """Lots that stand before a resting order at its price and venue."""
        slot = int(_slot_of(self._core, key)) if key < self.capacity.recorded else -1
        if slot < 0:
            raise UnknownOrder(f"order {key} does not rest")
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
        self._core.state[S.FILLS] = 0
        return self._core.fills[:n].copy()

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
        """RESTING records of a venue: bids, then asks, best price first, in queue order."""
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
        )

    def digest(self) -> str:
        """Hash of every resting order in its place, and of the counts that decide what comes next."""
        state = self._core.state
        hashed = hashlib.blake2b(digest_size=16)
        hashed.update(np.array([state[S.CURSOR], state[S.ARRIVAL], state[S.MATCHES]], np.int64).tobytes())
        for venue in range(self.venues):
            hashed.update(self.orders(venue).tobytes())
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

    def _check(self, venue: int, key: int, px: int, qty: int) -> None:
        if not 0 <= venue < self.venues:
            raise MatchingError(f"venue {venue} is not one of 0 to {self.venues - 1} (order {key})")
        if not -(1 << 62) <= key < 0:
            raise MatchingError(f"order key {key} is not below 0 (0 and above are recorded ordinals)")
        if not 0 < px <= MAX_PX:
            raise MatchingError(f"price {px} half ticks is not within 1 to {MAX_PX} (order {key})")
        if not 0 < qty <= self.capacity.max_qty:
            raise MatchingError(
                f"quantity {qty} lots is not within 1 to {self.capacity.max_qty} (order {key})"
            )

    def _refuse(self, code: int, what: str) -> NoReturn:
        size = self.capacity
        match Code(code):
            case Code.ORDERS_FULL:
                raise BookFull(f"{what}: {size.orders} orders rest already (Capacity.orders)")
            case Code.LEVELS_FULL:
                raise BookFull(
                    f"{what}: {size.overflow} price levels outside the window are in use (Capacity.overflow; "
                    "emptied ones are given back by changes())"
                )
            case Code.OWN_FULL:
                raise BookFull(f"{what}: {size.own} participants' orders rest already (Capacity.own)")
            case Code.FILLS_FULL:
                raise BookFull(
                    f"{what}: its fills may not fit: {size.fills} less those that fills() has not drained "
                    "(Capacity.fills)"
                )
            case Code.UNKNOWN:
                raise UnknownOrder(f"{what} does not rest")
            case Code.DUPLICATE:
                raise DuplicateOrder(f"{what}: the key belongs to an order that rests")
            case _:
                raise MatchingError(
                    f"{what}: the ordinal is not within 0 to {size.recorded - 1} (Capacity.recorded)"
                )
