"""An instrument as the settings state it: its tick or tick table, its lots, its price bands.

Nothing here knows a venue or a market: fixsim/entry.py refuses by these rules, fixsim/bands.py follows
prices.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    """A table of the settings: every name known, every value of its own type, nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Step(Frozen):
    """One step of a tick table: from this price on, prices are multiples of `tick_nanos`."""

    from_nanos: Annotated[int, Field(ge=0)]
    tick_nanos: Annotated[int, Field(gt=0)]


class Instrument(Frozen):
    """An instrument. Quantities are lots, prices multiples of the tick.

    What may be left out: `ticks`, coarser steps for higher prices; `band_bp` and `band_recentre_bp`, the
    price bands (fixsim/bands.py); `odd_lots` with `round_lot_lots`, the board lot below which an order is
    taken all the same, but is an odd lot: marked in the record, and no price that a peg follows.
    """

    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9./-]{1,24}$")]
    tick_nanos: Annotated[int, Field(gt=0)]
    lots_per_unit: Annotated[int, Field(gt=0)]
    round_lots: Annotated[int, Field(gt=0)]
    min_lots: Annotated[int, Field(gt=0)]
    max_lots: Annotated[int, Field(gt=0, le=10**15)]
    ticks: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100, strict=False)] | None = None
    band_bp: Annotated[int, Field(ge=1, le=9_999)] | None = None
    band_recentre_bp: Annotated[int, Field(ge=0, le=9_999)] | None = None
    odd_lots: bool = False
    round_lot_lots: Annotated[int, Field(gt=0, le=10**15)] | None = None

    @model_validator(mode="after")
    def _steps_are_in_order(self) -> Self:
        below = -1
        for number, step in enumerate(self.ticks or ()):
            where = f"ticks.{number}"
            if number == 0 and step.from_nanos:
                raise ValueError(f"{where}.from_nanos = {step.from_nanos}: the first step begins at 0")
            if step.from_nanos <= below:
                raise ValueError(f"{where}.from_nanos = {step.from_nanos}: must be above {below}, as before")
            if step.tick_nanos % self.tick_nanos:
                rule = f"must be a multiple of tick_nanos, {self.tick_nanos}"
                raise ValueError(f"{where}.tick_nanos = {step.tick_nanos}: {rule}")
            if step.from_nanos % step.tick_nanos:
                rule = f"must be a multiple of its tick_nanos, {step.tick_nanos}"
                raise ValueError(f"{where}.from_nanos = {step.from_nanos}: {rule}")
            below = step.from_nanos
        return self

    @model_validator(mode="after")
    def _bands_fit(self) -> Self:
        if self.band_recentre_bp is None:
            return self
        if self.band_bp is None:
            raise ValueError(f"band_recentre_bp = {self.band_recentre_bp}: needs band_bp")
        if self.band_recentre_bp >= self.band_bp:
            raise ValueError(f"band_recentre_bp = {self.band_recentre_bp}: must be below band_bp")
        return self

    @model_validator(mode="after")
    def _lots_fit(self) -> Self:
        lots = self.round_lot_lots
        if self.odd_lots and lots is None:
            raise ValueError("odd_lots = True: needs round_lot_lots")
        if lots is not None and not self.odd_lots:
            raise ValueError(f"round_lot_lots = {lots}: needs odd_lots = true (quantities are of round_lots)")
        if lots is not None and (lots % self.round_lots or lots == self.round_lots):
            rule = f"must be a multiple of round_lots, {self.round_lots}, and more"
            raise ValueError(f"round_lot_lots = {lots}: {rule}")
        return self

    @property
    def board_lots(self) -> int:
        """Below this an order is an odd lot; 1 where there are none."""
        return self.round_lot_lots or 1

    def step_at(self, price_nanos: int) -> Step:
        """The step of the tick table that holds at a price."""
        for step in reversed(self.ticks or ()):
            if price_nanos >= step.from_nanos:
                return step
        return _from_zero(self.tick_nanos)


@lru_cache(maxsize=1024)
def _from_zero(tick_nanos: int) -> Step:
    """One for all orders: to make one costs as much as to match an order."""
    return Step(from_nanos=0, tick_nanos=tick_nanos)
