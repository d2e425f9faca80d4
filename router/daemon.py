"""The composition root: reads the settings, makes everything that touches the world, and joins it.

Nothing is decided here, and nothing else makes a clock, a network, a disk or a source of chance.
"""

from __future__ import annotations

import random
import resource
import signal
import sys

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

MAX_FILES = 65_536


def run(settings: Settings) -> int:
    """Builds the daemon from its settings, recovers what the journal holds, and serves until it is stopped.

    A SIGUSR1 that comes before it serves is kept, and kills as soon as there is something to kill.
    SettingsError, AlreadyRunning, JournalError and OSError are the operator's to mend.
    """
    log_plainly()
    open_files()
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


def log_plainly() -> None:
    """A traceback in the log has no values of variables: a password may be among them."""
    looks = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], looks])


def open_files() -> None:
    """Many, as far as the system lets us: a crowd at the desks' port, whose TLS handshakes stand still for
    some seconds, must not take the files that the journal and the order counter need.
    """
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, MAX_FILES)), most))


def warm() -> None:
    """Compiles every kernel of the daemon, or loads it from the cache, before anything waits for it."""
    for module in (fix_warm, book, feed, features, target, best, actions):
        module.warm()
