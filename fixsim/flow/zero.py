"""Zero intelligence: limit orders, market orders and cancels at constant rates.

Daniels, Farmer, Gillemot, Iori and Smith (2003); Smith, Farmer, Gillemot and Krishnamurthy (2003). The
baseline that any model of a market has to beat.

Every order has one size. A limit order comes to each price within a window of the opposite best price, at the
same rate at each, so it never trades on arrival; a market order takes its size from the best prices; every
resting order of the flow is cancelled at the same rate. Nothing but the opposite best price matters, so
participants are neither noticed nor answered, except where they are that price, or are traded with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.acts import ASKED, EVENTS, VOID, Acts, ask_cancel, ask_limit, ask_market, fresh, send
from fixsim.flow.displayed import best_px
from fixsim.flow.log import MOST_EVENTS, Hands, Log
from fixsim.flow.rng import Generator, below, exponential, generator, uniform
from fixsim.matching import SMALL, Market, MatchingError
from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import MAX_PX, Code, Core
from fixsim.matching.resting import slot_of

_STREAM = 0x5A49  # of the seed, for this flow
_OK = int(Code.OK)
_NEVER = 1 << 62

CLOCK, DUE, BID, OFFER, ALIVE, OPEN, LEFT, SIGN, TAKER, BUILT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
"""Places in Alive.whole: the moment stepped to; when the next event is; the best prices as last seen; how
many ordinals are in Alive.list; whether an event is open, and of a market order what is left to take, its
side and its ordinal; prices of the first book that are built."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A zero-intelligence market. ValueError if it cannot be."""

    limit_per_s: float
    """Limit orders a second at each price of each side."""
    market_per_s: float
    """Market orders a second of each side."""
    cancel_per_s: float
    """Chance per second that a resting order is cancelled."""
    lots: int
    """Every order's size."""
    ticks: int
    """Prices of a side that get limit orders, from one tick off the opposite best on."""

    def __post_init__(self) -> None:
        for name in ("limit_per_s", "market_per_s", "cancel_per_s"):
            value = getattr(self, name)
            if not 0 <= value <= 1e9:
                raise ValueError(f"{name} = {value}: must be 0 to 1e9")
        if not self.limit_per_s or not self.cancel_per_s:
            raise ValueError(
                "limit_per_s, cancel_per_s: must be above zero, or the book stays empty, or grows"
            )
        for name, most in (("lots", 1 << 40), ("ticks", 10_000)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} = {getattr(self, name)}: must be 1 to {most}")

    @property
    def resting(self) -> float:
        """Orders a price has on average where no market order comes to it."""
        return self.limit_per_s / self.cancel_per_s


class Alive(NamedTuple):
    """The flow's state: its clock, and the ordinals that may rest, so that one can be drawn."""

    whole: NDArray[np.int64]
    list: NDArray[np.int64]
    """Each ordinal once; of those that were traded away, some are not yet missed."""
    place: NDArray[np.int64]
    """By ordinal: where it is in `list`, -1: it is not."""
    left: NDArray[np.float64]
    """[1]: of the price that is being built."""


class Constants(NamedTuple):
    limits: float
    """Both sides and all prices."""
    markets: float
    cancel: float
    lots: int
    ticks: int
    resting: float


@part
def enlist(alive: Alive, ordinal: int) -> None:
    if alive.place[ordinal] < 0:
        n = alive.whole[ALIVE]
        alive.list[n], alive.place[ordinal] = ordinal, n
        alive.whole[ALIVE] = n + 1


@part
def strike(alive: Alive, ordinal: int) -> None:
    at, n = alive.place[ordinal], alive.whole[ALIVE] - 1
    last = alive.list[n]
    alive.list[at], alive.place[last] = last, at
    alive.place[ordinal] = -1
    alive.whole[ALIVE] = n


@part
def schedule(rates: Constants, rng: Generator, alive: Alive, now_ns: int) -> None:
    """When the next event is. An ordinal that no longer rests has its turn too, and is then missed."""
    total = rates.limits + rates.markets + rates.cancel * alive.whole[ALIVE]
    alive.whole[DUE] = now_ns + np.int64(min(exponential(rng) / total * 1e9, 4e18)) + 1


@part
def open_limit(core: Core, acts: Acts, alive: Alive, sign: int, ticks: int, lots: int) -> None:
    """A limit order so many ticks off the opposite best, or off where that was last."""
    place = OFFER if sign > 0 else BID
    px = best_px(core, -sign)
    if px > 0:
        alive.whole[place] = px
    px = alive.whole[place] - sign * 2 * ticks
    if px < 2 or px > MAX_PX:
        acts.state[VOID] += 1
        return
    enlist(alive, ask_limit(core, acts, sign, px, lots))


@part
def open_cancel(core: Core, acts: Acts, rng: Generator, alive: Alive) -> None:
    """Cancel any one of the flow's orders."""
    ordinal = alive.list[below(rng, alive.whole[ALIVE])]
    strike(alive, ordinal)
    slot = slot_of(core, ordinal)
    if slot < 0:
        acts.state[VOID] += 1
    else:
        ask_cancel(core, acts, slot)


@part
def open_event(core: Core, acts: Acts, rates: Constants, rng: Generator, alive: Alive) -> None:
    """What is due: an act, or a market order to take price by price."""
    whole = alive.whole
    left = uniform(rng) * (rates.limits + rates.markets + rates.cancel * whole[ALIVE])
    sign = 1 if below(rng, 2) == 0 else -1
    if left < rates.limits:
        open_limit(core, acts, alive, sign, 1 + below(rng, rates.ticks), rates.lots)
    elif left < rates.limits + rates.markets or whole[ALIVE] == 0:
        if best_px(core, -sign) == 0:
            acts.state[VOID] += 1
        else:
            whole[LEFT], whole[SIGN], whole[TAKER] = rates.lots, sign, fresh(core, acts)
    else:
        open_cancel(core, acts, rng, alive)


@part
def take_on(core: Core, acts: Acts, alive: Alive) -> None:
    """The next part of the market order; nothing is left of one that finds no price."""
    whole = alive.whole
    px = best_px(core, -whole[SIGN])
    lots = ask_market(core, acts, whole[TAKER], whole[SIGN], px, whole[LEFT])
    whole[LEFT] = whole[LEFT] - lots if lots > 0 else 0


@part
def build(core: Core, acts: Acts, rates: Constants, rng: Generator, alive: Alive) -> bool:
    """The next order of the first book: a Poisson number at each price of both sides. False: it is there."""
    whole = alive.whole
    while whole[BUILT] < 2 * rates.ticks:
        alive.left[0] -= exponential(rng)
        if alive.left[0] > 0.0:
            sign = 1 if whole[BUILT] < rates.ticks else -1
            px = whole[BID if sign > 0 else OFFER] - sign * 2 * (whole[BUILT] % rates.ticks)
            enlist(alive, ask_limit(core, acts, sign, px, rates.lots))
            return True
        whole[BUILT] += 1
        alive.left[0] = rates.resting
    return False


@kernel
def step(
    core: Core, acts: Acts, rates: Constants, rng: Generator, alive: Alive, until_ns: int, at_most: int
) -> tuple[int, int]:
    """Every event due by `until_ns`, at most so many: (code, events). What is open is finished first."""
    whole = alive.whole
    done = 0
    while True:
        if acts.state[ASKED] == 0 and whole[LEFT] > 0:
            take_on(core, acts, alive)
        elif acts.state[ASKED] == 0 and not build(core, acts, rates, rng, alive):
            if whole[OPEN] != 0:
                whole[OPEN] = 0
                done += 1
            if whole[DUE] <= whole[CLOCK]:
                schedule(rates, rng, alive, whole[CLOCK])
            if done >= at_most:
                return _OK, done
            if whole[DUE] > until_ns:
                whole[CLOCK] = max(whole[CLOCK], until_ns)
                return _OK, done
            whole[CLOCK] = whole[DUE]
            whole[OPEN] = 1
            acts.state[EVENTS] += 1
            open_event(core, acts, rates, rng, alive)
        if acts.state[ASKED] != 0:
            code = send(core, acts, whole[CLOCK])
            if code != _OK:
                return code, done


class ZeroIntelligence:
    """A Flow; see the module. It fills an empty market with its first book, and is then what trades there."""

    def __init__(
        self, market: Market, rates: Rates, *, seed: int, start_ns: int, start_px: int, log: Log | None = None
    ) -> None:
        """`start_px`: the first mid in half ticks, between two prices: odd."""
        if start_px % 2 == 0 or not 2 * rates.ticks < start_px < MAX_PX // 2:
            raise MatchingError(
                f"start_px {start_px} half ticks: must be odd, between prices, {rates.ticks} ticks or more up"
            )
        self.hands = Hands(market, log)
        self._rates = Constants(
            limits=2 * rates.ticks * rates.limit_per_s,
            markets=2 * rates.market_per_s,
            cancel=rates.cancel_per_s,
            lots=rates.lots,
            ticks=rates.ticks,
            resting=rates.resting,
        )
        n = market.capacity.recorded
        self._alive = Alive(
            whole=np.zeros(10, np.int64),
            list=np.zeros(n, np.int64),
            place=np.full(n, -1, np.int64),
            left=np.array([rates.resting]),
        )
        whole = self._alive.whole
        whole[CLOCK], whole[DUE] = start_ns, start_ns
        whole[BID], whole[OFFER] = start_px - 1, start_px + 1
        self._rng = generator(seed, _STREAM)
        self.step(start_ns, 0)
        self.hands.opened()

    def next_time_ns(self) -> int | None:
        whole = self._alive.whole
        due = int(whole[CLOCK] if whole[OPEN] else whole[DUE])
        return None if due >= _NEVER else due

    def step_until(self, time_ns: int) -> int:
        return self.step(time_ns, MOST_EVENTS)

    def step(self, until_ns: int, at_most: int) -> int:
        """As step_until, at most so many events."""
        hands, left = self.hands, at_most

        def run() -> tuple[int, int]:
            nonlocal left
            code, n = step(hands.core, hands.acts, self._rates, self._rng, self._alive, until_ns, left)
            left -= n
            return code, n

        return hands.all(run)

    def disturbed(self) -> None:
        """No rate depends on what participants do."""


def warm() -> None:
    """Compile the kernels."""
    rates = Rates(limit_per_s=1.0, market_per_s=1.0, cancel_per_s=0.2, lots=1, ticks=5)
    ZeroIntelligence(Market(1, 2001, capacity=SMALL), rates, seed=1, start_ns=0, start_px=2001).step(
        _NEVER, 100
    )
