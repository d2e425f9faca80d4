"""The matching core alone: recorded order flow, a stream of participants' orders, and hftbacktest beside it.

Two streams, each given to ours and to hftbacktest in one run, the repeats in turn:

- *recording*: the shipped tape from its opening book on. Ours matches the recorded orders; hftbacktest is
  fed what came of it (adds, fills, cancels), since it does not match the market's own orders.
- *orders*: a seeded stream of orders around a wandering price, through the batch door, once of the common
  types and once of every type. hftbacktest is again fed what came of the first.

A rate is the stream's events (orders, cancels, replaces: what came in) by the seconds that they took, for
both engines. Over the recording the two must agree on the touch at the end; if they do not, there is no
figure but a BenchError.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fixsim.bench.settings import BenchError
from fixsim.matching import Capacity, Kind, Market
from fixsim.matching.layout import COMMAND, EventKind, Records
from fixsim.matching.terms import Op
from fixsim.tape.format import Tape, load_tape

PEER = Path(__file__).parent / "peers" / "hftbacktest_feed.py"
"""No module of ours: nothing of this environment imports it."""
BATCH, EVERY_TYPE = "orders, batch door", "orders of every type, batch door"
FEED = np.dtype(
    [
        ("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"),
        ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8"),
    ],
    align=True,
)  # fmt: skip
"""hftbacktest 2's event record."""

ADD, CANCEL, MODIFY, FILL = 10, 11, 12, 13
EVERYWHERE, BUY, SELL = 1 << 31 | 1 << 30, 1 << 29, 1 << 28
FARTHEST = 2
"""Times the middle beyond which the recording's offers are left out of hftbacktest's feed: its prices are an
array, and some ask for millions. None of them is ever at the touch; it is judged by what it was given."""
CHUNK = 4096
"""Commands in one call of the batch door; fills, notes and changed levels are taken after each."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One engine over one stream: seconds of each repeat."""

    stream: str
    engine: str
    events: int
    seconds: NDArray[np.float64]
    note: str = ""

    @property
    def per_s(self) -> float:
        """Events a second by the median repeat."""
        return float(self.events / np.median(self.seconds))


def replay_seconds(tape: Tape, venues: int, capacity: Capacity | None = None) -> tuple[float, Market]:
    """Process time to replay a tape from its opening book, and the market at its end."""
    market = Market.for_tape(tape, venues, capacity=capacity)
    begun = time.process_time()
    market.step_until(tape.end_ns)
    return time.process_time() - begun, market


def orders(count: int, seed: int, *, every_type: bool = False) -> Records:
    """`count` COMMAND records around a price that wanders: keys -1, -2, …, venue 0.

    Of a hundred: 46 limits, 42 cancels, 5 replaces, 5 IOC, 2 market orders. Cancels and replaces name an
    order that was not cancelled before; it may be filled, as at any venue. With `every_type` some limits are
    icebergs (2 %), post-only (5 %) or hidden (0.1 %), and a fifth of the IOC are FOK.
    """
    rng = np.random.default_rng(seed)
    commands = np.zeros(count, COMMAND)
    draw = rng.random(count)
    kind = np.select([draw < 0.93, draw < 0.98], [int(Kind.LIMIT), int(Kind.IOC)], int(Kind.MARKET))
    if every_type:
        kind = np.where((kind == Kind.IOC) & (rng.random(count) < 0.2), int(Kind.FOK), kind)
    op = np.select([draw < 0.42, draw < 0.47], [int(Op.CANCEL), int(Op.REPLACE)], int(Op.NEW))
    keys, sides = np.zeros(count, np.int64), np.zeros(count, np.int64)
    alive: list[int] = []
    side_of = np.where(rng.random(count + 1) < 0.5, 1, -1)
    pick, made = rng.random(count), 0
    for i in range(count):
        if op[i] == Op.NEW or not alive:
            op[i], made = int(Op.NEW), made + 1
            keys[i] = made
            if kind[i] == Kind.LIMIT:
                alive.append(made)
        else:
            at = int(pick[i] * len(alive))
            keys[i] = alive[at]
            if op[i] == Op.CANCEL:
                alive[at] = alive[-1]
                alive.pop()
        sides[i] = side_of[keys[i]]
    middle = 200_000 + 2 * np.cumsum(rng.integers(-1, 2, count) * (rng.random(count) < 0.02))
    away = 2 * np.where(kind == Kind.LIMIT, rng.geometric(0.12, count), -rng.integers(0, 4, count))
    special = rng.random(count)
    commands["time_ns"] = np.arange(count) * 1000
    commands["op"], commands["kind"], commands["sign"], commands["key"] = op, kind, sides, -keys
    commands["px"] = np.where(kind == Kind.MARKET, 0, middle - sides * away)
    commands["qty"] = rng.geometric(1 / 300, count)
    commands["owner"] = 1
    if every_type:
        limit = (op == Op.NEW) & (kind == Kind.LIMIT)
        commands["display_qty"] = np.where(limit & (special < 0.02), (commands["qty"] + 3) // 4, 0)
        commands["post_only"] = limit & (special > 0.95)
        commands["hidden"] = limit & (special > 0.02) & (special < 0.021)
    return commands


def batch_market() -> Market:
    """What the stream of orders is run in."""
    return Market(
        1,
        200_000,
        capacity=Capacity(
            orders=1 << 16, recorded=1, own=1 << 16, window=1 << 13, fills=1 << 16, notes=1 << 17,
            trades=1 << 10,
        ),
    )


def batch_seconds(commands: Records) -> tuple[float, Market, int]:
    """Process time through the batch door; the market at the end; commands that were not refused."""
    market = batch_market()
    accepted, taken = 0, 0.0
    for start in range(0, len(commands), CHUNK):
        part = commands[start : start + CHUNK]
        begun = time.process_time()
        results = market.run(part)
        market.fills()
        market.notes()
        market.changes()
        taken += time.process_time() - begun
        accepted += int(np.count_nonzero(results["code"] == 0))
    return taken, market, accepted


# -- what hftbacktest is fed ----------------------------------------------------------------------


class _Feed:
    """Rows of hftbacktest's feed; orders that it was never told of are left out."""

    def __init__(self, tick: float, lot: float) -> None:
        self.tick, self.lot = tick, lot
        self.rows: list[tuple[int, int, int, float, float, int, int, float]] = []
        self._known: dict[int, tuple[int, float]] = {}

    def put(self, kind: int, key: int, time_ns: int, qty: int) -> bool:
        known = self._known.get(key)
        if known is None:
            return False
        side, px = known
        self.rows.append((kind | EVERYWHERE | side, time_ns, time_ns, px, qty * self.lot, key, 0, 0.0))
        if kind == CANCEL:
            del self._known[key]
        return True

    def add(self, key: int, sign: int, px: int, time_ns: int, qty: int) -> None:
        self._known[key] = (BUY if sign > 0 else SELL, px * self.tick / 2)
        self.put(ADD, key, time_ns, qty)

    def filled(self, key: int, time_ns: int, qty: int, left: int) -> None:
        if self.put(FILL, key, time_ns, qty):
            self.put(MODIFY if left else CANCEL, key, time_ns, left)

    def array(self) -> Records:
        return np.array(self.rows, FEED)


def feed_of_recording(tape: Tape) -> tuple[Records, int, int]:
    """What came of the recording: the feed, how many rows are the opening book, the events it tells of."""
    feed = _Feed(tape.tick_nanos / 1e9, 1 / tape.lots_per_unit)
    market = Market.for_tape(tape, 1)
    touch = market.best(0)
    middle = (touch.bid_px + touch.ask_px) // 2
    near = tape.opening["px"] <= FARTHEST * middle
    for ordinal, px, qty, sign in tape.opening[near].tolist():
        feed.add(ordinal + 1, sign, px, tape.start_ns - 1, qty)
    opening, told = len(feed.rows), 0
    for event in tape.events:
        time_ns, ordinal, px = int(event["time_ns"]), int(event["ordinal"]), int(event["px"])
        kind, rows = int(event["kind"]), len(feed.rows)
        market.replay_event()
        for fill in market.fills():
            left = int(fill["maker_leaves"])
            feed.filled(int(fill["maker_key"]) + 1, time_ns, int(fill["qty"]), left)
        if kind in (EventKind.CANCEL, EventKind.DONE):
            feed.put(CANCEL, ordinal + 1, time_ns, 0)
        elif (rests := market.leaves(ordinal)) and px <= FARTHEST * middle:
            feed.add(ordinal + 1, int(event["sign"]), px, time_ns, rests)
        told += len(feed.rows) > rows
        market.changes()
    return feed.array(), opening, told


def feed_of_orders(commands: Records) -> tuple[Records, int]:
    """What came of a stream of orders: the feed, and the commands that it tells of. Hidden orders are left
    out of it, and icebergs shown whole, as it has neither."""
    feed = _Feed(0.01, 1.0)
    market = batch_market()
    told, signs = 0, {}
    for command in commands:
        key, time_ns = int(command["key"]), int(command["time_ns"])
        op, rows = int(command["op"]), len(feed.rows)
        if op == Op.NEW:
            signs[key] = int(command["sign"])
        result = market.run(command.reshape(1))[0]
        for fill in market.fills():
            left = int(fill["maker_leaves"])
            feed.filled(-int(fill["maker_key"]), time_ns, int(fill["qty"]), left)
        market.notes()
        market.changes()
        if result["code"] == 0:
            if op != Op.NEW:
                feed.put(CANCEL, -key, time_ns, 0)
            if op != Op.CANCEL and int(result["leaves"]) and not command["hidden"]:
                feed.add(-key, signs[key], int(command["px"]), time_ns, int(result["leaves"]))
        told += len(feed.rows) > rows
    return feed.array(), told


def peer_seconds(
    python: Path, folder: Path, feed: Records, opening: int, tick: float, lot: float, repeats: int
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """hftbacktest over a feed, opening book not counted: seconds of each repeat, and its touch at the end."""
    path = folder / "feed.npz"
    np.savez(path, feed=feed, opening=opening, tick=tick, lot=lot)
    ran = subprocess.run(
        [str(python), str(PEER), str(path), str(repeats)], capture_output=True, text=True, timeout=600
    )
    if ran.returncode:
        raise BenchError(f"{python} {PEER.name}: {ran.stderr.strip().splitlines()[-1]}")
    said = json.loads(ran.stdout)
    opened = float(np.median(said["opening"]))
    return np.array(said["whole"]) - opened, tuple(said["touch"])


# -- all of it ------------------------------------------------------------------------------------


def measure(
    folder: Path, peer: Path | None, repeats: int, count: int, done: Callable[[int], object]
) -> list[Speed]:
    """Every row of the table. `peer`: the interpreter that has hftbacktest; None leaves its rows out."""
    tape = load_tape()
    rows = []
    replays = [replay_seconds(tape, 1) for _ in range(repeats + 1)][1:]
    done(1)
    rows.append(_speed("recording, 1 venue", "Sluice", len(tape.events), [s for s, _ in replays]))
    if peer is not None:
        feed, opening, told = feed_of_recording(tape)
        tick, lot = tape.tick_nanos / 1e9, 1 / tape.lots_per_unit
        seconds, touch = peer_seconds(peer, folder, feed, opening, tick, lot, repeats)
        _agree("recording", replays[-1][1], touch, tick, lot)
        rows.append(_speed("recording, 1 venue", "hftbacktest", told, seconds))
    done(1)
    split = [replay_seconds(tape, 3)[0] for _ in range(repeats + 1)][1:]
    rows.append(_speed("recording, 3 venues", "Sluice", len(tape.events), split))
    done(1)
    commands = orders(count, 1)
    for name, stream in ((BATCH, commands), (EVERY_TYPE, orders(count, 1, every_type=True))):
        runs = [batch_seconds(stream) for _ in range(repeats + 1)][1:]
        _, market, accepted = runs[-1]
        note = f"{1 - accepted / count:.0%} too late or refused; {market.counts().resting:,} rest at the end"
        rows.append(_speed(name, "Sluice", count, [s for s, _, _ in runs], note))
        done(1)
    if peer is not None:
        short = commands[: max(1, count // 10)]
        feed, told = feed_of_orders(short)
        seconds, _ = peer_seconds(peer, folder, feed, 0, 0.01, 1.0, repeats)
        note = "what came of the first tenth"
        rows.append(_speed(BATCH, "hftbacktest", told, seconds, note))
    done(1)
    return rows


PARTS = 6


def _speed(stream: str, engine: str, events: int, seconds: object, note: str = "") -> Speed:
    return Speed(stream, engine, events, np.asarray(seconds, np.float64), note)


def _agree(
    stream: str, market: Market, touch: tuple[float, float, float, float], tick: float, lot: float
) -> None:
    ours = market.best(0)
    mine = (ours.bid_px * tick / 2, ours.bid_qty * lot, ours.ask_px * tick / 2, ours.ask_qty * lot)
    if not np.allclose(mine, touch, rtol=1e-9, atol=lot / 2):
        raise BenchError(f"{stream}: the touch at the end is {mine} here and {touch} in hftbacktest")


def peer_python() -> Path | None:
    """The interpreter of `make peers`, if it was made."""
    found = Path(sys.prefix).parent / "build" / "peers" / "bin" / "python"
    return found if found.exists() else None
