"""What a queue-reactive flow is made of, and how it reads the book: kernels that change its state alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.acts import ASKED, Acts
from fixsim.flow.displayed import best_px, shown
from fixsim.flow.model import Model, QueueEvent
from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import Core

NEVER = 1 << 62

REF, CLOCK, ANCHOR, DUE, MID, MOVES, FOLLOWED, REDRAWN = 0, 1, 2, 3, 4, 5, 6, 7
"""Places in State.whole: p_ref; the moment stepped to; when the waiting time began, and ends; bid + offer as
last seen; ticks that p_ref may still follow (signed); how often it did, how often all was redrawn."""
OPEN, JOB, SIGN, PX, LEFT, TAKER, SPOT, STAGE, WANT, MISSED = 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
"""The event that is open, and its job: at which side and price, what is left to do of it, for which taker;
and of CLEAR and REDRAW, the spot it has come to, and what has been done there."""
SIDE = 18
"""Of the arrival that is due (hawkes.py)."""
PLACES = 19
NEED, RATE = 0, 1
"""Places in State.real: the hazard to spend until the next event; its rate per second."""

NOTHING, ARRIVAL, FOLLOWING, BEGINNING = 0, 1, 2, 3
"""State.whole[OPEN]."""
NO_JOB, TAKE, CANCELS, CLEAR, REDRAW_SOME, REDRAW_ALL = 0, 1, 2, 3, 4, 5
"""State.whole[JOB]. CLEAR goes over into the redraw that MISSED says."""
DRAW, THIN, ADD = 0, 1, 2
"""State.whole[STAGE]."""


class Tables(NamedTuple):
    """A model as the kernels read it."""

    rates: NDArray[np.float64]
    """[side, level, size, event]"""
    sums: NDArray[np.float64]
    """[side, level, size]"""
    invariant: NDArray[np.float64]
    """[level, size], cumulative; of every level of the depth."""
    units: NDArray[np.int64]
    """[level], of every level of the depth."""
    theta: float
    theta_reinit: float


class State(NamedTuple):
    whole: NDArray[np.int64]
    real: NDArray[np.float64]


def tables(model: Model, depth: int) -> Tables:
    """`depth`: levels a side that the book is filled to, more than the model's."""
    rates = np.ascontiguousarray(model.intensity.transpose(2, 0, 1, 3))
    rates[:, :, -1, QueueEvent.LIMIT] = 0.0  # a full queue takes no more, an empty one gives nothing
    rates[:, :, 0, QueueEvent.CANCEL :] = 0.0
    beyond = np.minimum(np.arange(depth), model.levels - 1)
    invariant = np.cumsum(model.invariant, axis=1)[beyond]
    invariant[:, -1] = 1.0
    return Tables(
        rates=rates,
        sums=np.ascontiguousarray(rates.sum(axis=3)),
        invariant=np.ascontiguousarray(invariant),
        units=np.ascontiguousarray(model.unit_lots[beyond]),
        theta=model.theta,
        theta_reinit=model.theta_reinit,
    )


def new_state(start_px: int, start_ns: int) -> State:
    """Before the first book: `step` begins with it."""
    state = State(np.zeros(PLACES, np.int64), np.zeros(2, np.float64))
    state.whole[REF], state.whole[CLOCK] = start_px, start_ns
    state.whole[OPEN], state.whole[JOB] = BEGINNING, REDRAW_ALL
    return state


# Looking


@part
def level_px(ref: int, sign: int, level: int) -> int:
    """The price, in half ticks, of a side's level (0: the first)."""
    return ref - sign * (2 * level + 1)


@part
def size_of(core: Core, model: Tables, ref: int, side: int, level: int) -> int:
    """The displayed queue in average event sizes, rounded up, at most the model's largest."""
    sign = 1 - 2 * side
    unit = model.units[level]
    lots = shown(core, sign, level_px(ref, sign, level))
    return int(min((lots + unit - 1) // unit, model.rates.shape[2] - 1))


@part
def rate_now(core: Core, model: Tables, ref: int) -> float:
    """Events a second of the book as it is."""
    rate = 0.0
    for side in range(2):
        for level in range(model.rates.shape[1]):
            rate += model.sums[side, level, size_of(core, model, ref, side, level)]
    return rate


@part
def mid_now(core: Core, before: int) -> int:
    """Bid + offer in half ticks, or `before` where a side is empty."""
    bid, offer = best_px(core, 1), best_px(core, -1)
    return bid + offer if bid > 0 and offer > 0 else before


@part
def look(core: Core, state: State, most: int) -> None:
    """Whether the mid moved: p_ref may follow by up to `most` ticks, towards a first level that is empty."""
    whole = state.whole
    mid = mid_now(core, whole[MID])
    moved = mid - whole[MID]
    whole[MID] = mid
    whole[MOVES] = 0
    if moved != 0:
        sign = -1 if moved > 0 else 1  # the book that the mid moves towards
        if shown(core, sign, level_px(whole[REF], sign, 0)) == 0:
            ticks = min(max(abs(moved) // 2, 1), most)
            whole[MOVES] = ticks if moved > 0 else -ticks


# Waiting


@part
def set_rate(core: Core, model: Tables, state: State) -> None:
    """The rate of the book as it is, and when the hazard still to be spent will be, counted from ANCHOR."""
    rate = rate_now(core, model, state.whole[REF])
    state.real[RATE] = rate
    wait = state.real[NEED] / rate * 1e9 if rate > 0.0 else 1e19
    state.whole[DUE] = state.whole[ANCHOR] + np.int64(wait) + 1 if wait < 2e18 else NEVER


@part
def spend(state: State) -> None:
    """What of the hazard was spent up to now; the rest is waited for from here on."""
    whole, real = state.whole, state.real
    real[NEED] = max(0.0, real[NEED] - real[RATE] * (whole[CLOCK] - whole[ANCHOR]) * 1e-9)
    whole[ANCHOR] = whole[CLOCK]


@kernel
def due_ns(acts: Acts, whole: NDArray[np.int64]) -> int:
    """When something happens next: at once, while an event is open or p_ref may follow."""
    waits = acts.state[ASKED] == 0 and whole[OPEN] == NOTHING and whole[MOVES] == 0
    return int(whole[DUE] if waits else whole[CLOCK])
