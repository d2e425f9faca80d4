"""Bytes to messages and messages to bytes.

`Framer` takes bytes as they come and gives whole messages, each with its fields located but not interpreted;
`Encoder` writes messages of one session from a prepared template. Partial input is not garbled input: it is
waited for, up to the largest message accepted. After garbled input the framer goes on at the next `8=FIX`,
and what lies before is dropped (FIX 4.4 volume 2, "Message integrity": a garbled message is ignored and uses
no sequence number). No clock, no I/O, and no knowledge of a session may enter here.
"""

from dataclasses import dataclass
from typing import Final
from zlib import adler32

import numpy as np
import numpy.typing as npt

from router.fix import kernels
from router.fix.decimals import int_from_wire, show, wire_clock

MAX_MESSAGE_BYTES: Final = 4 << 20
_SMALLEST_FIELD_BYTES: Final = 3  # "1=" and the delimiter
_FIRST_BUFFER_BYTES: Final = 1 << 16
_FIRST_TOKENS: Final = 1024
_GARBLED_KEPT_BYTES: Final = 512

_MESSAGE: Final = kernels.MESSAGE
_scan: Final = kernels.scan

Tokens = npt.NDArray[np.int32]


class Message:
    """One well-framed message.

    `tok` has a row (tag, value start, value end) for each of the `count` fields, with positions in `raw`;
    further rows are no one's. It is the framer's own array and valid until the framer's next message:
    `keep()` detaches it. `sending_time_ns` is NO_TIME or BAD_TIME where there is none. `flags` is 0 for an
    application message with nothing unusual about it; otherwise see kernels.POSS_DUP and the following.
    `fault` is the first malformed or empty field, as tag * 256 + SessionRejectReason(373), or -1.
    """

    __slots__ = (
        "count", "fault", "flags", "msg_type", "raw", "sender_at", "sending_time_ns", "seq", "target_at",
        "tok",
    )  # fmt: skip

    def __init__(
        self,
        raw: bytes,
        msg_type: bytes,
        seq: int,
        flags: int,
        count: int,
        tok: Tokens,
        sender_at: int,
        target_at: int,
        sending_time_ns: int,
        fault: int,
    ) -> None:
        self.raw = raw
        self.msg_type = msg_type
        self.seq = seq
        self.flags = flags
        self.count = count
        self.tok = tok
        self.sender_at = sender_at
        self.target_at = target_at
        self.sending_time_ns = sending_time_ns
        self.fault = fault

    @property
    def poss_dup(self) -> bool:
        return bool(self.flags & kernels.POSS_DUP)

    @property
    def poss_resend(self) -> bool:
        return bool(self.flags & kernels.POSS_RESEND)

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """`raw` for kernels: a read-only view, not a copy."""
        return np.frombuffer(self.raw, np.uint8)

    def get(self, tag: int) -> bytes | None:
        """The value of the first field with that tag."""
        row = kernels.find_tag(self.tok, self.count, tag)
        if row < 0:
            return None
        return self.raw[self.tok[row, 1] : self.tok[row, 2]]

    def get_int(self, tag: int) -> int | None:
        """The first field with that tag as an integer. ValueError if it is none."""
        wire = self.get(tag)
        return None if wire is None else int_from_wire(wire)

    def values(self) -> dict[int, bytes]:
        """The first value of every tag. For messages without repeating groups."""
        flat = self.tok[: self.count].ravel().tolist()
        spans = map(slice, flat[-2::-3], flat[-1::-3])
        return dict(zip(flat[-3::-3], map(self.raw.__getitem__, spans), strict=True))

    def fields(self) -> list[tuple[int, bytes]]:
        """Every field in its order."""
        raw = self.raw
        return [(tag, raw[lo:hi]) for tag, lo, hi in self.tok[: self.count].tolist()]

    def keep(self) -> "Message":
        """A copy that owns its token array."""
        return Message(
            self.raw, self.msg_type, self.seq, self.flags, self.count, self.tok[: self.count].copy(),
            self.sender_at, self.target_at, self.sending_time_ns, self.fault,
        )  # fmt: skip

    def __repr__(self) -> str:
        return "Message(" + self.raw.replace(b"\x01", b"|").decode("latin-1") + ")"


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no message. `raw` is their beginning, at most 512 bytes; `size` is how many have come so
    far.
    """

    reason: str
    raw: bytes
    size: int


class Framer:
    """Bytes in, messages out, in bounded memory.

    Either let the transport write into `writable()` and say how much with `wrote()`, or `feed()` bytes; then
    call `next()` until it is None.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.max_message_bytes = max_message_bytes
        self.received_bytes = 0
        self.discarded_bytes = 0
        self._buf: npt.NDArray[np.uint8] = np.empty(min(_FIRST_BUFFER_BYTES, 2 * max_message_bytes), np.uint8)
        self._view = self._buf.data
        self._room = self._buf.size
        self._tok: Tokens = np.empty((_FIRST_TOKENS, 3), np.int32)
        self._start = 0
        self._end = 0
        self._need = 0
        self._skipping = False

    def writable(self, size: int) -> memoryview:
        """Room for at least `size` bytes . Call `next()` until it is None before asking again."""
        size = max(size, 1)
        if self._room - self._end < size:
            self._make_room(size)
        return self._view[self._end :]

    def _make_room(self, size: int) -> None:
        held = self._end - self._start
        room = self._room
        if held + size > room:
            while room < held + size:
                room *= 2
            grown = np.empty(room, np.uint8)
            grown[:held] = self._buf[self._start : self._end]
            self._buf = grown
            self._view = grown.data
            self._room = room
        else:
            self._buf[:held] = self._buf[self._start : self._end].copy()
        self._start = 0
        self._end = held

    def wrote(self, size: int) -> None:
        """The first `size` bytes of the last `writable()` have been filled."""
        self._end += size
        self.received_bytes += size

    def feed(self, data: bytes) -> None:
        size = len(data)
        if self._room - self._end < size:
            self._make_room(size)
        end = self._end
        self._end = upto = end + size
        self._view[end:upto] = data
        self.received_bytes += size

    def next(self) -> Message | Garbled | None:
        """The next message, the next garbled stretch, or None until more bytes come."""
        while True:
            start, end = self._start, self._end
            held = end - start
            if held < self._need or not held:
                if not held:
                    self._start = self._end = 0
                return None
            tok = self._tok
            outcome, length, count, seq, flags, lo, hi, sender_at, target_at, sent_ns, fault = _scan(
                self._buf, start, end, tok, self.max_message_bytes
            )
            if outcome == _MESSAGE:
                self._start = after = start + length
                self._need = 0
                self._skipping = False
                raw = self._view[start:after].tobytes()
                return Message(raw, raw[lo:hi], seq, flags, count, tok, sender_at, target_at, sent_ns, fault)
            if outcome == kernels.PARTIAL:
                self._need = length
                return None
            if outcome == kernels.GROW:
                rows = min(2 * len(self._tok), self.max_message_bytes // _SMALLEST_FIELD_BYTES + 1)
                self._tok = np.empty((rows, 3), np.int32)
                continue
            garbled = self._drop(outcome, length)
            if garbled is not None:
                return garbled

    def _drop(self, outcome: int, length: int) -> Garbled | None:
        """Go on at the next place where a message may begin. None while an earlier stretch continues."""
        start = self._start
        if outcome == kernels.BAD_CHECKSUM:
            reason = "CheckSum(10) does not match"
            begin = start + length
            self._skipping = False
        else:
            reason = (
                kernels.REASONS[length]
                if outcome == kernels.GARBLED
                else "no 8=FIX where a message should begin"
            )
            begin = kernels.find_start(self._buf, start + 1, self._end)
        self._start = begin
        self._need = 0
        self.discarded_bytes += begin - start
        if self._skipping and outcome == kernels.JUNK:
            return None
        self._skipping = outcome != kernels.BAD_CHECKSUM
        kept = self._view[start : min(begin, start + _GARBLED_KEPT_BYTES)].tobytes()
        return Garbled(reason, kept, begin - start)


def parse(raw: bytes) -> Message | Garbled:
    """One message that is all of `raw`: for journals, tests and people."""
    framer = Framer(max(len(raw), 1))
    framer.feed(raw)
    message = framer.next()
    if isinstance(message, Message) and len(message.raw) == len(raw):
        return message.keep()
    if isinstance(message, Garbled):
        return message
    return Garbled(f"{show(raw)} is not one whole message", raw[:_GARBLED_KEPT_BYTES], len(raw))


_TRAILERS: Final = tuple(b"10=%03d\x01" % n for n in range(256))
_CHUNK: Final = 256  # adler32's first half is 1 + the byte sum modulo 65521, exact below 257 bytes
_LONG: Final = 4096


def byte_sum(data: bytes) -> int:
    """The sum of all bytes."""
    size = len(data)
    if size <= _CHUNK:
        return (adler32(data) & 0xFFFF) - 1
    if size > _LONG:
        return int(np.frombuffer(data, np.uint8).sum(dtype=np.uint64))
    total = 0
    for at in range(0, size, _CHUNK):
        total += (adler32(data[at : at + _CHUNK]) & 0xFFFF) - 1
    return total


def check_sum(data: bytes) -> int:
    """CheckSum(10) over everything before it."""
    return byte_sum(data) & 0xFF


def _length(size: int) -> bytes:
    """The rest of BodyLength and MsgType's tag, before so many bytes."""
    return b"%d\x0135=" % (size + 3)


_LENGTHS_KEPT: Final = 1024
_LENGTHS: Final = tuple(_length(size) for size in range(_LENGTHS_KEPT))


class Encoder:
    """Writes the messages of one session: 8, 9, 35, 49, 56, 34, 52, extra header fields, body, 10."""

    __slots__ = ("_begin", "_clock", "_comp_ids")

    def __init__(self, begin_string: bytes, sender: bytes, target: bytes, decimals: int = 3) -> None:
        """`decimals` of SendingTime(52): 0, 3, 6 or 9."""
        self._begin = b"8=" + begin_string + b"\x019="
        self._comp_ids = b"\x0149=" + sender + b"\x0156=" + target + b"\x0134=%d\x0152="
        self._clock = wire_clock(decimals)

    def encode(
        self, msg_type: bytes, seq: int, sending_time_ns: int, body: bytes, extra_header: bytes = b""
    ) -> bytes:
        """`body` and `extra_header` are fields, each closed by its delimiter."""
        rest = b"".join(
            (msg_type, self._comp_ids % seq, self._clock.write(sending_time_ns), b"\x01", extra_header, body)
        )
        size = len(rest)
        length = _LENGTHS[size] if size < _LENGTHS_KEPT else _length(size)
        head = b"".join((self._begin, length, rest))
        if len(head) <= _CHUNK:
            return head + _TRAILERS[(adler32(head) - 1) & 0xFF]
        return head + _TRAILERS[byte_sum(head) & 0xFF]


def encode(
    begin_string: bytes,
    msg_type: bytes,
    seq: int,
    sender: bytes,
    target: bytes,
    sending_time_ns: int,
    body: bytes,
    extra_header: bytes = b"",
) -> bytes:
    """One message without a session's template (see `Encoder`)."""
    return Encoder(begin_string, sender, target).encode(msg_type, seq, sending_time_ns, body, extra_header)
