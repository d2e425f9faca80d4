"""Venues that are not simply open: auctions, halts, price bands, tick tables, odd lots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.matching import (
    Capacity,
    EventKind,
    FillFlag,
    Kind,
    Market,
    MatchingError,
    OffTick,
    OutOfBand,
    Peg,
    Phase,
    Reason,
    Rules,
    SelfMatch,
    Terms,
    WrongPhase,
    venue_of,
)
from fixsim.matching.auction import clear
from fixsim.matching.layout import EVENT
from fixsim.matching.terms import PLAIN

CAPACITY = Capacity(orders=64, recorded=64, own=32, window=64, overflow=4, fills=256, trades=4, notes=64)
PX = 1000
AT = [next(o for o in range(64) if venue_of(o, 2) == venue) for venue in (0, 1)]
"""A recorded ordinal of each of two venues."""


def market(*, venues: int = 1, phase: Phase = Phase.CONTINUOUS, **more: Any) -> Market:
    m = Market(venues, PX, capacity=CAPACITY, **more)
    m.set_phase(0, phase, 1)
    return m


def order(
    m: Market, key: int, sign: int, px: int | None, qty: int, *, venue: int = 0, **terms: Any
) -> tuple[int, int, int]:
    kind = Kind.MARKET if px is None else Kind.LIMIT
    return m.submit(venue, key, sign, px or 0, qty, kind, 7, Terms(**terms) if terms else PLAIN)


def fills(m: Market) -> list[tuple[int, int, int, int]]:
    return [(int(f["maker_key"]), int(f["taker_key"]), int(f["px"]), int(f["qty"])) for f in m.fills()]


def recorded(
    m: Market, ordinal: int, sign: int, px: int, qty: int, kind: EventKind = EventKind.LIMIT
) -> None:
    m.feed(np.array([(8, ordinal, px, qty, -1, kind, sign)], EVENT))


# Auctions


def test_in_an_auction_orders_rest_and_the_book_may_cross() -> None:
    m = market(phase=Phase.AUCTION)
    assert order(m, -1, 1, PX + 4, 5) == (0, 5, 0)
    assert order(m, -2, -1, PX, 3) == (0, 3, 0)
    assert order(m, -3, -1, None, 1) == (0, 1, 0), "a market order waits"
    assert m.best(0) == (PX + 4, 5, PX, 3)
    assert fills(m) == []


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        (Kind.IOC, PLAIN),
        (Kind.FOK, PLAIN),
        (Kind.LIMIT, Terms(peg=Peg.MID)),
        (Kind.LIMIT, Terms(post_only=True)),
    ],
)
def test_an_auction_takes_nothing_that_needs_a_trade_or_a_touch(kind: Kind, terms: Terms) -> None:
    m = market(phase=Phase.AUCTION)
    with pytest.raises(WrongPhase, match="order -1: the venue's phase does not take it"):
        m.submit(0, -1, 1, PX, 5, kind, 7, terms)


def test_an_auction_trades_at_one_price_market_orders_first() -> None:
    m = market(phase=Phase.AUCTION)
    order(m, -1, 1, PX + 4, 5, display_qty=2)
    order(m, -2, 1, PX, 5, hidden=True)
    order(m, -3, 1, PX, 5)
    order(m, -4, 1, None, 4)
    order(m, -5, -1, PX, 12)
    assert m.indicative(0, PX + 2) == (PX, 12, 7)
    assert m.auction(0, PX + 2, 9) == (PX, 12, 7)
    got = m.fills()
    pairs = [(int(f["maker_key"]), int(f["taker_key"]), int(f["qty"])) for f in got]
    # Who came first is the maker; a piece that an iceberg shows anew came last.
    assert pairs == [(-4, -5, 4), (-1, -5, 2), (-5, -1, 2), (-5, -1, 1), (-3, -5, 3)]
    assert {(int(f["px"]), int(f["aggressor_sign"])) for f in got} == {(PX, 0)}
    hidden = FillFlag.HIDDEN_MAKER  # a market order that waits shows nothing
    assert [int(f["flags"]) - FillFlag.AUCTION for f in got] == [hidden, 0, 0, 0, 0]
    assert m.phase(0) == Phase.AUCTION
    m.set_phase(0, Phase.CONTINUOUS, 10)
    assert m.best(0) == (PX, 2, 0, 0)


def test_market_orders_that_an_auction_does_not_fill_are_cancelled_and_noted() -> None:
    m = market(phase=Phase.AUCTION)
    order(m, -1, 1, None, 5)
    order(m, -2, -1, PX, 3)
    order(m, -3, 1, None, 1)
    assert m.auction(0, 0, 9) == (PX, 3, 3)
    assert fills(m) == [(-1, -2, PX, 3)]
    assert [n.tolist() for n in m.notes()] == [
        (9, -1, 2, 1, 0, Reason.AUCTION),
        (9, -3, 1, 1, 0, Reason.AUCTION),
    ]


def test_without_any_limit_the_reference_is_the_price() -> None:
    m = market(phase=Phase.AUCTION)
    order(m, -1, 1, None, 5)
    order(m, -2, -1, None, 3)
    assert m.indicative(0, 0) == (0, 0, 2)
    assert m.auction(0, PX + 7, 9) == (PX + 7, 3, 2)


def test_pegs_and_minimum_quantities_wait_for_continuous_trading() -> None:
    m = market()
    order(m, -1, 1, 0, 5, peg=Peg.MID)
    m.set_phase(0, Phase.AUCTION, 2)
    order(m, -2, 1, PX + 4, 5, hidden=True, min_qty=2)
    order(m, -3, -1, PX, 1)
    assert m.auction(0, PX, 9) == (0, 0, 0)
    order(m, -4, -1, PX, 4)
    m.set_phase(0, Phase.CONTINUOUS, 10)
    assert fills(m) == [], "the first of the offers is less than the minimum"
    m.cancel(-3)
    assert fills(m) == [(-2, -4, PX + 4, 4)]


def test_orders_of_one_group_trade_in_an_auction() -> None:
    m = market(phase=Phase.AUCTION)
    order(m, -1, 1, PX, 5, group=1)
    order(m, -2, -1, PX, 5, group=1, self_match=SelfMatch.BOTH)
    m.auction(0, PX, 9)
    assert len(m.fills()) == 1


def test_a_crossed_book_does_not_open_before_its_auction() -> None:
    m = market(phase=Phase.AUCTION)
    order(m, -1, 1, PX, 5)
    order(m, -2, -1, PX, 5)
    with pytest.raises(WrongPhase, match="venue 0 to CONTINUOUS: its book is crossed"):
        m.set_phase(0, Phase.CONTINUOUS, 9)
    m.set_phase(0, Phase.HALTED, 9)
    with pytest.raises(WrongPhase, match="crossed"):
        m.set_phase(0, Phase.CONTINUOUS, 9)
    with pytest.raises(WrongPhase, match="venue 0 is in HALTED, not in AUCTION"):
        m.auction(0, PX, 9)
    m.set_phase(0, Phase.AUCTION, 9)
    m.auction(0, PX, 9)
    m.set_phase(0, Phase.CONTINUOUS, 9)


SIDE = st.lists(
    st.tuples(st.just(0) | st.integers(1, 12).map(lambda n: 2 * n), st.integers(1, 9)), max_size=8
)


@given(bids=SIDE, asks=SIDE, reference=st.integers(0, 30))
def test_the_auction_price_is_the_best_of_all_prices(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], reference: int
) -> None:
    """Against every price there is, tried one by one."""

    def columns(side: list[tuple[int, int]]) -> tuple[Any, Any]:
        return tuple(np.array([row[i] for row in side], np.int64) for i in (0, 1))

    limits = [px for px, _ in bids + asks if px]
    every = range(min(limits), max(limits) + 1) if limits else [reference] if reference else []
    best: tuple[int, ...] | None = None
    for px in every:
        if limits and px % 2:
            continue
        bought = sum(qty for own, qty in bids if not own or own >= px)
        sold = sum(qty for own, qty in asks if not own or own <= px)
        distance = abs(px - reference) if reference else 0
        rank = (-min(bought, sold), abs(bought - sold), distance, -px, bought - sold)
        best = rank if best is None else min(best, rank)
    found = clear(columns(bids), columns(asks), reference, np.array([(0, 2)], np.int64))
    if best is None or best[0] == 0:
        at_market = (sum(qty for px, qty in side if not px) for side in (bids, asks))
        assert found == (0, 0, next(at_market) - next(at_market))
    else:
        assert found == (-best[3], -best[0], best[4])


# Halts


@pytest.mark.parametrize("phase", [Phase.HALTED, Phase.CLOSED])
def test_a_halted_venue_takes_only_cancels_and_resumes_as_it_was(phase: Phase) -> None:
    m = market()
    order(m, -1, 1, PX, 5, owner=1)
    order(m, -2, 1, PX, 5, owner=2)
    m.set_phase(0, phase, 2)
    before = m.digest()
    for refused in (lambda: order(m, -3, -1, PX, 1), lambda: m.replace(-1, PX, 1, 3)):
        with pytest.raises(WrongPhase):
            refused()
    assert m.digest() == before
    assert m.cancel(-1) == 5
    m.set_phase(0, Phase.CONTINUOUS, 3)
    order(m, -3, -1, PX, 1)
    assert fills(m) == [(-2, -3, PX, 1)]
    m.set_phase(0, phase, 4)
    assert m.mass_cancel(2).tolist() == [(-2, 4)]


def test_the_recording_passes_by_a_halted_venue_and_what_would_rest_there_is_dropped() -> None:
    m = market(venues=2)
    order(m, -1, 1, PX + 2, 5, venue=0)
    order(m, -2, 1, PX, 5, venue=1)
    m.set_phase(0, Phase.HALTED, 2)
    recorded(m, AT[1], -1, PX, 7)
    assert fills(m) == [(-2, AT[1], PX, 5)]
    assert m.best(1).ask_qty == 2
    recorded(m, AT[0], -1, PX + 8, 7)
    assert m.best(0).ask_qty == 0
    assert m.counts().dropped == 1
    recorded(m, AT[0], -1, 0, 0, EventKind.CANCEL)
    assert m.counts().ignored == 1


def test_the_recording_rests_in_an_auction_without_a_trade() -> None:
    m = market(venues=2)
    order(m, -1, 1, PX + 2, 5, venue=0)
    m.set_phase(0, Phase.AUCTION, 2)
    recorded(m, AT[0], -1, PX, 7)
    assert fills(m) == []
    assert m.best(0) == (PX + 2, 5, PX, 7)
    assert m.auction(0, PX, 3)[:2] == (PX, 5)


def test_a_halt_moves_the_touch_that_pegs_follow() -> None:
    m = market(venues=2)
    order(m, -1, 1, PX, 5, venue=0)
    order(m, -2, -1, PX + 8, 5, venue=0)
    order(m, -3, -1, PX + 4, 5, venue=1)
    order(m, -4, 1, 0, 5, venue=0, peg=Peg.MID)
    order(m, -5, -1, PX + 4, 5, venue=0, hidden=True)
    assert fills(m) == []
    m.set_phase(1, Phase.HALTED, 9)
    assert fills(m) == [(-4, -5, PX + 4, 5)], "half of 1000 and 1008"


# Bands


def test_bands_refuse_prices_beyond_them_and_stop_market_orders() -> None:
    m = market()
    order(m, -1, -1, PX + 2, 5)
    order(m, -2, -1, PX + 6, 5)
    m.set_bands(0, PX - 4, PX + 4)
    with pytest.raises(OutOfBand, match="order -3: price 1006 half ticks"):
        order(m, -3, 1, PX + 6, 1)
    assert order(m, -3, 1, None, 9) == (5, 0, 4)
    with pytest.raises(OutOfBand):
        order(m, -4, -1, PX - 6, 1)
    m.set_bands(0, 0, 0)
    assert order(m, -4, 1, PX + 6, 1) == (1, 0, 0)


def test_a_price_beyond_the_band_on_the_far_side_is_not_traded_at_nor_crossed() -> None:
    m = market()
    order(m, -1, -1, PX - 8, 5)
    m.set_bands(0, PX - 4, PX + 4)
    assert order(m, -2, 1, None, 9) == (0, 0, 9)
    with pytest.raises(OutOfBand):
        order(m, -3, 1, PX, 5)
    recorded(m, 3, 1, PX, 2)
    assert fills(m) == [(-1, 3, PX - 8, 2)], "the recording is history: bands do not bind it"


def test_bands_that_are_no_range_are_refused() -> None:
    m = market()
    for bands in ((0, 5), (6, 5), (-1, 5)):
        with pytest.raises(MatchingError, match="are no range of prices"):
            m.set_bands(0, *bands)
    with pytest.raises(MatchingError, match="venue 3 is not one of 0 to 0"):
        m.set_bands(3, 1, 2)


# Ticks and lots


def test_prices_lie_on_the_step_that_holds_there() -> None:
    m = market(rules=Rules(ticks=((0, 2), (1010, 10))))
    for px in (PX + 1, 1012):
        with pytest.raises(OffTick, match=f"order -1: price {px} half ticks is not a multiple"):
            order(m, -1, 1, px, 1)
    for key, px in ((-1, 1008), (-2, 1010), (-3, 1020)):
        order(m, key, 1, px, 1)
    with pytest.raises(OffTick):
        m.replace(-1, 1014, 1, 8)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ticks": ()}, "does not begin at price 0"),
        ({"ticks": ((2, 2),)}, "does not begin at price 0"),
        ({"ticks": ((0, 2), (5, 2))}, "5 half ticks is no multiple of its step 2"),
        ({"ticks": ((0, 2), (0, 1))}, "0 half ticks comes after 0"),
        ({"round_lot": 0}, "round_lot 0 is not positive"),
    ],
)
def test_rules_that_cannot_hold_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Rules(**given)


def test_an_odd_lot_trades_as_any_other_and_says_so() -> None:
    m = market(rules=Rules(round_lot=5))
    order(m, -1, 1, PX, 8)
    order(m, -2, -1, PX, 5)
    order(m, -3, -1, PX, 3)
    assert [int(f["flags"]) for f in m.fills()] == [0, FillFlag.ODD_LOT]
