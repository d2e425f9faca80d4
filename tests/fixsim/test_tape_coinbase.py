"""The Coinbase importer: exact numbers, a row for every refusal; with SHARED_DATA the original order ids."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixsim.matching import EventKind, Market
from fixsim.tape import TapeError, load_tape, verify
from fixsim.tape.coinbase import import_coinbase
from fixsim.tape.verify import end_book

T = "2018-07-13T20:47:11.025000Z"
T_NS = 1531514831025000000


def message(sequence: int, kind: str, **fields: str) -> dict[str, Any]:
    return {"sequence": sequence, "type": kind, "side": "buy", "time": T, **fields}


def recording() -> dict[str, Any]:
    """An order opened before the snapshot, a market order in funds, its match, both ends, a cancel."""
    return {
        "beginning_level_3": {"sequence": 1, "bids": [["9.98", "1", "b"]], "asks": [["10.01", "0.5", "a"]]},
        "ending_level_3": {"sequence": 7, "bids": [], "asks": [["10.01", "0.2", "a"]]},
        "messages": [
            message(2, "open", order_id="old", side="sell", price="10.00000000", remaining_size="0.10000000"),
            message(3, "received", order_id="m", order_type="market", funds="4.0030000000000000"),
            message(
                4, "match", maker_order_id="old", taker_order_id="m", price="10.00", size="0.1", side="sell"
            ),
            message(
                5, "match", maker_order_id="a", taker_order_id="m", price="10.01", size="0.3", side="sell"
            ),
            message(6, "done", order_id="old", reason="filled"),
            message(7, "done", order_id="b", reason="canceled", remaining_size="1"),
        ],
    }


def write(folder: Path, contents: dict[str, Any]) -> Path:
    for name, content in contents.items():
        (folder / f"{name}.json.xz").write_bytes(lzma.compress(json.dumps(content).encode()))
    return folder


def test_orders_and_cancels_become_events_and_matches_the_expectation(tmp_path: Path) -> None:
    tape, ids = import_coinbase(write(tmp_path, recording()), "made up")
    assert ids == ["b", "a", "old", "m"]
    assert tape.opening.tolist() == [(0, 1996, 10**8, 1), (1, 2002, 5 * 10**7, -1)]
    assert tape.events.tolist() == [
        (T_NS, 2, 2000, 10**7, -1, EventKind.LIMIT, -1),
        (T_NS, 3, 0, 0, 2 * 40_030_000_000, EventKind.MARKET, 1),
        (T_NS, 2, 0, 0, -1, EventKind.DONE, 1),
        (T_NS, 0, 0, 0, -1, EventKind.CANCEL, 1),
    ]
    assert tape.matches.tolist() == [(2000, 10**7, 2, 3), (2002, 3 * 10**7, 1, 3)]
    assert all(verify(tape, venues).ok for venues in (1, 2, 3))


@pytest.mark.parametrize(
    ("row", "fields", "words"),
    [
        (1, {"sequence": 4}, "row 1: sequence 4 after 2"),
        (0, {"price": "10.001"}, "row 0: '10.001' is not a number of at most 2 decimals"),
        (0, {"remaining_size": "-1"}, "row 0: '-1' is not a number of at most 8 decimals"),
        (1, {"order_id": "a"}, "row 1: order a is received twice"),
        (1, {"order_type": "stop"}, "row 1: order_type 'stop'"),
        (2, {"maker_order_id": "x"}, "row 2: no 'x'"),
        (4, {"reason": "lost"}, "row 4: no 'lost'"),
        (4, {"type": "change"}, "row 4: type 'change'"),
        (4, {"time": "noon"}, "row 4: Invalid isoformat"),
        (5, {"side": "both"}, "row 5: no 'both'"),
    ],
)
def test_a_bad_row_is_refused_with_its_number(
    tmp_path: Path, row: int, fields: dict[str, Any], words: str
) -> None:
    contents = recording()
    contents["messages"][row] |= fields
    with pytest.raises(TapeError, match=rf"messages\.json\.xz: {words}"):
        import_coinbase(write(tmp_path, contents), "made up")


def test_missing_or_inconsistent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"beginning_level_3\.json\.xz: No such file"):
        import_coinbase(tmp_path, "made up")
    write(tmp_path, recording() | {"ending_level_3": {"sequence": 8, "bids": [], "asks": []}})
    with pytest.raises(TapeError, match="messages end at 7, the ending book is at 8"):
        import_coinbase(tmp_path, "made up")
    write(tmp_path, recording() | {"ending_level_3": {"sequence": 7, "bids": [["1", "1", "z"]], "asks": []}})
    with pytest.raises(TapeError, match="bids row 0: order z was never seen"):
        import_coinbase(tmp_path, "made up")
    (tmp_path / "messages.json.xz").write_bytes(b"no")
    with pytest.raises(TapeError, match=r"messages\.json\.xz: damaged"):
        import_coinbase(tmp_path, "made up")


def test_the_shipped_tape_is_the_recording_to_the_last_original_id(shared_data: Path) -> None:
    folder = shared_data / "coinbase_l3"
    shipped = load_tape()
    imported, ids = import_coinbase(folder, shipped.source)
    for name in ("opening", "events", "matches", "end"):
        assert np.array_equal(getattr(shipped, name), getattr(imported, name))

    market = Market.for_tape(shipped, venues=2)
    market.step_until(shipped.end_ns)
    with lzma.open(folder / "messages.json.xz") as file:
        recorded = [m for m in json.load(file) if m["type"] == "match"]
    assert [
        (ids[f["maker_key"]], ids[f["taker_key"]], int(f["px"]), int(f["qty"])) for f in market.fills()
    ] == [
        (
            m["maker_order_id"],
            m["taker_order_id"],
            round(200 * float(m["price"])),
            round(1e8 * float(m["size"])),
        )
        for m in recorded
    ]
    with lzma.open(folder / "ending_level_3.json.xz") as file:
        ending = json.load(file)
    assert [ids[row["key"]] for row in end_book(market)] == [
        row[2] for row in ending["bids"] + ending["asks"]
    ]
