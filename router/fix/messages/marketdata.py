"""Asking for market data, V and Y, and writing it, W and X. (Reading W and X is hot: router/feeds/fix.py.)

V and Y are the same in every version. FIX 5.0 SP2 numbers the entries of a book by RptSeq(83), and its W says
when the book last changed, LastUpdateTime(779).

Entries are by price: MDUpdateAction(279) 0 new, 1 change, 2 delete; MDEntryType(269) 0 bid, 1 offer, 2 trade.
In arrays prices are int64 half ticks and quantities int64 lots.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import int_from_wire, lot_digits, show, time_to_wire
from router.fix.messages.entries import write_entries
from router.fix.messages.fields import (
    INCORRECT_FORMAT,
    REQUIRED_TAG_MISSING,
    UNKNOWN_SECURITY,
    FieldError,
    Instruments,
    Layout,
    joined,
)
from router.fix.versions import FIX44, Version

SNAPSHOT: Final = 0
SUBSCRIBE: Final = 1
UNSUBSCRIBE: Final = 2
_MAX_SYMBOLS: Final = 1000
_REQUEST: Final = Layout(
    text=(tags.MD_REQ_ID,),
    decimal=(tags.SUBSCRIPTION_REQUEST_TYPE, tags.MARKET_DEPTH, tags.MD_UPDATE_TYPE),
)
_REFUSAL: Final = Layout(text=(tags.MD_REQ_ID, tags.MD_REQ_REJ_REASON, tags.TEXT))

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class MarketDataRequest:
    """`subscription`: SNAPSHOT, SUBSCRIBE, UNSUBSCRIBE. `depth`: 0 for the whole book. `entry_types`: "0",
    "1", "2".
    """

    MSG_TYPE: ClassVar[bytes] = tags.MARKET_DATA_REQUEST

    md_req_id: str
    subscription: int
    depth: int
    entry_types: tuple[str, ...]
    symbols: tuple[str, ...]

    @classmethod
    def parse(
        cls, message: Message, instruments: Instruments, version: Version = FIX44
    ) -> "MarketDataRequest":
        fields = _REQUEST.read(message)
        subscription = fields.integer(tags.SUBSCRIPTION_REQUEST_TYPE)
        depth = fields.integer(tags.MARKET_DEPTH)
        md_req_id = fields.required(tags.MD_REQ_ID)
        fields.need(tags.SUBSCRIPTION_REQUEST_TYPE)
        fields.need(tags.MARKET_DEPTH)
        if subscription not in (SNAPSHOT, SUBSCRIBE, UNSUBSCRIBE):
            wire = fields.wire(tags.SUBSCRIPTION_REQUEST_TYPE)
            raise FieldError(tags.SUBSCRIPTION_REQUEST_TYPE, wire, "is not one of 0, 1, 2")
        if depth is None or depth < 0:
            raise FieldError(tags.MARKET_DEPTH, fields.wire(tags.MARKET_DEPTH), "is below zero")
        if fields.integer(tags.MD_UPDATE_TYPE) == 0:
            raise FieldError(tags.MD_UPDATE_TYPE, b"0", "is not 1 (incremental)")
        entry_types = _group(message, tags.NO_MD_ENTRY_TYPES, tags.MD_ENTRY_TYPE)
        symbols = _group(message, tags.NO_RELATED_SYM, tags.SYMBOL)
        for symbol in symbols:
            if symbol not in instruments:
                rule = "is not a known symbol"
                raise FieldError(
                    tags.SYMBOL, symbol.encode("latin-1"), rule, business_reason=UNKNOWN_SECURITY
                )
        return cls(md_req_id, subscription, depth, entry_types, symbols)

    def body(self, version: Version = FIX44) -> bytes:
        return joined(
            f"262={self.md_req_id}",
            b"263=%d" % self.subscription,
            b"264=%d" % self.depth,
            b"265=1",
            b"267=%d" % len(self.entry_types),
            *(f"269={kind}" for kind in self.entry_types),
            b"146=%d" % len(self.symbols),
            *(f"55={symbol}" for symbol in self.symbols),
        )


def _group(message: Message, count_tag: int, field_tag: int) -> tuple[str, ...]:
    """The values of a group of one field each."""
    wire = message.get(count_tag)
    if wire is None:
        raise FieldError(count_tag, None, "is missing", REQUIRED_TAG_MISSING)
    try:
        count = int_from_wire(wire)
    except ValueError:
        raise FieldError(count_tag, wire, "is not an integer", INCORRECT_FORMAT) from None
    found = [value.decode("latin-1") for tag, value in message.fields() if tag == field_tag]
    if count != len(found) or not 1 <= count <= _MAX_SYMBOLS:
        rule = f"does not agree with {len(found)} {tags.name_of(field_tag)} (1 to {_MAX_SYMBOLS})"
        raise FieldError(count_tag, wire, rule, 16)  # 373=16, incorrect NumInGroup count
    return tuple(found)


@dataclass(frozen=True, slots=True)
class MarketDataRequestReject:
    """`reason`: MDReqRejReason(281), 0 unknown symbol, 1 duplicate MDReqID, 5 unsupported depth, ... ; "" for
    none.
    """

    MSG_TYPE: ClassVar[bytes] = tags.MARKET_DATA_REQUEST_REJECT

    md_req_id: str
    reason: str = ""
    text: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "MarketDataRequestReject":
        fields = _REFUSAL.read(message)
        return cls(
            fields.required(tags.MD_REQ_ID), fields.text(tags.MD_REQ_REJ_REASON), fields.text(tags.TEXT)
        )

    def body(self, version: Version = FIX44) -> bytes:
        return joined(
            f"262={self.md_req_id}", self.reason and f"281={self.reason}", self.text and f"58={self.text}"
        )


_NO_ACTIONS: Final[Codes] = np.empty(0, np.int8)
_UNNUMBERED: Final = -1
_MAX_ENTRY_BYTES: Final = (
    88  # besides the symbol: tags and delimiters 34, three numbers of at most 20 each, less
)


def build_snapshot(
    md_req_id: str,
    symbol: str,
    types: Codes,
    px: Ints,
    qty: Ints,
    tick_nanos: int,
    lots_per_unit: int,
    version: Version = FIX44,
    rpt_seq: int = 0,
    last_update_ns: int = 0,
) -> bytes:
    """The body of a MarketDataSnapshotFullRefresh(W), entries in the order given. `types` are 0, 1, 2.

    `rpt_seq`: of the last entry that the book has taken in; `last_update_ns`: when that was. Both are FIX 5.0
    SP2's alone.
    """
    updated = b"779=" + time_to_wire(last_update_ns) if version.rpt_seq else b""
    head = joined(f"262={md_req_id}", updated, f"55={symbol}", b"268=%d" % len(px))
    number = rpt_seq if version.rpt_seq else _UNNUMBERED
    return head + _entries(_NO_ACTIONS, types, px, qty, tick_nanos, lots_per_unit, symbol, number)


def build_incremental(
    md_req_id: str,
    symbol: str,
    actions: Codes,
    types: Codes,
    px: Ints,
    qty: Ints,
    tick_nanos: int,
    lots_per_unit: int,
    version: Version = FIX44,
    rpt_seq: int = 1,
) -> bytes:
    """The body of a MarketDataIncrementalRefresh(X). Each entry has its Symbol(55); a deletion has a size too
    (any). `rpt_seq`: of the first entry, in FIX 5.0 SP2; the following count on.
    """
    head = joined(f"262={md_req_id}", b"268=%d" % len(px))
    if len(actions) != len(px):
        raise ValueError(f"{len(px)} entries with {len(actions)} actions")
    number = rpt_seq if version.rpt_seq else _UNNUMBERED
    return head + _entries(actions, types, px, qty, tick_nanos, lots_per_unit, symbol, number)


def _entries(
    actions: Codes,
    types: Codes,
    px: Ints,
    qty: Ints,
    tick_nanos: int,
    lots_per_unit: int,
    symbol: str,
    rpt_seq: int,
) -> bytes:
    # One dtype and layout, so that the kernel is compiled once.
    actions, types = np.ascontiguousarray(actions, np.int8), np.ascontiguousarray(types, np.int8)
    px, qty = np.ascontiguousarray(px, np.int64), np.ascontiguousarray(qty, np.int64)
    if not len(px) == len(qty) == len(types):
        raise ValueError(f"{len(px)} prices, {len(qty)} quantities, {len(types)} types")
    if tick_nanos % 2:
        raise ValueError(f"tick_nanos {tick_nanos} is odd: half a tick is not a whole number of nanos")
    if not len(px):
        return b""
    half = tick_nanos // 2
    largest = max(int(px.max()), -int(px.min()))
    if largest * half >= 1 << 63:
        raise ValueError(f"price of {largest} half ticks does not fit 64 bits of nanos ({symbol})")
    wire = np.frombuffer(symbol.encode("latin-1"), np.uint8)
    if 1 in wire:
        raise ValueError(f"{show(symbol.encode('latin-1'))} contains the field delimiter")
    out = np.empty(len(px) * (_MAX_ENTRY_BYTES + 24 + len(wire)), np.uint8)
    size = write_entries(actions, types, px, qty, half, lot_digits(lots_per_unit), wire, rpt_seq, out)
    return out[:size].tobytes()
