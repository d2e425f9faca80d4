"""Parents' own limits: each is taken in at its limit and refused just beyond, with its OrdRejReason(103)."""

from __future__ import annotations

import re
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
    child,
    gate,
    gate_with_parent,
    market,
    parent,
    passed,
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


@pytest.mark.parametrize(("changes", "says"), [
    ({"start_ns": NOW, "end_ns": NOW - 1_500_000_000},
     r"duration: ExpireTime\(126\) (\d{8}-\d\d:\d\d:\d\d\.\d{3}); "
     r"limit after EffectiveTime\(168\) (\d{8}-[\d:.]{12}) and now \2"),
    ({"end_ns": NOW + 28_801 * SECOND + SECOND // 2},
     r"duration: 28801.50* s; limit parent.max_duration_s: 28800 s"),
])
def test_a_refused_duration_is_said_in_times_as_a_desk_writes_them(
    changes: dict[str, Any], says: str
) -> None:
    assert re.fullmatch(says, refused(gate().admit(parent(**changes), market(), NOW)).text)


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


def test_a_number_is_one_desks_own() -> None:
    g = gate()
    assert g.admit(parent(desk="A"), market(), NOW) is None
    assert g.admit(parent(parent_id="P2", desk="B"), market(), NOW) is None
    no = refused(g.admit(parent(parent_id="P3", desk="A", account="OTHER"), market(), NOW))
    assert (no.rule, no.value) == ("duplicate", "ClOrdID(11) D1 of A")


def test_numbers_stay_used_when_another_gate_takes_over() -> None:
    old, new = gate(), gate()
    assert old.admit(parent(desk="A"), market(), NOW) is None
    new.inherit_desk_ids(old)
    assert refused(new.admit(parent(parent_id="P2", desk="A"), market(), NOW)).rule == "duplicate"


# short sales


@pytest.mark.parametrize("side", [Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT])
def test_only_the_accounts_that_may_sell_short_do_and_somebody_locates(side: Side) -> None:
    g = gate(parent__short_sale_accounts=["ACC"])
    no = refused(g.admit(parent(side=side), market(), NOW))
    assert (no.rule, no.number, no.value, no.ord_rej_reason) == ("short_sale", 13, "no LocateReqd(114)", 11)
    no = refused(g.admit(parent(side=side, account="B", locate_reqd=False), market(), NOW))
    assert (no.setting, no.limit, no.ord_rej_reason_sp2) == ("parent.short_sale_accounts", "ACC", 22)
    assert g.admit(parent(side=side, locate_reqd=False), market(), NOW) is None
    assert g.admit(parent(parent_id="P2", cl_ord_id="D2", side=side, locate_reqd=True), market(), NOW) is None


# amendments


def amended(**changes: Any) -> Parent:
    return parent(**{"cl_ord_id": "R1", **changes})


@pytest.mark.parametrize(("changes", "rule"), [
    ({"qty_lots": 20 * BTC + 1}, "quantity"),
    ({"limit_nanos": ASK + 1}, "tick"),
    ({"limit_nanos": 15_000 * USD + TICK}, "value"),
    ({"end_ns": NOW}, "duration"),
    ({"end_ns": NOW + 28_800 * SECOND + 1}, "duration"),
    ({"cl_ord_id": "D1"}, "duplicate"),
    ({"qty_lots": 2 * BTC - 1}, "parent_conservation"),
])
def test_an_amendment_is_judged_as_the_parent_that_would_result(changes: dict[str, Any], rule: str) -> None:
    g = gate_with_parent()
    passed(g.check(child(1, qty_lots=2 * BTC), market(), NOW))
    g.filled("S1-1", 2 * BTC)
    assert refused(g.judge_amendment(amended(**changes), market(), NOW)).rule == rule
    assert refused(g.amend(amended(**changes), market(), NOW)).rule == rule
    line = g.exposure.parents["P1"]
    assert (line.qty_lots, line.limit_nanos, line.amendments) == (10 * BTC, None, 0)
    assert g.admit(parent(parent_id="P2", cl_ord_id="R1", qty_lots=1), market(), NOW) is None


def test_an_amendment_binds_from_then_on() -> None:
    g = gate_with_parent()
    passed(g.check(child(1, qty_lots=2 * BTC), market(), NOW))
    wanted = amended(qty_lots=2 * BTC, limit_nanos=ASK)
    assert g.judge_amendment(wanted, market(), NOW) is None
    assert g.exposure.parents["P1"].qty_lots == 10 * BTC
    assert g.amend(wanted, market(), NOW) is None
    assert refused(g.check(child(2, qty_lots=1), market(), NOW)).rule == "parent_conservation"
    g.closed("S1-1")
    assert refused(g.check(child(3, qty_lots=BTC), market(), NOW)).rule == "size"
    assert refused(g.check(child(4, qty_lots=1, price_nanos=ASK + TICK), market(), NOW)).rule == "collar"
    assert refused(g.admit(parent(parent_id="P2", cl_ord_id="R1"), market(), NOW)).rule == "duplicate"


def test_what_works_must_fit_before_a_parent_shrinks() -> None:
    g = gate_with_parent()
    passed(g.check(child(1, qty_lots=2 * BTC), market(), NOW))
    smaller = amended(qty_lots=BTC)
    assert g.judge_amendment(smaller, market(), NOW) is None
    assert refused(g.amend(smaller, market(), NOW)).rule == "parent_conservation"
    g.closed("S1-1")
    assert g.amend(smaller, market(), NOW) is None


def test_a_latch_and_the_end_of_a_parent_refuse_its_amendment() -> None:
    g = gate_with_parent()
    g.kill.latch(Scope("parent", "P1"), Mode.SUSPEND, "ann", "drill", NOW)
    assert refused(g.amend(amended(), market(), NOW)).rule == "kill_latch"
    g.kill.reinstate(Scope("parent", "P1"), "bob", "over", NOW)
    g.parent_closed("P1")
    assert refused(g.amend(amended(), market(), NOW)).rule == "open_parent"


def test_a_parent_is_amended_so_often_and_a_change_of_time_alone_does_not_repeat_it() -> None:
    g = gate_with_parent(parent__max_open_count=1)
    for number in range(3):
        later = amended(cl_ord_id=f"R{number}", end_ns=NOW + (600 + number) * SECOND)
        assert g.amend(later, market(), NOW) is None
    no = refused(g.amend(amended(cl_ord_id="R9"), market(), NOW))
    assert (no.rule, no.value, no.limit, no.setting) == ("amendments", 4, 3, "parent.max_amendments_count")


def test_amending_to_and_fro_repeats() -> None:
    g = gate_with_parent(parent__max_amendments_count=50)
    assert g.amend(amended(cl_ord_id="R1", qty_lots=BTC), market(), NOW) is None
    assert g.amend(amended(cl_ord_id="R2"), market(), NOW) is None
    assert g.amend(amended(cl_ord_id="R3", qty_lots=BTC), market(), NOW) is None
    assert refused(g.amend(amended(cl_ord_id="R4"), market(), NOW)).rule == "repeats"


@pytest.mark.parametrize(("changes", "code"), [
    ({"qty_lots": 20 * BTC + 1}, 26),
    ({"limit_nanos": ASK + 1}, 18),
    ({"limit_nanos": 15_000 * USD + TICK}, 27),
    ({"qty_lots": 0}, 13),
    ({"end_ns": NOW}, 4),
])
def test_fix_5_has_codes_of_its_own(changes: dict[str, Any], code: int) -> None:
    assert refused(gate().admit(parent(**changes), market(), NOW)).ord_rej_reason_sp2 == code
    assert refused(gate().admit(parent(), None, NOW)).ord_rej_reason_sp2 == 19


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
