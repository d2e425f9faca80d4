"""The desk sends its block once, follows it through reconnects, may cancel it, and says how it ended."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixsim.desk import Block, Desk
from fixsim.deskclient import run_desk
from risk.errors import SettingsError
from risk.order import OrdType, Side
from router.fix import events
from router.fix.codec import Framer, Message, parse
from router.fix.messages import (
    BusinessMessageReject,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    LastLiquidity,
    NewOrderSingle,
    OrderCancelReject,
    OrdStatus,
)
from router.fix.session import Session, SessionConfig
from router.link import Link, TcpNetwork
from tests.fixsim.market import BTC, ETC, MS, START_NS, SYMBOL, fields, settings

RULES = settings()
INSTRUMENTS = {SYMBOL: RULES.instrument}
BLOCK = Block("P1", SYMBOL, "ACCT1", Side.BUY, 10 * BTC, None, 0, 60_000 * MS, 1001, must_complete=True)


def report(
    kind: ExecType, status: OrdStatus, cum: int = 0, *, last: int = 0, exec_id: str = "E1", text: str = ""
) -> ExecutionReport:
    leaves = 0 if status in (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED) else 10 * BTC - cum
    return ExecutionReport(
        "O1", exec_id, kind, status, SYMBOL, Side.BUY, leaves, cum, 100 * 10**9 if cum else 0, cl_ord_id="P1",
        last_qty_lots=last, last_px_nanos=100 * 10**9 if last else 0, last_mkt="XLIT1" if last else "",
        last_liquidity=LastLiquidity.ADDED if last else None, text=text,
    )  # fmt: skip


class Wire:
    """A desk and the router's end of its session, by hand."""

    def __init__(self, block: Block = BLOCK) -> None:
        self.now_ns = START_NS
        self.lines: list[str] = []
        config = SessionConfig("desk", "initiator", sender_comp_id="DESK1", target_comp_id="SLUICE")
        self.desk = Desk(Session(config), block, INSTRUMENTS, self.lines.append)
        config = SessionConfig(
            "oms", "acceptor", sender_comp_id="SLUICE", target_comp_id="DESK1", resend=frozenset({b"8"})
        )
        self.router = Session(config)
        self.heard: list[Message] = []

    def connect(self) -> None:
        self.router.connected(self.now_ns)
        self.desk.connected(self.now_ns)
        self.pump()

    def pump(self) -> None:
        while self.desk.writes:
            raws, self.desk.writes[:] = list(self.desk.writes), []
            for raw in raws:
                self.take(self.router.received(parse(raw), self.now_ns))  # type: ignore[arg-type]

    def take(self, happened: list[events.Event]) -> None:
        for event in happened:
            if isinstance(event, events.Send):
                self.desk.received(parse(event.raw), self.now_ns)  # type: ignore[arg-type]
            elif isinstance(event, events.App):
                self.heard.append(event.message.keep())

    def tell(self, message: ExecutionReport | Any, msg_type: bytes = b"8") -> None:
        body = message.body(BTC) if msg_type == b"8" else message.body()
        self.desk.received(parse(self.router.encode(msg_type, body, self.now_ns)), self.now_ns)  # type: ignore[arg-type]
        self.pump()

    def pass_ns(self, ns: int) -> None:
        self.now_ns += ns
        self.desk.timer(self.now_ns)
        self.pump()

    def log(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.lines) if line["event"] == event]


def test_the_block_carries_times_strategy_and_whether_it_must_complete() -> None:
    wire = Wire(replace(BLOCK, limit_nanos=101 * 10**9, start_after_ns=1000 * MS, must_complete=False))
    wire.connect()
    (message,) = wire.heard
    sent = NewOrderSingle.parse(message, INSTRUMENTS)
    assert (sent.cl_ord_id, sent.qty_lots, sent.price_nanos, sent.ord_type) == (
        "P1",
        10 * BTC,
        101 * 10**9,
        OrdType.LIMIT,
    )
    assert (sent.effective_time_ns, sent.expire_time_ns) == (START_NS + 1000 * MS, START_NS + 61_000 * MS)
    assert (sent.target_strategy, sent.must_complete, sent.account) == (1001, False, "ACCT1")


def test_a_filled_block_is_complete_and_the_desk_logs_out() -> None:
    wire = Wire()
    wire.connect()
    wire.tell(report(ExecType.NEW, OrdStatus.NEW))
    wire.tell(report(ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 4 * BTC, last=4 * BTC, exec_id="E2"))
    assert wire.desk.outcome is None
    wire.tell(report(ExecType.TRADE, OrdStatus.FILLED, 10 * BTC, last=6 * BTC, exec_id="E3"))
    assert wire.desk.complete
    assert wire.desk.summary() == "P1: filled, 10 of 10 at 100 on average"
    assert not wire.desk.session.is_logged_on
    assert [line["last_qty_lots"] for line in wire.log("report")] == [0, 4 * BTC, 6 * BTC]
    assert wire.log("done")[0]["cum_lots"] == 10 * BTC


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ExecType.REJECTED, OrdStatus.REJECTED),
        (ExecType.CANCELED, OrdStatus.CANCELED),
        (ExecType.EXPIRED, OrdStatus.EXPIRED),
    ],
)
def test_any_other_end_is_not_complete_and_says_why(kind: ExecType, status: OrdStatus) -> None:
    wire = Wire()
    wire.connect()
    wire.tell(report(kind, status, text="because"))
    assert wire.desk.outcome is status
    assert not wire.desk.complete
    assert wire.desk.summary() == f"P1: {status.name.lower()}, 0 of 10 (because)"


def test_a_bust_lowers_what_is_done_and_an_old_status_does_not() -> None:
    wire = Wire()
    wire.connect()
    wire.tell(report(ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 4 * BTC, last=4 * BTC, exec_id="E2"))
    wire.tell(report(ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 6 * BTC, last=2 * BTC, exec_id="E3"))
    wire.tell(report(ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED, 4 * BTC, exec_id="E4"))
    assert wire.desk.cum_lots == 6 * BTC
    wire.tell(report(ExecType.TRADE_CANCEL, OrdStatus.PARTIALLY_FILLED, 4 * BTC, exec_id="E5"))
    assert wire.desk.cum_lots == 4 * BTC
    wire.tell(report(ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_id="E6"))
    assert wire.desk.summary() == "P1: not done, 0 of 10"


def test_a_report_that_comes_twice_counts_once() -> None:
    wire = Wire()
    wire.connect()
    for _ in range(2):
        wire.tell(report(ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 4 * BTC, last=4 * BTC))
    assert len(wire.log("report")) == 1


def test_after_a_reconnect_it_asks_and_does_not_send_again() -> None:
    wire = Wire()
    wire.connect()
    wire.desk.disconnected(wire.now_ns)
    wire.router.disconnected(wire.now_ns)
    wire.connect()
    assert [message.msg_type for message in wire.heard] == [b"D", b"H"]
    assert fields(wire.heard[1].raw)[11] == "P1"
    wire.tell(report(ExecType.ORDER_STATUS, OrdStatus.FILLED, 10 * BTC, exec_id="0"))
    assert wire.desk.complete


def test_the_cancel_is_sent_at_its_time_even_if_that_passed_while_away() -> None:
    wire = Wire(replace(BLOCK, cancel_after_ns=500 * MS))
    wire.connect()
    assert wire.desk.deadline_ns() == START_NS + 500 * MS
    wire.desk.disconnected(wire.now_ns)
    wire.router.disconnected(wire.now_ns)
    assert wire.desk.deadline_ns() is None
    wire.now_ns += 600 * MS
    wire.connect()
    assert [message.msg_type for message in wire.heard] == [b"D", b"H", b"F"]
    wire.tell(
        OrderCancelReject("P1-C", "P1", OrdStatus.FILLED, CxlRejResponseTo.CANCEL, text="too late"), b"9"
    )
    assert wire.log("cancel_refused")[0]["text"] == "too late"
    assert wire.desk.outcome is None


def test_it_waits_before_sending_if_told() -> None:
    wire = Wire(replace(BLOCK, send_after_ns=1000 * MS))
    wire.connect()
    assert wire.heard == []
    assert wire.desk.deadline_ns() == START_NS + 1000 * MS
    wire.pass_ns(1000 * MS)
    assert [message.msg_type for message in wire.heard] == [b"D"]


def test_a_business_reject_ends_it() -> None:
    wire = Wire()
    wire.connect()
    wire.tell(BusinessMessageReject(2, "D", 3, text="not here"), b"j")
    assert wire.desk.summary() == "P1: rejected, 0 of 10 (not here)"


class Oms:
    """A router on wall time that fills what it gets; the first connection it breaks."""

    def __init__(self) -> None:
        config = SessionConfig(
            "oms", "acceptor", sender_comp_id="SLUICE", target_comp_id="DESK1", resend=frozenset({b"8"})
        )
        self.session = Session(config)
        self.links = 0

    def make_link(self) -> Link:
        return Link(self, Framer())

    def link_up(self, link: Link) -> None:
        self.links += 1
        self.act(link, self.session.connected(START_NS))

    def link_down(self, link: Link, reason: str) -> None:
        self.session.disconnected(START_NS)

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """Never, here."""

    def messages_ready(self, link: Link) -> None:
        while (message := link.framer.next()) is not None:
            assert isinstance(message, Message)
            self.act(link, self.session.received(message, message.sending_time_ns))

    def act(self, link: Link, happened: list[events.Event]) -> None:
        for event in happened:
            if isinstance(event, events.Send):
                link.write(event.raw)
            elif isinstance(event, events.App) and event.message.msg_type == b"D":
                link.abort("broken")
            elif isinstance(event, events.App):
                done = report(ExecType.TRADE, OrdStatus.FILLED, 10 * BTC, last=10 * BTC)
                link.write(self.session.encode(b"8", done.body(BTC), event.message.sending_time_ns))


async def test_over_tcp_it_dials_again_after_a_break_and_ends() -> None:
    oms = Oms()
    listener = await TcpNetwork().serve("127.0.0.1", 0, oms.make_link)
    rules = settings(clock={"mode": "wall", "speed": 1.0}, desk={"port": listener.port})
    log = io.StringIO()
    desk = await asyncio.wait_for(run_desk(rules, BLOCK, log), 10)
    assert desk.complete
    assert oms.links == 2
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()].count("sent") == 1
    listener.close()


async def test_no_clock_link_is_named() -> None:
    with pytest.raises(SettingsError, match=r"clock.port: nobody answers on 127.0.0.1:1:"):
        await run_desk(settings(clock={"port": 1}), BLOCK, io.StringIO())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--quantity", "0.123456789"], "--quantity = '0.123456789' has more than 8 decimals"),
        (["--quantity", "0"], "--quantity = '0': must be above zero"),
        (["--limit", "cheap"], "--limit = 'cheap' is not a decimal number"),
        (["--side", "long"], "--side = 'long': must be one of buy, sell, sell-short"),
    ],
)
def test_a_fault_of_the_command_line_is_one_line_and_status_2(
    tmp_path: Path, arguments: list[str], text: str
) -> None:
    command = [str(Path(sys.executable).with_name("fixsim")), "desk", "-s", str(ETC), *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False, timeout=30
    )
    assert (ran.returncode, ran.stderr) == (2, text + "\n")
