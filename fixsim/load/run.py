"""One run of a load: the venue's process, the clients' processes, and the figures."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np

from fixsim.load import Load, LoadError
from fixsim.load.figures import Figures, Used, percentiles
from fixsim.load.plan import named, settings_for
from fixsim.settings import Settings

Progress = Callable[[float, int, int], object]
"""(share of the time, requests sent, reports back)"""
START_S = 120.0


@dataclass(frozen=True, slots=True)
class _Done:
    """What one client's process found."""

    sent: int
    messages: int
    unanswered: int
    lost: list[str]
    latencies_us: Any


def run(load: Load, base: Settings, base_path: Path, progress: Progress) -> Figures:
    """LoadError if the processes do not start, or one dies."""
    spawn = multiprocessing.get_context("spawn")
    rules = settings_for(load, base)
    with TemporaryDirectory() as folder:
        ours, theirs = spawn.Pipe()
        venue = spawn.Process(target=_venue, args=(rules, base_path, Path(folder) / "record", theirs))
        venue.start()
        theirs.close()
        clients: list[Any] = []
        try:
            ports = _first(ours, "the venue")
            assert venue.pid is not None
            pipes = []
            symbol = rules.instrument.symbol.encode()
            for number in range(load.clients):
                mine, its = spawn.Pipe()
                names = named(load)[number :: load.clients]
                share = load.rate * len(names) / load.sessions
                arguments = (ports, names, share, load.seconds, symbol, its)
                client = spawn.Process(target=_client, args=arguments)
                client.start()
                its.close()
                clients.append(client)
                pipes.append(mine)
            for pipe in pipes:
                _first(pipe, "a client")
            before, start_s = Used.by(venue.pid), monotonic()
            done = _collect(pipes, load, progress)
            after, took_s = Used.by(venue.pid), monotonic() - start_s
        finally:
            for process in (venue, *clients):
                process.terminate()
                process.join()
    return Figures(
        load,
        sum(one.sent for one in done),
        sum(one.messages for one in done),
        sum(one.unanswered for one in done),
        tuple(name for one in done for name in one.lost),
        took_s,
        percentiles(np.concatenate([one.latencies_us for one in done])),
        after.cpu_s - before.cpu_s,
        after.rss_bytes - before.rss_bytes,
        after.rss_bytes,
    )


def _first(pipe: Connection, who: str) -> Any:
    if not pipe.poll(START_S):
        raise LoadError(f"{who} did not start within {START_S:g} s")
    try:
        return pipe.recv()
    except EOFError:
        raise LoadError(f"{who} died at its start") from None


def _collect(pipes: list[Connection], load: Load, progress: Progress) -> list[_Done]:
    done: list[_Done] = []
    counts = dict.fromkeys(range(len(pipes)), (0, 0))
    start_s, left = monotonic(), list(pipes)
    while left:
        for pipe in wait(left, timeout=5.0):
            assert isinstance(pipe, Connection)
            try:
                told = pipe.recv()
            except EOFError:
                raise LoadError("a client's process died") from None
            if isinstance(told, _Done):
                done.append(told)
                left.remove(pipe)
                continue
            counts[pipes.index(pipe)] = told
            share = min(1.0, (monotonic() - start_s) / load.seconds)
            progress(share, sum(one[0] for one in counts.values()), sum(one[1] for one in counts.values()))
    return done


def _venue(rules: Settings, base_path: Path, record: Path, pipe: Connection) -> None:
    """The venue's process: fixsim serve, but that the settings and the ports go by way of a pipe."""
    import sys

    import structlog
    import uvloop

    from fixsim.server import serve
    from fixsim.settings import tape_path
    from fixsim.tape.edits import load_recording

    structlog.configure(
        logger_factory=lambda *name: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(30),  # warnings, and what is worse
    )
    tape = load_recording(tape_path(rules, base_path))
    with record.open("w", encoding="ascii", buffering=1 << 16) as file:
        uvloop.run(serve(rules, tape, file, listening=pipe.send))


def _client(
    ports: dict[str, int], names: list[tuple[str, str]], rate: float, seconds: float, symbol: bytes,
    pipe: Connection,
) -> None:  # fmt: skip
    import gc

    import uvloop

    from fixsim.load.client import drive, latencies_us, unanswered

    async def driven() -> _Done:
        gc.freeze()
        progress = lambda sent, back: pipe.send((sent, back))  # noqa: E731
        sent = await drive(ports, names, rate, seconds, symbol, progress)
        return _Done(sent.count, sent.messages, unanswered(sent), sent.lost, latencies_us(sent))

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    pipe.send(asyncio.run(driven()))
