"""The operation of sessions as inputs: opened and closed by their hours, reset as agreed, added while we run.

The shell knows calendars and settings files; the engine is told, and that is journalled, so that a replay
resets and closes at the same messages. Numbers go back to 1 only here, at the start of a new period where
the settings say so or by an operator's word, and by the peer's agreement; each time with an alert.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from router.config import SessionSpec
from router.core import Core, Port, PortKind, Reply
from router.fix.events import Event
from router.fix.states import State
from router.opening import open_port

COMMANDS = frozenset({"open session", "close session", "reset session", "add sessions"})


class Sessions:
    """`handle` acts on what a session says."""

    def __init__(self, core: Core, handle: Callable[[Core, Port, Sequence[Event]], None]) -> None:
        self._core = core
        self._handle = handle

    def command(self, command: int, request: dict[str, Any]) -> None:
        """One of COMMANDS. "open" and "close" come from the shell's calendar; the others from an operator."""
        match request["cmd"]:
            case "open session":
                goes_on = request.get("goes_on", False)
                self._open(self._port(request["name"]), request["period_ns"], goes_on)
            case "close session":
                self._close(self._port(request["name"]), request["reason"])
            case "reset session":
                self._reset(command, request)
            case _:
                self._add(command, request)

    def settle(self, port: Port) -> None:
        """A reset that is due happens now, if the session is in a state for it."""
        if not port.reset_due:
            return
        state = port.session.state
        if state in (State.DISCONNECTED, State.ACTIVE):
            port.reset_due = False
            self._handle(self._core, port, port.session.reset(self._core.now_ns))

    def _open(self, port: Port, period_ns: int, goes_on: bool) -> None:
        """`goes_on`: it is the period that was, and so is one that began before it: the settings changed."""
        core = self._core
        before, port.period_ns = port.period_ns, period_ns
        port.is_open = True
        name = port.session.name
        if before == period_ns:
            return  # the process began again within it
        core.note("session opens", session=name, period_ns=period_ns)
        if not core.config.sessions[port.index].reset_at_start or goes_on or period_ns < before:
            return
        numbers = (port.session.next_out, port.session.next_in)
        if not before:
            if numbers != (1, 1):  # since when they count is not known: the schedule came later than they
                core.alert(f"{name}: its numbers are {numbers}, and are reset when its next period begins")
            return
        core.alert(f"{name}: a new period begins: its numbers, out {numbers[0]}, in {numbers[1]}, are reset")
        port.reset_due = True
        self.settle(port)

    def _close(self, port: Port, reason: str) -> None:
        core = self._core
        port.is_open = False
        name = port.session.name
        core.note("session closes", session=name, reason=reason)
        if port.kind is PortKind.ORDERS:
            count = sum(child.venue == port.venue for child in core.orders.live())
            if count:
                core.alert(
                    f"{name} {reason} while {count} of its orders are open: they stay, as if it were lost"
                )
        self._handle(core, port, port.session.logout(reason, core.now_ns))

    def _reset(self, command: int, request: dict[str, Any]) -> None:
        core = self._core
        name = request["name"]
        port = self._port(name)
        session = port.session
        if session.state is not State.DISCONNECTED:
            reason = (
                f"{name} is {session.state.name.lower()}: its numbers are reset only while it is logged off"
            )
            core.replies.append(Reply(command, {"event": "refused", "reason": reason}, last=True))
            return
        before = {"next_out": session.next_out, "next_in": session.next_in}
        core.alert(f"{name}: numbers reset by {request['identity']}: {request['reason']}")
        port.reset_due = False
        self._handle(core, port, session.reset(core.now_ns))
        core.replies.append(Reply(command, {"event": "session reset", "session": name, **before}, last=True))

    def _add(self, command: int, request: dict[str, Any]) -> None:
        core = self._core
        specs = tuple(SessionSpec.model_validate(spec) for spec in request["sessions"])
        core.config = core.config.model_copy(update={"sessions": core.config.sessions + specs})
        for spec in specs:
            open_port(core, spec)
            core.note("session added", session=spec.name)
        body = {"event": "sessions reloaded", "added": [spec.name for spec in specs]}
        core.replies.append(Reply(command, {**body, "changed": request["changed"]}, last=True))

    def _port(self, name: str) -> Port:
        return next(port for port in self._core.ports if port.session.name == name)
