"""The kernels of an action: its prices, whether it is allowed, and the position it asks for at each venue.

`mask` and `slices` ask the same kernel (`_target`), so what is allowed is what can be done: an action is
masked where it would neither send, keep, wait for nor release anything, or is not legal.

    action = FIRST + (size * 4 + price) * SLOTS + slot; NULL and WITHDRAW before them

join: the consolidated near touch. improve: a tick inside the near touch of others. mid: a midpoint peg at a
dark venue. cross: the venue's own far touch. The parent's limit holds for all of them.

`caps[V_MAX, 4]`: the lots the gate passes now for a new child at that venue and price kind; 0 if none now,
but only because this parent's children hold the room (they can be freed); HARD if refused in any case.
Units: px half ticks (a tick is 2), lots. Integers only; no clock.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from router.book import V_MAX, Books, Flags, Ints, cbbo, new_books
from router.features import (
    FILLED,
    IMMEDIATE,
    LEAVING,
    LIMIT_PX,
    MIN_LOTS,
    ORDER_KIND,
    ORDER_LEAVES,
    ORDER_PX,
    ORDER_VENUE,
    ORDER_WIDTH,
    ORDERS,
    ORDERS_AT,
    PEG,
    QTY,
    RESTING,
    ROUND_LOTS,
    SIGN,
    UNKNOWN,
    VENUE_DARK,
    VENUE_MAKER_PPM,
    VENUE_TAKER_PPM,
    VENUE_WIDTH,
    VENUES,
    TickState,
)
from router.routing.best import rest_at, split

SIZES = (2, 5, 10, 25, 100)  # per cent of the base
JOIN, IMPROVE, MID, CROSS = 0, 1, 2, 3
SLOTS = 1 + V_MAX  # 0: the router's best, else venue + 1
NULL, WITHDRAW, FIRST = 0, 1, 2
HARD = -1

CHILDREN_MAX = 64  # live children of one parent; with so many, nothing more is sent
TOP_UP = 50  # beside children that stay, a new one is at least the target's fiftieth: not one per small fill
OWN_DEPTH = 16  # levels per venue searched for a near touch that is not our own
_PERCENT = np.array(SIZES, np.int64)
# Rows of the kernels' context, each over V_MAX slots; the first of four where there is one per price kind.
_PX, _CAN, _QUEUE, _SHOWN, _MAKER, _TAKER, _OPEN, _OUT = 0, 4, 8, 12, 13, 14, 15, 16
_ROWS = 17


@njit(cache=True, nogil=True)
def target_lots(base: int, percent: int, round_lots: int, min_lots: int) -> int:
    """A share of the base: rounded down to round lots, but at least the least order, and at most the base."""
    if base <= 0:
        return 0
    lots = base // 100 * percent + base % 100 * percent // 100
    lots -= lots % round_lots
    return min(max(lots, min_lots), base)


@njit(cache=True, nogil=True)
def _others_near(books: Books, usable: Flags, i: Ints, side: int) -> int:
    """The consolidated near touch but for our own orders, so that improving does not chase itself; 0 if none.

    A level whose quantity is exactly ours is ours alone; one that shows less than ours has not caught up with
    us, and counts as others'.
    """
    sign = i[SIGN]
    best = 0
    for v in range(V_MAX):
        if not usable[v]:
            continue
        book = books[v]
        n = book.n[side]
        for k in range(min(n, OWN_DEPTH)):
            px = book.px[side, n - 1 - k]
            own = 0
            for r in range(i[ORDERS]):
                at = ORDERS_AT + r * ORDER_WIDTH
                if i[at + ORDER_VENUE] == v and i[at + ORDER_PX] == px:
                    own += i[at + ORDER_LEAVES]
            if own != book.qty[side, n - 1 - k]:
                if best == 0 or sign * px > sign * best:
                    best = px
                break
    return best


@njit(cache=True, nogil=True)
def _fill_prices(books: Books, usable: Flags, i: Ints, ctx: Ints) -> None:
    """Rows _PX.. of ctx: the price of each kind at each slot, 0 where not legal."""
    sign = i[SIGN]
    near_side = 0 if sign > 0 else 1
    far_side = 1 - near_side
    bid, bid_qty, ask, ask_qty = cbbo(books, usable)
    ordered = bid_qty > 0 and ask_qty > 0 and bid < ask
    near, far = (bid, ask) if sign > 0 else (ask, bid)
    join = improve = mid = 0
    if ordered:
        join = near
        mid = (bid + ask) // 2
        inside = _others_near(books, usable, i, near_side)
        inside = (inside if inside > 0 else near) + 2 * sign
        if sign * (far - inside) > 0:
            improve = inside
    limit = i[LIMIT_PX]
    if limit > 0:
        if sign * (limit - join) < 0:
            join = 0
        if sign * (limit - improve) < 0:
            improve = 0
        if sign * (limit - mid) < 0:
            mid = 0
    for v in range(V_MAX):
        for price in range(4):
            ctx[_PX + price, v] = 0
        if not usable[v]:
            continue
        if i[VENUES + v * VENUE_WIDTH + VENUE_DARK] != 0:
            ctx[_PX + MID, v] = mid
            continue
        ctx[_PX + JOIN, v] = join
        ctx[_PX + IMPROVE, v] = improve
        n = books[v].n[far_side]
        if n > 0:
            px = books[v].px[far_side, n - 1]
            if limit <= 0 or sign * (limit - px) >= 0:
                ctx[_PX + CROSS, v] = px


@njit(cache=True, nogil=True)
def prices(books: Books, usable: Flags, i: Ints, out: Ints) -> None:
    """out[V_MAX, 4]: half ticks at which a child of each price kind would stand; 0 where it is not legal.

    MID is a peg: its price here is today's midpoint, for the gate's reference.
    """
    ctx = np.empty((_ROWS, V_MAX), np.int64)
    _fill_prices(books, usable, i, ctx)
    for v in range(V_MAX):
        for price in range(4):
            out[v, price] = ctx[_PX + price, v]


@njit(cache=True, nogil=True)
def _queue(books: Books, v: int, side: int, px: int) -> int:
    """Lots that rest at px, near the touch."""
    n = books[v].n[side]
    for k in range(min(n, OWN_DEPTH)):
        if books[v].px[side, n - 1 - k] == px:
            return int(books[v].qty[side, n - 1 - k])
    return 0


@njit(cache=True, nogil=True)
def _context(books: Books, usable: Flags, caps: Ints, i: Ints, ctx: Ints) -> tuple[int, int]:
    """Fill ctx; (lots of this parent's live children, how many they are)."""
    _fill_prices(books, usable, i, ctx)
    near_side = 0 if i[SIGN] > 0 else 1
    for v in range(V_MAX):
        for price in range(4):
            cap = caps[v, price]
            ctx[_CAN + price, v] = 0 if 0 < cap < i[MIN_LOTS] else cap
            ctx[_QUEUE + price, v] = 0
        for price in range(MID):
            if ctx[_PX + price, v] > 0:
                ctx[_QUEUE + price, v] = _queue(books, v, near_side, ctx[_PX + price, v])
        n = books[v].n[1 - near_side]
        shown = books[v].qty[1 - near_side, n - 1] if n > 0 else 0
        if shown > i[ROUND_LOTS]:
            shown -= shown % i[ROUND_LOTS]
        ctx[_SHOWN, v] = shown
        ctx[_MAKER, v] = i[VENUES + v * VENUE_WIDTH + VENUE_MAKER_PPM]
        ctx[_TAKER, v] = i[VENUES + v * VENUE_WIDTH + VENUE_TAKER_PPM]
    live = 0
    children = 0
    for r in range(i[ORDERS]):
        at = ORDERS_AT + r * ORDER_WIDTH
        kind = i[at + ORDER_KIND]
        if kind in (RESTING, IMMEDIATE, LEAVING):
            live += i[at + ORDER_LEAVES]
            children += 1
    return live, children


@njit(cache=True, nogil=True)
def _target(ctx: Ints, i: Ints, live: int, children: int, size: int, price: int, slot: int) -> bool:
    """Row _OUT of ctx: what should stand at each slot. False where nothing would be sent, kept or freed."""
    out = ctx[_OUT]
    for v in range(V_MAX):
        out[v] = 0
    base = i[QTY] - i[FILLED] - i[UNKNOWN]
    lots = target_lots(base, _PERCENT[size], i[ROUND_LOTS], i[MIN_LOTS])
    if lots <= 0:
        return False
    px = ctx[_PX + price]
    can = ctx[_CAN + price]
    kept = 0
    if price != CROSS:
        # Children that stand there already keep their place, oldest first, as far as they fit.
        for r in range(i[ORDERS]):
            at = ORDERS_AT + r * ORDER_WIDTH
            v = i[at + ORDER_VENUE]
            if i[at + ORDER_KIND] != RESTING or px[v] <= 0 or (slot > 0 and v != slot - 1):
                continue
            standing = PEG if price == MID else px[v]
            leaves = i[at + ORDER_LEAVES]
            if i[at + ORDER_PX] == standing and kept + leaves <= lots:
                out[v] += leaves
                kept += leaves
    left = lots - kept
    if left < i[MIN_LOTS] or (kept > 0 and (left < lots // TOP_UP or children >= CHILDREN_MAX)):
        return kept > 0
    free = ctx[_OPEN]
    for v in range(V_MAX):
        takes = can[v] > 0 or (can[v] == 0 and live > kept)
        free[v] = px[v] if takes and (slot == 0 or v == slot - 1) else 0
    if price == CROSS:
        return split(i[SIGN], free, ctx[_SHOWN], ctx[_TAKER], left, i[MIN_LOTS], out) > 0
    best = rest_at(free, can, ctx[_MAKER], ctx[_QUEUE + price])
    if best >= 0:
        out[best] += left
    return best >= 0 or kept > 0


@njit(cache=True, nogil=True)
def mask(books: Books, usable: Flags, caps: Ints, i: Ints, out: Flags) -> None:
    """out[A]: what is allowed now. Null always is; withdraw while this parent has live children."""
    ctx = np.empty((_ROWS, V_MAX), np.int64)
    live, children = _context(books, usable, caps, i, ctx)
    for a in range(out.shape[0]):
        out[a] = False
    out[NULL] = True
    out[WITHDRAW] = live > 0
    if i[QTY] - i[FILLED] - i[UNKNOWN] <= 0:
        return
    for price in range(4):
        for slot in range(SLOTS):
            if slot > 0 and ctx[_PX + price, slot - 1] <= 0:
                continue
            for size in range(_PERCENT.shape[0]):
                action = FIRST + (size * 4 + price) * SLOTS + slot
                out[action] = _target(ctx, i, live, children, size, price, slot)


@njit(cache=True, nogil=True)
def slices(books: Books, usable: Flags, caps: Ints, i: Ints, action: int, out: Ints) -> int:
    """out[V_MAX, 4]: (venue, px, target lots, lots the gate passes now) for each slice; returns how many."""
    ctx = np.empty((_ROWS, V_MAX), np.int64)
    live, children = _context(books, usable, caps, i, ctx)
    code = action - FIRST
    price = code // SLOTS % 4
    n = 0
    if _target(ctx, i, live, children, code // SLOTS // 4, price, code % SLOTS):
        for v in range(V_MAX):
            if ctx[_OUT, v] > 0:
                out[n, 0] = v
                out[n, 1] = ctx[_PX + price, v]
                out[n, 2] = ctx[_OUT, v]
                out[n, 3] = max(ctx[_CAN + price, v], 0)
                n += 1
    return n


def warm() -> None:
    """Compile the kernels with the types of real use."""
    books, tick = new_books(), TickState()
    usable, caps = np.zeros(V_MAX, np.bool_), np.zeros((V_MAX, 4), np.int64)
    prices(books, usable, tick.i, np.zeros((V_MAX, 4), np.int64))
    mask(books, usable, caps, tick.i, np.zeros(FIRST + 1, np.bool_))
    slices(books, usable, caps, tick.i, FIRST, np.zeros((V_MAX, 4), np.int64))
