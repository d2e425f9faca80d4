"""BusinessMessageReject(j): a message that is right as FIX and cannot be served."""

from dataclasses import dataclass
from typing import ClassVar, Final

from router.fix import tags
from router.fix.codec import Message
from router.fix.messages.fields import REQUIRED_TAG_MISSING, FieldError, Layout, joined
from router.fix.versions import FIX44, Version

_REJECT: Final = Layout(
    text=(tags.REF_MSG_TYPE, tags.BUSINESS_REJECT_REF_ID, tags.TEXT),
    decimal=(tags.REF_SEQ_NUM, tags.BUSINESS_REJECT_REASON),
)
UNSUPPORTED_MESSAGE_TYPE: Final = 3


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
