"""Reports of orders that we do not know: ours by the ClOrdID's prefix, or anybody else's.

Ours is adopted and cancelled. A fill of anybody else's is answered by DontKnowTrade(Q); nothing else of it is
touched, and each is told to a person.
"""

from __future__ import annotations

from risk.order import NewOrder, OrdType, Side, TimeInForce
from router.core import Core, Port
from router.execution.children import Children
from router.fix import tags
from router.fix.messages import DKReason, DontKnowTrade, ExecType, ExecutionReport, OrdStatus
from router.orders import Child
from router.outbox import Outgoing


class Strangers:
    def __init__(self, core: Core, children: Children) -> None:
        self._core = core
        self._children = children

    def reported(self, port: Port, report: ExecutionReport) -> Child | None:
        """The child that it is from now on, None where it is none of ours or over."""
        core = self._core
        name = report.cl_ord_id or report.order_id
        if not report.cl_ord_id.startswith(core.config.prefix):
            core.alert(f"{port.session.name} reports {name}, not ours: not touched")
            self._dont_know(port, report, DKReason.NO_MATCHING_ORDER, "not an order of ours")
            return None
        core.alert(f"{port.session.name} reports {name}, ours by its prefix but not known: adopted")
        is_live = report.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
        if not is_live and report.exec_type is not ExecType.TRADE:
            return None
        child = self.adopt(port, report, is_live=is_live)
        if not is_live:
            self._children.lose(child)  # what it did before this fill is not known either
        return child

    def adopt(self, port: Port, report: ExecutionReport, *, is_live: bool) -> Child:
        core = self._core
        order = NewOrder(
            cl_ord_id=report.cl_ord_id,
            parent_id="",
            venue=next(v.name for v in core.config.venues if v.slot == port.venue),
            symbol=report.symbol,
            account=report.account,
            side=Side(report.side),
            ord_type=OrdType.LIMIT,
            tif=TimeInForce.DAY,
            qty_lots=report.qty_lots or report.leaves_lots + report.cum_lots or report.last_qty_lots,
            price_nanos=None,
        )
        child = Child(order, report.cl_ord_id, port.venue, None, order.side.sign, order.qty_lots, core.now_ns)
        core.orders.add(child)
        self._children.listener.forgotten(order)
        core.gate.exposure.adopt(order, 0)  # not by Gate.adopt: a stranger's number must not move our counter
        if is_live:
            self._children.cancel(child, kill=True)
        return child

    def mistaken(self, port: Port, report: ExecutionReport, child: Child) -> bool:
        """It names one of our orders, and says of it what that order is not: told, and a fill answered."""
        if not self.differs(port, report, child):
            return False
        reason = DKReason.WRONG_SIDE if report.side != child.order.side else DKReason.OTHER
        self._dont_know(port, report, reason, f"{child.cl_ord_id} is another order")
        return True

    def differs(self, port: Port, report: ExecutionReport, child: Child) -> bool:
        """The same, and only told."""
        order = child.order
        if child.venue == port.venue and report.symbol == order.symbol and report.side == order.side:
            return False
        self._core.alert(
            f"{port.session.name} reports {report.cl_ord_id} as Side(54) {report.side} of "
            f"{report.symbol}; it is {order.side} of {order.symbol} at {order.venue}: not touched"
        )
        return True

    def _dont_know(self, port: Port, report: ExecutionReport, reason: DKReason, text: str) -> None:
        """Only what says that somebody owes money is answered."""
        if report.exec_type is not ExecType.TRADE or not report.order_id:
            return
        said = DontKnowTrade(
            order_id=report.order_id,
            exec_id=report.exec_id,
            reason=reason,
            symbol=report.symbol,
            side=report.side,
            qty_lots=report.qty_lots,
            last_qty_lots=report.last_qty_lots,
            last_px_nanos=report.last_px_nanos,
            text=text,
        )
        lots_per_unit = self._core.instruments[report.symbol].lots_per_unit
        body = said.body(lots_per_unit, port.session.config.version)
        self._core.queue_cancel(port, Outgoing(tags.DONT_KNOW_TRADE, body))
