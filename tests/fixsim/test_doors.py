"""What a venue does for all orders of a client at once, through its session's bytes: status, cancel, copies,
cancel on disconnect, throttles; and what its fills cost and gain.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fixsim.matching import EventKind
from fixsim.settings import Settings
from risk.order import OrdType, Side, TimeInForce
from router.fix import events
from router.fix.messages import (
    ExecutionReport,
    OrderCancelReplaceRequest,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
)
from tests.fixsim.market import (
    BTC,
    START_NS,
    SYMBOL,
    TICK,
    Client,
    Floor,
    cancel,
    fields,
    order,
    settings,
    table,
    tape,
    with_clients,
)

PEG: dict[str, Any] = {"ord_type": OrdType.PEGGED, "exec_inst": "M"}
SELLS = [(100, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC)]


def resting(floor: Floor, venue: str = "XLIT1") -> Client:
    """A client with three orders that rest: two buys, one of them another account's, and a sell."""
    client = floor.client(venue)
    client.send(order("1", Side.BUY, 9_000))
    client.send(order("2", Side.BUY, 9_001, account="B"))
    client.send(order("3", Side.SELL, 11_000))
    floor.run(1)
    assert client.reports() == ["0 0 0 1"] * 3
    return client


def told(client: Client) -> list[ExecutionReport]:
    got = [ExecutionReport.parse(one, settings_instruments()) for one in client.got]
    client.got.clear()
    return got


def settings_instruments() -> dict[str, Any]:
    rule = settings().instrument
    return {rule.symbol: rule}


# -- OrderMassStatusRequest(AF)


def test_a_mass_status_tells_of_every_open_order_and_says_which_is_the_last() -> None:
    floor = Floor()
    client = resting(floor)
    client.send(order("4", Side.BUY, None, BTC // 4))  # done: not told
    client.send(OrderMassStatusRequest("ms"))
    floor.run(1)
    reports = [one for one in told(client) if one.mass_status_req_id]
    assert [(one.exec_type.value, one.exec_id, one.cl_ord_id) for one in reports] == [
        ("I", "0", "1"), ("I", "0", "2"), ("I", "0", "3"),
    ]  # fmt: skip
    assert {(one.mass_status_req_id, one.tot_reports) for one in reports} == {("ms", 3)}
    assert [one.last_of_mass for one in reports] == [False, False, True]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"request_type": "1", "symbol": SYMBOL}, ["1", "2", "3"]),
        ({"side": Side.BUY}, ["1", "2"]),
        ({"side": Side.SELL, "symbol": SYMBOL}, ["3"]),
        ({"account": "B"}, ["2"]),
    ],
)
def test_a_mass_status_can_be_narrowed(more: dict[str, Any], wanted: list[str]) -> None:
    floor = Floor()
    client = resting(floor)
    client.send(OrderMassStatusRequest("ms", **more))
    floor.run(1)
    reports = told(client)
    assert [one.cl_ord_id for one in reports] == wanted
    assert [one.last_of_mass for one in reports][-1]


@pytest.mark.parametrize(
    ("more", "reason", "text"),
    [
        ({}, 5, "no open orders"),
        ({"request_type": "8"}, 99, "MassStatusReqType(585) 8 is not one of 1, 7"),
        ({"request_type": "1", "symbol": "ETH-USD"}, 1, "Symbol(55) ETH-USD is not listed"),
        ({"request_type": "1"}, 1, "Symbol(55) is missing, which 585=1 needs"),
        ({"account": "nobody"}, 5, "no open orders"),
    ],
)
def test_with_nothing_to_tell_one_report_is_the_last(more: dict[str, Any], reason: int, text: str) -> None:
    floor = Floor()
    client = floor.client()
    floor.client("XLIT2").send(order("1", Side.BUY, 9_000))  # at another venue
    client.send(OrderMassStatusRequest("ms", **more))
    floor.run(1)
    (report,) = client.seen()
    assert (report[584], report[911], report[912], report[150]) == ("ms", "0", "Y", "I")
    assert (report[37], report[39], report[103], report[58]) == ("NONE", "8", f"{reason}", text)
    assert report[55] == (more.get("symbol") or SYMBOL)


# -- OrderMassCancelRequest(q)


def test_a_mass_cancel_is_reported_and_so_is_each_order_it_cancelled() -> None:
    floor = Floor()
    client = resting(floor)
    client.send(OrderMassCancelRequest("mc", START_NS))
    floor.run(1)
    first, *rest = client.got
    report = OrderMassCancelReport.parse(first)
    assert (report.request_type, report.response, report.total) == ("7", "7", 3)
    assert report.affected == (("1", "XLIT1-1"), ("2", "XLIT1-2"), ("3", "XLIT1-3"))
    seen = [fields(one.raw) for one in rest]
    assert [(one[150], one[39], one[11], one[151], one.get(41)) for one in seen] == [
        ("4", "4", name, "0", None) for name in ("1", "2", "3")
    ]
    assert {one[58] for one in seen} == {"mass cancel mc"}
    assert floor.exchange.venues["XLIT1"].open_orders() == []
    assert floor.exchange.lit.market.leaves(-1) == 0
    assert len(floor.recorded("canceled")) == 3


@pytest.mark.parametrize("how", ["mass cancel", "disconnect"])
def test_orders_that_go_together_do_not_trade_for_one_another(how: str) -> None:
    """Without the first bid the midpoint is where the second, hidden, would meet another client's peg."""
    also = [{"comp_id": "OTHER", "serves": "orders"}]
    floor = Floor(with_clients(also=also, cancel_on_disconnect=True))
    client, other = floor.client(), floor.client(comp_id="OTHER")
    client.send(order("1", Side.BUY, 10_001))
    client.send(order("2", Side.BUY, 10_001, max_floor_lots=0))
    other.send(order("3", Side.SELL, None, ord_type=OrdType.PEGGED, exec_inst="M"))
    floor.run(5)
    client.reports(), other.reports()
    if how == "disconnect":
        client.drop()
    else:
        client.send(OrderMassCancelRequest("mc", START_NS))
    floor.run(5)
    if how == "mass cancel":
        assert OrderMassCancelReport.parse(client.got[0]).total == 2
        assert client.reports() == ["r", "4 4 0 0", "4 4 0 0"]
    assert [line["cl_ord_id"] for line in floor.recorded("canceled")] == ["1", "2"]
    assert (floor.recorded("fill"), other.reports()) == ([], [])
    assert [one.cl_ord_id for one in floor.exchange.venues["XLIT1"].open_orders()] == ["3"]


def test_a_mass_cancel_can_be_narrowed_and_leaves_others_orders_alone() -> None:
    floor = Floor(with_clients(also=[{"comp_id": "OTHER", "serves": "orders"}]))
    client, other = resting(floor), floor.client(comp_id="OTHER")
    other.send(order("1", Side.BUY, 9_000))
    floor.run(1)
    client.send(OrderMassCancelRequest("mc", START_NS, "1", SYMBOL, Side.BUY))
    floor.run(1)
    report = OrderMassCancelReport.parse(client.got[0])
    assert (report.response, report.total, report.symbol, report.side) == ("1", 2, SYMBOL, Side.BUY)
    still = [(one.owner, one.cl_ord_id) for one in floor.exchange.venues["XLIT1"].open_orders()]
    assert still == [("SLUICE-OE", "3"), ("OTHER", "1")]
    assert other.reports() == ["0 0 0 1"]


@pytest.mark.parametrize(
    ("request_", "reason", "text"),
    [
        (OrderMassCancelRequest("mc", START_NS, "6"), 0, "MassCancelRequestType(530) 6 is not one of 1, 7"),
        (OrderMassCancelRequest("mc", START_NS, "1", "ETH"), 1, "Symbol(55) ETH is not listed"),
        (OrderMassCancelRequest("mc", START_NS, "1"), 1, "Symbol(55) is missing"),
        (OrderMassCancelRequest("1", START_NS), 99, "ClOrdID(11) 1 was used before"),
    ],
)
def test_a_mass_cancel_that_cannot_be_is_refused_and_cancels_nothing(
    request_: OrderMassCancelRequest, reason: int, text: str
) -> None:
    floor = Floor()
    client = resting(floor)
    client.send(request_)
    floor.run(1)
    report = OrderMassCancelReport.parse(client.got[0])
    assert (report.response, report.reject_reason, report.total, report.text) == ("0", reason, 0, text)
    assert len(floor.exchange.venues["XLIT1"].open_orders()) == 3


def test_a_mass_cancel_with_nothing_to_cancel_says_none() -> None:
    floor = Floor()
    client = floor.client("XDRK")
    client.send(OrderMassCancelRequest("mc", START_NS))
    client.send(order("mc", Side.BUY, None, **PEG))
    floor.run(1)
    report, refused = (fields(one.raw) for one in client.got)
    assert (report[531], report[533]) == ("7", "0")
    assert refused[103] == "6"  # the request's ClOrdID is used


# -- cancel on disconnect


@pytest.mark.parametrize("logout", [True, False])
@pytest.mark.parametrize("venue", ["XLIT1", "XDRK"])
def test_a_lost_session_cancels_its_orders_and_owes_the_reports(venue: str, logout: bool) -> None:
    floor = Floor(with_clients(venue, cancel_on_disconnect=True))
    client = resting(floor, venue)
    client.send(order("4", Side.BUY, 9_002))  # on its way when the line breaks
    if logout:
        client.act(client.session.logout("done", floor.now_ns))
        floor.deliver()
        floor.run(1)
    client.drop()
    floor.run(5)
    assert floor.exchange.venues[venue].open_orders() == []
    assert len(floor.recorded("canceled")) == 4
    client.got.clear()
    client.connect()
    floor.run(1)
    reports = told(client)
    assert [one.exec_type.value for one in reports][-4:] == ["4"] * 4
    assert [one.cl_ord_id for one in reports][-4:] == ["1", "2", "3", "4"]
    assert {one.restatement_reason for one in reports[-4:]} == {99}
    assert all(one.text.startswith("cancel on disconnect") for one in reports[-4:])
    assert any(isinstance(event, events.GapClosed) for event in client.happened)


def test_without_the_setting_orders_stay() -> None:
    floor = Floor()
    client = resting(floor)
    client.drop()
    floor.run(5)
    assert len(floor.exchange.venues["XLIT1"].open_orders()) == 3


# -- drop copies

DROPS = [
    {"comp_id": "OTHER", "serves": "orders"},
    {"comp_id": "ALL", "serves": "drop-copy"},
    {"comp_id": "ONE", "serves": "drop-copy", "copies": ["OTHER"]},
]


def test_a_drop_copy_gets_every_report_and_whose_it_is() -> None:
    floor = Floor(with_clients(also=DROPS))
    client, other = floor.client(), floor.client(comp_id="OTHER")
    every, one = floor.client(comp_id="ALL"), floor.client(comp_id="ONE")
    client.send(order("1", Side.BUY, 9_000))
    other.send(order("1", Side.BUY, None, BTC // 4))
    floor.run(1)
    client.send(cancel("2", "1"))
    client.send(OrderStatusRequest("1", SYMBOL, Side.BUY))
    client.send(cancel("3", "none"))  # a cancel reject is no execution report
    floor.run(1)
    copies = told(every)
    assert [(copy.owner, copy.copy) for copy in copies if not copy.copy] == []
    for owner, original in (("SLUICE-OE", client), ("OTHER", other)):
        mine = [ExecutionReport.parse(m, settings_instruments()) for m in original.got if m.msg_type == b"8"]
        copied = [copy._replace(copy=False, parties=()) for copy in copies if copy.owner == owner]
        assert copied == mine
    assert {copy.owner for copy in told(one)} == {"OTHER"}
    assert not any(fields(m.raw).get(797) for m in client.got)


def test_copies_are_owed_while_the_session_is_away() -> None:
    floor = Floor(with_clients(also=DROPS), tape(SELLS))
    client, drop = floor.client(), floor.client(comp_id="ALL")
    drop.drop()
    client.send(order("1", Side.BUY, 9_000))
    floor.run(1)
    client.send(cancel("2", "1"))
    floor.run(1)
    assert drop.got == []
    drop.connect()
    floor.run(1)
    assert [(copy.exec_type.value, copy.owner) for copy in told(drop)] == [
        ("0", "SLUICE-OE"), ("4", "SLUICE-OE"),
    ]  # fmt: skip


def test_a_drop_copy_session_may_send_nothing() -> None:
    floor = Floor(with_clients(also=DROPS))
    drop = floor.client(comp_id="ALL")
    drop.send(order("1", Side.BUY, 9_000))
    drop.send(OrderMassStatusRequest("ms"))
    drop.send_raw(b"c", b"320=1\x01321=3\x01")
    floor.run(1)
    assert [fields(one.raw)[380] for one in drop.got] == ["3", "3", "3"]


# -- throttles


def replaced(cl_ord_id: str, orig: str) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        cl_ord_id, orig, SYMBOL, Side.BUY, START_NS, BTC, OrdType.LIMIT, price_nanos=9_000 * TICK
    )


def test_orders_beyond_the_limit_are_refused_and_cancels_are_not() -> None:
    floor = Floor(with_clients(max_orders_per_s=2), tape(lasts_ms=3000))
    client = floor.client()
    client.send(order("1", Side.BUY, 9_000))
    floor.run(10)
    client.send(replaced("2", "1"))
    client.send(order("3", Side.BUY, 9_000))
    client.send(replaced("4", "2"))
    client.send(cancel("5", "2"))
    floor.run(1)
    assert client.reports()[:2] == ["0 0 0 1", "5 0 0 1"]
    floor.run(970)
    client.send(order("6", Side.BUY, 9_000))
    floor.run(1)
    client.got.clear()
    floor.run(20)  # a second after the first
    client.send(order("7", Side.BUY, 9_000))
    client.send(order("3", Side.BUY, 9_000))  # was used by the one that was refused
    floor.run(1)
    assert client.reports() == ["0 0 0 1", "8 8 0 0"]


def test_a_throttled_request_is_answered_in_its_own_words() -> None:
    floor = Floor(with_clients(max_orders_per_s=1, max_cancels_per_s=1))
    client = floor.client()
    for message in (
        order("1", Side.BUY, 9_000), order("2", Side.BUY, 9_000), replaced("3", "1"), replaced("4", "none"),
        cancel("5", "none"), cancel("6", "1"), OrderMassCancelRequest("7", START_NS),
        OrderStatusRequest("1", SYMBOL, Side.BUY), OrderMassStatusRequest("8"),
    ):  # fmt: skip
        client.send(message)
    floor.run(1)
    new, order_, change, unknown, first, second, mass, status, mass_status = client.seen()
    assert (new[150], status[150], mass_status[912]) == ("0", "I", "Y")
    text = "throttled: SLUICE-OE may send 1 orders a second"
    assert (order_[150], order_[39], order_[103], order_[58]) == ("8", "8", "99", text)
    assert (change[434], change[102], change[37], change[39], change[58]) == ("2", "99", "XLIT1-1", "0", text)
    assert (unknown[434], unknown[102], unknown[37]) == ("2", "99", "NONE")
    assert first[102] == "1"  # looked into
    text = "throttled: SLUICE-OE may send 1 cancels a second"
    assert (second[434], second[102], second[58]) == ("1", "99", text)
    assert (mass[531], mass[532], mass[58]) == ("0", "99", text)
    assert [one.cl_ord_id for one in floor.exchange.venues["XLIT1"].open_orders()] == ["1"]


def test_a_throttle_counts_by_market_time_and_by_client() -> None:
    rules = with_clients(max_orders_per_s=1, also=[{"comp_id": "OTHER", "serves": "orders"}])
    floor = Floor(rules, origin_ns=5_000_000_000, speed=10.0)
    client, other = floor.client(), floor.client(comp_id="OTHER")
    for number in range(3):
        client.send(order(f"{number}", Side.BUY, 9_000))
        other.send(order(f"{number}", Side.BUY, 9_000))
        floor.run(99)
    assert client.reports() == ["0 0 0 1", "8 8 0 0", "0 0 0 1"]
    assert other.reports() == ["0 0 0 1"] * 3


# -- latency


def varying(seed: int) -> Settings:
    read = table() | {"seed": seed}
    for venue in read["venue"]:
        for name in ("order_latency_ns", "report_latency_ns", "market_data_latency_ns"):
            venue[name] = {"median_ns": 200_000, "p99_ns": 2_000_000, "floor_ns": 50_000}
    return Settings.model_validate(read)


def latencies(seed: int) -> tuple[bytes, list[int], list[str]]:
    floor = Floor(varying(seed))
    client = floor.client()
    for number in range(50):
        client.send(order(f"{number}", Side.BUY, 9_000))
        floor.run(1)
    floor.run(100)
    times = [line["time_ns"] - START_NS for line in floor.recorded("order")]
    return bytes(floor.wire), times, [seen[11] for seen in client.seen()]


def test_latencies_vary_by_the_seed_and_orders_stay_in_line() -> None:
    wire, times, told_of = latencies(1)
    assert told_of == [f"{number}" for number in range(50)]
    assert len(set(times)) > 40
    assert min(at - 1_000_000 * number for number, at in enumerate(times)) >= 50_000
    assert (wire, times) == latencies(1)[:2]
    assert times != latencies(2)[1]


# -- what a fill costs and gains


@pytest.mark.parametrize(
    ("rule", "lots", "paid"),
    [
        ({}, BTC // 4, ["0.0075015"]),  # 25.005 at 30,000 ppb, over two prices below
        ({"order_fee_nanos": 10_000_000}, BTC // 4, ["0.0175015"]),
        ({"min_fill_fee_nanos": 500_000_000}, BTC // 4, ["0.5"]),
        ({"order_fee_nanos": 10_000_000, "min_fill_fee_nanos": 500_000_000}, 0, ["0.51", "0.5"]),
        ({"taker_fee_ppb": -30_000, "min_fill_fee_nanos": 500_000_000}, BTC // 4, ["-0.0075015"]),
    ],
)
def test_fees_by_value_by_fill_and_by_order(rule: dict[str, Any], lots: int, paid: list[str]) -> None:
    venue = best_offer_at()
    rate = (
        {"taker_fee_ppb": 300_000} | rule
        if "taker_fee_ppb" not in rule
        else {"taker_fee_ppb": -300_000}
        | {name: value for name, value in rule.items() if name != "taker_fee_ppb"}
    )
    floor = Floor(with_clients(venue, rule=rate))
    client = floor.client(venue)
    client.send(order("1", Side.BUY, None, lots or 3 * BTC // 2))
    floor.run(1)
    fills = [seen for seen in client.seen() if seen[150] == "F"]
    assert [seen[12] for seen in fills] == paid
    assert {seen[13] for seen in fills} == {"3"}


def best_offer_at() -> str:
    """The venue where the best recorded offer rests, 1 BTC at 100.02."""
    floor = Floor()
    offers = [floor.exchange.lit.market.best(number).ask_px for number in (0, 1)]
    return "XLIT1" if offers[0] == 20_004 else "XLIT2"


def test_the_dark_venue_reports_what_both_sides_gain_on_the_lit_touch() -> None:
    floor = Floor()
    client = floor.client("XDRK")
    client.send(order("b", Side.BUY, None, BTC, **PEG))
    client.send(order("s", Side.SELL, None, BTC // 4))
    floor.run(1)
    fills = [report for report in told(client) if report.last_qty_lots]
    assert [(one.cl_ord_id, one.last_liquidity, one.price_improvement_nanos) for one in fills] == [
        ("b", 1, TICK), ("s", 2, TICK),
    ]  # fmt: skip
    assert {one.last_px_nanos for one in fills} == {100_010_000_000}  # between 100.00 and 100.02


def test_a_taker_who_pays_the_touch_gains_nothing_and_one_who_finds_better_does() -> None:
    floor = Floor()
    sides = {name: floor.client(name) for name in ("XLIT1", "XLIT2")}
    near = best_offer_at()
    other = sides["XLIT2" if near == "XLIT1" else "XLIT1"]
    sides[near].send(order("1", Side.BUY, 10_005, BTC // 2))  # its limit is no measure
    other.send(order("2", Side.BUY, 10_003, BTC // 2))  # pays more than the touch
    floor.run(1)
    gains = [told(client) for client in sides.values()]
    assert {one.price_improvement_nanos for reports in gains for one in reports} == {0}
    assert sum(one.last_qty_lots for reports in gains for one in reports) == BTC


def test_the_dark_venue_takes_a_minimum_quantity_and_a_lit_one_does_not() -> None:
    floor = Floor()
    client = floor.client("XDRK")
    client.send(order("b", Side.BUY, None, BTC, **PEG, min_qty_lots=BTC // 2))
    client.send(order("s", Side.SELL, None, BTC // 4, **PEG))
    client.send(order("t", Side.SELL, None, BTC // 2))
    client.send(order("f", Side.BUY, None, BTC, tif=TimeInForce.FOK))
    client.send(order("g", Side.BUY, None, BTC // 4, tif=TimeInForce.FOK))
    client.send(order("w", Side.BUY, None, BTC, **PEG, min_qty_lots=2 * BTC))
    client.send(order("d", Side.BUY, 10_000, BTC, max_floor_lots=BTC // 2))
    floor.run(1)
    reports = told(client)
    assert (reports[0].cl_ord_id, reports[0].min_qty_lots) == ("b", BTC // 2)
    fills = [(one.cl_ord_id, one.last_qty_lots) for one in reports if one.last_qty_lots]
    assert fills == [("b", BTC // 2), ("t", BTC // 2), ("s", BTC // 4), ("g", BTC // 4)]
    ends = {one.cl_ord_id: (one.ord_status.value, one.text) for one in reports}
    assert ends["f"] == ("4", "fok: the rest is cancelled")
    assert ends["w"] == (
        "8",
        "MinQty(110) 200000000 lots is not a multiple of 1 up to OrderQty(38), 100000000 lots",
    )
    assert ends["d"][1] == "MaxFloor(111): XDRK shows nothing of an order"


# -- the order table, whatever comes


REQUESTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("new"), st.sampled_from(list(Side)[:2]), st.integers(9_998, 10_004), st.integers(1, 3)
        ),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("replace"), st.integers(0, 9), st.integers(1, 3)),
        st.tuples(st.just("mass"), st.sampled_from([None, Side.BUY, Side.SELL])),
        st.tuples(st.just("away")),
    ),
    max_size=14,
)


@hypothesis_settings(max_examples=25, deadline=None)
@given(REQUESTS, st.booleans())
def test_the_open_orders_are_what_the_reports_say_and_what_the_book_holds(
    requests: list[tuple[Any, ...]], cancels: bool
) -> None:
    """A client that only reads its reports knows every open order, and AF tells it the same."""
    floor = Floor(with_clients(cancel_on_disconnect=cancels), tape(SELLS))
    client = floor.client()
    for number, asked in enumerate(requests):
        name, orig = f"{number}", f"{asked[1]}" if len(asked) > 1 else ""
        match asked:
            case ("new", side, ticks, units):
                client.send(order(name, side, ticks, units * BTC // 2))
            case ("cancel", _):
                client.send(cancel(name, orig))
            case ("replace", _, units):
                client.send(
                    OrderCancelReplaceRequest(
                        name, orig, SYMBOL, Side.BUY, START_NS, units * BTC // 2, OrdType.LIMIT,
                        price_nanos=9_999 * TICK,
                    )
                )  # fmt: skip
            case ("mass", side):
                client.send(OrderMassCancelRequest(name, START_NS, side=side))
            case _:
                client.drop()
                floor.run(10)
                client.connect()
        floor.run(10)
    client.send(OrderMassStatusRequest("end"))
    floor.run(1)
    known: dict[str, int] = {}
    told_of: dict[str, int] = {}
    for report in told_reports(client):
        if report.mass_status_req_id:
            told_of[report.cl_ord_id] = report.leaves_lots
        else:
            known.pop(report.orig_cl_ord_id, None)
            known[report.cl_ord_id] = report.leaves_lots
    told_of.pop("", None)  # there was none to tell of
    assert told_of == {name: leaves for name, leaves in known.items() if leaves}
    for held in floor.exchange.venues["XLIT1"].open_orders():
        assert floor.exchange.lit.market.leaves(held.key) == held.leaves_lots == told_of[held.cl_ord_id]


def told_reports(client: Client) -> list[ExecutionReport]:
    """The execution reports that came; what else came is dropped."""
    client.got[:] = [one for one in client.got if one.msg_type == b"8"]
    return told(client)
