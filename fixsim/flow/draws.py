"""Random numbers for many environments at once: a generator each, and the draws that only they need.

The generator itself is rng.py's; a row of `streams` is one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.rng import Generator, generator, uniform
from fixsim.matching.kernel import cold

Streams = NDArray[np.uint64]
"""[n, 4]: a Generator a row."""

_FEW = 10.0


def streams(seed: int, count: int) -> Streams:
    """uint64[count, 4]: independent generators of one seed; the first ones do not depend on `count`."""
    return np.stack([generator(seed, e) for e in range(count)])


@cold
def poisson(rng: Generator, mean: float) -> int:
    """A Poisson number, from a mean of 10 by Hörmann's PTRS (1993), below by products."""
    if mean < _FEW:
        floor, product, count = math.exp(-mean), uniform(rng), 0
        while product > floor:
            product *= uniform(rng)
            count += 1
        return count
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accept = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(rng) - 0.5
        v = uniform(rng)
        us = 0.5 - abs(u)
        if us <= 0.0:
            continue
        k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= accept:
            return int(k)
        if k < 0 or v <= 0.0 or (us < 0.013 and v > us):
            continue
        weight = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if weight <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
            return int(k)


def warm() -> None:
    """Compile the draws."""
    poisson(streams(1, 1)[0], 1.0)
