"""How the mid answers to a single order at the touch, over the events that follow.

After Eisler, Bouchaud and Kockelkoren, The price impact of order book events (Quantitative Finance 12, 2012;
arXiv 0904.0900), as LOB-Bench takes it: events at the touch are market orders (MO), limit orders (LO) and
cancels (CA), each either leaving the mid where it is (0) or moving it (1). The sign is +1 for what presses
the price up: a market order that buys, a bid that comes, an offer that is cancelled. R(l) = E[sign x (mid
before event t + l less mid before event t)], in ticks; l counts events at the touch. Trades with hidden
orders are not events here.

The distance between two curves is the mean of their absolute difference over the lags, as in LOB-Bench.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixsim.realism.blocks import UNKNOWN, Figure, basic_interval, draw_weights, halves, interval
from fixsim.realism.distance import Floats
from fixsim.realism.verdict import Row, Rule, within
from fixsim.realism.view import BID, OFFER, View
from fixsim.tape.frame import Change

FAMILY = "Response"
LEAST = 30
"""Events of a kind below which its curve is not compared."""

KINDS = (
    ("MO₀", "market orders that leave the mid", Change.MARKET, False),
    ("MO₁", "market orders that move the mid", Change.MARKET, True),
    ("LO₀", "limit orders that leave the mid", Change.LIMIT, False),
    ("LO₁", "limit orders that move the mid", Change.LIMIT, True),
    ("CA₀", "cancels that leave the mid", Change.CANCEL, False),
    ("CA₁", "cancels that move the mid", Change.CANCEL, True),
)
HOW = (
    "Mean signed change of the mid, from before the event to before the one that is so many events at the"
    " touch later; + is the direction in which the event presses."
)


@dataclass(frozen=True, slots=True)
class TouchEvents:
    """Events at the touch, in order."""

    mid_before: Floats
    """[m + 1] ticks; the last is the mid after the last event."""
    kind: NDArray[np.int64]
    """[m] index into KINDS"""
    sign: Floats
    """[m] +1 presses the price up, -1 down"""
    block: NDArray[np.int64]
    """[m]"""


@dataclass(frozen=True, slots=True)
class Curve:
    """A response with its 95 % band, by lag."""

    values: Floats
    low: Floats
    high: Floats
    events: int


def touch_events(view: View) -> TouchEvents:
    """The events of a market that happened at, or inside, the touch as it was before them."""
    frame, orders = view.frame, view.orders
    kept = (orders.first > 0) & (orders.side != 0) & (orders.change != Change.HIDDEN)
    kept[kept] &= view.two_sided[orders.first[kept] - 1]
    first, last, change, side = (x[kept] for x in (orders.first, orders.last, orders.change, orders.side))
    best = frame.px[first - 1, np.where(side > 0, BID, OFFER), 0]
    at_touch = (change == Change.MARKET) | ((frame.price[first] - best) * side.astype(np.int64) >= 0)
    first, last, change, side = (x[at_touch] for x in (first, last, change, side))
    before, after = view.mid[first - 1], view.mid[last]
    moved = before != after
    kind = np.zeros(len(first), np.int64)
    for k, (_, _, which, moves) in enumerate(KINDS):
        kind[(change == which) & (moved == moves)] = k
    sign = np.where(change == Change.LIMIT, side, -side).astype(np.float64)
    mids = np.append(before, after[-1:])
    return TouchEvents(mids, kind, sign, view.block(first))


def by_block(events: TouchEvents, lags: tuple[int, ...], blocks: int) -> tuple[Floats, Floats]:
    """Sums [kinds, blocks, lags] of signed changes, and how many they are."""
    sums = np.zeros((len(KINDS), blocks, len(lags)))
    sizes = np.zeros_like(sums)
    place = events.kind * blocks + events.block
    for k, lag in enumerate(lags):
        size = max(len(events.mid_before) - lag, 0)
        change = (events.mid_before[lag:] - events.mid_before[:size]) * events.sign[:size]
        where, flat = place[:size], len(KINDS) * blocks
        sums[:, :, k] = np.bincount(where, weights=change, minlength=flat).reshape(len(KINDS), blocks)
        sizes[:, :, k] = np.bincount(where, minlength=flat).reshape(len(KINDS), blocks)
    return sums, sizes


def compare(
    tape: View, generated: View, baseline: View, rng: np.random.Generator
) -> tuple[list[Row], dict[str, dict[str, Curve]]]:
    """A row for each kind of event, and the curves by kind and market."""
    plan = tape.plan
    of = {"tape": tape, "generated": generated, "baseline": baseline}
    parts = {name: by_block(touch_events(view), plan.lags, plan.blocks) for name, view in of.items()}
    weights = {name: draw_weights(plan.blocks, plan.draws, rng) for name in of}
    one, other = halves(plan.blocks, plan.draws, rng)
    rows, curves = [], {}
    for k, (short, described, _, _) in enumerate(KINDS):
        mine = {name: _curve(sums[k], sizes[k], weights[name]) for name, (sums, sizes) in parts.items()}
        drawn = {
            name: _mean(weights[name] @ sums[k], weights[name] @ sizes[k])
            for name, (sums, sizes) in parts.items()
        }
        enough = {name: curve.events >= LEAST for name, curve in mine.items()}
        distance = {
            name: _distance(mine["tape"].values, mine[name].values, drawn["tape"], drawn[name])
            if enough["tape"] and enough[name]
            else UNKNOWN
            for name in ("generated", "baseline")
        }
        sums, sizes = parts["tape"]
        apart = np.abs(_mean(one @ sums[k], one @ sizes[k]) - _mean(other @ sums[k], other @ sizes[k])).mean(
            axis=1
        )
        finite = apart[np.isfinite(apart)]
        allowed = float(np.quantile(finite, 0.95)) if enough["tape"] and len(finite) else np.nan
        verdict, reason = within(distance["generated"], allowed)
        last = {name: _last(curve) if enough[name] else UNKNOWN for name, curve in mine.items()}
        rows.append(
            Row(
                family=FAMILY,
                name=f"{short}: {described}",
                unit="ticks",
                rule=Rule.WITHIN,
                tape=last["tape"],
                generated=last["generated"],
                baseline=last["baseline"],
                verdict=verdict,
                reason=reason,
                distance=distance["generated"],
                baseline_distance=distance["baseline"],
                allowed=allowed,
                baseline_allowed=allowed,
                note=f"response after {plan.lags[-1]} events",
            )
        )
        curves[short] = {name: curve for name, curve in mine.items() if enough[name]}
    return rows, curves


def _mean(sums: Floats, sizes: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums / sizes, np.float64)


def _curve(sums: Floats, sizes: Floats, weights: Floats) -> Curve:
    draws = _mean(weights @ sums, weights @ sizes)
    band = np.array([interval(draws[:, k]) for k in range(draws.shape[1])])
    return Curve(_mean(sums.sum(axis=0), sizes.sum(axis=0)), band[:, 0], band[:, 1], int(sizes[:, 0].sum()))


def _distance(p: Floats, q: Floats, draws_p: Floats, draws_q: Floats) -> Figure:
    value = float(np.mean(np.abs(p - q)))
    return Figure(value, *basic_interval(value, np.mean(np.abs(draws_p - draws_q), axis=1)))


def _last(curve: Curve) -> Figure:
    return Figure(float(curve.values[-1]), float(curve.low[-1]), float(curve.high[-1]))
