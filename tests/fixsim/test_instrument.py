"""What an instrument may state beside tick and lots, through a session: tick table, bands, odd lots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.bands import Bands
from fixsim.instrument import Instrument
from fixsim.matching import EventKind, Market, Phase, Rules
from fixsim.opening import opened, rules_of
from fixsim.settings import load_settings
from risk.errors import SettingsError
from risk.order import OrdType, Side, TimeInForce
from router.fix.messages import (
    MarketDataRequest,
    OrderCancelReplaceRequest,
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
)
from tests.fixsim.market import (
    BTC,
    ETC,
    START_NS,
    SYMBOL,
    TICK,
    Client,
    Floor,
    entries,
    order,
    settings,
    tape,
)
from tests.fixsim.test_doors import best_offer_at
from tests.fixsim.test_order_types import ends

UNIT = 1_000_000_000
WHERE = best_offer_at()
STEPS = [
    {"from_nanos": 0, "tick_nanos": TICK},
    {"from_nanos": 100 * UNIT, "tick_nanos": 5 * TICK},
    {"from_nanos": 1000 * UNIT, "tick_nanos": UNIT},
]


def floor_with(moves: Any = (), **rule: Any) -> Floor:
    return Floor(settings(instrument=rule), tape(moves))


def start(moves: Any = (), venue: str = WHERE, **rule: Any) -> tuple[Floor, Client]:
    floor = floor_with(moves, **rule)
    return floor, floor.client(venue)


def replace(cl_ord_id: str, orig: str, ticks: int, side: Side = Side.BUY) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        cl_ord_id, orig, SYMBOL, side, START_NS, BTC, OrdType.LIMIT, price_nanos=ticks * TICK
    )


def why(client: Client) -> list[str]:
    """The texts of what came, "" for none."""
    return [seen.get(58, "") for seen in client.seen()]


# -- tick tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", [WHERE, "XDRK"])
def test_prices_between_steps_are_refused_with_the_step_that_holds_there(venue: str) -> None:
    floor, client = start(venue=venue, ticks=STEPS)
    for name, ticks in {"a": 9_999, "b": 10_001, "c": 10_005, "d": 100_005}.items():
        side = Side.BUY if ticks < 10_002 else Side.SELL
        client.send(order(name, side, ticks))
    floor.run(1)
    seen = {one[11]: one for one in client.seen() if one[150] in "08"}
    assert {name: one[150] for name, one in seen.items()} == {"a": "0", "b": "8", "c": "0", "d": "8"}
    rule = "is not a positive multiple of"
    assert seen["b"][58] == f"Price(44) 100.01 {rule} 0.05, the tick from 100 on ({SYMBOL}, {venue})"
    assert seen["d"][58] == f"Price(44) 1000.05 {rule} 1, the tick from 1000 on ({SYMBOL}, {venue})"
    assert seen["b"][103] == "99"


def test_a_replace_to_between_steps_is_refused_and_the_order_stays() -> None:
    floor, client = start(ticks=STEPS)
    client.send(order("a", Side.BUY, 9_990))
    client.send(replace("b", "a", 10_001))
    client.send(replace("c", "a", 9_991))
    floor.run(1)
    seen = client.seen()
    assert [(one[35], one.get(150)) for one in seen] == [("8", "0"), ("9", None), ("8", "5")]
    assert "0.05, the tick from 100 on" in seen[1][58]


@given(st.integers(1, 200_000))
def test_entry_and_market_agree_on_the_step(ticks: int) -> None:
    rule = settings(instrument={"ticks": STEPS}).instrument
    (_, a), (low, b), (high, c) = rules_of(rule).ticks
    px = 2 * ticks
    assert (px % (a if px < low else b if px < high else c) == 0) == (
        ticks * TICK % rule.step_at(ticks * TICK).tick_nanos == 0
    )


def test_the_table_and_the_odd_lots_are_told() -> None:
    floor, client = start(ticks=STEPS, odd_lots=True, round_lot_lots=BTC, round_lots=10, min_lots=10)
    client.send(SecurityDefinitionRequest("d", 0, SYMBOL))
    client.send(SecurityListRequest("y"))
    floor.run(1)
    definition, listing = client.got
    told = SecurityDefinition.parse(definition, BTC).security
    assert told is not None
    assert (told.tick_nanos, told.ticks) == (TICK, tuple((s["from_nanos"], s["tick_nanos"]) for s in STEPS))
    assert (told.round_lots, told.odd_lots, told.min_lots) == (BTC, 10, 10)
    assert SecurityList.parse(listing, BTC).securities == (told,)
    assert b"872=TickIncrement=0.05 StartTickPriceRange=100\x01" in definition.raw
    assert b"870=6\x01" in definition.raw


# -- price bands --------------------------------------------------------------------------------------------

# Around 100.01, the midpoint: 99.01 (rounded up from 99.0099) to 101.01 (down from 101.0101).
BAND: dict[str, Any] = {"band_bp": 100, "band_recentre_bp": 10}
LIMITS = "price band 99.01 to 101.01, 100 bp around 100.01"


def test_limits_beyond_the_band_are_refused_and_it_is_named() -> None:
    floor, client = start(**BAND)
    for name, side, ticks in (
        ("in", Side.BUY, 9_000), ("high", Side.BUY, 10_102), ("low", Side.SELL, 9_900),
        ("far", Side.SELL, 11_000), ("edge", Side.SELL, 9_901),
    ):  # fmt: skip
        client.send(order(name, side, ticks, BTC // 100))
    floor.run(1)
    done = ends(client)
    states = {"in": "0", "high": "8", "low": "8", "far": "0", "edge": "2"}
    assert {name: state for name, (state, _, _) in done.items()} == states
    assert done["high"][2] == f"Price(44) 101.02 is outside the {LIMITS}"
    assert done["low"][2] == f"Price(44) 99 is outside the {LIMITS}"


def test_a_replace_beyond_the_band_is_refused() -> None:
    floor, client = start(**BAND)
    client.send(order("a", Side.BUY, 9_990))
    client.send(replace("b", "a", 10_102))
    floor.run(1)
    assert why(client) == ["", f"Price(44) 101.02 is outside the {LIMITS}"]


@pytest.mark.parametrize(("side", "bp", "edge"), [(Side.BUY, 4, 10_004), (Side.SELL, 4, 9_998)])
def test_a_market_order_stops_at_the_band_and_says_so(side: Side, bp: int, edge: int) -> None:
    floor, client = start(band_bp=bp)
    client.send(order("m", side, None, 100 * BTC))
    floor.run(1)
    *_, last = client.seen()
    band = "price band 99.97 to 100.05, 4 bp around 100.01"
    assert (last[150], last[39]) == ("4", "4")
    assert last[58] == f"market: stopped at the {band}, the rest is cancelled"
    prices = [line["price_nanos"] // TICK for line in floor.recorded("fill")]
    assert prices
    assert all(9_997 <= px <= 10_005 for px in prices)


def test_a_market_order_that_takes_the_whole_book_was_stopped_by_nothing() -> None:
    floor, client = start(band_bp=5000)
    client.send(order("m", Side.BUY, None, 100 * BTC))
    floor.run(1)
    *_, last = client.seen()
    assert last[58] == "market: the rest is cancelled"


# A sale in the recording down to 99.95: 6 ticks, and 5.99 bp, below the first reference.
SALE = [(ms, EventKind.MARKET, 40 + ms, -1, 0, 2 * BTC) for ms in (100, 110, 120)]


@pytest.mark.parametrize(
    ("recentre", "reference"),
    [(0, 9_995), (2, 9_996), (3, 9_997), (5, 9_995), (9, 10_000), (None, 10_001)],
)
def test_the_band_follows_the_last_trade_by_the_stated_part(recentre: int | None, reference: int) -> None:
    rule: dict[str, Any] = {"band_bp": 20} | ({} if recentre is None else {"band_recentre_bp": recentre})
    floor, _ = start(SALE, **rule)
    floor.run(200)
    bands, market = floor.exchange.lit.bands, floor.exchange.lit.market
    assert bands is not None
    prices = [int(px) // 2 for px in market.trades()["px"]]
    assert prices == [10_000, 9_999, 9_998, 9_997, 9_996, 9_995]
    assert bands.reference_px == 2 * reference
    assert set(market.core.venues["low_px"].tolist()) == {bands.low_px}
    assert set(market.core.venues["high_px"].tolist()) == {bands.high_px}


def test_the_static_band_is_anew_around_an_auctions_price() -> None:
    floor, client = start(band_bp=100)
    floor.exchange.set_status(WHERE, SYMBOL, Phase.AUCTION, floor.now_ns)
    floor.run(1)
    client.send(order("b", Side.BUY, 10_050, 20 * BTC))
    floor.run(1)
    floor.exchange.set_status(WHERE, SYMBOL, Phase.CONTINUOUS, floor.now_ns)
    floor.run(1)
    (px,) = {line["price_nanos"] for line in floor.recorded("fill")}
    bands = floor.exchange.lit.bands
    assert bands is not None
    assert bands.reference_px * TICK // 2 == px != 100_010_000_000


def test_without_a_price_there_is_no_band() -> None:
    rule = Instrument(**{**settings().instrument.model_dump(), "band_bp": 100})
    bands = Bands(rule)
    assert not bands.indicated(None)
    assert not bands.traded(0, auction=False)
    assert (bands.low_px, bands.high_px) == (0, 0)
    assert bands.traded(20_001, auction=False)
    assert (bands.low_px, bands.high_px) == (19_801, 20_201)  # 19800.99 and 20201.01


@given(st.integers(1, 1 << 53), st.integers(1, 9_999))
def test_the_band_is_never_wider_than_stated(px: int, bp: int) -> None:
    bands = Bands(Instrument(**{**settings().instrument.model_dump(), "band_bp": bp}))
    bands.traded(px, auction=False)
    assert 0 < bands.low_px <= px <= bands.high_px
    assert (px - bands.low_px) * 10_000 <= px * bp
    assert (bands.high_px - px) * 10_000 <= px * bp
    Market(1, 20_000).set_bands(0, bands.low_px, bands.high_px)


def test_no_participants_fill_is_outside_the_band() -> None:
    floor, client = start(SALE, band_bp=3, band_recentre_bp=1)
    lines = 0
    for n in range(40):
        side = Side.BUY if n % 3 else Side.SELL
        kind: dict[str, Any] = {"tif": TimeInForce.IOC} if n % 2 else {}
        ticks = None if n % 5 == 0 else 9_990 + n * 7 % 25
        bands = floor.exchange.lit.bands
        assert bands is not None
        low, high = bands.low_px, bands.high_px
        client.send(order(f"o{n}", side, ticks, BTC // 2, **({} if ticks is None else kind)))
        floor.run(0.5)
        taken = [one for one in floor.recorded("fill")[lines:] if one["cl_ord_id"] == f"o{n}"]
        lines = len(floor.recorded("fill"))
        assert all(low <= one["price_nanos"] * 2 // TICK <= high for one in taken)
    assert lines


# -- odd lots -----------------------------------------------------------------------------------------------

ODD: dict[str, Any] = {"odd_lots": True, "round_lot_lots": BTC}


def test_odd_lots_trade_are_marked_in_the_record_and_shown_by_their_size() -> None:
    floor, client = start(**ODD)
    feed = floor.client(WHERE, "SLUICE-MD")
    feed.send(MarketDataRequest("r", 1, 0, ("2",), (SYMBOL,)))
    client.send(order("odd", Side.BUY, 10_002, BTC // 10))
    client.send(order("even", Side.BUY, 10_020, 2 * BTC))
    floor.run(1)
    fills = [(line["cl_ord_id"], line["qty_lots"], line.get("odd_lot")) for line in floor.recorded("fill")]
    assert ("odd", BTC // 10, True) in fills
    assert {odd for _, lots, odd in fills if lots < BTC} == {True}
    assert {odd for _, lots, odd in fills if lots >= BTC} == {None}
    trades = [entry for one in feed.got if one.msg_type == b"X" for entry in entries(one.raw)]
    assert "0 2 100.02 0.1" in trades
    assert all(b"\x01277=" not in one.raw for one in feed.got)


@pytest.mark.parametrize(("rule", "price"), [({}, 10_001), (ODD, 10_000)])
def test_an_odd_lot_moves_no_peg(rule: dict[str, Any], price: int) -> None:
    floor, client = start(**rule)
    client.send(order("odd", Side.BUY, 10_001, BTC // 10))
    client.send(order("peg", Side.BUY, None, BTC, ord_type=OrdType.PEGGED, exec_inst="R"))
    client.send(order("s", Side.SELL, 9_000, 100 * BTC, tif=TimeInForce.IOC))
    floor.run(1)
    (px,) = {line["price_nanos"] // TICK for line in floor.recorded("fill") if line["cl_ord_id"] == "peg"}
    assert px == price


def test_without_the_option_nothing_is_odd() -> None:
    floor, client = start()
    client.send(order("a", Side.BUY, 10_002, 1))
    floor.run(1)
    (fill,) = floor.recorded("fill")
    assert "odd_lot" not in fill
    assert rules_of(floor.rules.instrument) == Rules()


# -- the settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("ticks = []", "instrument.ticks: "),
        (
            "ticks = [{ from_nanos = 10, tick_nanos = 10_000_000 }]",
            "ticks.0.from_nanos = 10: the first step",
        ),
        (
            "ticks = [{ from_nanos = 0, tick_nanos = 15_000_000 }]",
            "ticks.0.tick_nanos = 15000000: must be",
        ),
        (
            "ticks = [{ from_nanos = -1, tick_nanos = 0 }]",
            "instrument.ticks.0.from_nanos = -1: Input should be",
        ),
        (
            "ticks = [{ from_nanos = 0, tick_nanos = 10_000_000 },"
            " { from_nanos = 0, tick_nanos = 10_000_000 }]",
            "ticks.1.from_nanos = 0: must be above 0",
        ),
        (
            "ticks = [{ from_nanos = 0, tick_nanos = 10_000_000 },"
            " { from_nanos = 10_000_000, tick_nanos = 20_000_000 }]",
            "ticks.1.from_nanos = 10000000: must be a multiple of its tick_nanos, 20000000",
        ),
        ("ticks = [{ from_nano = 0, tick_nanos = 1 }]", "ticks.0.from_nano is not a setting"),
        ("band_bp = 0", "instrument.band_bp = 0: Input should be greater than or equal to 1"),
        ("band_bp = 10_000", "instrument.band_bp = 10000: "),
        ("band_bp = 5.5", "instrument.band_bp = 5.5: "),
        ("band_recentre_bp = 5", "instrument: band_recentre_bp = 5: needs band_bp"),
        ("band_bp = 5\nband_recentre_bp = 5", "instrument: band_recentre_bp = 5: must be below band_bp"),
        ("odd_lots = 1", "instrument.odd_lots = 1: "),
        ("odd_lots = true", "instrument: odd_lots = True: needs round_lot_lots"),
        ("round_lot_lots = 100", "round_lot_lots = 100: needs odd_lots = true"),
        (
            "odd_lots = true\nround_lot_lots = 1",
            "round_lot_lots = 1: must be a multiple of round_lots, 1, and",
        ),
        ("odd_lots = true\nround_lot_lots = 0", "instrument.round_lot_lots = 0: "),
    ],
)
def test_a_wrong_option_is_one_line(lines: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "fixsim.toml"
    path.write_text(ETC.read_text("utf-8").replace("[instrument]\n", f"[instrument]\n{lines}\n", 1), "utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_market_of_other_rules_is_refused() -> None:
    plain, stepped = settings(), settings(instrument={"ticks": STEPS})
    source = opened(tape(), plain, plain.instrument)
    assert opened(source, plain, plain.instrument) is source
    with pytest.raises(ValueError, match=f"{SYMBOL}: its market has Rules"):
        opened(source, stepped, stepped.instrument)
