"""A Market whose recording is partial: a window of levels, replayed with participants in the same queues.

    market = PartialMarket(tape, venues=2)              # a fixsim.tape.partial.PartialTape
    market.step_until(now_ns); market.submit(...); market.fills(); market.counts(); market.replay_counts()

What it does with each row is said in partial.py and anchors.py. Everything else is Market's.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixsim.matching import partial as _partial
from fixsim.matching.capacity import Capacity
from fixsim.matching.errors import MatchingError
from fixsim.matching.layout import Records, S
from fixsim.matching.ledger import PARTIAL, SPARE_LEVELS, L, PartialKind, allocate_ledger, anonymous_keys
from fixsim.matching.market import Market
from fixsim.matching.recording import PartialRecording, partial_capacity
from fixsim.matching.refusals import refusal
from fixsim.matching.shift import Response
from fixsim.matching.terms import Rules

_END_OF_TIME = (1 << 63) - 1
WHOLE_BOOK_LEVELS = 1024
"""Levels a side in view at once where the recording has no window."""


class ReplayCounts(NamedTuple):
    """How far a replay with participants is from its recording, and what of that had to be guessed."""

    entered: int
    """Re-anchorings: levels that came into view with a total of orders nobody knows."""
    left: int
    """Levels that went out of view, their recorded orders with them."""
    positions_kept: int
    """Times that a participant's order had its queue position when its level was back."""
    lost_consumed: int
    """Lots consumed here whose level went out of view: they come back with it."""
    lost_displaced: int
    """Lots that stood here only, whose level went out of view."""
    diverted: int
    """Lots of recorded executions that met another order than the recorded one."""
    unfilled: int
    """Lots of recorded executions that met nobody."""
    excused: int
    """Lots cancelled in the recording that had been consumed here."""
    displaced: int
    """Lots that stood here only, removed when the recording was done with their order."""
    passed_over: int
    """Recorded executions of an order that was not the first in its queue."""
    contradicted: int
    """Rows about lots, or a level, that the recording had not shown."""
    hidden: int
    """Lots of recorded executions against hidden orders."""
    hidden_met: int
    """Of these, lots that met a participant's order."""


class PartialMarket(Market):
    """See the module. `tape` is replayed over `venues` lit venues; its opening levels rest already."""

    def __init__(
        self,
        tape: PartialRecording,
        venues: int,
        *,
        capacity: Capacity | None = None,
        rules: Rules | None = None,
        impact: Response | None = None,
    ) -> None:
        size = capacity or Capacity()
        shown = tape.window_levels or WHOLE_BOOK_LEVELS
        levels = max(shown, len(tape.opening)) + SPARE_LEVELS
        centre, anonymous = _centre(tape), anonymous_keys(levels, size.own)
        keys = tape.ordinals + anonymous
        size = dataclasses.replace(size, recorded=max(size.recorded, keys))
        if capacity is None:
            size = partial_capacity(tape, venues, centre, size, anonymous)
        super().__init__(venues, centre, capacity=size, rules=rules, impact=impact)
        self._ledger = allocate_ledger(tape.ordinals, levels, tape.window_levels or 0, size.orders, size.own)
        self._rows = np.ascontiguousarray(tape.opening)
        self._feed(_END_OF_TIME, len(tape.opening))
        self._ledger.state[L.CURSOR], self._ledger.state[L.OPENED] = 0, 1
        self._core.state[[S.CURSOR, S.NOW]] = 0
        self._rows = np.ascontiguousarray(tape.events)
        self.changes()

    @property
    def next_time_ns(self) -> int | None:
        """When the next recorded row is due; None after the last."""
        at = int(self._ledger.state[L.CURSOR])
        return int(self._rows["time_ns"][at]) if at < len(self._rows) else None

    def step_until(self, time_ns: int) -> int:
        """Feed every recorded row due at `time_ns` or before; how many."""
        return self._feed(time_ns, len(self._rows))

    def _feed(self, until_ns: int, at_most: int) -> int:
        before = int(self._ledger.state[L.CURSOR])
        code = _partial.replay(self._core, self._ledger, self._rows, until_ns, at_most)
        now = int(self._ledger.state[L.CURSOR])
        self._core.state[S.CURSOR] = now
        if code:
            row = self._rows[now]
            what = f"tape row {now}, {PartialKind(int(row['kind'])).name} of ordinal {row['ordinal']}"
            raise refusal(code, what, self.capacity, {})
        return now - before

    def feed(self, events: Records) -> int:
        """Refused: generated orders have ordinals, and here they are the recording's."""
        raise MatchingError(f"{len(events)} events: a partial tape's market takes no flow but its recording")

    def window(self, sign: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Prices and totals of a side as the recording has them, whatever participants did; best first."""
        side = 1 if sign < 0 else 0
        views = self._ledger.views[side, : int(self._ledger.state[side])]
        return views["px"].copy(), views["qty"].copy()

    def recorded_leaves(self, ordinal: int) -> int:
        """Lots that rest of a recorded order in the recording; leaves() says how many rest here."""
        return int(self._ledger.there[ordinal]) if 0 <= ordinal < int(self._ledger.state[L.NAMED]) else 0

    def replay_counts(self) -> ReplayCounts:
        """Re-anchorings and ledger adjustments since the market was made."""
        return ReplayCounts(*(int(n) for n in self._ledger.state[L.ENTERED : L.SIZE]))

    def digest(self) -> str:
        """Market.digest, and the recorded window and ledger beside it."""
        hashed = hashlib.blake2b(super().digest().encode(), digest_size=16)
        hashed.update(self._ledger.state.tobytes())
        for side in (0, 1):
            for view in self._ledger.views[side, : int(self._ledger.state[side])]:
                key = int(view["head"])
                while key >= 0:
                    hashed.update(int(view["px"]).to_bytes(8) + int(self._ledger.there[key]).to_bytes(8))
                    key = int(self._ledger.next[key])
        return hashed.hexdigest()

    @property
    def memory_bytes(self) -> int:
        """The arrays of market and ledger, all pages used."""
        return super().memory_bytes + sum(array.nbytes for array in self._ledger)


def _centre(tape: PartialRecording) -> int:
    """Half way between the best opening prices."""
    bids, offers = (tape.opening["px"][tape.opening["sign"] == sign] for sign in (1, -1))
    best = [
        int(px)
        for side, px in ((bids, bids.max(initial=0)), (offers, offers.min(initial=_END_OF_TIME)))
        if len(side)
    ]
    return sum(best) // len(best) if best else 0


class _Recorded(NamedTuple):
    """A recording that warm() makes up."""

    opening: Records
    events: Records
    ordinals: int
    window_levels: int | None


def warm() -> None:
    """Compile the kernels of this replay, and those that impact alone calls."""
    none = np.zeros(0, PARTIAL)
    tape = _Recorded(none, none, 0, 1)
    size = Capacity(orders=64, recorded=4, own=8, window=64, overflow=4, fills=64)
    market = PartialMarket(tape, 1, capacity=size, impact=Response(1.0, 1.0, 0.5, 1.0))
    market.step_until(0)
    market.fills()
