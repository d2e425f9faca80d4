"""What the engine's rooms share: sessions with their outboxes, books, orders, parents, gate and journal.

One `Core` belongs to one `Engine`, which is its only writer. Everything here is plain state and the few acts
that every room needs: queue a message, let queued messages leave, note something in the journal. Messages
take their MsgSeqNum, their journal record and their bytes at the moment that they leave, in `pump`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from risk.gate import Gate
from risk.instrument import Instrument
from router.config import EngineConfig
from router.fix.session import Session, State
from router.journal import JournalWriter, Kind
from router.marketdata import MarketData
from router.orders import Child, OrderTable
from router.outbox import Outbox, Outgoing
from router.parent import ParentWork
from router.throttle import Throttle
from router.timers import Timers


class PortKind(enum.Enum):
    ORDERS = "orders"  # our order entry at a venue
    MARKET_DATA = "market data"
    DROP_COPY = "drop copy"  # a venue's copies of its reports to us
    DESK = "desk"  # a desk's OMS session, where we are the broker
    DESK_DROP_COPY = "desk drop copy"  # copies of a desk's reports, for whoever watches it

    @property
    def is_acceptor(self) -> bool:
        """The peer dials us."""
        return self in (PortKind.DESK, PortKind.DESK_DROP_COPY)


@dataclass(slots=True)
class Port:
    """One FIX session of the engine, its place in the journal (`index`) and what waits to leave on it."""

    index: int
    kind: PortKind
    venue: int  # slot; -1 for a desk
    session: Session
    outbox: Outbox
    tag: bytes  # the index as the journal writes it
    up: bool = False  # the transport is there
    writable: bool = True  # the transport takes bytes
    touched: bool = False  # something waits since the last pump
    throttle: Throttle | None = None  # the peer's limit of messages a second
    is_open: bool = True  # by its hours
    period_ns: int = 0  # when the period of its schedule began, 0 if it never did
    reset_due: bool = False  # its numbers go back to 1 as soon as its state allows that

    @property
    def takes_orders(self) -> bool:
        """What is queued now would leave now, and nothing that the venue said before is missing."""
        waits = self.throttle is not None and len(self.outbox) > 0
        return self.writable and self.session.state is State.ACTIVE and not waits


class OrderIds(Protocol):
    """Where ClOrdIDs come from: a counter that cannot repeat, even after power loss."""

    def next(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """A line for the operator who gave command `command`; `last` closes the conversation."""

    command: int
    body: dict[str, Any]
    last: bool = False


@dataclass(slots=True)
class Core:
    config: EngineConfig
    instruments: dict[str, Instrument]
    gate: Gate
    ids: OrderIds
    journal: JournalWriter
    orders: OrderTable = field(default_factory=OrderTable)
    parents: dict[str, ParentWork] = field(default_factory=dict)
    ports: list[Port] = field(default_factory=list)
    markets: dict[str, MarketData] = field(default_factory=dict)
    timers: Timers = field(default_factory=Timers)
    now_ns: int = 0
    inputs: int = 0  # how many came so far
    reports: int = 0  # ExecIDs given to desks
    taken: int = 0  # parents taken in
    ended: dict[str, None] = field(default_factory=dict)  # parents that are over, longest first
    writes: list[tuple[int, bytes]] = field(default_factory=list)  # for the shell: (port index, bytes)
    hangups: list[int] = field(default_factory=list)  # for the shell: ports whose transport must close
    replies: list[Reply] = field(default_factory=list)  # for the shell: to operators
    alerts: list[str] = field(default_factory=list)  # for the shell: to the log
    order_ports: dict[int, Port] = field(default_factory=dict)  # by venue slot
    feed_ports: dict[int, Port] = field(default_factory=dict)
    _touched: list[Port] = field(default_factory=list)

    def queue(self, port: Port, message: Outgoing) -> None:
        """Raises OutboxFull at the bound."""
        port.outbox.put(message)
        self._touch(port)

    def queue_cancel(self, port: Port, message: Outgoing) -> None:
        port.outbox.put_cancel(message)
        self._touch(port)

    def wake(self, port: Port) -> None:
        """The port may take messages again: what waits there is tried at the next pump."""
        self._touch(port)

    def _touch(self, port: Port) -> None:
        if not port.touched:
            port.touched = True
            self._touched.append(port)

    def next_id(self) -> str:
        """A ClOrdID that nobody has used: not even a venue that reported one which we had not given out."""
        while self.orders.find(name := self.ids.next()) is not None:
            self.alert(f"ClOrdID {name} was used by somebody else: passed over")
        return name

    def pump(self) -> None:
        """Lets what waits leave, on every session that can take it."""
        if not self._touched:
            return
        still: list[Port] = []
        for port in self._touched:
            session = port.session
            outbox = port.outbox
            while port.writable and session.is_logged_on:
                if port.throttle is not None and self._must_wait(port, port.throttle):
                    break
                if (message := outbox.pop()) is None:
                    break
                self.write(port, session.encode(message.msg_type, message.body, self.now_ns))
            port.touched = len(outbox) > 0
            if port.touched:
                still.append(port)
        self._touched = still

    def _must_wait(self, port: Port, throttle: Throttle) -> bool:
        """What would leave next is over the peer's limit; a timer says when it may."""
        free_ns = throttle.free_ns(self.now_ns, cancel=port.outbox.cancel_is_next)
        if free_ns <= self.now_ns or not len(port.outbox):
            return False
        self.timers.set(("throttle", str(port.index)), free_ns)
        return True

    def write(self, port: Port, raw: bytes) -> None:
        """Bytes that leave now: first the journal's, then the wire's (the shell keeps that order)."""
        if port.throttle is not None:
            port.throttle.left(self.now_ns)
        self.journal.append(Kind.FIX_OUT, self.now_ns, port.tag + raw)
        self.writes.append((port.index, raw))

    def note(self, what: str, **fields: Any) -> None:
        """A fact worth keeping that is neither a message nor a decision."""
        payload = json.dumps({"note": what, **fields}, separators=(",", ":"))
        self.journal.append(Kind.NOTE, self.now_ns, payload.encode())

    def alert(self, text: str) -> None:
        """Something that a person must hear of: journalled, and handed to the shell's log."""
        self.note("alert", text=text)
        self.alerts.append(text)

    def work_of(self, child: Child) -> ParentWork | None:
        """The parent that a child works for; None for an adopted order of no known parent."""
        return self.parents.get(child.order.parent_id)

    def active_parents(self) -> Iterator[ParentWork]:
        return (work for work in self.parents.values() if not work.is_ended)
