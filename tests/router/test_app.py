"""The composition root before the time is known, and at its end: what an operator asks is never lost."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from risk.errors import SettingsError
from router import settings as router_settings
from router.app import BROKEN, App
from router.clock import SteppedClock
from router.control import Answer, Command, CommandRefused
from router.engine import Engine
from router.fix.codec import Framer
from router.identity import OrderIds
from router.journal import Kind
from router.journalfile import JournalFile, records
from router.link import Link, Listener
from router.recovery import Replay
from router.startup import engine_config
from tests.router.rig import ETC, START
from tests.router.test_connections import Wire


class NobodyThere:
    """A network on which every venue is down."""

    def __init__(self) -> None:
        self.dials = 0

    async def serve(self, host: str, port: int, factory: Callable[[], Link], tls: Any = None) -> Listener:
        raise NotImplementedError

    async def dial(
        self, host: str, port: int, factory: Callable[[], Link], tls: Any = None, server_name: str = ""
    ) -> Link:
        self.dials += 1
        raise ConnectionRefusedError(111, "refused")


class House:
    def __init__(self, folder: Path) -> None:
        etc = shutil.copytree(ETC, folder / "etc")
        self.settings_path = etc / "router.toml"
        settings = router_settings.load(self.settings_path)
        config, reference = engine_config(settings, {}, 1)
        self.path = folder / "router.journal"
        self.journal = JournalFile(self.path, allocate_bytes=1 << 20, reserve_bytes=1 << 16)
        self.engine = Engine(self.journal.writer)
        ids = OrderIds(config.prefix, folder / "clordid")
        self.network = NobodyThere()
        self.app = App(
            settings, self.engine, self.journal, ids, {}, SteppedClock(START), self.network,
            random.Random(1), config, reference,
        )  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.journal.close()


async def test_a_halt_by_signal_before_the_time_is_known_holds_from_the_start_on(house: House) -> None:
    house.app._kill_by_signal()
    assert house.engine.core is None
    await house.app.step(START)
    (latch,) = house.engine.running.gate.kill.latches
    assert (latch.identity, latch.mode) == ("signal", "halt")
    replay = Replay()
    for record in records(house.path):
        replay.feed(record)
    assert replay.engine.running.gate.kill.latches == (latch,), "and is in the journal"


async def test_a_command_before_the_time_is_known_is_refused_in_words(house: House) -> None:
    with pytest.raises(CommandRefused, match="has not begun"):
        house.app._on_command(Command("status", "trader"))


async def test_told_to_stop_before_the_start_it_stops_and_says_so(house: House) -> None:
    house.app._done = asyncio.get_running_loop().create_future()
    house.app._drain()
    assert house.app._done.result() == 0  # as asked
    assert house.engine.core is None


async def test_a_connection_before_the_start_breaks_nothing_and_is_heard_after_it(house: House) -> None:
    wire = Wire(Link(house.app, Framer()), 5000)
    wire.link.pause_writing()
    await house.app.step(START)
    assert not wire.ended
    wire.end()


async def test_the_first_step_dials_every_session_that_we_begin(house: House) -> None:
    await house.app.step(START)
    ours = [p for p in house.engine.running.ports if p.session.config.role == "initiator"]
    assert house.network.dials == len(ours)
    due = house.app.deadline_ns()
    assert due is not None
    assert due > START


async def test_a_broken_invariant_stops_at_once_and_the_journal_ends_before_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.app._done = asyncio.get_running_loop().create_future()
    await house.app.step(START)
    kept = len(list(records(house.path)))

    def broken(*_: object) -> None:
        house.journal.writer.append(Kind.NOTE, START, b"{}")
        raise ValueError("an invariant")

    monkeypatch.setattr(house.engine, "operator", broken)
    house.app._stop_trading("kill", "signal", "a test")
    assert house.app._done.result() == BROKEN
    assert house.app.is_broken
    dials = house.network.dials
    await house.app.step(START + 60 * 10**9)
    assert house.network.dials == dials, "nothing goes on after it"
    assert len(list(records(house.path))) == kept


async def test_of_two_reloads_at_once_one_is_refused_and_a_session_is_added_once(house: House) -> None:
    await house.app.step(START)
    desks = house.settings_path
    desk = '{ comp_id = "DESK1" }'
    desks.write_text(desks.read_text().replace(desk, desk + ', { comp_id = "D2" }'))
    command = Command("reload sessions", "trader")

    async def asked() -> list[Answer]:
        return [answer async for answer in house.app._on_command(command)]

    both = await asyncio.gather(asked(), asked(), return_exceptions=True)
    (done,) = (told for told in both if isinstance(told, list))
    assert done == [{"event": "sessions reloaded", "added": ["SLUICE>D2"], "changed": []}]
    assert any(isinstance(told, CommandRefused) for told in both)
    assert [port.session.name for port in house.engine.running.ports].count("SLUICE>D2") == 1
    (again,) = await asked()
    assert again["added"] == []
    shown = [answer async for answer in house.app._on_command(Command("sessions", "trader"))]
    assert [body["session"] for body in shown][-2:] == ["SLUICE>DESK1", "SLUICE>D2"]


async def test_settings_that_do_not_do_are_refused_and_nothing_changes(house: House) -> None:
    await house.app.step(START)
    house.settings_path.write_text("oms = 3")
    with pytest.raises(SettingsError, match=r"router\.toml: "):
        [_ async for _ in house.app._on_command(Command("reload sessions", "trader"))]
    assert len(house.engine.running.config.sessions) == 6
