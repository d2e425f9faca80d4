"""The arrays a market lives in: their fields, their sizes, and what each bound means.

Everything is allocated once, when the market is made; nothing grows. Units: prices `px` int64 half ticks,
quantities int64 lots, times int64 ns UTC, sides +1 buy and -1 sell. A *book* is one side of one venue: book
= 2 * venue for its bids, 2 * venue + 1 for its asks. Inside a book a price is compared as `key = sign *
px`, so that the better price is the larger key on both sides.

A book's prices live in a dense window (one level per half tick, with a bit set for every level in use) and,
outside it, in a sorted overflow, best last. Both are exact; the overflow costs a binary search and a shift.

Order keys: recorded orders have their ordinal, 0 or more; participants' orders have keys below 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""A structured array of one of the record types below."""

ORDER = np.dtype(
    [
        ("key", "i8"),
        ("px", "i8"),
        ("leaves", "i8"),
        ("arrival", "i8"),
        ("prev", "i4"),
        ("next", "i4"),
        ("level", "i4"),
        ("book", "i4"),
    ]
)
LEVEL = np.dtype(
    [
        ("px", "i8"),
        ("qty", "i8"),
        ("before", "i8"),  # qty when the level was first touched since the last drain
        ("head", "i4"),
        ("tail", "i4"),
        ("count", "i4"),
        ("touched", "i4"),
    ]
)
BOOK = np.dtype([("base", "i8"), ("live", "i8"), ("window_best", "i4"), ("over", "i4"), ("emptied", "i8")])
FILL = np.dtype(
    [
        ("time_ns", "i8"),
        ("maker_key", "i8"),
        ("taker_key", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("maker_leaves", "i8"),
        ("taker_leaves", "i8"),  # -1 for a recorded market order given in funds
        ("venue", "i4"),
        ("aggressor_sign", "i2"),
        ("maker_is_ours", "?"),
        ("taker_is_ours", "?"),
    ]
)
TRADE = np.dtype([("time_ns", "i8"), ("px", "i8"), ("qty", "i8"), ("venue", "i4"), ("aggressor_sign", "i4")])
CHANGE = np.dtype([("px", "i8"), ("qty", "i8"), ("before", "i8"), ("venue", "i4"), ("sign", "i4")])
RESTING = np.dtype([("key", "i8"), ("px", "i8"), ("qty", "i8"), ("arrival", "i8"), ("sign", "i8")])
OPENING = np.dtype([("ordinal", "i8"), ("px", "i8"), ("qty", "i8"), ("sign", "i8")])
EVENT = np.dtype(
    [
        ("time_ns", "i8"),
        ("ordinal", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("funds", "i8"),  # half ticks x lots, -1 when the order is given by quantity
        ("kind", "i4"),
        ("sign", "i4"),
    ]
)


class EventKind(IntEnum):
    """What the recording says happened to a recorded order."""

    LIMIT = 0
    MARKET = 1
    CANCEL = 2
    DONE = 3  # it was filled in history: whatever of it still rests (displaced by a participant) leaves now


class Kind(IntEnum):
    """How a participant's order may trade and what becomes of the part that does not."""

    LIMIT = 0  # rests
    MARKET = 1  # no price; the remainder is cancelled
    IOC = 2  # the remainder is cancelled
    FOK = 3  # all at once, or killed


class Code(IntEnum):
    """What a kernel answers. Anything but OK was refused before it changed the book."""

    OK = 0
    ORDERS_FULL = 1
    LEVELS_FULL = 2
    OWN_FULL = 3
    FILLS_FULL = 4
    UNKNOWN = 5
    DUPLICATE = 6
    OUT_OF_RANGE = 7


class S(IntEnum):
    """Places in `Core.state`."""

    FREE = 0  # free order slots
    ARRIVAL = 1  # the next arrival number
    FILLS = 2
    TRADES = 3  # trades ever; the ring keeps the newest
    TOUCHED = 4
    OWN = 5  # participants' resting orders
    CURSOR = 6  # tape events fed
    MATCHES = 7  # fills ever
    CANCELLED = 8  # recorded cancels that removed an order
    IGNORED = 9  # recorded cancels of an order that no longer rested
    DISPLACED = 10  # recorded "done (filled)" that had to remove an order
    FUNDS = 11  # what the sweep in progress may still spend
    OWN_MAX = 12
    SIZE = 13


MAX_PX = 1 << 53
"""Largest price in half ticks; keys and their differences stay far inside int64."""

SPARE = 1 << 62
"""No bound: the quantity of an order given in funds, and the limit of a market order."""


class Core(NamedTuple):
    """Every array of one market, handed to the kernels as one argument."""

    state: NDArray[np.int64]
    books: Records
    orders: Records
    levels: Records  # books * window, then books * overflow
    bits: NDArray[np.uint64]  # [book, window / 64]
    over_key: NDArray[np.int64]  # [book, overflow] ascending
    over_level: NDArray[np.int32]  # [book, overflow] the levels of over_key, then the unused ones
    free: NDArray[np.int32]  # stack of order slots
    recorded: NDArray[np.int32]  # ordinal -> slot + 1, 0: not resting
    own_key: NDArray[np.int64]  # open addressing, 0: empty
    own_slot: NDArray[np.int32]
    touched: NDArray[np.int32]  # levels changed since the last drain, each once
    fills: Records
    trades: Records  # ring


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
    """Fills between two drains. A taker is refused unless every order opposite it could still be recorded."""
    trades: int = 1 << 14
    """Trades kept for display; older ones are dropped and counted."""

    def __post_init__(self) -> None:
        for name in ("orders", "recorded", "own", "window", "overflow", "fills", "trades"):
            if getattr(self, name) < 1:
                raise ValueError(f"Capacity.{name} {getattr(self, name)} is not positive")
        if self.window % 64:
            raise ValueError(f"Capacity.window {self.window} is not a multiple of 64")

    @property
    def max_qty(self) -> int:
        """Largest quantity of one order, in lots, so that the sum of a level stays inside int64."""
        return ((1 << 62) - 1) // self.orders


def allocate(venues: int, centre_px: int, capacity: Capacity) -> Core:
    """A market with nothing in it, whose window is centred on `centre_px` (half ticks)."""
    n_books = 2 * venues
    n_levels = n_books * (capacity.window + capacity.overflow)
    hashed = 1 << (2 * capacity.own - 1).bit_length()  # at most half full
    low_px = max(0, centre_px - capacity.window // 2)
    books = np.zeros(n_books, BOOK)
    books["base"][0::2] = low_px
    books["base"][1::2] = -(low_px + capacity.window - 1)
    books["window_best"] = -1
    overflow = np.arange(n_books * capacity.overflow, dtype=np.int32) + np.int32(n_books * capacity.window)
    state = np.zeros(S.SIZE, np.int64)
    state[S.FREE] = capacity.orders
    state[S.OWN_MAX] = capacity.own
    return Core(
        state=state,
        books=books,
        orders=np.zeros(capacity.orders, ORDER),
        levels=np.zeros(n_levels, LEVEL),
        bits=np.zeros((n_books, capacity.window // 64), np.uint64),
        over_key=np.zeros((n_books, capacity.overflow), np.int64),
        over_level=overflow.reshape(n_books, capacity.overflow),
        free=np.arange(capacity.orders, dtype=np.int32)[::-1].copy(),
        recorded=np.zeros(capacity.recorded, np.int32),
        own_key=np.zeros(hashed, np.int64),
        own_slot=np.zeros(hashed, np.int32),
        touched=np.zeros(n_levels, np.int32),
        fills=np.zeros(capacity.fills, FILL),
        trades=np.zeros(capacity.trades, TRADE),
    )


def memory_bytes(core: Core) -> int:
    """What the market's arrays occupy when every page of them has been used."""
    arrays: tuple[NDArray[Any], ...] = tuple(core)
    return sum(array.nbytes for array in arrays)
