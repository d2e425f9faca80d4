"""The NewOrderSingle as it nearly always is, read in one kernel call; any other is read by orders.py."""

from typing import Any, Final

from risk.order import OrdType, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.messages.fields import ORD_TYPES, SIDES, TIMES_IN_FORCE, Instruments
from router.fix.messages.quick import Shape, by_char
from router.fix.versions import Version

_PLAIN: Final = Shape(
    texts=(
        tags.CL_ORD_ID, tags.SYMBOL, tags.ACCOUNT, tags.EXEC_INST, tags.EX_DESTINATION,
    ),
    codes=(tags.SIDE, tags.ORD_TYPE, tags.TIME_IN_FORCE),
    lots=(tags.ORDER_QTY,),
    nanos=(tags.PRICE,),
    times=(tags.TRANSACT_TIME,),
    rare=(
        tags.EFFECTIVE_TIME, tags.EXPIRE_TIME, tags.TARGET_STRATEGY, tags.TARGET_STRATEGY_PARAMETERS,
        tags.PARTICIPATION_RATE, tags.NO_STRATEGY_PARAMETERS, tags.MIN_QTY, tags.MAX_FLOOR,
        tags.NO_PARTY_IDS, tags.ORDER_CAPACITY, tags.RULE_80A, tags.EXEC_BROKER, tags.CLIENT_ID,
        tags.CLEARING_FIRM, tags.LOCATE_REQD,
    ),
    needed=(
        tags.CL_ORD_ID, tags.SYMBOL, tags.SIDE, tags.ORD_TYPE, tags.ORDER_QTY, tags.TRANSACT_TIME,
    ),
)  # fmt: skip
_PRICED: Final = _PLAIN.bits(tags.PRICE)
_SIDE_OF: Final = by_char(SIDES)
_ORD_TYPE_OF: Final = by_char(ORD_TYPES)
_TIF_OF: Final = by_char(TIMES_IN_FORCE)


def plain_order(message: Message, instruments: Instruments, version: Version) -> tuple[Any, ...] | None:
    """The first values of an order that has no others; None for one that has, or is not as it should be."""
    found = _PLAIN.read(message, instruments, version.max_tag)
    if found is None:
        return None
    values, text = found
    (
        id_lo, id_hi, symbol_lo, symbol_hi, account_lo, account_hi, inst_lo, inst_hi, dest_lo, dest_hi,
        side_at, ord_type_at, tif_at, qty, price, transact_ns, there,
    ) = values  # fmt: skip
    side, ord_type = _SIDE_OF[side_at], _ORD_TYPE_OF[ord_type_at]
    tif = _TIF_OF[tif_at] if tif_at else TimeInForce.DAY
    priced = there & _PRICED
    if side is None or ord_type is None or tif is None or qty <= 0:
        return None
    if price <= 0 if priced else ord_type is OrdType.LIMIT:
        return None
    return (
        text[id_lo:id_hi],
        text[symbol_lo:symbol_hi],
        side,
        transact_ns,
        qty,
        ord_type,
        price if priced else None,
        tif,
        text[account_lo:account_hi],
        text[inst_lo:inst_hi],
        text[dest_lo:dest_hi],
    )
