"""Kernels: recorded order flow as input. Orders and cancels go in; the matches and the book come out.

A recorded order rests at the venue its ordinal hashes to. As a taker it sweeps every venue in price and
then in arrival order over all of them, participants' orders included, and its remainder rests at its own
venue: without participants one, two or three venues then give the same matches and the same end book. A
recorded cancel of an order that was consumed does nothing. An order that the recording filled, but that
participants displaced, leaves when the recording says that it was done; so does the remainder of a taker
that the recording filled at once.
"""

from __future__ import annotations

from typing import Any

from fixsim.matching.crossing import settle
from fixsim.matching.dim import take_reference
from fixsim.matching.kernel import kernel, part
from fixsim.matching.layout import SPARE, Code, Core, EventKind, Records, S
from fixsim.matching.levels import has_room
from fixsim.matching.resting import rest, venue_of
from fixsim.matching.shift import moved, shift_of
from fixsim.matching.terms import Phase
from fixsim.matching.trading import aftermath_fits, cancel, crosses, fills_fit, place_fits, sweep

_FREE, _CURSOR, _FUNDS, _ARRIVAL = int(S.FREE), int(S.CURSOR), int(S.FUNDS), int(S.ARRIVAL)
_CANCELLED, _IGNORED, _DISPLACED = int(S.CANCELLED), int(S.IGNORED), int(S.DISPLACED)
_DIMS, _DROPPED, _NOW = int(S.DIMS), int(S.DROPPED), int(S.NOW)
_IMPACT, _SHIFT = int(S.IMPACT), int(S.SHIFT)
_LIMIT, _CANCEL, _HALTED = int(EventKind.LIMIT), int(EventKind.CANCEL), int(Phase.HALTED)
_OK, _ORDERS_FULL, _LEVELS_FULL = int(Code.OK), int(Code.ORDERS_FULL), int(Code.LEVELS_FULL)
_DUPLICATE, _OUT_OF_RANGE, _FILLS_FULL = int(Code.DUPLICATE), int(Code.OUT_OF_RANGE), int(Code.FILLS_FULL)


@kernel
def load(core: Core, opening: Records) -> tuple[int, int]:
    """Rest the opening orders (prices best first, in queue order): (code, orders loaded).

    Arrival is the place in `opening`. Prices are taken from the last to the first: the overflow then appends.
    """
    venues = core.books.shape[0] // 2
    n = opening.shape[0]
    if core.state[_FREE] < n:
        return _ORDERS_FULL, 0
    end = n
    while end > 0:
        start = end - 1
        while start > 0 and opening[start - 1].px == opening[end - 1].px:
            if opening[start - 1].sign != opening[end - 1].sign:
                break
            start -= 1
        for i in range(start, end):
            o = opening[i]
            if o.ordinal < 0 or o.ordinal >= core.recorded.shape[0]:
                return _OUT_OF_RANGE, n - end
            if core.recorded[o.ordinal] != 0:
                return _DUPLICATE, n - end
            book = 2 * venue_of(o.ordinal, venues) + (1 if o.sign < 0 else 0)
            if not has_room(core, book, o.px):
                return _LEVELS_FULL, n - end
            core.state[_ARRIVAL] = i
            rest(core, book, o.ordinal, o.px, o.qty)
        end = start
    core.state[_ARRIVAL] = n
    return _OK, n


@part
def feed(core: Core, event: Any) -> int:
    """One EVENT record: a code."""
    ordinal = event.ordinal
    if ordinal < 0 or ordinal >= core.recorded.shape[0]:
        return _OUT_OF_RANGE
    dims = core.state[_DIMS] > 0
    if dims:
        code = aftermath_fits(core, 1)
        if code != _OK:
            return code
        take_reference(core)
    if event.kind >= _CANCEL:
        left = cancel(core, ordinal)
        if event.kind != _CANCEL:
            core.state[_DISPLACED] += 1 if left > 0 else 0
        elif left > 0:
            core.state[_CANCELLED] += 1
        else:
            core.state[_IGNORED] += 1
    else:
        code = _arrive(core, event)
        if code != _OK:
            return code
    if dims:
        settle(core, event.time_ns)
    return _OK


@part
def _arrive(core: Core, event: Any) -> int:
    """A recorded limit or market order: a code."""
    ordinal = event.ordinal
    if core.recorded[ordinal] != 0:
        return _DUPLICATE
    venues = core.venues.shape[0]
    home = venue_of(ordinal, venues)
    limited = event.kind == _LIMIT
    px = event.px
    if limited and core.state[_IMPACT] != 0:
        px = moved(core, ordinal, px, core.state[_SHIFT])
    limit = event.sign * px if limited else SPARE
    dims = core.state[_DIMS] > 0
    takes = dims or crosses(core, 0, venues, event.sign, limit)
    if takes and not dims and not fills_fit(core, 0, venues, event.sign):
        return _FILLS_FULL
    if limited:
        code = place_fits(core, home, ordinal, event.sign, px)
        if code != _OK:
            return code
    left = event.qty
    if takes:
        core.state[_FUNDS] = event.funds
        left = left if event.funds < 0 else SPARE
        left = sweep(core, 0, venues, ordinal, event.sign, limit, left, event.time_ns)
    if left > 0 and limited:
        if core.venues[home].phase >= _HALTED:
            core.state[_DROPPED] += 1
        else:
            rest(core, 2 * home + (1 if event.sign < 0 else 0), ordinal, px, left)
    return _OK


@kernel
def replay(core: Core, events: Records, until_ns: int, at_most: int) -> int:
    """Feed the events not yet fed whose time is at most `until_ns`, at most `at_most` of them: a code."""
    at = core.state[_CURSOR]
    stop = min(events.shape[0], at + at_most)
    while at < stop and events[at].time_ns <= until_ns:
        if core.state[_IMPACT] != 0 and events[at].kind == _LIMIT:
            e = events[at]
            core.state[_SHIFT] = shift_of(core, e.sign, e.qty, e.time_ns)
        code = feed(core, events[at])
        core.state[_SHIFT] = 0
        if code != _OK:
            return code
        core.state[_NOW] = events[at].time_ns
        at += 1
        core.state[_CURSOR] = at
    return _OK


@kernel
def feed_all(core: Core, events: Records) -> tuple[int, int]:
    """EVENT records that are no part of the recording: a code, and how many were fed before it."""
    for at in range(events.shape[0]):
        code = feed(core, events[at])
        if code != _OK:
            return code, at
        core.state[_NOW] = events[at].time_ns
    return _OK, events.shape[0]
