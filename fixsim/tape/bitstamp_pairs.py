"""Bitstamp: which reductions of orders are executions, and who met whom. No files, no clock.

The venue tells of orders (created, changed, deleted) and, on a channel of its own, of trades that name no
order. What an execution does to its two orders is known exactly: both lose the traded amount, the maker's
price is the trade's. So a trade is paired with the one reduction on each side that fits it:

- both reductions equal its amount to the lot, and lie within WINDOW_NS of it (the three arrive in any order);
- the maker's price is the trade's price, the taker's limit reaches it;
- of two that could be the maker it is the one with the lower id (ids are given in order of arrival); an order
  that the venue moves in price keeps its id, so that this decides only between equals;
- an order whose add was never seen has no known amount; one at the trade's price, on the taker's other side,
  is the maker if no known order is.

An event that nobody could pair, but that reduced an order, is paired with its likeness on the other side: the
trade's message was lost, or the source has none, and then this is all there is to go by. (The csv's volumes
went through binary floats and were cut off, so that two of them may differ by SLACK lots for one execution.)

Every event waits for 2 x WINDOW_NS until it is released, in the order it came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import product
from typing import Final

from fixsim.tape.schema import Type

WINDOW_NS: Final = 2_000_000_000
SLACK: Final = 2
MAX_HELD: Final = 1 << 17
"""Events that wait. At the bound the oldest are released, decided by what is known of them."""


class Role(Enum):
    """What a held event turned out to be."""

    PLAIN = auto()  # never was a reduction
    OPEN = auto()  # a reduction that is not paired
    MAKER = auto()
    TAKER = auto()
    MERGED = auto()  # a trade's message, told by its maker's reduction


@dataclass(slots=True, eq=False)
class Held:
    """One event that waits: of an order, or a trade's message (`trade`). Prices nanos, quantities lots."""

    row: int
    time_ns: int
    sign: int
    """+1 bid, -1 offer, of the order; of a trade's message: the maker's, 0 where it is not known."""
    order_id: int | None
    price: int
    taken: int | None
    """By how much the order was reduced, or the traded amount; None: the order's add was never seen."""
    whole: bool = False
    """The order is gone."""
    came_ns: int | None = None
    """When its add was seen."""
    trade: bool = False
    """A trade's message."""
    role: Role = Role.OPEN
    contra_id: int | None = None
    trade_id: int | None = None
    trade_price: int | None = None
    announced: bool = False
    """A trade's message tells of it."""
    row_type: Type = Type.TRADE
    """Of a PLAIN event: what its row is."""
    venue_time_ns: int | None = None
    flags: int = 0
    """Flags of the row that are known beforehand."""


class Pairs:
    """Events in, in order of time; out they come again when it is known what they were."""

    def __init__(self, window_ns: int = WINDOW_NS, most: int = MAX_HELD) -> None:
        self.slack = 0
        """By how many lots the two sides of an execution may differ, where no message tells of it."""
        self._window_ns = window_ns
        self._most = most
        self._held: deque[Held] = deque()
        self._trades: deque[Held] = deque()
        self._by_amount: dict[int, list[Held]] = {}
        self._unseen: dict[int, list[Held]] = {}

    def push(self, event: Held) -> Iterator[Held]:
        """Take one event; give those whose time has come."""
        yield from self._due(event.time_ns)
        self._held.append(event)
        if event.trade:
            self._trades.append(event)
        elif event.role is Role.OPEN:
            self._index(event).append(event)

    def flush(self) -> Iterator[Held]:
        """Give all that is left."""
        while self._trades:
            self._settle(self._trades.popleft())
        while self._held:
            yield self._release()

    def _due(self, now_ns: int) -> Iterator[Held]:
        while self._trades and self._trades[0].time_ns + self._window_ns < now_ns:
            self._settle(self._trades.popleft())
        while self._held and (
            self._held[0].time_ns + 2 * self._window_ns < now_ns or len(self._held) >= self._most
        ):
            yield self._release()

    def _release(self) -> Held:
        event = self._held.popleft()
        if event.trade:
            if self._trades and self._trades[0] is event:  # only at the bound
                self._settle(self._trades.popleft())
        elif event.role is Role.OPEN:
            self._pair_unannounced(event)
            if event.role is Role.OPEN:
                self._forget(event)
        return event

    def _settle(self, trade: Held) -> None:
        """Find the two orders of a trade, or one."""
        assert trade.taken is not None
        known = [e for e in self._by_amount.get(trade.taken, ()) if self._near(e, trade)]
        unseen = [e for e in self._unseen.get(trade.price, ()) if self._near(e, trade)]
        makers = [e for e in known if e.price == trade.price] + unseen
        takers = [e for e in known if e.sign * (e.price - trade.price) >= 0]
        pairs = [(m, t) for m, t in product(makers, takers) if m.sign == -t.sign]
        if pairs:
            maker, taker = min(pairs, key=lambda pair: _unlikely(pair, trade))
            self._join(maker, taker, trade)
        elif takers:  # a maker's price reaches the trade's as well
            alone = min(takers, key=lambda e: abs(e.time_ns - trade.time_ns))
            if alone.price == trade.price and not _just_came(alone, self._window_ns):
                self._join(alone, None, trade)
            else:
                self._join(None, alone, trade)

    def _pair_unannounced(self, event: Held) -> None:
        if event.taken is None:
            others = [e for es in self._by_amount.values() for e in es]
        else:
            near = range(event.taken - self.slack, event.taken + self.slack + 1)
            others = [e for amount in near for e in self._by_amount.get(amount, ())]
            others += [e for es in self._unseen.values() for e in es]
        fits = []
        for other in others:
            if other.sign != -event.sign or not self._near(other, event):
                continue
            maker, taker = sorted((event, other), key=lambda e: (e.taken is not None, e.order_id))
            if taker.taken is not None and taker.sign * (taker.price - maker.price) >= 0:
                fits.append((maker, taker))
        if fits:
            self._join(*min(fits, key=lambda pair: _unlikely(pair, event)), None)

    def _join(self, maker: Held | None, taker: Held | None, trade: Held | None) -> None:
        """`maker` and `taker` met, at least one of whom is known; `trade` says so, if there is a message."""
        amount = next(e.taken for e in (trade, taker, maker) if e is not None and e.taken is not None)
        for event, other, role in ((maker, taker, Role.MAKER), (taker, maker, Role.TAKER)):
            if event is None:
                continue
            self._forget(event)
            event.role, event.taken = role, amount if event.taken is None else event.taken
            event.contra_id = other.order_id if other is not None else None
            event.announced = trade is not None
            event.trade_id = trade.trade_id if trade is not None else None
            event.trade_price = trade.price if trade is not None else (maker or event).price
        if trade is not None and maker is not None:
            trade.role = Role.MERGED
        elif trade is not None and taker is not None:
            trade.contra_id, trade.sign = taker.order_id, -taker.sign

    def _index(self, event: Held) -> list[Held]:
        if event.taken is None:
            return self._unseen.setdefault(event.price, [])
        return self._by_amount.setdefault(event.taken, [])

    def _forget(self, event: Held) -> None:
        by, key = (self._unseen, event.price) if event.taken is None else (self._by_amount, event.taken)
        left = [e for e in by[key] if e is not event]
        if left:
            by[key] = left
        else:
            del by[key]

    def _near(self, event: Held, other: Held) -> bool:
        return abs(event.time_ns - other.time_ns) <= self._window_ns


def _unlikely(pair: tuple[Held, Held], event: Held) -> tuple[bool, bool, int]:
    """What makes a pair worse: the maker's add was not seen, it came later, all three are far apart."""
    maker, taker = pair
    assert maker.order_id is not None
    assert taker.order_id is not None
    apart = abs(maker.time_ns - event.time_ns) + abs(taker.time_ns - event.time_ns)
    return maker.taken is None, maker.order_id > taker.order_id, apart


def _just_came(event: Held, window_ns: int) -> bool:
    return event.came_ns is not None and event.time_ns - event.came_ns <= window_ns
