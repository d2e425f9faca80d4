"""Price bands of one instrument at its lit venues: how far from a reference price participants may trade.

The band is the reference plus and minus `band_bp` of it, rounded inwards to half ticks, both ends included.
A buy limit above it and a sell limit below it are refused, and no participant's order trades outside: a
market order stops there and the rest is cancelled. What rests already stays. That is CME Globex's price
banding (a bid above and an offer below the range around the reference are rejected) with its reference:
the last trade, over all lit venues, and until there is one what the book indicates, here the consolidated
midpoint. As the US Limit Up-Limit Down plan (section V) has it, the reference does not move with every
trade: only once the price is `band_recentre_bp` of it away. 0 follows every trade, as CME does.

Without `band_recentre_bp` the band is static: around the first price there was, and anew after every auction,
as Xetra's static price range is around the last auction's price.

Order flow that is not a participant's, recorded or generated, knows no bands: it is what the market did.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fixsim.instrument import Instrument
from fixsim.matching.layout import MAX_PX
from router.fix.decimals import nanos_to_wire

_BP = 10_000


@dataclass(slots=True)
class Bands:
    """See the module. Prices are half ticks."""

    instrument: Instrument
    reference_px: int = 0
    """0: there was no price yet, so there are no bands."""
    low_px: int = 0
    high_px: int = 0
    _traded: bool = False

    def traded(self, px: int, auction: bool) -> bool:
        """A trade was made: whether the bands are others now."""
        first, self._traded = not self._traded, True
        static = self.instrument.band_recentre_bp is None
        if auction or (first and not static):
            return self._centre(px)
        return self._follow(px)

    def indicated(self, mid_px: int | None) -> bool:
        """The consolidated midpoint is this (None: there is none): whether the bands are others now."""
        return not self._traded and mid_px is not None and self._follow(mid_px)

    @property
    def indicates(self) -> bool:
        """Whether the midpoint matters still."""
        return not self._traded

    def _follow(self, px: int) -> bool:
        """The reference becomes `px` if there was none, or if it is far enough away."""
        part = self.instrument.band_recentre_bp
        near = part is None or abs(px - self.reference_px) * _BP < part * self.reference_px
        return not (self.reference_px and near) and self._centre(px)

    def _centre(self, px: int) -> bool:
        if px == self.reference_px or px <= 0 or self.instrument.band_bp is None:
            return False
        part = Fraction(self.instrument.band_bp, _BP)
        self.reference_px = px
        self.low_px = max(1, -int(-px * (1 - part) // 1))
        self.high_px = min(MAX_PX, int(px * (1 + part) // 1))
        return True

    def __str__(self) -> str:
        """In prices, with what they rest on."""
        low, high, reference = map(self._wire, (self.low_px, self.high_px, self.reference_px))
        return f"price band {low} to {high}, {self.instrument.band_bp} bp around {reference}"

    def refusal(self, px: int) -> str:
        """The text of the refusal of an order at `px`: beyond them, or about to trade there."""
        wire, inside = self._wire(px), self.low_px <= px <= self.high_px
        why = "would trade" if inside else "is"
        return f"Price(44) {wire} {why} outside the {self}"

    def _wire(self, px: int) -> str:
        return nanos_to_wire(px * self.instrument.tick_nanos // 2).decode()
