"""Kernels: a partial tape, row by row, into a market where participants stand in the same queues.

A recorded order rests when the recording shows it; if it meets a participant who stands there, it trades. A
recorded execution of order X arrives as a taker of its quantity with X's price as its limit and sweeps every
venue: it meets whoever is first, participants included, then X, then, where X was consumed, the next in the
queue. It is never more than that: what the taker would have paid beyond is not known, and lots that meet
nobody are counted. What the recording does to X is kept in the ledger whoever was met; an order with which
the recording is done leaves, displaced or not. A recorded cancel of lots that were consumed does nothing.
Without participants no row can tell the market from the recorded window.
"""

from __future__ import annotations

from typing import Any

from fixsim.matching.anchors import enter, goes_out, here, home_of, leave, stand, sweep_all, vanish
from fixsim.matching.crossing import settle
from fixsim.matching.dim import take_reference
from fixsim.matching.kernel import aside, kernel, part
from fixsim.matching.layout import NOTHING, SPARE, Code, Core, Records, S
from fixsim.matching.ledger import L, Ledger, PartialKind
from fixsim.matching.resting import reduce, slot_of, venue_of
from fixsim.matching.shift import answered, shift_of, taker_shift
from fixsim.matching.trading import aftermath_fits, crosses, fills_fit, place_fits, record
from fixsim.matching.window import append, find, nameless, show, take, unshow

TAKERS = 1 << 40
"""A recorded taker has no order id: its key is this and the number of its row."""

_OWN, _DIMS, _NOW, _IMPACT = int(S.OWN), int(S.DIMS), int(S.NOW), int(S.IMPACT)
_TRADES, _CANCELLED, _IGNORED = int(S.TRADES), int(S.CANCELLED), int(S.IGNORED)
_WINDOW, _NAMED, _CURSOR = int(L.WINDOW), int(L.NAMED), int(L.CURSOR)
_DIVERTED, _UNFILLED, _EXCUSED = int(L.DIVERTED), int(L.UNFILLED), int(L.EXCUSED)
_DISPLACED, _PASSED_OVER, _CONTRADICTED = int(L.DISPLACED), int(L.PASSED_OVER), int(L.CONTRADICTED)
_HIDDEN_LOTS, _HIDDEN_MET = int(L.HIDDEN), int(L.HIDDEN_MET)
_ADD, _REDUCE, _DELETE = int(PartialKind.ADD), int(PartialKind.REDUCE), int(PartialKind.DELETE)
_TRADE, _HIDDEN = int(PartialKind.TRADE), int(PartialKind.HIDDEN)
_ENTER, _LEAVE = int(PartialKind.ENTER), int(PartialKind.LEAVE)
_OK, _LEVELS_FULL, _FILLS_FULL = int(Code.OK), int(Code.LEVELS_FULL), int(Code.FILLS_FULL)
_DUPLICATE, _OUT_OF_RANGE = int(Code.DUPLICATE), int(Code.OUT_OF_RANGE)


@part
def _add(core: Core, ledger: Ledger, event: Any, side: int, px: int) -> int:
    """An order rests. A participant who stands where it would have traded is met first."""
    key, sign, venues = event.ordinal, event.sign, core.venues.shape[0]
    if key < 0 or key >= ledger.state[_NAMED]:
        return _OUT_OF_RANGE
    if ledger.there[key] != 0:
        return _DUPLICATE
    at = find(ledger, side, event.px)
    if at < 0 and ledger.state[side] == ledger.views.shape[1]:
        return _LEVELS_FULL
    home = venue_of(key, venues)
    code = place_fits(core, home, key, sign, px)
    if code != _OK:
        return code
    takes = core.state[_DIMS] > 0 or crosses(core, 0, venues, sign, sign * px)
    if takes and not fills_fit(core, 0, venues, sign):
        return _FILLS_FULL
    if at < 0:
        at = show(ledger, side, event.px)
        if core.state[_OWN] > 0 and ledger.state[side] == ledger.state[_WINDOW]:
            # Fewer levels than the window has room for were all there was: nothing stood beyond the last.
            last = ledger.views[side, ledger.state[side] - 1].px
            goes_out(core, ledger, side, -SPARE, sign * (last + px - event.px))
    append(ledger, side, at, key, event.qty)
    if core.state[_IMPACT] != 0:
        core.shifts[key] = px - event.px
    left = event.qty
    if takes:
        left = sweep_all(core, key, sign, sign * px, left, event.time_ns)
    if left > 0:
        stand(core, 2 * home + side, key, px, left)
    return _OK


@part
def _settle(core: Core, ledger: Ledger, side: int, at: int, key: int, qty: int) -> None:
    """The recording has taken `qty` off an order. What it is done with leaves here too."""
    if qty == ledger.there[key]:
        ledger.state[_DISPLACED] += vanish(core, key)
    take(ledger, side, at, key, qty)


@part
def _cancel(core: Core, ledger: Ledger, side: int, at: int, key: int, qty: int) -> None:
    """The recording cancels `qty` of an order: first of its consumed lots, for which it is too late."""
    excused = min(qty, max(0, ledger.there[key] - here(core, key)))
    ledger.state[_EXCUSED] += excused
    if qty > excused:
        core.state[_CANCELLED] += 1
        reduce(core, slot_of(core, key), qty - excused)
    else:
        core.state[_IGNORED] += 1
    _settle(core, ledger, side, at, key, qty)


@part
def _print(core: Core, now_ns: int, px: int, qty: int, venue: int, sign: int) -> None:
    trade = core.trades[core.state[_TRADES] % core.trades.shape[0]]
    trade.time_ns, trade.px, trade.qty, trade.venue, trade.aggressor_sign = now_ns, px, qty, venue, sign
    core.state[_TRADES] += 1


@part
def _front(core: Core, side: int) -> int:
    """The slot of the displayed order that a taker of every venue meets first, or -1."""
    first, best, arrival = -1, NOTHING, 0
    for venue in range(core.venues.shape[0]):
        book = core.books[2 * venue + side]
        if book.best < 0 or book.best_key < best or core.venues[venue].phase != 0:
            continue
        head = core.levels[book.best].head
        if first < 0 or book.best_key > best or core.orders[head].arrival < arrival:
            first, best, arrival = head, book.best_key, core.orders[head].arrival
    return int(first)


@part
def _arrive(core: Core, ledger: Ledger, key: int, sign: int, limit: int, qty: int, now_ns: int) -> int:
    """The taker of a recorded execution of order `key`; what it could not get.

    `sign` is the taker's, `limit` its sign x price. Where prices have answered to participants, who stands
    before whom is not what it was: then it meets whoever it meets, and may pay more to recorded orders.
    """
    taker, slot, answers = TAKERS + ledger.state[_CURSOR], slot_of(core, key), answered(core)
    others = slot >= 0 and not answers and _front(core, 1 if sign > 0 else 0) != slot
    if others and core.venues[core.orders[slot].book >> 1].phase == 0:
        qty = _past_others(core, ledger, slot, sign, limit, qty, now_ns)
    left = sweep_all(core, taker, sign, limit, qty, now_ns) if qty > 0 else 0
    return _on_to(core, ledger, key, sign, left, now_ns) if left > 0 and answers else left


@aside
def _on_to(core: Core, ledger: Ledger, key: int, sign: int, qty: int, now_ns: int) -> int:
    """On to the order that it met in the recording, whose price has moved further than the taker's limit.

    It meets recorded orders up to there, but no participant, who would earn by having moved the price: where
    one is next in line it stops. What it could not get.
    """
    taker, slot = TAKERS + ledger.state[_CURSOR], slot_of(core, key)
    limit = sign * core.orders[slot].px if slot >= 0 else 0
    while qty > 0 and slot >= 0:
        first = _front(core, 1 if sign > 0 else 0)
        if first < 0 or core.orders[first].key < 0 or sign * core.orders[first].px > limit:
            break
        lots = min(qty, core.orders[first].leaves)
        qty -= lots
        record(core, first, core.orders[first].px, lots, taker, qty, sign, now_ns, 0)
        reduce(core, first, lots)
        slot = slot_of(core, key)
    return qty


@aside
def _past_others(core: Core, ledger: Ledger, slot: int, sign: int, limit: int, qty: int, now_ns: int) -> int:
    """Participants who stand before the recorded order are met: what is left for it and who follows.

    A recorded order before it was passed over in the recording, and is here, or the books would part.
    """
    taker = TAKERS + ledger.state[_CURSOR]
    side = 1 if sign > 0 else 0
    while qty > 0:
        first = _front(core, side)
        if first < 0 or first == slot or sign * core.orders[first].px > limit:
            break
        if core.orders[first].key >= 0:
            ledger.state[_PASSED_OVER] += 1
            lots = min(qty, core.orders[slot].leaves)
            qty -= lots
            record(core, slot, core.orders[slot].px, lots, taker, qty, sign, now_ns, 0)
            reduce(core, slot, lots)
            break
        lots = min(qty, core.orders[first].leaves)
        left = sweep_all(core, taker, sign, limit, lots, now_ns)
        if left == lots:
            break
        qty -= lots - left
    return qty


@part
def _execute(core: Core, ledger: Ledger, event: Any, side: int, at: int, key: int, qty: int, px: int) -> None:
    """`qty` of order `key` was executed in the recording."""
    before = here(core, key)
    left = _arrive(core, ledger, key, -event.sign, -event.sign * px, qty, event.time_ns)
    ledger.state[_UNFILLED] += left
    ledger.state[_DIVERTED] += qty - left - (before - here(core, key))
    _settle(core, ledger, side, at, key, qty)


@aside
def _unseen(core: Core, ledger: Ledger, event: Any, side: int, px: int, qty: int) -> int:
    """A recorded taker met lots that were not displayed: participants at its price or better are first.

    Recorded orders are not met, since they were not: where the recording shows one that should have been, it
    contradicts itself. Returns the lots that met nobody here; they are printed.
    """
    sign, left = -event.sign, qty
    if ledger.state[side] > 0 and sign * ledger.views[side, 0].px <= sign * event.px:
        ledger.state[_CONTRADICTED] += 1
    elif core.state[_OWN] > 0:
        left = sweep_all(core, TAKERS + ledger.state[_CURSOR], sign, sign * px, left, event.time_ns)
    if left > 0:
        _print(core, event.time_ns, px, left, home_of(core, ledger), sign)
    return left


@part
def _take_off(core: Core, ledger: Ledger, event: Any, side: int, px: int) -> None:
    """REDUCE, DELETE or TRADE: lots leave the recorded window."""
    at = find(ledger, side, event.px)
    trade = event.kind == _TRADE
    named = 0 <= event.ordinal < ledger.state[_NAMED] and ledger.there[event.ordinal] > 0
    left = event.qty
    while left > 0 and at >= 0:
        # Of unknown orders the anonymous at the front trade; those at the back cancel, which leaves a
        # participant's place no better than it is known to be.
        key = event.ordinal if named else nameless(ledger, side, at, trade)
        if key < 0 or ledger.there[key] == 0:
            break
        lots = min(left, ledger.there[key])
        if event.kind == _DELETE and named:
            lots = left = ledger.there[key]
        left -= lots
        if trade:
            _execute(core, ledger, event, side, at, key, lots, px)
        else:
            _cancel(core, ledger, side, at, key, lots)
        if ledger.views[side, at].head < 0:
            unshow(ledger, side, at)
            at = -1
    if left > 0:
        ledger.state[_CONTRADICTED] += 1
        if trade:
            _unseen(core, ledger, event, side, px, left)


@part
def _row(core: Core, ledger: Ledger, event: Any) -> int:
    side = 1 if event.sign < 0 else 0
    taker = event.kind == _TRADE or event.kind == _HIDDEN
    shift, px = 0, event.px
    if core.state[_IMPACT] != 0:
        if taker:
            shift = taker_shift(core, event.qty, event.time_ns)
        else:
            shift = shift_of(core, event.sign, event.qty, event.time_ns)
        px = max(px + shift, 2 - (px & 1))
    if event.kind == _ADD:
        return _add(core, ledger, event, side, px)
    if taker and not fills_fit(core, 0, core.venues.shape[0], -event.sign):
        return _FILLS_FULL
    if event.kind <= _TRADE:
        _take_off(core, ledger, event, side, px)
    elif event.kind == _HIDDEN:
        ledger.state[_HIDDEN_LOTS] += event.qty
        ledger.state[_HIDDEN_MET] += event.qty - _unseen(core, ledger, event, side, px, event.qty)
    elif event.kind == _ENTER:
        if core.state[_OWN] > 0 and not fills_fit(core, 0, core.venues.shape[0], event.sign):
            return _FILLS_FULL
        return enter(core, ledger, side, event.px, event.qty, shift, event.time_ns)
    elif event.kind == _LEAVE:
        leave(core, ledger, side, event.px, shift)
    else:
        for s in range(2):
            while ledger.state[s] > 0:
                leave(core, ledger, s, ledger.views[s, ledger.state[s] - 1].px, shift)
    return _OK


@part
def feed(core: Core, ledger: Ledger, event: Any) -> int:
    """One PARTIAL record: a code."""
    dims = core.state[_DIMS] > 0
    if dims:
        code = aftermath_fits(core, 1 + core.state[_OWN])
        if code != _OK:
            return code
        take_reference(core)
    code = _row(core, ledger, event)
    if dims and code == _OK:
        settle(core, event.time_ns)
    return code


@kernel
def replay(core: Core, ledger: Ledger, events: Records, until_ns: int, at_most: int) -> int:
    """Feed the rows not yet fed whose time is at most `until_ns`, at most `at_most` of them: a code."""
    at = ledger.state[_CURSOR]
    stop = min(events.shape[0], at + at_most)
    while at < stop and events[at].time_ns <= until_ns:
        code = feed(core, ledger, events[at])
        if code != _OK:
            return code
        core.state[_NOW] = events[at].time_ns
        at += 1
        ledger.state[_CURSOR] = at
    return _OK
