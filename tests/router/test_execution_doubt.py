"""Venues that contradict themselves, or come late: nothing is lost, counted twice or freed too early."""

from __future__ import annotations

from dataclasses import replace

import pytest

from risk.order import Side
from router.actions import JOIN, NULL, encode
from router.fix.messages import ExecType, NewOrderSingle, OrdStatus
from router.orders import ChildState
from tests.router import test_execution_revisions as revisions
from tests.router.rig import BID, BTC, LIT1, LIT2, SYMBOL, Rig
from tests.router.test_execution import TENTH, resting
from tests.router.test_execution_revisions import HALF, adds_up, revise, told

DROP = revisions.TestDropCopy()
HUGE = 10**10 * 10 * BTC  # lots; more than 62 bits hold


def stranger(rig: Rig, order: NewOrderSingle, name: str) -> NewOrderSingle:
    """An order with our prefix that we never gave."""
    return replace(order, cl_ord_id=rig.core.config.prefix + name)


class TestWhatFillsSayOfTheOrder:
    def test_more_than_we_know_is_reserved_and_asked_for(self) -> None:
        rig, order = resting()
        rig.fill(order, LIT1, HALF, cum=BTC, px=BID)
        assert told(rig, f"says CumQty(14) {BTC} lots, we know fills of {HALF}: asking")
        assert (rig.child(order).state, rig.child(order).provisional_lots) == (ChildState.UNKNOWN, HALF)
        assert len(rig.questions(LIT1)) == 1
        assert rig.reserved() == (HALF, HALF)
        rig.fill(order, LIT1, HALF, px=BID)
        assert (rig.child(order).state, rig.child(order).provisional_lots) == (ChildState.FILLED, 0)
        adds_up(rig, order)

    def test_that_it_is_over_though_something_is_left_is_asked_about(self) -> None:
        rig, order = resting()
        rig.report(order, LIT1, ExecType.TRADE, OrdStatus.CANCELED, cum=HALF, lots=HALF, px=BID)
        assert told(rig, f"says OrdStatus(39) 4, and {HALF} lots are left: asking")
        assert rig.reserved() == (HALF, HALF)
        rig.status(order, LIT1, OrdStatus.CANCELED, cum=HALF)
        assert rig.child(order).state is ChildState.CANCELED
        assert rig.reserved() == (HALF, 0)

    def test_a_price_beyond_the_limit_is_told_and_counted(self) -> None:
        rig, order = resting()
        rig.fill(order, LIT1, HALF, px=BID)
        assert not told(rig, "beyond its limit")
        rig.fill(order, LIT1, HALF, cum=BTC, px=BID + 1)
        assert told(rig, f"LastPx(31) {BID + 1} nanos is beyond its limit, Price(44) {BID} nanos")
        adds_up(rig, order)


class TestAnExecIdOnceMore:
    @pytest.mark.parametrize("exec_id", ["0", "1"])
    def test_for_another_fill_is_reserved_and_asked_for(self, exec_id: str) -> None:
        rig, order = resting()
        rig.fill(order, LIT1, HALF // 2, exec_id=exec_id, px=BID)
        rig.fill(order, LIT1, HALF // 2, exec_id=exec_id, px=BID, cum=HALF)
        assert told(
            rig, f"fill {exec_id} of {order.cl_ord_id} was {HALF // 2} lots at {BID} nanos, and comes"
        )
        assert len(rig.questions(LIT1)) == 1
        assert rig.child(order).provisional_lots == HALF // 2
        adds_up(rig, order)

    def test_at_another_price_is_told_and_the_first_stands(self) -> None:
        rig, order = resting()
        exec_id = rig.fill(order, LIT1, HALF, px=BID)
        rig.fill(order, LIT1, HALF, px=BID - 10_000_000, exec_id=exec_id)
        assert told(rig, f"comes again: LastQty(32) {HALF} lots, LastPx(31) {BID - 10_000_000} nanos")
        assert rig.child(order).notional == HALF * BID
        adds_up(rig, order)

    def test_for_the_same_fill_says_nothing(self) -> None:
        rig, order = resting()
        exec_id = rig.fill(order, LIT1, HALF, px=BID)
        rig.fill(order, LIT1, HALF, px=BID, exec_id=exec_id)
        assert not rig.alerts
        assert not rig.questions(LIT1)

    @pytest.mark.parametrize("exec_id", ["0", ""])
    def test_for_two_busts_voids_both_fills(self, exec_id: str) -> None:
        rig, order = resting()
        fills = [rig.fill(order, LIT1, HALF // 2, cum=HALF // 2 * n, px=BID) for n in (1, 2)]
        for fill in fills:
            revise(
                rig, order, ExecType.TRADE_CANCEL, OrdStatus.NEW, leaves=HALF, cum=0, ref=fill,
                exec_id=exec_id or fill,
            )  # fmt: skip
        assert rig.child(order).cum_lots == 0
        adds_up(rig, order)


class TestBusts:
    def test_before_the_fill_that_it_voids(self) -> None:
        rig, order = resting()
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.NEW, leaves=HALF, cum=0, ref="Z")
        rig.fill(order, LIT1, HALF, exec_id="Z", px=BID)
        assert told(rig, f"fill Z of {order.cl_ord_id} was void, and comes again")
        rig.status(order, LIT1, OrdStatus.NEW)
        child = rig.child(order)
        assert (child.state, child.cum_lots, child.provisional_lots) == (ChildState.WORKING, 0, 0)
        adds_up(rig, order)

    def test_of_an_early_fill_after_a_late_one_across_a_restart(self) -> None:
        rig, order = resting()
        early = rig.fill(order, LIT1, HALF, px=BID)
        rig.canceled(order, LIT1, cum=HALF)
        rig.restart()
        rig.up()
        rig.fill(order, LIT1, 1000, cum=HALF + 1000, px=BID)
        adds_up(rig, order)
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.CANCELED, leaves=0, cum=1000, ref=early)
        assert rig.child(order).cum_lots == 1000
        adds_up(rig, order)


class TestRevisions:
    def test_a_bust_with_more_filled_than_we_know_is_reserved_and_asked_about(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF, px=BID)
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.CANCELED, leaves=0, cum=1000, ref=fill)
        assert told(rig, f"says CumQty(14) 1000 lots of {order.cl_ord_id}, we know fills of 0 by now: asking")
        assert rig.reserved() == (0, 1000)
        rig.status(order, LIT1, OrdStatus.CANCELED)
        assert rig.reserved() == (0, 0)
        adds_up(rig, order)

    @pytest.mark.parametrize("leaves", [HALF // 2, HALF, BTC])
    def test_a_correction_of_the_price_alone_reserves_what_the_venue_works(self, leaves: int) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF, px=BID)
        revise(
            rig, order, ExecType.TRADE_CORRECT, OrdStatus.PARTIALLY_FILLED, leaves=leaves, cum=HALF, ref=fill,
            lots=HALF, px=BID - 1,
        )  # fmt: skip
        assert rig.reserved() == (HALF, leaves)
        adds_up(rig, order)

    def test_a_second_correction_by_the_name_of_the_first_is_told(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF, px=BID)
        for px in (BID - 1, BID - 1, BID - 2):
            assert not told(rig, "which came before")
            revise(
                rig, order, ExecType.TRADE_CORRECT, OrdStatus.PARTIALLY_FILLED, leaves=HALF, cum=HALF,
                ref=fill, lots=HALF, px=px,
            )  # fmt: skip
        assert told(rig, f"ExecID(17) R-1, which came before and stands for {HALF} at {BID - 1}")
        assert rig.child(order).notional == HALF * (BID - 1)
        adds_up(rig, order)


def test_a_fill_whose_cl_ord_id_is_none_is_found_by_the_venues_name() -> None:
    rig, order = resting()
    body = (
        f"37=V-{order.cl_ord_id}|11=NONE|17=E9|150=F|39=1|55={SYMBOL}|54=1|151=0.5|14=0.5|6=1|32=0.5|31=6190|"
    )
    rig.say(rig.port(LIT1), b"8", body.replace("|", "\x01").encode())
    assert rig.child(order).cum_lots == HALF
    adds_up(rig, order)


class TestAnotherVenue:
    def test_refuses_no_cancel_of_this_one(self) -> None:
        rig, order = resting()
        rig.cancel_parent()
        rig.refuse_cancel(rig.cancels(LIT1)[-1], LIT2, OrdStatus.NEW)
        assert rig.child(order).state is ChildState.PENDING_CANCEL
        assert told(rig, f"which is of {order.cl_ord_id} at XLIT1: not touched")

    def test_refuses_no_order_of_this_one(self) -> None:
        rig, order = resting()
        rig.refuse_message(order, LIT2)
        assert rig.child(order).state is ChildState.WORKING
        assert told(rig, "XLIT2 refused a message of ours")


class TestCopies:
    def test_are_held_against_order_entry_across_a_restart(self) -> None:
        rig, order = DROP.rig()
        rig.canceled(order, LIT1)
        DROP.copy(rig, order)
        rig.restart()
        rig.up()
        assert rig.reserved() == (0, 0)
        rig.run(5)
        assert told(rig, f"a copy says fill E-1 of {order.cl_ord_id}")
        assert rig.reserved() == (0, HALF)
        rig.fill(order, LIT1, HALF, exec_id="E-1", px=BID)
        assert rig.reserved() == (HALF, 0)

    def test_that_do_not_fit_the_order_are_told_and_not_applied(self) -> None:
        rig, order = DROP.rig()
        DROP.copy(rig, order, side=Side.SELL)
        rig.run(5)
        assert told(rig, f"XLIT1-DC reports {order.cl_ord_id} as Side(54) 2")
        assert rig.child(order).provisional_lots == 0
        assert not [raw for index, raw in rig.sent if index == 0 and raw.msg_type == b"Q"]


def test_another_account_is_told_once_and_the_fill_counts() -> None:
    rig, order = resting()
    other = replace(order, account="OTHER")
    for n in (1, 2):
        rig.fill(other, LIT1, HALF // 2, cum=HALF // 2 * n, px=BID)
    assert sum("Account(1) 'OTHER' is not 'ACCT1'" in alert for alert in rig.alerts) == 1
    adds_up(rig, order)
    assert rig.child(order).cum_lots == HALF


@pytest.mark.parametrize(("cum", "filled"), [("0", 0), ("0.5", HALF)])
def test_an_exec_trans_type_that_the_version_does_not_have_makes_no_fill(cum: str, filled: int) -> None:
    rig, order = resting()
    name = order.cl_ord_id
    body = (
        f"37=V-{name}|11={name}|20=1|17=E9|150=F|39=1|55={SYMBOL}|54=1|151=0.5|14={cum}|6=1|32=0.5|31=6190|"
    )
    rig.say(rig.port(LIT1), b"8", body.replace("|", "\x01").encode())
    assert told(rig, "ExecTransType(20) '1' is not FIX.4.4's: ExecType(150) does not count")
    assert rig.child(order).cum_lots == filled
    adds_up(rig, order)


class TestWhatHasEnded:
    def test_is_reserved_again_when_a_fill_of_it_cannot_be_read(self) -> None:
        rig, order = resting()
        rig.canceled(order, LIT1)
        assert rig.reserved() == (0, 0)
        name = order.cl_ord_id
        body = f"37=V-{name}|11={name}|17=E9|150=F|39=4|55={SYMBOL}|54=1|151=0|14=0.5|6=1|32=0.5|31=x|"
        rig.say(rig.port(LIT1), b"8", body.replace("|", "\x01").encode())
        rig.status(order, LIT1, OrdStatus.CANCELED, cum=HALF)
        assert rig.reserved() == (0, HALF)
        told_before = len(rig.alerts)
        rig.status(order, LIT1, OrdStatus.CANCELED, cum=HALF)
        assert len(rig.alerts) == told_before  # each answer says so
        rig.fill(order, LIT1, HALF, px=BID)
        assert rig.reserved() == (HALF, 0)
        adds_up(rig, order)


def test_a_cancel_that_the_venue_has_pending_is_not_sent_again_at_once() -> None:
    rig, order = resting()
    rig.cancel_parent()
    for _ in range(10):
        rig.refuse_cancel(rig.cancels(LIT1)[-1], LIT1, OrdStatus.PENDING_CANCEL, reason=3)
        rig.status(order, LIT1, OrdStatus.PENDING_CANCEL)
    assert len(rig.cancels(LIT1)) == 1
    rig.run(10)
    assert len(rig.questions(LIT1)) > 10
    rig.canceled(order, LIT1)
    assert rig.child(order).state is ChildState.CANCELED


class TestStrangers:
    @pytest.mark.parametrize("lives", [True, False])
    def test_a_number_that_a_venue_has_made_up_moves_no_counter_across_a_restart(self, lives: bool) -> None:
        rig, order = resting()
        other = stranger(rig, order, "99999999999999")
        if lives:
            rig.ack(other, LIT1)
        else:
            rig.fill(other, LIT1, BTC, px=BID)
        rig.restart()
        rig.up()
        rig.market()
        rig.fill(other, LIT1, 1000, cum=BTC + 1000, px=BID)
        rig.operator(1, "reinstate", who="other")
        rig.cancel_parent()
        had, rig.want = len(rig.orders(LIT1)), TENTH
        rig.parent(name="D2")
        assert len(rig.orders(LIT1)) == had + 1

    def test_whose_last_fill_is_all_that_we_hear_is_asked_for(self) -> None:
        rig, order = resting()
        other = stranger(rig, order, "777")
        rig.report(other, LIT1, ExecType.TRADE, OrdStatus.CANCELED, cum=HALF, lots=HALF, px=BID)
        assert other.cl_ord_id in [question.cl_ord_id for question in rig.questions(LIT1)]
        rig.status(other, LIT1, OrdStatus.CANCELED, cum=HALF)
        assert rig.child(other).state is ChildState.CANCELED

    def test_keeps_the_bytes_of_its_name(self) -> None:
        rig, order = resting()
        rig.ack(stranger(rig, order, "\xe9"), LIT1)
        (cancel,) = rig.messages(rig.port(LIT1), b"F")
        assert cancel.get(41) == rig.core.config.prefix.encode() + b"\xe9"


class TestQuantitiesAndPricesBeyondAnyMeasure:
    @pytest.mark.parametrize("what", ["leaves", "price"])
    def test_of_a_restatement(self, what: str) -> None:
        rig, order = resting()
        leaves, price = (HUGE, None) if what == "leaves" else (BTC, 10**26)
        revise(rig, order, ExecType.RESTATED, OrdStatus.NEW, leaves=leaves, cum=0, price=price)
        rig.want = encode(10, JOIN, 1)
        rig.run(3)  # decides with it
        rig.want = NULL
        words = "LeavesQty(151) '100000000000' is over" if what == "leaves" else "has put SL1-1 at Price(44)"
        assert told(rig, words)
        assert rig.child(order).is_live

    def test_of_a_fill(self) -> None:
        rig, order = resting()
        rig.fill(order, LIT1, HUGE, px=BID)
        assert told(rig, f"is over {2**62 - 1} lots; asking for {order.cl_ord_id}")
        assert rig.reserved() == (0, BTC)
