"""From rows of a stored tape to what the kernels replay: each type, ordinals, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixsim.matching.ledger import PartialKind
from fixsim.tape import SHIPPED, Tape, TapeError
from fixsim.tape.edits import from_rows, load_recording
from fixsim.tape.partial import PartialTape
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import Flag, Meta, Type
from fixsim.tape.writer import TapeWriter

CENT = 10_000_000
DAY = 1_340_236_800_000_000_000
META = Meta("lobster", "partial", "XNAS", "TEST", CENT, 1, 10, DAY, DAY + 99, 0)


def rows(*made: dict[str, Any]) -> Records:
    """Rows a nanosecond apart; what is not said is null."""
    out = np.zeros(len(made), ROW)
    for name in ROW.names or ():
        out[name] = NULL if name in ("order_id", "contra_id", "funds", "sequence", "receive_time_ns") else 0
    for seq, row in enumerate(made):
        out[seq]["seq"], out[seq]["row"] = seq, seq + 1
        out[seq]["time_ns"] = out[seq]["venue_time_ns"] = DAY + seq
        for name, value in ({"side": 1, "price": 100 * CENT, "quantity": 5} | row).items():
            out[seq][name] = value
    return out


def kinds(tape: PartialTape) -> list[tuple[str, int, int, int]]:
    """kind, ordinal, price in half ticks, lots"""
    return [
        (PartialKind(int(e["kind"])).name, int(e["ordinal"]), int(e["px"]), int(e["qty"]))
        for e in tape.events
    ]


def test_every_type_becomes_what_the_replay_knows_and_ids_are_numbered_as_they_come() -> None:
    tape = from_rows(
        rows(
            {"type": Type.SNAPSHOT},
            {"type": Type.SNAPSHOT, "side": -1, "price": 101 * CENT},
            {"type": Type.ADD, "order_id": 9_000},
            {"type": Type.ADD, "order_id": 70, "price": 99 * CENT},
            {"type": Type.REDUCE, "order_id": 9_000, "quantity": 2},
            {"type": Type.TRADE, "order_id": 70},
            {"type": Type.QUOTE},
            {"type": Type.HALT, "side": 0, "price": 0},
            {"type": Type.RESUME, "side": 0, "price": 0},
            {"type": Type.CROSS, "side": 0},
            {"type": Type.DELETE, "order_id": 8, "quantity": 3},
            {"type": Type.HIDDEN_TRADE},
            {"type": Type.ANCHOR, "quantity": 7},
            {"type": Type.ANCHOR, "quantity": NULL, "flags": Flag.OUT_OF_VIEW},
            {"type": Type.CLEAR, "side": 0, "price": NULL, "quantity": NULL},
            {"type": Type.SNAPSHOT},
            {"type": Type.SNAPSHOT, "order_id": 9_000},
        ),
        META,
    )
    assert [tuple(row)[1:] for row in tape.opening.tolist()] == [(-1, 200, 5, 5, 1), (-1, 202, 5, 5, -1)]
    assert kinds(tape) == [
        ("ADD", 0, 200, 5),
        ("ADD", 1, 198, 5),
        ("REDUCE", 0, 200, 2),
        ("TRADE", 1, 200, 5),
        ("DELETE", 2, 200, 3),
        ("HIDDEN", -1, 200, 5),
        ("ENTER", -1, 200, 7),
        ("LEAVE", -1, 200, 0),
        ("CLEAR", -1, 0, 0),
        ("ENTER", -1, 200, 5),
        ("ADD", 0, 200, 5),
    ]
    assert (tape.ids.tolist(), tape.ordinals, tape.window_levels) == ([9_000, 70, 8], 3, 10)
    assert tape.row.tolist() == [2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16]
    assert (tape.start_ns, tape.end_ns) == (DAY + 2, DAY + 16)


@pytest.mark.parametrize(("side", "px"), [(1, 202), (-1, 201)])
def test_a_hidden_trade_between_half_ticks_gives_its_taker_the_last_one_within(side: int, px: int) -> None:
    row = {"type": Type.HIDDEN_TRADE, "side": side, "price": 100 * CENT + CENT * 3 // 4}
    tape = from_rows(rows({"type": Type.ADD, "order_id": 1}, row), META)
    assert int(tape.events[1]["px"]) == px


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"type": Type.LEVEL}, "its type is not one of a book's edits"),
        ({"type": Type.MARKET}, "its type is not one of a book's edits"),
        ({"type": Type.ADD, "order_id": 1, "time_ns": 5}, "time runs backwards"),
        ({"type": Type.ADD, "order_id": 1, "side": 0}, "side is neither"),
        ({"type": Type.ADD, "order_id": 1, "price": NULL}, "price is missing or out of range"),
        ({"type": Type.ADD, "order_id": 1, "price": CENT * 3 // 4}, "price is not a multiple of half a tick"),
        ({"type": Type.TRADE, "order_id": 1, "quantity": 0}, "quantity is not positive"),
        ({"type": Type.ANCHOR, "quantity": NULL}, "quantity is not positive"),
        ({"type": Type.ADD, "order_id": 1, "quantity": 1 << 50}, "quantity is out of range"),
    ],
)
def test_a_row_that_cannot_be_replayed_is_named(row: dict[str, Any], reason: str) -> None:
    made = rows({"type": Type.ADD, "order_id": 7}, row)
    with pytest.raises(TapeError, match=f"^here: row 1: {reason}"):
        from_rows(made, META, "here")


def test_other_kinds_of_tape_are_refused() -> None:
    with pytest.raises(TapeError, match="a tape of kind edits is not the edits of a window"):
        from_rows(rows(), replace(META, kind="edits"))


def test_whatever_a_market_is_fed_is_read_from_its_path(tmp_path: Path) -> None:
    with TapeWriter(
        tmp_path, format="lobster", kind="partial", venue="XNAS", symbol="TEST", tick_nanos=CENT,
        lots_per_unit=1, window_levels=10,
    ) as writer:  # fmt: skip
        writer.extend(rows({"type": Type.SNAPSHOT}, {"type": Type.ADD, "order_id": 7}))
    window = load_recording(tmp_path)
    assert isinstance(window, PartialTape)
    assert kinds(window) == [("ADD", 0, 200, 5)]
    assert isinstance(load_recording(SHIPPED), Tape)
    with pytest.raises(TapeError, match="No such file"):
        load_recording(tmp_path / "none.xz")
