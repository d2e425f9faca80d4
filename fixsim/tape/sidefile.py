"""What a tape's writer needs besides the events: a file that may not come to be, and a folder of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fixsim.tape.format import TapeError


class SideFile:
    """A Parquet file beside the events, which only comes to be when there is something for it."""

    def __init__(self, name: str, schema: pa.Schema) -> None:
        self._name, self._schema = name, schema
        self._pending: list[Sequence[Any]] = []
        self._file: pq.ParquetWriter | None = None
        self.folder: Path | None = None

    def add(self, row: Sequence[Any], most: int) -> bool:
        """Whether so many rows are pending that they should be written."""
        self._pending.append(row)
        return len(self._pending) >= most

    def write(self) -> None:
        if not self._pending or self.folder is None:
            return
        columns = zip(*self._pending, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        if self._file is None:
            self._file = pq.ParquetWriter(
                self.folder / self._name, self._schema, compression="zstd", write_page_checksum=True
            )
        self._file.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._pending.clear()

    def close(self) -> None:
        self.write()
        if self._file is not None:
            self._file.close()
            self._file = None


def only_import(work: Path) -> int:
    """An empty folder that is ours alone, as a locked descriptor; what a dead import left is removed."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = os.open(work, os.O_RDONLY)
    except OSError as error:
        raise TapeError(f"{work.parent}: {error.strerror or error}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise TapeError(f"{work}: another import is writing there") from None
    for left in work.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    return lock
