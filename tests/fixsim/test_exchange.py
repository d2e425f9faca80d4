"""The whole market behind its FIX door, without sockets: queues, latency, sessions that come and go."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixsim.exchange import Exchange
from fixsim.flow.source import Source, TapeFlow
from fixsim.matching import Capacity, EventKind, Market, venue_of
from fixsim.settings import load_settings, refuse_other_tape, tape_path
from fixsim.tape import load_tape
from risk.errors import SettingsError
from risk.order import OrdType, Side, TimeInForce
from router.fix import events
from router.fix.codec import Garbled
from router.fix.messages import MarketDataRequest, OrderStatusRequest
from tests.fixsim.market import (
    BTC,
    ETC,
    MS,
    START_NS,
    SYMBOL,
    Floor,
    cancel,
    entries,
    fields,
    order,
    settings,
    tape,
)

SUBSCRIBE = MarketDataRequest("r", 1, 0, ("0", "1", "2"), (SYMBOL,))
HOME = {ordinal: venue_of(ordinal, 2) for ordinal in range(100)}
SELL_AT_BID = (100, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC)


def test_an_order_takes_its_latency_there_and_back() -> None:
    floor = Floor()
    client = floor.client()
    client.send(order("1", Side.BUY, 9_990))
    floor.run(0.29)
    assert client.reports() == []
    floor.run(0.02)
    assert client.reports() == ["0 0 0 1"]
    (line,) = floor.recorded("order")
    assert line["time_ns"] == START_NS + 200_000


def test_a_resting_order_waits_for_the_queue_ahead_and_then_earns_the_rebate() -> None:
    floor = Floor(recording=tape([(50, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC // 2)]))
    queue = HOME[0]  # where the recorded bid at 100.00 rests
    ahead = floor.client(f"XLIT{queue + 1}")
    ahead.send(order("1", Side.BUY, 10_000))
    floor.run(60)
    assert ahead.reports() == ["0 0 0 1", "F 1 0.5 0.5"]
    (fill,) = floor.recorded("fill")
    assert fill["liquidity"] == 1
    assert fill["time_ns"] == START_NS + 50 * MS
    floor.run(2000)
    assert floor.recorded("fill") == [fill]


def test_market_ioc_fok_and_cancel() -> None:
    floor = Floor()
    client = floor.client(f"XLIT{HOME[10] + 1}")  # where the best offer rests
    client.send(order("m", Side.BUY, None, BTC // 2))
    client.send(order("i", Side.BUY, 10_002, BTC, tif=TimeInForce.IOC))
    client.send(order("f", Side.BUY, 10_002, BTC, tif=TimeInForce.FOK))
    client.send(order("r", Side.SELL, 10_003, BTC))
    floor.run(1)
    client.send(cancel("c", "r", Side.SELL))
    client.send(OrderStatusRequest("m", SYMBOL, Side.BUY))
    floor.run(1)
    assert client.reports() == [
        "0 0 0 0.5", "F 2 0.5 0", "0 0 0 1", "F 1 0.5 0.5", "4 4 0.5 0", "0 0 0 1", "4 4 0 0", "0 0 0 1",
        "4 4 0 0", "I 2 0.5 0",
    ]  # fmt: skip


def test_the_book_goes_out_as_it_changes_and_only_then() -> None:
    floor = Floor(recording=tape([SELL_AT_BID]))
    feeds = [floor.client(f"XLIT{n}", "SLUICE-MD") for n in (1, 2)]
    for feed in feeds:
        feed.send(SUBSCRIBE)
    floor.run(1)
    seen = [[entry for message in feed.got for entry in entries(message.raw)] for feed in feeds]
    assert sum(len(side) for side in seen) == 21  # 20 levels and what the tape's first event put there
    for feed in feeds:
        feed.got.clear()
    floor.run(98)
    assert [feed.reports() for feed in feeds] == [[], []]
    floor.run(2)
    by_venue = [[entry for message in feed.got for entry in entries(message.raw)] for feed in feeds]
    both = by_venue[0] + by_venue[1]
    assert "0 2 100 1" in both  # the trade, where the bid rested
    assert "2 0 100 0" in both  # the level gone
    assert both.count("0 1 100 2") == 1  # the remainder, at its own venue


def test_the_dark_venue_crosses_at_the_lit_midpoint() -> None:
    floor = Floor()
    client = floor.client("XDRK")
    client.send(order("b", Side.BUY, None, BTC, ord_type=OrdType.PEGGED, exec_inst="M"))
    client.send(order("s", Side.SELL, None, BTC // 4, ord_type=OrdType.PEGGED, exec_inst="M"))
    floor.run(1)
    assert client.reports() == ["0 0 0 1", "0 0 0 0.25", "F 1 0.25 0.75", "F 2 0.25 0"]
    assert {fill["price_nanos"] for fill in floor.recorded("fill")} == {100_010_000_000}
    client.send(cancel("c", "b"))
    floor.run(1)
    assert client.reports() == ["4 4 0.25 0"]


def test_hidden_interest_is_seeded() -> None:
    def fills(seed: int) -> list[dict[str, object]]:
        floor = Floor(settings(hidden={"rate_per_s": 20.0}, seed=seed))
        client = floor.client("XDRK")
        client.send(order("b", Side.BUY, None, 100 * BTC, ord_type=OrdType.PEGGED, exec_inst="M"))
        floor.run(1000)
        return floor.recorded("fill")

    assert fills(1) == fills(1) != fills(2)
    assert fills(1)


def test_two_runs_give_the_same_bytes() -> None:
    def run() -> tuple[bytes, list[str]]:
        floor = Floor(settings(hidden={"rate_per_s": 20.0}), tape([SELL_AT_BID]))
        clients = {venue: floor.client(venue) for venue in ("XLIT1", "XLIT2", "XDRK")}
        for venue in ("XLIT1", "XLIT2"):
            floor.client(venue, "SLUICE-MD").send(SUBSCRIBE)
        for number, (venue, client) in enumerate(clients.items()):
            peg = {"ord_type": OrdType.PEGGED, "exec_inst": "M"} if venue == "XDRK" else {}
            client.send(order(f"{number}", Side.BUY, 10_000, 5 * BTC, **peg))
            floor.run(150)
        floor.run(2000)
        floor.exchange.finish(floor.now_ns)
        return bytes(floor.wire), floor.lines

    assert run() == run()


def test_reports_made_while_the_client_is_away_are_found_at_the_next_logon() -> None:
    floor = Floor(recording=tape([SELL_AT_BID]))
    client = floor.client(f"XLIT{HOME[0] + 1}")
    client.send(order("1", Side.BUY, 10_000))
    floor.run(1)
    assert client.reports() == ["0 0 0 1"]
    client.drop()
    floor.run(200)
    assert client.reports() == []
    client.connect()
    floor.run(1)
    assert client.reports() == ["F 2 1 0"]
    assert any(isinstance(event, events.GapOpened) for event in client.happened)
    assert any(isinstance(event, events.GapClosed) for event in client.happened)
    client.send(OrderStatusRequest("1", SYMBOL, Side.BUY))
    floor.run(1)
    assert client.reports() == ["I 2 1 0"]


def test_orders_rest_while_their_owner_is_away_and_subscriptions_do_not() -> None:
    floor = Floor()
    client, feed = floor.client(), floor.client("XLIT1", "SLUICE-MD")
    client.send(order("1", Side.BUY, 9_000))
    feed.send(SUBSCRIBE)
    floor.run(1)
    client.drop()
    feed.drop()
    floor.run(10)
    venue = floor.exchange.venues["XLIT1"]
    assert [one.cl_ord_id for one in venue.open_orders()] == ["1"]
    assert not floor.exchange.lit.publishers[0].subscribed
    floor.exchange.finish(floor.now_ns)
    (still,) = floor.recorded("open")
    assert (still["cl_ord_id"], still["leaves_lots"]) == ("1", BTC)
    assert floor.recorded("end")[0]["orders"] == 1


@pytest.mark.parametrize(
    ("body", "kind", "wanted"),
    [
        (
            b"11=1\x0121=1\x0155=ETH-USD\x0154=1\x0160=20180713-20:47:11\x0138=1\x0140=1\x01",
            b"D",
            {150: "8", 103: "1"},
        ),
        (
            b"11=1\x0155=BTC-USD\x0154=1\x0160=20180713-20:47:11\x0138=0.123456789\x0140=1\x01",
            b"D",
            {103: "13"},
        ),
        (b"11=1\x0155=BTC-USD\x0154=9\x0160=20180713-20:47:11\x0138=1\x0140=1\x01", b"D", {103: "11"}),
        (b"55=BTC-USD\x0154=1\x0160=20180713-20:47:11\x0138=1\x0140=1\x01", b"D", {380: "5", 372: "D"}),
        (b"11=2\x0155=BTC-USD\x0154=1\x0160=20180713-20:47:11\x0138=1\x01", b"F", {380: "5", 372: "F"}),
        (b"262=r\x01263=1\x01264=0\x01", b"V", {380: "3", 372: "V"}),
        (b"58=hello\x01", b"B", {380: "3", 372: "B"}),
    ],
)
def test_what_cannot_be_read_is_answered_with_field_and_rule(
    body: bytes, kind: bytes, wanted: dict[int, str]
) -> None:
    floor = Floor()
    client = floor.client()
    client.send_raw(kind, body)
    floor.run(1)
    (answer,) = client.got
    seen = fields(answer.raw)
    assert {tag: seen.get(tag) for tag in wanted} == wanted
    assert seen[58]
    assert client.session.is_logged_on


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"262=r\x01263=1\x01264=0\x01265=1\x01267=1\x01269=0\x01146=1\x0155=ETH-USD\x01", "0"),
        (b"262=r\x01263=7\x01264=0\x01265=1\x01267=1\x01269=0\x01146=1\x0155=BTC-USD\x01", "4"),
        (b"262=r\x01263=1\x01264=-1\x01265=1\x01267=1\x01269=0\x01146=1\x0155=BTC-USD\x01", "5"),
        (b"262=r\x01263=1\x01264=0\x01265=0\x01267=1\x01269=0\x01146=1\x0155=BTC-USD\x01", "6"),
    ],
)
def test_a_wrong_subscription_is_refused_by_reason(body: bytes, reason: str) -> None:
    floor = Floor()
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send_raw(b"V", body)
    (answer,) = feed.got
    assert (answer.msg_type, fields(answer.raw)[281]) == (b"Y", reason)


def test_strangers_wrong_venues_and_doubles_are_hung_up() -> None:
    floor = Floor()
    first = floor.client()
    for venue, comp_id in (("XLIT1", "NOBODY"), ("XDRK", "SLUICE-MD"), ("XLIT1", "SLUICE-OE")):
        assert not floor.client(venue, comp_id).up
    assert first.session.is_logged_on
    assert "SLUICE-OE is connected already" in floor.gateway.alerts[-1]
    conn = object()
    floor.gateway.accepted(conn, "XLIT1")
    floor.gateway.received(conn, Garbled("noise", b"x", 1), floor.now_ns)
    assert floor.gateway.hangups == [conn]


def test_heartbeats_keep_an_idle_session_and_silence_ends_it() -> None:
    floor = Floor(recording=tape(lasts_ms=300_000))
    client = floor.client()
    floor.run(29_000)
    assert client.session.is_logged_on
    client.up = False  # it hears nothing and says nothing
    floor.run(80_000)
    assert floor.gateway.hangups == []
    assert any("nothing received" in text for text in floor.gateway.alerts)


def test_no_participants_icebergs_stop_the_recording() -> None:
    """What one could be filled in at most is bounded, so that a recorded taker always finds room."""
    floor = Floor(
        recording=tape(
            [(200, EventKind.MARKET, 60, 1, 0, 3 * BTC), (300, EventKind.LIMIT, 61, -1, 9_000, BTC)]
        )
    )
    client = floor.client()
    client.send(order("hidden", Side.SELL, 30_000, max_floor_lots=0))
    for number in range(140):
        client.send(order(str(number), Side.SELL, 20_000 + number, 1000, max_floor_lots=1))
    floor.run(20)
    assert set(client.reports()) == {"0 0 0 1", "0 0 0 0.00001", "8 8 0 0"}
    assert "at most an eighth" in floor.recorded("rejected")[0]["text"]
    client.send(cancel("c", "3", Side.SELL))
    client.send(cancel("d", "hidden", Side.SELL))
    floor.run(1000)
    assert client.reports() == ["4 4 0 0", "4 4 0 0"]
    assert floor.exchange.lit.market.next_time_ns is None


def test_fills_that_nobody_drained_do_not_stop_the_recording() -> None:
    """Between two turns, or before the start, more may trade than the market can keep: it is drained."""
    moves = [
        move
        for n in range(12)
        for move in (
            (2 * n, EventKind.LIMIT, 30 + 2 * n, 1, 10_001, 1),
            (2 * n + 1, EventKind.MARKET, 31 + 2 * n, -1, 0, 1),
        )
    ]
    recording = tape(moves, lasts_ms=100)
    small = Capacity(orders=64, recorded=128, own=8, window=64, overflow=64, fills=16, notes=16)

    def run(start_ms: int) -> int:
        market = Market.for_tape(recording, 2, capacity=small)
        source = Source(market, TapeFlow(market), START_NS + start_ms * MS, recording.end_ns)
        exchange = Exchange(settings(), source, lambda line: None)
        exchange.advance(START_NS + 100 * MS)
        assert market.next_time_ns is None
        return market.counts().matches

    assert run(0) == run(50) == 12

    class Slow(TapeFlow):
        """It has nothing to say before 60 ms."""

        def next_time_ns(self) -> int | None:
            at = super().next_time_ns()
            return None if at is None else max(at, START_NS + 60 * MS)

    market = Market.for_tape(recording, 2, capacity=small)
    exchange = Exchange(
        settings(), Source(market, Slow(market), START_NS, recording.end_ns), lambda line: None
    )
    exchange.advance(START_NS + 100 * MS)
    assert market.counts().matches == 12


def test_wall_time_runs_the_tape_at_its_speed() -> None:
    lines: list[str] = []
    exchange = Exchange(settings(), tape(lasts_ms=1000), lines.append, origin_ns=7_000_000_000, speed=10.0)
    assert exchange.deadline_ns() == 7_000_000_000
    exchange.advance(7_000_000_000)
    assert exchange.deadline_ns() == exchange.end_ns == 7_100_000_000
    exchange.advance(7_100_000_000)
    assert exchange.deadline_ns() is None
    assert exchange.lit.market.counts().events == 2


def test_a_later_start_finds_the_book_of_that_moment() -> None:
    at = datetime.fromtimestamp(START_NS / 1e9, UTC).replace(microsecond=500_000)
    floor = Floor(settings(tape={"start": at}), tape([SELL_AT_BID]))
    assert floor.now_ns == START_NS + 500 * MS
    assert floor.exchange.lit.market.counts().matches == 1
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(SUBSCRIBE)
    floor.run(1)
    assert feed.reports() == ["W"]


def test_the_shipped_tape_replays_to_its_own_end_behind_the_door() -> None:
    rules = load_settings(ETC)
    recording = load_tape(tape_path(rules, ETC))
    refuse_other_tape(rules, recording, ETC)
    floor = Floor(settings(), recording)
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(SUBSCRIBE)
    floor.run(20_000)
    assert len(feed.got[0].raw) > 400_000
    assert feed.session.is_logged_on
    assert floor.exchange.lit.market.counts().displaced == 0


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("seed = 20180713", "", "seed is missing"),
        ("seed = 20180713", "sed = 1", "sed is not a setting (did you mean seed?)"),
        ("speed = 10.0", 'speed = "fast"', "clock.speed = 'fast'"),
        (
            "lost_ns = 2_000_000_000",
            "lost_ms = 2000",
            "clock.lost_ms is not a setting (did you mean lost_ns?)",
        ),
        ("speed = 10.0", "speed = -1.0", "clock.speed = -1.0"),
        ("speed = 10.0", "speed = 1e-9", "speed 1e-09 is neither 0 nor at least 1e-06"),
        ("port = 9402", 'port = "9402"', "venue.1.port = '9402'"),
        ("port = 9402", "port = 9401", "must differ, got [9401, 9401, 9403, 9400]"),
        ('name = "XLIT2"', 'name = "XLIT1"', "venue names must differ"),
        ('kind = "dark"', 'kind = "grey"', "venue.2.kind = 'grey'"),
        ("# start = 2018-07-13T20:47:30Z", 'start = "20:47"', "tape.start = '20:47'"),
        ("max_lots = 200_000_000", "max_lots = 2", "min_lots <= mean_lots <= max_lots"),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule(tmp_path: Path, old: str, new: str, text: str) -> None:
    written = ETC.read_text(encoding="utf-8")
    assert written.count(old) == 1
    file = tmp_path / "fixsim.toml"
    file.write_text(written.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_other_tape_is_named() -> None:
    with pytest.raises(SettingsError, match=r"tape.path = 'none.xz': no such file in"):
        tape_path(settings(tape={"path": "none.xz"}), ETC)
    with pytest.raises(SettingsError, match=r"instrument.symbol = 'ETH-USD': the tape says 'BTC-USD'"):
        refuse_other_tape(settings(instrument={"symbol": "ETH-USD"}), tape(), ETC)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(ETC.with_name("nothing.toml"))


def test_what_the_settings_file_shows_in_comments_can_be_said(tmp_path: Path) -> None:
    """The examples of etc/fixsim.toml, taken at their word."""
    written = ETC.read_text(encoding="utf-8")
    for line in ("order_fee_nanos = 0", "min_fill_fee_nanos = 0"):
        written = written.replace(f"# {line}", line, 1)
    example = next(line for line in written.splitlines() if line.startswith("# order_latency_ns = {"))
    written = written.replace("order_latency_ns = 200_000 ", f"{example[2:]} #", 1)
    options = (
        'cancel_on_disconnect = true, max_orders_per_s = 50, max_cancels_per_s = 100, self_match = "newest"'
    )
    written = written.replace('serves = "orders" }', f'serves = "orders", {options} }}', 1)
    drop = next(line for line in written.splitlines() if "RISK-DC" in line)
    written = written.replace(drop, drop.replace("# ", ""), 1)
    head, _, tail = written.partition("# [[listing]]")
    tail = "\n".join(line.removeprefix("# ") for line in tail.partition("\n\n")[0].splitlines())
    file = tmp_path / "fixsim.toml"
    file.write_text(f"{head}[[listing]]{tail}", encoding="utf-8")
    rules = load_settings(file)
    first = rules.venue[0]
    assert not isinstance(first.order_latency_ns, int)
    assert first.order_latency_ns.p99_ns == 1_500_000
    assert [client.comp_id for client in first.clients] == ["SLUICE-OE", "SLUICE-MD", "RISK-DC"]
    assert (first.clients[0].max_orders_per_s, first.copied_to("SLUICE-OE")) == (50, ("RISK-DC",))
    assert [listed.symbol for listed in rules.listing] == ["ETH-USD"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("order_latency_ns = 200_000", "order_latency_ns = -1", "venue.0.order_latency_ns.constant = -1"),
        (
            "order_latency_ns = 200_000",
            "order_latency_ns = { median_ns = 5, p99_ns = 5, floor_ns = 1 }",
            "floor_ns < median_ns < p99_ns must hold",
        ),
        (
            "order_latency_ns = 200_000",
            "order_latency_ns = { median_ns = 5, p99_ns = 9 }",
            "order_latency_ns.varies.floor_ns is missing",
        ),
        (
            'serves = "market-data" }',
            'serves = "market-data", self_match = "both" }',
            'self_match needs serves = "orders"',
        ),
        (
            'serves = "market-data" }',
            'serves = "drop-copy", copies = ["X"] }',
            'copies of XLIT1: X is not a client that serves "orders"',
        ),
        (
            'serves = "orders" }',
            'serves = "orders", copies = ["X"] }',
            'copies needs serves = "drop-copy", SLUICE-OE serves "orders"',
        ),
        ('serves = "orders" }', 'serves = "orders", max_orders_per_s = 0 }', "max_orders_per_s = 0"),
    ],
)
def test_a_wrong_option_is_named_with_its_rule(tmp_path: Path, old: str, new: str, text: str) -> None:
    file = tmp_path / "fixsim.toml"
    file.write_text(ETC.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
