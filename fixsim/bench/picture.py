"""The matching core's and the flows' rates as a picture, beside the page that has the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fixsim.bench.flows import Pace
from fixsim.bench.matching import Speed

OURS, PEER = "#1b6e8c", "#b0aa9a"


def write_png(speeds: Sequence[Speed], paces: Sequence[Pace], path: Path) -> None:
    """Two panels of bars: order events a second by stream and engine, and each flow's events a second."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    names = [f"{speed.stream}\n{speed.engine}" for speed in speeds]
    colours = [OURS if speed.engine == "Sluice" else PEER for speed in speeds]
    _bars(left, names, [speed.per_s / 1e6 for speed in speeds], colours)
    left.set_title("Matching core, one thread", loc="left", fontsize=10)
    labels = [pace.name.replace(": ", "\n") for pace in paces]
    _bars(right, labels, [pace.per_s / 1e6 for pace in paces], [OURS] * len(paces))
    right.set_title("Generated flow, one thread", loc="left", fontsize=10)
    figure.savefig(path)


def _bars(axes: object, names: list[str], values: list[float], colours: list[str]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    places = range(len(names))
    axes.barh(places, values, color=colours, height=0.6)
    for place, value in zip(places, values, strict=True):
        label = f"{value:.2f}"
        axes.annotate(label, (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(list(places), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(values, default=1.0))
    axes.set_xlabel("million a second", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
