"""Kernels: one resting order. Its key, its place in the queue of its price, how it joins and leaves.

Keys of 0 and more (recorded ordinals) index a table; keys below 0 (participants) live in a small hash table
with linear probing, whose entries are moved back on removal, so that it needs no tombstones.
"""

from __future__ import annotations

import numpy as np

from fixsim.matching.kernel import kernel
from fixsim.matching.layout import Core, S
from fixsim.matching.levels import occupied, open_level, touch, vacated

_FREE, _OWN, _ARRIVAL = int(S.FREE), int(S.OWN), int(S.ARRIVAL)


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
    return int(mix(ordinal) % venues)


@kernel
def _probe(core: Core, key: int) -> int:
    """Where `key` is in the participants' table, or the empty place where it would go."""
    mask = core.own_key.shape[0] - 1
    at = mix(-key) & mask
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


@kernel
def _index(core: Core, key: int, slot: int) -> None:
    if key >= 0:
        core.recorded[key] = slot + 1
        return
    at = _probe(core, key)
    core.own_key[at] = key
    core.own_slot[at] = slot
    core.state[_OWN] += 1


@kernel
def _forget(core: Core, key: int) -> None:
    if key >= 0:
        core.recorded[key] = 0
        return
    mask = core.own_key.shape[0] - 1
    hole = _probe(core, key)
    at = hole
    while True:
        at = (at + 1) & mask
        if core.own_key[at] == 0:
            break
        home = mix(-core.own_key[at]) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            core.own_key[hole] = core.own_key[at]
            core.own_slot[hole] = core.own_slot[at]
            hole = at
    core.own_key[hole] = 0
    core.state[_OWN] -= 1


@kernel
def rest(core: Core, book: int, key: int, px: int, qty: int) -> None:
    """Put an order at the end of its price's queue. The caller has checked that everything fits."""
    core.state[_FREE] -= 1
    slot = core.free[core.state[_FREE]]
    number = open_level(core, book, px)
    touch(core, number)
    level = core.levels[number]
    order = core.orders[slot]
    order.key, order.px, order.leaves = key, px, qty
    order.arrival = core.state[_ARRIVAL]
    core.state[_ARRIVAL] += 1
    order.level, order.book = number, book
    order.next = -1
    if level.count == 0:
        order.prev = -1
        level.head = slot
        occupied(core, book, number)
    else:
        order.prev = level.tail
        core.orders[level.tail].next = slot
    level.tail = slot
    level.count += 1
    level.qty += qty
    core.books[book].live += 1
    _index(core, key, slot)


@kernel
def reduce(core: Core, slot: int, qty: int) -> None:
    """Take `qty` off an order where it stands in its queue; with nothing left it leaves."""
    order = core.orders[slot]
    touch(core, order.level)
    level = core.levels[order.level]
    level.qty -= qty
    order.leaves -= qty
    if order.leaves > 0:
        return
    if order.prev < 0:
        level.head = order.next
    else:
        core.orders[order.prev].next = order.next
    if order.next < 0:
        level.tail = order.prev
    else:
        core.orders[order.next].prev = order.prev
    level.count -= 1
    if level.count == 0:
        vacated(core, order.book, order.level)
    core.books[order.book].live -= 1
    _forget(core, order.key)
    core.free[core.state[_FREE]] = slot
    core.state[_FREE] += 1
