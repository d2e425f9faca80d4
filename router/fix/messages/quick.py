"""Reading the messages that nearly all are like, in one kernel call: what is there, whole, in our units.

A `Shape` says which fields such a message has and what each is. Whatever is unusual (a field that few have,
one that is not what it should be, a tag that the version does not have) is left to the message's own careful
reading, which words errors; this one only answers that it does not. Compiled by numba.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numba import njit

from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lot_digits
from router.fix.kernels import BAD_TIME, MAX_DIGITS, utc_ns
from router.fix.messages.fields import Instruments
from router.fix.versions import VERSIONS

# Kinds of fields: what is done with one, and where it goes
_OTHER: Final = 0  # nothing here: passed over, or unusual if the version lacks it
_TEXT: Final = 1  # start and end
_CODE: Final = 2  # its one character
_LOTS: Final = 3  # an unsigned decimal, in lots
_NANOS: Final = 4  # a decimal, in nanos
_TIME: Final = 5
_RARE: Final = 6  # few messages have it: unusual
_TABLE: Final = 1024  # tags above are passed over
_PLACES, _MAX_TAG, _NEEDED, _FIRST = 0, 1, 2, 3  # places of a plan
_POWERS = np.array([10**n for n in range(19)], np.int64)
_LARGEST = np.array([((1 << 62) - 1) // 10**n for n in range(19)], np.int64)
_USER_DEFINED, _STANDARD_AGAIN = 5000, 40_000
_PLACES_OF: Final = {10**n: n for n in range(19)}


@njit(cache=True, nogil=True)
def read_quickly(raw: Any, tok: Any, count: int, plan: Any, out: Any) -> bool:
    """The slots of a message in `out`, and in its last place which are there, as bits. False: it is unusual.

    plan: how many decimals a quantity is read with, the version's highest tag, the bits of the slots without
    which a message is unusual, and for each tag kind * 256 + slot. (One array, since each argument of a call
    costs as much as a field.)
    """
    lot_places = plan[_PLACES]
    max_tag = plan[_MAX_TAG]
    needed = plan[_NEEDED]
    size = plan.size - _FIRST
    for at in range(out.size):
        out[at] = 0
    there = np.int64(0)
    for row in range(count):
        tag = tok[row, 0]
        if tag >= size:
            if tag > max_tag or _USER_DEFINED <= tag < _STANDARD_AGAIN:
                return False
            continue
        kind = plan[_FIRST + tag] >> 8
        if kind == _OTHER:
            if tag > max_tag:
                return False
            continue
        slot = plan[_FIRST + tag] & 255
        if kind == _RARE or tag > max_tag or there >> slot & 1:
            return False
        there |= np.int64(1) << slot
        lo: Any = np.int64(tok[row, 1])
        hi: Any = np.int64(tok[row, 2])
        if hi == lo:
            return False
        if kind == _TEXT:
            out[slot] = lo
            out[slot + 1] = hi
        elif kind == _CODE:
            if hi - lo != 1:
                return False
            out[slot] = raw[lo]
        elif kind == _TIME:
            out[slot] = utc_ns(raw, lo, hi)
            if out[slot] == BAD_TIME:
                return False
        else:
            p = lo
            negative: Any = raw[p] == 45
            if negative:
                if kind == _LOTS:
                    return False
                p += 1
            places = 9 if kind == _NANOS else lot_places
            value: Any = np.int64(0)
            digits = 0
            after = -1
            while p < hi:
                char: Any = np.int64(raw[p])
                if char == 46 and after < 0:
                    after = 0
                elif 48 <= char <= 57:
                    value = value * 10 + char - 48
                    digits += 1
                    if after >= 0:
                        after += 1
                else:
                    return False
                p += 1
                if digits > MAX_DIGITS:
                    return False
            missing = places - max(after, 0)
            if digits == 0 or missing < 0 or value > _LARGEST[missing]:
                return False
            value *= _POWERS[missing]
            out[slot] = -value if negative else value
    out[out.size - 1] = there
    return bool(there & needed == needed)


class Shape:
    """Which fields the usual message has. Values come in the order of the arguments, a text as two (start and
    end in the message), and after them the bits of what is there.
    """

    __slots__ = ("_lots", "_out", "_places", "_plans", "_symbol_at", "slot_of")

    def __init__(
        self,
        *,
        texts: Sequence[int],
        codes: Sequence[int],
        lots: Sequence[int],
        nanos: Sequence[int],
        times: Sequence[int],
        rare: Sequence[int],
        needed: Sequence[int],
    ) -> None:
        """`texts` must have Symbol(55); `rare` are fields that make a message unusual."""
        plan = np.zeros(_FIRST + _TABLE, np.int64)
        self.slot_of: dict[int, int] = {}
        at = 0
        for kind, wanted in ((_TEXT, texts), (_CODE, codes), (_LOTS, lots), (_NANOS, nanos), (_TIME, times)):
            if kind == _LOTS:
                self._lots = slice(at, at + len(lots))
            for tag in wanted:
                plan[_FIRST + tag] = kind << 8 | at
                self.slot_of[tag] = at
                at += 2 if kind == _TEXT else 1
        for tag in rare:
            plan[_FIRST + tag] = _RARE << 8
        plan[_NEEDED] = self.bits(*needed)
        self._plans = {version.max_tag: plan.copy() for version in VERSIONS.values()}
        for max_tag, one in self._plans.items():
            one[_MAX_TAG] = max_tag
        self._symbol_at = self.slot_of[tags.SYMBOL]
        self._out = np.zeros(at + 1, np.int64)
        self._places = 0  # the most decimals that a quantity has had; what the kernel gives is so much scaled

    def bits(self, *wanted: int) -> int:
        """What the last value says when these are there."""
        return sum(1 << self.slot_of[tag] for tag in wanted)

    def read(self, message: Message, instruments: Instruments, max_tag: int) -> tuple[list[int], str] | None:
        """The values of a usual message, quantities in lots of its instrument, and its text; None for an
        unusual one.
        """
        raw, out = message.raw, self._out
        if not read_quickly(raw, message.tok, message.count, self._plans[max_tag], out):
            return self._once_more(message, instruments, max_tag)
        values: list[int] = out.tolist()
        text = raw.decode("latin-1")
        at = self._symbol_at
        instrument = instruments.get(text[values[at] : values[at + 1]])
        if instrument is None:
            return None
        digits, places = _PLACES_OF[instrument.lots_per_unit], self._places
        if digits == places:
            return values, text
        if digits > places:
            return self._once_more(message, instruments, max_tag)
        per_lot = 10 ** (places - digits)
        lots = values[self._lots]
        if any(one % per_lot for one in lots):
            return None
        values[self._lots] = [one // per_lot for one in lots]
        return values, text

    def _once_more(
        self, message: Message, instruments: Instruments, max_tag: int
    ) -> tuple[list[int], str] | None:
        """With more decimals, if it was for the lack of them that it was unusual."""
        symbol = message.get(tags.SYMBOL)
        instrument = None if symbol is None else instruments.get(symbol.decode("latin-1"))
        if instrument is None or (digits := lot_digits(instrument.lots_per_unit)) <= self._places:
            return None
        self._places = digits
        for plan in self._plans.values():
            plan[_PLACES] = digits
        return self.read(message, instruments, max_tag)


def by_char(choices: Mapping[bytes, Any]) -> tuple[Any, ...]:
    """An enumeration by its character; None for a character that it does not have."""
    table: list[Any] = [None] * 256
    for wire, value in choices.items():
        if len(wire) == 1:
            table[wire[0]] = value
    return tuple(table)
