"""The wires between the venues' sessions and their peers, for as long as a fault script has to do with them.

Pure: a message sets out, and arrives when it is due; time is passed in. Below here is TCP, which loses and
repeats nothing; what does is what stands on the way (a hub, a proxy, a peer's own queue) or a host that went
away. So faults strike whole messages, and the sessions at both ends have to put them right.

Each way of a connection is a queue: what is behind a slow message waits for it. What is under way when the
connection breaks is lost; a close (the end of the stream) arrives behind what was sent before it. While a way
is half-open nothing sets out on it, and a close is heard of when that is over.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

from fixsim.faults import NEVER_NS, Passage
from fixsim.sabotage import Sabotage
from router.fix.codec import Garbled, Message

Way = Literal["in", "out"]
PAUSE_BYTES = 64 << 10
"""So much waiting to be read, and the socket is left alone until it is a quarter of that."""


class Ends(Enum):
    """What arrives instead of a message."""

    CLOSED = "closed"
    """The end of the stream."""
    BROKEN = "broken"
    """The connection is gone, for both."""


Item = Message | Garbled | bytes | Ends


class Arrival(NamedTuple):
    """Something that has come through: towards the session (in) or to its peer (out)."""

    conn: Hashable
    way: Way
    item: Item
    skipped: int = 0
    """MsgSeqNums that the session is to skip (out) or forget (in) now that this has passed."""


@dataclass(slots=True)
class _Held:
    """Under way on a line."""

    arrival: Arrival
    line: _Line
    done: bool = False

    @property
    def size(self) -> int:
        return _size(self.arrival.item)


@dataclass(slots=True)
class _Line:
    """One connection: when the last of each way is through, what waits to be passed, how much is held."""

    last_ns: dict[Way, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    passed: dict[Way, _Held | None] = field(default_factory=lambda: {"in": None, "out": None})
    held_bytes: dict[Way, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    paused: bool = False
    gone: bool = False


class Wire:
    """See the module. What `carry` and `close` are given comes back from `take` when it is due."""

    def __init__(self, sabotage: Sabotage, cap_bytes: int) -> None:
        """A connection with more than `cap_bytes` under way, one way, breaks."""
        self._sabotage = sabotage
        self._cap_bytes = cap_bytes
        self._heap: list[tuple[int, int, _Held]] = []
        self._pushed = 0
        self._lines: dict[Hashable, _Line] = {}
        self.pauses: list[tuple[Hashable, bool]] = []
        """Connections not to be read from any more (True), or again: for an owner of sockets."""

    @property
    def at_work(self) -> bool:
        """Whether messages have to pass through here; otherwise they need not."""
        return self._sabotage.wired

    def carry(
        self,
        conn: Hashable,
        passage: Passage,
        way: Way,
        item: Message | Garbled | bytes,
        seq: int,
        now_ns: int,
    ) -> None:
        """A message sets out, as number `seq` of its way."""
        line = self._lines.setdefault(conn, _Line())
        if self._sabotage.dead_until(passage, now_ns) is not None:
            return
        waiting = line.passed[way]
        fate = self._sabotage.carried(passage, seq, now_ns, passing=waiting is None)
        took_ns = self._sabotage.takes_ns(passage, _size(item), now_ns)
        due_ns = max(now_ns + fate.delay_ns, line.last_ns[way]) + took_ns
        if fate.lost:
            return
        if fate.cut:
            if isinstance(item, bytes):
                self._push(due_ns, Arrival(conn, way, item[: len(item) // 2]), line)
            self._push(due_ns, Arrival(conn, way, Ends.BROKEN), line)
            return
        arrival = Arrival(conn, way, item.keep() if isinstance(item, Message) else item, fate.skipped)
        if fate.passed_ns is not None:
            line.passed[way] = self._push(due_ns + fate.passed_ns, arrival, line)
        else:
            line.last_ns[way] = due_ns
            self._push(due_ns, arrival, line)
            self._let_pass(line, way, due_ns)
        if fate.again_ns is not None:
            self._push(due_ns + fate.again_ns, arrival._replace(skipped=0), line)
        self._bound(conn, line, way, now_ns)

    def close(self, conn: Hashable, passage: Passage, way: Way, now_ns: int) -> None:
        """One end closes: `in` the peer, `out` the venue. The other hears of it behind what was sent."""
        line = self._lines.setdefault(conn, _Line())
        dead_ns = self._sabotage.dead_until(passage, now_ns)
        if dead_ns == NEVER_NS:
            return
        due_ns = max(line.last_ns[way], now_ns, dead_ns or 0)
        self._let_pass(line, way, due_ns)
        self._push(due_ns, Arrival(conn, way, Ends.CLOSED), line)

    def forget(self, conn: Hashable) -> None:
        """The connection is gone: what is under way on it is lost."""
        line = self._lines.pop(conn, None)
        if line is not None:
            line.gone = True

    def deadline_ns(self) -> int | None:
        """When the next of what is under way is due."""
        while self._heap and (self._heap[0][2].done or self._heap[0][2].line.gone):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now_ns: int) -> Arrival | None:
        """The next arrival due by now; None: there is none."""
        due_ns = self.deadline_ns()
        if due_ns is None or due_ns > now_ns:
            return None
        held = heapq.heappop(self._heap)[2]
        held.done = True
        line, way = held.line, held.arrival.way
        line.held_bytes[way] -= held.size
        if line.passed[way] is held:
            line.passed[way] = None
        if line.paused and line.held_bytes["in"] * 4 < PAUSE_BYTES:
            line.paused = False
            self.pauses.append((held.arrival.conn, False))
        return held.arrival

    def _push(self, due_ns: int, arrival: Arrival, line: _Line) -> _Held:
        held = _Held(arrival, line)
        line.held_bytes[arrival.way] += held.size
        self._pushed += 1
        heapq.heappush(self._heap, (due_ns, self._pushed, held))
        return held

    def _let_pass(self, line: _Line, way: Way, due_ns: int) -> None:
        """What waited to be passed follows what has passed it, unless it was through before."""
        waiting = line.passed[way]
        if waiting is None or waiting.done:
            return
        line.passed[way] = None
        waiting.done = True
        line.held_bytes[way] -= waiting.size
        self._push(due_ns, waiting.arrival, line)

    def _bound(self, conn: Hashable, line: _Line, way: Way, now_ns: int) -> None:
        if line.held_bytes[way] > self._cap_bytes:
            self._push(now_ns, Arrival(conn, way, Ends.BROKEN), line)
        elif way == "in" and not line.paused and line.held_bytes["in"] > PAUSE_BYTES:
            line.paused = True
            self.pauses.append((conn, True))


def _size(item: Item) -> int:
    match item:
        case Ends():
            return 0
        case Message():
            return len(item.raw)
        case Garbled():
            return item.size
        case _:
            return len(item)
