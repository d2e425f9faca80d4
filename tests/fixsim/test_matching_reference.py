"""Kernels against the rule book (reference.py): the same fills, notes, books and refusals on any stream."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.matching import Market, MatchingError, Rules
from tests.fixsim.twins import CAPACITY, CENTRE, EVERYTHING, PLAIN, RULES, Stream, Twins, lively


@pytest.mark.parametrize("venues", [1, 2, 3])
@settings(max_examples=150, deadline=None)
@given(stream=st.lists(PLAIN, max_size=60))
def test_the_kernels_agree_with_the_rule_book_on_plain_orders(venues: int, stream: Stream) -> None:
    twins = Twins(venues, stream)
    twins.run(stream)
    trades = [row.tolist() for row in twins.market.trades()]
    assert trades == twins.traded[-8:]
    assert twins.market.counts().trades_dropped == max(0, len(twins.traded) - 8)


@pytest.mark.parametrize("batch", [False, True])
@settings(max_examples=300, deadline=None)
@given(stream=st.lists(EVERYTHING, max_size=60), venues=st.integers(1, 3), rules=RULES)
def test_the_kernels_agree_with_the_rule_book_on_every_type(
    batch: bool, stream: Stream, venues: int, rules: Rules
) -> None:
    Twins(venues, stream, rules=rules, batch=batch).run(stream)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    length=st.integers(20, 150),
    venues=st.integers(1, 3),
    rules=RULES,
    batch=st.booleans(),
)
def test_the_kernels_agree_with_the_rule_book_where_much_happens(
    seed: int, length: int, venues: int, rules: Rules, batch: bool
) -> None:
    stream = lively(seed, length)
    Twins(venues, stream, rules=rules, batch=batch).run(stream)


@settings(max_examples=60, deadline=None)
@given(stream=st.lists(EVERYTHING, max_size=60), venues=st.integers(1, 3))
def test_the_same_calls_give_the_same_digest_through_either_door(stream: Stream, venues: int) -> None:
    first, second = Twins(venues, stream), Twins(venues, stream, batch=True)
    first.run(stream)
    second.run(stream)
    assert first.market.digest() == second.market.digest()


@settings(max_examples=60, deadline=None)
@given(stream=st.lists(EVERYTHING, max_size=60), venues=st.integers(1, 3))
def test_lots_are_conserved(stream: Stream, venues: int) -> None:
    """Of what a participant asked for, every lot is filled, rests, was given back, or is noted."""
    market = Market(venues, CENTRE, capacity=CAPACITY, events=Twins(venues, stream).events)
    asked: dict[int, int] = {}
    back: dict[int, int] = {}
    for now, operation in enumerate(stream):
        market.step_until(now)
        match operation:
            case ("submit", venue, sign, px, qty, kind, terms):
                key = -1 - len(asked)
                asked[key], back[key] = qty, qty
                try:
                    done = market.submit(venue % venues, key, sign, px, qty, kind, now, terms)
                except MatchingError:
                    continue
                back[key] = done.cancelled
                for note in market.notes():
                    if note["key"] != key or done.leaves:
                        back[int(note["key"])] += int(note["leaves"])
            case ("cancel", which) if asked:
                key = -1 - which % len(asked)
                back[key] += market.cancel(key)
            case ("mass", owner, *_):
                for key, left in market.mass_cancel(owner).tolist():
                    back[key] += left
        for note in market.notes():
            back[int(note["key"])] += int(note["leaves"])
    filled = dict.fromkeys(asked, 0)
    for fill in market.fills():
        assert fill["qty"] > 0
        for key in (int(fill["maker_key"]), int(fill["taker_key"])):
            if key < 0:
                filled[key] += int(fill["qty"])
    assert {key: filled[key] + back[key] + market.leaves(key) for key in asked} == asked
