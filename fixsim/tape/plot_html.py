"""The picture of plot.py, to move and zoom in a browser: one HTML file that needs nothing beside it."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.plot import (
    DEPTHS,
    GAP,
    GROUND,
    INK,
    MUTED,
    RULE,
    SIDES,
    depth_ticks,
    log_depth,
    moment,
    price_unit,
    subtitle,
    title,
    traded,
)
from fixsim.tape.raster import Raster
from fixsim.tape.units import NANOS

_PAGE: Final = Template(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>$title</title>'
    "<style>html, body, body > div { height: 100%; margin: 0 }</style></head><body>$chart</body></html>\n"
)


def write_html(raster: Raster, path: Path) -> None:
    """One page that needs nothing beside it; below 10 MB, about half of which is plotly."""
    import plotly.graph_objects as go
    from matplotlib.ticker import MaxNLocator
    from plotly.subplots import make_subplots

    units, start, end = raster.units, moment(raster.edges_ns[0]), moment(raster.edges_ns[-1])
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.84, 0.16], vertical_spacing=0.035
    )
    logs, least, most = log_depth(raster)
    step_ms = (raster.edges_ns[-1] - raster.edges_ns[0]) / len(raster.mid) / 1_000_000
    ticks = depth_ticks(least, most)
    figure.add_trace(
        go.Heatmap(
            z=logs.astype(np.float32),
            customdata=(raster.depth / units.lots_per_unit).astype(np.float32),
            x0=start,
            dx=float(step_ms),
            y0=(raster.low_nanos + raster.bin_nanos / 2) / NANOS,
            dy=raster.bin_nanos / NANOS,
            zmin=least,
            zmax=most,
            colorscale=[[i / (len(DEPTHS) - 1), colour] for i, colour in enumerate(DEPTHS)],
            colorbar={
                "title": {"text": f"Resting quantity in a cell ({units.base}, log scale)", "side": "right"},
                "tickvals": [at for at, _ in ticks],
                "ticktext": [text for _, text in ticks],
                "thickness": 14,
                "outlinewidth": 0,
                "y": 0.59,
                "len": 0.84,
            },
            hoverongaps=False,
            hovertemplate=f"%{{x|%H:%M:%S.%L}}<br>%{{customdata:.6g}} {units.base}"
            " at %{y:,.2f}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    ends = _iso(raster.edges_ns[1:])
    for width, colour, shown in ((3.4, GROUND, False), (1.2, INK, True)):  # a light rim below the line
        figure.add_scatter(
            x=ends,
            y=raster.mid / NANOS,
            mode="lines",
            name="midpoint",
            line={"color": colour, "width": width, "shape": "hvh"},
            legendgroup="midpoint",
            showlegend=shown,
            hoverinfo="skip",
            row=1,
            col=1,
        )
    largest = float(raster.marks["lots"].max()) if len(raster.marks) else 1.0
    starts, volume = traded(raster)
    for sign, colour, shape, who in SIDES:
        marks = raster.marks[raster.marks["sign"] == sign]
        figure.add_scatter(
            x=_iso(marks["time_ns"]),
            y=marks["price"] / NANOS,
            customdata=marks["lots"] / units.lots_per_unit,
            mode="markers",
            name=f"trades, {who} the aggressor",
            marker={
                "symbol": {"^": "triangle-up", "v": "triangle-down"}[shape],
                "size": 4 + 14 * np.sqrt(marks["lots"] / largest),
                "color": colour,
                "line": {"color": GROUND, "width": 0.7},
                "opacity": 1,
            },
            hovertemplate=f"%{{x|%H:%M:%S.%L}}<br>%{{customdata:.6g}} {units.base}, {who} the aggressor,"
            " mean price %{y:,.4f}<extra></extra>",
            row=1,
            col=1,
        )
        figure.add_bar(
            x=_iso(starts),
            y=volume[0 if sign > 0 else 1],
            customdata=abs(volume[0 if sign > 0 else 1]),
            offset=0,
            width=(raster.edges_ns[-1] - raster.edges_ns[0]) / len(starts) / 1_000_000,
            name=f"traded, {who} the aggressor",
            marker={"color": colour, "line": {"width": 0}},
            showlegend=False,
            hovertemplate=f"from %{{x|%H:%M:%S.%L}}<br>%{{customdata:.6g}} {units.base},"
            f" {who} the aggressor<extra></extra>",
            row=2,
            col=1,
        )
    for when in _iso(raster.gaps_ns[:200]):
        figure.add_vline(x=when, line={"color": GAP, "width": 1, "dash": "dot"}, row=1, col=1)
    quiet = {"showgrid": False, "zeroline": False, "linecolor": RULE, "tickcolor": RULE}
    figure.update_xaxes(range=[start, end], **quiet)
    figure.update_xaxes(title_text="Time (UTC)", row=2, col=1)
    figure.update_yaxes(title_text=f"Price ({price_unit(raster)})", tickformat=",.2f", row=1, col=1, **quiet)
    places = MaxNLocator(4).tick_values(float(volume[1].min()), float(volume[0].max()))
    figure.update_yaxes(
        title_text=f"Traded<br>({units.base})",
        tickvals=places,
        ticktext=[f"{abs(place):,g}" for place in places],
        row=2,
        col=1,
        **quiet,
    )
    figure.update_layout(
        title={
            "text": f"<b>{title(raster)}</b><br><span style='font-size:12px;color:{MUTED}'>"
            f"{subtitle(raster)}{_gaps(raster)}</span>",
            "x": 0.01,
            "xanchor": "left",
        },
        font={"family": "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif", "color": INK, "size": 13},
        paper_bgcolor=GROUND,
        plot_bgcolor=GROUND,
        barmode="relative",
        bargap=0,
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 1.005, "yanchor": "bottom"},
        margin={"l": 80, "r": 20, "t": 110, "b": 50},
    )
    chart = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        config={"displaylogo": False, "responsive": True, "scrollZoom": True},
        default_height="100%",
    )
    path.write_text(_PAGE.substitute(title=escape(title(raster)), chart=chart), encoding="utf-8")


def _gaps(raster: Raster) -> str:
    n = len(raster.gaps_ns)
    return f"; dotted: {n} gap{'s' if n > 1 else ''} in the source" if n else ""


def _iso(ns: NDArray[np.int64]) -> list[datetime]:
    return [moment(when) for when in ns]
