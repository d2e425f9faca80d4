"""The benchmark measures what it says: each part runs shortly here. No figure is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fixsim.bench import (
    codec,
    feed,
    fixreport,
    flows,
    latency,
    machine,
    matching,
    picture,
    report,
    roundtrip,
    stages,
)
from fixsim.bench.settings import ORDERS_PER_S, STRATEGY, BenchError, prepare
from fixsim.bench.walk import BID_PX, DEPTH, ENTRIES, INSTRUMENT, RANGE, Walk
from fixsim.cli import app
from fixsim.demo.processes import DemoError
from fixsim.tape.format import load_tape
from risk.limits import load_limits
from risk.market import Market
from router.fix.codec import Message, encode, parse
from router.journalfile import verify
from router.marketdata import MarketData, Request, State, Venue
from router.policy import load_all, read_policies
from router.settings import load

ETC = Path(__file__).parents[2] / "etc"
SMALL = (8, 8)


def nothing(count: int) -> None:
    pass


def message(kind: bytes, seq: int, body: bytes) -> Message:
    found = parse(encode(b"FIX.4.4", kind, seq, b"XLIT1", b"SLUICE-MD", 0, body))
    assert isinstance(found, Message)
    return found


class TestWalk:
    def test_each_message_of_ten_entries_moves_the_touch_to_the_price_it_names(self) -> None:
        walk, data = Walk(), MarketData(INSTRUMENT, [Venue("XLIT1", True)], Market())
        request = next(o for o in data.feed_up(0, 0) if isinstance(o, Request))
        name = request.body.split(b"262=")[1].split(b"\x01")[0].decode()
        data.on_message(0, message(b"W", 1, walk.snapshot(name)), 0)
        assert data.states == [State.LIVE]
        before = data.ask_px
        for seq in range(2, 2 * RANGE + 20):
            step = walk.step()
            assert step.body.count(b"\x01279=") == ENTRIES
            data.on_message(0, message(b"X", seq, step.body), seq)
            assert abs(data.ask_px - before) == 2
            assert data.market.ask_nanos == round(float(step.price) * 10**9)
            before = data.ask_px
        assert data.states == [State.LIVE]
        assert data.bid_px == BID_PX
        assert data.books[0]["n"].tolist() == [DEPTH, DEPTH + 1]


class TestSettings:
    def test_the_router_reads_them_with_each_shipped_limit_but_the_rate(self, tmp_path: Path) -> None:
        setup = prepare(tmp_path / "run", ETC, SMALL, 9501, 9502)
        settings = load(setup.settings)
        assert settings.lockstep is None
        assert settings.decision.min_event_interval_ms == 0
        assert list(load_all(read_policies(settings.files.policies))) == [STRATEGY]
        shipped = load_limits(ETC / "limits.toml").model_dump()
        shipped["child"]["max_new_orders_per_s"] = ORDERS_PER_S
        assert load_limits(settings.files.limits).model_dump() == shipped

    def test_settings_that_are_not_there_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(BenchError, match=r"instruments\.toml: cannot be read"):
            prepare(tmp_path / "run", tmp_path, SMALL, 9501, 9502)


class TestLatency:
    def test_a_real_router_answers_each_message_and_the_echo_beside_it(self, tmp_path: Path) -> None:
        done: list[int] = []
        pair = latency.measure(tmp_path / "run", ETC, SMALL, 20, warm_up=5, block=10, done=done.append)
        assert pair.taken.shape == pair.floor.shape == (2, 10)
        assert (pair.taken > 0).all()
        assert (pair.floor > 0).all()
        assert sum(done) == 20
        assert pair.x_bytes > pair.d_bytes > 100

    def test_an_echo_beside_an_echo(self, tmp_path: Path) -> None:
        pair = latency.measure_floor(tmp_path / "run", 20, 10, 500, 170, nothing)
        assert pair.taken.shape == pair.floor.shape == (2, 10)

    def test_ratios(self) -> None:
        pair = latency.Pair("x", np.array([[2, 2, 2], [9, 9, 9]]), np.array([[1, 1, 1], [3, 3, 3]]), 1, 1)
        assert pair.ratio == pytest.approx(5.5 / 2)
        assert pair.block_ratio == 2.5


class TestRoundTrip:
    def test_orders_and_reports_go_between_two_processes_and_both_journals_hold_them(
        self, tmp_path: Path
    ) -> None:
        done: list[int] = []
        trips = roundtrip.measure(tmp_path / "run", None, 2, 10, 200, done.append)
        assert [trip.name for trip in trips] == ["Sluice", "echo"]
        assert all(trip.ns.shape == (2, 10) and trip.ns.min() > 0 for trip in trips)
        assert all(trip.per_s.shape == (2,) and trip.per_s.min() > 0 for trip in trips)
        assert done == [1, 1]
        for name in ("initiator", "acceptor"):
            kinds = verify(tmp_path / "run" / f"{name}.journal").kinds
            assert kinds["FIX_OUT"] == kinds["FIX_IN"] == 1 + 10 + 2 * (10 + 200)

    def test_a_peer_that_cannot_run_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DemoError, match="QuickFIX"):
            roundtrip.measure(tmp_path / "run", Path("/bin/false"), 1, 5, 64, nothing)


class TestCodec:
    def test_each_of_the_three_is_measured_by_both(self) -> None:
        costs = codec.measure(1, nothing)
        assert [(cost.what, cost.engine) for cost in costs] == [
            (what, engine)
            for what in (codec.ORDER, codec.REPORT, codec.BOOK)
            for engine in ("Sluice", "simplefix")
        ]
        assert all(cost.us > 0 and cost.size > 100 for cost in costs)


def small_rates() -> list[feed.Rate]:
    return feed.measure(ETC, 300, nothing)


def small_stages(folder: Path) -> stages.Stages:
    return stages.measure(folder, ETC, SMALL, samples=5, warm_up=2, done=nothing)


class TestFeed:
    def test_the_whole_path_the_framer_and_the_peer_take_the_same_bytes(self) -> None:
        rates = small_rates()
        assert len(rates) == 3
        assert len({(rate.messages, rate.entries, rate.size) for rate in rates}) == 1
        assert rates[0].messages > 200
        assert all(rate.messages_per_s > 0 for rate in rates)


class TestStages:
    def test_every_stage_and_every_input_has_its_time(self, tmp_path: Path) -> None:
        found = small_stages(tmp_path / "run")
        assert len(found.stages) == len(stages.STAGES)
        assert len(found.inputs) == len(stages.INPUTS)
        assert min(*found.stages, *found.inputs, found.total) > 0


class TestMatching:
    @staticmethod
    def touch_of(fed: matching.Records) -> tuple[float, float, float, float]:
        """What a reader of the feed holds at its end, order by order."""
        orders: dict[int, tuple[bool, float, float]] = {}
        for row in fed:
            key, kind = int(row["order_id"]), int(row["ev"]) & 0xFF
            if kind == matching.CANCEL:
                del orders[key]
            elif kind == matching.ADD:
                assert key not in orders
                orders[key] = (bool(int(row["ev"]) & matching.BUY), float(row["px"]), float(row["qty"]))
            elif kind == matching.MODIFY:
                assert orders[key][2] > row["qty"]
                orders[key] = (*orders[key][:2], float(row["qty"]))
        bid = max(px for buys, px, _ in orders.values() if buys)
        ask = min(px for buys, px, _ in orders.values() if not buys)
        sizes = [sum(q for b, px, q in orders.values() if b == buys and px == at)
                 for buys, at in ((True, bid), (False, ask))]  # fmt: skip
        return bid, sizes[0], ask, sizes[1]

    def test_the_peer_is_fed_the_recording_s_own_book(self) -> None:
        tape = load_tape()
        fed, opening, told = matching.feed_of_recording(tape)
        assert 0 < opening < len(fed)
        assert len(tape.events) // 2 < told <= len(tape.events)
        seconds, market = matching.replay_seconds(tape, 1)
        assert seconds > 0
        matching._agree("recording", market, self.touch_of(fed), 0.01, 1e-8)
        with pytest.raises(BenchError, match="the touch at the end is"):
            matching._agree("recording", market, (1.0, 1.0, 2.0, 1.0), 0.01, 1e-8)

    def test_the_stream_of_orders_holds_every_type_and_mostly_succeeds(self) -> None:
        commands = matching.orders(5000, 1, every_type=True)
        assert (commands == matching.orders(5000, 1, every_type=True)).all()
        for field, values in (("op", 3), ("kind", 4), ("sign", 2)):
            assert len(np.unique(commands[field])) == values, field
        assert min(np.count_nonzero(commands[f]) for f in ("display_qty", "post_only", "hidden")) > 0
        _, market, accepted = matching.batch_seconds(commands)
        assert 0.6 < accepted / len(commands) < 1
        fed, told = matching.feed_of_orders(commands)
        assert told > 2000
        touch = self.touch_of(fed)
        assert touch[0] < touch[2]
        assert (touch[0] * 200, touch[2] * 200) == (market.best(0).bid_px, market.best(0).ask_px)


class TestFlows:
    def test_every_flow_runs_and_is_counted(self) -> None:
        done: list[int] = []
        paces = flows.measure(0.01, 1, done.append)
        assert [pace.name for pace in paces] == [flows.TASK, *flows.sources()]
        assert sum(done) == flows.PARTS
        assert all(pace.per_s > 0 for pace in paces)


class TestReport:
    def test_the_page_describes_the_machine_and_holds_every_table(self, tmp_path: Path) -> None:
        pair = latency.Pair("256×256", np.full((2, 4), 7000), np.full((2, 4), 2000), 600, 170)
        spans = [small_stages(tmp_path / "s")]
        speeds = [
            matching.Speed("orders, batch door", "Sluice", 6_000_000, np.array([1.0])),
            matching.Speed("orders, batch door", "hftbacktest", 1_000_000, np.array([0.5, 1.0, 0.9])),
        ]
        paces = [flows.Pace(flows.TASK, 200_000.0), flows.Pace("queue-reactive flow: order events", 2e6)]
        trips = [
            roundtrip.Trip("Sluice", np.full((3, 4), 40_000), np.full(3, 36_000.0)),
            roundtrip.Trip("QuickFIX", np.full((3, 4), 100_000), np.array([9000.0, 10_000.0, 20_000.0])),
            roundtrip.Trip("echo", np.full((3, 4), 20_000), np.full(3, 200_000.0)),
        ]
        costs = [codec.Cost(codec.ORDER, "Sluice", 1.96, 171), codec.Cost(codec.REPORT, "Sluice", 4.4, 280)]
        results = report.Results(
            machine.describe(), [pair], pair, small_rates(), spans, trips, costs, speeds, paces
        )
        picture.write_png(speeds, paces, tmp_path / "rates.png")
        assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
        page = report.markdown(results, "rates.png")
        assert "](rates.png)" in page
        for words in ("## Machine", "Python", "## Tick to order", "| 7.0 |", "3.50", "4 ×: met", "simplefix",
                      "| Sluice | 40.0 | 40.0 | 36,000 | 0.40 | 3.60 | met / met |",
                      "| QuickFIX | 100.0 | 100.0 | 10,000 | 1.00 | 1.00 |  |",
                      "| 171 | 2.0 | 2: met |", "| 280 | 4.4 | 4: missed |",
                      "order events | 2,000,000 |", "| 200,000 | 74 | 100,000: met |",
                      "| Sluice: orders, batch door | 6,000,000 | 6.00 | 167 | 1.0 | 5 M: met |",
                      "| hftbacktest: orders, batch door | 1,000,000 | 1.11 | 900 | 5.4 |"):  # fmt: skip
            assert words in page
        stage_table = page.split("## Stages")[1].split("## ")[0]
        widths = {line.count("|") for line in stage_table.splitlines() if line.startswith("|")}
        assert len(widths) == 1
        alone = fixreport.fix_tables([trips[0], trips[2]], costs)[0]
        assert "make interop" in alone.text
        assert alone.rows[0] == ("Sluice", "40.0", "40.0", "36,000", "", "", "")
        assert len(report.terminal(results)) == len(report.tables(results))


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["bench", "--quick", "--etc", str(tmp_path)])
    assert told.exit_code == 1
    assert "cannot be read" in told.output
