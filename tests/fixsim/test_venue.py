"""A venue takes, refuses, cancels, replaces and reports orders as FIX 4.4 says, and records what it did."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.entry import Ask, Kind
from fixsim.matching import BookFull
from fixsim.orders import Fill, Keys, Outcome, Reply
from fixsim.record import Record
from fixsim.settings import Venue as VenueSettings
from fixsim.venue import Place, Venue
from risk.order import OrdType, Side, TimeInForce
from router.fix.decimals import lots_from_wire, nanos_from_wire
from router.fix.messages import OrderCancelReplaceRequest, OrderMassCancelRequest, OrderStatusRequest
from router.fix.versions import FIX44
from tests.fixsim.market import BTC, START_NS, SYMBOL, TICK, cancel, fields, order, settings

RULES = settings()
NOW = START_NS


class Book:
    """A book that fills what it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.next: Callable[[int], list[Fill]] = lambda key: []
        self.full = False

    def submit(self, key: int, ask: Ask, now_ns: int) -> Outcome:
        if self.full:
            raise BookFull("the book is full")
        self.asked.append(("submit", key, ask.sign, ask.px, ask.qty_lots, ask.kind))
        fills = self.next(key)
        rests = ask.kind in (Kind.LIMIT, Kind.PEG)
        left = ask.qty_lots - sum(fill.qty_lots for fill in fills if fill.key == key)
        return Outcome([*fills], 0 if rests else left)

    def cancel(self, keys: Sequence[int], now_ns: int) -> Outcome:
        if self.full:
            raise BookFull("the book is full")
        self.asked += [("cancel", key) for key in keys]
        return Outcome([])

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> Outcome:
        self.asked.append(("replace", key, px, leaves_lots))
        return Outcome([*self.next(key)])


class Bench:
    def __init__(self, number: int = 0, rule: VenueSettings | None = None) -> None:
        self.book = Book()
        self.lines: list[str] = []
        record = Record(self.lines.append)
        self.place = Place(RULES.instrument, self.book)
        self.venue = Venue(rule or RULES.venue[number], {SYMBOL: self.place}, record, Keys())

    def new(self, *arguments: Any, **more: Any) -> list[dict[int, str]]:
        return told(self.venue.new_order("A", order(*arguments, **more), NOW))

    def cancel(self, cl_ord_id: str, orig: str, client: str = "A") -> list[dict[int, str]]:
        return told(self.venue.cancel(client, cancel(cl_ord_id, orig), NOW))

    def replace(
        self, cl_ord_id: str, orig: str, lots: int, ticks: int, side: Side = Side.BUY
    ) -> list[dict[int, str]]:
        request = OrderCancelReplaceRequest(
            cl_ord_id, orig, SYMBOL, side, NOW, lots, OrdType.LIMIT, price_nanos=ticks * TICK
        )
        return told(self.venue.replace("A", request, NOW))

    def status(self, cl_ord_id: str, client: str = "A") -> dict[int, str]:
        return told(self.venue.status(client, OrderStatusRequest(cl_ord_id, SYMBOL, Side.BUY), NOW))[0]


def told(replies: list[Reply]) -> list[dict[int, str]]:
    return [{35: reply.says.MSG_TYPE.decode(), **fields(reply.says.body(FIX44))} for reply in replies]


def states(reports: list[dict[int, str]]) -> list[tuple[str, str]]:
    return [(report[150], report[39]) for report in reports]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_order_is_acknowledged_and_rests(bench: Bench) -> None:
    (report,) = bench.new("1", Side.BUY, 10_000, account="ACCT")
    wanted = {150: "0", 39: "0", 37: "XLIT1-1", 17: "XLIT1-E1", 11: "1", 1: "ACCT", 55: SYMBOL, 54: "1",
              38: "1", 44: "100", 151: "1", 14: "0", 6: "0"}  # fmt: skip
    assert {tag: report[tag] for tag in wanted} == wanted
    assert bench.book.asked == [("submit", -1, 1, 20_000, BTC, Kind.LIMIT)]


def test_fills_carry_market_liquidity_and_fee_to_the_nano(bench: Bench) -> None:
    bench.book.next = lambda key: [Fill(key, 20_000, BTC // 4, maker=False)]
    _, fill = bench.new("1", Side.BUY, 10_001)
    assert (fill[150], fill[39], fill[32], fill[31], fill[30], fill[851]) == (
        "F",
        "1",
        "0.25",
        "100",
        "XLIT1",
        "2",
    )
    assert (fill[12], fill[13]) == ("0.00075", "3")  # 25.00 at 30,000 ppb
    (rebate,) = told(bench.venue.happened([Fill(-1, 20_000, 3 * BTC // 4, maker=True)], NOW))
    assert (rebate[150], rebate[39], rebate[12], rebate[851]) == ("F", "2", "-0.00075", "1")
    assert (rebate[6], rebate[14], rebate[151]) == ("100", "1", "0")


@given(st.lists(st.tuples(st.integers(1, 40_000), st.integers(1, 3 * BTC)), min_size=1, max_size=20))
def test_cum_and_leaves_make_the_order_and_the_average_is_exact(parts: list[tuple[int, int]]) -> None:
    bench, whole = Bench(), sum(lots for _, lots in parts)
    bench.new("1", Side.SELL, 1, whole)
    reports = told(bench.venue.happened([Fill(-1, px, lots, maker=True) for px, lots in parts], NOW))
    for report in reports:
        done = [lots_from_wire(report[tag].encode(), BTC) for tag in (14, 151)]
        assert sum(done) == whole
    paid = sum(px * TICK // 2 * lots for px, lots in parts)
    assert abs(nanos_from_wire(reports[-1][6].encode()) * whole - paid) * 2 <= whole
    assert states(reports)[-1] == ("F", "2")


@pytest.mark.parametrize(
    ("ticks", "tif", "kind"),
    [
        (None, TimeInForce.DAY, Kind.MARKET),
        (10_000, TimeInForce.IOC, Kind.IOC),
        (10_000, TimeInForce.FOK, Kind.FOK),
    ],
)
def test_what_may_not_rest_is_cancelled(
    bench: Bench, ticks: int | None, tif: TimeInForce, kind: Kind
) -> None:
    reports = bench.new("1", Side.BUY, ticks, tif=tif)
    assert states(reports) == [("0", "0"), ("4", "4")]
    assert bench.book.asked[0][-1] is kind
    assert 41 not in reports[1]
    assert bench.status("1")[39] == "4"


@pytest.mark.parametrize(
    ("ask", "reason", "text"),
    [
        (
            lambda b: b.new("1", Side.BUY, 10_000, 0),
            "13",
            "OrderQty(38) 0 lots is not a multiple of 1 from 1 to",
        ),
        (lambda b: b.new("1", Side.BUY, 10_000, 10**12), "13", "to 100000000000"),
        (
            lambda b: b.new("1", Side.BUY, 10_000, ord_type=OrdType.PEGGED),
            "11",
            "ExecInst(18) '' of a peg is not one",
        ),
        (
            lambda b: b.new("1", Side.BUY, 10_000, ord_type=OrdType.MARKET),
            "99",
            "does not belong on a market",
        ),
        (lambda b: b.new("1", Side.BUY, None, ord_type=OrdType.LIMIT), "99", "Price(44) is missing"),
    ],
)
def test_a_wrong_order_is_refused_with_the_rule(bench: Bench, ask: Any, reason: str, text: str) -> None:
    (report,) = ask(bench)
    assert (report[150], report[39], report[103], report[37]) == ("8", "8", reason, "NONE")
    assert text in report[58]
    assert bench.book.asked == []
    assert '"event":"rejected"' in bench.lines[0]


def test_a_price_off_tick_names_price_tick_and_venue(bench: Bench) -> None:
    wrong = replace(order("1", Side.BUY, 1), price_nanos=100_003_000_000)
    (report,) = told(bench.venue.new_order("A", wrong, NOW))
    assert report[58] == "Price(44) 100.003 is not a positive multiple of tick 0.01 (BTC-USD, XLIT1)"


def test_a_used_clordid_is_refused_and_the_first_order_stands(bench: Bench) -> None:
    bench.new("1", Side.BUY, 10_000)
    (report,) = bench.new("1", Side.BUY, 9_000)
    assert (report[150], report[103]) == ("8", "6")
    assert bench.status("1")[39] == "0"
    bench.new("2", Side.BUY, 10_000, 0)
    assert bench.new("2", Side.BUY, 10_000)[0][103] == "6"  # a refused one was used, too
    assert (
        told(bench.venue.new_order("B", order("1", Side.BUY, 10_000), NOW))[0][150] == "0"
    )  # another client's


def test_a_full_book_refuses_and_says_so(bench: Bench) -> None:
    bench.book.full = True
    (report,) = bench.new("1", Side.BUY, 10_000)
    assert (report[150], report[103], report[58]) == ("8", "99", "the book is full")


def test_a_cancel_is_confirmed_once(bench: Bench) -> None:
    bench.new("1", Side.BUY, 10_000)
    (report,) = bench.cancel("2", "1")
    assert (report[150], report[39], report[11], report[41], report[151]) == ("4", "4", "2", "1", "0")
    (late,) = bench.cancel("3", "1")
    assert (late[35], late[434], late[102], late[39], late[37]) == ("9", "1", "0", "4", "XLIT1-1")
    assert bench.book.asked[1:] == [("cancel", -1)]


def test_a_cancel_of_nothing_or_of_anothers_order_is_unknown(bench: Bench) -> None:
    bench.new("1", Side.BUY, 10_000)
    for client, orig in (("A", "x"), ("B", "1")):
        (report,) = bench.cancel("2", orig, client)
        assert (report[35], report[102], report[39], report[37]) == ("9", "1", "8", "NONE")
    (report,) = bench.cancel("1", "1")
    assert report[102] == "6"  # its own ClOrdID was used


def test_a_replace_takes_over_and_may_trade(bench: Bench) -> None:
    bench.new("1", Side.BUY, 9_000)
    bench.venue.happened([Fill(-1, 18_000, BTC // 4, maker=True)], NOW)
    bench.book.next = lambda key: [Fill(key, 20_004, BTC // 4, maker=False)]
    replaced, fill = bench.replace("2", "1", 2 * BTC, 10_002)
    assert (replaced[150], replaced[39], replaced[11], replaced[41]) == ("5", "1", "2", "1")
    assert (replaced[38], replaced[44], replaced[14], replaced[151]) == ("2", "100.02", "0.25", "1.75")
    assert bench.book.asked[-1] == ("replace", -1, 20_004, 175 * BTC // 100)
    assert (fill[11], fill[14], fill[151]) == ("2", "0.5", "1.5")
    assert bench.cancel("3", "2")[0][150] == "4"


@pytest.mark.parametrize(("lots", "ticks", "side"), [(BTC // 4, 9_000, Side.BUY), (BTC, 9_000, Side.SELL)])
def test_a_replace_that_cannot_be_changes_nothing(bench: Bench, lots: int, ticks: int, side: Side) -> None:
    bench.new("1", Side.BUY, 9_000)
    bench.venue.happened([Fill(-1, 18_000, BTC // 4, maker=True)], NOW)
    (report,) = bench.replace("2", "1", lots, ticks, side)
    assert (report[35], report[434], report[102], report[39]) == ("9", "2", "2", "1")
    assert bench.status("1")[38] == "1"


def test_a_status_is_no_trade_and_an_unknown_order_is_said_so(bench: Bench) -> None:
    bench.new("1", Side.BUY, 10_000)
    known, unknown = bench.status("1"), bench.status("x")
    assert (known[150], known[39], known[17], known[37]) == ("I", "0", "0", "XLIT1-1")
    assert (unknown[150], unknown[39], unknown[103], unknown[37]) == ("I", "8", "5", "NONE")
    assert bench.status("1", client="B")[39] == "8"


def test_the_dark_venue_takes_pegs_and_a_market_order_is_a_peg_at_once() -> None:
    bench = Bench(2)
    assert bench.new("1", Side.SELL, None, ord_type=OrdType.PEGGED, exec_inst="M")[0][150] == "0"
    assert bench.new("2", Side.SELL, None)[1][150] == "4"
    assert bench.new("3", Side.SELL, 10_000, tif=TimeInForce.FOK)[1][58] == "fok: the rest is cancelled"
    assert [asked[-1] for asked in bench.book.asked] == [Kind.PEG, Kind.IOC, Kind.FOK]
    assert bench.new("4", Side.SELL, None, ord_type=OrdType.PEGGED, tif=TimeInForce.IOC)[0][103] == "11"


def test_a_book_that_cannot_cancel_now_keeps_its_orders(bench: Bench) -> None:
    bench.new("1", Side.BUY, 9_000)
    bench.book.full = True
    (refused,) = bench.cancel("2", "1")
    assert [refused[tag] for tag in (35, 434, 102, 39, 58)] == ["9", "1", "99", "0", "the book is full"]
    (refused,) = told(bench.venue.mass_cancel("A", OrderMassCancelRequest("3", NOW), NOW))
    assert [refused[tag] for tag in (35, 531, 532)] == ["r", "0", "99"]
    assert bench.venue.cancel_all("A", "disconnected", NOW) == []
    assert [one.cl_ord_id for one in bench.venue.open_orders()] == ["1"]
    bench.book.full = False
    assert [one[35] for one in told(bench.venue.mass_cancel("A", OrderMassCancelRequest("3", NOW), NOW))] == [
        "r",
        "8",
    ]


def test_a_cancel_names_the_side_of_its_order(bench: Bench) -> None:
    bench.new("1", Side.SELL, 11_000)
    (refused,) = bench.cancel("2", "1")
    assert (refused[35], refused[102], refused[58]) == ("9", "2", "Side(54) of 1 is 2")
    (done,) = told(bench.venue.cancel("A", cancel("2", "1", Side.SELL), NOW))
    assert done[150] == "4"


def test_the_record_tells_the_same_story(bench: Bench) -> None:
    bench.new("1", Side.BUY, 10_000)
    (fill,) = told(bench.venue.happened([Fill(-1, 20_000, BTC // 2, maker=True)], NOW))
    bench.cancel("2", "1")
    lines = [json.loads(line) for line in bench.lines]
    assert [line["event"] for line in lines] == ["order", "fill", "canceled"]
    assert lines[1]["exec_id"] == fill[17]
    assert (lines[1]["price_nanos"], lines[1]["qty_lots"], lines[1]["fee_nanos"]) == (
        100 * 10**9,
        BTC // 2,
        -500_000,
    )
    assert (lines[2]["cl_ord_id"], lines[2]["orig_cl_ord_id"], lines[2]["cum_lots"]) == ("2", "1", BTC // 2)
