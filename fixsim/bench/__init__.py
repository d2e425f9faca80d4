"""`fixsim bench`: tick to order against its floor, market data into the book, the stages, the FIX session and
codec beside QuickFIX and simplefix, the matching core.

`run` does all of it, with progress, and returns the exit status. What is heavy is imported there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FULL", "QUICK", "Effort", "run"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long the parts run; a block is so many samples of the one, then of the other."""

    samples: int
    warm_up: int
    block: int
    noise_samples: int
    feed_messages: int
    stage_samples: int
    stage_warm_up: int
    repeats: int
    orders: int
    flow_seconds: float
    trip_blocks: int
    trips: int
    burst: int
    networks: tuple[tuple[int, ...], ...] = ((256, 256), (64, 64))


FULL = Effort(20_000, 1000, 500, 5000, 1_000_000, 2000, 300, 15, 1_000_000, 1.0, 15, 2000, 10_000)
QUICK = Effort(40, 20, 20, 40, 500, 20, 10, 1, 2000, 0.02, 1, 20, 200)


def run(out: Path | None, etc: Path, effort: Effort = FULL) -> int:
    """Measure, print the tables, write them to `out`. BenchError, DemoError, SettingsError name a fault."""
    import tempfile

    from rich.console import Console
    from rich.progress import Progress

    from fixsim.bench import (
        codec,
        feed,
        flows,
        latency,
        machine,
        matching,
        picture,
        report,
        roundtrip,
        stages,
    )
    from fixsim.bench.settings import title

    console = Console()
    about = machine.describe()
    with (
        tempfile.TemporaryDirectory(prefix="sluice-bench-") as made,
        # Drawn when a block is done, by the thread that measures: a second one would disturb it.
        Progress(console=console, auto_refresh=False, disable=not console.is_terminal) as progress,
    ):
        folder = Path(made)

        def part(text: str, total: int) -> latency.Progress:
            if not console.is_terminal:
                console.print(f"==> {text}", highlight=False)
            task = progress.add_task(text, total=total)
            every = max(1, total // 100)

            def done(count: int) -> None:
                progress.advance(task, count)
                if int(progress.tasks[task].completed) % every == 0:
                    progress.refresh()

            return done

        paths: list[latency.Pair] = []
        for sizes in effort.networks:
            done = part(f"tick to order, {title(sizes)}", effort.samples)
            place = folder / f"path-{len(paths)}"
            paths.append(
                latency.measure(place, etc, sizes, effort.samples, effort.warm_up, effort.block, done)
            )
        x_bytes, d_bytes = paths[0].x_bytes, paths[0].d_bytes
        done = part("echo against echo", effort.noise_samples)
        noise = latency.measure_floor(
            folder / "noise", effort.noise_samples, effort.block, x_bytes, d_bytes, done
        )
        rates = feed.measure(etc, effort.feed_messages, part("market data into the book", feed.PARTS))
        steps = effort.stage_samples + effort.stage_warm_up
        spans = [
            stages.measure(
                folder / f"stages-{k}", etc, sizes, effort.stage_samples, effort.stage_warm_up,
                part(f"stages, {title(sizes)}", steps),
            )
            for k, sizes in enumerate(effort.networks)
        ]  # fmt: skip
        done = part("order to report and back, FIX", effort.trip_blocks)
        quickfix = roundtrip.quickfix_python()
        trips = roundtrip.measure(
            folder / "trips", quickfix, effort.trip_blocks, effort.trips, effort.burst, done
        )
        costs = codec.measure(effort.repeats, part("codec", effort.repeats))
        done = part("matching core", matching.PARTS)
        speeds = matching.measure(folder, matching.peer_python(), effort.repeats, effort.orders, done)
        done = part("generated flow", flows.PARTS)
        paces = flows.measure(effort.flow_seconds, effort.repeats, done)
    results = report.Results(about, paths, noise, rates, spans, trips, costs, speeds, paces)
    for table in report.terminal(results):
        console.print(table)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        picture.write_png(speeds, paces, out.with_suffix(".png"))
        out.write_text(report.markdown(results, out.with_suffix(".png").name), encoding="utf-8")
        console.print(f"written to {out}", highlight=False)
    return 0
