"""Order books by price, one row per venue slot, and the consolidated touch: numba kernels over one array.

`books` is a numpy structured array of V_MAX rows of type BOOK, made once by `new_books`. Each side holds its
levels sorted with the BEST LAST (bids ascending, offers descending): most changes are near the touch, so few
levels move. Level k from the touch of side s in slot v is `books[v].px[s, books[v].n[s] - 1 - k]`.

Units: px are int64 half ticks of the instrument (midpoints are exact), qty int64 lots, time int64 ns UTC.
A side holds CAP levels; beyond that the worst level is dropped and counted in `dropped`, and a later
change of a level worse than every level held is then no anomaly. Kernels return codes, never raise;
no clock, no wire.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

V_MAX = 8
CAP = 32_768
BID, ASK = 0, 1
NEW, CHANGE, DELETE = 0, 1, 2  # MDUpdateAction(279)
TRADE = 2  # MDEntryType(269): 0 bid, 1 offer, 2 trade: the first two are also the sides' indices

BOOK = np.dtype(
    [
        ("n", np.int64, (2,)),  # levels held: [BID], [ASK]
        ("dropped", np.int64, (2,)),  # levels dropped at CAP since the last clear
        ("last_update_ns", np.int64),  # last message applied, 0 = none since the last clear
        ("messages", np.int64),  # messages applied; cumulative, as are all counters below: clear() keeps them
        ("entries", np.int64),  # entries applied
        ("last_px", np.int64),  # last trade: half ticks, 0 = none yet
        ("last_qty", np.int64),
        ("last_sign", np.int64),  # its aggressor: +1 buyer, -1 seller, 0 not known
        ("last_trade_ns", np.int64),
        ("trades", np.int64),  # number of trades
        ("buy_lots", np.int64),  # lots traded by buying aggressors
        ("sell_lots", np.int64),  # lots traded by selling aggressors
        ("total_lots", np.int64),  # lots traded, also where the aggressor is not known
        ("px", np.int64, (2, CAP)),  # [side, level], best last
        ("qty", np.int64, (2, CAP)),
    ]
)

# Flags of apply_entries: what a batch did.
TOUCH = 1  # best price or its quantity changed on either side
TRADED = 2
CROSSED = 4  # after the batch, best bid >= best offer: one venue's book cannot be
ANOMALY = 8  # an entry that cannot follow from the book held; the rest of the batch was not applied

ENTRY = np.dtype(
    [
        ("px", np.int64),
        ("qty", np.int64),
        ("action", np.int8),  # NEW, CHANGE, DELETE
        ("kind", np.int8),  # BID, ASK, TRADE
        ("sign", np.int8),  # aggressor of a trade: +1, -1, 0 not told
        ("pad", np.int8, (5,)),
    ]
)

Books = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Entries = npt.NDArray[np.void]
Row = Any  # one element of Books, inside kernels


def new_books() -> Books:
    """Empty books of all V_MAX slots."""
    return np.zeros(V_MAX, dtype=BOOK)


@njit(cache=True, nogil=True)
def clear(books: Books, v: int) -> None:
    """Empty slot v's levels. Trades and counters stay: they are totals of what was seen."""
    row = books[v]
    row.n[0] = 0
    row.n[1] = 0
    row.dropped[0] = 0
    row.dropped[1] = 0
    row.last_update_ns = 0


@njit(cache=True, nogil=True)
def best_px(books: Books, v: int, side: int) -> int:
    """Best price of a side in half ticks; 0 where the side is empty."""
    n = books[v].n[side]
    return books[v].px[side, n - 1] if n > 0 else 0


@njit(cache=True, nogil=True)
def best_qty(books: Books, v: int, side: int) -> int:
    n = books[v].n[side]
    return books[v].qty[side, n - 1] if n > 0 else 0


@njit(cache=True, nogil=True)
def top(books: Books, v: int, levels: int, px_out: Ints, qty_out: Ints) -> None:
    """The best `levels` of both sides, BEST FIRST, into px_out, qty_out [2, >= levels]; 0 where none."""
    row = books[v]
    for side in range(2):
        n = row.n[side]
        for k in range(levels):
            if k < n:
                px_out[side, k] = row.px[side, n - 1 - k]
                qty_out[side, k] = row.qty[side, n - 1 - k]
            else:
                px_out[side, k] = 0
                qty_out[side, k] = 0


@njit(cache=True, nogil=True)
def cbbo(books: Books, usable: Flags) -> tuple[int, int, int, int]:
    """Consolidated best bid and offer over the usable slots: (bid_px, bid_qty, ask_px, ask_qty).

    Quantities are totals at that price over venues; a side without any level is (0, 0). The result may be
    locked or crossed: that is a fact about the market, and the reader's to judge.
    """
    bid_px, bid_qty, ask_px, ask_qty = 0, 0, 0, 0
    for v in range(books.shape[0]):
        if not usable[v]:
            continue
        row = books[v]
        n = row.n[0]
        if n > 0:
            px = row.px[0, n - 1]
            if bid_qty == 0 or px > bid_px:
                bid_px, bid_qty = px, row.qty[0, n - 1]
            elif px == bid_px:
                bid_qty += row.qty[0, n - 1]
        n = row.n[1]
        if n > 0:
            px = row.px[1, n - 1]
            if ask_qty == 0 or px < ask_px:
                ask_px, ask_qty = px, row.qty[1, n - 1]
            elif px == ask_px:
                ask_qty += row.qty[1, n - 1]
    return bid_px, bid_qty, ask_px, ask_qty


@njit(cache=True, nogil=True)
def sweep_cost(books: Books, v: int, side: int, lots: int, ref_px: int) -> tuple[int, int, float]:
    """Taking `lots` from a side (ASK: buying) now: (lots found, worst px reached, cost against ref_px).

    The cost is positive when it costs, in half ticks times lots as a float (for features and reports only):
    the notional does not fit int64.
    """
    row = books[v]
    sign = 1 if side == 1 else -1
    left = lots
    worst = 0
    cost = 0.0
    k = row.n[side] - 1
    while k >= 0 and left > 0:
        take = min(left, row.qty[side, k])
        worst = row.px[side, k]
        cost += float(sign * (worst - ref_px)) * float(take)
        left -= take
        k -= 1
    return lots - left, worst, cost


@njit(cache=True, nogil=True)
def sweep_all(books: Books, usable: Flags, side: int, lots: int, ref_px: int) -> tuple[int, int, float]:
    """As sweep_cost, over all usable slots in price: the consolidated book's immediate cost."""
    at = np.empty(V_MAX, np.int64)
    for v in range(V_MAX):
        at[v] = books[v].n[side] - 1 if usable[v] else -1
    sign = 1 if side == 1 else -1
    left = lots
    worst = 0
    cost = 0.0
    while left > 0:
        chosen = -1
        for v in range(V_MAX):
            if at[v] >= 0:
                px = books[v].px[side, at[v]]
                if chosen < 0 or sign * px < sign * worst:
                    chosen, worst = v, px
        if chosen < 0:
            break
        take = min(left, books[chosen].qty[side, at[chosen]])
        cost += float(sign * (worst - ref_px)) * float(take)
        left -= take
        at[chosen] -= 1
    return lots - left, worst if left < lots else 0, cost


@njit(cache=True, nogil=True)
def _place(row: Row, side: int, px: int) -> int:
    """Index of the first level not worse than px (levels run from worst to best)."""
    sign = 1 if side == 0 else -1
    low, high = 0, row.n[side]
    levels = row.px
    while low < high:
        middle = (low + high) >> 1
        if sign * levels[side, middle] < sign * px:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _change_level(row: Row, side: int, action: int, px: int, qty: int) -> bool:
    """One entry on one side; False where it cannot follow from the levels held.

    A side that has dropped levels is the best part of the venue's: what is worse than all of it is passed
    over.
    """
    n = row.n[side]
    at = _place(row, side, px)
    pxs, qtys = row.px[side], row.qty[side]
    if at < n and pxs[at] == px:
        if action == CHANGE:
            qtys[at] = qty
            return True
        if action == NEW:
            return False
        for k in range(at, n - 1):
            pxs[k] = pxs[k + 1]
            qtys[k] = qtys[k + 1]
        row.n[side] = n - 1
        return True
    if at == 0 and n > 0 and row.dropped[side] > 0:
        if action == NEW:
            row.dropped[side] += 1
        return True
    if action != NEW:
        return False
    if n == CAP:
        row.dropped[side] += 1
        if at == 0:
            return True
        for k in range(at - 1):  # the worst goes, those up to the new level move down
            pxs[k] = pxs[k + 1]
            qtys[k] = qtys[k + 1]
        pxs[at - 1] = px
        qtys[at - 1] = qty
        return True
    for k in range(n, at, -1):
        pxs[k] = pxs[k - 1]
        qtys[k] = qtys[k - 1]
    pxs[at] = px
    qtys[at] = qty
    row.n[side] = n + 1
    return True


@njit(cache=True, nogil=True)
def _crossed(row: Row) -> bool:
    n, m = row.n[0], row.n[1]
    return bool(n > 0 and m > 0 and row.px[0, n - 1] >= row.px[1, m - 1])


@njit(cache=True, nogil=True)
def apply_entries(books: Books, v: int, entries: Entries, count: int, now_ns: int) -> int:
    """Apply the first `count` entries in order, as one batch, to slot v: flags TOUCH | TRADED | CROSSED.

    At the first anomaly (NEW of a level held, CHANGE or DELETE of one not held) the batch stops, with
    ANOMALY and the entry's index in bits 8 and up: the book is then not to be used and is rebuilt from
    empty. A trade whose aggressor is not told is signed against the mid before the batch; a trade's CHANGE
    or DELETE (a bust) is ignored.
    """
    row = books[v]
    bid, bid_qty = best_px(books, v, 0), best_qty(books, v, 0)
    ask, ask_qty = best_px(books, v, 1), best_qty(books, v, 1)
    flags = 0
    for i in range(count):
        entry = entries[i]
        kind = entry.kind
        if kind == TRADE:
            if entry.action != NEW:
                continue
            px, qty, sign = entry.px, entry.qty, np.int64(entry.sign)
            if sign == 0 and bid > 0 and ask > 0:
                sign = np.int64(np.sign(2 * px - bid - ask))
            row.last_px = px
            row.last_qty = qty
            row.last_sign = sign
            row.last_trade_ns = now_ns
            row.trades += 1
            row.total_lots += qty
            if sign > 0:
                row.buy_lots += qty
            elif sign < 0:
                row.sell_lots += qty
            flags |= TRADED
        elif not _change_level(row, kind, entry.action, entry.px, entry.qty):
            return flags | ANOMALY | (i << 8)
    row.entries += count
    row.messages += 1
    row.last_update_ns = now_ns
    if (
        best_px(books, v, 0) != bid
        or best_qty(books, v, 0) != bid_qty
        or best_px(books, v, 1) != ask
        or best_qty(books, v, 1) != ask_qty
    ):
        flags |= TOUCH
    if _crossed(row):
        flags |= CROSSED
    return flags


@njit(cache=True, nogil=True)
def load_entries(books: Books, v: int, entries: Entries, count: int, now_ns: int) -> int:
    """Replace slot v's levels by a snapshot's, in any order: flags as apply_entries.

    A price that a side holds twice is an ANOMALY. Only the best CAP levels are kept. Trades in a snapshot
    have no time of their own, and are ignored.
    """
    clear(books, v)
    row = books[v]
    index = np.empty(count, np.int64)
    keys = np.empty(count, np.int64)
    for side in range(2):
        sign = 1 if side == 0 else -1
        m = 0
        rising, falling = True, True
        for i in range(count):
            if entries[i].kind != side:
                continue
            index[m] = i
            keys[m] = sign * entries[i].px
            if m > 0:
                rising = rising and keys[m] > keys[m - 1]
                falling = falling and keys[m] < keys[m - 1]
            m += 1
        if falling:  # best first, as venues send them
            order = index[:m][::-1].copy()
        elif rising:
            order = index[:m].copy()
        else:
            order = index[:m][np.argsort(keys[:m], kind="mergesort")]
        start = max(0, m - CAP)
        for k in range(start, m):
            entry = entries[order[k]]
            if k > start and row.px[side, k - start - 1] == entry.px:
                return ANOMALY | (int(order[k]) << 8)
            row.px[side, k - start] = entry.px
            row.qty[side, k - start] = entry.qty
            row.n[side] = k - start + 1
        row.dropped[side] = start
    row.entries += count
    row.messages += 1
    row.last_update_ns = now_ns
    if _crossed(row):
        return TOUCH | CROSSED
    return TOUCH


def warm() -> None:
    """Compile the kernels that Python calls, with the types of real use."""
    books, usable, entries = new_books(), np.zeros(V_MAX, np.bool_), np.zeros(1, ENTRY)
    px, qty = np.zeros((2, 1), np.int64), np.zeros((2, 1), np.int64)
    clear(books, 0)
    top(books, 0, 1, px, qty)
    cbbo(books, usable)
    sweep_cost(books, 0, BID, 0, 0)
    sweep_all(books, usable, BID, 0, 0)
    apply_entries(books, 0, entries, 0, 0)
    load_entries(books, 0, entries, 0, 0)
