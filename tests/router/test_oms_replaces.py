"""A desk replaces its parent: what it gets in every case, and what the children and risk's ledger do."""

from __future__ import annotations

from typing import Any

import pytest

from risk.order import Side
from router.actions import JOIN, NULL, encode
from router.fix.messages import ExecType, OrdStatus
from router.fix.messages.reports import CxlRejResponseTo
from router.parent import ParentState
from tests.router.desks import Desks
from tests.router.rig import ASK, BID, BTC, LIT1, SECOND

TENTH = encode(10, JOIN, 1)
QUARTER = encode(25, JOIN, 1)


def parents_child(rig: Desks, want: int = TENTH, **terms: Any) -> Desks:
    """A parent with one child resting at the touch of the first venue."""
    rig.want = want
    rig.order("DESK1", **terms)
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.want = NULL
    return rig


def refused(rig: Desks) -> tuple[int | None, str]:
    """Code and text of the last cancel reject."""
    reject = rig.refusals()[-1]
    assert reject.response_to is CxlRejResponseTo.REPLACE
    return reject.cxl_rej_reason, reject.text


# At once.


def test_a_replace_that_needs_no_child_to_go_is_done_at_once() -> None:
    rig = parents_child(Desks())
    rig.replace(lots=12 * BTC, limit_nanos=ASK + 10_000_000, expire_time_ns=rig.now + 50 * SECOND)
    (new, replaced) = rig.reports()
    assert (replaced.exec_type, replaced.ord_status) == (ExecType.REPLACED, OrdStatus.NEW)
    assert (replaced.cl_ord_id, replaced.orig_cl_ord_id, replaced.order_id) == ("R1", "D1", new.order_id)
    assert (replaced.qty_lots, replaced.leaves_lots, replaced.cum_lots) == (12 * BTC, 12 * BTC, 0)
    assert replaced.price_nanos == ASK + 10_000_000
    assert rig.cancels(LIT1) == []
    parent = rig.work.parent
    assert (parent.cl_ord_id, parent.qty_lots, parent.limit_nanos) == ("R1", 12 * BTC, ASK + 10_000_000)
    line = rig.core.gate.exposure.parents[parent.parent_id]
    assert (line.qty_lots, line.limit_nanos, line.amendments) == (12 * BTC, ASK + 10_000_000, 1)


def test_what_the_replace_leaves_out_stays() -> None:
    rig = parents_child(Desks())
    before = rig.work.parent
    rig.replace(lots=11 * BTC)
    after = rig.work.parent
    assert (after.end_ns, after.start_ns, after.must_complete) == (before.end_ns, before.start_ns, True)
    rig.replace("R1", "R2", must_complete=False)
    assert (rig.work.parent.must_complete, rig.work.parent.qty_lots) == (False, 11 * BTC)


def test_the_next_decision_is_about_the_parent_as_it_is_now() -> None:
    rig = parents_child(Desks(), lots=BTC)
    rig.want = encode(100, JOIN, 1)
    rig.run(2)
    worked = sum(child.leaves for child in rig.core.orders.live())
    rig.replace(lots=10 * BTC)
    rig.run(3)
    assert sum(child.leaves for child in rig.core.orders.live()) > worked


def test_a_parent_that_need_not_complete_any_more_has_an_end_again() -> None:
    rig = parents_child(Desks())
    rig.replace(must_complete=False, expire_time_ns=rig.now + 5 * SECOND)
    rig.run(6)
    assert rig.work.state is ParentState.CANCELING
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    last = rig.reports()[-1]
    assert (last.exec_type, last.cl_ord_id) == (ExecType.EXPIRED, "R1")


def test_a_parent_that_has_not_started_may_start_at_another_time() -> None:
    rig = Desks()
    rig.want = TENTH
    rig.order("DESK1", effective_time_ns=rig.now + 30 * SECOND)
    rig.replace(effective_time_ns=rig.now + 3 * SECOND)
    rig.run(2.9)
    assert rig.work.state is ParentState.PENDING
    rig.run(0.3)
    assert rig.work.state is ParentState.ACTIVE
    assert rig.orders(LIT1)
    rig.replace("R1", "R2", effective_time_ns=rig.now + 9 * SECOND)
    assert refused(rig)[0] == 2
    assert "EffectiveTime(168)" in refused(rig)[1]


# After children have gone.


def test_a_smaller_quantity_waits_for_the_children_that_it_leaves_no_room_for() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    assert order.qty_lots == 250_000_000
    rig.fill(order, LIT1, BTC)
    rig.replace(lots=2 * BTC)
    pending = rig.reports()[-1]
    assert (pending.exec_type, pending.ord_status) == (ExecType.PENDING_REPLACE, OrdStatus.PENDING_REPLACE)
    assert (pending.cl_ord_id, pending.orig_cl_ord_id) == ("R1", "D1")
    assert (pending.qty_lots, pending.cum_lots, pending.leaves_lots) == (10 * BTC, BTC, 9 * BTC)
    (cancel,) = rig.cancels(LIT1)
    rig.want = TENTH
    rig.run(2)  # nothing new meanwhile
    assert len(rig.orders(LIT1)) == 1
    rig.canceled(order, LIT1, BTC, cancel.cl_ord_id)
    done = [r for r in rig.reports() if r.exec_type is ExecType.REPLACED][-1]
    assert (done.cl_ord_id, done.orig_cl_ord_id) == ("R1", "D1")
    assert done.ord_status is OrdStatus.PARTIALLY_FILLED
    assert (done.qty_lots, done.cum_lots, done.leaves_lots) == (2 * BTC, BTC, BTC)
    assert rig.core.gate.exposure.parents[rig.work.parent.parent_id].qty_lots == 2 * BTC
    rig.run(2)
    assert len(rig.orders(LIT1)) >= 2


def test_a_tighter_limit_takes_only_the_children_beyond_it() -> None:
    rig = parents_child(Desks())
    rig.want = encode(10, JOIN, 2)
    rig.run(2)
    rig.want = NULL
    live = rig.core.orders.live()
    assert {child.order.price_nanos for child in live} == {BID}
    rig.replace(limit_nanos=BID)
    assert rig.reports()[-1].exec_type is ExecType.REPLACED
    rig.replace("R1", "R2", limit_nanos=BID - 10_000_000)
    assert rig.reports()[-1].exec_type is ExecType.PENDING_REPLACE
    assert all(rig.work.dooms(child.cl_ord_id) for child in live)


def test_the_newest_children_go_first() -> None:
    rig = parents_child(Desks())
    rig.want = QUARTER
    rig.run(1.2)
    rig.want = NULL
    old, new = (rig.child(order) for order in rig.orders(LIT1))
    rig.replace(lots=old.leaves + 1)
    assert [rig.work.dooms(child.cl_ord_id) for child in (old, new)] == [False, True]
    assert [cancel.orig_cl_ord_id for cancel in rig.cancels(LIT1)] == [new.cl_ord_id]


def test_a_fill_that_crosses_the_replace_counts_under_the_old_name() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    rig.replace(lots=BTC)
    rig.fill(order, LIT1, BTC // 2)
    crossed = rig.reports()[-1]
    assert (crossed.exec_type, crossed.ord_status) == (ExecType.TRADE, OrdStatus.PENDING_REPLACE)
    assert (crossed.cl_ord_id, crossed.qty_lots, crossed.leaves_lots) == ("D1", 10 * BTC, 10 * BTC - BTC // 2)
    rig.canceled(order, LIT1, BTC // 2)
    done = rig.reports()[-1]
    assert (done.exec_type, done.cum_lots, done.leaves_lots) == (ExecType.REPLACED, BTC // 2, BTC // 2)


def test_fills_that_reach_the_new_quantity_finish_the_parent() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    rig.replace(lots=BTC)
    rig.fill(order, LIT1, BTC)
    assert rig.work.state is ParentState.REPLACING  # the rest of the child is still at the venue
    rig.canceled(order, LIT1, BTC)
    done = rig.reports()[-1]
    assert (done.exec_type, done.ord_status) == (ExecType.REPLACED, OrdStatus.FILLED)
    assert (done.qty_lots, done.cum_lots, done.leaves_lots) == (BTC, BTC, 0)
    assert rig.work.state is ParentState.FILLED
    assert rig.core.gate.exposure.parents[rig.work.parent.parent_id].closed


def test_fills_beyond_the_new_quantity_refuse_the_replace() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    rig.replace(lots=BTC)
    rig.fill(order, LIT1, 2 * BTC)
    reason, text = refused(rig)
    assert (reason, rig.refusals()[-1].ord_status) == (0, OrdStatus.PARTIALLY_FILLED)
    assert (rig.refusals()[-1].cl_ord_id, rig.refusals()[-1].orig_cl_ord_id) == ("R1", "D1")
    assert "200000000 lots are filled, 100000000 were wanted" in text
    assert rig.work.state is ParentState.ACTIVE
    assert rig.work.parent.qty_lots == 10 * BTC
    rig.replace(request="R2", lots=11 * BTC)  # a name that was refused is not the parent's
    assert rig.reports()[-1].orig_cl_ord_id == "D1"


def test_a_quantity_that_is_filled_exactly_is_a_replace_that_fills() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    rig.fill(order, LIT1, order.qty_lots)
    rig.replace(lots=order.qty_lots)
    assert (rig.reports()[-1].exec_type, rig.work.state) == (ExecType.REPLACED, ParentState.FILLED)


def test_a_child_whose_fate_is_unknown_keeps_the_replace_pending() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    rig.cut(rig.port(LIT1))
    rig.replace(lots=BTC)
    rig.run(20)
    assert rig.work.state is ParentState.REPLACING
    rig.up(rig.port(LIT1))
    rig.status(order, LIT1, OrdStatus.NEW)  # it lives: so it is cancelled
    rig.canceled(order, LIT1, cancel_id=rig.cancels(LIT1)[-1].cl_ord_id)
    assert rig.reports()[-1].exec_type is ExecType.REPLACED


# What overtakes it.


def test_a_cancel_overtakes_a_replace_under_way() -> None:
    rig = parents_child(Desks(), QUARTER)
    rig.replace(lots=BTC)
    rig.cancel("DESK1", "R1", "C1")  # the desk names what it expects the order to be called
    assert refused(rig) == (0, "a cancel came first")
    last = rig.reports()[-1]
    assert (last.exec_type, last.cl_ord_id, last.orig_cl_ord_id) == (ExecType.PENDING_CANCEL, "C1", "D1")
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    assert rig.reports()[-1].exec_type is ExecType.CANCELED
    assert rig.work.parent.qty_lots == 10 * BTC


def test_the_end_of_its_time_overtakes_a_replace_under_way() -> None:
    rig = parents_child(Desks(), QUARTER, must_complete=False, expire_time_ns=Desks().now + 5 * SECOND)
    rig.deaf.add(rig.port(LIT1))
    rig.replace(lots=BTC, expire_time_ns=rig.now + 500 * SECOND)
    rig.run(6)
    assert refused(rig) == (0, "the end of its time came first")
    assert (rig.work.state, rig.work.expired) == (ParentState.CANCELING, True)


def test_a_latch_meanwhile_refuses_it_when_it_would_be_done() -> None:
    rig = parents_child(Desks(), QUARTER)
    rig.replace(lots=BTC)
    rig.operator(1, "suspend")
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    reason, text = refused(rig)
    assert (reason, "kill_latch" in text) == (2, True)
    assert rig.refusals()[-1].ord_status is OrdStatus.SUSPENDED
    assert (rig.work.state, rig.work.parent.cl_ord_id) == (ParentState.ACTIVE, "D1")


# Refused.


@pytest.mark.parametrize(("changes", "reason", "words"), [
    ({"lots": 21 * BTC}, 2, "quantity (control 1)"),
    ({"limit_nanos": ASK + 1}, 2, "tick (control 5)"),
    ({"expire_time_ns": 1}, 2, "duration"),
    ({"symbol": "ETH-USD"}, None, ""),
    ({"side": Side.SELL}, 2, "Side(54) of a parent cannot be changed"),
    ({"account": "ACCT2"}, 2, "Account(1) of a parent cannot be changed"),
    ({"target_strategy": 1002}, 2, "TargetStrategy(847) of a parent cannot be changed"),
    ({"order_capacity": "P"}, 2, "OrderCapacity(528) of a parent cannot be changed"),
    ({"participation_nanos": 10**8}, 2, "ParticipationRate(849) is no parameter"),
    ({"request": "D1"}, 6, "ClOrdID(11) D1 is in use"),
    ({"name": "D9"}, 1, "ClOrdID D9 is not an order of this session"),
    ({"desk": "DESK3"}, None, ""),
])  # fmt: skip
def test_a_replace_is_refused_by_the_name_of_the_rule_and_changes_nothing(
    changes: dict[str, Any], reason: int | None, words: str
) -> None:
    rig = parents_child(Desks())
    before = rig.work.parent
    rig.replace(**changes)
    assert rig.work.parent is before
    assert rig.work.replacement is None
    if reason is None:
        return
    assert refused(rig)[0] == reason
    assert words in refused(rig)[1]
    rig.replace(request="R7", lots=11 * BTC)
    assert rig.reports()[-1].exec_type is ExecType.REPLACED


def test_what_is_filled_cannot_be_taken_away() -> None:
    rig = parents_child(Desks(), QUARTER)
    rig.fill(rig.orders(LIT1)[0], LIT1, 2 * BTC)
    rig.replace(lots=2 * BTC - 1)
    reason, text = refused(rig)
    assert (reason, "parent_conservation (control 6): 200000000 lots filled" in text) == (0, True)


def test_one_replace_at_a_time_and_none_of_what_is_going_or_gone() -> None:
    rig = parents_child(Desks(), QUARTER)
    rig.replace(lots=BTC)
    rig.replace(request="R2", lots=5 * BTC)
    assert refused(rig)[0] == 3
    assert rig.refusals()[-1].ord_status is OrdStatus.PENDING_REPLACE
    rig.cancel("DESK1")
    rig.replace(request="R3")
    assert (refused(rig)[0], rig.refusals()[-1].ord_status) == (3, OrdStatus.PENDING_CANCEL)
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    rig.replace(request="R4")
    assert (refused(rig)[0], rig.refusals()[-1].ord_status) == (0, OrdStatus.CANCELED)


def test_only_the_newest_name_can_be_cancelled_or_replaced_and_any_asked_for() -> None:
    rig = parents_child(Desks())
    rig.replace(lots=11 * BTC)
    rig.replace("D1", "R2", lots=12 * BTC)
    assert refused(rig) == (1, "D1 was replaced by R1")
    rig.cancel("DESK1", "D1")
    assert (rig.refusals()[-1].cxl_rej_reason, rig.refusals()[-1].text) == (1, "D1 was replaced by R1")
    rig.order("DESK1", "D1")
    assert rig.reports()[-1].ord_rej_reason == 6
    rig.say(rig.desk, b"H", b"11=D1\x0155=BTC-USD\x0154=1\x01")
    status = rig.reports()[-1]
    assert (status.exec_type, status.cl_ord_id, status.qty_lots) == (ExecType.ORDER_STATUS, "R1", 11 * BTC)
    rig.cancel("DESK1", "R1")
    assert rig.work.state is ParentState.CANCELING


def test_under_a_latch_and_while_stopping_nothing_is_replaced() -> None:
    rig = parents_child(Desks())
    rig.operator(1, "suspend", "symbol", "BTC-USD")
    rig.replace(lots=11 * BTC)
    assert "kill_latch" in refused(rig)[1]
    rig = parents_child(Desks())
    rig.operator(1, "drain")
    rig.replace(lots=11 * BTC)
    assert refused(rig) == (2, "the router is stopping")


# Over a restart.


def test_a_replace_under_way_survives_the_process() -> None:
    rig = parents_child(Desks(), QUARTER)
    order = rig.orders(LIT1)[0]
    rig.replace(lots=BTC)
    rig.restart()
    rig.up()
    assert rig.work.state is ParentState.REPLACING
    rig.status(order, LIT1, OrdStatus.CANCELED)
    done = rig.reports()[-1]
    assert (done.exec_type, done.cl_ord_id, done.qty_lots) == (ExecType.REPLACED, "R1", BTC)
    rig.want = TENTH
    rig.run(2)
    assert len(rig.orders(LIT1)) == 2
    rig.replay()


def test_names_and_the_count_of_amendments_survive_the_process() -> None:
    rig = parents_child(Desks())
    rig.replace(lots=11 * BTC)
    rig.restart()
    rig.up()
    line = rig.core.gate.exposure.parents[rig.work.parent.parent_id]
    assert (line.qty_lots, line.amendments) == (11 * BTC, 1)
    rig.order("DESK1", "D1", lots=BTC)
    assert rig.reports()[-1].ord_rej_reason == 6
    rig.replace("R1", "R2", lots=12 * BTC)
    assert rig.reports()[-1].orig_cl_ord_id == "R1"


def test_a_parent_that_gets_no_further_child_is_not_replaced_however_long_ago_that_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("risk.exposure.CLOSED_PARENTS_KEPT", 1)
    rig = Desks()
    rig.order("DESK1")
    (work,) = rig.core.parents.values()
    work.is_shut = True
    rig.core.gate.parent_closed(work.parent.parent_id)
    for n in (1, 2):
        rig.order("DESK1", f"B{n}", lots=n * BTC)
        rig.cancel("DESK1", f"B{n}")
    assert work.parent.parent_id not in rig.core.gate.exposure.parents
    rig.replace("D1", lots=5 * BTC)
    assert refused(rig)[0] == 2
    assert "gets no further child" in refused(rig)[1]
    assert work.parent.qty_lots == 10 * BTC
