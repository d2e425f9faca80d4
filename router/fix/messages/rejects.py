"""What is right as FIX and cannot be taken: any message, by BusinessMessageReject(j); a fill, by
DontKnowTrade(Q).

Quantities are lots, prices nanos. Q is the same in every version.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from risk.order import Side
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, nanos_to_wire
from router.fix.messages.fields import REQUIRED_TAG_MISSING, SIDES, FieldError, Instruments, Layout, joined
from router.fix.versions import FIX44, Version

_REJECT: Final = Layout(
    text=(tags.REF_MSG_TYPE, tags.BUSINESS_REJECT_REF_ID, tags.TEXT),
    decimal=(tags.REF_SEQ_NUM, tags.BUSINESS_REJECT_REASON),
)
_DONT_KNOW: Final = Layout(
    text=(tags.ORDER_ID, tags.EXEC_ID, tags.DK_REASON, tags.SYMBOL, tags.SIDE, tags.TEXT),
    decimal=(tags.ORDER_QTY, tags.LAST_QTY, tags.LAST_PX),
)
UNSUPPORTED_MESSAGE_TYPE: Final = 3


class DKReason(StrEnum):
    """DKReason(127), those that all versions have."""

    UNKNOWN_SYMBOL = "A"
    WRONG_SIDE = "B"
    QUANTITY_EXCEEDS_ORDER = "C"
    NO_MATCHING_ORDER = "D"
    PRICE_EXCEEDS_LIMIT = "E"
    OTHER = "Z"


_DK_REASONS: Final = {
    b"F": DKReason.OTHER,
    b"G": DKReason.OTHER,
    **{reason.value.encode(): reason for reason in DKReason},
}


@dataclass(frozen=True, slots=True)
class BusinessMessageReject:
    """`ref_id`: the refused message's business identifier (ClOrdID, MDReqID), "" for none; `reason`: 380."""

    MSG_TYPE: ClassVar[bytes] = tags.BUSINESS_MESSAGE_REJECT

    ref_seq: int | None
    ref_msg_type: str
    reason: int
    ref_id: str = ""
    text: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "BusinessMessageReject":
        fields = _REJECT.read(message)
        reason = fields.integer(tags.BUSINESS_REJECT_REASON)
        if reason is None:
            raise FieldError(tags.BUSINESS_REJECT_REASON, None, "is missing", REQUIRED_TAG_MISSING)
        return cls(
            ref_seq=fields.integer(tags.REF_SEQ_NUM),
            ref_msg_type=fields.required(tags.REF_MSG_TYPE),
            reason=reason,
            ref_id=fields.text(tags.BUSINESS_REJECT_REF_ID),
            text=fields.text(tags.TEXT),
        )

    def body(self, version: Version = FIX44) -> bytes:
        return joined(
            b"45=%d" % self.ref_seq if self.ref_seq is not None else b"",
            f"372={self.ref_msg_type}",
            self.ref_id and f"379={self.ref_id}",
            b"380=%d" % version.business_reject_reason(self.reason),
            self.text and f"58={self.text}",
        )


@dataclass(frozen=True, slots=True)
class DontKnowTrade:
    """The fill `exec_id` of the peer's order `order_id` is not taken to be ours. `qty_lots` is 0 where the
    report had no OrderQty. Reasons that only later versions have (127=F, G) are read as OTHER.
    """

    MSG_TYPE: ClassVar[bytes] = tags.DONT_KNOW_TRADE

    order_id: str
    exec_id: str
    reason: DKReason
    symbol: str
    side: Side
    qty_lots: int = 0
    last_qty_lots: int = 0
    last_px_nanos: int = 0
    text: str = ""

    @classmethod
    def parse(cls, message: Message, instruments: Instruments, version: Version = FIX44) -> "DontKnowTrade":
        fields = _DONT_KNOW.read(message)
        symbol, lots_per_unit = fields.symbol(instruments)
        return cls(
            order_id=fields.required(tags.ORDER_ID),
            exec_id=fields.required(tags.EXEC_ID),
            reason=fields.required_choice(tags.DK_REASON, _DK_REASONS),
            symbol=symbol,
            side=fields.required_choice(tags.SIDE, SIDES),
            qty_lots=fields.lots(tags.ORDER_QTY, lots_per_unit) or 0,
            last_qty_lots=fields.lots(tags.LAST_QTY, lots_per_unit) or 0,
            last_px_nanos=fields.nanos(tags.LAST_PX) or 0,
            text=fields.text(tags.TEXT),
        )

    def body(self, lots_per_unit: int, version: Version = FIX44) -> bytes:
        return joined(
            f"37={self.order_id}",
            f"17={self.exec_id}",
            f"127={self.reason.value}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
            b"38=" + lots_to_wire(self.qty_lots, lots_per_unit) if self.qty_lots else b"",
            b"32=" + lots_to_wire(self.last_qty_lots, lots_per_unit) if self.last_qty_lots else b"",
            b"31=" + nanos_to_wire(self.last_px_nanos) if self.last_px_nanos else b"",
            self.text and f"58={self.text}",
        )
