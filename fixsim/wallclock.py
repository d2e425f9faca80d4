"""The venues on the machine's clock: messages are handled when they come; a timer wakes for what is due.

What the event loop found at one turn came at one moment: the clock is read once for all of it, and what it
makes leaves when all has been handled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fixsim.console import Answer
from fixsim.ports import Venues
from router.clock import Clock
from router.link import Link


class WallClock:
    """Venues on the machine's clock: a link's owner that handles each message as it comes."""

    def __init__(self, venues: Venues, clock: Clock) -> None:
        self._venues = venues
        self._gateway = venues.gateway
        self._clock = clock
        self._venue_of: dict[Link, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        """The end of the loop's turn, where something has come in it."""
        self._now_ns = 0
        """Its moment."""
        self._over = asyncio.Event()

    def make_link(self, venue: str) -> Link:
        link = self._venues.link(self)
        self._venue_of[link] = venue
        return link

    def link_up(self, link: Link) -> None:
        self._gateway.accepted(link, self._venue_of[link])

    def link_down(self, link: Link, reason: str) -> None:
        self._venue_of.pop(link, None)
        self._gateway.closed(link, self._clock.now_ns())
        self._turn()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """The bound on what waits is the link's own."""

    def messages_ready(self, link: Link) -> None:
        if self._soon is None:
            self._now_ns = self._clock.now_ns()
            self._gateway.advance(self._now_ns)
            self._soon = asyncio.get_running_loop().call_soon(self._turn)
        next_message, received, now_ns = link.framer.next, self._gateway.received, self._now_ns
        while (message := next_message()) is not None:
            received(link, message, now_ns)

    def _turn(self) -> None:
        """Do what is due, and come back for what is due next."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        now_ns = self._clock.now_ns()
        self._gateway.advance(now_ns)
        self._venues.flush()
        self._venues.pause()
        if self._timer is not None:
            self._timer.cancel()
        if now_ns >= self._gateway.exchange.end_ns:
            self._over.set()
            return
        end_ns = self._gateway.exchange.end_ns
        due_ns = min(end_ns, self._gateway.deadline_ns() or end_ns)
        self._timer = asyncio.get_running_loop().call_later(max(0, due_ns - now_ns) / 1e9, self._turn)

    def at_once(self, do: Callable[[int], Answer]) -> Answer:
        """What an operator does, now: behind everything that is due, and what it makes leaves at once."""
        now_ns = self._clock.now_ns()
        self._gateway.advance(now_ns)
        try:
            return do(now_ns)
        finally:
            self._turn()

    async def run(self) -> None:
        """Until the tape's end. Sessions are logged out then, and given a moment to say so."""
        self._turn()
        await self._over.wait()
        self._gateway.logout("the market is closed", self._clock.now_ns())
        self._venues.flush()
        for _ in range(20):
            if not self._venue_of:
                break
            await asyncio.sleep(0.05)

    def close(self) -> None:
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        for link in list(self._venue_of):
            link.close()
