"""The composition root: reads the settings, makes everything that touches the world, and joins it.

Nothing is decided here, and nothing else makes a clock, a network, a disk or a source of chance.
"""

from __future__ import annotations

import random
import signal

import structlog
import uvloop

from risk.errors import SettingsError
from router import actions, book, features
from router.app import App
from router.clock import Clock, SteppedClock, SystemClock
from router.feeds import fix as feed
from router.fix import warm as fix_warm
from router.identity import OrderIds, StateLock
from router.journalfile import JournalFile
from router.link import TcpNetwork
from router.policy import load_all, read_policies
from router.recovery import Replay
from router.routing import best, target
from router.settings import Settings
from router.startup import engine_config

log = structlog.get_logger()


def run(settings: Settings) -> int:
    """Builds the daemon from its settings, recovers what the journal holds, and serves until it is stopped.

    A SIGUSR1 that comes before it serves is kept, and kills as soon as there is something to kill.
    SettingsError, AlreadyRunning, JournalError and OSError are the operator's to mend.
    """
    early: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _: early.append(number))
    lock = StateLock(settings.daemon.state_dir)
    try:
        policies = load_all(read_policies(settings.files.policies))
        config, reference = engine_config(settings, policies, 1)
        warm()
        daemon = settings.daemon
        counter = daemon.state_dir / "clordid"
        try:
            ids = OrderIds(daemon.clordid_prefix, counter, daemon.clordid_block)
        except ValueError:
            prefix = f"daemon.clordid_prefix = {daemon.clordid_prefix!r}"
            raise SettingsError(f"{settings.path}: {prefix}: {counter} is not its order counter") from None
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
        randomness = random.Random(daemon.seed)
        config = config.model_copy(update={"first_order_number": ids.next_number})
        network = TcpNetwork()
        app = App(
            settings, replay.engine, journal, ids, policies, clock, network, randomness, config, reference
        )
        app.kill_wanted = bool(early)
        try:
            return uvloop.run(app.serve())
        finally:
            if app.is_broken:
                journal.abandon()
            else:
                log.info("journal closed", sha256=journal.close())
    finally:
        lock.release()


def warm() -> None:
    """Compiles every kernel of the daemon, or loads it from the cache, before anything waits for it."""
    for module in (fix_warm, book, feed, features, target, best, actions):
        module.warm()
