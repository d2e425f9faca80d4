"""The venues over real TCP: in lock-step two runs are the same bytes; wall time serves as it comes."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from fixsim.cli import main
from fixsim.faults import Script
from fixsim.matching import EventKind, venue_of
from fixsim.server import serve
from fixsim.settings import Settings
from fixsim.tape import Tape
from risk.errors import SettingsError
from risk.order import Side
from router.clock import Clock, SteppedClock, SystemClock
from router.fix import events
from router.fix.codec import Framer, Message
from router.fix.messages import MarketDataRequest
from router.fix.session import Session, SessionConfig
from router.link import Link, Network, TcpNetwork
from router.lockstep import Participant
from tests.fixsim.market import BTC, ETC, SYMBOL, fields, order, settings, tape

SUBSCRIBE = MarketDataRequest("r", 1, 0, ("0", "1", "2"), (SYMBOL,))
TRADING = tape([(ms, EventKind.LIMIT, 30 + ms, -1, 9_999, BTC) for ms in range(1, 60)], lasts_ms=100)
BUSY = f"XLIT{venue_of(0, 2) + 1}"


class Trader:
    """A router in small: an order session and a market data session; buys once the snapshot is there."""

    def __init__(self, ports: dict[str, int], clock: Clock, network: Network) -> None:
        self.ports, self.clock, self.network = ports, clock, network
        self.part = Participant("router", self, clock) if isinstance(clock, SteppedClock) else None
        self.sessions = {
            name: Session(SessionConfig(name, "initiator", sender_comp_id=name, target_comp_id=BUSY))
            for name in ("SLUICE-OE", "SLUICE-MD")
        }
        self.links: dict[str, Link] = {}
        self.hash = hashlib.sha256()
        self.got: list[tuple[int, Message]] = []
        self.over = asyncio.Event()
        self.crash_at = 0
        self.bought = False
        self.redial_ns: int | None = None

    async def dial(self) -> None:
        for name in [one for one in self.sessions if one not in self.links]:
            made = Link(self.part or self, Framer(), name=name, dialled=True)
            await self.network.dial("127.0.0.1", self.ports[BUSY], lambda made=made: made)  # type: ignore[misc]

    def link_up(self, link: Link) -> None:
        self.links[link.name] = link
        self.act(link.name, self.sessions[link.name].connected(self.clock.now_ns()))

    def link_down(self, link: Link, reason: str) -> None:
        self.links.pop(link.name, None)
        self.sessions[link.name].disconnected(self.clock.now_ns())

    def link_blocked(self, link: Link, blocked: bool) -> None:
        """Never, here."""

    def messages_ready(self, link: Link) -> None:
        self.drain(link)

    def drain(self, link: Link) -> None:
        session = self.sessions[link.name]
        while (message := link.framer.next()) is not None:
            assert isinstance(message, Message), message
            self.hash.update(message.raw)
            self.act(link.name, session.received(message, self.clock.now_ns()))

    def act(self, name: str, happened: list[events.Event]) -> None:
        now_ns = self.clock.now_ns()
        for event in happened:
            if isinstance(event, events.Send):
                self.links[name].write(event.raw)
            elif isinstance(event, events.Disconnect):
                self.links[name].close()
            elif isinstance(event, events.LoggedOn) and name == "SLUICE-MD":
                self.send(name, b"V", SUBSCRIBE.body())
            elif isinstance(event, events.App):
                self.got.append((now_ns, event.message.keep()))
                if event.message.msg_type == b"W" and not self.bought:
                    self.bought = True
                    self.send("SLUICE-OE", b"D", order("1", Side.BUY, 9_999, 20 * BTC).body(BTC))

    def send(self, name: str, msg_type: bytes, body: bytes) -> None:
        self.links[name].write(self.sessions[name].encode(msg_type, body, self.clock.now_ns()))

    def deadline_ns(self) -> int | None:
        due = [at for session in self.sessions.values() if (at := session.deadline_ns()) is not None]
        return min(due, default=None)

    async def step(self, now_ns: int) -> None:
        for name in sorted(self.links):
            self.drain(self.links[name])
        for name, session in self.sessions.items():
            self.act(name, session.timer(now_ns))
        if len(self.links) < len(self.sessions):
            await self.dial()
        if self.crash_at and len(self.reports()) >= self.crash_at:
            self.crash()

    def crash(self) -> None:
        assert self.part is not None
        for link in list(self.links.values()):
            link.abort("crash")
        self.part.leave()
        self.over.set()

    def end(self) -> None:
        self.over.set()

    def clock_lost(self, reason: str) -> None:
        self.over.set()

    def reports(self) -> list[dict[int, str]]:
        return [fields(message.raw) for _, message in self.got if message.msg_type == b"8"]


async def lockstep(
    rules: Settings, recording: Tape, *, crash_at: int = 0, faults: tuple[str, Script] | None = None
) -> tuple[list[Trader], list[dict[str, Any]]]:
    """To the tape's end; with `crash_at`, the trader dies after so many reports, and another takes over."""
    ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
    record = io.StringIO()
    server = asyncio.ensure_future(serve(rules, recording, record, listening=ports.set_result, faults=faults))
    opened = await asyncio.wait_for(ports, 10)
    traders: list[Trader] = []
    sessions: dict[str, Session] | None = None
    while True:
        trader = Trader(opened, SteppedClock(), TcpNetwork())
        if sessions is not None:  # what a journal would have brought back
            trader.bought = True
            for name, old in sessions.items():
                trader.sessions[name] = Session(old.config, old.next_out, old.next_in)
        trader.crash_at = crash_at if not traders else 0
        traders.append(trader)
        assert trader.part is not None
        await trader.part.join("127.0.0.1", opened["clock"])
        await asyncio.wait_for(trader.over.wait(), 20)
        if not trader.crash_at:
            break
        sessions = trader.sessions
    await asyncio.wait_for(server, 10)
    return traders, [json.loads(line) for line in record.getvalue().splitlines()]


def rules(**changes: Any) -> Settings:
    clock = {"participants": ["router"], "lost_ns": 20_000_000} | changes.pop("clock", {})
    return settings(clock=clock, **changes)


async def test_two_lock_step_runs_are_the_same_bytes_and_the_same_record() -> None:
    (first,), record = await lockstep(rules(hidden={"rate_per_s": 50.0}), TRADING)
    (second,), again = await lockstep(rules(hidden={"rate_per_s": 50.0}), TRADING)
    assert first.hash.hexdigest() == second.hash.hexdigest()
    assert record == again
    assert len(first.reports()) > 10
    assert [line["event"] for line in record][-1] == "end"


async def test_the_record_and_the_reports_agree_fill_by_fill() -> None:
    (trader,), record = await lockstep(rules(), TRADING)
    told = {report[17]: report[32] for report in trader.reports() if report[150] == "F"}
    recorded = {line["exec_id"]: line["qty_lots"] for line in record if line["event"] == "fill"}
    assert told.keys() == recorded.keys()
    assert len(told) > 5
    assert record[-1]["fills"] == len(told)


async def test_time_in_lock_step_is_the_recordings() -> None:
    (trader,), _ = await lockstep(rules(), TRADING)
    times = [now_ns for now_ns, _ in trader.got]
    assert times == sorted(times)
    first = next(message for _, message in trader.got if message.msg_type == b"8")
    assert fields(first.raw)[52] == "20180713-20:47:11.000"


async def test_a_lost_router_finds_its_fills_again_when_it_is_back() -> None:
    (before, after), record = await lockstep(rules(), TRADING, crash_at=5)
    told = [report[17] for trader in (before, after) for report in trader.reports() if report[150] == "F"]
    recorded = [line["exec_id"] for line in record if line["event"] == "fill"]
    assert told == recorded
    gap_ns = after.got[0][0] - before.got[-1][0]
    assert gap_ns >= 20_000_000
    assert any(report.get(43) == "Y" for report in after.reports())


async def test_on_wall_time_messages_are_served_as_they_come() -> None:
    loop = asyncio.get_running_loop()
    ports: asyncio.Future[dict[str, int]] = loop.create_future()
    record = io.StringIO()
    wall = settings(clock={"mode": "wall", "speed": 1.0})
    server = asyncio.ensure_future(serve(wall, tape(lasts_ms=400), record, listening=ports.set_result))
    trader = Trader(await asyncio.wait_for(ports, 10), SystemClock(), TcpNetwork())
    await trader.dial()
    await asyncio.wait_for(server, 10)
    assert [report[150] for report in trader.reports()] == ["0"]
    assert [message.msg_type for _, message in trader.got][:2] == [b"W", b"8"]
    assert json.loads(record.getvalue().splitlines()[-1])["event"] == "end"


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        venues = [venue.model_dump() for venue in rules().venue]
        venues[0]["port"] = port
        with pytest.raises(
            SettingsError, match=rf"venue XLIT1: port {port} on 127.0.0.1 cannot be listened on"
        ):
            await serve(rules(venue=venues), tape(), io.StringIO())
        with pytest.raises(SettingsError, match=rf"clock.port {port} on 127.0.0.1 cannot be listened on"):
            await serve(rules(clock={"port": port}), tape(), io.StringIO())


def fixsim(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).with_name("fixsim")), *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_the_command_stops_in_order_when_told(tmp_path: Path) -> None:
    text = ETC.read_text(encoding="utf-8")
    for port in (9400, 9401, 9402, 9403):
        text = text.replace(f"port = {port}", "port = 0")
    (tmp_path / "fixsim.toml").write_text(text, encoding="utf-8")
    process = fixsim("serve", "-s", "fixsim.toml", cwd=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if "clock=" in line:
            break
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert json.loads((tmp_path / "fixsim.jsonl").read_text())["event"] == "end"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("btcusd_20180713.xz", "none.xz", "fixsim.toml: tape.path = 'none.xz': no such file in"),
        ("speed = 10.0", 'speed = "10x"', "fixsim.toml: clock.speed = '10x'"),
    ],
)
def test_a_fault_of_the_settings_is_one_line_and_status_2(
    tmp_path: Path, old: str, new: str, text: str
) -> None:
    changed = ETC.read_text(encoding="utf-8").replace(old, new)
    (tmp_path / "fixsim.toml").write_text(changed, encoding="utf-8")
    process = fixsim("serve", "-s", "fixsim.toml", cwd=tmp_path)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 2
    assert error.count("\n") == 1
    assert text in error


async def test_a_second_instrument_is_served_over_tcp() -> None:
    other = {
        "symbol": "ETH-USD", "tick_nanos": 10_000_000, "lots_per_unit": BTC, "round_lots": 1, "min_lots": 1,
        "max_lots": 10**11, "tape": {"path": "eth.xz"},
    }  # fmt: skip
    loop = asyncio.get_running_loop()
    ports: asyncio.Future[dict[str, int]] = loop.create_future()
    record = io.StringIO()
    wall = settings(clock={"mode": "wall", "speed": 1.0}, listing=[other])
    listed = {"ETH-USD": tape(lasts_ms=600, symbol="ETH-USD", start_ns=10**18)}
    running = serve(wall, tape(lasts_ms=600), record, listed=listed, listening=ports.set_result)
    server = asyncio.ensure_future(running)
    trader = Trader(await asyncio.wait_for(ports, 10), SystemClock(), TcpNetwork())
    await trader.dial()
    while not trader.reports():
        await asyncio.sleep(0.01)
    bought = order("2", Side.BUY, 10_010, 3 * BTC)
    trader.send("SLUICE-OE", b"D", replace(bought, symbol="ETH-USD").body(BTC))
    await asyncio.wait_for(server, 10)
    fills = [line for line in map(json.loads, record.getvalue().splitlines()) if line["event"] == "fill"]
    assert {line["symbol"] for line in fills} == {"ETH-USD"}
    assert [report[150] for report in trader.reports() if report[55] == "ETH-USD"][:2] == ["0", "F"]


def test_the_log_goes_to_whatever_stderr_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that ran in this process, and whose stderr is gone, leaves a log that can be written."""
    before = structlog.get_config()
    gone, now = io.StringIO(), io.StringIO()
    try:
        with monkeypatch.context() as patched:
            patched.setattr("sys.argv", ["fixsim", "--help"])
            patched.setattr("sys.stderr", gone)
            with pytest.raises(SystemExit):
                main()
        gone.close()
        monkeypatch.setattr("sys.stderr", now)
        structlog.get_logger().info("still here")
    finally:
        structlog.configure(**before)
    assert "still here" in now.getvalue()
