"""An exchange whose first instrument replays a tape and whose second is moved by a model's flow."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fixsim.cli import main
from fixsim.exchange import Exchange
from fixsim.flow.model import load_model, save_model
from fixsim.generated import generated
from fixsim.instrument import Instrument
from fixsim.matching import EventKind
from fixsim.settings import Settings, listed_tapes, load_settings, refuse_listed_tape
from risk.errors import SettingsError
from risk.order import OrdType, Side
from router.fix.messages import MarketDataRequest, NewOrderSingle
from tests.fixsim.market import BTC, ETC, START_NS, SYMBOL, TICK, Floor, entries, fields, order, table, tape

QRM = "QRM"
FLOWS: dict[str, dict[str, Any]] = {
    "queue-reactive": {"kind": "queue-reactive", "start_nanos": 100 * 10**9},
    "zero-intelligence": {
        "kind": "zero-intelligence", "start_nanos": 100 * 10**9, "limit_per_s": 2.0, "market_per_s": 5.0,
        "cancel_per_s": 0.5, "lots": 100, "ticks": 10,
    },
}  # fmt: skip
MOVES = [(ms, EventKind.LIMIT, 100 + ms, -1, 10_002, BTC) for ms in (100, 200)]


def rules(flow: dict[str, Any], seed: int = 1, **change: Any) -> Settings:
    listed = {
        "symbol": QRM, "tick_nanos": TICK, "lots_per_unit": 1, "round_lots": 1, "min_lots": 1,
        "max_lots": 10**9, "flow": flow,
    }  # fmt: skip
    return Settings.model_validate(table() | {"seed": seed, "listing": [listed | change]})


def floor_of(name: str, seed: int = 1, lasts_ms: int = 5000, **change: Any) -> Floor:
    loaded, first = rules(FLOWS[name], seed, **change), tape(MOVES, lasts_ms)
    return Floor(loaded, first, listed=generated(loaded, first, ETC))


def share(cl_ord_id: str, side: Side, ticks: int | None, lots: int) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=cl_ord_id, symbol=QRM, side=side, transact_time_ns=START_NS, qty_lots=lots,
        ord_type=OrdType.MARKET if ticks is None else OrdType.LIMIT,
        price_nanos=None if ticks is None else ticks * TICK,
    )  # fmt: skip


def run(name: str, seed: int = 1, trades: bool = True) -> tuple[bytes, list[dict[str, Any]], list[Any]]:
    floor = floor_of(name, seed)
    client, feed = floor.client(), floor.client("XLIT1", "SLUICE-MD")
    feed.send(MarketDataRequest("r", 1, 0, ("0", "1", "2"), (SYMBOL, QRM)))
    floor.run(1000)
    if trades:
        one = share("q", Side.BUY, None, 3000)
        client.send_raw(one.MSG_TYPE, one.body(1))
        client.send(order("b", Side.BUY, 10_002, BTC // 2))
    floor.run(3000)
    floor.exchange.finish(floor.now_ns)
    seen = [(fields(one.raw)[55], one.msg_type, entries(one.raw)) for one in feed.got]
    return bytes(floor.wire), [json.loads(line) for line in floor.lines], seen


@pytest.mark.parametrize("name", FLOWS)
def test_both_move_each_by_its_own(name: str) -> None:
    _, lines, seen = run(name)
    fills = {(line["symbol"], line["cl_ord_id"]) for line in lines if line["event"] == "fill"}
    assert (QRM, "q") in fills
    assert fills <= {(QRM, "q"), (SYMBOL, "b")}
    books = {symbol: levels for symbol, kind, levels in seen if kind == b"W"}
    assert set(books) == {SYMBOL, QRM}
    assert any(level.startswith(("0 99.9", "0 100 ")) for level in books[QRM])
    updates = {symbol: [u for s, kind, u in seen if kind == b"X" and s == symbol] for symbol in books}
    assert len(updates[QRM]) > len(updates[SYMBOL]) > 0


@pytest.mark.parametrize("name", FLOWS)
def test_the_seed_decides_every_byte(name: str) -> None:
    first, again, other = run(name), run(name), run(name, seed=2)
    assert first == again
    assert [u for s, _, u in first[2] if s == QRM] != [u for s, _, u in other[2] if s == QRM]
    # The recording is history whatever the seed.
    assert [u for s, _, u in first[2] if s == SYMBOL] == [u for s, _, u in other[2] if s == SYMBOL]


def test_who_trades_in_the_recording_does_not_move_the_flow() -> None:
    def seen(trades: bool) -> list[Any]:
        floor = floor_of("queue-reactive")
        client, feed = floor.client(), floor.client("XLIT1", "SLUICE-MD")
        feed.send(MarketDataRequest("r", 1, 0, ("0", "1", "2"), (QRM,)))
        if trades:
            client.send(order("b", Side.BUY, 10_010, 8 * BTC))
        floor.run(1000)
        assert bool(floor.recorded("fill")) == trades
        return [entries(one.raw) for one in feed.got]

    assert seen(True) == seen(False)


def test_two_listings_of_one_model_draw_apart() -> None:
    read = rules(FLOWS["queue-reactive"]).model_dump(exclude_none=True)
    one = read["listing"][0]
    loaded = Settings.model_validate(table() | {"listing": [one, one | {"symbol": "QRM2"}]})
    first = tape(MOVES, 5000)
    floor = Floor(loaded, first, listed=generated(loaded, first, ETC))
    floor.run(3000)
    a, b = (floor.exchange.listings[symbol].lit.market.digest() for symbol in (QRM, "QRM2"))
    assert a != b


def test_a_flow_has_the_instruments_own_options() -> None:
    floor = floor_of("queue-reactive", band_bp=50, odd_lots=True, round_lot_lots=100)
    floor.run(1000)
    lit = floor.exchange.listings[QRM].lit
    assert lit.market.rules.round_lot == 100
    assert lit.bands is not None
    assert lit.bands.low_px < lit.bands.reference_px < lit.bands.high_px
    client = floor.client()
    for name, ticks in (("in", 10_010), ("out", 10_200)):
        one = share(name, Side.BUY, ticks, 1)
        client.send_raw(one.MSG_TYPE, one.body(1))
    floor.run(1)
    assert [seen[150] for seen in client.seen()] == ["0", "F", "8"]


def test_a_calibrated_model_is_found_beside_the_settings(tmp_path: Path) -> None:
    save_model(load_model(), tmp_path / "mine.npz")
    loaded = rules(FLOWS["queue-reactive"] | {"model": "mine.npz"})
    first = tape(MOVES, 5000)
    source = generated(loaded, first, tmp_path / "fixsim.toml")[QRM]
    assert (source.start_ns, source.stop_ns) == (first.start_ns, first.end_ns)
    assert source.market.venues == 2
    shipped = generated(rules(FLOWS["queue-reactive"]), first, ETC)[QRM]
    for one in (source, shipped):
        one.flow.step_until(first.start_ns + 10**9)
    assert source.market.digest() == shipped.market.digest()


FLOW = 'flow = { kind = "queue-reactive", start_nanos = 100_000_000_000'


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("", "listing.0: QRM: needs either tape or flow, and not both"),
        (FLOW + ' }\ntape = { path = "x" }', "listing.0: QRM: needs either tape or flow, and not both"),
        (
            'flow = { kind = "garch" }',
            "listing.0.flow: Input tag 'garch' found using 'kind' does not match",
        ),
        ('flow = { kind = "queue-reactive" }', "listing.0.flow.queue-reactive.start_nanos is missing"),
        (FLOW + ", depth = 1 }", "listing.0.flow.queue-reactive.depth = 1: Input should be greater"),
        (FLOW + ", rate = 1 }", "listing.0.flow.queue-reactive.rate is not a setting"),
        (
            'flow = { kind = "queue-reactive", start_nanos = 15_000_000 }',
            "listing.0: flow.start_nanos = 15000000: must be a multiple of tick_nanos, 10000000",
        ),
        (
            FLOW + " }\nticks = [{ from_nanos = 0, tick_nanos = 10_000_000 }]",
            "listing.0: QRM: ticks needs a tape",
        ),
    ],
)
def test_a_wrong_flow_is_one_line(lines: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "fixsim.toml"
    path.write_text(ETC.read_text("utf-8") + HEAD + lines + "\n", "utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)


HEAD = """
[[listing]]
symbol = "QRM"
tick_nanos = 10_000_000
lots_per_unit = 1
round_lots = 1
min_lots = 1
max_lots = 1_000_000
"""


@pytest.mark.parametrize(
    ("flow", "change", "text"),
    [
        ({"model": "none.npz"}, {}, r"listing.0.flow.model = 'none.npz': no such file in"),
        ({}, {"tick_nanos": 2 * TICK}, r"listing.0.tick_nanos = 20000000: the flow's model says 10000000"),
        ({"start_nanos": TICK}, {}, r"listing.0.flow, start_nanos = 10000000: start_px 3 half ticks leaves"),
        ({"depth": 2}, {}, r"depth 2 is not within 4"),
    ],
)
def test_what_cannot_be_opened_is_named(flow: dict[str, Any], change: dict[str, Any], text: str) -> None:
    loaded = rules(FLOWS["queue-reactive"] | flow, **change)
    with pytest.raises(SettingsError, match=text) as raised:
        generated(loaded, tape(MOVES, 5000), ETC)
    assert str(raised.value).startswith(f"{ETC}: ")
    assert "\n" not in str(raised.value)


def test_a_flow_takes_no_tape() -> None:
    loaded = rules(FLOWS["queue-reactive"])
    assert listed_tapes(loaded, ETC) == {}
    with pytest.raises(SettingsError, match=r"listing.0.tape: QRM has a flow, and no tape"):
        refuse_listed_tape(loaded, QRM, tape(), ETC)
    with pytest.raises(ValueError, match="QRM: its flow is drawn from a model, and a tape was given"):
        Exchange(loaded, tape(), lambda line: None, listed={QRM: tape()})


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("tape = 1", "listing.0.tape = 1: "),
        ("band_bp = 0", "listing.0.band_bp = 0: "),
        ("ticks = []", "listing.0.ticks: "),
        ("odd_lots = true", "listing.0: odd_lots = True: needs round_lot_lots"),
        (FLOW + ", depth = 1 }", "listing.0.flow.queue-reactive.depth = 1: "),
        (FLOW + ', model = "none.npz" }', "listing.0.flow.model = 'none.npz': no such file in "),
    ],
)
def test_the_command_says_it_in_a_line_and_exits_with_2(
    lines: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fixsim.toml"
    path.write_text(ETC.read_text("utf-8") + HEAD + lines + "\n", "utf-8")
    monkeypatch.setattr("sys.argv", ["fixsim", "serve", "--settings", str(path)])
    monkeypatch.setattr("structlog.configure", lambda **how: None)  # it outlives this test's stderr
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{path}: {text}")
    assert told.count("\n") == 1


@pytest.mark.parametrize("kind", FLOWS)
def test_the_example_in_the_settings_file_is_taken(kind: str) -> None:
    text = ETC.read_text("utf-8")
    example = [line.removeprefix("# ") for line in text[text.index('# symbol = "QRM"') :].splitlines()]
    chosen = [line for line in example if not line.startswith("flow") or kind in line]
    assert len(chosen) == len(example) - 1
    read = Settings.model_validate(table() | {"listing": [tomllib.loads("\n".join(chosen))]})
    assert read.listing[0].flow is not None


def test_the_examples_of_an_instruments_options_are_taken() -> None:
    options = ("ticks", "band_bp", "band_recentre_bp", "odd_lots", "round_lot_lots")
    lines = [line.removeprefix("# ") for line in ETC.read_text("utf-8").split("[tape]")[0].splitlines()]
    found = tomllib.loads("\n".join(line for line in lines if line.split(" = ")[0] in options))
    assert tuple(found) == options
    Instrument.model_validate(table()["instrument"] | found)
