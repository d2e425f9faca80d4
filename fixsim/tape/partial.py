"""A partial tape as the kernels eat it: the edits of a recorded window, with ordinal order ids.

PARTIAL records and units are in fixsim/matching/ledger.py; edits.py makes one from a Parquet tape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixsim.matching.layout import Records


@dataclass(frozen=True, slots=True)
class PartialTape:
    """A recorded window of one instrument. Arrays are read-only by convention."""

    symbol: str
    tick_nanos: int
    lots_per_unit: int
    window_levels: int | None
    """Levels a side that the recording shows; None: all."""
    opening: Records
    """PARTIAL records: the book at the start."""
    events: Records
    """PARTIAL records, by time."""
    ids: NDArray[np.int64]
    """[ordinals] the recording's own order id of each ordinal."""
    row: NDArray[np.int64]
    """[events] the tape's row (seq) of each event."""

    @property
    def ordinals(self) -> int:
        """All ordinals are below this."""
        return len(self.ids)

    @property
    def start_ns(self) -> int:
        """Time of the first event."""
        return int(self.events["time_ns"][0])

    @property
    def end_ns(self) -> int:
        """Time of the last event."""
        return int(self.events["time_ns"][-1])
