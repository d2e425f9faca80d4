"""What a session wants done or known. It does nothing itself; the shell around it acts on these, in order."""

from dataclasses import dataclass
from typing import Literal

from router.fix.codec import Message

Severity = Literal["info", "warning", "critical"]


@dataclass(
    slots=True
)  # not frozen: one per message of the hot path, and a frozen one costs three times as much
class App:
    """An application message, in sequence. `message.poss_dup` and `message.poss_resend` say if it may be a
    repeat.
    """

    message: Message


@dataclass(frozen=True, slots=True)
class Send:
    """Journal these bytes, then write them. A resent message (PossDupFlag) has its old MsgSeqNum."""

    raw: bytes
    msg_type: bytes
    seq: int


@dataclass(frozen=True, slots=True)
class LoggedOn:
    """Logon is complete in both directions; application messages may be encoded."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Application messages can no longer be encoded. Comes once for each LoggedOn."""

    text: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection, hand over nothing more that came on it, and call `disconnected`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A person should know."""

    text: str
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class SequenceReset:
    """Sequence numbers were set by agreement (ResetSeqNumFlag) or by the peer (SequenceReset-Reset)."""

    next_out: int
    next_in: int


@dataclass(frozen=True, slots=True)
class GapOpened:
    """Messages first to last are missing and have been asked for; later ones are held back."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class GapClosed:
    """Nothing is missing any more."""


@dataclass(frozen=True, slots=True)
class NotResent:
    """The peer asked for our messages first to last, which were filled over: it may never have had them."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The peer's Reject(3) of our message `ref_seq` (-1 if it does not say)."""

    ref_seq: int
    ref_msg_type: str
    ref_tag: int
    reason: int
    text: str


Event = (
    App
    | Send
    | LoggedOn
    | LoggedOut
    | Disconnect
    | Alert
    | SequenceReset
    | GapOpened
    | GapClosed
    | NotResent
    | Rejected
)
