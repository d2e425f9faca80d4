"""The queue-reactive market and the published task in plain Python, with exponential waiting times.

It says the rules once more, another way round, so that the kernels have something to be compared with;
nothing of fixsim.flow's kernels is used. Queues are [bids, offers], prices in half ticks from the start.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from fixsim.flow.model import Model
from fixsim.tape.frame import LobFrame

LIMIT, CANCEL, MARKET = range(3)
BIDS, OFFERS = range(2)


@dataclass
class PlainMarket:
    model: Model
    rng: random.Random
    spread_moves: bool = False
    ref: int = 0
    queues: list[list[int]] = field(default_factory=list)
    redrawn: bool = False
    """The last event had all queues drawn again."""

    def __post_init__(self) -> None:
        self._law = [list(row) for row in self.model.invariant]
        self._rates = self.model.intensity.tolist()
        self._units = [int(u) for u in self.model.unit_lots]
        self.queues = self.drawn()

    def drawn(self) -> list[list[int]]:
        sides = []
        for _ in (BIDS, OFFERS):
            while not any(side := [self.draw(k) for k in range(self.model.levels)]):
                pass
            sides.append(side)
        return sides

    def draw(self, level: int) -> int:
        return self.rng.choices(range(self.model.most + 1), self._law[level])[0]

    def best(self, side: int) -> int:
        return next(k for k, size in enumerate(self.queues[side]) if size)

    def mid(self) -> int:
        return self.ref + self.best(OFFERS) - self.best(BIDS)

    def price(self, side: int, level: int) -> int:
        return self.ref + (2 * level + 1) * (1 if side == OFFERS else -1)

    def events(self, seconds: float) -> Iterator[tuple[float, int, int, int, int]]:
        """(time, side, level, kind, p_ref before) of each, once it and what follows from it are done."""
        now = 0.0
        while True:
            rates = [
                self._rates[level][size][side]
                for side in (BIDS, OFFERS)
                for level, size in enumerate(self.queues[side])
            ]
            flat = [rate for queue in rates for rate in queue]
            total = sum(flat)
            now += self.rng.expovariate(total)
            if now > seconds:
                return
            place, left = 0, self.rng.random() * total - flat[0]
            while left >= 0 and place < len(flat) - 1:
                place += 1
                left -= flat[place]
            queue, kind = divmod(place, 3)
            side, level = divmod(queue, self.model.levels)
            before = self.ref
            if self._apply(side, level, kind):
                yield now, side, level, kind, before

    def _apply(self, side: int, level: int, kind: int) -> bool:
        size = self.queues[side][level]
        size_after = size + 1 if kind == LIMIT else size - 1
        if not 0 <= size_after <= self.model.most or (size_after == 0 and sum(self.queues[side]) == 1):
            return False
        mid = self.mid()
        self.queues[side][level] = size_after
        moved = self.mid() - mid
        self.redrawn = False
        into_spread = kind == LIMIT and self.best(1 - side) == 0
        if moved and (self.spread_moves or not into_spread):
            self.follow(1 if moved > 0 else -1)
        return True

    def follow(self, way: int) -> None:
        was = [list(side) for side in self.queues]
        while True:
            self.redrawn, step = False, 0
            self.queues = [list(side) for side in was]
            if self.rng.random() < self.model.theta:
                step = 2 * way
                self.redrawn = self.rng.random() < self.model.theta_reinit
                self.queues = self.drawn() if self.redrawn else self.shifted(was, way)
            if any(self.queues[BIDS]) and any(self.queues[OFFERS]):
                self.ref += step
                return

    def shifted(self, was: list[list[int]], way: int) -> list[list[int]]:
        leaving, coming = (BIDS, OFFERS) if way > 0 else (OFFERS, BIDS)
        sides: list[list[int]] = [[], []]
        last = self.model.levels - 1
        sides[leaving] = [0] + [self.resized(was[leaving][k], k, k + 1) for k in range(last)]
        sides[coming] = [self.resized(was[coming][k + 1], k + 1, k) for k in range(last)] + [self.draw(last)]
        return sides

    def resized(self, size: int, level: int, to: int) -> int:
        return min(self.model.most, round(size * self._units[level] / self._units[to]))

    def buy(self, quantity: int) -> int:
        """What it costs above the start price; at most all but one may be bought."""
        assert quantity < sum(self.queues[OFFERS])
        paid, emptied = 0, False
        for level, size in enumerate(self.queues[OFFERS]):
            taken = min(quantity, size)
            self.queues[OFFERS][level] -= taken
            quantity -= taken
            paid += taken * self.price(OFFERS, level)
            emptied |= taken == size > 0
        if emptied:
            self.follow(1)
        return paid


def episode(market: PlainMarket, wanted: Callable[[int, int], int]) -> float:
    """The score of one episode; `wanted` says from decision and best offer what to buy."""
    left, paid = 25, 0
    for decision in range(25):
        offers = market.queues[OFFERS]
        quantity = min(wanted(decision, offers[market.best(OFFERS)]), left, sum(offers) - 1)
        paid += market.buy(quantity)
        left -= quantity
        if left == 0:
            break
        if decision < 24:
            for _ in market.events(25.0):
                pass
    for level, size in enumerate(market.queues[OFFERS]):
        taken = min(left, size)
        left -= taken
        paid += taken * market.price(OFFERS, level)
    paid += left * market.price(OFFERS, market.model.levels)
    return -paid * market.model.tick_nanos / 2e9


def shares(sizes: list[int], most: int) -> np.ndarray:
    """[most + 1]: how often each size is in `sizes`."""
    return np.bincount(sizes, minlength=most + 1) / len(sizes)


def framed(market: PlainMarket, seconds: float, middle: int = 10_000) -> tuple[LobFrame, np.ndarray]:
    """Its course as a frame in ticks of 1 nano (p_ref begins at middle + 1/2), and p_ref after each row.

    A redraw or a shift is in its event's row already, as it would be if it took no time.
    """
    units, rows = [int(u) for u in market.model.unit_lots], []
    for now, side, level, kind, before in market.events(seconds):
        px, qty = np.zeros((2, market.model.levels), np.int64), np.zeros((2, market.model.levels), np.int64)
        for book in (BIDS, OFFERS):
            resting = [k for k, size in enumerate(market.queues[book]) if size]
            for at, k in enumerate(resting):
                px[book, at] = middle + (market.price(book, k) + 1) // 2
                qty[book, at] = market.queues[book][k] * units[k]
        half = before + (2 * level + 1) * (1 if side == OFFERS else -1)
        rows.append((now, kind, side, middle + (half + 1) // 2, units[level], px, qty, market.ref))
    n = len(rows)
    time, kind, side, price, quantity, px, qty, ref = (list(column) for column in zip(*rows, strict=True))
    frame = LobFrame(
        symbol=market.model.symbol,
        tick_nanos=1,
        lots_per_unit=1,
        time_ns=(np.array(time) * 1e9).astype(np.int64),
        change=np.array(kind, np.int8),
        side=np.where(np.array(side) == BIDS, 1, -1).astype(np.int8),
        price=np.array(price),
        quantity=np.array(quantity),
        order_id=np.full(n, -1),
        px=np.array(px),
        qty=np.array(qty),
    )
    return frame, np.array(ref) + 2 * middle + 1
