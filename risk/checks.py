"""Controls 1 to 8 of controls.md on a child order: every rule one pure function over integers, in one table.

A rule reads the Context and returns a Refusal or None; it changes nothing. `of_order` is False for the rules
that judge only the parent, the venue and the moment: an Envelope is what those allow, within the bounds that
the others compute here (`price_bounds`, `parent_share_lots`, `touch_plus_collar`): one formula, two answers.

Shares and collars are in basis points. Comparisons are exact: products are compared, or divided towards the
stricter side. "Far touch" is what an aggressive order meets: the ask to a buyer, the bid to a seller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from risk.context import Context
from risk.exposure import ParentLine
from risk.instrument import NANOS, decimal_text
from risk.order import OrdType, Side
from risk.refusal import DUPLICATE, EXCEEDS_LIMIT, INCORRECT_QUANTITY, OTHER, Refusal

_BUY: Final = Side.BUY
_LIMIT: Final = OrdType.LIMIT
_MARKET: Final = OrdType.MARKET


class Rule(NamedTuple):
    """A row of the table. `number`: the control in controls.md, 0 for the kill latch."""

    name: str
    number: int
    of_order: bool
    check: Callable[[Context], Refusal | None]


def kill_latch(c: Context) -> Refusal | None:
    """Nothing new leaves in the scope of a latch."""
    latch = c.latch
    if latch is None:
        return None
    return Refusal("kill_latch", 0, f"{latch.mode} of {latch.scope} by {latch.identity}", "no latch", OTHER)


def open_parent(c: Context) -> Refusal | None:
    """6. A child belongs to a parent that was taken in and is not closed."""
    return parent_not_open(c.parent) if c.parent.closed else None


def parent_not_open(parent: ParentLine) -> Refusal:
    """A parent that is done, was never taken in, or is long forgotten."""
    found = "is closed" if parent.symbol else "is not known"
    return Refusal("open_parent", 6, f"parent {parent.parent_id} {found}", "one taken in, and open", OTHER)


def venue_market(c: Context) -> Refusal | None:
    """4. The venue's session is up and it is not halted; a lit one's book is intact, its feed not silent."""
    venue = c.venue
    if venue is None:
        return _market("not a venue of this symbol", "a venue of the market", c.venue_name)
    if not venue.session_up:
        return _market("session down", "session up", c.venue_name)
    if venue.halted:
        return _market("halted", "trading", c.venue_name)
    if venue.lit:
        if not venue.intact:
            return _market("book not intact", "intact", c.venue_name)
        silence_ns = c.now_ns - venue.last_message_ns
        if not 0 <= silence_ns <= c.venue_max_silence_ns:
            return _market(f"silent for {silence_ns} ns", f"{c.venue_max_silence_ns} ns", c.venue_name,
                           "market_data.venue_max_silence_ms")
    return None


def consolidated_market(c: Context) -> Refusal | None:
    """4. The consolidated book has both sides, is not crossed (locked may be) nor old; nor is the last sale.

    Without any sale yet (0) a new parent may start, unless `last_sale_required` says otherwise: the collar
    then stands on the book alone.
    """
    market = c.market
    bid, ask, sale = market.bid_nanos, market.ask_nanos, market.last_sale_nanos
    if type(bid) is not int or type(ask) is not int or type(sale) is not int:
        return _market("a price that is not an int", "int", "")
    if bid <= 0 or ask <= 0:
        return _market(f"no {'bid' if bid <= 0 else 'ask'}", "a bid and an ask", "")
    if bid > ask:
        return _market(f"crossed: bid {decimal_text(bid)}, ask {decimal_text(ask)}", "bid at most ask", "")
    age_ns = c.now_ns - market.updated_ns
    if not 0 <= age_ns <= c.consolidated_max_age_ns:
        return _market(f"book {age_ns} ns old", f"{c.consolidated_max_age_ns} ns", "",
                       "market_data.consolidated_max_age_ms")
    if sale > 0:
        age_ns = c.now_ns - market.last_sale_ns
        if not 0 <= age_ns <= c.last_sale_max_age_ns:
            return _market(f"last sale {age_ns} ns old", f"{c.last_sale_max_age_ns} ns", "",
                           "market_data.last_sale_max_age_ms")
    elif c.last_sale_required:
        return _market("no last sale", "a last sale", "", "market_data.last_sale_required")
    return None


def _market(value: str, limit: str, venue: str, setting: str = "") -> Refusal:
    return Refusal("market_data", 4, f"{venue} {value}" if venue else value, limit, OTHER, setting)


def message_rate(c: Context) -> Refusal | None:
    """8. At most so many new orders in any second, for each venue and symbol. Refused, never queued."""
    if c.now_ns >= c.rate_free_ns:
        return None
    return Refusal("message_rate", 8, f"one more at {c.now_ns}", f"not before {c.rate_free_ns}", OTHER,
                   "child.max_new_orders_per_s")


def increments(c: Context) -> Refusal | None:
    """5. Quantity positive, whole lots, a Python int; the price too, on tick, there if the type has one."""
    order = c.order
    qty, price, kind = order.qty_lots, order.price_nanos, order.ord_type
    if type(qty) is not int or qty % c.round_lots or qty < c.min_lots:
        return Refusal("lot", 5, f"OrderQty(38) {qty!r} lots",
                       f"a multiple of {c.round_lots}, at least {c.min_lots}", INCORRECT_QUANTITY)
    if price is None:
        if kind is _LIMIT:
            return Refusal("tick", 5, "no Price(44) on a limit order", "a price", OTHER)
    elif type(price) is not int or price <= 0 or price % c.tick_nanos or kind is _MARKET:
        shown = decimal_text(price) if type(price) is int else repr(price)
        rule = "none on a market order" if kind is _MARKET else f"a multiple of {decimal_text(c.tick_nanos)}"
        return Refusal("tick", 5, f"Price(44) {shown}", f"positive, {rule}", OTHER)
    return None


def parent_terms(c: Context) -> Refusal | None:
    """6. The child is the parent's: its symbol, side and account; the parent's limit binds (see collar)."""
    order, parent = c.order, c.parent
    if order.side is parent.side and order.symbol == parent.symbol and order.account == parent.account:
        return None
    return Refusal("parent_terms", 6, f"{_side(order.side)} {order.symbol} for {order.account}",
                   f"{_side(parent.side)} {parent.symbol} for {parent.account}", OTHER)


def size(c: Context) -> Refusal | None:
    """1. At most the absolute limit, the share of the average daily volume, and the share of the parent."""
    qty, share_lots = c.order.qty_lots, c.parent.share_lots
    if qty <= c.max_child_lots and qty <= share_lots:
        return None
    bound, setting = min((c.max_symbol_lots, f"symbols.{c.instrument.symbol}.child_max_lots"),
                         (c.max_adv_lots, "child.max_share_of_adv_bp"),
                         (share_lots, "child.max_share_of_parent_bp"))
    return Refusal("size", 1, qty, bound, EXCEEDS_LIMIT, setting)


def parent_share_lots(c: Context, qty_lots: int) -> int:
    """The share of a parent so large: never under the smallest order, or small ones could not trade."""
    return max(qty_lots * c.max_share_of_parent_bp // 10_000, c.min_lots)


def conservation(c: Context) -> Refusal | None:
    """6. filled + working + in flight + unknown + this is at most the parent."""
    parent = c.parent
    total = parent.filled_lots + parent.reserved_lots + c.order.qty_lots
    if total <= parent.qty_lots:
        return None
    return Refusal("parent_conservation", 6, total, parent.qty_lots, EXCEEDS_LIMIT)


def collar(c: Context) -> Refusal | None:
    """3. The limit within the bounds; without one the far touch must be, and the parent unlimited."""
    price, parent = c.order.price_nanos, c.parent
    low, high = price_bounds(c, parent)
    judged = far_touch(c, parent) if price is None else price
    if low <= judged <= high and (price is not None or parent.limit_nanos is None):
        return None
    if price is None and parent.limit_nanos is not None:
        return Refusal("collar", 3, "no limit", f"the parent's, {decimal_text(parent.limit_nanos)}", OTHER)
    return Refusal("collar", 3, decimal_text(judged), f"{decimal_text(low)} to {decimal_text(high)}", OTHER,
                   "price.collar_bp, passive_collar_bp, rolling_collar_bp and the parent's limit")


def price_bounds(c: Context, parent: ParentLine) -> tuple[int, int]:
    """The lowest and highest limit (nanos, both inclusive) that control 3 and the parent's limit allow.

    Aggressive side: the collar from the far touch and from the last sale, the rolling collar from the best
    touch of the period, the parent's limit. Passive side: the wider collar from the near touch.
    """
    market, sale, limit = c.market, c.market.last_sale_nanos, parent.limit_nanos
    if parent.side is _BUY:
        base = market.ask_nanos
        if 0 < sale < base:
            base = sale
        high = base * c.collar_up_bp // 10_000
        rolling = c.rolling.highest_buy_nanos
        if rolling < high:
            high = rolling
        if limit is not None and limit < high:
            high = limit
        return -(market.bid_nanos * c.passive_down_bp // -10_000), high
    base = market.bid_nanos
    if sale > base:
        base = sale
    low = -(base * c.collar_down_bp // -10_000)
    rolling = c.rolling.lowest_sell_nanos
    if rolling > low:
        low = rolling
    if limit is not None and limit > low:
        low = limit
    return low, market.ask_nanos * c.passive_up_bp // 10_000


def far_touch(c: Context, parent: ParentLine) -> int:
    """The ask to a buyer, the bid to a seller (nanos)."""
    return c.market.ask_nanos if parent.side is _BUY else c.market.bid_nanos


def value(c: Context) -> Refusal | None:
    """2. Value at the larger of limit and far touch (without a limit: touch plus collar) within its limit."""
    price, market = c.order.price_nanos, c.market
    judged = market.ask_nanos if c.parent.side is _BUY else market.bid_nanos
    if price is None:
        judged = touch_plus_collar(c, judged)
    elif price > judged:
        judged = price
    if judged * c.order.qty_lots <= c.max_value_nanos_lots:
        return None
    instrument = c.instrument
    quote = judged * c.order.qty_lots // (NANOS * instrument.lots_per_unit)
    return Refusal("value", 2, f"{quote} {instrument.currency} and over, at {decimal_text(judged)}",
                   f"{c.max_value_nanos_lots // (NANOS * instrument.lots_per_unit)} {instrument.currency}",
                   EXCEEDS_LIMIT, f"symbols.{instrument.symbol}.child_max_value_quote")


def touch_plus_collar(c: Context, far_nanos: int) -> int:
    """What an order without a limit is valued at."""
    return -(far_nanos * c.collar_up_bp // -10_000)


def cl_ord_id(c: Context) -> Refusal | None:
    """7. ClOrdIDs are our prefix and a counter that only rises, so none can come twice."""
    if c.counter > c.last_counter:
        return None
    found = "its counter is not above the last" if c.counter >= 0 else "not our prefix and a counter"
    return Refusal("cl_ord_id", 7, f"ClOrdID(11) {c.order.cl_ord_id}: {found}", c.last_counter, DUPLICATE)


def repeats(c: Context) -> Refusal | None:
    """7. The same symbol, side, quantity and price at most n times in T."""
    if c.repeats < c.max_repeats:
        return None
    return Refusal("repeats", 7, c.repeats + 1, c.max_repeats, DUPLICATE, "child.max_repeats_count")


def _side(side: Side) -> str:
    return side.name if isinstance(side, Side) else repr(side)


# In this order; the first refusal is the answer.
RULES: Final[tuple[Rule, ...]] = (
    Rule("kill_latch", 0, False, kill_latch),
    Rule("open_parent", 6, False, open_parent),
    Rule("venue_market", 4, False, venue_market),
    Rule("consolidated_market", 4, False, consolidated_market),
    Rule("message_rate", 8, False, message_rate),
    Rule("increments", 5, True, increments),
    Rule("parent_terms", 6, True, parent_terms),
    Rule("size", 1, True, size),
    Rule("conservation", 6, True, conservation),
    Rule("collar", 3, True, collar),
    Rule("value", 2, True, value),
    Rule("cl_ord_id", 7, True, cl_ord_id),
    Rule("repeats", 7, True, repeats),
)
