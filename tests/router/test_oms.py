"""The desk's side: what it may ask, how it is refused in FIX 4.4's codes, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.order import OrdType, Side
from router.actions import JOIN, NULL, encode
from router.fix.codec import Message
from router.fix.messages import (
    ExecType,
    ExecutionReport,
    OrderCancelReject,
    OrderStatusRequest,
    OrdStatus,
)
from router.parent import ParentState
from tests.router.rig import ASK, BTC, LIT1, SECOND, SYMBOL, Rig

TENTH = encode(10, JOIN, 1)


def refused(rig: Rig) -> tuple[int | None, str]:
    """Code and text of the last report, which must be a reject."""
    report = rig.reports()[-1]
    assert (report.exec_type, report.ord_status) == (ExecType.REJECTED, OrdStatus.REJECTED)
    assert (report.order_id, report.leaves_lots, report.cum_lots) == ("NONE", 0, 0)
    return report.ord_rej_reason, report.text


def cancel_rejects(rig: Rig) -> list[OrderCancelReject]:
    return [OrderCancelReject.parse(m) for m in rig.messages(rig.desk, b"9")]


def business_rejects(rig: Rig) -> list[Message]:
    return rig.messages(rig.desk, b"j")


# Taking in.


def test_a_parent_is_acknowledged_with_its_terms() -> None:
    rig = Rig()
    rig.parent(7 * BTC, limit_nanos=ASK, side=Side.SELL)
    (report,) = rig.reports()
    assert (report.exec_type, report.ord_status) == (ExecType.NEW, OrdStatus.NEW)
    assert (report.cl_ord_id, report.account, report.side) == ("D1", "ACCT1", Side.SELL)
    assert (report.qty_lots, report.leaves_lots, report.cum_lots) == (7 * BTC, 7 * BTC, 0)
    assert (report.ord_type, report.price_nanos) == (OrdType.LIMIT, ASK)
    assert report.order_id == rig.work.parent.parent_id


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"lots": 21 * BTC}, 3, "quantity"),
        ({"lots": 10**15}, 3, "quantity"),
        ({"side": Side.SELL_SHORT}, 11, "short_sale"),
        ({"limit_nanos": ASK + 1}, 99, "tick"),
        ({"seconds": -5}, 4, "duration"),
        ({"seconds": 10**6}, 99, "duration"),
        ({"strategy": 7}, 11, "TargetStrategy(847) 7 is not one of 1001"),
        ({"target_strategy": None}, 11, "TargetStrategy(847) None"),
        ({"effective_time_ns": None}, 99, "EffectiveTime(168) and ExpireTime(126)"),
        ({"expire_time_ns": None}, 99, "EffectiveTime(168) and ExpireTime(126)"),
        ({"must_complete": None}, 99, "complete=must or complete=may"),
        ({"account": ""}, 99, "Account(1) is missing"),
        ({"ord_type": OrdType.PEGGED}, 11, "OrdType(40) P is not 1 or 2"),
    ],
)
def test_a_parent_is_refused_by_the_code_and_name_of_the_rule(
    terms: dict[str, Any], code: int, words: str
) -> None:
    rig = Rig()
    rig.parent(**terms)
    reason, text = refused(rig)
    assert reason == code
    assert words in text
    assert rig.core.parents == {}
    rig.parent(name="D2")
    assert rig.work.parent.cl_ord_id == "D2"


def test_a_parent_of_another_symbol_is_refused_by_its_name() -> None:
    rig = Rig()
    rig.parent(symbol="ETH-USD")
    (report,) = rig.messages(rig.desk, b"8")
    assert (report.get(150), report.get(39), report.get(103)) == (b"8", b"8", b"1")
    assert report.get(58) == b"Symbol(55) 'ETH-USD' is not a known symbol"


def test_a_number_that_was_used_and_a_parent_that_is_repeated_are_duplicates() -> None:
    rig = Rig()
    rig.parent(name="D1")
    rig.parent(BTC, name="D1")
    assert refused(rig)[0] == 6
    rig.parent(name="D2")
    rig.parent(name="D3")
    reason, text = refused(rig)
    assert (reason, "repeats" in text) == (6, True)


def test_a_number_of_an_ended_parent_stays_used_over_a_restart() -> None:
    rig = Rig()
    rig.parent(name="D1")
    rig.cancel_parent("D1")
    rig.restart()
    rig.up()
    rig.parent(BTC, name="D1")
    assert refused(rig)[0] == 6


def test_a_latch_refuses_parents_by_name_in_plain_letters() -> None:
    rig = Rig()
    rig.operator(1, "suspend", "symbol", SYMBOL, who="Łukasz\x01")
    rig.parent()
    reason, text = refused(rig)
    assert reason == 99
    assert "suspend of symbol BTC-USD by ?ukasz?" in text


def test_an_order_without_a_book_to_value_it_is_refused() -> None:
    rig = Rig(up=False)
    rig.up(rig.desk)
    rig.parent()
    assert refused(rig)[0] == 99
    rig.parent(limit_nanos=ASK, name="D2")  # a buy is bounded by its limit
    assert rig.work.state is ParentState.ACTIVE


def test_what_names_no_order_is_refused_as_a_message() -> None:
    rig = Rig()
    rig.say(rig.desk, b"D", b"55=BTC-USD\x0154=1\x01")
    (reject,) = business_rejects(rig)
    assert (reject.get(372), reject.get(380)) == (b"D", b"5")
    assert b"ClOrdID(11)" in (reject.get(58) or b"")
    rig.say(rig.desk, b"c", b"320=K1\x01321=3\x01")
    assert business_rejects(rig)[-1].get(380) == b"3"
    assert business_rejects(rig)[-1].get(372) == b"c"


def test_fields_that_cannot_be_read_refuse_the_order_that_names_itself() -> None:
    rig = Rig()
    body = "11=D1|1=A|55=BTC-USD|54=1|60=20180713-20:47:11|38=1e3|40=1|"
    rig.say(rig.desk, b"D", body.replace("|", "\x01").encode())
    reason, text = refused(rig)
    assert reason == 13
    assert "OrderQty(38)" in text


# What becomes of it.


def working() -> Rig:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.want = NULL
    return rig


def test_fills_are_told_with_venue_and_liquidity_until_it_is_filled() -> None:
    rig = Rig()
    rig.want = encode(100, JOIN, 1)
    rig.parent(40)
    total = 0
    while rig.work.state is ParentState.ACTIVE:
        order = rig.orders(LIT1)[-1]
        total += order.qty_lots
        rig.fill(order, LIT1, order.qty_lots)
        rig.run(1.1)
        report = [r for r in rig.reports() if r.exec_type is ExecType.TRADE][-1]
        assert (report.cum_lots, report.leaves_lots) == (total, 40 - total)
        assert (report.last_mkt, report.last_px_nanos, report.last_liquidity) == ("XLIT1", ASK, 2)
    assert rig.work.state is ParentState.FILLED
    assert rig.reports()[-1].ord_status is OrdStatus.FILLED
    assert total == 40
    assert len({r.exec_id for r in rig.reports()}) == len(rig.reports())


def test_a_late_fill_of_a_cancelled_parent_is_told_and_does_not_revive_it() -> None:
    rig = working()
    order = rig.orders(LIT1)[0]
    rig.cancel_parent()
    rig.canceled(order, LIT1)
    rig.fill(order, LIT1, 30)
    last = rig.reports()[-1]
    assert (last.exec_type, last.ord_status) == (ExecType.TRADE, OrdStatus.CANCELED)
    assert (last.cum_lots, last.leaves_lots) == (30, 0)
    assert rig.work.state is ParentState.CANCELED


def test_a_cancel_is_pending_until_the_children_have_gone() -> None:
    rig = working()
    rig.cancel_parent("D1", "C1")
    assert rig.reports()[-1].exec_type is ExecType.PENDING_CANCEL
    rig.cancel_parent("D1", "C2")  # impatient
    (reject,) = cancel_rejects(rig)
    assert (reject.cl_ord_id, reject.cxl_rej_reason) == ("C2", 3)
    assert reject.ord_status is OrdStatus.PENDING_CANCEL
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    last = rig.reports()[-1]
    assert (last.exec_type, last.cl_ord_id, last.orig_cl_ord_id) == (ExecType.CANCELED, "C1", "D1")
    assert len(rig.cancels(LIT1)) == 1


def test_an_unknown_child_keeps_its_parent_from_ending() -> None:
    rig = working()
    rig.cut(rig.port(LIT1))
    rig.cancel_parent()
    rig.run(20)
    assert rig.work.state is ParentState.CANCELING
    rig.up(rig.port(LIT1))
    rig.status(rig.orders(LIT1)[0], LIT1, OrdStatus.CANCELED)
    assert rig.work.state is ParentState.CANCELED


def test_cancels_of_what_is_not_there_or_over_are_refused() -> None:
    rig = working()
    rig.cancel_parent("D9")
    rig.cancel_parent("D1")
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    rig.cancel_parent("D1", "C2")
    unknown, late = cancel_rejects(rig)
    assert (unknown.cxl_rej_reason, unknown.order_id, unknown.ord_status) == (1, "NONE", OrdStatus.REJECTED)
    assert unknown.text == "ClOrdID D9 is not an order of this session"
    assert (late.cxl_rej_reason, late.ord_status) == (0, OrdStatus.CANCELED)


def test_a_status_is_told_as_it_is_and_of_nothing_as_rejected() -> None:
    rig = working()
    rig.fill(rig.orders(LIT1)[0], LIT1, 30)
    for name in ("D1", "D9"):
        rig.say(rig.desk, b"H", OrderStatusRequest(name, SYMBOL, Side.BUY).body())
    known, unknown = rig.reports()[-2:]
    assert (known.exec_type, known.ord_status) == (ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED)
    assert (known.cum_lots, known.leaves_lots, known.last_qty_lots) == (30, 10 * BTC - 30, 0)
    assert (unknown.order_id, unknown.ord_status) == ("NONE", OrdStatus.REJECTED)


# Time.


def test_a_parent_starts_at_its_time() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent(start_s=3)
    assert rig.work.state is ParentState.PENDING
    rig.run(2.9)
    assert rig.orders(LIT1) == []
    rig.run(0.2)
    assert rig.work.state is ParentState.ACTIVE
    assert rig.orders(LIT1)


def test_a_parent_that_has_not_started_can_be_cancelled() -> None:
    rig = Rig()
    rig.parent(start_s=30)
    rig.cancel_parent()
    assert rig.work.state is ParentState.CANCELED
    rig.run(40)
    assert rig.work.state is ParentState.CANCELED


def test_what_may_expire_does_and_its_children_go_first() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent(must=False, seconds=5)
    order = rig.orders(LIT1)[0]
    rig.ack(order, LIT1)
    rig.want = NULL
    rig.run(5.1)
    assert rig.work.state is ParentState.CANCELING
    rig.canceled(order, LIT1, cancel_id=rig.cancels(LIT1)[0].cl_ord_id)
    assert rig.work.state is ParentState.EXPIRED
    last = rig.reports()[-1]
    assert (last.exec_type, last.cl_ord_id, last.leaves_lots) == (ExecType.EXPIRED, "D1", 0)


def test_the_end_comes_while_the_cancel_is_under_way() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent(must=False, seconds=5)
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.run(1)
    rig.cancel_parent()
    rig.run(10)
    assert rig.work.state is ParentState.CANCELING
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    assert rig.work.state is ParentState.CANCELED


def test_what_must_complete_has_no_end() -> None:
    rig = working()
    rig.run(150)
    assert rig.work.state is ParentState.ACTIVE


# A desk that is away.


def test_reports_wait_for_a_desk_that_is_away_and_come_in_order_and_once() -> None:
    rig = working()
    order = rig.orders(LIT1)[0]
    rig.cut(rig.desk)
    for n in range(1, 4):
        rig.fill(order, LIT1, 10, cum=10 * n)
    assert len(rig.reports()) == 1
    rig.restart()
    rig.up()
    assert [r.cum_lots for r in rig.reports()[1:]] == [10, 20, 30]


def test_reports_that_were_lost_on_the_way_are_resent() -> None:
    rig = working()
    order = rig.orders(LIT1)[0]
    rig.deaf.add(rig.desk)
    rig.fill(order, LIT1, 10)
    rig.cut(rig.desk)
    rig.deaf.clear()
    rig.up(rig.desk)
    assert [r.cum_lots for r in rig.reports()[1:]] == [10]


def test_a_stopping_router_takes_nothing_in() -> None:
    rig = Rig()
    rig.operator(1, "drain")
    rig.parent()
    assert refused(rig) == (99, "the router is stopping")


fields = st.lists(
    st.tuples(
        st.sampled_from([1, 11, 18, 38, 40, 41, 44, 54, 55, 59, 60, 100, 126, 168, 847, 848, 58]),
        st.sampled_from([
            "", "0", "1", "2", "5", "P", "-1", "1e9", "0.000000001", "D1", "BTC-USD", "é", "99999999999",
            "99991231-23:59:60", "20180713-20:48:00", "complete=must", "complete=maybe", "1001",
        ]),
    ),
    max_size=8,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(st.sampled_from([b"D", b"F", b"G", b"H", b"q"]), fields)
def test_no_message_of_a_desk_breaks_the_engine_and_each_is_answered(
    msg_type: bytes, changes: list[tuple[int, str]]
) -> None:
    rig = Rig()
    rig.parent(BTC, name="D1")
    before = len(rig.heard)
    good = {11: "D2", 41: "D1", 1: "ACCT1", 55: SYMBOL, 54: "1", 38: "1", 40: "1",
            60: "20180713-20:47:11",
            168: "20180713-20:47:11",
            126: "20180713-20:48:11", 847: "1001", 848: "complete=must"}  # fmt: skip
    good |= dict(changes)
    rig.say(
        rig.desk, msg_type,
        b"".join(b"%d=%b\x01" % (tag, value.encode("latin-1")) for tag, value in good.items() if value),
    )  # fmt: skip
    told = [m for at, m in rig.heard[before:] if at == rig.desk]
    assert told, "silence"
    assert all(m.msg_type in (b"8", b"9", b"j") for m in told)
    for message in told:
        if message.msg_type == b"8" and message.get(55) == SYMBOL.encode():
            report = ExecutionReport.parse(message, rig.core.instruments)
            assert report.ord_status is not OrdStatus.REJECTED or report.leaves_lots == 0
    rig.run(1)
    assert rig.now > SECOND
