"""`fixsim fuzz`."""

from __future__ import annotations

import multiprocessing
import sys
import time
import traceback
from multiprocessing.context import SpawnProcess
from typing import Annotated

import typer

CODEC, SESSION = 10_000_000, 1_000_000


def fuzz(
    codec: Annotated[int, typer.Option(metavar="N", min=0, help="Mutated inputs to the codec.")] = CODEC,
    session: Annotated[
        int, typer.Option(metavar="N", min=0, help="To sessions: both roles, three versions.")
    ] = SESSION,
    seed: Annotated[
        int | None,
        typer.Option(metavar="S", min=0, help="The same seed is the same inputs; default: the time."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Processes at once.")] = 2,
) -> None:
    """Mutated messages for codec, dictionary, typed messages and sessions, with the time and memory watched.

    Exit status 0 if nothing was found; 1 if something was, which is named with its seed and input.
    """
    start = int(time.time()) if seed is None else seed
    typer.echo(f"seed {start}")
    waiting = [
        (name, start * 64 + at, inputs // jobs + (at < inputs % jobs))
        for name, inputs in (("codec", codec), ("session", session))
        for at in range(jobs)
    ]
    spawn = multiprocessing.get_context("spawn")
    running: list[SpawnProcess] = []
    failed = False
    while waiting or running:
        while waiting and len(running) < jobs:
            process = spawn.Process(target=_work, args=waiting.pop(0))
            process.start()
            running.append(process)
        running[0].join(0.2)
        for process in [process for process in running if process.exitcode is not None]:
            running.remove(process)
            failed |= process.exitcode != 0
    raise typer.Exit(1 if failed else 0)


def _work(name: str, seed: int, inputs: int) -> None:
    """One process's share."""
    from fixsim.fuzz.watch import FoundError, run

    try:
        done = run(name, seed, inputs, say=typer.echo)
    except FoundError as finding:
        traceback.print_exception(finding)
        sys.exit(1)
    rate = f"{done.inputs / max(done.seconds, 1e-9):,.0f}/s"
    slowest = f"slowest {done.slowest_s * 1000:.1f} ms, grown by {done.grown_bytes >> 20} MiB"
    typer.echo(
        f"{name} (seed {seed}): {done.inputs:,} inputs in {done.seconds:.0f} s, {rate}, {slowest}: nothing"
    )
