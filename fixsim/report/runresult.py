"""What one run of the demo left behind: the facts a report is drawn from, and their figures.

Frozen values, no drawing and no reading of files. The facts and figures of the parent are `router.tca`'s own;
added here is what only the demo knows: policy, seed, the path of the market, and whether both records agree.
Prices and money are nanos (1e-9 of the quote currency), quantities lots, times UTC nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.tca import Facts, ParentFigures

NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class MarketPoint:
    """The consolidated midpoint from this time on."""

    time_ns: int
    mid_nanos: int


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
    symbol: str
    unit: str  # what one unit of quantity is called: BTC
    currency: str
    venues: Sequence[str]  # all that the router could send to
    limit_nanos: int | None
    facts: Facts
    figures: ParentFigures
    mids: Sequence[MarketPoint]
    decisions: int
    fallback_decisions: int
    agreement: Agreement
    journal_sha256: str
    wall_s: float

    @property
    def title(self) -> str:
        verb = "Buy" if self.facts.sign > 0 else "Sell"
        return f"{verb} {self.facts.qty_lots / self.facts.lots_per_unit:,.8g} {self.unit}"

    @property
    def is_complete(self) -> bool:
        return self.figures.filled_lots == self.facts.qty_lots

    @property
    def passed(self) -> bool:
        """What the demo's exit status says: complete, by the policy alone, and both records agree."""
        return self.is_complete and not self.fallback_decisions and self.agreement.agrees

    @property
    def last_ns(self) -> int:
        """The end of the parent, or of its last fill if that came later."""
        return max(self.facts.end_ns, self.figures.last_fill_ns or 0)


def venues_of(results: Sequence[RunResult]) -> list[str]:
    """All venues in order of name: the order of their colours in every chart and in the live view."""
    return sorted({venue for result in results for venue in result.venues})
