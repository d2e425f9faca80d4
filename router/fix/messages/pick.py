"""Reading the wanted fields of one message into integers. Compiled by numba."""

from typing import Any, Final

import numpy as np
from numba import njit

from router.fix.kernels import BAD_TIME, MAX_DIGITS, utc_ns

# What `pick` leaves for a field: absent, or found with two integers, or found and not what it should be.
ABSENT: Final = 0
FOUND: Final = 1
UNFIT: Final = 2
# Kinds of fields
TEXT: Final = 0  # (start, end) in the message
DECIMAL: Final = 1  # (digits as an integer, how many of them are decimals), without trailing zeros
TIME: Final = 2  # (ns, 0)


@njit(cache=True, nogil=True)
def pick(data: Any, tok: Any, count: int, slot_of: Any, kinds: Any, out: Any) -> None:
    """Read the first field of each wanted tag into out[slot * 3:][:3] = (ABSENT | FOUND | UNFIT, a, b).

    slot_of[tag] is the slot of a wanted tag, or -1. An UNFIT field leaves its start and end.
    """
    for index in range(out.size):
        out[index] = 0
    for row in range(count):
        tag = tok[row, 0]
        if tag >= slot_of.size or slot_of[tag] < 0:
            continue
        at = slot_of[tag] * 3
        if out[at] != ABSENT:
            continue
        lo: Any = np.int64(tok[row, 1])
        hi: Any = np.int64(tok[row, 2])
        kind = kinds[slot_of[tag]]
        out[at] = FOUND
        out[at + 1] = lo
        out[at + 2] = hi
        if kind == DECIMAL:
            p = lo
            negative: Any = p < hi and data[p] == 45
            if negative:
                p += 1
            value: Any = np.int64(0)
            digits = 0
            places = -1
            good: Any = hi - p <= MAX_DIGITS + 1
            while good and p < hi:
                char: Any = np.int64(data[p])
                if char == 46 and places < 0:
                    places = 0
                elif 48 <= char <= 57:
                    value = value * 10 + char - 48
                    digits += 1
                    if places >= 0:
                        places += 1
                else:
                    good = False
                p += 1
            if not good or digits == 0 or digits > MAX_DIGITS:
                out[at] = UNFIT
                continue
            places = max(places, 0)
            while places > 0 and value % 10 == 0:
                value //= 10
                places -= 1
            out[at + 1] = -value if negative else value
            out[at + 2] = places
        elif kind == TIME:
            time_ns = utc_ns(data, lo, hi)
            if time_ns == BAD_TIME:
                out[at] = UNFIT
            else:
                out[at + 1] = time_ns
                out[at + 2] = 0
