"""One process of somebody else's FIX engine, with the pipe to it: what it is told, and what it saw.

Every wait has a bound, and says what it waited for and what the engine saw last. A process does not outlive
its `with`.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.interop.engines import Engine, settings_text

WITHIN_S = 30.0
STOP_WITHIN_S = 5.0
Fields = Sequence[tuple[int, Any]]
"""Tags and their values as text, or for a group's count the list of its entries."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A message as the engine has it. `way`: "in" towards the engine, "out" from it."""

    way: str
    session: str
    fields: tuple[tuple[int, str], ...]

    def __getitem__(self, tag: int) -> str:
        """The first value of a tag; "" where there is none."""
        return next((value for at, value in self.fields if at == tag), "")

    def entries(self, first: int) -> list[dict[int, str]]:
        """A group's entries by its first tag."""
        found: list[dict[int, str]] = []
        for tag, value in self.fields:
            if tag == first:
                found.append({})
            if found:
                found[-1].setdefault(tag, value)
        return found

    def __str__(self) -> str:
        return self.way + " " + "|".join(f"{tag}={value}" for tag, value in self.fields)


def read_wire(way: str, session: str, raw: str) -> Wire:
    split = (item.partition("=") for item in raw.split("\x01"))
    return Wire(way, session, tuple((int(tag), value) for tag, _, value in split if tag.isdigit()))


@dataclass
class Peer:
    """`sessions`: the version of each (SenderCompID, TargetCompID), seen from the engine.

    A counterparty's CompID names a session afterwards. What the engine stores is in `folder` and outlives it.
    """

    engine: Engine
    role: str
    port: int
    folder: Path
    sessions: Mapping[tuple[str, str], str]
    extra: Mapping[str, str] = field(default_factory=dict)
    on_wire: Callable[[Wire], None] | None = None
    """Called for every message as it passes, by the thread that reads the pipe."""

    def __post_init__(self) -> None:
        self.wires: list[Wire] = []
        self.told: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Peer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()

    @property
    def own(self) -> str:
        """Its CompID in the first session."""
        return next(sender for sender, _ in self.sessions)

    # Its life.

    def start(self, numbers: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """Begin. `numbers` of a session before it connects: the next "out" and the next "in" are these."""
        assert self._process is None, "it runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "settings.cfg"
        settings.write_text(
            settings_text(self.engine, self.role, self.port, self.folder, self.sessions, self.extra)
        )
        command = [str(self.engine.python), str(self.engine.script), str(settings), self.role]
        with (self.folder / "stderr.log").open("ab") as sink:
            self._process = subprocess.Popen(
                [*command, json.dumps(numbers or {})],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                encoding="utf-8",
            )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        self.until("it is up", lambda: any(event["event"] == "up" for event in self.told))

    def kill(self) -> None:
        """kill -9. What it had said by then stays said; its sessions are over."""
        process = self._process
        assert process is not None
        process.kill()
        self._ended(process)

    def stop(self) -> None:
        """In order: logged out, then gone."""
        process = self._process
        if process is None:
            return
        if process.poll() is None and process.stdin is not None:
            try:
                self._tell(cmd="stop")
                process.wait(STOP_WITHIN_S)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                process.kill()
        self._ended(process)

    def _ended(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        assert self._reader is not None
        self._reader.join(STOP_WITHIN_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process = None
        with self._changed:
            self.told.append({"event": "gone"})

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                event = json.loads(line)
            except json.JSONDecodeError:  # the engine talks to its own standard output
                event = {"event": "remark", "text": line}
            with self._changed:
                if "raw" in event:
                    wire = read_wire(event["event"], event["session"], event["raw"])
                    self.wires.append(wire)
                    try:
                        if self.on_wire is not None:
                            self.on_wire(wire)
                    except Exception as fault:  # of the test's own thread as well, or it would wait in vain
                        self.fault = fault
                        raise
                self.told.append(event)
                self._changed.notify_all()

    # What it is told.

    def send(self, msg_type: str, fields: Fields, session: str | None = None) -> None:
        """An application message; the engine stamps the header."""
        name = session or next(target for _, target in self.sessions)
        self._tell(cmd="send", session=name, fields=[(35, msg_type), *fields])

    def log_out(self, session: str) -> None:
        self._tell(cmd="logout", session=session)

    def leave(self) -> None:
        """Log out of every session, then stop; its store has every number."""
        for _, session in self.sessions:
            self.log_out(session)
            self.until(f"{session} is logged out", lambda session=session: not self.up(session))  # type: ignore[misc]
        self.stop()

    def log_on(self, session: str) -> None:
        """Again, after `log_out`."""
        self._tell(cmd="logon", session=session)

    def _tell(self, **command: Any) -> None:
        process = self._process
        assert process is not None, "it does not run"
        assert process.stdin is not None
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()

    # What it saw.

    def up(self, session: str) -> bool:
        """Whether the session is logged on."""
        last = None
        for event in self.told:
            if event["event"] == "gone" or event.get("session") == session:
                last = {"logon": True, "logout": False, "gone": False}.get(event["event"], last)
        return last is True

    def logged_on(self, within_s: float = WITHIN_S) -> None:
        for _, session in self.sessions:
            self.until(f"{session} is logged on", lambda session=session: self.up(session), within_s)  # type: ignore[misc]

    def seen(self, msg_type: str, want: Mapping[int, str] | None = None, *, way: str = "in") -> list[Wire]:
        """Messages of a type, with these values."""
        wanted = (want or {}).items()
        return [
            wire
            for wire in self.wires
            if wire.way == way and wire[35] == msg_type and all(wire[tag] == value for tag, value in wanted)
        ]

    def get(
        self,
        msg_type: str,
        want: Mapping[int, str] | None = None,
        *,
        nth: int = 1,
        way: str = "in",
        within_s: float = WITHIN_S,
    ) -> Wire:
        """The nth such message, once it is there."""
        what = f"{msg_type} {dict(want or {})}" + (f" number {nth}" if nth > 1 else "")
        self.until(what, lambda: len(self.seen(msg_type, want, way=way)) >= nth, within_s)
        return self.seen(msg_type, want, way=way)[nth - 1]

    def until(self, what: str, holds: Callable[[], object], within_s: float = WITHIN_S) -> None:
        """Waits until it `holds()`, looking at each event; fails with `what` it waited for."""
        deadline_s = time.monotonic() + within_s
        with self._changed:
            while not holds():
                if self.fault is not None:
                    raise self.fault
                left_s = deadline_s - time.monotonic()
                waits_on = left_s > 0 and self.alive
                assert waits_on, f"not within {within_s:g} s: {what}\n{self.story()}"
                self._changed.wait(min(left_s, 0.5))

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def rejects(self) -> Iterator[Wire]:
        """Reject (3) and BusinessMessageReject (j), from either side."""
        return (wire for wire in self.wires if wire[35] in ("3", "j"))

    def story(self) -> str:
        """What it saw last, for a person."""
        lines = [str(event.get("raw", event)).replace("\x01", "|") for event in self.told[-25:]]
        log = (self.folder / "stderr.log").read_text(errors="replace")[-2000:]
        return "\n".join([f"{self.engine.name} ({self.folder}) saw last:", *lines, log])
