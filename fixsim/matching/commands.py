"""Kernels: the batch door. Every command of a batch in one call, each with its result.

A replace that loses its place enters as a new order with the terms it had, once it is known to fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.checks import on_tick
from fixsim.matching.crossing import settle
from fixsim.matching.entry import enter, new, own
from fixsim.matching.kernel import aside, kernel, part
from fixsim.matching.layout import MAX_PX, ZERO, Code, Core, Flag, Records, S
from fixsim.matching.levels import has_room
from fixsim.matching.resting import cut_reserve, reduce, remove, rest, slot_of
from fixsim.matching.terms import Kind, Op, Phase, Reason
from fixsim.matching.trading import aftermath_fits, crosses, fills_fit, note, sweep

_DIMS, _SHUT, _BANDS, _FUNDS = int(S.DIMS), int(S.SHUT), int(S.BANDS), int(S.FUNDS)
_MAX_QTY, _NOW, _OWN, _NOTES = int(S.MAX_QTY), int(S.NOW), int(S.OWN), int(S.NOTES)
_NEW, _CANCEL, _REPLACE, _MASS_CANCEL = int(Op.NEW), int(Op.CANCEL), int(Op.REPLACE), int(Op.MASS_CANCEL)
_LIMIT, _MARKET = int(Kind.LIMIT), int(Kind.MARKET)
_HALTED = int(Phase.HALTED)
_TERMS, _DIM, _PEGGED = int(Flag.TERMS), int(Flag.DIM), int(Flag.PEGGED)
_AT_MARKET, _POST_ONLY = int(Flag.AT_MARKET), int(Flag.POST_ONLY)
_REASON = int(Reason.MASS_CANCEL)
_OK, _UNKNOWN, _PHASE, _OFF_TICK = int(Code.OK), int(Code.UNKNOWN), int(Code.PHASE), int(Code.OFF_TICK)
_FILLS_FULL, _LEVELS_FULL, _NOTES_FULL = int(Code.FILLS_FULL), int(Code.LEVELS_FULL), int(Code.NOTES_FULL)
_BAD_KEY, _BAD_PX, _BAD_QTY, _BAD_TERMS = (
    int(Code.BAD_KEY),
    int(Code.BAD_PX),
    int(Code.BAD_QTY),
    int(Code.BAD_TERMS),
)


@kernel
def run(core: Core, commands: Records, results: Records) -> None:
    """Carry out COMMAND records in order; RESULT `i` is what became of command `i`."""
    for i in range(commands.shape[0]):
        c, result = commands[i], results[i]
        result.filled, result.leaves, result.cancelled, result.count = 0, 0, 0, 0
        if c.op == _NEW:
            result.code = new(core, c, result)
        elif c.op == _CANCEL:
            result.code = cancel(core, c, result)
        elif c.op == _REPLACE:
            result.code = replace(core, c, result)
        elif c.op == _MASS_CANCEL:
            result.code = mass_cancel(core, c, result)
        else:
            result.code = _BAD_TERMS
        if result.code == _OK:
            core.state[_NOW] = c.time_ns


@part
def cancel(core: Core, c: Any, result: Any) -> int:
    """A CANCEL command: a code; the lots that were left go to `result`."""
    if c.key >= 0:
        return _BAD_KEY
    slot = slot_of(core, c.key)
    if slot < 0:
        return _UNKNOWN
    dims = core.state[_DIMS] > 0
    if dims:
        code = aftermath_fits(core, 0)
        if code != _OK:
            return code
    result.cancelled = core.orders[slot].leaves + core.orders[slot].reserve
    remove(core, slot)
    if dims:
        settle(core, c.time_ns)
    return _OK


@kernel
def cancel_all(core: Core, keys: NDArray[np.int64], lots: NDArray[np.int64], now_ns: int) -> int:
    """Remove the orders of participants' `keys`, and only then let others trade: a code.

    `lots` is what was left of each, 0 if it no longer rests.
    """
    dims = core.state[_DIMS] > 0
    if dims:
        code = aftermath_fits(core, 0)
        if code != _OK:
            return code
    for i in range(keys.shape[0]):
        slot = slot_of(core, keys[i])
        lots[i] = 0
        if slot >= 0:
            lots[i] = core.orders[slot].leaves + core.orders[slot].reserve
            remove(core, slot)
    if dims:
        settle(core, now_ns)
    core.state[_NOW] = now_ns
    return _OK


@part
def replace(core: Core, c: Any, result: Any) -> int:
    """A REPLACE command: a code; quantities go to `result`.

    Less quantity at the same price keeps its place in the queue; more quantity or another price loses it, and
    the order may trade at once.
    """
    if c.key >= 0:
        return _BAD_KEY
    slot = slot_of(core, c.key)
    if slot < 0:
        return _UNKNOWN
    order = core.orders[slot]
    code = _sound(core, c, order.flags)
    if code != _OK:
        return code
    book = int(np.int64(order.book))
    if core.venues[book >> 1].phase >= _HALTED:
        return _PHASE
    state = core.state[_DIMS] | core.state[_SHUT] | core.state[_BANDS]
    if (state | (order.flags & ~_TERMS) | order.group) != 0:
        return _replace_special(core, c, result, slot)
    if c.px == order.px and c.qty <= order.leaves:
        if c.qty < order.leaves:
            reduce(core, slot, order.leaves - c.qty)
        result.leaves = c.qty
        return _OK
    venue, sign = book >> 1, 1 - 2 * (book & 1)
    takes = crosses(core, venue, venue + 1, sign, sign * c.px)
    if takes and not fills_fit(core, venue, venue + 1, sign):
        return _FILLS_FULL
    if not has_room(core, book, c.px):
        return _LEVELS_FULL
    owner = core.terms[slot].owner if order.flags != 0 else ZERO
    remove(core, slot)
    left = c.qty
    if takes:
        core.state[_FUNDS] = -1
        left = sweep(core, venue, venue + 1, c.key, sign, sign * c.px, left, c.time_ns)
    if left > 0:
        slot = rest(core, book, c.key, c.px, left)
        if owner != 0:
            own(core, slot, owner)
    result.filled, result.leaves = c.qty - left, left
    return _OK


@part
def _sound(core: Core, c: Any, flags: int) -> int:
    if not 0 < c.qty <= core.state[_MAX_QTY]:
        return _BAD_QTY
    if flags & _AT_MARKET:
        return _BAD_PX if c.px != 0 else _OK
    if c.px < 0 or c.px > MAX_PX or (c.px == 0 and not flags & _PEGGED):
        return _BAD_PX
    return _OK if on_tick(core, c.px) else _OFF_TICK


@aside
def _replace_special(core: Core, c: Any, result: Any, slot: int) -> int:
    order = core.orders[slot]
    total = order.leaves + order.reserve
    if c.px == order.px and c.qty <= total:
        dims = core.state[_DIMS] > 0
        if dims:
            code = aftermath_fits(core, 0)
            if code != _OK:
                return code
        cut = min(total - c.qty, order.reserve)
        cut_reserve(core, slot, cut)
        if order.leaves + order.reserve > c.qty:
            reduce(core, slot, order.leaves + order.reserve - c.qty)
        result.leaves = c.qty
        if dims:
            settle(core, c.time_ns)
        return _OK
    again = core.again[0]
    again.time_ns, again.key, again.px, again.qty = c.time_ns, c.key, c.px, c.qty
    again.venue, again.sign = order.book >> 1, 1 - 2 * (order.book & 1)
    again.kind = _MARKET if order.flags & _AT_MARKET else _LIMIT
    again.post_only = order.flags & _POST_ONLY != 0
    again.hidden = order.flags & _DIM != 0
    again.owner, again.display_qty, again.min_qty, again.group = 0, 0, 0, order.group
    again.peg, again.self_match = 0, 0
    if order.flags & _TERMS:
        terms = core.terms[slot]
        again.owner, again.display_qty, again.min_qty = terms.owner, terms.display_qty, terms.min_qty
        again.peg, again.self_match = terms.peg, terms.self_match
    return enter(core, again, result, slot)


@aside
def mass_cancel(core: Core, c: Any, result: Any) -> int:
    """A MASS_CANCEL command: a code. The orders go to core.gathered, the newest last, and to the notes."""
    if core.notes.shape[0] - core.state[_NOTES] < core.state[_OWN]:
        return _NOTES_FULL
    dims = core.state[_DIMS] > 0
    if dims:
        code = aftermath_fits(core, 0)
        if code != _OK:
            return code
    n = _gather(core, c.owner, c.venue, c.sign)
    _sort(core, n)
    for i in range(n):
        row = core.gathered[i]
        slot = slot_of(core, row.key)
        note(core, row.key, row.leaves, core.orders[slot].book >> 1, _REASON, c.time_ns)
        result.cancelled += row.leaves
        remove(core, slot)
    result.count = n
    if dims:
        settle(core, c.time_ns)
    return _OK


@part
def _gather(core: Core, owner: int, venue: int, sign: int) -> int:
    """Write key and leaves of an owner's orders to core.gathered; how many. Venue -1 and sign 0: all."""
    n = 0
    for at in range(core.own_key.shape[0]):
        if core.own_key[at] == 0:
            continue
        slot = core.own_slot[at]
        order = core.orders[slot]
        whose = core.terms[slot].owner if order.flags & _TERMS else 0
        here = venue < 0 or order.book >> 1 == venue
        if whose == owner and here and (sign == 0 or sign == 1 - 2 * (order.book & 1)):
            core.gathered[n].key = core.own_key[at]
            core.gathered[n].leaves = order.leaves + order.reserve
            n += 1
    return n


@part
def _sort(core: Core, n: int) -> None:
    """Heapsort of the first `n` of core.gathered, keys descending: participants count theirs downwards."""
    for start in range(n // 2 - 1, -1, -1):
        _sift(core, start, n)
    for end in range(n - 1, 0, -1):
        _swap(core, 0, end)
        _sift(core, 0, end)


@part
def _sift(core: Core, root: int, end: int) -> None:
    """Restore the heap whose smallest key is its root."""
    while 2 * root + 1 < end:
        child = 2 * root + 1
        if child + 1 < end and core.gathered[child + 1].key < core.gathered[child].key:
            child += 1
        if core.gathered[root].key <= core.gathered[child].key:
            return
        _swap(core, root, child)
        root = child


@part
def _swap(core: Core, i: int, j: int) -> None:
    a, b = core.gathered[i], core.gathered[j]
    key, leaves = a.key, a.leaves
    a.key, a.leaves = b.key, b.leaves
    b.key, b.leaves = key, leaves
