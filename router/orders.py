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
}


@dataclass(slots=True)
class Child:
    """One order at one venue. `px` is its limit in half ticks, None for a midpoint peg."""

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

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


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
        self._exec_ids: dict[tuple[int, str, str], None] = {}  # of fills applied, oldest first

    def __len__(self) -> int:
        return len(self._children)

    def add(self, child: Child) -> None:
        if child.cl_ord_id in self._children:
            raise ValueError(f"ClOrdID {child.cl_ord_id} is used twice")  # invariant 8: ours, never a peer's
        self._children[child.cl_ord_id] = child
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

    def trade(self, child: Child, exec_id: str, lots: int, price_nanos: int, fee_nanos: int) -> bool:
        """Applies a fill once per venue, order and ExecID; False if it was applied before. Moves the state.

        A venue may begin its ExecIDs again each day: the order is then another one.
        """
        key = (child.venue, exec_id, child.cl_ord_id)
        if key in self._exec_ids:
            return False
        self._exec_ids[key] = None
        if len(self._exec_ids) > EXEC_IDS_KEPT:
            del self._exec_ids[next(iter(self._exec_ids))]
        child.cum_lots += lots
        child.notional += lots * price_nanos
        child.fees_nanos += fee_nanos
        child.leaves = max(0, child.order.qty_lots - child.cum_lots)
        self.move(child, ChildEvent.FILLED if child.leaves == 0 else ChildEvent.TRADED)
        return True

    def _retire(self, child: Child) -> None:
        """A terminal child leaves the live views; the oldest terminal ones are forgotten at the bound."""
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
        self._terminal[child.cl_ord_id] = None
        if len(self._terminal) > self._retained:
            oldest = next(iter(self._terminal))
            del self._terminal[oldest]
            for cancel_id in self._children.pop(oldest).cancel_ids:
                self._by_cancel.pop(cancel_id, None)
