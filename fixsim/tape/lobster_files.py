"""LOBSTER's files: what their names say, and what one row says.

    message     seconds after midnight in New York, type, order id, size, price x 10,000, direction
    orderbook   offer price, offer size, bid price, bid size, per level; row i is the book after message i

Names are SYMBOL_DATE_START_END_{message,orderbook}_LEVELS, START and END in milliseconds after midnight, and,
for orderbook files that were cut, `_firstN` (only N rows) or `_topK` (only K levels).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 (a field of that name is below)
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.format import TapeError
from fixsim.tape.source import SourceFile

PRICE_NANOS: Final = 100_000
"""A price of 1 in the files: a hundredth of a cent."""

_NAME = re.compile(
    r"(?P<symbol>[^_]+)_(?P<date>\d{4}-\d\d-\d\d)_(?P<start>\d+)_(?P<end>\d+)_(?P<what>message|orderbook)"
    r"_(?P<levels>\d+)(?:_first(?P<first>\d+)|_top(?P<top>\d+))?\.csv(?:\.xz|\.gz)?"
)
_FIELDS: Final = {
    "time": rb"\d{1,6}(?:\.\d{1,15})?",
    "type": rb"[1-7]",
    "order id": rb"\d{1,18}",
    "size": rb"\d{1,9}",
    "price": rb"-?\d{1,10}",
    "direction": rb"-1|1",
}
_MESSAGE = re.compile(b",".join(b"(" + pattern + b")" for pattern in _FIELDS.values()))
_NO_LEVEL = 9_999_999_999
_NEW_YORK = "America/New_York"
_YEARS = (1970, 2200)
"""Whose moments have a number of nanoseconds."""


class Day(NamedTuple):
    """Which recording a file belongs to."""

    symbol: str
    date: Date
    start_ns: int
    """After midnight."""
    end_ns: int


@dataclass(frozen=True, slots=True)
class File:
    """What the name of a file says, or, where that says nothing, its first row."""

    path: Path
    is_message: bool
    levels: int | None
    """message: levels a side that it follows; orderbook: levels a side in a row."""
    rows: int | None
    """orderbook: how many rows it was cut to."""
    day: Day | None


class Message(NamedTuple):
    """One row of the message file. Integers as they stand there."""

    ns: int
    """After midnight."""
    rounded: bool
    """The file had more than nanoseconds: a float, printed."""
    kind: int
    order_id: int
    size: int
    price: int
    direction: int


def described(path: Path, *, lenient: bool = False) -> File:
    """Raises TapeError: not LOBSTER's, or, unless `lenient`, another first row than the name promises."""
    with SourceFile(path) as source:
        _, first = next(source.lines(), (0, b""))
    columns = first.count(b",") + 1
    named = _NAME.fullmatch(path.name)
    if named is None:
        if columns != 6 and (columns % 4 or not first):
            raise TapeError(
                f"{path}: row 1: {columns} columns are neither a message's 6 nor 4 for each level"
            )
        return File(path, columns == 6, None if columns == 6 else columns // 4, None, None)
    is_message, levels = named["what"] == "message", int(named["top"] or named["levels"])
    expected = 6 if is_message else 4 * levels
    if columns != expected and not lenient:
        raise TapeError(f"{path}: row 1: {columns} columns, not {expected} as its name says")
    try:
        date = Date.fromisoformat(named["date"])
    except ValueError as error:
        raise TapeError(f"{path}: {error} in its name") from None
    day = Day(named["symbol"], date, int(named["start"]) * 10**6, int(named["end"]) * 10**6)
    return File(path, is_message, levels, int(named["first"]) if named["first"] else None, day)


def common_day(files: list[File], symbol: str | None, date: Date | None) -> Day:
    """The day of all `files`; what is given instead wins. Raises TapeError: two days, or none."""
    days = {file.day: file.path.name for file in files if file.day is not None}
    if len(days) > 1:
        raise TapeError(f"{', '.join(days.values())}: not of the same symbol, day and time")
    said = next(iter(days), None)
    symbol, date = symbol or (said and said.symbol), date or (said and said.date)
    if symbol is None or date is None:
        raise TapeError(f"{files[0].path.name}: does not say its symbol and date: give --symbol and --date")
    if not _YEARS[0] <= date.year <= _YEARS[1]:
        raise TapeError(f"date {date}: must be of the years {_YEARS[0]} to {_YEARS[1]}")
    return Day(symbol, date, said.start_ns if said else 0, said.end_ns if said else 86_400 * 10**9)


def midnight_ns(date: Date) -> int:
    """Midnight in New York, UTC."""
    return int(datetime(date.year, date.month, date.day, tzinfo=ZoneInfo(_NEW_YORK)).timestamp()) * 10**9


def message_of(line: bytes) -> Message | str:
    """A row of the message file, or what is wrong with it."""
    found = _MESSAGE.fullmatch(line)
    if found is None:
        return _why_no_message(line)
    time, kind, order_id, size, price, direction = found.groups()
    whole, _, part = time.partition(b".")
    ns = int(whole) * 10**9 + int(part[:9].ljust(9, b"0"))
    rounded = bool(part[9:].strip(b"0"))
    if rounded:  # 35821.088778456004
        ns += part[9:10] >= b"5"
    message = Message(ns, rounded, int(kind), int(order_id), int(size), int(price), int(direction))
    if message.kind == 7:
        return (
            message if message.price in (-1, 0, 1) else f"a halt's price is -1, 0 or 1, not {message.price}"
        )
    if message.price <= 0:
        return f"price {message.price} is not above zero"
    return message if message.size else "size is zero"


def _why_no_message(line: bytes) -> str:
    fields = line.split(b",")
    if len(fields) != 6:
        return f"{len(fields)} columns, not 6: {_shown(line)}"
    wrong = (n for (n, pattern), field in zip(_FIELDS.items(), fields, strict=True)
             if not re.fullmatch(pattern, field))  # fmt: skip
    name = next(wrong)
    return f"{name} {_shown(fields[list(_FIELDS).index(name)])} cannot be"


def book_row(line: bytes) -> list[int] | str:
    """A row of the orderbook file as it stands there, or what is wrong with it."""
    if line.translate(None, b"0123456789-,"):
        return f"not numbers: {_shown(line)}"
    try:
        numbers = list(map(int, line.split(b",")))
    except ValueError:
        return f"an empty or damaged field: {_shown(line)}"
    if len(numbers) % 4:
        return f"{len(numbers)} columns are not 4 for each level"
    if max(numbers) > _NO_LEVEL or min(numbers) < -_NO_LEVEL:
        return f"a number beyond {_NO_LEVEL}"
    return (
        _why_no_side(numbers[0::4], numbers[1::4], 1)
        or _why_no_side(numbers[2::4], numbers[3::4], -1)
        or numbers
    )


def _why_no_side(px: list[int], size: list[int], rising: int) -> str:
    """What is wrong with the prices and sizes of one side; offers rise, bids fall."""
    none = rising * _NO_LEVEL
    if px[-1] == none:
        levels = px.index(none)
        if any(size[levels:]) or px[levels:] != [none] * (len(px) - levels):
            return "a level beyond one that is not there"
        px, size = px[:levels], size[:levels]
    if px and (min(px) <= 0 or min(size) <= 0):
        return "a level without size, or without price"
    return "" if px == sorted(set(px), reverse=rising < 0) else "levels are not in order of price"


def book_levels(rows: NDArray[np.int64], lots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows [n, 4 x levels] of an orderbook file: px nanos and qty lots [n, 2, levels], bids first.

    Both are 0 where a level is not there.
    """
    sides = rows.reshape(len(rows), -1, 2, 2).transpose(0, 2, 1, 3)[:, ::-1]
    px, size = sides[..., 0], sides[..., 1]
    return np.where(size > 0, px * PRICE_NANOS, 0), size * lots


def _shown(raw: bytes) -> str:
    return repr(raw[:60].decode("ascii", "replace"))
