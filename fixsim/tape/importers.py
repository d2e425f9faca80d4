"""What every importer is asked and answers, and the table of those there are.

An importer reads its files once, as streams, writes one tape or several below `Request.out` with a TapeWriter
each, and returns their folders. It refuses what it cannot use by TapeWriter.reject, so that the same row
ends the import, or is set aside, as the user chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 (a field of that name is below)
from pathlib import Path
from typing import NamedTuple, Protocol

from fixsim.tape.format import TapeError
from fixsim.tape.source import CutShortError, SourceFile
from fixsim.tape.writer import TapeWriter


def nobody(read_bytes: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. None: the importer's own default, or what the files' names say."""

    files: tuple[Path, ...]
    out: Path
    venue: str | None = None
    symbol: str | None = None
    date: Date | None = None
    tick_nanos: int | None = None
    lots_per_unit: int | None = None
    quarantine: bool = False
    progress: Callable[[int], None] = nobody
    """Is told how many bytes of the files were read since the last call."""

    def open(self, path: Path) -> SourceFile:
        """One of the files, as a stream that tells the progress."""
        return SourceFile(path, self.progress)

    def refuse(self, format_name: str, **why: str) -> None:
        """TapeError for an option (by its field's name) that was given, and that this format cannot use."""
        for name, reason in why.items():
            if getattr(self, name) is not None:
                raise TapeError(f"--{name.replace('_', '-')}: not for {format_name}: {reason}")


def usable_lines(source: SourceFile, writer: TapeWriter, file: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file; where it is cut short or its packing damaged, that is rejected as its last row."""
    try:
        yield from source.lines()
    except CutShortError as error:
        writer.reject(file, source.rows + 1, error.reason)


class Importer(Protocol):
    """Raises TapeError: file, row, reason."""

    def __call__(self, request: Request) -> list[Path]: ...


class Format(NamedTuple):
    """One row of the table."""

    read: Importer
    files: str
    """Which files it wants, in a few words."""


def formats() -> dict[str, Format]:
    """By the name that the command line and Meta.format use."""
    from fixsim.tape.binance import import_binance
    from fixsim.tape.bitstamp import import_bitstamp
    from fixsim.tape.coinbase_full import import_coinbase_full
    from fixsim.tape.lobster import import_lobster

    return {
        "lobster": Format(import_lobster, "one message CSV, and its orderbook CSV where there is one"),
        "coinbase": Format(
            import_coinbase_full, "a folder of beginning_level_3, messages and ending_level_3, or the files"
        ),
        "bitstamp": Format(import_bitstamp, "logs, or orders.csv, that follow each other"),
        "binance-l2": Format(import_binance, "files of one symbol that follow each other"),
    }


def format_named(name: str) -> Format:
    """TapeError for a format that is not in the table."""
    table = formats()
    if name not in table:
        raise TapeError(f"format {name!r} is not one of {', '.join(table)}")
    return table[name]
