"""The command line of `fixsim demo`; registered in fixsim/cli.py, light until it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Speed = Annotated[
    float, typer.Option(metavar="K", min=0, help="Times the recording's pace, for watching; 0: unpaced.")
]
Kill = Annotated[bool, typer.Option("--kill", help="Kill the router's trading half-way, then lift it.")]
Crash = Annotated[bool, typer.Option("--crash", help="kill -9 the router half-way, then start it.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where runs, logs and the report go.")]
Etc = Annotated[Path, typer.Option(metavar="DIR", help="The settings to run with.")]
Picture = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keep the screen of half-time there, as SVG.")
]


def demo(
    speed: Speed = 10.0,
    kill: Kill = False,
    crash: Crash = False,
    out: Out = Path("out/demo"),
    etc: Etc = Path("etc"),
    picture: Picture = None,
) -> None:
    """Watch the router buy 10 BTC: exchange, router and desk as three processes, then a report with charts.

    Exit status 0 only if the order is complete, no decision came from the fallback, and the venues' own
    record agrees with the router's journal. With --kill or --crash: only if every check
    that is printed holds.
    """
    from rich.console import Console

    from fixsim.demo.run import Options
    from fixsim.demo.show import run

    if kill and crash:
        raise typer.BadParameter("give one of them", param_hint="--kill, --crash")
    act = "kill" if kill else "crash" if crash else ""
    raise typer.Exit(run(act, Options(etc, out, speed, picture), Console()))
