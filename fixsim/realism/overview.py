"""The study as one picture: how far each statistic is from passing, and what the main ones look like."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from PIL import Image

from fixsim.realism import impact, response
from fixsim.realism.charts import COLOURS, edges_for_drawing
from fixsim.realism.study import MARKETS, Study
from fixsim.realism.verdict import Verdict
from fixsim.report.charts import INK, MUTED, RULE

_VERDICTS = {Verdict.PASS: "#1f7a4d", Verdict.FAIL: "#b3261e", Verdict.OPEN: "#6b7785"}
_LEAST, _MOST = 0.1, 100.0
_DRAWN = ("Spread", "Time between events", "Touch volume, bids", "Depth of limit orders")
_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.edgecolor": "#c9cfd6",
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
}


def write_overview(study: Study, title: str, path: Path) -> None:
    """A PNG of 1,500 by 1,150 pixels."""
    with mpl.rc_context(_RC):
        canvas = Canvas(figsize=(15, 11.5), dpi=100, facecolor="white")
        panels: Any = canvas.subfigures(1, 2, width_ratios=(1, 1.25))
        left, right = panels
        _ratios(left, study)
        axes = right.subplots(4, 2)
        right.subplots_adjust(left=0.08, right=0.98, top=0.93, bottom=0.05, hspace=0.48, wspace=0.22)
        for axis, draw in zip(axes.flat, _pictures(study), strict=True):
            draw(axis)
        near, said = study.nearer
        canvas.suptitle(
            f"{title}: {study.count(Verdict.FAIL)} fail, {study.count(Verdict.PASS)} pass,"
            f" {study.count(Verdict.OPEN)} open; nearer than the baseline in {near} of {said}",
            x=0.015,
            ha="left",
            fontsize=13,
            fontweight="bold",
        )
        drawn = io.BytesIO()
        canvas.savefig(drawn, format="png")
    partial = path.with_suffix(".partial")
    # A palette: a third of the size, and nothing that an eye misses.
    Image.open(drawn).convert("RGB").quantize(128).save(partial, format="png", optimize=True)
    partial.replace(path)


def _ratios(panel: Any, study: Study) -> None:
    axis = panel.subplots()
    panel.subplots_adjust(left=0.43, right=0.97, top=0.9, bottom=0.05)
    count = len(study.rows)
    axis.axvspan(_LEAST / 2, 1, color="#e9f4ee", zorder=0)
    axis.axvline(1, color=INK, linewidth=1)
    for k, row in enumerate(study.rows):
        for ratio, colour, filled in (
            (row.baseline_ratio, COLOURS["baseline"], False),
            (row.ratio, COLOURS["generated"], True),
        ):
            if np.isfinite(ratio):
                axis.plot(
                    np.clip(ratio, _LEAST, _MOST),
                    k,
                    "o",
                    markersize=6.5,
                    markeredgecolor=colour,
                    markerfacecolor=colour if filled else "white",
                    markeredgewidth=1.4,
                )
        mark = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.OPEN: "open"}[row.verdict]
        axis.text(_MOST * 1.15, k, mark, va="center", ha="right", fontsize=8, color=_VERDICTS[row.verdict])
    axis.set_yticks(range(count), [row.name for row in study.rows], color=INK)
    axis.set(xscale="log", xlim=(_LEAST * 0.9, _MOST * 1.2), ylim=(count - 0.4, -0.6))
    axis.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axis.set_xlabel("Distance from the tape ÷ distance allowed (left of the line passes)")
    axis.grid(axis="y", color=RULE, linewidth=0.8, zorder=0)
    axis.tick_params(length=0)
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            color=COLOURS["generated"],
            label=study.markets["generated"].name,
        ),
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            markerfacecolor="white",
            color=COLOURS["baseline"],
            label=study.markets["baseline"].name,
        ),
    ]
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False)


def _pictures(study: Study) -> list[Callable[[Any], None]]:
    return [
        *(_histogram(study, name) for name in _DRAWN),
        _response(study, "MO₁"),
        _impact(study),
        _shape(study, "volatility", "Volatility clustering", "Lag (s)", "Autocorrelation of |returns|"),
        _shape(study, "tail", "Heavy tails", "|return| (deviations)", "Share beyond"),
    ]


def _histogram(study: Study, name: str) -> Callable[[Any], None]:
    def draw(axis: Any) -> None:
        what, drawn = study.distributions[name]
        edges = edges_for_drawing(drawn.bins, log=what.log)
        for market in reversed(MARKETS):
            shares = drawn.shares[market]
            if shares is not None:
                axis.stairs(shares, edges, color=COLOURS[market], linewidth=1.3)
                if market == "tape":
                    axis.stairs(shares, edges, fill=True, color=COLOURS[market], alpha=0.10)
                    axis.set_ylim(0, 2.2 * float(shares.max()))
        axis.set(title=name, xlabel=what.unit, ylabel="Share")
        if what.log:
            axis.set_xscale("log")
        else:
            tape = drawn.shares["tape"]
            if tape is not None:
                below = np.cumsum(tape)
                ends = (int(np.searchsorted(below, share)) for share in (0.005, 0.99))
                axis.set_xlim(*(edges[end] for end in ends))

    return draw


def _response(study: Study, kind: str) -> Callable[[Any], None]:
    def draw(axis: Any) -> None:
        for market, curve in study.responses.get(kind, {}).items():
            axis.plot(study.plan.lags, curve.values, color=COLOURS[market], linewidth=1.5)
            axis.fill_between(
                study.plan.lags, curve.low, curve.high, color=COLOURS[market], alpha=0.12, linewidth=0
            )
        axis.set(
            title=f"{response.FAMILY} to {kind}",
            xlabel="Events at the touch since",
            ylabel="Ticks",
            xscale="log",
        )

    return draw


def _impact(study: Study) -> Callable[[Any], None]:
    def draw(axis: Any) -> None:
        for market in MARKETS:
            found, law = study.impact[market]
            if not len(found.share):
                continue
            axis.errorbar(
                found.share,
                found.impact,
                found.error,
                fmt="o",
                markersize=4,
                color=COLOURS[market],
                linewidth=1,
            )
            if np.isfinite(law.exponent):
                x = np.geomspace(max(found.share[0], 1e-3), found.share[-1], 40)
                axis.plot(x, law.factor * x**law.exponent, color=COLOURS[market], linewidth=1)
        axis.set(title=f"{impact.FAMILY} (aggregate proxy)", xlabel="|Q| / V", ylabel="σ", xscale="log")

    return draw


def _shape(study: Study, key: str, title: str, x: str, y: str) -> Callable[[Any], None]:
    def draw(axis: Any) -> None:
        for market in MARKETS:
            line = study.shapes[key][market]
            axis.plot(line.x, line.y, color=COLOURS[market], linewidth=1.3)
        axis.set(title=title, xlabel=x, ylabel=y)
        if key == "tail":
            axis.set(xscale="log", yscale="log")
        else:
            axis.axhline(0, color="#c9cfd6", linewidth=1)

    return draw
