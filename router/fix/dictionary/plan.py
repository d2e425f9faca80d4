"""What a message of one type may hold, place by place: header, body and trailer, and each repeating group.

The specification nests components in messages and in groups. Here components are dissolved: a `Place` is the
message itself or the entry of a group, with its fields in their order. What remains of a component is its
`unit`: fields that it requires are required where any of its fields is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from router.fix.dictionary.tables import Items, Member, Reference, Tables

HEADER: Final = 0
BODY: Final = 1
TRAILER: Final = 2
ANYWHERE: Final = 3  # a custom field: in the message or in an entry, and it ends no group

ALWAYS: Final = 0  # the unit of what is no part of an optional component


@dataclass(slots=True)
class Slot:
    """One field in its place."""

    tag: int
    section: int
    unit: int
    required: bool
    group: Place | None = None


@dataclass(slots=True)
class Place:
    """The message itself (`count_tag` 0), or the entry of a repeating group. Slots are in order."""

    count_tag: int = 0
    slots: list[Slot] = field(default_factory=list)
    outer_units: list[int] = field(default_factory=lambda: [ALWAYS])
    """For each unit of this place the one that it is part of."""

    @property
    def first_tag(self) -> int:
        """The field that begins an entry."""
        return self.slots[0].tag


def place_of(tables: Tables, msg_type: str, custom: Iterable[int] = ()) -> Place:
    """The message, with the groups in it. A type that the tables lack has a header and a trailer only.

    `custom`: tags that may be in it besides.
    """
    place = Place()
    message = tables.messages.get(msg_type)
    _add(place, tables, tables.header, HEADER, ALWAYS)
    _add(place, tables, message.items if message is not None else (), BODY, ALWAYS)
    _add(place, tables, tables.trailer, TRAILER, ALWAYS)
    known = {slot.tag for slot in place.slots}
    place.slots += [Slot(tag, ANYWHERE, ALWAYS, required=False) for tag in custom if tag not in known]
    return place


def _add(place: Place, tables: Tables, items: Items, section: int, unit: int) -> None:
    """A tag that stands twice in one place keeps its first position."""
    by_tag = {slot.tag: slot for slot in place.slots}
    for item in items:
        if isinstance(item, Reference):
            inner = unit
            if not item.required:
                place.outer_units.append(unit)
                inner = len(place.outer_units) - 1
            _add(place, tables, tables.components[item.component], section, inner)
            by_tag = {slot.tag: slot for slot in place.slots}
        elif item.tag not in by_tag:
            slot = Slot(item.tag, section, unit, item.required, _entry(tables, item))
            by_tag[item.tag] = slot
            place.slots.append(slot)


def _entry(tables: Tables, member: Member) -> Place | None:
    if member.group is None:
        return None
    entry = Place(member.tag)
    _add(entry, tables, member.group, BODY, ALWAYS)
    return entry
