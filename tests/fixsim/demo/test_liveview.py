"""The live view shows what a snapshot says, on a screen or as a line."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fixsim.demo.liveview import ORDERS_SHOWN, Level, RecentFill, Snapshot, WorkingOrder, line, render
from fixsim.report.runresult import NANOS

START = 1_531_514_850 * NANOS
LOTS = 100_000_000
PRICE = 6_200 * NANOS
TICK = NANOS // 100

SNAPSHOT = Snapshot(
    title="Buy 10 BTC BTC-USD by Almgren–Chriss",
    now_ns=START + 150 * NANOS,
    start_ns=START,
    end_ns=START + 480 * NANOS,
    qty_lots=10 * LOTS,
    done_lots=4 * LOTS,
    target_lots=45 * LOTS // 10,
    working_lots=6 * LOTS // 10,
    lots_per_unit=LOTS,
    unit="BTC",
    arrival_nanos=PRICE,
    average_nanos=PRICE + NANOS,
    shortfall_bp=1.61,
    bids=[Level(PRICE - i * TICK, (("XLIT1", LOTS), ("XLIT2", LOTS // 2))) for i in range(8)],
    asks=[Level(PRICE + (1 + i) * TICK, (("XLIT1", LOTS // 3),)) for i in range(8)],
    venues=["XDRK", "XLIT1", "XLIT2"],
    orders=[
        WorkingOrder("S1", "XLIT1", "limit", PRICE, LOTS // 2, "new"),
        WorkingOrder("S2", "XDRK", "peg", None, LOTS // 10, "pending cancel"),
    ],
    fills=[RecentFill(START + 100 * NANOS, "XDRK", PRICE + TICK // 2, LOTS, took=False)],
    pace="10 × the recording",
)


def shown(snapshot: Snapshot, width: int = 120, height: int = 30) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(render(snapshot), height=height)
    return console.export_text()


@pytest.mark.parametrize(
    "text",
    [
        "Buy 10 BTC BTC-USD by Almgren–Chriss",
        "20:50:00.0 UTC",
        "10 × the recording",
        "40%",
        "5:30 left",
        "4.0000 of 10.0000 BTC done, schedule 4.5000, working 0.6000",
        "+1.61 bp",
        "spread 0.01",
        "pending cancel",
        "6,200.005",
        "rested",
    ],
)
def test_the_screen_says(text: str) -> None:
    assert text in shown(SNAPSHOT)


def test_asks_stand_above_bids_with_the_touch_in_the_middle() -> None:
    rows = shown(SNAPSHOT).splitlines()
    prices = [row.split()[1] for row in rows if row.startswith("│") and "█" in row]
    assert prices == sorted(prices, reverse=True)
    assert len(prices) == 16


def test_a_venue_that_quotes_nothing_has_no_column_in_the_book() -> None:
    head = next(row for row in shown(SNAPSHOT).splitlines() if "XLIT1" in row and "XLIT2" in row)
    assert "XDRK" not in head.split("││")[0]


def test_a_latch_cannot_be_overlooked() -> None:
    assert "kill latch" not in shown(SNAPSHOT)
    latched = replace(SNAPSHOT, latch="all, halt, by alice")
    assert shown(latched).splitlines()[0].strip() == "kill latch: all, halt, by alice"
    assert line(latched).endswith("LATCHED all, halt, by alice")


def test_before_the_first_message_there_is_still_a_screen() -> None:
    empty = replace(
        SNAPSHOT, done_lots=0, working_lots=0, target_lots=0, bids=[], asks=[], orders=[], fills=[]
    )
    assert "no book yet" in shown(empty)
    assert "bp" not in shown(empty)
    assert "/" not in line(empty)


def test_more_orders_than_fit_are_counted() -> None:
    many = replace(SNAPSHOT, orders=[SNAPSHOT.orders[0]] * (ORDERS_SHOWN + 3))
    assert "and 3 more" in shown(many, height=40)


def test_a_line_stands_in_where_there_is_no_terminal() -> None:
    assert line(SNAPSHOT) == (
        "20:50:00.0  done 4.0000 of 10.0000 BTC  schedule 4.5000  working 0.6000  6,200.00 / 6,200.01"
    )


@given(st.integers(0, 12 * LOTS), st.integers(0, 12 * LOTS), st.integers(0, 12 * LOTS), st.integers(80, 200))
def test_no_state_breaks_the_screen(done: int, working: int, target: int, width: int) -> None:
    wild = replace(SNAPSHOT, done_lots=done, working_lots=working, target_lots=target)
    rows = shown(wild, width=width).splitlines()
    assert len(rows) == 30
    assert max(map(len, rows)) <= width
