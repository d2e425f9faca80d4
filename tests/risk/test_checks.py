"""Controls 1 to 8 on a child order: each passes at its limit and refuses just beyond it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from risk.checks import RULES
from risk.instrument import Instrument
from risk.kill import Mode, Scope
from risk.market import Market
from risk.order import OrdType, Side
from tests.risk.build import (
    ASK,
    BID,
    BTC,
    INSTRUMENT,
    MS,
    NOW,
    SECOND,
    TICK,
    USD,
    child,
    gate,
    gate_with_parent,
    market,
    parent,
    passed,
    refresh,
    refused,
)


def test_an_order_within_every_limit_passes() -> None:
    assert passed(gate_with_parent().check(child(), market(), NOW)).order == child()


def test_every_control_of_this_part_has_a_rule() -> None:
    assert {rule.number for rule in RULES} == set(range(9))
    assert len({rule.name for rule in RULES}) == len(RULES)


# 1: size


def test_size_is_bounded_by_the_share_of_the_parent() -> None:
    g = gate_with_parent()
    passed(g.check(child(qty_lots=250_000_000), market(), NOW))
    no = refused(g.check(child(2, qty_lots=250_000_001), market(), NOW))
    assert (no.rule, no.number, no.value, no.limit) == ("size", 1, 250_000_001, 250_000_000)
    assert no.text == "size (control 1): 250000001; limit child.max_share_of_parent_bp: 250000000"


def test_size_is_bounded_by_the_absolute_limit() -> None:
    g = gate_with_parent(symbol__child_max_lots=2 * BTC)
    passed(g.check(child(qty_lots=2 * BTC), market(), NOW))
    no = refused(g.check(child(2, qty_lots=2 * BTC + 1), market(), NOW))
    assert no.setting == "symbols.BTC-USD.child_max_lots"


def test_size_is_bounded_by_the_share_of_daily_volume() -> None:
    g = gate(replace(INSTRUMENT, adv_lots=500 * BTC), parent__max_share_of_adv_bp=10_000)
    assert g.admit(parent(), market(), NOW) is None
    passed(g.check(child(qty_lots=BTC), market(), NOW))
    no = refused(g.check(child(2, qty_lots=BTC + 1), market(), NOW))
    assert no.setting == "child.max_share_of_adv_bp"


def test_a_parent_of_one_smallest_order_can_still_trade() -> None:
    g = gate(replace(INSTRUMENT, round_lots=100, min_lots=200))
    assert g.admit(parent(qty_lots=200), market(), NOW) is None
    passed(g.check(child(qty_lots=200), market(), NOW))


# 2: value


def test_value_is_judged_at_the_limit_when_that_is_larger() -> None:
    g = gate_with_parent(symbol__child_max_value_quote=6200)
    passed(g.check(child(price_nanos=6200 * USD), market(), NOW))
    no = refused(g.check(child(2, price_nanos=6200 * USD + TICK), market(), NOW))
    assert (no.rule, no.number, no.limit) == ("value", 2, "6200 USD")


def test_value_is_judged_at_the_far_touch_when_that_is_larger() -> None:
    g = gate_with_parent(symbol__child_max_value_quote=6190)
    assert refused(g.check(child(price_nanos=6189 * USD), market(), NOW)).rule == "value"
    passed(g.check(child(2, qty_lots=BTC * 6190 * 100 // 619_085, price_nanos=6189 * USD), market(), NOW))


def test_a_market_order_is_valued_at_the_touch_plus_collar() -> None:
    worst = -(-ASK * 10_050 // 10_000)
    cap = 10_000 * USD * BTC // worst
    g = gate_with_parent(symbol__child_max_value_quote=10_000)
    order = child(ord_type=OrdType.MARKET, price_nanos=None)
    passed(g.check(replace(order, qty_lots=cap), market(), NOW))
    assert refused(g.check(replace(order, cl_ord_id="S1-2", qty_lots=cap + 1), market(), NOW)).rule == "value"


# 3: collar


def test_a_buy_is_collared_above_the_ask() -> None:
    g = gate_with_parent()
    top = ASK * 10_050 // 10_000 // TICK * TICK
    passed(g.check(child(price_nanos=top), market(), NOW))
    no = refused(g.check(child(2, price_nanos=top + TICK), market(), NOW))
    assert (no.rule, no.number) == ("collar", 3)
    assert no.value == "6221.81"


def test_a_sell_is_collared_below_the_bid() -> None:
    g = gate()
    assert g.admit(parent(side=Side.SELL), market(), NOW) is None
    book = replace(market(), last_sale_nanos=BID)
    low = -(-BID * 9950 // 10_000 // TICK) * TICK
    order = child(side=Side.SELL)
    passed(g.check(replace(order, price_nanos=low), book, NOW))
    no = refused(g.check(replace(order, cl_ord_id="S1-2", price_nanos=low - TICK), book, NOW))
    assert no.rule == "collar"


def test_the_collar_stands_on_the_last_sale_too() -> None:
    g = gate_with_parent()
    book = replace(market(), last_sale_nanos=6150 * USD)
    passed(g.check(child(price_nanos=6180 * USD), book, NOW))
    assert refused(g.check(child(2, price_nanos=6181 * USD), book, NOW)).rule == "collar"


def test_a_resting_order_absurdly_far_away_is_refused() -> None:
    g = gate_with_parent()
    passed(g.check(child(price_nanos=5900 * USD), market(), NOW))
    assert refused(g.check(child(2, price_nanos=619 * USD), market(), NOW)).rule == "collar"


def test_a_market_that_walks_away_meets_the_rolling_collar() -> None:
    g, book, now, number = gate_with_parent(), market(), NOW, 0
    answer: object = None
    for step in range(20):
        number, now = number + 1, NOW + step * 10 * SECOND
        book.bid_nanos, book.ask_nanos = BID + step * 20 * USD, ASK + step * 20 * USD
        book.last_sale_nanos = book.ask_nanos
        refresh(book, now)
        order = child(number, qty_lots=1000 + step, price_nanos=book.ask_nanos)
        answer = g.check(order, book, now)
        if book.ask_nanos * 10_000 > ASK * 10_300:
            break
        passed(answer)
    assert refused(answer).rule == "collar"
    later = now + 330 * SECOND
    refresh(book, later)
    passed(g.check(child(number + 1, qty_lots=999, price_nanos=book.ask_nanos), book, later))


def test_the_parents_limit_binds() -> None:
    g = gate()
    assert g.admit(parent(limit_nanos=ASK), market(), NOW) is None
    passed(g.check(child(price_nanos=ASK), market(), NOW))
    assert refused(g.check(child(2, price_nanos=ASK + TICK), market(), NOW)).rule == "collar"
    peg = child(3, ord_type=OrdType.PEGGED, price_nanos=None, venue="XDRK")
    assert refused(g.check(peg, market(), NOW)).value == "no limit"
    passed(g.check(replace(peg, price_nanos=ASK), market(), NOW))


# 4: market data

Breaks = Callable[[Market], None]


def _set(name: str, value: Any) -> Breaks:
    return lambda book: setattr(book, name, value)


def _venue(name: str, value: Any) -> Breaks:
    return lambda book: setattr(book.venues["XLIT1"], name, value)


@pytest.mark.parametrize(("breaks", "says"), [
    (_set("bid_nanos", 0), "no bid"),
    (_set("ask_nanos", 0), "no ask"),
    (_set("bid_nanos", ASK + TICK), "crossed"),
    (_set("updated_ns", NOW - SECOND - 1), "old"),
    (_set("updated_ns", NOW + 1), "old"),
    (_set("last_sale_ns", NOW - 60 * SECOND - 1), "last sale"),
    (_venue("session_up", False), "session down"),
    (_venue("intact", False), "not intact"),
    (_venue("halted", True), "halted"),
    (_venue("last_message_ns", NOW - 5 * SECOND - 1), "silent"),
    (lambda book: book.venues.pop("XLIT1"), "not a venue"),
])
def test_no_new_risk_on_a_market_that_is_not_sound(breaks: Breaks, says: str) -> None:
    g, book = gate_with_parent(), market()
    breaks(book)
    no = refused(g.check(child(), book, NOW))
    assert (no.rule, no.number) == ("market_data", 4)
    assert says in no.text
    assert g.exposure.parents["P1"].reserved_lots == 0


@pytest.mark.parametrize("bends", [
    _set("bid_nanos", ASK),
    _set("updated_ns", NOW - SECOND),
    _set("last_sale_ns", NOW - 60 * SECOND),
    _venue("last_message_ns", NOW - 5 * SECOND),
    lambda book: setattr(book.venues["XLIT2"], "intact", False),
])
def test_a_market_at_its_limits_is_sound(bends: Breaks) -> None:
    g, book = gate_with_parent(), market()
    bends(book)
    passed(g.check(child(), book, NOW))


def test_a_dark_venue_needs_only_its_session() -> None:
    g, book = gate_with_parent(), market()
    passed(g.check(child(venue="XDRK"), book, NOW))
    book.venues["XDRK"].session_up = False
    assert refused(g.check(child(2, venue="XDRK"), book, NOW)).rule == "market_data"


def test_before_the_first_sale_a_setting_decides() -> None:
    book = replace(market(), last_sale_nanos=0, last_sale_ns=0)
    passed(gate_with_parent().check(child(), book, NOW))
    strict = gate_with_parent(market_data__last_sale_required=True)
    assert refused(strict.check(child(), book, NOW)).setting == "market_data.last_sale_required"


# 5: tick, lot, positive


@pytest.mark.parametrize(("changes", "rule"), [
    ({"qty_lots": 0}, "lot"),
    ({"qty_lots": -BTC}, "lot"),
    ({"qty_lots": 1.0}, "lot"),
    ({"qty_lots": True}, "lot"),
    ({"price_nanos": ASK + 1}, "tick"),
    ({"price_nanos": 0}, "tick"),
    ({"price_nanos": -TICK}, "tick"),
    ({"price_nanos": float(ASK)}, "tick"),
    ({"price_nanos": None}, "tick"),
    ({"ord_type": OrdType.MARKET}, "tick"),
])
def test_quantity_and_price_are_exact(changes: dict[str, Any], rule: str) -> None:
    no = refused(gate_with_parent().check(child(**changes), market(), NOW))
    assert (no.rule, no.number) == (rule, 5)


def test_numbers_of_numpy_are_refused_because_their_products_overflow() -> None:
    numpy = pytest.importorskip("numpy")
    g, book = gate_with_parent(), market()
    assert refused(g.check(child(qty_lots=numpy.int64(BTC)), book, NOW)).rule == "lot"
    book.ask_nanos = numpy.int64(ASK)
    assert refused(g.check(child(2), book, NOW)).rule == "market_data"


def test_a_round_lot_is_kept() -> None:
    g = gate(Instrument("BTC-USD", TICK, BTC, 100, 300, 10_000 * BTC, "USD"))
    assert g.admit(parent(), market(), NOW) is None
    for number, (lots, good) in enumerate([(200, False), (300, True), (350, False), (400, True)]):
        answer = g.check(child(number, qty_lots=lots), market(), NOW)
        assert isinstance(answer, tuple) is good


def test_an_error_names_the_field_the_value_and_the_rule() -> None:
    no = refused(gate_with_parent().check(child(price_nanos=ASK + 3_000_000), market(), NOW))
    assert no.text == "tick (control 5): Price(44) 6190.853; limit positive, a multiple of 0.01"


# 6: parent conservation


def test_a_child_needs_a_parent_taken_in_and_open() -> None:
    g = gate()
    assert refused(g.check(child(), market(), NOW)).text.endswith("limit one taken in, and open")
    assert g.admit(parent(), market(), NOW) is None
    passed(g.check(child(), market(), NOW))
    g.parent_closed("P1")
    assert "closed" in refused(g.check(child(2), market(), NOW)).text


def test_filled_and_reserved_and_this_stay_within_the_parent() -> None:
    g = gate_with_parent()
    for number in range(1, 5):
        passed(g.check(child(number, qty_lots=240_000_000 + number), market(), NOW))
    g.filled("S1-1", 100)
    left = 10 * BTC - 4 * 240_000_000 - 10
    no = refused(g.check(child(5, qty_lots=left + 1), market(), NOW))
    assert (no.rule, no.number, no.value, no.limit) == ("parent_conservation", 6, 10 * BTC + 1, 10 * BTC)
    passed(g.check(child(6, qty_lots=left), market(), NOW))


@pytest.mark.parametrize("changes", [{"side": Side.SELL}, {"account": "OTHER"}, {"side": 1}])
def test_a_child_is_of_its_parents_kind(changes: dict[str, Any]) -> None:
    assert refused(gate_with_parent().check(child(**changes), market(), NOW)).rule == "parent_terms"


def test_a_symbol_without_limits_is_refused() -> None:
    no = refused(gate_with_parent().check(child(symbol="ETH-USD"), market(), NOW))
    assert no.ord_rej_reason == 1


# 7: duplicates


@pytest.mark.parametrize("again", ["S1-7", "S1-6", "S1-07", "S2-8", "S1-", "S1-x", "8", "S1--8"])
def test_a_cl_ord_id_comes_once_and_rises(again: str) -> None:
    g = gate_with_parent()
    passed(g.check(child(7), market(), NOW))
    no = refused(g.check(child(0, cl_ord_id=again, qty_lots=5), market(), NOW))
    assert (no.rule, no.number, no.ord_rej_reason) == ("cl_ord_id", 7, 6)


def test_the_same_order_comes_at_most_so_often_in_a_period() -> None:
    g, book = gate_with_parent(), market()
    order = child(qty_lots=1000)
    for number in range(1, 6):
        passed(g.check(replace(order, cl_ord_id=f"S1-{number}"), book, NOW))
    no = refused(g.check(replace(order, cl_ord_id="S1-6"), book, NOW + SECOND - 1))
    assert (no.rule, no.value, no.limit) == ("repeats", 6, 5)
    assert g.duplicate_blocked("BTC-USD", Side.BUY, 1000, ASK, NOW + SECOND - 1)
    assert not g.duplicate_blocked("BTC-USD", Side.BUY, 1001, ASK, NOW)
    passed(g.check(replace(order, cl_ord_id="S1-7", qty_lots=1001), book, NOW))
    passed(g.check(replace(order, cl_ord_id="S1-8"), book, NOW + SECOND))


# 8: message rate


def test_new_orders_above_the_rate_are_refused_by_venue() -> None:
    g, book = gate_with_parent(child__max_new_orders_per_s=3), market()
    for number in range(1, 4):
        passed(g.check(child(number, qty_lots=number), book, NOW + number * MS))
    refresh(book, NOW + SECOND)
    no = refused(g.check(child(4, qty_lots=4), book, NOW + MS + SECOND - 1))
    assert (no.rule, no.number, no.setting) == ("message_rate", 8, "child.max_new_orders_per_s")
    passed(g.check(child(5, qty_lots=5, venue="XLIT2"), book, NOW + MS + SECOND - 1))
    passed(g.check(child(6, qty_lots=6), book, NOW + MS + SECOND))


def test_a_refusal_uses_up_nothing() -> None:
    g, book = gate_with_parent(child__max_new_orders_per_s=1), market()
    refused(g.check(child(9, qty_lots=0), book, NOW))
    passed(g.check(child(1), book, NOW))


# the kill latch


@pytest.mark.parametrize("scope", [
    Scope("all"), Scope("venue", "XLIT1"), Scope("symbol", "BTC-USD"), Scope("parent", "P1"),
])
@pytest.mark.parametrize("mode", list(Mode))
def test_nothing_new_leaves_in_a_latched_scope(scope: Scope, mode: Mode) -> None:
    g = gate_with_parent()
    g.kill.latch(scope, mode, "ann", "drill", NOW)
    assert refused(g.check(child(), market(), NOW)).rule == "kill_latch"
    assert g.envelope("P1", "XLIT1", market(), NOW).max_lots == 0
    g.kill.reinstate(scope, "bob", "over", NOW)
    passed(g.check(child(), market(), NOW))


def test_what_lies_outside_the_scope_goes_on() -> None:
    g = gate_with_parent()
    g.kill.latch(Scope("venue", "XLIT2"), Mode.HALT, "ann", "drill", NOW)
    g.kill.latch(Scope("parent", "P2"), Mode.HALT, "ann", "drill", NOW)
    passed(g.check(child(), market(), NOW))
