"""Which address is next: the primary preferred, good only after a Logon, pauses between rounds."""

from __future__ import annotations

import pytest

from router.addresses import LASTED_NS, Addresses, Backoff
from router.peers import Address

A, B, C = (Address(host=host, port=9000) for host in ("a", "b", "c"))
FIRST_NS, CAP_NS = 200, 800  # of which the lower half is drawn here


def addresses(*of: Address) -> Addresses:
    return Addresses(of, Backoff(FIRST_NS, CAP_NS, lambda: 0.0), 0)


def fails(to: Addresses, now_ns: int) -> None:
    to.dialling()
    assert to.due_ns is None
    to.ended(now_ns)


def test_after_a_failure_the_next_is_dialled_at_once_and_after_the_last_there_is_a_pause() -> None:
    to = addresses(A, B, C)
    tried = []
    now_ns = 0
    for _ in range(9):
        assert to.due_ns is not None
        tried.append((to.address.host, to.due_ns - now_ns))
        now_ns = to.due_ns
        fails(to, now_ns)
    assert tried == [
        ("a", 0), ("b", 0), ("c", 0), ("a", 100), ("b", 0), ("c", 0), ("a", 200), ("b", 0), ("c", 0),
    ]  # fmt: skip


def test_a_connection_without_a_logon_proves_nothing() -> None:
    to = addresses(A, B)
    to.dialling()
    assert not to.is_good
    to.ended(50)  # it was up, and refused us
    assert (to.address, to.due_ns) == (B, 50)


def test_when_a_good_connection_is_lost_the_primary_is_preferred_again() -> None:
    to = addresses(A, B, C)
    fails(to, 0)
    to.dialling()
    to.good(900)
    assert (to.address, to.is_good) == (B, True)
    to.ended(1_000)
    assert (to.address, to.due_ns) == (A, 1_000 + FIRST_NS // 2), "not at once: it may be the venue's word"
    fails(to, 1_100)
    assert (to.address, to.due_ns) == (B, 1_100)


def test_only_a_session_that_has_lasted_ends_the_growing_pauses() -> None:
    to = addresses(A)
    pauses = []
    for _ in range(3):
        fails(to, 0)
        pauses.append(to.due_ns)
    for good_ns, ended_ns in ((0, LASTED_NS - 1), (0, LASTED_NS)):
        to.dialling()
        to.good(good_ns)
        to.good(ended_ns)  # a Logon within the session, for new numbers
        to.ended(ended_ns)
        assert to.due_ns is not None
        pauses.append(to.due_ns - ended_ns)
    assert pauses == [100, 200, 400, 400, 100]


def test_a_venue_that_ends_each_session_at_once_is_not_dialled_for_ever_at_the_first_pause() -> None:
    to, now_ns, logons = addresses(A), 0, 0
    while now_ns < 100 * CAP_NS:
        assert to.due_ns is not None
        now_ns = to.due_ns
        to.dialling()
        to.good(now_ns)
        to.ended(now_ns)
        logons += 1
    assert logons <= 210, "half of the longest pause between them, but for the first"


def test_when_its_hours_begin_it_is_dialled_now_from_the_primary_on() -> None:
    to = addresses(A, B)
    fails(to, 0)
    fails(to, 0)
    fails(to, 0)
    to.wake(7)
    assert (to.address, to.due_ns) == (A, 7)
    to.dialling()
    to.wake(8)
    assert to.due_ns is None, "it is under way"


def test_addresses_that_moved_are_dialled_now_unless_the_session_is_up() -> None:
    to = addresses(A)
    fails(to, 0)
    to.move((A,), 5)
    assert to.due_ns == 100, "the same as before"
    to.move((B, C), 5)
    assert (to.address, to.due_ns) == (B, 5)
    to.dialling()
    to.good(0)
    to.move((A,), 6)
    assert to.due_ns is None
    to.ended(7)
    assert (to.address, to.due_ns) == (A, 7 + 100)


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [5, 10, 20, 40]), (0.999, [9, 19, 39, 79])])
def test_a_pause_is_between_half_of_its_step_and_the_whole(chance: float, expected: list[int]) -> None:
    backoff = Backoff(10, 80, lambda: chance)
    assert [backoff.next_delay_ns() for _ in range(4)] == expected
