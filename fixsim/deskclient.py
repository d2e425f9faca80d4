"""The desk's shell: its connection to the router, on wall time or as a participant in lock-step.

It dials until the router answers, and again when the connection is lost, with pauses that double. It ends
when the order is done and the session is logged out, when the simulation ends, or when it is cancelled.
"""

from __future__ import annotations

import asyncio
import random
from typing import IO

import structlog

from fixsim.desk import Block, Desk
from fixsim.settings import NANOS, Settings
from risk.errors import SettingsError
from router.addresses import Backoff
from router.clock import Clock, SteppedClock, SystemClock
from router.fix.codec import Framer, Message
from router.fix.session import Session, SessionConfig
from router.link import Link, Network, TcpNetwork
from router.lockstep import Participant

log = structlog.get_logger()
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = NANOS // 5, 5 * NANOS


class _Participant(Participant):
    """Says when a link is gone, also before its owner may be told of it."""

    def __init__(self, name: str, owner: DeskClient, clock: SteppedClock) -> None:
        super().__init__(name, owner, clock)
        self.gone = asyncio.Event()

    def link_down(self, link: Link, reason: str) -> None:
        super().link_down(link, reason)
        self.gone.set()


class DeskClient:
    """Runs one Desk. In lock-step `clock` is a SteppedClock, which the participant sets."""

    def __init__(self, settings: Settings, desk: Desk, clock: Clock, network: Network) -> None:
        self._settings = settings
        self._desk = desk
        self._clock = clock
        self._network = network
        self._backoff = Backoff(FIRST_PAUSE_NS, LONGEST_PAUSE_NS, random.Random(settings.seed).random)
        self._participant = (
            _Participant(settings.desk.participant, self, clock) if isinstance(clock, SteppedClock) else None
        )
        self._link: Link | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._dial_ns: int | None = 0
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until the order is done, or there is nobody left to hear of it. OSError if no clock answers."""
        if self._participant is not None:
            await self._participant.join(self._settings.host, self._settings.clock.port)
        else:
            self._turn()
        try:
            await self._over.wait()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._link is not None:
                self._link.close()
            if self._participant is not None:
                self._participant.leave()

    # -- the link's owner -------------------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        self._link = link
        self._backoff.reset()
        self._desk.connected(self._clock.now_ns())
        self._flush()

    def link_down(self, link: Link, reason: str) -> None:
        self._link = None
        now_ns = self._clock.now_ns()
        log.info("link down", reason=reason)
        self._desk.disconnected(now_ns)
        if self._desk.outcome is not None:
            self._over.set()
        else:
            self._dial_ns = now_ns + self._backoff.next_delay_ns()
        self._turn_if_wall()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """One order and a few requests: nothing to hold back."""

    def messages_ready(self, link: Link) -> None:
        self._drain()
        self._turn_if_wall()

    def _drain(self) -> None:
        link = self._link
        while link is not None and (message := link.framer.next()) is not None:
            if isinstance(message, Message):
                self._desk.received(message, self._clock.now_ns())
            self._flush()
            link = self._link if not self._desk.hang_up else None

    def _flush(self) -> None:
        link, desk = self._link, self._desk
        for raw in desk.writes:
            if link is not None:
                link.write(raw)
        desk.writes.clear()
        if desk.hang_up and link is not None:
            link.close()

    # -- time -------------------------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When the desk next does something of itself: a timer, or a dial."""
        due = [at_ns for at_ns in (self._desk.deadline_ns(), self._dial_ns) if at_ns is not None]
        return min(due, default=None)

    def _due(self, now_ns: int) -> None:
        due_ns = self._desk.deadline_ns()
        if due_ns is not None and due_ns <= now_ns:
            self._desk.timer(now_ns)
        self._flush()

    async def _dial(self) -> None:
        self._dial_ns = None
        if self._participant is not None:
            self._participant.gone.clear()
        desk = self._settings.desk
        try:
            await self._network.dial(desk.host, desk.port, self._make_link)
        except OSError as error:
            log.info("the router does not answer", host=desk.host, port=desk.port, reason=error.strerror)
            self._dial_ns = self._clock.now_ns() + self._backoff.next_delay_ns()

    def _make_link(self) -> Link:
        return Link(self._participant or self, Framer(), name="router", dialled=True)

    def _turn_if_wall(self) -> None:
        if self._participant is None:
            self._turn()

    def _turn(self) -> None:
        """Wall time: do what is due, and come back for what is due next."""
        now_ns = self._clock.now_ns()
        self._due(now_ns)
        if self._dial_ns is not None and self._dial_ns <= now_ns and not self._over.is_set():
            self._dialling = asyncio.ensure_future(self._dial())
            self._dialling.add_done_callback(lambda _: self._turn())
        if self._timer is not None:
            self._timer.cancel()
        due_ns = self.deadline_ns()
        if due_ns is not None:
            delay_s = max(0, due_ns - self._clock.now_ns()) / NANOS
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._turn)

    # -- lock-step --------------------------------------------------------------------------------

    async def step(self, now_ns: int) -> None:
        """What came, then what is due, then the dial. A link that we close is gone before the answer says so:

        if the router saw it first, when it did would be up to the operating system.
        """
        self._drain()
        self._due(now_ns)
        if self._dial_ns is not None and self._dial_ns <= now_ns:
            await self._dial()
        if self._desk.hang_up and self._link is not None and self._participant is not None:
            await self._participant.gone.wait()

    def end(self) -> None:
        """The simulation is over before the order is done."""
        self._over.set()

    def clock_lost(self, reason: str) -> None:
        log.warning("the clock link is lost", reason=reason)
        self._over.set()


async def run_desk(
    settings: Settings, block: Block, log_file: IO[str], network: Network | None = None
) -> Desk:
    """Send `block` and follow it to its end; the desk as it is then. SettingsError: no clock link."""
    rule = settings.desk
    session = Session(
        SessionConfig(
            name="desk",
            role="initiator",
            sender_comp_id=rule.comp_id,
            target_comp_id=rule.router_comp_id,
            heart_bt_int_s=rule.heart_bt_int_s,
            reset_on_logon=True,  # it keeps no numbers over its runs; its reconnects go on from there
        )
    )
    desk = Desk(session, block, {settings.instrument.symbol: settings.instrument}, log_file.write)
    lockstep = settings.clock.mode == "lockstep"
    client = DeskClient(
        settings, desk, SteppedClock() if lockstep else SystemClock(), network or TcpNetwork()
    )
    try:
        await client.run()
    except OSError as error:
        where = f"{settings.host}:{settings.clock.port}"
        raise SettingsError(f"clock.port: nobody answers on {where}: {error.strerror}") from None
    return desk
