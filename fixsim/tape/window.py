"""The window of a partial tape: what its messages make of the visible levels, corrected by the recorded book.

A source that shows W levels a side tells of a level only while it is among the W best. After each message the
levels that we hold are compared with the recorded row, and every difference becomes an ANCHOR row: a level
that came into view at the window's edge (its total is known from the book alone), or left it (OUT_OF_VIEW).
A difference inside the window is one that the messages should have told: MISMATCH; after rows that were
set aside, GAP_BEFORE. After its anchors the book we hold is the recorded one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.kernel import kernel
from fixsim.tape.levels import Ladder, apply_row, grown, insert_at, ladder, remove_at
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Type

_ANCHOR = int(Type.ANCHOR)
_MISMATCH, _OUT_OF_VIEW, _GAP, _CROSSED = (
    int(flag) for flag in (Flag.MISMATCH, Flag.OUT_OF_VIEW, Flag.GAP_BEFORE, Flag.CROSSED)
)
_NULL = NULL


class Recorded(NamedTuple):
    """The recorded book after each of n messages."""

    px: NDArray[np.int64]  # [n, 2, levels] nanos: bids, offers; best first; 0 where there is no level
    qty: NDArray[np.int64]  # [n, 2, levels]
    depth: NDArray[np.int64]  # [n] levels a side that the row tells, 0: there is no row
    file: NDArray[np.int64]  # [n] index into Meta.sources
    after_gap: NDArray[np.bool_]  # [n] rows before this one were set aside: anything may have happened


class Window:
    """The visible levels along one tape. `levels` a side; None: the source shows all."""

    def __init__(self, levels: int | None) -> None:
        self._book: Ladder = ladder()
        self._levels = levels or 0
        self._out = np.zeros(0, ROW)

    def open(self, rows: Records) -> None:
        """Take SNAPSHOT rows as the levels to begin with."""
        while self._book.key.shape[1] <= len(rows):
            self._book = grown(self._book)
        for row in rows:
            apply_row(self._book, row, True, True)

    def follow(self, messages: Records, recorded: Recorded) -> Records:
        """ROW records: each of `messages` [n], CROSSED marked, and after it the anchors that it needs."""
        done: list[Records] = []
        at = 0
        while at < len(messages):
            room = len(messages) + 2 * self._book.key.shape[1] + 2 * recorded.px.shape[2] + 1
            if len(self._out) < room:
                self._out = np.zeros(room, ROW)
            before = at
            at, n = _follow(self._book, messages, at, *recorded, self._levels, self._out)
            done.append(self._out[:n].copy())
            if at == before:
                self._book = grown(self._book)
        return np.concatenate(done) if done else np.zeros(0, ROW)


@kernel
def _follow(
    book: Any,
    messages: Any,
    start: int,
    px: Any,
    qty: Any,
    depth: Any,
    file: Any,
    after_gap: Any,
    window: int,
    out: Any,
) -> tuple[int, int]:
    """(how far it came, rows put out); it stops where a message might not find room."""
    n = 0
    for i in range(start, len(messages)):
        held = book.counts[0] + book.counts[1]
        if max(book.counts[0], book.counts[1]) + px.shape[2] + 1 > book.key.shape[1]:
            return i, n
        if n + 1 + held + 2 * px.shape[2] + 1 > len(out):
            return i, n
        out[n] = messages[i]
        at = n
        n += 1
        apply_row(book, messages[i], True, True)
        for side in range(2):
            if depth[i] > 0:
                edge = depth[i] == window
                n = _reconcile(
                    book, side, px[i, side], qty[i, side], depth[i], edge, after_gap[i], out, at, n, file[i]
                )
            elif window > 0 and book.counts[side] > window:
                n = _anchor(book, side, 0, 0, _OUT_OF_VIEW, out, at, n, messages[i].file)
                remove_at(book, side, 0)
        if book.counts[0] > 0 and book.counts[1] > 0:
            bid = book.key[0, book.counts[0] - 1]
            if bid + book.key[1, book.counts[1] - 1] >= 0:
                out[at].flags |= _CROSSED
    return len(messages), n


@kernel
def _reconcile(
    book: Any,
    side: int,
    px: Any,
    qty: Any,
    depth: int,
    at_edge: bool,
    gap: bool,
    out: Any,
    message: int,
    n: int,
    file: int,
) -> int:
    """Make one side the recorded one, `at_edge` where the row shows the whole window; rows put out so far."""
    sign = 1 - 2 * side
    inside = _GAP if gap else _MISMATCH
    j = book.counts[side] - 1
    shown = 0
    for i in range(depth):
        if qty[i] <= 0:
            break
        shown += 1
        key = sign * px[i]
        while j >= 0 and book.key[side, j] > key:
            n = _anchor(book, side, j, 0, inside, out, message, n, file)
            remove_at(book, side, j)
            j -= 1
        if j >= 0 and book.key[side, j] == key:
            if book.qty[side, j] != qty[i]:
                n = _anchor(book, side, j, qty[i], inside, out, message, n, file)
                book.qty[side, j] = qty[i]
            j -= 1
        else:
            insert_at(book, side, j + 1, key, qty[i])
            n = _anchor(book, side, j + 1, qty[i], 0 if i == depth - 1 else inside, out, message, n, file)
    while j >= 0 and (at_edge or shown < depth):  # what is held beyond the last level that the row shows
        n = _anchor(book, side, j, 0, inside if shown < depth else _OUT_OF_VIEW, out, message, n, file)
        remove_at(book, side, j)
        j -= 1
    return n


@kernel
def _anchor(
    book: Any, side: int, at: int, qty: int, flags: int, out: Any, message: int, n: int, file: int
) -> int:
    """Put out one ANCHOR for the level at a place; rows put out so far."""
    sign = 1 - 2 * side
    row = out[n]
    row.time_ns = out[message].time_ns
    row.venue_time_ns = _NULL
    row.receive_time_ns = _NULL
    row.sequence = _NULL
    row.type = _ANCHOR
    row.side = sign
    row.order_id = _NULL
    row.contra_id = _NULL
    row.price = sign * book.key[side, at]
    row.quantity = book.qty[side, at] if flags & _OUT_OF_VIEW else qty
    row.funds = _NULL
    row.flags = flags
    row.row = out[message].row
    row.file = file
    return n + 1


def warm() -> None:
    """Compile the kernels."""
    messages = np.zeros(1, ROW)
    none = np.zeros((1, 2, 1), np.int64)
    zero = np.zeros(1, np.int64)
    Window(1).follow(messages, Recorded(none, none, zero, zero, np.zeros(1, np.bool_)))
