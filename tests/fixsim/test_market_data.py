"""Market data and instruments through a session's bytes: what is asked is what comes; a gap can be mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fixsim.matching import EventKind, Phase
from fixsim.status import MAX_SUBSCRIPTIONS
from risk.order import Side
from router.fix.codec import Message
from router.fix.messages import (
    MarketDataRequest,
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
    TradingStatus,
)
from tests.fixsim.market import BTC, SYMBOL, Client, Floor, cancel, entries, fields, order, tape, with_clients

SELLS = [(100, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC)]


def asking(
    request_id: str = "r", subscription: int = 1, depth: int = 0, types: Sequence[str] = ("0", "1", "2")
) -> MarketDataRequest:
    return MarketDataRequest(request_id, subscription, depth, tuple(types), (SYMBOL,))


class Feed:
    """A subscriber that builds a book from what it was told, as in docs/fix.md."""

    def __init__(self) -> None:
        self.levels: dict[tuple[str, str], str] = {}
        self.trades: list[str] = []

    def take(self, message: Message) -> None:
        if message.msg_type == b"W":
            self.levels.clear()
        for entry in entries(message.raw):
            parts = entry.split()
            action, kind, price, size = parts if len(parts) == 4 else ("0", *parts)
            if kind == "2":
                self.trades.append(f"{price} {size}")
            elif action == "2":
                self.levels.pop((kind, price), None)
            else:
                self.levels[kind, price] = size


def drained(client: Client) -> list[Message]:
    taken = list(client.got)
    client.got.clear()
    return taken


def busy(floor: Floor, venue: str, rounds: int) -> Client:
    """Orders that come, trade and go at a venue."""
    client = floor.client(venue)
    for number in range(rounds):
        client.send(order(f"b{number}", Side.BUY, 9_990 + number % 14, BTC // 4))
        client.send(order(f"s{number}", Side.SELL, 10_004 - number % 9, BTC // 3))
        if number % 3 == 2:
            client.send(cancel(f"c{number}", f"b{number - 2}"))
        floor.run(1)
    return client


@pytest.mark.parametrize(
    ("depth", "types", "kinds"),
    [(0, "012", "012"), (1, "01", "01"), (3, "0", "0"), (0, "1", "1"), (0, "2", "2"), (5, "12", "12")],
)
def test_only_what_was_asked_for_is_sent(depth: int, types: str, kinds: str) -> None:
    floor = Floor()
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(asking(depth=depth, types=types))
    busy(floor, "XLIT1", 15)
    seen = [entry.split() for message in feed.got for entry in entries(message.raw)]
    assert {entry[-3] for entry in seen} == set(kinds)
    built = Feed()
    for message in feed.got:
        built.take(message)
        for side in "01":
            assert not depth or sum(kind == side for kind, _ in built.levels) <= depth
    traded = sum(float(trade.split()[1]) for trade in built.trades)
    told = sum(line["qty_lots"] for line in floor.recorded("fill") if line["liquidity"] == 2) / BTC
    assert traded == (pytest.approx(told) if "2" in kinds else 0)


def test_trades_alone_begin_with_an_empty_snapshot() -> None:
    floor = Floor(recording=tape(SELLS))
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(asking(types="2"))
    floor.run(1)
    (snapshot,) = drained(feed)
    assert (snapshot.msg_type, fields(snapshot.raw)[268]) == (b"W", "0")


@hypothesis_settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([0, 1, 2, 5]),
    st.lists(st.booleans(), min_size=5, max_size=60),
    st.integers(0, 20),
    st.booleans(),
)
def test_who_missed_messages_asks_for_a_snapshot_and_holds_the_book_again(
    depth: int, lost: list[bool], after: int, varies: bool
) -> None:
    """Loses what `lost` says, asks for a snapshot while more comes, and goes on from there."""
    spread = {"median_ns": 200_000, "p99_ns": 3_000_000, "floor_ns": 1000}
    floor = Floor(with_clients("XLIT1", rule={"market_data_latency_ns": spread} if varies else {}))
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(asking(depth=depth))
    trader = busy(floor, "XLIT1", 12)
    built = Feed()
    for number, message in enumerate(drained(feed)):
        if number and not lost[number % len(lost)]:
            built.take(message)
    feed.send(asking("again", 0, depth))
    for number in range(after):  # in flight while the snapshot is on its way
        trader.send(order(f"x{number}", Side.BUY, 9_980 + number, BTC))
        floor.run(0.1)
    floor.run(50)
    got = drained(feed)
    at = next(n for n, message in enumerate(got) if fields(message.raw)[262] == "again")
    assert [message.msg_type for message in got].count(b"W") == 1
    for message in got[at:]:
        built.take(message)
    feed.send(asking("check", 0, depth))
    floor.run(50)
    truth = Feed()
    truth.take(drained(feed)[-1])
    assert built.levels == truth.levels
    book = floor.exchange.lit.publishers[0].depth
    assert len(truth.levels) == len(book(1, depth)) + len(book(-1, depth))


def test_an_end_ends_what_it_names() -> None:
    floor = Floor()
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(asking("all"))
    feed.send(asking("top", depth=1))
    feed.send(asking("all", subscription=2))
    floor.run(1)
    drained(feed)
    busy(floor, "XLIT1", 6)
    assert {fields(message.raw)[262] for message in drained(feed)} == {"top"}
    feed.send(asking("all"))
    floor.run(1)
    assert [message.msg_type for message in drained(feed)] == [b"W"]


@pytest.mark.parametrize(
    ("request_", "reason", "text"),
    [
        (asking(types="03"), "8", "MDEntryType(269) 3 is not one of 0, 1, 2"),
        (asking("first"), "1", "MDReqID(262) first is in use"),
        (asking("first", 0), "1", "MDReqID(262) first is in use"),
        (
            MarketDataRequest("r", 1, 0, ("0",), (SYMBOL, "ETH-USD")),
            "0",
            "Symbol(55) 'ETH-USD' is not a known symbol",
        ),
    ],
)
def test_a_request_that_cannot_be_is_refused_as_a_whole(
    request_: MarketDataRequest, reason: str, text: str
) -> None:
    floor = Floor()
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(asking("first"))
    floor.run(1)
    drained(feed)
    feed.send(request_)
    floor.run(1)
    (answer,) = feed.seen()
    assert (answer[35], answer[281], answer[58]) == ("Y", reason, text)


# -- instruments


@pytest.mark.parametrize("comp_id", ["SLUICE-OE", "SLUICE-MD"])
def test_what_is_listed_is_told_to_the_last_digit(comp_id: str) -> None:
    floor = Floor()
    client = floor.client("XLIT1", comp_id)
    client.send(SecurityDefinitionRequest("d", 0, SYMBOL))
    client.send(SecurityDefinitionRequest("l", 3))
    client.send(SecurityListRequest("y"))
    client.send(SecurityListRequest("z", 0, SYMBOL))
    floor.run(1)
    first, second = (SecurityDefinition.parse(message, BTC) for message in client.got[:2])
    rule = floor.rules.instrument
    for one in (first, second):
        assert one.response_type == 1
        assert one.security is not None
        assert (one.security.exchange, one.security.lots_per_unit) == ("XLIT1", BTC)
        for name in ("symbol", "tick_nanos", "round_lots", "min_lots", "max_lots"):
            assert getattr(one.security, name) == getattr(rule, name)
    assert (first.security_req_id, second.security_req_id) == ("d", "l")
    assert first.response_id != second.response_id
    for message in client.got[2:]:
        listing = SecurityList.parse(message, BTC)
        assert (listing.result, listing.securities) == (0, (first.security,))


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (SecurityDefinitionRequest("d", 0, "ETH"), {323: "6", 58: "Symbol(55) ETH is not listed"}),
        (SecurityDefinitionRequest("d", 1), {323: "6", 58: "Symbol(55) is missing"}),
        (
            SecurityDefinitionRequest("d", 2),
            {323: "5", 58: "SecurityRequestType(321) 2 is not one of 0, 1, 3"},
        ),
        (SecurityListRequest("y", 0, "ETH"), {560: "2"}),
        (SecurityListRequest("y", 1), {560: "1"}),
        (SecurityStatusRequest("s", "ETH", 1), {326: "20", 58: "Symbol(55) ETH is not listed"}),
    ],
)
def test_what_is_not_listed_is_said_so(request_: Any, wanted: dict[int, str]) -> None:
    floor = Floor()
    client = floor.client()
    client.send(request_)
    floor.run(1)
    (answer,) = client.seen()
    assert {tag: answer.get(tag) for tag in wanted} == wanted


def statuses(client: Client) -> list[SecurityStatus]:
    return [SecurityStatus.parse(message) for message in drained(client) if message.msg_type == b"f"]


def test_a_status_is_told_when_asked_and_when_it_changes() -> None:
    floor = Floor()
    asker, watcher = floor.client("XLIT1", "SLUICE-MD"), floor.client("XLIT1")
    asker.send(SecurityStatusRequest("once", SYMBOL))
    watcher.send(SecurityStatusRequest("all", SYMBOL, 1))
    floor.run(1)
    for client in (asker, watcher):
        (status,) = statuses(client)
        assert (status.status, status.unsolicited) == (TradingStatus.READY_TO_TRADE, False)
        assert status.exchange == "XLIT1"
    for phase, text in ((Phase.HALTED, "news"), (Phase.CONTINUOUS, ""), (Phase.CLOSED, "the end")):
        floor.exchange.set_status("XLIT1", SYMBOL, phase, floor.now_ns, text)
        floor.run(1)
    floor.exchange.set_status("XLIT2", SYMBOL, Phase.HALTED, floor.now_ns)
    floor.run(1)
    told = statuses(watcher)
    assert [(one.status, one.text, one.unsolicited) for one in told] == [
        (TradingStatus.HALT, "news", True),
        (TradingStatus.RESUME, "", True),
        (TradingStatus.NOT_AVAILABLE, "the end", True),
    ]
    assert statuses(asker) == []
    asker.send(SecurityStatusRequest("now", SYMBOL))
    watcher.send(SecurityStatusRequest("all", SYMBOL, 2))
    floor.run(1)
    assert [(one.status, one.text) for one in statuses(asker)] == [(TradingStatus.NOT_AVAILABLE, "the end")]
    floor.exchange.set_status("XLIT1", SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    floor.run(1)
    assert statuses(watcher) == []


def test_a_status_subscription_ends_with_its_session_and_has_a_bound() -> None:
    floor = Floor()
    client = floor.client()
    for number in range(MAX_SUBSCRIPTIONS + 1):
        client.send(SecurityStatusRequest(f"{number}", SYMBOL, 1))
    floor.run(1)
    assert [one.text[:22] for one in statuses(client)][-2:] == ["", "no changes will be tol"]
    client.drop()
    client.connect()
    floor.exchange.set_status("XLIT1", SYMBOL, Phase.HALTED, floor.now_ns)
    floor.run(1)
    assert statuses(client) == []


@pytest.mark.parametrize("venue", ["XLIT1", "XDRK"])
def test_a_halted_venue_takes_cancels_only_until_it_resumes(venue: str) -> None:
    floor = Floor()
    client = floor.client(venue)
    client.send(order("1", Side.BUY, 9_000))
    client.send(order("2", Side.BUY, 9_000))
    floor.run(1)
    floor.exchange.set_status(venue, SYMBOL, Phase.HALTED, floor.now_ns)
    client.send(order("3", Side.SELL, 9_000))
    client.send(cancel("4", "1"))
    floor.run(1)
    _, _, refused, cancelled = client.seen()
    assert (refused[150], refused[103], refused[58]) == ("8", "2", f"{venue}: {SYMBOL} is halted")
    assert (cancelled[150], cancelled[11]) == ("4", "4")
    floor.exchange.set_status(venue, SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    client.send(order("5", Side.SELL, 11_000))
    floor.run(1)
    assert client.reports() == ["0 0 0 1"]
    assert len(floor.exchange.venues[venue].open_orders()) == 2


def test_a_dark_venue_crosses_nothing_while_it_is_halted() -> None:
    floor = Floor()
    client = floor.client("XDRK")
    client.send(order("b", Side.BUY, 10_000, BTC))  # below the midpoint, 100.01
    client.send(order("s", Side.SELL, 9_990, BTC))
    floor.run(1)
    floor.exchange.set_status("XDRK", SYMBOL, Phase.HALTED, floor.now_ns)
    floor.run(1)
    lit = {name: floor.client(name) for name in ("XLIT1", "XLIT2")}
    for one in lit.values():  # the touch becomes 99.97 to 99.98: now they could meet
        one.send(order("1", Side.SELL, 9_998, 3 * BTC))
    floor.run(1)
    assert floor.recorded("fill") != []
    assert not any(line["venue"] == "XDRK" for line in floor.recorded("fill"))
    floor.exchange.set_status("XDRK", SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    floor.run(1)
    assert any(line["venue"] == "XDRK" for line in floor.recorded("fill"))
    with pytest.raises(ValueError, match="XDRK is dark: it has no auction"):
        floor.exchange.set_status("XDRK", SYMBOL, Phase.AUCTION, floor.now_ns)
