"""Kernels: what a participant's order could have at once, before it has anything.

FOK and minimum quantities are promises about the whole, so they are asked before the first trade.
"""

from __future__ import annotations

from fixsim.matching.dim import best_dim, dim_px, outside
from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import NO_FUNDS, NO_SLOT, NOTHING, WORST, Core, Flag, S
from fixsim.matching.levels import better, overflow_below, window_below
from fixsim.matching.terms import SelfMatch

_DIMS = int(S.DIMS)
_MIN = int(Flag.MIN)
_OLDEST = int(SelfMatch.OLDEST)


@part
def could_take(core: Core, venue: int, sign: int, limit: int, qty: int) -> bool:
    """Whether anything would trade with it at once: what post-only refuses."""
    side = 1 if sign > 0 else 0
    if core.books[2 * venue + side].best_key >= -limit:
        return True
    if core.state[_DIMS] == 0:
        return False
    return best_dim(core, venue, venue + 1, side, -limit, WORST, qty, NO_FUNDS, NO_SLOT) >= 0


@aside
def available(core: Core, venue: int, sign: int, limit: int, enough: int, group: int, mode: int) -> int:
    """Lots within the limit from orders without a minimum quantity, reserves too, counted up to `enough`.

    Orders of the same group do not count where self-match prevention would remove them, and where it would
    end the order they end the count.
    """
    book = 2 * venue + (1 if sign > 0 else 0)
    guarded = mode != 0 and group != 0
    stops = guarded and mode != _OLDEST
    end_key, end_arrival = NOTHING, 0
    if stops:
        end_key, end_arrival = _first_dim_of(core, venue, book, -limit, group)
    total, held = 0, 0  # held: reserves that come back behind the level's queue
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    while total < enough:
        number = better(core, book, offset, at)
        if number < 0:
            break
        px = core.levels[number].px
        key = -sign * px
        if key < -limit or key < end_key:
            break
        held = 0
        slot = core.levels[number].head
        while slot >= 0:
            order = core.orders[slot]
            if guarded and order.group == group:
                if stops:  # what is dim at this price stands behind it
                    return min(enough, total + _dims(core, venue, book, key + 1, -1, group, guarded))
            else:
                total += order.leaves
                held += order.reserve
            slot = order.next
        total += held
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)
    if total < enough:
        floor = max(-limit, end_key)
        total += _dims(core, venue, book, floor, end_arrival if end_key > NOTHING else -1, group, guarded)
    return min(enough, total)


@part
def _first_dim_of(core: Core, venue: int, book: int, floor: int, group: int) -> tuple[int, int]:
    """Key and arrival of the first dim order of a group that a taker comes to; NOTHING for none."""
    best, arrival = NOTHING, 0
    slot = core.books[book].dim_head
    while slot >= 0:
        order = core.orders[slot]
        px = dim_px(core, slot)
        key = px if book & 1 == 0 else -px
        meets = order.group == group and px > 0 and key >= floor and key > best
        if meets and not outside(core, venue, px):
            best, arrival = key, order.arrival  # the list is in order of arrival
        slot = order.next
    return best, arrival


@part
def _dims(core: Core, venue: int, book: int, floor: int, until: int, group: int, guarded: bool) -> int:
    """Lots of dim orders with a key of at least `floor`; at `floor` only those before `until` (-1: all).

    They are those that `available` counts.
    """
    total = 0
    slot = core.books[book].dim_head
    while slot >= 0:
        order = core.orders[slot]
        px = dim_px(core, slot)
        key = px if book & 1 == 0 else -px
        counts = px > 0 and not order.flags & _MIN and not (guarded and order.group == group)
        within = key > floor or (key == floor and (until < 0 or order.arrival < until))
        if counts and within and not outside(core, venue, px):
            total += order.leaves
        slot = order.next
    return total
