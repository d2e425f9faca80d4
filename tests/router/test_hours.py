"""Which sessions are open: told once at first, then at each change, and anew when the settings were read."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

from router.hours import Hours, Turn
from router.schedule import Period, Schedule
from tests.router.test_schedule import at

LONDON = ZoneInfo("Europe/London")
DAY = Schedule(time(8), time(16), LONDON, LONDON, frozenset(range(5)))
LATE = Schedule(time(12), time(16), LONDON, LONDON, frozenset(range(5)))
MONDAY = Period(at("2026-11-23 08:00"), at("2026-11-23 16:00"))


def test_at_first_every_session_with_a_schedule_is_told_of() -> None:
    hours = Hours({"A": DAY, "B": LATE})
    assert not hours.is_open("A"), "not known to be open yet"
    assert hours.turns(at("2026-11-23 09:00")) == [Turn("A", MONDAY), Turn("B", None)]
    assert hours.turns(at("2026-11-23 09:00")) == []
    assert (hours.is_open("A"), hours.is_open("B"), hours.is_open("always")) == (True, False, True)
    assert hours.deadline_ns() == hours.next_change_ns("B") == at("2026-11-23 12:00")
    assert hours.next_change_ns("always") is None


def test_then_of_each_change_when_it_is_due() -> None:
    hours = Hours({"A": DAY})
    hours.turns(at("2026-11-23 07:00"))
    assert hours.turns(MONDAY.start_ns - 1) == []
    assert hours.turns(MONDAY.start_ns) == [Turn("A", MONDAY)]
    assert hours.turns(MONDAY.end_ns) == [Turn("A", None)]
    assert hours.next_change_ns("A") == at("2026-11-24 08:00")


def test_a_day_that_went_by_unseen_is_another_day() -> None:
    hours = Hours({"A": DAY})
    hours.turns(at("2026-11-23 09:00"))
    tuesday = Period(at("2026-11-24 08:00"), at("2026-11-24 16:00"))
    assert hours.turns(at("2026-11-24 09:00")) == [Turn("A", tuesday)]


def test_settings_that_were_read_again_are_told_where_they_differ() -> None:
    hours = Hours({"A": DAY, "B": DAY})
    now = at("2026-11-23 09:00")
    hours.turns(now)
    hours.reread({"A": LATE, "B": DAY, "C": DAY})
    assert hours.turns(now) == [Turn("A", None), Turn("C", MONDAY)]
    hours.reread({"B": DAY, "C": DAY})
    assert hours.turns(now) == []
    assert hours.is_open("A"), "it has no hours any more"


def test_a_period_whose_times_change_while_it_lasts_goes_on() -> None:
    hours = Hours({"A": DAY})
    hours.turns(at("2026-11-23 13:00"))
    hours.reread({"A": LATE})
    noon = Period(at("2026-11-23 12:00"), MONDAY.end_ns)
    assert hours.turns(at("2026-11-23 13:00")) == [Turn("A", noon, goes_on=True)]
    hours.reread({"A": DAY})
    tuesday = Period(at("2026-11-24 08:00"), at("2026-11-24 16:00"))
    assert hours.turns(at("2026-11-24 13:00")) == [Turn("A", tuesday)], "the old one was over by then"


def test_without_schedules_nothing_is_ever_due() -> None:
    hours = Hours({})
    assert hours.turns(0) == []
    assert hours.deadline_ns() is None
