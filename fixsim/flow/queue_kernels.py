"""Kernels: the queue-reactive model over a market's own book; see queue_reactive.py for what it does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.acts import EVENTS, VOID, Acts, add, cancel_any, clear, fresh, ready, take, thin
from fixsim.flow.displayed import best_px, shown
from fixsim.flow.model import Model, QueueEvent
from fixsim.flow.rng import Generator, exponential, from_shares, uniform
from fixsim.matching.kernel import cold, kernel
from fixsim.matching.layout import MAX_PX, Code, Core

NEVER = 1 << 62
_OK = int(Code.OK)
_ADDS, _CANCELS = int(QueueEvent.LIMIT), int(QueueEvent.CANCEL)

REF, CLOCK, ANCHOR, DUE, MID, MOVES, FOLLOWED, REDRAWN = 0, 1, 2, 3, 4, 5, 6, 7
"""Places in State.whole: p_ref; the moment stepped to; when the waiting time began, and ends; bid + offer as
last seen; ticks that p_ref may still follow at once (signed); how often it did; how often all was redrawn."""
NEED, RATE = 0, 1
"""Places in State.real: the hazard to spend until the next event; its rate per second."""


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
    rows: int
    """Most rows that one event may log."""


class State(NamedTuple):
    whole: NDArray[np.int64]
    real: NDArray[np.float64]


def tables(model: Model, depth: int) -> Tables:
    """`depth`: levels a side that the book is filled to, at least the model's."""
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
        rows=8 * depth * (model.most + 2),
    )


@kernel
def level_px(ref: int, sign: int, level: int) -> int:
    """The price, in half ticks, of a side's level (0: the first)."""
    return ref - sign * (2 * level + 1)


@kernel
def size_of(core: Core, model: Tables, ref: int, side: int, level: int) -> int:
    """The displayed queue in average event sizes, rounded up, at most the model's largest."""
    sign = 1 - 2 * side
    unit = model.units[level]
    lots = shown(core, sign, level_px(ref, sign, level))
    return int(min((lots + unit - 1) // unit, model.rates.shape[2] - 1))


@kernel
def rate_now(core: Core, model: Tables, ref: int) -> float:
    """Events a second of the book as it is."""
    rate = 0.0
    for side in range(2):
        for level in range(model.rates.shape[1]):
            rate += model.sums[side, level, size_of(core, model, ref, side, level)]
    return rate


@kernel
def set_rate(core: Core, model: Tables, state: State) -> None:
    """The rate of the book as it is, and when the hazard still to be spent will be, counted from ANCHOR."""
    rate = rate_now(core, model, state.whole[REF])
    state.real[RATE] = rate
    wait = state.real[NEED] / rate * 1e9 if rate > 0.0 else 1e19
    state.whole[DUE] = state.whole[ANCHOR] + np.int64(wait) + 1 if wait < 2e18 else NEVER


@kernel
def spend(state: State) -> None:
    """What of the hazard was spent up to now; the rest is waited for from here on."""
    whole, real = state.whole, state.real
    real[NEED] = max(0.0, real[NEED] - real[RATE] * (whole[CLOCK] - whole[ANCHOR]) * 1e-9)
    whole[ANCHOR] = whole[CLOCK]


@kernel
def mid_now(core: Core, before: int) -> int:
    """Bid + offer in half ticks, or `before` where a side is empty."""
    bid, offer = best_px(core, 1), best_px(core, -1)
    return bid + offer if bid > 0 and offer > 0 else before


@kernel
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


@kernel
def fill_to(
    core: Core,
    acts: Acts,
    model: Tables,
    rng: Generator,
    sign: int,
    px: int,
    level: int,
    size: int,
    now_ns: int,
) -> int:
    """Bring the displayed queue of a price to `size` units, participants' orders counted: a code."""
    unit = model.units[level]
    want = size * unit
    code = thin(core, acts, rng, sign, px, want, now_ns)
    if code != _OK:
        return code
    want -= shown(core, sign, px)
    while want > 0:
        lots = min(unit, want)
        code = add(core, acts, sign, px, lots, now_ns)
        if code != _OK:
            return code
        want -= lots
    return _OK


@cold
def redraw(
    core: Core,
    acts: Acts,
    model: Tables,
    rng: Generator,
    state: State,
    first: int,
    empty_only: bool,
    now_ns: int,
) -> int:
    """Draw the queues from level `first` on from the invariant distribution: a code."""
    for side in range(2):
        sign = 1 - 2 * side
        for level in range(first, model.units.shape[0]):
            px = level_px(state.whole[REF], sign, level)
            if empty_only and shown(core, sign, px) > 0:
                continue
            size = from_shares(rng, model.invariant[level])
            code = fill_to(core, acts, model, rng, sign, px, level, size, now_ns)
            if code != _OK:
                return code
    return _OK


@cold
def follow(core: Core, acts: Acts, model: Tables, rng: Generator, state: State, now_ns: int) -> int:
    """p_ref goes one tick towards MOVES, or stays for good: a code."""
    whole = state.whole
    up = whole[MOVES] > 0
    whole[MOVES] -= 1 if up else -1
    depth = model.units.shape[0]
    ref = whole[REF] + (2 if up else -2)
    near = level_px(whole[REF], -1 if up else 1, 0)  # the price that changes sides
    if ref <= 2 * depth or ref >= MAX_PX - 2 * depth or uniform(rng) >= model.theta:
        whole[MOVES] = 0
        return _OK
    left, gained = (1, -1) if up else (-1, 1)  # the side whose far end drops off, and the other
    far = level_px(whole[REF], left, depth - 1)
    code = clear(core, acts, left, far, 0, True, now_ns)
    if code == _OK:
        code = clear(core, acts, gained, near, 0, True, now_ns)  # at venues that do not trade now
    if code != _OK:
        return code
    whole[REF] = ref
    whole[FOLLOWED] += 1
    levels = model.rates.shape[1]
    if uniform(rng) < model.theta_reinit:
        whole[MOVES] = 0
        whole[REDRAWN] += 1
        code = redraw(core, acts, model, rng, state, 0, False, now_ns)
    elif shown(core, gained, level_px(ref, gained, 0)) > 0:
        whole[MOVES] = 0
    if code == _OK:
        code = redraw(core, acts, model, rng, state, levels, True, now_ns)
    return code


@kernel
def act(core: Core, acts: Acts, model: Tables, rng: Generator, state: State, now_ns: int) -> int:
    """One event of the queues: a code."""
    left = uniform(rng) * state.real[RATE]
    side, level, size = -1, 0, 0
    for s in range(2):  # rounding may leave nothing over after the last: then it is the last that can be
        for i in range(model.rates.shape[1]):
            if left < 0.0:
                break
            n = size_of(core, model, state.whole[REF], s, i)
            if model.sums[s, i, n] > 0.0:
                side, level, size = s, i, n
                left -= model.sums[s, i, n]
    if side < 0:
        acts.state[VOID] += 1
        return _OK
    event = mark(model, rng, side, level, size)
    return do(core, acts, rng, state.whole[REF], side, level, event, 1, model.units[level], now_ns)


@kernel
def mark(model: Tables, rng: Generator, side: int, level: int, size: int) -> int:
    """Limit, cancel or market, at a queue whose rates do not all vanish."""
    left = uniform(rng) * model.sums[side, level, size]
    event = 0
    for e in range(3):
        if left < 0.0:
            break
        if model.rates[side, level, size, e] > 0.0:
            event = e
            left -= model.rates[side, level, size, e]
    return event


@kernel
def do(
    core: Core,
    acts: Acts,
    rng: Generator,
    ref: int,
    side: int,
    level: int,
    event: int,
    units: int,
    unit: int,
    now_ns: int,
) -> int:
    """An event of so many units as an order, or so many cancels: a code."""
    sign = 1 - 2 * side
    px = level_px(ref, sign, level)
    if event == _ADDS:
        return add(core, acts, sign, px, units * unit, now_ns)
    if event == _CANCELS or px != best_px(core, sign):
        code = _OK
        for _ in range(units):
            code = cancel_any(core, acts, rng, sign, px, now_ns)
            if code != _OK or shown(core, sign, px) == 0:
                break
        return code
    return take(core, acts, fresh(core, acts), -sign, px, units * unit, now_ns)


@kernel
def step(
    core: Core, acts: Acts, model: Tables, rng: Generator, state: State, until_ns: int, at_most: int
) -> tuple[int, int]:
    """Every event due by `until_ns`, at most so many: (code, events). What did not fit waits."""
    whole, real = state.whole, state.real
    depth = model.units.shape[0]
    orders = 2 * depth * (model.rates.shape[2] + 1)
    done = 0
    while done < at_most:
        following = whole[MOVES] != 0
        at_ns = whole[CLOCK] if following else whole[DUE]
        if at_ns > until_ns:
            break
        code = ready(core, acts, orders, depth, model.rows)
        if code != _OK:
            return code, done
        whole[CLOCK] = max(whole[CLOCK], at_ns)
        if following:
            spend(state)
            code = follow(core, acts, model, rng, state, at_ns)
            if whole[MOVES] == 0:
                whole[MID] = mid_now(core, whole[MID])
        else:
            code = act(core, acts, model, rng, state, at_ns)
            look(core, state, 1)
            real[NEED] = exponential(rng)
            whole[ANCHOR] = at_ns
        set_rate(core, model, state)
        acts.state[EVENTS] += 1
        done += 1
        if code != _OK:
            return code, done
    if done < at_most:
        whole[CLOCK] = max(whole[CLOCK], until_ns)
    return _OK, done


@kernel
def disturb(core: Core, model: Tables, state: State) -> None:
    """The book is another than the rate was set for: spend the hazard up to now at the old rate."""
    whole = state.whole
    if whole[MOVES] == 0:
        look(core, state, model.rates.shape[1])
    if rate_now(core, model, whole[REF]) != state.real[RATE]:
        spend(state)
        set_rate(core, model, state)


@cold
def begin(core: Core, acts: Acts, model: Tables, rng: Generator, state: State) -> int:
    """The first book, and the first waiting time: a code."""
    whole = state.whole
    code = redraw(core, acts, model, rng, state, 0, False, whole[CLOCK])
    whole[MID] = mid_now(core, 2 * whole[REF])
    whole[ANCHOR] = whole[CLOCK]
    state.real[NEED] = exponential(rng)
    set_rate(core, model, state)
    return code
