"""The command line of `fixsim flow`; registered in fixsim/cli.py, light until it is called."""

from __future__ import annotations

from typing import Annotated

import typer

flow_app = typer.Typer(no_args_is_help=True, help="Models of a market, and what they give.")

Episodes = Annotated[int, typer.Option(metavar="N", min=100, max=10_000_000, help="Episodes of each rule.")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=(1 << 40) - 1, help="Of the random numbers.")]
Readings = Annotated[bool, typer.Option("--readings", help="Also every other reading of what is left open.")]


@flow_app.command()
def task(episodes: Episodes = 20_000, seed: Seed = 1, readings: Readings = False) -> None:
    """The published execution task: our score of TWAP and the participation rules beside the paper's.

    Differences are in standard errors of the difference of two means: ours, and the paper's of 20,000
    episodes.
    """
    from rich.console import Console
    from rich.progress import Progress

    from fixsim.flow import task as published
    from fixsim.flow.show import task_table

    console = Console()
    chosen = published.READINGS if readings else {"as reproduced": published.Terms()}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("episodes", total=episodes * len(chosen) * len(published.POLICIES))
        outcomes = {
            name: {
                rule: published.evaluate(
                    policy, episodes, seed, terms=terms, progress=lambda done: progress.advance(bar, done)
                )
                for rule, policy in published.POLICIES.items()
            }
            for name, terms in chosen.items()
        }
    for name, rows in outcomes.items():
        console.print(task_table(rows, f"{name}, {episodes:,} episodes, seed {seed}"))
