"""Importer: a Coinbase "full" channel recording to a Parquet tape of kind `flow`.

    beginning_level_3   {"sequence", "bids": [[price, size, order id], ...], "asks"}
    messages            received, open, done, match; a JSON array, or JSON lines
    ending_level_3      like the beginning; may be missing. It is compared, not stored

Files are told apart by those words in their names; a folder stands for the files in it. Order ids are UUIDs:
they become ordinals in the order they are first seen, and orders.parquet keeps the originals.

    received    LIMIT, or MARKET: order flow, before any matching
    open        ADD; of an order that was received before the beginning it is all that was seen: UNKNOWN_ORDER
    match       TRADE
    done        canceled: DELETE (UNKNOWN_ORDER where nothing of it had come to rest); filled: DONE, but
                DELETE with MISMATCH of what still rests by the matches that were told

A price beyond 2**62 nanos is CLAMPED to the last tick below that. A hole in the sequence is
GAP_BEFORE; messages up to the beginning's sequence are counted (before_beginning) and left out. Memory holds
the orders that are alive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from fixsim.tape.coinbase_numbers import Numbers, sign_of, time_ns
from fixsim.tape.format import TapeError, brief
from fixsim.tape.importers import Request
from fixsim.tape.jsonstream import elements, fields
from fixsim.tape.schema import Flag, Type
from fixsim.tape.source import CutShortError, SourceFile
from fixsim.tape.touch import Touch
from fixsim.tape.writer import TapeWriter

TICK_NANOS: Final = 10_000_000
LOTS_PER_UNIT: Final = 100_000_000

_ROLES = ("beginning", "messages", "ending")
FAULTS: Final = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What a message raises that is not of this format."""
_QUIET = ("subscriptions", "heartbeat")


class _Said(NamedTuple):
    """What one message makes: the columns of its row. `native_id`: the order is new."""

    type: Type
    sign: int
    price: int | None
    quantity: int | None
    order_id: int | None
    flags: int = 0
    contra_id: int | None = None
    funds: int | None = None
    native_id: str | None = None


@dataclass(slots=True)
class _Order:
    """An order that is alive."""

    ordinal: int
    sign: int
    price: int
    resting: int
    """Lots in the book."""


def import_coinbase_full(request: Request) -> list[Path]:
    """One product's recording. Raises TapeError: file, row, reason."""
    request.refuse("coinbase", date="messages carry their time")
    files = _roles(request)
    product, start_ns = _first(files["messages"])
    lots = request.lots_per_unit or LOTS_PER_UNIT
    if str(lots).strip("0") != "1":
        raise TapeError(f"--lots-per-unit = {lots}: must be a power of ten for coinbase")
    with TapeWriter(
        request.out,
        format="coinbase",
        kind="flow",
        venue=request.venue or "COINBASE",
        symbol=request.symbol or product,
        tick_nanos=request.tick_nanos or TICK_NANOS,
        lots_per_unit=lots,
        quarantine=request.quarantine,
    ) as writer:
        recording = _Recording(writer, product, start_ns)
        sources = {role: request.open(path) for role, path in files.items()}
        recording.begin(sources["beginning"], writer.reads(sources["beginning"]))
        recording.messages(sources["messages"], writer.reads(sources["messages"]))
        if "ending" in sources:
            recording.end(sources["ending"], writer.reads(sources["ending"]))
    return [writer.folder]


def _roles(request: Request) -> dict[str, Path]:
    """By role, the file. TapeError unless there is a beginning and messages, and each once."""
    given = [p for f in request.files for p in (sorted(f.iterdir()) if f.is_dir() else [f])]
    found: dict[str, Path] = {}
    for path in given:
        role = next((role for role in _ROLES if role in path.name), None)
        if role is None and path in request.files:
            raise TapeError(f"{path}: its name says none of {', '.join(_ROLES)}")
        if role is not None and role in found:
            raise TapeError(f"{path}: there is a file of {role} already, {found[role].name}")
        if role is not None:
            found[role] = path
    for role in _ROLES[:2]:
        if role not in found:
            raise TapeError(f"{', '.join(map(str, request.files))}: there is no file of {role}")
    return found


def _first(path: Path) -> tuple[str, int]:
    """Product and time of the first message that has them."""
    with SourceFile(path) as source:
        try:
            for _, message in elements(source):
                if isinstance(message, dict) and {"product_id", "time"} <= message.keys():
                    return str(message["product_id"]), time_ns(message["time"])
        except ValueError as error:
            if isinstance(error, TapeError):
                raise
            raise TapeError(f"{path.name}: {brief(error)}") from None
    raise TapeError(f"{path.name}: no message has a product_id and a time")


def _raw(value: Any) -> bytes:
    """As JSON again; nothing of what is nested too deeply for that."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b""


class _Recording:
    """The orders that are alive, and the row that each message makes."""

    def __init__(self, writer: TapeWriter, product: str, start_ns: int) -> None:
        meta = writer.meta
        self._writer, self._product = writer, product
        self._numbers = Numbers(meta.tick_nanos, meta.lots_per_unit)
        self._orders: dict[str, _Order] = {}
        self._named = 0
        self._touch = Touch()
        self._time_ns, self._sequence = start_ns, 0
        self._begun = False

    # The beginning and the end

    def begin(self, source: SourceFile, file: int) -> None:
        """The orders that rest when the messages begin."""
        for key, row, value in self._snapshot(source, file):
            if key == "sequence":
                self._sequence = value
                continue
            sign = 1 if key == "bids" else -1
            try:
                price, quantity, flags = self._level(value)
                if value[2] in self._orders:
                    raise ValueError(f"order {value[2]} comes twice")
            except FAULTS as error:
                self._writer.reject(file, source.rows, f"{key} {row}: {error}", _raw(value))
                continue
            order = self._new(value[2], sign, price)
            self._rest(order, quantity)
            self._writer.row(
                self._time_ns,
                Type.SNAPSHOT,
                sign,
                price,
                quantity,
                order_id=order.ordinal,
                flags=flags | Flag.OPENING,
                row=source.rows,
                file=file,
            )
            self._writer.name(order.ordinal, value[2])

    def end(self, source: SourceFile, file: int) -> None:
        """Compare what rests now with the ending book: each price's orders, in their order."""
        queues: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for order_id, order in self._orders.items():
            if order.resting:
                queues.setdefault((order.sign, order.price), []).append((order_id, order.resting))
        ours = sum(map(len, queues.values()))
        recorded: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for key, row, value in self._snapshot(source, file):
            if key == "sequence":
                if value != self._sequence:
                    reason = f"the ending book is at sequence {value}, the messages end at {self._sequence}"
                    self._writer.reject(file, source.rows, reason)
                continue
            try:
                price, quantity, _ = self._level(value)
                recorded.setdefault((1 if key == "bids" else -1, price), []).append((value[2], quantity))
            except FAULTS as error:
                self._writer.reject(file, source.rows, f"{key} {row}: {error}", _raw(value))
        theirs = sum(map(len, recorded.values()))
        equal = sum(len(queue) for level, queue in recorded.items() if queues.get(level) == queue)
        self._writer.note(
            f"{source.name}: {equal} of {theirs} orders are what the messages leave ({ours} orders),"
            " each in its place in the queue"
        )
        if wrong := max(theirs, ours) - equal:
            self._writer.count("end_orders_unlike_messages", wrong)

    def _snapshot(self, source: SourceFile, file: int) -> Iterator[tuple[str, int, Any]]:
        try:
            for key, row, value in fields(source):
                if (key in ("bids", "asks") and row) or (key == "sequence" and type(value) is int):
                    yield key, row, value
                else:
                    self._writer.reject(file, source.rows, f"{key!r} is not bids, asks or a sequence")
        except CutShortError as error:
            self._writer.reject(file, error.row, error.reason)

    def _level(self, value: Any) -> tuple[int, int, int]:
        price, flags = self._numbers.price(value[0])
        if not isinstance(value[2], str) or not value[2].isascii():
            raise ValueError(f"order id {value[2]!r} is not plain text")
        return price, self._numbers.lots(value[1], least=1), flags

    # Messages

    def messages(self, source: SourceFile, file: int) -> None:
        """All of them, in sequence."""
        try:
            for row, message in elements(source):
                try:
                    self._message(row, message, file)
                except FAULTS as error:
                    if isinstance(error, TapeError):
                        raise
                    reason = f"no {error}" if isinstance(error, KeyError) else str(error)
                    self._writer.reject(file, row, reason, _raw(message))
        except CutShortError as error:
            self._writer.reject(file, error.row, error.reason)

    def _message(self, row: int, message: Any, file: int) -> None:
        """Raises KeyError, TypeError or ValueError, having changed nothing but the place in the sequence."""
        if not isinstance(message, dict):
            raise ValueError(f"{str(message)[:40]!r} is not a message")
        kind = message["type"]
        if kind in _QUIET:
            self._writer.count(f"left_out_{kind}")
            return
        if message["product_id"] != self._product:
            raise ValueError(f"product_id {message['product_id']!r} is not {self._product!r}")
        sequence = message["sequence"]
        if type(sequence) is not int:
            raise ValueError(f"sequence {sequence!r} is not a whole number")
        if sequence <= self._sequence:
            if self._begun:
                raise ValueError(f"sequence {sequence} after {self._sequence}")
            self._writer.count("before_beginning")
            return
        flags = Flag.GAP_BEFORE if sequence != self._sequence + 1 else Flag(0)
        self._sequence, self._begun = sequence, True
        venue_time_ns = time_ns(message["time"])
        said = self._said(kind, message)
        if venue_time_ns < self._time_ns:
            flags |= Flag.LATE
        self._time_ns = max(self._time_ns, venue_time_ns)
        flags |= said.flags | (Flag.CROSSED if self._touch.crossed else 0)
        self._writer.row(
            self._time_ns,
            said.type,
            said.sign,
            said.price,
            said.quantity,
            order_id=said.order_id,
            contra_id=said.contra_id,
            funds=said.funds,
            venue_time_ns=venue_time_ns,
            sequence=sequence,
            flags=flags,
            row=row,
            file=file,
        )
        if said.native_id is not None:
            self._writer.name(int(said.order_id or 0), said.native_id)

    def _said(self, kind: str, message: dict[str, Any]) -> _Said:
        if kind == "match":
            return self._match(message)
        order_id, sign = message["order_id"], sign_of(message)
        if not isinstance(order_id, str) or not order_id.isascii():
            raise ValueError(f"order_id {order_id!r} is not plain text")
        order = self._orders.get(order_id)
        if order is not None and order.sign != sign:
            raise ValueError(f"order {order_id} was on the other side")
        if kind == "received":
            return self._received(message, order_id, order, sign)
        if kind == "open":
            price, clamped = self._numbers.price(message["price"])
            quantity = self._numbers.lots(message["remaining_size"], least=1)
            if order is not None and order.resting:
                raise ValueError(f"order {order_id} is opened twice")
            seen = order or self._new(order_id, sign, price)
            seen.price = price
            self._rest(seen, quantity)
            flags = clamped | (0 if order else Flag.UNKNOWN_ORDER)
            return _Said(
                Type.ADD, sign, price, quantity, seen.ordinal, flags, native_id=None if order else order_id
            )
        if kind == "done":
            return self._done(message, order_id, order, sign)
        raise ValueError(f"type {kind!r} is not one of received, open, done, match")

    def _received(self, message: dict[str, Any], order_id: str, order: _Order | None, sign: int) -> _Said:
        if order is not None:
            raise ValueError(f"order {order_id} is received twice")
        if message["order_type"] == "limit":
            price, flags = self._numbers.price(message["price"])
            quantity = self._numbers.lots(message["size"], least=1)
            new = self._new(order_id, sign, price)
            return _Said(Type.LIMIT, sign, price, quantity, new.ordinal, flags, native_id=order_id)
        if message["order_type"] != "market":
            raise ValueError(f"order_type {message['order_type']!r} is neither limit nor market")
        size = self._numbers.lots(message["size"], least=1) if "size" in message else None
        funds = self._numbers.funds(message["funds"]) if "funds" in message or size is None else None
        new = self._new(order_id, sign, 0)
        return _Said(Type.MARKET, sign, None, size, new.ordinal, funds=funds, native_id=order_id)

    def _match(self, message: dict[str, Any]) -> _Said:
        sign = sign_of(message)
        price, flags = self._numbers.price(message["price"])
        quantity = self._numbers.lots(message["size"], least=1)
        maker = self._orders.get(message["maker_order_id"])
        taker = self._orders.get(message["taker_order_id"])
        if maker is None:
            flags |= Flag.UNKNOWN_ORDER
        if maker is not None and (quantity > maker.resting or price != maker.price or sign != maker.sign):
            flags |= Flag.MISMATCH
        if maker is not None:
            self._rest(maker, -min(quantity, maker.resting))
        ids = (maker.ordinal if maker else None, taker.ordinal if taker else None)
        return _Said(Type.TRADE, sign, price, quantity, ids[0], flags, contra_id=ids[1])

    def _done(self, message: dict[str, Any], order_id: str, order: _Order | None, sign: int) -> _Said:
        if message["reason"] not in ("canceled", "filled"):
            raise ValueError(f"reason {message['reason']!r} is neither canceled nor filled")
        price, flags = self._numbers.price(message["price"]) if "price" in message else (None, Flag(0))
        left = self._numbers.lots(message["remaining_size"]) if "remaining_size" in message else None
        known = order.ordinal if order else None
        resting = order.resting if order else 0
        if order is not None:
            self._rest(order, -resting)
            del self._orders[order_id]
        filled = message["reason"] == "filled"
        if order is None or not (filled or resting):
            flags |= Flag.UNKNOWN_ORDER
        if resting and (filled or left != resting):
            flags |= Flag.MISMATCH
        if filled and not resting:
            return _Said(Type.DONE, sign, price, left, known, flags)
        return _Said(Type.DELETE, sign, price, resting or left, known, flags)

    def _new(self, order_id: str, sign: int, price: int) -> _Order:
        order = self._orders[order_id] = _Order(self._named, sign, price, 0)
        self._named += 1
        return order

    def _rest(self, order: _Order, change: int) -> None:
        """The order rests with so much more, or less."""
        if change:
            order.resting += change
            self._touch.add(order.sign, order.price, change)
