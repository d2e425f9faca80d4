"""The demo's live view: one screen that shows a parent at work. A snapshot comes in, a renderable goes out.

Nothing here reads a journal, a clock or a terminal's size: `render` is a function of a `Snapshot`, and `line`
is what is printed instead where standard output is not a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fixsim.report.charts import VENUE_COLOURS
from fixsim.report.runresult import NANOS

BID, ASK, OWN, QUIET, ALARM = "#3a8f5c", "#b8405e", "bold #e08214", "grey58", "bold white on #b3261e"
DEPTH_SHOWN = 8
ORDERS_SHOWN = 8
FILLS_SHOWN = 8
BAR_WIDTH = 60
DEPTH_BAR = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Level:
    """One price of the consolidated book: quantity by venue, in lots."""

    price_nanos: int
    lots: tuple[tuple[str, int], ...]

    @property
    def total_lots(self) -> int:
        return sum(lots for _, lots in self.lots)


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """A child at a venue; price None is a market order or a peg without limit."""

    cl_ord_id: str
    venue: str
    kind: str  # limit, peg, market
    price_nanos: int | None
    leaves_lots: int
    state: str  # new, pending new, pending cancel, unknown


@dataclass(frozen=True, slots=True)
class RecentFill:
    time_ns: int
    venue: str
    price_nanos: int
    qty_lots: int
    took: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one frame shows. Prices in nanos, quantities in lots, times in ns UTC."""

    title: str  # Buy 10 BTC BTC-USD by Almgren–Chriss
    now_ns: int
    start_ns: int
    end_ns: int
    qty_lots: int
    done_lots: int
    target_lots: int  # what the schedule wants done by now
    working_lots: int
    lots_per_unit: int
    unit: str
    arrival_nanos: int
    average_nanos: int
    shortfall_bp: float  # so far, on what is filled, gross
    bids: Sequence[Level]  # best first
    asks: Sequence[Level]  # best first
    venues: Sequence[str]  # in the order of their colours
    orders: Sequence[WorkingOrder]
    fills: Sequence[RecentFill]  # newest first
    latch: str = ""  # what is latched, or nothing
    pace: str = ""  # paced at 10 ×


def render(snapshot: Snapshot) -> RenderableType:
    """The whole screen, for a terminal of 100 × 30 or more."""
    middle = Layout()
    middle.split_row(Layout(_book(snapshot), ratio=5), right := Layout(ratio=6))
    right.split_column(Layout(_orders(snapshot)), Layout(_fills(snapshot)))
    rows = [Layout(_header(snapshot), size=4), middle]
    if snapshot.latch:
        rows.insert(0, Layout(Text(f" kill latch: {snapshot.latch} ", style=ALARM, justify="center"), size=1))
    layout = Layout()
    layout.split_column(*rows)
    return layout


def line(snapshot: Snapshot) -> str:
    """One frame as one line, where there is no screen to draw on."""
    touch = ""
    if snapshot.bids and snapshot.asks:
        bid, ask = snapshot.bids[0].price_nanos, snapshot.asks[0].price_nanos
        touch = f"  {bid / NANOS:,.2f} / {ask / NANOS:,.2f}"
    latch = f"  LATCHED {snapshot.latch}" if snapshot.latch else ""
    return (
        f"{_clock(snapshot.now_ns)}  done {_quantity(snapshot, snapshot.done_lots)} of "
        f"{_quantity(snapshot, snapshot.qty_lots)} {snapshot.unit}  "
        f"schedule {_quantity(snapshot, snapshot.target_lots)}  "
        f"working {_quantity(snapshot, snapshot.working_lots)}{touch}{latch}"
    )


def _header(snapshot: Snapshot) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    elapsed = Text(f"{_clock(snapshot.now_ns)} UTC", style="bold")
    elapsed.append(f"  {snapshot.pace}" if snapshot.pace else "", style=QUIET)
    grid.add_row(Text(snapshot.title, style="bold"), elapsed)
    left = max(snapshot.end_ns - snapshot.now_ns, 0) // NANOS
    grid.add_row(_progress(snapshot), Text(f"{left // 60}:{left % 60:02d} left", style=QUIET))
    figures = Text(style=QUIET)
    figures.append(_quantity(snapshot, snapshot.done_lots), style="bold default")
    figures.append(f" of {_quantity(snapshot, snapshot.qty_lots)} {snapshot.unit} done, schedule ")
    figures.append(_quantity(snapshot, snapshot.target_lots), style="default")
    figures.append(f", working {_quantity(snapshot, snapshot.working_lots)}")
    cost = Text(style=QUIET)
    if snapshot.done_lots:
        cost.append(f"average {snapshot.average_nanos / NANOS:,.2f}, ")
        cost.append(f"arrival {snapshot.arrival_nanos / NANOS:,.2f}, ")
        cost.append(f"{snapshot.shortfall_bp:+.2f} bp", style="default")
    grid.add_row(figures, cost)
    return grid


def _progress(snapshot: Snapshot) -> Text:
    """Done as a solid bar, working as a pale one, and a mark where the schedule stands."""
    done = min(round(BAR_WIDTH * snapshot.done_lots / snapshot.qty_lots), BAR_WIDTH)
    working = min(round(BAR_WIDTH * snapshot.working_lots / snapshot.qty_lots), BAR_WIDTH - done)
    mark = min(round(BAR_WIDTH * snapshot.target_lots / snapshot.qty_lots), BAR_WIDTH - 1)
    bar = Text("━" * done, style="#0b6e6e")
    bar.append("━" * working, style="#7fb8b8")
    bar.append("─" * (BAR_WIDTH - done - working), style="grey37")
    whole = Text()
    whole.append_text(bar[:mark])
    whole.append("┃", style=OWN)
    whole.append_text(bar[mark + 1 :])
    whole.append(f" {snapshot.done_lots / snapshot.qty_lots:4.0%}", style="bold")
    return whole


def _book(snapshot: Snapshot) -> Panel:
    table = Table(box=None, expand=True, padding=(0, 1))
    table.add_column("price", justify="right", no_wrap=True)
    quoting = {venue for level in (*snapshot.bids, *snapshot.asks) for venue, _ in level.lots}
    lit = [venue for venue in snapshot.venues if venue in quoting]
    for venue in lit:
        table.add_column(_venue(snapshot, venue), justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True)
    bids, asks = snapshot.bids[:DEPTH_SHOWN], snapshot.asks[:DEPTH_SHOWN]
    largest = max((level.total_lots for level in (*bids, *asks)), default=1)
    own = {order.price_nanos for order in snapshot.orders}
    for level in reversed(asks):
        _ladder_row(table, snapshot, lit, level, (ASK, largest, own))
    if bids and asks:
        spread = asks[0].price_nanos - bids[0].price_nanos
        table.add_row(Text(f"spread {spread / NANOS:,.2f}", style=QUIET))
    for level in bids:
        _ladder_row(table, snapshot, lit, level, (BID, largest, own))
    if not (bids or asks):
        table.add_row(Text("no book yet", style=QUIET))
    return _panel(table, "Book")


def _ladder_row(
    table: Table,
    snapshot: Snapshot,
    venues: Sequence[str],
    level: Level,
    side: tuple[str, int, set[int | None]],
) -> None:
    style, largest, own = side
    by_venue = dict(level.lots)
    price = Text(f"{level.price_nanos / NANOS:,.2f}", style=OWN if level.price_nanos in own else style)
    bar = "█" * max(1, round(DEPTH_BAR * level.total_lots / largest))
    quantities = (_quantity(snapshot, by_venue[v]) if by_venue.get(v) else "" for v in venues)
    table.add_row(price, *quantities, Text(bar, style=style))


def _orders(snapshot: Snapshot) -> Panel:
    table = Table(box=None, expand=True, padding=(0, 1))
    for name, right in (
        ("order", False),
        ("venue", False),
        ("", False),
        ("price", True),
        (snapshot.unit, True),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for order in snapshot.orders[:ORDERS_SHOWN]:
        table.add_row(
            order.cl_ord_id,
            _venue(snapshot, order.venue),
            order.kind,
            "" if order.price_nanos is None else f"{order.price_nanos / NANOS:,.2f}",
            _quantity(snapshot, order.leaves_lots),
            Text(order.state, style=QUIET if order.state == "new" else OWN),
        )
    more = len(snapshot.orders) - ORDERS_SHOWN
    body: RenderableType = Group(table, Text(f" and {more} more", style=QUIET)) if more > 0 else table
    return _panel(body, "Working orders")


def _fills(snapshot: Snapshot) -> Panel:
    table = Table(box=None, expand=True, padding=(0, 1))
    for name, right in (
        ("time", False),
        ("venue", False),
        ("price", True),
        (snapshot.unit, True),
        ("", False),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for fill in snapshot.fills[:FILLS_SHOWN]:
        table.add_row(
            Text(_clock(fill.time_ns), style=QUIET),
            _venue(snapshot, fill.venue),
            f"{fill.price_nanos / NANOS:,.3f}",
            _quantity(snapshot, fill.qty_lots),
            Text("took" if fill.took else "rested", style=QUIET),
        )
    return _panel(table, "Latest fills")


def _panel(body: RenderableType, title: str) -> Panel:
    return Panel(body, title=title, title_align="left", border_style="grey37", padding=(0, 1))


def _venue(snapshot: Snapshot, venue: str) -> Text:
    names = list(snapshot.venues)
    return Text(venue, style=VENUE_COLOURS[names.index(venue) % len(VENUE_COLOURS)] if venue in names else "")


def _quantity(snapshot: Snapshot, lots: int) -> str:
    return f"{lots / snapshot.lots_per_unit:,.4f}"


def _clock(time_ns: int) -> str:
    moment = EPOCH + timedelta(microseconds=time_ns // 1000)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}"
