"""`fixsim tape …`: import recordings, look at tapes, prove of one that it gives back what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date as Date  # noqa: N812 (a parameter of that name is below)
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from fixsim.tape import SHIPPED, TapeError, verify
from fixsim.tape.format import brief
from fixsim.tape.look import tape_inspect, tape_plot

app = typer.Typer(no_args_is_help=True, help="Recorded order flow: import it, look at it, verify it.")
app.command("inspect")(tape_inspect)
app.command("plot")(tape_plot)


@app.command("import")
def tape_import(
    format_name: Annotated[str, typer.Argument(metavar="FORMAT", help="What the files are; see below.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILES…", help="Plain, .xz or .gz.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder that tapes go into.")],
    venue: Annotated[str | None, typer.Option(metavar="NAME", help="Default: the format's own.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="NAME", help="Default: what the files say.")] = None,
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Default: what the files say.")
    ] = None,
    tick: Annotated[str | None, typer.Option(metavar="DECIMAL", help="Smallest price step.")] = None,
    lots_per_unit: Annotated[
        int | None, typer.Option(metavar="N", help="Lots that make one unit (share, coin).")
    ] = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Set aside rows that cannot be used, instead of stopping.")
    ] = False,
) -> None:
    """Read recordings into Parquet tapes: DIR/venue=…/symbol=…/date=…

    FORMAT is lobster (a message CSV, and its orderbook CSV), coinbase (the folder, or files, of a "full"
    channel recording), bitstamp or binance-l2. Files are read as a stream, whatever their size. A row that
    is corrupt, out of order or of something else ends the import (file, row and reason; exit status 2;
    nothing is left behind), or with --quarantine goes to quarantine.parquet and is counted.
    """
    from fixsim.tape.importers import Request, format_named
    from fixsim.tape.reader import open_tape
    from fixsim.tape.writer import MOST_LOTS

    chosen = format_named(format_name)
    if lots_per_unit is not None and not 1 <= lots_per_unit <= MOST_LOTS:
        raise TapeError(f"--lots-per-unit = {brief(lots_per_unit)}: must be 1 to {MOST_LOTS}")
    with _progress(files) as progress:
        request = Request(
            files=tuple(files),
            out=out,
            venue=venue,
            symbol=symbol,
            date=None if date is None else _date(date),
            tick_nanos=None if tick is None else _nanos(tick),
            lots_per_unit=lots_per_unit,
            quarantine=quarantine,
            progress=progress,
        )
        written = chosen.read(request)
    for folder in written:
        meta = open_tape(folder).meta
        counted = ", ".join(f"{name} {n}" for name, n in meta.counts.items())
        odd = ", ".join(f"{name} {n}" for name, n in meta.anomalies.items())
        typer.echo(f"{meta.venue} {meta.symbol}: {meta.events} events ({counted})")
        typer.echo(f"  marked: {odd or 'nothing'}; set aside: {meta.quarantined}")
        for note in meta.notes:
            typer.echo(f"  {note}")
        typer.echo(f"  {folder}")


@app.command("verify")
def tape_verify(
    path: Annotated[
        Path,
        typer.Argument(metavar="TAPE", help="A compact tape, or a Parquet tape's folder; default: shipped."),
    ] = SHIPPED,
    venues: Annotated[
        int, typer.Option(metavar="N", min=1, max=8, help="Order flow: split over so many lit venues.")
    ] = 2,
    book: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="LOBSTER: an orderbook CSV to compare with, row by row."),
    ] = None,
) -> None:
    """Prove that a tape gives back what was recorded.

    Order flow (coinbase, and the tape that ships) is fed to the engine: matches and end book are compared. A
    partial tape (lobster) is followed step by step: what each message says of sizes and of the levels inside
    the window is compared with the recorded book. Exit status 1 if anything differs.
    """
    if path.is_dir():
        from fixsim.tape.reader import open_tape

        if open_tape(path).meta.kind == "partial":
            _verify_partial(path, book or [])
            return
    from fixsim.tape.convert import load_any

    if book:
        raise TapeError(f"--book {book[0]}: {path} is order flow; only partial tapes have a recorded book")
    report = verify(load_any(path), venues)
    typer.echo(
        f"{path.name}: {report.events} events over {report.venues} lit venues;"
        f" matches {report.matches_equal} of {report.matches_recorded} as recorded;"
        f" end book {report.end_orders_equal} of {report.end_orders_recorded} orders as recorded,"
        f" queues {'equal' if report.queue_equal else 'DIFFERENT'}; state {report.digest}"
    )
    raise typer.Exit(0 if report.ok else 1)


def _verify_partial(path: Path, books: list[Path]) -> None:
    from fixsim.tape.reader import open_tape
    from fixsim.tape.verify_window import verify_window

    report = verify_window(open_tape(path), books)
    typer.echo(
        f"{path.name}: {report.messages} messages, step by step; sizes {report.sizes_equal} of {report.sized}"
        f" as recorded; top {report.levels - 1} of {report.levels} levels right after"
        f" {report.inner_equal} of {report.messages}; {report.anchors} anchors at the window's edge"
    )
    for name, rows in report.book_rows.items():
        typer.echo(f"  {name}: {report.book_equal[name]} of {rows} rows equal, all levels")
    typer.echo(f"  free running, without anchors, the touch is wrong after {report.free_running_wrong}")
    raise typer.Exit(0 if report.ok else 1)


def _date(text: str) -> Date:
    try:
        return Date.fromisoformat(text)
    except ValueError:
        raise TapeError(f"--date = {brief(repr(text))}: must be a date like 2012-06-21") from None


def _nanos(text: str) -> int:
    from fixsim.tape.writer import MOST_TICK_NANOS

    try:
        nanos = Decimal(text) * 10**9
    except ArithmeticError:
        nanos = Decimal(0)
    if nanos != nanos.to_integral_value() or not 0 < nanos <= MOST_TICK_NANOS:
        raise TapeError(
            f"--tick = {brief(repr(text))}: must be a decimal above zero, of at most 9 places, and"
            f" {MOST_TICK_NANOS // 10**9} at most"
        )
    return int(nanos)


@contextmanager
def _progress(files: list[Path]) -> Iterator[Callable[[int], None]]:
    """A bar on stderr by the bytes of the files, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as SpeedColumn

    inside = [p for f in files for p in (f.iterdir() if f.is_dir() else [f])]
    total = sum(path.stat().st_size for path in inside if path.is_file())
    console = Console(stderr=True)
    columns = (TextColumn("==> reading"), BarColumn(), DownloadColumn(), SpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda n: bar.advance(task, n)
