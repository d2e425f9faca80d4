"""The response of recorded prices to participants' volume: its law, whom it moves, that none can milk it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fixsim.impact import Impact
from fixsim.matching import EventKind, Kind, Market
from fixsim.matching.capacity import Capacity
from fixsim.matching.layout import EVENT
from fixsim.matching.shift import Response
from tests.fixsim.partial_tapes import ADD, ENTER, TRADE, Row
from tests.fixsim.test_partial import depth, market

S = 10**9
PX = 100_000
CAPACITY = Capacity(orders=512, recorded=1 << 13, own=64, window=1 << 12, overflow=64, fills=2048, notes=128)
LAW = Response(scale_px=200.0, volume_lots=1000.0, beta=0.5, half_life_ns=10 * S)
"""100 lots: 200 * sqrt(0.1) = 63.2 half ticks, 32 ticks."""


class Quotes:
    """A recording that stands still: an order a side, cancelled and sent again, the same, every second."""

    def __init__(self, seconds: int, response: Response, half_spread: int = 4, lots: int = 1000) -> None:
        rows = []
        for second in range(seconds):
            for side, sign in enumerate((1, -1)):
                if second:
                    rows.append((second * S, 2 * second - 2 + side, 0, 0, -1, EventKind.CANCEL, sign))
            for side, sign in enumerate((1, -1)):
                px = PX - sign * half_spread
                rows.append((second * S, 2 * second + side, px, lots, -1, EventKind.LIMIT, sign))
        events = np.array(rows, EVENT)
        self.market = Market(1, PX, capacity=CAPACITY, events=events, impact=response)
        self.cost = 0
        """Half ticks x lots paid beyond PX."""
        self.held = 0
        self.traded = 0
        self.keys = 0

    def at(self, second: int) -> tuple[int, int]:
        """Bid and offer against PX, after the quotes of that second."""
        self.market.step_until(second * S)
        touch = self.market.best(0)
        return touch.bid_px - PX, touch.ask_px - PX

    def trade(self, sign: int, lots: int, second: int) -> None:
        self.keys += 1
        got = self.market.submit(0, -self.keys, sign, 0, lots, Kind.MARKET, second * S + 1)
        self.held += sign * got.filled
        self.traded += got.filled
        for fill in self.market.fills():
            self.cost += sign * int(fill["qty"]) * (int(fill["px"]) - PX)


def test_the_law_on_a_purchase_its_decay_and_the_sale_that_follows() -> None:
    quotes = Quotes(60, LAW)
    assert quotes.at(0) == (-4, 4)
    quotes.trade(1, 100, 0)
    assert quotes.at(0) == (-4, 4), "what rests stays where it is"
    later = {second: quotes.at(second)[1] - 4 for second in (1, 10, 50)}
    expected = {s: 200 * math.sqrt(0.1 * 0.5 ** ((s - 1e-9) / 10)) for s in later}
    assert all(abs(later[s] - expected[s]) <= 1 and later[s] % 2 == 0 for s in later)
    assert quotes.at(51)[0] == -4, "nothing was paid in shifts: nothing is given back"


def test_volume_acts_as_a_faded_sum_not_order_by_order() -> None:
    at_once, sliced = Quotes(20, LAW), Quotes(20, LAW)
    at_once.at(9)
    at_once.trade(1, 100, 9)
    for second in range(10):
        sliced.at(second)
        sliced.trade(1, 10, second)
    faded = sum(10 * 0.5 ** ((10 - s) / 10) for s in range(10))
    assert abs(sliced.at(10)[1] - 4 - 200 * math.sqrt(faded / 1000)) <= 1
    assert at_once.at(10)[1] > sliced.at(10)[1]


def test_a_seller_moves_prices_down_and_both_sides_once_it_has_paid_for_it() -> None:
    quotes = Quotes(30, LAW, lots=20)
    for second in range(20):
        quotes.at(second)
        quotes.trade(-1, 20, second)
    bid, ask = quotes.at(20)
    paid = (quotes.cost - 4 * 400) / 400
    assert bid + 4 < ask - 4 < 0
    assert ask - 4 == -2 * (paid // 2), "by what was paid on average, which is less than the response"


def test_what_was_paid_for_few_lots_moves_no_deep_quote_that_more_could_be_sold_to() -> None:
    quotes = Quotes(30, LAW, lots=1000)
    for second in range(20):
        quotes.at(second)
        quotes.trade(1, 20, second)
    bid, ask = quotes.at(20)
    paid = quotes.cost - 4 * 400
    assert ask - 4 > 50
    assert bid + 4 == 2 * (paid // 1000 // 2), "spread over the thousand, not over the 400 that are held"


def test_recorded_takers_go_with_the_side_that_moves_less() -> None:
    """After a purchase offers are dearer; who sold at the bid still does, and none pays more than before."""
    rows: list[Row] = [
        (TRADE, 1, 1000, 5, 9),
        (TRADE, -1, 1010, 5, 9),
        (ADD, -1, 1010, 5, 0),
        (TRADE, -1, 1010, 5, 0),
    ]
    m = market(rows, [(ENTER, 1, 1000, 100, -1), (ENTER, -1, 1010, 100, -1)], impact=LAW)
    m.submit(0, -1, 1, 1010, 10, Kind.IOC, 0)
    m.step_until(9)
    assert depth(m, 1) == {1000: 95}
    assert depth(m, -1) == {1010: 80}, "the order added at 1010 stood higher, until it was done with"
    assert (m.replay_counts().diverted, m.replay_counts().displaced, m.replay_counts().unfilled) == (5, 5, 0)


@pytest.mark.parametrize(("ours", "traded"), [(1012, 0), (1040, 5)])
def test_they_pay_more_to_recorded_orders_and_not_to_participants(ours: int, traded: int) -> None:
    rows: list[Row] = [(ADD, -1, 1010, 5, 0), (TRADE, -1, 1010, 5, 0)]
    m = market(rows, [(ENTER, 1, 1000, 100, -1), (ENTER, -1, 1010, 10, -1)], impact=LAW)
    m.submit(0, -1, 1, 1010, 10, Kind.IOC, 0)
    m.submit(0, -2, -1, ours, 5, Kind.LIMIT, 0)
    m.fills()
    m.step_until(9)
    assert m.leaves(-2) == 5
    assert [(int(f["maker_key"]), int(f["px"])) for f in m.fills()] == [(0, 1030)] * (traded > 0)
    assert (m.replay_counts().unfilled, m.replay_counts().displaced) == (5 - traded, 5 - traded)


def test_passive_fills_count_as_ours() -> None:
    m = market([(TRADE, 1, 1000, 5, 9), (ADD, -1, 1012, 1, 0)], impact=LAW)
    m.submit(0, -1, 1, 1002, 5, Kind.LIMIT, 0)
    m.step_until(9)
    assert m.leaves(-1) == 0
    assert depth(m, -1) == {1010: 5, 1012 + 2 * round(200 * math.sqrt(0.005) / 2): 1}


def test_in_a_partial_tape_levels_that_come_into_view_and_the_limits_of_takers_move_too() -> None:
    rows: list[Row] = [(ENTER, -1, 1012, 7, -1), (TRADE, -1, 1012, 7, 9), (TRADE, -1, 1010, 5, 9)]
    m = market(rows, [(ENTER, 1, 1000, 100, -1), (ENTER, -1, 1010, 100, -1)], impact=LAW)
    m.submit(0, -1, 1, 1010, 50, Kind.IOC, 0)
    m.replay_event()
    moved = 2 * round(200 * math.sqrt(0.05) / 2)
    assert depth(m, -1) == {1010: 50, 1012 + moved: 7}
    m.step_until(9)
    assert m.window(-1)[1].tolist() == [95]
    assert m.replay_counts().contradicted == 0


@given(seed=st.integers(0, 2**63 - 1), episode=st.integers(0, 99))
def test_beta_is_drawn_from_its_range_by_the_seed(seed: int, episode: int) -> None:
    law = Impact(y=1.0, volatility=0.02, volume_lots=1e6, half_life_s=300)
    response = law.drawn(seed, PX, episode=episode)
    assert response == law.drawn(seed, PX, episode=episode)
    assert 0.4 <= response.beta <= 0.7
    assert response.scale_px == pytest.approx(2000)


def test_betas_of_many_episodes_fill_the_range() -> None:
    law = Impact(y=1.0, volatility=0.02, volume_lots=1e6, half_life_s=300)
    betas = np.sort([law.drawn(7, PX, episode=n).beta for n in range(400)])
    assert abs(betas - np.linspace(0.4, 0.7, 400)).max() < 0.03


@pytest.mark.parametrize(
    ("field", "value"),
    [("y", 0.0), ("volatility", -1.0), ("volume_lots", 0.0), ("half_life_s", 0.0), ("beta_high", 0.3)],
)
def test_a_law_that_is_none_is_refused(field: str, value: float) -> None:
    given = {"y": 1.0, "volatility": 0.02, "volume_lots": 1e6, "half_life_s": 300.0, field: value}
    with pytest.raises(ValueError, match=rf"Impact\.{field} {value}"):
        Impact(**given)


TRADES = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([1, -1]), st.integers(1, 400)), min_size=1, max_size=12
)


@given(trades=TRADES, beta=st.floats(0.4, 0.7), scale=st.floats(1, 2000), lots=st.integers(1, 1000))
@example(trades=[(0, 1, 400)], beta=0.5, scale=2000.0, lots=1000)
@example(trades=[(0, 1, 1), (1, 1, 400)], beta=0.5, scale=2000.0, lots=1000)
@example(trades=[(0, 1, 100), (1, -1, 200), (1, 1, 400)], beta=0.4, scale=2000.0, lots=1000)
@example(trades=[(0, 1, 1), (1, 1, 5), (1, -1, 400)], beta=0.4, scale=2000.0, lots=1000)
@example(trades=[(0, 1, 5), *[(1, 1, 20)] * 9, (1, -1, 400)], beta=0.4, scale=2000.0, lots=100)
def test_where_history_stands_still_no_round_trip_pays(
    trades: list[tuple[int, int, int]], beta: float, scale: float, lots: int
) -> None:
    """Any trades at all, and then out of what is held: with every quote sent anew, it costs."""
    quotes = Quotes(120, Response(scale, 1000.0, beta, 10.0 * S), lots=lots)
    second = 0
    for wait, sign, wanted in trades:
        second += wait
        quotes.at(second)
        quotes.trade(sign, wanted, second)
    while quotes.held and second < 119:
        second += 1
        quotes.at(second)
        quotes.trade(-1 if quotes.held > 0 else 1, min(abs(quotes.held), lots), second)
    assert quotes.held or not quotes.traded or quotes.cost > 0
