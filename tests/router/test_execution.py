"""Children at the venues: what leaves, what reports do, and what becomes of an order nobody speaks of."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.gate import Approved
from risk.order import NewOrder, OrdType, Side, TimeInForce
from router.actions import CROSS, JOIN, MID, NULL, WITHDRAW, encode
from router.execution import new_order_body
from router.fix.messages import ExecType, ExecutionReport, NewOrderSingle, OrdStatus
from router.journal import Kind
from router.orders import ChildState
from router.outbox import Outgoing
from router.parent import ParentState
from router.records import Answer, order_fields
from router.tick import Decide
from tests.router.rig import ASK, BID, BTC, DARK, LIT1, LIT2, SYMBOL, Rig

TENTH = encode(10, JOIN, 1)  # a tenth of the parent at XLIT1's touch


def resting(lots: int = 10 * BTC, **changes: Any) -> tuple[Rig, NewOrderSingle]:
    """A rig with one order of a tenth of the parent at XLIT1, acknowledged; the policy wants no more."""
    rig = Rig(**changes)
    rig.want = TENTH
    rig.parent(lots)
    (order,) = rig.orders(LIT1)
    rig.ack(order, LIT1)
    rig.want = NULL
    return rig, order


# What leaves.


def test_a_child_leaves_as_the_gate_passed_it() -> None:
    rig, order = resting()
    child = rig.child(order)
    assert (order.qty_lots, order.price_nanos, order.side) == (BTC, BID, Side.BUY)
    assert (order.ord_type, order.tif, order.account) == (OrdType.LIMIT, TimeInForce.DAY, "ACCT1")
    verdicts = [r.payload.decode() for r in rig.records() if r.kind is Kind.VERDICT]
    assert verdicts == [f"pass|{rig.core.gate.limits_hash}|{order_fields(child.order)}"]
    kinds = [r.kind for r in rig.records()]
    sent = [n for n, r in enumerate(rig.records()) if r.kind is Kind.FIX_OUT and b"\x0135=D\x01" in r.raw]
    assert kinds.index(Kind.VERDICT) < sent[0]


def test_a_peg_to_the_midpoint_carries_the_parents_limit() -> None:
    for limit in (None, ASK):
        rig = Rig()
        rig.want = encode(10, MID, DARK + 1)
        rig.parent(limit_nanos=limit)
        raw = rig.messages(rig.port(DARK), b"D")[0]
        assert (raw.get(40), raw.get(18), raw.get(44)) == (b"P", b"M", b"6190.01" if limit else None)


def test_a_message_is_made_of_an_approved_order_alone(tmp_path: Path) -> None:
    order = NewOrder("S1", "P1", "XLIT1", SYMBOL, "A", Side.BUY, OrdType.LIMIT, TimeInForce.DAY, 1, BID)
    with pytest.raises(AttributeError):
        new_order_body(order, BTC, 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"risk\.gate\.Gate alone"):
        Approved(order)  # type: ignore[arg-type]
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from risk.order import Cancel, NewOrder\n"
        "from risk.gate import Approved\n"
        "from router.execution import cancel_body, new_order_body\n"
        "def a(order: NewOrder) -> bytes:\n    return new_order_body(order, 1, 0)\n"
        "def b(approved: Approved[Cancel]) -> bytes:\n    return new_order_body(approved, 1, 0)\n"
        "def c(cancel: Cancel) -> bytes:\n    return cancel_body(cancel, 1, 0)\n"
        "def d(order: NewOrder) -> Approved[NewOrder]:\n    return Approved(order)\n"
        "def right(approved: Approved[NewOrder]) -> bytes:\n    return new_order_body(approved, 1, 0)\n"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(wrong)],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in found.stdout.splitlines() if "error:" in line]
    assert [int(line.split(":")[1]) for line in lines] == [5, 7, 9, 11], found.stdout + found.stderr


def test_an_order_that_finds_no_room_in_the_outbox_is_none() -> None:
    rig = Rig(outbox_bound=1)
    port = rig.core.ports[rig.port(LIT1)]

    def answer_then_fill_up(decide: Decide) -> Answer:
        port.writable = False
        port.outbox.put(Outgoing(b"B", b"148=something else\x01"))
        return rig.scripted(decide)

    rig.want, rig.answers = TENTH, answer_then_fill_up
    rig.parent()
    assert rig.orders(LIT1) == []
    assert rig.core.orders.live() == []
    assert rig.reserved() == (0, 0)
    assert any("1 messages already wait to leave; SL1-1 does not leave" in text for text in rig.alerts)


def test_an_outbox_without_room_loses_reports_and_requests_aloud() -> None:
    rig = Rig(outbox_bound=0)
    rig.parent()
    assert any("a report to the desk is lost" in text for text in rig.alerts)
    assert any("a MarketDataRequest is lost" in text for text in rig.alerts)


def test_no_order_is_made_for_a_venue_that_reads_too_slowly() -> None:
    rig = Rig()
    rig.engine.writable(rig.port(LIT1), False, rig.now)
    rig.want = TENTH
    rig.parent()
    rig.run(1)
    assert rig.core.orders.live() == []
    rig.engine.writable(rig.port(LIT1), True, rig.now)
    rig.run(1.5)
    assert len(rig.orders(LIT1)) == 1


def test_an_order_that_waits_is_dropped_and_not_overtaken_by_its_cancel() -> None:
    """The transport stops between the decision and the write: nothing has left, so nothing is asked for."""
    rig, order = waiting()
    rig.cancel_parent()
    rig.engine.writable(rig.port(LIT1), True, rig.now)
    rig.flow()
    assert rig.orders(LIT1) == []
    assert rig.cancels(LIT1) == []
    assert rig.core.orders.find(order).state is ChildState.REJECTED  # type: ignore[union-attr]
    assert rig.reserved() == (0, 0)
    assert rig.work.state is ParentState.CANCELED


def waiting() -> tuple[Rig, str]:
    """An order that waits in XLIT1's outbox, its ClOrdID."""
    rig = Rig()
    rig.want = TENTH
    port = rig.core.ports[rig.port(LIT1)]

    def answer_then_stop(decide: Decide) -> Answer:
        port.writable = False  # as a pump sees it whose transport has just filled up
        return rig.scripted(decide)

    rig.answers = answer_then_stop
    rig.parent()
    rig.answers = rig.scripted
    rig.want = NULL
    (child,) = rig.core.orders.live()
    assert rig.orders(LIT1) == []
    assert len(port.outbox) == 1
    return rig, child.cl_ord_id


def test_an_order_that_cannot_leave_in_time_never_does() -> None:
    rig, order = waiting()
    rig.run(2.5)
    assert rig.core.orders.find(order).state is ChildState.REJECTED  # type: ignore[union-attr]
    rig.engine.writable(rig.port(LIT1), True, rig.now)
    rig.flow()
    assert rig.orders(LIT1) == []
    assert rig.questions(LIT1) == []
    assert any("could not leave" in text for text in rig.alerts)


def test_a_drain_lets_no_waiting_order_leave() -> None:
    rig, _ = waiting()
    rig.operator(1, "drain")
    rig.engine.writable(rig.port(LIT1), True, rig.now)
    rig.flow()
    assert rig.orders(LIT1) == []
    assert rig.told(1)[-1]["event"] == "completed"


# What the venues say.


def test_fills_move_from_reserved_to_filled_and_each_execid_once() -> None:
    rig, order = resting()
    first = rig.fill(order, LIT1, 30)
    rig.fill(order, LIT1, 30, exec_id=first)
    assert rig.reserved() == (30, BTC - 30)
    assert rig.work.filled_lots == 30
    rig.fill(order, LIT1, BTC - 30, cum=BTC)
    assert rig.child(order).state is ChildState.FILLED
    assert rig.reserved() == (BTC, 0)


def test_the_same_execid_of_another_venue_is_another_fill() -> None:
    rig, order = resting()
    rig.want = encode(10, JOIN, LIT2 + 1)
    rig.run(1.1)
    rig.canceled(order, LIT1, cancel_id=rig.cancels(LIT1)[0].cl_ord_id)
    rig.run(0.2)
    (second,) = rig.orders(LIT2)
    rig.want = NULL
    rig.fill(second, LIT2, 5, exec_id="E1")
    rig.fill(order, LIT1, 7, exec_id="E1")
    assert rig.work.filled_lots == 12


def test_a_fill_that_crosses_a_cancel_counts() -> None:
    rig, order = resting()
    rig.canceled(order, LIT1)
    assert rig.reserved() == (0, 0)
    rig.fill(order, LIT1, 40)
    assert rig.child(order).state is ChildState.CANCELED
    assert rig.reserved() == (40, 0)
    assert rig.work.filled_lots == 40


def test_a_fill_of_a_rejected_order_counts_and_is_alerted() -> None:
    rig, order = resting()
    rig.report(order, LIT1, ExecType.REJECTED, OrdStatus.REJECTED)
    rig.fill(order, LIT1, 40)
    assert rig.work.filled_lots == 40
    assert rig.reserved() == (40, 0)
    assert any("'traded' is not possible" in text for text in rig.alerts)


def test_a_late_fill_after_a_restart_counts_once() -> None:
    rig, order = resting()
    rig.fill(order, LIT1, 30)
    rig.canceled(order, LIT1, cum=30)
    rig.restart()
    rig.up()
    rig.fill(order, LIT1, 12, cum=42)
    assert rig.work.filled_lots == 42
    assert rig.reserved() == (42, 0)


def test_an_overfill_counts_and_is_alerted_and_the_parents_other_orders_are_cancelled() -> None:
    rig = Rig()
    rig.want = encode(25, JOIN, 1)
    rig.parent(100)
    (first,) = rig.orders(LIT1)
    rig.ack(first, LIT1)
    rig.want = encode(25, MID, DARK + 1)
    rig.work.decision += 0
    rig.fill(first, LIT1, 25)
    rig.run(1.1)
    (second,) = rig.orders(DARK)
    rig.ack(second, DARK)
    rig.fill(first, LIT1, 75, cum=100)
    assert any("overfilled" in text for text in rig.alerts)
    assert rig.work.state is ParentState.FILLED
    assert [c.orig_cl_ord_id for c in rig.cancels(DARK)] == [second.cl_ord_id]
    rig.fill(second, DARK, 3)
    assert rig.work.filled_lots == 103
    rig.run(3)
    assert len(rig.orders(DARK)) + len(rig.orders(LIT1)) == 2


def test_a_trade_of_nothing_or_for_nothing_is_asked_about_and_not_counted() -> None:
    rig, order = resting()
    rig.report(order, LIT1, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, cum=10)
    rig.fill(order, LIT1, 10, px=0)
    assert rig.work.filled_lots == 0
    assert rig.child(order).state is ChildState.UNKNOWN
    assert rig.questions(LIT1)
    assert any("is no trade" in text for text in rig.alerts)


def test_a_cancel_that_names_more_fills_than_we_know_proves_nothing_yet() -> None:
    rig, order = resting()
    rig.canceled(order, LIT1, cum=60)
    child = rig.child(order)
    assert child.state is ChildState.UNKNOWN
    assert child.provisional_lots == 60
    assert rig.reserved() == (0, BTC)
    assert [q.cl_ord_id for q in rig.questions(LIT1)] == [order.cl_ord_id]
    rig.status(order, LIT1, OrdStatus.CANCELED, cum=60)
    assert rig.reserved() == (0, BTC)
    rig.fill(order, LIT1, 60)
    assert rig.reserved() == (60, BTC - 60)
    rig.run(2.5)  # nobody has said that it is over: it is asked again
    rig.status(order, LIT1, OrdStatus.CANCELED, cum=60)
    assert child.state is ChildState.CANCELED
    assert rig.reserved() == (60, 0)


def test_a_report_of_an_order_that_is_not_ours_is_alerted_and_not_touched() -> None:
    rig, _ = resting()
    foreign = NewOrderSingle("OTHER-1", SYMBOL, Side.BUY, 0, 100, OrdType.LIMIT, BID)
    rig.fill(foreign, LIT1, 5)
    assert any("not ours: not touched" in text for text in rig.alerts)
    assert rig.cancels(LIT1) == []
    assert rig.core.orders.find("OTHER-1") is None


def test_a_live_order_with_our_prefix_that_we_do_not_know_is_adopted_and_cancelled() -> None:
    rig, order = resting()
    lost = NewOrderSingle("SL1-777777", SYMBOL, Side.BUY, 0, 100, OrdType.LIMIT, BID, account="ACCT1")
    rig.ack(lost, LIT1)
    (cancel,) = rig.cancels(LIT1)
    assert cancel.orig_cl_ord_id == "SL1-777777"
    rig.fill(lost, LIT1, 60)
    rig.canceled(lost, LIT1, cum=60, cancel_id=cancel.cl_ord_id)
    assert rig.child(lost).state is ChildState.CANCELED
    assert rig.child(lost).cum_lots == 60
    assert any("adopted" in text for text in rig.alerts)
    assert any("suspended: XLIT1 holds SL1-777777" in text for text in rig.alerts)
    rig.want = TENTH
    rig.canceled(order, LIT1)
    rig.run(2)
    assert rig.orders(LIT1)[-1].cl_ord_id == order.cl_ord_id  # nothing new until a person has looked
    rig.operator(1, "reinstate")
    rig.run(2)
    assert rig.orders(LIT1)[-1].cl_ord_id == order.cl_ord_id  # whose it was is not known: invariant 2
    rig.parent(9 * BTC, name="D2")  # a number that we have not given out yet stops nothing of ours
    assert rig.orders(LIT1)[-1].cl_ord_id not in (order.cl_ord_id, lost.cl_ord_id)
    rig.restart()
    assert rig.core.gate.exposure.parents["SL1-P1"].closed
    assert not rig.core.gate.exposure.parents["SL1-P2"].closed


def test_a_number_that_a_venue_has_made_up_is_passed_over() -> None:
    rig, _ = resting()
    for number in (2, 4, 6, 8):
        rig.ack(NewOrderSingle(f"SL1-{number}", SYMBOL, Side.BUY, 0, 100, OrdType.LIMIT, BID), LIT1)
    assert len({c.cl_ord_id for c in rig.cancels(LIT1)}) == 4
    rig.operator(1, "reinstate")
    rig.want = TENTH
    rig.parent(9 * BTC, name="D2")
    sent = [m.get(11) for _, m in rig.sent if m.msg_type in (b"D", b"F")]
    assert len(sent) == len(set(sent)) == 6
    assert not {b"SL1-2", b"SL1-4", b"SL1-6", b"SL1-8"} & set(sent)


def test_an_unknown_order_of_ours_whose_first_word_is_its_last_fill_counts() -> None:
    rig, _ = resting()
    lost = NewOrderSingle("SL1-777777", SYMBOL, Side.BUY, 0, 100, OrdType.LIMIT, BID, account="ACCT1")
    rig.fill(lost, LIT1, 100)
    assert rig.child(lost).cum_lots == 100
    assert rig.child(lost).state is ChildState.FILLED
    assert rig.cancels(LIT1) == []


def test_a_cancel_of_an_adopted_order_that_is_lost_goes_again() -> None:
    rig, _ = resting()
    lost = NewOrderSingle("SL1-777777", SYMBOL, Side.BUY, 0, 100, OrdType.LIMIT, BID, account="ACCT1")
    rig.deaf.add(rig.port(LIT1))
    rig.ack(lost, LIT1)
    rig.cut(rig.port(LIT1))
    rig.deaf.clear()
    rig.up(rig.port(LIT1))
    rig.status(lost, LIT1, OrdStatus.NEW)
    assert [c.orig_cl_ord_id for c in rig.cancels(LIT1)] == ["SL1-777777"]


def test_an_order_that_we_had_ended_and_the_venue_has_open_is_an_alert() -> None:
    rig, order = resting()
    rig.canceled(order, LIT1)
    rig.status(order, LIT1, OrdStatus.NEW)
    assert any("'found live' is not possible" in text for text in rig.alerts)


def test_a_pending_report_says_only_that_the_venue_heard() -> None:
    rig, order = resting()
    rig.report(order, LIT1, ExecType.PENDING_CANCEL, OrdStatus.PENDING_CANCEL)
    assert rig.child(order).state is ChildState.WORKING
    rig.report(order, LIT1, ExecType.PENDING_REPLACE, OrdStatus.NEW)
    assert any("is to be replaced, which we have not asked for" in text for text in rig.alerts)
    assert rig.child(order).state is ChildState.WORKING


def test_a_message_that_is_not_expected_is_alerted_and_changes_nothing() -> None:
    rig, order = resting()
    rig.say(rig.port(LIT1), b"AE", b"571=1\x01")
    assert rig.child(order).state is ChildState.WORKING
    assert any("message type AE not expected" in text for text in rig.alerts)


# Cancels.


def test_a_refused_cancel_leaves_the_order_as_the_venue_says_it_is() -> None:
    rig, order = resting()
    rig.want = WITHDRAW
    rig.run(1.1)
    (cancel,) = rig.cancels(LIT1)
    assert rig.child(order).state is ChildState.PENDING_CANCEL
    rig.want = NULL
    rig.refuse_cancel(cancel, LIT1, OrdStatus.NEW, reason=3)
    assert rig.child(order).state is ChildState.WORKING


def test_a_cancel_that_came_too_late_asks_what_became_of_the_order() -> None:
    rig, order = resting()
    rig.want = WITHDRAW
    rig.run(1.1)
    (cancel,) = rig.cancels(LIT1)
    rig.want = NULL
    rig.refuse_cancel(cancel, LIT1, OrdStatus.FILLED)
    assert rig.child(order).state is ChildState.UNKNOWN
    assert len(rig.questions(LIT1)) == 1
    rig.fill(order, LIT1, BTC)
    rig.status(order, LIT1, OrdStatus.FILLED, cum=BTC)
    assert rig.child(order).state is ChildState.FILLED
    assert rig.reserved() == (BTC, 0)


def test_a_desks_cancel_is_asked_again_until_the_venue_obeys() -> None:
    rig, order = resting()
    rig.cancel_parent()
    (cancel,) = rig.cancels(LIT1)
    rig.refuse_cancel(cancel, LIT1, OrdStatus.NEW, reason=2)
    assert len(rig.cancels(LIT1)) == 1  # not at once: it would refuse that too
    rig.run(2.1)
    assert len(rig.cancels(LIT1)) == 2
    assert rig.work.state is ParentState.CANCELING
    rig.canceled(order, LIT1, cancel_id=rig.cancels(LIT1)[1].cl_ord_id)
    assert rig.work.state is ParentState.CANCELED


def test_a_cancel_that_is_lost_with_its_connection_goes_again() -> None:
    rig, order = resting()
    rig.deaf.add(rig.port(LIT1))
    rig.cancel_parent()
    rig.cut(rig.port(LIT1))
    assert rig.child(order).state is ChildState.UNKNOWN
    rig.deaf.clear()
    rig.up(rig.port(LIT1))
    rig.status(order, LIT1, OrdStatus.NEW)
    assert [c.orig_cl_ord_id for c in rig.cancels(LIT1)] == [order.cl_ord_id]
    rig.canceled(order, LIT1)
    assert rig.work.state is ParentState.CANCELED


def test_cancels_above_their_budget_wait_and_then_go() -> None:
    limits = Rig().core.config.limits
    limits = {**limits, "child": {**limits["child"], "max_cancels_per_s": 1}}
    rig = Rig(limits=limits)
    rig.want = encode(10, JOIN, 1)
    rig.parent(10 * BTC, name="D1")
    rig.parent(8 * BTC, name="D2")
    for order in rig.orders(LIT1):
        rig.ack(order, LIT1)
    assert len(rig.orders(LIT1)) == 2
    rig.want = NULL
    rig.cancel_parent("D1")
    rig.cancel_parent("D2")
    assert len(rig.cancels(LIT1)) == 1
    rig.run(0.9)
    assert len(rig.cancels(LIT1)) == 1
    rig.run(0.2)
    assert {c.orig_cl_ord_id for c in rig.cancels(LIT1)} == {o.cl_ord_id for o in rig.orders(LIT1)}


# Silence.


def test_a_lost_acknowledgement_is_asked_for_and_then_the_order_is_cancelled() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    rig.want = NULL
    (order,) = rig.orders(LIT1)
    rig.run(1.9)
    assert rig.questions(LIT1) == []
    rig.run(0.2)
    assert [q.cl_ord_id for q in rig.questions(LIT1)] == [order.cl_ord_id]
    assert rig.child(order).state is ChildState.UNKNOWN
    assert rig.reserved() == (0, BTC)
    rig.run(2.1)
    assert [c.orig_cl_ord_id for c in rig.cancels(LIT1)] == [order.cl_ord_id]
    assert rig.reserved() == (0, BTC)  # silence is never a reject
    rig.status(order, LIT1, OrdStatus.REJECTED)
    assert rig.child(order).state is ChildState.REJECTED
    assert rig.reserved() == (0, 0)


def test_a_status_answer_that_finds_the_order_live_puts_it_back_to_work() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    rig.want = NULL
    (order,) = rig.orders(LIT1)
    rig.run(2.1)
    rig.status(order, LIT1, OrdStatus.NEW)
    assert rig.child(order).state is ChildState.WORKING
    assert rig.work.filled_lots == 0


def test_the_clock_of_a_cancel_starts_with_the_cancel() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    (order,) = rig.orders(LIT1)
    rig.ack(order, LIT1)
    rig.run(1.5)
    rig.want = WITHDRAW
    rig.run(0.6)
    assert rig.child(order).state is ChildState.PENDING_CANCEL
    assert rig.questions(LIT1) == []  # two seconds after the order, but not after the cancel


def test_an_immediate_order_that_does_not_end_is_asked_for() -> None:
    rig = Rig()
    rig.want = encode(10, CROSS, 1)
    rig.parent()
    (order,) = rig.orders(LIT1)
    rig.ack(order, LIT1)
    assert order.tif is TimeInForce.IOC
    rig.run(2.1)
    assert [q.cl_ord_id for q in rig.questions(LIT1)] == [order.cl_ord_id]


def test_a_business_reject_of_an_order_is_no_answer() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    rig.want = NULL
    (order,) = rig.orders(LIT1)
    rig.refuse_message(order, LIT1)
    assert rig.child(order).state is ChildState.UNKNOWN
    assert rig.reserved() == (0, BTC)
    assert [q.cl_ord_id for q in rig.questions(LIT1)] == [order.cl_ord_id]
    rig.status(order, LIT1, OrdStatus.REJECTED)
    assert rig.reserved() == (0, 0)


def test_a_session_that_is_lost_leaves_its_orders_unknown_and_asks_when_it_is_back() -> None:
    rig, order = resting()
    rig.cut(rig.port(LIT1))
    assert rig.child(order).state is ChildState.UNKNOWN
    assert rig.reserved() == (0, BTC)
    rig.run(5)
    rig.up(rig.port(LIT1))
    assert [q.cl_ord_id for q in rig.questions(LIT1)] == [order.cl_ord_id]
    assert rig.orders(LIT1) == [order]


words = st.sampled_from(
    ["ack", "fill", "cancel", "out", "reject", "expire", "status live", "status out", "cut", "wait"]
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.lists(words, max_size=12))
def test_the_ledger_follows_the_order_whatever_the_venue_says(said: list[str]) -> None:
    """Reserved is the whole rest of every order that is not proved done, and fills are counted once."""
    rig = Rig()
    rig.want = TENTH
    rig.parent(1000)
    rig.want = NULL
    (order,) = rig.orders(LIT1)
    cum = 0
    for word in said:
        match word:
            case "ack":
                rig.ack(order, LIT1)
            case "fill" if cum + 30 <= order.qty_lots:
                cum += 30
                rig.fill(order, LIT1, 30, cum=cum)
            case "cancel":
                rig.core.now_ns = rig.now
                if rig.work.state is ParentState.ACTIVE:
                    rig.cancel_parent()
            case "out":
                rig.canceled(order, LIT1, cum=cum)
            case "reject":
                rig.report(order, LIT1, ExecType.REJECTED, OrdStatus.REJECTED, cum=cum)
            case "expire":
                rig.report(order, LIT1, ExecType.EXPIRED, OrdStatus.EXPIRED, cum=cum)
            case "status live":
                rig.status(order, LIT1, OrdStatus.PARTIALLY_FILLED if cum else OrdStatus.NEW, cum=cum)
            case "status out":
                rig.status(order, LIT1, OrdStatus.CANCELED, cum=cum)
            case "cut":
                rig.cut(rig.port(LIT1))
                rig.up(rig.port(LIT1))
            case "wait":
                rig.run(1.1)
        child = rig.child(order)
        assert child.cum_lots == rig.work.filled_lots == cum
        assert rig.reserved() == (cum, order.qty_lots - cum if child.is_live else 0)
    assert rig.orders(LIT1) == [order]


tags_and_values = st.lists(
    st.tuples(
        st.sampled_from([11, 14, 17, 31, 32, 37, 38, 39, 41, 54, 55, 60, 102, 150, 151, 434, 999]),
        st.sampled_from([
            "", "0", "1", "2", "4", "8", "F", "I", "-5", "1e9", "nan", "SL1-1", "SL1-9", "BTC-USD", "é",
            "99999999999999999999999", "20180713-20:47:12", "0.00000001", "\u00ff" * 30,
        ]),
    ),
    max_size=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(st.sampled_from([b"8", b"9", b"j", b"3"]), tags_and_values)
def test_no_report_breaks_the_engine(msg_type: bytes, fields: list[tuple[int, str]]) -> None:
    rig, _ = resting(1000)
    good = {37: "V", 11: "SL1-1", 17: "E9", 150: "F", 39: "1", 55: SYMBOL, 54: "1", 151: "5", 14: "5",
            32: "5", 31: "6190", 41: "SL1-1", 434: "1", 45: "3", 372: "D", 380: "4"}  # fmt: skip
    good |= dict(fields)
    body = b"".join(b"%d=%b\x01" % (tag, v.encode("latin-1")) for tag, v in good.items() if v)
    peer = rig.peers[rig.port(LIT1)]
    raw = peer._encoder.encode(msg_type, peer.next_out, rig.now, body)  # Reject(3) is not an application's
    peer.next_out += 1
    rig._to_engine(rig.port(LIT1), raw)
    rig.flow()
    rig.run(2.5)
    filled, reserved = rig.reserved()
    assert filled == rig.work.filled_lots
    assert reserved >= 0


def test_reports_and_questions_read_back_as_they_were_meant() -> None:
    rig, order = resting()
    rig.cut(rig.port(LIT1))
    rig.up(rig.port(LIT1))
    (question,) = rig.questions(LIT1)
    assert (question.cl_ord_id, question.symbol, question.side) == (order.cl_ord_id, SYMBOL, Side.BUY)
    assert question.order_id == f"V-{order.cl_ord_id}"
    assert isinstance(rig.reports()[0], ExecutionReport)


@pytest.mark.parametrize("wrong", ["venue", "side"])
def test_a_report_that_does_not_fit_its_order_is_not_applied(wrong: str) -> None:
    rig, order = resting()
    before = rig.reserved()
    if wrong == "venue":
        rig.fill(order, LIT2, 60)
    else:
        rig.fill(replace(order, side=Side.SELL), LIT1, 60)
    assert rig.child(order).cum_lots == 0
    assert rig.reserved() == before
    assert any("not touched" in text for text in rig.alerts)
    rig.fill(order, LIT1, 60)
    assert rig.child(order).cum_lots == 60
