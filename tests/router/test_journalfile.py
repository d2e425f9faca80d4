"""The journal on disk: reopening, a full disk, a failing disk; the lock; ClOrdIDs that never repeat."""

import errno
import hashlib
from contextlib import suppress
from pathlib import Path

import pytest

from router import journalfile
from router.journal import FLAG_RESERVE, JournalError, Kind, Record
from router.journalfile import (
    Disk,
    Follower,
    JournalFailed,
    JournalFile,
    JournalFull,
    JournalState,
    records,
    verify,
)

KIB = 1024


class FaultyDisk(Disk):
    """A disk with `room_bytes` to allocate, whose calls fail when told to."""

    def __init__(self, room_bytes: int = 1 << 30) -> None:
        self.room_bytes = room_bytes
        self.sync_error = self.write_error = 0
        self.write_at_most = 1 << 30

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        if self.write_error:
            raise OSError(self.write_error, "injected")
        return super().write(fd, data[: self.write_at_most], offset)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        if offset + length > self.room_bytes:
            raise OSError(errno.ENOSPC, "injected")
        super().allocate(fd, offset, length)

    def sync(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, "injected")


def opened(path: Path, disk: Disk | None = None, seen: list[Record] | None = None) -> JournalFile:
    return JournalFile(
        path, None if seen is None else seen.append, disk, allocate_bytes=4 * KIB, reserve_bytes=KIB
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "router.journal"


def test_what_is_flushed_is_readable_before_the_journal_is_closed(path: Path) -> None:
    journal = opened(path)
    journal.append(Kind.NOTE, 5, b"{}")
    assert list(records(path)) == []
    journal.flush()
    assert [record.time_ns for record in records(path)] == [5]
    report = verify(path)
    assert (report.records, report.orderly, report.torn_bytes) == (1, False, 0)
    journal.close()


def test_a_closed_journal_holds_its_records_and_nothing_after_them(path: Path) -> None:
    journal = opened(path)
    for number in range(300):
        journal.append(Kind.FIX_IN, number, b"x" * 50)
        journal.flush()
    head = journal.close()
    content = path.read_bytes()
    report = verify(path)
    assert report.sha256 == head == hashlib.sha256(content).hexdigest()
    assert (report.records, report.bytes, report.orderly) == (302, len(content), True)
    assert report.kinds == {"FIX_IN": 300, "CHAIN": 2}
    assert (report.first_time_ns, report.last_time_ns) == (1, 299)


def test_reopening_gives_the_records_and_goes_on_with_the_chain(path: Path) -> None:
    first = opened(path)
    first.append(Kind.NOTE, 1, b"{}")
    first.close()
    seen: list[Record] = []
    second = opened(path, seen=seen)
    assert [record.kind for record in seen] == [Kind.NOTE, Kind.CHAIN]
    assert second.append(Kind.NOTE, 2, b"{}") == 2
    second.close()
    assert verify(path).records == 4


def test_after_a_crash_the_torn_record_is_cut_and_what_was_whole_stays(path: Path) -> None:
    journal = opened(path)
    journal.append(Kind.NOTE, 1, b"{}")
    journal.append(Kind.NOTE, 2, b"[" * 100)
    journal.flush()
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[:-30] + bytes(1000))
    assert verify(path).torn_bytes > 0
    reopened = opened(path)
    assert reopened.torn_bytes > 0
    reopened.append(Kind.NOTE, 3, b"{}")
    reopened.close()
    assert [record.time_ns for record in records(path)] == [1, 3, 3]


def test_a_corrupt_journal_is_not_opened_and_the_fault_names_the_file(path: Path) -> None:
    journal = opened(path)
    for number in range(3):
        journal.append(Kind.NOTE, number, b"{}")
    journal.close()
    content = bytearray(path.read_bytes())
    content[35] ^= 1
    path.write_bytes(content)
    for read in (opened, verify, lambda p: list(records(p))):
        with pytest.raises(JournalError, match=rf"{path}: offset 30: CRC does not match"):
            read(path)
    assert path.read_bytes() == content


def fill(journal: JournalFile) -> int:
    """Append until the disk is full; returns how many records were written."""
    count = 0
    while journal.state is JournalState.OK:
        journal.append(Kind.NOTE, count, b"x" * 72)
        journal.flush()
        count += 1
        assert count < 1000
    return count


def test_a_full_disk_leaves_the_reserve_to_what_is_urgent(path: Path) -> None:
    journal = opened(path, FaultyDisk(room_bytes=6 * KIB))
    count = fill(journal)
    with pytest.raises(JournalFull, match="full"):
        journal.append(Kind.DECISION, 0, b"")
    journal.append(Kind.LATCH, 0, b"{}", urgent=True)
    journal.flush()
    assert [record.flags for record in records(path)] == [0] * count + [FLAG_RESERVE]


def test_when_the_reserve_is_used_up_records_wait_in_memory_until_there_is_room(path: Path) -> None:
    disk = FaultyDisk(room_bytes=6 * KIB)
    journal = opened(path, disk)
    count = fill(journal)
    waiting = 0
    for number in range(40):
        journal.append(Kind.FIX_OUT, number, b"x" * 72, urgent=True)
        try:
            journal.flush()
        except JournalFull:
            waiting += 1
    assert waiting > 10
    assert verify(path).records < count + 40
    disk.room_bytes = 1 << 20
    journal.flush()
    assert journal.state is JournalState.OK
    journal.append(Kind.NOTE, 0, b"{}")
    journal.close()
    assert verify(path).records == count + 40 + 2


def test_a_backlog_over_its_bound_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journalfile, "BACKLOG_BYTES", 500)
    journal = opened(path, FaultyDisk(room_bytes=6 * KIB))
    fill(journal)

    def flush_with_one_more() -> None:
        journal.append(Kind.FIX_OUT, 0, b"x" * 100, urgent=True)
        journal.flush()

    for _ in range(20):
        with suppress(JournalFull, JournalFailed):
            flush_with_one_more()
    with pytest.raises(JournalFailed, match="failed before"):
        flush_with_one_more()


def test_no_room_to_begin_with_is_full(path: Path) -> None:
    with pytest.raises(JournalFull, match="no room"):
        opened(path, FaultyDisk(room_bytes=KIB))


def test_space_that_comes_back_is_taken_by_sync(path: Path) -> None:
    disk = FaultyDisk(room_bytes=6 * KIB)
    journal = opened(path, disk)
    fill(journal)
    journal.sync()
    assert journal.state is JournalState.FULL
    disk.room_bytes = 1 << 20
    journal.sync()
    assert journal.state is JournalState.OK
    journal.append(Kind.NOTE, 0, b"{}")


def test_sync_allocates_ahead_so_that_flush_need_not(path: Path) -> None:
    journal = opened(path)
    journal.append(Kind.NOTE, 0, b"x" * 2500)
    journal.flush()
    size = path.stat().st_size
    journal.sync()
    assert path.stat().st_size == size + 5 * KIB


def test_a_short_write_is_carried_on(path: Path) -> None:
    disk = FaultyDisk()
    disk.write_at_most = 7
    journal = opened(path, disk)
    journal.append(Kind.NOTE, 1, b"x" * 100)
    journal.flush()
    assert [record.payload for record in records(path)] == [b"x" * 100]


def test_a_failed_sync_is_not_retried_into_success(path: Path) -> None:
    disk = FaultyDisk()
    journal = opened(path, disk)
    disk.sync_error = errno.EIO
    with pytest.raises(JournalFailed, match="fdatasync"):
        journal.sync()
    disk.sync_error = 0
    assert journal.state is JournalState.FAILED
    with pytest.raises(JournalFailed, match="failed before"):
        journal.sync()
    journal.append(Kind.LATCH, 0, b"{}", urgent=True)
    with pytest.raises(JournalFailed):
        journal.flush()
    journal.close()


def test_a_failed_write_is_final_but_no_space_on_writing_is_only_full(path: Path) -> None:
    disk = FaultyDisk()
    journal = opened(path, disk)
    disk.write_error = errno.ENOSPC
    journal.append(Kind.NOTE, 1, b"{}")
    with pytest.raises(JournalFull):
        journal.flush()
    disk.write_error = 0
    journal.flush()
    assert [record.time_ns for record in records(path)] == [1]
    disk.write_error = errno.EIO
    journal.append(Kind.NOTE, 2, b"{}", urgent=True)
    with pytest.raises(JournalFailed, match="write"):
        journal.flush()
    assert journal.state is JournalState.FAILED


def test_a_follower_sees_each_record_once_and_waits_for_unfinished_ones(path: Path) -> None:
    journal = opened(path)
    follower = Follower(path)
    assert follower.poll() == []
    seen = []
    for number in range(600):
        journal.append(Kind.NOTE, number, b"{}")
        journal.flush()
        if number % 7 == 0:
            seen += follower.poll()
    seen += follower.poll()
    assert follower.poll() == []
    assert seen == list(records(path))
    follower.close()
    journal.close()


class PassedByTheWriter:
    """A file whose first reading has an old page in its middle."""

    def __init__(self, content: bytes, stale: int) -> None:
        self._content = content
        self._stale = stale

    def seek(self, offset: int) -> None:
        self._offset = offset

    def read(self, size: int) -> bytes:
        content = bytearray(self._content)
        if self._stale:
            self._stale -= 1
            content[40:44] = b"\0\0\0\0"
        return bytes(content[self._offset :][:size])

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("stale", "is_corrupt"), [(1, False), (100, True)])
def test_a_follower_reads_again_what_the_writer_overtook(
    tmp_path: Path, stale: int, is_corrupt: bool
) -> None:
    path = tmp_path / "j"
    journal = JournalFile(path, allocate_bytes=1 << 16, reserve_bytes=4096)
    for number in range(3):
        journal.writer.append(Kind.NOTE, number, b'{"note":"%d"}' % number)
    journal.flush()
    follower = Follower(path)
    follower._file.close()
    follower._file = PassedByTheWriter(path.read_bytes(), stale)  # type: ignore[assignment]
    if is_corrupt:
        with pytest.raises(JournalError, match="records follow"):
            follower.poll()
    else:
        assert [record.time_ns for record in follower.poll()] == [0, 1, 2]
    journal.close()


def test_a_sync_does_not_say_durable_of_what_is_in_memory_only(path: Path) -> None:
    disk = FaultyDisk()
    journal = opened(path, disk)
    disk.write_error = errno.ENOSPC
    journal.append(Kind.LATCH, 1, b"{}", urgent=True)
    with pytest.raises(JournalFull):
        journal.flush()
    with pytest.raises(JournalFull, match="bytes wait for space"):
        journal.sync()
    disk.write_error = 0
    journal.flush()
    journal.sync()
    journal.close()


def test_an_abandoned_journal_keeps_what_was_flushed_and_nothing_else(path: Path) -> None:
    journal = opened(path)
    journal.append(Kind.NOTE, 1, b"{}")
    journal.flush()
    journal.append(Kind.NOTE, 2, b"{}")
    journal.abandon()
    assert [record.time_ns for record in records(path)] == [1]
    again = opened(path)
    again.append(Kind.NOTE, 3, b"{}")
    again.close()
    assert [record.time_ns for record in records(path) if record.kind is Kind.NOTE] == [1, 3]
