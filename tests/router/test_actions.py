"""Actions as target positions: what is masked, what an action leads to, and that the gate agrees."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.envelope import Envelope
from risk.gate import Approved, Gate
from risk.instrument import load_instruments
from risk.limits import load_limits
from risk.market import Market, VenueMarket
from risk.order import NewOrder, OrdType, Parent, Side, TimeInForce
from risk.refusal import Refusal
from router.actions import (
    ACTION_HASH,
    ACTION_SCHEMA,
    ACTIONS,
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
    A,
    BadAnswer,
    Choice,
    Diff,
    Slice,
    choose,
    decode,
    diff,
    draw,
    encode,
    fill_caps,
    mask,
    peg_limit,
    plan,
    portion,
    prices,
    set_children,
    target_lots,
)
from router.book import V_MAX, new_books
from router.features import (
    FILLED,
    LIMIT_PX,
    MIN_LOTS,
    ORDERS,
    ORDERS_MAX,
    QTY,
    ROUND_LOTS,
    SIGN,
    UNKNOWN,
    VENUE_DARK,
    VENUE_MAKER_PPM,
    VENUE_TAKER_PPM,
    VENUE_WORKING,
    WORKING,
    TickState,
)
from router.orders import ChildState
from router.routing.target import CHILDREN_MAX

WORKS, LEAVES, NEW, LOST = (
    ChildState.WORKING, ChildState.PENDING_CANCEL, ChildState.PENDING_NEW, ChildState.UNKNOWN,
)
PLENTY = 10**9


@dataclass
class Resting:
    """A child, as far as diff looks."""

    venue: int
    px: int | None
    leaves: int
    state: ChildState = WORKS
    tif: TimeInForce = TimeInForce.DAY
    cl_ord_id: str = "C"

    @property
    def order(self) -> NewOrder:
        return NewOrder(
            self.cl_ord_id, "P", "X", "S", "A", Side.BUY, OrdType.LIMIT, self.tif, self.leaves, None
        )


class Case:
    """Venues 0 and 1 lit, 2 dark; the market 1000 to 1004 (two ticks); a parent of 1,000."""

    def __init__(self, sign: int = 1, qty: int = 1000) -> None:
        self.books = new_books()
        self.usable = np.zeros(V_MAX, np.bool_)
        self.usable[:3] = True
        self.caps = np.full((V_MAX, 4), PLENTY, np.int64)
        self.tick = TickState()
        self.tick.i[SIGN], self.tick.i[QTY] = sign, qty
        self.tick.venues[2, VENUE_DARK] = 1
        self.children: list[Resting] = []
        self.side(0, 0, (1000, 30))
        self.side(0, 1, (1004, 10))
        self.side(1, 0, (1000, 20))
        self.side(1, 1, (1004, 400))

    def side(self, v: int, side: int, *levels: tuple[int, int]) -> None:
        """Levels best first."""
        self.books[v]["n"][side] = len(levels)
        for k, (px, qty) in enumerate(reversed(levels)):
            self.books[v]["px"][side, k], self.books[v]["qty"][side, k] = px, qty

    def rest(self, *children: Resting, others: tuple[Resting, ...] = ()) -> None:
        self.children = [dataclasses.replace(c, cl_ord_id=str(k)) for k, c in enumerate(children)]
        set_children(self.tick, self.children, others)

    def allowed(self) -> np.ndarray:
        out = np.zeros(A, np.bool_)
        mask(self.books, self.usable, self.caps, self.tick.i, out)
        return out

    def says(self, size: int, price: int, slot: int = 0) -> bool:
        return bool(self.allowed()[encode(size, price, slot)])

    def plan(self, action: int) -> list[Slice] | None:
        return plan(action, self.books, self.usable, self.caps, self.tick.i)

    def diff(self, action: int) -> Diff:
        i = self.tick.i
        return diff(self.plan(action), self.children, int(i[ROUND_LOTS]), int(i[MIN_LOTS]))

    def sent(self, size: int, price: int, slot: int = 0) -> list[tuple[int, int | None, int]]:
        change = self.diff(encode(size, price, slot))
        assert not change.cancels
        assert not change.waits
        return [(s.venue, s.px, s.qty_lots) for s in change.new]

    def prices(self) -> list[list[int]]:
        out = np.zeros((V_MAX, 4), np.int64)
        prices(self.books, self.usable, self.tick.i, out)
        return out.tolist()


# --- the table


def test_the_table_is_named_hashed_and_complete() -> None:
    assert len(ACTIONS) == len(set(ACTIONS)) == A == 182
    assert hashlib.sha256("\n".join((ACTION_SCHEMA, *ACTIONS)).encode()).hexdigest() == ACTION_HASH
    for action in range(FIRST, A):
        assert encode(*decode(action)) == action
    assert ACTIONS[encode(25, MID, 3)] == "25%.mid.venue_3"


@pytest.mark.parametrize("action", [NULL, WITHDRAW, -1, A])
def test_what_has_no_size_cannot_be_taken_apart(action: int) -> None:
    with pytest.raises(ValueError, match=str(action)):
        decode(action)


@pytest.mark.parametrize(("size", "price", "slot"), [(3, JOIN, 0), (2, 4, 0), (2, JOIN, SLOTS)])
def test_what_is_no_action_has_no_number(size: int, price: int, slot: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(size, price, slot)


@given(st.integers(-5, 10**15), st.sampled_from(SIZES), st.integers(1, 1000), st.integers(1, 1000))
def test_a_target_is_whole_round_lots_never_nothing_never_more_than_the_base(
    base: int, size: int, round_lots: int, least: int
) -> None:
    lots = target_lots(base, size, round_lots, least)
    if base <= 0:
        assert lots == 0
        return
    assert 0 < lots <= base
    share = base * size // 100 // round_lots * round_lots
    assert lots == min(max(share, least), base)


# --- prices


def test_prices_of_each_kind() -> None:
    buy, sell = Case(1).prices(), Case(-1).prices()
    assert buy[0] == [1000, 1002, 0, 1004]
    assert sell[1] == [1004, 1002, 0, 1000]
    assert buy[2] == sell[2] == [0, 0, 1002, 0]
    assert not any(buy[3])


def test_improving_needs_room_inside_the_spread() -> None:
    case = Case()
    case.side(1, 1, (1002, 5))
    assert case.prices()[0][IMPROVE] == 0
    assert case.prices()[0][JOIN] == 1000


def test_improving_does_not_chase_our_own_order() -> None:
    case = Case()
    case.side(1, 1, (1010, 5))
    case.side(0, 1, (1010, 5))
    case.side(0, 0, (1002, 7), (1000, 30))
    case.rest(Resting(0, 1002, 7))
    assert case.prices()[0][IMPROVE] == 1002
    case.side(0, 0, (1002, 8), (1000, 30))  # somebody joined us
    assert case.prices()[0][IMPROVE] == 1004
    case.rest(others=(Resting(0, 1002, 8),))  # all of it another parent's
    assert case.prices()[0][IMPROVE] == 1002


def test_a_locked_or_one_sided_market_can_only_be_crossed() -> None:
    case = Case()
    case.side(1, 1, (1000, 5))
    assert case.prices()[:3] == [[0, 0, 0, 1004], [0, 0, 0, 1000], [0, 0, 0, 0]]
    for v in (0, 1):
        case.side(v, 0)
    assert [row[CROSS] for row in case.prices()[:2]] == [1004, 1000]
    assert not case.says(2, JOIN)


@pytest.mark.parametrize(
    ("sign", "limit", "legal"),
    [
        (1, 1004, (1, 1, 1, 1)), (1, 1003, (1, 1, 1, 0)), (1, 1001, (1, 0, 0, 0)), (1, 998, (0, 0, 0, 0)),
        (-1, 1000, (1, 1, 1, 1)), (-1, 1001, (1, 1, 1, 0)), (-1, 1003, (1, 0, 0, 0)),
        (-1, 1006, (0, 0, 0, 0)),
    ],
)
def test_the_parents_limit_holds_for_every_kind(sign: int, limit: int, legal: tuple[int, ...]) -> None:
    case = Case(sign)
    case.tick.i[LIMIT_PX] = limit
    for price in range(4):
        assert case.says(100, price) == bool(legal[price])
        for s in case.plan(encode(100, price)) or []:
            assert s.px is None or sign * (limit - s.px) >= 0


# --- from action to children


def test_joining_rests_where_the_queue_is_shortest_or_the_fee_lowest() -> None:
    case = Case()
    assert case.sent(10, JOIN) == [(1, 1000, 100)]
    case.tick.venues[0, VENUE_MAKER_PPM] = -10
    assert case.sent(10, JOIN) == [(0, 1000, 100)]
    assert case.sent(10, JOIN, slot=2) == [(1, 1000, 100)]
    target = case.plan(encode(10, JOIN))
    assert target is not None
    assert (target[0].ord_type, target[0].tif) == (OrdType.LIMIT, TimeInForce.DAY)


def test_a_midpoint_peg_goes_to_the_dark_venue_alone() -> None:
    case = Case()
    assert case.sent(25, MID) == case.sent(25, MID, slot=3) == [(2, None, 250)]
    target = case.plan(encode(25, MID))
    assert target is not None
    assert target[0].ord_type is OrdType.PEGGED
    assert not case.says(25, MID, slot=1)
    assert not case.says(25, JOIN, slot=3)
    assert not case.says(25, CROSS, slot=3)


def test_crossing_is_split_by_price_with_fees_up_to_what_is_shown() -> None:
    case = Case()
    assert case.sent(25, CROSS) == [(0, 1004, 10), (1, 1004, 240)]
    assert case.sent(100, CROSS) == [(0, 1004, 10), (1, 1004, 400)]
    case.tick.venues[0, VENUE_TAKER_PPM] = 30
    assert case.sent(10, CROSS) == [(1, 1004, 100)]
    assert case.sent(10, CROSS, slot=1) == [(0, 1004, 10)]
    target = case.plan(encode(10, CROSS))
    assert target is not None
    assert target[0].tif is TimeInForce.IOC


def test_what_is_done_or_unknown_is_not_asked_for_again() -> None:
    case = Case()
    case.tick.i[FILLED] = 400
    case.rest(Resting(0, 1000, 100, LOST))
    assert case.tick.i[UNKNOWN] == 100
    assert case.sent(100, JOIN) == [(1, 1000, 500)]
    case.tick.i[FILLED] = 900
    assert not case.allowed()[FIRST:].any()


def test_children_that_stand_there_count_and_a_repeat_changes_nothing() -> None:
    case = Case()
    case.rest(Resting(0, 1000, 60), Resting(1, 1000, 40, NEW))
    assert case.diff(encode(10, JOIN)) == Diff([], [], waits=False)
    assert case.sent(25, JOIN) == [(1, 1000, 150)]


def test_children_elsewhere_are_cancelled_and_the_new_child_waits() -> None:
    case = Case()
    case.rest(Resting(0, 998, 60), Resting(0, 1000, 40), Resting(2, None, 10))
    assert case.diff(encode(10, JOIN)) == Diff(["0", "2"], [], waits=True)
    case.rest(Resting(0, 998, 60, LEAVES), Resting(0, 1000, 40))
    assert case.diff(encode(10, JOIN)) == Diff([], [], waits=True)
    case.rest(Resting(0, 1000, 40))
    assert case.sent(10, JOIN) == [(1, 1000, 60)]


def test_a_slot_moves_children_of_other_venues() -> None:
    case = Case()
    case.rest(Resting(0, 1000, 60), Resting(1, 1000, 40))
    assert case.diff(encode(10, JOIN, slot=1)) == Diff(["1"], [], waits=True)


def test_a_smaller_target_keeps_the_oldest_children_that_fit() -> None:
    case = Case()
    case.rest(Resting(0, 1000, 60), Resting(0, 1000, 50), Resting(1, 1000, 40))
    assert case.diff(encode(10, JOIN)) == Diff(["1"], [], waits=True)


def test_immediate_orders_are_waited_for_and_never_cancelled() -> None:
    case = Case()
    case.rest(Resting(0, 1004, 10, NEW, TimeInForce.IOC))
    for action in (encode(10, CROSS), encode(10, JOIN), WITHDRAW):
        assert case.diff(action) == Diff([], [], waits=True)


def test_null_leaves_alone_and_withdraw_cancels_all_but_the_unknown() -> None:
    case = Case()
    assert not case.allowed()[WITHDRAW]
    case.rest(Resting(0, 998, 60), Resting(1, 1000, 40, NEW), Resting(1, 1000, 40, LOST))
    assert case.diff(NULL) == Diff([], [], waits=False)
    assert case.allowed()[WITHDRAW]
    assert case.diff(WITHDRAW) == Diff(["0", "1"], [], waits=True)


def test_small_differences_and_many_children_are_left_as_they_are() -> None:
    case = Case(qty=10_000)
    case.rest(Resting(0, 1000, 985))
    assert case.sent(10, JOIN) == []
    case.rest(*[Resting(0, 1000, 1)] * CHILDREN_MAX)
    assert case.sent(100, JOIN) == []


# --- the gate's caps


def test_what_the_gate_allows_bounds_what_is_sent() -> None:
    case = Case()
    case.caps[1] = 70
    assert case.sent(10, JOIN, slot=2) == [(1, 1000, 70)]
    case.caps[1] = HARD
    assert case.sent(10, JOIN) == [(0, 1000, 100)]
    assert not case.says(10, JOIN, slot=2)
    case.caps[:] = HARD
    assert case.allowed().nonzero()[0].tolist() == [NULL]


def test_room_held_by_own_children_can_be_released() -> None:
    """Everything rests, so nothing more may be sent now; yet crossing instead is a legal wish."""
    case = Case()
    case.caps[:] = 0
    assert not case.says(100, CROSS)
    case.rest(Resting(0, 1000, 1000))
    assert case.says(100, JOIN)
    assert case.says(100, CROSS)
    assert case.diff(encode(100, CROSS)) == Diff(["0"], [], waits=True)
    case.caps[:] = HARD
    assert not case.says(100, CROSS)
    assert case.says(100, JOIN)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 50), st.integers(1, 200))
def test_a_portion_is_whole_within_the_cap_and_leaves_no_dust(
    want: int, cap: int, round_lots: int, units: int
) -> None:
    least = units * round_lots
    lots = portion(want, cap, round_lots, least)
    assert lots % round_lots == 0
    assert lots == 0 or least <= lots <= min(want, cap)
    assert (lots == 0) == (min(want, cap) // round_lots * round_lots < least)
    if min(want, cap) >= 3 * least:
        rest = want - lots
        assert rest < round_lots or rest >= least


@st.composite
def cases(pick: st.DrawFn) -> Case:
    """Books, children and caps of all kinds; small numbers, so that things coincide."""
    case = Case(pick(st.sampled_from([1, -1])), pick(st.integers(0, 300)))
    for v in range(2):
        for side, touch, away in ((0, 1000, -2), (1, 1002, 2)):
            depths = pick(st.dictionaries(st.integers(0, 3), st.integers(1, 60), max_size=3))
            case.side(v, side, *[(touch + away * k, depths[k]) for k in sorted(depths)])
        case.usable[v] = pick(st.booleans()) or v == 0
        case.tick.venues[v, VENUE_MAKER_PPM] = pick(st.integers(-2, 2))
        case.tick.venues[v, VENUE_TAKER_PPM] = pick(st.integers(-2, 2))
    caps = st.sampled_from([HARD, 0, 0, 3, 12, 40, 500])
    case.caps[:3] = np.reshape(pick(st.lists(caps, min_size=12, max_size=12)), (3, 4))
    case.tick.i[ROUND_LOTS] = pick(st.sampled_from([1, 5]))
    case.tick.i[MIN_LOTS] = case.tick.i[ROUND_LOTS] * pick(st.integers(1, 4))
    case.tick.i[LIMIT_PX] = pick(st.sampled_from([0, 0, 998, 1000, 1002, 1004]))
    children, room = [], int(case.tick.i[QTY])
    for _ in range(pick(st.integers(0, 4))):
        leaves = pick(st.integers(1, 60))
        if leaves > room:
            break
        room -= leaves
        peg = pick(st.booleans())
        children.append(Resting(
            2 if peg else pick(st.integers(0, 1)),
            None if peg else pick(st.sampled_from([998, 1000, 1002, 1004])),
            leaves, pick(st.sampled_from([WORKS, WORKS, WORKS, NEW, LEAVES, LOST])),
            pick(st.sampled_from([TimeInForce.DAY] * 3 + [TimeInForce.IOC])),
        ))
    case.rest(*children)
    case.tick.i[FILLED] = pick(st.integers(0, room))
    return case


@settings(max_examples=150)
@given(cases())
def test_what_is_allowed_is_what_can_be_done(case: Case) -> None:
    allowed = case.allowed()
    i = case.tick.i
    base = int(i[QTY] - i[FILLED] - i[UNKNOWN])
    live = sum(c.leaves for c in case.children if c.state is not LOST)
    assert allowed[NULL]
    for action in range(FIRST, A):
        target = case.plan(action)
        assert target is not None
        change = case.diff(action)
        if not allowed[action]:
            assert target == []  # nothing to do, and so it only would withdraw
            continue
        assert target
        assert sum(s.qty_lots for s in target) <= max(base, 0)
        kept = [c for c in case.children if c.state is not LOST and c.cl_ord_id not in change.cancels]
        # It sends, keeps, cancels or waits for something.
        assert change.new or kept or change.cancels
        # Fills + live + unknown + new never exceed the parent, whatever the cancels come to.
        assert i[FILLED] + i[UNKNOWN] + live + sum(s.qty_lots for s in change.new) <= i[QTY]
        assert not (change.waits and change.new)
        for s in change.new:
            cap = int(case.caps[s.venue, decode(action).price])
            assert i[MIN_LOTS] <= s.qty_lots <= cap
            assert s.qty_lots % i[ROUND_LOTS] == 0
            assert case.usable[s.venue]
        # Once it is done, a repeat changes nothing, but for what the gate or the display held back.
        if not change.waits and decode(action).price != CROSS:
            again = [Resting(s.venue, s.px, s.qty_lots, NEW, s.tif) for s in change.new]
            lost = [c for c in case.children if c.state is LOST]
            case_children = case.children
            case.rest(*kept, *again, *lost)
            if sum(c.leaves for c in (*kept, *again)) == sum(s.qty_lots for s in target):
                assert case.diff(action) == Diff([], [], waits=False)
            case.rest(*case_children)


# --- with the real gate

NOW = 1_531_514_831_000_000_000
BTC = 100_000_000
VENUES = ("XLIT1", "XLIT2", "XDRK")


TICK_NANOS = 10_000_000
ETC = Path(__file__).parents[2] / "etc"
LIMITS = load_limits(ETC / "limits.toml")
INSTRUMENTS = load_instruments(ETC / "instruments.toml").instruments


@dataclass
class Risk:
    """A gate, a market and one parent; `gate` makes a fresh one in which `before` rests."""

    case: Case
    parent: Parent
    market: Market
    before: list[NewOrder]

    def gate(self) -> Gate:
        gate = Gate(LIMITS, INSTRUMENTS, "S")
        assert gate.admit(self.parent, self.market, NOW) is None
        for order in self.before:
            assert isinstance(gate.check(order, self.market, NOW), Approved)
        return gate

    def order(self, s: Slice, number: int) -> NewOrder:
        nanos: int | None
        if s.px is None:
            gate = Gate(LIMITS, INSTRUMENTS, "S")
            assert gate.admit(self.parent, self.market, NOW) is None
            envelope = gate.envelope("P", VENUES[s.venue], self.market, NOW)
            nanos = peg_limit(envelope, self.parent.side.sign, self.parent.limit_nanos, TICK_NANOS)
        else:
            nanos = s.px * TICK_NANOS // 2
        return NewOrder(
            f"S{number}", "P", VENUES[s.venue], "BTC-USD", "ACCT1", self.parent.side, s.ord_type, s.tif,
            s.qty_lots, nanos,
        )

    def passes(self, *slices: Slice) -> bool:
        gate = self.gate()
        return all(
            isinstance(gate.check(self.order(s, 10 + k), self.market, NOW), Approved)
            for k, s in enumerate(slices)
        )

    def fill(self) -> np.ndarray:
        px = np.zeros((V_MAX, 4), np.int64)
        prices(self.case.books, self.case.usable, self.case.tick.i, px)
        gate = self.gate()
        envelopes = [gate.envelope("P", name, self.market, NOW) for name in VENUES]
        sign, limit = self.parent.side.sign, self.parent.limit_nanos
        fill_caps([*envelopes, None], px, sign, TICK_NANOS, limit, self.case.caps)
        return px


def risk(sign: int, qty: int, spread_ticks: int, limit_ticks: int | None = None, down: str = "") -> Risk:
    bid, ask = 619_084, 619_084 + spread_ticks
    case = Case(sign, qty)
    for v in range(2):
        case.side(v, 0, (2 * bid, BTC))
        case.side(v, 1, (2 * ask, BTC // 3))
    limit = None if limit_ticks is None else ((ask if sign > 0 else bid) + sign * limit_ticks) * TICK_NANOS
    case.tick.i[LIMIT_PX] = 0 if limit is None else limit * 2 // TICK_NANOS
    market = Market(bid * TICK_NANOS, ask * TICK_NANOS, NOW, ask * TICK_NANOS, NOW, {
        name: VenueMarket(name != "XDRK", name != down, name != "XDRK", False, NOW) for name in VENUES
    })
    side = Side.BUY if sign > 0 else Side.SELL
    parent = Parent(
        "P", "D", "BTC-USD", "ACCT1", side, qty, limit, NOW, NOW + 580 * 10**9, 1001, True, NOW
    )
    return Risk(case, parent, market, [])


@settings(max_examples=40)
@given(
    st.sampled_from([1, -1]), st.integers(1, 12 * BTC),
    st.one_of(st.integers(1, 2500), st.integers(2500, 60_000)), st.integers(0, 3 * BTC),
    st.one_of(st.none(), st.integers(-6, 6)), st.sampled_from(["", "XLIT1", "XDRK"]),
)
def test_the_gate_passes_what_the_mask_allows_and_refuses_what_it_masks(
    sign: int, qty: int, spread_ticks: int, resting: int, limit_ticks: int | None, down: str
) -> None:
    r = risk(sign, qty, spread_ticks, limit_ticks, down)
    if Gate(LIMITS, INSTRUMENTS, "S").admit(r.parent, r.market, NOW) is not None:
        return
    near = 2 * 619_084 if sign > 0 else 2 * (619_084 + spread_ticks)
    first = Slice(0, near, min(resting, qty), PLENTY, OrdType.LIMIT, TimeInForce.DAY)
    if r.passes(first):
        r.before.append(r.order(first, 0))
        r.case.rest(Resting(0, near, first.qty_lots))
    px = r.fill()
    allowed = r.case.allowed()
    for action in range(FIRST, A):
        _, price, slot = decode(action)
        if allowed[action]:
            assert r.passes(*r.case.diff(action).new), ACTIONS[action]
        elif slot > 0 and px[slot - 1, price] > 0 and not r.case.children:
            tif = TimeInForce.IOC if price == CROSS else TimeInForce.DAY
            ord_type = OrdType.PEGGED if price == MID else OrdType.LIMIT
            at = None if price == MID else int(px[slot - 1, price])
            assert not r.passes(Slice(slot - 1, at, 1, 0, ord_type, tif)), ACTIONS[action]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("limit_ticks", [0, 100, 61_908])
def test_a_peg_passes_however_far_away_the_parents_limit_is(sign: int, limit_ticks: int) -> None:
    """61,908 ticks are 10 %, and the collar is 50 bp: the peg carries the collar's bound then."""
    r = risk(sign, BTC, 3, limit_ticks)
    r.fill()
    assert r.case.allowed()[encode(25, MID)]
    (peg,) = r.case.diff(encode(25, MID)).new
    assert (peg.venue, peg.px, peg.qty_lots) == (2, None, BTC // 4)
    assert r.passes(peg)
    price, limit = r.order(peg, 1).price_nanos, r.parent.limit_nanos
    assert price is not None
    assert limit is not None
    assert price % TICK_NANOS == 0
    assert sign * (limit - price) >= 0
    assert (price == limit) == (limit_ticks < 3095)
    further = dataclasses.replace(r.order(peg, 2), price_nanos=price + sign * TICK_NANOS)
    assert isinstance(r.gate().check(further, r.market, NOW), Refusal)


def test_a_pegs_limit_is_rounded_to_the_passive_side_and_left_alone_where_nothing_passes() -> None:
    envelope = Envelope()
    assert peg_limit(envelope, 1, 123, 10) == 123
    envelope.max_lots, envelope.min_price_nanos, envelope.max_price_nanos = 1, 95, 105
    assert [peg_limit(envelope, 1, limit, 10) for limit in (None, 80, 104, 200)] == [None, 80, 100, 100]
    assert [peg_limit(envelope, -1, limit, 10) for limit in (None, 20, 96, 200)] == [None, 100, 100, 200]


def test_only_want_of_room_in_the_parent_can_be_released() -> None:
    r = risk(1, 4 * BTC, 2, down="XLIT2")
    r.fill()
    assert r.case.caps[0].tolist() == [BTC, BTC, HARD, BTC]  # a quarter of the parent; no peg at a lit venue
    assert r.case.caps[1].tolist() == [HARD] * 4
    assert r.case.caps[2, MID] == BTC
    assert (r.case.caps[3:] == HARD).all()
    near = Slice(0, 2 * 619_084, BTC, 0, OrdType.LIMIT, TimeInForce.DAY)
    r.before = [r.order(near, k) for k in range(4)]
    r.fill()
    assert r.case.caps[0].tolist() == [0] * 4
    assert r.case.caps[1].tolist() == [HARD] * 4


# --- set_children


def test_set_children_counts_working_and_unknown_and_stops_at_its_bound() -> None:
    case = Case()
    case.rest(Resting(0, 1000, 60), Resting(1, None, 40, LEAVES), Resting(1, 1000, 7, LOST))
    assert (case.tick.i[WORKING], case.tick.i[UNKNOWN]) == (100, 7)
    assert case.tick.venues[:2, VENUE_WORKING].tolist() == [60, 40]
    case.rest(Resting(0, 1000, 60), others=(Resting(1, 1000, 1),) * 2 * ORDERS_MAX)
    assert case.tick.i[ORDERS] == ORDERS_MAX
    assert case.tick.i[WORKING] == 60


# --- choosing


def answer(best: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    allowed = np.zeros(A, np.bool_)
    allowed[[NULL, 5, 9]] = True
    logits = np.where(allowed, np.float32(0), np.float32(-np.inf)).astype(np.float32)
    logits[best] = 1.0
    return logits, np.zeros(1, np.float32), np.zeros(A, np.float32), allowed


def test_the_best_allowed_action_is_chosen() -> None:
    assert choose(*answer(9), 0.0, 0, 0) == Choice(9, 1.0)
    logits, value, action_value, allowed = answer()
    logits[[NULL, 5, 9]] = 2.0
    assert choose(logits, value, action_value, allowed, 0.0, 0, 0) == Choice(NULL, 1.0)  # the first of equals


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
def test_a_broken_answer_is_named_and_never_used(x: float) -> None:
    logits, value, action_value, allowed = answer()
    for array, index, said in [
        (logits, 5, "logits[5] (2%.join.venue_3)"),
        (value, 0, "value"),
        (action_value, 100, "action_value[100]"),
    ]:
        was = array[index]
        array[index] = x
        bad = choose(logits, value, action_value, allowed, 0.0, 0, 0)
        assert isinstance(bad, BadAnswer)
        assert said in bad.reason
        array[index] = was


def test_a_number_where_the_mask_is_shut_is_a_broken_answer() -> None:
    logits, value, action_value, allowed = answer()
    logits[50] = -1e9
    bad = choose(logits, value, action_value, allowed, 0.0, 0, 0)
    assert isinstance(bad, BadAnswer)
    assert "logits[50]" in bad.reason
    assert "-inf expected" in bad.reason


def test_draws_follow_the_softmax_and_can_be_made_again() -> None:
    logits, value, action_value, allowed = answer()
    temperature = 0.5
    weights = {NULL: 1.0, 5: np.exp(1 / temperature), 9: 1.0}
    counts = dict.fromkeys(weights, 0)
    for counter in range(4000):
        choice = choose(logits, value, action_value, allowed, temperature, 42, counter)
        assert isinstance(choice, Choice)
        assert choice.propensity == pytest.approx(weights[choice.action] / sum(weights.values()))
        assert choice == choose(logits, value, action_value, allowed, temperature, 42, counter)
        counts[choice.action] += 1
    for action, weight in weights.items():
        assert counts[action] / 4000 == pytest.approx(weight / sum(weights.values()), abs=0.03)


def test_draws_are_the_same_everywhere() -> None:
    assert draw(0, 0) == pytest.approx(draw(0, 0), abs=0)
    drawn = [draw(7, k) for k in range(1000)]
    assert len(set(drawn)) == 1000
    assert all(0 <= x < 1 for x in drawn)
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.05)
