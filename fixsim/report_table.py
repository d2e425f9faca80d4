"""The demo's comparison in a terminal: the same figures as the page, one row a policy."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fixsim.report import caution
from fixsim.runresult import RunResult, venues_of
from router.tca import Cost

SHOWN_DIFFERENCES = 10


def summary(results: Sequence[RunResult]) -> RenderableType:
    """Table, what each run passed or failed, and the sentence about one path."""
    if not results:
        raise ValueError("a summary needs at least one run")
    return Group(
        _table(results), Padding(_verdicts(results), (1, 0, 1, 0)), Text(caution(results), style="italic")
    )


def _table(results: Sequence[RunResult]) -> Table:
    first = results[0]
    table = Table(
        title=f"{first.title}, {first.symbol} (costs are positive when they hurt)",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("policy", no_wrap=True)
    for name in (
        "done",
        "average",
        "shortfall\ngross bp",
        "\nnet bp",
        f"\nnet {first.currency}",
        "vs VWAP\ngross bp",
        "\nnet bp",
        f"\nnet {first.currency}",
        "partic-\nipation",
        *(f"{venue}\n{first.unit}" for venue in venues_of(results)),
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        figures = result.figures
        lots = {venue.venue: venue.lots for venue in figures.venues}
        table.add_row(
            result.policy,
            Text(f"{figures.completion:.1%}", style="" if result.is_complete else "bold red"),
            "–" if figures.average is None else f"{figures.average:,.2f}",
            *_cost(figures.shortfall),
            *_cost(figures.slippage),
            "–" if figures.participation is None else f"{figures.participation:.1%}",
            *(f"{lots.get(venue, 0) / first.facts.lots_per_unit:.3f}" for venue in venues_of(results)),
        )
    return table


def _cost(cost: Cost | None) -> tuple[str, str, str]:
    if cost is None:  # nothing filled, or nothing traded
        return "–", "–", "–"
    return f"{cost.gross_bp:+.2f}", f"{cost.net_bp:+.2f}", f"{cost.net_money:+,.2f}"


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
