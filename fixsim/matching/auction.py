"""The price of an auction: the most lots trade; then the least is left; then the nearest to the reference.

At one price every buy at it or above can trade with every sell at it or below. Between two limits nothing
changes, so it is enough to try each limit, the steps beside it, and the steps beside the reference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Lots = NDArray[np.int64]


class Auction(NamedTuple):
    """What an auction does, or would do now. Nothing trades: price 0 and quantity 0."""

    px: int
    qty: int
    imbalance: int
    """Lots to buy at that price less lots to sell; where nothing trades, those of market orders."""


def clear(bids: tuple[Lots, Lots], asks: tuple[Lots, Lots], reference_px: int, ticks: Lots) -> Auction:
    """The auction of two sides, each (prices in half ticks, 0 for market orders; lots).

    `ticks` [row, (from price, step)]; `reference_px` 0: none. Of prices equal by every rule, the higher.
    A price lies between the lowest and the highest limit; without any limit it is the reference.
    """
    market = int(bids[1][bids[0] == 0].sum()) - int(asks[1][asks[0] == 0].sum())
    limits = np.unique(np.concatenate([bids[0], asks[0]]))
    limits = limits[limits > 0]
    at = _candidates(limits, reference_px, ticks)
    if not len(at):
        return Auction(0, 0, market)
    buys = int(bids[1].sum()) - _below(np.where(bids[0] == 0, at[-1], bids[0]), bids[1], at - 1)
    sells = _below(np.where(asks[0] == 0, at[0], asks[0]), asks[1], at)
    volume, left = np.minimum(buys, sells), buys - sells
    distance = abs(at - reference_px) if reference_px else np.zeros_like(at)
    best = np.lexsort((-at, distance, abs(left), -volume))[0]
    if volume[best] == 0:
        return Auction(0, 0, market)
    return Auction(int(at[best]), int(volume[best]), int(left[best]))


def _candidates(limits: Lots, reference_px: int, ticks: Lots) -> Lots:
    if not len(limits):
        return np.array([reference_px] if reference_px else [], np.int64)
    near = np.array([reference_px], np.int64) if reference_px else limits[:1]
    steps = [_down(limits - 1, ticks), _up(limits + 1, ticks), _down(near, ticks), _up(near, ticks)]
    at = np.unique(np.concatenate([limits, *steps]))
    within: Lots = at[(at >= limits[0]) & (at <= limits[-1])]
    return within


def _step(px: Lots, ticks: Lots) -> Lots:
    step: Lots = ticks[np.searchsorted(ticks[:, 0], px, side="right") - 1, 1]
    return step


def _down(px: Lots, ticks: Lots) -> Lots:
    """The highest valid price at or below `px`."""
    return px - px % _step(px, ticks)


def _up(px: Lots, ticks: Lots) -> Lots:
    """The lowest valid price at or above `px`."""
    risen = px + -px % _step(px, ticks)
    above = np.append(ticks[1:, 0], np.iinfo(np.int64).max)
    up: Lots = np.minimum(risen, above[np.searchsorted(ticks[:, 0], px, side="right") - 1])
    return up


def _below(px: Lots, qty: Lots, at: Lots) -> Lots:
    """Lots at `at` or below, for each of `at`."""
    order = np.argsort(px, kind="stable")
    total = np.concatenate([[0], np.cumsum(qty[order])])
    below: Lots = total[np.searchsorted(px[order], at, side="right")]
    return below
