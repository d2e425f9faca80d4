"""Queue-reactive markets in kernels: their law against plain Python's, and what no draw may break."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.flow.draws import streams
from fixsim.flow.model import Model, QueueEvent, load_model
from fixsim.flow.queues import SLOTS, advance, best, mid_moved, redraw, tables, take, walk_cost
from tests.fixsim.flow.plain import OFFERS, PlainMarket

MODEL = load_model()


def small(levels: int = 2, most: int = 4, theta: float = 0.6, theta_reinit: float = 0.5) -> Model:
    """Few sizes, high rates: everything happens soon."""
    rng = np.random.default_rng(levels * 100 + most)
    intensity = np.repeat(rng.uniform(0.2, 2.0, (levels, most + 1, 1, 3)), 2, axis=2)
    intensity[:, 0, :, 1:] = 0
    law = rng.uniform(0.2, 1, (levels, most + 1))
    return replace(
        MODEL,
        intensity=intensity,
        invariant=law / law.sum(axis=1, keepdims=True),
        unit_lots=np.array([300, 200, 450][:levels]),
        theta=theta,
        theta_reinit=theta_reinit,
    )


def test_the_tables_offer_every_event_at_its_rate() -> None:
    table = tables(MODEL)
    per_slot = table.rate / SLOTS
    slots = np.bincount(table.slot[table.slot >= 0], minlength=6)
    for queue in range(6):
        side, level = divmod(queue, 3)
        rates = MODEL.intensity[level, :, side]
        up = rates[:, QueueEvent.LIMIT] * (np.arange(51) < 50)
        down = rates[:, 1:].sum(axis=1) * (np.arange(51) > 0)
        cap = slots[queue] * per_slot
        assert np.allclose(table.grow[queue] / 2**53 * cap, up, atol=1e-12)
        assert np.allclose((table.change[queue] - table.grow[queue]) / 2**53 * cap, down, atol=1e-12)
        assert table.change[queue].max() <= 2**53


def test_a_market_in_which_nothing_happens_is_allowed() -> None:
    table = tables(replace(MODEL, intensity=np.zeros_like(MODEL.intensity)))
    queues, ref = np.ones((1, 6), np.int64), np.zeros(1, np.int64)
    advance(queues, ref, 0, 1000.0, streams(1, 1)[0], table, np.zeros_like(queues))
    assert queues.tolist() == [[1] * 6]


def test_sizes_are_rescaled_between_levels_and_rounded_half_to_even() -> None:
    table = tables(MODEL)
    assert table.outward[0, :5].tolist() == [0, 1, 2, 2, 3]  # times 836 / 1068
    assert table.inward[1, :5].tolist() == [0, 1, 3, 4, 5]  # times 1068 / 836
    assert table.inward[1, 50] == 50  # not above the largest size
    halves = tables(replace(small(), unit_lots=np.array([1, 2])))
    assert halves.outward[0].tolist() == [0, 0, 1, 2, 2]


def many(model: Model, count: int, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    table, rngs = tables(model), streams(seed, count)
    queues, ref = np.zeros((count, 2 * model.levels), np.int64), np.zeros(count, np.int64)
    was = np.zeros_like(queues)
    for e in range(count):
        redraw(queues, e, rngs[e], table)
        advance(queues, ref, e, seconds, rngs[e], table, was)
    return queues, ref


def test_markets_have_the_law_of_plain_python() -> None:
    model, n, seconds = small(), 2500, 4.0
    queues, ref = many(model, n, seconds, 3)
    rng = random.Random(4)
    plain = [PlainMarket(model, rng) for _ in range(n)]
    for market in plain:
        for _ in market.events(seconds):
            pass
    theirs = np.array([[size for side in market.queues for size in side] for market in plain])
    refs = np.array([market.ref for market in plain])
    for ours, other in [(queues[:, k], theirs[:, k]) for k in range(4)] + [(ref, refs)]:
        error = math.sqrt((ours.var() + other.var()) / n)
        assert abs(ours.mean() - other.mean()) < 4 * error
        low, high = min(ours.min(), other.min()), max(ours.max(), other.max())
        edges = np.arange(low, high + 2)
        counts = np.stack([np.histogram(x, edges)[0] for x in (ours, other)])
        counts = counts[:, counts.sum(axis=0) >= 20]
        expected = counts.sum(axis=0) / 2
        chi = ((counts - expected) ** 2 / expected).sum()
        degrees = counts.shape[1] - 1
        assert chi < degrees + 4 * math.sqrt(2 * degrees)


def test_a_queue_left_alone_comes_to_its_invariant_distribution() -> None:
    # With theta 0 p_ref never moves; the second level is then a birth and death process by itself.
    queues, ref = many(replace(MODEL, theta=0.0), 3000, 100.0, 5)
    assert not ref.any()
    for queue in (1, 4):
        ours = np.bincount(queues[:, queue], minlength=51) / 3000
        gap = np.abs(np.cumsum(ours) - np.cumsum(MODEL.invariant[1])).max()
        assert gap * math.sqrt(3000) < 1.95


@given(
    seed=st.integers(0, 2**32),
    theta=st.sampled_from([0.0, 0.5, 1.0]),
    theta_reinit=st.sampled_from([0.0, 0.5, 1.0]),
    spread_moves=st.booleans(),
    steps=st.lists(
        st.tuples(st.sampled_from(["pass", "take", "up", "down"]), st.integers(0, 9)), max_size=12
    ),
)
def test_whatever_happens_queues_stay_within_bounds_and_no_side_is_empty(
    seed: int, theta: float, theta_reinit: float, spread_moves: bool, steps: list[tuple[str, int]]
) -> None:
    model = small(3, 5, theta, theta_reinit)
    table, rng = tables(model, spread_moves=spread_moves), streams(seed, 1)[0]
    queues, ref, was = np.zeros((1, 6), np.int64), np.zeros(1, np.int64), np.zeros((1, 6), np.int64)
    redraw(queues, 0, rng, table)
    for what, size in steps:
        before, ref_before = queues.copy(), int(ref[0])
        if what == "pass":
            advance(queues, ref, 0, size / 10, rng, table, was)
        elif what == "take":
            quantity = min(size, int(queues[0, 3:].sum()) - 1)
            asked = walk_cost(queues, ref, 0, quantity, 3)
            assert take(queues, ref, 0, quantity, rng, table, was) == asked
            if quantity < before[0, 3 + best(before, 0, 3, 3)]:  # the best offer was not emptied
                assert before.sum() - queues.sum() == quantity
                assert ref[0] == ref_before
        else:
            mid_moved(queues, ref, 0, what == "up", rng, table, was)
            moved = int(ref[0]) - ref_before
            assert moved in (0, 2 if what == "up" else -2)
            if moved == 0:
                assert np.array_equal(queues, before)
            elif theta_reinit == 0.0:
                side = 0 if what == "up" else 3
                assert queues[0, side] == 0
                assert queues[0, side + 1 : side + 3].tolist() == [
                    table.outward[0, before[0, side]],
                    table.outward[1, before[0, side + 1]],
                ]
        assert queues.min() >= 0
        assert queues.max() <= 5
        assert queues[0, :3].any()
        assert queues[0, 3:].any()
        assert ref[0] % 2 == 0


@pytest.mark.parametrize("quantity", [0, 3, 7, 9, 20])
def test_walking_the_book_costs_each_level_its_price_and_the_rest_one_tick_more(quantity: int) -> None:
    market = PlainMarket(small(3, 9), random.Random(1))
    market.queues, market.ref = [[1, 1, 1], [3, 0, 5]], 4
    queues, ref = np.array([[1, 1, 1, 3, 0, 5]]), np.array([4])
    levels = [min(quantity, 3), 0, min(max(quantity - 3, 0), 5), max(quantity - 8, 0)]
    expected = sum(n * market.price(OFFERS, level) for level, n in enumerate(levels))
    assert walk_cost(queues, ref, 0, quantity, 3) == expected
