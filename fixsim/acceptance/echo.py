"""The application of the acceptor: a NewOrderSingle, a SecurityDefinition and an Email are sent back as they
came; nothing else is known to it.

The header is made anew: 43 and 122 are the sender's, 97 stays. A NewOrderSingle with PossResend(97)=Y whose
ClOrdID was seen since logon is one that has been handled (FIX 4.4 volume 2, "Possible resends"): ignored.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from fixsim.acceptance.arrange import wire
from router.fix import tags
from router.fix.codec import Message

MAX_REMEMBERED: Final = 100_000  # ClOrdIDs of one session; beyond, the oldest is forgotten
UNSUPPORTED_MESSAGE_TYPE: Final = 3  # BusinessRejectReason(380)
_EMAIL: Final = b"C"
_RETURNED: Final = frozenset({tags.NEW_ORDER_SINGLE, tags.SECURITY_DEFINITION, _EMAIL})
RESENT: Final = _RETURNED | {tags.BUSINESS_MESSAGE_REJECT}
"""All that leaves here may be asked for again: these orders are the peer's own, and no one trades on them."""
_RESTAMPED: Final = frozenset(
    {
        tags.BEGIN_STRING, tags.BODY_LENGTH, tags.MSG_TYPE, tags.SENDER_COMP_ID, tags.TARGET_COMP_ID,
        tags.MSG_SEQ_NUM, tags.SENDING_TIME, tags.POSS_DUP_FLAG, tags.ORIG_SENDING_TIME,
        tags.LAST_MSG_SEQ_NUM_PROCESSED, tags.CHECK_SUM,
    }
)  # fmt: skip


class Reply(NamedTuple):
    """`fields` as bytes, each closed by its delimiter; those of the header among them."""

    msg_type: bytes
    fields: bytes


class Echo:
    """One session's application. `appl_ver_id`, if any, is put into business rejects as 1137."""

    def __init__(self, appl_ver_id: str = "") -> None:
        self._appl_ver_id = appl_ver_id.encode()
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def logged_on(self) -> None:
        self._seen.clear()

    def received(self, message: Message) -> Reply | None:
        if message.msg_type not in _RETURNED:
            return self._refused(message)
        cl_ord_id = message.get(tags.CL_ORD_ID) if message.msg_type == tags.NEW_ORDER_SINGLE else None
        if cl_ord_id is not None:
            if message.poss_resend and cl_ord_id in self._seen:
                return None
            self._remember(cl_ord_id)
        fields = [field for field in message.fields() if field[0] not in _RESTAMPED]
        return Reply(message.msg_type, wire(fields))

    def _remember(self, cl_ord_id: bytes) -> None:
        self._seen[cl_ord_id] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)

    def _refused(self, message: Message) -> Reply | None:
        if message.msg_type == tags.BUSINESS_MESSAGE_REJECT:
            return None  # two sides that reject each other's rejects would never end
        fields = [
            (tags.REF_SEQ_NUM, b"%d" % message.seq),
            (tags.TEXT, b"Unsupported Message Type"),
            (tags.REF_MSG_TYPE, message.msg_type),
            (tags.BUSINESS_REJECT_REASON, b"%d" % UNSUPPORTED_MESSAGE_TYPE),
        ]
        if self._appl_ver_id:
            fields.append((tags.DEFAULT_APPL_VER_ID, self._appl_ver_id))
        return Reply(tags.BUSINESS_MESSAGE_REJECT, wire(fields))
