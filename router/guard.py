"""Watches what the daemon stands on, its disk and the wall clock, and stops new orders when one gives way.

No new risk leaves without a record of it: while the journal cannot be written in full, everything is latched
and cancelled, and of what waits to be sent only the rest may leave. A stop is for each time that it happens:
once the disk is well again, the next failure stops again. A person reinstates; nothing here does.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from router.clock import MAX_STEP_NS, Clock, SystemClock
from router.journalfile import JournalFailed, JournalFile, JournalFull, JournalState

log = structlog.get_logger()

Stop = Callable[[str, str, str], None]  # command, identity, reason: for everything


class Guard:
    def __init__(self, journal: JournalFile, clock: Clock, stop: Stop) -> None:
        self._journal = journal
        self._clock = clock
        self._stop = stop
        self._jump_ns = 0  # how far the wall clock was set when it was last looked into
        self.disk_failed = False

    def flush(self) -> bool:
        """Writes what the engine appended; whether new risk may leave after it."""
        try:
            self._journal.flush()
        except (JournalFull, JournalFailed) as error:
            self.disk_fails(str(error))
            return False
        if self._journal.state is not JournalState.OK:
            self.disk_fails(f"the journal is {self._journal.state.value}")
            return False
        if self.disk_failed:
            self.disk_failed = False
            log.warning("journal can be written again; what is latched stays latched")
        return True

    def disk_fails(self, why: str) -> None:
        """Latches and cancels everything, once for each failure."""
        if self.disk_failed:
            return
        self.disk_failed = True
        log.critical("journal cannot be written", why=why)
        self._stop("kill", "journal", why)

    def look_at_clock(self) -> None:
        """A wall clock that somebody set by more than a second stops new orders until a person has looked."""
        if not isinstance(self._clock, SystemClock):
            return
        jump_ns = self._clock.stepped_ns()
        if abs(jump_ns - self._jump_ns) > MAX_STEP_NS:
            by_ns, self._jump_ns = jump_ns - self._jump_ns, jump_ns
            log.critical("clock jumped", by_ns=by_ns)
            self._stop("suspend", "clock", f"the wall clock was set by {by_ns} ns")
