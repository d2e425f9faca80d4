"""The operator's unix socket: JSON lines, one command a connection, answered line by line. Server and client.

The kernel says which uid is at the other end (SO_PEERCRED); settings say which identities that uid may speak
as, and in which roles. The socket is mode 0660. A request is one line:

    {"cmd": "kill", "scope": "venue", "name": "XLIT1", "identity": "trader", "reason": "…"}

`scope` ("all", "venue", "symbol", "parent") and `reason` belong to kill, suspend and reinstate, a session's
`name` and `reason` to "reset session"; status, parents, orders, sessions and "reload sessions" take none of
them. `identity` may be left out where the uid has one identity only that may do
it.

Each answer is one line with an "event". The server itself says {"event": "refused", "reason": …} and, last,
{"event": "end"}; the rest comes from the app, and for a kill it is:

    {"event": "latched", "durable": bool}
    {"event": "cancelling", "orders": n}
    {"event": "order", "cl_ord_id": …, "state": "canceled" | "filled" | "not confirmed"}
    {"event": "completed", "unconfirmed": [cl_ord_id, …]}

A command that was begun runs to its end whether or not anybody still listens. Bounds: 32 connections, 64 KiB
a request, 1 MiB of unread answers (then the client is dropped, the command goes on).
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.settings import Operator

MAX_CLIENTS = 32
MAX_REQUEST_BYTES = 64 << 10
MAX_UNREAD_BYTES = 1 << 20
MAX_REASON = 500
REQUEST_TIMEOUT_S = 10.0
SCOPES = ("all", "venue", "symbol", "parent")
ROLES = {
    "kill": "kill",
    "suspend": "kill",
    "reinstate": "reinstate",
    "status": "view",
    "parents": "view",
    "orders": "view",
    "sessions": "view",
    "reload sessions": "sessions",
    "reset session": "sessions",
}
SCOPED = frozenset({"kill", "suspend", "reinstate"})
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid

Answer = dict[str, Any]


class CommandRefused(ValueError):  # noqa: N818 (an answer to the operator)
    """The request is malformed, or this identity may not make it."""


class ControlError(ConnectionError):
    """No router answers at the socket, or it went away in the middle."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request that was allowed. `scope` and `name` as in risk.kill.Scope; both "" where they do not
    apply.
    """

    cmd: str
    identity: str
    scope: str = ""
    name: str = ""
    reason: str = ""


OnCommand = Callable[[Command], AsyncIterator[Answer]]
"""The app's part: performs the command and yields what is to be answered. ValueError becomes "refused"."""


def parse_command(line: bytes, uid: int, operators: Iterable[Operator]) -> Command:
    """What a line from a process of `uid` asks for; CommandRefused says what is wrong with it."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise CommandRefused("the request is not a line of JSON") from None
    if not isinstance(request, dict) or not all(isinstance(value, str) for value in request.values()):
        raise CommandRefused("the request must be a JSON object of strings")
    if unknown := sorted(request.keys() - {"cmd", "scope", "name", "identity", "reason"}):
        raise CommandRefused(f"{unknown[0]} is not a field of a request")
    cmd, scope, name = (request.get(field, "") for field in ("cmd", "scope", "name"))
    role = ROLES.get(cmd)
    if role is None:
        raise CommandRefused(f"cmd {cmd!r} is not one of {', '.join(ROLES)}")
    identity = _identity(request.get("identity", ""), uid, role, operators)
    reason = request.get("reason", "").strip()
    if cmd in SCOPED or cmd == "reset session":
        if not reason:
            raise CommandRefused(f"{cmd} needs a reason")
        if len(reason) > MAX_REASON:
            raise CommandRefused(f"the reason has {len(reason)} characters; at most {MAX_REASON}")
    if cmd == "reset session":
        if scope or not name:
            raise CommandRefused(f"{cmd} takes a name, and no scope")
    elif cmd in SCOPED:
        if scope not in SCOPES:
            raise CommandRefused(f"scope {scope!r} is not one of {', '.join(SCOPES)}")
        if (scope == "all") != (name == ""):
            raise CommandRefused(f"scope {scope} {'takes no' if scope == 'all' else 'needs a'} name")
    elif scope or name or reason:
        raise CommandRefused(f"{cmd} takes no scope, name or reason")
    return Command(cmd, identity, scope, name, reason)


def _identity(asked: str, uid: int, role: str, operators: Iterable[Operator]) -> str:
    own = [operator for operator in operators if operator.is_uid(uid)]
    if not own:
        raise CommandRefused(f"uid {uid} is no operator in the settings")
    if asked:
        chosen = [operator for operator in own if operator.identity == asked]
        if not chosen:
            raise CommandRefused(f"uid {uid} may not speak as {asked}")
        if role not in chosen[0].roles:
            raise CommandRefused(f"{asked} has not the role {role}")
        return asked
    able = [operator.identity for operator in own if role in operator.roles]
    if not able:
        raise CommandRefused(f"uid {uid} has not the role {role}")
    if len(able) > 1 and role == "reinstate":  # a kill does not wait for a name
        raise CommandRefused(f"uid {uid} may be {' or '.join(able)}: say which with --identity")
    return able[0]


class ControlServer:
    """Listens at the socket until closed. The state directory's lock must be held: an old socket is
    removed.
    """

    def __init__(self, path: Path, operators: Iterable[Operator], on_command: OnCommand) -> None:
        self.path = path
        self._operators = tuple(operators)
        self._on_command = on_command
        self._server: asyncio.Server | None = None
        self._clients = 0
        self._commands: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """OSError if the socket cannot be made."""
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.path.unlink()
        before = os.umask(0o117)  # the mode must hold from the first moment
        try:
            self._server = await asyncio.start_unix_server(self._serve, self.path, limit=MAX_REQUEST_BYTES)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Take no more commands, and wait for those that have begun."""
        if self._server is not None:
            self._server.close()
        if self._commands:
            await asyncio.wait(self._commands)
        with suppress(FileNotFoundError):
            self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= MAX_CLIENTS:
            _send(writer, {"event": "refused", "reason": f"{MAX_CLIENTS} operators are connected already"})
            writer.close()
            return
        self._clients += 1
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_TIMEOUT_S)
            if line:
                command = parse_command(line, peer_uid(writer), self._operators)
                task = asyncio.ensure_future(self._perform(command, writer))
                self._commands.add(task)
                task.add_done_callback(self._commands.discard)
                await asyncio.shield(task)
        except CommandRefused as refusal:
            _send(writer, {"event": "refused", "reason": str(refusal)})
        except (ValueError, TimeoutError):  # over the limit, or nothing was said
            reason = f"no request of up to {MAX_REQUEST_BYTES} bytes came in {REQUEST_TIMEOUT_S:g} s"
            _send(writer, {"event": "refused", "reason": reason})
        except ConnectionError:
            pass
        finally:
            self._clients -= 1
            writer.close()

    async def _perform(self, command: Command, writer: asyncio.StreamWriter) -> None:
        try:
            async for answer in self._on_command(command):
                _send(writer, answer)
        except ValueError as refusal:
            _send(writer, {"event": "refused", "reason": str(refusal)})
        _send(writer, {"event": "end"})


def peer_uid(writer: asyncio.StreamWriter) -> int:
    """The uid of the process at the other end of a unix socket, on the kernel's word."""
    peer = writer.get_extra_info("socket")
    _, uid, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Write without waiting: a command never waits for who asked."""
    if writer.is_closing():
        return
    writer.write(json.dumps(answer).encode() + b"\n")
    if writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
        writer.transport.abort()


def ask(path: Path, request: dict[str, str], on_answer: Callable[[Answer], None]) -> int:
    """The client: send one request, hand over each answer as it comes; returns the command's exit status.

    0: done, every order confirmed, the latch on disk; 1: done, but not all of that; 2: refused. ControlError
    if there is no router, or it stopped before the end: whether the command took effect is then not known.
    """
    # A kill that ends without saying "completed" has confirmed nothing.
    status = 1 if request["cmd"] == "kill" else 0
    durable = True
    for answer in _answers(path, request):
        if answer["event"] == "end":
            return status
        if answer["event"] == "completed":
            status = 1 if answer.get("unconfirmed") or not durable else 0
        elif answer["event"] == "reinstated":
            status = 1 if answer.get("still_latched") else 0
        elif answer["event"] == "latched":
            durable = bool(answer["durable"])
            status = status if durable else 1
        on_answer(answer)
        if answer["event"] == "refused":
            return 2
    raise ControlError(f"{path}: the router closed the connection before the command was done")


def _answers(path: Path, request: dict[str, str]) -> Iterator[Answer]:
    """The lines that come back; what was not said by a router is a ControlError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            lines = connection.makefile("rb")
            while line := lines.readline():
                answer = json.loads(line)
                if not isinstance(answer, dict) or "event" not in answer:
                    raise ValueError(f"{line[:80]!r} is not an answer")
                yield answer
        except OSError as error:
            raise ControlError(f"{path}: no router answers: {error.strerror or error}") from None
        except ValueError:
            raise ControlError(f"{path}: what answers is no router") from None
