"""Kernels: phases, price bands, and the auction's trades once its price is known (auction.py finds it).

In an auction displayed orders, icebergs, hidden limits and market orders trade at one price: market orders
first, then price, then displayed before not displayed, then arrival. Pegs and orders with a minimum quantity
wait for continuous trading.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.crossing import settle
from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import NOTHING, SPARE, ZERO, Code, Core, Flag, S
from fixsim.matching.levels import better, overflow_below, sign_of, window_below
from fixsim.matching.resting import reduce
from fixsim.matching.terms import FillFlag, Reason
from fixsim.matching.trading import aftermath_fits, record, strike

_DIMS, _SHUT, _BANDS = int(S.DIMS), int(S.SHUT), int(S.BANDS)
_FILLS, _NOTES, _OWN = int(S.FILLS), int(S.NOTES), int(S.OWN)
_AT_MARKET = int(Flag.AT_MARKET)
_WAITS = int(Flag.PEGGED) | int(Flag.MIN)
_IN_AUCTION: Any = np.int64(FillFlag.AUCTION)
_REASON = int(Reason.AUCTION)
_OK, _CROSSED = int(Code.OK), int(Code.CROSSED)
_FILLS_FULL, _NOTES_FULL = int(Code.FILLS_FULL), int(Code.NOTES_FULL)


@kernel
def set_phase(core: Core, venue: int, phase: int, now_ns: int) -> int:
    """Put a venue into a phase: a code. Orders stay; pegs follow the touch of the venues open now."""
    entry = core.venues[venue]
    if core.state[_DIMS] > 0:
        code = aftermath_fits(core, 0)
        if code != _OK:
            return code
    if phase == 0 and entry.phase != 0 and _crossed(core, venue):
        return _CROSSED
    core.state[_SHUT] += (1 if phase != 0 else 0) - (1 if entry.phase != 0 else 0)
    entry.phase = phase
    if core.state[_DIMS] > 0:
        settle(core, now_ns)
    return _OK


@part
def _crossed(core: Core, venue: int) -> bool:
    """Whether displayed orders cross, or market orders wait."""
    bid, ask = core.books[2 * venue].best, core.books[2 * venue + 1].best
    if bid >= 0 and ask >= 0 and core.levels[bid].px >= core.levels[ask].px:
        return True
    for book in range(2 * venue, 2 * venue + 2):
        slot = core.books[book].dim_head
        while slot >= 0:
            if core.orders[slot].flags & _AT_MARKET:
                return True
            slot = core.orders[slot].next
    return False


@kernel
def set_bands(core: Core, venue: int, low_px: int, high_px: int) -> None:
    """Price bands from now on; 0, 0: none."""
    entry = core.venues[venue]
    core.state[_BANDS] += (1 if high_px > 0 else 0) - (1 if entry.high_px > 0 else 0)
    entry.low_px, entry.high_px = low_px, high_px


@kernel
def interest(core: Core, book: int, px: NDArray[np.int64], qty: NDArray[np.int64]) -> int:
    """Write price (0: at market) and lots, reserves too, of every order that an auction takes; how many."""
    n = 0
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    while True:
        number = better(core, book, offset, at)
        if number < 0:
            break
        slot = core.levels[number].head
        while slot >= 0:
            order = core.orders[slot]
            px[n], qty[n] = order.px, order.leaves + order.reserve
            n += 1
            slot = order.next
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)
    slot = core.books[book].dim_head
    while slot >= 0:
        order = core.orders[slot]
        if not order.flags & _WAITS:
            px[n], qty[n] = order.px, order.leaves
            n += 1
        slot = order.next
    return n


@part
def _foremost(core: Core, book: int) -> int:
    """The order of a book that an auction takes next, -1 for none."""
    found, best = -1, NOTHING
    if core.books[book].best >= 0:
        found, best = core.levels[core.books[book].best].head, core.books[book].best_key
    slot = core.books[book].dim_head
    while slot >= 0:
        order = core.orders[slot]
        if not order.flags & _WAITS:
            key = SPARE if order.flags & _AT_MARKET else sign_of(book) * order.px
            if key > best:
                found, best = slot, key
        slot = order.next
    return int(found)


@kernel
def uncross(core: Core, venue: int, px: int, qty: int, now_ns: int) -> int:
    """Trade `qty` lots at `px` and cancel the market orders that are left: a code."""
    most = core.books[2 * venue].pieces + core.books[2 * venue + 1].pieces
    if core.fills.shape[0] - core.state[_FILLS] < most:
        return _FILLS_FULL
    if core.notes.shape[0] - core.state[_NOTES] < core.state[_OWN]:
        return _NOTES_FULL
    while qty > 0:
        maker, taker = _foremost(core, 2 * venue), _foremost(core, 2 * venue + 1)
        if core.orders[taker].arrival < core.orders[maker].arrival:
            maker, taker = taker, maker
        coming = core.orders[taker]
        lots = min(qty, core.orders[maker].leaves, coming.leaves)
        qty -= lots
        left = coming.leaves + coming.reserve - lots
        record(core, maker, px, lots, coming.key, left, ZERO, now_ns, _IN_AUCTION)
        reduce(core, maker, lots)
        reduce(core, taker, lots)
    for book in range(2 * venue, 2 * venue + 2):
        slot = core.books[book].dim_head
        while slot >= 0:
            following = core.orders[slot].next
            if core.orders[slot].flags & _AT_MARKET:
                strike(core, slot, _REASON, now_ns)
            slot = following
    return _OK
