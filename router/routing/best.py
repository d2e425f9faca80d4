"""The router's best venue: by price with fees when it takes, by fee and queue when it rests.

Kernels over one row per venue slot; ties go to the lower slot, so that the same book always gives the same
answer. Integers only: an all-in price is px times a million plus the fee, in half ticks times 1e-6.

Units: px half ticks (0: no legal price there), quantities lots, fees parts per million of the traded value
(negative: a rebate).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from router.book import V_MAX, Ints

MILLION = 1_000_000


@njit(cache=True, nogil=True)
def rest_at(px: Ints, can: Ints, maker_ppm: Ints, queue: Ints) -> int:
    """The slot where resting is cheapest, then the queue shortest; -1 where no slot is legal.

    can > 0 marks the slots that would take a child now: such a one is preferred to any other.
    """
    best = -1
    for v in range(V_MAX):
        if px[v] <= 0:
            continue
        if best < 0:
            best = v
            continue
        now, then = can[v] > 0, can[best] > 0
        if now != then:
            better = now
        elif maker_ppm[v] != maker_ppm[best]:
            better = maker_ppm[v] < maker_ppm[best]
        else:
            better = queue[v] < queue[best]
        if better:
            best = v
    return best


@njit(cache=True, nogil=True)
def split(sign: int, px: Ints, displayed: Ints, taker_ppm: Ints, lots: int, least: int, out: Ints) -> int:
    """Split `lots` over the slots in order of their all-in price, each up to what it shows; returns the sum.

    out[V_MAX] gets each slot's part. A slot that shows less than `least` (the smallest order) counts as
    showing `least`: what an IOC does not find, it cancels. A rest smaller than `least` could never be
    traded, so the part before it leaves `least`.
    """
    left = lots
    for v in range(V_MAX):
        out[v] = 0
    for _ in range(V_MAX):
        if left < least:
            break
        best = -1
        best_cost = 0
        for v in range(V_MAX):
            if px[v] <= 0 or displayed[v] <= 0 or out[v] > 0:
                continue
            cost = px[v] * (sign * MILLION + taker_ppm[v])
            if best < 0 or cost < best_cost:
                best, best_cost = v, cost
        if best < 0:
            break
        part = min(left, max(displayed[best], least))
        if 0 < left - part < least <= part - (least - (left - part)):
            part -= least - (left - part)
        out[best] = part
        left -= part
    return lots - left


def warm() -> None:
    """Compile the kernels with the types of real use."""
    zeros = np.zeros(V_MAX, np.int64)
    rest_at(zeros, zeros, zeros, zeros)
    split(1, zeros, zeros, zeros, 1, 1, np.zeros(V_MAX, np.int64))
