"""Does a partial tape give back its window? Followed message by message; nothing but messages and anchors.

Step by step: from the book after message i - 1, message i alone must give the sizes that the book after it
has, and all of its levels but the outermost a side (what enters there was never told). The book after a
message is what the tape's anchors make of it; with the source's own orderbook file each is also compared with
that, row by row. Free running: the opening book and messages alone, without anchors; how often is its touch
another than the recorded one?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.format import TapeError
from fixsim.tape.levels import Replayer
from fixsim.tape.lobster_files import book_levels, book_row
from fixsim.tape.reader import StoredTape
from fixsim.tape.rows import Records
from fixsim.tape.schema import Type
from fixsim.tape.source import SourceFile

_UNBOUNDED = 10  # levels that are looked at where the source shows all
_SIZED = (Type.ADD, Type.REDUCE, Type.DELETE, Type.TRADE)

Levels = NDArray[np.int64]


@dataclass(slots=True)
class WindowReport:
    """Counts over the messages of one tape."""

    levels: int
    """Of the window, a side."""
    messages: int = 0
    anchors: int = 0
    sized: int = 0
    """Messages about displayed orders, but the first: there is no book before it."""
    sizes_equal: int = 0
    """Of those: the level's total changed by just that size."""
    inner_equal: int = 0
    """Messages after which all levels but the outermost are as recorded, before any anchor."""
    free_running_wrong: int = 0
    """Messages after which the touch (prices and sizes) of a replay without anchors is wrong."""
    book_rows: dict[str, int] = field(default_factory=dict)
    """By orderbook file: rows compared."""
    book_equal: dict[str, int] = field(default_factory=dict)
    """Of those: all levels of the row are as the tape has them after its anchors."""

    @property
    def ok(self) -> bool:
        """Nothing but the window's edge had to be anchored, and every recorded row is met."""
        return (
            self.sizes_equal == self.sized
            and self.inner_equal == self.messages
            and self.book_equal == self.book_rows
        )


def verify_window(tape: StoredTape, books: list[Path]) -> WindowReport:
    """Follow `tape` (Meta.kind partial), and compare with orderbook files. Raises TapeError."""
    if tape.meta.kind != "partial":
        raise TapeError(f"{tape.folder}: its kind is {tape.meta.kind}, not partial")
    report = WindowReport(tape.meta.window_levels or _UNBOUNDED)
    recorded = [_RecordedBook(path, tape.meta.lots_per_unit, report) for path in books]
    steps = Replayer(partial=True)
    free = Replayer(partial=True, anchors=False)
    before: tuple[Levels, Levels] | None = None
    depth = max([report.levels, *(book.levels for book in recorded)])
    try:
        for rows in _whole_messages(tape):
            px, qty = steps.top(rows, depth)
            free_px, free_qty = free.top(rows, 1)
            message = np.flatnonzero((rows["type"] != Type.SNAPSHOT) & (rows["type"] != Type.ANCHOR))
            after = np.append(message[1:], len(rows)) - 1  # with its anchors
            now = px[after], qty[after]
            report.messages += len(message)
            report.anchors += int((rows["type"] == Type.ANCHOR).sum())
            inner = slice(0, report.levels - 1)
            agree = (px[message][:, :, inner] == now[0][:, :, inner]).all(axis=(1, 2))
            agree &= (qty[message][:, :, inner] == now[1][:, :, inner]).all(axis=(1, 2))
            report.inner_equal += int(agree.sum())
            wrong = (free_px[message] != now[0][:, :, :1]) | (free_qty[message] != now[1][:, :, :1])
            report.free_running_wrong += int(wrong.any(axis=(1, 2)).sum())
            _sizes(report, rows[message], before, now)
            before = now[0][-1:], now[1][-1:]
            for book in recorded:
                book.compare(rows["row"][message], *now)
    finally:
        for book in recorded:
            book.close()
    return report


def _whole_messages(tape: StoredTape) -> Iterator[Records]:
    """Rows in pieces that end between two messages, and begin with the opening or a message."""
    held: list[Records] = []
    for rows in tape.rows():
        starts = np.flatnonzero((rows["type"] != Type.SNAPSHOT) & (rows["type"] != Type.ANCHOR))
        if not len(starts):
            held.append(rows)
            continue
        cut = int(starts[-1])
        piece = np.concatenate([*held, rows[:cut]])
        held = [rows[cut:]]
        if (piece["type"] != Type.SNAPSHOT).any():
            yield piece
        else:
            held.insert(0, piece)
    if held:
        yield np.concatenate(held)


def _sizes(
    report: WindowReport, messages: Records, before: tuple[Levels, Levels] | None, now: tuple[Levels, Levels]
) -> None:
    """Did each message change the total of its level by its size?"""
    px, qty = now
    if before is None:
        before = np.zeros_like(px[:1]), np.zeros_like(qty[:1])
        first = 1
    else:
        first = 0
    old_px, old_qty = np.concatenate([before[0], px[:-1]]), np.concatenate([before[1], qty[:-1]])
    side = np.where(messages["side"] > 0, 0, 1)
    each = np.arange(len(messages))
    price = messages["price"][:, None]
    was = np.where(old_px[each, side] == price, old_qty[each, side], 0).sum(axis=1)
    came = np.where(px[each, side] == price, qty[each, side], 0).sum(axis=1)
    told = np.where(messages["type"] == Type.ADD, messages["quantity"], -messages["quantity"])
    sized = np.isin(messages["type"], _SIZED)
    sized[:first] = False
    report.sized += int(sized.sum())
    report.sizes_equal += int((sized & (came - was == told)).sum())


class _RecordedBook:
    """One orderbook file, compared row by row."""

    def __init__(self, path: Path, lots: int, report: WindowReport) -> None:
        self._source = SourceFile(path)
        self._lines = self._source.lines()
        self._lots, self._report = lots, report
        self._row = 0
        report.book_rows[path.name] = report.book_equal[path.name] = 0
        self._next = self._read()
        if self._next is None:
            raise TapeError(f"{path.name}: no rows")
        self.levels = len(self._next) // 4

    def compare(self, rows: NDArray[np.int64], px: Levels, qty: Levels) -> None:
        """The book px, qty [n, 2, levels] after the messages of `rows` [n]."""
        at, books = [], []
        for i, row in enumerate(rows.tolist()):
            while self._next is not None and self._row < row:  # its message was set aside at import
                self._next = self._read()
            if self._next is not None and self._row == row:
                at.append(i)
                books.append(self._next)
        if not at:
            return
        book_px, book_qty = book_levels(np.array(books, np.int64), self._lots)
        same = (px[at, :, : self.levels] == book_px) & (qty[at, :, : self.levels] == book_qty)
        self._report.book_rows[self._source.name] += len(at)
        self._report.book_equal[self._source.name] += int(same.all(axis=(1, 2)).sum())

    def _read(self) -> list[int] | None:
        """The next row, None after the last."""
        line = next(self._lines, None)
        if line is None:
            return None
        self._row = line[0]
        numbers = book_row(line[1])
        if isinstance(numbers, str):
            raise TapeError(f"{self._source.name}: row {self._row}: {numbers}")
        return numbers

    def close(self) -> None:
        self._source.close()
