"""What comes back about orders: ExecutionReport(8) and OrderCancelReject(9).

Prices and amounts are nanos, quantities lots, times ns. `parse` raises FieldError; `body` gives the fields
after the header. Values are those of FIX 4.4 whatever the version on the wire: in FIX 4.2 a fill is
ExecType(150)=1 or 2, and bust, correct and status are ExecTransType(20)=1, 2 and 3 with the order's status in
150 (FIX 4.2 volume 4, appendix D).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import ClassVar, Final, NamedTuple

from risk.order import OrdType, Party, Side, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, nanos_to_wire, time_to_wire
from router.fix.messages.fields import (
    ORD_TYPES,
    REQUIRED_TAG_MISSING,
    SIDES,
    TIMES_IN_FORCE,
    FieldError,
    Fields,
    Instruments,
    Layout,
    joined,
)
from router.fix.messages.parties import (
    EXECUTING_FIRM,
    Parties,
    capacity_fields,
    party_fields,
    read_capacity,
    read_parties,
)
from router.fix.versions import FIX44, Version


class ExecType(StrEnum):
    """ExecType(150), FIX 4.4."""

    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"


class OrdStatus(StrEnum):
    """OrdStatus(39), FIX 4.4."""

    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    ACCEPTED_FOR_BIDDING = "D"
    PENDING_REPLACE = "E"


class LastLiquidity(IntEnum):
    """LastLiquidityInd(851)."""

    ADDED = 1
    REMOVED = 2
    ROUTED_OUT = 3


class CxlRejResponseTo(StrEnum):
    """CxlRejResponseTo(434)."""

    CANCEL = "1"
    REPLACE = "2"


_EXEC_TYPES: Final = {kind.value.encode(): kind for kind in ExecType}
_STATUSES: Final = {status.value.encode(): status for status in OrdStatus}
_LIQUIDITY: Final = {str(kind.value).encode(): kind for kind in LastLiquidity}
_RESPONSES: Final = {kind.value.encode(): kind for kind in CxlRejResponseTo}
_REPORT: Final = Layout(
    text=(
        tags.ORDER_ID, tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.EXEC_ID, tags.EXEC_TYPE, tags.ORD_STATUS,
        tags.ACCOUNT, tags.SYMBOL, tags.SIDE, tags.ORD_TYPE, tags.TIME_IN_FORCE, tags.LAST_MKT, tags.TEXT,
        tags.LAST_LIQUIDITY_IND, tags.EXEC_REF_ID, tags.ORD_STATUS_REQ_ID, tags.MASS_STATUS_REQ_ID,
        tags.LAST_RPT_REQUESTED, tags.COPY_MSG_INDICATOR, tags.EXEC_TRANS_TYPE, tags.ORDER_CAPACITY,
        tags.RULE_80A,
    ),
    decimal=(
        tags.ORDER_QTY, tags.PRICE, tags.LAST_QTY, tags.LAST_PX, tags.LEAVES_QTY, tags.CUM_QTY, tags.AVG_PX,
        tags.COMMISSION, tags.ORD_REJ_REASON, tags.MIN_QTY, tags.EXEC_RESTATEMENT_REASON,
        tags.PRICE_IMPROVEMENT, tags.TOT_NUM_REPORTS,
    ),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip
# ExecTransType(20) of what is neither new nor a fill, and back
_TRANS_TYPES: Final = {
    ExecType.TRADE_CANCEL: b"1",
    ExecType.TRADE_CORRECT: b"2",
    ExecType.ORDER_STATUS: b"3",
}
_OF_TRANS_TYPE: Final = {b"0": ExecType.NEW, **{code: kind for kind, code in _TRANS_TYPES.items()}}
_EXEC_TYPES_42: Final = {
    **{code: kind for code, kind in _EXEC_TYPES.items() if code < b"F"},
    b"1": ExecType.TRADE,
    b"2": ExecType.TRADE,
}
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
    copy; of its `parties` the executing firm (PartyRole 1) is then whose order it is.
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

    @property
    def owner(self) -> str:
        """The executing firm among the parties, "" for none."""
        return next((one.party_id for one in self.parties if one.role == EXECUTING_FIRM), "")

    @classmethod
    def parse(cls, message: Message, instruments: Instruments, version: Version = FIX44) -> "ExecutionReport":
        fields = _REPORT.read(message)
        symbol, lots_per_unit = fields.symbol(instruments)
        text, lots, nanos, choice = fields.text, fields.lots, fields.nanos, fields.choice
        return cls(
            fields.required(tags.ORDER_ID),
            fields.required(tags.EXEC_ID),
            *_kind(fields, version),
            symbol,
            fields.required_choice(tags.SIDE, SIDES),
            _stated(fields, tags.LEAVES_QTY, lots_per_unit),
            _stated(fields, tags.CUM_QTY, lots_per_unit),
            nanos(tags.AVG_PX) or 0,
            text(tags.CL_ORD_ID),
            text(tags.ORIG_CL_ORD_ID),
            text(tags.ACCOUNT),
            lots(tags.ORDER_QTY, lots_per_unit) or 0,
            choice(tags.ORD_TYPE, ORD_TYPES),
            nanos(tags.PRICE),
            choice(tags.TIME_IN_FORCE, TIMES_IN_FORCE),
            lots(tags.LAST_QTY, lots_per_unit) or 0,
            nanos(tags.LAST_PX) or 0,
            text(tags.LAST_MKT),
            fields.time_ns(tags.TRANSACT_TIME) or 0,
            choice(tags.LAST_LIQUIDITY_IND, _LIQUIDITY),
            fields.integer(tags.ORD_REJ_REASON),
            nanos(tags.COMMISSION) or 0,
            text(tags.TEXT),
            text(tags.EXEC_REF_ID),
            text(tags.ORD_STATUS_REQ_ID),
            text(tags.MASS_STATUS_REQ_ID),
            fields.integer(tags.TOT_NUM_REPORTS),
            text(tags.LAST_RPT_REQUESTED) == "Y",
            fields.integer(tags.EXEC_RESTATEMENT_REASON),
            lots(tags.MIN_QTY, lots_per_unit) or 0,
            nanos(tags.PRICE_IMPROVEMENT) or 0,
            text(tags.COPY_MSG_INDICATOR) == "Y",
            read_parties(message, version),
            read_capacity(fields, version),
        )

    def body(self, lots_per_unit: int, version: Version = FIX44) -> bytes:
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
            *_kind_fields(self.exec_type, self.ord_status, version),
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


def _kind(fields: Fields, version: Version) -> tuple[ExecType, OrdStatus]:
    status = fields.required_choice(tags.ORD_STATUS, _STATUSES)
    if not version.exec_trans_type:
        return fields.required_choice(tags.EXEC_TYPE, _EXEC_TYPES), status
    kind = fields.required_choice(tags.EXEC_TRANS_TYPE, _OF_TRANS_TYPE)
    if kind is ExecType.NEW:
        kind = fields.required_choice(tags.EXEC_TYPE, _EXEC_TYPES_42)
    if kind is ExecType.REPLACED and status is OrdStatus.REPLACED:
        status = OrdStatus.NEW
    return kind, status


def _kind_fields(exec_type: ExecType, status: OrdStatus, version: Version) -> tuple[bytes, ...]:
    """ExecTransType(20) where there is one, ExecType(150) and OrdStatus(39)."""
    wire = status.value.encode()
    if not version.exec_trans_type:
        return b"150=" + exec_type.value.encode(), b"39=" + wire
    trans_type = _TRANS_TYPES.get(exec_type)
    if trans_type is not None:
        return b"20=" + trans_type, b"150=" + wire, b"39=" + wire
    if exec_type is ExecType.TRADE:
        return b"20=0", b"150=2" if status is OrdStatus.FILLED else b"150=1", b"39=" + wire
    if exec_type is ExecType.REPLACED and status is OrdStatus.NEW:
        wire = b"5"  # a status of its own until FIX 4.3
    return b"20=0", b"150=" + exec_type.value.encode(), b"39=" + wire


def _stated(fields: Fields, tag: int, lots_per_unit: int) -> int:
    """A quantity that must be there, and not below zero."""
    value = fields.lots(tag, lots_per_unit)
    if value is None:
        raise FieldError(tag, None, "is missing", REQUIRED_TAG_MISSING)
    if value < 0:
        raise FieldError(tag, fields.wire(tag), "is below zero")
    return value


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
            ord_status=fields.required_choice(tags.ORD_STATUS, _STATUSES),
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
