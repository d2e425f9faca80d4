"""One run of `fixsim realism`: read the tape, generate, measure, write; with progress bars."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from fixsim.flow.record import Listing
from fixsim.realism.flows import Generator, generator, seconds_of, work
from fixsim.realism.metaorder import LASTS, Experiment, Paths, send
from fixsim.realism.overview import write_overview
from fixsim.realism.page import render
from fixsim.realism.show import scoreboard
from fixsim.realism.study import Study, plan_for, steps, study, summary
from fixsim.realism.view import Plan
from fixsim.tape.frame import LobFrame
from fixsim.tape.reader import frame as stored_frame
from fixsim.tape.reader import open_tape
from risk.errors import SettingsError

LEAST_EVENTS = 1000
"""Of the tape: with fewer, no statistic says anything."""


@dataclass(frozen=True, slots=True)
class Options:
    tape: Path
    flow: str
    out: Path
    seconds: float | None = None
    seed: int = 1
    draws: int = 400
    levels: int = 10
    metaorders: int = 192

    @property
    def command(self) -> str:
        """What makes this report again."""
        words = ["fixsim", "realism", "--tape", str(self.tape), "--flow", self.flow, "--out", str(self.out)]
        if self.seconds is not None:
            words += ["--seconds", f"{self.seconds:g}"]
        words += ["--seed", str(self.seed), "--draws", str(self.draws), "--levels", str(self.levels)]
        return shlex.join([*words, "--metaorders", str(self.metaorders)])


def run(options: Options, console: Console) -> Study:
    """All of it: the study, once its files are written. SettingsError, TapeError, OSError if it cannot be."""
    options.out.mkdir(parents=True, exist_ok=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        result, title = _measured(options, progress)
    _put(options.out / "report.html", render(result, title, options.command).encode())
    _put(options.out / "summary.json", json.dumps(summary(result), indent=1, ensure_ascii=False).encode())
    write_overview(result, title, options.out / "overview.png")
    console.print(scoreboard(result, title))
    console.print(f"{options.out / 'report.html'}")
    return result


def _measured(options: Options, progress: Progress) -> tuple[Study, str]:
    reading = progress.add_task("read the tape", total=None)
    tape = stored_frame(options.tape, levels=options.levels)
    meta = open_tape(options.tape).meta
    progress.update(reading, total=1, completed=1)
    if len(tape) < LEAST_EVENTS:
        raise SettingsError(
            f"--tape = {options.tape}: {len(tape)} events: at least {LEAST_EVENTS} are needed"
        )
    seconds = options.seconds or seconds_of(tape)
    day = datetime.fromtimestamp(int(tape.time_ns[0]) / 1e9, UTC)
    names = {"tape": f"{meta.venue} {tape.symbol}, {day:%Y-%m-%d}"}
    frames = {"tape": tape}
    generators: dict[str, Generator] = {}
    about = {"tape": f"format {meta.format}, {levels_text(meta.window_levels)}"}
    for market, flow, seed in (
        ("generated", options.flow, options.seed),
        ("baseline", "zero", options.seed + (1 << 41)),
    ):
        total = work(flow, tape)
        bar = progress.add_task(f"calibrate {flow}", total=total)
        made = generator(flow, tape, _advance(progress, bar, 1.0))
        progress.update(bar, completed=total)
        if isinstance(made, LobFrame):
            frames[market], names[market] = made, f"tape {Path(flow).name}"
            continue
        about[market] = made.about
        generators[market], names[market] = made, made.name
        bar = progress.add_task(f"generate {made.name}", total=seconds)
        listing = Listing(tape.symbol, made.tick_nanos, tape.lots_per_unit)
        frames[market] = made.frame(listing, seed, seconds, options.levels, _advance(progress, bar, 1e-9))
    plan = plan_for(seconds_of(tape), Plan(draws=options.draws, seed=options.seed, levels=options.levels))
    sent = _metaorders(options, generators, tape, plan, progress)
    bar = progress.add_task("measure", total=steps(plan))
    try:
        result = study(
            frames, names, plan, about=about, metaorders=sent, advance=lambda _: progress.advance(bar)
        )
    except ValueError as error:
        raise SettingsError(f"--tape, --flow: {error}") from None
    return result, f"{tape.symbol} against {names['generated']}"


def _metaorders(
    options: Options, generators: dict[str, Generator], tape: LobFrame, plan: Plan, progress: Progress
) -> dict[str, Paths]:
    """Metaorders into the markets that take orders: none if the generated one does not."""
    if not options.metaorders or "generated" not in generators:
        return {}
    experiment = Experiment(horizon_s=plan.coarse_s, warm_up_s=plan.coarse_s, seeds=options.metaorders)
    length_s = experiment.warm_up_s + LASTS * experiment.horizon_s
    sent = {}
    for market, made in generators.items():
        bar = progress.add_task(
            f"metaorders, {made.name}", total=experiment.seeds * (len(experiment.shares) + 1)
        )
        opened = made.open
        try:
            sent[market] = send(
                lambda seed, opened=opened: opened(seed, length_s, None),  # type: ignore[misc]
                experiment,
                options.seed + (1 << 42),
                made.tick_nanos / tape.tick_nanos,
                _advance(progress, bar, 1.0),
            )
        except ValueError as error:
            progress.console.print(f"metaorders, {made.name}: {error}")
    return sent if "generated" in sent else {}


def levels_text(levels: int | None) -> str:
    """How much of the book a tape shows."""
    return "the whole book" if levels is None else f"{levels} levels a side"


def _advance(progress: Progress, bar: object, scale: float) -> Callable[..., None]:
    def advance(by: float = 1.0) -> None:
        progress.advance(bar, by * scale)  # type: ignore[arg-type]

    return advance


def _put(path: Path, content: bytes) -> None:
    """In one step, so that a reader never sees half of it."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
