"""The sending half of a session: MsgSeqNum, the header, and what the session itself writes."""

from router.fix import admin, tags
from router.fix.checks import reversed_route
from router.fix.codec import Encoder, Message
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS, time_to_wire
from router.fix.events import Alert, Disconnect, Event, LoggedOut, Send, Severity
from router.fix.fault import Fault
from router.fix.states import LOGGED_ON, UP, LocalError, State, Trigger, step
from router.fix.store import SentStore

Events = list[Event]
Pairs = list[tuple[int, bytes | int]]


class Outbound:
    """`Session` is made of this, of what answers ResendRequests, of logging on and of the receiving half.
    `_muted`: nothing is sent, for rebuilding from a journal.
    """

    __slots__ = (
        "_begin", "_comp_ids", "_decimals", "_encoder", "_hot", "_last_sent_ns", "_muted",
        "_phase_deadline_ns", "_reset_due", "_says_last", "_store", "config", "is_logged_on", "name",
        "next_in", "next_out", "state",
    )  # fmt: skip

    def __init__(self, config: SessionConfig, next_out: int, next_in: int) -> None:
        self.config = config
        self.name = config.name
        self.state = State.DISCONNECTED
        self.is_logged_on = False
        self.next_out = next_out
        self.next_in = next_in
        self._reset_due = False  # the numbers are to be 1 from the next Logon on
        self._says_last = config.send_last_processed
        self._begin = config.begin_string.encode()
        self._comp_ids = (config.sender_comp_id.encode(), config.target_comp_id.encode())
        self._decimals = config.timestamp_digits
        self._encoder = Encoder(self._begin, *self._comp_ids, self._decimals)
        self._store = SentStore(config.max_resend_store)
        self._last_sent_ns = 0
        self._phase_deadline_ns = 0  # of a logon, a logout or a planned reset
        self._muted = False
        self._hot = False  # a message with nothing unusual about it is delivered without another look

    def encode(self, msg_type: bytes, body: bytes, now_ns: int) -> bytes:
        """An application message with the next MsgSeqNum: journal the bytes, then write them.

        `body` are the fields after the header, each closed by its delimiter. LocalError unless logged on.
        """
        if not self.is_logged_on or msg_type in tags.ADMIN_TYPES:
            raise LocalError(
                f"{self.name}: application message {msg_type!r} cannot be sent in state {self.state.name}"
            )
        seq = self.next_out
        if self._says_last:
            raw = self._encoder.encode(msg_type, seq, now_ns, body, self._last_processed())
        else:
            raw = self._encoder.encode(msg_type, seq, now_ns, body)
        self.next_out = seq + 1
        self._last_sent_ns = now_ns
        if msg_type in self.config.resend:
            self._store.put(seq, msg_type, body, now_ns)
        return raw

    def _last_processed(self) -> bytes:
        """LastMsgSeqNumProcessed(369), where it is wanted."""
        return b"369=%d\x01" % (self.next_in - 1) if self._says_last else b""

    def _reject(self, out: Events, message: Message, fault: Fault, now_ns: int) -> None:
        pairs = reversed_route(message)
        pairs.append((tags.REF_SEQ_NUM, max(message.seq, 0)))
        if fault.ref_tag:
            pairs.append((tags.REF_TAG_ID, fault.ref_tag))
        if message.msg_type:
            pairs.append((tags.REF_MSG_TYPE, admin.printable(message.msg_type.decode("latin-1"))))
        reason = self.config.version.session_reject_reason(fault.reason)
        if reason is not None:
            pairs.append((tags.SESSION_REJECT_REASON, reason))
        pairs.append((tags.TEXT, admin.printable(fault.text)))
        self._alert(out, f"message {message.seq} rejected: {fault.text}")
        self._send(out, tags.REJECT, pairs, now_ns)

    def _say_goodbye(
        self, out: Events, text: str, now_ns: int, message: Message | None = None, waits: bool = False
    ) -> None:
        """Log out because of a fault, of `message` if there is one. `waits`: the peer may answer, where the
        configuration gives it the time to.
        """
        if self.state in UP:
            self._reset_due |= self.config.reset_on_logout
        if self.state is not State.LOGOUT_SENT:
            pairs = [] if message is None else reversed_route(message)
            self._send(out, tags.LOGOUT, [*pairs, (tags.TEXT, admin.printable(text))], now_ns)
        if waits and self.config.await_logout and self.state in UP:
            out.append(LoggedOut(text))
            self._step(Trigger.GOODBYE_SENT)
            self._phase_deadline_ns = now_ns + self.config.logout_timeout_s * NANOS
        else:
            self._close(out, text)

    def _close(self, out: Events, reason: str) -> None:
        if self.state in UP:
            out.append(LoggedOut(reason))
        self._step(Trigger.CLOSE)
        out.append(Disconnect(reason))

    def _alert(self, out: Events, text: str, severity: Severity = "warning") -> None:
        out.append(Alert(f"{self.name}: {text}", severity))

    def _send(self, out: Events, msg_type: bytes, pairs: Pairs, now_ns: int) -> None:
        if self._muted:
            return
        seq = self.next_out
        self.next_out = seq + 1
        self._put_admin(out, msg_type, seq, pairs, now_ns)

    def _put_admin(self, out: Events, msg_type: bytes, seq: int, pairs: Pairs, now_ns: int) -> None:
        if self._says_last:
            pairs = [(tags.LAST_MSG_SEQ_NUM_PROCESSED, self.next_in - 1), *pairs]
        time = time_to_wire(now_ns, self._decimals)
        raw = admin.encode_admin(self._begin, msg_type, seq, self._comp_ids, time, pairs)
        self._put(out, Send(raw, msg_type, seq), now_ns)

    def _put(self, out: Events, send: Send, now_ns: int) -> None:
        self._last_sent_ns = now_ns
        out.append(send)

    def _step(self, trigger: Trigger) -> None:
        self.state = step(self.state, trigger)
        self._told()

    def _told(self) -> None:
        """What follows from `state`."""
        self.is_logged_on = self.state in LOGGED_ON
        self._hot = self.state is State.ACTIVE and not self.config.needs_dictionary
