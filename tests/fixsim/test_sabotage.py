"""Every kind of fault, through a session's bytes: what the client sees, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from fixsim.faults import Script
from fixsim.faults.script import WIRE, Do
from fixsim.settings import Settings
from risk.order import OrdType, Side
from router.fix.messages import MarketDataRequest, OrderCancelReplaceRequest, OrderStatusRequest
from router.fix.messages import OrderMassCancelRequest as MassCancel
from router.fix.messages import SecurityStatusRequest as StatusRequest
from tests.fixsim.market import (
    BTC,
    MS,
    START_NS,
    SYMBOL,
    TICK,
    Client,
    Floor,
    cancel,
    entries,
    order,
    settings,
    tape,
    with_clients,
)

OWN = "XLIT1"
FAULTS = tuple[dict[str, Any], ...]


def floor_with(*faults: dict[str, Any], rules: Settings | None = None, **more: Any) -> Floor:
    """An exchange with these faults at work from its start, at one venue unless they say otherwise."""
    floor = Floor(rules, tape(lasts_ms=20_000), **more)
    read = [{"venue": OWN} | fault for fault in faults]
    floor.exchange.inject(Script.model_validate({"seed": 3, "fault": read}), floor.now_ns, "test.toml")
    return floor


def replace(cl_ord_id: str, orig: str, lots: int) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        cl_ord_id, orig, SYMBOL, Side.BUY, START_NS, lots, OrdType.LIMIT, price_nanos=9_000 * TICK
    )


def came(client: Client) -> list[tuple[float, str]]:
    """What came since the last call: ms since the start, and "ClOrdID 150" of a report, or "9"."""
    told = []
    for seen in client.seen():
        ms = (sending_ns(seen[52]) - START_NS) / MS
        told.append((ms, f"{seen[11]} {seen[150]}" if seen[35] == "8" else f"{seen[11]} {seen[35]}"))
    return told


def sending_ns(text: str) -> int:
    """Of the day of the tape: 20180713-20:47:11.000 is its start, as are its milliseconds."""
    hours, minutes, seconds = text.split("-")[1].split(":")
    since_s = (int(hours) - 20) * 3600 + (int(minutes) - 47) * 60 + float(seconds) - 11
    return START_NS + round(since_s * 1000) * MS


def struck(floor: Floor) -> list[tuple[str, str]]:
    """The record's fault lines: what was done, to whose order."""
    return [(line["do"], line["cl_ord_id"]) for line in floor.recorded("fault")]


class TestRequests:
    def test_a_delayed_one_and_what_is_behind_it_reach_the_engine_late(self) -> None:
        floor = floor_with({"do": "delay", "by": "40ms", "orders": {"side": "buy"}})
        client = floor.client()
        client.send(order("1", Side.BUY, 9_000))
        client.send(order("2", Side.SELL, 11_000))  # not met, and a session is a queue
        floor.run(39)
        assert client.got == []
        floor.run(10)
        assert came(client) == [(40, "1 0"), (40, "2 0")]
        assert struck(floor) == [("delay", "1")]

    def test_time_is_the_markets_whatever_the_speed(self) -> None:
        floor = floor_with(
            {"do": "delay", "by": "400ms", "from": "100ms"}, origin_ns=5_000_000_000, speed=10.0
        )
        client = floor.client()
        client.send(order("1", Side.BUY, 9_000))
        floor.run(10)
        assert client.reports() == ["0 0 0 1"]
        client.send(order("2", Side.BUY, 9_000))
        floor.run(39)
        assert client.reports() == []
        floor.run(2)
        assert client.reports() == ["0 0 0 1"]

    def test_a_refused_one_is_answered_in_its_own_words(self) -> None:
        floor = floor_with({"do": "reject", "from": "10ms", "text": "system busy"})
        client = floor.client()
        client.send(order("1", Side.BUY, 9_000))
        floor.run(10)
        client.seen()
        for message in (
            order("2", Side.BUY, 9_000), cancel("3", "1"), replace("4", "1", 2 * BTC),
            MassCancel("5", START_NS),
            OrderStatusRequest("1", SYMBOL, Side.BUY),
        ):  # fmt: skip
            client.send(message)
        floor.run(10)
        new, cancelled, replaced, mass, status = client.seen()
        assert (new[150], new[39], new[103], new[58]) == ("8", "8", "99", "system busy")
        assert (cancelled[434], cancelled[102], cancelled[58]) == ("1", "99", "system busy")
        assert (replaced[434], replaced[102], replaced[58]) == ("2", "99", "system busy")
        assert (mass[531], mass[58]) == ("0", "system busy")
        assert (status[150], status[39]) == ("I", "0")
        assert struck(floor) == [("reject", name) for name in ("2", "3", "4", "5")]

    def test_a_lost_one_is_never_answered_and_its_name_is_not_used(self) -> None:
        floor = floor_with({"do": "lose", "at_most": 1, "orders": {"request": "new"}})
        client = floor.client()
        client.send(order("1", Side.BUY, 9_000))
        floor.run(1000)
        assert client.got == []
        client.send(order("1", Side.BUY, 9_000))
        floor.run(1)
        assert client.reports() == ["0 0 0 1"]
        assert len(floor.recorded("order")) == 1

    def test_only_what_the_orders_table_names_is_met(self) -> None:
        named = {
            "side": "sell",
            "account": "B",
            "client": "SLUICE-OE",
            "symbol": SYMBOL,
            "at_least_lots": BTC,
        }
        floor = floor_with({"do": "lose", "orders": named})
        client = floor.client()
        for number, (side, account, lots) in enumerate(
            [(Side.BUY, "B", BTC), (Side.SELL, "", BTC), (Side.SELL, "B", BTC // 2), (Side.SELL, "B", BTC)]
        ):
            client.send(order(f"{number}", side, 10_001 + side.sign * -1_000, lots, account=account))
        floor.run(5)
        assert [seen[11] for seen in client.seen()] == ["0", "1", "2"]
        assert struck(floor) == [("lose", "3")]


class TestReports:
    def test_a_late_one_keeps_its_place(self) -> None:
        floor = floor_with({"do": "delay-reports", "by": "30ms", "at_most": 1})
        client = floor.client()
        client.send(order("1", Side.BUY, 9_000))
        client.send(cancel("2", "1"))
        floor.run(50)
        assert came(client) == [(30, "1 0"), (30, "2 4")]

    def test_a_lost_one_leaves_no_gap(self) -> None:
        floor = floor_with({"do": "lose-reports", "at_most": 1})
        client = floor.client()
        client.send(order("1", Side.BUY, 9_000))
        client.send(cancel("2", "1"))
        floor.run(10)
        (seen,) = client.seen()
        assert (seen[11], seen[150], seen[34]) == ("2", "4", "2")
        assert [line["cl_ord_id"] for line in floor.recorded("order")] == ["1"]

    def test_a_copy_is_the_same_report_again(self) -> None:
        floor = floor_with({"do": "duplicate", "by": "20ms", "at_most": 1})
        client = floor.client()
        client.send(order("1", Side.BUY, None, BTC // 4))
        floor.run(10)
        client.send(cancel("2", "none"))
        floor.run(40)
        assert [name for _, name in came(client)] == ["1 0", "1 F", "2 9", "1 0"]

    def test_a_copied_fill_has_its_exec_id_again_and_a_new_number(self) -> None:
        floor = floor_with({"do": "duplicate", "by": "5ms"})
        client = floor.client()
        client.send(order("1", Side.BUY, None, BTC // 4))
        floor.run(10)
        new, fill, _, again = client.seen()
        assert new[150] == "0"
        for tag in (17, 32, 31, 14, 60):
            assert fill[tag] == again[tag]
        assert int(again[34]) > int(fill[34])
        assert 43 not in again

    def test_one_lets_the_next_pass(self) -> None:
        floor = floor_with({"do": "reorder", "by": "1s"})
        client = floor.client()
        for number in range(5):
            client.send(order(f"{number}", Side.BUY, 9_000))
            floor.run(10)
        assert [name for _, name in came(client)] == ["1 0", "0 0", "3 0", "2 0"]
        assert [seq for _, seq in struck(floor)] == ["0", "2", "4"]
        floor.run(1000)
        assert came(client) == [(1040, "4 0")]  # nothing passed it

    def test_it_does_not_wait_longer_than_it_may_nor_for_anothers_report(self) -> None:
        rules = with_clients(also=[{"comp_id": "OTHER", "serves": "orders"}])
        floor = floor_with({"do": "reorder", "by": "15ms", "at_most": 1}, rules=rules)
        client, other = floor.client(), floor.client(comp_id="OTHER")
        client.send(order("1", Side.BUY, 9_000))
        floor.run(10)
        other.send(order("1", Side.BUY, 9_000))
        floor.run(10)
        client.send(order("2", Side.BUY, 9_000))
        floor.run(10)
        assert came(client) == [(15, "1 0"), (20, "2 0")]
        assert came(other) == [(10, "1 0")]

    def test_a_fill_may_come_before_the_order_is_acknowledged(self) -> None:
        floor = floor_with({"do": "reorder", "by": "1s", "at_most": 1})
        client = floor.client()
        client.send(order("1", Side.BUY, None, BTC // 4))
        floor.run(1)
        assert client.reports() == ["F 2 0.25 0", "0 0 0 0.25"]


def watched(floor: Floor) -> Client:
    """A client that gets the full book, the best price and the trades' phases."""
    client = floor.client(comp_id="SLUICE-MD")
    client.send(MarketDataRequest("full", 1, 0, ("0", "1", "2"), (SYMBOL,)))
    client.send(MarketDataRequest("top", 1, 1, ("0", "1"), (SYMBOL,)))
    client.send(StatusRequest("st", SYMBOL, 1))
    floor.run(1)
    client.seen()
    return client


class TestPhases:
    def test_a_halt_ends_when_it_is_over(self) -> None:
        floor = floor_with({"do": "halt", "from": "10ms", "for": "20ms", "text": "volatility"})
        data, client = watched(floor), floor.client()
        floor.run(14)
        client.send(order("1", Side.BUY, 9_000))
        floor.run(20)
        client.send(order("2", Side.BUY, 9_000))
        floor.run(5)
        assert client.reports() == ["8 8 0 0", "0 0 0 1"]
        assert [(seen[326], seen[58]) for seen in data.seen(b"f")] == [
            ("2", "volatility"),
            ("3", "volatility"),
        ]
        assert [line["text"] for line in floor.recorded("fault")] == ["begins", "ends"]

    def test_its_end_does_not_open_what_was_closed_meanwhile(self) -> None:
        floor = floor_with({"do": "halt", "from": "10ms", "for": "30ms"}, {"do": "close", "from": "20ms"})
        client = floor.client()
        floor.run(60)
        client.send(order("1", Side.BUY, 9_000))
        floor.run(5)
        (seen,) = client.seen()
        assert seen[58].endswith("is closed")

    def test_an_auction_collects_and_uncrosses(self) -> None:
        floor = floor_with({"do": "auction", "from": "10ms", "for": "20ms"})
        client = floor.client()
        floor.run(15)
        client.send(order("1", Side.BUY, 10_003, BTC // 2))
        floor.run(10)
        assert client.reports() == ["0 0 0 0.5"]
        floor.run(10)
        assert client.reports() == ["F 2 0.5 0"]

    def test_without_an_end_it_stays_until_somebody_resumes(self) -> None:
        floor = floor_with(
            {"do": "halt", "from": "10ms", "venue": None}, {"do": "resume", "from": "40ms", "venue": "XDRK"}
        )
        floor.run(50)
        phases = {name: board.phases[SYMBOL].name for name, board in floor.exchange.boards.items()}
        assert phases == {"XLIT1": "HALTED", "XLIT2": "HALTED", "XDRK": "CONTINUOUS"}


class TestMarketData:
    def test_a_crossed_book_is_shown_to_all_and_taken_back(self) -> None:
        floor = floor_with({"do": "crossed", "from": "10ms", "for": "20ms", "ticks": 3})
        data = watched(floor)
        best = floor.exchange.best_ask(OWN, SYMBOL)
        assert best is not None
        false = f"{(best // 2 + 3) * TICK / 1e9:g}"
        floor.run(14)
        full, top = (entries(one.raw) for one in data.got)
        assert full == [f"0 0 {false} 1"]
        assert f"0 0 {false} 1" in top
        data.got.clear()
        data.send(MarketDataRequest("now", 0, 0, ("0", "1"), (SYMBOL,)))
        data.send(MarketDataRequest("one", 0, 1, ("0", "1"), (SYMBOL,)))
        floor.run(1)
        assert [entries(one.raw)[0] for one in data.got] == [f"0 {false} 1"] * 2
        data.got.clear()
        floor.run(30)
        full, top = (entries(one.raw) for one in data.got)
        assert full == [f"2 0 {false} 0"]
        assert f"2 0 {false} 0" in top
        data.got.clear()
        data.send(MarketDataRequest("after", 0, 0, ("0", "1"), (SYMBOL,)))
        floor.run(1)
        bids = [one for one in entries(data.got[0].raw) if one.startswith("0 ")]
        depth = floor.exchange.listings[SYMBOL].publishers[0].depth(1, 0)
        assert bids == [f"0 {px * TICK / 2e9:g} {lots / BTC:g}" for px, lots in depth]

    def test_a_real_bid_at_the_false_price_is_added_to_it(self) -> None:
        floor = floor_with({"do": "crossed", "from": "10ms", "for": "50ms", "ticks": 1})
        data, client = watched(floor), floor.client()
        best = floor.exchange.best_ask(OWN, SYMBOL)
        assert best is not None
        floor.run(14)
        data.got.clear()
        client.send(order("1", Side.BUY, best // 2 + 1, 50 * BTC))  # takes the offers there, and rests
        floor.run(10)
        price = f"{(best // 2 + 1) * TICK / 1e9:g}"
        shown = [one for got in data.got for one in entries(got.raw) if one.startswith(f"1 0 {price} ")]
        (resting,) = floor.exchange.venues[OWN].open_orders()
        assert shown[-1] == f"1 0 {price} {resting.leaves_lots / BTC + 1:g}"
        data.got.clear()
        floor.run(50)
        assert f"1 0 {price} {resting.leaves_lots / BTC:g}" in entries(data.got[0].raw)

    def test_with_no_offer_there_is_nothing_to_cross(self) -> None:
        floor = floor_with({"do": "crossed", "from": "10ms", "for": "20ms", "ticks": 3})
        data, client = watched(floor), floor.client()
        client.send(order("1", Side.BUY, 20_000, 50 * BTC))
        floor.run(5)
        data.got.clear()
        floor.run(50)
        assert data.got == []
        assert floor.recorded("fault") == []

    def test_stale_data_leaves_in_order_when_it_is_over(self) -> None:
        floor = floor_with({"do": "stale", "from": "10ms", "for": "100ms"})
        data, client = watched(floor), floor.client()
        floor.run(14)
        for number in range(3):
            client.send(order(f"{number}", Side.BUY, 9_000 + number))
            floor.run(10)
        assert client.reports() == ["0 0 0 1"] * 3  # reports are not held
        assert data.got == []
        floor.run(100)
        assert [entries(one.raw) for one in data.got] == [[f"0 0 {90 + n / 100:g} 1"] for n in range(3)]
        assert {sending_ns(seen[52]) for seen in data.seen()} == {START_NS + 110 * MS}
        client.send(order("4", Side.BUY, 8_000))
        floor.run(5)
        assert len(data.got) == 1


class TestOrdersAndFills:
    def test_a_cancel_strikes_the_oldest_first_up_to_its_bound(self) -> None:
        floor = floor_with(
            {"do": "cancel", "from": "10ms", "at_most": 2, "orders": {"side": "buy"}, "text": "surveillance"}
        )
        client = floor.client()
        client.send(order("0", Side.SELL, 11_000))
        for number in (1, 2, 3):
            client.send(order(f"{number}", Side.BUY, 9_000))
        floor.run(5)
        client.seen()
        floor.run(10)
        told = client.seen()
        assert [(seen[11], seen[150], seen[378], seen[58]) for seen in told] == [
            ("1", "4", "99", "surveillance"), ("2", "4", "99", "surveillance"),
        ]  # fmt: skip
        assert all(41 not in seen for seen in told)
        assert struck(floor) == [("cancel", "1"), ("cancel", "2")]
        client.send(cancel("4", "1"))
        floor.run(1)
        assert client.reports() == ["9 1 0"]

    def test_a_restated_order_has_half_and_keeps_its_place(self) -> None:
        floor = floor_with({"do": "restate", "from": "10ms", "at_most": 1})
        client = floor.client()
        client.send(order("1", Side.BUY, 10_001))
        client.send(order("2", Side.BUY, 10_001))
        floor.run(5)
        client.seen()
        floor.run(10)
        (seen,) = client.seen()
        assert (seen[150], seen[39], seen[378], seen[38], seen[151], seen[14]) == (
            "D", "0", "5", "0.5", "0.5", "0",
        )  # fmt: skip
        client.send(order("3", Side.SELL, 10_001, BTC))
        floor.run(1)
        assert client.reports() == ["0 0 0 1", "F 2 0.5 0", "F 1 0.5 0.5", "F 1 0.5 0.5", "F 2 1 0"]
        held = floor.exchange.venues[OWN].open_orders()
        assert [one.cl_ord_id for one in held] == ["2"]

    def test_fills_are_corrected_and_busted(self) -> None:
        floor = floor_with(
            {"do": "correct", "from": "10ms", "ticks": 5}, {"do": "bust", "from": "20ms", "at_most": 1}
        )
        client = floor.client()
        client.send(order("1", Side.BUY, None, BTC // 4))
        floor.run(5)
        (_, fill) = client.seen()
        floor.run(30)
        corrected, busted = client.seen()
        worse = f"{float(fill[31]) + 0.05:g}"
        assert (corrected[150], corrected[19], corrected[31], corrected[32]) == ("G", fill[17], worse, "0.25")
        assert (corrected[6], corrected[14], corrected[39]) == (worse, "0.25", "2")
        assert (busted[150], busted[19], busted[39]) == ("H", corrected[17], "4")
        assert (busted[14], busted[6], busted[151]) == ("0", "0", "0")
        assert struck(floor) == [("correct", "1"), ("bust", "1")]

    @pytest.mark.parametrize("asks", [False, True])
    def test_two_orders_of_one_trade_may_go_at_once(self, asks: bool) -> None:
        """A fault's first cancel moves the midpoint at which the others trade: they may be gone by then.

        A mass cancel takes all of them at once.
        """
        floor = floor_with({"do": "cancel", "from": "10ms", "venue": None})
        client = floor.client()
        peg: dict[str, Any] = {"ord_type": OrdType.PEGGED, "exec_inst": "M"}
        client.send(order("0", Side.SELL, 10_001, BTC))
        client.send(order("1", Side.BUY, None, BTC, **peg))
        client.send(order("2", Side.SELL, 10_001, BTC, max_floor_lots=0))
        if asks:
            floor.run(5)
            client.send(MassCancel("3", START_NS))
        floor.run(30)
        assert floor.exchange.venues[OWN].open_orders() == []
        ends = {seen[11]: seen[39] for seen in client.seen(b"8")}
        assert ends == {"0": "4", **dict.fromkeys(("1", "2"), "4" if asks else "2")}


EVERY: FAULTS = (
    {"do": "delay", "by": ["1ms", "20ms"], "share": 0.5},
    {"do": "reject", "share": 0.2},
    {"do": "lose", "share": 0.2},
    {"do": "delay-reports", "by": ["1ms", "20ms"], "share": 0.5},
    {"do": "lose-reports", "share": 0.2, "for": "140ms"},
    {"do": "duplicate", "by": ["1ms", "20ms"], "share": 0.5},
    {"do": "reorder", "by": "20ms", "share": 0.5},
    {"do": "halt", "from": "50ms", "for": "10ms"},
    {"do": "auction", "from": "70ms", "for": "10ms"},
    {"do": "close", "from": "90ms"},
    {"do": "resume", "from": "95ms"},
    {"do": "crossed", "from": "100ms", "for": "10ms", "ticks": 2},
    {"do": "stale", "from": "120ms", "for": "20ms"},
    {"do": "cancel", "from": "150ms", "share": 0.5},
    {"do": "restate", "from": "160ms", "share": 0.5},
    {"do": "correct", "from": "170ms", "ticks": 2, "share": 0.5},
    {"do": "bust", "from": "180ms", "share": 0.5},
)


def everything(seed: int) -> Floor:
    floor = Floor(recording=tape(lasts_ms=20_000))
    script = Script.model_validate({"seed": seed, "fault": list(EVERY)})
    floor.exchange.inject(script, floor.now_ns, "every.toml")
    watched(floor)
    client = floor.client()
    for number in range(30):
        client.send(order(f"rests{number}", Side.BUY, 9_000))
    for number in range(60):
        buys = number % 2 == 0
        client.send(order(f"{number}", Side.BUY if buys else Side.SELL, 10_002 if buys else 9_999, BTC // 4))
        floor.run(5)
    floor.run(200)
    return floor


def test_one_seed_is_the_same_bytes_and_every_kind_of_fault_is_in_the_record() -> None:
    first, again, other = everything(1), everything(1), everything(2)
    assert first.wire == again.wire
    assert first.lines == again.lines
    assert first.wire != other.wire
    assert {line["do"] for line in first.recorded("fault")} == {do.value for do in Do if do not in WIRE}
    (told,) = first.exchange.sabotage.status()
    counts = [one["struck"] for one in told["faults"]]  # type: ignore[attr-defined]
    assert counts[0] > 5
    for number in (*range(7), 13, 14, 15, 16):
        lines = [line for line in first.recorded("fault") if line["number"] == number]
        assert len(lines) == counts[number], EVERY[number]


def test_with_no_script_nothing_is_different() -> None:
    def run(inject: bool) -> bytes:
        floor = Floor(recording=tape(lasts_ms=2_000))
        if inject:  # one that never meets anything
            never = {"do": "lose", "orders": {"account": "nobody"}}
            floor.exchange.inject(Script.model_validate({"seed": 1, "fault": [never]}), floor.now_ns, "never")
        watched(floor)
        client = floor.client()
        for number in range(20):
            client.send(order(f"{number}", Side.BUY, 9_990 + number, BTC // 4))
            floor.run(7)
        return bytes(floor.wire)

    assert run(True) == run(False)


def test_scripts_side_by_side_add_up() -> None:
    floor = floor_with({"do": "delay", "by": "10ms"})
    more = Script.model_validate({"seed": 1, "fault": [{"do": "delay", "by": "5ms"}]})
    floor.exchange.inject(more, floor.now_ns, "more.toml")
    client = floor.client()
    client.send(order("1", Side.BUY, 9_000))
    floor.run(30)
    assert came(client) == [(15, "1 0")]
    assert [line["script"] for line in floor.recorded("fault")] == ["test.toml", "more.toml"]


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ({"do": "lose", "venue": "XNYS"}, "s: fault.0.venue = 'XNYS': must be one of XDRK, XLIT1, XLIT2"),
        ({"do": "lose", "orders": {"symbol": "X"}}, "s: fault.0.orders.symbol = 'X': must be one of BTC-USD"),
        (
            {"do": "lose", "orders": {"client": "X"}},
            "s: fault.0.orders.client = 'X': must be one of SLUICE-MD, SLUICE-OE",
        ),
        ({"do": "stale", "for": "1s", "venue": "XDRK"}, "s: fault.0.venue = 'XDRK': it is dark"),
    ],
)
def test_what_is_not_here_is_refused(fault: dict[str, Any], rule: str) -> None:
    floor = Floor(settings())
    script = Script.model_validate({"seed": 1, "fault": [fault]})
    with pytest.raises(ValueError, match=r"must be one of|it is dark") as refused:
        floor.exchange.inject(script, floor.now_ns, "s")
    assert str(refused.value).startswith(rule)
    assert floor.exchange.sabotage.status() == []


def test_there_are_only_so_many_scripts() -> None:
    floor = floor_with({"do": "lose"})
    script = Script.model_validate({"seed": 1, "fault": [{"do": "lose"}]})
    for _ in range(99):
        floor.exchange.inject(script, floor.now_ns, "s")
    with pytest.raises(ValueError, match="100 scripts are at work already"):
        floor.exchange.inject(script, floor.now_ns, "s")
