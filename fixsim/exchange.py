"""The whole simulated market: venues, recording, latency. Pure: time is passed in, and it names its next
deadline.

A request waits its venue's order latency before the engine sees it, a report its report latency before it
leaves, market data likewise. What is due at one instant happens in this order: the flow (a recording, or
what a model draws; see fixsim/flow/source.py), then what waits in the heap in the order it was put there, the
dark venues following the midpoint at every turn; then each lit venue publishes what changed. Two exchanges
given the same calls produce the same messages, byte for byte.

Market time is the flow's. `origin_ns` is what the caller's clock says at the market's start and
`speed` how fast the market runs by it: in lock-step the two are the flow's own time and 1.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from fixsim.books import DarkMarket, LitBook, LitMarket, depth_of
from fixsim.flow.source import Source, from_tape
from fixsim.orders import Fill, Keys, Reply
from fixsim.publisher import Published, Publisher
from fixsim.record import Record
from fixsim.settings import Settings
from fixsim.venue import Venue
from router.fix import tags
from router.fix.messages import (
    MarketDataRequest,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderStatusRequest,
)

if TYPE_CHECKING:
    from fixsim.tape import Tape

Request = NewOrderSingle | OrderCancelRequest | OrderCancelReplaceRequest | OrderStatusRequest
MAX_NANOS = 2**63 - 1
MAX_WAITING = 1_000_000
"""Requests and messages in flight inside the exchange; more is a fault of ours."""


@dataclass(frozen=True, slots=True)
class Out:
    """A message that leaves now: by venue and client, MsgType and body."""

    venue: str
    to: str
    msg_type: bytes
    body: bytes


class Exchange:
    """See the module. Feed it with `request` and `subscribe`; call `advance` when `deadline_ns` has come."""

    def __init__(
        self,
        settings: Settings,
        source: Tape | Source,
        sink: Callable[[str], object],
        *,
        origin_ns: int | None = None,
        speed: float = 1.0,
    ) -> None:
        """`origin_ns` None: the flow's own time. What is before its start is in the book at once."""
        if not isinstance(source, Source):
            ends = {"start_ns": settings.tape.start, "stop_ns": settings.tape.stop}
            source = from_tape(source, len(settings.lit), **ends)
        market, self._flow = source.market, source.flow
        self.start_ns, self.stop_ns = source.start_ns, source.stop_ns
        self._origin_ns = self.start_ns if origin_ns is None else origin_ns
        self._speed = Fraction(speed).limit_denominator(1_000_000)
        self.end_ns = self._wall(self.stop_ns)
        """By the caller's clock, when the market stops."""
        self.record = Record(sink)
        self.now_ns = self._origin_ns
        self._heap: list[tuple[int, int, Callable[[int], None] | Out]] = []
        self._pushed = 0
        self._out: list[Out] = []

        max_px = MAX_NANOS // (settings.instrument.tick_nanos // 2)
        self.publishers = [
            Publisher(settings.instrument, depth_of(market, index, max_px))
            for index in range(len(settings.lit))
        ]
        self.lit = LitMarket(market, self.publishers, max_px)
        self.instruments = {settings.instrument.symbol: settings.instrument}
        keys = Keys()
        self.venues: dict[str, Venue] = {}
        self._lit_venues: list[Venue] = []
        self._dark: list[tuple[Venue, DarkMarket]] = []
        for number, venue in enumerate(settings.venue):
            if venue.kind == "lit":
                book = LitBook(self.lit, len(self._lit_venues))
                made = Venue(venue, settings.instrument, book, self.record, keys)
                self._lit_venues.append(made)
            else:
                dark = DarkMarket.seeded(settings, number, self._origin_ns, float(self._speed))
                made = Venue(venue, settings.instrument, dark, self.record, keys)
                self._dark.append((made, dark))
            self.venues[venue.name] = made
        self._flow.step_until(self.start_ns - 1)
        self.lit.settle()
        for publisher in self.publishers:
            publisher.flush()
        self.lit.touched.clear()
        self._mid_px = self.lit.mid_px()
        self._flow_ns = self._next_flow_ns()

    # -- requests ---------------------------------------------------------------------------------

    def request(self, venue: str, client: str, message: Request, now_ns: int) -> None:
        """An order-entry message has arrived at a venue's gateway."""
        place = self.venues[venue]

        def reach_engine(at_ns: int) -> None:
            match message:
                case NewOrderSingle():
                    replies = place.new_order(client, message, at_ns)
                case OrderCancelRequest():
                    replies = place.cancel(client, message, at_ns)
                case OrderCancelReplaceRequest():
                    replies = place.replace(client, message, at_ns)
                case OrderStatusRequest():
                    replies = place.status(client, message, at_ns)
            self._report(place, replies, at_ns)

        self._push(now_ns + place.settings.order_latency_ns, reach_engine)

    def refuse(
        self, venue: str, client: str, echo: dict[int, str], reason: int, text: str, now_ns: int
    ) -> None:
        """A NewOrderSingle that could not be read; see Venue.refuse."""
        place = self.venues[venue]

        def reach_engine(at_ns: int) -> None:
            body = place.refuse(client, echo, reason, text, at_ns)
            self._report(place, [Reply(client, tags.EXECUTION_REPORT, body)], at_ns)

        self._push(now_ns + place.settings.order_latency_ns, reach_engine)

    def subscribe(self, venue: str, client: str, message: MarketDataRequest, now_ns: int) -> None:
        """A MarketDataRequest has arrived. It is answered from the book as it is now."""
        place = self.venues[venue]
        index = self._lit_venues.index(place)
        self._publish(index, self.publishers[index].flush(), now_ns)
        self._publish(index, self.publishers[index].request(client, message), now_ns)

    def unsubscribe(self, venue: str, client: str) -> None:
        """The client's market data session ended."""
        place = self.venues[venue]
        if place in self._lit_venues:
            self.publishers[self._lit_venues.index(place)].drop(client)

    # -- time -------------------------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When something happens next of itself, by the caller's clock; None: nothing is left."""
        due = [self._heap[0][0]] if self._heap else []
        if self._flow_ns is not None:
            due.append(self._flow_ns)
        due += [at for _, dark in self._dark if (at := dark.deadline_ns()) is not None]
        return min(due, default=None)

    def advance(self, now_ns: int) -> list[Out]:
        """Everything due up to and including `now_ns`, in order of time; the messages that leave."""
        while True:
            at_ns = self.deadline_ns()
            if at_ns is None or at_ns > now_ns:
                break
            self._happen(max(at_ns, self.now_ns))
        self.now_ns = max(self.now_ns, now_ns)
        out, self._out = self._out, []
        return out

    def _happen(self, at_ns: int) -> None:
        self.now_ns = at_ns
        due = self._flow_ns is not None and self._flow_ns <= at_ns
        self._flow.step_until(min(self._market_ns(at_ns), self.stop_ns))
        if due:
            self._flow_ns = self._next_flow_ns()
            for venue, fills in zip(self._lit_venues, self.lit.settle(), strict=True):
                self._fill(venue, fills, at_ns)
        self._cross_dark(at_ns)
        while self._heap and self._heap[0][0] <= at_ns:
            act = heapq.heappop(self._heap)[2]
            if isinstance(act, Out):
                self._out.append(act)
            else:
                act(at_ns)
                self._flow.disturbed()
                self._flow_ns = self._next_flow_ns()
                self._cross_dark(at_ns)
        touched, self.lit.touched = self.lit.touched, set()
        for index in sorted(touched):
            self._publish(index, self.publishers[index].flush(), at_ns)

    def _cross_dark(self, at_ns: int) -> None:
        """The dark venues follow the lit midpoint, and see their own hidden interest come and go."""
        if not self._dark:
            return
        if self.lit.touched:
            self._mid_px = self.lit.mid_px()
        for venue, dark in self._dark:
            self._fill(venue, dark.advance(at_ns, self._mid_px), at_ns)

    def _fill(self, venue: Venue, fills: list[Fill], at_ns: int) -> None:
        if fills:
            self._report(venue, venue.filled(fills, at_ns), at_ns)

    # -- what leaves ------------------------------------------------------------------------------

    def _report(self, venue: Venue, replies: list[Reply], at_ns: int) -> None:
        for reply in replies:
            out = Out(venue.name, reply.to, reply.msg_type, reply.body)
            self._push(at_ns + venue.settings.report_latency_ns, out)

    def _publish(self, index: int, published: list[Published], at_ns: int) -> None:
        venue = self._lit_venues[index]
        for message in published:
            out = Out(venue.name, message.to, message.msg_type, message.body)
            self._push(at_ns + venue.settings.market_data_latency_ns, out)

    def _push(self, due_ns: int, act: Callable[[int], None] | Out) -> None:
        if len(self._heap) >= MAX_WAITING:
            raise OverflowError(f"{MAX_WAITING} requests and messages are in flight")
        self._pushed += 1
        heapq.heappush(self._heap, (due_ns, self._pushed, act))

    def finish(self, now_ns: int) -> None:
        """The market has stopped: record what still rests, and close the record."""
        for venue in self.venues.values():
            for order in venue.open_orders():
                self.record.write(
                    "open", now_ns, venue.name, session=order.owner, cl_ord_id=order.cl_ord_id,
                    order_id=order.order_id, qty_lots=order.qty_lots, cum_lots=order.cum_lots,
                    leaves_lots=order.leaves_lots,
                )  # fmt: skip
        self.record.end(now_ns, self.lit.market.digest())

    # -- market time and the caller's -------------------------------------------------------------

    def _next_flow_ns(self) -> int | None:
        market_ns = self._flow.next_time_ns()
        return None if market_ns is None or market_ns > self.stop_ns else self._wall(market_ns)

    def _wall(self, market_ns: int) -> int:
        """The first moment of the caller's clock at which the market's clock has reached `market_ns`."""
        speed = self._speed
        return self._origin_ns - (self.start_ns - market_ns) * speed.denominator // speed.numerator

    def _market_ns(self, wall_ns: int) -> int:
        return self.start_ns + (wall_ns - self._origin_ns) * self._speed.numerator // self._speed.denominator
