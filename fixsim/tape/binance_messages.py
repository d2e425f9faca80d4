"""Binance: the messages of a recording, parsed and checked. Nothing here knows of books or rows.

A line is `<local ns> <raw JSON>`; the JSON is a combined stream's {"stream", "data"}, or the bare message, or
a REST depth snapshot. Which product it is of shows in its fields alone: COIN-M futures name the pair (`ps`,
`pair`), USD-M futures have `T` in what spot has not, and spot is the rest; but a trade of futures could be of
either.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Final, NamedTuple

from fixsim.tape.decimals import exact

MS: Final = 1_000_000
FAULTS: Final = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What a line raises that is not of this format."""

Level = tuple[int, int]
"""Price in nanos, quantity in lots (0: the level is gone)."""


class Product(Enum):
    """What is traded. `value`: how it is called, and the default venue's name."""

    SPOT = "spot"
    USD_M = "usdm"
    COIN_M = "coinm"

    @property
    def decimals(self) -> int:
        """Of a quantity: lots are 1e-8 of the coin, but on COIN-M whole contracts in USD."""
        return 0 if self is Product.COIN_M else 8


class Depth(NamedTuple):
    """depthUpdate. Times in ns."""

    first: int
    last: int
    before: int | None
    venue_time_ns: int
    bids: list[Level]
    offers: list[Level]


class Trade(NamedTuple):
    """trade. `sign`: the maker's side. `kind`: MARKET, or what else the venue calls it (`X`)."""

    trade_id: int
    price: int
    quantity: int
    sign: int
    kind: str
    venue_time_ns: int


class Ticker(NamedTuple):
    """bookTicker: the best level a side."""

    update_id: int
    bid: Level
    offer: Level
    venue_time_ns: int | None


class Snapshot(NamedTuple):
    """REST depth."""

    last_id: int
    bids: list[Level]
    offers: list[Level]
    venue_time_ns: int | None


class Other(NamedTuple):
    """Something that says nothing of the book or of trades."""

    name: str


Message = Depth | Trade | Ticker | Snapshot | Other


class Parsed(NamedTuple):
    """One line. `symbol` None: the message does not say; `product` None: an Other."""

    time_ns: int
    product: Product | None
    symbol: str | None
    message: Message


def parse(line: bytes, futures: Product = Product.USD_M) -> Parsed:
    """One line of a recording; `futures`: what a trade is of that could be of either. Raises FAULTS."""
    time, _, raw = line.partition(b" ")
    if not time.isdigit() or len(time) != 19:
        raise ValueError(f"{time[:24].decode(errors='replace')!r} is not a local time in nanoseconds")
    said = json.loads(raw)
    if not isinstance(said, dict):
        raise ValueError("the JSON is not an object")
    data = said["data"] if "stream" in said else said
    if "lastUpdateId" in data:
        return Parsed(int(time), *_snapshot(data))
    name = data.get("e", "bookTicker" if {"u", "s", "b", "B", "a", "A"} <= data.keys() else None)
    if name == "depthUpdate":
        product = _of(data, spot="pu" not in data)
        before = None if product is Product.SPOT else _id(data, "pu")
        depth = Depth(
            _id(data, "U"),
            _id(data, "u"),
            before,
            _ms(data, "E" if product is Product.SPOT else "T"),
            _levels(data["b"], product),
            _levels(data["a"], product),
        )
        if depth.first > depth.last:
            raise ValueError(f"update ids run backwards, from U {depth.first} to u {depth.last}")
        return Parsed(int(time), product, _name(data), depth)
    if name == "trade":
        product = Product.SPOT if "M" in data else futures
        return Parsed(int(time), product, _name(data), _trade(data, product))
    if name == "bookTicker":
        product = _of(data, spot="T" not in data)
        venue = None if product is Product.SPOT else _ms(data, "T")
        bid, offer = (_levels([(data[p], data[p.upper()])], product)[0] for p in "ba")
        return Parsed(int(time), product, _name(data), Ticker(_id(data, "u"), bid, offer, venue))
    return Parsed(int(time), None, None, Other(str(name or "reply")[:32]))


def _of(data: dict[str, Any], *, spot: bool) -> Product:
    if "ps" in data:
        return Product.COIN_M
    return Product.SPOT if spot else Product.USD_M


def _snapshot(data: dict[str, Any]) -> tuple[Product, str | None, Snapshot]:
    product = Product.COIN_M if "pair" in data else Product.USD_M if "T" in data else Product.SPOT
    venue = None if product is Product.SPOT else _ms(data, "T")
    bids, offers = _levels(data["bids"], product), _levels(data["asks"], product)
    return product, data.get("symbol"), Snapshot(_id(data, "lastUpdateId"), bids, offers, venue)


def _trade(data: dict[str, Any], product: Product) -> Trade:
    if type(data["m"]) is not bool:
        raise ValueError(f"m (the buyer is the maker) is {data['m']!r}")
    return Trade(
        _id(data, "t"),
        exact(data["p"], 9),
        exact(data["q"], product.decimals),
        1 if data["m"] else -1,
        str(data.get("X", "MARKET")),
        _ms(data, "T"),
    )


def _levels(levels: list[Any], product: Product) -> list[Level]:
    decimals = product.decimals
    if odd := [level for level in levels if len(level) != 2]:
        raise ValueError(f"a level of {len(odd[0])} fields, not 2")
    found = [(exact(level[0], 9), exact(level[1], decimals)) for level in levels]
    if any(price < 1 for price, _ in found):
        raise ValueError("a level at price 0")
    return found


def _id(data: dict[str, Any], name: str) -> int:
    value = data[name]
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"{name} {value!r} is not an id")
    return value


def _ms(data: dict[str, Any], name: str) -> int:
    value = data[name]
    if type(value) is not int or not 0 < value < 1 << 43:
        raise ValueError(f"{name} {value!r} is not a time in milliseconds")
    return value * MS


def _name(data: dict[str, Any]) -> str:
    name = data["s"]
    if not isinstance(name, str) or not name:
        raise ValueError(f"s {name!r} is not a symbol")
    return name
