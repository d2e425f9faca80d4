"""The matching engines as a venue sees them: the lit ones over one shared Market, the dark one its own.

A Market's fills and changes come out of one drain for all venues, so whoever calls it drains it: what befell
participants' orders waits for their venue, and every trade and changed level goes to the venue's publisher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fixsim.bands import Bands
from fixsim.bounds import Bounds
from fixsim.dark import DarkBook, HiddenInterest, consolidated, midpoint
from fixsim.entry import Ask, Kind
from fixsim.flow.source import AGENT_KEYS
from fixsim.matching import FillFlag, Market, OutOfBand, Peg, Phase, Reason, Terms, WrongPhase
from fixsim.matching import Kind as MarketKind
from fixsim.matching.layout import S
from fixsim.matching.terms import PLAIN
from fixsim.orders import Fill, Gone, Happening, Outcome
from fixsim.publisher import Publisher
from fixsim.settings import Instrument, Settings

_KINDS = {
    Kind.LIMIT: MarketKind.LIMIT,
    Kind.MARKET: MarketKind.MARKET,
    Kind.IOC: MarketKind.IOC,
    Kind.FOK: MarketKind.FOK,
    Kind.PEG: MarketKind.LIMIT,
}
WHY = {
    Reason.SELF_MATCH: "self-match prevention",
    Reason.AUCTION: "unfilled in the auction",
    Reason.MASS_CANCEL: "mass cancel",
}
_DARK_KINDS = {
    Kind.LIMIT: MarketKind.LIMIT,
    Kind.PEG: MarketKind.LIMIT,
    Kind.IOC: MarketKind.IOC,
    Kind.FOK: MarketKind.FOK,
}
_FILLS, _NOTES, _TOUCHED, _IMPACT = int(S.FILLS), int(S.NOTES), int(S.TOUCHED), int(S.IMPACT)
_CONTINUOUS = int(Phase.CONTINUOUS)
Far = tuple[int, int]
"""The consolidated best bid and offer, in half ticks."""


@dataclass(slots=True)
class LitMarket:
    """The market behind all lit venues. `touched` venues have something to publish, up to `max_px`."""

    market: Market
    publishers: Sequence[Publisher]
    max_px: int
    bands: Bands | None = None
    touched: set[int] = field(default_factory=set)
    bounds: Bounds = field(init=False)
    """What passive orders would have got at best and at worst."""
    last_px: list[int] = field(init=False)
    """The last trade's price by venue; 0: none yet."""
    _touch: Far | None = None
    _touch_known: bool = False
    waiting: bool = False
    """Whether `take` would give anything."""
    _waiting: list[list[Happening]] = field(init=False)
    _best: memoryview = field(init=False)
    _level_px: memoryview = field(init=False)
    _level_qty: memoryview = field(init=False)
    _phases: memoryview = field(init=False)
    _state: memoryview = field(init=False)

    def __post_init__(self) -> None:
        self.bounds = Bounds(self.market)
        self.last_px = [0 for _ in self.publishers]
        self._waiting = [[] for _ in self.publishers]
        core = self.market.core
        self._state = core.state.data
        self._best, self._phases = core.books["best"].data, core.venues["phase"].data
        self._level_px, self._level_qty = core.levels["px"].data, core.levels["qty"].data

    @property
    def undrained(self) -> bool:
        """Whether `settle` would make room."""
        state = self._state
        return bool(state[_FILLS] or state[_NOTES] or state[_TOUCHED])

    def settle(self, taker: int = 0, far: Far | None = None) -> None:
        """Drain what happened: it waits for `take`. Trades and changes are published.

        `far` is the touch as the participant's order `taker` found it: its fills say if they were better.
        """
        state, market = self._state, self.market
        if not (state[_FILLS] or state[_NOTES] or state[_TOUCHED]):
            self._band_if_moved(False)
            return
        notes = market.notes().tolist() if state[_NOTES] else []
        fills = market.fills().tolist() if state[_FILLS] or state[_IMPACT] else []
        changes = market.changes().tolist() if state[_TOUCHED] else []
        self.bounds.observe(fills, [(sign, px) for px, _, _, _, sign in changes])
        moved = False
        for number, record in enumerate(fills):
            _, maker, key, px, qty, _, _, venue, sign, maker_is_ours, taker_is_ours, flags = record
            self._note(notes, number)
            auction, odd = bool(flags & FillFlag.AUCTION), bool(flags & FillFlag.ODD_LOT)
            self.touched.add(venue)
            self.last_px[venue] = px
            self.publishers[venue].trade(px, qty)
            if maker_is_ours and maker > AGENT_KEYS:
                self.waiting = True
                self._waiting[venue].append(Fill(maker, px, qty, True, 0, auction, odd))
            if taker_is_ours and key > AGENT_KEYS:
                self.waiting = True
                better = _improvement(sign, px, far) if key == taker and sign else 0
                self._waiting[venue].append(Fill(key, px, qty, False, better, auction, odd))
            if self.bands is not None:
                moved |= self.bands.traded(px, auction)
        self._note(notes, len(fills))
        for px, total, before, venue, sign in changes:
            self._touch_known = False
            self.touched.add(venue)
            if px <= self.max_px:
                self.publishers[venue].change(sign, px, before, total)
        self._band_if_moved(moved)

    def _band_if_moved(self, moved: bool) -> None:
        if self.bands is not None:
            self._band(self.bands, moved)

    def _band(self, bands: Bands, moved: bool) -> None:
        """Before the first trade the bands follow the midpoint; wherever they go, every venue has them."""
        if bands.indicates:
            moved |= bands.indicated(midpoint(self.touch()))
        for venue in range(self.market.venues if moved else 0):
            self.market.set_bands(venue, bands.low_px, bands.high_px)

    def _note(self, notes: list[tuple[int, ...]], fills: int) -> None:
        """Orders that the market cancelled before its fill number `fills`."""
        while notes and notes[0][3] <= fills:
            _, key, _, _, venue, reason = notes.pop(0)
            if key > AGENT_KEYS:
                self.waiting = True
                self._waiting[venue].append(Gone(key, WHY[Reason(reason)]))
            self.bounds.ended(key)

    def take(self, venue: int) -> list[Happening]:
        """What befell participants' orders at a lit venue since the last call."""
        if not self.waiting:
            return []
        taken, self._waiting[venue] = self._waiting[venue], []
        self.waiting = any(self._waiting)
        return taken

    def touch(self) -> Far | None:
        """The consolidated touch of the venues that trade, as last settled; None: one-sided, or crossed."""
        if self._touch_known:
            return self._touch
        self._touch = self._trading_touch()
        self._touch_known = True
        return self._touch

    def _trading_touch(self) -> Far | None:
        """Read from the market's arrays: it is asked for after every order."""
        best, px, qty = self._best, self._level_px, self._level_qty
        bids: list[int] = []
        offers: list[int] = []
        for venue, phase in enumerate(self._phases):
            if phase == _CONTINUOUS:
                bid, offer = best[2 * venue], best[2 * venue + 1]
                if bid >= 0 and qty[bid]:
                    bids.append(px[bid])
                if offer >= 0 and qty[offer]:
                    offers.append(px[offer])
        return consolidated(bids, offers)

    def set_phase(self, venue: int, phase: Phase, now_ns: int) -> None:
        """A venue's phase is another. The touch is of those that trade, so others' midpoint may move.

        Whatever is crossed when trading goes on (after an auction's time, or a halt in it) trades first, at
        the auction's one price; the reference is the venue's last price.
        """
        if phase is Phase.CONTINUOUS and self.market.phase(venue) is Phase.AUCTION:
            self.market.auction(venue, self.last_px[venue], now_ns)
        try:
            self.market.set_phase(venue, phase, now_ns)
        except WrongPhase:
            self.market.set_phase(venue, Phase.AUCTION, now_ns)
            self.market.auction(venue, self.last_px[venue], now_ns)
            self.market.set_phase(venue, phase, now_ns)
        self._touch_known = False
        self.touched.add(venue)
        self.settle()


@dataclass(frozen=True, slots=True)
class LitBook:
    """One lit venue's book; see fixsim.orders.Book."""

    lit: LitMarket
    venue: int

    def submit(self, key: int, ask: Ask, now_ns: int) -> Outcome:
        far = self.lit.touch()
        kind, terms = _KINDS[ask.kind], _terms(ask)
        market, bands = self.lit.market, self.lit.bands
        try:
            done = market.submit(self.venue, key, ask.sign, ask.px, ask.qty_lots, kind, now_ns, terms)
        except OutOfBand as refused:
            raise OutOfBand(bands.refusal(ask.px) if bands else str(refused)) from None
        why = ""
        if done.cancelled and kind is MarketKind.MARKET and bands and bands.reference_px:
            touch = market.best(self.venue)
            why = f"stopped at the {bands}" if (touch.ask_qty if ask.sign > 0 else touch.bid_qty) else ""
        self.lit.settle(key, far)
        if kind is MarketKind.LIMIT and not terms.hidden and terms.peg is Peg.NONE:
            self.lit.bounds.placed(key, self.venue, ask.sign, ask.px)
        return Outcome(self.lit.take(self.venue), done.cancelled, why)

    def cancel(self, keys: Sequence[int], now_ns: int) -> Outcome:
        self.lit.market.cancel_all(keys, now_ns)
        self.lit.settle()
        for key in keys:
            self.lit.bounds.ended(key)
        return Outcome(self.lit.take(self.venue))

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> Outcome:
        far = self.lit.touch()
        bands = self.lit.bands
        try:
            done = self.lit.market.replace(key, px, leaves_lots, now_ns)
        except OutOfBand as refused:
            raise OutOfBand(bands.refusal(px) if bands else str(refused)) from None
        self.lit.bounds.replacing(key, px, leaves_lots)
        self.lit.settle(key, far)
        self.lit.bounds.replaced(key, px)
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

    def cancel(self, keys: Sequence[int], now_ns: int) -> Outcome:
        for key in keys:
            self.book.cancel(key)
        return Outcome(self._settle())

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


def _terms(ask: Ask) -> Terms:
    if ask.shown_lots is None and not (ask.post_only or ask.peg or ask.min_lots or ask.self_match):
        return PLAIN
    return Terms(
        post_only=ask.post_only,
        hidden=ask.shown_lots == 0 and ask.peg is Peg.NONE,
        peg=ask.peg,
        display_qty=ask.shown_lots or 0,
        min_qty=ask.min_lots,
        group=ask.group if ask.self_match else 0,
        self_match=ask.self_match,
    )


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
