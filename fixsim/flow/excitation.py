"""When things happen: a multivariate Hawkes process with exponential kernels, simulated exactly, and fitted.

Component d has the intensity

    base_d  +  sum over earlier events k of  units_k / mean * sum_m mass[m, d, side_k, event_k] * decay_m
               * exp(-decay_m * (t - t_k))

so that an event of type (side, event) and mean size has on average `mass` children in component d, over all
m. It is stationary when the matrix of those numbers has a spectral radius (the branching ratio) below 1;
marks that depend on the book are covered by asking it of the largest over the events' types.

Given the past, the base and each exponential term are Poisson processes of their own, so the next event is
the earliest of their next points, each drawn by inversion (Dassios and Zhao 2013): no thinning, no grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.flow.model import EVENTS, SIDES, Model
from fixsim.flow.rng import Generator, exponential
from fixsim.matching.kernel import kernel

NEVER_S = 1e18


@dataclass(frozen=True, slots=True)
class Timing:
    """The arrivals at the two sides of a book. ValueError if they do not settle, or cannot be."""

    base: NDArray[np.float64]
    """[side]: arrivals a second that nothing excites."""
    decay: NDArray[np.float64]
    """[m]: per second."""
    mass: NDArray[np.float64]
    """[m, side to, side from, event from]: children of one event of mean size."""
    mean_units: float = 1.0
    """Mean size of an event in average event sizes; sizes are geometric, 1 and up."""

    def __post_init__(self) -> None:
        terms = len(self.decay)
        if self.base.shape != (SIDES,) or self.mass.shape != (terms, SIDES, SIDES, EVENTS) or not terms:
            raise ValueError(
                f"base {self.base.shape}, decay {self.decay.shape}, mass {self.mass.shape}:"
                f" must be [{SIDES}], [m], [m, {SIDES}, {SIDES}, {EVENTS}]"
            )
        for name in ("base", "decay", "mass"):
            values = getattr(self, name)
            if not (np.isfinite(values) & (values >= 0)).all():
                raise ValueError(f"{name}: must be finite and not below zero")
        if not (self.decay > 0).all():
            raise ValueError("decay: must be above zero")
        if not self.base.sum() > 0:
            raise ValueError("base: must be above zero on one side at least, or nothing ever happens")
        if not 1 <= self.mean_units <= 1000:
            raise ValueError(f"mean_units = {self.mean_units}: must be 1 to 1000")
        if not self.branching < 1:
            raise ValueError(
                f"branching ratio {self.branching:.4f} (spectral radius of mass, over its largest events):"
                " must be below 1, or arrivals grow without end"
            )

    @property
    def branching(self) -> float:
        """The spectral radius that stationarity asks to be below 1."""
        return spectral_radius(self.mass.sum(axis=0).max(axis=2))

    def rates(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """[side]: mean arrivals a second, where events are of the types [side, event] in these shares."""
        children = (self.mass.sum(axis=0) * shares[None]).sum(axis=2)
        found: NDArray[np.float64] = np.linalg.solve(np.eye(SIDES) - children, self.base)
        return found

    @classmethod
    def like(
        cls,
        model: Model,
        *,
        branching: float,
        decay: tuple[float, ...] = (1.0, 10.0, 100.0),
        cross: float = 0.2,
        mean_units: float = 1.0,
    ) -> Timing:
        """Arrivals as many as `model` has where its queues have their invariant distribution.

        A share `cross` of an event's children comes to the other side; the terms of `decay` (per second)
        have equal masses, and all events excite alike.
        """
        if not 0 <= cross <= 1:
            raise ValueError(f"cross = {cross}: must be 0 to 1")
        if not 0 <= branching < 1:
            raise ValueError(f"branching = {branching}: must be 0 or more and below 1")
        rate = np.einsum("kn,knse->s", model.invariant, model.intensity)
        children = branching * np.array([[1 - cross, cross], [cross, 1 - cross]])
        return cls(
            base=np.maximum((np.eye(SIDES) - children) @ rate, 0.0),
            decay=np.array(decay, np.float64),
            mass=np.repeat(children[None, :, :, None], EVENTS, axis=3).repeat(len(decay), axis=0)
            / len(decay),
            mean_units=mean_units,
        )


def spectral_radius(matrix: NDArray[np.float64]) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())


class Excitation(NamedTuple):
    """A Timing as the kernels read it, and its state."""

    base: NDArray[np.float64]
    decay: NDArray[np.float64]
    jump: NDArray[np.float64]
    """[m, side to, side from, event from]: what an event of one unit adds to an intensity."""
    now: NDArray[np.float64]
    """[m, side]: what is left of all that past events have added."""
    mean_units: float


def excitation(timing: Timing) -> Excitation:
    """At a time before which nothing happened."""
    return Excitation(
        base=timing.base.copy(),
        decay=timing.decay.copy(),
        jump=np.ascontiguousarray(timing.mass * timing.decay[:, None, None, None] / timing.mean_units),
        now=np.zeros((len(timing.decay), SIDES)),
        mean_units=timing.mean_units,
    )


@kernel
def next_arrival(rng: Generator, state: Excitation) -> tuple[float, int]:
    """Seconds from now until the next event, and its side; the state is as after the last one."""
    wait, side = NEVER_S, 0
    for d in range(state.base.shape[0]):
        if state.base[d] > 0.0:
            after = exponential(rng) / state.base[d]
            if after < wait:
                wait, side = after, d
    for m in range(state.decay.shape[0]):
        for d in range(state.base.shape[0]):
            if state.now[m, d] <= 0.0:
                continue
            spent = exponential(rng) * state.decay[m] / state.now[m, d]
            if spent < 1.0:
                after = -math.log1p(-spent) / state.decay[m]
                if after < wait:
                    wait, side = after, d
    return wait, side


@kernel
def fade(state: Excitation, seconds: float) -> None:
    """So much time went by."""
    for m in range(state.decay.shape[0]):
        left = math.exp(-state.decay[m] * seconds)
        for d in range(state.now.shape[1]):
            state.now[m, d] *= left


@kernel
def excite(state: Excitation, side: int, event: int, units: int) -> None:
    """An event happened now."""
    for m in range(state.decay.shape[0]):
        for d in range(state.now.shape[1]):
            state.now[m, d] += state.jump[m, d, side, event] * units


@kernel
def intensity(state: Excitation, side: int) -> float:
    """Events a second of a side, now."""
    total = state.base[side]
    for m in range(state.decay.shape[0]):
        total += state.now[m, side]
    return float(total)
