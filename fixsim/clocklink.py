"""One clock link from the coordinator's side: JSON lines in and out, a step and its answer at a time.

What the lines mean is in router/lockstep.py, where the participants' side lives. A peer that says something
else is told why and hung up.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import structlog

MAX_LINE_BYTES = 1 << 20
log = structlog.get_logger()


class Peer(asyncio.Protocol):
    """One clock link, from the coordinator's side: lines in, lines out."""

    def __init__(self, join: Callable[[Peer, str], None]) -> None:
        """`join` is called when the peer says who it is."""
        self._join = join
        self._line = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[dict[str, Any] | None] | None = None
        self.name = ""
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._answered(None)

    def data_received(self, data: bytes) -> None:
        self._line += data
        while (end := self._line.find(b"\n")) >= 0:
            line = bytes(self._line[:end])
            del self._line[: end + 1]
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                self.refuse(f"not a JSON object: {line[:80]!r}")
            elif "join" in message:
                self._join(self, str(message["join"]))
            else:
                self._answered(message)
        if len(self._line) > MAX_LINE_BYTES:
            self.refuse(f"a line over {MAX_LINE_BYTES} bytes")

    def refuse(self, reason: str) -> None:
        log.warning("clock link refused", participant=self.name, reason=reason)
        self.send({"refused": reason})
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def send(self, message: dict[str, Any]) -> None:
        if self._transport is not None and not self.gone:
            self._transport.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def ask(self, message: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """Send a step and wait for its answer; None: the link is gone, or took too long and was closed."""
        if self.gone:
            return None
        self._answer = asyncio.get_running_loop().create_future()
        self.send(message)
        try:
            answer = await asyncio.wait_for(self._answer, timeout_s)
        except TimeoutError:
            self.refuse(f"step {message['step']} was not answered within {timeout_s} s")
            return None
        finally:
            self._answer = None
        if answer is not None and (answer.get("step") != message["step"] or not _is_answer(answer)):
            self.refuse(f"not an answer to step {message['step']}: {str(answer)[:200]}")
            return None
        return answer

    def _answered(self, message: dict[str, Any] | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message)


def _is_answer(answer: dict[str, Any]) -> bool:
    deadline_ns, sent, closed = answer.get("deadline_ns"), answer.get("sent"), answer.get("closed", [])
    return (
        (deadline_ns is None or isinstance(deadline_ns, int))
        and isinstance(sent, dict)
        and all(isinstance(total, int) for total in sent.values())
        and isinstance(closed, list)
    )
