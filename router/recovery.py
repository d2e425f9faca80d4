"""Living the journal again: the same inputs at the same times give the same state, byte for byte.

Each input record is handed to the engine, and everything that the engine then writes is held against the
records that follow; a difference names the record (the program or the file has changed). What the engine
writes beyond the end of a cut journal never left: a record is on disk before its bytes are on the wire.
"""

from __future__ import annotations

import json
from collections import deque

from router.config import EngineConfig
from router.engine import Engine
from router.fix.codec import Garbled, parse
from router.journal import JournalError, JournalWriter, Kind, Record
from router.records import (
    LINK_BLOCKED,
    LINK_DOWN,
    LINK_UP,
    LINK_WRITABLE,
    unpack_answer,
    unpack_garbled,
)

INPUTS = frozenset({Kind.START, Kind.FIX_IN, Kind.LINK, Kind.TIMER, Kind.ANSWER, Kind.OPERATOR})


class ReplayError(JournalError):
    """The journal does not replay to what it recorded."""

    def __init__(self, record: Record, why: str) -> None:
        rule = "a journal is gone on with by the release that wrote it"
        super().__init__(record.offset, f"record {record.number}: {why} ({rule})")


class _Captured(JournalWriter):
    """Takes records for comparison instead of for the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[tuple[int, int, bytes]] = deque()

    def append(self, kind: int, time_ns: int, payload: bytes, flags: int = 0) -> int:
        self.records.append((int(kind), time_ns, payload))
        return len(self.records)


class _Ids:
    """The ClOrdIDs that were given out: a start's first number, and one more each."""

    def __init__(self, prefix: str, first: int) -> None:
        self._prefix = prefix
        self._next = first

    @property
    def last(self) -> str:
        return f"{self._prefix}{self._next - 1}"

    def next(self) -> str:
        number = self._next
        self._next += 1
        return f"{self._prefix}{number}"


class Replay:
    """Feed it every record in order; `engine` is then as it was. Records of kind CHAIN are passed over."""

    def __init__(self) -> None:
        self._written = _Captured()
        self.engine = Engine(self._written)
        self.records = 0
        self.last_ns = 0
        self._ids = _Ids("", 0)

    @property
    def last_order_id(self) -> str:
        """The last ClOrdID that was given out."""
        return self._ids.last

    def feed(self, record: Record) -> None:
        """Raises ReplayError where the journal and the engine part."""
        if record.kind is Kind.CHAIN:
            return
        self.records += 1
        self.last_ns = record.time_ns
        if record.kind is Kind.START:
            # The process before died within an input: what that still led to was lived again, but never left.
            self._written.records.clear()
        if not self._written.records:
            if record.kind not in INPUTS:
                raise ReplayError(record, f"{record.kind.name} was written, and nothing here writes it")
            try:
                self._input(record)
            except ReplayError:
                raise
            except Exception as error:  # whatever the engine says of an input that is not what it once took
                what = str(error).splitlines()[0] if str(error) else ""
                raise ReplayError(record, f"{record.kind.name}: {type(error).__name__}: {what}") from error
        kind, time_ns, payload = self._written.records.popleft()
        if (kind, time_ns, payload) != (record.kind, record.time_ns, record.payload):
            raise ReplayError(record, _difference(record, kind, time_ns, payload))

    def _input(self, record: Record) -> None:
        engine, now_ns, payload = self.engine, record.time_ns, record.payload
        match record.kind:
            case Kind.START:
                config = EngineConfig.model_validate_json(payload)
                self._ids = _Ids(config.prefix, config.first_order_number)
                engine.start(config, self._ids, now_ns)
            case Kind.FIX_IN:
                self._message(record)
            case Kind.LINK:
                index, what = payload
                if what in (LINK_UP, LINK_DOWN):
                    engine.link(index, what == LINK_UP, now_ns)
                elif what in (LINK_BLOCKED, LINK_WRITABLE):
                    engine.writable(index, what == LINK_WRITABLE, now_ns)
                else:
                    raise ReplayError(record, f"LINK record says {what}")
            case Kind.TIMER:
                engine.timer(now_ns)
            case Kind.ANSWER:
                engine.answer(unpack_answer(payload), now_ns)
            case _:
                request = json.loads(payload)
                engine.operator(request.pop("command"), request, now_ns)
        self._forget()

    def _message(self, record: Record) -> None:
        garbled = unpack_garbled(record.raw)
        if garbled is not None:
            self.engine.garbled(record.session, garbled, record.time_ns)
            return
        message = parse(record.raw)
        if isinstance(message, Garbled):
            raise ReplayError(record, f"the message is garbled: {message.reason}")
        self.engine.message(record.session, message, record.time_ns)

    def _forget(self) -> None:
        """What was meant for the world has had its effect then."""
        core = self.engine.running
        core.writes.clear()
        core.hangups.clear()
        core.replies.clear()
        core.alerts.clear()
        self.engine.take_decides()


def _difference(record: Record, kind: int, time_ns: int, payload: bytes) -> str:
    if kind != record.kind:
        return f"{record.kind.name} was written, {Kind(kind).name} comes out now"
    if time_ns != record.time_ns:
        return f"{record.kind.name} was written at {record.time_ns} ns, at {time_ns} ns now"
    at = next(
        (n for n, (a, b) in enumerate(zip(payload, record.payload, strict=False)) if a != b),
        min(len(payload), len(record.payload)),
    )
    was, now = record.payload[at : at + 60], payload[at : at + 60]
    return f"{record.kind.name} differs from byte {at} on: {was!r}, now {now!r}"
