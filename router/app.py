"""The daemon's shell around one engine: event loop, timers, signals, and the order of things.

For each input that order is fixed: engine, journal to disk, bytes to the wire. On wall time a link's bytes
are handled as they come; in lock-step the clock link says when (router/lockstep.py). Clock, network, disk and
chance are handed in (router/daemon.py), so that a simulation runs this same shell.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from risk.errors import SettingsError
from risk.instrument import ReferenceData
from router.addresses import Backoff
from router.clock import Clock, SteppedClock
from router.config import EngineConfig
from router.connections import STRANGER_BYTES, Connections
from router.console import Console
from router.control import Answer, Command, CommandRefused, ControlServer
from router.engine import Engine
from router.fix.codec import Framer
from router.guard import Guard
from router.identity import OrderIds
from router.inference import Inference
from router.journalfile import JournalFile
from router.link import Link, Listener, Network, why
from router.lockstep import Participant
from router.policy import Policy
from router.reloads import reload
from router.settings import MS, Settings
from router.ways import acceptor_tls, ways_of

log = structlog.get_logger()

SECOND = 1_000_000_000
COLLECT_S = 1.0
LOGOUT_S = 0.2
DUE_BOUND = 1000  # rounds of timers within one instant, each of which must make progress
BROKEN = 70  # exit status: an invariant of ours does not hold (sysexits.h, EX_SOFTWARE)
NEW_RISK = (b"\x0135=D\x01", b"\x0135=G\x01")


class App:
    """One router. `serve` runs until told to stop, and returns the process's exit status."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        journal: JournalFile,
        ids: OrderIds,
        policies: dict[int, Policy],
        clock: Clock,
        network: Network,
        randomness: random.Random,
        config: EngineConfig,
        reference: ReferenceData,
    ) -> None:
        """`engine` is new, or as the journal left it; it is started here, when the time is known.

        SettingsError if a password file or a certificate does not do.
        """
        self._ways = ways_of(settings)
        self._tls = acceptor_tls(settings)
        self._settings = settings
        self._config = config
        self._reference = reference
        self._engine = engine
        self._journal = journal
        self._ids = ids
        self._policies = policies
        self._clock = clock
        self._network = network
        self._random = randomness
        self._inference = Inference(policies, clock)
        patience_ns = settings.oms.logon_timeout_s * SECOND
        self._connections = Connections(engine, network, clock.now_ns, self._decide, patience_ns)
        self._console = Console(engine, self._operate, journal.sync, self._spawn)
        self._guard = Guard(journal, clock, self._stop_trading)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._participant: Participant | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._listener: Listener | None = None
        self._drain_command = 0
        self.is_broken = False
        self.kill_wanted = False  # SIGUSR1 came before the time was known
        self._done: asyncio.Future[int] | None = None

    # Life.

    async def serve(self) -> int:
        """Runs until stopped. SettingsError if a port or the socket cannot be had, or no clock answers."""
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        lockstep, oms, operators = self._settings.lockstep, self._settings.oms, self._settings.control
        if lockstep is not None:
            assert isinstance(self._clock, SteppedClock)
            self._participant = Participant(lockstep.name, self, self._clock)
        owner = self._participant or self
        with self._setting("oms.port", f"{oms.port} on {oms.host}"):
            self._listener = await self._network.serve(
                oms.host, oms.port, lambda: Link(owner, Framer(STRANGER_BYTES)), self._tls
            )
        control = ControlServer(operators.socket, operators.operators, self._on_command)
        with self._setting("control.socket", operators.socket):
            await control.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain)
        loop.add_signal_handler(signal.SIGUSR1, self._kill_by_signal)
        gc.collect()
        gc.freeze()
        gc.disable()
        self._spawn(self._housekeeping())
        log.info("router started", oms=f"{oms.host}:{oms.port}", lockstep=lockstep is not None)
        try:
            if self._participant is not None and lockstep is not None:
                with self._setting("lockstep.port", f"{lockstep.port} on {lockstep.host} (is fixsim there?)"):
                    await self._participant.join(lockstep.host, lockstep.port)
            else:
                self._begin(self._clock.now_ns())
            return await self._done
        finally:
            for task in self._tasks:
                task.cancel()
            self._listener.close()
            self._connections.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(control.close(), 2)

    @contextmanager
    def _setting(self, field: str, value: object) -> Iterator[None]:
        """What the operating system refuses is a fault of this setting."""
        try:
            yield
        except OSError as error:
            raise SettingsError(f"{self._settings.path}: {field} = {value}: {why(error)}") from None

    def _begin(self, now_ns: int) -> None:
        """The time is known: the engine starts, and every session's first dial is due."""
        self._reference.refuse_stale(datetime.fromtimestamp(now_ns // 10**9, UTC).date())
        self._engine.start(self._config, self._ids, now_ns)
        patience = self._settings.orders
        first_ns, cap_ns = patience.reconnect_first_ms * MS, patience.reconnect_cap_ms * MS
        self._connections.begin(self._ways, partial(Backoff, first_ns, cap_ns, self._random.random), now_ns)
        if self.kill_wanted:
            self._kill_by_signal()
        self._flush()
        self._wake()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)

    def _broken(self, error: BaseException) -> None:
        """An invariant of ours does not hold: stop, with the orders as they are, and say so.

        The input that broke it, and all that came of it, has not left and is not kept: the journal ends
        before it, so that the next start does not live it again.
        """
        log.critical("router broken", exc_info=error)
        self.is_broken = True
        self._stop(BROKEN, f"{type(error).__name__}: {error}")

    @property
    def _stopped(self) -> bool:
        """The status is known: what still comes from the event loop is not for the engine."""
        return self._done is not None and self._done.done()

    def _stop(self, status: int, why: str) -> None:
        if self._done is not None and not self._done.done():
            log.info("router stops", status=status, why=why)
            self._done.set_result(status)

    # Owner of the links.

    def link_up(self, link: Link) -> None:
        self._guarded(lambda: self._connections.up(link))

    def link_down(self, link: Link, reason: str) -> None:
        self._guarded(lambda: self._connections.down(link, reason))

    def link_blocked(self, link: Link, blocked: bool) -> None:
        self._guarded(lambda: self._connections.blocked(link, blocked))

    def messages_ready(self, link: Link) -> None:
        """Wall time: handle what came, decide what is due, and let what results leave."""
        if self._stopped:
            return
        try:
            self._connections.drain(link)
            self._settle()
        except Exception as error:  # the event loop would close the link and go on with a broken engine
            self._broken(error)

    def _guarded(self, act: Callable[[], None]) -> None:
        if self._stopped:
            return
        try:
            act()
            if self._connections.begun:
                self._flush()
                self._wake()
        except Exception as error:  # as above
            self._broken(error)

    # Time.

    def _settle(self) -> None:
        """After input: what is due now is done, and everything that results leaves."""
        now_ns = self._clock.now_ns()
        due_ns = self._engine.deadline_ns()
        if due_ns is not None and due_ns <= now_ns:
            self._engine.timer(now_ns)
            self._decide()
        self._flush()
        if self._participant is None:
            self._wake()
        self._journal.settle()

    def _wake(self) -> None:
        """Sets the one wall timer to the next deadline; one that is early is harmless."""
        if self._participant is not None:
            return
        due_ns = self.deadline_ns()
        if due_ns is None or (self._timer is not None and self._timer_ns <= due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = due_ns
        delay_s = max(0.0, (due_ns - self._clock.now_ns()) / 1e9)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._stopped:
            return
        try:
            now_ns = self._clock.now_ns()
            self._connections.tend(now_ns)
            for index in self._connections.due(now_ns):
                self._spawn(self._dial(index))
            self._settle()
        except Exception as error:  # as above
            self._broken(error)

    async def _dial(self, index: int) -> None:
        await self._connections.dial(index, self._participant or self)
        self._wake()

    def deadline_ns(self) -> int | None:
        """The engine's next deadline, or the connections': a dial, a session that opens or closes."""
        if not self._connections.begun:
            return None
        dues = (self._engine.deadline_ns(), self._connections.deadline_ns())
        return min((due for due in dues if due is not None), default=None)

    # Lock-step.

    async def step(self, now_ns: int) -> None:
        """Handles what this step brought, in order of session, then what is due, then dials."""
        if self._stopped:
            return
        if not self._connections.begun:
            try:
                self._begin(now_ns)
            except SettingsError as error:  # the day has come to which the settings do not fit
                if self._done is not None and not self._done.done():
                    self._done.set_exception(error)
                return
        self._connections.tend(now_ns)
        self._connections.drain_all()
        for _ in range(DUE_BOUND):
            due_ns = self._engine.deadline_ns()
            if due_ns is None or due_ns > now_ns:
                break
            self._engine.timer(now_ns)
            self._decide()
        self._flush()
        for index in self._connections.due(now_ns):
            await self._dial(index)

    def end(self) -> None:
        """The simulation is over."""
        self._stop(0, "the simulation ended")

    def clock_lost(self, reason: str) -> None:
        self._stop(1 if self._connections.begun else 2, reason)

    # Decisions; disk, then wire.

    def _decide(self) -> None:
        """Answers what the engine asks, and closes what it hangs up on before more of it is read."""
        while decides := self._engine.take_decides():
            for decide in decides:
                self._engine.answer(self._inference.ask(decide), self._clock.now_ns())
        if self._engine.running.hangups:
            self._flush()

    def _flush(self) -> None:
        core = self._engine.running
        may_risk = self._guard.flush()
        self._connections.hold_feeds(self._guard.disk_failed)
        if core.writes:
            writes, core.writes = core.writes, []
            for index, raw in writes:
                if may_risk or not any(mark in raw[:64] for mark in NEW_RISK):
                    self._connections.write(index, raw)
        self._connections.flushed()
        if core.hangups:
            hangups, core.hangups = core.hangups, []
            for index in hangups:
                self._connections.hang_up(index)
        if core.alerts:
            alerts, core.alerts = core.alerts, []
            for text in alerts:
                log.warning("alert", text=text)
        if core.replies:
            replies, core.replies = core.replies, []
            for reply in replies:
                if self._drain_command and reply.last and reply.command == self._drain_command:
                    self._drained(reply.body)
                self._console.reply(reply)

    # Operators and signals.

    def _on_command(self, command: Command) -> AsyncIterator[Answer]:
        if not self._connections.begun:
            raise CommandRefused("the router has not begun: it waits for the simulator's clock")
        match command.cmd:
            case "sessions":
                return self._console.answers(self._connections.view())
            case "reload sessions":
                return self._reload(command)
        return self._console.on_command(command)

    def _operate(self, number: int, request: dict[str, Any]) -> None:
        now_ns = self._clock.now_ns()

        def act() -> None:
            self._engine.operator(number, request, now_ns)
            if request["cmd"] == "add sessions":
                self._connections.reread(self._ways, now_ns)

        self._guarded(act)

    async def _reload(self, command: Command) -> AsyncIterator[Answer]:
        """Reads the settings again, off the path, and adds what they add. SettingsError if they do not do."""
        loop, config = asyncio.get_running_loop(), self._engine.running.config
        read = await loop.run_in_executor(None, reload, self._settings, config, self._ways)
        if self._engine.running.config is not config:
            raise CommandRefused("another reload came in between: ask again")
        self._ways = read.ways
        request = {
            "cmd": "add sessions",
            "sessions": [spec.model_dump(mode="json") for spec in read.added],
            "changed": read.changed,
            "identity": command.identity,
        }
        async for answer in self._console.converse(request):
            yield answer

    def _stop_trading(self, cmd: str, identity: str, reason: str) -> None:
        self._console.command(
            {"cmd": cmd, "scope": "all", "name": "", "identity": identity, "reason": reason}
        )

    def _kill_by_signal(self) -> None:
        self.kill_wanted = not self._connections.begun
        if not self.kill_wanted:
            self._stop_trading("kill", "signal", "SIGUSR1")

    def _drain(self) -> None:
        """SIGTERM: no new risk, cancel, wait, log out, exit; nothing latches."""
        if self._drain_command or not self._connections.begun:
            twice = bool(self._drain_command)
            self._stop(int(twice), "told to stop twice" if twice else "told to stop before the start")
            return
        self._drain_command = self._console.next_number
        self._stop_trading("drain", "signal", "SIGTERM")

    def _drained(self, body: dict[str, Any]) -> None:
        """Every order has ended, or is named; say goodbye, and give the peers a moment to answer."""
        if body["unconfirmed"]:
            log.error("orders not confirmed at stop", orders=body["unconfirmed"])
        self._spawn(self._say_goodbye(1 if body["unconfirmed"] else 0))

    async def _say_goodbye(self, status: int) -> None:
        self._connections.give_up()
        if self._listener is not None:
            self._listener.close()  # a desk that is logged out may dial again at once
        self._engine.operator(0, {"cmd": "log out", "reason": "router stops"}, self._clock.now_ns())
        self._flush()
        await asyncio.sleep(LOGOUT_S)
        self._stop(status, "drained")

    # Housekeeping.

    async def _housekeeping(self) -> None:
        """Off the path: group what must survive power loss, take ClOrdIDs ahead, collect garbage."""
        loop = asyncio.get_running_loop()
        interval_s = self._settings.journal.sync_interval_ms / 1000
        collected_s = loop.time()
        while True:
            await asyncio.sleep(interval_s)
            try:
                await loop.run_in_executor(None, self._journal.sync)
                await loop.run_in_executor(None, self._ids.top_up)
            except OSError as error:
                if self._connections.begun:
                    self._guard.disk_fails(str(error))
            self._connections.count()
            self._guard.look_at_clock()
            if loop.time() - collected_s >= COLLECT_S:
                gc.collect(1)
                collected_s = loop.time()
