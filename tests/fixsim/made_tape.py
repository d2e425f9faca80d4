"""A small tape whose every figure can be worked out by hand, and one that is read in pieces of any size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fixsim.tape.opened import Readable
from fixsim.tape.reader import StoredTape, open_tape
from fixsim.tape.rows import Records
from fixsim.tape.schema import Flag, Meta, Type
from fixsim.tape.writer import TapeWriter

T0 = 1_340_285_400_000_000_000  # 2012-06-21 13:30:00 UTC
S = 1_000_000_000
CENT = 10_000_000


def at(seconds: float) -> int:
    return T0 + int(seconds * S)


def write_tape(root: Path, *, gap: bool = True) -> StoredTape:
    """100 s of an edits tape: two bids and two offers, a trade, a crossed and a locked stretch, a cancel."""
    rows = [
        # seconds, type, side, price in cents, quantity, order, contra, flags
        (0, Type.ADD, 1, 9990, 100, 1, None, 0),
        (0, Type.ADD, -1, 10010, 300, 2, None, 0),
        (0, Type.ADD, 1, 9980, 50, 3, None, 0),
        (10, Type.ADD, -1, 10000, 40, 4, None, 0),  # spread 10 from here to 30
        (30, Type.TRADE, -1, 10000, 40, 4, 9, 0),
        (30, Type.DELETE, 1, 9980, 50, 3, None, 0),
        (50, Type.ADD, 1, 10020, 10, 5, None, Flag.CROSSED),  # crossed to 60
        (60, Type.DELETE, 1, 10020, 10, 5, None, 0),
        (60, Type.ADD, 1, 10010, 10, 6, None, Flag.CROSSED),  # locked to 65
        (65, Type.REDUCE, 1, 10010, 4, 6, None, Flag.TAKER | Flag.CROSSED),  # locked to 70
        (70, Type.DELETE, 1, 10010, 6, 6, None, Flag.TAKER),
        (90, Type.REDUCE, -1, 10010, 100, 2, None, Flag.GAP_BEFORE if gap else 0),
        (95, Type.TRADE, 1, 9990, 100, 1, 11, 0),  # one-sided from here
        (100, Type.HIDDEN_TRADE, -1, 10005, 7, None, None, 0),
    ]
    with TapeWriter(
        root, format="lobster", kind="edits", venue="XTST", symbol="ABC", tick_nanos=CENT, lots_per_unit=1
    ) as writer:
        for row, (seconds, kind, side, price, quantity, order_id, contra_id, flags) in enumerate(rows, 1):
            writer.row(
                at(seconds),
                kind,
                side,
                price * CENT,
                quantity,
                row=row,
                order_id=order_id,
                contra_id=contra_id,
                flags=flags,
            )
        writer.count("made_up", 3)
        writer.note("Made for a test.")
    return open_tape(writer.folder)


@dataclass(frozen=True)
class Pieces:
    """The same tape, handed out so many rows at a time."""

    tape: Readable
    size: int

    @property
    def meta(self) -> Meta:
        return self.tape.meta

    def rows(self, *, size: int = 0) -> Iterator[Records]:
        return self.tape.rows(size=self.size)
