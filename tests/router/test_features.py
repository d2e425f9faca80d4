"""The state vector says what the books say, in the parent's own terms, and is always finite."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.book import V_MAX, new_books
from router.features import (
    ARRIVAL_PX,
    BUY_RATE,
    END,
    F_SIZE,
    FEATURE_HASH,
    FEATURE_SCHEMA,
    FEATURES,
    FILLED,
    I_SIZE,
    INTERVAL,
    LIMIT_PX,
    MUST_COMPLETE,
    NOW,
    ORDERS,
    ORDERS_MAX,
    OTHERS,
    OWN_PX,
    QTY,
    RESTING,
    SELL_RATE,
    SIGN,
    START,
    TAU_S,
    UNKNOWN,
    VARIANCE,
    VENUE_DARK,
    VENUE_MAKER_PPM,
    VENUE_TAKER_PPM,
    VENUE_WORKING,
    VENUES,
    WORKING,
    S,
    TickState,
    features,
    roll,
)

SECOND = 1_000_000_000
BEGIN = 1_531_514_831 * SECOND
Level = tuple[int, int]


def set_side(books: np.ndarray, v: int, side: int, levels: list[Level]) -> None:
    """Levels best first."""
    books[v]["n"][side] = len(levels)
    for k, (px, qty) in enumerate(reversed(levels)):
        books[v]["px"][side, k], books[v]["qty"][side, k] = px, qty


class Case:
    """Two lit venues and a dark one; a parent of 1,000 that is half-way through ten seconds."""

    def __init__(self, sign: int = 1) -> None:
        self.books = new_books()
        self.usable = np.zeros(V_MAX, np.bool_)
        self.usable[:3] = True
        set_side(self.books, 0, 0, [(1000, 30), (998, 10)])
        set_side(self.books, 0, 1, [(1004, 10), (1006, 40)])
        set_side(self.books, 1, 0, [(998, 50)])
        set_side(self.books, 1, 1, [(1004, 30), (1010, 5)])
        self.tick = TickState()
        i = self.tick.i
        i[SIGN], i[QTY], i[FILLED], i[UNKNOWN], i[WORKING] = sign, 1000, 400, 100, 250
        i[START], i[END], i[NOW], i[INTERVAL] = BEGIN, BEGIN + 10 * SECOND, BEGIN + 5 * SECOND, SECOND
        self.tick.venues[2, VENUE_DARK] = 1

    def __call__(self) -> dict[str, float]:
        out = np.full(S, np.nan, np.float32)
        features(self.books, self.usable, self.tick.i, self.tick.f, out)
        assert np.isfinite(out).all()
        assert (np.abs(out) <= 10).all()
        return dict(zip(FEATURES, out.tolist(), strict=True))


def test_the_schema_is_named_hashed_and_frozen() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == S == 114
    assert hashlib.sha256("\n".join((FEATURE_SCHEMA, *FEATURES)).encode()).hexdigest() == FEATURE_HASH


def test_the_parents_progress() -> None:
    case = Case()
    case.tick.i[MUST_COMPLETE] = 1
    said = case()
    assert said["time_left"] == 0.5
    assert said["base_left"] == 0.5
    assert said["done"] == pytest.approx(0.4)
    assert said["unknown"] == pytest.approx(0.1)
    assert said["behind_twap"] == pytest.approx(0.1)
    assert said["working_of_base"] == 0.5
    assert said["interval_of_horizon"] == pytest.approx(0.1)
    assert said["must_complete"] == 1


@pytest.mark.parametrize(("elapsed_s", "left"), [(-3, 1.0), (0, 1.0), (10, 0.0), (99, 0.0)])
def test_time_left_stays_within_the_horizon(elapsed_s: int, left: float) -> None:
    case = Case()
    case.tick.i[NOW] = BEGIN + elapsed_s * SECOND
    assert case()["time_left"] == left


def test_the_market_as_a_buyer_sees_it() -> None:
    said = Case()()
    assert said["two_sided"] == 1
    assert said["log_spread_ticks"] == pytest.approx(math.log1p(2))
    assert said["spread_bp"] == pytest.approx(10)  # over ten percent of a thousandth: clipped at 10
    assert said["imbalance_1"] == pytest.approx((80 - 40) / 120)
    assert said["imbalance_5"] == pytest.approx((90 - 85) / 175)
    assert said["log_near_1_of_base"] == pytest.approx(math.log1p(30 / 500))
    assert said["log_far_1_of_base"] == pytest.approx(math.log1p(40 / 500))
    assert said["sweep_found"] == pytest.approx(85 / 500)
    micro = (1000 * 40 + 1004 * 30) / 70
    assert said["microprice"] == pytest.approx((micro - 1002) / 4)
    assert said["venues"] == pytest.approx(3 / 8)
    assert said["venue_1.near_behind_ticks"] == 0
    assert said["venue_2.near_behind_ticks"] == 1
    assert said["venue_2.far_behind_ticks"] == 0
    assert said["venue_3.dark"] == 1
    assert said["venue_4.usable"] == 0


def test_a_seller_sees_the_mirror_image() -> None:
    buyer, seller = Case(1), Case(-1)
    for v in range(2):
        for side in range(2):
            book = buyer.books[v]
            n = int(book["n"][1 - side])
            px, qty = book["px"][1 - side, :n][::-1], book["qty"][1 - side, :n][::-1]
            set_side(seller.books, v, side, list(zip((2004 - px).tolist(), qty.tolist(), strict=True)))
    for case in (buyer, seller):
        case.tick.i[ARRIVAL_PX] = 1002
    bought, sold = buyer(), seller()
    assert bought.pop("buys") == 1
    assert sold.pop("buys") == 0
    assert bought == pytest.approx(sold, abs=1e-6)


def test_the_cost_of_taking_everything_now() -> None:
    case = Case()
    for v in range(2):
        for side in range(2):
            books = case.books[v]
            books["px"][side] += 1_000_000
    mid = 1_001_002
    said = case()
    paid = 10 * 2 + 30 * 2 + 40 * 4 + 5 * 8
    assert said["sweep_cost_bp"] == pytest.approx(1e4 * paid / 85 / mid, rel=1e-5)


def test_an_own_child_at_the_touch_is_seen() -> None:
    case = Case()
    case.tick.add_order(0, 1000, 20, RESTING)
    case.tick.add_order(0, 1000, 5, OTHERS)
    case.tick.add_order(1, 998, 50, RESTING)
    case.tick.venues[0, VENUE_WORKING] = 20
    said = case()
    assert said["own_near_of_base"] == pytest.approx(20 / 500)
    assert said["own_near_of_level"] == pytest.approx(20 / 30)
    assert said["venue_1.working_of_base"] == pytest.approx(20 / 500)


def test_limit_prices_fees_and_own_price() -> None:
    case = Case()
    assert case()["limit_room_pct"] == 10
    case.tick.i[LIMIT_PX], case.tick.i[ARRIVAL_PX], case.tick.f[OWN_PX] = 994, 1_000_000, 1_000_100.0
    case.tick.venues[1, VENUE_MAKER_PPM : VENUE_TAKER_PPM + 1] = -10, 30
    said = case()
    assert said["limit_room_pct"] == pytest.approx(100 * -10 / 1004)
    assert said["own_price_bp"] == pytest.approx(1.0)
    assert said["venue_2.maker_bp"] == pytest.approx(-0.1)
    assert said["venue_2.taker_bp"] == pytest.approx(0.3)


def test_what_is_not_usable_is_not_looked_at() -> None:
    case = Case()
    without = case()
    set_side(case.books, 5, 0, [(1002, 7)])
    assert case() == without
    case.usable[:] = False
    assert case()["two_sided"] == 0


def test_rolling_figures_decay_with_time_and_a_second_call_changes_nothing() -> None:
    case = Case()
    i, f = case.tick.i, case.tick.f
    roll(case.books, case.usable, i, f)
    assert not f.any()
    i[NOW] += 2 * SECOND
    case.books["buy_lots"][0] += 60
    case.books["sell_lots"][1] += 20
    case.books["px"][:2] += 2
    roll(case.books, case.usable, i, f)
    share = 1 - math.exp(-2 / TAU_S)
    assert f[BUY_RATE] == pytest.approx(30 * share)
    assert f[SELL_RATE] == pytest.approx(10 * share)
    assert f[VARIANCE] == pytest.approx(share / 2 * (1e4 * 2 / 1002) ** 2)
    before, flow = f.copy(), case()["flow"]
    roll(case.books, case.usable, i, f)
    assert np.array_equal(before, f)
    assert flow == pytest.approx(0.5)
    i[NOW] += 30 * SECOND
    roll(case.books, case.usable, i, f)
    assert f[BUY_RATE] == pytest.approx(before[BUY_RATE] / math.e)


def test_there_is_a_bound_on_own_orders() -> None:
    tick = TickState()
    for _ in range(ORDERS_MAX):
        tick.add_order(0, None, 1, RESTING)
    assert tick.i[ORDERS] == ORDERS_MAX
    with pytest.raises(ValueError, match=str(ORDERS_MAX)):
        tick.add_order(0, 1, 1, RESTING)


levels = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**15)), max_size=8)


@given(
    st.lists(levels, min_size=6, max_size=6),
    st.lists(st.integers(-(2**62), 2**62), min_size=VENUES, max_size=VENUES),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=F_SIZE, max_size=F_SIZE),
    st.sampled_from([1, -1]),
)
def test_whatever_it_is_given_the_vector_is_finite(
    sides: list[list[Level]], i: list[int], f: list[float], sign: int
) -> None:
    case = Case(sign)
    for k, side in enumerate(sides):
        set_side(case.books, k // 2, k % 2, side)
    assert I_SIZE > VENUES
    case.tick.i[:VENUES] = i
    case.tick.i[SIGN], case.tick.i[ORDERS] = sign, 0
    case.tick.f[:] = f
    case()
