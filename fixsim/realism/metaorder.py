"""The square-root law of impact where metaorders can be sent: into the generated market, and how it decays.

A metaorder of Q lots is sent as equal market orders over a time T, its child orders evenly spaced, and the
mid is followed until 3 T. The same seed runs once without it: the difference, signed by the metaorder's
side and averaged over seeds (half buy, half sell), is its impact. Peak impact over sigma (the deviation of
the mid's change over T) is fitted to Y (Q / V)^delta over several Q, V being the mean volume traded in T
without it. After T the difference relaxes; what is left at 3 T, over the peak, is the share that stays.

Ranges, from the literature: delta 0.4 to 0.7 (Tóth et al. 2011, Anomalous price impact; Almgren et al.
2005; Bucci et al. 2018), and a share between 0.3 and 1 left soon after the end (Zarinelli et al. 2015;
Bucci et al. 2018 find two thirds at the end of the day). No tape that is used here says what a metaorder
is, so these rows have no tape value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.source import Source
from fixsim.matching.terms import Kind
from fixsim.realism.blocks import UNKNOWN, Figure, interval
from fixsim.realism.distance import Floats
from fixsim.realism.impact import FAMILY, fit
from fixsim.realism.verdict import Row, Rule, in_range
from fixsim.realism.view import NANOS

EXPONENT_RANGE = (0.4, 0.7)
LEFT_RANGE = (0.3, 1.0)
POINTS = 12
"""Readings of the mid in each T."""
LASTS = 3
"""Times T that the mid is followed."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """How metaorders are sent."""

    horizon_s: float = 300.0
    children: int = 30
    shares: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4)
    """Q / V of each size tried."""
    seeds: int = 192
    warm_up_s: float = 300.0
    draws: int = 400


@dataclass(frozen=True, slots=True)
class Paths:
    """What came out."""

    times: Floats
    """[points] in units of T"""
    shares: Floats
    """[sizes] Q / V as it was sent (whole lots)"""
    impact: Floats
    """[sizes, seeds, points] ticks, signed by the metaorder's side"""
    sigma: float
    """Ticks: deviation of the mid's change over T without metaorders."""
    unfilled: float
    """The share of the lots sent that found no liquidity."""

    @property
    def peak(self) -> Floats:
        """[sizes, seeds] ticks, at T."""
        return self.impact[:, :, POINTS]

    @property
    def left(self) -> Floats:
        """[sizes, seeds] ticks, at the end."""
        return self.impact[:, :, -1]


def send(
    open_market: Callable[[int], Source],
    experiment: Experiment,
    seed: int,
    tick_ratio: float = 1.0,
    advance: Callable[[], object] = lambda: None,
) -> Paths:
    """Run it: seeds x (sizes + 1) markets; `advance` is called after each.

    `tick_ratio` is the market's tick in ticks of the tape. ValueError if nothing trades in it.
    """
    control, traded = [], []
    for k in range(experiment.seeds):
        path, volume, _ = _run(open_market(seed + k), experiment, 0, 0)
        control.append(path)
        traded.append(volume)
        advance()
    without, mean = np.array(control) * tick_ratio, float(np.mean(traded)) / LASTS
    if mean <= 0:
        raise ValueError(
            f"nothing traded in {experiment.seeds} markets: there is no volume to size metaorders by"
        )
    sizes = [max(round(share * mean), 1) for share in experiment.shares]
    paths, asked, unfilled = [], 0, 0
    for lots in sizes:
        moved = []
        for k in range(experiment.seeds):
            sign = 1 if k % 2 == 0 else -1
            path, _, missed = _run(open_market(seed + k), experiment, sign, lots)
            moved.append(sign * (path * tick_ratio - without[k]))
            asked, unfilled = asked + lots, unfilled + missed
            advance()
        paths.append(moved)
    ends = without[:, ::POINTS]
    sigma = float(np.diff(ends, axis=1).std())
    return Paths(
        np.arange(LASTS * POINTS + 1) / POINTS,
        np.array(sizes) / mean,
        np.array(paths),
        sigma,
        unfilled / asked,
    )


def _run(source: Source, experiment: Experiment, sign: int, lots: int) -> tuple[Floats, int, int]:
    """The mid's path from the start of the metaorder (0 there), the volume traded since, the lots
    unfilled."""
    market, flow = source.market, source.flow
    begin = source.start_ns + int(experiment.warm_up_s * NANOS)
    step = int(experiment.horizon_s * NANOS) // POINTS
    spacing = int(experiment.horizon_s * NANOS) // experiment.children
    cuts = np.diff(np.round(np.linspace(0, lots, experiment.children + 1)).astype(np.int64))
    flow.step_until(begin)
    mid = _mid(source, 0.0)
    # At one time the mid is read first: at the start it is what it was before the first child.
    reads = [(begin + k * step, 0, 0) for k in range(LASTS * POINTS + 1)]
    sends = [(begin + k * spacing, 1, int(cut)) for k, cut in enumerate(cuts) if sign and cut]
    path, volume, unfilled = [], 0, 0
    market.fills(), market.changes()
    for number, (time_ns, sending, cut) in enumerate(sorted(reads + sends)):
        flow.step_until(time_ns)
        if sending:
            done = market.submit(0, -1 - number, sign, 0, cut, Kind.MARKET, time_ns)
            unfilled += done.cancelled
            flow.disturbed()
        else:
            mid = _mid(source, mid)
            path.append(mid)
        volume += int(market.fills()["qty"].sum())
        market.changes()
    return np.array(path) - path[0], volume, unfilled


def _mid(source: Source, last: float) -> float:
    """Ticks; the last there was, where a side is empty."""
    touch = source.market.best(0)
    return (touch.bid_px + touch.ask_px) / 4 if touch.bid_px and touch.ask_px else last


def law(paths: Paths, picks: NDArray[np.int64] | None = None) -> tuple[float, float, float]:
    """Exponent and factor of peak impact over sigma against Q / V, and the share left at the end.

    The fit is `impact.fit` to all runs; the share is of the largest size, which stands out best from noise;
    nan where its mean peak is not above zero. `picks` are the seeds to read, for the bootstrap.
    """
    peak, left = (x if picks is None else x[:, picks] for x in (paths.peak, paths.left))
    if paths.sigma <= 0 or peak[-1].mean() <= 0:
        return np.nan, np.nan, np.nan
    share = np.repeat(paths.shares, peak.shape[1])
    fitted = fit(np.stack((share, peak.ravel() / paths.sigma), axis=1))
    return fitted.exponent, fitted.factor, float(left[-1].mean() / peak[-1].mean())


def figures(paths: Paths, draws: int, rng: np.random.Generator) -> tuple[Figure, Figure, Figure]:
    """Exponent, factor and share left, with intervals: seeds are drawn anew."""
    seeds = paths.impact.shape[1]
    picks = rng.integers(0, seeds, size=(draws, seeds))
    drawn = np.array([law(paths, pick) for pick in picks])
    value = law(paths)
    exponent, factor, left = (
        Figure(value[k], *interval(drawn[:, k])) if np.isfinite(value[k]) else UNKNOWN for k in range(3)
    )
    return exponent, factor, left


def rows(
    generated: tuple[Figure, Figure, Figure], baseline: tuple[Figure, Figure, Figure] | None
) -> list[Row]:
    """The two rows of the scoreboard."""
    out = []
    for name, k, limits in (
        ("Metaorders: exponent of impact", 0, EXPONENT_RANGE),
        ("Metaorders: share of the peak left", 2, LEFT_RANGE),
    ):
        verdict, reason = in_range(generated[k], limits)
        out.append(
            Row(
                family=FAMILY,
                name=name,
                unit="",
                rule=Rule.RANGE,
                tape=UNKNOWN,
                generated=generated[k],
                baseline=UNKNOWN if baseline is None else baseline[k],
                verdict=verdict,
                reason=reason,
                limits=limits,
                note="metaorders sent into the market",
            )
        )
    return out
