"""A FIX message in words: names of fields and values, repeating groups as lines of their own, no secrets.

Texts carry styles, which a terminal shows and a file leaves out. What a peer sent is shown so that it cannot
steer a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from rich.text import Text

from router.fix import tags
from router.fix.codec import Message
from router.fix.dictionary import Dictionary, GroupOrder

MASK: Final = b"***"
LONGEST: Final = 400  # characters of one value
STEP: Final = 2

# Password, NewPassword, EncryptedPassword and EncryptedNewPassword; in a Logon also RawData, which is where
# passwords were before FIX 4.3.
_SECRET: Final = frozenset({554, 925, 1402, 1404})
_RAW_DATA: Final = 96
_SECRET_VALUE: Final = re.compile(rb"(?<![0-9])((?:554|925)=)[^\x01|]*")
_SECRET_DATA: Final = re.compile(rb"(?<![0-9])((?:1402|1404|96)=).*", re.DOTALL)
_HEADLINE: Final = frozenset({8, 9, 10, 34, 35, 43, 49, 52, 56, 97})
"""Fields that a headline says, or framing means."""


class Line(NamedTuple):
    """One line: how far it is indented, and what it says."""

    indent: int
    text: Text


def is_secret(tag: int, msg_type: bytes) -> bool:
    return tag in _SECRET or (tag == _RAW_DATA and msg_type == tags.LOGON)


def piped(message: Message) -> str:
    """The whole message as it was sent, with | for the delimiter and secrets masked."""
    fields = [
        b"%d=%b|" % (tag, MASK if is_secret(tag, message.msg_type) else wire)
        for tag, wire in message.fields()
    ]
    return printable(b"".join(fields))


def piped_bytes(raw: bytes) -> str:
    """Bytes that are no message, likewise. From a field of secret data on nothing is shown: it has no end."""
    without = _SECRET_VALUE.sub(rb"\1" + MASK, _SECRET_DATA.sub(rb"\1" + MASK, raw))
    return printable(without.replace(tags.SOH, b"|"))


def printable(wire: bytes) -> str:
    """Text as it was meant, if it is UTF-8; what would steer a terminal is shown as an escape."""
    text = wire.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def body(message: Message, known: Dictionary, indent: int) -> Iterator[Line]:
    """What the headline does not say, in the order of the message."""
    fields = [(tag, wire) for tag, wire in message.fields() if tag not in _HEADLINE]
    at = 0
    groups = known.group_order(message.msg_type)
    while at < len(fields):
        at, lines = _run(fields, at, groups, message.msg_type, known, indent)
        yield from lines


Fields = list[tuple[int, bytes]]


def _run(
    fields: Fields, at: int, groups: Mapping[int, GroupOrder], msg_type: bytes, known: Dictionary, indent: int
) -> tuple[int, list[Line]]:
    """Fields up to the end of the next group, or of the message."""
    words: list[Text] = []
    while at < len(fields):
        tag, wire = fields[at]
        words.append(_field(tag, wire, msg_type, known))
        at += 1
        if tag in groups:
            at, entries = _entries(fields, at, groups[tag], msg_type, known, indent + STEP)
            return at, [Line(indent, _joined(words)), *entries]
    return at, [Line(indent, _joined(words))] if words else []


def _entries(
    fields: Fields, at: int, order: GroupOrder, msg_type: bytes, known: Dictionary, indent: int
) -> tuple[int, list[Line]]:
    """The entries of a group, one a line, with the groups in them below; what is no part of it ends it."""
    lines: list[Line] = []
    members = frozenset(order.tags)
    words: list[Text] = []
    while at < len(fields) and fields[at][0] in members:
        tag, wire = fields[at]
        if tag == order.tags[0] and words:
            lines.append(Line(indent, _joined(words)))
            words = []
        words.append(_field(tag, wire, msg_type, known))
        at += 1
        if tag in order.groups:
            lines.append(Line(indent, _joined(words)))
            words = []
            at, inner = _entries(fields, at, order.groups[tag], msg_type, known, indent + STEP)
            lines += inner
    if words:
        lines.append(Line(indent, _joined(words)))
    return at, lines


def _joined(words: list[Text]) -> Text:
    return Text("  ").join(words)


def _field(tag: int, wire: bytes, msg_type: bytes, known: Dictionary) -> Text:
    """`Side(54)=1 Buy`"""
    text = Text.assemble((known.tag_name(tag) or "Tag", "cyan"), (f"({tag})", "dim"), "=")
    if is_secret(tag, msg_type):
        return text.append(MASK.decode(), "bold red")
    value = printable(wire)
    if len(value) > LONGEST:
        value = f"{value[:LONGEST]}... ({len(wire)} bytes)"
    text.append(value, "bold")
    meaning = known.message_name(wire) if tag == tags.REF_MSG_TYPE else known.value_name(tag, wire)
    if meaning is not None:
        text.append(f" {meaning}", "green")
    return text
