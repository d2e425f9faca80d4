"""The ExecutionReport as it nearly always is, read in one kernel call: what is there, whole and in our units.

Whatever is unusual about a report (a field that few have, one that is not what it should be, a tag that the
version does not have) is left to lenient.py, which reads any report; this one only answers that it does not.
Compiled by numba.
"""

from typing import Any, Final

import numpy as np
from numba import njit

from risk.order import OrdType, Side, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lot_digits
from router.fix.kernels import BAD_TIME, MAX_DIGITS, utc_ns
from router.fix.messages.fields import ORD_TYPES, SIDES, TIMES_IN_FORCE, Instruments
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

# Kinds of fields: what is done with one, and where it goes
_OTHER: Final = 0  # nothing here: passed over, or unusual if the version lacks it
_TEXT: Final = 1  # start and end
_CODE: Final = 2  # its one character
_LOTS: Final = 3  # an unsigned decimal, in lots
_NANOS: Final = 4  # a decimal, in nanos
_TIME: Final = 5
_RARE: Final = 6  # few reports have it: unusual
_TEXTS: Final = (
    tags.ORDER_ID, tags.EXEC_ID, tags.SYMBOL, tags.CL_ORD_ID, tags.ORIG_CL_ORD_ID, tags.ACCOUNT,
    tags.LAST_MKT, tags.TEXT,
)  # fmt: skip
_CODES: Final = (
    tags.EXEC_TYPE, tags.ORD_STATUS, tags.SIDE, tags.ORD_TYPE, tags.TIME_IN_FORCE, tags.LAST_LIQUIDITY_IND,
    tags.EXEC_TRANS_TYPE, tags.COMM_TYPE,
)  # fmt: skip
_DECIMALS: Final = (
    (tags.LEAVES_QTY, _LOTS), (tags.CUM_QTY, _LOTS), (tags.ORDER_QTY, _LOTS), (tags.LAST_QTY, _LOTS),
    (tags.AVG_PX, _NANOS), (tags.PRICE, _NANOS), (tags.LAST_PX, _NANOS), (tags.COMMISSION, _NANOS),
)  # fmt: skip
_RARELY: Final = (
    tags.ORD_REJ_REASON, tags.EXEC_REF_ID, tags.ORD_STATUS_REQ_ID, tags.MASS_STATUS_REQ_ID,
    tags.TOT_NUM_REPORTS, tags.LAST_RPT_REQUESTED, tags.EXEC_RESTATEMENT_REASON, tags.MIN_QTY,
    tags.PRICE_IMPROVEMENT, tags.COPY_MSG_INDICATOR, tags.NO_PARTY_IDS, tags.ORDER_CAPACITY, tags.RULE_80A,
    tags.EXEC_BROKER, tags.CLIENT_ID, tags.CLEARING_FIRM,
)  # fmt: skip
_KINDS = np.zeros(1024, np.int8)
_SLOTS = np.full(1024, -1, np.int8)
for _slot, _tag in enumerate(_TEXTS):
    _KINDS[_tag], _SLOTS[_tag] = _TEXT, 2 * _slot
for _slot, _tag in enumerate(_CODES):
    _KINDS[_tag], _SLOTS[_tag] = _CODE, 2 * len(_TEXTS) + _slot
for _slot, (_tag, _kind) in enumerate((*_DECIMALS, (tags.TRANSACT_TIME, _TIME))):
    _KINDS[_tag], _SLOTS[_tag] = _kind, 2 * len(_TEXTS) + len(_CODES) + _slot
for _tag in _RARELY:
    _KINDS[_tag] = _RARE
_ROOM: Final = 2 * len(_TEXTS) + len(_CODES) + len(_DECIMALS) + 2  # and which slots are there, as bits
_PRICE_BIT: Final = 1 << int(_SLOTS[tags.PRICE])
_ORIG_BIT: Final = 1 << int(_SLOTS[tags.ORIG_CL_ORD_ID])
_TEXT_BIT: Final = 1 << int(_SLOTS[tags.TEXT])


def _bits(*wanted: int) -> int:
    return sum(1 << int(_SLOTS[tag]) for tag in wanted)


_NEEDED = _bits(
    tags.ORDER_ID, tags.EXEC_ID, tags.SYMBOL, tags.EXEC_TYPE, tags.ORD_STATUS, tags.SIDE, tags.LEAVES_QTY,
    tags.CUM_QTY,
)  # fmt: skip
_TRADE = _bits(tags.LAST_QTY, tags.LAST_PX)
_POWERS = np.array([10**n for n in range(19)], np.int64)
_LARGEST = np.array([((1 << 62) - 1) // 10**n for n in range(19)], np.int64)
_USER_DEFINED, _STANDARD_AGAIN = 5000, 40_000


@njit(cache=True, nogil=True)
def read_report(raw: Any, tok: Any, count: int, lot_places: int, max_tag: int, out: Any) -> bool:
    """The slots of a report in `out`, and in its last place which are there. False: it is unusual."""
    for at in range(out.size):
        out[at] = 0
    there = np.int64(0)
    for row in range(count):
        tag = tok[row, 0]
        if tag >= _KINDS.size:
            if tag > max_tag or _USER_DEFINED <= tag < _STANDARD_AGAIN:
                return False
            continue
        kind = _KINDS[tag]
        if kind == _OTHER:
            if tag > max_tag:
                return False
            continue
        slot = _SLOTS[tag]
        if kind == _RARE or tag > max_tag or there >> slot & 1:
            return False
        there |= np.int64(1) << slot
        lo: Any = np.int64(tok[row, 1])
        hi: Any = np.int64(tok[row, 2])
        if hi == lo:
            return False
        if kind == _TEXT:
            out[slot] = lo
            out[slot + 1] = hi
        elif kind == _CODE:
            if hi - lo != 1:
                return False
            out[slot] = raw[lo]
        elif kind == _TIME:
            out[slot] = utc_ns(raw, lo, hi)
            if out[slot] == BAD_TIME:
                return False
        else:
            p = lo
            negative: Any = raw[p] == 45
            if negative:
                if kind == _LOTS:
                    return False
                p += 1
            places = 9 if kind == _NANOS else lot_places
            value: Any = np.int64(0)
            digits = 0
            after = -1
            while p < hi:
                char: Any = np.int64(raw[p])
                if char == 46 and after < 0:
                    after = 0
                elif 48 <= char <= 57:
                    value = value * 10 + char - 48
                    digits += 1
                    if after >= 0:
                        after += 1
                else:
                    return False
                p += 1
                if digits > MAX_DIGITS:
                    return False
            missing = places - max(after, 0)
            if digits == 0 or missing < 0 or value > _LARGEST[missing]:
                return False
            value *= _POWERS[missing]
            out[slot] = -value if negative else value
    out[out.size - 1] = there
    return bool(there & _NEEDED == _NEEDED)


def _by_char(choices: Any) -> tuple[Any, ...]:
    """An enumeration by its character; None for a character that it does not have."""
    table: list[Any] = [None] * 256
    for wire, value in choices.items():
        if len(wire) == 1:
            table[wire[0]] = value
    return tuple(table)


_SIDE_OF: Final[tuple[Side | None, ...]] = _by_char(SIDES)
_ORD_TYPE_OF: Final[tuple[OrdType | None, ...]] = _by_char(ORD_TYPES)
_TIF_OF: Final[tuple[TimeInForce | None, ...]] = _by_char(TIMES_IN_FORCE)
_STATUS_OF: Final[tuple[OrdStatus | None, ...]] = _by_char(STATUSES)
_LIQUIDITY_OF: Final[tuple[LastLiquidity | None, ...]] = _by_char(LIQUIDITY)
_TRANS_OF: Final[tuple[ExecType | None, ...]] = _by_char(TRANS_TYPES)
_EXEC_TYPE_OF: Final[dict[str, tuple[ExecType | None, ...]]] = {
    name: _by_char(exec_types(version)) for name, version in VERSIONS.items()
}
_PLACES_OF: Final = {10**n: n for n in range(19)}
_NEW, _ABSOLUTE = ord("0"), (0, ord("3"))
_REST: Final = ("", "", "", None, False, None, 0, 0, False, (), "", ())
"""What of a report few have, where it has none of it: exec_ref_id to oddities."""


class _Reader:
    """`places`: the most decimals that a quantity has had; what comes out of the kernel is so much scaled."""

    __slots__ = ("out", "places")

    def __init__(self) -> None:
        self.out = np.zeros(_ROOM, np.int64)
        self.places = 0


_READER: Final = _Reader()


def common(message: Message, instruments: Instruments, version: Version) -> tuple[Any, ...] | None:
    """The values of an ExecutionReport in their order, or None for an unusual one."""
    reader = _READER
    raw, out, places = message.raw, reader.out, reader.places
    if not read_report(raw, message.tok, message.count, places, version.max_tag, out):
        symbol = message.get(tags.SYMBOL)
        instrument = None if symbol is None else instruments.get(symbol.decode("latin-1"))
        if instrument is None or lot_digits(instrument.lots_per_unit) <= places:
            return None
        reader.places = lot_digits(instrument.lots_per_unit)
        return common(message, instruments, version)
    (
        order_lo, order_hi, exec_lo, exec_hi, symbol_lo, symbol_hi, clord_lo, clord_hi, orig_lo, orig_hi,
        account_lo, account_hi, mkt_lo, mkt_hi, text_lo, text_hi, kind, status_at, side_at, ord_type_at,
        tif_at, liquidity_at, trans, comm_type, leaves, cum, qty, last_qty, avg_px, price, last_px,
        commission, transact_ns, there,
    ) = out.tolist()  # fmt: skip
    text = raw.decode("latin-1")
    symbol_ = text[symbol_lo:symbol_hi]
    instrument = instruments.get(symbol_)
    if instrument is None or comm_type not in _ABSOLUTE:
        return None
    digits = _PLACES_OF[instrument.lots_per_unit]
    if digits != places:
        if digits > places:
            reader.places = digits
            return common(message, instruments, version)
        scaled = _scaled((leaves, cum, qty, last_qty), places, instrument.lots_per_unit)
        if scaled is None:
            return None
        leaves, cum, qty, last_qty = scaled
    exec_type = _EXEC_TYPE_OF[version.name][kind]
    status, side = _STATUS_OF[status_at], _SIDE_OF[side_at]
    ord_type, tif, liquidity = _ORD_TYPE_OF[ord_type_at], _TIF_OF[tif_at], _LIQUIDITY_OF[liquidity_at]
    if (
        exec_type is None
        or status is None
        or side is None
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
    if (exec_type is ExecType.TRADE or exec_type is ExecType.TRADE_CORRECT) and there & _TRADE != _TRADE:
        return None
    return (
        text[order_lo:order_hi],
        text[exec_lo:exec_hi],
        exec_type,
        status,
        symbol_,
        side,
        leaves,
        cum,
        avg_px,
        text[clord_lo:clord_hi],
        text[orig_lo:orig_hi] if there & _ORIG_BIT else "",
        text[account_lo:account_hi],
        qty,
        ord_type,
        price if there & _PRICE_BIT else None,
        tif,
        last_qty,
        last_px,
        text[mkt_lo:mkt_hi],
        transact_ns,
        liquidity,
        None,  # ord_rej_reason: few have it
        commission,
        text[text_lo:text_hi] if there & _TEXT_BIT else "",
        *_REST,
    )


def _scaled(lots: tuple[int, ...], places: int, lots_per_unit: int) -> list[int] | None:
    """Lots of an instrument from quantities with so many decimals; None if they are not whole."""
    per_lot, less = divmod(10**places, lots_per_unit)
    if less or any(one % per_lot for one in lots):
        return None
    return [one // per_lot for one in lots]
