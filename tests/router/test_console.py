"""Operators' conversations: each hears its own command's answers, a latch's once the disk has spoken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from router import console
from router.actions import JOIN, encode
from router.console import BOUND, Console
from router.control import Answer, Command, CommandRefused
from router.core import Reply
from tests.router.rig import BTC, LIT1, Rig


class Room:
    """A console around a real engine; replies flow as the app lets them."""

    def __init__(self, disk: OSError | None = None) -> None:
        self.rig = Rig()
        self.disk = disk
        self.syncs = 0
        self.given: list[dict[str, Any]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.console = Console(self.rig.engine, self.give, self.sync, self.spawn)

    def give(self, number: int, request: dict[str, Any]) -> None:
        self.given.append(request)
        self.rig.engine.operator(number, request, self.rig.now)
        self.pass_on()

    def pass_on(self) -> None:
        """The engine's replies, to the console."""
        core = self.rig.core
        replies, core.replies = core.replies, []
        for reply in replies:
            self.console.reply(reply)

    def sync(self) -> None:
        self.syncs += 1
        if self.disk is not None:
            raise self.disk

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(coroutine))

    async def says(self, cmd: str, scope: str = "all", name: str = "", who: str = "trader") -> list[Answer]:
        """Every answer to one command, to its end."""
        reason = "a test" if cmd in ("kill", "suspend", "reinstate") else ""
        command = Command(cmd, who, scope if reason else "", name, reason)
        return [answer async for answer in self.console.on_command(command)]


async def test_views_are_the_engines_and_no_input_of_it() -> None:
    room = Room()
    (status,) = await room.says("status")
    assert status["event"] == "status"
    assert status["latches"] == []
    assert await room.says("parents") == []
    assert room.given == []


async def test_a_kill_is_answered_to_its_end_and_says_that_the_latch_is_on_disk() -> None:
    room = Room()
    answers = await room.says("kill")
    assert {answer["event"] for answer in answers} == {"latched", "cancelling", "completed"}
    assert answers[-1]["event"] == "completed", "nothing follows the closing line"
    (latched,) = (answer for answer in answers if answer["event"] == "latched")
    assert latched["durable"] is True
    assert room.syncs == 1
    assert room.rig.core.gate.kill.blocks("XLIT1", "BTC-USD", "")


async def test_a_latch_that_the_disk_refused_is_in_force_and_said_not_to_be_durable() -> None:
    for cmd in ("kill", "suspend"):
        room = Room(OSError(5, "Input/output error"))
        (latched,) = (answer for answer in await room.says(cmd) if answer["event"] == "latched")
        assert latched["durable"] is False
        assert "Input/output error" in latched["error"]
        assert room.rig.core.gate.kill.count == 1


async def test_orders_are_named_as_they_end_while_the_operator_listens() -> None:
    room = Room()
    room.rig.want = encode(10, JOIN, 1)
    room.rig.parent(10 * BTC)
    listening = asyncio.ensure_future(room.says("kill"))
    while not room.given:
        await asyncio.sleep(0)
    room.rig.run(6)  # nobody answers a cancel here: time is up
    for number, body, last in room.rig.replies:
        room.console.reply(Reply(number, body, last))
    answers = await asyncio.wait_for(listening, 5)
    named = [answer["cl_ord_id"] for answer in answers if answer["event"] == "order"]
    assert named
    assert answers[-1]["unconfirmed"] == named == [order.cl_ord_id for order in room.rig.orders(LIT1)]


async def test_the_rule_of_two_is_told_as_a_refusal() -> None:
    room = Room()
    await room.says("kill")
    (refused,) = await room.says("reinstate")
    assert refused["event"] == "refused"
    assert "latched by trader, and a second identity must lift it" in refused["reason"]
    (lifted,) = await room.says("reinstate", who="risk-officer")
    assert lifted == {"event": "reinstated", "latched_by": "trader", "still_latched": []}


@pytest.mark.parametrize(("scope", "name"), [("venue", "XLIT9"), ("symbol", "BTCUSD"), ("parent", "P")])
async def test_a_name_that_nothing_has_is_refused_before_the_engine_hears_of_it(
    scope: str, name: str
) -> None:
    room = Room()
    for cmd in ("kill", "suspend"):
        with pytest.raises(CommandRefused, match=f"{cmd} {scope} {name}: .*nothing.* latched"):
            await room.says(cmd, scope, name)
    assert room.given == []
    (refused,) = await room.says("reinstate", scope, name)
    assert "nothing is latched there" in refused["reason"]


async def test_a_session_that_nobody_knows_is_not_reset_and_a_known_one_answers() -> None:
    room = Room()
    with pytest.raises(CommandRefused, match="no session is called A>B; known are SLUICE-MD>XLIT1, "):
        [_ async for _ in room.console.on_command(Command("reset session", "trader", "", "A>B", "why"))]
    assert room.given == []
    room.rig.cut(0)
    asked = Command("reset session", "trader", "", "SLUICE-OE>XLIT1", "why")
    (answer,) = [answer async for answer in room.console.on_command(asked)]
    assert answer["event"] == "session reset"
    assert room.given[0]["identity"] == "trader"


async def test_conversations_do_not_hear_each_other() -> None:
    room = Room()
    one, other = await asyncio.gather(
        room.says("kill", "venue", "XLIT1"), room.says("suspend", who="officer")
    )
    assert [answer["event"] for answer in other] == ["latched"]
    assert one[-1]["event"] == "completed"


async def test_the_daemons_own_commands_are_numbered_with_the_rest_and_nobody_listens() -> None:
    room = Room()
    number = room.console.next_number
    drain = {"cmd": "drain", "scope": "all", "name": "", "identity": "signal", "reason": "SIGTERM"}
    assert room.console.command(drain) == number
    assert room.console.next_number == number + 1
    room.console.command({**drain, "cmd": "kill"})
    await asyncio.gather(*room.tasks)
    assert room.syncs == 1, "a latch that no operator waits for is made durable too"


async def test_a_command_goes_on_when_its_listener_has_gone() -> None:
    room = Room()
    listening = room.console.on_command(Command("kill", "trader", "all", "", "a test"))
    await anext(listening)
    await listening.aclose()  # type: ignore[attr-defined]
    number = room.console.next_number - 1
    room.console.reply(Reply(number, {"event": "completed", "unconfirmed": []}, True))
    assert room.rig.core.gate.kill.count == 1


async def test_a_listener_that_does_not_listen_still_gets_the_closing_line() -> None:
    room = Room()
    room.give = lambda number, request: None  # type: ignore[method-assign]
    room.console = Console(room.rig.engine, room.give, room.sync, room.spawn)
    listening = room.console.on_command(Command("reinstate", "officer", "all", "", "a test"))
    first = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0)
    for number in range(BOUND + 10):
        room.console.reply(Reply(1, {"event": "order", "number": number}))
    room.console.reply(Reply(1, {"event": "completed"}, True))
    answers = [await first, *[answer async for answer in listening]]
    assert len(answers) == BOUND
    assert answers[-1] == {"event": "completed"}


async def test_a_disk_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    room, free = Room(), threading.Event()
    monkeypatch.setattr(console, "SYNC_S", 0.01)
    monkeypatch.setattr(room.console, "_sync", lambda: free.wait(5))
    answers = await room.says("kill")
    free.set()
    (latched,) = (answer for answer in answers if answer["event"] == "latched")
    assert latched["durable"] is False
    assert "has not answered" in latched["error"]
    assert answers[-1]["event"] == "completed"
