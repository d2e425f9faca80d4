"""The demo's comparison in a terminal: the same figures as the page, one row a policy."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fixsim.report.page import caution
from fixsim.report.runresult import RunResult, venues_of

SHOWN_DIFFERENCES = 10


def summary(results: Sequence[RunResult]) -> RenderableType:
    """Table, what each run passed or failed, and the sentence about one path."""
    if not results:
        raise ValueError("a summary needs at least one run")
    return Group(
        _table(results), Padding(_verdicts(results), (1, 0, 1, 0)), Text(caution(results), style="italic")
    )


def _table(results: Sequence[RunResult]) -> Table:
    """A column a policy, so that it fits 80 columns whatever the figures."""
    first = results[0]
    table = Table(
        title=f"{first.title}, {first.symbol} (costs are positive when they hurt)",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("", no_wrap=True)
    for result in results:
        table.add_column(result.policy, justify="right", no_wrap=True)
    done = [Text(f"{r.figures.completion:.1%}", style="" if r.is_complete else "bold red") for r in results]
    table.add_row("done", *done)
    table.add_row(f"average price, {first.currency}", *(_plain(r.figures.average) for r in results))
    table.add_row(f"interval VWAP, {first.currency}", *(_plain(r.figures.vwap) for r in results))
    for name, costs in (
        ("vs arrival", [r.figures.shortfall for r in results]),
        ("vs VWAP", [r.figures.slippage for r in results]),
    ):
        table.add_section()
        table.add_row(f"{name}, gross bp", *("–" if c is None else f"{c.gross_bp:+.2f}" for c in costs))
        table.add_row(f"{name}, net bp", *("–" if c is None else f"{c.net_bp:+.2f}" for c in costs))
        money = ("–" if c is None else f"{c.net_money:+,.2f}" for c in costs)
        table.add_row(f"{name}, net {first.currency}", *money)
    table.add_section()
    table.add_row(f"fees, {first.currency}", *(f"{r.figures.fees_money:+,.2f}" for r in results))
    shares = (r.figures.participation for r in results)
    table.add_row("participation", *("–" if share is None else f"{share:.1%}" for share in shares))
    for venue in venues_of(results):
        table.add_row(f"at {venue}, {first.unit}", *(_lots(r, venue) for r in results))
    return table


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"


def _lots(result: RunResult, venue: str) -> str:
    lots = sum(figures.lots for figures in result.figures.venues if figures.venue == venue)
    return f"{lots / result.facts.lots_per_unit:.3f}"


def _verdicts(results: Sequence[RunResult]) -> Text:
    text = Text()
    for number, result in enumerate(results):
        agreement = result.agreement
        if number:
            text.append("\n")
        text.append(
            "pass " if result.passed else "FAIL ", style="bold green" if result.passed else "bold red"
        )
        text.append(
            f"{result.policy}: {len(result.facts.fills):,} fills, {result.fallback_decisions:,} of "
            f"{result.decisions:,} decisions by the fallback; "
        )
        if agreement.agrees:
            text.append(f"records agree on {agreement.orders:,} orders and {agreement.fills:,} fills")
            continue
        text.append(f"records differ in {len(agreement.differences):,} places", style="red")
        for line in agreement.differences[:SHOWN_DIFFERENCES]:
            text.append(f"\n     {line}")
        if len(agreement.differences) > SHOWN_DIFFERENCES:
            text.append(f"\n     and {len(agreement.differences) - SHOWN_DIFFERENCES:,} more")
    return text
