"""Reading an ExecutionReport so that what it says of an order is never lost to what it says besides.

What it takes to apply the report is read strictly: FieldError if it is missing or cannot be read. Everything
else that is not what it should be is passed over, and told as an oddity: unknown tags, values that no
enumeration has, fields that are no number, no time, no group. An ExecType(150) that is not known is one too;
the report then says UNKNOWN, and whether its quantities prove a fill is for router/execution.py to judge.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from router.fix import tags
from router.fix.codec import Message
from router.fix.messages.fields import (
    ORD_TYPES,
    REQUIRED_TAG_MISSING,
    SIDES,
    TIMES_IN_FORCE,
    FieldError,
    Fields,
    Instruments,
    Layout,
)
from router.fix.messages.parties import Parties, read_capacity, read_parties
from router.fix.messages.statuses import (
    LIQUIDITY,
    STATUSES,
    TRANS_TYPES,
    ExecType,
    OrdStatus,
    exec_types,
    status_of,
)
from router.fix.versions import Version

_REPORT: Final = Layout(
    text=(
        tags.ORDER_ID, tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.EXEC_ID, tags.EXEC_TYPE, tags.ORD_STATUS,
        tags.ACCOUNT, tags.SYMBOL, tags.SIDE, tags.ORD_TYPE, tags.TIME_IN_FORCE, tags.LAST_MKT, tags.TEXT,
        tags.LAST_LIQUIDITY_IND, tags.EXEC_REF_ID, tags.ORD_STATUS_REQ_ID, tags.MASS_STATUS_REQ_ID,
        tags.LAST_RPT_REQUESTED, tags.COPY_MSG_INDICATOR, tags.EXEC_TRANS_TYPE, tags.ORDER_CAPACITY,
        tags.RULE_80A, tags.COMM_TYPE,
    ),
    decimal=(
        tags.ORDER_QTY, tags.PRICE, tags.LAST_QTY, tags.LAST_PX, tags.LEAVES_QTY, tags.CUM_QTY, tags.AVG_PX,
        tags.COMMISSION, tags.ORD_REJ_REASON, tags.MIN_QTY, tags.EXEC_RESTATEMENT_REASON,
        tags.PRICE_IMPROVEMENT, tags.TOT_NUM_REPORTS,
    ),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip
_PER_UNIT: Final = "1"
_ABSOLUTE: Final = ("", "3")
"""CommType(13)"""
_NAMED: Final = frozenset({ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL})
"""What only its ExecID(17) tells from the same said twice."""
_COUNTED: Final = frozenset({ExecType.TRADE, ExecType.TRADE_CORRECT})
_RESIZED: Final = frozenset({ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL, ExecType.RESTATED})
_NO_PARTIES: Final[Parties] = ()
_LARGEST: Final = (1 << 62) - 1  # what one order may be about; more is no quantity, and no machine's integer
Value = TypeVar("Value")


class _Oddities:
    """Collects what is passed over."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def read(self, read: Callable[[], Value], default: Value) -> Value:
        try:
            return read()
        except FieldError as error:
            self.texts.append(str(error))
            return default


def leniently(message: Message, instruments: Instruments, version: Version) -> tuple[Any, ...]:
    """The values of an ExecutionReport in their order. FieldError without what it takes to apply it."""
    fields = _REPORT.read(message)
    odd = _Oddities()
    symbol, lots_per_unit = fields.symbol(instruments)
    side = fields.required_choice(tags.SIDE, SIDES)
    order_id, cl_ord_id, text = fields.text(tags.ORDER_ID), fields.text(tags.CL_ORD_ID), fields.text
    if not order_id and not cl_ord_id:
        fields.need(tags.ORDER_ID)
    exec_type, status = _kind(fields, version, odd)
    if exec_type in _NAMED:
        fields.need(tags.EXEC_ID)
    traded = exec_type in _COUNTED
    last_qty = _quantity(fields, tags.LAST_QTY, lots_per_unit, odd, strict=traded)
    last_px = odd.read(lambda: fields.nanos(tags.LAST_PX), None) if not traded else _price(fields)
    resized = exec_type in _RESIZED
    leaves = _quantity(fields, tags.LEAVES_QTY, lots_per_unit, odd, strict=resized)
    # A fill says all that is to be said by itself; what else a report says of the order is not without this.
    cum = _quantity(fields, tags.CUM_QTY, lots_per_unit, odd, strict=exec_type is not ExecType.TRADE)

    def integer(tag: int) -> int | None:
        return odd.read(lambda: fields.integer(tag), None)

    def nanos(tag: int) -> int | None:
        return odd.read(lambda: fields.nanos(tag), None)

    values = (
        order_id,
        text(tags.EXEC_ID),
        exec_type,
        status,
        symbol,
        side,
        leaves,
        cum,
        nanos(tags.AVG_PX) or 0,
        cl_ord_id,
        text(tags.ORIG_CL_ORD_ID),
        text(tags.ACCOUNT),
        _quantity(fields, tags.ORDER_QTY, lots_per_unit, odd, optional=True),
        odd.read(lambda: fields.choice(tags.ORD_TYPE, ORD_TYPES), None),
        nanos(tags.PRICE),
        odd.read(lambda: fields.choice(tags.TIME_IN_FORCE, TIMES_IN_FORCE), None),
        last_qty,
        last_px or 0,
        text(tags.LAST_MKT),
        odd.read(lambda: fields.time_ns(tags.TRANSACT_TIME), None) or 0,
        odd.read(lambda: fields.choice(tags.LAST_LIQUIDITY_IND, LIQUIDITY), None),
        integer(tags.ORD_REJ_REASON),
        _commission(fields, last_qty, lots_per_unit, odd),
        text(tags.TEXT),
        text(tags.EXEC_REF_ID),
        text(tags.ORD_STATUS_REQ_ID),
        text(tags.MASS_STATUS_REQ_ID),
        integer(tags.TOT_NUM_REPORTS),
        text(tags.LAST_RPT_REQUESTED) == "Y",
        integer(tags.EXEC_RESTATEMENT_REASON),
        _quantity(fields, tags.MIN_QTY, lots_per_unit, odd, optional=True),
        nanos(tags.PRICE_IMPROVEMENT) or 0,
        text(tags.COPY_MSG_INDICATOR) == "Y",
        odd.read(lambda: read_parties(message, version), _NO_PARTIES),
        odd.read(lambda: read_capacity(fields, version), ""),
    )
    unknown = dict.fromkeys(tag for tag, _ in message.fields() if not version.knows_tag(tag))
    odd.texts += [f"{tags.name_of(tag)} is no tag of {version.name}" for tag in unknown]
    return (*values, tuple(odd.texts))


def _kind(fields: Fields, version: Version, odd: _Oddities) -> tuple[ExecType, OrdStatus]:
    status = odd.read(lambda: fields.required_choice(tags.ORD_STATUS, STATUSES), OrdStatus.UNKNOWN)
    if version.exec_trans_type:
        trans_type = fields.text(tags.EXEC_TRANS_TYPE).encode("latin-1")
        if trans_type not in TRANS_TYPES:
            odd.read(lambda: fields.required_choice(tags.EXEC_TRANS_TYPE, TRANS_TYPES), None)
            return ExecType.UNKNOWN, status
        if (kind := TRANS_TYPES[trans_type]) is not None:
            return kind, status
    elif (trans := fields.text(tags.EXEC_TRANS_TYPE)) not in ("", "0"):
        # FIX 4.2's way to take a fill back, in a version that says so otherwise: it may be no fill.
        odd.texts.append(f"ExecTransType(20) {trans!r} is not {version.name}'s: ExecType(150) does not count")
        return ExecType.UNKNOWN, status
    exec_type = odd.read(
        lambda: fields.required_choice(tags.EXEC_TYPE, exec_types(version)), ExecType.UNKNOWN
    )
    return exec_type, status_of(exec_type, status) if version.exec_trans_type else status


def _quantity(
    fields: Fields,
    tag: int,
    lots_per_unit: int,
    odd: _Oddities,
    *,
    strict: bool = False,
    optional: bool = False,
) -> int:
    """A quantity that is not below zero; 0, and told, where it is not there or cannot be read."""

    def read() -> int:
        value = fields.lots(tag, lots_per_unit)
        if value is None:
            if optional or (tag == tags.LAST_QTY and not strict):
                return 0
            raise FieldError(tag, None, "is missing", REQUIRED_TAG_MISSING)
        if value < 0:
            raise FieldError(tag, fields.wire(tag), "is below zero")
        if value > _LARGEST:
            raise FieldError(tag, fields.wire(tag), f"is over {_LARGEST} lots")
        return value

    return read() if strict else odd.read(read, 0)


def _price(fields: Fields) -> int:
    value = fields.nanos(tags.LAST_PX)
    if value is None:
        raise FieldError(tags.LAST_PX, None, "is missing", REQUIRED_TAG_MISSING)
    return value


def _commission(fields: Fields, last_qty: int, lots_per_unit: int, odd: _Oddities) -> int:
    """Commission(12) as an amount: CommType(13) 3 is absolute, 1 is for each unit."""
    stated = odd.read(lambda: fields.nanos(tags.COMMISSION), None) or 0
    kind = fields.text(tags.COMM_TYPE)
    if kind == _PER_UNIT:
        return stated * last_qty // lots_per_unit
    if kind not in _ABSOLUTE:
        odd.texts.append(f"CommType(13) {kind!r} is not 1 or 3: Commission(12) is not counted")
        return 0
    return stated
