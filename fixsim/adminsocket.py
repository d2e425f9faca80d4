"""The admin console's unix socket: JSON lines, one command a connection, one answer. Server and client.

Who may connect is the file system's to say: the socket is mode 0660. What a command may be is in
fixsim/console.py. Bounds: 16 connections, 1 MiB a request, 10 s to make it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from risk.errors import SettingsError

MAX_CLIENTS = 16
MAX_REQUEST_BYTES = 1 << 20
REQUEST_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 30.0
MAX_PATH_BYTES = 107

Answer = dict[str, Any]


class AdminError(ConnectionError):
    """The exchange went away before it answered: whether the command took effect is not known."""


class AdminServer:
    """Listens at `path` until closed; `handle` turns a command into its answer."""

    def __init__(self, path: Path, handle: Callable[[object], Answer]) -> None:
        self.path = path
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._clients = 0

    async def start(self) -> None:
        """SettingsError if somebody listens there already, or the socket cannot be made."""
        if len(os.fsencode(self.path)) > MAX_PATH_BYTES:
            raise SettingsError(f"admin.socket = {self.path}: must be at most {MAX_PATH_BYTES} bytes")
        if _answers(self.path):
            raise SettingsError(f"admin.socket = {self.path}: another fixsim listens there")
        if self.path.exists() and not self.path.is_socket():
            raise SettingsError(f"admin.socket = {self.path}: is there, and no socket")
        before = os.umask(0o117)  # the mode must hold from the first moment
        try:
            with suppress(FileNotFoundError):
                self.path.unlink()
            self._server = await asyncio.start_unix_server(self._serve, self.path, limit=MAX_REQUEST_BYTES)
        except OSError as error:
            raise SettingsError(f"admin.socket = {self.path}: {error.strerror or error}") from None
        finally:
            os.umask(before)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            with suppress(FileNotFoundError):
                self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= MAX_CLIENTS:
            _send(writer, _refusal(f"{MAX_CLIENTS} operators are connected already"))
            writer.close()
            return
        self._clients += 1
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_TIMEOUT_S)
            if line:
                _send(writer, self._handle(json.loads(line)))
        except (json.JSONDecodeError, RecursionError, UnicodeDecodeError):
            _send(writer, _refusal("the request is not a line of JSON"))
        except (ValueError, TimeoutError):  # over the limit, or nothing was said
            _send(
                writer, _refusal(f"no request of up to {MAX_REQUEST_BYTES} bytes in {REQUEST_TIMEOUT_S:g} s")
            )
        except ConnectionError:
            pass
        finally:
            self._clients -= 1
            writer.close()


def ask(path: Path, request: dict[str, Any]) -> Answer:
    """The client: one command, its answer. SettingsError if no exchange is there, AdminError if it left."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        try:
            connection.connect(os.fspath(path))
        except OSError as error:
            raise SettingsError(f"{path}: no exchange answers: {error.strerror or error}") from None
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile("rb").readline()
            answer = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise AdminError(f"{path}: the exchange did not answer: whether it was done is not known")
    return answer


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True


def _refusal(reason: str) -> Answer:
    return {"ok": False, "reason": reason}


def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(answer).encode() + b"\n")
