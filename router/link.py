"""One TCP connection carrying FIX: bytes in to a Framer, bytes out at once. No session, no time here.

Its owner is told of ups, downs and arrivals and drains the
framer: on wall time within `messages_ready`; in lock-step later, when the clock's owner says so
(router/lockstep.py stands in as the owner then). On an acceptor nobody knows whose link it is until a Logon
has come: until the owner sets `name`, it is the port pair.

Bounds: what the peer does not read waits in the transport. Over `soft_bytes` the link is `blocked` (send no
new orders); over `cap_bytes` it is aborted. The framer bounds what waits to be read: one unfinished message.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from router.tls import fingerprint

if TYPE_CHECKING:
    from router.fix.codec import Framer

SOFT_BYTES = 256 << 10
CAP_BYTES = 8 << 20
READ_BYTES = 64 << 10
DIAL_S = 10.0  # an address that answers nothing must not keep the next one waiting
HANDSHAKE_S = 5.0
CLOSE_S = 2.0  # a peer that does not read what waits for it at a close is cut off


class Owner(Protocol):
    """Who is told what happens on a link. Called from the event loop; must not block."""

    def link_up(self, link: "Link") -> None:
        """The connection is made."""

    def link_down(self, link: "Link", reason: str) -> None:
        """The connection is gone, for good; called once for each `link_up`."""

    def messages_ready(self, link: "Link") -> None:
        """Bytes came in: `while (m := link.framer.next()) is not None`."""

    def link_blocked(self, link: "Link", blocked: bool) -> None:
        """The peer reads too slowly (True), or has caught up (False)."""


class Link(asyncio.BufferedProtocol):
    """A connection, from either side. Make one per connection; it is not used again after `link_down`."""

    def __init__(
        self,
        owner: Owner,
        framer: "Framer",
        name: str = "",
        dialled: bool = False,
        refusal: Callable[[asyncio.BaseTransport], str] | None = None,
        soft_bytes: int = SOFT_BYTES,
        cap_bytes: int = CAP_BYTES,
    ) -> None:
        """`refusal` says why a connection is not taken, or "", before the owner hears of it."""
        self.owner = owner
        self.framer = framer
        self.name = name
        self.dialled = dialled
        self.up = False
        self.blocked = False
        self.refused = ""
        """Why the connection was not taken; the owner never hears of it."""
        self.ports = (0, 0)
        """(local, remote) TCP ports."""
        self.received_bytes = 0
        self.sent_bytes = 0
        self._refusal = refusal
        self._soft_bytes = soft_bytes
        self._cap_bytes = cap_bytes
        self._down_reason = ""
        self._held: bytearray | None = None
        self._released_bytes = 0
        self._scratch = bytearray()
        self._transport: asyncio.Transport | None = None

    def write(self, data: bytes) -> bool:
        """Give `data` to the kernel, or to the transport if the peer is slow. False: the link is down,
        nothing left.
        """
        transport = self._transport
        if transport is None or not self.up:
            return False
        transport.write(data)
        self.sent_bytes += len(data)
        if self.blocked and transport.get_write_buffer_size() > self._cap_bytes:
            self.abort(f"slow peer: more than {self._cap_bytes} bytes unread")
        return True

    def close(self, reason: str = "closed by us") -> None:
        """Send what waits, then disconnect. Nothing more is written."""
        self._end(reason, abort=False)

    def abort(self, reason: str = "aborted by us") -> None:
        """Disconnect now; what waits unsent is lost."""
        self._end(reason, abort=True)

    def read(self, on: bool) -> None:
        """Not `on`: what comes stays with the system, and the peer feels it when its buffers are full."""
        if self._transport is not None and self.up:
            (self._transport.resume_reading if on else self._transport.pause_reading)()

    def hold(self) -> None:
        """Lock-step: from now on bytes that come in reach the framer only by `release`."""
        self._held = bytearray()
        self._released_bytes = self.received_bytes
        self._scratch = bytearray(READ_BYTES)

    def release(self, total_bytes: int) -> None:
        """Give the framer what was held of the first `total_bytes` that this connection received."""
        if self._held is None or (count := total_bytes - self._released_bytes) <= 0:
            return
        data = bytes(self._held[:count])
        del self._held[:count]
        self._released_bytes += len(data)
        self.framer.feed(data)

    def _end(self, reason: str, abort: bool) -> None:
        self._down_reason = self._down_reason or reason
        self.up = False
        if self._transport is not None:
            if abort:
                self._transport.abort()
            else:
                self._transport.close()
                asyncio.get_running_loop().call_later(CLOSE_S, self._transport.abort)

    def fingerprint(self) -> str:
        """SHA-256 of the certificate that the peer has shown; "" without TLS, or if it showed none."""
        return "" if self._transport is None else fingerprint(self._transport)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._refusal is not None and (why := self._refusal(transport)):
            self.refused = why
            self._transport.abort()
            return
        self.ports = (_port(transport, "sockname"), _port(transport, "peername"))
        self.name = self.name or f"{self.ports[0]}-{self.ports[1]}"
        self._transport.set_write_buffer_limits(high=self._soft_bytes, low=self._soft_bytes // 4)
        self.up = True
        self.owner.link_up(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.up = False
        self._transport = None
        if self.refused:
            return
        reason = self._down_reason or (f"connection lost: {exc}" if exc else "closed by the peer")
        self.owner.link_down(self, reason)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._held is not None:
            return memoryview(self._scratch)
        return self.framer.writable(READ_BYTES)

    def buffer_updated(self, nbytes: int) -> None:
        if self._held is not None:
            self._held += memoryview(self._scratch)[:nbytes]
        else:
            self.framer.wrote(nbytes)
        self.received_bytes += nbytes
        self.owner.messages_ready(self)

    def eof_received(self) -> bool:
        return False  # the transport closes itself

    def pause_writing(self) -> None:
        self.blocked = True
        self.owner.link_blocked(self, True)

    def resume_writing(self) -> None:
        self.blocked = False
        self.owner.link_blocked(self, False)


LinkFactory = Callable[[], Link]


class Listener(Protocol):
    """A port being listened on."""

    @property
    def port(self) -> int:
        """The port, also when 0 was asked for."""

    def close(self) -> None:
        """Stop listening; links stay."""


class Network(Protocol):
    """Where connections come from, so that a simulation can stand in for TCP."""

    async def serve(
        self, host: str, port: int, factory: LinkFactory, tls: ssl.SSLContext | None = None
    ) -> Listener:
        """Accept connections, each with a link of its own. OSError if the port is in use."""

    async def dial(
        self,
        host: str,
        port: int,
        factory: LinkFactory,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> Link:
        """Connect; `link_up` has been called when this returns. OSError if nobody answers, or who answers is
        not taken.
        """


class _TcpListener:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        self._server.close()


class TcpNetwork:
    """The real one. asyncio (and uvloop) set TCP_NODELAY on every TCP connection; a test holds them to it."""

    async def serve(
        self, host: str, port: int, factory: LinkFactory, tls: ssl.SSLContext | None = None
    ) -> Listener:
        patience = None if tls is None else HANDSHAKE_S
        loop = asyncio.get_running_loop()
        return _TcpListener(
            await loop.create_server(factory, host, port, ssl=tls, ssl_handshake_timeout=patience)
        )

    async def dial(
        self,
        host: str,
        port: int,
        factory: LinkFactory,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> Link:
        patience = None if tls is None else HANDSHAKE_S
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(
            factory, host, port, ssl=tls, server_hostname=server_name or None, ssl_handshake_timeout=patience
        )
        async with asyncio.timeout(DIAL_S):
            _, link = await connecting
        if link.refused:
            raise ConnectionRefusedError(errno.ECONNREFUSED, link.refused)
        return link


def _port(transport: asyncio.BaseTransport, end: str) -> int:
    address: Any = transport.get_extra_info(end)
    return int(address[1]) if isinstance(address, tuple) and len(address) > 1 else 0


def why(error: OSError) -> str:
    """In the system's words alone: asyncio puts the address before them, and our caller names that already.
    What the resolver says has words of its own.
    """
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno)
