"""A market in plain Python that reads like the rule book. The kernels must agree with it on any stream.

1. A better price trades first; at one price, the order that came first.
2. A trade is at the resting order's price, for the smaller quantity.
3. A participant's order meets the orders of its own venue. A recorded order meets those of every venue.
4. What a LIMIT leaves over rests; what a MARKET or IOC leaves over is gone; a FOK trades whole or not at all.
5. Less quantity at the same price keeps the place in the queue. More, or another price, goes to its end.
6. A recorded order rests at the venue of its ordinal. Its recorded cancel or end removes what rests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from fixsim.matching import EventKind, Kind, venue_of


@dataclass
class Order:
    key: int
    venue: int
    sign: int
    px: int
    qty: int
    arrival: int


@dataclass(frozen=True)
class Fill:
    time_ns: int
    venue: int
    maker: int
    taker: int
    px: int
    qty: int
    maker_leaves: int
    taker_leaves: int
    aggressor_sign: int


@dataclass
class ReferenceMarket:
    venues: int
    orders: dict[int, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    arrivals: int = 0

    def __post_init__(self) -> None:
        # (venue, sign) -> {sign * -px: {key: order}}: the best price is first, a queue is in insertion order
        self.books = {(venue, sign): SortedDict() for venue in range(self.venues) for sign in (1, -1)}

    # Rules 4 and 5: what participants may ask

    def submit(
        self, venue: int, key: int, sign: int, px: int, qty: int, kind: Kind, now: int
    ) -> tuple[int, int, int]:
        limit = None if kind == Kind.MARKET else px
        if kind == Kind.FOK and self.available([venue], sign, limit) < qty:
            return 0, 0, qty
        left = self.trade([venue], key, sign, limit, qty, now)
        if kind != Kind.LIMIT:
            return qty - left, 0, left
        self.rest(key, venue, sign, px, left)
        return qty - left, left, 0

    def replace(self, key: int, px: int, qty: int, now: int) -> tuple[int, int, int]:
        order = self.orders[key]
        if px == order.px and qty <= order.qty:
            order.qty = qty
            return 0, qty, 0
        self.remove(key)
        return self.submit(order.venue, key, order.sign, px, qty, Kind.LIMIT, now)

    def remove(self, key: int) -> int:
        order = self.orders.pop(key, None)
        if order is None:
            return 0
        book = self.books[order.venue, order.sign]
        queue = book[-order.sign * order.px]
        del queue[key]
        if not queue:
            del book[-order.sign * order.px]
        return order.qty

    # Rule 6: what the recording does

    def feed(
        self, time: int, kind: EventKind, ordinal: int, sign: int, px: int, qty: int, funds: int = -1
    ) -> None:
        everywhere = list(range(self.venues))
        match kind:
            case EventKind.LIMIT:
                left = self.trade(everywhere, ordinal, sign, px, qty, time)
                self.rest(ordinal, venue_of(ordinal, self.venues), sign, px, left)
            case EventKind.MARKET if funds >= 0:
                self.spend(everywhere, ordinal, sign, funds, time)
            case EventKind.MARKET:
                self.trade(everywhere, ordinal, sign, None, qty, time)
            case _:
                self.remove(ordinal)

    # Rules 1 to 3

    def makers(self, venues: list[int], sign: int, limit: int | None) -> list[Order]:
        """The orders a taker meets, in the order it meets them."""
        met = []
        for venue in venues:
            for queue in self.books[venue, -sign].values():
                met += [o for o in queue.values() if limit is None or sign * o.px <= sign * limit]
        return sorted(met, key=lambda o: (sign * o.px, o.arrival))

    def available(self, venues: list[int], sign: int, limit: int | None) -> int:
        return sum(o.qty for o in self.makers(venues, sign, limit))

    def trade(self, venues: list[int], key: int, sign: int, limit: int | None, qty: int, now: int) -> int:
        for maker in self.makers(venues, sign, limit):
            if qty == 0:
                break
            lots = min(qty, maker.qty)
            qty -= lots
            self.fill(maker, key, sign, lots, qty, now)
        return qty

    def spend(self, venues: list[int], key: int, sign: int, funds: int, now: int) -> None:
        for maker in self.makers(venues, sign, None):
            lots = min(maker.qty, funds // maker.px)
            if lots == 0:
                break
            funds -= lots * maker.px
            self.fill(maker, key, sign, lots, -1, now)
            if maker.qty:
                break  # what is left buys no lot here, and a better price is not traded through

    def fill(self, maker: Order, taker: int, sign: int, lots: int, taker_leaves: int, now: int) -> None:
        maker.qty -= lots
        self.fills.append(
            Fill(now, maker.venue, maker.key, taker, maker.px, lots, maker.qty, taker_leaves, sign)
        )
        if maker.qty == 0:
            self.remove(maker.key)

    def rest(self, key: int, venue: int, sign: int, px: int, qty: int) -> None:
        if qty == 0:
            return
        order = self.orders[key] = Order(key, venue, sign, px, qty, self.arrivals)
        self.arrivals += 1
        self.books[venue, sign].setdefault(-sign * px, {})[key] = order

    # Looking

    def levels(self, venue: int, sign: int) -> list[tuple[int, int]]:
        return [
            (-sign * at, sum(o.qty for o in queue.values())) for at, queue in self.books[venue, sign].items()
        ]

    def resting(self, venue: int) -> list[tuple[int, int, int, int]]:
        return [
            (o.key, o.sign, o.px, o.qty)
            for sign in (1, -1)
            for queue in self.books[venue, sign].values()
            for o in queue.values()
        ]
