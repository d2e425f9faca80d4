"""Answering the peer's ResendRequests: from the store, the rest filled over, a burst at a time.

No peer can make a loop of it: requests that begin with the same message, which it therefore still lacks, are
answered `max_same_resends` times in one connection, wherever they end; then an alert says that it leads
nowhere. (FIX 4.4 volume 2, "Resend request": a side that gets what it cannot use would ask for it again for
ever.)
"""

from collections import deque

from router.fix import tags
from router.fix.codec import Message
from router.fix.config import SessionConfig
from router.fix.decimals import time_to_wire
from router.fix.events import NotResent, Send
from router.fix.fault import VALUE_INCORRECT, Fault
from router.fix.outbound import Events, Outbound
from router.fix.store import GapFill, Resend

_MAX_REQUESTS = 256  # beginnings that are counted; then counting begins again


class Resends(Outbound):
    __slots__ = ("_answered", "_burst_ns", "_owed")

    def __init__(self, config: SessionConfig, next_out: int, next_in: int) -> None:
        super().__init__(config, next_out, next_in)
        self._owed: deque[Resend | GapFill] = deque()  # parts of resends that wait for their burst
        self._burst_ns = 0  # when the next burst may leave
        self._answered: dict[int, int] = {}  # how often, by the first message asked for

    def _forget_resends(self) -> None:
        """A new connection, or new numbers."""
        self._owed.clear()
        self._answered.clear()
        self._burst_ns = 0

    def _resend(self, out: Events, message: Message, now_ns: int) -> None:
        """Answer a ResendRequest."""
        first = message.get_int(tags.BEGIN_SEQ_NO) or 0
        last = message.get_int(tags.END_SEQ_NO) or 0
        sent = self.next_out - 1
        if not 1 <= first <= sent or last < 0 or (last and last < first):
            text = f"ResendRequest for {first} to {last}, but 1 to {sent} were sent"
            self._reject(out, message, Fault(VALUE_INCORRECT, tags.BEGIN_SEQ_NO, text), now_ns)
            return
        times = self._answered.get(first, 0)
        if times >= self.config.max_same_resends:
            self._alert(
                out,
                f"messages from {first} on were asked for more than {times} times: not sent again",
                "critical",
            )
            return
        if len(self._answered) >= _MAX_REQUESTS:
            self._answered.clear()
        self._answered[first] = times + 1
        self._send_again(out, first, sent if last == 0 or last > sent else last, now_ns)

    def _send_again(self, out: Events, first: int, last: int, now_ns: int) -> None:
        """Messages first to last, which were all sent, now or burst by burst. What is asked for afresh is not
        owed from before as well.
        """
        if self._muted:
            return
        before: list[Resend | GapFill] = []
        after: list[Resend | GapFill] = []
        for part in self._owed:
            low, high = (part.first, part.last) if isinstance(part, GapFill) else (part.seq, part.seq)
            if low < first:
                before.append(GapFill(low, min(high, first - 1)) if isinstance(part, GapFill) else part)
            if high > last:
                after.append(GapFill(max(low, last + 1), high) if isinstance(part, GapFill) else part)
        self._owed = deque((*before, *self._store.answer(first, last), *after))
        self._next_burst(out, now_ns)

    def _next_burst(self, out: Events, now_ns: int) -> None:
        burst = self.config.resend_burst
        if burst and now_ns < self._burst_ns:
            return
        now_wire = time_to_wire(now_ns, self._decimals)
        for _ in range(min(burst, len(self._owed)) if burst else len(self._owed)):
            part = self._owed.popleft()
            if isinstance(part, GapFill):
                self._put_admin(
                    out,
                    tags.SEQUENCE_RESET,
                    part.first,
                    [
                        (tags.POSS_DUP_FLAG, b"Y"), (tags.ORIG_SENDING_TIME, now_wire),
                        (tags.GAP_FILL_FLAG, b"Y"), (tags.NEW_SEQ_NO, b"%d" % (part.last + 1)),
                    ],
                    now_ns,
                )  # fmt: skip
                out.append(NotResent(part.first, part.last))
            else:
                seq, old = part
                orig = time_to_wire(old.sending_time_ns, self._decimals)
                header = b"43=Y\x01122=%b\x01%b" % (orig, self._last_processed())
                raw = self._encoder.encode(old.msg_type, seq, now_ns, old.body, header)
                self._put(out, Send(raw, old.msg_type, seq), now_ns)
        self._burst_ns = now_ns + self.config.resend_interval_ns
