"""Kernels: the book that generated flow answers to.

It is the consolidated one of all lit venues that are in continuous trading, as displayed, with participants'
orders in it. Prices are half ticks, quantities lots.
"""

from __future__ import annotations

from fixsim.flow.rng import Generator, below
from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import Core
from fixsim.matching.levels import overflow_below, place, window_below
from fixsim.matching.terms import Phase

_CONTINUOUS = int(Phase.CONTINUOUS)


@part
def trades_now(core: Core, venue: int) -> bool:
    """Whether the venue is in continuous trading: what is displayed elsewhere cannot be had."""
    return bool(core.venues[venue].phase == _CONTINUOUS)


@part
def level_of(core: Core, book: int, px: int) -> int:
    """The level of a price, or -1 if nothing rests there."""
    key = px if book & 1 == 0 else -px
    window = core.bits.shape[1] * 64
    offset = key - core.books[book].base
    if 0 <= offset < window:
        level = book * window + offset
    else:
        at = place(core, book, key)
        if at >= core.books[book].over or core.over_key[book, at] != key:
            return -1
        level = int(core.over_level[book, at])
    return int(level) if core.levels[level].count > 0 else -1


@kernel
def shown(core: Core, sign: int, px: int) -> int:
    """Lots displayed at a price, over the venues that trade."""
    side = 0 if sign > 0 else 1
    total = 0
    for venue in range(core.books.shape[0] // 2):
        if trades_now(core, venue):
            level = level_of(core, 2 * venue + side, px)
            if level >= 0:
                total += core.levels[level].qty
    return total


@kernel
def best_px(core: Core, sign: int) -> int:
    """The best displayed price of a side over the venues that trade; 0: none."""
    side = 0 if sign > 0 else 1
    best = 0
    for venue in range(core.books.shape[0] // 2):
        if trades_now(core, venue):
            level = core.books[2 * venue + side].best
            if level >= 0:
                px = core.levels[level].px
                if best == 0 or sign * px > sign * best:
                    best = px
    return best


@kernel
def next_px(core: Core, sign: int, px: int) -> int:
    """The best displayed price of a side that is worse than `px`, over the venues that trade; 0: none."""
    side = 0 if sign > 0 else 1
    window = core.bits.shape[1] * 64
    best = 0
    for venue in range(core.books.shape[0] // 2):
        if not trades_now(core, venue):
            continue
        book = 2 * venue + side
        offset = min(max(sign * px - core.books[book].base, 0), window)
        offset = window_below(core, book, offset)
        if offset >= 0:
            found = sign * (core.books[book].base + offset)
            if best == 0 or sign * found > sign * best:
                best = found
        at = overflow_below(core, book, place(core, book, sign * px))
        if at >= 0:
            found = sign * core.over_key[book, at]
            if best == 0 or sign * found > sign * best:
                best = found
    return best


@kernel
def lot_at(core: Core, sign: int, px: int, lot: int) -> int:
    """The slot of the order that the displayed lot `lot` (from 0) of a price belongs to; -1: none."""
    side = 0 if sign > 0 else 1
    for venue in range(core.books.shape[0] // 2):
        if not trades_now(core, venue):
            continue
        level = level_of(core, 2 * venue + side, px)
        if level < 0:
            continue
        entry = core.levels[level]
        if lot >= entry.qty:
            lot -= entry.qty
            continue
        if 2 * lot < entry.qty:
            slot = entry.head
            while lot >= core.orders[slot].leaves:
                lot -= core.orders[slot].leaves
                slot = core.orders[slot].next
            return int(slot)
        behind = entry.qty - 1 - lot
        slot = entry.tail
        while behind >= core.orders[slot].leaves:
            behind -= core.orders[slot].leaves
            slot = core.orders[slot].prev
        return int(slot)
    return -1


@part
def first_at(core: Core, sign: int, px: int) -> int:
    """The slot of the order that a taker meets first at a price; something is displayed there."""
    side = 0 if sign > 0 else 1
    first, arrival = -1, 0
    for venue in range(core.books.shape[0] // 2):
        level = level_of(core, 2 * venue + side, px) if trades_now(core, venue) else -1
        if level >= 0:
            head = core.levels[level].head
            if first < 0 or core.orders[head].arrival < arrival:
                first, arrival = head, core.orders[head].arrival
    return first


@part
def any_order(core: Core, rng: Generator, sign: int, px: int) -> int:
    """The slot of the order at a price that a lot drawn at random belongs to; -1: nothing is displayed."""
    total = shown(core, sign, px)
    return lot_at(core, sign, px, below(rng, total)) if total > 0 else -1


@part
def newest_of_flow(core: Core, sign: int, px: int, everywhere: bool) -> int:
    """The slot of the flow's last order in the queue of a price, at any venue that trades; -1: none.

    `everywhere`: also at venues that do not trade now.
    """
    side = 0 if sign > 0 else 1
    for venue in range(core.books.shape[0] // 2):
        if not everywhere and not trades_now(core, venue):
            continue
        level = level_of(core, 2 * venue + side, px)
        slot = core.levels[level].tail if level >= 0 else -1
        while slot >= 0:
            if core.orders[slot].key >= 0:
                return int(slot)
            slot = core.orders[slot].prev
    return -1
