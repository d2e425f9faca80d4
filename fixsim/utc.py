"""A moment as settings state it: a TOML date and time with an offset, kept as UTC nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

NANOS = 1_000_000_000


def utc_ns(value: object) -> object:
    """A TOML offset date-time as UTC nanoseconds (TOML carries microseconds); other kinds are refused."""
    if not isinstance(value, datetime):
        raise ValueError("must be a date and time with an offset, like 2018-07-13T20:47:30Z")
    if value.tzinfo is None:
        raise ValueError("must carry an offset, like the Z of 2018-07-13T20:47:30Z")
    whole = value.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * NANOS + whole.microsecond * 1000


UtcNs = Annotated[int, BeforeValidator(utc_ns)]
