"""Kernels: looking at a market. Depth, resting orders in book order, and the levels that changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import Core, Records, S
from fixsim.matching.levels import better, compact, overflow_below, sign_of, window_below

_TOUCHED = int(S.TOUCHED)


@kernel
def depth(core: Core, book: int, px: NDArray[np.int64], qty: NDArray[np.int64]) -> int:
    """Write price and total of the best levels, best first; how many there were."""
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    n = 0
    while n < px.shape[0]:
        number = better(core, book, offset, at)
        if number < 0:
            break
        px[n] = core.levels[number].px
        qty[n] = core.levels[number].qty
        n += 1
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)
    return n


@kernel
def resting(core: Core, book: int, out: Records) -> int:
    """Write every order of a book, best price first, queue order within a price; how many there were."""
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    n = 0
    while True:
        number = better(core, book, offset, at)
        if number < 0:
            return n
        slot = core.levels[number].head
        while slot >= 0:
            order, row = core.orders[slot], out[n]
            row.key, row.px, row.qty, row.arrival = order.key, order.px, order.leaves, order.arrival
            row.sign = sign_of(book)
            n += 1
            slot = order.next
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)


@kernel
def special(core: Core, book: int, out: Records) -> int:
    """Write every order of a book with terms: displayed in book order, then the others; how many."""
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    n = 0
    while True:
        number = better(core, book, offset, at)
        if number < 0:
            break
        slot = core.levels[number].head
        while slot >= 0:
            if core.orders[slot].flags:
                _write(core, slot, out[n])
                n += 1
            slot = core.orders[slot].next
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)
    slot = core.books[book].dim_head
    while slot >= 0:
        _write(core, slot, out[n])
        n += 1
        slot = core.orders[slot].next
    return n


@part
def _write(core: Core, slot: int, row: Any) -> None:
    order, terms = core.orders[slot], core.terms[slot]
    row.key, row.px, row.leaves, row.reserve = order.key, order.px, order.leaves, order.reserve
    row.arrival, row.flags, row.group = order.arrival, order.flags, order.group
    row.owner, row.display_qty, row.min_qty = terms.owner, terms.display_qty, terms.min_qty
    row.peg, row.self_match = terms.peg, terms.self_match


@kernel
def drain_changes(core: Core, out: Records) -> int:
    """Write the levels whose total differs from the last drain, in the order first touched; how many."""
    window = core.bits.shape[1] * 64
    dense = core.bits.shape[0] * window
    n = 0
    for i in range(core.state[_TOUCHED]):
        number = core.touched[i]
        level = core.levels[number]
        level.touched = 0
        if level.qty == core.before[i]:
            continue
        book = number // window if number < dense else (number - dense) // core.over_key.shape[1]
        row = out[n]
        row.px, row.qty, row.before = level.px, level.qty, core.before[i]
        row.venue, row.sign = book >> 1, sign_of(book)
        n += 1
    core.state[_TOUCHED] = 0
    for book in range(core.books.shape[0]):
        compact(core, book)
    return n
