"""Hawkes-timed flow: the process itself against its theory, and what it does in a market."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fixsim.flow import excitation as hawkes
from fixsim.flow.excitation import Timing
from fixsim.flow.hawkes import Hawkes
from fixsim.flow.hawkes_fit import fit
from fixsim.flow.markets import START_PX
from fixsim.flow.markets import hawkes as hawkes_market
from fixsim.flow.model import load_model
from fixsim.flow.record import Listing, record
from fixsim.flow.rng import generator, geometric
from fixsim.matching import SMALL, Kind, Market
from fixsim.tape.frame import Change

S = 1_000_000_000
NEVER = 1 << 62
MODEL = load_model()


def timing(*, types: tuple[float, float, float] = (1.0, 1.0, 1.0), mean_units: float = 1.0) -> Timing:
    """Two terms; the sides differ, and so may the types."""
    children = np.array([[[0.3, 0.1], [0.05, 0.2]], [[0.2, 0.1], [0.15, 0.25]]])
    return Timing(
        base=np.array([0.6, 0.9]),
        decay=np.array([0.5, 8.0]),
        mass=children[:, :, :, None] * np.array(types),
        mean_units=mean_units,
    )


def simulate(
    rule: Timing, seconds: float, seed: int, event: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, sides, and the compensator between events, of a process whose events are all of one type."""
    rng, state = generator(seed), hawkes.excitation(rule)
    times, sides, spent, now = [], [], [], 0.0
    while True:
        wait, side = hawkes.next_arrival(rng, state)
        now += wait
        if now > seconds:
            return np.array(times), np.array(sides), np.array(spent)
        gone = (1 - np.exp(-state.decay * wait)) / state.decay
        spent.append(state.base.sum() * wait + float((state.now.sum(axis=1) * gone).sum()))
        hawkes.fade(state, wait)
        hawkes.excite(state, side, event, geometric(rng, rule.mean_units))
        times.append(now)
        sides.append(side)


def test_the_time_between_events_is_what_the_intensity_says() -> None:
    """By the time change, the compensator's increments are exponential with mean 1 and independent."""
    _, _, spent = simulate(timing(mean_units=3.0), 6_000.0, seed=1)
    n = len(spent)
    assert n > 10_000
    assert abs(spent.mean() - 1) < 4 / math.sqrt(n)
    sorted_ = np.sort(1 - np.exp(-spent))
    assert np.abs(sorted_ - np.arange(1, n + 1) / n).max() < 1.63 / math.sqrt(n), "Kolmogorov, 1 %"
    lagged = np.corrcoef(spent[:-1], spent[1:])[0, 1]
    assert abs(lagged) < 4 / math.sqrt(n)


def test_rates_and_branching_ratio_come_back_from_the_events() -> None:
    rule, seconds = timing(), 12_000.0
    times, sides, _ = simulate(rule, seconds, seed=2)
    expected = rule.rates(np.array([[1.0, 0, 0], [1.0, 0, 0]]))
    counts = np.bincount(sides)
    # Counts of a Hawkes process spread by (1 - children)^-1 on either side of their rates.
    spread = np.linalg.inv(np.eye(2) - rule.mass.sum(axis=0)[..., 0])
    deviation = np.sqrt(np.diag(spread @ np.diag(expected) @ spread.T) * seconds)
    assert (np.abs(counts - expected * seconds) < 4 * deviation).all()
    found = fit(times, sides, seconds, rule.decay)
    assert found.branching == pytest.approx(rule.branching, abs=0.03)
    assert found.base == pytest.approx(rule.base, rel=0.12)
    assert found.mass == pytest.approx(rule.mass[..., 0], abs=0.05)
    again = fit(times, sides, seconds, rule.decay)
    assert np.array_equal(found.mass, again.mass)


def test_types_and_sizes_excite_as_they_are_told() -> None:
    rule = timing(types=(1.0, 0.0, 2.0 / 3))
    assert rule.branching == timing().branching, "of the events that excite most"
    calm, _, _ = simulate(rule, 4_000.0, seed=3, event=1)
    assert abs(len(calm) - 6_000) < 4 * math.sqrt(6_000), "cancels excite nothing here: Poisson"
    half, _, _ = simulate(rule, 4_000.0, seed=3, event=2)
    whole, _, _ = simulate(rule, 4_000.0, seed=3, event=0)
    assert len(calm) < len(half) < len(whole)
    sized, _, _ = simulate(timing(mean_units=4.0), 8_000.0, seed=4)
    expected = timing().rates(np.array([[1.0, 0, 0], [1.0, 0, 0]])).sum() * 8_000
    assert len(sized) == pytest.approx(expected, rel=0.1), "sizes are relative to their mean"


def test_what_does_not_settle_is_refused() -> None:
    rule = timing()
    with pytest.raises(ValueError, match=r"branching ratio 1\.\d+ .* must be below 1"):
        replace(rule, mass=rule.mass * 2)
    with pytest.raises(ValueError, match="branching ratio"):
        replace(rule, mass=rule.mass * np.array([0.1, 0.1, 2.0]))  # by one type's events alone
    for name, value in (
        ("base", np.array([-1.0, 1.0])),
        ("base", np.zeros(2)),
        ("decay", np.array([0.0, 1.0])),
        ("decay", np.array([math.inf, 1.0])),
        ("mass", np.zeros((1, 2, 2, 3))),
        ("mean_units", 0.5),
    ):
        with pytest.raises(ValueError, match=name):
            replace(rule, **{name: value})
    for stated in ({"branching": 1.0}, {"branching": 0.5, "cross": 1.5}):
        with pytest.raises(ValueError, match=next(reversed(stated))):
            Timing.like(MODEL, **stated)


def test_a_fit_refuses_what_is_no_record_of_events() -> None:
    decay = np.array([1.0])
    for times, sides, rule in (
        ([1.0, 0.5], [0, 0], "rise"),
        ([1.0, 20.0], [0, 0], "within"),
        ([1.0], [0, 1], "as many"),
        ([1.0], [1], "component 0 has no events"),
    ):
        with pytest.raises(ValueError, match=rule):
            fit(np.array(times), np.array(sides), 10.0, decay)
    with pytest.raises(ValueError, match="decay"):
        fit(np.array([1.0]), np.array([0]), 10.0, np.array([0.0]))


def run(seed: int, rule: Timing, venues: int = 1) -> tuple[Market, Hawkes]:
    market = Market(venues, START_PX, capacity=SMALL)
    return market, Hawkes(market, MODEL, rule, seed=seed, start_ns=0, start_px=START_PX)


LIKE = Timing.like(MODEL, branching=0.7)


def test_like_a_model_there_are_as_many_arrivals_but_in_clusters() -> None:
    frame = record(
        lambda log: hawkes_market(MODEL, LIKE, seed=1, duration_s=8_000.0, log=log),
        Listing("HAWKES", MODEL.tick_nanos),
    )
    times = np.unique(frame.time_ns) / S
    rate = float(np.einsum("kn,knse->", MODEL.invariant, MODEL.intensity))
    assert len(times) / 8_000 == pytest.approx(rate, rel=0.06)
    counts = np.histogram(times, bins=np.arange(0, 8_001, 10.0))[0]
    fano = counts.var() / counts.mean()
    assert 5 < fano < 13, "(1 - 0.7)^-2 is 11.1 over long windows; 1 would be Poisson"
    assert set(np.unique(frame.change)) == {Change.LIMIT, Change.CANCEL, Change.MARKET}


def test_the_same_seed_gives_the_same_market_however_it_is_stepped() -> None:
    (a, whole), (b, parts), (c, other) = run(7, LIKE), run(7, LIKE), run(8, LIKE)
    whole.step_until(100 * S)
    for at_ns in range(S // 3, 100 * S, S // 3):
        parts.step_until(at_ns)
        parts.disturbed()
    parts.step_until(100 * S)
    other.step_until(100 * S)
    assert whole.hands.events == parts.hands.events > 200
    assert a.digest() == b.digest() != c.digest()
    assert whole.next_time_ns() == parts.next_time_ns()


@pytest.mark.parametrize(("venues", "mean_units"), [(1, 1.0), (3, 2.5)])
def test_a_long_run_leaks_nothing_and_never_crosses(venues: int, mean_units: float) -> None:
    market, flow = run(2, replace(LIKE, mean_units=mean_units), venues)
    for _ in range(300):
        flow.step(NEVER, 300)
        market.fills()
        market.changes()
        bid = max(market.best(v).bid_px for v in range(venues))
        ask = min(market.best(v).ask_px or NEVER for v in range(venues))
        assert 0 < bid < flow.ref_px < ask
        assert np.count_nonzero(market.core.recorded) == market.counts().resting < 2_000
    orders = np.concatenate([market.orders(v) for v in range(venues)])
    assert orders["qty"].min() > 0
    assert flow.moves[0] > flow.moves[1] > 100


def test_a_participant_moves_p_ref_and_no_arrival() -> None:
    moved = 0
    for seed in range(40):
        market, flow = run(seed, LIKE)
        flow.step_until(S)
        due, ref, ask = flow.next_time_ns(), flow.ref_px, market.best(0)
        market.submit(0, -1, 1, ask.ask_px, ask.ask_qty, Kind.IOC, S)
        flow.disturbed()
        assert flow.next_time_ns() == S, "the answer is due at once"
        assert flow.step_until(S) == 1
        assert flow.next_time_ns() == due
        moved += flow.ref_px > ref
    assert 19 < moved < 37
