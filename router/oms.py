"""The desk's side: block orders in, their life reported back as ExecutionReports (FIX 4.4 volume 4).

A parent is a NewOrderSingle with TargetStrategy(847), EffectiveTime(168), ExpireTime(126) and, in
TargetStrategyParameters(848), `complete=must` or `complete=may`. Risk admits it, or it is rejected by the
name of the rule. The desk hears of each fill with its venue (30) and liquidity (851). A parent may be
cancelled; to replace one is refused, by a message that says so. Its state machine is in router/parent.py.
"""

from __future__ import annotations

from typing import Final

from risk.order import OrdType, Parent
from risk.refusal import OTHER
from router.core import Core, Port
from router.execution import Execution
from router.fix import tags
from router.fix.admin import printable
from router.fix.codec import Message
from router.fix.messages import (
    BusinessMessageReject,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    FieldError,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderStatusRequest,
    OrdStatus,
)
from router.fix.messages.fields import REQUIRED_TAG_MISSING
from router.orders import Child
from router.outbox import OutboxFull, Outgoing
from router.parent import ParentEvent, ParentState, ParentWork
from router.tick import Ticker

UNSUPPORTED_TYPE: Final = 3  # BusinessRejectReason(380)
REQUIRED_MISSING: Final = 5
OTHER_REASON: Final = 0
CANNOT_REPLACE: Final = 2  # CxlRejReason(102): broker option
UNKNOWN_ORDER: Final = 1
TOO_LATE: Final = 0

_STATUS: Final = {
    ParentState.PENDING: OrdStatus.NEW,
    ParentState.ACTIVE: OrdStatus.NEW,
    ParentState.CANCELING: OrdStatus.PENDING_CANCEL,
    ParentState.FILLED: OrdStatus.FILLED,
    ParentState.CANCELED: OrdStatus.CANCELED,
    ParentState.EXPIRED: OrdStatus.EXPIRED,
}


class Oms:
    def __init__(self, core: Core, ticker: Ticker, execution: Execution) -> None:
        self._core = core
        self._ticker = ticker
        self._execution = execution
        self._codes = {strategy.code for strategy in core.config.strategies}

    def message(self, port: Port, message: Message) -> None:
        """Raises FieldError for a field that is missing or wrong; `field_error` then answers."""
        instruments = self._core.instruments
        match message.msg_type:
            case tags.NEW_ORDER_SINGLE:
                self._new(port, NewOrderSingle.parse(message, instruments))
            case tags.ORDER_CANCEL_REQUEST:
                self._cancel(port, OrderCancelRequest.parse(message, instruments))
            case tags.ORDER_CANCEL_REPLACE_REQUEST:
                self._replace(port, OrderCancelReplaceRequest.parse(message, instruments))
            case tags.ORDER_STATUS_REQUEST:
                self._status(port, OrderStatusRequest.parse(message, instruments))
            case other:
                text = "this session takes D, F, G and H"
                self._business_reject(port, message, other, UNSUPPORTED_TYPE, "", text)

    def field_error(self, port: Port, message: Message, error: FieldError) -> None:
        """An order that cannot be read is rejected as an order if it names itself, else as a message."""
        cl_ord_id = (message.get(tags.CL_ORD_ID) or b"").decode("latin-1")
        symbol = (message.get(tags.SYMBOL) or b"").decode("latin-1")
        side = message.get(tags.SIDE)
        self._core.note(
            "desk's message refused", session=port.session.name, cl_ord_id=cl_ord_id, text=str(error)
        )
        if (
            message.msg_type == tags.NEW_ORDER_SINGLE
            and cl_ord_id
            and symbol
            and side in (b"1", b"2", b"5", b"6")
        ):
            body = (
                b"37=NONE\x0111=%b\x0117=%b\x01150=8\x0139=8\x01103=%d\x0155=%b\x0154=%b\x01151=0\x0114=0\x016=0\x0158=%b\x01"
                % (
                    cl_ord_id.encode("latin-1"),
                    self._exec_id().encode(),
                    error.ord_rej_reason,
                    symbol.encode("latin-1"),
                    side,
                    str(error).encode("latin-1", "replace"),
                )
            )
            self._send(port, tags.EXECUTION_REPORT, body)
            return
        missing = error.session_reason == REQUIRED_TAG_MISSING
        reason = error.business_reason or (REQUIRED_MISSING if missing else OTHER_REASON)
        self._business_reject(port, message, message.msg_type, reason, cl_ord_id, str(error))

    # What the desk asks.

    def _new(self, port: Port, order: NewOrderSingle) -> None:
        core = self._core
        fault = self._terms_fault(order)
        parent = self._parent(order)
        if fault is None:
            market = core.markets.get(order.symbol)
            refusal = core.gate.admit(parent, market.market if market else None, core.now_ns)
            fault = None if refusal is None else (refusal.ord_rej_reason, refusal.text)
        if fault is not None:
            core.note("parent refused", cl_ord_id=order.cl_ord_id, text=fault[1])
            self._report(
                port, parent, None, ExecType.REJECTED, OrdStatus.REJECTED, reason=fault[0], text=fault[1]
            )
            return
        work = ParentWork(parent, number=len(core.parents) + 1, desk=port.index)
        core.parents[parent.parent_id] = work
        self._tell(work, ExecType.NEW)
        self._schedule(work)
        if parent.start_ns <= core.now_ns:
            self._start(work)

    def _terms_fault(self, order: NewOrderSingle) -> tuple[int, str] | None:
        """What of the order no strategy here can work: (OrdRejReason(103), text)."""
        if self._ticker.stopped:
            return OTHER, "the router is stopping"
        if order.symbol not in self._core.markets:
            return OTHER, f"Symbol(55) {order.symbol} is not traded by this router"
        if order.ord_type not in (OrdType.MARKET, OrdType.LIMIT):
            return 11, f"OrdType(40) {order.ord_type.value} is not 1 or 2"
        if order.target_strategy not in self._codes:
            known = ", ".join(str(code) for code in sorted(self._codes))
            return 11, f"TargetStrategy(847) {order.target_strategy} is not one of {known}"
        if order.effective_time_ns is None or order.expire_time_ns is None:
            return OTHER, "EffectiveTime(168) and ExpireTime(126) must say when the order starts and ends"
        if order.must_complete is None:
            return OTHER, "TargetStrategyParameters(848) must be complete=must or complete=may"
        if not order.account:
            return OTHER, "Account(1) is missing"
        return None

    def _parent(self, order: NewOrderSingle) -> Parent:
        core = self._core
        start_ns = order.effective_time_ns or core.now_ns
        return Parent(
            parent_id=f"{core.config.prefix}P{len(core.parents) + 1}",
            cl_ord_id=order.cl_ord_id,
            symbol=order.symbol,
            account=order.account,
            side=order.side,
            qty_lots=order.qty_lots,
            limit_nanos=order.price_nanos if order.ord_type is OrdType.LIMIT else None,
            start_ns=max(start_ns, core.now_ns),
            end_ns=order.expire_time_ns or start_ns,
            strategy=order.target_strategy or 0,
            must_complete=bool(order.must_complete),
            accepted_ns=core.now_ns,
        )

    def _cancel(self, port: Port, request: OrderCancelRequest) -> None:
        work = self._find(port, request.orig_cl_ord_id)
        if work is None or work.is_ended:
            reason = UNKNOWN_ORDER if work is None else TOO_LATE
            self._cancel_reject(
                port, request.cl_ord_id, request.orig_cl_ord_id, work, CxlRejResponseTo.CANCEL, reason, ""
            )
            return
        work.cancel_cl_ord_id = request.cl_ord_id
        self._withdraw(work, ParentEvent.CANCEL_ASKED)

    def _replace(self, port: Port, request: OrderCancelReplaceRequest) -> None:
        work = self._find(port, request.orig_cl_ord_id)
        text = "a parent cannot be replaced: cancel it and send another"
        self._cancel_reject(
            port,
            request.cl_ord_id,
            request.orig_cl_ord_id,
            work,
            CxlRejResponseTo.REPLACE,
            CANNOT_REPLACE,
            text,
        )

    def _status(self, port: Port, request: OrderStatusRequest) -> None:
        work = self._find(port, request.cl_ord_id)
        if work is not None:
            self._tell(work, ExecType.ORDER_STATUS)
            return
        report = ExecutionReport(
            order_id="NONE",
            exec_id=self._exec_id(),
            exec_type=ExecType.ORDER_STATUS,
            ord_status=OrdStatus.REJECTED,
            symbol=request.symbol,
            side=request.side,
            leaves_lots=0,
            cum_lots=0,
            avg_px_nanos=0,
            cl_ord_id=request.cl_ord_id,
            text=f"ClOrdID(11) {request.cl_ord_id} is not an order of this session",
        )
        self._send(
            port, tags.EXECUTION_REPORT, report.body(self._core.instruments[request.symbol].lots_per_unit)
        )

    # What becomes of parents.

    def restarted(self) -> None:
        """After a crash: parents go on as they were, once their orders are known again."""
        for work in self._core.parents.values():
            if work.is_ended:
                continue
            work.deciding = False
            self._schedule(work)
            if work.state is ParentState.ACTIVE:
                self._ticker.add(work)

    def time_reached(self, parent_id: str) -> None:
        """The parent's start or its end."""
        work = self._core.parents[parent_id]
        now = self._core.now_ns
        if work.state is ParentState.PENDING and work.parent.start_ns <= now:
            self._start(work)
        if not work.is_ended and not work.parent.must_complete and work.parent.end_ns <= now:
            self._withdraw(work, ParentEvent.TIME_UP)
        else:
            self._schedule(work)

    def _schedule(self, work: ParentWork) -> None:
        """Sets the timer to what of start and end comes next. A parent that must complete has no end here."""
        parent, due = work.parent, None
        if work.state is ParentState.PENDING:
            due = parent.start_ns
        elif work.state is ParentState.ACTIVE and not parent.must_complete:
            due = parent.end_ns
        self._core.timers.set(("parent", parent.parent_id), due)

    def _start(self, work: ParentWork) -> None:
        work.move(ParentEvent.STARTED)
        self._ticker.add(work)
        self._schedule(work)

    def _withdraw(self, work: ParentWork, why: ParentEvent) -> None:
        work.move(why)
        self._ticker.remove(work)
        self._schedule(work)
        if why is ParentEvent.CANCEL_ASKED:
            self._tell(work, ExecType.PENDING_CANCEL)
        children = self._core.orders.live(work.parent.parent_id)
        for child in children:
            self._execution.cancel(child)
        self._settle(work)

    def filled(self, child: Child, lots: int, report: ExecutionReport) -> None:
        """A child traded: so did its parent, and the desk hears it."""
        work = self._core.work_of(child)
        if work is None:
            return
        work.filled_lots += lots
        work.notional += lots * report.last_px_nanos
        work.fees_nanos += report.commission_nanos
        if work.left_lots <= 0 and not work.is_ended:
            work.move(ParentEvent.FILLED)
        self._tell(work, ExecType.TRADE, report)
        if work.is_ended:
            self._ended(work)

    def child_changed(self, child: Child) -> None:
        work = self._core.work_of(child)
        if work is not None:
            self._settle(work)

    def _settle(self, work: ParentWork) -> None:
        """A parent that is being cancelled ends when its last child has."""
        if work.state is ParentState.CANCELING and not self._core.orders.live(work.parent.parent_id):
            work.move(ParentEvent.CHILDREN_GONE)
            self._tell(work, ExecType.EXPIRED if work.expired else ExecType.CANCELED)
            self._ended(work)

    def _ended(self, work: ParentWork) -> None:
        self._ticker.remove(work)
        self._core.gate.parent_closed(work.parent.parent_id)
        self._schedule(work)
        for child in self._core.orders.live(work.parent.parent_id):
            self._execution.cancel(child)  # a venue overfilled another one: this is not wanted any more

    # Reports.

    def _tell(self, work: ParentWork, exec_type: ExecType, fill: ExecutionReport | None = None) -> None:
        status = _STATUS[work.state]
        if status is OrdStatus.NEW and work.filled_lots:
            status = OrdStatus.PARTIALLY_FILLED
        if work.desk < 0:
            text = f"parent {work.parent.parent_id}: its desk's session is not in the settings any more"
            self._core.alert(text)
            return
        self._report(self._core.ports[work.desk], work.parent, work, exec_type, status, fill)

    def _report(
        self,
        port: Port,
        parent: Parent,
        work: ParentWork | None,
        exec_type: ExecType,
        status: OrdStatus,
        fill: ExecutionReport | None = None,
        reason: int | None = None,
        text: str = "",
    ) -> None:
        filled = work.filled_lots if work is not None else 0
        live = work is not None and not work.is_ended
        cancel_id = work.cancel_cl_ord_id if work is not None else ""
        named_by_cancel = cancel_id and exec_type in (ExecType.PENDING_CANCEL, ExecType.CANCELED)
        report = ExecutionReport(
            order_id=parent.parent_id if work is not None else "NONE",
            exec_id=self._exec_id(),
            exec_type=exec_type,
            ord_status=status,
            symbol=parent.symbol,
            side=parent.side,
            leaves_lots=max(0, parent.qty_lots - filled) if live else 0,
            cum_lots=filled,
            avg_px_nanos=work.average_nanos if work is not None else 0,
            cl_ord_id=cancel_id if named_by_cancel else parent.cl_ord_id,
            orig_cl_ord_id=parent.cl_ord_id if named_by_cancel else "",
            account=parent.account,
            qty_lots=parent.qty_lots,
            ord_type=OrdType.MARKET if parent.limit_nanos is None else OrdType.LIMIT,
            price_nanos=parent.limit_nanos,
            last_qty_lots=fill.last_qty_lots if fill else 0,
            last_px_nanos=fill.last_px_nanos if fill else 0,
            last_mkt=fill.last_mkt if fill else "",
            transact_time_ns=self._core.now_ns,
            last_liquidity=fill.last_liquidity if fill else None,
            ord_rej_reason=reason,
            commission_nanos=fill.commission_nanos if fill else 0,
            text=text and printable(text).decode("ascii"),
        )
        self._send(
            port, tags.EXECUTION_REPORT, report.body(self._core.instruments[parent.symbol].lots_per_unit)
        )

    def _cancel_reject(
        self,
        port: Port,
        cl_ord_id: str,
        orig_cl_ord_id: str,
        work: ParentWork | None,
        response_to: CxlRejResponseTo,
        reason: int,
        text: str,
    ) -> None:
        reject = OrderCancelReject(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            ord_status=OrdStatus.REJECTED if work is None else _STATUS[work.state],
            response_to=response_to,
            order_id="NONE" if work is None else work.parent.parent_id,
            cxl_rej_reason=reason,
            transact_time_ns=self._core.now_ns,
            text=text,
        )
        self._send(port, tags.ORDER_CANCEL_REJECT, reject.body())

    def _business_reject(
        self, port: Port, message: Message, msg_type: bytes, reason: int, ref_id: str, text: str
    ) -> None:
        reject = BusinessMessageReject(message.seq, msg_type.decode("latin-1"), reason, ref_id, text)
        self._send(port, tags.BUSINESS_MESSAGE_REJECT, reject.body())

    def _send(self, port: Port, msg_type: bytes, body: bytes) -> None:
        """Reports wait, without a number, while the desk is away."""
        try:
            self._core.queue(port, Outgoing(msg_type, body))
        except OutboxFull as full:
            self._core.alert(
                f"{port.session.name}: {full}: a report to the desk is lost; it must ask for status"
            )

    def _exec_id(self) -> str:
        """Never given twice: the count may go with the journal's tail, the start's first number does not."""
        core = self._core
        core.reports += 1
        return f"{core.config.prefix}E{core.config.first_order_number}-{core.reports}"

    def _find(self, port: Port, cl_ord_id: str) -> ParentWork | None:
        for work in self._core.parents.values():
            if work.desk == port.index and work.parent.cl_ord_id == cl_ord_id:
                return work
        return None
