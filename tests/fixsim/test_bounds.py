"""Three bounds of passive fills: what each counts, and that none passes the next."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fixsim.bounds import Bounds, Totals
from fixsim.matching import Kind, Market, Terms
from fixsim.matching.capacity import Capacity
from fixsim.matching.partialmarket import PartialMarket
from tests.fixsim.partial_tapes import SMALL, seen
from tests.fixsim.test_partial import ACTIONS, BEFORE, PX, STREAMS, WINDOWS

CAPACITY = Capacity(orders=256, recorded=8, own=64, window=64, overflow=64, fills=512, trades=8, notes=128)


class Desk:
    """A market of participants only, and the bounds of those of its orders that rest."""

    def __init__(self) -> None:
        self.market = Market(2, PX, capacity=CAPACITY)
        self.bounds = Bounds(self.market)
        self.now = 0

    def submit(
        self,
        key: int,
        sign: int,
        px: int,
        qty: int,
        venue: int = 0,
        kind: Kind = Kind.LIMIT,
        terms: Terms | None = None,
    ) -> None:
        self.now += 1
        self.market.submit(venue, key, sign, px, qty, kind, self.now, terms or Terms())
        self.observe()
        if kind is Kind.LIMIT and not (terms and terms.hidden):
            self.bounds.placed(key, venue, sign, px)

    def observe(self) -> None:
        fills = self.market.fills().tolist()
        self.bounds.observe(fills, [(sign, px) for px, _, _, _, sign in self.market.changes().tolist()])

    def cancel(self, key: int) -> None:
        self.now += 1
        self.market.cancel(key, self.now)
        self.observe()
        self.bounds.ended(key)

    def replace(self, key: int, px: int, qty: int) -> None:
        self.now += 1
        self.market.replace(key, px, qty, self.now)
        self.bounds.replacing(key, px, qty)
        self.observe()
        self.bounds.replaced(key, px)

    def of(self, key: int) -> list[tuple[int, int, int, int]]:
        """quantity, optimistic, FIFO, conservative of each stay"""
        return [row[4:] for row in self.bounds.report() if row.key == key]


def test_a_trade_at_the_price_fills_at_best_at_once_and_in_the_queue_after_what_is_ahead() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 5)
    desk.submit(-2, 1, PX, 4)
    desk.submit(-3, -1, PX, 7)
    assert desk.of(-2) == [(4, 4, 2, 2)]
    assert desk.of(-1) == [(5, 5, 5, 3)]


def test_what_joins_behind_counts_against_the_worst_and_what_is_cancelled_too() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 5)
    desk.submit(-2, 1, PX, 4)
    desk.submit(-3, 1, PX, 6)
    desk.cancel(-1)
    desk.submit(-4, -1, PX, 4)
    assert desk.of(-2) == [(4, 4, 4, 0)]


def test_a_trade_through_the_price_in_the_instant_that_fills_counts_for_the_worst() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 5)
    desk.submit(-2, 1, PX, 4)
    desk.submit(-3, 1, PX - 2, 20)
    desk.cancel(-1)
    desk.submit(-4, -1, PX - 2, 30)
    assert desk.of(-2) == [(4, 4, 4, 4)], "nine traded through: more than the five that were cancelled"


def test_a_trade_through_at_another_venue_is_the_optimist_s_only() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 4, venue=0)
    desk.submit(-2, 1, PX - 2, 9, venue=1)
    desk.submit(-3, -1, PX - 2, 9, venue=1)
    assert desk.of(-1) == [(4, 4, 0, 0)]


def test_hidden_lots_at_the_price_are_the_optimist_s_only() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 3)
    desk.submit(-2, 1, PX, 9, terms=Terms(hidden=True), venue=1)
    desk.submit(-3, -1, PX, 9, venue=1)
    assert desk.of(-1) == [(3, 3, 0, 0)]


def test_a_replaced_order_keeps_its_count_with_its_place_and_begins_another_without_it() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 9)
    desk.submit(-2, -1, PX, 2)
    desk.replace(-1, PX, 4)
    assert desk.of(-1) == [(6, 2, 2, 2)]
    desk.replace(-1, PX + 2, 4)
    desk.submit(-3, -1, PX, 1)
    assert desk.of(-1) == [(6, 2, 2, 2), (4, 1, 1, 1)]
    assert desk.bounds.totals() == Totals(10, 3, 3, 3)


def test_a_replace_that_takes_counts_only_what_rests_after_it() -> None:
    desk = Desk()
    desk.submit(-1, -1, PX + 2, 3)
    desk.submit(-2, 1, PX, 9)
    desk.replace(-2, PX + 2, 9)
    assert desk.of(-2) == [(9, 0, 0, 0), (6, 0, 0, 0)]


def test_an_iceberg_s_pieces_are_its_own() -> None:
    desk = Desk()
    desk.submit(-1, 1, PX, 9, terms=Terms(display_qty=2))
    desk.submit(-2, 1, PX, 5)
    desk.submit(-3, -1, PX, 8)
    assert desk.of(-1) == [(9, 8, 3, 3)]
    assert desk.of(-2) == [(5, 5, 5, 4)], "two were shown before it, and two joined behind"


@given(
    before=BEFORE, stream=STREAMS, levels=WINDOWS, venues=st.integers(1, 3),
    actions=st.lists(ACTIONS, min_size=10, max_size=40), shown=st.integers(0, 4),
)  # fmt: skip
def test_optimistic_is_at_least_fifo_and_fifo_at_least_conservative(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    actions: list[tuple[Any, ...]],
    shown: int,
) -> None:
    """In a partial tape with any participants, icebergs among them, looked at after each act; and who looks
    only where something has changed sees what one does who looks everywhere.
    """
    _, recording = seen(levels, before, stream)
    market = PartialMarket(recording, venues, capacity=SMALL)
    bounds, everywhere = both = Bounds(market), Bounds(market)
    keys = passive = 0

    def observe() -> None:
        fills = market.fills().tolist()
        bounds.observe(fills, [(sign, px) for px, _, _, _, sign in market.changes().tolist()])
        everywhere.observe(fills, list(everywhere._at))

    for now, action in enumerate([*actions, ("step", len(recording.events))]):
        match action:
            case ("submit", venue, sign, px, qty, kind):
                keys += 1
                display = shown if kind is Kind.LIMIT and shown < qty else 0
                market.submit(venue % venues, -keys, sign, px, qty, kind, now, Terms(display_qty=display))
                observe()
                for one in both:
                    one.placed(-keys, venue % venues, sign, px)
            case ("cancel", which) if keys:
                market.cancel(-1 - which % keys)
                observe()
                for one in both:
                    one.ended(-1 - which % keys)
            case ("replace", which, px, qty) if keys and market.leaves(key := -1 - which % keys):
                market.replace(key, px, qty, now)
                for one in both:
                    one.replacing(key, px, qty)
                observe()
                for one in both:
                    one.replaced(key, px)
            case ("step", rows):
                for _ in range(rows):
                    market.replay_event()
                fills = market.fills()
                passive += int(fills["qty"][fills["maker_is_ours"]].sum())
                changed = [(sign, px) for px, _, _, _, sign in market.changes().tolist()]
                bounds.observe(fills.tolist(), changed)
                everywhere.observe(fills.tolist(), list(everywhere._at))
    assert bounds.report() == everywhere.report()
    for row in bounds.report():
        assert row.qty >= row.optimistic >= row.fifo >= row.conservative >= 0
    assert bounds.totals().fifo >= passive
