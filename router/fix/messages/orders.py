"""Orders, as a desk or the router sends them: NewOrderSingle(D), OrderCancelReplaceRequest(G).

Prices are nanos, quantities lots, times ns. `parse` raises FieldError; `body` gives the fields after the
header, and leaves out what the version does not have.
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
from router.fix.messages.parties import (
    Parties,
    carried,
    read_capacity,
    read_locate,
    read_parties,
)
from router.fix.messages.plain import plain_order
from router.fix.messages.strategies import (
    USER_DEFINED,
    Strategy,
    StrategyParameter,
    read_strategy,
    strategy_fields,
)
from router.fix.versions import FIX44, Version

MIDPOINT_PEG: Final = "M"  # ExecInst(18)
_ORDER: Final = Layout(
    text=(
        tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.ORDER_ID, tags.ACCOUNT, tags.SYMBOL, tags.SIDE,
        tags.ORD_TYPE, tags.TIME_IN_FORCE, tags.EXEC_INST, tags.EX_DESTINATION,
        tags.TARGET_STRATEGY_PARAMETERS, tags.ORD_STATUS_REQ_ID, tags.ORDER_CAPACITY, tags.RULE_80A,
        tags.LOCATE_REQD, tags.TARGET_STRATEGY_PARAMETERS + USER_DEFINED,
    ),
    decimal=(
        tags.ORDER_QTY, tags.PRICE, tags.TARGET_STRATEGY, tags.MIN_QTY, tags.MAX_FLOOR,
        tags.PARTICIPATION_RATE, tags.TARGET_STRATEGY + USER_DEFINED, tags.PARTICIPATION_RATE + USER_DEFINED,
    ),
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
    """An order. `effective_time_ns` (168) to `strategy_parameters` (957) are a parent's, from a desk: start,
    end, strategy, whether it must complete, its share of the volume (a fraction of 1 in nanos) and further
    parameters. `min_qty_lots`: no fill may be smaller; `max_floor_lots`: as much is shown (0: nothing; None:
    all). `locate_reqd` (114): whether the broker is to locate the stock of a short sale, None where not said.
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
    participation_nanos: int | None = None
    strategy_parameters: tuple[StrategyParameter, ...] = ()
    parties: Parties = ()
    order_capacity: str = ""
    locate_reqd: bool | None = None

    @classmethod
    def parse(cls, message: Message, instruments: Instruments, version: Version = FIX44) -> "NewOrderSingle":
        plain = plain_order(message, instruments, version)
        return cls._any_order(message, instruments, version) if plain is None else cls(*plain)

    @classmethod
    def _any_order(cls, message: Message, instruments: Instruments, version: Version) -> "NewOrderSingle":
        fields = _ORDER.read(message)
        cl_ord_id = fields.required(tags.CL_ORD_ID)
        symbol, lots_per_unit = fields.symbol(instruments)
        ord_type = fields.required_choice(tags.ORD_TYPE, ORD_TYPES)
        side = fields.required_choice(tags.SIDE, SIDES)
        transact_time_ns = fields.required_time_ns(tags.TRANSACT_TIME)
        qty_lots = fields.positive_lots(tags.ORDER_QTY, lots_per_unit)
        price_nanos = _price(fields, ord_type)
        strategy = read_strategy(message, fields, version)
        return cls(
            cl_ord_id=cl_ord_id,
            symbol=symbol,
            side=side,
            transact_time_ns=transact_time_ns,
            qty_lots=qty_lots,
            ord_type=ord_type,
            price_nanos=price_nanos,
            tif=fields.choice(tags.TIME_IN_FORCE, TIMES_IN_FORCE) or TimeInForce.DAY,
            account=fields.text(tags.ACCOUNT),
            exec_inst=fields.text(tags.EXEC_INST),
            ex_destination=fields.text(tags.EX_DESTINATION),
            effective_time_ns=fields.time_ns(tags.EFFECTIVE_TIME),
            expire_time_ns=fields.time_ns(tags.EXPIRE_TIME),
            target_strategy=strategy.target,
            must_complete=strategy.must_complete,
            min_qty_lots=_part(fields, tags.MIN_QTY, lots_per_unit) or 0,
            max_floor_lots=_part(fields, tags.MAX_FLOOR, lots_per_unit),
            participation_nanos=strategy.participation_nanos,
            strategy_parameters=strategy.parameters,
            parties=read_parties(message, version),
            order_capacity=read_capacity(fields, version),
            locate_reqd=read_locate(fields),
        )

    def body(self, lots_per_unit: int, version: Version = FIX44) -> bytes:
        child = order_body(
            self.cl_ord_id, self.account, self.symbol, self.side, self.transact_time_ns, self.qty_lots,
            lots_per_unit, self.ord_type, self.price_nanos, self.tif, self.exec_inst, self.ex_destination,
        )  # fmt: skip
        return child + _terms(self, lots_per_unit, version)


def _terms(
    order: "NewOrderSingle | OrderCancelReplaceRequest", lots_per_unit: int, version: Version
) -> bytes:
    """What few orders have, after what all have."""
    body = b""
    if order.effective_time_ns is not None:
        body += b"168=%b\x01" % time_to_wire(order.effective_time_ns)
    if order.expire_time_ns is not None:
        body += b"126=%b\x01" % time_to_wire(order.expire_time_ns)
    body += strategy_fields(
        Strategy(
            order.target_strategy, order.must_complete, order.participation_nanos, order.strategy_parameters
        ),
        version,
    )
    if order.min_qty_lots:
        body += b"110=%b\x01" % lots_to_wire(order.min_qty_lots, lots_per_unit)
    if order.max_floor_lots is not None:
        body += b"111=%b\x01" % lots_to_wire(order.max_floor_lots, lots_per_unit)
    return body + carried(order.parties, order.order_capacity, order.locate_reqd, version)


@lru_cache(maxsize=1024)
def _fixed(account: str, exec_inst: str, ex_destination: str, symbol: str, side: Side) -> bytes:
    """What hardly changes from one order to the next: all between ClOrdID and TransactTime."""
    fields = joined(
        account and f"1={account}",
        b"21=1",
        exec_inst and f"18={exec_inst}",
        ex_destination and f"100={ex_destination}",
        f"55={symbol}",
    )
    return b"\x01%b54=%d\x0160=" % (fields, side)


_KINDS: Final = {kind: b"\x0140=%b\x01" % kind.encode() for kind in OrdType}
_UNTIL: Final = {tif: b"59=%b\x01" % tif.encode() for tif in TimeInForce}


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
    """The body of a NewOrderSingle without making one: the hot path of a child order. Every version has these
    fields; HandlInst(21) is there since FIX 4.2 requires it.
    """
    if "\x01" in cl_ord_id:
        raise ValueError(f"ClOrdID(11) {cl_ord_id!r} contains the field delimiter")
    return b"".join(
        (
            b"11=",
            cl_ord_id.encode("latin-1"),
            _fixed(account, exec_inst, ex_destination, symbol, side),
            time_to_wire(transact_time_ns),
            b"\x0138=",
            lots_to_wire(qty_lots, lots_per_unit),
            _KINDS[ord_type],
            b"44=%b\x01" % nanos_to_wire(price_nanos) if price_nanos is not None else b"",
            _UNTIL[tif],
        )
    )


@dataclass(frozen=True, slots=True)
class OrderCancelReplaceRequest:
    """The order to be instead of `orig_cl_ord_id`. `qty_lots` is the whole quantity, fills included. What
    follows `exec_inst` is as in NewOrderSingle.
    """

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
    effective_time_ns: int | None = None
    expire_time_ns: int | None = None
    target_strategy: int | None = None
    must_complete: bool | None = None
    min_qty_lots: int = 0
    max_floor_lots: int | None = None
    participation_nanos: int | None = None
    strategy_parameters: tuple[StrategyParameter, ...] = ()
    parties: Parties = ()
    order_capacity: str = ""
    locate_reqd: bool | None = None

    @classmethod
    def parse(
        cls, message: Message, instruments: Instruments, version: Version = FIX44
    ) -> "OrderCancelReplaceRequest":
        fields = _ORDER.read(message)
        orig_cl_ord_id = fields.required(tags.ORIG_CL_ORD_ID)
        cl_ord_id = fields.required(tags.CL_ORD_ID)
        symbol, lots_per_unit = fields.symbol(instruments)
        ord_type = fields.required_choice(tags.ORD_TYPE, ORD_TYPES)
        strategy = read_strategy(message, fields, version)
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
            effective_time_ns=fields.time_ns(tags.EFFECTIVE_TIME),
            expire_time_ns=fields.time_ns(tags.EXPIRE_TIME),
            target_strategy=strategy.target,
            must_complete=strategy.must_complete,
            min_qty_lots=_part(fields, tags.MIN_QTY, lots_per_unit) or 0,
            max_floor_lots=_part(fields, tags.MAX_FLOOR, lots_per_unit),
            participation_nanos=strategy.participation_nanos,
            strategy_parameters=strategy.parameters,
            parties=read_parties(message, version),
            order_capacity=read_capacity(fields, version),
            locate_reqd=read_locate(fields),
        )

    def body(self, lots_per_unit: int, version: Version = FIX44) -> bytes:
        order = joined(
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
        return order + _terms(self, lots_per_unit, version)
