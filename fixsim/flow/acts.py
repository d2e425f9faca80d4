"""Kernels: what generated flow does to a market.

A flow is one crowd over all lit venues, as a recording is: its orders rest at the venue that their ordinal
hashes to, its takers sweep every venue, and the queue it looks at is the consolidated one, displayed, with
participants' orders in it. Ordinals come from the market's own table (Capacity.recorded) and are used again
once the order is gone; `serial` tells the orders apart, so that a record of a long run names each once.

With a log, every elementary act is a row: what happened, and the best levels a side after it. Prices are half
ticks, quantities lots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.displayed import best_px, level_of, lot_at, next_px, shown, trades_now
from fixsim.flow.rng import Generator, below
from fixsim.matching import Capacity, EventKind
from fixsim.matching.kernel import cold, kernel
from fixsim.matching.layout import EVENT, Code, Core, Records, S
from fixsim.matching.replay import feed
from fixsim.matching.resting import slot_of

ROW = np.dtype(
    [
        ("time_ns", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("left", "i8"),  # of the order named, after it
        ("order", "i8"),  # serial of the order that rests or rested; -1: a participant's
        ("contra", "i8"),  # TRADED: serial of the taker; -1: a participant's
        ("what", "i2"),
        ("sign", "i2"),  # of the book that changed: +1 bids, -1 offers
    ]
)
RESTED, TAKEN_OFF, TRADED = 0, 1, 2
"""ROW.what: an order came to rest; quantity left without a trade; a resting order met a taker."""

LOG_FULL = 100
"""A code beside fixsim.matching's: the log has no room for another event's rows."""

NEXT_ORDINAL, NEXT_SERIAL, ROWS, LOST, VOID, EVENTS = 0, 1, 2, 3, 4, 5
"""Places in Acts.state. LOST: rows that found the log full. VOID: events that met nothing they could act
upon. EVENTS: all events."""

_FILLS, _FREE = int(S.FILLS), int(S.FREE)
_LIMIT, _MARKET, _CANCEL = int(EventKind.LIMIT), int(EventKind.MARKET), int(EventKind.CANCEL)
_OK, _ORDERS_FULL = int(Code.OK), int(Code.ORDERS_FULL)
_LEVELS_FULL, _FILLS_FULL = int(Code.LEVELS_FULL), int(Code.FILLS_FULL)


class Acts(NamedTuple):
    """One flow's hands: its ordinals, and its log."""

    state: NDArray[np.int64]
    serial: NDArray[np.int64]
    """By ordinal: the number, 0, 1, 2 …, of the order that has it or had it last."""
    event: Records
    """[1] EVENT: what is fed next."""
    rows: Records
    """[n] ROW; n 0: nothing is kept."""
    px: NDArray[np.int64]
    """[n, 2, levels]: the best prices after each row, bids and offers, 0 where there is none."""
    qty: NDArray[np.int64]
    """[n, 2, levels]"""


def acts(capacity: Capacity, *, rows: int = 0, levels: int = 10) -> Acts:
    """For a market of this capacity; with room for `rows` rows of a log, each with so many levels a side."""
    event = np.zeros(1, EVENT)
    event["funds"] = -1
    shape = (rows, 2, levels)
    return Acts(
        state=np.zeros(6, np.int64),
        serial=np.full(capacity.recorded, -1, np.int64),
        event=event,
        rows=np.zeros(rows, ROW),
        px=np.zeros(shape, np.int64),
        qty=np.zeros(shape, np.int64),
    )


@kernel
def ready(core: Core, acts: Acts, orders: int, levels: int, rows: int) -> int:
    """Whether an event fits that rests so many orders, at so many prices, and logs so many rows: a code."""
    resting = core.orders.shape[0] - core.state[_FREE]
    if core.fills.shape[0] - core.state[_FILLS] < 2 * (resting + orders):
        return _FILLS_FULL
    if core.state[_FREE] < orders or 2 * (resting + orders) > core.recorded.shape[0]:
        return _ORDERS_FULL
    for book in range(core.books.shape[0]):
        if core.over_key.shape[1] - core.books[book].over < levels:
            return _LEVELS_FULL
    if acts.rows.shape[0] > 0 and acts.rows.shape[0] - acts.state[ROWS] < rows:
        return LOG_FULL
    return _OK


@kernel
def fresh(core: Core, acts: Acts) -> int:
    """An ordinal that no resting order has. At most half of them are in use (ready), so one is near."""
    n = core.recorded.shape[0]
    ordinal = acts.state[NEXT_ORDINAL]
    while core.recorded[ordinal] != 0:
        ordinal = ordinal + 1 if ordinal + 1 < n else 0
    acts.state[NEXT_ORDINAL] = ordinal + 1 if ordinal + 1 < n else 0
    acts.serial[ordinal] = acts.state[NEXT_SERIAL]
    acts.state[NEXT_SERIAL] += 1
    return int(ordinal)


@cold
def keep(
    core: Core,
    acts: Acts,
    what: int,
    sign: int,
    px: int,
    qty: int,
    left: int,
    order: int,
    contra: int,
    now: int,
) -> None:
    """One row of the log."""
    n = acts.state[ROWS]
    if n >= acts.rows.shape[0]:
        acts.state[LOST] += 1
        return
    row = acts.rows[n]
    row.time_ns, row.what, row.sign, row.px, row.qty, row.left = now, what, sign, px, qty, left
    row.order, row.contra = order, contra
    levels = acts.px.shape[2]
    for side in range(2):
        s = 1 - 2 * side
        price = best_px(core, s)
        for i in range(levels):
            acts.px[n, side, i] = price
            acts.qty[n, side, i] = shown(core, s, price) if price > 0 else 0
            if price > 0:
                price = next_px(core, s, price)
    acts.state[ROWS] = n + 1


@cold
def send(core: Core, acts: Acts, kind: int, ordinal: int, sign: int, px: int, qty: int, now_ns: int) -> int:
    """Feed one event as if it were recorded, and log what came of it: a code."""
    event = acts.event[0]
    event.time_ns, event.kind, event.ordinal, event.sign = now_ns, kind, ordinal, sign
    event.px, event.qty = px, qty
    before = core.state[_FILLS]
    code = feed(core, event)
    if code != _OK or acts.rows.shape[0] == 0:
        return int(code)
    filled = 0
    for i in range(before, core.state[_FILLS]):
        fill = core.fills[i]
        maker = -1 if fill.maker_is_ours else int(acts.serial[fill.maker_key])
        taker = -1 if fill.taker_is_ours else int(acts.serial[fill.taker_key])
        filled += fill.qty if fill.taker_key == ordinal else 0
        keep(
            core,
            acts,
            TRADED,
            -fill.aggressor_sign,
            fill.px,
            fill.qty,
            fill.maker_leaves,
            maker,
            taker,
            now_ns,
        )
    if kind == _LIMIT and slot_of(core, ordinal) >= 0:
        keep(core, acts, RESTED, sign, px, qty - filled, qty - filled, acts.serial[ordinal], -1, now_ns)
    return int(code)


@kernel
def add(core: Core, acts: Acts, sign: int, px: int, qty: int, now_ns: int) -> int:
    """A limit order: a code."""
    return send(core, acts, _LIMIT, fresh(core, acts), sign, px, qty, now_ns)


@kernel
def take(core: Core, acts: Acts, ordinal: int, sign: int, px: int, qty: int, now_ns: int) -> int:
    """A market order (a fresh ordinal) for at most what is displayed at `px`, its best price: a code.

    With a log it goes order by order, so that each trade has the book after it; the fills are the same.
    """
    qty = min(qty, shown(core, -sign, px))
    if qty == 0:
        acts.state[VOID] += 1
        return _OK
    if acts.rows.shape[0] == 0:
        return send(core, acts, _MARKET, ordinal, sign, 0, qty, now_ns)
    return take_logged(core, acts, ordinal, sign, px, qty, now_ns)


@cold
def take_logged(core: Core, acts: Acts, ordinal: int, sign: int, px: int, qty: int, now_ns: int) -> int:
    side = 1 if sign > 0 else 0
    while qty > 0:
        first, arrival = -1, 0
        for venue in range(core.books.shape[0] // 2):
            level = level_of(core, 2 * venue + side, px) if trades_now(core, venue) else -1
            if level >= 0:
                head = core.levels[level].head
                if first < 0 or core.orders[head].arrival < arrival:
                    first, arrival = head, core.orders[head].arrival
        if first < 0:
            break
        lots = min(qty, core.orders[first].leaves)
        code = send(core, acts, _MARKET, ordinal, sign, 0, lots, now_ns)
        if code != _OK:
            return code
        qty -= lots
    return _OK


@kernel
def remove(core: Core, acts: Acts, slot: int, now_ns: int) -> int:
    """Cancel a resting order of the flow: a code."""
    order = core.orders[slot]
    ordinal, px, lots = order.key, order.px, order.leaves
    sign = 1 if order.book & 1 == 0 else -1
    code = send(core, acts, _CANCEL, ordinal, sign, px, lots, now_ns)
    if acts.rows.shape[0] > 0:
        keep(core, acts, TAKEN_OFF, sign, px, lots, 0, acts.serial[ordinal], -1, now_ns)
    return code


@kernel
def cancel_any(core: Core, acts: Acts, rng: Generator, sign: int, px: int, now_ns: int) -> int:
    """Cancel the order at a price that a lot drawn at random belongs to: a code.

    A participant's order is not the flow's to cancel, and drawing one ends it: a queue is cancelled less in
    proportion to what participants have in it.
    """
    total = shown(core, sign, px)
    slot = lot_at(core, sign, px, below(rng, total)) if total > 0 else -1
    if slot < 0 or core.orders[slot].key < 0:
        acts.state[VOID] += 1
        return _OK
    return remove(core, acts, slot, now_ns)


@cold
def thin(core: Core, acts: Acts, rng: Generator, sign: int, px: int, most: int, now_ns: int) -> int:
    """Cancel orders of the flow, drawn as in cancel_any, until at most `most` lots are displayed: a code."""
    missed = 0
    while missed < 32:
        total = shown(core, sign, px)
        if total <= most:
            return _OK
        slot = lot_at(core, sign, px, below(rng, total))
        if core.orders[slot].key < 0:
            missed += 1
            continue
        code = remove(core, acts, slot, now_ns)
        if code != _OK:
            return code
    return clear(core, acts, sign, px, most, False, now_ns)  # there is little of the flow's among them


@cold
def clear(core: Core, acts: Acts, sign: int, px: int, most: int, everywhere: bool, now_ns: int) -> int:
    """Cancel the flow's orders at a price, newest first, until at most `most` lots are displayed: a code.

    `everywhere`: at venues that do not trade now as well, and all of them.
    """
    side = 0 if sign > 0 else 1
    for venue in range(core.books.shape[0] // 2):
        if not everywhere and not trades_now(core, venue):
            continue
        level = level_of(core, 2 * venue + side, px)
        slot = core.levels[level].tail if level >= 0 else -1
        while slot >= 0 and (everywhere or shown(core, sign, px) > most):
            before = core.orders[slot].prev
            if core.orders[slot].key >= 0:
                code = remove(core, acts, slot, now_ns)
                if code != _OK:
                    return code
            slot = before
    return _OK
