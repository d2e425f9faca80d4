"""Replay of a partial tape with participants in its queues: who is met, what is known, what is counted."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.matching import Kind, MatchingError, Peg, Phase, Terms, WrongPhase
from fixsim.matching.partial import TAKERS
from fixsim.matching.partialmarket import PartialMarket
from fixsim.matching.shift import Response
from fixsim.tape.partial import PartialTape
from tests.fixsim.partial_tapes import (
    ADD,
    DELETE,
    ENTER,
    HIDDEN,
    LEAVE,
    REDUCE,
    SMALL,
    TRADE,
    Row,
    Seen,
    seen,
    tape,
)

PX = 1000
BOOK: list[Row] = [(ENTER, 1, PX, 5, -1), (ENTER, -1, PX + 10, 5, -1)]


def market(
    rows: list[Row],
    opening: list[Row] | None = None,
    window: int | None = 2,
    impact: Response | None = None,
) -> PartialMarket:
    recording = tape(BOOK if opening is None else opening, rows, window)
    return PartialMarket(recording, 1, capacity=SMALL, impact=impact)


def step(m: PartialMarket, rows: int = 1) -> None:
    for _ in range(rows):
        assert m.replay_event() == 1


def fills(m: PartialMarket) -> list[tuple[int, int, int]]:
    """maker (anonymous: None), price, lots"""
    return [(int(f["maker_key"]), int(f["px"]), int(f["qty"])) for f in m.fills()]


def depth(m: PartialMarket, sign: int) -> dict[int, int]:
    total: dict[int, int] = {}
    for venue in range(m.venues):
        for px, qty in zip(*m.depth(venue, sign), strict=True):
            total[int(px)] = total.get(int(px), 0) + int(qty)
    return total


def window(m: PartialMarket, sign: int) -> dict[int, int]:
    px, qty = m.window(sign)
    return dict(zip(px.tolist(), qty.tolist(), strict=True))


def submit(
    m: PartialMarket, key: int, sign: int, px: int, qty: int, kind: Kind = Kind.LIMIT
) -> tuple[int, ...]:
    return tuple(m.submit(0, key, sign, px, qty, kind, 0))


# Who is met


def test_a_recorded_execution_meets_our_better_price_and_its_maker_leaves_when_it_is_done() -> None:
    m = market([(ADD, 1, PX, 4, 0), (TRADE, 1, PX, 5, 9), (TRADE, 1, PX, 4, 0)])
    submit(m, -1, 1, PX + 2, 3)
    step(m, 2)
    got = m.fills()
    assert [(f["maker_key"] == -1, f["px"], f["qty"]) for f in got] == [(True, PX + 2, 3), (False, PX, 2)]
    assert got["taker_key"].tolist() == [TAKERS + 1] * 2
    assert m.replay_counts().displaced == 3, (
        "of the anonymous five the recording is done with, three stood here"
    )
    assert depth(m, 1) == window(m, 1) == {PX: 4}


def test_at_one_price_who_came_first_is_met_first() -> None:
    m = market(
        [
            (ADD, 1, PX, 4, 0),
            (ADD, 1, PX, 6, 1),
            (TRADE, 1, PX, 5, 9),
            (TRADE, 1, PX, 4, 0),
            (TRADE, 1, PX, 2, 1),
        ]
    )
    step(m)
    submit(m, -1, 1, PX, 3)
    step(m, 2)
    assert m.queue_ahead(-1) == 4
    step(m)
    assert [f[0] for f in fills(m)][1:] == [0]
    step(m)
    assert fills(m) == [(-1, PX, 2)]
    assert (m.leaves(-1), m.leaves(1), m.recorded_leaves(1)) == (1, 6, 4)


def test_an_execution_of_consumed_lots_goes_to_the_next_in_the_queue() -> None:
    m = market(
        [
            (ADD, -1, PX + 8, 4, 0),
            (ADD, -1, PX + 8, 6, 1),
            (TRADE, -1, PX + 8, 4, 0),
            (TRADE, -1, PX + 8, 6, 1),
        ]
    )
    step(m, 2)
    assert submit(m, -1, 1, PX + 8, 3, Kind.IOC) == (3, 0, 0)
    step(m)
    assert fills(m) == [(0, PX + 8, 3), (0, PX + 8, 1), (1, PX + 8, 3)]
    assert (m.leaves(1), m.recorded_leaves(1)) == (3, 6)
    step(m)
    assert fills(m) == [(1, PX + 8, 3)]
    counts = m.replay_counts()
    assert (counts.diverted, counts.unfilled, counts.displaced) == (3, 3, 0)
    assert depth(m, -1) == window(m, -1) == {PX + 10: 5}


def test_or_to_our_order_behind_it() -> None:
    m = market([(ADD, -1, PX + 8, 4, 0), (TRADE, -1, PX + 8, 4, 0)])
    step(m)
    submit(m, -1, 1, PX + 8, 4, Kind.IOC)
    submit(m, -2, -1, PX + 8, 4)
    m.fills()
    step(m)
    assert fills(m) == [(-2, PX + 8, 4)]
    assert m.replay_counts().diverted == 4


def test_the_limit_of_a_recorded_taker_is_the_price_it_traded_at() -> None:
    m = market([(TRADE, -1, PX + 10, 5, 9)])
    submit(m, -1, 1, PX + 10, 5, Kind.IOC)
    submit(m, -2, -1, PX + 12, 5)
    step(m)
    assert m.replay_counts().unfilled == 5
    assert m.leaves(-2) == 5


def test_an_order_that_the_recording_adds_meets_ours_where_it_would_have() -> None:
    m = market([(ADD, 1, PX + 4, 5, 0), (DELETE, 1, PX + 4, 5, 0)])
    submit(m, -1, -1, PX + 2, 3)
    step(m)
    assert fills(m) == [(-1, PX + 2, 3)]
    assert (m.leaves(0), m.recorded_leaves(0)) == (2, 5)
    step(m)
    assert m.replay_counts().excused == 3
    assert depth(m, 1) == {PX: 5}


def test_a_hidden_execution_meets_ours_at_its_price_or_better_and_no_recorded_order() -> None:
    m = market([(HIDDEN, 1, PX + 4, 9, -1)] * 2)
    step(m)
    assert (fills(m), [t.tolist()[1:3] for t in m.trades()]) == ([], [(PX + 4, 9)])
    submit(m, -1, 1, PX + 4, 3)
    submit(m, -2, 1, PX + 2, 3)
    step(m)
    assert fills(m) == [(-1, PX + 4, 3)]
    assert [t.tolist()[1:3] for t in m.trades()] == [(PX + 4, 3), (PX + 4, 6)]
    assert (m.replay_counts().hidden, m.replay_counts().hidden_met) == (18, 3)
    assert depth(m, 1) == {PX + 2: 3, PX: 5}


# What the ledger knows


def test_a_cancel_of_consumed_lots_does_nothing() -> None:
    m = market(
        [
            (ADD, -1, PX + 8, 9, 0),
            (REDUCE, -1, PX + 8, 3, 0),
            (REDUCE, -1, PX + 8, 2, 0),
            (DELETE, -1, PX + 8, 4, 0),
        ]
    )
    step(m)
    submit(m, -1, 1, PX + 8, 4, Kind.IOC)
    step(m)
    assert (m.leaves(0), m.recorded_leaves(0)) == (5, 6)
    step(m)
    assert (m.leaves(0), m.recorded_leaves(0)) == (4, 4)
    step(m)
    counts = m.replay_counts()
    assert (counts.excused, counts.displaced, m.counts().ignored, m.counts().cancelled) == (4, 0, 1, 2)
    assert depth(m, -1) == window(m, -1) == {PX + 10: 5}


def test_a_displaced_order_stays_until_the_recording_is_done_with_it() -> None:
    m = market(
        [
            (ADD, 1, PX + 2, 6, 0),
            (TRADE, 1, PX + 2, 4, 0),
            (REDUCE, 1, PX + 2, 1, 0),
            (DELETE, 1, PX + 2, 1, 0),
        ]
    )
    step(m)
    submit(m, -1, 1, PX + 4, 4)
    step(m)
    assert (m.leaves(0), m.recorded_leaves(0), m.leaves(-1)) == (6, 2, 0)
    step(m)
    assert (m.leaves(0), m.recorded_leaves(0)) == (5, 1)
    step(m)
    assert (m.leaves(0), m.recorded_leaves(0), m.replay_counts().displaced) == (0, 0, 4)


def test_unknown_orders_trade_from_the_front_of_the_anonymous_and_cancel_from_the_back() -> None:
    rows: list[Row] = [(TRADE, 1, PX, 2, 9), (DELETE, 1, PX, 2, 8), (ADD, 1, PX, 3, 0), (DELETE, 1, PX, 1, 7)]
    m = market(rows)
    step(m, 4)
    assert depth(m, 1) == window(m, 1) == {PX: 3}
    assert m.orders(0)["key"].tolist()[0] == 0
    assert m.replay_counts().contradicted == 0


def test_a_recorded_order_that_was_executed_out_of_turn_is_executed_out_of_turn() -> None:
    m = market([(ADD, 1, PX + 2, 3, 0), (ADD, 1, PX + 2, 3, 1), (TRADE, 1, PX + 2, 2, 1)])
    step(m, 2)
    submit(m, -1, 1, PX + 4, 1)
    step(m)
    assert fills(m) == [(-1, PX + 4, 1), (1, PX + 2, 1)]
    assert m.replay_counts().passed_over == 1


@pytest.mark.parametrize(
    "row", [(TRADE, 1, PX, 9, 9), (DELETE, 1, PX, 9, 9), (REDUCE, 1, PX - 2, 1, 9), (LEAVE, 1, PX - 4, 0, -1)]
)
def test_what_the_recording_had_not_shown_is_counted(row: Row) -> None:
    m = market([row])
    step(m)
    assert m.replay_counts().contradicted >= 1
    assert depth(m, 1) == window(m, 1)


# Levels that leave the window and come into it


def leaves_and_returns(total: int) -> list[Row]:
    """Bids at PX and PX - 2, window of two: a better one pushes PX - 2 out; its end brings it back."""
    return [
        (ADD, 1, PX + 2, 1, 0),
        (LEAVE, 1, PX - 2, 0, -1),
        (DELETE, 1, PX + 2, 1, 0),
        (ENTER, 1, PX - 2, total, -1),
    ]


DEEP: list[Row] = [(ENTER, 1, PX, 5, -1), (ENTER, 1, PX - 2, 7, -1), (ENTER, -1, PX + 10, 5, -1)]


@pytest.mark.parametrize(("total", "ahead"), [(20, 7), (7, 7), (4, 4)])
def test_our_place_in_a_queue_outlasts_its_absence(total: int, ahead: int) -> None:
    m = market(leaves_and_returns(total), DEEP)
    submit(m, -1, 1, PX - 2, 3)
    step(m, 2)
    assert depth(m, 1) == {PX + 2: 1, PX: 5, PX - 2: 3}, "ours alone, while nothing is seen there"
    assert window(m, 1) == {PX + 2: 1, PX: 5}
    step(m, 2)
    assert m.queue_ahead(-1) == ahead
    assert depth(m, 1) == {PX: 5, PX - 2: total + 3}
    counts = m.replay_counts()
    assert (counts.entered, counts.left, counts.positions_kept) == (1, 1, 1)


def test_several_of_ours_keep_their_order_and_what_stood_between() -> None:
    m = market([(ADD, 1, PX - 2, 4, 1), *leaves_and_returns(20)], DEEP)
    submit(m, -1, 1, PX - 2, 1)
    step(m)
    submit(m, -2, 1, PX - 2, 1)
    step(m, 4)
    assert (m.queue_ahead(-1), m.queue_ahead(-2)) == (7, 12)
    assert depth(m, 1)[PX - 2] == 22


def test_who_came_while_nothing_was_seen_stands_behind_all_of_it() -> None:
    m = market(leaves_and_returns(20), DEEP)
    step(m, 2)
    submit(m, -1, 1, PX - 2, 1)
    step(m, 2)
    assert m.queue_ahead(-1) == 20
    assert m.replay_counts().positions_kept == 0


def test_an_order_at_a_price_that_was_empty_when_it_went_out_of_view_is_first_there() -> None:
    rows: list[Row] = [
        (ADD, 1, PX + 2, 1, 0),
        (LEAVE, 1, PX - 4, 0, -1),
        (DELETE, 1, PX + 2, 1, 0),
        (ENTER, 1, PX - 2, 9, -1),
    ]
    m = market(rows, [(ENTER, 1, PX, 5, -1), (ENTER, 1, PX - 4, 7, -1)])
    submit(m, -1, 1, PX - 2, 1)
    step(m, 4)
    assert m.queue_ahead(-1) == 0


def test_in_a_book_thinner_than_its_window_nothing_is_out_of_view() -> None:
    rows: list[Row] = [
        (ADD, 1, PX - 4, 2, 0),  # the window is full from here on: beyond PX - 4 nothing is seen
        (ADD, 1, PX + 2, 1, 1),
        (LEAVE, 1, PX - 4, 0, -1),
        (DELETE, 1, PX + 2, 1, 1),
        (ENTER, 1, PX - 6, 9, -1),
    ]
    m = market(rows, [(ENTER, 1, PX, 5, -1)])
    submit(m, -1, 1, PX - 6, 1)
    step(m, 5)
    assert m.queue_ahead(-1) == 0, "when it came, the recording showed that the price was empty"


def test_orders_that_were_out_of_view_meet_ours_that_stands_across_them() -> None:
    m = market(
        [(DELETE, 1, PX, 5, 9), (ENTER, 1, PX - 4, 6, -1)],
        [(ENTER, 1, PX, 5, -1), (ENTER, -1, PX + 10, 5, -1)],
        1,
    )
    assert submit(m, -1, -1, PX - 6, 9) == (5, 4, 0)
    m.fills()
    step(m, 2)
    assert fills(m) == [(-1, PX - 6, 4)]
    assert (depth(m, 1), window(m, 1)) == ({PX - 4: 2}, {PX - 4: 6})


def test_what_the_ledger_knew_of_a_level_is_lost_with_it_and_counted() -> None:
    m = market([(ADD, 1, PX - 2, 4, 1), *leaves_and_returns(11)], DEEP)
    submit(m, -1, -1, PX - 2, 8, Kind.IOC)
    step(m, 5)
    assert m.replay_counts().lost_consumed == 3
    assert depth(m, 1)[PX - 2] == 11


def test_generated_flow_is_refused() -> None:
    with pytest.raises(MatchingError, match="takes no flow but its recording"):
        market([]).feed(np.zeros(1))


def test_an_order_that_comes_twice_names_its_row() -> None:
    m = market([(ADD, 1, PX, 1, 0), (ADD, 1, PX, 1, 0)])
    with pytest.raises(MatchingError, match=r"tape row 1, ADD of ordinal 0"):
        m.step_until(9)


# Any recording

PRICES = st.sampled_from(range(PX - 6, PX + 7, 2))
OPERATIONS = st.one_of(
    st.tuples(st.just(0), st.sampled_from([1, -1]), PRICES, st.integers(1, 9)),
    st.tuples(st.just(1), st.integers(0, 99), st.just(0), st.integers(0, 5)),
)
BEFORE = st.lists(OPERATIONS, min_size=6, max_size=30)
STREAMS = st.lists(OPERATIONS, min_size=15, max_size=50)
WINDOWS = st.integers(1, 4)


@given(before=BEFORE, stream=STREAMS, levels=WINDOWS)
def test_without_participants_the_replay_is_the_recording_row_by_row_on_any_number_of_venues(
    before: list[tuple[int, ...]], stream: list[tuple[int, ...]], levels: int
) -> None:
    recorded, recording = seen(levels, before, stream)
    digests = []
    for venues in (1, 2, 3):
        m = PartialMarket(recording, venues, capacity=SMALL)
        at = 0
        for rows, views in recorded.shown:
            step(m, rows - at)
            at = rows
            for sign in (1, -1):
                assert depth(m, sign) == window(m, sign) == views[sign]
        got = m.fills()
        assert [(f["taker_key"] - TAKERS, f["px"], f["qty"]) for f in got] == recorded.trades
        counts = m.replay_counts()
        assert not any(
            (counts.contradicted, counts.passed_over, counts.unfilled, counts.diverted, counts.displaced)
        )
        digests.append([tuple(f.tolist()[1:5]) for f in got])
    assert digests[0] == digests[1] == digests[2]


ACTIONS = st.one_of(
    st.tuples(st.just("submit"), st.integers(0, 2), st.sampled_from([1, -1]), PRICES, st.integers(1, 12),
              st.sampled_from([Kind.LIMIT, Kind.LIMIT, Kind.IOC, Kind.MARKET])),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("replace"), st.integers(0, 20), PRICES, st.integers(1, 12)),
    st.tuples(st.just("step"), st.integers(1, 5)),
    st.tuples(st.just("step"), st.integers(1, 5)),
)  # fmt: skip


class Run:
    """A recording with participants, whose every lot is followed."""

    def __init__(self, recording: PartialTape, venues: int) -> None:
        self.market = PartialMarket(recording, venues, capacity=SMALL)
        self.asked: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.filled: dict[int, int] = {}
        self.keys = 0
        self.recorded_makers = 0
        """Lots of recorded orders that were traded."""
        self.recorded_comers = 0
        """Lots that a recorded order traded when it came."""

    def act(self, action: tuple[Any, ...], now: int) -> None:
        m = self.market
        match action:
            case ("submit", venue, sign, px, qty, kind):
                self.keys += 1
                key = -self.keys
                self.back[key] = m.submit(venue % m.venues, key, sign, px, qty, kind, now).cancelled
                self.asked[key] = qty
            case ("special", venue, sign, px, qty, terms):
                self.keys += 1
                key = -self.keys
                self.back[key] = m.submit(
                    venue % m.venues, key, sign, px, qty, Kind.LIMIT, now, terms
                ).cancelled
                self.asked[key] = qty
            case ("halt", venue, phase):
                with suppress(WrongPhase):
                    m.set_phase(venue % m.venues, phase, now)
            case ("cancel", which) if self.keys:
                key = -1 - which % self.keys
                self.back[key] = self.back.get(key, 0) + m.cancel(key)
            case ("replace", which, px, qty) if self.keys and m.leaves(key := -1 - which % self.keys):
                left = m.leaves(key)
                m.replace(key, px, qty, now)
                self.asked[key] += qty - left
            case ("step", rows):
                for _ in range(rows):
                    m.replay_event()

    def check(self, recorded: Seen) -> None:
        m = self.market
        for f in m.fills():
            assert f["qty"] > 0
            self.recorded_makers += int(f["qty"]) if f["maker_key"] >= 0 else 0
            self.recorded_comers += int(f["qty"]) if 0 <= f["taker_key"] < TAKERS else 0
            for key in (int(f["maker_key"]), int(f["taker_key"])):
                self.filled[key] = self.filled.get(key, 0) + int(f["qty"])
        assert {k: self.filled.get(k, 0) + self.back[k] + m.leaves(k) for k in self.asked} == self.asked
        done = [views for rows, views in recorded.shown if rows == m.counts().events]
        for sign in (1, -1):
            if done:
                assert window(m, sign) == done[-1][sign], "what participants do changes nothing there"
        for venue in range(m.venues):
            touch = m.best(venue)
            assert not touch.bid_px or not touch.ask_px or touch.bid_px < touch.ask_px


@given(
    before=BEFORE, stream=STREAMS, levels=WINDOWS, venues=st.integers(1, 3),
    actions=st.lists(ACTIONS, min_size=10, max_size=40),
)  # fmt: skip
def test_with_any_participants_lots_are_conserved_and_the_recorded_window_is_the_recorded_one(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    actions: list[tuple[Any, ...]],
) -> None:
    recorded, recording = seen(levels, before, stream)
    run = Run(recording, venues)
    for now, action in enumerate([*actions, ("step", len(recording.events))]):
        run.act(action, now)
        run.check(recorded)
    m = run.market
    counts = m.replay_counts()
    resting = sum(int(m.orders(v)["qty"][m.orders(v)["key"] >= 0].sum()) for v in range(venues))
    there = sum(int(m.window(sign)[1].sum()) for sign in (1, -1))
    assert counts.contradicted == 0
    assert there - resting == balance(run, recording)


def balance(run: Run, recording: PartialTape) -> int:
    """Lots that rest there and not here, from what was traded, taken off and counted."""
    counts = run.market.replay_counts()
    executed = recording.events["qty"][recording.events["kind"] == TRADE].sum()
    return (
        run.recorded_makers
        + run.recorded_comers
        - int(executed)
        - counts.excused
        + counts.displaced
        - counts.lost_consumed
        + counts.lost_displaced
    )


SPECIAL = st.tuples(
    st.just("special"), st.integers(0, 2), st.sampled_from([1, -1]), PRICES, st.integers(3, 12),
    st.sampled_from([Terms(hidden=True), Terms(peg=Peg.MID), Terms(peg=Peg.PRIMARY), Terms(display_qty=2),
                     Terms(hidden=True, min_qty=3)]),
)  # fmt: skip
HALT = st.tuples(
    st.just("halt"), st.integers(0, 2), st.sampled_from([Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.HALTED])
)


@given(
    before=BEFORE, stream=STREAMS, levels=WINDOWS, venues=st.integers(1, 3),
    actions=st.lists(st.one_of(ACTIONS, SPECIAL, HALT), min_size=10, max_size=40),
)  # fmt: skip
def test_hidden_orders_pegs_icebergs_and_halts_change_nothing_of_that(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    actions: list[tuple[Any, ...]],
) -> None:
    recorded, recording = seen(levels, before, stream)
    run = Run(recording, venues)
    for now, action in enumerate([*actions, ("step", len(recording.events))]):
        with suppress(WrongPhase):
            run.act(action, now)
        run.check(recorded)
    assert run.market.replay_counts().contradicted == 0
