"""Implementation shortfall and slippage in exact integers. Positive costs, for either side.

An amount is a Python int in nanos times lots: price_nanos * lots. Money in nanos (a fee) times
lots_per_unit has the same unit; an amount / (1e9 * lots_per_unit) is currency. What must be divided (an
average) is a Fraction, and becomes a float only in a report. Prices are nanos, quantities lots, times ns
UTC, `sign` +1 for a buy, -1 for a sell.

Source: A. Perold, "The implementation shortfall", 1988: what is filled costs its price against arrival,
what is not filled costs the market's move since arrival, and fees are on top. The reward of a decision
splits that sum by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one child.

    `fee_nanos` is the whole fee, negative for a rebate; liquidity as in 851.
    """

    time_ns: int
    price_nanos: int
    lots: int
    fee_nanos: int = 0
    venue: str = ""
    liquidity: str = ""  # LastLiquidityInd(851): 1 added, 2 removed, empty where not told


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade that a venue published, ours included."""

    time_ns: int
    price_nanos: int
    lots: int


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Against one benchmark price; amounts in nanos times lots."""

    executed: int  # of what was filled
    opportunity: int  # of what was not
    fees: int
    notional: int  # the whole parent at the benchmark: what basis points are of

    @property
    def gross(self) -> int:
        return self.executed + self.opportunity

    @property
    def net(self) -> int:
        return self.gross + self.fees


@dataclass(frozen=True, slots=True)
class Slippage:
    """What was filled against a benchmark that is an average; in nanos times lots."""

    gross: Fraction
    fees: int
    notional: Fraction  # what was filled, at the benchmark

    @property
    def net(self) -> Fraction:
        return self.gross + self.fees


def filled_lots(fills: Iterable[Fill]) -> int:
    return sum(fill.lots for fill in fills)


def fees(fills: Iterable[Fill], lots_per_unit: int) -> int:
    """All fees as an amount."""
    return sum(fill.fee_nanos for fill in fills) * lots_per_unit


def shortfall(
    sign: int,
    parent_lots: int,
    arrival_nanos: int,
    fills: Sequence[Fill],
    lots_per_unit: int,
    end_nanos: int | None = None,
) -> Shortfall:
    """Implementation shortfall against arrival.

    end_nanos: the mid at the end, at which what is unfilled is valued; needed only where something is.
    ValueError when it is missing, or when the fills exceed the parent.
    """
    _check_sign(sign)
    left = parent_lots - filled_lots(fills)
    if left < 0:
        raise ValueError(f"fills of {parent_lots - left} lots exceed the parent's {parent_lots}")
    if left and end_nanos is None:
        raise ValueError(f"{left} lots are unfilled, and no price at the end is given")
    return Shortfall(
        executed=sign * sum(fill.lots * (fill.price_nanos - arrival_nanos) for fill in fills),
        opportunity=sign * left * (end_nanos - arrival_nanos) if end_nanos is not None else 0,
        fees=fees(fills, lots_per_unit),
        notional=parent_lots * arrival_nanos,
    )


def reward(
    sign: int, mid_nanos: int, next_mid_nanos: int, left_after: int, fills: Sequence[Fill], lots_per_unit: int
) -> int:
    """Of one decision: r = -s[q(p - m) + i'(m' - m)] - f, an amount.

    mid_nanos: the mid at the decision, next_mid_nanos at the next one; fills: those between; left_after:
    the parent's lots left after them. Undiscounted, the sum over a parent is exactly minus its shortfall
    net of fees, since q = i - i' lets q m and i' m' cancel from one decision to the next.
    """
    _check_sign(sign)
    traded = sum(fill.lots * (fill.price_nanos - mid_nanos) for fill in fills)
    return -sign * (traded + left_after * (next_mid_nanos - mid_nanos)) - fees(fills, lots_per_unit)


def within(trades: Iterable[Trade], start_ns: int, end_ns: int) -> list[Trade]:
    """The trades of an interval, both ends included."""
    return [trade for trade in trades if start_ns <= trade.time_ns <= end_ns]


def vwap(trades: Sequence[Trade] | Sequence[Fill]) -> Fraction | None:
    """Volume-weighted average price in nanos; None where nothing traded."""
    lots = sum(trade.lots for trade in trades)
    return Fraction(sum(trade.price_nanos * trade.lots for trade in trades), lots) if lots else None


def slippage(
    sign: int, benchmark_nanos: Fraction | int, fills: Sequence[Fill], lots_per_unit: int
) -> Slippage:
    """What was filled against a benchmark such as the interval's VWAP."""
    _check_sign(sign)
    lots = filled_lots(fills)
    paid = sum(fill.price_nanos * fill.lots for fill in fills)
    worth = Fraction(benchmark_nanos) * lots
    return Slippage(gross=sign * (paid - worth), fees=fees(fills, lots_per_unit), notional=worth)


def completion(parent_lots: int, fills: Sequence[Fill]) -> Fraction:
    """The share of the parent that is filled."""
    return Fraction(filled_lots(fills), parent_lots)


def participation(fills: Sequence[Fill], market_lots: int) -> Fraction | None:
    """The share of the interval's volume (ours included) that was ours; None where nothing traded."""
    return Fraction(filled_lots(fills), market_lots) if market_lots else None


def basis_points(amount: Fraction | int, notional: Fraction | int) -> Fraction:
    """An amount per notional, in 1e-4; 0 of nothing is 0."""
    return Fraction(amount) * 10_000 / Fraction(notional) if notional else Fraction(0)


def currency(amount: Fraction | int, lots_per_unit: int) -> Fraction:
    """An amount in units of the quote currency."""
    return Fraction(amount) / (NANO * lots_per_unit)


def _check_sign(sign: int) -> None:
    if sign not in (1, -1):
        raise ValueError(f"sign {sign} must be +1 (buy) or -1 (sell)")
