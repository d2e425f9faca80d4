"""The demo's comparison in a terminal: the same figures as the page, one row a policy."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fixsim.report import caution
from fixsim.runresult import NANOS, Cost, RunResult, venues_of

SHOWN_DIFFERENCES = 10


def summary(results: Sequence[RunResult]) -> RenderableType:
    """Table, what each run passed or failed, and the sentence about one path."""
    if not results:
        raise ValueError("a summary needs at least one run")
    return Group(
        _table(results), Padding(_verdicts(results), (1, 0, 1, 0)), Text(caution(results), style="italic")
    )


def _table(results: Sequence[RunResult]) -> Table:
    parent = results[0].parent
    quantity = f"{parent.qty_lots / parent.lots_per_unit:,.8g} {parent.unit}"
    table = Table(
        title=f"{parent.verb} {quantity} {parent.symbol} (costs are positive when they hurt)",
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
        f"\nnet {parent.currency}",
        "vs VWAP\ngross bp",
        "\nnet bp",
        f"\nnet {parent.currency}",
        "partic-\nipation",
        *(f"{venue}\n{parent.unit}" for venue in venues_of(results)),
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.policy,
            Text(f"{result.completion:.1%}", style="" if result.is_complete else "bold red"),
            f"{result.average_nanos / NANOS:,.2f}",
            *_cost(result.shortfall),
            *_cost(result.slippage),
            f"{result.participation:.1%}",
            *(f"{result.lots_at(venue) / parent.lots_per_unit:.3f}" for venue in venues_of(results)),
        )
    return table


def _cost(cost: Cost) -> tuple[str, str, str]:
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
            f"{result.policy}: {len(result.fills):,} fills, {result.fallback_decisions:,} of "
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
