"""Reads a router's journal as it grows: the market, the parent, its children and fills, decisions.

An observer: it takes journal records and nothing else, keeps its own books (in plain Python, from the wire),
and answers with a `Snapshot` for the live view at any moment, and with the facts of the run at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sortedcontainers import SortedDict

from fixsim.demo.liveview import DEPTH_SHOWN, Level, RecentFill, Snapshot, WorkingOrder
from fixsim.report.agreement import Wire, fields_of
from fixsim.report.runresult import NANOS, MarketPoint
from router.fix.decimals import lots_from_wire, nanos_from_wire, time_from_wire
from router.journal import Kind, Record
from router.records import ChosenBy, unpack_action
from router.shortfall import Fill, Trade, shortfall
from router.tca import REMOVED, Facts, Target

SOH = b"\x01"
BID, OFFER, TRADE = b"0", b"1", b"2"
DELETE = b"2"
KINDS = {"1": "market", "2": "limit", "P": "peg"}
ENDED = frozenset({"2", "4", "8", "C"})  # OrdStatus(39)
MOVES_KEPT_NS = NANOS // 20
"""The path of the midpoint is kept this finely: a picture shows no more."""


@dataclass(slots=True)
class ParentSeen:
    """The parent as the desk's NewOrderSingle told it."""

    cl_ord_id: str
    symbol: str
    sign: int
    qty_lots: int
    limit_nanos: int | None
    start_ns: int
    end_ns: int
    strategy: int
    parent_id: str = ""


@dataclass(slots=True)
class ChildSeen:
    venue: str
    kind: str
    price_nanos: int | None
    leaves_lots: int
    state: str = "pending new"


@dataclass(slots=True)
class Follow:
    """What the journal has told so far; one symbol, and the first parent."""

    lots_per_unit: int
    unit: str
    parent: ParentSeen | None = None
    arrival_nanos: int = 0
    now_ns: int = 0
    decisions: int = 0
    fallback_decisions: int = 0
    restarts: int = -1  # START records after the first
    latch: str = ""
    latched_ns: int = 0
    fills: list[Fill] = field(default_factory=list)
    mids: list[MarketPoint] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    orders_after_latch: int = 0
    asked: set[str] = field(default_factory=set)  # ClOrdIDs named in OrderStatusRequests
    venues: list[str] = field(default_factory=list)
    lit: list[str] = field(default_factory=list)
    _tick_nanos: int = 0
    _sessions: list[tuple[str, str]] = field(default_factory=list)  # kind, venue's name
    _books: dict[str, dict[bytes, SortedDict]] = field(default_factory=dict)
    working: dict[str, ChildSeen] = field(default_factory=dict)  # children that may still rest, by ClOrdID
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def take(self, records: Sequence[Record]) -> None:
        """Records in their order."""
        for record in records:
            self.now_ns = record.time_ns
            match record.kind:
                case Kind.START:
                    self._started(record.json())
                case Kind.FIX_IN | Kind.FIX_OUT:
                    self._message(record)
                case Kind.ACTION:
                    action = unpack_action(record.payload)
                    self.decisions += 1
                    self.fallback_decisions += action.chosen_by is ChosenBy.FALLBACK
                case Kind.LATCH:
                    self._latch(record.json())
                case Kind.NOTE:
                    self._note(record.json())

    @property
    def done_lots(self) -> int:
        return sum(fill.lots for fill in self.fills)

    @property
    def is_complete(self) -> bool:
        return self.parent is not None and self.done_lots >= self.parent.qty_lots

    def snapshot(self, title: str, schedule: Sequence[Target], pace: str) -> Snapshot | None:
        """The moment, for the live view; None before the desk's parent."""
        parent = self.parent
        if parent is None:
            return None
        done = self.done_lots
        target = max((point.lots for point in schedule if point.time_ns <= self.now_ns), default=0)
        average, cost_bp = 0, 0.0
        if done and self.arrival_nanos:
            so_far = shortfall(parent.sign, done, self.arrival_nanos, self.fills, self.lots_per_unit)
            average = self.arrival_nanos + parent.sign * so_far.gross // done
            cost_bp = 10_000 * so_far.gross / so_far.notional
        return Snapshot(
            title=title,
            now_ns=self.now_ns,
            start_ns=parent.start_ns,
            end_ns=parent.end_ns,
            qty_lots=parent.qty_lots,
            done_lots=done,
            target_lots=target,
            working_lots=sum(child.leaves_lots for child in self.working.values()),
            lots_per_unit=self.lots_per_unit,
            unit=self.unit,
            arrival_nanos=self.arrival_nanos,
            average_nanos=average,
            shortfall_bp=cost_bp,
            bids=self._levels(BID),
            asks=self._levels(OFFER),
            venues=self.venues,
            orders=[
                WorkingOrder(name, child.venue, child.kind, child.price_nanos, child.leaves_lots, child.state)
                for name, child in self.working.items()
            ],
            fills=[
                RecentFill(fill.time_ns, fill.venue, fill.price_nanos, fill.lots, fill.liquidity == REMOVED)
                for fill in reversed(self.fills[-20:])
            ],
            latch=self.latch,
            pace=pace,
        )

    def facts(self, schedule: Sequence[Target]) -> Facts:
        """The facts of the parent, for the figures. ValueError before there is one."""
        parent = self.parent
        if parent is None:
            raise ValueError("the router's journal holds no parent order")
        within = [mid for mid in self.mids if mid.time_ns <= parent.end_ns]
        return Facts(
            parent_id=parent.parent_id or parent.cl_ord_id,
            sign=parent.sign,
            qty_lots=parent.qty_lots,
            lots_per_unit=self.lots_per_unit,
            arrival_nanos=self.arrival_nanos,
            start_ns=parent.start_ns,
            end_ns=parent.end_ns,
            fills=tuple(self.fills),
            trades=tuple(self.trades),
            schedule=tuple(schedule),
            end_nanos=within[-1].mid_nanos if within else None,
        )

    # -- records ----------------------------------------------------------------------------------------

    def _started(self, config: dict[str, Any]) -> None:
        self.restarts += 1
        names = {venue["slot"]: venue["name"] for venue in config["venues"]}
        self.venues = sorted(names.values())
        self.lit = sorted(venue["name"] for venue in config["venues"] if venue["lit"])
        self._sessions = [(s["kind"], names.get(s["venue"], "")) for s in config["sessions"]]
        self._tick_nanos = next(iter(config["instruments"].values()))["tick_nanos"]
        self._books = {name: {BID: SortedDict(), OFFER: SortedDict()} for name in self.lit}

    def _note(self, note: dict[str, Any]) -> None:
        if note.get("note") == "arrival" and not self.arrival_nanos:
            self.arrival_nanos = int(note["px"]) * self._tick_nanos // 2

    def _latch(self, latch: dict[str, Any]) -> None:
        if latch["event"] == "reinstate":
            self.latch = ""
            return
        self.latched_ns = self.now_ns
        self.orders_after_latch = 0
        scope = f"{latch['kind']} {latch['name']}".strip()
        self.latch = f"{scope}, {latch['mode']}, by {latch['identity']}: {latch['reason']}"

    def _message(self, record: Record) -> None:
        kind, venue = self._sessions[record.session]
        incoming = record.kind is Kind.FIX_IN
        raw = record.raw
        if kind == "market data":
            if incoming:
                self._market_data(venue, raw)
            return
        msg_type = _msg_type(raw)
        if msg_type not in (b"D", b"F", b"G", b"H", b"8", b"9"):
            return
        if kind == "orders":
            self.wires.append(Wire(venue, not incoming, raw))
            if incoming:
                self._report(venue, fields_of(raw))
            else:
                self._sent(venue, msg_type, fields_of(raw))
        elif incoming and msg_type == b"D" and self.parent is None:
            self._parent(fields_of(raw))
        elif not incoming and msg_type == b"8" and self.parent is not None and not self.parent.parent_id:
            self.parent.parent_id = fields_of(raw).get(37, "")

    # -- orders -----------------------------------------------------------------------------------------

    def _parent(self, fields: dict[int, str]) -> None:
        self.parent = ParentSeen(
            cl_ord_id=fields[11],
            symbol=fields[55],
            sign=1 if fields[54] == "1" else -1,
            qty_lots=lots_from_wire(fields[38].encode(), self.lots_per_unit),
            limit_nanos=nanos_from_wire(fields[44].encode()) if 44 in fields else None,
            start_ns=time_from_wire(fields[168].encode()) if 168 in fields else self.now_ns,
            end_ns=time_from_wire(fields[126].encode()),
            strategy=int(fields[847]),
        )

    def _sent(self, venue: str, msg_type: bytes, fields: dict[int, str]) -> None:
        if msg_type == b"D":
            price = nanos_from_wire(fields[44].encode()) if 44 in fields else None
            quantity = lots_from_wire(fields[38].encode(), self.lots_per_unit)
            self.working[fields[11]] = ChildSeen(venue, KINDS.get(fields[40], "?"), price, quantity)
            self.orders_after_latch += bool(self.latch)
        elif msg_type == b"H":
            self.asked.add(fields[11])
        elif msg_type == b"F" and fields[41] in self.working:
            self.working[fields[41]].state = "pending cancel"

    def _report(self, venue: str, fields: dict[int, str]) -> None:
        name = fields.get(41) or fields.get(11, "")
        child = self.working.get(name)
        if fields[35] == "9":
            if child is not None and child.state == "pending cancel":
                child.state = "new"
            return
        is_fill = fields[150] == "F" or (fields.get(20) == "0" and fields[150] in ("1", "2"))  # FIX 4.2's
        if is_fill and (venue, fields[17]) not in self._seen:
            self._seen.add((venue, fields[17]))
            self.fills.append(
                Fill(
                    time_from_wire(fields[60].encode()) if 60 in fields else self.now_ns,
                    nanos_from_wire(fields[31].encode()),
                    lots_from_wire(fields[32].encode(), self.lots_per_unit),
                    nanos_from_wire(fields.get(12, "0").encode()),
                    venue,
                    fields.get(851, ""),
                )
            )
        if child is None:
            return
        if fields[39] in ENDED:
            del self.working[name]
            return
        child.leaves_lots = lots_from_wire(fields[151].encode(), self.lots_per_unit)
        if child.state == "pending new":
            child.state = "new"

    # -- market data ------------------------------------------------------------------------------------

    def _market_data(self, venue: str, raw: bytes) -> None:
        msg_type = _msg_type(raw)
        if msg_type not in (b"W", b"X"):
            return
        sides = self._books[venue]
        if msg_type == b"W":
            for side in sides.values():
                side.clear()
        for action, entry, price, size in _entries(raw):
            price_nanos = nanos_from_wire(price)
            if entry == TRADE:
                lots = lots_from_wire(size, self.lots_per_unit)
                self.trades.append(Trade(self.now_ns, price_nanos, lots))
            elif action == DELETE:
                sides[entry].pop(price_nanos, None)
            else:
                sides[entry][price_nanos] = lots_from_wire(size, self.lots_per_unit)
        self._mid()

    def _mid(self) -> None:
        bids = [b[BID].peekitem(-1)[0] for b in self._books.values() if b[BID]]
        asks = [b[OFFER].peekitem(0)[0] for b in self._books.values() if b[OFFER]]
        if not bids or not asks or max(bids) > min(asks):
            return
        mid = (max(bids) + min(asks)) // 2
        last = self.mids[-1] if self.mids else None
        if last is not None and last.mid_nanos == mid:
            return
        if last is not None and self.now_ns - last.time_ns < MOVES_KEPT_NS:
            self.mids.pop()
            self.mids.append(MarketPoint(last.time_ns, mid))
            return
        self.mids.append(MarketPoint(self.now_ns, mid))

    def _levels(self, entry: bytes) -> list[Level]:
        """The best prices of all lit venues together, best first."""
        merged: dict[int, list[tuple[str, int]]] = {}
        for venue in self.lit:
            levels = self._books[venue][entry]
            best = levels.items()[-DEPTH_SHOWN:] if entry == BID else levels.items()[:DEPTH_SHOWN]
            for price_nanos, lots in best:
                merged.setdefault(price_nanos, []).append((venue, lots))
        prices = sorted(merged, reverse=entry == BID)[:DEPTH_SHOWN]
        return [Level(price, tuple(merged[price])) for price in prices]


def _msg_type(raw: bytes) -> bytes:
    """MsgType(35) of a whole message: it is the third field."""
    at = raw.index(b"\x0135=") + 4
    return raw[at : raw.index(SOH, at)]


def _entries(raw: bytes) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """The entries of a W or X: action (279; New in a W), type (269), price (270), size (271)."""
    entries: list[tuple[bytes, bytes, bytes, bytes]] = []
    action, entry, price, size = b"0", b"", b"", b""
    for part in raw.split(SOH):
        tag, _, value = part.partition(b"=")
        if tag == b"279" or (tag == b"269" and entry):
            if entry:
                entries.append((action, entry, price, size))
            entry, price, size = b"", b"", b"0"
        if tag == b"279":
            action = value
        elif tag == b"269":
            entry = value
        elif tag == b"270":
            price = value
        elif tag == b"271":
            size = value
    if entry:
        entries.append((action, entry, price, size))
    return entries
