"""How long messages take, by session and MsgType: counted, never journalled.

Three times a message that comes in: from the peer's SendingTime(52) to its arrival (two machines' clocks, so
it may be below zero, and is as true as they agree), from arrival until the engine has handled it, and from
arrival until what results is on the wire. Counts are in buckets of an eighth of an octave (percentiles are
within 9 %), so that nothing grows with time. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OCTAVE = 8  # buckets in each doubling
PERCENTILES = (50, 99)
MAX_TYPES = 32  # of one session; a peer's invented MsgTypes are counted together
OTHER = b"other"


class Spread:
    """Durations in ns: how many fell into each bucket, and the largest."""

    def __init__(self) -> None:
        self.count = 0
        self.max_ns = 0
        self._below_zero = 0
        self._buckets: list[int] = [0] * (64 * OCTAVE)

    def add(self, ns: int) -> None:
        self.count += 1
        if ns < 0:
            self._below_zero += 1
            return
        if ns > self.max_ns:
            self.max_ns = ns
        bits = ns.bit_length()
        at = ns if bits <= 3 else (bits - 3) * OCTAVE + (ns >> (bits - 4)) - OCTAVE
        self._buckets[min(at, len(self._buckets) - 1)] += 1

    def percentile_ns(self, percent: int) -> int:
        """The upper end of the bucket that holds it; 0 if most are below zero, or there is none."""
        wanted = -(-self.count * percent // 100)
        seen = self._below_zero
        for at, count in enumerate(self._buckets):
            if seen >= wanted:
                break
            seen += count
            if seen >= wanted:
                return min(_upper_ns(at), self.max_ns)
        return 0

    def summary(self) -> dict[str, int]:
        spread = {f"p{percent}_ns": self.percentile_ns(percent) for percent in PERCENTILES}
        return {"count": self.count, **spread, "max_ns": self.max_ns}


def _upper_ns(at: int) -> int:
    if at < OCTAVE:
        return at
    octave, part = divmod(at, OCTAVE)
    return ((part + OCTAVE + 1) << (octave - 1)) - 1


@dataclass(slots=True)
class Times:
    """Of one MsgType of one session."""

    travelled: Spread = field(default_factory=Spread)  # SendingTime to arrival
    handled: Spread = field(default_factory=Spread)  # arrival to handled
    written: Spread = field(default_factory=Spread)  # arrival to written, where something was


class Stamps:
    def __init__(self) -> None:
        self._times: dict[str, dict[bytes, Times]] = {}

    def message(
        self,
        session: str,
        msg_type: bytes,
        sent_ns: int,
        arrived_ns: int,
        handled_ns: int,
        written_ns: int | None,
    ) -> None:
        """`written_ns`: None if nothing was written. `sent_ns`: below 0 if it could not be read."""
        types = self._times.setdefault(session, {})
        times = types.get(msg_type)
        if times is None:
            times = types.setdefault(msg_type if len(types) < MAX_TYPES else OTHER, Times())
        if sent_ns >= 0:
            times.travelled.add(arrived_ns - sent_ns)
        times.handled.add(handled_ns - arrived_ns)
        if written_ns is not None:
            times.written.add(written_ns - arrived_ns)

    def of(self, session: str) -> dict[str, dict[str, dict[str, Any]]]:
        """By MsgType, for operators."""
        return {
            msg_type.decode("latin-1"): {
                "travelled": times.travelled.summary(),
                "handled": times.handled.summary(),
                "written": times.written.summary(),
            }
            for msg_type, times in sorted(self._times.get(session, {}).items())
        }
