"""The book against plain dictionaries, and what each kernel promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router import book
from router.book import ANOMALY, ASK, BID, CHANGE, CROSSED, DELETE, NEW, TOUCH, TRADE, TRADED, V_MAX

Entry = tuple[int, int, int, int, int]  # action, kind, px, qty, sign


def entries(*rows: Entry) -> np.ndarray:
    made = np.zeros(max(len(rows), 1), book.ENTRY)
    for i, (action, kind, px, qty, sign) in enumerate(rows):
        made[i] = (px, qty, action, kind, sign, 0)
    return made


def apply(books: np.ndarray, *rows: Entry, v: int = 0, now_ns: int = 1) -> int:
    return int(book.apply_entries(books, v, entries(*rows), len(rows), now_ns))


def load(books: np.ndarray, *rows: Entry, v: int = 0) -> int:
    return int(book.load_entries(books, v, entries(*rows), len(rows), 1))


def levels(books: np.ndarray, side: int, v: int = 0) -> list[tuple[int, int]]:
    """Best first."""
    n = int(books[v]["n"][side])
    pxs, qtys = books[v]["px"][side, :n].tolist(), books[v]["qty"][side, :n].tolist()
    return list(zip(pxs, qtys, strict=True))[::-1]


def bid(px: int, qty: int, action: int = NEW) -> Entry:
    return (action, BID, px, qty, 0)


def ask(px: int, qty: int, action: int = NEW) -> Entry:
    return (action, ASK, px, qty, 0)


@pytest.fixture
def books() -> np.ndarray:
    made = book.new_books()
    assert load(made, bid(98, 5), bid(100, 3), bid(96, 7), ask(104, 2), ask(102, 4)) == TOUCH
    return made


class TestApply:
    def test_keeps_each_side_with_the_best_last(self, books: np.ndarray) -> None:
        assert books[0]["px"][BID, :3].tolist() == [96, 98, 100]
        assert books[0]["px"][ASK, :2].tolist() == [104, 102]

    def test_new_change_and_delete_of_a_level(self, books: np.ndarray) -> None:
        assert apply(books, bid(99, 1), ask(104, 9, CHANGE), bid(96, 0, DELETE)) == 0
        assert levels(books, BID) == [(100, 3), (99, 1), (98, 5)]
        assert levels(books, ASK) == [(102, 4), (104, 9)]

    @pytest.mark.parametrize(
        ("row", "flags"),
        [
            (bid(100, 4, CHANGE), TOUCH),
            (bid(100, 0, DELETE), TOUCH),
            (bid(101, 1), TOUCH),
            (ask(102, 3, CHANGE), TOUCH),
            (ask(103, 1), 0),
            (bid(98, 1, CHANGE), 0),
            (bid(102, 1), TOUCH | CROSSED),
            (bid(103, 1), TOUCH | CROSSED),
        ],
    )
    def test_says_what_moved(self, books: np.ndarray, row: Entry, flags: int) -> None:
        assert apply(books, row) == flags

    def test_a_batch_may_cross_on_its_way(self, books: np.ndarray) -> None:
        assert apply(books, bid(103, 1), ask(102, 0, DELETE)) == TOUCH

    @pytest.mark.parametrize("row", [bid(100, 1), bid(99, 1, CHANGE), ask(103, 0, DELETE)])
    def test_an_entry_that_cannot_follow_stops_the_batch(self, books: np.ndarray, row: Entry) -> None:
        flags = apply(books, ask(106, 1), row, ask(108, 1))
        assert flags & ANOMALY
        assert flags >> 8 == 1
        assert levels(books, ASK)[-1] == (106, 1)

    def test_counts_messages_and_entries(self, books: np.ndarray) -> None:
        apply(books, bid(99, 1), ask(103, 1), now_ns=7)
        row = books[0]
        assert (row["messages"], row["entries"], row["last_update_ns"]) == (2, 7, 7)


class TestTrades:
    def test_volume_is_signed_by_the_aggressor_told(self, books: np.ndarray) -> None:
        assert apply(books, (NEW, TRADE, 102, 4, -1), (NEW, TRADE, 102, 3, 1), now_ns=9) == TRADED
        row = books[0]
        assert (row["buy_lots"], row["sell_lots"], row["total_lots"], row["trades"]) == (3, 4, 7, 2)
        assert (row["last_px"], row["last_qty"], row["last_sign"], row["last_trade_ns"]) == (102, 3, 1, 9)

    @pytest.mark.parametrize(("px", "sign"), [(102, 1), (100, -1), (101, 0)])
    def test_an_aggressor_not_told_is_read_from_the_mid_before(
        self, books: np.ndarray, px: int, sign: int
    ) -> None:
        apply(books, ask(102, 0, DELETE), bid(103, 9), (NEW, TRADE, px, 5, 0))
        assert books[0]["last_sign"] == sign
        assert books[0]["buy_lots"] - books[0]["sell_lots"] == 5 * sign
        assert books[0]["total_lots"] == 5

    def test_a_bust_changes_no_totals(self, books: np.ndarray) -> None:
        assert apply(books, (DELETE, TRADE, 102, 5, 0)) == 0
        assert books[0]["total_lots"] == 0

    def test_clear_empties_levels_and_keeps_totals(self, books: np.ndarray) -> None:
        apply(books, (NEW, TRADE, 102, 4, 1))
        book.clear(books, 0)
        assert levels(books, BID) == levels(books, ASK) == []
        assert books[0]["total_lots"] == 4
        assert books[0]["last_update_ns"] == 0


class TestSnapshot:
    @given(
        st.dictionaries(st.integers(1, 500), st.integers(1, 9), max_size=40),
        st.dictionaries(st.integers(501, 999), st.integers(1, 9), max_size=40),
        st.randoms(use_true_random=False),
    )
    def test_takes_levels_in_any_order(self, bids: dict[int, int], asks: dict[int, int], random) -> None:  # type: ignore[no-untyped-def]
        made = book.new_books()
        rows = [bid(*level) for level in bids.items()] + [ask(*level) for level in asks.items()]
        random.shuffle(rows)
        assert load(made, *rows) == TOUCH
        assert levels(made, BID) == sorted(bids.items(), reverse=True)
        assert levels(made, ASK) == sorted(asks.items())

    def test_replaces_what_was_held(self, books: np.ndarray) -> None:
        load(books, bid(50, 1))
        assert (levels(books, BID), levels(books, ASK)) == ([(50, 1)], [])

    def test_refuses_a_price_held_twice(self) -> None:
        made = book.new_books()
        assert load(made, bid(50, 1), bid(60, 1), bid(50, 2)) & ANOMALY
        assert load(made, bid(50, 1), bid(50, 2)) & ANOMALY

    def test_says_when_it_is_crossed(self) -> None:
        assert load(book.new_books(), bid(50, 1), ask(50, 1)) == TOUCH | CROSSED


class TestCapacity:
    @pytest.fixture
    def full(self) -> np.ndarray:
        made = book.new_books()
        rows = np.zeros(book.CAP + 2, book.ENTRY)
        rows["kind"] = ASK
        rows["px"] = np.arange(1000, 1000 + 2 * (book.CAP + 2), 2)
        rows["qty"] = 1
        assert book.load_entries(made, 0, rows, len(rows), 1) == TOUCH
        return made

    def test_a_snapshot_keeps_the_best_and_counts_the_rest(self, full: np.ndarray) -> None:
        assert full[0]["n"][ASK] == book.CAP
        assert full[0]["dropped"][ASK] == 2
        assert book.best_px(full, 0, ASK) == 1000
        assert full[0]["px"][ASK, 0] == 1000 + 2 * (book.CAP - 1)

    def test_a_better_level_drops_the_worst(self, full: np.ndarray) -> None:
        assert apply(full, ask(999, 5), ask(1001, 6)) == TOUCH
        assert levels(full, ASK)[:4] == [(999, 5), (1000, 1), (1001, 6), (1002, 1)]
        assert full[0]["n"][ASK] == book.CAP
        assert full[0]["dropped"][ASK] == 4
        assert (np.diff(full[0]["px"][ASK]) < 0).all()

    def test_changes_of_what_was_dropped_are_no_anomaly(self, full: np.ndarray) -> None:
        worst = 1000 + 2 * book.CAP
        assert apply(full, ask(worst, 2, CHANGE), ask(worst, 0, DELETE), ask(worst + 50, 1)) == 0
        assert apply(full, ask(1000, 0, DELETE), ask(worst + 2, 0, DELETE), ask(worst, 9)) == TOUCH
        assert levels(full, ASK)[-1] == (worst - 2, 1)  # still exactly the best part

    def test_an_unknown_level_inside_is_one(self, full: np.ndarray) -> None:
        assert apply(full, ask(1001, 2, CHANGE)) & ANOMALY


class TestReading:
    def test_top_is_best_first_and_zero_where_there_is_none(self, books: np.ndarray) -> None:
        px, qty = np.full((2, 3), -1), np.full((2, 3), -1)
        book.top(books, 0, 3, px, qty)
        assert px.tolist() == [[100, 98, 96], [102, 104, 0]]
        assert qty.tolist() == [[3, 5, 7], [4, 2, 0]]

    def test_best_of_an_empty_side_is_zero(self) -> None:
        made = book.new_books()
        assert book.best_px(made, 3, BID) == book.best_qty(made, 3, ASK) == 0

    def test_cbbo_adds_quantity_at_one_price_over_usable_venues(self, books: np.ndarray) -> None:
        load(books, bid(100, 10), ask(103, 1), v=2)
        load(books, bid(101, 1), ask(102, 6), v=5)
        usable = np.zeros(V_MAX, np.bool_)
        assert book.cbbo(books, usable) == (0, 0, 0, 0)
        usable[[0, 2]] = True
        assert book.cbbo(books, usable) == (100, 13, 102, 4)
        usable[5] = True
        assert book.cbbo(books, usable) == (101, 1, 102, 10)

    def test_sweep_cost_walks_one_side(self, books: np.ndarray) -> None:
        assert book.sweep_cost(books, 0, ASK, 5, 101) == (5, 104, 4 * 1.0 + 1 * 3.0)
        assert book.sweep_cost(books, 0, BID, 4, 101) == (4, 98, 3 * 1.0 + 1 * 3.0)
        assert book.sweep_cost(books, 0, ASK, 99, 101) == (6, 104, 4 * 1.0 + 2 * 3.0)
        assert book.sweep_cost(books, 0, ASK, 0, 101) == (0, 0, 0.0)

    @given(
        st.lists(st.dictionaries(st.integers(1, 30), st.integers(1, 9), max_size=6), min_size=3, max_size=3),
        st.integers(0, 60),
        st.sampled_from([BID, ASK]),
    )
    def test_sweep_all_takes_the_best_of_all_venues(
        self, venues: list[dict[int, int]], lots: int, side: int
    ) -> None:
        made = book.new_books()
        for v, held in enumerate(venues):
            load(made, *((NEW, side, px, qty, 0) for px, qty in held.items()), v=v)
        usable = np.array([True, False, True] + [False] * 5)
        sign = 1 if side == ASK else -1
        left, worst, cost = lots, 0, 0
        for px, qty in sorted((*venues[0].items(), *venues[2].items()), key=lambda level: sign * level[0]):
            if left:
                take = min(left, qty)
                left, worst, cost = left - take, px, cost + sign * (px - 15) * take
        assert book.sweep_all(made, usable, side, lots, 15) == (lots - left, worst, cost)


class BookMachine(RuleBasedStateMachine):
    """Random batches on one book, with dictionaries as the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.books = book.new_books()
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    @rule(
        batch=st.lists(
            st.tuples(st.sampled_from([BID, ASK]), st.integers(0, 25), st.integers(0, 9)), max_size=8
        )
    )
    def change(self, batch: list[tuple[int, int, int]]) -> None:
        rows: list[Entry] = []
        before = [max(self.sides[0].items(), default=None), min(self.sides[1].items(), default=None)]
        for side, px, qty in batch:
            held = self.sides[side]
            px += 1 if side == BID else 20  # the sides overlap: crossed books occur
            if qty:
                rows.append((CHANGE if px in held else NEW, side, px, qty, 0))
                held[px] = qty
            elif px in held:
                rows.append((DELETE, side, px, 0, 0))
                del held[px]
        flags = apply(self.books, *rows)
        best = [max(self.sides[0].items(), default=None), min(self.sides[1].items(), default=None)]
        assert bool(flags & TOUCH) == (best != before)
        assert bool(flags & CROSSED) == bool(best[0] and best[1] and best[0][0] >= best[1][0])

    @rule(
        side=st.sampled_from([BID, ASK]), px=st.integers(1, 60), action=st.sampled_from([NEW, CHANGE, DELETE])
    )
    def refuse(self, side: int, px: int, action: int) -> None:
        if (px in self.sides[side]) == (action == NEW):
            assert apply(self.books, (action, side, px, 1, 0)) == ANOMALY

    @rule()
    def clear(self) -> None:
        book.clear(self.books, 0)
        for side in self.sides:
            side.clear()

    @invariant()
    def same_levels(self) -> None:
        assert levels(self.books, BID) == sorted(self.sides[0].items(), reverse=True)
        assert levels(self.books, ASK) == sorted(self.sides[1].items())


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
