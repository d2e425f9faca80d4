"""Two instruments on three venues: books, market data and tapes of their own, behind the same sessions."""

from __future__ import annotations

from typing import Any

import pytest

from fixsim.matching import EventKind, Phase
from fixsim.settings import Settings, listed_tapes, refuse_listed_tape
from risk.errors import SettingsError
from risk.order import OrdType, Side
from router.fix.messages import (
    MarketDataRequest,
    NewOrderSingle,
    OrderCancelRequest,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    SecurityDefinitionRequest,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
    TradingStatus,
)
from tests.fixsim.market import (
    BTC,
    ETC,
    MS,
    START_NS,
    SYMBOL,
    Client,
    Floor,
    cancel,
    entries,
    fields,
    order,
    table,
    tape,
)

ETH = "ETH-USD"
UNIT = 10_000  # lots of an ETH
LATER_NS = START_NS + 3600 * 10**9
SELL_ETH = (100, EventKind.LIMIT, 50, -1, 10_000, 3 * UNIT)
OTHER = {
    "symbol": ETH, "tick_nanos": 50_000_000, "lots_per_unit": UNIT, "round_lots": 1, "min_lots": 1,
    "max_lots": 10**9, "tape": {"path": "eth.xz"},
}  # fmt: skip


def rules(**changes: Any) -> Settings:
    read = table() | {"listing": [OTHER | changes.pop("other", {})]}
    read["hidden"] |= changes.pop("hidden", {})
    return Settings.model_validate(read | changes)


def floor_of_two(moves: Any = (), **changes: Any) -> Floor:
    """BTC at 100.00 to 100.02; ETH, whose tape is of an hour later, at 500.00 to 500.10."""
    eth = tape(moves, symbol=ETH, tick_nanos=50_000_000, lots_per_unit=UNIT, start_ns=LATER_NS, lasts_ms=2000)
    return Floor(rules(**changes), listed={ETH: eth})


def eth(cl_ord_id: str, side: Side, ticks: int | None, lots: int = UNIT, **more: Any) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=cl_ord_id, symbol=ETH, side=side, transact_time_ns=START_NS, qty_lots=lots,
        ord_type=more.pop("ord_type", OrdType.MARKET if ticks is None else OrdType.LIMIT),
        price_nanos=None if ticks is None else ticks * 50_000_000, **more,
    )  # fmt: skip


def send(client: Client, message: NewOrderSingle) -> None:
    """With the decimals of its instrument's lots."""
    client.send_raw(message.MSG_TYPE, message.body(UNIT if message.symbol == ETH else BTC))


@pytest.mark.parametrize("venue", ["XLIT1", "XLIT2", "XDRK"])
def test_an_order_meets_only_its_symbols_book(venue: str) -> None:
    floor = floor_of_two()
    client = floor.client(venue)
    for message in (
        eth("e1", Side.BUY, 10_001), order("b1", Side.SELL, 9_000, BTC // 4), eth("e2", Side.SELL, 10_001),
        order("b2", Side.BUY, 11_000, BTC // 4),
    ):  # fmt: skip
        send(client, message)
    floor.run(1)
    fills = {(line["cl_ord_id"], line["symbol"], line["price_nanos"]) for line in floor.recorded("fill")}
    mine = {"e1", "e2"}
    assert {one for one in fills if one[0] in mine} == {(name, ETH, 500_050_000_000) for name in mine}
    assert {symbol for name, symbol, _ in fills if name not in mine} == {SYMBOL}
    reports = [seen for seen in client.seen() if seen[150] == "F"]
    assert {(seen[11], seen[32]) for seen in reports if seen[55] == ETH} == {("e1", "1"), ("e2", "1")}


def test_the_other_tape_starts_with_the_first_and_moves_its_own_book() -> None:
    floor = floor_of_two([SELL_ETH])
    clients = [floor.client(venue) for venue in ("XLIT1", "XLIT2")]
    for client in clients:
        send(client, eth("e", Side.BUY, 10_000))
        send(client, order("b", Side.BUY, 10_000))
    floor.run(99)
    assert floor.recorded("fill") == []
    floor.run(2)
    fills = floor.recorded("fill")
    assert {(line["symbol"], line["time_ns"]) for line in fills} == {(ETH, START_NS + 100 * MS)}
    assert sum(line["qty_lots"] for line in fills) == 2 * UNIT  # the third met the recorded bid
    for client in clients:
        assert client.reports() == ["0 0 0 1", "0 0 0 1", "F 2 1 0"]


def test_one_request_brings_both_books_and_each_change_its_own() -> None:
    floor = floor_of_two([SELL_ETH])
    feed, client = floor.client("XLIT1", "SLUICE-MD"), floor.client("XLIT1")
    feed.send(MarketDataRequest("r", 1, 1, ("0", "1"), (SYMBOL, ETH, SYMBOL)))
    floor.run(1)
    snapshots = [fields(one.raw) for one in feed.got]
    assert [(one[35], one[262], one[55]) for one in snapshots] == [("W", "r", SYMBOL), ("W", "r", ETH)]
    feed.got.clear()
    send(client, eth("e", Side.BUY, 10_001, 5))
    floor.run(1)
    (update,) = feed.got
    assert fields(update.raw)[55] == ETH
    assert "0 0 500.05 0.0005" in entries(update.raw)
    feed.got.clear()
    feed.send(MarketDataRequest("r", 0, 1, ("0",), (ETH,)))
    floor.run(1)
    assert [fields(one.raw).get(281) for one in feed.got] == ["1"]  # in use, though for both
    feed.got.clear()
    feed.send(MarketDataRequest("r", 2, 1, ("0", "1"), (SYMBOL,)))
    send(client, eth("f", Side.BUY, 10_001, 5))
    send(client, order("g", Side.BUY, 10_001))
    floor.run(1)
    assert feed.got == []


def test_status_and_cancel_of_all_orders_go_by_symbol() -> None:
    floor = floor_of_two()
    client = floor.client()
    for message in (eth("e1", Side.BUY, 9_000), order("b1", Side.BUY, 9_000), eth("e2", Side.SELL, 11_000)):
        send(client, message)
    client.send(OrderMassStatusRequest("all"))
    client.send(OrderMassStatusRequest("eth", "1", ETH))
    client.send(OrderMassCancelRequest("mc", START_NS, "1", ETH))
    floor.run(1)
    seen = [fields(one.raw) for one in client.got]
    told = {name: [one[11] for one in seen if one.get(584) == name] for name in ("all", "eth")}
    assert told == {"all": ["e1", "b1", "e2"], "eth": ["e1", "e2"]}
    report = OrderMassCancelReport.parse(next(one for one in client.got if one.msg_type == b"r"))
    assert (report.total, [name for name, _ in report.affected]) == (2, ["e1", "e2"])
    assert [one.cl_ord_id for one in floor.exchange.venues["XLIT1"].open_orders()] == ["b1"]


def test_a_replace_may_not_change_the_symbol() -> None:
    floor = floor_of_two()
    client = floor.client()
    send(client, eth("e1", Side.BUY, 9_000))
    client.send_raw(
        b"G", b"41=e1\x0111=e2\x0155=BTC-USD\x0154=1\x0160=20180713-20:47:11\x0138=1\x0140=2\x0144=90\x01"
    )
    floor.run(1)
    assert client.reports() == ["0 0 0 1", "9 2 2"]


def test_a_cancel_may_not_name_another_symbol() -> None:
    """It would let others trade in a book that nobody looks at."""
    floor = floor_of_two()
    client = floor.client()
    for one in (
        order("A", Side.BUY, 10_001),
        order("B", Side.BUY, 10_001, max_floor_lots=0),
        order("C", Side.SELL, None, ord_type=OrdType.PEGGED, exec_inst="M"),
    ):
        client.send(one)
    floor.run(1)
    assert client.reports() == ["0 0 0 1"] * 3
    client.send(OrderCancelRequest("x", "A", ETH, Side.BUY, START_NS, BTC))
    floor.run(1)
    assert client.reports() == ["9 1 2"]
    assert floor.recorded("cancel_refused")[0]["text"] == "Symbol(55) of A is BTC-USD"
    client.send(cancel("x", "A"))
    floor.run(1)
    assert client.reports() == ["4 4 0 0", "F 2 1 0", "F 2 1 0"]


def test_both_are_listed_and_halted_one_by_one() -> None:
    floor = floor_of_two()
    client = floor.client("XLIT1")
    client.send(SecurityDefinitionRequest("d", 3))
    client.send(SecurityListRequest("y"))
    client.send(SecurityStatusRequest("s", ETH, 1))
    floor.run(1)
    seen = client.seen()
    assert [one[55] for one in seen if one[35] == "d"] == [SYMBOL, ETH]
    assert [one[393] for one in seen if one[35] == "y"] == ["2"]
    floor.exchange.set_status("XLIT1", ETH, Phase.HALTED, floor.now_ns)
    floor.exchange.set_status("XLIT1", SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    floor.run(1)
    (told,) = client.got
    assert SecurityStatus.parse(told).status is TradingStatus.HALT
    client.got.clear()
    send(client, eth("e", Side.BUY, 9_000))
    send(client, order("b", Side.BUY, 9_000))
    floor.run(1)
    assert client.reports() == ["8 8 0 0", "0 0 0 1"]


def test_two_runs_give_the_same_bytes_and_the_dark_books_draws_of_their_own() -> None:
    def run(symbols: str) -> tuple[bytes, list[str]]:
        floor = floor_of_two([SELL_ETH], hidden={"rate_per_s": 20.0})
        peg: dict[str, Any] = {"ord_type": OrdType.PEGGED, "exec_inst": "M"}
        client = floor.client("XDRK")
        if "b" in symbols:
            send(client, order("b", Side.BUY, None, 100 * BTC, **peg))
        if "e" in symbols:
            send(client, eth("e", Side.BUY, None, 10**8, **peg))
        floor.run(1000)
        floor.exchange.finish(floor.now_ns)
        return bytes(floor.wire), [line for line in floor.lines if '"fill"' in line or '"end"' in line]

    def times(lines: list[str], name: str) -> list[str]:
        return [line.split(",")[1] for line in lines if f'"cl_ord_id":"{name}"' in line]

    wire, both = run("be")
    assert (wire, both) == run("be")
    assert times(both, "b") != times(both, "e") != []
    # One instrument's orders do not move the other's.
    assert times(run("b")[1], "b") == times(both, "b")
    assert times(run("e")[1], "e") == times(both, "e")
    assert '"state":"' in both[-1]
    assert "+" in both[-1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"symbol": SYMBOL}, "symbols of instrument and listing must differ, got"),
        ({"round_lots": 10}, "listing.0.min_lots must be a multiple of listing.0.round_lots"),
        ({"round_lots": 7, "min_lots": 7}, "hidden.min_lots must be a multiple of listing.0.round_lots"),
        ({"tick": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_listing_is_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        rules(other=change)


def test_a_missing_or_other_tape_of_a_listing_is_named() -> None:
    with pytest.raises(SettingsError, match=r"listing.0.tape.path = 'eth.xz': no such file in"):
        listed_tapes(rules(), ETC)
    with pytest.raises(SettingsError, match=r"listing.0.tick_nanos = 50000000: the tape says 10000000"):
        refuse_listed_tape(rules(), ETH, tape(symbol=ETH, lots_per_unit=UNIT), ETC)
    with pytest.raises(KeyError, match=ETH):
        Floor(rules())
