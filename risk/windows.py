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

    `oldest_ns` is the time of the `count`-th event back; a new one may pass from `oldest_ns + period_ns` on.
    """

    __slots__ = ("_count", "_next", "_times", "oldest_ns", "period_ns")

    def __init__(self, count: int, period_ns: int) -> None:
        self.period_ns = period_ns
        self._count = count
        self._times = [NEVER_NS] * count
        self._next = 0
        self.oldest_ns = NEVER_NS

    def push(self, now_ns: int) -> None:
        """One event happened."""
        at = self._next
        self._times[at] = now_ns
        at += 1
        if at == self._count:
            at = 0
        self._next = at
        self.oldest_ns = self._times[at]


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
    """The lowest ask and the highest bid seen over a period, in BUCKETS + 1 buckets (so a little longer).

    A buyer is collared against the lowest ask, a seller against the highest bid: orders that walk the market
    step by step, each near the touch of its moment, come to an end.
    """

    BUCKETS: Final = 16
    __slots__ = ("_asks", "_bids", "_bucket", "_bucket_ns", "high_bid_nanos", "low_ask_nanos")

    def __init__(self, period_ns: int) -> None:
        self._bucket_ns = -(-period_ns // self.BUCKETS)
        self._bucket = -1
        self._asks = [0] * (self.BUCKETS + 1)
        self._bids = [0] * (self.BUCKETS + 1)
        self.low_ask_nanos = 0
        self.high_bid_nanos = 0

    def observe(self, bid_nanos: int, ask_nanos: int, now_ns: int) -> None:
        """A consolidated book with both sides, not crossed, at this time."""
        bucket = now_ns // self._bucket_ns
        if bucket > self._bucket:
            self._advance(bucket)
        at = self._bucket % (self.BUCKETS + 1)
        if not 0 < self._asks[at] <= ask_nanos:
            self._asks[at] = ask_nanos
            if not 0 < self.low_ask_nanos <= ask_nanos:
                self.low_ask_nanos = ask_nanos
        if bid_nanos > self._bids[at]:
            self._bids[at] = bid_nanos
            if bid_nanos > self.high_bid_nanos:
                self.high_bid_nanos = bid_nanos

    def _advance(self, bucket: int) -> None:
        size = self.BUCKETS + 1
        for past in range(max(self._bucket + 1, bucket - size + 1), bucket + 1):
            self._asks[past % size] = self._bids[past % size] = 0
        self._bucket = bucket
        self.low_ask_nanos = min((ask for ask in self._asks if ask), default=0)
        self.high_bid_nanos = max(self._bids)
