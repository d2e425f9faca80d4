"""Poisson numbers have their law, and environments their own streams."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fixsim.flow.draws import poisson, streams


@pytest.mark.parametrize("mean", [0.0, 0.3, 9.9, 10.1, 60.0, 381.5])
def test_poisson_numbers_have_their_law(mean: float) -> None:
    rng, n = streams(3, 1)[0], 60_000
    drawn = np.array([poisson(rng, mean) for _ in range(n)])
    most = int(mean + 8 * math.sqrt(mean) + 2)
    assert drawn.min() >= 0
    assert drawn.max() <= most
    log_mean = math.log(mean) if mean else 0.0
    chances = [math.exp(k * log_mean - mean - math.lgamma(k + 1)) for k in range(most + 1)]
    law = np.array(chances if mean else [1.0] + [0.0] * most)
    # Kolmogorov's statistic; 1.95 is exceeded once in a thousand times, less often by whole numbers.
    gap = np.abs(np.cumsum(np.bincount(drawn, minlength=most + 1) / n) - np.cumsum(law)).max()
    assert gap * math.sqrt(n) < 1.95


def test_an_environment_s_stream_does_not_depend_on_how_many_there_are() -> None:
    assert np.array_equal(streams(5, 8)[:3], streams(5, 3))
    assert len({tuple(row) for row in np.concatenate([streams(5, 8), streams(6, 8)])}) == 16
