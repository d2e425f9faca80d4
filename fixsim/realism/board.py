"""The scoreboard as HTML: a row a statistic, with a strip that shows how far from passing it is."""

from __future__ import annotations

from html import escape

import numpy as np

from fixsim.realism.blocks import Figure
from fixsim.realism.charts import COLOURS
from fixsim.realism.study import Study
from fixsim.realism.verdict import Row, Rule, Verdict

MARKS = {Verdict.PASS: "✓ pass", Verdict.FAIL: "✗ fail", Verdict.OPEN: "○ open"}
_LEAST, _MOST = -1.0, 2.0
"""log10 of the ratios at the strip's ends."""
_WIDTH, _HEIGHT, _EDGE = 220, 18, 7


def scores(study: Study) -> str:
    """The table."""
    columns = ("Statistic", "Verdict", "Tape", "Generated", "Baseline", "Distance ÷ allowed")
    body, family = [], ""
    for row in study.rows:
        if row.family != family:
            family = row.family
            body.append(f'<tr class="family"><th colspan="{len(columns)}">{escape(family)}</th></tr>')
        body.append(_row(row))
    head = "".join(f"<th>{name}</th>" for name in columns)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def chip(verdict: Verdict) -> str:
    return f'<span class="{verdict.value}">{MARKS[verdict]}</span>'


def number_text(value: float) -> str:
    """Two or three significant digits, with a true minus; a dash if it is not known."""
    if not np.isfinite(value):
        return "–"
    size = abs(value)
    if size < 1e-9:
        return "0"
    if size >= 99.95:
        return f"{value:,.0f}".replace("-", "−")
    if size < 5e-5:
        return f"{value:.1e}".replace("-", "−")
    # Three digits from 1 up, two below it; of the rounded value, so that 9.999 has as many as 10.
    rounded = float(f"{size:.2e}" if size >= 0.995 else f"{size:.1e}")
    digits = (2 if rounded >= 1 else 1) - int(np.floor(np.log10(rounded)))
    return f"{value:.{digits}f}".replace("-", "−")


def figure_text(figure: Figure) -> str:
    """Value and interval."""
    if not figure.known:
        return "–"
    return f"{number_text(figure.value)} [{number_text(figure.low)}, {number_text(figure.high)}]"


def _row(row: Row) -> str:
    unit = f" ({row.unit})" if row.unit else ""
    about = " · ".join(text for text in (row.note, row.reason) if text)
    cells = "".join(
        f'<td data-of="{of}">{_cell(figure)}</td>'
        for of, figure in (("Tape", row.tape), ("Generated", row.generated), ("Baseline", row.baseline))
    )
    return (
        f"<tr><td>{escape(row.name + unit)}<small>{escape(about)}</small></td>"
        f'<td class="verdict {row.verdict.value}">{MARKS[row.verdict]}</td>{cells}'
        f'<td class="strip">{_strip(row)}<small>{escape(_distances(row))}</small></td></tr>'
    )


def _cell(figure: Figure) -> str:
    if not figure.known:
        return "–"
    interval = f"{number_text(figure.low)} to {number_text(figure.high)}"
    return f"{number_text(figure.value)}<small>{interval}</small>"


def _distances(row: Row) -> str:
    if row.rule is Rule.RANGE:
        return f"range {row.limits[0]:g} to {row.limits[1]:g}"
    if not row.distance.known:
        return ""
    if row.rule is not Rule.WITHIN:
        return f"{number_text(row.distance.value)}, allowed {number_text(row.allowed)}"
    if not np.isfinite(row.wasserstein_allowed):
        return f"{figure_text(row.distance)}, allowed {number_text(row.allowed)}"
    return (
        f"L1 {figure_text(row.distance)}, allowed {number_text(row.allowed)};"
        f" W1 {number_text(row.wasserstein.value)}, allowed {number_text(row.wasserstein_allowed)}"
    )


def _strip(row: Row) -> str:
    """An SVG line from 0.1 to 100 with the generated market's and the baseline's ratios; 1 is the rule."""
    if not (np.isfinite(row.ratio) or np.isfinite(row.baseline_ratio)):
        return ""
    middle, rule = _HEIGHT / 2, _at(1.0)
    marks = ""
    if np.isfinite(row.baseline_ratio):
        marks += (
            f'<circle cx="{_at(row.baseline_ratio):.1f}" cy="{middle}" r="4" fill="#fff"'
            f' stroke="{COLOURS["baseline"]}" stroke-width="2"/>'
        )
    if np.isfinite(row.ratio):
        marks += f'<circle cx="{_at(row.ratio):.1f}" cy="{middle}" r="5" fill="{COLOURS["generated"]}"/>'
    label = (
        f"generated {number_text(row.ratio)}, baseline {number_text(row.baseline_ratio)} times the allowed"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="xMaxYMid meet" role="img"'
        f' aria-label="{label}"><title>{label}</title>'
        f'<rect x="0" y="{middle - 3}" width="{rule:.1f}" height="6" fill="#e3f1e9"/>'
        f'<rect x="{rule:.1f}" y="{middle - 3}" width="{_WIDTH - rule:.1f}" height="6" fill="#f8e7e5"/>'
        f'<line x1="{rule:.1f}" x2="{rule:.1f}" y1="1" y2="{_HEIGHT - 1}" stroke="#1d2733"/>{marks}</svg>'
    )


def _at(ratio: float) -> float:
    place = (np.log10(max(ratio, 1e-9)) - _LEAST) / (_MOST - _LEAST)
    return float(_EDGE + np.clip(place, 0, 1) * (_WIDTH - 2 * _EDGE))
