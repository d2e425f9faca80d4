"""The matching engines as a venue sees them: the lit ones over one shared Market, the dark one its own.

A Market's fills and changes come out of one drain for all venues, so whoever calls it drains it: fills of
participants' orders go back to their venue, and every trade and changed level goes to the venue's
publisher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fixsim.dark import DarkBook, HiddenInterest, midpoint
from fixsim.entry import Kind
from fixsim.matching import Kind as MarketKind
from fixsim.matching import Market
from fixsim.orders import Fill
from fixsim.publisher import Publisher
from fixsim.settings import Settings

_KINDS = {
    Kind.LIMIT: MarketKind.LIMIT,
    Kind.MARKET: MarketKind.MARKET,
    Kind.IOC: MarketKind.IOC,
    Kind.FOK: MarketKind.FOK,
}


@dataclass(slots=True)
class LitMarket:
    """The market behind all lit venues. `touched` venues have something to publish, up to `max_px`."""

    market: Market
    publishers: Sequence[Publisher]
    max_px: int
    touched: set[int] = field(default_factory=set)

    def settle(self) -> list[list[Fill]]:
        """Drain what happened: participants' fills, by lit venue index. Trades and changes are published."""
        ours: list[list[Fill]] = [[] for _ in self.publishers]
        for record in self.market.fills().tolist():
            _, maker, taker, px, qty, _, _, venue, _, maker_is_ours, taker_is_ours, _ = record
            self.touched.add(venue)
            self.publishers[venue].trade(px, qty)
            if maker_is_ours:
                ours[venue].append(Fill(maker, px, qty, maker=True))
            if taker_is_ours:
                ours[venue].append(Fill(taker, px, qty, maker=False))
        for px, total, before, venue, sign in self.market.changes().tolist():
            self.touched.add(venue)
            if px <= self.max_px:
                self.publishers[venue].change(sign, px, before, total)
        return ours

    def mid_px(self) -> int | None:
        """The midpoint of the consolidated touch in half ticks; None: a side is empty, or crossed."""
        return midpoint(self.market.best(venue) for venue in range(self.market.venues))


@dataclass(frozen=True, slots=True)
class LitBook:
    """One lit venue's book; see fixsim.orders.Book."""

    lit: LitMarket
    venue: int

    def submit(self, key: int, sign: int, px: int, qty_lots: int, kind: Kind, now_ns: int) -> list[Fill]:
        self.lit.market.submit(self.venue, key, sign, px, qty_lots, _KINDS[kind], now_ns)
        return self.lit.settle()[self.venue]

    def cancel(self, key: int, now_ns: int) -> None:
        self.lit.market.cancel(key)
        self.lit.settle()

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> list[Fill]:
        self.lit.market.replace(key, px, leaves_lots, now_ns)
        return self.lit.settle()[self.venue]


@dataclass(slots=True)
class DarkMarket:
    """A dark venue's book at the lit midpoint; see fixsim.orders.Book. Its driver calls `advance` first."""

    book: DarkBook
    mid_px: int | None = None

    @classmethod
    def seeded(cls, settings: Settings, number: int, start_ns: int, speed: float) -> DarkMarket:
        """The dark venue that is `number` in the settings, with hidden interest of its own."""
        hidden = settings.hidden
        interest = HiddenInterest(
            seed=settings.seed + number,
            rate_per_s=hidden.rate_per_s * speed,
            buy_share=hidden.buy_share,
            mean_lots=hidden.mean_lots,
            min_lots=hidden.min_lots,
            max_lots=hidden.max_lots,
            round_lots=settings.instrument.round_lots,
            mean_lifetime_ns=max(1, int(hidden.mean_lifetime_ns / speed)),
            max_resting=hidden.max_resting,
        )
        return cls(DarkBook(interest, start_ns))

    def advance(self, now_ns: int, mid_px: int | None) -> list[Fill]:
        """The midpoint now, and the hidden interest that came and went."""
        self.mid_px = mid_px
        self.book.advance(now_ns, mid_px)
        return self._settle()

    def deadline_ns(self) -> int | None:
        return self.book.deadline_ns()

    def submit(self, key: int, sign: int, px: int, qty_lots: int, kind: Kind, now_ns: int) -> list[Fill]:
        rests = kind in (Kind.LIMIT, Kind.PEG)
        matching = MarketKind.LIMIT if rests else MarketKind.IOC
        self.book.submit(key, sign, qty_lots, matching, now_ns, self.mid_px, limit_px=px or None)
        return self._settle()

    def cancel(self, key: int, now_ns: int) -> None:
        self.book.cancel(key)

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> list[Fill]:
        self.book.replace(key, leaves_lots, now_ns, self.mid_px, limit_px=px or None)
        return self._settle()

    def _settle(self) -> list[Fill]:
        ours: list[Fill] = []
        for fill in self.book.fills():
            if fill.maker_is_ours:
                ours.append(Fill(fill.maker_key, fill.px, fill.qty, maker=True))
            if fill.taker_is_ours:
                ours.append(Fill(fill.taker_key, fill.px, fill.qty, maker=False))
        return ours


def depth_of(market: Market, venue: int, max_px: int) -> Callable[[int, int], list[tuple[int, int]]]:
    """The publisher's view of a venue: (sign, levels; 0 for all) -> (px, lots), best first, up to `max_px`.

    The recording has offers so high that a price in nanos would not fit 64 bits; those are not published.
    """

    def depth(sign: int, levels: int) -> list[tuple[int, int]]:
        px, qty = market.depth(venue, sign, levels or None)
        shown = px <= max_px
        return list(zip(px[shown].tolist(), qty[shown].tolist(), strict=True))

    return depth
