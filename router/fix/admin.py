"""Session messages, written by simplefix (they are not hot), and what a received one must carry.

Text that goes out is kept to one printable line, whatever the peer sent that it quotes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from simplefix import FixMessage

from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import int_from_wire, show, time_from_wire, time_to_wire

# SessionRejectReason(373), FIX 4.4
INVALID_TAG_NUMBER = 0
REQUIRED_TAG_MISSING = 1
TAG_WITHOUT_VALUE = 4
VALUE_INCORRECT = 5
INCORRECT_FORMAT = 6
COMP_ID_PROBLEM = 9
SENDING_TIME_PROBLEM = 10

MAX_HEART_BT_INT_S = 86_400
_MAX_TEXT = 200

Pairs = Iterable[tuple[int, bytes | int]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a received message, in the words of Reject(3)."""

    reason: int
    ref_tag: int
    text: str
    fatal: bool = False  # log out after the reject


def printable(text: str) -> bytes:
    """`text` as a FIX value: one line of printable ASCII, cut at 200 characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:_MAX_TEXT]).encode("ascii") or b"?"


def encode_admin(
    begin_string: bytes, msg_type: bytes, seq: int, comp_ids: tuple[bytes, bytes], now_ns: int, pairs: Pairs
) -> bytes:
    """One session message; `comp_ids` are sender and target."""
    message = FixMessage()
    for tag, value in (
        (tags.BEGIN_STRING, begin_string),
        (tags.MSG_TYPE, msg_type),
        (tags.SENDER_COMP_ID, comp_ids[0]),
        (tags.TARGET_COMP_ID, comp_ids[1]),
        (tags.MSG_SEQ_NUM, seq),
        (tags.SENDING_TIME, time_to_wire(now_ns)),
        *pairs,
    ):
        message.append_pair(tag, value)
    return bytes(message.encode())


# Fields without which a session message means nothing, and whether they are numbers.
_REQUIRED: dict[bytes, tuple[tuple[int, bool], ...]] = {
    tags.TEST_REQUEST: ((tags.TEST_REQ_ID, False),),
    tags.RESEND_REQUEST: ((tags.BEGIN_SEQ_NO, True), (tags.END_SEQ_NO, True)),
    tags.REJECT: ((tags.REF_SEQ_NUM, True),),
    tags.SEQUENCE_RESET: ((tags.NEW_SEQ_NO, True),),
    tags.LOGON: ((tags.ENCRYPT_METHOD, True), (tags.HEART_BT_INT, True)),
}


def content_fault(message: Message) -> Fault | None:
    """What is wrong with a message, apart from its place in the sequence, its CompIDs and the clock."""
    if message.fault >= 0:
        tag, reason = divmod(message.fault, 256)
        if reason == INVALID_TAG_NUMBER:
            return Fault(reason, 0, "a field has no valid tag number")
        rule = "is empty" if reason == TAG_WITHOUT_VALUE else "does not end where its length field says"
        return Fault(reason, tag, f"field {tag} {rule}")
    if message.sending_time_ns < 0:
        return _time_fault(message, tags.SENDING_TIME, "SendingTime(52)")
    if message.poss_dup and message.msg_type != tags.SEQUENCE_RESET:
        fault = _time_fault(message, tags.ORIG_SENDING_TIME, "OrigSendingTime(122)")
        if fault is not None:
            return fault
        if time_from_wire(message.get(tags.ORIG_SENDING_TIME) or b"") > message.sending_time_ns:
            text = "OrigSendingTime(122) is later than SendingTime(52)"
            return Fault(SENDING_TIME_PROBLEM, tags.ORIG_SENDING_TIME, text, fatal=True)
    for tag, numeric in _REQUIRED.get(message.msg_type, ()):
        wire = message.get(tag)
        if wire is None:
            return Fault(REQUIRED_TAG_MISSING, tag, f"required field {tag} is missing")
        if numeric:
            try:
                int_from_wire(wire)
            except ValueError as error:
                return Fault(INCORRECT_FORMAT, tag, f"field {tag}: {error}")
    return None


def _time_fault(message: Message, tag: int, name: str) -> Fault | None:
    wire = message.get(tag)
    if wire is None:
        return Fault(REQUIRED_TAG_MISSING, tag, f"{name} is missing")
    try:
        if time_from_wire(wire) >= 0:
            return None
    except ValueError as error:
        return Fault(INCORRECT_FORMAT, tag, f"{name} {error}")
    return Fault(INCORRECT_FORMAT, tag, f"{name} {show(wire)} is before 1970")


def logon_fault(message: Message) -> str | None:
    """Why a Logon cannot be accepted, whatever the session; its CompIDs, number and time are looked at
    elsewhere.
    """
    fault = content_fault(message)
    if fault is not None:
        return fault.text
    method = message.get(tags.ENCRYPT_METHOD) or b""
    if int_from_wire(method) != 0:
        return f"EncryptMethod(98) {show(method)} is not 0 (none)"
    heart_bt_int_s = message.get_int(tags.HEART_BT_INT) or 0
    if not 0 <= heart_bt_int_s <= MAX_HEART_BT_INT_S:
        return f"HeartBtInt(108) {heart_bt_int_s} is not between 0 and {MAX_HEART_BT_INT_S}"
    if message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y" and message.seq != 1:
        return f"ResetSeqNumFlag(141)=Y needs MsgSeqNum(34) 1, not {message.seq}"
    return None


def text_of(message: Message) -> str:
    """Text(58) for a person."""
    return (message.get(tags.TEXT) or b"").decode("latin-1")
