"""What a venue does to an order or a fill that nobody asked for: cancel, restate, bust, correct.

Pure. Each is at the venue's own moment, is reported to the order's owner and has its line in the record.

    cancel    150=4   what is left goes; 378=99, and Text(58) says why
    restate   150=D   less is left, its place in the queue is kept; 378=5, OrderQty(38) follows
    bust      150=H   a fill (19) is void: CumQty, AvgPx and commission follow
    correct   150=G   a fill (19) was made at another price (31), by a new ExecID: AvgPx, commission follow

A bust does not put quantity back into the book. A live order goes on with the leaves that it has, so that
OrderQty = CumQty + LeavesQty + what was busted; a filled one becomes CANCELED with nothing left, and a
canceled one stays so (FIX 4.4 volume 4, appendix D, D35: that state takes precedence). The
appendix lets the leaves of a live order grow; venues that match do not, since the place in the queue is gone.
"""

from __future__ import annotations

from fixsim.entry import px_of
from fixsim.matching import MatchingError
from fixsim.orders import Execution, Order, Reply
from fixsim.reporting import OTHER_RESTATEMENT
from fixsim.venue import Venue
from router.fix.decimals import nanos_to_wire

UNSOLICITED = "unsolicited cancel"


def find_order(venue: Venue, order_id: str) -> Order:
    """By OrderID(37). ValueError if the venue has no such order, or it is done."""
    for order in venue.orders.values():
        if order.order_id == order_id:
            if not order.live:
                state = order.status.name.lower()
                raise ValueError(f"{order_id} of {venue.name} is {state}: nothing is left")
            return order
    raise ValueError(f"{venue.name} has no order {order_id!r}{_some('open', open_ids(venue))}")


def find_execution(venue: Venue, exec_id: str) -> Execution:
    """By ExecID(17). ValueError if the venue has made no such fill, has forgotten it, or has busted it."""
    found = venue.said.executions.get(exec_id)
    if found is None:
        raise ValueError(f"{venue.name} knows no fill {exec_id!r}{_some('last', fill_ids(venue)[-8:])}")
    if found.busted:
        raise ValueError(f"fill {exec_id} of {venue.name} is busted already")
    return found


def open_ids(venue: Venue) -> list[str]:
    """OrderIDs of what rests, oldest first."""
    return [order.order_id for order in venue.open_orders()]


def fills(venue: Venue) -> list[Execution]:
    """What stands of the fills that a venue can still bust or correct, oldest first."""
    return list({id(one): one for one in venue.said.executions.values() if not one.busted}.values())


def fill_ids(venue: Venue) -> list[str]:
    """Their ExecIDs."""
    return [one.exec_id for one in fills(venue)]


def cancel(venue: Venue, order: Order, now_ns: int, text: str = UNSOLICITED) -> list[Reply]:
    """See the module."""
    return venue.drop_all([order], text, now_ns, OTHER_RESTATEMENT)


def restate(venue: Venue, order: Order, leaves_lots: int, now_ns: int, text: str = "restated") -> list[Reply]:
    """See the module. ValueError unless `leaves_lots` is less than is left, whole, above 0, and the market
    takes it now.
    """
    place = venue.places[order.instrument.symbol]
    round_lots = place.instrument.round_lots
    if not 0 < leaves_lots < order.leaves_lots or leaves_lots % round_lots:
        rule = f"a multiple of {round_lots} above 0 and below the {order.leaves_lots} that are left"
        raise ValueError(f"{order.order_id} to {leaves_lots} lots: must be {rule}")
    if place.shut:
        raise ValueError(f"{order.order_id}: {place.shut}")
    px = px_of(place.instrument, venue.name, order.ord_type, order.price_nanos)
    try:
        outcome = place.book.replace(order.key, px, leaves_lots, now_ns)
    except MatchingError as error:
        raise ValueError(f"{order.order_id}: {error}") from None
    return [venue.said.restated(order, leaves_lots, text, now_ns), *venue.happened(outcome.happened, now_ns)]


def bust(venue: Venue, execution: Execution, now_ns: int, text: str = "trade busted") -> list[Reply]:
    """See the module."""
    return [venue.said.busted(execution, text, now_ns)]


def correct(
    venue: Venue, execution: Execution, price_nanos: int, now_ns: int, text: str = "trade corrected"
) -> list[Reply]:
    """See the module. ValueError unless the price is another one, positive and of whole half ticks."""
    half = execution.order.instrument.tick_nanos // 2
    wire = nanos_to_wire(price_nanos).decode()
    if price_nanos <= 0 or price_nanos % half:
        rule = f"a positive multiple of {nanos_to_wire(half).decode()}, half a tick"
        raise ValueError(f"{execution.exec_id} to {wire}: must be {rule}")
    if price_nanos == execution.price_nanos:
        raise ValueError(f"{execution.exec_id} to {wire}: that is its price")
    return [venue.said.corrected(execution, price_nanos, text, now_ns)]


def _some(what: str, known: list[str]) -> str:
    if not known:
        return "; it has none"
    more = f" and {len(known) - 8} more" if len(known) > 8 else ""
    return f"; {what}: {', '.join(known[:8])}{more}"
