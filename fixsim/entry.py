"""A venue's rules of entry: which orders it takes, and in what words it refuses the others.

Pure functions over one request and the instrument's rules; each raises Refused, whose text names field, value
and rule, and whose reason is OrdRejReason(103) of FIX 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from fixsim.matching import Peg, SelfMatch
from fixsim.settings import Instrument, Venue
from risk.order import OrdType, TimeInForce
from router.fix.decimals import nanos_to_wire
from router.fix.messages import MIDPOINT_PEG, NewOrderSingle

UNKNOWN_SYMBOL, EXCHANGE_CLOSED, UNKNOWN_ORDER, DUPLICATE_ORDER = 1, 2, 5, 6
UNSUPPORTED, INCORRECT_QUANTITY, OTHER = 11, 13, 99
POST_ONLY = "6"
"""ExecInst(18): participate, do not initiate."""
PEGS = {MIDPOINT_PEG: Peg.MID, "R": Peg.PRIMARY}


Group = tuple[SelfMatch, int]
NO_GROUP: Group = (SelfMatch.NONE, 0)


class Kind(StrEnum):
    """What the book is asked to do with an order."""

    LIMIT = "limit"
    MARKET = "market"
    IOC = "ioc"
    FOK = "fok"
    PEG = "peg"


class Ask(NamedTuple):
    """A new order as the book is asked to take it. `px` is in half ticks, 0: no limit."""

    kind: Kind
    sign: int
    px: int
    qty_lots: int
    min_lots: int = 0
    """No fill may be smaller, except one that completes the order."""
    shown_lots: int | None = None
    """What the book displays of it at a time; 0: nothing, None: all."""
    post_only: bool = False
    peg: Peg = Peg.NONE
    """What the price follows at a lit venue; at a dark one every price is the midpoint."""
    self_match: SelfMatch = SelfMatch.NONE
    group: int = 0
    """Its owner's number, so that self-match prevention knows its orders; 0: none."""


@dataclass(slots=True)
class Refused(Exception):  # noqa: N818 - a verdict, not a fault
    reason: int
    text: str


def ask_of(request: NewOrderSingle, group: Group, instrument: Instrument, venue: Venue) -> Ask:
    """What a NewOrderSingle asks of the book, if the venue takes such an order; `group` is its client's."""
    check_quantity(instrument, request.qty_lots)
    kind = kind_of(request, venue)
    peg = _peg(request, venue)
    post_only = request.exec_inst != "" and POST_ONLY in request.exec_inst.split()
    if post_only and venue.kind == "dark":
        raise Refused(UNSUPPORTED, f"ExecInst(18) {POST_ONLY}: {venue.name} shows no price to join")
    px = px_of(instrument, venue.name, request.ord_type, request.price_nanos)
    shown = request.max_floor_lots
    if shown is not None or request.min_qty_lots:
        _check_parts(request, instrument, venue)
    if shown is not None and shown >= request.qty_lots:
        shown = None
    sign, qty, least = request.side.sign, request.qty_lots, request.min_qty_lots
    return Ask(kind, sign, px, qty, least, shown, post_only, peg, *group)


def kind_of(request: NewOrderSingle, venue: Venue) -> Kind:
    """The order's kind, if the venue takes that kind."""
    dark = venue.kind == "dark"
    if request.ord_type is OrdType.PEGGED:
        if request.tif in (TimeInForce.IOC, TimeInForce.FOK):
            raise Refused(UNSUPPORTED, f"TimeInForce(59) {request.tif.value}: a peg rests")
        return Kind.PEG
    if request.tif is TimeInForce.FOK:
        return Kind.FOK
    if request.ord_type is OrdType.MARKET:
        return Kind.IOC if dark else Kind.MARKET
    return Kind.IOC if request.tif is TimeInForce.IOC else Kind.LIMIT


def groups_of(venue: Venue) -> dict[str, Group]:
    """By client: which of its orders goes where two would meet, and the number that they have in common."""
    return {
        one.comp_id: (SelfMatch[one.self_match.upper()], number) if one.self_match else NO_GROUP
        for number, one in enumerate(venue.clients, start=1)
    }


def _peg(request: NewOrderSingle, venue: Venue) -> Peg:
    """What a PEGGED order's price follows, by ExecInst(18): M the midpoint, R its own side's best price."""
    if request.ord_type is not OrdType.PEGGED:
        return Peg.NONE
    asked = {PEGS[code] for code in request.exec_inst.split() if code in PEGS}
    if venue.kind == "dark":
        if asked <= {Peg.MID}:
            return Peg.MID
        raise Refused(UNSUPPORTED, f"ExecInst(18) {request.exec_inst}: {venue.name} has only a midpoint peg")
    if len(asked) != 1:
        raise Refused(UNSUPPORTED, f"ExecInst(18) {request.exec_inst!r} of a peg is not one of M, R")
    return asked.pop()


def _check_parts(request: NewOrderSingle, instrument: Instrument, venue: Venue) -> None:
    """MinQty(110) and MaxFloor(111), which are parts of the quantity."""
    for name, part in (("MinQty(110)", request.min_qty_lots), ("MaxFloor(111)", request.max_floor_lots or 0)):
        if part > request.qty_lots or part % instrument.round_lots:
            most = f"{instrument.round_lots} up to OrderQty(38), {request.qty_lots} lots"
            raise Refused(INCORRECT_QUANTITY, f"{name} {part} lots is not a multiple of {most}")
    if request.max_floor_lots and venue.kind == "dark":
        raise Refused(UNSUPPORTED, f"MaxFloor(111): {venue.name} shows nothing of an order")
    if request.min_qty_lots and venue.kind == "lit":
        hidden = request.max_floor_lots == 0 or request.ord_type is OrdType.PEGGED
        if not hidden and request.tif is not TimeInForce.IOC:
            text = f"MinQty(110): {venue.name} takes it with IOC, hidden and pegged orders only"
            raise Refused(UNSUPPORTED, text)


def check_quantity(instrument: Instrument, qty_lots: int) -> None:
    """Within bounds, and whole."""
    low, high, round_lots = instrument.min_lots, instrument.max_lots, instrument.round_lots
    if not low <= qty_lots <= high or qty_lots % round_lots:
        rule = f"is not a multiple of {round_lots} from {low} to {high}"
        raise Refused(INCORRECT_QUANTITY, f"OrderQty(38) {qty_lots} lots {rule}")


def px_of(instrument: Instrument, venue: str, ord_type: OrdType, price_nanos: int | None) -> int:
    """The limit in half ticks; 0: none."""
    if price_nanos is None:
        if ord_type is OrdType.LIMIT:
            raise Refused(OTHER, "Price(44) is missing from a limit order")
        return 0
    if ord_type is OrdType.MARKET:
        wire = nanos_to_wire(price_nanos).decode()
        raise Refused(OTHER, f"Price(44) {wire} does not belong on a market order")
    step = instrument.step_at(price_nanos)
    if price_nanos <= 0 or price_nanos % step.tick_nanos:
        wire = nanos_to_wire(price_nanos).decode()
        tick = nanos_to_wire(step.tick_nanos).decode()
        rule = f"is not a positive multiple of tick {tick}"
        if instrument.ticks:
            since = nanos_to_wire(step.from_nanos).decode()
            rule = f"is not a positive multiple of {tick}, the tick from {since} on"
        raise Refused(OTHER, f"Price(44) {wire} {rule} ({instrument.symbol}, {venue})")
    return price_nanos * 2 // instrument.tick_nanos
