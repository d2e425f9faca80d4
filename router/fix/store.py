"""What a session has sent and may be asked for again, bounded; the rest is gap filled.

The truth is the journal: after a restart this store is rebuilt from it (`Session.restore_sent`).
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple


class Sent(NamedTuple):
    msg_type: bytes
    body: bytes
    sending_time_ns: int


class Resend(NamedTuple):
    """Send this one again, with PossDupFlag."""

    seq: int
    sent: Sent


class GapFill(NamedTuple):
    """Fill over first to last with one SequenceReset-GapFill."""

    first: int
    last: int


class SentStore:
    """The last `capacity` messages that may be resent, by MsgSeqNum. At the bound the oldest is forgotten."""

    __slots__ = ("_capacity", "_sent")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._sent: OrderedDict[int, Sent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sent)

    def put(self, seq: int, msg_type: bytes, body: bytes, sending_time_ns: int) -> None:
        if not self._capacity:
            return
        if len(self._sent) >= self._capacity:
            self._sent.popitem(last=False)
        self._sent[seq] = Sent(msg_type, body, sending_time_ns)

    def clear(self) -> None:
        self._sent.clear()

    def answer(self, first: int, last: int) -> Iterator[Resend | GapFill]:
        """How to answer a ResendRequest for first to last: neighbouring gaps are one."""
        sent = self._sent
        if last - first < len(sent):
            found = [seq for seq in range(first, last + 1) if seq in sent]
        else:
            found = sorted(seq for seq in sent if first <= seq <= last)
        at = first
        for seq in found:
            if seq > at:
                yield GapFill(at, seq - 1)
            yield Resend(seq, sent[seq])
            at = seq + 1
        if at <= last:
            yield GapFill(at, last)
