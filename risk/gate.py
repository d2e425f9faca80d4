"""The one door: only what passes here becomes an Approved, and only an Approved can be encoded for a venue.

`check` judges a child by the table in checks.py and, on a pass, reserves its quantity at once. Hot: one flat
context, no allocation but the Approved and its ledger line. There is no bypass and no override. Not for
threads: the engine is the single writer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Generic, Never, Self, TypeVar, final

from risk.admission import PARENT_RULES, Arrival, unknown_symbol
from risk.checks import RULES, parent_not_open, parent_share_lots
from risk.context import MS_NS, S_NS, Context
from risk.envelope import Envelope, measure
from risk.errors import SettingsError
from risk.exposure import Exposure, ParentLine, UnknownOrder, no_parent
from risk.instrument import Instrument
from risk.kill import KillSwitch
from risk.limits import Limits
from risk.market import Market
from risk.order import Cancel, NewOrder, Parent, Side
from risk.refusal import EXCEEDS_LIMIT, Refusal
from risk.windows import NEVER_NS, RateWindow, RepeatWindow

__all__ = ["Approved", "Envelope", "Gate", "Refusal", "UnknownOrder"]

T = TypeVar("T")

DESK_IDS_KEPT: Final = 65_536


@final
class Approved(tuple[Any, ...], Generic[T]):
    """Proof of a pass: the order, the limits it passed, when, and the how-manyth pass. Made by Gate alone.

    It cannot be constructed, changed, subclassed, copied or pickled; a test reads the sources for other ways.
    (A tuple beneath, because that is the quickest thing in Python that cannot be changed.)
    """

    __slots__ = ()

    def __new__(cls, only_the_gate_makes_these: Never) -> Self:
        raise TypeError("an Approved is made by risk.gate.Gate alone")

    def __init_subclass__(cls) -> None:
        raise TypeError("an Approved cannot be subclassed")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("an Approved cannot be copied or pickled")

    @property
    def order(self) -> T:
        order: T = self[0]
        return order

    @property
    def limits_hash(self) -> str:
        limits_hash: str = self[1]
        return limits_hash

    @property
    def approved_ns(self) -> int:
        approved_ns: int = self[2]
        return approved_ns

    @property
    def number(self) -> int:
        number: int = self[3]
        return number


_new: Final[Any] = tuple.__new__
_BUY: Final = Side.BUY
_ALL_CHECKS: Final = tuple(rule.check for rule in RULES)
_MOMENT_CHECKS: Final = tuple(rule.check for rule in RULES if not rule.of_order)


class Gate:
    """Limits, latches and the ledger, in front of everything that leaves.

    `prefix` begins every ClOrdID of ours; what follows it is a counter, in decimal digits, that only rises.
    SettingsError when an instrument has no limits, or limits no instrument.
    """

    def __init__(self, limits: Limits, instruments: Mapping[str, Instrument], prefix: str) -> None:
        for symbol in sorted(instruments.keys() ^ limits.symbols.keys()):
            missing = "instrument" if symbol in limits.symbols else "limits: symbols." + symbol
            raise SettingsError(f"{symbol} has no {missing} (every symbol needs both)")
        self.limits: Final = limits
        self.limits_hash: Final = limits.digest
        self.kill = KillSwitch()
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
        refusal = self._judge(parent, market, now_ns, None)
        if refusal is None:
            self._parent_repeats.push(_likeness(parent), now_ns)
            self._register(parent)
        return refusal

    def judge_amendment(self, parent: Parent, market: Market | None, now_ns: int) -> Refusal | None:
        """Whether the parent of this id may become `parent`, judged as the parent that would result, by every
        rule. Nothing changes. KeyError for a parent that is not in the ledger.
        """
        return self._judge(parent, market, now_ns, self.exposure.parents[parent.parent_id])

    def amend(self, parent: Parent, market: Market | None, now_ns: int) -> Refusal | None:
        """The same, and on a pass it is that parent: what works for it must fit already."""
        line = self.exposure.parents[parent.parent_id]
        refusal = self._judge(parent, market, now_ns, line)
        if refusal is not None:
            return refusal
        held = line.filled_lots + line.reserved_lots
        if held > parent.qty_lots:
            return Refusal("parent_conservation", 6, held, parent.qty_lots, EXCEEDS_LIMIT)
        if _likeness(parent) != _likeness(line):
            self._parent_repeats.push(_likeness(parent), now_ns)
        self._use_desk_id(parent)
        line.qty_lots, line.limit_nanos = parent.qty_lots, parent.limit_nanos
        line.share_lots = parent_share_lots(self._contexts[parent.symbol], line.qty_lots)
        line.amendments += 1
        return None

    def _judge(
        self, parent: Parent, market: Market | None, now_ns: int, line: ParentLine | None
    ) -> Refusal | None:
        """`line`: for an amendment, what is amended; what it is like already does not repeat."""
        instrument = self._instruments.get(parent.symbol)
        if instrument is None:
            return unknown_symbol(parent.symbol)
        like = _likeness(parent)
        is_same = line is not None and like == _likeness(line)
        arrival = Arrival(
            parent,
            instrument,
            self.limits,
            market,
            now_ns,
            self.kill.blocks("", parent.symbol, parent.parent_id),
            self.exposure,
            0 if is_same else self._parent_repeats.count(like, now_ns),
            _desk_id(parent) in self._desk_ids,
            line,
        )
        for rule in PARENT_RULES:
            refusal = rule(arrival)
            if refusal is not None:
                return refusal
        return None

    def adopt_parent(self, parent: Parent, filled_lots: int = 0, amendments: int = 0) -> None:
        """Recovery: register a parent that was taken in before, with no check; `filled_lots` already done.

        Its orders are adopted after it; their own fills then come on top of `filled_lots`.
        """
        if parent.parent_id not in self.exposure.parents:
            line = self._register(parent)
            line.filled_lots, line.amendments = int(filled_lots), amendments

    def inherit_desk_ids(self, old: Gate) -> None:
        """Recovery: what desks have named their orders so far stays used."""
        for desk_id in old._desk_ids_order:
            self._keep_desk_id(desk_id)

    def _register(self, parent: Parent) -> ParentLine:
        self._use_desk_id(parent)
        line = self.exposure.take_in(parent)
        c = self._contexts.get(parent.symbol)
        line.share_lots = 0 if c is None else parent_share_lots(c, line.qty_lots)
        return line

    def _use_desk_id(self, parent: Parent) -> None:
        self._keep_desk_id(_desk_id(parent))

    def _keep_desk_id(self, desk_id: tuple[str, str]) -> None:
        if desk_id not in self._desk_ids:
            self._desk_ids.add(desk_id)
            self._desk_ids_order.append(desk_id)
            if len(self._desk_ids_order) > DESK_IDS_KEPT:
                self._desk_ids.discard(self._desk_ids_order.popleft())

    def parent_closed(self, parent_id: str) -> None:
        """No further child of it passes."""
        self.exposure.close_parent(parent_id)

    # --- children

    def check(self, order: NewOrder, market: Market, now_ns: int) -> Approved[NewOrder] | Refusal:
        """Judge a child; a pass reserves its quantity, and counts it for rates and repeats, at once."""
        c = self._contexts.get(order.symbol)
        if c is None:
            return unknown_symbol(order.symbol)
        venue = order.venue
        self._set(c, order.parent_id, venue, market, now_ns)
        c.order = order
        c.counter = counter = self._counter_of(order.cl_ord_id)
        c.last_counter = self._last_counter
        key = (order.side is _BUY, order.qty_lots, order.price_nanos)
        c.repeats = c.repeat_window.count(key, now_ns)
        for check in _ALL_CHECKS:
            refusal = check(c)
            if refusal is not None:
                return refusal
        self._last_counter = counter
        c.repeat_window.push(key, now_ns)
        rate = c.new_rates.get(venue)
        if rate is None:
            rate = c.new_rates[venue] = RateWindow(self.limits.child.max_new_orders_per_s, S_NS)
        rate.push(now_ns)
        self.exposure.reserve(order.cl_ord_id, c.parent, order.qty_lots)
        return self._approve(order, now_ns)

    def envelope(self, parent_id: str, venue: str, market: Market, now_ns: int) -> Envelope:
        """What would pass now for a child of this parent at this venue; `market` is its symbol's."""
        parent = self.exposure.parents.get(parent_id)
        if parent is None:
            return Envelope(parent_not_open(no_parent(parent_id)))
        c = self._contexts.get(parent.symbol)
        if c is None:
            return Envelope(unknown_symbol(parent.symbol))
        self._set(c, parent_id, venue, market, now_ns)
        for check in _MOMENT_CHECKS:
            refusal = check(c)
            if refusal is not None:
                return Envelope(refusal)
        return measure(c)

    def duplicate_blocked(
        self, symbol: str, side: Side, qty_lots: int, price_nanos: int | None, now_ns: int
    ) -> bool:
        """Whether the same symbol, side, quantity and price has come too often (control 7), for the mask."""
        c = self._contexts.get(symbol)
        key = (side is _BUY, qty_lots, price_nanos)
        return c is None or c.repeat_window.count(key, now_ns) >= c.max_repeats

    def _set(self, c: Context, parent_id: str, venue: str, market: Market, now_ns: int) -> None:
        """Fill in the moment: everything of a context but the order."""
        c.now_ns = now_ns
        c.market = market
        c.venue_name = venue
        c.venue = market.venues.get(venue)
        c.parent = self.exposure.parents.get(parent_id) or no_parent(parent_id)
        kill = self.kill
        c.latch = kill.blocks(venue, c.instrument.symbol, parent_id) if kill.count else None
        rate = c.new_rates.get(venue)
        c.rate_free_ns = NEVER_NS if rate is None else rate.free_ns
        bid, ask = market.bid_nanos, market.ask_nanos
        if 0 < bid <= ask:
            c.rolling.observe(bid, ask, now_ns)

    def _counter_of(self, cl_ord_id: str) -> int:
        """The counter in one of our ClOrdIDs, -1 when it is none."""
        at = self._prefix_length
        if cl_ord_id[:at] != self._prefix:
            return -1
        try:
            return int(cl_ord_id[at:])
        except ValueError:
            return -1

    def _approve(self, order: T, now_ns: int) -> Approved[T]:
        self._passes = number = self._passes + 1
        approved: Approved[T] = _new(Approved, (order, self.limits_hash, now_ns, number))
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
        if now_ns < rate.free_ns and not kill:
            return rate.free_ns
        rate.push(now_ns)
        self._raise_counter(cancel.cl_ord_id)
        return self._approve(cancel, now_ns)

    # --- what became of them

    def filled(self, cl_ord_id: str, qty_lots: int) -> None:
        """A fill of one of ours, late ones too; UnknownOrder when it must be adopted first."""
        self.exposure.fill(cl_ord_id, qty_lots)

    def busted(self, cl_ord_id: str, qty_lots: int, leaves_lots: int) -> None:
        """A fill of one of ours was taken back; `leaves_lots` is what the venue still works of the order."""
        self.exposure.bust(cl_ord_id, qty_lots, leaves_lots)

    def restated(self, cl_ord_id: str, leaves_lots: int) -> None:
        """The venue works so much of one of ours, which nobody had asked it to change."""
        self.exposure.restate(cl_ord_id, leaves_lots)

    def recall(self, order: NewOrder, filled_lots: int) -> None:
        """One of ours that ended before a restart, and of which there is news after all."""
        self.exposure.recall(order, filled_lots)

    def reopened(self, cl_ord_id: str, leaves_lots: int) -> None:
        """A venue works so much of one of ours that we held for done."""
        self.exposure.reopen(cl_ord_id, leaves_lots)

    def closed(self, cl_ord_id: str) -> None:
        """Proved done at the venue: what it did not fill is free again. Never call it on silence."""
        self.exposure.close(cl_ord_id)

    def adopt(self, order: NewOrder, filled_lots: int) -> None:
        """Recovery: reserve an order that may already be at a venue, with no check. One of no parent was
        adopted as a venue named it: such a number does not move our counter.
        """
        self.exposure.adopt(order, filled_lots)
        if order.parent_id:
            self._raise_counter(order.cl_ord_id)

    def _raise_counter(self, cl_ord_id: str) -> None:
        counter = self._counter_of(cl_ord_id)
        if counter > self._last_counter:
            self._last_counter = counter


def _likeness(parent: Parent | ParentLine) -> tuple[object, ...]:
    """What makes two parents the same order sent twice."""
    return parent.account, parent.symbol, parent.side, parent.qty_lots, parent.limit_nanos


def _desk_id(parent: Parent) -> tuple[str, str]:
    """A ClOrdID is one desk's own; without a desk it is the account's."""
    return parent.desk or parent.account, parent.cl_ord_id
