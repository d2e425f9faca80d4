"""A fault script: one TOML file that says what goes wrong, where, when, how often.

    seed = 11

    [[fault]]
    do = "delay"                  # requests reach the engine late
    venue = "XLIT1"               # absent: every venue
    from = "30s"                  # of market time since the start; absent: from the start
    for = "20s"                   # absent: to the end
    share = 0.25                  # of what it may meet; absent: all of it
    at_most = 3                   # times; absent: no bound
    by = ["50ms", "900ms"]        # a duration, or two to draw between
    orders = { side = "buy", at_least_lots = 1000, client = "SLUICE-OE" }

    [[fault]]
    do = "wire-drop"              # a message is lost between the session and its peer
    wire = { way = "out", types = ["8"], client = "SLUICE-OE" }

`describe` gives the script back in plain words. A fault that cannot be is refused with file, field, value
and rule.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from risk.errors import read_settings

NANOS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
MOST_NS = 24 * NANOS["h"]


class Do(StrEnum):
    """What a fault does."""

    DELAY = "delay"  # a request reaches the engine later
    REJECT = "reject"  # a request is refused
    LOSE = "lose"  # a request vanishes: no answer ever comes
    DELAY_REPORTS = "delay-reports"
    LOSE_REPORTS = "lose-reports"
    DUPLICATE = "duplicate"  # a report leaves twice, with one ExecID
    REORDER = "reorder"  # a report lets the next one to its client pass
    HALT = "halt"  # and resumes when `for` is over, if it is given
    RESUME = "resume"
    AUCTION = "auction"  # collects, and uncrosses when `for` is over
    CLOSE = "close"
    CROSSED = "crossed"  # market data shows a bid above the offer, and takes it back when `for` is over
    STALE = "stale"  # market data stops; what was held leaves, in order, when `for` is over
    CANCEL = "cancel"  # unsolicited, of orders that rest
    BUST = "bust"  # of fills made so far
    CORRECT = "correct"  # the price of fills made so far
    RESTATE = "restate"  # orders that rest, to a smaller quantity
    WIRE_DELAY = "wire-delay"  # a message is under way for longer, and what is behind it
    WIRE_DROP = "wire-drop"  # a message is lost under way: its MsgSeqNum is missing
    WIRE_DUPLICATE = "wire-duplicate"  # the same bytes arrive twice
    WIRE_REORDER = "wire-reorder"  # a message lets the next one pass
    CUT = "cut"  # the connection breaks in the middle of a message
    HALF_OPEN = "half-open"  # nothing arrives any more, and nobody is told
    SLOW_READER = "slow-reader"  # bytes are taken at a trickle
    SEQUENCE_GAP = "sequence-gap"  # numbers are skipped (out), or forgotten (in), after a message


REQUESTS = (Do.DELAY, Do.REJECT, Do.LOSE)
REPORTS = (Do.DELAY_REPORTS, Do.LOSE_REPORTS, Do.DUPLICATE, Do.REORDER)
CARRIED = (Do.WIRE_DELAY, Do.WIRE_DROP, Do.WIRE_DUPLICATE, Do.WIRE_REORDER, Do.CUT, Do.SEQUENCE_GAP)
"""These strike messages on the wire, one by one; the other two of the wire last."""
WIRE = (*CARRIED, Do.HALF_OPEN, Do.SLOW_READER)
MOMENTS = (Do.RESUME, Do.CLOSE, Do.CANCEL, Do.BUST, Do.CORRECT, Do.RESTATE)
PERIODS = (Do.AUCTION, Do.CROSSED, Do.STALE)
WITH_BY = (
    Do.DELAY, Do.DELAY_REPORTS, Do.DUPLICATE, Do.REORDER, Do.WIRE_DELAY, Do.WIRE_DUPLICATE, Do.WIRE_REORDER
)  # fmt: skip
WITH_ORDERS = (*REQUESTS, *REPORTS, Do.CANCEL, Do.BUST, Do.CORRECT, Do.RESTATE)


def _duration(value: object) -> int:
    """Nanoseconds of text like 250ms, 1.5s, 2m."""
    if not isinstance(value, str):
        raise ValueError("must be text like 250ms, 1.5s or 2m")
    found = re.fullmatch(r"(\d{1,12})(?:\.(\d{1,9}))?(ns|us|ms|s|m|h)", value)
    if found is None:
        raise ValueError(f"must be a number and one of {', '.join(NANOS)}, like 250ms")
    whole, fraction, unit = found.groups()
    unit_ns = NANOS[unit]
    ns = int(whole) * unit_ns + (int(fraction) * unit_ns // 10 ** len(fraction) if fraction else 0)
    if ns > MOST_NS:
        raise ValueError("must be at most 24h")
    return ns


def _range(value: object) -> tuple[int, int]:
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError("must be one duration, or two: the least and the most")
        low, high = _duration(value[0]), _duration(value[1])
        if low > high:
            raise ValueError("the least comes first")
        return low, high
    ns = _duration(value)
    return ns, ns


Duration = Annotated[int, BeforeValidator(_duration)]
Range = Annotated[tuple[int, int], BeforeValidator(_range)]


MsgType = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,4}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Orders(_Frozen):
    """Which orders a fault may meet. What is absent does not matter."""

    side: Literal["buy", "sell"] | None = None
    request: Literal["new", "cancel", "replace"] | None = None
    symbol: str | None = None
    client: str | None = None
    account: str | None = None
    at_least_lots: Annotated[int, Field(gt=0)] | None = None
    at_most_lots: Annotated[int, Field(gt=0)] | None = None


class Wire(_Frozen):
    """Which messages between a session and its peer. What is absent does not matter."""

    client: str | None = None
    way: Literal["in", "out"] | None = None
    """in: towards the venue."""
    types: Annotated[tuple[MsgType, ...], Field(strict=False, min_length=1)] | None = None


class Fault(_Frozen):
    """One thing that goes wrong. Durations are nanoseconds of market time."""

    do: Annotated[Do, Field(strict=False)]
    venue: str | None = None
    from_ns: Annotated[Duration, Field(alias="from")] = 0
    for_ns: Annotated[Duration | None, Field(alias="for")] = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    at_most: Annotated[int, Field(gt=0)] | None = None
    by: Range | None = None
    ticks: Annotated[int, Field(gt=0, le=1_000_000)] | None = None
    numbers: Annotated[int, Field(gt=0, le=1000)] | None = None
    bytes_per_s: Annotated[int, Field(gt=0, le=10**9)] | None = None
    text: Annotated[str, Field(max_length=200)] = ""
    orders: Orders = Orders()
    wire: Wire = Wire()

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> Self:
        name = self.do.value
        if (self.by is not None) != (self.do in WITH_BY):
            have = "needs" if self.do in WITH_BY else "does not take"
            raise ValueError(f'do = "{name}" {have} by (a duration)')
        if self.do in PERIODS and self.for_ns is None:
            raise ValueError(f'do = "{name}" needs for: how long it lasts')
        if self.do in MOMENTS and self.for_ns is not None:
            raise ValueError(f'do = "{name}" happens at one moment: it does not take for')
        for field, given, takers in (
            ("ticks", self.ticks, (Do.CROSSED, Do.CORRECT)),
            ("numbers", self.numbers, (Do.SEQUENCE_GAP,)),
            ("bytes_per_s", self.bytes_per_s, (Do.SLOW_READER,)),
        ):
            if (given is not None) != (self.do in takers):
                have = "needs" if self.do in takers else "does not take"
                raise ValueError(f'do = "{name}" {have} {field}')
        self._meets_what_it_can()
        return self

    def _meets_what_it_can(self) -> None:
        name, counted = self.do.value, self.share != 1 or self.at_most is not None
        if self.do in WIRE:
            if self.orders != Orders():
                raise ValueError(f'do = "{name}" is of a wire: it takes wire, not orders')
            if self.text:
                raise ValueError(f'do = "{name}" is of a wire: it says nothing, and does not take text')
            if self.do not in CARRIED and (counted or self.wire.types):
                raise ValueError(f'do = "{name}" lasts: it does not take share, at_most or wire.types')
        elif self.wire != Wire():
            raise ValueError(f'do = "{name}" is not of a wire: it does not take wire')
        elif self.do not in WITH_ORDERS and (self.orders != Orders() or counted):
            raise ValueError(f'do = "{name}" is of a venue: it does not take orders, share or at_most')

    @property
    def until_ns(self) -> int | None:
        return None if self.for_ns is None else self.from_ns + self.for_ns

    def describe(self) -> str:
        """The fault in plain words."""
        where = self.venue or "every venue"
        span = f"from {_words(self.from_ns)}"
        if self.do in MOMENTS:
            span = f"at {_words(self.from_ns)}"
        elif self.for_ns is not None:
            span += f" for {_words(self.for_ns)}"
        parts = [f"{span}, {where}: {self.do.value}"]
        if self.by is not None:
            low, high = self.by
            parts.append(f"by {_words(low)}" + ("" if low == high else f" to {_words(high)}"))
        if self.ticks is not None:
            parts.append(f"by {self.ticks} ticks")
        named = {name: value for name, value in self.orders.model_dump().items() if value is not None}
        if named:
            parts.append("of " + ", ".join(f"{name} {value}" for name, value in named.items()))
        if self.do in WIRE:
            parts.append(self._carried())
        if self.numbers is not None:
            parts.append(f"{self.numbers} numbers each time")
        if self.bytes_per_s is not None:
            parts.append(f"{self.bytes_per_s} bytes a second")
        if self.share < 1:
            parts.append(f"{self.share:.0%} of them" if self.share >= 0.01 else f"{self.share:g} of them")
        if self.at_most is not None:
            parts.append(f"at most {self.at_most} times")
        if self.text:
            parts.append(f'saying "{self.text}"')
        return ", ".join(parts)

    def _carried(self) -> str:
        """What of the wire it meets, in plain words."""
        ways = {None: "both ways", "in": "towards the venue", "out": "from the venue"}
        types = "" if self.wire.types is None else f"35={', '.join(self.wire.types)} "
        return f"{types}{ways[self.wire.way]}, {self.wire.client or 'every session'}"


class Script(_Frozen):
    """The whole file."""

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    fault: Annotated[tuple[Fault, ...], Field(min_length=1, max_length=1000, strict=False)]

    def describe(self) -> list[str]:
        """One line for each fault, in the order of the file."""
        return [fault.describe() for fault in self.fault]

    def refuse_unknown(self, venues: set[str], where: str) -> None:
        """SettingsError-ready ValueError when a fault names a venue that is not there."""
        for number, fault in enumerate(self.fault):
            if fault.venue is not None and fault.venue not in venues:
                known = ", ".join(sorted(venues))
                raise ValueError(f"{where}: fault.{number}.venue = {fault.venue!r}: must be one of {known}")


def load_script(path: Path | str) -> Script:
    """Read and check a script. SettingsError names file, field, value and rule on one line."""
    return read_settings(Path(path), Script)


def _words(ns: int) -> str:
    for unit in ("h", "m", "s", "ms", "us"):
        if ns and ns % NANOS[unit] == 0:
            return f"{ns // NANOS[unit]}{unit}"
    return f"{ns}ns" if ns else "the start"
