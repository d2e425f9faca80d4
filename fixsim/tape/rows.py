"""Tape rows as numpy records, for whoever computes, and as Arrow batches, for the file.

A record has every column of schema.EVENTS at the same width; where the file has null, the record has NULL.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fixsim.tape.schema import EVENTS

Records = NDArray[np.void]

NULL: Final = -(1 << 63)
"""What a record has where the column is null: no time, price, quantity or id can be that."""

ROW: Final = np.dtype([(field.name, field.type.to_pandas_dtype()) for field in EVENTS])

NULLABLE: Final = tuple(field.name for field in EVENTS if field.nullable)


def to_arrow(rows: Records) -> pa.RecordBatch:
    """ROW records [n] as a batch of schema.EVENTS; NULL becomes null."""
    columns = []
    for field in EVENTS:
        values = np.ascontiguousarray(rows[field.name])
        mask = values == NULL if field.nullable else None
        columns.append(pa.array(values, field.type, mask=mask))
    return pa.record_batch(columns, schema=EVENTS)


def from_arrow(batch: pa.RecordBatch) -> Records:
    """A batch with every column of schema.EVENTS as ROW records [n]; null becomes NULL."""
    rows = np.empty(batch.num_rows, ROW)
    for field in EVENTS:
        rows[field.name] = numbers(batch.column(field.name))
    return rows


def numbers(column: Any) -> NDArray[Any]:
    """An Arrow column of whole numbers as an array; null becomes NULL."""
    filled = column.fill_null(NULL) if column.null_count else column
    return np.asarray(filled.to_numpy(zero_copy_only=False))
