"""The composition root of the daemon: sockets, clock, disk and policies around one engine.

Everything that touches the world is made here and handed in, so that the simulation runs the same shell. The
order of things for each input is fixed: engine, journal to disk, bytes to the wire. On wall time a link's
bytes are handled as they come; in lock-step the clock link says when (router/lockstep.py).
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
import uvloop

from router import actions, book, features
from router.clock import MAX_STEP_NS, Clock, SteppedClock, SystemClock
from router.control import Answer as ControlAnswer
from router.control import Command, ControlServer
from router.core import Port
from router.engine import Engine
from router.feeds import fix as feed
from router.fix import warm as fix_warm
from router.fix.codec import Framer, Garbled, Message
from router.journalfile import JournalFailed, JournalFile, JournalFull, JournalState, OrderIds, StateLock
from router.link import Backoff, Link, Network, TcpNetwork
from router.lockstep import Participant
from router.policy import Policy, load_all, read_policies
from router.records import NO_VALUE, NO_VECTOR, Answer, AnswerStatus
from router.recovery import Replay
from router.routing import best, target
from router.settings import MS, Settings
from router.startup import engine_config
from router.tick import Decide

log = structlog.get_logger()

COLLECT_S = 1.0
LOGOUT_S = 0.2
CONVERSATION_BOUND = 4096
DUE_BOUND = 1000  # rounds of timers within one step, each of which must make progress


class App:
    """One router. `serve` runs until told to stop, and returns the process's exit status."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        journal: JournalFile,
        ids: OrderIds,
        policies: Mapping[int, Policy],
        clock: Clock,
        network: Network,
        randomness: random.Random,
    ) -> None:
        """`engine` is new, or as the journal left it; it is started here, when the time is known."""
        self._settings = settings
        self._engine = engine
        self._journal = journal
        self._ids = ids
        self._policies = policies
        self._clock = clock
        self._network = network
        self._random = randomness
        self._ports: list[Port] = []
        self._links: dict[int, Link] = {}
        self._strangers: deque[Link] = deque()  # accepted, and not yet known by their Logon
        self._addresses: dict[int, tuple[str, int]] = {}
        self._dial_ns: dict[int, int] = {}
        self._dialling: set[int] = set()
        self._backoff: dict[int, Backoff] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._participant: Participant | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._conversations: dict[int, asyncio.Queue[tuple[ControlAnswer, bool]]] = {}
        self._commands = 0
        self._drain_command = 0
        self._disk_failed = False
        self._clock_jumped = False
        self._done: asyncio.Future[int] | None = None

    # Life.

    async def serve(self) -> int:
        """Runs until stopped. OSError if a port is in use."""
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        lockstep, oms = self._settings.lockstep, self._settings.oms
        if lockstep is not None:
            self._participant = Participant(lockstep.name, self, self._stepped())
        listener = await self._network.serve(
            oms.host, oms.port, lambda: Link(self._participant or self, Framer())
        )
        operators = self._settings.control
        control = ControlServer(operators.socket, operators.operators, self._on_command)
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
                await self._participant.join(lockstep.host, lockstep.port)
            else:
                self._begin(self._clock.now_ns())
            return await self._done
        finally:
            for task in self._tasks:
                task.cancel()
            listener.close()
            for link in list(self._links.values()):
                link.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(control.close(), 2)

    def _begin(self, now_ns: int) -> None:
        """The time is known: the engine starts, and every session's first dial is due."""
        config, reference = engine_config(self._settings, self._policies, self._ids.next_number)
        reference.refuse_stale(datetime.fromtimestamp(now_ns / 1e9, UTC).date())
        self._engine.start(config, self._ids, now_ns)
        self._ports = self._engine.running.ports
        by_slot = {venue.slot: (venue.host, venue.port) for venue in self._settings.venues}
        patience = self._settings.orders
        for port in self._ports:
            if port.session.config.role == "initiator":
                self._addresses[port.index] = by_slot[port.venue]
                self._dial_ns[port.index] = now_ns
                self._backoff[port.index] = Backoff(
                    patience.reconnect_first_ms * MS, patience.reconnect_cap_ms * MS, self._random.random
                )
        self._flush()
        self._wake()

    def _stepped(self) -> SteppedClock:
        assert isinstance(self._clock, SteppedClock)
        return self._clock

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[Any]) -> None:
        """A task of ours that fails is a broken invariant: stop, with the orders as they are, and say so."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("router failed", exc_info=error)
            self._stop(70, f"{type(error).__name__}: {error}")

    def _stop(self, status: int, why: str) -> None:
        if self._done is not None and not self._done.done():
            log.info("router stops", status=status, why=why)
            self._done.set_result(status)

    # Links.

    def link_up(self, link: Link) -> None:
        if not link.dialled:
            self._strangers.append(link)
            return
        index = next(port.index for port in self._ports if port.session.name == link.name)
        self._links[index] = link
        self._engine.link(index, True, self._clock.now_ns())
        self._flush()

    def link_down(self, link: Link, reason: str) -> None:
        index = self._index_of(link)
        if index is None:
            with suppress(ValueError):
                self._strangers.remove(link)
            return
        del self._links[index]
        now = self._clock.now_ns()
        log.warning("link down", session=self._ports[index].session.name, reason=reason)
        self._engine.link(index, False, now)
        if index in self._addresses and not self._drain_command:
            self._dial_ns[index] = now + self._backoff[index].next_delay_ns()
        self._flush()
        self._wake()

    def messages_ready(self, link: Link) -> None:
        """Wall time: handle what came, decide what is due, and let what results leave."""
        self._drain_link(link)
        self._after_input()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        index = self._index_of(link)
        if index is not None:
            self._engine.writable(index, not blocked, self._clock.now_ns())
            self._flush()

    def _index_of(self, link: Link) -> int | None:
        for index, known in self._links.items():
            if known is link:
                return index
        return None

    def _drain_link(self, link: Link) -> None:
        index = self._index_of(link)
        framer = link.framer
        while (message := framer.next()) is not None:
            if index is None:
                index = self._introduce(link, message)
                if index is None:
                    return
            if self._links.get(index) is not link:
                return  # hung up in the middle
            if isinstance(message, Message):
                self._engine.message(index, message, self._clock.now_ns())
            else:
                self._engine.garbled(index, message, self._clock.now_ns())
            self._decide()
            if self._engine.running.hangups:
                self._flush()

    def _introduce(self, link: Link, message: Message | Garbled) -> int | None:
        """Whose link this is, from its first message: a Logon to us from a desk that we know."""
        index = None
        if isinstance(message, Message) and message.msg_type == b"A":
            sender, target = message.get(49), message.get(56)
            for port in self._ports:
                config = port.session.config
                pair = (config.target_comp_id.encode(), config.sender_comp_id.encode())
                if config.role == "acceptor" and (sender, target) == pair:
                    index = port.index
        if index is None or index in self._links:
            why = "not a Logon(A) of a desk in the settings" if index is None else "its session is up already"
            log.warning("connection refused", ports=link.ports, why=why)
            link.abort(why)
            return None
        with suppress(ValueError):
            self._strangers.remove(link)
        link.name = self._ports[index].session.name
        self._links[index] = link
        self._engine.link(index, True, self._clock.now_ns())
        return index

    # Time.

    def _after_input(self) -> None:
        now = self._clock.now_ns()
        due = self._engine.deadline_ns()
        if due is not None and due <= now:
            self._engine.timer(now)
            self._decide()
        self._flush()
        self._wake()

    def _wake(self) -> None:
        """Sets the one wall timer to the next deadline."""
        if self._participant is not None:
            return
        due = self.deadline_ns()
        if due is None:
            return
        if self._timer is not None:
            if self._timer_ns <= due:
                return  # early is harmless
            self._timer.cancel()
        self._timer_ns = due
        delay_s = max(0.0, (due - self._clock.now_ns()) / 1e9)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._clock.now_ns()
        for index in self._due_dials(now):
            self._spawn(self._dial(index))
        self._after_input()

    def deadline_ns(self) -> int | None:
        """The engine's next deadline, or the next dial."""
        dues = [due for index, due in self._dial_ns.items() if index not in self._dialling]
        engine = self._engine.deadline_ns()
        if engine is not None:
            dues.append(engine)
        return min(dues, default=None)

    def _due_dials(self, now_ns: int) -> list[int]:
        if self._drain_command:
            return []
        return [i for i, due in sorted(self._dial_ns.items()) if due <= now_ns and i not in self._dialling]

    async def _dial(self, index: int) -> None:
        host, number = self._addresses[index]
        name = self._ports[index].session.name
        self._dialling.add(index)
        try:
            await self._network.dial(
                host, number, lambda: Link(self._participant or self, Framer(), name=name, dialled=True)
            )
            del self._dial_ns[index]
        except OSError as error:
            log.warning("cannot connect", session=name, address=f"{host}:{number}", error=str(error))
            self._dial_ns[index] = self._clock.now_ns() + self._backoff[index].next_delay_ns()
        finally:
            self._dialling.discard(index)
            self._wake()

    # Lock-step.

    async def step(self, now_ns: int) -> None:
        """Handles what this step brought, in order of session, then what is due, then dials."""
        if not self._ports:
            self._begin(now_ns)
        for index in sorted(self._links):
            link = self._links.get(index)
            if link is not None:
                self._drain_link(link)
        for stranger in list(self._strangers):
            self._drain_link(stranger)
        for _ in range(DUE_BOUND):
            due = self._engine.deadline_ns()
            if due is None or due > now_ns:
                break
            self._engine.timer(now_ns)
            self._decide()
        self._flush()
        for index in self._due_dials(now_ns):
            await self._dial(index)

    def end(self) -> None:
        """The simulation is over."""
        self._stop(0, "the simulation ended")

    def clock_lost(self, reason: str) -> None:
        self._stop(1, reason)

    # Policies.

    def _decide(self) -> None:
        """Answers what the engine asks. Inline: a policy on the list has bounded operators and no loops."""
        while decides := self._engine.take_decides():
            for decide in decides:
                self._engine.answer(self._ask(decide), self._clock.now_ns())

    def _ask(self, decide: Decide) -> Answer:
        begin = self._clock.monotonic_ns()
        try:
            said = self._policies[decide.strategy].run(decide.state, decide.mask)
        except (
            Exception
        ) as error:  # whatever the runtime raises: the parent's fallback decides, and a person hears
            log.error("policy failed", strategy=decide.strategy, error=str(error))
            return Answer(
                decide.parent, decide.decision, AnswerStatus.FAILED, 0, NO_VALUE, NO_VECTOR, NO_VECTOR
            )
        elapsed = self._clock.monotonic_ns() - begin
        good = AnswerStatus.GOOD
        return Answer(
            decide.parent, decide.decision, good, elapsed, said.value, said.logits, said.action_value
        )

    # Disk, then wire.

    def _flush(self) -> None:
        core = self._engine.running
        on_disk = True
        try:
            self._journal.flush()
        except (JournalFull, JournalFailed) as error:
            on_disk = False
            self._disk_stops(str(error))
        if self._journal.state is not JournalState.OK and not self._disk_failed:
            self._disk_stops(f"the journal is {self._journal.state.value}")
        if core.writes:
            writes, core.writes = core.writes, []
            for index, raw in writes:
                if on_disk or not _is_new_risk(raw):
                    link = self._links.get(index)
                    if link is not None:
                        link.write(raw)
        if core.hangups:
            hangups, core.hangups = core.hangups, []
            for index in hangups:
                link = self._links.get(index)
                if link is not None:
                    link.close("by the session")
        if core.alerts:
            alerts, core.alerts = core.alerts, []
            for text in alerts:
                log.warning("alert", text=text)
        if core.replies:
            self._converse()

    def _disk_stops(self, why: str) -> None:
        """No new orders without a record of them: latch everything, cancel, say so. Cancels still leave."""
        if self._disk_failed:
            return
        self._disk_failed = True
        log.critical("journal cannot be written", why=why)
        request = {"cmd": "kill", "scope": "all", "name": "", "identity": "journal", "reason": why}
        self._command(request)

    # Operators.

    def _command(self, request: dict[str, Any]) -> int:
        self._commands += 1
        self._engine.operator(self._commands, request, self._clock.now_ns())
        self._flush()
        self._wake()
        return self._commands

    async def _on_command(self, command: Command) -> AsyncIterator[ControlAnswer]:
        if command.cmd in ("status", "parents", "orders"):
            for answer in self._engine.view(command.cmd):
                yield answer
            return
        queue: asyncio.Queue[tuple[ControlAnswer, bool]] = asyncio.Queue(CONVERSATION_BOUND)
        self._conversations[self._commands + 1] = queue
        number = self._command(
            {
                "cmd": command.cmd,
                "scope": command.scope,
                "name": command.name,
                "identity": command.identity,
                "reason": command.reason,
            }
        )
        try:
            while True:
                answer, last = await queue.get()
                yield answer
                if last:
                    return
        finally:
            del self._conversations[number]

    def _converse(self) -> None:
        core = self._engine.running
        replies, core.replies = core.replies, []
        for reply in replies:
            if reply.last and reply.command == self._drain_command:
                self._drained(reply.body)
            queue = self._conversations.get(reply.command)
            if reply.body["event"] == "latched":
                self._spawn(self._make_durable(queue, dict(reply.body), reply.last))
            elif queue is not None:
                with suppress(asyncio.QueueFull):
                    queue.put_nowait((reply.body, reply.last))

    async def _make_durable(
        self, queue: asyncio.Queue[tuple[ControlAnswer, bool]] | None, body: ControlAnswer, last: bool
    ) -> None:
        """The latch is in force already; the operator hears whether the disk holds it too."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._journal.sync)
            body["durable"] = True
        except OSError as error:
            body["durable"] = False
            body["error"] = str(error)
        if queue is not None:
            with suppress(asyncio.QueueFull):
                queue.put_nowait((body, last))

    def _kill_by_signal(self) -> None:
        self._command({"cmd": "kill", "scope": "all", "name": "", "identity": "signal", "reason": "SIGUSR1"})

    def _drain(self) -> None:
        """SIGTERM: no new risk, cancel, wait, log out, exit; nothing latches."""
        if self._drain_command or self._engine.core is None:
            self._stop(1, "told to stop twice" if self._drain_command else "told to stop before the start")
            return
        self._drain_command = self._commands + 1
        self._command({"cmd": "drain", "identity": "signal", "reason": "SIGTERM"})

    def _drained(self, body: dict[str, Any]) -> None:
        """Every order has ended, or is named; say goodbye, and give the peers a moment to answer."""
        status = 1 if body["unconfirmed"] else 0
        if status:
            log.error("orders not confirmed at stop", orders=body["unconfirmed"])
        self._spawn(self._say_goodbye(status))

    async def _say_goodbye(self, status: int) -> None:
        self._engine.operator(0, {"cmd": "log out", "reason": "router stops"}, self._clock.now_ns())
        self._flush()
        await asyncio.sleep(LOGOUT_S)
        self._stop(status, "drained")

    # Housekeeping.

    def _watch_clock(self) -> None:
        """A wall clock that somebody set by more than a second stops new orders until a person has looked."""
        if self._clock_jumped or not isinstance(self._clock, SystemClock):
            return
        jump_ns = self._clock.stepped_ns()
        if abs(jump_ns) > MAX_STEP_NS:
            self._clock_jumped = True
            why = f"the wall clock was set by {jump_ns / 1e9:+.3f} s"
            log.critical("clock jumped", by_ns=jump_ns)
            self._command({"cmd": "suspend", "scope": "all", "name": "", "identity": "clock", "reason": why})

    async def _housekeeping(self) -> None:
        """Off the path: group what must survive power loss, take ClOrdIDs ahead, collect garbage."""
        loop = asyncio.get_running_loop()
        interval_s = self._settings.journal.sync_interval_ms / 1000
        collected = loop.time()
        while True:
            await asyncio.sleep(interval_s)
            try:
                await loop.run_in_executor(None, self._journal.sync)
            except OSError as error:
                self._disk_stops(str(error))
            await loop.run_in_executor(None, self._ids.top_up)
            self._watch_clock()
            if loop.time() - collected >= COLLECT_S:
                gc.collect(1)
                collected = loop.time()


def _is_new_risk(raw: bytes) -> bool:
    return b"\x0135=D\x01" in raw[:64]


def run(settings: Settings) -> int:
    """Builds the daemon from its settings, recovers what the journal holds, and serves until it is stopped.

    SettingsError, PolicyRefused, AlreadyRunning, JournalError, ReplayError and OSError are the operator's to mend.
    """
    lock = StateLock(settings.daemon.state_dir)
    try:
        policies = load_all(read_policies(settings.files.policies))
        warm()
        ids = OrderIds(
            settings.daemon.clordid_prefix,
            settings.daemon.state_dir / "clordid",
            settings.daemon.clordid_block,
        )
        settings.journal.dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        replay = Replay()
        journal = JournalFile(
            settings.journal.dir / "router.journal",
            replay.feed,
            allocate_bytes=settings.journal.allocate_mib << 20,
            reserve_bytes=settings.journal.reserve_mib << 20,
        )
        if replay.records:
            log.info("journal replayed", records=replay.records, torn_bytes=journal.torn_bytes)
            ids.observed(replay.last_order_id)
        replay.engine.attach(journal.writer)
        clock: Clock = SteppedClock(replay.last_ns) if settings.lockstep else SystemClock()
        app = App(
            settings,
            replay.engine,
            journal,
            ids,
            policies,
            clock,
            TcpNetwork(),
            random.Random(settings.daemon.seed),
        )
        try:
            return uvloop.run(app.serve())
        finally:
            log.info("journal closed", sha256=journal.close())
    finally:
        lock.release()


def warm() -> None:
    """Compiles every kernel of the daemon, or loads it from the cache, before anything waits for it."""
    for module in (fix_warm, book, feed, features, target, best, actions):
        module.warm()
