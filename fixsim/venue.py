"""One venue: typed orders in, typed reports out, over the books that match, one for each instrument.

Pure: no clock, no I/O, no bytes. The venue owns its order table and the rules of entry (ClOrdID unique for
each client, symbol, tick, lot, type); the book behind `Book` owns priority and price. Terminal orders stay in
the table, as ClOrdIDs must never repeat within a day; the table's size is bounded and a full table refuses
(103=99).

OrdStatus (39) is the order's state; the table of what a request meets, FIX 4.4 volume 4, appendix D:

    request \\ order    unknown          live                   done
    F cancel           9 434=1 102=1    8 150=4                9 434=1 102=0
    G replace          9 434=2 102=1    8 150=5, or 9 102=2    9 434=2 102=0
    H status           8 150=I 39=8     8 150=I                8 150=I

What asks for all orders at once (AF, q), and what cancels them unasked, means those of one client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fixsim.entry import (
    DUPLICATE_ORDER,
    EXCHANGE_CLOSED,
    NO_GROUP,
    OTHER,
    UNKNOWN_ORDER,
    UNKNOWN_SYMBOL,
    Group,
    Refused,
    ask_of,
    check_quantity,
    groups_of,
    px_of,
)
from fixsim.matching import MatchingError
from fixsim.orders import Book, Fill, Happening, Keys, Order, Reply
from fixsim.record import Record
from fixsim.reporting import OTHER_RESTATEMENT, Change, Reporter
from fixsim.settings import Instrument
from fixsim.settings import Venue as VenueSettings
from risk.order import Side
from router.fix.messages import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    OrdStatus,
)
from router.fix.messages.mass import ALL_ORDERS, FOR_A_SECURITY, REFUSED

Throttled = NewOrderSingle | Change | OrderMassCancelRequest
MAX_ORDERS = 1_000_000
MASS_CANCEL_NOT_SUPPORTED, UNKNOWN_SECURITY = 0, 1  # MassCancelRejectReason(532)


@dataclass(slots=True)
class Place:
    """One instrument at a venue. `shut` says why it takes no orders now, "" if it does."""

    instrument: Instrument
    book: Book
    shut: str = ""


@dataclass(slots=True)
class Venue:
    """The order table of one venue; see the module. `keys` is shared by all venues of an exchange."""

    settings: VenueSettings
    places: Mapping[str, Place]
    """By symbol, in the order of the settings."""
    record: Record
    keys: Keys
    orders: dict[int, Order] = field(default_factory=dict)
    said: Reporter = field(init=False)
    _groups: Mapping[str, Group] = field(init=False)
    _open: dict[int, Order] = field(default_factory=dict)
    _by_cl_ord_id: dict[tuple[str, str], Order | None] = field(default_factory=dict)
    _order_number: int = 0
    _mass_number: int = 0

    def __post_init__(self) -> None:
        self.said = Reporter(self.settings, self.record)
        self._groups = groups_of(self.settings)

    @property
    def name(self) -> str:
        return self.settings.name

    def open_orders(self) -> list[Order]:
        """Orders that still rest, oldest first."""
        return list(self._open.values())

    # -- requests ---------------------------------------------------------------------------------

    def new_order(self, client: str, request: NewOrderSingle, now_ns: int) -> list[Reply]:
        """A NewOrderSingle(D) reaches the engine: refused, or acknowledged and then matched."""
        key = self.keys.take()
        place = self.places[request.symbol]
        try:
            self._check_entry(client, request)
            ask = ask_of(request, self._groups.get(client, NO_GROUP), place.instrument, self.settings)
            outcome = place.book.submit(key, ask, now_ns)
        except Refused as refused:
            return [self.refuse(client, request, refused.reason, refused.text, now_ns)]
        except MatchingError as error:
            return [self.refuse(client, request, OTHER, str(error), now_ns)]
        self._order_number += 1
        order = Order(
            key=key,
            owner=client,
            cl_ord_id=request.cl_ord_id,
            order_id=f"{self.name}-{self._order_number}",
            account=request.account,
            instrument=place.instrument,
            side=request.side,
            ord_type=request.ord_type,
            tif=request.tif,
            qty_lots=request.qty_lots,
            price_nanos=request.price_nanos,
            leaves_lots=request.qty_lots,
            min_lots=request.min_qty_lots,
            parties=request.parties,
            order_capacity=request.order_capacity,
        )
        self.orders[key] = self._open[key] = order
        self._by_cl_ord_id[client, order.cl_ord_id] = order
        replies = [self.said.accepted(order, now_ns), *self.happened(outcome.happened, now_ns)]
        if order.live and outcome.cancelled_lots:
            why = f"{outcome.why}, " if outcome.why else ""
            replies.append(self._drop(order, now_ns, text=f"{ask.kind.value}: {why}the rest is cancelled"))
        return replies

    def cancel(self, client: str, request: OrderCancelRequest, now_ns: int) -> list[Reply]:
        """An OrderCancelRequest(F) reaches the engine."""
        found = self._find(client, request, now_ns)
        if isinstance(found, Reply):
            return [found]
        try:
            self._check_same(found, request)
            outcome = self.places[found.instrument.symbol].book.cancel([found.key], now_ns)
        except Refused as refused:
            return [self.said.cancel_refused(client, request, found, refused.reason, refused.text, now_ns)]
        except MatchingError as error:
            return [self.said.cancel_refused(client, request, found, OTHER, str(error), now_ns)]
        self._by_cl_ord_id[client, request.cl_ord_id] = found
        dropped = self._drop(found, now_ns, asked=request.cl_ord_id)
        return [dropped, *self.happened(outcome.happened, now_ns)]

    def replace(self, client: str, request: OrderCancelReplaceRequest, now_ns: int) -> list[Reply]:
        """An OrderCancelReplaceRequest(G): total quantity and price change, side and type may not."""
        found = self._find(client, request, now_ns)
        if isinstance(found, Reply):
            return [found]
        order, place = found, self.places[found.instrument.symbol]
        try:
            self._check_same(order, request)
            if request.ord_type != order.ord_type:
                raise Refused(2, "OrdType(40) cannot be replaced")
            if place.shut:
                raise Refused(OTHER, place.shut)
            done_lots = order.cum_lots + order.busted_lots
            if request.qty_lots <= done_lots:
                busted = f" and {order.busted_lots} busted" if order.busted_lots else ""
                done = f"CumQty(14) {order.cum_lots}{busted}"
                raise Refused(2, f"OrderQty(38) {request.qty_lots} lots is not more than {done}")
            check_quantity(place.instrument, request.qty_lots)
            px = px_of(place.instrument, self.name, order.ord_type, request.price_nanos)
            outcome = place.book.replace(order.key, px, request.qty_lots - done_lots, now_ns)
        except Refused as refused:
            reason = refused.reason if refused.reason == OTHER else 2
            return [self.said.cancel_refused(client, request, order, reason, refused.text, now_ns)]
        except MatchingError as error:
            return [self.said.cancel_refused(client, request, order, OTHER, str(error), now_ns)]
        orig, order.cl_ord_id = order.cl_ord_id, request.cl_ord_id
        self._by_cl_ord_id[client, request.cl_ord_id] = order
        order.qty_lots, order.price_nanos = request.qty_lots, request.price_nanos
        order.leaves_lots = order.qty_lots - done_lots
        order.status = OrdStatus.PARTIALLY_FILLED if order.cum_lots else OrdStatus.NEW
        replies = [self.said.replaced(order, orig, now_ns), *self.happened(outcome.happened, now_ns)]
        if order.live and outcome.cancelled_lots:
            replies.append(self._drop(order, now_ns, text="the rest is cancelled", reason=OTHER_RESTATEMENT))
        return replies

    def status(self, client: str, request: OrderStatusRequest, now_ns: int) -> list[Reply]:
        """An OrderStatusRequest(H), by any ClOrdID the order has had."""
        order = self._by_cl_ord_id.get((client, request.cl_ord_id))
        asked, req_id = request.cl_ord_id, request.ord_status_req_id
        if order is not None:
            return [self.said.stated(order, now_ns, cl_ord_id=asked, ord_status_req_id=req_id)]
        return [
            self.said.no_order(
                client, now_ns, symbol=request.symbol, side=request.side, cl_ord_id=asked,
                ord_status_req_id=req_id,
            )
        ]  # fmt: skip

    def mass_status(self, client: str, request: OrderMassStatusRequest, now_ns: int) -> list[Reply]:
        """An OrderMassStatusRequest(AF): a report for each open order, the last of them with 912=Y.

        With none to tell of, or a request that cannot be served, one report says so (39=8) and is the last.
        """
        req_id, kind, symbol = request.mass_status_req_id, request.request_type, request.symbol
        reason, text = UNKNOWN_ORDER, "no open orders"
        found: list[Order] = []
        if kind not in (FOR_A_SECURITY, ALL_ORDERS):
            reason, text = OTHER, f"MassStatusReqType(585) {kind} is not one of 1, 7"
        elif (kind == FOR_A_SECURITY or symbol) and symbol not in self.places:
            text = (
                f"Symbol(55) {symbol} is not listed" if symbol else "Symbol(55) is missing, which 585=1 needs"
            )
            reason = UNKNOWN_SYMBOL
        else:
            found = self._owned(client, symbol, request.side)
            found = [order for order in found if request.account in ("", order.account)]
        if not found:
            # The report must have both; with nothing found there is no order whose they would be.
            symbol, side = symbol or next(iter(self.places)), request.side or Side.BUY
            return [
                self.said.no_order(
                    client, now_ns, symbol=symbol, side=side, why=text, reason=reason,
                    mass_status_req_id=req_id, tot_reports=0, last_of_mass=True,
                )
            ]  # fmt: skip
        total = len(found)
        return [
            self.said.stated(
                order, now_ns, mass_status_req_id=req_id, tot_reports=total, last_of_mass=number == total
            )
            for number, order in enumerate(found, 1)
        ]

    def mass_cancel(self, client: str, request: OrderMassCancelRequest, now_ns: int) -> list[Reply]:
        """An OrderMassCancelRequest(q): OrderMassCancelReport(r), then each cancelled order's own report."""
        kind, symbol = request.request_type, request.symbol
        if (client, request.cl_ord_id) in self._by_cl_ord_id:
            text = f"ClOrdID(11) {request.cl_ord_id} was used before"
            return [self._mass_refused(client, request, OTHER, text, now_ns)]
        if kind not in (FOR_A_SECURITY, ALL_ORDERS):
            text = f"MassCancelRequestType(530) {kind} is not one of 1, 7"
            return [self._mass_refused(client, request, MASS_CANCEL_NOT_SUPPORTED, text, now_ns)]
        if (kind == FOR_A_SECURITY or symbol) and symbol not in self.places:
            text = f"Symbol(55) {symbol} is not listed" if symbol else "Symbol(55) is missing"
            return [self._mass_refused(client, request, UNKNOWN_SECURITY, text, now_ns)]
        text = f"mass cancel {request.cl_ord_id}"
        asked = self._owned(client, symbol, request.side)
        dropped = self.drop_all(asked, text, now_ns)
        found = [order for order in asked if not order.live]
        if asked and not found:
            return [self._mass_refused(client, request, OTHER, "the books take no cancel now", now_ns)]
        self._by_cl_ord_id[client, request.cl_ord_id] = None
        report = OrderMassCancelReport(
            request.cl_ord_id, self._next_mass_id(), kind, kind, len(found),
            [(order.cl_ord_id, order.order_id) for order in found], symbol=symbol, side=request.side,
            transact_time_ns=now_ns,
        )  # fmt: skip
        return [Reply(client, report), *dropped]

    def cancel_all(self, client: str, text: str, now_ns: int) -> list[Reply]:
        """Nobody asked: every open order of a client goes, for the reason in `text`."""
        return self.drop_all(self._owned(client), text, now_ns, OTHER_RESTATEMENT)

    def drop_all(
        self, orders: Sequence[Order], text: str, now_ns: int, reason: int | None = None
    ) -> list[Reply]:
        """Open orders go, each with its report; `reason` is 378.

        All of a book go at once, before others may trade because of it: none is filled for the one before it
        went. A book that cannot cancel now keeps its orders.
        """
        happened: list[Happening] = []
        gone: set[int] = set()
        for symbol in dict.fromkeys(order.instrument.symbol for order in orders):
            keys = [order.key for order in orders if order.live and order.instrument.symbol == symbol]
            with suppress(MatchingError):
                happened += self.places[symbol].book.cancel(keys, now_ns).happened
                gone.update(keys)
        replies = [
            self._drop(order, now_ns, text=text, reason=reason) for order in orders if order.key in gone
        ]
        return [*replies, *self.happened(happened, now_ns)]

    def refuse(
        self, client: str, request: NewOrderSingle | Mapping[int, str], reason: int, text: str, now_ns: int
    ) -> Reply:
        """150=8 for a NewOrderSingle, or for one that could not be read, as it came (its 11, 1, 55, 54)."""
        if reason != DUPLICATE_ORDER:
            used = request.cl_ord_id if isinstance(request, NewOrderSingle) else request[11]
            self._by_cl_ord_id.setdefault((client, used), None)
        return self.said.rejected(client, request, reason, text, now_ns)

    def throttled(self, client: str, request: Throttled, text: str, now_ns: int) -> Reply:
        """The refusal of a request that is not looked into."""
        if isinstance(request, NewOrderSingle):
            return self.refuse(client, request, OTHER, text, now_ns)
        if isinstance(request, OrderMassCancelRequest):
            return self._mass_refused(client, request, OTHER, text, now_ns)
        order = self._by_cl_ord_id.get((client, request.orig_cl_ord_id))
        return self.said.cancel_refused(client, request, order, OTHER, text, now_ns)

    def _mass_refused(
        self, client: str, request: OrderMassCancelRequest, reason: int, text: str, now_ns: int
    ) -> Reply:
        """531=0: nothing was cancelled."""
        report = OrderMassCancelReport(
            request.cl_ord_id, self._next_mass_id(), request.request_type, REFUSED, reject_reason=reason,
            symbol=request.symbol, side=request.side, transact_time_ns=now_ns, text=text,
        )  # fmt: skip
        return Reply(client, report)

    # -- what the book says -----------------------------------------------------------------------

    def happened(self, happenings: Sequence[Happening], now_ns: int) -> list[Reply]:
        """What befell this venue's orders, in the order the book made it."""
        replies = []
        for one in happenings:
            order = self.orders[one.key]
            if isinstance(one, Fill):
                replies.append(self.said.traded(order, one, now_ns))
                if not order.live:
                    self._open.pop(order.key, None)
            else:
                replies.append(self._drop(order, now_ns, text=one.why, reason=OTHER_RESTATEMENT))
        return replies

    # -- inside -----------------------------------------------------------------------------------

    def _check_entry(self, client: str, request: NewOrderSingle) -> None:
        if (client, request.cl_ord_id) in self._by_cl_ord_id:
            raise Refused(DUPLICATE_ORDER, f"ClOrdID(11) {request.cl_ord_id} was used before")
        if len(self._by_cl_ord_id) >= MAX_ORDERS:
            raise Refused(OTHER, f"the venue's table of {MAX_ORDERS} orders is full")
        if shut := self.places[request.symbol].shut:
            raise Refused(EXCHANGE_CLOSED, shut)

    @staticmethod
    def _check_same(order: Order, request: Change) -> None:
        """What a request says of the order that it names."""
        if request.symbol != order.instrument.symbol:
            raise Refused(2, f"Symbol(55) of {request.orig_cl_ord_id} is {order.instrument.symbol}")
        if request.side != order.side:
            raise Refused(2, f"Side(54) of {request.orig_cl_ord_id} is {order.side.value}")

    def _find(self, client: str, request: Change, now_ns: int) -> Order | Reply:
        order = self._by_cl_ord_id.get((client, request.orig_cl_ord_id))
        refused: Callable[[int, str], Reply] = lambda reason, text: self.said.cancel_refused(  # noqa: E731
            client, request, order, reason, text, now_ns
        )
        if order is None:
            return refused(1, f"OrigClOrdID(41) {request.orig_cl_ord_id} is not known")
        if (client, request.cl_ord_id) in self._by_cl_ord_id:
            return refused(6, f"ClOrdID(11) {request.cl_ord_id} was used before")
        if not order.live:
            return refused(0, f"too late: the order is {order.status.name.lower()}")
        return order

    def _owned(self, client: str, symbol: str = "", side: Side | None = None) -> list[Order]:
        """Open orders of a client, oldest first; "" and None: any."""
        return [
            order
            for order in self._open.values()
            if order.owner == client
            and symbol in ("", order.instrument.symbol)
            and side in (None, order.side)
        ]

    def _drop(
        self, order: Order, now_ns: int, *, asked: str = "", text: str = "", reason: int | None = None
    ) -> Reply:
        self._open.pop(order.key, None)
        return self.said.canceled(order, now_ns, asked=asked, text=text, reason=reason)

    def _next_mass_id(self) -> str:
        self._mass_number += 1
        return f"{self.name}-M{self._mass_number}"
