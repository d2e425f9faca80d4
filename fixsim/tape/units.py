"""How a tape's numbers are said to a person: which currency, which coin, how many decimals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

NANOS: Final = 1_000_000_000
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")


@dataclass(frozen=True, slots=True)
class Units:
    """What a quantity is of (`base`), and what a price is in (`quote`)."""

    base: str
    quote: str
    tick_nanos: int
    lots_per_unit: int

    @classmethod
    def of(cls, symbol: str, format_name: str, tick_nanos: int, lots_per_unit: int) -> Self:
        """By the way in which venues write symbols: BTC-USD, BTCUSDT, BTCUSD_PERP, GOOG."""
        if format_name == "lobster":
            return cls("shares", "USD", tick_nanos, lots_per_unit)
        name, _, contract = symbol.partition("_")
        base, _, quote = name.partition("-")
        if not quote:
            quote = next((q for q in _QUOTES if name.endswith(q) and name != q), "")
            base = name.removesuffix(quote) if quote else ""
        if lots_per_unit == 1 and contract:
            base = "contracts"
        return cls(base or "units", quote or "quote currency", tick_nanos, lots_per_unit)

    @property
    def price_decimals(self) -> int:
        """As many as the tick has, and no fewer than two."""
        zeros = len(str(self.tick_nanos)) - len(str(self.tick_nanos).rstrip("0"))
        return max(2, 9 - zeros)

    def price(self, nanos: float, more: int = 0) -> str:
        """In the quote currency, with so many decimals `more` than prices have (midpoints, means)."""
        return f"{nanos / NANOS:,.{self.price_decimals + more}f}"

    def quantity(self, lots: float) -> str:
        """In units of the base, to six figures or so."""
        units = lots / self.lots_per_unit
        if self.lots_per_unit == 1:
            return f"{units:,.{0 if float(units).is_integer() else 1}f}"
        decimals = 8 if units < 0.001 else 6 if units < 1 else 4 if units < 1000 else 1
        return f"{units:,.{decimals}f}"


def moment(ns: int, digits: int = 3) -> str:
    """A time of day with its date, UTC."""
    seconds, rest = divmod(ns, NANOS)
    fraction = f".{rest:09d}"[: digits + 1] if digits else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{fraction} UTC"
