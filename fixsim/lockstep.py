"""The clock's owner: in lock-step, simulated time moves only when everybody has finished with the present.

The wire protocol is that of router/lockstep.py, where the participants' side lives. Here is the
coordinator: at each moment the market acts first; then each participant that has news (bytes for it, a
connection closed, a deadline due) is stepped, one at a time, and what it answers is handled before the
next; and so on until nobody has news; then time moves to the next thing due, paced or as fast as possible.
One at a time, because then no byte is in flight while anybody works, and two runs see the same.

Streams between participants (desk and router) are forwarded by name: the first participant of the settings
serves, the others dial it. A participant whose clock link closes while it still has open streams is lost:
what it had sent is delivered, its connections are closed, time runs on by `lost_ns` and then waits until it
has joined again. One that closed its connections first has left, and is waited for only if it is the
server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from fixsim.clocklink import Peer

MAX_ROUNDS = 10_000
MAX_BEHIND_S = 1.0
"""Later than this, pacing starts again from now instead of catching up."""
log = structlog.get_logger()


class LockstepError(RuntimeError):
    """A participant broke the contract, or the present does not end."""


class Market(Protocol):
    """What the coordinator moves through time: the venues' server."""

    def advance(self, now_ns: int) -> None:
        """Everything due at `now_ns`; the bytes are given to the kernel."""

    def deadline_ns(self) -> int | None:
        """When something happens next of itself."""

    def sent(self, name: str) -> dict[str, int]:
        """Totals written to each connection of a participant, by stream."""

    def take_closed(self, name: str) -> list[str]:
        """Streams of a participant's connections that are closed and not yet told to it."""

    def owns(self, stream: str) -> bool:
        """Whether a stream is one of the market's connections (and not one between participants)."""

    async def collect(self, name: str, sent: Mapping[str, int], closed: Collection[str], now_ns: int) -> None:
        """Wait for the totals and closes that a participant announced, and handle them."""

    async def lose(self, name: str, now_ns: int) -> None:
        """A participant is gone: handle what it had sent, and close its connections."""

    def connected(self, name: str) -> bool:
        """Whether a participant has open connections to the market."""


class Participant:
    """What the coordinator knows of one participant; it outlives its clock links."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer: Peer | None = None
        self.joining: Peer | None = None
        self.fresh = False
        """Joined, and never stepped since."""
        self.deadline_ns: int | None = None
        self.stepped_ns = -1
        self.lost_until_ns: int | None = None
        """Lost: when time stops to wait for it."""
        self.told: dict[str, int] = {}
        """Totals of streams towards it, as last announced."""

    def forget(self) -> None:
        """Its clock link is gone, and with it everything that was said on it."""
        self.peer = None
        self.fresh = False
        self.deadline_ns = None
        self.told.clear()


@dataclass(slots=True)
class Crossing:
    """A connection between two participants; `dialler` opened it, the server accepted."""

    dialler: Participant
    server: Participant
    up: str
    """The stream from dialler to server."""
    totals: dict[str, int] = field(default_factory=dict)
    untold: set[str] | None = None
    """Closed: who has not been told. None: open."""

    @property
    def down(self) -> str:
        """The stream from server to dialler."""
        return _reverse(self.up)

    def towards(self, participant: Participant) -> str | None:
        """The stream that ends at a participant, if one does."""
        return self.up if participant is self.server else self.down if participant is self.dialler else None


class Coordinator:
    """Owns simulated time; see the module. `run` ends when the market's time has."""

    def __init__(
        self,
        market: Market,
        participants: Collection[str],
        *,
        start_ns: int,
        end_ns: int,
        speed: float,
        lost_ns: int,
        answer_timeout_s: float,
    ) -> None:
        """`speed` 0: as fast as possible. The first participant is the one that the others dial."""
        self._market = market
        self._participants = [Participant(name) for name in participants]
        self._by_name = {participant.name: participant for participant in self._participants}
        self._server = self._participants[0]
        self._end_ns = end_ns
        self._speed = speed
        self._lost_ns = lost_ns
        self._timeout_s = answer_timeout_s
        self._crossings: dict[str, Crossing] = {}
        self._joined = asyncio.Event()
        self._paced_wall_s = 0.0
        self._paced_ns = start_ns
        self.now_ns = start_ns
        self.steps = 0

    # -- who is there -----------------------------------------------------------------------------

    def join(self, peer: Peer, name: str) -> None:
        """A clock link says whose it is. It is let in when time allows."""
        participant = self._by_name.get(name)
        if participant is None:
            peer.refuse(f"participant {name!r} is not one of {', '.join(self._by_name)} (clock.participants)")
            return
        for other in (participant.peer, participant.joining):
            if other is not None and not other.gone:
                peer.refuse(f"participant {name!r} has joined already")
                return
        peer.name = name
        participant.joining = peer
        self._joined.set()

    async def _admit(self, participant: Participant, *, wait: bool) -> None:
        while participant.joining is None or participant.joining.gone:
            if not wait:
                return
            self._joined.clear()
            await self._joined.wait()
        participant.peer, participant.joining = participant.joining, None
        participant.fresh = True
        participant.lost_until_ns = None
        log.info("joined", participant=participant.name, now_ns=self.now_ns)
        self._pace_from_now()

    async def _let_in(self) -> None:
        """Those who may come back do; those whom time must wait for are waited for."""
        for participant in self._participants:
            until_ns = participant.lost_until_ns
            if participant.peer is None and (until_ns is None or until_ns <= self.now_ns):
                await self._admit(participant, wait=until_ns is not None)

    async def _lose(self, participant: Participant) -> None:
        crossings = [c for c in self._crossings.values() if c.towards(participant) is not None]
        open_streams = self._market.connected(participant.name) or any(c.untold is None for c in crossings)
        await self._market.lose(participant.name, self.now_ns)
        for crossing in crossings:
            self._close(crossing)
            self._told(crossing, participant)
        participant.forget()
        if open_streams or participant is self._server:
            participant.lost_until_ns = self.now_ns + self._lost_ns
        log.info("lost" if open_streams else "left", participant=participant.name, now_ns=self.now_ns)

    # -- time -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the first moment to the last. LockstepError if the present does not end."""
        for participant in self._participants:
            await self._admit(participant, wait=True)
        while True:
            await self._let_in()
            self._market.advance(self.now_ns)
            await self._settle()
            due_ns = self._next_ns()
            if due_ns is None or due_ns > self._end_ns:
                break
            await self._pace(due_ns)
            self.now_ns = due_ns
        self._market.advance(self._end_ns)

    def end(self) -> None:
        """Tell everybody that the simulation is over, in order."""
        for participant in self._participants:
            for peer in (participant.peer, participant.joining):
                if peer is not None:
                    peer.send({"end": True})
                    peer.close()

    def make_peer(self) -> Peer:
        """A clock link that was accepted."""
        return Peer(self.join)

    def _next_ns(self) -> int | None:
        due = [self._market.deadline_ns()]
        due += [p.lost_until_ns if p.peer is None else p.deadline_ns for p in self._participants]
        known = [at_ns for at_ns in due if at_ns is not None]
        return max(min(known), self.now_ns + 1) if known else None

    async def _pace(self, due_ns: int) -> None:
        delay_s = 0.0
        if self._speed:
            wall_s = asyncio.get_running_loop().time()
            delay_s = self._paced_wall_s + (due_ns - self._paced_ns) / (1e9 * self._speed) - wall_s
            if delay_s < -MAX_BEHIND_S:
                self._pace_from_now()
        await asyncio.sleep(max(0.0, delay_s))

    def _pace_from_now(self) -> None:
        self._paced_wall_s = asyncio.get_running_loop().time()
        self._paced_ns = self.now_ns

    # -- the present ------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Step whoever has news until nobody has."""
        for _ in range(MAX_ROUNDS):
            quiet = True
            for participant in self._participants:
                if participant.peer is None:
                    continue
                if participant.peer.gone:
                    await self._lose(participant)
                    quiet = False
                else:
                    news = self._news(participant)
                    if news is not None:
                        await self._step(participant, *news)
                        quiet = False
            if quiet:
                return
        raise LockstepError(
            f"no quiet after {MAX_ROUNDS} rounds at {self.now_ns} ns: participants keep answering"
        )

    def _news(self, participant: Participant) -> tuple[dict[str, int], list[str]] | None:
        streams = self._market.sent(participant.name)
        closed = self._market.take_closed(participant.name)
        for crossing in list(self._crossings.values()):
            stream = crossing.towards(participant)
            if stream is None:
                continue
            if stream in crossing.totals:
                streams[stream] = crossing.totals[stream]
            if crossing.untold is not None and participant.name in crossing.untold:
                closed += [stream, _reverse(stream)]
                self._told(crossing, participant)
        told = participant.told
        grown = {stream: total for stream, total in streams.items() if told.get(stream) != total}
        due_ns = participant.deadline_ns
        due = due_ns is not None and due_ns <= self.now_ns and participant.stepped_ns < self.now_ns
        if not (grown or closed or due or participant.fresh):
            return None
        told.update(grown)
        for stream in closed:
            told.pop(stream, None)
        return grown, closed

    async def _step(self, participant: Participant, streams: dict[str, int], closed: list[str]) -> None:
        assert participant.peer is not None
        self.steps += 1
        step = {"step": self.steps, "now_ns": self.now_ns, "streams": streams, "closed": closed}
        answer = await participant.peer.ask(step, self._timeout_s)
        if answer is None:
            await self._lose(participant)
            return
        participant.fresh = False
        participant.stepped_ns = self.now_ns
        participant.deadline_ns = answer["deadline_ns"]
        sent: dict[str, int] = answer["sent"]
        ended: list[str] = answer.get("closed", [])
        ours: dict[str, int] = {}
        for stream, total in sent.items():
            if self._market.owns(stream):
                ours[stream] = total
            else:
                self._crossing(participant, stream).totals[stream] = total
        await self._market.collect(
            participant.name, ours, [stream for stream in ended if self._market.owns(stream)], self.now_ns
        )
        for stream in ended:
            known = self._crossings.get(stream) or self._crossings.get(_reverse(stream))
            if known is not None:
                self._close(known)
        self._market.advance(self.now_ns)

    def _crossing(self, sender: Participant, stream: str) -> Crossing:
        """The connection that a participant's stream belongs to. Only diallers open one."""
        if sender is self._server:
            known = self._crossings.get(_reverse(stream))
            if known is None:
                raise LockstepError(f"{sender.name} sends on {stream}, which nobody has dialled")
            return known
        return self._crossings.setdefault(stream, Crossing(sender, self._server, stream))

    def _close(self, crossing: Crossing) -> None:
        """One end closed it: both are told, once."""
        if crossing.untold is None:
            crossing.untold = {crossing.dialler.name, crossing.server.name}

    def _told(self, crossing: Crossing, participant: Participant) -> None:
        assert crossing.untold is not None
        crossing.untold.discard(participant.name)
        if not crossing.untold:
            del self._crossings[crossing.up]


def _reverse(stream: str) -> str:
    sender, _, receiver = stream.partition(">")
    return f"{receiver}>{sender}"
