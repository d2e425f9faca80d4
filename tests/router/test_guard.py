"""What the daemon stands on gives way: new orders stop, once for each time; only a person lets them go on."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from router.clock import MAX_STEP_NS, SteppedClock, SystemClock
from router.guard import Guard
from router.journal import Kind
from router.journalfile import Disk, JournalFile


class SmallDisk(Disk):
    """Has no room for another allocation while `full`, and refuses everything while `dead`."""

    full = dead = False

    def allocate(self, fd: int, offset: int, length: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().allocate(fd, offset, length)

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if self.dead:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(fd, data, offset)


class SteppingClock(SystemClock):
    by_ns = 0

    def stepped_ns(self) -> int:
        return self.by_ns


@pytest.fixture
def disk() -> SmallDisk:
    return SmallDisk()


@pytest.fixture
def journal(tmp_path: Path, disk: SmallDisk) -> JournalFile:
    return JournalFile(tmp_path / "j", disk=disk, allocate_bytes=4096, reserve_bytes=4096)


def test_with_room_on_the_disk_new_risk_may_leave(journal: JournalFile) -> None:
    stops: list[tuple[str, str, str]] = []
    guard = Guard(journal, SteppedClock(), lambda *stop: stops.append(stop))
    journal.writer.append(Kind.NOTE, 1, b"{}")
    assert guard.flush()
    assert stops == []


def test_a_full_disk_stops_once_and_stops_again_when_it_fills_again(
    journal: JournalFile, disk: SmallDisk
) -> None:
    stops: list[tuple[str, str, str]] = []
    guard = Guard(journal, SteppedClock(), lambda *stop: stops.append(stop))
    for _ in range(2):
        disk.full = True
        journal.writer.append(Kind.NOTE, 1, b"x" * 9000)
        assert not guard.flush()
        journal.writer.append(Kind.NOTE, 2, b"{}")
        assert not guard.flush()
        disk.full = False
        journal.writer.append(Kind.NOTE, 3, b"{}")
        assert guard.flush()
    assert [stop[:2] for stop in stops] == [("kill", "journal")] * 2


def test_a_disk_that_errs_stops_for_good(journal: JournalFile, disk: SmallDisk) -> None:
    stops: list[tuple[str, str, str]] = []
    guard = Guard(journal, SteppedClock(), lambda *stop: stops.append(stop))
    disk.dead = True
    journal.writer.append(Kind.NOTE, 1, b"{}")
    assert not guard.flush()
    disk.dead = False
    journal.writer.append(Kind.NOTE, 2, b"{}")
    assert not guard.flush()
    assert len(stops) == 1
    assert "Input/output error" in stops[0][2]


def test_each_jump_of_the_wall_clock_suspends(journal: JournalFile) -> None:
    stops: list[tuple[str, str, str]] = []
    clock = SteppingClock()
    guard = Guard(journal, clock, lambda *stop: stops.append(stop))
    for by_ns in (0, MAX_STEP_NS, MAX_STEP_NS + 1, MAX_STEP_NS + 1, -MAX_STEP_NS):
        clock.by_ns = by_ns
        guard.look_at_clock()
    assert [stop[:2] for stop in stops] == [("suspend", "clock")] * 2


def test_a_clock_of_a_simulation_cannot_jump(journal: JournalFile) -> None:
    Guard(journal, SteppedClock(), lambda *stop: pytest.fail("stopped")).look_at_clock()
