"""A desk changes its parent: OrderCancelReplaceRequest(G), answered by 150=5, or by 9 with 434=2.

Risk judges the parent that would result, as it would judge a new one. Children that it leaves no room for,
beyond its limit or its quantity, are cancelled first; while that takes, the desk has a pending replace
(150=E) and the parent sends nothing new. When they have gone, risk judges once more, and from then on the
parent is what was asked for, under its new ClOrdID. Until that moment the old terms hold: a fill that leaves
nothing to change, the end of its time, or a cancel, takes precedence, and the replace is refused.
"""

from __future__ import annotations

from typing import Final

from risk.order import Parent
from router.algo import TermsFault
from router.core import Core, Port
from router.execution import Execution
from router.fix.messages import CxlRejResponseTo, ExecType, OrderCancelReplaceRequest
from router.oms.lives import Lives
from router.oms.names import Names
from router.oms.reports import Reports
from router.oms.terms import instead_of
from router.orders import Child
from router.parent import ParentEvent, ParentState, ParentWork, Replacement
from router.tick import Ticker

# CxlRejReason(102)
TOO_LATE: Final = 0
UNKNOWN_ORDER: Final = 1
BY_BROKER: Final = 2
ALREADY_PENDING: Final = 3
DUPLICATE_ID: Final = 6
_SHUT: Final = "a venue holds an order that may be its: it gets no further child, and can only be cancelled"


class Replaces:
    def __init__(
        self, core: Core, ticker: Ticker, execution: Execution, reports: Reports, names: Names, lives: Lives
    ) -> None:
        self._core = core
        self._ticker = ticker
        self._execution = execution
        self._reports = reports
        self._names = names
        self._lives = lives

    def ask(self, port: Port, request: OrderCancelReplaceRequest) -> None:
        work = self._names.find(port.index, request.orig_cl_ord_id)
        wanted = self._wanted(port, work, request)
        if isinstance(wanted, tuple):
            reason, text = wanted
            self._refuse(port, request.cl_ord_id, request.orig_cl_ord_id, work, reason, text)
            return
        assert work is not None  # or nothing would be wanted
        doomed = self._doomed(work, wanted)
        work.replacement = Replacement(wanted, {child.cl_ord_id for child in doomed})
        self._names.add(work, wanted.cl_ord_id)
        if not doomed:
            self._finish(work, work.replacement)
            return
        work.move(ParentEvent.REPLACE_ASKED)
        self._reports.tell(
            work,
            ExecType.PENDING_REPLACE,
            cl_ord_id=wanted.cl_ord_id,
            orig_cl_ord_id=work.parent.cl_ord_id,
        )
        for child in doomed:
            self._execution.cancel(child)
        self.settle(work)

    def settle(self, work: ParentWork) -> None:
        """Something happened to a parent that is being replaced, or to its children."""
        replacement = work.replacement
        if replacement is None or work.state is ParentState.PENDING:
            return
        filled, wanted = work.filled_lots, replacement.parent.qty_lots
        if work.is_ended or filled > wanted:
            self.abandon(work, f"{filled} lots are filled, {wanted} were wanted")
            return
        doomed = self._doomed(work, replacement.parent)
        more = [child for child in doomed if child.cl_ord_id not in replacement.doomed]
        replacement.doomed.update(child.cl_ord_id for child in more)
        for child in more:
            self._execution.cancel(child)
        if work.replacement is not replacement:
            return  # the last of them had never left, and that was it
        live = self._core.orders.live(work.parent.parent_id)
        if not any(child.cl_ord_id in replacement.doomed for child in live):
            self._finish(work, replacement)

    def abandon(self, work: ParentWork, text: str, reason: int = TOO_LATE) -> None:
        """A replace under way comes to nothing: the parent is what it was."""
        replacement = work.replacement
        if replacement is None:
            return
        work.replacement = None
        cl_ord_id = replacement.parent.cl_ord_id
        self._names.drop(work, cl_ord_id)
        if work.state is ParentState.REPLACING:
            work.move(ParentEvent.REPLACE_OVER)
            self._ticker.renew(work)
        if work.desk >= 0:
            port = self._core.ports[work.desk]
            self._refuse(port, cl_ord_id, work.parent.cl_ord_id, work, reason, text)

    def _wanted(
        self, port: Port, work: ParentWork | None, request: OrderCancelReplaceRequest
    ) -> Parent | tuple[int, str]:
        """The parent that would result, or CxlRejReason(102) and why not."""
        core = self._core
        if work is None:
            return UNKNOWN_ORDER, f"ClOrdID {request.orig_cl_ord_id} is not an order of this session"
        if self._names.find(port.index, request.cl_ord_id) is not None:
            return DUPLICATE_ID, f"ClOrdID(11) {request.cl_ord_id} is in use"
        if work.is_ended:
            return TOO_LATE, f"the order is {work.state.value}"
        if work.state in (ParentState.CANCELING, ParentState.REPLACING):
            return ALREADY_PENDING, f"the order is {work.state.value} already"
        if request.orig_cl_ord_id != work.parent.cl_ord_id:
            return UNKNOWN_ORDER, f"{request.orig_cl_ord_id} was replaced by {work.parent.cl_ord_id}"
        if self._ticker.stopped:
            return BY_BROKER, "the router is stopping"
        if work.is_shut:
            return BY_BROKER, _SHUT
        has_started = work.state is not ParentState.PENDING
        try:
            wanted = instead_of(work.parent, request, has_started=has_started, now_ns=core.now_ns)
        except TermsFault as fault:
            return BY_BROKER, fault.text
        refusal = core.gate.judge_amendment(wanted, core.markets[wanted.symbol].market, core.now_ns)
        if refusal is None:
            return wanted
        return TOO_LATE if work.filled_lots > wanted.qty_lots else BY_BROKER, refusal.text

    def _doomed(self, work: ParentWork, wanted: Parent) -> list[Child]:
        """The live children that `wanted` leaves no room for: beyond its limit, then the newest."""
        live = self._core.orders.live(work.parent.parent_id)
        doomed = [child for child in live if _breaks_limit(child, wanted)]
        over = work.filled_lots + sum(child.leaves for child in live) - wanted.qty_lots
        over -= sum(child.leaves for child in doomed)
        for child in reversed(live):
            if over <= 0:
                break
            if child not in doomed:
                doomed.append(child)
                over -= child.leaves
        return doomed

    def _finish(self, work: ParentWork, replacement: Replacement) -> None:
        """Nothing stands in its way any more but risk, which looks at it as it is now."""
        core, wanted, before = self._core, replacement.parent, work.parent
        if work.is_shut:
            self.abandon(work, _SHUT, BY_BROKER)
            return
        refusal = core.gate.amend(wanted, core.markets[wanted.symbol].market, core.now_ns)
        if refusal is not None:
            self.abandon(work, refusal.text, BY_BROKER)
            return
        work.replacement = None
        work.former_ids.append(before.cl_ord_id)
        work.parent = wanted
        if work.state is ParentState.REPLACING:
            work.move(ParentEvent.REPLACE_OVER)
        if work.left_lots <= 0:
            work.move(ParentEvent.FILLED)
        self._reports.tell(work, ExecType.REPLACED, orig_cl_ord_id=before.cl_ord_id)
        if work.is_ended:
            self._lives.ended(work)
            return
        self._ticker.renew(work)
        self._lives.schedule(work)
        if work.state is ParentState.PENDING and wanted.start_ns <= core.now_ns:
            self._lives.start(work)

    def _refuse(
        self, port: Port, cl_ord_id: str, orig_cl_ord_id: str, work: ParentWork | None, reason: int, text: str
    ) -> None:
        self._core.note("replace refused", cl_ord_id=cl_ord_id, text=text)
        self._reports.cancel_rejected(
            port, cl_ord_id, orig_cl_ord_id, work, CxlRejResponseTo.REPLACE, reason, text
        )


def _breaks_limit(child: Child, wanted: Parent) -> bool:
    """An order that could trade beyond the new limit; without a limit of its own any could."""
    limit, price = wanted.limit_nanos, child.order.price_nanos
    return limit is not None and (price is None or wanted.side.sign * (price - limit) > 0)
