"""The admin console: what may be done to a running market, as a dict, over its socket, as a command."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fixsim.adminsocket import MAX_REQUEST_BYTES, AdminError, AdminServer, ask
from fixsim.console import Console
from fixsim.matching import EventKind
from fixsim.reporting import MAX_EXECUTIONS
from fixsim.server import serve
from fixsim.settings import Admin
from fixsim.unasked import fills
from risk.errors import SettingsError
from risk.order import OrdType, Side
from router.clock import SteppedClock, SystemClock
from router.fix.messages import OrderCancelReplaceRequest
from router.link import TcpNetwork
from tests.fixsim.market import (
    BTC,
    ETC,
    START_NS,
    SYMBOL,
    TICK,
    Client,
    Floor,
    cancel,
    order,
    settings,
    tape,
    with_clients,
)
from tests.fixsim.test_server import BUSY, Trader

OWN = "XLIT1"


WORDS = st.sampled_from(["cmd", "venue", "symbol", "script", "name", "lots"]) | st.text()
ANYTHING = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
)


class Desk:
    """A floor, a client with orders there, and its operator."""

    def __init__(self, **rule: Any) -> None:
        self.floor = Floor(with_clients(rule=rule) if rule else None, tape(lasts_ms=5_000))
        self.client: Client = self.floor.client()
        self.console = Console(self.floor.gateway)

    def do(self, cmd: str, **fields: Any) -> dict[str, Any]:
        """A command, now; what it makes has come to the client."""
        answer = self.console.handle({"cmd": cmd} | fields, self.floor.now_ns)
        self.floor.run(1)
        return answer

    def refused(self, cmd: str, **fields: Any) -> str:
        answer = self.do(cmd, **fields)
        assert not answer["ok"]
        return str(answer["reason"])

    def takes(self, cl_ord_id: str, lots: int, ticks: int | None = None) -> list[dict[int, str]]:
        """Buys at what is offered; its fills."""
        self.client.send(order(cl_ord_id, Side.BUY, ticks, lots))
        self.floor.run(1)
        return [seen for seen in self.client.seen() if seen[150] == "F"]


class TestOrders:
    def test_an_order_is_cancelled_and_reported(self) -> None:
        desk = Desk()
        desk.client.send(order("1", Side.BUY, 9_000))
        desk.floor.run(1)
        desk.client.seen()
        answer = desk.do("cancel", venue=OWN, order_id=f"{OWN}-1")
        assert answer == {"ok": True, "did": "XLIT1: XLIT1-1 (SLUICE-OE 1) is canceled, 0 lots were filled"}
        (seen,) = desk.client.seen()
        assert (seen[150], seen[39], seen[378], seen[58]) == ("4", "4", "99", "cancel by the operator")
        assert [line["text"] for line in desk.floor.recorded("admin")] == [answer["did"]]
        assert desk.floor.recorded("canceled")[0]["orig_cl_ord_id"] == "1"
        assert "is canceled: nothing is left" in desk.refused("cancel", venue=OWN, order_id=f"{OWN}-1")

    def test_an_order_is_restated_in_its_place(self) -> None:
        desk = Desk()
        for name in ("1", "2"):
            desk.client.send(order(name, Side.BUY, 10_001))
        desk.floor.run(1)
        desk.client.seen()
        assert desk.do("restate", venue=OWN, order_id=f"{OWN}-1", lots=str(BTC // 4))["ok"]
        (seen,) = desk.client.seen()
        assert (seen[150], seen[378], seen[38], seen[151]) == ("D", "5", "0.25", "0.25")
        (line,) = desk.floor.recorded("restated")
        assert (line["qty_lots"], line["leaves_lots"], line["cum_lots"]) == (BTC // 4, BTC // 4, 0)
        desk.client.send(order("3", Side.SELL, 10_001, BTC // 4))
        desk.floor.run(1)
        assert [seen[11] for seen in desk.client.seen() if seen[150] == "F"] == ["1", "3"]

    @pytest.mark.parametrize("lots", ["0", str(BTC), str(2 * BTC)])
    def test_a_restatement_leaves_less(self, lots: str) -> None:
        desk = Desk()
        desk.client.send(order("1", Side.BUY, 9_000))
        desk.floor.run(1)
        why = desk.refused("restate", venue=OWN, order_id=f"{OWN}-1", lots=lots)
        assert (
            why
            == f"XLIT1-1 to {lots} lots: must be a multiple of 1 above 0 and below the {BTC} that are left"
        )

    def test_nothing_is_restated_in_a_halt(self) -> None:
        desk = Desk()
        desk.client.send(order("1", Side.BUY, 9_000))
        desk.floor.run(1)
        desk.do("halt", venue=OWN)
        assert "is halted" in desk.refused("restate", venue=OWN, order_id=f"{OWN}-1", lots="1")
        assert desk.do("cancel", venue=OWN, order_id=f"{OWN}-1")["ok"]


class TestFills:
    def test_a_busted_fill_of_a_live_order_is_gone_and_its_quantity_does_not_come_back(self) -> None:
        desk = Desk(taker_fee_ppb=100_000)
        first, *_ = desk.takes("1", 20 * BTC, 10_003)
        (working,) = desk.floor.exchange.venues[OWN].open_orders()
        leaves, cum, paid = working.leaves_lots, working.cum_lots, working.paid_nanos_lots
        lots = round(float(first[32]) * BTC)
        px = round(float(first[31]) * 1e9)
        assert desk.do("bust", venue=OWN, exec_id=first[17])["ok"]
        (seen,) = desk.client.seen()
        assert (seen[150], seen[19], seen[39]) == ("H", first[17], "1" if cum > lots else "0")
        assert float(seen[151]) * BTC == pytest.approx(leaves)
        assert float(seen[14]) * BTC == pytest.approx(cum - lots)
        assert float(seen[12]) == -float(first[12])
        assert working.paid_nanos_lots == paid - px * lots
        assert desk.floor.exchange.lit.market.leaves(working.key) == leaves
        (line,) = desk.floor.recorded("busted")
        assert line["exec_ref_id"] == first[17]
        assert line["fee_nanos"] == -desk.floor.recorded("fill")[0]["fee_nanos"]
        assert working.qty_lots == working.cum_lots + working.leaves_lots + working.busted_lots
        assert "is busted already" in desk.refused("bust", venue=OWN, exec_id=first[17])
        assert "is busted already" in desk.refused("correct", venue=OWN, exec_id=first[17], price="1")
        desk.client.send(cancel("2", "1"))
        desk.floor.run(1)
        assert [report[:3] for report in desk.client.reports()] == ["4 4"]

    def test_a_filled_order_whose_fill_is_busted_is_canceled(self) -> None:
        desk = Desk()
        (fill,) = desk.takes("1", BTC // 4)
        assert fill[39] == "2"
        desk.do("bust", venue=OWN, exec_id=fill[17])
        (seen,) = desk.client.seen()
        assert (seen[150], seen[39], seen[14], seen[151], seen[6]) == ("H", "4", "0", "0", "0")
        desk.client.send(cancel("2", "1"))
        desk.floor.run(1)
        assert desk.client.reports() == ["9 1 0"]

    def test_a_replace_counts_what_was_busted(self) -> None:
        desk = Desk()
        first, *_ = desk.takes("1", 20 * BTC, 10_003)
        desk.do("bust", venue=OWN, exec_id=first[17])
        (working,) = desk.floor.exchange.venues[OWN].open_orders()
        done = working.cum_lots + working.busted_lots
        desk.client.seen()
        for name, lots in (("2", done), ("3", done + BTC)):
            change = OrderCancelReplaceRequest(
                name, "1", SYMBOL, Side.BUY, START_NS, lots, OrdType.LIMIT, price_nanos=10_003 * TICK
            )
            desk.client.send(change)
            desk.floor.run(1)
        refused, replaced = desk.client.seen()
        assert (refused[35], refused[102]) == ("9", "2")
        assert f"and {working.busted_lots} busted" in refused[58]
        assert (replaced[150], replaced[151]) == ("5", "1")
        assert desk.floor.exchange.lit.market.leaves(working.key) == BTC

    def test_a_corrected_fill_has_a_new_price_name_and_commission(self) -> None:
        desk = Desk(taker_fee_ppb=100_000, order_fee_nanos=7)
        (fill,) = desk.takes("1", BTC // 4)
        assert desk.do("correct", venue=OWN, exec_id=fill[17], price="99.5")["ok"]
        (seen,) = desk.client.seen()
        assert (seen[150], seen[39], seen[19]) == ("G", "2", fill[17])
        assert (seen[31], seen[32], seen[6], seen[14]) == ("99.5", "0.25", "99.5", "0.25")
        assert seen[12] == "0.002487507"  # 24.875 at 1 bp, and the order's 7 nanos
        assert (seen[30], seen[851]) == (OWN, fill[851])
        again = desk.do("correct", venue=OWN, exec_id=seen[17], price="99.25")
        assert again["ok"]
        (second,) = desk.client.seen()
        assert (second[19], second[6]) == (seen[17], "99.25")
        desk.do("bust", venue=OWN, exec_id=fill[17])  # its first name does as well
        (busted,) = desk.client.seen()
        assert (busted[19], busted[12]) == (second[17], f"-{second[12]}")
        assert [line["price_nanos"] for line in desk.floor.recorded("corrected")] == [
            99_500_000_000,
            99_250_000_000,
        ]

    @pytest.mark.parametrize(
        ("price", "rule"),
        [
            ("0", "to 0: must be a positive multiple of 0.005, half a tick"),
            ("99.001", "to 99.001: must be a positive multiple of 0.005, half a tick"),
            ("x", "price: "),
            ("same", ": that is its price"),
        ],
    )
    def test_a_price_that_cannot_be_is_refused(self, price: str, rule: str) -> None:
        desk = Desk()
        (fill,) = desk.takes("1", BTC // 4)
        why = desk.refused(
            "correct", venue=OWN, exec_id=fill[17], price=fill[31] if price == "same" else price
        )
        assert rule in why
        assert desk.floor.recorded("admin") == []
        assert desk.client.got == []

    def test_the_oldest_fills_are_beyond_reach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fixsim.reporting.MAX_EXECUTIONS", 2)
        desk = Desk()
        names = [desk.takes(f"{number}", 1)[0][17] for number in range(3)]
        why = desk.refused("bust", venue=OWN, exec_id=names[0])
        assert why == f"XLIT1 knows no fill '{names[0]}'; last: {names[1]}, {names[2]}"
        assert desk.do("bust", venue=OWN, exec_id=names[1])["ok"]
        assert MAX_EXECUTIONS == 100_000

    @hypothesis_settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["bust", "correct"]), st.integers(0, 5), st.integers(1, 9)), max_size=8
        )
    )
    def test_what_stands_of_the_fills_is_the_order(self, acts: list[tuple[str, int, int]]) -> None:
        """Whatever is busted and corrected, in any order: CumQty and AvgPx are of the fills that stand."""
        desk = Desk()
        desk.takes("1", 30 * BTC, 10_009)
        (working,) = desk.floor.exchange.venues[OWN].open_orders()
        venue = desk.floor.exchange.venues[OWN]
        assert len(fills(venue)) > 1
        leaves = working.leaves_lots
        for cmd, at, ticks in acts:
            left = fills(venue)
            if left:
                one = left[at % len(left)]
                more = {"price": f"{one.price_nanos / 1e9 + ticks / 100:g}"} if cmd == "correct" else {}
                assert desk.do(cmd, venue=OWN, exec_id=one.exec_id, **more)["ok"]
        left = fills(venue)
        assert working.cum_lots == sum(one.qty_lots for one in left)
        assert working.paid_nanos_lots == sum(one.qty_lots * one.price_nanos for one in left)
        assert working.leaves_lots == leaves
        assert working.qty_lots == working.cum_lots + working.leaves_lots + working.busted_lots


class TestVenues:
    def test_halt_auction_close_and_resume(self) -> None:
        desk = Desk()
        for cmd, phase in (
            ("halt", "halted"),
            ("auction", "auction"),
            ("close", "closed"),
            ("resume", "continuous"),
        ):
            assert desk.do(cmd, venue=OWN)["did"] == f"XLIT1: {SYMBOL} is {phase}"
            told = desk.do("status")["status"]["venues"]
            assert [venue["phases"][SYMBOL] for venue in told] == [phase, "continuous", "continuous"]
        assert len(desk.floor.recorded("admin")) == 4
        assert desk.do("halt", venue="XDRK", symbol=SYMBOL)["ok"]

    def test_status_tells_of_orders_clients_and_faults(self) -> None:
        desk = Desk()
        desk.client.send(order("1", Side.BUY, 9_000))
        desk.floor.run(1)
        (fill,) = desk.takes("2", 1)
        fault = {"do": "duplicate", "by": "1ms"}
        answer = desk.do("script", name="dup.toml", script={"seed": 1, "fault": [fault]})
        assert answer["did"] == "dup.toml: 1 faults are at work"
        desk.client.send(order("3", Side.BUY, 9_000))
        desk.floor.run(1)
        told = desk.do("status")["status"]
        (own, other, _) = told["venues"]
        assert own["clients"] == ["SLUICE-OE"]
        assert other["clients"] == []
        assert own["open_orders"] == 2
        assert own["orders"][0] == {
            "order_id": "XLIT1-1", "client": "SLUICE-OE", "cl_ord_id": "1", "symbol": SYMBOL, "side": "buy",
            "leaves_lots": BTC,
        }  # fmt: skip
        assert own["fills"] == [fill[17]]
        assert told["market_time"] == "2018-07-13T20:47:11.004000Z"
        (script,) = told["faults"]
        assert script["faults"] == [{"fault": "from the start, every venue: duplicate, by 1ms", "struck": 1}]
        assert [line["text"] for line in desk.floor.recorded("admin")] == ["dup.toml: 1 faults are at work"]
        json.dumps(told)

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            (
                {"cmd": "stop"},
                "cmd 'stop' is not one of status, halt, resume, auction, close, cancel, restate",
            ),
            ({"cmd": "halt"}, "halt needs venue"),
            ({"cmd": "halt", "venue": "XNYS"}, "venue 'XNYS' is not one of XLIT1, XLIT2, XDRK"),
            ({"cmd": "halt", "venue": OWN, "symbol": "X"}, "symbol 'X' is not one of BTC-USD"),
            ({"cmd": "halt", "venue": OWN, "why": "X"}, "halt does not take why"),
            ({"cmd": "auction", "venue": "XDRK"}, "XDRK is dark: it has no auction"),
            ({"cmd": "cancel", "venue": OWN, "order_id": "9"}, "XLIT1 has no order '9'; open: XLIT1-1"),
            ({"cmd": "cancel", "venue": "XLIT2", "order_id": "9"}, "XLIT2 has no order '9'; it has none"),
            (
                {"cmd": "restate", "venue": OWN, "order_id": "XLIT1-1", "lots": "-1"},
                "lots '-1': must be a whole",
            ),
            ({"cmd": "bust", "venue": OWN, "exec_id": "9"}, "XLIT1 knows no fill '9'; it has none"),
            ({"cmd": "bust", "venue": OWN, "exec_id": 9}, "bust: exec_id must be text"),
            ({"cmd": "script", "name": "f", "script": {}}, "f: seed: Field required"),
            (
                {
                    "cmd": "script",
                    "name": "f",
                    "script": {"seed": 1, "fault": [{"do": "lose", "venue": "X"}]},
                },
                "f: fault.0.venue = 'X': must be one of XDRK, XLIT1, XLIT2",
            ),
            ({}, "cmd None is not one of"),
        ],
    )
    def test_what_cannot_be_is_refused_with_what_is_known(self, fields: dict[str, Any], rule: str) -> None:
        desk = Desk()
        desk.client.send(order("1", Side.BUY, 9_000))
        desk.floor.run(1)
        answer = desk.console.handle(fields, desk.floor.now_ns)
        assert not answer["ok"]
        assert answer["reason"].startswith(rule)
        assert desk.floor.recorded("admin") == []

    @given(ANYTHING)
    def test_nonsense_is_only_refused(self, asked: object) -> None:
        desk = NONSENSE
        assert not desk.console.handle(asked, desk.floor.now_ns)["ok"]


NONSENSE = Desk()


# -- over the socket


async def test_the_socket_answers_and_bounds_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = AdminServer(path, lambda asked: {"ok": True, "did": f"{asked}"})
    await server.start()
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (await asyncio.to_thread(ask, path, {"a": "b"}))["did"] == "{'a': 'b'}"
        for raw, why in (
            (b"nonsense\n", "is not a line of JSON"),
            (b"\xff\n", "is not a line of JSON"),
            (b"[" * 100_000 + b"\n", "is not a line of JSON"),
            (b"x" * (MAX_REQUEST_BYTES + 10), "no request of up to"),
        ):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(raw)
            answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
            assert not answer["ok"]
            assert why in answer["reason"]
            writer.close()
        with pytest.raises(SettingsError, match="another fixsim listens there"):
            await AdminServer(path, lambda asked: {}).start()
    finally:
        server.close()
    assert not path.exists()
    with pytest.raises(SettingsError, match="no exchange answers: No such file"):
        ask(path, {})


async def test_a_stale_socket_is_taken_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="is there, and no socket"):
        await AdminServer(path, lambda asked: {}).start()
    assert path.read_text() == "mine"
    with pytest.raises(SettingsError, match="at most 107 bytes"):
        await AdminServer(tmp_path / ("x" * 120), lambda asked: {}).start()


async def test_an_exchange_that_goes_away_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    with pytest.raises(AdminError, match="whether it was done is not known"):
        await asyncio.to_thread(ask, path, {"cmd": "status"})
    server.close()


@pytest.mark.parametrize("clock", ["wall", "lockstep"])
async def test_what_an_operator_does_reaches_a_client_over_tcp(tmp_path: Path, clock: str) -> None:
    """On either clock: an order is cancelled while the market runs, and its owner hears of it."""
    path = tmp_path / "s"
    rule = {"mode": clock, "speed": 1.0, "participants": ["router"], "lost_ns": 20_000_000}
    rules = settings(clock=rule).model_copy(update={"admin": Admin(socket=str(path))})
    ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
    record = io.StringIO()
    moves = [(ms, EventKind.LIMIT, 100 + ms, 1, 5_000, 1) for ms in range(1, 3_000, 5)]
    server = asyncio.ensure_future(serve(rules, tape(moves, 3_000), record, listening=ports.set_result))
    opened = await asyncio.wait_for(ports, 10)
    trader = Trader(opened, SteppedClock() if clock == "lockstep" else SystemClock(), TcpNetwork())
    if trader.part is not None:
        await trader.part.join("127.0.0.1", opened["clock"])
    else:
        await trader.dial()
    await _until(lambda: [seen[150] for seen in trader.reports()] == ["0"])
    told = (await asyncio.to_thread(ask, path, {"cmd": "status"}))["status"]["venues"]
    (busy,) = (venue for venue in told if venue["open_orders"])
    assert busy["clients"] == ["SLUICE-OE", "SLUICE-MD"]
    request = {"cmd": "cancel", "venue": BUSY, "order_id": busy["orders"][0]["order_id"]}
    assert (await asyncio.to_thread(ask, path, request))["ok"]
    await _until(lambda: [seen[150] for seen in trader.reports()] == ["0", "4"])
    assert trader.reports()[-1][58] == "cancel by the operator"
    await asyncio.wait_for(server, 20)
    events = [json.loads(line)["event"] for line in record.getvalue().splitlines()]
    assert events[:3] == ["order", "canceled", "admin"]
    assert events[-1] == "end"
    assert not path.exists()


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not so after five seconds")


# -- as commands

FIXSIM = str(Path(sys.executable).with_name("fixsim"))


def fixsim(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [FIXSIM, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, env=environment
    )


def written(folder: Path, clock: str, more: str = "") -> None:
    """Settings there, on free ports, with an admin socket."""
    text = ETC.read_text(encoding="utf-8")
    for port in (9400, 9401, 9402, 9403):
        text = text.replace(f"port = {port}", "port = 0")
    text = text.replace('mode = "lockstep"', f'mode = "{clock}"')
    (folder / "fixsim.toml").write_text(f'{text}\n[admin]\nsocket = "a.sock"\n{more}', encoding="utf-8")


def test_the_help_names_the_table_that_it_needs(tmp_path: Path) -> None:
    said = fixsim("admin", "--help", cwd=tmp_path)
    assert "must have [admin] in its settings" in said.stdout


@pytest.mark.parametrize("clock", ["wall", "lockstep"])
def test_an_operator_at_an_exchange_that_runs(tmp_path: Path, clock: str) -> None:
    written(tmp_path, clock, '[faults]\nscript = "mine.toml"\n')
    (tmp_path / "mine.toml").write_text('seed = 1\n[[fault]]\ndo = "halt"\nvenue = "XLIT2"\n')
    (tmp_path / "more.toml").write_text('seed = 1\n[[fault]]\ndo = "lose"\nvenue = "XLIT2"\n')
    (tmp_path / "bad.toml").write_text('seed = 1\n[[fault]]\ndo = "lose"\nvenue = "X"\n')
    serving = subprocess.Popen(
        [FIXSIM, "serve", "-s", "fixsim.toml", "--ready", "ready"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until_s = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert serving.poll() is None, serving.stderr and serving.stderr.read()
            assert time.monotonic() < until_s
            time.sleep(0.05)
        admin = ("admin", "-s", "fixsim.toml")
        done = fixsim(*admin, "auction", "XLIT1", "--symbol", SYMBOL, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"XLIT1: {SYMBOL} is auction\n")
        done = fixsim("admin", "--socket", "a.sock", "script", "more.toml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "more.toml: 1 faults are at work\n")
        for arguments, why in (
            (("cancel", "XLIT1", "nine"), "XLIT1 has no order 'nine'; it has none\n"),
            (("halt", "XNYS"), "venue 'XNYS' is not one of XLIT1, XLIT2, XDRK\n"),
            (("script", "bad.toml"), "bad.toml: fault.0.venue = 'X': must be one of XDRK, XLIT1, XLIT2\n"),
            (("restate", "XLIT1", "nine", "5"), "XLIT1 has no order 'nine'; it has none\n"),
            (("correct", "XLIT1", "nine", "5"), "XLIT1 knows no fill 'nine'; it has none\n"),
        ):
            done = fixsim(*admin, *arguments, cwd=tmp_path)
            assert (done.returncode, done.stdout, done.stderr) == (2, "", why)
        done = fixsim(*admin, "status", cwd=tmp_path)
        if clock == "wall":  # in lock-step time stands until the participants have joined
            assert f"XLIT1: {SYMBOL} auction; 0 open orders; logged on: nobody" in done.stdout
            assert f"XLIT2: {SYMBOL} halted; " in done.stdout
        assert "fault script mine.toml\n  from the start, XLIT2: halt: struck 0 times" in done.stdout
        assert "fault script more.toml\n" in done.stdout
        done = fixsim(*admin, "status", "--json", cwd=tmp_path)
        assert [venue["venue"] for venue in json.loads(done.stdout)["venues"]] == ["XLIT1", "XLIT2", "XDRK"]
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=20)
    assert serving.returncode == 0
    assert not (tmp_path / "a.sock").exists()
    record = [json.loads(line) for line in (tmp_path / "fixsim.jsonl").read_text().splitlines()]
    assert [line["text"] for line in record if line["event"] == "admin"] == [
        f"XLIT1: {SYMBOL} is auction", "more.toml: 1 faults are at work",
    ]  # fmt: skip
    done = fixsim("admin", "--socket", "a.sock", "status", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "a.sock: no exchange answers: No such file or directory\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("faults", "bad.toml"), 'bad.toml: fault.0: do = "delay" needs by (a duration)'),
        (("faults", "none.toml"), "none.toml"),
        (("serve", "-s", "fixsim.toml", "--faults", "bad.toml"), "bad.toml: fault.0"),
        (
            ("serve", "-s", "fixsim.toml", "--faults", "far.toml"),
            "far.toml: fault.0.venue = 'XNYS': must be one of",
        ),
        (("admin", "--socket", "a.sock", "script", "bad.toml"), "bad.toml: fault.0"),
        (("admin", "-s", "plain.toml", "status"), "plain.toml: has no [admin] socket"),
    ],
)
def test_a_fault_of_the_operators_is_one_line_and_status_2(
    tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    written(tmp_path, "wall")
    (tmp_path / "plain.toml").write_text(ETC.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "bad.toml").write_text('seed = 1\n[[fault]]\ndo = "delay"\n')
    (tmp_path / "far.toml").write_text('seed = 1\n[[fault]]\ndo = "lose"\nvenue = "XNYS"\n')
    done = fixsim(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(text)


def test_the_shipped_script_is_said_in_words() -> None:
    done = fixsim("faults", str(ETC.with_name("faults.toml")), cwd=ETC.parent)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:2] == [
        "seed 11",
        "from 10s for 10s, XLIT1: delay, by 50ms to 400ms, 25% of them, at most 20 times",
    ]
    assert len(lines) == 1 + 25
