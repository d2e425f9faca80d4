"""Orders, as a desk or the router sends them: NewOrderSingle(D), OrderCancelRequest(F),
OrderCancelReplaceRequest(G), OrderStatusRequest(H).

Prices are nanos, quantities lots, times ns. `parse` raises FieldError; `body` gives the fields after the
header.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from risk.order import OrdType, Side, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, nanos_to_wire, time_to_wire
from router.fix.messages.fields import (
    CONDITIONALLY_REQUIRED_MISSING,
    INCORRECT_QUANTITY,
    ORD_TYPES,
    REQUIRED_TAG_MISSING,
    SIDES,
    TIMES_IN_FORCE,
    FieldError,
    Fields,
    Instruments,
    Layout,
    joined,
)

MIDPOINT_PEG: Final = "M"  # ExecInst(18)
_COMPLETE: Final = {b"complete=must": True, b"complete=may": False}
_ORDER: Final = Layout(
    text=(
        tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.ORDER_ID, tags.ACCOUNT, tags.SYMBOL, tags.SIDE,
        tags.ORD_TYPE, tags.TIME_IN_FORCE, tags.EXEC_INST, tags.EX_DESTINATION,
        tags.TARGET_STRATEGY_PARAMETERS, tags.ORD_STATUS_REQ_ID,
    ),
    decimal=(tags.ORDER_QTY, tags.PRICE, tags.TARGET_STRATEGY, tags.MIN_QTY, tags.MAX_FLOOR),
    time=(tags.TRANSACT_TIME, tags.EFFECTIVE_TIME, tags.EXPIRE_TIME),
)  # fmt: skip


def _price(fields: Fields, ord_type: OrdType) -> int | None:
    price = fields.nanos(tags.PRICE)
    if price is None:
        if ord_type is OrdType.LIMIT:
            rule = "is missing from a limit order"
            raise FieldError(tags.PRICE, None, rule, REQUIRED_TAG_MISSING, CONDITIONALLY_REQUIRED_MISSING)
    elif price <= 0:
        raise FieldError(tags.PRICE, fields.wire(tags.PRICE), "is not positive")
    return price


def _part(fields: Fields, tag: int, lots_per_unit: int) -> int | None:
    """A quantity that is a part of the order's, 0 included."""
    value = fields.lots(tag, lots_per_unit)
    if value is not None and value < 0:
        raise FieldError(tag, fields.wire(tag), "is below zero", ord_rej_reason=INCORRECT_QUANTITY)
    return value


@dataclass(frozen=True, slots=True)
class NewOrderSingle:
    """An order. `effective_time_ns` (168) to `must_complete` (848) are a parent's, from a desk: start, end,
    strategy, and whether it must complete. `min_qty_lots`: no fill may be smaller; `max_floor_lots`: as much
    is shown (0: nothing; None: all).
    """

    MSG_TYPE: ClassVar[bytes] = tags.NEW_ORDER_SINGLE

    cl_ord_id: str
    symbol: str
    side: Side
    transact_time_ns: int
    qty_lots: int
    ord_type: OrdType
    price_nanos: int | None = None
    tif: TimeInForce = TimeInForce.DAY
    account: str = ""
    exec_inst: str = ""
    ex_destination: str = ""
    effective_time_ns: int | None = None
    expire_time_ns: int | None = None
    target_strategy: int | None = None
    must_complete: bool | None = None
    min_qty_lots: int = 0
    max_floor_lots: int | None = None

    @classmethod
    def parse(cls, message: Message, instruments: Instruments) -> "NewOrderSingle":
        fields = _ORDER.read(message)
        cl_ord_id = fields.required(tags.CL_ORD_ID)
        symbol, lots_per_unit = fields.symbol(instruments)
        ord_type = fields.required_choice(tags.ORD_TYPE, ORD_TYPES)
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=fields.required_choice(tags.SIDE, SIDES),
            transact_time_ns=fields.required_time_ns(tags.TRANSACT_TIME),
            qty_lots=fields.positive_lots(tags.ORDER_QTY, lots_per_unit),
            ord_type=ord_type,
            price_nanos=_price(fields, ord_type),
            tif=fields.choice(tags.TIME_IN_FORCE, TIMES_IN_FORCE) or TimeInForce.DAY,
            account=fields.text(tags.ACCOUNT),
            exec_inst=fields.text(tags.EXEC_INST),
            ex_destination=fields.text(tags.EX_DESTINATION),
            effective_time_ns=fields.time_ns(tags.EFFECTIVE_TIME),
            expire_time_ns=fields.time_ns(tags.EXPIRE_TIME),
            target_strategy=fields.integer(tags.TARGET_STRATEGY),
            must_complete=fields.choice(tags.TARGET_STRATEGY_PARAMETERS, _COMPLETE),
            min_qty_lots=_part(fields, tags.MIN_QTY, lots_per_unit) or 0,
            max_floor_lots=_part(fields, tags.MAX_FLOOR, lots_per_unit),
        )

    def body(self, lots_per_unit: int) -> bytes:
        child = order_body(
            self.cl_ord_id, self.account, self.symbol, self.side, self.transact_time_ns, self.qty_lots,
            lots_per_unit, self.ord_type, self.price_nanos, self.tif, self.exec_inst, self.ex_destination,
        )  # fmt: skip
        if self.effective_time_ns is not None:
            child += b"168=%b\x01" % time_to_wire(self.effective_time_ns)
        if self.expire_time_ns is not None:
            child += b"126=%b\x01" % time_to_wire(self.expire_time_ns)
        if self.target_strategy is not None:
            child += b"847=%d\x01" % self.target_strategy
        if self.must_complete is not None:
            child += b"848=complete=must\x01" if self.must_complete else b"848=complete=may\x01"
        if self.min_qty_lots:
            child += b"110=%b\x01" % lots_to_wire(self.min_qty_lots, lots_per_unit)
        if self.max_floor_lots is not None:
            child += b"111=%b\x01" % lots_to_wire(self.max_floor_lots, lots_per_unit)
        return child


@lru_cache(maxsize=1024)
def _fixed(account: str, exec_inst: str, ex_destination: str, symbol: str) -> bytes:
    """What hardly changes from one order to the next."""
    return joined(
        account and f"1={account}",
        b"21=1",
        exec_inst and f"18={exec_inst}",
        ex_destination and f"100={ex_destination}",
        f"55={symbol}",
    )


def order_body(
    cl_ord_id: str,
    account: str,
    symbol: str,
    side: Side,
    transact_time_ns: int,
    qty_lots: int,
    lots_per_unit: int,
    ord_type: OrdType,
    price_nanos: int | None,
    tif: TimeInForce,
    exec_inst: str = "",
    ex_destination: str = "",
) -> bytes:
    """The body of a NewOrderSingle without making one: the hot path of a child order."""
    if "\x01" in cl_ord_id:
        raise ValueError(f"ClOrdID(11) {cl_ord_id!r} contains the field delimiter")
    return b"11=%b\x01%b54=%d\x0160=%b\x0138=%b\x0140=%b\x01%b59=%b\x01" % (
        cl_ord_id.encode("latin-1"),
        _fixed(account, exec_inst, ex_destination, symbol),
        side,
        time_to_wire(transact_time_ns),
        lots_to_wire(qty_lots, lots_per_unit),
        ord_type.encode(),
        b"44=%b\x01" % nanos_to_wire(price_nanos) if price_nanos is not None else b"",
        tif.encode(),
    )


@dataclass(frozen=True, slots=True)
class OrderCancelRequest:
    """`order_id` is the venue's, "" where not known."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_CANCEL_REQUEST

    cl_ord_id: str
    orig_cl_ord_id: str
    symbol: str
    side: Side
    transact_time_ns: int
    qty_lots: int
    order_id: str = ""
    account: str = ""

    @classmethod
    def parse(cls, message: Message, instruments: Instruments) -> "OrderCancelRequest":
        fields = _ORDER.read(message)
        orig_cl_ord_id = fields.required(tags.ORIG_CL_ORD_ID)
        cl_ord_id = fields.required(tags.CL_ORD_ID)
        symbol, lots_per_unit = fields.symbol(instruments)
        return cls(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            symbol=symbol,
            side=fields.required_choice(tags.SIDE, SIDES),
            transact_time_ns=fields.required_time_ns(tags.TRANSACT_TIME),
            qty_lots=fields.positive_lots(tags.ORDER_QTY, lots_per_unit),
            order_id=fields.text(tags.ORDER_ID),
            account=fields.text(tags.ACCOUNT),
        )

    def body(self, lots_per_unit: int) -> bytes:
        return joined(
            f"41={self.orig_cl_ord_id}",
            self.order_id and f"37={self.order_id}",
            f"11={self.cl_ord_id}",
            self.account and f"1={self.account}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
            b"60=" + time_to_wire(self.transact_time_ns),
            b"38=" + lots_to_wire(self.qty_lots, lots_per_unit),
        )


@dataclass(frozen=True, slots=True)
class OrderCancelReplaceRequest:
    """The order to be instead of `orig_cl_ord_id`. `qty_lots` is the whole quantity, fills included."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_CANCEL_REPLACE_REQUEST

    cl_ord_id: str
    orig_cl_ord_id: str
    symbol: str
    side: Side
    transact_time_ns: int
    qty_lots: int
    ord_type: OrdType
    price_nanos: int | None = None
    tif: TimeInForce = TimeInForce.DAY
    order_id: str = ""
    account: str = ""
    exec_inst: str = ""

    @classmethod
    def parse(cls, message: Message, instruments: Instruments) -> "OrderCancelReplaceRequest":
        fields = _ORDER.read(message)
        orig_cl_ord_id = fields.required(tags.ORIG_CL_ORD_ID)
        cl_ord_id = fields.required(tags.CL_ORD_ID)
        symbol, lots_per_unit = fields.symbol(instruments)
        ord_type = fields.required_choice(tags.ORD_TYPE, ORD_TYPES)
        return cls(
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            symbol=symbol,
            side=fields.required_choice(tags.SIDE, SIDES),
            transact_time_ns=fields.required_time_ns(tags.TRANSACT_TIME),
            qty_lots=fields.positive_lots(tags.ORDER_QTY, lots_per_unit),
            ord_type=ord_type,
            price_nanos=_price(fields, ord_type),
            tif=fields.choice(tags.TIME_IN_FORCE, TIMES_IN_FORCE) or TimeInForce.DAY,
            order_id=fields.text(tags.ORDER_ID),
            account=fields.text(tags.ACCOUNT),
            exec_inst=fields.text(tags.EXEC_INST),
        )

    def body(self, lots_per_unit: int) -> bytes:
        return joined(
            self.order_id and f"37={self.order_id}",
            f"41={self.orig_cl_ord_id}",
            f"11={self.cl_ord_id}",
            self.account and f"1={self.account}",
            b"21=1",
            self.exec_inst and f"18={self.exec_inst}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
            b"60=" + time_to_wire(self.transact_time_ns),
            b"38=" + lots_to_wire(self.qty_lots, lots_per_unit),
            f"40={self.ord_type.value}",
            b"44=" + nanos_to_wire(self.price_nanos) if self.price_nanos is not None else b"",
            f"59={self.tif.value}",
        )


@dataclass(frozen=True, slots=True)
class OrderStatusRequest:
    """Answered by an ExecutionReport with ExecType(150)=I."""

    MSG_TYPE: ClassVar[bytes] = tags.ORDER_STATUS_REQUEST

    cl_ord_id: str
    symbol: str
    side: Side
    order_id: str = ""
    ord_status_req_id: str = ""
    account: str = ""

    @classmethod
    def parse(cls, message: Message, instruments: Instruments) -> "OrderStatusRequest":
        fields = _ORDER.read(message)
        return cls(
            cl_ord_id=fields.required(tags.CL_ORD_ID),
            symbol=fields.symbol(instruments)[0],
            side=fields.required_choice(tags.SIDE, SIDES),
            order_id=fields.text(tags.ORDER_ID),
            ord_status_req_id=fields.text(tags.ORD_STATUS_REQ_ID),
            account=fields.text(tags.ACCOUNT),
        )

    def body(self) -> bytes:
        return joined(
            self.order_id and f"37={self.order_id}",
            f"11={self.cl_ord_id}",
            self.ord_status_req_id and f"790={self.ord_status_req_id}",
            self.account and f"1={self.account}",
            f"55={self.symbol}",
            b"54=%d" % self.side,
        )
