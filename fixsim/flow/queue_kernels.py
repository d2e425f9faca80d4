"""Kernels: the queue-reactive model over a market's own book; see queue_reactive.py for what it does.

An event opens, asks for its acts one after the other (a job: most have one act, a p_ref that moves has many)
and closes. Only `step` sends acts into the engine, so only it is compiled together with the engine, and what
does not fit is where it was when the next call goes on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.acts import ASKED, EVENTS, VOID, Acts, ask_cancel, ask_limit, ask_market, fresh, send
from fixsim.flow.displayed import any_order, best_px, newest_of_flow, shown
from fixsim.flow.model import QueueEvent
from fixsim.flow.queue_state import (
    ADD,
    ANCHOR,
    ARRIVAL,
    BEGINNING,
    CANCELS,
    CLEAR,
    CLOCK,
    DRAW,
    DUE,
    FOLLOWED,
    FOLLOWING,
    JOB,
    LEFT,
    MID,
    MISSED,
    MOVES,
    NEED,
    NO_JOB,
    NOTHING,
    OPEN,
    PX,
    RATE,
    REDRAW_ALL,
    REDRAW_SOME,
    REDRAWN,
    REF,
    SIGN,
    SPOT,
    STAGE,
    TAKE,
    TAKER,
    THIN,
    WANT,
    State,
    Tables,
    level_px,
    look,
    mid_now,
    rate_now,
    set_rate,
    size_of,
    spend,
)
from fixsim.flow.rng import Generator, exponential, from_shares, uniform
from fixsim.matching.kernel import aside, kernel, part
from fixsim.matching.layout import MAX_PX, Code, Core

_OK = int(Code.OK)
_ADDS, _CANCELS = int(QueueEvent.LIMIT), int(QueueEvent.CANCEL)
_TRIES = 32


@part
def open_queue_event(
    core: Core, acts: Acts, whole: NDArray[np.int64], side: int, level: int, event: int, units: int, unit: int
) -> None:
    """An event of so many units of a queue: its act, or its job."""
    sign = 1 - 2 * side
    px = level_px(whole[REF], sign, level)
    if event == _ADDS:
        ask_limit(core, acts, sign, px, units * unit)
    elif event == _CANCELS or px != best_px(core, sign):
        whole[JOB], whole[SIGN], whole[PX], whole[LEFT] = CANCELS, sign, px, units
    else:
        whole[JOB], whole[SIGN], whole[PX], whole[LEFT] = TAKE, -sign, px, units * unit
        whole[TAKER] = fresh(core, acts)


@part
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


@part
def open_arrival(core: Core, acts: Acts, model: Tables, rng: Generator, state: State) -> None:
    """The event that is due: at which queue, and what."""
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
        return
    event = mark(model, rng, side, level, size)
    open_queue_event(core, acts, state.whole, side, level, event, 1, model.units[level])


@part
def open_following(model: Tables, rng: Generator, whole: NDArray[np.int64]) -> None:
    """p_ref goes one tick towards MOVES, or stays for good."""
    up = whole[MOVES] > 0
    whole[MOVES] -= 1 if up else -1
    depth = model.units.shape[0]
    ref = whole[REF] + (2 if up else -2)
    if ref <= 2 * depth or ref >= MAX_PX - 2 * depth or uniform(rng) >= model.theta:
        whole[MOVES] = 0
        return
    whole[REF] = ref
    whole[FOLLOWED] += 1
    whole[SIGN] = 1 if up else -1  # the side whose far end drops off
    whole[JOB], whole[SPOT], whole[MISSED] = CLEAR, 0, REDRAW_SOME
    if uniform(rng) < model.theta_reinit:
        whole[MOVES] = 0
        whole[REDRAWN] += 1
        whole[MISSED] = REDRAW_ALL


@aside
def go_on(core: Core, acts: Acts, model: Tables, rng: Generator, whole: NDArray[np.int64]) -> bool:
    """Ask for the next act of the job; False when it is done."""
    if whole[JOB] == TAKE:
        lots = ask_market(core, acts, whole[TAKER], whole[SIGN], whole[PX], whole[LEFT])
        whole[LEFT] -= lots
        if lots > 0:
            return True
    elif whole[JOB] == CANCELS:
        while whole[LEFT] > 0:
            whole[LEFT] -= 1
            slot = any_order(core, rng, whole[SIGN], whole[PX])
            if slot >= 0 and core.orders[slot].key >= 0:
                ask_cancel(core, acts, slot)
                return True
            acts.state[VOID] += 1
    elif whole[JOB] == CLEAR:
        depth = model.units.shape[0]
        while whole[SPOT] < 2:  # what fell off the far end, and at venues that do not trade what was passed
            far = whole[SPOT] == 0
            sign = whole[SIGN] if far else -whole[SIGN]
            slot = newest_of_flow(core, sign, level_px(whole[REF], whole[SIGN], depth if far else 0), True)
            if slot >= 0:
                ask_cancel(core, acts, slot)
                return True
            whole[SPOT] += 1
        whole[JOB], whole[SPOT], whole[STAGE] = whole[MISSED], 0, DRAW
    if whole[JOB] >= REDRAW_SOME and redraw(core, acts, model, rng, whole):
        return True
    whole[JOB] = NO_JOB
    return False


@part
def redraw(core: Core, acts: Acts, model: Tables, rng: Generator, whole: NDArray[np.int64]) -> bool:
    """Bring the next queue to a size drawn from the invariant distribution; False after the last.

    Its displayed size, with participants' orders in it. REDRAW_SOME: only what is empty behind the model.
    """
    depth = model.units.shape[0]
    while whole[SPOT] < 2 * depth:
        side, level = whole[SPOT] // depth, whole[SPOT] % depth
        sign = 1 - 2 * side
        px = level_px(whole[REF], sign, level)
        if whole[STAGE] == DRAW:
            there = level < model.rates.shape[1] or shown(core, sign, px) > 0
            if whole[JOB] == REDRAW_SOME and there:
                whole[SPOT] += 1
                continue
            whole[WANT] = from_shares(rng, model.invariant[level]) * model.units[level]
            whole[STAGE], whole[MISSED] = THIN, 0
        if whole[STAGE] == THIN:
            over = shown(core, sign, px) - whole[WANT]
            if over > 0:
                slot = any_order(core, rng, sign, px) if whole[MISSED] < _TRIES else -1
                if slot >= 0 and core.orders[slot].key < 0:
                    whole[MISSED] += 1
                    continue
                if slot < 0:  # there is little of the flow's among them
                    slot = newest_of_flow(core, sign, px, False)
                if slot >= 0:
                    ask_cancel(core, acts, slot)
                    return True
            whole[LEFT], whole[STAGE] = -over, ADD
        if whole[LEFT] > 0:
            lots = min(model.units[level], whole[LEFT])
            whole[LEFT] -= lots
            ask_limit(core, acts, sign, px, lots)
            return True
        whole[SPOT] += 1
        whole[STAGE] = DRAW
    return False


@part
def close_following(core: Core, whole: NDArray[np.int64]) -> None:
    """p_ref has moved, or not: whether it may go on, and what mid it has seen."""
    if whole[MOVES] != 0:
        sign = -1 if whole[MOVES] > 0 else 1
        if shown(core, sign, level_px(whole[REF], sign, 0)) > 0:
            whole[MOVES] = 0
    if whole[MOVES] == 0:
        whole[MID] = mid_now(core, whole[MID])


@part
def close(core: Core, model: Tables, rng: Generator, state: State) -> None:
    """The event is done: the next waiting time, and what the mid has to say to p_ref."""
    whole = state.whole
    if whole[OPEN] == FOLLOWING:
        close_following(core, whole)
    else:
        if whole[OPEN] == ARRIVAL:
            look(core, state, 1)
        else:
            whole[MID] = mid_now(core, 2 * whole[REF])
        whole[ANCHOR] = whole[CLOCK]
        state.real[NEED] = exponential(rng)
    whole[OPEN] = NOTHING
    set_rate(core, model, state)


@kernel
def step(
    core: Core, acts: Acts, model: Tables, rng: Generator, state: State, until_ns: int, at_most: int
) -> tuple[int, int]:
    """Every event due by `until_ns`, at most so many: (code, events). What is open is finished first."""
    whole = state.whole
    done = 0
    while True:
        if acts.state[ASKED] == 0 and (whole[JOB] == NO_JOB or not go_on(core, acts, model, rng, whole)):
            if whole[OPEN] != NOTHING:
                done += 1 if whole[OPEN] != BEGINNING else 0
                close(core, model, rng, state)
            if done >= at_most:
                return _OK, done
            following = whole[MOVES] != 0
            at_ns = whole[CLOCK] if following else whole[DUE]
            if at_ns > until_ns:
                whole[CLOCK] = max(whole[CLOCK], until_ns)
                return _OK, done
            whole[CLOCK] = max(whole[CLOCK], at_ns)
            acts.state[EVENTS] += 1
            if following:
                whole[OPEN] = FOLLOWING
                spend(state)
                open_following(model, rng, whole)
            else:
                whole[OPEN] = ARRIVAL
                open_arrival(core, acts, model, rng, state)
        if acts.state[ASKED] != 0:
            code = send(core, acts, whole[CLOCK])
            if code != _OK:
                return code, done


@kernel
def disturb(core: Core, model: Tables, state: State) -> None:
    """The book is another than the rate was set for: spend the hazard up to now at the old rate."""
    whole = state.whole
    if whole[MOVES] == 0:
        look(core, state, model.rates.shape[1])
    if rate_now(core, model, whole[REF]) != state.real[RATE]:
        spend(state)
        set_rate(core, model, state)
