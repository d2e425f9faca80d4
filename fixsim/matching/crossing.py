"""Kernels: what follows a message where orders rest that are not displayed.

A touch that moves takes pegs with it. While the buys and sells of a venue cross and one of a pair is not
displayed, the best buy and the best sell that may trade with each other do, at the price of the one that came
first; the later one is the taker. Before each trade the reference is taken anew. Of displayed orders only the
first in line counts, and only what it shows. Every trade ends an order or a piece of an iceberg, so it ends.
"""

from __future__ import annotations

from fixsim.matching.dim import dim_px, least, outside, take_reference
from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import ZERO, Core, Flag
from fixsim.matching.resting import reduce
from fixsim.matching.terms import Reason, SelfMatch
from fixsim.matching.trading import record, strike

_DIM, _TERMS = int(Flag.DIM), int(Flag.TERMS)
_SELF_MATCH = int(Reason.SELF_MATCH)
_NEWEST, _OLDEST = int(SelfMatch.NEWEST), int(SelfMatch.OLDEST)


@aside
def settle(core: Core, now_ns: int) -> None:
    """Trade until no venue's buys and sells cross with one of a pair not displayed. There is room."""
    while _trade_one(core, now_ns):
        pass


@part
def _trade_one(core: Core, now_ns: int) -> bool:
    take_reference(core)
    for venue in range(core.venues.shape[0]):
        dims = core.books[2 * venue].dims + core.books[2 * venue + 1].dims
        if dims > 0 and core.venues[venue].phase == 0:
            buy, sell = _pair(core, venue)
            if buy >= 0:
                _meet(core, buy, sell, now_ns)
                return True
    return False


@part
def _first(core: Core, book: int) -> int:
    number = core.books[book].best
    return int(core.levels[number].head if number >= 0 else core.books[book].dim_head)


@part
def _next(core: Core, slot: int) -> int:
    order = core.orders[slot]
    return int(order.next if order.flags & _DIM else core.books[order.book].dim_head)


@part
def _px(core: Core, venue: int, slot: int) -> int:
    """The order's price, 0 while it waits or is outside the bands."""
    order = core.orders[slot]
    px = dim_px(core, slot) if order.flags & _DIM else order.px
    return 0 if outside(core, venue, px) else int(px)


@part
def _best_px(core: Core, venue: int, sign: int) -> int:
    best = 0
    slot = _first(core, 2 * venue + (1 if sign < 0 else 0))
    while slot >= 0:
        px = _px(core, venue, slot)
        if px > 0 and (best == 0 or sign * px > sign * best):
            best = px
        slot = _next(core, slot)
    return best


@part
def _precedes(core: Core, slot: int, key: int, other: int, other_key: int) -> bool:
    """Priority: price, then displayed before not displayed, then arrival."""
    if key != other_key:
        return key > other_key
    dim, other_dim = core.orders[slot].flags & _DIM, core.orders[other].flags & _DIM
    if dim != other_dim:
        return bool(dim == 0)
    return bool(core.orders[slot].arrival < core.orders[other].arrival)


@part
def _may_trade(core: Core, buy: int, sell: int) -> bool:
    if not (core.orders[buy].flags | core.orders[sell].flags) & _DIM:
        return False
    lots = min(core.orders[buy].leaves, core.orders[sell].leaves)
    return bool(lots >= least(core, buy) and lots >= least(core, sell))


@aside
def _pair(core: Core, venue: int) -> tuple[int, int]:
    """The best buy, and for it the best sell, that may trade; -1, -1 for none."""
    bid, ask = _best_px(core, venue, 1), _best_px(core, venue, -1)
    if bid == 0 or ask == 0 or bid < ask:
        return -1, -1
    found, other, best = -1, -1, 0
    buy = _first(core, 2 * venue)
    while buy >= 0:
        px = _px(core, venue, buy)
        if px >= ask and (found < 0 or _precedes(core, buy, px, found, best)):
            sell, mate, mate_px = _first(core, 2 * venue + 1), -1, 0
            while sell >= 0:
                sell_px = _px(core, venue, sell)
                ahead = mate < 0 or _precedes(core, sell, -sell_px, mate, -mate_px)
                if ahead and 0 < sell_px <= px and _may_trade(core, buy, sell):
                    mate, mate_px = sell, sell_px
                sell = _next(core, sell)
            if mate >= 0:
                found, other, best = buy, mate, px
        buy = _next(core, buy)
    return found, other


@aside
def _meet(core: Core, buy: int, sell: int, now_ns: int) -> None:
    """Trade a pair, or cancel of it what self-match prevention says."""
    maker, taker, sign = sell, buy, 1
    if core.orders[buy].arrival < core.orders[sell].arrival:
        maker, taker, sign = buy, sell, -1
    resting, coming = core.orders[maker], core.orders[taker]
    mode = core.terms[taker].self_match if coming.flags & _TERMS else 0
    if mode != 0 and coming.group != 0 and coming.group == resting.group:
        if mode != _NEWEST:
            strike(core, maker, _SELF_MATCH, now_ns)
        if mode != _OLDEST:
            strike(core, taker, _SELF_MATCH, now_ns)
        return
    px = dim_px(core, maker) if resting.flags & _DIM else resting.px
    lots = min(resting.leaves, coming.leaves)
    record(core, maker, px, lots, coming.key, coming.leaves + coming.reserve - lots, sign, now_ns, ZERO)
    reduce(core, maker, lots)
    reduce(core, taker, lots)
