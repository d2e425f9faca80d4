"""The desk: sends one parent order to the router, follows its reports, and may cancel it. Pure.

What a trading desk's OMS does, seen from outside the router: a NewOrderSingle with start and end (168,
126), a strategy (847) and whether it must complete (848), then ExecutionReports until the order is done.
The order is sent once; a report that arrives twice (resent) counts once, by ExecID. After a reconnect the
desk asks for the order's status instead of sending it again.

The desk keeps a log of its own, JSON lines with `event` and `time_ns`: sent, cancel_sent, status_asked,
report, cancel_refused, refused, session, done. It is the third witness, beside the venues' record and the
router's journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from risk.order import OrdType, Side
from router.fix import events, tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, nanos_to_wire
from router.fix.messages import (
    BusinessMessageReject,
    ExecType,
    ExecutionReport,
    FieldError,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelRequest,
    OrderStatusRequest,
    OrdStatus,
    Quantum,
)
from router.fix.session import Session

REVISIONS = frozenset({ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})
ENDED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class Block:
    """The parent order to send, `send_after_ns` after the first logon. Other times count from its sending."""

    cl_ord_id: str
    symbol: str
    account: str
    side: Side
    qty_lots: int
    limit_nanos: int | None
    start_after_ns: int
    duration_ns: int
    strategy: int
    must_complete: bool
    cancel_after_ns: int | None = None
    send_after_ns: int = 0


class Desk:
    """See the module. `raw` that must leave is in `writes`; `outcome` is None while the order lives."""

    def __init__(
        self,
        session: Session,
        block: Block,
        instruments: Mapping[str, Quantum],
        sink: Callable[[str], object],
    ) -> None:
        self.session = session
        self.block = block
        self.outcome: OrdStatus | None = None
        self.cum_lots = 0
        self.avg_px_nanos = 0
        self.text = ""
        self.writes: list[bytes] = []
        self.hang_up = False
        self._lots_per_unit = instruments[block.symbol].lots_per_unit
        self._instruments = instruments
        self._sink = sink
        self._sent_ns: int | None = None
        self._send_ns: int | None = None
        self._cancel_ns: int | None = None
        self._executions: set[str] = set()

    @property
    def complete(self) -> bool:
        """Every lot of the order was filled."""
        return self.outcome is OrdStatus.FILLED

    def summary(self) -> str:
        """One line for a person."""
        quantity = lots_to_wire(self.block.qty_lots, self._lots_per_unit).decode()
        done = lots_to_wire(self.cum_lots, self._lots_per_unit).decode()
        outcome = "not done" if self.outcome is None else self.outcome.name.lower().replace("_", " ")
        average = f" at {nanos_to_wire(self.avg_px_nanos).decode()} on average" if self.cum_lots else ""
        why = f" ({self.text})" if self.text else ""
        return f"{self.block.cl_ord_id}: {outcome}, {done} of {quantity}{average}{why}"

    # -- the connection ---------------------------------------------------------------------------

    def connected(self, now_ns: int) -> None:
        self.hang_up = False
        self._handle(self.session.connected(now_ns), now_ns)

    def disconnected(self, now_ns: int) -> None:
        self._handle(self.session.disconnected(now_ns), now_ns)

    def received(self, message: Message, now_ns: int) -> None:
        self._handle(self.session.received(message, now_ns), now_ns)

    def deadline_ns(self) -> int | None:
        due = [self.session.deadline_ns()]
        if self.session.is_logged_on:  # what is due meanwhile is done at the logon
            due += [self._send_ns, self._cancel_ns]
        return min((at_ns for at_ns in due if at_ns is not None), default=None)

    def timer(self, now_ns: int) -> None:
        """What is due: the session's own timers, the order, and its cancel."""
        self._handle(self.session.timer(now_ns), now_ns)
        if self._send_ns is not None and self._send_ns <= now_ns and self.session.is_logged_on:
            self._send_ns = None
            self._send_block(now_ns)
        if self._cancel_ns is not None and self._cancel_ns <= now_ns and self.session.is_logged_on:
            self._cancel_ns = None
            self._cancel(now_ns)

    def log(self, event: str, now_ns: int, **fields: str | int | None) -> None:
        """A line of the desk's own log."""
        self._sink(json.dumps({"event": event, "time_ns": now_ns, **fields}, separators=(",", ":")) + "\n")

    # -- what is sent -----------------------------------------------------------------------------

    def _logged_on(self, now_ns: int) -> None:
        if self.outcome is not None:
            self._handle(self.session.logout("the order is done", now_ns), now_ns)
        elif self._sent_ns is None:
            if self._send_ns is None:
                self._send_ns = now_ns + self.block.send_after_ns
            self.timer(now_ns)
        else:
            block = self.block
            request = OrderStatusRequest(block.cl_ord_id, block.symbol, block.side, account=block.account)
            self._send(request.MSG_TYPE, request.body(), now_ns)
            self.log("status_asked", now_ns, cl_ord_id=block.cl_ord_id)
            self.timer(now_ns)

    def _send_block(self, now_ns: int) -> None:
        block = self.block
        self._sent_ns = now_ns
        start_ns = now_ns + block.start_after_ns
        order = NewOrderSingle(
            cl_ord_id=block.cl_ord_id,
            symbol=block.symbol,
            side=block.side,
            transact_time_ns=now_ns,
            qty_lots=block.qty_lots,
            ord_type=OrdType.MARKET if block.limit_nanos is None else OrdType.LIMIT,
            price_nanos=block.limit_nanos,
            account=block.account,
            effective_time_ns=start_ns,
            expire_time_ns=start_ns + block.duration_ns,
            target_strategy=block.strategy,
            must_complete=block.must_complete,
        )
        self._send(order.MSG_TYPE, order.body(self._lots_per_unit), now_ns)
        if block.cancel_after_ns is not None:
            self._cancel_ns = now_ns + block.cancel_after_ns
        self.log(
            "sent",
            now_ns,
            cl_ord_id=block.cl_ord_id,
            symbol=block.symbol,
            side=int(block.side),
            qty_lots=block.qty_lots,
            limit_nanos=block.limit_nanos,
            start_ns=start_ns,
            end_ns=start_ns + block.duration_ns,
            strategy=block.strategy,
        )

    def _cancel(self, now_ns: int) -> None:
        block = self.block
        request = OrderCancelRequest(
            cl_ord_id=f"{block.cl_ord_id}-C",
            orig_cl_ord_id=block.cl_ord_id,
            symbol=block.symbol,
            side=block.side,
            transact_time_ns=now_ns,
            qty_lots=block.qty_lots,
            account=block.account,
        )
        self._send(request.MSG_TYPE, request.body(self._lots_per_unit), now_ns)
        self.log("cancel_sent", now_ns, cl_ord_id=request.cl_ord_id, orig_cl_ord_id=block.cl_ord_id)

    def _send(self, msg_type: bytes, body: bytes, now_ns: int) -> None:
        self.writes.append(self.session.encode(msg_type, body, now_ns))

    # -- what is heard ----------------------------------------------------------------------------

    def _handle(self, happened: list[events.Event], now_ns: int) -> None:
        for event in happened:
            match event:
                case events.Send():
                    self.writes.append(event.raw)
                case events.App():
                    self._app(event.message, now_ns)
                case events.LoggedOn():
                    self.session.config = replace(self.session.config, reset_on_logon=False)
                    self.log("session", now_ns, text="logged on")
                    self._logged_on(now_ns)
                case events.LoggedOut():
                    self.log("session", now_ns, text=f"logged out: {event.text}")
                case events.Disconnect():
                    self.hang_up = True
                case events.Alert() | events.Rejected():
                    self.log("session", now_ns, text=event.text)
                case _:
                    pass

    def _app(self, message: Message, now_ns: int) -> None:
        try:
            match message.msg_type:
                case tags.EXECUTION_REPORT:
                    self._report(ExecutionReport.parse(message, self._instruments), now_ns)
                case tags.ORDER_CANCEL_REJECT:
                    refused = OrderCancelReject.parse(message)
                    self.log("cancel_refused", now_ns, cl_ord_id=refused.cl_ord_id, text=refused.text)
                case tags.BUSINESS_MESSAGE_REJECT:
                    self._end(OrdStatus.REJECTED, BusinessMessageReject.parse(message).text, now_ns)
                case other:
                    self.log("session", now_ns, text=f"MsgType(35) {other.decode('latin-1')} is not expected")
        except FieldError as error:
            self.log("session", now_ns, text=f"a message that cannot be read: {error}")

    def _report(self, report: ExecutionReport, now_ns: int) -> None:
        status_only = report.exec_type is ExecType.ORDER_STATUS
        if not status_only and report.exec_id in self._executions:
            return
        self._executions.add(report.exec_id)
        self.log(
            "report",
            now_ns,
            exec_id=report.exec_id,
            exec_type=report.exec_type.value,
            ord_status=report.ord_status.value,
            cl_ord_id=report.cl_ord_id,
            last_qty_lots=report.last_qty_lots,
            last_px_nanos=report.last_px_nanos,
            last_mkt=report.last_mkt,
            liquidity=None if report.last_liquidity is None else int(report.last_liquidity),
            fee_nanos=report.commission_nanos,
            cum_lots=report.cum_lots,
            leaves_lots=report.leaves_lots,
            avg_px_nanos=report.avg_px_nanos,
            text=report.text,
        )
        if self.block.cl_ord_id not in (report.cl_ord_id, report.orig_cl_ord_id):
            return
        if report.exec_type in REVISIONS:  # nothing else lowers what is done; an old status may come again
            self.cum_lots, self.avg_px_nanos = report.cum_lots, report.avg_px_nanos
        self.cum_lots = max(self.cum_lots, report.cum_lots)
        self.avg_px_nanos = report.avg_px_nanos or self.avg_px_nanos
        if report.ord_status in ENDED:
            self._end(report.ord_status, report.text, now_ns)

    def _end(self, status: OrdStatus, text: str, now_ns: int) -> None:
        if self.outcome is not None:
            return
        self.outcome, self.text = status, text
        self._cancel_ns = None
        self.log("done", now_ns, ord_status=status.value, cum_lots=self.cum_lots, text=text)
        self._handle(self.session.logout("the order is done", now_ns), now_ns)
