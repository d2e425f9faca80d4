"""From a Parquet tape of a window's edits to the rows that the kernels replay (partial.PartialTape).

Order ids become ordinals, numbered as they come.

Which row types become what:

    SNAPSHOT            ENTER (a level) or ADD (an order); those that begin the tape are the opening
    ADD, REDUCE, DELETE the same; an order that had rested before it was seen is unknown until it is gone
    TRADE, HIDDEN_TRADE TRADE, HIDDEN: takers of that quantity at that price
    ANCHOR              ENTER with its total, LEAVE where OUT_OF_VIEW is flagged
    CLEAR               the same

QUOTE and CROSS say nothing that a book is made of, and HALT and RESUME no more than that nothing happens:
they are left out (whoever wants a venue halted sets its phase). Other kinds of tape are refused: totals by
level have no orders to stand among, and the edits of a whole book (Bitstamp) show takers as if they rested.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.layout import MAX_PX, Records
from fixsim.matching.ledger import PARTIAL, PartialKind
from fixsim.tape.convert import load_any
from fixsim.tape.format import Tape, TapeError
from fixsim.tape.partial import PartialTape
from fixsim.tape.reader import StoredTape, open_tape
from fixsim.tape.rows import NULL
from fixsim.tape.schema import Flag, Meta, Type

_KIND = {
    Type.SNAPSHOT: PartialKind.ENTER,
    Type.ADD: PartialKind.ADD,
    Type.REDUCE: PartialKind.REDUCE,
    Type.DELETE: PartialKind.DELETE,
    Type.TRADE: PartialKind.TRADE,
    Type.HIDDEN_TRADE: PartialKind.HIDDEN,
    Type.ANCHOR: PartialKind.ENTER,
    Type.CLEAR: PartialKind.CLEAR,
}
_SKIPPED = (Type.QUOTE, Type.CROSS, Type.HALT, Type.RESUME)
_ABOUT_AN_ORDER = (PartialKind.ADD, PartialKind.REDUCE, PartialKind.DELETE, PartialKind.TRADE)
_MAX_LOTS = 1 << 44


def load_recording(path: Path) -> Tape | PartialTape:
    """What a market is fed: a compact tape, or a Parquet tape of flow or of a window. Raises TapeError."""
    if path.is_dir() and (stored := open_tape(path)).meta.kind == "partial":
        return load_partial(stored)
    return load_any(path)


def load_partial(stored: StoredTape) -> PartialTape:
    """Read a stored tape of kind partial. Raises TapeError."""
    tape = from_rows(stored.load(), stored.meta, str(stored.folder))
    if not len(tape.events):
        raise TapeError(f"{stored.folder}: there is no event after the opening book")
    return tape


def from_rows(rows: Records, meta: Meta, name: str = "tape") -> PartialTape:
    """ROW records, all of a tape in its order, as a PartialTape. TapeError names `name` and the row."""
    if meta.kind != "partial":
        raise TapeError(f"{name}: a tape of kind {meta.kind} is not the edits of a window")
    rows = rows[~np.isin(rows["type"], _SKIPPED)]
    types = rows["type"]
    events = np.zeros(len(rows), PARTIAL)
    events["kind"] = -1
    for type_, kind in _KIND.items():
        events["kind"][types == type_] = kind
    events["kind"][(types == Type.SNAPSHOT) & (rows["order_id"] != NULL)] = PartialKind.ADD
    events["kind"][(types == Type.ANCHOR) & (rows["flags"] & Flag.OUT_OF_VIEW != 0)] = PartialKind.LEAVE
    events["time_ns"], events["sign"] = rows["time_ns"], rows["side"]
    events["qty"] = np.where(rows["quantity"] == NULL, 0, rows["quantity"])
    events["px"] = _half_ticks(rows, events["kind"], meta.tick_nanos)
    _check(rows, events, meta.tick_nanos, name)
    ids = _ordinals(rows, events)
    beyond = np.flatnonzero(types != Type.SNAPSHOT)
    opening = int(beyond[0]) if len(beyond) else len(rows)
    return PartialTape(
        symbol=meta.symbol,
        tick_nanos=meta.tick_nanos,
        lots_per_unit=meta.lots_per_unit,
        window_levels=meta.window_levels,
        opening=events[:opening],
        events=events[opening:],
        ids=ids,
        row=rows["seq"][opening:].copy(),
    )


def _half_ticks(rows: Records, kind: NDArray[np.int32], tick_nanos: int) -> NDArray[np.int64]:
    """Prices in half ticks. A hidden trade may be finer: its taker's limit is the last one within."""
    doubled = np.where(rows["price"] == NULL, 0, 2 * rows["price"])
    up = (kind == PartialKind.HIDDEN) & (rows["side"] > 0)
    px: NDArray[np.int64] = np.where(up, -(-doubled // tick_nanos), doubled // tick_nanos)
    return px


def _ordinals(rows: Records, events: Records) -> NDArray[np.int64]:
    """Number the named orders as they come, write that into `events`, and give back their ids."""
    named = np.isin(events["kind"], _ABOUT_AN_ORDER) & (rows["order_id"] != NULL)
    ids, first, which = np.unique(rows["order_id"][named], return_index=True, return_inverse=True)
    by_arrival = np.argsort(first)
    number = np.empty(len(ids), np.int64)
    number[by_arrival] = np.arange(len(ids))
    events["ordinal"] = -1
    events["ordinal"][named] = number[which]
    return np.asarray(ids[by_arrival], np.int64)


def _check(rows: Records, events: Records, tick_nanos: int, name: str) -> None:
    """What the kernels take for granted."""
    kind = events["kind"]
    of_book = kind <= PartialKind.LEAVE
    finer = (2 * rows["price"]) % tick_nanos != 0
    rules: list[tuple[str, NDArray[np.bool_]]] = [
        ("its type is not one of a book's edits", kind < 0),
        ("time runs backwards", np.diff(events["time_ns"], prepend=events["time_ns"][:1]) < 0),
        ("side is neither +1 nor -1", of_book & (abs(events["sign"]) != 1)),
        ("price is missing or out of range", of_book & ((events["px"] < 1) | (events["px"] > MAX_PX))),
        ("price is not a multiple of half a tick", of_book & (kind != PartialKind.HIDDEN) & finer),
        ("quantity is not positive", (kind < PartialKind.LEAVE) & (events["qty"] < 1)),
        ("quantity is out of range", events["qty"] > _MAX_LOTS),
    ]
    for rule, bad in rules:
        if bad.any():
            raise TapeError(f"{name}: row {int(rows['seq'][int(np.argmax(bad))])}: {rule}")
