"""What flows: volume a minute, and order flow imbalance with the mid's linear answer to it.

Order flow imbalance is that of Cont, Kukanov and Stoikov, The Price Impact of Order Book Events (Journal of
Financial Econometrics 12, 2014; arXiv 1011.6402): each event adds what it did to supply and demand at the
touch, e_n = 1{b_n >= b_(n-1)} B_n - 1{b_n <= b_(n-1)} B_(n-1) - 1{a_n <= a_(n-1)} A_n + 1{a_n >= a_(n-1)}
A_(n-1) with best prices b, a and sizes B, A; summed over windows of time (ten seconds).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fixsim.realism.blocks import Sample
from fixsim.realism.distance import Floats
from fixsim.realism.distribution import Distribution
from fixsim.realism.number import Number
from fixsim.realism.verdict import Rule
from fixsim.realism.view import BID, OFFER, View
from fixsim.tape.frame import Change

FAMILY = "Flow"


def traded(view: View, seconds: float) -> Floats:
    """[windows] units traded, with displayed and with hidden orders."""
    frame = view.frame
    rows = np.flatnonzero(np.isin(frame.change, (Change.MARKET, Change.HIDDEN)))
    return view.sums(rows, frame.quantity[rows] / frame.lots_per_unit, seconds)


def volume(view: View) -> Sample:
    """Units traded a minute, in each middle window."""
    seconds = view.plan.minute_s
    return Sample(traded(view, seconds) * 60 / seconds, view.window_block(seconds), view.plan.blocks)


def imbalance_of_events(view: View) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Floats]:
    """Rows with a two-sided book before and after, and e_n of each, in units."""
    frame = view.frame
    rows = np.flatnonzero(view.two_sided[1:] & view.two_sided[:-1]) + 1
    px, qty = frame.px[:, :, 0], frame.qty[:, :, 0] / frame.lots_per_unit
    b, a, before_b, before_a = px[rows, BID], px[rows, OFFER], px[rows - 1, BID], px[rows - 1, OFFER]
    flow = (
        np.where(b >= before_b, qty[rows, BID], 0)
        - np.where(b <= before_b, qty[rows - 1, BID], 0)
        - np.where(a <= before_a, qty[rows, OFFER], 0)
        + np.where(a >= before_a, qty[rows - 1, OFFER], 0)
    )
    return rows, flow


def order_flow_imbalance(view: View) -> Sample:
    """Units, over each short window."""
    seconds = view.plan.return_s
    rows, flow = imbalance_of_events(view)
    return Sample(view.sums(rows, flow, seconds), view.window_block(seconds), view.plan.blocks)


def against_returns(view: View) -> list[Floats]:
    """By block: [windows, 3] order flow imbalance, return of the mid (ticks), mean size at the touch."""
    seconds = view.plan.return_s
    rows, flow = imbalance_of_events(view)
    size = view.frame.qty[rows, :, 0].mean(axis=1) / view.frame.lots_per_unit
    events = view.sums(rows, np.ones(len(rows)), seconds)
    with np.errstate(invalid="ignore"):
        depth = view.sums(rows, size, seconds) / events
    columns = (view.sums(rows, flow, seconds), view.returns(seconds), depth)
    return view.in_blocks(np.stack(columns, axis=1), view.window_block(seconds))


def r_squared(series: Sequence[Floats]) -> float:
    """Of the regression of returns on order flow imbalance over the same windows."""
    flow, change, _ = np.concatenate(series).T
    if len(flow) < 3 or np.ptp(flow) == 0 or np.ptp(change) == 0:
        return np.nan
    return float(np.corrcoef(flow, change)[0, 1] ** 2)


def slope_times_depth(series: Sequence[Floats]) -> float:
    """The regression's slope times the mean size at the touch: ticks for an imbalance of that size.

    Cont, Kukanov and Stoikov find the slope inversely proportional to depth.
    """
    flow, change, depth = np.concatenate(series).T
    if len(flow) < 3 or np.ptp(flow) == 0:
        return np.nan
    covariance = np.cov(flow, change)
    return float(covariance[0, 1] / covariance[0, 0] * depth.mean())


def distributions(return_s: float) -> tuple[Distribution, ...]:
    """The family's distributions, order flow imbalance over windows of so many seconds."""
    return (
        Distribution(
            FAMILY, "Volume a minute", "units", "Quantity traded in each window, as of a minute.", volume
        ),
        Distribution(
            FAMILY,
            "Order flow imbalance",
            "units",
            "Net change of demand less supply at the touch (Cont, Kukanov and Stoikov) in windows of"
            f" {return_s:g} s.",
            order_flow_imbalance,
        ),
    )


def numbers(return_s: float) -> tuple[Number, ...]:
    """The family's numbers, over windows of so many seconds."""
    return (
        Number(
            FAMILY,
            "Order flow imbalance: R² on returns",
            "",
            Rule.SAME,
            f"Share of the variance of {return_s:g} s returns of the mid that the same window's imbalance"
            " explains.",
            against_returns,
            r_squared,
        ),
        Number(
            FAMILY,
            "Order flow imbalance: slope × depth",
            "ticks",
            Rule.FACT,
            f"Ticks that the mid moves in {return_s:g} s for an imbalance as large as the mean size at the"
            " touch.",
            against_returns,
            slope_times_depth,
            null=0.0,
        ),
    )
