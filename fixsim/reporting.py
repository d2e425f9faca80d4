"""What a venue says of its orders: execution reports and cancel rejects, each with its line in the record.

A report follows from the order's state, which the functions here bring up to date: leaves, cumulative
quantity, status. Commission of a fill: price x quantity x ppb, exact, rounded half up to a nano of the
currency; where that is a fee it is at least min_fill_fee_nanos; an order's first fill bears order_fee_nanos
besides. In an auction both sides pay the taker's. A bust gives all of a fill's commission back (12 is what
came back, with its sign turned); a correction works the part by value out anew at the new price (12 is the
whole of it, instead of what was said before).

PriceImprovement(639) is, for each unit, what a fill is better than the far side of the consolidated lit touch
(the best offer for a buyer): at a dark venue the touch when the trade was made, for either party; at a lit
venue the touch when the taker's order reached the engine, for the taker alone. It is left out where there is
none: a taker who walked the book paid no less, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from fixsim.entry import UNKNOWN_ORDER
from fixsim.orders import Execution, Fill, Order, Reply
from fixsim.record import Record, quoted
from fixsim.says import Refusal, Report
from fixsim.settings import Instrument
from fixsim.settings import Venue as VenueSettings
from risk.order import Side
from router.fix.messages import (
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    LastLiquidity,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrdStatus,
)

Change = OrderCancelRequest | OrderCancelReplaceRequest
MAX_EXECUTIONS = 100_000
"""Fills that a venue can still bust or correct; the oldest are beyond its reach first."""
PARTIAL_DECLINE = 5
"""ExecRestatementReason(378): partial decline of OrderQty."""
OTHER_RESTATEMENT = 99
"""ExecRestatementReason(378) of an unsolicited cancel whose reason 4.4 has no code for; Text(58) has it."""


class More(TypedDict, total=False):
    """What only some reports carry."""

    last_qty_lots: int
    last_px_nanos: int
    last_mkt: str
    last_liquidity: LastLiquidity | None
    commission_nanos: int
    text: str
    ord_status_req_id: str
    mass_status_req_id: str
    tot_reports: int
    last_of_mass: bool
    restatement_reason: int | None
    price_improvement_nanos: int
    exec_ref_id: str


@dataclass(slots=True)
class Reporter:
    """One venue's voice; ExecID(17) counts up from 1 over everything it says."""

    settings: VenueSettings
    record: Record
    executions: dict[str, Execution] = field(default_factory=dict)
    """By every ExecID that has named them (a correction gives one more), oldest first; see MAX_EXECUTIONS."""
    _exec_number: int = field(default=0)
    _name: str = field(init=False)

    def __post_init__(self) -> None:
        self._name = self.settings.name

    def accepted(self, order: Order, now_ns: int) -> Reply:
        """150=0: the order is in the engine."""
        price = "null" if order.price_nanos is None else order.price_nanos
        self.record.put(
            "order",
            f'{{"event":"order","time_ns":{now_ns},"venue":"{self._name}","session":"{order.owner}",'
            f'"cl_ord_id":{quoted(order.cl_ord_id)},"order_id":"{order.order_id}",'
            f'"symbol":"{order.instrument.symbol}","side":{order.side:d},"ord_type":"{order.ord_type}",'
            f'"tif":"{order.tif}","qty_lots":{order.qty_lots},"price_nanos":{price}}}\n',
        )
        return self._report(order, ExecType.NEW, now_ns)

    def replaced(self, order: Order, orig: str, now_ns: int) -> Reply:
        """150=5: the order is what was asked instead of `orig`."""
        price = "null" if order.price_nanos is None else order.price_nanos
        self.record.put(
            "replaced",
            f'{{"event":"replaced","time_ns":{now_ns},"venue":"{self._name}","session":"{order.owner}",'
            f'"cl_ord_id":{quoted(order.cl_ord_id)},"orig_cl_ord_id":{quoted(orig)},'
            f'"order_id":"{order.order_id}","qty_lots":{order.qty_lots},"price_nanos":{price},'
            f'"cum_lots":{order.cum_lots},"leaves_lots":{order.leaves_lots}}}\n',
        )
        return self._report(order, ExecType.REPLACED, now_ns, orig_cl_ord_id=orig)

    def traded(self, order: Order, fill: Fill, now_ns: int) -> Reply:
        """150=F: an execution, with its commission."""
        assert 0 < fill.qty_lots <= order.leaves_lots, (order, fill)
        instrument = order.instrument
        price_nanos = fill.px * instrument.tick_nanos // 2
        order_fee_nanos = 0 if order.cum_lots else self.settings.order_fee_nanos
        ppb = self._ppb(fill)
        fee_nanos = self._fee(instrument, ppb, fill.qty_lots, price_nanos) + order_fee_nanos
        order.leaves_lots -= fill.qty_lots
        order.cum_lots += fill.qty_lots
        order.paid_nanos_lots += price_nanos * fill.qty_lots
        order.status = OrdStatus.PARTIALLY_FILLED if order.leaves_lots else OrdStatus.FILLED
        liquidity = LastLiquidity.ADDED if fill.maker else LastLiquidity.REMOVED
        stated = None if fill.auction else liquidity  # 4.4 has no code for an auction
        exec_id = self.next_exec_id()
        self._remember(
            exec_id,
            Execution(exec_id, order, price_nanos, fill.qty_lots, fee_nanos, order_fee_nanos, ppb, stated),
        )
        odd = ',"odd_lot":true' if fill.odd_lot else ""
        self.record.put(
            "fill",
            f'{{"event":"fill","time_ns":{now_ns},"venue":"{self._name}","session":"{order.owner}",'
            f'"cl_ord_id":{quoted(order.cl_ord_id)},"order_id":"{order.order_id}","exec_id":"{exec_id}",'
            f'"symbol":"{instrument.symbol}","side":{order.side:d},"price_nanos":{price_nanos},'
            f'"qty_lots":{fill.qty_lots},"fee_nanos":{fee_nanos},"liquidity":{stated or 0:d},'
            f'"cum_lots":{order.cum_lots},"leaves_lots":{order.leaves_lots}{odd}}}\n',
        )
        return self._report(
            order, ExecType.TRADE, now_ns, exec_id=exec_id, last_qty_lots=fill.qty_lots,
            last_px_nanos=price_nanos, last_mkt=self._name, last_liquidity=stated,
            commission_nanos=fee_nanos,
            price_improvement_nanos=fill.improvement_px * instrument.tick_nanos // 2,
        )  # fmt: skip

    def _ppb(self, fill: Fill) -> int:
        makes = fill.maker and not fill.auction
        return self.settings.maker_fee_ppb if makes else self.settings.taker_fee_ppb

    def _fee(self, instrument: Instrument, ppb: int, qty_lots: int, price_nanos: int) -> int:
        """By value, and at least the venue's minimum where it is a fee."""
        fee_nanos = half_up(price_nanos * qty_lots * ppb, instrument.lots_per_unit * 1_000_000_000)
        return max(fee_nanos, self.settings.min_fill_fee_nanos) if ppb >= 0 else fee_nanos

    def _remember(self, exec_id: str, execution: Execution) -> None:
        self.executions[exec_id] = execution
        if len(self.executions) > MAX_EXECUTIONS:
            del self.executions[next(iter(self.executions))]

    # -- what the venue does unasked ---------------------------------------------------------------

    def restated(self, order: Order, leaves_lots: int, text: str, now_ns: int) -> Reply:
        """150=D: less of the order is left, and OrderQty(38) follows; 378=5."""
        order.qty_lots -= order.leaves_lots - leaves_lots
        order.leaves_lots = leaves_lots
        self.record.write(
            "restated", now_ns, self.settings.name, session=order.owner, cl_ord_id=order.cl_ord_id,
            order_id=order.order_id, qty_lots=order.qty_lots, cum_lots=order.cum_lots,
            leaves_lots=order.leaves_lots, text=text,
        )  # fmt: skip
        return self._report(order, ExecType.RESTATED, now_ns, text=text, restatement_reason=PARTIAL_DECLINE)

    def busted(self, execution: Execution, text: str, now_ns: int) -> Reply:
        """150=H: a fill is void. What it traded is not in the book again: leaves stay as they are."""
        order, refers = execution.order, execution.exec_id
        order.cum_lots -= execution.qty_lots
        order.busted_lots += execution.qty_lots
        order.paid_nanos_lots -= execution.price_nanos * execution.qty_lots
        if order.leaves_lots:
            order.status = OrdStatus.PARTIALLY_FILLED if order.cum_lots else OrdStatus.NEW
        else:
            order.status = OrdStatus.CANCELED  # takes precedence over what the quantities say
        execution.busted = True
        return self._amended("busted", execution, ExecType.TRADE_CANCEL, refers, text, now_ns)

    def corrected(self, execution: Execution, price_nanos: int, text: str, now_ns: int) -> Reply:
        """150=G: a fill was made at another price; its ExecID from now on is this report's."""
        order, refers = execution.order, execution.exec_id
        order.paid_nanos_lots += (price_nanos - execution.price_nanos) * execution.qty_lots
        execution.price_nanos = price_nanos
        by_value = self._fee(order.instrument, execution.ppb, execution.qty_lots, price_nanos)
        execution.fee_nanos = by_value + execution.order_fee_nanos
        return self._amended("corrected", execution, ExecType.TRADE_CORRECT, refers, text, now_ns)

    def _amended(
        self, event: str, execution: Execution, exec_type: ExecType, refers: str, text: str, now_ns: int
    ) -> Reply:
        order, exec_id = execution.order, self.next_exec_id()
        fee_nanos = -execution.fee_nanos if execution.busted else execution.fee_nanos
        self.record.write(
            event, now_ns, self.settings.name, session=order.owner, cl_ord_id=order.cl_ord_id,
            order_id=order.order_id, exec_id=exec_id, exec_ref_id=refers, price_nanos=execution.price_nanos,
            qty_lots=execution.qty_lots, fee_nanos=fee_nanos, cum_lots=order.cum_lots,
            leaves_lots=order.leaves_lots, text=text,
        )  # fmt: skip
        more: More = {"text": text, "exec_ref_id": refers, "commission_nanos": fee_nanos}
        if exec_type is ExecType.TRADE_CORRECT:
            execution.exec_id = exec_id
            self._remember(exec_id, execution)
            more |= {
                "last_qty_lots": execution.qty_lots, "last_px_nanos": execution.price_nanos,
                "last_mkt": self.settings.name, "last_liquidity": execution.liquidity,
            }  # fmt: skip
        return self._report(order, exec_type, now_ns, exec_id=exec_id, **more)

    # -- the rest ----------------------------------------------------------------------------------

    def canceled(
        self, order: Order, now_ns: int, *, asked: str = "", text: str = "", reason: int | None = None
    ) -> Reply:
        """150=4: nothing of the order is left. `asked` is the cancel's ClOrdID, "" where nobody asked."""
        orig = order.cl_ord_id
        order.leaves_lots = 0
        order.status = OrdStatus.CANCELED
        self.record.put(
            "canceled",
            f'{{"event":"canceled","time_ns":{now_ns},"venue":"{self._name}","session":"{order.owner}",'
            f'"cl_ord_id":{quoted(asked or orig)},"orig_cl_ord_id":{quoted(orig)},'
            f'"order_id":"{order.order_id}","cum_lots":{order.cum_lots}}}\n',
        )
        return self._report(
            order,
            ExecType.CANCELED,
            now_ns,
            cl_ord_id=asked or orig,
            orig_cl_ord_id=orig if asked else "",
            text=text,
            restatement_reason=reason,
        )

    def stated(self, order: Order, now_ns: int, *, cl_ord_id: str = "", **more: Unpack[More]) -> Reply:
        """150=I: the order as it is. Not a trade: ExecID is 0."""
        return self._report(order, ExecType.ORDER_STATUS, now_ns, cl_ord_id=cl_ord_id, exec_id="0", **more)

    def no_order(
        self,
        client: str,
        now_ns: int,
        *,
        symbol: str,
        side: Side,
        cl_ord_id: str = "",
        why: str = "no such order",
        reason: int = UNKNOWN_ORDER,
        **more: Unpack[More],
    ) -> Reply:
        """150=I, 39=8: there is no order to tell of."""
        more.setdefault("text", why)
        message = ExecutionReport(
            order_id="NONE", exec_id="0", exec_type=ExecType.ORDER_STATUS, ord_status=OrdStatus.REJECTED,
            symbol=symbol, side=side, leaves_lots=0, cum_lots=0, avg_px_nanos=0, cl_ord_id=cl_ord_id,
            transact_time_ns=now_ns, ord_rej_reason=reason, **more,
        )  # fmt: skip
        return Reply(client, Report(message, 1))

    def rejected(
        self, client: str, request: NewOrderSingle | Mapping[int, str], reason: int, text: str, now_ns: int
    ) -> Reply:
        """150=8: a NewOrderSingle is refused; one that could not be read as it came (its 11, 1, 55, 54)."""
        if isinstance(request, NewOrderSingle):
            echo = {11: request.cl_ord_id, 55: request.symbol, 54: str(int(request.side))}
            if request.account:
                echo[1] = request.account
        else:
            echo = dict(request)
        self.record.write(
            "rejected", now_ns, self.settings.name, session=client, cl_ord_id=echo[11], reason=reason,
            text=text,
        )  # fmt: skip
        about = request if isinstance(request, NewOrderSingle) else None
        return Reply(client, Refusal(echo, self.next_exec_id(), reason, text, now_ns), about)

    def cancel_refused(
        self, client: str, request: Change, order: Order | None, reason: int, text: str, now_ns: int
    ) -> Reply:
        """9: a cancel or a replace is refused."""
        replaces = isinstance(request, OrderCancelReplaceRequest)
        self.record.write(
            "cancel_refused",
            now_ns,
            self.settings.name,
            session=client,
            cl_ord_id=request.cl_ord_id,
            orig_cl_ord_id=request.orig_cl_ord_id,
            reason=reason,
            text=text,
        )
        message = OrderCancelReject(
            cl_ord_id=request.cl_ord_id, orig_cl_ord_id=request.orig_cl_ord_id,
            ord_status=order.status if order else OrdStatus.REJECTED,
            response_to=CxlRejResponseTo.REPLACE if replaces else CxlRejResponseTo.CANCEL,
            order_id=order.order_id if order else "NONE", cxl_rej_reason=reason,
            account=order.account if order else "", transact_time_ns=now_ns, text=text,
        )  # fmt: skip
        return Reply(client, message, order)

    def next_exec_id(self) -> str:
        self._exec_number += 1
        return f"{self._name}-E{self._exec_number}"

    def _report(
        self, order: Order, exec_type: ExecType, now_ns: int, *, cl_ord_id: str = "", exec_id: str = "",
        orig_cl_ord_id: str = "", **more: Unpack[More],
    ) -> Reply:  # fmt: skip
        instrument, cum_lots = order.instrument, order.cum_lots
        message = ExecutionReport(
            order.order_id, exec_id or self.next_exec_id(), exec_type, order.status, instrument.symbol,
            order.side, order.leaves_lots, cum_lots,
            half_up(order.paid_nanos_lots, cum_lots) if cum_lots else 0,
            cl_ord_id or order.cl_ord_id, orig_cl_ord_id, order.account, order.qty_lots,
            order.ord_type, order.price_nanos, order.tif, min_qty_lots=order.min_lots,
            transact_time_ns=now_ns, parties=order.parties, order_capacity=order.order_capacity, **more,
        )  # fmt: skip
        return Reply(order.owner, Report(message, instrument.lots_per_unit), order)


def half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator, rounded half up (towards plus infinity), exactly."""
    return (2 * numerator + denominator) // (2 * denominator)
