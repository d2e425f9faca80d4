"""What one run of the demo left behind: the facts a report is drawn from.

Frozen values, no drawing and no reading of files. Prices and money are nanos (1e-9 of the quote currency),
quantities lots, times UTC nanoseconds; basis points and currency appear only in `Cost`, which is a report's
figure. A cost is positive when it hurts, for either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

NANOS = 1_000_000_000


class Liquidity(Enum):
    """LastLiquidityInd(851): what a fill did to the venue's book."""

    ADDED = "1"
    REMOVED = "2"


@dataclass(frozen=True, slots=True)
class ParentOrder:
    """The block order as the desk sent it."""

    parent_id: str
    symbol: str
    sign: int  # +1 buys, -1 sells
    qty_lots: int
    limit_nanos: int | None
    start_ns: int
    end_ns: int
    lots_per_unit: int
    unit: str  # what one unit of quantity is called: BTC
    currency: str

    @property
    def verb(self) -> str:
        return "Buy" if self.sign > 0 else "Sell"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one child."""

    time_ns: int
    venue: str
    price_nanos: int
    qty_lots: int
    liquidity: Liquidity
    fee_nanos: int  # negative: a rebate


@dataclass(frozen=True, slots=True)
class SchedulePoint:
    """How much the policy's schedule wanted done by then."""

    time_ns: int
    target_lots: int


@dataclass(frozen=True, slots=True)
class MarketPoint:
    """The consolidated midpoint from this time on."""

    time_ns: int
    mid_nanos: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade that a venue published, ours included."""

    time_ns: int
    price_nanos: int
    qty_lots: int


@dataclass(frozen=True, slots=True)
class Cost:
    """One benchmark's figures; positive costs. Gross leaves the venues' fees out, net has them in."""

    gross_bp: float
    net_bp: float
    gross_money: float  # in the quote currency
    net_money: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """What comparing the venues' own record with the router's journal found."""

    orders: int
    fills: int
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class RunResult:
    """One parent, worked by one policy, over one path of the market."""

    policy: str
    strategy: int  # TargetStrategy(847)
    seed: int
    parent: ParentOrder
    arrival_nanos: int
    vwap_nanos: int  # of the market's trades within the interval
    schedule: Sequence[SchedulePoint]
    fills: Sequence[Fill]
    mids: Sequence[MarketPoint]
    trades: Sequence[Trade]
    shortfall: Cost  # against arrival
    slippage: Cost  # against the interval's VWAP
    market_lots: int  # volume that traded in the interval, ours included
    decisions: int
    fallback_decisions: int
    agreement: Agreement
    journal_sha256: str  # the chain's last head
    wall_s: float

    @property
    def filled_lots(self) -> int:
        return sum(fill.qty_lots for fill in self.fills)

    @property
    def is_complete(self) -> bool:
        return self.filled_lots == self.parent.qty_lots

    @property
    def completion(self) -> float:
        return self.filled_lots / self.parent.qty_lots

    @property
    def participation(self) -> float:
        """Our share of what traded in the interval."""
        return self.filled_lots / self.market_lots if self.market_lots else 0.0

    @property
    def average_nanos(self) -> float:
        lots = self.filled_lots
        return sum(fill.price_nanos * fill.qty_lots for fill in self.fills) / lots if lots else 0.0

    @property
    def fees_nanos(self) -> int:
        return sum(fill.fee_nanos for fill in self.fills)

    @property
    def last_fill_ns(self) -> int:
        return max((fill.time_ns for fill in self.fills), default=self.parent.start_ns)

    @property
    def passed(self) -> bool:
        """What the demo's exit status says: complete, by the policy alone, and both records agree."""
        return self.is_complete and not self.fallback_decisions and self.agreement.agrees

    def lots_at(self, venue: str, liquidity: Liquidity | None = None) -> int:
        return sum(
            fill.qty_lots
            for fill in self.fills
            if fill.venue == venue and (liquidity is None or fill.liquidity is liquidity)
        )


def venues_of(results: Sequence[RunResult]) -> list[str]:
    """The venues that filled something, in order of name: the order of their colours in every chart."""
    return sorted({fill.venue for result in results for fill in result.fills})
