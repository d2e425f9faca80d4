"""What a partial recording still says when participants have changed its book: the ledger beside a Core.

A partial recording shows a few levels a side and edits them. The ledger holds that window as the recording
has it: its levels, and for each recorded order the lots that rest of it *there*. The market's own arrays hold
what rests of it *here*. The difference is the ledger: above zero, participants (or recorded takers that they
sent on) consumed so much of it; below zero, so much of it stands only because a participant was hit in its
place. Units as in layout.py.

Order keys: recorded orders have their ordinal. The orders of a level that is known by its total alone are
*anonymous*: their keys come from a small pool above the ordinals and are used again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.layout import Records

PARTIAL = np.dtype(
    [("time_ns", "i8"), ("ordinal", "i8"), ("px", "i8"), ("qty", "i8"), ("kind", "i4"), ("sign", "i4")]
)
"""A row of a partial recording: `sign` of the book that it changes, `ordinal` -1 where it names no order."""

VIEW = np.dtype([("px", "i8"), ("qty", "i8"), ("head", "i8"), ("tail", "i8")])
"""A level of the recorded window: its total there, and its recorded orders in queue order, -1 for none."""


class PartialKind(IntEnum):
    """What the recording says."""

    ADD = 0  # an order rests with this quantity
    REDUCE = 1  # so much of it was cancelled; it keeps its place
    DELETE = 2  # it is cancelled; an unknown order's quantity is what was left of it
    TRADE = 3  # it traded so much
    HIDDEN = 4  # an order that is not displayed traded so much at this price
    ENTER = 5  # the level comes into view with this total
    LEAVE = 6  # the level goes out of view
    CLEAR = 7  # the book is void


class L(IntEnum):
    """Places in `Ledger.state`."""

    BIDS = 0  # levels in view
    OFFERS = 1
    WINDOW = 2  # levels that the recording shows a side; 0: all
    NAMED = 3  # keys from here on are anonymous
    FREE = 4  # anonymous keys not in use
    CURSOR = 5
    OPENED = 6  # 1 once the opening is loaded: from here on it is counted
    ENTERED = 7
    LEFT = 8
    KEPT = 9  # participants' orders that got their queue position back when their level came into view again
    LOST_CONSUMED = 10  # lots consumed here of orders whose level went out of view: they come back with it
    LOST_DISPLACED = 11  # lots that stood only here when their level went out of view
    DIVERTED = 12  # lots of recorded executions that met another order than the recorded one
    UNFILLED = 13  # lots of recorded executions that met nobody
    EXCUSED = 14  # lots that were cancelled there and had been consumed here
    DISPLACED = 15  # lots that stood only here, removed when the recording was done with their order
    PASSED_OVER = 16  # recorded executions that passed over recorded orders which had come before
    CONTRADICTED = 17  # rows about lots, or a level, that the recording had not shown
    HIDDEN = 18  # lots of recorded executions against hidden orders
    HIDDEN_MET = 19  # of these, lots that met a participant's order
    SIZE = 20


class Ledger(NamedTuple):
    """The arrays, handed to the kernels as one argument beside the Core."""

    state: NDArray[np.int64]
    views: Records  # [2, levels] VIEW, bids and offers, best first
    there: NDArray[np.int64]  # by key: lots that rest in the recording
    next: NDArray[np.int32]  # by key: the recorded queue of its level
    prev: NDArray[np.int32]
    free: NDArray[np.int32]  # stack of anonymous keys
    ahead: NDArray[np.int64]  # by order slot: recorded lots before it when its level went out of view
    stamp: NDArray[np.int64]  # arrival of the order for which `ahead` was written, plus 1


SPARE_LEVELS = 4
"""A row may show more levels than the window for as long as it takes its anchors to come."""


def anonymous_keys(levels: int, own: int) -> int:
    """Anonymous orders that there can be at once: one a level, one before each participant's order."""
    return 2 * levels + own


def allocate_ledger(ordinals: int, levels: int, window: int, orders: int, own: int) -> Ledger:
    """An empty one, for `levels` levels a side in view at once and a market of `orders` and `own` orders."""
    pool = anonymous_keys(levels, own)
    keys = ordinals + pool
    state = np.zeros(L.SIZE, np.int64)
    state[L.WINDOW], state[L.NAMED], state[L.FREE] = window, ordinals, pool
    return Ledger(
        state=state,
        views=np.zeros((2, levels), VIEW),
        there=np.zeros(keys, np.int64),
        next=np.zeros(keys, np.int32),
        prev=np.zeros(keys, np.int32),
        free=np.arange(ordinals, keys, dtype=np.int32)[::-1].copy(),
        ahead=np.zeros(orders, np.int64),
        stamp=np.zeros(orders, np.int64),
    )
