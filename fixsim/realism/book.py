"""The state of the book: spread, imbalance at the touch, volumes at the touch and over ten levels.

One observation after every event, as in LOB-Bench (events are not weighted by how long the book then stood).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from fixsim.realism.blocks import Sample
from fixsim.realism.distribution import Distribution
from fixsim.realism.view import BID, OFFER, View

FAMILY = "Book"


def spread(view: View) -> Sample:
    """Ticks between best offer and best bid."""
    rows = np.flatnonzero(view.two_sided)
    px = view.frame.px[rows, :, 0]
    return view.sample((px[:, OFFER] - px[:, BID]) / view.tick_nanos, rows)


def imbalance(view: View) -> Sample:
    """(bid - offer) / (bid + offer) of the sizes at the touch: -1 to 1."""
    rows = np.flatnonzero(view.two_sided)
    qty = view.frame.qty[rows, :, 0].astype(np.float64)
    return view.sample((qty[:, BID] - qty[:, OFFER]) / qty.sum(axis=1), rows)


def volume(view: View, side: int, levels: int) -> Sample:
    """Units on the best levels of a side; a level that a market does not have counts nothing."""
    rows = np.flatnonzero(view.two_sided)
    qty = view.frame.qty[rows, side, :levels].sum(axis=1)
    return view.sample(qty / view.frame.lots_per_unit, rows)


def distributions(levels: int) -> tuple[Distribution, ...]:
    """The family; `levels` is how deep the tape shows the book."""
    sizes = tuple(
        Distribution(
            FAMILY,
            f"{where} volume, {of}",
            "units",
            how,
            partial(volume, side=side, levels=depth),
        )
        for depth, where, how in (
            (1, "Touch", "Quantity at the best price after every event."),
            (levels, f"{levels}-level", f"Quantity on the best {levels} occupied levels after every event."),
        )
        for side, of in ((BID, "bids"), (OFFER, "offers"))
    )
    return (
        Distribution(FAMILY, "Spread", "ticks", "Best offer less best bid after every event.", spread, True),
        Distribution(
            FAMILY,
            "Imbalance at the touch",
            "",
            "(bid − offer) / (bid + offer) of the sizes at the best prices after every event.",
            imbalance,
        ),
        *sizes,
    )
