"""The operator's stop, order by order: what is latched, what leaves, and what the operator is told."""

from __future__ import annotations

import pytest

from risk.kill import ALL, Mode
from router.actions import JOIN, NULL, encode
from router.fix.messages import OrdStatus
from router.journal import Kind
from router.orders import Child, ChildState
from tests.router.rig import BTC, LIT1, LIT2, Rig


def resting() -> Rig:
    """One order each of two parents, at XLIT1 and XLIT2."""
    rig = Rig()
    rig.want = encode(10, JOIN, 1)
    rig.parent(10 * BTC, name="D1")
    rig.want = encode(10, JOIN, 2)
    rig.parent(8 * BTC, name="D2")
    rig.want = NULL
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.ack(rig.orders(LIT2)[0], LIT2)
    return rig


def test_the_latch_is_journalled_before_the_first_cancel_and_told_first() -> None:
    rig = resting()
    rig.operator(7, "kill")
    kinds = [(r.kind, b"\x0135=F\x01" in r.payload[:41]) for r in rig.records()]
    assert kinds.index((Kind.LATCH, False)) < kinds.index((Kind.FIX_OUT, True))
    assert [line["event"] for line in rig.told(7)] == ["latched", "cancelling"]
    assert rig.told(7)[1]["orders"] == 2


def test_it_ends_when_the_last_order_has_with_each_one_named() -> None:
    rig = resting()
    one, two = rig.orders(LIT1)[0], rig.orders(LIT2)[0]
    rig.operator(7, "kill")
    rig.canceled(one, LIT1)
    assert rig.told(7)[-1]["state"] == "canceled"
    rig.fill(two, LIT2, two.qty_lots)
    orders = {line["cl_ord_id"]: line["state"] for line in rig.told(7) if line["event"] == "order"}
    assert orders == {one.cl_ord_id: "canceled", two.cl_ord_id: "filled"}
    end = rig.told(7)[-1]
    assert end == {"event": "completed", "orders": 2, "confirmed": True, "unconfirmed": []}
    rig.run(10)
    assert rig.told(7)[-1] is end


def test_what_no_venue_confirms_is_named_when_the_time_is_over() -> None:
    rig = resting()
    rig.operator(7, "kill")
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    rig.run(5.1)
    end = rig.told(7)[-1]
    assert not end["confirmed"]
    assert end["unconfirmed"] == [rig.orders(LIT2)[0].cl_ord_id]
    assert rig.child(rig.orders(LIT2)[0]).is_live


def test_only_its_scope_is_touched() -> None:
    for scope, name, slot in (("venue", "XLIT2", LIT2), ("parent", "SL1-P1", LIT1)):
        rig = resting()
        rig.operator(7, "kill", scope, name)
        assert len(rig.cancels(slot)) == 1
        assert len(rig.cancels(LIT1)) + len(rig.cancels(LIT2)) == 1
        rig.want = encode(10, JOIN, 1)
        rig.run(3)


def test_a_kill_ignores_the_cancels_own_budget() -> None:
    limits = Rig().core.config.limits
    limits = {**limits, "child": {**limits["child"], "max_cancels_per_s": 1}}
    rig = Rig(limits=limits)
    rig.want = encode(10, JOIN, 1)
    rig.parent(10 * BTC, name="D1")
    rig.parent(8 * BTC, name="D2")
    rig.operator(7, "kill")
    assert len(rig.cancels(LIT1)) == 2


def test_two_kills_at_once_both_end() -> None:
    rig = resting()
    rig.operator(7, "kill", "venue", "XLIT1")
    rig.operator(8, "kill")
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    rig.canceled(rig.orders(LIT2)[0], LIT2)
    assert rig.told(7)[-1]["event"] == rig.told(8)[-1]["event"] == "completed"
    assert (rig.told(7)[-1]["orders"], rig.told(8)[-1]["orders"]) == (1, 2)


def test_with_nothing_to_cancel_it_is_over_at_once() -> None:
    rig = Rig()
    rig.operator(7, "kill")
    assert [line["event"] for line in rig.told(7)] == ["latched", "cancelling", "completed"]


def test_a_suspend_leaves_orders_alone_and_a_second_identity_lifts_it() -> None:
    rig = resting()
    rig.operator(7, "suspend")
    assert rig.told(7) == [{"event": "latched", "mode": "suspend"}]
    assert rig.cancels(LIT1) == []
    rig.operator(8, "reinstate", who="TRADER")
    assert rig.told(8)[-1]["event"] == "refused"
    assert "second identity" in rig.told(8)[-1]["reason"]
    rig.operator(9, "reinstate", who="risk-officer")
    assert rig.told(9) == [{"event": "reinstated", "latched_by": "trader", "still_latched": []}]
    rig.operator(10, "reinstate", who="risk-officer")
    assert "nothing is latched" in rig.told(10)[-1]["reason"]
    assert [r.json()["event"] for r in rig.records() if r.kind is Kind.LATCH] == ["latch", "reinstate"]


def test_an_order_found_live_under_a_halt_is_cancelled_again() -> None:
    rig = resting()
    order = rig.orders(LIT1)[0]
    rig.deaf.add(rig.port(LIT1))
    rig.operator(7, "kill")
    rig.cut(rig.port(LIT1))
    rig.deaf.clear()
    rig.restart()
    rig.up()
    assert rig.child(order).state is ChildState.UNKNOWN
    rig.status(order, LIT1, OrdStatus.NEW)
    assert [c.orig_cl_ord_id for c in rig.cancels(LIT1)] == [order.cl_ord_id]
    assert rig.orders(LIT1) == [order]


def test_an_order_found_live_under_a_suspend_stays() -> None:
    rig = resting()
    order = rig.orders(LIT1)[0]
    rig.operator(7, "suspend")
    rig.cut(rig.port(LIT1))
    rig.up(rig.port(LIT1))
    rig.status(order, LIT1, OrdStatus.NEW)
    assert rig.cancels(LIT1) == []
    assert rig.child(order).state is ChildState.WORKING


def test_a_venue_that_knows_more_than_we_do_stops_new_orders_everywhere_until_somebody_looked() -> None:
    rig = resting()
    before = len(rig.orders(LIT1))
    rig.restart(cut_bytes=len(rig.journal) // 2)
    rig.up()
    (latch,) = rig.core.gate.kill.latches
    assert (latch.scope, latch.mode, latch.identity) == (ALL, Mode.SUSPEND, "router")
    assert "MsgSeqNum too low" in latch.reason
    assert any(text.startswith("suspended: ") for text in rig.alerts)
    rig.want = encode(5, JOIN, 1)
    rig.run(3)
    assert len(rig.orders(LIT1)) == before
    latches = [r for r in rig.records() if r.kind is Kind.LATCH]
    assert len(latches) == 1, "said once"
    rig.restart()
    assert rig.core.gate.kill.latches == (latch,)


def test_a_drain_cancels_everything_and_leaves_no_latch() -> None:
    rig = resting()
    rig.operator(7, "drain")
    assert rig.told(7)[0] == {"event": "cancelling", "orders": 2}
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    rig.canceled(rig.orders(LIT2)[0], LIT2)
    assert rig.told(7)[-1]["unconfirmed"] == []
    assert rig.core.gate.kill.latches == ()
    assert [r for r in rig.records() if r.kind is Kind.LATCH] == []


def test_one_cancel_that_fails_keeps_no_other_from_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    for name, slot in (("D1", LIT1), ("D2", LIT2)):
        rig.want = encode(10, JOIN, slot + 1)
        rig.parent(name=name)
    first, second = rig.core.orders.live()
    cancel = rig.engine.execution.cancel

    def failing(child: Child, *, kill: bool = False) -> bool:
        if child is first:
            raise OSError("no number to be had")
        return cancel(child, kill=kill)

    monkeypatch.setattr(rig.engine.execution, "cancel", failing)
    rig.operator(7, "kill")
    assert [request.orig_cl_ord_id for slot in (LIT1, LIT2) for request in rig.cancels(slot)] == [
        second.cl_ord_id
    ]
    assert any(f"cancel of {first.cl_ord_id} failed" in text for text in rig.alerts)
    assert rig.core.gate.kill.blocks("XLIT1", "BTC-USD", "") is not None
