"""One market, two doors: the same client through FIX in lock-step and in process sees the same, to the byte.

The client is seeded and goes through the real risk gate: it rests, crosses, pegs in the dark, asks for what
risk refuses, and cancels orders whose fills are under way. By FIX it is a participant in lock-step with five
sessions over loopback; in process it holds the same exchange by its objects.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from fixsim.chance import Chance
from fixsim.exchange import Request
from fixsim.inprocess import Door, Told
from fixsim.server import serve
from fixsim.settings import Settings
from fixsim.tape import Tape, load_tape
from risk.market import Market, VenueMarket
from risk.order import NewOrder, OrdType, Side, TimeInForce
from risk.refusal import Refusal
from router.clock import SteppedClock
from router.fix import events
from router.fix.codec import Framer, Message
from router.fix.messages import MarketDataRequest, NewOrderSingle, OrderCancelRequest
from router.fix.session import Session, SessionConfig
from router.link import Link, TcpNetwork
from router.lockstep import Participant
from tests.fixsim.market import BTC, SYMBOL, TICK, entries, fields, settings, table
from tests.risk import build

MS = 1_000_000
LASTS_NS = 20_000 * MS
PERIOD_NS = 50 * MS
WATCH = MarketDataRequest("w", 1, 5, ("0", "1", "2"), (SYMBOL,))
SESSIONS = [
    (venue, client)
    for venue in ("XLIT1", "XLIT2", "XDRK")
    for client in ("SLUICE-MD", "SLUICE-OE")
    if (venue, client) != ("XDRK", "SLUICE-MD")
]
HEADER = {8, 9, 35, 34, 49, 56, 52, 10}


@dataclass
class Agent:
    """Decides every 50 ms from what it has been told before, and logs all that."""

    start_ns: int
    seed: int
    log: dict[tuple[str, str], list[tuple[int, bytes, bytes]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    refused: list[str] = field(default_factory=list)
    crossed: int = 0
    """Cancels that found their order filled."""

    def __post_init__(self) -> None:
        self.chance = Chance(self.seed)
        self.gate = build.gate()
        parent = build.parent(
            qty_lots=20 * BTC, start_ns=self.start_ns, end_ns=self.start_ns + 60_000 * MS,
            accepted_ns=self.start_ns,
        )  # fmt: skip
        known = build.market(self.start_ns)
        assert self.gate.admit(parent, known, self.start_ns) is None
        lit = ("XLIT1", "XLIT2")
        venues = {v: VenueMarket(v in lit, session_up=True) for v in (*lit, "XDRK")}
        self.market = Market(venues=venues)
        self.books: dict[str, tuple[dict[int, int], dict[int, int]]] = {v: ({}, {}) for v in lit}
        self.open: dict[str, NewOrder] = {}
        self.numbers = 0
        self.due_ns = self.start_ns + 500 * MS

    # -- what it is told --------------------------------------------------------------------------

    def told(self, now_ns: int, venue: str, client: str, msg_type: bytes, body: bytes) -> None:
        self.log[venue, client].append((now_ns, msg_type, body))
        if msg_type in (b"W", b"X"):
            self._data(now_ns, venue, msg_type, body)
            return
        said = fields(body)
        own = said.get(41) or said[11]
        if msg_type == b"9":
            self.crossed += said[102] == "0"
        elif said[150] == "F":
            self.gate.filled(own, round(float(said[32]) * BTC))
        if msg_type == b"8" and said[151] == "0" and said[150] != "I" and self.open.pop(own, None):
            self.gate.closed(own)

    def _data(self, now_ns: int, venue: str, msg_type: bytes, body: bytes) -> None:
        bids, asks = book = self.books[venue]
        if msg_type == b"W":
            bids.clear()
            asks.clear()
        for entry in entries(body):
            action, kind, *rest = entry.split() if msg_type == b"X" else ["0", *entry.split()]
            px = round(float(rest[0]) * 1e9)
            if kind == "2":
                self.market.last_sale_nanos, self.market.last_sale_ns = px, now_ns
            elif action == "2":
                book[int(kind)].pop(px, None)
            else:
                book[int(kind)][px] = round(float(rest[1]) * BTC)
        self.market.venues[venue].intact = True
        self.market.venues[venue].last_message_ns = self.market.updated_ns = now_ns
        self.market.bid_nanos = max((px for one in self.books.values() for px in one[0]), default=0)
        self.market.ask_nanos = min((px for one in self.books.values() for px in one[1]), default=0)

    # -- what it does -----------------------------------------------------------------------------

    def wake(self, now_ns: int) -> list[tuple[str, Request]]:
        """What leaves now, in the order of the venues."""
        if now_ns < self.due_ns:
            return []
        self.due_ns = now_ns + PERIOD_NS
        act, venue = self.chance.below(10), ("XLIT1", "XLIT2")[self.chance.below(2)]
        lots = (1 + self.chance.below(20)) * BTC // 50
        bid, ask = self.market.bid_nanos, self.market.ask_nanos
        limit, ioc = TimeInForce.DAY, TimeInForce.IOC
        if act < 3:
            return self._enter(now_ns, venue, OrdType.LIMIT, limit, lots, bid)
        if act == 3:
            return self._enter(now_ns, venue, OrdType.LIMIT, ioc, 3 * BTC, ask + 2 * TICK)
        if act == 4:
            return self._enter(now_ns, venue, OrdType.LIMIT, limit, 3 * BTC // 2, ask)
        if act == 5:
            return self._enter(now_ns, "XDRK", OrdType.PEGGED, limit, 2 * lots, None)
        if act == 6:
            return self._enter(now_ns, venue, OrdType.LIMIT, limit, 5 * BTC, bid)
        if act == 7:
            made = self._enter(now_ns, venue, OrdType.LIMIT, limit, BTC // 100, ask + TICK)
            return made + [one for order in made for one in self._cancel(now_ns, order[1].cl_ord_id)]
        oldest = next(iter(self.open), "")
        return self._cancel(now_ns, oldest) if oldest else []

    def _id(self) -> str:
        self.numbers += 1
        return f"S1-{self.numbers}"

    def _enter(
        self, now_ns: int, venue: str, ord_type: OrdType, tif: TimeInForce, lots: int, price: int | None
    ) -> list[tuple[str, Any]]:
        order = NewOrder(
            self._id(), "P1", venue, SYMBOL, "ACC", Side.BUY, ord_type, tif, lots, price
        )  # fmt: skip
        answer = self.gate.check(order, self.market, now_ns)
        if isinstance(answer, Refusal):
            self.refused.append(f"{now_ns} {order.cl_ord_id} {answer}")
            return []
        self.open[order.cl_ord_id] = order
        request = NewOrderSingle(
            cl_ord_id=order.cl_ord_id, symbol=SYMBOL, side=Side.BUY, transact_time_ns=now_ns, qty_lots=lots,
            ord_type=ord_type, price_nanos=price, tif=tif, account="ACC",
            **({"exec_inst": "M"} if ord_type is OrdType.PEGGED else {}),
        )  # fmt: skip
        return [(venue, request)]

    def _cancel(self, now_ns: int, orig: str) -> list[tuple[str, Any]]:
        order = self.open[orig]
        request = OrderCancelRequest(self._id(), orig, SYMBOL, Side.BUY, now_ns, order.qty_lots)
        return [(order.venue, request)]


def in_process(rules: Settings, recording: Tape, seed: int) -> tuple[Agent, list[str]]:
    lines: list[str] = []
    door = Door(rules, recording, lines.append)
    agent = Agent(door.now_ns, seed)
    end_ns = door.exchange.end_ns
    for venue in ("XLIT1", "XLIT2"):
        door.watch(venue, "SLUICE-MD", WATCH)
    while door.now_ns < end_ns:
        for one in door.next(min(agent.due_ns, end_ns)):
            agent.told(*one[:5])
        for venue, request in agent.wake(door.now_ns) if door.now_ns < end_ns else []:
            door.send(venue, "SLUICE-OE", request)
    door.exchange.finish(door.exchange.now_ns)
    return agent, lines


class Router:
    """The agent as a participant in lock-step: a session and a connection for every venue and client."""

    def __init__(self, ports: dict[str, int], agent: Agent, end_ns: int) -> None:
        self.ports, self.agent, self.end_ns = ports, agent, end_ns
        self.clock, self.network = SteppedClock(), TcpNetwork()
        self.part = Participant("router", self, self.clock)
        self.sessions = {
            (venue, client): Session(
                SessionConfig(client, "initiator", sender_comp_id=client, target_comp_id=venue)
            )
            for venue, client in SESSIONS
        }
        self.links: dict[tuple[str, str], Link] = {}
        self.over = asyncio.Event()

    def link_up(self, link: Link) -> None:
        venue, client = link.name.split()
        self.links[venue, client] = link
        self.act((venue, client), self.sessions[venue, client].connected(self.clock.now_ns()))

    def link_down(self, link: Link, reason: str) -> None:
        venue, client = link.name.split()
        del self.links[venue, client]
        self.sessions[venue, client].disconnected(self.clock.now_ns())

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """Never, here."""

    def messages_ready(self, link: Link) -> None:
        """Steps alone read."""

    def act(self, key: tuple[str, str], happened: list[events.Event]) -> None:
        now_ns = self.clock.now_ns()
        for event in happened:
            if isinstance(event, events.Send):
                self.links[key].write(event.raw)
            elif isinstance(event, events.LoggedOn) and key[1] == "SLUICE-MD":
                self.send(key, b"V", WATCH.body())
            elif isinstance(event, events.App):
                message = event.message
                self.agent.told(now_ns, *key, message.msg_type, body_of(message))

    def send(self, key: tuple[str, str], msg_type: bytes, body: bytes) -> None:
        self.links[key].write(self.sessions[key].encode(msg_type, body, self.clock.now_ns()))

    def deadline_ns(self) -> int | None:
        due = [at for session in self.sessions.values() if (at := session.deadline_ns()) is not None]
        return min([*due, self.agent.due_ns])

    async def step(self, now_ns: int) -> None:
        if not self.links:
            for venue, client in SESSIONS:
                made = Link(self.part, Framer(), name=f"{venue} {client}", dialled=True)
                await self.network.dial("127.0.0.1", self.ports[venue], lambda made=made: made)  # type: ignore[misc]
        for key, link in list(self.links.items()):
            while (message := link.framer.next()) is not None:
                assert isinstance(message, Message), message
                self.act(key, self.sessions[key].received(message, now_ns))
        for key, session in self.sessions.items():
            self.act(key, session.timer(now_ns))
        for venue, request in self.agent.wake(now_ns) if now_ns < self.end_ns else []:
            body = request.body(BTC)  # type: ignore[call-arg]
            self.send((venue, "SLUICE-OE"), request.MSG_TYPE, body)

    def end(self) -> None:
        self.over.set()

    def clock_lost(self, reason: str) -> None:
        self.over.set()


def body_of(message: Message) -> bytes:
    """What is between header and trailer."""
    parts = message.raw.rstrip(b"\x01").split(b"\x01")
    kept = [part for part in parts if int(part.split(b"=", 1)[0]) not in HEADER]
    return b"\x01".join(kept) + b"\x01"


async def by_fix(rules: Settings, recording: Tape, seed: int, end_ns: int) -> tuple[Agent, list[str]]:
    ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
    record = io.StringIO()
    server = asyncio.ensure_future(serve(rules, recording, record, listening=ports.set_result))
    opened = await asyncio.wait_for(ports, 20)
    start_ns = rules.tape.start or recording.start_ns
    router = Router(opened, Agent(start_ns, seed), end_ns)
    await router.part.join("127.0.0.1", opened["clock"])
    await asyncio.wait_for(router.over.wait(), 120)
    await asyncio.wait_for(server, 20)
    return router.agent, record.getvalue().splitlines(keepends=True)


def rules_of(recording: Tape) -> Settings:
    """Twenty seconds of the recording, three venues; latencies drawn at one of them; hidden interest busy."""
    drawn = {"median_ns": 2 * MS, "p99_ns": 40 * MS, "floor_ns": MS}
    venues = table()["venue"]
    venues[0] |= {"order_latency_ns": drawn, "report_latency_ns": drawn}
    hidden = {"rate_per_s": 5.0, "mean_lots": BTC // 5, "max_lots": BTC}
    made = settings(clock={"participants": ["router"]}, hidden=hidden, venue=venues)
    stop_ns = recording.start_ns + LASTS_NS
    part = made.tape.model_copy(update={"start": recording.start_ns, "stop": stop_ns})
    return made.model_copy(update={"tape": part})


@pytest.mark.parametrize("seed", [1, 2])
async def test_both_doors_tell_the_same_at_the_same_times(seed: int) -> None:
    recording = load_tape()
    rules = rules_of(recording)
    inside, record = in_process(rules, recording, seed)
    outside, again = await by_fix(rules, recording, seed, recording.start_ns + LASTS_NS)

    assert inside.log.keys() == outside.log.keys() == set(SESSIONS)
    for key in SESSIONS:
        assert inside.log[key] == outside.log[key], key
    assert inside.refused == outside.refused
    assert record == again  # the venues' own record: every order, fill and cancel, and the books' digest

    # and each of what this must hold for did happen
    told = [
        fields(body)
        for (_, client), messages in inside.log.items()
        if client == "SLUICE-OE"
        for _, _, body in messages
    ]
    fills = [json.loads(line) for line in record if '"event":"fill"' in line]
    assert {fill["venue"] for fill in fills} == {"XLIT1", "XLIT2", "XDRK"}
    assert any(one.get(150) == "F" and one[39] == "1" for one in told), "no partial fill"
    assert inside.crossed > 0, "no cancel crossed a fill"
    assert inside.refused, "risk refused nothing"
    assert len({time_ns for time_ns, _, _ in inside.log["XLIT1", "SLUICE-OE"]}) > 20
    assert len(inside.log["XLIT1", "SLUICE-MD"]) > 100


def test_another_seed_is_another_run() -> None:
    recording = load_tape()
    rules = rules_of(recording)
    digests = set()
    for seed in (1, 2):
        _, record = in_process(rules, recording, seed)
        digests.add(hashlib.sha256("".join(record).encode()).hexdigest())
    assert len(digests) == 2


class TestDoor:
    def test_says_who_is_served(self) -> None:
        door = Door(settings(), load_tape())
        order = NewOrderSingle("1", SYMBOL, Side.BUY, 0, BTC, OrdType.LIMIT, 1000 * TICK)
        with pytest.raises(ValueError, match=r"XDRK does not serve orders to SLUICE-MD: .* at XDRK"):
            door.send("XDRK", "SLUICE-MD", order)
        with pytest.raises(ValueError, match="XDRK does not serve market-data to SLUICE-OE"):
            door.watch("XDRK", "SLUICE-OE", WATCH)

    def test_reports_are_typed_and_time_moves_to_what_is_told(self) -> None:
        recording = load_tape()
        door = Door(rules_of(recording), recording)
        start_ns = door.now_ns
        door.send("XLIT2", "SLUICE-OE", NewOrderSingle("1", SYMBOL, Side.BUY, 0, BTC, OrdType.LIMIT, 10**12))
        until_ns = start_ns + 10 * MS
        reports = []
        while door.now_ns < until_ns:
            told: list[Told] = door.next(until_ns)
            assert all(one.time_ns == door.now_ns for one in told)
            reports += [report for one in told if (report := one.report(door.instruments)) is not None]
        assert [(r.cl_ord_id, str(r.ord_status)) for r in reports] == [("1", "0")]
        assert door.next(until_ns) == []
