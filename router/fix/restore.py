"""Rebuilding a session from what a journal holds of it, in the journal's order, before the first connection.

What came in is received again, muted; what went out sets our number and fills the store. A lost connection
leaves no trace here, so that each Logon begins a new one.
"""

from router.fix import tags
from router.fix.codec import Garbled, Message, parse
from router.fix.config import SessionConfig
from router.fix.inbound import Inbound
from router.fix.logon import RESET_ID
from router.fix.outbound import Events
from router.fix.states import UP, LocalError, State

# What the encoder writes by itself before a body
_WRITTEN = frozenset({8, 9, 35, 49, 56, 34, 52, 369})


class Restoring(Inbound):
    __slots__ = ("_restored",)

    def __init__(self, config: SessionConfig, next_out: int, next_in: int) -> None:
        super().__init__(config, next_out, next_in)
        self._restored = State.DISCONNECTED

    def received(self, message: Message, now_ns: int) -> Events:
        raise NotImplementedError

    def restore_sent(self, raw: bytes) -> None:
        """We sent this: advance next_out, and remember it if it may be asked for."""
        message = self._parse_own(raw)
        if message.poss_dup:
            return
        is_acceptor = self.config.role == "acceptor"
        match message.msg_type:
            case tags.LOGON if self._logon_owed or is_acceptor:
                self._logon_owed = False
            case tags.LOGON:
                self._restored = State.LOGON_SENT
                self._gap = None
                self._reset_id = b""
                self._reset_due = message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y"
                if self._reset_due:
                    self._reset_numbers([])
            case tags.LOGOUT if self._restored in UP:
                self._restored = State.LOGOUT_SENT
                self._reset_due |= self.config.reset_on_logout
            case tags.TEST_REQUEST:
                wire = message.get(tags.TEST_REQ_ID) or b""
                self._reset_id = wire if wire.startswith(RESET_ID) else self._reset_id
        self.next_out = message.seq + 1
        if message.msg_type in self.config.resend:
            body_at = next(lo for tag, lo, _ in message.tok.tolist() if tag not in _WRITTEN)
            body_at = raw.rindex(b"\x01", 0, body_at) + 1
            body = raw[body_at : len(raw) - 7]
            self._store.put(message.seq, message.msg_type, body, message.sending_time_ns)

    def restore_received(self, raw: bytes) -> None:
        """We received this: do again what it did to the numbers, and send nothing."""
        message = self._parse_own(raw)
        if message.msg_type == tags.LOGON and self.config.role == "acceptor" and self._is_new(message):
            self._restored = State.AWAITING_LOGON
            self._gap = None
            self._reset_id = b""
        self.state, self._muted = self._restored, True
        self._told()
        self.received(message, message.sending_time_ns)
        self._restored, self._muted = self.state, False
        self.state = State.DISCONNECTED
        self._told()

    def _is_new(self, message: Message) -> bool:
        """A Logon of a new connection, not one with ResetSeqNumFlag(141)=Y within a session."""
        return self._restored not in UP or message.get(tags.RESET_SEQ_NUM_FLAG) != b"Y"

    def _parse_own(self, raw: bytes) -> Message:
        if self.state is not State.DISCONNECTED:
            raise LocalError(f"{self.name}: restoring in state {self.state.name}")
        message = parse(raw)
        if isinstance(message, Garbled):
            raise LocalError(f"{self.name}: the journal's message is garbled: {message.reason}")
        return message
