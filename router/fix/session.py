"""One FIX session, either role, without I/O: messages and the time go in, events come out.

FIX 4.4 volume 2, "Session protocol". A peer's fault becomes a Reject, a Logout or an Alert, never an
exception; our own misuse raises LocalError. Sequence numbers outlive connections; after a restart they come
from the journal (`restore_sent`, `restore_received`). The caller acts on events in their order and, after a
Disconnect, hands over (and journals) nothing more of that connection. It asks `deadline_ns` when to call
`timer`; calling early does no harm.
"""

from router.fix import admin, tags
from router.fix.admin import Fault
from router.fix.codec import Encoder, Garbled, Message, parse
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS, time_to_wire
from router.fix.events import (
    Alert,
    App,
    Disconnect,
    Event,
    GapClosed,
    GapOpened,
    LoggedOn,
    LoggedOut,
    NotResent,
    Rejected,
    Send,
    SequenceReset,
    Severity,
)
from router.fix.gap import Gap
from router.fix.states import AWAITING, LISTENING, LOGGED_ON, LocalError, State, Trigger, step
from router.fix.store import GapFill, SentStore

__all__ = ["LocalError", "Session", "SessionConfig", "State"]

_HEADER = frozenset(
    {8, 9, 35, 34, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 369}
)
Events = list[Event]


class Session:
    def __init__(self, config: SessionConfig, next_out: int = 1, next_in: int = 1) -> None:
        self.config = config
        self.name = config.name
        self.state = State.DISCONNECTED
        self.is_logged_on = False
        self.next_out = next_out
        self.next_in = next_in
        self.heart_bt_int_ns = config.heart_bt_int_s * NANOS
        own, peer = config.sender_comp_id.encode(), config.target_comp_id.encode()
        self._begin = config.begin_string.encode()
        self._comp_ids = (own, peer)
        self._encoder = Encoder(self._begin, own, peer)
        self._begin_field = b"8=" + self._begin + b"\x01"
        self._from_peer = peer + b"\x01"
        self._to_us = own + b"\x01"
        self._tolerance_ns = config.sending_time_tolerance_ns
        self._store = SentStore(config.max_resend_store)
        self._gap: Gap | None = None
        self._last_sent_ns = 0
        self._last_received_ns = 0
        self._phase_deadline_ns = 0  # of a logon or a logout
        self._tested = False
        self._garbled = 0
        self._restored = State.DISCONNECTED
        self._muted = False

    # What the shell calls

    def encode(self, msg_type: bytes, body: bytes, now_ns: int) -> bytes:
        """An application message with the next MsgSeqNum: journal the bytes, then write them.

        `body` are the fields after the header, each closed by its delimiter. LocalError unless logged on.
        """
        if not self.is_logged_on or msg_type in tags.ADMIN_TYPES:
            raise LocalError(
                f"{self.name}: application message {msg_type!r} cannot be sent in state {self.state.name}"
            )
        seq = self.next_out
        raw = self._encoder.encode(msg_type, seq, now_ns, body)
        self.next_out = seq + 1
        self._last_sent_ns = now_ns
        if msg_type in self.config.resend:
            self._store.put(seq, msg_type, body, now_ns)
        return raw

    def received(self, message: Message, now_ns: int) -> Events:
        """A well-framed message of the peer. First the hot path: nothing unusual, and its turn."""
        raw = message.raw
        if (
            message.flags == 0
            and message.seq == self.next_in
            and self.state is State.ACTIVE
            and -self._tolerance_ns <= message.sending_time_ns - now_ns <= self._tolerance_ns
            and raw.startswith(self._from_peer, message.sender_at)
            and raw.startswith(self._to_us, message.target_at)
            and raw.startswith(self._begin_field)
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
            self._send(out, tags.LOGOUT, [(tags.TEXT, admin.printable(text))], now_ns)
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

    # Logon

    def _first(self, out: Events, message: Message, now_ns: int) -> None:
        """The first message of a connection: a Logon, or the connection is closed."""
        if message.msg_type == tags.LOGOUT and self.state is State.LOGON_SENT:
            if message.seq == self.next_in:
                self.next_in += 1
            self._alert(out, f"logon refused: {admin.text_of(message)}", "critical")
            self._close(out, "logon refused")
        elif message.msg_type != tags.LOGON:
            self._alert(out, f"the first message is {message.msg_type!r}, not Logon(A)")
            self._close(out, "the first message is not Logon(A)")
        elif not self._is_ours(message):
            self._alert(out, f"Logon with wrong BeginString or CompIDs: {message!r}", "critical")
            self._close(out, "wrong BeginString or CompIDs")
        else:
            self._logon(out, message, now_ns)

    def _logon(self, out: Events, message: Message, now_ns: int) -> None:
        reset = message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y"
        refusal = admin.logon_fault(message) or self._logon_refusal(message, reset, now_ns)
        if refusal is not None:
            self._alert(out, f"Logon(A) refused: {refusal}", "critical")
            self._say_goodbye(out, refusal, now_ns)
            return
        heart_bt_int_s = message.get_int(tags.HEART_BT_INT) or 0
        self.heart_bt_int_ns = heart_bt_int_s * NANOS
        if self.config.role == "acceptor":
            if reset:
                self._reset_numbers(out)
            self._send_logon(out, heart_bt_int_s, reset, now_ns)
        self._last_received_ns = now_ns
        self._step(Trigger.LOGGED_ON)
        out.append(LoggedOn())
        if message.seq > self.next_in:
            self._hold(out, message.seq, None, now_ns)
        else:
            self.next_in += 1

    def _logon_refusal(self, message: Message, reset: bool, now_ns: int) -> str | None:
        if abs(message.sending_time_ns - now_ns) > self._tolerance_ns:
            return "SendingTime(52) accuracy problem"
        if self.config.role == "initiator":
            if reset and not self.config.reset_on_logon:
                return "ResetSeqNumFlag(141)=Y was not asked for"
            if self.config.reset_on_logon and message.seq != 1:
                return f"ResetSeqNumFlag(141)=Y was answered with MsgSeqNum(34) {message.seq}"
        if message.seq < self.next_in and not (reset and self.config.role == "acceptor"):
            return f"MsgSeqNum too low, expecting {self.next_in} but received {message.seq}"
        return None

    def _send_logon(self, out: Events, heart_bt_int_s: int, reset: bool, now_ns: int) -> None:
        pairs: list[tuple[int, bytes | int]] = [(tags.ENCRYPT_METHOD, 0), (tags.HEART_BT_INT, heart_bt_int_s)]
        if reset:
            pairs.append((tags.RESET_SEQ_NUM_FLAG, b"Y"))
        self._send(out, tags.LOGON, pairs, now_ns)

    def _reset_numbers(self, out: Events) -> None:
        self.next_out = self.next_in = 1
        self._store.clear()
        out.append(SequenceReset(1, 1))

    # Messages of a session that is up

    def _received(self, out: Events, message: Message, now_ns: int) -> None:
        self._last_received_ns = now_ns
        self._tested = False
        fault = self._header_fault(message, now_ns)
        if fault is not None:
            if message.seq == self.next_in:
                self.next_in += 1
            if fault.ref_tag:
                self._reject(out, message, fault, now_ns)
            self._alert(out, fault.text, "critical")
            self._say_goodbye(out, fault.text, now_ns)
        elif message.msg_type == tags.SEQUENCE_RESET and message.get(tags.GAP_FILL_FLAG) != b"Y":
            self._sequence_reset(out, message, now_ns)
        elif message.seq > self.next_in:
            self._too_high(out, message, now_ns)
        elif message.seq < self.next_in:
            if not message.poss_dup:
                text = f"MsgSeqNum too low, expecting {self.next_in} but received {message.seq}"
                self._alert(out, text, "critical")
                self._say_goodbye(out, text, now_ns)
        else:
            self._accept(out, message, now_ns)
            self._drain(out, now_ns)

    def _is_ours(self, message: Message) -> bool:
        return (
            message.raw.startswith(self._begin_field)
            and message.raw.startswith(self._from_peer, message.sender_at)
            and message.raw.startswith(self._to_us, message.target_at)
        )

    def _header_fault(self, message: Message, now_ns: int) -> Fault | None:
        """What ends the session at once; `ref_tag` is 0 where no Reject is due."""
        if not message.raw.startswith(self._begin_field):
            return Fault(admin.VALUE_INCORRECT, 0, "BeginString(8) is wrong", fatal=True)
        if message.seq < 1:
            return Fault(admin.REQUIRED_TAG_MISSING, 0, "MsgSeqNum(34) is missing", fatal=True)
        if not self._is_ours(message):
            ours = message.raw.startswith(self._from_peer, message.sender_at)
            tag = tags.TARGET_COMP_ID if ours else tags.SENDER_COMP_ID
            return Fault(admin.COMP_ID_PROBLEM, tag, "CompID problem", fatal=True)
        if message.sending_time_ns >= 0 and abs(message.sending_time_ns - now_ns) > self._tolerance_ns:
            return Fault(
                admin.SENDING_TIME_PROBLEM, tags.SENDING_TIME, "SendingTime accuracy problem", fatal=True
            )
        return None

    def _accept(self, out: Events, message: Message, now_ns: int) -> None:
        """A message whose turn it is."""
        self.next_in += 1
        fault = admin.content_fault(message)
        if fault is not None:
            self._reject(out, message, fault, now_ns)
            if fault.fatal:
                self._say_goodbye(out, fault.text, now_ns)
            return
        match message.msg_type:
            case tags.HEARTBEAT:
                pass
            case tags.TEST_REQUEST:
                self._send(
                    out, tags.HEARTBEAT, [(tags.TEST_REQ_ID, message.get(tags.TEST_REQ_ID) or b"")], now_ns
                )
            case tags.RESEND_REQUEST:
                self._resend(out, message, now_ns)
            case tags.REJECT:
                out.append(_rejected(message))
            case tags.SEQUENCE_RESET:
                self._gap_fill(out, message, now_ns)
            case tags.LOGOUT:
                self._peer_logout(out, message, now_ns)
            case tags.LOGON:
                self._alert(out, "Logon(A) while logged on", "critical")
                self._say_goodbye(out, "Logon(A) while logged on", now_ns)
            case _:
                out.append(App(message))

    def _gap_fill(self, out: Events, message: Message, now_ns: int) -> None:
        new = message.get_int(tags.NEW_SEQ_NO) or 0
        if new <= message.seq:
            text = f"NewSeqNo(36) {new} is not above MsgSeqNum(34) {message.seq}"
            self._reject(out, message, Fault(admin.VALUE_INCORRECT, tags.NEW_SEQ_NO, text), now_ns)
            return
        self.next_in = new
        if self._gap is not None:
            self._gap.forget_below(new)

    def _sequence_reset(self, out: Events, message: Message, now_ns: int) -> None:
        """Reset mode: MsgSeqNum is not looked at, and what is missing will not come."""
        fault = admin.content_fault(message)
        new = 0 if fault is not None else message.get_int(tags.NEW_SEQ_NO) or 0
        if fault is None and new < self.next_in:
            text = f"NewSeqNo(36) {new} is below the expected {self.next_in}"
            fault = Fault(admin.VALUE_INCORRECT, tags.NEW_SEQ_NO, text)
        if fault is not None:
            self._reject(out, message, fault, now_ns)
            return
        self._alert(out, f"SequenceReset-Reset from {self.next_in} to {new}")
        self.next_in = new
        out.append(SequenceReset(self.next_out, new))
        if self._gap is not None:
            self._gap.forget_below(new)
            self._drain(out, now_ns)

    def _peer_logout(self, out: Events, message: Message, now_ns: int) -> None:
        text = admin.text_of(message)
        if self.state is State.LOGOUT_SENT:
            self._close(out, "logged out")
            return
        self._send(out, tags.LOGOUT, [], now_ns)
        out.append(LoggedOut(text))
        self._step(Trigger.LOGOUT_RECEIVED)
        self._phase_deadline_ns = now_ns + self.config.logout_timeout_s * NANOS

    def _resend(self, out: Events, message: Message, now_ns: int) -> None:
        first = message.get_int(tags.BEGIN_SEQ_NO) or 0
        last = message.get_int(tags.END_SEQ_NO) or 0
        sent = self.next_out - 1
        if not 1 <= first <= sent or (last and last < first):
            text = f"ResendRequest for {first} to {last}, but 1 to {sent} were sent"
            self._alert(out, text)
            self._reject(out, message, Fault(admin.VALUE_INCORRECT, tags.BEGIN_SEQ_NO, text), now_ns)
            return
        if last == 0 or last > sent:
            last = sent
        now_wire = time_to_wire(now_ns)
        for part in self._store.answer(first, last):
            if isinstance(part, GapFill):
                pairs = [
                    (tags.POSS_DUP_FLAG, b"Y"), (tags.ORIG_SENDING_TIME, now_wire),
                    (tags.GAP_FILL_FLAG, b"Y"), (tags.NEW_SEQ_NO, b"%d" % (part.last + 1)),
                ]  # fmt: skip
                raw = admin.encode_admin(
                    self._begin, tags.SEQUENCE_RESET, part.first, self._comp_ids, now_ns, pairs
                )
                self._put(out, Send(raw, tags.SEQUENCE_RESET, part.first), now_ns)
                out.append(NotResent(part.first, part.last))
            else:
                seq, old = part
                header = b"43=Y\x01122=" + time_to_wire(old.sending_time_ns) + b"\x01"
                raw = self._encoder.encode(old.msg_type, seq, now_ns, old.body, header)
                self._put(out, Send(raw, old.msg_type, seq), now_ns)

    # Gaps

    def _too_high(self, out: Events, message: Message, now_ns: int) -> None:
        if message.msg_type == tags.LOGOUT:
            # Answered without using its number: what is missing is found again at the next logon.
            self._alert(out, f"Logout(5) with messages {self.next_in} to {message.seq - 1} missing")
            self._peer_logout(out, message, now_ns)
            return
        if message.msg_type == tags.RESEND_REQUEST and admin.content_fault(message) is None:
            # Answered at once, or two sides that both miss messages would wait for each other for ever.
            self._resend(out, message, now_ns)
            self._hold(out, message.seq, None, now_ns)
        else:
            self._hold(out, message.seq, message, now_ns)

    def _hold(self, out: Events, seq: int, message: Message | None, now_ns: int) -> None:
        gap = self._gap
        if gap is not None:
            gap.hold(seq, message)
            return
        self._gap = gap = Gap(self.config.max_gap_messages, self.config.max_gap_bytes)
        gap.hold(seq, message)
        self._step(Trigger.GAP_OPENED)
        self._ask(out, gap, now_ns)

    def _ask(self, out: Events, gap: Gap, now_ns: int) -> None:
        gap.asked_to = gap.last_missing(self.next_in)
        gap.deadline_ns = now_ns + self.config.resend_timeout_s * NANOS
        pairs = [(tags.BEGIN_SEQ_NO, self.next_in), (tags.END_SEQ_NO, gap.asked_to)]
        self._send(out, tags.RESEND_REQUEST, pairs, now_ns)
        out.append(GapOpened(self.next_in, gap.asked_to))

    def _drain(self, out: Events, now_ns: int) -> None:
        """There was progress: deliver what was held back and is now due; ask on if more is missing."""
        gap = self._gap
        while gap is not None and self.state in LISTENING:
            if gap.has(self.next_in):
                message = gap.take(self.next_in)
                if message is None:
                    self.next_in += 1
                else:
                    self._accept(out, message, now_ns)
            elif self.next_in > gap.high:
                self._gap = gap = None
                self._step(Trigger.GAP_CLOSED)
                out.append(GapClosed())
            else:
                gap.tries = 0
                gap.deadline_ns = now_ns + self.config.resend_timeout_s * NANOS
                if self.next_in > gap.asked_to:
                    self._ask(out, gap, now_ns)
                return

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

    def _reject(self, out: Events, message: Message, fault: Fault, now_ns: int) -> None:
        pairs: list[tuple[int, bytes | int]] = [(tags.REF_SEQ_NUM, message.seq)]
        if fault.ref_tag:
            pairs.append((tags.REF_TAG_ID, fault.ref_tag))
        if message.msg_type:
            pairs.append((tags.REF_MSG_TYPE, admin.printable(message.msg_type.decode("latin-1"))))
        pairs += [(tags.SESSION_REJECT_REASON, fault.reason), (tags.TEXT, admin.printable(fault.text))]
        self._alert(out, f"message {message.seq} rejected: {fault.text}")
        self._send(out, tags.REJECT, pairs, now_ns)

    def _say_goodbye(self, out: Events, text: str, now_ns: int) -> None:
        if self.state is not State.LOGOUT_SENT:
            self._send(out, tags.LOGOUT, [(tags.TEXT, admin.printable(text))], now_ns)
        self._close(out, text)

    def _close(self, out: Events, reason: str) -> None:
        if self.is_logged_on:
            out.append(LoggedOut(reason))
        self._step(Trigger.CLOSE)
        out.append(Disconnect(reason))

    def _alert(self, out: Events, text: str, severity: Severity = "warning") -> None:
        out.append(Alert(f"{self.name}: {text}", severity))

    def _send(self, out: Events, msg_type: bytes, pairs: admin.Pairs, now_ns: int) -> None:
        if self._muted:
            return
        seq = self.next_out
        raw = admin.encode_admin(self._begin, msg_type, seq, self._comp_ids, now_ns, pairs)
        self.next_out = seq + 1
        self._put(out, Send(raw, msg_type, seq), now_ns)

    def _put(self, out: Events, send: Send, now_ns: int) -> None:
        self._last_sent_ns = now_ns
        out.append(send)

    def _step(self, trigger: Trigger) -> None:
        self.state = step(self.state, trigger)
        self.is_logged_on = self.state in LOGGED_ON


def _rejected(message: Message) -> Rejected:
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
        admin.text_of(message),
    )
