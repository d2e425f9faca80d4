"""Who has come and not logged on: bounded in number, in time, and in what is said of it."""

from __future__ import annotations

from router.strangers import (
    FAILURES_A_MINUTE,
    LOGONS_A_MINUTE,
    MAX_STRANGERS,
    MINUTE_NS,
    TOLD_A_MINUTE,
    Strangers,
)

PATIENCE_NS = 10


def test_the_oldest_gives_way_at_the_bound() -> None:
    strangers: Strangers[int] = Strangers(PATIENCE_NS)
    assert [strangers.came(n, n) for n in range(MAX_STRANGERS)] == [None] * MAX_STRANGERS
    assert strangers.came(99, 50) == 0
    strangers.gone(0)
    assert strangers.waiting() == [*range(1, MAX_STRANGERS), 99]


def test_each_has_its_time_to_log_on() -> None:
    strangers: Strangers[str] = Strangers(PATIENCE_NS)
    assert strangers.deadline_ns() is None
    strangers.came("a", 0)
    strangers.came("b", 4)
    assert (strangers.deadline_ns(), strangers.overdue(9), strangers.overdue(10)) == (10, [], ["a"])
    strangers.gone("a")
    strangers.gone("a")
    assert (strangers.deadline_ns(), strangers.overdue(14)) == (14, ["b"])


def test_of_ten_thousand_refusals_the_log_names_a_few_a_minute() -> None:
    strangers: Strangers[str] = Strangers(PATIENCE_NS)
    assert sum(strangers.refused(0) for _ in range(10_000)) == TOLD_A_MINUTE
    assert strangers.refused(MINUTE_NS)


def test_a_session_whose_logons_fail_rests_until_the_minute_is_over_and_others_do_not() -> None:
    strangers: Strangers[str] = Strangers(PATIENCE_NS)
    for _ in range(FAILURES_A_MINUTE):
        assert not strangers.rests("A", 1)
        strangers.failed("A", 1)
    assert strangers.rests("A", 2)
    assert not strangers.rests("B", 2)
    assert not strangers.rests("A", MINUTE_NS)


def test_a_session_that_logs_on_and_off_without_end_rests_too() -> None:
    strangers: Strangers[str] = Strangers(PATIENCE_NS)
    for _ in range(LOGONS_A_MINUTE):
        assert not strangers.rests("A", 1)
        strangers.taken("A", 1)
    assert strangers.rests("A", 2)
    assert not strangers.rests("B", 2)
    assert not strangers.rests("A", MINUTE_NS)
