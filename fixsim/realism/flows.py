"""What `--flow` names: a market to generate, calibrated from the tape where it must be, or another tape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fixsim.flow import calibrate, hawkes_fit, markets, zero_calibrate
from fixsim.flow.excitation import Timing
from fixsim.flow.log import Log
from fixsim.flow.model import EVENTS, Model, load_model
from fixsim.flow.record import Listing, record
from fixsim.flow.source import Source
from fixsim.realism.view import NANOS
from fixsim.tape.frame import Change, LobFrame
from fixsim.tape.reader import frame as stored_frame
from risk.errors import SettingsError

NAMES = ("queue-reactive", "hawkes", "zero")
DECAY = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Per second: what excites for ten seconds, to a millisecond. EM decides how much of each there is."""

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Generator:
    """A market that can be opened with a seed, as often as it takes."""

    name: str
    tick_nanos: int
    about: str
    """What was calibrated, in a line for the report."""
    open: Callable[[int, float, Log | None], Source]
    """Seed, seconds, log."""

    def frame(
        self, listing: Listing, seed: int, seconds: float, levels: int, progress: Progress = lambda ns: None
    ) -> LobFrame:
        """What one seed gives."""

        def opened(log: Log) -> Source:
            return self.open(seed, seconds, log)

        return record(opened, listing, levels=levels, progress=progress)


def work(flow: str, tape: LobFrame) -> int:
    """How many units of progress `generator` reports."""
    return calibrate.work(tape) if flow in ("queue-reactive", "hawkes") else 1


def generator(flow: str, tape: LobFrame, progress: Progress = lambda done: None) -> Generator | LobFrame:
    """The generator that `flow` names; a frame if it is a tape's folder. SettingsError if it is neither.

    Generated markets begin at the tape's first mid and time. A model that is calibrated is calibrated from
    the whole of the tape.
    """
    if flow == "zero":
        return _zero(tape)
    if flow in ("queue-reactive", "hawkes"):
        model = calibrate.calibrate(tape, progress=progress).model
        return _queue_reactive(model, tape) if flow == "queue-reactive" else _hawkes(model, tape)
    path = Path(flow)
    if path.is_dir():
        return stored_frame(path, levels=tape.px.shape[2])
    if path.suffix == ".npz":
        return _queue_reactive(load_model(path), tape)
    raise SettingsError(
        f"--flow = {flow!r}: must be one of {', '.join(NAMES)}, a model's file (.npz) or a tape's folder"
    )


def start_px(tape: LobFrame, tick_nanos: int) -> int:
    """The tape's first mid in half ticks of `tick_nanos`, odd: it lies between two prices."""
    bid, offer = tape.px[:, 0, 0], tape.px[:, 1, 0]
    there = np.flatnonzero((bid > 0) & (offer > bid))
    if not len(there):
        raise SettingsError(f"--tape: {tape.symbol}: the book never has two sides")
    return int((bid[there[0]] + offer[there[0]]) // tick_nanos) | 1


def timing_of(tape: LobFrame, model: Model) -> Timing:
    """When orders came to each side, within the prices that the model has queues at: a Hawkes process.

    The fills of one taker are one order, of one unit. Fitted by EM to the two sides, decays given (DECAY);
    limits, cancels and market orders excite alike. SettingsError if no stationary process fits.
    """
    mid = (tape.px[:, 0, 0] + tape.px[:, 1, 0]) / 2
    near = np.abs(tape.price - mid) <= model.levels * model.tick_nanos
    fill = tape.change == Change.MARKET
    later = np.zeros(len(tape), bool)
    later[1:] = fill[1:] & fill[:-1] & (np.diff(tape.time_ns) == 0) & (tape.side[1:] == tape.side[:-1])
    chosen = (
        near & ~later & (tape.side != 0) & np.isin(tape.change, (Change.LIMIT, Change.CANCEL, Change.MARKET))
    )
    seconds = (tape.time_ns[chosen] - tape.time_ns[0]) / NANOS
    side = (tape.side[chosen] < 0).astype(np.int64)
    try:
        fitted = hawkes_fit.fit(seconds, side, seconds_of(tape), np.array(DECAY), rounds=200, tolerance=1e-7)
        return Timing(fitted.base, np.array(DECAY), np.repeat(fitted.mass[:, :, :, None], EVENTS, axis=3))
    except ValueError as error:
        raise SettingsError(f"--tape: {tape.symbol}: no Hawkes process fits: {error}") from None


def seconds_of(tape: LobFrame) -> float:
    """How long a frame lasts."""
    return float(tape.time_ns[-1] - tape.time_ns[0]) / NANOS if len(tape) else 0.0


def _zero(tape: LobFrame) -> Generator:
    try:
        rates = zero_calibrate.calibrate(tape)
    except ValueError as error:
        raise SettingsError(f"--tape: {error}") from None
    first = start_px(tape, tape.tick_nanos)

    def opened(seed: int, seconds: float, log: Log | None) -> Source:
        return markets.zero_intelligence(
            rates, seed=seed, start_ns=int(tape.time_ns[0]), duration_s=seconds, start_px=first, log=log
        )

    about = (
        f"orders of {rates.lots} within {rates.ticks} ticks of the opposite price; a side gets"
        f" {rates.limit_per_s * rates.ticks:.3g} limits and {rates.market_per_s:.3g} market orders a second;"
        f" an order lives {1 / rates.cancel_per_s:.3g} s"
    )
    return Generator("zero intelligence", tape.tick_nanos, about, opened)


def _queue_reactive(model: Model, tape: LobFrame) -> Generator:
    first = start_px(tape, model.tick_nanos)

    def opened(seed: int, seconds: float, log: Log | None) -> Source:
        return markets.queue_reactive(
            model, seed=seed, start_ns=int(tape.time_ns[0]), duration_s=seconds, start_px=first, log=log
        )

    return Generator("queue-reactive", model.tick_nanos, _about(model), opened)


def _hawkes(model: Model, tape: LobFrame) -> Generator:
    first, timing = start_px(tape, model.tick_nanos), timing_of(tape, model)

    def opened(seed: int, seconds: float, log: Log | None) -> Source:
        return markets.hawkes(
            model,
            timing,
            seed=seed,
            start_ns=int(tape.time_ns[0]),
            duration_s=seconds,
            start_px=first,
            log=log,
        )

    about = f"{_about(model)}; branching ratio {timing.branching:.2f}"
    return Generator("queue-reactive, Hawkes-timed", model.tick_nanos, about, opened)


def _about(model: Model) -> str:
    units = ", ".join(f"{unit:,}" for unit in model.unit_lots)
    return (
        f"model I, {model.levels} levels of {model.tick_nanos / NANOS:g}, mean event sizes {units},"
        f" θ {model.theta:.3g}, θ_reinit {model.theta_reinit:.3g}"
    )
