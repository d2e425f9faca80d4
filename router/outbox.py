"""Messages that wait to leave on one session: bounded, cancels first, without a MsgSeqNum until they leave.

A message that has no number yet can still be dropped, which is what a latch needs: nothing that waits here
leaves after it. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from router.orders import Child


@dataclass(frozen=True, slots=True)
class Outgoing:
    msg_type: bytes
    body: bytes
    child: Child | None = None  # the order that this message would create


class OutboxFull(Exception):  # noqa: N818 - a bound, which the caller answers for
    """The bound on waiting messages is reached; the caller decides what that costs."""


class Outbox:
    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._cancels: deque[Outgoing] = deque()
        self._others: deque[Outgoing] = deque()

    def __len__(self) -> int:
        return len(self._cancels) + len(self._others)

    def put(self, message: Outgoing) -> None:
        """Raises OutboxFull at the bound."""
        if len(self._others) >= self._bound:
            raise OutboxFull(f"{self._bound} messages already wait to leave")
        self._others.append(message)

    def put_cancel(self, message: Outgoing) -> None:
        """Cancels are bounded by the open orders, so that they are never refused here."""
        self._cancels.append(message)

    @property
    def cancel_is_next(self) -> bool:
        return bool(self._cancels)

    def pop(self) -> Outgoing | None:
        if self._cancels:
            return self._cancels.popleft()
        return self._others.popleft() if self._others else None

    def drop_orders(self, doomed: Callable[[Child], bool]) -> list[Child]:
        """Takes out the new orders for which `doomed` holds, and returns them."""
        dropped = [m.child for m in self._others if m.child is not None and doomed(m.child)]
        if dropped:
            self._others = deque(m for m in self._others if m.child is None or not doomed(m.child))
        return dropped

    def waiting(self) -> list[Outgoing]:
        """All of it, in the order in which it would leave."""
        return [*self._cancels, *self._others]

    def clear(self) -> list[Child]:
        """Empties it (the session is down), and returns the orders that have not left."""
        dropped = [m.child for m in self._others if m.child is not None]
        self._cancels.clear()
        self._others.clear()
        return dropped
