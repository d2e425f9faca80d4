"""The ledger, under any sequence of passes, fills (late, over), closes, adoptions, against a recount."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from risk import exposure
from risk.exposure import Exposure, UnknownOrder
from risk.gate import Approved
from tests.risk.build import ASK, BTC, NOW, SECOND, child, gate, market, parent, refresh

PARENTS = {"P1": 1000, "P2": 7}


class ExposureMachine(RuleBasedStateMachine):
    """Through the gate: whatever happens, what passes never lets a parent exceed its quantity."""

    orders: Bundle[str] = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.gate = gate(child__max_share_of_parent_bp=10_000, child__max_repeats_count=1000)
        self.book = market()
        self.now_ns = NOW
        self.number = 0
        self.lots: dict[str, int] = {}
        self.parent_of: dict[str, str] = {}
        self.done_lots: dict[str, int] = {}
        self.open: set[str] = set()
        self.closed_parents: set[str] = set()
        self.excess: set[str] = set()
        for parent_id, lots in PARENTS.items():
            made = parent(parent_id=parent_id, cl_ord_id=parent_id, qty_lots=lots)
            assert self.gate.admit(made, self.book, self.now_ns) is None

    def reserved(self, parent_id: str) -> int:
        mine = (o for o in self.open if self.parent_of[o] == parent_id)
        return sum(max(0, self.lots[o] - self.done_lots[o]) for o in mine)

    def filled(self, parent_id: str) -> int:
        return sum(done for o, done in self.done_lots.items() if self.parent_of[o] == parent_id)

    @rule(target=orders, parent_id=st.sampled_from(sorted(PARENTS)), lots=st.integers(1, 400))
    def send(self, parent_id: str, lots: int) -> Any:
        self.number, self.now_ns = self.number + 1, self.now_ns + SECOND
        refresh(self.book, self.now_ns)
        fits = self.filled(parent_id) + self.reserved(parent_id) + lots <= PARENTS[parent_id]
        order = child(self.number, parent_id=parent_id, qty_lots=lots, price_nanos=ASK)
        answer = self.gate.check(order, self.book, self.now_ns)
        assert isinstance(answer, Approved) == (fits and parent_id not in self.closed_parents)
        if not isinstance(answer, Approved):
            return multiple()
        return self._hold(order.cl_ord_id, parent_id, lots)

    def _hold(self, cl_ord_id: str, parent_id: str, lots: int) -> str:
        self.lots[cl_ord_id], self.parent_of[cl_ord_id], self.done_lots[cl_ord_id] = lots, parent_id, 0
        self.open.add(cl_ord_id)
        return cl_ord_id

    @rule(target=orders, parent_id=st.sampled_from([*sorted(PARENTS), "GONE"]), lots=st.integers(1, 400))
    def adopt(self, parent_id: str, lots: int) -> str:
        self.number += 1
        order = child(self.number, parent_id=parent_id, qty_lots=lots)
        self.gate.adopt(order, 0)
        self.excess.add(parent_id)
        return self._hold(order.cl_ord_id, parent_id, lots)

    @rule(cl_ord_id=orders, lots=st.integers(1, 500))
    def fill(self, cl_ord_id: str, lots: int) -> None:
        if lots > self.lots[cl_ord_id] - self.done_lots[cl_ord_id] or cl_ord_id not in self.open:
            self.excess.add(self.parent_of[cl_ord_id])
        self.gate.filled(cl_ord_id, lots)
        self.done_lots[cl_ord_id] += lots

    @rule(cl_ord_id=orders, share=st.integers(1, 100), restored=st.booleans())
    def bust(self, cl_ord_id: str, share: int, restored: bool) -> None:
        """The venue takes a fill back; most put nothing of it into the book again, some do."""
        done = self.done_lots[cl_ord_id]
        lots = -(-done * share // 100)
        if not lots:
            return
        leaves = max(0, self.lots[cl_ord_id] - done) + (lots if restored else 0)
        if restored:
            self.excess.add(self.parent_of[cl_ord_id])
        self.gate.busted(cl_ord_id, lots, leaves)
        self.done_lots[cl_ord_id] = done - lots
        self.lots[cl_ord_id] = done - lots + leaves

    @rule(cl_ord_id=orders, leaves=st.integers(0, 400))
    def restate(self, cl_ord_id: str, leaves: int) -> None:
        if leaves > self.lots[cl_ord_id] - self.done_lots[cl_ord_id]:
            self.excess.add(self.parent_of[cl_ord_id])
        self.gate.restated(cl_ord_id, leaves)
        self.lots[cl_ord_id] = self.done_lots[cl_ord_id] + leaves

    @rule(cl_ord_id=consumes(orders))
    def close(self, cl_ord_id: str) -> None:
        self.gate.closed(cl_ord_id)
        self.gate.closed(cl_ord_id)
        self.open.discard(cl_ord_id)

    @rule(parent_id=st.sampled_from(sorted(PARENTS)))
    def close_parent(self, parent_id: str) -> None:
        self.gate.parent_closed(parent_id)
        self.closed_parents.add(parent_id)

    @invariant()
    def the_ledger_agrees_with_a_recount(self) -> None:
        for parent_id, line in self.gate.exposure.parents.items():
            assert line.filled_lots == self.filled(parent_id)
            assert line.reserved_lots == self.reserved(parent_id)
            assert line.reserved_lots >= 0
        assert self.gate.exposure.open_parents == len(PARENTS) - len(self.closed_parents)

    @invariant()
    def a_parent_stays_within_its_quantity(self) -> None:
        """But for what a venue overfilled, filled late, or we adopted."""
        for parent_id, lots in PARENTS.items():
            if parent_id not in self.excess:
                assert self.filled(parent_id) + self.reserved(parent_id) <= lots


TestExposureMachine = ExposureMachine.TestCase


def test_done_orders_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "CLOSED_ORDERS_KEPT", 2)
    ledger = Exposure()
    line = ledger.take_in(parent())
    for number in range(4):
        ledger.reserve(f"S1-{number}", line, BTC)
    for number in range(1, 4):
        ledger.close(f"S1-{number}")
    assert set(ledger.orders) == {"S1-0", "S1-2", "S1-3"}
    assert ledger.knows("S1-2")
    assert not ledger.knows("S1-1")
    with pytest.raises(UnknownOrder, match="S1-1"):
        ledger.fill("S1-1", 1)
    assert line.reserved_lots == BTC


def test_closed_parents_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "CLOSED_PARENTS_KEPT", 1)
    ledger = Exposure()
    for name in ("A", "B", "C"):
        ledger.take_in(replace(parent(), parent_id=name))
    ledger.close_parent("A")
    ledger.close_parent("B")
    assert set(ledger.parents) == {"B", "C"}
    assert ledger.open_parents == 1


def test_a_fill_of_nothing_is_an_error() -> None:
    ledger = Exposure()
    ledger.reserve("S1-1", ledger.take_in(parent()), BTC)
    with pytest.raises(ValueError, match="0 lots is not positive"):
        ledger.fill("S1-1", 0)


def test_no_more_is_busted_than_was_filled() -> None:
    ledger = Exposure()
    ledger.reserve("S1-1", ledger.take_in(parent()), BTC)
    ledger.fill("S1-1", 3)
    with pytest.raises(ValueError, match="bust of 4 lots of S1-1, which has filled 3"):
        ledger.bust("S1-1", 4, 0)


def test_what_had_ended_is_reserved_again_and_forgotten_only_when_it_ends_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exposure, "CLOSED_ORDERS_KEPT", 1)
    book = Exposure()
    line = book.take_in(parent(qty_lots=1000))
    orders = [child(number, parent_id=line.parent_id, qty_lots=100) for number in range(3)]
    for order in orders:
        book.adopt(order, 0)
    first = orders[0].cl_ord_id
    book.fill(first, 40)
    book.close(first)
    book.reopen(first, 60)
    assert (line.filled_lots, line.reserved_lots) == (40, 260)
    for order in orders[1:]:
        book.close(order.cl_ord_id)
    assert book.knows(first)
    book.reopen(first, 30)  # it is open: restated
    assert line.reserved_lots == 30
    book.close(first)
    assert line.reserved_lots == 0


def test_what_ended_before_a_restart_is_recalled_with_its_fills_and_can_be_busted() -> None:
    book = Exposure()
    line = book.take_in(parent(qty_lots=1000))
    line.filled_lots = 50
    order = child(1, parent_id=line.parent_id, qty_lots=100)
    book.recall(order, 50)
    assert (line.filled_lots, line.reserved_lots) == (50, 0)
    book.bust(order.cl_ord_id, 50, 0)
    assert (line.filled_lots, line.reserved_lots) == (0, 0)
