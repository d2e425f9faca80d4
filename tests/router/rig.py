"""An engine between peers that a test speaks for: venues and a desk that say only what they are told to.

Sessions, journal, books, risk and decisions are real. The lit venues answer a MarketDataRequest with a book
of two levels a side; nothing acknowledges or fills an order unless the test does. `want` is the action that
the policy answers wherever it is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from risk.order import OrdType, Side, TimeInForce
from router import settings as router_settings
from router.actions import NULL, A
from router.config import EngineConfig
from router.core import Core
from router.engine import Engine
from router.fix import events
from router.fix.codec import Message, parse
from router.fix.messages import (
    BusinessMessageReject,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    LastLiquidity,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    OrderStatusRequest,
    OrdStatus,
)
from router.fix.session import Session, SessionConfig
from router.journal import JournalWriter, Reader, Record
from router.orders import Child
from router.parent import ParentWork
from router.records import Answer, AnswerStatus
from router.recovery import Replay
from router.startup import engine_config
from router.tick import Decide

ETC = Path(__file__).parents[2] / "etc"
SYMBOL = "BTC-USD"
BTC = 10**8
SECOND = 10**9
START = 1_531_514_831_000_000_000
BID, ASK = 6_190 * SECOND, 6_190 * SECOND + 10_000_000  # nanos
LIT1, LIT2, DARK = 0, 1, 2  # slots
ZERO = np.zeros(A, np.float32)


@dataclass(frozen=True)
class Named:
    """A policy, as far as the settings' record of it goes."""

    name: str = "scripted"
    sha256: str = "0" * 64
    temperature: float = 0.0


@cache
def _config() -> EngineConfig:
    config, _ = engine_config(router_settings.load(ETC / "router.toml"), {1001: Named()}, 1)
    return config


class Ids:
    def __init__(self, prefix: str, first: int) -> None:
        self.prefix, self.number = prefix, first

    def next(self) -> str:
        self.number += 1
        return f"{self.prefix}{self.number - 1}"


class Rig:
    def __init__(self, *, up: bool = True, **changes: Any) -> None:
        """`changes` replace values of the engine's configuration."""
        self.changes = changes
        self.now = START
        self.journal = bytearray()
        self.writer = JournalWriter()
        self.engine = Engine(self.writer)
        self.sent: list[tuple[int, Message]] = []  # all that the engine wrote: (port, message)
        self.heard: list[tuple[int, Message]] = []  # application messages as the peers got them
        self.deaf: set[int] = set()  # ports whose peer hears nothing any more
        self.linked: set[int] = set()
        self.want = NULL
        self.answers: Callable[[Decide], Answer | None] = self.scripted
        self.decides: list[tuple[int, int]] = []
        self.replies: list[tuple[int, dict[str, Any], bool]] = []
        self.alerts: list[str] = []
        self.execs = 0
        self.books: dict[int, str] = {}  # the request in force, by slot
        self._starts = 0
        self.start()
        self.peers = [_peer(port.session.config) for port in self.core.ports]
        if up:
            self.up()

    # The process.

    def start(self) -> None:
        first = 1 + 1000 * self._starts
        self._starts += 1
        config = _config().model_copy(update={**self.changes, "first_order_number": first})
        self.engine.start(config, Ids(config.prefix, first), self.now)
        self.keep()

    def restart(self, cut_bytes: int = 0) -> None:
        """kill -9, and a new process that lives the journal again; its links are not up yet."""
        self.keep()
        if cut_bytes:
            del self.journal[-cut_bytes:]
        for index in sorted(self.linked):
            self.peers[index].disconnected(self.now)
        self.linked.clear()
        replay, reader = Replay(), Reader(bytes(self.journal))
        for record in reader:
            replay.feed(record)
        del self.journal[reader.offset :]
        self.writer = JournalWriter(reader.index, reader.offset, reader.sha256())
        self.engine = replay.engine
        self.engine.attach(self.writer)
        self.books.clear()
        self.start()

    def replay(self) -> Engine:
        """Another engine that has lived this one's journal."""
        replay = Replay()
        for record in self.records():
            replay.feed(record)
        return replay.engine

    @property
    def core(self) -> Core:
        return self.engine.running

    def keep(self) -> None:
        self.journal += self.writer.take()

    def records(self) -> list[Record]:
        self.keep()
        return list(Reader(bytes(self.journal)))

    # Links.

    def up(self, *indices: int) -> None:
        for index in indices or range(len(self.core.ports)):
            self.linked.add(index)
            self.engine.link(index, True, self.now)
            self._peer_events(index, self.peers[index].connected(self.now))
            self.flow()

    def cut(self, index: int) -> None:
        self.linked.discard(index)
        self.peers[index].disconnected(self.now)
        self.engine.link(index, False, self.now)
        self.flow()

    def port(self, slot: int) -> int:
        """The order entry port of a venue."""
        return self.core.order_ports[slot].index

    @property
    def desk(self) -> int:
        return self.core.ports[-1].index

    # What peers say.

    def say(self, index: int, msg_type: bytes, body: bytes) -> None:
        raw = self.peers[index].encode(msg_type, body, self.now)
        self._to_engine(index, raw)
        self.flow()

    def report(
        self, order: NewOrderSingle, slot: int, exec_type: ExecType, status: OrdStatus, *, cum: int = 0,
        lots: int = 0, px: int = ASK, exec_id: str = "", cancel_id: str = "", leaves: int | None = None,
    ) -> str:  # fmt: skip
        """An ExecutionReport of the venue; returns its ExecID."""
        self.execs += 1
        exec_id = exec_id or f"X{slot}-{self.execs}"
        live = status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.PENDING_CANCEL)
        report = ExecutionReport(
            order_id=f"V-{order.cl_ord_id}", exec_id=exec_id, exec_type=exec_type, ord_status=status,
            symbol=order.symbol, side=order.side,
            leaves_lots=leaves if leaves is not None else (order.qty_lots - cum if live else 0),
            cum_lots=cum, avg_px_nanos=px if cum else 0, cl_ord_id=cancel_id or order.cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id if cancel_id else "", account=order.account,
            qty_lots=order.qty_lots,
            last_qty_lots=lots, last_px_nanos=px if lots else 0, last_mkt=self.core.config.venues[slot].name,
            last_liquidity=LastLiquidity.REMOVED if lots else None,
        )  # fmt: skip
        self.say(self.port(slot), b"8", report.body(BTC))
        return exec_id

    def ack(self, order: NewOrderSingle, slot: int) -> None:
        self.report(order, slot, ExecType.NEW, OrdStatus.NEW)

    def fill(self, order: NewOrderSingle, slot: int, lots: int, cum: int | None = None, **more: Any) -> str:
        """A trade; `cum` is what the order has traded with it."""
        cum = lots if cum is None else cum
        status = OrdStatus.FILLED if cum >= order.qty_lots else OrdStatus.PARTIALLY_FILLED
        return self.report(order, slot, ExecType.TRADE, status, cum=cum, lots=lots, **more)

    def canceled(self, order: NewOrderSingle, slot: int, cum: int = 0, cancel_id: str = "") -> None:
        self.report(order, slot, ExecType.CANCELED, OrdStatus.CANCELED, cum=cum, cancel_id=cancel_id)

    def status(self, order: NewOrderSingle, slot: int, status: OrdStatus, cum: int = 0) -> None:
        """The answer to an OrderStatusRequest: no trade, and ExecID 0."""
        self.report(order, slot, ExecType.ORDER_STATUS, status, cum=cum, exec_id="0")

    def refuse_cancel(
        self, cancel: OrderCancelRequest, slot: int, status: OrdStatus, reason: int = 0
    ) -> None:
        reject = OrderCancelReject(
            cancel.cl_ord_id, cancel.orig_cl_ord_id, status, CxlRejResponseTo.CANCEL, cxl_rej_reason=reason
        )
        self.say(self.port(slot), b"9", reject.body())

    def refuse_message(self, order: NewOrderSingle, slot: int) -> None:
        reject = BusinessMessageReject(1, "D", 4, order.cl_ord_id, "not now")
        self.say(self.port(slot), b"j", reject.body())

    def market(self, *slots: int, bid: str = "6190.00", ask: str = "6190.01") -> None:
        """A fresh snapshot of each lit venue named (else of both)."""
        for slot in slots or (LIT1, LIT2):
            index = self.core.feed_ports[slot].index
            if slot not in self.books or index not in self.linked:
                continue
            bids = f"269=0|270={bid}|271=40|269=0|270=6189.90|271=50|"
            levels = f"{bids}269=1|270={ask}|271=40|269=1|270=6190.20|271=9|"
            body = f"262={self.books[slot]}|55={SYMBOL}|268=4|{levels}"
            self.say(index, b"W", body.replace("|", "\x01").encode())

    # The desk.

    def parent(
        self, lots: int = 10 * BTC, *, name: str = "D1", side: Side = Side.BUY, seconds: float = 100,
        limit_nanos: int | None = None, must: bool = True, strategy: int = 1001, start_s: float = 0,
        **changes: Any,
    ) -> None:  # fmt: skip
        fields: dict[str, Any] = {
            "cl_ord_id": name,
            "symbol": SYMBOL,
            "side": side,
            "transact_time_ns": self.now,
            "qty_lots": lots,
            "ord_type": OrdType.MARKET if limit_nanos is None else OrdType.LIMIT,
            "price_nanos": limit_nanos,
            "tif": TimeInForce.DAY,
            "account": "ACCT1",
            "effective_time_ns": self.now + int(start_s * SECOND),
            "expire_time_ns": self.now + int((start_s + seconds) * SECOND),
            "target_strategy": strategy,
            "must_complete": must,
        }
        self.say(self.desk, b"D", NewOrderSingle(**{**fields, **changes}).body(BTC))

    def cancel_parent(self, name: str = "D1", request: str = "") -> None:
        asked = OrderCancelRequest(request or f"{name}-C", name, SYMBOL, Side.BUY, self.now, 1)
        self.say(self.desk, b"F", asked.body(BTC))

    @property
    def work(self) -> ParentWork:
        """The last parent that was taken in."""
        return list(self.core.parents.values())[-1]

    # What peers have heard.

    def messages(self, index: int, msg_type: bytes) -> list[Message]:
        return [m for at, m in self.heard if at == index and m.msg_type == msg_type]

    def orders(self, slot: int) -> list[NewOrderSingle]:
        found = self.messages(self.port(slot), b"D")
        return [NewOrderSingle.parse(m, self.core.instruments) for m in found]

    def cancels(self, slot: int) -> list[OrderCancelRequest]:
        found = self.messages(self.port(slot), b"F")
        return [OrderCancelRequest.parse(m, self.core.instruments) for m in found]

    def questions(self, slot: int) -> list[OrderStatusRequest]:
        found = self.messages(self.port(slot), b"H")
        return [OrderStatusRequest.parse(m, self.core.instruments) for m in found]

    def reports(self) -> list[ExecutionReport]:
        """What the desk was told."""
        return [ExecutionReport.parse(m, self.core.instruments) for m in self.messages(self.desk, b"8")]

    def child(self, order: NewOrderSingle) -> Child:
        child = self.core.orders.find(order.cl_ord_id)
        assert child is not None
        return child

    def reserved(self) -> tuple[int, int]:
        """What risk's ledger holds of the last parent: (filled, reserved) lots."""
        line = self.core.gate.exposure.parents[self.work.parent.parent_id]
        return line.filled_lots, line.reserved_lots

    # Operators.

    def operator(
        self, command: int, cmd: str, scope: str = "all", name: str = "", who: str = "trader"
    ) -> None:
        request = {"cmd": cmd, "scope": scope, "name": name, "identity": who, "reason": "a test"}
        self.engine.operator(command, request, self.now)
        self.flow()

    def told(self, command: int) -> list[dict[str, Any]]:
        return [body for number, body, _ in self.replies if number == command]

    # Time.

    def run(self, seconds: float, *, fresh: bool = True) -> None:
        """Moves time by deadlines; with `fresh` the books are confirmed twice a second."""
        end = self.now + int(seconds * SECOND)
        refresh = self.now + SECOND // 2
        while self.now < end:
            dues = [self.engine.deadline_ns(), *(p.deadline_ns() for p in self.peers), end]
            if fresh:
                dues.append(refresh)
            self.now = max(self.now, min(d for d in dues if d is not None))
            for index, peer in enumerate(self.peers):
                if index not in self.deaf:
                    self._peer_events(index, peer.timer(self.now))
            self.flow()
            if fresh and self.now >= refresh:
                refresh += SECOND // 2
                self.market()

    def flow(self) -> None:
        """Until all is quiet at this instant."""
        for _ in range(10_000):
            due = self.engine.deadline_ns()
            if due is not None and due <= self.now:
                self.engine.timer(self.now)
            if not (self._decide() | self._take()) and not (
                (due := self.engine.deadline_ns()) is not None and due <= self.now
            ):
                return
        raise AssertionError("the engine never comes to rest")

    # Inside.

    def scripted(self, decide: Decide) -> Answer:
        return answer(decide, self.want if decide.mask[self.want] else NULL)

    def _decide(self) -> bool:
        busy = False
        for decide in self.engine.take_decides():
            self.decides.append((decide.parent, decide.decision))
            said = self.answers(decide)
            if said is not None:
                self.engine.answer(said, self.now)
                busy = True
        return busy

    def _take(self) -> bool:
        self.keep()
        core = self.core
        writes, core.writes = core.writes, []
        self.replies += [(r.command, r.body, r.last) for r in core.replies]
        core.replies.clear()
        self.alerts += core.alerts
        core.alerts.clear()
        for index, raw in writes:
            message = parse(raw)
            assert isinstance(message, Message)
            self.sent.append((index, message.keep()))
            if index in self.linked and index not in self.deaf:
                self._peer_events(index, self.peers[index].received(message, self.now))
        hangups, core.hangups = core.hangups, []
        for index in hangups:
            if index in self.linked:
                self.cut(index)
        return bool(writes)

    def _peer_events(self, index: int, happened: list[events.Event]) -> None:
        for event in happened:
            if isinstance(event, events.Send):
                self._to_engine(index, event.raw)
            elif isinstance(event, events.App):
                self.heard.append((index, event.message.keep()))
                if event.message.msg_type == b"V" and event.message.get(263) == b"1":
                    slot = self.core.ports[index].venue
                    self.books[slot] = (event.message.get(262) or b"").decode()
                    self.market(slot)

    def _to_engine(self, index: int, raw: bytes) -> None:
        message = parse(raw)
        assert isinstance(message, Message), message
        if index in self.linked:
            self.engine.message(index, message, self.now)


def answer(decide: Decide, action: int, elapsed_ns: int = 0) -> Answer:
    """A good answer that wants `action`."""
    logits = np.where(decide.mask, np.float32(0), np.float32(-np.inf)).astype(np.float32)
    logits[action] = 1.0
    value = np.zeros(1, np.float32)
    return Answer(decide.parent, decide.decision, AnswerStatus.GOOD, elapsed_ns, value, logits, ZERO)


def _peer(config: SessionConfig) -> Session:
    role = "acceptor" if config.role == "initiator" else "initiator"
    return Session(
        SessionConfig(
            name=f"peer of {config.name}",
            role=role,  # type: ignore[arg-type]
            sender_comp_id=config.target_comp_id,
            target_comp_id=config.sender_comp_id,
            version=config.version,
            heart_bt_int_s=config.heart_bt_int_s,
            resend=frozenset({b"8", b"9", b"j"}),
        )
    )
