"""The daemon's transports: which link carries which session, dialling the venues, letting the desks in.

Bytes go in order of arrival to the engine, whole messages at a time; what the engine wants written or closed
is done here. A desk is known by its Logon; who is not in the settings, or is connected already, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from router.core import Port, PortKind
from router.engine import Engine
from router.fix import tags
from router.fix.codec import Framer, Garbled, Message
from router.fix.decimals import show
from router.link import Backoff, Link, Network, Owner

log = structlog.get_logger()

MAX_STRANGERS = 32  # connections that have not said who they are; the oldest gives way to the next


class Connections:
    """`now_ns` is the daemon's clock; `heard` is called after each message that the engine was given."""

    def __init__(
        self, engine: Engine, network: Network, now_ns: Callable[[], int], heard: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._network = network
        self._now_ns = now_ns
        self._heard = heard
        self.begun = False
        self._given_up = False
        self._feeds_held = False
        self._ports: list[Port] = []
        self._links: dict[int, Link] = {}
        self._index: dict[Link, int] = {}
        self._strangers: list[Link] = []  # accepted, and not yet known by their Logon
        self._addresses: dict[int, tuple[str, int]] = {}
        self._backoff: dict[int, Backoff] = {}
        self._dial_ns: dict[int, int] = {}
        self._dialling: set[int] = set()
        self._unproven: set[int] = set()  # dialled, and not yet logged on: only that ends the growing pauses

    def begin(
        self, addresses: dict[int, tuple[str, int]], backoff: Callable[[], Backoff], now_ns: int
    ) -> None:
        """The engine has started: every session that we begin, by port index, is to be dialled now."""
        self.begun = True
        self._ports = self._engine.running.ports
        self._addresses = addresses
        self._backoff = {index: backoff() for index in addresses}
        self._dial_ns = dict.fromkeys(addresses, now_ns)

    # What happens on links.

    def up(self, link: Link) -> None:
        if not link.dialled:
            self._strangers.append(link)
            if len(self._strangers) > MAX_STRANGERS:
                self._refuse(self._strangers[0], f"{MAX_STRANGERS} others came, and it has not logged on")
            return
        index = next(port.index for port in self._ports if port.session.name == link.name)
        self._dial_ns.pop(index, None)
        self._unproven.add(index)
        self._join(index, link)

    def down(self, link: Link, reason: str) -> None:
        index = self._index.pop(link, None)
        if index is None:
            with suppress(ValueError):
                self._strangers.remove(link)
            return
        del self._links[index]
        now_ns = self._now_ns()
        log.warning("link down", session=self._ports[index].session.name, reason=reason)
        self._engine.link(index, False, now_ns)
        if index in self._addresses and not self._given_up:
            self._dial_ns[index] = now_ns + self._backoff[index].next_delay_ns()

    def blocked(self, link: Link, blocked: bool) -> None:
        index = self._index.get(link)
        if index is not None:
            self._engine.writable(index, not blocked, self._now_ns())

    def drain(self, link: Link) -> None:
        """Gives the engine every whole message that has come on the link."""
        engine, framer = self._engine, link.framer
        index = self._index.get(link)
        while link.up and (message := framer.next()) is not None:
            if index is None:
                index = self._introduce(link, message)
                if index is None:
                    return
            if isinstance(message, Message):
                engine.message(index, message, self._now_ns())
            else:
                engine.garbled(index, message, self._now_ns())
            self._heard()
        if index in self._unproven and self._ports[index].session.is_logged_on:
            self._unproven.discard(index)
            self._backoff[index].reset()

    def drain_all(self) -> None:
        """Every link in the order of sessions, then who is not known yet in the order of arrival."""
        for index in sorted(self._links):
            link = self._links.get(index)
            if link is not None:
                self.drain(link)
        for stranger in list(self._strangers):
            self.drain(stranger)

    def _introduce(self, link: Link, message: Message | Garbled) -> int | None:
        """Whose link this is, from its first message: a Logon to us from a desk that we know."""
        index = None
        if isinstance(message, Message) and message.msg_type == tags.LOGON:
            pair = (message.get(tags.SENDER_COMP_ID), message.get(tags.TARGET_COMP_ID))
            for port in self._ports:
                config = port.session.config
                if config.role == "acceptor" and pair == (
                    config.target_comp_id.encode(),
                    config.sender_comp_id.encode(),
                ):
                    index = port.index
        if index is None or index in self._links:
            why = "no Logon(A) of a desk in oms.desks" if index is None else "its session is up already"
            self._refuse(link, f"{_said(message)}: {why}")
            return None
        self._strangers.remove(link)
        link.name = self._ports[index].session.name
        self._join(index, link)
        return index

    def _refuse(self, link: Link, why: str) -> None:
        self._strangers.remove(link)
        log.warning("connection refused", ports=link.ports, why=why)
        link.abort(why)

    def _join(self, index: int, link: Link) -> None:
        self._links[index] = link
        self._index[link] = index
        self._engine.link(index, True, self._now_ns())

    # What the engine wants.

    def write(self, index: int, raw: bytes) -> None:
        """Bytes for a link that has gone meanwhile are dropped: its session knows, or will hear."""
        link = self._links.get(index)
        if link is not None:
            link.write(raw)

    def hang_up(self, index: int) -> None:
        link = self._links.get(index)
        if link is not None:
            link.close("by the session")

    def close(self) -> None:
        for link in list(self._links.values()):
            link.close()

    # Dialling.

    def deadline_ns(self) -> int | None:
        """When the next dial is due."""
        return min((due for index, due in self._dial_ns.items() if self._may_dial(index)), default=None)

    def due(self, now_ns: int) -> list[int]:
        """Ports to dial now, in their order."""
        return [i for i, due in sorted(self._dial_ns.items()) if due <= now_ns and self._may_dial(i)]

    def _may_dial(self, index: int) -> bool:
        held = self._feeds_held and self._ports[index].kind is PortKind.MARKET_DATA
        return index not in self._dialling and not held

    def give_up(self) -> None:
        """Dial nobody any more."""
        self._given_up = True
        self._dial_ns.clear()

    def hold_feeds(self, held: bool) -> None:
        """While the journal is short of space, market data must not eat what is kept for orders."""
        if held == self._feeds_held:
            return
        self._feeds_held = held
        for port in self._ports:
            if held and port.kind is PortKind.MARKET_DATA:
                self.hang_up(port.index)

    async def dial(self, index: int, owner: Owner) -> None:
        """Connects, or notes when to try again."""
        host, number = self._addresses[index]
        name = self._ports[index].session.name
        self._dialling.add(index)
        try:
            await self._network.dial(host, number, lambda: Link(owner, Framer(), name=name, dialled=True))
        except OSError as error:
            log.warning("cannot connect", session=name, address=f"{host}:{number}", error=str(error))
            if index in self._dial_ns:
                self._dial_ns[index] = self._now_ns() + self._backoff[index].next_delay_ns()
        finally:
            self._dialling.discard(index)


def _said(message: Message | Garbled) -> str:
    """Who a stranger says to be, fit for one line of the log."""
    if isinstance(message, Garbled):
        return f"garbled: {message.reason}"
    sender, target = (show(message.get(tag) or b"") for tag in (tags.SENDER_COMP_ID, tags.TARGET_COMP_ID))
    kind = show(message.msg_type)
    return f"MsgType(35) {kind}, SenderCompID(49) {sender}, TargetCompID(56) {target}"
