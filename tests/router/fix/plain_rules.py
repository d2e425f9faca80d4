"""The rules of `Validation`, field by field, in plain Python: the kernel is compared with this.

It shares the tables and the places with the kernel, and nothing of what reads a message.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from router.fix import fault as reasons
from router.fix.codec import Message
from router.fix.dictionary.plan import ALWAYS, ANYWHERE, HEADER, Place, Slot, place_of
from router.fix.dictionary.tables import Field, Tables
from router.fix.dictionary.validation import (
    EMPTY_VALUES,
    FIELD_ORDER,
    FIRST_USER_TAG,
    GROUPS,
    REPEATED_TAGS,
    REQUIRED,
    TYPES,
    UNKNOWN_TAGS,
    USER_TAGS,
    VALUES,
)  # fmt: skip


@dataclass(slots=True)
class Open:
    """A place that is being read; for a group, how many entries are announced and have begun."""

    place: Place
    by_tag: dict[int, Slot]
    announced: int = -1
    entries: int = 0
    at: int = -1
    seen: set[int] = field(default_factory=set)
    units: set[int] = field(default_factory=lambda: {ALWAYS})


class Walk:
    """One message against its place. `find` gives (reason, tag, tag that explains) or None."""

    def __init__(self, tables: Tables, custom: dict[int, str], message: Message, bits: int) -> None:
        self.tables = tables
        place = place_of(tables, message.msg_type.decode("latin-1"), custom)
        self.custom = custom
        self.place = place
        self.row = 0
        self.custom_only = {slot.tag: slot for slot in place.slots if slot.section == ANYWHERE}
        self.kinds = {**{made.tag: made.type for made in tables.fields.values()}, **custom}
        self.message = message
        self.bits = bits
        self.stack = [Open(place, {slot.tag: slot for slot in place.slots})]
        self.everywhere = _tags(place)
        self.section = HEADER

    def find(self) -> tuple[int, int, int] | None:
        """What comes first on the wire; a group's wrong number stands where the number does."""
        found = self._find()
        if found is not None and self.bits & GROUPS:
            wrong = self._miscounts()
            if wrong and min(wrong)[0] < self.row:
                _, tag, entries = min(wrong)
                return reasons.GROUP_COUNT_INCORRECT, tag, entries
        return found

    def _miscounts(self) -> list[tuple[int, int, int]]:
        """(row, tag, entries) of every group whose number is wrong, by what its first field says."""
        slots = {slot.tag: slot for slot in self.place.slots}
        fields = [(row, tag, value) for row, (tag, value) in enumerate(self.message.fields())]
        wrong: list[tuple[int, int, int]] = []

        def level(at: int, members: dict[int, Slot], around: set[int], first: int) -> tuple[int, int]:
            entries = 0
            while at < len(fields):
                row, tag, value = fields[at]
                slot = members.get(tag)
                if slot is None and tag in around and self.custom_only.get(tag) is None:
                    return at, entries
                at += 1
                if slot is None or slot.section == ANYWHERE:
                    continue
                entries += tag == first
                if slot.group is not None:
                    inner = {one.tag: one for one in slot.group.slots}
                    at, found = level(at, inner, around | set(members), slot.group.first_tag)
                    if value.isdigit() and len(value) < 19 and int(value) != found:
                        wrong.append((row, tag, found))
            return at, entries

        level(0, slots, set(), 0)
        return wrong

    def _find(self) -> tuple[int, int, int] | None:
        before = 0
        for row, (tag, value) in enumerate(self.message.fields()):
            self.row = row
            found = self._field(tag, value, before)
            if found is not None:
                return found
            before = tag
        while len(self.stack) > 1:
            found = self._close()
            if found is not None:
                return found
        return self._missing(self.stack[0])

    def _field(self, tag: int, value: bytes, before: int) -> tuple[int, int, int] | None:
        bits = self.bits
        if bits & EMPTY_VALUES and not value:
            return reasons.TAG_WITHOUT_VALUE, tag, 0
        depth = self._depth(tag)
        if depth < 0:
            return self._stray(tag)
        slot = self.stack[depth].by_tag[tag]
        if slot.section == ANYWHERE:
            top = self.stack[0]
            if bits & REPEATED_TAGS and len(self.stack) == 1 and tag in top.seen:
                return reasons.TAG_REPEATED, tag, 0
            top.seen.add(tag)
            return self._value(tag, value, before)
        while len(self.stack) - 1 > depth:
            found = self._close()
            if found is not None:
                return found
        found = self._place(slot) or self._value(tag, value, before)
        if found is not None:
            return found
        if slot.group is not None:
            announced = int(value) if value.isdigit() and len(value) < 19 else -1
            if announced < 0 and bits & GROUPS:
                return reasons.INCORRECT_FORMAT, tag, 0
            by_tag = {inner.tag: inner for inner in slot.group.slots}
            self.stack.append(Open(slot.group, by_tag, announced))
        return None

    def _depth(self, tag: int) -> int:
        """The innermost open place that has this field; -1 if none has."""
        return max((depth for depth, frame in enumerate(self.stack) if tag in frame.by_tag), default=-1)

    def _stray(self, tag: int) -> tuple[int, int, int] | None:
        if tag in self.everywhere:  # a group's field outside its group
            return (reasons.NOT_OF_THIS_MESSAGE, tag, self.everywhere[tag]) if self.bits & GROUPS else None
        if tag >= FIRST_USER_TAG and tag not in self._known():
            return (reasons.INVALID_TAG_NUMBER, tag, 0) if self.bits & USER_TAGS else None
        if not self.bits & UNKNOWN_TAGS:
            return None
        known = tag in self._known()
        return (reasons.NOT_OF_THIS_MESSAGE if known else reasons.INVALID_TAG_NUMBER), tag, 0

    def _known(self) -> Collection[int]:
        kind = self.tables.messages.get(self.message.msg_type.decode("latin-1"))
        return self.tables.session_tags if kind is not None and kind.is_admin else self.tables.fields

    def _place(self, slot: Slot) -> tuple[int, int, int] | None:
        bits, frame, tag = self.bits, self.stack[-1], slot.tag
        if frame.place.count_tag:
            position = frame.place.slots.index(slot)
            if position == 0:
                found = self._missing(frame) if frame.entries else None
                if found is not None:
                    return found
                frame.entries += 1
                frame.seen, frame.units = set(), {ALWAYS}
            elif bits & GROUPS and not frame.entries:
                return reasons.GROUP_OUT_OF_ORDER, tag, -frame.place.first_tag
            elif bits & REPEATED_TAGS and tag in frame.seen:
                return reasons.TAG_REPEATED, tag, 0
            elif bits & GROUPS and position < frame.at:
                return reasons.GROUP_OUT_OF_ORDER, tag, frame.place.slots[frame.at].tag
            frame.at = position
        else:
            if bits & REPEATED_TAGS and tag in frame.seen:
                return reasons.TAG_REPEATED, tag, 0
            if bits & FIELD_ORDER and slot.section < self.section:
                return reasons.TAG_OUT_OF_ORDER, tag, 0
            self.section = max(self.section, slot.section)
        frame.seen.add(tag)
        unit = slot.unit
        while unit not in frame.units:
            frame.units.add(unit)
            unit = frame.place.outer_units[unit]
        return None

    def _value(self, tag: int, value: bytes, before: int) -> tuple[int, int, int] | None:
        made = self.tables.fields.get(tag)
        kind = self.kinds.get(tag, "String")
        if self.bits & FIELD_ORDER and kind == "data":
            length = next((made.tag for made in self.tables.fields.values() if made.data_tag == tag), before)
            if before != length:
                return reasons.TAG_OUT_OF_ORDER, tag, length
        if not value:
            return None
        if self.bits & TYPES and not conforms(kind, value):
            return reasons.INCORRECT_FORMAT, tag, 0
        if (
            self.bits & VALUES
            and tag not in self.custom
            and made is not None
            and made.values
            and not allowed(made, kind, value)
        ):
            return reasons.VALUE_INCORRECT, tag, 0
        return None

    def _close(self) -> tuple[int, int, int] | None:
        frame = self.stack.pop()
        if self.bits & GROUPS and frame.entries != frame.announced:
            return reasons.GROUP_COUNT_INCORRECT, frame.place.count_tag, frame.entries
        return self._missing(frame) if frame.entries else None

    def _missing(self, frame: Open) -> tuple[int, int, int] | None:
        if self.bits & REQUIRED:
            for slot in frame.place.slots:
                if slot.required and slot.unit in frame.units and slot.tag not in frame.seen:
                    return reasons.REQUIRED_TAG_MISSING, slot.tag, frame.place.count_tag
        return None


def allowed(made: Field, kind: str, value: bytes) -> bool:
    """Whether a value is one of the field's list, or of the open range beside it."""
    listed = {wire.encode() for wire, _ in made.values}
    if kind.startswith("Multiple"):
        return all(word in listed for word in value.split(b" "))
    if value in listed:
        return True
    if made.floor.endswith("+"):
        return value.isdigit() and len(value) < 19 and int(value) >= int(made.floor[:-1])
    return bool(made.floor) and conforms(made.floor, value)


def _tags(place: Place, count_tag: int = 0) -> dict[int, int]:
    """Every tag of a message with the group that has it, 0 for none."""
    found: dict[int, int] = {}
    for slot in place.slots:
        found.setdefault(slot.tag, count_tag)
        if slot.group is not None:
            found = {**_tags(slot.group, slot.tag), **found}
    return found


# The forms of values, by FIX's data types

_DIGITS: Final = re.compile(rb"[0-9]+")
_INT: Final = re.compile(rb"-?[0-9]+")
_FLOAT: Final = re.compile(rb"-?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DAY: Final = re.compile(rb"0?[1-9]|[12][0-9]|3[01]")
_CHARS: Final = re.compile(rb"[!-~]( [!-~])*")
_WORDS: Final = re.compile(rb"[!-~]+( [!-~]+)*")
_TIME: Final = rb"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
_FRACTION: Final = rb"(\.[0-9]{3}|\.[0-9]{6}|\.[0-9]{9}|\.[0-9]{12})?"
_TZ_TIME: Final = (
    rb"([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)" + _FRACTION + rb")?"
    rb"(Z|[+-](0[0-9]|1[0-4])(:[0-5][0-9])?)?"
)
_DATE: Final = rb"[0-9]{8}"

_FORMS: Final = {
    "char": re.compile(rb"[^\x01]", re.DOTALL),
    "Boolean": re.compile(rb"[YN]"),
    "int": _INT,
    "Length": _DIGITS, "NumInGroup": _DIGITS, "SeqNum": _DIGITS, "TagNum": _DIGITS,
    "DayOfMonth": _DAY,
    "float": _FLOAT, "Qty": _FLOAT, "Price": _FLOAT, "PriceOffset": _FLOAT, "Amt": _FLOAT,
    "Percentage": _FLOAT,
    "MultipleCharValue": _CHARS, "MultipleStringValue": _WORDS,
    "Country": re.compile(rb"[A-Z]{2}"), "Currency": re.compile(rb"[A-Z]{3}"),
    "Language": re.compile(rb"[a-z]{2}"),
    "Exchange": re.compile(rb"[!-~]+"),
    "UTCTimestamp": re.compile(_DATE + rb"-" + _TIME + _FRACTION),
    "UTCTimeOnly": re.compile(_TIME + _FRACTION),
    "UTCDateOnly": re.compile(_DATE), "LocalMktDate": re.compile(_DATE), "LocalMktTime": re.compile(_TIME),
    "MonthYear": re.compile(rb"[0-9]{6}([0-9]{2}|w[1-5])?"),
    "TZTimeOnly": re.compile(_TZ_TIME), "TZTimestamp": re.compile(_DATE + rb"-" + _TZ_TIME),
}  # fmt: skip
_DATED: Final = frozenset({"UTCTimestamp", "UTCDateOnly", "LocalMktDate", "TZTimestamp"})
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def conforms(kind: str, value: bytes) -> bool:
    """Whether a value has the form of its type. Strings and data have every form."""
    form = _FORMS.get(kind)
    if form is None:
        return True
    if form.fullmatch(value) is None:
        return False
    if kind in _DATED:
        return _is_day(value[:8])
    if kind == "MonthYear":
        return _is_day(value) if len(value) == 8 and b"w" not in value else 1 <= int(value[4:6]) <= 12
    return True


def _is_day(digits: bytes) -> bool:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1] + (month == 2 and leap)
