"""The rules of `Validation`, field by field, in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.fix import fault as reasons
from router.fix.codec import Message
from router.fix.dictionary.plan import ALWAYS, ANYWHERE, HEADER, Place, Slot
from router.fix.dictionary.tables import Field, Tables
from router.fix.dictionary.types import conforms
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

    def __init__(
        self, tables: Tables, kinds: dict[int, str], place: Place, message: Message, bits: int
    ) -> None:
        self.tables = tables
        self.kinds = kinds
        self.message = message
        self.bits = bits
        self.stack = [Open(place, {slot.tag: slot for slot in place.slots})]
        self.everywhere = _tags(place)
        self.section = HEADER

    def find(self) -> tuple[int, int, int] | None:
        before = 0
        for tag, value in self.message.fields():
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
            return self._value(tag, value)
        while len(self.stack) - 1 > depth:
            found = self._close()
            if found is not None:
                return found
        found = self._place(slot, before) or self._value(tag, value)
        if found is not None:
            return found
        if slot.group is not None:
            announced = int(value) if value.isdigit() else -1
            if announced < 0 and bits & GROUPS:
                return reasons.INCORRECT_FORMAT, tag, 0
            by_tag = {inner.tag: inner for inner in slot.group.slots}
            self.stack.append(Open(slot.group, by_tag, announced))
        return None

    def _depth(self, tag: int) -> int:
        """The innermost open place that this field may continue; -1 if none has it.

        Where an inner place has had the field already and an outer one lists it too, it is the outer's.
        """
        fallback = -1
        for depth in range(len(self.stack) - 1, -1, -1):
            frame = self.stack[depth]
            slot = frame.by_tag.get(tag)
            if slot is None:
                continue
            if depth == 0:
                return fallback if fallback >= 0 and tag in frame.seen else 0
            position = frame.place.slots.index(slot)
            goes_on = (
                frame.entries < frame.announced
                if position == 0
                else position > frame.at and frame.entries > 0
            )
            if goes_on:
                return depth
            fallback = max(fallback, depth)
        return fallback

    def _stray(self, tag: int) -> tuple[int, int, int] | None:
        if tag in self.everywhere:  # a group's field outside its group
            return (reasons.NOT_OF_THIS_MESSAGE, tag, self.everywhere[tag]) if self.bits & GROUPS else None
        if tag >= FIRST_USER_TAG and tag not in self.tables.fields:
            return (reasons.INVALID_TAG_NUMBER, tag, 0) if self.bits & USER_TAGS else None
        if not self.bits & UNKNOWN_TAGS:
            return None
        known = tag in self.tables.fields
        return (reasons.NOT_OF_THIS_MESSAGE if known else reasons.INVALID_TAG_NUMBER), tag, 0

    def _place(self, slot: Slot, before: int) -> tuple[int, int, int] | None:
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
                return reasons.GROUP_OUT_OF_ORDER, tag, frame.place.first_tag
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
        if bits & FIELD_ORDER and self.kinds.get(tag) == "data":
            length = next(made.tag for made in self.tables.fields.values() if made.data_tag == tag)
            if before != length:
                return reasons.TAG_OUT_OF_ORDER, tag, length
        frame.seen.add(tag)
        unit = slot.unit
        while unit not in frame.units:
            frame.units.add(unit)
            unit = frame.place.outer_units[unit]
        return None

    def _value(self, tag: int, value: bytes) -> tuple[int, int, int] | None:
        made = self.tables.fields.get(tag)
        kind = self.kinds.get(tag, "String")
        if not value:
            return None
        if self.bits & TYPES and not conforms(kind, value):
            return reasons.INCORRECT_FORMAT, tag, 0
        if self.bits & VALUES and made is not None and made.values and not allowed(made, kind, value):
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
