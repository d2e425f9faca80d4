"""A Coinbase recording becomes a Parquet tape, which the engine replays to its matches and end book."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixsim.matching import EventKind
from fixsim.tape import TapeError, load_tape, verify
from fixsim.tape.coinbase_full import import_coinbase_full
from fixsim.tape.convert import flow_tape, load_any
from fixsim.tape.importers import Request
from fixsim.tape.metafile import find_tapes
from fixsim.tape.reader import StoredTape, frame, open_tape
from fixsim.tape.rows import NULL
from fixsim.tape.schema import Flag, Type
from fixsim.tape.writer import TapeWriter

T = "2018-07-13T20:47:11.025000Z"
T_NS = 1531514831025000000
MAX_PRICE = (1 << 62) // 10**7 * 10**7


def message(sequence: int, kind: str, **fields: str) -> dict[str, Any]:
    said = {"sequence": sequence, "type": kind, "side": "buy", "time": T, "product_id": "BTC-USD"}
    return {**said, **fields}


def recording() -> dict[str, Any]:
    """An order opened before the beginning, a market order in funds, a limit that rests, and one not."""
    limit, market = {"order_type": "limit"}, {"order_type": "market"}
    return {
        "beginning_level_3": {
            "asks": [["10.01", "0.5", "a"], ["9999999999.00", "2", "absurd"]],
            "bids": [["9.98", "1", "b"], ["9.98", "0.2", "b2"]],
            "sequence": 1,
        },
        "messages": [
            message(2, "open", order_id="old", side="sell", price="10.00000000", remaining_size="0.10000000"),
            message(3, "received", order_id="m", funds="4.0030000000000000", **market),
            message(
                4, "match", maker_order_id="old", taker_order_id="m", price="10.00", size="0.1", side="sell"
            ),
            message(
                5, "match", maker_order_id="a", taker_order_id="m", price="10.01", size="0.3", side="sell"
            ),
            message(
                6, "done", order_id="old", side="sell", price="10.00", remaining_size="0", reason="filled"
            ),
            message(7, "done", order_id="m", reason="filled"),
            message(8, "done", order_id="b", price="9.98", reason="canceled", remaining_size="1"),
            message(9, "received", order_id="r", price="9.99", size="0.7", **limit),
            message(10, "open", order_id="r", price="9.99", remaining_size="0.7"),
            message(11, "received", order_id="n", price="9.97", size="1", **limit),
            message(12, "done", order_id="n", price="9.97", reason="canceled", remaining_size="1"),
        ],
        "ending_level_3": {
            "asks": [["10.01", "0.2", "a"], ["9999999999.00", "2", "absurd"]],
            "bids": [["9.99", "0.7", "r"], ["9.98", "0.2", "b2"]],
            "sequence": 12,
        },
    }


def write(folder: Path, contents: dict[str, Any], *, lines: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        text = json.dumps(content, indent=2)
        if lines and name == "messages":
            text = "\n".join(map(json.dumps, content))
        (folder / f"{name}.json.xz").write_bytes(lzma.compress(text.encode()))
    return folder


def imported(tmp_path: Path, contents: dict[str, Any], **asked: Any) -> StoredTape:
    lines = asked.pop("lines", False)
    files = (write(tmp_path / "recording", contents, lines=lines),)
    (folder,) = import_coinbase_full(Request(files, tmp_path / "tapes", **asked))
    return open_tape(folder)


def test_every_message_is_a_row(tmp_path: Path) -> None:
    tape = imported(tmp_path, recording())
    names = ["type", "side", "order_id", "contra_id", "price", "quantity", "funds", "sequence", "flags"]
    unknown, opening = Flag.UNKNOWN_ORDER, Flag.OPENING
    assert tape.load()[names].tolist() == [
        (Type.SNAPSHOT, -1, 0, NULL, 10_010_000_000, 50_000_000, NULL, NULL, opening),
        (Type.SNAPSHOT, -1, 1, NULL, MAX_PRICE, 200_000_000, NULL, NULL, opening | Flag.CLAMPED),
        (Type.SNAPSHOT, 1, 2, NULL, 9_980_000_000, 100_000_000, NULL, NULL, opening),
        (Type.SNAPSHOT, 1, 3, NULL, 9_980_000_000, 20_000_000, NULL, NULL, opening),
        (Type.ADD, -1, 4, NULL, 10_000_000_000, 10_000_000, NULL, 2, unknown),
        (Type.MARKET, 1, 5, NULL, NULL, NULL, 40_030_000_000, 3, 0),
        (Type.TRADE, -1, 4, 5, 10_000_000_000, 10_000_000, NULL, 4, 0),
        (Type.TRADE, -1, 0, 5, 10_010_000_000, 30_000_000, NULL, 5, 0),
        (Type.DONE, -1, 4, NULL, 10_000_000_000, 0, NULL, 6, 0),
        (Type.DONE, 1, 5, NULL, NULL, NULL, NULL, 7, 0),
        (Type.DELETE, 1, 2, NULL, 9_980_000_000, 100_000_000, NULL, 8, 0),
        (Type.LIMIT, 1, 6, NULL, 9_990_000_000, 70_000_000, NULL, 9, 0),
        (Type.ADD, 1, 6, NULL, 9_990_000_000, 70_000_000, NULL, 10, 0),
        (Type.LIMIT, 1, 7, NULL, 9_970_000_000, 100_000_000, NULL, 11, 0),
        (Type.DELETE, 1, 7, NULL, 9_970_000_000, 100_000_000, NULL, 12, unknown),
    ]  # fmt: skip
    assert tape.load()["time_ns"].tolist() == [T_NS] * 15
    named = {row["order_id"]: row["native_id"] for batch in tape.orders() for row in batch.to_pylist()}
    assert named == dict(enumerate(["a", "absurd", "b", "b2", "old", "m", "r", "n"]))
    meta = tape.meta
    assert (meta.venue, meta.symbol, meta.kind, meta.window_levels) == ("COINBASE", "BTC-USD", "flow", None)
    assert meta.notes == [
        "ending_level_3.json.xz: 4 of 4 orders are what the messages leave (4 orders),"
        " each in its place in the queue"
    ]
    assert frame(tape, 1).px[-1, :, 0].tolist() == [9_990_000_000, 10_010_000_000]


def test_as_lines_it_is_the_same_tape(tmp_path: Path) -> None:
    array, lines = imported(tmp_path / "a", recording()), imported(tmp_path / "b", recording(), lines=True)
    assert np.array_equal(array.load(), lines.load())


def test_the_engine_makes_the_matches_and_the_end_book_of_it(tmp_path: Path) -> None:
    stored = imported(tmp_path, recording())
    tape = load_any(stored.folder)
    assert tape.opening.tolist() == [
        (0, 1996, 10**8, 1),
        (1, 1996, 2 * 10**7, 1),
        (2, 2002, 5 * 10**7, -1),
        (3, 2 * (MAX_PRICE // 10**7), 2 * 10**8, -1),
    ]
    assert tape.events.tolist() == [
        (T_NS, 4, 2000, 10**7, -1, EventKind.LIMIT, -1),
        (T_NS, 5, 0, 0, 2 * 40_030_000_000, EventKind.MARKET, 1),
        (T_NS, 4, 0, 0, -1, EventKind.DONE, -1),
        (T_NS, 5, 0, 0, -1, EventKind.DONE, 1),
        (T_NS, 0, 0, 0, -1, EventKind.CANCEL, 1),
        (T_NS, 6, 1998, 7 * 10**7, -1, EventKind.LIMIT, 1),
        (T_NS, 7, 1994, 10**8, -1, EventKind.LIMIT, 1),
        (T_NS, 7, 0, 0, -1, EventKind.CANCEL, 1),
    ]
    assert tape.matches.tolist() == [(2000, 10**7, 4, 5), (2002, 3 * 10**7, 2, 5)]
    assert [row[0] for row in tape.end.tolist()] == [6, 1, 2, 3]
    assert all(verify(tape, venues).ok for venues in (1, 2, 3))


@pytest.mark.parametrize(
    ("row", "fields", "words"),
    [
        (2, {"sequence": 2}, "row 2: sequence 2 after 2"),
        (1, {"price": "10.001"}, "row 1: price '10.001' is not a multiple of the tick"),
        (1, {"remaining_size": "0.000000001"}, "row 1: '0.000000001' has more than 8 decimals"),
        (1, {"remaining_size": "-1"}, "row 1: '-1' is out of range"),
        (1, {"remaining_size": "0"}, "row 1: size '0' is not above zero"),
        (1, {"remaining_size": 1.5}, "row 1: 1.5 is not a number in quotes"),
        (2, {"order_id": "a", "side": "sell"}, "row 2: order a is received twice"),
        (2, {"order_type": "stop"}, "row 2: order_type 'stop' is neither limit nor market"),
        (2, {"funds": "0.001"}, None),
        (2, {"funds": "0.00000000001"}, "row 2: funds '0.00000000001' are not a whole number"),
        (5, {"reason": "lost"}, "row 5: reason 'lost' is neither"),
        (5, {"type": "change"}, "row 5: type 'change' is not one of received, open, done, match"),
        (5, {"time": "noon"}, "row 5: Invalid isoformat"),
        (6, {"side": "both"}, "row 6: side 'both' is neither buy nor sell"),
        (7, {"side": "sell"}, "row 7: order b was on the other side"),
        (7, {"product_id": "ETH-USD"}, "row 7: product_id 'ETH-USD' is not 'BTC-USD'"),
        (9, {"order_id": "b2"}, "row 9: order b2 is opened twice"),
        (9, {"order_id": 7}, "row 9: order_id 7 is not plain text"),
        (9, {"sequence": "10"}, "row 9: sequence '10' is not a whole number"),
        (9, {"price": 9.99}, r"row 9: 9\.99 is not a number in quotes"),
        (8, {"size": 1}, "row 8: 1 is not a number in quotes"),
        (2, {"funds": "NaN"}, "row 2: funds 'NaN' are not a whole number"),
        (2, {"funds": "1e999999"}, "row 2: '1e999999' is not a decimal number"),
        (8, {"order_type": []}, r"row 8: order_type \[\] is neither"),
        (9, {"time": "1812-07-13T20:47:11Z"}, "row 9: time '1812-07-13T20:47:11Z' is before 1970"),
        (9, {"price": "9" * 500}, "row 9: '9{48}' is not a decimal number"),
    ],
)
def test_a_bad_message_ends_the_import_or_is_set_aside(
    tmp_path: Path, row: int, fields: dict[str, Any], words: str | None
) -> None:
    contents = recording()
    contents["messages"][row - 1] |= fields
    if words is None:
        imported(tmp_path, contents)
        return
    with pytest.raises(TapeError, match=rf"^messages\.json\.xz: {words}"):
        imported(tmp_path, contents)
    assert find_tapes(tmp_path / "tapes") == []
    tape = imported(tmp_path, contents, quarantine=True)
    aside = [line for batch in tape.quarantine() for line in batch.to_pylist()]
    assert (aside[0]["row"], json.loads(aside[0]["raw"])) == (row, contents["messages"][row - 1])
    assert tape.meta.quarantined == len(aside) >= 1


def test_a_message_without_a_field_is_named(tmp_path: Path) -> None:
    contents = recording()
    del contents["messages"][3]["taker_order_id"]
    with pytest.raises(TapeError, match=r"messages\.json\.xz: row 4: no 'taker_order_id'"):
        imported(tmp_path, contents)
    contents["messages"][3] = "a word"
    with pytest.raises(TapeError, match="row 4: 'a word' is not a message"):
        imported(tmp_path, contents)


def test_gaps_and_what_the_source_contradicts_are_marked(tmp_path: Path) -> None:
    contents = recording()
    contents["messages"][:0] = [
        message(0, "done", order_id="gone", reason="filled"),  # before the beginning
        {"type": "subscriptions", "channels": []},
    ]
    del contents["messages"][6]  # sequence 6: done of "old"
    contents["messages"][7]["time"] = "2018-07-13T20:47:10Z"  # sequence 8
    contents["messages"][7]["remaining_size"] = "0.9"
    contents["messages"] += [
        message(13, "match", maker_order_id="who", taker_order_id="b2", price="9.98", size="1"),
        message(14, "match", maker_order_id="b2", taker_order_id="who", price="9.98", size="1"),
        message(15, "done", order_id="r", price="9.99", reason="filled", remaining_size="0"),
        message(16, "done", order_id="who", reason="filled"),
        message(17, "open", order_id="high", price="10.02", remaining_size="1"),
    ]
    contents["ending_level_3"]["sequence"] = 17
    tape = imported(tmp_path, contents)
    rows = tape.load()
    flags = dict(zip(rows["sequence"].tolist(), rows["flags"].tolist(), strict=True))
    assert flags[7] == Flag.GAP_BEFORE
    assert flags[8] == Flag.LATE | Flag.MISMATCH
    assert flags[13] == Flag.UNKNOWN_ORDER
    assert flags[14] == Flag.MISMATCH  # more than was left of it
    assert flags[15] == Flag.MISMATCH  # filled, and still in the book
    assert [row["quantity"] for row in rows if row["sequence"] in (8, 15)] == [10**8, 7 * 10**7]
    assert rows["type"][rows["sequence"] == 15] == [Type.DELETE]
    assert flags[16] == Flag.UNKNOWN_ORDER
    assert flags[17] == Flag.UNKNOWN_ORDER | Flag.CROSSED
    assert (np.diff(rows["time_ns"]) >= 0).all()
    anomalies = tape.meta.anomalies
    assert (anomalies["before_beginning"], anomalies["left_out_subscriptions"]) == (1, 1)
    assert anomalies["end_orders_unlike_messages"] == 2  # r and b2 are gone, high came
    assert frame(tape, 3).px[-1, 0].tolist() == [10_020_000_000, 0, 0]


def test_an_ending_in_another_order_is_noticed(tmp_path: Path) -> None:
    contents = recording()
    contents["beginning_level_3"]["bids"].append(["9.98", "0.3", "b3"])
    contents["ending_level_3"]["bids"][1:] = [["9.98", "0.3", "b3"], ["9.98", "0.2", "b2"]]
    tape = imported(tmp_path, contents)
    assert tape.meta.anomalies["end_orders_unlike_messages"] == 2
    assert "3 of 5 orders" in tape.meta.notes[0]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("ending_level_3", {"sequence": 13}, "the ending book is at sequence 13, the messages end at 12"),
        ("beginning_level_3", {"sequence": "1"}, "'sequence' is not bids, asks or a sequence"),
        ("beginning_level_3", {"bids": [["9.98", "1"]]}, "row 3: bids 1: "),
        ("beginning_level_3", {"bids": [["9.98", "1", "a"]]}, "row 3: bids 1: order a comes twice"),
        (
            "beginning_level_3",
            {"asks": [[10.01, "1", "a"]]},
            "row 1: asks 1: 10.01 is not a number in quotes",
        ),
        ("ending_level_3", {"asks": [["0", "1", "a"]]}, "row 1: asks 1: price '0' is not a multiple"),
        (
            "ending_level_3",
            {"asks": [["1", "1", "\xe4"]]},
            "row 1: asks 1: order id '\xe4' is not plain text",
        ),
    ],
)
def test_a_book_that_cannot_be_is_refused(
    tmp_path: Path, name: str, changes: dict[str, Any], words: str
) -> None:
    contents = recording()
    contents[name] |= changes
    with pytest.raises(TapeError, match=rf"^{name}\.json\.xz: row \d+: |{words}") as refused:
        imported(tmp_path, contents)
    assert words in str(refused.value)
    assert imported(tmp_path, contents, quarantine=True).meta.quarantined >= 1


def test_files_are_told_apart_and_missed(tmp_path: Path) -> None:
    folder = write(tmp_path / "recording", recording())
    paths = {path.name.split("_")[0].split(".")[0]: path for path in folder.iterdir()}
    out = tmp_path / "tapes"
    with pytest.raises(TapeError, match="there is no file of messages"):
        import_coinbase_full(Request((paths["beginning"],), out))
    with pytest.raises(TapeError, match="there is no file of beginning"):
        import_coinbase_full(Request((paths["messages"],), out))
    with pytest.raises(TapeError, match="there is a file of messages already"):
        import_coinbase_full(Request((*paths.values(), paths["messages"]), out))
    other = tmp_path / "other.json"
    other.write_text("[]")
    with pytest.raises(TapeError, match="its name says none of beginning, messages, ending"):
        import_coinbase_full(Request((other,), out))
    with pytest.raises(TapeError, match="--lots-per-unit = 7: must be a power of ten"):
        import_coinbase_full(Request((folder,), out, lots_per_unit=7))
    asked = {"symbol": "XBT-USD", "venue": "XCBX", "lots_per_unit": 10**9, "tick_nanos": 10**6}
    (named,) = import_coinbase_full(Request((paths["messages"], paths["beginning"]), out, **asked))
    meta = open_tape(named).meta
    assert (meta.symbol, meta.venue, meta.tick_nanos, meta.notes) == ("XBT-USD", "XCBX", 10**6, [])
    assert all(verify(load_any(named), venues).ok for venues in (1, 2))


def test_a_recording_that_is_cut_short_is_refused_or_kept_up_to_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "recording", recording())
    (folder / "messages.json.xz").unlink()
    (folder / "messages.json").write_text(json.dumps(recording()["messages"])[:-300])
    with pytest.raises(TapeError, match=r"^messages\.json: row 10: damaged or cut short"):
        import_coinbase_full(Request((folder,), tmp_path / "tapes"))
    (kept,) = import_coinbase_full(Request((folder,), tmp_path / "tapes", quarantine=True))
    assert open_tape(kept).load()["sequence"].max() == 10
    (folder / "messages.json").write_text("no JSON")
    with pytest.raises(TapeError, match=r"^messages\.json: row 1: damaged"):
        import_coinbase_full(Request((folder,), tmp_path / "other"))
    (folder / "messages.json").write_text("[1, 2]")
    with pytest.raises(TapeError, match="no message has a product_id and a time"):
        import_coinbase_full(Request((folder,), tmp_path / "other"))


# To the kernels


def flow(root: Path, kind: str, *said: tuple[Any, ...]) -> StoredTape:
    with TapeWriter(
        root, format="generated", kind=kind, venue="X", symbol="A", tick_nanos=10, lots_per_unit=1
    ) as writer:
        for row, (type_, side, price, quantity, order_id) in enumerate(said, 1):
            writer.row(row, type_, side, price, quantity, order_id=order_id, row=row)
    return open_tape(writer.folder)


def test_only_order_flow_is_fed_to_the_engine(tmp_path: Path) -> None:
    limit = (Type.LIMIT, 1, 100, 5, 9)
    with pytest.raises(TapeError, match="its kind is edits; the engine is fed order flow"):
        flow_tape(flow(tmp_path / "a", "edits", limit))
    with pytest.raises(TapeError, match=r"seq 1 \(LEVEL, tape row 2\): its type is not one of order flow's"):
        flow_tape(flow(tmp_path / "b", "flow", limit, (Type.LEVEL, 1, 100, 5, None)))
    with pytest.raises(TapeError, match=r"seq 2 \(LIMIT, tape row 3\): its order came before"):
        flow_tape(flow(tmp_path / "c", "flow", limit, (Type.LIMIT, 1, 100, 5, 8), limit))
    with pytest.raises(TapeError, match="names no order"):
        flow_tape(flow(tmp_path / "d", "flow", (Type.SNAPSHOT, 1, 100, 5, None)))
    with pytest.raises(TapeError, match="event 0: price out of range"):
        flow_tape(flow(tmp_path / "e", "flow", (Type.LIMIT, 1, 0, 5, 9)))


def test_ids_of_any_kind_become_ordinals(tmp_path: Path) -> None:
    tape = flow_tape(
        flow(
            tmp_path,
            "flow",
            (Type.SNAPSHOT, -1, 110, 3, 1 << 60),
            (Type.SNAPSHOT, 1, 90, 4, -77),
            (Type.DELETE, 1, 90, 4, 555),  # nobody's
            (Type.LIMIT, 1, 100, 5, 12),
            (Type.ADD, 1, 100, 5, 12),
            (Type.DELETE, 1, 90, 4, -77),
        )
    )
    assert tape.opening["ordinal"].tolist() == [0, 1]
    assert tape.opening["px"].tolist() == [18, 22]
    assert tape.events["ordinal"].tolist() == [2, 0]
    assert tape.end["ordinal"].tolist() == [2, 1]
    assert verify(tape, 1).ok


def test_the_real_recording_gives_back_every_match_and_the_whole_end_book(
    shared_data: Path, tmp_path: Path
) -> None:
    (folder,) = import_coinbase_full(Request((shared_data / "coinbase_l3",), tmp_path))
    stored = open_tape(folder)
    assert stored.meta.counts == {
        "SNAPSHOT": 66_811,
        "LIMIT": 12_169,
        "MARKET": 50,
        "ADD": 11_825,
        "DELETE": 11_696,
        "DONE": 502,
        "TRADE": 501,
    }
    assert stored.meta.anomalies == {"CLAMPED": 11, "UNKNOWN_ORDER": 97}
    assert "66833 of 66833 orders are what the messages leave (66833 orders)" in stored.meta.notes[0]
    tape = load_any(folder)
    for venues in (1, 2, 3):
        report = verify(tape, venues)
        assert report.ok
        assert (report.matches_equal, report.end_orders_equal) == (501, 66_833)
    shipped = load_tape()
    assert np.array_equal(tape.events, shipped.events)
    assert np.array_equal(tape.matches, shipped.matches)
    assert int((tape.opening["px"] != shipped.opening["px"]).sum()) == 11
