"""A version's tables as the flat arrays that kernels.py reads: all values once, a plan for each message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from router.fix.dictionary import kernels
from router.fix.dictionary.plan import Place, Slot
from router.fix.dictionary.tables import Tables
from router.fix.dictionary.validation import FORMS

Integers = npt.NDArray[np.int64]

_FNV_BASIS: Final = 14695981039346656037
_FNV_PRIME: Final = 1099511628211
_LEAST_HASH: Final = 64


def key_of(value: bytes) -> int:
    """What kernels.key makes of a value."""
    size = len(value)
    if size <= 7:
        return (size << (8 * size)) | int.from_bytes(value, "big")
    mixed = _FNV_BASIS
    for byte in value:
        mixed = ((mixed ^ byte) * _FNV_PRIME) % 2**64
    return (mixed >> 2) | 1 << 62


class Values:
    """`codes`: a bit for each tag of the version, and of its session layer; then each field's values in
    ascending order of their keys.
    """

    def __init__(self, tables: Tables) -> None:
        layers = (tables.fields.keys(), tables.session_tags)
        words = np.concatenate([_bits(tags) for tags in layers])
        keys: list[int] = []
        self.spans: dict[int, tuple[int, int]] = {}
        for made in tables.fields.values():
            if made.values:
                first = len(words) + len(keys)
                keys += sorted(key_of(wire.encode()) for wire, _ in made.values)
                self.spans[made.tag] = first, len(words) + len(keys)
        self.codes: Integers = np.concatenate((words, np.array(keys, np.int64)))


def _bits(tags: Iterable[int]) -> Integers:
    known = np.zeros(64 * kernels.KNOWN_WORDS, np.uint8)
    known[[tag for tag in tags if tag < len(known)]] = 1
    return np.packbits(known, bitorder="little").view("<i8")


def plan_of(
    place: Place, tables: Tables, values: Values, custom: dict[int, str], is_admin: bool
) -> tuple[Integers, Integers]:
    """The plan of a message and its scratch. `custom`: types of fields that are not the specification's.
    A message of the session layer is judged by what that layer has.
    """
    places = _all(place)
    lengths = {made.data_tag: made.tag for made in tables.fields.values() if made.data_tag}
    numbers = {id(made): number for number, made in enumerate(places)}
    starts = [0]
    units = [0]
    unit_base = []
    for made in places:
        starts.append(starts[-1] + len(made.slots))
        unit_base.append(len(units) - 1)
        units += [unit_base[-1] + outer if outer else 0 for outer in made.outer_units[1:]]
    offsets = [kernels.SLOTS + kernels.SLOT_COLUMNS * start for start in starts]

    slots: list[list[int]] = []
    table: list[tuple[int, int, int]] = []
    required: list[int] = []
    rows: list[tuple[int, int, int, int]] = []
    in_groups: set[int] = set()
    for number, made in enumerate(places):
        first_required = len(required)
        for index, slot in enumerate(made.slots):
            offset = offsets[number] + kernels.SLOT_COLUMNS * index
            unit = unit_base[number] + slot.unit if slot.unit else 0
            kind, floor = _kind(slot, tables, custom)
            first, end = (0, 0) if slot.tag in custom else values.spans.get(slot.tag, (0, 0))
            group = numbers[id(slot.group)] if slot.group is not None else 0
            length = lengths.get(slot.tag, 0)
            slots.append([slot.tag, number, slot.section, unit, kind, first, end, floor, group, length])
            table.append((number, slot.tag, offset))
            if slot.required:
                required.append(offset)
            if number and slot.tag not in in_groups:
                in_groups.add(slot.tag)
                table.append((-1, slot.tag, offset))
        rows.append((made.count_tag, offsets[number], first_required, len(required)))

    size = _LEAST_HASH
    while size < 2 * len(table):
        size *= 2
    places_at = offsets[-1]
    units_at = places_at + kernels.PLACE_COLUMNS * len(rows)
    required_at = units_at + len(units)
    hash_at = required_at + len(required)
    known_at = kernels.KNOWN_WORDS if is_admin else 0
    head = [size - 1, places_at, units_at, required_at, hash_at, known_at]
    flat = [value for columns in slots for value in columns]
    shifted = [(tag, first, lo + required_at, hi + required_at) for tag, first, lo, hi in rows]
    flat += [value for columns in shifted for value in columns]
    plan = np.concatenate(
        (np.array(head + flat + units + required, np.int64), np.full(3 * size, -1, np.int64))
    )
    kernels.fill(plan, np.array(table, np.int64))
    depth = _depth(place)
    if depth >= kernels.MAX_DEPTH:
        raise ValueError(f"groups within groups are {depth} deep, at most {kernels.MAX_DEPTH - 1} are read")
    return plan, np.zeros(kernels.SEEN + len(slots) + len(units), np.int64)


def _all(place: Place) -> list[Place]:
    """A place and all groups within, outermost first."""
    places = [place]
    for made in places:
        places += [slot.group for slot in made.slots if slot.group is not None]
    return places


def _depth(place: Place) -> int:
    return 1 + max((_depth(slot.group) for slot in place.slots if slot.group is not None), default=0)


def _kind(slot: Slot, tables: Tables, custom: dict[int, str]) -> tuple[int, int]:
    """The numbers of a field's type, and of the range beside its values."""
    if slot.tag in custom:
        return FORMS[custom[slot.tag]], 0
    made = tables.fields[slot.tag]
    if made.floor.endswith("+"):
        return FORMS[made.type], int(made.floor[:-1])
    return FORMS[made.type], -FORMS[made.floor] - 1 if made.floor else 0
