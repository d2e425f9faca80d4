"""The matching engines as a venue sees them: the lit ones over one shared Market, the dark one its own.

A Market's fills and changes come out of one drain for all venues, so whoever calls it drains it: what befell
participants' orders waits for their venue, and every trade and changed level goes to the venue's publisher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fixsim.dark import DarkBook, HiddenInterest, consolidated, midpoint
from fixsim.entry import Ask, Kind
from fixsim.matching import Kind as MarketKind
from fixsim.matching import Market, Phase
from fixsim.orders import Fill, Happening, Outcome
from fixsim.publisher import Publisher
from fixsim.settings import Instrument, Settings

_KINDS = {
    Kind.LIMIT: MarketKind.LIMIT,
    Kind.MARKET: MarketKind.MARKET,
    Kind.IOC: MarketKind.IOC,
    Kind.FOK: MarketKind.FOK,
}
_DARK_KINDS = {
    Kind.LIMIT: MarketKind.LIMIT,
    Kind.PEG: MarketKind.LIMIT,
    Kind.IOC: MarketKind.IOC,
    Kind.FOK: MarketKind.FOK,
}
Far = tuple[int, int]
"""The consolidated best bid and offer, in half ticks."""


@dataclass(slots=True)
class LitMarket:
    """The market behind all lit venues. `touched` venues have something to publish, up to `max_px`."""

    market: Market
    publishers: Sequence[Publisher]
    max_px: int
    touched: set[int] = field(default_factory=set)
    phases: list[Phase] = field(init=False)
    _waiting: list[list[Happening]] = field(init=False)

    def __post_init__(self) -> None:
        self.phases = [Phase.CONTINUOUS for _ in self.publishers]
        self._waiting = [[] for _ in self.publishers]

    def settle(self, taker: int = 0, far: Far | None = None) -> None:
        """Drain what happened: it waits for `take`. Trades and changes are published.

        `far` is the touch as the participant's order `taker` found it: its fills say if they were better.
        """
        for record in self.market.fills().tolist():
            _, maker, key, px, qty, _, _, venue, sign, maker_is_ours, taker_is_ours, *_ = record
            self.touched.add(venue)
            self.publishers[venue].trade(px, qty)
            if maker_is_ours:
                self._waiting[venue].append(Fill(maker, px, qty, maker=True))
            if taker_is_ours:
                better = _improvement(sign, px, far) if key == taker else 0
                self._waiting[venue].append(Fill(key, px, qty, maker=False, improvement_px=better))
        for px, total, before, venue, sign in self.market.changes().tolist():
            self.touched.add(venue)
            if px <= self.max_px:
                self.publishers[venue].change(sign, px, before, total)

    def take(self, venue: int) -> list[Happening]:
        """What befell participants' orders at a lit venue since the last call."""
        taken, self._waiting[venue] = self._waiting[venue], []
        return taken

    def touch(self) -> Far | None:
        """The consolidated touch of the venues that trade; None: a side is empty, or crossed."""
        trading = (n for n, phase in enumerate(self.phases) if phase is Phase.CONTINUOUS)
        return consolidated(self.market.best(venue) for venue in trading)

    def set_phase(self, venue: int, phase: Phase, now_ns: int) -> None:
        """A venue's phase is another. The touch is of those that trade, so others' midpoint may move."""
        self.phases[venue] = phase
        self.touched.add(venue)


@dataclass(frozen=True, slots=True)
class LitBook:
    """One lit venue's book; see fixsim.orders.Book."""

    lit: LitMarket
    venue: int

    def submit(self, key: int, ask: Ask, now_ns: int) -> Outcome:
        far = self.lit.touch()
        kind = _KINDS[ask.kind]
        done = self.lit.market.submit(self.venue, key, ask.sign, ask.px, ask.qty_lots, kind, now_ns)
        self.lit.settle(key, far)
        return Outcome(self.lit.take(self.venue), done.cancelled)

    def cancel(self, key: int, now_ns: int) -> None:
        self.lit.market.cancel(key)
        self.lit.settle()

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> Outcome:
        far = self.lit.touch()
        done = self.lit.market.replace(key, px, leaves_lots, now_ns)
        self.lit.settle(key, far)
        return Outcome(self.lit.take(self.venue), done.cancelled)


@dataclass(slots=True)
class DarkMarket:
    """A dark venue's book at the lit midpoint; see fixsim.orders.Book. Its driver calls `advance` first."""

    book: DarkBook
    phase: Phase = Phase.CONTINUOUS
    """Without CONTINUOUS nothing trades: there is no midpoint."""
    far: Far | None = None
    _before: Far | None = None
    """The touch until `_now_ns`, where fills that were made before then have to look."""
    _now_ns: int = 0

    @classmethod
    def seeded(
        cls, settings: Settings, instrument: Instrument, place: int, number: int, start_ns: int, speed: float
    ) -> DarkMarket:
        """The venue that is `place` in the settings and dark, for the `number`th instrument: with hidden
        interest of its own.
        """
        hidden = settings.hidden
        interest = HiddenInterest(
            seed=settings.seed + place + (number << 32),
            rate_per_s=hidden.rate_per_s * speed,
            buy_share=hidden.buy_share,
            mean_lots=hidden.mean_lots,
            min_lots=hidden.min_lots,
            max_lots=hidden.max_lots,
            round_lots=instrument.round_lots,
            mean_lifetime_ns=max(1, int(hidden.mean_lifetime_ns / speed)),
            max_resting=hidden.max_resting,
        )
        return cls(DarkBook(interest, start_ns))

    def advance(self, now_ns: int, far: Far | None) -> list[Happening]:
        """The lit touch now, and the hidden interest that came and went."""
        far = far if self.phase is Phase.CONTINUOUS else None
        self._before, self.far, self._now_ns = self.far, far, now_ns
        self.book.advance(now_ns, self.mid_px)
        return self._settle()

    @property
    def mid_px(self) -> int | None:
        return midpoint(self.far)

    def deadline_ns(self) -> int | None:
        return self.book.deadline_ns()

    def submit(self, key: int, ask: Ask, now_ns: int) -> Outcome:
        done = self.book.submit(
            key, ask.sign, ask.qty_lots, _DARK_KINDS[ask.kind], now_ns, self.mid_px,
            limit_px=ask.px or None, min_qty=ask.min_lots,
        )  # fmt: skip
        return Outcome(self._settle(), done.cancelled)

    def cancel(self, key: int, now_ns: int) -> None:
        self.book.cancel(key)

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> Outcome:
        self.book.replace(key, leaves_lots, now_ns, self.mid_px, limit_px=px or None)
        return Outcome(self._settle())

    def _settle(self) -> list[Happening]:
        ours: list[Happening] = []
        for fill in self.book.fills():
            far = self.far if fill.time_ns == self._now_ns else self._before
            sign, px, qty = fill.aggressor_sign, fill.px, fill.qty
            if fill.maker_is_ours:
                ours.append(Fill(fill.maker_key, px, qty, True, _improvement(-sign, px, far)))
            if fill.taker_is_ours:
                ours.append(Fill(fill.taker_key, px, qty, False, _improvement(sign, px, far)))
        return ours


def _improvement(sign: int, px: int, far: Far | None) -> int:
    """Half ticks by which a buyer (sign 1) or seller at `px` does better than the far side of the touch."""
    if far is None:
        return 0
    return max(0, far[1] - px if sign > 0 else px - far[0])


def depth_of(market: Market, venue: int, max_px: int) -> Callable[[int, int], list[tuple[int, int]]]:
    """The publisher's view of a venue: (sign, levels; 0 for all) -> (px, lots), best first, up to `max_px`.

    The recording has offers so high that a price in nanos would not fit 64 bits; those are not published.
    """

    def depth(sign: int, levels: int) -> list[tuple[int, int]]:
        px, qty = market.depth(venue, sign, levels or None)
        shown = px <= max_px
        return list(zip(px[shown].tolist(), qty[shown].tolist(), strict=True))

    return depth
