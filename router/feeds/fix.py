"""FIX market data by price into the book: MarketDataRequest (V) out; snapshot (W) and incremental (X) in.

Read (FIX 4.4 volume 3): 262 MDReqID, 55 Symbol, 268 NoMDEntries, and per entry 279 MDUpdateAction (X
only, first of its group), 269 MDEntryType (0 bid, 1 offer, 2 trade; first of its group in W), 55, 270,
271, and 2446 AggressorSide (borrowed from 5.0SP2: 1 buyer, 2 seller). Other tags are passed over. An X
without 262 belongs to the request in force. FIX 5.0SP2 numbers the entries of a book by 83 RptSeq; one
that does not follow the one before is refused: it is older than the snapshot, or something is missing.
What cannot be understood exactly is refused with a FeedError; the book is then to be rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from risk.instrument import Instrument
from router.book import V_MAX, Books, Flags, new_books
from router.feeds.decode import (
    FEED,
    MAX_LOTS,
    NANO,
    REQUEST_BYTES,
    RULES,
    SYMBOL_BYTES,
    incremental,
    snapshot,
)
from router.fix.codec import Message, encode, parse
from router.fix.messages.marketdata import SUBSCRIBE, UNSUBSCRIBE, MarketDataRequest

REFUSED = -1  # in place of flags

_NAMES = {
    35: "MsgType",
    55: "Symbol",
    83: "RptSeq",
    262: "MDReqID",
    268: "NoMDEntries",
    269: "MDEntryType",
    270: "MDEntryPx",
    271: "MDEntrySize",
    279: "MDUpdateAction",
}


@dataclass(frozen=True, slots=True)
class FeedError:
    """Why a message was refused: the tag, its value as text, and the rule it breaks."""

    tag: int
    value: str
    rule: str

    def __str__(self) -> str:
        return f"{_NAMES.get(self.tag, 'Tag')}({self.tag}) {self.value} {self.rule}"


class FixFeed:
    """The market data of one instrument from every venue slot; its state is the request in force at each."""

    __slots__ = ("_books", "_feeds", "_requests", "_usable", "symbol")

    def __init__(self, instrument: Instrument, books: Books, usable: Flags) -> None:
        """`books` and `usable` are the owner's. ValueError for an instrument that kernels cannot hold."""
        symbol = instrument.symbol.encode("ascii")
        if not 0 < len(symbol) <= SYMBOL_BYTES:
            raise ValueError(f"symbol {instrument.symbol!r} must have 1 to {SYMBOL_BYTES} characters")
        if not 0 < instrument.lots_per_unit <= NANO:
            raise ValueError(f"lots_per_unit {instrument.lots_per_unit} exceeds 10**9 ({instrument.symbol})")
        self.symbol = instrument.symbol
        self._books = books
        self._usable = usable
        self._requests = [b""] * V_MAX
        self._feeds = np.zeros(1, dtype=FEED)
        row = self._feeds[0]
        per_unit, rest = divmod(2 * NANO, instrument.tick_nanos)
        row["half_ticks_per_unit"] = per_unit
        row["half_tick_rest"] = rest
        row["tick_nanos"] = instrument.tick_nanos
        row["max_units"] = (1 << 61) // (per_unit + rest + 1)
        row["lots_per_unit"] = instrument.lots_per_unit
        row["max_whole_lots"] = MAX_LOTS // instrument.lots_per_unit
        row["symbol_len"] = len(symbol)
        row["symbol"][: len(symbol)] = list(symbol)

    def subscribe(self, v: int, request: bytes, depth: int) -> bytes:
        """The body of a MarketDataRequest that makes `request` the one in force at slot v.

        depth: MarketDepth(264), 0 = full book. A venue asked for fewer levels must delete those that
        leave the window, and add those that enter it, as any other change.
        """
        if not 0 < len(request) <= REQUEST_BYTES:
            raise ValueError(f"MDReqID(262) {request!r} must have 1 to {REQUEST_BYTES} bytes")
        row = self._feeds[0]
        row["request"][v, : len(request)] = list(request)
        row["request_len"][v] = len(request)
        row["rpt_seq"][v] = -1
        self._requests[v] = request
        return self._body(request, SUBSCRIBE, depth)

    def unsubscribe(self, v: int, depth: int) -> bytes | None:
        """The body that ends the request in force at slot v; None where none is."""
        request, self._requests[v] = self._requests[v], b""
        self._feeds[0]["request_len"][v] = 0
        return self._body(request, UNSUBSCRIBE, depth) if request else None

    def forget(self, v: int) -> None:
        """The session that carried slot v's request is gone, and the request with it."""
        self._requests[v] = b""
        self._feeds[0]["request_len"][v] = 0

    def request(self, v: int) -> bytes:
        """The MDReqID in force at slot v, empty where there is none."""
        return self._requests[v]

    def _body(self, request: bytes, subscription: int, depth: int) -> bytes:
        return MarketDataRequest(
            request.decode("ascii"), subscription, depth, ("0", "1", "2"), (self.symbol,)
        ).body()

    def incremental(self, v: int, message: Message, now_ns: int) -> tuple[int, int, int, int, int, int]:
        """Apply an X: (flags or REFUSED; CBBO's bid_px, bid_qty, ask_px, ask_qty; last trade px)."""
        raw = np.frombuffer(message.raw, np.uint8)
        answer: tuple[int, int, int, int, int, int] = incremental(
            self._books, self._usable, self._feeds, v, raw, message.tok, message.count, now_ns
        )
        return answer

    def snapshot(self, v: int, message: Message, now_ns: int) -> int:
        """Put a W in place of slot v's levels: flags of the book, or REFUSED."""
        raw = np.frombuffer(message.raw, np.uint8)
        return int(snapshot(self._books, self._feeds, v, raw, message.tok, message.count, now_ns))

    def error(self, message: Message) -> FeedError:
        """What was wrong with the message just refused."""
        row = self._feeds[0]
        tag, start, end = (int(x) for x in message.tok[int(row["at"])])
        value = message.raw[start : min(end, start + 64)].decode("latin-1")
        return FeedError(tag, value, RULES[int(row["rule"])])


def warm() -> None:
    """Compile the kernels with the types of real use."""
    feed = FixFeed(Instrument("X", 2, 1, 1, 1, 1, "USD"), new_books(), np.zeros(V_MAX, np.bool_))
    for msg_type, body in ((b"W", b"55=X\x01268=0\x01"), (b"X", b"268=0\x01")):
        message = parse(encode(b"FIX.4.4", msg_type, 1, b"A", b"B", 0, body))
        assert isinstance(message, Message)
        (feed.snapshot if msg_type == b"W" else feed.incremental)(0, message, 0)
