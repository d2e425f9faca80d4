"""From a Parquet tape of order flow to the arrays that the kernels replay (format.Tape).

Orders that were there at the beginning become the opening; LIMIT and MARKET arrivals, DELETE and DONE become
events, in tape order; an ADD whose arrival nobody saw (UNKNOWN_ORDER) is its arrival. TRADE rows are what
must come out, and the orders that ADD, DELETE and TRADE leave are the end book. Ordinals are given anew, as
format.py wants them: the opening's bids, then its offers, then arrivals. All of it is in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.layout import EVENT, OPENING, EventKind
from fixsim.tape.format import MATCH, Tape, TapeError, check_tape, load_tape
from fixsim.tape.reader import StoredTape, open_tape
from fixsim.tape.rows import NULL, Records
from fixsim.tape.schema import Flag, Type

_KINDS: Final = {
    Type.LIMIT: EventKind.LIMIT,
    Type.ADD: EventKind.LIMIT,
    Type.MARKET: EventKind.MARKET,
    Type.DELETE: EventKind.CANCEL,
    Type.DONE: EventKind.DONE,
}
_FLOW = (Type.SNAPSHOT, Type.LIMIT, Type.MARKET, Type.ADD, Type.DELETE, Type.DONE, Type.TRADE)

_Ints = NDArray[np.int64]


def load_any(path: Path) -> Tape:
    """The compact tape at `path`, or the order flow of the Parquet tape in that folder. Raises TapeError."""
    return flow_tape(open_tape(path)) if path.is_dir() else load_tape(path)


def flow_tape(stored: StoredTape) -> Tape:
    """Raises TapeError: not order flow, or rows that the kernels cannot take."""
    meta = stored.meta
    if meta.kind != "flow":
        raise TapeError(f"{stored.folder}: its kind is {meta.kind}; the engine is fed order flow, kind flow")
    rows = stored.load()
    _refuse(stored, rows, ~np.isin(rows["type"], _FLOW), "its type is not one of order flow's")
    _refuse(stored, rows, (rows["type"] == Type.SNAPSHOT) & (rows["order_id"] == NULL), "names no order")
    opening = _by_priority(rows[rows["type"] == Type.SNAPSHOT])
    unseen = (rows["type"] == Type.ADD) & (rows["flags"] & Flag.UNKNOWN_ORDER != 0)
    came = np.isin(rows["type"], (Type.LIMIT, Type.MARKET)) | unseen
    ids = np.concatenate([opening["order_id"], rows["order_id"][came]])
    if len(np.unique(ids)) != len(ids):
        _refuse(stored, rows, _repeats(rows, came), "its order came before")
    ordinal = _ordinals(ids)
    ended = np.isin(rows["type"], (Type.DELETE, Type.DONE)) & (ordinal(rows["order_id"]) >= 0)
    trades = rows[rows["type"] == Type.TRADE]
    tape = Tape(
        symbol=meta.symbol,
        source=f"{meta.format}, {meta.venue}",
        tick_nanos=meta.tick_nanos,
        lots_per_unit=meta.lots_per_unit,
        opening=_orders(opening, ordinal, meta.tick_nanos, opening["quantity"]),
        events=_events(rows[came | ended], came[came | ended], ordinal, meta.tick_nanos),
        matches=_filled(
            MATCH,
            px=_px(trades, meta.tick_nanos),
            qty=trades["quantity"],
            maker=ordinal(trades["order_id"]),
            taker=ordinal(trades["contra_id"]),
        ),
        end=_end(rows, ordinal, len(ids), meta.tick_nanos),
    )
    check_tape(tape, stored.folder)
    return tape


def _refuse(stored: StoredTape, rows: Records, bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        row = rows[int(np.argmax(bad))]
        source = stored.meta.sources[row["file"]].name if stored.meta.sources else "tape"
        raise TapeError(
            f"{stored.folder}: seq {row['seq']} ({Type(row['type']).name}, {source} row {row['row']}): {why}"
        )


def _repeats(rows: Records, came: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where an order comes that came before."""
    first = came | (rows["type"] == Type.SNAPSHOT)
    at = np.flatnonzero(first)
    _, kept = np.unique(rows["order_id"][at], return_index=True)
    again = np.zeros(len(rows), np.bool_)
    again[np.delete(at, kept)] = True
    return again


def _ordinals(ids: _Ints) -> Callable[[_Ints], _Ints]:
    """From order ids to their places in `ids`, -1 for those that are not in it."""
    if not len(ids):
        return lambda wanted: np.full(len(wanted), -1, np.int64)
    place = np.argsort(ids, kind="stable")
    ordered = ids[place]

    def ordinal(wanted: _Ints) -> _Ints:
        at = np.minimum(np.searchsorted(ordered, wanted), len(ids) - 1)
        return np.where(ordered[at] == wanted, place[at], -1)

    return ordinal


def _by_priority(rows: Records) -> Records:
    """Bids, then offers; best price first; then as they came."""
    return rows[np.lexsort((rows["seq"], -rows["side"] * rows["price"], -rows["side"]))]


def _px(rows: Records, tick_nanos: int) -> _Ints:
    """Half ticks; 0 where there is no price."""
    return np.asarray(np.where(rows["price"] == NULL, 0, rows["price"] // tick_nanos * 2))


def _filled(dtype: Any, **columns: Any) -> Records:
    made = np.zeros(len(next(iter(columns.values()))), dtype)
    for name, values in columns.items():
        made[name] = values
    return made


def _orders(rows: Records, ordinal: Callable[[_Ints], _Ints], tick_nanos: int, qty: _Ints) -> Records:
    return _filled(
        OPENING, ordinal=ordinal(rows["order_id"]), px=_px(rows, tick_nanos), qty=qty, sign=rows["side"]
    )


def _events(
    rows: Records, came: NDArray[np.bool_], ordinal: Callable[[_Ints], _Ints], tick_nanos: int
) -> Records:
    by_funds = (rows["type"] == Type.MARKET) & (rows["quantity"] == NULL)
    kinds = np.array([_KINDS.get(type_, -1) for type_ in Type])
    return _filled(
        EVENT,
        time_ns=rows["time_ns"],
        ordinal=ordinal(rows["order_id"]),
        px=np.where(came, _px(rows, tick_nanos), 0),
        qty=np.where(came & ~by_funds, rows["quantity"], 0),
        funds=np.where(by_funds, 2 * np.where(by_funds, rows["funds"], 0), -1),  # half ticks x lots
        kind=kinds[rows["type"]],
        sign=rows["side"],
    )


def _end(rows: Records, ordinal: Callable[[_Ints], _Ints], orders: int, tick_nanos: int) -> Records:
    """What rests at the end by the tape's own account, in order of priority."""
    left = np.zeros(orders, np.int64)
    rested = rows[np.isin(rows["type"], (Type.SNAPSHOT, Type.ADD))]
    np.add.at(left, ordinal(rested["order_id"]), rested["quantity"])
    traded = rows[(rows["type"] == Type.TRADE) & (ordinal(rows["order_id"]) >= 0)]
    np.subtract.at(left, ordinal(traded["order_id"]), traded["quantity"])
    gone = rows[(rows["type"] == Type.DELETE) & (ordinal(rows["order_id"]) >= 0)]
    left[ordinal(gone["order_id"])] = 0
    ordered = _by_priority(rested[left[ordinal(rested["order_id"])] > 0])
    return _orders(ordered, ordinal, tick_nanos, left[ordinal(ordered["order_id"])])
