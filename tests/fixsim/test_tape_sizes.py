"""A market is as large as its recording needs: orders, orders at once, far prices; and what is too large."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixsim.matching.recording as sizes
from fixsim.flow.source import TapeFlow, from_tape
from fixsim.listing import Listing, Pace
from fixsim.matching import BookFull, Capacity, EventKind, Kind, Market
from fixsim.matching.layout import EVENT, OPENING, Records
from fixsim.matching.partialmarket import PartialMarket
from fixsim.matching.recording import flow_capacity
from fixsim.tape import Tape, TapeError, verify
from fixsim.tape.edits import load_recording
from fixsim.tape.format import MATCH, check_tape
from fixsim.tape.schema import Type
from fixsim.tape.writer import TapeWriter
from risk.errors import SettingsError
from tests.fixsim.market import START_NS, settings
from tests.fixsim.partial_tapes import ADD, DELETE, ENTER, REDUCE, Row
from tests.fixsim.partial_tapes import tape as window

LIMIT, MARKET, CANCEL, DONE = (int(kind) for kind in EventKind)
USUAL = Capacity()
PX = 20_000


def flow(events: Records, matches: int = 0, end: Records | None = None) -> Tape:
    made = np.zeros(matches, MATCH)
    left = np.zeros(0, OPENING) if end is None else end
    return Tape("A", "made up", 10**7, 1, np.zeros(0, OPENING), events, made, left)


def many(n: int, *, resting: bool) -> Tape:
    """`n` bids; each is cancelled at once unless `resting`."""
    ordinal = np.arange(n)
    came = np.zeros(n, EVENT)
    came["ordinal"], came["time_ns"], came["px"] = ordinal, 1 + ordinal, PX - 2 * (ordinal % 50)
    came["qty"], came["funds"], came["kind"], came["sign"] = 1, -1, LIMIT, 1
    if not resting:
        gone = came.copy()
        gone["kind"], gone["px"], gone["qty"] = CANCEL, 0, 0
        return flow(np.stack([came, gone], axis=1).reshape(-1))
    end = np.zeros(n, OPENING)
    end["ordinal"], end["px"], end["qty"], end["sign"] = ordinal, came["px"], 1, 1
    return flow(came, end=end[np.lexsort((ordinal, -end["px"]))])


def test_more_orders_than_the_usual_are_replayed_and_verified() -> None:
    tape = many(USUAL.recorded + 10, resting=False)
    report = verify(tape, 2)
    assert (report.ok, report.events) == (True, len(tape.events))
    source = from_tape(tape, 2)
    assert source.market.capacity.orders == USUAL.orders, "no more than one rests at once"
    assert source.flow.step_until(tape.end_ns) == len(tape.events)


def test_more_resting_orders_than_the_usual_are_met_by_one_taker() -> None:
    n = USUAL.orders + 10
    tape = many(n, resting=True)
    assert verify(tape).ok
    market = from_tape(tape, 1).market
    market.step_until(tape.end_ns)
    assert market.submit(0, -1, -1, 0, n + 5, Kind.MARKET, tape.end_ns).filled == n


def test_far_prices_get_levels_of_their_own() -> None:
    n = USUAL.overflow + 10
    tape = many(n, resting=True)
    tape.events["px"] = 10**6 + 2 * np.arange(n)
    market = from_tape(tape, 1).market
    assert market.step_until(tape.end_ns) == n


def test_the_shipped_tape_needs_no_more_than_the_usual(shipped: Tape) -> None:
    assert flow_capacity(shipped, 2, int(shipped.opening["px"][0])) == USUAL


@pytest.fixture(scope="module")
def shipped() -> Tape:
    from fixsim.tape import load_tape

    return load_tape()


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([LIMIT, MARKET, CANCEL, DONE])), max_size=40))
def test_the_orders_at_rest_are_counted_as_one_would(said: list[tuple[int, int]]) -> None:
    resting: set[int] = set()
    most = 0
    for ordinal, kind in said:
        if kind == LIMIT:
            resting.add(ordinal)
        elif kind >= CANCEL:
            resting.discard(ordinal)
        most = max(most, len(resting))
    ordinals, kinds = np.array([o for o, _ in said], np.int64), np.array([k for _, k in said], np.int64)
    assert sizes._most(ordinals, kinds == LIMIT, kinds >= CANCEL) == most


def test_a_window_of_many_orders_is_replayed() -> None:
    n = USUAL.orders + 10
    opening: list[Row] = [(ENTER, 1, PX, 5, -1), (ENTER, -1, PX + 10, 5, -1)]
    adds: list[Row] = [(ADD, 1, PX, 1, i) for i in range(n)]
    market = PartialMarket(replace(window(opening, adds, 2), ids=np.arange(n)), 1)
    assert market.step_until(1 << 60) == n
    assert market.capacity.orders > n
    paired: list[Row] = []
    for i in range(9000):
        paired += [(ADD, 1, PX, 3, i), (REDUCE, 1, PX, 1, i), (DELETE, 1, PX, 2, i)]
    recorded = replace(window(opening, paired, 2), ids=np.arange(9000))
    assert PartialMarket(recorded, 1).capacity.orders == USUAL.orders


def test_what_is_too_large_is_said_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    tape = many(USUAL.orders + 10, resting=True)
    tape.events["qty"][7] = 1 << 46
    with pytest.raises(
        TapeError, match=r"^A: the tape cannot be replayed: a recorded order of 70368744177664"
    ):
        from_tape(tape, 1)
    with pytest.raises(TapeError, match=r"^A: cannot be replayed: a recorded order of"):
        verify(tape)
    tape.events["qty"][7] = 1
    monkeypatch.setattr(sizes, "MOST_BYTES", 1 << 20)
    with pytest.raises(BookFull, match=r"131082 recorded orders, .* need a market of \d+ MiB; the most is 1"):
        Market.for_tape(tape, 1)
    with pytest.raises(TapeError, match=r"^A: the tape cannot be replayed: 131082 recorded orders"):
        from_tape(tape, 1)


def test_a_tape_without_events_is_refused() -> None:
    tape = flow(np.zeros(0, EVENT))
    with pytest.raises(TapeError, match="A: there is no event to replay"):
        verify(tape)
    with pytest.raises(TapeError, match="x: there is no event"):
        check_tape(tape, Path("x"))


def test_a_window_without_events_is_refused(tmp_path: Path) -> None:
    with TapeWriter(
        tmp_path, format="x", kind="partial", venue="X", symbol="A", tick_nanos=10, lots_per_unit=1
    ) as writer:
        writer.row(1, Type.SNAPSHOT, 1, 100, 5, row=0)
    with pytest.raises(TapeError, match="there is no event after the opening book"):
        load_recording(writer.folder)


def crossings(n: int) -> Tape:
    """`n` times an offer, and the bid that takes it: a fill each."""
    events = np.zeros(2 * n, EVENT)
    events["ordinal"] = np.arange(2 * n)
    events["time_ns"] = START_NS + np.arange(2 * n)
    events["px"], events["qty"], events["funds"], events["kind"] = PX, 1, -1, LIMIT
    events["sign"][0::2], events["sign"][1::2] = -1, 1
    return flow(events)


def open_late(tape: Tape, capacity: Capacity) -> Listing:
    rules = settings()
    source = from_tape(tape, len(rules.lit), start_ns=tape.end_ns)
    market = Market.for_tape(tape, len(rules.lit), capacity=capacity)
    source = replace(source, market=market, flow=TapeFlow(market))
    return Listing.open(rules, rules.instrument, source, Pace(0, tape.end_ns, Fraction(1)), 0)


def test_a_late_start_drains_on_the_way() -> None:
    tape = crossings(500)
    listing = open_late(tape, Capacity(fills=64))
    assert listing.lit.market.counts().events == 999
    assert len(listing.lit.market.fills()) == 0


def test_what_does_not_fit_before_a_late_start_is_one_line() -> None:
    tape = many(100, resting=True)
    with pytest.raises(
        SettingsError, match=r"^BTC-USD: what is before the start does not fit: tape event 64,"
    ):
        open_late(tape, Capacity(orders=64))
