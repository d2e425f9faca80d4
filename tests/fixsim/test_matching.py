"""What a venue promises: price, then time; a place in the queue; clear refusals at every bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import NumbaError

from fixsim.matching import SMALL as SMALL_BOOK
from fixsim.matching import (
    BookFull,
    Capacity,
    DuplicateOrder,
    EventKind,
    Kind,
    Market,
    MatchingError,
    Rules,
    UnknownOrder,
    venue_of,
)
from fixsim.matching.kernel import kernel
from fixsim.matching.layout import EVENT, MAX_PX, OPENING

SMALL = Capacity(orders=8, recorded=32, own=4, window=64, overflow=2, fills=8, trades=4)
PX = 1000


def market(
    *,
    venues: int = 1,
    capacity: Capacity = SMALL,
    opening: list[tuple[int, ...]] | None = None,
    events: list[tuple[int, ...]] | None = None,
    rules: Rules | None = None,
) -> Market:
    return Market(
        venues,
        PX,
        capacity=capacity,
        opening=np.array(opening or [], OPENING),
        events=np.array(events or [], EVENT),
        rules=rules,
    )  # fmt: skip


def fills(m: Market) -> list[tuple[int, int, int, int]]:
    return [(int(f["maker_key"]), int(f["taker_key"]), int(f["px"]), int(f["qty"])) for f in m.fills()]


def limit(m: Market, key: int, sign: int, px: int, qty: int, kind: Kind = Kind.LIMIT) -> tuple[int, int, int]:
    return m.submit(0, key, sign, px, qty, kind, 7)


def test_the_better_price_trades_first_and_at_the_maker_s_price() -> None:
    m = market()
    limit(m, -1, -1, PX + 2, 5)
    limit(m, -2, -1, PX, 5)
    assert limit(m, -3, 1, PX + 4, 7) == (7, 0, 0)
    assert fills(m) == [(-2, -3, PX, 5), (-1, -3, PX + 2, 2)]


def test_at_one_price_the_first_to_come_trades_first() -> None:
    m = market()
    for key in (-1, -2, -3):
        limit(m, key, 1, PX, 5)
    assert limit(m, -4, -1, PX, 11, Kind.IOC) == (11, 0, 0)
    assert fills(m) == [(-1, -4, PX, 5), (-2, -4, PX, 5), (-3, -4, PX, 1)]
    assert m.leaves(-3) == 4


def test_a_fill_tells_a_venue_all_that_an_execution_report_needs() -> None:
    m = market(opening=[(0, PX, 4, -1)])
    limit(m, -1, 1, PX + 2, 6)
    (fill,) = m.fills()
    assert {name: fill[name].item() for name in fill.dtype.names} == {
        "time_ns": 7,
        "maker_key": 0,
        "taker_key": -1,
        "px": PX,
        "qty": 4,
        "maker_leaves": 0,
        "taker_leaves": 2,
        "venue": 0,
        "aggressor_sign": 1,
        "maker_is_ours": False,
        "taker_is_ours": True,
        "flags": 0,
    }
    assert m.trades().tolist() == [(7, PX, 4, 0, 1)]
    assert len(m.fills()) == len(m.trades()) == 0


@pytest.mark.parametrize(
    ("kind", "qty", "outcome"),
    [
        (Kind.LIMIT, 9, (5, 4, 0)),
        (Kind.IOC, 9, (5, 0, 4)),
        (Kind.MARKET, 9, (8, 0, 1)),
        (Kind.FOK, 6, (0, 0, 6)),
        (Kind.FOK, 5, (5, 0, 0)),
        (Kind.FOK, 3, (3, 0, 0)),
    ],
)
def test_each_kind_of_order_does_its_own_with_what_is_left(
    kind: Kind, qty: int, outcome: tuple[int, int, int]
) -> None:
    m = market()
    limit(m, -1, -1, PX, 3)
    limit(m, -2, -1, PX + 2, 2)
    limit(m, -3, -1, PX + 4, 3)
    assert limit(m, -4, 1, PX + 2, qty, kind) == outcome
    assert m.leaves(-4) == outcome[1]


def test_less_quantity_keeps_the_place_in_the_queue() -> None:
    m = market()
    limit(m, -1, 1, PX, 5)
    limit(m, -2, 1, PX, 5)
    assert m.replace(-1, PX, 2, 8) == (0, 2, 0)
    limit(m, -3, -1, PX, 3)
    assert fills(m) == [(-1, -3, PX, 2), (-2, -3, PX, 1)]


@pytest.mark.parametrize(("px", "qty"), [(PX, 6), (PX + 2, 5)])
def test_more_quantity_or_another_price_loses_it(px: int, qty: int) -> None:
    m = market()
    limit(m, -1, 1, PX, 5)
    limit(m, -2, 1, px, 5)
    assert m.replace(-1, px, qty, 8) == (0, qty, 0)
    assert (m.queue_ahead(-2), m.queue_ahead(-1)) == (0, 5)


def test_a_replace_that_crosses_trades_at_once() -> None:
    m = market()
    limit(m, -1, -1, PX + 2, 3)
    limit(m, -2, 1, PX, 5)
    assert m.replace(-2, PX + 2, 5, 8) == (3, 2, 0)
    assert fills(m) == [(-1, -2, PX + 2, 3)]
    assert m.best(0) == (PX + 2, 2, 0, 0)


def test_a_participant_s_order_trades_at_its_own_venue_only() -> None:
    m = market(venues=2)
    m.submit(0, -1, -1, PX, 5, Kind.LIMIT, 1)
    assert m.submit(1, -2, 1, PX, 5, Kind.IOC, 2) == (0, 0, 5)
    assert m.submit(0, -3, 1, PX, 5, Kind.IOC, 2) == (5, 0, 0)


def test_a_recorded_taker_sweeps_all_venues_by_price_and_then_by_arrival_ours_included() -> None:
    home = [next(o for o in range(9) if venue_of(o, 2) == venue) for venue in (0, 1)]
    m = market(
        venues=2,
        opening=[(home[1], PX, 1, -1), (home[0], PX + 2, 1, -1)],
        events=[(5, 9, PX + 2, 9, -1, EventKind.LIMIT, 1)],
    )
    m.submit(0, -1, -1, PX, 1, Kind.LIMIT, 1)
    m.submit(1, -2, -1, PX + 2, 1, Kind.LIMIT, 2)
    m.step_until(5)
    assert fills(m) == [(home[1], 9, PX, 1), (-1, 9, PX, 1), (home[0], 9, PX + 2, 1), (-2, 9, PX + 2, 1)]
    assert m.best(venue_of(9, 2)).bid_qty == 5, "the remainder rests at the taker's own venue"


def test_funds_buy_whole_lots_until_they_are_used_up() -> None:
    m = market(opening=[(0, 100, 3, -1), (1, 102, 9, -1)], events=[(1, 2, 0, 0, 707, EventKind.MARKET, 1)])
    m.replay_event()
    assert fills(m) == [(0, 2, 100, 3), (1, 2, 102, 3)]  # 300 + 306, and 101 buy no lot at 102


def test_a_recorded_cancel_of_what_a_participant_consumed_does_nothing() -> None:
    m = market(opening=[(0, PX, 3, -1)], events=[(1, 0, 0, 0, -1, EventKind.CANCEL, -1)])
    limit(m, -1, 1, PX, 3)
    m.step_until(1)
    assert (m.counts().ignored, m.counts().cancelled, m.counts().resting) == (1, 0, 0)


def test_a_maker_that_a_participant_displaced_leaves_when_the_recording_is_done_with_it() -> None:
    events = [(1, 1, PX, 3, -1, EventKind.LIMIT, 1), (1, 0, 0, 0, -1, EventKind.DONE, -1)]
    plain = market(opening=[(0, PX, 3, -1)], events=events)
    plain.step_until(1)
    assert (plain.counts().matches, plain.counts().displaced) == (1, 0)

    m = market(opening=[(0, PX, 3, -1)], events=events)
    limit(m, -1, -1, PX - 2, 3)  # a better offer: the recorded taker meets us and not order 0
    m.replay_event()
    assert fills(m) == [(-1, 1, PX - 2, 3)]
    assert m.leaves(0) == 3
    m.replay_event()
    assert (m.leaves(0), m.counts().displaced) == (0, 1)


@given(
    ahead=st.lists(st.integers(1, 9), max_size=5),
    ours=st.integers(1, 9),
    takers=st.lists(st.integers(1, 9), max_size=9),
)
def test_no_passive_fill_before_the_queue_ahead_is_gone(
    ahead: list[int], ours: int, takers: list[int]
) -> None:
    n = len(ahead)
    m = market(
        capacity=Capacity(orders=32, recorded=32, own=4, window=64, overflow=4, fills=64),
        opening=[(i, PX, qty, 1) for i, qty in enumerate(ahead)],
        events=[(i, n + i, PX, qty, -1, EventKind.LIMIT, -1) for i, qty in enumerate(takers)],
    )
    limit(m, -1, 1, PX, ours)
    assert m.queue_ahead(-1) == sum(ahead)
    taken = 0
    for qty in takers:
        m.replay_event()
        taken += qty
        assert ours - m.leaves(-1) == min(ours, max(0, taken - sum(ahead)))


def test_the_opening_book_is_depth_and_no_change() -> None:
    m = market(opening=[(0, PX, 3, 1), (1, PX, 4, 1), (2, 1 << 40, 5, -1)])
    assert len(m.changes()) == 0
    assert [a.tolist() for a in m.depth(0, 1)] == [[PX], [7]]
    assert m.best(0) == (PX, 7, 1 << 40, 5)
    assert m.orders(0).tolist() == [(0, PX, 3, 0, 1), (1, PX, 4, 1, 1), (2, 1 << 40, 5, 2, -1)]


def test_a_level_that_came_and_went_is_no_change() -> None:
    m = market()
    limit(m, -1, 1, PX, 3)
    m.cancel(-1)
    assert len(m.changes()) == 0
    limit(m, -1, 1, PX, 3)
    assert m.changes().tolist() == [(PX, 3, 0, 0, 1)]
    limit(m, -2, 1, PX, 2)
    limit(m, -3, -1, PX, 5)
    assert m.changes().tolist() == [(PX, 0, 3, 0, 1)]


# Bounds: refused with the bound's name, nothing changed


def refused(m: Market, error: type[Exception], words: str, *order: int) -> None:
    before = m.digest()
    key, sign, px, qty = order
    with pytest.raises(error, match=words):
        m.submit(0, key, sign, px, qty, Kind.LIMIT, 1)
    assert m.digest() == before


def test_a_full_market_refuses_and_stays_as_it_is() -> None:
    m = market(opening=[(i, PX, 1, 1) for i in range(8)])
    refused(m, BookFull, r"order -1: 8 orders rest already \(Capacity.orders\)", -1, 1, PX, 1)
    assert m.submit(0, -1, -1, PX, 1, Kind.IOC, 1) == (1, 0, 0)


def test_participants_have_a_bound_of_their_own() -> None:
    m = market()
    for key in (-1, -2, -3, -4):
        limit(m, key, 1, PX, 1)
    refused(m, BookFull, r"4 participants' orders rest already \(Capacity.own\)", -5, 1, PX, 1)
    m.cancel(-2)
    assert limit(m, -5, 1, PX, 1) == (0, 1, 0)


@given(steps=st.lists(st.integers(1, 40), max_size=60))
def test_every_resting_key_is_found_however_keys_come_and_go(steps: list[int]) -> None:
    """The table of keys is small and half full: keys collide, and move back when one before them leaves."""
    m = market(capacity=Capacity(orders=16, recorded=1, own=8, window=64, overflow=1, fills=1))
    resting: dict[int, int] = {}
    for number, key in enumerate(steps, 1):
        if -key in resting:
            assert m.cancel(-key) == resting.pop(-key)
        elif len(resting) < 8:
            assert limit(m, -key, 1, PX, number) == (0, number, 0)
            resting[-key] = number
        assert {-k: m.leaves(-k) for k in range(1, 41) if m.leaves(-k)} == resting


def test_levels_far_from_the_window_are_bounded_and_come_back_with_the_drain() -> None:
    m = market()
    limit(m, -1, 1, 10, 1)
    limit(m, -2, 1, 20, 1)
    refused(m, BookFull, "2 price levels outside the window", -3, 1, 30, 1)
    assert limit(m, -3, 1, 20, 1) == (0, 1, 0), "a level that exists has room"
    with pytest.raises(BookFull, match=r"Capacity\.overflow"):
        m.replace(-3, 30, 1, 1)
    m.cancel(-1)
    m.changes()
    assert limit(m, -4, 1, 30, 1) == (0, 1, 0)
    assert [a.tolist() for a in m.depth(0, 1)] == [[30, 20], [1, 2]]


@pytest.mark.parametrize(("sign", "inside", "outside"), [(1, PX + 31, PX + 32), (-1, PX - 32, PX - 33)])
def test_the_window_ends_where_it_ends(sign: int, inside: int, outside: int) -> None:
    m = market(rules=Rules(((0, 1),)))
    limit(m, -1, sign, 10 if sign > 0 else 5000, 1)
    limit(m, -2, sign, 20 if sign > 0 else 6000, 1)
    refused(m, BookFull, r"Capacity\.overflow", -3, sign, outside, 1)
    assert limit(m, -3, sign, inside, 1) == (0, 1, 0)
    assert m.depth(0, sign)[0][0] == inside


def test_undrained_fills_stop_takers_before_one_could_be_lost() -> None:
    m = market(events=[(1, 0, PX, 1, -1, EventKind.LIMIT, 1)])
    for _ in range(8):
        limit(m, -1, 1, PX, 1)
        limit(m, -2, -1, PX, 1)
    limit(m, -1, -1, PX, 1)
    refused(m, BookFull, r"less those that fills\(\) has not drained", -2, 1, PX, 1)
    with pytest.raises(BookFull, match=r"tape event 0, ordinal 0: its fills may not fit"):
        m.step_until(1)
    assert len(m.fills()) == 8
    assert m.step_until(1) == 1, "the event waited"
    assert m.counts().trades_dropped == 0
    assert len(m.trades()) == 4
    assert m.counts().trades_dropped == 5


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((1, -1, 1, PX, 1), "venue 1 is not one of 0 to 0"),
        ((0, 0, 1, PX, 1), "the key is not below 0"),
        ((0, -1, 0, PX, 1), "sign 0 is neither"),
        ((0, -1, 1, 0, 1), "price 0 half ticks"),
        ((0, -1, 1, MAX_PX + 1, 1), "price 9007199254740993 half ticks"),
        ((0, -1, 1, PX, 0), "quantity 0 lots"),
        ((0, -1, 1, PX, SMALL.max_qty + 1), "quantity 576460752303423488 lots"),
    ],
)
def test_an_impossible_order_is_refused_by_name(order: tuple[int, int, int, int, int], words: str) -> None:
    with pytest.raises(MatchingError, match=words):
        market().submit(*order, Kind.LIMIT, 1)


def test_unknown_and_repeated_keys_are_refused() -> None:
    m = market()
    limit(m, -1, 1, PX, 1)
    refused(m, DuplicateOrder, "order -1: the key belongs", -1, 1, PX, 1)
    with pytest.raises(UnknownOrder, match="order -2 does not rest"):
        m.replace(-2, PX, 1, 1)
    with pytest.raises(UnknownOrder, match="order -2"):
        m.queue_ahead(-2)
    with pytest.raises(MatchingError, match="order 3 is recorded"):
        m.cancel(3)
    assert (m.cancel(-2), m.leaves(-2), m.leaves(10**9)) == (0, 0, 0)


def test_a_recording_that_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(BookFull, match="opening order: 8 orders rest already"):
        market(opening=[(i, PX, 1, 1) for i in range(9)])
    with pytest.raises(DuplicateOrder, match="opening order"):
        market(opening=[(1, PX, 1, 1), (1, PX, 1, 1)])
    with pytest.raises(
        MatchingError, match=r"tape event 0, ordinal 32: .* within 0 to 31 \(Capacity.recorded\)"
    ):
        market(events=[(1, 32, PX, 1, -1, EventKind.LIMIT, 1)]).replay_event()


def test_capacities_are_checked_and_memory_is_stated() -> None:
    with pytest.raises(ValueError, match="window 100 is not a multiple of 64"):
        Capacity(window=100)
    with pytest.raises(ValueError, match=r"Capacity.fills 0 is not positive"):
        Capacity(fills=0)
    with pytest.raises(ValueError, match=r"Capacity.notes 4 is not above Capacity.own 4"):
        Capacity(notes=4, own=4)
    for capacity, venues, most in ((Capacity(), 3, 64 << 20), (SMALL_BOOK, 1, 2 << 20)):
        made = Market(venues, PX, capacity=capacity)
        ticks = 16  # bytes of a table of one row
        assert made.memory_bytes == capacity.memory_bytes(venues) + ticks < most


def test_hundreds_of_instruments_fit() -> None:
    markets = [Market(1, PX, capacity=SMALL_BOOK) for _ in range(300)]
    for number, m in enumerate(markets):
        limit(m, -1, 1, PX, number + 1)
    assert [m.best(0).bid_qty for m in markets] == list(range(1, 301))
    assert sum(m.memory_bytes for m in markets) < 600 << 20


def test_a_kernel_that_allocates_does_not_compile() -> None:
    @kernel
    def growing(n: int) -> int:
        return len(np.zeros(n))

    with pytest.raises(NumbaError):
        growing(3)


@pytest.mark.parametrize("venues", [1, 2, 3, 8])
def test_recorded_orders_spread_evenly_over_the_venues(venues: int) -> None:
    share = np.bincount([venue_of(ordinal, venues) for ordinal in range(8000)], minlength=venues) / 8000
    assert abs(share - 1 / venues).max() < 0.02
