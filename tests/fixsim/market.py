"""A small market for the venues' tests: settings, a tape of a few orders, and FIX clients without sockets."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fixsim.doors import Passwords
from fixsim.exchange import Exchange
from fixsim.gateway import Gateway
from fixsim.matching.layout import EVENT, OPENING, EventKind
from fixsim.settings import Settings
from fixsim.tape import Tape
from fixsim.tape.format import MATCH
from risk.order import OrdType, Side, TimeInForce
from router.fix import events
from router.fix.codec import Framer, Garbled, Message, parse
from router.fix.messages import NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest
from router.fix.session import Session, SessionConfig

ETC = Path(__file__).resolve().parents[2] / "etc" / "fixsim.toml"
START_NS = 1_531_514_831_000_000_000
MS = 1_000_000
BTC = 100_000_000
TICK = 10_000_000
SYMBOL = "BTC-USD"


def table() -> dict[str, Any]:
    """etc/fixsim.toml without hidden interest, on free ports, as fast as possible."""
    read = tomllib.loads(ETC.read_text(encoding="utf-8"))
    read["hidden"]["rate_per_s"] = 0.0
    read["clock"] |= {"port": 0, "speed": 0.0, "answer_timeout_s": 5.0}
    for venue in read["venue"]:
        venue["port"] = 0
    return read


def settings(**changes: Any) -> Settings:
    """`table()` as settings; `changes` replace whole tables' fields: clock={"mode": "wall"}."""
    read = table()
    for name, change in changes.items():
        read[name] = read.get(name, {}) | change if isinstance(change, dict) else change
    return Settings.model_validate(read)


def with_clients(venue: str = "XLIT1", **options: Any) -> Settings:
    """`settings()` in which SLUICE-OE has these `options` at a venue.

    `also`: more clients of that venue, as tables; `rule`: fields of the venue itself.
    """
    read = table()
    also, rule = options.pop("also", []), options.pop("rule", {})
    for one in read["venue"]:
        if one["name"] == venue:
            one |= rule
            for client in one["clients"]:
                if client["comp_id"] == "SLUICE-OE":
                    client |= options
            one["clients"] += also
    return Settings.model_validate(read)


def tape(
    moves: Sequence[tuple[int, EventKind, int, int, int, int]] = (),
    lasts_ms: int = 1000,
    *,
    symbol: str = SYMBOL,
    tick_nanos: int = TICK,
    lots_per_unit: int = BTC,
    start_ns: int = START_NS,
) -> Tape:
    """A book of 1 BTC at each of 100.00, 99.99 … and 100.02, 100.03 …, and then `moves`:

    (ms, kind, ordinal, sign, ticks, lots). A last limit far away ends it after `lasts_ms`. Of another
    instrument the book is one unit at each of 10,000 ticks and less, and 10,002 ticks and more.
    """
    opening = np.zeros(20, OPENING)
    for i in range(10):
        opening[i] = (i, 2 * (10_000 - i), lots_per_unit, 1)
        opening[10 + i] = (10 + i, 2 * (10_002 + i), lots_per_unit, -1)
    rows = [(0, EventKind.LIMIT, 90, 1, 1, 1), *moves, (lasts_ms, EventKind.LIMIT, 99, 1, 1, 1)]
    flow = np.zeros(len(rows), EVENT)
    for i, (ms, kind, ordinal, sign, ticks, lots) in enumerate(rows):
        flow[i] = (start_ns + ms * MS, ordinal, 2 * ticks, lots, -1, kind, sign)
    return Tape(
        symbol, "test", tick_nanos, lots_per_unit, opening, flow, np.zeros(0, MATCH), np.zeros(0, OPENING)
    )


def order(cl_ord_id: str, side: Side, ticks: int | None, lots: int = BTC, **more: Any) -> NewOrderSingle:
    """A limit order at so many ticks; None: a market order."""
    return NewOrderSingle(
        cl_ord_id=cl_ord_id,
        symbol=SYMBOL,
        side=side,
        transact_time_ns=START_NS,
        qty_lots=lots,
        ord_type=more.pop("ord_type", OrdType.MARKET if ticks is None else OrdType.LIMIT),
        price_nanos=None if ticks is None else ticks * TICK,
        tif=more.pop("tif", TimeInForce.DAY),
        **more,
    )


def cancel(cl_ord_id: str, orig: str, side: Side = Side.BUY) -> OrderCancelRequest:
    return OrderCancelRequest(cl_ord_id, orig, SYMBOL, side, START_NS, BTC)


def fields(raw: bytes) -> dict[int, str]:
    """The first value of each tag of a message or of a body."""
    pairs = (part.partition(b"=") for part in raw.rstrip(b"\x01").split(b"\x01"))
    found: dict[int, str] = {}
    for tag, _, value in pairs:
        found.setdefault(int(tag), value.decode())
    return found


def entries(raw: bytes) -> list[str]:
    """A W's or X's entries as "action type price size"; W has no action."""
    wire = raw.decode().split("\x01")
    at = next(i for i, field in enumerate(wire) if field.startswith("268=")) + 1
    found: list[list[str]] = []
    for field in wire[at:]:
        tag, _, value = field.partition("=")
        if tag == "279" or (tag == "269" and (not found or len(found[-1]) != 1)):
            found.append([])
        if tag in ("279", "269", "270", "271"):
            found[-1].append(value)
    return [" ".join(entry) for entry in found]


class Client:
    """A venue's client: a FIX session and what it got. Its connection is itself."""

    def __init__(self, floor: Floor, venue: str, comp_id: str) -> None:
        self.floor = floor
        self.venue = venue
        config = SessionConfig("client", "initiator", sender_comp_id=comp_id, target_comp_id=venue)
        self.session = Session(config)
        self.framer = Framer()
        self.got: list[Message] = []
        self.happened: list[events.Event] = []
        self.up = False
        self.conn: object = None

    def connect(self) -> None:
        self.conn, self.up, self.framer = object(), True, Framer()
        self.floor.clients[self.conn] = self
        self.floor.gateway.accepted(self.conn, self.venue)
        self.act(self.session.connected(self.floor.now_ns))
        self.floor.deliver()

    def drop(self) -> None:
        """The connection breaks."""
        self.up = False
        self.floor.gateway.closed(self.conn, self.floor.now_ns)
        self.act(self.session.disconnected(self.floor.now_ns))
        self.floor.deliver()

    def send(self, message: Any) -> None:
        orders = NewOrderSingle | OrderCancelRequest | OrderCancelReplaceRequest
        self.send_raw(message.MSG_TYPE, message.body(BTC) if isinstance(message, orders) else message.body())

    def send_raw(self, msg_type: bytes, body: bytes) -> None:
        raw = self.session.encode(msg_type, body, self.floor.now_ns)
        self.floor.gateway.received(self.conn, parse(raw), self.floor.now_ns)
        self.floor.deliver()

    def act(self, happened: list[events.Event]) -> None:
        for event in happened:
            self.happened.append(event)
            if isinstance(event, events.Send):
                self.floor.gateway.received(self.conn, parse(event.raw), self.floor.now_ns)
            elif isinstance(event, events.App):
                self.got.append(event.message.keep())

    def take(self, raw: bytes) -> None:
        if not self.up:
            return
        self.framer.feed(raw)
        while (message := self.framer.next()) is not None:
            assert not isinstance(message, Garbled), message
            self.act(self.session.received(message, self.floor.now_ns))

    def seen(self, msg_type: bytes = b"") -> list[dict[int, str]]:
        """The fields of what came since the last call, of one type or of all."""
        taken = [fields(one.raw) for one in self.got if msg_type in (b"", one.msg_type)]
        self.got.clear()
        return taken

    def reports(self) -> list[str]:
        """What came since the last call: a report as "150 39 14 151", a cancel reject as "9 434 102"."""
        told = []
        for message in self.got:
            seen = fields(message.raw)
            if message.msg_type == b"8":
                told.append(f"{seen[150]} {seen[39]} {seen[14]} {seen[151]}")
            elif message.msg_type == b"9":
                told.append(f"9 {seen[434]} {seen[102]}")
            else:
                told.append(message.msg_type.decode())
        self.got.clear()
        return told


class Floor:
    """An exchange behind its gateway, with the time in hand and every byte that left kept in `wire`."""

    def __init__(
        self,
        rules: Settings | None = None,
        recording: Tape | None = None,
        passwords: Passwords | None = None,
        **more: Any,
    ) -> None:
        """`more`: origin_ns and speed of a run on wall time; listed, the further instruments' tapes."""
        self.rules = rules or settings()
        self.lines: list[str] = []
        self.exchange = Exchange(self.rules, recording or tape(), self.lines.append, **more)
        self.gateway = Gateway(self.rules, self.exchange, passwords)
        self.now_ns = self.exchange.now_ns
        self.clients: dict[object, Client] = {}
        self.wire = bytearray()

    def client(self, venue: str = "XLIT1", comp_id: str = "SLUICE-OE") -> Client:
        made = Client(self, venue, comp_id)
        made.connect()
        return made

    def deliver(self) -> None:
        gateway = self.gateway
        while gateway.writes or gateway.hangups:
            writes, gateway.writes[:] = list(gateway.writes), []
            hangups, gateway.hangups[:] = list(gateway.hangups), []
            for conn, raw in writes:
                self.wire += raw
                if conn in self.clients:
                    self.clients[conn].take(raw)
            for conn in hangups:
                if conn in self.clients and self.clients[conn].up:
                    client = self.clients[conn]
                    client.up = False
                    client.act(client.session.disconnected(self.now_ns))

    def run(self, ms: float) -> None:
        """Let so many milliseconds pass, stopping at every deadline."""
        until_ns = self.now_ns + int(ms * MS)
        while (due_ns := self.gateway.deadline_ns()) is not None and due_ns <= until_ns:
            self.now_ns = max(due_ns, self.now_ns)
            self.gateway.advance(self.now_ns)
            self.deliver()
        self.now_ns = until_ns
        self.gateway.advance(self.now_ns)
        self.deliver()

    def recorded(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.lines) if line["event"] == event]
