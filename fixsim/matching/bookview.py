"""What there is to see of a market, and what has happened since somebody looked. Nothing here trades.

Units as in layout.py. Whoever looks at fills, notes, changes or trades takes them: the next call has what
came after.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fixsim.matching import view as _view
from fixsim.matching.answers import Counts, Touch
from fixsim.matching.capacity import Capacity, memory_bytes
from fixsim.matching.errors import MatchingError, UnknownOrder
from fixsim.matching.layout import CHANGE, RESTING, SPECIAL, TRADE, Core, Records, S
from fixsim.matching.levels import best_level as _best_level
from fixsim.matching.resting import slot_of as _slot_of
from fixsim.matching.shift import absorb

_FILLS, _NOTES, _TOUCHED = int(S.FILLS), int(S.NOTES), int(S.TOUCHED)
_IMPACT, _ABSORBED = int(S.IMPACT), int(S.ABSORBED)


class BookView:
    """The books of `venues` lit venues, kept in `core`."""

    def __init__(self, venues: int, capacity: Capacity, core: Core) -> None:
        self.venues = venues
        self.capacity = capacity
        self._core = core
        self._state = core.state.data
        self._trades_taken = 0
        self._trades_dropped = 0

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
        state = self._state
        n = state[_FILLS]
        if state[_IMPACT]:
            absorb(self._core)
        state[_FILLS] = state[_ABSORBED] = 0
        return self._core.fills[:n].copy()

    def notes(self) -> Records:
        """NOTE records since the last call: orders, or rests of them, that the market itself cancelled.

        `after_fill` is how many of the fills since the last fills() came before.
        """
        n = self._state[_NOTES]
        self._state[_NOTES] = 0
        return self._core.notes[:n].copy()

    def changes(self) -> Records:
        """CHANGE records: each level whose total differs from the last call, in the order first touched.

        `before` 0 is a new level, `qty` 0 one that is gone.
        """
        out = np.zeros(self._state[_TOUCHED], CHANGE)
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
        for array in (rules, self._core.venues, self._core.impact, self._core.shifts):
            hashed.update(array.tobytes())
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
