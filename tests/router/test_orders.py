"""The child order table: legal moves only, each fill once, nothing forgotten while it lives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.order import NewOrder, OrdType, Side, TimeInForce
from router import orders
from router.orders import (
    LIVE,
    TRANSITIONS,
    Child,
    ChildEvent,
    ChildState,
    Fill,
    IllegalTransition,
    OrderTable,
)


def child(
    name: str = "SL1", parent: str = "P1", lots: int = 100, px: int | None = 1200, venue: int = 0
) -> Child:
    order = NewOrder(
        cl_ord_id=name,
        parent_id=parent,
        venue="XLIT1",
        symbol="BTC-USD",
        account="ACC",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        tif=TimeInForce.DAY,
        qty_lots=lots,
        price_nanos=6_000_000_000,
    )
    return Child(order=order, cl_ord_id=name, venue=venue, px=px, sign=1, leaves=lots, sent_ns=0)


def table_with(*children: Child) -> OrderTable:
    table = OrderTable()
    for each in children:
        table.add(each)
    return table


def test_an_order_is_acknowledged_traded_and_filled() -> None:
    order = child()
    table = table_with(order)
    table.move(order, ChildEvent.ACKED)
    assert table.trade(order, "E1", 40, 6_000, 7)
    assert (order.state, order.leaves, order.cum_lots) == (ChildState.WORKING, 60, 40)
    assert table.trade(order, "E2", 60, 6_001, 8)
    assert order.state is ChildState.FILLED
    assert order.notional == 40 * 6_000 + 60 * 6_001
    assert order.fees_nanos == 15
    assert table.live() == []


def test_a_fill_reported_twice_counts_once() -> None:
    order = child()
    table = table_with(order)
    assert table.trade(order, "E1", 40, 6_000, 0)
    assert not table.trade(order, "E1", 40, 6_000, 0)
    assert order.cum_lots == 40


def test_the_same_exec_id_at_another_venue_is_another_fill() -> None:
    here, there = child("SL1", venue=0), child("SL2", venue=1)
    table = table_with(here, there)
    assert table.trade(here, "E1", 10, 6_000, 0)
    assert table.trade(there, "E1", 10, 6_000, 0)


def test_a_fill_that_crossed_its_cancel_still_counts() -> None:
    order = child()
    table = table_with(order)
    table.move(order, ChildEvent.ACKED)
    table.cancel_sent(order, "SL9")
    table.move(order, ChildEvent.CANCELED)
    assert table.trade(order, "E1", 30, 6_000, 0)
    assert (order.state, order.cum_lots) == (ChildState.CANCELED, 30)


def test_an_unknown_order_stays_unknown_until_a_status_answer_proves_it() -> None:
    order = child()
    table = table_with(order)
    table.move(order, ChildEvent.LOST)
    table.move(order, ChildEvent.ACKED)
    assert order.state is ChildState.UNKNOWN
    assert table.live("P1") == [order]
    table.move(order, ChildEvent.FOUND_LIVE)
    assert order.state is ChildState.WORKING


def test_an_illegal_move_is_named_and_changes_nothing() -> None:
    order = child()
    table = table_with(order)
    table.move(order, ChildEvent.REJECTED)
    with pytest.raises(IllegalTransition, match="order SL1 is rejected: 'acked' is not possible"):
        table.move(order, ChildEvent.ACKED)
    assert order.state is ChildState.REJECTED


def test_a_cl_ord_id_is_never_used_twice() -> None:
    with pytest.raises(ValueError, match="SL1 is used twice"):
        table_with(child(), child())


def test_a_cancels_own_id_finds_its_order() -> None:
    order = child()
    table = table_with(order)
    table.cancel_sent(order, "SL9")
    assert table.find("SL9") is order
    assert table.find("SL1") is order
    assert table.find("SL2") is None


def test_working_orders_are_listed_by_price() -> None:
    table = table_with(child("A", px=1300), child("B", px=1200), child("C", px=1200), child("D", px=None))
    assert [(px, [c.cl_ord_id for c in cs]) for px, cs in table.at_price(0, 1)] == [
        (1200, ["B", "C"]),
        (1300, ["A"]),
    ]
    assert [c.cl_ord_id for c in table.live("P1")] == ["A", "B", "C", "D"]


def test_only_so_many_finished_orders_are_kept() -> None:
    table = OrderTable(retained_terminal=2)
    for name in "ABC":
        order = child(name)
        table.add(order)
        table.cancel_sent(order, name + "x")
        table.move(order, ChildEvent.CANCELED)
    assert table.find("A") is None
    assert table.find("Ax") is None
    assert table.find("B") is not None
    assert len(table) == 2


def test_every_live_state_can_end_in_every_way_and_be_lost() -> None:
    for state in LIVE:
        for ending in (ChildEvent.FILLED, ChildEvent.CANCELED, ChildEvent.REJECTED, ChildEvent.EXPIRED):
            assert TRANSITIONS[state, ending] not in LIVE
        assert TRANSITIONS[state, ChildEvent.LOST] is ChildState.UNKNOWN


UNREVISED = [event for event in ChildEvent if event not in (ChildEvent.BUSTED, ChildEvent.REOPENED)]
REVISIONS = ("trade", "bust", "correct", "restate", "reprice", "end", "reopen")


@given(st.lists(st.tuples(st.sampled_from(REVISIONS), st.integers(0, 5), st.integers(1, 80)), max_size=14))
def test_whatever_a_venue_takes_back_the_order_has_what_stands(
    moves: list[tuple[str, int, int]],
) -> None:
    order = child()
    table = table_with(order)
    stands: list[list[int]] = []  # lots, price, fee of each fill
    names: dict[str, list[int]] = {}
    for n, (what, which, lots) in enumerate(moves):
        fill = stands[which] if which < len(stands) else None
        ref = next((name for name, one in names.items() if one is fill), "none")
        if what == "trade":
            if order.leaves and table.trade(order, f"E{n}", min(lots, order.leaves), 6_000 + n, 1):
                stands.append([order.cum_lots - sum(one[0] for one in stands), 6_000 + n, 1])
                names[f"E{n}"] = stands[-1]
        elif what == "bust":
            busted = table.bust(order, f"E{n}", ref, order.leaves)
            assert busted == (None if fill is None else fill[0])
            if fill is not None:
                fill[:] = [0, 0, 0]
        elif what == "correct":
            grown = table.correct(order, f"E{n}", ref, Fill(lots, 7_000, 2), order.leaves)
            assert grown == (None if fill is None or not fill[0] else lots - fill[0])
            if grown is not None and fill is not None:
                fill[:] = [lots, 7_000, 2]
        elif what == "restate":
            table.restate(order, lots)
        elif what == "reprice" and order.state in LIVE:
            table.reprice(order, 1200 + lots)
        elif what == "end" and order.state in LIVE:
            table.move(order, ChildEvent.CANCELED)
        elif what == "reopen" and order.state not in LIVE:
            table.reopen(order, lots)
            assert (order.state, order.leaves) == (ChildState.UNKNOWN, lots)
        assert order.cum_lots == sum(one[0] for one in stands)
        assert order.notional == sum(one[0] * one[1] for one in stands)
        assert order.fees_nanos == sum(one[2] for one in stands)
        if order.state in LIVE or what in ("bust", "correct", "restate"):
            assert order.cum_lots + order.leaves + order.void_lots == order.order.qty_lots
        assert (order in table.live()) == (order.state in LIVE)
        held = [(px, found) for px, found in table.at_price(0, 1) if found]
        assert held == ([(order.px, [order])] if order.state in LIVE else [])


def test_the_venues_own_name_finds_the_order_until_it_is_forgotten() -> None:
    first, second = child("SL1"), child("SL2")
    table = OrderTable(retained_terminal=1)
    for order in (first, second):
        table.add(order)
    table.name(first, "V-1")
    table.name(first, "V-2")  # a venue may change its mind
    assert table.find_named(0, "V-1") is None
    assert table.find_named(0, "V-2") is first
    assert table.find_named(1, "V-2") is None
    table.move(first, ChildEvent.CANCELED)
    assert table.find_named(0, "V-2") is first
    table.move(second, ChildEvent.CANCELED)
    assert table.find_named(0, "V-2") is None


@given(st.lists(st.tuples(st.sampled_from(UNREVISED), st.integers(1, 60)), max_size=12))
def test_whatever_happens_the_quantities_add_up(moves: list[tuple[ChildEvent, int]]) -> None:
    order = child()
    table = table_with(order)
    for n, (event, lots) in enumerate(moves):
        try:
            if event in (ChildEvent.TRADED, ChildEvent.FILLED):
                if order.leaves and order.state is not ChildState.REJECTED:
                    table.trade(order, f"E{n}", min(lots, order.leaves), 6_000, 1)
            elif event is ChildEvent.CANCEL_SENT:
                table.cancel_sent(order, f"C{n}")
            else:
                table.move(order, event)
        except IllegalTransition:
            pass
        assert order.cum_lots + order.leaves == order.order.qty_lots
        assert (order in table.live()) == (order.state in LIVE)
        assert (order.state is ChildState.FILLED) == (order.leaves == 0)
        assert order.notional == 6_000 * order.cum_lots


def test_a_venue_that_begins_its_exec_ids_again_loses_no_fill() -> None:
    first, second = child("SL1"), child("SL2")
    table = table_with(first, second)
    assert table.trade(first, "E1", 40, 6_000, 0)
    assert table.trade(second, "E1", 40, 6_000, 0)
    assert not table.trade(second, "E1", 40, 6_000, 0)


def test_only_so_many_exec_ids_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "EXEC_IDS_KEPT", 2)
    order = child()
    table = table_with(order)
    for name in ("E1", "E2", "E3"):
        assert table.trade(order, name, 10, 6_000, 0)
    assert not table.trade(order, "E3", 10, 6_000, 0)
    assert len(table._exec_ids) == 2
