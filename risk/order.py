"""The words for what may leave: NewOrder, Cancel; and Parent, what a desk asked for. Plain, frozen, integers.

The enums' values are the FIX ones: Side(54), OrdType(40), TimeInForce(59).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Side(IntEnum):
    """Side(54)."""

    BUY = 1
    SELL = 2
    SELL_SHORT = 5
    SELL_SHORT_EXEMPT = 6

    @property
    def sign(self) -> int:
        """+1 to buy, -1 to sell, as in kernels."""
        return 1 if self is Side.BUY else -1


class OrdType(StrEnum):
    """OrdType(40). PEGGED is the midpoint peg (with ExecInst(18)=M)."""

    MARKET = "1"
    LIMIT = "2"
    PEGGED = "P"


class TimeInForce(StrEnum):
    """TimeInForce(59)."""

    DAY = "0"
    GTC = "1"
    IOC = "3"
    FOK = "4"


class Party(NamedTuple):
    """One of Parties(453): PartyID(448), PartyRole(452), PartyIDSource(447).

    Role 1 is the executing firm; source D is an identifier by agreement.
    """

    party_id: str
    role: int = 1
    source: str = "D"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A child order for one venue. `price_nanos`: the limit; None for market; a peg may carry one.

    `parties`, `order_capacity` (528) and `locate_reqd` (114) are the parent's, for the venue to know.
    """

    cl_ord_id: str
    parent_id: str
    venue: str
    symbol: str
    account: str
    side: Side
    ord_type: OrdType
    tif: TimeInForce
    qty_lots: int
    price_nanos: int | None
    parties: tuple[Party, ...] = ()
    order_capacity: str = ""
    locate_reqd: bool | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """A request to cancel a child. `qty_lots`: the order's. `order_id`: the venue's, "" if not known."""

    cl_ord_id: str
    orig_cl_ord_id: str
    parent_id: str
    venue: str
    symbol: str
    side: Side
    qty_lots: int
    order_id: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A block order as a desk sent it. `strategy`: TargetStrategy(847). `limit_nanos`: None for no limit.

    `desk`: the session that it came by, within which `cl_ord_id` is unique. `locate_reqd` (114): N where the
    desk has located what it sells short, Y where the venue's broker is to; None: not said.
    """

    parent_id: str
    cl_ord_id: str
    symbol: str
    account: str
    side: Side
    qty_lots: int
    limit_nanos: int | None
    start_ns: int
    end_ns: int
    strategy: int
    must_complete: bool
    accepted_ns: int
    desk: str = ""
    parties: tuple[Party, ...] = ()
    order_capacity: str = ""
    locate_reqd: bool | None = None
