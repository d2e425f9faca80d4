"""What one session is called, whom it talks to, what it offers and asks for, and its bounds. Times are
seconds unless the name says otherwise.
"""

from dataclasses import dataclass
from typing import Final, Literal

from router.fix import tags
from router.fix.dictionary.validation import EMPTY_VALUES, Validation
from router.fix.versions import FIX44, Version

# An order, a cancel or a replace is never sent again: it is gap filled, and the engine decides afresh.
NEVER_RESENT: Final = frozenset(
    {tags.NEW_ORDER_SINGLE, tags.ORDER_CANCEL_REQUEST, tags.ORDER_CANCEL_REPLACE_REQUEST}
)
MAX_HEART_BT_INT_S: Final = 86_400


@dataclass(frozen=True)
class SessionConfig:
    name: str
    role: Literal["initiator", "acceptor"]
    sender_comp_id: str
    target_comp_id: str
    version: Version = FIX44

    # Logon(A)
    heart_bt_int_s: int = 30  # initiator: asked for
    min_heart_bt_int_s: int = 0  # acceptor: what it takes, initiator: what it takes as the answer
    max_heart_bt_int_s: int = MAX_HEART_BT_INT_S
    username: str = ""  # initiator: Username(553)
    has_password: bool = False  # initiator: Password(554) is sent; the value is the shell's (secrets.py)
    has_new_password: bool = False  # initiator: NewPassword(925) too
    requires_password: bool = False  # acceptor: the shell must have found Password(554) right
    send_next_expected: bool = False  # NextExpectedMsgSeqNum(789): what is missing comes without being asked
    send_last_processed: bool = False  # LastMsgSeqNumProcessed(369) in every header

    # When both numbers go back to 1. Each reset is an event; none is silent.
    # An initiator asks for it, by ResetSeqNumFlag(141)=Y in its next Logon; an acceptor takes the peer's 1.
    reset_on_logon: bool = False  # initiator: in every Logon; acceptor: at every Logon, whatever its number
    reset_on_logout: bool = False  # after a Logout, ours or the peer's
    reset_on_disconnect: bool = False  # after any end of a session
    refuse_reset: bool = False  # the peer's ResetSeqNumFlag(141)=Y is refused

    # What is looked at
    check_comp_ids: bool = True
    check_latency: bool = True  # SendingTime(52) against our clock
    sending_time_tolerance_ns: int = 120_000_000_000
    validation: Validation = Validation.FRAMING  # the dictionary's rules, for received messages
    lenient: frozenset[bytes] = (
        frozenset()
    )  # types delivered whatever is wrong in them: a fill must not be lost

    # What is written
    timestamp_digits: Literal[0, 3, 6, 9] = 3  # decimals of SendingTime(52) and OrigSendingTime(122)
    resend: frozenset[bytes] = frozenset()  # application types that are resent; others are gap filled
    may_resend_orders: bool = False  # for an acceptor that sends orders back, and only for that
    resend_burst: int = 0  # at most so many messages of a resend at a time, 0: all at once
    resend_interval_ns: int = 1_000_000_000  # between two bursts
    resend_chunk: int = 0  # at most so many messages asked for by one ResendRequest, 0: all that are missing
    resend_to_infinity: bool = False  # EndSeqNo(16) is 0 where all that is missing is asked for

    await_logout: bool = False  # after a fault for which we log out, the peer may answer before we disconnect

    # Bounds
    max_resend_store: int = 10_000  # messages; older ones are gap filled
    max_same_resends: int = 10  # ResendRequests answered in one connection that begin with the same message
    max_gap_messages: int = 10_000  # held back while earlier ones are missing
    max_gap_bytes: int = 16 << 20
    max_garbled: int = 100  # in one connection, then we log out
    logon_timeout_s: int = 10
    logout_timeout_s: int = 10
    resend_timeout_s: int = 30  # without progress; asked once more, then we log out

    @property
    def begin_string(self) -> str:
        return self.version.begin_string

    @property
    def needs_dictionary(self) -> bool:
        """Whether received messages are held to more than framing."""
        return bool(self.validation.bits & ~EMPTY_VALUES)

    def __post_init__(self) -> None:
        for field in ("sender_comp_id", "target_comp_id"):
            value: str = getattr(self, field)
            if not value or not value.isascii() or not value.isprintable() or "%" in value:
                raise ValueError(f"{field} {value!r} must be printable ASCII without % ({self.name})")
        if self.username and not (self.username.isascii() and self.username.isprintable()):
            raise ValueError(f"username {self.username!r} must be printable ASCII ({self.name})")
        never = tags.ADMIN_TYPES if self.may_resend_orders else tags.ADMIN_TYPES | NEVER_RESENT
        refused = self.resend & never
        if refused:
            listed = ", ".join(sorted(kind.decode() for kind in refused))
            raise ValueError(
                f"resend must not list {listed}: orders and session messages are gap filled ({self.name})"
            )
        self._refuse_what_the_version_lacks()
        self._refuse_what_the_role_lacks()
        self._refuse_bad_numbers()

    def _refuse_what_the_version_lacks(self) -> None:
        version = self.version
        for field, has in (
            ("username", version.credentials),
            ("has_password", version.credentials),
            ("requires_password", version.credentials),
            ("has_new_password", version.new_password),
            ("send_next_expected", version.next_expected),
        ):
            if getattr(self, field) and not has:
                raise ValueError(f"{field}: {version.name} has no such field in Logon(A) ({self.name})")
        if self.timestamp_digits not in (0, 3, 6, 9):
            raise ValueError(f"timestamp_digits {self.timestamp_digits} is not 0, 3, 6 or 9 ({self.name})")

    def _refuse_what_the_role_lacks(self) -> None:
        initiators = ("username", "has_password", "has_new_password")
        others = ("requires_password",) if self.role == "initiator" else initiators
        for field in others:
            if getattr(self, field):
                raise ValueError(f"{field} is not for an {self.role} ({self.name})")

    def _refuse_bad_numbers(self) -> None:
        for field in ("resend_burst", "resend_chunk", "max_resend_store", "min_heart_bt_int_s"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} {getattr(self, field)} is below 0 ({self.name})")
        for field in ("resend_interval_ns", "max_same_resends", "max_gap_messages", "max_gap_bytes"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} {getattr(self, field)} is below 1 ({self.name})")
        low, high = self.min_heart_bt_int_s, self.max_heart_bt_int_s
        if not low <= high <= MAX_HEART_BT_INT_S:
            rule = f"min_heart_bt_int_s {low} <= max_heart_bt_int_s {high} <= {MAX_HEART_BT_INT_S}"
            raise ValueError(f"not so: {rule} ({self.name})")
