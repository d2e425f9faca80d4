"""All of a desk's parents at once: OrderMassCancelRequest(q) and OrderMassStatusRequest(AF).

q cancels the desk's own parents and latches nothing. r comes first and says which; then each parent has its
own reports. AF is answered by one report for each parent, the last with LastRptRequested(912)=Y: all that are
open, and of those that are over the newest, as many as fit into what may wait on the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from risk.order import Side
from router.core import Core, Port
from router.fix import tags
from router.fix.codec import Message
from router.fix.messages import (
    ExecType,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
)
from router.fix.messages.mass import ALL_ORDERS, FOR_A_SECURITY, REFUSED
from router.oms.reports import Reports
from router.parent import ParentState, ParentWork

# MassCancelRejectReason(532)
NOT_SUPPORTED: Final = 0
UNKNOWN_SECURITY: Final = 1
_OVER_SHARE: Final = 2
"""Of the room that a session has, so much (1 / 2) may be taken by parents that are over."""


class Mass:
    """`cancel` withdraws one parent."""

    def __init__(self, core: Core, reports: Reports, cancel: Callable[[ParentWork], None]) -> None:
        self._core = core
        self._reports = reports
        self._cancel = cancel

    def cancel_request(self, port: Port, message: Message) -> None:
        core, version = self._core, port.session.config.version
        request = OrderMassCancelRequest.parse(message, core.instruments, version)
        reason, text = self._fault(request.request_type, request.symbol)
        doomed: list[ParentWork] = []
        if reason is None:
            doomed = [
                work
                for work in self._of(port)
                if not work.is_ended
                and (work.state is not ParentState.CANCELING or work.expired)
                and request.symbol in ("", work.parent.symbol)
                and request.side in (None, work.parent.side)
            ]
        core.reports += 1
        report = OrderMassCancelReport(
            cl_ord_id=request.cl_ord_id,
            order_id=f"{core.config.prefix}M{core.config.first_order_number}-{core.reports}",
            request_type=request.request_type,
            response=REFUSED if reason is not None else request.request_type,
            total=len(doomed),
            affected=[(work.parent.cl_ord_id, work.parent.parent_id) for work in doomed],
            reject_reason=reason,
            symbol=request.symbol,
            side=request.side,
            transact_time_ns=core.now_ns,
            text=text,
        )
        core.note(
            "mass cancel",
            session=port.session.name,
            cl_ord_id=request.cl_ord_id,
            parents=len(doomed),
            text=text,
        )
        self._reports.send(port, tags.ORDER_MASS_CANCEL_REPORT, report.body(version))
        for work in doomed:
            self._cancel(work)

    def status_request(self, port: Port, message: Message) -> None:
        request = OrderMassStatusRequest.parse(message, self._core.instruments, port.session.config.version)
        reason, text = self._fault(request.request_type, request.symbol)
        asked = [
            work
            for work in (self._of(port) if reason is None else ())
            if request.symbol in ("", work.parent.symbol)
            and request.side in (None, work.parent.side)
            and request.account in ("", work.parent.account)
        ]
        is_open = [work for work in asked if not work.is_ended]
        room = self._reports.room(port)
        if len(is_open) > room:
            asked, text = [], f"{len(is_open)} reports are due, and only {room} messages may wait: ask again"
        else:
            over = [work for work in asked if work.is_ended]
            spare = (room - len(is_open)) // _OVER_SHARE
            asked = over[max(0, len(over) - spare) :] + is_open
        for number, work in enumerate(asked, 1):
            self._reports.tell(
                work,
                ExecType.ORDER_STATUS,
                mass_status_req_id=request.mass_status_req_id,
                tot_reports=len(asked),
                last_of_mass=number == len(asked),
            )
        if not asked:
            symbol = request.symbol or next(iter(self._core.markets))
            side = request.side or next(iter(Side))
            self._reports.bare(
                port,
                ExecType.ORDER_STATUS,
                symbol=symbol,
                side=side,
                mass_status_req_id=request.mass_status_req_id,
                tot_reports=0,
                last_of_mass=True,
                text=text or "no order of this session",
            )

    def _of(self, port: Port) -> list[ParentWork]:
        return [work for work in self._core.parents.values() if work.desk == port.index]

    def _fault(self, request_type: str, symbol: str) -> tuple[int | None, str]:
        """MassCancelRejectReason(532) and text for what is not served."""
        if request_type not in (ALL_ORDERS, FOR_A_SECURITY):
            return NOT_SUPPORTED, f"type {request_type} is not {FOR_A_SECURITY} or {ALL_ORDERS}"
        if request_type == FOR_A_SECURITY and symbol not in self._core.markets:
            return UNKNOWN_SECURITY, f"Symbol(55) {symbol} is not traded by this router"
        return None, ""
