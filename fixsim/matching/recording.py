"""What a market asks of a recording, and how large a market has to be for one.

No tape is known here: whoever reads recordings (fixsim/tape) makes what these Protocols describe.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.capacity import Capacity
from fixsim.matching.errors import BookFull
from fixsim.matching.layout import EventKind, Records
from fixsim.matching.ledger import PartialKind

MOST_BYTES = 4 << 30
"""A market that would occupy more than this is refused before it is made."""


class Recording(Protocol):
    """Order flow: every arrival, cancel and end of an order. Ordinals as in fixsim/tape/format.py."""

    @property
    def opening(self) -> Records:
        """OPENING records: bids, then offers, best first."""

    @property
    def events(self) -> Records:
        """EVENT records, by time."""

    @property
    def ordinals(self) -> int:
        """All ordinals are below this."""


class PartialRecording(Protocol):
    """The edits of a window of levels."""

    @property
    def opening(self) -> Records:
        """PARTIAL records: the book at the start."""

    @property
    def events(self) -> Records:
        """PARTIAL records, by time."""

    @property
    def ordinals(self) -> int:
        """All ordinals are below this."""

    @property
    def window_levels(self) -> int | None:
        """Levels a side that the recording shows; None: all."""


def flow_capacity(tape: Recording, venues: int, centre_px: int) -> Capacity:
    """The usual bounds, or those that `tape` needs where they are larger. BookFull: beyond MOST_BYTES.

    A recorded order rests from its arrival to its CANCEL or DONE at most, whatever participants do.
    """
    came = np.concatenate([tape.opening["ordinal"], tape.events["ordinal"]]).astype(np.int64)
    kind = np.concatenate([np.full(len(tape.opening), EventKind.LIMIT), tape.events["kind"]])
    rests, ends = kind == EventKind.LIMIT, kind >= EventKind.CANCEL
    prices = _sided(tape.opening, tape.events[tape.events["kind"] == EventKind.LIMIT])
    sized = _sized(Capacity(), venues, centre_px, tape.ordinals, _most(came, rests, ends), prices)
    return _takes(sized, tape.opening, tape.events)


def partial_capacity(
    tape: PartialRecording, venues: int, centre_px: int, size: Capacity, anonymous: int
) -> Capacity:
    """`size`, or what `tape` needs where that is larger; `anonymous` orders rest beside the named ones.

    BookFull: beyond MOST_BYTES. A recorded order rests until what the recording says of it leaves nothing, or
    to the end.
    """
    rows = np.concatenate([tape.opening, tape.events])
    rows = rows[(rows["ordinal"] >= 0) & (rows["kind"] <= PartialKind.TRADE)]
    ordinal = rows["ordinal"]
    added = rows["kind"] == PartialKind.ADD
    named = int(ordinal.max(initial=-1)) + 1
    left = np.zeros(named, np.int64)
    np.add.at(left, ordinal, np.where(added, rows["qty"], -rows["qty"]))
    last = np.zeros(named, np.int64)
    last[ordinal] = np.arange(len(rows))
    gone = (rows["kind"] == PartialKind.DELETE) | (left[ordinal] <= 0)
    ends = ~added & gone & (last[ordinal] == np.arange(len(rows)))
    most = anonymous + _most(ordinal, added, ends)
    sized = _sized(size, venues, centre_px, size.recorded, most, _sided(tape.opening, tape.events))
    return _takes(sized, tape.opening, tape.events)


def _most(ordinal: NDArray[np.int64], rests: NDArray[np.bool_], ends: NDArray[np.bool_]) -> int:
    """Orders that rest at once at most, if each does so from where it `rests` to where it `ends`."""
    told = np.flatnonzero(rests | ends)
    by_order = told[np.argsort(ordinal[told], kind="stable")]
    alive = rests[by_order].astype(np.int64)
    before = np.zeros_like(alive)
    before[1:] = np.where(np.diff(ordinal[by_order]) == 0, alive[:-1], 0)
    change = np.zeros(len(ordinal), np.int64)
    change[by_order] = alive - before
    return int(np.cumsum(change).max(initial=0))


def _sided(*records: Records) -> list[NDArray[np.int64]]:
    """Prices of bids and of offers."""
    px, sign = (np.concatenate([r[name] for r in records]) for name in ("px", "sign"))
    return [px[sign > 0], px[sign < 0]]


def _sized(
    size: Capacity, venues: int, centre_px: int, keys: int, most: int, prices: list[NDArray[np.int64]]
) -> Capacity:
    low_px = max(0, centre_px - size.window // 2)
    far = 0
    for px in prices:
        far = max(far, len(np.unique(px[(px < low_px) | (px >= low_px + size.window)])))
    orders = max(size.orders, most + size.own)
    sized = dataclasses.replace(
        size,
        recorded=max(size.recorded, keys),
        orders=orders,
        # a taker has to be able to meet all of them
        fills=size.fills if orders == size.orders else max(size.fills, orders),
        overflow=max(size.overflow, far),
    )
    if (needed := sized.memory_bytes(venues)) > MOST_BYTES:
        raise BookFull(
            f"{keys} recorded orders, {most} of them at rest at once, need a market of {needed >> 20} MiB;"
            f" the most is {MOST_BYTES >> 20} MiB"
        )
    return sized


def _takes(sized: Capacity, *records: Records) -> Capacity:
    """`sized`, unless a recorded order has more lots than a market of so many orders takes: BookFull."""
    most = max(int(r["qty"].max(initial=0)) for r in records)
    if most > sized.max_qty:
        raise BookFull(
            f"a recorded order of {most} lots is above {sized.max_qty}, the most in a market of"
            f" {sized.orders} orders"
        )
    return sized
