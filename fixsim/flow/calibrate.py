"""A queue-reactive model from a tape: intensities, their standard errors, and what makes p_ref move.

An intensity is the number of events over the time that queues of the level had the size (the
maximum-likelihood estimate; Huang, Lehalle and Rosenbaum 2015, section 2.3.1). Where the tape's spread is
wide, a model tick is several ticks: the median spread in ticks, unless `width` says.

Cells with fewer than `least` events, or seen for less than `least_s` seconds, are filled, and flagged, by
one rule: the level's neighbouring sizes on both sides are pooled with it until there are enough, or no
more; size 0 takes no part in other sizes' pools, since an empty queue is another thing. Beyond the largest
size that was seen, intensities are thereby constant. A standard error is the square root of the pool's
count, or of 1 where there was none, over its time.

The invariant distribution is that of the birth and death process with these intensities, sides averaged.
Where it would put a tenth or more beyond the largest size with events enough (more comes than leaves: only
p_ref's moves end it), the share of time that the tape shows at each size is taken instead, and the level is
flagged as unstable.

Where p_ref is known, a generated market's intensities come back within their standard errors. Inferred
p_ref lags behind it, and the cell that feels it is the empty first level: of the published model, whose
p_ref moves every few seconds, its limit orders come out a third too rare, all other cells within a few per
cent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.counting import Counted, add, count
from fixsim.flow.model import EVENTS, SIDES, Model, ModelError, QueueEvent
from fixsim.flow.queues import Queues
from fixsim.flow.reference_price import NONE, Thetas, fit_thetas, follow, moves_of
from fixsim.tape.frame import LobFrame

GRID_POINTS = 121
_CHUNK = 1 << 15
_LEAST_WINDOWS = 10
_UNSEEN = 0.1
_THETA, _THETA_REINIT = 0.7, 0.85


class CalibrationError(ModelError):
    """A tape from which the model cannot be had: says of which level, and why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to calibrate."""

    levels: int = 3
    most: int = 50
    """C, the largest queue size that is told apart."""
    width: int | None = None
    """Ticks of the tape to a model tick; None: the median spread."""
    symmetric: bool = True
    """Bids and offers are one sample."""
    least: int = 30
    """Events,"""
    least_s: float = 5.0
    """and seconds, below which a cell is filled from its neighbours. Bursts give many events in no time."""
    hours: float = 10.0
    """Simulated for each of the 121 pairs that θ and θ_reinit are chosen from."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model, and what it rests on."""

    model: Model
    error: NDArray[np.float64]
    """[K, C+1, 2, 3]: standard errors of the intensities."""
    filled: NDArray[np.bool_]
    """[K, C+1, 2]: cells with too few events of their own."""
    counted: Counted
    thetas: Thetas | None
    """None with fewer than ten whole minutes: θ and θ_reinit are then the published model's."""
    width: int
    unstable: tuple[int, ...]
    """Levels, from 0, whose queues do not come to rest by themselves."""

    @property
    def occupancy(self) -> NDArray[np.float64]:
        """[K, C+1]: the share of time at each size as it was seen, which p_ref's moves have changed."""
        return occupancy(self.counted)

    def evidence(self) -> dict[str, NDArray[np.generic]]:
        """Arrays to keep beside the model in its file."""
        arrays: dict[str, NDArray[np.generic]] = {
            "error": self.error,
            "filled": self.filled,
            "events": self.counted.events,
            "exposure_s": self.counted.exposure_s,
            "hidden_s": self.counted.hidden_s,
            "unstable": np.array(self.unstable, np.int64),
        }
        if self.thetas is not None:
            arrays["thetas"] = np.array(
                [self.thetas.theta_error, self.thetas.theta_reinit_error, self.thetas.misfit]
            )
        return arrays


Progress = Callable[[int], object]


def work(frame: LobFrame) -> int:
    """How many units of progress a calibration of `frame` reports."""
    return 2 * (len(frame) // _CHUNK + 1) + GRID_POINTS


def calibrate(
    frame: LobFrame,
    plan: Plan | None = None,
    *,
    chosen: NDArray[np.bool_] | None = None,
    reference: Queues | None = None,
    progress: Progress = lambda done: None,
) -> Calibration:
    """The model of a frame, or of its `chosen` rows [n] (a regime: see regimes.py).

    `reference` [n]: p_ref after each row in half ticks, odd, where it is known and need not be inferred.
    Raises CalibrationError.
    """
    plan = Plan() if plan is None else plan
    _check(frame, plan)
    width = plan.width or typical_spread(frame)
    inferred = infer_reference(frame, width)
    ref = inferred if reference is None else reference
    rows = np.ones(len(frame), bool) if chosen is None else chosen
    first = _count_all(frame, ref, rows, width, np.ones(plan.levels, np.int64), plan.most, progress)
    unit_lots = np.maximum(1, np.rint(first.mean_lots)).astype(np.int64)
    counted = _count_all(frame, ref, rows, width, unit_lots, plan.most, progress)
    intensity, error, filled = intensities(counted, plan)
    share, unstable = resting_law(counted, intensity, filled)
    model = Model(
        intensity=intensity,
        invariant=share,
        unit_lots=unit_lots,
        tick_nanos=frame.tick_nanos * width,
        theta=_THETA,
        theta_reinit=_THETA_REINIT,
        symbol=frame.symbol,
        source=f"calibrated from {len(frame)} events of {frame.symbol}, {width} of its ticks to one",
    )
    seen = moves_of(frame.time_ns, inferred, width, rows)  # the simulated ones are inferred as well
    thetas = None
    if len(seen.counted) >= _LEAST_WINDOWS:
        thetas = fit_thetas(model, seen, plan.seed, plan.hours, progress)
        model = replace(model, theta=thetas.theta, theta_reinit=thetas.theta_reinit)
    return Calibration(model, error, filled, counted, thetas, width, unstable)


def typical_spread(frame: LobFrame) -> int:
    """The median spread over time, in ticks, at least 1."""
    two_sided = (frame.px[:-1, 0, 0] > 0) & (frame.px[:-1, 1, 0] > 0)
    spread = ((frame.px[:-1, 1, 0] - frame.px[:-1, 0, 0]) // frame.tick_nanos)[two_sided]
    held = np.diff(frame.time_ns)[two_sided]
    if not len(spread):
        raise CalibrationError(f"{frame.symbol}: the book never has two sides")
    order = np.argsort(spread, kind="stable")
    reached = np.cumsum(held[order])
    return max(1, int(spread[order[np.searchsorted(reached, reached[-1] / 2)]]))


def infer_reference(frame: LobFrame, width: int) -> Queues:
    """[n]: p_ref after each row, in half ticks."""
    ref = np.full(len(frame), NONE, np.int64)
    bids, offers = (np.ascontiguousarray(frame.px[:, side, 0]) // frame.tick_nanos for side in range(2))
    follow(bids, offers, width, ref)
    return ref


def intensities(
    counted: Counted, plan: Plan
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Intensities and standard errors [K, C+1, 2, 3] a second, and which cells [K, C+1, 2] are filled."""
    events, time = counted.events.astype(np.float64), counted.exposure_s
    if plan.symmetric:
        events = np.repeat(events.sum(axis=2, keepdims=True), SIDES, axis=2)
        time = np.repeat(time.sum(axis=2, keepdims=True), SIDES, axis=2)
    levels, sizes = time.shape[:2]
    rate, error = np.zeros((levels, sizes, SIDES, EVENTS)), np.zeros((levels, sizes, SIDES, EVENTS))
    filled = np.zeros((levels, sizes, SIDES), bool)
    for level in range(levels):
        for side in range(SIDES):
            n, t = events[level, :, side], time[level, :, side]
            if not (n[1:, QueueEvent.LIMIT].any() and n[1:, QueueEvent.CANCEL :].any()):
                raise CalibrationError(
                    f"level {level + 1}: nothing comes or nothing leaves in {t.sum():.0f} s in view:"
                    " ask for fewer levels or another width"
                )
            for size in range(sizes):
                low, high, enough = _pool(n.sum(axis=1), t, size, plan)
                filled[level, size, side] = high - low > 1 or not enough
                total, seconds = n[low:high].sum(axis=0), t[low:high].sum()
                rate[level, size, side] = total / seconds
                error[level, size, side] = np.sqrt(np.maximum(total, 1)) / seconds
            rate[level, 0, side, QueueEvent.CANCEL :] = 0.0
            error[level, 0, side, QueueEvent.CANCEL :] = 0.0
    return rate, error, filled


def occupancy(counted: Counted) -> NDArray[np.float64]:
    """[K, C+1]: the share of the time in view at each size, both sides."""
    time = counted.exposure_s.sum(axis=2)
    share: NDArray[np.float64] = time / time.sum(axis=1, keepdims=True)
    return share


def resting_law(
    counted: Counted, intensity: NDArray[np.float64], filled: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """[K, C+1]: what queues are drawn from when p_ref moves, and the levels where that is what was seen."""
    share, seen = invariant(intensity), occupancy(counted)
    own = ~(filled[:, :, 0] & filled[:, :, 1])
    unstable = []
    for level in range(len(share)):
        largest = int(np.flatnonzero(own[level])[-1]) if own[level].any() else 0
        if share[level, largest + 1 :].sum() >= _UNSEEN:
            share[level] = seen[level]
            unstable.append(level)
    return share, tuple(unstable)


def invariant(intensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """[K, C+1]: the invariant distribution of a queue left alone (equation 7 of arXiv 2511.15262)."""
    sides = intensity.mean(axis=2)
    births = sides[:, :-1, QueueEvent.LIMIT]
    deaths = sides[:, 1:, QueueEvent.CANCEL] + sides[:, 1:, QueueEvent.MARKET]
    if not (deaths > 0).all():
        level, size = (int(k) for k in np.argwhere(deaths <= 0)[0])
        raise CalibrationError(f"level {level + 1}: nothing leaves a queue of {size + 1}: no distribution")
    with np.errstate(divide="ignore"):
        steps = np.log(births) - np.log(deaths)
    weight = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    share = np.exp(weight - weight.max(axis=1, keepdims=True))
    total: NDArray[np.float64] = share / share.sum(axis=1, keepdims=True)
    return total


def _pool(
    events: NDArray[np.float64], time: NDArray[np.float64], size: int, plan: Plan
) -> tuple[int, int, bool]:
    """The sizes [low, high) to pool for `size`, and whether they are enough; 0 serves only itself."""
    low, high, last = size, size + 1, len(events)
    floor = min(size, 1)
    while not (
        enough := bool(events[low:high].sum() >= plan.least and time[low:high].sum() >= plan.least_s)
    ) and (low > floor or high < last):
        low, high = max(floor, low - 1), min(last, high + 1)
    return low, high, enough


def _count_all(
    frame: LobFrame,
    ref: Queues,
    chosen: NDArray[np.bool_],
    width: int,
    unit_lots: NDArray[np.int64],
    most: int,
    progress: Progress,
) -> Counted:
    total: Counted | None = None
    for begin in range(1, len(frame), _CHUNK):
        end = min(len(frame), begin + _CHUNK)
        part = count(frame, ref, chosen, width, unit_lots, most, begin, end)
        total = part if total is None else add(total, part)
        progress(1)
    assert total is not None
    return total


def _check(frame: LobFrame, plan: Plan) -> None:
    if len(frame) < 2 or frame.time_ns[-1] <= frame.time_ns[0]:
        raise CalibrationError(f"{frame.symbol}: {len(frame)} events over no time: nothing to calibrate from")
    if plan.width is not None and plan.width < 1:
        raise CalibrationError(f"width = {plan.width}: must be at least 1 tick")
    for name, value, least in (("levels", plan.levels, 1), ("most", plan.most, 2), ("least", plan.least, 1)):
        if value < least:
            raise CalibrationError(f"{name} = {value}: must be at least {least}")


def warm() -> None:
    """Compile the kernels."""
    px = np.array([[[1], [2]]] * 3, np.int64)
    frame = LobFrame(
        "", 1, 1, np.arange(3), np.zeros(3, np.int8), np.ones(3, np.int8), np.ones(3, np.int64),
        np.ones(3, np.int64), np.zeros(3, np.int64), px, px,
    )  # fmt: skip
    _count_all(frame, infer_reference(frame, 1), np.ones(3, bool), 1, np.ones(1, np.int64), 3, lambda n: None)
