"""Bitstamp: the lines of its recordings, parsed and checked. Nothing here knows of books or rows.

    2015-05-01.log   <local ms> <order_created|order_changed|order_deleted|trade|order_book> <JSON>
    orders.csv       id,timestamp,exchange.timestamp,price,volume,action,direction     (ob-analytics)

Prices are nanos, quantities lots of 1e-8, times ns.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from fixsim.tape.decimals import exact, rounded

MS: Final = 1_000_000
CSV_HEADER: Final = b"id,timestamp,exchange.timestamp,price,volume,action,direction"
FAULTS: Final = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What a line raises that is not of these formats."""

_SIGNS = {b"bid": 1, b"ask": -1}


class Order(NamedTuple):
    """An order's event. `what`: created, changed, deleted. Price nanos, quantity lots (what is left)."""

    what: str
    order_id: int
    sign: int
    price: int
    quantity: int
    created_ns: int


class Trade(NamedTuple):
    """A trade's message."""

    trade_id: int
    price: int
    quantity: int


class Quote(NamedTuple):
    """The best level a side of the venue's own book: price and quantity, None where there is none."""

    bid: tuple[int, int] | None
    offer: tuple[int, int] | None


Event = Order | Trade | Quote


def parse_csv(line: bytes) -> tuple[int, Event]:
    """One row of orders.csv: local time in ns, and the event. Raises FAULTS."""
    fields = line.split(b",")
    if len(fields) != 7:
        raise ValueError(f"{len(fields)} fields, not 7")
    order_id, time_ms, created_ms, price, volume, action, direction = fields
    if direction not in _SIGNS:
        raise ValueError(f"direction {direction.decode(errors='replace')!r} is neither bid nor ask")
    return _whole(time_ms, "timestamp") * MS, _checked(
        Order(
            action.decode(errors="replace"),
            _whole(order_id, "id"),
            _SIGNS[direction],
            exact(price.decode(errors="replace"), 9),
            _whole(volume, "volume"),
            _whole(created_ms, "exchange.timestamp") * MS,
        )
    )


def parse_log(line: bytes) -> tuple[int, Event]:
    """One line of the log: local time in ns, and the event. Raises FAULTS."""
    time_ms, what, body = [*line.split(b" ", 2), b"", b""][:3]
    time_ns = _whole(time_ms, "local time") * MS
    said = json.loads(body, parse_float=str)
    if what == b"order_book":
        return time_ns, Quote(_best(said["bids"]), _best(said["asks"]))
    if what == b"trade":
        price, quantity = rounded(str(said["price"]), 9), rounded(str(said["amount"]), 8)  # JSON floats
        if price < 1 or quantity < 1:
            raise ValueError(f"a trade of {said['amount']} at {said['price']}")
        return time_ns, Trade(int(said["id"]), price, quantity)
    if not what.startswith(b"order_"):
        raise ValueError(f"{what.decode(errors='replace')!r} is not a message of this format")
    if said["order_type"] not in (0, 1):
        raise ValueError(f"order_type {said['order_type']!r} is neither 0 (bid) nor 1 (ask)")
    return time_ns, _checked(
        Order(
            what.removeprefix(b"order_").decode(errors="replace"),
            int(said["id"]),
            1 - 2 * said["order_type"],
            exact(str(said["price"]), 9),
            exact(str(said["amount"]), 8),
            _whole(str(said["datetime"]).encode(), "datetime") * 1000 * MS,
        )
    )


def _checked(order: Order) -> Order:
    if order.what not in ("created", "changed", "deleted"):
        raise ValueError(f"{order.what!r} is not one of created, changed, deleted")
    if order.price < 1:
        raise ValueError("the price is not above zero")
    if order.quantity < 1 and order.what != "deleted":
        raise ValueError(f"an order {order.what} with nothing left")
    return order


def _best(levels: list[list[str]]) -> tuple[int, int] | None:
    return (exact(levels[0][0], 9), exact(levels[0][1], 8)) if levels else None


def _whole(text: bytes, name: str) -> int:
    if not text.isdigit() or len(text) > 18:
        raise ValueError(f"{name} {text.decode(errors='replace')!r} is not a whole number")
    return int(text)
