"""A venue in small behind somebody else's engine: it acknowledges, fills, cancels and refuses as a test says.

It hears the router's orders on SLUICE-OE and its market data requests on SLUICE-MD, both on one port, and
answers at once: each order is acknowledged, each cancel done, each request served with a book of five levels
a side.
"""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path

from tests.interop.engines import Engine
from tests.interop.ours import SYMBOL, VENUE
from tests.interop.peer import Fields, Peer, Wire
from tests.interop.wording import BUY, FIX42, utc

ORDERS, FEED = "SLUICE-OE", "SLUICE-MD"
BID, ASK, TICK = 6200.00, 6200.10, 0.01
SIZE = "1.5"


class Resting:
    """An order, as the venue has it."""

    def __init__(self, wire: Wire, order_id: str) -> None:
        self.cl_ord_id, self.order_id = wire[11], order_id
        self.side, self.price, self.tif = wire[54], wire[44], wire[59]
        self.qty, self.cum, self.value = float(wire[38] or "0"), 0.0, 0.0
        self.open = True

    @property
    def leaves(self) -> float:
        return self.qty - self.cum if self.open else 0.0

    @property
    def status(self) -> str:
        if self.open:
            return "1" if self.cum else "0"
        return "2" if self.cum == self.qty else "4"


class TinyVenue:
    """See the module. `fills`: every order that reaches the other side fills at once, in two pieces."""

    def __init__(self, engine: Engine, version: str, port: int, folder: Path) -> None:
        sessions = {(VENUE, ORDERS): version, (VENUE, FEED): version}
        self.peer = Peer(engine, "acceptor", port, folder, sessions, on_wire=self._hear)
        self.version = version
        self.fills = True
        self.refuses = 0  # so many orders, from now on
        self.cancels = True  # or it hears them and does nothing
        self.book: dict[str, Resting] = {}
        self._told = count(1)
        self._lock = threading.RLock()

    def _hear(self, wire: Wire) -> None:
        if wire.way != "in":
            return
        with self._lock:
            match wire[35]:
                case "V" if wire[263] == "1":
                    self._snapshot(wire[262])
                case "D":
                    self._order(wire)
                case "F" if self.cancels:
                    self._cancel(wire)
                case "H":
                    self._status(wire)

    # Market data.

    def _snapshot(self, request: str) -> None:
        levels = [
            [(269, kind), (270, f"{best + sign * step * TICK:.2f}"), (271, SIZE)]
            for kind, best, sign in (("0", BID, -1), ("1", ASK, 1))
            for step in range(5)
        ]
        self.peer.send("W", [(262, request), (55, SYMBOL), (268, levels)], FEED)
        self.request = request
        self.quote("0", BID, SIZE, action="1")
        self.peer.send(
            "X",
            [
                (262, request),
                (268, [[(279, "0"), (269, "2"), (55, SYMBOL), (270, f"{ASK:.2f}"), (271, "0.1")]]),
            ],
            FEED,
        )

    def quote(self, kind: str, price: float, size: str, *, action: str) -> None:
        """One level becomes new (0), changes (1) or goes (2)."""
        entry = [(279, action), (269, kind), (55, SYMBOL), (270, f"{price:.2f}"), (271, size)]
        self.peer.send("X", [(262, self.request), (268, [entry])], FEED)

    # Orders.

    def _order(self, wire: Wire) -> None:
        order = Resting(wire, f"O{next(self._told)}")
        if self.refuses:
            self.refuses -= 1
            order.open = False
            why = [(103, "0"), (58, "the test says so")]
            self._report(order, "8", why, status="8")
            return
        self.book[order.cl_ord_id] = order
        self._report(order, "0")
        crosses = float(order.price) >= ASK if order.side == BUY else float(order.price) <= BID
        if self.fills and crosses:
            half = round(order.qty / 2, 8)
            self.fill(order, half)
            self.fill(order, order.leaves)
        elif order.tif == "3":
            order.open = False
            self._report(order, "4")

    def fill(self, order: Resting, qty: float, price: float | None = None) -> str:
        """Part of it, or all that is left; the ExecID(17)."""
        with self._lock:
            qty = round(qty, 8)
            at = price or (ASK if order.side == BUY else BID)
            order.cum = round(order.cum + qty, 8)
            order.value += qty * at
            order.open = order.cum < order.qty
            kind = ("2" if not order.open else "1") if self.version == FIX42 else "F"
            trade = [(32, f"{qty:.8f}"), (31, f"{at:.2f}"), (30, VENUE)]
            return self._report(order, kind, trade)

    def unasked(self, order: Resting) -> None:
        """A cancel that nobody asked for."""
        with self._lock:
            order.open = False
            self._report(order, "4", [(58, "the test says so")])

    def _cancel(self, wire: Wire) -> None:
        order = self.book.get(wire[41])
        if order is None or not order.open:
            reason = "1" if order is None else "0"
            status = "8" if order is None else order.status
            order_id = "NONE" if order is None else order.order_id
            fields = [(37, order_id), (11, wire[11]), (41, wire[41]), (39, status), (434, "1"), (102, reason)]
            self.peer.send("9", fields, ORDERS)
            return
        order.open = False
        self._report(order, "4", [(11, wire[11]), (41, wire[41])])

    def _status(self, wire: Wire) -> None:
        order = self.book.get(wire[11])
        echo = [(790, wire[790])] if wire[790] else []
        if order is None:
            order = Resting(wire, "NONE")
            order.open = False
            self._report(order, "I", [*echo, (103, "5")], status="8")
            return
        self._report(order, "I", echo)

    def _report(
        self, order: Resting, exec_type: str, fields: Fields = (), *, status: str | None = None
    ) -> str:
        own = dict(fields)
        exec_id = f"E{next(self._told)}"
        about: dict[int, str] = {37: order.order_id, 11: order.cl_ord_id, 17: exec_id}
        if self.version == FIX42:
            about[20] = "3" if exec_type == "I" else "0"
            exec_type = order.status if exec_type == "I" else exec_type
        average = order.value / order.cum if order.cum else 0.0
        about |= {
            150: exec_type,
            39: status or order.status,
            55: SYMBOL,
            54: order.side,
            38: f"{order.qty:.8f}",
            151: f"{order.leaves:.8f}",
            14: f"{order.cum:.8f}",
            6: f"{average:.4f}",
            60: utc(),
        }
        self.peer.send("8", list((about | own).items()), ORDERS)
        return exec_id

    def working(self) -> list[Resting]:
        return [order for order in self.book.values() if order.open]
