"""The operator socket: who may do what, what a request must say, and a command that outlives who asked."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from router import control
from router.control import Answer, Command, CommandRefused, ControlError, ControlServer, ask, parse_command
from router.settings import Operator

TRADER = Operator(identity="trader", uid=1000, roles=("kill", "view"))
OFFICER = Operator(identity="officer", uid=1000, roles=("kill", "reinstate", "view"))
VIEWER = Operator(identity="viewer", uid=2000, roles=("view",))
CONNECTIVITY = Operator(identity="connectivity", uid=1500, roles=("sessions",))
OPERATORS = (TRADER, OFFICER, VIEWER, CONNECTIVITY)
KILL = {"cmd": "kill", "scope": "venue", "name": "XLIT1", "identity": "trader", "reason": "test"}


def parsed(uid: int = 1000, **changes: str | None) -> Command:
    request = {field: value for field, value in {**KILL, **changes}.items() if value is not None}
    return parse_command(json.dumps(request).encode(), uid, OPERATORS)


def test_a_good_kill_is_a_command() -> None:
    assert parsed() == Command("kill", "trader", "venue", "XLIT1", "test")
    assert parsed(scope="all", name=None, reason="  two words ") == Command(
        "kill", "trader", "all", "", "two words"
    )


def test_views_take_no_scope_and_any_of_the_uids_identities() -> None:
    assert parse_command(b'{"cmd": "status"}', 2000, OPERATORS) == Command("status", "viewer")
    assert parse_command(b'{"cmd": "parents"}', 1000, OPERATORS).identity == "trader"


def test_sessions_are_reset_by_name_and_reloaded_without() -> None:
    asked = parsed(1500, cmd="reset session", scope=None, identity=None, name="A>B")
    assert asked == Command("reset session", "connectivity", "", "A>B", "test")
    asked = parsed(1500, cmd="reload sessions", scope=None, identity=None, name=None, reason=None)
    assert asked == Command("reload sessions", "connectivity")
    assert parse_command(b'{"cmd": "sessions"}', 2000, OPERATORS) == Command("sessions", "viewer")


def test_the_one_identity_that_may_do_it_need_not_be_named() -> None:
    assert parsed(cmd="reinstate", identity=None).identity == "officer"


@pytest.mark.parametrize(
    ("uid", "changes", "reason"),
    [
        (3000, {}, "uid 3000 is no operator in the settings"),
        (1000, {"identity": "viewer"}, "uid 1000 may not speak as viewer"),
        (1000, {"identity": "root"}, "uid 1000 may not speak as root"),
        (1000, {"cmd": "reinstate"}, "trader has not the role reinstate"),
        (2000, {"identity": None}, "uid 2000 has not the role kill"),
        (1000, {"cmd": "halt"}, "cmd 'halt' is not one of kill, suspend, reinstate, status, parents, orders"),
        (1000, {"cmd": None}, "cmd '' is not one of"),
        (1000, {"scope": "desk"}, "scope 'desk' is not one of all, venue, symbol, parent"),
        (1000, {"scope": None}, "scope '' is not one of"),
        (1000, {"scope": "all"}, "scope all takes no name"),
        (1000, {"name": None}, "scope venue needs a name"),
        (1000, {"reason": " "}, "kill needs a reason"),
        (1000, {"reason": "x" * 501}, "the reason has 501 characters; at most 500"),
        (1000, {"cmd": "status"}, "status takes no scope, name or reason"),
        (1000, {"colour": "red"}, "colour is not a field of a request"),
        (1000, {"cmd": "reset session"}, "trader has not the role sessions"),
        (1500, {"cmd": "reset session", "identity": None}, "reset session takes a name, and no scope"),
        (1500, {"cmd": "reset session", "identity": None, "scope": None, "name": None}, "takes a name"),
        (1500, {"cmd": "reset session", "identity": None, "scope": None, "reason": ""}, "needs a reason"),
        (1500, {"cmd": "reload sessions", "identity": None}, "reload sessions takes no scope, name or"),
    ],
)
def test_a_request_that_may_not_be_is_refused_in_words(
    uid: int, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CommandRefused) as refusal:
        parsed(uid, **changes)
    assert reason in str(refusal.value)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"cmd": 1}', b'"kill"', b"\xff\xfe"])
def test_a_line_that_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(CommandRefused, match="JSON"):
        parse_command(line, 1000, OPERATORS)


ME = (
    Operator(identity="trader", uid="self", roles=("kill", "view")),
    Operator(identity="officer", uid=os.getuid(), roles=("reinstate",)),
)


class Router:
    """The app's part: answers from a list, one of them when `go` is set."""

    def __init__(self, *answers: Answer, durable: bool = True) -> None:
        self.answers = answers
        self.durable = durable
        self.commands: list[Command] = []
        self.finished = 0
        self.go = asyncio.Event()
        self.go.set()

    async def perform(self, command: Command) -> AsyncIterator[Answer]:
        self.commands.append(command)
        if command.name == "NOWHERE":
            raise ValueError("venue NOWHERE is not known")
        yield {"event": "latched", "durable": self.durable}
        await self.go.wait()
        for answer in self.answers:
            yield answer
        self.finished += 1


async def asked(path: Path, request: dict[str, str]) -> tuple[int, list[Answer]]:
    answers: list[Answer] = []
    status = await asyncio.to_thread(ask, path, request, answers.append)
    return status, answers


async def test_a_kill_streams_its_progress_and_ends_in_status_0(tmp_path: Path) -> None:
    order = {"event": "order", "cl_ord_id": "S-1", "state": "canceled"}
    router = Router(order, {"event": "completed", "unconfirmed": []})
    server = ControlServer(tmp_path / "s" / "control.sock", ME, router.perform)
    await server.start()
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o660
    status, answers = await asked(server.path, KILL)
    assert status == 0
    assert answers == [
        {"event": "latched", "durable": True},
        order,
        {"event": "completed", "unconfirmed": []},
    ]
    assert router.commands == [Command("kill", "trader", "venue", "XLIT1", "test")]
    await server.close()
    assert not server.path.exists()


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (({"event": "completed", "unconfirmed": ["S-3"]},), 1),
        ((), 1),  # a kill that never says "completed" has confirmed nothing
        (({"event": "refused", "reason": "no"},), 2),
    ],
)
async def test_a_kill_without_all_confirmed_is_not_status_0(
    tmp_path: Path, answers: tuple[Answer, ...], status: int
) -> None:
    server = ControlServer(tmp_path / "control.sock", ME, Router(*answers).perform)
    await server.start()
    assert (await asked(server.path, KILL))[0] == status
    await server.close()


async def test_refusals_by_the_server_and_by_the_app_are_status_2(tmp_path: Path) -> None:
    router = Router()
    server = ControlServer(tmp_path / "control.sock", ME, router.perform)
    await server.start()
    status, answers = await asked(server.path, {**KILL, "identity": "officer"})
    assert (status, answers) == (2, [{"event": "refused", "reason": "officer has not the role kill"}])
    status, answers = await asked(server.path, {**KILL, "name": "NOWHERE"})
    assert (status, answers) == (2, [{"event": "refused", "reason": "venue NOWHERE is not known"}])
    status, answers = await asked(server.path, {"cmd": "x" * control.MAX_REQUEST_BYTES})
    assert status == 2
    assert "no request of up to 65536 bytes" in answers[0]["reason"]
    await server.close()


async def test_a_command_runs_to_its_end_though_nobody_listens(tmp_path: Path) -> None:
    router = Router({"event": "completed", "unconfirmed": []})
    router.go.clear()
    server = ControlServer(tmp_path / "control.sock", ME, router.perform)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(json.dumps(KILL).encode() + b"\n")
    await reader.readline()
    writer.transport.abort()
    router.go.set()
    await server.close()
    assert router.finished == 1


async def test_commands_do_not_wait_for_each_other(tmp_path: Path) -> None:
    router = Router()
    router.go.clear()
    server = ControlServer(tmp_path / "control.sock", ME, router.perform)
    await server.start()
    first = asyncio.ensure_future(asked(server.path, KILL))
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(b'{"cmd": "status"}\n')
    assert json.loads(await reader.readline())["event"] == "latched"
    assert not first.done()
    router.go.set()
    await first
    writer.close()
    await server.close()


async def test_operators_over_the_bound_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MAX_CLIENTS", 0)
    server = ControlServer(tmp_path / "control.sock", ME, Router().perform)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(server.path)
    assert "connected already" in json.loads(await reader.readline())["reason"]
    writer.close()
    await server.close()


async def test_a_socket_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    old = await asyncio.start_unix_server(lambda r, w: None, path)
    old.close()
    assert path.exists()
    server = ControlServer(path, ME, Router({"event": "status"}).perform)
    await server.start()
    assert (await asked(path, {"cmd": "status"}))[0] == 0
    await server.close()


async def test_no_router_a_stranger_and_a_router_that_dies_are_control_errors(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with pytest.raises(ControlError, match="no router answers: No such file"):
        await asked(path, KILL)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said.pop(0))
        writer.close()

    said = [b"", b'{"event": "latched", "durable": true}\n', b"hello\n", b"[]\n"]
    server = await asyncio.start_unix_server(serve, path)
    for reason in ("before the command was done",) * 2 + ("is no router",) * 2:
        with pytest.raises(ControlError, match=reason):
            await asked(path, KILL)
    server.close()


def test_a_kill_does_not_wait_for_a_name_but_a_reinstatement_does() -> None:
    assert parsed(1000, identity=None).identity == "trader"
    both = tuple(Operator(identity=name, uid=7, roles=("reinstate",)) for name in ("ann", "bob"))
    line = json.dumps({"cmd": "reinstate", "scope": "all", "name": "", "reason": "over"}).encode()
    with pytest.raises(CommandRefused, match="uid 7 may be ann or bob: say which with --identity"):
        parse_command(line, 7, both)


async def test_a_kill_whose_latch_is_not_on_disk_is_not_wholly_done(tmp_path: Path) -> None:
    router = Router({"event": "completed", "unconfirmed": []}, durable=False)
    server = ControlServer(tmp_path / "control.sock", ME, router.perform)
    await server.start()
    assert (await asked(server.path, KILL))[0] == 1
    await server.close()


async def test_a_reinstatement_that_leaves_a_latch_is_not_wholly_done(tmp_path: Path) -> None:
    answer = {"event": "reinstated", "latched_by": "ann", "still_latched": ["halt by bob"]}
    server = ControlServer(tmp_path / "control.sock", ME, Router(answer).perform)
    await server.start()
    assert (await asked(server.path, KILL | {"cmd": "reinstate", "identity": "officer"}))[0] == 1
    await server.close()
