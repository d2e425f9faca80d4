"""Every order type of the market through a venue's session: asked for in FIX, reported in FIX."""

from __future__ import annotations

from typing import Any

import pytest

from fixsim.matching import EventKind, Phase
from risk.order import OrdType, Side, TimeInForce
from router.fix.messages import ExecutionReport, MarketDataRequest
from tests.fixsim.market import BTC, SYMBOL, Client, Floor, entries, order, settings, tape, with_clients
from tests.fixsim.test_doors import best_offer_at

WHERE = best_offer_at()
"""The venue of the best recorded offer, 1 BTC at 100.02; the best bid of both is 100.00."""
PEG: dict[str, Any] = {"ord_type": OrdType.PEGGED}
HALF = BTC // 2


def told(client: Client) -> list[ExecutionReport]:
    rule = settings().instrument
    got = [ExecutionReport.parse(one, {rule.symbol: rule}) for one in client.got if one.msg_type == b"8"]
    client.got.clear()
    return got


def ends(client: Client) -> dict[str, tuple[str, int, str]]:
    """By ClOrdID: the last OrdStatus, what was filled, and the last text."""
    return {one.cl_ord_id: (one.ord_status.value, one.cum_lots, one.text) for one in told(client)}


def start(**options: Any) -> tuple[Floor, Client]:
    floor = Floor(with_clients(WHERE, **options))
    return floor, floor.client(WHERE)


def test_post_only_rests_or_is_refused() -> None:
    floor, client = start()
    client.send(order("1", Side.BUY, 10_002, exec_inst="6"))
    client.send(order("2", Side.BUY, 10_001, exec_inst="6"))
    client.send(order("3", Side.SELL, 10_001, HALF, exec_inst="6"))
    client.send(order("4", Side.BUY, 10_002, exec_inst="6", tif=TimeInForce.IOC))
    floor.run(1)
    done = ends(client)
    assert [done[name][:2] for name in "1234"] == [("8", 0), ("0", 0), ("8", 0), ("8", 0)]
    assert all(done[name][2] for name in "134")
    assert floor.recorded("fill") == []


def test_a_hidden_order_is_not_published_and_gives_a_better_price() -> None:
    floor, client = start()
    feed = floor.client(WHERE, "SLUICE-MD")
    feed.send(MarketDataRequest("r", 1, 0, ("0", "1"), (SYMBOL,)))
    floor.run(1)
    feed.got.clear()
    client.send(order("h", Side.SELL, 10_001, BTC, max_floor_lots=0))
    floor.run(1)
    assert feed.got == []
    client.send(order("t", Side.BUY, 10_002, HALF))
    floor.run(1)
    fills = [one for one in told(client) if one.last_qty_lots]
    assert [(one.cl_ord_id, one.last_px_nanos, one.price_improvement_nanos) for one in fills] == [
        ("h", 100_010_000_000, 0), ("t", 100_010_000_000, 10_000_000),
    ]  # fmt: skip
    assert feed.got == []  # no level changed


def test_an_iceberg_shows_a_part_and_is_refilled() -> None:
    floor, client = start()
    feed = floor.client(WHERE, "SLUICE-MD")
    client.send(order("i", Side.SELL, 10_001, 3 * BTC, max_floor_lots=BTC))
    floor.run(1)
    feed.send(MarketDataRequest("r", 1, 1, ("1",), (SYMBOL,)))
    floor.run(1)
    assert entries(feed.got.pop().raw) == ["1 100.01 1"]
    client.send(order("t", Side.BUY, 10_001, 3 * HALF))
    floor.run(1)
    assert entries(feed.got.pop().raw) == ["1 1 100.01 0.5"]
    assert ends(client) == {"i": ("1", 3 * HALF, ""), "t": ("2", 3 * HALF, "")}


@pytest.mark.parametrize(("inst", "price"), [("M", 100_010_000_000), ("R", 100_000_000_000)])
def test_pegs_follow_the_lit_touch(inst: str, price: int) -> None:
    floor, client = start()
    client.send(order("p", Side.BUY, None, BTC, exec_inst=inst, **PEG))
    floor.run(1)
    client.send(order("b", Side.SELL, 10_000, HALF, tif=TimeInForce.IOC))
    floor.run(1)
    peg = [one for one in told(client) if one.cl_ord_id == "p" and one.last_qty_lots]
    if inst == "M":  # better than the displayed bid
        assert [(one.last_px_nanos, one.last_qty_lots) for one in peg] == [(price, HALF)]
    else:  # behind what is displayed at its price, if there is any here
        displayed = sum(line["qty_lots"] for line in floor.recorded("fill") if line["cl_ord_id"] == "b")
        assert displayed == HALF
        assert all(one.last_px_nanos == price for one in peg)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"exec_inst": "X", **PEG}, "ExecInst(18) 'X' of a peg is not one of M, R"),
        ({"exec_inst": "M", "tif": TimeInForce.IOC, **PEG}, "a peg rests"),
        ({"min_qty_lots": HALF}, "takes it with IOC, hidden and pegged orders only"),
        ({"max_floor_lots": 2 * BTC}, "MaxFloor(111) 200000000 lots is not a multiple of 1 up to"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(more: dict[str, Any], text: str) -> None:
    floor, client = start()
    client.send(order("1", Side.BUY, None if "ord_type" in more else 9_000, **more))
    floor.run(1)
    (report,) = told(client)
    assert report.ord_status.value == "8"
    assert text in report.text


def test_a_minimum_quantity_that_is_not_there_cancels_an_ioc() -> None:
    floor, client = start()
    ioc: dict[str, Any] = {"tif": TimeInForce.IOC}
    client.send(order("1", Side.BUY, 10_002, 2 * BTC, min_qty_lots=3 * HALF, **ioc))
    client.send(order("2", Side.BUY, 10_002, 2 * BTC, min_qty_lots=BTC, **ioc))
    floor.run(1)
    assert ends(client) == {
        "1": ("4", 0, "ioc: the rest is cancelled"), "2": ("4", BTC, "ioc: the rest is cancelled"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        (None, {"r": ("2", HALF), "t": ("2", HALF)}),
        ("newest", {"r": ("0", 0), "t": ("4", 0)}),
        ("oldest", {"r": ("4", 0), "t": ("0", 0)}),
        ("both", {"r": ("4", 0), "t": ("4", 0)}),
    ],
)
def test_self_match_prevention_is_the_clients_setting(
    mode: str | None, wanted: dict[str, tuple[str, int]]
) -> None:
    floor, client = start(self_match=mode)
    client.send(order("r", Side.SELL, 10_001, HALF))
    client.send(order("t", Side.BUY, 10_001, HALF))
    floor.run(1)
    done = ends(client)
    assert {name: end[:2] for name, end in done.items()} == wanted
    if mode == "oldest":
        assert done["r"][2] == "self-match prevention"
    still = {one.cl_ord_id for one in floor.exchange.venues[WHERE].open_orders()}
    assert still == {name for name, (status, _) in wanted.items() if status == "0"}


def test_an_auction_gathers_orders_and_trades_them_at_one_price() -> None:
    floor, client = start(rule={"maker_fee_ppb": -10_000, "taker_fee_ppb": 30_000})
    floor.exchange.set_status(WHERE, SYMBOL, Phase.AUCTION, floor.now_ns)
    client.send(order("b", Side.BUY, 10_003, 5 * BTC))
    client.send(order("m", Side.SELL, None, BTC))
    client.send(order("s", Side.SELL, 10_001, 2 * BTC))
    client.send(order("x", Side.BUY, 10_003, BTC, tif=TimeInForce.IOC))
    client.send(order("big", Side.SELL, None, 100 * BTC))
    floor.run(5)
    assert floor.recorded("fill") == []
    done = ends(client)
    assert [done[name][0] for name in ("b", "m", "s", "x", "big")] == ["0", "0", "0", "8", "0"]
    floor.exchange.set_status(WHERE, SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    floor.run(5)
    reports = told(client)
    fills = [one for one in reports if one.last_qty_lots]
    assert len({one.last_px_nanos for one in fills}) == 1
    assert {one.last_liquidity for one in fills} == {None}
    assert all(one.commission_nanos > 0 for one in fills if one.last_qty_lots >= HALF)
    left = [one for one in reports if one.exec_type.value == "4"]
    assert [(one.cl_ord_id, one.text) for one in left] == [("big", "unfilled in the auction")]
    assert next(one for one in reversed(reports) if one.cl_ord_id == "m").ord_status.value == "2"
    client.send(order("after", Side.BUY, 9_000))
    floor.run(1)
    assert client.reports() == ["0 0 0 1"]


def test_a_halt_in_an_auctions_time_resumes_through_the_auction() -> None:
    floor, client = start()
    for phase in (Phase.AUCTION, Phase.HALTED):
        floor.exchange.set_status(WHERE, SYMBOL, phase, floor.now_ns)
        client.send(order(f"b{phase}", Side.BUY, 10_003, BTC))
        client.send(order(f"s{phase}", Side.SELL, 10_000, BTC))
        floor.run(1)
    floor.exchange.set_status(WHERE, SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    floor.run(1)
    done = ends(client)
    assert [done[name][0] for name in ("b1", "s1", "b2", "s2")] == ["2", "2", "8", "8"]


def test_recorded_orders_pass_a_halted_venue_by() -> None:
    sells = [(50, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC)]
    floor = Floor(settings(), tape(sells))
    clients = {venue: floor.client(venue) for venue in ("XLIT1", "XLIT2")}
    for client in clients.values():
        client.send(order("1", Side.BUY, 10_000))
    floor.run(1)
    floor.exchange.set_status("XLIT1", SYMBOL, Phase.HALTED, floor.now_ns)
    floor.run(100)
    assert {line["venue"] for line in floor.recorded("fill")} == {"XLIT2"}
    assert clients["XLIT1"].reports() == ["0 0 0 1"]
