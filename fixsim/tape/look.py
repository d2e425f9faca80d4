"""`fixsim tape inspect` and `fixsim tape plot`: what is in a tape, in figures and as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fixsim.tape import SHIPPED, TapeError

TapeArgument = Annotated[
    Path,
    typer.Argument(metavar="PATH", help="A Parquet tape's folder, or a compact tape; default: shipped."),
]


def tape_inspect(
    path: TapeArgument = SHIPPED,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: nanoseconds, nanos and lots.")
    ] = False,
) -> None:
    """Say what is in a tape: rows, gaps, anomalies, the book, trades, times, message rate.

    Reads it once as a stream. What is said of the book is weighted by time.
    """
    from rich.console import Console

    from fixsim.tape.inspect import inspect_tape
    from fixsim.tape.inspect_view import view
    from fixsim.tape.opened import open_any

    tape = open_any(path)
    with _progress("inspecting", tape.meta.events) as progress:
        found = inspect_tape(tape, progress)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
    else:
        Console().print(view(found))


def tape_plot(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder that the pictures go into.")],
    path: TapeArgument = SHIPPED,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="UTC: 15:13:00, or 2012-06-21T15:13:00.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The same.")] = None,
    levels: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Room for so many levels beyond the midpoint.")
    ] = 20,
) -> None:
    """Draw a tape's book as a heat map (price by time, depth on a log scale) with midpoint and trades.

    Writes DIR/NAME.png, and DIR/NAME.html, which needs nothing beside it; prints their paths. Neither grows
    with the tape: a cell is a pixel or two.
    """
    from fixsim.tape.opened import open_any
    from fixsim.tape.plot import write_png
    from fixsim.tape.plot_html import write_html
    from fixsim.tape.raster import rasterise

    tape = open_any(path)
    from_ns = None if from_ is None else _time_ns("--from", from_, tape.meta.start_ns)
    to_ns = None if to is None else _time_ns("--to", to, tape.meta.start_ns)
    with _progress("drawing", 2 * tape.meta.events) as progress:
        raster = rasterise(tape, from_ns, to_ns, levels, progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    began = datetime.fromtimestamp(int(raster.edges_ns[0]) // 1_000_000_000, UTC)
    names = [tape.meta.venue] if tape.meta.venue != "-" else []
    name = "_".join([*names, tape.meta.symbol, f"{began:%Y%m%dT%H%M%SZ}"])
    for kind, write in (("png", write_png), ("html", write_html)):
        target = out / f"{name}.{kind}"
        write(raster, target)
        typer.echo(str(target))


def _time_ns(option: str, text: str, start_ns: int) -> int:
    """A time of the tape's first day, or one with its date; UTC."""
    day = datetime.fromtimestamp(start_ns // 1_000_000_000, UTC)
    try:
        moment = datetime.fromisoformat(text if "-" in text else f"{day:%Y-%m-%d}T{text}")
    except ValueError:
        raise TapeError(f"{option} = {text!r}: must be a time like 15:13:00 or 2012-06-21T15:13:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


@contextmanager
def _progress(what: str, rows: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr by rows, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(f"==> {what}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=rows)
        yield lambda n: bar.advance(task, n)
