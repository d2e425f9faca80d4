"""A tape's events by level, queue size, side and kind, and the time that queues were of each size.

Level k of the offers holds the prices from k to k + 1 model ticks above p_ref, of the bids below it; a
price on the wrong side of p_ref counts as level 0. A queue's size is its quantity in average event sizes of
its level, rounded up, at most C. Only what is in view counts: a level beyond the recorded window has
neither events nor time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.model import EVENTS, SIDES
from fixsim.flow.queues import Queues
from fixsim.flow.reference_price import NONE
from fixsim.matching.kernel import kernel
from fixsim.tape.frame import Change, LobFrame

_LIMIT, _MARKET = int(Change.LIMIT), int(Change.MARKET)
_CANCEL = int(Change.CANCEL)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was seen."""

    events: NDArray[np.int64]
    """[K, C+1, 2, 3]: by the queue's size before the event; fills of one order at one price are one."""
    exposure_s: NDArray[np.float64]
    """[K, C+1, 2]"""
    lots: NDArray[np.int64]
    """[K, 2]: the events' quantity."""
    hidden_s: NDArray[np.float64]
    """[K, 2]: time in which the level was not wholly in view."""
    beyond: int
    """Events deeper than the last level, or out of view."""

    @property
    def mean_lots(self) -> NDArray[np.float64]:
        """[K]: the average event size, both sides."""
        events = self.events.sum(axis=(1, 2, 3))
        mean: NDArray[np.float64] = self.lots.sum(axis=1) / np.maximum(events, 1)
        return mean


def count(
    frame: LobFrame,
    ref: Queues,
    chosen: NDArray[np.bool_],
    width: int,
    unit_lots: NDArray[np.int64],
    most: int,
    begin: int,
    end: int,
) -> Counted:
    """Rows `begin` (from 1) to `end`, those after a `chosen` row; `ref`: p_ref after each row, half ticks."""
    levels = len(unit_lots)
    events = np.zeros((levels, most + 1, SIDES, EVENTS), np.int64)
    exposure = np.zeros((levels, most + 1, SIDES))
    lots = np.zeros((levels, SIDES), np.int64)
    hidden = np.zeros((levels, SIDES))
    sizes, view = np.zeros((SIDES, levels), np.int64), np.zeros((SIDES, levels), np.bool_)
    beyond = _count(
        frame.time_ns, frame.change, frame.side, frame.price, frame.quantity, frame.px, frame.qty,
        frame.tick_nanos, ref, chosen, width, unit_lots, begin, end, events, exposure, lots, hidden,
        sizes, view,
    )  # fmt: skip
    return Counted(events, exposure, lots, hidden, int(beyond))


def add(one: Counted, other: Counted) -> Counted:
    """Both together."""
    return Counted(
        one.events + other.events,
        one.exposure_s + other.exposure_s,
        one.lots + other.lots,
        one.hidden_s + other.hidden_s,
        one.beyond + other.beyond,
    )


@kernel
def level_of(price: int, side: int, ref: int, width: int) -> int:
    """The level of a price in ticks; `side` 0 bids, 1 offers; p_ref in half ticks."""
    away = 2 * price - ref if side == 1 else ref - 2 * price
    return max(0, (away - 1) // (2 * width))


@kernel
def _look(
    px: Queues, qty: Queues, row: int, side: int, tick: int, ref: int, width: int, units: Queues, most: int,
    sizes: Queues, view: NDArray[np.bool_],
) -> None:  # fmt: skip
    """The queues of one side after `row`, and which of them are wholly in view."""
    levels, shown = units.shape[0], px.shape[2]
    for k in range(levels):
        sizes[side, k] = 0
    for i in range(shown):
        if qty[row, side, i] > 0:
            k = level_of(px[row, side, i] // tick, side, ref, width)
            if k < levels:
                sizes[side, k] += qty[row, side, i]
    worst = px[row, side, shown - 1] // tick if qty[row, side, shown - 1] > 0 else NONE
    for k in range(levels):
        sizes[side, k] = min(most, (sizes[side, k] + units[k] - 1) // units[k])
        last = 2 * width * (k + 1) - 1
        if worst == NONE:
            view[side, k] = True
        elif side == 1:
            view[side, k] = 2 * worst >= ref + last
        else:
            view[side, k] = 2 * worst <= ref - last


@kernel
def _count(
    time_ns: Queues, change: NDArray[np.int8], sides: NDArray[np.int8], price: Queues, quantity: Queues,
    px: Queues, qty: Queues, tick: int, refs: Queues, chosen: NDArray[np.bool_], width: int, units: Queues,
    begin: int, end: int, events: Queues, exposure: NDArray[np.float64], lots: Queues,
    hidden: NDArray[np.float64], sizes: Queues, view: NDArray[np.bool_],
) -> int:  # fmt: skip
    levels, most = units.shape[0], exposure.shape[1] - 1
    beyond = 0
    for i in range(begin, end):
        ref = refs[i - 1]
        if ref == NONE or not chosen[i - 1]:
            continue
        kind = change[i]
        happened = kind in (_LIMIT, _CANCEL, _MARKET) and sides[i] != 0
        seconds = (time_ns[i] - time_ns[i - 1]) * 1e-9
        for side in range(2):
            own = happened and side == (0 if sides[i] > 0 else 1)
            if seconds == 0.0 and not own:
                continue
            _look(px, qty, i - 1, side, tick, ref, width, units, most, sizes, view)
            for k in range(levels):
                if view[side, k]:
                    exposure[k, sizes[side, k], side] += seconds
                else:
                    hidden[k, side] += seconds
            if not own:
                continue
            k = level_of(price[i] // tick, side, ref, width)
            if k >= levels or not view[side, k]:
                beyond += 1
                continue
            lots[k, side] += quantity[i]
            same = (
                kind == _MARKET and change[i - 1] == _MARKET and time_ns[i] == time_ns[i - 1]
                and sides[i] == sides[i - 1] and price[i] == price[i - 1]
            )  # fmt: skip
            if not same:
                at = 0 if kind == _LIMIT else (1 if kind == _CANCEL else 2)
                events[k, sizes[side, k], side, at] += 1
    return beyond
