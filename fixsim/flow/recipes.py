"""A flow as a person asks for it: its kind, its model, its seed. Reads files; what it makes is pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fixsim.flow.excitation import Timing
from fixsim.flow.log import Log
from fixsim.flow.markets import hawkes, queue_reactive, zero_intelligence
from fixsim.flow.model import PUBLISHED, load_model
from fixsim.flow.record import Listing
from fixsim.flow.source import Source
from fixsim.flow.zero import Rates
from fixsim.flow.zero_calibrate import calibrate
from fixsim.tape.reader import frame as stored_frame
from risk.errors import SettingsError

KINDS = ("queue-reactive", "hawkes", "zero-intelligence")
RATES = Rates(limit_per_s=1.0, market_per_s=1.0, cancel_per_s=0.2, lots=100, ticks=10)
"""Zero intelligence that is like no tape in particular: five orders at a price, a spread of a tick or two."""
TICK_NANOS = 10_000_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What `record` and `record_tape` take, and what it is in words."""

    opens: Callable[[Log], Source]
    listing: Listing
    note: str


def recipe(
    kind: str,
    *,
    seed: int,
    seconds: float,
    symbol: str,
    model: Path | None = None,
    like: Path | None = None,
    branching: float = 0.7,
    levels: int = 10,
) -> Recipe:
    """`model` of the queue-reactive kinds; `like`: a tape for zero-intelligence. SettingsError if not."""
    if kind not in KINDS:
        raise SettingsError(f"--flow = {kind!r}: must be one of {', '.join(KINDS)}")
    if kind == "zero-intelligence":
        if model is not None:
            raise SettingsError(f"--model = {model}: zero-intelligence has none; its rates come from --like")
        return _zero(seed, seconds, symbol, like, levels)
    if like is not None:
        raise SettingsError(f"--like = {like}: only zero-intelligence has it")
    loaded = load_model(model or PUBLISHED)
    listing = Listing(symbol, loaded.tick_nanos)
    note = f"{kind} flow, model {loaded.symbol} ({loaded.source}), seed {seed}"
    if kind == "queue-reactive":
        return Recipe(
            lambda log: queue_reactive(loaded, seed=seed, duration_s=seconds, log=log), listing, note
        )
    try:
        timing = Timing.like(loaded, branching=branching)
    except ValueError as error:
        raise SettingsError(f"--branching = {branching}: {error}") from None
    return Recipe(
        lambda log: hawkes(loaded, timing, seed=seed, duration_s=seconds, log=log),
        listing,
        f"{note}, branching ratio {branching}",
    )


def _zero(seed: int, seconds: float, symbol: str, like: Path | None, levels: int) -> Recipe:
    rates, listing = RATES, Listing(symbol, TICK_NANOS)
    if like is not None:
        frame = stored_frame(like, levels)
        try:
            rates = calibrate(frame)
        except ValueError as error:
            raise SettingsError(f"--like = {like}: {error}") from None
        listing = Listing(symbol, frame.tick_nanos, frame.lots_per_unit)
    start_px = max(20_001, 4 * rates.ticks + 1)
    note = f"zero-intelligence flow, {rates}, seed {seed}"
    return Recipe(
        lambda log: zero_intelligence(rates, seed=seed, duration_s=seconds, start_px=start_px, log=log),
        listing,
        note,
    )
