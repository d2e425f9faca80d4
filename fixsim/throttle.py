"""A limit on messages: at most so many in any second.

A sliding window and not a bucket that refills: the limit holds over every second there is, and a burst of
the whole allowance is followed by silence until its first message is a second old. What is refused does not
count. Time is the market's, when a message arrives at the gateway.

What is beyond the limit goes the same way as everything else, and is refused at its end: a new order by a
report (150=8, 103=99), a cancel or a replace by 9 (102=99), a mass cancel by r (531=0, 532=99). FIX 4.4 has
no BusinessRejectReason(380) for it (8, throttle, came with 5.0), OrdRejReason 3 speaks of an order's size,
and a reject of the business level would leave the order without an answer of its own.
"""

from __future__ import annotations

from collections import deque

from fixsim.settings import Settings
from router.fix.messages import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
)

SECOND_NS = 1_000_000_000


class Throttle:
    """One client's allowance of one kind of message. Times must not run backwards."""

    __slots__ = ("_admitted", "limit")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit {limit} messages a second is not positive")
        self.limit = limit
        self._admitted: deque[int] = deque(maxlen=limit)
        """When the last `limit` messages were admitted, the oldest first."""

    def admits(self, now_ns: int) -> bool:
        """Whether a message may pass now; if so, it counts from now on for a second."""
        if len(self._admitted) == self.limit and now_ns - self._admitted[0] < SECOND_NS:
            return False
        self._admitted.append(now_ns)
        return True


class Throttles:
    """Every client's limits, by the settings: new orders with replaces, cancels with mass cancels."""

    __slots__ = ("_cancels", "_orders", "limited")

    def __init__(self, settings: Settings) -> None:
        self._orders: dict[tuple[str, str], Throttle] = {}
        self._cancels: dict[tuple[str, str], Throttle] = {}
        for venue in settings.venue:
            for client in venue.clients:
                key = (venue.name, client.comp_id)
                if client.max_orders_per_s is not None:
                    self._orders[key] = Throttle(client.max_orders_per_s)
                if client.max_cancels_per_s is not None:
                    self._cancels[key] = Throttle(client.max_cancels_per_s)
        self.limited = bool(self._orders or self._cancels)
        """Whether any client has a limit."""

    def refusal(self, venue: str, client: str, message: object, now_ns: int) -> str:
        """Why a message is beyond its client's limit; "" if it may pass, and counts."""
        if isinstance(message, NewOrderSingle | OrderCancelReplaceRequest):
            throttle, kind = self._orders.get((venue, client)), "orders"
        elif isinstance(message, OrderCancelRequest | OrderMassCancelRequest):
            throttle, kind = self._cancels.get((venue, client)), "cancels"
        else:
            return ""
        if throttle is None or throttle.admits(now_ns):
            return ""
        return f"throttled: {client} may send {throttle.limit} {kind} a second"
