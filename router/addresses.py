"""Which address of a session's peer is dialled, and when. Pure.

The primary comes first. After a failure the next address follows at once; after the last, a pause that
doubles to a cap, and the primary again. A connection proves nothing: an address is good when its Logon has
come, and the primary is preferred again when it is lost. Only a session that has lasted ends the growing
pauses: one that is ended as soon as it is up must not be begun for ever, a few times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from router.peers import Address

LASTED_NS = 10_000_000_000


class Backoff:
    """How long to wait before dialling again: doubles to a cap, less a random part so that a crowd spreads
    out.
    """

    def __init__(self, first_ns: int, cap_ns: int, random: Callable[[], float]) -> None:
        """`random` gives floats in [0, 1), and is injected."""
        self._first_ns = first_ns
        self._cap_ns = cap_ns
        self._random = random
        self._next_ns = first_ns

    def next_delay_ns(self) -> int:
        """The delay before the next attempt: between half of the current step and the whole of it."""
        step_ns = self._next_ns
        self._next_ns = min(step_ns * 2, self._cap_ns)
        return step_ns // 2 + int(self._random() * (step_ns - step_ns // 2))

    def reset(self) -> None:
        """A session has lasted: begin again from the first step."""
        self._next_ns = self._first_ns


class Addresses:
    """`due_ns` is when to dial `address`; None while that is under way, or the session is up."""

    def __init__(self, addresses: Sequence[Address], backoff: Backoff, now_ns: int) -> None:
        self._addresses = tuple(addresses)
        self._backoff = backoff
        self._at = 0
        self._good_ns: int | None = None
        self.due_ns: int | None = now_ns

    @property
    def is_good(self) -> bool:
        return self._good_ns is not None

    @property
    def address(self) -> Address:
        """What is dialled next; while a connection is up or under way, where to."""
        return self._addresses[self._at]

    def dialling(self) -> None:
        self._good_ns = None
        self.due_ns = None

    def good(self, now_ns: int) -> None:
        """The session is logged on."""
        if self._good_ns is None:
            self._good_ns = now_ns

    def ended(self, now_ns: int) -> None:
        """It could not be reached, or the connection is gone."""
        last = self._at == len(self._addresses) - 1
        if self._good_ns is not None and now_ns - self._good_ns >= LASTED_NS:
            self._backoff.reset()
        if self.is_good or last:
            self._at = 0
            self.due_ns = now_ns + self._backoff.next_delay_ns()
        else:
            self._at += 1
            self.due_ns = now_ns
        self._good_ns = None

    def wake(self, now_ns: int) -> None:
        """Its hours begin: whatever pause there was is over."""
        if self.due_ns is not None:
            self._at = 0
            self._backoff.reset()
            self.due_ns = now_ns

    def move(self, addresses: Sequence[Address], now_ns: int) -> None:
        """The settings name other addresses. A connection that is up stays until it ends."""
        if self._addresses != tuple(addresses):
            self._addresses = tuple(addresses)
            self._at = 0
            self.wake(now_ns)
