"""Opens a stored tape and reads it as a stream, checking on the way that its parts are what tape.json says.

    tape = open_tape(Path("tapes"), venue="XNAS", symbol="GOOG")     # or the symbol's own folder
    for rows in tape.rows(): ...                                      # ROW records, at most a row group each
    for batch in tape.batches(("time_ns", "price")): ...              # the same as Arrow batches
    frame(Path("tapes"))                                              # events with the book after each

Whatever is missing, damaged or out of order is a TapeError that names file and row; a reader that came to
the end has read a tape as it was written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fixsim.tape.format import TapeError
from fixsim.tape.frame import Change, LobFrame
from fixsim.tape.levels import Replayer
from fixsim.tape.metafile import META_FILE, find_tapes, read_meta
from fixsim.tape.rows import NULL, ROW, Records, from_arrow, numbers
from fixsim.tape.schema import DAY_NS, EVENTS, ORDERS, QUARANTINE, Flag, Meta, Type

BATCH: Final = 1 << 16

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile(r"part-[0-9]{5,9}\.parquet")
_ALWAYS = ("seq", "time_ns", "type")
"""Read whatever is asked for: they are what can be checked."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of events."""

    path: Path
    date: str
    rows: int


@dataclass(frozen=True, slots=True)
class StoredTape:
    """One symbol at one venue, on disk."""

    folder: Path
    meta: Meta
    parts: tuple[Part, ...]

    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Arrow batches of at most `size` rows with `columns` (all: None), in tape order."""
        wanted = EVENTS.names if columns is None else list(columns)
        read = [name for name in EVENTS.names if name in wanted or name in _ALWAYS]
        check = _Check(self.meta)
        for part in self.parts:
            for batch in _read(part.path, EVENTS, read, size):
                check.batch(part, batch)
                yield batch.select(wanted)
        check.end(self.folder)

    def rows(self, *, size: int = BATCH) -> Iterator[Records]:
        """ROW records of at most `size` rows, in tape order; NULL where the file has null."""
        for batch in self.batches(size=size):
            yield from_arrow(batch)

    def load(self) -> Records:
        """All of it at once, as ROW records [events]: for tapes that fit in memory."""
        chunks = list(self.rows())
        return np.concatenate(chunks) if chunks else np.zeros(0, ROW)

    def orders(self) -> Iterator[pa.RecordBatch]:
        """Native order ids (schema.ORDERS), for sources whose ids are not whole numbers; else nothing."""
        yield from self._beside("orders.parquet", ORDERS)

    def quarantine(self) -> Iterator[pa.RecordBatch]:
        """Rows that were set aside (schema.QUARANTINE)."""
        yield from self._beside("quarantine.parquet", QUARANTINE)

    def _beside(self, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for path in sorted(self.folder.glob(f"date=*/{name}")):
            yield from _read(path, schema, schema.names, BATCH)


def open_tape(path: Path, *, venue: str | None = None, symbol: str | None = None) -> StoredTape:
    """The tape at `path`, or the only one below it that is of `venue` and `symbol`. Raises TapeError."""
    if not path.is_dir():
        raise TapeError(f"{path}: {'not a folder' if path.exists() else 'No such file or directory'}")
    found = [(folder, read_meta(folder)) for folder in find_tapes(path)]
    found = [(f, m) for f, m in found if venue in (None, m.venue) and symbol in (None, m.symbol)]
    if not found:
        asked = "".join(f" of {what} {name}" for what, name in (("venue", venue), ("symbol", symbol)) if name)
        raise TapeError(f"{path}: there is no tape{asked}")
    if len(found) > 1:
        names = ", ".join(f"{m.venue} {m.symbol}" for _, m in found)
        raise TapeError(f"{path}: holds {len(found)} tapes ({names}): name one's folder")
    folder, meta = found[0]
    return StoredTape(folder, meta, _parts(folder, meta))


_CHANGES: Final = {
    Type.ADD: Change.LIMIT,
    Type.REDUCE: Change.CANCEL,
    Type.DELETE: Change.CANCEL,
    Type.TRADE: Change.MARKET,
    Type.HIDDEN_TRADE: Change.HIDDEN,
    Type.LEVEL: Change.OTHER,
    Type.CROSS: Change.OTHER,
    Type.HALT: Change.OTHER,
    Type.RESUME: Change.OTHER,
}


def frame(tape: Path | StoredTape, levels: int = 10) -> LobFrame:
    """The events of a tape with the best levels after each, all in memory.

    Rows that are no event of the visible book (the opening, anchors, resyncs, order flow before matching, the
    venue's quotes) are no rows of the frame; what they do to the book shows in the row before them, so that a
    partial tape's row i has the recorded book i. A LEVEL counts as a limit or a cancel of what it changes;
    an order that goes because it trades as the taker (TAKER) is OTHER: its maker's row is the trade.
    """
    stored = open_tape(tape) if isinstance(tape, Path) else tape
    replayer = Replayer(partial=stored.meta.kind == "partial")
    changes = np.array([_CHANGES.get(type_, -1) for type_ in Type], np.int8)
    kept: list[Records] = []
    change: list[Any] = []
    px: list[Any] = []
    qty: list[Any] = []
    for rows in stored.rows():
        row_px, row_qty = replayer.top(rows, levels)
        kind = changes[rows["type"]]
        at = np.flatnonzero(kind >= 0)
        last = np.append(at, len(rows)) - 1  # before each event, and at the end
        if px and last[0] >= 0:
            px[-1][-1], qty[-1][-1] = row_px[last[0]], row_qty[last[0]]
        if not len(at):
            continue
        events, delta = rows[at], replayer.delta[at]
        kind = kind[at]
        totals = events["type"] == Type.LEVEL
        kind[totals & (delta > 0)], kind[totals & (delta < 0)] = Change.LIMIT, Change.CANCEL
        events["quantity"] = np.where(totals, abs(delta), events["quantity"])
        kind[events["flags"] & Flag.TAKER != 0] = Change.OTHER
        kept.append(events)
        change.append(kind)
        px.append(row_px[last[1:]])
        qty.append(row_qty[last[1:]])
    whole = np.concatenate([*kept, np.zeros(0, ROW)])
    none = np.zeros((0, 2, levels), np.int64)
    return LobFrame(
        symbol=stored.meta.symbol,
        tick_nanos=stored.meta.tick_nanos,
        lots_per_unit=stored.meta.lots_per_unit,
        time_ns=whole["time_ns"].copy(),
        change=np.concatenate([*change, np.zeros(0, np.int8)]),
        side=whole["side"].copy(),
        price=np.where(whole["price"] == NULL, 0, whole["price"]),
        quantity=np.where(whole["quantity"] == NULL, 0, whole["quantity"]),
        order_id=np.where(whole["order_id"] == NULL, -1, whole["order_id"]),
        px=np.concatenate([*px, none]),
        qty=np.concatenate([*qty, none]),
    )


def _parts(folder: Path, meta: Meta) -> tuple[Part, ...]:
    parts = []
    for path in sorted(folder.glob("date=*/part-*.parquet")):
        if not _PART.fullmatch(path.name):
            raise TapeError(f"{path}: its name is not one that a tape's part has, part-00000.parquet")
        with _opened(path, EVENTS) as file:
            parts.append(Part(path, path.parent.name.removeprefix("date="), file.metadata.num_rows))
    total = sum(part.rows for part in parts)
    if total != meta.events:
        raise TapeError(f"{folder}: {len(parts)} parts hold {total} events, {META_FILE} says {meta.events}")
    for date in sorted({part.date for part in parts}):
        numbers = [int(part.path.stem.removeprefix("part-")) for part in parts if part.date == date]
        if numbers != list(range(len(numbers))):
            raise TapeError(f"{folder / f'date={date}'}: a part is missing, there are {numbers}")
    return tuple(parts)


def _opened(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror or error}") from None
    except pa.ArrowException as error:
        raise TapeError(f"{path}: damaged: {_first_line(error)}") from None
    if not file.schema_arrow.equals(schema):
        file.close()
        raise TapeError(f"{path}: its columns are not those of a tape: {file.schema_arrow.names}")
    return file


def _read(path: Path, schema: pa.Schema, columns: list[str], size: int) -> Iterator[pa.RecordBatch]:
    rows = 0
    with _opened(path, schema) as file:
        try:
            for batch in file.iter_batches(size, columns=columns):
                rows += batch.num_rows
                yield batch
        except (OSError, pa.ArrowException) as error:
            raise TapeError(f"{path}: after row {rows}: damaged: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _day(date: str) -> int:
    """Days since 1970 of a date in a folder's name; -1 for what is none."""
    try:
        return (datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC) - _EPOCH).days
    except ValueError:
        return -1


@dataclass(slots=True)
class _Check:
    """Follows the rows of one tape from its beginning to its end."""

    meta: Meta
    seq: int = 0
    time_ns: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    part: Path | None = None
    row: int = 0

    def batch(self, part: Part, batch: pa.RecordBatch) -> None:
        if part.path != self.part:
            self.part, self.row = part.path, 0
        n = batch.num_rows
        seq, time_ns, types = (numbers(batch.column(name)) for name in _ALWAYS)
        rules: list[tuple[str, Any]] = [
            ("seq is not the next", seq != np.arange(self.seq, self.seq + n)),
            ("time runs backwards", np.diff(time_ns, prepend=self.time_ns) < 0),
            ("time is not of the folder's date", time_ns // DAY_NS != _day(part.date)),
            ("unknown type", (types < 0) | (types >= len(Type))),
        ]
        for rule, bad in rules:
            if bad.any():
                raise TapeError(f"{part.path}: row {self.row + int(np.argmax(bad)) + 1}: {rule}")
        self.row += n
        self.seq += n
        self.time_ns = int(time_ns[-1]) if n else self.time_ns
        self.counts.update(dict(enumerate(np.bincount(types).tolist())))

    def end(self, folder: Path) -> None:
        """TapeError unless what was read is all that tape.json says."""
        counts = {Type(t).name: n for t, n in sorted(self.counts.items()) if n}
        for name, read, said in (
            ("events", self.seq, self.meta.events),
            ("counts", counts, self.meta.counts),
            ("end_ns", self.time_ns, self.meta.end_ns),
        ):
            if read != said:
                raise TapeError(f"{folder}: the parts hold {name} {read}, {META_FILE} says {said}")
