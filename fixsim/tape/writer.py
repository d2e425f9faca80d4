"""Writes one tape (one symbol at one venue) as a stream: memory is bounded by a row group, never by the file.

    with TapeWriter(root, format="lobster", kind="partial", venue="XNAS", symbol="GOOG",
                    tick_nanos=10_000_000, lots_per_unit=1, window_levels=10) as writer:
        file = writer.reads(source)                                   # a SourceFile; its index for `file`
        writer.row(time_ns, Type.ADD, 1, price, quantity, order_id=7, row=1, file=file)
        writer.reject(file, 2, "5 fields, not 6", line)                # raises, or is set aside
    # here the tape is at root/venue=XNAS/symbol=GOOG

Everything goes into a hidden folder beside the tape's place, tape.json last, and the folder gets its name
when all is written: an import that ends early, however it ends, leaves nothing that opens as a tape.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import pyarrow.parquet as pq

from fixsim.tape.format import TapeError, brief
from fixsim.tape.metafile import KINDS, write_meta
from fixsim.tape.rows import NULL, ROW, Records, to_arrow
from fixsim.tape.schema import DAY_NS, EVENTS, ORDERS, QUARANTINE, Flag, Meta, Type
from fixsim.tape.sidefile import SideFile, only_import
from fixsim.tape.source import SourceFile

ROW_GROUP: Final = 1 << 16
"""Rows of a row group: what is kept in memory, and what a query can skip."""
PART_ROWS: Final = 1 << 24
MOST_TICK_NANOS: Final = 10**13
MOST_LOTS: Final = 10**12

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_NARROW = ("type", "side", "flags", "file")


class TapeWriter:
    """See the module. `quarantine`: rows that are rejected are set aside instead of ending the import."""

    def __init__(
        self,
        root: Path,
        *,
        format: str,  # noqa: A002 (Meta's own name for it)
        kind: str,
        venue: str,
        symbol: str,
        tick_nanos: int,
        lots_per_unit: int,
        window_levels: int | None = None,
        quarantine: bool = False,
        row_group: int = ROW_GROUP,
        part_rows: int = PART_ROWS,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is not one of {', '.join(KINDS)}")
        for what, name in (("venue", venue), ("symbol", symbol)):
            if not _NAME.fullmatch(name):
                raise TapeError(f"{what} {name!r}: 1 to 32 letters, digits, '.', '_' or '-'")
        if not 1 <= tick_nanos <= MOST_TICK_NANOS:
            raise TapeError(f"tick of {tick_nanos} nanos: must be 1 to {MOST_TICK_NANOS} nanos")
        if not 1 <= lots_per_unit <= MOST_LOTS:
            raise TapeError(f"lots per unit {brief(lots_per_unit)}: must be 1 to {MOST_LOTS}")
        self.meta = Meta(format, kind, venue, symbol, tick_nanos, lots_per_unit, window_levels, 0, 0, 0)
        self.folder = root / f"venue={venue}" / f"symbol={symbol}"
        """Where the tape will be."""
        self.sets_aside = quarantine
        self._sources: list[SourceFile] = []
        self._row_group, self._part_rows = row_group, part_rows
        self._pending: list[tuple[int, ...]] = []
        self._blocks: list[Records] = []
        self._blocked = 0
        self._pending_day = -1
        self._day = -1
        self._parts = 0
        self._part_left = 0
        self._counts: Counter[int] = Counter()
        self._anomalies: Counter[str] = Counter()
        self._events: pq.ParquetWriter | None = None
        self._orders = SideFile("orders.parquet", ORDERS)
        self._aside = SideFile("quarantine.parquet", QUARANTINE)
        if self.folder.exists():
            raise TapeError(f"{self.folder}: is there already; remove it, or import to another folder")
        self._work = root / f".venue={venue}.symbol={symbol}.unfinished"
        self._lock = only_import(self._work)

    # What an importer says

    def reads(self, source: SourceFile) -> int:
        """Name a file that rows come from: its index, for `file`. It is closed with the writer."""
        self._sources.append(source)
        return len(self._sources) - 1

    def row(
        self,
        time_ns: int,
        type_: Type,
        side: int,
        price: int | None = None,
        quantity: int | None = None,
        *,
        row: int,
        file: int = 0,
        order_id: int | None = None,
        contra_id: int | None = None,
        funds: int | None = None,
        venue_time_ns: int | None = None,
        receive_time_ns: int | None = None,
        sequence: int | None = None,
        flags: int = 0,
    ) -> None:
        """Append one row. Its place is the order of calls; `time_ns` may not fall."""
        day = time_ns // DAY_NS
        if len(self._pending) >= self._row_group or self._blocks:
            self._flush()
        if day != self._pending_day:
            self._turn(day)
        nullable = (venue_time_ns, receive_time_ns, sequence)
        self._pending.append(
            (
                0,
                time_ns,
                *(NULL if value is None else value for value in nullable),
                type_,
                side,
                *(NULL if v is None else v for v in (order_id, contra_id, price, quantity, funds)),
                flags,
                row,
                file,
            )
        )

    def extend(self, rows: Records) -> None:
        """Append ROW records [n], NULL where there is nothing; `seq` is given here."""
        if self._pending:
            self._flush()
        days = rows["time_ns"] // DAY_NS
        cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(rows)]
        for start, end in pairwise(cuts):
            if end > start and days[start] != self._pending_day:
                self._turn(int(days[start]))
            self._blocks.append(rows[start:end].copy())
            self._blocked += end - start
            if self._blocked >= self._row_group:
                self._flush()

    def name(self, order_id: int, native_id: str) -> None:
        """Keep the source's own id of an order, after the row that brought it."""
        if self._orders.add((order_id, native_id), self._row_group):
            self._flush()
            self._orders.write()

    def reject(self, file: int, row: int, reason: str, raw: bytes = b"") -> None:
        """A row that cannot be used: TapeError naming file and row, or it is set aside (`quarantine`)."""
        reason = brief(reason)
        if not self.sets_aside:
            raise TapeError(f"{self._sources[file].name}: row {row}: {reason}")
        self.meta.quarantined += 1
        if not self._aside.add((file, row, reason, raw[:4096]), self._row_group):
            return
        self._flush()
        if self._day < 0:
            raise TapeError(
                f"{self._sources[file].name}: row {row}: {self._row_group} rows set aside and none that"
                f" can be used; the last: {reason}"
            )
        self._aside.write()

    def count(self, anomaly: str, n: int = 1) -> None:
        """Count something that no row's flag says, under a name of its own."""
        self._anomalies[anomaly] += n

    def note(self, text: str) -> None:
        """Say something of the tape in words, for its reader."""
        self.meta.notes.append(text)

    # The file

    def _turn(self, day: int) -> None:
        """What is named or set aside from here on belongs to the new day."""
        self._flush()
        self._close_day()
        self._pending_day = day

    def _flush(self) -> None:
        if self._pending:
            self._blocks.append(np.array(self._pending, ROW))
            self._pending.clear()
        if self._blocks:
            rows = np.concatenate(self._blocks)
            self._blocks.clear()
            self._blocked = 0
            for at in range(0, len(rows), self._row_group):
                self._write(rows[at : at + self._row_group])

    def _write(self, rows: Records) -> None:
        """Rows of one UTC day, at most a row group."""
        self._check(rows)
        day = int(rows["time_ns"][0]) // DAY_NS
        if day != self._day:
            self._open_day(day)
        if self._part_left < len(rows):
            self._open_part()
        n = self.meta.events
        rows["seq"] = np.arange(n, n + len(rows))
        assert self._events is not None
        self._events.write_batch(to_arrow(rows), row_group_size=self._row_group)
        self._part_left -= len(rows)
        if not n:
            self.meta.start_ns = int(rows["time_ns"][0])
        self.meta.events = n + len(rows)
        self.meta.end_ns = int(rows["time_ns"][-1])
        self._counts.update(dict(enumerate(np.bincount(rows["type"], minlength=len(Type)).tolist())))
        for flag in Flag:
            if flag != Flag.OPENING:
                self._anomalies[str(flag.name)] += int(np.count_nonzero(rows["flags"] & flag))

    def _check(self, rows: Records) -> None:
        """What every reader takes for granted."""
        falls = np.diff(rows["time_ns"], prepend=self.meta.end_ns) < 0
        unnamed = (rows["file"] < 0) | (rows["file"] >= max(1, len(self._sources)))
        rules = (
            ("time runs backwards", falls),
            ("time is before 1970", rows["time_ns"] < 0),
            ("unknown type", (rows["type"] < 0) | (rows["type"] >= len(Type))),
            ("side is not +1, -1 or 0", abs(rows["side"]) > 1),
            ("quantity is below zero", (rows["quantity"] < 0) & (rows["quantity"] != NULL)),
            ("file is not one that was named", unnamed),
        )
        for rule, bad in rules:
            if bad.any():
                first = rows[int(np.argmax(bad))]
                named = 0 <= first["file"] < len(self._sources)
                name = self._sources[first["file"]].name if named else str(self.folder)
                raise TapeError(f"{name}: row {first['row']}: {rule}")

    def _open_day(self, day: int) -> None:
        self._close_day()
        self._day, self._parts, self._part_left = day, 0, 0
        self._date_folder().mkdir()
        self._orders.folder = self._aside.folder = self._date_folder()

    def _date_folder(self) -> Path:
        return self._work / f"date={datetime.fromtimestamp(self._day * 86_400, UTC):%Y-%m-%d}"

    def _open_part(self) -> None:
        if self._events is not None:
            self._events.close()
        path = self._date_folder() / f"part-{self._parts:05d}.parquet"
        self._parts += 1
        self._part_left = self._part_rows
        wide = {field.name: "DELTA_BINARY_PACKED" for field in EVENTS if field.name not in _NARROW}
        self._events = pq.ParquetWriter(
            path,
            EVENTS,
            compression="zstd",
            use_dictionary=list(_NARROW),
            column_encoding=wide,
            write_page_checksum=True,
        )

    def _close_day(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None
        if self._day >= 0:
            self._orders.close()
            self._aside.close()
            self._day = -1

    # Its end

    def finish(self) -> Path:
        """Write what is pending and tape.json, and give the tape its place: the folder. Raises TapeError."""
        self._flush()
        if not self.meta.events:
            aside = f" ({self.meta.quarantined} rows were set aside)" if self.meta.quarantined else ""
            raise TapeError(f"{', '.join(s.name for s in self._sources) or self.folder}: no events{aside}")
        self._close_day()
        self.meta.sources = [source.described() for source in self._sources]
        self.meta.counts = {Type(t).name: n for t, n in sorted(self._counts.items()) if n}
        self.meta.anomalies = {name: n for name, n in sorted(self._anomalies.items()) if n}
        write_meta(self._work, self.meta)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._work.rename(self.folder)
        os.close(self._lock)
        self._lock = -1
        return self.folder

    def discard(self) -> None:
        """Remove what was written. After finish() it does nothing."""
        if self._lock < 0:
            return
        with contextlib.suppress(Exception):  # whatever is wrong with it, it goes
            self._close_day()
        shutil.rmtree(self._work, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._lock >= 0:
                self.finish()
        finally:
            self.discard()
            for source in self._sources:
                source.close()
