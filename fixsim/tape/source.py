"""A file that is imported: read as a stream, whatever packs it, with its digest, rows and place in bytes.

Nothing here keeps more than one block of the file and one line of its contents.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from fixsim.tape.format import TapeError
from fixsim.tape.schema import Source

MAX_LINE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 18


def _nothing(read_bytes: int) -> None:
    """Nobody watches."""


class CutShortError(TapeError):
    """A file that ends before its end, or whose packing is damaged: what came before it can be used."""

    def __init__(self, name: str, rows: int, reason: str) -> None:
        self.row, self.reason = rows + 1, reason
        super().__init__(f"{name}: row {self.row}: {reason}")


class SourceFile:
    """Lines or bytes of one file: plain, or packed as its name says (.xz, .gz).

    `rows` counts the lines handed out; `progress` is called with the bytes of the file itself that were read
    since the last call. Raises TapeError naming the file, for what cannot be opened, and CutShortError.
    """

    def __init__(self, path: Path, progress: Callable[[int], None] = _nothing) -> None:
        self.path = path
        self.rows = 0
        self._broken = False
        self._raw = _Watched(path, progress)
        try:
            self._content: IO[bytes] = self._unpacked()
        except (OSError, lzma.LZMAError) as error:
            self._raw.close()
            raise self._fault(error) from None

    @property
    def name(self) -> str:
        """The file's name, without folders: what Meta.sources and messages say."""
        return self.path.name

    def _unpacked(self) -> IO[bytes]:
        if self.path.suffix == ".xz":
            return lzma.open(cast(Any, self._raw))
        if self.path.suffix == ".gz":
            return cast(IO[bytes], gzip.open(cast(Any, self._raw)))
        return cast(IO[bytes], io.BufferedReader(self._raw, _BLOCK_BYTES))

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """(row from 1, line without its end) to the end of the file. An empty last line is no row."""
        while line := self._next(lambda: self._content.readline(MAX_LINE_BYTES + 1)):
            self.rows += 1
            if len(line) > MAX_LINE_BYTES:
                raise TapeError(f"{self.name}: row {self.rows}: longer than {MAX_LINE_BYTES} bytes")
            yield self.rows, line.rstrip(b"\r\n")

    def blocks(self) -> Iterator[bytes]:
        """The contents, a block at a time."""
        while block := self._next(lambda: self._content.read(_BLOCK_BYTES)):
            yield block

    def _next(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> TapeError:
        if isinstance(error, OSError) and error.errno is not None:
            return TapeError(f"{self.path}: {error.strerror or error}")
        self._broken = True
        return CutShortError(self.name, self.rows, f"damaged or cut short: {error}")

    def described(self) -> Source:
        """What Meta keeps of it. What was not read yet is read for the digest."""
        if not self._broken:
            for _ in self.blocks():
                pass
        self._raw.drain()
        return Source(self.name, self._raw.sha256.hexdigest(), self.rows)

    def close(self) -> None:
        self._content.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Watched(io.RawIOBase):
    """A file read once from its beginning, in blocks, hashed and counted on the way."""

    def __init__(self, path: Path, progress: Callable[[int], None]) -> None:
        self.sha256 = hashlib.sha256()
        self._progress = progress
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise TapeError(f"{path}: {error.strerror or error}") from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n = self._file.readinto(buffer) or 0
        self.sha256.update(memoryview(buffer)[:n])
        self._progress(n)
        return n

    def drain(self) -> None:
        """Read what is left, for the digest."""
        while self.read(_BLOCK_BYTES):
            pass

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
