"""A stored tape comes back as it was written, or is refused by name; what ends early leaves none behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.tape import TapeError
from fixsim.tape.format import brief
from fixsim.tape.metafile import find_tapes
from fixsim.tape.reader import open_tape
from fixsim.tape.rows import NULL, ROW, Records
from fixsim.tape.schema import DAY_NS, Flag, Type
from fixsim.tape.source import SourceFile
from fixsim.tape.writer import TapeWriter

DAY = 15_512 * DAY_NS  # 2012-06-21


def writer(root: Path, **changes: Any) -> TapeWriter:
    told: dict[str, Any] = {
        "format": "generated",
        "kind": "edits",
        "venue": "XTST",
        "symbol": "ABC",
        "tick_nanos": 10,
        "lots_per_unit": 1,
    }
    return TapeWriter(root, **(told | changes))


def rows(n: int, start_ns: int = DAY, step_ns: int = 1) -> Records:
    made = np.zeros(n, ROW)
    for name in ("venue_time_ns", "receive_time_ns", "sequence", "contra_id", "funds"):
        made[name] = NULL
    made["time_ns"] = start_ns + step_ns * np.arange(n)
    made["type"], made["side"], made["price"], made["quantity"] = Type.ADD, 1, 100, 5
    made["order_id"], made["row"] = np.arange(n), np.arange(1, n + 1)
    return made


def stored(root: Path, made: Records, **changes: Any) -> Path:
    with writer(root, **changes) as tape:
        tape.extend(made)
    return tape.folder


optional = st.none() | st.integers(0, 1 << 60)
events = st.lists(
    st.tuples(
        st.integers(0, DAY_NS // 2),  # after the row before: days roll now and then
        st.sampled_from(Type),
        st.sampled_from([-1, 0, 1]),
        optional,
        optional,
        st.fixed_dictionaries(
            {"order_id": st.none() | st.integers(-5, 1 << 60), "contra_id": optional, "funds": optional}
            | {"venue_time_ns": optional, "receive_time_ns": optional, "sequence": optional}
            | {"flags": st.integers(0, 1023), "row": st.integers(1, 1 << 40)}
        ),
    ),
    min_size=1,
    max_size=40,
)


@given(said=events, row_group=st.integers(1, 9), part_rows=st.integers(1, 30), as_block=st.booleans())
def test_what_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    said: list[Any],
    row_group: int,
    part_rows: int,
    as_block: bool,
) -> None:
    root = tmp_path_factory.mktemp("tape")
    expected, time_ns = [], DAY
    with writer(root, row_group=row_group, part_rows=part_rows) as tape:
        for seq, (after, type_, side, price, quantity, more) in enumerate(said):
            time_ns += after
            columns = {"price": price, "quantity": quantity, **more}
            filled = {name: NULL if value is None else value for name, value in columns.items()}
            filled |= {"seq": seq, "time_ns": time_ns, "type": type_, "side": side, "file": 0}
            expected.append(tuple(filled[name] for name in ROW.names))
            if not as_block:
                tape.row(time_ns, type_, side, price, quantity, **more)
        if as_block:
            tape.extend(np.array(expected, ROW))
    read = open_tape(root)
    assert read.load().tolist() == expected
    assert max(len(chunk) for chunk in read.rows(size=7)) <= 7
    assert read.meta.events == len(expected)
    assert read.meta.end_ns == time_ns
    assert sum(read.meta.counts.values()) == len(expected)
    late = sum(bool(row[ROW.names.index("flags")] & Flag.LATE) for row in expected)
    assert read.meta.anomalies.get("LATE", 0) == late


def test_days_are_folders_and_names_lie_with_the_day_that_brought_them(tmp_path: Path) -> None:
    with writer(tmp_path, quarantine=True) as tape:
        tape.reads(SourceFile(_file(tmp_path / "source.csv", "1\n2\n3\n4\n")))
        for day in (0, 0, 1, 3):
            tape.row(DAY + day * DAY_NS + DAY_NS - 1, Type.ADD, 1, 10, 1, order_id=day, row=1)
            tape.name(day, f"order of day {day}")
        tape.reject(0, 4, "not good", b"raw")
    assert sorted(path.relative_to(tape.folder).as_posix() for path in tape.folder.rglob("*.*")) == [
        "date=2012-06-21/orders.parquet",
        "date=2012-06-21/part-00000.parquet",
        "date=2012-06-22/orders.parquet",
        "date=2012-06-22/part-00000.parquet",
        "date=2012-06-24/orders.parquet",
        "date=2012-06-24/part-00000.parquet",
        "date=2012-06-24/quarantine.parquet",
        "tape.json",
    ]
    named = pq.read_table(tape.folder / "date=2012-06-22/orders.parquet", partitioning=None)
    assert named.to_pylist() == [{"order_id": 1, "native_id": "order of day 1"}]
    read = open_tape(tmp_path)
    assert [row for batch in read.quarantine() for row in batch.to_pylist()] == [
        {"file": 0, "row": 4, "reason": "not good", "raw": b"raw"}
    ]
    assert (read.meta.quarantined, read.meta.sources[0].name) == (1, "source.csv")


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_are_chosen_and_pieces_are_bounded(tmp_path: Path) -> None:
    stored(tmp_path, rows(1000), row_group=64)
    batches = list(open_tape(tmp_path).batches(("price", "row"), size=50))
    assert {tuple(batch.schema.names) for batch in batches} == {("price", "row")}
    assert max(batch.num_rows for batch in batches) <= 50
    assert sum(batch.num_rows for batch in batches) == 1000
    part = next(tmp_path.rglob("part-*.parquet"))
    assert pq.ParquetFile(part).metadata.num_row_groups == 16  # of at most 64 rows


# Nothing is left of what ends early


class _StoppedError(Exception):
    pass


def _stop_midway(root: Path) -> None:
    with writer(root) as tape:
        tape.extend(rows(200_000))
        raise _StoppedError


def test_an_import_that_fails_leaves_no_tape_and_the_next_may_begin(tmp_path: Path) -> None:
    with pytest.raises(_StoppedError):
        _stop_midway(tmp_path)
    assert find_tapes(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TapeError, match="there is no tape"):
        open_tape(tmp_path)
    with pytest.raises(TapeError, match="XTST/symbol=ABC: no events"), writer(tmp_path):
        pass
    assert stored(tmp_path, rows(3)).is_dir()
    with pytest.raises(TapeError, match="symbol=ABC: is there already"):
        writer(tmp_path)


def test_an_import_that_is_killed_leaves_no_tape_and_the_next_may_begin(tmp_path: Path) -> None:
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); import test_tape_store as t\n"
        "tape = t.writer(t.Path(sys.argv[1]))\n"
        "tape.extend(t.rows(200_000)); os._exit(9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, tmp_path, Path(__file__).parent], check=False)
    assert ended.returncode == 9
    assert [path.name for path in tmp_path.iterdir()] == [".venue=XTST.symbol=ABC.unfinished"]
    assert find_tapes(tmp_path) == []
    stored(tmp_path, rows(3))
    assert [path.name for path in tmp_path.iterdir()] == ["venue=XTST"]
    assert len(open_tape(tmp_path).load()) == 3


def test_two_imports_of_one_tape_at_once_are_refused(tmp_path: Path) -> None:
    with writer(tmp_path) as first:
        with pytest.raises(TapeError, match="another import is writing there"):
            writer(tmp_path)
        first.extend(rows(1))
    assert len(open_tape(tmp_path).load()) == 1


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("time_ns", DAY - 1, "time runs backwards"),
        ("type", 99, "unknown type"),
        ("side", 2, "side is not"),
        ("quantity", -1, "quantity is below zero"),
        ("file", 3, "file is not one that was named"),
    ],
)
def test_rows_that_no_reader_expects_are_not_written(
    tmp_path: Path, column: str, value: int, words: str
) -> None:
    made = rows(9)
    made[column][5] = value
    with pytest.raises(TapeError, match=f"row 6: {words}"):
        stored(tmp_path, made)
    assert find_tapes(tmp_path) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 33, "ä"])
def test_names_that_are_no_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TapeError, match=r"symbol .*letters, digits"):
        writer(tmp_path, symbol=name)


def test_rejected_rows_end_it_or_are_bounded(tmp_path: Path) -> None:
    source = _file(tmp_path / "s.csv", "")
    with pytest.raises(TapeError, match=r"^s\.csv: row 7: wrong$"), writer(tmp_path) as tape:
        tape.reject(tape.reads(SourceFile(source)), 7, "wrong")
    with writer(tmp_path, quarantine=True, row_group=4) as tape:
        file = tape.reads(SourceFile(source))
        for row in range(1, 4):
            tape.reject(file, row, "bad")
        with pytest.raises(
            TapeError, match="row 4: 4 rows set aside and none that can be used; the last: no"
        ):
            tape.reject(file, 4, "no")
        tape.extend(rows(1))
    assert open_tape(tmp_path).meta.quarantined == 4


# A tape that is not what it was


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Two days, two parts on the first."""
    made = np.concatenate([rows(30), rows(10, DAY + DAY_NS)])
    return stored(tmp_path / "tapes", made, part_rows=16, row_group=8)


def test_parts_that_are_missing_are_named(whole: Path) -> None:
    (whole / "date=2012-06-21/part-00001.parquet").unlink()
    with pytest.raises(TapeError, match=r"2 parts hold 26 events, tape\.json says 40"):
        open_tape(whole)
    _say(whole, events=26)
    (whole / "date=2012-06-21/part-00000.parquet").rename(whole / "date=2012-06-21/part-00002.parquet")
    with pytest.raises(TapeError, match=r"date=2012-06-21: a part is missing, there are \[2\]"):
        open_tape(whole)


def test_a_part_of_another_name_is_none(whole: Path) -> None:
    part = whole / "date=2012-06-21/part-x.parquet"
    pq.write_table(pq.read_table(part.with_name("part-00000.parquet"), partitioning=None).slice(0, 0), part)
    with pytest.raises(TapeError, match=r"part-x\.parquet: its name is not one that a tape's part has"):
        open_tape(whole)


@pytest.mark.parametrize(("changes", "words"), [
    ({"tick_nanos": 0}, "tick of 0 nanos: must be 1 to"),
    ({"tick_nanos": 10**14}, "tick of 100000000000000 nanos: must be 1 to 10000000000000 nanos"),
    ({"lots_per_unit": 10**13}, "lots per unit 10000000000000: must be 1 to 1000000000000"),
])  # fmt: skip
def test_units_that_cannot_be_are_refused(tmp_path: Path, changes: dict[str, int], words: str) -> None:
    with pytest.raises(TapeError, match=words):
        writer(tmp_path, **changes)


@pytest.mark.parametrize(
    "reason", ["'" + "a" * 500 + "' cannot be", "x" * 500, '"' + "a b" * 200 + '" no', "a\nb"]
)
def test_a_refusal_quotes_no_more_than_a_line_can_show(reason: str) -> None:
    said = brief(reason)
    assert len(said) <= 100
    assert "\n" not in said
    assert brief(said) == said
    assert len(brief("ab " * 1000)) <= 401


def _say(folder: Path, **changes: Any) -> None:
    path = folder / "tape.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _damage(folder: Path) -> str:
    try:
        open_tape(folder).load()
    except TapeError as error:
        return str(error)
    return ""


def test_a_changed_byte_is_found(whole: Path) -> None:
    part = whole / "date=2012-06-21/part-00000.parquet"
    good = part.read_bytes()
    for at in range(len(good) // 8, len(good), max(1, len(good) // 40)):
        part.write_bytes(good[:at] + bytes([good[at] ^ 0x5A]) + good[at + 1 :])
        found = _damage(whole)
        if found:
            assert "part-00000.parquet" in found
        else:  # in what is no data: statistics, or the name of the program that wrote it
            changed = open_tape(whole).load()
            part.write_bytes(good)
            assert np.array_equal(changed, open_tape(whole).load())
    part.write_bytes(good[:-100])
    with pytest.raises(TapeError, match=r"part-00000\.parquet: damaged"):
        open_tape(whole)


@pytest.mark.parametrize(
    ("column", "row", "value", "words"),
    [
        ("seq", 9, 5, r"part-00000\.parquet: row 10: seq is not the next"),
        ("time_ns", 3, DAY, r"part-00000\.parquet: row 4: time runs backwards"),
        ("time_ns", 15, DAY + DAY_NS, r"part-00000\.parquet: row 16: time is not of the folder's date"),
        ("type", 2, 77, r"part-00000\.parquet: row 3: unknown type"),
        ("type", 2, Type.TRADE, r"the parts hold counts .*tape\.json says"),
    ],
)
def test_rows_that_are_not_as_written_are_named(
    whole: Path, column: str, row: int, value: int, words: str
) -> None:
    part = whole / "date=2012-06-21/part-00000.parquet"
    table = pq.read_table(part, partitioning=None)
    values = table[column].to_pylist()
    values[row] = value
    at = table.schema.get_field_index(column)
    field = table.schema.field(at)
    pq.write_table(table.set_column(at, field, [np.array(values, field.type.to_pandas_dtype())]), part)
    with pytest.raises(TapeError, match=words):
        open_tape(whole).load()


def test_a_part_of_something_else_is_refused(whole: Path) -> None:
    part = whole / "date=2012-06-22/part-00000.parquet"
    pq.write_table(pq.read_table(part, partitioning=None).drop_columns("flags"), part)
    with pytest.raises(TapeError, match="its columns are not those of a tape"):
        open_tape(whole)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sluice_tape": 2}, "not a tape of version 1"),
        ({"more": 1}, "fields missing or not known: more"),
        ({"events": "40"}, "events = '40' cannot be"),
        ({"tick_nanos": 0}, "tick_nanos = 0 cannot be"),
        ({"kind": "book"}, "kind = 'book' cannot be"),
        ({"window_levels": 0}, "window_levels = 0 cannot be"),
        ({"counts": {"ADD": -1}}, "counts = .* cannot be"),
        ({"sources": [{"name": "x"}]}, "sources = .* cannot be"),
        ({"notes": [1]}, "notes = .* cannot be"),
        ({"start_ns": 1 << 62}, "start_ns = .* cannot be"),
    ],
)
def test_a_tape_json_that_says_something_impossible_is_refused(
    whole: Path, changes: dict[str, Any], words: str
) -> None:
    _say(whole, **changes)
    with pytest.raises(TapeError, match=rf"tape\.json: {words}"):
        open_tape(whole)


def test_what_is_no_tape_is_refused(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(TapeError, match="nowhere: No such file"):
        open_tape(tmp_path / "nowhere")
    with pytest.raises(TapeError, match=r"tape\.json: not a folder"):
        open_tape(whole / "tape.json")
    (whole / "tape.json").write_text("[" * 100_000)
    with pytest.raises(TapeError, match=r"tape\.json: damaged: maximum recursion"):
        open_tape(whole)
    (whole / "tape.json").write_text("{")
    with pytest.raises(TapeError, match=r"tape\.json: damaged"):
        open_tape(whole)


def test_one_of_several_tapes_is_named_by_venue_and_symbol(tmp_path: Path) -> None:
    for n, (venue, symbol) in enumerate((("XA", "ABC"), ("XB", "ABC"), ("XB", "DEF")), 1):
        stored(tmp_path, rows(n), venue=venue, symbol=symbol)
    assert len(open_tape(tmp_path, symbol="DEF").load()) == 3
    assert len(open_tape(tmp_path / "venue=XA").load()) == 1
    assert len(open_tape(tmp_path, venue="XB", symbol="ABC").load()) == 2
    with pytest.raises(TapeError, match=r"holds 2 tapes .XA ABC, XB ABC.: name one's folder"):
        open_tape(tmp_path, symbol="ABC")
    with pytest.raises(TapeError, match="there is no tape of venue XC"):
        open_tape(tmp_path, venue="XC")


# Others read it too


def test_duckdb_queries_all_tapes_of_a_folder_by_venue_symbol_and_date(tmp_path: Path) -> None:
    stored(tmp_path, np.concatenate([rows(30), rows(10, DAY + DAY_NS)]), venue="XA", part_rows=16)
    made = rows(5)
    made["type"], made["price"] = Type.TRADE, 130
    stored(tmp_path, made, venue="XB", symbol="DEF")
    events = f"read_parquet('{tmp_path}/*/*/*/part-*.parquet', hive_partitioning = true)"
    assert duckdb.sql(
        f"SELECT venue, symbol, date, count(*), sum(quantity) FROM {events} GROUP BY ALL ORDER BY ALL"
    ).fetchall() == [
        ("XA", "ABC", _date("2012-06-21"), 30, 150),
        ("XA", "ABC", _date("2012-06-22"), 10, 50),
        ("XB", "DEF", _date("2012-06-21"), 5, 25),
    ]
    trades = f"SELECT sum(price * quantity) / sum(quantity) FROM {events} WHERE symbol = 'DEF' AND type = 7"
    assert duckdb.sql(trades).fetchall() == [(130.0,)]
    nulls = f"SELECT count(sequence), count(order_id) FROM {events} WHERE date = '2012-06-22'"
    assert duckdb.sql(nulls).fetchall() == [(0, 10)]


def _date(text: str) -> Any:
    return np.datetime64(text).item()


def test_memory_is_bounded_by_a_row_group_not_by_the_tape(tmp_path: Path) -> None:
    program = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); import test_tape_store as t\n"
        "piece = t.rows(5000)\n"
        "with t.writer(t.Path(sys.argv[2]), row_group=1 << 14) as tape:\n"
        "    for _ in range(int(sys.argv[3])):\n"
        "        tape.extend(piece); piece['time_ns'] += 5000\n"
        "sum(len(r) for r in t.open_tape(t.Path(sys.argv[2])).rows(size=1 << 14))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peak_kib = []
    for pieces in (40, 600):  # 0.2 and 3 million rows; the larger is 270 MB of records
        command = [sys.executable, "-c", program, Path(__file__).parent, tmp_path / str(pieces), str(pieces)]
        environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        peak_kib.append(int(done.stdout))
    assert peak_kib[1] - peak_kib[0] < 64 << 10
