"""What a frame is made into: a mid, orders, windows."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism.view import Plan, View
from fixsim.tape.frame import Change
from tests.fixsim.realism.frames import TICK, Row, frame_of

LIMIT, CANCEL, MARKET, HIDDEN, OTHER = Change
PLAN = Plan(blocks=4)


def row(
    time_s: float,
    change: Change = LIMIT,
    side: int = 1,
    quantity: int = 1,
    bid: float = 99,
    offer: float = 101,
) -> Row:
    return Row(time_s, change, side, 99, quantity, bid, 5 if bid else 0, offer, 5 if offer else 0)


def view(*rows: Row, plan: Plan = PLAN) -> View:
    return View(frame_of(rows), plan, TICK)


def test_fills_of_one_taker_are_one_market_order() -> None:
    orders = view(
        row(0),
        row(1, MARKET, 1, 3),
        row(1, MARKET, 1, 4),
        row(1, MARKET, -1, 5),  # the other side: another taker
        row(2, MARKET, -1, 6),  # later: another
        row(2, CANCEL, -1, 7),
    ).orders
    assert orders.change.tolist() == [LIMIT, MARKET, MARKET, MARKET, CANCEL]
    assert orders.lots.tolist() == [1, 7, 5, 6, 7]
    assert orders.first.tolist() == [0, 1, 3, 4, 5]
    assert orders.last.tolist() == [0, 2, 3, 4, 5]


def test_a_taker_that_also_met_hidden_orders_is_a_market_order() -> None:
    orders = view(row(0), row(1, HIDDEN, 1, 3), row(1, MARKET, 1, 4), row(3, HIDDEN, 1, 1)).orders
    assert orders.change.tolist() == [LIMIT, MARKET, HIDDEN]


def test_cancels_at_one_time_are_not_joined_and_other_rows_are_no_orders() -> None:
    orders = view(row(0), row(1, CANCEL), row(1, CANCEL), row(1, OTHER)).orders
    assert orders.change.tolist() == [LIMIT, CANCEL, CANCEL]


def test_the_mid_is_the_last_that_there_was() -> None:
    seen = view(
        row(0, bid=0), row(1), row(2, offer=0), row(3, bid=100, offer=103), row(4, bid=104, offer=103)
    )
    assert seen.two_sided.tolist() == [False, True, False, True, False]
    assert np.isnan(seen.mid[0])
    assert seen.mid[1:].tolist() == [100, 100, 101.5, 101.5]


def test_returns_are_between_the_edges_of_whole_windows() -> None:
    rows = [
        row(0),
        row(4, bid=101, offer=103),
        row(12, bid=99, offer=101),
        row(19.9, bid=103, offer=105),
        row(25),
    ]
    assert view(*rows).returns(10).tolist() == [2, 2]


def test_sums_are_by_window_without_the_last_part() -> None:
    seen = view(row(0), row(5), row(10), row(25))
    assert seen.sums(np.arange(4), np.ones(4), 10).tolist() == [2, 1]
    assert view(row(0), row(5), row(19.6)).windows(10) == 2  # all but a twenty-fifth of the second
    assert seen.window_block(10).tolist() == [0, 1]


def test_values_are_handed_out_by_block_without_what_is_not_known() -> None:
    blocks = view(row(0), row(40)).in_blocks(np.array([1.0, np.nan, 3, 4]), np.array([0, 0, 1, 3]))
    assert [b.tolist() for b in blocks] == [[1], [3], [], [4]]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([row(0)], "1 events"),
        ([row(3), row(3)], "at different times"),
        ([row(0, bid=0), row(1, bid=102)], "two sides"),
    ],
)
def test_a_market_that_cannot_be_measured_is_refused(rows: list[Row], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        view(*rows)
