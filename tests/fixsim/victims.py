"""Participants for hostile agents to live off: a schedule of equal slices, and one that is harder to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fixsim.flow.hostile.agents import Agent
from fixsim.flow.hostile.crowd import Crowd
from fixsim.flow.hostile.desk import Desk
from fixsim.flow.source import Source
from fixsim.matching import Kind, Market, Peg, Terms

S = 1_000_000_000
FAR_PX = 1 << 30


@dataclass(frozen=True)
class Slices:
    """What is sent when: ns from the start and lots. Total and duration are the same for both kinds."""

    times: list[int]
    lots: list[int]

    @classmethod
    def equal(cls, seed: int, number: int, period_s: float, lots: int) -> Slices:
        """`seed` only says when it begins: within the first period, as for anybody."""
        first = np.random.default_rng((seed, 1)).uniform(0.2, 0.8)
        return cls([int((n + first) * period_s * S) for n in range(number)], [lots] * number)

    @classmethod
    def random(cls, seed: int, number: int, period_s: float, lots: int) -> Slices:
        """A time anywhere in each period, sizes from a fifth to nine fifths, and the same total."""
        chance = np.random.default_rng((seed, 2))
        at = (np.arange(number) + chance.uniform(0, 1, number)) * period_s * S
        sizes = chance.uniform(0.2, 1.8, number)
        sizes = np.maximum(1, np.rint(sizes * lots * number / sizes.sum())).astype(int)
        return cls(at.astype(int).tolist(), sizes.tolist())


Act = Callable[[Market, int, int, int, int], None]
"""(market, key, lots, time, previous key): how a slice of a buyer is sent."""


def take(market: Market, key: int, lots: int, now_ns: int, before: int) -> None:
    """At the market."""
    market.submit(0, key, 1, FAR_PX, lots, Kind.IOC, now_ns)


def hide(market: Market, key: int, lots: int, now_ns: int, before: int) -> None:
    """Not displayed, at the midpoint; what is left of the slice before is added to it."""
    left = market.cancel(before) if before else 0
    market.submit(0, key, 1, 0, lots + left, Kind.LIMIT, now_ns, Terms(peg=Peg.MID))


def guard(market: Market, key: int, lots: int, now_ns: int, before: int) -> None:
    """As hide, for no less than 500 lots at a time."""
    left = market.cancel(before) if before else 0
    terms = Terms(peg=Peg.MID, min_qty=min(500, lots + left))
    market.submit(0, key, 1, 0, lots + left, Kind.LIMIT, now_ns, terms)


def show(market: Market, key: int, lots: int, now_ns: int, before: int) -> None:
    """Displayed at the best bid; what is left of the slice before is added to it."""
    left = market.cancel(before) if before else 0
    bid = market.best(0).bid_px
    if bid:
        market.submit(0, key, 1, bid, lots + left, Kind.LIMIT, now_ns)


def iceberg(market: Market, key: int, lots: int, now_ns: int, before: int) -> None:
    """As show, but no more than 200 lots of it are displayed."""
    left = market.cancel(before) if before else 0
    bid = market.best(0).bid_px
    if bid:
        terms = Terms(display_qty=min(200, lots + left))
        market.submit(0, key, 1, bid, lots + left, Kind.LIMIT, now_ns, terms)


@dataclass(frozen=True)
class Outcome:
    gain: float
    """Of the agent: half ticks x lots, what it still has at the mid."""
    found: int
    trips: int
    cost: float
    """Of the victim per lot, in half ticks over the first mid."""


def play(
    opens: Callable[[int], Source],
    agent: Callable[[Desk], Agent],
    act: Act,
    slices: Slices | None,
    seed: int,
) -> Outcome:
    """A market of one venue with one agent, and the victim if there is one; drained at each second."""
    source = opens(seed)
    market = source.market
    desk = Desk(market, number=0)
    crowd = Crowd(source.flow, [agent(desk)], seed=seed, start_ns=source.start_ns)
    start_mid = mid = mid_of(market, 20_001.0)
    bought = paid = 0
    due = list(zip(slices.times, slices.lots, strict=True)) if slices else []
    last = 0
    for now in sorted({*range(S, source.stop_ns + 1, S), *(at for at, _ in due)}):
        crowd.step_until(now)
        while due and due[0][0] <= now:
            last -= 1
            act(market, last, due.pop(0)[1], now, last + 1)
            crowd.disturbed()
            crowd.step_until(now)
        for fill in market.fills():
            for who in ("maker_key", "taker_key"):
                if -1_000_000 < fill[who] < 0:
                    bought += int(fill["qty"])
                    paid += int(fill["qty"]) * int(fill["px"])
        market.changes()
        market.notes()
        mid = mid_of(market, mid)
    desk.settle()
    account = desk.account
    cost = paid / bought - start_mid if bought else 0.0
    return Outcome(account.gain(mid), account.found, account.trips, cost)


def mid_of(market: Market, last: float) -> float:
    touch = market.best(0)
    return (touch.bid_px + touch.ask_px) / 2 if touch.bid_qty and touch.ask_qty else last
