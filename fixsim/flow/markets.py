"""Markets that run on generated flow, ready to go: each a Source of its own, made from a seed.

Prices are half ticks (odd: the first mid or p_ref lies between two prices), times ns UTC of the market.
"""

from __future__ import annotations

from collections.abc import Callable

from fixsim.flow.excitation import Timing
from fixsim.flow.hawkes import Hawkes
from fixsim.flow.log import Log
from fixsim.flow.model import Model
from fixsim.flow.queue_reactive import QueueReactive
from fixsim.flow.source import Flow, Source
from fixsim.flow.zero import Rates, ZeroIntelligence
from fixsim.matching import Capacity, Market

NANOS = 1_000_000_000
START_PX = 20_001
"""100.005 at a tick of 0.01."""

CAPACITY = Capacity(orders=1 << 15, recorded=1 << 16, fills=1 << 16)
"""Enough for ten levels a side of any model that load_model takes."""


def opened(
    make: Callable[[Market], Flow],
    *,
    venues: int = 1,
    start_ns: int = 0,
    duration_s: float = 3600.0,
    start_px: int = START_PX,
    capacity: Capacity = CAPACITY,
) -> Source:
    """A market whose price window is centred on `start_px`, with the flow that `make` puts into it."""
    market = Market(venues, start_px, capacity=capacity)
    return Source(market, make(market), start_ns, start_ns + int(duration_s * NANOS))


def queue_reactive(
    model: Model,
    *,
    seed: int,
    venues: int = 1,
    start_ns: int = 0,
    duration_s: float = 3600.0,
    start_px: int = START_PX,
    depth: int = 10,
    log: Log | None = None,
) -> Source:
    """See QueueReactive."""
    return opened(
        lambda market: QueueReactive(
            market, model, seed=seed, start_ns=start_ns, start_px=start_px, depth=depth, log=log
        ),
        venues=venues,
        start_ns=start_ns,
        duration_s=duration_s,
        start_px=start_px,
    )


def hawkes(
    model: Model,
    timing: Timing,
    *,
    seed: int,
    venues: int = 1,
    start_ns: int = 0,
    duration_s: float = 3600.0,
    start_px: int = START_PX,
    depth: int = 10,
    log: Log | None = None,
) -> Source:
    """See Hawkes."""
    return opened(
        lambda market: Hawkes(
            market, model, timing, seed=seed, start_ns=start_ns, start_px=start_px, depth=depth, log=log
        ),
        venues=venues,
        start_ns=start_ns,
        duration_s=duration_s,
        start_px=start_px,
    )


def zero_intelligence(
    rates: Rates,
    *,
    seed: int,
    venues: int = 1,
    start_ns: int = 0,
    duration_s: float = 3600.0,
    start_px: int = START_PX,
    log: Log | None = None,
) -> Source:
    """See ZeroIntelligence."""
    return opened(
        lambda market: ZeroIntelligence(
            market, rates, seed=seed, start_ns=start_ns, start_px=start_px, log=log
        ),
        venues=venues,
        start_ns=start_ns,
        duration_s=duration_s,
        start_px=start_px,
    )
