"""The kernels of router/feeds/fix.py: one call decodes a W or an X from its bytes and applies it to a book.

All entries are decoded and checked before the first is applied, so a message refused for its form has
changed nothing. Wire decimals become half ticks and lots exactly, or the message is refused by a rule of
RULES and the token that broke it. Tokens are those of router/fix/codec.py: int32[n, 3] of (tag, value
start, value end).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from router.book import ANOMALY, DELETE, ENTRY, V_MAX, Books, Flags, apply_entries, cbbo, load_entries

MAX_ENTRIES = 1 << 17  # of one message; a longer one is refused
MAX_LOTS = 1 << 53  # of one level or trade: exact as a float, and sums over venues fit int64
NANO = 1_000_000_000

# Flag beside those of the book: the message answers another request than the one in force, and was not
# applied.
OTHER_REQUEST = 16

SYMBOL_BYTES, REQUEST_BYTES = 32, 96
FEED = np.dtype(
    [
        ("half_ticks_per_unit", np.int64),  # whole part of 2e9 / tick_nanos,
        ("half_tick_rest", np.int64),  # and what remains of that division
        ("tick_nanos", np.int64),
        ("max_units", np.int64),  # largest whole part of a price
        ("lots_per_unit", np.int64),
        ("max_whole_lots", np.int64),  # largest whole part of a quantity
        ("symbol_len", np.int64),
        ("symbol", np.uint8, (SYMBOL_BYTES,)),
        ("request_len", np.int64, (V_MAX,)),
        ("request", np.uint8, (V_MAX, REQUEST_BYTES)),
        ("rpt_seq", np.int64, (V_MAX,)),  # RptSeq(83) of the last entry held; -1: not numbered
        ("rule", np.int64),  # why the last message was refused, an index of RULES; 0 = it was not
        ("at", np.int64),  # and by which token
        ("count", np.int64),  # entries of the last message, in `entries`
        ("entries", ENTRY, (MAX_ENTRIES,)),
    ]
)
Bytes = Any  # uint8[:]
Tokens = npt.NDArray[np.int32]
Feeds = npt.NDArray[np.void]  # one row of FEED
Feed = Any  # the one row of an array of FEED, inside kernels

_NOT_DECIMAL, _PRICE_RANGE, _OFF_TICK, _QTY_RANGE, _OFF_LOT = 1, 2, 3, 4, 5
_SYMBOL, _COUNT, _ACTION, _KIND, _ORDER, _NO_PRICE, _NO_QTY = 6, 7, 8, 9, 10, 11, 12
_TOO_MANY, _UNKNOWN_LEVEL, _NO_COUNT, _NO_KIND = 13, 14, 15, 16
_RPT_SEQ = 17
RULES = (
    "",
    "must be a plain unsigned decimal",
    "must be positive and within the range of prices",
    "must be a whole number of half ticks",
    "must be positive and at most 2**53 lots",
    "must be a whole number of lots",
    "must be the symbol subscribed",
    "must equal the entries that follow",
    "must be 0, 1 or 2",
    "must be 0, 1 or 2",
    "must begin its group",
    "has no MDEntryPx(270)",
    "has no MDEntrySize(271)",
    f"must be at most {MAX_ENTRIES}",
    "cannot follow from the levels held",
    "has no NoMDEntries(268) before its entries",
    "has no MDEntryType(269)",
    "must be the number after that of the entry before",
)


@njit(cache=True, nogil=True)
def _decimal(raw: Bytes, start: int, end: int) -> tuple[int, int, int]:
    """A plain unsigned decimal as (rule, whole part, nanos part): exact, or rule != 0."""
    whole, nanos = 0, 0
    digits, decimals = 0, -1
    for i in range(start, end):
        c = int(np.int64(raw[i])) - 48
        if c == -2 and decimals < 0:
            decimals = 0
            continue
        if c < 0 or c > 9:
            return _NOT_DECIMAL, 0, 0
        digits += 1
        if decimals < 0:
            if whole > 90_000_000_000_000_000:
                return _PRICE_RANGE, 0, 0
            whole = whole * 10 + c
        elif decimals < 9:
            nanos = nanos * 10 + c
            decimals += 1
        elif c != 0:
            return _OFF_TICK, 0, 0
    if digits == 0:
        return _NOT_DECIMAL, 0, 0
    for _ in range(max(decimals, 0), 9):
        nanos *= 10
    return 0, whole, nanos


@njit(cache=True, nogil=True)
def _number(raw: Bytes, start: int, end: int) -> int:
    """An unsigned integer of at most 18 digits, or -1."""
    if end <= start or end - start > 18:
        return -1
    value = 0
    for i in range(start, end):
        c = int(np.int64(raw[i])) - 48
        if c < 0 or c > 9:
            return -1
        value = value * 10 + c
    return value


@njit(cache=True, nogil=True)
def _price(feed: Feed, raw: Bytes, start: int, end: int) -> tuple[int, int]:
    """(rule, half ticks). With 2e9 = tick * per_unit + rest, no step leaves int64 up to max_units."""
    rule, whole, nanos = _decimal(raw, start, end)
    if rule != 0:
        return rule, 0
    if whole > feed.max_units:
        return _PRICE_RANGE, 0
    part = whole * feed.half_tick_rest + 2 * nanos
    px = whole * feed.half_ticks_per_unit + part // feed.tick_nanos
    if part % feed.tick_nanos != 0:
        return _OFF_TICK, 0
    if px == 0:
        return _PRICE_RANGE, 0
    return 0, px


@njit(cache=True, nogil=True)
def _quantity(feed: Feed, raw: Bytes, start: int, end: int) -> tuple[int, int]:
    rule, whole, nanos = _decimal(raw, start, end)
    if rule != 0:
        return rule + 2 if rule != _NOT_DECIMAL else rule, 0
    if whole > feed.max_whole_lots:
        return _QTY_RANGE, 0
    part = nanos * feed.lots_per_unit
    if part % NANO != 0:
        return _OFF_LOT, 0
    qty = whole * feed.lots_per_unit + part // NANO
    if qty == 0 or qty > MAX_LOTS:
        return _QTY_RANGE, 0
    return 0, qty


@njit(cache=True, nogil=True)
def _refuse(feed: Feed, rule: int, at: int) -> bool:
    feed.rule = rule
    feed.at = at
    return False


@njit(cache=True, nogil=True)
def _same(raw: Bytes, start: int, end: int, other: Bytes, size: int) -> bool:
    """Is raw[start:end] what other[:size] holds?"""
    if end - start != size:
        return False
    i = 0
    while i < size and raw[start + i] == other[i]:
        i += 1
    return bool(i == size)


@njit(cache=True, nogil=True)
def _close_entry(feed: Feed, i: int, seen: int, at: int) -> bool:
    """An entry has its type, its price, and (unless it is deleted) its quantity; seen: bits 1, 2, 4."""
    if seen & 1 == 0:
        return _refuse(feed, _NO_KIND, at)
    if seen & 2 == 0:
        return _refuse(feed, _NO_PRICE, at)
    if seen & 4 == 0 and feed.entries[i].action != DELETE:
        return _refuse(feed, _NO_QTY, at)
    return True


@njit(cache=True, nogil=True)
def _decode(feed: Feed, v: int, raw: Bytes, tok: Tokens, tokens: int, first: int) -> bool:
    """Fill feed.entries from a W (first = 269) or an X (first = 279). Where entries are numbered (83), those
    of an X go on from where the last message ended, and a W says where that is.

    False: refused by feed.rule at token feed.at; with rule 0, it answers another request.
    """
    feed.rule = 0
    feed.at = 0
    feed.count = 0
    stated, stated_at = -1, min(2, tokens - 1)  # MsgType(35) is the third field
    n, seen, at = 0, 0, 0
    rpt_seq = -1 if first == 269 else feed.rpt_seq[v]
    for t in range(tokens):
        tag = tok[t, 0]
        start, end = tok[t, 1], tok[t, 2]
        if tag == 262:
            if not _same(raw, start, end, feed.request[v], feed.request_len[v]):
                return False
        elif tag == 55:
            if not _same(raw, start, end, feed.symbol, feed.symbol_len):
                return _refuse(feed, _SYMBOL, t)
        elif tag == 268:
            stated, stated_at = _number(raw, start, end), t
            if stated < 0:
                return _refuse(feed, _COUNT, t)
            if stated > MAX_ENTRIES:
                return _refuse(feed, _TOO_MANY, t)
        elif tag == first:
            if n > 0 and not _close_entry(feed, n - 1, seen, at):
                return False
            if n >= stated:
                return _refuse(feed, _COUNT if stated >= 0 else _NO_COUNT, stated_at)
            feed.entries[n].action = 0
            feed.entries[n].sign = 0
            feed.entries[n].qty = 0
            n += 1
            seen, at = 0, t
        if tag == 279:
            c = int(np.int64(raw[start])) - 48
            if end - start != 1 or c < 0 or c > 2:
                return _refuse(feed, _ACTION, t)
            if first == 279:
                feed.entries[n - 1].action = c
        elif tag == 269:
            c = int(np.int64(raw[start])) - 48
            if n == 0 or seen & 1 != 0:
                return _refuse(feed, _ORDER, t)
            if end - start != 1 or c < 0 or c > 2:
                return _refuse(feed, _KIND, t)
            feed.entries[n - 1].kind = c
            seen |= 1
        elif tag == 270 and n > 0:
            rule, px = _price(feed, raw, start, end)
            if rule != 0:
                return _refuse(feed, rule, t)
            feed.entries[n - 1].px = px
            seen |= 2
        elif tag == 271 and n > 0 and feed.entries[n - 1].action != DELETE:
            rule, qty = _quantity(feed, raw, start, end)
            if rule != 0:
                return _refuse(feed, rule, t)
            feed.entries[n - 1].qty = qty
            seen |= 4
        elif tag == 83 and n > 0:
            number = _number(raw, start, end)
            if number < 0 or (first == 279 and rpt_seq >= 0 and number != rpt_seq + 1):
                return _refuse(feed, _RPT_SEQ, t)
            rpt_seq = max(rpt_seq, number)
        elif tag == 2446 and n > 0:
            side = raw[start]
            feed.entries[n - 1].sign = 1 if side == 49 else (-1 if side == 50 else 0)
    if n > 0 and not _close_entry(feed, n - 1, seen, at):
        return False
    if n != stated:
        return _refuse(feed, _COUNT if stated >= 0 else _NO_COUNT, stated_at)
    feed.count = n
    feed.rpt_seq[v] = rpt_seq
    return True


@njit(cache=True, nogil=True)
def _blame(feed: Feed, tok: Tokens, tokens: int, entry: int) -> None:
    """The token of the price of an entry that could not be applied."""
    feed.rule = _UNKNOWN_LEVEL
    for t in range(tokens):
        if tok[t, 0] == 270:
            if entry == 0:
                feed.at = t
                return
            entry -= 1


@njit(cache=True, nogil=True)
def incremental(
    books: Books,
    usable: Flags,
    feeds: Feeds,
    v: int,
    raw: Bytes,
    tok: Tokens,
    tokens: int,
    now_ns: int,
) -> tuple[int, int, int, int, int, int]:
    """Decode an X and apply it to slot v: (flags, CBBO's bid_px, bid_qty, ask_px, ask_qty, last trade px).

    flags -1: refused, by feeds[0].rule at token feeds[0].at.
    """
    feed = feeds[0]
    flags = -1
    if _decode(feed, v, raw, tok, tokens, 279):
        flags = apply_entries(books, v, feed.entries, feed.count, now_ns)
        if flags & ANOMALY != 0:
            _blame(feed, tok, tokens, flags >> 8)
            flags = -1
    elif feed.rule == 0:
        flags = OTHER_REQUEST
    bid_px, bid_qty, ask_px, ask_qty = cbbo(books, usable)
    return flags, bid_px, bid_qty, ask_px, ask_qty, books[v].last_px


@njit(cache=True, nogil=True)
def snapshot(
    books: Books,
    feeds: Feeds,
    v: int,
    raw: Bytes,
    tok: Tokens,
    tokens: int,
    now_ns: int,
) -> int:
    """Decode a W and put it in place of slot v's levels: flags, or -1 as `incremental`."""
    feed = feeds[0]
    if not _decode(feed, v, raw, tok, tokens, 269):
        return OTHER_REQUEST if feed.rule == 0 else -1
    flags = load_entries(books, v, feed.entries, feed.count, now_ns)
    if flags & ANOMALY != 0:
        _blame(feed, tok, tokens, flags >> 8)
        return -1
    return flags
