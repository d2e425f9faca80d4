"""All orders at once: OrderMassStatusRequest(AF), OrderMassCancelRequest(q) and OrderMassCancelReport(r).

AF is answered by ExecutionReports with ExecType(150)=I, the last of which has LastRptRequested(912)=Y.
Request types are kept as they came: the venue judges them, since they have answers of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from risk.order import Side
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import time_to_wire
from router.fix.messages.fields import SIDES, Instruments, Layout, joined
from router.fix.versions import FIX44, Version

FOR_A_SECURITY: Final = "1"
"""MassCancelRequestType(530), MassStatusReqType(585): of one Symbol."""
ALL_ORDERS: Final = "7"
REFUSED: Final = "0"
"""MassCancelResponse(531)"""
_MAX_AFFECTED: Final = 1000
_REQUEST: Final = Layout(
    text=(
        tags.CL_ORD_ID, tags.MASS_CANCEL_REQUEST_TYPE, tags.MASS_STATUS_REQ_ID, tags.MASS_STATUS_REQ_TYPE,
        tags.SYMBOL, tags.SIDE, tags.ACCOUNT,
    ),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip
_REPORT: Final = Layout(
    text=(
        tags.CL_ORD_ID, tags.ORDER_ID, tags.MASS_CANCEL_REQUEST_TYPE, tags.MASS_CANCEL_RESPONSE, tags.SYMBOL,
        tags.SIDE, tags.TEXT,
    ),
    decimal=(tags.MASS_CANCEL_REJECT_REASON, tags.TOTAL_AFFECTED_ORDERS),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderMassStatusRequest:
    """`request_type` (585): FOR_A_SECURITY with `symbol`, or ALL_ORDERS. No `side`, no `account`: any."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_MASS_STATUS_REQUEST

    mass_status_req_id: str
    request_type: str = ALL_ORDERS
    symbol: str = ""
    side: Side | None = None
    account: str = ""

    @classmethod
    def parse(
        cls, message: Message, instruments: Instruments, version: Version = FIX44
    ) -> "OrderMassStatusRequest":
        fields = _REQUEST.read(message)
        return cls(
            mass_status_req_id=fields.required(tags.MASS_STATUS_REQ_ID),
            request_type=fields.required(tags.MASS_STATUS_REQ_TYPE),
            symbol=fields.text(tags.SYMBOL),
            side=fields.choice(tags.SIDE, SIDES),
            account=fields.text(tags.ACCOUNT),
        )

    def body(self, version: Version = FIX44) -> bytes:
        version.needs(version.mass, "OrderMassStatusRequest(AF)")
        return joined(
            f"584={self.mass_status_req_id}",
            f"585={self.request_type}",
            self.account and f"1={self.account}",
            self.symbol and f"55={self.symbol}",
            b"54=%d" % self.side if self.side is not None else b"",
        )


@dataclass(frozen=True, slots=True)
class OrderMassCancelRequest:
    """`request_type` (530): FOR_A_SECURITY with `symbol`, or ALL_ORDERS. `side` None: both."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_MASS_CANCEL_REQUEST

    cl_ord_id: str
    transact_time_ns: int
    request_type: str = ALL_ORDERS
    symbol: str = ""
    side: Side | None = None

    @classmethod
    def parse(
        cls, message: Message, instruments: Instruments, version: Version = FIX44
    ) -> "OrderMassCancelRequest":
        fields = _REQUEST.read(message)
        return cls(
            cl_ord_id=fields.required(tags.CL_ORD_ID),
            transact_time_ns=fields.required_time_ns(tags.TRANSACT_TIME),
            request_type=fields.required(tags.MASS_CANCEL_REQUEST_TYPE),
            symbol=fields.text(tags.SYMBOL),
            side=fields.choice(tags.SIDE, SIDES),
        )

    def body(self, version: Version = FIX44) -> bytes:
        version.needs(version.mass, "OrderMassCancelRequest(q)")
        return joined(
            f"11={self.cl_ord_id}",
            f"530={self.request_type}",
            self.symbol and f"55={self.symbol}",
            b"54=%d" % self.side if self.side is not None else b"",
            b"60=" + time_to_wire(self.transact_time_ns),
        )


@dataclass(frozen=True, slots=True)
class OrderMassCancelReport:
    """`response` (531): the request's type, or REFUSED with `reject_reason` (532). `affected` are the
    cancelled orders' (ClOrdID, OrderID), of which the first 1,000 are written; `total` counts all of them.
    MassActionReportID(1369), which FIX 5.0 SP2 requires, is the OrderID once more.
    """

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_MASS_CANCEL_REPORT

    cl_ord_id: str
    order_id: str
    request_type: str
    response: str
    total: int = 0
    affected: Sequence[tuple[str, str]] = ()
    reject_reason: int | None = None
    symbol: str = ""
    side: Side | None = None
    transact_time_ns: int = 0
    text: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "OrderMassCancelReport":
        fields = _REPORT.read(message)
        affected: list[tuple[str, str]] = []
        for tag, value in message.fields():
            if tag in (tags.ORIG_CL_ORD_ID, tags.AFFECTED_ORIG_CL_ORD_ID):
                affected.append((value.decode("latin-1"), ""))
            elif tag == tags.AFFECTED_ORDER_ID and affected:
                affected[-1] = (affected[-1][0], value.decode("latin-1"))
        return cls(
            cl_ord_id=fields.text(tags.CL_ORD_ID),
            order_id=fields.required(tags.ORDER_ID),
            request_type=fields.required(tags.MASS_CANCEL_REQUEST_TYPE),
            response=fields.required(tags.MASS_CANCEL_RESPONSE),
            total=fields.integer(tags.TOTAL_AFFECTED_ORDERS) or 0,
            affected=tuple(affected),
            reject_reason=fields.integer(tags.MASS_CANCEL_REJECT_REASON),
            symbol=fields.text(tags.SYMBOL),
            side=fields.choice(tags.SIDE, SIDES),
            transact_time_ns=fields.time_ns(tags.TRANSACT_TIME) or 0,
            text=fields.text(tags.TEXT),
        )

    def body(self, version: Version = FIX44) -> bytes:
        version.needs(version.mass, "OrderMassCancelReport(r)")
        listed = self.affected[:_MAX_AFFECTED]
        orig_tag = tags.AFFECTED_ORIG_CL_ORD_ID if version.mass_report_id else tags.ORIG_CL_ORD_ID
        group = [part for orig, order_id in listed for part in (f"{orig_tag}={orig}", f"535={order_id}")]
        return joined(
            f"11={self.cl_ord_id}",
            f"37={self.order_id}",
            f"1369={self.order_id}" if version.mass_report_id else "",
            f"530={self.request_type}",
            f"531={self.response}",
            b"532=%d" % self.reject_reason if self.reject_reason is not None else b"",
            b"533=%d" % self.total,
            b"534=%d" % len(listed) if listed else b"",
            *group,
            self.symbol and f"55={self.symbol}",
            b"54=%d" % self.side if self.side is not None else b"",
            b"60=" + time_to_wire(self.transact_time_ns) if self.transact_time_ns else b"",
            self.text and f"58={self.text}",
        )
