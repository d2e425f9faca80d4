"""What `fixsim tape inspect` prints: the figures of an Inspection, in units that a person reads."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from rich import box
from rich.columns import Columns
from rich.console import Group
from rich.table import Table
from rich.text import Text

from fixsim.tape.inspect import LEVELS, Inspection
from fixsim.tape.units import Units, moment

_BARS: Final = " ▁▂▃▄▅▆▇█"
_COLUMNS: Final = 60
_EACH = ("p05", "median", "p95", "most")


def view(found: Inspection) -> Group:
    """Tables for a terminal."""
    tables = [table for table in (_counts(found), _book(found), _trades(found)) if table is not None]
    parts = [_head(found), Columns(tables, padding=(0, 3)), _times(found), _rate(found)]
    notes = [Text(f"    {note}", style="dim") for note in found.notes]
    return Group(*(part for part in parts if part is not None), *notes)


def span(ns: float) -> str:
    """A duration in the unit that suits it: 1.5 ms."""
    for unit, size in (("h", 3600e9), ("min", 60e9), ("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"


def _head(found: Inspection) -> Text:
    name = found.symbol if found.venue == "-" else f"{found.venue} {found.symbol}"
    text = Text(f"==> {name}", style="bold")
    text.append(f"  {found.format}, kind {found.kind}\n", style="not bold")
    text.append(
        f"    {moment(found.start_ns)} to {moment(found.end_ns)}, {span(found.end_ns - found.start_ns)};"
        f" {found.rows:,} rows of {found.messages:,} messages",
        style="not bold",
    )
    return text


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    return table


def _counts(found: Inspection) -> Table:
    table = _table("Rows and marks", "", "number")
    for name, n in found.counts.items():
        table.add_row(name, f"{n:,}")
    table.add_section()
    for name, n in (found.flags | found.anomalies).items():
        table.add_row(name, f"{n:,}")
    table.add_row("quarantined", f"{found.quarantined:,}", style="" if not found.quarantined else "yellow")
    if found.gaps:
        table.add_section()
        for when, length in found.gaps[:10]:
            table.add_row(f"gap before {moment(when)}", span(length))
        if len(found.gaps) > 10:
            table.add_row("further gaps", f"{len(found.gaps) - 10:,}")
    return table


def _book(found: Inspection) -> Table | None:
    book = found.book
    if "spread_ticks" not in book:
        return None
    units = Units.of(found.symbol, found.format, found.tick_nanos, found.lots_per_unit)
    table = _table("Book, weighted by time", "", "value", "")
    for name in ("crossed", "locked", "one_sided"):
        table.add_row(f"{name.replace('_', ' ')}", f"{book[f'{name}_share']:.4%}", "of the time")
    spread = book["spread_ticks"]
    unit = f"{units.quote} (tick {units.price(found.tick_nanos)})"
    for name in ("mean", "p05", "median", "p95"):
        table.add_row(f"spread, {name}", units.price(spread[name] * found.tick_nanos, more=1), unit)
    table.add_section()
    for name, title in (("touch_lots", "at the touch"), (f"levels_{LEVELS}_lots", f"on {LEVELS} levels")):
        for side in ("bid", "offer"):
            table.add_row(f"mean depth {title}, {side}", units.quantity(book[name][side]), units.base)
    table.add_section()
    for name, nanos in book["mid_nanos"].items():
        table.add_row(f"mid, {name}", units.price(nanos, more=1), units.quote)
    return table


def _trades(found: Inspection) -> Table:
    trades = found.trades
    units = Units.of(found.symbol, found.format, found.tick_nanos, found.lots_per_unit)
    table = _table("Trades", "", "number", units.base)
    table.add_row("all", f"{trades['count']:,}", units.quantity(trades["lots"]))
    for who, of in trades.get("by_aggressor", {}).items():
        if of["count"]:
            table.add_row(f"aggressor: {who}", f"{of['count']:,}", units.quantity(of["lots"]))
    for name in ("hidden", "cross"):
        if name in trades:
            title = {"hidden": "against hidden orders", "cross": "auctions"}[name]
            table.add_row(title, f"{trades[name]['count']:,}", units.quantity(trades[name]["lots"]))
    if "size_lots" in trades:
        table.add_section()
        for name in ("mean", "median", "p95", "most"):
            table.add_row(f"size, {name}", "", units.quantity(trades["size_lots"][name]))
        table.add_section()
        table.add_row("", "", units.quote)
        for name, nanos in ({"VWAP": trades["vwap_nanos"]} | trades["price_nanos"]).items():
            table.add_row(name if name == "VWAP" else f"price, {name}", "", units.price(nanos))
    return table


def _times(found: Inspection) -> Table:
    table = _table("Times", "", "number", *_EACH)
    rows = [("between messages", found.inter_event_ns)]
    rows += [
        (f"lifetime, {how}", found.lifetimes_ns[how])
        for how in ("cancelled", "filled")
        if found.lifetimes_ns[how]["n"]
    ]
    for title, of in rows:
        table.add_row(title, f"{of['n']:,}", *(span(of[name]) if of["n"] else "-" for name in _EACH))
    return table


def _rate(found: Inspection) -> Text | None:
    rate: dict[str, Any] = found.messages_per_minute
    if not rate:
        return None
    text = Text("Messages a minute", style="bold")
    text.append(
        f"  mean {rate['mean']:,.0f}, median {rate['median']:,.0f}, most {rate['most']:,} at"
        f" {moment(rate['most_at_ns'], 0)}\n    ",
        style="not bold",
    )
    text.append(bars(rate["minutes"]), style="cyan not bold")
    text.append(
        f"\n    from {moment(rate['from_ns'], 0)}, {len(rate['minutes']):,} minutes", style="not bold dim"
    )
    return text


def bars(values: list[int], columns: int = _COLUMNS) -> str:
    """A line of bars; of more values than columns, each bar is the mean of its own."""
    width = min(columns, len(values))
    edges = [len(values) * i // width for i in range(width + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    most = max(means) or 1
    return "".join(_BARS[0 if not m else 1 + min(7, int(8 * m / most))] for m in means)
