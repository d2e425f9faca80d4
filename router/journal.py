"""The journal's format, version 1: what a record is in bytes, and how bytes are read back. No file, no clock.

A record is a header of 28 bytes, little endian, and a payload:

    len u32 | crc32 u32 | kind u8 | version u8 | flags u16 | index u64 | time_ns i64 | payload (len bytes)

`index` counts from 0 without gaps. The CRC starts from `len` and covers everything after itself. The record
whose index is 255 modulo 256 is a CHAIN record, and so is the last one before an orderly close: its payload
is the SHA-256 of every byte of the journal before it, so an edit, a deletion or a reordering anywhere is
found by reading. (A chain alone cannot show that its tail was cut: heads are also kept outside the host.)

Reading ends in one of three ways. *Clean*: at the end of the bytes, or where only preallocated zeros follow.
*Torn*: the last record is unfinished and nothing readable follows it, as a crash leaves it. *Corrupt*:
anything else, which raises JournalError with the offset and the rule. After a loss of power, pages not yet
synced may have reached the disk out of order, which also reads as corrupt: a person then decides (the venue
will say MsgSeqNum too low anyway).
"""

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple
from zlib import crc32

VERSION = 1
CHAIN_EVERY = 256
MAX_PAYLOAD_BYTES = 16 << 20
FLAG_RESERVE = 1
"""The record was written into the space kept for latches and cancels, because the disk was full."""

_LEAD = struct.Struct("<II")  # len, crc32
_REST = struct.Struct("<BBHQq")  # kind, version, flags, index, time_ns
HEADER_BYTES = _LEAD.size + _REST.size

Buffer = Any
"""bytes, bytearray or mmap: before 3.12 typing has no name for these."""


class Kind(IntEnum):
    """What a record tells. Payloads marked json are UTF-8 JSON objects with sorted keys."""

    START = 1  # json: a process began (version, settings' and limits' hashes)
    FIX_IN = 2  # u8 session + raw message, before it is acted on
    FIX_OUT = 3  # u8 session + raw message, before its bytes leave
    LINK = 4  # u8 session, u8 1 up / 0 down
    TIMER = 5
    ANSWER = 6  # a policy's answer, or its timeout
    DECISION = 7
    ACTION = 8
    VERDICT = 9
    OPERATOR = 10  # json
    CHAIN = 11  # sha256 of all bytes before this record
    LATCH = 12  # json
    NOTE = 13  # json


_KINDS: dict[int, Kind] = {int(kind): kind for kind in Kind}
_SESSION = [bytes((number,)) for number in range(256)]

# Where a record's header may start, seen from its kind byte: a known kind, version 1, small flags, an index
# below 2**40.
_CANDIDATE = re.compile(rb"(?=[\x01-\x0d]\x01[\x00-\x01]\x00.{5}\x00\x00\x00)", re.DOTALL)
_NOT_ZERO = re.compile(rb"[^\x00]")


class JournalError(ValueError):
    """These bytes are not a journal of ours: `offset` in the journal, and the `rule` that they break."""

    def __init__(self, offset: int, rule: str, name: str = "journal") -> None:
        super().__init__(f"{name}: offset {offset}: {rule}")
        self.offset = offset
        self.rule = rule


class Record(NamedTuple):
    """One record as read. `number` is its index; `offset` that of its first header byte."""

    kind: Kind
    flags: int
    number: int
    time_ns: int
    payload: bytes
    offset: int

    @property
    def session(self) -> int:
        """The session's number, of FIX_IN, FIX_OUT and LINK."""
        return self.payload[0]

    @property
    def raw(self) -> bytes:
        """The FIX message's bytes, of FIX_IN and FIX_OUT."""
        return self.payload[1:]

    def json(self) -> dict[str, Any]:
        """The payload of a json record."""
        value = json.loads(self.payload)
        if not isinstance(value, dict):
            raise JournalError(self.offset, f"{self.kind.name} record's payload is not a JSON object")
        return value


def fix_payload(session: int, raw: bytes) -> bytes:
    """The payload of FIX_IN and FIX_OUT: session number 0..255, then the message."""
    return _SESSION[session] + raw


def json_payload(value: dict[str, Any]) -> bytes:
    """The payload of a json record: sorted keys and no spaces, so that equal facts are equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class JournalWriter:
    """Turns records into bytes and keeps the chain. `take` hands over what is to be written; nothing here
    writes.

    Records become bytes together, when they are taken: one after the other they cost half as much as each at
    its moment. Hashing is put off further, to `settle` (call it when there is time; a CHAIN record settles by
    itself).
    """

    def __init__(self, index: int = 0, offset: int = 0, sha256: "hashlib._Hash | None" = None) -> None:
        """A new journal, or one continued: its next index, its length in bytes, and the hash of those
        bytes.
        """
        self.index = index
        self.offset = offset
        self.flags = 0
        """Put into every record from now on."""
        self.unhashed_bytes = 0
        self._sha256 = hashlib.sha256() if sha256 is None else sha256.copy()
        self._pending: list[tuple[int, int, int, int, bytes]] = []  # kind, flags, index, time_ns, payload
        self._sealed: list[bytes] = []  # joined, not yet taken
        self._unhashed: list[bytes] = []  # joined, not yet in the hash
        self._last_time_ns = 0

    def append(self, kind: int, time_ns: int, payload: bytes) -> int:
        """Add one record, and a CHAIN record when its turn has come; returns the record's index."""
        size = len(payload)
        if size > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a journal record of {size} bytes is over {MAX_PAYLOAD_BYTES}")
        index = self.index
        self._pending.append((kind, self.flags, index, time_ns, payload))
        self.offset += HEADER_BYTES + size
        self.index = index + 1
        self._last_time_ns = time_ns
        if index % CHAIN_EVERY == CHAIN_EVERY - 2:
            self.chain()
        return index

    def chain(self) -> None:
        """Add a CHAIN record now. Its time is the last record's, so that equal inputs give equal bytes."""
        self._seal()
        self.settle()
        self.append(Kind.CHAIN, self._last_time_ns, self._sha256.digest())

    def take(self) -> bytes:
        """What was added since the last take, to be written in one go."""
        self._seal()
        taken = self._sealed[0] if len(self._sealed) == 1 else b"".join(self._sealed)
        self._sealed.clear()
        return taken

    def settle(self) -> None:
        """Bring the hash up to all that was taken. Takes about 1 ms a megabyte."""
        for block in self._unhashed:
            self._sha256.update(block)
        self._unhashed.clear()
        self.unhashed_bytes = 0

    def head(self) -> str:
        """The SHA-256 of all bytes so far, in hex."""
        self._seal()
        self.settle()
        return self._sha256.hexdigest()

    def _seal(self) -> None:
        if self._pending:
            parts: list[bytes] = []
            for kind, flags, index, time_ns, payload in self._pending:
                size = len(payload)
                rest = _REST.pack(kind, VERSION, flags, index, time_ns)
                parts += (_LEAD.pack(size, crc32(payload, crc32(rest, size))), rest, payload)
            block = b"".join(parts)
            self._pending.clear()
            self._sealed.append(block)
            self._unhashed.append(block)
            self.unhashed_bytes += len(block)


class Reader:
    """Iterates over the records in `buffer`, checking CRC, index and chain; afterwards says how the bytes
    ended.

    `buffer` may be a later part of a journal: `base` is then the offset of its first byte, `index` the
    number of its first record and `sha256` the hash of all before it. JournalError on corruption.
    """

    def __init__(
        self, buffer: Buffer, base: int = 0, index: int = 0, sha256: "hashlib._Hash | None" = None
    ) -> None:
        self._buffer = buffer
        self._base = base
        self._hashed = 0
        self._sha256 = hashlib.sha256() if sha256 is None else sha256.copy()
        self._position = 0
        self.index = index
        self.torn_bytes = 0
        self.chained = True
        """Whether the last record read was a CHAIN record: an orderly end."""

    @property
    def offset(self) -> int:
        """The journal offset after the last record read."""
        return self._base + self._position

    def __iter__(self) -> Iterator[Record]:
        buffer, end = self._buffer, len(self._buffer)
        while self._position < end:
            position = self._position
            fault = _fault(buffer, position, end)
            if fault is not None:
                self._ended(position, end, fault)
                return
            size = _LEAD.unpack_from(buffer, position)[0]
            kind, _, flags, index, time_ns = _REST.unpack_from(buffer, position + _LEAD.size)
            payload = bytes(buffer[position + HEADER_BYTES : position + HEADER_BYTES + size])
            record = Record(_KINDS[kind], flags, index, time_ns, payload, self._base + position)
            self._check(record, position)
            self._position = position + HEADER_BYTES + size
            self.index = index + 1
            self.chained = kind == Kind.CHAIN
            yield record

    def sha256(self) -> "hashlib._Hash":
        """The hash of all bytes up to `offset`."""
        self._hash_to(self._position)
        return self._sha256.copy()

    def _check(self, record: Record, position: int) -> None:
        if record.number != self.index:
            raise JournalError(record.offset, f"record index {record.number}, expected {self.index}")
        if record.kind == Kind.CHAIN:
            self._hash_to(position)
            if record.payload != self._sha256.digest():
                rule = f"CHAIN record {record.number} does not match the bytes before it"
                raise JournalError(record.offset, rule)
        elif record.number % CHAIN_EVERY == CHAIN_EVERY - 1:
            rule = f"record {record.number} must be a CHAIN record, is {record.kind.name}"
            raise JournalError(record.offset, rule)

    def _hash_to(self, position: int) -> None:
        if position > self._hashed:
            self._sha256.update(memoryview(self._buffer)[self._hashed : position])
            self._hashed = position

    def _ended(self, position: int, end: int, fault: str) -> None:
        """Bytes that are no record: the zeros of preallocation, a torn record, or corruption."""
        remaining = _NOT_ZERO.search(self._buffer, position)
        if remaining is None:
            return
        if self.index == 0 and not _may_begin(self._buffer, end):
            raise JournalError(self._base + position, f"{fault}: this is no journal")
        for found in _CANDIDATE.finditer(self._buffer, position + 1 + _LEAD.size):
            later = found.start() - _LEAD.size
            if later > position and _fault(self._buffer, later, end) is None:
                rule = f"{fault}, and records follow at {self._base + later}: not a torn tail"
                raise JournalError(self._base + position, rule)
        self.torn_bytes = end - position


def _may_begin(buffer: Buffer, end: int) -> bool:
    """Whether these bytes may be a journal's first record, cut by a crash, with zeros after the cut.

    Whatever else is there is somebody's, and is not to be cut off as a torn tail.
    """
    if end < HEADER_BYTES:
        return True
    kind, version = buffer[_LEAD.size], buffer[_LEAD.size + 1]
    size = int(_LEAD.unpack_from(buffer)[0])
    return size <= MAX_PAYLOAD_BYTES and (kind == 0 or kind in _KINDS) and version in (0, VERSION)


def _fault(buffer: Buffer, position: int, end: int) -> str | None:
    """Why no record stands at `position`, or None if one does."""
    if end - position < HEADER_BYTES:
        return f"header cut after {end - position} of {HEADER_BYTES} bytes"
    size, crc = _LEAD.unpack_from(buffer, position)
    if size > MAX_PAYLOAD_BYTES:
        return f"record length {size} is over {MAX_PAYLOAD_BYTES}"
    last = position + HEADER_BYTES + size
    if last > end:
        return f"record of {size} bytes cut after {end - position - HEADER_BYTES}"
    kind, version = buffer[position + _LEAD.size], buffer[position + _LEAD.size + 1]
    if crc32(buffer[position + _LEAD.size : last], size) != crc:
        return "CRC does not match"
    if version != VERSION:
        return f"record version {version}, this program reads {VERSION}"
    if kind not in _KINDS:
        return f"record kind {kind} is unknown"
    return None
