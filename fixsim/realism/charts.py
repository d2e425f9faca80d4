"""The realism report's charts: plotly figures of a Study. No files, no pages, no statistics.

One colour per market everywhere: ink for the tape, teal for the generated market, orange for the baseline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fixsim.realism.distance import Bins, Floats
from fixsim.realism.distribution import Distribution, Histograms
from fixsim.realism.metaorder import Paths
from fixsim.realism.response import Curve
from fixsim.realism.shapes import Line
from fixsim.realism.study import MARKETS, Study
from fixsim.report.charts import FONT, INK, MUTED, RULE

COLOURS = {"tape": INK, "generated": "#0b7a75", "baseline": "#d9730d"}
WASH = {
    "tape": "rgba(29,39,51,0.10)",
    "generated": "rgba(11,122,117,0.14)",
    "baseline": "rgba(217,115,13,0.14)",
}
SIZES = ("#9fd3cf", "#6bb8b3", "#3a9c96", "#0b7a75", "#075350", "#04302e")
"""Metaorders, small to large."""
_DASH = {"tape": "solid", "generated": "solid", "baseline": "dot"}
_AXIS_LINE = "#c9cfd6"
_BULK = 0.985
_PEAK = 2.2
"""Times the tape's highest bin that a histogram shows."""
_DECADES = [k * 10.0**power for power in range(-4, 5) for k in (1, 2, 5)]


def edges_for_drawing(bins: Bins, *, log: bool) -> Floats:
    """Edges with the open bins closed at one width beyond; powers of ten of logarithms."""
    edges = bins.edges
    width = edges[1] - edges[0] if len(edges) > 1 else 1.0
    closed = np.concatenate(([edges[0] - width], edges, [edges[-1] + width]))
    return np.asarray(10**closed if log else closed, np.float64)


def histogram(what: Distribution, drawn: Histograms, names: dict[str, str]) -> go.Figure:
    """Shares by bin, as steps; the first and the last bin hold all that lies beyond."""
    figure = _figure()
    edges = edges_for_drawing(drawn.bins, log=what.log)
    for market in MARKETS:
        shares = drawn.shares[market]
        if shares is not None:
            figure.add_scatter(
                x=_short(edges),
                y=_short(np.append(shares, shares[-1])),
                mode="lines",
                name=names[market],
                line={"color": COLOURS[market], "width": 1.6, "shape": "hv", "dash": _DASH[market]},
                fill="tozeroy" if market == "tape" else None,
                fillcolor=WASH["tape"] if market == "tape" else None,
                hovertemplate="%{x:.4~g}: %{y:.2%}<extra>" + names[market] + "</extra>",
            )
    unit = f" ({what.unit})" if what.unit else ""
    figure.update_yaxes(title_text="Share of observations (%)", tickformat="~%", rangemode="tozero")
    figure.update_xaxes(title_text=what.name + unit)
    tape = drawn.shares["tape"]
    if tape is not None and cut_peaks(drawn):
        figure.update_yaxes(range=[0, _PEAK * float(tape.max())])
    if what.log:
        figure.update_xaxes(type="log", dtick=1, exponentformat="power")
    else:
        figure.update_xaxes(range=_most_of(edges, drawn))
    return figure


def cut_peaks(drawn: Histograms) -> dict[str, float]:
    """Markets that have a bin higher than the picture shows, and its share: the tape stays readable."""
    tape = drawn.shares["tape"]
    top = np.inf if tape is None else _PEAK * float(tape.max())
    peaks = {market: float(shares.max()) for market, shares in drawn.shares.items() if shares is not None}
    return {market: peak for market, peak in peaks.items() if peak > top}


def _most_of(edges: Floats, drawn: Histograms) -> list[float]:
    """Where the bulk of the tape and of the generated market lies: long tails would squeeze it."""
    low, high = [], []
    for market in ("tape", "generated"):
        shares = drawn.shares[market]
        if shares is not None:
            below = np.cumsum(shares)
            low.append(edges[int(np.searchsorted(below, (1 - _BULK) / 2))])
            high.append(edges[int(np.searchsorted(below, (1 + _BULK) / 2)) + 1])
    if not low:
        return [float(edges[0]), float(edges[-1])]
    room = 0.02 * (max(high) - min(low))
    return [float(min(low) - room), float(max(high) + room)]


def path(study: Study) -> go.Figure:
    """The mid of the three markets from their start."""
    figure = _figure(300)
    for market in MARKETS:
        line = study.markets[market].mid
        start = line.y[np.isfinite(line.y)][0]
        _lines(figure, market, study, Line(line.x / 60, line.y - start), step=True)
    figure.update_xaxes(title_text="Time from the start (min)")
    figure.update_yaxes(title_text="Mid, change from the start (ticks)")
    return figure


def response(curves: dict[str, Curve], lags: tuple[int, ...], study: Study) -> go.Figure:
    """The mid's response by lag, with its 95 % band."""
    figure = _figure()
    for market in MARKETS:
        if market not in curves:
            continue
        curve, x = curves[market], np.array(lags, np.float64)
        _band(figure, x, curve.low, curve.high, WASH[market])
        _lines(figure, market, study, Line(x, curve.values))
    figure.add_hline(y=0, line={"color": _AXIS_LINE, "width": 1})
    figure.update_xaxes(type="log", title_text="Events at the touch since", tickvals=_DECADES)
    figure.update_yaxes(title_text="Response of the mid (ticks)")
    return figure


def impact(study: Study) -> go.Figure:
    """Returns against net traded volume: means of buckets with their standard errors, and the fits."""
    figure = _figure()
    for market in MARKETS:
        buckets, law = study.impact[market]
        if not len(buckets.share):
            continue
        figure.add_scatter(
            x=_short(buckets.share),
            y=_short(buckets.impact),
            error_y={"array": _short(buckets.error), "thickness": 1, "width": 0, "color": COLOURS[market]},
            mode="markers",
            name=study.markets[market].name,
            marker={"color": COLOURS[market], "size": 7},
            hovertemplate="%{x:.3g} of V: %{y:.3f} σ<extra></extra>",
        )
        if np.isfinite(law.exponent):
            x = np.geomspace(max(buckets.share[0], 1e-3), buckets.share[-1], 40)
            figure.add_scatter(
                x=_short(x),
                y=_short(law.factor * x**law.exponent),
                mode="lines",
                line={"color": COLOURS[market], "width": 1.4, "dash": _DASH[market]},
                showlegend=False,
                hoverinfo="skip",
            )
    figure.update_xaxes(
        title_text="Net volume |Q| / mean volume V of a window", type="log", tickvals=_DECADES
    )
    figure.update_yaxes(title_text="Signed return (σ)", rangemode="tozero")
    return figure


def metaorder_paths(paths: Paths) -> go.Figure:
    """Mean impact over time, one line for each size of metaorder."""
    figure = _figure()
    top = len(SIZES) - len(paths.shares)
    for k, share in enumerate(paths.shares):
        figure.add_scatter(
            x=_short(paths.times),
            y=_short(paths.impact[k].mean(axis=0)),
            mode="lines",
            name=f"Q = {share:.0%} of V",
            line={"color": SIZES[max(top, 0) + k], "width": 1.8},
            hovertemplate="%{x:.2f} T: %{y:.2f} ticks<extra></extra>",
        )
    figure.add_vline(x=1, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.add_hline(y=0, line={"color": _AXIS_LINE, "width": 1})
    figure.update_xaxes(title_text="Time since the metaorder's start (its duration T; it ends at 1)")
    figure.update_yaxes(title_text="Impact on the mid (ticks)")
    return figure


def metaorder_law(study: Study) -> go.Figure:
    """Peak impact by size, with standard errors, the fits, and a square root through the generated one's."""
    figure = _figure()
    for market, paths in study.metaorders.items():
        peak = paths.peak / paths.sigma
        figure.add_scatter(
            x=_short(paths.shares),
            y=_short(peak.mean(axis=1)),
            error_y={
                "array": _short(peak.std(axis=1, ddof=1) / np.sqrt(peak.shape[1])),
                "thickness": 1.2,
                "width": 0,
                "color": COLOURS[market],
            },
            mode="markers",
            name=study.markets[market].name,
            marker={"color": COLOURS[market], "size": 8},
            hovertemplate="%{x:.1%} of V: %{y:.3f} σ<extra></extra>",
        )
        exponent, factor = (fitted.value for fitted in study.metaorder_laws[market][:2])
        if not np.isfinite(exponent):
            continue
        x = np.geomspace(paths.shares[0] / 1.2, paths.shares[-1] * 1.2, 40)
        _law_line(figure, x, factor, exponent, f"exponent {exponent:.2f}", COLOURS[market], _DASH[market])
        if market == "generated":
            largest = float(paths.shares[-1])
            _law_line(figure, x, factor * largest ** (exponent - 0.5), 0.5, "square root", MUTED, "dash")
    figure.update_xaxes(title_text="Metaorder's size Q / V", tickformat="~%")
    figure.update_yaxes(title_text="Peak impact (σ)", rangemode="tozero")
    return figure


def _law_line(
    figure: go.Figure, x: Floats, factor: float, power: float, name: str, colour: str, dash: str
) -> None:
    figure.add_scatter(
        x=_short(x),
        y=_short(factor * x**power),
        mode="lines",
        name=name,
        line={"color": colour, "width": 1.4, "dash": dash},
        hoverinfo="skip",
    )


def shape(study: Study, key: str) -> go.Figure:
    """One of the stylised facts' pictures."""
    figure = _figure()
    for market in MARKETS:
        line = study.shapes[key][market]
        if len(line.x):
            _lines(figure, market, study, line, markers=key in ("signature", "signs"))
    x, y, log_x, log_y = {
        "returns": ("Lag (s)", "Autocorrelation of returns", False, False),
        "volatility": ("Lag (s)", "Autocorrelation of |returns|", False, False),
        "tail": ("|return| (deviations)", "Share of returns beyond", True, True),
        "signature": ("Time (s)", "Variance of the mid's change a second (ticks²/s)", True, False),
        "signs": ("Lag (market orders)", "Autocorrelation of signs", True, False),
    }[key]
    figure.update_xaxes(title_text=x, type="log" if log_x else "linear")
    if log_x:
        figure.update_xaxes(tickvals=_DECADES)
    figure.update_yaxes(title_text=y, type="log" if log_y else "linear")
    if log_y:
        figure.update_yaxes(dtick=1, exponentformat="power")
    if key == "signature":
        figure.update_yaxes(rangemode="tozero")
    if key in ("returns", "volatility", "signs"):
        figure.add_hline(y=0, line={"color": _AXIS_LINE, "width": 1})
    if key == "tail":
        normal = np.geomspace(0.2, 4.5, 50)
        figure.add_scatter(
            x=_short(normal),
            y=_short(_normal_tail(normal)),
            mode="lines",
            name="normal",
            line={"color": MUTED, "width": 1, "dash": "dash"},
            hoverinfo="skip",
        )
    return figure


def _normal_tail(x: Floats) -> Floats:
    from scipy.special import erfc

    return np.asarray(erfc(x / np.sqrt(2)), np.float64)


def _lines(
    figure: go.Figure, market: str, study: Study, line: Line, *, step: bool = False, markers: bool = False
) -> None:
    figure.add_scatter(
        x=_short(line.x),
        y=_short(line.y),
        mode="lines+markers" if markers else "lines",
        name=study.markets[market].name,
        line={
            "color": COLOURS[market],
            "width": 1.7,
            "dash": _DASH[market],
            "shape": "hv" if step else "linear",
        },
        marker={"size": 5},
        hovertemplate="%{x:.4~g}: %{y:.4~g}<extra>" + study.markets[market].name + "</extra>",
    )


def _band(figure: go.Figure, x: Floats, low: Floats, high: Floats, colour: str) -> None:
    figure.add_scatter(
        x=_short(np.concatenate((x, x[::-1]))),
        y=_short(np.concatenate((high, low[::-1]))),
        fill="toself",
        fillcolor=colour,
        line={"width": 0},
        mode="lines",
        showlegend=False,
        hoverinfo="skip",
    )


def _short(values: Floats) -> list[float | None]:
    """Five digits: enough for a picture, and a third of the page."""
    return [float(f"{v:.5g}") if np.isfinite(v) else None for v in values]


def _figure(height: int = 290) -> go.Figure:
    figure = go.Figure()
    axis: dict[str, Any] = {
        "gridcolor": RULE,
        "zeroline": False,
        "linecolor": _AXIS_LINE,
        "tickfont": {"size": 11.5, "color": MUTED},
        "title": {"font": {"size": 12, "color": MUTED}, "standoff": 10},
        "automargin": True,
    }
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 10, "t": 30, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12.5, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11.5}},
        hoverlabel={"font": {"family": FONT, "size": 12}, "bgcolor": "#ffffff", "bordercolor": _AXIS_LINE},
        hovermode="closest",
        xaxis={**axis, "showline": True, "showgrid": False, "ticks": "outside", "tickcolor": _AXIS_LINE},
        yaxis=axis,
    )
    return figure
