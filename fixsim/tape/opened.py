"""Any tape as a stream of rows: a stored one, or a compact one through its own reader.

A compact tape says what arrived, what was cancelled and what matched; the rows of its book follow from that
(an arrival rests with what its matches left of it), so no engine is needed to look at one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fixsim.matching.layout import EventKind
from fixsim.tape.decimals import LARGEST
from fixsim.tape.format import Tape, load_tape
from fixsim.tape.reader import BATCH, open_tape
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Meta, Type

_ENDS = {EventKind.CANCEL: Type.DELETE, EventKind.DONE: Type.DONE}


class Readable(Protocol):
    """What statistics and pictures ask of a tape. reader.StoredTape is one."""

    @property
    def meta(self) -> Meta: ...

    def rows(self, *, size: int = BATCH) -> Iterator[Records]:
        """ROW records of at most `size` rows, in tape order."""
        ...


class CompactTape:
    """A compact tape (format.Tape, all of it in memory) in the schema of every tape."""

    def __init__(self, tape: Tape, path: Path) -> None:
        self._rows = compact_rows(tape)
        counts = Counter(self._rows["type"].tolist())
        self.meta = Meta(
            format="compact",
            kind="flow",
            venue="-",
            symbol=tape.symbol,
            tick_nanos=tape.tick_nanos,
            lots_per_unit=tape.lots_per_unit,
            window_levels=None,
            start_ns=tape.start_ns,
            end_ns=tape.end_ns,
            events=len(self._rows),
            counts={Type(t).name: n for t, n in sorted(counts.items())},
            notes=[f"{path.name}: {tape.source}"],
        )

    def rows(self, *, size: int = BATCH) -> Iterator[Records]:
        """ROW records of at most `size` rows, in tape order."""
        for at in range(0, len(self._rows), size):
            yield self._rows[at : at + size]


def open_any(path: Path) -> Readable:
    """A stored tape's folder, or a compact tape's file. Raises TapeError."""
    return open_tape(path) if path.is_dir() else CompactTape(load_tape(path), path)


def compact_rows(tape: Tape) -> Records:
    """ROW records [n] of a compact tape. `row` is an event's place from 1, 0 for the opening.

    A price that nanos cannot say is CLAMPED to the last tick that they can.
    """
    bound = LARGEST // tape.tick_nanos * tape.tick_nanos

    def nanos(px: int) -> int:
        return min(px * tape.tick_nanos // 2, bound)

    matches: dict[int, list[Any]] = {}
    for match in tape.matches:
        matches.setdefault(int(match["taker"]), []).append(match)
    rows: list[tuple[int, ...]] = []
    resting: dict[int, tuple[int, int, int]] = {}  # ordinal: sign, price, what is left

    def append(time_ns: int, kind: Type, sign: int, price: int, qty: int, row: int, **more: int) -> None:
        ids = more.get("order_id", NULL), more.get("contra_id", NULL)
        flags, funds = more.get("flags", 0), more.get("funds", NULL)
        flags |= Flag.CLAMPED if price == bound else 0
        rows.append(
            (len(rows), time_ns, time_ns, NULL, NULL, kind, sign, *ids, price, qty, funds, flags, row, 0)
        )

    for order in tape.opening:
        ordinal, sign = int(order["ordinal"]), int(order["sign"])
        resting[ordinal] = sign, nanos(int(order["px"])), int(order["qty"])
        price, qty = resting[ordinal][1:]
        opening = int(Flag.OPENING)
        append(tape.start_ns, Type.SNAPSHOT, sign, price, qty, 0, order_id=ordinal, flags=opening)
    for row, event in enumerate(tape.events, start=1):
        time_ns, ordinal, sign = int(event["time_ns"]), int(event["ordinal"]), int(event["sign"])
        kind = EventKind(int(event["kind"]))
        if kind in _ENDS:
            sign, price, left = resting.pop(ordinal, (sign, NULL, 0))
            append(time_ns, _ENDS[kind], sign, price, left, row, order_id=ordinal)
            continue
        by_funds = int(event["funds"]) >= 0
        qty = NULL if by_funds else int(event["qty"])
        price = NULL if kind is EventKind.MARKET else nanos(int(event["px"]))
        funds = int(event["funds"]) // 2 if by_funds else NULL
        arrived = Type.MARKET if kind is EventKind.MARKET else Type.LIMIT
        append(time_ns, arrived, sign, price, qty, row, order_id=ordinal, funds=funds)
        for match in matches.pop(ordinal, []):
            maker, traded = int(match["maker"]), int(match["qty"])
            at = nanos(int(match["px"]))
            append(time_ns, Type.TRADE, -sign, at, traded, row, order_id=maker, contra_id=ordinal)
            maker_sign, maker_price, left = resting[maker]
            resting[maker] = maker_sign, maker_price, left - traded
            qty -= 0 if by_funds else traded
        if kind is EventKind.LIMIT and qty > 0:
            resting[ordinal] = sign, price, qty
            append(time_ns, Type.ADD, sign, price, qty, row, order_id=ordinal)
    return np.array(rows, ROW)
