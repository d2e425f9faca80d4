"""One FIX session, either role, without I/O: messages and the time go in, events come out.

FIX 4.4 volume 2, "Session protocol". A peer's fault becomes a Reject, a Logout or an Alert, never an
exception; our own misuse raises LocalError. Sequence numbers outlive connections; after a restart they come
from the journal (`restore_sent`, `restore_received`). The caller acts on events in their order and, after a
Disconnect, hands over (and journals) nothing more of that connection. It asks `deadline_ns` when to call
`timer`; calling early does no harm.
"""

from router.fix import tags
from router.fix.admin import printable
from router.fix.codec import Garbled, Message, parse
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS
from router.fix.events import App, LoggedOut
from router.fix.inbound import Inbound
from router.fix.outbound import Events
from router.fix.states import AWAITING, LISTENING, LOGGED_ON, LocalError, State, Trigger

__all__ = ["LocalError", "Session", "SessionConfig", "State"]

_HEADER = frozenset(
    {8, 9, 35, 34, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 369}
)


class Session(Inbound):
    """What the shell calls. `state`, `is_logged_on`, `next_out` and `next_in` are there to be read."""

    def __init__(self, config: SessionConfig, next_out: int = 1, next_in: int = 1) -> None:
        super().__init__(config, next_out, next_in)
        self._restored = State.DISCONNECTED

    def inherit(self, other: "Session") -> None:
        """Go on where another session with the same peer was: its numbers, and what may be asked again."""
        self.next_out, self.next_in = other.next_out, other.next_in
        self._store = other._store

    def received(self, message: Message, now_ns: int) -> Events:
        """A well-framed message of the peer. First the hot path: nothing unusual, and its turn."""
        raw = message.raw
        header = self._header
        if (
            message.flags == 0
            and message.seq == self.next_in
            and self.state is State.ACTIVE
            and abs(message.sending_time_ns - now_ns) <= header.tolerance_ns
            and raw.startswith(header.from_peer, message.sender_at)
            and raw.startswith(header.to_us, message.target_at)
            and raw.startswith(header.begin_field)
        ):
            self.next_in += 1
            self._last_received_ns = now_ns
            self._tested = False
            return [App(message)]
        out: Events = []
        if self.state in AWAITING:
            self._first(out, message, now_ns)
        elif self.state in LISTENING:
            self._received(out, message, now_ns)
        return out

    def garbled(self, garbled: Garbled, now_ns: int) -> Events:
        """Bytes that are no message: ignored, without using a MsgSeqNum; too many, and we log out."""
        out: Events = []
        self._garbled += 1
        text = f"garbled, {garbled.size} bytes ignored: {garbled.reason}"
        if self.state in AWAITING:
            self._alert(out, text)
            self._close(out, f"before Logon: {text}")
        elif self.state in LISTENING:
            self._alert(out, text)
            if self._garbled > self.config.max_garbled:
                self._say_goodbye(out, "too many garbled messages", now_ns)
        return out

    def connected(self, now_ns: int) -> Events:
        out: Events = []
        initiator = self.config.role == "initiator"
        self._step(Trigger.CONNECTED_INITIATOR if initiator else Trigger.CONNECTED_ACCEPTOR)
        self._gap = None
        self._garbled = 0
        self._tested = False
        self._last_received_ns = now_ns
        self._phase_deadline_ns = now_ns + self.config.logon_timeout_s * NANOS
        self.heart_bt_int_ns = self.config.heart_bt_int_s * NANOS
        if initiator:
            if self.config.reset_on_logon:
                self._reset_numbers(out)
            self._send_logon(out, self.config.heart_bt_int_s, self.config.reset_on_logon, now_ns)
        return out

    def disconnected(self, now_ns: int) -> Events:
        """The connection is gone, by whomever."""
        out: Events = []
        if self.is_logged_on:
            out.append(LoggedOut("connection lost"))
        self._step(Trigger.CONNECTION_LOST)
        self._gap = None
        return out

    def logout(self, text: str, now_ns: int) -> Events:
        """Begin the logout handshake. What the peer still sends is delivered until it answers."""
        out: Events = []
        if self.state in AWAITING:
            self._close(out, text)
        elif self.state in LOGGED_ON:
            self._send(out, tags.LOGOUT, [(tags.TEXT, printable(text))], now_ns)
            out.append(LoggedOut(text))
            self._step(Trigger.LOGOUT_SENT)
            self._phase_deadline_ns = now_ns + self.config.logout_timeout_s * NANOS
        return out

    def test_request(self, now_ns: int) -> Events:
        """Ask the peer for a sign of life now. Nothing if that was asked already, or not logged on."""
        out: Events = []
        if self.is_logged_on and not self._tested:
            self._tested = True
            self._send(out, tags.TEST_REQUEST, [(tags.TEST_REQ_ID, b"TEST-%d" % self.next_out)], now_ns)
        return out

    def deadline_ns(self) -> int | None:
        """When `timer` is next due; None for never."""
        state = self.state
        if state in AWAITING or state in (State.LOGOUT_SENT, State.LOGOUT_RECEIVED):
            return self._phase_deadline_ns
        if not self.is_logged_on:
            return None
        due: list[int] = []
        beat = self.heart_bt_int_ns
        if beat:
            due = [
                self._last_sent_ns + beat,
                self._last_received_ns + beat * (24 if self._tested else 12) // 10,
            ]
        if self._gap is not None:
            due.append(self._gap.deadline_ns)
        return min(due, default=None)

    def timer(self, now_ns: int) -> Events:
        """Do what is due: heartbeat, test request, a half-open connection, a logon, logout or resend that
        hangs.
        """
        out: Events = []
        due = self.deadline_ns()
        if due is None or now_ns < due:
            return out
        if self.state in AWAITING:
            self._alert(out, f"no Logon(A) within {self.config.logon_timeout_s} s")
            self._close(out, "no Logon(A)")
        elif not self.is_logged_on:
            if self.state is State.LOGOUT_SENT:
                self._alert(out, f"Logout(5) not answered within {self.config.logout_timeout_s} s")
            self._close(out, "logged out")
        else:
            self._keep_alive(out, now_ns)
            if self.is_logged_on and self._gap is not None and now_ns >= self._gap.deadline_ns:
                self._gap.tries += 1
                if self._gap.tries > 1:
                    self._alert(
                        out,
                        f"messages from {self.next_in} on were asked for twice, and did not come",
                        "critical",
                    )
                    self._say_goodbye(out, f"ResendRequest for {self.next_in} not answered", now_ns)
                else:
                    self._ask(out, self._gap, now_ns)
        return out

    # Rebuilding from a journal, in its order, before the first connection

    def restore_sent(self, raw: bytes) -> None:
        """We sent this: advance next_out, and remember it if it may be asked for."""
        message = self._parse_own(raw)
        if message.poss_dup:
            return
        if message.msg_type == tags.LOGON and self.config.role == "initiator":
            self._restored = State.LOGON_SENT
            self._gap = None
            if message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y":
                self._reset_numbers([])
        elif message.msg_type == tags.LOGOUT and self._restored in LOGGED_ON:
            self._restored = State.LOGOUT_SENT
        self.next_out = message.seq + 1
        if message.msg_type in self.config.resend:
            body_at = next(lo for tag, lo, _ in message.tok.tolist() if tag not in _HEADER)
            body_at = raw.rindex(b"\x01", 0, body_at) + 1
            body = raw[body_at : len(raw) - 7]
            self._store.put(message.seq, message.msg_type, body, message.sending_time_ns)

    def restore_received(self, raw: bytes) -> None:
        """We received this: do again what it did to the numbers, and send nothing."""
        message = self._parse_own(raw)
        if message.msg_type == tags.LOGON and self.config.role == "acceptor":
            self._restored = State.AWAITING_LOGON
            self._gap = None
        self.state, self._muted = self._restored, True
        self.received(message, message.sending_time_ns)
        self._restored, self._muted = self.state, False
        self.state, self.is_logged_on = State.DISCONNECTED, False

    def _parse_own(self, raw: bytes) -> Message:
        if self.state is not State.DISCONNECTED:
            raise LocalError(f"{self.name}: restoring in state {self.state.name}")
        message = parse(raw)
        if isinstance(message, Garbled):
            raise LocalError(f"{self.name}: the journal's message is garbled: {message.reason}")
        return message

    # Keeping alive, ending, sending

    def _keep_alive(self, out: Events, now_ns: int) -> None:
        beat = self.heart_bt_int_ns
        if not beat:
            return
        silent_ns = now_ns - self._last_received_ns
        if silent_ns * 10 >= beat * 24:
            self._alert(out, f"nothing received for {silent_ns // NANOS} s", "critical")
            self._close(out, "nothing received for 2.4 heartbeat intervals")
            return
        if silent_ns * 10 >= beat * 12:
            out.extend(self.test_request(now_ns))
        if now_ns - self._last_sent_ns >= beat:
            self._send(out, tags.HEARTBEAT, [], now_ns)
