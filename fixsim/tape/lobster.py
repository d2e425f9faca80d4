"""Importer: LOBSTER's message and orderbook CSV (NASDAQ, as reconstructed by LOBSTER) to a partial tape.

    message     seconds after midnight in New York, type, order id, size, price x 10,000, direction
    orderbook   offer price, offer size, bid price, bid size, per level; row i is the book after message i

File names say what they hold: SYMBOL_DATE_START_END_{message,orderbook}_LEVELS, START and END in milliseconds
after midnight, and, for cut orderbook files, `_firstN` (only N rows) or `_topK` (only K levels). A file of
another name needs --symbol and --date. The orderbook file may be missing; then nothing is known of the levels
that were there at the start, and nothing is anchored. Of several, a row counts from the deepest.

Rows of types 1 to 7 become ADD, REDUCE, DELETE, TRADE, HIDDEN_TRADE, CROSS, HALT and RESUME (a halt in which
quoting has resumed is still a HALT, counted as HALT_QUOTING). Times with more than nine decimals are floats
that LOBSTER printed: rounded, and counted as TIME_ROUNDED. The opening book is the first orderbook row with
the first message undone. Memory holds one chunk of rows, and each order that rests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 (a field of that name is below)
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.format import TapeError
from fixsim.tape.importers import Request
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Type
from fixsim.tape.source import CutShortError, SourceFile
from fixsim.tape.window import Recorded, Window
from fixsim.tape.writer import TapeWriter

PRICE_NANOS: Final = 100_000
"""A price of 1 in the files, a hundredth of a cent."""
CHUNK: Final = 4096

_NAME = re.compile(
    r"(?P<symbol>[^_]+)_(?P<date>\d{4}-\d\d-\d\d)_(?P<start>\d+)_(?P<end>\d+)_(?P<what>message|orderbook)"
    r"_(?P<levels>\d+)(?:_first(?P<first>\d+)|_top(?P<top>\d+))?\.csv(?:\.xz|\.gz)?"
)
_MESSAGE = re.compile(rb"(\d{1,6})(?:\.(\d{1,15}))?,([1-7]),(\d{1,18}),(\d{1,9}),(-?\d{1,10}),(-1|1)")
_NO_LEVEL = 9_999_999_999
_TYPES = {
    1: Type.ADD,
    2: Type.REDUCE,
    3: Type.DELETE,
    4: Type.TRADE,
    5: Type.HIDDEN_TRADE,
    6: Type.CROSS,
}
_NEW_YORK = "America/New_York"
_MAX_CONTRADICTED = 50
"""Rows in which book and messages may contradict each other; more, and above 1 in 100, are another day's."""

_Message = tuple[int, int, int, int, int, int]  # ns after midnight, type, id, size, price, direction


@dataclass(frozen=True, slots=True)
class _File:
    """What the name and the first line of a file say."""

    path: Path
    is_message: bool
    levels: int | None
    """message: levels a side that it follows; orderbook: that a row shows."""
    rows: int | None
    """orderbook: how many rows it was cut to."""
    day: tuple[str, Date, int, int] | None
    """symbol, date, start and end in ns after midnight"""


def import_lobster(request: Request) -> list[Path]:
    """One symbol's day. Raises TapeError: file, row, reason."""
    files = [_described(path) for path in request.files]
    message = _only([file for file in files if file.is_message], request)
    books = sorted((f for f in files if not f.is_message), key=lambda f: f.levels or 0, reverse=True)
    symbol, date, start_ns, end_ns = _day([message, *books], request)
    window = message.levels or (books[0].levels if books and books[0].rows is None else None)
    with TapeWriter(
        request.out,
        format="lobster",
        kind="partial",
        venue=request.venue or "XNAS",
        symbol=symbol,
        tick_nanos=request.tick_nanos or 10_000_000,
        lots_per_unit=request.lots_per_unit or 1,
        window_levels=window,
        quarantine=request.quarantine,
    ) as writer:
        opened = [request.open(file.path) for file in (message, *books)]
        indices = [writer.reads(source) for source in opened]
        day = _Reading(writer, opened, indices, [book.rows for book in books], _midnight_ns(date))
        day.between_ns = (start_ns, end_ns)
        day.levels = max((book.levels or 0 for book in books), default=1)
        _follow(day, Window(window), request.lots_per_unit or 1, bool(books))
        _note(writer, books, window)
    return [writer.folder]


# Which files


def _described(path: Path) -> _File:
    with SourceFile(path) as source:
        _, first = next(source.lines(), (0, b""))
    columns = first.count(b",") + 1
    if columns != 6 and (columns % 4 or not first):
        raise TapeError(f"{path}: row 1: {columns} columns are neither a message's 6 nor 4 for each level")
    is_message = columns == 6
    shown = None if is_message else columns // 4
    named = _NAME.fullmatch(path.name)
    if named is None:
        return _File(path, is_message, shown, None, None)
    if (named["what"] == "message") != is_message:
        raise TapeError(f"{path}: row 1: {columns} columns, but it is named {named['what']}")
    said = int(named["top"] or named["levels"])
    if not is_message and said != shown:
        raise TapeError(f"{path}: row 1: {shown} levels, but it is named for {said}")
    day = (
        named["symbol"],
        Date.fromisoformat(named["date"]),
        int(named["start"]) * 10**6,
        int(named["end"]) * 10**6,
    )
    return _File(path, is_message, said, int(named["first"]) if named["first"] else None, day)


def _only(messages: list[_File], request: Request) -> _File:
    if len(messages) != 1:
        names = ", ".join(path.name for path in request.files)
        raise TapeError(f"{names}: {len(messages)} message files, exactly one is needed")
    return messages[0]


def _day(files: list[_File], request: Request) -> tuple[str, Date, int, int]:
    days = {file.day: file.path.name for file in files if file.day is not None}
    if len(days) > 1:
        raise TapeError(f"{', '.join(days.values())}: not of the same symbol, day and time")
    said = next(iter(days), None)
    symbol = request.symbol or (said[0] if said else None)
    date = request.date or (said[1] if said else None)
    if symbol is None or date is None:
        raise TapeError(f"{files[0].path.name}: does not say its symbol and date: give --symbol and --date")
    return symbol, date, *(said[2:] if said else (0, 86_400 * 10**9))


def _midnight_ns(date: Date) -> int:
    return int(datetime(date.year, date.month, date.day, tzinfo=ZoneInfo(_NEW_YORK)).timestamp()) * 10**9


def _note(writer: TapeWriter, books: list[_File], window: int | None) -> None:
    if not books:
        writer.note(
            "no orderbook file: levels that were there at the start, or came into view, are not known"
        )
    for book in books:
        if book.rows is not None or (window is not None and (book.levels or 0) < window):
            rows = "every row" if book.rows is None else f"the first {book.rows} rows"
            writer.note(f"{book.path.name}: {book.levels} levels for {rows}; beyond, nothing is anchored")


# Rows


@dataclass(slots=True)
class _Chunk:
    """Messages and the recorded book after each."""

    messages: Records
    recorded: Recorded


class _Reading:
    """The message file and the orderbook files, side by side, row by row."""

    def __init__(
        self,
        writer: TapeWriter,
        sources: list[SourceFile],
        indices: list[int],
        book_rows: list[int | None],
        midnight_ns: int,
    ) -> None:
        self.between_ns = (0, 0)
        self.levels = 1
        self.quoting_halts = 0
        self.symbolic = (sources[0].name, ", ".join(s.name for s in sources[1:]))
        self._writer, self._midnight_ns = writer, midnight_ns
        self._file, self._messages = indices[0], _lines(writer, indices[0], sources[0])
        self._books = [
            _Book(writer, index, source, rows)
            for index, source, rows in zip(indices[1:], sources[1:], book_rows, strict=True)
        ]
        self._last_ns = 0
        self._gap = False

    def chunks(self, lots: int) -> Iterator[_Chunk]:
        """All rows, in pieces. `lots` make one share."""
        live: dict[int, int] = {}
        done = False
        while not done:
            rows = np.zeros(CHUNK, ROW)
            px = np.zeros((CHUNK, 2, self.levels), np.int64)
            qty = np.zeros_like(px)
            depth, file = np.zeros(CHUNK, np.int64), np.zeros(CHUNK, np.int64)
            after_gap = np.zeros(CHUNK, np.bool_)
            n = 0
            while n < CHUNK and not done:
                if (line := next(self._messages, None)) is None:
                    done = True
                    continue
                row, raw = line
                shown = [(book, levels) for book in self._books if (levels := book.row(row)) is not None]
                message = self._message(row, raw)
                if message is None:
                    self._gap = True
                    continue
                rows[n] = self._row(message, row, live, lots)
                if shown:
                    book, levels = shown[0]
                    self._agree(row, shown)
                    m = depth[n] = levels.shape[1]
                    px[n, :, :m], qty[n, :, :m] = levels[:, :, 0] * PRICE_NANOS, levels[:, :, 1] * lots
                    file[n], after_gap[n] = book.file, self._gap
                self._gap = self._gap and not shown
                n += 1
            if n:
                yield _Chunk(rows[:n], Recorded(px[:n], qty[:n], depth[:n], file[:n], after_gap[:n]))
        for book in self._books:
            book.end()

    def _message(self, row: int, raw: bytes) -> _Message | None:
        """None: it was set aside."""
        found = _MESSAGE.fullmatch(raw)
        if found is None:
            self._writer.reject(self._file, row, _why_no_message(raw), raw)
            return None
        whole, part, kind, order_id, size, price, direction = found.groups(b"")
        ns = int(whole) * 10**9 + int(part[:9].ljust(9, b"0"))
        if part[9:].strip(b"0"):  # 35821.088778456004: LOBSTER printed a float
            ns += part[9:10] >= b"5"
            self._writer.count("TIME_ROUNDED")
        message = (ns, int(kind), int(order_id), int(size), int(price), int(direction))
        reason = self._why_not(message)
        if reason:
            self._writer.reject(self._file, row, reason, raw)
            return None
        self._last_ns = ns
        return message

    def _why_not(self, message: _Message) -> str:
        ns, kind, _, size, price, _ = message
        start_ns, end_ns = self.between_ns
        if ns < self._last_ns:
            return f"time {_seconds(ns)} is before the row above, {_seconds(self._last_ns)}"
        if not start_ns <= ns <= end_ns:
            return f"time {_seconds(ns)} is not within {_seconds(start_ns)} to {_seconds(end_ns)}"
        if kind == 7:
            return "" if price in (-1, 0, 1) else f"a halt's price is -1, 0 or 1, not {price}"
        if price <= 0:
            return f"price {price} is not above zero"
        return "" if size > 0 else "size is zero"

    def _row(self, message: _Message, row: int, live: dict[int, int], lots: int) -> tuple[int, ...]:
        ns, kind, order_id, size, price, direction = message
        time_ns = self._midnight_ns + ns
        if kind == 7:
            self.quoting_halts += price == 0
            type_, direction, size, price = Type.RESUME if price == 1 else Type.HALT, 0, 0, 0
        else:
            type_ = _TYPES[kind]
        flags = _follow_order(live, type_, order_id, size) if kind < 5 else 0
        side = 0 if type_ == Type.CROSS else direction
        known = order_id if order_id else NULL
        price_nanos, quantity = price * PRICE_NANOS, size * lots
        none = NULL
        return (0, time_ns, time_ns, none, none, type_, side, known, none, price_nanos, quantity, none,
                flags, row, self._file)  # fmt: skip

    def _agree(self, row: int, shown: list[tuple[_Book, NDArray[np.int64]]]) -> None:
        (first, deepest), rest = shown[0], shown[1:]
        for book, levels in rest:
            if not np.array_equal(levels, deepest[:, : levels.shape[1]]):
                self._writer.reject(book.file, row, f"differs from {first.name}")


class _Book:
    """One orderbook file, row by row."""

    def __init__(self, writer: TapeWriter, file: int, source: SourceFile, rows: int | None) -> None:
        self.file, self.name = file, source.name
        self._writer, self._rows = writer, rows
        self._lines = _lines(writer, file, source)
        self._ended = False
        self._columns = 0

    def row(self, row: int) -> NDArray[np.int64] | None:
        """[side, level, (price, size)] bids first, size 0 where there is none; None: there is no such row."""
        if self._ended or (self._rows is not None and row > self._rows):
            return None
        line = next(self._lines, None)
        if line is None:
            self._ended = True
            self._writer.reject(self.file, row, "the orderbook ends here, the messages go on")
            return None
        levels = book_levels(line[1])
        if isinstance(levels, str):
            self._writer.reject(self.file, row, levels, line[1])
            return None
        self._columns = self._columns or levels.shape[1]
        if levels.shape[1] != self._columns:
            self._writer.reject(self.file, row, f"{levels.shape[1]} levels, not {self._columns}", line[1])
            return None
        return levels

    def end(self) -> None:
        """The messages are over: so must this be."""
        for row, raw in self._lines:
            self._writer.reject(self.file, row, "the messages ended before this row", raw)


def _lines(writer: TapeWriter, file: int, source: SourceFile) -> Iterator[tuple[int, bytes]]:
    """Rows of a file; where it is cut short or damaged, that is rejected as its last row."""
    try:
        yield from source.lines()
    except CutShortError as error:
        writer.reject(file, source.rows + 1, error.reason)


def book_levels(line: bytes) -> NDArray[np.int64] | str:
    """A row of the orderbook, or what is wrong with it."""
    if line.translate(None, b"0123456789-,"):
        return f"not numbers: {_shown(line)}"
    try:
        numbers = [int(field) for field in line.split(b",")]
    except ValueError:
        return f"an empty or damaged field: {_shown(line)}"
    if len(numbers) % 4:
        return f"{len(numbers)} columns are not 4 for each level"
    if max(map(abs, numbers)) > _NO_LEVEL:
        return "a number beyond 9999999999"
    levels = np.array(numbers, np.int64).reshape(-1, 2, 2).transpose(1, 0, 2)[::-1].copy()
    px, size = levels[:, :, 0], levels[:, :, 1]
    there = abs(px) != _NO_LEVEL
    if (size[there] <= 0).any() or (px[there] <= 0).any() or size[~there].any():
        return "a level without size, or without price"
    if (there[:, 1:] & ~there[:, :-1]).any():
        return "a level beyond one that is not there"
    worse = px[:, :-1] - px[:, 1:]
    worse[1] *= -1
    if (worse[there[:, 1:]] <= 0).any():
        return "levels are not in order of price"
    return levels


def _follow_order(live: dict[int, int], type_: Type, order_id: int, size: int) -> int:
    """Flags of a message about a displayed order; `live`: what is left of each whose ADD was seen."""
    left = live.get(order_id)
    if type_ == Type.ADD:
        live[order_id] = size
        return 0 if left is None else Flag.MISMATCH
    if left is None:
        return Flag.UNKNOWN_ORDER
    if type_ == Type.DELETE or size >= left:
        del live[order_id]
        partly = type_ == Type.REDUCE  # a partial cancel leaves something
        return Flag.MISMATCH if size != left or partly else 0
    live[order_id] = left - size
    return 0


def _why_no_message(raw: bytes) -> str:
    fields = raw.split(b",")
    if len(fields) != 6:
        return f"{len(fields)} columns, not 6: {_shown(raw)}"
    names = ("time", "type", "order id", "size", "price", "direction")
    patterns = (rb"\d{1,6}(\.\d{1,15})?", b"[1-7]", rb"\d{1,18}", rb"\d{1,9}", rb"-?\d{1,10}", b"-1|1")
    for name, pattern, field in zip(names, patterns, fields, strict=True):
        if not re.fullmatch(pattern, field):
            return f"{name} {_shown(field)} cannot be"
    return _shown(raw)


def _shown(raw: bytes) -> str:
    return repr(raw[:60].decode("ascii", "replace"))


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"


# The tape


def _follow(day: _Reading, window: Window, lots: int, has_book: bool) -> None:
    writer = day._writer
    contradicted, read, first_row = 0, 0, 0
    for chunk in day.chunks(lots):
        if not read and chunk.recorded.depth[0]:
            opening = _opening(chunk, writer.meta.window_levels)
            window.open(opening)
            writer.extend(opening)
        rows = window.follow(chunk.messages, chunk.recorded)
        writer.extend(rows)
        wrong = rows["row"][(rows["type"] == Type.ANCHOR) & (rows["flags"] & Flag.MISMATCH != 0)]
        first_row = first_row or int(wrong[0] if len(wrong) else 0)
        contradicted += len(np.unique(wrong))
        read += len(chunk.messages)
        if contradicted > max(_MAX_CONTRADICTED, read // 100):
            message, book = day.symbolic
            raise TapeError(
                f"{book}: row {first_row}: does not follow from {message}, nor do {contradicted} of the first"
                f" {read} rows: is it of another symbol, or of another day?"
            )
    if day.quoting_halts:
        writer.count("HALT_QUOTING", day.quoting_halts)


def _opening(chunk: _Chunk, window: int | None) -> Records:
    """SNAPSHOT rows: the first recorded book, with the first message undone."""
    message, recorded = chunk.messages[0], chunk.recorded
    rows: list[Records] = []
    for side, sign in ((0, 1), (1, -1)):
        book = dict(zip(recorded.px[0, side].tolist(), recorded.qty[0, side].tolist(), strict=True))
        if sign == message["side"] and message["type"] in (Type.ADD, Type.REDUCE, Type.DELETE, Type.TRADE):
            price, change = int(message["price"]), int(message["quantity"])
            book[price] = book.get(price, 0) + (-change if message["type"] == Type.ADD else change)
        there = sorted((p for p, q in book.items() if q > 0), key=lambda p: -sign * p)[:window]
        made = np.full(len(there), np.array(NULL), np.int64)
        side_rows = np.zeros(len(there), ROW)
        for name in ("venue_time_ns", "receive_time_ns", "sequence", "order_id", "contra_id", "funds"):
            side_rows[name] = made
        side_rows["time_ns"], side_rows["type"], side_rows["side"] = message["time_ns"], Type.SNAPSHOT, sign
        side_rows["price"], side_rows["quantity"] = there, [book[p] for p in there]
        side_rows["flags"], side_rows["row"] = Flag.OPENING, message["row"]
        side_rows["file"] = recorded.file[0]
        rows.append(side_rows)
    return np.concatenate(rows)
