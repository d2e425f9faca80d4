"""The one door: only what passes here becomes an Approved, and only an Approved can be encoded for a venue.

`check` judges a child by the table in checks.py and, on a pass, reserves its quantity at once. Hot: one flat
context, no allocation but the Approved and its ledger line. There is no bypass and no override. Not for
threads: the engine is the single writer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Never, TypeVar, final

from risk.admission import PARENT_RULES, Arrival, unknown_symbol
from risk.checks import RULES, unknown_parent
from risk.context import MS_NS, S_NS, Context
from risk.envelope import Envelope, measure
from risk.errors import SettingsError
from risk.exposure import Exposure, ParentLine, UnknownOrder
from risk.instrument import Instrument
from risk.kill import KillSwitch
from risk.limits import Limits
from risk.market import Market
from risk.order import Cancel, NewOrder, Parent, Side
from risk.refusal import Refusal
from risk.windows import NEVER_NS, RateWindow, RepeatWindow

__all__ = ["Approved", "Envelope", "Gate", "Refusal", "UnknownOrder"]

T = TypeVar("T")

DESK_IDS_KEPT: Final = 65_536


@final
@dataclass(frozen=True, slots=True, init=False, eq=False)
class Approved(Generic[T]):
    """Proof of a pass: the order, the limits it passed, when, and the how-manyth pass. Made by Gate alone.

    It cannot be constructed, subclassed, copied or pickled; a test reads the sources for other ways.
    """

    order: T
    limits_hash: str
    approved_ns: int
    number: int

    def __init__(self, only_the_gate_makes_these: Never) -> None:
        raise TypeError("an Approved is made by risk.gate.Gate alone")

    def __init_subclass__(cls) -> None:
        raise TypeError("an Approved cannot be subclassed")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("an Approved cannot be copied or pickled")

    def __setstate__(self, state: object) -> Never:
        raise TypeError("an Approved cannot be restored")


_new: Final = object.__new__
_set_order, _set_hash, _set_ns, _set_number = (
    Approved.__dict__[name].__set__ for name in ("order", "limits_hash", "approved_ns", "number")
)
_ALL_CHECKS: Final = tuple(rule.check for rule in RULES)
_MOMENT_CHECKS: Final = tuple(rule.check for rule in RULES if not rule.of_order)


class Gate:
    """Limits, latches and the ledger, in front of everything that leaves.

    `prefix` begins every ClOrdID of ours; what follows it is a rising counter in base 36 or decimal digits.
    SettingsError when an instrument has no limits, or limits no instrument.
    """

    def __init__(self, limits: Limits, instruments: Mapping[str, Instrument], prefix: str) -> None:
        for symbol in sorted(instruments.keys() ^ limits.symbols.keys()):
            missing = "instrument" if symbol in limits.symbols else "limits: symbols." + symbol
            raise SettingsError(f"{symbol} has no {missing} (every symbol needs both)")
        self.limits: Final = limits
        self.limits_hash: Final = limits.digest
        self.kill: Final = KillSwitch()
        self.exposure: Final = Exposure()
        self._prefix = prefix
        self._prefix_length = len(prefix)
        self._instruments = dict(instruments)
        self._contexts = {symbol: Context(one, limits) for symbol, one in instruments.items()}
        self._cancel_rates: dict[tuple[str, str], RateWindow] = {}
        self._parent_repeats = RepeatWindow(limits.parent.repeat_period_ms * MS_NS)
        self._desk_ids: set[tuple[str, str]] = set()
        self._desk_ids_order: deque[tuple[str, str]] = deque()
        self._last_counter = -1
        self._passes = 0

    # --- parents

    def admit(self, parent: Parent, market: Market | None, now_ns: int) -> Refusal | None:
        """Judge a parent by its own limits; None registers it. Nothing is registered on a refusal."""
        instrument = self._instruments.get(parent.symbol)
        if instrument is None:
            return unknown_symbol(parent.symbol)
        like = _likeness(parent)
        arrival = Arrival(
            parent, instrument, self.limits, market, now_ns,
            self.kill.blocks("", parent.symbol, parent.parent_id), self.exposure,
            self._parent_repeats.count(like, now_ns), (parent.account, parent.cl_ord_id) in self._desk_ids,
        )
        for rule in PARENT_RULES:
            refusal = rule(arrival)
            if refusal is not None:
                return refusal
        self._parent_repeats.push(like, now_ns)
        self._register(parent)
        return None

    def adopt_parent(self, parent: Parent, filled_lots: int = 0) -> None:
        """Recovery: register a parent that was taken in before, with no check; `filled_lots` already done.

        Its orders are adopted after it; their own fills then come on top of `filled_lots`.
        """
        if parent.parent_id not in self.exposure.parents:
            self._register(parent).filled_lots = int(filled_lots)

    def _register(self, parent: Parent) -> ParentLine:
        desk_id = (parent.account, parent.cl_ord_id)
        if desk_id not in self._desk_ids:
            self._desk_ids.add(desk_id)
            self._desk_ids_order.append(desk_id)
            if len(self._desk_ids_order) > DESK_IDS_KEPT:
                self._desk_ids.discard(self._desk_ids_order.popleft())
        return self.exposure.take_in(parent)

    def parent_closed(self, parent_id: str) -> None:
        """No further child of it passes."""
        self.exposure.close_parent(parent_id)

    # --- children

    def check(self, order: NewOrder, market: Market, now_ns: int) -> Approved[NewOrder] | Refusal:
        """Judge a child; a pass reserves its quantity, and counts it for rates and repeats, at once."""
        c = self._contexts.get(order.symbol)
        if c is None:
            return unknown_symbol(order.symbol)
        self._set(c, order.parent_id, order.venue, market, now_ns)
        c.order = order
        c.counter = counter = self._counter_of(order.cl_ord_id)
        c.last_counter = self._last_counter
        key = (order.side, order.qty_lots, order.price_nanos)
        c.repeats = c.repeat_window.count(key, now_ns)
        for check in _ALL_CHECKS:
            refusal = check(c)
            if refusal is not None:
                return refusal
        parent = c.parent
        assert parent is not None
        self._last_counter = counter
        c.repeat_window.push(key, now_ns)
        rate = c.new_rates.get(order.venue)
        if rate is None:
            rate = c.new_rates[order.venue] = RateWindow(self.limits.child.max_new_orders_per_s, S_NS)
        rate.push(now_ns)
        self.exposure.reserve(order.cl_ord_id, parent, order.qty_lots)
        return self._approve(order, now_ns)

    def envelope(self, parent_id: str, venue: str, market: Market, now_ns: int) -> Envelope:
        """What would pass now for a child of this parent at this venue; `market` is its symbol's."""
        parent = self.exposure.parents.get(parent_id)
        symbol = parent.symbol if parent is not None else ""
        c = self._contexts.get(symbol)
        if c is None or parent is None:
            return Envelope(unknown_symbol(symbol) if parent is not None else unknown_parent(parent_id))
        self._set(c, parent_id, venue, market, now_ns)
        for check in _MOMENT_CHECKS:
            refusal = check(c)
            if refusal is not None:
                return Envelope(refusal)
        return measure(c, parent)

    def duplicate_blocked(
        self, symbol: str, side: Side, qty_lots: int, price_nanos: int | None, now_ns: int
    ) -> bool:
        """Whether the same symbol, side, quantity and price has come too often (control 7), for the mask."""
        c = self._contexts.get(symbol)
        return c is None or c.repeat_window.count((side, qty_lots, price_nanos), now_ns) >= c.max_repeats

    def _set(self, c: Context, parent_id: str, venue: str, market: Market, now_ns: int) -> None:
        """Fill in the moment: everything of a context but the order."""
        c.now_ns = now_ns
        c.market = market
        c.venue_name = venue
        c.venue = market.venues.get(venue)
        c.parent_id = parent_id
        c.parent = self.exposure.parents.get(parent_id)
        c.latch = self.kill.blocks(venue, c.instrument.symbol, parent_id)
        rate = c.new_rates.get(venue)
        c.rate_oldest_ns = NEVER_NS if rate is None else rate.oldest_ns
        bid, ask = market.bid_nanos, market.ask_nanos
        if 0 < bid <= ask:
            c.rolling.observe(bid, ask, now_ns)

    def _counter_of(self, cl_ord_id: str) -> int:
        """The counter in one of our ClOrdIDs, -1 when it is none."""
        if not cl_ord_id.startswith(self._prefix):
            return -1
        try:
            return int(cl_ord_id[self._prefix_length:], 36)
        except ValueError:
            return -1

    def _approve(self, order: T, now_ns: int) -> Approved[T]:
        self._passes = number = self._passes + 1
        made: Any = _new(Approved)
        _set_order(made, order)
        _set_hash(made, self.limits_hash)
        _set_ns(made, now_ns)
        _set_number(made, number)
        approved: Approved[T] = made
        return approved

    # --- cancels

    def check_cancel(self, cancel: Cancel, now_ns: int, *, kill: bool = False) -> Approved[Cancel] | int:
        """Never refused: passes, or says the time (ns) before which its own budget has no room.

        A kill ignores the budget, but is counted in it.
        """
        place = (cancel.venue, cancel.symbol)
        rate = self._cancel_rates.get(place)
        if rate is None:
            rate = self._cancel_rates[place] = RateWindow(self.limits.child.max_cancels_per_s, S_NS)
        not_before_ns = rate.oldest_ns + rate.period_ns
        if now_ns < not_before_ns and not kill:
            return not_before_ns
        rate.push(now_ns)
        self._raise_counter(cancel.cl_ord_id)
        return self._approve(cancel, now_ns)

    # --- what became of them

    def filled(self, cl_ord_id: str, qty_lots: int) -> None:
        """A fill of one of ours, late ones too; UnknownOrder when it must be adopted first."""
        self.exposure.fill(cl_ord_id, qty_lots)

    def closed(self, cl_ord_id: str) -> None:
        """Proved done at the venue: what it did not fill is free again. Never call it on silence."""
        self.exposure.close(cl_ord_id)

    def adopt(self, order: NewOrder, filled_lots: int) -> None:
        """Recovery: reserve an order that may already be at a venue, with no check."""
        self.exposure.adopt(order, filled_lots)
        self._raise_counter(order.cl_ord_id)

    def _raise_counter(self, cl_ord_id: str) -> None:
        counter = self._counter_of(cl_ord_id)
        if counter > self._last_counter:
            self._last_counter = counter


def _likeness(parent: Parent) -> tuple[object, ...]:
    """What makes two parents the same order sent twice."""
    return parent.account, parent.symbol, parent.side, parent.qty_lots, parent.limit_nanos
