"""A partial tape behind the FIX doors: our orders in its queues, prices that answer, bounds in the record."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from fixsim.matching import EventKind
from fixsim.tape.partial import PartialTape
from risk.order import Side
from tests.fixsim.market import BTC, ETC, MS, START_NS, SYMBOL, TICK, Floor, order, settings, tape
from tests.fixsim.partial_tapes import ADD, ENTER, HIDDEN, TRADE, Row, timed

BID, OFFER = 20_000, 20_004
BOOK: list[Row] = [(ENTER, 1, BID, 2 * BTC, -1), (ENTER, -1, OFFER, 3 * BTC, -1)]
LAW = {
    "y": 1.0,
    "volatility": 0.01,
    "volume_lots": 100 * BTC,
    "half_life_s": 60.0,
    "beta_low": 0.5,
    "beta_high": 0.5,
}
"""A coin moves prices by 1 % x sqrt(0.01): 20 half ticks of 20,002."""


def recording(*moves: tuple[int, Row]) -> PartialTape:
    """(ms, row); it begins at once and lasts a second."""
    rows = [(0, (ADD, 1, BID - 40, 1, 30)), *moves, (1000, (ADD, 1, BID - 40, 1, 31))]
    made = timed(BOOK, [(START_NS + ms * MS, *row) for ms, row in rows], 10, 32)
    return replace(made, symbol=SYMBOL, tick_nanos=TICK, lots_per_unit=BTC)


def test_our_order_waits_its_turn_in_a_recorded_queue_and_its_bounds_are_recorded() -> None:
    made = Floor(
        None,
        recording(
            (100, (TRADE, 1, BID, BTC, 9)),
            (200, (TRADE, 1, BID, BTC, 9)),
            (300, (HIDDEN, 1, BID, BTC // 2, -1)),
        ),
    )
    client = made.client()
    client.send(order("below", Side.BUY, BID // 2))
    client.send(order("inside", Side.BUY, BID // 2 + 1, BTC // 2))
    made.run(250)
    assert [line for line in client.reports() if line.startswith("F")] == ["F 2 0.5 0"]
    made.run(750)
    assert client.reports() == ["F 1 0.5 0.5"]
    made.exchange.finish(made.now_ns)
    inside, below, total = made.recorded("bounds")
    names = ("cl_ord_id", "qty_lots", "optimistic_lots", "fifo_lots", "conservative_lots")
    assert [inside[name] for name in names] == ["inside", BTC // 2, BTC // 2, BTC // 2, BTC // 2]
    assert [below[name] for name in names] == ["below", BTC, BTC, BTC // 2, 0]
    assert (total["symbol"], total["qty_lots"], total["fifo_lots"]) == (SYMBOL, BTC * 3 // 2, BTC)


@pytest.mark.parametrize("flow", ["window", "orders"])
def test_recorded_prices_answer_to_us_where_the_settings_say_so(flow: str) -> None:
    found = []
    for law in (None, LAW):
        rules = settings() if law is None else settings(impact=law)
        recorded: Any = recording((500, (ADD, -1, OFFER + 100, BTC, 0)))
        if flow == "orders":
            recorded = tape([(500, EventKind.LIMIT, 50, -1, OFFER // 2 + 50, BTC)])
        made = Floor(rules, recorded)
        market = made.exchange.lit.market
        venue = next(venue for venue in range(market.venues) if market.best(venue).ask_qty)
        made.client(made.rules.lit[venue].name).send(order("a", Side.BUY, None, BTC))
        made.run(600)
        found.append(max(int(market.depth(venue, -1)[0].max(initial=0)) for venue in range(market.venues)))
    assert found == [OFFER + 100, OFFER + 100 + 20]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("y", 0.0),
        ("y", 1e-300),
        ("volatility", 1e-9),
        ("beta_low", 0.8),
        ("beta_low", 1e-9),
        ("volume_lots", 0),
        ("volume_lots", 1),
        ("volume_lots", 10**30),
        ("half_life_s", -1.0),
        ("half_life_s", 1e-12),
        ("half_life_s", float("nan")),
        ("half_life_s", float("inf")),
    ],
)
def test_an_impact_that_is_none_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        settings(impact=LAW | {"beta_high": 0.7, field: value})


def test_the_settings_file_s_example_of_it_can_be_said() -> None:
    example = ETC.read_text(encoding="utf-8").partition("# [impact]\n")[2].partition("\n\n")[0]
    said = tomllib.loads("\n".join(line.removeprefix("# ") for line in example.splitlines()))
    impact = settings(impact=said).impact
    assert impact is not None
    assert (impact.beta_low, impact.beta_high, impact.volume_lots) == (0.4, 0.7, 10_000 * BTC)
