"""The report's charts: plotly figures of what one or several runs did. No files, no pages.

Light ground, thin grid, one colour per venue and one per policy everywhere, units in every axis title.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go

from fixsim.report.runresult import NANOS, RunResult, venues_of
from router.shortfall import Fill, within
from router.tca import ADDED, REMOVED

INK = "#1d2733"
MUTED = "#6b7785"
RULE = "#e6e9ed"
FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
MARKET = "#9aa5b1"
TARGET = "#b0b8c1"

# Distinguishable to the colour-blind, and none of them means good or bad.
VENUE_COLOURS = ("#7a4fa3", "#1f77a4", "#e08214", "#3a8f5c", "#b8405e", "#5b6b2f", "#8c6d31", "#4a5568")
POLICY_COLOURS = ("#0b6e6e", "#c2571a", "#5a4fcf", "#8a8f98", "#a3336b")

SMALLEST_MARK, LARGEST_MARK = 6.0, 26.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def venue_colours(results: Sequence[RunResult]) -> dict[str, str]:
    """The colour of each venue, the same in every chart of one report."""
    return {v: VENUE_COLOURS[i % len(VENUE_COLOURS)] for i, v in enumerate(venues_of(results))}


def policy_colours(results: Sequence[RunResult]) -> dict[str, str]:
    return {r.policy: POLICY_COLOURS[i % len(POLICY_COLOURS)] for i, r in enumerate(results)}


def price_chart(result: RunResult, colours: dict[str, str]) -> go.Figure:
    """The consolidated midpoint, the market's trades and our fills by venue; area of a mark is its size."""
    facts = result.facts
    figure = _figure(height=400)
    trades = within(facts.trades, facts.start_ns, facts.end_ns)
    figure.add_scatter(
        x=_times(t.time_ns for t in trades),
        y=[t.price_nanos / NANOS for t in trades],
        mode="markers",
        name="market trades",
        marker={"size": 3.5, "color": "#c8cfd6"},
        hovertemplate="%{x|%H:%M:%S.%L}<br>trade at %{y:,.2f}<extra></extra>",
    )
    figure.add_scatter(
        x=_times(m.time_ns for m in result.mids),
        y=[m.mid_nanos / NANOS for m in result.mids],
        mode="lines",
        name="midpoint",
        line={"color": MARKET, "width": 1.3, "shape": "hv"},
        hovertemplate="%{x|%H:%M:%S.%L}<br>mid %{y:,.3f}<extra></extra>",
    )
    largest = max((fill.lots for fill in facts.fills), default=1)
    for venue, colour in colours.items():
        for liquidity, described in ((REMOVED, "took"), (ADDED, "rested")):
            fills = [f for f in facts.fills if f.venue == venue and f.liquidity == liquidity]
            if fills:
                name = f"{venue} {described}"
                figure.add_scatter(**_fill_marks(fills, name, colour, largest, facts.lots_per_unit))
    _level(figure, facts.arrival_nanos / NANOS, "arrival", INK, "dash")
    if result.figures.vwap is not None:
        _level(figure, result.figures.vwap, "interval VWAP", MUTED, "dot")
    figure.update_yaxes(title_text=f"Price ({result.currency} per {result.unit})", tickformat=",.2f")
    return _over_time(figure, result)


def schedule_chart(result: RunResult, colour: str) -> go.Figure:
    """How much the schedule wanted done, and how much was."""
    unit = result.facts.lots_per_unit
    figure = _figure(height=320)
    figure.add_scatter(
        x=_times(p.time_ns for p in result.facts.schedule),
        y=[p.lots / unit for p in result.facts.schedule],
        mode="lines",
        name="schedule",
        line={"color": TARGET, "width": 5},
        hovertemplate="%{x|%H:%M:%S}<br>schedule %{y:.3f}<extra></extra>",
    )
    times, done = _done(result)
    figure.add_scatter(
        x=times,
        y=done,
        mode="lines",
        name="done",
        line={"color": colour, "width": 2, "shape": "hv"},
        hovertemplate="%{x|%H:%M:%S.%L}<br>done %{y:.3f}<extra></extra>",
    )
    figure.update_yaxes(title_text=f"Quantity ({result.unit})", rangemode="tozero")
    return _over_time(figure, result)


def venue_chart(result: RunResult, colours: dict[str, str]) -> go.Figure:
    """What each venue filled: full colour took liquidity, light colour rested."""
    unit = result.facts.lots_per_unit
    figure = _figure(height=320)
    venues = list(reversed(colours))
    by_venue = {venue: {REMOVED: 0, ADDED: 0} for venue in venues}
    for done in result.figures.venues:
        by_venue[done.venue] = {REMOVED: done.removed_lots, ADDED: done.added_lots}
    for liquidity, described, opacity in ((REMOVED, "took", 1.0), (ADDED, "rested", 0.4)):
        lots = [by_venue[venue][liquidity] for venue in venues]
        figure.add_bar(
            y=venues,
            x=[value / unit for value in lots],
            orientation="h",
            name=described,
            width=0.5,
            marker={"color": [colours[v] for v in venues], "opacity": opacity, "line": {"width": 0}},
            hovertemplate="%{y}: " + described + " %{x:.4f}<extra></extra>",
            showlegend=False,
        )
    total = max(result.figures.filled_lots, 1)
    for venue in venues:
        lots_here = sum(by_venue[venue].values())
        figure.add_annotation(
            x=lots_here / unit,
            y=venue,
            text=f"{lots_here / unit:.3f}  <span style='color:{MUTED}'>{lots_here / total:.0%}</span>",
            showarrow=False,
            xanchor="left",
            xshift=8,
        )
    widest = max((sum(lots.values()) for lots in by_venue.values()), default=1) / unit
    figure.update_layout(barmode="stack")
    figure.update_xaxes(
        title_text=f"Filled quantity ({result.unit}; the pale part rested)",
        range=[0, widest * 1.25 or 1],
    )
    figure.update_yaxes(showgrid=False, ticks="", showline=False)
    return figure


def progress_chart(results: Sequence[RunResult], colours: dict[str, str]) -> go.Figure:
    """The share done over time, one line a policy."""
    figure = _figure(height=340)
    for result in results:
        times, done = _done(result)
        whole = result.facts.qty_lots / result.facts.lots_per_unit
        figure.add_scatter(
            x=times,
            y=[value / whole for value in done],
            mode="lines",
            name=result.policy,
            line={"color": colours[result.policy], "width": 2, "shape": "hv"},
            hovertemplate=result.policy + "<br>%{x|%H:%M:%S}  %{y:.1%}<extra></extra>",
        )
    figure.update_yaxes(title_text="Share of the parent done (%)", tickformat=".0%", range=[0, 1.04])
    return _over_time(figure, results[0])


def cost_chart(results: Sequence[RunResult], colours: dict[str, str]) -> go.Figure:
    """Each policy's cost against both benchmarks: a filled mark is net of fees, a ring gross."""
    figure = _figure(height=340)
    rows = [
        (f"{result.policy}<br><span style='color:{MUTED}'>{against}</span>", cost, colours[result.policy])
        for result in results
        for against, cost in (
            ("against arrival", result.figures.shortfall),
            ("against VWAP", result.figures.slippage),
        )
        if cost is not None
    ]
    for label, cost, colour in rows:
        figure.add_scatter(
            x=[cost.gross_bp, cost.net_bp],
            y=[label, label],
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={
                "size": 11,
                "symbol": "circle",
                "color": ["#ffffff", colour],
                "line": {"color": colour, "width": 2},
            },
            customdata=["gross", "net of fees"],
            hovertemplate="%{customdata}: %{x:+.2f} bp<extra></extra>",
            showlegend=False,
        )
    title = "Cost (basis points; ring gross, disc net of fees)"
    figure.update_xaxes(title_text=title, tickformat="+.1f")
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.update_yaxes(autorange="reversed", showgrid=True, showline=False, ticks="")
    return figure


def _figure(height: int) -> go.Figure:
    figure = go.Figure()
    axis: dict[str, Any] = {
        "gridcolor": RULE,
        "zeroline": False,
        "linecolor": "#c9cfd6",
        "tickfont": {"size": 12, "color": MUTED},
        "title": {"font": {"size": 12, "color": MUTED}, "standoff": 12},
        "automargin": True,
    }
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        hoverlabel={"font": {"family": FONT, "size": 12}, "bgcolor": "#ffffff", "bordercolor": "#c9cfd6"},
        hovermode="closest",
        xaxis={**axis, "showline": True, "showgrid": False, "ticks": "outside", "tickcolor": "#c9cfd6"},
        yaxis=axis,
    )
    return figure


def _over_time(figure: go.Figure, result: RunResult) -> go.Figure:
    facts = result.facts
    edge = (facts.end_ns - facts.start_ns) // 80
    ends = _times((facts.start_ns - edge, result.last_ns + edge))
    figure.update_xaxes(title_text="Market time (UTC)", range=ends, tickformat="%H:%M:%S", nticks=8)
    return figure


def _times(times_ns: Any) -> list[datetime]:
    """UTC wall times for the axis; microseconds are enough for a picture."""
    return [EPOCH + timedelta(microseconds=time_ns // 1000) for time_ns in times_ns]


def _done(result: RunResult) -> tuple[list[datetime], list[float]]:
    """Steps of the quantity done, from the start to the end of the parent."""
    unit, total = result.facts.lots_per_unit, 0
    times, done = [result.facts.start_ns], [0.0]
    for fill in sorted(result.facts.fills, key=lambda f: f.time_ns):
        total += fill.lots
        times.append(fill.time_ns)
        done.append(total / unit)
    times.append(result.last_ns)
    done.append(total / unit)
    return _times(times), done


def _fill_marks(
    fills: Sequence[Fill], name: str, colour: str, largest: int, lots_per_unit: int
) -> dict[str, Any]:
    hollow = fills[0].liquidity == ADDED
    sizes = [max(SMALLEST_MARK, LARGEST_MARK * (fill.lots / largest) ** 0.5) for fill in fills]
    return {
        "x": _times(f.time_ns for f in fills),
        "y": [f.price_nanos / NANOS for f in fills],
        "mode": "markers",
        "name": name,
        "marker": {
            "size": sizes,
            "color": "rgba(255,255,255,0.75)" if hollow else colour,
            "opacity": 1.0 if hollow else 0.78,
            "line": {"color": colour if hollow else "#ffffff", "width": 1.8 if hollow else 0.8},
        },
        "customdata": [f.lots / lots_per_unit for f in fills],
        "hovertemplate": name + "<br>%{x|%H:%M:%S.%L}<br>%{customdata:.4f} at %{y:,.2f}<extra></extra>",
    }


def _level(figure: go.Figure, price: float, name: str, colour: str, dash: str) -> None:
    figure.add_hline(y=price, line={"color": colour, "width": 1.2, "dash": dash})
    figure.add_annotation(
        x=1,
        xref="paper",
        y=price,
        text=f"{name} {price:,.2f}",
        showarrow=False,
        xanchor="right",
        yanchor="bottom",
        font={"size": 11, "color": colour},
        bgcolor="rgba(255,255,255,0.8)",
    )
