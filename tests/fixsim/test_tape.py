"""The shipped tape gives back what was recorded; its file is exact and small; bad files are refused."""

from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixsim.matching import Capacity, EventKind, Kind, Market, Rules
from fixsim.matching.layout import EVENT, OPENING
from fixsim.tape import SHIPPED, Tape, TapeError, load_tape, save_tape, verify
from fixsim.tape.format import MATCH


@pytest.fixture(scope="module")
def tape() -> Tape:
    return load_tape()


@pytest.fixture
def tiny() -> Tape:
    """Two opening orders; a taker that fills one and rests; a cancel."""
    return Tape(
        symbol="BTC-USD",
        source="made up",
        tick_nanos=10_000_000,
        lots_per_unit=100_000_000,
        opening=np.array([(0, 1998, 5, 1), (1, 2000, 5, -1)], OPENING),
        events=np.array(
            [
                (10, 2, 2000, 7, -1, EventKind.LIMIT, 1),
                (10, 1, 0, 0, -1, EventKind.DONE, -1),
                (20, 0, 0, 0, -1, EventKind.CANCEL, 1),
            ],
            EVENT,
        ),
        matches=np.array([(2000, 5, 1, 2)], MATCH),
        end=np.array([(2, 2000, 2, 1)], OPENING),
    )


@pytest.mark.parametrize("venues", [1, 2, 3])
def test_fed_as_order_flow_it_gives_every_match_and_the_whole_end_book(tape: Tape, venues: int) -> None:
    report = verify(tape, venues)
    assert report.ok
    assert (report.matches_equal, report.end_orders_equal) == (501, 66_833)
    assert (report.events, report.opening_orders) == (24_418, 66_811)
    assert (report.cancels_ignored, report.displaced) == (0, 0)


def test_the_recording_holds_what_makes_it_hard(tape: Tape) -> None:
    kinds = np.bincount(tape.events["kind"], minlength=4)
    assert kinds.tolist() == [12_170, 50, 11_696, 502]
    assert int((tape.events["funds"] >= 0).sum()) == 7
    assert (tape.opening["px"].min(), tape.opening["px"].max()) == (2, 2 * 999_999_999_900)
    assert (tape.start_ns, tape.end_ns) == (1531514831025000000, 1531515411332000000)
    assert SHIPPED.stat().st_size <= 1_000_000
    assert "MIT License" in SHIPPED.with_name("NOTICE").read_text()


def test_feeding_it_in_steps_is_feeding_it_at_once(tape: Tape) -> None:
    at_once, in_steps = Market.for_tape(tape, 2), Market.for_tape(tape, 2)
    at_once.step_until(tape.end_ns)
    while (due := in_steps.next_time_ns) is not None:
        assert in_steps.step_until(due - 1) == 0
        assert in_steps.step_until(due + 250_000_000) > 0
        in_steps.changes()
    assert in_steps.digest() == at_once.digest()
    assert in_steps.fills().tolist() == at_once.fills().tolist()
    assert in_steps.replay_event() == 0


def test_verify_tells_what_differs(tape: Tape) -> None:
    matches = tape.matches.copy()
    matches["qty"][7] += 1
    report = verify(replace(tape, matches=matches))
    assert (report.ok, report.matches_equal, report.end_orders_equal) == (False, 500, 66_833)
    without_first_cancel = np.delete(tape.events, np.argmax(tape.events["kind"] == EventKind.CANCEL))
    report = verify(replace(tape, events=without_first_cancel))
    assert (report.ok, report.end_orders, report.queue_equal) == (False, 66_834, False)


def test_a_participant_takes_from_the_recording_and_history_bends_around_it(tape: Tape) -> None:
    market = Market.for_tape(tape, 2)
    arrived_ns = tape.start_ns + 5_000_000_000
    market.step_until(arrived_ns)
    asked, bought = 20 * 10**8, 0
    for venue in (0, 1):
        ask = market.best(venue).ask_px
        bought += market.submit(venue, -1 - venue, 1, ask + 400, asked, Kind.IOC, arrived_ns).filled
    bid = market.best(0).bid_px
    market.submit(0, -3, 1, bid + 2, 10**7, Kind.LIMIT, arrived_ns)
    market.step_until(tape.end_ns)
    fills, counts = market.fills(), market.counts()
    mine = fills[fills["maker_is_ours"] | fills["taker_is_ours"]]
    assert int(mine["qty"][mine["taker_is_ours"]].sum()) == bought > 0
    assert int(mine["qty"][mine["maker_is_ours"]].sum()) == 10**7 - market.leaves(-3) > 0
    assert counts.ignored > 0, "recorded cancels of what we consumed"
    for venue in (0, 1):
        touch = market.best(venue)
        assert touch.bid_px < touch.ask_px


def test_no_order_of_the_recording_outlives_its_recorded_end(tape: Tape) -> None:
    """Without the DONE events, orders that a participant displaced would stay as ghosts."""
    done = set(tape.events["ordinal"][tape.events["kind"] >= EventKind.CANCEL].tolist())
    market = Market.for_tape(tape, 3, rules=Rules(((0, 1),)))
    for key in range(1, 6):
        market.step_until(tape.start_ns + key * 20_000_000_000)
        bid = max(market.best(venue).bid_px for venue in range(3))
        market.submit(key % 3, -key, 1, bid + 1, 10**9, Kind.LIMIT, 0)  # before every recorded bid
        market.fills()
    market.step_until(tape.end_ns)
    left = {int(row["key"]) for venue in range(3) for row in market.orders(venue)}
    assert not left & done
    assert market.counts().displaced > 0


# The file


def test_a_tape_comes_back_exactly_and_its_bytes_repeat(tape: Tape, tiny: Tape, tmp_path: Path) -> None:
    for name, original in (("a", tape), ("b", tiny)):
        save_tape(original, tmp_path / name)
        read = load_tape(tmp_path / name)
        for field in ("opening", "events", "matches", "end"):
            assert np.array_equal(getattr(read, field), getattr(original, field))
        assert (read.symbol, read.source, read.tick_nanos) == (
            original.symbol,
            original.source,
            original.tick_nanos,
        )
        save_tape(read, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / name).read_bytes()
    assert verify(tiny, 3, Capacity(orders=8, recorded=8, own=1, window=64, overflow=4, fills=8)).ok


def test_a_missing_cut_or_foreign_file_is_refused_by_name(tiny: Tape, tmp_path: Path) -> None:
    path = tmp_path / "some.xz"
    with pytest.raises(TapeError, match=r"some.xz: No such file"):
        load_tape(path)
    save_tape(tiny, path)
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    with pytest.raises(TapeError, match=r"some.xz: (damaged|cut short)"):
        load_tape(path)
    path.write_bytes(good[:60] + bytes([good[60] ^ 1]) + good[61:])
    with pytest.raises(TapeError, match=r"some.xz: damaged"):
        load_tape(path)
    path.write_bytes(b"PK\3\4")
    with pytest.raises(TapeError, match=r"some.xz: (damaged|cut short)"):
        load_tape(path)
    path.write_bytes(lzma.compress(b"time,price\n"))
    with pytest.raises(TapeError, match=r"some.xz: not a tape"):
        load_tape(path)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"tick_nanos"', b'"tick_nan0s"', "not readable as a tape: 'tick_nanos'"),
        (b"opening.qty", b"opening.qtz", "column opening.qtz is not known"),
        (b"end.sign", b"end.qqqq", "column end.qqqq is not known"),
        (b'"rows":2,', b'"rows":3,', "(rows, not|are not there|left over)"),
        (b'"width":1,', b'"width":3,', "rows of 3 bytes are not there"),
        (b'"symbol"', b'symbol""', "not readable as a tape"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    tiny: Tape, tmp_path: Path, before: bytes, after: bytes, words: str
) -> None:
    path = tmp_path / "some.xz"
    save_tape(tiny, path)
    path.write_bytes(lzma.compress(lzma.decompress(path.read_bytes()).replace(before, after, 1)))
    with pytest.raises(TapeError, match=words):
        load_tape(path)


@pytest.mark.parametrize(
    ("array", "row", "field", "value", "words"),
    [
        ("events", 1, "time_ns", 9, "event 1: time runs backwards"),
        ("events", 1, "kind", 4, "event 1: unknown kind"),
        ("events", 0, "px", 0, "event 0: price out of range"),
        ("events", 0, "qty", 0, "event 0: quantity out of range"),
        ("events", 0, "sign", 2, "event 0: side is neither"),
        ("events", 2, "ordinal", -1, "event 2: ordinal out of range"),
        ("opening", 1, "qty", 1 << 50, "opening order 1: quantity out of range"),
        ("opening", 0, "px", -4, "opening order 0: price out of range"),
    ],
)
def test_impossible_contents_are_refused_by_row(
    tiny: Tape, tmp_path: Path, array: str, row: int, field: str, value: int, words: str
) -> None:
    changed: Any = getattr(tiny, array).copy()
    changed[field][row] = value
    save_tape(replace(tiny, **{array: changed}), tmp_path / "bad.xz")
    with pytest.raises(TapeError, match=rf"bad\.xz: {words}"):
        load_tape(tmp_path / "bad.xz")
