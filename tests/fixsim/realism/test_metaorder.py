"""Metaorders sent into markets: into one that answers by a known law, and into a real generated one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from fixsim.flow.markets import zero_intelligence
from fixsim.flow.source import Source
from fixsim.flow.zero import Rates
from fixsim.matching import Touch
from fixsim.realism import metaorder
from fixsim.realism.blocks import UNKNOWN, Figure
from fixsim.realism.metaorder import LASTS, POINTS, Experiment, send
from fixsim.realism.verdict import Verdict

SECOND = 1_000_000_000
EXPERIMENT = Experiment(horizon_s=12.0, children=12, shares=(0.1, 0.4, 1.6), seeds=6, warm_up_s=5.0)


@dataclass
class Answering:
    """A market whose mid moves by 100 √Q ticks, Q the lots that were bought; after the end half of it goes.

    It trades 10 lots a second by itself, and its mid wanders as the seed says, whatever is sent.
    """

    seed: int
    now_ns: int = 0
    bought: int = 0
    filled: list[int] = field(default_factory=list)
    last_ns: int = 0

    def next_time_ns(self) -> int | None:
        return None

    def step_until(self, time_ns: int) -> int:
        self.filled.append(10 * (time_ns - self.now_ns) // SECOND)
        self.now_ns = time_ns
        return 1

    def disturbed(self) -> None:
        self.last_ns = self.now_ns

    def submit(self, venue: int, key: int, sign: int, px: int, qty: int, kind: object, now_ns: int) -> Any:
        assert now_ns == self.now_ns
        assert key < 0
        self.bought += sign * qty
        return type("Submitted", (), {"cancelled": 0})

    def fills(self) -> np.ndarray:
        out = np.array([(lots,) for lots in self.filled], [("qty", np.int64)])
        self.filled = []
        return out

    def changes(self) -> None:
        return None

    def best(self, venue: int) -> Touch:
        over = self.now_ns > self.last_ns + 2 * SECOND
        wander = np.random.default_rng([self.seed, self.now_ns // SECOND]).integers(-40, 40)
        mid = np.sign(self.bought) * 100 * abs(self.bought) ** 0.5 * (0.5 if over else 1) + wander
        return Touch(1_000_000 + round(2 * mid) - 1, 5, 1_000_000 + round(2 * mid) + 1, 5)


def answering(seed: int) -> Source:
    market = Answering(seed)
    return Source(cast(Any, market), cast(Any, market), 0, 10**18)


def test_the_law_of_a_market_is_found_with_the_same_seeds_wander_taken_out() -> None:
    paths = send(answering, EXPERIMENT, 3)
    assert paths.impact.shape == (3, 6, LASTS * POINTS + 1)
    assert paths.shares == pytest.approx([0.1, 0.4, 1.6], rel=0.02)
    sent = np.round(np.array([0.1, 0.4, 1.6]) * 120)
    assert paths.peak.mean(axis=1) == pytest.approx(100 * sent**0.5, rel=0.01)
    assert paths.peak.std(axis=1) == pytest.approx(0, abs=1)
    exponent, factor, left = metaorder.law(paths)
    assert exponent == pytest.approx(0.5, abs=0.03)
    assert factor == pytest.approx(100 * 120**0.5 / paths.sigma, rel=0.05)
    assert left == pytest.approx(0.5, abs=0.01)
    assert paths.unfilled == 0


def test_ticks_are_the_tapes() -> None:
    one, five = (send(answering, EXPERIMENT, 3, ratio) for ratio in (1.0, 5.0))
    assert five.impact == pytest.approx(5 * one.impact)
    assert five.sigma == pytest.approx(5 * one.sigma)


def test_progress_is_told_of_every_market() -> None:
    told: list[int] = []
    send(answering, EXPERIMENT, 3, advance=lambda: told.append(1))
    assert len(told) == EXPERIMENT.seeds * (len(EXPERIMENT.shares) + 1)


def test_the_same_seed_gives_the_same_paths_in_a_generated_market() -> None:
    rates = Rates(limit_per_s=0.2, market_per_s=0.3, cancel_per_s=0.05, lots=10, ticks=8)

    def opened(seed: int) -> Source:
        return zero_intelligence(rates, seed=seed, duration_s=100)

    experiment = Experiment(horizon_s=20.0, children=5, shares=(0.2, 2.0), seeds=4, warm_up_s=20.0)
    one, other = (send(opened, experiment, 9) for _ in range(2))
    assert (one.impact == other.impact).all()
    assert one.peak.mean(axis=1)[1] > one.peak.mean(axis=1)[0]
    assert (one.impact[:, :, 0] == 0).all()


def test_a_market_in_which_nothing_trades_is_refused() -> None:
    rates = Rates(limit_per_s=0.2, market_per_s=0.0, cancel_per_s=0.05, lots=10, ticks=8)
    with pytest.raises(ValueError, match="nothing traded"):
        send(lambda seed: zero_intelligence(rates, seed=seed, duration_s=100), EXPERIMENT, 1)


def test_rows_are_judged_by_the_literatures_ranges() -> None:
    paths = send(answering, EXPERIMENT, 3)
    found = metaorder.figures(paths, 50, np.random.default_rng(1))
    assert found[0].low <= 0.5 <= found[0].high
    exponent, left = metaorder.rows(found, None)
    assert exponent.verdict is Verdict.PASS
    assert left.verdict is Verdict.PASS
    linear = (Figure(1.0, 0.9, 1.1), Figure(1, 1, 1), Figure(0.1, 0.0, 0.2))
    exponent, left = metaorder.rows(linear, found)
    assert exponent.verdict is Verdict.FAIL
    assert exponent.baseline == found[0]
    assert left.verdict is Verdict.FAIL
    assert metaorder.rows((UNKNOWN, UNKNOWN, UNKNOWN), None)[0].verdict is Verdict.FAIL
