"""A parent's life along its table, and the figures that follow from its fills."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.order import Parent, Side
from router import parent
from router.parent import ENDED, TRANSITIONS, Fill, ParentEvent, ParentState, ParentWork, Replacement


def work(state: ParentState = ParentState.PENDING, qty: int = 1000) -> ParentWork:
    order = Parent("P1", "D1", "BTC-USD", "A", Side.BUY, qty, None, 0, 100, 1001, True, 0)
    return ParentWork(order, number=1, desk=0, state=state)


@pytest.mark.parametrize(("state", "event"), [*product(ParentState, ParentEvent)])
def test_only_what_the_table_lists_can_happen(state: ParentState, event: ParentEvent) -> None:
    one = work(state)
    if event is ParentEvent.CHILDREN_GONE:
        legal = state is ParentState.CANCELING
    else:
        legal = (state, event) in TRANSITIONS
    if legal:
        one.move(event)
        assert one.state is not state or state is ParentState.CANCELING
    else:
        with pytest.raises(ValueError, match=f"P1 is {state.value}"):
            one.move(event)
        assert one.state is state


def test_what_is_over_stays_over() -> None:
    """A bust may say that it was not filled after all."""
    assert {t for (state, _), t in TRANSITIONS.items() if state in ENDED} == {ParentState.CANCELED}


def test_a_cancel_of_what_is_expiring_makes_it_a_cancel() -> None:
    one = work(ParentState.ACTIVE)
    one.move(ParentEvent.TIME_UP)
    one.move(ParentEvent.CANCEL_ASKED)
    one.move(ParentEvent.CHILDREN_GONE)
    assert one.state is ParentState.CANCELED


def test_a_state_dooms_all_children_none_or_those_that_a_replace_leaves_no_room_for() -> None:
    assert not work(ParentState.ACTIVE).dooms("C1")
    assert work(ParentState.CANCELING).dooms("C1")
    one = work(ParentState.REPLACING)
    one.replacement = Replacement(one.parent, {"C1"})
    assert one.dooms("C1")
    assert not one.dooms("C2")


def test_the_oldest_fills_are_beyond_a_busts_reach_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "FILLS_KEPT", 2)
    one = work(ParentState.ACTIVE)
    for number in range(3):
        one.keep_fill((0, f"X{number}", "C1"), Fill(f"E{number}", 1, 1, 0))
    assert [fill.exec_id for fill in one.fills.values()] == ["E1", "E2"]


def test_it_is_cancelled_when_its_children_are_gone_and_expired_when_time_ended_it() -> None:
    for event, end in (
        (ParentEvent.CANCEL_ASKED, ParentState.CANCELED),
        (ParentEvent.TIME_UP, ParentState.EXPIRED),
    ):
        one = work(ParentState.ACTIVE)
        one.move(event)
        assert one.state is ParentState.CANCELING
        one.move(ParentEvent.CHILDREN_GONE)
        assert one.state is end
        assert one.is_ended


def test_a_fill_that_completes_it_wins_over_its_cancel() -> None:
    one = work(ParentState.ACTIVE)
    one.move(ParentEvent.CANCEL_ASKED)
    one.move(ParentEvent.FILLED)
    assert one.state is ParentState.FILLED


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**13)), max_size=20))
def test_the_average_is_the_exact_quotient_rounded_half_up(fills: list[tuple[int, int]]) -> None:
    one = work()
    for lots, price in fills:
        one.filled_lots += lots
        one.notional += lots * price
    if not fills:
        assert one.average_nanos == 0
        return
    error = 2 * (one.notional - one.average_nanos * one.filled_lots)
    assert -one.filled_lots <= error < one.filled_lots
    assert one.left_lots == 1000 - one.filled_lots
