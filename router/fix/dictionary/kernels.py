"""The rules of `Validation` over a whole message, compiled by numba. Nothing is allocated here.

`plan` and `codes` are what packing.py makes of a version's tables: the places of one message type and its
fields' types, and the values of all fields. `scratch` is written: the result, the stack of open places, and
for each field and unit the stamp of the entry in which it was last seen, so that nothing needs clearing.
"""

from typing import Any, Final

import numpy as np
from numba import njit

from router.fix.dictionary.forms import conforms
from router.fix.dictionary.plan import ANYWHERE
from router.fix.dictionary.validation import (
    EMPTY_VALUES,
    FIELD_ORDER,
    FIRST_USER_TAG,
    FORMS,
    GROUPS,
    REPEATED_TAGS,
    REQUIRED,
    TYPES,
    UNKNOWN_TAGS,
    USER_TAGS,
    VALUES,
)
from router.fix.fault import (
    GROUP_COUNT_INCORRECT,
    GROUP_OUT_OF_ORDER,
    INCORRECT_FORMAT,
    INVALID_TAG_NUMBER,
    NOT_OF_THIS_MESSAGE,
    REQUIRED_TAG_MISSING,
    TAG_OUT_OF_ORDER,
    TAG_REPEATED,
    TAG_WITHOUT_VALUE,
    VALUE_INCORRECT,
)
from router.fix.kernels import number

# Layout of `plan`: a head, then a table for each of these at the offset that the head gives
MASK: Final = 0  # size of the hash table less 1
PLACES: Final = 1
UNITS: Final = 2
REQUIREDS: Final = 3
HASH: Final = 4
KNOWN: Final = (
    5  # not an offset in `plan`, but in `codes`: of the bits of the tags that the message's layer has
)
SLOTS: Final = 6  # also the length of the head

# Columns of a slot
TAG: Final = 0
PLACE: Final = 1
SECTION: Final = 2
UNIT: Final = 3  # 0: always
FORM: Final = 4
CODES: Final = 5  # first of its values in `codes`, and the one after the last
CODES_END: Final = 6
FLOOR: Final = 7  # n: any number from n on; -n: any value of form n - 1
GROUP: Final = 8  # the place of its entries, 0: counts none
LENGTH_TAG: Final = 9  # of a data field
SLOT_COLUMNS: Final = 10

# Columns of a place
COUNT_TAG: Final = 0
FIRST: Final = 1  # slot
REQUIRED_FROM: Final = 2
REQUIRED_TO: Final = 3
PLACE_COLUMNS: Final = 4

# Layout of `scratch`
STAMP: Final = 0
FOUND_TAG: Final = 1
FOUND_OTHER: Final = 2
FOUND_ROW: Final = 3
STACK: Final = 4
FRAME: Final = 5  # place, announced, entries, at, stamp
MAX_DEPTH: Final = 16
SEEN: Final = STACK + FRAME * MAX_DEPTH

KNOWN_WORDS: Final = 1024  # a bit for each tag below 65536
GOOD: Final = -1

_DATA: Final = FORMS["data"]
_CHARS: Final = FORMS["MultipleCharValue"]
_WORDS: Final = FORMS["MultipleStringValue"]
_LONG: Final = 1 << 62


@njit(cache=True, nogil=True)
def slot_at(place: int, tag: int, mask: int) -> Any:
    """Where the search for a tag in a place begins. Place -1: in any group."""
    return (tag * 40_503 + place * 7_919) & mask


@njit(cache=True, nogil=True)
def fill(plan: Any, table: Any) -> None:
    """Put (place, tag, slot) rows into the plan's hash table."""
    mask = plan[MASK]
    for row in range(table.shape[0]):
        at = slot_at(table[row, 0], table[row, 1], mask)
        while plan[plan[HASH] + 3 * at + 2] >= 0:
            at = (at + 1) & mask
        for column in range(3):
            plan[plan[HASH] + 3 * at + column] = table[row, column]


@njit(cache=True, nogil=True)
def _slot(plan: Any, place: int, tag: int) -> Any:
    """The offset of a tag's slot in a place, or -1."""
    mask = plan[MASK]
    at = slot_at(place, tag, mask)
    while True:
        entry = plan[HASH] + 3 * at
        if plan[entry + 2] < 0:
            return -1
        if plan[entry + 1] == tag and plan[entry] == place:
            return plan[entry + 2]
        at = (at + 1) & mask


@njit(cache=True, nogil=True)
def key(buf: Any, lo: int, hi: int) -> Any:
    """A value as a number: exactly up to seven bytes, beyond that as a hash (FNV-1a)."""
    size = hi - lo
    if size <= 7:
        packed = np.int64(size)
        for at in range(lo, hi):
            packed = (packed << 8) | np.int64(buf[at])
        return packed
    mixed = np.uint64(14695981039346656037)
    for at in range(lo, hi):
        mixed = (mixed ^ np.uint64(buf[at])) * np.uint64(1099511628211)
    return np.int64(mixed >> np.uint64(2)) | _LONG


@njit(cache=True, nogil=True)
def _listed(codes: Any, first: int, end: int, wanted: int) -> bool:
    while first < end:
        middle = (first + end) >> 1
        if codes[middle] < wanted:
            first = middle + 1
        elif codes[middle] > wanted:
            end = middle
        else:
            return True
    return False


@njit(cache=True, nogil=True)
def _allowed(plan: Any, slot: int, codes: Any, buf: Any, lo: int, hi: int) -> bool:
    """Whether a value is one of its field's, or of the open range beside them."""
    first, end, form = plan[slot + CODES], plan[slot + CODES_END], plan[slot + FORM]
    if form in (_CHARS, _WORDS):
        begin = lo
        for at in range(lo, hi + 1):
            if at == hi or buf[at] == 32:
                if not _listed(codes, first, end, key(buf, begin, at)):
                    return False
                begin = at + 1
        return True
    if _listed(codes, first, end, key(buf, lo, hi)):
        return True
    floor = plan[slot + FLOOR]
    if floor > 0:
        return bool(number(buf, lo, hi) >= floor)
    return bool(floor < 0 and conforms(-floor - 1, buf, lo, hi))


@njit(cache=True, nogil=True)
def _missing(plan: Any, scratch: Any, frame: int) -> int:
    """The first required field that an entry, or the message, has not; 0 if it has all."""
    place = plan[PLACES] + scratch[frame] * PLACE_COLUMNS
    stamp = scratch[frame + 4]
    units = SEEN + (plan[PLACES] - SLOTS) // SLOT_COLUMNS
    for at in range(plan[place + REQUIRED_FROM], plan[place + REQUIRED_TO]):
        slot = plan[at]
        unit = plan[slot + UNIT]
        if scratch[SEEN + (slot - SLOTS) // SLOT_COLUMNS] != stamp and (
            unit == 0 or scratch[units + unit] == stamp
        ):
            return int(plan[slot + TAG])
    return 0


@njit(cache=True, nogil=True)
def _found(scratch: Any, reason: int, tag: int, other: int, row: int) -> int:
    scratch[FOUND_TAG] = tag
    scratch[FOUND_OTHER] = other
    scratch[FOUND_ROW] = row
    return reason


@njit(cache=True, nogil=True)
def _close(plan: Any, scratch: Any, frame: int, bits: int, row: int) -> int:
    """The end of a group: are its entries as many as announced, and is the last one complete?"""
    count_tag = plan[plan[PLACES] + scratch[frame] * PLACE_COLUMNS + COUNT_TAG]
    if bits & GROUPS and scratch[frame + 2] != scratch[frame + 1]:
        return _found(scratch, GROUP_COUNT_INCORRECT, count_tag, scratch[frame + 2], row)
    if bits & REQUIRED and scratch[frame + 2] > 0:
        tag = _missing(plan, scratch, frame)
        if tag != 0:
            return _found(scratch, REQUIRED_TAG_MISSING, tag, count_tag, row)
    return GOOD


@njit(cache=True, nogil=True)
def _stray(plan: Any, codes: Any, scratch: Any, bits: int, tag: int, row: int) -> int:
    """A field that no open place has."""
    elsewhere = _slot(plan, -1, tag)
    if elsewhere >= 0:  # a group's field outside its group
        if bits & GROUPS == 0:
            return GOOD
        place = plan[PLACES] + plan[elsewhere + PLACE] * PLACE_COLUMNS
        return _found(scratch, NOT_OF_THIS_MESSAGE, tag, plan[place + COUNT_TAG], row)
    known = tag < 64 * KNOWN_WORDS and (codes[plan[KNOWN] + (tag >> 6)] >> (tag & 63)) & 1 == 1
    if tag >= FIRST_USER_TAG and not known:
        return _found(scratch, INVALID_TAG_NUMBER, tag, 0, row) if bits & USER_TAGS else GOOD
    if bits & UNKNOWN_TAGS == 0:
        return GOOD
    return _found(scratch, NOT_OF_THIS_MESSAGE if known else INVALID_TAG_NUMBER, tag, 0, row)


@njit(cache=True, nogil=True)
def _place(plan: Any, scratch: Any, frame: int, slot: int, bits: int, row: int) -> int:
    """A field goes into the place that is open at the top: into an entry of a group, or the message."""
    tag = plan[slot + TAG]
    seen = SEEN + (slot - SLOTS) // SLOT_COLUMNS
    stamp = scratch[frame + 4]
    if scratch[frame] != 0:
        first = plan[plan[PLACES] + scratch[frame] * PLACE_COLUMNS + FIRST]
        if slot == first:
            if scratch[frame + 2] > 0 and bits & REQUIRED:
                missing = _missing(plan, scratch, frame)
                if missing != 0:
                    count_tag = plan[plan[PLACES] + scratch[frame] * PLACE_COLUMNS + COUNT_TAG]
                    return _found(scratch, REQUIRED_TAG_MISSING, missing, count_tag, row)
            scratch[frame + 2] += 1
            scratch[STAMP] += 1
            stamp = scratch[STAMP]
            scratch[frame + 4] = stamp
        elif bits & GROUPS and scratch[frame + 2] == 0:
            return _found(scratch, GROUP_OUT_OF_ORDER, tag, -plan[first + TAG], row)
        elif bits & REPEATED_TAGS and scratch[seen] == stamp:
            return _found(scratch, TAG_REPEATED, tag, 0, row)
        elif bits & GROUPS and slot < scratch[frame + 3]:
            return _found(scratch, GROUP_OUT_OF_ORDER, tag, plan[scratch[frame + 3] + TAG], row)
        scratch[frame + 3] = slot
    else:
        if bits & REPEATED_TAGS and scratch[seen] == stamp:
            return _found(scratch, TAG_REPEATED, tag, 0, row)
        section = plan[slot + SECTION]
        if section < scratch[frame + 3]:
            if bits & FIELD_ORDER:
                return _found(scratch, TAG_OUT_OF_ORDER, tag, 0, row)
        else:
            scratch[frame + 3] = section
    scratch[seen] = stamp
    units = SEEN + (plan[PLACES] - SLOTS) // SLOT_COLUMNS
    unit = plan[slot + UNIT]
    while unit != 0 and scratch[units + unit] != stamp:
        scratch[units + unit] = stamp
        unit = plan[plan[UNITS] + unit]
    return GOOD


@njit(cache=True, nogil=True)
def _depth(plan: Any, scratch: Any, top: int, tag: int) -> Any:
    """The innermost open place that has a field, and its slot there; -1 if none has.

    No version lists a field both in a group and around it, so there is no choice to make.
    """
    for depth in range(top, -1, -1):
        slot = _slot(plan, scratch[STACK + FRAME * depth], tag)
        if slot >= 0:
            return depth, slot
    return -1, -1


@njit(cache=True, nogil=True)
def _miscounted(buf: Any, tok: Any, count: int, plan: Any, scratch: Any) -> bool:
    """Whether a group's number is wrong whose counting field stands before what was found.

    Such a number is a fault of its own, and the first one on the wire, though only its last entry shows it.
    """
    found_row = -1
    entries = 0
    top = 0
    for row in range(count + 1):
        depth, slot = 0, -1
        if row < count:
            tag: Any = np.int64(tok[row, 0])
            depth, slot = _depth(plan, scratch, top, tag)
            if depth < 0 or plan[slot + SECTION] == ANYWHERE:
                continue
        while top > depth:
            frame = STACK + FRAME * top
            wrong = scratch[frame + 1] >= 0 and scratch[frame + 2] != scratch[frame + 1]
            if wrong and (found_row < 0 or scratch[frame + 3] < found_row):
                found_row = scratch[frame + 3]
                entries = scratch[frame + 2]
            top -= 1
        if slot < 0:
            break
        frame = STACK + FRAME * top
        if top > 0 and slot == plan[plan[PLACES] + scratch[frame] * PLACE_COLUMNS + FIRST]:
            scratch[frame + 2] += 1
        if plan[slot + GROUP] > 0:
            top += 1
            frame = STACK + FRAME * top
            scratch[frame] = plan[slot + GROUP]
            scratch[frame + 1] = number(buf, tok[row, 1], tok[row, 2])
            scratch[frame + 2] = 0
            scratch[frame + 3] = row
    if 0 <= found_row < scratch[FOUND_ROW]:
        _found(scratch, GROUP_COUNT_INCORRECT, tok[found_row, 0], entries, found_row)
        return True
    return False


@njit(cache=True, nogil=True)
def _walk(buf: Any, tok: Any, count: int, plan: Any, codes: Any, scratch: Any, bits: int) -> int:
    """`check`, field by field: the number of a group is looked at where the group ends."""
    scratch[STAMP] += 1
    scratch[STACK] = 0
    scratch[STACK + 3] = 0
    scratch[STACK + 4] = scratch[STAMP]
    top = 0
    before: Any = 0
    for row in range(count):
        tag: Any = np.int64(tok[row, 0])
        lo: Any = np.int64(tok[row, 1])
        hi: Any = np.int64(tok[row, 2])
        if lo == hi and bits & EMPTY_VALUES:
            return _found(scratch, TAG_WITHOUT_VALUE, tag, 0, row)
        depth, slot = _depth(plan, scratch, top, tag)
        if depth < 0:
            reason = _stray(plan, codes, scratch, bits, tag, row)
            if reason != GOOD:
                return reason
            before = tag
            continue
        if plan[slot + SECTION] == ANYWHERE:
            seen = SEEN + (slot - SLOTS) // SLOT_COLUMNS
            if bits & REPEATED_TAGS and top == 0 and scratch[seen] == scratch[STACK + 4]:
                return _found(scratch, TAG_REPEATED, tag, 0, row)
            scratch[seen] = scratch[STACK + 4]
        else:
            while top > depth:
                reason = _close(plan, scratch, STACK + FRAME * top, bits, row)
                if reason != GOOD:
                    return reason
                top -= 1
            reason = _place(plan, scratch, STACK + FRAME * top, slot, bits, row)
            if reason != GOOD:
                return reason
        form = plan[slot + FORM]
        if form == _DATA and bits & FIELD_ORDER and before != plan[slot + LENGTH_TAG] != 0:
            return _found(scratch, TAG_OUT_OF_ORDER, tag, plan[slot + LENGTH_TAG], row)
        if hi > lo:
            if bits & TYPES and not conforms(form, buf, lo, hi):
                return _found(scratch, INCORRECT_FORMAT, tag, 0, row)
            if (
                bits & VALUES
                and plan[slot + CODES_END] > plan[slot + CODES]
                and not _allowed(plan, slot, codes, buf, lo, hi)
            ):
                return _found(scratch, VALUE_INCORRECT, tag, 0, row)
        group = plan[slot + GROUP]
        if group > 0:
            announced = number(buf, lo, hi)
            if announced < 0 and bits & GROUPS:
                return _found(scratch, INCORRECT_FORMAT, tag, 0, row)
            top += 1
            frame = STACK + FRAME * top
            scratch[frame] = group
            scratch[frame + 1] = announced
            scratch[frame + 2] = 0
            scratch[frame + 3] = 0
            scratch[STAMP] += 1
            scratch[frame + 4] = scratch[STAMP]
        before = tag
    while top > 0:
        reason = _close(plan, scratch, STACK + FRAME * top, bits, count - 1)
        if reason != GOOD:
            return reason
        top -= 1
    if bits & REQUIRED:
        missing = _missing(plan, scratch, STACK)
        if missing != 0:
            return _found(scratch, REQUIRED_TAG_MISSING, missing, 0, count - 1)
    return GOOD


@njit(cache=True, nogil=True)
def check(buf: Any, tok: Any, count: int, plan: Any, codes: Any, scratch: Any, bits: int) -> int:
    """The first rule among `bits` that a message breaks, as SessionRejectReason(373), or GOOD.

    The field, what explains it and its row are in scratch. `tok` has `count` rows (tag, start, end) in `buf`.
    """
    reason = _walk(buf, tok, count, plan, codes, scratch, bits)
    if reason != GOOD and bits & GROUPS and _miscounted(buf, tok, count, plan, scratch):
        return GROUP_COUNT_INCORRECT
    return int(reason)
