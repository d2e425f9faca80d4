"""Running a target over many inputs, and watching it: rate, time of each input, memory.

A finding names target, seed and input, and the same seed finds it again: a target is deterministic.
"""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from fixsim.fuzz.targets import Codec, Sessions

MAX_INPUT_S: Final = 2.0  # of processor time
HANG_S: Final = 60.0  # without any progress: the process ends and shows where it stood
MAX_GROWTH_BYTES: Final = 64 << 20
_BATCH: Final = 500
_WARM_SHARE: Final = 10  # of the inputs, a tenth pass before memory is taken as normal
_REPORT_S: Final = 10.0


class Target(Protocol):
    def step(self) -> None: ...


TARGETS: Final[dict[str, Callable[[int], Target]]] = {"codec": Codec, "session": Sessions}


class FoundError(Exception):
    """What an input did that no input may do."""


class Done(NamedTuple):
    inputs: int
    seconds: float
    slowest_s: float
    grown_bytes: int


def resident_bytes() -> int:
    """What this process holds in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def run(
    name: str, seed: int, inputs: int, seconds: float | None = None, say: Callable[[str], None] | None = None
) -> Done:
    """`inputs` of them, or as many as go into `seconds`. FoundError if one does what it must not."""
    target = TARGETS[name](seed)
    began = reported = time.perf_counter()
    done, slowest_s, before, grown = 0, 0.0, 0, 0
    try:
        while done < inputs and (seconds is None or time.perf_counter() - began < seconds):
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            for _ in range(min(_BATCH, inputs - done)):
                at = time.thread_time()  # a machine that is busy elsewhere is no fault of the input's
                try:
                    target.step()
                except Exception as error:
                    text = f"{name}, seed {seed}, input {done + 1}: {type(error).__name__}: {error}"
                    raise FoundError(text) from error
                done += 1
                slowest_s = max(slowest_s, time.thread_time() - at)
            if done <= _BATCH:  # dictionaries and kernels were loaded, at first use
                began = time.perf_counter()
                slowest_s = 0.0
            if slowest_s > MAX_INPUT_S:
                raise FoundError(f"{name}, seed {seed}, before input {done}: one took {slowest_s:.1f} s")
            before, grown = _grown(before, done >= min(inputs // _WARM_SHARE, 100_000))
            if grown > MAX_GROWTH_BYTES:
                raise FoundError(f"{name}, seed {seed}, input {done}: grown by {grown >> 20} MiB")
            now = time.perf_counter()
            if say is not None and now - reported >= _REPORT_S:
                reported = now
                say(_progress(name, seed, done, inputs, now - began, grown))
    finally:
        faulthandler.cancel_dump_traceback_later()
    return Done(done, time.perf_counter() - began, slowest_s, grown)


def _grown(before: int, warm: bool) -> tuple[int, int]:
    """Memory taken as normal, 0 until `warm`, and what has come on top of it."""
    if not warm:
        return 0, 0
    now = resident_bytes()
    return (before, now - before) if before else (now, 0)


def _progress(name: str, seed: int, done: int, inputs: int, seconds: float, grown: int) -> str:
    rate = f"{done / seconds:,.0f}/s"
    return f"{name} (seed {seed}): {done:,} of {inputs:,}, {rate}, grown by {grown >> 20} MiB"
