"""What a client says to a venue, a desk to the router and a venue to both, in each version: tags and values.

Written from the specifications, not with our own encoders: it is what somebody else's application would send.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.interop.ours import SYMBOL
from tests.interop.peer import Fields, Wire

BUY, SELL = "1", "2"
NEW, CANCELED, REPLACED, PENDING_CANCEL, REJECTED, PENDING_REPLACE = "0", "4", "5", "6", "8", "E"
FIX42, FIX50SP2 = "FIX.4.2", "FIX.5.0SP2"
NO_MASS = "FIX 4.2 has no OrderMassCancelRequest (q) and no OrderMassStatusRequest (AF)"


def utc(after_s: float = 0.0) -> str:
    """A UTCTimestamp."""
    return (datetime.now(UTC) + timedelta(seconds=after_s)).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def handling(version: str) -> list[tuple[int, str]]:
    """HandlInst(21), which FIX 4.2 requires of orders and replaces."""
    return [(21, "1")] if version == FIX42 else []


def order(
    version: str,
    cl_ord_id: str,
    side: str,
    qty: str,
    price: str | None,
    *,
    tif: str = "0",
    symbol: str = SYMBOL,
) -> Fields:
    """NewOrderSingle (D): limit, or market without a price."""
    kind = [(40, "1")] if price is None else [(40, "2"), (44, price)]
    stated = [(55, symbol), (54, side), (60, utc()), (38, qty)]
    return [(11, cl_ord_id), *handling(version), *stated, *kind, (59, tif)]


def cancel(cl_ord_id: str, orig: str, side: str, qty: str) -> Fields:
    """OrderCancelRequest (F)."""
    return [(41, orig), (11, cl_ord_id), (55, SYMBOL), (54, side), (60, utc()), (38, qty)]


def replace(
    version: str, cl_ord_id: str, orig: str, side: str, qty: str, price: str, *, account: str = ""
) -> Fields:
    """OrderCancelReplaceRequest (G) of a limit order."""
    owner = [(1, account)] if account else []
    stated = [(55, SYMBOL), (54, side), (60, utc()), (38, qty), (40, "2"), (44, price)]
    return [(41, orig), (11, cl_ord_id), *owner, *handling(version), *stated, (59, "0")]


def status(cl_ord_id: str, side: str) -> Fields:
    """OrderStatusRequest (H)."""
    return [(11, cl_ord_id), (55, SYMBOL), (54, side)]


def subscribe(request: str, *, ends: bool = False) -> Fields:
    """MarketDataRequest (V): the full book and trades, by price."""
    kinds: list[Any] = [[(269, kind)] for kind in ("0", "1", "2")]
    return [
        (262, request),
        (263, "2" if ends else "1"),
        (264, "0"),
        (265, "1"),
        (267, kinds),
        (146, [[(55, SYMBOL)]]),
    ]


def mass_cancel(cl_ord_id: str) -> Fields:
    """OrderMassCancelRequest (q) of all orders."""
    return [(11, cl_ord_id), (530, "7"), (60, utc())]


def mass_status(request: str) -> Fields:
    """OrderMassStatusRequest (AF) of all orders."""
    return [(584, request), (585, "7")]


def is_fill(version: str, report: Wire) -> bool:
    """ExecType(150) of a fill: 1 or 2 with ExecTransType(20)=0 in FIX 4.2, F since."""
    if version == FIX42:
        return report[150] in "12" and report[20] == "0"
    return report[150] == "F"


def fills(version: str, reports: list[Wire]) -> list[Wire]:
    return [report for report in reports if is_fill(version, report)]


def quantity(report: Wire, tag: int) -> float:
    return float(report[tag] or "0")


def touch(snapshot: Wire, side: str) -> float:
    """The best bid or offer of a MarketDataSnapshotFullRefresh (W)."""
    kind, best = ("0", max) if side == BUY else ("1", min)
    return best(float(entry[270]) for entry in snapshot.entries(269) if entry[269] == kind)


TWAP, SUBMIT_AND_LEAVE = "1001", "1003"


def parent(
    version: str,
    account: str,
    cl_ord_id: str,
    side: str,
    qty: str,
    price: str | None = None,
    *,
    seconds: float,
    strategy: str = TWAP,
) -> Fields:
    """NewOrderSingle (D) of a desk: worked by a policy from now for so long, and until it is done."""
    kind = [(40, "1")] if price is None else [(40, "2"), (44, price)]
    stated = [(55, SYMBOL), (54, side), (60, utc()), (38, qty)]
    algo = [(168, utc()), (126, utc(seconds)), (847, strategy), (848, "complete=must")]
    return [(11, cl_ord_id), (1, account), *handling(version), *stated, *kind, *algo]
