"""Generated flow: environment steps of the published task, and order events that the flows put into a market.

A rate is by this thread's processor time, since other work on the machine is not what is measured; the median
of the repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fixsim.flow import markets, task
from fixsim.flow.excitation import Timing
from fixsim.flow.model import EVENTS, load_model
from fixsim.flow.source import Source
from fixsim.flow.zero import Rates

REFERENCE_STEPS_PER_S = 2697
"""The environment of arXiv 2511.15262, by its authors."""
TASK = "published task: environment steps"


@dataclass(frozen=True, slots=True)
class Pace:
    """What happened so often a second."""

    name: str
    per_s: float


def timing() -> Timing:
    """Hawkes arrivals of the published model's rate, half of them excited by others of their side."""
    mass = np.zeros((1, 2, 2, EVENTS))
    mass[0, 0, 0], mass[0, 1, 1] = 0.5, 0.5
    return Timing(np.array([2.0, 2.0]), np.array([10.0]), mass)


def sources() -> dict[str, Callable[[int], Source]]:
    """The flows by name, each made from a seed, long enough never to end here."""
    model, seconds = load_model(), 1e8
    rates = Rates(limit_per_s=1.0, market_per_s=1.0, cancel_per_s=0.2, lots=100, ticks=20)
    return {
        "queue-reactive flow: order events": lambda seed: markets.queue_reactive(
            model, seed=seed, duration_s=seconds
        ),
        "Hawkes-timed flow: order events": lambda seed: markets.hawkes(
            model, timing(), seed=seed, duration_s=seconds
        ),
        "zero-intelligence flow: order events": lambda seed: markets.zero_intelligence(
            rates, seed=seed, duration_s=seconds
        ),
    }


PARTS = 4


def measure(seconds: float, repeats: int, done: Callable[[int], object]) -> list[Pace]:
    """Every row of the table, each for about `seconds` of processor time, `repeats` times."""
    steps = [task.throughput(time.process_time, seconds) for _ in range(repeats)]
    done(1)
    paces = [Pace(TASK, float(np.median(steps)))]
    for name, make in sources().items():
        paces.append(Pace(name, float(np.median([events_per_s(make(k), seconds) for k in range(repeats)]))))
        done(1)
    return paces


def events_per_s(source: Source, seconds: float) -> float:
    """A flow's events a second, in steps of a minute of its market; fills and levels taken after each."""
    minute_ns, now_ns = 60 * markets.NANOS, source.start_ns
    source.flow.step_until(now_ns + minute_ns)  # compiles, or reads what was compiled
    events, begun = 0, time.process_time()
    while (taken := time.process_time() - begun) < seconds:
        now_ns += minute_ns
        events += source.flow.step_until(now_ns)
        source.market.fills()
        source.market.changes()
    return events / taken
