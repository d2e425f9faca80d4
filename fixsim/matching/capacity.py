"""How large a market is: the bounds that a reader may choose, what they cost, and the arrays made to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.layout import (
    BOOK,
    CANCELLED,
    COMMAND,
    FILL,
    LEVEL,
    NOTE,
    NOTHING,
    ORDER,
    TERMS,
    TRADE,
    VENUE,
    Core,
    S,
)
from fixsim.matching.terms import Rules


@dataclass(frozen=True, slots=True)
class Capacity:
    """Bounds of one market. Reaching one raises BookFull; no order is dropped."""

    orders: int = 1 << 17
    """Orders resting at once, all venues."""
    recorded: int = 1 << 17
    """Recorded ordinals are below this."""
    own: int = 4096
    """Participants' orders resting at once, all venues."""
    window: int = 1 << 16
    """Half ticks in the dense window of each book; a multiple of 64."""
    overflow: int = 1 << 15
    """Price levels outside the window, each book."""
    fills: int = 1 << 17
    """Fills between two drains. A taker is refused unless every order opposite it could still be recorded.

    Icebergs may have an eighth as many pieces in reserve, all together: they must not keep recorded flow out.
    """
    trades: int = 1 << 14
    """Trades kept for display; older ones are dropped and counted."""
    notes: int = 1 << 13
    """Orders cancelled by the market between two drains; more than `own`."""

    def __post_init__(self) -> None:
        for name in ("orders", "recorded", "own", "window", "overflow", "fills", "trades", "notes"):
            if getattr(self, name) < 1:
                raise ValueError(f"Capacity.{name} {getattr(self, name)} is not positive")
        if self.window % 64:
            raise ValueError(f"Capacity.window {self.window} is not a multiple of 64")
        if self.notes <= self.own:
            raise ValueError(f"Capacity.notes {self.notes} is not above Capacity.own {self.own}")

    @property
    def max_qty(self) -> int:
        """Largest quantity of one order, in lots, so that the sum of a level stays inside int64."""
        return ((1 << 62) - 1) // self.orders

    def memory_bytes(self, venues: int) -> int:
        """What a market of so many venues occupies when every page of it has been used."""
        shapes = _shapes(venues, self).values()
        return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in shapes)


SMALL = Capacity(
    orders=1 << 13, recorded=1 << 15, own=1 << 10, window=1 << 12, overflow=1 << 10, fills=1 << 12,
    trades=1 << 10, notes=1 << 11,
)  # fmt: skip
"""A book of a few thousand orders within 10 units of a tick of 0.01 around its centre: 2 MB for one venue."""


def _shapes(venues: int, capacity: Capacity) -> dict[str, tuple[tuple[int, ...], Any]]:
    n_books = 2 * venues
    n_levels = n_books * (capacity.window + capacity.overflow)
    hashed = 1 << (2 * capacity.own - 1).bit_length()  # at most half full
    return {
        "state": ((S.SIZE,), np.int64),
        "books": ((n_books,), BOOK),
        "orders": ((capacity.orders,), ORDER),
        "levels": ((n_levels,), LEVEL),
        "bits": ((n_books, capacity.window // 64), np.uint64),
        "over_key": ((n_books, capacity.overflow), np.int64),
        "over_level": ((n_books, capacity.overflow), np.int32),
        "free": ((capacity.orders,), np.int32),
        "recorded": ((capacity.recorded,), np.int32),
        "own_key": ((hashed,), np.int64),
        "own_slot": ((hashed,), np.int32),
        "touched": ((n_levels,), np.int32),
        "before": ((n_levels,), np.int64),
        "fills": ((capacity.fills,), FILL),
        "trades": ((capacity.trades,), TRADE),
        "terms": ((capacity.orders,), TERMS),
        "venues": ((venues,), VENUE),
        "notes": ((capacity.notes,), NOTE),
        "gathered": ((capacity.own,), CANCELLED),
        "again": ((1,), COMMAND),
        "impact": ((0,), np.float64),
        "shifts": ((0,), np.int32),
    }


def _zeros(shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
    """Zeros that begin on a cache line, so that a record of 64 bytes is in one."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    raw = np.zeros(size + 63, np.uint8)
    start = -raw.ctypes.data % 64
    made: NDArray[Any] = raw[start : start + size].view(kind).reshape(shape)
    return made


def allocate(venues: int, centre_px: int, capacity: Capacity, rules: Rules | None = None) -> Core:
    """A market with nothing in it, whose window is centred on `centre_px` (half ticks)."""
    rules = rules or Rules()
    made = {name: _zeros(shape, kind) for name, (shape, kind) in _shapes(venues, capacity).items()}
    core = Core(**made, ticks=np.array(rules.ticks, np.int64).reshape(-1, 2))
    n_books = 2 * venues
    low_px = max(0, centre_px - capacity.window // 2)
    core.books["base"][0::2] = low_px
    core.books["base"][1::2] = -(low_px + capacity.window - 1)
    core.books["best_key"] = NOTHING
    for name in ("best", "window_best", "dim_head", "dim_tail"):
        core.books[name] = -1
    overflow = np.arange(n_books * capacity.overflow, dtype=np.int32) + np.int32(n_books * capacity.window)
    core.over_level[:] = overflow.reshape(core.over_level.shape)
    core.free[:] = np.arange(capacity.orders, dtype=np.int32)[::-1]
    core.state[S.FREE] = capacity.orders
    core.state[S.OWN_MAX] = capacity.own
    core.state[S.ROUND_LOT] = rules.round_lot
    core.state[S.MAX_QTY] = capacity.max_qty
    return core


def memory_bytes(core: Core) -> int:
    """What the market's arrays occupy when every page of them has been used."""
    arrays: tuple[NDArray[Any], ...] = tuple(core)
    return sum(array.nbytes for array in arrays)
