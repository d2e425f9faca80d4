"""Kernels: one resting order. Its key, its slot, its place in a queue, how it joins and leaves.

Keys of 0 and more (recorded ordinals) index a table; keys below 0 (participants) live in a small hash table
with linear probing, whose entries are moved back on removal, so that it needs no tombstones.

A displayed order stands in the queue of its price. One that is not (*dim*: hidden, pegged, a market order
that waits for an auction) stands in its book's only list of those, in order of arrival.
"""

from __future__ import annotations

import numpy as np

from fixsim.matching.kernel import aside, kernel, part
from fixsim.matching.layout import Core, Flag, S
from fixsim.matching.levels import occupied, open_level, touch, vacated

_FREE, _OWN, _ARRIVAL, _DIMS = int(S.FREE), int(S.OWN), int(S.ARRIVAL), int(S.DIMS)
_REFILLS = int(S.REFILLS)
_DIM, _ICEBERG = int(Flag.DIM), int(Flag.ICEBERG)
_SPECIAL = _DIM | _ICEBERG


@kernel
def mix(value: int) -> int:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): spreads consecutive numbers evenly over 63 bits."""
    z = np.uint64(value) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((z ^ (z >> np.uint64(31))) >> np.uint64(1))


@kernel
def venue_of(ordinal: int, venues: int) -> int:
    """The lit venue, 0 to venues - 1, at which a recorded order rests."""
    return int(mix(ordinal) % venues) if venues > 1 else 0


@part
def _home(key: int, mask: int) -> int:
    """Where a participant's key belongs: eight keys that follow each other share a cache line."""
    return int(((mix(-key >> 3) << 3) + (-key & 7)) & mask)


@part
def _probe(core: Core, key: int) -> int:
    """Where `key` is in the participants' table, or the empty place where it would go."""
    mask = core.own_key.shape[0] - 1
    at = _home(key, mask)
    while core.own_key[at] != 0 and core.own_key[at] != key:
        at = (at + 1) & mask
    return int(at)


@kernel
def slot_of(core: Core, key: int) -> int:
    """The slot of a resting order, or -1."""
    if key >= 0:
        return int(core.recorded[key]) - 1
    at = _probe(core, key)
    return int(core.own_slot[at]) if core.own_key[at] == key else -1


@part
def _index(core: Core, key: int, slot: int) -> None:
    if key >= 0:
        core.recorded[key] = slot + 1
        return
    at = _probe(core, key)
    core.own_key[at] = key
    core.own_slot[at] = slot
    core.state[_OWN] += 1


@aside
def _forget_own(core: Core, key: int) -> None:
    mask = core.own_key.shape[0] - 1
    hole = _probe(core, key)
    at = hole
    while True:
        at = (at + 1) & mask
        if core.own_key[at] == 0:
            break
        home = _home(core.own_key[at], mask)
        if ((at - home) & mask) >= ((at - hole) & mask):
            core.own_key[hole] = core.own_key[at]
            core.own_slot[hole] = core.own_slot[at]
            hole = at
    core.own_key[hole] = 0
    core.state[_OWN] -= 1


@part
def take_slot(core: Core, book: int, key: int, px: int, qty: int) -> int:
    """A slot for a new order, in no queue yet. The caller has checked that one is free."""
    core.state[_FREE] -= 1
    slot = core.free[core.state[_FREE]]
    order = core.orders[slot]
    order.key, order.px, order.leaves, order.reserve = key, px, qty, 0
    order.book, order.flags, order.group = book, 0, 0
    core.books[book].pieces += 1
    _index(core, key, slot)
    return int(slot)


@part
def _release(core: Core, slot: int) -> None:
    """The order is in no queue any more: its key and its slot are free."""
    order = core.orders[slot]
    core.books[order.book].pieces -= 1
    if order.key >= 0:
        core.recorded[order.key] = 0
    else:
        _forget_own(core, order.key)
    core.free[core.state[_FREE]] = slot
    core.state[_FREE] += 1


@part
def join(core: Core, slot: int) -> None:
    """Put what an order shows at the end of the queue of its price, as if it came now."""
    order = core.orders[slot]
    book = order.book
    number = open_level(core, book, order.px)
    touch(core, number)
    level = core.levels[number]
    order.arrival = core.state[_ARRIVAL]
    core.state[_ARRIVAL] += 1
    order.level, order.next = number, -1
    if level.count == 0:
        order.prev = -1
        level.head = slot
        occupied(core, book, number)
    else:
        order.prev = level.tail
        core.orders[level.tail].next = slot
    level.tail = slot
    level.count += 1
    level.qty += order.leaves
    core.books[book].live += 1


@part
def _leave(core: Core, slot: int) -> None:
    """Out of the queue; what the order still shows leaves the level's total. The level has been touched."""
    order = core.orders[slot]
    level = core.levels[order.level]
    if order.prev < 0:
        level.head = order.next
    else:
        core.orders[order.prev].next = order.next
    if order.next < 0:
        level.tail = order.prev
    else:
        core.orders[order.next].prev = order.prev
    level.qty -= order.leaves
    level.count -= 1
    if level.count == 0:
        vacated(core, order.book, order.level)
    core.books[order.book].live -= 1


@aside
def conceal(core: Core, slot: int) -> None:
    """Put an order at the end of its book's list of dim ones, as if it came now."""
    order = core.orders[slot]
    book = core.books[order.book]
    order.arrival = core.state[_ARRIVAL]
    core.state[_ARRIVAL] += 1
    order.level, order.next, order.prev = -1, -1, book.dim_tail
    if book.dim_tail < 0:
        book.dim_head = slot
    else:
        core.orders[book.dim_tail].next = slot
    book.dim_tail = slot
    book.dims += 1
    core.state[_DIMS] += 1


@aside
def _uncover(core: Core, slot: int) -> None:
    """Out of the list of dim orders."""
    order = core.orders[slot]
    book = core.books[order.book]
    if order.prev < 0:
        book.dim_head = order.next
    else:
        core.orders[order.prev].next = order.next
    if order.next < 0:
        book.dim_tail = order.prev
    else:
        core.orders[order.next].prev = order.prev
    book.dims -= 1
    core.state[_DIMS] -= 1


@part
def rest(core: Core, book: int, key: int, px: int, qty: int) -> int:
    """Put a displayed order at the end of its price's queue: its slot. The caller has checked the room."""
    slot = take_slot(core, book, key, px, qty)
    join(core, slot)
    return slot


@part
def remove(core: Core, slot: int) -> None:
    """Take all of an order out of the book, its reserve too."""
    order = core.orders[slot]
    if order.flags & _SPECIAL != 0:
        _remove_special(core, slot)
        return
    touch(core, order.level)
    _leave(core, slot)
    _release(core, slot)


@aside
def _remove_special(core: Core, slot: int) -> None:
    order = core.orders[slot]
    cut_reserve(core, slot, order.reserve)
    if order.flags & _DIM:
        _uncover(core, slot)
    else:
        touch(core, order.level)
        _leave(core, slot)
    _release(core, slot)


@part
def reduce(core: Core, slot: int, qty: int) -> None:
    """Take `qty` off what an order shows, where it stands. With nothing left it leaves.

    The shown part of an iceberg that is gone is refilled from the reserve, at the end of the queue.
    """
    order = core.orders[slot]
    if order.flags & _SPECIAL != 0:
        _reduce_special(core, slot, qty)
        return
    touch(core, order.level)
    core.levels[order.level].qty -= qty
    order.leaves -= qty
    if order.leaves == 0:
        _leave(core, slot)
        _release(core, slot)


@aside
def _reduce_special(core: Core, slot: int, qty: int) -> None:
    order = core.orders[slot]
    order.leaves -= qty
    if order.flags & _DIM:
        if order.leaves == 0:
            _uncover(core, slot)
            _release(core, slot)
        return
    touch(core, order.level)
    core.levels[order.level].qty -= qty
    if order.leaves > 0:
        return
    _leave(core, slot)
    if order.reserve == 0:
        _release(core, slot)
        return
    shown = min(order.reserve, core.terms[slot].display_qty)
    cut_reserve(core, slot, shown)
    order.leaves = shown
    join(core, slot)


@part
def cut_reserve(core: Core, slot: int, qty: int) -> None:
    """Take `qty` out of an iceberg's reserve, and what that could still fill out of its book's count."""
    if qty == 0:
        return
    order = core.orders[slot]
    before = pieces(order.reserve, core.terms[slot].display_qty)
    order.reserve -= qty
    fewer = before - pieces(order.reserve, core.terms[slot].display_qty)
    core.books[order.book].pieces -= fewer
    core.state[_REFILLS] -= fewer


@part
def pieces(reserve: int, display_qty: int) -> int:
    """In how many pieces a reserve is shown."""
    return (reserve + display_qty - 1) // display_qty
