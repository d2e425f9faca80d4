"""Do the venues' own record and the router's journal tell the same story? Order by order, fill by fill.

Two witnesses: the venues' JSON lines (`fixsim.record`), and the FIX messages of the router's order entry
sessions as its journal holds them. Each becomes a `Story`; `compare` lists where they part, a line for each
difference. Messages are read here by splitting their bytes, not by the router's own parser, so that a fault
of that parser shows. Pure: lines and messages come in, text goes out.

An order that the router wrote and the venue never saw (the process died between the journal and the wire, or
the stale order was gap filled) agrees only once the router knows it: the venue's last word about it must have
been an OrderStatusRequest's answer 39=8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fixsim.report.runresult import Agreement
from router.fix.decimals import lots_from_wire, nanos_from_wire

UNTOLD = 0  # FIX 4.2 has no LastLiquidityInd(851)
OPEN, FILLED, CANCELED, REJECTED, NEVER_ARRIVED, UNCONFIRMED = (
    "open",
    "filled",
    "canceled",
    "rejected",
    "never arrived",
    "unconfirmed",
)
_STATUS = {"0": OPEN, "1": OPEN, "2": FILLED, "4": CANCELED, "8": REJECTED, "C": CANCELED, "6": OPEN}

Entry = Mapping[str, str | int | None]
"""One line of the venues' record."""


@dataclass(slots=True)
class Order:
    """An order as one witness knows it at the end. Prices in nanos (None: none), quantities in lots."""

    venue: str
    cl_ord_id: str
    symbol: str | None
    side: int | None
    qty_lots: int | None
    price_nanos: int | None
    status: str
    cum_lots: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill as one witness knows it."""

    venue: str
    exec_id: str
    cl_ord_id: str
    side: int
    price_nanos: int
    qty_lots: int
    liquidity: int
    fee_nanos: int


@dataclass(slots=True)
class Story:
    """What one witness saw. `faults` are what it said that cannot be true by itself."""

    orders: dict[tuple[str, str], Order] = field(default_factory=dict)
    executions: dict[tuple[str, str], Execution] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wire:
    """One journalled message of an order entry session."""

    venue: str
    outgoing: bool
    raw: bytes


def venues_story(entries: Iterable[Entry], session: str) -> Story:
    """The venues' record of the orders that client ``session`` sent."""
    story, ended = Story(), False
    for entry in entries:
        if entry["event"] == "end":
            ended = True
        elif entry.get("session") == session:
            _tell(story, entry)
    if not ended:
        story.faults.append("the venues' record has no last line: the exchange did not end in order")
    return story


def routers_story(messages: Iterable[Wire], lots_per_unit: Mapping[str, int]) -> Story:
    """The router's journal: what it sent and what it was told. ``lots_per_unit`` is by symbol."""
    story = Story()
    for message in messages:
        fields = fields_of(message.raw)
        kind = fields[35]
        if message.outgoing and kind in ("D", "G"):
            _sent(story, message.venue, fields, lots_per_unit)
        elif not message.outgoing and kind == "8":
            _told(story, message.venue, fields, lots_per_unit)
    return story


def fields_of(raw: bytes) -> dict[int, str]:
    """The first value of each tag of a message."""
    fields: dict[int, str] = {}
    for part in raw.rstrip(b"\x01").split(b"\x01"):
        tag, _, value = part.partition(b"=")
        fields.setdefault(int(tag), value.decode("latin-1"))
    return fields


def compare(venues: Story, router: Story) -> Agreement:
    """Every difference, in order of ClOrdID and ExecID; none if both tell the same."""
    differences = [f"venues: {fault}" for fault in venues.faults]
    differences += [f"router: {fault}" for fault in router.faults]
    for key in sorted(venues.orders.keys() | router.orders.keys()):
        differences += _order_differences(key, venues.orders.get(key), router.orders.get(key))
    for key in sorted(venues.executions.keys() | router.executions.keys()):
        differences += _execution_differences(key, venues.executions.get(key), router.executions.get(key))
    orders = len(venues.orders.keys() & router.orders.keys())
    fills = len(venues.executions.keys() & router.executions.keys())
    return Agreement(orders=orders, fills=fills, differences=tuple(differences))


# -- the venues' lines ----------------------------------------------------------------------------------


def _text(entry: Entry, name: str) -> str:
    return str(entry[name])


def _number(entry: Entry, name: str) -> int:
    value = entry[name]
    if not isinstance(value, int):
        raise ValueError(f"venues' record: {entry['event']} has {name} = {value!r}, expected an integer")
    return value


def _tell(story: Story, entry: Entry) -> None:
    event, venue = entry["event"], _text(entry, "venue")
    key = (venue, _text(entry, "cl_ord_id"))
    if event == "order":
        price = entry["price_nanos"]
        story.orders[key] = Order(
            venue,
            key[1],
            _text(entry, "symbol"),
            _number(entry, "side"),
            _number(entry, "qty_lots"),
            price if isinstance(price, int) else None,
            OPEN,
        )
    elif event == "rejected":
        if key in story.orders:  # a ClOrdID used twice: the first order stands
            story.faults.append(f"order {key[1]} at {venue}: sent twice ({entry.get('text', '')})")
        else:
            story.orders[key] = Order(venue, key[1], None, None, None, None, REJECTED)
    elif event == "replaced":
        old = story.orders.pop((venue, _text(entry, "orig_cl_ord_id")))
        price = entry["price_nanos"]
        story.orders[key] = Order(
            venue,
            key[1],
            old.symbol,
            old.side,
            _number(entry, "qty_lots"),
            price if isinstance(price, int) else None,
            OPEN,
            old.cum_lots,
        )
    elif event == "fill":
        _venue_fill(story, venue, key, entry)
    elif event == "canceled":
        story.orders[venue, _text(entry, "orig_cl_ord_id")].status = CANCELED


def _venue_fill(story: Story, venue: str, key: tuple[str, str], entry: Entry) -> None:
    order = story.orders[key]
    order.cum_lots += _number(entry, "qty_lots")
    order.status = OPEN if _number(entry, "leaves_lots") else FILLED
    if order.cum_lots != _number(entry, "cum_lots"):
        story.faults.append(
            f"order {key[1]} at {venue}: fills sum to {order.cum_lots}, cum_lots {entry['cum_lots']}"
        )
    exec_id = _text(entry, "exec_id")
    story.executions[venue, exec_id] = Execution(
        venue,
        exec_id,
        key[1],
        _number(entry, "side"),
        _number(entry, "price_nanos"),
        _number(entry, "qty_lots"),
        _number(entry, "liquidity"),
        _number(entry, "fee_nanos"),
    )


# -- the router's messages ------------------------------------------------------------------------------


def _sent(story: Story, venue: str, fields: dict[int, str], lots_per_unit: Mapping[str, int]) -> None:
    key = (venue, fields[11])
    if fields.get(43) == "Y":
        return  # a resend of what is known
    if key in story.orders:
        story.faults.append(f"order {fields[11]} at {venue}: its ClOrdID left twice")
        return
    symbol = fields[55]
    price = nanos_from_wire(fields[44].encode()) if 44 in fields else None
    quantity = lots_from_wire(fields[38].encode(), lots_per_unit[symbol])
    story.orders[key] = Order(venue, fields[11], symbol, int(fields[54]), quantity, price, UNCONFIRMED)


def _told(story: Story, venue: str, fields: dict[int, str], lots_per_unit: Mapping[str, int]) -> None:
    kind, status = _exec_type(fields), fields[39]
    order = story.orders.get((venue, fields.get(41) or fields[11])) or story.orders.get((venue, fields[11]))
    if order is None:
        story.faults.append(f"order {fields[11]} at {venue}: a report (150={kind}) for an order never sent")
        return
    if kind == "5":
        story.orders.pop((venue, fields[41]), None)
        order = story.orders[venue, fields[11]]
    if kind == "I" and status == "8":
        order.status = NEVER_ARRIVED if order.status == UNCONFIRMED else order.status
        return
    if kind == "F":
        execution = _execution(venue, fields, order, lots_per_unit[fields[55]])
        known = story.executions.setdefault((venue, execution.exec_id), execution)
        if known != execution:
            story.faults.append(f"fill {execution.exec_id} at {venue}: reported twice, and not alike")
        elif known is not execution:
            return  # the same report again, after a resend
        else:
            order.cum_lots += execution.qty_lots
    if order.status not in (FILLED, CANCELED, REJECTED):
        order.status = _STATUS.get(status, status)


def _exec_type(fields: dict[int, str]) -> str:
    """ExecType(150) as FIX 4.4 has it: in 4.2 a fill says by 150 what it left, and 20 what the report is."""
    match fields.get(20), fields[150]:
        case "3", _:
            return "I"
        case "0", "1" | "2":
            return "F"
    return fields[150]


def _execution(venue: str, fields: dict[int, str], order: Order, lots_per_unit: int) -> Execution:
    return Execution(
        venue,
        fields[17],
        order.cl_ord_id,
        int(fields[54]),
        nanos_from_wire(fields[31].encode()),
        lots_from_wire(fields[32].encode(), lots_per_unit),
        int(fields.get(851, UNTOLD)),
        nanos_from_wire(fields.get(12, "0").encode()),
    )


# -- differences ----------------------------------------------------------------------------------------


def _order_differences(key: tuple[str, str], venue: Order | None, router: Order | None) -> list[str]:
    name = f"order {key[1]} at {key[0]}"
    if router is None:
        return [f"{name}: the venue has it, the router never sent it"]
    if venue is None:
        if router.status == NEVER_ARRIVED:
            return []
        return [f"{name}: the router sent it and holds it {router.status}, the venue has no record of it"]
    found = []
    names = ["status", "cum_lots"]
    if venue.qty_lots is not None:  # a rejected order's terms are not in the venue's record
        names += ["symbol", "side", "qty_lots", "price_nanos"]
    for attribute in names:
        theirs, ours = getattr(venue, attribute), getattr(router, attribute)
        if theirs != ours:
            found.append(f"{name}: {attribute} is {theirs} at the venue, {ours} in the router's journal")
    return found


def _execution_differences(
    key: tuple[str, str], venue: Execution | None, router: Execution | None
) -> list[str]:
    name = f"fill {key[1]} at {key[0]}"
    if router is None:
        assert venue is not None
        return [f"{name}: {venue.qty_lots} lots of order {venue.cl_ord_id} that the router was not told of"]
    if venue is None:
        return [f"{name}: {router.qty_lots} lots of order {router.cl_ord_id} that the venue has no record of"]
    found = []
    for attribute in ("cl_ord_id", "side", "price_nanos", "qty_lots", "liquidity", "fee_nanos"):
        theirs, ours = getattr(venue, attribute), getattr(router, attribute)
        if theirs != ours and not (attribute == "liquidity" and ours == UNTOLD):
            found.append(f"{name}: {attribute} is {theirs} at the venue, {ours} in the router's journal")
    return found
