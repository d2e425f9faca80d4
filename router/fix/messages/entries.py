"""Market data entries to wire text. Compiled by numba: a snapshot has up to 66,000 of them."""

from typing import Any, Final

import numpy as np
from numba import njit

_SOH: Final = 1
_TAG_83 = np.frombuffer(b"83=", np.uint8)
_TAG_55 = np.frombuffer(b"55=", np.uint8)
_TAG_269 = np.frombuffer(b"269=", np.uint8)
_TAG_270 = np.frombuffer(b"270=", np.uint8)
_TAG_271 = np.frombuffer(b"271=", np.uint8)
_TAG_279 = np.frombuffer(b"279=", np.uint8)


@njit(cache=True, nogil=True)
def _put_decimal(out: Any, at: int, value: int, places: int, power: int) -> int:
    """Write value / 10**places (power = 10**places) without trailing zeros; returns the next position."""
    if value < 0:
        out[at] = 45
        at += 1
        value = -value
    whole = value // power
    rest = value - whole * power
    size = 1
    probe = whole
    while probe >= 10:
        probe //= 10
        size += 1
    for index in range(at + size - 1, at - 1, -1):
        out[index] = 48 + whole % 10
        whole //= 10
    at += size
    if rest:
        while rest % 10 == 0:
            rest //= 10
            places -= 1
        out[at] = 46
        for index in range(at + places, at, -1):
            out[index] = 48 + rest % 10
            rest //= 10
        at += places + 1
    return at


@njit(cache=True, nogil=True)
def write_entries(
    actions: Any,
    types: Any,
    px: Any,
    qty: Any,
    half_tick_nanos: int,
    lot_places: int,
    symbol: Any,
    rpt_seq: int,
    out: Any,
) -> int:
    """Market data entries as wire text in `out`; returns its length. No actions (size 0): entries of a W.

    279 (X only), 269, 55 (X only), 270, 271, 83. Prices are half ticks, quantities lots. `rpt_seq`: RptSeq
    (83) of the first entry, counted on in an X and the same in all of a W; below 0: there is none.
    """
    power = 1
    for _ in range(lot_places):
        power *= 10
    incremental = actions.size > 0
    at = 0
    for index in range(px.size):
        if incremental:
            out[at : at + 4] = _TAG_279
            out[at + 4] = 48 + actions[index]
            out[at + 5] = _SOH
            at += 6
        out[at : at + 4] = _TAG_269
        out[at + 4] = 48 + types[index]
        out[at + 5] = _SOH
        at += 6
        if incremental:
            out[at : at + 3] = _TAG_55
            out[at + 3 : at + 3 + symbol.size] = symbol
            at += 3 + symbol.size
            out[at] = _SOH
            at += 1
        out[at : at + 4] = _TAG_270
        at = _put_decimal(out, at + 4, px[index] * half_tick_nanos, 9, 1_000_000_000)
        out[at] = _SOH
        out[at + 1 : at + 5] = _TAG_271
        at = _put_decimal(out, at + 5, qty[index], lot_places, power)
        out[at] = _SOH
        at += 1
        if rpt_seq >= 0:
            out[at : at + 3] = _TAG_83
            at = _put_decimal(out, at + 3, rpt_seq + index if incremental else rpt_seq, 0, 1)
            out[at] = _SOH
            at += 1
    return at
