"""Three ways of living off a participant who can be recognised.

Each agent looks at the market every so often (its reaction time), sees what a Desk shows, and acts. It has no
opinion of the price: it goes in on what it has found, and out again within a bounded time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from fixsim.flow.hostile.desk import Best, Desk, Taken

NANOS = 1_000_000_000
TICK = 2
"""Half ticks."""


class Agent(Protocol):
    """`look` is called at its own times; nothing else tells it anything."""

    desk: Desk
    reaction_ns: int
    """Between two looks, on average."""

    def look(self, now_ns: int) -> None: ...


def leave(desk: Desk, best: Best, now_ns: int) -> None:
    """Out of the position at the best price, as much as is shown there."""
    position = desk.account.position
    if position:
        sign = 1 if position > 0 else -1
        lots = min(abs(position), best.lots(sign))
        desk.take(-sign, best.px(sign), lots, best.venue(sign), now_ns)


@dataclass(slots=True)
class Pinger:
    """Pings for hidden size at the midpoint, buys up the thin best price above a buyer it found, and sells
    that to him at the midpoint which has moved; the same below a seller.

    A ping is one lot pegged to the midpoint and cancelled at once: it meets only what is not displayed.
    """

    desk: Desk
    reaction_ns: int = NANOS // 2
    ping_lots: int = 1
    most_lots: int = 3_000
    """The largest best level that it buys up."""
    patience: int = 4
    """Looks to hand the position to who is hidden; then it goes at the touch."""
    _next_sign: int = 1
    _waits: int = 0

    def look(self, now_ns: int) -> None:
        desk = self.desk
        best = desk.best()
        if best is None:
            return
        if desk.account.position > self.ping_lots or desk.account.position < -self.ping_lots:
            self._hand_over(now_ns)
            return
        if desk.account.position:
            leave(desk, best, now_ns)
        sign = self._next_sign  # of whom it looks for
        self._next_sign = -sign
        for venue in range(desk.market.venues):
            if desk.at_mid(-sign, self.ping_lots, venue, now_ns):
                desk.account.found += 1
                self._go_ahead(sign, best, now_ns)
                return

    def _go_ahead(self, sign: int, best: Best, now_ns: int) -> None:
        """Empty the best level that stands between him and a worse midpoint, if it is thin."""
        desk = self.desk
        if best.spread != TICK or desk.shown(-sign, best.px(-sign)) > self.most_lots:
            return
        desk.account.trips += 1
        self._waits = 0
        for venue in range(desk.market.venues):
            touch = desk.market.best(venue)
            px, lots = (touch.ask_px, touch.ask_qty) if sign > 0 else (touch.bid_px, touch.bid_qty)
            if px == best.px(-sign) and lots:
                desk.take(sign, px, lots, venue, now_ns)

    def _hand_over(self, now_ns: int) -> None:
        desk = self.desk
        sign = 1 if desk.account.position > 0 else -1
        self._waits += 1
        for venue in range(desk.market.venues):
            if desk.account.position:
                desk.at_mid(-sign, abs(desk.account.position), venue, now_ns)
        best = desk.best()
        if best is not None and self._waits >= self.patience:
            leave(desk, best, now_ns)


@dataclass(slots=True)
class PennyJumper:
    """Steps a tick in front of a large displayed order, with it as the way out.

    Filled, it offers what it got a tick further on, or at the opposite touch if that is nearer, and hands it
    to the large order when that shrinks or the price leaves it behind.
    """

    desk: Desk
    reaction_ns: int = NANOS // 4
    large_lots: int = 20_000
    """Displayed at one best price by whoever else."""
    lots: int = 1_000
    gone_share: float = 0.5
    """The large order counts as gone when less than this share of `large_lots` is left."""
    _sign: int = 0
    _leant_px: int = 0
    """Where the large order is that it leans on."""

    def look(self, now_ns: int) -> None:
        desk = self.desk
        desk.settle()
        best = desk.best()
        if best is None:
            return
        if self._sign and self._left_alone(best):
            desk.cancel_all(now_ns)
            leave(desk, best, now_ns)
            if not desk.account.position:
                self._sign = 0
            return
        if not self._sign:
            self._step_in(best, now_ns)
        elif desk.account.position * self._sign > 0:
            self._offer(best, now_ns)
        elif not desk.resting():
            self._sign = 0

    def _left_alone(self, best: Best) -> bool:
        there = self.desk.shown(self._sign, self._leant_px)
        behind = self._sign * (best.px(self._sign) - self._leant_px) > 2 * TICK
        return behind or there < self.gone_share * self.large_lots

    def _step_in(self, best: Best, now_ns: int) -> None:
        if best.spread < 2 * TICK:
            return
        for sign in (1, -1):
            if self.desk.shown(sign, best.px(sign)) >= self.large_lots:
                self.desk.account.found += 1
                self.desk.account.trips += 1
                self._sign, self._leant_px = sign, best.px(sign)
                self.desk.rest(sign, self._leant_px + sign * TICK, self.lots, best.venue(sign), now_ns)
                return

    def _offer(self, best: Best, now_ns: int) -> None:
        """What it got, at a profit of a tick or more over where the large order stands."""
        desk, sign = self.desk, self._sign
        for key, (side, _, _) in desk.resting().items():
            if side == sign:
                desk.cancel(key, now_ns)
        if desk.resting():
            return
        px = max(sign * best.px(-sign), sign * (self._leant_px + 2 * sign * TICK)) * sign
        desk.rest(-sign, px, abs(desk.account.position), best.venue(-sign), now_ns)


@dataclass(slots=True)
class Anticipator:
    """Finds takers of one size at even times, goes in ahead of the next, and out after a few of them.

    A pattern is `repeats` prints of one side whose sizes are within `size_tolerance` of the last one's and
    whose intervals are within `time_tolerance` of their mean; prints of other sizes do not matter.
    """

    desk: Desk
    reaction_ns: int = NANOS // 4
    least_lots: int = 2_500
    """Smaller prints are everybody's."""
    repeats: int = 3
    size_tolerance: float = 0.02
    time_tolerance: float = 0.05
    lots: int = 2_000
    lead_ns: int = 2 * NANOS
    """How long before the expected print it goes in."""
    hold: int = 3
    """Prints that it stays in for; a print that fails to come ends it at once."""
    memory: int = 64
    _seen: dict[int, deque[Taken]] = field(default_factory=dict)
    _sign: int = 0
    _period_ns: int = 0
    _expected_ns: int = 0
    _size: int = 0
    _left: int = 0

    def look(self, now_ns: int) -> None:
        desk = self.desk
        came = [print_ for print_ in desk.taken() if print_.lots >= self.least_lots]
        for one in came:
            self._seen.setdefault(one.sign, deque(maxlen=self.memory)).append(one)
        best = desk.best()
        if best is None:
            return
        if not self._sign:
            self._recognise(now_ns)
            return
        if any(self._is_next(one) for one in came):
            self._left -= 1
            self._expected_ns += self._period_ns
        elif now_ns > self._expected_ns + self._slack_ns():
            self._left = 0
        if self._left <= 0:
            leave(desk, best, now_ns)
            if not desk.account.position:
                self._sign = 0
        elif not desk.account.position and now_ns >= self._expected_ns - self.lead_ns:
            desk.account.trips += 1
            side = -self._sign
            lots = min(self.lots, best.lots(side))
            desk.take(self._sign, best.px(side), lots, best.venue(side), now_ns)

    def _slack_ns(self) -> int:
        return int(self.time_tolerance * self._period_ns) + 2 * self.reaction_ns

    def _is_next(self, one: Taken) -> bool:
        near = abs(one.time_ns - self._expected_ns) <= self._slack_ns()
        return one.sign == self._sign and near and self._alike(one.lots, self._size)

    def _alike(self, lots: int, size: int) -> bool:
        return abs(lots - size) <= self.size_tolerance * size

    def _recognise(self, now_ns: int) -> None:
        """Whether the newest print of a side ends a pattern, whose next is still to come."""
        for sign, seen in self._seen.items():
            if not seen:
                continue
            last = seen[-1]
            alike = [one for one in seen if self._alike(one.lots, last.lots)][-self.repeats :]
            if len(alike) < self.repeats:
                continue
            gaps = [b.time_ns - a.time_ns for a, b in pairwise(alike)]
            mean = sum(gaps) / len(gaps)
            even = all(abs(gap - mean) <= self.time_tolerance * mean for gap in gaps)
            if even and last.time_ns + mean - self.lead_ns > now_ns - self.reaction_ns:
                self.desk.account.found += 1
                self._sign, self._size, self._left = sign, last.lots, self.hold
                self._period_ns = int(mean)
                self._expected_ns = last.time_ns + self._period_ns
                return
