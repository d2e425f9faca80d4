"""Which sessions are open now, by their schedules, and when that changes next. Pure.

The schedule of a session is the shell's, for time zones change: the engine is told, by an input, that a
period has begun or ended, and lives that again from its journal whatever the zones have become.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from router.schedule import Period, Schedule


class Turn(NamedTuple):
    """A session opens, goes over to another period, or closes (no period). `goes_on`: the period is the one
    that was, by other times, for the settings were read again while it lasted.
    """

    session: str
    period: Period | None
    goes_on: bool = False


class Hours:
    """A session that no schedule names is always open."""

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        self._schedules = dict(schedules)
        self._periods: dict[str, Period | None] = {}
        self._changes: dict[str, int] = {}

    def turns(self, now_ns: int) -> list[Turn]:
        """What has changed by now; at first, how every session stands."""
        turns = []
        for session, schedule in self._schedules.items():
            if now_ns < self._changes.get(session, now_ns):
                continue
            period = schedule.period(now_ns)
            before = self._periods.get(session)
            if session not in self._periods or period != before:
                goes_on = period is not None and before is not None and now_ns < before.end_ns
                turns.append(Turn(session, period, goes_on))
            self._periods[session] = period
            self._changes[session] = schedule.next_change_ns(now_ns)
        return turns

    def deadline_ns(self) -> int | None:
        return min(self._changes.values(), default=None)

    def is_open(self, session: str) -> bool:
        return session not in self._schedules or self._periods.get(session) is not None

    def next_change_ns(self, session: str) -> int | None:
        """When it closes, or opens; None for a session that is always open."""
        return self._changes.get(session)

    def reread(self, schedules: Mapping[str, Schedule]) -> None:
        """The settings were read again. Those that are new, or differ, are looked at in the next `turns`."""
        for session in self._schedules.keys() | schedules.keys():
            if self._schedules.get(session) != schedules.get(session):
                self._changes.pop(session, None)
                if session not in schedules:
                    self._periods.pop(session, None)
        self._schedules = dict(schedules)
