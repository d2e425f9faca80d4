"""A world in which things go wrong: links that break or lie, processes that die, policies that talk nonsense.

Every fault is drawn from one seed, so that a seed names a run. The invariants are checked after every step.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from fixsim.tape import Tape, load_tape
from risk.order import Side
from router.policy import Policy
from router.records import NO_VALUE, NO_VECTOR, Answer, AnswerStatus
from router.tick import Decide
from tests.simulation.invariants import Watch
from tests.simulation.world import SECOND, SYMBOL, World, load_policies

SEEDS = int(os.environ.get("SLUICE_SIM_SEEDS", "0"))  # how many more of each kind of run: `make soak`
FAULTS = (
    "cut", "half-open", "die", "die writing", "kill", "suspend", "reinstate", "policy", "cancel", "parent",
    "desk",
)  # fmt: skip
MOODS = ("failed", "nan", "late", "inf", "illegal", "wild value", "silent")


class Died(Exception):  # noqa: N818 - the process did
    """kill -9, in the middle of writing."""


def seeds(few: int) -> range:
    """The seeds of a kind of run: a few, or as many more as the soak asks for."""
    return range(few + SEEDS)


@cache
def policies() -> dict[int, Policy]:
    return load_policies()


@cache
def tape() -> Tape:
    return load_tape()


@dataclass
class Scope:
    """A latch that stands: what, and by whom."""

    kind: str
    name: str
    identity: str = "trader"


class Chaos(World):
    """Links lose what they carry (`deaf`: what we send, `mute`: what we would hear); redials after a cut."""

    def __init__(self, seed: int = 0, **changes: Any) -> None:
        self.random = random.Random(seed)
        self.deaf: set[int] = set()
        self.mute: set[int] = set()
        self.redial: dict[int, int] = {}
        self.mood = "good"
        self.moody = 0.0  # the share of answers that are in the mood
        self.writes_left: int | None = None  # then the process dies
        self.watch: Watch | None = None
        self.parents = 0
        self.replaces = 0
        self.commands = 0
        self.told: dict[int, list[dict[str, Any]]] = {}
        self.latched: list[Scope] = []
        self.cuts_tail = False
        super().__init__(policies(), tape=tape(), **changes)
        self.watch = Watch(self)
        self.watch.step()

    # Time.

    def flow(self) -> None:
        super().flow()
        core = self.engine.running
        for reply in core.replies:
            self.told.setdefault(reply.command, []).append(reply.body)
        core.replies.clear()
        if self.watch is not None:
            self.watch.step()

    def pass_time(self, seconds: float) -> None:
        """Like `run`, and links that are down are dialled again when their time has come."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while self.now_ns < end_ns:
            for port in self.engine.running.ports:
                if port.index not in self.linked:
                    wait_ns = self.random.randrange(SECOND // 10, 3 * SECOND)
                    self.redial.setdefault(port.index, self.now_ns + wait_ns)
            next_ns = min([end_ns, *self.redial.values()])
            self.run(max(next_ns - self.now_ns, 0) / SECOND)
            self.now_ns = max(self.now_ns, next_ns)
            for index, due in sorted(self.redial.items()):
                if due <= self.now_ns:
                    del self.redial[index]
                    if index not in self.linked:
                        self.connect(index)

    def heal(self) -> None:
        """Faults cease: every link carries again, or is dialled afresh."""
        self.writes_left, self.mood = None, "good"
        broken = self.deaf | self.mute
        self.deaf.clear()
        self.mute.clear()
        for index in sorted(broken):
            if index in self.linked:
                self.cut(index)

    # Processes.

    def die(self, cut_bytes: int = 0) -> None:
        """kill -9 and a restart at once."""
        self.writes_left = None
        assert self.watch is not None
        self.keep_journal()
        self.watch.died()
        self.crash(cut_bytes)
        self.restart_watched(cut_bytes)

    def restart_watched(self, cut_bytes: int = 0) -> None:
        self.redial.clear()
        watch, self.watch = self.watch, None
        try:
            super().restart()
        finally:
            self.watch = watch
        assert watch is not None
        if cut_bytes:
            watch.lost_tail()
        watch.step()

    def operator(self, cmd: str, scope: str = "all", name: str = "", who: str = "trader") -> int:
        self.commands += 1
        request = {"cmd": cmd, "scope": scope, "name": name, "identity": who, "reason": "chaos"}
        self.engine.operator(self.commands, request, self.now_ns)
        self.flow()
        return self.commands

    # Wires.

    def _from_router(self) -> bool:
        core = self.engine.running
        if self.writes_left is not None and core.writes:
            if self.writes_left < len(core.writes):
                self.keep_journal()  # on disk; the wire gets the first of them only
                died, core.writes = core.writes[: self.writes_left], []
                self.writes_left = None
                for index, raw in died:
                    self._carry(index, raw)
                raise Died
            self.writes_left -= len(core.writes)
        writes, core.writes = core.writes, []
        for index, raw in writes:
            self._carry(index, raw)
        hangups, core.hangups = core.hangups, []
        for index in hangups:
            if index in self.linked:
                self.cut(index)
        return bool(writes)

    def _carry(self, index: int, raw: bytes) -> None:
        if index not in self.deaf:
            self.engine.running.writes.append((index, raw))
            super()._from_router()
        else:
            self.wire.append((index, raw))

    def _from_venues(self) -> bool:
        kept = [(link, raw) for link, raw in self.gateway.writes if link[0] not in self.mute]  # type: ignore[index]
        lost = len(kept) != len(self.gateway.writes)
        self.gateway.writes = kept
        return super()._from_venues() or lost

    def _from_desk(self) -> bool:
        if self.engine.running.ports[-1].index in self.mute:
            self.desk.out.clear()
        return super()._from_desk()

    # Policies.

    def _decide(self) -> None:
        while decides := self.engine.take_decides():
            for decide in decides:
                answer = self._answer(decide)
                if answer is not None:
                    self.engine.answer(answer, self.now_ns)

    def _answer(self, decide: Decide) -> Answer | None:
        mood = self.mood if self.random.random() < self.moody else "good"
        said = self.policies[decide.strategy].run(decide.state, decide.mask)
        logits, value, values = said.logits.copy(), said.value.copy(), said.action_value.copy()
        elapsed = 0
        match mood:
            case "failed":
                return Answer(
                    decide.parent, decide.decision, AnswerStatus.FAILED, 0, NO_VALUE, NO_VECTOR, NO_VECTOR
                )
            case "silent":
                return None
            case "nan":
                logits[self.random.randrange(len(logits))] = np.nan
            case "inf":
                logits[0] = np.inf
            case "illegal":
                logits[:] = 1.0
            case "wild value":
                (value if self.random.random() < 0.5 else values)[0] = np.inf
            case "late":
                elapsed = self.engine.running.config.policy_deadline_ns + 1
        return Answer(decide.parent, decide.decision, AnswerStatus.GOOD, elapsed, value, logits, values)

    # Desk.

    def ask(self, lots: int, seconds: float, strategy: int = 1002, **terms: Any) -> str:
        """A parent, if the desk is logged on; its name."""
        self.parents += 1
        name = f"D{self.parents}"
        if self.desk.session.is_logged_on:
            self.send_parent(lots, seconds, strategy, name=name, **terms)
        return name

    # Faults.

    def fault(self, kind: str) -> None:
        draw = self.random
        ports = self.engine.running.ports
        match kind:
            case "cut" | "desk":
                index = draw.randrange(len(ports)) if kind == "cut" else ports[-1].index
                if index in self.linked:
                    self.cut(index)
            case "half-open":
                index = draw.randrange(len(ports) - 1)
                if index in self.linked:
                    draw.choice((self.deaf, self.mute)).add(index)
            case "die":
                self.die()
            case "die writing":
                self.writes_left = draw.randrange(4)
            case "kill" | "suspend":
                scope = self._scope()
                self.operator(kind, scope.kind, scope.name)
                self.latched.append(scope)
            case "reinstate":
                while self.latched:
                    scope = self.latched.pop()
                    self.operator("reinstate", scope.kind, scope.name, "risk-officer")
            case "policy":
                self.mood, self.moody = draw.choice(MOODS), draw.choice((0.3, 1.0))
            case "cancel" if self.parents and self.desk.session.is_logged_on:
                self.cancel_parent(f"D{draw.randrange(self.parents) + 1}")
            case "replace" if self.desk.session.is_logged_on:
                self._replace()
            case "parent":
                side = draw.choice((Side.BUY, Side.SELL))
                must = draw.random() < 0.7
                self.ask(
                    draw.randrange(10**5, 5 * 10**8), draw.uniform(5, 40), draw.choice((1001, 1002, 1003)),
                    side=side, must=must,
                )  # fmt: skip

    def _replace(self) -> None:
        """The desk wants more or less of one of its parents, by a limit about the market or without."""
        draw = self.random
        names = [work.parent for work in self.engine.running.active_parents()]
        if not names:
            return
        parent = draw.choice(names)
        self.replaces += 1
        lots = int(parent.qty_lots * draw.choice((0.05, 0.3, 0.7, 1.0, 1.4))) or 1
        limit_nanos = draw.choice((None, 6_185 * SECOND, 6_190 * SECOND, 6_195 * SECOND))
        self.replace_parent(parent.cl_ord_id, f"R{self.replaces}", lots, limit_nanos=limit_nanos)

    def _scope(self) -> Scope:
        core = self.engine.running
        kind = self.random.choice(("all", "venue", "symbol", "parent"))
        if kind == "venue":
            return Scope(kind, self.random.choice(core.config.venues).name)
        if kind == "symbol":
            return Scope(kind, SYMBOL)
        if kind == "parent" and core.parents:
            return Scope(kind, self.random.choice(list(core.parents)))
        return Scope("all", "")


@dataclass
class Schedule:
    """One run: parents of both sides and several strategies, faults at random times, then peace."""

    seed: int
    seconds: float = 25.0
    faults: tuple[str, ...] = FAULTS
    happened: list[tuple[float, str]] = field(default_factory=list)

    def run(self) -> Chaos:
        world = Chaos(self.seed)
        draw = world.random
        world.pass_time(0.2)
        world.ask(draw.randrange(10**7, 10**9), draw.uniform(10, 40), 1002)
        must = draw.random() < 0.5
        world.ask(draw.randrange(10**7, 6 * 10**8), draw.uniform(10, 40), 1001, side=Side.SELL, must=must)
        end_ns = world.now_ns + int(self.seconds * SECOND)
        while world.now_ns < end_ns:
            self.guarded(world, lambda: world.pass_time(draw.expovariate(0.6)))
            kind = draw.choice(self.faults)
            self.happened.append((world.now_ns / SECOND, kind))
            self.guarded(world, lambda kind=kind: world.fault(kind))  # type: ignore[misc]
            if draw.random() < 0.3:
                self.guarded(world, world.heal)
        self.guarded(world, world.heal)
        world.writes_left = None
        return world

    def guarded(self, world: Chaos, act: Any) -> None:
        try:
            act()
        except Died:
            self.happened.append((world.now_ns / SECOND, "died"))
            world.die()


def settle(world: Chaos, seconds: float = 30.0) -> None:
    """Peace: what was suspended is let go, the desk withdraws every parent, and everything resolves."""
    world.heal()
    world.pass_time(8)
    world.fault("reinstate")
    for name in [w.parent.cl_ord_id for w in world.engine.running.parents.values() if not w.is_ended]:
        world.cancel_parent(name)
    world.pass_time(seconds)
