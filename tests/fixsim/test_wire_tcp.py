"""Faults of the wire over real TCP: in lock-step the same bytes every time; on wall time a slow reader is
one.
"""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from fixsim.faults import Script
from fixsim.matching import EventKind
from fixsim.server import serve
from router.clock import SystemClock
from router.fix.codec import Framer
from router.fix.session import Session, SessionConfig
from router.link import Link, TcpNetwork
from tests.fixsim.market import BTC, settings, tape
from tests.fixsim.test_server import BUSY, TRADING, lockstep, rules

OE = {"client": "SLUICE-OE"}
EACH: dict[str, list[dict[str, Any]]] = {
    "delay": [{"do": "wire-delay", "by": ["1ms", "9ms"], "share": 0.5}],
    "drop": [{"do": "wire-drop", "share": 0.2, "wire": OE | {"way": "out", "types": ["8"]}}],
    "duplicate": [{"do": "wire-duplicate", "by": "2ms", "from": "20ms", "at_most": 1, "wire": OE}],
    "reorder": [{"do": "wire-reorder", "by": "9ms", "share": 0.3, "wire": OE | {"way": "out"}}],
    "cut": [{"do": "cut", "from": "20ms", "at_most": 2, "wire": OE | {"way": "out"}}],
    "half-open": [{"do": "half-open", "from": "20ms", "for": "20ms", "wire": OE}],
    "slow-reader": [{"do": "slow-reader", "bytes_per_s": 60_000}],
    "sequence-gap": [{"do": "sequence-gap", "numbers": 3, "at_most": 2, "wire": OE | {"way": "out"}}],
}
EACH["all"] = [fault for name, faults in EACH.items() if name != "half-open" for fault in faults]
MOVES = [(ms, EventKind.LIMIT, 30 + ms, -1, 9_999, BTC) for ms in range(1, 60)]


def script(name: str) -> tuple[str, Script]:
    return name, Script.model_validate({"seed": 5, "fault": EACH[name]})


@pytest.mark.parametrize("name", EACH)
async def test_two_lock_step_runs_are_the_same_bytes_and_the_same_record(name: str) -> None:
    (first,), record = await lockstep(rules(), TRADING, faults=script(name))
    (second,), again = await lockstep(rules(), TRADING, faults=script(name))
    assert first.hash.hexdigest() == second.hash.hexdigest()
    assert record == again
    assert record[-1]["event"] == "end"
    assert any(line["event"] == "fault" for line in record)
    assert first.reports(), "something came through"


async def test_what_was_dropped_or_cut_is_told_before_the_end() -> None:
    for name in ("drop", "cut", "sequence-gap", "reorder"):
        (trader,), record = await lockstep(rules(), tape(MOVES, lasts_ms=200), faults=script(name))
        told = {report[17] for report in trader.reports() if report[150] == "F"}
        assert told == {line["exec_id"] for line in record if line["event"] == "fill"}, name
        assert len(told) > 5


class Flood:
    """A client that writes much without waiting, and counts how often its own output was blocked."""

    def __init__(self) -> None:
        config = SessionConfig("flood", "initiator", sender_comp_id="SLUICE-OE", target_comp_id=BUSY)
        self.session, self.clock, self.blocked = Session(config), SystemClock(), 0
        self.link = Link(self, Framer(), dialled=True)
        self.on = asyncio.Event()

    def link_up(self, link: Link) -> None:
        for event in self.session.connected(self.clock.now_ns()):
            link.write(event.raw)  # type: ignore[union-attr]

    def link_down(self, link: Link, reason: str) -> None:
        """The market is closed."""

    def link_blocked(self, link: Link, blocked: bool) -> None:
        self.blocked += blocked

    def messages_ready(self, link: Link) -> None:
        while (message := link.framer.next()) is not None:
            self.session.received(message, self.clock.now_ns())  # type: ignore[arg-type]
            self.on.set()

    def flood(self, count: int) -> None:
        """So many messages of 10 kB each, which the venue has nothing for."""
        for _ in range(count):
            body = b"58=" + b"x" * 10_000 + b"\x01"
            self.link.write(self.session.encode(b"B", body, self.clock.now_ns()))


@pytest.mark.parametrize("slow", [False, True])
async def test_on_wall_time_a_peer_of_a_slow_reader_finds_its_own_output_blocked(slow: bool) -> None:
    rate = 200_000 if slow else 10**9
    faults = [{"do": "slow-reader", "bytes_per_s": rate, "wire": {"way": "in"}}]
    ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
    record = io.StringIO()
    server = asyncio.ensure_future(
        serve(
            settings(clock={"mode": "wall", "speed": 1.0}), tape(lasts_ms=3000), record,
            listening=ports.set_result, faults=("slow", Script.model_validate({"seed": 1, "fault": faults})),
        )
    )  # fmt: skip
    client = Flood()
    await TcpNetwork().dial("127.0.0.1", (await asyncio.wait_for(ports, 10))[BUSY], lambda: client.link)
    await asyncio.wait_for(client.on.wait(), 5)
    for _ in range(300):
        client.flood(10)
        for _ in range(20):
            await asyncio.sleep(0)
        if client.blocked:
            break
    assert bool(client.blocked) == slow
    client.link.abort()
    await asyncio.wait_for(server, 20)
