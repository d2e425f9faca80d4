"""How a session begins, and how its numbers begin again.

The first message must be a Logon (`_first`); with NextExpectedMsgSeqNum(789) each side then sends what the
other lacks, without being asked. Numbers go back to 1 by agreement only: ResetSeqNumFlag(141)=Y in a Logon,
at the start or, for sessions that stay up round the clock, in between (`reset`; FIX 4.4 volume 2, "24 hour
connectivity"). What the other side may not have seen yet is remembered until it answers.
"""

from router.fix import tags
from router.fix.checks import (
    Header,
    content_fault,
    logon_fault,
    names_of,
    next_expected_of,
    number_fault,
    text_of,
)
from router.fix.codec import Message
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS
from router.fix.dictionary import load
from router.fix.events import GapOpened, LoggedOn, SequenceReset
from router.fix.fault import Fault
from router.fix.gap import Gap
from router.fix.outbound import Events, Pairs
from router.fix.resends import Resends
from router.fix.secrets import PLACEHOLDER
from router.fix.states import State, Trigger
from router.fix.store import SentStore

RESET_ID = b"RESET-"  # how the TestRequest of a planned reset is called
_TRADED = frozenset(
    {
        tags.NEW_ORDER_SINGLE,
        tags.ORDER_CANCEL_REQUEST,
        tags.ORDER_CANCEL_REPLACE_REQUEST,
        tags.EXECUTION_REPORT,
        tags.ORDER_CANCEL_REJECT,
    }
)  # the first of these must not wait until its rules are laid out
_NOT_TAKEN = 3  # SessionStatus(1409): the new password does not comply with policy


class Logons(Resends):
    __slots__ = (
        "_before_reset", "_dictionary", "_gap", "_header", "_last_received_ns", "_logon_owed", "_reset_id",
        "_tested", "heart_bt_int_ns",
    )  # fmt: skip

    def __init__(self, config: SessionConfig, next_out: int, next_in: int) -> None:
        super().__init__(config, next_out, next_in)
        self.heart_bt_int_ns = config.heart_bt_int_s * NANOS
        self._header = Header(config)
        self._dictionary = load(config.version) if config.needs_dictionary else None
        if self._dictionary is not None:
            self._dictionary.prepare(tags.ADMIN_TYPES | _TRADED, config.validation)
        self._gap: Gap | None = None
        self._last_received_ns = 0
        self._tested = False
        self._reset_id = b""  # a planned reset begins when the peer has answered this TestRequest
        self._before_reset: tuple[int, SentStore] | None = None  # until the peer answers it: next_out, store
        self._logon_owed = False  # rebuilding from a journal: our Logon that comes next there is an answer

    def _begin_logon(self, out: Events, now_ns: int) -> None:
        """The initiator's Logon."""
        reset = self.config.reset_on_logon or self._reset_due
        if reset:
            self._reset_numbers(out)
        self._send_logon(out, self.config.heart_bt_int_s, reset, self.next_in, now_ns)
        self._reset_due = reset  # until it is answered

    def _first(self, out: Events, message: Message, now_ns: int) -> None:
        """The first message of a connection: a Logon, or the connection is closed."""
        if message.msg_type in (tags.LOGOUT, tags.REJECT) and self.state is State.LOGON_SENT:
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
        config = self.config
        reset = message.get(tags.RESET_SEQ_NUM_FLAG) == b"Y"
        refusal = self._logon_fault(message) or self._logon_refusal(message, reset, now_ns)
        if refusal is not None:
            self._alert(out, f"Logon(A) refused: {refusal}", "critical")
            self._say_goodbye(out, refusal, now_ns, message)
            return
        heart_bt_int_s = message.get_int(tags.HEART_BT_INT) or 0
        self.heart_bt_int_ns = heart_bt_int_s * NANOS
        if config.role == "acceptor":
            self._settle_resets(out, message.seq, reset)
        is_early = message.seq > self.next_in
        if not is_early:
            self.next_in += 1
        if config.role == "acceptor":
            more = _answers(message, config)
            self._send_logon(out, heart_bt_int_s, reset, self.next_in, now_ns, more)
        elif message.get(tags.SESSION_STATUS) is not None:
            self._alert(out, f"the peer says: {text_of(message)}")
        self._reset_due = config.reset_on_disconnect
        self._before_reset = None
        self._last_received_ns = now_ns
        self._step(Trigger.LOGGED_ON)
        volunteered = self._volunteer(out, message, now_ns)
        out.append(LoggedOn())
        if is_early:
            self._hold(out, message.seq, None, now_ns, is_asked=volunteered)

    def _content_fault(self, message: Message) -> Fault | None:
        """What is wrong with a message by its own contents: by the dictionary, then by our own needs."""
        fault = None
        if self._dictionary is not None:
            fault = self._dictionary.fault(message, self.config.validation)
        return fault or content_fault(message, self.config)

    def _logon_fault(self, message: Message) -> str | None:
        fault = self._content_fault(message)
        return logon_fault(message, self.config) if fault is None else fault.text

    def _logon_refusal(self, message: Message, reset: bool, now_ns: int) -> str | None:
        if message.seq < 0:
            return number_fault(message)
        if message.sending_time_ns >= 0 and not self._header.is_timely(message, now_ns):
            return self._header.inaccuracy(message, now_ns)
        if reset and self.config.refuse_reset:
            return "ResetSeqNumFlag(141)=Y is not taken"
        if self.config.role == "initiator":
            asked = self._reset_due
            if reset and not asked:
                return "ResetSeqNumFlag(141)=Y was not asked for"
            if asked and message.seq != 1:
                return f"ResetSeqNumFlag(141)=Y was answered with MsgSeqNum(34) {message.seq}"
            next_out = self.next_out
        elif (
            reset
            or self.config.reset_on_logon
            or (self._reset_due and message.seq == 1)
            or (self._before_reset is not None and 1 < message.seq < self.next_in)
        ):
            return None
        else:
            next_out = self.next_out if self._before_reset is None else self._before_reset[0]
        if message.seq < self.next_in:
            return f"MsgSeqNum too low, expecting {self.next_in} but received {message.seq}"
        expected = next_expected_of(message, self.config)
        if expected is not None and not 1 <= expected <= next_out:
            return f"NextExpectedMsgSeqNum(789) {expected} is not from 1 to {next_out}, which we send next"
        return None

    def _settle_resets(self, out: Events, seq: int, reset: bool) -> None:
        """Acceptor: whose numbers hold from the peer's Logon with MsgSeqNum `seq` on."""
        if reset or self.config.reset_on_logon or (self._reset_due and seq == 1):
            self._reset_numbers(out)
        elif self._before_reset is not None and seq < self.next_in:
            # The peer has answered our planned reset, and its answer, number 1, was lost.
            self.next_in = 2
            out.append(SequenceReset(self.next_out, self.next_in))
        elif self._before_reset is not None:
            self._take_back_reset(out, "was lost with the connection")

    def _send_logon(
        self,
        out: Events,
        heart_bt_int_s: int,
        reset: bool,
        expected: int,
        now_ns: int,
        more: Pairs | None = None,
    ) -> None:
        config = self.config
        pairs: Pairs = [(tags.ENCRYPT_METHOD, 0), (tags.HEART_BT_INT, heart_bt_int_s)]
        if reset:
            pairs.append((tags.RESET_SEQ_NUM_FLAG, b"Y"))
        if config.username:
            pairs.append((tags.USERNAME, config.username.encode()))
        if config.has_password:
            pairs.append((tags.PASSWORD, PLACEHOLDER))
        if config.send_next_expected:
            pairs.append((tags.NEXT_EXPECTED_MSG_SEQ_NUM, expected))
        if config.has_new_password:
            pairs.append((tags.NEW_PASSWORD, PLACEHOLDER))
        if config.version.appl_ver_id:
            pairs.append((tags.DEFAULT_APPL_VER_ID, config.version.appl_ver_id.encode()))
        self._send(out, tags.LOGON, [*pairs, *(more or [])], now_ns)
        self._logon_owed = self._muted

    def _volunteer(self, out: Events, message: Message, now_ns: int) -> bool:
        """Send what the peer says it lacks. False if it does not say: it is to be asked, and will ask."""
        expected = next_expected_of(message, self.config)
        if expected is None:
            return False
        if expected < self.next_out:
            # An acceptor's own Logon is on its way, and fills its place itself.
            last = self.next_out - (2 if self.config.role == "acceptor" else 1)
            if expected <= last:
                self._send_again(out, expected, last, now_ns)
        return True

    def _reset_numbers(self, out: Events) -> None:
        self.next_out = self.next_in = 1
        self._store = SentStore(self.config.max_resend_store)
        self._forget_resends()
        out.append(SequenceReset(1, 1))

    # Within a session

    def _begin_reset(self, out: Events, now_ns: int) -> None:
        """The peer has had all that we sent, and we all of its: ask for new numbers."""
        self._reset_id = b""
        if self.state is not State.ACTIVE:
            self._alert(out, f"no planned reset in state {self.state.name}")
            return
        self._before_reset = (self.next_out, self._store)
        self._reset_due = True
        self.next_out = 1
        self._store = SentStore(self.config.max_resend_store)
        self._forget_resends()
        self._phase_deadline_ns = now_ns + self.config.logon_timeout_s * NANOS
        self._step(Trigger.RESET_SENT)
        self._send_logon(out, self.heart_bt_int_ns // NANOS, True, 1, now_ns)

    def _take_back_reset(self, out: Events, why: str) -> None:
        """The peer has not seen our Logon with ResetSeqNumFlag(141)=Y, or has let it be."""
        if self._before_reset is not None:
            self.next_out, self._store = self._before_reset
            self._before_reset = None
            self._reset_due = self.config.role == "initiator"
            self._alert(out, f"the planned reset {why}: the old numbers hold")

    def _logon_again(self, out: Events, message: Message, now_ns: int) -> None:
        """A Logon with ResetSeqNumFlag(141)=Y while logged on: the peer begins new numbers, or takes ours."""
        refusal = self._logon_fault(message)
        if self.config.refuse_reset and self.state is not State.RESETTING:
            refusal = "ResetSeqNumFlag(141)=Y is not taken"
        if refusal is not None:
            self._alert(out, f"Logon(A) refused: {refusal}", "critical")
            self._say_goodbye(out, refusal, now_ns, message)
            return
        self._reset_id = b""
        if self._before_reset is not None:
            self._before_reset = None
            self._reset_due = self.config.reset_on_disconnect
            self.next_in = 2
            if self.state is State.RESETTING:
                self._step(Trigger.RESET_ANSWERED)
            out.append(SequenceReset(self.next_out, self.next_in))
            return
        if self.state is State.LOGOUT_SENT:
            # Our Logout has crossed it. The peer takes its new numbers back; what it sends till then is void.
            self._step(Trigger.GOODBYE_SENT)
            return
        if self._gap is not None:
            self._alert(
                out, f"messages {self.next_in} to {self._gap.high} will not come: new numbers", "critical"
            )
            self._gap = None
            self._step(Trigger.GAP_CLOSED)
        self.heart_bt_int_ns = (message.get_int(tags.HEART_BT_INT) or 0) * NANOS
        self._reset_numbers(out)
        self.next_in = 2
        self._send_logon(out, self.heart_bt_int_ns // NANOS, True, 2, now_ns, _answers(message, self.config))

    # Gaps: what comes before `seq` is missing

    def _hold(
        self, out: Events, seq: int, message: Message | None, now_ns: int, is_asked: bool = False
    ) -> None:
        """`is_asked`: what is missing is on its way already."""
        gap = self._gap
        if gap is not None:
            gap.hold(seq, message)
            return
        self._gap = gap = Gap(self.config.max_gap_messages, self.config.max_gap_bytes)
        gap.hold(seq, message)
        self._step(Trigger.GAP_OPENED)
        self._ask(out, gap, now_ns, is_asked)

    def _ask(self, out: Events, gap: Gap, now_ns: int, is_asked: bool = False) -> None:
        config = self.config
        last = gap.last_missing(self.next_in)
        chunk = 0 if is_asked else config.resend_chunk
        if chunk and last >= self.next_in + chunk:
            last = gap.asked_to = end = self.next_in + chunk - 1
        elif config.resend_to_infinity:
            end, gap.asked_to = 0, gap.high
        else:
            gap.asked_to = end = last
        gap.deadline_ns = now_ns + config.resend_timeout_s * NANOS
        if not is_asked:
            pairs: Pairs = [(tags.BEGIN_SEQ_NO, self.next_in), (tags.END_SEQ_NO, end)]
            self._send(out, tags.RESEND_REQUEST, pairs, now_ns)
        out.append(GapOpened(self.next_in, last))


def _answers(message: Message, config: SessionConfig) -> Pairs:
    """What an acceptor's Logon says beyond what it always says: no password is changed over a session."""
    if message.get(tags.NEW_PASSWORD) is None or not config.version.new_password:
        return []
    return [(tags.SESSION_STATUS, _NOT_TAKEN)]
