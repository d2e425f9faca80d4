"""hftbacktest's side of the matching benchmark: a script of its own, run by an environment that has it.

    build/peers/bin/python fixsim/bench/peers/hftbacktest_feed.py FEED.npz REPEATS

FEED.npz holds `feed`, its order-by-order feed (the event record of hftbacktest 2), `opening`, how many of its
rows are the book at the start, and `tick` and `lot` as floats. Written to stdout, as JSON: the seconds that
going through the whole feed took and through the opening alone, REPEATS of each in turn, data in memory
already, the call compiled already; and the best prices and sizes at the end, which must be ours.

Nothing of Sluice is imported: the two engines do not share an interpreter.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from numba import njit


def backtest(feed: Any, tick: float, lot: float) -> Any:
    """Order by order, first in first out, no latency: the settings under which it does the least work."""
    px = feed["px"]
    asset = (
        BacktestAsset()
        .data([feed])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .l3_fifo_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(tick)
        .lot_size(lot)
        .roi_lb(float(px.min()))
        .roi_ub(float(px.max()))
        .last_trades_capacity(0)
    )
    return ROIVectorMarketDepthBacktest([asset])


@njit  # type: ignore[untyped-decorator, unused-ignore]
def go_through(hbt: Any) -> tuple[float, float, float, float]:
    """To the end of the data; the touch there."""
    while hbt.elapse(3_600_000_000_000) == 0:
        pass
    depth = hbt.depth(0)
    bid, ask = depth.best_bid_tick, depth.best_ask_tick
    return depth.best_bid, depth.bid_qty_at_tick(bid), depth.best_ask, depth.ask_qty_at_tick(ask)


def seconds(feed: Any, tick: float, lot: float) -> tuple[float, Any]:
    hbt = backtest(feed, tick, lot)
    begun = time.perf_counter()
    touch = go_through(hbt)
    taken = time.perf_counter() - begun
    hbt.close()
    return taken, touch


def main() -> None:
    with np.load(sys.argv[1]) as data:
        feed, opening = data["feed"], int(data["opening"])
        tick, lot = float(data["tick"]), float(data["lot"])
    seconds(feed[: opening + 100], tick, lot)
    whole, start, touch = [], [], None
    for _ in range(int(sys.argv[2])):
        taken, touch = seconds(feed, tick, lot)
        whole.append(taken)
        start.append(seconds(feed[:opening], tick, lot)[0] if opening else 0.0)
    sys.stdout.write(json.dumps({"whole": whole, "opening": start, "touch": touch}))


if __name__ == "__main__":
    main()
