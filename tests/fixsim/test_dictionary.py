"""What the venues send is FIX 4.4 by its dictionary: messages, fields, values, groups."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from fixsim.matching import EventKind, Phase
from risk.order import OrdType, Side
from router.fix.codec import Framer, Message
from router.fix.messages import (
    MarketDataRequest,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    SecurityDefinitionRequest,
    SecurityListRequest,
    SecurityStatusRequest,
)
from tests.fixsim.market import BTC, START_NS, SYMBOL, Floor, cancel, order, tape, with_clients
from tests.router.fix.test_messages import message

SHARED = os.environ.get("SHARED_DATA")
XML = Path(SHARED or "") / "fix_spec" / "FIX44.xml"

pytestmark = pytest.mark.skipif(not SHARED, reason="SHARED_DATA is not set: no FIX dictionary")


class Dictionary:
    """FIX44.xml of QuickFIX: which fields a message may have, must have, and which values they take."""

    def __init__(self, path: Path) -> None:
        root = ElementTree.parse(path).getroot()
        fields, self._components = root.find("fields"), root.find("components")
        header, trailer, messages = root.find("header"), root.find("trailer"), root.find("messages")
        assert fields is not None
        assert header is not None
        assert trailer is not None
        assert messages is not None
        self._number = {one.get("name", ""): int(one.get("number", "0")) for one in fields}
        self._values = {
            int(one.get("number", "0")): ({value.get("enum", "") for value in one}, one.get("type"))
            for one in fields
        }
        self._frame = self._allowed(header) | self._allowed(trailer)
        self._messages = {
            one.get("msgtype", ""): (self._allowed(one), self._required(one), self._groups(one))
            for one in messages
        }

    def faults(self, message: Message) -> list[str]:
        """What is wrong with a message by the dictionary, one line each."""
        kind = message.msg_type.decode()
        if kind not in self._messages:
            return [f"35={kind} is no message of FIX 4.4"]
        allowed, required, groups = self._messages[kind]
        fields = [(tag, value.decode("latin-1")) for tag, value in message.fields()]
        tags = [tag for tag, _ in fields]
        faults = [f"35={kind}: {tag} does not belong" for tag in {*tags} - allowed - self._frame]
        faults += [f"35={kind}: {tag} is missing" for tag in required - {*tags}]
        inside = {tag for members in groups.values() for tag in members}
        faults += [f"35={kind}: {tag} comes twice" for tag in {*tags} - inside if tags.count(tag) > 1]
        for count, members in groups.items():
            if count in tags:
                first = fields[tags.index(count) + 1][0]
                stated = int(dict(fields)[count])
                if first != members[0] or tags.count(first) != stated:
                    faults.append(f"35={kind}: {count}={stated}, but {tags.count(first)} of {first}")
        for tag, value in fields:
            known, form = self._values.get(tag, (set(), ""))
            several = value.split() if form == "MULTIPLEVALUESTRING" else [value]
            if known and not {*several} <= known:
                faults.append(f"35={kind}: {tag}={value} is not one of {sorted(known)}")
        return faults

    def _inside(self, element: ElementTree.Element) -> list[ElementTree.Element]:
        """An element's fields and groups, those of its components too."""
        assert self._components is not None
        found = []
        for one in element:
            if one.tag == "component":
                named = next(part for part in self._components if part.get("name") == one.get("name"))
                found += self._inside(named)
            else:
                found.append(one)
        return found

    def _allowed(self, element: ElementTree.Element) -> set[int]:
        found: set[int] = set()
        for one in self._inside(element):
            found.add(self._number[one.get("name", "")])
            if one.tag == "group":
                found |= self._allowed(one)
        return found

    def _required(self, element: ElementTree.Element) -> set[int]:
        fields = [one for one in element if one.tag == "field" and one.get("required") == "Y"]
        return {self._number[one.get("name", "")] for one in fields}

    def _groups(self, element: ElementTree.Element) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for one in self._inside(element):
            if one.tag == "group":
                members = [self._number[part.get("name", "")] for part in self._inside(one)]
                found[self._number[one.get("name", "")]] = members
                found |= self._groups(one)
        return found


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary(XML)


def everything() -> bytes:
    """Every byte that the venues say in a run that meets each of their messages."""
    moves = [(30, EventKind.LIMIT, 50, -1, 10_000, 3 * BTC)]
    also = [{"comp_id": "DROP", "serves": "drop-copy"}]
    floor = Floor(with_clients(max_orders_per_s=12, cancel_on_disconnect=True, also=also), tape(moves))
    client, feed = floor.client(), floor.client("XLIT1", "SLUICE-MD")
    floor.client(comp_id="DROP")
    dark = floor.client("XDRK")
    feed.send(MarketDataRequest("r", 1, 0, ("0", "1", "2"), (SYMBOL,)))
    feed.send(MarketDataRequest("n", 1, 2, ("0",), (SYMBOL,)))
    feed.send(MarketDataRequest("r", 1, 0, ("0",), (SYMBOL,)))
    for asked in (
        SecurityDefinitionRequest("d", 0, SYMBOL), SecurityDefinitionRequest("d", 3),
        SecurityDefinitionRequest("d", 2), SecurityDefinitionRequest("d", 0, "ETH"), SecurityListRequest("y"),
        SecurityListRequest("y", 1), SecurityStatusRequest("s", SYMBOL, 1),
        SecurityStatusRequest("s", "ETH"),
    ):  # fmt: skip
        client.send(asked)
    client.send(OrderMassStatusRequest("none"))
    for number, ticks in enumerate((9_000, 10_000, 10_003, None)):
        client.send(order(f"{number}", Side.BUY, ticks, BTC, account="A"))
    for asked_ in (
        OrderMassStatusRequest("some"), OrderStatusRequest("1", SYMBOL, Side.BUY, ord_status_req_id="q"),
        OrderStatusRequest("x", SYMBOL, Side.BUY), cancel("c", "0"), cancel("d", "0"), cancel("e", "x"),
        OrderMassCancelRequest("m", START_NS, "5"),
    ):  # fmt: skip
        client.send(asked_)
    client.send_raw(b"D", b"11=bad\x0155=ETH-USD\x0154=1\x01")
    client.send_raw(b"B", b"58=hello\x01")
    peg = {"ord_type": OrdType.PEGGED, "exec_inst": "M"}
    dark.send(order("p", Side.BUY, None, BTC, **peg, min_qty_lots=BTC // 4))
    dark.send(order("s", Side.SELL, None, BTC // 2))
    floor.run(50)
    for phase in Phase:
        floor.exchange.set_status("XLIT1", SYMBOL, phase, floor.now_ns, "by the dictionary")
        floor.run(1)
    floor.exchange.set_status("XLIT1", SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    for number in range(12):
        client.send(order(f"t{number}", Side.BUY, 9_000))
    floor.run(1)
    client.send(OrderMassCancelRequest("all", START_NS, "1", SYMBOL, Side.BUY))
    client.send(order("last", Side.SELL, 11_000))
    floor.run(1100)
    client.drop()
    floor.run(1)
    client.connect()
    floor.run(1)
    return bytes(floor.wire)


def test_every_message_of_a_venue_is_what_the_dictionary_says(dictionary: Dictionary) -> None:
    framer = Framer()
    framer.feed(everything())
    kinds: dict[str, int] = {}
    while (message := framer.next()) is not None:
        assert isinstance(message, Message)
        kind = message.msg_type.decode()
        kinds[kind] = kinds.get(kind, 0) + 1
        assert dictionary.faults(message) == [], message.raw.replace(b"\x01", b"|")
    assert {*kinds} >= {"A", "8", "9", "W", "X", "Y", "d", "f", "j", "r", "y"}
    assert kinds["8"] > 30


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        (b"8", b"37=1|17=1|150=Z|39=0|55=A|54=1|151=0|14=0|6=0|", "150=Z is not one of"),
        (b"8", b"37=1|17=1|150=0|39=0|55=A|54=1|151=0|14=0|", "6 is missing"),
        (b"f", b"324=1|55=A|999=1|", "999 does not belong"),
        (b"r", b"37=1|530=7|531=7|534=2|41=a|535=b|", "534=2, but 1 of 41"),
        (b"r", b"37=1|530=7|531=7|530=7|", "530 comes twice"),
    ],
)
def test_the_check_itself_finds_faults(dictionary: Dictionary, kind: bytes, body: bytes, fault: str) -> None:
    found = message(kind, body.replace(b"|", b"\x01"))
    assert any(fault in one for one in dictionary.faults(found))
