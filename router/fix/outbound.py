"""The sending half of a session: MsgSeqNum, what may be resent, what the session itself writes."""

from router.fix import admin, tags
from router.fix.codec import Encoder, Message
from router.fix.config import SessionConfig
from router.fix.decimals import time_to_wire
from router.fix.events import Alert, Disconnect, Event, LoggedOut, NotResent, Send, Severity
from router.fix.fault import VALUE_INCORRECT, Fault
from router.fix.states import LOGGED_ON, LocalError, State, Trigger, step
from router.fix.store import GapFill, SentStore

Events = list[Event]


class Outbound:
    """`Session` is made of this and of the receiving half. `_muted`: nothing is sent, for replaying a
    journal.
    """

    def __init__(self, config: SessionConfig, next_out: int) -> None:
        self.config = config
        self.name = config.name
        self.state = State.DISCONNECTED
        self.is_logged_on = False
        self.next_out = next_out
        self._begin = config.begin_string.encode()
        self._comp_ids = (config.sender_comp_id.encode(), config.target_comp_id.encode())
        self._encoder = Encoder(self._begin, *self._comp_ids)
        self._store = SentStore(config.max_resend_store)
        self._last_sent_ns = 0
        self._muted = False

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

    def _send_logon(self, out: Events, heart_bt_int_s: int, reset: bool, now_ns: int) -> None:
        pairs: list[tuple[int, bytes | int]] = [(tags.ENCRYPT_METHOD, 0), (tags.HEART_BT_INT, heart_bt_int_s)]
        if reset:
            pairs.append((tags.RESET_SEQ_NUM_FLAG, b"Y"))
        self._send(out, tags.LOGON, pairs, now_ns)

    def _resend(self, out: Events, message: Message, now_ns: int) -> None:
        first = message.get_int(tags.BEGIN_SEQ_NO) or 0
        last = message.get_int(tags.END_SEQ_NO) or 0
        sent = self.next_out - 1
        if not 1 <= first <= sent or (last and last < first):
            text = f"ResendRequest for {first} to {last}, but 1 to {sent} were sent"
            self._reject(out, message, Fault(VALUE_INCORRECT, tags.BEGIN_SEQ_NO, text), now_ns)
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
