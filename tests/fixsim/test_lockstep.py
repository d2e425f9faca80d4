"""The coordinator moves time when everybody is done with the present; it knows lost from left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fixsim.lockstep import Coordinator, LockstepError

Answer = Callable[[dict[str, Any]], dict[str, Any]]
VENUE_PORT = 9401


class Market:
    """A market with appointments, and one stream for whoever claims it."""

    def __init__(self, *due_ns: int) -> None:
        self.due_ns = list(due_ns)
        self.seen: list[int] = []
        self.collected: list[tuple[str, dict[str, int], int]] = []
        self.lost: list[tuple[str, int]] = []
        self.totals: dict[str, dict[str, int]] = {}
        self.untold: dict[str, list[str]] = {}

    def advance(self, now_ns: int) -> None:
        while self.due_ns and self.due_ns[0] <= now_ns:
            self.seen.append(self.due_ns.pop(0))

    def deadline_ns(self) -> int | None:
        return self.due_ns[0] if self.due_ns else None

    def sent(self, name: str) -> dict[str, int]:
        return dict(self.totals.get(name, {}))

    def take_closed(self, name: str) -> list[str]:
        return self.untold.pop(name, [])

    def owns(self, stream: str) -> bool:
        return str(VENUE_PORT) in stream.split(">")

    def connected(self, name: str) -> bool:
        return bool(self.totals.get(name))

    async def collect(self, name: str, sent: Mapping[str, int], closed: Collection[str], now_ns: int) -> None:
        self.collected.append((name, dict(sent), now_ns))
        for stream in sent:
            sender, receiver = stream.split(">")
            self.totals.setdefault(name, {}).setdefault(f"{receiver}>{sender}", 0)

    async def lose(self, name: str, now_ns: int) -> None:
        self.lost.append((name, now_ns))
        self.totals.pop(name, None)


class Part:
    """A participant's wire, told by a function what to answer. `steps` is what it was sent."""

    def __init__(self, port: int, name: str, answer: Answer | None = None) -> None:
        self.port, self.name = port, name
        self.answer: Answer = answer or (lambda step: {})
        self.steps: list[dict[str, Any]] = []
        self.ended = self.gone = False
        self.said: dict[str, Any] | None = None

    async def run(self, steps: int | None = None) -> None:
        """Until the end, the link's loss, or so many steps (of which the last is not answered)."""
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.say({"join": self.name})
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if "step" not in message:
                    self.said, self.ended = message, bool(message.get("end"))
                    continue
                self.steps.append(message)
                if len(self.steps) == steps:
                    return
                answer = {"step": message["step"], "sent": {}, "deadline_ns": None}
                self.say(answer | self.answer(message))
        finally:
            self.gone = True
            self.writer.close()

    def say(self, message: dict[str, Any]) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    def times(self) -> list[int]:
        return [step["now_ns"] for step in self.steps]


@asynccontextmanager
async def coordinating(
    market: Market, *names: str, end_ns: int = 1000, lost_ns: int = 100, timeout_s: float = 5.0
) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
    coordinator = Coordinator(
        market, names, start_ns=0, end_ns=end_ns, speed=0, lost_ns=lost_ns, answer_timeout_s=timeout_s
    )
    server = await asyncio.get_running_loop().create_server(coordinator.make_peer, "127.0.0.1", 0)
    task = asyncio.ensure_future(coordinator.run())
    task.add_done_callback(lambda _: coordinator.end())
    try:
        yield server.sockets[0].getsockname()[1], task
    finally:
        task.cancel()
        server.close()


async def within(*work: Any) -> None:
    await asyncio.wait_for(asyncio.gather(*work), 10)


async def test_time_waits_for_all_then_visits_every_deadline_in_order() -> None:
    market = Market(10, 20, 30)
    async with coordinating(market, "router", "desk") as (port, task):
        router = Part(port, "router", lambda step: {"deadline_ns": 15 if step["now_ns"] < 15 else 25})
        running = asyncio.ensure_future(router.run())
        await asyncio.sleep(0.05)
        assert (router.steps, market.seen) == ([], [])
        desk = Part(port, "desk")
        await within(running, desk.run(), task)
    assert market.seen == [10, 20, 30]
    assert router.times()[:4] == [0, 15, 25, 26]  # a deadline that stays past is served a nanosecond later
    assert desk.times() == [0]
    assert router.ended
    assert desk.ended


async def test_bytes_of_the_market_are_announced_once_and_answers_collected() -> None:
    market = Market(10)

    def answer(step: dict[str, Any]) -> dict[str, Any]:
        return {"sent": {"5000>9401": 7 if step["now_ns"] == 0 else 9}}

    async with coordinating(market, "router") as (port, task):
        router = Part(port, "router", answer)
        original = market.advance

        def advance(now_ns: int) -> None:
            original(now_ns)
            if now_ns == 10:
                market.totals["router"]["9401>5000"] = 44

        market.advance = advance  # type: ignore[method-assign]
        await within(router.run(), task)
    assert [(step["now_ns"], step["streams"]) for step in router.steps] == [
        (0, {}), (0, {"9401>5000": 0}), (10, {"9401>5000": 44}),
    ]  # fmt: skip
    assert market.collected[-1] == ("router", {"5000>9401": 9}, 10)


async def test_streams_between_participants_are_forwarded_and_closes_told_to_both() -> None:
    busy: list[str] = []

    def desk_answers(step: dict[str, Any]) -> dict[str, Any]:
        busy.append("desk")
        if step["now_ns"] == 0:
            return {"sent": {"6000>9410": 50}, "deadline_ns": 5}
        if step["closed"]:
            return {"deadline_ns": None}
        if step["now_ns"] == 5:
            return {"sent": {"6000>9410": 60}, "closed": ["6000>9410", "9410>6000"], "deadline_ns": None}
        return {"sent": {"6000>9410": 50}, "deadline_ns": 5}

    def router_answers(step: dict[str, Any]) -> dict[str, Any]:
        busy.append("router")
        return {"sent": {"9410>6000": 30}} if "6000>9410" in step["streams"] and step["now_ns"] == 0 else {}

    async with coordinating(Market(10), "router", "desk") as (port, task):
        router, desk = Part(port, "router", router_answers), Part(port, "desk", desk_answers)
        await within(router.run(), desk.run(), task)
    assert [(s["now_ns"], s["streams"], s["closed"]) for s in router.steps] == [
        (0, {}, []),
        (0, {"6000>9410": 50}, []),
        (5, {"6000>9410": 60}, ["6000>9410", "9410>6000"]),
    ]
    assert [(s["now_ns"], s["streams"], s["closed"]) for s in desk.steps] == [
        (0, {}, []),
        (0, {"9410>6000": 30}, []),
        (5, {}, []),
        (5, {}, ["9410>6000", "6000>9410"]),
    ]


async def test_a_lost_participant_gets_lost_ns_and_is_then_waited_for() -> None:
    market = Market(*range(10, 400, 10))
    async with coordinating(market, "router", "desk", lost_ns=100) as (port, task):
        sent = {"sent": {"5000>9401": 1}, "deadline_ns": 50}
        router, desk = Part(port, "router", lambda step: sent), Part(port, "desk")
        running = asyncio.ensure_future(desk.run())
        await within(router.run(steps=3))
        lost_at = router.times()[-1]
        assert lost_at == 50
        for _ in range(100):
            await asyncio.sleep(0.01)
            if market.seen[-1:] == [140]:
                break
        assert market.seen[-1] == 140  # time stands at 150, and waits there
        assert market.lost == [("router", 50)]
        again = Part(port, "router")
        await within(again.run(), running, task)
    assert again.times()[0] == 150
    assert market.seen[-1] == 390


async def test_one_that_closed_everything_first_has_left_and_is_not_waited_for() -> None:
    market = Market(*range(10, 100, 10))
    async with coordinating(market, "router", "desk") as (port, task):
        router, desk = Part(port, "router"), Part(port, "desk", lambda step: {"deadline_ns": 30})
        await within(router.run(), desk.run(steps=2), task)
    assert market.seen[-1] == 90
    assert router.ended


async def test_one_that_does_not_answer_is_lost() -> None:
    market = Market(10)
    async with coordinating(market, "router", "desk", timeout_s=0.1) as (port, task):
        router, desk = Part(port, "router"), Part(port, "desk")

        def silent(step: dict[str, Any]) -> dict[str, Any]:
            return {"step": -1}

        desk.answer = silent
        await within(router.run(), desk.run(), task)
    assert "refused" in (desk.said or {})
    assert market.lost == [("desk", 0)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"join": "nobody"}\n', "participant 'nobody' is not one of router"),
        (b"hello\n", "not a JSON object"),
        (b'{"join": "router"}\n', "has joined already"),
    ],
)
async def test_a_wrong_join_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    async with coordinating(Market(10), "router", "desk") as (port, _):
        first = asyncio.ensure_future(Part(port, "router").run())
        await asyncio.sleep(0.02)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line)
        answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
        assert reason in answer["refused"]
        assert await reader.read() == b""
        writer.close()
        first.cancel()


async def test_a_present_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixsim.lockstep.MAX_ROUNDS", 50)
    count = iter(range(1, 1000))
    async with coordinating(Market(10), "router", "desk") as (port, task):
        router = Part(port, "router")
        desk = Part(port, "desk", lambda step: {"sent": {"6000>9410": next(count)}})
        router.answer = lambda step: {"sent": {"9410>6000": next(count)}} if step["streams"] else {}
        running = [asyncio.ensure_future(part.run()) for part in (router, desk)]
        with pytest.raises(LockstepError, match="no quiet after 50 rounds at 0 ns"):
            await asyncio.wait_for(asyncio.shield(task), 10)
        for part in running:
            part.cancel()
