"""What one session is called, whom it talks to, and its bounds. Times are seconds unless the name says
otherwise.
"""

from dataclasses import dataclass
from typing import Final, Literal

from router.fix import tags
from router.fix.versions import FIX44, Version

# An order, a cancel or a replace is never sent again: it is gap filled, and the engine decides afresh.
NEVER_RESENT: Final = frozenset(
    {tags.NEW_ORDER_SINGLE, tags.ORDER_CANCEL_REQUEST, tags.ORDER_CANCEL_REPLACE_REQUEST}
)


@dataclass(frozen=True)
class SessionConfig:
    name: str
    role: Literal["initiator", "acceptor"]
    sender_comp_id: str
    target_comp_id: str
    version: Version = FIX44
    heart_bt_int_s: int = 30
    sending_time_tolerance_ns: int = 120_000_000_000
    resend: frozenset[bytes] = frozenset()  # application types that are resent; others are gap filled
    max_resend_store: int = 10_000  # messages; older ones are gap filled
    max_gap_messages: int = 10_000  # held back while earlier ones are missing
    max_gap_bytes: int = 16 << 20
    max_garbled: int = 100  # in one connection, then we log out
    logon_timeout_s: int = 10
    logout_timeout_s: int = 10
    resend_timeout_s: int = 30  # without progress; asked once more, then we log out
    reset_on_logon: bool = False  # initiator: ResetSeqNumFlag(141)=Y

    @property
    def begin_string(self) -> str:
        return self.version.begin_string

    def __post_init__(self) -> None:
        for field in ("sender_comp_id", "target_comp_id"):
            value: str = getattr(self, field)
            if not value or not value.isascii() or not value.isprintable() or "%" in value:
                raise ValueError(f"{field} {value!r} must be printable ASCII without % ({self.name})")
        refused = self.resend & (NEVER_RESENT | tags.ADMIN_TYPES)
        if refused:
            listed = ", ".join(sorted(kind.decode() for kind in refused))
            raise ValueError(
                f"resend must not list {listed}: orders and session messages are gap filled ({self.name})"
            )
