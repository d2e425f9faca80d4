"""Queue-reactive markets as arrays: 2K queues and a reference price each, and the kernels that move them on.

Time is uniformised: events are offered at the points of one Poisson process whose rate bounds the sum of
the queues' own bounds, a point picks a queue by its share of slots in a table of 256, and the rest of the
same 64 bits decides whether that queue grows, shrinks or stays. The law is exactly that of exponential
waiting times; a point costs one draw, and no logarithm.

Prices are in half ticks from the start price: p_ref is an even number r, level k of the offers r + 2k + 1,
of the bids r - 2k - 1, and the mid r + (best offer's level) - (best bid's level). Queues are flat: bids
0..K-1, offers K..2K-1, in average event sizes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.draws import poisson
from fixsim.flow.model import Model, QueueEvent
from fixsim.flow.rng import Generator, bits, from_shares, uniform
from fixsim.matching.kernel import cold, kernel

SLOTS = 256
_SCALE = float(1 << 53)
_TRIES = 100
"""With theta 1 and theta_reinit 0 no new state may be acceptable."""

Queues = NDArray[np.int64]


class Tables(NamedTuple):
    """A model as the kernels read it."""

    slot: NDArray[np.int8]
    """[256]: the queue that a point offers an event to, -1 for none."""
    grow: NDArray[np.uint64]
    """[2K, C+1]: 53-bit numbers below this add one event size,"""
    change: NDArray[np.uint64]
    """[2K, C+1]: and those below this, but not below `grow`, take one."""
    invariant: NDArray[np.float64]
    """[K, C+1]: summed up, the last of each level 1."""
    outward: NDArray[np.int64]
    """[K, C+1]: a queue of level k, counted in the event sizes of level k + 1."""
    inward: NDArray[np.int64]
    """[K, C+1]: a queue of level k, counted in the event sizes of level k - 1."""
    rate: float
    """Points a second."""
    theta: float
    theta_reinit: float
    spread_moves: bool
    """Whether p_ref also moves with a limit order inside the spread that faces a full first level."""


def tables(model: Model, *, spread_moves: bool = False) -> Tables:
    """What the kernels need of `model`."""
    levels, most = model.levels, model.most
    rates = model.intensity.transpose(2, 0, 1, 3).reshape(2 * levels, most + 1, 3)
    up = rates[..., QueueEvent.LIMIT].copy()
    down = rates[..., QueueEvent.CANCEL] + rates[..., QueueEvent.MARKET]
    up[:, most] = 0.0  # a full queue takes no more, an empty one gives nothing: such events do not happen
    down[:, 0] = 0.0
    bound = (up + down).max(axis=1)
    unit, slots = _slots(bound)
    share = np.where(slots > 0, slots * unit, 1.0)[:, None]
    units = model.unit_lots.astype(np.float64)
    sizes = np.arange(most + 1)
    outward, inward = np.zeros((levels, most + 1), np.int64), np.zeros((levels, most + 1), np.int64)
    for level in range(levels):
        if level + 1 < levels:
            outward[level] = np.minimum(most, np.rint(sizes * (units[level] / units[level + 1])))
        if level:
            inward[level] = np.minimum(most, np.rint(sizes * (units[level] / units[level - 1])))
    cumulative = np.cumsum(model.invariant, axis=1)
    cumulative[:, -1] = 1.0
    slot = np.full(SLOTS, -1, np.int8)
    slot[: slots.sum()] = np.repeat(np.arange(2 * levels), slots)
    return Tables(
        slot=slot,
        grow=(up / share * _SCALE).astype(np.uint64),
        change=((up + down) / share * _SCALE).astype(np.uint64),
        invariant=cumulative,
        outward=outward,
        inward=inward,
        rate=float(SLOTS * unit),
        theta=model.theta,
        theta_reinit=model.theta_reinit,
        spread_moves=spread_moves,
    )


def _slots(bound: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
    """The smallest rate of a slot (nearly) with which the queues' slots, rounded up, fit into the table."""
    low, high = float(bound.sum()) / SLOTS, float(bound.sum())
    if high == 0.0:
        return 0.0, np.zeros(len(bound), np.int64)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if np.ceil(bound / middle).sum() <= SLOTS else (middle, high)
    return high, np.ceil(bound / high).astype(np.int64)


@kernel
def best(queues: Queues, e: int, first: int, levels: int) -> int:
    """The level of the best queue that is not empty, of the side that begins at `first`; -1 if all are."""
    for k in range(levels):
        if queues[e, first + k] > 0:
            return k
    return -1


@cold
def redraw(queues: Queues, e: int, rng: Generator, model: Tables) -> None:
    """All queues from the invariant distribution, each side until it is not empty."""
    levels = model.invariant.shape[0]
    for first in (0, levels):
        total = 0
        while total == 0:
            for k in range(levels):
                queues[e, first + k] = from_shares(rng, model.invariant[k])
                total += queues[e, first + k]


@cold
def mid_moved(
    queues: Queues, ref: Queues, e: int, up: bool, rng: Generator, model: Tables, was: Queues
) -> None:
    """The mid of market `e` moved: p_ref follows, or not, and the queues with it (Huang et al. 2015, 2.2.2).

    A new state with an empty side is not accepted and all is drawn again; if that goes on, p_ref stays.
    `was`: [n, 2K], scratch.
    """
    levels = model.invariant.shape[0]
    for k in range(2 * levels):
        was[e, k] = queues[e, k]
    for _ in range(_TRIES):
        if uniform(rng) >= model.theta:
            return
        if uniform(rng) <= model.theta_reinit:
            redraw(queues, e, rng, model)
        else:
            gains, loses = (0, levels) if up else (levels, 0)  # the side that p_ref moves away from, and to
            queues[e, gains] = 0
            for k in range(levels - 1):
                queues[e, gains + k + 1] = model.outward[k, was[e, gains + k]]
                queues[e, loses + k] = model.inward[k + 1, was[e, loses + k + 1]]
            queues[e, loses + levels - 1] = from_shares(rng, model.invariant[levels - 1])
        if best(queues, e, 0, levels) >= 0 and best(queues, e, levels, levels) >= 0:
            ref[e] += 2 if up else -2
            return
        for k in range(2 * levels):
            queues[e, k] = was[e, k]


@cold
def _edge(
    queues: Queues, ref: Queues, e: int, queue: int, grows: bool, rng: Generator, model: Tables, was: Queues
) -> None:
    """A queue fills from nothing or empties: the mid may move, and a side may not become empty."""
    levels = model.invariant.shape[0]
    bid, offer = best(queues, e, 0, levels), best(queues, e, levels, levels)
    queues[e, queue] = 1 if grows else 0
    new_bid, new_offer = best(queues, e, 0, levels), best(queues, e, levels, levels)
    if new_bid < 0 or new_offer < 0:
        queues[e, queue] = 1
        return
    moved = (new_offer - new_bid) - (offer - bid)
    if moved == 0:
        return
    if grows and not model.spread_moves:
        # The paper: p_ref moves with the mid "provided that the corresponding best queue is depleted".
        facing = new_offer if queue < levels else new_bid
        if facing == 0:
            return
    mid_moved(queues, ref, e, moved > 0, rng, model, was)


@kernel
def point(queues: Queues, ref: Queues, e: int, rng: Generator, model: Tables, was: Queues) -> bool:
    """One point of the Poisson process in market `e`; whether the best prices may have changed."""
    z = bits(rng)
    queue = model.slot[z & np.uint64(0xFF)]
    if queue < 0:
        return False
    size = queues[e, queue]
    u = z >> np.uint64(11)
    if u >= model.change[queue, size]:
        return False
    grows = u < model.grow[queue, size]
    if size > 1 or (size == 1 and grows):
        queues[e, queue] = size + 1 if grows else size - 1
        return False
    _edge(queues, ref, e, queue, grows, rng, model, was)
    return True


@kernel
def advance(
    queues: Queues, ref: Queues, e: int, seconds: float, rng: Generator, model: Tables, was: Queues
) -> None:
    """Market `e` moves on by `seconds`."""
    for _ in range(poisson(rng, model.rate * seconds)):
        point(queues, ref, e, rng, model, was)


@kernel
def take(
    queues: Queues, ref: Queues, e: int, quantity: int, rng: Generator, model: Tables, was: Queues
) -> int:
    """Buy `quantity`, at most the offers less one; what it cost above the start price, in half ticks.

    An emptied level moves the mid once, however many were emptied.
    """
    levels = model.invariant.shape[0]
    paid, left, emptied = 0, quantity, False
    for k in range(levels):
        size = queues[e, levels + k]
        if left == 0 or size == 0:
            continue
        taken = min(left, size)
        queues[e, levels + k] = size - taken
        paid += taken * (ref[e] + 2 * k + 1)
        left -= taken
        emptied = emptied or taken == size
    if emptied:
        mid_moved(queues, ref, e, True, rng, model, was)
    return paid


@kernel
def walk_cost(queues: Queues, ref: Queues, e: int, quantity: int, levels: int) -> int:
    """What buying `quantity` through all offers would cost above the start price, in half ticks.

    What the book does not hold is bought one tick beyond its last level. Nothing is changed.
    """
    paid, left = 0, quantity
    for k in range(levels):
        taken = min(left, queues[e, levels + k])
        paid += taken * (ref[e] + 2 * k + 1)
        left -= taken
    return int(paid + left * (ref[e] + 2 * levels + 1))
