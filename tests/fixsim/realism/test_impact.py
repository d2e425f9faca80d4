"""Fits of a concave law: they give back the exponent that was put in."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism import impact
from fixsim.realism.view import Plan, View
from fixsim.tape.frame import Change
from tests.fixsim.realism.frames import TICK, Row, frame_of, random_market


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_the_fit_gives_back_the_law(exponent: float) -> None:
    rng = np.random.default_rng(6)
    share = rng.exponential(0.7, 3000)
    points = np.stack((share, 0.8 * share**exponent + rng.normal(size=3000)), axis=1)
    law = impact.fit(points)
    assert law.exponent == pytest.approx(exponent, abs=0.1)
    assert law.factor == pytest.approx(0.8, abs=0.1)


def test_a_return_against_the_volume_has_no_law() -> None:
    share = np.linspace(0.1, 2, 50)
    assert np.isnan(impact.fit(np.stack((share, -share), axis=1)).exponent)
    assert np.isnan(impact.fit(np.ones((9, 2))).exponent)


def test_windows_without_net_volume_are_left_out_and_sides_are_signed() -> None:
    def trade(time_s: float, side: int, quantity: int, mid: float) -> Row:
        return Row(time_s, Change.MARKET, side, mid, quantity, mid - 1, 5, mid + 1, 5)

    rows = [Row(0, Change.LIMIT, 1, 99, 1, 99, 5, 101, 5)]
    rows += [trade(1, -1, 30, 102)]  # bought, and up
    rows += [trade(11, 1, 10, 101)]  # sold, and down
    rows += [trade(21, 1, 10, 101), trade(22, -1, 10, 101)]  # both: nothing
    rows += [Row(30, Change.LIMIT, 1, 99, 1, 100, 5, 102, 5)]
    points = np.concatenate(
        impact.imbalance_and_return(View(frame_of(rows), Plan(blocks=3, minute_s=10), TICK))
    )
    sigma = np.std([2, -1, 0])
    assert points == pytest.approx(np.array([[30 / 20, 2 / sigma], [10 / 20, 1 / sigma]]))


def test_a_market_without_trades_has_no_points() -> None:
    rows = [Row(t, Change.LIMIT, 1, 99, 1, 99 + t % 2, 5, 103, 5) for t in range(40)]
    seen = View(frame_of(rows), Plan(blocks=3, minute_s=5), TICK)
    assert not sum(len(b) for b in impact.imbalance_and_return(seen))
    assert not len(impact.buckets(seen).share)


def test_buckets_hold_as_many_windows_each_and_rise() -> None:
    found = impact.buckets(View(random_market(4), Plan(blocks=6, minute_s=10), TICK))
    assert len(found.share) == impact.BUCKETS
    assert (np.diff(found.share) >= 0).all()
    assert (found.error > 0).all()
