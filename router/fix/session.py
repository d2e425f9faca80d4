"""One FIX session, either role, without I/O: messages and the time go in, events come out.

FIX 4.4 volume 2, "Session protocol". A peer's fault becomes a Reject, a Logout or an Alert, never an
exception; our own misuse raises LocalError. Sequence numbers outlive connections; after a restart they come
from the journal (restore.py). The caller acts on events in their order and, after a Disconnect, hands over
(and journals) nothing more of that connection. It asks `deadline_ns` when to call `timer`; calling early does
no harm.
"""

from router.fix import tags
from router.fix.admin import printable
from router.fix.codec import Garbled, Message
from router.fix.config import SessionConfig
from router.fix.decimals import NANOS
from router.fix.events import App, LoggedOut, SequenceReset
from router.fix.logon import RESET_ID
from router.fix.outbound import Events
from router.fix.restore import Restoring
from router.fix.states import AWAITING, ENDING, LISTENING, UP, LocalError, State, Trigger

__all__ = ["LocalError", "Session", "SessionConfig", "State"]


class Session(Restoring):
    """What the shell calls. `state`, `is_logged_on`, `next_out` and `next_in` are there to be read."""

    __slots__ = ()

    def __init__(self, config: SessionConfig, next_out: int = 1, next_in: int = 1) -> None:
        super().__init__(config, next_out, next_in)

    def inherit(self, other: "Session") -> None:
        """Go on where another session with the same peer was: its numbers, and what may be asked again."""
        self.next_out, self.next_in = other.next_out, other.next_in
        self._store = other._store
        self._reset_due = other._reset_due
        self._before_reset = other._before_reset

    def renumber(self, next_out: int, next_in: int) -> Events:
        """A person sets the numbers, which the peer must know of. LocalError while connected."""
        if self.state is not State.DISCONNECTED:
            raise LocalError(f"{self.name}: numbers cannot be set in state {self.state.name}")
        if next_out < 1 or next_in < 1:
            raise LocalError(f"{self.name}: numbers begin at 1, not at {next_out} and {next_in}")
        if next_out < self.next_out:
            self._store.clear()
        self.next_out, self.next_in = next_out, next_in
        self._reset_due = False
        self._before_reset = None
        return [SequenceReset(next_out, next_in)]

    def received(self, message: Message, now_ns: int) -> Events:
        """A well-framed message of the peer. First the hot path: nothing unusual, and its turn."""
        raw = message.raw
        header = self._header
        if (
            message.flags == 0
            and message.seq == self.next_in
            and self._hot
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
        elif self.state is State.PARTING:
            self._parting(out, message)
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
        self._reset_id = b""
        self._last_received_ns = now_ns
        self._phase_deadline_ns = now_ns + self.config.logon_timeout_s * NANOS
        self.heart_bt_int_ns = self.config.heart_bt_int_s * NANOS
        if initiator:
            self._begin_logon(out, now_ns)
        return out

    def disconnected(self, now_ns: int) -> Events:
        """The connection is gone, by whomever."""
        out: Events = []
        if self.state in UP:
            out.append(LoggedOut("connection lost"))
        if self._reset_id:
            self._reset_id = b""
            self._alert(out, "the planned reset was not begun: connection lost")
        self._step(Trigger.CONNECTION_LOST)
        self._gap = None
        self._forget_resends()
        return out

    def logout(self, text: str, now_ns: int) -> Events:
        """Begin the logout handshake. What the peer still sends is delivered until it answers."""
        out: Events = []
        if self.state in AWAITING:
            self._close(out, text)
        elif self.state in UP:
            self._send(out, tags.LOGOUT, [(tags.TEXT, printable(text))], now_ns)
            out.append(LoggedOut(text))
            self._step(Trigger.LOGOUT_SENT)
            self._reset_due |= self.config.reset_on_logout
            self._phase_deadline_ns = now_ns + self.config.logout_timeout_s * NANOS
        return out

    def reset(self, now_ns: int) -> Events:
        """Planned: both numbers go back to 1. Within a session after a TestRequest has shown that nothing is
        missing (FIX 4.4 volume 2, "24 hour connectivity"), else at the next Logon: by ResetSeqNumFlag(141)=Y
        from an initiator; an acceptor then takes the peer's number 1. Done when SequenceReset comes.
        """
        out: Events = []
        if self.state is State.DISCONNECTED:
            self._reset_due = True
        elif self.state is not State.ACTIVE:
            self._alert(out, f"no planned reset in state {self.state.name}")
        elif not self._reset_id:
            self._reset_id = RESET_ID + b"%d" % self.next_out
            self._send(out, tags.TEST_REQUEST, [(tags.TEST_REQ_ID, self._reset_id)], now_ns)
        return out

    def test_request(self, now_ns: int) -> Events:
        """Ask the peer for a sign of life now. Nothing if that was asked already, or not logged on."""
        out: Events = []
        if self.state in UP and not self._tested:
            self._tested = True
            self._send(out, tags.TEST_REQUEST, [(tags.TEST_REQ_ID, self._test_req_id())], now_ns)
        return out

    def _test_req_id(self) -> bytes:
        return b"TEST-%d" % self.next_out

    def deadline_ns(self) -> int | None:
        """When `timer` is next due; None for never."""
        state = self.state
        due: list[int] = []
        if state in AWAITING or state in ENDING or state is State.RESETTING:
            due.append(self._phase_deadline_ns)
        if self._owed and state in LISTENING:
            due.append(self._burst_ns)
        if state in UP:
            beat = self.heart_bt_int_ns
            if beat:
                due.append(self._last_sent_ns + beat)
                due.append(self._last_received_ns + beat * (24 if self._tested else 12) // 10)
            if self._gap is not None:
                due.append(self._gap.deadline_ns)
        return min(due, default=None)

    def timer(self, now_ns: int) -> Events:
        """Do what is due: heartbeat, test request, the next burst of a resend, a half-open connection, a
        logon, logout, reset or resend that hangs.
        """
        out: Events = []
        due = self.deadline_ns()
        if due is None or now_ns < due:
            return out
        if self._owed and self.state in LISTENING:
            self._next_burst(out, now_ns)
        if self.state in AWAITING or self.state in ENDING:
            if now_ns >= self._phase_deadline_ns:
                self._time_up(out)
            return out
        self._keep_alive(out, now_ns)
        if self.state is State.RESETTING and now_ns >= self._phase_deadline_ns:
            text = f"Logon(A) with ResetSeqNumFlag(141)=Y not answered within {self.config.logon_timeout_s} s"
            self._alert(out, text, "critical")
            self._say_goodbye(out, text, now_ns)
        elif self._gap is not None and self.state in UP and now_ns >= self._gap.deadline_ns:
            self._gap.tries += 1
            if self._gap.tries > 1:
                self._alert(
                    out, f"messages from {self.next_in} on were asked for twice, and did not come", "critical"
                )
                self._say_goodbye(out, f"ResendRequest for {self.next_in} not answered", now_ns)
            else:
                self._ask(out, self._gap, now_ns)
        return out

    def _time_up(self, out: Events) -> None:
        if self.state in AWAITING:
            self._alert(out, f"no Logon(A) within {self.config.logon_timeout_s} s")
            self._close(out, "no Logon(A)")
            return
        if self.state is not State.LOGOUT_RECEIVED:
            self._alert(out, f"Logout(5) not answered within {self.config.logout_timeout_s} s")
        self._close(out, "logged out")

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
