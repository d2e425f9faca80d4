"""Three bounds of a passive order's fills: what it would have got at best, in its queue, and at worst.

A replay knows the queue of a recorded order flow exactly, of a partial tape nearly, and of a live market not
at all. So three figures are reported for each stay of an order at a price, in lots, and for the whole run:

    optimistic    every trade at its price or through it, at any venue, would have filled it
    FIFO          what it got, in its place in the queue
    conservative  only trades beyond all that anybody else ever showed at its price, at any venue, while it
                  stood there: what was ahead, what joined behind, and what was cancelled too

For the conservative one, lots that traded through the price in the instant that filled the order count as
trades at it. A conservative lot is a FIFO lot and a FIFO lot an optimistic one, order by order: others cannot
trade at the price more than they showed there, and nobody trades through the price of an order that rests.

Displayed limit orders only: what a hidden order or a peg stands behind is not a queue. Whoever drives a
Market tells what was placed and ended, and shows every fill once. Orders that come and are cancelled between
two looks are not seen, so the conservative bound is the lower, the oftener it is looked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from fixsim.matching import Capacity, FillFlag, Market
from fixsim.matching.anchors import queue_at
from fixsim.matching.kernel import kernel
from fixsim.matching.layout import Core


class Fill(NamedTuple):
    """A FILL record, field by field; see fixsim/matching/layout.py."""

    time_ns: int
    maker_key: int
    taker_key: int
    px: int
    qty: int
    maker_leaves: int
    taker_leaves: int
    venue: int
    aggressor_sign: int
    maker_is_ours: bool
    taker_is_ours: bool
    flags: int


class Bound(NamedTuple):
    """One stay of an order at a price."""

    key: int
    venue: int
    sign: int
    px: int
    qty: int
    """Lots that stood there."""
    optimistic: int
    fifo: int
    conservative: int


class Totals(NamedTuple):
    """Sums over all stays, in lots."""

    qty: int
    optimistic: int
    fifo: int
    conservative: int


Place = tuple[int, int]
"""(sign, px)"""
Row = tuple[Any, ...]
"""A FILL record as a tuple."""


_number_of = attrgetter("number")


@dataclass(slots=True)
class _Stay:
    number: int
    """Of all stays, in the order they began."""
    key: int
    venue: int
    sign: int
    px: int
    qty: int
    others: int
    """Lots that others showed at the price when it was last looked at."""
    shown: int
    """Lots that others showed there in all, since it came."""
    volume: int = 0
    """Lots traded at the price or through it."""
    traded: int = 0
    """Lots traded at the price with displayed orders, its own among them."""
    through: int = 0
    """Lots traded through the price in the instant that filled it, and after it."""
    filled: int = 0
    done_ns: int | None = None

    def meet(self, fill: Fill) -> int:
        """Take in a fill of its market; the lots that others traded at its price."""
        if self.done_ns is not None and fill.time_ns != self.done_ns:
            return 0
        if self.key in (fill.maker_key, fill.taker_key):
            self.filled += fill.qty
            self.traded += fill.qty
            self.volume += fill.qty
            if self.filled >= self.qty:
                self.done_ns = fill.time_ns
            return 0
        if fill.aggressor_sign != -self.sign:
            return 0
        beyond = self.sign * (self.px - fill.px)
        self.volume += fill.qty if beyond >= 0 else 0
        self.through += fill.qty if beyond > 0 and self.done_ns is not None else 0
        if beyond or fill.flags & FillFlag.HIDDEN_MAKER:
            return 0
        self.traded += fill.qty
        return fill.qty

    def look(self, others: int, traded: int) -> None:
        """What others show at the price now, after they traded so much there since the last look."""
        self.shown += max(0, others - self.others + traded)
        self.others = others

    def bound(self) -> Bound:
        worst = min(self.qty, max(0, self.traded + self.through - self.shown))
        best = min(self.qty, self.volume)
        return Bound(self.key, self.venue, self.sign, self.px, self.qty, best, self.filled, worst)


class Bounds:
    """Follows the orders of one market that it is told of."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._live: dict[int, _Stay] = {}
        self._at: dict[Place, dict[int, _Stay]] = {}
        """The same by their price: what happens elsewhere is nothing to them."""
        self._px: dict[int, list[int]] = {1: [], -1: []}
        """Its prices by side, in order."""
        self._placed = 0
        self._between: dict[int, _Stay] = {}
        self._over: list[Bound] = []

    def placed(self, key: int, venue: int, sign: int, px: int) -> None:
        """A displayed limit order rests at a price, now that its own fills as a taker were observed."""
        leaves = self._market.leaves(key)
        if leaves:
            others = self._others(key, sign, px)
            self._placed += 1
            stay = self._live[key] = _Stay(self._placed, key, venue, sign, px, leaves, others, others)
            here = self._at.get((sign, px))
            if here is None:
                here = self._at[sign, px] = {}
                insort(self._px[sign], px)
            here[key] = stay

    def replacing(self, key: int, px: int, leaves_qty: int) -> None:
        """It is replaced, and what follows from that is not observed yet; `replaced` comes after that.

        With less at its price it keeps its place, and its stay goes on.
        """
        stay = self._live.get(key)
        if stay is not None and (px != stay.px or leaves_qty > stay.qty - stay.filled):
            self._between[key] = stay
            self.ended(key)

    def replaced(self, key: int, px: int) -> None:
        """What a replace led to has been observed: it rests at `px`, or nothing of it is left."""
        stay, before = self._live.get(key), self._between.pop(key, None)
        if stay is not None:
            stay.qty = stay.filled + self._market.leaves(key)
        elif before is not None:
            self.placed(key, before.venue, before.sign, px)

    def ended(self, key: int) -> None:
        """It was cancelled, by whomever."""
        stay = self._live.pop(key, None)
        if stay is not None:
            here = self._at[stay.sign, stay.px]
            del here[key]
            if not here:
                del self._at[stay.sign, stay.px]
                known = self._px[stay.sign]
                del known[bisect_left(known, stay.px)]
            self._over.append(stay.bound())

    def observe(self, fills: Sequence[Row], changed: Iterable[Place]) -> None:
        """The rows that Market.fills() gave, in order, each once, before anything else changes; and where
        Market.changes() has found another total since the last call.
        """
        if not self._live:
            return
        at = self._at
        places = {place for place in changed if place in at}
        if not fills and not places:
            return
        seen = [Fill(*row) for row in fills]
        for fill in seen:
            for key in (fill.maker_key, fill.taker_key):
                own = self._live.get(key)
                if own is not None:
                    places.add((own.sign, own.px))
            met = -fill.aggressor_sign
            if met:
                places.update(self._within(met, fill.px))
        stays = [stay for place in places for stay in at[place].values()]
        if len(stays) > 1:
            stays.sort(key=_number_of)
        for stay in stays:
            traded = 0
            for fill in seen:
                traded += stay.meet(fill)
            stay.look(self._others(stay.key, stay.sign, stay.px), traded)
            if stay.done_ns is not None:
                self.ended(stay.key)

    def _within(self, sign: int, px: int) -> list[Place]:
        """The places of a side whose orders a trade at `px` reached, or went through."""
        known = self._px[sign]
        reached = known[bisect_left(known, px) :] if sign > 0 else known[: bisect_right(known, px)]
        return [(sign, one) for one in reached]

    def report(self) -> list[Bound]:
        """Every stay, those that are over first."""
        return [*self._over, *(stay.bound() for stay in self._live.values())]

    def totals(self) -> Totals:
        """The run's sums."""
        rows = self.report()
        return Totals(*(sum(getattr(row, name) for row in rows) for name in Totals._fields))

    def _others(self, key: int, sign: int, px: int) -> int:
        return int(_shown(self._market.core, key, sign, px))


@kernel
def _shown(core: Core, key: int, sign: int, px: int) -> int:
    """Lots displayed at a price, at all venues, but for those of the order `key`."""
    side = 1 if sign < 0 else 0
    total = 0
    for book in range(side, core.books.shape[0], 2):
        slot = queue_at(core, book, px)
        while slot >= 0:
            if core.orders[slot].key != key:
                total += core.orders[slot].leaves
            slot = core.orders[slot].next
    return total


def warm() -> None:
    """Compile what looks at a price."""
    size = Capacity(orders=64, recorded=4, own=8, window=64, overflow=4, fills=64)
    _shown(Market(1, 1000, capacity=size).core, -1, 1, 1000)
