"""What a venue takes back or changes unasked: bust (H), correct (G), restate (D).

FIX 4.4 volume 4, appendix D, examples D30 to D36. The order's quantities become what the venue says; the
parent hears of it, and stays within its quantity. A bust on what is finished trades nothing again by itself:
what the venue then says it still works of it is cancelled. Each is told to a person.
"""

from __future__ import annotations

from router.core import Core
from router.execution.children import Children
from router.fix.messages import ExecutionReport, OrdStatus
from router.orders import Child, ChildEvent, Fill

_OVER = {
    OrdStatus.CANCELED: ChildEvent.CANCELED,
    OrdStatus.EXPIRED: ChildEvent.EXPIRED,
    OrdStatus.REJECTED: ChildEvent.REJECTED,
    OrdStatus.DONE_FOR_DAY: ChildEvent.EXPIRED,
}

_LARGEST_PX = (1 << 62) - 1  # beyond it a price is not even shown to the policy


class Revisions:
    def __init__(self, core: Core, children: Children) -> None:
        self._core = core
        self._children = children

    def busted(self, child: Child, report: ExecutionReport) -> None:
        """A fill is void."""
        core = self._core
        was_cum = child.cum_lots
        lots = core.orders.bust(child, report.exec_id, report.exec_ref_id, report.leaves_lots)
        if lots is None:
            self._unknown_fill(child, report, "busts")
            if report.exec_ref_id:
                core.orders.void(child, report.exec_ref_id)
            return
        if lots == 0:
            return  # said before
        core.alert(
            f"{child.order.venue} busted {lots} lots of {child.cl_ord_id}, fill {report.exec_ref_id}: "
            f"{report.text}"
        )
        self._children.known_to_risk(child, was_cum)
        core.gate.busted(child.cl_ord_id, lots, child.leaves)
        self._children.listener.busted(child, lots, report)
        self._settle(child, report)

    def corrected(self, child: Child, report: ExecutionReport) -> None:
        """A fill was of another quantity, or at another price."""
        core = self._core
        if report.last_qty_lots <= 0 or report.last_px_nanos <= 0:
            self._unknown_fill(child, report, "corrects, to no trade,")
            return
        was_cum = child.cum_lots
        now = Fill(report.last_qty_lots, report.last_px_nanos, report.commission_nanos)
        said = core.orders.fill(child, report.exec_id)
        if said is not None and report.exec_id != report.exec_ref_id:
            if said.lots and (said.lots, said.price_nanos) != (now.lots, now.price_nanos):
                core.alert(
                    f"{child.order.venue} corrects fill {report.exec_ref_id} of {child.cl_ord_id} to "
                    f"{now.lots} lots at {now.price_nanos} nanos by ExecID(17) {report.exec_id}, which came "
                    f"before and stands for {said.lots} at {said.price_nanos}: not applied"
                )
            return
        grown = core.orders.correct(child, report.exec_id, report.exec_ref_id, now, report.leaves_lots)
        if grown is None:
            self._unknown_fill(child, report, "corrects")
            return
        core.alert(
            f"{child.order.venue} corrected fill {report.exec_ref_id} of {child.cl_ord_id} to {now.lots} "
            f"lots at {now.price_nanos} nanos: {report.text}"
        )
        self._children.known_to_risk(child, was_cum)
        if grown < 0:
            core.gate.busted(child.cl_ord_id, -grown, child.leaves)
        else:
            if grown:
                core.gate.filled(child.cl_ord_id, grown)
            core.gate.restated(child.cl_ord_id, child.leaves)
        if child.cum_lots > child.order.qty_lots:
            core.alert(f"{child.order.venue} overfilled {child.cl_ord_id}: {child.cum_lots} lots")
        self._children.listener.corrected(child, report)
        self._settle(child, report)

    def restated(self, child: Child, report: ExecutionReport) -> None:
        """The venue works another quantity, or at another price."""
        core = self._core
        if not child.is_live:
            if report.leaves_lots:
                self._reopen(child, report)
            return
        if report.cum_lots > child.cum_lots:
            self._children.reserve_unexplained(child, report.cum_lots - child.cum_lots)
            core.alert(
                f"{child.order.venue} restated {child.cl_ord_id} at CumQty(14) {report.cum_lots} lots, we "
                f"know fills of {child.cum_lots}: asking"
            )
            self._children.lose(child)
            return
        before = child.leaves
        core.orders.restate(child, report.leaves_lots)
        core.gate.restated(child.cl_ord_id, child.leaves)
        core.alert(
            f"{child.order.venue} restated {child.cl_ord_id} from {before} lots left to {child.leaves}: "
            f"{report.text}"
        )
        self._reprice(child, report)
        self._settle(child, report)
        if child.is_live and child.void_lots < 0:
            core.alert(f"{child.cl_ord_id} is larger than we have asked for: cancelling it")
            self._children.cancel(child)

    def _reprice(self, child: Child, report: ExecutionReport) -> None:
        px_nanos, order = report.price_nanos, child.order
        if px_nanos is None or child.px is None:
            return
        instrument = self._core.instruments[order.symbol]
        if px_nanos == instrument.px_to_nanos(child.px):
            return
        self._core.alert(
            f"{order.venue} has put {child.cl_ord_id} at Price(44) {px_nanos} nanos, which we have not asked "
            "for: cancelling it"
        )
        half_tick = instrument.px_to_nanos(1)
        if 0 < px_nanos <= _LARGEST_PX and px_nanos % half_tick == 0:
            self._core.orders.reprice(child, px_nanos // half_tick)
        self._children.cancel(child)

    def _settle(self, child: Child, report: ExecutionReport) -> None:
        """What is left of it: nothing, though it was live; or something, though it was over."""
        if child.is_live and child.leaves == 0:
            self._children.end(child, _OVER.get(report.ord_status, ChildEvent.CANCELED))
        elif not child.is_live and report.leaves_lots and report.ord_status not in _OVER:
            self._reopen(child, report)
        else:
            self._children.listener.changed(child)
        more = report.cum_lots - child.cum_lots
        if more > 0:
            self._core.alert(
                f"{child.order.venue} says CumQty(14) {report.cum_lots} lots of {child.cl_ord_id}, we know "
                f"fills of {child.cum_lots} by now: asking"
            )
            self._children.reserve_unexplained(child, more)
            self._children.lose(child)

    def _reopen(self, child: Child, report: ExecutionReport) -> None:
        core = self._core
        core.alert(
            f"{child.order.venue} works {report.leaves_lots} lots of {child.cl_ord_id}, which was "
            f"{child.state.value}: cancelling it"
        )
        core.orders.reopen(child, report.leaves_lots)
        self._children.known_to_risk(child, child.cum_lots)
        core.gate.reopened(child.cl_ord_id, child.leaves)
        self._children.listener.changed(child)
        self._children.cancel(child, kill=True)

    def _unknown_fill(self, child: Child, report: ExecutionReport, does: str) -> None:
        self._core.alert(
            f"{child.order.venue} {does} fill {report.exec_ref_id or 'unnamed'} of {child.cl_ord_id}, which "
            "is not known: not applied, asking"
        )
        self._children.lose(child)
