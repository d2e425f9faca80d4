"""p_ref as a book shows it, and the θ that its moves give back."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.flow.calibrate import infer_reference
from fixsim.flow.model import load_model
from fixsim.flow.reference_price import NONE, Moves, fit_thetas, follow, moves_of, simulated_moves, stepped
from tests.fixsim.flow.plain import PlainMarket, framed

MODEL = load_model()


def followed(quotes: list[tuple[int, int]], width: int = 1) -> list[int]:
    bids, offers = (np.array(side) for side in zip(*quotes, strict=True))
    ref = np.zeros(len(quotes), np.int64)
    follow(bids, offers, width, ref)
    return ref.tolist()


def test_an_odd_spread_has_its_mid_and_an_even_one_the_nearer_to_the_last() -> None:
    # Huang, Lehalle and Rosenbaum: half ticks; bids 100, offers 101 give 100.5 ticks.
    assert followed([(100, 101)]) == [201]
    assert followed([(100, 101), (100, 102)]) == [201, 201]
    assert followed([(101, 102), (100, 102)]) == [203, 203]
    assert followed([(100, 101), (100, 103)]) == [201, 203]
    assert followed([(100, 101), (100, 104), (100, 105)]) == [201, 203, 205]
    assert followed([(100, 101), (95, 96)]) == [201, 191]


def test_without_two_sides_it_stays_and_before_there_is_none() -> None:
    assert followed([(0, 101), (100, 0), (100, 101), (0, 140), (0, 0), (90, 91)]) == [
        NONE, NONE, 201, 201, 201, 181,
    ]  # fmt: skip


@given(st.integers(1, 9), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_it_goes_no_further_than_it_must(width: int, place: int, mid: int) -> None:
    ref = 2 * width * place + 1
    after = stepped(ref, mid, width)
    assert (after - ref) % (2 * width) == 0
    assert abs(mid - after) <= width
    if abs(mid - ref) <= width:
        assert after == ref
    else:
        nearer = after - 2 * width if after > ref else after + 2 * width
        assert abs(mid - nearer) > width


QUOTES = st.lists(st.tuples(st.integers(50, 99), st.integers(1, 9)), min_size=1, max_size=30)


@given(st.integers(1, 5), QUOTES)
def test_p_ref_lies_between_levels(width: int, quotes: list[tuple[int, int]]) -> None:
    for (bid, spread), ref in zip(quotes, followed([(b, b + s) for b, s in quotes], width), strict=True):
        assert (ref - 1) % (2 * width) == 0
        assert abs(2 * bid + spread - ref) <= width


def test_moves_are_counted_minute_by_minute() -> None:
    minute = 60 * 10**9
    time = np.array([0, 10, 20, 30, 30, 65, 130, 185]) * 10**9
    ref = np.array([1, 3, 5, 7, 3, 1, 1, 5])
    seen = moves_of(time, ref, 1)
    # Minute 1: up, up, down (7 was never on show); minute 2: down; the fourth is not whole.
    assert seen.counted.tolist() == [[3, 2, 1, 1.0], [1, 0, 0, 1.0], [0, 0, 0, 0]]
    assert moves_of(time, ref, 1, time >= minute).counted.tolist() == [[1, 0, 0, 1.0], [0, 0, 0, 0]]
    assert len(moves_of(time, np.full(8, NONE), 1).counted) == 0
    assert moves_of(time, (ref - 1) * 3 + 1, 3).counted.tolist() == seen.counted.tolist()


def test_statistics_are_finite_even_of_a_price_that_never_moves() -> None:
    still = Moves(np.zeros((10, 4)))
    assert np.isfinite(still.statistics()).all()
    assert still.statistics()[1] == 0.5
    assert still.covariance(1).shape == (3, 3)
    assert np.isfinite(simulated_moves(replace(MODEL, theta=0.0), 1, 1).statistics()).all()


def test_simulated_moves_are_those_of_plain_python() -> None:
    market = PlainMarket(MODEL, random.Random(8))
    frame, _ = framed(market, 2 * 3600)
    plain = moves_of(frame.time_ns, infer_reference(frame, 1), 1)
    ours = simulated_moves(MODEL, 40, 3)
    gap = plain.statistics() - ours.statistics()
    spread = np.sqrt(np.diag(plain.covariance(1) + ours.covariance(1)))
    assert (np.abs(gap) < 3.5 * spread).all()


@pytest.mark.parametrize(("theta", "reinit"), [(0.7, 0.85), (0.4, 0.3)])
def test_thetas_are_found_again(theta: float, reinit: float) -> None:
    seen = simulated_moves(replace(MODEL, theta=theta, theta_reinit=reinit), 12, 77)
    told: list[int] = []
    found = fit_thetas(MODEL, seen, seed=1, hours=3, progress=told.append)
    assert sum(told) == 121
    assert abs(found.theta - theta) < 3 * found.theta_error
    assert abs(found.theta_reinit - reinit) < 3 * found.theta_reinit_error
    assert 0 < found.theta_error < 0.15
    assert found.misfit < 11
    assert not found.at_bound


def test_a_price_that_no_theta_gives_is_told_by_its_misfit() -> None:
    seen = simulated_moves(MODEL, 12, 5)
    odd = Moves(seen.counted * np.array([4.0, 4.0, 0.1, 1.0]))
    assert fit_thetas(MODEL, odd, seed=1, hours=2).misfit > 50
