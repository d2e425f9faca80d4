"""Events with the book after each: what statistics, pictures and feature research read.

Units: time int64 ns, prices int64 nanos (0 where a level is empty), quantities int64 lots.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Change(IntEnum):
    """What an event did to the visible book."""

    LIMIT = 0  # quantity was added at a price
    CANCEL = 1  # quantity left without a trade
    MARKET = 2  # quantity was traded away; one row for each resting order met
    HIDDEN = 3  # a trade that no displayed order took part in
    OTHER = 4


@dataclass(frozen=True, slots=True)
class LobFrame:
    """Row i is event i, and the best levels a side after it."""

    symbol: str
    tick_nanos: int
    lots_per_unit: int
    time_ns: NDArray[np.int64]
    """[n], never falling."""
    change: NDArray[np.int8]
    """[n], Change."""
    side: NDArray[np.int8]
    """[n], of the book that changed: +1 bids, -1 offers."""
    price: NDArray[np.int64]
    """[n]"""
    quantity: NDArray[np.int64]
    """[n]"""
    order_id: NDArray[np.int64]
    """[n], -1 where it is not known."""
    px: NDArray[np.int64]
    """[n, 2, levels]: bids, offers; best first."""
    qty: NDArray[np.int64]
    """[n, 2, levels]"""

    def __len__(self) -> int:
        return len(self.time_ns)
