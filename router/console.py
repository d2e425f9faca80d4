"""Conversations with operators: a command goes to the engine as an input, its replies go back as they come.

A latch is in force the moment the engine has it; the operator hears of it once the disk has answered, with
whether it is durable. A command runs to its end whether or not anybody still listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from router.control import Answer, Command, CommandRefused
from router.core import Reply
from router.engine import Engine

BOUND = 4096  # answers that may wait for one operator; a kill's longest list is shorter
NAMED = 20  # names that a refusal lists
SYNC_S = 2.0  # what became of the orders must not wait for a disk that hangs
VIEWS = frozenset({"status", "parents", "orders"})

Conversation = asyncio.Queue[tuple[Answer, bool]]


class Console:
    """`give` hands a command to the engine; `sync` makes the journal durable (it blocks, on a thread)."""

    def __init__(
        self,
        engine: Engine,
        give: Callable[[int, dict[str, Any]], None],
        sync: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._engine = engine
        self._give = give
        self._sync = sync
        self._spawn = spawn
        self._conversations: dict[int, Conversation] = {}
        self._commands = 0
        self._settling: dict[int, tuple[Answer, bool] | None] = {}
        """Commands whose latch is on its way to the disk, and their last answer, which waits for that."""

    @property
    def next_number(self) -> int:
        """What the next command will be called."""
        return self._commands + 1

    def command(self, request: dict[str, Any]) -> int:
        """Gives one command to the engine; its number names its replies."""
        self._commands += 1
        number = self._commands
        self._give(number, request)
        return number

    async def on_command(self, command: Command) -> AsyncIterator[Answer]:
        """The control socket's door: yields the answers to one command."""
        if command.cmd in VIEWS:
            for answer in self._engine.view(command.cmd):
                yield answer
            return
        self._refuse_unknown(command)
        request = {
            "cmd": command.cmd,
            "scope": command.scope,
            "name": command.name,
            "identity": command.identity,
            "reason": command.reason,
        }
        async for answer in self.converse(request):
            yield answer

    async def answers(self, bodies: list[Answer]) -> AsyncIterator[Answer]:
        for body in bodies:
            yield body

    async def converse(self, request: dict[str, Any]) -> AsyncIterator[Answer]:
        """Gives a command to the engine, and yields its answers to the last."""
        queue: Conversation = asyncio.Queue(BOUND)
        number = self.next_number
        self._conversations[number] = queue
        self.command(request)
        try:
            last = False
            while not last:
                answer, last = await queue.get()
                yield answer
        finally:
            del self._conversations[number]

    def _refuse_unknown(self, command: Command) -> None:
        """A name that nothing has would latch nothing, and its typist would believe that trading had stopped.

        A latch of a name that is known no more can still be lifted.
        """
        if command.cmd == "reinstate" or command.scope == "all":
            return
        core = self._engine.running
        if command.cmd == "reset session":
            sessions = sorted(port.session.name for port in core.ports)
            if command.name not in sessions:
                raise CommandRefused(f"no session is called {command.name}; known are {', '.join(sessions)}")
            return
        live = [child.order for child in core.orders.live()]
        match command.scope:
            case "venue":
                known = {venue.name for venue in core.config.venues} | {order.venue for order in live}
            case "symbol":
                known = set(core.markets) | {order.symbol for order in live}
            case _:
                if command.name in core.parents:
                    return
                known = {name for name, work in core.parents.items() if not work.is_ended}
        if command.name in known:
            return
        listed = sorted(known)[:NAMED]
        more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
        names = f"known are {', '.join(listed)}{more}" if known else f"no {command.scope} is open"
        raise CommandRefused(
            f"{command.cmd} {command.scope} {command.name}: no such {command.scope}, nothing latched; {names}"
        )

    def reply(self, reply: Reply) -> None:
        """An answer of the engine, on its way to whoever asked."""
        queue = self._conversations.get(reply.command)
        if reply.body["event"] == "latched":
            self._settling[reply.command] = None
            self._spawn(self._latched(reply.command, queue, dict(reply.body), reply.last))
        elif reply.last and reply.command in self._settling:
            self._settling[reply.command] = (reply.body, True)
        elif queue is not None:
            _put(queue, reply.body, reply.last)

    async def _latched(self, command: int, queue: Conversation | None, answer: Answer, last: bool) -> None:
        answer["durable"] = True
        try:
            sync = asyncio.get_running_loop().run_in_executor(None, self._sync)
            await asyncio.wait_for(asyncio.shield(sync), SYNC_S)
        except TimeoutError:
            answer["durable"] = False
            answer["error"] = f"the disk has not answered for {SYNC_S} s"
        except OSError as error:
            answer["durable"] = False
            answer["error"] = str(error)
        waiting = self._settling.pop(command)
        if queue is not None:
            _put(queue, answer, last)
            if waiting is not None:
                _put(queue, *waiting)


def _put(queue: Conversation, answer: Answer, last: bool) -> None:
    """Beyond the bound a line is lost to the listener, but never the closing one: it names what matters."""
    if last and queue.full():
        queue.get_nowait()
    with suppress(asyncio.QueueFull):
        queue.put_nowait((answer, last))
