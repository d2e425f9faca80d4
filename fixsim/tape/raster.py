"""A tape as a picture's numbers: resting quantity by price and time, the touch, the trades. No drawing.

The book is read at the end of each column of pixels, as it stood there: exact, at every price in view, and of
a size that does not depend on the tape. Two passes, both streams: the first finds which prices are in view,
the second fills them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.format import TapeError
from fixsim.tape.levels import Replayer
from fixsim.tape.opened import Readable
from fixsim.tape.rows import NULL, Records
from fixsim.tape.schema import Flag, Type
from fixsim.tape.units import Units, moment

COLUMNS: Final = 1200
BINS: Final = 270
USUAL: Final = 0.75
"""The last of the asked levels is in view for this share of the time, measured from the midpoint."""
MARKS: Final = 200
"""Trades are gathered into so many columns, each with the price bins that were traded at."""
MOST_MARKS: Final = 400
"""The largest of them are marked; `volume` has all."""
OUTLIERS: Final = 0.01
"""Share of the time that may leave the picture above and below: a book that was wild for a moment must not
flatten the rest of the day.
"""

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Raster:
    """W columns of time, H bins of price. Prices nanos, quantities lots, times ns UTC."""

    venue: str
    symbol: str
    units: Units
    edges_ns: _Ints
    """[W + 1]"""
    low_nanos: int
    """The lowest price of the lowest bin."""
    bin_nanos: int
    """What a bin covers: a tick, or several."""
    depth: _Floats
    """[H, W], both sides; 0: nothing rests there."""
    touch: _Floats
    """[2, W], bid and offer; nan where there is none."""
    volume: _Floats
    """[2, W], traded with buyers and with sellers as aggressors."""
    marks: Records
    """MARK records, by time: trades gathered by column, bin and aggressor; the largest."""
    gaps_ns: _Ints
    """Where GAP_BEFORE is."""

    @property
    def mid(self) -> _Floats:
        """[W], nan where a side is empty, or the book is crossed."""
        bid, offer = self.touch
        return np.where(bid <= offer, (bid + offer) / 2, np.nan)

    @property
    def high_nanos(self) -> int:
        """Just above the highest bin."""
        return self.low_nanos + self.bin_nanos * len(self.depth)


MARK: Final = np.dtype([("time_ns", "i8"), ("price", "i8"), ("lots", "f8"), ("sign", "i1")])
"""A gathered trade: its mean time and price, and +1 where the buyers were the aggressors."""


def rasterise(
    tape: Readable,
    from_ns: int | None = None,
    to_ns: int | None = None,
    levels: int = 20,
    columns: int = COLUMNS,
    bins: int = BINS,
    progress: Callable[[int], None] = lambda _: None,
) -> Raster:
    """The stretch from `from_ns` to `to_ns` (None: all), with room for `levels` levels beyond the midpoint.

    `progress` is told the rows done since its last call, of twice the tape's. TapeError: nothing is there.
    """
    meta = tape.meta
    start = meta.start_ns if from_ns is None else from_ns
    end = meta.end_ns if to_ns is None else to_ns
    if start >= end or end <= meta.start_ns or start >= meta.end_ns:
        raise TapeError(
            f"from {moment(start)} to {moment(end)}: there is nothing;"
            f" the tape goes from {moment(meta.start_ns)} to {moment(meta.end_ns)}"
        )
    start = max(start, meta.start_ns)
    end = min(end, meta.end_ns)
    edges = np.linspace(start, end, columns + 1).astype(np.int64)
    touch, reach, traded, gaps = _survey(tape, edges, levels, progress)
    low, high = _window(touch, reach, traded, meta.tick_nanos)
    ticks = (high - low) // meta.tick_nanos + 1
    bin_nanos = meta.tick_nanos * -(-ticks // bins)
    height = -(-ticks * meta.tick_nanos // bin_nanos)
    depth = np.zeros((height, columns))
    volume = np.zeros((2, columns))
    gather = _Marks(edges, low, bin_nanos, height)
    for column, replayer, rows in _walk(tape, edges, progress):
        if column >= 0:
            depth[:, column] = _levels(replayer, low, bin_nanos, height)
        trades = _trades(rows, start, end)
        if len(trades):
            at = np.clip(np.searchsorted(edges, trades["time_ns"], "right") - 1, 0, columns - 1)
            np.add.at(volume, ((trades["side"] > 0).astype(np.int64), at), trades["quantity"])
            gather.add(trades)
    units = Units.of(meta.symbol, meta.format, meta.tick_nanos, meta.lots_per_unit)
    return Raster(
        meta.venue, meta.symbol, units, edges, low, bin_nanos, depth, touch, volume, gather.marks(), gaps
    )


def _walk(
    tape: Readable, edges: _Ints, progress: Callable[[int], None]
) -> Iterator[tuple[int, Replayer, Records]]:
    """The tape to the last edge, cut at the edges: (column that ends after these rows or -1, book, rows)."""
    replayer = Replayer(partial=tape.meta.kind == "partial")
    column = -1  # before the first edge
    for rows in tape.rows():
        progress(len(rows))
        time_ns, at = rows["time_ns"], 0
        while column + 1 < len(edges) and time_ns[-1] >= edges[column + 1]:
            last = column + 2 == len(edges)
            cut = int(np.searchsorted(time_ns, edges[column + 1], "right" if last else "left"))
            replayer.top(rows[at:cut], 1)
            yield column, replayer, rows[at:cut]
            column, at = column + 1, cut
        if column + 1 == len(edges):
            return
        replayer.top(rows[at:], 1)
        yield -1, replayer, rows[at:]


def _survey(
    tape: Readable, edges: _Ints, levels: int, progress: Callable[[int], None]
) -> tuple[_Floats, _Floats, list[tuple[int, int]], _Ints]:
    """Touch [2, W], the last of so many levels' price [2, W], trade extremes, gaps."""
    touch = np.full((2, len(edges) - 1), np.nan)
    reach = np.full((2, len(edges) - 1), np.nan)
    traded: list[tuple[int, int]] = []
    gaps: list[_Ints] = []
    for column, replayer, rows in _walk(tape, edges, progress):
        inside = rows[rows["time_ns"] >= edges[0]]
        gaps.append(inside["time_ns"][inside["flags"] & Flag.GAP_BEFORE > 0])
        trades = _trades(rows, int(edges[0]), int(edges[-1]))
        if len(trades):
            traded.append((int(trades["price"].min()), int(trades["price"].max())))
        if column < 0:
            continue
        for side, sign in ((0, 1), (1, -1)):
            n = int(replayer.book.counts[side])
            if n:
                keys = replayer.book.key[side, :n]
                touch[side, column] = sign * keys[-1]
                reach[side, column] = sign * keys[-min(n, levels)]
    return touch, reach, traded, np.concatenate(gaps) if gaps else np.zeros(0, np.int64)


def _window(
    touch: _Floats, reach: _Floats, traded: list[tuple[int, int]], tick_nanos: int
) -> tuple[int, int]:
    """The lowest and the highest price in view, on ticks."""
    bid, offer = touch
    both = ~np.isnan(bid) & ~np.isnan(offer)
    mids = ((bid + offer) / 2)[both]
    if len(mids):
        low, high = np.quantile(mids, [OUTLIERS / 2, 1 - OUTLIERS / 2])
        below, above = (float(np.quantile(abs(side[both] - mids), USUAL)) for side in reach)
        room = 0.04 * (high - low) + 2 * tick_nanos
        low, high = low - below - room, high + above + room
    elif traded:
        low, high = min(a for a, _ in traded), max(b for _, b in traded)
    else:
        raise TapeError("there is neither a book nor a trade in that stretch: nothing to draw")
    return int(max(low // tick_nanos, 1)) * tick_nanos, int(high // tick_nanos + 1) * tick_nanos


def _levels(replayer: Replayer, low: int, bin_nanos: int, height: int) -> _Floats:
    """[H] resting quantity by bin, of both sides."""
    column = np.zeros(height)
    for side, sign in ((0, 1), (1, -1)):
        n = int(replayer.book.counts[side])
        keys = replayer.book.key[side, :n]
        bounds = sorted((sign * low, sign * (low + height * bin_nanos - 1)))
        first, last = np.searchsorted(keys, bounds[0]), np.searchsorted(keys, bounds[1], "right")
        at = (sign * keys[first:last] - low) // bin_nanos
        column += np.bincount(at, replayer.book.qty[side, first:last], minlength=height)
    return column


def _trades(rows: Records, start: int, end: int) -> Records:
    of = (rows["type"] == Type.TRADE) | (rows["type"] == Type.HIDDEN_TRADE)
    of &= (rows["time_ns"] >= start) & (rows["time_ns"] <= end)
    found: Records = rows[of & (rows["price"] != NULL) & (rows["quantity"] > 0) & (rows["side"] != 0)]
    return found


class _Marks:
    """Gathers trades by column, bin and aggressor."""

    def __init__(self, edges: _Ints, low: int, bin_nanos: int, height: int) -> None:
        self._start, self._span = int(edges[0]), max(int(edges[-1] - edges[0]), 1)
        self._low, self._bin_nanos = low, bin_nanos * max(1, height // 90)
        self._high = low + height * bin_nanos
        self._cells: dict[tuple[int, int, int], list[float]] = {}

    def add(self, trades: Records) -> None:
        inside = trades[(trades["price"] >= self._low) & (trades["price"] < self._high)]
        since = inside["time_ns"] - self._start
        columns = (since.astype(np.float64) / self._span * MARKS).astype(np.int64)
        bins = (inside["price"] - self._low) // self._bin_nanos
        names = ("side", "quantity", "price")
        rows = zip(columns, bins, since, *(inside[name].tolist() for name in names), strict=True)
        for column, at, after_ns, side, lots, price in rows:
            cell = self._cells.setdefault((int(column), int(at), -side), [0.0, 0.0, 0.0])
            cell[0] += lots
            cell[1] += lots * float(after_ns)
            cell[2] += lots * float(price)

    def marks(self) -> Records:
        """MARK records, the largest: each at the mean time and price of its trades."""
        made = np.zeros(len(self._cells), MARK)
        for i, ((_, _, sign), (lots, times, prices)) in enumerate(self._cells.items()):
            made[i] = self._start + int(times / lots), int(prices / lots), lots, sign
        largest = made[np.argsort(-made["lots"], kind="stable")[:MOST_MARKS]]
        return largest[np.argsort(largest["time_ns"], kind="stable")]
