"""The realism report: one page of HTML that needs nothing beside it. It computes no statistic."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template

import plotly.graph_objects as go

from fixsim.realism import charts, facts, impact, response
from fixsim.realism.board import chip, figure_text, scores
from fixsim.realism.distribution import Histograms
from fixsim.realism.study import MARKETS, Market, Study
from fixsim.realism.texts import CAUTION, LEADS, METHOD, SHAPES
from fixsim.realism.verdict import Row, Verdict


def render(study: Study, title: str, command: str) -> str:
    """The whole page. `command` is what made it, for its foot."""
    page = Template(files("fixsim.realism").joinpath("page.html").read_text(encoding="utf-8"))
    failing = [row for row in study.rows if row.verdict is Verdict.FAIL]
    names = {key: escape(study.markets[key].name) for key in MARKETS}
    return page.substitute(
        title=escape(title),
        subtitle=escape(_subtitle(study)),
        counts=_counts(study),
        failing_lead=f"{len(failing)} of {len(study.rows)} statistics fail, by rules that are the same for"
        " every market (at the foot of the page)."
        if failing
        else "No statistic fails.",
        failing="".join(_failing(row) for row in failing),
        markets_lead=escape(CAUTION),
        markets=_markets(study),
        path=_panel("Mid", "", charts.path(study)),
        scores=scores(study),
        families="".join(_family(study, family) for family in LEADS),
        method=_method(study, command),
        plotly=_plotly_script(),
        tape_colour=charts.COLOURS["tape"],
        generated_colour=charts.COLOURS["generated"],
        baseline_colour=charts.COLOURS["baseline"],
        **{f"{key}_name": name for key, name in names.items()},
    )


def _subtitle(study: Study) -> str:
    tape, generated = study.markets["tape"], study.markets["generated"]
    return (
        f"{tape.name} ({tape.seconds / 3600:.2f} h, {tape.events:,} events) against {generated.name}"
        f" ({generated.seconds / 3600:.2f} h, {generated.events:,} events); baseline:"
        f" {study.markets['baseline'].name}. Prices in ticks of {study.tick_nanos / 1e9:g}."
    )


def _counts(study: Study) -> str:
    near, said = study.nearer
    items = [
        ("fail", study.count(Verdict.FAIL), "fail"),
        ("pass", study.count(Verdict.PASS), "pass"),
        ("open", study.count(Verdict.OPEN), "left open"),
    ]
    listed = "".join(
        f'<li class="{key}"><b>{n}</b><span>{escape(text)}</span></li>' for key, n, text in items
    )
    return listed + f"<li><b>{near} of {said}</b><span>nearer to the tape than the baseline</span></li>"


def _failing(row: Row) -> str:
    return f"<li>{escape(row.name)} <small>{escape(row.family)} · {escape(row.reason)}</small></li>"


def _markets(study: Study) -> str:
    head = "".join(
        f'<th><span class="head"><i class="{key}"></i></span>{escape(study.markets[key].name)}</th>'
        for key in MARKETS
    )
    lines: tuple[tuple[str, Callable[[Market], str]], ...] = (
        ("Instrument", lambda m: escape(m.symbol)),
        ("What it is", lambda m: f"<small>{escape(m.about)}</small>"),
        ("Duration, s", lambda m: f"{m.seconds:,.0f}"),
        ("Events", lambda m: f"{m.events:,}"),
        ("Market orders", lambda m: f"{m.market_orders:,}"),
        ("Traded, units", lambda m: f"{m.traded:,.0f}"),
    )
    body = "".join(
        f"<tr><td>{name}</td>" + "".join(f"<td>{cell(study.markets[key])}</td>" for key in MARKETS) + "</tr>"
        for name, cell in lines
    )
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def _family(study: Study, family: str) -> str:
    panels = _panels(study, family)
    return f"<h2>{escape(family)}</h2><p>{escape(LEADS[family])}</p><div class='grid'>{''.join(panels)}</div>"


def _panels(study: Study, family: str) -> list[str]:
    names = {key: study.markets[key].name for key in MARKETS}
    by_name = {row.name: row for row in study.rows}
    panels = [
        _panel(name, what.how + _cut(drawn, names), charts.histogram(what, drawn, names), by_name[name])
        for name, (what, drawn) in study.distributions.items()
        if what.family == family
    ]
    if family == response.FAMILY:
        rows = [row for row in study.rows if row.family == family]
        panels += [
            _panel(
                row.name,
                "",
                charts.response(study.responses[row.name.split(":")[0]], study.plan.lags, study),
                row,
            )
            for row in rows
        ]
    elif family == impact.FAMILY:
        proxy = "Points: means of windows bucketed by net volume, with standard errors; lines: least squares."
        panels.append(_panel("Aggregate impact (proxy)", proxy, charts.impact(study)))
        if study.metaorders:
            panels.append(_panel("Metaorders: peak impact", _law_text(study), charts.metaorder_law(study)))
            panels.append(
                _panel(
                    "Metaorders: path",
                    _path_text(study),
                    charts.metaorder_paths(study.metaorders["generated"]),
                )
            )
    elif family == facts.FAMILY:
        panels += [_panel(title, text, charts.shape(study, key)) for key, title, text in SHAPES]
    return panels


def _cut(drawn: Histograms, names: dict[str, str]) -> str:
    peaks = [f"{names[market]} {peak:.0%}" for market, peak in charts.cut_peaks(drawn).items()]
    return f" Higher than the picture: {', '.join(peaks)}." if peaks else ""


def _law_text(study: Study) -> str:
    said = (
        f"{study.markets[market].name}: exponent {figure_text(exponent)}, factor {figure_text(factor)}"
        for market, (exponent, factor, _) in study.metaorder_laws.items()
    )
    return f"{'; '.join(said)}. σ and V are over the metaorder's duration."


def _path_text(study: Study) -> str:
    paths = study.metaorders["generated"]
    left = figure_text(study.metaorder_laws["generated"][2])
    note = f" {paths.unfilled:.1%} of the lots sent found nothing to trade with." if paths.unfilled else ""
    return (
        f"{study.markets['generated'].name}: mean over {paths.impact.shape[1]} seeds of the mid less the same"
        f" seed's without the metaorder. Of the largest, share of the peak left at the end: {left}.{note}"
    )


def _panel(title: str, how: str, figure: go.Figure, row: Row | None = None) -> str:
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    text = f"<p>{escape(how)}</p>" if how else ""
    mark = chip(row.verdict) if row is not None else ""
    return f"<figure><figcaption>{escape(title)}{mark}</figcaption>{text}{drawn}</figure>"


def _method(study: Study, command: str) -> str:
    plan = study.plan
    listed = "".join(
        f"<li><b>{escape(name)}</b>: {escape(text.format(blocks=plan.blocks, draws=plan.draws))}</li>"
        for name, text in METHOD
    )
    return f"<ul>{listed}</ul><p class='hash'>{escape(command)}</p>"


def _plotly_script() -> str:
    """plotly's own JavaScript, inside the page: the report opens without a network."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return f"<script>{script}</script>"
