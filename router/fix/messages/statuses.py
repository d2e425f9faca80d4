"""What a report says has happened to an order, and how each version writes it.

Values are those of FIX 4.4 whatever the version on the wire: in FIX 4.2 a fill is ExecType(150)=1 or 2, and
bust, correct and status are ExecTransType(20)=1, 2 and 3 with the order's status in 150 (FIX 4.2 volume 4,
appendix D).
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final

from router.fix.versions import Version


class ExecType(StrEnum):
    """ExecType(150), FIX 4.4. UNKNOWN is none of it: a code that we do not know, which only comes in."""

    UNKNOWN = ""
    NEW = "0"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    RESTATED = "D"
    PENDING_REPLACE = "E"
    TRADE = "F"
    TRADE_CORRECT = "G"
    TRADE_CANCEL = "H"
    ORDER_STATUS = "I"


class OrdStatus(StrEnum):
    """OrdStatus(39), FIX 4.4, and UNKNOWN as above."""

    UNKNOWN = ""
    NEW = "0"
    PARTIALLY_FILLED = "1"
    FILLED = "2"
    DONE_FOR_DAY = "3"
    CANCELED = "4"
    REPLACED = "5"
    PENDING_CANCEL = "6"
    STOPPED = "7"
    REJECTED = "8"
    SUSPENDED = "9"
    PENDING_NEW = "A"
    CALCULATED = "B"
    EXPIRED = "C"
    ACCEPTED_FOR_BIDDING = "D"
    PENDING_REPLACE = "E"


class LastLiquidity(IntEnum):
    """LastLiquidityInd(851)."""

    ADDED = 1
    REMOVED = 2
    ROUTED_OUT = 3


class CxlRejResponseTo(StrEnum):
    """CxlRejResponseTo(434)."""

    CANCEL = "1"
    REPLACE = "2"


STATUSES: Final[Mapping[bytes, OrdStatus]] = {one.value.encode(): one for one in OrdStatus if one}
LIQUIDITY: Final[Mapping[bytes, LastLiquidity]] = {str(one.value).encode(): one for one in LastLiquidity}
_EXEC_TYPES: Final[Mapping[bytes, ExecType]] = {one.value.encode(): one for one in ExecType if one}
_EXEC_TYPES_42: Final[Mapping[bytes, ExecType]] = {
    **{code: kind for code, kind in _EXEC_TYPES.items() if code < b"F"},
    b"1": ExecType.TRADE,
    b"2": ExecType.TRADE,
}
# ExecTransType(20) of what is neither new nor a fill, and back
_TRANS_TYPES: Final = {
    ExecType.TRADE_CANCEL: b"1",
    ExecType.TRADE_CORRECT: b"2",
    ExecType.ORDER_STATUS: b"3",
}
TRANS_TYPES: Final[Mapping[bytes, ExecType | None]] = {
    b"0": None,
    **{code: kind for kind, code in _TRANS_TYPES.items()},
}


def exec_types(version: Version) -> Mapping[bytes, ExecType]:
    """ExecType(150) of a version; with ExecTransType(20)=0 where there is one."""
    return _EXEC_TYPES_42 if version.exec_trans_type else _EXEC_TYPES


def status_of(exec_type: ExecType, status: OrdStatus) -> OrdStatus:
    """FIX 4.4's OrdStatus for that of FIX 4.2, where Replaced was a status of its own."""
    if exec_type is ExecType.REPLACED and status is OrdStatus.REPLACED:
        return OrdStatus.NEW
    return status


def kind_fields(exec_type: ExecType, status: OrdStatus, version: Version) -> tuple[bytes, ...]:
    """ExecTransType(20) where there is one, ExecType(150) and OrdStatus(39)."""
    if not (exec_type and status):
        raise ValueError(f"{exec_type!r} with {status!r} is nothing that can be written")
    wire = status.value.encode()
    if not version.exec_trans_type:
        return b"150=" + exec_type.value.encode(), b"39=" + wire
    trans_type = _TRANS_TYPES.get(exec_type)
    if trans_type is not None:
        return b"20=" + trans_type, b"150=" + wire, b"39=" + wire
    if exec_type is ExecType.TRADE:
        return b"20=0", b"150=2" if status is OrdStatus.FILLED else b"150=1", b"39=" + wire
    if exec_type is ExecType.REPLACED and status is OrdStatus.NEW:
        wire = b"5"
    return b"20=0", b"150=" + exec_type.value.encode(), b"39=" + wire
