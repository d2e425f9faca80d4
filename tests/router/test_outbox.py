"""What waits to leave: bounded, cancels first, and droppable until it has a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.order import NewOrder, OrdType, Side, TimeInForce
from router.orders import Child
from router.outbox import Outbox, OutboxFull, Outgoing


def child(number: int, venue: str = "XLIT1") -> Child:
    order = NewOrder(
        f"S{number}", "P1", venue, "BTC-USD", "A", Side.BUY, OrdType.LIMIT, TimeInForce.DAY, 10, 10_000_000
    )
    return Child(order, order.cl_ord_id, 0, 2, 1, 10, 0)


def new_order(number: int, venue: str = "XLIT1") -> Outgoing:
    return Outgoing(b"D", b"%d" % number, child(number, venue))


def drained(box: Outbox) -> list[bytes]:
    bodies = []
    while (message := box.pop()) is not None:
        bodies.append(message.body)
    return bodies


def test_cancels_leave_first_and_each_kind_in_its_order() -> None:
    box = Outbox(10)
    box.put(new_order(1))
    box.put_cancel(Outgoing(b"F", b"c1"))
    box.put(new_order(2))
    box.put_cancel(Outgoing(b"F", b"c2"))
    assert [m.body for m in box.waiting()] == [b"c1", b"c2", b"1", b"2"]
    assert drained(box) == [b"c1", b"c2", b"1", b"2"]
    assert len(box) == 0
    assert box.pop() is None


def test_the_bound_is_on_what_is_not_a_cancel() -> None:
    box = Outbox(2)
    box.put(new_order(1))
    box.put(new_order(2))
    with pytest.raises(OutboxFull, match="2 messages already wait"):
        box.put(new_order(3))
    for _ in range(5):
        box.put_cancel(Outgoing(b"F", b"c"))
    assert len(box) == 7


def test_a_latch_takes_out_the_orders_of_its_scope_and_nothing_else() -> None:
    box = Outbox(10)
    box.put(new_order(1, "XLIT1"))
    box.put(Outgoing(b"V", b"no order"))
    box.put(new_order(2, "XLIT2"))
    box.put_cancel(Outgoing(b"F", b"c1"))
    dropped = box.drop_orders(lambda c: c.order.venue == "XLIT1")
    assert [c.cl_ord_id for c in dropped] == ["S1"]
    assert box.drop_orders(lambda c: c.order.venue == "XLIT1") == []
    assert drained(box) == [b"c1", b"no order", b"2"]


def test_a_session_that_is_down_leaves_nothing_behind() -> None:
    box = Outbox(10)
    box.put(new_order(1))
    box.put(Outgoing(b"V", b"no order"))
    box.put_cancel(Outgoing(b"F", b"c1"))
    assert [c.cl_ord_id for c in box.clear()] == ["S1"]
    assert len(box) == 0


@given(st.lists(st.sampled_from(["order", "cancel", "pop", "drop"]), max_size=60), st.integers(1, 5))
def test_nothing_is_lost_doubled_or_over_the_bound(acts: list[str], bound: int) -> None:
    box = Outbox(bound)
    orders: list[int] = []
    cancels: list[int] = []
    for number, act in enumerate(acts):
        if act == "order":
            if len(orders) < bound:
                box.put(new_order(number))
                orders.append(number)
            else:
                with pytest.raises(OutboxFull):
                    box.put(new_order(number))
        elif act == "cancel":
            box.put_cancel(Outgoing(b"F", b"%d" % number))
            cancels.append(number)
        elif act == "pop":
            popped = box.pop()
            expected = cancels.pop(0) if cancels else orders.pop(0) if orders else None
            assert (None if popped is None else int(popped.body)) == expected
        else:
            dropped = box.drop_orders(lambda c: int(c.cl_ord_id[1:]) % 2 == 0)
            assert [int(c.cl_ord_id[1:]) for c in dropped] == [n for n in orders if n % 2 == 0]
            orders = [n for n in orders if n % 2]
        assert len(box) == len(orders) + len(cancels)
