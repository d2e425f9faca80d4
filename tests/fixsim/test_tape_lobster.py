"""LOBSTER's files become a tape whose window is the recorded one on every row; the rest is refused."""

from __future__ import annotations

import gzip
import lzma
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.tape import TapeError
from fixsim.tape.importers import Request
from fixsim.tape.lobster import import_lobster
from fixsim.tape.lobster_files import book_row, message_of, midnight_ns
from fixsim.tape.metafile import find_tapes
from fixsim.tape.reader import StoredTape, frame, open_tape
from fixsim.tape.rows import NULL
from fixsim.tape.schema import Flag, Type
from fixsim.tape.verify_window import verify_window
from tests.fixsim.lobsterday import Day, made_up_day

LEVELS = 4


@pytest.fixture
def day() -> Day:
    return made_up_day(400, LEVELS, seed=5)


def imported(folder: Path, *files: Path, **asked: Any) -> StoredTape:
    (written,) = import_lobster(Request(files, folder / "tapes", **asked))
    return open_tape(written)


def levels_of(day: Day) -> tuple[Any, Any]:
    """px nanos, qty [n, 2, levels] of the orderbook lines."""
    numbers = np.array([[int(x) for x in line.split(",")] for line in day.books])
    sides = numbers.reshape(-1, day.levels, 2, 2).transpose(0, 2, 1, 3)[:, ::-1]
    there = sides[..., 1] > 0
    return np.where(there, sides[..., 0] * 100_000, 0), sides[..., 1]


@settings(max_examples=25)
@given(seed=st.integers(0, 1 << 32), levels=st.integers(1, 5), messages=st.integers(1, 120))
def test_after_every_message_the_window_is_the_recorded_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, levels: int, messages: int
) -> None:
    folder = tmp_path_factory.mktemp("day")
    day = made_up_day(messages, levels, seed)
    tape = imported(folder, *day.write(folder))
    got, (px, qty) = frame(tape, levels), levels_of(day)
    assert np.array_equal(got.px, px)
    assert np.array_equal(got.qty, qty)
    assert tape.meta.anomalies.keys() <= {"OUT_OF_VIEW", "UNKNOWN_ORDER", "HALT_QUOTING"}
    anchors = tape.load()
    anchors = anchors[(anchors["type"] == Type.ANCHOR) & (anchors["flags"] == 0)]
    for row in anchors:  # a level comes into view as the outermost of its side
        side = px[row["row"] - 1, 0 if row["side"] > 0 else 1]
        assert row["price"] == side[-1]
    report = verify_window(tape, [])
    assert report.ok
    assert (report.messages, report.anchors) == (messages, tape.meta.counts.get("ANCHOR", 0))


def test_each_message_is_a_row_and_the_opening_is_the_first_book_without_the_first_message(
    tmp_path: Path,
) -> None:
    day = Day(2)
    day.messages = [
        "34200.5,1,11,7,1000000,1",
        "34201,4,11,3,1000000,1",
        "34201,4,5,10,1000100,-1",
        "34201.000000001,2,11,1,1000000,1",
        "34202,5,0,9,1000050,-1",
        "34203,7,0,0,-1,-1",
        "34204,7,0,0,0,-1",
        "34205,7,0,0,1,-1",
        "34206,3,11,3,1000000,1",
        "34207,6,0,500,1000000,-1",
    ]
    none = "9999999999,0"
    day.books = [
        "1000100,10,1000000,7,1000300,4,999900,8",
        "1000100,10,1000000,4,1000300,4,999900,8",
        f"1000300,4,1000000,4,{none},999900,8",
        *[f"1000300,4,1000000,3,{none},999900,8"] * 5,
        *[f"1000300,4,999900,8,{none},999000,5"] * 2,
    ]
    tape = imported(tmp_path, *day.write(tmp_path))
    start_ns = midnight_ns(np.datetime64("2012-06-21").item()) + 34_200 * 10**9
    assert start_ns == 1340285400 * 10**9  # 09:30 in New York, 13:30 UTC
    # The first message's own level was not there before it, so the third bid is not known to the opening.
    names = ["type", "side", "price", "quantity", "order_id", "flags", "row"]
    assert tape.load()[names].tolist() == [
        (Type.SNAPSHOT, 1, 99_990 * 10**6, 8, NULL, Flag.OPENING, 1),
        (Type.SNAPSHOT, -1, 100_010 * 10**6, 10, NULL, Flag.OPENING, 1),
        (Type.SNAPSHOT, -1, 100_030 * 10**6, 4, NULL, Flag.OPENING, 1),
        (Type.ADD, 1, 10**11, 7, 11, 0, 1),
        (Type.TRADE, 1, 10**11, 3, 11, 0, 2),
        (Type.TRADE, -1, 100_010 * 10**6, 10, 5, Flag.UNKNOWN_ORDER, 3),
        (Type.REDUCE, 1, 10**11, 1, 11, 0, 4),
        (Type.HIDDEN_TRADE, -1, 100_005 * 10**6, 9, NULL, 0, 5),
        (Type.HALT, 0, 0, 0, NULL, 0, 6),
        (Type.HALT, 0, 0, 0, NULL, 0, 7),
        (Type.RESUME, 0, 0, 0, NULL, 0, 8),
        (Type.DELETE, 1, 10**11, 3, 11, 0, 9),
        (Type.ANCHOR, 1, 99_900 * 10**6, 5, NULL, 0, 9),
        (Type.CROSS, 0, 10**11, 500, NULL, 0, 10),
    ]  # fmt: skip
    times = tape.load()["time_ns"]
    assert (times[0], times[3], times[6]) == (
        start_ns + 5 * 10**8,
        start_ns + 5 * 10**8,
        start_ns + 10**9 + 1,
    )
    meta = tape.meta
    assert (meta.venue, meta.symbol, meta.kind, meta.window_levels) == ("XNAS", "ABC", "partial", 2)
    assert meta.anomalies == {"UNKNOWN_ORDER": 1, "HALT_QUOTING": 1}
    assert [source.rows for source in meta.sources] == [10, 10]


def test_packed_or_plain_and_whatever_the_row_groups_it_is_the_same_tape(tmp_path: Path, day: Day) -> None:
    plain = day.write(tmp_path)
    first = imported(tmp_path, *plain).load()
    packed = []
    for path, pack, suffix in zip(plain, (lzma.compress, gzip.compress), (".xz", ".gz"), strict=True):
        packed.append(path.with_name(path.name + suffix))
        packed[-1].write_bytes(pack(path.read_bytes()))
    assert np.array_equal(imported(tmp_path / "packed", *packed).load(), first)
    named = [path.rename(path.with_name(name)) for path, name in zip(plain, ("a.csv", "b.csv"), strict=True)]
    asked = {"symbol": "ABC", "date": np.datetime64("2012-06-21").item(), "venue": "XNYS"}
    other = imported(tmp_path / "named", *named, **asked)
    assert np.array_equal(other.load(), first)
    assert (other.meta.venue, other.meta.window_levels) == ("XNYS", LEVELS)


def test_a_larger_lot_scale_scales_every_quantity(tmp_path: Path, day: Day) -> None:
    files = day.write(tmp_path)
    one, hundred = imported(tmp_path, *files), imported(tmp_path / "x", *files, lots_per_unit=100)
    assert (hundred.load()["quantity"] == 100 * one.load()["quantity"]).all()
    assert verify_window(hundred, [files[1]]).ok


def test_without_an_orderbook_only_what_was_told_is_known(tmp_path: Path, day: Day) -> None:
    message, _ = day.write(tmp_path)
    tape = imported(tmp_path, message)
    assert "SNAPSHOT" not in tape.meta.counts
    assert tape.meta.notes == [
        "no orderbook file: levels that were there at the start, or came into view, are not known"
    ]
    unknown = tape.meta.anomalies["UNKNOWN_ORDER"]
    assert 0 < unknown < len(day.messages)
    rows = tape.load()
    assert (rows["flags"][rows["type"] == Type.ANCHOR] == Flag.OUT_OF_VIEW).all()
    px = frame(tape, LEVELS + 1).px
    assert not px[:, :, LEVELS].any()  # never more levels than the messages follow


def test_orderbooks_that_were_cut_count_for_the_rows_and_levels_they_have(tmp_path: Path, day: Day) -> None:
    message, orderbook = day.write(tmp_path)
    stem = orderbook.name.removesuffix(".csv")
    first = tmp_path / f"{stem}_first50.csv"
    first.write_text("\n".join(day.books[:50]) + "\n")
    top = tmp_path / f"{stem}_top1.csv"
    top.write_text("".join(",".join(line.split(",")[:4]) + "\n" for line in day.books))
    tape = imported(tmp_path, message, top, first)
    got, (px, qty) = frame(tape, LEVELS), levels_of(day)
    assert np.array_equal(got.px[:50], px[:50])
    assert np.array_equal(got.px[:, :, 0], px[:, :, 0])
    assert np.array_equal(got.qty[:, :, 0], qty[:, :, 0])
    assert len(tape.meta.notes) == 2
    report = verify_window(tape, [first, top])
    assert report.book_equal == report.book_rows == {first.name: 50, top.name: 400}
    top.write_text(top.read_text().replace(",", ",1", 1))
    with pytest.raises(TapeError, match=rf"{top.name}: row 1: differs from {first.name}"):
        imported(tmp_path / "other", message, top, first)


# What does not fit


def broken(day: Day, what: str, row: int, change: Any) -> Day:
    lines = list(getattr(day, what))
    lines[row - 1] = change(lines[row - 1])
    return replace(day, **{what: lines})


def field(number: int, value: str) -> Any:
    def change(line: str) -> str:
        parts = line.split(",")
        parts[number] = value
        return ",".join(parts)

    return change


BAD_ROWS = [
    ("messages", field(0, "34200,5"), "7 columns, not 6"),
    ("messages", field(0, "noon"), "time 'noon' cannot be"),
    ("messages", field(0, "34199.9"), r"time 34199\.900000000 is (before the row above|not within)"),
    ("messages", field(0, "57601"), "time 57601.000000000 is not within"),
    ("messages", field(1, "8"), "type '8' cannot be"),
    ("messages", field(2, "-4"), "order id '-4' cannot be"),
    ("messages", field(3, "1.5"), "size '1.5' cannot be"),
    ("messages", field(3, ""), "size '' cannot be"),
    ("messages", field(4, "-100"), "price -100 is not above zero"),
    ("messages", field(5, "2"), "direction '2' cannot be"),
    ("messages", lambda line: line[:20], "columns, not 6"),
    ("messages", lambda line: "\x00\xff" + line, "time .* cannot be"),
    ("books", lambda line: line.rsplit(",", 1)[0], "columns are not 4 for each level"),
    ("books", lambda line: line.rsplit(",", 4)[0], f"{LEVELS - 1} levels, not {LEVELS}"),
    ("books", field(0, "abc"), "not numbers"),
    ("books", field(0, ""), "an empty or damaged field"),
    ("books", field(1, "0"), "a level without size"),
    ("books", field(1, "-5"), "a level without size"),
    ("books", field(0, "99999999999"), "a number beyond 9999999999"),
    ("books", field(4, "1"), "levels are not in order of price"),
]


@pytest.mark.parametrize(("what", "change", "words"), BAD_ROWS)
def test_a_bad_row_ends_the_import_or_is_set_aside(
    tmp_path: Path, day: Day, what: str, change: Any, words: str
) -> None:
    files = broken(day, what, 100, change).write(tmp_path)
    bad = files[0 if what == "messages" else 1]
    with pytest.raises(TapeError, match=rf"^{bad.name}: row 100: .*{words}"):
        imported(tmp_path, *files)
    assert find_tapes(tmp_path / "tapes") == []
    tape = imported(tmp_path, *files, quarantine=True)
    (aside,) = [row for batch in tape.quarantine() for row in batch.to_pylist()]
    assert (tape.meta.quarantined, aside["row"]) == (1, 100)
    assert tape.meta.sources[aside["file"]].name == bad.name
    got, (px, _) = frame(tape, LEVELS), levels_of(day)
    kept = [i for i in range(400) if what == "books" or i != 99]
    assert len(got) == len(kept)
    right = (got.px == px[kept]).all(axis=(1, 2))
    assert right.sum() >= len(kept) - (what == "books")  # the book is found again with the next row
    rows = tape.load()
    assert not (rows["flags"] & Flag.MISMATCH & (rows["type"] == Type.ANCHOR)).any()
    after = rows[(rows["row"] == 101) & (rows["type"] != Type.ANCHOR)]
    assert bool(after["flags"][0] & Flag.GAP_BEFORE) == (what == "messages")


def test_rows_that_go_back_in_time_are_named(tmp_path: Path, day: Day) -> None:
    times = [float(line.split(",")[0]) for line in day.messages]
    later = next(i for i, (a, b) in enumerate(pairwise(times)) if b > a and i > 50)
    lines = list(day.messages)
    lines[later], lines[later + 1] = lines[later + 1], lines[later]
    files = replace(day, messages=lines).write(tmp_path)
    with pytest.raises(TapeError, match=rf"message_4\.csv: row {later + 2}: time .* is before the row above"):
        imported(tmp_path, *files)


@pytest.mark.parametrize("more", [-7, 7])
def test_a_different_count_of_rows_is_refused_or_counted(tmp_path: Path, day: Day, more: int) -> None:
    books = day.books[:more] if more < 0 else day.books + day.books[:more]
    files = replace(day, books=books).write(tmp_path)
    reason = (
        "the orderbook ends here, the messages go on" if more < 0 else "the messages ended before this row"
    )
    with pytest.raises(TapeError, match=rf"orderbook_4\.csv: row {394 if more < 0 else 401}: {reason}"):
        imported(tmp_path, *files)
    tape = imported(tmp_path, *files, quarantine=True)
    assert tape.meta.quarantined == (1 if more < 0 else 7)
    assert len(frame(tape)) == 400


def test_a_file_that_is_cut_short_is_refused_or_kept_up_to_there(tmp_path: Path, day: Day) -> None:
    message, orderbook = day.write(tmp_path)
    whole = gzip.compress(message.read_bytes())
    packed = message.with_name(message.name + ".gz")
    packed.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(TapeError, match=rf"^{packed.name}: row \d+: damaged or cut short"):
        imported(tmp_path, packed, orderbook)
    tape = imported(tmp_path, packed, orderbook, quarantine=True)
    reasons = [row["reason"] for batch in tape.quarantine() for row in batch.to_pylist()]
    assert reasons[0].startswith("damaged or cut short")
    assert set(reasons[1:]) == {"the messages ended before this row"}
    kept = len(frame(tape))
    assert 100 < kept < 400
    assert tape.meta.quarantined == 1 + 400 - kept
    message.write_text("\n".join(day.messages)[:-8])
    with pytest.raises(TapeError, match=r"message_4\.csv: row 400: .* columns, not 6"):
        imported(tmp_path / "plain", message, orderbook)


def test_the_orderbook_of_another_day_is_noticed(tmp_path: Path, day: Day) -> None:
    files = replace(day, books=made_up_day(400, LEVELS, seed=6).books).write(tmp_path)
    for quarantine in (False, True):
        with pytest.raises(TapeError, match=r"orderbook_4\.csv: row \d+: does not follow from .*another day"):
            imported(tmp_path, *files, quarantine=quarantine)


def test_a_book_that_contradicts_a_message_is_marked(tmp_path: Path, day: Day) -> None:
    lines = [line.split(",") for line in day.books]
    lines[200][1] = str(int(lines[200][1]) + 1)
    files = replace(day, books=[",".join(line) for line in lines]).write(tmp_path)
    tape = imported(tmp_path, *files)
    rows = tape.load()
    wrong = rows[rows["flags"] & Flag.MISMATCH != 0]
    assert set(wrong["row"].tolist()) == {201, 202}  # there it is made so, and after it made good
    report = verify_window(tape, [files[1]])
    assert not report.ok
    assert report.book_equal == report.book_rows
    assert report.inner_equal == 398


def test_an_order_that_does_not_add_up_is_marked(tmp_path: Path) -> None:
    day = Day(1)
    day.messages = ["34200,1,5,10,1000000,1", "34200,4,5,4,1000000,1", "34201,3,5,9,1000000,1"]
    day.books = ["1000100,5,1000000,10", "1000100,5,1000000,6", "1000100,5,-9999999999,0"]
    rows = imported(tmp_path, *day.write(tmp_path)).load()
    assert rows["flags"][rows["type"] == Type.DELETE].tolist() == [Flag.MISMATCH]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["ABC_2012-06-21_0_1_message_4.csv", "XYZ_2012-06-21_0_1_orderbook_4.csv"],
            "not of the same symbol",
        ),
        (
            ["ABC_2012-06-21_0_1_message_4.csv", "ABC_2012-06-22_0_1_orderbook_4.csv"],
            "not of the same symbol",
        ),
        (["ABC_2012-06-21_0_1_orderbook_4.csv", "b.csv"], "row 1: 6 columns, not 16 as its name says"),
        (["ABC_2012-06-21_0_1_message_4.csv", "ABC_2012-06-21_0_1_orderbook_5.csv"], "16 columns, not 20 as"),
        (["ABC_2012-13-41_0_1_message_4.csv", "b.csv"], "month must be in"),
        (["a.csv", "b.csv"], "does not say its symbol and date: give --symbol and --date"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, day: Day, names: list[str], words: str
) -> None:
    files = [path.rename(path.with_name(name)) for path, name in zip(day.write(tmp_path), names, strict=True)]
    with pytest.raises(TapeError, match=words):
        imported(tmp_path, *files)


def test_files_of_something_else_are_refused(tmp_path: Path, day: Day) -> None:
    message, orderbook = day.write(tmp_path)
    other = tmp_path / "other.csv"
    other.write_text('{"type": "received"}\n')
    with pytest.raises(TapeError, match="row 1: 1 columns are neither a message's 6 nor 4"):
        imported(tmp_path, other)
    other.write_text("")
    with pytest.raises(TapeError, match="row 1: 1 columns are neither"):
        imported(tmp_path, other)
    with pytest.raises(TapeError, match="0 message files, exactly one is needed"):
        imported(tmp_path, orderbook)
    with pytest.raises(TapeError, match="2 message files"):
        imported(tmp_path, message, message)


def test_times_are_exact_and_floats_are_rounded() -> None:
    for text, ns, rounded in (
        (b"34200.004241176", 34_200_004_241_176, False),
        (b"34200", 34_200_000_000_000, False),
        (b"34200.5", 34_200_500_000_000, False),
        (b"34200.1234567890", 34_200_123_456_789, False),
        (b"35821.088778456004", 35_821_088_778_456, True),
        (b"35821.0887784559996", 35_821_088_778_456, True),
    ):
        got = message_of(text + b",1,1,1,1,1")
        assert not isinstance(got, str)
        assert (got.ns, got.rounded) == (ns, rounded)
    assert message_of(b"1,7,0,0,5,-1") == "a halt's price is -1, 0 or 1, not 5"
    assert book_row(b"3,1,2,1,5,0,1,1") == "a level without size, or without price"
    assert book_row(b"9999999999,0,2,1,3,1,1,1") == "a level without size, or without price"
    assert book_row(b"9999999999,0,2,1,9999999999,1,1,1") == "a level beyond one that is not there"
    assert book_row(b"3,1,2,1,5,1,2,1") == "levels are not in order of price"


# The public samples


def test_goog_step_by_step(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "lobster").glob("GOOG*.csv.xz"))
    tape = imported(tmp_path, *files)
    assert tape.meta.anomalies == {"OUT_OF_VIEW": 45_108, "UNKNOWN_ORDER": 3_363}
    report = verify_window(tape, [path for path in files if "orderbook" in path.name])
    assert report.ok
    assert (report.messages, report.sizes_equal, report.inner_equal) == (147_916, 144_002, 147_916)
    assert list(report.book_equal.values()) == [147_916]
    assert report.free_running_wrong == 140_202
    assert report.anchors == 89_559


def test_aapl_from_its_messages_and_what_there_is_of_its_book(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "lobster").glob("AAPL*.csv.xz"))
    tape = imported(tmp_path, *files)
    report = verify_window(tape, [path for path in files if "orderbook" in path.name])
    assert sorted(report.book_equal.values()) == sorted(report.book_rows.values()) == [672, 91_997]
    assert tape.meta.counts["ANCHOR"] == 320
    alone = imported(tmp_path / "alone", *(path for path in files if "message" in path.name))
    assert alone.meta.counts["ADD"] == 44_256
    assert alone.meta.window_levels == 50
