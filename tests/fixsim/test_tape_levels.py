"""The levels that rows leave are those of a plain book, piece by piece; a frame has them after each event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.tape.frame import Change
from fixsim.tape.levels import Replayer, top_levels
from fixsim.tape.reader import frame
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Type
from fixsim.tape.writer import TapeWriter


def records(said: list[tuple[Any, ...]]) -> Records:
    """(type, side, price, quantity, order id, flags), the last two as one likes."""
    made = np.zeros(len(said), ROW)
    for name in ("venue_time_ns", "receive_time_ns", "sequence", "contra_id", "funds"):
        made[name] = NULL
    for i, (type_, side, price, quantity, *more) in enumerate(said):
        order_id, flags = [*more, *[None, 0][len(more) :]]
        made[i]["type"], made[i]["side"], made[i]["flags"] = type_, side, flags
        for name, value in (("price", price), ("quantity", quantity), ("order_id", order_id)):
            made[i][name] = NULL if value is None else value
    made["time_ns"] = np.arange(len(made))
    made["row"] = np.arange(1, len(made) + 1)
    return made


class PlainBook:
    """The rules of schema.py, in words of their own."""

    def __init__(self, *, partial: bool, anchors: bool) -> None:
        self.partial, self.anchors = partial, anchors
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}

    def apply(self, row: Any) -> None:
        type_, side, flags = Type(row["type"]), int(row["side"]), int(row["flags"])
        if type_ is Type.CLEAR:
            self.sides = {1: {}, -1: {}}
        if not side or row["price"] == NULL or row["quantity"] == NULL:
            return
        price, quantity = int(row["price"]), int(row["quantity"])
        book = self.sides[side]
        names_order = row["order_id"] != NULL
        held = book.get(price, 0)
        takes = type_ in (Type.REDUCE, Type.DELETE) or (type_ is Type.TRADE and names_order)
        if type_ is Type.ADD or (type_ is Type.SNAPSHOT and names_order):
            book[price] = held + quantity
        elif takes and (self.partial or not flags & Flag.UNKNOWN_ORDER):
            book[price] = max(0, held - quantity)
        elif type_ in (Type.LEVEL, Type.SNAPSHOT):
            book[price] = quantity
        elif type_ is Type.ANCHOR and self.anchors:
            book[price] = 0 if flags & Flag.OUT_OF_VIEW else quantity
        self.sides = {sign: {p: q for p, q in levels.items() if q} for sign, levels in self.sides.items()}

    def top(self, levels: int) -> list[list[tuple[int, int]]]:
        best = [sorted(self.sides[sign].items(), reverse=sign > 0)[:levels] for sign in (1, -1)]
        return [side + [(0, 0)] * (levels - len(side)) for side in best]


rows_of_any_kind = st.lists(
    st.tuples(
        st.sampled_from(Type),
        st.sampled_from([-1, 0, 1]),
        st.none() | st.integers(90, 110),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 3),
        st.sampled_from([0, Flag.UNKNOWN_ORDER, Flag.OUT_OF_VIEW, Flag.MISMATCH]),
    ),
    max_size=60,
)


@given(said=rows_of_any_kind, partial=st.booleans(), anchors=st.booleans(), piece=st.integers(1, 9))
def test_the_kernel_is_the_plain_book(
    said: list[tuple[Any, ...]], partial: bool, anchors: bool, piece: int
) -> None:
    made = records(said)
    plain, replayer = PlainBook(partial=partial, anchors=anchors), Replayer(partial=partial, anchors=anchors)
    for start in range(0, len(made), piece):
        part = made[start : start + piece]
        px, qty = replayer.top(part, 4)
        for i, row in enumerate(part):
            plain.apply(row)
            pairs = np.stack([px[i], qty[i]], axis=-1).tolist()
            assert [[tuple(pair) for pair in side] for side in pairs] == plain.top(4)


def test_a_book_of_any_depth_fits() -> None:
    n = 5000
    prices = np.random.default_rng(3).permutation(np.arange(1, n + 1))
    made = records([(Type.ADD, 1, int(price), 1, 0) for price in prices])
    replayer = Replayer(partial=False)
    px, _ = replayer.top(made, 3)
    assert px[-1, 0].tolist() == [n, n - 1, n - 2]
    gone = records([(Type.DELETE, 1, int(price), 1, 0) for price in prices])
    px, qty = replayer.top(gone, 3)
    assert not px[-1].any()
    assert not qty[-1].any()


def test_what_takes_more_than_there_is_is_counted() -> None:
    replayer = Replayer(partial=False)
    replayer.top(
        records([(Type.ADD, 1, 10, 2, 0), (Type.DELETE, 1, 10, 3, 0), (Type.DELETE, 1, 10, 3, 0)]), 1
    )
    assert replayer.book.counts.tolist() == [0, 0, 1, 1]


def test_top_levels_begins_with_an_empty_book() -> None:
    px, qty = top_levels(records([(Type.ADD, -1, 12, 2, 0), (Type.ADD, 1, 10, 3, 1)]), 2)
    assert px.tolist() == [[[0, 0], [12, 0]], [[10, 0], [12, 0]]]
    assert qty.tolist() == [[[0, 0], [2, 0]], [[3, 0], [2, 0]]]


# Frames


def tape(root: Path, kind: str, said: list[tuple[Any, ...]], row_group: int = 3) -> Path:
    with TapeWriter(
        root,
        format="generated",
        kind=kind,
        venue="XTST",
        symbol="ABC",
        tick_nanos=1,
        lots_per_unit=1,
        row_group=row_group,
    ) as writer:
        writer.extend(records(said))
    return writer.folder


def test_a_frame_has_an_event_a_row_and_the_book_after_what_belongs_to_it(tmp_path: Path) -> None:
    said = [
        (Type.SNAPSHOT, 1, 99, 5),
        (Type.SNAPSHOT, -1, 101, 5),
        (Type.DELETE, 1, 99, 5, 7, Flag.UNKNOWN_ORDER),
        (Type.ANCHOR, 1, 97, 40),
        (Type.ANCHOR, -1, 105, 8),
        (Type.HIDDEN_TRADE, -1, 100, 3, 8),
        (Type.ADD, 1, 98, 2, 9),
        (Type.QUOTE, 1, 98, 2),
        (Type.TRADE, -1, 101, 4, 3, Flag.UNKNOWN_ORDER),
        (Type.REDUCE, -1, 101, 1, 3, Flag.TAKER),
        (Type.HALT, 0, 0, 0),
    ]
    got = frame(tape(tmp_path, "partial", said), levels=2)
    assert got.change.tolist() == [
        Change.CANCEL,
        Change.HIDDEN,
        Change.LIMIT,
        Change.MARKET,
        Change.OTHER,
        Change.OTHER,
    ]
    assert got.px[:, 0].tolist() == [[97, 0], [97, 0], [98, 97], [98, 97], [98, 97], [98, 97]]
    assert got.px[:, 1, 0].tolist() == [101, 101, 101, 101, 105, 105]
    assert got.qty[:, 1, 0].tolist() == [5, 5, 5, 1, 8, 8]
    assert (got.order_id.tolist(), got.side.tolist()) == ([7, 8, 9, 3, 3, -1], [1, -1, 1, -1, -1, 0])
    assert (len(got), got.symbol, got.time_ns.tolist()) == (6, "ABC", [2, 5, 6, 8, 9, 10])


def test_a_total_that_changes_is_a_limit_or_a_cancel_of_the_difference(tmp_path: Path) -> None:
    said = [
        (Type.SNAPSHOT, 1, 99, 5),
        (Type.LEVEL, 1, 99, 9),
        (Type.LEVEL, 1, 99, 2),
        (Type.LEVEL, -1, 101, 6),
        (Type.TRADE, -1, 101, 6),
        (Type.LEVEL, -1, 101, 0),
        (Type.CLEAR, 0, None, None),
        (Type.SNAPSHOT, 1, 95, 1),
        (Type.LEVEL, 1, 94, 0),
    ]
    got = frame(tape(tmp_path, "levels", said), levels=1)
    assert list(zip(got.change.tolist(), got.quantity.tolist(), strict=True)) == [
        (Change.LIMIT, 4),
        (Change.CANCEL, 7),
        (Change.LIMIT, 6),
        (Change.MARKET, 6),
        (Change.CANCEL, 6),
        (Change.OTHER, 0),
    ]
    assert got.px[:, 0, 0].tolist() == [99, 99, 99, 99, 95, 95]


@pytest.mark.parametrize("row_group", [1, 2, 100])
def test_order_flow_shows_what_came_to_rest(tmp_path: Path, row_group: int) -> None:
    said = [
        (Type.SNAPSHOT, -1, 101, 5, 0),
        (Type.LIMIT, 1, 101, 7, 1),
        (Type.TRADE, -1, 101, 5, 0),
        (Type.DONE, -1, 101, 0, 0),
        (Type.ADD, 1, 101, 2, 1),
        (Type.LIMIT, 1, 90, 2, 2),
        (Type.DELETE, 1, 90, 2, 2, Flag.UNKNOWN_ORDER),  # never came to rest
        (Type.DELETE, 1, 101, 2, 1),
    ]
    got = frame(tape(tmp_path, "flow", said, row_group), levels=1)
    assert got.change.tolist() == [Change.MARKET, Change.LIMIT, Change.CANCEL, Change.CANCEL]
    assert got.px[:, :, 0].tolist() == [[0, 0], [101, 0], [101, 0], [0, 0]]


def test_an_opening_alone_is_a_frame_without_rows(tmp_path: Path) -> None:
    got = frame(tape(tmp_path, "partial", [(Type.SNAPSHOT, 1, 99, 5)]), levels=3)
    assert (len(got), got.px.shape) == (0, (0, 2, 3))
