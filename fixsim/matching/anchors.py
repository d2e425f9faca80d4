"""Kernels: levels of a partial tape that leave the recorded window and come into it.

A level that leaves takes its recorded orders with it: they can be neither seen nor met until it is back. A
level that comes in brings its recorded total, as anonymous orders. Participants' orders stay where they are;
the recorded lots before one when its price went out of view are remembered, and no more than that (nor more
than the total) stands before it when the price is back. Of an order that came while its price was out of
view nothing is known: all of the total stands before it.

Lots before a participant's order rest at that order's venue; what nobody's place depends on rests where a
hash of the row's number says.
"""

from __future__ import annotations

from fixsim.matching.kernel import aside, part
from fixsim.matching.layout import SPARE, Code, Core, S
from fixsim.matching.ledger import L, Ledger
from fixsim.matching.levels import better, overflow_below, place, window_below
from fixsim.matching.resting import remove, rest, slot_of, venue_of
from fixsim.matching.terms import Phase
from fixsim.matching.trading import crosses, place_fits, sweep
from fixsim.matching.window import anonymous, append, find, show, unshow

_FREE, _OWN, _FUNDS, _DROPPED = int(S.FREE), int(S.OWN), int(S.FUNDS), int(S.DROPPED)
_IMPACT, _HALTED = int(S.IMPACT), int(Phase.HALTED)
_NAMED, _POOL, _CURSOR, _OPENED = int(L.NAMED), int(L.FREE), int(L.CURSOR), int(L.OPENED)
_ENTERED, _LEFT, _KEPT, _CONTRADICTED = int(L.ENTERED), int(L.LEFT), int(L.KEPT), int(L.CONTRADICTED)
_LOST_CONSUMED, _LOST_DISPLACED = int(L.LOST_CONSUMED), int(L.LOST_DISPLACED)
_OK, _ORDERS_FULL, _LEVELS_FULL = int(Code.OK), int(Code.ORDERS_FULL), int(Code.LEVELS_FULL)


@part
def here(core: Core, key: int) -> int:
    """Lots that rest of a recorded order in this market."""
    slot = slot_of(core, key)
    return int(core.orders[slot].leaves) if slot >= 0 else 0


@part
def vanish(core: Core, key: int) -> int:
    """Take a recorded order out of this market; the lots that rested of it."""
    slot = slot_of(core, key)
    if slot < 0:
        return 0
    left = int(core.orders[slot].leaves)
    remove(core, slot)
    return left


@part
def home_of(core: Core, ledger: Ledger) -> int:
    """The venue of whatever the row in progress brings without a name."""
    return venue_of(ledger.state[_NAMED] + ledger.state[_CURSOR], core.venues.shape[0])


@part
def stand(core: Core, book: int, key: int, px: int, qty: int) -> int:
    """A recorded order at the end of its price's queue: its slot; -1 where a halted venue takes none."""
    if core.venues[book >> 1].phase >= _HALTED:
        core.state[_DROPPED] += 1
        return -1
    return rest(core, book, key, px, qty)


@aside
def sweep_all(core: Core, key: int, sign: int, limit: int, qty: int, now_ns: int) -> int:
    """A taker of every venue; what is left of `qty`."""
    core.state[_FUNDS] = -1
    return sweep(core, 0, core.venues.shape[0], key, sign, limit, qty, now_ns)


@part
def next_level(core: Core, book: int, key: int) -> int:
    """The best level of a book whose key (sign x price) is below `key`, or -1."""
    offset = min(key - core.books[book].base, core.bits.shape[1] * 64)
    return better(
        core, book, window_below(core, book, offset), overflow_below(core, book, place(core, book, key))
    )


@part
def queue_at(core: Core, book: int, px: int) -> int:
    """The slot of the first order at a price of a book, or -1."""
    key = (1 - 2 * (book & 1)) * px
    number = next_level(core, book, key + 1)
    return int(core.levels[number].head) if number >= 0 and core.levels[number].px == px else -1


@part
def recorded_ahead(core: Core, slot: int) -> int:
    """Recorded lots at an order's price that came before it, at all venues."""
    order = core.orders[slot]
    total = 0
    for book in range(order.book & 1, core.books.shape[0], 2):
        at = queue_at(core, book, order.px)
        while at >= 0 and at != slot and core.orders[at].arrival <= order.arrival:
            if core.orders[at].key >= 0:
                total += core.orders[at].leaves
            at = core.orders[at].next
    return total


@aside
def goes_out(core: Core, ledger: Ledger, side: int, low: int, high: int) -> None:
    """Prices with keys from `low` up to, not including, `high` go out of view: note who stands where."""
    sign = 1 - 2 * side
    for book in range(side, core.books.shape[0], 2):
        number = next_level(core, book, high)
        while number >= 0 and sign * core.levels[number].px >= low:
            slot = core.levels[number].head
            while slot >= 0:
                if core.orders[slot].key < 0:
                    ledger.ahead[slot] = recorded_ahead(core, slot)
                    ledger.stamp[slot] = core.orders[slot].arrival + 1
                slot = core.orders[slot].next
            number = next_level(core, book, sign * core.levels[number].px)


@part
def leave(core: Core, ledger: Ledger, side: int, px: int, shift: int) -> None:
    """A level leaves the window, and its recorded orders with it. `shift`: see partial.py."""
    at = find(ledger, side, px)
    if at < 0:
        ledger.state[_CONTRADICTED] += 1
        return
    sign = 1 - 2 * side
    low = sign * (px + shift)
    high = low + 1
    if at == ledger.state[side] - 1:
        high = sign * (ledger.views[side, at - 1].px + shift) if at > 0 else SPARE
    if core.state[_OWN] > 0:
        goes_out(core, ledger, side, low, high)
    ledger.state[_LEFT] += ledger.state[_OPENED]
    key = ledger.views[side, at].head
    while key >= 0:
        after = ledger.next[key]
        lost = ledger.there[key] - vanish(core, key)
        ledger.state[_LOST_CONSUMED if lost > 0 else _LOST_DISPLACED] += abs(lost)
        ledger.there[key] = 0
        if key >= ledger.state[_NAMED]:
            ledger.free[ledger.state[_POOL]] = key
            ledger.state[_POOL] += 1
        key = after
    unshow(ledger, side, at)


@part
def _own_after(core: Core, side: int, px: int, arrival: int) -> int:
    """The participant's order at a price that came first after `arrival`, at all venues: its slot, or -1."""
    found = -1
    for book in range(side, core.books.shape[0], 2):
        slot = queue_at(core, book, px)
        while slot >= 0:
            order = core.orders[slot]
            if order.key < 0 and order.arrival > arrival:
                if found < 0 or order.arrival < core.orders[found].arrival:
                    found = slot
                break
            slot = order.next
    return found


@part
def _move_before(core: Core, slot: int, place_of: int) -> None:
    """An order from the end of its level's queue to the place before another one, with its arrival."""
    order, level = core.orders[slot], core.levels[core.orders[slot].level]
    level.tail = order.prev
    core.orders[order.prev].next = -1
    before = core.orders[place_of]
    order.prev, order.next = before.prev, place_of
    if before.prev < 0:
        level.head = slot
    else:
        core.orders[before.prev].next = slot
    before.prev = slot
    order.arrival = before.arrival


@part
def _nameless(core: Core, ledger: Ledger, side: int, at: int, px: int, qty: int) -> int:
    """An anonymous order of a level, in the recording only: its key. It is to stand at `px` here."""
    key = anonymous(ledger)
    append(ledger, side, at, key, qty)
    if core.state[_IMPACT] != 0:
        core.shifts[key] = px - ledger.views[side, at].px
    return key


@part
def enter(core: Core, ledger: Ledger, side: int, px: int, qty: int, shift: int, now_ns: int) -> int:
    """A level comes into the window with its recorded total: a code."""
    if find(ledger, side, px) >= 0:
        ledger.state[_CONTRADICTED] += 1
        leave(core, ledger, side, px, shift)
    if qty <= 0:
        return _OK
    if ledger.state[side] == ledger.views.shape[1]:
        return _LEVELS_FULL
    sign, home, stands_px = 1 - 2 * side, home_of(core, ledger), max(px + shift, 2 - (px & 1))
    if core.state[_FREE] <= core.state[_OWN]:
        return _ORDERS_FULL
    code = place_fits(core, home, ledger.state[_NAMED], sign, stands_px)
    if code != _OK:
        return code
    at = show(ledger, side, px)
    ledger.state[_ENTERED] += ledger.state[_OPENED]
    if core.state[_OWN] > 0:
        _among_participants(core, ledger, side, at, stands_px, qty, now_ns)
        return _OK
    key = _nameless(core, ledger, side, at, stands_px, qty)
    stand(core, 2 * home + side, key, stands_px, qty)
    return _OK


@aside
def _among_participants(
    core: Core, ledger: Ledger, side: int, at: int, px: int, qty: int, now_ns: int
) -> None:
    """The total of a level that comes in, in pieces before, between and behind participants' orders there."""
    sign, venues, home = 1 - 2 * side, core.venues.shape[0], home_of(core, ledger)
    before = 0
    if crosses(core, 0, venues, sign, sign * px):
        # A participant stands where these orders would have met it, had they been in view.
        key = _nameless(core, ledger, side, at, px, qty)
        left = sweep_all(core, key, sign, sign * px, qty, now_ns)
        if left > 0:
            stand(core, 2 * home + side, key, px, left)
        return
    slot = _own_after(core, side, px, -1)
    while slot >= 0:
        arrival = core.orders[slot].arrival
        until = qty
        if ledger.stamp[slot] == arrival + 1:
            until = min(ledger.ahead[slot], qty)
            ledger.state[_KEPT] += 1
        if until > before:
            key = _nameless(core, ledger, side, at, px, until - before)
            piece = stand(core, core.orders[slot].book, key, px, until - before)
            if piece >= 0:
                _move_before(core, piece, slot)
            before = until
        slot = _own_after(core, side, px, arrival)
    if qty > before:
        key = _nameless(core, ledger, side, at, px, qty - before)
        stand(core, 2 * home + side, key, px, qty - before)
