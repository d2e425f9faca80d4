"""The command line of `fixsim realism`; registered in fixsim/cli.py, light until it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TapeFolder = Annotated[
    Path, typer.Option("--tape", metavar="TAPE", help="The folder of an imported tape: the reference.")
]
FlowName = Annotated[
    str,
    typer.Option(
        "--flow",
        metavar="FLOW",
        help="What is compared with it: queue-reactive, hawkes or zero (calibrated from the tape), a"
        " queue-reactive model's file (.npz), or the folder of another tape.",
    ),
]
Out = Annotated[
    Path, typer.Option(metavar="DIR", help="Where report.html, summary.json and overview.png go.")
]
Seconds = Annotated[
    float | None, typer.Option(metavar="S", min=10, max=864_000, help="To generate; default: as the tape.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=(1 << 40) - 1, help="Of markets and bootstrap.")]
Draws = Annotated[int, typer.Option(metavar="N", min=20, max=100_000, help="Of the bootstrap.")]
Levels = Annotated[int, typer.Option(metavar="N", min=1, max=50, help="Of the book, a side.")]
Seeds = Annotated[
    int,
    typer.Option("--metaorders", metavar="N", min=0, max=10_000, help="Seeds of the metaorders; 0: none."),
]


def realism(
    tape: TapeFolder,
    flow: FlowName = "queue-reactive",
    out: Out = Path("out/realism"),
    seconds: Seconds = None,
    seed: Seed = 1,
    draws: Draws = 400,
    levels: Levels = 10,
    metaorders: Seeds = 192,
) -> None:
    """Compare a generated market with a tape, and both with zero intelligence, statistic by statistic.

    Writes a page of HTML that needs nothing beside it, the figures as JSON, and an overview as PNG. Exit
    status 0 once they are written, whatever fails in them: what fails is at the top of the page.
    """
    from rich.console import Console

    from fixsim.realism.run import Options, run

    run(Options(tape, flow, out, seconds, seed, draws, levels, metaorders), Console())
