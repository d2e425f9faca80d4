"""What risk knows of the market: one Market per symbol, preallocated. The router writes it; risk reads.

Every number is a Python int (never a numpy one: a notional would overflow it silently, and is refused).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class VenueMarket:
    """One venue. `session_up`: orders can reach it. `intact`: its book has no gap, and it is not quarantined.

    `last_message_ns`: any message of its market data feed, heartbeats too. A dark venue has no feed:
    for it only `session_up` and `halted` count.
    """

    lit: bool
    session_up: bool = False
    intact: bool = False
    halted: bool = False
    last_message_ns: int = 0


@dataclass(slots=True)
class Market:
    """The consolidated book's touch (0: no such side) and the last sale (0: none yet).

    `updated_ns`: the last message of any intact venue that contributes to the consolidated book.
    """

    bid_nanos: int = 0
    ask_nanos: int = 0
    updated_ns: int = 0
    last_sale_nanos: int = 0
    last_sale_ns: int = 0
    venues: dict[str, VenueMarket] = field(default_factory=dict)
