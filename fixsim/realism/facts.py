"""The stylised facts of asset returns, as far as one recording shows them.

They are those of Cont, Empirical properties of asset returns (Quantitative Finance 1, 2001), and the memory
of order signs (Lillo and Farmer, 2004). Returns are changes of the mid in ticks over windows of time;
correlations use pairs within one block, so that blocks can be drawn anew.

What one day cannot say: anything slower than some minutes (decay of volatility's autocorrelation over
days, Taylor effect, conditional tails after a fitted volatility model, asymmetry between coarse and fine
volatility); and gain-loss asymmetry and leverage are mostly noise in it. Such rows come out OPEN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fixsim.realism.activity import traded
from fixsim.realism.blocks import block_of
from fixsim.realism.distance import Floats
from fixsim.realism.number import Number
from fixsim.realism.verdict import Rule
from fixsim.realism.view import View
from fixsim.tape.frame import Change

FAMILY = "Stylised facts"
HILL_SHARE = 0.05
"""The share of the largest absolute returns that the Hill index reads."""
CLUSTER_LAGS = 30
LEVERAGE_LAGS = 10
SIGN_LAGS = 20
LARGE = 3.0
"""Robust standard deviations beyond which a return counts as a burst."""

Blocks = Sequence[Floats]


# -- series -------------------------------------------------------------------------------------------------


def short_returns(view: View) -> Blocks:
    return view.in_blocks(view.returns(view.plan.return_s), view.window_block(view.plan.return_s))


def minute_returns(view: View) -> Blocks:
    return view.in_blocks(view.returns(view.plan.minute_s), view.window_block(view.plan.minute_s))


def returns_with_volume(view: View) -> Blocks:
    """By block: [windows, 2] return and volume of each minute."""
    seconds = view.plan.minute_s
    both = np.stack((view.returns(seconds), traded(view, seconds)), axis=1)
    return view.in_blocks(both, view.window_block(seconds))


def signs(view: View) -> Blocks:
    """By block: +1 for each market order that bought, -1 for each that sold, in order."""
    orders = view.orders
    chosen = (orders.change == Change.MARKET) & (orders.side != 0)
    rows = orders.first[chosen]
    block = block_of(view.frame.time_ns[rows], view.start_ns, view.end_ns, view.plan.blocks)
    return view.in_blocks(-orders.side[chosen].astype(np.float64), block)


# -- statistics ---------------------------------------------------------------------------------------------


def autocorrelation(series: Blocks, lags: NDArray[np.int64] | Sequence[int]) -> Floats:
    """[lags]: the autocorrelation over pairs within one block; nan without pairs, or if nothing varies."""
    pooled = np.concatenate(series)
    if not len(pooled):
        return np.full(len(lags), np.nan)
    mean, variance = pooled.mean(), pooled.var()
    sums, pairs = np.zeros(len(lags)), np.zeros(len(lags))
    for values in series:
        centred = values - mean
        for k, lag in enumerate(lags):
            if lag < len(centred):
                sums[k] += centred[:-lag] @ centred[lag:]
                pairs[k] += len(centred) - lag
    known = (pairs > 0) & (variance > 0)
    out = np.full(len(lags), np.nan)
    np.divide(sums, pairs * variance, out=out, where=known)
    return out


def first_autocorrelation(series: Blocks) -> float:
    return float(autocorrelation(series, (1,))[0])


def clustering(series: Blocks, lags: int = CLUSTER_LAGS) -> float:
    """The mean autocorrelation of absolute returns over the first lags (that blocks are long enough for)."""
    return _mean_of_known(autocorrelation([np.abs(x) for x in series], range(1, lags + 1)))


def memory(series: Blocks, lags: int = SIGN_LAGS) -> float:
    """The mean autocorrelation over the first lags."""
    return _mean_of_known(autocorrelation(series, range(1, lags + 1)))


def _mean_of_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def deviation(series: Blocks) -> float:
    return float(np.concatenate(series).std())


def excess_kurtosis(series: Blocks) -> float:
    """Fourth central moment over the squared variance, less 3: 0 for the normal distribution."""
    centred = np.concatenate(series)
    centred = centred - centred.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**4) / variance**2 - 3) if variance > 0 else np.nan


def hill_index(series: Blocks) -> float:
    """Hill's (1975) tail index of the largest 5 % of absolute values: P(|r| > x) ~ x^-index."""
    ordered = np.sort(np.abs(np.concatenate(series)))
    k = int(HILL_SHARE * len(ordered))
    if k < 5 or ordered[-k - 1] <= 0:
        return np.nan
    logs = np.log(ordered[-k:] / ordered[-k - 1])
    return float(1 / logs.mean()) if logs.mean() > 0 else np.nan


def l_ratios(values: Floats) -> tuple[float, float]:
    """L-skewness and L-kurtosis (Hosking 1990), in (-1, 1): of the normal distribution 0 and 0.1226."""
    n = len(values)
    if n < 8 or np.ptp(values) == 0:
        return np.nan, np.nan
    x, i = np.sort(values), np.arange(n, dtype=np.float64)
    b0 = x.mean()
    b1 = np.mean(x * i / (n - 1))
    b2 = np.mean(x * i * (i - 1) / ((n - 1) * (n - 2)))
    b3 = np.mean(x * i * (i - 1) * (i - 2) / ((n - 1) * (n - 2) * (n - 3)))
    l2, l3, l4 = 2 * b1 - b0, 6 * b2 - 6 * b1 + b0, 20 * b3 - 30 * b2 + 12 * b1 - b0
    return float(l3 / l2), float(l4 / l2)


def gain_loss(series: Blocks) -> float:
    """L-skewness of returns: below zero where losses are larger than gains."""
    return l_ratios(np.concatenate(series))[0]


def aggregational_gaussianity(series: Blocks, factor: int) -> float:
    """L-kurtosis of returns less that of sums of `factor` of them: above zero where sums are thinner."""
    return l_ratios(np.concatenate(series))[1] - l_ratios(np.concatenate(_sums_of(series, factor)))[1]


def variance_ratio(series: Blocks, factor: int) -> float:
    """The variance of sums of `factor` returns over `factor` times theirs (Lo and MacKinlay 1988).

    1 for a random walk, less where moves are undone: the slope of the signature plot.
    """
    sums = np.concatenate(_sums_of(series, factor))
    variance = np.concatenate(series).var()
    return float(sums.var() / (factor * variance)) if variance > 0 and len(sums) > 1 else np.nan


def _sums_of(series: Blocks, factor: int) -> list[Floats]:
    """By block: sums of `factor` values each; what is left over at a block's end is left out."""
    return [x[: len(x) // factor * factor].reshape(-1, factor).sum(axis=1) for x in series]


def volume_volatility(series: Blocks) -> float:
    """Spearman's rank correlation of absolute return and volume of the same window."""
    both = np.concatenate(series)
    change, volume = np.abs(both[:, 0]), both[:, 1]
    if len(both) < 5 or np.ptp(change) == 0 or np.ptp(volume) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(change), rankdata(volume))[0, 1])


def leverage(series: Blocks, lags: int = LEVERAGE_LAGS) -> float:
    """The mean correlation of a return with the squared returns that follow it."""
    pooled = np.concatenate(series)
    if len(pooled) < 2 or pooled.std() == 0:
        return np.nan
    mean, square = pooled.mean(), np.mean(pooled**2)
    scale = pooled.std() * (pooled**2).std()
    sums = pairs = 0.0
    for values in series:
        for lag in range(1, min(lags, len(values) - 1) + 1):
            sums += float((values[:-lag] - mean) @ (values[lag:] ** 2 - square))
            pairs += len(values) - lag
    return sums / pairs / scale if pairs and scale > 0 else np.nan


def bursts(series: Blocks) -> float:
    """The Fano factor (variance over mean) of the number of large returns in each block.

    1 if they come independently of each other, more where they come in bursts. Large: beyond three robust
    deviations.
    """
    pooled = np.abs(np.concatenate(series))
    limit = LARGE * 1.4826 * float(np.median(pooled)) if len(pooled) else np.nan
    counts = np.array([np.sum(np.abs(values) > limit) for values in series if len(values)], np.float64)
    return float(counts.var(ddof=1) / counts.mean()) if len(counts) > 1 and counts.mean() > 0 else np.nan


# -- the rows -----------------------------------------------------------------------------------------------


def numbers(return_s: float, minute_s: float, coarse_s: float) -> tuple[Number, ...]:
    """The family, at these windows (seconds)."""
    factor = max(int(coarse_s / return_s), 2)
    short, middle, long = f"{return_s:g} s", f"{minute_s:g} s", f"{factor * return_s:g} s"

    def row(
        name: str,
        unit: str,
        rule: Rule,
        how: str,
        series: Callable[[View], Blocks],
        statistic: Callable[[Blocks], float],
        null: float = np.nan,
    ) -> Number:
        return Number(FAMILY, name, unit, rule, how, series, statistic, null)

    return (
        row(
            "Volatility",
            "ticks",
            Rule.SAME,
            f"Standard deviation of {short} returns.",
            short_returns,
            deviation,
        ),
        row(
            f"No autocorrelation, {short}",
            "",
            Rule.SAME,
            f"First autocorrelation of {short} returns.",
            short_returns,
            first_autocorrelation,
        ),
        row(
            f"No autocorrelation, {middle}",
            "",
            Rule.SAME,
            f"First autocorrelation of {middle} returns.",
            minute_returns,
            first_autocorrelation,
        ),
        row(
            "Variance ratio",
            "",
            Rule.SAME,
            f"Variance of {long} over that of {short} returns, by the ratio of the times; 1: random walk.",
            short_returns,
            partial(variance_ratio, factor=factor),
        ),
        row(
            "Heavy tails: excess kurtosis",
            "",
            Rule.FACT,
            f"Of {short} returns; 0: normal.",
            short_returns,
            excess_kurtosis,
            0.0,
        ),
        row(
            "Heavy tails: Hill index",
            "",
            Rule.SAME,
            f"Tail index of the largest 5 % of absolute {short} returns.",
            short_returns,
            hill_index,
        ),
        row(
            "Aggregational Gaussianity",
            "",
            Rule.FACT,
            f"L-kurtosis of {short} returns less that of {long} returns.",
            short_returns,
            partial(aggregational_gaussianity, factor=factor),
            0.0,
        ),
        row(
            "Volatility clustering",
            "",
            Rule.FACT,
            f"Mean autocorrelation of absolute {short} returns over lags 1 to {CLUSTER_LAGS}.",
            short_returns,
            clustering,
            0.0,
        ),
        row(
            "Intermittency",
            "",
            Rule.FACT,
            f"Variance over mean of the count of {short} returns beyond three robust deviations in a block;"
            " 1: independent.",
            short_returns,
            bursts,
            1.0,
        ),
        row(
            "Volume and volatility",
            "",
            Rule.FACT,
            f"Rank correlation of absolute return and volume over {middle}.",
            returns_with_volume,
            volume_volatility,
            0.0,
        ),
        row(
            "Gain-loss asymmetry",
            "",
            Rule.FACT,
            f"L-skewness of {middle} returns.",
            minute_returns,
            gain_loss,
            0.0,
        ),
        row(
            "Leverage",
            "",
            Rule.FACT,
            f"Mean correlation of a {short} return with the squares of the next {LEVERAGE_LAGS}.",
            short_returns,
            leverage,
            0.0,
        ),
        row(
            "Memory of order signs",
            "",
            Rule.FACT,
            f"Mean autocorrelation of market orders' signs over lags 1 to {SIGN_LAGS}.",
            signs,
            memory,
            0.0,
        ),
    )
