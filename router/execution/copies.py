"""What a venue says a second time: the copies of its reports to us, on a session of their own.

A copy is held against what order entry has said. A fill, a bust or a correction that order entry does not
bring within the time that an answer may take is told to a person. Such a fill is provisional: its quantity
stays reserved, the order is asked for, and nothing is counted until order entry brings the fill itself; then
once. Orders of others, which a firm's copies may hold too, are passed over.
"""

from __future__ import annotations

from collections import deque

from router.core import Core, Port
from router.execution.children import Children
from router.execution.reports import Reports
from router.execution.strangers import Strangers
from router.fix.messages import ExecType, ExecutionReport
from router.orders import Child

_SAID_ONCE = frozenset({ExecType.TRADE, ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})


class Copies:
    def __init__(self, core: Core, children: Children, reports: Reports) -> None:
        self._core = core
        self._children = children
        self._reports = reports
        self._strangers = Strangers(core, children)
        self._waiting: deque[tuple[int, Port, ExecutionReport]] = deque()  # in order of time
        self._provisional: set[tuple[int, str, str]] = set()  # (venue, ExecID, ClOrdID)

    def copied(self, port: Port, report: ExecutionReport) -> None:
        if report.exec_type not in _SAID_ONCE or not self._is_ours(port, report):
            return
        child = self._reports.child_of(port, report)
        if child is not None and self._core.orders.knows(child, report.exec_id):
            return
        if child is not None and self._strangers.differs(port, report, child):
            return
        self._wait(port, report)

    def inherit(self, before: Copies) -> None:
        """After a restart: what order entry had not said yet is waited for as from now."""
        ports = {port.session.name: port for port in self._core.ports}
        self._provisional = before._provisional
        for _, port, report in before._waiting:
            if (here := ports.get(port.session.name)) is not None:
                self._wait(here, report)

    def _wait(self, port: Port, report: ExecutionReport) -> None:
        due = self._core.now_ns + self._core.config.ack_timeout_ns
        if not self._waiting:
            self._core.timers.set(("copies", ""), due)
        self._waiting.append((due, port, report))

    def due(self) -> None:
        core = self._core
        while self._waiting and self._waiting[0][0] <= core.now_ns:
            _, port, report = self._waiting.popleft()
            child = self._reports.child_of(port, report)
            if child is None or not core.orders.knows(child, report.exec_id):
                self._missing(port, report, child)
        if self._waiting:
            core.timers.set(("copies", ""), self._waiting[0][0])

    def _missing(self, port: Port, report: ExecutionReport, child: Child | None) -> None:
        core = self._core
        name, lots = report.cl_ord_id or report.order_id, report.last_qty_lots
        if report.exec_type is not ExecType.TRADE:
            core.alert(
                f"{port.session.name}: a copy says {report.exec_type.name} of {report.exec_ref_id} of "
                f"{name}, which order entry does not: asking"
            )
            if child is not None:
                self._children.lose(child)
            return
        key = (port.venue, report.exec_id, name)
        if key in self._provisional or lots <= 0:
            return
        self._provisional.add(key)
        core.alert(
            f"{port.session.name}: a copy says fill {report.exec_id} of {name}, {lots} lots, which order "
            "entry does not: provisional, asking"
        )
        if child is None:
            child = self._strangers.adopt(core.order_ports[port.venue], report, is_live=False)
        if child.is_live:
            lots = min(child.leaves, child.provisional_lots + lots)
        self._children.reserve_unexplained(child, lots)
        self._children.lose(child)

    def _is_ours(self, port: Port, report: ExecutionReport) -> bool:
        return (
            report.cl_ord_id.startswith(self._core.config.prefix)
            or self._reports.child_of(port, report) is not None
        )
