"""Generated flow as a frame and as a tape: the tape's replay is the very same market."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fixsim.flow.log import Log
from fixsim.flow.markets import queue_reactive, zero_intelligence
from fixsim.flow.model import load_model
from fixsim.flow.record import Listing, record, record_tape
from fixsim.flow.source import Source
from fixsim.flow.zero import Rates
from fixsim.matching import Market
from fixsim.tape.convert import flow_tape
from fixsim.tape.frame import Change
from fixsim.tape.reader import open_tape
from fixsim.tape.schema import Type
from fixsim.tape.verify import verify

LISTING = Listing("QRM", 10_000_000)
MODEL = load_model()
RATES = Rates(limit_per_s=0.8, market_per_s=2.0, cancel_per_s=0.15, lots=100, ticks=12)


def reactive(log: Log | None = None, seed: int = 5, venues: int = 1) -> Source:
    return queue_reactive(MODEL, seed=seed, venues=venues, duration_s=300.0, log=log)


def zero(log: Log | None = None, seed: int = 5, venues: int = 1) -> Source:
    return zero_intelligence(RATES, seed=seed, venues=venues, duration_s=120.0, log=log)


@pytest.mark.parametrize("opens", [reactive, zero])
def test_the_tape_replays_to_the_same_book_and_trades(opens: object, tmp_path: Path) -> None:
    assert callable(opens)
    ran: list[Source] = []

    def kept(log: Log) -> Source:
        ran.append(opens(log, venues=2))
        return ran[0]

    went: list[int] = []
    folder = record_tape(kept, LISTING, tmp_path, note="made by a test", progress=went.append)
    stored = open_tape(folder)
    assert (stored.meta.format, stored.meta.kind, stored.meta.notes) == (
        "generated", "flow", ["made by a test"],
    )  # fmt: skip
    assert sum(went) == ran[0].stop_ns - ran[0].start_ns
    tape = flow_tape(stored)
    report = verify(tape, 2)
    assert report.ok
    assert report.matches_recorded == ran[0].market.counts().matches > 50
    replayed = Market.for_tape(tape, 1)
    replayed.step_until(tape.end_ns)
    for sign in (1, -1):
        both = dict[int, int]()
        for venue in range(2):
            for px, qty in zip(*(a.tolist() for a in ran[0].market.depth(venue, sign)), strict=True):
                both[px] = both.get(px, 0) + qty
        assert dict(zip(*(a.tolist() for a in replayed.depth(0, sign)), strict=True)) == both


def test_a_tape_says_what_kind_each_row_is(tmp_path: Path) -> None:
    rows = open_tape(record_tape(reactive, LISTING, tmp_path)).load()
    kinds = {Type(int(t)) for t in np.unique(rows["type"])}
    assert kinds == {Type.SNAPSHOT, Type.LIMIT, Type.ADD, Type.MARKET, Type.TRADE, Type.DELETE}
    market = np.flatnonzero(rows["type"] == Type.MARKET)
    for at in market[:200]:
        trades = rows[at + 1 : at + 200]
        trades = trades[(trades["type"] == Type.TRADE) & (trades["contra_id"] == rows["order_id"][at])]
        assert trades["quantity"].sum() == rows["quantity"][at]
        assert (trades["side"] == -rows["side"][at]).all()
    limits = rows["type"] == Type.LIMIT
    assert (rows["type"][np.flatnonzero(limits) + 1] == Type.ADD).all()
    assert len(set(rows["order_id"][limits].tolist())) == limits.sum()


def test_the_frame_is_the_book_after_each_event_and_repeats() -> None:
    frame, again = record(reactive, LISTING), record(reactive, LISTING)
    other = record(lambda log: reactive(log, 6), LISTING)
    assert len(frame) == len(again) != len(other)
    for name in ("time_ns", "change", "side", "price", "quantity", "order_id", "px", "qty"):
        assert np.array_equal(getattr(frame, name), getattr(again, name)), name
    assert set(np.unique(frame.change)) == {Change.LIMIT, Change.CANCEL, Change.MARKET}
    assert (frame.px[:, 0, 0] < frame.px[:, 1, 0]).all()
    assert (np.diff(frame.px[:, 1, :6], axis=1) > 0).all()
    assert (frame.price % LISTING.tick_nanos == 0).all()
    before, after = frame.qty[:-1].sum(axis=2), frame.qty[1:].sum(axis=2)
    calm = (frame.px[:-1] == frame.px[1:]).all(axis=(1, 2))
    side = np.where(frame.side[1:] > 0, 0, 1)
    rows = np.arange(len(side))
    change = (after - before)[rows, side]
    sign = np.where(frame.change[1:] == Change.LIMIT, 1, -1)
    seen = calm & (frame.px[1:][rows, side] == frame.price[1:, None]).any(axis=1)
    assert np.array_equal(change[seen], (sign * frame.quantity[1:])[seen])
    assert seen.mean() > 0.5


def test_a_record_of_nothing_says_so() -> None:
    dead = Rates(limit_per_s=1e-9, market_per_s=0.0, cancel_per_s=1e-9, lots=1, ticks=1)
    with pytest.raises(ValueError, match="nothing happened"):
        record(lambda log: zero_intelligence(dead, seed=1, duration_s=1.0, log=log), LISTING)
