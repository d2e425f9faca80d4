"""The command line of `fixsim bench`; registered in fixsim/cli.py, light until it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures there too, as Markdown.")]
Etc = Annotated[Path, typer.Option(metavar="DIR", help="The settings whose risk limits are in force.")]
Quick = Annotated[bool, typer.Option("--quick", help="A few samples of each part; figures of no meaning.")]


def bench(out: Out = None, etc: Etc = Path("etc"), quick: Quick = False) -> None:
    """Measure tick to order, market data into the book, and the stages' microseconds. Under five minutes.

    Tick to order is over loopback, through a real router with journal and risk on, beside an echo of the same
    sizes in the same run. Whether the goals are met is in the table; the exit status does not depend on it.
    """
    from fixsim.bench import FULL, QUICK, run
    from fixsim.bench.settings import BenchError
    from fixsim.demo.processes import DemoError

    try:
        status = run(out, etc, QUICK if quick else FULL)
    except (BenchError, DemoError) as error:
        typer.echo(f"bench: {error}", err=True)
        status = 1
    raise typer.Exit(status)
