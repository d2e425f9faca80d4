"""What a market answers: small named tuples, quantities in lots, prices in half ticks."""

from __future__ import annotations

from typing import NamedTuple


class Submitted(NamedTuple):
    """What became of a participant's order at once; filled + leaves + cancelled is its quantity.

    What follows where orders that are not displayed rest (see crossing.py) is in fills() and notes() alone.
    """

    filled: int
    leaves: int
    """Rests in the book."""
    cancelled: int
    """The remainder of a MARKET or IOC, all of a killed FOK, what self-match prevention cancelled."""


class Touch(NamedTuple):
    """The best displayed prices of a venue and their totals; 0 where a side is empty."""

    bid_px: int
    bid_qty: int
    ask_px: int
    ask_qty: int


class Counts(NamedTuple):
    """What the market has done so far."""

    events: int
    """Recorded events fed."""
    matches: int
    cancelled: int
    """Recorded cancels that removed an order."""
    ignored: int
    """Recorded cancels whose order no longer rested: consumed because of a participant."""
    displaced: int
    """Recorded orders, filled in history, that still rested when the recording was done with them."""
    resting: int
    """Orders that rest now."""
    trades_dropped: int
    """Trades that left the display ring before trades() took them."""
    dropped: int
    """Recorded orders that could not rest: their venue was halted or closed."""
