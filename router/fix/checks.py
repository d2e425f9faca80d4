"""What may be wrong with a received message, as far as the session layer is concerned. Pure functions.

FIX 4.4 volume 2, "Session protocol", and SessionRejectReason(373). What a body means is not looked at here.
"""

from router.fix import tags
from router.fix.codec import Message
from router.fix.config import SessionConfig
from router.fix.decimals import int_from_wire, show, time_from_wire
from router.fix.events import Rejected
from router.fix.fault import (
    COMP_ID_PROBLEM,
    INCORRECT_FORMAT,
    INVALID_TAG_NUMBER,
    REQUIRED_TAG_MISSING,
    SENDING_TIME_PROBLEM,
    TAG_WITHOUT_VALUE,
    UNSUPPORTED_VERSION,
    VALUE_INCORRECT,
    Fault,
)
from router.fix.kernels import APPL_VER_ID, MAX_DIGITS
from router.fix.secrets import PLACEHOLDER

MS_NS = 1_000_000


# A latency that no clock shows, for sessions that do not look at it; less than 1970 to now, so that a
# SendingTime that is none (below 0) is not taken for a time.
_NO_LATENCY_NS = 10**18


class Header:
    """What every message of the peer must say: BeginString, CompIDs, and roughly our time.

    For messages with nothing unusual about them the session compares these attributes itself.
    """

    __slots__ = ("begin_field", "checks_latency", "from_peer", "to_us", "tolerance_ns")

    def __init__(self, config: SessionConfig) -> None:
        self.begin_field = b"8=" + config.begin_string.encode() + b"\x01"
        self.from_peer = config.target_comp_id.encode() + b"\x01" if config.check_comp_ids else b""
        self.to_us = config.sender_comp_id.encode() + b"\x01" if config.check_comp_ids else b""
        self.checks_latency = config.check_latency
        self.tolerance_ns = config.sending_time_tolerance_ns if config.check_latency else _NO_LATENCY_NS

    def is_ours(self, message: Message) -> bool:
        """BeginString and CompIDs are this session's."""
        raw = message.raw
        return (
            raw.startswith(self.from_peer, message.sender_at)
            and raw.startswith(self.to_us, message.target_at)
            and raw.startswith(self.begin_field)
        )

    def is_timely(self, message: Message, now_ns: int) -> bool:
        return not self.checks_latency or abs(message.sending_time_ns - now_ns) <= self.tolerance_ns

    def fault(self, message: Message, now_ns: int) -> Fault | None:
        """What is wrong with the header. If it is fatal, `ref_tag` is 0 where no Reject is due."""
        if not message.raw.startswith(self.begin_field):
            wire = show(message.get(tags.BEGIN_STRING) or b"")
            return Fault(VALUE_INCORRECT, 0, f"Incorrect BeginString: {wire}", fatal=True)
        if message.seq < 0:
            return Fault(REQUIRED_TAG_MISSING, 0, number_fault(message), fatal=True)
        if not self.is_ours(message):
            return self._comp_id_fault(message)
        if message.sending_time_ns >= 0 and not self.is_timely(message, now_ns):
            text = self.inaccuracy(message, now_ns)
            return Fault(SENDING_TIME_PROBLEM, tags.SENDING_TIME, text, fatal=True)
        return None

    def _comp_id_fault(self, message: Message) -> Fault:
        from_peer = message.raw.startswith(self.from_peer, message.sender_at)
        tag = tags.TARGET_COMP_ID if from_peer else tags.SENDER_COMP_ID
        right = self.to_us if from_peer else self.from_peer
        wire = message.get(tag)
        if not wire:
            reason, what = (REQUIRED_TAG_MISSING, "missing") if wire is None else (TAG_WITHOUT_VALUE, "empty")
            return Fault(reason, tag, f"{tags.name_of(tag)} is {what}")
        value = f"{tags.name_of(tag)} {show(wire)} is not {show(right[:-1])}"
        return Fault(COMP_ID_PROBLEM, tag, f"CompID problem: {value}", fatal=True)

    def inaccuracy(self, message: Message, now_ns: int) -> str:
        """How far the peer's clock is from ours, and how far it may be."""
        off_ms = (message.sending_time_ns - now_ns) // MS_NS
        limit = f"our clock's, at most {self.tolerance_ns // MS_NS} ms"
        wire = show(message.get(tags.SENDING_TIME) or b"")
        return f"SendingTime accuracy problem: SendingTime(52) {wire} is {off_ms:+} ms from {limit}"


def number_fault(message: Message) -> str:
    """Why a message has no MsgSeqNum."""
    wire = message.get(tags.MSG_SEQ_NUM)
    return f"MsgSeqNum(34) {'is missing' if wire is None else show(wire) + ' is not a number'}"


# Fields without which a session message means nothing, and whether they are numbers.
_REQUIRED: dict[bytes, tuple[tuple[int, bool], ...]] = {
    tags.TEST_REQUEST: ((tags.TEST_REQ_ID, False),),
    tags.RESEND_REQUEST: ((tags.BEGIN_SEQ_NO, True), (tags.END_SEQ_NO, True)),
    tags.REJECT: ((tags.REF_SEQ_NUM, True),),
    tags.SEQUENCE_RESET: ((tags.NEW_SEQ_NO, True),),
    tags.LOGON: ((tags.ENCRYPT_METHOD, True), (tags.HEART_BT_INT, True)),
}


def content_fault(message: Message, config: SessionConfig) -> Fault | None:
    """What is wrong with a message by the session layer's own needs, apart from its place in the sequence,
    its CompIDs and the clock.
    """
    tag, reason = divmod(message.fault, 256)
    if message.fault >= 0 and (reason != TAG_WITHOUT_VALUE or config.validation.empty_values):
        if reason == INVALID_TAG_NUMBER:
            return Fault(reason, 0, "a field has no valid tag number")
        rule = "is empty" if reason == TAG_WITHOUT_VALUE else "does not end where its length field says"
        return Fault(reason, tag, f"{tags.name_of(tag)} {rule}")
    if message.sending_time_ns < 0:
        return _time_fault(message, tags.SENDING_TIME)
    if message.poss_dup:
        fault = poss_dup_fault(message)
        if fault is not None:
            return fault
    appl_ver_id = message.get(tags.APPL_VER_ID) if message.flags & APPL_VER_ID else None
    if appl_ver_id is not None and appl_ver_id.decode("latin-1") != config.version.appl_ver_id:
        text = f"ApplVerID(1128) {show(appl_ver_id)} is not {config.version.appl_ver_id or 'of this version'}"
        return Fault(UNSUPPORTED_VERSION, tags.APPL_VER_ID, text)
    for tag, numeric in _REQUIRED.get(message.msg_type, ()):
        wire = message.get(tag)
        if wire is None:
            return Fault(REQUIRED_TAG_MISSING, tag, f"{tags.name_of(tag)} is missing")
        if numeric:
            try:
                int_from_wire(wire)
            except ValueError as error:
                return Fault(INCORRECT_FORMAT, tag, f"{tags.name_of(tag)} {error}")
    return None


def poss_dup_fault(message: Message) -> Fault | None:
    """A possible duplicate says when it was first sent, and that was before now; a gap fill need not."""
    if message.msg_type == tags.SEQUENCE_RESET:
        return None
    fault = _time_fault(message, tags.ORIG_SENDING_TIME)
    if fault is None and time_from_wire(message.get(tags.ORIG_SENDING_TIME) or b"") > message.sending_time_ns:
        text = "SendingTime accuracy problem: OrigSendingTime(122) is later than SendingTime(52)"
        return Fault(SENDING_TIME_PROBLEM, tags.ORIG_SENDING_TIME, text, fatal=True)
    return fault


def _time_fault(message: Message, tag: int) -> Fault | None:
    name = tags.name_of(tag)
    wire = message.get(tag)
    if wire is None:
        return Fault(REQUIRED_TAG_MISSING, tag, f"{name} is missing")
    try:
        time_from_wire(wire)
    except ValueError as error:
        return Fault(INCORRECT_FORMAT, tag, f"{name} {error}")
    return None


def logon_fault(message: Message, config: SessionConfig) -> str | None:
    """Why a Logon whose fields are in order cannot be accepted, apart from its CompIDs, number and time."""
    method = message.get(tags.ENCRYPT_METHOD) or b""
    if int_from_wire(method) != 0:
        return f"EncryptMethod(98) {show(method)} is not 0 (none)"
    low, high = config.min_heart_bt_int_s, config.max_heart_bt_int_s
    heart_bt_int_s = message.get_int(tags.HEART_BT_INT) or 0
    if not low <= heart_bt_int_s <= high:
        return f"HeartBtInt(108) {heart_bt_int_s} is not between {low} and {high}"
    if message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y" and message.seq != 1:
        return f"ResetSeqNumFlag(141)=Y needs MsgSeqNum(34) 1, not {message.seq}"
    version = config.version
    if version.appl_ver_id:
        wire = message.get(tags.DEFAULT_APPL_VER_ID)
        if wire is None:
            return "DefaultApplVerID(1137) is missing"
        if wire.decode("latin-1") != version.appl_ver_id:
            return f"DefaultApplVerID(1137) {show(wire)} is not {version.appl_ver_id} ({version.name})"
    if config.requires_password and message.get(tags.PASSWORD) != PLACEHOLDER:
        return "Username(553) or Password(554) is wrong"
    return None


def next_expected_of(message: Message, config: SessionConfig) -> int | None:
    """NextExpectedMsgSeqNum(789) of a Logon; None where it is not there, not used, or no number."""
    wire = message.get(tags.NEXT_EXPECTED_MSG_SEQ_NUM)
    if not config.send_next_expected or wire is None or not wire.isdigit() or len(wire) > MAX_DIGITS:
        return None
    return int(wire)


# To whom and from whom beyond the session's two ends, and what each becomes in an answer
_REVERSED = {
    tags.ON_BEHALF_OF_COMP_ID: tags.DELIVER_TO_COMP_ID,
    tags.ON_BEHALF_OF_SUB_ID: tags.DELIVER_TO_SUB_ID,
    tags.ON_BEHALF_OF_LOCATION_ID: tags.DELIVER_TO_LOCATION_ID,
    tags.DELIVER_TO_COMP_ID: tags.ON_BEHALF_OF_COMP_ID,
    tags.DELIVER_TO_SUB_ID: tags.ON_BEHALF_OF_SUB_ID,
    tags.DELIVER_TO_LOCATION_ID: tags.ON_BEHALF_OF_LOCATION_ID,
}


def reversed_route(message: Message) -> list[tuple[int, bytes | int]]:
    """The header fields that send an answer back the way that `message` came, in ascending order of tags."""
    route = {_REVERSED[tag]: value for tag, value in message.fields() if tag in _REVERSED and value}
    return sorted(route.items())


_SESSION_STATUS = {
    "0": "session active", "1": "password changed", "2": "password due to expire",
    "3": "new password does not comply with policy", "4": "session logout complete",
    "5": "invalid username or password", "6": "account locked", "7": "logons not allowed now",
    "8": "password expired",
}  # fmt: skip


def text_of(message: Message) -> str:
    """Text(58) for a person, with SessionStatus(1409) if there is one."""
    text = (message.get(tags.TEXT) or b"").decode("latin-1")
    status = (message.get(tags.SESSION_STATUS) or b"").decode("latin-1")
    if not status:
        return text
    known = f"SessionStatus(1409) {_SESSION_STATUS.get(status, status)}"
    return f"{text}, {known}" if text else known


def rejected_of(message: Message) -> Rejected:
    """The peer's Reject(3), whatever of it can be read."""

    def integer(tag: int) -> int:
        try:
            value = message.get_int(tag)
        except ValueError:
            return -1
        return -1 if value is None else value

    return Rejected(
        integer(tags.REF_SEQ_NUM),
        (message.get(tags.REF_MSG_TYPE) or b"").decode("latin-1"),
        integer(tags.REF_TAG_ID),
        integer(tags.SESSION_REJECT_REASON),
        text_of(message),
    )


def names_of(message: Message) -> str:
    """Who speaks to whom in which version; not the whole message, which may carry a password."""
    wanted = (tags.BEGIN_STRING, tags.SENDER_COMP_ID, tags.TARGET_COMP_ID)
    return ", ".join(f"{tags.name_of(tag)} {show(message.get(tag) or b'')}" for tag in wanted)
