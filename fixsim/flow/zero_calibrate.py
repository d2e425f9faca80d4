"""The rates of a zero-intelligence market from what was seen of a real one.

As Smith, Farmer, Gillemot and Krishnamurthy (2003) measure them: all rates are of quantity, in orders of the
mean size of a limit order, within a window of prices beside the opposite best. The window is the narrowest
that gets a given share of the limit orders' quantity, at most what the frame's levels show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.zero import Rates
from fixsim.tape.frame import Change, LobFrame

NANOS = 1_000_000_000


def calibrate(frame: LobFrame, *, share: float = 0.9, ticks: int | None = None) -> Rates:
    """`share` of the limit orders' quantity decides the window, unless `ticks` gives it.

    ValueError if the frame has no time, or none of limit orders, cancels and trades.
    """
    if len(frame) < 2 or frame.time_ns[-1] <= frame.time_ns[0]:
        raise ValueError(f"{frame.symbol}: {len(frame)} events over no time: no rates can be had from them")
    if not 0 < share <= 1:
        raise ValueError(f"share = {share}: must be above 0 and at most 1")
    seconds = float(frame.time_ns[-1] - frame.time_ns[0]) / NANOS
    distance = _distance(frame)
    near = distance >= 1
    limits, cancels = (near & (frame.change == kind) for kind in (Change.LIMIT, Change.CANCEL))
    trades = frame.change == Change.MARKET
    for name, rows in (("limit orders", limits), ("cancels", cancels), ("trades", trades)):
        if not rows.any():
            raise ValueError(f"{frame.symbol}: no {name} beside an opposite price: nothing to calibrate from")
    quantity = frame.quantity.astype(np.float64)
    if ticks is None:
        ticks = _window(distance[limits], quantity[limits], share)
    limits &= distance <= ticks
    cancels &= distance <= ticks
    lots = max(1, round(float(quantity[limits].mean())))
    resting = _resting(frame, ticks)
    if resting <= 0:
        raise ValueError(f"{frame.symbol}: nothing rests within {ticks} ticks of the opposite price")
    per_side = 2 * seconds * lots
    return Rates(
        limit_per_s=float(quantity[limits].sum()) / per_side / ticks,
        market_per_s=float(quantity[trades].sum()) / per_side,
        cancel_per_s=float(quantity[cancels].sum()) / seconds / resting,
        lots=lots,
        ticks=ticks,
    )


def _opposite(frame: LobFrame) -> NDArray[np.int64]:
    """[n, 2]: the best price that a bid, an offer faced when each event came, 0: none. Row 0 sees itself."""
    before = np.maximum(np.arange(len(frame)) - 1, 0)
    best: NDArray[np.int64] = frame.px[before, ::-1, 0]
    return best


def _distance(frame: LobFrame) -> NDArray[np.int64]:
    """[n]: ticks from the opposite best price to the event's; 0 where there was none, or no side."""
    opposite = _opposite(frame)
    faced = np.where(frame.side > 0, opposite[:, 0], opposite[:, 1])
    ticks = frame.side * (faced - frame.price) // frame.tick_nanos
    return np.where((faced > 0) & (frame.side != 0), ticks, 0)


def _window(distance: NDArray[np.int64], quantity: NDArray[np.float64], share: float) -> int:
    order = np.argsort(distance, kind="stable")
    reached = np.cumsum(quantity[order]) / quantity.sum()
    at = min(int(np.searchsorted(reached, share - 1e-12)), len(order) - 1)
    return int(distance[order[at]])


def _resting(frame: LobFrame, ticks: int) -> float:
    """Lots on both sides within the window, on average over time."""
    held: NDArray[np.float64] = np.diff(frame.time_ns).astype(np.float64)
    total = np.zeros(len(held), np.float64)
    for side, sign in enumerate((1, -1)):
        faced = frame.px[:-1, 1 - side, :1]
        px = frame.px[:-1, side]
        near = (px > 0) & (faced > 0) & (sign * (faced - px) <= ticks * frame.tick_nanos)
        total += np.where(near, frame.qty[:-1, side], 0).sum(axis=1)
    return float((total * held).sum() / held.sum())
