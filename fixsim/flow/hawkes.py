"""Queue-reactive flow with Hawkes-timed arrivals: events come in clusters; what they are the queues decide.

Each side of the book has arrivals of its own; they excite one another as excitation.py says, by side, by
type and by size. What an arrival is (limit order, cancel or market order, and at which level) is drawn from
the model's intensities at the side's queues as they are: the chain of books that a side runs through is that
of the queue-reactive model, and only its clock is another. p_ref, the levels behind and participants' orders
are as in queue_reactive.py. Sizes are geometric numbers of the model's event size; of a queue, a cancel
takes as many orders as its size says.

Arrivals do not wait for the book, so a disturbance draws nothing anew; it may move p_ref.
"""

from __future__ import annotations

import numpy as np

from fixsim.flow.acts import ASKED, EVENTS, VOID, Acts, send
from fixsim.flow.excitation import Excitation, Timing, excitation, excite, fade, next_arrival
from fixsim.flow.log import MOST_EVENTS, Hands, Log
from fixsim.flow.model import Model
from fixsim.flow.queue_kernels import close_following, go_on, mark, open_following, open_queue_event
from fixsim.flow.queue_reactive import check_start
from fixsim.flow.queue_state import (
    ANCHOR,
    ARRIVAL,
    BEGINNING,
    CLOCK,
    DUE,
    FOLLOWED,
    FOLLOWING,
    JOB,
    MID,
    MOVES,
    NEVER,
    NO_JOB,
    NOTHING,
    OPEN,
    REDRAWN,
    REF,
    SIDE,
    State,
    Tables,
    due_ns,
    look,
    mid_now,
    new_state,
    size_of,
    tables,
)
from fixsim.flow.rng import Generator, generator, geometric, uniform
from fixsim.matching import SMALL, Market
from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import Code, Core

_STREAM = 0x4857  # of the seed, for this flow
_OK = int(Code.OK)


@part
def plan(rng: Generator, state: State, clock: Excitation) -> None:
    """Draw the next arrival, counted from ANCHOR."""
    wait, side = next_arrival(rng, clock)
    nanos = wait * 1e9
    state.whole[DUE] = state.whole[ANCHOR] + np.int64(nanos) + 1 if nanos < 2e18 else NEVER
    state.whole[SIDE] = side


@part
def open_timed(
    core: Core, acts: Acts, model: Tables, rng: Generator, state: State, clock: Excitation
) -> None:
    """The arrival that is due: at which of its side's queues, what, and of what size."""
    whole = state.whole
    fade(clock, (whole[CLOCK] - whole[ANCHOR]) * 1e-9)
    whole[ANCHOR] = whole[CLOCK]
    side = whole[SIDE]
    rate = 0.0
    for i in range(model.rates.shape[1]):
        rate += model.sums[side, i, size_of(core, model, whole[REF], side, i)]
    if rate <= 0.0:
        acts.state[VOID] += 1
        return
    left = uniform(rng) * rate
    level, size = 0, 0
    for i in range(model.rates.shape[1]):
        if left < 0.0:
            break
        n = size_of(core, model, whole[REF], side, i)
        if model.sums[side, i, n] > 0.0:
            level, size = i, n
            left -= model.sums[side, i, n]
    event = mark(model, rng, side, level, size)
    units = geometric(rng, clock.mean_units)
    excite(clock, side, event, units)
    open_queue_event(core, acts, whole, side, level, event, units, model.units[level])


@part
def close(core: Core, rng: Generator, state: State, clock: Excitation) -> None:
    """The event is done: when the next arrival is, and what the mid has to say to p_ref."""
    whole = state.whole
    if whole[OPEN] == FOLLOWING:
        close_following(core, whole)
    else:
        if whole[OPEN] == ARRIVAL:
            look(core, state, 1)
        else:
            whole[MID] = mid_now(core, 2 * whole[REF])
            whole[ANCHOR] = whole[CLOCK]
        plan(rng, state, clock)
    whole[OPEN] = NOTHING


@kernel
def step(
    core: Core,
    acts: Acts,
    model: Tables,
    rng: Generator,
    state: State,
    clock: Excitation,
    until_ns: int,
    at_most: int,
) -> tuple[int, int]:
    """Every event due by `until_ns`, at most so many: (code, events). What is open is finished first."""
    whole = state.whole
    done = 0
    while True:
        if acts.state[ASKED] == 0 and (whole[JOB] == NO_JOB or not go_on(core, acts, model, rng, whole)):
            if whole[OPEN] != NOTHING:
                done += 1 if whole[OPEN] != BEGINNING else 0
                close(core, rng, state, clock)
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
                open_following(model, rng, whole)
            else:
                whole[OPEN] = ARRIVAL
                open_timed(core, acts, model, rng, state, clock)
        if acts.state[ASKED] != 0:
            code = send(core, acts, whole[CLOCK])
            if code != _OK:
                return code, done


@kernel
def disturb(core: Core, model: Tables, state: State) -> None:
    """Arrivals stay; the mid may have moved."""
    if state.whole[MOVES] == 0:
        look(core, state, model.rates.shape[1])


class Hawkes:
    """A Flow; see the module. It fills an empty market with its first book, and is then what trades there."""

    def __init__(
        self,
        market: Market,
        model: Model,
        timing: Timing,
        *,
        seed: int,
        start_ns: int,
        start_px: int,
        depth: int = 10,
        log: Log | None = None,
    ) -> None:
        """`start_px`: p_ref in half ticks, between two prices: odd. `depth`: levels a side to fill."""
        check_start(start_px, depth, model)
        self._model = tables(model, depth)
        self.hands = Hands(market, log)
        self.clock = excitation(timing)
        self._rng = generator(seed, _STREAM)
        self._state = new_state(start_px, start_ns)
        self.step(start_ns, 0)
        self.hands.opened()

    @property
    def ref_px(self) -> int:
        """p_ref in half ticks."""
        return int(self._state.whole[REF])

    @property
    def moves(self) -> tuple[int, int]:
        """How often p_ref has followed the mid, and how often all queues were drawn anew with it."""
        return int(self._state.whole[FOLLOWED]), int(self._state.whole[REDRAWN])

    def next_time_ns(self) -> int | None:
        due = int(due_ns(self.hands.acts, self._state.whole))
        return None if due >= NEVER else due

    def step_until(self, time_ns: int) -> int:
        return self.step(time_ns, MOST_EVENTS)

    def step(self, until_ns: int, at_most: int) -> int:
        """As step_until, at most so many events."""
        hands, left = self.hands, at_most

        def run() -> tuple[int, int]:
            nonlocal left
            code, n = step(
                hands.core, hands.acts, self._model, self._rng, self._state, self.clock, until_ns, left
            )
            left -= n
            return code, n

        return hands.all(run)

    def disturbed(self) -> None:
        disturb(self.hands.core, self._model, self._state)


def warm() -> None:
    """Compile the kernels."""
    from fixsim.flow.model import load_model

    market, model = Market(1, 2001, capacity=SMALL), load_model()
    timing = Timing.like(model, branching=0.5)
    flow = Hawkes(market, model, timing, seed=1, start_ns=0, start_px=2001)
    flow.step(NEVER, 100)
    flow.disturbed()
