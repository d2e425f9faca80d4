"""Tables and pictures of the queue-reactive model: for the terminal and for docs."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.table import Table

from fixsim.flow.task import PUBLISHED, Outcome


def task_table(outcomes: dict[str, Outcome], title: str) -> Table:
    """Ours beside the published figures, a rule a row; differences in standard errors."""
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for column in ("rule", "score", "s.e.", "paper", "differs", "std", "paper", "left"):
        table.add_column(column, justify="left" if column == "rule" else "right", no_wrap=True)
    for rule, ours in outcomes.items():
        theirs = PUBLISHED[rule]
        table.add_row(
            rule,
            f"{ours.mean:.4f}",
            f"{ours.error:.4f}",
            f"{theirs.mean:.3f}",
            f"{ours.errors_from(theirs):+.1f}",
            f"{ours.std:.3f}",
            f"{theirs.std:.3f}",
            f"{ours.unfinished / ours.episodes:.2%}",
        )
    return table
