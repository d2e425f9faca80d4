"""What a hostile agent can see and do: the public book and trades, its own orders, and its account.

It sees no order's owner and nothing that is not displayed; of its own orders it sees what its venue would
report (what rests trades at its own price: agents leave auctions out). Prices are half ticks, quantities
lots, money half ticks x lots; no fees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fixsim.flow.acts import Acts, tell_foreign
from fixsim.flow.log import Log
from fixsim.flow.source import AGENT_KEYS
from fixsim.matching import BookFull, Kind, Market, MatchingError, Peg, Phase, Terms
from fixsim.matching.layout import S
from fixsim.matching.terms import PLAIN

KEYS_EACH = 1 << 40
_ROOM = 256


class Best(NamedTuple):
    """The consolidated touch of the venues that trade: prices, totals, and where most of each is shown."""

    bid_px: int
    bid_lots: int
    bid_venue: int
    ask_px: int
    ask_lots: int
    ask_venue: int

    @property
    def spread(self) -> int:
        """Half ticks."""
        return self.ask_px - self.bid_px

    def px(self, sign: int) -> int:
        """The best price on a side: +1 bids."""
        return self.bid_px if sign > 0 else self.ask_px

    def lots(self, sign: int) -> int:
        return self.bid_lots if sign > 0 else self.ask_lots

    def venue(self, sign: int) -> int:
        return self.bid_venue if sign > 0 else self.ask_venue


class Taken(NamedTuple):
    """What one taker did: trades of one moment and one side."""

    time_ns: int
    sign: int
    lots: int


@dataclass(slots=True)
class Account:
    """What an agent has done so far."""

    position: int = 0
    cash: int = 0
    orders: int = 0
    fills: int = 0
    bought: int = 0
    sold: int = 0
    found: int = 0
    """How often it saw what it looks for."""
    trips: int = 0
    """How often it went in for it."""

    def fill(self, sign: int, px: int, lots: int) -> None:
        self.position += sign * lots
        self.cash -= sign * px * lots
        self.fills += 1
        if sign > 0:
            self.bought += lots
        else:
            self.sold += lots

    def gain(self, mid_px: float) -> float:
        """Profit with the position at `mid_px`: half ticks x lots."""
        return self.cash + self.position * mid_px


@dataclass(slots=True)
class _Resting:
    sign: int
    px: int
    leaves: int


@dataclass(slots=True)
class Desk:
    """One agent's access. `number` tells agents apart; each order has a key of its own."""

    market: Market
    number: int
    log: Log | None = None
    acts: Acts | None = None
    account: Account = field(default_factory=Account)
    acted: bool = False
    """Whether it changed the book since somebody last asked."""
    _orders: int = 0
    _last: int = 0
    _trades_seen: int = 0
    _own: dict[int, _Resting] = field(default_factory=dict)

    # Seeing

    def best(self) -> Best | None:
        """None: a side is empty, or the venues cross."""
        bid = ask = (0, 0, -1)
        for venue in range(self.market.venues):
            if self.market.phase(venue) is not Phase.CONTINUOUS:
                continue
            touch = self.market.best(venue)
            if touch.bid_qty and (touch.bid_px, touch.bid_qty) > bid[:2]:
                bid = (touch.bid_px, touch.bid_qty, venue)
            if touch.ask_qty and (ask[2] < 0 or (touch.ask_px, -touch.ask_qty) < (ask[0], -ask[1])):
                ask = (touch.ask_px, touch.ask_qty, venue)
        if bid[2] < 0 or ask[2] < 0 or bid[0] >= ask[0]:
            return None
        return Best(*bid, *ask)

    def shown(self, sign: int, px: int) -> int:
        """Lots displayed at a price over all venues that trade, without the agent's own."""
        total = 0
        for venue in range(self.market.venues):
            if self.market.phase(venue) is Phase.CONTINUOUS:
                levels, lots = self.market.depth(venue, sign, 8)
                total += int(lots[levels == px].sum())
        return total - sum(own.leaves for own in self._own.values() if (own.sign, own.px) == (sign, px))

    def taken(self) -> list[Taken]:
        """What takers did since the last call, of what the market's ring still has."""
        core = self.market.core
        total, ring = int(core.state[S.TRADES]), core.trades
        first = max(self._trades_seen, total - len(ring))
        self._trades_seen = total
        found: list[Taken] = []
        for at in range(first, total):
            trade = ring[at % len(ring)]
            time_ns, sign, lots = int(trade["time_ns"]), int(trade["aggressor_sign"]), int(trade["qty"])
            if found and found[-1][:2] == (time_ns, sign):
                found[-1] = Taken(time_ns, sign, found[-1].lots + lots)
            elif sign:
                found.append(Taken(time_ns, sign, lots))
        return found

    # Its own orders

    def settle(self) -> None:
        """What became of its resting orders: they leave by trades, each at its own price."""
        for key, own in list(self._own.items()):
            leaves = self.market.leaves(key)
            if leaves < own.leaves:
                self.account.fill(own.sign, own.px, own.leaves - leaves)
                own.leaves = leaves
            if not leaves:
                del self._own[key]

    def resting(self) -> dict[int, tuple[int, int, int]]:
        """Its orders as last settled, by key: side, price, leaves."""
        return {key: (own.sign, own.px, own.leaves) for key, own in self._own.items()}

    def take(self, sign: int, px: int, lots: int, venue: int, now_ns: int) -> int:
        """Buy or sell at once, no worse than `px`; the lots filled."""
        return self._send(sign, px, lots, venue, Kind.IOC, now_ns, PLAIN)

    def rest(self, sign: int, px: int, lots: int, venue: int, now_ns: int) -> int:
        """A displayed limit order; the lots filled at once."""
        return self._send(sign, px, lots, venue, Kind.LIMIT, now_ns, PLAIN)

    def at_mid(self, sign: int, lots: int, venue: int, now_ns: int) -> int:
        """Trade at the midpoint with what is hidden there, or not at all; the lots filled."""
        filled = self._send(sign, 0, lots, venue, Kind.LIMIT, now_ns, Terms(peg=Peg.MID))
        self.cancel(self._last, now_ns)
        return filled

    def _send(self, sign: int, px: int, lots: int, venue: int, kind: Kind, now_ns: int, terms: Terms) -> int:
        """What the venue refuses (a halt, a band, a tick) is an order less."""
        state, fills = self.market.core.state, self.market.core.fills
        self._last = key = AGENT_KEYS - self.number * KEYS_EACH - self._orders
        self._orders += 1
        before = int(state[S.FILLS])
        try:
            done = self.market.submit(venue, key, sign, px, lots, kind, now_ns, terms)
        except BookFull:
            raise
        except MatchingError:
            return 0
        self.account.orders += 1
        self.acted = True
        for fill in fills[before : int(state[S.FILLS])]:
            if key in (int(fill["taker_key"]), int(fill["maker_key"])):
                self.account.fill(sign, int(fill["px"]), int(fill["qty"]))
        self.settle()
        leaves = self.market.leaves(key)
        if leaves:
            self._own[key] = _Resting(sign, px, leaves)
        self._tell(before, sign, px, leaves if terms is PLAIN else 0, now_ns)
        return done.filled if kind is Kind.IOC else lots - leaves

    def cancel(self, key: int, now_ns: int) -> None:
        self.settle()
        own = self._own.pop(key, None)
        if own is not None and self.market.cancel(key):
            self.acted = True
            fills = int(self.market.core.state[S.FILLS])
            self._tell(fills, own.sign, own.px, -own.leaves if own.px else 0, now_ns)

    def cancel_all(self, now_ns: int) -> None:
        for key in list(self._own):
            self.cancel(key, now_ns)

    def _tell(self, before: int, sign: int, px: int, change: int, now_ns: int) -> None:
        if self.log is not None and self.acts is not None:
            self.log.keep_room(_ROOM)
            tell_foreign(self.market.core, self.acts, before, sign, px, change, now_ns)

    def has_room(self) -> bool:
        """Whether the market can record all that an agent's look can cause."""
        state = self.market.core.state
        pieces = int(self.market.core.books["live"].sum() + self.market.core.books["dims"].sum())
        return len(self.market.core.fills) - int(state[S.FILLS]) >= 4 * pieces + _ROOM


def warm() -> None:
    """Compile the kernel that logs what agents do."""
    from fixsim.flow.acts import acts
    from fixsim.matching import SMALL

    market = Market(1, 2001, capacity=SMALL)
    tell_foreign(market.core, acts(SMALL, rows=4), 0, 1, 2000, 1, 0)
