"""What a parent's desk is told when a latch stops it, and when a venue takes back what it had said."""

from __future__ import annotations

from typing import Any

import pytest

from router.actions import JOIN, NULL, encode
from router.fix.messages import ExecType, ExecutionReport, NewOrderSingle, OrdStatus
from router.parent import ParentState
from tests.router.desks import Desks
from tests.router.rig import ASK, BTC, LIT1, SECOND, SYMBOL

CENT = 10_000_000
QUARTER = encode(25, JOIN, 1)


def working(**terms: Any) -> tuple[Desks, NewOrderSingle]:
    rig = Desks()
    rig.want = QUARTER
    rig.order("DESK1", **terms)
    order = rig.orders(LIT1)[0]
    rig.ack(order, LIT1)
    rig.want = NULL
    return rig, order


def revise(
    rig: Desks, order: NewOrderSingle, kind: ExecType, ref: str, *, cum: int, leaves: int,
    status: OrdStatus = OrdStatus.PARTIALLY_FILLED, **more: Any,
) -> str:  # fmt: skip
    """The venue busts (H) or corrects (G) its report `ref`; the ExecID by which it says so."""
    rig.execs += 1
    report = ExecutionReport(
        order_id=f"V-{order.cl_ord_id}", exec_id=f"V{rig.execs}", exec_type=kind, ord_status=status,
        symbol=SYMBOL, side=order.side, leaves_lots=leaves, cum_lots=cum, avg_px_nanos=0,
        cl_ord_id=order.cl_ord_id, exec_ref_id=ref, account=order.account, qty_lots=order.qty_lots, **more,
    )  # fmt: skip
    rig.say(rig.port(LIT1), b"8", report.body(BTC))
    return report.exec_id


def last(rig: Desks) -> ExecutionReport:
    return rig.reports()[-1]


# Suspended.


@pytest.mark.parametrize(("cmd", "scope", "name"), [
    ("suspend", "all", ""), ("suspend", "symbol", SYMBOL), ("suspend", "parent", "SL1-P1"),
    ("kill", "all", ""),
])  # fmt: skip
def test_a_latch_over_a_parent_suspends_it_and_its_end_restates_it(cmd: str, scope: str, name: str) -> None:
    rig, order = working()
    rig.operator(1, cmd, scope, name)
    suspended = last(rig)
    assert (suspended.exec_type, suspended.ord_status) == (ExecType.SUSPENDED, OrdStatus.SUSPENDED)
    assert (suspended.leaves_lots, suspended.cum_lots) == (10 * BTC, 0)
    assert "a test" in suspended.text
    rig.operator(2, cmd, scope, name)
    assert last(rig) == suspended  # said once
    rig.fill(order, LIT1, 7)
    assert (last(rig).exec_type, last(rig).ord_status) == (ExecType.TRADE, OrdStatus.SUSPENDED)
    rig.operator(3, "reinstate", scope, name, who="risk-officer")
    restated = last(rig)
    assert (restated.exec_type, restated.ord_status) == (ExecType.RESTATED, OrdStatus.PARTIALLY_FILLED)
    assert (restated.restatement_reason, restated.leaves_lots) == (4, 10 * BTC - 7)


def test_only_the_last_latch_to_go_restates_and_a_venues_latch_suspends_nothing() -> None:
    rig, _ = working()
    rig.operator(1, "suspend", "venue", "XLIT1")
    assert last(rig).exec_type is ExecType.NEW
    rig.operator(2, "suspend", "symbol", SYMBOL)
    rig.operator(3, "suspend")
    rig.operator(4, "reinstate", "symbol", SYMBOL, who="risk-officer")
    assert last(rig).exec_type is ExecType.SUSPENDED
    rig.operator(5, "reinstate", who="risk-officer")
    assert [r.exec_type for r in rig.reports()] == [ExecType.NEW, ExecType.SUSPENDED, ExecType.RESTATED]


def test_a_suspended_parent_is_cancelled_and_expires_as_any_other() -> None:
    rig, order = working(must_complete=False, expire_time_ns=Desks().now + 5 * SECOND)
    rig.operator(1, "suspend")
    rig.run(6)
    assert rig.work.state is ParentState.CANCELING
    rig.canceled(order, LIT1)
    assert (last(rig).exec_type, last(rig).ord_status) == (ExecType.EXPIRED, OrdStatus.EXPIRED)
    rig.operator(2, "reinstate", who="risk-officer")
    assert last(rig).exec_type is ExecType.EXPIRED


def test_a_suspension_lasts_over_a_restart_and_is_not_told_again() -> None:
    rig, _ = working()
    rig.operator(1, "suspend")
    rig.restart()
    rig.up()
    assert [r.exec_type for r in rig.reports()] == [ExecType.NEW, ExecType.SUSPENDED]
    rig.operator(2, "reinstate", who="risk-officer")
    assert last(rig).exec_type is ExecType.RESTATED


def test_a_parent_that_may_have_no_further_child_stays_suspended() -> None:
    rig, _ = working()
    stranger = NewOrderSingle(
        "SL1-77", SYMBOL, rig.work.parent.side, rig.now, BTC, rig.orders(LIT1)[0].ord_type, ASK,
    )  # fmt: skip
    rig.report(stranger, LIT1, ExecType.NEW, OrdStatus.NEW)
    assert last(rig).exec_type is ExecType.SUSPENDED
    rig.operator(1, "reinstate", who="risk-officer")
    assert last(rig).exec_type is ExecType.SUSPENDED
    assert rig.work.is_shut


# Busted and corrected.


def test_a_bust_of_an_open_parent_is_told_under_the_desks_own_exec_id_and_it_works_on() -> None:
    rig, order = working()
    rig.fill(order, LIT1, 10)
    second = rig.fill(order, LIT1, 20, cum=30, px=ASK + CENT)
    told = last(rig)
    revise(rig, order, ExecType.TRADE_CANCEL, second, cum=10, leaves=order.qty_lots - 30)
    bust = last(rig)
    assert (bust.exec_type, bust.exec_ref_id) == (ExecType.TRADE_CANCEL, told.exec_id)
    assert bust.exec_id != told.exec_id
    assert (bust.cum_lots, bust.leaves_lots, bust.avg_px_nanos) == (10, 10 * BTC - 10, ASK)
    assert (bust.ord_status, bust.last_qty_lots) == (OrdStatus.PARTIALLY_FILLED, 0)
    line = rig.core.gate.exposure.parents[rig.work.parent.parent_id]
    assert (line.filled_lots, line.reserved_lots) == (10, rig.child(order).leaves)
    heard = len(rig.reports())
    revise(rig, order, ExecType.TRADE_CANCEL, second, cum=10, leaves=order.qty_lots - 30)
    assert len(rig.reports()) == heard  # it is busted once


def test_a_bust_of_all_that_was_filled_leaves_a_parent_that_is_new() -> None:
    rig, order = working()
    first = rig.fill(order, LIT1, 10)
    revise(rig, order, ExecType.TRADE_CANCEL, first, cum=0, leaves=order.qty_lots - 10, status=OrdStatus.NEW)
    assert (last(rig).ord_status, last(rig).avg_px_nanos, last(rig).cum_lots) == (OrdStatus.NEW, 0, 0)


def filled(lots: int = 40) -> tuple[Desks, list[tuple[NewOrderSingle, str]]]:
    rig = Desks()
    rig.want = encode(100, JOIN, 1)
    rig.order("DESK1", lots=lots)
    fills: list[tuple[NewOrderSingle, str]] = []
    while rig.work.state is ParentState.ACTIVE:
        order = rig.orders(LIT1)[-1]
        fills.append((order, rig.fill(order, LIT1, order.qty_lots)))
        rig.run(1.1)
    return rig, fills


def test_a_bust_of_a_finished_parent_is_told_and_trades_nothing_again() -> None:
    rig, fills = filled()
    order, exec_id = fills[-1]
    sent = len(rig.orders(LIT1))
    assert last(rig).ord_status is OrdStatus.FILLED
    revise(rig, order, ExecType.TRADE_CANCEL, exec_id, cum=0, leaves=0, status=OrdStatus.CANCELED)
    bust = last(rig)
    assert (bust.exec_type, bust.ord_status) == (ExecType.TRADE_CANCEL, OrdStatus.CANCELED)
    assert (bust.cum_lots, bust.leaves_lots) == (40 - order.qty_lots, 0)
    rig.run(5)
    assert len(rig.orders(LIT1)) == sent
    assert rig.work.state is ParentState.CANCELED


def test_a_correction_changes_the_price_and_the_next_one_refers_to_it() -> None:
    rig, order = working()
    first = rig.fill(order, LIT1, 10)
    told = last(rig)
    more = {"cum": 10, "leaves": order.qty_lots - 10, "last_qty_lots": 10}
    again = revise(
        rig, order, ExecType.TRADE_CORRECT, first, last_px_nanos=ASK - CENT, commission_nanos=3, **more
    )
    correct = last(rig)
    assert (correct.exec_type, correct.exec_ref_id) == (ExecType.TRADE_CORRECT, told.exec_id)
    assert (correct.last_qty_lots, correct.last_px_nanos) == (10, ASK - CENT)
    assert (correct.cum_lots, correct.avg_px_nanos, correct.commission_nanos) == (10, ASK - CENT, 3)
    assert rig.work.fees_nanos == 3
    revise(rig, order, ExecType.TRADE_CORRECT, again, last_px_nanos=ASK, commission_nanos=5, **more)
    assert last(rig).exec_ref_id == correct.exec_id
    assert (last(rig).avg_px_nanos, rig.work.fees_nanos) == (ASK, 5)


def test_a_correction_of_the_quantity_moves_what_is_left() -> None:
    rig, fills = filled()
    order, exec_id = fills[-1]
    less = {"cum": order.qty_lots - 1, "leaves": 0, "status": OrdStatus.CANCELED}
    revise(
        rig,
        order,
        ExecType.TRADE_CORRECT,
        exec_id,
        last_qty_lots=order.qty_lots - 1,
        last_px_nanos=ASK,
        **less,
    )
    assert (last(rig).cum_lots, last(rig).leaves_lots, last(rig).ord_status) == (39, 0, OrdStatus.CANCELED)
    assert rig.work.state is ParentState.CANCELED


def test_a_bust_and_a_correction_find_the_desks_exec_id_after_a_restart() -> None:
    rig, order = working()
    first = rig.fill(order, LIT1, 10)
    told = last(rig)
    rig.restart()
    rig.up()
    rig.status(order, LIT1, OrdStatus.PARTIALLY_FILLED, 10)
    revise(rig, order, ExecType.TRADE_CANCEL, first, cum=0, leaves=order.qty_lots - 10, status=OrdStatus.NEW)
    assert (last(rig).exec_type, last(rig).exec_ref_id) == (ExecType.TRADE_CANCEL, told.exec_id)
    rig.replay()


def test_a_bust_of_a_fill_that_the_desk_cannot_be_pointed_to_any_more_is_told_and_alerted() -> None:
    rig, order = working()
    first = rig.fill(order, LIT1, 10)
    rig.work.fills.clear()
    revise(rig, order, ExecType.TRADE_CANCEL, first, cum=0, leaves=order.qty_lots - 10, status=OrdStatus.NEW)
    assert (last(rig).exec_type, last(rig).exec_ref_id, last(rig).cum_lots) == (ExecType.TRADE_CANCEL, "", 0)
    assert any("of which the desk knows nothing any more" in text for text in rig.alerts)


def test_a_bust_while_a_replace_is_under_way_makes_room_for_it() -> None:
    rig, order = working()
    first = rig.fill(order, LIT1, BTC)
    rig.replace(lots=BTC)
    revise(rig, order, ExecType.TRADE_CANCEL, first, cum=0, leaves=order.qty_lots - BTC, status=OrdStatus.NEW)
    assert (last(rig).exec_type, last(rig).ord_status) == (ExecType.TRADE_CANCEL, OrdStatus.PENDING_REPLACE)
    rig.canceled(order, LIT1)
    done = last(rig)
    assert (done.exec_type, done.ord_status) == (ExecType.REPLACED, OrdStatus.NEW)
    assert (done.qty_lots, done.cum_lots, done.leaves_lots) == (BTC, 0, BTC)
