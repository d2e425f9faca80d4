"""The FIX messages of a journal as people read them, one record after the other.

A message is a headline (journal's time, direction, session, what it is, its number, SendingTime) and its
fields below. The journal's START and OPERATOR records say what the sessions are called. No file and no clock
here; whatever journal it is, passwords are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from router.fix import tags
from router.fix.codec import Garbled, Message, parse
from router.fix.decimals import time_to_wire
from router.fix.dictionary import Dictionary, load
from router.fix.kernels import NO_TIME, POSS_DUP, POSS_RESEND
from router.fix.versions import FIX44, VERSIONS
from router.fixwords import Line, body, piped, piped_bytes, printable
from router.journal import Kind, Record
from router.records import LINK_DOWN, LINK_UP, unpack_garbled

IN: Final = "in"
OUT: Final = "out"
INDENT: Final = 4

_ARROWS: Final = {IN: ("<- ", "bold cyan"), OUT: ("-> ", "bold yellow")}
_BY_BEGIN_STRING: Final = {version.begin_string.encode(): version for version in VERSIONS.values()}
_MS_NS: Final = 1_000_000

# Whoever asks by one of these fields is answered by the first message of the other side that has it.
_ASKS: Final = (
    tags.CL_ORD_ID, tags.TEST_REQ_ID, tags.MD_REQ_ID, tags.MASS_STATUS_REQ_ID, tags.ORD_STATUS_REQ_ID,
    tags.SECURITY_REQ_ID, tags.SECURITY_STATUS_REQ_ID,
)  # fmt: skip
_MAX_ASKED: Final = 100_000
_ANSWERED: Final = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are shown; what is empty leaves the choice open. `until_ns` itself is not included.

    `sessions`: their names, or parts of them.
    `tags`: a message has each of these fields, with that value where one is given.
    """

    sessions: frozenset[str] = frozenset()
    types: frozenset[bytes] = frozenset()
    tags: tuple[tuple[int, bytes | None], ...] = ()
    direction: str = ""
    since_ns: int = 0
    until_ns: int = 2**63 - 1

    @property
    def by_content(self) -> bool:
        """Whether messages are chosen by what they say, so that nothing but messages is of interest."""
        return bool(self.types or self.tags or self.direction)

    def covers(self, record: Record, session: str) -> bool:
        """Whether a record is of a session and of the time asked for."""
        named = not self.sessions or any(part in session for part in self.sessions)
        return named and self.since_ns <= record.time_ns < self.until_ns

    def takes(self, message: Message, direction: str) -> bool:
        if self.direction not in ("", direction) or (self.types and message.msg_type not in self.types):
            return False
        fields = message.fields() if self.tags else []
        return all(
            any(tag == wanted and value in (None, wire) for tag, wire in fields)
            for wanted, value in self.tags
        )


class FixLog:
    """Records in, lines out."""

    def __init__(self, only: Filter, *, raw: bool = False, latency: bool = False) -> None:
        self.only = only
        self._raw = raw
        self._latency = latency
        self._asked: dict[tuple[int, str, int, bytes], int] = {}
        self.sessions: list[str] = []
        """Names, by their number in the journal."""

    def lines(self, record: Record) -> Iterator[Line]:
        match record.kind:
            case Kind.FIX_IN:
                yield from self._message(record, IN)
            case Kind.FIX_OUT:
                yield from self._message(record, OUT)
            case Kind.LINK:
                yield from self._link(record)
            case Kind.START:
                self.sessions = [str(spec["name"]) for spec in record.json()["sessions"]]
                yield from self._started(record)
            case Kind.OPERATOR:
                added = record.json().get("sessions", ())
                self.sessions += [str(spec["name"]) for spec in added]

    def _name(self, record: Record) -> str:
        number = record.session
        return self.sessions[number] if number < len(self.sessions) else f"session {number}"

    def _started(self, record: Record) -> Iterator[Line]:
        only = self.only
        if not only.by_content and not only.sessions and only.covers(record, ""):
            yield Line(0, _when(record).append("== the router starts", "bold"))

    def _link(self, record: Record) -> Iterator[Line]:
        name = self._name(record)
        state = {LINK_UP: "connected", LINK_DOWN: "disconnected"}.get(record.payload[1])
        if state is not None and not self.only.by_content and self.only.covers(record, name):
            yield Line(0, _when(record).append("== ").append(name, "bold").append(f" {state}"))

    def _message(self, record: Record, direction: str) -> Iterator[Line]:
        name = self._name(record)
        covered = self.only.covers(record, name)
        if not covered and not self._latency:
            return
        message = unpack_garbled(record.raw) or parse(record.raw)
        if isinstance(message, Garbled):
            if covered and not self.only.types and not self.only.tags and self.only.direction != OUT:
                yield from _garbled(record, name, message)
            return
        took_ns = self._answer_ns(record, message, direction) if self._latency else None
        if not covered or not self.only.takes(message, direction):
            return
        known = load(_BY_BEGIN_STRING.get(message.get(tags.BEGIN_STRING) or b"", FIX44))
        headline = _headline(record, name, message, known, direction)
        if self._latency:
            headline.append(_latencies(record, message, direction, took_ns), "magenta")
        yield Line(0, headline)
        if self._raw:
            yield Line(INDENT, Text(piped(message)))
        else:
            yield from body(message, known, INDENT)

    def _answer_ns(self, record: Record, message: Message, direction: str) -> int | None:
        """How long ago the other side asked what this message is the first to answer; None if it did not."""
        if message.flags & POSS_DUP:
            return None
        took_ns: int | None = None
        other = IN if direction == OUT else OUT
        for tag in _ASKS:
            wire = message.get(tag)
            if wire is None:
                continue
            asked_ns = self._asked.get((record.session, other, tag, wire))
            if asked_ns is None:
                if len(self._asked) >= _MAX_ASKED:
                    del self._asked[next(iter(self._asked))]
                self._asked.setdefault((record.session, direction, tag, wire), record.time_ns)
            elif asked_ns != _ANSWERED:
                self._asked[(record.session, other, tag, wire)] = _ANSWERED
                took_ns = record.time_ns - asked_ns if took_ns is None else took_ns
        return took_ns


def utc(time_ns: int) -> str:
    """2026-01-05 10:00:00.123456789"""
    wire = time_to_wire(time_ns, 9).decode()
    return f"{wire[:4]}-{wire[4:6]}-{wire[6:8]} {wire[9:]}"


def _when(record: Record) -> Text:
    return Text.assemble((utc(record.time_ns), "dim"), " ")


def _latencies(record: Record, message: Message, direction: str, took_ns: int | None) -> str:
    """From SendingTime(52) to the journal, of what came in; and since the request that this answers."""
    text = ""
    if direction == IN and message.sending_time_ns > NO_TIME:
        text += f"  transit {_ms(record.time_ns - message.sending_time_ns)}"
    return text if took_ns is None else f"{text}  answer {_ms(took_ns)}"


def _ms(time_ns: int) -> str:
    return f"{time_ns / _MS_NS:,.3f} ms"


def _headline(record: Record, name: str, message: Message, known: Dictionary, direction: str) -> Text:
    text = _when(record)
    text.append(*_ARROWS[direction]).append(name, "bold").append("  ")
    kind = printable(message.msg_type)
    text.append(f"{known.message_name(message.msg_type) or 'MsgType'}({kind})", "bold green")
    text.append(f" {message.seq}" if message.seq > 0 else " no MsgSeqNum")
    for flag, mark in ((POSS_DUP, "PossDup"), (POSS_RESEND, "PossResend")):
        if message.flags & flag:
            text.append(f" {mark}", "bold red")
    sent = printable(message.get(tags.SENDING_TIME) or b"")
    if sent.startswith(time_to_wire(record.time_ns, 0)[:9].decode()):
        sent = sent[9:]  # of the day that the line begins with
    return text.append(f"  sent {sent}" if sent else "  no SendingTime", "dim")


def _garbled(record: Record, name: str, garbled: Garbled) -> Iterator[Line]:
    what = f"garbled: {garbled.reason} ({garbled.size} bytes)"
    yield Line(
        0, _when(record).append(*_ARROWS[IN]).append(name, "bold").append("  ").append(what, "bold red")
    )
    yield Line(INDENT, Text(piped_bytes(garbled.raw)))
