"""The daemon's transports: which link carries which session, dialling the venues, letting the desks in.

Bytes go in order of arrival to the engine, whole messages at a time; what the engine wants written or closed
is done here. A desk is known by its Logon; who is not in the settings, is connected already, comes outside
its hours or with another's certificate is refused. Passwords are put into and taken out of Logons here, at
the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from router.addresses import Addresses, Backoff
from router.core import Port, PortKind
from router.engine import Engine
from router.fix import secrets, tags
from router.fix.codec import MAX_MESSAGE_BYTES, Framer, Garbled, Message
from router.fix.decimals import show
from router.hours import Hours
from router.link import Link, Network, Owner
from router.stamps import Stamps
from router.strangers import Strangers
from router.ways import Way

log = structlog.get_logger()

MAX_UNCOUNTED = 10_000
STRANGER_BYTES = 16 << 10  # the largest message taken from who has not logged on: it would be journalled
SLOW_NS = 30_000_000_000  # a peer that has read nothing for so long is better off logging on again
# SessionStatus(1409) of a Logon that has taken a NewPassword(925): none, session active, password changed
TAKEN = frozenset({None, b"0", b"1"})
LOGON_FIELD = b"\x0135=A\x01"
SECRET_FIELDS = (b"\x01554=", b"\x01925=")
# Their fields are the venues', and they come by the thousand: not searched for passwords.
HOT = frozenset({tags.EXECUTION_REPORT, tags.MARKET_DATA_SNAPSHOT, tags.MARKET_DATA_INCREMENTAL})


_Stamp = tuple[str, bytes, int, int, int, bool]
"""Session, MsgType, SendingTime, arrival, handled, and whether anything was written of it."""


class Connections:
    """`now_ns` is the daemon's clock; `heard` is called after each message that the engine was given."""

    def __init__(
        self,
        engine: Engine,
        network: Network,
        now_ns: Callable[[], int],
        heard: Callable[[], None],
        logon_timeout_ns: int,
    ) -> None:
        self._engine = engine
        self._network = network
        self._now_ns = now_ns
        self._heard = heard
        self.begun = False
        self.stamps = Stamps()
        self._given_up = False
        self._feeds_held = False
        self._ports: list[Port] = []
        self._ways: Mapping[str, Way] = {}
        self._backoff: Callable[[], Backoff] | None = None
        self.hours = Hours({})
        self._links: dict[int, Link] = {}
        self._index: dict[Link, int] = {}
        self._strangers: Strangers[Link] = Strangers(logon_timeout_ns)
        self._addresses: dict[int, Addresses] = {}
        self._dialling: set[int] = set()
        self._slow: dict[Link, int] = {}  # whose peers do not read, and since when
        self._new_passwords: dict[str, bytes] = {}  # that a peer has taken, by session
        self._stamped: list[_Stamp] = []
        self._uncounted: list[tuple[list[_Stamp], int]] = []

    def begin(self, ways: Mapping[str, Way], backoff: Callable[[], Backoff], now_ns: int) -> None:
        """The engine has started: every session that we begin is to be dialled now, if it is open."""
        self.begun = True
        self._backoff = backoff
        self._ports = self._engine.running.ports
        self.reread(ways, now_ns)

    def reread(self, ways: Mapping[str, Way], now_ns: int) -> None:
        """The settings were read (again): new sessions are dialled, and moved ones when they are down."""
        assert self._backoff is not None
        self._ways = ways
        self.hours.reread({name: way.schedule for name, way in ways.items() if way.schedule is not None})
        for port in self._ports:
            addresses = ways[port.session.name].addresses
            if not addresses:
                continue
            if port.index not in self._addresses:
                self._addresses[port.index] = Addresses(addresses, self._backoff(), now_ns)
            else:
                self._addresses[port.index].move(addresses, now_ns)
        self.tend(now_ns)

    def tend(self, now_ns: int) -> None:
        """What the time brings: sessions that open or close, strangers who do not log on, peers who do not
        read.
        """
        for name, period, goes_on in self.hours.turns(now_ns):
            index = self._named(name)
            request: dict[str, Any]
            if period is None:
                request = {"cmd": "close session", "name": name, "reason": "closed by its schedule"}
            else:
                request = {"cmd": "open session", "name": name, "period_ns": period.start_ns}
                request |= {"goes_on": True} if goes_on else {}
                if index in self._addresses:
                    self._addresses[index].wake(now_ns)
            self._engine.operator(0, request, now_ns)
        for stranger in self._strangers.overdue(now_ns):
            self._refuse(stranger, "it has not logged on in time")
        for link, since_ns in list(self._slow.items()):
            if since_ns + SLOW_NS <= now_ns:
                del self._slow[link]
                link.abort(f"slow peer: it has not read what waits for it in {SLOW_NS // 10**9} s")

    # What happens on links.

    def up(self, link: Link) -> None:
        now_ns = self._now_ns()
        if not link.dialled:
            oldest = self._strangers.came(link, now_ns)
            if oldest is not None:
                self._refuse(oldest, "too many others came, and it has not logged on")
            return
        index = self._named(link.name)
        if not self.hours.is_open(link.name):
            link.abort("its hours ended while it was dialled")
            return
        self._join(index, link)

    def down(self, link: Link, reason: str) -> None:
        index = self._index.pop(link, None)
        self._slow.pop(link, None)
        if index is None:
            self._strangers.gone(link)
            if link.dialled:
                self._addresses[self._named(link.name)].ended(self._now_ns())
            return
        del self._links[index]
        now_ns = self._now_ns()
        log.warning("link down", session=self._ports[index].session.name, reason=reason)
        self._engine.link(index, False, now_ns)
        if index in self._addresses and not self._given_up:
            self._addresses[index].ended(now_ns)

    def blocked(self, link: Link, blocked: bool) -> None:
        index = self._index.get(link)
        if index is None:
            return
        now_ns = self._now_ns()
        self._engine.writable(index, not blocked, now_ns)
        if blocked:
            self._slow[link] = now_ns
        else:
            self._slow.pop(link, None)

    def drain(self, link: Link) -> None:
        """Gives the engine every whole message that has come on the link."""
        engine, framer = self._engine, link.framer
        index = self._index.get(link)
        arrived_ns = self._now_ns()
        while link.up and (message := framer.next()) is not None:
            if isinstance(message, Garbled):
                message = secrets.redact_garbled(message)
            if index is None:
                index = self._introduce(link, message)
                if index is None:
                    return
            port = self._ports[index]
            now_ns = self._now_ns()
            if isinstance(message, Garbled):
                engine.garbled(index, message, now_ns)
                self._heard()
                continue
            if message.msg_type not in HOT:
                message = self._redacted(port, message)
            writes = engine.running.writes
            waiting = len(writes)
            engine.message(index, message, now_ns)
            handled_ns = self._now_ns()
            if message.msg_type == tags.LOGON:
                self._logon(port, index, link, message)
            self._stamped.append(
                (
                    port.session.name,
                    message.msg_type,
                    message.sending_time_ns,
                    arrived_ns,
                    handled_ns,
                    len(writes) > waiting,
                )
            )
            self._heard()

    def drain_all(self) -> None:
        """Every link in the order of sessions, then who is not known yet in the order of arrival."""
        for index in sorted(self._links):
            link = self._links.get(index)
            if link is not None:
                self.drain(link)
        for stranger in self._strangers.waiting():
            self.drain(stranger)

    def flushed(self) -> None:
        """What the messages led to is written: their times are known, and counted when there is time."""
        if self._stamped:
            self._uncounted.append((self._stamped, self._now_ns()))
            self._stamped = []
            if len(self._uncounted) > MAX_UNCOUNTED:
                self.count()

    def count(self) -> None:
        """Off the path: the times of messages go to where operators see them."""
        uncounted, self._uncounted = self._uncounted, []
        for stamped, flushed_ns in uncounted:
            for session, msg_type, sent_ns, arrived_ns, handled_ns, wrote in stamped:
                written_ns = flushed_ns if wrote else None
                self.stamps.message(session, msg_type, sent_ns, arrived_ns, handled_ns, written_ns)

    def _logon(self, port: Port, index: int, link: Link, message: Message) -> None:
        if port.session.is_logged_on:
            link.framer.max_message_bytes = MAX_MESSAGE_BYTES
            if index in self._addresses:
                self._addresses[index].good(self._now_ns())
                self._password_changed(port.session.name, message.get(tags.SESSION_STATUS))
            else:
                self._strangers.taken(port.session.name, self._now_ns())
        elif port.kind.is_acceptor:
            self._strangers.failed(port.session.name, self._now_ns())

    def _password_changed(self, name: str, status: bytes | None) -> None:
        """The peer has our NewPassword(925), and has taken it if it does not say otherwise: then, from now
        on that is the password.
        """
        secret = self._ways[name].secrets.get(tags.NEW_PASSWORD)
        if secret is None or self._new_passwords.get(name) == secret:
            return
        if status not in TAKEN:
            log.error("password not changed", session=name, status=show(status or b""))
        else:
            self._new_passwords[name] = secret
            log.warning("password changed", session=name, todo="put it in password_file, before a restart")

    def _secrets(self, name: str) -> Mapping[int, bytes]:
        secrets_of = self._ways[name].secrets
        new = self._new_passwords.get(name)
        return secrets_of if new is None else {**secrets_of, tags.PASSWORD: new}

    def _redacted(self, port: Port, message: Message) -> Message:
        """The message as engine, journal and log may see it: whether its password was right, and not what it
        is.
        """
        raw = message.raw
        if not any(field in raw for field in SECRET_FIELDS):
            return message
        credential = self._ways[port.session.name].credential
        if message.msg_type != tags.LOGON or credential is None:
            return secrets.redact(message, lambda *_: False)
        return secrets.redact(message, credential.accepts)

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
        why = self._unwelcome(link, index)
        if why or index is None:
            self._refuse(link, f"{_said(message)}: {why}")
            return None
        self._strangers.gone(link)
        link.name = self._ports[index].session.name
        self._join(index, link)
        return index

    def _unwelcome(self, link: Link, index: int | None) -> str:
        """Why the link may not carry the session; "" if it may."""
        if index is None:
            return "no Logon(A) of a desk in oms.desks"
        name = self._ports[index].session.name
        pins = self._ways[name].pins
        if pins and link.fingerprint() not in pins:
            return f"its certificate has SHA-256 {link.fingerprint()}, which is not pinned for this desk"
        if self._strangers.rests(name, self._now_ns()):
            return "too many of its Logons have come in this minute"
        if not self.hours.is_open(name):
            return "outside its hours"
        return "its session is up already" if index in self._links else ""

    def _refuse(self, link: Link, why: str) -> None:
        self._strangers.gone(link)
        if self._strangers.refused(self._now_ns()):
            log.warning("connection refused", ports=link.ports, why=why)
        link.abort(why)

    def _join(self, index: int, link: Link) -> None:
        self._links[index] = link
        self._index[link] = index
        self._engine.link(index, True, self._now_ns())

    def _named(self, name: str) -> int:
        return next(port.index for port in self._ports if port.session.name == name)

    # What the engine wants.

    def write(self, index: int, raw: bytes) -> None:
        """Bytes for a link that has gone meanwhile are dropped: its session knows, or will hear."""
        link = self._links.get(index)
        if link is not None:
            if LOGON_FIELD in raw[:40]:
                raw = secrets.fill(raw, self._secrets(self._ports[index].session.name))
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
        """When the next dial is due, a session opens or closes, or somebody's patience is at its end."""
        dues = [to.due_ns for index, to in self._addresses.items() if self._may_dial(index)]
        dues += [self.hours.deadline_ns(), self._strangers.deadline_ns()]
        dues += [since_ns + SLOW_NS for since_ns in self._slow.values()]
        return min((due for due in dues if due is not None), default=None)

    def due(self, now_ns: int) -> list[int]:
        """Ports to dial now, in their order."""
        dues = {index: to.due_ns for index, to in sorted(self._addresses.items()) if self._may_dial(index)}
        return [index for index, due_ns in dues.items() if due_ns is not None and due_ns <= now_ns]

    def address(self, index: int) -> str:
        """Where a session's peer is dialled; "" if it dials us."""
        to = self._addresses.get(index)
        return "" if to is None else str(to.address)

    def _may_dial(self, index: int) -> bool:
        port = self._ports[index]
        held = self._feeds_held and port.kind is PortKind.MARKET_DATA
        return not (held or self._given_up or index in self._dialling) and self.hours.is_open(
            port.session.name
        )

    def give_up(self) -> None:
        """Dial nobody any more."""
        self._given_up = True

    def hold_feeds(self, held: bool) -> None:
        """While the journal is short of space, market data must not eat what is kept for orders."""
        if held == self._feeds_held:
            return
        self._feeds_held = held
        for port in self._ports:
            if held and port.kind is PortKind.MARKET_DATA:
                self.hang_up(port.index)

    def view(self) -> list[dict[str, Any]]:
        """What operators may see of each session: the engine's state, and beside it address, hours and
        times.
        """
        self.count()
        return [
            {
                **session,
                "address": self.address(port.index),
                "is_open": self.hours.is_open(port.session.name),
                "next_change_ns": self.hours.next_change_ns(port.session.name),
                "latency": self.stamps.of(port.session.name),
            }
            for port, session in zip(self._ports, self._engine.view("sessions"), strict=True)
        ]

    async def dial(self, index: int, owner: Owner) -> None:
        """Connects, or notes when and where to try again."""
        name = self._ports[index].session.name
        to, tls = self._addresses[index], self._ways[name].tls
        address = to.address
        self._dialling.add(index)
        to.dialling()

        def link() -> Link:
            refusal = None if tls is None else tls.refusal
            return Link(owner, Framer(), name=name, dialled=True, refusal=refusal)

        try:
            if tls is None:
                await self._network.dial(address.host, address.port, link)
            else:
                await self._network.dial(address.host, address.port, link, tls.context, tls.server_name)
        except OSError as error:
            log.warning("cannot connect", session=name, address=str(address), error=str(error) or "no answer")
            to.ended(self._now_ns())
        finally:
            self._dialling.discard(index)


def _said(message: Message | Garbled) -> str:
    """Who a stranger says to be, fit for one line of the log."""
    if isinstance(message, Garbled):
        return f"garbled: {message.reason}"
    sender, target = (show(message.get(tag) or b"") for tag in (tags.SENDER_COMP_ID, tags.TARGET_COMP_ID))
    kind = show(message.msg_type)
    return f"MsgType(35) {kind}, SenderCompID(49) {sender}, TargetCompID(56) {target}"
