"""What is traded: tick, lot, average daily volume. A dated file, refused when stale.

Prices are `price_nanos`, 1e-9 of the quote currency; in arrays and kernels a price is `px`, half ticks.
Quantities are lots. Errors: ValueError for a price that half ticks cannot say, SettingsError for the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from risk.errors import SettingsError, read_settings

NANOS = 1_000_000_000


def decimal_text(nanos: int) -> str:
    """A price in nanos as a person reads it: 6190850000000 is 6190.85."""
    whole, part = divmod(abs(nanos), NANOS)
    digits = f"{part:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{digits}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol. `round_lots`: an order's quantity is a multiple of it. `adv_lots`: average daily volume."""

    symbol: str
    tick_nanos: int
    lots_per_unit: int
    round_lots: int
    min_lots: int
    adv_lots: int
    currency: str

    def __post_init__(self) -> None:
        for name in ("tick_nanos", "lots_per_unit", "round_lots", "min_lots", "adv_lots"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} {getattr(self, name)} is not positive ({self.symbol})")
        if self.tick_nanos % 2:
            raise ValueError(f"tick_nanos {self.tick_nanos} is odd: half a tick is not exact ({self.symbol})")
        if self.min_lots % self.round_lots:
            raise ValueError(
                f"min_lots {self.min_lots} is not a multiple of round_lots {self.round_lots} ({self.symbol})"
            )

    def price_to_px(self, price_nanos: int) -> int:
        """Half ticks of a price; ValueError when it lies between them."""
        px, rest = divmod(price_nanos * 2, self.tick_nanos)
        if rest:
            raise ValueError(
                f"price {decimal_text(price_nanos)} is not a multiple of half a tick"
                f" {decimal_text(self.tick_nanos // 2)} ({self.symbol})"
            )
        return px

    def px_to_nanos(self, px: int) -> int:
        """The price of so many half ticks, exactly."""
        return int(px) * (self.tick_nanos // 2)


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """The instruments' file: what it says, of which day, and for how many days it may be used."""

    path: Path
    as_of: date
    max_age_days: int
    instruments: Mapping[str, Instrument]

    def refuse_stale(self, today: date) -> None:
        """SettingsError when the file is older than it allows, or dated after today (UTC)."""
        age_days = (today - self.as_of).days
        if not 0 <= age_days <= self.max_age_days:
            raise SettingsError(
                f"{self.path}: as_of = {self.as_of} is {age_days} days old on {today};"
                f" allowed are 0 to max_age_days = {self.max_age_days}"
            )


class _InstrumentTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tick_nanos: int = Field(gt=0, multiple_of=2)
    lots_per_unit: int = Field(gt=0)
    round_lots: int = Field(gt=0)
    min_lots: int = Field(gt=0)
    adv_lots: int = Field(gt=0)
    currency: str = Field(pattern="^[A-Z]{3,8}$")

    @model_validator(mode="after")
    def _whole_minimum(self) -> _InstrumentTable:
        if self.min_lots % self.round_lots:
            raise ValueError(f"min_lots {self.min_lots} is not a multiple of round_lots {self.round_lots}")
        return self


class _ReferenceFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    as_of: date
    max_age_days: int = Field(ge=0)
    instruments: dict[str, _InstrumentTable] = Field(min_length=1)


def load_instruments(path: Path) -> ReferenceData:
    """Read etc/instruments.toml. The caller, who has a clock, then calls `refuse_stale`."""
    content = read_settings(path, _ReferenceFile)
    instruments = {
        symbol: Instrument(symbol=symbol, **table.model_dump())
        for symbol, table in content.instruments.items()
    }
    return ReferenceData(path, content.as_of, content.max_age_days, instruments)
