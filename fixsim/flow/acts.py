"""Kernels: what generated flow does to a market.

A flow is one crowd over all lit venues, as a recording is: its orders rest at the venue that their ordinal
hashes to, its takers sweep every venue, and the queue it looks at is the consolidated one, displayed, with
participants' orders in it. Ordinals come from the market's own table (Capacity.recorded) and are used again
once the order is gone; `serial` tells the orders apart, so that a record of a long run names each once.

A flow asks for one act at a time (`ask_limit`, `ask_cancel`, `ask_market`) and sends it (`send`, the only way
into the engine); what the market has no room for stays asked. With a log, every act leaves rows: what
happened, and the best levels a side after it. Prices are half ticks, quantities lots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.displayed import best_px, first_at, next_px, shown
from fixsim.matching import Capacity, EventKind
from fixsim.matching.kernel import aside, cold, part
from fixsim.matching.layout import EVENT, Code, Core, Records, S
from fixsim.matching.replay import feed
from fixsim.matching.resting import slot_of
from fixsim.matching.terms import FillFlag

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
RESTED, TAKEN_OFF, TRADED, HIDDEN = 0, 1, 2, 3
"""ROW.what: an order came to rest; quantity left without a trade; a displayed order met a taker; one that is
not displayed did, or two such met."""

LOG_FULL = 100
"""A code beside fixsim.matching's: the log has no room for another event's rows."""

NEXT_ORDINAL, NEXT_SERIAL, ROWS, LOST, VOID, EVENTS, ASKED = 0, 1, 2, 3, 4, 5, 6
"""Places in Acts.state. LOST: rows that found the log full. VOID: events that met nothing they could act
upon. EVENTS: all events. ASKED: 1 while Acts.event has yet to be fed."""

ACT_ROWS = 256
"""Rows that the log keeps free for one act: its trades, and its rest."""

_FILLS, _NOW = int(S.FILLS), int(S.NOW)
_HIDDEN_MAKER = int(FillFlag.HIDDEN_MAKER)
_LIMIT, _MARKET, _CANCEL = int(EventKind.LIMIT), int(EventKind.MARKET), int(EventKind.CANCEL)
_OK = int(Code.OK)


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
        state=np.zeros(7, np.int64),
        serial=np.full(capacity.recorded, -1, np.int64),
        event=event,
        rows=np.zeros(rows, ROW),
        px=np.zeros(shape, np.int64),
        qty=np.zeros(shape, np.int64),
    )


@part
def fresh(core: Core, acts: Acts) -> int:
    """An ordinal that no resting order has; there are more than orders can rest (Hands)."""
    n = core.recorded.shape[0]
    ordinal = acts.state[NEXT_ORDINAL]
    while core.recorded[ordinal] != 0:
        ordinal = ordinal + 1 if ordinal + 1 < n else 0
    acts.state[NEXT_ORDINAL] = ordinal + 1 if ordinal + 1 < n else 0
    acts.serial[ordinal] = acts.state[NEXT_SERIAL]
    acts.state[NEXT_SERIAL] += 1
    return int(ordinal)


@aside
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


@part
def ask(acts: Acts, kind: int, ordinal: int, sign: int, px: int, qty: int) -> None:
    """What `send` is to feed next."""
    event = acts.event[0]
    event.kind, event.ordinal, event.sign, event.px, event.qty = kind, ordinal, sign, px, qty
    acts.state[ASKED] = 1


@part
def ask_limit(core: Core, acts: Acts, sign: int, px: int, qty: int) -> int:
    """A limit order, by its ordinal."""
    ordinal = fresh(core, acts)
    ask(acts, _LIMIT, ordinal, sign, px, qty)
    return ordinal


@part
def ask_cancel(core: Core, acts: Acts, slot: int) -> None:
    """The cancel of a resting order of the flow."""
    order = core.orders[slot]
    ask(acts, _CANCEL, order.key, 1 if order.book & 1 == 0 else -1, order.px, order.leaves)


@part
def ask_market(core: Core, acts: Acts, ordinal: int, sign: int, px: int, qty: int) -> int:
    """A market order, or its next part, for what is displayed at `px`, its best price: the lots asked for.

    With a log it goes order by order, so that each trade has the book after it; the fills are the same.
    """
    lots = min(qty, shown(core, -sign, px)) if px > 0 else 0
    if lots > 0 and acts.rows.shape[0] > 0:
        lots = min(lots, core.orders[first_at(core, -sign, px)].leaves)
    if lots > 0:
        ask(acts, _MARKET, ordinal, sign, 0, lots)
    return int(lots)


@aside
def send(core: Core, acts: Acts, now_ns: int) -> int:
    """Feed what was asked as if it were recorded, and log it: a code. Not OK: it is still asked."""
    if acts.rows.shape[0] > 0 and acts.rows.shape[0] - acts.state[ROWS] < ACT_ROWS:
        return LOG_FULL
    event = acts.event[0]
    event.time_ns = now_ns
    before = core.state[_FILLS]
    code = feed(core, event)
    if code != _OK:
        return int(code)
    core.state[_NOW] = now_ns
    acts.state[ASKED] = 0
    if acts.rows.shape[0] > 0:
        tell(core, acts, before, now_ns)
    return _OK


@cold
def tell_foreign(core: Core, acts: Acts, before: int, sign: int, px: int, change: int, now_ns: int) -> None:
    """The rows of a participant's act: its fills are those from `before` on, `change` is what it displays.

    They all have the book after the whole act.
    """
    for i in range(before, core.state[_FILLS]):
        tell_fill(core, acts, i, now_ns)
    if change > 0:
        keep(core, acts, RESTED, sign, px, change, change, -1, -1, now_ns)
    elif change < 0:
        keep(core, acts, TAKEN_OFF, sign, px, -change, 0, -1, -1, now_ns)


@part
def tell_fill(core: Core, acts: Acts, at: int, now_ns: int) -> None:
    fill = core.fills[at]
    maker = -1 if fill.maker_is_ours else int(acts.serial[fill.maker_key])
    taker = -1 if fill.taker_is_ours else int(acts.serial[fill.taker_key])
    what = HIDDEN if fill.flags & _HIDDEN_MAKER else TRADED
    keep(core, acts, what, -fill.aggressor_sign, fill.px, fill.qty, fill.maker_leaves, maker, taker, now_ns)


@aside
def tell(core: Core, acts: Acts, before: int, now_ns: int) -> None:
    """The rows of what was fed: its fills are those from `before` on."""
    event = acts.event[0]
    order = acts.serial[event.ordinal]
    filled = 0
    for i in range(before, core.state[_FILLS]):
        fill = core.fills[i]
        filled += fill.qty if fill.taker_key == event.ordinal else 0
        tell_fill(core, acts, i, now_ns)
    if event.kind == _CANCEL:
        keep(core, acts, TAKEN_OFF, event.sign, event.px, event.qty, 0, order, -1, now_ns)
    elif event.kind == _LIMIT and slot_of(core, event.ordinal) >= 0:
        left = event.qty - filled
        keep(core, acts, RESTED, event.sign, event.px, left, left, order, -1, now_ns)
