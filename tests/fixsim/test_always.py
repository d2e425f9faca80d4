"""What must hold whatever is built on the market; learning.md names each. The recordings that do not ship are
read where SHARED_DATA says where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fixsim.chance import Chance
from fixsim.impact import Impact
from fixsim.matching import Capacity, EventKind, Kind, Market
from fixsim.matching.layout import EVENT, RESTING, Records
from fixsim.matching.ledger import PartialKind
from fixsim.matching.partial import TAKERS
from fixsim.matching.partialmarket import PartialMarket
from fixsim.matching.shift import Response
from fixsim.tape import Tape, load_tape, verify
from fixsim.tape.partial import PartialTape
from tests.fixsim.partial_tapes import SMALL, goog, seen
from tests.fixsim.test_partial import BEFORE, PRICES, PX, STREAMS, WINDOWS

S = 10**9
FLOW = Capacity(orders=512, recorded=256, own=64, window=64, overflow=64, fills=2048, trades=8, notes=128)
Goog = tuple[PartialTape, NDArray[np.int64], NDArray[np.int64]]
RESTS = np.dtype([*RESTING.descr, ("venue", "i8")])


@pytest.fixture(scope="module")
def coinbase() -> Tape:
    return load_tape()


@pytest.fixture(scope="module")
def google(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Goog:
    return goog(shared_data, tmp_path_factory.mktemp("tapes"))


# A replay without the agent equals history


@pytest.mark.parametrize("venues", [1, 2, 3])
def test_coinbase_replays_to_every_match_and_every_end_order(coinbase: Tape, venues: int) -> None:
    report = verify(coinbase, venues)
    assert report.ok, report
    assert (report.matches, report.end_orders) == (501, 66_833)


def test_goog_replays_to_every_level_after_every_row_and_every_execution(google: Goog) -> None:
    recording, row_of, book = google
    market = PartialMarket(recording, 1)
    last_of_row = np.flatnonzero(np.diff(row_of, append=len(book)))
    assert len(last_of_row) == len(book) == 147_916
    shown = np.zeros_like(book)
    fed = 0
    for row, last in enumerate(last_of_row):
        while fed <= last:
            fed += market.replay_event()
        for side, sign in enumerate((1, -1)):
            px, qty = market.depth(0, sign)
            assert len(px) == 10, f"row {row}"
            shown[row, side] = px, qty
    assert np.array_equal(shown, book)
    assert np.array_equal(*executions(market.fills(), recording))
    counts = market.replay_counts()
    assert (counts.entered, counts.left, counts.passed_over) == (44_451, 45_108, 5)
    assert counts.hidden == 213_616
    assert sum(counts) == 44_451 + 45_108 + 5 + 213_616, "nothing else had to be adjusted"


@pytest.mark.parametrize("venues", [2, 3])
def test_goog_over_several_venues_is_the_same_book_and_the_same_trades(google: Goog, venues: int) -> None:
    recording, row_of, book = google
    market = PartialMarket(recording, venues)
    for row in range(0, len(book), 97):
        until = int(np.searchsorted(row_of, row, side="right"))
        while market.counts().events < until:
            market.replay_event()
        for side, sign in enumerate((1, -1)):
            levels = consolidated(market, sign)
            assert sorted(levels.items(), key=lambda level: -sign * level[0]) == list(
                zip(*book[row, side].tolist(), strict=True)
            )
    market.step_until(recording.end_ns)
    assert np.array_equal(*executions(market.fills(), recording))
    assert market.replay_counts().contradicted == 0


def executions(fills: Records, recording: PartialTape) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Price, lots and maker (anonymous: -1) of every fill, and of the recorded execution that it is."""
    recorded = recording.events[fills["taker_key"] - TAKERS]
    assert len(recorded) == 7_765 == np.sum(recording.events["kind"] == PartialKind.TRADE)
    assert (recorded["kind"] == PartialKind.TRADE).all()
    named = fills["maker_key"] < recording.ordinals
    assert named.sum() == 6_949, "the others were there before the recording, or while it did not look"
    return (
        np.column_stack([fills["px"], fills["qty"], np.where(named, fills["maker_key"], -1)]),
        np.column_stack([recorded["px"], recorded["qty"], np.where(named, recorded["ordinal"], -1)]),
    )


def consolidated(market: Market, sign: int) -> dict[int, int]:
    total: dict[int, int] = {}
    for venue in range(market.venues):
        for px, qty in zip(*(column.tolist() for column in market.depth(venue, sign)), strict=True):
            total[px] = total.get(px, 0) + qty
    return total


# A round trip does not pay


class Plan(NamedTuple):
    orders: int
    between_ns: int
    hold_ns: int
    turn: int = 0
    """After it, so many times an order's lots the other way, at once."""


PLANS = {
    "at once": Plan(1, 0, S),
    "held": Plan(1, S, 5 * S),
    "sliced": Plan(10, S, S),
    "a little dearly, then much the other way": Plan(10, S, 0, turn=100),
}
BETAS = (0.4, 0.5, 0.6, 0.7)


@dataclass
class Trip:
    """Into a position by market orders, and out of it by market orders."""

    market: Market
    now_ns: int
    cash: int = 0
    held: int = 0
    bought: int = 0
    keys: int = 0

    def wait(self, ns: int) -> None:
        self.now_ns += ns
        self.market.step_until(self.now_ns)
        self.market.changes()
        self.market.fills()

    def trade(self, sign: int, lots: int) -> None:
        self.keys += 1
        self.market.submit(0, -self.keys, sign, 0, lots, Kind.MARKET, self.now_ns)
        for fill in self.market.fills():
            qty = sign * int(fill["qty"])
            self.held += qty
            self.cash -= qty * int(fill["px"])
            self.bought += max(0, qty)

    def make(self, sign: int, plan: Plan, lots: int) -> float:
        """What a lot of it earned, in half ticks."""
        for _ in range(plan.orders):
            self.trade(sign, lots)
            self.wait(plan.between_ns)
        self.wait(plan.hold_ns)
        if plan.turn:
            self.trade(-sign, plan.turn * lots)
            self.wait(S)
        out = max(lots, plan.turn * lots // 4)
        while self.held:
            self.trade(-1 if self.held > 0 else 1, min(out, abs(self.held)))
            self.wait(S)
        return self.cash / self.bought


def trips(make: Callable[[], Market], starts: list[int], plan: Plan, lots: int) -> NDArray[np.float64]:
    """By start: the mean of a trip that buys first and one that sells first, so that drift earns nothing."""
    earned = []
    for start_ns in starts:
        both = []
        for sign in (1, -1):
            trip = Trip(make(), start_ns)
            trip.wait(0)
            both.append(trip.make(sign, plan, lots))
        earned.append(sum(both) / 2)
    return np.array(earned)


def starts(recording: Tape | PartialTape, n: int) -> list[int]:
    chance = Chance(2018)
    span = recording.end_ns - recording.start_ns
    return [recording.start_ns + int(span * (0.02 + 0.85 * chance.uniform())) for _ in range(n)]


def at_most(values: NDArray[np.float64]) -> float:
    """The mean's upper bound, 97.5 % sure, by bootstrap over the starts: earnings are far from normal."""
    draws = np.random.default_rng(7).integers(0, len(values), (2000, len(values)))
    return float(np.quantile(values[draws].mean(axis=1), 0.975))


def must_not_pay(
    make: Callable[[Response | None], Market], at: list[int], plan: Plan, lots: int, law: Impact, px: int
) -> None:
    alone = trips(lambda: make(None), at, plan, lots)
    for beta in BETAS:
        earned = trips(lambda beta=beta: make(law.of_beta(beta, px)), at, plan, lots)  # type: ignore[misc]
        assert at_most(earned) < 0, f"beta {beta}: {earned}"
        assert at_most(earned - alone) <= 1, f"beta {beta}: the response itself pays, {earned - alone}"


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("lots", [1_000_000, 100_000_000])
def test_a_round_trip_on_coinbase_does_not_pay_in_expectation(coinbase: Tape, plan: str, lots: int) -> None:
    """From a hundredth of a coin to ten; a day's volume of 10,000 coins."""
    law = Impact(y=1.0, volatility=0.03, volume_lots=1e12, half_life_s=60.0)
    at, px = starts(coinbase, 10), 2 * 622_000
    must_not_pay(lambda r: Market.for_tape(coinbase, 1, impact=r), at, PLANS[plan], lots, law, px)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("lots", [10, 100, 300])
def test_a_round_trip_on_goog_does_not_pay_in_expectation(google: Goog, plan: str, lots: int) -> None:
    """A day's volume of 2.5 million shares."""
    law = Impact(y=1.0, volatility=0.015, volume_lots=2.5e6, half_life_s=60.0)
    recording = google[0]
    at, px = starts(recording, 12), 2 * 57_000
    must_not_pay(lambda r: PartialMarket(recording, 1, impact=r), at, PLANS[plan], lots, law, px)


# Participants who do anything


ACTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("submit"), st.integers(0, 2), st.sampled_from([1, -1]), PRICES, st.integers(1, 9),
            st.sampled_from([Kind.LIMIT, Kind.LIMIT, Kind.LIMIT, Kind.IOC, Kind.MARKET, Kind.FOK]),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("replace"), st.integers(0, 20), PRICES, st.integers(1, 9)),
        st.tuples(st.just("step"), st.integers(1, 5)),
    ),
    min_size=10, max_size=40,
)  # fmt: skip
IMPACTS = st.one_of(
    st.none(), st.builds(Response, st.floats(1, 40), st.just(100.0), st.floats(0.4, 0.7), st.just(9.0))
)


def flow(stream: list[tuple[int, ...]]) -> Records:
    """The same operations as a recording of orders: arrivals, and cancels of what came before."""
    events, came = [], 0
    for time, (what, *rest) in enumerate(stream):
        if what == 0:
            sign, px, qty = rest
            events.append((time, came, px, qty, -1, EventKind.LIMIT, sign))
            came += 1
        elif came:
            events.append(
                (time, rest[0] % came, 0, 0, -1, EventKind.CANCEL if rest[2] else EventKind.DONE, 1)
            )
    return np.array(events, EVENT)


class Participants:
    """They act, and each moment's orders are compared with those of the moment before."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.asked: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.filled: dict[int, int] = {}
        self.fills: list[Records] = []

    def run(self, acts: list[tuple[Any, ...]]) -> Iterator[tuple[Records, Records]]:
        """After each act and each recorded event: the resting orders before it, and its fills."""
        for now, act in enumerate([*acts, ("step", 200)]):
            for part in [("step", 1)] * act[1] if act[0] == "step" else [act]:
                before = self.resting()
                self.do(part, now)
                fills = self.market.fills()
                self.fills.append(fills)
                yield before, fills

    def resting(self) -> Records:
        """RESTING records of all venues, and the venue of each."""
        parts = []
        for venue in range(self.market.venues):
            rows = self.market.orders(venue)
            parts.append(np.zeros(len(rows), RESTS))
            for name in rows.dtype.names or ():
                parts[-1][name] = rows[name]
            parts[-1]["venue"] = venue
        return np.concatenate(parts)

    def do(self, act: tuple[Any, ...], now: int) -> None:
        market, keys = self.market, len(self.asked)
        match act:
            case ("submit", venue, sign, px, qty, kind):
                key = -1 - keys
                self.asked[key] = qty
                self.back[key] = market.submit(venue % market.venues, key, sign, px, qty, kind, now).cancelled
            case ("cancel", which) if keys:
                self.back[-1 - which % keys] += market.cancel(-1 - which % keys)
            case ("replace", which, px, qty) if keys and (left := market.leaves(key := -1 - which % keys)):
                self.asked[key] += qty - left
                market.replace(key, px, qty, now)
            case ("step", _):
                market.replay_event()


def markets(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    impact: Response | None,
) -> list[Market]:
    """One that replays orders, one that replays what a window of so many levels showed of them."""
    _, recording = seen(levels, before, stream)
    return [
        Market(venues, PX, capacity=FLOW, events=flow([*before, *stream]), impact=impact),
        PartialMarket(recording, venues, capacity=SMALL, impact=impact),
    ]


@given(before=BEFORE, stream=STREAMS, levels=WINDOWS, venues=st.integers(1, 3), acts=ACTS)
def test_no_passive_fill_before_the_queue_ahead_is_gone(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    acts: list[tuple[Any, ...]],
) -> None:
    for market in markets(before, stream, levels, venues, None):
        participants = Participants(market)
        for rested, fills in participants.run(acts):
            still = {int(row["key"]): int(row["qty"]) for row in participants.resting()}
            for fill in fills[fills["maker_is_ours"]]:
                maker = rested[rested["key"] == fill["maker_key"]][0]
                sign = int(maker["sign"])
                better = sign * (rested["px"] - maker["px"])
                ahead = (rested["sign"] == sign) & (
                    (better > 0) | ((better == 0) & (rested["arrival"] < maker["arrival"]))
                )
                if fill["taker_is_ours"]:  # trades at its own venue
                    ahead &= rested["venue"] == fill["venue"]
                for row in rested[ahead]:
                    assert int(row["key"]) not in still, (fill, row)


@given(
    before=BEFORE, stream=STREAMS, levels=WINDOWS, venues=st.integers(1, 3), acts=ACTS, impact=IMPACTS
)  # fmt: skip
def test_shares_are_conserved(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    acts: list[tuple[Any, ...]],
    impact: Response | None,
) -> None:
    """Every lot that anybody asked for was traded, given back, or rests; of recorded orders too."""
    for market in markets(before, stream, levels, venues, impact):
        participants = Participants(market)
        traded: dict[int, int] = {}
        for _, fills in participants.run(acts):
            assert (fills["qty"] > 0).all()
            for side in ("maker_key", "taker_key"):
                for key, qty in zip(fills[side].tolist(), fills["qty"].tolist(), strict=True):
                    traded[key] = traded.get(key, 0) + qty
        rests = {int(row["key"]): int(row["qty"]) for row in participants.resting()}
        for key, qty in participants.asked.items():
            assert qty == traded.get(key, 0) + participants.back[key] + rests.get(key, 0)
        if not isinstance(market, PartialMarket):
            events = flow([*before, *stream])
            cancelled = set(events["ordinal"][events["kind"] >= EventKind.CANCEL].tolist())
            for event in events[events["kind"] == EventKind.LIMIT]:
                key, left = int(event["ordinal"]), int(event["qty"])
                left -= traded.get(key, 0) + rests.get(key, 0)
                assert left == 0 or (left > 0 and key in cancelled)


@given(
    before=BEFORE, stream=STREAMS, levels=WINDOWS, venues=st.integers(1, 3), acts=ACTS, impact=IMPACTS
)  # fmt: skip
def test_the_same_acts_give_the_same_hash_in_however_many_steps_the_recording_comes(
    before: list[tuple[int, ...]],
    stream: list[tuple[int, ...]],
    levels: int,
    venues: int,
    acts: list[tuple[Any, ...]],
    impact: Response | None,
) -> None:
    for pair in zip(*(markets(before, stream, levels, venues, impact) for _ in range(2)), strict=True):
        seen_by = []
        for market, at_once in zip(pair, (True, False), strict=True):
            participants, now, fills = Participants(market), 0, []
            for act in [*acts, ("step", 200)]:
                if act[0] != "step":
                    participants.do(act, now)
                    continue
                now += act[1]
                while not at_once and (due := market.next_time_ns) is not None and due <= now:
                    market.step_until(due)
                    fills.append(market.fills())
                    market.changes()
                market.step_until(now)
            fills.append(market.fills())
            seen_by.append((market.digest(), np.concatenate(fills).tobytes()))
        assert seen_by[0] == seen_by[1]
