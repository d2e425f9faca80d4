"""Kernels: price-time priority. The best price is met first and, at one price, the order that came first.

A participant's order trades on its own venue. A recorded taker sweeps all venues as if they were one book
(price, then arrival over all of them), because that is what its history was; see replay.py. What is refused
is refused before anything changes.
"""

from __future__ import annotations

from fixsim.matching.kernel import kernel
from fixsim.matching.layout import SPARE, Code, Core, S
from fixsim.matching.levels import best_level, better, has_room, overflow_below, window_below
from fixsim.matching.resting import reduce, remove, rest, slot_of
from fixsim.matching.terms import Kind

_FREE, _FILLS, _TRADES = int(S.FREE), int(S.FILLS), int(S.TRADES)
_OWN, _OWN_MAX = int(S.OWN), int(S.OWN_MAX)
_MATCHES, _FUNDS = int(S.MATCHES), int(S.FUNDS)
_LIMIT, _MARKET, _FOK = int(Kind.LIMIT), int(Kind.MARKET), int(Kind.FOK)
_OK, _ORDERS_FULL, _LEVELS_FULL = int(Code.OK), int(Code.ORDERS_FULL), int(Code.LEVELS_FULL)
_OWN_FULL, _FILLS_FULL = int(Code.OWN_FULL), int(Code.FILLS_FULL)
_UNKNOWN, _DUPLICATE = int(Code.UNKNOWN), int(Code.DUPLICATE)


@kernel
def room(core: Core, first: int, last: int, home: int, key: int, sign: int, px: int, rests: bool) -> int:
    """Whether what an order could cause fits: fills with every order opposite, its own place in the book."""
    side = 1 if sign < 0 else 0
    opposite = 0
    for venue in range(first, last):
        opposite += core.books[2 * venue + 1 - side].live
    if core.fills.shape[0] - core.state[_FILLS] < opposite:
        return _FILLS_FULL
    if rests:
        if core.state[_FREE] == 0:
            return _ORDERS_FULL
        if key < 0 and core.state[_OWN] >= core.state[_OWN_MAX]:
            return _OWN_FULL
        if not has_room(core, 2 * home + side, px):
            return _LEVELS_FULL
    return _OK


@kernel
def sweep(core: Core, first: int, last: int, key: int, sign: int, limit: int, qty: int, now_ns: int) -> int:
    """Trade against venues first to last - 1 while the price allows; what is left of `qty`.

    `limit` is sign * px, SPARE for none. With state[FUNDS] at 0 or more the order also ends when what is left
    of the funds (half ticks x lots) does not buy one lot at the best price.
    """
    by_funds = core.state[_FUNDS] >= 0
    side = 1 if sign > 0 else 0
    while qty > 0:
        maker, best, arrival, venue = -1, 0, 0, -1
        for v in range(first, last):
            number = best_level(core, 2 * v + side)
            if number < 0:
                continue
            head = core.levels[number].head
            price = -sign * core.levels[number].px
            if maker < 0 or price > best or (price == best and core.orders[head].arrival < arrival):
                maker, best, arrival, venue = head, price, core.orders[head].arrival, v
        if maker < 0 or -best > limit:
            break
        order = core.orders[maker]
        lots = min(qty, order.leaves)
        if by_funds:
            lots = min(lots, core.state[_FUNDS] // order.px)
            if lots == 0:
                break
            core.state[_FUNDS] -= lots * order.px
        qty -= lots
        at = core.state[_FILLS]
        fill = core.fills[at]
        fill.time_ns, fill.venue, fill.px, fill.qty, fill.aggressor_sign = now_ns, venue, order.px, lots, sign
        fill.maker_key, fill.maker_leaves, fill.maker_is_ours = order.key, order.leaves - lots, order.key < 0
        fill.taker_key, fill.taker_leaves, fill.taker_is_ours = key, (-1 if by_funds else qty), key < 0
        core.state[_FILLS] = at + 1
        trade = core.trades[core.state[_TRADES] % core.trades.shape[0]]
        trade.time_ns, trade.venue, trade.px, trade.qty = now_ns, venue, order.px, lots
        trade.aggressor_sign = sign
        core.state[_TRADES] += 1
        core.state[_MATCHES] += 1
        reduce(core, maker, lots)
    return qty


@kernel
def available(core: Core, book: int, sign: int, limit: int, enough: int) -> int:
    """Lots a taker of `sign` could have from `book` within its limit, counted up to `enough`."""
    total = 0
    offset = core.books[book].window_best
    at = overflow_below(core, book, core.books[book].over)
    while total < enough:
        number = better(core, book, offset, at)
        if number < 0 or sign * core.levels[number].px > limit:
            break
        total += core.levels[number].qty
        if at >= 0 and core.over_level[book, at] == number:
            at = overflow_below(core, book, at)
        else:
            offset = window_below(core, book, offset)
    return total


@kernel
def submit(
    core: Core, venue: int, key: int, sign: int, px: int, qty: int, kind: int, now_ns: int
) -> tuple[int, int]:
    """A participant's new order: (code, lots left unfilled). Only a LIMIT's leaves rest."""
    if slot_of(core, key) >= 0:
        return _DUPLICATE, qty
    code = room(core, venue, venue + 1, venue, key, sign, px, kind == _LIMIT)
    if code != _OK:
        return code, qty
    limit = SPARE if kind == _MARKET else sign * px
    asks = 1 if sign > 0 else 0
    if kind == _FOK and available(core, 2 * venue + asks, sign, limit, qty) < qty:
        return _OK, qty
    core.state[_FUNDS] = -1
    left = sweep(core, venue, venue + 1, key, sign, limit, qty, now_ns)
    if left > 0 and kind == _LIMIT:
        rest(core, 2 * venue + 1 - asks, key, px, left)
    return _OK, left


@kernel
def cancel(core: Core, key: int) -> int:
    """Remove an order; the lots that were left of it, 0 if it does not rest."""
    slot = slot_of(core, key)
    if slot < 0:
        return 0
    left = int(core.orders[slot].leaves + core.orders[slot].reserve)
    remove(core, slot)
    return left


@kernel
def replace(core: Core, key: int, px: int, qty: int, now_ns: int) -> tuple[int, int]:
    """Give a resting order a new price and a new leaves quantity: (code, lots left).

    Less quantity at the same price keeps its place in the queue; more quantity or another price loses it, and
    the order may trade at once.
    """
    slot = slot_of(core, key)
    if slot < 0:
        return _UNKNOWN, 0
    order = core.orders[slot]
    if px == order.px and qty <= order.leaves:
        if qty < order.leaves:
            reduce(core, slot, order.leaves - qty)
        return _OK, qty
    book = order.book
    venue, sign = book >> 1, 1 - 2 * (book & 1)
    opposite = core.books[book ^ 1].live
    if core.fills.shape[0] - core.state[_FILLS] < opposite:
        return _FILLS_FULL, 0
    if not has_room(core, book, px):
        return _LEVELS_FULL, 0
    reduce(core, slot, order.leaves)
    core.state[_FUNDS] = -1
    left = sweep(core, venue, venue + 1, key, sign, sign * px, qty, now_ns)
    if left > 0:
        rest(core, book, key, px, left)
    return _OK, left
