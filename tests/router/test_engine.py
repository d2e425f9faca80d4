"""The single writer: inputs journalled first, the same outputs for the same inputs, peers' faults borne."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.order import Side
from router.actions import CROSS, JOIN, NULL, WITHDRAW, encode
from router.engine import Engine
from router.fix.codec import Garbled
from router.fix.messages import OrdStatus
from router.journal import JournalWriter, Kind
from router.peers import FULL
from router.recovery import INPUTS
from tests.router.rig import BTC, DARK, LIT1, LIT2, SECOND, SYMBOL, Rig
from tests.simulation.invariants import picture


def test_an_engine_that_was_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        _ = Engine(JournalWriter()).running


def test_each_record_of_what_was_done_follows_the_input_that_led_to_it() -> None:
    rig = Rig()
    rig.want = encode(10, JOIN, 1)
    rig.parent()
    kinds = [r.kind for r in rig.records()]
    assert kinds[0] is Kind.START
    orders = [n for n, r in enumerate(rig.records()) if b"\x0135=D\x01" in r.payload[:40]]
    at = next(n for n in orders if rig.records()[n].session == rig.desk)
    assert kinds[at] is Kind.FIX_IN
    after = [kind.name for kind in kinds[at:]]
    assert after[:3] == ["FIX_IN", "FIX_OUT", "TIMER"]
    assert [name for name in after if name in ("DECISION", "ANSWER", "VERDICT", "ACTION")] == [
        "DECISION", "ANSWER", "VERDICT", "ACTION",
    ]  # fmt: skip


def test_garbled_bytes_change_nothing_and_are_kept() -> None:
    rig = Rig()
    port = rig.port(LIT1)
    state = rig.core.ports[port].session.next_in
    rig.engine.garbled(port, Garbled("no CheckSum(10)", b"8=FIX.4.4\x019=5\x01", 14), rig.now)
    assert rig.core.ports[port].session.next_in == state
    assert any("garbled" in text for text in rig.core.alerts)
    assert rig.records()[-2].kind is Kind.FIX_IN or rig.records()[-1].kind in (Kind.FIX_IN, Kind.NOTE)


def test_a_gap_in_market_data_takes_the_book_out_until_it_is_rebuilt() -> None:
    rig = Rig()
    index = rig.core.feed_ports[LIT1].index
    rig.peers[index].next_out += 3
    rig.deaf.add(index)
    rig.say(index, b"X", b"262=x\x01268=0\x01")
    assert not rig.core.markets[SYMBOL].usable[LIT1]
    assert rig.core.markets[SYMBOL].usable[LIT2]
    assert any("are missing" in text for text in rig.alerts)


def test_a_silent_feed_gets_a_test_request_and_then_is_out() -> None:
    rig = Rig()
    index = rig.core.feed_ports[LIT1].index
    rig.deaf.add(index)
    rig.run(5.2, fresh=False)
    assert [m.msg_type for at, m in rig.sent if at == index][-1] == b"1"
    rig.run(2.1, fresh=False)
    assert not rig.core.markets[SYMBOL].usable[LIT1]
    assert rig.core.markets[SYMBOL].usable[LIT2]


def test_a_lost_order_session_takes_no_orders_while_its_feed_still_counts() -> None:
    rig = Rig()
    rig.cut(rig.port(LIT1))
    assert rig.core.markets[SYMBOL].usable[LIT1]
    assert not rig.core.markets[SYMBOL].market.venues["XLIT1"].session_up
    rig.want = encode(10, JOIN, 1)
    rig.parent()
    rig.run(2)
    assert rig.core.orders.live() == []
    rig.up(rig.port(LIT1))
    assert rig.core.markets[SYMBOL].market.venues["XLIT1"].session_up
    rig.run(1.1)
    assert len(rig.orders(LIT1)) == 1


def test_logging_out_says_goodbye_on_every_session() -> None:
    rig = Rig()
    rig.engine.operator(1, {"cmd": "log out", "reason": "router stops"}, rig.now)
    rig.flow()
    goodbyes = [at for at, m in rig.sent if m.msg_type == b"5"]
    assert sorted(goodbyes) == [port.index for port in rig.core.ports]
    assert not any(port.session.is_logged_on for port in rig.core.ports)


def test_the_deadline_is_now_when_a_decision_is_due() -> None:
    rig = Rig()
    assert rig.engine.deadline_ns() is not None
    rig.engine.ticker.ready["x"] = None
    assert rig.engine.deadline_ns() == rig.core.now_ns


words = st.lists(
    st.sampled_from([
        "run", "cut order", "cut feed", "cut desk", "up", "ack", "fill", "cancel", "out", "lost",
        "kill venue", "suspend", "reinstate", "parent", "sell", "withdraw", "cross", "join", "restart",
        "block", "unblock", "crossed", "status", "reject", "drain",
    ]),
    min_size=5, max_size=30,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(words)
def test_the_journal_lived_again_is_the_live_engine_whatever_happened(said: list[str]) -> None:
    rig = Rig()
    rig.parent(name="D0")
    command = 0
    for number, word in enumerate(said):
        live = rig.core.orders.live()
        sent = {o.cl_ord_id: (o, slot) for slot in (LIT1, LIT2, DARK) for o in rig.orders(slot)}
        known = [sent[c.cl_ord_id] for c in live if c.cl_ord_id in sent]
        linked = rig.linked
        match word:
            case "run":
                rig.run(0.7)
            case "cut order" if rig.port(LIT1) in linked:
                rig.cut(rig.port(LIT1))
            case "cut feed" if rig.core.feed_ports[LIT2].index in linked:
                rig.cut(rig.core.feed_ports[LIT2].index)
            case "cut desk" if rig.desk in linked:
                rig.cut(rig.desk)
            case "up":
                down = [p.index for p in rig.core.ports if p.index not in linked]
                if down:
                    rig.up(*down)
            case "restart":
                rig.restart()
                rig.up()
            case "block":
                rig.engine.writable(rig.port(LIT1), False, rig.now)
            case "unblock":
                rig.engine.writable(rig.port(LIT1), True, rig.now)
                rig.flow()
            case "crossed":
                rig.market(LIT1, bid="6191.00", ask="6190.50")
            case "kill venue" | "suspend" | "reinstate" | "drain":
                command += 1
                cmd, _, scope = word.partition(" ")
                who = "risk-officer" if cmd == "reinstate" else "trader"
                rig.operator(command, cmd, scope or "all", "XLIT1" if scope else "", who)
            case "parent" | "sell" if rig.core.ports[rig.desk].session.is_logged_on:
                side = Side.BUY if word == "parent" else Side.SELL
                rig.parent(BTC + number, name=f"D{number + 1}", side=side)
            case "cancel" if rig.core.ports[rig.desk].session.is_logged_on:
                rig.cancel_parent("D0", f"C{number}")
            case "withdraw" | "cross" | "join":
                wants = {"withdraw": WITHDRAW, "cross": encode(10, CROSS, 0), "join": encode(25, JOIN, 1)}
                rig.want = wants[word]
                rig.run(1.1)
                rig.want = NULL
            case "ack" | "fill" | "out" | "status" | "reject" | "lost":
                for order, slot in known[:2]:
                    child = rig.child(order)
                    if not rig.core.ports[rig.port(slot)].session.is_logged_on:
                        continue
                    lots = min(1000, child.leaves)
                    if word == "ack":
                        rig.ack(order, slot)
                    elif word == "fill":
                        rig.fill(order, slot, lots, cum=child.cum_lots + lots)
                    elif word == "out":
                        rig.canceled(order, slot, cum=child.cum_lots)
                    elif word == "status":
                        rig.status(order, slot, OrdStatus.NEW, cum=child.cum_lots)
                    elif word == "lost":
                        rig.canceled(order, slot, cum=child.cum_lots + 5)
                    else:
                        rig.refuse_message(order, slot)
            case _:
                pass
    live_picture = picture(rig.engine)
    lived = rig.replay()
    assert picture(lived) == live_picture
    for work in rig.core.parents.values():
        line = rig.core.gate.exposure.parents[work.parent.parent_id]
        reserved = sum(c.leaves for c in rig.core.orders.live(work.parent.parent_id))
        assert (line.filled_lots, line.reserved_lots) == (work.filled_lots, reserved)
        assert work.filled_lots + reserved <= work.parent.qty_lots
    names = [m.get(11) for _, m in rig.sent if m.msg_type in (b"D", b"F")]
    assert len(names) == len(set(names))
    assert {r.kind for r in rig.records()} & INPUTS
    assert rig.now >= SECOND


@pytest.mark.parametrize("oddity", ["58=|", "9999=odd|", "58=a|58=b|", "39=?|", "18=Z|", "336=NIGHT|"])
def test_no_fault_of_the_dictionary_loses_a_fill(oddity: str) -> None:
    sessions = tuple(
        spec.model_copy(update={"validation": FULL}) if spec.kind == "orders" else spec
        for spec in Rig(up=False).core.config.sessions
    )
    rig = Rig(sessions=sessions)
    rig.want = encode(10, JOIN, 1)
    rig.parent()
    order = rig.orders(LIT1)[0]
    rig.ack(order, LIT1)
    report = (
        f"37=V1|17=X-{oddity[:2]}|150=F|11={order.cl_ord_id}|55={SYMBOL}|54=1|38={order.qty_lots / BTC}|"
        f"151={(order.qty_lots - 100) / BTC:.8f}|14=0.000001|32=0.000001|31=6190.00|6=6190.00|{oddity}"
    )
    if "39=" not in oddity:
        report += "39=1|"
    rig.say(rig.port(LIT1), b"8", report.replace("|", "\x01").encode())
    assert rig.child(order).cum_lots == 100
    assert rig.core.order_ports[LIT1].session.is_logged_on
