"""The receiving half of a session: what each message of the peer does, once it is its turn, and what is
missing.

One path for all: the first message must be a Logon (`_first`); after that the header is checked, then the
place in the sequence, then the message is acted on (`_accept`), then what was held back and is now due
(`_drain`).
"""

from router.fix import tags
from router.fix.checks import (
    Header,
    content_fault,
    logon_fault,
    names_of,
    rejected_of,
    text_of,
)
from router.fix.codec import Message
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS
from router.fix.events import App, GapClosed, GapOpened, LoggedOn, LoggedOut, SequenceReset
from router.fix.fault import VALUE_INCORRECT, Fault
from router.fix.gap import Gap
from router.fix.outbound import Events, Outbound
from router.fix.states import LISTENING, State, Trigger


class Inbound(Outbound):
    def __init__(self, config: SessionConfig, next_out: int, next_in: int) -> None:
        super().__init__(config, next_out)
        self.next_in = next_in
        self.heart_bt_int_ns = config.heart_bt_int_s * NANOS
        self._header = Header(config)
        self._gap: Gap | None = None
        self._last_received_ns = 0
        self._phase_deadline_ns = 0  # of a logon or a logout
        self._tested = False
        self._garbled = 0

    # Logon

    def _first(self, out: Events, message: Message, now_ns: int) -> None:
        """The first message of a connection: a Logon, or the connection is closed."""
        if message.msg_type == tags.LOGOUT and self.state is State.LOGON_SENT:
            if message.seq == self.next_in:
                self.next_in += 1
            self._alert(out, f"logon refused: {text_of(message)}", "critical")
            self._close(out, "logon refused")
        elif message.msg_type != tags.LOGON:
            self._alert(out, f"the first message is {message.msg_type!r}, not Logon(A)")
            self._close(out, "the first message is not Logon(A)")
        elif not self._header.is_ours(message):
            self._alert(out, f"Logon(A) for another session: {names_of(message)}", "critical")
            self._close(out, "wrong BeginString or CompIDs")
        else:
            self._logon(out, message, now_ns)

    def _logon(self, out: Events, message: Message, now_ns: int) -> None:
        reset = message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y"
        refusal = logon_fault(message) or self._logon_refusal(message, reset, now_ns)
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
        if not self._header.is_timely(message, now_ns):
            return self._header.inaccuracy(message, now_ns)
        if self.config.role == "initiator":
            if reset and not self.config.reset_on_logon:
                return "ResetSeqNumFlag(141)=Y was not asked for"
            if self.config.reset_on_logon and message.seq != 1:
                return f"ResetSeqNumFlag(141)=Y was answered with MsgSeqNum(34) {message.seq}"
        if message.seq < self.next_in and not (reset and self.config.role == "acceptor"):
            return f"MsgSeqNum too low, expecting {self.next_in} but received {message.seq}"
        return None

    def _reset_numbers(self, out: Events) -> None:
        self.next_out = self.next_in = 1
        self._store.clear()
        out.append(SequenceReset(1, 1))

    # Messages of a session that is up

    def _received(self, out: Events, message: Message, now_ns: int) -> None:
        self._last_received_ns = now_ns
        self._tested = False
        fault = self._header.fault(message, now_ns)
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

    def _accept(self, out: Events, message: Message, now_ns: int) -> None:
        """A message whose turn it is."""
        self.next_in += 1
        fault = content_fault(message)
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
                out.append(rejected_of(message))
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
            self._reject(out, message, Fault(VALUE_INCORRECT, tags.NEW_SEQ_NO, text), now_ns)
            return
        self.next_in = new
        if self._gap is not None:
            self._gap.forget_below(new)

    def _sequence_reset(self, out: Events, message: Message, now_ns: int) -> None:
        """Reset mode: MsgSeqNum is not looked at, and what is missing will not come."""
        fault = content_fault(message)
        new = 0 if fault is not None else message.get_int(tags.NEW_SEQ_NO) or 0
        if fault is None and new < self.next_in:
            text = f"NewSeqNo(36) {new} is below the expected {self.next_in}"
            fault = Fault(VALUE_INCORRECT, tags.NEW_SEQ_NO, text)
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
        text = text_of(message)
        if self.state is State.LOGOUT_SENT:
            self._close(out, "logged out")
            return
        self._send(out, tags.LOGOUT, [], now_ns)
        out.append(LoggedOut(text))
        self._step(Trigger.LOGOUT_RECEIVED)
        self._phase_deadline_ns = now_ns + self.config.logout_timeout_s * NANOS

    # Gaps

    def _too_high(self, out: Events, message: Message, now_ns: int) -> None:
        if message.msg_type == tags.LOGOUT:
            # Answered without using its number: what is missing is found again at the next logon.
            self._alert(out, f"Logout(5) with messages {self.next_in} to {message.seq - 1} missing")
            self._peer_logout(out, message, now_ns)
            return
        if message.msg_type == tags.RESEND_REQUEST and content_fault(message) is None:
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
