"""The kernels and the rule book side by side: the same operations on both, every answer compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from fixsim.matching import (
    Capacity,
    EventKind,
    Kind,
    Market,
    Op,
    Peg,
    Phase,
    Rules,
    SelfMatch,
    Terms,
)
from fixsim.matching.layout import COMMAND, EVENT, Code
from fixsim.matching.refusals import refusal
from tests.fixsim.reference import ReferenceMarket, Refused

# A window of one word, and prices on both sides of it: the best comes from window and overflow alike.
CAPACITY = Capacity(
    orders=256, recorded=512, own=64, window=64, overflow=64, fills=1 << 17, trades=8, notes=1 << 12
)
CENTRE = 1000
GENERATED = 256  # ordinals of the flow that is fed, above the recording's
NEAR = st.integers(0, 20).map(lambda n: 990 + n)
PRICES = st.one_of(NEAR, NEAR, st.integers(955, 1045), st.sampled_from([1, 2, 300, 2000, 1 << 40]))
LOTS = st.one_of(st.integers(1, 9), st.integers(1, 30), st.just(10**12))
SIGNS = st.sampled_from([1, -1])
VENUES = st.integers(0, 2)
WHICH = st.integers(0, 60)


def _terms(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[Terms]:
    return st.fixed_dictionaries(given).map(lambda chosen: Terms(**chosen))


_group = {
    "group": st.integers(0, 2),
    "self_match": st.sampled_from(list(SelfMatch)),
    "owner": st.integers(0, 2),
}
_min = st.one_of(st.just(0), st.integers(1, 6))
TERMS = st.one_of(
    _terms(**_group),
    _terms(post_only=st.booleans(), hidden=st.booleans(), **_group),
    _terms(hidden=st.just(True), min_qty=_min, **_group),
    _terms(peg=st.sampled_from([Peg.MID, Peg.PRIMARY]), min_qty=_min, **_group),
    _terms(display_qty=st.integers(1, 5), post_only=st.booleans(), **_group),
    _terms(min_qty=_min, **_group),
    _terms(
        post_only=st.booleans(),
        hidden=st.booleans(),
        peg=st.sampled_from(list(Peg)),
        display_qty=st.integers(0, 3),
        min_qty=_min,
        **_group,
    ),
)
KINDS = st.sampled_from([Kind.LIMIT, Kind.LIMIT, Kind.LIMIT, Kind.MARKET, Kind.IOC, Kind.FOK])

PLAIN = st.one_of(
    st.tuples(st.just("arrive"), SIGNS, PRICES, LOTS),
    st.tuples(st.just("market"), SIGNS, LOTS),
    st.tuples(st.just("funds"), SIGNS, st.integers(0, 40_000)),
    st.tuples(st.just("gone"), st.sampled_from([EventKind.CANCEL, EventKind.DONE]), WHICH),
    st.tuples(st.just("submit"), VENUES, SIGNS, PRICES, LOTS, KINDS, st.just(Terms())),
    st.tuples(st.just("cancel"), WHICH),
    st.tuples(st.just("replace"), WHICH, PRICES, LOTS),
    st.tuples(st.just("drain")),
)
EVERYTHING = st.one_of(
    PLAIN,
    st.tuples(st.just("submit"), VENUES, SIGNS, PRICES, LOTS, KINDS, TERMS),
    st.tuples(st.just("submit"), VENUES, SIGNS, NEAR, LOTS, st.just(Kind.LIMIT), TERMS),
    st.tuples(st.just("submit"), VENUES, SIGNS, st.just(0), LOTS, st.just(Kind.LIMIT), TERMS),
    st.tuples(st.just("replace"), WHICH, st.just(0), LOTS),
    st.tuples(st.just("again"), WHICH, LOTS),
    st.tuples(st.just("feed"), st.sampled_from(list(EventKind)), SIGNS, PRICES, LOTS, WHICH),
    st.tuples(st.just("mass"), st.integers(0, 2), st.none() | VENUES, st.none() | SIGNS),
    st.tuples(st.just("phase"), VENUES, st.sampled_from(list(Phase))),
    st.tuples(st.just("auction"), VENUES, st.just(0) | NEAR),
    st.tuples(st.just("bands"), VENUES, st.tuples(NEAR, NEAR) | st.just((0, 0))),
)
RULES = st.sampled_from(
    [Rules(((0, 1),)), Rules(((0, 1),), round_lot=4), Rules(((0, 1), (996, 3), (1008, 6)))]
)

Stream = list[tuple[Any, ...]]


def lively(seed: int, length: int) -> Stream:
    """A stream in which much happens: close prices, small quantities, venues that are mostly open."""
    rng = Random(seed)
    sizes = (0, 0, 0, 1, 3, 6)

    def px() -> int:
        return rng.choice(
            (999, 1000, 1001, rng.randint(994, 1006), rng.randint(994, 1006), rng.randint(955, 1045))
        )

    def terms() -> Terms:
        shared = {
            "group": rng.choice((0, 0, 1, 2)),
            "self_match": SelfMatch(rng.randrange(4)),
            "owner": rng.randrange(3),
        }
        match rng.randrange(6):
            case 0 | 1:
                peg, hidden = rng.choice(list(Peg)), rng.random() < 0.5
                return Terms(
                    hidden=hidden, peg=peg, min_qty=rng.choice(sizes) if hidden or peg else 0, **shared
                )
            case 2:
                return Terms(display_qty=rng.randint(1, 5), post_only=rng.random() < 0.2, **shared)
            case 3:
                return Terms(post_only=True, hidden=rng.random() < 0.3, **shared)
            case 4:
                return Terms(hidden=True, min_qty=rng.choice(sizes), **shared)
            case _:
                return Terms(**shared)

    def one() -> tuple[Any, ...]:
        sign, qty, which, venue = rng.choice((1, -1)), rng.randint(1, 12), rng.randrange(61), rng.randrange(3)
        chance = rng.random()
        if chance < 0.35:
            chosen = terms()
            at = rng.choice((0, px())) if chosen.peg else px()
            return "submit", venue, sign, at, qty, Kind.LIMIT, chosen
        if chance < 0.45:
            kind = rng.choice(list(Kind))
            chosen = terms()._replace(post_only=False, hidden=False, peg=Peg.NONE, display_qty=0)
            chosen = chosen._replace(min_qty=min(qty, rng.choice(sizes)) if kind == Kind.IOC else 0)
            return "submit", venue, sign, px(), qty, kind, chosen
        if chance < 0.62:
            return rng.choice(
                (("arrive", sign, px(), qty), ("feed", EventKind.LIMIT, sign, px(), qty, which))
            )
        if chance < 0.7:
            market = ("market", sign, qty), ("funds", sign, rng.randint(0, 30_000))
            return rng.choice((*market, ("feed", EventKind.MARKET, sign, 0, qty, which)))
        if chance < 0.78:
            return rng.choice((("gone", EventKind.CANCEL, which), ("feed", EventKind.DONE, 1, 0, 0, which)))
        if chance < 0.84:
            return "cancel", which
        if chance < 0.85:
            return "several", which, which + 1, rng.randrange(length), rng.randrange(length)
        if chance < 0.92:
            return rng.choice((("replace", which, rng.choice((0, px(), px())), qty), ("again", which, qty)))
        if chance < 0.93:
            return "mass", rng.randrange(3), rng.choice((None, venue)), rng.choice((None, sign))
        if chance < 0.96:
            return "phase", venue, rng.choice((*[Phase.CONTINUOUS] * 6, *Phase))
        if chance < 0.975:
            return "auction", venue, rng.choice((0, px()))
        if chance < 0.98:
            return "bands", venue, rng.choice(((0, 0), (0, 0), (px(), px())))
        return ("drain",)

    return [one() for _ in range(length)]


_WORST = {"op": Op.NEW, "venue": 0, "sign": 0, "px": 0, "qty": 0, "display_qty": 0, "min_qty": 0}


class Twins:
    """A market and its rule book. With `batch` participants' commands go through Market.run, in batches."""

    def __init__(
        self, venues: int, stream: Stream, *, rules: Rules | None = None, batch: bool = False
    ) -> None:
        self.venues, self.batch = venues, batch
        rules = rules or Rules(((0, 1),))
        self.events = np.array(list(self.recorded(stream)), EVENT)
        self.market = Market(venues, CENTRE, capacity=CAPACITY, events=self.events, rules=rules)
        self.reference = ReferenceMarket(venues, rules)
        self.keys = 0
        self.generated = GENERATED
        self.published: dict[tuple[int, int, int], int] = {}
        self.traded: list[tuple[int, ...]] = []
        self.waiting: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = []

    @staticmethod
    def recorded(stream: Stream) -> Iterator[tuple[int, ...]]:
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

    def run(self, stream: Stream) -> None:
        fed = 0
        for now, operation in enumerate(stream):
            match operation:
                case ("arrive" | "market" | "funds" | "gone", *_):
                    self.flush()
                    assert self.market.next_time_ns == now
                    assert self.market.step_until(now) == 1
                    e = self.events[fed]
                    order = (int(e[name]) for name in ("ordinal", "sign", "px", "qty", "funds"))
                    self.reference.feed(now, EventKind(int(e["kind"])), *order)
                    fed += 1
                case ("drain",):
                    self.compare()
                case _:
                    self.act(now, operation)
        self.compare()

    def act(self, now: int, operation: tuple[Any, ...]) -> None:
        """What participants and the venues' operators do."""
        match operation:
            case ("submit", venue, sign, px, qty, kind, terms):
                self.keys += 1
                self.ask(Op.NEW, now, (venue % self.venues, -self.keys, sign, px, qty, kind, terms))
            case ("cancel", which):
                self.ask(Op.CANCEL, now, (self.key(which),))
            case ("several", *which):
                self.flush()
                keys = sorted({self.key(one) for one in which})
                assert self.market.cancel_all(keys, now) == self.reference.cancel_all(keys, now)
            case ("replace", which, px, qty):
                self.ask(Op.REPLACE, now, (self.key(which), px, qty))
            case ("again", which, qty):
                resting = self.reference.orders.get(self.key(which))
                self.ask(Op.REPLACE, now, (self.key(which), resting.px if resting else 1, qty))
            case ("mass", owner, venue, sign):
                self.ask(Op.MASS_CANCEL, now, (owner, None if venue is None else venue % self.venues, sign))
            case ("feed", kind, sign, px, qty, which):
                self.flush()
                self.generate(now, kind, sign, px, qty, which)
            case ("phase", venue, phase):
                self.flush()
                where = venue % self.venues
                self.same(
                    lambda: self.market.set_phase(where, phase, now),
                    lambda: self.reference.set_phase(where, phase, now),
                )
                assert self.market.phase(where) == self.reference.phases[where]
            case ("auction", venue, reference):
                self.flush()
                self.auction(venue % self.venues, reference, now)
            case ("bands", venue, (low, high)):
                self.flush()
                bands = min(low, high), max(low, high)
                self.market.set_bands(venue % self.venues, *bands)
                self.reference.bands[venue % self.venues] = bands

    def key(self, which: int) -> int:
        return -1 - which % max(1, self.keys)

    def generate(self, now: int, kind: EventKind, sign: int, px: int, qty: int, which: int) -> None:
        ordinal = GENERATED + which % (self.generated - GENERATED + 1)
        if kind in (EventKind.LIMIT, EventKind.MARKET):
            ordinal = self.generated
            self.generated += 1
        event = np.array([(now, ordinal, px, qty, -1, kind, sign)], EVENT)
        assert self.market.feed(event) == 1
        self.reference.feed(now, kind, ordinal, sign, px, qty)

    def auction(self, venue: int, reference: int, now: int) -> None:
        if self.reference.phases[venue] != Phase.AUCTION:
            return
        found = self.reference.indicative(venue, reference)
        assert self.market.indicative(venue, reference) == found
        assert self.market.auction(venue, reference, now) == self.reference.auction(venue, reference, now)

    def same(self, ask: Callable[[], object], answer: Callable[[], object]) -> None:
        """Both answer alike, or both refuse with the same code and nothing changed."""
        try:
            expected = answer()
        except Refused as refused:
            before = self.market.digest()
            with pytest.raises(type(refusal(refused.code, "", CAPACITY, _WORST))):
                ask()
            assert self.market.digest() == before
        else:
            assert ask() == expected

    # Participants' doors

    def ask(self, op: Op, now: int, given: tuple[Any, ...]) -> None:
        if not self.batch:
            self.same(lambda: self.through_the_door(op, now, given), lambda: self.by_the_book(op, now, given))
            return
        try:
            answer = self.by_the_book(op, now, given)
        except Refused as refused:
            expected = (0, 0, 0, refused.code, 0)
        else:
            match op:
                case Op.CANCEL:
                    expected = (0, 0, answer, Code.OK if answer else Code.UNKNOWN, 0)
                case Op.MASS_CANCEL:
                    expected = (0, 0, sum(left for _, left in answer), Code.OK, len(answer))
                case _:
                    expected = (*answer, Code.OK, 0)
        self.waiting.append((self.command(op, now, given), expected))
        if len(self.waiting) == 7:
            self.flush()

    def by_the_book(self, op: Op, now: int, given: tuple[Any, ...]) -> Any:
        match op:
            case Op.NEW:
                *order, terms = given
                return self.reference.submit(*order, now, terms)
            case Op.REPLACE:
                return self.reference.replace(*given, now)
            case Op.CANCEL:
                return self.reference.cancel(*given, now)
            case _:
                return self.reference.mass_cancel(*given, now)

    def through_the_door(self, op: Op, now: int, given: tuple[Any, ...]) -> Any:
        match op:
            case Op.NEW:
                *order, terms = given
                return self.market.submit(*order, now, terms)
            case Op.REPLACE:
                return self.market.replace(*given, now)
            case Op.CANCEL:
                return self.market.cancel(*given, now)
            case _:
                owner, venue, sign = given
                return self.market.mass_cancel(owner, venue=venue, sign=sign, now_ns=now).tolist()

    @staticmethod
    def command(op: Op, now: int, given: tuple[Any, ...]) -> tuple[Any, ...]:
        venue, key, sign, px, qty, kind, t = 0, 0, 0, 0, 0, Kind.LIMIT, Terms()
        match op:
            case Op.NEW:
                venue, key, sign, px, qty, kind, t = given
            case Op.REPLACE:
                key, px, qty = given
            case Op.CANCEL:
                (key,) = given
            case _:
                owner, where, side = given
                venue, sign, t = -1 if where is None else where, side or 0, Terms(owner=owner)
        sizes = (t.owner, t.display_qty, t.min_qty, t.group)
        return (now, key, px, qty, *sizes, venue, op, kind, sign, t.peg, t.self_match, t.post_only, t.hidden)

    def flush(self) -> None:
        """Send the batch."""
        if not self.waiting:
            return
        commands, expected = zip(*self.waiting, strict=True)
        self.waiting.clear()
        assert self.market.run(np.array(list(commands), COMMAND)).tolist() == list(expected)

    # What there is

    def compare(self) -> None:
        self.flush()
        self.compare_fills()
        self.compare_notes()
        self.apply_changes()
        assert self.market.counts().dropped == self.reference.dropped
        for key in range(-self.keys, 0):
            order = self.reference.orders.get(key)
            assert self.market.leaves(key) == (order.leaves if order else 0)
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

    def compare_fills(self) -> None:
        for row, f in zip(self.market.fills(), self.reference.fills, strict=True):
            who = (f.time_ns, f.maker, f.taker, f.px, f.qty, f.maker_leaves, f.taker_leaves, f.venue)
            assert row.tolist() == (*who, f.aggressor_sign, f.maker < 0, f.taker < 0, f.flags)
        self.traded += [(f.time_ns, f.px, f.qty, f.venue, f.aggressor_sign) for f in self.reference.fills]
        self.reference.fills.clear()

    def compare_notes(self) -> None:
        notes = self.market.notes()
        if self.batch:
            notes = notes[notes["reason"] != 2]  # a mass cancel's orders, which the rule book answers with
        expected = [
            (n.time_ns, n.key, n.leaves, n.after_fill, n.venue, n.reason) for n in self.reference.notes
        ]
        assert notes.tolist() == expected
        self.reference.notes.clear()

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
