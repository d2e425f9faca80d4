"""NewOrderSingle to ExecutionReport and back between two processes, beside QuickFIX and beside an echo.

Three pairs of processes stand at once, each client on one core and each server on another; they are asked in
turn, so that what disturbs one disturbs all. Ours is fixsim/bench/pair.py, with the router's journal on both
sides; QuickFIX runs with its file store, in an environment of its own, when that was made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from fixsim.bench.latency import Cores, Progress, on_core
from fixsim.bench.settings import BenchError
from fixsim.demo.processes import Processes, last_line
from fixsim.demo.settings import free_ports
from router.journalfile import verify

WINDOW = 64
OURS, PEER, FLOOR = "Sluice", "QuickFIX", "echo"
SIZES = (171, 206)  # bytes of the two messages, for the echo
SCRIPT = Path(__file__).parent / "peers" / "quickfix_pair.py"
LISTEN_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Trip:
    """One engine: round trips in ns [block, sample], and orders a second of each burst."""

    name: str
    ns: npt.NDArray[np.int64]
    per_s: npt.NDArray[np.float64]


class Asked:
    """A process that takes commands on its standard input and answers each with a line of JSON."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self._name = name
        self._log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, text=True
            )

    def __enter__(self) -> Asked:
        self.answer()  # ready
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, command: str) -> dict[str, object]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the {self._name} client ended: {last_line(self._log)}")
        said: dict[str, object] = json.loads(line)
        return said


def quickfix_python() -> Path | None:
    """The interpreter of `make interop`, if it was made."""
    found = Path(sys.prefix).parent / "build" / "interop" / "bin" / "python"
    return found if found.exists() else None


def measure(
    folder: Path, quickfix: Path | None, blocks: int, samples: int, burst: int, done: Progress
) -> list[Trip]:
    """`blocks` times: `samples` round trips of each engine, then `burst` orders with 64 in flight of each.

    `done` hears of each finished block. BenchError, DemoError if a process fails.
    """
    folder.mkdir(parents=True)
    cores = Cores.of_this_process()
    python = sys.executable
    pair = [python, "-m", "fixsim.bench.pair"]
    with Processes() as processes:
        commands = {}
        for name in (OURS, FLOOR) if quickfix is None else (OURS, PEER, FLOOR):
            (port,) = free_ports(1)
            log = folder / f"{name}-server.log"
            server, client = {
                OURS: ([*pair, "acceptor", str(port), str(folder / "acceptor.journal")],
                       [*pair, "initiator", str(port), str(folder / "initiator.journal")]),
                PEER: ([str(quickfix), str(SCRIPT), "acceptor", str(port), str(folder / "acceptor")],
                       [str(quickfix), str(SCRIPT), "initiator", str(port), str(folder / "initiator")]),
                FLOOR: ([python, "-m", "fixsim.bench.echo", str(port), *map(str, SIZES)],
                        [*pair, "echo", str(port), ",".join(map(str, SIZES))]),
            }[name]  # fmt: skip
            with on_core(cores.server):
                processes.start(name, server, log, good=(0, -15))
            processes.wait_listening(name, port, LISTEN_WITHIN_S)
            commands[name] = client
        trips = _in_turn(commands, folder, cores, blocks, samples, burst, done, processes.check)
    written = verify(folder / "initiator.journal").kinds
    orders = blocks * (samples + burst) + samples
    if written.get("FIX_OUT", 0) < orders:
        raise BenchError(f"the journal holds {written.get('FIX_OUT', 0)} messages for {orders} orders")
    return trips


def _in_turn(
    commands: dict[str, list[str]],
    folder: Path,
    cores: Cores,
    blocks: int,
    samples: int,
    burst: int,
    done: Progress,
    check: Callable[[], None],
) -> list[Trip]:
    ns: dict[str, list[object]] = {name: [] for name in commands}
    per_s: dict[str, list[float]] = {name: [] for name in commands}
    clients: dict[str, Asked] = {}
    with ExitStack() as stack:
        for name, command in commands.items():
            with on_core(cores.client):
                clients[name] = stack.enter_context(Asked(name, command, folder / f"{name}-client.log"))
            clients[name].ask(f"rtt {samples}")  # warm
        for _ in range(blocks):
            check()
            for name, client in clients.items():
                ns[name].append(client.ask(f"rtt {samples}")["ns"])
            for name, client in clients.items():
                seconds = client.ask(f"burst {burst} {WINDOW}")["seconds"]
                assert isinstance(seconds, float)
                per_s[name].append(burst / seconds)
            done(1)
    return [Trip(name, np.array(ns[name], np.int64), np.array(per_s[name])) for name in commands]
