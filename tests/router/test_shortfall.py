"""Shortfall as a desk would check it by hand, and the identities that must hold for any fills."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.shortfall import (
    Fill,
    Trade,
    basis_points,
    completion,
    currency,
    participation,
    reward,
    shortfall,
    slippage,
    vwap,
    within,
)

DOLLAR = 1_000_000_000
CENT = DOLLAR // 100
SHARES = 1  # lots_per_unit
BTC = 10**8

signs = st.sampled_from([1, -1])
prices = st.integers(1, 10**14).map(lambda half_ticks: half_ticks * 5_000_000)  # absurd ones too
fills_lists = st.lists(
    st.builds(
        Fill,
        time_ns=st.integers(0, 10**18),
        price_nanos=prices,
        lots=st.integers(1, 10**12),
        fee_nanos=st.integers(-(10**12), 10**12),
    ),
    max_size=8,
)


class TestShortfall:
    def test_a_buy_above_arrival_costs(self) -> None:
        fills = [Fill(0, 100 * DOLLAR + 2 * CENT, 1000)]
        cost = shortfall(1, 1000, 100 * DOLLAR, fills, SHARES)
        assert currency(cost.gross, SHARES) == 20
        assert basis_points(cost.gross, cost.notional) == 2

    def test_a_sell_above_arrival_gains(self) -> None:
        fills = [Fill(0, 100 * DOLLAR + 2 * CENT, 1000)]
        assert currency(shortfall(-1, 1000, 100 * DOLLAR, fills, SHARES).gross, SHARES) == -20

    def test_fees_come_on_top_for_either_side_and_rebates_off(self) -> None:
        fills = [
            Fill(0, 100 * DOLLAR, 10, fee_nanos=3 * DOLLAR),
            Fill(0, 100 * DOLLAR, 10, fee_nanos=-DOLLAR),
        ]
        for sign in (1, -1):
            cost = shortfall(sign, 20, 100 * DOLLAR, fills, SHARES)
            assert (cost.gross, currency(cost.net, SHARES)) == (0, 2)

    def test_what_is_not_filled_costs_the_markets_move(self) -> None:
        fills = [Fill(0, 100 * DOLLAR, 400)]
        cost = shortfall(1, 1000, 100 * DOLLAR, fills, SHARES, end_nanos=100 * DOLLAR + 5 * CENT)
        assert (cost.executed, currency(cost.opportunity, SHARES)) == (0, 30)

    def test_bitcoin_is_counted_in_hundred_millionths(self) -> None:
        fills = [Fill(0, 6_191 * DOLLAR, BTC // 2, fee_nanos=7 * DOLLAR)]
        cost = shortfall(1, BTC // 2, 6_190 * DOLLAR, fills, BTC)
        assert currency(cost.gross, BTC) == Fraction(1, 2)
        assert currency(cost.net, BTC) == Fraction(15, 2)

    def test_a_half_tick_of_one_lot_is_not_lost(self) -> None:
        cost = shortfall(1, 1, 6_190_845_000_000, [Fill(0, 6_190_850_000_000, 1)], BTC)
        assert cost.gross == 5_000_000

    @pytest.mark.parametrize(
        ("sign", "lots", "reason"),
        [(1, 11, "exceed the parent's 10"), (1, 9, "1 lots are unfilled"), (0, 10, "must be")],
    )
    def test_what_makes_no_sense_is_an_error(self, sign: int, lots: int, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            shortfall(sign, 10, DOLLAR, [Fill(0, DOLLAR, lots)], SHARES)

    @given(fills_lists, prices, prices, st.integers(0, 10**12))
    def test_one_sides_gross_cost_is_the_others_gain(
        self, fills: list[Fill], arrival: int, end: int, left: int
    ) -> None:
        lots = sum(fill.lots for fill in fills) + left
        buy = shortfall(1, lots, arrival, fills, BTC, end)
        sell = shortfall(-1, lots, arrival, fills, BTC, end)
        assert buy.gross == -sell.gross
        assert buy.fees == sell.fees

    @given(fills_lists, prices, prices)
    def test_completing_at_the_end_price_is_what_opportunity_cost_says(
        self, fills: list[Fill], arrival: int, end: int
    ) -> None:
        lots = sum(fill.lots for fill in fills) + 7
        open_end = shortfall(1, lots, arrival, fills, BTC, end)
        completed = shortfall(1, lots, arrival, [*fills, Fill(0, end, 7)], BTC)
        assert open_end.net == completed.net


class TestReward:
    @given(
        sign=signs,
        left=st.integers(0, 10**10),
        decisions=st.lists(st.tuples(prices, fills_lists), min_size=1, max_size=6),
        end=prices,
    )
    def test_rewards_add_up_to_minus_the_shortfall_net_of_fees(
        self, sign: int, left: int, decisions: list[tuple[int, list[Fill]]], end: int
    ) -> None:
        everything = [fill for _, fills in decisions for fill in fills]
        parent = open_lots = left + sum(fill.lots for fill in everything)
        mids = [mid for mid, _ in decisions] + [end]
        total = 0
        for (mid, fills), next_mid in zip(decisions, mids[1:], strict=True):
            open_lots -= sum(fill.lots for fill in fills)
            total += reward(sign, mid, next_mid, open_lots, fills, BTC)
        assert total == -shortfall(sign, parent, mids[0], everything, BTC, end).net

    def test_waiting_while_the_price_runs_away_is_paid_for_at_once(self) -> None:
        assert reward(1, 100 * DOLLAR, 101 * DOLLAR, 10, [], SHARES) == -10 * DOLLAR


class TestVwap:
    def test_is_weighted_by_volume(self) -> None:
        assert vwap([Trade(0, 10, 1), Trade(0, 13, 2)]) == 12

    def test_of_nothing_is_none(self) -> None:
        assert vwap([]) is None

    def test_of_an_interval_has_both_its_ends(self) -> None:
        trades = [Trade(t, 1, 1) for t in (4, 5, 6, 7, 8)]
        assert [trade.time_ns for trade in within(trades, 5, 7)] == [5, 6, 7]

    def test_slippage_of_a_buy_below_it_is_a_gain(self) -> None:
        slipped = slippage(1, Fraction(301, 3), [Fill(0, 100, 3, fee_nanos=1)], SHARES)
        assert (slipped.gross, slipped.net, slipped.notional) == (-1, 0, 301)

    @given(fills_lists.filter(bool), signs)
    def test_we_alone_cannot_beat_it(self, fills: list[Fill], sign: int) -> None:
        own = vwap(fills)
        assert own is not None
        assert slippage(sign, own, fills, BTC).gross == 0

    @given(fills_lists, prices, signs)
    def test_against_arrival_it_is_the_shortfall_of_what_was_filled(
        self, fills: list[Fill], arrival: int, sign: int
    ) -> None:
        lots = sum(fill.lots for fill in fills)
        slipped, cost = slippage(sign, arrival, fills, BTC), shortfall(sign, lots, arrival, fills, BTC)
        assert (slipped.gross, slipped.net) == (cost.gross, cost.net)


class TestShares:
    def test_completion(self) -> None:
        assert completion(4, [Fill(0, 1, 1), Fill(0, 1, 2)]) == Fraction(3, 4)

    def test_participation(self) -> None:
        assert participation([Fill(0, 1, 3)], 12) == Fraction(1, 4)
        assert participation([], 0) is None

    def test_basis_points_of_nothing(self) -> None:
        assert basis_points(0, 0) == 0
