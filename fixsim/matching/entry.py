"""Kernels: a participant's new order. Most are plain and take the short way, the rest goes by the rule book.

Both doors come in here: Market.submit with one COMMAND, Market.run with a batch. What is refused is refused
before anything changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fixsim.matching.available import available, could_take
from fixsim.matching.checks import fair, in_pieces, open_to, sound
from fixsim.matching.crossing import settle
from fixsim.matching.dim import peg_px, take_reference
from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import NO_SLOT, REFILLS_SHARE, SPARE, Code, Core, Flag, S
from fixsim.matching.levels import has_room
from fixsim.matching.resting import conceal, join, pieces, remove, rest, take_slot
from fixsim.matching.terms import Kind, Phase, Reason
from fixsim.matching.trading import aftermath_fits, crosses, fills_fit, match, note, place_fits, sweep

_FREE, _OWN, _OWN_MAX, _NOTES = int(S.FREE), int(S.OWN), int(S.OWN_MAX), int(S.NOTES)
_DIMS, _SHUT, _BANDS, _FUNDS = int(S.DIMS), int(S.SHUT), int(S.BANDS), int(S.FUNDS)
_LIMIT, _MARKET, _FOK = int(Kind.LIMIT), int(Kind.MARKET), int(Kind.FOK)
_AUCTION = int(Phase.AUCTION)
_TERMS, _DIM, _ICEBERG, _MIN = int(Flag.TERMS), int(Flag.DIM), int(Flag.ICEBERG), int(Flag.MIN)
_PEGGED, _AT_MARKET, _POST_ONLY = int(Flag.PEGGED), int(Flag.AT_MARKET), int(Flag.POST_ONLY)
_REFILLS, _REFILLS_FULL = int(S.REFILLS), int(Code.REFILLS_FULL)
_DISPLAY, _SELF_MATCH = int(Flag.DISPLAY), int(Reason.SELF_MATCH)
_OK, _ORDERS_FULL, _OWN_FULL = int(Code.OK), int(Code.ORDERS_FULL), int(Code.OWN_FULL)
_LEVELS_FULL, _FILLS_FULL, _NOTES_FULL = int(Code.LEVELS_FULL), int(Code.FILLS_FULL), int(Code.NOTES_FULL)
_WOULD_TAKE, _OUT_OF_BAND = int(Code.WOULD_TAKE), int(Code.OUT_OF_BAND)


@part
def new(core: Core, c: Any, result: Any) -> int:
    """A NEW command: a code; quantities go to `result`."""
    code = sound(core, c)
    if code != _OK:
        return code
    special = c.display_qty | c.min_qty | c.group | c.peg | c.self_match
    state = core.state[_DIMS] | core.state[_SHUT] | core.state[_BANDS]
    if (special | state) != 0 or c.hidden or c.post_only or c.kind == _FOK:
        code = fair(c)
        return code if code != _OK else enter(core, c, result, NO_SLOT)
    venue, sign = int(np.int64(c.venue)), int(np.int64(c.sign))
    limit = SPARE if c.kind == _MARKET else sign * c.px
    takes = crosses(core, venue, venue + 1, sign, limit)
    if takes and not fills_fit(core, venue, venue + 1, sign):
        return _FILLS_FULL
    if c.kind == _LIMIT:
        code = place_fits(core, venue, c.key, sign, c.px)
        if code != _OK:
            return code
    left = c.qty
    if takes:
        core.state[_FUNDS] = -1
        left = sweep(core, venue, venue + 1, c.key, sign, limit, left, c.time_ns)
    result.filled = c.qty - left
    if left > 0 and c.kind == _LIMIT:
        slot = rest(core, 2 * venue + (1 if sign < 0 else 0), c.key, c.px, left)
        if c.owner != 0:
            own(core, slot, c.owner)
        result.leaves = left
    else:
        result.cancelled = left
    return _OK


@part
def own(core: Core, slot: int, owner: int) -> None:
    """A plain order whose owner can be named by a mass cancel."""
    core.orders[slot].flags = _TERMS
    terms = core.terms[slot]
    terms.owner, terms.display_qty, terms.min_qty, terms.peg, terms.self_match = owner, 0, 0, 0, 0


@aside
def enter(core: Core, c: Any, result: Any, old: int) -> int:
    """An order of any kind and terms, in any phase: a code. `old` is the slot that it replaces, or -1."""
    code = open_to(core, c)
    if code == _OK:
        code = in_pieces(c)
    if code != _OK:
        return code
    venue, sign, qty = int(np.int64(c.venue)), int(np.int64(c.sign)), c.qty
    auction = core.venues[venue].phase == _AUCTION
    dim = c.hidden or c.peg != 0 or (auction and c.kind == _MARKET)
    rests = c.kind == _LIMIT or dim
    if c.peg != 0 or core.state[_DIMS] > 0:
        take_reference(core)
    limit = _limit(core, c)
    code, meets = _banded(core, c, limit)
    if code != _OK:
        return code
    if core.venues[venue].high_px > 0:
        limit = min(limit, core.venues[venue].high_px if sign > 0 else -core.venues[venue].low_px)
    meets = meets and not auction and limit > -SPARE
    code = _fits(core, c, rests, dim, old)
    if code != _OK:
        return code
    if c.post_only and could_take(core, venue, sign, limit, qty):
        return _WOULD_TAKE
    if old >= 0:
        remove(core, old)
    group, mode = int(np.int64(c.group)), int(np.int64(c.self_match))
    need = qty if c.kind == _FOK else min(c.min_qty, qty)
    if meets and need > 0:
        meets = available(core, venue, sign, limit, need, group, mode) >= need
    left, stopped = qty, False
    if meets:
        core.state[_FUNDS] = -1
        left, stopped = match(core, venue, venue + 1, c.key, sign, limit, qty, c.time_ns, group, mode)
    result.filled = qty - left
    if stopped:
        note(core, c.key, left, venue, _SELF_MATCH, c.time_ns)
    if rests and left > 0 and not stopped:
        _stay(core, c, left, dim)
        result.leaves = left
    else:
        result.cancelled = left
    if core.state[_DIMS] > 0:
        settle(core, c.time_ns)
    return _OK


@part
def _limit(core: Core, c: Any) -> int:
    """How far it may trade, as sign * px; SPARE for no bound, -SPARE for a peg that waits."""
    if c.kind == _MARKET:
        return SPARE
    if c.peg == 0:
        return int(c.sign * c.px)
    px = peg_px(core, c.peg, c.sign, c.px)
    return int(c.sign * px) if px > 0 else -SPARE


@part
def _banded(core: Core, c: Any, limit: int) -> tuple[int, bool]:
    """A code, and whether the price bands let it trade now."""
    bands = core.venues[c.venue]
    if bands.high_px == 0:
        return _OK, True
    if c.kind != _MARKET and c.px > 0 and (c.px > bands.high_px if c.sign > 0 else c.px < bands.low_px):
        return _OUT_OF_BAND, False
    number = core.books[2 * c.venue + (1 if c.sign > 0 else 0)].best
    if number < 0:
        return _OK, True
    px = core.levels[number].px
    beyond = px < bands.low_px if c.sign > 0 else px > bands.high_px
    if not beyond:
        return _OK, True
    # It would rest across a displayed price that it must not trade at.
    crossed = c.kind == _LIMIT and c.peg == 0 and bands.phase == 0 and c.sign * px <= limit
    return (_OUT_OF_BAND if crossed else _OK), False


@part
def _fits(core: Core, c: Any, rests: bool, dim: bool, old: int) -> int:
    """Whether what it could cause can be kept and recorded."""
    if rests and old < 0:
        if core.state[_FREE] == 0:
            return _ORDERS_FULL
        if core.state[_OWN] >= core.state[_OWN_MAX]:
            return _OWN_FULL
    if rests and not dim and not has_room(core, 2 * c.venue + (1 if c.sign < 0 else 0), c.px):
        return _LEVELS_FULL
    if c.display_qty > 0 and not _refills_fit(core, c, old):
        return _REFILLS_FULL
    if dim or core.state[_DIMS] > 0:
        own = 1 + (pieces(c.qty, c.display_qty) if c.display_qty > 0 else 0)
        return aftermath_fits(core, own)
    if not fills_fit(core, c.venue, c.venue + 1, c.sign):
        return _FILLS_FULL
    if c.self_match != 0 and core.notes.shape[0] - core.state[_NOTES] <= core.state[_OWN]:
        return _NOTES_FULL
    return _OK


@aside
def _refills_fit(core: Core, c: Any, old: int) -> bool:
    """Whether icebergs leave most of the fills to whoever takes, a recorded order above all."""
    most = core.state[_REFILLS]
    if old >= 0 and core.orders[old].reserve > 0:
        most -= pieces(core.orders[old].reserve, core.terms[old].display_qty)
    if c.qty > c.display_qty:
        most += pieces(c.qty - c.display_qty, c.display_qty)
    return bool(most <= core.fills.shape[0] // REFILLS_SHARE)


@part
def _stay(core: Core, c: Any, left: int, dim: bool) -> None:
    """It rests, with all that it carries."""
    shown = min(left, c.display_qty) if c.display_qty > 0 else left
    px = 0 if c.kind == _MARKET else c.px
    slot = take_slot(core, 2 * c.venue + (1 if c.sign < 0 else 0), c.key, px, shown)
    order, terms = core.orders[slot], core.terms[slot]
    order.group = c.group
    order.flags = _TERMS | (_DIM if dim else 0) | (_MIN if c.min_qty > 0 else 0)
    order.flags |= (_PEGGED if c.peg != 0 else 0) | (_POST_ONLY if c.post_only else 0)
    order.flags |= (_AT_MARKET if c.kind == _MARKET else 0) | (_DISPLAY if c.display_qty > 0 else 0)
    terms.owner, terms.display_qty, terms.min_qty = c.owner, c.display_qty, c.min_qty
    terms.peg, terms.self_match = c.peg, c.self_match
    if shown < left:
        order.flags |= _ICEBERG
        order.reserve = left - shown
        more = pieces(left - shown, c.display_qty)
        core.books[order.book].pieces += more
        core.state[_REFILLS] += more
    if dim:
        conceal(core, slot)
    else:
        join(core, slot)
