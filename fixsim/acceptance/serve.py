"""The acceptor's sockets, clock and control line. What is decided, `acceptor` decides."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable

import structlog

from fixsim.acceptance import control
from fixsim.acceptance.acceptor import Acceptor
from fixsim.acceptance.framing import ScriptFramer
from risk.errors import SettingsError
from router.link import Link, Network, why

log = structlog.get_logger()

STDIN: int = 0
MAX_LINE_BYTES = 4096
GOODBYE_S = 3.0  # how long peers have to answer our Logout when we stop


class Server:
    """The links' owner."""

    def __init__(self, acceptor: Acceptor, network: Network, max_message_bytes: int) -> None:
        self._acceptor = acceptor
        self._network = network
        self._max_message_bytes = max_message_bytes
        self._timer: asyncio.TimerHandle | None = None
        self._links: set[Link] = set()

    async def listen(self, host: str, port: int) -> int:
        """The port that is listened on. SettingsError if it cannot be."""
        try:
            listener = await self._network.serve(host, port, self._link)
        except OSError as error:
            text = f"--port {port} on {host} cannot be listened on: {why(error)}"
            raise SettingsError(text) from None
        return listener.port

    def _link(self) -> Link:
        return Link(self, ScriptFramer(self._max_message_bytes))

    def link_up(self, link: Link) -> None:
        self._links.add(link)
        self._acceptor.accepted(link, time.time_ns())
        self._flush()

    def link_down(self, link: Link, reason: str) -> None:
        self._links.discard(link)
        self._acceptor.closed(link, time.time_ns())
        self._flush()

    def messages_ready(self, link: Link) -> None:
        while link.up and (message := link.framer.next()) is not None:
            self._acceptor.received(link, message, time.time_ns())
            self._flush()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """A peer that reads slowly is not read from: it asks for no more until it has what it asked for."""
        link.read(on=not blocked)

    def told(self, line: str) -> str:
        """Do what a control line asks for; the answer."""
        try:
            done = self._acceptor.set_numbers(control.read(line))
        except ValueError as error:
            return f"error: {error}"
        self._flush()
        return f"ok {done}"

    async def close(self) -> None:
        """Log everybody out, and wait a little for their answers."""
        self._acceptor.logout("the acceptor stops", time.time_ns())
        self._flush()
        end = time.monotonic() + GOODBYE_S
        while self._acceptor.connected and time.monotonic() < end:
            await asyncio.sleep(0.01)
        for link in list(self._links):
            link.close()
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        """Write and hang up as the acceptor says, and wake it when it wants to be woken."""
        acceptor = self._acceptor
        for link, raw in acceptor.writes:
            assert isinstance(link, Link)
            link.write(raw)
        acceptor.writes.clear()
        for text in acceptor.notes:
            log.info(text)
        acceptor.notes.clear()
        hangups, acceptor.hangups = acceptor.hangups, []
        for link in hangups:
            assert isinstance(link, Link)
            link.close()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_ns = self._acceptor.deadline_ns()
        if due_ns is not None:
            wait_s = max(due_ns - time.time_ns(), 0) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._acceptor.advance(time.time_ns())
        self._flush()


async def serve(
    acceptor: Acceptor,
    network: Network,
    host: str,
    port: int,
    max_message_bytes: int,
    say: Callable[[str], None],
    until_eof: bool,
) -> None:
    """Serve until cancelled, or until standard input ends where `until_eof`. `say` prints a line."""
    server = Server(acceptor, network, max_message_bytes)
    shown_host = host if ":" not in host else f"[{host}]"
    say(f"listening on {shown_host}:{await server.listen(host, port)}")
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def took(line: str | None) -> None:
        if line is None:
            ended.set()
        elif line.strip():
            say(server.told(line))

    # A thread of its own: standard input may be a terminal, a pipe, a file or nothing at all.
    threading.Thread(target=_read_lines, args=(loop, took), daemon=True).start()
    try:
        if until_eof:
            await ended.wait()
        else:
            await asyncio.Event().wait()
    finally:
        await asyncio.shield(server.close())


def _read_lines(loop: asyncio.AbstractEventLoop, took: Callable[[str | None], None]) -> None:
    """Lines of standard input, each handed to the loop; None at its end. Not by `sys.stdin`, whose lock would
    be held by this thread when the process ends.
    """
    held = b""
    while True:
        try:
            chunk = os.read(STDIN, MAX_LINE_BYTES)
        except OSError:
            chunk = b""  # closed, or not ours to read
        *lines, held = (held + chunk).split(b"\n")
        if not chunk and held:
            lines, held = [*lines, held], b""
        if len(held) > MAX_LINE_BYTES:
            lines, held = [*lines, held], b""
        try:
            for line in lines:
                loop.call_soon_threadsafe(took, line.decode("latin-1"))
            if not chunk:
                loop.call_soon_threadsafe(took, None)
        except RuntimeError:
            return  # the loop has ended
        if not chunk:
            return
