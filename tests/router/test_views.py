"""What an operator may see, as JSON that says it in words."""

from __future__ import annotations

import json

from router.actions import JOIN, NULL, encode
from tests.router.rig import ASK, BID, BTC, LIT1, SYMBOL, Rig


def at_work() -> Rig:
    rig = Rig()
    rig.want = encode(10, JOIN, 1)
    rig.parent()
    rig.ack(rig.orders(LIT1)[0], LIT1)
    rig.want = NULL
    rig.fill(rig.orders(LIT1)[0], LIT1, 30)
    return rig


def test_status_shows_sessions_books_latches_and_how_much_is_open() -> None:
    rig = at_work()
    rig.cut(rig.core.feed_ports[1].index)
    rig.operator(1, "kill", "venue", "XDRK")
    (status,) = json.loads(json.dumps(rig.engine.view("status")))
    assert status["event"] == "status"
    assert status["sessions"]["SLUICE-OE>XLIT1"]["state"] == "active"
    assert status["sessions"]["SLUICE-MD>XLIT2"]["state"] == "disconnected"
    assert status["books"][SYMBOL]["venues"] == {"XLIT1": "live", "XLIT2": "quarantined", "XDRK": "empty"}
    assert (status["books"][SYMBOL]["bid"], status["books"][SYMBOL]["ask"]) == ("6190", "6190.01")
    assert [(latch["kind"], latch["name"], latch["mode"]) for latch in status["latches"]] == [
        ("venue", "XDRK", "halt")
    ]
    assert (status["open_orders"], status["open_parents"]) == (1, 1)
    assert status["limits_hash"] == rig.core.gate.limits_hash


def test_sessions_are_shown_with_their_numbers() -> None:
    rig = at_work()
    shown = rig.engine.view("sessions")
    assert [body["session"] for body in shown] == [port.session.name for port in rig.core.ports]
    (orders,) = (body for body in shown if body["session"] == "SLUICE-OE>XLIT1")
    session = rig.core.order_ports[LIT1].session
    assert orders == {
        "event": "session",
        "session": "SLUICE-OE>XLIT1",
        "kind": "orders",
        "version": "FIX.4.4",
        "state": "active",
        "next_out": session.next_out,
        "next_in": session.next_in,
        "waiting": 0,
    }


def test_parents_and_orders_are_shown_with_their_quantities() -> None:
    rig = at_work()
    (parent,) = rig.engine.view("parents")
    assert (parent["parent_id"], parent["cl_ord_id"], parent["side"]) == ("SL1-P1", "D1", "BUY")
    assert (parent["qty_lots"], parent["filled_lots"], parent["average_nanos"]) == (10 * BTC, 30, ASK)
    assert (parent["quantity"], parent["filled"], parent["average"]) == ("10", "0.0000003", "6190.01")
    assert (parent["state"], parent["latch"], parent["fallback_decisions"]) == ("active", "", 0)
    rig.operator(1, "suspend", "parent", "SL1-P1")
    assert rig.engine.view("parents")[0]["latch"] == "suspend parent SL1-P1"
    (order,) = rig.engine.view("orders")
    assert (order["cl_ord_id"], order["venue"], order["state"]) == ("SL1-1", "XLIT1", "working")
    assert (order["qty_lots"], order["cum_lots"], order["price_nanos"]) == (BTC, 30, BID)
    assert (order["quantity"], order["filled"], order["price"]) == ("1", "0.0000003", "6190")


def test_what_has_ended_is_a_parent_still_and_an_order_no_more() -> None:
    rig = at_work()
    rig.cancel_parent()
    rig.canceled(rig.orders(LIT1)[0], LIT1, cum=30)
    assert rig.engine.view("orders") == []
    assert rig.engine.view("parents")[0]["state"] == "canceled"
    assert rig.engine.view("status")[0]["open_parents"] == 0


def test_looking_changes_nothing() -> None:
    rig = at_work()
    before = bytes(rig.journal)
    for what in ("status", "parents", "orders"):
        rig.engine.view(what)
    rig.keep()
    assert bytes(rig.journal) == before
