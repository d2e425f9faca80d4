"""The figures of one parent, from facts small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.shortfall import Fill, Trade
from router.tca import Adherence, Facts, Target, adherence, figures

DOLLAR = 1_000_000_000
BTC = 10**8

FACTS = Facts(
    parent_id="P1",
    sign=1,
    qty_lots=4 * BTC,
    lots_per_unit=BTC,
    arrival_nanos=1000 * DOLLAR,
    start_ns=100,
    end_ns=200,
    fills=(
        Fill(110, 1000 * DOLLAR, BTC, -DOLLAR, "XLIT1", "1"),
        Fill(150, 1002 * DOLLAR, 2 * BTC, 3 * DOLLAR, "XLIT2", "2"),
        Fill(190, 1001 * DOLLAR, BTC, 0, "XLIT1", "2"),
    ),
    trades=(
        Trade(99, 5000 * DOLLAR, BTC),  # before it began
        Trade(110, 1000 * DOLLAR, 8 * BTC),
        Trade(200, 1005 * DOLLAR, 8 * BTC),
        Trade(201, 5000 * DOLLAR, BTC),  # after it ended
    ),
    schedule=(Target(100, 0), Target(140, 2 * BTC), Target(180, 3 * BTC), Target(200, 4 * BTC)),
)


class TestComplete:
    def test_against_arrival(self) -> None:
        cost = figures(FACTS).shortfall
        assert (cost.gross_money, cost.net_money) == (5.0, 7.0)
        assert (cost.gross_bp, cost.net_bp) == (12.5, 17.5)

    def test_against_the_vwap_of_the_interval(self) -> None:
        made = figures(FACTS)
        assert made.vwap == 1002.5
        assert made.slippage is not None
        assert (made.slippage.gross_money, made.slippage.net_money) == (-5.0, -3.0)
        assert made.slippage.gross_bp == pytest.approx(-5 / 4010 * 10_000)

    def test_a_sell_of_the_same_has_the_opposite_gross(self) -> None:
        cost = figures(replace(FACTS, sign=-1)).shortfall
        assert (cost.gross_money, cost.net_money) == (-5.0, -3.0)

    def test_how_much_and_when(self) -> None:
        made = figures(FACTS)
        assert (made.filled_lots, made.completion, made.average) == (4 * BTC, 1.0, 1001.25)
        assert (made.market_lots, made.participation) == (16 * BTC, 0.25)
        assert (made.first_fill_ns, made.last_fill_ns) == (110, 190)
        assert (made.fees_money, made.opportunity_money) == (2.0, 0.0)

    def test_by_venue(self) -> None:
        first, second = figures(FACTS).venues
        assert (first.venue, first.fills, first.lots, first.share) == ("XLIT1", 2, 2 * BTC, 0.5)
        assert (first.average, first.fees_money, first.shortfall_bp) == (1000.5, -1.0, 5.0)
        assert (first.added_lots, first.removed_lots) == (BTC, BTC)
        assert (second.venue, second.added_lots, second.removed_lots) == ("XLIT2", 0, 2 * BTC)
        assert second.shortfall_bp == 20.0

    def test_schedule_against_done(self) -> None:
        assert figures(FACTS).adherence == Adherence(0, -BTC, 1 / 16)
        assert figures(replace(FACTS, schedule=())).adherence is None


class TestIncomplete:
    def test_what_is_left_costs_the_markets_move(self) -> None:
        made = figures(replace(FACTS, fills=FACTS.fills[:1], end_nanos=1010 * DOLLAR))
        assert (made.completion, made.opportunity_money) == (0.25, 30.0)
        assert made.shortfall.gross_money == 30.0
        assert made.shortfall.net_money == 29.0

    def test_nothing_filled(self) -> None:
        made = figures(replace(FACTS, fills=(), end_nanos=990 * DOLLAR))
        assert (made.filled_lots, made.completion, made.participation) == (0, 0.0, 0.0)
        assert made.average is made.slippage is made.first_fill_ns is None
        assert made.venues == ()
        assert made.shortfall.gross_bp == -100.0

    def test_nothing_traded_in_the_market(self) -> None:
        made = figures(replace(FACTS, trades=()))
        assert made.vwap is made.participation is made.slippage is None

    def test_without_a_price_at_the_end_it_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="unfilled"):
            figures(replace(FACTS, fills=FACTS.fills[:1]))


class TestAdherence:
    def test_a_fill_at_the_schedules_time_counts(self) -> None:
        assert adherence([Target(5, 3)], [Fill(5, 1, 3)], 10) == Adherence(0, 0, 0.0)

    def test_ahead_and_behind(self) -> None:
        made = adherence([Target(9, 8), Target(3, 1)], [Fill(1, 1, 4)], 10)
        assert made == Adherence(3, -4, 0.35)

    @given(
        st.lists(st.builds(Fill, time_ns=st.integers(0, 20), price_nanos=st.just(1), lots=st.integers(1, 5))),
        st.lists(st.builds(Target, st.integers(0, 20), st.integers(0, 30)), min_size=1),
    )
    def test_agrees_with_counting_afresh_at_each_time(
        self, fills: list[Fill], schedule: list[Target]
    ) -> None:
        made = adherence(schedule, fills, 10)
        gaps = [sum(f.lots for f in fills if f.time_ns <= t.time_ns) - t.lots for t in schedule]
        assert made.most_ahead_lots == max([0, *gaps])
        assert made.most_behind_lots == min([0, *gaps])
        assert made.mean_distance == pytest.approx(sum(map(abs, gaps)) / len(gaps) / 10)
