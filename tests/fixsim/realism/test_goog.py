"""The reference: what GOOG's day is known to be, from LOBSTER's own two files, and the day against itself."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from fixsim.realism import activity, book, facts, response, timing
from fixsim.realism.blocks import draw_weights
from fixsim.realism.study import study
from fixsim.realism.verdict import Verdict
from fixsim.realism.view import Plan, View
from fixsim.tape.frame import Change, LobFrame
from tests.fixsim.realism.frames import TICK

_CHANGES = {1: Change.LIMIT, 2: Change.CANCEL, 3: Change.CANCEL, 4: Change.MARKET, 5: Change.HIDDEN}
STEM = "GOOG_2012-06-21_34200000_57600000_{}_10.csv.xz"


@pytest.fixture(scope="module")
def goog(shared_data: Path) -> LobFrame:
    """Messages and book rows as they stand: row i of the one belongs to row i of the other."""

    def table(name: str, columns: int) -> np.ndarray:
        with lzma.open(shared_data / "lobster" / STEM.format(name)) as file:
            text = file.read()
        return np.fromstring(text.replace(b"\n", b",").rstrip(b","), sep=",").reshape(-1, columns)

    message, levels = table("message", 6), table("orderbook", 40).astype(np.int64).reshape(-1, 10, 4)
    return LobFrame(
        symbol="GOOG",
        tick_nanos=TICK,
        lots_per_unit=1,
        time_ns=np.round(message[:, 0] * 1e9).astype(np.int64),
        change=np.array([_CHANGES[int(kind)] for kind in message[:, 1]], np.int8),
        side=message[:, 5].astype(np.int8),
        price=message[:, 4].astype(np.int64) * 100_000,
        quantity=message[:, 3].astype(np.int64),
        order_id=np.where(message[:, 2] > 0, message[:, 2], -1).astype(np.int64),
        px=np.stack((levels[:, :, 2], levels[:, :, 0]), axis=1) * 100_000,
        qty=np.stack((levels[:, :, 3], levels[:, :, 1]), axis=1),
    )


@pytest.fixture(scope="module")
def day(goog: LobFrame) -> View:
    return View(goog, Plan(), TICK)


def test_the_days_plain_figures(day: View) -> None:
    assert day.seconds == pytest.approx(23_400, abs=5)
    assert book.spread(day).values.mean() == pytest.approx(29.62, abs=0.01)
    assert (day.orders.change == Change.MARKET).sum() < 7_765  # fills; one taker met several orders
    assert activity.traded(day, 60).sum() == pytest.approx(
        day.frame.quantity[np.isin(day.frame.change, (Change.MARKET, Change.HIDDEN))].sum(), rel=0.02
    )
    assert 10 ** np.median(timing.time_to_cancel(day).values) == pytest.approx(1.5, rel=0.6)


def test_the_facts_that_the_day_establishes(day: View) -> None:
    assert facts.excess_kurtosis(facts.short_returns(day)) > 3
    assert 2 < facts.hill_index(facts.short_returns(day)) < 4.5
    assert facts.clustering(facts.short_returns(day)) > 0.05
    assert facts.volume_volatility(facts.returns_with_volume(day)) > 0.15
    assert facts.memory(facts.signs(day)) > 0.08
    assert abs(facts.first_autocorrelation(facts.short_returns(day))) < 0.1


def test_market_orders_are_followed_by_the_price(day: View) -> None:
    sums, sizes = response.by_block(response.touch_events(day), day.plan.lags, day.plan.blocks)
    weights = draw_weights(day.plan.blocks, 200, np.random.default_rng(1))
    for kind in (0, 1):
        curve = response._curve(sums[kind], sizes[kind], weights)
        assert (curve.low[1:] > 0).all()
        assert curve.values[7] > curve.values[0]


def test_the_rules_let_the_days_other_half_pass(goog: LobFrame) -> None:
    """Every other quarter of an hour against those between, joined in time: one market against itself."""
    quarter = (goog.time_ns - goog.time_ns[0]) // (900 * 1_000_000_000)

    def half(which: int) -> LobFrame:
        rows = np.flatnonzero(quarter % 2 == which)
        shift = (quarter[rows] - quarter[rows] // 2) * 900 * 1_000_000_000
        fields = ("change", "side", "price", "quantity", "order_id", "px", "qty")
        return LobFrame(
            goog.symbol, TICK, 1, goog.time_ns[rows] - shift, *(getattr(goog, name)[rows] for name in fields)
        )

    frames = {"tape": half(0), "generated": half(1), "baseline": half(1)}
    result = study(frames, dict.fromkeys(frames, "GOOG"), Plan(draws=150))
    failing = {row.name for row in result.rows if row.verdict is Verdict.FAIL}
    assert not failing & set(result.distributions)
    # The opening quarter is in one half only, and five numbers turn on it: one day is one opening.
    assert len(failing) <= 6, failing
