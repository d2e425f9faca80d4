"""The operator's stop: latch, cancel everything in scope, and say what became of each order.

The order of things is the contract: the latch is in force and nothing that waits can leave before the first
cancel is made; the shell makes the latch durable while the cancels travel; the conversation ends only when
every order is cancelled, filled, or named as not confirmed. Draining (SIGTERM) is the same without a latch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from risk.kill import ALL, KillRefused, Mode, Scope, reinstate_event
from router.core import Core, Reply
from router.execution import Execution
from router.journal import Kind, json_payload
from router.orders import Child, ChildState


@dataclass(slots=True)
class _Running:
    """A stop under way: the orders it waits for, and those it has heard of."""

    command: int
    waiting: dict[str, Child]
    outcomes: list[dict[str, Any]] = field(default_factory=list)


class Kills:
    def __init__(self, core: Core, execution: Execution) -> None:
        self._core = core
        self._execution = execution
        self._running: dict[str, _Running] = {}

    def command(self, command: int, request: dict[str, Any]) -> None:
        """Obeys one validated operator command: kill, suspend, reinstate or drain."""
        what = request["cmd"]
        if what == "drain":
            self._cancel_all(command, ALL, latched=False)
            return
        scope = Scope(request["scope"], request.get("name", ""))
        identity, reason = request["identity"], request.get("reason", "")
        kill = self._core.gate.kill
        try:
            if what == "reinstate":
                latch = kill.reinstate(scope, identity, reason, self._core.now_ns)
            else:
                mode = Mode.HALT if what == "kill" else Mode.SUSPEND
                latch = kill.latch(scope, mode, identity, reason, self._core.now_ns)
        except KillRefused as refused:
            self._reply(command, {"event": "refused", "reason": str(refused)}, last=True)
            return
        now = self._core.now_ns
        lifted = what == "reinstate"
        record = reinstate_event(scope, identity, reason, now) if lifted else latch.as_event()
        self._core.journal.append(Kind.LATCH, now, json_payload(record))
        self._core.alerts.append(f"{what} {scope} by {identity}: {reason}")
        if lifted:
            left = [f"{held.mode.value} by {held.identity}" for held in kill.latches if held.scope == scope]
            body = {"event": "reinstated", "latched_by": latch.identity, "still_latched": left}
            self._reply(command, body, last=True)
            return
        scope = latch.scope  # may be wider than was asked for
        self._execution.drop_waiting(lambda child: _in_scope(scope, child))
        if what == "suspend":
            self._reply(command, {"event": "latched", "mode": "suspend"}, last=True)
            return
        self._cancel_all(command, scope, latched=True)

    def suspend_all(self, reason: str) -> None:
        """The router has found that it may have forgotten orders: nothing new until a person has looked."""
        kill = self._core.gate.kill
        known = kill.count
        latch = kill.latch(ALL, Mode.SUSPEND, "router", reason, self._core.now_ns)
        if kill.count == known:
            return
        self._core.journal.append(Kind.LATCH, self._core.now_ns, json_payload(latch.as_event()))
        self._core.alert(f"suspended: {reason}")
        self._execution.drop_waiting(lambda child: True)

    def child_changed(self, child: Child) -> None:
        """Hears that a child moved, and ends the stops that waited for nothing else."""
        if child.is_live:
            return
        for key, running in list(self._running.items()):
            if running.waiting.pop(child.cl_ord_id, None) is not None:
                self._tell(running, child, _outcome(child))
                if not running.waiting:
                    self._finish(key, confirmed=True)

    def time_up(self, key: str) -> None:
        """The time that a stop may take is over: what is left is named as not confirmed."""
        running = self._running.get(key)
        if running is None:
            return
        for child in running.waiting.values():
            self._tell(running, child, "not confirmed")
        self._finish(key, confirmed=False)

    def _cancel_all(self, command: int, scope: Scope, *, latched: bool) -> None:
        children = [child for child in self._core.orders.live() if _in_scope(scope, child)]
        running = _Running(command, {child.cl_ord_id: child for child in children})
        if latched:
            self._reply(command, {"event": "latched", "mode": "halt"}, last=False)
        self._reply(command, {"event": "cancelling", "orders": len(children)}, last=False)
        key = str(command)
        self._running[key] = running
        if not children:
            self._finish(key, confirmed=True)
            return
        self._core.timers.set(("kill", key), self._core.now_ns + self._core.config.kill_timeout_ns)
        for child in children:
            try:
                self._execution.cancel(child, kill=True)
            except Exception as error:  # one order's trouble must not keep the others from being cancelled
                self._core.alert(f"cancel of {child.cl_ord_id} failed: {type(error).__name__}: {error}")

    def _tell(self, running: _Running, child: Child, outcome: str) -> None:
        line = {
            "event": "order",
            "cl_ord_id": child.cl_ord_id,
            "venue": child.order.venue,
            "state": outcome,
            "cum_lots": child.cum_lots,
            "qty_lots": child.order.qty_lots,
        }
        running.outcomes.append(line)
        self._reply(running.command, line, last=False)

    def _finish(self, key: str, *, confirmed: bool) -> None:
        running = self._running.pop(key)
        self._core.timers.set(("kill", key), None)
        unconfirmed = [line["cl_ord_id"] for line in running.outcomes if line["state"] == "not confirmed"]
        body = {
            "event": "completed",
            "orders": len(running.outcomes),
            "confirmed": confirmed,
            "unconfirmed": unconfirmed,
        }
        self._core.note("stop completed", command=running.command, **body)
        self._reply(running.command, body, last=True)

    def _reply(self, command: int, body: dict[str, Any], *, last: bool) -> None:
        self._core.replies.append(Reply(command, body, last))


def _in_scope(scope: Scope, child: Child) -> bool:
    order = child.order
    return scope.kind == "all" or scope.name == {
        "venue": order.venue,
        "symbol": order.symbol,
        "parent": order.parent_id,
    }.get(scope.kind)


def _outcome(child: Child) -> str:
    return "filled" if child.state is ChildState.FILLED else "canceled"
