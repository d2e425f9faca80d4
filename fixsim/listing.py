"""One instrument at all venues: its market, what moves it, its publishers and its dark books.

Pure: driven by the exchange, which knows the venues' clients and the time. Several listings share nothing but
that: a flow moves its own market at its own times, and an order meets only its symbol's books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from fixsim.bands import Bands
from fixsim.books import DarkMarket, Far, LitBook, LitMarket, depth_of
from fixsim.flow.source import Source
from fixsim.matching import BookFull, MatchingError
from fixsim.orders import Book, Happening
from fixsim.publisher import Publisher
from fixsim.settings import Instrument, Settings
from risk.errors import SettingsError

if TYPE_CHECKING:
    from fixsim.record import Record
    from fixsim.venue import Venue

MAX_NANOS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Pace:
    """A market's clock by its driver's: `start_ns` here is `origin_ns` there, and it runs `speed` as fast."""

    origin_ns: int
    start_ns: int
    speed: Fraction

    def wall_ns(self, market_ns: int) -> int:
        """The first moment of the driver's clock at which the market's has reached `market_ns`."""
        speed = self.speed
        return self.origin_ns - (self.start_ns - market_ns) * speed.denominator // speed.numerator

    def market_ns(self, wall_ns: int) -> int:
        return self.start_ns + (wall_ns - self.origin_ns) * self.speed.numerator // self.speed.denominator

    def lasts_ns(self, market_ns: int) -> int:
        """So much of the market's time by the driver's clock, rounded up."""
        return -(-market_ns * self.speed.denominator // self.speed.numerator)


@dataclass(slots=True)
class Listing:
    """See the module. Lit venues are numbered in the settings' order; dark books go by their venue's name."""

    instrument: Instrument
    source: Source
    pace: Pace
    lit: LitMarket
    dark: dict[str, DarkMarket]
    due_ns: int | None = None
    """When the flow acts next, by the driver's clock."""
    _far: Far | None = field(default=None)

    @classmethod
    def open(
        cls, settings: Settings, instrument: Instrument, source: Source, pace: Pace, number: int
    ) -> Listing:
        """The `number`th instrument of the settings; what is before its start is in the book at once."""
        market = source.market
        max_px = MAX_NANOS // (instrument.tick_nanos // 2)
        publishers = [
            Publisher(instrument, depth_of(market, index, max_px)) for index in range(len(settings.lit))
        ]
        bands = None if instrument.band_bp is None else Bands(instrument)
        lit = LitMarket(market, publishers, max_px, bands)
        dark = {
            venue.name: DarkMarket.seeded(
                settings, instrument, place, number, pace.origin_ns, float(pace.speed)
            )
            for place, venue in enumerate(settings.venue)
            if venue.kind == "dark"
        }
        listing = cls(instrument, source, pace, lit, dark)
        listing._bring()
        lit.touched.clear()
        listing._far = lit.touch()
        listing._look()
        return listing

    def _bring(self) -> None:
        """Feed what is before the start, and let go of what it did. SettingsError for what does not fit.

        However much that is, no more than fills the market's records is fed between two drains.
        """
        fits, last = False, ""
        while not fits:
            try:
                self.source.flow.step_until(self.source.start_ns - 1)
                fits = True
            except MatchingError as error:
                why = f"{error} ({self.source.flow.next_time_ns()})"
                if not isinstance(error, BookFull) or why == last:  # draining made no room
                    symbol = self.instrument.symbol
                    raise SettingsError(f"{symbol}: what is before the start does not fit: {error}") from None
                last = why
            self.lit.settle()
            for publisher in self.publishers:
                publisher.flush(self.pace.origin_ns)

    @property
    def publishers(self) -> Sequence[Publisher]:
        return self.lit.publishers

    def book(self, venue: str, lit: int | None) -> Book:
        """The book of a venue; `lit` is its number among the lit ones, None: dark."""
        return self.dark[venue] if lit is None else LitBook(self.lit, lit)

    def deadline_ns(self) -> int | None:
        """When the flow or hidden interest acts next, by the driver's clock."""
        due_ns = self.due_ns
        for dark in self.dark.values():
            at_ns = dark.deadline_ns()
            if at_ns is not None and (due_ns is None or at_ns < due_ns):
                due_ns = at_ns
        return due_ns

    def step(self, wall_ns: int) -> bool:
        """Feed what the flow had due; whether there was anything."""
        due = self.due_ns is not None and self.due_ns <= wall_ns
        self._feed(min(self.pace.market_ns(wall_ns), self.source.stop_ns))
        if due:
            self._look()
            self.lit.settle()
        return due

    def disturbed(self) -> None:
        """A participant has changed a book."""
        self.source.flow.disturbed()
        self._look()

    def follow(self, wall_ns: int) -> list[tuple[str, list[Happening]]]:
        """The dark books follow the lit touch, and see their hidden interest come and go: by venue, where
        that made anything happen.
        """
        if self.dark and self.lit.touched:
            self._far = self.lit.touch()
        followed = []
        for venue, dark in self.dark.items():
            happened = dark.advance(wall_ns, self._far)
            if happened:
                followed.append((venue, happened))
        return followed

    def record_bounds(self, record: Record, lit: Sequence[Venue], now_ns: int) -> None:
        """What passive orders got, and would have got at best and at worst; nothing where none stood."""
        rows = self.lit.bounds.report()
        for row in rows:
            order = lit[row.venue].orders[row.key]
            record.write(
                "bounds", now_ns, lit[row.venue].settings.name, session=order.owner,
                cl_ord_id=order.cl_ord_id, order_id=order.order_id,
                price_nanos=row.px * self.instrument.tick_nanos // 2, qty_lots=row.qty,
                optimistic_lots=row.optimistic, fifo_lots=row.fifo, conservative_lots=row.conservative,
            )  # fmt: skip
        if rows:
            total = self.lit.bounds.totals()
            record.write(
                "bounds", now_ns, "", symbol=self.instrument.symbol, qty_lots=total.qty,
                optimistic_lots=total.optimistic, fifo_lots=total.fifo, conservative_lots=total.conservative,
            )  # fmt: skip

    def _feed(self, market_ns: int) -> None:
        """The flow's events up to then, and room for those that follow, as often as that makes any."""
        while True:
            try:
                self.source.flow.step_until(market_ns)
            except BookFull:
                if not self.lit.undrained:
                    raise
                self.lit.settle()
            else:
                return

    def _look(self) -> None:
        market_ns = self.source.flow.next_time_ns()
        over = market_ns is None or market_ns > self.source.stop_ns
        self.due_ns = None if over or market_ns is None else self.pace.wall_ns(market_ns)
