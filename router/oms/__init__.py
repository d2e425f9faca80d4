"""The desks' side: block orders in, their life reported back as ExecutionReports (FIX 4.2, 4.4, 5.0 SP2).

A parent is a NewOrderSingle(D) with TargetStrategy(847), EffectiveTime(168), ExpireTime(126) and `complete`
in TargetStrategyParameters(848); risk admits it, or it is rejected by the name of the rule. It may be
cancelled (F), replaced (G) and asked for (H); with q and AF all of a desk's parents at once. Each desk has a
session, names and a FIX version of its own. The rooms: terms (what is asked for), names, lives (what becomes
of it), replaces, mass, reports (what is told). The state machine is in router/parent.py.
"""

from __future__ import annotations

from typing import Final

from risk.refusal import DUPLICATE, OTHER, Refusal
from router.algo import Fault, TermsFault
from router.core import Core, Port, PortKind
from router.execution import Execution
from router.fix import tags
from router.fix.codec import Message
from router.fix.messages import (
    CxlRejResponseTo,
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    FieldError,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderStatusRequest,
)
from router.fix.messages.fields import REQUIRED_TAG_MISSING, SIDES
from router.fix.versions import Version
from router.oms.lives import Lives
from router.oms.mass import Mass
from router.oms.names import Names
from router.oms.replaces import ALREADY_PENDING, TOO_LATE, UNKNOWN_ORDER, Replaces
from router.oms.reports import Reports
from router.oms.terms import asked_for, complete
from router.orders import Child
from router.parent import ParentEvent, ParentState, ParentWork
from router.tick import Ticker

# BusinessRejectReason(380)
UNSUPPORTED_TYPE: Final = 3
REQUIRED_MISSING: Final = 5
OTHER_REASON: Final = 0

_MASS: Final = frozenset({tags.ORDER_MASS_CANCEL_REQUEST, tags.ORDER_MASS_STATUS_REQUEST})


class Oms:
    def __init__(self, core: Core, ticker: Ticker, execution: Execution) -> None:
        self._core = core
        self._ticker = ticker
        self._names = Names()
        self._reports = Reports(core)
        self._lives = Lives(core, ticker, execution, self._reports, self._names)
        self._replaces = Replaces(core, ticker, execution, self._reports, self._names, self._lives)
        self._mass = Mass(core, self._reports, lambda work: self._withdraw(work, ParentEvent.CANCEL_ASKED))
        self._codes = {strategy.code for strategy in core.config.strategies}

    def message(self, port: Port, message: Message) -> None:
        """Raises FieldError for a field that is missing or wrong; `field_error` then answers."""
        instruments, version = self._core.instruments, port.session.config.version
        if port.kind is PortKind.DESK_DROP_COPY:
            text = "this session has copies of reports, and takes nothing"
            self._reports.message_rejected(port, message, UNSUPPORTED_TYPE, "", text)
            return
        match message.msg_type:
            case tags.NEW_ORDER_SINGLE:
                order = NewOrderSingle.parse(message, instruments, version)
                self._new(port, order, perhaps_again=message.get(tags.POSS_RESEND) == b"Y")
            case tags.ORDER_CANCEL_REQUEST:
                self._cancel(port, OrderCancelRequest.parse(message, instruments, version))
            case tags.ORDER_CANCEL_REPLACE_REQUEST:
                self._replaces.ask(port, OrderCancelReplaceRequest.parse(message, instruments, version))
            case tags.ORDER_STATUS_REQUEST:
                self._status(port, OrderStatusRequest.parse(message, instruments, version))
            case tags.DONT_KNOW_TRADE:
                self._not_known(port, DontKnowTrade.parse(message, instruments, version))
            case tags.ORDER_MASS_CANCEL_REQUEST if version.mass:
                self._mass.cancel_request(port, message)
            case tags.ORDER_MASS_STATUS_REQUEST if version.mass:
                self._mass.status_request(port, message)
            case other:
                taken = "D, F, G, H, Q, q and AF" if version.mass else "D, F, G, H and Q"
                text = f"this session takes {taken}"
                if other in _MASS:
                    text = f"{version.name} has no MsgType(35) {other.decode()}: {text}"
                self._reports.message_rejected(port, message, UNSUPPORTED_TYPE, "", text)

    def field_error(self, port: Port, message: Message, error: FieldError) -> None:
        """An order that cannot be read is rejected as an order if it names itself, else as a message."""
        cl_ord_id = (message.get(tags.CL_ORD_ID) or b"").decode("latin-1")
        symbol = (message.get(tags.SYMBOL) or b"").decode("latin-1")
        side = SIDES.get(message.get(tags.SIDE) or b"")
        self._core.note(
            "desk's message refused", session=port.session.name, cl_ord_id=cl_ord_id, text=str(error)
        )
        if message.msg_type == tags.NEW_ORDER_SINGLE and cl_ord_id and symbol and side is not None:
            self._reports.bare(
                port,
                ExecType.REJECTED,
                cl_ord_id=cl_ord_id,
                symbol=symbol,
                side=side,
                ord_rej_reason=error.ord_rej_reason,
                text=str(error),
            )
            return
        missing = error.session_reason == REQUIRED_TAG_MISSING
        reason = error.business_reason or (REQUIRED_MISSING if missing else OTHER_REASON)
        self._reports.message_rejected(port, message, reason, cl_ord_id, str(error))

    # What the desk asks.

    def _new(self, port: Port, order: NewOrderSingle, *, perhaps_again: bool) -> None:
        """An order that comes again with PossResend(97) and is here already is answered by its status (FIX
        4.4 volume 4, appendix D, E1); any other with a name that is in use is refused.
        """
        core = self._core
        known = self._names.find(port.index, order.cl_ord_id) if perhaps_again else None
        if known is not None:
            self._reports.tell(known, ExecType.ORDER_STATUS)
            return
        parent = asked_for(order, f"{core.config.prefix}P{core.taken + 1}", port.session.name, core.now_ns)
        fault = self._unworkable(port, order)
        if fault is None:
            try:
                parent = complete(order, parent, self._codes)
            except TermsFault as terms:
                fault = terms.reason, terms.text
        if fault is None:
            market = core.markets[order.symbol].market
            refusal = core.gate.admit(parent, market, core.now_ns)
            if refusal is not None:
                fault = _ord_rej_reason(refusal, port.session.config.version), refusal.text
        if fault is not None:
            core.note("parent refused", cl_ord_id=order.cl_ord_id, text=fault[1])
            self._reports.rejected(port, parent, *fault)
            return
        self._lives.begin(ParentWork(parent, number=core.taken + 1, desk=port.index))

    def _unworkable(self, port: Port, order: NewOrderSingle) -> Fault | None:
        """What keeps the router from taking any such order: (OrdRejReason(103), text)."""
        if self._ticker.stopped:
            return OTHER, "the router is stopping"
        if order.symbol not in self._core.markets:
            return OTHER, f"Symbol(55) {order.symbol} is not traded by this router"
        if self._names.find(port.index, order.cl_ord_id) is not None:
            return DUPLICATE, f"ClOrdID(11) {order.cl_ord_id} is in use"
        return None

    def _cancel(self, port: Port, request: OrderCancelRequest) -> None:
        name = request.orig_cl_ord_id
        work = self._names.current(port.index, name)
        if work is None:
            replaced = self._names.find(port.index, name)
            reason, text = UNKNOWN_ORDER, f"ClOrdID {name} is not an order of this session"
            if replaced is not None:
                text = f"{name} was replaced by {replaced.parent.cl_ord_id}"
        elif work.is_ended:
            reason, text = TOO_LATE, f"the order is {work.state.value}"
        elif work.state is ParentState.CANCELING and not work.expired:
            reason, text = ALREADY_PENDING, "the order is being cancelled already"
        else:
            work.cancel_cl_ord_id = request.cl_ord_id
            self._withdraw(work, ParentEvent.CANCEL_ASKED)
            return
        self._reports.cancel_rejected(
            port, request.cl_ord_id, name, work, CxlRejResponseTo.CANCEL, reason, text
        )

    def _status(self, port: Port, request: OrderStatusRequest) -> None:
        """A name that was replaced is answered by the order as it is called now."""
        work = self._names.find(port.index, request.cl_ord_id)
        if work is not None:
            self._reports.tell(work, ExecType.ORDER_STATUS, ord_status_req_id=request.ord_status_req_id)
            return
        self._reports.bare(
            port,
            ExecType.ORDER_STATUS,
            symbol=request.symbol,
            side=request.side,
            cl_ord_id=request.cl_ord_id,
            ord_status_req_id=request.ord_status_req_id,
            text=f"ClOrdID(11) {request.cl_ord_id} is not an order of this session",
        )

    def _not_known(self, port: Port, refused: DontKnowTrade) -> None:
        """The desk does not take a fill to be its own. It stands all the same: two people must speak."""
        work = self._core.parents.get(refused.order_id)
        known = work is not None and work.desk == port.index
        whose = f"parent {refused.order_id}" if known else f"{refused.order_id}, which is no parent of its"
        text = f": {refused.text}" if refused.text else ""
        self._core.alert(
            f"{port.session.name} does not know trade {refused.exec_id} of {whose} "
            f"(DKReason(127) {refused.reason.value}{text}): nothing is undone"
        )

    # What becomes of parents.

    def restarted(self) -> None:
        """After a crash."""
        self._lives.restarted()

    def time_reached(self, parent_id: str) -> None:
        """The parent's start or its end."""
        work = self._core.parents[parent_id]
        now = self._core.now_ns
        if work.state is ParentState.PENDING and work.parent.start_ns <= now:
            self._lives.start(work)
        if not work.is_ended and not work.parent.must_complete and work.parent.end_ns <= now:
            self._withdraw(work, ParentEvent.TIME_UP)
        else:
            self._lives.schedule(work)

    def filled(self, child: Child, lots: int, report: ExecutionReport) -> None:
        work = self._work_of(child, report)
        if work is not None:
            self._lives.filled(work, child, lots, report)
            self._replaces.settle(work)

    def busted(self, child: Child, lots: int, report: ExecutionReport) -> None:
        work = self._work_of(child, report)
        if work is not None:
            self._lives.busted(work, child, lots, report)
            self._replaces.settle(work)

    def corrected(self, child: Child, report: ExecutionReport) -> None:
        work = self._work_of(child, report)
        if work is not None:
            self._lives.corrected(work, child, report)
            self._replaces.settle(work)

    def child_changed(self, child: Child) -> None:
        work = self._core.work_of(child)
        if work is not None:
            self._lives.settle(work)
            self._replaces.settle(work)

    def latches_moved(self) -> None:
        """Somebody latched, or lifted a latch; or a parent may have no further child."""
        self._lives.latches_moved()

    def _withdraw(self, work: ParentWork, why: ParentEvent) -> None:
        overtaken = "a cancel" if why is ParentEvent.CANCEL_ASKED else "the end of its time"
        self._replaces.abandon(work, f"{overtaken} came first")
        self._lives.withdraw(work, why)

    def _work_of(self, child: Child, report: ExecutionReport) -> ParentWork | None:
        """The parent that a child's trade belongs to; an adopted order has none, of which Execution told."""
        work = self._core.work_of(child)
        if work is None and child.order.parent_id:
            self._core.alert(
                f"{report.exec_id} of {child.cl_ord_id} is of parent {child.order.parent_id}, which has been "
                "over for too long to be known: its desk does not hear of it"
            )
        return work


def _ord_rej_reason(refusal: Refusal, version: Version) -> int:
    """The most telling code that the version has."""
    exact = refusal.ord_rej_reason_sp2
    return exact if version.ord_rej_reason(exact) == exact else refusal.ord_rej_reason
