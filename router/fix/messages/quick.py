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

# Kinds of fields: what is done with one, and where it goes
_OTHER: Final = 0  # nothing here: passed over, or unusual if the version lacks it
_TEXT: Final = 1  # start and end
_CODE: Final = 2  # its one character
_LOTS: Final = 3  # an unsigned decimal, in lots
_NANOS: Final = 4  # a decimal, in nanos
_TIME: Final = 5
_RARE: Final = 6  # few messages have it: unusual
_TABLE: Final = 1024  # tags above are passed over
_POWERS = np.array([10**n for n in range(19)], np.int64)
_LARGEST = np.array([((1 << 62) - 1) // 10**n for n in range(19)], np.int64)
_USER_DEFINED, _STANDARD_AGAIN = 5000, 40_000
_PLACES_OF: Final = {10**n: n for n in range(19)}


@njit(cache=True, nogil=True)
def read_quickly(
    raw: Any, tok: Any, count: int, lot_places: int, max_tag: int, table: Any, needed: int, out: Any
) -> bool:
    """The slots of a message in `out`, and in its last place which are there, as bits. False: it is unusual.

    table[tag] is kind * 256 + slot; `needed` are the bits of slots without which it is unusual.
    """
    for at in range(out.size):
        out[at] = 0
    there = np.int64(0)
    for row in range(count):
        tag = tok[row, 0]
        if tag >= table.size:
            if tag > max_tag or _USER_DEFINED <= tag < _STANDARD_AGAIN:
                return False
            continue
        kind = table[tag] >> 8
        if kind == _OTHER:
            if tag > max_tag:
                return False
            continue
        slot = table[tag] & 255
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

    __slots__ = ("_lots", "_needed", "_out", "_places", "_symbol_at", "_table", "slot_of")

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
        self._table = np.zeros(_TABLE, np.int16)
        self.slot_of: dict[int, int] = {}
        at = 0
        for kind, wanted in ((_TEXT, texts), (_CODE, codes), (_LOTS, lots), (_NANOS, nanos), (_TIME, times)):
            if kind == _LOTS:
                self._lots = slice(at, at + len(lots))
            for tag in wanted:
                self._table[tag] = kind << 8 | at
                self.slot_of[tag] = at
                at += 2 if kind == _TEXT else 1
        for tag in rare:
            self._table[tag] = _RARE << 8
        self._needed = self.bits(*needed)
        self._symbol_at = self.slot_of[tags.SYMBOL]
        self._out = np.zeros(at + 1, np.int64)
        self._places = 0  # the most decimals that a quantity has had; what the kernel gives is so much scaled

    def bits(self, *wanted: int) -> int:
        """What the last value says when these are there."""
        return sum(1 << self.slot_of[tag] for tag in wanted)

    def read(self, message: Message, instruments: Instruments, max_tag: int) -> list[int] | None:
        """The values of a usual message, quantities in lots of its instrument; None for an unusual one."""
        raw, places = message.raw, self._places
        usual = read_quickly(
            raw, message.tok, message.count, places, max_tag, self._table, self._needed, self._out
        )
        if not usual:
            return self._once_more(message.get(tags.SYMBOL), message, instruments, max_tag)
        values: list[int] = self._out.tolist()
        at = self._symbol_at
        symbol = raw[values[at] : values[at + 1]]
        instrument = instruments.get(symbol.decode("latin-1"))
        if instrument is None:
            return None
        digits = _PLACES_OF[instrument.lots_per_unit]
        if digits == places:
            return values
        if digits > places:
            return self._once_more(symbol, message, instruments, max_tag)
        per_lot = 10 ** (places - digits)
        lots = values[self._lots]
        if any(one % per_lot for one in lots):
            return None
        values[self._lots] = [one // per_lot for one in lots]
        return values

    def _once_more(
        self, symbol: bytes | None, message: Message, instruments: Instruments, max_tag: int
    ) -> list[int] | None:
        """With more decimals, if it was for the lack of them that it was unusual."""
        instrument = None if symbol is None else instruments.get(symbol.decode("latin-1"))
        if instrument is None or (digits := lot_digits(instrument.lots_per_unit)) <= self._places:
            return None
        self._places = digits
        return self.read(message, instruments, max_tag)


def by_char(choices: Mapping[bytes, Any]) -> tuple[Any, ...]:
    """An enumeration by its character; None for a character that it does not have."""
    table: list[Any] = [None] * 256
    for wire, value in choices.items():
        if len(wire) == 1:
            table[wire[0]] = value
    return tuple(table)
