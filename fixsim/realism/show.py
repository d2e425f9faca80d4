"""The scoreboard in a terminal: a line a statistic, within 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fixsim.realism.board import number_text
from fixsim.realism.study import Study
from fixsim.realism.verdict import Verdict

_STYLE = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.OPEN: "dim"}


def scoreboard(study: Study, title: str) -> RenderableType:
    """Figures of the three markets, distance over what is allowed, and the verdict."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True, max_width=35)
    for name in ("tape", "gen.", "base", "÷"):
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    table.add_column("", no_wrap=True, min_width=4)
    family = study.rows[0].family
    for row in study.rows:
        if row.family != family:
            family = row.family
            table.add_section()
        table.add_row(
            row.name,
            *(number_text(figure.value) for figure in (row.tape, row.generated, row.baseline)),
            number_text(row.ratio),
            Text(row.verdict.value, style=_STYLE[row.verdict]),
        )
    near, said = study.nearer
    counts = Text.assemble(
        (f"{study.count(Verdict.FAIL)} fail", "bold red"),
        f", {study.count(Verdict.PASS)} pass, {study.count(Verdict.OPEN)} open;"
        f" nearer to the tape than the baseline in {near} of {said}.\n÷: distance from the tape over what is"
        " allowed; at most 1 passes.",
    )
    return Group(table, counts)
