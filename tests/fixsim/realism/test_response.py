"""The mid's answer to orders, on a market that was built to answer."""

from __future__ import annotations

import numpy as np
import pytest

from fixsim.realism import response
from fixsim.realism.blocks import draw_weights
from fixsim.realism.response import KINDS, TouchEvents, by_block, touch_events
from fixsim.realism.verdict import Verdict
from fixsim.realism.view import Plan, View
from fixsim.tape.frame import Change
from tests.fixsim.realism.frames import TICK, Row, frame_of, random_market

LIMIT, CANCEL, MARKET, HIDDEN, _ = Change
SHORT = [short for short, *_ in KINDS]


def test_events_are_at_the_touch_and_signed_by_where_they_press() -> None:
    seen = View(
        frame_of(
            [
                Row(0, LIMIT, 1, 99, 5, 99, 5, 101, 5),
                Row(1, MARKET, -1, 101, 2, 99, 5, 101, 3),  # MO₀ +1
                Row(2, MARKET, -1, 101, 3, 99, 5, 102, 4),  # MO₁ +1
                Row(3, LIMIT, 1, 99, 5, 99, 9, 102, 4),  # LO₀ +1
                Row(4, LIMIT, -1, 101, 5, 99, 9, 101, 5),  # LO₁ -1: inside
                Row(5, LIMIT, -1, 105, 5, 99, 9, 101, 5),  # behind the touch: no event
                Row(6, CANCEL, -1, 101, 5, 99, 9, 102, 4),  # CA₁ +1
                Row(7, CANCEL, 1, 99, 4, 99, 5, 102, 4),  # CA₀ -1
                Row(8, HIDDEN, 1, 100, 4, 99, 5, 102, 4),  # hidden: no event
                Row(9, CANCEL, 1, 97, 4, 99, 5, 102, 4),  # behind: no event
            ]
        ),
        Plan(blocks=2),
        TICK,
    )
    events = touch_events(seen)
    assert [SHORT[k] for k in events.kind] == ["MO₀", "MO₁", "LO₀", "LO₁", "CA₁", "CA₀"]
    assert events.sign.tolist() == [1, 1, 1, -1, 1, -1]
    assert events.mid_before.tolist() == [100, 100, 100.5, 100.5, 100, 100.5, 100.5]
    assert events.block.tolist() == [0, 0, 0, 0, 1, 1]


def test_the_response_is_the_signed_change_that_follows() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    kind, sign = rng.integers(0, 6, n), rng.choice((-1.0, 1.0), n)
    # A market order of kind 1 moves the mid by 3 at once and takes 2 back at the event after next.
    moves = np.zeros(n + 2)
    moves[:n] += 3 * sign * (kind == 1)
    moves[2:] -= 2 * sign * (kind == 1)
    mid = np.concatenate(([0.0], np.cumsum(moves[:n])))
    events = TouchEvents(mid, kind, sign, np.arange(n) * 10 // n)
    sums, sizes = by_block(events, (1, 2, 3), 10)
    response_of = sums.sum(axis=1) / sizes.sum(axis=1)
    assert response_of[1] == pytest.approx([3, 3, 1], abs=0.35)
    assert response_of[0] == pytest.approx([0, 0, 0], abs=0.35)
    assert sizes[1, :, 0].sum() == (kind == 1).sum()


def test_a_lag_beyond_the_recording_has_no_pairs() -> None:
    events = TouchEvents(np.zeros(4), np.zeros(3, np.int64), np.ones(3), np.zeros(3, np.int64))
    _, sizes = by_block(events, (1, 3, 50), 2)
    assert sizes[0].sum(axis=0).tolist() == [3, 1, 0]


def test_the_band_holds_the_curve() -> None:
    rng = np.random.default_rng(2)
    sizes = np.full((26, 2), 100.0)
    sums = rng.normal(1, 0.2, (26, 2)) * 100
    curve = response._curve(sums, sizes, draw_weights(26, 300, rng))
    assert (curve.low < curve.values).all()
    assert (curve.values < curve.high).all()
    assert curve.high - curve.low == pytest.approx(2 * 1.96 * 0.2 / 26**0.5, rel=0.4)


def test_a_market_passes_against_its_like_and_fails_against_one_that_answers_more() -> None:
    plan = Plan(blocks=12, draws=100, lags=(1, 2, 5, 10))
    one, like = (View(random_market(seed), plan, TICK) for seed in (1, 2))
    # A tick that is a third as large: the same market, every answer three times as many ticks.
    louder = View(random_market(2), plan, TICK // 3)
    rng = np.random.default_rng(1)
    rows, curves = response.compare(one, like, louder, rng)
    passed = {row.name[:3]: row.verdict is Verdict.PASS for row in rows}
    assert sum(passed.values()) >= 5
    rows, _ = response.compare(one, louder, like, rng)
    failed = {row.name[:3] for row in rows if row.verdict is Verdict.FAIL}
    assert {"MO₁", "LO₁", "CA₁"} <= failed
    assert set(curves["MO₁"]) == {"tape", "generated", "baseline"}


def test_a_kind_of_event_that_never_happens_fails_where_the_tape_has_it() -> None:
    plan = Plan(blocks=12, draws=60, lags=(1, 2))
    tape = random_market(1)
    mute = random_market(2)
    mute.change[mute.change == MARKET] = CANCEL
    rows, _ = response.compare(*(View(f, plan, TICK) for f in (tape, mute, tape)), np.random.default_rng(1))
    market = next(row for row in rows if row.name.startswith("MO₁"))
    assert market.verdict is Verdict.FAIL
    assert "cannot be measured" in market.reason
