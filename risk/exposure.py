"""Risk's own ledger of what each parent has filled and reserved, independent of the router's order table.

A pass reserves the child's whole quantity at once. A fill moves it from reserved to filled; `closed` frees
the rest. Working, in flight and unknown orders are all simply not closed: silence never frees anything.
Terminal orders and parents are remembered for late fills, up to a bound, the oldest forgotten first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from risk.order import NewOrder, Parent, Side

CLOSED_ORDERS_KEPT: Final = 65_536
CLOSED_PARENTS_KEPT: Final = 4_096


class UnknownOrder(LookupError):  # noqa: N818  (the word of controls.md)
    """A fill or close of an order that was neither passed nor adopted here, or was forgotten since."""


class ParentLine:
    """One parent: what was asked, filled and reserved (lots). `limit_nanos` None: no limit.

    `share_lots`: the largest child by the share of the parent, set by the gate when it is taken in or
    amended; `amendments`: how often it was.
    """

    __slots__ = (
        "account",
        "amendments",
        "closed",
        "filled_lots",
        "limit_nanos",
        "parent_id",
        "qty_lots",
        "reserved_lots",
        "share_lots",
        "side",
        "symbol",
    )

    def __init__(
        self, parent_id: str, symbol: str, account: str, side: Side, qty_lots: int, limit_nanos: int | None
    ) -> None:
        self.parent_id = parent_id
        self.symbol = symbol
        self.account = account
        self.side = side
        self.qty_lots = qty_lots
        self.limit_nanos = limit_nanos
        self.filled_lots = 0
        self.reserved_lots = 0
        self.share_lots = 0
        self.amendments = 0
        self.closed = False


def no_parent(parent_id: str) -> ParentLine:
    """Stands for a parent that is not known: closed, and of quantity 0."""
    line = ParentLine(parent_id, "", "", Side.BUY, 0, None)
    line.closed = True
    return line


class OrderLine:
    """One child: its quantity, what was filled, and whether it still reserves the rest."""

    __slots__ = ("filled_lots", "open", "parent", "qty_lots")

    def __init__(self, parent: ParentLine, qty_lots: int) -> None:
        self.parent = parent
        self.qty_lots = qty_lots
        self.filled_lots = 0
        self.open = True


class Exposure:
    """The ledger. For every parent: reserved = sum over its open orders of max(0, quantity - filled)."""

    __slots__ = ("_closed_orders", "_closed_parents", "_orders", "open_parents", "parents")

    def __init__(self) -> None:
        self.parents: dict[str, ParentLine] = {}
        self.open_parents = 0
        self._orders: dict[str, OrderLine] = {}
        self._closed_orders: deque[str] = deque()
        self._closed_parents: deque[str] = deque()

    @property
    def orders(self) -> Mapping[str, OrderLine]:
        """Every order held, by ClOrdID."""
        return self._orders

    def knows(self, cl_ord_id: str) -> bool:
        """Whether this order is in the ledger, open or closed, so that a fill of it needs no adoption."""
        return cl_ord_id in self._orders

    def take_in(self, parent: Parent) -> ParentLine:
        """Register a parent; a known id keeps its line."""
        line = self.parents.get(parent.parent_id)
        if line is None:
            line = ParentLine(
                parent.parent_id,
                parent.symbol,
                parent.account,
                parent.side,
                int(parent.qty_lots),
                parent.limit_nanos,
            )
            self.parents[parent.parent_id] = line
            self.open_parents += 1
        return line

    def reserve(self, cl_ord_id: str, parent: ParentLine, qty_lots: int) -> None:
        """A child passed: its whole quantity is reserved."""
        self._orders[cl_ord_id] = OrderLine(parent, qty_lots)
        parent.reserved_lots += qty_lots

    def adopt(self, order: NewOrder, filled_lots: int) -> None:
        """An order that may already be at a venue. An unknown parent gets quantity 0, so nothing follows.

        Adopting a known order again only raises what is filled.
        """
        line = self._orders.get(order.cl_ord_id)
        if line is None:
            parent = self.parents.get(order.parent_id)
            if parent is None:
                parent = ParentLine(order.parent_id, order.symbol, order.account, order.side, 0, None)
                self.parents[order.parent_id] = parent
                self.open_parents += 1
                self.close_parent(order.parent_id)
            self.reserve(order.cl_ord_id, parent, int(order.qty_lots))
            line = self._orders[order.cl_ord_id]
        more = int(filled_lots) - line.filled_lots
        if more > 0:
            self.fill(order.cl_ord_id, more)

    def fill(self, cl_ord_id: str, qty_lots: int) -> None:
        """A fill, late ones too. More than the order's quantity counts as filled, but frees no more."""
        qty_lots = int(qty_lots)
        if qty_lots <= 0:
            raise ValueError(f"fill of {cl_ord_id}: {qty_lots} lots is not positive")
        line = self._line(cl_ord_id)
        if line.open:
            left = line.qty_lots - line.filled_lots
            if left > 0:
                line.parent.reserved_lots -= min(left, qty_lots)
        line.filled_lots += qty_lots
        line.parent.filled_lots += qty_lots

    def bust(self, cl_ord_id: str, qty_lots: int, leaves_lots: int) -> None:
        """A fill was busted: it is no fill any more. `leaves_lots`: what the venue still works of the order,
        which is what stays reserved: most venues put nothing of a busted fill back into their book.
        """
        line = self._line(cl_ord_id)
        qty_lots = int(qty_lots)
        if not 0 < qty_lots <= line.filled_lots:
            raise ValueError(f"bust of {qty_lots} lots of {cl_ord_id}, which has filled {line.filled_lots}")
        reserved = max(0, line.qty_lots - line.filled_lots)
        line.filled_lots -= qty_lots
        line.parent.filled_lots -= qty_lots
        line.qty_lots = line.filled_lots + int(leaves_lots)
        if line.open:
            line.parent.reserved_lots += int(leaves_lots) - reserved

    def restate(self, cl_ord_id: str, leaves_lots: int) -> None:
        """The venue says that it works so much of the order, where we thought otherwise."""
        line = self._line(cl_ord_id)
        reserved = max(0, line.qty_lots - line.filled_lots)
        line.qty_lots = line.filled_lots + int(leaves_lots)
        if line.open:
            line.parent.reserved_lots += int(leaves_lots) - reserved

    def recall(self, order: NewOrder, filled_lots: int) -> None:
        """An order that ended before a restart: closed, and the parent's line holds its fills already."""
        self.adopt(order, 0)
        line = self._line(order.cl_ord_id)
        self.close(order.cl_ord_id)
        line.filled_lots = int(filled_lots)

    def reopen(self, cl_ord_id: str, leaves_lots: int) -> None:
        """What had ended is at its venue after all: so much of it is reserved again."""
        line = self._line(cl_ord_id)
        if not line.open:
            line.open = True
            line.qty_lots = line.filled_lots
            self._closed_orders.remove(cl_ord_id)
        self.restate(cl_ord_id, leaves_lots)

    def close(self, cl_ord_id: str) -> None:
        """The venue has nothing of this order any more; what it did not fill is free again. Twice is once."""
        line = self._line(cl_ord_id)
        if not line.open:
            return
        line.open = False
        line.parent.reserved_lots -= max(0, line.qty_lots - line.filled_lots)
        self._closed_orders.append(cl_ord_id)
        if len(self._closed_orders) > CLOSED_ORDERS_KEPT:
            del self._orders[self._closed_orders.popleft()]

    def close_parent(self, parent_id: str) -> None:
        """No child of it passes any more; its open orders keep their reservation. Twice is once."""
        line = self.parents.get(parent_id)
        if line is None or line.closed:
            return
        line.closed = True
        self.open_parents -= 1
        self._closed_parents.append(parent_id)
        if len(self._closed_parents) > CLOSED_PARENTS_KEPT:
            del self.parents[self._closed_parents.popleft()]

    def _line(self, cl_ord_id: str) -> OrderLine:
        line = self._orders.get(cl_ord_id)
        if line is None:
            raise UnknownOrder(f"ClOrdID(11) {cl_ord_id} is not in the exposure ledger: adopt it first")
        return line
