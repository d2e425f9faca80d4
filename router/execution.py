"""Child orders at the venues: what leaves, and what the venues say of it.

Only an `Approved` can be turned into a message here, and only risk's gate makes one. Reports are applied by
what they say of the order, each ExecID once; a report that we cannot place is never dropped silently: ours
by its ClOrdID prefix is adopted and cancelled, anybody else's is an alert and is not touched. An order of
which we have heard nothing is asked for, never sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from risk.gate import Approved
from risk.kill import Mode
from risk.order import Cancel, NewOrder, OrdType, Side, TimeInForce
from router.core import Core, Port
from router.fix import tags
from router.fix.decimals import lots_to_wire, nanos_to_wire, time_to_wire
from router.fix.messages import ExecType, ExecutionReport, OrderCancelReject, OrdStatus
from router.journal import Kind
from router.orders import Child, ChildEvent, ChildState, IllegalTransition
from router.outbox import Outgoing
from router.records import pack_cancel_pass


class Listener(Protocol):
    """Who hears of what happened to a child."""

    def filled(self, child: Child, lots: int, report: ExecutionReport) -> None: ...

    def changed(self, child: Child) -> None: ...

    def forgotten(self, order: NewOrder) -> None:
        """A venue knows an order of ours that we do not: nothing new until a person has looked."""


class Execution:
    def __init__(self, core: Core, listener: Listener) -> None:
        self._core = core
        self._listener = listener
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
        body = new_order_body(approved, core.instruments[order.symbol].lots_per_unit, core.now_ns)
        core.queue(core.order_ports[venue], Outgoing(tags.NEW_ORDER_SINGLE, body, child))
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
                self._end(child, ChildEvent.REJECTED)

    def _never_left(self, child: Child) -> bool:
        """Takes out an order that still waits to leave: a cancel or a question would overtake it."""
        if child.state is not ChildState.PENDING_NEW:
            return False
        if self._core.order_ports[child.venue].outbox.drop_orders(lambda waiting: waiting is child):
            self._end(child, ChildEvent.REJECTED)
            return True
        return False

    # What the venues say.

    def report(self, port: Port, report: ExecutionReport) -> None:
        child = self._core.orders.find(report.cl_ord_id)
        if child is None and report.orig_cl_ord_id:
            child = self._core.orders.find(report.orig_cl_ord_id)
        if child is None:
            child = self._stranger(port, report)
            if child is None:
                return
        order = child.order
        if child.venue != port.venue or report.symbol != order.symbol or report.side != order.side:
            self._core.alert(
                f"{port.session.name} reports {report.cl_ord_id} as Side(54) {report.side} of "
                f"{report.symbol}; it is {order.side} of {order.symbol} at {order.venue}: not touched"
            )
            return
        if report.order_id and report.order_id != "NONE":
            child.order_id = report.order_id
        match report.exec_type:
            case ExecType.TRADE:
                self._trade(child, report)
            case ExecType.NEW:
                self._move(child, ChildEvent.ACKED)
            case ExecType.CANCELED:
                self._close(child, ChildEvent.CANCELED, report)
            case ExecType.REJECTED:
                self._core.alert(f"{child.order.venue} rejected {child.cl_ord_id}: {report.text}")
                self._close(child, ChildEvent.REJECTED, report)
            case ExecType.EXPIRED:
                self._close(child, ChildEvent.EXPIRED, report)
            case ExecType.ORDER_STATUS:
                self._status(child, report)
            case ExecType.PENDING_CANCEL | ExecType.PENDING_NEW:
                pass  # says only that the venue has heard us
            case _:
                self._core.alert(
                    f"ExecType(150)={report.exec_type.value} for {child.cl_ord_id} is not expected"
                )

    def cancel_refused(self, report: OrderCancelReject) -> None:
        """Applies the status of the reject; where that does not explain itself, asks."""
        child = self._core.orders.find(report.cl_ord_id)
        if child is None or not child.is_live:
            return  # the order ended before its cancel came; that is what the venue says
        self._move(child, ChildEvent.CANCEL_REFUSED)
        if report.ord_status not in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED):
            self._lose(child)

    def message_refused(self, port: Port, ref: str, text: str) -> None:
        """A business or session reject of one of ours. `ref`: the ClOrdID, "" if it names none."""
        child = self._core.orders.find(ref) if ref else None
        self._core.alert(f"{port.session.name} refused a message of ours ({ref or 'unnamed'}): {text}")
        if child is not None and child.is_live:
            self._lose(child)

    def _trade(self, child: Child, report: ExecutionReport) -> None:
        lots = report.last_qty_lots
        if lots <= 0 or report.last_px_nanos <= 0:
            self._core.alert(
                f"fill {report.exec_id} of {child.cl_ord_id}: LastQty(32) {lots} lots at LastPx(31) "
                f"{report.last_px_nanos} nanos is no trade: asking"
            )
            self._lose(child)
            return
        explained = min(child.provisional_lots, lots)
        try:
            if not self._core.orders.trade(
                child, report.exec_id, lots, report.last_px_nanos, report.commission_nanos
            ):
                return
        except IllegalTransition as illegal:
            self._core.alert(f"fill {report.exec_id}: {illegal}")
        child.provisional_lots -= explained
        gate = self._core.gate
        if not gate.exposure.knows(child.cl_ord_id):
            # Ended before a restart, and traded all the same: its parent's line holds its earlier fills.
            gate.adopt(child.order, 0)
        gate.filled(child.cl_ord_id, lots)
        if child.cum_lots > child.order.qty_lots:
            self._core.alert(f"{child.order.venue} overfilled {child.cl_ord_id}: {child.cum_lots} lots")
        if not child.is_live:
            gate.closed(child.cl_ord_id)
        self._listener.filled(child, lots, report)
        self._listener.changed(child)

    def _close(self, child: Child, event: ChildEvent, report: ExecutionReport) -> None:
        if report.cum_lots > child.cum_lots:
            # The venue has filled more than we have heard of: the order is not proved done.
            self._core.alert(
                f"{child.order.venue} closed {child.cl_ord_id} at CumQty(14) {report.cum_lots} lots, "
                f"we know fills of {child.cum_lots}"
            )
            child.provisional_lots = report.cum_lots - child.cum_lots
            self._lose(child)
            return
        self._end(child, event)

    def _status(self, child: Child, report: ExecutionReport) -> None:
        """An answer to OrderStatusRequest is no trade; it proves what an unknown order is."""
        child.provisional_lots = max(0, report.cum_lots - child.cum_lots)
        if child.provisional_lots:
            self._core.alert(
                f"{child.order.venue} says CumQty(14) {report.cum_lots} lots of {child.cl_ord_id}, "
                f"we know fills of {child.cum_lots}: the rest stays reserved"
            )
            return
        match report.ord_status:
            case OrdStatus.NEW | OrdStatus.PARTIALLY_FILLED | OrdStatus.PENDING_CANCEL:
                self._move(child, ChildEvent.FOUND_LIVE)
            case OrdStatus.CANCELED:
                self._end(child, ChildEvent.CANCELED)
            case OrdStatus.REJECTED:
                self._end(child, ChildEvent.REJECTED)
            case OrdStatus.EXPIRED:
                self._end(child, ChildEvent.EXPIRED)
            case _:
                if child.is_live:
                    self._core.alert(
                        f"status {report.ord_status.value} of {child.cl_ord_id} explains nothing"
                    )

    def _stranger(self, port: Port, report: ExecutionReport) -> Child | None:
        """A report of an order that we do not know."""
        core = self._core
        if not report.cl_ord_id.startswith(core.config.prefix):
            core.alert(f"{port.session.name} reports {report.cl_ord_id}, not ours: not touched")
            return None
        core.alert(
            f"{port.session.name} reports {report.cl_ord_id}, ours by its prefix but not known: adopted"
        )
        is_live = report.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
        if not is_live and report.exec_type is not ExecType.TRADE:
            return None
        order = NewOrder(
            cl_ord_id=report.cl_ord_id,
            parent_id="",
            venue=next(v.name for v in core.config.venues if v.slot == port.venue),
            symbol=report.symbol,
            account=report.account,
            side=Side(report.side),
            ord_type=OrdType.LIMIT,
            tif=TimeInForce.DAY,
            qty_lots=report.qty_lots or report.leaves_lots + report.cum_lots,
            price_nanos=None,
        )
        child = Child(order, report.cl_ord_id, port.venue, None, order.side.sign, order.qty_lots, core.now_ns)
        core.orders.add(child)
        self._listener.forgotten(order)
        core.gate.exposure.adopt(order, 0)  # not by Gate.adopt: a stranger's number must not move our counter
        if is_live:
            self.cancel(child, kill=True)
        return child

    def _move(self, child: Child, event: ChildEvent) -> None:
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
            self._listener.changed(child)
        if child.state is ChildState.WORKING and self._is_doomed(child):
            if event is ChildEvent.CANCEL_REFUSED:
                self._expect_answer(child.cl_ord_id)  # asked again when that is overdue, not at once
            else:
                self.cancel(child)

    def _is_doomed(self, child: Child) -> bool:
        """Whether it is to be cancelled whatever else happens: a cancel may be lost with its connection."""
        work = self._core.work_of(child)
        if self.draining or work is None or work.dooms(child.cl_ord_id):
            return True
        order = child.order
        latch = self._core.gate.kill.blocks(order.venue, order.symbol, order.parent_id)
        return latch is not None and latch.mode is Mode.HALT

    def _end(self, child: Child, event: ChildEvent) -> None:
        if child.is_live:
            self._core.orders.move(child, event)
            self._core.gate.closed(child.cl_ord_id)
            self._due.pop(child.cl_ord_id, None)
            self._listener.changed(child)

    # What we do not know.

    def session_up(self, port: Port) -> None:
        """After logon the venue first answers our resend request, then these: so what it says is current."""
        for child in self._core.orders.live():
            if child.venue == port.venue:
                self._lose(child)

    def session_down(self, port: Port) -> None:
        """What has not left never will; what has left may live on."""
        for child in port.outbox.clear():
            self._end(child, ChildEvent.REJECTED)
        for child in self._core.orders.live():
            if child.venue == port.venue:
                self._move(child, ChildEvent.LOST)

    def restarted(self) -> None:
        """After a crash every live order is unknown until its venue has spoken."""
        for child in self._core.orders.live():
            self._move(child, ChildEvent.LOST)

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
            if self._is_doomed(child):
                self.cancel(child)
            elif child.order.tif in (TimeInForce.IOC, TimeInForce.FOK):
                self._ask(child)
        elif child.state is ChildState.UNKNOWN and not child.cancel_ids:
            self.cancel(child)
            self._lose(child)
        else:
            self._ask(child)

    def _ask(self, child: Child) -> None:
        if child.state is not ChildState.UNKNOWN:
            self._core.alert(f"no answer from {child.order.venue} about {child.cl_ord_id}: asking")
        self._lose(child)

    def _lose(self, child: Child) -> None:
        self._move(child, ChildEvent.LOST)
        port = self._core.order_ports[child.venue]
        if port.session.is_logged_on:
            body = status_body(child, self._core.now_ns)
            self._core.queue_cancel(port, Outgoing(tags.ORDER_STATUS_REQUEST, body))
            self._expect_answer(child.cl_ord_id)

    def _expect_answer(self, cl_ord_id: str) -> None:
        due = self._core.now_ns + self._core.config.ack_timeout_ns
        if not self._acks:
            self._core.timers.set(("overdue", ""), due)
        self._acks.append((due, cl_ord_id))
        self._due[cl_ord_id] = due


def new_order_body(approved: Approved[NewOrder], lots_per_unit: int, now_ns: int) -> bytes:
    """Body of NewOrderSingle(D), FIX 4.4 volume 4. A peg to the midpoint: OrdType(40)=P, ExecInst(18)=M."""
    order = approved.order
    price = b"" if order.price_nanos is None else b"44=%b\x01" % nanos_to_wire(order.price_nanos)
    peg = b"18=M\x01" if order.ord_type is OrdType.PEGGED else b""
    return b"11=%b\x011=%b\x01%b21=1\x0155=%b\x0154=%d\x0160=%b\x0138=%b\x0140=%b\x01%b59=%b\x01" % (
        order.cl_ord_id.encode(),
        order.account.encode("latin-1"),
        peg,
        order.symbol.encode(),
        order.side,
        time_to_wire(now_ns),
        lots_to_wire(order.qty_lots, lots_per_unit),
        order.ord_type.value.encode(),
        price,
        order.tif.value.encode(),
    )


def cancel_body(approved: Approved[Cancel], lots_per_unit: int, now_ns: int) -> bytes:
    """Body of OrderCancelRequest(F)."""
    cancel = approved.order
    order_id = b"37=%b\x01" % cancel.order_id.encode() if cancel.order_id else b""
    return b"41=%b\x01%b11=%b\x0155=%b\x0154=%d\x0160=%b\x0138=%b\x01" % (
        cancel.orig_cl_ord_id.encode(),
        order_id,
        cancel.cl_ord_id.encode(),
        cancel.symbol.encode(),
        cancel.side,
        time_to_wire(now_ns),
        lots_to_wire(cancel.qty_lots, lots_per_unit),
    )


def status_body(child: Child, now_ns: int) -> bytes:
    """Body of OrderStatusRequest(H); OrdStatusReqID(790) ties the answer to this question."""
    order_id = b"37=%b\x01" % child.order_id.encode() if child.order_id else b""
    return b"%b11=%b\x01790=%b.%d\x0155=%b\x0154=%d\x01" % (
        order_id,
        child.cl_ord_id.encode(),
        child.cl_ord_id.encode(),
        now_ns // 1_000_000,
        child.order.symbol.encode(),
        child.order.side,
    )
