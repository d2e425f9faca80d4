"""What becomes of parents: taken in, started, worked, suspended, filled, busted, withdrawn, expired, over.

One state each (router/parent.py); whatever changes is told to the desk. A parent that is being cancelled, or
has expired, ends when its last child has. What a venue takes back of a fill is taken back here, and told
under the ExecID by which the desk knows the fill: a parent that is over stays over, an open one works on.
"""

from __future__ import annotations

from typing import Final

from risk.kill import Latch
from router.core import Core
from router.execution import Execution
from router.fix.messages import ExecType, ExecutionReport
from router.oms.names import Names
from router.oms.reports import Reports
from router.orders import Child
from router.parent import Fill, ParentEvent, ParentState, ParentWork
from router.tick import Ticker

ENDED_KEPT: Final = 4096
"""Parents that are over and still known by name, so that they can be asked for, and fills and busts that come
late are told. (Risk's ledger keeps as many.)"""
BY_BROKER: Final = 4
"""ExecRestatementReason(378): broker option."""
_UNDER_WAY: Final = frozenset({ParentState.PENDING, ParentState.ACTIVE, ParentState.REPLACING})


class Lives:
    def __init__(
        self, core: Core, ticker: Ticker, execution: Execution, reports: Reports, names: Names
    ) -> None:
        self._core = core
        self._ticker = ticker
        self._execution = execution
        self._reports = reports
        self._names = names

    # Begin.

    def begin(self, work: ParentWork) -> None:
        """A parent that risk has taken in."""
        core = self._core
        core.taken = work.number
        core.parents[work.parent.parent_id] = work
        self._names.add_all(work)
        self._reports.tell(work, ExecType.NEW)
        self.schedule(work)
        if work.parent.start_ns <= core.now_ns:
            self.start(work)

    def restarted(self) -> None:
        """After a crash: parents go on as they were, once their orders are known again."""
        for work in self._core.parents.values():
            self._names.add_all(work)
            if work.is_ended:
                continue
            work.deciding = False
            self.schedule(work)
            if work.state in (ParentState.ACTIVE, ParentState.REPLACING):
                self._ticker.add(work)
        self.latches_moved()

    def start(self, work: ParentWork) -> None:
        work.move(ParentEvent.STARTED)
        self._ticker.add(work)
        self.schedule(work)

    def schedule(self, work: ParentWork) -> None:
        """Sets the timer to what of start and end comes next. A parent that must complete has no end here."""
        parent, due = work.parent, None
        if work.state is ParentState.PENDING:
            due = parent.start_ns
        elif work.state in (ParentState.ACTIVE, ParentState.REPLACING) and not parent.must_complete:
            due = parent.end_ns
        self._core.timers.set(("parent", parent.parent_id), due)

    # Trade.

    def filled(self, work: ParentWork, child: Child, lots: int, report: ExecutionReport) -> None:
        """A child traded: so did its parent, and the desk hears it."""
        work.filled_lots += lots
        work.notional += lots * report.last_px_nanos
        work.fees_nanos += report.commission_nanos
        if work.left_lots <= 0 and not work.is_ended:
            work.move(ParentEvent.FILLED)
        exec_id = self._reports.tell(
            work,
            ExecType.TRADE,
            last_qty_lots=lots,
            last_px_nanos=report.last_px_nanos,
            last_mkt=report.last_mkt,
            last_liquidity=report.last_liquidity,
            commission_nanos=report.commission_nanos,
        )
        fill = Fill(exec_id, lots, report.last_px_nanos, report.commission_nanos)
        work.keep_fill((child.venue, report.exec_id, child.cl_ord_id), fill)
        if work.is_ended:
            self.ended(work)

    def busted(self, work: ParentWork, child: Child, lots: int, report: ExecutionReport) -> None:
        """A venue took a fill back. Of what was filled whole, the rest is cancelled: it was over."""
        fill = self._known(work, child, report)
        price_nanos = fill.price_nanos if fill is not None else work.average_nanos
        work.filled_lots -= lots
        work.notional -= lots * price_nanos
        work.fees_nanos += report.commission_nanos
        if fill is not None:
            fill.lots -= lots
        self._reopen(work)
        self._reports.tell(
            work,
            ExecType.TRADE_CANCEL,
            report.text,
            exec_ref_id="" if fill is None else fill.exec_id,
            last_mkt=report.last_mkt,
            commission_nanos=report.commission_nanos,
        )

    def corrected(self, work: ParentWork, child: Child, report: ExecutionReport) -> None:
        """A venue says that a fill was at another price, or of another quantity."""
        fill = self._known(work, child, report)
        if fill is None:
            return
        lots, price_nanos, fee_nanos = report.last_qty_lots, report.last_px_nanos, report.commission_nanos
        work.filled_lots += lots - fill.lots
        work.notional += lots * price_nanos - fill.lots * fill.price_nanos
        work.fees_nanos += fee_nanos - fill.fee_nanos
        fill.lots, fill.price_nanos, fill.fee_nanos = lots, price_nanos, fee_nanos
        if work.left_lots <= 0 and not work.is_ended:
            work.move(ParentEvent.FILLED)
        self._reopen(work)
        fill.exec_id = self._reports.tell(
            work,
            ExecType.TRADE_CORRECT,
            report.text,
            exec_ref_id=fill.exec_id,
            last_qty_lots=lots,
            last_px_nanos=price_nanos,
            last_mkt=report.last_mkt,
            last_liquidity=report.last_liquidity,
            commission_nanos=fee_nanos,
        )
        work.keep_fill((child.venue, report.exec_id, child.cl_ord_id), fill)  # the venue may name it so
        if work.is_ended:
            self.ended(work)

    def _known(self, work: ParentWork, child: Child, report: ExecutionReport) -> Fill | None:
        fill = work.fills.get((child.venue, report.exec_ref_id, child.cl_ord_id))
        if fill is None:
            kind = "bust" if report.exec_type is ExecType.TRADE_CANCEL else "correction"
            self._core.alert(
                f"parent {work.parent.parent_id}: {kind} {report.exec_id} of {child.cl_ord_id} names fill "
                f"{report.exec_ref_id}, of which the desk knows nothing any more: settle it by hand"
            )
        return fill

    def _reopen(self, work: ParentWork) -> None:
        """What was filled whole and is not any more: over, but not filled."""
        if work.state is ParentState.FILLED and work.left_lots > 0:
            work.move(ParentEvent.BUSTED)

    # Stop.

    def withdraw(self, work: ParentWork, why: ParentEvent) -> None:
        """The desk cancels it, or its time is up: its children go, and it goes with the last."""
        work.move(why)
        self._ticker.remove(work)
        self.schedule(work)
        if why is ParentEvent.CANCEL_ASKED:
            self._reports.tell(work, ExecType.PENDING_CANCEL)
        for child in self._core.orders.live(work.parent.parent_id):
            self._execution.cancel(child)
        self.settle(work)

    def settle(self, work: ParentWork) -> None:
        """A parent that is being cancelled ends when its last child has."""
        if work.state is ParentState.CANCELING and not self._core.orders.live(work.parent.parent_id):
            work.move(ParentEvent.CHILDREN_GONE)
            self._reports.tell(work, ExecType.EXPIRED if work.expired else ExecType.CANCELED)
            self.ended(work)

    def ended(self, work: ParentWork) -> None:
        core, parent_id = self._core, work.parent.parent_id
        self._ticker.remove(work)
        core.gate.parent_closed(parent_id)
        self.schedule(work)
        for child in core.orders.live(parent_id):
            self._execution.cancel(child)  # a venue overfilled another one: this is not wanted any more
        core.ended[parent_id] = None
        if len(core.ended) > ENDED_KEPT:
            self._forget(next(iter(core.ended)))

    def _forget(self, parent_id: str) -> None:
        """The one that has been over the longest, unless something of it still lives."""
        del self._core.ended[parent_id]
        if self._core.orders.live(parent_id):
            self._core.ended[parent_id] = None  # at the end of the queue
            return
        self._names.drop_all(self._core.parents.pop(parent_id))

    def latches_moved(self) -> None:
        """Tells the desks of the parents that a latch stops as a whole, and of those let go again."""
        core = self._core
        for work in list(core.active_parents()):
            if work.state not in _UNDER_WAY:
                continue
            latch = core.gate.kill.blocks("", work.parent.symbol, work.parent.parent_id)
            is_stopped = latch is not None or work.is_shut
            if is_stopped == work.is_suspended:
                continue
            work.is_suspended = is_stopped
            if is_stopped:
                self._reports.tell(work, ExecType.SUSPENDED, _why(latch))
            else:
                self._reports.tell(
                    work, ExecType.RESTATED, "the order is worked again", restatement_reason=BY_BROKER
                )


def _why(latch: Latch | None) -> str:
    if latch is None:
        return "a venue holds an order that may be its: nothing more is sent"
    return f"{latch.mode.value} of {latch.scope}: {latch.reason}"
