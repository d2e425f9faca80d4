"""Importer: a Coinbase "full" channel recording to a Tape.

    {beginning,ending}_level_3.json.xz   {"sequence", "bids": [[price, size, order id], ...], "asks"}
    messages.json.xz                     a JSON array: received, open, done, match, in sequence

Fed are `received` (an arrival, limit or market) and `done`: reason canceled becomes a CANCEL, reason filled
a DONE, which only matters to an order that a participant displaced. `open` and `match` are consequences;
`match` is kept as what must come out. An `open` whose order was received before the snapshot is its
arrival. The snapshots list a price's orders in queue order (checked: the replay gives the end book in the
very order of the ending snapshot).

A market order trades its size; one that gives only funds buys whole lots until the funds are used up. Funds
are kept exactly, in half ticks x lots. (Where both are given, the recorded funds are what the size would
have cost, and size rules.)
"""

from __future__ import annotations

import json
import lzma
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fixsim.matching.layout import EVENT, OPENING, EventKind, Records
from fixsim.tape.format import MATCH, Tape, TapeError, brief

SYMBOL = "BTC-USD"
_PRICE_DECIMALS = 2
_SIZE_DECIMALS = 8
_SIGN = {"buy": 1, "sell": -1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def import_coinbase(folder: Path, source: str) -> tuple[Tape, list[str]]:
    """Read a recording: the tape, and the original order id of each ordinal. Raises TapeError."""
    beginning, ending = _read(folder, "beginning_level_3"), _read(folder, "ending_level_3")
    messages = _read(folder, "messages")
    ids: dict[str, int] = {}
    opening = _book(beginning, ids, new=True)
    events: list[tuple[int, int, int, int, int, int, int]] = []
    matches: list[tuple[int, int, int, int]] = []
    expected = int(beginning["sequence"]) + 1
    for row, message in enumerate(messages):
        try:
            if message["sequence"] != expected:
                raise TapeError(f"sequence {message['sequence']} after {expected - 1}")
            expected += 1
            if message["type"] == "match":
                matches.append(_match(message, ids))
            elif (event := _event(message, ids)) is not None:
                events.append(event)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise TapeError(f"{folder}/messages.json.xz: row {row}: {reason}") from None
    if expected - 1 != ending["sequence"]:
        raise TapeError(
            f"{folder}: messages end at {expected - 1}, the ending book is at {ending['sequence']}"
        )
    tape = Tape(
        symbol=SYMBOL,
        source=source,
        tick_nanos=10 ** (9 - _PRICE_DECIMALS),
        lots_per_unit=10**_SIZE_DECIMALS,
        opening=opening,
        events=np.array(events, EVENT),
        matches=np.array(matches, MATCH),
        end=_book(ending, ids, new=False),
    )
    return tape, list(ids)


def _read(folder: Path, name: str) -> Any:
    path = folder / f"{name}.json.xz"
    try:
        with lzma.open(path) as file:
            return json.load(file)
    except OSError as error:
        raise TapeError(f"{path}: {error.strerror or error}") from None
    except (lzma.LZMAError, EOFError, ValueError, RecursionError) as error:
        raise TapeError(f"{path}: damaged: {brief(error)}") from None


def _book(snapshot: dict[str, Any], ids: dict[str, int], *, new: bool) -> Records:
    rows = []
    for side, sign in (("bids", 1), ("asks", -1)):
        for row, (price, size, order_id) in enumerate(snapshot[side]):
            if new == (order_id in ids):
                raise TapeError(
                    f"{side} row {row}: order {order_id} {'comes twice' if new else 'was never seen'}"
                )
            ordinal = ids.setdefault(order_id, len(ids))
            rows.append((ordinal, _px(price), _lots(size), sign))
    return np.array(rows, OPENING)


def _event(message: dict[str, Any], ids: dict[str, int]) -> tuple[int, int, int, int, int, int, int] | None:
    kind, order_id = message["type"], message["order_id"]
    time_ns, sign = _time_ns(message["time"]), _SIGN[message["side"]]
    if kind == "open":
        if order_id in ids:
            return None
        size = message["remaining_size"]
        ids[order_id] = len(ids)
        return time_ns, ids[order_id], _px(message["price"]), _lots(size), -1, EventKind.LIMIT, sign
    if kind == "received":
        if order_id in ids:
            raise TapeError(f"order {order_id} is received twice")
        ordinal = ids[order_id] = len(ids)
        if message["order_type"] == "limit":
            return time_ns, ordinal, _px(message["price"]), _lots(message["size"]), -1, EventKind.LIMIT, sign
        if message["order_type"] != "market":
            raise TapeError(f"order_type {message['order_type']!r} is neither limit nor market")
        if "size" in message:
            return time_ns, ordinal, 0, _lots(message["size"]), -1, EventKind.MARKET, sign
        funds = 2 * _exact(message["funds"], _PRICE_DECIMALS + _SIZE_DECIMALS)
        return time_ns, ordinal, 0, 0, funds, EventKind.MARKET, sign
    if kind == "done":
        done = {"canceled": EventKind.CANCEL, "filled": EventKind.DONE}[message["reason"]]
        return time_ns, ids[order_id], 0, 0, -1, done, sign
    raise TapeError(f"type {kind!r} is not one of received, open, done, match")


def _match(message: dict[str, Any], ids: dict[str, int]) -> tuple[int, int, int, int]:
    maker, taker = ids[message["maker_order_id"]], ids[message["taker_order_id"]]
    return _px(message["price"]), _lots(message["size"]), maker, taker


def _px(text: str) -> int:
    return 2 * _exact(text, _PRICE_DECIMALS)


def _lots(text: str) -> int:
    return _exact(text, _SIZE_DECIMALS)


def _exact(text: str, decimals: int) -> int:
    """A decimal number as an integer of 10**-decimals, exactly."""
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    digits = whole + fraction.ljust(decimals, "0")
    if len(fraction) > decimals or not (digits.isascii() and digits.isdigit()):
        raise TapeError(f"{text!r} is not a number of at most {decimals} decimals")
    return int(digits)


def _time_ns(text: str) -> int:
    elapsed = datetime.fromisoformat(text) - _EPOCH
    return ((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1_000
