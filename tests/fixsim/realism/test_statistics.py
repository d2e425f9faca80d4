"""Statistics of the book, of times, depths and flow, on rows whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism import activity, book, depth, timing
from fixsim.realism.view import BID, OFFER, Plan, View
from fixsim.tape.frame import Change
from tests.fixsim.realism.frames import TICK, Row, frame_of

LIMIT, CANCEL, MARKET, HIDDEN, OTHER = Change


def view(*rows: Row, **plan: float) -> View:
    return View(frame_of(rows), Plan(blocks=4, **plan), TICK)  # type: ignore[arg-type]


STILL = (99, 5, 101, 5)


def test_the_books_statistics_are_taken_where_it_has_two_sides() -> None:
    seen = view(
        Row(0, LIMIT, 1, 99, 5, 99, 6, 101, 2),
        Row(1, LIMIT, 1, 100, 5, 100, 1, 101, 3),
        Row(2, CANCEL, -1, 101, 3, 100, 1, 0, 0),
    )
    assert book.spread(seen).values.tolist() == [2, 1]
    assert book.imbalance(seen).values.tolist() == [0.5, -0.5]
    assert book.volume(seen, BID, 1).values.tolist() == [6, 1]
    assert book.volume(seen, OFFER, 10).values.tolist() == [2, 3]


def test_levels_that_a_market_lacks_count_nothing() -> None:
    names = [what.name for what in book.distributions(10)]
    assert "10-level volume, bids" in names
    assert "Spread" in names


def test_poisson_arrivals_have_exponential_gaps() -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(0.2, 5000))
    seen = view(*(Row(float(t), LIMIT, 1, 99, 1, *STILL) for t in times))
    gaps = 10 ** timing.between_events(seen).values
    assert gaps.mean() == pytest.approx(0.2, rel=0.06)
    assert gaps.std() == pytest.approx(0.2, rel=0.08)
    # The mean logarithm of an exponential is that of its mean, less Euler's constant.
    assert timing.between_events(seen).values.mean() == pytest.approx(
        np.log10(0.2) - 0.5772 / np.log(10), abs=0.02
    )


def test_events_at_one_time_are_a_microsecond_apart_at_least() -> None:
    seen = view(*(Row(t, CANCEL, 1, 99, 1, *STILL) for t in (0, 0, 1)))
    assert timing.between_events(seen).values.tolist() == [-6, 0]


def test_time_to_cancel_is_to_the_first_cancel_of_orders_seen_to_come() -> None:
    seen = view(
        Row(0, LIMIT, 1, 99, 5, *STILL, order_id=7),
        Row(1, LIMIT, 1, 99, 5, *STILL, order_id=8),
        Row(10, CANCEL, 1, 99, 2, *STILL, order_id=7),
        Row(20, CANCEL, 1, 99, 3, *STILL, order_id=7),  # not the first
        Row(21, CANCEL, 1, 99, 3, *STILL, order_id=9),  # never seen to come
        Row(22, MARKET, 1, 99, 5, *STILL, order_id=8),  # filled, not cancelled
        Row(30, CANCEL, 1, 99, 3, *STILL),  # not known
    )
    sample = timing.time_to_cancel(seen)
    assert sample.values.tolist() == [1]
    assert sample.block.tolist() == [1]


def test_depth_is_behind_the_touch_as_it_was_before() -> None:
    seen = view(
        Row(0, LIMIT, 1, 99, 5, 99, 5, 105, 5),
        Row(1, LIMIT, 1, 101, 5, 101, 5, 105, 5),  # two inside
        Row(2, LIMIT, 1, 98, 5, 101, 5, 105, 5),  # three behind
        Row(3, LIMIT, -1, 105, 5, 101, 5, 105, 9),  # joins
        Row(4, CANCEL, -1, 108, 5, 101, 5, 105, 9),  # three behind
        Row(5, CANCEL, 1, 101, 5, 99, 5, 105, 9),  # at the touch
    )
    assert depth.distance_from_touch(seen, LIMIT).values.tolist() == [-2, 3, 0]
    assert depth.distance_from_touch(seen, CANCEL).values.tolist() == [3, 0]


def test_volume_is_a_minutes_whatever_the_window() -> None:
    rows = [Row(0, LIMIT, 1, 99, 5, *STILL)]
    rows += [
        Row(5, MARKET, 1, 99, 4, *STILL),
        Row(25, HIDDEN, 1, 99, 6, *STILL),
        Row(61, LIMIT, 1, 99, 5, *STILL),
    ]
    assert activity.volume(view(*rows, minute_s=20.0)).values.tolist() == [12, 18, 0]


@pytest.mark.parametrize(
    ("after", "flow"),
    [
        ((99, 8, 101, 5), 3),  # a bid joins
        ((99, 1, 101, 5), -4),  # bids leave
        ((100, 2, 101, 5), 2),  # a better bid
        ((98, 7, 101, 5), -5),  # the best bid is gone
        ((99, 5, 101, 9), -4),  # an offer joins
        ((99, 5, 100, 3), -3),  # a better offer
        ((99, 5, 102, 3), 5),  # the best offer is gone
        ((99, 5, 101, 5), 0),
    ],
)
def test_order_flow_imbalance_is_what_cont_kukanov_and_stoikov_count(
    after: tuple[int, int, int, int], flow: float
) -> None:
    seen = view(Row(0, LIMIT, 1, 99, 5, 99, 5, 101, 5), Row(1, LIMIT, 1, 99, 5, *after))
    rows, counted = activity.imbalance_of_events(seen)
    assert rows.tolist() == [1]
    assert counted.tolist() == [flow]


def test_a_constructed_flow_gives_back_its_slope() -> None:
    """The mid moves by 0.01 tick a unit of imbalance, and the touch has 100 units."""
    rng = np.random.default_rng(5)
    change = rng.normal(size=400) * 50
    flow = np.stack((change, 0.01 * change, np.full(400, 100.0)), axis=1)
    series = np.array_split(flow, 8)
    assert activity.slope_times_depth(series) == pytest.approx(1.0)
    assert activity.r_squared(series) == pytest.approx(1.0)
    noisy = flow.copy()
    noisy[:, 1] += rng.normal(size=400) * 0.5
    assert activity.r_squared(np.array_split(noisy, 8)) == pytest.approx(0.5, abs=0.08)


def test_flow_that_never_changes_explains_nothing() -> None:
    still = [np.zeros((10, 3))]
    assert np.isnan(activity.r_squared(still))
    assert np.isnan(activity.slope_times_depth(still))


def test_regression_columns_are_by_window_and_block() -> None:
    rows = [
        Row(0, LIMIT, 1, 99, 5, 99, 5, 101, 5),
        Row(1, LIMIT, 1, 99, 3, 99, 8, 101, 5),
        Row(11, LIMIT, 1, 100, 2, 100, 2, 101, 5),
        Row(20, OTHER, 0, 0, 0, 100, 2, 101, 5),
    ]
    blocks = activity.against_returns(view(*rows, return_s=10.0))
    assert [b.tolist() for b in blocks if len(b)] == [[[3, 0, 6.5]], [[2, 0.5, 3.5]]]
