"""The venues' ports: listening, links with their bounds, and the way out for what was written."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from fixsim.gateway import Gateway
from fixsim.settings import Settings
from risk.errors import SettingsError
from router.fix.codec import Framer
from router.link import Link, Listener, Network, Owner, why

log = structlog.get_logger()


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

    def link(self, owner: Owner) -> Link:
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

    def pause(self) -> None:
        """Read no more, for now, from connections with too much under way on a slow wire; or again.

        In lock-step nobody does: there bytes that were sent must come, and the wire alone is slow.
        """
        pauses = self.gateway.wire.pauses
        for link, paused in pauses:
            assert isinstance(link, Link)
            link.read(on=not paused)
        pauses.clear()

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()


def port_error(what: str, port: int, host: str, error: OSError) -> SettingsError:
    return SettingsError(f"{what} {port} on {host} cannot be listened on: {why(error)}")
