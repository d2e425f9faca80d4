"""The book that a tape's rows leave behind, as price levels: any depth, a stream, at the speed of a kernel.

A side is a sorted array of keys (sign x price), best last, so that what happens near the touch, which is
nearly everything, moves few entries. What each row type does to it is said in schema.py. A row that takes
more than there is leaves an emptied level and is counted; nothing goes below zero.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.kernel import kernel
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Type

_SNAPSHOT, _ADD, _REDUCE, _DELETE = int(Type.SNAPSHOT), int(Type.ADD), int(Type.REDUCE), int(Type.DELETE)
_TRADE, _LEVEL, _CLEAR, _ANCHOR = int(Type.TRADE), int(Type.LEVEL), int(Type.CLEAR), int(Type.ANCHOR)
_UNKNOWN_ORDER, _OUT_OF_VIEW = int(Flag.UNKNOWN_ORDER), int(Flag.OUT_OF_VIEW)
_NULL: Final = NULL
_START = 1024  # levels a side before the arrays grow


class C(IntEnum):
    """Places in Ladder.counts."""

    BIDS = 0  # levels in use
    OFFERS = 1
    MISSING = 2  # quantity was to be taken off a level that is not there
    SHORT = 3  # more was to be taken off a level than it had


class Ladder(NamedTuple):
    """Both sides' levels: 0 bids, 1 offers."""

    key: NDArray[np.int64]  # [2, capacity] sign * price, ascending
    qty: NDArray[np.int64]  # [2, capacity]
    counts: NDArray[np.int64]  # [C]


def ladder(capacity: int = _START) -> Ladder:
    """An empty one."""
    return Ladder(
        np.zeros((2, capacity), np.int64), np.zeros((2, capacity), np.int64), np.zeros(len(C), np.int64)
    )


def grown(book: Ladder) -> Ladder:
    """The same levels in arrays of twice the size."""
    more = ((0, 0), (0, book.key.shape[1]))
    return Ladder(np.pad(book.key, more), np.pad(book.qty, more), book.counts)


@kernel
def place_of(book: Any, side: int, key: int) -> int:
    """Where `key` is, or would have to be inserted."""
    low, high = 0, book.counts[side]
    if high and book.key[side, high - 1] <= key:  # the touch, or better than it
        return int(high - 1 if book.key[side, high - 1] == key else high)
    while low < high:
        middle = (low + high) >> 1
        if book.key[side, middle] < key:
            low = middle + 1
        else:
            high = middle
    return int(low)


@kernel
def is_at(book: Any, side: int, at: int, key: int) -> bool:
    """Whether the level `key` is at that place."""
    return bool(at < book.counts[side] and book.key[side, at] == key)


@kernel
def remove_at(book: Any, side: int, at: int) -> None:
    """Take one level out."""
    last = book.counts[side] - 1
    for i in range(at, last):
        book.key[side, i] = book.key[side, i + 1]
        book.qty[side, i] = book.qty[side, i + 1]
    book.counts[side] = last


@kernel
def insert_at(book: Any, side: int, at: int, key: int, qty: int) -> None:
    """Put one level in; there must be room."""
    for i in range(book.counts[side], at, -1):
        book.key[side, i] = book.key[side, i - 1]
        book.qty[side, i] = book.qty[side, i - 1]
    book.key[side, at] = key
    book.qty[side, at] = qty
    book.counts[side] += 1


@kernel
def set_level(book: Any, side: int, key: int, qty: int) -> None:
    """The level's total is `qty`; 0 removes it."""
    at = place_of(book, side, key)
    if is_at(book, side, at, key):
        if qty > 0:
            book.qty[side, at] = qty
        else:
            remove_at(book, side, at)
    elif qty > 0:
        insert_at(book, side, at, key, qty)


@kernel
def add_to_level(book: Any, side: int, key: int, qty: int) -> None:
    """The level has `qty` more, or less when that is below zero."""
    at = place_of(book, side, key)
    if is_at(book, side, at, key):
        left = book.qty[side, at] + qty
        if left > 0:
            book.qty[side, at] = left
        else:
            remove_at(book, side, at)
            book.counts[3] += left < 0
    elif qty > 0:
        insert_at(book, side, at, key, qty)
    else:
        book.counts[2] += 1


@kernel
def apply_row(book: Any, row: Any, partial: bool, anchors: bool) -> None:
    """What one tape row does; there must be room for one more level. Without `anchors` they do nothing."""
    kind = row.type
    if kind == _CLEAR:
        book.counts[0] = 0
        book.counts[1] = 0
        return
    if row.side == 0 or row.price == _NULL or row.quantity == _NULL:
        return
    side = 0 if row.side > 0 else 1
    key = row.side * row.price
    if kind == _ADD or (kind == _SNAPSHOT and row.order_id != _NULL):
        if row.quantity > 0:
            add_to_level(book, side, key, row.quantity)
    elif kind in (_REDUCE, _DELETE, _TRADE):
        named = row.order_id != _NULL or kind != _TRADE
        if row.quantity > 0 and named and (partial or not row.flags & _UNKNOWN_ORDER):
            add_to_level(book, side, key, -row.quantity)
    elif kind in (_LEVEL, _SNAPSHOT):
        set_level(book, side, key, row.quantity)
    elif kind == _ANCHOR and anchors:
        set_level(book, side, key, 0 if row.flags & _OUT_OF_VIEW else row.quantity)


@kernel
def copy_top(book: Any, px: Any, qty: Any) -> None:
    """The best levels into px, qty [2, levels]; 0 where there is none."""
    for side in range(2):
        sign = 1 - 2 * side
        n = book.counts[side]
        for i in range(px.shape[1]):
            at = n - 1 - i
            px[side, i] = sign * book.key[side, at] if at >= 0 else 0
            qty[side, i] = book.qty[side, at] if at >= 0 else 0


@kernel
def _run(
    book: Any, rows: Any, start: int, partial: bool, anchors: bool, px: Any, qty: Any, delta: Any
) -> int:
    """Apply rows from `start`; how far it came: all, or where there was no room for one more level."""
    room = book.key.shape[1]
    for i in range(start, len(rows)):
        if book.counts[0] >= room or book.counts[1] >= room:
            return i
        row = rows[i]
        if row.type == _LEVEL and row.side != 0:
            side = 0 if row.side > 0 else 1
            at = place_of(book, side, row.side * row.price)
            held = book.qty[side, at] if is_at(book, side, at, row.side * row.price) else 0
            delta[i] = row.quantity - held
        apply_row(book, rows[i], partial, anchors)
        copy_top(book, px[i], qty[i])
    return len(rows)


class Replayer:
    """Levels along one tape, fed in pieces of any size. `partial`: Meta.kind is that.

    Without `anchors` the rows that correct a partial tape's window are left out: a free-running replay.
    """

    def __init__(self, *, partial: bool, anchors: bool = True) -> None:
        self.book = ladder()
        self.delta = np.zeros(0, np.int64)
        self._partial, self._anchors = partial, anchors

    def top(self, rows: Records, levels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Apply ROW records [n]: prices and quantities [n, 2, levels] after each, best first, 0 if none.

        `delta` [n] is then by how much each LEVEL row changed its level's total.
        """
        px = np.zeros((len(rows), 2, levels), np.int64)
        qty = np.zeros_like(px)
        self.delta = np.zeros(len(rows), np.int64)
        at = 0
        while at < len(rows):
            at = _run(self.book, rows, at, self._partial, self._anchors, px, qty, self.delta)
            if at == len(rows):
                break
            self.book = grown(self.book)
        return px, qty


def top_levels(
    events: Records, levels: int, *, partial: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The best `levels` a side after each of ROW records [n], from an empty book: px, qty [n, 2, levels]."""
    return Replayer(partial=partial).top(events, levels)


def warm() -> None:
    """Compile the kernels."""
    top_levels(np.zeros(1, ROW), 1)
