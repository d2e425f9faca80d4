"""What a tick computes before and after the gate's caps, each in one call: a call costs as much as its work.

Units and meanings are those of router.features and router.routing.target.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from router.book import V_MAX, Books, Flags, Ints, new_books
from router.features import Floats, S, State, TickState, features, roll
from router.routing.target import FIRST, mask, prices


@njit(cache=True, nogil=True)
def look(books: Books, usable: Flags, i: Ints, f: Floats, px: Ints) -> None:
    """Brings the rolling figures up to now, and fills px[V_MAX, 4] with the legal prices."""
    roll(books, usable, i, f)
    prices(books, usable, i, px)


@njit(cache=True, nogil=True)
def question(
    books: Books, usable: Flags, caps: Ints, i: Ints, f: Floats, state: State, allowed: Flags
) -> None:
    """Fills what a policy is asked: state[S] and allowed[A]."""
    features(books, usable, i, f, state)
    mask(books, usable, caps, i, allowed)


def warm() -> None:
    """Compile the kernels with the types of real use."""
    books, tick = new_books(), TickState()
    usable, four = np.zeros(V_MAX, np.bool_), np.zeros((V_MAX, 4), np.int64)
    look(books, usable, tick.i, tick.f, four)
    state, allowed = np.zeros(S, np.float32), np.zeros(FIRST + 1, np.bool_)
    question(books, usable, four, tick.i, tick.f, state, allowed)
