"""Children from their leaving to their end: what leaves, how they move, and what is asked of those in doubt.

An order of which we have heard nothing is asked for, never sent again. What the venues say of them is taken
in by the other rooms here, which move children by `move` and `end` alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from risk.gate import Approved
from risk.kill import Mode
from risk.order import Cancel, NewOrder, TimeInForce
from router.core import Core, Port
from router.execution.bodies import cancel_body, new_order_body, status_body
from router.fix import tags
from router.fix.messages import ExecutionReport
from router.journal import Kind
from router.orders import Child, ChildEvent, ChildState, IllegalTransition
from router.outbox import Outgoing
from router.records import pack_cancel_pass


class Listener(Protocol):
    """Who hears of what happened to a child."""

    def filled(self, child: Child, lots: int, report: ExecutionReport) -> None: ...

    def busted(self, child: Child, lots: int, report: ExecutionReport) -> None:
        """A fill of that many lots is void; the report names it by ExecRefID(19)."""

    def corrected(self, child: Child, report: ExecutionReport) -> None:
        """A fill was really as the report says, which names it by ExecRefID(19)."""

    def changed(self, child: Child) -> None: ...

    def forgotten(self, order: NewOrder) -> None:
        """A venue knows an order of ours that we do not: nothing new until a person has looked."""


class Children:
    def __init__(self, core: Core, listener: Listener) -> None:
        self._core = core
        self.listener = listener
        self._acks: deque[tuple[int, str]] = deque()  # (when an answer is overdue, ClOrdID), in order of time
        self._due: dict[str, int] = {}  # the latest of these of each order
        self._paced: deque[str] = deque()  # cancels that wait for their budget
        self.draining = False  # every order is to end

    # What leaves.

    def submit(self, approved: Approved[NewOrder], venue: int, px: int | None) -> Child:
        """Queues the order for its venue, from where it leaves at once if the session can take it.

        OutboxFull: it does not leave, and is no child.
        """
        core = self._core
        order = approved.order
        child = Child(
            order=order,
            cl_ord_id=order.cl_ord_id,
            venue=venue,
            px=px,
            sign=order.side.sign,
            leaves=order.qty_lots,
            sent_ns=core.now_ns,
        )
        port = core.order_ports[venue]
        lots_per_unit, version = core.instruments[order.symbol].lots_per_unit, port.session.config.version
        body = new_order_body(approved, lots_per_unit, core.now_ns, version)
        core.queue(port, Outgoing(tags.NEW_ORDER_SINGLE, body, child))
        core.orders.add(child)
        self._expect_answer(order.cl_ord_id)
        return child

    def cancel(self, child: Child, *, kill: bool = False) -> bool:
        """Asks the venue to cancel; False if the cancels' own budget makes it wait and go by itself."""
        core = self._core
        if child.state is ChildState.PENDING_CANCEL and not kill:
            return True
        if self._never_left(child):
            return True
        order = child.order
        cancel = Cancel(
            cl_ord_id=core.next_id(),
            orig_cl_ord_id=order.cl_ord_id,
            parent_id=order.parent_id,
            venue=order.venue,
            symbol=order.symbol,
            side=order.side,
            qty_lots=order.qty_lots,
            order_id=child.order_id,
        )
        verdict = core.gate.check_cancel(cancel, core.now_ns, kill=kill)
        if isinstance(verdict, int):
            if child.cl_ord_id not in self._paced:
                self._paced.append(child.cl_ord_id)
            soonest = core.timers.get(("paced", ""))
            core.timers.set(("paced", ""), verdict if soonest is None else min(soonest, verdict))
            return False
        core.journal.append(Kind.VERDICT, core.now_ns, pack_cancel_pass(verdict))
        core.orders.cancel_sent(child, cancel.cl_ord_id)
        body = cancel_body(verdict, core.instruments[order.symbol].lots_per_unit, core.now_ns)
        core.queue_cancel(core.order_ports[child.venue], Outgoing(tags.ORDER_CANCEL_REQUEST, body))
        self._expect_answer(order.cl_ord_id)
        return True

    def send_paced(self) -> None:
        """Cancels that waited for their budget try again."""
        for _ in range(len(self._paced)):
            child = self._core.orders.find(self._paced.popleft())
            if child is not None and child.is_live:
                self.cancel(child)

    def drop_waiting(self, doomed: Callable[[Child], bool]) -> None:
        """New orders that have not left yet never will; they count as rejected by ourselves."""
        for port in self._core.order_ports.values():
            for child in port.outbox.drop_orders(doomed):
                self.end(child, ChildEvent.REJECTED)

    def _never_left(self, child: Child) -> bool:
        """Takes out an order that still waits to leave: a cancel or a question would overtake it."""
        if child.state is not ChildState.PENDING_NEW:
            return False
        if self._core.order_ports[child.venue].outbox.drop_orders(lambda waiting: waiting is child):
            self.end(child, ChildEvent.REJECTED)
            return True
        return False

    # How they move.

    def move(self, child: Child, event: ChildEvent) -> None:
        """Moves the child, or alerts where the table has no such move."""
        before = child.state
        if event is ChildEvent.ACKED and before is ChildState.WORKING:
            return  # said twice
        try:
            self._core.orders.move(child, event)
        except IllegalTransition as illegal:
            if child.is_live or event in (ChildEvent.ACKED, ChildEvent.FOUND_LIVE):
                self._core.alert(str(illegal))
            return
        if child.state is not before:
            self.listener.changed(child)
        if child.state is ChildState.WORKING and self.is_doomed(child):
            if event is ChildEvent.CANCEL_REFUSED:
                self._expect_answer(child.cl_ord_id)  # asked again when that is overdue, not at once
            else:
                self.cancel(child)

    def is_doomed(self, child: Child) -> bool:
        """Whether it is to be cancelled whatever else happens: a cancel may be lost with its connection."""
        work = self._core.work_of(child)
        if self.draining or work is None or work.dooms(child.cl_ord_id):
            return True
        order = child.order
        latch = self._core.gate.kill.blocks(order.venue, order.symbol, order.parent_id)
        return latch is not None and latch.mode is Mode.HALT

    def end(self, child: Child, event: ChildEvent) -> None:
        if child.is_live:
            self._core.orders.move(child, event)
            self._core.gate.closed(child.cl_ord_id)
            self._due.pop(child.cl_ord_id, None)
            self.listener.changed(child)

    # What we do not know.

    def session_up(self, port: Port) -> None:
        """After logon the venue first answers our resend request, then these: so what it says is current."""
        for child in self._core.orders.live():
            if child.venue == port.venue:
                self.lose(child)

    def session_down(self, port: Port) -> None:
        """What has not left never will; what has left may live on."""
        for child in port.outbox.clear():
            self.end(child, ChildEvent.REJECTED)
        for child in self._core.orders.live():
            if child.venue == port.venue:
                self.move(child, ChildEvent.LOST)

    def restarted(self) -> None:
        """After a crash every live order is unknown until its venue has spoken."""
        for child in self._core.orders.live():
            self.move(child, ChildEvent.LOST)

    def overdue(self) -> None:
        """Orders whose answer has not come in time become unknown, are asked for, and then cancelled."""
        core = self._core
        while self._acks and self._acks[0][0] <= core.now_ns:
            due, cl_ord_id = self._acks.popleft()
            if self._due.get(cl_ord_id) != due:
                continue  # something was asked since
            del self._due[cl_ord_id]
            child = core.orders.find(cl_ord_id)
            if child is not None and child.is_live:
                self._unanswered(child)
        if self._acks:
            core.timers.set(("overdue", ""), self._acks[0][0])

    def _unanswered(self, child: Child) -> None:
        if self._never_left(child):
            text = f"{child.cl_ord_id} could not leave for {child.order.venue} in time, and will not"
            self._core.alert(text)
        elif child.state is ChildState.WORKING:
            if self.is_doomed(child):
                self.cancel(child)
            elif child.order.tif in (TimeInForce.IOC, TimeInForce.FOK):
                self._ask(child)
        elif child.state is ChildState.UNKNOWN and not child.cancel_ids:
            self.cancel(child)
            self.lose(child)
        else:
            self._ask(child)

    def _ask(self, child: Child) -> None:
        if child.state is not ChildState.UNKNOWN:
            self._core.alert(f"no answer from {child.order.venue} about {child.cl_ord_id}: asking")
        self.lose(child)

    def lose(self, child: Child) -> None:
        self.move(child, ChildEvent.LOST)
        port = self._core.order_ports[child.venue]
        if port.session.is_logged_on:
            body = status_body(child, self._core.now_ns, port.session.config.version)
            self._core.queue_cancel(port, Outgoing(tags.ORDER_STATUS_REQUEST, body))
            self._expect_answer(child.cl_ord_id)

    def reserve_unexplained(self, child: Child, lots: int) -> None:
        """The venue has filled so much more of it than its fills tell: reserved until they come, also where
        the order had ended here.
        """
        if lots and not child.is_live:
            core = self._core
            core.orders.reopen(child, lots)
            self.known_to_risk(child, child.cum_lots)
            core.gate.reopened(child.cl_ord_id, child.leaves)
            self.listener.changed(child)
        child.provisional_lots = lots

    def known_to_risk(self, child: Child, cum_lots: int) -> None:
        """What ended before a restart is not in the ledger; its parent's line has its fills."""
        if not self._core.gate.exposure.knows(child.cl_ord_id):
            self._core.gate.recall(child.order, cum_lots)

    def _expect_answer(self, cl_ord_id: str) -> None:
        due = self._core.now_ns + self._core.config.ack_timeout_ns
        if not self._acks:
            self._core.timers.set(("overdue", ""), due)
        self._acks.append((due, cl_ord_id))
        self._due[cl_ord_id] = due
