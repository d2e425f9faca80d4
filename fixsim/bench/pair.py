"""Two processes that speak FIX to each other with the router's own parts: link, session, messages, journal.

    python -m fixsim.bench.pair acceptor PORT JOURNAL
    python -m fixsim.bench.pair initiator PORT JOURNAL
    python -m fixsim.bench.pair echo PORT -

The acceptor answers each NewOrderSingle with an ExecutionReport (New). The initiator reads commands from its
standard input, `rtt N` or `burst N WINDOW`, and answers each with a line of JSON: the round trips in ns, one
after the other, or the seconds that N orders took with WINDOW of them in flight. Both write each message to
their journal before it is acted on, and before it leaves; what was written is synced every 50 ms on a thread,
as in the router. `echo` is the initiator of the floor: the same with bytes of the same sizes, and no FIX.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import uvloop

from risk.order import OrdType, Side, TimeInForce
from router.fix import events, tags
from router.fix import warm as fix_warm
from router.fix.codec import Framer, Garbled, Message
from router.fix.messages import ExecType, ExecutionReport, NewOrderSingle, OrdStatus
from router.fix.messages.orders import order_body
from router.fix.session import Session, SessionConfig
from router.journal import Kind
from router.journalfile import JournalFile
from router.link import Link

SYMBOL, LOTS = "BTC-USD", 100_000_000
SYNC_S = 0.05
QTY_LOTS, PRICE_NANOS = 150_000_000, 6_230_150_000_000
INDEX = b"\x00"  # the session's number in the journal


class Instrument:
    """What reading a quantity needs to know."""

    lots_per_unit = LOTS


INSTRUMENTS = {SYMBOL: Instrument()}


class Engine:
    """One FIX session over one link, with a journal: disk first, then wire."""

    def __init__(self, role: str, journal: Path) -> None:
        initiator = role == "initiator"
        names = ("CLIENT", "VENUE") if initiator else ("VENUE", "CLIENT")
        self.session = Session(
            SessionConfig(role, "initiator" if initiator else "acceptor", *names, heart_bt_int_s=3600)
        )
        self.journal = JournalFile(journal, allocate_bytes=64 << 20)
        self.on_report: Callable[[ExecutionReport], None] = lambda report: None
        self.logged_on = asyncio.get_running_loop().create_future()
        self._link: Link | None = None
        self._writes: list[bytes] = []
        self._execs = 0

    async def sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            await asyncio.get_running_loop().run_in_executor(None, self.journal.sync)

    # Owner of the link.

    def link_up(self, link: Link) -> None:
        self._link = link
        self._act(self.session.connected(time.time_ns()))
        self.flush()

    def link_down(self, link: Link, reason: str) -> None:
        sys.exit(f"the link is down: {reason}")

    def link_blocked(self, link: Link, blocked: bool) -> None:
        pass

    def messages_ready(self, link: Link) -> None:
        while (message := link.framer.next()) is not None:
            if isinstance(message, Garbled):
                sys.exit(f"garbled: {message.reason}")
            now_ns = time.time_ns()
            self.journal.writer.append(Kind.FIX_IN, now_ns, INDEX + message.raw)
            for event in self.session.received(message, now_ns):
                if type(event) is events.App:
                    self._application(event.message, now_ns)
                else:
                    self._act([event])
        self.flush()
        self.journal.settle()

    def _act(self, happened: list[events.Event]) -> None:
        for event in happened:
            match event:
                case events.Send():
                    self._write(event.raw, time.time_ns())
                case events.LoggedOn():
                    self.logged_on.set_result(None)
                case events.App():
                    self._application(event.message, time.time_ns())
                case events.Alert() | events.Disconnect():
                    sys.exit(str(event))

    # Messages.

    def send_order(self, cl_ord_id: str) -> None:
        now_ns = time.time_ns()
        body = order_body(
            cl_ord_id, "ACCT1", SYMBOL, Side.BUY, now_ns, QTY_LOTS, LOTS, OrdType.LIMIT, PRICE_NANOS,
            TimeInForce.DAY,
        )  # fmt: skip
        self._write(self.session.encode(tags.NEW_ORDER_SINGLE, body, now_ns), now_ns)

    def _application(self, message: Message, now_ns: int) -> None:
        if message.msg_type == tags.EXECUTION_REPORT:
            self.on_report(ExecutionReport.parse(message, INSTRUMENTS))
            return
        order = NewOrderSingle.parse(message, INSTRUMENTS)
        self._execs += 1
        report = ExecutionReport(
            order_id=f"O{self._execs}",
            exec_id=f"E{self._execs}",
            exec_type=ExecType.NEW,
            ord_status=OrdStatus.NEW,
            symbol=order.symbol,
            side=order.side,
            leaves_lots=order.qty_lots,
            cum_lots=0,
            avg_px_nanos=0,
            cl_ord_id=order.cl_ord_id,
            account=order.account,
            qty_lots=order.qty_lots,
            ord_type=order.ord_type,
            price_nanos=order.price_nanos,
            tif=order.tif,
            transact_time_ns=now_ns,
        )
        raw = self.session.encode(tags.EXECUTION_REPORT, report.body(LOTS), now_ns)
        self._write(raw, now_ns)

    def _write(self, raw: bytes, now_ns: int) -> None:
        self.journal.writer.append(Kind.FIX_OUT, now_ns, INDEX + raw)
        self._writes.append(raw)

    def flush(self) -> None:
        """The journal's bytes, then the wire's."""
        self.journal.flush()
        if self._writes and self._link is not None:
            writes, self._writes = self._writes, []
            self._link.write(writes[0] if len(writes) == 1 else b"".join(writes))


class Asker:
    """Does what a command says, and takes the time; what an order is and how it leaves is the subclass's."""

    def __init__(self) -> None:
        self._left = self._to_send = 0
        self._single = False
        self._rtt: list[int] = []
        self._sent_ns = self._began_ns = 0

    def command(self, line: str) -> None:
        word, *numbers = line.split()
        self._left = int(numbers[0])
        self._single = word == "rtt"
        self._rtt = []
        window = 1 if self._single else int(numbers[1])
        self._to_send = self._left - window
        self._began_ns = time.perf_counter_ns()
        for _ in range(window):
            self._next()
        self.flush()

    def answered(self) -> None:
        """One came back: the next leaves, or the command is done."""
        if self._single:
            self._rtt.append(time.perf_counter_ns() - self._sent_ns)
        self._left -= 1
        if self._to_send > 0:
            self._to_send -= 1
            self._next()
        elif self._left == 0:
            answer(self._rtt, self._began_ns)

    def _next(self) -> None:
        self._sent_ns = time.perf_counter_ns()
        self.send()

    def send(self) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        """What was sent leaves now."""


class Client(Asker):
    """Sends orders."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        engine.on_report = lambda report: self.answered()
        self._number = 0

    def send(self) -> None:
        self._number += 1
        self._engine.send_order(f"SL1-{self._number}")

    def flush(self) -> None:
        self._engine.flush()


class EchoClient(Asker, asyncio.Protocol):
    """The floor's: bytes of an order's size there, bytes of a report's size back."""

    def __init__(self, size_out: int, size_in: int) -> None:
        super().__init__()
        self._raw = b"D" * size_out
        self._size = size_in
        self._got = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        assert self._transport is not None
        self._transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        while self._got >= self._size:
            self._got -= self._size
            self.answered()


def say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def answer(rtt: list[int], began_ns: int) -> None:
    say({"ns": rtt, "seconds": (time.perf_counter_ns() - began_ns) / 1e9})


async def obey(command: Callable[[str], None]) -> None:
    """Commands from standard input until it ends."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    held = b""

    def read() -> None:
        nonlocal held
        data = os.read(0, 4096)
        if not data:
            loop.remove_reader(0)
            ended.set_result(None)
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            command(line.decode())

    say({"ready": True})
    gc.collect()
    gc.freeze()
    gc.disable()  # as in the router
    loop.add_reader(0, read)
    await ended


async def run(role: str, port: int, journal: str) -> None:
    loop = asyncio.get_running_loop()
    if role == "echo":
        sizes = [int(size) for size in journal.split(",")]
        _, client = await loop.create_connection(lambda: EchoClient(*sizes), "127.0.0.1", port)
        await obey(client.command)
        return
    fix_warm.warm()
    engine = Engine(role, Path(journal))
    syncing = asyncio.ensure_future(engine.sync())
    if role == "acceptor":
        server = await loop.create_server(lambda: Link(engine, Framer()), "127.0.0.1", port)
        gc.collect()
        gc.freeze()
        gc.disable()
        await server.serve_forever()
    await loop.create_connection(lambda: Link(engine, Framer()), "127.0.0.1", port)
    await engine.logged_on
    await obey(Client(engine).command)
    syncing.cancel()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
