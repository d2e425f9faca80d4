"""Each client in its own FIX version: what a venue says is by that version's dictionary, and the same."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fixsim.faults import Script
from fixsim.matching import EventKind, Phase
from fixsim.settings import Settings
from risk.order import Party, Side
from router.fix import secrets
from router.fix.codec import Message, parse
from router.fix.dictionary import Validation, load
from router.fix.messages import (
    ExecType,
    ExecutionReport,
    MarketDataRequest,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    SecurityDefinitionRequest,
    SecurityListRequest,
    SecurityStatusRequest,
)
from router.fix.session import Session
from router.fix.versions import FIX42, FIX44, FIX50SP2, VERSIONS, Version
from tests.fixsim.market import (
    BTC,
    SYMBOL,
    Client,
    Floor,
    cancel,
    entries,
    fields,
    order,
    settings,
    table,
    tape,
)

MOVES = [(30, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC)]
each_version = pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)
OE = "SLUICE-OE"


def spoken(*, comp_id: str = "", also: tuple[dict[str, Any], ...] = (), **terms: Any) -> Settings:
    """The settings, with these terms for a client at each venue, or for all."""
    venues = table()["venue"]
    for venue in venues:
        for client in venue["clients"]:
            if comp_id in ("", client["comp_id"]):
                client.update(terms)
        venue["clients"] += [dict(one) for one in also]
    return settings(venue=venues)


class Speaker(Client):
    """A client that speaks a version."""

    def __init__(self, floor: Floor, venue: str, comp_id: str, version: Version, **terms: Any) -> None:
        super().__init__(floor, venue, comp_id)
        self.version = version
        old = self.session.config
        self.session = Session(
            type(old)(
                "client", "initiator", sender_comp_id=comp_id, target_comp_id=venue, version=version, **terms
            )
        )
        self.connect()

    def send(self, message: Any) -> None:
        try:
            body = message.body(BTC, self.version)
        except TypeError:
            body = message.body(self.version)
        self.send_raw(message.MSG_TYPE, body)

    def typed(self) -> list[ExecutionReport]:
        """The reports that came, parsed; the client's headers are not looked at."""
        rules = self.floor.exchange.instruments
        return [
            ExecutionReport.parse(one, rules, self.version)
            for one in self.got
            if one.msg_type == b"8" and one.get(11) != b"bad"
        ]


def trade(version: Version, **terms: Any) -> tuple[Floor, Speaker, Speaker, Speaker]:
    """A run that meets each message of a venue, but for what the version lacks."""
    also = ({"comp_id": "DROP", "serves": "drop-copy", "version": version.name},)
    rules = spoken(version=version.name, also=also, **terms)
    floor = Floor(rules, tape(MOVES, lasts_ms=2000))
    client = Speaker(floor, "XLIT1", OE, version)
    feed = Speaker(floor, "XLIT1", "SLUICE-MD", version)
    drop = Speaker(floor, "XLIT1", "DROP", version)
    feed.send(MarketDataRequest("r", 1, 0, ("0", "1", "2"), (SYMBOL,)))
    feed.send(MarketDataRequest("n", 1, 2, ("0",), (SYMBOL,)))
    feed.send(MarketDataRequest("r", 1, 0, ("0",), (SYMBOL,)))
    asked: list[Any] = [
        SecurityDefinitionRequest("d", 0, SYMBOL), SecurityDefinitionRequest("d", 3),
        SecurityDefinitionRequest("d", 0, "ETH"), SecurityStatusRequest("s", SYMBOL, 1),
        SecurityStatusRequest("s", "ETH"),
    ]  # fmt: skip
    if version.listings:
        asked += [SecurityListRequest("y"), SecurityListRequest("y", 1)]
    if version.mass:
        asked += [OrderMassStatusRequest("none")]
    for one in asked:
        client.send(one)
    for number, ticks in enumerate((9_000, 10_000, 10_003, None)):
        client.send(order(f"{number}", Side.BUY, ticks, BTC, account="A"))
    own = (Party("DESK7", 3), Party("CLEAR", 4))
    client.send(order("whose", Side.BUY, 9_000, BTC, account="A", parties=own, order_capacity="A"))
    status = OrderStatusRequest("1", SYMBOL, Side.BUY, ord_status_req_id="q")
    for also_asked in (status, cancel("c", "0"), cancel("d", "0"), cancel("e", "x")):
        client.send(also_asked)
    client.send_raw(b"D", b"11=bad\x0155=ETH-USD\x0154=1\x01")
    client.send_raw(b"B", b"58=hello\x01")
    floor.run(200)
    faults = [{"do": "restate"}, {"do": "correct", "ticks": 3, "at_most": 1}, {"do": "bust", "at_most": 1}]
    script = Script.model_validate({"seed": 1, "fault": faults})
    floor.exchange.inject(script, floor.now_ns, "x")
    floor.run(200)
    for phase in (Phase.HALTED, Phase.CONTINUOUS, Phase.AUCTION):
        floor.exchange.set_status("XLIT1", SYMBOL, phase, floor.now_ns, "why")
    floor.run(20)
    if version.mass:
        client.send(OrderMassStatusRequest("some"))
        client.send(OrderMassCancelRequest("m", floor.now_ns, "7"))
    floor.run(100)
    return floor, client, feed, drop


@each_version
def test_what_venues_say_is_by_the_dictionary_of_the_clients_version(version: Version) -> None:
    floor, client, feed, drop = trade(version)
    dictionary, kinds = load(version), set()
    for one in (*client.got, *feed.got, *drop.got):
        fault = dictionary.fault(one, Validation.FULL)
        assert fault is None, (fault, one.raw)
        assert one.raw.startswith(b"8=" + version.begin_string.encode() + b"\x01")
        kinds.add(one.msg_type)
    everything = {b"8", b"9", b"W", b"X", b"Y", b"d", b"f", b"j"}
    assert kinds == everything | ({b"r"} if version.mass else set()) | ({b"y"} if version.listings else set())
    assert floor.gateway.alerts == [
        f"XLIT1/{OE}: Symbol(55) 'ETH-USD' is not a known symbol",
    ]


@each_version
def test_it_says_the_same_in_every_version(version: Version) -> None:
    """What of a report every version can say; and the drop copy says whose it was, where it can."""
    _, client, feed, drop = trade(version)
    _, same, data, _ = trade(FIX44)

    def said(reports: list[ExecutionReport]) -> list[ExecutionReport]:
        return [
            one._replace(
                last_liquidity=None, price_improvement_nanos=0, parties=(), copy=False, order_capacity="",
                ord_rej_reason=None, restatement_reason=None, ord_status_req_id="", oddities=(),
                exec_id="" if "-" not in one.exec_id else one.exec_id,
            )
            for one in reports if not one.mass_status_req_id and not one.text.startswith("mass cancel")
        ]  # fmt: skip

    mine, theirs = said(client.typed()), said(same.typed())
    types = [one.exec_type for one in mine]
    for kind in (ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT, ExecType.RESTATED):
        assert kind in types, kind
    shown = [one for one in mine if one.exec_type is not ExecType.ORDER_STATUS]
    assert shown == [one for one in theirs if one.exec_type is not ExecType.ORDER_STATUS]
    told = [(one.msg_type, entries(one.raw)) for one in feed.got if one.msg_type in (b"W", b"X")]
    all_of_it = [(one.msg_type, entries(one.raw)) for one in data.got if one.msg_type in (b"W", b"X")]
    assert told == (all_of_it if version.mass else all_of_it[: len(told)])
    assert len(told) > 5
    copies = drop.typed()
    assert len(copies) == len(client.typed())
    assert {one.owner for one in copies} == {OE}
    assert all(one.copy for one in copies) == version.parties


@each_version
def test_parties_and_capacity_of_an_order_are_in_its_reports(version: Version) -> None:
    _, client, _, drop = trade(version)
    for one in (*client.typed(), *drop.typed()):
        if one.cl_ord_id == "whose":
            roles = {party.role: party.party_id for party in one.parties}
            assert (roles[3], roles[4], one.order_capacity) == ("DESK7", "CLEAR", "A")


def test_four_two_is_not_served_what_it_does_not_have() -> None:
    floor = Floor(spoken(version="FIX.4.2"), tape(MOVES))
    client = Speaker(floor, "XLIT1", OE, FIX42)
    lacking = {b"q": b"11=1\x01530=7\x01", b"AF": b"584=1\x01585=7\x01", b"x": b"320=1\x01559=4\x01"}
    for kind, body in lacking.items():
        client.send_raw(kind, body)
        (reject,) = client.seen()
        assert (reject[35], reject[372], reject[380]) == ("j", kind.decode(), "3")


def test_clients_of_one_venue_speak_different_versions_and_trade_with_each_other() -> None:
    also = ({"comp_id": "OLD", "serves": "orders", "version": "FIX.4.2"},
            {"comp_id": "DROP", "serves": "drop-copy", "version": "FIX.4.2", "copies": [OE]})  # fmt: skip
    floor = Floor(spoken(comp_id=OE, version="FIX.5.0SP2", also=also), tape(lasts_ms=2000))
    new, old = Speaker(floor, "XLIT1", OE, FIX50SP2), Speaker(floor, "XLIT1", "OLD", FIX42)
    drop = Speaker(floor, "XLIT1", "DROP", FIX42)
    new.send(order("a", Side.BUY, 10_000, BTC))
    floor.run(5)
    old.send(order("b", Side.SELL, 10_000, BTC))
    floor.run(5)
    (filled,) = [one for one in new.seen() if one[150] == "F"]
    (theirs,) = [one for one in old.seen() if one[150] == "2"]
    assert (filled[8], filled[32], theirs[8], theirs[32], theirs[20]) == (
        "FIXT.1.1",
        "1",
        "FIX.4.2",
        "1",
        "0",
    )
    copies = drop.seen()
    assert [(one[8], one[150], one[76]) for one in copies] == [("FIX.4.2", "0", OE), ("FIX.4.2", "2", OE)]


def test_a_peer_of_another_version_is_not_logged_on() -> None:
    floor = Floor(spoken(version="FIX.5.0SP2"), tape(MOVES))
    client = Speaker(floor, "XLIT1", OE, FIX44)
    assert not client.session.is_logged_on
    assert not client.up


class TestTerms:
    def test_a_password_is_asked_for_and_kept_from_everything_that_is_written(self) -> None:
        rules = spoken(comp_id=OE, username="router", password_file="p", version="FIX.5.0SP2")
        known = {(venue, OE): b"s3cret" for venue in ("XLIT1", "XLIT2", "XDRK")}
        floor = Floor(rules, tape(MOVES), passwords=known)
        for password, on in ((b"wrong", False), (b"s3cret", True)):
            conn = object()
            floor.gateway.accepted(conn, "XLIT1")
            client = Speaker.__new__(Speaker)
            Client.__init__(client, floor, "XLIT1", OE)
            config = type(client.session.config)(
                "c", "initiator", sender_comp_id=OE, target_comp_id="XLIT1", version=FIX50SP2,
                username="router", has_password=True,
            )  # fmt: skip
            client.version, client.session = FIX50SP2, Session(config)
            client.conn, client.up = conn, True
            floor.clients[conn] = client
            for event in client.session.connected(floor.now_ns):
                raw = secrets.fill(event.raw, {554: password})  # type: ignore[union-attr]
                floor.gateway.received(conn, parse(raw), floor.now_ns)
            floor.deliver()
            assert client.session.is_logged_on == on
        assert not [text for text in (*floor.lines, *floor.gateway.alerts) if "s3cret" in text]

    def test_a_password_that_nobody_read_is_our_fault(self) -> None:
        rules = spoken(comp_id=OE, username="router", password_file="p")
        with pytest.raises(ValueError, match=f"{OE} at XLIT1 needs a password"):
            Floor(rules, tape(MOVES))

    def test_full_validation_rejects_by_the_dictionary_and_framing_does_not(self) -> None:
        wrong = b"11=a\x0155=BTC-USD\x0154=1\x0138=1\x0140=2\x0144=90\x0160=20180713-20:47:11\x01"
        for level, kinds in (("full", ["3"]), ("framing", ["8"])):
            floor = Floor(spoken(comp_id=OE, validation=level), tape(MOVES))
            client = Speaker(floor, "XLIT1", OE, FIX44)
            client.send_raw(b"D", wrong + b"9999=x\x01" + b"268=1\x01")
            floor.run(5)
            raw = bytes(floor.wire).split(b"8=FIX.4.4\x01")[2:]
            assert [fields(b"8=FIX.4.4\x01" + one)[35] for one in raw] == kinds

    def test_sending_time_has_the_clients_digits(self) -> None:
        for unit, length in (("s", 17), ("ms", 21), ("us", 24), ("ns", 27)):
            floor = Floor(spoken(comp_id=OE, timestamp=unit), tape(MOVES))
            client = Speaker(floor, "XLIT1", OE, FIX44)
            client.send(order("1", Side.BUY, 9_000))
            floor.run(5)
            (report,) = client.seen()
            assert len(report[52]) == length, unit

    @pytest.mark.parametrize(
        ("terms", "says"),
        [
            ({"version": "FIX.4.3"}, "FIX.4.2"),
            ({"username": "x"}, "username and password_file belong together"),
            ({"username": "x", "password_file": "p", "version": "FIX.4.2"}, "FIX.4.2 has no such field"),
            ({"next_expected": True, "version": "FIX.4.2"}, "FIX.4.2 has no such field"),
            ({"custom_tags": [{"tag": 6000}]}, "nothing looks at tags"),
            ({"custom_tags": [{"tag": 6000, "type": "Blob"}], "validation": "full"}, "is none of"),
        ],
    )
    def test_terms_that_cannot_be_are_refused(self, terms: dict[str, Any], says: str) -> None:
        with pytest.raises(ValidationError, match=says):
            spoken(comp_id=OE, **terms)


def test_a_message_is_whole_whatever_its_version() -> None:
    """The framer takes what the gateway wrote, header by header."""
    floor, *_ = trade(FIX50SP2)
    assert isinstance(parse(bytes(floor.wire[: floor.wire.index(b"\x0110=") + 8])), Message)
