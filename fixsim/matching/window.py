"""Kernels: the recorded window of a partial tape. Its levels, and the recorded queue of each.

Nothing here touches the market: it is what the recording says, whoever else trades.
"""

from __future__ import annotations

from fixsim.matching.kernel import part
from fixsim.matching.ledger import L, Ledger

_NAMED, _FREE = int(L.NAMED), int(L.FREE)


@part
def find(ledger: Ledger, side: int, px: int) -> int:
    """Where the level `px` is in the window, best first, or -1. A window is short: it is walked."""
    for at in range(ledger.state[side]):
        if ledger.views[side, at].px == px:
            return at
    return -1


@part
def show(ledger: Ledger, side: int, px: int) -> int:
    """A new level, in its place. The caller has checked that there is room and that it is not there."""
    sign = 1 - 2 * side
    at = ledger.state[side]
    while at > 0 and sign * ledger.views[side, at - 1].px < sign * px:
        ledger.views[side, at] = ledger.views[side, at - 1]
        at -= 1
    ledger.state[side] += 1
    view = ledger.views[side, at]
    view.px, view.qty, view.head, view.tail = px, 0, -1, -1
    return int(at)


@part
def unshow(ledger: Ledger, side: int, at: int) -> None:
    """Take a level out of the window. Its queue is empty."""
    ledger.state[side] -= 1
    for i in range(at, ledger.state[side]):
        ledger.views[side, i] = ledger.views[side, i + 1]


@part
def append(ledger: Ledger, side: int, at: int, key: int, qty: int) -> None:
    """An order at the end of a level's recorded queue."""
    view = ledger.views[side, at]
    ledger.there[key] = qty
    ledger.next[key] = -1
    ledger.prev[key] = view.tail
    if view.tail < 0:
        view.head = key
    else:
        ledger.next[view.tail] = key
    view.tail = key
    view.qty += qty


@part
def take(ledger: Ledger, side: int, at: int, key: int, qty: int) -> None:
    """`qty` off an order of the level; with nothing left it leaves the queue and an anonymous key is free."""
    view = ledger.views[side, at]
    view.qty -= qty
    ledger.there[key] -= qty
    if ledger.there[key] > 0:
        return
    if ledger.prev[key] < 0:
        view.head = ledger.next[key]
    else:
        ledger.next[ledger.prev[key]] = ledger.next[key]
    if ledger.next[key] < 0:
        view.tail = ledger.prev[key]
    else:
        ledger.prev[ledger.next[key]] = ledger.prev[key]
    if key >= ledger.state[_NAMED]:
        ledger.free[ledger.state[_FREE]] = key
        ledger.state[_FREE] += 1


@part
def anonymous(ledger: Ledger) -> int:
    """An anonymous key. The pool has one for every order that there can be."""
    ledger.state[_FREE] -= 1
    return int(ledger.free[ledger.state[_FREE]])


@part
def nameless(ledger: Ledger, side: int, at: int, first: bool) -> int:
    """The first or last anonymous order in a level's recorded queue, or -1."""
    view = ledger.views[side, at]
    key = view.head if first else view.tail
    while key >= 0 and key < ledger.state[_NAMED]:
        key = ledger.next[key] if first else ledger.prev[key]
    return int(key)
