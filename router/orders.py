"""Child orders: one state each, moved only along the table below.

The table lists every legal transition; what is not listed cannot happen, and a report that asks for it is
an anomaly that the caller alerts on. UNKNOWN is a state, not an error: an order that may or may not be at
the venue keeps its quantity reserved until the venue proves otherwise (a silence is never a reject).
Pure: no I/O and no clock.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from risk.order import NewOrder


class ChildState(enum.Enum):
    PENDING_NEW = "pending new"
    WORKING = "working"
    PENDING_CANCEL = "pending cancel"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ChildEvent(enum.Enum):
    ACKED = "acked"  # ExecType 0
    TRADED = "traded"  # ExecType F with quantity left
    FILLED = "filled"  # ExecType F, nothing left
    CANCELED = "canceled"  # ExecType 4
    REJECTED = "rejected"  # ExecType 8, or the venue says that it does not know the order
    EXPIRED = "expired"  # ExecType C
    CANCEL_SENT = "cancel sent"  # our OrderCancelRequest has left
    CANCEL_REFUSED = "cancel refused"  # OrderCancelReject
    FOUND_LIVE = "found live"  # a status answer shows it working
    LOST = "lost"  # we cannot know: restart, or no answer in time
    BUSTED = "busted"  # ExecType H: a fill of it is void
    REOPENED = "reopened"  # the venue says that it works what had ended here


_S, _E = ChildState, ChildEvent
LIVE = frozenset({_S.PENDING_NEW, _S.WORKING, _S.PENDING_CANCEL, _S.UNKNOWN})
_ENDINGS = {
    _E.FILLED: _S.FILLED,
    _E.CANCELED: _S.CANCELED,
    _E.REJECTED: _S.REJECTED,
    _E.EXPIRED: _S.EXPIRED,
}
TRANSITIONS: dict[tuple[ChildState, ChildEvent], ChildState] = {
    (_S.PENDING_NEW, _E.ACKED): _S.WORKING,
    (_S.PENDING_NEW, _E.TRADED): _S.WORKING,
    (_S.PENDING_NEW, _E.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.PENDING_NEW, _E.FOUND_LIVE): _S.WORKING,
    (_S.PENDING_NEW, _E.LOST): _S.UNKNOWN,
    (_S.WORKING, _E.TRADED): _S.WORKING,
    (_S.WORKING, _E.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.WORKING, _E.FOUND_LIVE): _S.WORKING,
    (_S.WORKING, _E.LOST): _S.UNKNOWN,
    # An acknowledgement that our cancel overtook, and a second cancel during a kill, change nothing.
    (_S.PENDING_CANCEL, _E.ACKED): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.TRADED): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.CANCEL_REFUSED): _S.WORKING,
    (_S.PENDING_CANCEL, _E.FOUND_LIVE): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _E.LOST): _S.UNKNOWN,
    # Old reports that arrive late do not prove that an unknown order is still live; a status answer does.
    (_S.UNKNOWN, _E.ACKED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.TRADED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.CANCEL_SENT): _S.UNKNOWN,
    (_S.UNKNOWN, _E.CANCEL_REFUSED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.FOUND_LIVE): _S.WORKING,
    (_S.UNKNOWN, _E.LOST): _S.UNKNOWN,
    # A fill that a cancel crossed is real, whatever came first.
    (_S.CANCELED, _E.TRADED): _S.CANCELED,
    (_S.CANCELED, _E.FILLED): _S.FILLED,
    (_S.EXPIRED, _E.TRADED): _S.EXPIRED,
    (_S.EXPIRED, _E.FILLED): _S.FILLED,
    **{(state, event): ending for state in LIVE for event, ending in _ENDINGS.items()},
    # A void fill puts nothing back to work by itself: what was filled whole is over, with less done.
    (_S.FILLED, _E.BUSTED): _S.CANCELED,
    **{(state, _E.BUSTED): state for state in (*LIVE, _S.CANCELED, _S.REJECTED, _S.EXPIRED)},
    **{(state, _E.REOPENED): _S.UNKNOWN for state in (_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED)},
}


@dataclass(slots=True)
class Child:
    """One order at one venue. `px` is its limit in half ticks, None for a midpoint peg.

    OrderQty = CumQty + LeavesQty + `void_lots`: what of it the venue neither has filled nor works.
    """

    order: NewOrder
    cl_ord_id: str
    venue: int
    px: int | None
    sign: int
    leaves: int
    sent_ns: int
    state: ChildState = ChildState.PENDING_NEW
    order_id: str = ""
    cum_lots: int = 0
    notional: int = 0  # sum of price_nanos * lots, exact
    fees_nanos: int = 0
    cancel_ids: list[str] = field(default_factory=list)
    provisional_lots: int = 0  # filled, the venue says, but no fill explains it yet: stays reserved
    void_lots: int = 0  # busted and not back in the book, or restated away; below 0: restated up

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


@dataclass(slots=True)
class Fill:
    """What stands of a trade: `lots` is 0 once it is busted."""

    lots: int
    price_nanos: int
    fee_nanos: int


EXEC_IDS_KEPT = 1_000_000


class IllegalTransition(Exception):  # noqa: N818 - an anomaly of the venue's, told to a person
    """The venue reported something that the table does not allow; the order keeps its state."""

    def __init__(self, child: Child, event: ChildEvent) -> None:
        super().__init__(f"order {child.cl_ord_id} is {child.state.value}: '{event.value}' is not possible")


class OrderTable:
    """All children, by ClOrdID and by parent; the working ones by price. One writer: the engine."""

    def __init__(self, retained_terminal: int = 100_000) -> None:
        self._children: dict[str, Child] = {}
        self._by_cancel: dict[str, Child] = {}
        self._by_parent: dict[str, dict[str, Child]] = {}
        self._by_price: dict[tuple[int, int], SortedDict] = {}
        self._terminal: dict[str, None] = {}
        self._retained = retained_terminal
        self._exec_ids: dict[tuple[int, str, str], Fill] = {}  # of what was applied, oldest first
        self._by_order_id: dict[tuple[int, str], Child] = {}

    def __len__(self) -> int:
        return len(self._children)

    def add(self, child: Child) -> None:
        if child.cl_ord_id in self._children:
            raise ValueError(f"ClOrdID {child.cl_ord_id} is used twice")  # invariant 8: ours, never a peer's
        self._children[child.cl_ord_id] = child
        if child.order_id:
            self._by_order_id[child.venue, child.order_id] = child
        self._index(child)

    def _index(self, child: Child) -> None:
        """Into the live views."""
        self._by_parent.setdefault(child.order.parent_id, {})[child.cl_ord_id] = child
        if child.px is not None:
            side = (child.venue, child.sign)
            levels = self._by_price.get(side)
            if levels is None:  # setdefault would make a SortedDict for every order
                levels = self._by_price[side] = SortedDict()
            level = levels.get(child.px)
            if level is None:
                level = levels[child.px] = {}
            level[child.cl_ord_id] = child

    def find(self, cl_ord_id: str) -> Child | None:
        """The child that an order's or a cancel's ClOrdID names."""
        return self._children.get(cl_ord_id) or self._by_cancel.get(cl_ord_id)

    def find_named(self, venue: int, order_id: str) -> Child | None:
        """The child that a venue's OrderID(37) names."""
        return self._by_order_id.get((venue, order_id))

    def name(self, child: Child, order_id: str) -> None:
        """The venue calls it so."""
        if child.order_id != order_id:
            self._by_order_id.pop((child.venue, child.order_id), None)
            child.order_id = order_id
            self._by_order_id[child.venue, order_id] = child

    def knows(self, child: Child, exec_id: str) -> bool:
        """Whether what the venue calls so has been applied."""
        return (child.venue, exec_id, child.cl_ord_id) in self._exec_ids

    def fill(self, child: Child, exec_id: str) -> Fill | None:
        """What stands of the fill that the venue calls so; None if nothing of that name was applied."""
        return self._exec_ids.get((child.venue, exec_id, child.cl_ord_id))

    def cancel_sent(self, child: Child, cancel_id: str) -> None:
        child.cancel_ids.append(cancel_id)
        self._by_cancel[cancel_id] = child
        self.move(child, ChildEvent.CANCEL_SENT)

    def live(self, parent_id: str | None = None) -> list[Child]:
        """Live children, of one parent or of all, oldest first."""
        if parent_id is not None:
            return list(self._by_parent.get(parent_id, {}).values())
        return [child for children in self._by_parent.values() for child in children.values()]

    def at_price(self, venue: int, sign: int) -> Iterator[tuple[int, list[Child]]]:
        """Live limit children at a venue and side, by ascending price (half ticks)."""
        for px, children in self._by_price.get((venue, sign), {}).items():
            yield px, list(children.values())

    def move(self, child: Child, event: ChildEvent) -> None:
        """Raises IllegalTransition, and leaves the child as it is, if the table has no such move."""
        target = TRANSITIONS.get((child.state, event))
        if target is None:
            raise IllegalTransition(child, event)
        was_live = child.is_live
        child.state = target
        if was_live and target not in LIVE:
            self._retire(child)
        elif target in LIVE and not was_live:
            self._terminal.pop(child.cl_ord_id, None)
            self._index(child)

    def trade(self, child: Child, exec_id: str, lots: int, price_nanos: int, fee_nanos: int) -> bool:
        """Applies a fill once per venue, order and ExecID; False if it was applied before. Moves the state.

        A venue may begin its ExecIDs again each day: the order is then another one.
        """
        if not self._keep(child, exec_id, Fill(lots, price_nanos, fee_nanos)):
            return False
        child.cum_lots += lots
        child.notional += lots * price_nanos
        child.fees_nanos += fee_nanos
        child.leaves = max(0, child.order.qty_lots - child.void_lots - child.cum_lots)
        self.move(child, ChildEvent.FILLED if child.leaves == 0 else ChildEvent.TRADED)
        return True

    def bust(self, child: Child, exec_id: str, ref_id: str, leaves: int) -> int | None:
        """The fill `ref_id` is void: how many lots it was, 0 if that was said before, None if not known.

        `leaves` is what the venue still works of the order.
        """
        fill = self.fill(child, ref_id)
        if fill is None:
            return None
        self._keep(child, exec_id, Fill(0, 0, 0))
        if not fill.lots:
            return 0  # a fill is void once, by whatever name that is said
        lots = fill.lots
        self._adjust(child, fill, Fill(0, fill.price_nanos, 0), leaves)
        self.move(child, ChildEvent.BUSTED)
        return lots

    def void(self, child: Child, exec_id: str) -> None:
        """A fill that has not come is void already: it counts for nothing if it comes."""
        self._keep(child, exec_id, Fill(0, 0, 0))

    def correct(self, child: Child, exec_id: str, ref_id: str, now: Fill, leaves: int) -> int | None:
        """The fill `ref_id` was really `now`, and may be called `exec_id` from here on: how many lots it has
        grown by. None if there is nothing of that name, or that was said before.
        """
        fill = self._exec_ids.get((child.venue, ref_id, child.cl_ord_id))
        if fill is None or not fill.lots or not self._keep(child, exec_id, fill):
            return None
        grown = now.lots - fill.lots
        self._adjust(child, fill, now, leaves)
        return grown

    def restate(self, child: Child, leaves: int) -> None:
        """The venue works so much of it, where we thought otherwise."""
        child.leaves = leaves if child.is_live else 0
        child.void_lots = child.order.qty_lots - child.cum_lots - child.leaves

    def reopen(self, child: Child, leaves: int) -> None:
        """What had ended is, as it seems, still at the venue: reserved again, and in doubt."""
        self.move(child, ChildEvent.REOPENED)
        self.restate(child, leaves)

    def reprice(self, child: Child, px: int) -> None:
        """The venue has put it at another price (half ticks)."""
        self._unindex(child)
        child.px = px
        self._index(child)

    def _keep(self, child: Child, exec_id: str, fill: Fill) -> bool:
        key = (child.venue, exec_id, child.cl_ord_id)
        if key in self._exec_ids:
            return False
        self._exec_ids[key] = fill
        if len(self._exec_ids) > EXEC_IDS_KEPT:
            del self._exec_ids[next(iter(self._exec_ids))]
        return True

    def _adjust(self, child: Child, fill: Fill, now: Fill, leaves: int) -> None:
        child.cum_lots += now.lots - fill.lots
        child.notional += now.lots * now.price_nanos - fill.lots * fill.price_nanos
        child.fees_nanos += now.fee_nanos - fill.fee_nanos
        fill.lots, fill.price_nanos, fill.fee_nanos = now.lots, now.price_nanos, now.fee_nanos
        self.restate(child, leaves)

    def _retire(self, child: Child) -> None:
        """A terminal child leaves the live views; the oldest terminal ones are forgotten at the bound."""
        self._unindex(child)
        self._terminal[child.cl_ord_id] = None
        if len(self._terminal) > self._retained:
            oldest = next(iter(self._terminal))
            del self._terminal[oldest]
            forgotten = self._children.pop(oldest)
            self._by_order_id.pop((forgotten.venue, forgotten.order_id), None)
            for cancel_id in forgotten.cancel_ids:
                self._by_cancel.pop(cancel_id, None)

    def _unindex(self, child: Child) -> None:
        """Out of the live views."""
        parent_id = child.order.parent_id
        siblings = self._by_parent[parent_id]
        del siblings[child.cl_ord_id]
        if not siblings:
            del self._by_parent[parent_id]
        if child.px is not None:
            levels = self._by_price[child.venue, child.sign]
            del levels[child.px][child.cl_ord_id]
            if not levels[child.px]:
                del levels[child.px]
