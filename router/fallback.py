"""The schedule that decides when a policy's answer is late, broken or illegal: TWAP in Python integers.

It needs no model, no float and no kernel, so it has nothing to fail with. It speaks the policies' language
(an action under the same mask), so what follows a decision is the same whoever made it.
Units: lots, ns.
"""

from __future__ import annotations

from itertools import pairwise

from router.actions import CROSS, JOIN, NULL, SIZES, WITHDRAW, encode
from router.book import Flags, Ints
from router.features import END, FILLED, INTERVAL, MUST_COMPLETE, NOW, QTY, START, UNKNOWN

BUCKETS = 20  # it may be a twentieth of the parent from the straight line before it crosses or withdraws


def fallback(i: Ints, allowed: Flags) -> int:
    """An allowed action that keeps the parent to the straight line from start to end; null if there is none.

    Joins the near touch with what is due within a bucket, crosses when behind by one, withdraws when ahead by
    one, and crosses with everything in the last fiftieth of the horizon (or two and a half intervals) if the
    parent must complete.
    """
    qty, done = int(i[QTY]), int(i[FILLED] + i[UNKNOWN])
    now, start, end = int(i[NOW]), int(i[START]), int(i[END])
    base = qty - done
    if base <= 0:
        return NULL
    horizon = max(end - start, 1)
    due = qty * min(max(now - start, 0), horizon) // horizon - done
    bucket = max(qty // BUCKETS, 1)
    is_last = (end - now) * 50 <= horizon or (end - now) * 2 <= int(i[INTERVAL]) * 5
    if is_last and i[MUST_COMPLETE]:
        wanted = [*_by_size(CROSS, base, base), *_by_size(JOIN, base, base)]
    elif due >= bucket:
        wanted = [*_by_size(CROSS, due, base), *_by_size(JOIN, due, base)]
    elif due <= -bucket:
        wanted = [WITHDRAW]
    else:
        wanted = _by_size(JOIN, due + bucket, base)
    return next((action for action in wanted if allowed[action]), NULL)


def _by_size(price: int, lots: int, base: int) -> list[int]:
    """Actions at the router's best: the size nearest to `lots` by ratio, then smaller, then larger."""
    share = 100 * max(lots, 0)
    steps = enumerate(pairwise(SIZES))
    first = next((k for k, (a, b) in steps if share * share <= a * b * base * base), len(SIZES) - 1)
    order = [*range(first, -1, -1), *range(first + 1, len(SIZES))]
    return [encode(SIZES[k], price) for k in order]
