"""The exchange on generated flow: its settings, its doors, its seed; and what a wrong [flow] is told."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fixsim.cli import main
from fixsim.exchange import Exchange
from fixsim.flow.hostile.crowd import Crowd
from fixsim.flow.source import AGENT_KEYS
from fixsim.generated import first_market, generated
from fixsim.settings import Settings, load_settings, refuse_other_tape, tape_path
from risk.errors import SettingsError
from risk.order import OrdType, Side
from router.fix.messages import MarketDataRequest
from tests.fixsim.market import BTC, ETC, MS, SYMBOL, Floor, entries, fields, order, table, tape

START = tomllib.loads("at = 2026-01-05T14:30:00Z")["at"]
DRAWN: dict[str, dict[str, Any]] = {
    "queue-reactive": {"scale_lots": 100_000},
    "hawkes": {"scale_lots": 100_000, "branching": 0.6},
    "zero-intelligence": {
        "limit_per_s": 2.0, "market_per_s": 4.0, "cancel_per_s": 0.4, "lots": BTC, "ticks": 8,
    },
}  # fmt: skip
AGENTS = [
    {"kind": "pinger", "reaction_ns": 200 * MS, "most_lots": 10 * BTC},
    {"kind": "penny-jumper", "reaction_ns": 100 * MS, "large_lots": 5 * BTC, "lots": BTC},
    {"kind": "anticipator", "reaction_ns": 100 * MS, "least_lots": BTC // 2, "lots": BTC},
]
SUBSCRIBE = MarketDataRequest("r", 1, 0, ("0", "1", "2"), (SYMBOL,))


def asked(kind: str, **more: Any) -> dict[str, Any]:
    common = {"kind": kind, "start": START, "duration_s": 60.0, "start_nanos": 100 * 10**9}
    return common | DRAWN[kind] | more


def rules(flow: dict[str, Any] | None, *, with_tape: bool = False, **more: Any) -> Settings:
    read = table() | more
    if not with_tape:
        del read["tape"]
    return Settings.model_validate(read if flow is None else read | {"flow": flow})


def floor_of(kind: str, seed: int = 1, **more: Any) -> Floor:
    loaded = rules(asked(kind, **more), seed=seed)
    source = first_market(loaded, ETC)
    assert source is not None
    return Floor(loaded, source)  # type: ignore[arg-type]


def run(kind: str, seed: int = 1, **more: Any) -> tuple[bytes, list[str], str, int]:
    """Two clients who trade at all three venues, market data, and the market's end."""
    floor = floor_of(kind, seed, **more)
    clients = [floor.client(venue) for venue in ("XLIT1", "XLIT2", "XDRK")]
    for venue in ("XLIT1", "XLIT2"):
        floor.client(venue, "SLUICE-MD").send(SUBSCRIBE)
    peg = {"ord_type": OrdType.PEGGED, "exec_inst": "M"}
    clients[2].send(order("d", Side.BUY, None, 2 * BTC, **peg))
    clients[2].send(order("e", Side.SELL, None, BTC, **peg))
    for number in range(8):
        floor.run(3_000)
        side = Side.BUY if number % 2 else Side.SELL
        clients[number % 2].send(order(f"t{number}", side, None, 2 * BTC))
        clients[1 - number % 2].send(order(f"r{number}", side, 10_000 - 2 * number, BTC))
    floor.run(60_000)
    exchange = floor.exchange
    exchange.finish(floor.now_ns)
    return bytes(floor.wire), floor.lines, exchange.lit.market.digest(), exchange.now_ns


@pytest.mark.parametrize("agents", [[], AGENTS], ids=["alone", "watched"])
@pytest.mark.parametrize("kind", DRAWN)
def test_the_seed_decides_every_message(kind: str, agents: list[dict[str, Any]]) -> None:
    first, again, other = (run(kind, seed, agents=agents) for seed in (1, 1, 2))
    assert first == again
    assert first[0] != other[0]
    assert first[2] != other[2]
    fills = {json.loads(line)["cl_ord_id"] for line in first[1] if json.loads(line)["event"] == "fill"}
    assert {"d", "e"} <= fills, "the dark venue has a midpoint"
    assert len(fills) > 6


def test_the_book_and_its_trades_go_out() -> None:
    floor = floor_of("queue-reactive")
    feed = floor.client("XLIT1", "SLUICE-MD")
    feed.send(SUBSCRIBE)
    floor.run(30_000)
    told = [(one.msg_type, entries(one.raw)) for one in feed.got]
    snapshots = [levels for kind, levels in told if kind == b"W"]
    assert len(snapshots) == 1
    assert {level.split()[0] for level in snapshots[0]} == {"0", "1"}
    updates = [entry.split() for kind, levels in told if kind == b"X" for entry in levels]
    assert len(updates) > 50
    assert {entry[1] for entry in updates} == {"0", "1", "2"}


def test_the_market_begins_and_ends_when_the_settings_say() -> None:
    floor = floor_of("queue-reactive")
    exchange = floor.exchange
    assert exchange.start_ns == int(START.timestamp()) * 10**9
    assert exchange.stop_ns - exchange.start_ns == 60 * 10**9
    floor.run(60_000)
    assert exchange.deadline_ns() is None
    touch = exchange.lit.market.best(0)
    assert touch.bid_px < touch.ask_px


def test_agents_orders_stay_inside_the_market() -> None:
    """What they trade is published; no venue takes them for a client's."""
    floor = floor_of("zero-intelligence", agents=AGENTS, seed=3)
    client = floor.client("XLIT1")
    for number in range(20):
        client.send(order(f"b{number}", Side.BUY, 9_999 - number, 8 * BTC))
        floor.run(2_000)
    crowd = floor.exchange.listings[SYMBOL].source.flow
    assert isinstance(crowd, Crowd)
    assert sum(agent.desk.account.fills for agent in crowd.agents) > 0
    named = {json.loads(line).get("cl_ord_id") for line in floor.lines} - {None}
    assert named <= {f"b{number}" for number in range(20)}
    orders = floor.exchange.lit.market.orders(0)
    assert (orders["key"] > -1_000_000).any() or (orders["key"] <= AGENT_KEYS).any()


def test_a_listing_may_have_agents_and_hawkes_clocks_too() -> None:
    flow = asked("hawkes", agents=AGENTS, scale_lots=1)
    del flow["start"], flow["duration_s"]
    listed = {
        "symbol": "QRM", "tick_nanos": 10_000_000, "lots_per_unit": 1, "round_lots": 1, "min_lots": 1,
        "max_lots": 10**9, "flow": flow,
    }  # fmt: skip
    loaded = rules(asked("queue-reactive"), listing=[listed])
    first = first_market(loaded, ETC)
    assert first is not None
    second = generated(loaded, first, ETC)["QRM"]
    assert (second.start_ns, second.stop_ns) == (first.start_ns, first.stop_ns)
    floor = Floor(loaded, first, listed={"QRM": second})  # type: ignore[arg-type]
    floor.run(5_000)
    a, b = (floor.exchange.listings[symbol].lit.market.digest() for symbol in (SYMBOL, "QRM"))
    assert a != b


# The settings


def test_the_tape_is_not_read_where_a_flow_draws_and_needed_where_it_does_not() -> None:
    drawn = rules(asked("queue-reactive"), with_tape=True)
    assert drawn.drawn is not None
    with pytest.raises(SettingsError, match=r"flow\.kind = 'queue-reactive' needs none"):
        tape_path(drawn, ETC)
    with pytest.raises(SettingsError, match="needs none"):
        refuse_other_tape(drawn, tape(), ETC)
    with pytest.raises(ValueError, match="its flow is drawn from a model, and a tape was given"):
        Exchange(drawn, tape(), lambda line: None)
    for flow in (None, {"kind": "tape"}):
        replayed = rules(flow, with_tape=True)
        assert replayed.drawn is None
        assert first_market(replayed, ETC) is None
        assert tape_path(replayed, ETC).is_file()


def without(kind: str, name: str) -> dict[str, Any]:
    flow = asked(kind)
    del flow[name]
    return flow


@pytest.mark.parametrize(
    ("flow", "more", "text"),
    [
        (None, {}, "tape is missing: it moves the instrument, unless"),
        ({"kind": "tape"}, {}, "tape is missing"),
        (without("hawkes", "start"), {}, "flow.start is missing: the market begins at start"),
        (without("hawkes", "duration_s"), {}, "flow.duration_s is missing"),
        (without("hawkes", "branching"), {}, "flow.hawkes.branching is missing"),
        (asked("hawkes", branching=1.0), {}, "flow.hawkes.branching = 1.0: Input should be less than 1"),
        (asked("zero-intelligence", lots=0), {}, "flow.zero-intelligence.lots = 0: "),
        (asked("queue-reactive", start_nanos=15_000_000), {}, "must be a multiple of tick_nanos, 10000000"),
        (asked("queue-reactive", agents=[{"kind": "saint"}]), {}, "flow.queue-reactive.agents.0: Input tag"),
        (
            asked("queue-reactive", agents=[{"kind": "pinger", "reaction_ns": 0, "most_lots": 1}]),
            {},
            "agents.0.pinger.reaction_ns = 0: ",
        ),
        (
            asked("queue-reactive"),
            {"impact": {"y": 1.0, "volatility": 0.01, "volume_lots": 1000, "half_life_s": 1.0}},
            "impact needs a tape: what moves the market is flow.kind = 'queue-reactive'",
        ),
    ],
)
def test_a_wrong_flow_is_one_line(
    flow: dict[str, Any] | None,
    more: dict[str, Any],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "fixsim.toml"
    read = {**tomllib.loads(ETC.read_text("utf-8")), **more}
    del read["tape"]
    if flow is not None:
        read["flow"] = flow
    path.write_text("", "utf-8")
    monkeypatch.setattr("tomllib.loads", lambda _: read)
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    assert text in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"model": "none.npz"}, r"flow.model = 'none.npz': no such file in"),
        ({"depth": 3}, r"flow, start_nanos = 100000000000: depth 3 is not within 4"),
    ],
)
def test_what_cannot_be_opened_is_named(more: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        first_market(rules(asked("hawkes", **more)), ETC)


def test_a_models_tick_is_the_instruments() -> None:
    loaded = rules(asked("queue-reactive"))
    coarse = loaded.instrument.model_copy(update={"tick_nanos": 20_000_000})
    with pytest.raises(
        SettingsError, match=r"instrument.tick_nanos = 20000000: the flow's model says 10000000"
    ):
        first_market(loaded.model_copy(update={"instrument": coarse}), ETC)


def example(kind: str) -> dict[str, Any]:
    """The commented [flow] of the settings file, with the lines that its comments say are of one kind."""
    text = ETC.read_text("utf-8")
    lines = text[text.index("# [flow]") : text.index("\n[clock]")].splitlines()
    lines = [line.removeprefix("# ") for line in lines]
    parts: dict[str, list[str]] = {"queue-reactive": [], "hawkes": [], "zero-intelligence": [], "agents": []}
    at = "queue-reactive"
    for line in lines[1:]:
        named = next(
            (name for name in ("hawkes", "zero-intelligence") if line.startswith(f"Of kind {name}")), ""
        )
        at = named or ("agents" if line.startswith("Agents") else at)
        if not line.startswith(("Of kind", "Agents")):
            parts[at].append(line)
    chosen = parts["queue-reactive"] + (parts[kind] if kind != "queue-reactive" else [])
    if kind == "zero-intelligence":
        chosen = [line for line in chosen if line.split(" = ")[0] not in ("model", "depth", "scale_lots")]
    read = tomllib.loads("\n".join(chosen + parts["agents"]))
    return read | {"kind": kind}


@pytest.mark.parametrize("kind", DRAWN)
def test_the_example_in_the_settings_file_runs(kind: str) -> None:
    read = example(kind)
    assert len(read["agents"]) == 3
    read.pop("model", None)
    loaded = rules(read, with_tape=True)
    source = first_market(loaded, ETC)
    assert source is not None
    source.flow.step_until(source.start_ns + 5 * 10**9)
    assert source.market.best(0).bid_px * loaded.instrument.tick_nanos // 2 > 6_100 * 10**9


def test_serve_names_the_fault_of_a_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fixsim.toml"
    text = ETC.read_text("utf-8")
    text += (
        '\n[flow]\nkind = "queue-reactive"\nstart = 2018-07-13T20:47:11Z\nduration_s = 5.0\n'
        'start_nanos = 6_200_000_000_000\nmodel = "none.npz"\n'
    )
    path.write_text(text, "utf-8")
    monkeypatch.setattr("sys.argv", ["fixsim", "serve", "--settings", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{path}: flow.model = 'none.npz': no such file in ")
    assert told.count("\n") == 1


def test_a_client_trades_with_the_flow() -> None:
    floor = floor_of("queue-reactive")
    client = floor.client("XLIT1")
    client.send(order("b", Side.BUY, None, BTC // 100))
    floor.run(100)
    seen = [fields(one.raw) for one in client.got]
    assert [one[150] for one in seen][:2] == ["0", "F"]
    assert 99 < float(seen[1][31]) < 101
