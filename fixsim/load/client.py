"""Clients of a load: many sessions in one process, which send at a rate, whatever comes back.

Answers are recognised by their ClOrdID alone: reading them wholly would cost more than making them. What a
request took is from its writing to the reading of the first answer to it, both by this process's clock.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns, time_ns
from typing import Any, cast

import numpy as np

from fixsim.load.plan import TURN, Plan, requests
from router.fix import events
from router.fix.codec import Framer, Message
from router.fix.session import Session, SessionConfig

_ANSWERED = re.compile(rb"\x0111=(\d+)\x01")
_END = b"\x0110="
TICK_S = 0.002
LOGON_S = 30.0
DRAIN_S = 10.0
WARM_UP_S = 90.0


@dataclass(slots=True)
class Sent:
    """By ClOrdID: when it was written and when first answered, 0 for not yet, by this process's clock."""

    at_ns: np.ndarray[Any, np.dtype[np.int64]]
    answered_ns: np.ndarray[Any, np.dtype[np.int64]]
    count: int = 0
    messages: int = 0
    """That came back, of every kind but those of the session."""
    lost: list[str] = field(default_factory=list)
    """Sessions that ended before their time."""


class Wire(asyncio.Protocol):
    """One session's connection."""

    def __init__(self, venue: str, comp_id: str, sent: Sent) -> None:
        config = SessionConfig(comp_id, "initiator", sender_comp_id=comp_id, target_comp_id=venue)
        self.session = Session(config)
        self.on: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.leaving = False
        self._sent, self._tail = sent, b""
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._act(self.session.connected(time_ns()))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.leaving:
            self._sent.lost.append(f"{self.session.name}: {exc or 'closed by the venue'}")
        if not self.on.done():
            self.on.set_exception(ConnectionError(f"{self.session.name} was not logged on"))

    def data_received(self, data: bytes) -> None:
        if not self.on.done():
            self._framer.feed(data)
            while (message := self._framer.next()) is not None:
                assert isinstance(message, Message), message
                self._act(self.session.received(message, time_ns()))
            return
        data = self._tail + data
        end = data.rfind(_END) + 8  # 10=nnn and its delimiter
        if end < 8 or end > len(data):
            end = data.rfind(_END, 0, max(0, end - 8)) + 8
            if end < 8:
                self._tail = data
                return
        self._tail = data[end:]
        found = _ANSWERED.findall(data, 0, end)
        sent, now_ns = self._sent, perf_counter_ns()
        sent.messages += len(found)
        for name in found:
            number = int(name)
            if not sent.answered_ns[number]:
                sent.answered_ns[number] = now_ns

    def send(self, msg_type: bytes, body: bytes, now_ns: int) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(self.session.encode(msg_type, body, now_ns))

    def leave(self) -> None:
        self.leaving = True
        if self._transport is not None:
            self._transport.close()

    def _act(self, happened: list[events.Event]) -> None:
        for event in happened:
            if isinstance(event, events.Send) and self._transport is not None:
                self._transport.write(event.raw)
            elif isinstance(event, events.LoggedOn) and not self.on.done():
                self.on.set_result(None)


async def drive(
    ports: dict[str, int], names: list[tuple[str, str]], rate: float, seconds: float, symbol: bytes,
    progress: Callable[[int, int], object],
) -> Sent:  # fmt: skip
    """Log every session on, send for so long, wait for what is not answered. `progress` gets (sent, back).

    Before that every session has one turn that does not count, answered wholly: what the venue does for the
    first time is compiled and loaded then. `progress` gets (0, 0) when it begins to count.
    """
    bound = int(rate * seconds * 1.1) + 10 * len(names) + 100
    sent = Sent(np.zeros(bound, np.int64), np.zeros(bound, np.int64))
    loop = asyncio.get_running_loop()
    wires = [Wire(venue, comp_id, sent) for venue, comp_id in names]
    for (venue, _), wire in zip(names, wires, strict=True):
        await loop.create_connection(lambda wire=wire: wire, "127.0.0.1", ports[venue])  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*(wire.on for wire in wires)), LOGON_S)
    plans = [requests(symbol, number + 1, len(wires)) for number in range(len(wires))]
    for plan in plans:
        next(plan)
    await _warm_up(wires, plans, sent)
    progress(0, 0)
    start_ns, said_ns, turn = perf_counter_ns(), 0, 0
    while (passed_ns := perf_counter_ns() - start_ns) < seconds * 1e9:
        due = min(int(passed_ns * rate / 1e9), bound - len(wires) - 1)
        for _ in range(due - sent.count):
            now_ns = time_ns()
            msg_type, body, number = plans[turn].send(now_ns)
            sent.at_ns[number] = perf_counter_ns()
            wires[turn].send(msg_type, body, now_ns)
            sent.count += 1
            turn = (turn + 1) % len(wires)
            if not sent.count % 64:
                await asyncio.sleep(0)
        if passed_ns - said_ns > 1e9:
            said_ns = passed_ns
            progress(sent.count, sent.messages)
        await asyncio.sleep(TICK_S)
    for _ in range(int(DRAIN_S * 20)):
        if not unanswered(sent):
            break
        await asyncio.sleep(0.05)
    for wire in wires:
        wire.leave()
    return sent


async def _warm_up(wires: list[Wire], plans: list[Plan], sent: Sent) -> None:
    for wire, plan in zip(wires, plans, strict=True):
        for _ in range(TURN):
            msg_type, body, number = plan.send(time_ns())
            sent.at_ns[number] = perf_counter_ns()
            wire.send(msg_type, body, time_ns())
    deadline_s = perf_counter_ns() / 1e9 + WARM_UP_S
    while unanswered(sent):
        if perf_counter_ns() / 1e9 > deadline_s:
            raise TimeoutError(f"{unanswered(sent)} requests of the warm-up were not answered")
        await asyncio.sleep(0.05)
    sent.at_ns[:], sent.answered_ns[:], sent.messages = 0, 0, 0


def unanswered(sent: Sent) -> int:
    return int(np.count_nonzero(sent.at_ns)) - int(np.count_nonzero(sent.answered_ns))


def latencies_us(sent: Sent) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of every request that was answered."""
    done = sent.answered_ns > 0
    return (sent.answered_ns[done] - sent.at_ns[done]) / 1000
