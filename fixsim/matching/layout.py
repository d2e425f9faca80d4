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

from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""A structured array of one of the record types below."""

ORDER = np.dtype(  # one cache line
    [
        ("key", "i8"),
        ("px", "i8"),  # a peg's: its own limit, 0 for none
        ("leaves", "i8"),  # in the queue: of an iceberg the part that is shown
        ("arrival", "i8"),
        ("reserve", "i8"),  # the part of an iceberg that is not
        ("prev", "i4"),
        ("next", "i4"),
        ("level", "i4"),  # -1: not displayed, in its book's list of those
        ("book", "i4"),
        ("flags", "i4"),  # Flag
        ("group", "i4"),
    ]
)
TERMS = np.dtype(  # what only some orders have; see Flag.TERMS
    [("owner", "i8"), ("display_qty", "i8"), ("min_qty", "i8"), ("peg", "i4"), ("self_match", "i4")]
)
LEVEL = np.dtype(
    [("px", "i8"), ("qty", "i8"), ("head", "i4"), ("tail", "i4"), ("count", "i4"), ("touched", "i4")]
)
BOOK = np.dtype(  # one cache line
    [
        ("base", "i8"),
        ("live", "i8"),  # displayed orders
        ("pieces", "i8"),  # fills that every order of the book, displayed or not, can have at most
        ("best_key", "i8"),  # NOTHING when nothing is displayed
        ("best", "i4"),  # level, or -1
        ("window_best", "i4"),
        ("over", "i4"),
        ("dims", "i4"),  # orders that are not displayed, in one list in order of arrival
        ("emptied", "i8"),
        ("dim_head", "i4"),
        ("dim_tail", "i4"),
    ]
)
VENUE = np.dtype([("phase", "i8"), ("low_px", "i8"), ("high_px", "i8")])  # high_px 0: no bands
FILL = np.dtype(  # one cache line
    [
        ("time_ns", "i8"),
        ("maker_key", "i8"),
        ("taker_key", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("maker_leaves", "i8"),  # with its reserve
        ("taker_leaves", "i8"),  # -1 for a recorded market order given in funds
        ("venue", "i2"),
        ("aggressor_sign", "i2"),  # 0 in an auction
        ("maker_is_ours", "?"),
        ("taker_is_ours", "?"),
        ("flags", "u2"),  # FillFlag
    ]
)
NOTE = np.dtype(
    [
        ("time_ns", "i8"),
        ("key", "i8"),
        ("leaves", "i8"),  # lots cancelled
        ("after_fill", "i4"),  # how many of the undrained fills came before
        ("venue", "i2"),
        ("reason", "i2"),  # Reason
    ]
)
CANCELLED = np.dtype([("key", "i8"), ("leaves", "i8")])
COMMAND = np.dtype(
    [
        ("time_ns", "i8"),
        ("key", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("owner", "i8"),
        ("display_qty", "i8"),
        ("min_qty", "i8"),
        ("group", "i4"),
        ("venue", "i2"),
        ("op", "i1"),  # Op
        ("kind", "i1"),  # Kind
        ("sign", "i1"),
        ("peg", "i1"),
        ("self_match", "i1"),
        ("post_only", "?"),
        ("hidden", "?"),
    ],
    align=True,
)
RESULT = np.dtype(
    [
        ("filled", "i8"),
        ("leaves", "i8"),
        ("cancelled", "i8"),
        ("code", "i4"),  # Code; but for OK nothing changed
        ("count", "i4"),  # orders that a mass cancel removed
    ]
)
TRADE = np.dtype([("time_ns", "i8"), ("px", "i8"), ("qty", "i8"), ("venue", "i4"), ("aggressor_sign", "i4")])
CHANGE = np.dtype([("px", "i8"), ("qty", "i8"), ("before", "i8"), ("venue", "i4"), ("sign", "i4")])
RESTING = np.dtype([("key", "i8"), ("px", "i8"), ("qty", "i8"), ("arrival", "i8"), ("sign", "i8")])
SPECIAL = np.dtype(  # an order with more to it than RESTING says; own px and minimum as they were given
    [
        (name, "i8")
        for name in ("key", "px", "leaves", "reserve", "arrival", "flags", "group", "owner", "display_qty")
    ]
    + [("min_qty", "i8"), ("peg", "i8"), ("self_match", "i8")]
)
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


class Flag(IntFlag):
    """What is special about a resting order: 0 for most, so that matching asks once."""

    TERMS = 1  # its place in Core.terms is filled in
    DIM = 2  # not displayed
    ICEBERG = 4
    MIN = 8  # has a minimum quantity
    PEGGED = 16
    AT_MARKET = 32  # a market order that waits for the auction
    POST_ONLY = 64
    DISPLAY = 128  # shows no more than its display quantity, should it become larger than that


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
    NOTES_FULL = 8
    PHASE = 9
    WOULD_TAKE = 10
    OUT_OF_BAND = 11
    OFF_TICK = 12
    BAD_VENUE = 13
    BAD_KEY = 14
    BAD_SIGN = 15
    BAD_PX = 16
    BAD_QTY = 17
    BAD_TERMS = 18
    CROSSED = 19
    REFILLS_FULL = 20


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
    NOTES = 13
    DIMS = 14  # orders that are not displayed, all books
    SHUT = 15  # venues that are not in CONTINUOUS
    DROPPED = 16  # recorded orders whose venue was halted or closed when they would have rested
    ROUND_LOT = 17
    REF_BID = 18  # what pegs follow, 0: nothing; while DIMS is 0 it may be old
    REF_ASK = 19
    BANDS = 20  # venues with price bands
    MAX_QTY = 21  # of one order
    NOW = 22  # time of the last message, ns
    IMPACT = 23  # 1: participants' trading moves recorded prices, see shift.py
    ABSORBED = 24  # undrained fills of which it knows
    SHIFT = 25  # half ticks by which it moves the recorded order in progress
    REFILLS = 26  # pieces that icebergs have in reserve, all books
    SIZE = 27


MAX_PX = 1 << 53
"""Largest price in half ticks; keys and their differences stay far inside int64."""

SPARE = 1 << 62
"""No bound: the quantity of an order given in funds, and the limit of a market order."""

NOTHING = -SPARE - 1
"""The key of no price: worse than every limit."""

ZERO: Any = np.int64(0)
NO_FUNDS: Any = np.int64(-1)
NO_SLOT: Any = np.int64(-1)
WORST: Any = np.int64(NOTHING)
"""The same as int64: a plain number would have a kernel compiled once more, for that number."""

MAX_PIECES = 1000
"""An iceberg is shown in at most so many pieces: what it could fill has to fit into Capacity.fills."""


REFILLS_SHARE = 8
"""All icebergs together: what their reserves could fill is at most this part of Capacity.fills, so that no
participant keeps recorded flow out."""


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
    before: NDArray[np.int64]  # their totals at that drain
    fills: Records
    trades: Records  # ring
    terms: Records  # by order slot
    venues: Records
    ticks: NDArray[np.int64]  # [row, (from px, step)]
    notes: Records
    gathered: Records  # CANCELLED; room for a mass cancel to sort its orders
    again: Records  # one COMMAND; room for a replace that enters anew
    impact: NDArray[np.float64]  # shift.R; empty, as `shifts`, where there is none
    shifts: NDArray[np.int32]  # by recorded ordinal: half ticks by which its price was moved when it came
