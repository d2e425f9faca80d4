"""The session as conformance scripts expect it: where the specification leaves a choice of words, or of when
to speak, theirs.

A script compares text. A Reject's Text is the phrase of its SessionRejectReason (FIX 4.4 volume 6, 373), and
RefTagID is given where a field is at fault; a Logout after a Reject says nothing more; before a Logon nothing
is said at all; TestReqID is TEST, and while it is not answered there is no Heartbeat. ResendRequest and
Logout are answered whatever their MsgSeqNum, so that two sides that miss messages can always end, and after
the answer to a Logout we hang up without waiting for the peer to.
"""

from typing import Final

from router.fix import fault as reasons
from router.fix import tags
from router.fix.codec import Message
from router.fix.config import SessionConfig
from router.fix.fault import Fault
from router.fix.outbound import Events, Pairs
from router.fix.session import Session
from router.fix.states import AWAITING, State

_OF_THE_MESSAGE: Final = frozenset(
    {reasons.COMP_ID_PROBLEM, reasons.SENDING_TIME_PROBLEM, reasons.INVALID_MSG_TYPE}
)
_WRONG_BEGIN_STRING: Final = "Incorrect BeginString"
_TEST: Final = b"TEST"
_TAG_ZERO: Final = b"\x010="  # a field numbered 0, which RefTagID can name


class ScriptSession(Session):
    """`explain`: Text names field, value and rule, as the router's sessions do. `refuses_aloud`: a Logon that
    is refused is answered with a Logout.
    """

    def __init__(self, config: SessionConfig, explain: bool = False, refuses_aloud: bool = False) -> None:
        super().__init__(config)
        self._explain = explain
        self._refuses_aloud = refuses_aloud
        self._silent = False
        self._tag_zero = False

    def _received(self, out: Events, message: Message, now_ns: int) -> None:
        kind = message.msg_type
        asks = kind in (tags.RESEND_REQUEST, tags.LOGOUT) and message.seq < self.next_in
        if asks and not message.poss_dup and self._faultless(message, now_ns):
            self._last_received_ns = now_ns
            self._tested = False
            if kind == tags.LOGOUT:
                self._peer_logout(out, message, now_ns)
            else:
                self._resend(out, message, now_ns)
            return
        super()._received(out, message, now_ns)

    def _peer_logout(self, out: Events, message: Message, now_ns: int) -> None:
        super()._peer_logout(out, message, now_ns)
        if self.state is State.LOGOUT_RECEIVED:
            self._close(out, "logged out")

    def _faultless(self, message: Message, now_ns: int) -> bool:
        return self._header.fault(message, now_ns) is None and self._content_fault(message) is None

    def _reject(self, out: Events, message: Message, fault: Fault, now_ns: int) -> None:
        if not self._explain:
            of_message = fault.reason in _OF_THE_MESSAGE or message.msg_type == tags.SEQUENCE_RESET
            ref_tag = 0 if of_message else fault.ref_tag
            fault = Fault(fault.reason, ref_tag, reasons.REASONS.get(fault.reason, fault.text), fault.fatal)
        self._silent = fault.fatal
        self._tag_zero = fault.reason == reasons.INVALID_TAG_NUMBER and _TAG_ZERO in message.raw
        super()._reject(out, message, fault, now_ns)
        self._tag_zero = False

    def _say_goodbye(
        self, out: Events, text: str, now_ns: int, message: Message | None = None, waits: bool = False
    ) -> None:
        if self.state in AWAITING and not self._refuses_aloud:
            self._close(out, text)
            return
        if text.startswith(_WRONG_BEGIN_STRING) and not self._explain:
            text = _WRONG_BEGIN_STRING
        super()._say_goodbye(out, text, now_ns, message, waits)

    def _send(self, out: Events, msg_type: bytes, pairs: Pairs, now_ns: int) -> None:
        if msg_type == tags.HEARTBEAT and self._tested and not pairs:
            self._last_sent_ns = now_ns
            return
        if msg_type == tags.LOGOUT and self._silent and not self._explain:
            pairs = [pair for pair in pairs if pair[0] != tags.TEXT]
        elif msg_type == tags.REJECT and self._tag_zero and tags.REF_TAG_ID not in dict(pairs):
            pairs = [*pairs, (tags.REF_TAG_ID, 0)]
        super()._send(out, msg_type, pairs, now_ns)

    def _test_req_id(self) -> bytes:
        return _TEST
