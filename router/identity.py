"""Who this daemon is: the lock on its state directory, and the counter of its ClOrdIDs.

One active owner per identity: a second process with the same state directory is told who runs. A number is
given out only after the block that holds it is on disk, so that loss of power cannot repeat one.
"""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path


class AlreadyRunning(RuntimeError):  # noqa: N818 (the state of another process, not a fault)
    """Another process holds this state directory."""


class StateLock:
    """Holds a state directory for one daemon; the kernel lets go when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """AlreadyRunning, naming the process, if another holds it."""
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunning(
                f"{directory}: a router with this identity is running already (process {holder})"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


class OrderIds:
    """ClOrdIDs: the daemon's prefix and a counter that never repeats, also over loss of power.

    The file holds the end of a block of numbers; a number is given out only when the block that holds it is
    synced. A restart begins with the next block and leaves the rest of the last one unused.
    """

    def __init__(self, prefix: str, path: Path, block: int = 1000) -> None:
        """ValueError if the file is not a counter with this prefix."""
        self.prefix = prefix
        self._path = path
        self._block = block
        self._one = threading.Lock()
        self._next = self._end = 1
        with suppress(FileNotFoundError):
            held, _, end = path.read_text(encoding="ascii").strip().rpartition(" ")
            if held != prefix or not end.isdigit():
                raise ValueError(f"{path}: is not the order counter of prefix {prefix}")
            self._next = self._end = int(end)

    @property
    def next_number(self) -> int:
        """The number of the next ClOrdID."""
        return self._next

    def next(self) -> str:
        """The next ClOrdID. Blocks for a sync once in `block` calls, unless `top_up` came first."""
        if self._next >= self._end:
            self._persist(self._next + self._block)
        number = self._next
        self._next += 1
        return f"{self.prefix}{number}"

    def top_up(self) -> None:
        """Off the path, on a thread if need be: take the next block when half of this one is used."""
        if self._end - self._next < self._block // 2:
            self._persist(self._end + self._block)

    def observed(self, cl_ord_id: str) -> None:
        """A ClOrdID found in the journal: never give out its number again, even if the counter's file was
        lost.
        """
        number = cl_ord_id.removeprefix(self.prefix)
        if cl_ord_id.startswith(self.prefix) and number.isdigit() and int(number) >= self._next:
            self._next = int(number) + 1

    def _persist(self, end: int) -> None:
        with self._one:
            if end > self._end:
                self._write(end)
                self._end = end

    def _write(self, end: int) -> None:
        draft = self._path.with_suffix(".new")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            os.write(fd, f"{self.prefix} {end}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        draft.replace(self._path)
        sync_directory(self._path.parent)


def sync_directory(directory: Path) -> None:
    """Make a new or renamed file's entry survive loss of power."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
