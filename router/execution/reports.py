"""What the venues say of our orders, and what becomes of an order by it.

Fills are applied once each, by venue, order and ExecID. What a report says besides of quantities is held
against the fills that we know: more that no fill explains stays reserved as provisional, and is asked for.
"""

from __future__ import annotations

from risk.order import TimeInForce
from router.core import Core, Port
from router.execution.children import Children
from router.execution.revisions import Revisions
from router.execution.strangers import Strangers
from router.fix import tags
from router.fix.codec import Message
from router.fix.messages import ExecType, ExecutionReport, FieldError, OrderCancelReject, OrdStatus
from router.orders import Child, ChildEvent, ChildState, IllegalTransition

ODDITIES_TOLD = 1000  # after so many different ones they are only in the journal, as the messages they are
_LIVE = frozenset(
    {
        OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.PENDING_CANCEL, OrdStatus.REPLACED,
        OrdStatus.STOPPED, OrdStatus.SUSPENDED, OrdStatus.PENDING_NEW, OrdStatus.PENDING_REPLACE,
        OrdStatus.ACCEPTED_FOR_BIDDING,
    }
)  # fmt: skip
_OVER = frozenset(
    {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED, OrdStatus.DONE_FOR_DAY}
)
_UNNAMED = frozenset({"", "NONE"})  # as venues write a ClOrdID(11) that they do not have at hand
_HEARD = frozenset({ExecType.PENDING_CANCEL, ExecType.PENDING_NEW})
"""Says only that the venue has heard us."""
_TOLD = {
    ExecType.STOPPED: "is stopped: its price is guaranteed, it is not filled",
    ExecType.SUSPENDED: "is suspended: it rests and is not matched",
    ExecType.CALCULATED: "is calculated: it is done for the day",
    ExecType.PENDING_REPLACE: "is to be replaced, which we have not asked for",
}
_TO_THE_END_OF_DAY = (TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Reports:
    def __init__(self, core: Core, children: Children) -> None:
        self._core = core
        self._children = children
        self._revisions = Revisions(core, children)
        self._strangers = Strangers(core, children)
        self._odd: set[tuple[int, str]] = set()

    def report(self, port: Port, report: ExecutionReport) -> None:
        if report.oddities:
            self._tell_oddities(port, report)
        child = self.child_of(port, report)
        if child is None:
            child = self._strangers.reported(port, report)
            if child is None:
                return
        order = child.order
        if self._strangers.mistaken(port, report, child):
            return
        if report.account and report.account != order.account:
            wrong = f"Account(1) {report.account!r} is not {order.account!r}, which the order is for"
            self._tell_once(port, child.cl_ord_id, wrong)
        if report.order_id and report.order_id != "NONE":
            self._core.orders.name(child, report.order_id)
        self._apply(child, report)

    def child_of(self, port: Port, report: ExecutionReport) -> Child | None:
        """The order by its ClOrdID(11), by the one that it replaced (41), or by the venue's own name (37)."""
        orders = self._core.orders
        child = orders.find(report.cl_ord_id)
        if child is None and report.orig_cl_ord_id:
            child = orders.find(report.orig_cl_ord_id)
        if child is None and report.cl_ord_id in _UNNAMED:
            child = orders.find_named(port.venue, report.order_id)
        return child

    def _apply(self, child: Child, report: ExecutionReport) -> None:
        match report.exec_type:
            case ExecType.TRADE:
                self._trade(child, report)
            case ExecType.NEW:
                self._children.move(child, ChildEvent.ACKED)
            case ExecType.CANCELED:
                self._canceled(child, report)
            case ExecType.REJECTED:
                self._core.alert(f"{child.order.venue} rejected {child.cl_ord_id}: {report.text}")
                self._close(child, ChildEvent.REJECTED, report)
            case ExecType.EXPIRED:
                self._close(child, ChildEvent.EXPIRED, report)
            case ExecType.DONE_FOR_DAY:
                self._done_for_day(child, report)
            case ExecType.ORDER_STATUS:
                self._status(child, report)
            case ExecType.TRADE_CANCEL:
                self._revisions.busted(child, report)
            case ExecType.TRADE_CORRECT:
                self._revisions.corrected(child, report)
            case ExecType.RESTATED | ExecType.REPLACED:
                self._revisions.restated(child, report)
            case ExecType.UNKNOWN:
                self._unknown(child, report)
            case told if told in _TOLD:
                self._core.alert(
                    f"{child.order.venue}: {child.cl_ord_id} {_TOLD[told]} {report.text}".rstrip()
                )
            case heard:
                assert heard in _HEARD, heard

    def unread(self, port: Port, message: Message, error: FieldError) -> None:
        """The order that it is about is in doubt, and asked for; nothing is known of what happened to it."""
        name = (message.get(tags.CL_ORD_ID) or b"").decode("latin-1")
        orig = (message.get(tags.ORIG_CL_ORD_ID) or b"").decode("latin-1")
        order_id = (message.get(tags.ORDER_ID) or b"").decode("latin-1")
        orders = self._core.orders
        child = orders.find(name) or orders.find(orig) or orders.find_named(port.venue, order_id)
        what = f"{port.session.name}: an ExecutionReport was not applied: {error}"
        if child is None or child.venue != port.venue:
            self._core.alert(f"{what}; it is of no order that is known ({name or order_id or 'unnamed'})")
            return
        self._core.alert(f"{what}; asking for {child.cl_ord_id}")
        self._children.lose(child)

    def cancel_refused(self, port: Port, report: OrderCancelReject) -> None:
        """Applies the status of the reject; where that does not explain itself, asks."""
        child = self._core.orders.find(report.cl_ord_id)
        if child is None or not child.is_live:
            return  # the order ended before its cancel came; that is what the venue says
        if child.venue != port.venue:
            self._core.alert(
                f"{port.session.name} refuses cancel {report.cl_ord_id}, which is of {child.cl_ord_id} at "
                f"{child.order.venue}: not touched"
            )
            return
        self._children.move(child, ChildEvent.CANCEL_REFUSED)
        if report.ord_status not in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED):
            self._children.lose(child)

    def message_refused(self, port: Port, ref: str, text: str) -> None:
        child = self._core.orders.find(ref) if ref else None
        self._core.alert(f"{port.session.name} refused a message of ours ({ref or 'unnamed'}): {text}")
        if child is not None and child.is_live and child.venue == port.venue:
            self._children.lose(child)

    def _trade(self, child: Child, report: ExecutionReport) -> None:
        lots = report.last_qty_lots
        if lots <= 0 or report.last_px_nanos <= 0:
            self._core.alert(
                f"fill {report.exec_id} of {child.cl_ord_id}: LastQty(32) {lots} lots at LastPx(31) "
                f"{report.last_px_nanos} nanos is no trade: asking"
            )
            self._children.lose(child)
            return
        explained, was_cum = min(child.provisional_lots, lots), child.cum_lots
        try:
            if not self._core.orders.trade(
                child, report.exec_id, lots, report.last_px_nanos, report.commission_nanos
            ):
                self._said_again(child, report)
                return
        except IllegalTransition as illegal:
            self._core.alert(f"fill {report.exec_id}: {illegal}")
        child.provisional_lots -= explained
        gate = self._core.gate
        self._children.known_to_risk(child, was_cum)
        gate.filled(child.cl_ord_id, lots)
        if child.cum_lots > child.order.qty_lots:
            self._core.alert(f"{child.order.venue} overfilled {child.cl_ord_id}: {child.cum_lots} lots")
        limit = child.order.price_nanos
        if limit is not None and child.sign * (report.last_px_nanos - limit) > 0:
            self._core.alert(
                f"fill {report.exec_id} of {child.cl_ord_id}: LastPx(31) {report.last_px_nanos} nanos is "
                f"beyond its limit, Price(44) {limit} nanos"
            )
        if not child.is_live:
            gate.closed(child.cl_ord_id)
        self._children.listener.filled(child, lots, report)
        self._children.listener.changed(child)
        self._hold_against(child, report)

    def _said_again(self, child: Child, report: ExecutionReport) -> None:
        """An ExecID(17) once more: the same fill, unless it says another, or that more is filled in all."""
        fill, more = self._core.orders.fill(child, report.exec_id), report.cum_lots - child.cum_lots
        assert fill is not None  # or it would not be again
        was, now = (fill.lots, fill.price_nanos), (report.last_qty_lots, report.last_px_nanos)
        if more <= 0 and (was == now or not fill.lots):
            return
        stood = f"{fill.lots} lots at {fill.price_nanos} nanos" if fill.lots else "void"
        self._core.alert(
            f"fill {report.exec_id} of {child.cl_ord_id} was {stood}, and comes again: LastQty(32) {now[0]} "
            f"lots, LastPx(31) {now[1]} nanos, CumQty(14) {report.cum_lots} where we know {child.cum_lots}: "
            "not applied, asking"
        )
        self._children.reserve_unexplained(child, max(0, more))
        self._children.lose(child)

    def _hold_against(self, child: Child, report: ExecutionReport) -> None:
        """A fill says as well how much is filled in all, and whether that was the last of the order."""
        more = report.cum_lots - child.cum_lots
        if more > 0:
            said = f"CumQty(14) {report.cum_lots} lots, we know fills of {child.cum_lots}"
        elif child.is_live and report.ord_status in _OVER:
            said = f"OrdStatus(39) {report.ord_status.value}, and {child.leaves} lots are left"
        else:
            return
        self._core.alert(f"fill {report.exec_id} of {child.cl_ord_id} says {said}: asking")
        self._children.reserve_unexplained(child, max(0, more))
        self._children.lose(child)

    def _unknown(self, child: Child, report: ExecutionReport) -> None:
        """An ExecType(150) that we do not know: a fill where its quantities prove one, else a question."""
        lots = report.last_qty_lots
        if report.exec_id and self._core.orders.knows(child, report.exec_id):
            return
        proved = lots > 0 and report.last_px_nanos > 0 and report.exec_id not in ("", "0")
        if proved and report.cum_lots == child.cum_lots + lots:
            self._core.alert(
                f"{child.order.venue}: {report.exec_id} of {child.cl_ord_id} is of no known kind; LastQty"
                f"(32) and CumQty(14) prove a fill of {lots} lots: applied"
            )
            self._trade(child, report)
            return
        self._core.alert(
            f"{child.order.venue}: {report.exec_id} of {child.cl_ord_id} is of no known kind, and proves no "
            "fill: not applied, asking"
        )
        self._children.lose(child)

    def _canceled(self, child: Child, report: ExecutionReport) -> None:
        if child.is_live and not child.cancel_ids and child.order.tif not in _AT_ONCE:
            self._core.alert(f"{child.order.venue} cancelled {child.cl_ord_id} unasked: {report.text}")
        self._close(child, ChildEvent.CANCELED, report)

    def _done_for_day(self, child: Child, report: ExecutionReport) -> None:
        """A day order is over; any other comes back tomorrow, when nobody here wants it any more."""
        if child.order.tif in _TO_THE_END_OF_DAY:
            self._close(child, ChildEvent.EXPIRED, report)
        elif child.is_live:
            self._core.alert(f"{child.order.venue}: {child.cl_ord_id} is done for the day: cancelling it")
            self._children.cancel(child)

    def _close(self, child: Child, event: ChildEvent, report: ExecutionReport) -> None:
        if report.cum_lots > child.cum_lots:
            # The venue has filled more than we have heard of: the order is not proved done.
            self._core.alert(
                f"{child.order.venue} closed {child.cl_ord_id} at CumQty(14) {report.cum_lots} lots, "
                f"we know fills of {child.cum_lots}"
            )
            self._children.reserve_unexplained(child, report.cum_lots - child.cum_lots)
            self._children.lose(child)
            return
        self._tell_lacking(child, report)
        self._children.end(child, event)

    def _status(self, child: Child, report: ExecutionReport) -> None:
        """An answer to OrderStatusRequest is no trade; it proves what an unknown order is."""
        before, unexplained = child.provisional_lots, max(0, report.cum_lots - child.cum_lots)
        self._children.reserve_unexplained(child, unexplained)
        if unexplained:
            if unexplained != before:  # told once, not with every answer
                self._core.alert(
                    f"{child.order.venue} says CumQty(14) {report.cum_lots} lots of {child.cl_ord_id}, "
                    f"we know fills of {child.cum_lots}: the rest stays reserved"
                )
            return
        self._tell_lacking(child, report)
        match report.ord_status:
            case OrdStatus.PENDING_CANCEL if child.state is ChildState.UNKNOWN and child.cancel_ids:
                pass  # it is going; asked again when that is overdue, not cancelled again at once
            case status if status in _LIVE:
                self._children.move(child, ChildEvent.FOUND_LIVE)
            case OrdStatus.CANCELED:
                self._children.end(child, ChildEvent.CANCELED)
            case OrdStatus.REJECTED:
                self._children.end(child, ChildEvent.REJECTED)
            case OrdStatus.EXPIRED:
                self._children.end(child, ChildEvent.EXPIRED)
            case OrdStatus.DONE_FOR_DAY | OrdStatus.CALCULATED:
                self._done_for_day(child, report)
            case _:
                if child.is_live:
                    self._core.alert(
                        f"status {report.ord_status.value or 'unknown'} of {child.cl_ord_id} explains nothing"
                    )

    def _tell_lacking(self, child: Child, report: ExecutionReport) -> None:
        """The venue says less than we have applied: it took a fill back, and we have not heard of that."""
        if report.cum_lots < child.cum_lots:
            self._core.alert(
                f"{child.order.venue} says CumQty(14) {report.cum_lots} lots of {child.cl_ord_id}, we know "
                f"fills of {child.cum_lots}: a bust or a correction is missing"
            )

    def _tell_oddities(self, port: Port, report: ExecutionReport) -> None:
        for oddity in report.oddities:
            self._tell_once(port, report.cl_ord_id or report.order_id, f"{oddity}: passed over")

    def _tell_once(self, port: Port, name: str, oddity: str) -> None:
        """Each once a session."""
        key = (port.index, oddity)
        if key not in self._odd and len(self._odd) < ODDITIES_TOLD:
            self._odd.add(key)
            self._core.alert(f"{port.session.name}: ExecutionReport of {name}: {oddity}")
