"""The command line of `fixsim load`; registered in fixsim/cli.py, light until it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

SettingsFile = Annotated[Path, typer.Option("--settings", "-s", metavar="FILE", help="The venues' settings.")]
Sessions = Annotated[int, typer.Option(min=2, max=400, help="How many, over the two lit venues.")]
Rate = Annotated[int, typer.Option(min=1, max=1_000_000, help="Requests a second, over all sessions.")]
Seconds = Annotated[float, typer.Option(min=0.1, max=540, help="For how long.")]
Clients = Annotated[int, typer.Option(min=1, max=64, help="Processes that send.")]
Out = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")]


def load(
    settings: SettingsFile = Path("etc/fixsim.toml"),
    sessions: Sessions = 200,
    rate: Rate = 20_000,
    seconds: Seconds = 60.0,
    clients: Clients = 1,
    out: Out = None,
) -> None:
    """Put one fixsim process under load, and say how long its answers took and what it used.

    A quarter each of the requests are orders that rest, replaces, cancels, and orders that trade. Exit status
    0 if every session stayed and every request was sent in its time and answered; 1 if not.
    """
    from rich.console import Console
    from rich.progress import Progress

    from fixsim.load import Load, LoadError
    from fixsim.load.run import run
    from fixsim.settings import load_settings

    asked = Load(sessions, rate, seconds, clients)
    console = Console()
    try:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("starting", total=1.0)

            def progress(share: float, sent: int, back: int) -> None:
                bar.update(task, completed=share, description=f"{sent:,} sent, {back:,} reports back")

            figures = run(asked, load_settings(settings), settings, progress)
    except LoadError as error:
        typer.echo(f"load: {error}", err=True)
        raise typer.Exit(1) from None
    for line in figures.lines():
        console.print(line, highlight=False, soft_wrap=True)
    if out is not None:
        out.write_text(json.dumps(figures.table(), indent=2) + "\n")
    raise typer.Exit(0 if figures.held else 1)
