"""When a parent is decided, what is asked, and what an answer may do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.gate import Approved
from risk.order import NewOrder, OrdType, Side, TimeInForce
from router import tick
from router.actions import CROSS, FIRST, JOIN, MID, NULL, WITHDRAW, A, Slice, diff, encode, plan
from router.features import ROUND_LOTS
from router.fix.messages import OrdStatus
from router.journal import Kind
from router.records import NO_VALUE, NO_VECTOR, Answer, AnswerStatus, ChosenBy, unpack_action, unpack_decision
from router.routing.target import mask
from router.tick import Decide
from tests.router.rig import ASK, BID, BTC, DARK, LIT1, LIT2, SECOND, Rig, answer

TENTH = encode(10, JOIN, 1)
QUARTER_NOW = encode(25, CROSS, 0)


def actions(rig: Rig) -> list[tuple[int, int, ChosenBy]]:
    found = [unpack_action(r.payload) for r in rig.records() if r.kind is Kind.ACTION]
    return [(a.proposed, a.executed, a.chosen_by) for a in found]


# When.


def test_a_parent_is_decided_at_its_start_and_then_each_interval() -> None:
    rig = Rig(decision_interval_ns=SECOND, min_event_interval_ns=SECOND)
    rig.parent()
    assert rig.decides == [(1, 1)]
    rig.run(4.5)
    assert rig.decides == [(1, n) for n in range(1, 6)]


def test_a_move_of_the_touch_is_decided_upon_at_once_but_not_too_often() -> None:
    rig = Rig()
    rig.parent()
    assert len(rig.decides) == 1
    rig.market(LIT1, LIT2, ask="6190.05")
    assert len(rig.decides) == 1  # within the least interval of 100 ms
    rig.run(0.11, fresh=False)
    assert len(rig.decides) == 2
    rig.run(0.3, fresh=False)
    rig.say(rig.core.feed_ports[LIT1].index, b"X", update(rig, LIT1, "6190.04"))
    assert len(rig.decides) == 3


def update(rig: Rig, slot: int, ask: str, size: str = "3", act: int = 0) -> bytes:
    body = f"262={rig.books[slot]}|268=1|279={act}|269=1|55=BTC-USD|270={ask}|271={size}|"
    return body.replace("|", "\x01").encode()


def test_without_a_book_nothing_is_asked_and_nothing_falls_back() -> None:
    rig = Rig()
    rig.parent()
    asked = len(rig.decides)
    for slot in (LIT1, LIT2):
        rig.cut(rig.core.feed_ports[slot].index)
    rig.run(10)
    assert len(rig.decides) == asked
    assert rig.work.fallback_decisions == 0
    rig.up(*(rig.core.feed_ports[slot].index for slot in (LIT1, LIT2)))
    rig.run(0.5)
    assert len(rig.decides) > asked


def test_a_stale_book_masks_everything_that_adds_risk() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.answers = rig.scripted
    rig.parent()
    rig.run(4, fresh=False)
    decision = [unpack_decision(r.payload) for r in rig.records() if r.kind is Kind.DECISION][-1]
    assert not decision.mask[FIRST:].any()


def test_an_interval_that_passes_while_the_policy_thinks_is_not_lost() -> None:
    rig = Rig(policy_deadline_ns=5 * SECOND)
    held: list[Decide] = []
    rig.answers = lambda decide: held.append(decide)  # type: ignore[func-returns-value]
    rig.parent()
    rig.run(2.5)
    assert len(held) == 1
    rig.answers = rig.scripted
    rig.want = TENTH
    rig.engine.answer(answer(held[0], TENTH), rig.now)
    rig.flow()
    assert len(rig.orders(LIT1)) == 1
    rig.ack(rig.orders(LIT1)[0], LIT1)
    before = len(rig.decides)
    rig.run(4, fresh=False)
    assert len(rig.decides) > before


# What an answer may do.


def test_an_action_that_is_repeated_changes_nothing() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.run(5)
    assert len(rig.orders(LIT1)) == 1
    assert rig.cancels(LIT1) == []
    assert all(executed == NULL for _, executed, _ in actions(rig)[1:])


def test_a_child_elsewhere_is_cancelled_first_and_the_new_one_waits_for_that() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    order = rig.orders(LIT1)[0]
    rig.ack(order, LIT1)
    rig.want = encode(10, JOIN, 2)
    rig.run(1.1)
    (cancel,) = rig.cancels(LIT1)
    rig.run(0.9)
    assert rig.orders(LIT2) == []
    rig.canceled(order, LIT1, cancel_id=cancel.cl_ord_id)
    rig.run(0.11)
    assert len(rig.orders(LIT2)) == 1
    assert len(rig.cancels(LIT1)) == 1


def test_a_withdrawal_cancels_and_null_leaves_alone() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent()
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.want = NULL
    rig.run(2)
    assert rig.cancels(LIT1) == []
    rig.want = WITHDRAW
    rig.run(1.1)
    assert len(rig.cancels(LIT1)) == 1


def test_an_answer_counts_once_and_only_for_its_question() -> None:
    rig = Rig()
    held: list[Decide] = []
    rig.answers = lambda decide: held.append(decide)  # type: ignore[func-returns-value]
    rig.parent()
    good = answer(held[0], TENTH)
    rig.engine.answer(good._replace(decision=9), rig.now)
    rig.engine.answer(good._replace(parent=9), rig.now)
    rig.flow()
    assert rig.orders(LIT1) == []
    rig.engine.answer(good, rig.now)
    rig.engine.answer(good, rig.now)
    rig.flow()
    assert len(rig.orders(LIT1)) == 1
    assert len(actions(rig)) == 1


def test_an_answer_after_a_kill_sends_nothing() -> None:
    """The latch came while the policy thought: the market is looked at again, the gate has the last word."""
    rig = Rig()
    held: list[Decide] = []
    rig.answers = lambda decide: held.append(decide)  # type: ignore[func-returns-value]
    rig.parent()
    rig.operator(1, "suspend")
    rig.engine.answer(answer(held[0], TENTH), rig.now)
    rig.flow()
    assert rig.orders(LIT1) == []
    assert actions(rig) == [(NULL, NULL, ChosenBy.POLICY)]


def test_an_answer_meets_the_market_as_it_is_then() -> None:
    rig = Rig()
    held: list[Decide] = []
    rig.answers = lambda decide: held.append(decide)  # type: ignore[func-returns-value]
    rig.parent()
    rig.market(LIT1, LIT2, bid="6189.95", ask="6189.97")
    rig.engine.answer(answer(held[0], TENTH), rig.now)
    rig.flow()
    assert [o.price_nanos for o in rig.orders(LIT1)] == [6189 * SECOND + 950_000_000]


def spoilt(decide: Decide, how: str) -> Answer:
    good = answer(decide, NULL)
    masked = int(np.flatnonzero(~decide.mask)[0])
    match how:
        case "failed":
            return Answer(
                decide.parent, decide.decision, AnswerStatus.FAILED, 0, NO_VALUE, NO_VECTOR, NO_VECTOR
            )
        case "nan":
            good.logits[NULL] = np.nan
        case "inf":
            good.logits[NULL] = np.inf
        case "masked":
            good.logits[masked] = 0.0
        case "value":
            return good._replace(value=np.array([np.nan], np.float32))
        case "action value":
            values = np.zeros(A, np.float32)
            values[-1] = -np.inf
            return good._replace(action_value=values)
        case "late":
            return good._replace(elapsed_ns=200_000_001)
    return good


@pytest.mark.parametrize("how", ["failed", "nan", "inf", "masked", "value", "action value", "late"])
def test_a_bad_answer_gets_the_fallback_and_the_policy_is_off_after_three(how: str) -> None:
    rig = Rig(min_event_interval_ns=SECOND)
    rig.answers = lambda decide: spoilt(decide, how)
    rig.parent(seconds=60)
    rig.run(1.9)
    assert rig.work.fallback_decisions == len(actions(rig)) == 2
    assert all(by is ChosenBy.FALLBACK for *_, by in actions(rig))
    assert not rig.work.policy_off
    rig.run(3)
    assert rig.work.policy_off
    assert rig.work.policy_failures == 3
    assert len(rig.decides) == 3, "it is not asked any more"
    assert rig.work.fallback_decisions > 3
    assert any("policy off after 3 failures" in text for text in rig.alerts)


def test_an_answer_in_time_to_the_nanosecond_is_good() -> None:
    rig = Rig()
    rig.answers = lambda decide: answer(decide, TENTH, elapsed_ns=200_000_000)
    rig.parent()
    assert len(rig.orders(LIT1)) == 1


def test_a_policy_that_never_answers_is_late() -> None:
    rig = Rig()
    rig.answers = lambda decide: None
    rig.parent(seconds=30)
    rig.run(1.5)
    assert rig.work.fallback_decisions >= 1
    assert any("has not answered within 200000000 ns" in text for text in rig.alerts)
    rig.run(5)
    assert rig.work.policy_off


def test_an_answer_that_comes_after_the_fallback_has_decided_is_ignored() -> None:
    rig = Rig()
    held: list[Decide] = []
    rig.answers = lambda decide: held.append(decide)  # type: ignore[func-returns-value]
    rig.parent(seconds=1000)
    rig.run(0.5)
    assert len(actions(rig)) == 1
    rig.engine.answer(answer(held[0], QUARTER_NOW), rig.now)
    rig.flow()
    assert len(actions(rig)) == 1


def test_two_parents_on_one_side_are_told_of_each_other() -> None:
    rig = Rig()
    rig.want = TENTH
    rig.parent(10 * BTC, name="D1")
    rig.parent(8 * BTC, name="D2")
    assert [o.qty_lots for o in rig.orders(LIT1)] == [BTC, 8 * BTC // 10]
    rig.cancel_parent("D1")
    rig.run(1)
    assert {c.orig_cl_ord_id for c in rig.cancels(LIT1)} == {rig.orders(LIT1)[0].cl_ord_id}


# Mask and gate.


states = st.fixed_dictionaries({
    "lots": st.sampled_from([1, 3, 100, 10**6, BTC, 10 * BTC]),
    "side": st.sampled_from([Side.BUY, Side.SELL]),
    "limit": st.sampled_from([None, BID, ASK, BID - 500 * 10_000_000, ASK + 500 * 10_000_000]),
    "bid": st.sampled_from(["6190.00", "6189.92", "6189.99"]),
    "ask": st.sampled_from(["6190.01", "6190.00", "6190.15"]),
    "first": st.sampled_from([NULL, TENTH, encode(100, JOIN, 0), encode(25, MID, 3), QUARTER_NOW]),
    "ack": st.booleans(),
    "fill": st.booleans(),
    "out": st.sets(st.sampled_from([LIT1, LIT2, DARK]), max_size=2),
    "blocked": st.booleans(),
    "stale": st.sampled_from([0.0, 1.5, 7.5]),
    "latch": st.sampled_from(["", "all", "venue", "parent"]),
})  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], max_examples=80)
@given(states)
def test_the_gate_passes_all_that_the_mask_allows_and_nothing_that_it_masks(state: dict[str, object]) -> None:
    """Through the ticker's own look at market, children and gate, whatever they are."""
    rig = Rig()
    rig.want = int(state["first"])  # type: ignore[call-overload]
    rig.parent(state["lots"], side=state["side"], limit_nanos=state["limit"])  # type: ignore[arg-type]
    if not rig.core.parents:
        return
    for slot in (LIT1, LIT2, DARK):
        for order in rig.orders(slot):
            if state["ack"]:
                rig.ack(order, slot)
            if state["fill"]:
                rig.fill(order, slot, max(1, order.qty_lots // 3))
    rig.want = NULL
    rig.market(LIT1, LIT2, bid=str(state["bid"]), ask=str(state["ask"]))
    for slot in state["out"]:  # type: ignore[attr-defined]
        rig.cut(rig.port(slot))
    if state["blocked"]:
        rig.engine.writable(rig.port(LIT2), False, rig.now)
    if state["latch"]:
        scope = str(state["latch"])
        rig.operator(1, "suspend", scope, {"all": "", "venue": "XLIT1", "parent": "SL1-P1"}[scope])
    rig.run(float(state["stale"]), fresh=False)  # type: ignore[arg-type]
    if not rig.work.is_ended:
        agree(rig)


def agree(rig: Rig) -> None:
    ticker, core = rig.engine.ticker, rig.core
    desk = ticker._desks[rig.work.parent.parent_id]
    core.now_ns = rig.now
    if not ticker._look(desk):
        return
    mask(desk.market_data.books, desk.usable, desk.caps, desk.tick.i, desk.mask)
    children = core.orders.live(rig.work.parent.parent_id)
    i, number = desk.tick.i, 5000
    round_lots = int(i[ROUND_LOTS])
    for action in range(FIRST, A):
        target = plan(action, desk.market_data.books, desk.usable, desk.caps, i)
        assert bool(target) == bool(desk.mask[action]), action
        steps = diff(target, children, round_lots, 1)
        for new in steps.new:
            number += 1
            assert desk.mask[action]
            assert new.qty_lots > 0
            order = order_of(rig, new, number)
            snapshot = core.gate.exposure.parents[order.parent_id].reserved_lots
            verdict = core.gate.check(order, desk.market_data.market, rig.now)
            if isinstance(verdict, Approved):
                core.gate.closed(order.cl_ord_id)
            else:
                assert verdict.rule in ("repeats", "message_rate"), (action, verdict.text)
            assert core.gate.exposure.parents[order.parent_id].reserved_lots == snapshot
    if not desk.mask[FIRST:].any():
        # Nothing may be sent: then nothing would pass either, at any venue, at its touch or at its far touch.
        free = not children
        for slot in (LIT1, LIT2, DARK):
            for px in {int(desk.px[slot, kind]) for kind in range(4)} - {0}:
                number += 1
                dark = slot == DARK
                kind = OrdType.PEGGED if dark else OrdType.LIMIT
                new = Slice(slot, None if dark else px, 1, 1, kind, TimeInForce.DAY)
                if free and core.order_ports[slot].takes_orders:
                    verdict = core.gate.check(order_of(rig, new, number), desk.market_data.market, rig.now)
                    assert not isinstance(verdict, Approved), new


def order_of(rig: Rig, new: Slice, number: int) -> NewOrder:
    parent, core = rig.work.parent, rig.core
    instrument = core.instruments[parent.symbol]
    return NewOrder(
        f"SL1-{number}", parent.parent_id, core.config.venues[new.venue].name, parent.symbol, parent.account,
        parent.side, new.ord_type, new.tif, new.qty_lots,
        parent.limit_nanos if new.px is None else instrument.px_to_nanos(new.px),
    )  # fmt: skip


def test_a_child_that_the_gate_refuses_is_journalled_with_the_rule() -> None:
    """Control 7 is not in the mask: an order that finds nothing may repeat only so often."""
    rig = Rig(min_event_interval_ns=1_000_000)
    rig.want = QUARTER_NOW
    rig.parent(40)
    for n in range(12):
        for slot in (LIT1, LIT2):
            for order in rig.orders(slot):
                if rig.child(order).is_live:
                    rig.status(order, slot, OrdStatus.CANCELED)
        rig.say(rig.core.feed_ports[LIT1].index, b"X", update(rig, LIT1, "6190.01", f"{20 + n}", 1))
        rig.run(0.01, fresh=False)
    refused = [r.payload.decode() for r in rig.records() if r.kind is Kind.VERDICT]
    assert any(line.startswith("refused|") and "repeats" in line for line in refused)
    assert rig.reserved()[1] == sum(c.leaves for c in rig.core.orders.live())


def test_a_parent_with_too_many_live_children_asks_for_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "LIVE_MAX", 0)
    rig = Rig()
    rig.want = encode(10, JOIN, LIT1 + 1)
    rig.parent()
    assert len(rig.core.orders.live()) == 1
    asked = rig.work.decision
    rig.run(3)
    assert rig.work.decision == asked
