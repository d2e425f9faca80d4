"""The receiving half of a session: what each message of the peer does, once it is its turn, and what is
missing.

One path for all: after the Logon the header is checked, then the place in the sequence, then the message is
acted on (`_accept`), then what was held back and is now due (`_drain`).
"""

from router.fix import tags
from router.fix.checks import poss_dup_fault, rejected_of, reversed_route, text_of
from router.fix.codec import Message
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS
from router.fix.events import App, GapClosed, LoggedOut, SequenceReset
from router.fix.fault import VALUE_INCORRECT, Fault
from router.fix.logon import Logons
from router.fix.outbound import Events
from router.fix.states import LISTENING, State, Trigger


class Inbound(Logons):
    __slots__ = ("_garbled",)

    def __init__(self, config: SessionConfig, next_out: int, next_in: int) -> None:
        super().__init__(config, next_out, next_in)
        self._garbled = 0

    def _received(self, out: Events, message: Message, now_ns: int) -> None:
        self._last_received_ns = now_ns
        self._tested = False
        fault = self._header.fault(message, now_ns)
        if fault is not None:
            self._header_fault(out, message, fault, now_ns)
        elif message.msg_type == tags.LOGON and message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y":
            self._logon_again(out, message, now_ns)
        elif message.msg_type == tags.SEQUENCE_RESET and message.get(tags.GAP_FILL_FLAG) != b"Y":
            self._sequence_reset(out, message, now_ns)
        elif message.seq > self.next_in:
            self._too_high(out, message, now_ns)
        elif message.seq < self.next_in:
            self._too_low(out, message, now_ns)
        else:
            self._accept(out, message, now_ns)
            self._drain(out, now_ns)

    def _header_fault(self, out: Events, message: Message, fault: Fault, now_ns: int) -> None:
        if message.seq == self.next_in:
            self.next_in += 1
        if not fault.fatal or fault.ref_tag:
            self._reject(out, message, fault, now_ns)
        if fault.fatal:
            self._alert(out, fault.text, "critical")
            self._say_goodbye(out, fault.text, now_ns, message, waits=True)
        else:
            self._drain(out, now_ns)

    def _too_low(self, out: Events, message: Message, now_ns: int) -> None:
        """A repeat that says so is ignored; else the sequence is broken, and only a person can mend it."""
        if not message.poss_dup:
            text = f"MsgSeqNum too low, expecting {self.next_in} but received {message.seq}"
            self._alert(out, text, "critical")
            self._say_goodbye(out, text, now_ns, message)
            return
        fault = poss_dup_fault(message) if message.sending_time_ns >= 0 else None
        if fault is not None:
            self._reject(out, message, fault, now_ns)
            if fault.fatal:
                self._say_goodbye(out, fault.text, now_ns, message, waits=True)

    def _accept(self, out: Events, message: Message, now_ns: int) -> None:
        """A message whose turn it is."""
        self.next_in += 1
        fault = self._content_fault(message)
        if fault is not None and not fault.fatal and message.msg_type in self.config.lenient:
            self._alert(out, f"message {message.seq} is taken all the same: {fault.text}")
            fault = None
        if fault is not None:
            self._reject(out, message, fault, now_ns)
            if fault.fatal:
                self._say_goodbye(out, fault.text, now_ns, message, waits=True)
            return
        match message.msg_type:
            case tags.HEARTBEAT:
                if self._reset_id and message.get(tags.TEST_REQ_ID) == self._reset_id:
                    self._begin_reset(out, now_ns)
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
                self._say_goodbye(out, "Logon(A) while logged on", now_ns, message)
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
        fault = self._content_fault(message)
        new = 0 if fault is not None else message.get_int(tags.NEW_SEQ_NO) or 0
        if fault is None and new < self.next_in:
            text = f"NewSeqNo(36) {new} is below the expected {self.next_in}"
            fault = Fault(VALUE_INCORRECT, tags.NEW_SEQ_NO, text)
        if fault is not None:
            self._reject(out, message, fault, now_ns)
            return
        if new == self.next_in:
            return
        self._alert(out, f"SequenceReset-Reset from {self.next_in} to {new}")
        self.next_in = new
        out.append(SequenceReset(self.next_out, new))
        if self._gap is not None:
            self._gap.forget_below(new)
            self._drain(out, now_ns)

    def _peer_logout(self, out: Events, message: Message, now_ns: int) -> None:
        text = text_of(message)
        if self.state is State.RESETTING:
            self._take_back_reset(out, "was crossed by a Logout")
        self._reset_due |= self.config.reset_on_logout
        if self.state is State.LOGOUT_SENT:
            self._close(out, "logged out")
            return
        self._send(out, tags.LOGOUT, reversed_route(message), now_ns)
        out.append(LoggedOut(text))
        self._step(Trigger.LOGOUT_RECEIVED)
        self._phase_deadline_ns = now_ns + self.config.logout_timeout_s * NANOS

    def _parting(self, out: Events, message: Message) -> None:
        """After we have said goodbye only the answer to it is waited for."""
        if message.msg_type == tags.LOGOUT and self._header.is_ours(message):
            if message.seq == self.next_in:
                self.next_in += 1
            self._close(out, "logged out")

    # Gaps

    def _too_high(self, out: Events, message: Message, now_ns: int) -> None:
        if message.msg_type == tags.LOGOUT:
            # Answered without using its number: what is missing is found again at the next logon.
            self._alert(out, f"Logout(5) with messages {self.next_in} to {message.seq - 1} missing")
            self._peer_logout(out, message, now_ns)
        elif self.state is State.RESETTING:
            text = f"message {message.seq} ignored, expecting {self.next_in}: new numbers are coming"
            self._alert(out, text)
        elif message.msg_type == tags.RESEND_REQUEST and self._content_fault(message) is None:
            # Answered at once, or two sides that both miss messages would wait for each other for ever.
            self._resend(out, message, now_ns)
            self._hold(out, message.seq, None, now_ns)
        else:
            self._hold(out, message.seq, message, now_ns)

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
