"""The compact tape: recorded order flow with ordinal order ids, and what its replay must give.

A tape is what the kernels eat (see fixsim/matching/layout.py for the records and units) and, beside it, the
recorded matches and the recorded end book. Ordinals number the orders: first the opening book (bids, then
asks, best price first, queue order within a price), then arrivals in the order they came.

The file is xz over: the line `SLUICETAPE1`, one line of JSON (source, instrument, columns), then the
columns one after the other. A column is int64, stored as differences if its `delta` says so, in the
narrowest width that holds it, byte plane by byte plane. Whoever reads it gets exact integers or a TapeError
that names file and reason.
"""

from __future__ import annotations

import json
import lzma
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.layout import EVENT, MAX_PX, OPENING, EventKind, Records

SHIPPED = Path(__file__).with_name("btcusd_20180713.xz")
"""Coinbase BTC-USD, 2018-07-13 20:47:11 to 20:56:51 UTC; see NOTICE beside it."""

MATCH = np.dtype([("px", "i8"), ("qty", "i8"), ("maker", "i8"), ("taker", "i8")])

_MAGIC = b"SLUICETAPE1\n"
_MAX_BYTES = 1 << 28
_HEADER = ("symbol", "source", "tick_nanos", "lots_per_unit")
_MAX_LOTS = 1 << 44
_MAX_FUNDS = 1 << 61


class TapeError(ValueError):
    """A tape or a recording that cannot be used: names the file, the place and the reason."""


_LONG_TOKEN = re.compile(r"""(?P<q>['"])(?:(?!(?P=q)).){81,}(?P=q)?|\S{81,}""")
_LONGEST_REASON = 400


def brief(reason: object) -> str:
    """A reason on one line, which quotes no more than 80 characters of any one thing."""
    text = " ".join(str(reason).splitlines())
    text = _LONG_TOKEN.sub(lambda found: f"{found[0][:78]}…{found['q'] or ''}", text)
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


@dataclass(frozen=True, slots=True)
class Tape:
    """Recorded order flow of one instrument, and what comes of it. Arrays are read-only by convention."""

    symbol: str
    source: str
    tick_nanos: int
    lots_per_unit: int
    opening: Records
    """OPENING records."""
    events: Records
    """EVENT records, by time."""
    matches: Records
    """MATCH records, as recorded: price in half ticks, lots, ordinals."""
    end: Records
    """OPENING records: the recorded book at the end."""

    @property
    def start_ns(self) -> int:
        """Time of the first event."""
        return int(self.events["time_ns"][0])

    @property
    def end_ns(self) -> int:
        """Time of the last event."""
        return int(self.events["time_ns"][-1])

    @property
    def ordinals(self) -> int:
        """All ordinals are below this."""
        return 1 + max(int(a["ordinal"].max(initial=-1)) for a in (self.opening, self.events))


_COLUMNS: dict[str, tuple[str, str, bool]] = {
    # column: array, field, stored as differences
    "opening.px": ("opening", "px", True),
    "opening.qty": ("opening", "qty", False),
    "opening.sign": ("opening", "sign", True),
    "events.time_ns": ("events", "time_ns", True),
    "events.kind": ("events", "kind", False),
    "events.ordinal": ("events", "ordinal", False),
    "events.sign": ("events", "sign", False),
    "events.px": ("events", "px", False),
    "events.qty": ("events", "qty", False),
    "events.funds": ("events", "funds", False),
    "matches.px": ("matches", "px", True),
    "matches.qty": ("matches", "qty", False),
    "matches.maker": ("matches", "maker", False),
    "matches.taker": ("matches", "taker", True),
    "end.ordinal": ("end", "ordinal", True),
    "end.px": ("end", "px", True),
    "end.sign": ("end", "sign", True),
    "end.traded": ("end", "qty", False),
}


def save_tape(tape: Tape, path: Path) -> None:
    """Write `tape`; the same tape gives the same bytes for one version of liblzma."""
    columns, blobs = [], []
    for name, (array, field, delta) in _COLUMNS.items():
        values = getattr(tape, array)[field].astype(np.int64)
        if name == "end.traded":  # what was taken of each order since it came: nearly always nothing
            values = _original_qty(tape)[tape.end["ordinal"]] - values
        if delta:
            values = np.diff(values, prepend=0)
        width = _width(values)
        planes = np.frombuffer(values.astype(f"<i{width}").tobytes(), np.uint8).reshape(-1, width).T
        columns.append({"name": name, "rows": len(values), "width": width, "delta": delta})
        blobs.append(planes.tobytes())
    header = {name: getattr(tape, name) for name in _HEADER} | {"columns": columns}
    content = _MAGIC + json.dumps(header, separators=(",", ":")).encode() + b"\n" + b"".join(blobs)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}]
    path.write_bytes(lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters))


def load_tape(path: Path = SHIPPED) -> Tape:
    """Read a tape. Raises TapeError for a file that is missing, damaged, or says something impossible."""
    content = _decompress(path)
    try:
        line = content.index(b"\n", len(_MAGIC))
        header = json.loads(content[len(_MAGIC) : line])
        named: dict[str, Any] = {name: header[name] for name in _HEADER}
        columns = _columns(header["columns"], content[line + 1 :])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TapeError(f"{path}: not readable as a tape: {brief(error)}") from None
    n = {array: len(columns[f"{array}.px"]) for array in ("opening", "events", "matches", "end")}
    made = {
        "opening": np.zeros(n["opening"], OPENING),
        "events": np.zeros(n["events"], EVENT),
        "matches": np.zeros(n["matches"], MATCH),
        "end": np.zeros(n["end"], OPENING),
    }
    made["opening"]["ordinal"] = np.arange(n["opening"])
    for name, (array, field, _) in _COLUMNS.items():
        if len(columns[name]) != n[array]:
            raise TapeError(f"{path}: column {name} has {len(columns[name])} rows, not {n[array]}")
        made[array][field] = columns[name]
    tape = Tape(**(named | made))
    check_tape(tape, path)
    tape.end["qty"] = _original_qty(tape)[tape.end["ordinal"]] - tape.end["qty"]
    return tape


def _decompress(path: Path) -> bytes:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror or error}") from None
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        content = unpacker.decompress(packed, _MAX_BYTES)
    except lzma.LZMAError as error:
        raise TapeError(f"{path}: damaged: {error}") from None
    if not unpacker.eof:
        raise TapeError(f"{path}: cut short, or more than {_MAX_BYTES} bytes unpacked")
    if not content.startswith(_MAGIC):
        raise TapeError(f"{path}: not a tape (it does not begin with {_MAGIC.decode().strip()})")
    return content


def _columns(described: list[dict[str, Any]], blob: bytes) -> dict[str, NDArray[np.int64]]:
    columns: dict[str, NDArray[np.int64]] = {}
    at = 0
    for entry in described:
        name, rows, width = str(entry["name"]), int(entry["rows"]), int(entry["width"])
        if name not in _COLUMNS or name in columns:
            raise ValueError(f"column {name} is not known or comes twice")
        if width not in (1, 2, 4, 8) or rows < 0 or at + rows * width > len(blob):
            raise ValueError(f"column {name}: {rows} rows of {width} bytes are not there")
        planes = np.frombuffer(blob, np.uint8, rows * width, at).reshape(width, rows)
        values = np.frombuffer(planes.T.tobytes(), f"<i{width}").astype(np.int64)
        columns[name] = np.cumsum(values) if entry["delta"] else values
        at += rows * width
    if missing := _COLUMNS.keys() - columns.keys():
        raise ValueError(f"columns missing: {', '.join(sorted(missing))}")
    if at != len(blob):
        raise ValueError(f"{len(blob) - at} bytes are left over")
    return columns


def _width(values: NDArray[np.int64]) -> int:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    fits = (w for w in (1, 2, 4, 8) if -(1 << (8 * w - 1)) <= low and high < 1 << (8 * w - 1))
    return next(fits)


def _original_qty(tape: Tape) -> NDArray[np.int64]:
    """By ordinal: the quantity with which the order came."""
    qty = np.zeros(tape.ordinals, np.int64)
    qty[tape.opening["ordinal"]] = tape.opening["qty"]
    came = tape.events[tape.events["kind"] < EventKind.CANCEL]
    qty[came["ordinal"]] = came["qty"]
    return qty


def _outside(values: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """Where a value is not within 1 to `most`."""
    return (values < 1) | (values > most)


def check_tape(tape: Tape, path: Path) -> None:
    """What the kernels take for granted: TapeError naming `path` and the record where it does not hold."""
    if not len(tape.events):
        raise TapeError(f"{path}: there is no event: nothing arrives, nothing is cancelled")
    events, came = tape.events, tape.events["kind"] < EventKind.CANCEL
    limits, by_funds = events["kind"] == EventKind.LIMIT, events["funds"] >= 0
    n = tape.ordinals
    rules: list[tuple[str, str, NDArray[np.bool_]]] = [
        ("event", "time runs backwards", np.diff(events["time_ns"], prepend=events["time_ns"][:1]) < 0),
        ("event", "unknown kind", (events["kind"] < 0) | (events["kind"] > EventKind.DONE)),
        ("event", "ordinal out of range", (events["ordinal"] < 0) | (events["ordinal"] >= 1 << 31)),
        ("event", "side is neither +1 nor -1", came & (abs(events["sign"]) != 1)),
        ("event", "price out of range", limits & _outside(events["px"], MAX_PX)),
        ("event", "quantity out of range", came & ~by_funds & _outside(events["qty"], _MAX_LOTS)),
        ("event", "funds out of range", events["funds"] > _MAX_FUNDS),
        ("opening order", "side is neither +1 nor -1", abs(tape.opening["sign"]) != 1),
        ("opening order", "price out of range", _outside(tape.opening["px"], MAX_PX)),
        ("opening order", "quantity out of range", _outside(tape.opening["qty"], _MAX_LOTS)),
        ("end order", "ordinal out of range", (tape.end["ordinal"] < 0) | (tape.end["ordinal"] >= n)),
    ]
    for what, rule, bad in rules:
        if bad.any():
            raise TapeError(f"{path}: {what} {int(np.argmax(bad))}: {rule}")
