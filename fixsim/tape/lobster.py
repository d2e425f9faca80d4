"""Importer: LOBSTER's message and orderbook files (NASDAQ; see lobster_files.py) to a partial tape.

A file whose name does not say so needs --symbol and --date. The orderbook file may be missing; then nothing
is known of the levels that were there at the start, and nothing is anchored. Of several orderbook files a row
counts from the deepest, and the others must agree with it.

Rows of types 1 to 7 become ADD, REDUCE, DELETE, TRADE, HIDDEN_TRADE, CROSS, HALT and RESUME (a halt in which
quoting has resumed is still a HALT, counted as HALT_QUOTING). Times with more than nine decimals are rounded,
and counted as TIME_ROUNDED. The opening book is the first orderbook row with the first message undone.
Memory holds one chunk of rows, and a number for each order that rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from fixsim.tape.format import TapeError
from fixsim.tape.importers import Request, usable_lines
from fixsim.tape.lobster_files import (
    PRICE_NANOS,
    Day,
    File,
    Message,
    book_levels,
    book_row,
    common_day,
    described,
    message_of,
    midnight_ns,
)
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Type
from fixsim.tape.source import SourceFile
from fixsim.tape.window import Recorded, Window
from fixsim.tape.writer import TapeWriter

CHUNK: Final = 4096
"""Messages taken at once."""

_TYPES = {
    1: Type.ADD,
    2: Type.REDUCE,
    3: Type.DELETE,
    4: Type.TRADE,
    5: Type.HIDDEN_TRADE,
    6: Type.CROSS,
}
_DISPLAYED = (Type.ADD, Type.REDUCE, Type.DELETE, Type.TRADE)
_MOST_LOTS = 10**8  # sizes have up to ten digits
_MAX_CONTRADICTED = 50
"""Rows in which book and messages may contradict each other; more, and above 1 in 100, are another day's."""


def import_lobster(request: Request) -> list[Path]:
    """One symbol's day. Raises TapeError: file, row, reason."""
    files = [described(path, lenient=request.quarantine) for path in request.files]
    messages = [file for file in files if file.is_message]
    if len(messages) != 1:
        names = ", ".join(path.name for path in request.files)
        raise TapeError(f"{names}: {len(messages)} message files, exactly one is needed")
    books = sorted((f for f in files if not f.is_message), key=lambda f: f.levels or 0, reverse=True)
    day = common_day([*messages, *books], request.symbol, request.date)
    whole = [book.levels for book in books if book.rows is None]
    lots = request.lots_per_unit or 1
    if lots > _MOST_LOTS:
        raise TapeError(f"--lots-per-unit = {lots}: must be at most {_MOST_LOTS} for lobster")
    with TapeWriter(
        request.out,
        format="lobster",
        kind="partial",
        venue=request.venue or "XNAS",
        symbol=day.symbol,
        tick_nanos=request.tick_nanos or 10_000_000,
        lots_per_unit=lots,
        window_levels=messages[0].levels or max((n for n in whole if n), default=None),
        quarantine=request.quarantine,
    ) as writer:
        _follow(_Reading(writer, request, messages[0], books, day))
        _note(writer, books)
    return [writer.folder]


def _note(writer: TapeWriter, books: list[File]) -> None:
    if not books:
        writer.note(
            "no orderbook file: levels that were there at the start, or came into view, are not known"
        )
    for book in books:
        if book.rows is not None or (book.levels or 0) < (writer.meta.window_levels or 0):
            rows = "every row" if book.rows is None else f"the first {book.rows} rows"
            writer.note(f"{book.path.name}: {book.levels} levels for {rows}; beyond, nothing is anchored")


def _follow(reading: _Reading) -> None:
    """Write all of it; TapeError where book and messages have nothing to do with each other."""
    writer = reading.writer
    window = Window(writer.meta.window_levels)
    contradicted, read, first_row = 0, 0, 0
    for messages, recorded in reading.chunks():
        if not read and recorded.depth[0]:
            opening = _opening(messages[0], recorded, writer.meta.window_levels)
            window.open(opening)
            writer.extend(opening)
        rows = window.follow(messages, recorded)
        writer.extend(rows)
        wrong = rows["row"][(rows["type"] == Type.ANCHOR) & (rows["flags"] & Flag.MISMATCH != 0)]
        first_row = first_row or int(wrong[0] if len(wrong) else 0)
        contradicted += len(np.unique(wrong))
        read += len(messages)
        if contradicted > max(_MAX_CONTRADICTED, read // 100):
            raise TapeError(
                f"{reading.book_names}: row {first_row}: does not follow from {reading.name}, nor do"
                f" {contradicted} of the first {read} rows: is it of another symbol, or of another day?"
            )


class _Chunk(NamedTuple):
    """Messages, as ROW records, and the recorded book after each."""

    messages: Records
    recorded: Recorded


class _Taken(NamedTuple):
    """One message as a ROW, and the row of an orderbook file after it."""

    message: tuple[int, ...]
    book: _Book | None
    levels: list[int]
    after_gap: bool


class _Reading:
    """The message file and the orderbook files, side by side, row by row."""

    def __init__(
        self, writer: TapeWriter, request: Request, message: File, books: list[File], day: Day
    ) -> None:
        self.writer = writer
        self.name, self.book_names = message.path.name, ", ".join(book.path.name for book in books)
        self._day, self._midnight_ns = day, midnight_ns(day.date)
        self._lots = writer.meta.lots_per_unit
        source = request.open(message.path)
        self._file = writer.reads(source)
        self._messages = usable_lines(source, writer, self._file)
        self._books = [_Book(writer, request.open(book.path), book) for book in books]
        self._levels = max((book.levels or 0 for book in books), default=1)
        self._live: dict[int, int] = {}  # what is left of each order whose ADD was seen
        self._last_ns = 0
        self._gap = False  # the row before was set aside
        self._unseen = True  # so was every row since the last book that we saw

    def chunks(self) -> Iterator[_Chunk]:
        """All rows, in pieces."""
        more = True
        while more:
            rows = np.zeros(CHUNK, ROW)
            books = np.zeros((CHUNK, 4 * self._levels), np.int64)
            depth, file = np.zeros(CHUNK, np.int64), np.zeros(CHUNK, np.int64)
            after_gap = np.zeros(CHUNK, np.bool_)
            n = 0
            while n < CHUNK and (more := (line := next(self._messages, None)) is not None):
                if line is None or (taken := self._take(*line)) is None:
                    continue
                rows[n] = taken.message
                if taken.book is not None:
                    depth[n] = len(taken.levels) // 4
                    books[n, : len(taken.levels)] = taken.levels
                    file[n], after_gap[n] = taken.book.file, taken.after_gap
                n += 1
            if n:
                px, qty = book_levels(books[:n], self._lots)
                yield _Chunk(rows[:n], Recorded(px, qty, depth[:n], file[:n], after_gap[:n]))
        for book in self._books:
            book.end()

    def _take(self, row: int, raw: bytes) -> _Taken | None:
        """One message, and the book after it; None: it was set aside."""
        shown = [(book, levels) for book in self._books if (levels := book.row(row)) is not None]
        message = message_of(raw)
        reason = message if isinstance(message, str) else self._out_of_order(message.ns)
        if reason or isinstance(message, str):
            self.writer.reject(self._file, row, reason, raw)
            self._gap = self._unseen = True
            return None
        self._last_ns = message.ns
        as_row = self._row(message, row)
        self._gap = False
        if not shown:
            return _Taken(as_row, None, [], False)
        book, levels = shown[0]
        for other, fewer in shown[1:]:
            if fewer != levels[: len(fewer)]:
                self.writer.reject(other.file, row, f"differs from {book.name}")
        after_gap, self._unseen = self._unseen, False
        return _Taken(as_row, book, levels, after_gap)

    def _out_of_order(self, ns: int) -> str:
        if ns < self._last_ns:
            return f"time {_seconds(ns)} is before the row above, {_seconds(self._last_ns)}"
        if not self._day.start_ns <= ns <= self._day.end_ns:
            start, end = _seconds(self._day.start_ns), _seconds(self._day.end_ns)
            return f"time {_seconds(ns)} is not within {start} to {end}"
        return ""

    def _row(self, message: Message, row: int) -> tuple[int, ...]:
        time_ns = self._midnight_ns + message.ns
        side, price, size = message.direction, message.price, message.size
        if message.kind == 7:
            type_ = Type.RESUME if price == 1 else Type.HALT
            if price == 0:
                self.writer.count("HALT_QUOTING")
            side, price, size = 0, 0, 0
        else:
            type_ = _TYPES[message.kind]
        if message.rounded:
            self.writer.count("TIME_ROUNDED")
        flags = Flag.GAP_BEFORE if self._gap else 0
        if type_ in _DISPLAYED:
            flags |= _follow_order(self._live, type_, message.order_id, size)
        order_id = message.order_id or NULL
        price, size = price * PRICE_NANOS, size * self._lots
        side = 0 if type_ == Type.CROSS else side
        return (0, time_ns, time_ns, NULL, NULL, type_, side, order_id, NULL, price, size, NULL,
                flags, row, self._file)  # fmt: skip


class _Book:
    """One orderbook file, row by row."""

    def __init__(self, writer: TapeWriter, source: SourceFile, said: File) -> None:
        self.file, self.name = writer.reads(source), source.name
        self._writer, self._said = writer, said
        self._lines = usable_lines(source, writer, self.file)
        self._ended = False

    def row(self, row: int) -> list[int] | None:
        """As book_row gives it; None: there is no such row, or it was set aside."""
        if self._ended or (self._said.rows is not None and row > self._said.rows):
            return None
        line = next(self._lines, None)
        if line is None:
            self._ended = True
            self._writer.reject(self.file, row, "the orderbook ends here, the messages go on")
            return None
        levels = book_row(line[1])
        if not isinstance(levels, str) and len(levels) // 4 != self._said.levels:
            levels = f"{len(levels) // 4} levels, not {self._said.levels}"
        if isinstance(levels, str):
            self._writer.reject(self.file, row, levels, line[1])
            return None
        return levels

    def end(self) -> None:
        """The messages are over: so must this be."""
        for row, raw in self._lines:
            self._writer.reject(self.file, row, "the messages ended before this row", raw)


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
        whole = type_ != Type.REDUCE  # a partial cancel leaves something
        return 0 if size == left and whole else Flag.MISMATCH
    live[order_id] = left - size
    return 0


def _opening(message: Records, recorded: Recorded, window: int | None) -> Records:
    """SNAPSHOT rows: the first recorded book, with the first message undone."""
    sides: list[Records] = []
    for side, sign in ((0, 1), (1, -1)):
        book = dict(zip(recorded.px[0, side].tolist(), recorded.qty[0, side].tolist(), strict=True))
        if sign == message["side"] and message["type"] in _DISPLAYED:
            price, change = int(message["price"]), int(message["quantity"])
            book[price] = book.get(price, 0) + (-change if message["type"] == Type.ADD else change)
        there = sorted((p for p, q in book.items() if q > 0), key=lambda p: -sign * p)[:window]
        rows = np.zeros(len(there), ROW)
        for name in ("venue_time_ns", "receive_time_ns", "sequence", "order_id", "contra_id", "funds"):
            rows[name] = NULL
        rows["time_ns"], rows["type"], rows["side"] = message["time_ns"], Type.SNAPSHOT, sign
        rows["price"], rows["quantity"] = there, [book[p] for p in there]
        rows["flags"], rows["row"], rows["file"] = Flag.OPENING, message["row"], recorded.file[0]
        sides.append(rows)
    return np.concatenate(sides)


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"
