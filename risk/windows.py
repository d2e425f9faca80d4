"""Bounded memories of the recent past: message rates, repeats, and the reference price over a rolling period.

Every one has a fixed or rate-bounded size, works in constant time, and is told the time. A clock that goes
backwards makes them stricter, never looser.
"""

from __future__ import annotations

from collections import deque
from typing import Final

NEVER_NS: Final = -(1 << 80)


class RateWindow:
    """At most `count` events in any `period_ns`: a ring of the last `count` times.

    `free_ns`: a new one may pass from then on, a period after the `count`-th event back.
    """

    __slots__ = ("_count", "_next", "_period_ns", "_times", "free_ns")

    def __init__(self, count: int, period_ns: int) -> None:
        self._period_ns = period_ns
        self._count = count
        self._times = [NEVER_NS] * count
        self._next = 0
        self.free_ns = NEVER_NS

    def push(self, now_ns: int) -> None:
        """One event happened."""
        at = self._next
        self._times[at] = now_ns
        at += 1
        if at == self._count:
            at = 0
        self._next = at
        self.free_ns = self._times[at] + self._period_ns


class RepeatWindow:
    """How often the same thing happened within `period_ns`.

    It holds one entry for each event in the period, so the message rate bounds it.
    """

    __slots__ = ("_counts", "_events", "_period_ns")

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._events: deque[tuple[int, object]] = deque()
        self._counts: dict[object, int] = {}

    def count(self, key: object, now_ns: int) -> int:
        """Events of this key in the `period_ns` before now."""
        events, counts = self._events, self._counts
        horizon_ns = now_ns - self._period_ns
        while events and events[0][0] <= horizon_ns:
            old = events.popleft()[1]
            left = counts[old] - 1
            if left:
                counts[old] = left
            else:
                del counts[old]
        return counts.get(key, 0)

    def push(self, key: object, now_ns: int) -> None:
        """One event of this key happened."""
        self._events.append((now_ns, key))
        self._counts[key] = self._counts.get(key, 0) + 1


class RollingTouch:
    """The rolling collar: so many bp above the lowest ask, and below the highest bid, seen over a period.

    Orders that walk the market step by step, each near the touch of its moment, come to an end there. The
    period is kept in BUCKETS + 1 buckets, so it is a little longer than asked. `highest_buy_nanos` and
    `lowest_sell_nanos` are inclusive, and known from the first `observe` on.
    """

    BUCKETS: Final = 16
    __slots__ = (
        "_asks",
        "_bids",
        "_bucket",
        "_bucket_ask",
        "_bucket_bid",
        "_bucket_ns",
        "_down_bp",
        "_ends_ns",
        "_up_bp",
        "highest_buy_nanos",
        "lowest_sell_nanos",
    )

    def __init__(self, period_ns: int, collar_bp: int) -> None:
        self._up_bp = 10_000 + collar_bp
        self._down_bp = 10_000 - collar_bp
        self._bucket_ns = -(-period_ns // self.BUCKETS)
        self._bucket = -1
        self._ends_ns = NEVER_NS
        self._bucket_ask = self._bucket_bid = 0  # what the present bucket holds, for the quick way out
        self._asks: list[int | None] = [None] * (self.BUCKETS + 1)
        self._bids = [0] * (self.BUCKETS + 1)
        self.highest_buy_nanos = 0
        self.lowest_sell_nanos = 0

    def observe(self, bid_nanos: int, ask_nanos: int, now_ns: int) -> None:
        """A consolidated book with both sides, not crossed, at this time."""
        if now_ns < self._ends_ns and ask_nanos >= self._bucket_ask and bid_nanos <= self._bucket_bid:
            return
        size = self.BUCKETS + 1
        if now_ns >= self._ends_ns:
            bucket = now_ns // self._bucket_ns
            for past in range(max(self._bucket + 1, bucket - size + 1), bucket + 1):
                self._asks[past % size], self._bids[past % size] = None, 0
            self._bucket = bucket
            self._ends_ns = (bucket + 1) * self._bucket_ns
        at = self._bucket % size
        low = self._asks[at]
        self._bucket_ask = self._asks[at] = ask_nanos if low is None else min(low, ask_nanos)
        self._bucket_bid = self._bids[at] = max(self._bids[at], bid_nanos)
        low_ask_nanos = min(ask for ask in self._asks if ask is not None)
        self.highest_buy_nanos = low_ask_nanos * self._up_bp // 10_000
        self.lowest_sell_nanos = -(max(self._bids) * self._down_bp // -10_000)
