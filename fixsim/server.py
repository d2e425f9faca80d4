"""The exchange's shell: one TCP port for each venue, a clock, the record's file.

On wall time a message is handled when it comes. In lock-step bytes are held until the coordinator
(fixsim/lockstep.py) says that their sender has finished, and then handled in order of (venue, client),
message order inside: what arrived first on the wire does not matter, and two runs do the same.

A venue's connections are router.link's; the sessions, the books and all else that decides are the
gateway's, which is pure. What a peer does not read is bounded by session.max_output_bytes; beyond, it is
disconnected.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Collection, Mapping
from typing import IO

import structlog

from fixsim.exchange import Exchange
from fixsim.gateway import Gateway
from fixsim.lockstep import Coordinator, LockstepError
from fixsim.settings import Settings
from fixsim.tape import Tape
from risk.errors import SettingsError
from router.clock import Clock, SystemClock
from router.fix.codec import Framer, Garbled, Message
from router.link import Link, Listener, Network, TcpNetwork

log = structlog.get_logger()
GONE_WITHIN_S = 2.0
"""How long a lost participant's connections may take to be closed by its system, before we do it."""

MAX_STRAYS = 100
"""Connections that came and went and that no participant has claimed: as many are remembered."""


class Venues:
    """The venues' ports, for both ways of time; see WallClock and Held."""

    def __init__(self, settings: Settings, gateway: Gateway, network: Network) -> None:
        self.settings = settings
        self.gateway = gateway
        self.ports: dict[str, int] = {}
        self._network = network
        self._listeners: list[Listener] = []

    async def listen(self, owner: Callable[[str], Link]) -> None:
        """Open every venue's port; `owner` makes a connection's link. SettingsError if a port is taken."""
        for venue in self.settings.venue:
            try:
                listener = await self._network.serve(
                    self.settings.host,
                    venue.port,
                    lambda name=venue.name: owner(name),  # type: ignore[misc]
                )
            except OSError as error:
                raise port_error(f"venue {venue.name}: port", venue.port, self.settings.host, error) from None
            self._listeners.append(listener)
            self.ports[venue.name] = listener.port
            log.info("listening", venue=venue.name, port=listener.port)

    def link(self, owner: WallClock | Held) -> Link:
        """A link for one accepted connection."""
        bounds = self.settings.session
        return Link(owner, Framer(bounds.max_message_bytes), cap_bytes=bounds.max_output_bytes)

    def flush(self) -> list[Link]:
        """Give the kernel what the gateway has written; the links that it hung up."""
        gateway = self.gateway
        if gateway.writes:
            for link, raw in gateway.writes:
                assert isinstance(link, Link)
                link.write(raw)
            gateway.writes.clear()
        if gateway.alerts:
            for text in gateway.alerts:
                log.warning(text)
            gateway.alerts.clear()
        hung_up: list[Link] = []
        if gateway.hangups:
            for link in gateway.hangups:
                assert isinstance(link, Link)
                link.close()
                hung_up.append(link)
            gateway.hangups.clear()
        return hung_up

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


def port_error(what: str, port: int, host: str, error: OSError) -> SettingsError:
    return SettingsError(f"{what} {port} on {host} cannot be listened on: {error.strerror or error}")


class WallClock:
    """Venues on the machine's clock: a link's owner that handles each message as it comes."""

    def __init__(self, venues: Venues, clock: Clock) -> None:
        self._venues = venues
        self._gateway = venues.gateway
        self._clock = clock
        self._venue_of: dict[Link, str] = {}
        self._timer: asyncio.TimerHandle | None = None
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
        now_ns = self._clock.now_ns()
        self._gateway.advance(now_ns)
        while (message := link.framer.next()) is not None:
            self._gateway.received(link, message, now_ns)
        self._turn()

    def _turn(self) -> None:
        """Do what is due, and come back for what is due next."""
        now_ns = self._clock.now_ns()
        self._gateway.advance(now_ns)
        self._venues.flush()
        if self._timer is not None:
            self._timer.cancel()
        if now_ns >= self._gateway.exchange.end_ns:
            self._over.set()
            return
        end_ns = self._gateway.exchange.end_ns
        due_ns = min(end_ns, self._gateway.deadline_ns() or end_ns)
        self._timer = asyncio.get_running_loop().call_later(max(0, due_ns - now_ns) / 1e9, self._turn)

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
        if self._timer is not None:
            self._timer.cancel()
        for link in list(self._venue_of):
            link.close()


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


async def serve(
    settings: Settings,
    tape: Tape,
    record: IO[str],
    *,
    clock: Clock | None = None,
    network: Network | None = None,
    listening: Callable[[dict[str, int]], object] = lambda ports: None,
) -> None:
    """Run the exchange from the tape's start to its end; `listening` gets the open ports ("clock" too).

    Cancelling it is a clean stop: participants are told, and the record gets its last line.
    """
    lockstep = settings.clock.mode == "lockstep"
    clock = clock or SystemClock()
    exchange = (
        Exchange(settings, tape, record.write)
        if lockstep
        else Exchange(settings, tape, record.write, origin_ns=clock.now_ns(), speed=settings.clock.speed)
    )
    venues = Venues(settings, Gateway(settings, exchange), network or TcpNetwork())
    owner = Held(venues) if lockstep else WallClock(venues, clock)
    try:
        await venues.listen(owner.make_link)
        gc.collect()
        gc.freeze()
        if isinstance(owner, WallClock):
            listening(venues.ports)
            await owner.run()
        else:
            await _keep_time(
                settings, exchange, owner, lambda port: listening({**venues.ports, "clock": port})
            )
    finally:
        owner.close()
        venues.close()
        exchange.finish(exchange.now_ns)
        record.flush()


async def _keep_time(
    settings: Settings, exchange: Exchange, market: Held, listening: Callable[[int], object]
) -> None:
    """Lock-step: open the clock link, and move time until the tape ends."""
    rule = settings.clock
    coordinator = Coordinator(
        market,
        rule.participants,
        start_ns=exchange.start_ns,
        end_ns=exchange.end_ns,
        speed=rule.speed,
        lost_ns=rule.lost_ns,
        answer_timeout_s=rule.answer_timeout_s,
    )
    try:
        server = await asyncio.get_running_loop().create_server(
            coordinator.make_peer, settings.host, rule.port
        )
    except OSError as error:
        raise port_error("clock.port", rule.port, settings.host, error) from None
    try:
        port = int(server.sockets[0].getsockname()[1])
        log.info("listening", clock=port, participants=list(rule.participants))
        listening(port)
        await coordinator.run()
    finally:
        coordinator.end()
        server.close()
