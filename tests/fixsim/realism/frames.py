"""Frames for the tests: rows written by hand, and a small random market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fixsim.tape.frame import Change, LobFrame

TICK = 10_000_000
SECOND = 1_000_000_000


class Row(NamedTuple):
    """Prices in ticks; the touch is after the event."""

    time_s: float
    change: Change
    side: int
    price: float
    quantity: int
    bid: float
    bid_qty: int
    offer: float
    offer_qty: int
    order_id: int = -1


def frame_of(rows: Sequence[Row], symbol: str = "TEST", tick_nanos: int = TICK) -> LobFrame:
    """One level a side."""

    def column(name: str) -> list[float]:
        return [getattr(row, name) for row in rows]

    def nanos(name: str) -> np.ndarray:
        return np.round(np.array(column(name)) * tick_nanos).astype(np.int64)

    return LobFrame(
        symbol=symbol,
        tick_nanos=tick_nanos,
        lots_per_unit=1,
        time_ns=np.round(np.array(column("time_s")) * SECOND).astype(np.int64),
        change=np.array(column("change"), np.int8),
        side=np.array(column("side"), np.int8),
        price=nanos("price"),
        quantity=np.array(column("quantity"), np.int64),
        order_id=np.array(column("order_id"), np.int64),
        px=np.stack((nanos("bid"), nanos("offer")), axis=1)[:, :, None],
        qty=np.stack((column("bid_qty"), column("offer_qty")), axis=1).astype(np.int64)[:, :, None],
    )


def random_market(
    seed: int,
    *,
    seconds: float = 1200.0,
    rate: float = 5.0,
    size: int = 10,
    levels: int = 5,
    symbol: str = "TEST",
) -> LobFrame:
    """A zero-intelligence market: orders of one size at Poisson times, cancelled at random."""
    rng = np.random.default_rng(seed)
    orders: dict[int, tuple[int, int]] = {}  # id -> side, price
    book: dict[int, dict[int, int]] = {1: {}, -1: {}}  # side -> price -> quantity
    for k in range(40):
        side = 1 if k % 2 else -1
        orders[k] = (side, 10_000 - side * (1 + k // 4))
        book[side][orders[k][1]] = book[side].get(orders[k][1], 0) + size
    number, time_s = len(orders), 0.0
    columns: list[tuple[float, int, int, int, int, int]] = []
    px, qty = [], []

    def best(side: int) -> int:
        return side * max(side * p for p in book[side])

    def remove(order: int) -> tuple[int, int]:
        side, price = orders.pop(order)
        book[side][price] -= size
        if not book[side][price]:
            del book[side][price]
        return side, price

    while True:
        time_s += rng.exponential(1 / rate)
        if time_s > seconds:
            break
        # As many cancels as orders rest: the book keeps its size.
        what, side = rng.random() * (0.6 + 0.01 * len(orders)), 1 if rng.random() < 0.5 else -1
        few = min(len(book[1]), len(book[-1])) <= 2
        if few or what < 0.5:
            price = best(-side) - side * int(rng.integers(1, 9))
            order, number = number, number + 1
            orders[order] = (side, price)
            book[side][price] = book[side].get(price, 0) + size
            change = Change.LIMIT
        elif what < 0.6:
            order = next(o for o, (s, p) in orders.items() if s == side and p == best(side))
            side, price = remove(order)
            change = Change.MARKET
        else:
            order = list(orders)[int(rng.integers(len(orders)))]
            side, price = remove(order)
            change = Change.CANCEL
        columns.append((time_s, change, side, price, size, order))
        top = [sorted(book[s].items(), key=lambda level, s=s: -s * level[0])[:levels] for s in (1, -1)]
        px.append([[p for p, _ in t] + [0] * (levels - len(t)) for t in top])
        qty.append([[q for _, q in t] + [0] * (levels - len(t)) for t in top])
    time, changes, sides, prices, sizes, ids = (np.array(c) for c in zip(*columns, strict=True))
    return LobFrame(
        symbol,
        TICK,
        1,
        np.round(time * SECOND).astype(np.int64),
        changes.astype(np.int8),
        sides.astype(np.int8),
        prices.astype(np.int64) * TICK,
        sizes.astype(np.int64),
        ids.astype(np.int64),
        np.array(px, np.int64) * TICK,
        np.array(qty, np.int64),
    )
