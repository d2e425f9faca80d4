"""The figures as a page of Markdown, and as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from fixsim.bench.codec import Cost
from fixsim.bench.feed import Rate
from fixsim.bench.figures import Figures
from fixsim.bench.fixreport import fix_tables
from fixsim.bench.flows import REFERENCE_STEPS_PER_S, TASK, Pace
from fixsim.bench.latency import Nanos, Pair
from fixsim.bench.matching import Speed
from fixsim.bench.roundtrip import Trip
from fixsim.bench.stages import INPUTS, STAGES, Stages
from fixsim.bench.walk import ENTRIES

GOALS = {"256×256": 4.0, "64×64": 3.0}
PERCENTILES = (50.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Results:
    machine: Sequence[tuple[str, str]]
    paths: Sequence[Pair]
    noise: Pair
    rates: Sequence[Rate]
    stages: Sequence[Stages]
    trips: Sequence[Trip]
    codec: Sequence[Cost]
    matching: Sequence[Speed]
    flows: Sequence[Pace]


def tables(results: Results) -> list[Figures]:
    return [
        _machine(results), _latency(results), _feed(results), _stages(results),
        *fix_tables(results.trips, results.codec), _matching(results), _flows(results),
    ]  # fmt: skip


def markdown(results: Results, picture: str = "") -> str:
    """docs/benchmark.md; `picture` is the file beside it that shows the last two tables."""
    parts = ["# Benchmark\n\nWritten by `make bench`; run it to have your own machine's figures.\n"]
    for table in tables(results):
        lines = [f"## {table.title}\n", f"{table.text}\n", _line(table.head)]
        lines.append(_line(["---", *("---:" for _ in table.head[1:])]))
        lines += [_line(row) for row in table.rows]
        parts.append("\n".join(lines) + "\n")
    if picture:
        parts.append(f"![Rates of the matching core, hftbacktest beside it, and of the flows]({picture})\n")
    return "\n".join(parts)


def terminal(results: Results) -> list[Table]:
    made = []
    for figures in tables(results):
        table = Table(title=figures.title, title_justify="left")
        for number, name in enumerate(figures.head):
            table.add_column(name, justify="right" if number else "left")
        for row in figures.rows:
            table.add_row(*row)
        made.append(table)
    return made


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _machine(results: Results) -> Figures:
    rows: list[tuple[str, ...]] = [*results.machine]
    return Figures("Machine", "As it describes itself.", ("", "value"), rows)


def _latency(results: Results) -> Figures:
    first = results.paths[0]
    blocks, block = first.taken.shape
    text = (
        f"From a market data message of {ENTRIES} entries ({first.x_bytes} bytes) written on loopback to the"
        f" NewOrderSingle ({first.d_bytes} bytes) that it causes being read whole, with the message's own new"
        " touch in Price(44). The router is a real process on the wall clock: every risk rule on, the journal"
        " written before the order leaves. The floor is a uvloop process that answers messages of the one"
        " size with bytes of the other, measured by the same client in the same run:"
        f" {blocks} blocks of {block} samples of each, in turn. The client is pinned to one core, router and"
        " echo to another. One message is outstanding; before each, the router has answered everything and"
        " both sides have been idle for 100 µs, so that a figure holds what it takes to wake up."
        "\n\nThe ratio is that of the medians; by blocks: the median of the ratios of neighbouring blocks,"
        " which the machine's other work disturbs less. Goals: 4 × with 256×256, 3 × with 64×64. The last row"
        " is an echo against an echo: what noise makes of equal things."
    )
    rows: list[tuple[str, ...]] = []
    for pair in results.paths:
        goal = GOALS.get(pair.name)
        met = "" if goal is None else f"{goal:g} ×: {'met' if pair.block_ratio <= goal else 'missed'}"
        ratios = (f"{pair.ratio:.2f}", f"{pair.block_ratio:.2f}", met)
        rows.append((f"tick to order, {pair.name}", *_microseconds(pair.taken), *ratios))
        rows.append(("its floor: echo", *_microseconds(pair.floor), "1", "1", ""))
    noise = results.noise
    ratios = (f"{noise.ratio:.2f}", f"{noise.block_ratio:.2f}", "")
    rows.append(("echo against echo", *_microseconds(noise.taken), *ratios))
    return Figures("Tick to order", text, ("µs", "p50", "p99", "p99.9", "ratio", "by blocks", "goal"), rows)


def _feed(results: Results) -> Figures:
    whole = results.rates[0]
    text = (
        f"What the simulator's lit venues publish over the shipped recording ({whole.messages} incrementals,"
        f" on average {whole.size / whole.messages:.0f} bytes and {whole.entries / whole.messages:.2f}"
        " entries), taken in process, one message at a time, from bytes through framing, FIX session and book"
        " to the consolidated touch. Beside it the framing alone, and simplefix, which only parses."
    )
    rows: list[tuple[str, ...]] = [
        (
            rate.name,
            f"{rate.messages_per_s:,.0f}",
            f"{rate.entries_per_s:,.0f}",
            f"{1e6 * rate.seconds / rate.messages:.1f}",
        )
        for rate in results.rates
    ]
    return Figures("Market data into the book", text, ("", "messages/s", "entries/s", "µs a message"), rows)


def _stages(results: Results) -> Figures:
    text = (
        "Medians, in process, with the objects of the engine and no sockets; every sample is a new message,"
        " and what is done between samples leaves the caches as it likes. The stages are called one by one;"
        " below them the engine's own inputs, whole, which also hold the order table, timers and the calls"
        " between."
    )
    head = ("µs", *(stages.name for stages in results.stages))
    rows: list[tuple[str, ...]] = [
        (name, *(f"{stages.stages[k]:.1f}" for stages in results.stages)) for k, name in enumerate(STAGES)
    ]
    rows.append(("**sum of the stages**", *(f"**{sum(stages.stages):.1f}**" for stages in results.stages)))
    for k, name in enumerate(INPUTS):
        rows.append((f"input: {name}", *(f"{stages.inputs[k]:.1f}" for stages in results.stages)))
    rows.append(("**the inputs together**", *(f"**{stages.total:.1f}**" for stages in results.stages)))
    return Figures("Stages", text, head, rows)


SPEED_GOALS = {"recording, 1 venue": 10e6, "orders, batch door": 5e6}


def _matching(results: Results) -> Figures:
    text = (
        "The matching core alone, in one thread: recorded order flow matched from the opening book on, and"
        " seeded streams of participants' orders (limits, cancels, replaces, IOC, market; then also icebergs,"
        " hidden, post-only, FOK) through the batch door, a kernel call for every 4,096 of them, with fills,"
        " notes and changed levels taken after each. hftbacktest goes through what came of the same streams,"
        " fed order by order; it does not match the market's own orders, and its opening book is not"
        " counted. Events are what came in; the figure is the median repeat, and times slower is by Sluice's"
        " first row of the same stream. Goals: 10 million recorded events a second, 5 million orders."
    )
    if not any(speed.engine == "hftbacktest" for speed in results.matching):
        text += " hftbacktest was not installed in this run (`make peers`)."
    rows: list[tuple[str, ...]] = []
    for speed in results.matching:
        ours = next((s for s in results.matching if s.stream == speed.stream), speed)
        goal = SPEED_GOALS.get(speed.stream) if speed.engine == "Sluice" else None
        met = "" if goal is None else f"{goal / 1e6:g} M: {'met' if speed.per_s >= goal else 'missed'}"
        rows.append(
            (
                f"{speed.engine}: {speed.stream}",
                f"{speed.events:,}",
                f"{speed.per_s / 1e6:.2f}",
                f"{1e9 / speed.per_s:.0f}",
                f"{ours.per_s / speed.per_s:.1f}",
                met,
                speed.note,
            )
        )
    head = ("", "events", "M events/s", "ns an event", "times slower", "goal", "")
    return Figures("Matching core", text, head, rows)


def _flows(results: Results) -> Figures:
    text = (
        "Steps of the published queue-reactive task (arXiv 2511.15262): 1,024 markets in one call, a decision"
        " of the participation rule and the 25 s of market after it each, one thread, by processor time; its"
        f" authors' environment makes {REFERENCE_STEPS_PER_S:,} steps a second. Goal: 100,000. Below it order"
        " events that each flow puts into a market of the matching core, fills and changed levels taken"
        " after every minute of market time."
    )
    rows: list[tuple[str, ...]] = []
    for pace in results.flows:
        beside = f"{pace.per_s / REFERENCE_STEPS_PER_S:.0f}" if pace.name == TASK else ""
        goal = "" if pace.name != TASK else "100,000: " + ("met" if pace.per_s >= 1e5 else "missed")
        rows.append((pace.name, f"{pace.per_s:,.0f}", beside, goal))
    return Figures("Generated flow", text, ("", "a second", "times the authors'", "goal"), rows)


def _microseconds(samples: Nanos) -> tuple[str, ...]:
    return tuple(f"{value / 1000:.1f}" for value in np.percentile(samples, PERCENTILES))
