"""Periods of sessions held against a search minute by minute, over zones whose clocks jump."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router.schedule import SECOND, WEEKDAYS, Period, Schedule, instant_ns

LONDON, NEW_YORK, TOKYO, LORD_HOWE = (
    ZoneInfo(name) for name in ("Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe")
)
ZONES = (LONDON, NEW_YORK, TOKYO, LORD_HOWE)
MINUTE = 60 * SECOND
EVERY_DAY = frozenset(range(7))
WORKING = frozenset(range(5))


def at(text: str, zone: ZoneInfo | None = None) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=zone or UTC)
    return int(moment.timestamp()) * SECOND


def utc(ns: int | None) -> str:
    assert ns is not None
    return f"{datetime.fromtimestamp(ns // SECOND, UTC):%a %Y-%m-%d %H:%M}"


def shown(schedule: Schedule, now: str) -> tuple[str, str] | None:
    period = schedule.period(at(now))
    return None if period is None else (utc(period.start_ns), utc(period.end_ns))


# In words.


def test_a_day_session_is_open_on_its_weekdays_from_start_to_just_before_its_end() -> None:
    hours = Schedule(time(8), time(16, 30), LONDON, LONDON, WORKING)
    assert shown(hours, "2026-07-03 06:59:59") is None
    assert shown(hours, "2026-07-03 07:00:00") == ("Fri 2026-07-03 07:00", "Fri 2026-07-03 15:30")
    assert shown(hours, "2026-07-03 15:29:59") is not None
    assert shown(hours, "2026-07-03 15:30:00") is None
    assert utc(hours.next_change_ns(at("2026-07-03 15:30"))) == "Mon 2026-07-06 07:00"
    assert shown(hours, "2026-07-04 12:00:00") is None, "Saturday"


def test_a_session_across_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    hours = Schedule(time(18), time(17), NEW_YORK, NEW_YORK, frozenset({6, 0, 1, 2, 3}))
    assert shown(hours, "2026-01-09 21:59:00") == ("Thu 2026-01-08 23:00", "Fri 2026-01-09 22:00")
    assert shown(hours, "2026-01-09 22:00:00") is None, "the weekend"
    assert shown(hours, "2026-01-11 23:00:00") == ("Sun 2026-01-11 23:00", "Mon 2026-01-12 22:00")


def test_start_and_end_may_be_of_different_zones() -> None:
    hours = Schedule(time(9), time(16), TOKYO, NEW_YORK, WORKING)
    assert shown(hours, "2026-03-06 12:00:00") == ("Fri 2026-03-06 00:00", "Fri 2026-03-06 21:00")
    assert shown(hours, "2026-03-09 12:00:00") == ("Mon 2026-03-09 00:00", "Mon 2026-03-09 20:00")


def test_a_weekly_session_is_open_through_the_nights() -> None:
    hours = Schedule(time(17), time(17), NEW_YORK, NEW_YORK, frozenset({6}), end_day=4)
    week = ("Sun 2026-03-01 22:00", "Fri 2026-03-06 22:00")
    assert shown(hours, "2026-03-04 03:00:00") == week
    assert shown(hours, "2026-03-06 22:00:00") is None
    assert shown(hours, "2026-03-12 03:00:00") == ("Sun 2026-03-08 21:00", "Fri 2026-03-13 21:00")


def test_a_session_without_a_pause_goes_over_from_one_day_to_the_next() -> None:
    hours = Schedule(time(17), time(17), NEW_YORK, NEW_YORK, EVERY_DAY)
    before, after = hours.period(at("2026-06-01 20:59:59")), hours.period(at("2026-06-01 21:00:00"))
    assert before is not None
    assert after is not None
    assert before.end_ns == after.start_ns == at("2026-06-01 21:00")


def test_a_time_that_the_clock_skips_is_the_moment_of_the_skip() -> None:
    assert utc(instant_ns(date(2026, 3, 29), time(1, 30), LONDON)) == "Sun 2026-03-29 01:00"
    assert utc(instant_ns(date(2026, 3, 29), time(2, 0), LONDON)) == "Sun 2026-03-29 01:00"
    assert utc(instant_ns(date(2026, 10, 4), time(2, 15), LORD_HOWE)) == "Sat 2026-10-03 15:30"


def test_a_time_that_the_clock_shows_twice_is_the_first() -> None:
    assert utc(instant_ns(date(2026, 10, 25), time(1, 30), LONDON)) == "Sun 2026-10-25 00:30"
    assert utc(instant_ns(date(2026, 4, 5), time(1, 45), LORD_HOWE)) == "Sat 2026-04-04 14:45"


# Against a search.


def first_moment(day: date, wall: time, zone: ZoneInfo) -> int:
    """The definition, minute by minute."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=26)
    while True:
        there = moment.astimezone(zone)
        if there.date() == day and there.time() >= wall:
            return int(moment.timestamp()) * SECOND
        moment += timedelta(minutes=1)


# Around the jumps of 2026 in each zone, and days on which nothing jumps.
DAYS = [
    date(2026, month, day) + timedelta(n)
    for month, day in ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1), (6, 15))
    for n in (-2, -1, 0, 1, 2)
]
WALLS = st.one_of(
    st.sampled_from([time(0), time(1), time(1, 30), time(1, 45), time(2), time(2, 15), time(2, 30), time(3)]),
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DAYS), WALLS, st.sampled_from(ZONES))
def test_a_wall_clock_time_is_the_first_moment_that_shows_it_or_later(
    day: date, wall: time, zone: ZoneInfo
) -> None:
    assert instant_ns(day, wall, zone) == first_moment(day, wall, zone)


def searched(schedule: Schedule, now_ns: int) -> Period | None:
    """The period by the definition alone: every start of three weeks, and the first end after it."""
    base = datetime.fromtimestamp(now_ns // SECOND, UTC).date()
    days = [base + timedelta(n) for n in range(-10, 12)]
    starts = [
        first_moment(day, schedule.start, schedule.zone) for day in days if day.weekday() in schedule.days
    ]
    ends = [
        first_moment(day, schedule.end, schedule.end_zone)
        for day in days
        if schedule.end_day in (None, day.weekday())
    ]
    begun = [start for start in starts if start <= now_ns]
    if not begun:
        return None
    end_ns = min(ns for ns in ends + starts if ns > begun[-1])
    return Period(begun[-1], end_ns) if now_ns < end_ns else None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(DAYS), st.integers(0, 1439), WALLS, WALLS, st.sampled_from(ZONES), st.sampled_from(ZONES),
    st.frozensets(st.integers(0, 6), min_size=1), st.one_of(st.none(), st.integers(0, 6)),
)  # fmt: skip
def test_a_period_is_what_a_search_finds(
    day: date, minute: int, start: time, end: time, zone: ZoneInfo, end_zone: ZoneInfo,
    days: frozenset[int], end_day: int | None,
) -> None:  # fmt: skip
    assume(end_day is None or len(days) == 1)
    schedule = Schedule(start, end, zone, end_zone, days, end_day)
    now_ns = at(f"{day} 00:00") + minute * MINUTE
    period = searched(schedule, now_ns)
    assert schedule.period(now_ns) == period
    change_ns = schedule.next_change_ns(now_ns)
    assert change_ns > now_ns
    assert schedule.period(change_ns - 1) == period, "nothing changes before"
    assert schedule.period(change_ns) != period


@pytest.mark.parametrize("zone", ZONES)
def test_over_a_year_of_days_no_period_is_lost_and_none_overlaps(zone: ZoneInfo) -> None:
    hours = Schedule(time(2, 15), time(1, 45), zone, zone, EVERY_DAY)
    now_ns, end_ns, periods = at("2026-01-01 00:00"), at("2027-01-01 00:00"), []
    while now_ns < end_ns:
        period = hours.period(now_ns)
        if period is not None:
            periods.append(period)
        now_ns = hours.next_change_ns(now_ns)
    assert len(periods) in (365, 366)
    assert all(one.end_ns <= two.start_ns for one, two in itertools.pairwise(periods))


def test_weekdays_are_named_from_monday() -> None:
    assert WEEKDAYS.index("mon") == date(2026, 11, 23).weekday()
