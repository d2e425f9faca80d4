"""Events and time by level, size and side: small books whose counts can be told by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.flow.counting import Counted, add, count, level_of
from fixsim.flow.reference_price import NONE
from fixsim.tape.frame import Change, LobFrame

LIMIT, CANCEL, MARKET, HIDDEN, OTHER = Change
BIDS, OFFERS = 0, 1
UNITS = np.array([10, 10])

Book = list[tuple[int, int]]


def frame(rows: list[tuple[float, Change, int, int, int, Book, Book]], levels: int = 4) -> LobFrame:
    """Rows of (second, change, side, price, quantity, bids after, offers after)."""
    px, qty = np.zeros((len(rows), 2, levels), np.int64), np.zeros((len(rows), 2, levels), np.int64)
    for i, (*_, bids, offers) in enumerate(rows):
        for side, book in enumerate((bids, offers)):
            for k, (price, quantity) in enumerate(book):
                px[i, side, k], qty[i, side, k] = price, quantity
    second, change, side, price, quantity = (np.array(column) for column in list(zip(*rows, strict=True))[:5])
    return LobFrame(
        "X", 1, 1, (second * 1e9).astype(np.int64), change.astype(np.int8), side.astype(np.int8), price,
        quantity, np.full(len(rows), -1), px, qty,
    )  # fmt: skip


def counted(made: LobFrame, ref: list[int] | int, width: int = 1, most: int = 5) -> Counted:
    refs = np.full(len(made), ref) if isinstance(ref, int) else np.array(ref)
    return count(made, refs, np.ones(len(made), bool), width, UNITS, most, 1, len(made))


THICK: tuple[Book, Book] = ([(100, 25), (99, 10)], [(101, 7), (102, 40)])
ROWS = [
    (0.0, LIMIT, 1, 100, 25, *THICK),
    (2.0, LIMIT, -1, 101, 5, THICK[0], [(101, 12), (102, 40)]),
    (5.0, MARKET, 1, 100, 8, [(100, 17), (99, 10)], [(101, 12), (102, 40)]),
    (5.0, MARKET, 1, 100, 17, [(99, 10)], [(101, 12), (102, 40)]),
    (6.0, CANCEL, 1, 99, 10, [(98, 3)], [(101, 12), (102, 40)]),
    (7.0, HIDDEN, 1, 99, 1, [(98, 3)], [(101, 12), (102, 40)]),
    (9.0, CANCEL, -1, 105, 1, [(98, 3)], [(101, 12), (102, 40)]),
]


def test_events_go_to_the_level_side_and_size_before_them_and_fills_of_one_order_are_one() -> None:
    seen = counted(frame(ROWS), 201)
    expected = np.zeros((2, 6, 2, 3), np.int64)
    expected[0, 1, OFFERS, 0] = 1  # a limit order came to 7 lots: one unit, rounded up
    expected[0, 3, BIDS, 2] = 1  # a trade of 25 lots met two orders
    expected[1, 1, BIDS, 1] = 1
    assert np.array_equal(seen.events, expected)
    assert seen.lots.tolist() == [[25, 5], [10, 0]]
    assert seen.beyond == 1
    assert seen.mean_lots.tolist() == [15, 10]


def test_time_is_that_of_each_size() -> None:
    seen = counted(frame(ROWS), 201)
    bids, offers = seen.exposure_s[:, :, BIDS], seen.exposure_s[:, :, OFFERS]
    assert bids[0].tolist() == [4, 0, 0, 5, 0, 0]
    assert bids[1].tolist() == [3, 6, 0, 0, 0, 0]
    assert offers[0].tolist() == [0, 2, 7, 0, 0, 0]
    assert offers[1].tolist() == [0, 0, 0, 0, 9, 0]
    assert not seen.hidden_s.any()


def test_a_queue_beyond_the_largest_counts_as_the_largest() -> None:
    assert counted(frame(ROWS), 201, most=3).exposure_s[1, :, OFFERS].tolist() == [0, 0, 0, 9]


def test_a_level_beyond_the_recorded_window_has_neither_events_nor_time() -> None:
    rows: list[tuple[float, Change, int, int, int, Book, Book]] = [
        (0.0, LIMIT, 1, 100, 5, [(100, 5), (97, 5)], [(101, 5), (102, 5)]),
        (4.0, CANCEL, -1, 102, 5, [(100, 5), (97, 5)], [(101, 5), (103, 5)]),
        (5.0, LIMIT, 1, 99, 5, [(100, 5), (99, 5)], [(101, 5), (103, 5)]),
    ]
    seen = counted(frame(rows, levels=2), 201, width=1)
    assert seen.hidden_s.tolist() == [[0, 0], [0, 0]]
    wide = counted(frame(rows, levels=2), 201, width=2)  # levels 101-102 and 103-104; 99-100 and 97-98
    assert wide.exposure_s[0, :, OFFERS].sum() == 5
    assert wide.hidden_s[1].tolist() == [0, 5]
    rows[2] = (5.0, LIMIT, 1, 95, 5, *rows[1][5:])
    assert counted(frame(rows, levels=2), 201).beyond == 1


def test_the_reference_price_before_the_event_decides_and_without_one_nothing_counts() -> None:
    made = frame(ROWS)
    moved = counted(made, [201, 203, 203, 203, 203, 203, 203])
    assert moved.events[0, 1, OFFERS, 0] == 1
    assert moved.events[1, 3, BIDS, 2] == 1  # 100 is now the second level
    none = counted(made, [NONE, NONE, NONE, NONE, NONE, NONE, NONE])
    assert not none.events.any()
    assert not none.exposure_s.any()


def test_only_what_follows_a_chosen_row_counts_and_parts_add_up() -> None:
    made, chosen = frame(ROWS), np.array([True, False, False, True, True, False, False])
    seen = count(made, np.full(7, 201), chosen, 1, UNITS, 5, 1, 7)
    assert seen.exposure_s[0, :, OFFERS].sum() == 2 + 1 + 1
    assert seen.events.sum() == 2
    parts = [count(made, np.full(7, 201), np.ones(7, bool), 1, UNITS, 5, a, b) for a, b in ((1, 3), (3, 7))]
    whole, both = counted(made, 201), add(*parts)
    assert np.array_equal(whole.events, both.events)
    assert np.allclose(whole.exposure_s, both.exposure_s)
    assert (whole.beyond, whole.lots.tolist()) == (both.beyond, both.lots.tolist())


def test_a_size_is_counted_in_units_of_its_level() -> None:
    made = frame(ROWS)
    seen = count(made, np.full(7, 201), np.ones(7, bool), 1, np.array([25, 3]), 50, 1, 7)
    assert seen.exposure_s[0, 1, BIDS] == 5
    assert seen.exposure_s[1, 14, OFFERS] == 9
    assert replace(seen, events=seen.events * 0).mean_lots.tolist() == [30, 10]


@given(st.integers(1, 7), st.integers(-50, 50), st.integers(-400, 400), st.sampled_from([BIDS, OFFERS]))
def test_levels_are_model_ticks_from_p_ref(width: int, place: int, price: int, side: int) -> None:
    ref = 2 * width * place + 1
    level = level_of(price, side, ref, width)
    away = (2 * price - ref) * (1 if side == OFFERS else -1)
    if away < 0:
        assert level == 0
    else:
        assert 2 * width * level < away < 2 * width * (level + 1)


@pytest.mark.parametrize("kind", [HIDDEN, OTHER])
def test_what_is_no_event_of_the_visible_book_only_takes_time(kind: Change) -> None:
    rows = [(t, kind, s, p, q, b, o) for t, _, s, p, q, b, o in ROWS]
    seen = counted(frame(rows), 201)
    assert not seen.events.any()
    assert seen.exposure_s.sum() == pytest.approx(36)
