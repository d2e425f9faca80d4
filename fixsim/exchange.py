"""The whole simulated market: venues, instruments, latency. Pure: time is passed in, and it names its next
deadline.

A request waits its venue's order latency before the engine sees it, a report its report latency before it
leaves, market data likewise (constant or drawn: fixsim/latency.py). What is due at one instant happens in
this order: the flows, listing by listing (a recording, or what a model draws; see fixsim/flow/source.py),
then what waits in the heap in the order it was put there, the dark venues following the midpoint at every
turn; then each lit venue publishes what changed. Two exchanges given the same calls produce the same
messages, byte for byte.

Market time is the flow's. `origin_ns` is what the caller's clock says at the market's start and
`speed` how fast the market runs by it: in lock-step the two are the flow's own time and 1.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from fixsim.books import LitMarket
from fixsim.faults import NEVER_NS
from fixsim.flow.source import Source
from fixsim.latency import Paths
from fixsim.listing import Listing, Pace
from fixsim.matching import Phase
from fixsim.opening import opened
from fixsim.orders import Keys, Reply
from fixsim.publisher import UNSUBSCRIBE, Published, Publisher
from fixsim.record import Record
from fixsim.sabotage import Sabotage
from fixsim.says import Says
from fixsim.settings import Settings
from fixsim.status import Answer, Asked, Board
from fixsim.throttle import Throttles
from fixsim.venue import Place, Venue
from router.fix.messages import (
    MarketDataRequest,
    NewOrderSingle,
    OrderMassStatusRequest,
    OrderStatusRequest,
)
from router.fix.messages import OrderCancelReplaceRequest as Replace
from router.fix.messages import OrderCancelRequest as Cancel
from router.fix.messages import OrderMassCancelRequest as MassCancel

if TYPE_CHECKING:
    from fixsim.faults import Script
    from fixsim.tape import Tape
    from fixsim.tape.partial import PartialTape

Request = NewOrderSingle | Cancel | Replace | OrderStatusRequest | OrderMassStatusRequest | MassCancel
MAX_WAITING = 1_000_000
"""Requests and messages in flight inside the exchange; more is a fault of ours."""


@dataclass(slots=True)
class Out:
    """A message that leaves now, by venue and client."""

    venue: str
    to: str
    says: Says


@dataclass(slots=True)
class _Act:
    """Something that reaches the engine, and the listings whose books it may change."""

    run: Callable[[int], None]
    listings: Sequence[Listing]


class Exchange:
    """See the module. Feed it with `request`, `subscribe` and `ask`; call `advance` at `deadline_ns`."""

    def __init__(
        self,
        settings: Settings,
        source: Tape | PartialTape | Source,
        sink: Callable[[str], object],
        *,
        listed: Mapping[str, Tape | PartialTape | Source] | None = None,
        origin_ns: int | None = None,
        speed: float = 1.0,
    ) -> None:
        """`origin_ns` None: the flow's own time. What is before its start is in the book at once.

        `listed`: by symbol, what moves the further instruments (settings.listing); KeyError if one lacks.
        """
        source = opened(source, settings, settings.instrument)
        self.start_ns, self.stop_ns = source.start_ns, source.stop_ns
        origin_ns = self.start_ns if origin_ns is None else origin_ns
        self._pace = Pace(origin_ns, self.start_ns, Fraction(speed).limit_denominator(1_000_000))
        self.end_ns = self._pace.wall_ns(self.stop_ns)
        """By the caller's clock, when the market stops."""
        self.record = Record(sink)
        self.now_ns = origin_ns
        self._heap: list[tuple[int, int, _Act | Out]] = []
        self._pushed = 0
        self._out: list[Out] = []
        self._all = [Listing.open(settings, settings.instrument, source, self._pace, 0)]
        for number, one in enumerate(settings.listing, start=1):
            other = opened((listed or {})[one.symbol], settings, one)
            pace = replace(self._pace, start_ns=other.start_ns)
            self._all.append(Listing.open(settings, one, other, pace, number))
        self.listings = {listing.instrument.symbol: listing for listing in self._all}
        self.instruments = {symbol: listing.instrument for symbol, listing in self.listings.items()}
        self._lit = {venue.name: number for number, venue in enumerate(settings.lit)}
        keys = Keys()
        self.venues: dict[str, Venue] = {}
        self.boards: dict[str, Board] = {}
        self._paths: dict[str, Paths] = {}
        self._throttles = Throttles(settings)
        self.sabotage = Sabotage(self, self._pace)
        for number, rule in enumerate(settings.venue):
            name, lit = rule.name, self._lit.get(rule.name)
            places = {s: Place(at.instrument, at.book(name, lit)) for s, at in self.listings.items()}
            self.venues[name] = Venue(rule, places, self.record, keys)
            self.boards[name] = Board(name, self.instruments)
            latencies = (rule.order_latency_ns, rule.report_latency_ns, rule.market_data_latency_ns)
            self._paths[name] = Paths(*latencies, seed=settings.seed, number=number)

    @property
    def lit(self) -> LitMarket:
        """The lit market of the settings' [instrument], whose end is the exchange's."""
        return self._all[0].lit

    # -- requests ---------------------------------------------------------------------------------

    def request(self, venue: str, client: str, message: Request, now_ns: int) -> None:
        """An order-entry message has arrived at a venue's gateway."""
        place = self.venues[venue]
        over, delay_ns = "", 0
        if self._throttles.limited:
            over = self._throttles.refusal(venue, client, message, self._pace.market_ns(now_ns))
        if self.sabotage.at_work:
            fate = self.sabotage.request(venue, client, message, now_ns)
            if fate.lost:
                return
            over, delay_ns = over or fate.refused or "", fate.delay_ns

        def reach_engine(at_ns: int) -> None:
            match message:
                case NewOrderSingle() | Cancel() | Replace() | MassCancel() if over:
                    replies = [place.throttled(client, message, over, at_ns)]
                case NewOrderSingle():
                    replies = place.new_order(client, message, at_ns)
                case Cancel():
                    replies = place.cancel(client, message, at_ns)
                case Replace():
                    replies = place.replace(client, message, at_ns)
                case OrderStatusRequest():
                    replies = place.status(client, message, at_ns)
                case OrderMassStatusRequest():
                    replies = place.mass_status(client, message, at_ns)
                case MassCancel():
                    replies = place.mass_cancel(client, message, at_ns)
            self._report(place, replies, at_ns)

        asks = over or isinstance(message, OrderStatusRequest | OrderMassStatusRequest)
        symbols = () if asks else (message.symbol,) if message.symbol else self.listings
        self._reach(place, client, reach_engine, now_ns, symbols, delay_ns)

    def refuse(
        self, venue: str, client: str, echo: dict[int, str], reason: int, text: str, now_ns: int
    ) -> None:
        """A NewOrderSingle that could not be read; see Venue.refuse."""
        place = self.venues[venue]

        def reach_engine(at_ns: int) -> None:
            self._report(place, [place.refuse(client, echo, reason, text, at_ns)], at_ns)

        self._reach(place, client, reach_engine, now_ns)

    def cancel_all(self, venue: str, client: str, text: str, now_ns: int) -> None:
        """Nobody asked, but every order of a client goes, behind what it has sent before."""
        place = self.venues[venue]

        def reach_engine(at_ns: int) -> None:
            self._report(place, place.cancel_all(client, text, at_ns), at_ns)

        self._reach(place, client, reach_engine, now_ns, self.listings)

    def subscribe(self, venue: str, client: str, message: MarketDataRequest, now_ns: int) -> None:
        """A MarketDataRequest has arrived. It is answered from the books as they are now, with a W for each
        of its symbols; one that any of them would refuse is refused as a whole.
        """
        number = self._lit[venue]
        symbols = dict.fromkeys(message.symbols)
        if message.subscription == UNSUBSCRIBE:
            symbols = dict.fromkeys(self.listings)
        asked = [self.listings[symbol].publishers[number] for symbol in symbols]
        refusal = self._refusal(asked, self._publishers(number), client, message)
        if refusal is not None:
            self._publish(venue, [refusal], now_ns)
            return
        for publisher in asked:
            self._publish(venue, publisher.flush(now_ns), now_ns)
            self._publish(venue, publisher.request(client, message, now_ns), now_ns)

    def _refusal(
        self,
        asked: Iterable[Publisher],
        every: Iterable[Publisher],
        client: str,
        message: MarketDataRequest,
    ) -> Published | None:
        if message.subscription == UNSUBSCRIBE:
            return None
        held = [one for one in every if one.holds(client, message.md_req_id)]
        return next((no for one in [*held, *asked] if (no := one.refusal(client, message))), None)

    def ask(self, venue: str, client: str, message: Asked, now_ns: int) -> None:
        """A request about the instruments has arrived. It is answered as things are now."""
        self._tell(venue, self.boards[venue].ask(client, message, now_ns), now_ns)

    def unsubscribe(self, venue: str, client: str) -> None:
        """The client's session ended."""
        self.boards[venue].drop(client)
        if venue in self._lit:
            for publisher in self._publishers(self._lit[venue]):
                publisher.drop(client)

    def _publishers(self, number: int) -> list[Publisher]:
        """Of one lit venue, over the instruments."""
        return [listing.publishers[number] for listing in self._all]

    # -- time -------------------------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When something happens next of itself, by the caller's clock; None: nothing is left."""
        due_ns = self._heap[0][0] if self._heap else NEVER_NS
        if self.sabotage.at_work:
            at_ns = self.sabotage.deadline_ns()
            if at_ns is not None and at_ns < due_ns:
                due_ns = at_ns
        for listing in self._all:
            at_ns = listing.deadline_ns()
            if at_ns is not None and at_ns < due_ns:
                due_ns = at_ns
        return None if due_ns == NEVER_NS else due_ns

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
        for listing in self._all:
            if listing.step(at_ns):
                self._deliver(listing, at_ns)
        self._follow(at_ns)
        if self.sabotage.at_work:
            for venue, reply in self.sabotage.happen(at_ns):
                self._push(at_ns, Out(venue, reply.to, reply.says))
        while self._heap and self._heap[0][0] <= at_ns:
            act = heapq.heappop(self._heap)[2]
            if isinstance(act, Out):
                self._out.append(act)
                continue
            act.run(at_ns)
            for listing in act.listings:
                self._deliver(listing, at_ns)
                listing.disturbed()
            self._follow(at_ns)
        for listing in self._all:
            touched = listing.lit.touched
            if not touched:
                continue
            listing.lit.touched = set()
            for venue, number in self._lit.items():
                if number in touched:
                    self._publish(venue, listing.publishers[number].flush(at_ns), at_ns)

    def _deliver(self, listing: Listing, at_ns: int) -> None:
        """What befell participants' orders at the lit venues."""
        if not listing.lit.waiting:
            return
        for venue, number in self._lit.items():
            happened = listing.lit.take(number)
            if happened:
                place = self.venues[venue]
                self._report(place, place.happened(happened, at_ns), at_ns)

    def _follow(self, at_ns: int) -> None:
        """The dark venues follow the lit midpoint, and see their own hidden interest come and go."""
        for listing in self._all:
            for venue, happened in listing.follow(at_ns):
                place = self.venues[venue]
                self._report(place, place.happened(happened, at_ns), at_ns)

    def market_ns(self, now_ns: int) -> int:
        """The market's time at a moment of the caller's clock."""
        return self._pace.market_ns(now_ns)

    # -- the venue's own acts ---------------------------------------------------------------------

    def inject(self, script: Script, now_ns: int, name: str = "script") -> None:
        """Put a fault script to work, whose time starts now. ValueError if it names what is not here."""
        self.sabotage.inject(script, now_ns, name)

    def act(self, venue: str, replies: Iterable[Reply], now_ns: int) -> None:
        """A venue has done something unasked (fixsim/unasked.py): it is reported, and the books follow."""
        self._report(self.venues[venue], replies, now_ns)
        for listing in self._all:
            self._deliver(listing, now_ns)
        self._push(now_ns, _Act(lambda at_ns: None, self._all))

    def best_ask(self, venue: str, symbol: str) -> int | None:
        """The best offer shown at a lit venue, in half ticks."""
        offers = self.listings[symbol].publishers[self._lit[venue]].depth(-1, 1)
        return offers[0][0] if offers else None

    def feign(self, venue: str, symbol: str, px: int, lots: int) -> None:
        """A lit venue's market data shows a bid that is not there; see Publisher.feign."""
        listing, number = self.listings[symbol], self._lit[venue]
        listing.publishers[number].feign(px, lots)
        listing.lit.touched.add(number)

    def set_status(
        self,
        venue: str,
        symbol: str,
        phase: Phase,
        now_ns: int,
        text: str = "",
        only: Phase | None = None,
    ) -> None:
        """A venue's operator changes whether an instrument trades there, from now on; subscribers are told.

        `only`: if it is in that phase then. HALTED and CLOSED take only cancels. KeyError: no such venue or
        symbol; ValueError: a dark venue has no auction.
        """
        listing, number = self.listings[symbol], self._lit.get(venue)
        place = self.venues[venue].places[symbol]
        if number is None and phase is Phase.AUCTION:
            raise ValueError(f"{venue} is dark: it has no auction")

        def change(at_ns: int) -> None:
            if only not in (None, self.boards[venue].phases[symbol]):
                return
            if number is None:
                listing.dark[venue].phase = phase
            else:
                listing.lit.set_phase(number, phase, listing.pace.market_ns(at_ns))
            place.shut = f"{venue}: {symbol} is {phase.name.lower()}" if phase >= Phase.HALTED else ""
            self._tell(venue, self.boards[venue].change(symbol, phase, text, at_ns), at_ns)

        self._push(now_ns, _Act(change, [listing]))

    # -- what leaves ------------------------------------------------------------------------------

    def _report(self, venue: Venue, replies: Iterable[Reply], at_ns: int) -> None:
        path = self._paths[venue.name].reports
        name = venue.name
        if not self.sabotage.at_work:
            for reply in replies:
                to = reply.to
                self._push(path.due_ns(to, at_ns), Out(name, to, reply.says))
            return
        for reply in replies:
            for due_ns, one in self.sabotage.departures(name, reply, path, at_ns):
                self._push(due_ns, Out(name, one.to, one.says))

    def _publish(self, venue: str, published: Sequence[Published], at_ns: int) -> None:
        if published:
            self._leave(venue, published, at_ns, self.sabotage.held_ns(venue, at_ns))

    def _tell(self, venue: str, answers: Iterable[Answer], at_ns: int) -> None:
        self._leave(venue, answers, at_ns)

    def _leave(
        self, venue: str, messages: Iterable[Published | Answer], at_ns: int, held_ns: int = 0
    ) -> None:
        path = self._paths[venue].data
        for message in messages:
            out = Out(venue, message.to, message.says)
            self._push(path.due_ns(message.to, at_ns, held_ns), out)

    def _reach(
        self,
        place: Venue,
        client: str,
        run: Callable[[int], None],
        now_ns: int,
        symbols: Iterable[str] = (),
        held_ns: int = 0,
    ) -> None:
        """`symbols` are those whose books it may change."""
        touched = [self.listings[symbol] for symbol in symbols if symbol in self.listings]
        due_ns = self._paths[place.name].orders.due_ns(client, now_ns, held_ns)
        self._push(due_ns, _Act(run, touched))

    def _push(self, due_ns: int, act: _Act | Out) -> None:
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
        for listing in self._all:
            listing.record_bounds(self.record, [self.venues[name] for name in self._lit], now_ns)
        self.record.end(now_ns, "+".join(one.lit.market.digest() for one in self._all))
