"""Kernels against the rule book (reference.py): the same fills, books and changes on any stream of orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.matching import Capacity, EventKind, Kind, Market
from fixsim.matching.layout import EVENT
from tests.fixsim.reference import ReferenceMarket

# A window of one word, and prices on both sides of it: the best comes from window and overflow alike.
CAPACITY = Capacity(orders=256, recorded=256, own=64, window=64, overflow=64, fills=512, trades=8)
CENTRE = 1000
PRICES = st.one_of(st.integers(955, 1045), st.sampled_from([1, 2, 300, 2000, 1 << 40]))
LOTS = st.one_of(st.integers(1, 9), st.just(10**12))
SIGNS = st.sampled_from([1, -1])

OPERATIONS = st.one_of(
    st.tuples(st.just("arrive"), SIGNS, PRICES, LOTS),
    st.tuples(st.just("market"), SIGNS, LOTS),
    st.tuples(st.just("funds"), SIGNS, st.integers(0, 40_000)),
    st.tuples(st.just("gone"), st.sampled_from([EventKind.CANCEL, EventKind.DONE]), st.integers(0, 60)),
    st.tuples(st.just("submit"), st.integers(0, 2), SIGNS, PRICES, LOTS, st.sampled_from(list(Kind))),
    st.tuples(st.just("cancel"), st.integers(0, 60)),
    st.tuples(st.just("replace"), st.integers(0, 60), PRICES, LOTS),
    st.tuples(st.just("drain")),
)


class Twins:
    """The same operations on both markets; every answer compared as it comes."""

    def __init__(self, venues: int, stream: list[tuple[Any, ...]]) -> None:
        self.venues = venues
        self.events = np.array(list(self.recorded(stream)), EVENT)
        self.market = Market(venues, CENTRE, capacity=CAPACITY, events=self.events)
        self.reference = ReferenceMarket(venues)
        self.keys = 0
        self.published: dict[tuple[int, int, int], int] = {}
        self.traded: list[tuple[int, ...]] = []

    @staticmethod
    def recorded(stream: list[tuple[Any, ...]]) -> Iterator[tuple[int, ...]]:
        ordinal = 0
        for time, operation in enumerate(stream):
            match operation:
                case ("arrive", sign, px, qty):
                    yield time, ordinal, px, qty, -1, EventKind.LIMIT, sign
                case ("market", sign, qty):
                    yield time, ordinal, 0, qty, -1, EventKind.MARKET, sign
                case ("funds", sign, funds):
                    yield time, ordinal, 0, 0, funds, EventKind.MARKET, sign
                case ("gone", kind, which):
                    yield time, which % max(1, ordinal), 0, 0, -1, kind, 1
                    continue
                case _:
                    continue
            ordinal += 1

    def run(self, stream: list[tuple[Any, ...]]) -> None:
        fed = 0
        for now, operation in enumerate(stream):
            match operation:
                case ("arrive" | "market" | "funds" | "gone", *_):
                    assert self.market.next_time_ns == now
                    assert self.market.step_until(now) == 1
                    e = self.events[fed]
                    order = (int(e[name]) for name in ("ordinal", "sign", "px", "qty", "funds"))
                    self.reference.feed(now, EventKind(int(e["kind"])), *order)
                    fed += 1
                case ("submit", venue, sign, px, qty, kind):
                    self.keys += 1
                    order = (venue % self.venues, -self.keys, sign, px, qty, kind, now)
                    assert self.market.submit(*order) == self.reference.submit(*order)
                case ("cancel", which):
                    key = -1 - which % max(1, self.keys)
                    assert self.market.cancel(key) == self.reference.remove(key)
                case ("replace", which, px, qty):
                    key = -1 - which % max(1, self.keys)
                    if key in self.reference.orders:
                        assert self.market.replace(key, px, qty, now) == self.reference.replace(
                            key, px, qty, now
                        )
                case ("drain",):
                    self.compare()
        self.compare()

    def compare(self) -> None:
        for row, f in zip(self.market.fills(), self.reference.fills, strict=True):
            who = (f.time_ns, f.maker, f.taker, f.px, f.qty, f.maker_leaves, f.taker_leaves, f.venue)
            assert row.tolist() == (*who, f.aggressor_sign, f.maker < 0, f.taker < 0, 0)
        self.traded += [(f.time_ns, f.px, f.qty, f.venue, f.aggressor_sign) for f in self.reference.fills]
        self.reference.fills.clear()
        self.apply_changes()
        for venue in range(self.venues):
            rows = self.market.orders(venue)
            assert [(r["key"], r["sign"], r["px"], r["qty"]) for r in rows] == self.reference.resting(venue)
            for sign in (1, -1):
                levels = self.reference.levels(venue, sign)
                px, qty = self.market.depth(venue, sign)
                assert list(zip(px.tolist(), qty.tolist(), strict=True)) == levels
                px, qty = self.market.depth(venue, sign, 2)
                assert list(zip(px.tolist(), qty.tolist(), strict=True)) == levels[:2]
            bid, ask = (self.reference.levels(venue, sign)[:1] or [(0, 0)] for sign in (1, -1))
            assert self.market.best(venue) == (*bid[0], *ask[0])

    def apply_changes(self) -> None:
        """Who applies every change has the book: no level twice in a batch, none that did not change."""
        seen = set()
        for row in self.market.changes():
            level = (int(row["venue"]), int(row["sign"]), int(row["px"]))
            assert level not in seen
            seen.add(level)
            assert row["before"] == self.published.get(level, 0) != row["qty"]
            self.published[level] = int(row["qty"])
            if not row["qty"]:
                del self.published[level]
        assert self.published == {
            (venue, sign, px): qty
            for venue in range(self.venues)
            for sign in (1, -1)
            for px, qty in self.reference.levels(venue, sign)
        }


@pytest.mark.parametrize("venues", [1, 2, 3])
@settings(max_examples=150, deadline=None)
@given(stream=st.lists(OPERATIONS, max_size=60))
def test_the_kernels_agree_with_the_rule_book(venues: int, stream: list[tuple[Any, ...]]) -> None:
    twins = Twins(venues, stream)
    twins.run(stream)
    trades = [row.tolist() for row in twins.market.trades()]
    assert trades == twins.traded[-8:]
    assert twins.market.counts().trades_dropped == max(0, len(twins.traded) - 8)


@settings(max_examples=60, deadline=None)
@given(stream=st.lists(OPERATIONS, max_size=60), venues=st.integers(1, 3))
def test_the_same_calls_give_the_same_digest(stream: list[tuple[Any, ...]], venues: int) -> None:
    first, second = Twins(venues, stream), Twins(venues, stream)
    first.run(stream)
    second.run(stream)
    assert first.market.digest() == second.market.digest()


@settings(max_examples=60, deadline=None)
@given(stream=st.lists(OPERATIONS, max_size=60), venues=st.integers(1, 3))
def test_lots_are_conserved(stream: list[tuple[Any, ...]], venues: int) -> None:
    """Of what a participant asked for, every lot is filled, rests, or was given back."""
    market = Market(venues, CENTRE, capacity=CAPACITY, events=Twins(venues, stream).events)
    asked: dict[int, int] = {}
    back: dict[int, int] = {}
    for now, operation in enumerate(stream):
        market.step_until(now)
        match operation:
            case ("submit", venue, sign, px, qty, kind):
                key = -1 - len(asked)
                asked[key] = qty
                back[key] = market.submit(venue % venues, key, sign, px, qty, kind, now).cancelled
            case ("cancel", which) if asked:
                key = -1 - which % len(asked)
                back[key] += market.cancel(key)
    filled = dict.fromkeys(asked, 0)
    for fill in market.fills():
        assert fill["qty"] > 0
        for key in (int(fill["maker_key"]), int(fill["taker_key"])):
            if key < 0:
                filled[key] += int(fill["qty"])
    assert {key: filled[key] + back[key] + market.leaves(key) for key in asked} == asked
