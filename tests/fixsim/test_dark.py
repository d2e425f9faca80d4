"""The dark venue: at the midpoint only, first come first served; hidden interest that a seed decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fixsim.dark import DarkBook, DarkFill, HiddenInterest, consolidated, midpoint
from fixsim.matching import BookFull, DuplicateOrder, Kind, MatchingError, Submitted, UnknownOrder
from tests.fixsim.market import settings

MID = 2001
SECOND = 1_000_000_000
INTEREST = HiddenInterest(
    seed=7,
    rate_per_s=2.0,
    buy_share=0.5,
    mean_lots=50,
    min_lots=10,
    max_lots=200,
    round_lots=10,
    mean_lifetime_ns=5 * SECOND,
    max_resting=100,
)


def book(interest: HiddenInterest | None = None) -> DarkBook:
    return DarkBook(interest, 0)


def peg(dark: DarkBook, key: int, sign: int, qty: int, *, mid: int | None = MID, **more: Any) -> Submitted:
    return dark.submit(key, sign, qty, more.pop("kind", Kind.LIMIT), more.pop("now", 1), mid, **more)


def test_pegs_meet_at_the_midpoint_first_come_first_served() -> None:
    dark = book()
    peg(dark, -1, 1, 5)
    peg(dark, -2, 1, 5)
    assert peg(dark, -3, -1, 7) == (7, 0, 0)
    assert dark.fills() == [
        DarkFill(1, -1, -3, MID, 5, 0, 2, -1),
        DarkFill(1, -2, -3, MID, 2, 3, 0, -1),
    ]
    assert dark.fills() == []
    assert dark.resting(1) == [(-2, 3)]


def test_a_limit_trades_only_when_the_midpoint_respects_it() -> None:
    dark = book()
    peg(dark, -1, 1, 5, limit_px=MID - 1)
    assert peg(dark, -2, -1, 5) == (0, 5, 0)
    dark.advance(2, MID)
    assert dark.fills() == []
    dark.advance(3, MID - 1)
    assert dark.fills() == [DarkFill(3, -1, -2, MID - 1, 5, 0, 0, -1)]


def test_an_ineligible_order_does_not_block_those_behind_it() -> None:
    dark = book()
    peg(dark, -1, -1, 5, limit_px=MID + 1)
    peg(dark, -2, -1, 5)
    assert peg(dark, -3, 1, 5) == (5, 0, 0)
    assert [fill.maker_key for fill in dark.fills()] == [-2]


def test_without_a_midpoint_nothing_trades() -> None:
    dark = book()
    peg(dark, -1, 1, 5, mid=None)
    peg(dark, -2, -1, 5, mid=None)
    assert (dark.fills(), dark.leaves(-1)) == ([], 5)
    dark.advance(2, MID)
    assert dark.fills() == [DarkFill(2, -1, -2, MID, 5, 0, 0, -1)]


def test_the_remainder_of_an_ioc_is_gone() -> None:
    dark = book()
    peg(dark, -1, 1, 5)
    assert peg(dark, -2, -1, 8, kind=Kind.IOC) == (5, 0, 3)
    assert dark.resting(-1) == []


def test_fill_or_kill_trades_whole_or_not_at_all() -> None:
    dark = book()
    peg(dark, -1, 1, 5)
    peg(dark, -2, 1, 5, min_qty=5)
    assert peg(dark, -3, -1, 11, kind=Kind.FOK) == (0, 0, 11)
    assert peg(dark, -4, -1, 9, kind=Kind.FOK) == (0, 0, 9), "-2 would get 4, and wants 5"
    assert dark.fills() == []
    assert dark.resting(1) == [(-1, 5), (-2, 5)]
    assert peg(dark, -5, -1, 10, kind=Kind.FOK, limit_px=MID + 1) == (0, 0, 10), "not at its limit"
    assert peg(dark, -6, -1, 10, kind=Kind.FOK) == (10, 0, 0)
    assert [fill.qty for fill in dark.fills()] == [5, 5]


def test_no_fill_is_smaller_than_a_minimum_quantity_except_the_last() -> None:
    dark = book()
    peg(dark, -1, 1, 10, min_qty=6)
    peg(dark, -2, 1, 4)
    assert peg(dark, -3, -1, 5) == (4, 1, 0), "passes over -1, which keeps its place"
    dark.cancel(-3)
    assert peg(dark, -4, -1, 7) == (7, 0, 0)
    assert peg(dark, -5, -1, 3) == (3, 0, 0), "completes it"
    assert [fill.maker_key for fill in dark.fills()] == [-2, -1, -1]


def test_less_quantity_keeps_time_and_more_or_another_limit_loses_it() -> None:
    dark = book()
    for key in (-1, -2, -3):
        peg(dark, key, 1, 5)
    assert dark.replace(-1, 3, 2, MID) == (0, 3, 0)
    assert [key for key, _ in dark.resting(1)] == [-1, -2, -3]
    assert dark.replace(-1, 4, 2, MID) == (0, 4, 0)
    assert [key for key, _ in dark.resting(1)] == [-2, -3, -1]
    assert dark.replace(-2, 5, 2, MID, limit_px=MID + 1) == (0, 5, 0)
    assert [key for key, _ in dark.resting(1)] == [-3, -1, -2]


def test_a_replaced_limit_that_reaches_the_midpoint_trades() -> None:
    dark = book()
    peg(dark, -1, 1, 5, limit_px=MID - 1)
    peg(dark, -2, -1, 3)
    assert dark.replace(-1, 5, 2, MID, limit_px=MID) == (3, 2, 0)
    assert dark.fills() == [DarkFill(2, -2, -1, MID, 3, 0, 2, 1)]


def test_the_midpoint_is_of_all_lit_venues_and_exact() -> None:
    assert midpoint(consolidated([1998, 2000], [2004, 2006])) == 2002
    assert midpoint(consolidated([2000], [2002])) == 2001
    assert midpoint(consolidated([2000], [2000])) == 2000
    assert midpoint(consolidated([2002, 1998], [2004, 2000])) is None, "crossed"
    assert midpoint(consolidated([2000], [])) is None
    assert midpoint(consolidated([], [])) is None
    with pytest.raises(ValueError, match="2000 and 2001 are not both whole ticks"):
        midpoint(consolidated([2000], [2001]))


@pytest.mark.parametrize(
    ("order", "more", "error", "words"),
    [
        ((5, 1, 5), {}, MatchingError, "order key 5 is not below 0"),
        ((-1, 1, 5), {}, DuplicateOrder, "order -1"),
        ((-2, 0, 5), {}, MatchingError, "sign 0"),
        ((-2, 1, 0), {}, MatchingError, "quantity 0 lots"),
        ((-2, 1, 5), {"limit_px": 0}, MatchingError, "price 0 half ticks"),
        ((-2, 1, 5), {"min_qty": 6}, MatchingError, "minimum quantity 6 lots is not within 0 to 5"),
        ((-2, 1, 5), {"kind": Kind.MARKET}, MatchingError, "takes LIMIT, IOC and FOK, not MARKET"),
        ((-2, 1, 5), {}, BookFull, "order -2: 1 participants' orders rest already"),
    ],
)
def test_an_impossible_order_is_refused_by_name(
    order: tuple[int, int, int], more: dict[str, Any], error: type[Exception], words: str
) -> None:
    dark = DarkBook(None, 0, own=1)
    peg(dark, -1, 1, 5)
    before = dark.digest()
    with pytest.raises(error, match=words):
        peg(dark, *order, **more)
    assert dark.digest() == before


def test_cancel_tells_what_was_left_and_unknown_orders_are_told_apart() -> None:
    dark = book()
    peg(dark, -1, 1, 5)
    peg(dark, -2, -1, 2)
    assert (dark.cancel(-1), dark.cancel(-1), dark.leaves(-1)) == (3, 0, 0)
    with pytest.raises(MatchingError, match="hidden interest"):
        dark.cancel(0)
    with pytest.raises(UnknownOrder, match="order -1"):
        dark.replace(-1, 1, 1, MID)
    with pytest.raises(ValueError, match="time runs backwards: 0 after 1"):
        dark.advance(0, MID)


# Hidden interest


def test_hidden_interest_comes_and_goes_at_its_deadlines() -> None:
    dark = book(replace(INTEREST, buy_share=1.0))
    seen, now = 0, 0
    while now < 60 * SECOND:
        now = dark.deadline_ns() or 0
        dark.advance(now - 1, MID)
        before = dark.resting(1)
        dark.advance(now, MID)
        after = dark.resting(1)
        assert abs(len(after) - len(before)) == 1
        assert all(10 <= lots <= 200 and lots % 10 == 0 for _, lots in after)
        seen = max(seen, *(key for key, _ in after), 0)
    assert 80 < seen < 160, "about two a second"
    assert dark.fills() == []
    assert dark.turned_away == 0


def test_an_order_is_filled_by_interest_that_arrives_later() -> None:
    dark = book(replace(INTEREST, buy_share=0.0))
    peg(dark, -1, 1, 1000)
    dark.advance(60 * SECOND, MID)
    fills = dark.fills()
    assert sum(fill.qty for fill in fills) == 1000
    assert all(fill.px == MID and fill.maker_is_ours and not fill.taker_is_ours for fill in fills)
    assert [fill.time_ns for fill in fills] == sorted(fill.time_ns for fill in fills)


def test_interest_that_was_due_before_the_midpoint_moved_traded_at_the_old_one() -> None:
    dark = book(replace(INTEREST, buy_share=0.0))
    peg(dark, -1, 1, 10)
    due = dark.deadline_ns() or 0
    dark.advance(due + SECOND // 1000, MID + 4)
    (fill,) = dark.fills()
    assert (fill.time_ns, fill.px) == (due, MID)


def test_interest_beyond_the_bound_is_turned_away_and_counted() -> None:
    dark = book(replace(INTEREST, buy_share=1.0, max_resting=3))
    dark.advance(30 * SECOND, MID)
    assert len(dark.resting(1)) <= 3
    assert dark.turned_away > 0


def test_no_interest_no_deadline() -> None:
    assert book().deadline_ns() is None
    assert book(replace(INTEREST, rate_per_s=0.0)).deadline_ns() is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate_per_s": -1.0}, "rate_per_s -1.0 is not 0 to 1e6"),
        ({"buy_share": 1.5}, "buy_share 1.5 is not 0 to 1"),
        ({"min_lots": 15}, "min_lots 15 is not a multiple of round_lots"),
        ({"mean_lots": 5}, "mean_lots 5 is not min_lots or more"),
        ({"max_lots": 20}, "max_lots 20 is not mean_lots or more"),
        ({"max_resting": 0}, "max_resting 0 is not 1 or more"),
    ],
)
def test_impossible_settings_are_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(INTEREST, **change)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("submit"),
            st.sampled_from([1, -1]),
            st.integers(1, 99),
            st.one_of(st.none(), st.integers(MID - 2, MID + 2)),
            st.integers(0, 20),
            st.sampled_from([Kind.LIMIT, Kind.IOC, Kind.FOK]),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(
            st.just("wait"), st.integers(1, SECOND), st.one_of(st.none(), st.integers(MID - 3, MID + 3))
        ),
    ),
    max_size=40,
)


def play(
    seed: int, operations: list[tuple[Any, ...]]
) -> tuple[str, list[DarkFill], dict[int, int], DarkBook]:
    """Run a stream, each fill checked against the limits: what of our orders traded or still rests."""
    dark, now, mid = book(replace(INTEREST, seed=seed)), 0, MID
    asked: dict[int, int] = {}
    limits: dict[int, tuple[int, int | None]] = {}
    fills: list[DarkFill] = []
    for operation in operations:
        match operation:
            case ("submit", sign, qty, limit, least, kind):
                key = -1 - len(asked)
                asked[key], limits[key] = qty, (sign, limit)
                done = dark.submit(key, sign, qty, kind, now, mid, limit_px=limit, min_qty=min(least, qty))
                asked[key] -= done.cancelled
                assert kind != Kind.FOK or done.cancelled in (0, qty)
            case ("cancel", which) if asked:
                key = -1 - which % len(asked)
                asked[key] -= dark.cancel(key)
            case ("wait", time, moved):
                now, mid = now + time, moved
                dark.advance(now, mid)
        fills += dark.fills()
    for fill in fills:
        for key in (fill.maker_key, fill.taker_key):
            sign, limit = limits.get(key, (1, None))
            assert limit is None or sign * fill.px <= sign * limit
    return dark.digest(), fills, asked, dark


@given(seed=st.integers(0, 1 << 64), operations=OPERATIONS)
def test_limits_hold_lots_are_conserved_and_the_seed_decides(
    seed: int, operations: list[tuple[Any, ...]]
) -> None:
    digest, fills, asked, dark = play(seed, operations)
    traded = dict.fromkeys(asked, 0)
    for fill in fills:
        assert fill.qty > 0
        for key in (fill.maker_key, fill.taker_key):
            if key < 0:
                traded[key] += fill.qty
    assert {key: traded[key] + dark.leaves(key) for key in asked} == asked
    assert play(seed, operations)[:2] == (digest, fills)


def test_a_lifetime_that_no_clock_can_hold_is_refused_by_the_settings() -> None:
    with pytest.raises(ValidationError, match="mean_lifetime_ns"):
        settings(hidden={"mean_lifetime_ns": 10**22})
