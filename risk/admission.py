"""The parents' own limits, judged when a parent is taken in, and when it is amended as the parent that would
result: every rule a pure function, in one table.

They are the like of the children's controls and carry their numbers and OrdRejReason(103) codes of FIX 4.4.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from risk.context import MS_NS, S_NS
from risk.exposure import Exposure, ParentLine
from risk.instrument import NANOS, Instrument, decimal_text
from risk.kill import Latch
from risk.limits import Limits
from risk.market import Market
from risk.order import Parent, Side
from risk.refusal import (
    DUPLICATE,
    EXCEEDS_LIMIT,
    INCORRECT_QUANTITY,
    OTHER,
    TOO_LATE,
    UNKNOWN_SYMBOL,
    UNSUPPORTED,
    Refusal,
)


class Arrival:
    """A parent at the door, and what its rules may see. `repeats`: its like, taken in within the period.

    `line`: for an amendment the parent as the ledger has it, None for a new one.
    """

    __slots__ = ("desk_id_seen", "exposure", "instrument", "latch", "limits", "line", "market", "now_ns",
                 "parent", "repeats")

    def __init__(
        self, parent: Parent, instrument: Instrument, limits: Limits, market: Market | None, now_ns: int,
        latch: Latch | None, exposure: Exposure, repeats: int, desk_id_seen: bool, line: ParentLine | None,
    ) -> None:
        self.parent = parent
        self.instrument = instrument
        self.limits = limits
        self.market = market
        self.now_ns = now_ns
        self.latch = latch
        self.exposure = exposure
        self.repeats = repeats
        self.desk_id_seen = desk_id_seen
        self.line = line


def unknown_symbol(symbol: str) -> Refusal:
    """A symbol without an instrument and limits."""
    return Refusal("symbol", 5, f"Symbol(55) {symbol}", "an instrument with limits", UNKNOWN_SYMBOL)


def kill_latch(a: Arrival) -> Refusal | None:
    """No parent is taken in under a latch."""
    latch = a.latch
    if latch is None:
        return None
    return Refusal("kill_latch", 0, f"{latch.mode} of {latch.scope} by {latch.identity}", "no latch", OTHER)


def restricted(a: Arrival) -> Refusal | None:
    """13. Not on the restricted list."""
    if a.parent.symbol in a.limits.parent.restricted_symbols:
        return Refusal("restricted", 13, a.parent.symbol, "not on the list", UNSUPPORTED,
                       "parent.restricted_symbols")
    return None


def short_sale(a: Arrival) -> Refusal | None:
    """13. Sold short only for the accounts that may, and only where somebody has said who locates."""
    parent = a.parent
    if parent.side is Side.BUY or parent.side is Side.SELL:
        return None
    allowed = a.limits.parent.short_sale_accounts
    if parent.account not in allowed:
        return Refusal("short_sale", 13, f"Side(54) {parent.side} for {parent.account}",
                       ", ".join(allowed) or "no account", UNSUPPORTED, "parent.short_sale_accounts")
    if parent.locate_reqd is None:
        return Refusal("short_sale", 13, "no LocateReqd(114)", "Y or N", UNSUPPORTED)
    return None


def amendable(a: Arrival) -> Refusal | None:
    """6, 12. What is amended is open, not filled beyond its new quantity, and was not amended too often."""
    line = a.line
    if line is None:
        return None
    if line.closed:
        return Refusal("open_parent", 6, f"parent {line.parent_id} is closed", "one that is open", OTHER)
    if line.filled_lots > a.parent.qty_lots:
        return Refusal("parent_conservation", 6, f"{line.filled_lots} lots filled", a.parent.qty_lots,
                       EXCEEDS_LIMIT)
    most = a.limits.parent.max_amendments_count
    if line.amendments >= most:
        return Refusal("amendments", 12, line.amendments + 1, most, OTHER, "parent.max_amendments_count")
    return None


def duplicate(a: Arrival) -> Refusal | None:
    """7. The parent's id and the desk's ClOrdID are new, and its like was not just sent n times in T."""
    parent, limits = a.parent, a.limits.parent
    if a.line is None and parent.parent_id in a.exposure.parents:
        return Refusal("duplicate", 7, f"parent {parent.parent_id}", "a new id", DUPLICATE)
    if a.desk_id_seen:
        return Refusal("duplicate", 7, f"ClOrdID(11) {parent.cl_ord_id} of {parent.desk or parent.account}",
                       "a new id", DUPLICATE)
    if a.repeats >= limits.max_repeats_count:
        return Refusal("repeats", 7, a.repeats + 1, limits.max_repeats_count, DUPLICATE,
                       "parent.max_repeats_count")
    return None


def increments(a: Arrival) -> Refusal | None:
    """5. Whole lots, a price on tick, Python ints."""
    qty, limit, instrument = a.parent.qty_lots, a.parent.limit_nanos, a.instrument
    if type(qty) is not int or qty < instrument.min_lots or qty % instrument.round_lots:
        return Refusal("lot", 5, f"OrderQty(38) {qty!r} lots",
                       f"a multiple of {instrument.round_lots}, at least {instrument.min_lots}",
                       INCORRECT_QUANTITY)
    if limit is not None and (type(limit) is not int or limit <= 0 or limit % instrument.tick_nanos):
        shown = decimal_text(limit) if type(limit) is int else repr(limit)
        return Refusal("tick", 5, f"Price(44) {shown}",
                       f"positive, a multiple of {decimal_text(instrument.tick_nanos)}", OTHER)
    return None


def _utc(ns: int) -> str:
    """As a desk writes times."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    return at.strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def duration(a: Arrival) -> Refusal | None:
    """It ends after its start and after now, and lasts, from the earlier of those, at most the limit."""
    start_ns, end_ns = a.parent.start_ns, a.parent.end_ns
    if end_ns <= start_ns or end_ns <= a.now_ns:
        return Refusal("duration", 0, f"ExpireTime(126) {_utc(end_ns)}",
                       f"after EffectiveTime(168) {_utc(start_ns)} and now {_utc(a.now_ns)}", TOO_LATE)
    length_ns, max_ns = end_ns - min(start_ns, a.now_ns), a.limits.parent.max_duration_s * S_NS
    if length_ns > max_ns:
        length = f"{decimal_text(length_ns)} s"
        return Refusal("duration", 0, length, f"{max_ns // S_NS} s", OTHER, "parent.max_duration_s")
    return None


def quantity(a: Arrival) -> Refusal | None:
    """1. At most the absolute limit and the share of the average daily volume."""
    adv_lots = a.instrument.adv_lots * a.limits.parent.max_share_of_adv_bp // 10_000
    bound, setting = min((a.limits.symbols[a.parent.symbol].parent_max_lots,
                          f"symbols.{a.parent.symbol}.parent_max_lots"),
                         (adv_lots, "parent.max_share_of_adv_bp"))
    if a.parent.qty_lots <= bound:
        return None
    return Refusal("quantity", 1, a.parent.qty_lots, bound, EXCEEDS_LIMIT, setting)


def value(a: Arrival) -> Refusal | None:
    """2. Value at the larger of limit and far touch; without a limit at the far touch plus the collar.

    Without a recent book only a limit to buy bounds what is paid: that is judged at the limit, all else
    refused.
    """
    parent, limit, far = a.parent, a.parent.limit_nanos, _far_touch(a)
    unlimited = -(far * (10_000 + a.limits.price.collar_bp) // -10_000)
    judged = unlimited if limit is None else max(limit, far)
    if far == 0 and (limit is None or parent.side is not Side.BUY):
        return Refusal("value", 2, "no recent book to judge it at",
                       f"{a.limits.parent.reference_max_age_ms} ms", OTHER, "parent.reference_max_age_ms")
    scale = NANOS * a.instrument.lots_per_unit
    most = a.limits.symbols[parent.symbol].parent_max_value_quote
    total = judged * parent.qty_lots
    if total <= most * scale:
        return None
    currency = a.instrument.currency
    return Refusal("value", 2, f"{total // scale} {currency} and over, at {decimal_text(judged)}",
                   f"{most} {currency}", EXCEEDS_LIMIT, f"symbols.{parent.symbol}.parent_max_value_quote")


def _far_touch(a: Arrival) -> int:
    """The ask to a buyer, the bid to a seller, of a recent book with both sides and not crossed; else 0."""
    market = a.market
    if market is None or type(market.bid_nanos) is not int or type(market.ask_nanos) is not int:
        return 0
    recent = 0 <= a.now_ns - market.updated_ns <= a.limits.parent.reference_max_age_ms * MS_NS
    if not recent or not 0 < market.bid_nanos <= market.ask_nanos:
        return 0
    return market.ask_nanos if a.parent.side is Side.BUY else market.bid_nanos


def open_count(a: Arrival) -> Refusal | None:
    """So many parents at once, over all symbols."""
    if a.line is not None or a.exposure.open_parents < a.limits.parent.max_open_count:
        return None
    return Refusal("open_parents", 0, a.exposure.open_parents + 1, a.limits.parent.max_open_count, OTHER,
                   "parent.max_open_count")


# In this order; the first refusal is the answer.
PARENT_RULES: Final[tuple[Callable[[Arrival], Refusal | None], ...]] = (
    kill_latch, restricted, short_sale, amendable, duplicate, increments, duration, quantity, value,
    open_count,
)
