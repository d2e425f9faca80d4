"""Kernels: what a market refuses before it looks at the book, as codes. The words for them: refusals.py."""

from __future__ import annotations

from typing import Any

from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import MAX_PIECES, MAX_PX, Code, Core, S
from fixsim.matching.resting import slot_of
from fixsim.matching.terms import Kind, Peg, Phase, SelfMatch

_MAX_QTY = int(S.MAX_QTY)
_LIMIT, _MARKET, _IOC, _FOK = int(Kind.LIMIT), int(Kind.MARKET), int(Kind.IOC), int(Kind.FOK)
_AUCTION = int(Phase.AUCTION)
_PRIMARY, _BOTH = int(Peg.PRIMARY), int(SelfMatch.BOTH)
_OK, _DUPLICATE, _OFF_TICK, _PHASE = int(Code.OK), int(Code.DUPLICATE), int(Code.OFF_TICK), int(Code.PHASE)
_BAD_VENUE, _BAD_KEY, _BAD_SIGN = int(Code.BAD_VENUE), int(Code.BAD_KEY), int(Code.BAD_SIGN)
_BAD_PX, _BAD_QTY, _BAD_TERMS = int(Code.BAD_PX), int(Code.BAD_QTY), int(Code.BAD_TERMS)


@part
def on_tick(core: Core, px: int) -> bool:
    """Whether `px` is a multiple of the step that holds there."""
    row = core.ticks.shape[0] - 1
    while core.ticks[row, 0] > px:
        row -= 1
    return bool(px % core.ticks[row, 1] == 0)


@part
def sound(core: Core, c: Any) -> int:
    """A NEW command's venue, key, side, price and quantity."""
    if not 0 <= c.venue < core.venues.shape[0]:
        return _BAD_VENUE
    if not -(1 << 62) <= c.key < 0:
        return _BAD_KEY
    if c.sign != 1 and c.sign != -1:
        return _BAD_SIGN
    if not 0 < c.qty <= core.state[_MAX_QTY]:
        return _BAD_QTY
    if c.kind < _LIMIT or c.kind > _FOK:
        return _BAD_TERMS
    if c.kind != _MARKET:
        if c.px < 0 or c.px > MAX_PX or (c.px == 0 and c.peg == 0):
            return _BAD_PX
        if not on_tick(core, c.px):
            return _OFF_TICK
    if slot_of(core, c.key) >= 0:
        return _DUPLICATE
    return _OK


@part
def _promises(c: Any) -> bool:
    """Whether it shows less than it is, or bounds a fill, in a way that it can."""
    if c.post_only and (c.kind != _LIMIT or c.peg != 0):
        return False
    dim = c.hidden or c.peg != 0
    if dim and c.kind != _LIMIT:
        return False
    if c.display_qty > 0 and (c.kind != _LIMIT or dim):
        return False
    if c.min_qty > 0 and not (c.kind == _IOC or dim):
        return False
    return bool(c.min_qty <= c.qty)


@aside
def fair(c: Any) -> int:
    """A NEW command's terms: each in range, and no two that exclude each other."""
    ranges = c.display_qty >= 0 and c.min_qty >= 0 and c.group >= 0
    names = 0 <= c.peg <= _PRIMARY and 0 <= c.self_match <= _BOTH
    if not ranges or not names or not _promises(c):
        return _BAD_TERMS
    return _OK


@part
def in_pieces(c: Any) -> int:
    """An iceberg shows enough of itself."""
    return _BAD_TERMS if c.display_qty > 0 and c.qty > c.display_qty * MAX_PIECES else _OK


@part
def open_to(core: Core, c: Any) -> int:
    """Whether the venue's phase takes the order."""
    phase = core.venues[c.venue].phase
    if phase == 0:
        return _OK
    if phase != _AUCTION:
        return _PHASE
    waits = c.kind == _MARKET or (c.kind == _LIMIT and c.peg == 0 and not c.post_only)
    return _OK if waits else _PHASE
