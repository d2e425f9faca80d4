"""The reference price that a book shows, how it moves, and the θ that make a model move it so.

Nobody sees p_ref. As Huang, Lehalle and Rosenbaum do, it is taken from the mid: it lies between two levels,
in half ticks of the tape at an odd number, and stays while the mid is within half a model tick of it; else
it goes to the nearest such place, of two the one it came from. Where the spread is wide, this lags behind.

θ and θ_reinit cannot be counted either: a move without a redraw leaves every price as it was. They are
estimated from what p_ref's moves look like, by indirect inference (Gouriéroux, Monfort and Renault 1993): a
market with the calibrated queues is simulated over a grid of both, its p_ref is read off by the same rule,
and the pair is taken whose rate of moves, share of continuations and variance over a minute agree best with
the tape's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.draws import Streams, poisson, streams
from fixsim.flow.model import Model
from fixsim.flow.queues import Queues, Tables, best, point, redraw, tables
from fixsim.matching.kernel import kernel

NONE = np.iinfo(np.int64).min
"""No p_ref: one side of the book has been empty since the beginning."""
WINDOW_S = 60.0

_GRID = 11
_LEAST_THETA = 0.1  # with less p_ref hardly moves, and its continuations have no share
_DEGREE = 4
_FINE = 201


@kernel
def stepped(ref: int, mid: int, width: int) -> int:
    """p_ref from its last place and the mid, in half ticks; `width`: ticks of the tape to a model tick."""
    far = abs(mid - ref) - width
    if far <= 0:
        return ref
    steps = (far + 2 * width - 1) // (2 * width)
    return ref + 2 * width * steps if mid > ref else ref - 2 * width * steps


@kernel
def follow(bids: Queues, offers: Queues, width: int, ref: Queues) -> None:
    """p_ref after each row [n] in half ticks; best prices [n] in ticks (0: none). NONE before the first."""
    last = NONE
    for i in range(bids.shape[0]):
        if bids[i] != 0 and offers[i] != 0:
            mid = bids[i] + offers[i]
            if last == NONE:
                last = 2 * width * ((mid - 1 + width) // (2 * width)) + 1
            last = stepped(last, mid, width)
        ref[i] = last


@dataclass(frozen=True, slots=True)
class Moves:
    """What p_ref did in windows of a minute, a row a window."""

    counted: NDArray[np.float64]
    """[windows, 4]: moves, those that follow another, of these in its direction, displacement² in ticks²."""

    def statistics(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """[3]: log of moves a second, share of continuations, log of variance a second."""
        total = self.counted.sum(axis=0) if weights is None else weights @ self.counted
        seconds = WINDOW_S * (len(self.counted) if weights is None else float(weights.sum()))
        least = 0.5  # of what never happened, so that a logarithm exists
        return np.array(
            [
                np.log(max(total[0], least) / seconds),
                (total[2] + least) / (total[1] + 2 * least),
                np.log(max(total[3], least) / seconds),
            ]
        )

    def covariance(self, seed: int, draws: int = 400) -> NDArray[np.float64]:
        """[3, 3]: of the statistics, by resampling windows."""
        rng = np.random.default_rng(seed)
        n = len(self.counted)
        drawn = [self.statistics(rng.multinomial(n, np.full(n, 1 / n)).astype(float)) for _ in range(draws)]
        return np.cov(np.array(drawn), rowvar=False)


def moves_of(
    time_ns: NDArray[np.int64], ref: Queues, width: int, chosen: NDArray[np.bool_] | None = None
) -> Moves:
    """What p_ref (of `follow`) did in the minutes of a tape, all or those in which every row is `chosen`."""
    known = np.flatnonzero(ref != NONE)
    if not len(known):
        return Moves(np.zeros((0, 4)))
    first = known[0]
    window_ns = int(WINDOW_S * 1e9)
    windows = int((time_ns[-1] - time_ns[first]) // window_ns)
    window_of = (time_ns - time_ns[first]) // window_ns
    # The state at a time is the last row's of that time: what happens between equal times was never on show.
    last = np.append(time_ns[1:] != time_ns[:-1], True)
    last[:first] = False
    rows = np.flatnonzero(last)
    change = np.diff(ref[rows]) // (2 * width)
    moved = np.flatnonzero(change)
    at, way = window_of[rows[moved + 1]], np.sign(change[moved])
    counted = np.zeros((windows + 1, 4))
    np.add.at(counted[:, 0], np.minimum(at, windows), 1)
    pair = at[1:] == at[:-1]
    np.add.at(counted[:, 1], np.minimum(at[1:][pair], windows), 1)
    np.add.at(counted[:, 2], np.minimum(at[1:][pair & (way[1:] == way[:-1])], windows), 1)
    bounds = np.searchsorted(time_ns, time_ns[first] + window_ns * np.arange(windows + 1), side="right") - 1
    counted[:windows, 3] = (np.diff(ref[bounds]) / (2 * width)) ** 2
    kept = np.ones(windows, bool)
    if chosen is not None:
        kept[np.minimum(window_of[first:][~chosen[first:]], windows - 1)] = False
    return Moves(counted[:windows][kept])


def simulated_moves(model: Model, hours: float, seed: int) -> Moves:
    """The same of a market that the model generates, an hour's course after another."""
    windows = int(3600 / WINDOW_S)
    courses = max(1, round(hours))
    counted = np.zeros((courses * windows, 4))
    queues, ref = np.zeros((1, 2 * model.levels), np.int64), np.zeros(1, np.int64)
    _courses(queues, ref, streams(seed, courses), tables(model), np.zeros_like(queues), windows, counted)
    return Moves(counted)


@dataclass(frozen=True, slots=True)
class Thetas:
    """What agrees best with the tape, and how well."""

    theta: float
    theta_reinit: float
    theta_error: float
    theta_reinit_error: float
    misfit: float
    """Of the three statistics, by their covariance: about 1 where the model holds (one is left over)."""
    at_bound: bool
    """Whether one of them is 0 or 1, or the least that was tried: its error then says little."""


def fit_thetas(
    model: Model,
    seen: Moves,
    seed: int,
    hours: float = 40.0,
    progress: Callable[[int], object] = lambda n: None,
) -> Thetas:
    """θ and θ_reinit of `model`'s queues from p_ref's moves; `progress` is told points of the grid of 121."""
    axis_theta = np.linspace(_LEAST_THETA, 1.0, _GRID)
    axis_reinit = np.linspace(0.0, 1.0, _GRID)
    points, values = [], []
    for theta in axis_theta:
        for reinit in axis_reinit:
            tried = replace(model, theta=float(theta), theta_reinit=float(reinit))
            points.append((theta, reinit))
            values.append(simulated_moves(tried, hours, seed).statistics())
            progress(1)
    surface = np.linalg.lstsq(_powers(np.array(points)), np.array(values), rcond=None)[0]
    rest = np.array(values) - _powers(np.array(points)) @ surface
    noise = rest.T @ rest / len(rest)
    weight = np.linalg.pinv(seen.covariance(seed) + noise)
    theta, reinit = np.meshgrid(np.linspace(_LEAST_THETA, 1, _FINE), np.linspace(0, 1, _FINE), indexing="ij")
    fine = np.stack([theta.ravel(), reinit.ravel()], axis=1)
    gap = _powers(fine) @ surface - seen.statistics()
    misfits = np.einsum("ni,ij,nj->n", gap, weight, gap)
    at = int(np.argmin(misfits))
    step = 0.01
    slopes = [
        (_powers(fine[at : at + 1] + way) - _powers(fine[at : at + 1] - way)) @ surface / (2 * step)
        for way in (np.array([step, 0]), np.array([0, step]))
    ]
    slope = np.concatenate(slopes).T  # [3 statistics, 2]
    errors = np.sqrt(np.diag(np.linalg.pinv(slope.T @ weight @ slope)))
    found = fine[at]
    return Thetas(
        theta=float(found[0]),
        theta_reinit=float(found[1]),
        theta_error=float(errors[0]),
        theta_reinit_error=float(errors[1]),
        misfit=float(misfits[at]),
        at_bound=bool(found[0] in (_LEAST_THETA, 1.0) or found[1] in (0.0, 1.0)),
    )


def _powers(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, terms]: all products of powers up to the degree, of points [n, 2]."""
    theta, reinit = points[:, 0], points[:, 1]
    terms = [theta**i * reinit**j for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    return np.stack(terms, axis=1)


@kernel
def _courses(
    queues: Queues, ref: Queues, rngs: Streams, model: Tables, was: Queues, windows: int,
    counted: NDArray[np.float64],
) -> None:  # fmt: skip
    levels = model.invariant.shape[0]
    for course in range(rngs.shape[0]):
        rng = rngs[course]
        redraw(queues, 0, rng, model)
        ref[0] = 0
        shown, way = 0, 0  # half ticks; p_ref is even here, the mid its sum with a whole number of them
        for window in range(windows):
            row, opened, way = course * windows + window, shown, 0
            for _ in range(poisson(rng, model.rate * WINDOW_S)):
                if not point(queues, ref, 0, rng, model, was):
                    continue
                mid = ref[0] + best(queues, 0, levels, levels) - best(queues, 0, 0, levels)
                after = stepped(shown, mid, 1)
                if after == shown:
                    continue
                turned = 1 if after > shown else -1
                counted[row, 0] += 1
                if way != 0:
                    counted[row, 1] += 1
                    if turned == way:
                        counted[row, 2] += 1
                shown, way = after, turned
            counted[row, 3] = ((shown - opened) / 2) ** 2
