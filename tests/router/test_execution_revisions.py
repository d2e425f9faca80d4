"""What venues take back, change unasked, garble, say twice or say of others: applied, told, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.order import Side
from router.config import SessionSpec
from router.core import PortKind
from router.fix.messages import (
    DKReason,
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrdStatus,
)
from router.orders import ChildState
from router.parent import ParentState
from tests.router.fix.test_messages_lenient import WIRE
from tests.router.rig import BID, BTC, LIT1, SYMBOL, Rig
from tests.router.test_execution import resting

HALF = BTC // 2


def revise(
    rig: Rig, order: NewOrderSingle, kind: ExecType, status: OrdStatus, *, leaves: int, cum: int,
    ref: str = "", exec_id: str = "R-1", lots: int = 0, px: int = 0, price: int | None = None, fee: int = 0,
) -> None:  # fmt: skip
    report = ExecutionReport(
        order_id=f"V-{order.cl_ord_id}", exec_id=exec_id, exec_type=kind, ord_status=status, symbol=SYMBOL,
        side=order.side, leaves_lots=leaves, cum_lots=cum, avg_px_nanos=0, cl_ord_id=order.cl_ord_id,
        qty_lots=order.qty_lots, last_qty_lots=lots, last_px_nanos=px, exec_ref_id=ref, price_nanos=price,
        commission_nanos=fee, text="so it is",
    )  # fmt: skip
    rig.say(rig.port(LIT1), b"8", report.body(BTC))


def told(rig: Rig, text: str) -> bool:
    return any(text in alert for alert in rig.alerts)


def adds_up(rig: Rig, order: NewOrderSingle) -> None:
    child, line = rig.child(order), rig.core.gate.exposure.parents[rig.work.parent.parent_id]
    assert child.cum_lots + child.leaves + child.void_lots == order.qty_lots
    reserved = sum(one.leaves for one in rig.core.orders.live(rig.work.parent.parent_id))
    assert (line.filled_lots, line.reserved_lots) == (rig.work.filled_lots, reserved)
    assert rig.work.filled_lots == child.cum_lots
    assert rig.work.notional == child.notional


class TestBust:
    def test_of_a_live_order(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF)
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.NEW, leaves=HALF, cum=0, ref=fill)
        child = rig.child(order)
        assert (child.state, child.cum_lots, child.leaves, child.notional) == (
            ChildState.WORKING, 0, HALF, 0,
        )  # fmt: skip
        assert told(rig, f"busted {HALF} lots of {order.cl_ord_id}, fill {fill}: so it is")
        adds_up(rig, order)
        assert rig.reports()[-1].exec_type is ExecType.TRADE_CANCEL
        rig.fill(order, LIT1, HALF, exec_id="again")
        assert child.state is ChildState.FILLED
        adds_up(rig, order)

    def test_of_what_was_filled_trades_nothing_by_itself(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, BTC)
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.CANCELED, leaves=0, cum=0, ref=fill)
        assert rig.child(order).state is ChildState.CANCELED
        adds_up(rig, order)
        assert len(rig.orders(LIT1)) == 1

    def test_of_a_finished_parent(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF)
        rig.cancel_parent()
        rig.canceled(order, LIT1, cum=HALF)
        assert rig.work.state is ParentState.CANCELED
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.CANCELED, leaves=0, cum=0, ref=fill)
        assert rig.work.is_ended
        adds_up(rig, order)
        rig.run(3)
        assert len(rig.orders(LIT1)) == 1

    def test_said_twice_is_once(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF)
        for exec_id in ("R-1", "R-1", "R-2"):
            revise(
                rig,
                order,
                ExecType.TRADE_CANCEL,
                OrdStatus.NEW,
                leaves=HALF,
                cum=0,
                ref=fill,
                exec_id=exec_id,
            )
        assert rig.child(order).cum_lots == 0
        adds_up(rig, order)

    def test_of_a_fill_that_is_not_known_is_asked_about(self) -> None:
        rig, order = resting()
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.NEW, leaves=BTC, cum=0, ref="none")
        assert told(rig, "busts fill none of")
        assert rig.child(order).state is ChildState.UNKNOWN
        assert len(rig.questions(LIT1)) == 1

    def test_that_puts_a_finished_order_back_to_work_is_followed_by_a_cancel(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, BTC)
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.NEW, leaves=BTC, cum=0, ref=fill)
        child = rig.child(order)
        assert (child.state, child.leaves) == (ChildState.UNKNOWN, BTC)
        assert [cancel.orig_cl_ord_id for cancel in rig.cancels(LIT1)] == [order.cl_ord_id]
        adds_up(rig, order)
        rig.canceled(order, LIT1)
        assert child.state is ChildState.CANCELED
        assert rig.reserved() == (0, 0)

    def test_after_a_restart(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, BTC)
        rig.restart()
        rig.up()
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.CANCELED, leaves=0, cum=0, ref=fill)
        adds_up(rig, order)

    def test_of_a_live_order_before_a_restart(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF)
        revise(rig, order, ExecType.TRADE_CANCEL, OrdStatus.NEW, leaves=HALF, cum=0, ref=fill)
        rig.restart()
        adds_up(rig, order)
        assert rig.child(order).leaves == HALF


class TestCorrect:
    @pytest.mark.parametrize("lots", [HALF, BTC // 4, 3 * BTC // 4])
    def test_price_and_quantity(self, lots: int) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF)
        revise(
            rig, order, ExecType.TRADE_CORRECT, OrdStatus.PARTIALLY_FILLED, leaves=BTC - lots, cum=lots,
            ref=fill, lots=lots, px=BID, fee=7,
        )  # fmt: skip
        child = rig.child(order)
        assert (child.cum_lots, child.notional, child.fees_nanos) == (lots, lots * BID, 7)
        assert told(rig, f"corrected fill {fill} of {order.cl_ord_id} to {lots} lots at {BID} nanos")
        adds_up(rig, order)
        revise(
            rig,
            order,
            ExecType.TRADE_CANCEL,
            OrdStatus.NEW,
            leaves=BTC - lots,
            cum=0,
            ref="R-1",
            exec_id="R-2",
        )
        assert (child.cum_lots, child.notional, child.fees_nanos) == (0, 0, 0)
        adds_up(rig, order)

    def test_of_a_fill_that_is_not_known_or_to_no_trade_is_asked_about(self) -> None:
        rig, order = resting()
        fill = rig.fill(order, LIT1, HALF)
        for ref, px in (("none", BID), (fill, 0)):
            revise(
                rig, order, ExecType.TRADE_CORRECT, OrdStatus.NEW, leaves=0, cum=0, ref=ref, lots=HALF, px=px
            )
        assert told(rig, "corrects fill none of")
        assert told(rig, "corrects, to no trade, fill")
        assert rig.child(order).cum_lots == HALF
        adds_up(rig, order)


class TestRestated:
    def test_less_is_left(self) -> None:
        rig, order = resting()
        rig.fill(order, LIT1, HALF)
        revise(rig, order, ExecType.RESTATED, OrdStatus.PARTIALLY_FILLED, leaves=HALF // 2, cum=HALF)
        child = rig.child(order)
        assert (child.leaves, child.state) == (HALF // 2, ChildState.WORKING)
        adds_up(rig, order)
        rig.fill(order, LIT1, HALF // 2, cum=HALF + HALF // 2)
        assert child.state is ChildState.FILLED
        adds_up(rig, order)

    def test_more_than_we_asked_for_is_cancelled(self) -> None:
        rig, order = resting()
        revise(rig, order, ExecType.RESTATED, OrdStatus.NEW, leaves=2 * BTC, cum=0)
        assert rig.child(order).leaves == 2 * BTC
        adds_up(rig, order)
        assert len(rig.cancels(LIT1)) == 1

    def test_at_another_price_is_cancelled(self) -> None:
        rig, order = resting()
        revise(rig, order, ExecType.REPLACED, OrdStatus.NEW, leaves=BTC, cum=0, price=BID - 10_000_000)
        assert told(rig, f"at Price(44) {BID - 10_000_000} nanos, which we have not asked for")
        assert rig.child(order).px == (BID - 10_000_000) // 5_000_000
        assert len(rig.cancels(LIT1)) == 1
        rig.canceled(order, LIT1)
        assert rig.core.orders.live() == []

    def test_to_nothing_ends_it(self) -> None:
        rig, order = resting()
        revise(rig, order, ExecType.RESTATED, OrdStatus.NEW, leaves=0, cum=0)
        assert rig.child(order).state is ChildState.CANCELED
        assert rig.reserved() == (0, 0)

    def test_with_fills_that_we_do_not_know_is_asked_about(self) -> None:
        rig, order = resting()
        revise(rig, order, ExecType.RESTATED, OrdStatus.NEW, leaves=HALF, cum=HALF)
        child = rig.child(order)
        assert (child.provisional_lots, child.leaves, child.state) == (HALF, BTC, ChildState.UNKNOWN)

    def test_what_had_ended_is_cancelled(self) -> None:
        rig, order = resting()
        rig.canceled(order, LIT1)
        revise(rig, order, ExecType.RESTATED, OrdStatus.NEW, leaves=HALF, cum=0)
        assert rig.child(order).state is ChildState.UNKNOWN
        assert len(rig.cancels(LIT1)) == 1
        adds_up(rig, order)


class TestUnasked:
    def test_a_cancel(self) -> None:
        rig, order = resting()
        rig.canceled(order, LIT1)
        assert rig.child(order).state is ChildState.CANCELED
        assert told(rig, f"cancelled {order.cl_ord_id} unasked")
        assert rig.reserved() == (0, 0)

    def test_done_for_the_day(self) -> None:
        rig, order = resting()
        rig.report(order, LIT1, ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY)
        assert rig.child(order).state is ChildState.EXPIRED

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (ExecType.STOPPED, "is stopped"),
            (ExecType.SUSPENDED, "is suspended"),
            (ExecType.CALCULATED, "is calculated"),
            (ExecType.PENDING_REPLACE, "is to be replaced"),
        ],
    )
    def test_what_changes_nothing_is_told(self, kind: ExecType, text: str) -> None:
        rig, order = resting()
        rig.report(order, LIT1, kind, OrdStatus.NEW)
        assert told(rig, text)
        assert rig.child(order).state is ChildState.WORKING

    @pytest.mark.parametrize("status", [OrdStatus.SUSPENDED, OrdStatus.STOPPED, OrdStatus.PENDING_REPLACE])
    def test_an_answer_that_it_is_there_finds_it_live(self, status: OrdStatus) -> None:
        rig, order = resting()
        rig.cut(rig.port(LIT1))
        rig.up(rig.port(LIT1))
        assert rig.child(order).state is ChildState.UNKNOWN
        rig.status(order, LIT1, status)
        assert rig.child(order).state is ChildState.WORKING

    def test_a_venue_that_counts_less_than_we_is_told(self) -> None:
        rig, order = resting()
        rig.fill(order, LIT1, HALF)
        rig.status(order, LIT1, OrdStatus.PARTIALLY_FILLED, cum=0)
        assert told(rig, "a bust or a correction is missing")


FILL = (
    "37=V-1|11={name}|17=E-1|150=F|39=1|1=ACCT1|55=BTC-USD|54=1|38=1|40=2|44=6190|59=0|32=0.5|31=6190|"
    "30=XLIT1|151=0.5|14=0.5|6=6190|60=20260105-00:00:00.123|12=-0.005|13=3|851=2|"
)


def say(rig: Rig, text: str) -> None:
    rig.say(rig.port(LIT1), b"8", text.replace("|", "\x01").encode("latin-1"))


class TestOddities:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.dictionaries(
            st.sampled_from(
                ["39", "1", "38", "40", "44", "59", "30", "151", "14", "6", "60", "12", "13", "851"]
            ),
            WIRE,
        ),
        st.lists(st.tuples(st.integers(10_000, 30_000), WIRE), max_size=3),
    )
    def test_a_fill_is_applied_whatever_else_is_said(
        self, garbled: dict[str, str], added: list[tuple[int, str]]
    ) -> None:
        rig, order = resting()
        fields = [field.split("=", 1) for field in FILL.format(name=order.cl_ord_id).split("|")[:-1]]
        body = "".join(f"{tag}={garbled.get(tag, value)}\x01" for tag, value in fields)
        body += "".join(f"{tag}={value}\x01" for tag, value in added)
        rig.say(rig.port(LIT1), b"8", body.encode("latin-1"))
        child = rig.child(order)
        assert (child.cum_lots, child.notional) == (HALF, HALF * BID)
        assert rig.work.filled_lots == HALF
        for tag in ("39", "40", "59", "851", "38", "44", "60"):
            if tag in garbled and len(garbled[tag]) > 1 and garbled[tag].strip("0123456789.-"):
                assert told(rig, f"({tag})")
        for tag, _ in added:
            assert told(rig, f"Tag({tag}) is no tag of FIX.4.4: passed over")

    def test_each_is_told_once(self) -> None:
        rig, order = resting()
        said = FILL.format(name=order.cl_ord_id).replace("32=0.5", "32=0.1") + "9999=x|"
        for number in range(3):
            say(rig, said.replace("E-1", f"E-{number}"))
        assert sum("Tag(9999)" in alert for alert in rig.alerts) == 1

    @pytest.mark.parametrize("old", ["17=E-1|", "55=BTC-USD|", "54=1|", "32=0.5|", "31=6190|"])
    @pytest.mark.parametrize("new", ["", "x"])
    def test_without_what_it_takes_the_order_is_in_doubt_and_asked_for(self, old: str, new: str) -> None:
        rig, order = resting()
        tag = old.split("=")[0]
        if tag == "17" and new:
            return  # any text names a fill
        said = FILL.format(name=order.cl_ord_id)
        say(rig, said.replace(old, f"{tag}={new}|" if new else ""))
        assert rig.child(order).state is ChildState.UNKNOWN
        assert rig.child(order).cum_lots == 0
        assert len(rig.questions(LIT1)) == 1
        assert told(rig, "an ExecutionReport was not applied")
        assert rig.core.gate.exposure.parents[rig.work.parent.parent_id].reserved_lots == BTC

    def test_one_of_no_order_that_is_known_is_told(self) -> None:
        rig, _ = resting()
        say(rig, FILL.format(name="SLX").replace("31=6190|", "").replace("V-1", "V-9"))
        assert told(rig, "it is of no order that is known (SLX)")

    def test_an_unknown_kind_that_its_quantities_prove_a_fill_is_applied(self) -> None:
        rig, order = resting()
        said = FILL.format(name=order.cl_ord_id).replace("150=F", "150=Z")
        say(rig, said)
        say(rig, said)
        assert rig.child(order).cum_lots == HALF
        assert told(rig, "prove a fill")
        adds_up(rig, order)

    @pytest.mark.parametrize(("old", "new"), [("14=0.5|", "14=0.4|"), ("32=0.5|", ""), ("17=E-1|", "17=0|")])
    def test_an_unknown_kind_that_proves_no_fill_is_asked_about(self, old: str, new: str) -> None:
        rig, order = resting()
        say(rig, FILL.format(name=order.cl_ord_id).replace("150=F", "150=Z").replace(old, new))
        assert rig.child(order).cum_lots == 0
        assert rig.child(order).state is ChildState.UNKNOWN
        assert told(rig, "proves no fill")

    def test_the_venues_own_name_is_enough(self) -> None:
        rig, order = resting()
        said = FILL.format(name=order.cl_ord_id).replace(f"11={order.cl_ord_id}|", "")
        say(rig, said.replace("37=V-1", f"37=V-{order.cl_ord_id}"))
        assert rig.child(order).cum_lots == HALF


class TestNotOurs:
    def dont_knows(self, rig: Rig) -> list[DontKnowTrade]:
        found = rig.messages(rig.port(LIT1), b"Q")
        return [DontKnowTrade.parse(one, rig.core.instruments) for one in found]

    def test_a_fill_is_answered(self) -> None:
        rig, _ = resting()
        say(rig, FILL.format(name="THEIRS"))
        assert self.dont_knows(rig) == [
            DontKnowTrade(
                "V-1",
                "E-1",
                DKReason.NO_MATCHING_ORDER,
                SYMBOL,
                Side.BUY,
                BTC,
                HALF,
                BID,
                "not an order of ours",
            )
        ]
        assert told(rig, "THEIRS, not ours: not touched")

    def test_anything_else_of_it_is_not(self) -> None:
        rig, _ = resting()
        say(rig, FILL.format(name="THEIRS").replace("150=F", "150=0"))
        assert self.dont_knows(rig) == []
        assert told(rig, "THEIRS, not ours: not touched")

    def test_a_fill_on_the_wrong_side_is_answered_and_not_applied(self) -> None:
        rig, order = resting()
        say(rig, FILL.format(name=order.cl_ord_id).replace("54=1", "54=2"))
        assert [one.reason for one in self.dont_knows(rig)] == [DKReason.WRONG_SIDE]
        assert rig.child(order).cum_lots == 0


class TestDropCopy:
    def rig(self) -> tuple[Rig, NewOrderSingle]:
        spec = SessionSpec(
            name="XLIT1-DC", kind="drop copy", venue=LIT1, sender_comp_id="SLUICE-DC", target_comp_id="XLIT1",
            heart_bt_int_s=30,
        )  # fmt: skip
        rig, order = resting(sessions=(spec, *Rig(up=False).core.config.sessions))
        assert rig.core.ports[0].kind is PortKind.DROP_COPY
        return rig, order

    def copy(self, rig: Rig, order: NewOrderSingle, exec_id: str = "E-1", **changes: Any) -> None:
        fields: dict[str, Any] = {
            "order_id": f"V-{order.cl_ord_id}", "exec_id": exec_id, "exec_type": ExecType.TRADE,
            "ord_status": OrdStatus.PARTIALLY_FILLED, "symbol": SYMBOL, "side": order.side,
            "leaves_lots": HALF, "cum_lots": HALF, "avg_px_nanos": BID, "cl_ord_id": order.cl_ord_id,
            "qty_lots": BTC, "last_qty_lots": HALF, "last_px_nanos": BID, "copy": True,
        }  # fmt: skip
        rig.say(0, b"8", ExecutionReport(**{**fields, **changes}).body(BTC))

    def test_what_order_entry_has_said_or_says_in_time_is_nothing_new(self) -> None:
        rig, order = self.rig()
        rig.fill(order, LIT1, HALF, exec_id="E-1")
        self.copy(rig, order)
        self.copy(rig, order, "E-2", cum_lots=BTC)
        rig.fill(order, LIT1, HALF, cum=BTC, exec_id="E-2")
        before = len(rig.alerts)
        rig.run(5)
        assert rig.alerts[before:] == []
        assert rig.child(order).cum_lots == BTC
        adds_up(rig, order)

    def test_a_fill_that_order_entry_does_not_say_is_provisional_and_counted_once_when_it_comes(self) -> None:
        rig, order = self.rig()
        self.copy(rig, order)
        self.copy(rig, order)
        rig.run(5)
        child = rig.child(order)
        assert told(rig, "a copy says fill E-1")
        assert (child.provisional_lots, child.cum_lots, child.leaves) == (HALF, 0, BTC)
        assert rig.questions(LIT1) != []
        assert rig.reserved()[1] == BTC
        rig.fill(order, LIT1, HALF, exec_id="E-1")
        assert (child.provisional_lots, child.cum_lots, child.leaves) == (0, HALF, HALF)
        adds_up(rig, order)

    def test_a_fill_of_what_has_ended_reserves_it_again(self) -> None:
        rig, order = self.rig()
        rig.canceled(order, LIT1)
        self.copy(rig, order)
        rig.run(5)
        child = rig.child(order)
        assert (child.state, child.leaves, child.provisional_lots) == (ChildState.UNKNOWN, HALF, HALF)
        rig.fill(order, LIT1, HALF, exec_id="E-1")
        assert child.cum_lots == HALF
        adds_up(rig, order)

    def test_a_bust_that_order_entry_does_not_say_is_told_and_asked_about(self) -> None:
        rig, order = self.rig()
        rig.fill(order, LIT1, HALF, exec_id="E-1")
        self.copy(rig, order, "R-1", exec_type=ExecType.TRADE_CANCEL, exec_ref_id="E-1", cum_lots=0)
        rig.run(5)
        assert told(rig, "a copy says TRADE_CANCEL of E-1")
        assert rig.child(order).cum_lots == HALF
        assert rig.questions(LIT1) != []

    def test_an_order_of_ours_that_is_not_known_suspends(self) -> None:
        rig, order = self.rig()
        self.copy(rig, order, cl_ord_id="SL1-9999", order_id="V-99")
        rig.run(5)
        assert rig.core.gate.kill.count
        assert told(rig, "SL1-9999")

    def test_orders_of_others_are_passed_over(self) -> None:
        rig, order = self.rig()
        self.copy(rig, order, cl_ord_id="THEIRS", order_id="V-98")
        before = len(rig.alerts)
        rig.run(5)
        assert rig.alerts[before:] == []
