"""Parents' own limits: each is taken in at its limit and refused just beyond, with its OrdRejReason(103)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from risk.kill import Mode, Scope
from risk.order import Parent, Side
from tests.risk.build import (
    ASK,
    BID,
    BTC,
    NOW,
    SECOND,
    TICK,
    USD,
    gate,
    market,
    parent,
    refused,
)


def test_the_parent_of_the_demonstration_is_taken_in() -> None:
    g = gate()
    assert g.admit(parent(), market(), NOW) is None
    line = g.exposure.parents["P1"]
    assert (line.qty_lots, line.filled_lots, line.reserved_lots, line.closed) == (10 * BTC, 0, 0, False)


@pytest.mark.parametrize(("changes", "rule", "code"), [
    ({"symbol": "ETH-USD"}, "symbol", 1),
    ({"qty_lots": 0}, "lot", 13),
    ({"qty_lots": 1.5}, "lot", 13),
    ({"limit_nanos": ASK + 1}, "tick", 99),
    ({"limit_nanos": 0}, "tick", 99),
    ({"qty_lots": 20 * BTC + 1}, "quantity", 3),
    ({"limit_nanos": 15_000 * USD + TICK}, "value", 3),
    ({"start_ns": NOW, "end_ns": NOW}, "duration", 4),
    ({"start_ns": NOW - 9 * SECOND, "end_ns": NOW}, "duration", 4),
    ({"end_ns": NOW + 28_800 * SECOND + 1}, "duration", 99),
    ({"start_ns": NOW - 1, "end_ns": NOW + 28_800 * SECOND}, "duration", 99),
    ({"start_ns": NOW + SECOND, "end_ns": NOW + 28_801 * SECOND}, "duration", 99),
    ({"side": Side.SELL_SHORT}, "short_sale", 11),
    ({"side": Side.SELL_SHORT_EXEMPT}, "short_sale", 11),
])
def test_a_parent_beyond_a_limit_is_refused_and_not_registered(
    changes: dict[str, Any], rule: str, code: int
) -> None:
    g = gate()
    no = refused(g.admit(parent(**changes), market(), NOW))
    assert (no.rule, no.ord_rej_reason) == (rule, code)
    assert not g.exposure.parents
    assert g.admit(parent(), market(), NOW) is None


@pytest.mark.parametrize("changes", [
    {"qty_lots": 20 * BTC, "limit_nanos": 6200 * USD},
    {"limit_nanos": 15_000 * USD},
    {"end_ns": NOW + 28_800 * SECOND},
    {"side": Side.SELL},
    {"qty_lots": 1},
])
def test_a_parent_at_a_limit_is_taken_in(changes: dict[str, Any]) -> None:
    assert gate().admit(parent(**changes), market(), NOW) is None


def test_quantity_is_bounded_by_the_share_of_daily_volume() -> None:
    g = gate(symbol__parent_max_lots=1000 * BTC, symbol__parent_max_value_quote=10_000_000)
    assert g.admit(parent(qty_lots=100 * BTC), market(), NOW) is None
    no = refused(g.admit(parent(parent_id="P2", cl_ord_id="D2", qty_lots=100 * BTC + 1), market(), NOW))
    assert (no.value, no.limit, no.setting) == (100 * BTC + 1, 100 * BTC, "parent.max_share_of_adv_bp")


def test_a_restricted_symbol_is_refused() -> None:
    no = refused(gate(parent__restricted_symbols=["BTC-USD"]).admit(parent(), market(), NOW))
    assert (no.rule, no.number, no.ord_rej_reason) == ("restricted", 13, 11)


def test_value_without_a_limit_is_judged_at_the_touch_plus_collar() -> None:
    worst = -(-ASK * 10_050 // 10_000) * 10
    fits = -(-worst // USD)
    assert gate(symbol__parent_max_value_quote=fits).admit(parent(), market(), NOW) is None
    no = refused(gate(symbol__parent_max_value_quote=fits - 1).admit(parent(), market(), NOW))
    assert no.rule == "value"


def test_a_limit_to_sell_below_the_bid_is_judged_at_the_bid() -> None:
    cheap = parent(side=Side.SELL, limit_nanos=USD)
    fits = -(-BID * 10 // USD)
    assert gate(symbol__parent_max_value_quote=fits).admit(cheap, market(), NOW) is None
    no = refused(gate(symbol__parent_max_value_quote=fits - 1).admit(cheap, market(), NOW))
    assert no.rule == "value"


@pytest.mark.parametrize("book", [
    None,
    replace(market(), ask_nanos=0),
    replace(market(), bid_nanos=ASK + TICK),
    replace(market(), updated_ns=NOW - 5 * SECOND - 1),
])
def test_without_a_recent_book_only_a_limit_to_buy_bounds_the_value(book: Any) -> None:
    assert refused(gate().admit(parent(), book, NOW)).rule == "value"
    assert refused(gate().admit(parent(side=Side.SELL, limit_nanos=ASK), book, NOW)).rule == "value"
    assert gate().admit(parent(limit_nanos=ASK), book, NOW) is None


# duplicates


def like(number: int, **changes: Any) -> Parent:
    return parent(parent_id=f"P{number}", cl_ord_id=f"D{number}", **changes)


def test_ids_come_once() -> None:
    g = gate()
    assert g.admit(parent(), market(), NOW) is None
    assert refused(g.admit(parent(cl_ord_id="D2"), market(), NOW)).value == "parent P1"
    no = refused(g.admit(parent(parent_id="P2"), market(), NOW))
    assert (no.value, no.ord_rej_reason) == ("ClOrdID(11) D1 of ACC", 6)
    g.parent_closed("P1")
    assert refused(g.admit(parent(), market(), NOW)).rule == "duplicate"
    assert g.admit(parent(parent_id="P2", account="OTHER"), market(), NOW) is None


def test_an_adopted_parents_ids_are_used_up() -> None:
    g = gate()
    g.adopt_parent(parent())
    assert refused(g.admit(parent(parent_id="P2"), market(), NOW)).rule == "duplicate"


def test_the_like_of_a_parent_comes_at_most_so_often_in_a_period() -> None:
    g, later = gate(), NOW + 60 * SECOND
    assert g.admit(like(1), market(), NOW) is None
    assert g.admit(like(2), market(), NOW) is None
    assert refused(g.admit(like(3), market(), later - 1)).rule in ("repeats", "value")
    no = refused(g.admit(like(3), market(later - 1), later - 1))
    assert (no.rule, no.value, no.limit, no.ord_rej_reason) == ("repeats", 3, 2, 6)
    assert g.admit(like(4, qty_lots=10 * BTC - 1), market(), NOW) is None
    assert g.admit(like(5), market(later), later) is None


def test_so_many_parents_are_open_at_once() -> None:
    g = gate(parent__max_open_count=2)
    for number in (1, 2):
        assert g.admit(like(number, qty_lots=number), market(), NOW) is None
    assert refused(g.admit(like(3, qty_lots=3), market(), NOW)).setting == "parent.max_open_count"
    g.parent_closed("P1")
    g.parent_closed("P1")
    assert g.admit(like(4, qty_lots=4), market(), NOW) is None


# the kill latch


@pytest.mark.parametrize(("scope", "blocks"), [
    (Scope("all"), True), (Scope("symbol", "BTC-USD"), True), (Scope("parent", "P1"), True),
    (Scope("venue", "XLIT1"), False), (Scope("parent", "P2"), False),
])
def test_no_parent_is_taken_in_under_a_latch_of_its_scope(scope: Scope, blocks: bool) -> None:
    g = gate()
    g.kill.latch(scope, Mode.SUSPEND, "ann", "drill", NOW)
    answer = g.admit(parent(), market(), NOW)
    assert (answer is not None) is blocks
    if answer is not None:
        assert (answer.rule, answer.ord_rej_reason) == ("kill_latch", 99)
