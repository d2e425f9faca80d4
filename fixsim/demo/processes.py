"""The demo's processes: each with its log, each ended when the demo ends, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn

STOP_WITHIN_S = 10.0
POLL_S = 0.05
LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


class DemoError(RuntimeError):
    """The demo cannot go on; the text names the process and what it said last, or the check that failed."""


class Processes:
    """A context: what was started in it is stopped when it is left."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: dict[str, Path] = {}
        self._good: dict[str, Collection[int]] = {}

    def __enter__(self) -> Processes:
        signal.signal(signal.SIGTERM, _leave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_WITHIN_S
        for process in self._running.values():
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, command: Sequence[str], log: Path, good: Collection[int] = (0,)) -> None:
        """Begin a process; output goes to the end of ``log``. ``good``: exit statuses that are no fault."""
        with log.open("ab") as sink:
            self._running[name] = subprocess.Popen(
                command_line(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self._logs[name] = log
        self._good[name] = good

    def kill(self, name: str) -> None:
        """kill -9: no word to anybody."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def ended(self, name: str) -> bool:
        """Whether it has ended, in order. DemoError if it ended otherwise."""
        status = self._running[name].poll()
        if status is not None and status not in self._good[name]:
            raise DemoError(f"{name} ended with status {status}: {last_line(self._logs[name])}")
        return status is not None

    def check(self) -> None:
        """DemoError if any process has failed."""
        for name in self._running:
            self.ended(name)

    def wait_listening(self, name: str, port: int, within_s: float = 60.0) -> None:
        """Until ``name`` listens on ``port``, without connecting to it."""
        deadline_s = time.monotonic() + within_s
        while not is_listening(port):
            if self.ended(name) or time.monotonic() > deadline_s:
                raise DemoError(f"{name} does not listen on port {port}: {last_line(self._logs[name])}")
            time.sleep(POLL_S)


def _leave(number: int, frame: object) -> NoReturn:
    """SIGTERM leaves the context as an exception does, so that nothing outlives the demo."""
    raise SystemExit(128 + number)


def command_line(command: Sequence[str]) -> list[str]:
    """One of our console commands, as it is installed beside this interpreter."""
    if Path(command[0]).is_absolute():  # of another environment
        return list(command)
    return [str(Path(sys.executable).with_name(command[0])), *command[1:]]


def run_command(command: Sequence[str], log: Path, within_s: float = 60.0) -> int:
    """Run a command of ours to its end, its output at the end of ``log``; returns its exit status."""
    with log.open("ab") as sink:
        done = subprocess.run(
            command_line(command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=within_s,
            check=False,
        )
    return done.returncode


def is_listening(port: int) -> bool:
    """Whether a process on this machine listens on a TCP port (proc(5), net/tcp)."""
    ending = f":{port:04X}"
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(ending) and fields[3] == LISTEN:
                    return True
    return False


def last_line(log: Path) -> str:
    """What a process said last."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"it said nothing ({log})"
