"""The journal on disk: the shell around router/journal.py.

The engine appends to a JournalWriter; `flush` writes what it took with one pwrite, before any of the bytes
leave for the wire (a written page survives kill -9). `sync` makes it survive loss of power; it blocks, so
the app calls it on a thread, grouped. One file, appended for ever: START records mark where processes began.

Space is allocated ahead of the writing, and the last `reserve_bytes` of it are kept: when the disk has no
more, the state becomes FULL, the app stops new orders, and latches, cancels and reports go on into the
reserve, each marked FLAG_RESERVE. When that is used up as well, `flush` raises JournalFull and keeps the
bytes in memory (bounded) to write them first as soon as there is space, so that cancels may still leave and
the gap closes by itself. A failed write or fsync is FAILED for good: what a failed fsync has dropped cannot
be known, and asking again would lie.
"""

import errno
import mmap
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from router.identity import sync_directory
from router.journal import (
    FLAG_RESERVE,
    MAX_PAYLOAD_BYTES,
    Buffer,
    JournalError,
    JournalWriter,
    Kind,
    Reader,
    Record,
)

ALLOCATE_BYTES = 16 << 20
RESERVE_BYTES = 4 << 20
BACKLOG_BYTES = 16 << 20
SETTLE_BYTES = 256 << 10  # unhashed: more than this is hashed before the wire has its bytes,
SETTLE_LATER_BYTES = 16 << 10  # more than this after it, so that a CHAIN record finds little to do


class JournalFull(OSError):  # noqa: N818 (a state of the disk, not a fault of the program)
    """Not even the reserve has room: these records are in memory only, until space is found."""


class JournalFailed(OSError):  # noqa: N818
    """Writing or syncing failed: the journal can no longer be trusted to be on disk."""


class JournalState(Enum):
    OK = "ok"
    FULL = "full"
    FAILED = "failed"


class Disk:
    """The system calls used here, so that a test or a simulation can fail them."""

    def write(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def allocate(self, fd: int, offset: int, length: int) -> None:
        os.posix_fallocate(fd, offset, length)

    def truncate(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What a whole journal holds. `torn_bytes` is the unfinished record that a crash left, 0 if none."""

    records: int
    bytes: int
    torn_bytes: int
    first_time_ns: int
    last_time_ns: int
    sha256: str
    orderly: bool
    """Ends with a CHAIN record, as `close` leaves it."""
    kinds: dict[str, int]


class JournalFile:
    """The one writer of a journal. The engine appends to `writer`; the app calls the rest."""

    def __init__(
        self,
        path: Path,
        on_record: Callable[[Record], None] | None = None,
        disk: Disk | None = None,
        allocate_bytes: int = ALLOCATE_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """Open or create. What is there is verified and given to `on_record`, and a torn tail cut off.

        JournalError if it is corrupt, OSError if it cannot be opened; JournalFull if there is no room to
        begin.
        """
        self.path = path
        self.state = JournalState.OK
        self._disk = disk or Disk()
        self._allocate_bytes = allocate_bytes
        self._reserve_bytes = reserve_bytes
        self._backlog = b""
        created = not path.exists()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            with _named(path), _Mapped(self._fd) as content:
                reader = Reader(content)
                for record in reader:
                    if on_record is not None:
                        on_record(record)
                self.writer = JournalWriter(reader.index, reader.offset, reader.sha256())
                self.torn_bytes = reader.torn_bytes
            self._end = self._allocated = reader.offset
            self._disk.truncate(self._fd, self._end)
            if not self._extend():
                raise JournalFull(errno.ENOSPC, f"no room for {allocate_bytes} bytes", str(path))
            if created:
                sync_directory(path.parent)
        except BaseException:
            os.close(self._fd)
            raise

    def append(self, kind: Kind, time_ns: int, payload: bytes, urgent: bool = False) -> int:
        """Add a record through `writer`. JournalFull for one that is not urgent while the disk is full."""
        if self.state is not JournalState.OK and not urgent:
            raise JournalFull(errno.ENOSPC, f"journal is {self.state.value}", str(self.path))
        return self.writer.append(kind, time_ns, payload)

    def flush(self) -> None:
        """Write what was appended. After this its bytes may leave for the wire.

        JournalFull, JournalFailed: not written; of what waits to be sent only cancels may leave.
        """
        data = self.writer.take()
        if self._backlog:
            data = self._backlog + data
            self._backlog = b""
        if not data:
            return
        if self.state is JournalState.FAILED:
            raise JournalFailed(errno.EIO, "the journal failed before", str(self.path))
        if self._end + len(data) > self._allocated - self._reserve_bytes and not self._extend(len(data)):
            self._set_state(JournalState.FULL)
            if self._end + len(data) > self._allocated:
                self._keep(data)
        self._write(data)
        if self.writer.unhashed_bytes > SETTLE_BYTES:
            self.writer.settle()

    def settle(self) -> None:
        """Bring the chain's hash up, when there is time: call it when everything has left."""
        if self.writer.unhashed_bytes > SETTLE_LATER_BYTES:
            self.writer.settle()

    def sync(self) -> None:
        """Make what was flushed survive loss of power, and allocate ahead. Blocks: call it on a thread.

        JournalFailed if the disk refuses; it is not tried again. JournalFull if some of it is in memory only.
        """
        if self.state is JournalState.FAILED:
            raise JournalFailed(errno.EIO, "the journal failed before", str(self.path))
        self._sync()
        if self._backlog:
            raise JournalFull(errno.ENOSPC, f"{len(self._backlog)} bytes wait for space", str(self.path))
        if self._end + self._allocate_bytes // 2 > self._allocated - self._reserve_bytes:
            self._extend()

    def close(self) -> str:
        """End in order: a CHAIN record, the allocation cut, a sync. Returns the SHA-256 of the whole, in
        hex.
        """
        try:
            if self.state is not JournalState.FAILED:
                self.writer.chain()
                self.flush()
                self._disk.truncate(self._fd, self._end)
                self._sync()
            return self.writer.head()
        finally:
            os.close(self._fd)

    def abandon(self) -> None:
        """Close without what was not flushed: it ends as a crash would leave it."""
        os.close(self._fd)

    def _sync(self) -> None:
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            self._fail("fdatasync", error)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                written = self._disk.write(self._fd, rest, self._end)
                self._end += written
                rest = rest[written:]
        except OSError as error:
            if error.errno == errno.ENOSPC:  # copy-on-write file systems may refuse allocated space
                self._set_state(JournalState.FULL)
                self._keep(bytes(rest))
            self._fail("write", error)

    def _extend(self, more_bytes: int = 0) -> bool:
        """Allocate ahead; False if the disk has no room for it. Touches nothing before `_allocated`, so that
        `sync` may do it on its thread while `flush` writes.
        """
        start = self._allocated
        length = max(self._allocate_bytes, more_bytes) + self._reserve_bytes
        try:
            self._disk.allocate(self._fd, start, length)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return False
            self._fail("allocate", error)
        self._allocated = start + length
        if self.state is not JournalState.FAILED:
            self._set_state(JournalState.OK)
        return True

    def _keep(self, data: bytes) -> None:
        if len(data) > BACKLOG_BYTES:
            self._fail("write", OSError(errno.ENOSPC, f"{len(data)} bytes wait for space"))
        self._backlog = data
        raise JournalFull(errno.ENOSPC, f"no room for {len(data)} bytes, kept in memory", str(self.path))

    def _set_state(self, state: JournalState) -> None:
        self.state = state
        self.writer.flags = FLAG_RESERVE if state is JournalState.FULL else 0

    def _fail(self, what: str, error: OSError) -> None:
        self._set_state(JournalState.FAILED)
        raise JournalFailed(error.errno, f"{what}: {error.strerror}", str(self.path)) from error


def records(path: Path) -> Iterator[Record]:
    """Every record of a journal, in order. JournalError on corruption, OSError if it cannot be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _named(path), _Mapped(fd) as content:
            yield from Reader(content)
    finally:
        os.close(fd)


def verify(path: Path) -> JournalReport:
    """Read a whole journal, checking every CRC, index and CHAIN. JournalError names offset and rule."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _named(path), _Mapped(fd) as content:
            reader = Reader(content)
            kinds: Counter[str] = Counter()
            first_ns = last_ns = 0
            for record in reader:
                kinds[record.kind.name] += 1
                first_ns = first_ns or record.time_ns
                last_ns = record.time_ns
            return JournalReport(
                records=reader.index,
                bytes=reader.offset,
                torn_bytes=reader.torn_bytes,
                first_time_ns=first_ns,
                last_time_ns=last_ns,
                sha256=reader.sha256().hexdigest(),
                orderly=reader.chained,
                kinds=dict(kinds),
            )
    finally:
        os.close(fd)


READINGS = 5
READ_BYTES = 2 * MAX_PAYLOAD_BYTES  # at a time, so that a long journal is not in memory; holds any record


class Follower:
    """Reads a journal while it is written, for a live view: each `poll` gives what came since the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb", buffering=0)
        self._reader = Reader(b"")

    def poll(self) -> list[Record]:
        """New records, of a long journal only the next; [] if none is finished. JournalError on corruption.

        A reading is not of one moment: the writer may pass it, so that its end is newer than its middle. Only
        what reads as corrupt again is.
        """
        for _ in range(READINGS - 1):
            try:
                return self._read()
            except JournalError:
                continue
        return self._read()

    def _read(self) -> list[Record]:
        before = self._reader
        self._file.seek(before.offset)
        reader = Reader(self._file.read(READ_BYTES), before.offset, before.index, before.sha256())
        with _named(self._path):
            records = list(reader)
        self._reader = reader
        return records

    def close(self) -> None:
        self._file.close()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """A JournalError or an OSError from here on names the file."""
    try:
        yield
    except JournalError as error:
        raise JournalError(error.offset, error.rule, str(path)) from None
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


class _Mapped:
    """A file's bytes, mapped; b"" for an empty one, which cannot be."""

    def __init__(self, fd: int) -> None:
        empty = os.fstat(fd).st_size == 0
        self._content: Buffer = b"" if empty else mmap.mmap(fd, 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> Buffer:
        return self._content

    def __exit__(self, *_: object) -> None:
        if isinstance(self._content, mmap.mmap):
            self._content.close()
