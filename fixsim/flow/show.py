"""Tables and pictures of the queue-reactive model: for the terminal and for docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table

from fixsim.flow.calibrate import Calibration
from fixsim.flow.published import PUBLISHED
from fixsim.flow.task import Outcome

MISFIT = 10.8
"""Of a chi-squared number with one degree of freedom, one in a thousand is above it."""


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


def calibration_lines(result: Calibration, path: Path) -> Iterator[str]:
    """What a calibration found, for the terminal: a line on the whole, one a level, one on the price."""
    model, counted = result.model, result.counted
    tick = f"{model.tick_nanos / 1e9:g}"
    yield f"{path}: {model.symbol}, model tick {tick} ({result.width} of the tape's), C {model.most}"
    for level in range(model.levels):
        events = counted.events[level].sum(axis=(0, 1))
        time, hidden = counted.exposure_s[level].sum(), counted.hidden_s[level].sum()
        own = ~(result.filled[level, :, 0] & result.filled[level, :, 1])
        note = "; nothing holds it, its law is what was seen" if level in result.unstable else ""
        yield (
            f"  level {level + 1}: {events[0]} limit orders, {events[1]} cancels, {events[2]} trades;"
            f" unit {model.unit_lots[level]} lots; in view {time / (time + hidden):.1%} of the time;"
            f" {own.sum()} of {own.size} sizes from their own events{note}"
        )
    yield f"  beyond them or out of view: {counted.beyond} events"
    thetas = result.thetas
    if thetas is None:
        yield "  under ten whole minutes: theta and theta_reinit are the published model's"
        return
    bound = "; at the bound of what can be, the errors say little" if thetas.at_bound else ""
    fits = "moves" if thetas.misfit < MISFIT else "does not move"
    yield (
        f"  theta {thetas.theta:.3f} ± {thetas.theta_error:.3f},"
        f" theta_reinit {thetas.theta_reinit:.3f} ± {thetas.theta_reinit_error:.3f}{bound};"
        f" misfit {thetas.misfit:.1f} for 1 left over: the price {fits} as the model's"
    )
