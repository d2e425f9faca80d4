"""What a venue and its book speak of: an order, its fills, the replies to its owner. Plain values.

Quantities are lots, prices nanos at the venue and half ticks (px) in the book; 0 half ticks: no limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fixsim.entry import Kind
from risk.order import OrdType, Side, TimeInForce
from router.fix.messages import OrdStatus


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one participant's order, as the book reports it. px is in half ticks."""

    key: int
    px: int
    qty_lots: int
    maker: bool


class Book(Protocol):
    """What a venue needs of a matching engine. Keys are the exchange's, unique over all venues."""

    def submit(self, key: int, sign: int, px: int, qty_lots: int, kind: Kind, now_ns: int) -> list[Fill]: ...

    def cancel(self, key: int, now_ns: int) -> None: ...

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> list[Fill]: ...


@dataclass(slots=True)
class Order:
    """An accepted order. `paid_nanos_lots` is the sum of price times quantity over its fills."""

    key: int
    owner: str
    cl_ord_id: str
    order_id: str
    account: str
    side: Side
    ord_type: OrdType
    tif: TimeInForce
    qty_lots: int
    price_nanos: int | None
    leaves_lots: int
    cum_lots: int = 0
    paid_nanos_lots: int = 0
    status: OrdStatus = OrdStatus.NEW

    @property
    def live(self) -> bool:
        return self.leaves_lots > 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A message for one client of this venue: MsgType and body."""

    to: str
    msg_type: bytes
    body: bytes


@dataclass(slots=True)
class Keys:
    """Order keys, one counter for all venues; below 0, since the recording's own orders count up from 0."""

    last: int = 0

    def take(self) -> int:
        self.last -= 1
        return self.last
