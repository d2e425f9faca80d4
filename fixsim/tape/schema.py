"""The one event schema of every tape: what a row says, whatever the recording's own format was.

A tape is a folder of Parquet files, partitioned hive style:

    TAPE/venue=XNAS/symbol=GOOG/date=2012-06-21/part-00000.parquet     the events, by `seq`
    TAPE/venue=XNAS/symbol=GOOG/date=2012-06-21/orders.parquet         native order ids that are not ints
    TAPE/venue=XNAS/symbol=GOOG/date=2012-06-21/quarantine.parquet     rows set aside, where there are any
    TAPE/venue=XNAS/symbol=GOOG/tape.json                              Meta

Units: times int64 ns UTC, prices int64 nanos of the quote currency, quantities int64 lots (Meta says how many
make one unit), funds int64 ticks x lots. A column that a source does not have is null, never a guess.

What a row does to the book (levels.py does it): SNAPSHOT and ADD put quantity at the price, or SNAPSHOT sets
the level's total when it names no order; REDUCE, DELETE, and a TRADE that names its maker take their
quantity off; LEVEL and ANCHOR set the total; CLEAR empties. Rows with UNKNOWN_ORDER take nothing off,
but in partial tapes, whose levels hold orders that nobody saw come. All other rows leave it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final

import pyarrow as pa


class Type(IntEnum):
    """What happened. Which of them a source has decides what its replay can give (Meta.kind)."""

    SNAPSHOT = 0  # an order, or a level (no order_id), that was there when the tape, or a resync, began
    LIMIT = 1  # order flow: a limit order arrived, before any matching; quantity is all of it
    MARKET = 2  # order flow: a market order arrived; quantity, or `funds` (ticks x lots)
    ADD = 3  # an order rests in the book with this quantity
    REDUCE = 4  # quantity was taken off a resting order without a trade; it keeps its place
    DELETE = 5  # a resting order left without a trade; quantity is what was left of it
    DONE = 6  # order flow: an order was filled and is gone
    TRADE = 7  # order_id (the maker) traded this quantity; contra_id is the taker, side the *maker's*
    HIDDEN_TRADE = 8  # a trade against an order that was not displayed; side is the hidden order's
    LEVEL = 9  # the level's total is now quantity (0: gone)
    QUOTE = 10  # the venue's own statement of its best price and size on a side
    CROSS = 11  # an auction's trade; side 0
    HALT = 12  # side, price and quantity 0
    RESUME = 13
    CLEAR = 14  # the book is void; what follows builds it anew
    ANCHOR = 15  # partial tapes: a level came into view (total in quantity) or left it (OUT_OF_VIEW)


class Flag(IntFlag):
    """What else is known of a row. Anomalies are marked here, never mended silently."""

    OPENING = 1  # part of the state at the tape's start
    GAP_BEFORE = 2  # the source's own sequence has a hole, or its clock a silence beyond the importer's bound
    LATE = 4  # venue time is before that of the row before
    CROSSED = 8  # the visible book is crossed or locked after this row
    UNKNOWN_ORDER = 16  # the order was not in view
    MISMATCH = 32  # the source contradicts itself here (a size that does not add up)
    CLAMPED = 64  # price or quantity was outside what can be represented, and is now at that bound
    OUT_OF_VIEW = 128  # ANCHOR: the level left the recorded window
    AGGRESSOR = 256  # TRADE without a maker's id: side was derived from the taker's
    TAKER = (
        512  # REDUCE, DELETE: the order was shown before it traded as the taker; its maker's TRADE tells it
    )


EVENTS: Final = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),  # 0, 1, 2 … in tape order
        pa.field("time_ns", pa.int64(), nullable=False),  # what orders the tape: never falls
        pa.field("venue_time_ns", pa.int64()),
        pa.field("receive_time_ns", pa.int64()),
        pa.field("sequence", pa.int64()),  # the source's own number
        pa.field("type", pa.int8(), nullable=False),
        pa.field("side", pa.int8(), nullable=False),  # +1 bid, -1 offer, 0 neither
        pa.field("order_id", pa.int64()),
        pa.field("contra_id", pa.int64()),
        pa.field("price", pa.int64()),
        pa.field("quantity", pa.int64()),
        pa.field("funds", pa.int64()),
        pa.field("flags", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),  # 1-based row (line) of the source file
        pa.field("file", pa.int16(), nullable=False),  # index into Meta.sources
    ]
)

ORDERS: Final = pa.schema([("order_id", pa.int64()), ("native_id", pa.string())])

QUARANTINE: Final = pa.schema(
    [("file", pa.int16()), ("row", pa.int64()), ("reason", pa.string()), ("raw", pa.binary())]
)


DAY_NS: Final = 86_400 * 1_000_000_000
"""Of what a `date=` folder holds: one UTC day."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was imported."""

    name: str
    sha256: str
    rows: int


@dataclass(slots=True)
class Meta:
    """What tape.json says of one symbol at one venue."""

    format: str
    """lobster, coinbase, bitstamp, binance-l2, or generated"""
    kind: str
    """flow (orders before matching), partial (edits of a visible window), edits (edits of a whole book),
    levels (totals by price only)"""
    venue: str
    symbol: str
    tick_nanos: int
    lots_per_unit: int
    window_levels: int | None
    """Levels a side that the source shows; None: all."""
    start_ns: int
    end_ns: int
    events: int
    counts: dict[str, int] = field(default_factory=dict)
    """Rows by Type name."""
    anomalies: dict[str, int] = field(default_factory=dict)
    """Rows by Flag name, and whatever else the importer counted, each under a name."""
    quarantined: int = 0
    sources: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
