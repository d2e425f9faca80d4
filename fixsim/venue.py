"""One venue: typed orders in, typed reports out, over a book that matches.

Pure: no clock, no I/O, no bytes. The venue owns its order table and the rules of entry (ClOrdID unique for
each client, symbol, tick, lot, type); the book behind `Book` owns priority and price. A fill's commission
is price x quantity x ppb, exact, rounded half up to a nano of the currency. Terminal orders stay in the
table, as ClOrdIDs must never repeat within a day; the table's size is bounded and a full table refuses
(103=99).

OrdStatus (39) is the order's state; the table of what a request meets, FIX 4.4 volume 4, appendix D:

    request \\ order    unknown          live                   done
    F cancel           9 434=1 102=1    8 150=4                9 434=1 102=0
    G replace          9 434=2 102=1    8 150=5, or 9 102=2    9 434=2 102=0
    H status           8 150=I 39=8     8 150=I                8 150=I
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from fixsim.entry import (
    DUPLICATE_ORDER,
    OTHER,
    UNKNOWN_ORDER,
    Kind,
    Refused,
    check_quantity,
    kind_of,
    px_of,
)
from fixsim.matching import MatchingError
from fixsim.orders import Book, Fill, Keys, Order, Reply
from fixsim.record import Record
from fixsim.settings import Instrument
from fixsim.settings import Venue as VenueSettings
from router.fix import tags
from router.fix.decimals import time_to_wire
from router.fix.messages import (
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    LastLiquidity,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderStatusRequest,
    OrdStatus,
)
from router.fix.messages.fields import joined

Change = OrderCancelRequest | OrderCancelReplaceRequest
CANCEL, REPLACE = CxlRejResponseTo.CANCEL, CxlRejResponseTo.REPLACE
MAX_ORDERS = 1_000_000


class _More(TypedDict, total=False):
    """What only some reports carry."""

    orig_cl_ord_id: str
    last_qty_lots: int
    last_px_nanos: int
    last_mkt: str
    last_liquidity: LastLiquidity
    commission_nanos: int
    text: str


@dataclass(slots=True)
class Venue:
    """The order table of one venue; see the module. `keys` is shared by all venues of an exchange."""

    settings: VenueSettings
    instrument: Instrument
    book: Book
    record: Record
    keys: Keys
    orders: dict[int, Order] = field(default_factory=dict)
    _by_cl_ord_id: dict[tuple[str, str], Order | None] = field(default_factory=dict)
    _order_number: int = 0
    _exec_number: int = 0

    @property
    def name(self) -> str:
        return self.settings.name

    def open_orders(self) -> list[Order]:
        """Orders that still rest, oldest first."""
        return [order for order in self.orders.values() if order.live]

    # -- requests ---------------------------------------------------------------------------------

    def new_order(self, client: str, request: NewOrderSingle, now_ns: int) -> list[Reply]:
        """A NewOrderSingle(D) reaches the engine: refused, or acknowledged and then matched."""
        key = self.keys.take()
        try:
            kind, px = self._accept(client, request)
            fills = self.book.submit(key, request.side.sign, px, request.qty_lots, kind, now_ns)
        except Refused as refused:
            return [self._reject(client, request, refused.reason, refused.text, now_ns)]
        except MatchingError as error:
            return [self._reject(client, request, OTHER, str(error), now_ns)]
        self._order_number += 1
        order = Order(
            key=key,
            owner=client,
            cl_ord_id=request.cl_ord_id,
            order_id=f"{self.name}-{self._order_number}",
            account=request.account,
            side=request.side,
            ord_type=request.ord_type,
            tif=request.tif,
            qty_lots=request.qty_lots,
            price_nanos=request.price_nanos,
            leaves_lots=request.qty_lots,
        )
        self.orders[order.key] = order
        self._by_cl_ord_id[client, order.cl_ord_id] = order
        self.record.write(
            "order",
            now_ns,
            self.name,
            session=client,
            cl_ord_id=order.cl_ord_id,
            order_id=order.order_id,
            symbol=self.instrument.symbol,
            side=int(order.side),
            ord_type=str(order.ord_type.value),
            tif=str(order.tif.value),
            qty_lots=order.qty_lots,
            price_nanos=order.price_nanos,
        )
        replies = [self._report(order, ExecType.NEW, now_ns)]
        replies += self.filled(fills, now_ns)
        if order.live and kind in (Kind.MARKET, Kind.IOC, Kind.FOK):
            replies.append(
                self._cancel(order, order.cl_ord_id, now_ns, f"{kind.value}: the rest is cancelled")
            )
        return replies

    def cancel(self, client: str, request: OrderCancelRequest, now_ns: int) -> list[Reply]:
        """An OrderCancelRequest(F) reaches the engine."""
        found = self._find(client, request, now_ns, CANCEL)
        if isinstance(found, Reply):
            return [found]
        self._by_cl_ord_id[client, request.cl_ord_id] = found
        self.book.cancel(found.key, now_ns)
        return [self._cancel(found, request.cl_ord_id, now_ns)]

    def replace(self, client: str, request: OrderCancelReplaceRequest, now_ns: int) -> list[Reply]:
        """An OrderCancelReplaceRequest(G): total quantity and price change, side and type may not."""
        found = self._find(client, request, now_ns, REPLACE)
        if isinstance(found, Reply):
            return [found]
        order = found
        try:
            if request.side != order.side or request.ord_type != order.ord_type:
                raise Refused(2, "Side(54) and OrdType(40) cannot be replaced")
            if request.qty_lots <= order.cum_lots:
                text = f"OrderQty(38) {request.qty_lots} lots is not more than CumQty(14) {order.cum_lots}"
                raise Refused(2, text)
            check_quantity(self.instrument, request.qty_lots)
            px = px_of(self.instrument, self.name, order.ord_type, request.price_nanos)
            fills = self.book.replace(order.key, px, request.qty_lots - order.cum_lots, now_ns)
        except Refused as refused:
            return [self._cancel_refused(client, request, order, REPLACE, 2, refused.text, now_ns)]
        except MatchingError as error:
            return [self._cancel_refused(client, request, order, REPLACE, 99, str(error), now_ns)]
        orig, order.cl_ord_id = order.cl_ord_id, request.cl_ord_id
        self._by_cl_ord_id[client, request.cl_ord_id] = order
        order.qty_lots, order.price_nanos = request.qty_lots, request.price_nanos
        order.leaves_lots = order.qty_lots - order.cum_lots
        order.status = OrdStatus.PARTIALLY_FILLED if order.cum_lots else OrdStatus.NEW
        self.record.write(
            "replaced",
            now_ns,
            self.name,
            session=client,
            cl_ord_id=order.cl_ord_id,
            orig_cl_ord_id=orig,
            order_id=order.order_id,
            qty_lots=order.qty_lots,
            price_nanos=order.price_nanos,
            cum_lots=order.cum_lots,
            leaves_lots=order.leaves_lots,
        )
        replies = [self._report(order, ExecType.REPLACED, now_ns, orig_cl_ord_id=orig)]
        return replies + self.filled(fills, now_ns)

    def status(self, client: str, request: OrderStatusRequest, now_ns: int) -> list[Reply]:
        """An OrderStatusRequest(H), by any ClOrdID the order has had. Not a trade: ExecID is 0."""
        order = self._by_cl_ord_id.get((client, request.cl_ord_id))
        if order is not None:
            return [self._report(order, ExecType.ORDER_STATUS, now_ns, cl_ord_id=request.cl_ord_id)]
        unknown = ExecutionReport(
            order_id="NONE", exec_id="0", exec_type=ExecType.ORDER_STATUS, ord_status=OrdStatus.REJECTED,
            symbol=request.symbol, side=request.side, leaves_lots=0, cum_lots=0, avg_px_nanos=0,
            cl_ord_id=request.cl_ord_id, transact_time_ns=now_ns, ord_rej_reason=UNKNOWN_ORDER,
            text="no such order",
        )  # fmt: skip
        return [self._reply(client, unknown)]

    # -- what the book says -----------------------------------------------------------------------

    def filled(self, fills: list[Fill], now_ns: int) -> list[Reply]:
        """Executions of this venue's orders, in the order the book made them."""
        return [self._fill(self.orders[fill.key], fill, now_ns) for fill in fills]

    def _fill(self, order: Order, fill: Fill, now_ns: int) -> Reply:
        assert 0 < fill.qty_lots <= order.leaves_lots, (order, fill)
        price_nanos = fill.px * self.instrument.tick_nanos // 2
        order.leaves_lots -= fill.qty_lots
        order.cum_lots += fill.qty_lots
        order.paid_nanos_lots += price_nanos * fill.qty_lots
        order.status = OrdStatus.PARTIALLY_FILLED if order.leaves_lots else OrdStatus.FILLED
        ppb = self.settings.maker_fee_ppb if fill.maker else self.settings.taker_fee_ppb
        fee_nanos = _half_up(price_nanos * fill.qty_lots * ppb, self.instrument.lots_per_unit * 1_000_000_000)
        liquidity = LastLiquidity.ADDED if fill.maker else LastLiquidity.REMOVED
        exec_id = self._next_exec_id()
        self.record.write(
            "fill", now_ns, self.name, session=order.owner, cl_ord_id=order.cl_ord_id,
            order_id=order.order_id, exec_id=exec_id, symbol=self.instrument.symbol, side=int(order.side),
            price_nanos=price_nanos,
            qty_lots=fill.qty_lots, fee_nanos=fee_nanos, liquidity=int(liquidity), cum_lots=order.cum_lots,
            leaves_lots=order.leaves_lots,
        )  # fmt: skip
        return self._report(
            order, ExecType.TRADE, now_ns, exec_id=exec_id, last_qty_lots=fill.qty_lots,
            last_px_nanos=price_nanos, last_mkt=self.name, last_liquidity=liquidity,
            commission_nanos=fee_nanos,
        )  # fmt: skip

    # -- rules of entry ---------------------------------------------------------------------------

    def _accept(self, client: str, request: NewOrderSingle) -> tuple[Kind, int]:
        if (client, request.cl_ord_id) in self._by_cl_ord_id:
            raise Refused(DUPLICATE_ORDER, f"ClOrdID(11) {request.cl_ord_id} was used before")
        if len(self._by_cl_ord_id) >= MAX_ORDERS:
            raise Refused(OTHER, f"the venue's table of {MAX_ORDERS} orders is full")
        check_quantity(self.instrument, request.qty_lots)
        kind = kind_of(request, self.settings)
        return kind, px_of(self.instrument, self.name, request.ord_type, request.price_nanos)

    def _find(
        self, client: str, request: Change, now_ns: int, response_to: CxlRejResponseTo
    ) -> Order | Reply:
        order = self._by_cl_ord_id.get((client, request.orig_cl_ord_id))
        if order is None:
            text = f"OrigClOrdID(41) {request.orig_cl_ord_id} is not known"
            return self._cancel_refused(client, request, None, response_to, 1, text, now_ns)
        if (client, request.cl_ord_id) in self._by_cl_ord_id:
            text = f"ClOrdID(11) {request.cl_ord_id} was used before"
            return self._cancel_refused(client, request, order, response_to, 6, text, now_ns)
        if not order.live:
            text = f"too late: the order is {order.status.name.lower()}"
            return self._cancel_refused(client, request, order, response_to, 0, text, now_ns)
        return order

    # -- reports ----------------------------------------------------------------------------------

    def _cancel(self, order: Order, cl_ord_id: str, now_ns: int, text: str = "") -> Reply:
        orig = order.cl_ord_id
        order.leaves_lots = 0
        order.status = OrdStatus.CANCELED
        self.record.write(
            "canceled",
            now_ns,
            self.name,
            session=order.owner,
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig,
            order_id=order.order_id,
            cum_lots=order.cum_lots,
        )
        asked = cl_ord_id != orig
        return self._report(
            order,
            ExecType.CANCELED,
            now_ns,
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig if asked else "",
            text=text,
        )

    def _next_exec_id(self) -> str:
        self._exec_number += 1
        return f"{self.name}-E{self._exec_number}"

    def _report(
        self, order: Order, exec_type: ExecType, now_ns: int, *, cl_ord_id: str = "", exec_id: str = "",
        **more: Unpack[_More],
    ) -> Reply:  # fmt: skip
        if not exec_id:
            exec_id = "0" if exec_type is ExecType.ORDER_STATUS else self._next_exec_id()
        message = ExecutionReport(
            order_id=order.order_id, exec_id=exec_id, exec_type=exec_type, ord_status=order.status,
            symbol=self.instrument.symbol, side=order.side, leaves_lots=order.leaves_lots,
            cum_lots=order.cum_lots,
            avg_px_nanos=_half_up(order.paid_nanos_lots, order.cum_lots) if order.cum_lots else 0,
            cl_ord_id=cl_ord_id or order.cl_ord_id, account=order.account, qty_lots=order.qty_lots,
            ord_type=order.ord_type, price_nanos=order.price_nanos, tif=order.tif,
            transact_time_ns=now_ns, **more,
        )  # fmt: skip
        return self._reply(order.owner, message)

    def _reply(self, client: str, report: ExecutionReport) -> Reply:
        return Reply(client, tags.EXECUTION_REPORT, report.body(self.instrument.lots_per_unit))

    def _reject(self, client: str, request: NewOrderSingle, reason: int, text: str, now_ns: int) -> Reply:
        echo = {11: request.cl_ord_id, 55: request.symbol, 54: str(int(request.side))}
        if request.account:
            echo[1] = request.account
        return Reply(client, tags.EXECUTION_REPORT, self.refuse(client, echo, reason, text, now_ns))

    def refuse(self, client: str, echo: dict[int, str], reason: int, text: str, now_ns: int) -> bytes:
        """The body of the report that refuses a NewOrderSingle as it came: `echo` are its 11, 55 and 54.

        For what the rules of entry refuse, and for orders that could not be read (symbol, decimals, codes).
        """
        if reason != DUPLICATE_ORDER:
            self._by_cl_ord_id[client, echo[11]] = None
        self.record.write(
            "rejected", now_ns, self.name, session=client, cl_ord_id=echo[11], reason=reason, text=text
        )
        return joined(
            "37=NONE", *(f"{tag}={value}" for tag, value in echo.items()),
            f"17={self._next_exec_id()}", "150=8", "39=8", f"103={reason}", "151=0", "14=0", "6=0",
            b"60=" + time_to_wire(now_ns), f"58={text}",
        )  # fmt: skip

    def _cancel_refused(
        self,
        client: str,
        request: Change,
        order: Order | None,
        response_to: CxlRejResponseTo,
        reason: int,
        text: str,
        now_ns: int,
    ) -> Reply:
        self.record.write(
            "cancel_refused",
            now_ns,
            self.name,
            session=client,
            cl_ord_id=request.cl_ord_id,
            orig_cl_ord_id=request.orig_cl_ord_id,
            reason=reason,
            text=text,
        )
        message = OrderCancelReject(
            cl_ord_id=request.cl_ord_id, orig_cl_ord_id=request.orig_cl_ord_id,
            ord_status=order.status if order else OrdStatus.REJECTED, response_to=response_to,
            order_id=order.order_id if order else "NONE", cxl_rej_reason=reason,
            account=order.account if order else "", transact_time_ns=now_ns, text=text,
        )  # fmt: skip
        return Reply(client, message.MSG_TYPE, message.body())


def _half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator, rounded half up (towards plus infinity), exactly."""
    return (2 * numerator + denominator) // (2 * denominator)
