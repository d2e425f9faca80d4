"""What inspect says of a tape is so: by hand on a small one, by other means on the recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from fixsim.tape import SHIPPED, TapeError, load_tape
from fixsim.tape.cli import app
from fixsim.tape.importers import Request, format_named
from fixsim.tape.inspect import Inspection, inspect_tape
from fixsim.tape.inspect_view import bars, span, view
from fixsim.tape.levels import top_levels
from fixsim.tape.opened import compact_rows, open_any
from fixsim.tape.reader import open_tape
from fixsim.tape.tally import EXACT, LogTally, TimeTally
from fixsim.tape.units import Units, moment
from tests.fixsim.made_tape import CENT, Pieces, S, at, write_tape


@pytest.fixture
def found(tmp_path: Path) -> Inspection:
    return inspect_tape(write_tape(tmp_path))


def test_rows_messages_marks_and_span(found: Inspection) -> None:
    assert (found.rows, found.messages, found.quarantined) == (14, 14, 0)
    assert found.counts == {"ADD": 6, "REDUCE": 2, "DELETE": 3, "TRADE": 2, "HIDDEN_TRADE": 1}
    assert found.flags == {"GAP_BEFORE": 1, "CROSSED": 3, "TAKER": 2}
    assert found.anomalies == {"made_up": 3}  # what a flag says is not said twice
    assert (found.start_ns, found.end_ns) == (at(0), at(100))
    assert found.gaps == [(at(90), 20 * S)]
    assert found.longest_silences[0] == (at(10), 20 * S)
    assert [length for _, length in found.longest_silences] == [20 * S, 20 * S, 20 * S, 10 * S, 10 * S]


def test_the_book_is_weighted_by_time(found: Inspection) -> None:
    book = found.book
    assert book["watched_ns"] == 100 * S
    shares = {name: book[f"{name}_share"] for name in ("crossed", "locked", "one_sided")}
    assert shares == {"crossed": 0.10, "locked": 0.10, "one_sided": 0.05}
    # open: 0-10 spread 20, 10-30 spread 10, 30-50 and 70-95 spread 20
    assert book["spread_ticks"] == {"mean": (55 * 20 + 20 * 10) / 75, "p05": 10, "median": 20, "p95": 20}
    assert book["touch_lots"]["bid"] == 100
    assert book["touch_lots"]["offer"] == pytest.approx((300 * 10 + 40 * 20 + 300 * 40 + 200 * 5) / 75)
    assert book["levels_10_lots"]["bid"] == pytest.approx((150 * 30 + 100 * 45) / 75)
    cents = {name: nanos / CENT for name, nanos in book["mid_nanos"].items()}
    assert cents == {"first": 10000, "last": 10000, "low": 9995, "high": 10000}


def test_trades_by_aggressor_with_the_hidden_apart(found: Inspection) -> None:
    trades = found.trades
    assert (trades["count"], trades["lots"]) == (2, 140)
    assert trades["vwap_nanos"] == (10000 * 40 + 9990 * 100) * CENT // 140
    assert trades["by_aggressor"]["buyer"] == {"count": 1, "lots": 40}
    assert trades["by_aggressor"]["seller"] == {"count": 1, "lots": 100}
    assert trades["hidden"] == {"count": 1, "lots": 7}
    assert trades["size_lots"] == {
        "n": 2,
        "mean": 70.0,
        "p05": 40.0,
        "median": 40.0,
        "p95": 100.0,
        "most": 100,
    }


def test_lifetimes_of_orders_that_rested(found: Inspection) -> None:
    lives = found.lifetimes_ns
    assert lives["filled"]["n"] == 2
    assert lives["filled"]["mean"] == (20 + 95) / 2 * S
    assert lives["cancelled"]["n"] == 2  # the takers never rested
    assert lives["cancelled"]["mean"] == (30 + 10) / 2 * S
    assert lives["still_there"] == 1


def test_messages_a_minute(found: Inspection) -> None:
    rate = found.messages_per_minute
    assert rate["minutes"] == [7, 7]
    assert (rate["mean"], rate["most"], rate["from_ns"]) == (7.0, 7, at(0))
    assert found.inter_event_ns["n"] == 13
    assert found.inter_event_ns["mean"] == pytest.approx(100 * S / 13)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_it_does_not_matter_in_what_pieces_a_tape_is_read(
    tmp_path: Path, found: Inspection, size: int
) -> None:
    tape = write_tape(tmp_path / "again")
    assert inspect_tape(Pieces(tape, size)).as_json() == found.as_json()


def test_a_night_counts_for_nothing(tmp_path: Path) -> None:
    tape = write_tape(tmp_path)
    rows = tape.load()
    rows["time_ns"][rows["time_ns"] >= at(30)] += 12 * 3600 * S

    class Night(Pieces):
        def rows(self, *, size: int = 0):  # type: ignore[no-untyped-def]
            yield rows

    book = inspect_tape(Night(tape, 0)).book
    assert (book["paused_ns"], book["watched_ns"]) == (12 * 3600 * S + 20 * S, 80 * S)


def test_the_table_says_it_in_units(found: Inspection) -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(view(found))
    text = console.export_text()
    for said in (
        "XTST ABC",
        "2012-06-21 13:30:00.000 UTC to 2012-06-21 13:31:40.000 UTC, 1.67 min",
        "14 rows of 14 messages",
        "gap before 2012-06-21 13:31:30.000 UTC",
        "10.0000%",
        "USD (tick 0.01)",
        "against hidden orders",
        "made_up",
        "Made for a test.",
    ):
        assert said in text, said


def test_the_shipped_tape_through_its_own_reader() -> None:
    tape, shipped = open_any(SHIPPED), load_tape()
    found = inspect_tape(tape)
    assert found.trades["count"] == len(shipped.matches) == 501
    assert found.trades["lots"] == int(shipped.matches["qty"].sum())
    assert found.counts["SNAPSHOT"] == len(shipped.opening)
    assert found.messages == len(shipped.events)
    assert found.book["crossed_share"] == found.book["locked_share"] == 0


def test_a_compact_tapes_rows_leave_its_end_book() -> None:
    shipped = load_tape()
    px, qty = top_levels(compact_rows(shipped), 50)
    half_tick = shipped.tick_nanos // 2
    for side, sign in ((0, 1), (1, -1)):
        resting = shipped.end[shipped.end["sign"] == sign]
        prices = np.unique(resting["px"])[::-sign][:50]
        totals = [int(resting["qty"][resting["px"] == price].sum()) for price in prices]
        assert px[-1, side].tolist() == (prices * half_tick).tolist()
        assert qty[-1, side].tolist() == totals


def test_a_compact_tape_and_the_recording_it_came_from_say_the_same(
    tmp_path: Path, shared_data: Path
) -> None:
    (folder,) = format_named("coinbase").read(Request((shared_data / "coinbase_l3",), tmp_path))
    stored, compact = inspect_tape(open_tape(folder)), inspect_tape(open_any(SHIPPED))
    assert stored.trades == compact.trades
    assert stored.book["mid_nanos"] == compact.book["mid_nanos"]
    assert stored.book["touch_lots"]["bid"] == pytest.approx(compact.book["touch_lots"]["bid"], rel=1e-4)


def test_lobsters_orderbook_is_no_message_of_its_own(tmp_path: Path, shared_data: Path) -> None:
    files = tuple(sorted((shared_data / "lobster").glob("GOOG*_10.csv.xz")))
    (folder,) = format_named("lobster").read(Request(files, tmp_path))
    found = inspect_tape(open_tape(folder))
    assert found.messages == 147_916
    assert found.book["crossed_share"] == 0
    assert found.trades["count"] + found.trades["hidden"]["count"] > 10_000


def test_the_command_prints_json_and_names_what_it_cannot_read(tmp_path: Path) -> None:
    folder = write_tape(tmp_path).folder
    said = CliRunner().invoke(app, ["inspect", str(folder), "--json"])
    assert said.exit_code == 0
    assert json.loads(said.stdout)["counts"]["ADD"] == 6
    table = CliRunner().invoke(app, ["inspect", str(folder)])
    assert "XTST ABC" in table.stdout
    with pytest.raises(TapeError, match="No such file"):
        CliRunner().invoke(app, ["inspect", str(tmp_path / "none")], catch_exceptions=False)


whole = st.lists(st.integers(0, 1 << 50), min_size=1, max_size=200)


@given(whole, st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_are_right_to_the_width_of_a_bin(values: list[int], q: float) -> None:
    tally = LogTally()
    for i in range(0, len(values), 7):
        tally.add(np.array(values[i : i + 7], np.int64))
    exact = sorted(values)[max(0, int(np.ceil(q * len(values))) - 1)]
    said = tally.quantile(q)
    assert said is not None
    assert said == exact if exact < EXACT else said == pytest.approx(exact, rel=2 ** (1 / 16) - 1)
    assert (tally.n, tally.most) == (len(values), max(values))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 50)), min_size=1, max_size=50))
def test_a_time_weighted_median_is_that_of_the_values_written_out(pairs: list[tuple[int, int]]) -> None:
    tally = TimeTally(most=200)
    values, held = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    tally.add(values, held)
    written = np.sort(np.minimum(np.repeat(values, held), 200))
    assert tally.quantile(0.5) == written[int(np.ceil(0.5 * len(written))) - 1]
    assert tally.mean == pytest.approx((values * held).sum() / held.sum())


def test_nothing_has_no_quantiles() -> None:
    assert (LogTally().quantile(0.5), LogTally().mean) == (None, None)
    assert (TimeTally().quantile(0.5), TimeTally().mean) == (None, None)


@pytest.mark.parametrize(
    ("symbol", "format_name", "lots", "base", "quote"),
    [
        ("GOOG", "lobster", 1, "shares", "USD"),
        ("BTC-USD", "coinbase", 10**8, "BTC", "USD"),
        ("BTCUSDT", "binance-l2", 10**8, "BTC", "USDT"),
        ("BTCUSD_PERP", "binance-l2", 1, "contracts", "USD"),
        ("XYZ", "generated", 1, "units", "quote currency"),
    ],
)
def test_units_by_symbol(symbol: str, format_name: str, lots: int, base: str, quote: str) -> None:
    units = Units.of(symbol, format_name, CENT, lots)
    assert (units.base, units.quote) == (base, quote)
    assert units.price(12_345_678 * CENT) == "123,456.78"
    assert Units.of(symbol, format_name, 125, lots).price_decimals == 9


def test_durations_times_and_bars_are_said_shortly() -> None:
    assert [span(ns) for ns in (12, 1500, 2.5e6, 3e9, 90e9, 7200e9)] == [
        "12 ns", "1.5 µs", "2.5 ms", "3 s", "1.5 min", "2 h",
    ]  # fmt: skip
    assert moment(at(1.5), 0) == "2012-06-21 13:30:01 UTC"
    assert bars([0, 1, 4, 8], 60) == " ▂▅█"
    assert bars([0, 2, 8, 8], 2) == "▂█"
