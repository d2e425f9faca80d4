"""A market in plain Python that reads like the rule book. The kernels must agree with it on any stream.

 1. Priority: a better price, then displayed before not displayed, then who came first. A trade is at the
    resting order's price, for the smaller quantity.
 2. A participant's order meets the orders of its own venue. A recorded order meets those of every venue
    that is in CONTINUOUS, and rests at the venue of its ordinal; its recorded cancel or end removes what
    rests.
 3. What a LIMIT leaves over rests; what a MARKET or IOC leaves over is gone; a FOK trades whole or not at
    all.
 4. Less quantity at the same price keeps the place in the queue. More, or another price, enters anew.
 5. An iceberg shows a part. When that is gone it is refilled, and the new part came last.
 6. Hidden orders and pegs are not displayed. A peg's price is half of the touch, or its own side of it,
    no worse than its own limit; the touch is that of all venues in CONTINUOUS when a message comes,
    levels of less than a round lot left out. Without a touch, or with a crossed one, it waits.
 7. A minimum quantity: at entry so much must be there, or nothing trades. Resting, no fill is smaller,
    but for the last; who cannot give so much passes by.
 8. Post-only is refused if anything would trade with it at once.
 9. Orders of one group do not trade if the incoming one says so: it, the resting one, or both are
    cancelled.
10. Bands: no participant's order trades outside, and none may rest outside on its far side, or across a
    displayed price outside.
11. In an auction orders rest and may cross; pegs, IOC, FOK and post-only are refused. Halted and closed
    venues take only cancels; what the recording would rest there is dropped.
12. An auction trades the most lots, with the least left over, nearest to the reference, at the higher
    price: market orders first, then rule 1. Pegs and minimum quantities wait; market orders then go.
13. After every message, while a buy and a sell of a venue cross and one is not displayed: the best buy
    and the best sell for it that may trade do, at the price of the one that came first. Of displayed
    orders the first.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from sortedcontainers import SortedDict

from fixsim.matching import EventKind, FillFlag, Kind, Peg, Phase, Reason, Rules, SelfMatch, Terms, venue_of
from fixsim.matching.layout import MAX_PIECES, Code
from fixsim.matching.terms import PLAIN


class Refused(Exception):  # noqa: N818
    """The market does not take it; nothing changed."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass
class Order:
    key: int
    venue: int
    sign: int
    px: int
    """0 for a market order, and for a peg without a limit of its own."""
    shown: int
    reserve: int
    arrival: int
    kind: Kind = Kind.LIMIT
    terms: Terms = PLAIN

    @property
    def leaves(self) -> int:
        return self.shown + self.reserve

    @property
    def dim(self) -> bool:
        return self.terms.hidden or self.terms.peg != Peg.NONE or self.kind == Kind.MARKET

    @property
    def least(self) -> int:
        return min(self.terms.min_qty, self.leaves)


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
    flags: int


@dataclass(frozen=True)
class Note:
    time_ns: int
    key: int
    leaves: int
    after_fill: int
    venue: int
    reason: Reason


@dataclass(frozen=True)
class Incoming:
    """A taker, and what bounds it. A recorded one has no terms."""

    key: int
    sign: int
    limit: int | None
    venues: list[int]
    terms: Terms = PLAIN
    funds: bool = False


@dataclass
class ReferenceMarket:
    venues: int
    rules: Rules = field(default_factory=Rules)
    orders: dict[int, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    arrivals: int = 0
    dropped: int = 0
    now: int = 0
    touch: tuple[int, int] = (0, 0)
    """Best bid and offer, 0 for none: what pegs follow."""

    def __post_init__(self) -> None:
        # (venue, sign) -> {sign * -px: {key: order}}: the best price is first, a queue is in insertion order
        self.books = {(venue, sign): SortedDict() for venue in range(self.venues) for sign in (1, -1)}
        self.dim: dict[tuple[int, int], dict[int, Order]] = {book: {} for book in self.books}
        self.phases = [Phase.CONTINUOUS] * self.venues
        self.bands = [(0, 0)] * self.venues

    # Rules 3 and 4: what participants may ask

    def submit(
        self, venue: int, key: int, sign: int, px: int, qty: int, kind: Kind, now: int, terms: Terms = PLAIN
    ) -> tuple[int, int, int]:
        if kind != Kind.MARKET:
            self.check_px(px, terms.peg != Peg.NONE)
        if key in self.orders:
            raise Refused(Code.DUPLICATE)
        self.check_terms(kind, qty, terms)
        px = 0 if kind == Kind.MARKET else px
        return self.enter(Order(key, venue, sign, px, qty, 0, 0, kind, terms), now)

    def replace(self, key: int, px: int, qty: int, now: int) -> tuple[int, int, int]:
        order = self.orders.get(key)
        if order is None:
            raise Refused(Code.UNKNOWN)
        if order.kind == Kind.MARKET:
            if px:
                raise Refused(Code.BAD_PX)
        else:
            self.check_px(px, order.terms.peg != Peg.NONE)
        if self.phases[order.venue] in (Phase.HALTED, Phase.CLOSED):
            raise Refused(Code.PHASE)
        if px == order.px and qty <= order.leaves:
            order.reserve = max(0, qty - order.shown)
            order.shown = qty - order.reserve
            self.settle(now)
            return 0, qty, 0
        changed = Order(key, order.venue, order.sign, px, qty, 0, 0, order.kind, order.terms)
        return self.enter(changed, now)

    def cancel(self, key: int, now: int) -> int:
        left = self.remove(key)
        if left:
            self.settle(now)
        return left

    def cancel_all(self, keys: list[int], now: int) -> list[int]:
        left = [self.remove(key) for key in keys]
        self.settle(now)
        return left

    def mass_cancel(self, owner: int, venue: int | None, sign: int | None, now: int) -> list[tuple[int, int]]:
        chosen = [
            order
            for order in self.orders.values()
            if order.key < 0
            and order.terms.owner == owner
            and venue in (None, order.venue)
            and sign in (None, order.sign)
        ]
        gone = [(o.key, self.remove(o.key)) for o in sorted(chosen, key=lambda o: -o.key)]
        self.settle(now)
        return gone

    def check_px(self, px: int, pegged: bool) -> None:
        if px < 0 or (px == 0 and not pegged):
            raise Refused(Code.BAD_PX)
        step = [step for start, step in self.rules.ticks if start <= px][-1]
        if px % step:
            raise Refused(Code.OFF_TICK)

    @staticmethod
    def check_terms(kind: Kind, qty: int, terms: Terms) -> None:
        dim = terms.hidden or terms.peg != Peg.NONE
        wrong = (
            (terms.post_only and (kind != Kind.LIMIT or terms.peg != Peg.NONE))
            or (dim and kind != Kind.LIMIT)
            or (terms.display_qty and (kind != Kind.LIMIT or dim))
            or (terms.min_qty and not (kind == Kind.IOC or dim))
            or terms.min_qty > qty
        )
        if wrong:
            raise Refused(Code.BAD_TERMS)

    def enter(self, order: Order, now: int) -> tuple[int, int, int]:
        """Rules 7 to 11: an order comes in, or comes in anew."""
        kind, terms, qty, venue = order.kind, order.terms, order.shown, order.venue
        phase = self.phases[venue]
        if phase == Phase.AUCTION:
            if kind not in (Kind.LIMIT, Kind.MARKET) or terms.peg != Peg.NONE or terms.post_only:
                raise Refused(Code.PHASE)
        elif phase != Phase.CONTINUOUS:
            raise Refused(Code.PHASE)
        if terms.display_qty and qty > terms.display_qty * MAX_PIECES:
            raise Refused(Code.BAD_TERMS)
        self.take_touch()
        price = None if kind == Kind.MARKET else self.price(order)
        trades = phase == Phase.CONTINUOUS and not (price is None and kind != Kind.MARKET)
        low, high = self.bands[venue]
        if high:
            if order.px and (order.px > high if order.sign > 0 else order.px < low):
                raise Refused(Code.OUT_OF_BAND)
            best = self.best(venue, -order.sign)
            if best and (best < low if order.sign > 0 else best > high):
                across = price is not None and order.sign * best <= order.sign * price
                if kind == Kind.LIMIT and terms.peg == Peg.NONE and phase == Phase.CONTINUOUS and across:
                    raise Refused(Code.OUT_OF_BAND)
                trades = False
        incoming = Incoming(order.key, order.sign, price, [venue], terms)
        if terms.post_only and self.next_maker(incoming, qty) is not None:
            raise Refused(Code.WOULD_TAKE)
        self.remove(order.key)
        need = qty if kind == Kind.FOK else terms.min_qty and min(terms.min_qty, qty)
        if trades and self.available(incoming) < need:
            trades = False
        left, stopped = self.trade(incoming, qty, now) if trades else (qty, False)
        if stopped:
            self.note(order.key, left, venue, Reason.SELF_MATCH, now)
        rests = kind == Kind.LIMIT or (kind == Kind.MARKET and phase == Phase.AUCTION)
        if rests and not stopped:
            order.shown = left
            self.rest(order)
        self.settle(now)
        return (qty - left, left, 0) if rests and not stopped else (qty - left, 0, left)

    # Rule 2: what the recording does

    def feed(
        self, time: int, kind: EventKind, ordinal: int, sign: int, px: int, qty: int, funds: int = -1
    ) -> None:
        self.take_touch()
        limit = px if kind == EventKind.LIMIT else None
        taker = Incoming(ordinal, sign, limit, list(range(self.venues)), funds=funds >= 0)
        match kind:
            case EventKind.LIMIT:
                left, _ = self.trade(taker, qty, time)
                home = venue_of(ordinal, self.venues)
                if left and self.phases[home] in (Phase.HALTED, Phase.CLOSED):
                    self.dropped += 1
                else:
                    self.rest(Order(ordinal, home, sign, px, left, 0, 0))
            case EventKind.MARKET if funds >= 0:
                self.spend(taker, funds, time)
            case EventKind.MARKET:
                self.trade(taker, qty, time)
            case _:
                self.remove(ordinal)
        self.settle(time)

    # Rules 1, 5, 7 and 9: trading

    def price(self, order: Order) -> int | None:
        """What an order would trade at now; None while it waits."""
        if order.terms.peg == Peg.NONE:
            return order.px or None
        bid, ask = self.touch
        if bid and ask and bid > ask:
            return None
        if order.terms.peg == Peg.MID:
            px = (bid + ask) // 2 if bid and ask else 0
        else:
            px = bid if order.sign > 0 else ask
        if px and order.px:
            px = min(px, order.px) if order.sign > 0 else max(px, order.px)
        return px or None

    def priority(self, order: Order) -> tuple[int, bool, int]:
        return -order.sign * (self.price(order) or 0), order.dim, order.arrival

    def side(self, venue: int, sign: int) -> Iterator[Order]:
        """Every order of a book that has a price now."""
        for queue in self.books[venue, sign].values():
            yield from queue.values()
        yield from (o for o in self.dim[venue, sign].values() if self.price(o) is not None)

    def within_bands(self, order: Order) -> bool:
        low, high = self.bands[order.venue]
        return not high or low <= (self.price(order) or 0) <= high

    def met_by(self, taker: Incoming) -> list[Order]:
        """The orders that a taker may meet, in the order in which it meets them."""
        met = [
            order
            for venue in taker.venues
            if self.phases[venue] == Phase.CONTINUOUS
            for order in self.side(venue, -taker.sign)
            if taker.limit is None or taker.sign * (self.price(order) or 0) <= taker.sign * taker.limit
        ]
        if taker.key < 0:
            met = [order for order in met if self.within_bands(order)]
        return sorted(met, key=self.priority)

    def next_maker(self, taker: Incoming, qty: int) -> Order | None:
        """The first that accepts a fill so large. `qty` is in funds for a taker that has them."""
        for order in self.met_by(taker):
            lots = qty // (self.price(order) or 1) if taker.funds else qty
            if lots >= order.least:
                return order
        return None

    def available(self, taker: Incoming) -> int:
        """What an endless taker would get of orders without a minimum, ended where rule 9 would end it."""
        total = 0
        queue = [copy.copy(order) for order in self.met_by(taker)]
        while queue:
            maker = min(queue, key=self.priority)
            if self.prevented(taker.terms, maker.terms):
                if taker.terms.self_match != SelfMatch.OLDEST:
                    return total
            elif not maker.terms.min_qty:
                total += maker.shown
                if maker.reserve:
                    maker.shown = min(maker.reserve, maker.terms.display_qty)
                    maker.reserve -= maker.shown
                    maker.arrival = max(order.arrival for order in queue) + 1
                    continue
            queue.remove(maker)
        return total

    @staticmethod
    def prevented(taker: Terms, maker: Terms) -> bool:
        return taker.self_match != SelfMatch.NONE and taker.group != 0 and taker.group == maker.group

    def trade(self, taker: Incoming, qty: int, now: int) -> tuple[int, bool]:
        """What is left, and whether rule 9 cancels it."""
        while qty and (maker := self.next_maker(taker, qty)) is not None:
            if self.prevented(taker.terms, maker.terms):
                if taker.terms.self_match != SelfMatch.NEWEST:
                    self.strike(maker, Reason.SELF_MATCH, now)
                if taker.terms.self_match != SelfMatch.OLDEST:
                    return qty, True
                continue
            lots = min(qty, maker.shown)
            qty -= lots
            self.fill(maker, self.price(maker) or 0, taker.key, taker.sign, lots, qty, now)
        return qty, False

    def spend(self, taker: Incoming, funds: int, now: int) -> None:
        while (maker := self.next_maker(taker, funds)) is not None:
            px = self.price(maker) or 0
            lots = min(maker.shown, funds // px)
            if lots == 0:
                break  # what is left buys no lot here, and a better price is not traded through
            funds -= lots * px
            self.fill(maker, px, taker.key, taker.sign, lots, -1, now)

    def fill(
        self,
        maker: Order,
        px: int,
        taker: int,
        sign: int,
        lots: int,
        left: int,
        now: int,
        flags: int = 0,
    ) -> None:
        if maker.dim:
            flags |= FillFlag.HIDDEN_MAKER
        if lots < self.rules.round_lot:
            flags |= FillFlag.ODD_LOT
        left_of_maker = maker.leaves - lots
        self.fills.append(
            Fill(now, maker.venue, maker.key, taker, px, lots, left_of_maker, left, sign, flags)
        )
        self.take(maker, lots)

    def take(self, order: Order, lots: int) -> None:
        order.shown -= lots
        if order.shown == 0:
            self.remove(order.key)
            order.shown, order.reserve = order.reserve, 0
            self.rest(order)

    # The book

    def rest(self, order: Order) -> None:
        if order.leaves == 0:
            return
        if order.terms.display_qty:
            order.shown, order.reserve = (
                min(order.leaves, order.terms.display_qty),
                max(0, order.leaves - order.terms.display_qty),
            )
        order.arrival = self.arrivals
        self.arrivals += 1
        self.orders[order.key] = order
        book = order.venue, order.sign
        queue = self.dim[book] if order.dim else self.books[book].setdefault(-order.sign * order.px, {})
        queue[order.key] = order

    def remove(self, key: int) -> int:
        order = self.orders.pop(key, None)
        if order is None:
            return 0
        book = order.venue, order.sign
        if order.dim:
            del self.dim[book][key]
            return order.leaves
        queue = self.books[book][-order.sign * order.px]
        del queue[key]
        if not queue:
            del self.books[book][-order.sign * order.px]
        return order.leaves

    def strike(self, order: Order, reason: Reason, now: int) -> None:
        self.note(order.key, order.leaves, order.venue, reason, now)
        self.remove(order.key)

    def note(self, key: int, leaves: int, venue: int, reason: Reason, now: int) -> None:
        self.notes.append(Note(now, key, leaves, len(self.fills), venue, reason))

    def best(self, venue: int, sign: int, least: int = 0) -> int:
        """The best displayed price with a total of at least `least`, 0 for none."""
        return next((px for px, qty in self.levels(venue, sign) if qty >= least), 0)

    # Rules 6 and 13: pegs, and what follows a message

    def take_touch(self) -> None:
        least = self.rules.round_lot
        is_open = [v for v in range(self.venues) if self.phases[v] == Phase.CONTINUOUS]
        bids, asks = ([px for v in is_open if (px := self.best(v, sign, least))] for sign in (1, -1))
        self.touch = max(bids, default=0), min(asks, default=0)

    def settle(self, now: int) -> None:
        self.now = now
        while any(self.dim.values()):
            self.take_touch()
            pairs = (pair for venue in range(self.venues) if (pair := self.pair(venue)))
            if not (pair := next(pairs, None)):
                break
            maker, taker = sorted(pair, key=lambda order: order.arrival)
            if self.prevented(taker.terms, maker.terms):
                if taker.terms.self_match != SelfMatch.NEWEST:
                    self.strike(maker, Reason.SELF_MATCH, now)
                if taker.terms.self_match != SelfMatch.OLDEST:
                    self.strike(taker, Reason.SELF_MATCH, now)
                continue
            lots = min(maker.shown, taker.shown)
            self.fill(maker, self.price(maker) or 0, taker.key, taker.sign, lots, taker.leaves - lots, now)
            self.take(taker, lots)

    def pair(self, venue: int) -> tuple[Order, Order] | None:
        if self.phases[venue] != Phase.CONTINUOUS:
            return None
        buys, sells = (self.in_line(venue, sign) for sign in (1, -1))
        for buy in buys:
            for sell in sells:
                lots = min(buy.shown, sell.shown)
                crossed = (self.price(buy) or 0) >= (self.price(sell) or 0)
                if crossed and (buy.dim or sell.dim) and lots >= buy.least and lots >= sell.least:
                    return buy, sell
        return None

    def in_line(self, venue: int, sign: int) -> list[Order]:
        orders = list(self.side(venue, sign))
        line = [o for o in orders if not o.dim][:1] + [o for o in orders if o.dim]
        return sorted((o for o in line if self.within_bands(o)), key=self.priority)

    # Rules 11 and 12: phases and auctions

    def set_phase(self, venue: int, phase: Phase, now: int) -> None:
        if phase == Phase.CONTINUOUS != self.phases[venue]:
            bid, ask = self.best(venue, 1), self.best(venue, -1)
            waiting = [o for sign in (1, -1) for o in self.dim[venue, sign].values() if o.kind == Kind.MARKET]
            if (bid and ask and bid >= ask) or waiting:
                raise Refused(Code.CROSSED)
        self.phases[venue] = phase
        self.settle(now)

    def indicative(self, venue: int, reference: int) -> tuple[int, int, int]:
        bids, asks = self.taking_part(venue, 1), self.taking_part(venue, -1)
        limits = sorted(order.px for order in bids + asks if order.px)
        best: tuple[tuple[int, ...], tuple[int, int, int]] | None = None
        for px in self.candidates(limits, reference):
            bought = sum(o.leaves for o in bids if not o.px or o.px >= px)
            sold = sum(o.leaves for o in asks if not o.px or o.px <= px)
            volume, left = min(bought, sold), bought - sold
            rank = (-volume, abs(left), abs(px - reference) if reference else 0, -px)
            if volume and (best is None or rank < best[0]):
                best = rank, (px, volume, left)
        if best is None:
            at_market = (sum(o.leaves for o in side if not o.px) for side in (bids, asks))
            return 0, 0, next(at_market) - next(at_market)
        return best[1]

    def candidates(self, limits: list[int], reference: int) -> list[int]:
        """Prices worth trying: each limit, and the valid ones next to it and to the reference."""
        if not limits:
            return [reference] if reference else []
        near = set(limits)
        for px in (*limits, *([reference] if reference else [])):
            for way in (-1, 1):
                at = px if px == reference and px not in limits else px + way
                while limits[0] <= at <= limits[-1] and at % self.step(at):
                    at += way
                near.add(at)
        return [px for px in near if limits[0] <= px <= limits[-1]]

    def step(self, px: int) -> int:
        return [step for start, step in self.rules.ticks if start <= px][-1]

    def taking_part(self, venue: int, sign: int) -> list[Order]:
        """Market orders first, then rule 1."""
        displayed = [order for queue in self.books[venue, sign].values() for order in queue.values()]
        dim = [o for o in self.dim[venue, sign].values() if o.terms.peg == Peg.NONE and not o.terms.min_qty]
        return sorted(displayed + dim, key=lambda o: (o.kind != Kind.MARKET, -sign * o.px, o.dim, o.arrival))

    def auction(self, venue: int, reference: int, now: int) -> tuple[int, int, int]:
        px, volume, _ = found = self.indicative(venue, reference)
        while volume:
            pair = self.taking_part(venue, 1)[0], self.taking_part(venue, -1)[0]
            maker, taker = sorted(pair, key=lambda order: order.arrival)
            lots = min(volume, maker.shown, taker.shown)
            volume -= lots
            self.fill(maker, px, taker.key, 0, lots, taker.leaves - lots, now, FillFlag.AUCTION)
            self.take(taker, lots)
        for sign in (1, -1):
            for order in [o for o in self.dim[venue, sign].values() if o.kind == Kind.MARKET]:
                self.strike(order, Reason.AUCTION, now)
        return found

    # Looking

    def levels(self, venue: int, sign: int) -> list[tuple[int, int]]:
        return [
            (-sign * at, sum(o.shown for o in queue.values()))
            for at, queue in self.books[venue, sign].items()
        ]

    def resting(self, venue: int) -> list[tuple[int, int, int, int]]:
        return [
            (o.key, o.sign, o.px, o.shown)
            for sign in (1, -1)
            for queue in self.books[venue, sign].values()
            for o in queue.values()
        ]
