"""The published execution task: buy 25 in a queue-reactive market within 600 s (arXiv 2511.15262).

Any number of markets step together in one call, each with its own random numbers. At 0, 25, …, 600 s, 25
decisions, the agent buys a quantity from the offers: never more than is left to buy, and never all that is
offered. A purchase that empties a level moves the mid, and p_ref and the queues follow as after any event.
What is left after the last decision walks the offers as they then stand. The score is minus what was paid
above the start price, 100.005, in currency; quantities are average event sizes.

What the reference reports, and how it is read, is in published.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.draws import Streams, streams
from fixsim.flow.model import Model, load_model
from fixsim.flow.published import PUBLISHED_EPISODES, Half, Published, Terms
from fixsim.flow.queues import Queues, Tables, advance, best, redraw, tables, take, walk_cost
from fixsim.flow.rng import Generator
from fixsim.matching.kernel import kernel

_NANOS = 1_000_000_000
_BATCH = 4096


class Environments:
    """`count` independent markets with the task to be done in each; stepped together.

    The same seed gives the same course for the same quantities, whatever the others do.
    """

    def __init__(
        self, count: int, seed: int, model: Model | None = None, terms: Terms | None = None
    ) -> None:
        self.model = load_model() if model is None else model
        self.terms = Terms() if terms is None else terms
        self.tables = tables(self.model, spread_moves=self.terms.spread_moves)
        self.half_tick = self.model.tick_nanos / _NANOS / 2
        self.queues: Queues = np.zeros((count, 2 * self.model.levels), np.int64)
        """[count, 2K]: bids, then offers, nearest to p_ref first; average event sizes."""
        self.ref: Queues = np.zeros(count, np.int64)
        """[count]: p_ref above the start price, in half ticks."""
        self.left: Queues = np.zeros(count, np.int64)
        """[count]: still to buy."""
        self.decision: Queues = np.zeros(count, np.int64)
        """[count]: the number of the decision that comes next, from 0."""
        self.bought: Queues = np.zeros(count, np.int64)
        """[count]: at the last step."""
        self.unfilled: Queues = np.zeros(count, np.int64)
        """[count]: what walked the book because the last decision left it."""
        self.paid: Queues = np.zeros(count, np.int64)
        """[count]: at the last step, for `bought`, above the start price; half ticks times quantity."""
        self.walked: Queues = np.zeros(count, np.int64)
        """[count]: the same for `unfilled`."""
        self._rng: Generator = streams(seed, count)
        self._was: Queues = np.zeros_like(self.queues)
        self.reset()

    def __len__(self) -> int:
        return len(self.left)

    @property
    def done(self) -> NDArray[np.bool_]:
        """[count]: everything bought, or no decision left."""
        over: NDArray[np.bool_] = (self.left == 0) | (self.decision >= self.terms.decisions)
        return over

    def reset(self) -> None:
        """A new episode in every market."""
        _reset(
            self.queues, self.ref, self.left, self.decision, self._rng, self.tables, self.terms.quantity,
            self.terms.one_tick_start,
        )  # fmt: skip

    def step(self, quantities: Queues, *, restart: bool = False) -> NDArray[np.float64]:
        """Buy `quantities` [count], int64, then let time pass to the next decision; the scores [count] of it.

        Less is bought where less is left or offered: `bought` tells. Markets that are done do not move;
        with `restart` they begin anew once the score of their last step is counted, and `done` is of the
        new episode.
        """
        _step(
            self.queues, self.ref, self.left, self.decision, self.bought, self.unfilled, self.paid,
            self.walked, quantities, self._rng, self.tables, self._was, self.terms.quantity,
            self.terms.decisions, self.terms.every_s, self.terms.one_tick_start, restart,
        )  # fmt: skip
        score: NDArray[np.float64] = (self.paid + self.walked).astype(np.float64) * -self.half_tick
        return score

    def best_offers(self) -> Queues:
        """[count]: the size of the best offer."""
        sizes = np.empty(len(self), np.int64)
        _best_offers(self.queues, sizes)
        return sizes

    def share(self, percent: int) -> Queues:
        """[count]: `percent` (0, 50 or 100) of the best offer, rounded as the terms say."""
        sizes = self.best_offers()
        if percent != 50:
            return sizes * (percent // 100)
        half = sizes >> 1
        if self.terms.half is Half.UP:
            return half + (sizes & 1)
        return half + (sizes & half & 1) if self.terms.half is Half.EVEN else half


class Policy(Protocol):
    """Decides what each market's agent buys."""

    def __call__(self, markets: Environments) -> Queues:
        """[count], int64: the quantities, not below zero."""


@dataclass(frozen=True, slots=True)
class Twap:
    """The quantity spread evenly over the decisions."""

    def __call__(self, markets: Environments) -> Queues:
        """One of the schedule's quantities, by each market's decision."""
        terms = markets.terms
        schedule = np.full(terms.decisions + 1, terms.quantity // terms.twap_decisions, np.int64)
        schedule[terms.twap_decisions :] = 0
        rest = terms.quantity - int(schedule.sum())
        middle = terms.twap_decisions // 2
        for k in range(rest):  # the rest evenly from the first decision to the last; one alone in the middle
            schedule[middle if rest == 1 else round(k * (terms.twap_decisions - 1) / (rest - 1))] += 1
        return schedule[np.minimum(markets.decision, terms.decisions)]


@dataclass(frozen=True, slots=True)
class PostedVolume:
    """`percent` of the best offer at every `every`-th decision, from the first one on."""

    percent: int
    every: int

    def __call__(self, markets: Environments) -> Queues:
        """The share where it is due, else nothing."""
        return np.where(markets.decision % self.every == 0, markets.share(self.percent), 0)


POLICIES: dict[str, Policy] = {
    "TWAP": Twap(),
    "POPV1 50 %": PostedVolume(50, 1),
    "POPV2 50 %": PostedVolume(50, 2),
    "POPV3 100 %": PostedVolume(100, 3),
    "POPV4 100 %": PostedVolume(100, 4),
    "POPV1 100 %": PostedVolume(100, 1),
    "POPV2 100 %": PostedVolume(100, 2),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A policy's score over many episodes."""

    episodes: int
    mean: float
    std: float
    unfinished: int
    """Episodes in which something was left to walk the book,"""
    unfinished_mean: float
    """and how much, in the mean of those (0 if there were none)."""

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.std / math.sqrt(self.episodes)

    def errors_from(self, published: Published) -> float:
        """The difference from a published mean, in standard errors of that difference."""
        return (self.mean - published.mean) / math.hypot(
            self.error, published.std / math.sqrt(PUBLISHED_EPISODES)
        )


def scores(
    policy: Policy, episodes: int, seed: int, model: Model | None = None, terms: Terms | None = None
) -> Iterator[tuple[NDArray[np.float64], Queues]]:
    """Scores and what was left, batch by batch, [at most 4096] each: whoever reads may show progress."""
    for number, begin in enumerate(range(0, episodes, _BATCH)):
        count = min(_BATCH, episodes - begin)
        markets = Environments(count, (seed << 20) + number, model, terms)
        total = np.zeros(count)
        for _ in range(markets.terms.decisions):
            total += markets.step(policy(markets))
        yield total, markets.unfilled.copy()


def evaluate(
    policy: Policy,
    episodes: int,
    seed: int,
    model: Model | None = None,
    terms: Terms | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Outcome:
    """The policy's mean score. The same seed gives every policy the same opening books."""
    parts, rests = [], []
    for total, unfilled in scores(policy, episodes, seed, model, terms):
        parts.append(total)
        rests.append(unfilled)
        progress(len(total))
    total, unfilled = np.concatenate(parts), np.concatenate(rests)
    some = unfilled[unfilled > 0]
    return Outcome(
        episodes=episodes,
        mean=float(total.mean()),
        std=float(total.std(ddof=1)),
        unfinished=len(some),
        unfinished_mean=float(some.mean()) if len(some) else 0.0,
    )


def throughput(
    clock: Callable[[], float], seconds: float = 2.0, count: int = 1024, policy: Policy | None = None
) -> float:
    """Environment steps (decisions) a second on this thread, over `seconds` of `clock` (time.perf_counter).

    Counted is all that a trainer pays for but its own network: the policy (POPV2 50 %), the purchases, the
    25 s of market between two decisions, the opening books of new episodes. The reference's environment:
    2,697.
    """
    policy = POLICIES["POPV2 50 %"] if policy is None else policy
    markets = Environments(count, seed=1)
    markets.step(policy(markets), restart=True)  # compiles, or reads what was compiled
    steps, began = 0, clock()
    while (elapsed := clock() - began) < seconds:
        markets.step(policy(markets), restart=True)
        steps += count
    return steps / elapsed


@kernel
def _open(
    queues: Queues, ref: Queues, left: Queues, decision: Queues, e: int, rng: Generator, model: Tables,
    quantity: int, one_tick: bool,
) -> None:  # fmt: skip
    levels = model.invariant.shape[0]
    redraw(queues, e, rng, model)
    while one_tick and (queues[e, 0] == 0 or queues[e, levels] == 0):
        redraw(queues, e, rng, model)
    ref[e], left[e], decision[e] = 0, quantity, 0


@kernel
def _reset(
    queues: Queues, ref: Queues, left: Queues, decision: Queues, rng: Streams, model: Tables, quantity: int,
    one_tick: bool,
) -> None:  # fmt: skip
    for e in range(queues.shape[0]):
        _open(queues, ref, left, decision, e, rng[e], model, quantity, one_tick)


@kernel
def _step(
    queues: Queues, ref: Queues, left: Queues, decision: Queues, bought: Queues, unfilled: Queues,
    paid: Queues, walked: Queues, quantities: Queues, rng: Streams, model: Tables, was: Queues, quantity: int,
    decisions: int, every_s: float, one_tick: bool, restart: bool,
) -> None:  # fmt: skip
    levels = model.invariant.shape[0]
    for e in range(queues.shape[0]):
        bought[e], paid[e], walked[e] = 0, 0, 0
        if left[e] == 0 or decision[e] >= decisions:
            continue
        offered = 0
        for k in range(levels):
            offered += queues[e, levels + k]
        taken = min(quantities[e], left[e], offered - 1)
        bought[e], unfilled[e] = taken, 0
        if taken > 0:
            paid[e] = take(queues, ref, e, taken, rng[e], model, was)
        left[e] -= taken
        decision[e] += 1
        if left[e] > 0 and decision[e] < decisions:
            advance(queues, ref, e, every_s, rng[e], model, was)
            continue
        if left[e] > 0:
            unfilled[e] = left[e]
            walked[e] = walk_cost(queues, ref, e, left[e], levels)
        if restart:
            _open(queues, ref, left, decision, e, rng[e], model, quantity, one_tick)


@kernel
def _best_offers(queues: Queues, sizes: Queues) -> None:
    levels = queues.shape[1] // 2
    for e in range(queues.shape[0]):
        sizes[e] = queues[e, levels + best(queues, e, levels, levels)]


def warm() -> None:
    """Compile the task's kernels."""
    evaluate(POLICIES["POPV1 50 %"], 1, 1)
    markets = Environments(1, 1, terms=replace(Terms(), decisions=1))
    markets.step(markets.share(100), restart=True)
