"""Impact: by how much prices answer to participants' trading, beyond what their orders consume.

What is consumed is gone from the book at once; that is the engine's. Beyond that, prices respond to volume,
by a transient and concave law that is measured in every market but calibrated tightly in none:

    I = Y · sigma · sign(Q) · (|Q| / V) ^ beta

Y is of the order of 1, sigma the volatility and V the volume of one and the same period (a day, say), Q the
participants' signed volume, each lot of it fading with a half-life. The power acts on the faded sum (Alfonsi
and Schied 2010): a power on each child order with exponential decay can be gamed, and punishes slicing. beta
is drawn for each episode, evenly from a range (0.4 to 0.7): results belong to the range, not to a value.

How it moves recorded prices. At the moment when a recorded order arrives, its price is moved by the response
at that moment, in whole ticks; orders that rest already stay where they are, and a resting order never
moves. The sides do not move alike; fixsim/matching/shift.py says why, and what follows for round trips.
Cancels name their order, wherever it stands. In a recording of orders (Coinbase) the prices are those of
limit orders, also of one that traded at once there and now may rest first; market orders have none. In a
recording of a window (LOBSTER) they are the prices of orders added and of levels that come into view, and
the limits of the takers whose executions are recorded. Such a taker goes on to the recorded order that it
met, if that has moved further, but never to a participant, who would earn by having moved it; lots that meet
nobody are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from fixsim.chance import Chance
from fixsim.matching.shift import Response

_STREAM = 0x1A9AC7


@dataclass(frozen=True, slots=True)
class Impact:
    """The law, up to beta."""

    y: float
    volatility: float
    """Share of the price, over the period of `volume_lots`."""
    volume_lots: float
    half_life_s: float
    beta_low: float = 0.4
    beta_high: float = 0.7

    def __post_init__(self) -> None:
        for name in ("y", "volatility", "volume_lots", "half_life_s", "beta_low"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Impact.{name} {getattr(self, name)} is not positive")
        if not self.beta_low <= self.beta_high <= 1:
            raise ValueError(
                f"Impact.beta_high {self.beta_high} is not within beta_low, {self.beta_low}, and 1"
            )

    def drawn(self, seed: int, px: int, *, episode: int = 0) -> Response:
        """The response of one episode, around a price in half ticks. Equal seeds draw equal betas."""
        share = Chance(seed, _STREAM, episode).uniform()
        return self.of_beta(self.beta_low + share * (self.beta_high - self.beta_low), px)

    def of_beta(self, beta: float, px: int) -> Response:
        """The response for one beta, around a price in half ticks."""
        return Response(
            scale_px=self.y * self.volatility * px,
            volume_lots=self.volume_lots,
            beta=beta,
            half_life_ns=self.half_life_s * 1e9,
        )
