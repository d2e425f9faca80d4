"""What comes back about orders: ExecutionReport(8) and OrderCancelReject(9).

Prices and amounts are nanos, quantities lots, times ns. `body` gives the fields after the header. An
ExecutionReport is read leniently, so that no fill is lost (lenient.py); an OrderCancelReject raises
FieldError.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from risk.order import OrdType, Party, Side, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, nanos_to_wire, time_to_wire
from router.fix.messages.common import common, common_body
from router.fix.messages.fields import Instruments, Layout, joined
from router.fix.messages.lenient import leniently
from router.fix.messages.parties import EXECUTING_FIRM, Parties, capacity_fields, party_fields
from router.fix.messages.statuses import (
    STATUSES,
    CxlRejResponseTo,
    ExecType,
    LastLiquidity,
    OrdStatus,
    kind_fields,
)
from router.fix.versions import FIX44, Version

_RESPONSES: Final = {kind.value.encode(): kind for kind in CxlRejResponseTo}
_CANCEL_REJECT: Final = Layout(
    text=(
        tags.ORDER_ID, tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.ORD_STATUS, tags.CXL_REJ_RESPONSE_TO,
        tags.ACCOUNT, tags.TEXT,
    ),
    decimal=(tags.CXL_REJ_REASON,),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip


class ExecutionReport(NamedTuple):
    """One report. A named tuple, since a frozen dataclass of this many fields takes three times as long to
    make.

    `qty_lots` is 0 where OrderQty is not stated; `last_qty_lots` and `last_px_nanos` are 0 unless there was a
    trade; `commission_nanos` is absolute (CommType 3), below 0 for a rebate; `transact_time_ns` is 0 where
    not stated. `price_improvement_nanos` is for each unit traded. `last_of_mass` (912) and `tot_reports`
    (911, None where not stated) belong to an answer to OrderMassStatusRequest(AF). `copy` (797) marks a drop
    copy; of its `parties` the executing firm (PartyRole 1) is then whose order it is. `oddities` are what of
    the message was not understood and was passed over, as text: the report stands without it.
    """

    order_id: str
    exec_id: str
    exec_type: ExecType
    ord_status: OrdStatus
    symbol: str
    side: Side
    leaves_lots: int
    cum_lots: int
    avg_px_nanos: int
    cl_ord_id: str = ""
    orig_cl_ord_id: str = ""
    account: str = ""
    qty_lots: int = 0
    ord_type: OrdType | None = None
    price_nanos: int | None = None
    tif: TimeInForce | None = None
    last_qty_lots: int = 0
    last_px_nanos: int = 0
    last_mkt: str = ""
    transact_time_ns: int = 0
    last_liquidity: LastLiquidity | None = None
    ord_rej_reason: int | None = None
    commission_nanos: int = 0
    text: str = ""
    exec_ref_id: str = ""
    ord_status_req_id: str = ""
    mass_status_req_id: str = ""
    tot_reports: int | None = None
    last_of_mass: bool = False
    restatement_reason: int | None = None
    min_qty_lots: int = 0
    price_improvement_nanos: int = 0
    copy: bool = False
    parties: Parties = ()
    order_capacity: str = ""
    oddities: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The executing firm among the parties, "" for none."""
        return next((one.party_id for one in self.parties if one.role == EXECUTING_FIRM), "")

    @classmethod
    def parse(cls, message: Message, instruments: Instruments, version: Version = FIX44) -> "ExecutionReport":
        values = common(message, instruments, version)
        return tuple.__new__(cls, leniently(message, instruments, version) if values is None else values)

    def body(self, lots_per_unit: int, version: Version = FIX44) -> bytes:
        quick = common_body(self, lots_per_unit, version)
        return self._any_body(lots_per_unit, version) if quick is None else quick

    def _any_body(self, lots_per_unit: int, version: Version) -> bytes:
        traded = self.last_qty_lots != 0
        of_mass = version.mass
        reason, restated = self.ord_rej_reason, self.restatement_reason
        improvement = self.price_improvement_nanos if version.last_liquidity else 0
        liquidity = self.last_liquidity if version.last_liquidity else None
        return joined(
            f"37={self.order_id}",
            self.cl_ord_id and f"11={self.cl_ord_id}",
            self.orig_cl_ord_id and f"41={self.orig_cl_ord_id}",
            f"790={self.ord_status_req_id}" if self.ord_status_req_id and version.status_req_id else b"",
            f"584={self.mass_status_req_id}" if self.mass_status_req_id and of_mass else b"",
            b"911=%d" % self.tot_reports if self.tot_reports is not None and of_mass else b"",
            b"912=Y" if self.last_of_mass and of_mass else b"",
            *party_fields(self.parties, version),
            f"17={self.exec_id}",
            self.exec_ref_id and f"19={self.exec_ref_id}",
            *kind_fields(self.exec_type, self.ord_status, version),
            b"103=%d" % version.ord_rej_reason(reason) if reason is not None else b"",
            b"378=%d" % version.restatement_reason(restated) if restated is not None else b"",
            self.account and f"1={self.account}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
            b"38=" + lots_to_wire(self.qty_lots, lots_per_unit) if self.qty_lots else b"",
            f"40={self.ord_type.value}" if self.ord_type is not None else b"",
            b"44=" + nanos_to_wire(self.price_nanos) if self.price_nanos is not None else b"",
            f"59={self.tif.value}" if self.tif is not None else b"",
            b"32=" + lots_to_wire(self.last_qty_lots, lots_per_unit) if traded else b"",
            b"31=" + nanos_to_wire(self.last_px_nanos) if traded else b"",
            self.last_mkt and f"30={self.last_mkt}",
            b"151=" + lots_to_wire(self.leaves_lots, lots_per_unit),
            b"14=" + lots_to_wire(self.cum_lots, lots_per_unit),
            b"6=" + nanos_to_wire(self.avg_px_nanos),
            b"60=" + time_to_wire(self.transact_time_ns) if self.transact_time_ns else b"",
            b"12=" + nanos_to_wire(self.commission_nanos) if self.commission_nanos else b"",
            b"13=3" if self.commission_nanos else b"",
            b"110=" + lots_to_wire(self.min_qty_lots, lots_per_unit) if self.min_qty_lots else b"",
            self.text and f"58={self.text}",
            b"639=" + nanos_to_wire(improvement) if improvement else b"",
            b"851=%d" % liquidity if liquidity is not None else b"",
            *capacity_fields(self.order_capacity, version),
            b"797=Y" if self.copy and version.parties else b"",
        )


def copy_fields(owner: str, version: Version) -> tuple[str, ...]:
    """What a drop copy has besides the report: whose order it is, by its CompID at the venue, and that it is
    a copy. FIX 4.2 has ExecBroker(76) for the one, and nothing for the other.
    """
    return (*party_fields((Party(owner),), version), *(("797=Y",) if version.parties else ()))


@dataclass(frozen=True, slots=True)
class OrderCancelReject:
    """A cancel or a replace was refused. `order_id` is NONE where the order is not known; then `ord_status`
    is 8.
    """

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_CANCEL_REJECT

    cl_ord_id: str
    orig_cl_ord_id: str
    ord_status: OrdStatus
    response_to: CxlRejResponseTo
    order_id: str = "NONE"
    cxl_rej_reason: int | None = None
    account: str = ""
    transact_time_ns: int = 0
    text: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "OrderCancelReject":
        fields = _CANCEL_REJECT.read(message)
        return cls(
            cl_ord_id=fields.required(tags.CL_ORD_ID),
            orig_cl_ord_id=fields.required(tags.ORIG_CL_ORD_ID),
            ord_status=fields.required_choice(tags.ORD_STATUS, STATUSES),
            response_to=fields.required_choice(tags.CXL_REJ_RESPONSE_TO, _RESPONSES),
            order_id=fields.required(tags.ORDER_ID),
            cxl_rej_reason=fields.integer(tags.CXL_REJ_REASON),
            account=fields.text(tags.ACCOUNT),
            transact_time_ns=fields.time_ns(tags.TRANSACT_TIME) or 0,
            text=fields.text(tags.TEXT),
        )

    def body(self, version: Version = FIX44) -> bytes:
        reason = self.cxl_rej_reason
        return joined(
            f"37={self.order_id}",
            f"11={self.cl_ord_id}",
            f"41={self.orig_cl_ord_id}",
            f"39={self.ord_status.value}",
            self.account and f"1={self.account}",
            b"60=" + time_to_wire(self.transact_time_ns) if self.transact_time_ns else b"",
            f"434={self.response_to.value}",
            b"102=%d" % version.cxl_rej_reason(reason) if reason is not None else b"",
            self.text and f"58={self.text}",
        )
