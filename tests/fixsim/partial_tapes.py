"""Partial tapes for tests: rows by hand, any stream seen through a window, and GOOG with its book file."""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.capacity import Capacity
from fixsim.matching.layout import Records
from fixsim.matching.ledger import PARTIAL, PartialKind
from fixsim.tape.edits import load_partial
from fixsim.tape.importers import Request
from fixsim.tape.lobster import import_lobster
from fixsim.tape.partial import PartialTape
from fixsim.tape.reader import open_tape

SMALL = Capacity(orders=512, recorded=1, own=64, window=64, overflow=64, fills=2048, trades=8, notes=128)
GOOG = "GOOG_2012-06-21_34200000_57600000_{}_10.csv.xz"

ADD, REDUCE, DELETE, TRADE = PartialKind.ADD, PartialKind.REDUCE, PartialKind.DELETE, PartialKind.TRADE
HIDDEN, ENTER, LEAVE = PartialKind.HIDDEN, PartialKind.ENTER, PartialKind.LEAVE

Row = tuple[PartialKind, int, int, int, int]
"""kind, sign, price in half ticks, lots, ordinal (-1: none)"""


def tape(
    opening: Sequence[Row], rows: Sequence[Row], window: int | None = 2, ordinals: int = 16
) -> PartialTape:
    """Row i is at time i."""
    return timed(opening, [(i, *row) for i, row in enumerate(rows)], window, ordinals)


def timed(
    opening: Sequence[Row], rows: Sequence[tuple[int, *Row]], window: int | None, ordinals: int
) -> PartialTape:
    return PartialTape(
        symbol="TEST",
        tick_nanos=10_000_000,
        lots_per_unit=1,
        window_levels=window,
        opening=_records([(0, *row) for row in opening]),
        events=_records(rows),
        ids=np.arange(ordinals, dtype=np.int64),
        row=np.arange(len(rows), dtype=np.int64),
    )


def _records(rows: Sequence[tuple[int, *Row]]) -> Records:
    return np.array([(time, key, px, qty, kind, sign) for time, kind, sign, px, qty, key in rows], PARTIAL)


@dataclass
class Seen:
    """A whole market in plain Python, and what a recorder sees of it that shows `window` levels a side."""

    window: int
    books: dict[int, dict[int, list[list[int]]]] = field(default_factory=lambda: {1: {}, -1: {}})
    rows: list[tuple[int, *Row]] = field(default_factory=list)
    shown: list[tuple[int, dict[int, dict[int, int]]]] = field(default_factory=list)
    """(rows so far, the window) after each step"""
    trades: list[tuple[int, int, int]] = field(default_factory=list)
    """recorded row, price, lots"""
    orders: int = 0
    time: int = 0

    def view(self, sign: int) -> dict[int, int]:
        best = sorted(self.books[sign], key=lambda px: -sign * px)[: self.window]
        return {px: sum(lots for _, lots in self.books[sign][px]) for px in best}

    def step(self, operation: tuple[int, ...], *, record: bool = True) -> None:
        """(0, sign, px, lots): a limit order; (1, n, _, lots): lots of order n are cancelled, 0 all."""
        self.time += 1
        before = {sign: self.view(sign) for sign in (1, -1)}
        rows = list(self._limit(*operation[1:]) if operation[0] == 0 else self._cancel(*operation[1:]))
        if not record:
            return
        expected = {sign: dict(before[sign]) for sign in (1, -1)}
        for row in rows:
            kind, sign, px, lots, _ = row
            if self._visible(before[sign], sign, px):
                if kind == TRADE:
                    self.trades.append((len(self.rows), px, lots))
                self.rows.append((self.time, *row))
                expected[sign][px] = expected[sign].get(px, 0) + (lots if kind == ADD else -lots)
        now = {sign: self.view(sign) for sign in (1, -1)}
        for sign in (1, -1):
            for px in [px for px, lots in expected[sign].items() if lots and px not in now[sign]]:
                self.rows.append((self.time, LEAVE, sign, px, 0, -1))
            for px in [px for px in now[sign] if not expected[sign].get(px)]:
                self.rows.append((self.time, ENTER, sign, px, now[sign][px], -1))
        self.shown.append((len(self.rows), now))

    def _visible(self, view: dict[int, int], sign: int, px: int) -> bool:
        return len(view) < self.window or sign * px >= min(sign * at for at in view)

    def _limit(self, sign: int, px: int, lots: int) -> Iterator[Row]:
        opposite = self.books[-sign]
        while lots and opposite and sign * (best := min(opposite, key=lambda at: sign * at)) <= sign * px:
            maker = opposite[best][0]
            traded = min(lots, maker[1])
            lots -= traded
            maker[1] -= traded
            if not maker[1]:
                opposite[best].pop(0)
            if not opposite[best]:
                del opposite[best]
            yield TRADE, -sign, best, traded, maker[0]
        if lots:
            self.books[sign].setdefault(px, []).append([self.orders, lots])
            yield ADD, sign, px, lots, self.orders
            self.orders += 1

    def _cancel(self, which: int, _: int, lots: int) -> Iterator[Row]:
        resting = [(o, s, px) for s, book in self.books.items() for px, queue in book.items() for o in queue]
        if not resting:
            return
        order, sign, px = resting[which % len(resting)]
        kind = REDUCE if 0 < lots < order[1] else DELETE
        taken = lots if kind == REDUCE else order[1]
        order[1] -= taken
        if not order[1]:
            self.books[sign][px].remove(order)
            if not self.books[sign][px]:
                del self.books[sign][px]
        yield kind, sign, px, taken, order[0]


def seen(
    window: int, before: Sequence[tuple[int, ...]], stream: Sequence[tuple[int, ...]]
) -> tuple[Seen, PartialTape]:
    """`before` builds a book that nobody recorded; `stream` is what the tape sees."""
    market = Seen(window)
    for operation in before:
        market.step(operation, record=False)
    opening = [(ENTER, sign, px, lots, -1) for sign in (1, -1) for px, lots in market.view(sign).items()]
    for operation in stream:
        market.step(operation)
    return market, timed(opening, market.rows, window, max(1, market.orders))


def goog(folder: Path, tapes: Path) -> tuple[PartialTape, NDArray[np.int64], NDArray[np.int64]]:
    """GOOG's day: the tape, its source row (from 0) of each event, and the recorded book after each row:

    [row, side (bids, offers), (price in half ticks, lots), level], read here, not by the importer.
    """
    files = tuple(folder / "lobster" / GOOG.format(what) for what in ("message", "orderbook"))
    import_lobster(Request(files=files, out=tapes))
    stored = open_tape(tapes)
    partial = load_partial(stored)
    rows = stored.load()["row"][partial.row]
    with lzma.open(files[1], "rt") as file:
        book = np.loadtxt(file, np.int64, delimiter=",").reshape(-1, 10, 2, 2)
    book = book.transpose(0, 2, 3, 1)[:, ::-1].copy()
    book[:, :, 0] //= 50
    return partial, np.maximum.accumulate(rows) - 1, book
