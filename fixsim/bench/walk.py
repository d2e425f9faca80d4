"""The market of the benchmark: a book whose offer steps a tick with every message of ten entries.

Bids stand still; the offer walks up and down over RANGE ticks, well within the shipped collars, so that each
message moves the touch and the price that a crossing child must carry is the message's own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fixsim.bench.settings import SYMBOL
from risk.instrument import Instrument
from router.fix.decimals import nanos_to_wire
from router.fix.messages import build_incremental, build_snapshot

INSTRUMENT = Instrument(SYMBOL, 10_000_000, 10**8, 1, 1, 10**12, "USD")
BID_PX = 1_240_000  # half ticks: 6200.00
RANGE = 1000  # ticks
DEPTH = 500  # levels of each side
ENTRIES = 10
LOTS = 10**8
NEW, CHANGE, DELETE = 0, 1, 2  # MDUpdateAction(279)
BID, OFFER, TRADE = 0, 1, 2  # MDEntryType(269)


class Step(NamedTuple):
    """The body of an X, and the Price(44) of the order that it must lead to."""

    body: bytes
    price: bytes


class Walk:
    def __init__(self) -> None:
        self.steps = 0
        self.request_id = ""
        self._deep = BID_PX + 2 * (RANGE + 100)  # offers that stay

    def snapshot(self, request_id: str) -> bytes:
        """The body of a W; what follows answers the same request."""
        self.request_id = request_id
        level = np.arange(DEPTH, dtype=np.int64)
        px = np.concatenate((BID_PX - 2 * level, [self._touch()], self._deep + 2 * level))
        types = np.where(np.arange(px.size) < DEPTH, BID, OFFER)
        qty = np.full(px.size, 5 * LOTS, np.int64)
        return build_snapshot(request_id, SYMBOL, types, px, qty, INSTRUMENT.tick_nanos, LOTS)

    def step(self) -> Step:
        """A trade, the offer's move, and seven levels whose quantity changes."""
        old = self._touch()
        self.steps += 1
        new = self._touch()
        sizes = LOTS + (self.steps * 7919 + np.arange(7) * 104_729) % 90_000_000
        rows = [
            (NEW, TRADE, old, 1_000_000),
            (DELETE, OFFER, old, 0),
            (NEW, OFFER, new, 2 * LOTS + self.steps % 1000),
            *((CHANGE, BID, BID_PX - 2 * k, int(sizes[k])) for k in range(4)),
            *((CHANGE, OFFER, self._deep + 2 * k, int(sizes[4 + k])) for k in range(3)),
        ]
        actions, types, px, qty = np.array(rows, np.int64).T.copy()
        tick = INSTRUMENT.tick_nanos
        body = build_incremental(self.request_id, SYMBOL, actions, types, px, qty, tick, LOTS)
        return Step(body, nanos_to_wire(INSTRUMENT.px_to_nanos(new)))

    def _touch(self) -> int:
        at = self.steps % (2 * RANGE)
        return BID_PX + 2 * (1 + min(at, 2 * RANGE - at))
