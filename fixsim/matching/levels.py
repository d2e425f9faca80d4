"""Kernels: the prices of one book. Find a level, open one, note that it changed, give the best, walk down.

A level outside the window stays in the overflow, empty, until the changes are drained, so that every level
that changed is noted exactly once.
"""

from __future__ import annotations

import numpy as np

from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import NOTHING, Core, S

_TOUCHED = int(S.TOUCHED)


@part
def sign_of(book: int) -> int:
    """+1 for a book of bids, -1 for a book of asks."""
    return 1 - 2 * (book & 1)


@part
def place(core: Core, book: int, key: int) -> int:
    """Where `key` is or belongs in the overflow: the first index whose key is not smaller."""
    low, high = 0, core.books[book].over
    while low < high:
        middle = (low + high) >> 1
        if core.over_key[book, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@part
def has_room(core: Core, book: int, px: int) -> bool:
    """Whether an order at `px` could rest: its level exists, or one more fits into the overflow."""
    key = sign_of(book) * px
    offset = key - core.books[book].base
    if 0 <= offset < core.bits.shape[1] * 64:
        return True
    n = core.books[book].over
    if n < core.over_key.shape[1]:
        return True
    at = place(core, book, key)
    return bool(at < n and core.over_key[book, at] == key)


@part
def open_level(core: Core, book: int, px: int) -> int:
    """The level of `px`, made if it is not there. The caller has asked has_room."""
    key = sign_of(book) * px
    window = core.bits.shape[1] * 64
    offset = key - core.books[book].base
    if 0 <= offset < window:
        level = book * window + offset
        core.levels[level].px = px
        return int(level)
    at = place(core, book, key)
    n = core.books[book].over
    if at < n and core.over_key[book, at] == key:
        return int(core.over_level[book, at])
    level = core.over_level[book, n]
    for i in range(n, at, -1):
        core.over_key[book, i] = core.over_key[book, i - 1]
        core.over_level[book, i] = core.over_level[book, i - 1]
    core.over_key[book, at] = key
    core.over_level[book, at] = level
    core.books[book].over = n + 1
    core.books[book].emptied += 1
    fresh = core.levels[level]
    fresh.px, fresh.qty, fresh.count, fresh.touched = px, 0, 0, 0
    return int(level)


@part
def touch(core: Core, level: int) -> None:
    """Note that the level is about to change, with its total before."""
    entry = core.levels[level]
    if entry.touched == 0:
        entry.touched = 1
        at = core.state[_TOUCHED]
        core.touched[at] = level
        core.before[at] = entry.qty
        core.state[_TOUCHED] = at + 1


@part
def occupied(core: Core, book: int, level: int) -> None:
    """The level has its first order."""
    window = core.bits.shape[1] * 64
    offset = level - book * window
    entry = core.books[book]
    if level < core.bits.shape[0] * window:
        core.bits[book, offset >> 6] |= np.uint64(1) << np.uint64(offset & 63)
        if offset > entry.window_best:
            entry.window_best = offset
    else:
        entry.emptied -= 1
    key = sign_of(book) * core.levels[level].px
    if key > entry.best_key:
        entry.best_key = key
        entry.best = level


@part
def vacated(core: Core, book: int, level: int) -> None:
    """The level's last order is gone."""
    window = core.bits.shape[1] * 64
    offset = level - book * window
    entry = core.books[book]
    if level < core.bits.shape[0] * window:
        core.bits[book, offset >> 6] &= ~(np.uint64(1) << np.uint64(offset & 63))
        if offset == entry.window_best:
            entry.window_best = window_below(core, book, offset)
    else:
        entry.emptied += 1
    if level == entry.best:
        number = better(core, book, entry.window_best, overflow_below(core, book, entry.over))
        entry.best = number
        entry.best_key = sign_of(book) * core.levels[number].px if number >= 0 else NOTHING


@part
def window_below(core: Core, book: int, offset: int) -> int:
    """The highest window place in use below `offset`, or -1."""
    if offset <= 0:
        return -1
    at = (offset - 1) >> 6
    word = core.bits[book, at] & (~np.uint64(0) >> np.uint64(63 - ((offset - 1) & 63)))
    while word == 0:
        at -= 1
        if at < 0:
            return -1
        word = core.bits[book, at]
    high = 0
    for step in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(step) != 0:
            word >>= np.uint64(step)
            high += step
    return (at << 6) + high


@part
def overflow_below(core: Core, book: int, at: int) -> int:
    """The highest overflow index below `at` whose level has orders, or -1."""
    at -= 1
    while at >= 0 and core.levels[core.over_level[book, at]].count == 0:
        at -= 1
    return at


@part
def better(core: Core, book: int, offset: int, at: int) -> int:
    """The better of a window place and an overflow index (-1: none): its level, or -1."""
    if at < 0:
        return -1 if offset < 0 else int(book * core.bits.shape[1] * 64 + offset)
    if offset < 0 or core.over_key[book, at] > core.books[book].base + offset:
        return int(core.over_level[book, at])
    return int(book * core.bits.shape[1] * 64 + offset)


@kernel
def best_level(core: Core, book: int) -> int:
    """The level with the best price, or -1 when nothing is displayed."""
    return int(core.books[book].best)


@part
def compact(core: Core, book: int) -> None:
    """Take empty levels out of the overflow. Only after the changes were drained."""
    if core.books[book].emptied == 0:
        return
    n = core.books[book].over
    kept = 0
    for i in range(n):
        level = core.over_level[book, i]
        if core.levels[level].count > 0:
            core.over_level[book, i] = core.over_level[book, kept]
            core.over_level[book, kept] = level
            core.over_key[book, kept] = core.over_key[book, i]
            kept += 1
    core.books[book].over = kept
    core.books[book].emptied = 0
