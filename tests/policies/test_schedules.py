"""The schedules finish what must be finished, keep to their trajectory, and prefer sensible things.

The market here is a toy: two lit venues and a dark one, touches that wander, resting children that fill by
chance, immediate orders that take what is shown, cancels that take a while. It says nothing about cost.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.schedules import BUCKET, URGENCY
from risk.order import NewOrder, OrdType, Side, TimeInForce
from router.actions import (
    ACTIONS,
    CROSS,
    JOIN,
    MID,
    NULL,
    WITHDRAW,
    A,
    Choice,
    choose,
    diff,
    encode,
    mask,
    plan,
    set_children,
)
from router.book import V_MAX, new_books
from router.fallback import fallback
from router.features import (
    END,
    FEATURES,
    FILLED,
    INTERVAL,
    MIN_LOTS,
    MUST_COMPLETE,
    NOW,
    QTY,
    SIGN,
    START,
    UNKNOWN,
    VENUE_DARK,
    S,
    TickState,
    features,
    roll,
)
from router.orders import ChildState
from router.policy import Policy, load_all, read_policies

BTC = 100_000_000
SECOND = 1_000_000_000
BEGIN = 1_531_514_831 * SECOND
POLICIES = {
    p.name: p for p in load_all(read_policies(Path(__file__).parents[2] / "etc" / "policies.toml")).values()
}
SCHEDULES = [*POLICIES, "fallback"]


@dataclass
class ToyChild:
    order: NewOrder
    cl_ord_id: str
    venue: int
    px: int | None
    leaves: int
    state: ChildState = ChildState.WORKING


def new_order(cl_ord_id: str, sign: int, qty: int, ord_type: OrdType, tif: TimeInForce) -> NewOrder:
    side = Side.BUY if sign > 0 else Side.SELL
    return NewOrder(cl_ord_id, "P", "X", "BTC-USD", "A", side, ord_type, tif, qty, None)


@dataclass
class Toy:
    """A parent and its market. `join_rate`: chance per second that a resting child is hit; `dark_rate`: that
    a peg is, where that differs."""

    sign: int
    qty: int
    horizon_s: int
    seed: int
    join_rate: float = 0.05
    dark_rate: float | None = None
    must_complete: bool = True
    tick: TickState = field(default_factory=TickState)
    children: list[ToyChild] = field(default_factory=list)
    filled: int = 0
    crossed: int = 0
    dark: int = 0  # lots
    fills: int = 0
    chosen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.books = new_books()
        self.usable = np.zeros(V_MAX, np.bool_)
        self.usable[:3] = True
        self.mid = 1_238_170
        i = self.tick.i
        i[SIGN], i[QTY], i[MUST_COMPLETE], i[INTERVAL] = self.sign, self.qty, self.must_complete, SECOND
        i[START], i[END], i[MIN_LOTS] = BEGIN, BEGIN + self.horizon_s * SECOND, 1
        self.tick.venues[2, VENUE_DARK] = 1

    def move(self) -> None:
        """The touches wander, and a resting child may be hit."""
        self.mid += 2 * self.rng.choice((-1, 0, 0, 0, 1))
        for v in range(2):
            for side, px in ((0, self.mid), (1, self.mid + 2)):
                self.books[v]["n"][side] = 1
                self.books[v]["px"][side, 0] = px
                self.books[v]["qty"][side, 0] = self.rng.randint(BTC // 2, 4 * BTC)
        for child in list(self.children):
            rate = self.join_rate if child.px is not None or self.dark_rate is None else self.dark_rate
            if child.order.tif is TimeInForce.DAY and self.rng.random() < rate:
                lots = self.rng.randint(1, child.leaves)
                self.dark += lots if child.px is None else 0
                self.fill(child, lots)

    def fill(self, child: ToyChild, lots: int) -> None:
        child.leaves -= lots
        self.filled += lots
        self.fills += 1
        assert self.filled <= self.qty
        if child.leaves == 0:
            self.children.remove(child)

    def resolve(self) -> bool:
        """Cancels are confirmed, immediate orders take what is shown and end. True if anything did."""
        ioc, leaving = TimeInForce.IOC, ChildState.PENDING_CANCEL
        ended = [c for c in self.children if c.order.tif is ioc or c.state is leaving]
        for child in ended:
            if child.order.tif is TimeInForce.IOC:
                side = 1 if self.sign > 0 else 0
                shown = int(self.books[child.venue]["qty"][side, 0])
                lots = min(shown, child.leaves)
                self.crossed += lots
                self.books[child.venue]["qty"][side, 0] = max(shown - lots, 1)
                self.fill(child, lots)
            if child in self.children:
                self.children.remove(child)
        return bool(ended)

    def decide(self, decider: Callable[[Toy, np.ndarray], int], now_ns: int) -> None:
        self.tick.i[NOW], self.tick.i[FILLED] = now_ns, self.filled
        set_children(self.tick, self.children)
        left = self.qty - self.filled - sum(c.leaves for c in self.children)
        cap = min(self.qty // 4 + 1, left)
        caps = np.full((V_MAX, 4), cap, np.int64)
        allowed = np.zeros(A, np.bool_)
        mask(self.books, self.usable, caps, self.tick.i, allowed)
        action = decider(self, allowed)
        assert allowed[action]
        self.chosen.append(action)
        change = diff(plan(action, self.books, self.usable, caps, self.tick.i), self.children, 1, 1)
        for child in self.children:
            if child.cl_ord_id in change.cancels:
                child.state = ChildState.PENDING_CANCEL
        for s in change.new:
            name = str(len(self.chosen) * 10 + s.venue)
            order = new_order(name, self.sign, s.qty_lots, s.ord_type, s.tif)
            self.children.append(ToyChild(order, name, s.venue, s.px, s.qty_lots))

    def play(self, decider: Callable[[Toy, np.ndarray], int]) -> list[int]:
        """Filled lots at each second; a tick each second, and one more after each event."""
        done = []
        for second in range(self.horizon_s + 1):
            self.move()
            for event in range(6):
                if self.filled == self.qty:
                    break
                self.decide(decider, BEGIN + second * SECOND + event * 1_000_000)
                if not self.resolve():
                    break
            done.append(self.filled)
        return done


def by_policy(policy: Policy) -> Callable[[Toy, np.ndarray], int]:
    def decide(toy: Toy, allowed: np.ndarray) -> int:
        roll(toy.books, toy.usable, toy.tick.i, toy.tick.f)
        features(toy.books, toy.usable, toy.tick.i, toy.tick.f, policy.state)
        choice = choose(*policy.run(policy.state, allowed), allowed, policy.temperature, 0, 0)
        assert isinstance(choice, Choice), choice
        return choice.action

    return decide


def decider_of(name: str) -> Callable[[Toy, np.ndarray], int]:
    if name == "fallback":
        return lambda toy, allowed: fallback(toy.tick.i, allowed)
    return by_policy(POLICIES[name])


@pytest.mark.parametrize("name", SCHEDULES)
@settings(max_examples=15)
@given(
    st.sampled_from([1, -1]), st.integers(1, 12 * BTC), st.integers(3, 150), st.integers(0, 2**32),
    st.sampled_from([0.0, 0.05, 0.6]),
)
def test_a_parent_that_must_complete_is_done_by_its_end(
    name: str, sign: int, qty: int, horizon_s: int, seed: int, join_rate: float
) -> None:
    toy = Toy(sign, qty, horizon_s, seed, join_rate)
    assert toy.play(decider_of(name))[-1] == qty


@pytest.mark.parametrize("name", SCHEDULES)
def test_ten_bitcoin_over_the_recording_complete(name: str) -> None:
    toy = Toy(1, 10 * BTC, 580, seed=1)
    assert toy.play(decider_of(name))[-1] == 10 * BTC


def trajectory(name: str, elapsed: float) -> float:
    if name == "almgren_chriss":
        return 1 - math.sinh(URGENCY * (1 - elapsed)) / math.sinh(URGENCY)
    return elapsed


@pytest.mark.parametrize("name", ["twap", "almgren_chriss", "fallback"])
@pytest.mark.parametrize("join_rate", [0.0, 0.3])
def test_a_schedule_stays_near_its_trajectory(name: str, join_rate: float) -> None:
    toy = Toy(-1, 10 * BTC, 300, seed=2, join_rate=join_rate)
    for second, filled in enumerate(toy.play(decider_of(name))[:290]):
        # A bucket, what one cross overshoots by, and what falls due within a second.
        assert abs(filled / toy.qty - trajectory(name, second / 300)) < 2.5 * BUCKET + 0.01


def test_a_parent_that_may_expire_does_not_cross_because_time_is_up() -> None:
    toy = Toy(1, 4 * BTC, 100, seed=3, join_rate=0.0, must_complete=False)
    assert toy.play(decider_of("submit_and_leave"))[-1] == 0


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("must_complete", "prices"), [(True, {"cross"}), (False, {"join", "mid"})])
def test_the_end_is_for_those_that_must_complete(name: str, must_complete: bool, prices: set[str]) -> None:
    toy = Toy(1, 100, 100, seed=3, must_complete=must_complete)
    toy.filled = 97
    toy.move()
    toy.decide(decider_of(name), BEGIN + 99 * SECOND)
    assert ACTIONS[toy.chosen[0]].split(".")[1] in prices


def test_submit_and_leave_rests_everything_and_leaves_it_until_the_end() -> None:
    toy = Toy(1, 4 * BTC, 200, seed=4, join_rate=0.0)
    done = toy.play(decider_of("submit_and_leave"))
    assert done[195] == 0
    assert done[-1] == toy.qty
    placed = toy.chosen.index(NULL)
    assert set(toy.chosen[:placed]) == {encode(100, JOIN)}
    assert set(toy.chosen[placed + 1 : placed + 150]) == {NULL}


def ask(name: str, allowed: set[int], **state: float) -> str:
    """What a schedule says to a state given by feature names."""
    policy = POLICIES[name]
    vector, allow = np.zeros(S, np.float32), np.zeros(A, np.bool_)
    for key, value in state.items():
        vector[FEATURES.index(key)] = value
    allow[list({NULL, *allowed})] = True
    choice = choose(*policy.run(vector, allow), allow, 0.0, 0, 0)
    assert isinstance(choice, Choice)
    return ACTIONS[choice.action]


EVERYTHING = set(range(A))
LATE = {"time_left": 0.01, "must_complete": 1.0}


@pytest.mark.parametrize(
    ("state", "allowed", "said"),
    [
        ({"time_left": 1.0, "base_left": 1.0}, EVERYTHING, "5%.join.best"),
        ({"time_left": 0.94, "base_left": 1.0}, EVERYTHING, "5%.cross.best"),
        ({"time_left": 0.7, "base_left": 1.0}, EVERYTHING, "25%.cross.best"),
        ({"time_left": 0.5, "base_left": 0.4}, EVERYTHING, "withdraw"),
        ({"time_left": 0.5, "base_left": 0.4}, EVERYTHING - {WITHDRAW}, "null"),  # ahead: nothing to withdraw
        ({**LATE, "base_left": 0.3}, EVERYTHING, "100%.cross.best"),
        # Masked: nearest size first, then other venues, then joining, then null.
        ({"time_left": 0.7, "base_left": 1.0}, {encode(2, CROSS), encode(10, CROSS)}, "10%.cross.best"),
        ({"time_left": 0.7, "base_left": 1.0}, {encode(2, CROSS, 1), encode(25, JOIN)}, "2%.cross.venue_1"),
        ({"time_left": 0.7, "base_left": 1.0}, {encode(2, JOIN), encode(25, JOIN)}, "25%.join.best"),
        ({"time_left": 1.0, "base_left": 1.0}, {encode(2, CROSS), encode(5, JOIN, 2)}, "5%.join.venue_2"),
        ({"time_left": 1.0, "base_left": 1.0}, {encode(2, CROSS), WITHDRAW}, "null"),
        ({**LATE, "base_left": 0.3}, {encode(5, CROSS), encode(25, CROSS, 2), WITHDRAW}, "5%.cross.best"),
        ({**LATE, "base_left": 0.3}, {encode(5, JOIN), encode(25, JOIN), WITHDRAW}, "25%.join.best"),
    ],
)
def test_what_is_said_where_the_wanted_action_is_masked(
    state: dict[str, float], allowed: set[int], said: str
) -> None:
    assert ask("twap", allowed, **state) == said


def test_almgren_chriss_is_ahead_of_twap_at_first() -> None:
    state = {"time_left": 0.9, "base_left": 0.93}
    assert ask("twap", EVERYTHING, **state).split(".")[1] == "join"
    assert ask("almgren_chriss", EVERYTHING, **state).split(".")[1] == "cross"


# Almgren and Chriss at half time: 32.4 % should be open.
@pytest.mark.parametrize(
    ("base_left", "allowed", "said"),
    [
        (0.27, EVERYTHING, "withdraw"),
        (0.33, EVERYTHING, "25%.join.best"),  # what is due within a bucket, of the base
        (0.34, EVERYTHING, "25%.mid.best"),
        (0.37, EVERYTHING, "25%.mid.best"),
        (0.38, EVERYTHING, "10%.cross.best"),
        # Masked: nearest size first, then other venues, then the more patient.
        (0.34, {encode(5, MID), encode(10, MID), encode(25, JOIN)}, "10%.mid.best"),
        (0.34, {encode(5, MID, 3), encode(25, JOIN)}, "5%.mid.venue_3"),
        (0.34, {encode(25, CROSS), encode(25, JOIN)}, "25%.join.best"),
        (0.34, {encode(25, CROSS), WITHDRAW}, "null"),
        (0.33, {encode(25, MID), WITHDRAW}, "null"),
        (0.38, {encode(10, MID), encode(10, JOIN)}, "10%.mid.best"),
        (0.38, {encode(2, CROSS, 2), encode(10, MID), encode(10, JOIN)}, "2%.cross.venue_2"),
    ],
)
def test_almgren_chriss_waits_at_the_midpoint_before_it_crosses(
    base_left: float, allowed: set[int], said: str
) -> None:
    assert ask("almgren_chriss", allowed, time_left=0.5, base_left=base_left) == said


@pytest.mark.parametrize("name", ["twap", "submit_and_leave"])
def test_the_others_leave_the_dark_venue_alone(name: str) -> None:
    toy = Toy(1, 10 * BTC, 300, seed=6)
    toy.play(decider_of(name))
    assert all(ACTIONS[action].split(".")[1:2] != ["mid"] for action in toy.chosen)


@pytest.mark.parametrize("dark_rate", [0.0, 0.2])
def test_joining_and_the_midpoint_take_turns_and_do_not_flap(dark_rate: float) -> None:
    """Only a fill or falling behind changes the kind of action; a parent is not moved about between them."""
    toy = Toy(1, 10 * BTC, 300, seed=5, join_rate=0.05, dark_rate=dark_rate)
    assert toy.play(decider_of("almgren_chriss"))[-1] == toy.qty
    kinds = [ACTIONS[action].split(".")[1] for action in toy.chosen if action > WITHDRAW]
    turns = sum(a != b for a, b in pairwise(kinds))
    assert {"join", "mid"} <= set(kinds)
    assert turns <= 2 * toy.fills + 2
    assert (toy.dark > 0) == (dark_rate > 0)


def test_without_a_dark_venue_almgren_chriss_joins_instead() -> None:
    toy = Toy(1, 10 * BTC, 300, seed=5)
    toy.usable[2] = False
    assert toy.play(decider_of("almgren_chriss"))[-1] == toy.qty
    assert {ACTIONS[action].split(".")[1] for action in toy.chosen if action > WITHDRAW} == {"join", "cross"}


def test_unknown_quantity_is_neither_done_again_nor_late() -> None:
    """base_left leaves out what is unknown, so that a lost child is not sent twice."""
    tick = TickState()
    tick.i[QTY], tick.i[UNKNOWN], tick.i[SIGN] = 100, 30, 1
    state = np.zeros(S, np.float32)
    features(new_books(), np.zeros(V_MAX, np.bool_), tick.i, tick.f, state)
    assert state[FEATURES.index("base_left")] == np.float32(0.7)
