"""The whole system in one thread and no socket: engine, exchange and desk, with time that a test moves.

Each is the real thing; only the transport is a function call. What leaves one is framed again on the other
side, byte for byte. A message that is under way may be held back or lost by cutting a link.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixsim import settings as fixsim_settings
from fixsim.exchange import Exchange
from fixsim.gateway import Gateway
from fixsim.tape import Tape, load_tape
from risk.order import OrdType, Side, TimeInForce
from router import settings as router_settings
from router.config import EngineConfig
from router.engine import Engine
from router.fix import events
from router.fix.codec import Message, parse
from router.fix.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from router.fix.session import Session, SessionConfig
from router.journal import JournalWriter, Reader
from router.policy import Policy, load_all, read_policies
from router.records import NO_VALUE, NO_VECTOR, Answer, AnswerStatus
from router.recovery import Replay
from router.startup import engine_config

ETC = Path(__file__).parents[2] / "etc"
SYMBOL = "BTC-USD"
SECOND = 1_000_000_000


class Counter:
    """ClOrdIDs for an engine that has no disk; starts in a fresh block, as after a restart."""

    def __init__(self, prefix: str, first: int) -> None:
        self.prefix, self.number = prefix, first

    def next(self) -> str:
        self.number += 1
        return f"{self.prefix}{self.number - 1}"


@dataclass
class Desk:
    session: Session
    reports: list[ExecutionReport] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)
    out: deque[bytes] = field(default_factory=deque)


def load_policies() -> dict[int, Policy]:
    return load_all(read_policies(ETC / "policies.toml"))


class World:
    def __init__(self, policies: dict[int, Policy], *, tape: Tape | None = None, **changes: Any) -> None:
        """`changes` replace values of the engine's configuration."""
        self.policies = policies
        self.changes = changes
        market = fixsim_settings.load_settings(ETC / "fixsim.toml")
        self.record: list[str] = []
        tape = tape or load_tape()
        self.exchange = Exchange(market, tape, self.record.append)
        self.gateway = Gateway(market, self.exchange)
        self.now_ns = self.exchange.start_ns
        self.journal = bytearray()
        self.writer = JournalWriter()
        self.engine = Engine(self.writer)
        self.linked: dict[int, object] = {}
        self.wire: list[tuple[int, bytes]] = []  # all that the engine wrote: (port, bytes)
        self.silent_policy = False
        self._links = 0
        self.desk = Desk(Session(SessionConfig("desk", "initiator", "DESK1", "SLUICE")))
        self.start()

    # The router's process.

    def config(self, first_order_number: int) -> EngineConfig:
        settings = router_settings.load(ETC / "router.toml")
        config, _ = engine_config(settings, self.policies, first_order_number)
        return config.model_copy(update=self.changes)

    def start(self) -> None:
        """The process begins, or begins again, and dials every venue; the desk dials it."""
        first = 1 + 1000 * self._links
        config = self.config(first)
        self.engine.start(config, Counter(config.prefix, first), self.now_ns)
        for port in self.engine.running.ports:
            self.connect(port.index)

    def connect(self, index: int) -> None:
        port = self.engine.running.ports[index]
        self._links += 1
        link = (index, self._links)
        self.linked[index] = link
        self.engine.link(index, True, self.now_ns)
        if port.venue >= 0:
            self.gateway.accepted(link, self.engine.running.config.venues[port.venue].name)
        else:
            self._desk_events(self.desk.session.connected(self.now_ns))
        self.flow()

    def cut(self, index: int) -> None:
        """The connection breaks, for both sides; what was under way is lost."""
        link = self.linked.pop(index)
        self.engine.link(index, False, self.now_ns)
        if self.engine.running.ports[index].venue >= 0:
            self.gateway.closed(link, self.now_ns)
        else:
            self._desk_events(self.desk.session.disconnected(self.now_ns))
        self.flow()

    def crash(self, cut_bytes: int = 0) -> None:
        """kill -9: memory is gone, the journal stays (less `cut_bytes`), the peers see their links close."""
        self.keep_journal()
        if cut_bytes:
            del self.journal[-cut_bytes:]
        for index, link in list(self.linked.items()):
            if self.engine.running.ports[index].venue >= 0:
                self.gateway.closed(link, self.now_ns)
            else:
                self._desk_events(self.desk.session.disconnected(self.now_ns))
        self.linked.clear()

    def restart(self) -> None:
        """Live the journal again, and go on in it."""
        replay = Replay()
        reader = Reader(bytes(self.journal))
        for record in reader:
            replay.feed(record)
        del self.journal[reader.offset :]
        self.writer = JournalWriter(reader.index, reader.offset, reader.sha256())
        self.engine = replay.engine
        self.engine.attach(self.writer)
        self.start()

    def keep_journal(self) -> None:
        """What the shell does before it writes to the wire."""
        self.journal += self.writer.take()

    # The desk.

    def send_parent(
        self, lots: int, seconds: float, strategy: int, *, side: Side = Side.BUY, name: str = "D1",
        limit_nanos: int | None = None, must: bool = True, **more: Any,
    ) -> None:  # fmt: skip
        order = NewOrderSingle(
            cl_ord_id=name,
            symbol=SYMBOL,
            side=side,
            transact_time_ns=self.now_ns,
            qty_lots=lots,
            ord_type=OrdType.MARKET if limit_nanos is None else OrdType.LIMIT,
            price_nanos=limit_nanos,
            tif=TimeInForce.DAY,
            account="ACCT1",
            effective_time_ns=self.now_ns,
            expire_time_ns=self.now_ns + int(seconds * SECOND),
            target_strategy=strategy,
            must_complete=must,
            **more,
        )
        self.desk_says(b"D", order.body(10**8))

    def cancel_parent(self, name: str = "D1") -> None:
        request = OrderCancelRequest(f"{name}-C", name, SYMBOL, Side.BUY, self.now_ns, 1)
        self.desk_says(b"F", request.body(10**8))

    def replace_parent(self, name: str, request: str, lots: int, **changes: Any) -> None:
        """A G of the parent that is now called `name`."""
        parent = next(w.parent for w in self.engine.running.parents.values() if w.parent.cl_ord_id == name)
        limit_nanos = changes.pop("limit_nanos", parent.limit_nanos)
        asked = OrderCancelReplaceRequest(
            request, name, parent.symbol, parent.side, self.now_ns, lots,
            OrdType.MARKET if limit_nanos is None else OrdType.LIMIT, limit_nanos, **changes,
        )  # fmt: skip
        self.desk_says(b"G", asked.body(10**8))

    def desk_says(self, msg_type: bytes, body: bytes) -> None:
        self.desk.out.append(self.desk.session.encode(msg_type, body, self.now_ns))
        self.flow()

    def _desk_events(self, happened: list[events.Event]) -> None:
        for event in happened:
            if isinstance(event, events.Send):
                self.desk.out.append(event.raw)
            elif isinstance(event, events.App):
                if event.message.msg_type == b"8":
                    instruments = self.engine.running.instruments
                    self.desk.reports.append(ExecutionReport.parse(event.message, instruments))
                else:
                    self.desk.others.append(event.message.keep())

    # Time.

    def run(self, seconds: float, stop: Any = None) -> None:
        """Moves time from event to event, until `seconds` have passed or stop() is true."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while stop is None or not stop():
            dues = [self.gateway.deadline_ns(), self.engine.deadline_ns(), self.desk.session.deadline_ns()]
            due = min((d for d in dues if d is not None), default=end_ns)
            if due > end_ns:
                self.now_ns = end_ns
                return
            self.now_ns = max(self.now_ns, due)
            self.gateway.advance(self.now_ns)
            self._desk_events(self.desk.session.timer(self.now_ns))
            self.flow()

    def flow(self) -> None:
        """Lets everything that is under way arrive, until all is quiet at this instant."""
        busy = True
        while busy:
            self._due()
            busy = self._from_router() | self._from_venues() | self._from_desk()
            self._due()
        self.keep_journal()

    def _due(self) -> None:
        while (due := self.engine.deadline_ns()) is not None and due <= self.now_ns:
            self.engine.timer(self.now_ns)
            self._decide()

    def _decide(self) -> None:
        while decides := self.engine.take_decides():
            for decide in decides:
                if self.silent_policy:
                    answer = Answer(
                        decide.parent, decide.decision, AnswerStatus.FAILED, 0, NO_VALUE, NO_VECTOR, NO_VECTOR
                    )
                else:
                    said = self.policies[decide.strategy].run(decide.state, decide.mask)
                    good, value = AnswerStatus.GOOD, said.action_value
                    answer = Answer(decide.parent, decide.decision, good, 0, said.value, said.logits, value)
                self.engine.answer(answer, self.now_ns)

    def _from_router(self) -> bool:
        core = self.engine.running
        writes, core.writes = core.writes, []
        for index, raw in writes:
            self.wire.append((index, raw))
            link = self.linked.get(index)
            if link is None:
                continue
            message = _parsed(raw)
            if core.ports[index].venue >= 0:
                self.gateway.received(link, message, self.now_ns)
            else:
                self._desk_events(self.desk.session.received(message, self.now_ns))
        hangups, core.hangups = core.hangups, []
        for index in hangups:
            if index in self.linked:
                self.cut(index)
        return bool(writes)

    def _from_venues(self) -> bool:
        writes, self.gateway.writes = self.gateway.writes, []
        for link, raw in writes:
            index = link[0]  # type: ignore[index]
            if self.linked.get(index) == link:
                self.engine.message(index, _parsed(raw), self.now_ns)
                self._decide()
        hangups, self.gateway.hangups = self.gateway.hangups, []
        for link in hangups:
            index = link[0]  # type: ignore[index]
            if self.linked.get(index) == link:
                self.cut(index)
        return bool(writes)

    def _from_desk(self) -> bool:
        busy = bool(self.desk.out)
        index = self.engine.running.ports[-1].index
        while self.desk.out:
            raw = self.desk.out.popleft()
            if index in self.linked:
                self.engine.message(index, _parsed(raw), self.now_ns)
                self._decide()
        return busy


def _parsed(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message), message
    return message
