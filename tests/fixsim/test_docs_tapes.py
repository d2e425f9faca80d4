"""docs/tapes.md: its queries and its code run on small tapes, and its tables are the schema's."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixsim.tape import TapeError
from fixsim.tape.bitstamp import import_bitstamp
from fixsim.tape.coinbase_full import import_coinbase_full
from fixsim.tape.importers import Request, formats
from fixsim.tape.schema import EVENTS, Flag, Type
from tests.fixsim import test_tape_bitstamp as bitstamp
from tests.fixsim import test_tape_coinbase_full as coinbase

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tapes.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds tapes/: a Bitstamp one with a row set aside, and a Coinbase one with native ids."""
    made = tmp_path_factory.mktemp("docs")
    log = made / "a.log"
    lines = [*bitstamp.ONE_TRADE[:4], "no line of a log", *bitstamp.ONE_TRADE[4:]]
    log.write_text("".join(f"{line}\n" for line in lines))
    import_bitstamp(Request((log,), made / "tapes", quarantine=True))
    recorded = coinbase.write(made / "recorded", coinbase.recording())
    import_coinbase_full(Request((recorded,), made / "tapes"))
    return made


def rows_of(folder: Path, words: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the page's query gives that has these words above it."""
    (query,) = re.findall(rf"{re.escape(words)}[^`]*```sql\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(folder)
    return duckdb.sql(query).fetchall()


def test_every_query_runs_and_says_something(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    queries = blocks("sql")
    assert len(queries) == 7
    for query in queries:
        assert duckdb.sql(query).fetchall(), query


def test_the_rows_by_type_are_the_tapes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(folder, "How much there is", monkeypatch)
    ours = {Type(kind): n for venue, _, kind, n in rows if venue == "BITSTAMP"}
    assert ours == {Type.ADD: 3, Type.DELETE: 2, Type.TRADE: 1, Type.QUOTE: 2}


def test_volume_and_vwap_are_in_units(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(folder, "has the lots of one unit", monkeypatch)
    (row,) = (row for row in rows if row[0] == "BITSTAMP")
    assert (str(row[2]), *row[3:]) == ("2015-05-01 00:00:00", 0.5, 101.0)


def test_the_book_at_a_moment_is_the_one_that_rested_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(folder, "The book of an edits tape", monkeypatch)
    assert rows == [(-1, 101.0, 2.0), (1, 99.0, 1.0)]


def test_cancelled_orders_and_set_aside_rows_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lives = rows_of(folder, "How long cancelled orders", monkeypatch)
    assert ("BITSTAMP", "BTC-USD", 1, [200.0, 200.0, 200.0]) in lives
    assert rows_of(folder, "What was set aside", monkeypatch) == [
        ("BITSTAMP", "BTC-USD", 0, 5, "local time 'no' is not a whole number", "no line of a log")
    ]
    assert {row[0] for row in rows_of(folder, "The venue's own ids", monkeypatch)} == {"old", "a"}


def test_the_python_on_the_page_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (code,) = blocks("python")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, {})
    assert said.getvalue().splitlines() == ["8 101000000000", "[0 0 0 0 0]"]


def test_the_refusal_on_the_page_is_the_programs(tmp_path: Path) -> None:
    late = bitstamp.order(1, "deleted", 2, "bid", "99.00", "1.0")
    path = tmp_path / "damaged.log"
    path.write_text("".join(f"{line}\n" for line in [*bitstamp.ONE_TRADE[:4], late]))
    with pytest.raises(TapeError) as refused:
        import_bitstamp(Request((path,), tmp_path / "tapes"))
    assert f"\n{refused.value}\n" in PAGE


def test_the_tables_are_the_schemas() -> None:
    for kind in Type:
        assert f"| {kind.value} {kind.name} |" in PAGE
    for flag in Flag:
        assert f"| {flag.value} {flag.name} |" in PAGE
    named = set(re.findall(r"`([a-z_]+)`", PAGE.split("## The schema")[1].split("| type |")[0]))
    assert set(EVENTS.names) <= named
    for name in formats():
        assert f"| `{name}` |" in PAGE
        assert f"fixsim tape import {name} " in PAGE
