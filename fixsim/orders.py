"""What a venue and its book speak of: an order, its fills, the replies to its owner. Plain values.

Quantities are lots, prices nanos at the venue and half ticks (px) in the book; 0 half ticks: no limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fixsim.entry import Ask
from fixsim.says import Says
from fixsim.settings import Instrument
from risk.order import OrdType, Side, TimeInForce
from router.fix.messages import LastLiquidity, NewOrderSingle, OrdStatus, Parties


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one participant's order, as the book reports it. px is in half ticks."""

    key: int
    px: int
    qty_lots: int
    maker: bool
    improvement_px: int = 0
    """Half ticks by which px is better than the far side of the consolidated lit touch; 0: not better."""
    auction: bool = False
    """Nobody made and nobody took it."""
    odd_lot: bool = False
    """Less than the board lot."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The book itself has cancelled what was left of a participant's order, and why."""

    key: int
    why: str


Happening = Fill | Gone


class Outcome(NamedTuple):
    """What a request made happen to this venue's orders, in order; and how much of its own was cancelled.

    `cancelled_lots` is the remainder of an order that may not rest (or of which the book let no more rest);
    `why` says what stopped it, if anything but the end of the book.
    """

    happened: list[Happening]
    cancelled_lots: int = 0
    why: str = ""


class Book(Protocol):
    """What a venue needs of a matching engine. Keys are the exchange's, unique over all venues."""

    def submit(self, key: int, ask: Ask, now_ns: int) -> Outcome: ...

    def cancel(self, keys: Sequence[int], now_ns: int) -> Outcome:
        """What is left of them goes at once; then pegs that follow the touch may trade upon it.

        Raises MatchingError, having changed nothing.
        """

    def replace(self, key: int, px: int, leaves_lots: int, now_ns: int) -> Outcome: ...


@dataclass(slots=True)
class Order:
    """An accepted order. `paid_nanos_lots` is the sum of price times quantity over its fills."""

    key: int
    owner: str
    cl_ord_id: str
    order_id: str
    account: str
    instrument: Instrument
    side: Side
    ord_type: OrdType
    tif: TimeInForce
    qty_lots: int
    price_nanos: int | None
    leaves_lots: int
    min_lots: int = 0
    parties: Parties = ()
    order_capacity: str = ""
    cum_lots: int = 0
    paid_nanos_lots: int = 0
    busted_lots: int = 0
    """Traded and taken back: neither filled nor in the book again."""
    status: OrdStatus = OrdStatus.NEW

    @property
    def live(self) -> bool:
        return self.leaves_lots > 0


@dataclass(slots=True)
class Execution:
    """One fill as it stands: a correction moves its price, a bust makes it void.

    `exec_id` is the last that named it. Its fee is `fee_nanos` in all, of which `order_fee_nanos` is the
    order's; `ppb` is the rate by value.
    """

    exec_id: str
    order: Order
    price_nanos: int
    qty_lots: int
    fee_nanos: int
    order_fee_nanos: int
    ppb: int
    liquidity: LastLiquidity | None
    busted: bool = False


@dataclass(slots=True)
class Reply:
    """A message for one client of this venue."""

    to: str
    says: Says
    about: Order | NewOrderSingle | None = None
    """Whose report it is; a NewOrderSingle that was refused is no order. None: of no one order."""


@dataclass(slots=True)
class Keys:
    """Order keys, one counter for all venues; below 0, since the recording's own orders count up from 0."""

    last: int = 0

    def take(self) -> int:
        self.last -= 1
        return self.last
