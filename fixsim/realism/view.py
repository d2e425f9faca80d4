"""What every statistic reads of a market: a frame with its blocks, mid, orders and windows of time.

Prices are in ticks of the reference tape whatever the market's own tick, so that three markets share a unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fixsim.realism.blocks import Sample, block_of
from fixsim.realism.distance import Floats
from fixsim.tape.frame import Change, LobFrame

BID, OFFER = 0, 1
NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Over which times, lags and draws to measure. The defaults suit a trading day."""

    blocks: int = 26
    draws: int = 400
    seed: int = 1
    return_s: float = 10.0
    """Returns, order flow imbalance: the short window."""
    minute_s: float = 60.0
    """Volume, volume against volatility, impact: the middle one."""
    coarse_s: float = 300.0
    """Aggregated returns."""
    lags: tuple[int, ...] = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200)
    """Events after an order at which the mid's response is read."""
    levels: int = 10


@dataclass(frozen=True, slots=True)
class Orders:
    """Events as participants made them: fills of one taker at one time and side are one market order."""

    first: NDArray[np.intp]
    """[m]: the row before which the order came."""
    last: NDArray[np.intp]
    """[m]: the row after which it is done."""
    change: NDArray[np.int8]
    side: NDArray[np.int8]
    """Of the book that changed."""
    lots: NDArray[np.int64]


class View:
    """A market as the statistics read it. ValueError if the frame has no two-sided book or lasts no time."""

    def __init__(self, frame: LobFrame, plan: Plan, tick_nanos: int) -> None:
        if len(frame) < 2 or frame.time_ns[-1] <= frame.time_ns[0]:
            raise ValueError(
                f"{frame.symbol}: {len(frame)} events: at least two, at different times, are needed"
            )
        self.frame, self.plan, self.tick_nanos = frame, plan, tick_nanos
        if not self.two_sided.any():
            raise ValueError(f"{frame.symbol}: the book never has two sides")

    @cached_property
    def start_ns(self) -> int:
        return int(self.frame.time_ns[0])

    @cached_property
    def end_ns(self) -> int:
        return int(self.frame.time_ns[-1])

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.start_ns) / NANOS

    @cached_property
    def two_sided(self) -> NDArray[np.bool_]:
        """[n]: both sides are there, and not crossed, after the event."""
        bid, offer = self.frame.px[:, BID, 0], self.frame.px[:, OFFER, 0]
        return np.asarray((bid > 0) & (offer > bid))

    def block(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """The block of each of these rows."""
        return block_of(self.frame.time_ns[rows], self.start_ns, self.end_ns, self.plan.blocks)

    def sample(self, values: Floats, rows: NDArray[np.intp]) -> Sample:
        """Observations at rows, without those that are not finite."""
        kept = np.isfinite(values)
        return Sample(values[kept], self.block(rows[kept]), self.plan.blocks)

    @cached_property
    def mid(self) -> Floats:
        """[n] ticks, after each event; where a side was missing, the last that there was, nan before any."""
        touch = self.frame.px[:, :, 0].sum(axis=1) / (2 * self.tick_nanos)
        at = np.maximum.accumulate(np.where(self.two_sided, np.arange(len(touch)), -1))
        return np.where(at >= 0, touch[at], np.nan)

    @cached_property
    def orders(self) -> Orders:
        """Limits, cancels and market orders (of displayed and hidden liquidity) in time order."""
        frame = self.frame
        rows = np.flatnonzero(frame.change != Change.OTHER)
        time, change, side = frame.time_ns[rows], frame.change[rows], frame.side[rows]
        traded = np.isin(change, (Change.MARKET, Change.HIDDEN))
        joined = np.zeros(len(rows), bool)
        joined[1:] = traded[1:] & traded[:-1] & (time[1:] == time[:-1]) & (side[1:] == side[:-1])
        starts = np.flatnonzero(~joined)
        ends = np.append(starts[1:], len(rows)) - 1
        lots = np.add.reduceat(frame.quantity[rows], starts) if len(starts) else np.zeros(0, np.int64)
        # A taker that met displayed and hidden orders is a market order.
        kinds = np.minimum.reduceat(change, starts) if len(starts) else np.zeros(0, np.int8)
        return Orders(rows[starts], rows[ends], kinds, side[starts], lots)

    # -- windows of time --------------------------------------------------------------------------------

    def windows(self, seconds: float) -> int:
        """How many whole windows of that length the recording has.

        The last counts if at most a twentieth of it lacks: a day ends with its last event, not at the bell.
        """
        return int((self.end_ns - self.start_ns) / (seconds * NANOS) + 0.05)

    def window_of(self, time_ns: NDArray[np.int64], seconds: float) -> NDArray[np.int64]:
        """The window of each time; -1 beyond the last whole one."""
        index = (time_ns - self.start_ns) // int(seconds * NANOS)
        return np.where(index < self.windows(seconds), index, -1)

    def window_block(self, seconds: float) -> NDArray[np.int64]:
        """The block of each window (of its start)."""
        starts = self.start_ns + np.arange(self.windows(seconds)) * int(seconds * NANOS)
        return block_of(starts, self.start_ns, self.end_ns, self.plan.blocks)

    def sums(self, rows: NDArray[np.intp], values: Floats, seconds: float) -> Floats:
        """[windows]: sums of values at rows."""
        index = self.window_of(self.frame.time_ns[rows], seconds)
        inside = index >= 0
        sums = np.bincount(index[inside], weights=values[inside], minlength=self.windows(seconds))
        return sums.astype(np.float64)

    def returns(self, seconds: float) -> Floats:
        """[windows] ticks: the mid's change over each window; nan where there was no mid yet."""
        edges = self.start_ns + np.arange(self.windows(seconds) + 1) * int(seconds * NANOS)
        at = np.searchsorted(self.frame.time_ns, edges, side="right") - 1
        return np.diff(self.mid[np.maximum(at, 0)])

    def in_blocks(self, values: Floats, block: NDArray[np.int64]) -> list[Floats]:
        """Values (along the first axis) by block, without those that are not finite."""
        kept = np.isfinite(values) if values.ndim == 1 else np.isfinite(values).all(axis=1)
        values, block = values[kept], block[kept]
        ends = np.searchsorted(block, np.arange(self.plan.blocks + 1))
        return [values[ends[k] : ends[k + 1]] for k in range(self.plan.blocks)]
