"""Faults of the wire, through sessions' bytes: what arrives, when, and how both sessions put it right."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from fixsim.faults import Script
from fixsim.settings import Settings
from risk.order import Side
from router.fix.events import Alert, Disconnect
from router.fix.session import State
from tests.fixsim.market import MS, START_NS, Client, Floor, order, settings, tape, with_clients
from tests.fixsim.test_sabotage import sending_ns

OUT = {"way": "out", "types": ["8"], "client": "SLUICE-OE"}
IN = {"way": "in", "types": ["D"], "client": "SLUICE-OE"}


class Line(Client):
    """A client that keeps the time at which each message reached it."""

    def __init__(self, floor: Floor, venue: str, comp_id: str) -> None:
        super().__init__(floor, venue, comp_id)
        self.came: list[tuple[float, str, int]] = []

    def take(self, raw: bytes) -> None:
        before = len(self.came)
        for part in raw.split(b"8=FIX")[1:]:
            kind, _, rest = part.partition(b"\x0135=")[2].partition(b"\x01")
            number = rest.partition(b"34=")[2].partition(b"\x01")[0]
            self.came.append(((self.floor.now_ns - START_NS) / MS, kind.decode(), int(number or 0)))
        assert len(self.came) > before or not self.up
        super().take(raw)

    def times(self, kind: str = "8") -> list[float]:
        return [ms for ms, one, _ in self.came if one == kind]


def line(*faults: dict[str, Any], rules: Settings | None = None, heart_bt_int_s: int = 30) -> Line:
    """A client that is logged on, 100 ms after the start; the faults are at work from then on."""
    floor = Floor(rules or settings(), tape(lasts_ms=200_000))
    client = Line(floor, "XLIT1", "SLUICE-OE")
    client.session.config = replace(client.session.config, heart_bt_int_s=heart_bt_int_s)
    client.connect()
    floor.run(100)
    client.came.clear()
    read = [{"venue": "XLIT1"} | fault for fault in faults]
    floor.exchange.inject(Script.model_validate({"seed": 3, "fault": read}), floor.now_ns, "test.toml")
    return client


def rest(client: Client, *names: str, ms: float = 10) -> None:
    """Orders far from the market, one after another."""
    for name in names:
        client.send(order(name, Side.BUY, 9_000))
        client.floor.run(ms)


def reports(client: Client) -> list[str]:
    return [one[11] for one in client.seen(b"8")]


def struck(client: Client) -> list[str]:
    return [one["text"] for one in client.floor.recorded("fault")]


def alerts(client: Client) -> list[str]:
    return [event.text for event in client.happened if isinstance(event, Alert)]


class TestDelay:
    def test_out_it_arrives_so_much_later_and_what_is_behind_it_too(self) -> None:
        client = line({"do": "wire-delay", "by": "250ms", "at_most": 1, "wire": OUT})
        rest(client, "1", "2", ms=100)
        client.floor.run(500)
        first, second = client.times()
        assert first == second == pytest.approx(100 + 250, abs=1)
        assert [int(seen[34]) for seen in client.seen(b"8")] == [2, 3]
        assert struck(client) == ["35=8 34=2 out"]

    def test_in_the_engine_sees_it_later(self) -> None:
        client = line({"do": "wire-delay", "by": "250ms", "wire": IN})
        rest(client, "1")
        client.floor.run(500)
        (report,) = client.seen(b"8")
        assert (sending_ns(report[52]) - START_NS) / MS == pytest.approx(350, abs=1)
        assert client.floor.recorded("order")[0]["time_ns"] - START_NS >= 350 * MS

    def test_by_two_durations_is_drawn_from_the_seed(self) -> None:
        fault = {"do": "wire-delay", "by": ["1ms", "300ms"], "wire": OUT}
        first, again = line(fault), line(fault)
        for client in (first, again):
            rest(client, *"12345678", ms=400)
        assert first.times() == again.times()
        assert len({round(ms % 400) for ms in first.times()}) > 5

    def test_on_a_market_that_runs_faster_durations_are_the_markets(self) -> None:
        floor = Floor(settings(), tape(lasts_ms=20_000), origin_ns=5 * 10**18, speed=10.0)
        client = floor.client()
        floor.run(1)
        script = {"seed": 1, "fault": [{"do": "wire-delay", "by": "500ms", "wire": OUT}]}
        floor.exchange.inject(Script.model_validate(script), floor.now_ns, "x")
        client.send(order("1", Side.BUY, 9_000))
        floor.run(49)
        assert client.seen(b"8") == []
        floor.run(3)
        assert len(client.seen(b"8")) == 1


class TestDrop:
    def test_out_the_number_is_missing_asked_for_and_resent(self) -> None:
        client = line({"do": "wire-drop", "at_most": 1, "wire": OUT})
        rest(client, "1", "2")
        client.floor.run(100)
        assert [number for _, kind, number in client.came if kind == "8"] == [3, 2]
        seen = client.seen(b"8")
        assert [(one[11], one.get(43)) for one in seen] == [("1", "Y"), ("2", None)]
        assert client.session.is_logged_on

    def test_in_the_order_never_was_and_the_gap_is_filled(self) -> None:
        client = line({"do": "wire-drop", "at_most": 1, "wire": IN})
        rest(client, "1", "2")
        client.floor.run(100)
        assert [one["cl_ord_id"] for one in client.floor.recorded("order")] in (["2"], [])
        assert any(kind == "2" for _, kind, _ in client.came)
        rest(client, "3")
        assert reports(client)[-1] == "3"

    def test_a_logon_that_is_lost_is_tried_again(self) -> None:
        client = line({"do": "wire-drop", "at_most": 1, "wire": {"way": "in", "types": ["A"]}})
        client.drop()
        client.connect()
        client.floor.run(100)
        assert client.session.state is State.LOGON_SENT
        client.drop()
        client.connect()
        client.floor.run(100)
        assert client.session.is_logged_on
        rest(client, "1")
        assert reports(client) == ["1"]


class TestDuplicate:
    def test_out_a_number_that_was_had_ends_the_session_and_nothing_counts_twice(self) -> None:
        client = line({"do": "wire-duplicate", "by": "20ms", "at_most": 1, "wire": OUT})
        rest(client, "1", ms=100)
        assert reports(client) == ["1"]
        assert not client.session.is_logged_on
        assert any("MsgSeqNum" in text for text in alerts(client))
        client.drop()
        client.connect()
        rest(client, "2")
        assert reports(client) == ["2"]

    def test_in_the_order_is_taken_once(self) -> None:
        client = line({"do": "wire-duplicate", "by": "20ms", "at_most": 1, "wire": IN})
        rest(client, "1", ms=100)
        assert [one["cl_ord_id"] for one in client.floor.recorded("order")] == ["1"]
        assert not client.session.is_logged_on
        client.connect()
        assert client.session.is_logged_on


class TestReorder:
    def test_out_the_next_one_passes_and_the_gap_closes_of_itself_or_is_asked_for(self) -> None:
        client = line({"do": "wire-reorder", "by": "1s", "at_most": 1, "wire": OUT})
        rest(client, "1", "2")
        client.floor.run(100)
        assert [number for _, kind, number in client.came if kind == "8"][:2] == [3, 2]
        assert sorted(reports(client)) == ["1", "2"]
        assert client.session.is_logged_on

    def test_when_nothing_follows_it_arrives_in_its_time(self) -> None:
        client = line({"do": "wire-reorder", "by": "300ms", "at_most": 1, "wire": OUT})
        rest(client, "1", ms=100)
        assert client.seen(b"8") == []
        client.floor.run(300)
        assert client.times() == [pytest.approx(400, abs=1)]
        assert reports(client) == ["1"]

    def test_in_the_later_order_is_the_first_and_neither_is_taken_twice(self) -> None:
        client = line({"do": "wire-reorder", "by": "1s", "at_most": 1, "wire": IN})
        rest(client, "1", "2", "3")
        client.floor.run(2000)
        taken = [one["cl_ord_id"] for one in client.floor.recorded("order")]
        assert len(taken) == len(set(taken))
        assert client.session.is_logged_on
        rest(client, "4")
        assert reports(client)[-1] == "4"


class TestCut:
    def test_out_half_a_message_arrives_and_the_rest_after_the_next_logon(self) -> None:
        client = line({"do": "cut", "at_most": 1, "wire": OUT})
        rest(client, "1", ms=100)
        assert len(client.times()) == 1, "its beginning arrived"
        assert client.seen(b"8") == [], "its end did not"
        assert not client.up
        client.connect()
        client.floor.run(100)
        (report,) = client.seen(b"8")
        assert (report[11], report[43]) == ("1", "Y")

    def test_in_the_message_is_lost_with_the_connection(self) -> None:
        client = line({"do": "cut", "at_most": 1, "wire": IN})
        rest(client, "1", ms=100)
        assert not client.up
        assert client.floor.recorded("order") == []
        client.connect()
        rest(client, "2")
        assert reports(client) == ["2"]

    def test_orders_go_where_a_client_has_asked_for_that(self) -> None:
        rules = with_clients(cancel_on_disconnect=True)
        client = line({"do": "cut", "from": "50ms", "at_most": 1, "wire": IN}, rules=rules)
        rest(client, "1", "2", ms=100)
        assert [one["cl_ord_id"] for one in client.floor.recorded("canceled")] == ["1"]

    def test_what_is_under_way_is_lost(self) -> None:
        late = {"do": "wire-delay", "by": "1s", "at_most": 1, "wire": OUT}
        client = line(late, {"do": "cut", "from": "50ms", "at_most": 1, "wire": IN})
        rest(client, "1", ms=100)
        rest(client, "2", ms=2000)
        assert client.times() == []
        client.connect()
        client.floor.run(100)
        assert reports(client) == ["1"]


class TestHalfOpen:
    def test_nobody_hears_anything_and_heartbeats_find_it_out(self) -> None:
        client = line({"do": "half-open", "for": "100s"}, heart_bt_int_s=10)
        rest(client, "1", ms=1000)
        assert client.came == []
        assert client.session.is_logged_on
        for _ in range(60):
            client.floor.run(1000)
            client.act(client.session.timer(client.floor.now_ns))
        assert any(isinstance(event, Disconnect) for event in client.happened)
        assert client.floor.gateway.logged_on() == []
        assert client.up, "the venue's close did not arrive either"
        assert client.floor.recorded("order") == []

    def test_what_vanished_is_found_missing_when_it_is_over(self) -> None:
        client = line({"do": "half-open", "for": "5s", "wire": {"way": "out"}})
        rest(client, "1", "2", ms=1000)
        assert client.came == []
        client.floor.run(5000)
        rest(client, "3")
        client.floor.run(100)
        assert reports(client) == ["1", "2", "3"]
        assert [one["text"] for one in client.floor.recorded("fault")] == ["begins", "ends"]

    def test_a_close_is_heard_when_it_is_over(self) -> None:
        client = line({"do": "half-open", "for": "5s", "wire": {"way": "in"}})
        client.drop()
        client.floor.run(1000)
        assert client.floor.gateway.logged_on() == [("XLIT1", "SLUICE-OE")]
        client.floor.run(5000)
        assert client.floor.gateway.logged_on() == []
        client.connect()
        assert client.session.is_logged_on

    def test_without_an_end_the_venue_waits_for_its_own_timers(self) -> None:
        client = line({"do": "half-open", "wire": {"way": "in"}}, heart_bt_int_s=10)
        client.drop()
        client.floor.run(20_000)
        assert client.floor.gateway.logged_on() == [("XLIT1", "SLUICE-OE")]
        client.floor.run(80_000)
        assert client.floor.gateway.logged_on() == []


class TestSlowReader:
    def test_in_orders_are_taken_at_a_trickle_in_their_order(self) -> None:
        client = line({"do": "slow-reader", "bytes_per_s": 1000, "wire": {"way": "in"}})
        sizes = []
        for name in ("1", "2", "3"):
            client.send(order(name, Side.BUY, 9_000))
            sizes.append(len(name))
        client.floor.run(2000)
        entered = [(one["time_ns"] - START_NS) / MS - 100 for one in client.floor.recorded("order")]
        assert len(entered) == 3
        gaps = [later - sooner for sooner, later in pairwise(entered)]
        assert all(100 < gap < 250 for gap in (entered[0], *gaps)), entered

    def test_out_reports_come_at_a_trickle(self) -> None:
        client = line({"do": "slow-reader", "bytes_per_s": 1000, "wire": OUT | {"types": None}})
        for name in ("1", "2"):
            client.send(order(name, Side.BUY, 9_000))
        client.floor.run(2000)
        first, second = client.times()
        assert 100 < first - 100 < 400
        assert 100 < second - first < 400

    def test_the_socket_is_left_alone_while_much_waits_and_read_again_after(self) -> None:
        client = line({"do": "slow-reader", "bytes_per_s": 200_000, "wire": {"way": "in"}})
        for number in range(600):
            client.send(order(str(number), Side.BUY, 9_000))
        gateway = client.floor.gateway
        assert gateway.wire.pauses == [(client.conn, True)]
        client.floor.run(2000)
        assert gateway.wire.pauses == [(client.conn, True), (client.conn, False)]
        assert len(client.floor.recorded("order")) == 600

    def test_more_than_may_wait_breaks_the_connection(self) -> None:
        client = line({"do": "slow-reader", "bytes_per_s": 1, "wire": {"way": "in"}})
        raw = b"58=" + b"x" * 900_000 + b"\x01"
        for _ in range(40):
            if client.up:
                client.send_raw(b"B", raw)
        assert not client.up


class TestSequenceGap:
    def test_out_the_skipped_numbers_are_asked_for_and_filled(self) -> None:
        client = line({"do": "sequence-gap", "numbers": 5, "at_most": 1, "wire": OUT})
        rest(client, "1", "2")
        client.floor.run(100)
        assert reports(client) == ["1", "2"]
        assert client.session.is_logged_on
        assert any(kind == "4" for _, kind, _ in client.came)
        assert client.session.next_in == 9

    def test_in_the_venue_asks_again_for_what_it_had_and_takes_no_order_twice(self) -> None:
        client = line({"do": "sequence-gap", "numbers": 2, "at_most": 1, "wire": IN | {"types": ["D"]}})
        rest(client, "1", "2", "3", ms=100)
        assert any(kind == "2" for _, kind, _ in client.came)
        taken = [one["cl_ord_id"] for one in client.floor.recorded("order")]
        assert len(taken) == len(set(taken))
        assert client.session.is_logged_on
        rest(client, "4")
        assert reports(client)[-1] == "4"


def test_another_session_is_left_alone() -> None:
    client = line({"do": "wire-drop", "wire": {"client": "SLUICE-OE"}})
    feed = client.floor.client("XLIT1", "SLUICE-MD")
    assert feed.session.is_logged_on
    rest(client, "1")
    assert client.came == []
    assert {one["session"] for one in client.floor.recorded("fault")} == {"SLUICE-OE"}


def test_a_client_that_is_not_there_is_refused() -> None:
    floor = Floor()
    script = {"seed": 1, "fault": [{"do": "cut", "wire": {"client": "NOBODY"}}]}
    with pytest.raises(ValueError, match=r"x: fault\.0\.wire\.client = 'NOBODY': must be one of SLUICE-MD"):
        floor.exchange.inject(Script.model_validate(script), floor.now_ns, "x")


def test_the_console_counts_what_struck() -> None:
    client = line({"do": "wire-drop", "share": 0.7, "wire": OUT})
    rest(client, *"12345678")
    (script,) = client.floor.exchange.sabotage.status()
    assert script["faults"] == [
        {
            "fault": "from the start, XLIT1: wire-drop, 35=8 from the venue, SLUICE-OE, 70% of them",
            "struck": len(struck(client)),
        }
    ]
    assert struck(client)
