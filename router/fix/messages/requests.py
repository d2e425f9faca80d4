"""What is asked about an order: its end, OrderCancelRequest(F), or its state, OrderStatusRequest(H).

Quantities are lots, times ns. `parse` raises FieldError; `body` gives the fields after the header, and leaves
out what the version does not have.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from risk.order import Side
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, time_to_wire
from router.fix.messages.fields import SIDES, Instruments, Layout, joined
from router.fix.messages.parties import Parties, read_parties, request_parties
from router.fix.versions import FIX44, Version

_REQUEST: Final = Layout(
    text=(
        tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.ORDER_ID, tags.ACCOUNT, tags.SYMBOL, tags.SIDE,
        tags.ORD_STATUS_REQ_ID,
    ),
    decimal=(tags.ORDER_QTY,),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderCancelRequest:
    """`order_id` is the venue's, "" where not known."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_CANCEL_REQUEST

    cl_ord_id: str
    orig_cl_ord_id: str
    symbol: str
    side: Side
    transact_time_ns: int
    qty_lots: int
    order_id: str = ""
    account: str = ""
    parties: Parties = ()

    @classmethod
    def parse(
        cls, message: Message, instruments: Instruments, version: Version = FIX44
    ) -> "OrderCancelRequest":
        fields = _REQUEST.read(message)
        orig_cl_ord_id = fields.required(tags.ORIG_CL_ORD_ID)
        cl_ord_id = fields.required(tags.CL_ORD_ID)
        symbol, lots_per_unit = fields.symbol(instruments)
        return cls(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            symbol=symbol,
            side=fields.required_choice(tags.SIDE, SIDES),
            transact_time_ns=fields.required_time_ns(tags.TRANSACT_TIME),
            qty_lots=fields.positive_lots(tags.ORDER_QTY, lots_per_unit),
            order_id=fields.text(tags.ORDER_ID),
            account=fields.text(tags.ACCOUNT),
            parties=read_parties(message, version),
        )

    def body(self, lots_per_unit: int, version: Version = FIX44) -> bytes:
        return joined(
            f"41={self.orig_cl_ord_id}",
            self.order_id and f"37={self.order_id}",
            f"11={self.cl_ord_id}",
            self.account and f"1={self.account}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
            b"60=" + time_to_wire(self.transact_time_ns),
            b"38=" + lots_to_wire(self.qty_lots, lots_per_unit),
            *request_parties(self.parties, version),
        )


@dataclass(frozen=True, slots=True)
class OrderStatusRequest:
    """Answered by an ExecutionReport with ExecType(150)=I."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_STATUS_REQUEST

    cl_ord_id: str
    symbol: str
    side: Side
    order_id: str = ""
    ord_status_req_id: str = ""
    account: str = ""
    parties: Parties = ()

    @classmethod
    def parse(
        cls, message: Message, instruments: Instruments, version: Version = FIX44
    ) -> "OrderStatusRequest":
        fields = _REQUEST.read(message)
        return cls(
            cl_ord_id=fields.required(tags.CL_ORD_ID),
            symbol=fields.symbol(instruments)[0],
            side=fields.required_choice(tags.SIDE, SIDES),
            order_id=fields.text(tags.ORDER_ID),
            ord_status_req_id=fields.text(tags.ORD_STATUS_REQ_ID),
            account=fields.text(tags.ACCOUNT),
            parties=read_parties(message, version),
        )

    def body(self, version: Version = FIX44) -> bytes:
        req_id = self.ord_status_req_id if version.status_req_id else ""
        return joined(
            self.order_id and f"37={self.order_id}",
            f"11={self.cl_ord_id}",
            req_id and f"790={req_id}",
            self.account and f"1={self.account}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
            *request_parties(self.parties, version),
        )
