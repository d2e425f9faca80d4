"""A Hawkes process from what was seen of it: maximum likelihood, by expectation and maximisation.

Decays are given; base rates and masses are found. With the decays fixed the likelihood is concave, and each
round of EM (Lewis and Mohler 2011) raises it: an event is divided over what may have caused it, and causes
are what was divided to them. Sums over the past run along with time, so that a round costs events x terms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.excitation import spectral_radius
from fixsim.matching.kernel import kernel


class Fit(NamedTuple):
    """What was found, of D components."""

    base: NDArray[np.float64]
    """[D] events a second"""
    mass: NDArray[np.float64]
    """[m, D to, D from] children of one event"""
    log_likelihood: float
    rounds: int

    @property
    def branching(self) -> float:
        return spectral_radius(self.mass.sum(axis=0))


def fit(
    seconds: NDArray[np.float64],
    component: NDArray[np.int64],
    until_s: float,
    decay: NDArray[np.float64],
    *,
    rounds: int = 2_000,
    tolerance: float = 1e-9,
) -> Fit:
    """Events at `seconds` (rising, from 0 to `until_s`) in components 0 to D - 1; `decay` [m] per second.

    It stops when a round raises the log-likelihood by less than `tolerance` of its size. ValueError for
    times that fall or lie outside, or for a component without events.
    """
    if len(seconds) != len(component) or not len(seconds):
        raise ValueError(f"{len(seconds)} times and {len(component)} components: must be as many, and some")
    if (np.diff(seconds) < 0).any() or seconds[0] < 0 or seconds[-1] > until_s:
        raise ValueError(f"times must rise and lie within 0 to {until_s} s")
    if not len(decay) or not (decay > 0).all():
        raise ValueError("decay: must be above zero")
    counts = np.bincount(component)
    if not counts.all():
        raise ValueError(f"component {int(np.argmin(counts))} has no events")
    n = len(counts)
    base = counts / until_s / 2
    mass = np.full((len(decay), n, n), 0.5 / n / len(decay))
    seen = np.zeros((len(decay), n))
    for m, rate in enumerate(decay):
        np.add.at(seen[m], component, 1 - np.exp(-rate * (until_s - seconds)))
    caused = np.zeros_like(mass)
    arisen = np.zeros(n)
    past = np.zeros((len(decay), n))
    likelihood = -math.inf
    last, done = -math.inf, 0
    for _ in range(rounds):
        done += 1
        logs = _share(seconds, component, decay, base, mass, arisen, caused, past)
        likelihood = logs - float(base.sum()) * until_s - float((mass * seen[:, None, :]).sum())
        base, mass = arisen / until_s, caused / np.maximum(seen[:, None, :], 1e-300)
        if likelihood - last < tolerance * abs(likelihood):
            break
        last = likelihood
    return Fit(base, mass, likelihood, done)


@kernel
def _share(
    seconds: NDArray[np.float64],
    component: NDArray[np.int64],
    decay: NDArray[np.float64],
    base: NDArray[np.float64],
    mass: NDArray[np.float64],
    arisen: NDArray[np.float64],
    caused: NDArray[np.float64],
    past: NDArray[np.float64],
) -> float:
    """Divide each event over its possible causes; the sum of the logarithms of the intensities."""
    arisen[:] = 0.0
    caused[:] = 0.0
    past[:] = 0.0
    total = 0.0
    terms, n = past.shape
    for i in range(seconds.shape[0]):
        d = component[i]
        if i > 0:
            for m in range(terms):
                left = math.exp(-decay[m] * (seconds[i] - seconds[i - 1]))
                past[m, component[i - 1]] += decay[m]
                for j in range(n):
                    past[m, j] *= left
        rate = base[d]
        for m in range(terms):
            for j in range(n):
                rate += mass[m, d, j] * past[m, j]
        total += math.log(rate)
        arisen[d] += base[d] / rate
        for m in range(terms):
            for j in range(n):
                caused[m, d, j] += mass[m, d, j] * past[m, j] / rate
    return total


def warm() -> None:
    """Compile the kernel."""
    fit(np.array([1.0, 2.0]), np.array([0, 1]), 3.0, np.array([1.0]), rounds=1)
