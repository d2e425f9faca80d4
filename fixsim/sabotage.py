"""Fault scripts at work in an exchange: what becomes of requests and reports, and what befalls venues.

Pure, and deterministic: the scripts' durations are market time since they were put to work, turned into the
driver's clock here; what they draw comes from their own seeds. The exchange asks at each request, report and
batch of market data, the wire (fixsim/wire.py) at each message, and the exchange calls `happen` at
`deadline_ns`. Whatever strikes has its line in the record
("fault"), so that a run explains itself. Several scripts work side by side, in the order they came.

A delayed request or report keeps its place on its session: what is behind it waits. Status requests (H, AF)
are never met; a mass cancel is, as a cancel without a quantity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixsim import unasked
from fixsim.faults import NEVER_NS, Act, Fate, Faults, Meeting, Passage, Script, WireFate
from fixsim.faults.script import WIRE, Do
from fixsim.latency import Path
from fixsim.listing import Pace
from fixsim.matching import Phase
from fixsim.orders import Order, Reply
from fixsim.venue import Venue
from risk.order import Side
from router.fix.decimals import nanos_to_wire
from router.fix.messages import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
)

if TYPE_CHECKING:
    from fixsim.exchange import Exchange

MAX_SCRIPTS = 100
PHASES = {
    Do.HALT: Phase.HALTED,
    Do.RESUME: Phase.CONTINUOUS,
    Do.AUCTION: Phase.AUCTION,
    Do.CLOSE: Phase.CLOSED,
}
LIT_ONLY = (Do.AUCTION, Do.CROSSED, Do.STALE)
Met = NewOrderSingle | OrderCancelRequest | OrderCancelReplaceRequest | OrderMassCancelRequest


@dataclass(slots=True)
class _AtWork:
    name: str
    since_ns: int
    """Market time."""
    faults: Faults
    feigned: dict[tuple[int, str, str], tuple[int, int]]
    """By fault, venue and symbol: the false bid's px and lots."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A report that lets the next one pass, until `latest_ns`."""

    reply: Reply
    latest_ns: int


class Sabotage:
    """See the module. `pace` is the market's clock by the driver's."""

    def __init__(self, exchange: Exchange, pace: Pace) -> None:
        self._exchange = exchange
        self._pace = pace
        self._scripts: list[_AtWork] = []
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        """By venue and client; one at a time."""
        self.wired = False
        """Whether any script has something to do with the wire."""

    def inject(self, script: Script, now_ns: int, name: str) -> None:
        """Put a script to work. ValueError if it names what is not here, or there are too many at work."""
        if len(self._scripts) >= MAX_SCRIPTS:
            raise ValueError(f"{name}: {MAX_SCRIPTS} scripts are at work already")
        self._refuse_unknown(script, name)
        market_ns = self._pace.market_ns(now_ns)
        self._scripts.append(_AtWork(name, market_ns, Faults(script, market_ns), {}))
        self.wired = self.wired or any(fault.do in WIRE for fault in script.fault)

    def _refuse_unknown(self, script: Script, name: str) -> None:
        venues = self._exchange.venues
        script.refuse_unknown(set(venues), name)
        clients = {client.comp_id for venue in venues.values() for client in venue.settings.clients}
        for number, fault in enumerate(script.fault):
            where, orders = f"{name}: fault.{number}", fault.orders
            for field, value, known in (
                ("symbol", orders.symbol, set(self._exchange.listings)),
                ("client", orders.client, clients),
                ("client", fault.wire.client, clients),
            ):
                if value is not None and value not in known:
                    part = "orders" if fault.do not in WIRE else "wire"
                    rule = f"must be one of {', '.join(sorted(known))}"
                    raise ValueError(f"{where}.{part}.{field} = {value!r}: {rule}")
            if fault.do in LIT_ONLY and fault.venue and venues[fault.venue].settings.kind == "dark":
                raise ValueError(f'{where}.venue = {fault.venue!r}: it is dark, do = "{fault.do}" needs lit')

    def status(self) -> list[dict[str, object]]:
        """The scripts at work: since when (market ns), each fault in words and how often it has struck."""
        return [
            {
                "script": one.name,
                "since_ns": one.since_ns,
                "faults": [
                    {"fault": words, "struck": times}
                    for words, times in zip(one.faults.script.describe(), one.faults.counts(), strict=True)
                ],
            }
            for one in self._scripts
        ]

    @property
    def at_work(self) -> bool:
        """Whether any script is."""
        return bool(self._scripts)

    # -- what is asked ----------------------------------------------------------------------------

    def request(self, venue: str, client: str, message: object, now_ns: int) -> Fate:
        """What becomes of a request; its delay is by the driver's clock."""
        if not isinstance(message, Met):
            return Fate()
        met, delay_ns = _request(venue, client, message), 0
        for one in self._scripts:
            fate = one.faults.request(met, self._pace.market_ns(now_ns))
            self._tell(one, venue, now_ns, met.client, message.cl_ord_id, met.request)
            delay_ns += self._pace.lasts_ns(fate.delay_ns)
            if fate.lost or fate.refused is not None:
                return fate._replace(delay_ns=delay_ns)
        return Fate(delay_ns)

    def departures(self, venue: str, reply: Reply, path: Path, at_ns: int) -> Iterator[tuple[int, Reply]]:
        """When a report leaves, and what leaves with it: (driver's ns, message)."""
        fate = self._report(venue, reply, at_ns)
        if fate.lost:
            return
        due_ns = path.due_ns(reply.to, at_ns, fate.delay_ns)
        if fate.passed_ns is not None:
            self._waiting[venue, reply.to] = _Waiting(reply, due_ns + fate.passed_ns)
        else:
            yield due_ns, reply
            waiting = self._waiting.get((venue, reply.to))
            if waiting is not None and due_ns <= waiting.latest_ns:
                del self._waiting[venue, reply.to]
                yield due_ns, waiting.reply
        if fate.again_ns is not None:
            yield due_ns + fate.again_ns, reply

    def _report(self, venue: str, reply: Reply, at_ns: int) -> Fate:
        if reply.about is None:
            return Fate()
        met, total = _about(venue, reply.to, reply.about), Fate()
        for one in self._scripts:
            passing = (venue, reply.to) not in self._waiting and total.passed_ns is None
            fate = one.faults.report(met, self._pace.market_ns(at_ns), passing=passing)
            text = f"35={reply.says.MSG_TYPE.decode()}"
            self._tell(one, venue, at_ns, reply.to, reply.about.cl_ord_id, text)
            if fate.lost:
                return fate
            total = Fate(
                total.delay_ns + self._pace.lasts_ns(fate.delay_ns),
                again_ns=self._later(total.again_ns, fate.again_ns),
                passed_ns=self._later(total.passed_ns, fate.passed_ns),
            )
        return total

    def _later(self, known_ns: int | None, market_ns: int | None) -> int | None:
        return known_ns if market_ns is None else self._pace.lasts_ns(market_ns)

    def held_ns(self, venue: str, at_ns: int) -> int:
        """For how long market data that would leave now is held; 0: it leaves."""
        market_ns = self._pace.market_ns(at_ns)
        ends = [end for one in self._scripts if (end := one.faults.stale_until(venue, market_ns)) is not None]
        return max(0, self._pace.wall_ns(max(ends)) - at_ns) if ends else 0

    def carried(self, met: Passage, seq: int, now_ns: int, *, passing: bool) -> WireFate:
        """What becomes of a message on the wire, number `seq` of its way; durations by the driver's clock.

        Not `passing`: another of its way waits for it to pass.
        """
        market_ns, total = self._pace.market_ns(now_ns), WireFate()
        for one in self._scripts:
            fate = one.faults.carried(met, market_ns, passing=passing and total.passed_ns is None)
            self._tell(one, met.venue, now_ns, met.client, "", f"35={met.msg_type} 34={seq} {met.way}")
            total = WireFate(
                total.delay_ns + self._pace.lasts_ns(fate.delay_ns),
                fate.lost,
                fate.cut,
                self._later(total.again_ns, fate.again_ns),
                self._later(total.passed_ns, fate.passed_ns),
                total.skipped + fate.skipped,
            )
            if fate.lost or fate.cut:
                break
        return total

    def dead_until(self, met: Passage, now_ns: int) -> int | None:
        """Until when nothing arrives of one way of a session, by the driver's clock; None: it does."""
        market_ns = self._pace.market_ns(now_ns)
        ends = [end for one in self._scripts if (end := one.faults.dead_until(met, market_ns)) is not None]
        if not ends:
            return None
        return NEVER_NS if max(ends) == NEVER_NS else self._pace.wall_ns(max(ends))

    def takes_ns(self, met: Passage, size: int, now_ns: int) -> int:
        """How long so many bytes of one way of a session are being read, by the driver's clock."""
        market_ns = self._pace.market_ns(now_ns)
        rates = [one.faults.bytes_per_s(met, market_ns) for one in self._scripts]
        slowest = min((rate for rate in rates if rate is not None), default=None)
        return 0 if slowest is None else self._pace.lasts_ns(size * 1_000_000_000 // slowest)

    # -- what happens of itself -------------------------------------------------------------------

    def deadline_ns(self) -> int | None:
        """When something happens next of itself, by the driver's clock."""
        due = [
            self._pace.wall_ns(at) for one in self._scripts if (at := one.faults.deadline_ns()) is not None
        ]
        due += [waiting.latest_ns for waiting in self._waiting.values()]
        return min(due, default=None)

    def happen(self, at_ns: int) -> Iterator[tuple[str, Reply]]:
        """Everything due; the reports that leave now since none has passed them: (venue, message)."""
        for one in self._scripts:
            for act in one.faults.due(self._pace.market_ns(at_ns)):
                self._act(one, act, at_ns)
        for (venue, client), waiting in list(self._waiting.items()):
            if waiting.latest_ns <= at_ns:
                del self._waiting[venue, client]
                yield venue, waiting.reply

    def _act(self, one: _AtWork, act: Act, at_ns: int) -> None:
        for name, venue in self._exchange.venues.items():
            if act.venue not in (None, name) or (act.do in LIT_ONLY and venue.settings.kind == "dark"):
                continue
            match act.do:
                case Do.HALT | Do.RESUME | Do.AUCTION | Do.CLOSE:
                    self._phase(one, act, venue, at_ns)
                case Do.CROSSED:
                    self._cross(one, act, name, at_ns)
                case Do.STALE | Do.HALF_OPEN | Do.SLOW_READER:
                    self._note(one, act.number, name, at_ns, text="ends" if act.over else "begins")
                case Do.CANCEL | Do.RESTATE:
                    for order in venue.open_orders():
                        self._strike_order(one, act, venue, order, at_ns)
                case _:
                    self._strike_fills(one, act, venue, at_ns)

    def _phase(self, one: _AtWork, act: Act, venue: Venue, at_ns: int) -> None:
        phase, only = PHASES[act.do], None
        if act.over:
            phase, only = Phase.CONTINUOUS, phase  # unless somebody has changed it since
        text = act.fault.text or f"{act.do.value}{' is over' if act.over else ''}: fault script"
        for symbol in venue.places:
            self._exchange.set_status(venue.name, symbol, phase, at_ns, text, only=only)
        self._note(one, act.number, venue.name, at_ns, text="ends" if act.over else "begins")

    def _cross(self, one: _AtWork, act: Act, venue: str, at_ns: int) -> None:
        """A bid of one unit above the best offer; where there is no offer, nothing."""
        for symbol, listing in self._exchange.listings.items():
            key = act.number, venue, symbol
            if act.over:
                px, lots = one.feigned.pop(key, (0, 0))
                lots = -lots
            else:
                best = self._exchange.best_ask(venue, symbol)
                px = 0 if best is None else best + 2 * (act.fault.ticks or 0)
                lots = listing.instrument.lots_per_unit if 0 < px <= listing.lit.max_px else 0
                one.feigned[key] = px, lots
            if lots:
                self._exchange.feign(venue, symbol, px, lots)
                wire = nanos_to_wire(px * listing.instrument.tick_nanos // 2).decode()
                said = "taken back" if act.over else "shown"
                self._note(one, act.number, venue, at_ns, text=f"{symbol}: a false bid at {wire} is {said}")

    def _strike_order(self, one: _AtWork, act: Act, venue: Venue, order: Order, at_ns: int) -> None:
        round_lots = order.instrument.round_lots
        left = order.leaves_lots // 2 // round_lots * round_lots
        restates = act.do is Do.RESTATE
        if not order.live or (restates and (not left or venue.places[order.instrument.symbol].shut)):
            return
        if not one.faults.strikes(act, _about(venue.name, order.owner, order)):
            return
        text = act.fault.text or (f"restated: {left} lots are left" if restates else unasked.UNSOLICITED)
        self._tell(one, venue.name, at_ns, order.owner, order.cl_ord_id, text)
        if not restates:
            self._exchange.act(venue.name, unasked.cancel(venue, order, at_ns, text), at_ns)
            return
        try:
            replies = unasked.restate(venue, order, left, at_ns, text)
        except ValueError as error:
            self._note(one, act.number, venue.name, at_ns, text=f"not done: {error}")
        else:
            self._exchange.act(venue.name, replies, at_ns)

    def _strike_fills(self, one: _AtWork, act: Act, venue: Venue, at_ns: int) -> None:
        """A correction is to the owner's loss: a buyer pays more, a seller gets less."""
        for fill in unasked.fills(venue):
            order = fill.order
            ticks = (act.fault.ticks or 0) * order.instrument.tick_nanos
            price_nanos = fill.price_nanos + order.side.sign * ticks
            if price_nanos <= 0 or not one.faults.strikes(act, _about(venue.name, order.owner, order)):
                continue
            told = f"{act.do.value} of {fill.exec_id}"
            self._tell(one, venue.name, at_ns, order.owner, order.cl_ord_id, told)
            text = act.fault.text or f"{act.do.value}: fault script"
            if act.do is Do.BUST:
                self._exchange.act(venue.name, unasked.bust(venue, fill, at_ns, text), at_ns)
            else:
                replies = unasked.correct(venue, fill, price_nanos, at_ns, text)
                self._exchange.act(venue.name, replies, at_ns)

    # -- the record -------------------------------------------------------------------------------

    def _tell(self, one: _AtWork, venue: str, at_ns: int, session: str, cl_ord_id: str, text: str) -> None:
        """A line for each fault that has just struck."""
        for number in one.faults.take_struck():
            self._note(one, number, venue, at_ns, session=session, cl_ord_id=cl_ord_id, text=text)

    def _note(
        self, one: _AtWork, number: int, venue: str, at_ns: int, *, session: str = "", cl_ord_id: str = "",
        text: str = "",
    ) -> None:  # fmt: skip
        do = one.faults.script.fault[number].do.value
        self._exchange.record.write(
            "fault", at_ns, venue, script=one.name, number=number, do=do, session=session,
            cl_ord_id=cl_ord_id, text=text,
        )  # fmt: skip


def _side(side: Side | None) -> str:
    return "" if side is None else "buy" if side.sign > 0 else "sell"


def _request(venue: str, client: str, message: Met) -> Meeting:
    kind = {NewOrderSingle: "new", OrderCancelReplaceRequest: "replace"}.get(type(message), "cancel")
    qty_lots, account = 0, ""
    if not isinstance(message, OrderMassCancelRequest):
        qty_lots, account = message.qty_lots, message.account
    return Meeting(venue, client, kind, _side(message.side), message.symbol, account, qty_lots)


def _about(venue: str, client: str, about: Order | NewOrderSingle) -> Meeting:
    symbol = about.symbol if isinstance(about, NewOrderSingle) else about.instrument.symbol
    return Meeting(venue, client, "new", _side(about.side), symbol, about.account, about.qty_lots)
