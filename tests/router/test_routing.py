"""Where the router's best is: properties of the two kernels, against plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from router.book import V_MAX
from router.routing.best import rest_at, split

fees = st.lists(st.integers(-500, 500), min_size=V_MAX, max_size=V_MAX)
quantities = st.lists(st.integers(0, 50), min_size=V_MAX, max_size=V_MAX)
touches = st.lists(st.sampled_from([0, 999_998, 1_000_000, 1_000_002]), min_size=V_MAX, max_size=V_MAX)


def ints(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)


@given(touches, quantities, fees, quantities)
def test_resting_goes_where_it_may_then_is_cheapest_then_waits_least(
    px: list[int], can: list[int], maker: list[int], queue: list[int]
) -> None:
    legal = [v for v in range(V_MAX) if px[v] > 0]
    expected = min(legal, key=lambda v: (can[v] == 0, maker[v], queue[v], v), default=-1)
    assert rest_at(ints(px), ints(can), ints(maker), ints(queue)) == expected


@given(
    st.sampled_from([1, -1]), touches, quantities, fees, st.integers(0, 300), st.integers(1, 10)
)
def test_a_split_takes_the_best_price_after_fees_first(
    sign: int, px: list[int], shown: list[int], taker: list[int], lots: int, least: int
) -> None:
    out = np.zeros(V_MAX, np.int64)
    total = split(sign, ints(px), ints(shown), ints(taker), lots, least, out)
    open_slots = [v for v in range(V_MAX) if px[v] > 0 and shown[v] > 0]
    order = sorted(open_slots, key=lambda v: (px[v] * (sign * 1_000_000 + taker[v]), v))
    assert total == out.sum() <= lots
    for v in range(V_MAX):
        assert out[v] == 0 or v in open_slots
        assert out[v] == 0 or least <= out[v] <= max(shown[v], least)
    # A worse slot is used only when every better one is used for what it shows, but for the last odd lots.
    used = [v for v in order if out[v] > 0]
    assert used == order[: len(used)]
    for v in used[:-2]:
        assert out[v] == max(shown[v], least)
    if len(used) < len(order):
        assert lots - total < least  # what no order may be


@given(quantities, st.integers(1, 300), st.integers(1, 10))
def test_a_split_leaves_nothing_or_something_that_can_be_traded(
    shown: list[int], lots: int, least: int
) -> None:
    out = np.zeros(V_MAX, np.int64)
    px = ints([100] * V_MAX)
    total = split(1, px, ints(shown), ints([0] * V_MAX), lots, least, out)
    left = lots - total
    # ... unless every part is too small to give up what is missing.
    assert left == 0 or left >= least or lots < least or out[out > 0].min() < 2 * least


def test_a_seller_gets_the_higher_price_after_fees() -> None:
    out = np.zeros(V_MAX, np.int64)
    px = ints([1_000_000, 1_000_002] + [0] * 6)
    shown = ints([5, 5] + [0] * 6)
    split(-1, px, shown, ints([0] * V_MAX), 5, 1, out)
    assert out[1] == 5
    split(-1, px, shown, ints([0, 10] + [0] * 6), 5, 1, out)  # 10 ppm of fee, 2 ppm gained
    assert out[0] == 5
