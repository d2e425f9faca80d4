"""The venues in lock-step: bytes are held until their sender is said to be done, then handled in one
order.

The order is (venue, client), message order inside: what came first on the wire does not matter. The
coordinator (fixsim/lockstep.py) says when; which connections are whose, it learns from the participants'
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping

from fixsim.console import Answer
from fixsim.lockstep import LockstepError
from fixsim.ports import Venues
from router.fix.codec import Garbled, Message
from router.link import Link

GONE_WITHIN_S = 2.0
"""How long a lost participant's connections may take to be closed by its system, before we do it."""

MAX_STRAYS = 100
"""Connections that came and went and that no participant has claimed: as many are remembered."""


class Held:
    """Venues in lock-step: a link's owner that holds what comes, and the coordinator's market."""

    def __init__(self, venues: Venues) -> None:
        self._venues = venues
        self._gateway = venues.gateway
        self._venue_of: dict[Link, str] = {}
        self._links: dict[str, Link] = {}
        """Open connections by the stream towards us."""
        self._down: dict[str, Link] = {}
        """Connections that went down and whose last bytes are not handled."""
        self._owned: dict[str, dict[str, Link]] = {}
        """By participant: its connections, by the stream from us."""
        self._untold: dict[str, list[str]] = {}
        self._handled: dict[Link, int] = {}
        """By link that a participant has claimed: how many of its bytes were handled."""
        self._claimed_by: dict[Link, str] = {}
        self._arrived = asyncio.Event()

    def make_link(self, venue: str) -> Link:
        link = self._venues.link(self)
        self._venue_of[link] = venue
        return link

    # -- the links' owner: notes what happened, and does nothing about it --------------------------

    def link_up(self, link: Link) -> None:
        stream = _inward(link)
        self._down.pop(stream, None)
        self._links[stream] = link
        self._arrived.set()

    def link_down(self, link: Link, reason: str) -> None:
        stream = _inward(link)
        del self._links[stream]
        self._down[stream] = link
        strays = [s for s, down in self._down.items() if down not in self._handled]
        for old in strays[:-MAX_STRAYS]:
            self._venue_of.pop(self._down.pop(old))
        self._arrived.set()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """The bound on what waits is the link's own."""

    def messages_ready(self, link: Link) -> None:
        self._arrived.set()

    # -- the market that the coordinator moves ----------------------------------------------------

    def advance(self, now_ns: int) -> None:
        self._gateway.advance(now_ns)
        self._flush()

    def at_once(self, do: Callable[[int], Answer]) -> Answer:
        """What an operator does, at the moment where time stands; what it makes leaves when it next moves."""
        return do(self._gateway.exchange.now_ns)

    def deadline_ns(self) -> int | None:
        return self._gateway.deadline_ns()

    def owns(self, stream: str) -> bool:
        sender, _, receiver = stream.partition(">")
        ports = self._venues.ports.values()
        return int(receiver) in ports or int(sender) in ports

    def sent(self, name: str) -> dict[str, int]:
        return {stream: link.sent_bytes for stream, link in self._owned.get(name, {}).items()}

    def take_closed(self, name: str) -> list[str]:
        return self._untold.pop(name, [])

    def connected(self, name: str) -> bool:
        return bool(self._owned.get(name))

    async def collect(self, name: str, sent: Mapping[str, int], closed: Collection[str], now_ns: int) -> None:
        timeout_s = self._venues.settings.clock.answer_timeout_s
        while not self._all_here(sent, closed):
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except TimeoutError:
                said = f"sent {dict(sent)}, closed {list(closed)}"
                raise LockstepError(f"{name} said {said}: not so after {timeout_s} s") from None
        owned = self._owned.setdefault(name, {})
        for stream in sent:
            link = self._links.get(stream) or self._down.get(stream)
            if link is not None and link not in self._handled:
                self._handled[link] = 0
                self._claimed_by[link] = name
                owned[_outward(link)] = link
                self._gateway.accepted(link, self._venue_of[link])
        down = [self._down[stream] for stream in closed if stream in self._down]
        self._handle(now_ns, [link for link in down if link in self._handled])

    def _all_here(self, sent: Mapping[str, int], closed: Collection[str]) -> bool:
        for stream, total in sent.items():
            link = self._links.get(stream)
            if link is None:
                if stream not in self._down and stream not in closed:
                    return False
            elif link.received_bytes < total:
                return False
        return not any(stream in self._links for stream in closed)

    async def lose(self, name: str, now_ns: int) -> None:
        links = [link for link, claimant in self._claimed_by.items() if claimant == name]
        deadline_s = asyncio.get_running_loop().time() + GONE_WITHIN_S
        while any(link.up for link in links):
            left_s = deadline_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                for link in links:
                    link.abort(f"{name} is lost")
                break
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left_s)
            except TimeoutError:
                continue
        while any(_inward(link) in self._links for link in links):
            self._arrived.clear()
            await self._arrived.wait()
        self._handle(now_ns, links)
        self._untold.pop(name, None)
        self._owned.pop(name, None)

    def _handle(self, now_ns: int, down: Collection[Link]) -> None:
        """Everything that waits on claimed connections, in order of (venue, client); then the closes.

        A close counts when its participant has said so, not when the operating system did.
        """
        ready: list[tuple[int, int, Link, Message | Garbled | None]] = []
        for link, handled in self._handled.items():
            if link.received_bytes > handled:
                first = link.framer.next()
                if isinstance(first, Message):
                    first = first.keep()
                ready.append((self._gateway.rank(link, first), link.ports[1], link, first))
                self._handled[link] = link.received_bytes
        for _, _, link, message in sorted(ready, key=lambda entry: entry[:2]):
            while message is not None:
                self._gateway.received(link, message, now_ns)
                message = link.framer.next()
        for link in sorted(down, key=self._gateway.rank):
            self._gateway.closed(link, now_ns)
            self._forget(link)
            del self._handled[link], self._claimed_by[link], self._down[_inward(link)], self._venue_of[link]
        self._flush()

    def _flush(self) -> None:
        self._gateway.wire.pauses.clear()  # bytes that were sent must come
        for link in self._venues.flush():
            self._forget(link)

    def _forget(self, link: Link) -> None:
        """A connection is closed: its participant is to be told, once."""
        stream = _outward(link)
        for name, owned in self._owned.items():
            if owned.pop(stream, None) is not None:
                self._untold.setdefault(name, []).append(stream)

    def close(self) -> None:
        for link in list(self._links.values()):
            link.close()


def _inward(link: Link) -> str:
    return f"{link.ports[1]}>{link.ports[0]}"


def _outward(link: Link) -> str:
    return f"{link.ports[0]}>{link.ports[1]}"
