"""States of a venue's feed, the moves between them, and what it asks for. For router/marketdata.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class State(Enum):
    """Of one venue's book."""

    EMPTY = auto()  # its session has not been up yet
    WAITING_SNAPSHOT = auto()  # asked for; nothing held
    LIVE = auto()  # whole and current
    QUARANTINED = auto()  # broken, emptied, to be asked for again


class Event(Enum):
    REQUESTED = auto()
    SNAPSHOT = auto()
    FAULT = auto()
    SESSION_LOST = auto()


TRANSITIONS = {
    (State.EMPTY, Event.REQUESTED): State.WAITING_SNAPSHOT,
    (State.WAITING_SNAPSHOT, Event.SNAPSHOT): State.LIVE,
    (State.WAITING_SNAPSHOT, Event.FAULT): State.QUARANTINED,
    (State.WAITING_SNAPSHOT, Event.SESSION_LOST): State.QUARANTINED,
    (State.LIVE, Event.SNAPSHOT): State.LIVE,  # a venue may refresh a book unasked
    (State.LIVE, Event.FAULT): State.QUARANTINED,
    (State.LIVE, Event.SESSION_LOST): State.QUARANTINED,
    (State.QUARANTINED, Event.REQUESTED): State.WAITING_SNAPSHOT,
}


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue in its slot. A dark one quotes nothing, and so has no feed."""

    name: str
    lit: bool


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """Times in ns."""

    silence_ns: int = 5_000_000_000  # without any message: ask for a TestRequest
    answer_ns: int = 2_000_000_000  # and then quarantine
    snapshot_ns: int = 10_000_000_000  # to answer a MarketDataRequest
    retry_ns: int = 1_000_000_000  # before the second request in a row; doubles
    max_retry_ns: int = 30_000_000_000
    depth: int = 0  # MarketDepth(264); 0 = full book


@dataclass(frozen=True, slots=True)
class Request:
    """Output: send this body as a MarketDataRequest(V) on the venue's market data session."""

    venue: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """Output: send a TestRequest on the venue's market data session."""

    venue: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Output: a venue's book came into use (LIVE) or left it (QUARANTINED, with why).

    For alert and console.
    """

    venue: int
    state: State
    reason: str


Output = Request | Probe | Moved
