"""What a desk is told: ExecutionReport(8), OrderCancelReject(9) and BusinessMessageReject(j), in its version.

CumQty(14), LeavesQty(151) and AvgPx(6) are the parent's: while it lives OrderQty(38) = 14 + 151, once it is
over 151 = 0. OrdStatus(39) is the highest that holds, in the order of FIX 4.4 volume 4 ("Order State Change
Matrices"): pending cancel, pending replace, filled, suspended, canceled or expired, partially filled, new.
A session of kind "desk drop copy" gets each report of its desk as well, marked by CopyMsgIndicator(797) and
with the desk as the executing firm of Parties(453). Reports wait, without a number, while their reader is
away.
"""

from __future__ import annotations

from typing import Any, Final

from risk.order import OrdType, Parent, Party
from router.core import Core, Port, PortKind
from router.fix import tags
from router.fix.admin import printable
from router.fix.codec import Message
from router.fix.messages import (
    BusinessMessageReject,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    OrderCancelReject,
    OrdStatus,
)
from router.outbox import OutboxFull, Outgoing
from router.parent import ParentState, ParentWork

_ENDED: Final = {
    ParentState.FILLED: OrdStatus.FILLED,
    ParentState.CANCELED: OrdStatus.CANCELED,
    ParentState.EXPIRED: OrdStatus.EXPIRED,
}
_NAMED_BY_CANCEL: Final = frozenset({ExecType.PENDING_CANCEL, ExecType.CANCELED})


def status_of(work: ParentWork) -> OrdStatus:
    ended = _ENDED.get(work.state)
    if ended is not None:
        return ended
    if work.state is ParentState.CANCELING and not work.expired:
        return OrdStatus.PENDING_CANCEL
    if work.state is ParentState.REPLACING:
        return OrdStatus.PENDING_REPLACE
    if work.is_suspended:
        return OrdStatus.SUSPENDED
    return OrdStatus.PARTIALLY_FILLED if work.filled_lots else OrdStatus.NEW


class Reports:
    def __init__(self, core: Core) -> None:
        self._core = core

    def tell(self, work: ParentWork, exec_type: ExecType, text: str = "", **more: Any) -> str:
        """One report of a parent, with fields of ExecutionReport that only some have; its ExecID(17)."""
        parent = work.parent
        exec_id = self._exec_id()
        cancel_id = work.cancel_cl_ord_id if exec_type in _NAMED_BY_CANCEL else ""
        names = {
            "cl_ord_id": cancel_id or parent.cl_ord_id,
            "orig_cl_ord_id": parent.cl_ord_id if cancel_id else "",
        }
        report = ExecutionReport(
            order_id=parent.parent_id,
            exec_id=exec_id,
            exec_type=exec_type,
            ord_status=status_of(work),
            symbol=parent.symbol,
            side=parent.side,
            leaves_lots=0 if work.is_ended else max(0, work.left_lots),
            cum_lots=work.filled_lots,
            avg_px_nanos=work.average_nanos,
            transact_time_ns=self._core.now_ns,
            text=_plain(text),
            **_terms(parent),
            **{**names, **more},
        )
        if work.desk < 0:
            text = f"parent {parent.parent_id}: its desk's session is not in the settings any more"
            self._core.alert(text)
        else:
            self._report(self._core.ports[work.desk], report)
        return exec_id

    def rejected(self, port: Port, parent: Parent, reason: int, text: str) -> None:
        """A NewOrderSingle that was not taken in."""
        report = ExecutionReport(
            order_id="NONE",
            exec_id=self._exec_id(),
            exec_type=ExecType.REJECTED,
            ord_status=OrdStatus.REJECTED,
            symbol=parent.symbol,
            side=parent.side,
            leaves_lots=0,
            cum_lots=0,
            avg_px_nanos=0,
            cl_ord_id=parent.cl_ord_id,
            transact_time_ns=self._core.now_ns,
            ord_rej_reason=reason,
            text=_plain(text),
            **_terms(parent),
        )
        self._report(port, report)

    def bare(self, port: Port, exec_type: ExecType, **fields: Any) -> None:
        """A report about no order of the desk's: 37=NONE, 39=8."""
        report = ExecutionReport(
            order_id="NONE",
            exec_id=self._exec_id(),
            exec_type=exec_type,
            ord_status=OrdStatus.REJECTED,
            leaves_lots=0,
            cum_lots=0,
            avg_px_nanos=0,
            **fields,
        )
        self._report(port, report)

    def cancel_rejected(
        self,
        port: Port,
        cl_ord_id: str,
        orig_cl_ord_id: str,
        work: ParentWork | None,
        response_to: CxlRejResponseTo,
        reason: int,
        text: str,
    ) -> None:
        """A cancel or a replace of `work`, None where the name is no parent's, is refused."""
        reject = OrderCancelReject(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            ord_status=OrdStatus.REJECTED if work is None else status_of(work),
            response_to=response_to,
            order_id="NONE" if work is None else work.parent.parent_id,
            cxl_rej_reason=reason,
            transact_time_ns=self._core.now_ns,
            text=_plain(text),
        )
        self.send(port, tags.ORDER_CANCEL_REJECT, reject.body(port.session.config.version))

    def message_rejected(self, port: Port, message: Message, reason: int, ref_id: str, text: str) -> None:
        msg_type = message.msg_type.decode("latin-1")
        reject = BusinessMessageReject(message.seq, msg_type, reason, ref_id, _plain(text))
        self.send(port, tags.BUSINESS_MESSAGE_REJECT, reject.body(port.session.config.version))

    def room(self, port: Port) -> int:
        """How many more messages may wait on this session."""
        return self._core.config.outbox_bound - len(port.outbox)

    def send(self, port: Port, msg_type: bytes, body: bytes) -> None:
        try:
            self._core.queue(port, Outgoing(msg_type, body))
        except OutboxFull as full:
            self._core.alert(
                f"{port.session.name}: {full}: a report to the desk is lost; it must ask for status"
            )

    def _report(self, port: Port, report: ExecutionReport) -> None:
        """To the desk, and to whoever gets copies of what it is told."""
        instrument = self._core.instruments.get(report.symbol)
        lots_per_unit = 1 if instrument is None else instrument.lots_per_unit  # of zeros, then
        version = port.session.config.version
        self.send(port, tags.EXECUTION_REPORT, report.body(lots_per_unit, version))
        for copy in self._copies(port):
            firm = Party(port.session.config.target_comp_id)
            marked = report._replace(copy=True, parties=(firm, *report.parties))
            version = copy.session.config.version
            self.send(copy, tags.EXECUTION_REPORT, marked.body(lots_per_unit, version))

    def _copies(self, port: Port) -> list[Port]:
        specs = self._core.config.sessions
        return [
            copy
            for copy in self._core.ports
            if copy.kind is PortKind.DESK_DROP_COPY and specs[copy.index].drop_copy_of == port.session.name
        ]

    def _exec_id(self) -> str:
        """Never given twice: the count may go with the journal's tail, the start's first number does not."""
        core = self._core
        core.reports += 1
        return f"{core.config.prefix}E{core.config.first_order_number}-{core.reports}"


def _terms(parent: Parent) -> dict[str, Any]:
    """What every report of an order repeats of it."""
    return {
        "account": parent.account,
        "qty_lots": parent.qty_lots,
        "ord_type": OrdType.MARKET if parent.limit_nanos is None else OrdType.LIMIT,
        "price_nanos": parent.limit_nanos,
        "parties": parent.parties,
        "order_capacity": parent.order_capacity,
    }


def _plain(text: str) -> str:
    return text and printable(text).decode("ascii")
