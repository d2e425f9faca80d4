"""Exchange, router and desk as processes over loopback TCP, for a test to watch, signal and kill.

What is watched is what an operator could watch: the router's journal, the venues' record, logs and the
control socket. Every wait has a bound, and nothing outlives its `Stage`.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from fixsim.demo.follow import Follow
from fixsim.demo.processes import Processes, run_command
from fixsim.demo.settings import Run, prepare, read_policies
from fixsim.record import read_record
from fixsim.report.agreement import compare, routers_story, venues_story
from fixsim.report.runresult import Agreement
from router.control import ask
from router.journalfile import Follower
from router.settings import load as load_router

ETC = Path(__file__).parents[2] / "etc"
ANY = range(-64, 256)  # a test looks at exit statuses itself
START_S = 60.0  # kernels may have to be compiled first
POLL_S = 0.02


class Stage(Processes):
    """One run in `folder`: wall time at `speed` times the recording, or lock-step over a `window` of it."""

    def __init__(
        self, folder: Path, *, speed: float = 10.0, window: tuple[str, str] | None = None, **changes: str
    ) -> None:
        """`changes` are settings of the router by their name, as TOML writes their values."""
        super().__init__()
        self.run: Run = prepare(ETC, folder, read_policies(ETC)["twap"], speed if window is None else 0.0)
        if window is None:
            _edit(self.run.router_settings, r"\[lockstep\].*?(?=^\[)", "")
            _edit(self.run.fixsim_settings, r'^mode = "lockstep"', 'mode = "wall"')
        else:
            start, stop = window
            _edit(self.run.fixsim_settings, r"^\[tape\]", f"[tape]\nstart = {start}\nstop = {stop}")
        for name, value in changes.items():
            _edit(self.run.router_settings, rf"^{name} = \S+", f"{name} = {value}")
        settings = load_router(self.run.router_settings)
        self.lockstep_port = settings.lockstep.port if settings.lockstep is not None else 0
        self.oms_port, self.socket = settings.oms.port, settings.control.socket
        self.kill_timeout_s = settings.orders.kill_timeout_ms / 1000
        self.state_dir = settings.daemon.state_dir
        self.follow = Follow(self.run.lots_per_unit, self.run.unit)
        self._follower: Follower | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._follower is not None:
            self._follower.close()
        shutil.rmtree(self.run.socket_folder, ignore_errors=True)

    # What runs.

    def start_exchange(self) -> None:
        """Without waiting for it."""
        self._start("fixsim", ["fixsim", "serve", "--settings", str(self.run.fixsim_settings)])

    def start_router(self, name: str = "router") -> None:
        """Without waiting for it."""
        self._start(name, ["router", "run", "--settings", str(self.run.router_settings)])

    def start_desk(self, quantity: str, duration_s: float) -> None:
        settings = ["--settings", str(self.run.fixsim_settings), "--log", str(self.run.folder / "desk.jsonl")]
        parent = ["--quantity", quantity, "--duration", f"{duration_s:g}", "--send-after", "0.5"]
        self._start("desk", ["fixsim", "desk", *settings, *parent])

    def begin(self, quantity: str, duration_s: float) -> None:
        """All three. In lock-step, where time waits, the exchange must be there first."""
        self.start_exchange()
        if self.lockstep_port:
            self.wait_listening("fixsim", self.lockstep_port, START_S)
        self.start_router()
        self.start_desk(quantity, duration_s)

    def _start(self, name: str, command: Sequence[str]) -> None:
        self.start(name, command, self.run.log(name), good=ANY)

    def signal(self, name: str, number: int) -> None:
        self._running[name].send_signal(number)

    def status_of(self, name: str, within_s: float) -> int:
        """Its exit status, once it has ended. subprocess.TimeoutExpired if it does not."""
        return self._running[name].wait(within_s)

    # What is seen.

    def look(self) -> Follow:
        """The router's journal up to now."""
        if self._follower is None and self.run.journal.exists():
            self._follower = Follower(self.run.journal)
        if self._follower is not None:
            self.follow.take(self._follower.poll())
        return self.follow

    def until(self, what: str, holds: Callable[[], object], within_s: float = 20.0) -> None:
        """Looks again and again until `holds()`; fails with `what` it waited for."""
        deadline_s = time.monotonic() + within_s
        while not (self.look() and holds()):
            assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}; see {self.run.folder}"
            time.sleep(POLL_S)

    def working(self, at_least: int = 1) -> None:
        """Until some of the parent is done and orders rest at venues."""
        self.until("fills", lambda: self.follow.fills)
        self.until("orders at venues", lambda: len(self.follow.working) >= at_least)

    def answers(self, cmd: str) -> list[dict[str, Any]]:
        """What the router says to an operator's request."""
        told: list[dict[str, Any]] = []
        ask(self.socket, {"cmd": cmd}, told.append)
        return told

    def operator(self, cmd: str, identity: str) -> int:
        """`router kill --all` and its like; the exit status."""
        settings = ["--settings", str(self.run.router_settings)]
        command = ["router", cmd, "--all", "--identity", identity, "--reason", "a test", *settings]
        return run_command(command, self.run.log("operator"))

    def open_at_venues(self) -> set[str]:
        """Our orders that rest at a venue, by the venues' own record."""
        story = venues_story(read_record(self.run.record), "SLUICE-OE")
        return {name for (_, name), order in story.orders.items() if order.status == "open"}

    def agreement(self) -> Agreement:
        """The venues' record against the router's journal. The exchange must have ended in order."""
        venues = venues_story(read_record(self.run.record), "SLUICE-OE")
        return compare(venues, routers_story(self.look().wires, {self.run.symbol: self.run.lots_per_unit}))

    def log(self, name: str) -> str:
        return self.run.log(name).read_text(errors="replace")


def sent(follow: Follow) -> list[bytes]:
    """The ClOrdIDs of every NewOrderSingle on the wire, in order."""
    news = (wire.raw for wire in follow.wires if wire.outgoing and b"\x0135=D\x01" in wire.raw)
    return [raw.split(b"\x0111=", 1)[1].split(b"\x01", 1)[0] for raw in news]


def _edit(path: Path, pattern: str, text: str) -> None:
    old = path.read_text(encoding="utf-8")
    new, count = re.subn(pattern, text, old, count=1, flags=re.MULTILINE | re.DOTALL)
    assert count == 1, f"{path} has no {pattern}"
    path.write_text(new, encoding="utf-8")
