"""What a script does, as the market runs: asked at each request, report, batch of market data, and message
on the wire.

Pure: time is market time since the start, passed in. Each fault draws from a stream of its own, so that one
fault more or less leaves the others' draws alone. Where several faults meet one thing, the first of the file
that loses or refuses it decides; delays add up. Each of them has then struck, and counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from fixsim.chance import Chance
from fixsim.faults.script import CARRIED, MOMENTS, REPORTS, REQUESTS, Do, Fault, Script

NEVER_NS: Final = 2**63 - 1


class Meeting(NamedTuple):
    """What a fault may meet: a request, or a report about an order."""

    venue: str
    client: str
    request: str
    """new, cancel, replace; for a report: that of its order, new."""
    side: str
    """buy or sell."""
    symbol: str
    account: str
    qty_lots: int


class Fate(NamedTuple):
    """What becomes of a request or a report."""

    delay_ns: int = 0
    lost: bool = False
    refused: str | None = None
    """The text it is refused with."""
    again_ns: int | None = None
    """A copy leaves so much later."""
    passed_ns: int | None = None
    """It waits until the next report to its client has left, at most so long."""


class Passage(NamedTuple):
    """A message on the wire between a venue's session and its peer."""

    venue: str
    client: str
    way: str
    """in: towards the venue; out."""
    msg_type: str
    """"" for bytes that are no message."""


class WireFate(NamedTuple):
    """What becomes of a message on the wire."""

    delay_ns: int = 0
    lost: bool = False
    cut: bool = False
    """Half of it arrives, and the connection is gone."""
    again_ns: int | None = None
    """The same bytes arrive again, so much later."""
    passed_ns: int | None = None
    """It waits until the next message of its way has arrived, at most so long."""
    skipped: int = 0
    """MsgSeqNums that the session skips (out) or forgets (in) when it has passed."""


class Act(NamedTuple):
    """Something that a fault does to a venue by itself, now."""

    do: Do
    venue: str | None
    fault: Fault
    number: int
    """Of the fault, in the file."""
    over: bool
    """The end of a period (resume, uncross, take back); otherwise its beginning, or its moment."""


@dataclass(slots=True)
class _State:
    number: int
    fault: Fault
    chance: Chance
    times: int = 0

    def strikes(self) -> bool:
        """Whether it happens this time, counted if it does."""
        if self.fault.at_most is not None and self.times >= self.fault.at_most:
            return False
        if not self.chance.happens(self.fault.share):
            return False
        self.times += 1
        return True


class Faults:
    """A script at work from `start_ns`, on the clock that the calls are given."""

    def __init__(self, script: Script, start_ns: int = 0) -> None:
        self.script = script
        self._start_ns = start_ns
        self._states = [
            _State(number, fault, Chance(script.seed, number)) for number, fault in enumerate(script.fault)
        ]
        self._struck: list[int] = []
        self._acts = sorted(self._schedule(), key=lambda item: item[0])
        self._next = 0

    def _schedule(self) -> list[tuple[int, Act]]:
        acts = []
        for number, fault in enumerate(self.script.fault):
            if fault.do in (*REQUESTS, *REPORTS, *CARRIED):
                continue
            acts.append((self._start_ns + fault.from_ns, Act(fault.do, fault.venue, fault, number, False)))
            if fault.do not in MOMENTS and fault.until_ns is not None:
                end_ns = self._start_ns + fault.until_ns
                acts.append((end_ns, Act(fault.do, fault.venue, fault, number, True)))
        return acts

    # -- what happens of itself -------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When the next act is due; None: none is left."""
        return self._acts[self._next][0] if self._next < len(self._acts) else None

    def due(self, now_ns: int) -> list[Act]:
        """The acts due by now, each once, in order of time and then of the file."""
        due = []
        while self._next < len(self._acts) and self._acts[self._next][0] <= now_ns:
            due.append(self._acts[self._next][1])
            self._next += 1
        return due

    def strikes(self, act: Act, met: Meeting) -> bool:
        """Whether an act on orders or fills (cancel, bust, correct, restate) strikes this one."""
        struck = _meets(act.fault, met) and self._states[act.number].strikes()
        if struck:
            self._struck.append(act.number)
        return struck

    # -- what is asked ----------------------------------------------------------------------------

    def request(self, met: Meeting, now_ns: int) -> Fate:
        """A request has arrived at a venue."""
        delay_ns = 0
        for state in self._at(now_ns, REQUESTS, lambda fault: _meets(fault, met)):
            fault = state.fault
            if fault.do is Do.LOSE:
                return Fate(delay_ns, lost=True)
            if fault.do is Do.REJECT:
                return Fate(delay_ns, refused=fault.text or "refused by a fault script")
            delay_ns += _drawn(state)
        return Fate(delay_ns)

    def report(self, met: Meeting, now_ns: int, *, passing: bool = True) -> Fate:
        """A report is about to leave. Not `passing`: another of its client waits to be passed, by this one,
        which then leaves in its turn.
        """
        fate = Fate()
        kinds = REPORTS if passing else tuple(kind for kind in REPORTS if kind is not Do.REORDER)
        for state in self._at(now_ns, kinds, lambda fault: _meets(fault, met)):
            fault = state.fault
            if fault.do is Do.LOSE_REPORTS:
                return Fate(fate.delay_ns, lost=True)
            drawn = _drawn(state)
            if fault.do is Do.DELAY_REPORTS:
                fate = fate._replace(delay_ns=fate.delay_ns + drawn)
            elif fault.do is Do.DUPLICATE:
                fate = fate._replace(again_ns=drawn)
            else:
                fate = fate._replace(passed_ns=drawn)
        return fate

    def stale_until(self, venue: str, now_ns: int) -> int | None:
        """Until when a venue's market data is held; None: it leaves."""
        ends = [
            self._start_ns + fault.until_ns
            for fault in self.script.fault
            if fault.do is Do.STALE and fault.venue in (None, venue) and fault.until_ns is not None
            and self._start_ns + fault.from_ns <= now_ns < self._start_ns + fault.until_ns
        ]  # fmt: skip
        return max(ends, default=None)

    def carried(self, met: Passage, now_ns: int, *, passing: bool = True) -> WireFate:
        """A message sets out on the wire. Not `passing`: another of its way waits to be passed by it."""
        fate = WireFate()
        kinds = CARRIED if passing else tuple(kind for kind in CARRIED if kind is not Do.WIRE_REORDER)
        for state in self._at(now_ns, kinds, lambda fault: _touches(fault, met)):
            match state.fault.do:
                case Do.WIRE_DROP:
                    return fate._replace(lost=True)
                case Do.CUT:
                    return fate._replace(cut=True)
                case Do.SEQUENCE_GAP:
                    fate = fate._replace(skipped=fate.skipped + (state.fault.numbers or 0))
                case Do.WIRE_DELAY:
                    fate = fate._replace(delay_ns=fate.delay_ns + _drawn(state))
                case Do.WIRE_DUPLICATE:
                    fate = fate._replace(again_ns=_drawn(state))
                case _:
                    fate = fate._replace(passed_ns=_drawn(state))
        return fate

    def dead_until(self, met: Passage, now_ns: int) -> int | None:
        """Until when nothing arrives of one way of a session (half-open); None: it does."""
        ends = [
            NEVER_NS if fault.until_ns is None else self._start_ns + fault.until_ns
            for fault in self._lasting(Do.HALF_OPEN, met, now_ns)
        ]
        return max(ends, default=None)

    def bytes_per_s(self, met: Passage, now_ns: int) -> int | None:
        """How fast one way of a session is read (slow-reader); None: as it comes."""
        rates = [fault.bytes_per_s for fault in self._lasting(Do.SLOW_READER, met, now_ns)]
        return min((rate for rate in rates if rate is not None), default=None)

    def _lasting(self, do: Do, met: Passage, now_ns: int) -> list[Fault]:
        since_ns = now_ns - self._start_ns
        return [
            fault for fault in self.script.fault
            if fault.do is do and _open(fault, since_ns) and _touches(fault, met)
        ]  # fmt: skip

    def take_struck(self) -> list[int]:
        """The faults that have struck since the last call, by their number in the file."""
        struck, self._struck = self._struck, []
        return struck

    def counts(self) -> list[int]:
        """How often each fault has struck; 0 for those of a venue."""
        return [state.times for state in self._states]

    def _at(self, now_ns: int, kinds: tuple[Do, ...], meets: Callable[[Fault], bool]) -> list[_State]:
        since_ns = now_ns - self._start_ns
        found = [
            state
            for state in self._states
            if state.fault.do in kinds and _open(state.fault, since_ns) and meets(state.fault)
            and state.strikes()
        ]  # fmt: skip
        self._struck += [state.number for state in found]
        return found


def _open(fault: Fault, since_ns: int) -> bool:
    return fault.from_ns <= since_ns and (fault.until_ns is None or since_ns < fault.until_ns)


def _meets(fault: Fault, met: Meeting) -> bool:
    if fault.venue not in (None, met.venue):
        return False
    orders = fault.orders
    wanted = (
        (orders.side, met.side),
        (orders.request, met.request),
        (orders.symbol, met.symbol),
        (orders.client, met.client),
        (orders.account, met.account),
    )
    if any(asked is not None and asked != found for asked, found in wanted):
        return False
    if orders.at_least_lots is not None and met.qty_lots < orders.at_least_lots:
        return False
    return orders.at_most_lots is None or met.qty_lots <= orders.at_most_lots


def _touches(fault: Fault, met: Passage) -> bool:
    wire = fault.wire
    return (
        fault.venue in (None, met.venue)
        and wire.client in (None, met.client)
        and wire.way in (None, met.way)
        and (wire.types is None or met.msg_type in wire.types)
    )


def _drawn(state: _State) -> int:
    assert state.fault.by is not None
    return state.chance.between(*state.fault.by)
