"""The published task: its rules decision by decision, its figures, its books, and its speed."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.flow.model import load_model
from fixsim.flow.published import PUBLISHED, READINGS, Half, Published, Terms
from fixsim.flow.task import (
    POLICIES,
    Environments,
    Outcome,
    PostedVolume,
    Twap,
    evaluate,
    scores,
    throughput,
)
from tests.fixsim.flow.plain import PlainMarket, episode

SEED = 2025
FEW = 4000


@pytest.mark.parametrize("rule", list(POLICIES))
def test_every_rule_scores_what_was_published(rule: str) -> None:
    # `fixsim flow task` does it with 20,000 episodes and more; fewer cannot tell so small a difference apart.
    ours = evaluate(POLICIES[rule], FEW, SEED)
    assert abs(ours.errors_from(PUBLISHED[rule])) < 3
    assert ours.std == pytest.approx(PUBLISHED[rule].std, rel=0.06)


def test_the_figures_reject_a_reference_price_that_moves_with_every_move_of_the_mid() -> None:
    other = READINGS["p_ref moves with every move of the mid"]
    assert evaluate(POLICIES["POPV1 50 %"], FEW, SEED, terms=other).errors_from(PUBLISHED["POPV1 50 %"]) > 6


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("TWAP", lambda decision, size: 1),
        ("POPV2 50 %", lambda decision, size: round(size / 2) if decision % 2 == 0 else 0),
        ("POPV3 100 %", lambda decision, size: size if decision % 3 == 0 else 0),
    ],
)
def test_plain_python_scores_the_same(rule: str, wanted: Callable[[int, int], int]) -> None:
    rng, n = random.Random(6), 30
    plain = np.array([episode(PlainMarket(load_model(), rng), wanted) for _ in range(n)])
    ours = evaluate(POLICIES[rule], FEW, SEED)
    assert abs(plain.mean() - ours.mean) < 3.5 * math.hypot(plain.std() / math.sqrt(n), ours.error)


def test_twap_buys_one_at_each_of_25_decisions_or_over_24() -> None:
    markets = Environments(1, 1)
    bought = []
    for decision in range(26):
        markets.decision[:] = decision
        bought.append(int(Twap()(markets)[0]))
    assert bought == [1] * 25 + [0]
    markets = Environments(1, 1, terms=Terms(twap_decisions=24))
    markets.decision[:] = 12
    assert Twap()(markets).tolist() == [2]
    markets.decision[:] = 24
    assert Twap()(markets).tolist() == [0]
    assert sum_of_schedule(Terms(quantity=31, twap_decisions=25)) == 31


def sum_of_schedule(terms: Terms) -> int:
    markets = Environments(terms.decisions, 1, terms=terms)
    markets.decision[:] = np.arange(terms.decisions)
    return int(Twap()(markets).sum())


def test_a_share_of_the_best_offer_is_rounded_as_the_terms_say() -> None:
    rounded = {Half.EVEN: [0, 1, 2, 2, 2], Half.DOWN: [0, 1, 1, 2, 2], Half.UP: [1, 1, 2, 2, 3]}
    for half, expected in rounded.items():
        markets = Environments(5, 1, terms=Terms(half=half))
        markets.queues[:, 3:] = [[0, k, 9] for k in range(1, 6)]
        assert markets.best_offers().tolist() == [1, 2, 3, 4, 5]
        assert markets.share(50).tolist() == expected
        assert markets.share(100).tolist() == [1, 2, 3, 4, 5]
        assert not markets.share(0).any()


def test_participation_rules_act_at_the_first_decision_and_every_nth_after() -> None:
    markets = Environments(7, 1)
    markets.queues[:, 3] = 6
    markets.decision[:] = np.arange(7)
    assert PostedVolume(50, 3)(markets).tolist() == [3, 0, 0, 3, 0, 0, 3]


def test_an_opening_spread_of_one_tick_is_drawn_where_asked_for() -> None:
    markets = Environments(500, 3, terms=Terms(one_tick_start=True))
    assert markets.queues[:, [0, 3]].min() > 0
    assert not Environments(500, 3).queues[:, [0, 3]].min()


def test_the_last_decision_comes_at_the_horizon_and_what_is_left_walks_the_book() -> None:
    markets = Environments(2, 1, terms=Terms(quantity=60, decisions=1))
    markets.queues[:] = [[5, 5, 5, 2, 0, 4], [5, 5, 5, 50, 50, 9]]
    before = markets.queues.copy()
    score = markets.step(np.array([5, 0]))
    assert markets.bought.tolist() == [5, 0]  # six are offered: all but one
    assert markets.done.all()
    assert markets.unfilled.tolist() == [55, 60]
    # The first market's book may have moved with its purchase; the second walks 50 at +1, 10 at +3.
    assert markets.paid[0] == 2 * 1 + 3 * 5
    assert markets.walked[1] == 50 * 1 + 10 * 3
    assert score[1] == pytest.approx(-(50 * 0.005 + 10 * 0.015))
    assert np.array_equal(markets.queues[1], before[1])
    assert not markets.step(np.array([9, 9])).any()  # done: nothing more is bought
    assert not markets.bought.any()


@given(
    seed=st.integers(0, 2**32),
    quantity=st.integers(1, 40),
    reading=st.sampled_from(list(READINGS.values())),
    wishes=st.lists(st.integers(0, 30), min_size=6, max_size=6),
)
def test_what_is_bought_is_accounted_for_to_the_half_tick(
    seed: int, quantity: int, reading: Terms, wishes: list[int]
) -> None:
    terms = replace(reading, quantity=quantity, decisions=6, every_s=5.0, twap_decisions=6)
    markets = Environments(4, seed, terms=terms)
    bought, cash = np.zeros(4, np.int64), np.zeros(4)
    for wish in wishes:
        asks, ref = markets.queues[:, 3:].copy(), markets.ref.copy()
        left, done = markets.left.copy(), markets.done
        score = markets.step(np.full(4, wish))
        assert (markets.bought[done] == 0).all()
        expected = np.minimum(np.minimum(wish, left), asks.sum(axis=1) - 1)[~done]
        assert np.array_equal(markets.bought[~done], expected)
        for e in np.flatnonzero(~done):
            rest, spent = int(markets.bought[e]), 0
            for level in range(3):
                taken = min(rest, int(asks[e, level]))
                rest, spent = rest - taken, spent + taken * (int(ref[e]) + 2 * level + 1)
            assert rest == 0
            assert spent == markets.paid[e]
        bought += markets.bought
        cash += score
        assert markets.queues.min() >= 0
        assert markets.queues.max() <= 50
        assert (markets.queues[:, :3].sum(axis=1) > 0).all()
        assert (markets.queues[:, 3:].sum(axis=1) > 0).all()
        finished = markets.done & ~done
        rest = markets.left * finished
        assert np.array_equal(markets.unfilled * finished, rest)
        assert (markets.walked[finished] >= rest[finished] * (markets.ref[finished] + 1)).all()
        assert np.array_equal(score, -(markets.paid + markets.walked) * 0.005)
    assert markets.done.all()
    assert np.array_equal(bought + markets.unfilled, np.full(4, quantity))


def test_the_same_seed_gives_the_same_course_whatever_the_neighbours_do() -> None:
    alone, among = Environments(1, 9), Environments(6, 9)
    for k in range(10):
        quantities = np.arange(6) * k
        quantities[0] = 1
        among.step(quantities)
        alone.step(np.array([1]))
        assert np.array_equal(among.queues[0], alone.queues[0])
        assert among.ref[0] == alone.ref[0]
    assert not np.array_equal(Environments(1, 10).queues, Environments(1, 9).queues)


def test_a_market_restarts_when_its_episode_is_over() -> None:
    markets = Environments(3, 2, terms=Terms(quantity=2, decisions=2))
    markets.queues[:, 3] = 9
    markets.step(np.array([2, 1, 0]), restart=True)
    assert markets.left.tolist() == [2, 1, 2]
    assert markets.decision.tolist() == [0, 1, 1]
    markets.step(np.zeros(3, np.int64), restart=True)
    assert markets.unfilled.tolist()[1:] == [1, 2]
    assert markets.left.tolist() == [2, 2, 2]
    assert not markets.done.any()


def test_an_outcome_counts_what_was_left() -> None:
    outcome = evaluate(PostedVolume(50, 9), 200, 1)
    assert outcome.unfinished > 100
    assert outcome.unfinished_mean >= 1
    parts = list(scores(PostedVolume(50, 9), 200, 1))
    assert len(np.concatenate([total for total, _ in parts])) == 200
    assert evaluate(Twap(), 50, 1).episodes == 50


def test_a_difference_counts_both_means_errors() -> None:
    ours = Outcome(10_000, -0.30, 0.5, 0, 0.0)
    assert ours.error == pytest.approx(0.005)
    both = math.hypot(0.005, 0.5 / math.sqrt(20_000))
    assert ours.errors_from(Published(-0.31, 0.5)) == pytest.approx(0.01 / both)


def test_a_core_steps_more_than_100_000_environments_a_second_when_it_is_free() -> None:
    # A quarter of that here: a test machine's cores are shared. `fixsim bench` has the figure.
    throughput(time.process_time, seconds=0.01)
    assert throughput(time.process_time, seconds=0.3) > 25_000
