"""The page: alone it stands, failures first, nothing wider than a phone, no market's name as markup."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fixsim.realism import charts, metaorder
from fixsim.realism.blocks import Figure
from fixsim.realism.board import figure_text, number_text, scores
from fixsim.realism.distance import bins_of
from fixsim.realism.metaorder import LASTS, POINTS, Paths
from fixsim.realism.overview import write_overview
from fixsim.realism.page import render
from fixsim.realism.show import scoreboard
from fixsim.realism.study import Study, study
from fixsim.realism.verdict import Verdict
from fixsim.realism.view import Plan
from tests.fixsim.realism.frames import random_market

PLAN = Plan(blocks=10, draws=30, return_s=5.0, minute_s=20.0, coarse_s=60.0, lags=(1, 2, 5, 10), levels=5)


def paths() -> Paths:
    rng, shares = np.random.default_rng(1), np.array([0.05, 0.2, 0.8])
    rise = np.minimum(np.arange(LASTS * POINTS + 1) / POINTS, 1.0)
    impact = 30 * shares[:, None, None] ** 0.5 * rise + rng.normal(size=(3, 8, LASTS * POINTS + 1))
    return Paths(np.arange(LASTS * POINTS + 1) / POINTS, shares, impact, 20.0, 0.01)


@pytest.fixture(scope="module")
def result() -> Study:
    generated = random_market(2, seconds=600)
    return study(
        {
            "tape": random_market(1, seconds=600),
            "generated": replace(generated, qty=generated.qty * 4),
            "baseline": random_market(3, seconds=600),
        },
        {"tape": "XNAS <GOOG>", "generated": "a & b", "baseline": "zero"},
        PLAN,
        about={"generated": "θ < 1"},
        metaorders={"generated": paths(), "baseline": paths()},
    )


@pytest.fixture(scope="module")
def page(result: Study) -> str:
    return render(result, "GOOG against <b>", "fixsim realism --tape 'x y'")


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_it_needs_nothing_beside_it(page: str) -> None:
    text = without_scripts(page)
    assert not re.findall(r'(?:src|href)="[^"]+"', text)
    assert "@import" not in text
    assert len(page.encode()) < 6_000_000


def test_what_fails_comes_before_the_scoreboard_row_by_row(page: str, result: Study) -> None:
    text = without_scripts(page)
    failing = [row for row in result.rows if row.verdict is Verdict.FAIL]
    assert failing
    top = text[text.index("What fails") : text.index("Scoreboard")]
    assert top.count("<li>") == len(failing)
    for row in failing:
        assert row.name in top
        assert row.reason.replace("'", "&#x27;") in top


def test_names_are_text(page: str) -> None:
    text = without_scripts(page)
    assert "XNAS &lt;GOOG&gt;" in text
    assert "a &amp; b" in text
    assert "GOOG against &lt;b&gt;" in text
    assert "θ &lt; 1" in text
    assert "<GOOG>" not in text


def test_every_statistic_is_on_the_board_and_every_family_has_pictures(page: str, result: Study) -> None:
    text = without_scripts(page)
    board = scores(result)
    for row in result.rows:
        assert row.name in board
    assert page.count("<figure>") == 1 + len(result.distributions) + 6 + 3 + 5
    for family in dict.fromkeys(row.family for row in result.rows):
        assert f"<h2>{family}</h2>" in text


def test_the_rules_and_the_command_are_at_the_foot(page: str) -> None:
    foot = page[page.index("How this is measured") :]
    assert "10 blocks of equal time, 30 draws" in foot
    assert "2502.09172" in foot
    assert "fixsim realism --tape &#x27;x y&#x27;" in foot


def test_a_study_without_metaorders_or_failures_says_so(result: Study) -> None:
    rows = [replace(row, verdict=Verdict.PASS) for row in result.rows]
    calm = replace(result, rows=rows, metaorders={}, metaorder_laws={})
    text = without_scripts(render(calm, "t", "c"))
    assert "No statistic fails." in text
    assert "Metaorders: path" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234.5, "1,234"),
        (-31.26, "−31.3"),
        (0.0999, "0.10"),
        (0.001712, "0.0017"),
        (9.999, "10.0"),
        (-0.0000123, "−1.2e−05"),
        (np.nan, "–"),
    ],
)
def test_numbers_have_the_digits_that_they_deserve(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_figure_is_shown_with_its_interval() -> None:
    assert figure_text(Figure(0.5, 0.4, 0.61)) == "0.50 [0.40, 0.61]"


def test_open_bins_are_drawn_one_width_wide_and_logarithms_as_powers() -> None:
    bins = bins_of(np.linspace(0, 1, 1000))
    edges = charts.edges_for_drawing(bins, log=False)
    assert len(edges) == len(bins) + 1
    assert np.diff(edges) == pytest.approx(np.diff(edges)[0])
    assert charts.edges_for_drawing(bins, log=True) == pytest.approx(10**edges)


def test_a_bin_that_dwarfs_the_tape_is_cut_and_said(result: Study) -> None:
    what, drawn = result.distributions["Depth of limit orders"]
    shares = dict(drawn.shares)
    shares["generated"] = np.zeros(len(drawn.bins))
    shares["generated"][3] = 1.0
    dwarfing = replace(drawn, shares=shares)
    figure = charts.histogram(what, dwarfing, {"tape": "t", "generated": "g", "baseline": "b"})
    assert figure.layout.yaxis.range[1] < 1
    assert charts.cut_peaks(dwarfing) == {"generated": 1.0}
    page = render(replace(result, distributions={what.name: (what, dwarfing)}), "t", "c")
    assert "Higher than the picture: a &amp; b 100%." in page
    assert charts.cut_peaks(replace(drawn, shares=dict.fromkeys(shares, drawn.shares["tape"]))) == {}


def test_the_terminal_has_a_line_a_statistic_and_the_verdict_within_80_columns(result: Study) -> None:
    from rich.console import Console

    console = Console(width=80, record=True, file=__import__("io").StringIO())
    console.print(scoreboard(result, "GOOG"))
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    told = [line.split()[-1] for line in lines if line.strip()]
    assert told.count("fail") == result.count(Verdict.FAIL)
    assert told.count("pass") == result.count(Verdict.PASS)


def test_the_overview_is_a_small_png(result: Study, tmp_path: Path) -> None:
    write_overview(result, "GOOG", tmp_path / "overview.png")
    assert (tmp_path / "overview.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "overview.png").stat().st_size < 300_000
    assert metaorder.FAMILY in {row.family for row in result.rows}
