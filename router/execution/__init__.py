"""Child orders at the venues: what leaves, and what the venues say of it.

Only an `Approved` can be turned into a message here, and only risk's gate makes one. Reports are applied by
what they say of the order, each ExecID once; a report that we cannot place is never dropped silently. The
rooms: bodies (what leaves, as bytes), children (how orders move, and what is asked of those in doubt),
reports (what venues say), revisions (what they take back), strangers (orders that we do not know), copies
(what they say a second time).
"""

from __future__ import annotations

from router.core import Core, Port
from router.execution.bodies import cancel_body, new_order_body, status_body
from router.execution.children import Children, Listener
from router.execution.copies import Copies
from router.execution.reports import Reports
from router.fix.codec import Message
from router.fix.messages import ExecutionReport, FieldError, OrderCancelReject

__all__ = ["Execution", "Listener", "cancel_body", "new_order_body", "status_body"]


class Execution(Children):
    def __init__(self, core: Core, listener: Listener) -> None:
        super().__init__(core, listener)
        self._reports = Reports(core, self)
        self._copies = Copies(core, self, self._reports)

    def report(self, port: Port, report: ExecutionReport) -> None:
        """An ExecutionReport of an order entry session."""
        self._reports.report(port, report)

    def unread(self, port: Port, message: Message, error: FieldError) -> None:
        """An ExecutionReport that does not say what it takes to apply it."""
        self._reports.unread(port, message, error)

    def cancel_refused(self, port: Port, report: OrderCancelReject) -> None:
        self._reports.cancel_refused(port, report)

    def message_refused(self, port: Port, ref: str, text: str) -> None:
        """A business or session reject of one of ours. `ref`: the ClOrdID, "" if it names none."""
        self._reports.message_refused(port, ref, text)

    def copied(self, port: Port, report: ExecutionReport) -> None:
        """An ExecutionReport of a venue's drop copy session."""
        self._copies.copied(port, report)

    def inherit(self, before: Execution) -> None:
        """A restart: what copies said shortly before is still held against order entry."""
        self._copies.inherit(before._copies)

    def copies_due(self) -> None:
        """Whatever copies said and order entry has not said in time is to be told."""
        self._copies.due()
