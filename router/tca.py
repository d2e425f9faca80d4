"""Transaction cost analysis: the figures of one finished parent, from plain facts. Pure; where they come from
(a journal, a venue's record) is the caller's affair.

Everything is computed exactly by router/shortfall.py; floats appear in the last step, since figures are
for people. Prices are nanos, quantities lots, times ns UTC, `sign` +1 buy, -1 sell. Costs are positive
when they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from router.shortfall import (
    NANO,
    Fill,
    Trade,
    basis_points,
    completion,
    currency,
    filled_lots,
    participation,
    shortfall,
    slippage,
    vwap,
    within,
)

ADDED, REMOVED = "1", "2"  # LastLiquidityInd(851)


@dataclass(frozen=True, slots=True)
class Target:
    """What the schedule wanted done by then."""

    time_ns: int
    lots: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened to one parent.

    `trades` are the market's; those outside [start_ns, end_ns] are left out.
    """

    parent_id: str
    sign: int
    qty_lots: int
    lots_per_unit: int
    arrival_nanos: int
    start_ns: int
    end_ns: int
    fills: Sequence[Fill]
    trades: Sequence[Trade]
    schedule: Sequence[Target] = ()
    end_nanos: int | None = None  # the mid at the end; needed where something is unfilled


@dataclass(frozen=True, slots=True)
class Cost:
    """Against one benchmark: without the venues' fees, and with them."""

    gross_bp: float
    net_bp: float
    gross_money: float  # quote currency
    net_money: float


@dataclass(frozen=True, slots=True)
class VenueFigures:
    venue: str
    fills: int
    lots: int
    share: float  # of what was filled
    average: float  # price in quote currency
    fees_money: float
    added_lots: int  # as maker
    removed_lots: int  # as taker
    shortfall_bp: float  # gross, of these fills against arrival


@dataclass(frozen=True, slots=True)
class Adherence:
    """Done against the schedule, at the schedule's own times: lots, as ahead (+) or behind (-)."""

    most_ahead_lots: int
    most_behind_lots: int
    mean_distance: float  # mean of |done - target|, as a share of the parent


@dataclass(frozen=True, slots=True)
class ParentFigures:
    """The report's row for one parent."""

    parent_id: str
    filled_lots: int
    completion: float
    average: float | None  # quote currency; None where nothing filled
    vwap: float | None  # of the interval's trades; None where nothing traded
    market_lots: int  # traded in the interval, ours included
    participation: float | None
    shortfall: Cost  # of the whole parent against arrival
    opportunity_money: float  # the part of it that is what was not filled
    slippage: Cost | None  # of what was filled against the interval's VWAP
    fees_money: float
    first_fill_ns: int | None
    last_fill_ns: int | None
    venues: tuple[VenueFigures, ...]
    adherence: Adherence | None  # None where there was no schedule


def figures(facts: Facts) -> ParentFigures:
    """All figures of one parent.

    ValueError as `shortfall`: overfilled, or no end price for what is unfilled.
    """
    fills, per_unit = facts.fills, facts.lots_per_unit
    lots = filled_lots(fills)
    traded = within(facts.trades, facts.start_ns, facts.end_ns)
    market_lots = sum(trade.lots for trade in traded)
    benchmark, average = vwap(traded), vwap(fills)
    arrival = shortfall(facts.sign, facts.qty_lots, facts.arrival_nanos, fills, per_unit, facts.end_nanos)
    share = participation(fills, market_lots)
    against_vwap = None
    if benchmark is not None and lots:
        slipped = slippage(facts.sign, benchmark, fills, per_unit)
        against_vwap = _cost(slipped.gross, slipped.net, slipped.notional, per_unit)
    return ParentFigures(
        parent_id=facts.parent_id,
        filled_lots=lots,
        completion=float(completion(facts.qty_lots, fills)),
        average=_price(average),
        vwap=_price(benchmark),
        market_lots=market_lots,
        participation=None if share is None else float(share),
        shortfall=_cost(arrival.gross, arrival.net, arrival.notional, per_unit),
        opportunity_money=float(currency(arrival.opportunity, per_unit)),
        slippage=against_vwap,
        fees_money=float(currency(arrival.fees, per_unit)),
        first_fill_ns=min((fill.time_ns for fill in fills), default=None),
        last_fill_ns=max((fill.time_ns for fill in fills), default=None),
        venues=tuple(
            _venue(facts, venue, [fill for fill in fills if fill.venue == venue], lots)
            for venue in sorted({fill.venue for fill in fills})
        ),
        adherence=adherence(facts.schedule, fills, facts.qty_lots) if facts.schedule else None,
    )


def adherence(schedule: Sequence[Target], fills: Sequence[Fill], parent_lots: int) -> Adherence:
    """Compare what was done with what was wanted, at each time of a schedule that is not empty."""
    queue = sorted(fills, key=lambda fill: fill.time_ns)
    done, at = 0, 0
    distances: list[int] = []
    for target in sorted(schedule, key=lambda target: target.time_ns):
        while at < len(queue) and queue[at].time_ns <= target.time_ns:
            done += queue[at].lots
            at += 1
        distances.append(done - target.lots)
    mean = Fraction(sum(abs(distance) for distance in distances), len(distances) * parent_lots)
    return Adherence(max(0, *distances), min(0, *distances), float(mean))


def _venue(facts: Facts, venue: str, fills: list[Fill], lots: int) -> VenueFigures:
    here = filled_lots(fills)
    cost = shortfall(facts.sign, here, facts.arrival_nanos, fills, facts.lots_per_unit)
    average = _price(vwap(fills))
    assert average is not None
    return VenueFigures(
        venue=venue,
        fills=len(fills),
        lots=here,
        share=float(Fraction(here, lots)),
        average=average,
        fees_money=float(currency(cost.fees, facts.lots_per_unit)),
        added_lots=sum(fill.lots for fill in fills if fill.liquidity == ADDED),
        removed_lots=sum(fill.lots for fill in fills if fill.liquidity == REMOVED),
        shortfall_bp=float(basis_points(cost.gross, cost.notional)),
    )


def _cost(gross: Fraction | int, net: Fraction | int, notional: Fraction | int, lots_per_unit: int) -> Cost:
    return Cost(
        gross_bp=float(basis_points(gross, notional)),
        net_bp=float(basis_points(net, notional)),
        gross_money=float(currency(gross, lots_per_unit)),
        net_money=float(currency(net, lots_per_unit)),
    )


def _price(nanos: Fraction | None) -> float | None:
    return None if nanos is None else float(nanos / NANO)
