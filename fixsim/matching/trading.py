"""Kernels: who trades with whom. The best price is met first and, at one price, the order that came first.

A participant's order trades on its own venue. A recorded taker sweeps all venues as if they were one book
(price, then arrival over all of them), because that is what its history was; see replay.py. Venues that are
not in CONTINUOUS are passed by. What does not fit is refused before anything changes.
"""

from __future__ import annotations

from fixsim.matching.dim import best_dim, dim_px
from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import NO_FUNDS, NO_SLOT, NOTHING, WORST, ZERO, Code, Core, Flag, S
from fixsim.matching.levels import has_room
from fixsim.matching.resting import reduce, remove, slot_of
from fixsim.matching.terms import FillFlag, Reason, SelfMatch

_FREE, _FILLS, _TRADES = int(S.FREE), int(S.FILLS), int(S.TRADES)
_OWN, _OWN_MAX, _NOTES = int(S.OWN), int(S.OWN_MAX), int(S.NOTES)
_MATCHES, _FUNDS, _ROUND_LOT = int(S.MATCHES), int(S.FUNDS), int(S.ROUND_LOT)
_DIMS, _SHUT = int(S.DIMS), int(S.SHUT)
_DIM = int(Flag.DIM)
_HIDDEN_MAKER, _ODD_LOT = int(FillFlag.HIDDEN_MAKER), int(FillFlag.ODD_LOT)
_SELF_MATCH = int(Reason.SELF_MATCH)
_NEWEST, _OLDEST = int(SelfMatch.NEWEST), int(SelfMatch.OLDEST)
_OK, _ORDERS_FULL, _LEVELS_FULL = int(Code.OK), int(Code.ORDERS_FULL), int(Code.LEVELS_FULL)
_OWN_FULL, _FILLS_FULL, _NOTES_FULL = int(Code.OWN_FULL), int(Code.FILLS_FULL), int(Code.NOTES_FULL)


@part
def crosses(core: Core, first: int, last: int, sign: int, limit: int) -> bool:
    """Whether a limit (sign * px, SPARE for none) reaches a displayed order of venues first to last - 1."""
    side = 1 if sign > 0 else 0
    best = NOTHING
    for venue in range(first, last):
        best = max(best, core.books[2 * venue + side].best_key)
    return bool(best >= -limit)


@part
def fills_fit(core: Core, first: int, last: int, sign: int) -> bool:
    """Whether a fill with every order opposite could be recorded."""
    side = 1 if sign > 0 else 0
    most = 0
    for venue in range(first, last):
        most += core.books[2 * venue + side].pieces
    return bool(core.fills.shape[0] - core.state[_FILLS] >= most)


@aside
def aftermath_fits(core: Core, more: int) -> int:
    """Whether what could follow where dim orders rest can be recorded; `more` for the incoming order."""
    most = more
    for book in range(core.books.shape[0]):
        most += core.books[book].pieces
    if core.fills.shape[0] - core.state[_FILLS] < most:
        return _FILLS_FULL
    if core.notes.shape[0] - core.state[_NOTES] <= core.state[_OWN]:
        return _NOTES_FULL
    return _OK


@part
def place_fits(core: Core, home: int, key: int, sign: int, px: int) -> int:
    """Whether a displayed order could rest."""
    if core.state[_FREE] == 0:
        return _ORDERS_FULL
    if key < 0 and core.state[_OWN] >= core.state[_OWN_MAX]:
        return _OWN_FULL
    if not has_room(core, 2 * home + (1 if sign < 0 else 0), px):
        return _LEVELS_FULL
    return _OK


@part
def room(core: Core, first: int, last: int, home: int, key: int, sign: int, px: int, rests: bool) -> int:
    """Whether what an order could cause fits: fills with every order opposite, its own place in the book."""
    if not fills_fit(core, first, last, sign):
        return _FILLS_FULL
    return place_fits(core, home, key, sign, px) if rests else _OK


@part
def record(
    core: Core, maker: int, px: int, lots: int, key: int, leaves: int, sign: int, now_ns: int, flags: int
) -> None:
    """Write the fill of a resting order by the taker `key`, which has `leaves` left, before it is reduced."""
    order = core.orders[maker]
    if order.flags & _DIM:
        flags |= _HIDDEN_MAKER
    if lots < core.state[_ROUND_LOT]:
        flags |= _ODD_LOT
    venue = order.book >> 1
    at = core.state[_FILLS]
    fill = core.fills[at]
    fill.time_ns, fill.venue, fill.px, fill.qty, fill.aggressor_sign = now_ns, venue, px, lots, sign
    fill.maker_key, fill.maker_is_ours = order.key, order.key < 0
    fill.maker_leaves = order.leaves + order.reserve - lots
    fill.taker_key, fill.taker_leaves, fill.taker_is_ours, fill.flags = key, leaves, key < 0, flags
    core.state[_FILLS] = at + 1
    trade = core.trades[core.state[_TRADES] % core.trades.shape[0]]
    trade.time_ns, trade.venue, trade.px, trade.qty, trade.aggressor_sign = now_ns, venue, px, lots, sign
    core.state[_TRADES] += 1
    core.state[_MATCHES] += 1


@aside
def note(core: Core, key: int, lots: int, venue: int, reason: int, now_ns: int) -> None:
    """Write that the market cancelled what was left of an order."""
    at = core.state[_NOTES]
    line = core.notes[at]
    line.time_ns, line.key, line.leaves, line.venue, line.reason = now_ns, key, lots, venue, reason
    line.after_fill = core.state[_FILLS]
    core.state[_NOTES] = at + 1


@aside
def strike(core: Core, slot: int, reason: int, now_ns: int) -> None:
    """The market cancels a resting order."""
    order = core.orders[slot]
    note(core, order.key, order.leaves + order.reserve, order.book >> 1, reason, now_ns)
    remove(core, slot)


@part
def match(
    core: Core,
    first: int,
    last: int,
    key: int,
    sign: int,
    limit: int,
    qty: int,
    now_ns: int,
    group: int,
    mode: int,
) -> tuple[int, bool]:
    """Trade against venues first to last - 1 while the price allows.

    What is left of `qty`, and whether self-match prevention (SelfMatch `mode` within `group`) cancels that.
    `limit` is sign * px, SPARE for none. With state[FUNDS] at 0 or more the order also ends when what is left
    of the funds (half ticks x lots) does not buy one lot at the best price.
    """
    by_funds = core.state[_FUNDS] >= 0
    dims, shut = core.state[_DIMS] > 0, core.state[_SHUT] > 0
    side = ZERO + 1 if sign > 0 else ZERO
    while qty > 0:
        maker, best, arrival = NO_SLOT, WORST, ZERO
        for venue in range(first, last):
            book = core.books[2 * venue + side]
            if book.best_key < best or book.best_key < -limit or (shut and core.venues[venue].phase != 0):
                continue
            head = core.levels[book.best].head
            if maker < 0 or book.best_key > best or core.orders[head].arrival < arrival:
                maker, best, arrival = head, book.best_key, core.orders[head].arrival
        if dims:
            funds = core.state[_FUNDS] if by_funds else NO_FUNDS
            hidden = best_dim(core, first, last, side, -limit, best, qty, funds, key)
            maker = hidden if hidden >= 0 else maker
        if maker < 0:
            break
        order = core.orders[maker]
        if mode != 0 and group != 0 and order.group == group:
            if mode != _NEWEST:
                strike(core, maker, _SELF_MATCH, now_ns)
            if mode != _OLDEST:
                return qty, True
            continue
        px = dim_px(core, maker) if order.flags & _DIM else order.px
        lots = min(qty, order.leaves)
        if by_funds:
            lots = min(lots, core.state[_FUNDS] // px)
            if lots == 0:
                break
            core.state[_FUNDS] -= lots * px
        qty -= lots
        record(core, maker, px, lots, key, NO_FUNDS if by_funds else qty, sign, now_ns, ZERO)
        reduce(core, maker, lots)
    return qty, False


@aside
def sweep(core: Core, first: int, last: int, key: int, sign: int, limit: int, qty: int, now_ns: int) -> int:
    """`match` for an order of no group: what is left of `qty`."""
    left, _ = match(core, first, last, key, sign, limit, qty, now_ns, ZERO, ZERO)
    return left


@part
def cancel(core: Core, key: int) -> int:
    """Remove an order; the lots that were left of it, 0 if it does not rest."""
    slot = slot_of(core, key)
    if slot < 0:
        return 0
    left = int(core.orders[slot].leaves + core.orders[slot].reserve)
    remove(core, slot)
    return left
