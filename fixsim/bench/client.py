"""The other side of the router, on plain blocking sockets: its one venue, and the desk that gives it work.

What is timed is `exchange`: one send, and reads until a whole message is there. The same code times the
echo. Everything else (preparing messages, checking the order, reporting its end, waiting until the router
has nothing left to do) is outside the clock.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from dataclasses import dataclass

from fixsim.bench.settings import (
    ACCOUNT,
    DESK,
    HEARTBEAT_S,
    MARKET_DATA,
    ORDERS,
    ROUTER,
    STRATEGY,
    SYMBOL,
    VENUE,
    BenchError,
)
from fixsim.bench.walk import INSTRUMENT, LOTS, Walk
from risk.order import OrdType, Side
from router.fix import events, tags
from router.fix.codec import Framer, Garbled, Message
from router.fix.messages import ExecType, ExecutionReport, MarketDataRequest, NewOrderSingle, OrdStatus
from router.fix.session import Session, SessionConfig

TIMEOUT_S = 30
READ_BYTES = 1 << 16
IDLE_NS = 100_000  # before each sample both sides have been idle for at least so long
PARENT_LOTS = 10 * LOTS
PARENT_NS = 8 * 3600 * 10**9
INSTRUMENTS = {SYMBOL: INSTRUMENT}


def blocking(sock: socket.socket) -> socket.socket:
    """Truly blocking (a Python timeout would add a poll to each read), but not for ever."""
    sock.setblocking(True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", TIMEOUT_S, 0))
    return sock


def exchange(to: socket.socket, back: socket.socket, raw: bytes) -> tuple[int, bytes]:
    """Send, and read a whole message: (ns, bytes). FIX messages end in their CheckSum(10)."""
    begin = time.perf_counter_ns()
    to.send(raw)
    data = back.recv(READ_BYTES)
    while data[-7:-4] != b"10=" and data:
        data += back.recv(READ_BYTES)
    return time.perf_counter_ns() - begin, data


def idle() -> None:
    """Spin: the client's core stays awake, the other side falls asleep in its event loop."""
    until = time.perf_counter_ns() + IDLE_NS
    while time.perf_counter_ns() < until:
        pass


class Peer:
    """A FIX session over a blocking socket. BenchError when the other side does what it should not."""

    def __init__(self, sock: socket.socket, session: Session, framer: Framer | None = None) -> None:
        self.sock = sock
        self.session = session
        self._framer = framer or Framer()
        self._apps: deque[Message] = deque()
        self.act(session.connected(time.time_ns()))

    def act(self, happened: list[events.Event]) -> None:
        for event in happened:
            match event:
                case events.Send():
                    self.sock.sendall(event.raw)
                case events.App():
                    self._apps.append(event.message.keep())
                case events.Alert() | events.Disconnect():
                    raise BenchError(f"{self.session.name}: {event}")

    def take(self, data: bytes) -> None:
        if not data:
            raise BenchError(f"{self.session.name}: the router hung up")
        self._framer.feed(data)
        self.drain()

    def drain(self) -> None:
        while (message := self._framer.next()) is not None:
            if isinstance(message, Garbled):
                raise BenchError(f"{self.session.name}: garbled: {message.reason}")
            self.act(self.session.received(message, time.time_ns()))

    def read(self) -> None:
        try:
            self.take(self.sock.recv(READ_BYTES))
        except BlockingIOError:
            raise BenchError(f"{self.session.name}: nothing came for {TIMEOUT_S} s") from None

    def logged_on(self) -> None:
        while not self.session.is_logged_on:
            self.read()

    def next(self, msg_type: bytes) -> Message:
        """The next application message, which must be of this type."""
        while not self._apps:
            self.read()
        message = self._apps.popleft()
        if message.msg_type != msg_type:
            raise BenchError(f"{self.session.name}: expected {msg_type!r}, not {message!r}")
        return message

    def send(self, msg_type: bytes, *bodies: bytes) -> None:
        now = time.time_ns()
        self.sock.sendall(b"".join(self.session.encode(msg_type, body, now) for body in bodies))

    def settle(self) -> None:
        """Wait until the router has answered a TestRequest, and so handled all that came before it."""
        before = self.session.next_in
        self.act(self.session.test_request(time.time_ns()))
        while self.session.next_in == before:
            self.read()


@dataclass(slots=True)
class Bench:
    """A router's peers, logged on, with one parent at work."""

    orders: Peer
    market_data: Peer
    desk: Peer
    walk: Walk
    samples: int = 0
    x_bytes: int = 0
    d_bytes: int = 0

    def block(self, count: int) -> list[int]:
        """`count` samples of tick to order, in ns; messages are made before, each order checked after."""
        steps = [self.walk.step() for _ in range(count)]
        session, now = self.market_data.session, time.time_ns()
        wire = [session.encode(b"X", step.body, now) for step in steps]
        to, back = self.market_data.sock, self.orders.sock
        taken = []
        for raw, step in zip(wire, steps, strict=True):
            idle()
            ns, order = exchange(to, back, raw)
            taken.append(ns)
            self._answer(order, step.price)
        self.x_bytes, self.d_bytes = len(wire[-1]), len(order)
        self.samples += count
        return taken

    def first_order(self) -> None:
        """The parent's own start makes the first child."""
        self._answer(b"", None)

    def _answer(self, data: bytes, price: bytes | None) -> None:
        """Check the order, say that it was taken and found nothing, and wait until the router is idle."""
        peer = self.orders
        if data:
            peer.take(data)
        message = peer.next(tags.NEW_ORDER_SINGLE)
        order = NewOrderSingle.parse(message, INSTRUMENTS)
        if price is not None and message.get(tags.PRICE) != price:
            raise BenchError(f"Price(44) is {message.get(tags.PRICE)!r}, the message's touch {price!r}")
        peer.send(tags.EXECUTION_REPORT, report_of(order, ended=False), report_of(order, ended=True))
        peer.settle()

    def close(self) -> None:
        for peer in (self.orders, self.market_data, self.desk):
            peer.sock.close()


def connect(listener: socket.socket, oms_port: int) -> Bench:
    """Be the venue that the router dials, then the desk that sends it a parent with a far end."""
    peers: dict[str, Peer] = {}
    listener.settimeout(TIMEOUT_S)
    while len(peers) < 2:
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            raise BenchError(f"the router did not connect within {TIMEOUT_S} s") from None
        name, peer = _accept(blocking(sock))
        peers[name] = peer
    walk = Walk()
    market_data = peers[MARKET_DATA]
    request = MarketDataRequest.parse(market_data.next(tags.MARKET_DATA_REQUEST), INSTRUMENTS)
    market_data.send(b"W", walk.snapshot(request.md_req_id))
    market_data.settle()
    desk = Peer(
        blocking(socket.create_connection(("127.0.0.1", oms_port), TIMEOUT_S)),
        Session(SessionConfig("desk", "initiator", DESK, ROUTER, heart_bt_int_s=HEARTBEAT_S)),
    )
    desk.logged_on()
    desk.send(tags.NEW_ORDER_SINGLE, parent_order().body(LOTS))
    report = ExecutionReport.parse(desk.next(tags.EXECUTION_REPORT), INSTRUMENTS)
    if report.ord_status is not OrdStatus.NEW:
        raise BenchError(f"the parent was refused: {report.text}")
    bench = Bench(peers[ORDERS], market_data, desk, walk)
    bench.first_order()
    return bench


def _accept(sock: socket.socket) -> tuple[str, Peer]:
    """The first message says whose connection it is."""
    framer = Framer()
    while (message := framer.next()) is None:
        framer.feed(sock.recv(READ_BYTES))
    if not isinstance(message, Message):
        raise BenchError(f"the router's first message is garbled: {message.reason}")
    name = (message.get(tags.SENDER_COMP_ID) or b"").decode("latin-1")
    config = SessionConfig(name, "acceptor", VENUE, name, heart_bt_int_s=HEARTBEAT_S)
    peer = Peer(sock, Session(config), framer)
    peer.act(peer.session.received(message, time.time_ns()))
    peer.drain()
    return name, peer


def parent_order() -> NewOrderSingle:
    now = time.time_ns()
    return NewOrderSingle(
        cl_ord_id="PARENT-1",
        symbol=SYMBOL,
        side=Side.BUY,
        transact_time_ns=now,
        qty_lots=PARENT_LOTS,
        ord_type=OrdType.MARKET,
        account=ACCOUNT,
        effective_time_ns=now,
        expire_time_ns=now + PARENT_NS - 60 * 10**9,
        target_strategy=STRATEGY,
        must_complete=False,
    )


def report_of(order: NewOrderSingle, *, ended: bool) -> bytes:
    return ExecutionReport(
        order_id=f"V{order.cl_ord_id}",
        exec_id=f"{order.cl_ord_id}.{int(ended)}",
        exec_type=ExecType.CANCELED if ended else ExecType.NEW,
        ord_status=OrdStatus.CANCELED if ended else OrdStatus.NEW,
        symbol=order.symbol,
        side=order.side,
        leaves_lots=0 if ended else order.qty_lots,
        cum_lots=0,
        avg_px_nanos=0,
        cl_ord_id=order.cl_ord_id,
        account=order.account,
        qty_lots=order.qty_lots,
        transact_time_ns=order.transact_time_ns,
    ).body(LOTS)
