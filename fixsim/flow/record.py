"""What generated flow did, as a frame for statistics or as a tape on disk.

    frame = record(lambda log: queue_reactive(load_model(), seed=7, duration_s=3600, log=log), listing)

The flow's own acts are recorded: orders before matching, cancels, trades. A tape is of
kind "flow": its replay gives the very same book and trades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.acts import HIDDEN, RESTED, TAKEN_OFF, TRADED
from fixsim.flow.log import Log
from fixsim.flow.source import Source
from fixsim.matching import BookFull
from fixsim.matching.layout import Records
from fixsim.tape.frame import Change, LobFrame
from fixsim.tape.rows import NULL, ROW
from fixsim.tape.schema import Flag, Type
from fixsim.tape.writer import TapeWriter

SLICE_NS = 1_000_000_000
"""Market time between two drains."""

_CHANGE = {RESTED: Change.LIMIT, TAKEN_OFF: Change.CANCEL, TRADED: Change.MARKET, HIDDEN: Change.HIDDEN}


@dataclass(frozen=True, slots=True)
class Listing:
    """What prices and quantities of a record mean."""

    symbol: str
    tick_nanos: int
    lots_per_unit: int = 1


Progress = Callable[[int], object]
"""Told the nanoseconds of market time that went by since the last call."""


def drive(source: Source, log: Log, progress: Progress = lambda ns: None) -> None:
    """Run a market to its end with nobody in it, drained as it goes."""
    now_ns = source.start_ns
    while now_ns < source.stop_ns:
        until_ns = min(now_ns + SLICE_NS, source.stop_ns)
        waits = True
        while waits:
            try:
                source.flow.step_until(until_ns)
                waits = False
            except BookFull:
                if not len(source.market.fills()):
                    raise
            source.market.fills()
            source.market.changes()
        progress(until_ns - now_ns)
        now_ns = until_ns
    log.drain()


class Frames(Log):
    """Keeps everything in memory, for a LobFrame."""

    def __init__(self, *, levels: int = 10) -> None:
        super().__init__(levels=levels)
        self._kept: list[tuple[Records, NDArray[np.int64], NDArray[np.int64]]] = []

    def take(self, rows: Records, px: NDArray[np.int64], qty: NDArray[np.int64]) -> None:
        self._kept.append((rows, px, qty))

    def frame(self, listing: Listing) -> LobFrame:
        """Everything since the opening. ValueError if nothing happened."""
        if not self._kept:
            raise ValueError(f"{listing.symbol}: nothing happened: there is no frame of it")
        rows, px, qty = (np.concatenate([kept[i] for kept in self._kept]) for i in range(3))
        half = listing.tick_nanos // 2
        change = np.full(len(rows), Change.OTHER, np.int8)
        for what, name in _CHANGE.items():
            change[rows["what"] == what] = name
        return LobFrame(
            symbol=listing.symbol,
            tick_nanos=listing.tick_nanos,
            lots_per_unit=listing.lots_per_unit,
            time_ns=rows["time_ns"].copy(),
            change=change,
            side=rows["sign"].astype(np.int8),
            price=rows["px"] * half,
            quantity=rows["qty"].copy(),
            order_id=rows["order"].copy(),
            px=px * half,
            qty=qty,
        )


def record(
    open_market: Callable[[Log], Source],
    listing: Listing,
    *,
    levels: int = 10,
    progress: Progress = lambda ns: None,
) -> LobFrame:
    """Run the market that `open_market` makes with the log it is given, from its start to its end."""
    frames = Frames(levels=levels)
    drive(open_market(frames), frames, progress)
    return frames.frame(listing)


class Tapes(Log):
    """Writes a Parquet tape of order flow as it comes."""

    def __init__(self, writer: TapeWriter, tick_nanos: int) -> None:
        super().__init__(levels=1)
        self._writer = writer
        self._half = tick_nanos // 2
        self._row = 1

    def opening(self, rows: Records) -> None:
        out = self._rows(rows)
        out["type"], out["flags"] = Type.SNAPSHOT, Flag.OPENING
        self._write(out)

    def take(self, rows: Records, px: NDArray[np.int64], qty: NDArray[np.int64]) -> None:
        if (rows["order"] < 0).any():
            raise ValueError("a participant traded with the flow: a tape of order flow would lack his orders")
        traded = rows["what"] == TRADED
        first = traded & (np.diff(rows["contra"], prepend=-1) != 0)
        out = self._rows(rows)
        out["type"] = np.select([rows["what"] == RESTED, traded], [Type.ADD, Type.TRADE], Type.DELETE)
        out["contra_id"][traded] = rows["contra"][traded]
        # Before a trade the market order that caused it, before an order that rests its arrival.
        comes = first | (rows["what"] == RESTED)
        arrivals = out[comes].copy()
        market = first[comes]
        arrivals["type"] = np.where(market, Type.MARKET, Type.LIMIT)
        arrivals["order_id"][market] = rows["contra"][comes][market]
        arrivals["contra_id"] = NULL
        arrivals["side"][market] *= -1
        arrivals["price"][market] = NULL
        group = np.cumsum(first)
        arrivals["quantity"][market] = np.bincount(
            group[traded], weights=rows["qty"][traded], minlength=int(group[-1]) + 1
        )[1:].astype(np.int64)
        both = np.empty(len(out) + len(arrivals), ROW)
        place = np.arange(len(out)) + np.cumsum(comes)
        both[place] = out
        both[place[comes] - 1] = arrivals
        self._write(both)

    def _rows(self, rows: Records) -> Records:
        out = np.zeros(len(rows), ROW)
        for name in ("venue_time_ns", "receive_time_ns", "sequence", "contra_id", "funds"):
            out[name] = NULL
        out["time_ns"], out["side"], out["order_id"] = rows["time_ns"], rows["sign"], rows["order"]
        out["price"], out["quantity"] = rows["px"] * self._half, rows["qty"]
        return out

    def _write(self, rows: Records) -> None:
        rows["row"] = np.arange(self._row, self._row + len(rows))
        self._row += len(rows)
        self._writer.extend(rows)


def record_tape(
    open_market: Callable[[Log], Source],
    listing: Listing,
    root: Path,
    *,
    venue: str = "GENERATED",
    note: str = "",
    progress: Progress = lambda ns: None,
) -> Path:
    """As record, to a tape of format "generated" under `root`: its folder. Raises TapeError."""
    with TapeWriter(
        root,
        format="generated",
        kind="flow",
        venue=venue,
        symbol=listing.symbol,
        tick_nanos=listing.tick_nanos,
        lots_per_unit=listing.lots_per_unit,
    ) as writer:
        tapes = Tapes(writer, listing.tick_nanos)
        drive(open_market(tapes), tapes, progress)
        if note:
            writer.note(note)
        return writer.finish()
