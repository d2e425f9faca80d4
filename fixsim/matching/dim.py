"""Kernels: orders that are not displayed. The price that each has now, and which of them a taker meets.

They are few and scanned one by one; a market in which none rests never comes here.
"""

from __future__ import annotations

from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import Core, Flag, S
from fixsim.matching.levels import better, overflow_below, sign_of, window_below
from fixsim.matching.terms import Peg

_DIMS, _ROUND_LOT = int(S.DIMS), int(S.ROUND_LOT)
_REF_BID, _REF_ASK = int(S.REF_BID), int(S.REF_ASK)
_MIN, _PEGGED, _AT_MARKET = int(Flag.MIN), int(Flag.PEGGED), int(Flag.AT_MARKET)
_MID = int(Peg.MID)


@aside
def _touch_px(core: Core, book: int) -> int:
    """The best displayed price of at least a round lot, 0 for none."""
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    while True:
        number = better(core, book, offset, at)
        if number < 0:
            return 0
        if core.levels[number].qty >= core.state[_ROUND_LOT]:
            return int(core.levels[number].px)
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)


@aside
def take_reference(core: Core) -> None:
    """What pegs follow from here on: the touch over the venues in CONTINUOUS."""
    bid, ask = 0, 0
    for venue in range(core.venues.shape[0]):
        if core.venues[venue].phase == 0:
            bid = max(bid, _touch_px(core, 2 * venue))
            offer = _touch_px(core, 2 * venue + 1)
            ask = offer if ask == 0 or 0 < offer < ask else ask
    core.state[_REF_BID], core.state[_REF_ASK] = bid, ask


@part
def peg_px(core: Core, peg: int, sign: int, limit: int) -> int:
    """A peg's price by the reference, no worse for it than `limit` (0: none); 0 while it waits."""
    bid, ask = core.state[_REF_BID], core.state[_REF_ASK]
    if bid > ask > 0:
        return 0
    px = bid if sign > 0 else ask
    if peg == _MID:
        px = (bid + ask) >> 1 if bid > 0 and ask > 0 else 0
    if px > 0 and limit > 0:
        px = min(px, limit) if sign > 0 else max(px, limit)
    return int(px)


@part
def dim_px(core: Core, slot: int) -> int:
    """The price of an order that is not displayed; 0 while it waits."""
    order = core.orders[slot]
    if order.flags & _AT_MARKET:
        return 0
    if order.flags & _PEGGED:
        return peg_px(core, core.terms[slot].peg, sign_of(order.book), order.px)
    return int(order.px)


@part
def least(core: Core, slot: int) -> int:
    """The smallest fill that a resting order takes now."""
    order = core.orders[slot]
    return int(min(core.terms[slot].min_qty, order.leaves)) if order.flags & _MIN else 1


@part
def outside(core: Core, venue: int, px: int) -> bool:
    """Whether `px` is not within the venue's price bands."""
    bands = core.venues[venue]
    return bool(bands.high_px > 0 and (px < bands.low_px or px > bands.high_px))


@aside
def best_dim(
    core: Core, first: int, last: int, side: int, floor: int, taken: int, qty: int, funds: int, key: int
) -> int:
    """The dim order that a taker meets next on `side` (0 bids, 1 asks) of venues first to last - 1, or -1.

    Its price, signed, is at least `floor` and better than `taken`, the best displayed one; it accepts a fill
    of `qty` lots, or of what `funds` buy (-1: no such bound). A participant (`key` below 0) meets what is
    inside the bands.
    """
    found, best, arrival = -1, taken, 0
    for venue in range(first, last):
        if core.venues[venue].phase != 0:
            continue
        slot = core.books[2 * venue + side].dim_head
        while slot >= 0:
            order = core.orders[slot]
            px = dim_px(core, slot)
            reach = px if side == 0 else -px
            ahead = reach > best or (reach == best and found >= 0 and order.arrival < arrival)
            if px > 0 and reach >= floor and ahead:
                lots = qty if funds < 0 else min(qty, funds // px)
                takes = lots >= least(core, slot) or (lots == 0 and not order.flags & _MIN)
                if takes and not (key < 0 and outside(core, venue, px)):
                    found, best, arrival = slot, reach, order.arrival
            slot = order.next
    return found
