"""The command line of `fixsim flow`; registered in fixsim/cli.py, light until it is called."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

flow_app = typer.Typer(no_args_is_help=True, help="Models of a market, and what they give.")

Episodes = Annotated[int, typer.Option(metavar="N", min=100, max=10_000_000, help="Episodes of each rule.")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, max=(1 << 40) - 1, help="Of the random numbers.")]
Readings = Annotated[bool, typer.Option("--readings", help="Also every other reading of what is left open.")]

Picture = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw model and scores there, as PNG.")]


@flow_app.command()
def task(
    episodes: Episodes = 20_000, seed: Seed = 1, readings: Readings = False, picture: Picture = None
) -> None:
    """The published execution task: our score of TWAP and the participation rules beside the paper's.

    Differences are in standard errors of the difference of two means: ours, and the paper's of 20,000
    episodes.
    """
    from rich.console import Console
    from rich.progress import Progress

    from fixsim.flow.published import READINGS, Terms
    from fixsim.flow.show import task_table
    from fixsim.flow.task import POLICIES, evaluate

    console = Console()
    chosen = READINGS if readings else {"as reproduced": Terms()}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("episodes", total=episodes * len(chosen) * len(POLICIES))
        outcomes = {
            name: {
                rule: evaluate(
                    policy, episodes, seed, terms=terms, progress=partial(progress.advance, bar)
                )
                for rule, policy in POLICIES.items()
            }
            for name, terms in chosen.items()
        }
    for name, rows in outcomes.items():
        console.print(task_table(rows, f"{name}, {episodes:,} episodes, seed {seed}"))
    if picture is not None:
        from fixsim.flow.model import load_model
        from fixsim.flow.picture import draw

        draw(load_model(), outcomes["as reproduced"], picture)
        console.print(f"written to {picture}", highlight=False)


Recorded = Annotated[
    Path | None, typer.Option("--model", metavar="FILE", help="Made by `calibrate`; default: the published.")
]
Kind = Annotated[
    str, typer.Option("--flow", metavar="KIND", help="queue-reactive, hawkes or zero-intelligence.")
]
Rates = Annotated[
    Path | None,
    typer.Option("--like", metavar="TAPE", help="zero-intelligence: a tape whose rates it has."),
]
Seconds = Annotated[float, typer.Option(metavar="S", min=1.0, max=1e7, help="Of market time.")]
Root = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The tape goes to a folder in there.")]
Symbol = Annotated[str, typer.Option(metavar="NAME", help="What the tape calls the instrument.")]
Branching = Annotated[float, typer.Option(metavar="N", help="hawkes: children of an event, below 1.")]


@flow_app.command()
def record(
    out: Root,
    flow: Kind = "queue-reactive",
    model: Recorded = None,
    like: Rates = None,
    branching: Branching = 0.7,
    seconds: Seconds = 3600.0,
    symbol: Symbol = "QRM",
    seed: Seed = 1,
) -> None:
    """Run a flow in a market with nobody else in it, and write what it did as a tape of order flow.

    The tape replays to the same book and trades, and is read by every `fixsim tape` command.
    """
    from rich.console import Console
    from rich.progress import Progress

    from fixsim.flow.recipes import recipe
    from fixsim.flow.record import record_tape

    made = recipe(
        flow, seed=seed, seconds=seconds, symbol=symbol, model=model, like=like, branching=branching
    )
    console = Console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"{flow}, {seconds:g} s", total=int(seconds * 1e9))
        folder = record_tape(
            made.opens, made.listing, out, note=made.note, progress=partial(progress.advance, bar)
        )
    console.print(f"written to {folder}", highlight=False, soft_wrap=True)


Tape = Annotated[Path, typer.Argument(metavar="TAPE", help="A Parquet tape (fixsim tape import).")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="The model, .npz; regimes add their names.")]
Levels = Annotated[int, typer.Option(metavar="K", min=1, max=10, help="Levels a side of the model.")]
Most = Annotated[int, typer.Option(metavar="C", min=2, max=1000, help="The largest queue told apart.")]
Width = Annotated[int | None, typer.Option(metavar="TICKS", min=1, help="Ticks to one of the model's.")]
Window = Annotated[int, typer.Option(metavar="N", min=1, max=200, help="Levels of the book to read.")]
Sides = Annotated[bool, typer.Option("--symmetric/--sides", help="Both sides as one sample, or apart.")]
Least = Annotated[int, typer.Option(metavar="N", min=1, help="Events below which a cell is filled.")]
Regimes = Annotated[str | None, typer.Option(metavar="time|volatility", help="A model for each part.")]
Parts = Annotated[int, typer.Option(metavar="N", min=2, max=24, help="How many parts.")]


@flow_app.command()
def calibrate(
    tape: Tape,
    out: Out,
    levels: Levels = 3,
    most: Most = 50,
    width: Width = None,
    window: Window = 10,
    symmetric: Sides = True,
    least: Least = 30,
    regimes: Regimes = None,
    parts: Parts = 3,
    seed: Seed = 1,
) -> None:
    """Estimate a queue-reactive model from a tape: intensities, invariant distribution, θ and θ_reinit.

    Prints what the estimate rests on, and how badly the model's price moves fit the tape's.
    """
    from rich.console import Console
    from rich.progress import Progress

    from fixsim.flow import calibrate as calibration
    from fixsim.flow.model import ModelError, save_model
    from fixsim.flow.regimes import By
    from fixsim.flow.regimes import regimes as regimes_of
    from fixsim.flow.show import calibration_lines
    from fixsim.tape.reader import frame as frame_of

    if regimes is not None and regimes not in list(By):
        raise ModelError(f"--regimes = {regimes!r}: must be one of {', '.join(By)}")
    if not out.parent.is_dir():
        raise ModelError(f"--out = {out}: there is no folder {out.parent}")
    console = Console()
    plan = calibration.Plan(
        levels=levels, most=most, width=width, symmetric=symmetric, least=least, seed=seed
    )
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        reading = progress.add_task(f"reading {tape}", total=None)
        frame = frame_of(tape, window)
        progress.remove_task(reading)
        found = [("", None)] if regimes is None else regimes_of(frame, By(regimes), parts)
        for name, chosen in found:
            bar = progress.add_task(name or frame.symbol, total=calibration.work(frame))
            advance = partial(progress.advance, bar)
            result = calibration.calibrate(frame, plan, chosen=chosen, progress=advance)
            path = out.with_name(f"{out.stem}-{name}{out.suffix}") if name else out
            save_model(result.model, path, result.evidence())
            for line in calibration_lines(result, path):
                console.print(line, highlight=False, soft_wrap=True)
