"""What each order type promises: icebergs, hidden, pegged, post-only, minimum quantity, self-match, owner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fixsim.matching import (
    BookFull,
    Capacity,
    EventKind,
    FillFlag,
    Kind,
    Market,
    MatchingError,
    Op,
    Peg,
    Reason,
    Rules,
    SelfMatch,
    Terms,
    WouldTake,
)
from fixsim.matching.layout import COMMAND, EVENT, OPENING, Code
from fixsim.matching.terms import PLAIN

CAPACITY = Capacity(orders=64, recorded=64, own=16, window=64, overflow=4, fills=4096, trades=4, notes=32)
PX = 1000


def market(*, venues: int = 1, capacity: Capacity = CAPACITY, **more: Any) -> Market:
    return Market(venues, PX, capacity=capacity, **more)


def limit(
    m: Market, key: int, sign: int, px: int, qty: int, *, venue: int = 0, **terms: Any
) -> tuple[int, ...]:
    return m.submit(venue, key, sign, px, qty, Kind.LIMIT, 7, Terms(**terms) if terms else PLAIN)


def ioc(m: Market, key: int, sign: int, px: int, qty: int, **terms: Any) -> tuple[int, ...]:
    return m.submit(0, key, sign, px, qty, Kind.IOC, 7, Terms(**terms) if terms else PLAIN)


def fills(m: Market) -> list[tuple[int, int, int, int]]:
    return [(int(f["maker_key"]), int(f["taker_key"]), int(f["px"]), int(f["qty"])) for f in m.fills()]


def notes(m: Market) -> list[tuple[int, int, int]]:
    return [(int(n["key"]), int(n["leaves"]), int(n["reason"])) for n in m.notes()]


# Icebergs


def test_an_iceberg_shows_a_part_and_is_refilled_behind_those_who_wait() -> None:
    m = market()
    limit(m, -1, 1, PX, 10, display_qty=4)
    limit(m, -2, 1, PX, 5)
    assert m.best(0).bid_qty == 9
    assert m.leaves(-1) == 10
    ioc(m, -3, -1, PX, 6)
    assert fills(m) == [(-1, -3, PX, 4), (-2, -3, PX, 2)]
    assert [(int(o["key"]), int(o["qty"])) for o in m.orders(0)] == [(-2, 3), (-1, 4)]
    ioc(m, -4, -1, PX, 9)
    assert fills(m) == [(-2, -4, PX, 3), (-1, -4, PX, 4), (-1, -4, PX, 2)]
    assert m.best(0) == (0, 0, 0, 0)


def test_less_of_an_iceberg_comes_out_of_its_reserve_first() -> None:
    m = market()
    limit(m, -1, 1, PX, 10, display_qty=4)
    limit(m, -2, 1, PX, 5)
    assert m.replace(-1, PX, 5, 8) == (0, 5, 0)
    assert m.best(0).bid_qty == 9, "what it shows is as it was, and where it was"
    assert m.replace(-1, PX, 3, 8) == (0, 3, 0)
    assert m.best(0).bid_qty == 8
    assert m.queue_ahead(-2) == 3


def test_an_iceberg_that_was_small_enough_to_show_whole_hides_what_it_gains() -> None:
    m = market()
    limit(m, -1, 1, PX, 3, display_qty=4)
    assert m.best(0).bid_qty == 3
    assert m.replace(-1, PX, 8, 8) == (0, 8, 0)
    assert m.best(0).bid_qty == 4


def test_a_fill_tells_what_is_left_with_the_reserve() -> None:
    m = market()
    limit(m, -1, 1, PX, 10, display_qty=4)
    ioc(m, -2, -1, PX, 3)
    (fill,) = m.fills()
    assert fill["maker_leaves"] == 7


def test_an_iceberg_of_too_many_pieces_is_refused() -> None:
    with pytest.raises(MatchingError, match=r"order -1: .*displayed quantity 1, .* more than 1000 pieces"):
        limit(market(), -1, 1, PX, 1001, display_qty=1)


def test_icebergs_leave_the_fills_to_those_who_take() -> None:
    """Were one participant's icebergs to fill the table, no recorded order could trade any more."""
    m = market(capacity=replace(CAPACITY, fills=64))
    limit(m, -1, 1, PX, 6, display_qty=1)
    with pytest.raises(BookFull, match=r"order -2: icebergs .* at most an eighth of 64 \(Capacity.fills\)"):
        limit(m, -2, 1, PX, 5, display_qty=1)
    limit(m, -2, 1, PX, 4, display_qty=1)
    with pytest.raises(BookFull, match=r"order -1: icebergs"):
        m.replace(-1, PX + 2, 7, 8)
    assert m.replace(-1, PX + 2, 6, 8) == (0, 6, 0), "its own pieces do not count twice"
    limit(m, -3, 1, PX, 4, display_qty=4)
    ioc(m, -4, -1, PX, 3)
    limit(m, -5, 1, PX, 4, display_qty=1)
    m.cancel(-1)
    m.cancel_all([-2, -5])
    limit(m, -6, 1, PX, 9, display_qty=1)
    with pytest.raises(BookFull):
        limit(m, -7, 1, PX, 2, display_qty=1)
    assert len(m.fills()) == 3
    assert m.feed(np.array([(8, 1, 0, 13, -1, EventKind.MARKET, -1)], EVENT)) == 1
    assert m.best(0) == (0, 0, 0, 0)
    limit(m, -7, 1, PX, 9, display_qty=1)


# Hidden orders


def test_a_hidden_order_is_not_seen_and_comes_after_those_who_show_at_its_price() -> None:
    m = market()
    limit(m, -1, 1, PX, 5, hidden=True)
    limit(m, -2, 1, PX, 5)
    assert m.best(0).bid_qty == 5
    assert len(m.orders(0)) == 1
    ioc(m, -3, -1, PX, 7)
    got = m.fills()
    assert [(int(f["maker_key"]), int(f["qty"]), int(f["flags"])) for f in got] == [
        (-2, 5, 0),
        (-1, 2, FillFlag.HIDDEN_MAKER),
    ]


def test_a_hidden_order_at_a_better_price_comes_first() -> None:
    m = market()
    limit(m, -1, 1, PX, 5)
    limit(m, -2, 1, PX + 2, 5, hidden=True)
    ioc(m, -3, -1, PX, 6)
    assert fills(m) == [(-2, -3, PX + 2, 5), (-1, -3, PX, 1)]


def test_a_recorded_taker_meets_hidden_orders_of_every_venue() -> None:
    events = np.array([(9, 5, PX, 8, -1, EventKind.LIMIT, -1)], EVENT)
    m = market(venues=2, events=events)
    limit(m, -1, 1, PX, 5, venue=0, hidden=True)
    limit(m, -2, 1, PX + 2, 2, venue=1, hidden=True)
    m.step_until(9)
    assert fills(m) == [(-2, 5, PX + 2, 2), (-1, 5, PX, 5)]


def test_an_order_that_is_not_displayed_stands_in_no_queue() -> None:
    m = market()
    limit(m, -1, 1, PX, 5, hidden=True)
    with pytest.raises(MatchingError, match="order -1 is not displayed"):
        m.queue_ahead(-1)


# Pegs


def quoted(**more: Any) -> Market:
    """1000 bid, 1004 offered, 5 lots each."""
    m = market(**more)
    limit(m, -1, 1, PX, 5)
    limit(m, -2, -1, PX + 4, 5)
    return m


@pytest.mark.parametrize(
    ("peg", "sign", "own_limit", "px"),
    [
        (Peg.MID, 1, 0, PX + 2),
        (Peg.MID, -1, 0, PX + 2),
        (Peg.PRIMARY, 1, 0, PX),
        (Peg.PRIMARY, -1, 0, PX + 4),
        (Peg.MID, 1, PX, PX),
        (Peg.MID, -1, PX + 4, PX + 4),
    ],
)
def test_a_peg_has_the_price_of_what_it_follows_but_none_worse_than_its_own(
    peg: Peg, sign: int, own_limit: int, px: int
) -> None:
    m = quoted()
    limit(m, -3, sign, own_limit, 9, peg=peg)
    ioc(m, -4, -sign, px, 6)
    assert (-3, -4, px) in [fill[:3] for fill in fills(m)]
    best = m.leaves(-3)
    ioc(m, -5, -sign, px + 2 * sign, 9)
    assert m.leaves(-3) == best, "at a price better for it than its own nobody meets it"


def test_two_pegs_meet_at_half_of_the_touch_and_move_with_it() -> None:
    m = quoted()
    limit(m, -3, 1, 0, 5, peg=Peg.MID)
    limit(m, -4, -1, 0, 2, peg=Peg.MID)
    assert fills(m) == [(-3, -4, PX + 2, 2)]
    m.cancel(-1)
    limit(m, -5, 1, PX - 4, 1)
    limit(m, -6, -1, 0, 1, peg=Peg.MID)
    assert fills(m) == [(-3, -6, PX, 1)]


def test_a_peg_waits_while_one_side_is_empty_or_the_venues_cross() -> None:
    m = market(venues=2)
    limit(m, -1, 1, PX, 5)
    limit(m, -2, 1, 0, 5, peg=Peg.MID)
    limit(m, -3, -1, 0, 5, peg=Peg.MID)
    assert fills(m) == []
    limit(m, -4, -1, PX - 2, 1, venue=1)  # elsewhere, below the bid
    assert fills(m) == []
    m.cancel(-4)
    limit(m, -5, -1, PX + 2, 5, venue=1)
    assert fills(m) == [(-2, -3, PX + 1, 5)]


def test_levels_of_less_than_a_round_lot_do_not_move_a_peg() -> None:
    m = quoted(rules=Rules(round_lot=5))
    limit(m, -3, 1, PX + 2, 1)  # an odd lot better bid
    limit(m, -4, 1, 0, 5, peg=Peg.MID)
    ioc(m, -5, -1, PX + 2, 9)
    assert fills(m) == [(-3, -5, PX + 2, 1), (-4, -5, PX + 2, 5)]


def test_a_touch_that_moves_brings_a_peg_to_those_who_wait_hidden() -> None:
    m = quoted()
    limit(m, -3, -1, PX + 2, 5, hidden=True)
    limit(m, -4, 1, 0, 2, peg=Peg.PRIMARY)
    limit(m, -5, 1, 0, 2, peg=Peg.MID, min_qty=2)
    assert fills(m) == [(-3, -5, PX + 2, 2)]
    limit(m, -6, 1, PX, 1)
    assert fills(m) == []
    m.cancel(-2)
    limit(m, -7, -1, PX + 20, 1)
    assert fills(m) == [], "a primary peg does not leave its side"
    events = np.array([(8, 1, PX + 2, 1, -1, EventKind.LIMIT, 1)], EVENT)
    m.feed(events)
    assert fills(m) == [(-3, 1, PX + 2, 1)]


# Minimum quantity


@pytest.mark.parametrize(("there", "outcome"), [(4, (0, 0, 8)), (5, (5, 0, 3))])
def test_an_ioc_with_a_minimum_trades_so_much_or_nothing(there: int, outcome: tuple[int, int, int]) -> None:
    m = market()
    limit(m, -1, 1, PX, there)
    assert ioc(m, -2, -1, PX, 8, min_qty=5) == outcome


def test_a_resting_minimum_is_passed_by_who_has_less_and_keeps_its_place() -> None:
    m = market()
    limit(m, -1, 1, PX, 10, hidden=True, min_qty=5)
    limit(m, -2, 1, PX, 10, hidden=True)
    ioc(m, -3, -1, PX, 4)
    assert fills(m) == [(-2, -3, PX, 4)]
    ioc(m, -4, -1, PX, 8)
    assert fills(m) == [(-1, -4, PX, 8)]
    ioc(m, -5, -1, PX, 2)
    assert fills(m) == [(-1, -5, PX, 2)], "the last of it may be smaller"


def test_a_hidden_order_whose_minimum_is_not_there_rests_across_it() -> None:
    m = market()
    limit(m, -1, 1, PX, 3)
    assert limit(m, -2, -1, PX, 8, hidden=True, min_qty=5) == (0, 8, 0)
    limit(m, -3, 1, PX, 4)
    assert fills(m) == [], "three and four are two fills, each too small"
    limit(m, -4, 1, PX + 2, 5)
    assert fills(m) == [(-2, -4, PX, 5), (-1, -2, PX, 3)], "the last three find the three that wait"


def test_a_fok_counts_neither_minimum_quantities_nor_orders_of_its_group() -> None:
    m = market()
    limit(m, -1, 1, PX, 5, hidden=True, min_qty=5)
    limit(m, -2, 1, PX, 5, group=3)
    limit(m, -3, 1, PX, 2, hidden=True)
    terms = Terms(group=3, self_match=SelfMatch.OLDEST)
    assert m.submit(0, -4, -1, PX, 3, Kind.FOK, 7, terms) == (0, 0, 3)
    assert m.leaves(-2) == 5, "nothing was cancelled on the way"
    assert m.submit(0, -5, -1, PX, 2, Kind.FOK, 7, terms) == (2, 0, 0)


# Post-only


def test_post_only_is_refused_where_it_would_trade_with_anything() -> None:
    m = market()
    limit(m, -1, -1, PX + 2, 5, hidden=True)
    before = m.digest()
    with pytest.raises(WouldTake, match="order -2: post-only at 1002 half ticks"):
        limit(m, -2, 1, PX + 2, 5, post_only=True)
    assert m.digest() == before
    assert limit(m, -2, 1, PX, 5, post_only=True) == (0, 5, 0)
    with pytest.raises(WouldTake, match="order -2"):
        m.replace(-2, PX + 2, 5, 8)
    assert m.leaves(-2) == 5


# Self-match prevention


@pytest.mark.parametrize(
    ("mode", "outcome", "left", "noted"),
    [
        (SelfMatch.NONE, (7, 0, 0), 0, []),
        (SelfMatch.NEWEST, (2, 0, 5), 5, [(-3, 5)]),
        (SelfMatch.OLDEST, (5, 2, 0), 0, [(-2, 5)]),
        (SelfMatch.BOTH, (2, 0, 5), 0, [(-2, 5), (-3, 5)]),
    ],
)
def test_orders_of_one_group_do_not_trade(
    mode: SelfMatch, outcome: tuple[int, int, int], left: int, noted: list[tuple[int, int]]
) -> None:
    m = market()
    limit(m, -1, 1, PX + 2, 2)
    limit(m, -2, 1, PX, 5, group=1)
    limit(m, -4, 1, PX, 3)
    assert limit(m, -3, -1, PX, 7, group=1, self_match=mode) == outcome
    assert m.leaves(-2) == left
    assert notes(m) == [(key, lots, Reason.SELF_MATCH) for key, lots in noted]


def test_a_note_says_after_which_fill() -> None:
    m = market()
    limit(m, -1, 1, PX + 2, 2)
    limit(m, -2, 1, PX, 5, group=1)
    limit(m, -3, -1, PX, 7, group=1, self_match=SelfMatch.NEWEST)
    (note,) = m.notes()
    assert note.tolist() == (7, -3, 5, 1, 0, Reason.SELF_MATCH)


def test_pegs_of_one_group_that_come_together_do_not_trade() -> None:
    m = quoted()
    m.cancel(-2)
    limit(m, -3, 1, 0, 5, peg=Peg.MID, group=1)
    limit(m, -4, -1, 0, 2, peg=Peg.MID, group=1, self_match=SelfMatch.OLDEST)
    limit(m, -5, -1, PX + 4, 5)
    assert (fills(m), notes(m)) == ([], [(-3, 5, Reason.SELF_MATCH)])


# Owners


def test_a_mass_cancel_takes_an_owner_s_orders_the_newest_last() -> None:
    m = market(venues=2)
    limit(m, -3, 1, PX, 3, owner=1)
    limit(m, -1, 1, PX, 9, owner=1, display_qty=4)
    limit(m, -2, -1, PX + 2, 2, owner=1, hidden=True)
    limit(m, -4, 1, PX, 4, owner=2)
    limit(m, -5, 1, PX, 5, owner=1, venue=1)
    assert m.mass_cancel(1, venue=0, sign=1).tolist() == [(-1, 9), (-3, 3)]
    assert m.mass_cancel(1).tolist() == [(-2, 2), (-5, 5)]
    assert m.mass_cancel(1).tolist() == []
    assert [int(o["key"]) for o in m.orders(0)] == [-4]
    assert notes(m) == []


def test_an_owner_keeps_its_order_through_a_replace() -> None:
    m = market()
    limit(m, -1, 1, PX, 3, owner=1)
    m.replace(-1, PX + 2, 4, 8)
    m.replace(-1, PX + 2, 1, 9)
    assert m.mass_cancel(1).tolist() == [(-1, 1)]


# Terms that exclude each other; bounds


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        (Kind.IOC, Terms(post_only=True)),
        (Kind.LIMIT, Terms(post_only=True, peg=Peg.MID)),
        (Kind.FOK, Terms(hidden=True)),
        (Kind.IOC, Terms(peg=Peg.MID)),
        (Kind.LIMIT, Terms(hidden=True, display_qty=1)),
        (Kind.LIMIT, Terms(min_qty=2)),
        (Kind.FOK, Terms(min_qty=2)),
        (Kind.IOC, Terms(min_qty=6)),
        (Kind.LIMIT, Terms(display_qty=-1)),
        (Kind.LIMIT, Terms(group=-1)),
    ],
)
def test_terms_that_do_not_go_together_are_refused(kind: Kind, terms: Terms) -> None:
    m = market()
    with pytest.raises(MatchingError, match="order -1: its kind and its terms do not go together"):
        m.submit(0, -1, 1, PX, 5, kind, 7, terms)


def test_numbers_that_no_field_holds_are_refused() -> None:
    with pytest.raises(MatchingError, match="order -1: "):
        limit(market(), -1, 1, PX, 1 << 70)


def test_what_dim_orders_could_cause_is_counted_before_anything_changes() -> None:
    m = market(capacity=replace(CAPACITY, fills=3))
    limit(m, -1, 1, PX, 5)
    limit(m, -2, -1, PX + 4, 5)
    limit(m, -3, 1, 0, 4, peg=Peg.MID)
    before = m.digest()
    with pytest.raises(BookFull, match=r"order -4: its fills may not fit: 3"):
        limit(m, -4, -1, PX + 6, 1)
    with pytest.raises(BookFull, match=r"event 0, ordinal 1: its fills may not fit"):
        m.feed(np.array([(8, 1, PX + 8, 1, -1, EventKind.LIMIT, -1)], EVENT))
    assert m.digest() == before
    m.cancel(-3)
    assert limit(m, -4, -1, PX + 6, 1) == (0, 1, 0)


def test_several_go_at_once_and_only_then_the_others_trade() -> None:
    def book() -> Market:
        m = market()
        limit(m, -1, 1, PX, 5)
        limit(m, -2, -1, PX + 4, 5)
        limit(m, -3, 1, PX + 2, 4)
        limit(m, -4, 1, PX + 2, 4, hidden=True)
        limit(m, -5, -1, 0, 4, peg=Peg.MID)
        return m

    one_by_one, at_once = book(), book()
    assert [one_by_one.cancel(key) for key in (-3, -4)] == [4, 0]
    assert fills(one_by_one) == [(-4, -5, PX + 2, 4)]
    assert at_once.cancel_all([-3, -9, -4], 9) == [4, 0, 4]
    assert fills(at_once) == []
    assert at_once.leaves(-5) == 4
    with pytest.raises(MatchingError, match=r"order 3 is recorded"):
        at_once.cancel_all([-5, 3])
    assert at_once.leaves(-5) == 4


def test_several_that_could_cause_too_many_notes_stay() -> None:
    m = market(capacity=replace(CAPACITY, own=4, notes=5))
    limit(m, -1, 1, PX, 5, group=1)
    limit(m, -2, -1, PX, 5, group=1, self_match=SelfMatch.OLDEST)
    for key in (-3, -4, -5):
        limit(m, key, 1, PX - 2, 5, hidden=True)
    with pytest.raises(BookFull, match=r"cancel of 2 orders: its notes may not fit"):
        m.cancel_all([-2, -3])
    assert (m.leaves(-2), m.leaves(-3)) == (5, 5)
    assert len(m.notes()) == 1
    assert m.cancel_all([-2, -3]) == [5, 5]


def test_notes_that_may_not_fit_stop_those_who_could_cause_one() -> None:
    m = market(capacity=replace(CAPACITY, own=4, notes=5))
    for _ in range(2):
        limit(m, -1, 1, PX, 5, group=1)
        limit(m, -2, -1, PX, 5, group=1, self_match=SelfMatch.BOTH)
    limit(m, -1, 1, PX, 5, group=1)
    with pytest.raises(BookFull, match=r"order -2: its notes may not fit: 5 less those"):
        limit(m, -2, -1, PX, 5, group=1, self_match=SelfMatch.BOTH)
    assert len(m.notes()) == 4
    limit(m, -2, -1, PX, 5, group=1, self_match=SelfMatch.BOTH)
    assert len(m.notes()) == 2


# The batch door


def test_a_batch_answers_every_command_and_goes_on_past_a_refusal() -> None:
    m = market()
    rows = np.zeros(7, COMMAND)
    rows["time_ns"] = range(7)
    rows["op"] = [Op.NEW, Op.NEW, Op.NEW, Op.REPLACE, Op.CANCEL, Op.CANCEL, Op.MASS_CANCEL]
    rows["key"] = [-1, -1, -2, -1, -2, -9, 0]
    rows["sign"] = [1, 1, -1, 0, 0, 0, 0]
    rows["px"] = [PX, PX, PX, PX - 2, 0, 0, 0]
    rows["qty"] = [5, 5, 2, 8, 0, 0, 0]
    rows["venue"] = [0, 0, 0, 0, 0, 0, -1]
    rows["owner"] = [4, 4, 0, 0, 0, 0, 4]
    assert m.run(rows).tolist() == [
        (0, 5, 0, Code.OK, 0),
        (0, 0, 0, Code.DUPLICATE, 0),
        (2, 0, 0, Code.OK, 0),
        (0, 8, 0, Code.OK, 0),
        (0, 0, 0, Code.UNKNOWN, 0),
        (0, 0, 0, Code.UNKNOWN, 0),
        (0, 0, 8, Code.OK, 1),
    ]
    assert fills(m) == [(-1, -2, PX, 2)]
    assert notes(m) == [(-1, 8, Reason.MASS_CANCEL)]


def test_a_command_that_is_none_is_refused() -> None:
    rows = np.zeros(1, COMMAND)
    rows["op"] = 9
    assert market().run(rows)["code"].tolist() == [Code.BAD_TERMS]


def test_two_markets_know_nothing_of_each_other() -> None:
    opening = np.array([(0, PX, 5, 1)], OPENING)
    one, other = market(opening=opening), market(opening=opening)
    before = other.digest()
    limit(one, -1, 1, 0, 5, peg=Peg.MID)
    limit(one, -2, -1, PX, 3)
    assert other.digest() == before
    assert len(other.fills()) == len(other.notes()) == len(other.changes()) == 0
    limit(other, -1, 1, 0, 5, peg=Peg.MID)
    limit(other, -2, -1, PX, 3)
    assert other.digest() == one.digest()
