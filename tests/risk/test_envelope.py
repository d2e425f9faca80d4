"""The envelope and the gate agree: at its cap an order passes, at the next round lot it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from risk.gate import Approved, Gate
from risk.instrument import NANOS, Instrument
from risk.kill import Mode, Scope
from risk.market import Market, VenueMarket
from risk.order import NewOrder, OrdType, Parent, Side, TimeInForce
from tests.risk.build import NOW, SECOND, limits, refused

TICK = 2
MID = 50_000


@dataclass
class Situation:
    """Everything needed to build the same gate twice."""

    instrument: Instrument
    changes: dict[str, int]
    side: Side
    limit: int | None
    parent_lots: int
    children: list[int]
    fills: list[int]
    book: Market
    earlier: tuple[int, int] | None
    latched: bool

    def build(self) -> Gate:
        gate = Gate(limits(**self.changes), {"BTC-USD": self.instrument}, "S1-")
        if self.earlier is not None:
            gate.adopt_parent(_parent("P0", Side.BUY, None, 1))
            past = Market(*self.earlier, NOW - 9 * SECOND, 0, 0, {})
            gate.envelope("P0", "XLIT1", past, NOW - 9 * SECOND)
        gate.adopt_parent(_parent("P1", self.side, self.limit, self.parent_lots))
        for number, lots in enumerate(self.children):
            gate.adopt(self.order(number, lots, None), self.fills[number])
        if self.latched:
            gate.kill.latch(Scope("venue", "XLIT1"), Mode.SUSPEND, "ann", "drill", NOW)
        return gate

    def order(self, number: int, lots: int, price: int | None) -> NewOrder:
        kind = OrdType.MARKET if price is None else OrdType.LIMIT
        return NewOrder(f"S1-{number}", "P1", "XLIT1", "BTC-USD", "ACC", self.side, kind, TimeInForce.IOC,
                        lots, price)


def _parent(parent_id: str, side: Side, limit: int | None, lots: int) -> Parent:
    return Parent(parent_id, parent_id, "BTC-USD", "ACC", side, lots, limit, NOW, NOW + SECOND, 0, True, NOW)


def _price(draw: st.DrawFn, spread_bp: int) -> int:
    return MID + draw(st.integers(-MID * spread_bp // 10_000, MID * spread_bp // 10_000))


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    round_lots = draw(st.sampled_from([1, 10, 100]))
    minimum = round_lots * draw(st.sampled_from([1, 1, 2, 3]))
    adv = draw(st.sampled_from([200_000, 10_000_000]))
    lots_per_unit = draw(st.sampled_from([1, 1000]))
    instrument = Instrument("BTC-USD", TICK, lots_per_unit, round_lots, minimum, adv, "USD")
    changes = {
        "child__max_share_of_parent_bp": draw(st.sampled_from([500, 2500, 10_000])),
        "child__max_share_of_adv_bp": draw(st.sampled_from([20, 200])),
        "child__max_new_orders_per_s": 1000,
        "price__collar_bp": draw(st.sampled_from([5, 50, 300])),
        "price__passive_collar_bp": draw(st.sampled_from([5, 500])),
        "price__rolling_collar_bp": draw(st.sampled_from([30, 300])),
        "symbol__child_max_lots": draw(st.integers(100, 100_000)),
        "symbol__child_max_value_quote": draw(st.integers(1, 200)),
    }
    parent_lots = draw(st.integers(1, 200)) * draw(st.sampled_from([1, 10, 100, 100, 100]))
    children = draw(st.lists(st.integers(1, parent_lots // 3 + 1), max_size=3))
    fills = [draw(st.integers(0, lots)) for lots in children]
    bid = _price(draw, 20)
    ask = bid + draw(st.sampled_from([0, 1, TICK, 5 * TICK, 5 * TICK, 10 * TICK, -1]))
    sale = draw(st.sampled_from([0, bid, bid, bid - 100, bid + 100, bid - 900, bid + 900]))
    scale = 1_000_000 if draw(st.booleans()) else 1
    venue = VenueMarket(True, True, draw(st.sampled_from([True] * 15 + [False])), False,
                        NOW - draw(st.sampled_from([0] * 9 + [5 * SECOND, 5 * SECOND + 1])))
    book = Market(bid * scale, ask * scale, NOW, sale * scale, NOW, {"XLIT1": venue})
    earlier = draw(st.none() | st.just((_price(draw, 100) * scale,) * 2))
    limit = draw(st.none() | st.none() | st.just(_price(draw, 60) // TICK * TICK * scale))
    return Situation(
        instrument, changes, draw(st.sampled_from([Side.BUY, Side.SELL])), limit,
        parent_lots, children, fills, book, earlier, draw(st.sampled_from([False] * 15 + [True])),
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[Situation, int | None]:
    """A situation, and a price near what matters there: the envelope's bounds, the touch, the limit."""
    at = draw(situations())
    env = at.build().envelope("P1", "XLIT1", at.book, NOW)
    edges = [env.min_price_nanos, env.max_price_nanos, at.book.bid_nanos, at.book.ask_nanos, at.limit or MID]
    price = draw(st.none() | st.builds(
        lambda edge, ticks, off: edge // TICK * TICK + ticks * TICK + off,
        st.sampled_from(edges), st.integers(-2, 2), st.sampled_from([0] * 9 + [1]),
    ))
    return at, price


@settings(max_examples=300)
@given(questions())
def test_the_gate_passes_at_the_cap_and_refuses_beyond(question: tuple[Situation, int | None]) -> None:
    at, price = question
    env = at.build().envelope("P1", "XLIT1", at.book, NOW)
    cap = env.cap_lots(price)
    event(f"cap {'0' if cap == 0 else 'positive'}")
    assert 0 <= cap <= env.max_lots
    assert (env.max_lots > 0) == (env.reason is None)
    if cap > 0:
        answer = at.build().check(at.order(99, cap, price), at.book, NOW)
        assert isinstance(answer, Approved), answer
    step = at.instrument.round_lots
    beyond = refused(at.build().check(at.order(99, cap + step, price), at.book, NOW))
    event(beyond.rule)
    if env.max_lots == 0 and env.reason is not None and env.reason.number in (0, 4, 8):
        assert beyond == env.reason


@settings(max_examples=300)
@given(questions(), st.integers(0, 20_000))
def test_any_quantity_passes_exactly_when_it_is_whole_and_within_the_cap(
    question: tuple[Situation, int | None], lots: int
) -> None:
    at, price = question
    cap = at.build().envelope("P1", "XLIT1", at.book, NOW).cap_lots(price)
    answer = at.build().check(at.order(99, lots, price), at.book, NOW)
    whole = lots % at.instrument.round_lots == 0 and lots >= at.instrument.min_lots
    assert isinstance(answer, Approved) == (whole and lots <= cap)


@given(questions())
def test_after_a_pass_the_envelope_is_smaller_or_the_same(question: tuple[Situation, int | None]) -> None:
    at, price = question
    gate = at.build()
    cap = gate.envelope("P1", "XLIT1", at.book, NOW).cap_lots(price)
    if cap:
        assert isinstance(gate.check(at.order(99, cap, price), at.book, NOW), Approved)
        assert gate.envelope("P1", "XLIT1", at.book, NOW).cap_lots(price) <= cap


# The same against the definition, in fractions, where every bound lies on a tick.

TOUCH = 4_000_000
SIDES = (Side.BUY, Side.SELL)


def oracle(side: Side, price: int | None, sale: int, limit: int | None, most: int) -> int:
    """The largest quantity by the words of controls 2 and 3, for a locked market at TOUCH, collar 50 bp."""
    sign, collar = side.sign, Fraction(50, 10_000)
    if price is None:
        if limit is not None or (sale and sign * TOUCH > sign * sale * (1 + sign * collar)):
            return 0
        return int(most / (TOUCH * (1 + collar)))
    references = [TOUCH, *([sale] if sale else [])]
    if any(sign * price > sign * reference * (1 + sign * collar) for reference in references):
        return 0
    if limit is not None and sign * price > sign * limit:
        return 0
    if sign * price < sign * TOUCH * (1 - sign * Fraction(5, 100)):
        return 0
    return most // max(price, TOUCH)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("sale", [0, TOUCH, 3_980_000, 4_020_000, 3_900_000, 4_100_000])
@pytest.mark.parametrize("limit", [None, TOUCH, 3_990_000, 4_010_000])
def test_cap_and_gate_are_the_definition(side: Side, sale: int, limit: int | None) -> None:
    one = Instrument("BTC-USD", 2, 1, 1, 1, 10**15, "USD")
    most = NANOS
    edges = (TOUCH, 3_980_000, 4_020_000, 3_999_900, 4_000_100, 3_990_000, 4_010_000, 3_800_000, 4_200_000)
    for price in (None, *(edge + off for edge in edges for off in (-2, 0, 2))):
        changes = {"symbol__child_max_lots": 10**6, "symbol__child_max_value_quote": 1}
        at = Situation(one, changes, side, limit, 10**6, [], [], Market(
            TOUCH, TOUCH, NOW, sale, NOW, {"XLIT1": VenueMarket(True, True, True, False, NOW)}), None, False)
        cap = oracle(side, price, sale, limit, most)
        assert at.build().envelope("P1", "XLIT1", at.book, NOW).cap_lots(price) == cap, price
        if cap:
            assert isinstance(at.build().check(at.order(1, cap, price), at.book, NOW), Approved)
        refused(at.build().check(at.order(1, cap + 1, price), at.book, NOW))
