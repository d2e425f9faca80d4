"""Tick to order, over loopback, beside the floor: blocks of the one and of the other in turn.

The router is a real process (`router run`, wall clock, journal and every risk rule on), the echo another;
both run on one core, the client on another. One message is outstanding at a time.
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fixsim.bench import client
from fixsim.bench.settings import BenchError, Setup, prepare, title
from fixsim.demo.processes import Processes
from fixsim.demo.settings import free_ports
from router.journalfile import verify

Nanos = npt.NDArray[np.int64]
Progress = Callable[[int], object]  # samples done


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the client runs, and where router and echo do. Equal on a machine with one core."""

    client: int
    server: int

    @classmethod
    def of_this_process(cls) -> Cores:
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[-1])


@dataclass(frozen=True, slots=True)
class Pair:
    """Samples (ns) of one thing and of its floor, each [block, sample], taken in turn."""

    name: str
    taken: Nanos
    floor: Nanos
    x_bytes: int
    d_bytes: int

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return float(np.median(self.taken) / np.median(self.floor))

    @property
    def block_ratio(self) -> float:
        """The median over blocks of the ratio of a block's median to its neighbour's."""
        return float(np.median(np.median(self.taken, axis=1) / np.median(self.floor, axis=1)))


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started inside runs on that core, and stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def quiet(core: int) -> Iterator[None]:
    """The client on its core, without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        with on_core(core):
            yield
    finally:
        gc.enable()


def measure(
    folder: Path, etc: Path, sizes: Sequence[int], samples: int, warm_up: int, block: int, done: Progress
) -> Pair:
    """Tick to order with a dense network of these sizes, and its floor."""
    cores = Cores.of_this_process()
    with socket.create_server(("127.0.0.1", 0)) as listener, Processes() as processes:
        oms_port, echo_port = free_ports(2)
        setup = prepare(folder, etc, sizes, listener.getsockname()[1], oms_port)
        with on_core(cores.server):
            processes.start("router", ["router", "run", "--settings", str(setup.settings)], setup.log)
        bench = client.connect(listener, oms_port)
        with quiet(cores.client):
            bench.block(warm_up)
        x_bytes, d_bytes = bench.x_bytes, bench.d_bytes
        echo = _echo(processes, folder, "echo", echo_port, cores, x_bytes, d_bytes)
        with quiet(cores.client):
            _echo_block(echo, warm_up, x_bytes)
            taken, floor = [], []
            for _ in range(samples // block):
                processes.check()
                taken.append(bench.block(block))
                floor.append(_echo_block(echo, block, x_bytes))
                done(block)
        echo.close()
    bench.close()
    _check_journal(setup, bench.samples)
    return Pair(title(sizes), np.array(taken), np.array(floor), x_bytes, d_bytes)


def measure_floor(folder: Path, samples: int, block: int, x_bytes: int, d_bytes: int, done: Progress) -> Pair:
    """An echo against an echo: what the machine's noise makes of equal things."""
    cores = Cores.of_this_process()
    folder.mkdir(parents=True, exist_ok=True)
    with Processes() as processes:
        ports = free_ports(2)
        one, two = (
            _echo(processes, folder, f"echo-{port}", port, cores, x_bytes, d_bytes) for port in ports
        )
        with quiet(cores.client):
            for echo in (one, two):
                _echo_block(echo, block, x_bytes)
            taken, floor = [], []
            for _ in range(samples // block):
                taken.append(_echo_block(one, block, x_bytes))
                floor.append(_echo_block(two, block, x_bytes))
                done(block)
        one.close()
        two.close()
    return Pair("echo", np.array(taken), np.array(floor), x_bytes, d_bytes)


def _echo(
    processes: Processes, folder: Path, name: str, port: int, cores: Cores, x_bytes: int, d_bytes: int
) -> socket.socket:
    with on_core(cores.server):
        words = ["python", "-m", "fixsim.bench.echo", str(port), str(x_bytes), str(d_bytes)]
        processes.start(name, words, folder / f"{name}.log", good=(0, -15))
    processes.wait_listening(name, port)
    return client.blocking(socket.create_connection(("127.0.0.1", port)))


def _echo_block(echo: socket.socket, count: int, size: int) -> list[int]:
    raw = b"X" * size
    taken = []
    for _ in range(count):
        client.idle()
        ns, data = client.exchange(echo, echo, raw)
        if not data:
            raise BenchError("the echo hung up")
        taken.append(ns)
    return taken


def _check_journal(setup: Setup, samples: int) -> None:
    """The router's own record must hold a decision, a verdict and an order for every sample."""
    kinds = verify(setup.journal).kinds
    for kind in ("DECISION", "ANSWER", "VERDICT", "ACTION"):
        if kinds.get(kind, 0) < samples:
            raise BenchError(f"{setup.journal}: {kinds.get(kind, 0)} {kind} records for {samples} samples")
