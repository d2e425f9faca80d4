"""Where orders are placed and cancelled: distance from the touch of their own side, before they came.

LOB-Bench measures from the mid; from the touch, an order that improves the price is below zero and one that
joins it is zero, whatever the spread.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from fixsim.realism.blocks import Sample
from fixsim.realism.distribution import Distribution
from fixsim.realism.view import BID, OFFER, View
from fixsim.tape.frame import Change

FAMILY = "Depth"


def distance_from_touch(view: View, change: Change) -> Sample:
    """Ticks behind the best price of the order's side, as it was before the event."""
    frame = view.frame
    rows = np.flatnonzero(frame.change[1:] == change) + 1
    rows = rows[view.two_sided[rows - 1] & (frame.side[rows] != 0)]
    sign = frame.side[rows].astype(np.int64)
    best = frame.px[rows - 1, np.where(sign > 0, BID, OFFER), 0]
    return view.sample((best - frame.price[rows]) * sign / view.tick_nanos, rows)


DISTRIBUTIONS = tuple(
    Distribution(
        FAMILY,
        f"Depth of {name}",
        "ticks",
        f"Ticks from the same side's best price before it to the {what}; below zero: inside the spread.",
        partial(distance_from_touch, change=change),
        discrete=True,
    )
    for name, what, change in (
        ("limit orders", "new order's price", Change.LIMIT),
        ("cancels", "cancelled order's price", Change.CANCEL),
    )
)
