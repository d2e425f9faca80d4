"""Kernels: by how much participants' trading moves the prices of recorded orders that arrive later.

The response is transient and concave (Alfonsi and Schied 2010, general form): Q is participants' signed
volume, each lot of it decaying exponentially, and the power acts on the decayed sum,

    I = scale · sign(Q) · (|Q| / volume) ^ beta.

After net buying (Q > 0) recorded sells that arrive are moved up by I. Recorded buys are moved up too, but by
no more than participants can pay for: what they paid in shifts for the lots that they hold, spread over
those lots or, if that is more, over all that could be sold to buys so moved (displayed within I of the best
bid, and the order that arrives). After net selling the same downwards. The takers of a partial tape's
executions, which act on prices rather than make them, move like the side that moves less.

Without the bound a round trip pays: what is bought at once is bought before prices move, and sold after; and
where the bound forgets depth, a little is bought dearly and much sold. With it, shifts give back on the way
out of a position at most what they took on the way in (the tests of round trips hold pathwise where history
stands still). Shifts are whole ticks. Fills are taken in from the market's own record of them, before
anything else arrives; trades between participants and auctions' leave nothing.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from fixsim.matching.anchors import next_level
from fixsim.matching.kernel import aside, cold, part
from fixsim.matching.layout import NOTHING, Core, S

_ON, _FILLS, _ABSORBED = int(S.IMPACT), int(S.FILLS), int(S.ABSORBED)


class R(IntEnum):
    """Places in `Core.impact`."""

    SCALE = 0
    VOLUME = 1
    BETA = 2
    RATE = 3  # of the decay, per ns
    FLOW = 4  # Q at FLOW_NS, lots
    FLOW_NS = 5
    HELD = 6  # participants' position since the market began, lots
    PAID = 7  # half ticks x lots of shift paid for it
    SIZE = 8


class Response(NamedTuple):
    """How prices answer to participants' volume; see fixsim.impact for where the figures come from."""

    scale_px: float
    """Half ticks of shift at |Q| = volume_lots: Y times the volatility of the period of that volume."""
    volume_lots: float
    beta: float
    half_life_ns: float
    """After which a lot counts half in Q."""


_SCALE, _VOLUME, _BETA, _RATE = int(R.SCALE), int(R.VOLUME), int(R.BETA), int(R.RATE)
_FLOW, _FLOW_NS, _HELD, _PAID = int(R.FLOW), int(R.FLOW_NS), int(R.HELD), int(R.PAID)


def engage(core: Core, response: Response) -> Core:
    """The same arrays, in which participants' volume moves prices from now on. Nobody may hold the old."""
    for name, value in response._asdict().items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"Response.{name} {value} is not positive")
    made = core._replace(impact=np.zeros(R.SIZE), shifts=np.zeros(core.recorded.shape[0], np.int32))
    made.impact[[R.SCALE, R.VOLUME, R.BETA]] = response.scale_px, response.volume_lots, response.beta
    made.impact[R.RATE] = math.log(2) / response.half_life_ns
    made.state[S.IMPACT] = 1
    return made


@part
def _flow(core: Core, now_ns: int) -> float:
    """Q at a time."""
    elapsed = max(0.0, now_ns - core.impact[_FLOW_NS])
    return float(core.impact[_FLOW] * math.exp(-elapsed * core.impact[_RATE]))


@part
def _traded(core: Core, sign: int, lots: int, shift: int, now_ns: int) -> None:
    """Participants traded `lots` at a price that was shifted by `shift`."""
    core.impact[_FLOW] = _flow(core, now_ns) + sign * lots
    core.impact[_FLOW_NS] = max(core.impact[_FLOW_NS], float(now_ns))
    held = core.impact[_HELD]
    if held * sign < 0:
        closed = min(float(lots), abs(held))
        core.impact[_PAID] *= 1 - closed / abs(held)
        core.impact[_HELD] += sign * closed
        lots -= int(closed)
    core.impact[_HELD] += sign * lots
    core.impact[_PAID] += sign * lots * shift


@cold
def absorb(core: Core) -> None:
    """Take in the fills recorded since the last time."""
    for at in range(core.state[_ABSORBED], core.state[_FILLS]):
        fill = core.fills[at]
        if fill.maker_is_ours == fill.taker_is_ours or fill.aggressor_sign == 0:
            continue
        if fill.taker_is_ours:
            shift = core.shifts[fill.maker_key]
            _traded(core, fill.aggressor_sign, fill.qty, shift, fill.time_ns)
        else:
            _traded(core, -fill.aggressor_sign, fill.qty, 0, fill.time_ns)
    core.state[_ABSORBED] = core.state[_FILLS]


@part
def _reachable(core: Core, sign: int, size: float) -> int:
    """Lots displayed on a side no further than `size` half ticks from its best price, at all venues."""
    side, best = 1 if sign < 0 else 0, NOTHING
    for book in range(side, core.books.shape[0], 2):
        best = max(best, core.books[book].best_key)
    total = 0
    for book in range(side, core.books.shape[0], 2):
        number = core.books[book].best
        while number >= 0 and sign * core.levels[number].px >= best - size:
            total += core.levels[number].qty
            number = next_level(core, book, sign * core.levels[number].px)
    return total


@aside
def shift_of(core: Core, sign: int, lots: int, now_ns: int) -> int:
    """Half ticks, even, by which the price of a recorded order of this side moves that arrives to rest."""
    if core.state[_ABSORBED] < core.state[_FILLS]:
        absorb(core)
    flow, held = _flow(core, now_ns), core.impact[_HELD]
    if flow == 0:
        return 0
    size = core.impact[_SCALE] * math.pow(abs(flow) / core.impact[_VOLUME], core.impact[_BETA])
    ticks = 0
    if flow * sign < 0:
        ticks = math.floor(size / 2 + 0.5)
    elif flow * held > 0 and core.impact[_PAID] >= 2 * abs(held):
        over = max(abs(held), float(lots + _reachable(core, sign, size)))
        ticks = math.floor(min(size, core.impact[_PAID] / over) / 2)
    return int(2 * ticks) if flow > 0 else int(-2 * ticks)


@aside
def taker_shift(core: Core, lots: int, now_ns: int) -> int:
    """The same for the limit of a recorded taker, of either side."""
    if core.state[_ABSORBED] < core.state[_FILLS]:
        absorb(core)
    return shift_of(core, 1 if core.impact[_FLOW] > 0 else -1, lots, now_ns)


@part
def answered(core: Core) -> bool:
    """Whether prices may have moved: participants have traded."""
    return bool(core.state[_ON] != 0 and core.impact[_FLOW] != 0)


@part
def moved(core: Core, key: int, px: int, shift: int) -> int:
    """The price at which a recorded order stands, on the same half of a tick and above 0; kept by its key."""
    to = max(px + shift, 2 - (px & 1))
    core.shifts[key] = to - px
    return int(to)
