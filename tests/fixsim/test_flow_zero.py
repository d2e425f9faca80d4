"""Zero intelligence: its rates are what they say, and come back from a record of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.flow.markets import START_PX, zero_intelligence
from fixsim.flow.record import Listing, record
from fixsim.flow.zero import Rates, ZeroIntelligence
from fixsim.flow.zero_calibrate import calibrate
from fixsim.matching import SMALL, Kind, Market, MatchingError
from fixsim.tape.frame import Change

S = 1_000_000_000
NEVER = 1 << 62
RATES = Rates(limit_per_s=0.8, market_per_s=2.0, cancel_per_s=0.15, lots=100, ticks=12)
LISTING = Listing("ZERO", 10_000_000)


def run(seed: int, rates: Rates = RATES, venues: int = 1) -> tuple[Market, ZeroIntelligence]:
    market = Market(venues, START_PX, capacity=SMALL)
    return market, ZeroIntelligence(market, rates, seed=seed, start_ns=0, start_px=START_PX)


def on(flow: ZeroIntelligence, events: int, each: int = 500) -> None:
    for _ in range(0, events, each):
        flow.step(NEVER, each)
        flow.hands.market.fills()
        flow.hands.market.changes()


def test_the_same_seed_gives_the_same_market_however_it_is_stepped() -> None:
    (a, whole), (b, parts), (c, other) = run(7), run(7), run(8)
    whole.step_until(100 * S)
    for at_ns in range(S // 3, 100 * S, S // 3):
        parts.step_until(at_ns)
        parts.disturbed()
    parts.step_until(100 * S)
    other.step_until(100 * S)
    assert whole.hands.events == parts.hands.events > 1000
    assert a.digest() == b.digest() != c.digest()


@pytest.mark.parametrize("venues", [1, 3])
def test_a_long_run_leaks_nothing_and_never_crosses(venues: int) -> None:
    market, flow = run(2, venues=venues)
    on(flow, 20_000)
    for _ in range(300):
        flow.step(NEVER, 500)
        market.fills()
        market.changes()
        bids = [market.best(v).bid_px for v in range(venues)]
        asks = [market.best(v).ask_px for v in range(venues) if market.best(v).ask_px]
        assert max(bids) < min(asks)
        assert np.count_nonzero(market.core.recorded) == market.counts().resting
    orders = np.concatenate([market.orders(v) for v in range(venues)])
    assert 0 < orders["qty"].min() <= orders["qty"].max() == RATES.lots
    alive = flow._alive
    listed = alive.list[: alive.whole[4]]
    assert set(orders["key"].tolist()) <= set(listed.tolist()), "each order can be drawn for a cancel"
    assert len(set(listed.tolist())) == len(listed)
    assert (alive.place[listed] == np.arange(len(listed))).all()
    assert np.count_nonzero(alive.place >= 0) == len(listed)


def test_events_come_at_the_stated_rates_and_calibration_finds_them_again() -> None:
    seconds = 4_000.0
    frame = record(
        lambda log: zero_intelligence(RATES, seed=3, duration_s=seconds, log=log), LISTING, levels=30
    )
    limits = frame.change == Change.LIMIT
    expected = 2 * RATES.ticks * RATES.limit_per_s * seconds
    assert abs(limits.sum() - expected) < 5 * math.sqrt(expected)
    traded = frame.quantity[frame.change == Change.MARKET].sum() / RATES.lots
    expected = 2 * RATES.market_per_s * seconds
    assert abs(traded - expected) < 5 * math.sqrt(expected)
    near = np.array([1.0, 0.0])
    assert abs((frame.side[limits] > 0).mean() - near[0] / 2) < 0.01
    found = calibrate(frame, share=1.0)
    assert (found.lots, found.ticks) == (RATES.lots, RATES.ticks)
    for name in ("limit_per_s", "market_per_s"):
        assert getattr(found, name) == pytest.approx(getattr(RATES, name), rel=0.03), name
    # Orders that the opposite price has left behind are cancelled out of the window: a few.
    assert found.cancel_per_s == pytest.approx(RATES.cancel_per_s, rel=0.05)
    narrow = calibrate(frame, share=0.5)
    assert narrow.ticks == RATES.ticks // 2
    assert narrow.limit_per_s == pytest.approx(RATES.limit_per_s, rel=0.05)
    assert calibrate(frame, ticks=4).ticks == 4


def test_without_market_orders_a_price_holds_what_its_rates_imply() -> None:
    """limit / cancel orders at each price of the window: a Poisson number (M/M/∞)."""
    rates = Rates(limit_per_s=2.0, market_per_s=0.0, cancel_per_s=0.5, lots=1, ticks=1)
    seen = []
    for seed in range(300):
        market, flow = run(seed, rates)
        flow.step_until(8 * S)
        seen.append(int(market.depth(0, 1)[1].sum()))
    assert abs(np.mean(seen) - 4) < 5 * math.sqrt(4 / len(seen))
    assert 0.7 < np.var(seen) / 4 < 1.35


def test_a_market_order_walks_and_a_participant_is_traded_with() -> None:
    rates = Rates(limit_per_s=0.2, market_per_s=50.0, cancel_per_s=0.1, lots=10, ticks=3)
    market, flow = run(1, rates)
    market.submit(0, -1, 1, START_PX - 1, 4, Kind.LIMIT, 0)
    market.fills()
    flow.disturbed()
    while market.leaves(-1):
        flow.step(NEVER, 1)
    fills = market.fills()
    ours = fills[fills["maker_is_ours"]]
    assert ours["qty"].sum() == 4
    same = fills[fills["taker_key"] == ours["taker_key"][-1]]
    assert same["qty"].sum() <= 10


@pytest.mark.parametrize(
    ("field", "value"),
    [("limit_per_s", 0.0), ("limit_per_s", math.nan), ("market_per_s", -1.0), ("cancel_per_s", 0.0),
     ("lots", 0), ("ticks", 0), ("ticks", 20_000)],
)  # fmt: skip
def test_rates_that_cannot_be_are_refused_by_name(field: str, value: float) -> None:
    stated = {"limit_per_s": 1.0, "market_per_s": 1.0, "cancel_per_s": 1.0, "lots": 1, "ticks": 3}
    with pytest.raises(ValueError, match=field):
        Rates(**(stated | {field: value}))  # type: ignore[arg-type]


def test_a_start_between_no_prices_is_refused() -> None:
    for start_px in (START_PX + 1, 21):
        with pytest.raises(MatchingError, match="start_px"):
            ZeroIntelligence(Market(1, START_PX), RATES, seed=1, start_ns=0, start_px=start_px)


def test_a_frame_of_nothing_calibrates_nothing() -> None:
    frame = record(lambda log: zero_intelligence(RATES, seed=3, duration_s=5.0, log=log), LISTING)
    with pytest.raises(ValueError, match="share"):
        calibrate(frame, share=0.0)
    quiet = Rates(limit_per_s=0.5, market_per_s=0.0, cancel_per_s=0.15, lots=100, ticks=12)
    frame = record(lambda log: zero_intelligence(quiet, seed=3, duration_s=5.0, log=log), LISTING)
    with pytest.raises(ValueError, match="no trades"):
        calibrate(frame)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(0.05, 20), st.floats(0, 50), st.floats(0.01, 5), st.integers(1, 500), st.integers(1, 40),
    st.integers(0, 1000),
)  # fmt: skip
def test_any_rates_give_a_book_that_holds_together(
    limit: float, market_rate: float, cancel: float, lots: int, ticks: int, seed: int
) -> None:
    if limit / cancel * ticks > 1_000:
        return
    market, flow = run(seed, Rates(limit, market_rate, cancel, lots, ticks), venues=2)
    for _ in range(20):
        flow.step(NEVER, 100)
        market.fills()
        market.changes()
        best = [market.best(v) for v in range(2)]
        bid, ask = max(t.bid_px for t in best), min(t.ask_px or NEVER for t in best)
        assert bid < ask
