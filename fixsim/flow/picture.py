"""The queue-reactive model as a picture: intensities by queue size, and our scores beside the published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fixsim.flow.model import Model, QueueEvent
from fixsim.flow.published import PUBLISHED, PUBLISHED_EPISODES
from fixsim.flow.task import Outcome

_COLOURS = {QueueEvent.LIMIT: "#2a6f97", QueueEvent.CANCEL: "#c1666b", QueueEvent.MARKET: "#48603f"}
_NAMES = {QueueEvent.LIMIT: "limit orders", QueueEvent.CANCEL: "cancels", QueueEvent.MARKET: "trades"}
_OURS, _PAPER = "#2a6f97", "#8a8a8a"


def draw(model: Model, outcomes: dict[str, Outcome], path: Path) -> None:
    """Write a PNG: a panel a level, and one with the scores and two standard errors of each mean."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, model.levels + 1, figsize=(4 * (model.levels + 1.6), 4.2), layout="constrained",
        width_ratios=[1] * model.levels + [1.6],
    )  # fmt: skip
    for level in range(model.levels):
        _intensities(panels[level], model, level)
    _scores(panels[-1], outcomes)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _intensities(panel: Any, model: Model, level: int) -> None:
    sizes = np.arange(model.most + 1)
    for kind, colour in _COLOURS.items():
        panel.plot(sizes, model.intensity[level, :, 0, kind], color=colour, label=_NAMES[kind])
    twin = panel.twinx()
    twin.fill_between(sizes, model.invariant[level], color="#d9d4c7", alpha=0.6, linewidth=0)
    twin.set_ylim(0, model.invariant.max() * 1.05)
    twin.set_yticks([])
    panel.set_zorder(twin.get_zorder() + 1)
    panel.patch.set_visible(False)
    panel.set_ylim(0, 1.0)
    limit = float(model.intensity[level, 0, 0, QueueEvent.LIMIT])
    if limit > 1.0:
        panel.text(3, 0.95, f"{limit:g} when empty", fontsize=8, color=_COLOURS[QueueEvent.LIMIT])
    panel.set_title(f"level {level + 1}", fontsize=10)
    panel.set_xlabel("queue, average event sizes")
    if level == 0:
        panel.set_ylabel("events a second; grey: share of time at each size")
        panel.legend(fontsize=8, loc=(0.5, 0.3))


def _scores(panel: Any, outcomes: dict[str, Outcome]) -> None:
    for row, (rule, ours) in enumerate(outcomes.items()):
        theirs = PUBLISHED[rule]
        for shift, mean, error, colour, name in (
            (-0.13, theirs.mean, theirs.std / PUBLISHED_EPISODES**0.5, _PAPER, "paper"),
            (0.13, ours.mean, ours.error, _OURS, f"ours, {ours.episodes:,} episodes"),
        ):
            panel.errorbar(
                mean, row + shift, xerr=2 * error, fmt="o", markersize=4, color=colour, capsize=3,
                label=name if row == 0 else None,
            )  # fmt: skip
        panel.annotate(
            f"{ours.errors_from(theirs):+.1f} s.e.", (1.01, row), xycoords=("axes fraction", "data"),
            fontsize=8, va="center", color="#444444",
        )  # fmt: skip
    panel.set_yticks(range(len(outcomes)), list(outcomes))
    panel.invert_yaxis()
    panel.set_xlabel("score of buying 25 in 600 s (bars: two standard errors)")
    panel.set_title("the published task, and how far ours differs", fontsize=10)
    panel.legend(fontsize=8)
    panel.grid(axis="x", alpha=0.3)
