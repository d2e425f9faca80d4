"""What a policy may say, and what it means for the parent's resting children.

An action is a target position, not an order: null leaves resting children alone, withdraw cancels them, and
the others say size (a share of the base: parent - filled - unknown) x price x venue slot (0: the router's
best). Working and in-flight children count towards the target, so repeating an action changes nothing.

    prices -> px[V_MAX, 4]   the gate's caps are asked for at these; 0: not legal there
    mask   -> bool[A]        plan -> the target as slices        diff -> cancels, new children, waits

The kernels and the meaning of `caps` are in router.routing.target. A policy is bound to this table by name
and hash (ACTION_SCHEMA, ACTION_HASH). Units: px half ticks (a tick is 2), lots. Integers only; no clock.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from numba import njit

from risk.envelope import Envelope
from risk.order import NewOrder, OrdType, TimeInForce
from router.book import V_MAX, Books, Flags, Ints
from router.features import (
    IMMEDIATE,
    LEAVING,
    LOST,
    ORDERS,
    ORDERS_MAX,
    OTHERS,
    RESTING,
    UNKNOWN,
    VENUE_WORKING,
    WORKING,
    TickState,
)
from router.orders import ChildState
from router.routing import look
from router.routing.target import (
    CROSS,
    FIRST,
    HARD,
    IMPROVE,
    JOIN,
    MID,
    NULL,
    SIZES,
    SLOTS,
    WITHDRAW,
    mask,
    prices,
    slices,
    target_lots,
)

__all__ = [
    "ACTIONS", "ACTION_HASH", "ACTION_SCHEMA", "CROSS", "FIRST", "HARD", "IMPROVE", "JOIN", "MID", "NULL",
    "PRICES", "SIZES", "SLOTS", "WITHDRAW", "A", "Action", "BadAnswer", "Choice", "Diff", "Resting", "Slice",
    "choose", "decode", "diff", "draw", "encode", "fill_caps", "kind_of", "mask", "peg_limit", "plan",
    "portion", "prices", "set_children", "target_lots",
]

Answers = npt.NDArray[np.float32]

CONSERVATION = 6  # the control (controls.md) by which a parent's own children take up its room

PRICES = ("join", "improve", "mid", "cross")
A = FIRST + len(SIZES) * len(PRICES) * SLOTS
ACTIONS: tuple[str, ...] = (
    "null",
    "withdraw",
    *(
        f"{size}%.{price}.{'best' if slot == 0 else f'venue_{slot}'}"
        for size in SIZES
        for price in PRICES
        for slot in range(SLOTS)
    ),
)
ACTION_SCHEMA = "sluice.actions.1"
ACTION_HASH = hashlib.sha256("\n".join((ACTION_SCHEMA, *ACTIONS)).encode()).hexdigest()


class Action(NamedTuple):
    """An action taken apart: size in per cent of the base, price kind, slot (0: best, else venue + 1)."""

    size: int
    price: int
    slot: int


def encode(size: int, price: int, slot: int = 0) -> int:
    """The action's number; `size` in per cent. ValueError where there is no such action."""
    if not (0 <= price < len(PRICES) and 0 <= slot < SLOTS):
        raise ValueError(f"no action with price kind {price} and slot {slot}")
    return FIRST + (SIZES.index(size) * len(PRICES) + price) * SLOTS + slot


def decode(action: int) -> Action:
    """The parts of a size action; ValueError for null, withdraw and what is no action."""
    if not FIRST <= action < A:
        raise ValueError(f"action {action} has no size: expected {FIRST} to {A - 1}")
    rest, slot = divmod(action - FIRST, SLOTS)
    size, price = divmod(rest, len(PRICES))
    return Action(SIZES[size], price, slot)


def price_of(action: int) -> int:
    """The price kind of a size action; ValueError for what is none."""
    if not FIRST <= action < A:
        raise ValueError(f"action {action} has no size: expected {FIRST} to {A - 1}")
    return (action - FIRST) // SLOTS % len(PRICES)


class Slice(NamedTuple):
    """What should stand at a venue (from `plan`), or a new child to send there (from `diff`).

    px: its limit in half ticks; None for a midpoint peg, which carries its `peg_limit`.
    """

    venue: int
    px: int | None
    qty_lots: int
    cap_lots: int  # what the gate passes for a new child there now
    ord_type: OrdType
    tif: TimeInForce


_SLICES = np.zeros((V_MAX, 4), np.int64)


def plan(action: int, books: Books, usable: Flags, caps: Ints, i: Ints) -> list[Slice] | None:
    """The action's target position as slices: None for null (leave all alone), [] for withdraw.

    An action that is masked has no slices either. Not re-entrant: one engine, one thread.
    """
    if action == NULL:
        return None
    if action == WITHDRAW:
        return []
    price = price_of(action)
    n = slices(books, usable, caps, i, action, _SLICES)
    ord_type = OrdType.PEGGED if price == MID else OrdType.LIMIT
    tif = TimeInForce.IOC if price == CROSS else TimeInForce.DAY
    return [
        Slice(v, None if price == MID else px, lots, cap, ord_type, tif)
        for v, px, lots, cap in _SLICES[:n].tolist()
    ]


class Resting(Protocol):
    """What `diff` needs of a child; router.orders.Child is one."""

    @property
    def order(self) -> NewOrder: ...
    @property
    def cl_ord_id(self) -> str: ...
    @property
    def venue(self) -> int: ...
    @property
    def px(self) -> int | None: ...
    @property
    def leaves(self) -> int: ...
    @property
    def state(self) -> ChildState: ...


def kind_of(child: Resting) -> int:
    """What can become of a live child of this parent: its ORDER_KIND."""
    if child.state is ChildState.UNKNOWN:
        return LOST
    if child.order.tif in (TimeInForce.IOC, TimeInForce.FOK):
        return IMMEDIATE
    return LEAVING if child.state is ChildState.PENDING_CANCEL else RESTING


def set_children(tick: TickState, mine: Sequence[Resting], others: Sequence[Resting] = ()) -> None:
    """Tell the tick state what lives: this parent's children oldest first, and the other parents' on the same
    symbol and side, as many as there is room for. Sets UNKNOWN, WORKING and each venue's working lots too."""
    if not mine and not others and tick.i[ORDERS] == 0:
        return  # none before, none now: the rest is 0 already
    tick.i[ORDERS] = 0
    tick.venues[:, VENUE_WORKING] = 0
    working = unknown = 0
    for child in mine:
        kind = kind_of(child)
        tick.add_order(child.venue, child.px, child.leaves, kind)
        if kind == LOST:
            unknown += child.leaves
        else:
            working += child.leaves
            tick.venues[child.venue, VENUE_WORKING] += child.leaves
    for child in islice(others, ORDERS_MAX - int(tick.i[ORDERS])):
        tick.add_order(child.venue, child.px, child.leaves, OTHERS)
    tick.i[WORKING] = working
    tick.i[UNKNOWN] = unknown


def peg_limit(envelope: Envelope, sign: int, limit_nanos: int | None, tick_nanos: int) -> int | None:
    """The limit of a midpoint peg sent now: the parent's, but not beyond what the gate lets a price be.

    Whole ticks, rounded away from the far side, and never past the parent's own; None where it has none.
    A peg that rests keeps the limit it left with.
    """
    if limit_nanos is None or envelope.max_lots == 0:
        return limit_nanos
    if sign > 0:
        nanos = min(limit_nanos, envelope.max_price_nanos)
        return nanos - nanos % tick_nanos
    nanos = max(limit_nanos, envelope.min_price_nanos)
    return nanos + -nanos % tick_nanos


def fill_caps(
    envelopes: Sequence[Envelope | None], px: Ints, sign: int, tick_nanos: int, limit_nanos: int | None,
    caps: Ints,
) -> None:  # fmt: skip
    """caps[V_MAX, 4] from the gate's envelope of each slot (None: no such venue) at the prices of `prices`.

    `sign` and `limit_nanos` are the parent's; a peg is asked for with its `peg_limit`. Only a refusal for
    want of room in the parent can be lifted by releasing its own children: 0, else HARD.
    """
    caps.fill(HARD)
    legal = px.tolist()
    for v, envelope in enumerate(envelopes):
        if envelope is None:
            continue
        if envelope.max_lots == 0:
            if envelope.reason is not None and envelope.reason.number == CONSERVATION:
                caps[v] = 0
            continue
        for price, half_ticks in enumerate(legal[v]):
            if half_ticks > 0:
                if price == MID:
                    nanos = peg_limit(envelope, sign, limit_nanos, tick_nanos)
                else:
                    nanos = half_ticks * tick_nanos // 2
                caps[v, price] = envelope.cap_lots(nanos) or HARD


@dataclass(frozen=True, slots=True)
class Diff:
    """The way from what rests to the target. `waits`: cancels or immediate orders must end first."""

    cancels: list[str]  # ClOrdIDs
    new: list[Slice]  # qty_lots: to send now
    waits: bool


def portion(want: int, cap: int, round_lots: int, min_lots: int) -> int:
    """The lots of `want` to send under `cap`: whole round lots, and where that is possible not so many that
    what is left is less than the least order. 0 if nothing can be sent."""
    lots = min(want, cap)
    lots -= lots % round_lots
    if lots < min_lots:
        return 0
    rest = want - lots
    if 0 < rest < min_lots:
        short = min_lots - rest
        short += -short % round_lots
        if lots - short >= min_lots:
            lots -= short
    return lots


def diff(target: list[Slice] | None, children: Sequence[Resting], round_lots: int, min_lots: int) -> Diff:
    """Compare the target with this parent's live children (oldest first, as in set_children).

    Children that stand at a slice's venue and price stay, as far as they fit; others are cancelled, and
    nothing new leaves before those cancels are confirmed and immediate orders have ended. Unknown
    children are not touched: their quantity is reserved by the base.
    """
    if target is None:
        return Diff([], [], waits=False)
    standing = {(s.venue, s.px): s.qty_lots for s in target if s.tif is TimeInForce.DAY}
    cancels: list[str] = []
    waits = False
    for child in children:
        kind = kind_of(child)
        if kind == LOST:
            continue
        if kind != RESTING:
            waits = True
            continue
        key = (child.venue, child.px)
        room = standing.get(key, 0)
        if child.leaves <= room:
            standing[key] = room - child.leaves
        else:
            cancels.append(child.cl_ord_id)
            waits = True
    if waits:
        return Diff(cancels, [], waits=True)
    new: list[Slice] = []
    for s in target:
        want = standing[s.venue, s.px] if s.tif is TimeInForce.DAY else s.qty_lots
        lots = portion(want, s.cap_lots, round_lots, min_lots)
        if lots > 0:
            new.append(s._replace(qty_lots=lots) if lots != s.qty_lots else s)
    return Diff([], new, waits=False)


class Choice(NamedTuple):
    """What was chosen from an answer, and with what probability it was (1 at temperature 0)."""

    action: int
    propensity: float


class BadAnswer(NamedTuple):
    """An answer that must not be used; the parent's fallback decides instead."""

    reason: str


@njit(cache=True, nogil=True)
def _judge(logits: Answers, allowed: Flags, value: Answers, action_value: Answers) -> tuple[int, int]:
    """(fault, the action it is about) or (0, best allowed action; the first of equals)."""
    best = -1
    for a in range(allowed.shape[0]):
        if not math.isfinite(action_value[a]):
            return 3, a
        x = logits[a]
        if allowed[a]:
            if not math.isfinite(x):
                return 1, a
            if best < 0 or x > logits[best]:
                best = a
        elif x != -math.inf:
            return 2, a
    if not math.isfinite(value[0]):
        return 4, 0
    return (5, 0) if best < 0 else (0, best)


_FAULTS = {
    1: "logits[{a}] ({name}) is {x} where the action is allowed; finite expected",
    2: "logits[{a}] ({name}) is {x} where the action is masked; -inf expected",
    3: "action_value[{a}] ({name}) is not finite",
    4: "value is not finite",
    5: "no action is allowed",
}


@njit(cache=True, nogil=True)
def _sample(logits: Answers, allowed: Flags, best: int, temperature: float, draw: float) -> tuple[int, float]:
    """Softmax at `temperature` over the allowed actions, by inversion of draw in [0, 1)."""
    total = 0.0
    for a in range(allowed.shape[0]):
        if allowed[a]:
            total += math.exp((logits[a] - logits[best]) / temperature)
    below = 0.0
    last = best
    for a in range(allowed.shape[0]):
        if allowed[a]:
            weight = math.exp((logits[a] - logits[best]) / temperature)
            below += weight
            if weight > 0.0:
                last = a
            if below > draw * total:
                return a, weight / total
    return last, math.exp((logits[last] - logits[best]) / temperature) / total


def draw(seed: int, counter: int) -> float:
    """A number in [0, 1) that depends on nothing but seed and counter: a replay draws it again."""
    words = seed.to_bytes(8, "little") + counter.to_bytes(8, "little")
    return (int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little") >> 11) * 2.0**-53


def choose(
    logits: Answers, value: Answers, action_value: Answers, allowed: Flags,
    temperature: float, seed: int, counter: int,
) -> Choice | BadAnswer:
    """One allowed action from an answer (float32[A], [1], [A]): the best at temperature 0, else drawn.

    `seed` and `counter` (the decision's number) make the draw; at temperature 0 they are not looked at.
    """
    fault, a = _judge(logits, allowed, value, action_value)
    if fault:
        x = float(logits[a])
        return BadAnswer(_FAULTS[fault].format(a=a, name=ACTIONS[a], x=x))
    if temperature <= 0.0:
        return Choice(a, 1.0)
    return Choice(*_sample(logits, allowed, a, temperature, draw(seed, counter)))


def warm() -> None:
    """Compile the kernels with the types of real use."""
    numbers, allowed = np.zeros(A, np.float32), np.ones(A, np.bool_)
    choose(numbers, numbers, numbers, allowed, 1.0, 0, 0)
    look.warm()
