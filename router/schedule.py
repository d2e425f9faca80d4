"""When a session is open: periods between wall-clock times of time zones, with their daylight saving.

A wall-clock time of a date means the first moment of that date at which the zone's clock shows it or later:
of a time that the clock skips, the moment of the skip; of one that it shows twice, the first. A period begins
at `start` on each of its days, in the start's zone, and ends at the first moment after that at which the
end's zone shows `end` (on `end_day`, if the schedule is weekly); the next beginning ends it too. A
schedule says when, and does nothing: least of all to sequence numbers. Pure: times are UTC nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7


class Period(NamedTuple):
    """Open from `start_ns` until just before `end_ns`."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Schedule:
    start: time
    end: time
    zone: ZoneInfo
    end_zone: ZoneInfo
    days: frozenset[int]  # Monday is 0
    end_day: int | None = None

    def period(self, now_ns: int) -> Period | None:
        """The period that holds `now_ns`; None while closed."""
        found = None
        for start_ns in self._starts(now_ns, -WEEK - 1, 2):
            if start_ns > now_ns:
                break
            found = start_ns
        if found is None:
            return None
        period = Period(found, self._end_ns(found))
        return period if now_ns < period.end_ns else None

    def next_start_ns(self, now_ns: int) -> int:
        """When a period begins next, after `now_ns`."""
        return next(ns for ns in self._starts(now_ns, -1, WEEK + 2) if ns > now_ns)

    def next_change_ns(self, now_ns: int) -> int:
        """When it next opens, closes, or goes over from one period to the next."""
        period = self.period(now_ns)
        return self.next_start_ns(now_ns) if period is None else period.end_ns

    def _end_ns(self, start_ns: int) -> int:
        base = _moment(start_ns, self.end_zone).date()
        ends = (
            instant_ns(day, self.end, self.end_zone)
            for day in (base + timedelta(n) for n in range(WEEK + 2))
            if self.end_day is None or day.weekday() == self.end_day
        )
        return min(next(ns for ns in ends if ns > start_ns), self.next_start_ns(start_ns))

    def _starts(self, now_ns: int, first: int, last: int) -> Iterator[int]:
        base = _moment(now_ns, self.zone).date()
        for n in range(first, last + 1):
            day = base + timedelta(n)
            if day.weekday() in self.days:
                yield instant_ns(day, self.start, self.zone)


def instant_ns(day: date, wall: time, zone: ZoneInfo) -> int:
    """The first moment of `day` at which the clock of `zone` shows `wall` or later."""
    there = datetime.combine(day, wall, zone)  # of a time shown twice, fold 0 is the first
    moment = there.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != there.replace(tzinfo=None):
        moment = _skip(there)
    return int(moment.timestamp()) * SECOND


def _skip(there: datetime) -> datetime:
    """The moment at which the clock goes forward past `there`, a time that it never shows."""
    before, after = there.replace(fold=1).astimezone(UTC), there.astimezone(UTC)
    offset = before.astimezone(there.tzinfo).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(there.tzinfo).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _moment(now_ns: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(now_ns // SECOND, UTC).astimezone(zone)
