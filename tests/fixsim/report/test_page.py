"""The report says what the runs did, in a page that stands alone and in a table."""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from fixsim.report import charts
from fixsim.report.page import CAUTION, caution, render, write_report
from fixsim.report.runresult import NANOS, Agreement, MarketPoint, RunResult
from fixsim.report.table import SHOWN_DIFFERENCES, summary
from router.shortfall import Fill, Trade
from router.tca import ADDED, REMOVED, Facts, Target, figures

START = 1_531_514_850 * NANOS
LENGTH_S = 480
LOTS = 100_000_000
QTY = 10 * LOTS
END = START + LENGTH_S * NANOS

PLACES = [
    ("XLIT1", ADDED),
    ("XLIT1", REMOVED),
    ("XLIT2", REMOVED),
    ("XDRK", ADDED),
]


def run(policy: str = "Almgren–Chriss", strategy: int = 1002, fills: int = 40, seed: int = 7) -> RunResult:
    """A plausible run: a market that wanders, and `fills` equal executions in it."""
    chance = random.Random(seed + strategy)
    mids, trades, price = [], [], 6_200 * NANOS
    for step in range(LENGTH_S * 4):
        price += chance.choice((-1, 0, 0, 0, 0, 1)) * 180_000_000
        mids.append(MarketPoint(START + step * NANOS // 4, price))
        if step % 4 == 0:
            trades.append(Trade(mids[-1].time_ns, price + chance.choice((-1, 1)) * 5_000_000, LOTS // 4))
    executed = []
    for number in range(fills):
        mid = mids[int(len(mids) * (number / max(fills, 1)) ** 1.5)]
        venue, liquidity = chance.choice(PLACES)
        price, lots = mid.mid_nanos + NANOS // 200, QTY // fills
        executed.append(Fill(mid.time_ns, price, lots, NANOS // 20, venue, liquidity))
    schedule = [
        Target(START + s * NANOS, int(QTY * (1 - (1 - s / LENGTH_S) ** 2))) for s in range(LENGTH_S + 1)
    ]
    facts = Facts(
        parent_id="P1",
        sign=1,
        qty_lots=QTY,
        lots_per_unit=LOTS,
        arrival_nanos=6_200 * NANOS,
        start_ns=START,
        end_ns=END,
        fills=executed,
        trades=trades,
        schedule=schedule,
        end_nanos=mids[-1].mid_nanos,
    )
    return result_of(facts, policy, strategy, mids, seed)


def result_of(facts: Facts, policy: str, strategy: int, mids: list[MarketPoint], seed: int = 7) -> RunResult:
    return RunResult(
        policy=policy,
        strategy=strategy,
        seed=seed,
        symbol="BTC-USD",
        unit="BTC",
        currency="USD",
        venues=("XDRK", "XLIT1", "XLIT2"),
        limit_nanos=None,
        facts=facts,
        figures=figures(facts),
        mids=mids,
        decisions=480,
        fallback_decisions=0,
        agreement=Agreement(orders=61, fills=len(facts.fills), differences=()),
        journal_sha256="5f" * 32,
        wall_s=57.4,
    )


def changed(result: RunResult, **facts: object) -> RunResult:
    """The run with other facts, and the figures that follow from them."""
    return result_of(replace(result.facts, **facts), result.policy, result.strategy, list(result.mids))  # type: ignore[arg-type]


def three() -> list[RunResult]:
    return [run(), run("TWAP", 1001), run("submit and leave", 1003, fills=8)]


def printed(results: list[RunResult], width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(summary(results))
    return console.export_text()


def test_the_page_needs_nothing_beside_it() -> None:
    page = render(three())
    ours = re.sub(r"<script>.*?</script>", "", page, count=1, flags=re.DOTALL)
    assert "<script src" not in page
    assert "<link" not in ours
    assert "@import" not in ours
    assert page.count("Plotly.newPlot") >= 2 + 3 * 3


def test_the_page_says_who_worked_what_and_that_one_path_proves_nothing() -> None:
    page = render(three())
    assert "Buy 10 BTC · BTC-USD" in page
    assert "13 July 2018, 20:47:30 to 20:55:30 UTC" in page
    for policy in ("Almgren–Chriss", "TWAP", "submit and leave"):
        assert policy in page
    assert CAUTION.replace("'", "&#x27;") in page
    cost = three()[0].figures.shortfall
    assert f"{cost.net_bp:+.2f}".replace("-", "−") in page


def test_a_page_of_one_run_has_no_comparison_chart() -> None:
    assert render([run()]).count("Plotly.newPlot") == 3


def test_a_run_without_fills_is_still_reported() -> None:
    page = render([run(fills=0)])
    assert "Does not hold: Every parent is complete" in page
    assert "0.0%" in page


def test_text_from_the_wire_cannot_become_markup() -> None:
    page = render([replace(run(), policy="<b>x</b>", agreement=Agreement(1, 1, ("<i>order</i>",)))])
    assert "<b>x</b>" not in page.split("</script>", 1)[1].split("<figure>")[0]
    assert "&lt;i&gt;order&lt;/i&gt;" in page


def test_the_page_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report([run()], tmp_path / "deep" / "report.html")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["report.html"]


def test_no_run_is_not_a_report() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        render([])
    with pytest.raises(ValueError, match="at least one run"):
        summary([])


def test_a_large_share_of_the_volume_is_called_out() -> None:
    assert caution([run()]) == CAUTION
    assert "At 33% of the volume traded" in caution(
        [changed(run(), trades=[Trade(START, 6_200 * NANOS, 30 * LOTS)])]
    )


def test_the_table_has_a_row_a_policy_and_a_verdict_for_each() -> None:
    text = printed(three())
    assert "Buy 10 BTC, BTC-USD" in text
    assert text.count("pass ") == 3
    assert "records agree on 61 orders and 40 fills" in text
    assert "One path proves nothing" in text


def test_the_table_names_the_first_differences_and_counts_the_rest() -> None:
    lines = tuple(f"order S{number}: only the venue knows it" for number in range(SHOWN_DIFFERENCES + 5))
    text = printed([replace(run(), agreement=Agreement(61, 40, lines))])
    assert "FAIL" in text
    assert "order S0:" in text
    assert "and 5 more" in text


@pytest.mark.parametrize(
    "broken",
    [
        {"fallback_decisions": 1},
        {"agreement": Agreement(1, 1, ("order S1: status differs",))},
    ],
)
def test_a_run_passes_only_if_complete_by_the_policy_alone_and_agreed(broken: dict[str, object]) -> None:
    assert run().passed
    assert not replace(run(), **broken).passed  # type: ignore[arg-type]
    assert not run(fills=0).passed


def test_a_venue_keeps_its_colour_in_every_chart() -> None:
    results = three()
    colours = charts.venue_colours(results)
    assert len(set(colours.values())) == len(colours)
    price = charts.price_chart(results[0], colours)
    rings = {t.name.split()[0]: t.marker.line.color for t in price.data if t.name.endswith("rested")}
    assert all(rings[venue] == colours[venue] for venue in rings)


def test_every_axis_with_a_quantity_names_its_unit() -> None:
    result = run()
    colours = charts.venue_colours([result])
    assert "USD per BTC" in charts.price_chart(result, colours).layout.yaxis.title.text
    assert "(BTC)" in charts.schedule_chart(result, "#000").layout.yaxis.title.text
    assert "(BTC" in charts.venue_chart(result, colours).layout.xaxis.title.text
    assert "(UTC)" in charts.price_chart(result, colours).layout.xaxis.title.text
    both = charts.policy_colours([result])
    assert "basis points" in charts.cost_chart([result], both).layout.xaxis.title.text


def test_the_schedule_chart_ends_where_the_fills_end() -> None:
    last = Fill(END + NANOS, 6_200 * NANOS, QTY, 0, "XLIT1", ADDED)
    late = changed(run(), fills=(last,))
    done = charts.schedule_chart(late, "#000").data[1]
    assert done.y[-1] == 10.0
    assert done.x[-1] == done.x[-2]
