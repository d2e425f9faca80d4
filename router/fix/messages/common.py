"""The ExecutionReport as it nearly always is, read in one kernel call and written in a few steps.

Any report is read by lenient.py, and written by reports.py, field by field; what is here does the same for
reports without the fields that few have, and answers None for the others.
"""

from typing import Any, Final

from risk.order import OrdType, Side, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_to_wire, nanos_to_wire, time_to_wire
from router.fix.messages.fields import ORD_TYPES, SIDES, TIMES_IN_FORCE, Instruments
from router.fix.messages.quick import Shape, by_char
from router.fix.messages.statuses import (
    LIQUIDITY,
    STATUSES,
    TRANS_TYPES,
    ExecType,
    LastLiquidity,
    OrdStatus,
    exec_types,
    status_of,
)
from router.fix.versions import VERSIONS, Version

_SHAPE: Final = Shape(
    texts=(
        tags.ORDER_ID, tags.EXEC_ID, tags.SYMBOL, tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.ACCOUNT,
        tags.LAST_MKT, tags.TEXT,
    ),
    codes=(
        tags.EXEC_TYPE, tags.ORD_STATUS, tags.SIDE, tags.ORD_TYPE, tags.TIME_IN_FORCE,
        tags.LAST_LIQUIDITY_IND, tags.EXEC_TRANS_TYPE, tags.COMM_TYPE,
    ),
    lots=(tags.LEAVES_QTY, tags.CUM_QTY, tags.ORDER_QTY, tags.LAST_QTY),
    nanos=(tags.AVG_PX, tags.PRICE, tags.LAST_PX, tags.COMMISSION),
    times=(tags.TRANSACT_TIME,),
    rare=(
        tags.ORD_REJ_REASON, tags.EXEC_REF_ID, tags.ORD_STATUS_REQ_ID, tags.MASS_STATUS_REQ_ID,
        tags.TOT_NUM_REPORTS, tags.LAST_RPT_REQUESTED, tags.EXEC_RESTATEMENT_REASON, tags.MIN_QTY,
        tags.PRICE_IMPROVEMENT, tags.COPY_MSG_INDICATOR, tags.NO_PARTY_IDS, tags.ORDER_CAPACITY,
        tags.RULE_80A, tags.EXEC_BROKER, tags.CLIENT_ID, tags.CLEARING_FIRM,
    ),
    needed=(
        tags.ORDER_ID, tags.EXEC_ID, tags.SYMBOL, tags.EXEC_TYPE, tags.ORD_STATUS, tags.SIDE,
        tags.LEAVES_QTY, tags.CUM_QTY,
    ),
)  # fmt: skip
_PRICE: Final = _SHAPE.bits(tags.PRICE)
_ORIG: Final = _SHAPE.bits(tags.ORIG_CL_ORD_ID)
_WORDS: Final = _SHAPE.bits(tags.TEXT)
_TRADE: Final = _SHAPE.bits(tags.LAST_QTY, tags.LAST_PX)
_SIDE_OF: Final[tuple[Side | None, ...]] = by_char(SIDES)
_ORD_TYPE_OF: Final[tuple[OrdType | None, ...]] = by_char(ORD_TYPES)
_TIF_OF: Final[tuple[TimeInForce | None, ...]] = by_char(TIMES_IN_FORCE)
_STATUS_OF: Final[tuple[OrdStatus | None, ...]] = by_char(STATUSES)
_LIQUIDITY_OF: Final[tuple[LastLiquidity | None, ...]] = by_char(LIQUIDITY)
_TRANS_OF: Final[tuple[ExecType | None, ...]] = by_char(TRANS_TYPES)
_EXEC_TYPE_OF: Final[dict[str, tuple[ExecType | None, ...]]] = {
    name: by_char(exec_types(version)) for name, version in VERSIONS.items()
}
_NEW, _ABSOLUTE = ord("0"), (0, ord("3"))
_REST: Final = ("", "", "", None, False, None, 0, 0, False, (), "")
"""What of a report few have, where it has none of it: exec_ref_id to order_capacity."""
_COMMON: Final = 24  # how many values come before these
_ALWAYS: Final = 6  # fields of the first piece that every report has


def common(message: Message, instruments: Instruments, version: Version) -> tuple[Any, ...] | None:
    """The values of an ExecutionReport in their order, or None for an unusual one."""
    found = _SHAPE.read(message, instruments, version.max_tag)
    if found is None:
        return None
    values, text = found
    (
        order_lo, order_hi, exec_lo, exec_hi, symbol_lo, symbol_hi, clord_lo, clord_hi, orig_lo, orig_hi,
        account_lo, account_hi, mkt_lo, mkt_hi, text_lo, text_hi, kind, status_at, side_at, ord_type_at,
        tif_at, liquidity_at, trans, comm_type, leaves, cum, qty, last_qty, avg_px, price, last_px,
        commission, transact_ns, there,
    ) = values  # fmt: skip
    exec_type = _EXEC_TYPE_OF[version.name][kind]
    status, side = _STATUS_OF[status_at], _SIDE_OF[side_at]
    ord_type, tif, liquidity = _ORD_TYPE_OF[ord_type_at], _TIF_OF[tif_at], _LIQUIDITY_OF[liquidity_at]
    if (
        exec_type is None
        or status is None
        or side is None
        or comm_type not in _ABSOLUTE
        or (ord_type is None and ord_type_at)
        or (tif is None and tif_at)
        or (liquidity is None and liquidity_at)
    ):
        return None
    if version.exec_trans_type:
        if trans != _NEW:
            exec_type = _TRANS_OF[trans]
            if exec_type is None:
                return None
        status = status_of(exec_type, status)
    elif trans and trans != _NEW:
        return None  # FIX 4.2's way to say that this is no news, in a version that does not have it
    if (exec_type is ExecType.TRADE or exec_type is ExecType.TRADE_CORRECT) and there & _TRADE != _TRADE:
        return None
    return (
        text[order_lo:order_hi],
        text[exec_lo:exec_hi],
        exec_type,
        status,
        text[symbol_lo:symbol_hi],
        side,
        leaves,
        cum,
        avg_px,
        text[clord_lo:clord_hi],
        text[orig_lo:orig_hi] if there & _ORIG else "",
        text[account_lo:account_hi],
        qty,
        ord_type,
        price if there & _PRICE else None,
        tif,
        last_qty,
        last_px,
        text[mkt_lo:mkt_hi],
        transact_ns,
        liquidity,
        None,  # ord_rej_reason: few have it
        commission,
        text[text_lo:text_hi] if there & _WORDS else "",
        *_REST,
        (),
    )


def common_body(report: tuple[Any, ...], lots_per_unit: int, version: Version) -> bytes | None:
    """The body of a report whose values these are, or None for an unusual one; the same bytes that reports.py
    would write.
    """
    if version.exec_trans_type or report[_COMMON : _COMMON + len(_REST)] != _REST:
        return None
    (
        order_id, exec_id, exec_type, status, symbol, side, leaves, cum, avg_px, cl_ord_id, orig, account,
        qty, ord_type, price, tif, last_qty, last_px, last_mkt, transact_ns, liquidity, reason, commission,
        text,
    ) = report[:_COMMON]  # fmt: skip
    if reason is not None or text or exec_type is ExecType.UNKNOWN or status is OrdStatus.UNKNOWN:
        return None
    named = _ALWAYS
    names = by_account = by_market = ""
    if cl_ord_id:
        names = f"11={cl_ord_id}\x01"
        named += 1
    if orig:
        names += f"41={orig}\x01"
        named += 1
    if account:
        by_account = f"1={account}\x01"
        named += 1
    first = (
        f"37={order_id}\x01{names}17={exec_id}\x01150={exec_type}\x0139={status}\x01{by_account}"
        f"55={symbol}\x0154={side:d}\x01"
    ).encode("latin-1")
    if last_mkt:
        by_market = f"30={last_mkt}\x01"
    if first.count(b"\x01") != named or "\x01" in last_mkt:
        return None  # a value would break out of its field: the careful way says which
    terms = b"38=%b\x01" % lots_to_wire(qty, lots_per_unit) if qty else b""
    if ord_type is not None:
        terms += b"40=%b\x01" % ord_type.encode()
    if price is not None:
        terms += b"44=%b\x01" % nanos_to_wire(price)
    if tif is not None:
        terms += b"59=%b\x01" % tif.encode()
    if last_qty:
        terms += b"32=%b\x0131=%b\x01" % (lots_to_wire(last_qty, lots_per_unit), nanos_to_wire(last_px))
    rest = b"%b151=%b\x0114=%b\x016=%b\x01" % (
        by_market.encode("latin-1"),
        lots_to_wire(leaves, lots_per_unit),
        lots_to_wire(cum, lots_per_unit),
        nanos_to_wire(avg_px),
    )
    if transact_ns:
        rest += b"60=%b\x01" % time_to_wire(transact_ns)
    if commission:
        rest += b"12=%b\x0113=3\x01" % nanos_to_wire(commission)
    if liquidity is not None and version.last_liquidity:
        rest += b"851=%d\x01" % liquidity
    return first + terms + rest
