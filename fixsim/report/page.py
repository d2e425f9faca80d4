"""The demo's report: one page of HTML that needs nothing beside it. The terminal has `report_table`.

Every figure on the page is a field of a RunResult or a sum of its fills; no cost is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import plotly.graph_objects as go

from fixsim.report import charts
from fixsim.report.runresult import NANOS, RunResult
from router.tca import Cost

CAUTION = (
    "One path proves nothing. These figures come from a single recording and a single seed, in a simulator: "
    "the drift of one recording is not skill, so read slippage against the interval's VWAP beside the "
    "shortfall against arrival, and draw no ranking of policies from either."
)
HIGH_PARTICIPATION = 0.20


def caution(results: Sequence[RunResult]) -> str:
    """The sentence that belongs under every table of figures from one path."""
    highest = max((result.figures.participation or 0.0 for result in results), default=0.0)
    if highest <= HIGH_PARTICIPATION:
        return CAUTION
    return (
        f"{CAUTION} At {highest:.0%} of the volume traded, the parent is also too large for a replay to say "
        "how the market would have answered."
    )


def write_report(results: Sequence[RunResult], path: Path) -> None:
    """Render the page and put it at ``path`` in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(render(results), encoding="utf-8")
    partial.replace(path)


def render(results: Sequence[RunResult]) -> str:
    """The whole page. ValueError when there is no run to report."""
    if not results:
        raise ValueError("a report needs at least one run")
    venues, policies = charts.venue_colours(results), charts.policy_colours(results)
    page = Template(files("fixsim.report").joinpath("page.html").read_text(encoding="utf-8"))
    overlay = ""
    if len(results) > 1:
        overlay = _columns(
            _panel("Progress", charts.progress_chart(results, policies)),
            _panel("Cost", charts.cost_chart(results, policies)),
        )
    return page.substitute(
        title=escape(f"{results[0].title} · {results[0].symbol}"),
        subtitle=escape(_subtitle(results)),
        verdict=_verdict(results),
        caution=escape(caution(results)),
        table=_table(results, policies),
        overlay=overlay,
        runs="".join(_run(result, venues, policies[result.policy]) for result in results),
        plotly=_plotly_script(),
    )


def _subtitle(results: Sequence[RunResult]) -> str:
    first, facts = results[0], results[0].facts
    start, end = (charts.EPOCH + timedelta(microseconds=t // 1000) for t in (facts.start_ns, facts.end_ns))
    limit = "no limit" if first.limit_nanos is None else f"limit {first.limit_nanos / NANOS:,.2f}"
    return (
        f"{start:%d %B %Y}, {start:%H:%M:%S} to {end:%H:%M:%S} UTC · {limit} · "
        f"parent {facts.parent_id} · seed {first.seed}"
    )


def _verdict(results: Sequence[RunResult]) -> str:
    """One line per thing the exit status depends on, said of all runs together."""
    orders, fills = (sum(getattr(r.agreement, name) for r in results) for name in ("orders", "fills"))
    checks = [
        ("Every parent is complete", all(r.is_complete for r in results)),
        ("No decision came from the fallback", not any(r.fallback_decisions for r in results)),
        (
            f"The venues' record and the router's journal agree on {orders:,} orders and {fills:,} fills",
            all(r.agreement.agrees for r in results),
        ),
    ]
    return "".join(
        f'<li class="{"yes" if held else "no"}"><span>{"✓" if held else "✗"}</span>'
        f"{escape(text if held else f'Does not hold: {text}')}</li>"
        for text, held in checks
    )


def _table(results: Sequence[RunResult], colours: dict[str, str]) -> str:
    currency = escape(results[0].currency)
    units = f"<th>gross bp</th><th>net bp</th><th>gross {currency}</th><th>net {currency}</th>"
    head = (
        '<tr><th rowspan="2">Policy</th><th rowspan="2">Done</th><th rowspan="2">Average price</th>'
        '<th colspan="4">Shortfall against arrival</th><th colspan="4">Slippage against interval VWAP</th>'
        f'<th rowspan="2">Fees {currency}</th><th rowspan="2">Participation</th></tr>'
        f"<tr>{units}{units}</tr>"
    )
    rows = "".join(
        f'<tr><td><i style="background:{colours[r.policy]}"></i>{escape(r.policy)}</td>'
        f"<td>{r.figures.completion:.1%}</td><td>{_plain(r.figures.average)}</td>"
        f"{_cost(r.figures.shortfall)}{_cost(r.figures.slippage)}"
        f"<td>{_signed(r.figures.fees_money)}</td><td>{_share(r.figures.participation)}</td></tr>"
        for r in results
    )
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _cost(cost: Cost | None) -> str:
    if cost is None:  # nothing filled, or nothing traded
        return "<td>–</td>" * 4
    return (
        f"<td>{_signed(cost.gross_bp)}</td><td><b>{_signed(cost.net_bp)}</b></td>"
        f"<td>{_signed(cost.gross_money)}</td><td><b>{_signed(cost.net_money)}</b></td>"
    )


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _signed(value: float) -> str:
    return f"{value:+,.2f}".replace("-", "−")


def _run(result: RunResult, venues: dict[str, str], colour: str) -> str:
    figures, unit = result.figures, result.facts.lots_per_unit
    facts = (
        f"{len(result.facts.fills):,} fills · {result.decisions:,} decisions, "
        f"{result.fallback_decisions:,} by the fallback · "
        f"arrival {result.facts.arrival_nanos / NANOS:,.3f} · "
        f"average {_plain(figures.average)} · "
        f"market volume {figures.market_lots / unit:,.2f} {result.unit} · "
        f"{result.wall_s:.1f} s of wall clock"
    )
    differences = "".join(f"<li>{escape(line)}</li>" for line in result.agreement.differences)
    return (
        f'<section><h2><i style="background:{colour}"></i>{escape(result.policy)}'
        f"<small>strategy {result.strategy}</small></h2><p class='facts'>{escape(facts)}</p>"
        + (f"<ul class='differences'>{differences}</ul>" if differences else "")
        + _panel("Price and fills", charts.price_chart(result, venues))
        + _columns(
            _panel("Schedule and done", charts.schedule_chart(result, colour)),
            _panel("Fills by venue", charts.venue_chart(result, venues)),
        )
        + f"<p class='hash'>journal {escape(result.journal_sha256)}</p></section>"
    )


def _panel(title: str, figure: go.Figure) -> str:
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def _columns(*panels: str) -> str:
    return f'<div class="columns">{"".join(panels)}</div>'


def _plotly_script() -> str:
    """plotly's own JavaScript, inside the page: the report opens without a network."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return f"<script>{script}</script>"
