"""All statistics of a tape, a generated market and a baseline: the scoreboard's rows, and what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fixsim.realism import (
    activity,
    book,
    depth,
    distribution,
    facts,
    impact,
    metaorder,
    number,
    response,
    shapes,
    timing,
)
from fixsim.realism.blocks import Figure
from fixsim.realism.distribution import Distribution, Histograms
from fixsim.realism.impact import Buckets, Law
from fixsim.realism.metaorder import Paths
from fixsim.realism.number import Number
from fixsim.realism.response import Curve
from fixsim.realism.shapes import Line
from fixsim.realism.verdict import Row, Verdict
from fixsim.realism.view import Plan, View
from fixsim.tape.frame import Change, LobFrame

_PATH = 600
"""Points of the mid's picture."""
MARKETS = ("tape", "generated", "baseline")
_WINDOWS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Windows of time that a plan may have, in seconds."""


@dataclass(frozen=True, slots=True)
class Market:
    """One of the three, as the report's head names it."""

    name: str
    symbol: str
    seconds: float
    events: int
    market_orders: int
    traded: float
    """Units."""
    about: str
    """How it came about: the source's format, or what was calibrated."""
    mid: Line
    """Seconds since its start, ticks; thinned."""


@dataclass(slots=True)
class Study:
    """Everything that the report says."""

    plan: Plan
    tick_nanos: int
    markets: dict[str, Market]
    rows: list[Row] = field(default_factory=list)
    distributions: dict[str, tuple[Distribution, Histograms]] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    responses: dict[str, dict[str, Curve]] = field(default_factory=dict)
    impact: dict[str, tuple[Buckets, Law]] = field(default_factory=dict)
    shapes: dict[str, dict[str, Line]] = field(default_factory=dict)
    metaorders: dict[str, Paths] = field(default_factory=dict)
    """Of the markets that take orders."""
    metaorder_laws: dict[str, tuple[Figure, Figure, Figure]] = field(default_factory=dict)
    """Exponent, factor, share left at the end."""

    def count(self, verdict: Verdict) -> int:
        return sum(row.verdict is verdict for row in self.rows)

    @property
    def nearer(self) -> tuple[int, int]:
        """Rows in which the generated market is nearer to the tape than the baseline, of those that say."""
        said = [row.nearer for row in self.rows if row.nearer is not None]
        return sum(said), len(said)


SHAPES: dict[str, Callable[[View], Line]] = {
    "returns": shapes.memory_of_returns,
    "volatility": shapes.memory_of_volatility,
    "tail": shapes.tail,
    "signature": shapes.signature,
    "signs": shapes.memory_of_signs,
}


def plan_for(seconds: float, plan: Plan) -> Plan:
    """The plan with windows that a recording of that length has enough of: a short one gets shorter windows.

    A trading day keeps returns of 10 s, minutes and 5 minutes; ten minutes get 2 s, 5 s and 20 s.
    """

    def most(windows: int) -> float:
        fitting = [s for s in _WINDOWS_S if s <= seconds / windows]
        return fitting[-1] if fitting else _WINDOWS_S[0]

    return replace(
        plan,
        return_s=min(plan.return_s, most(8 * plan.blocks)),
        minute_s=min(plan.minute_s, most(3 * plan.blocks)),
        coarse_s=min(plan.coarse_s, most(plan.blocks)),
    )


def steps(plan: Plan) -> int:
    """How often `study` reports progress."""
    return len(_distributions(plan)) + len(_numbers(plan)) + 2


def study(
    frames: dict[str, LobFrame],
    names: dict[str, str],
    plan: Plan,
    *,
    about: Mapping[str, str] | None = None,
    metaorders: Mapping[str, Paths] | None = None,
    advance: Callable[[str], object] = lambda _: None,
) -> Study:
    """Compare: the same seed gives the same study.

    `frames` and `names` have a key for each of MARKETS, `metaorders` for those that take orders (if any, the
    generated one).

    ValueError if a frame is empty, lasts no time, or never has a two-sided book.
    """
    tick = frames["tape"].tick_nanos
    views = {name: View(frames[name], plan, tick) for name in MARKETS}
    how = about or {}
    result = Study(
        plan, tick, {name: _described(names[name], how.get(name, ""), view) for name, view in views.items()}
    )
    three = (views["tape"], views["generated"], views["baseline"])
    chance: Iterable[np.random.Generator] = (
        np.random.default_rng([plan.seed, k]) for k in range(steps(plan) + 2)
    )
    draw = iter(chance)
    for what in _distributions(plan):
        advance(what.name)
        row, pictures = distribution.compare(what, *three, next(draw))
        result.rows.append(row)
        result.distributions[what.name] = (what, pictures)
    advance("Response")
    rows, result.responses = response.compare(*three, next(draw))
    result.rows += rows
    for quantity in _numbers(plan):
        advance(quantity.name)
        result.rows.append(number.compare(quantity, *three, next(draw)))
        result.numbers[quantity.name] = quantity
    if metaorders:
        result.metaorders = dict(metaorders)
        result.metaorder_laws = {
            name: metaorder.figures(paths, plan.draws, next(draw)) for name, paths in metaorders.items()
        }
        result.rows += metaorder.rows(
            result.metaorder_laws["generated"], result.metaorder_laws.get("baseline")
        )
    order = list(dict.fromkeys(row.family for row in result.rows))
    result.rows.sort(key=lambda row: order.index(row.family))
    advance("Shapes")
    for name, view in views.items():
        points = np.concatenate(impact.imbalance_and_return(view))
        result.impact[name] = (impact.buckets(view), impact.fit(points))
    result.shapes = {
        key: {name: shape(view) for name, view in views.items()} for key, shape in SHAPES.items()
    }
    return result


def summary(result: Study) -> dict[str, Any]:
    """The study as JSON: figures only, None where a figure is not known."""
    near, said = result.nearer
    return {
        "tick_nanos": result.tick_nanos,
        "plan": {
            name: getattr(result.plan, name)
            for name in ("blocks", "draws", "seed", "return_s", "minute_s", "coarse_s", "levels")
        },
        "markets": {
            key: {
                "name": market.name,
                "symbol": market.symbol,
                "seconds": market.seconds,
                "events": market.events,
                "market_orders": market.market_orders,
                "traded": market.traded,
                "about": market.about,
            }
            for key, market in result.markets.items()
        },
        "passed": result.count(Verdict.PASS),
        "failed": result.count(Verdict.FAIL),
        "open": result.count(Verdict.OPEN),
        "nearer_than_baseline": near,
        "compared_with_baseline": said,
        "rows": [_row(row) for row in result.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    figures = ("tape", "generated", "baseline", "distance", "baseline_distance", "wasserstein")
    return {
        "family": row.family,
        "name": row.name,
        "unit": row.unit,
        "rule": row.rule.value,
        "verdict": row.verdict.value,
        "reason": row.reason,
        **{name: _figure(getattr(row, name)) for name in (*figures, "baseline_wasserstein")},
        "allowed": _known(row.allowed),
        "wasserstein_allowed": _known(row.wasserstein_allowed),
    }


def _figure(figure: Figure) -> list[float | None]:
    return [_known(figure.value), _known(figure.low), _known(figure.high)]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _distributions(plan: Plan) -> tuple[Distribution, ...]:
    return (
        *book.distributions(plan.levels),
        *timing.DISTRIBUTIONS,
        *depth.DISTRIBUTIONS,
        *activity.distributions(plan.return_s),
    )


def _numbers(plan: Plan) -> tuple[Number, ...]:
    return (
        *activity.numbers(plan.return_s),
        *impact.numbers(plan.minute_s),
        *facts.numbers(plan.return_s, plan.minute_s, plan.coarse_s),
    )


def _described(name: str, about: str, view: View) -> Market:
    orders, trades = view.orders, np.isin(view.frame.change, (Change.MARKET, Change.HIDDEN))
    # In whole numbers: a float64 of nanoseconds since 1970 is some hundred of them off.
    times = view.start_ns + np.arange(_PATH + 1) * (view.end_ns - view.start_ns) // _PATH
    at = np.searchsorted(view.frame.time_ns, times, side="right") - 1
    mid = Line((times - view.start_ns) / 1e9, view.mid[at])
    return Market(
        name,
        view.frame.symbol,
        view.seconds,
        len(view.frame),
        int(np.isin(orders.change, (Change.MARKET, Change.HIDDEN)).sum()),
        float(view.frame.quantity[trades].sum()) / view.frame.lots_per_unit,
        about,
        mid,
    )
