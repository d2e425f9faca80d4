"""The kill switch: latches that stop new orders, by scope, until a second identity lifts them with a reason.

Suspend: no new risk, resting orders stay. Halt: the same, and whoever latched also cancels everything in the
scope (the router does that; cancels always may leave). A latch is never lifted by itself and never weakened:
a suspend on top of a halt leaves the halt. Latching is never refused. See "Kill switch" in controls.md.

Latches and reinstatements become journal events (`as_event`), and `apply` rebuilds the switch from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, cast, get_args

Kind = Literal["all", "venue", "symbol", "parent"]

# At this many latches the next one, whatever it names, latches everything instead: a kill is never dropped.
# (The scope "all" itself holds at most two a person.)
LATCHES_MAX: Final = 1024


class Mode(StrEnum):
    SUSPEND = "suspend"
    HALT = "halt"


class KillRefused(ValueError):  # noqa: N818  (a refusal told to the operator, in the words of controls.md)
    """A reinstatement that may not be: same identity, no identity, no reason, or nothing latched."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a latch covers: everything, or one venue, symbol or parent by name."""

    kind: Kind
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"scope {self.kind!r} is not one of all, venue, symbol, parent")
        if (self.kind == "all") != (self.name == ""):
            raise ValueError(f"scope {self.kind} {'takes no' if self.kind == 'all' else 'needs a'} name")

    def __str__(self) -> str:
        return self.kind if self.kind == "all" else f"{self.kind} {self.name}"


ALL: Final = Scope("all")


@dataclass(frozen=True, slots=True)
class Latch:
    """One latch as it was set: who, why, when."""

    scope: Scope
    mode: Mode
    identity: str
    reason: str
    time_ns: int

    def as_event(self) -> dict[str, str | int]:
        """The journal's record of it (JSON-ready)."""
        return {"event": "latch", "mode": self.mode.value, **_named(self.scope),
                "identity": self.identity, "reason": self.reason, "time_ns": self.time_ns}


def reinstate_event(scope: Scope, identity: str, reason: str, now_ns: int) -> dict[str, str | int]:
    """The journal's record of a reinstatement that was allowed (JSON-ready)."""
    return {"event": "reinstate", **_named(scope), "identity": identity, "reason": reason, "time_ns": now_ns}


def _named(scope: Scope) -> dict[str, str | int]:
    return {"kind": scope.kind, "name": scope.name}


def _person(identity: str) -> str:
    """Two spellings of one name are one person."""
    return identity.strip().casefold()


class KillSwitch:
    """All latches in force, `count` of them. One scope may hold several: who suspended, who halted later."""

    __slots__ = ("_by_scope", "count")

    def __init__(self) -> None:
        self._by_scope: dict[Scope, list[Latch]] = {}
        self.count = 0

    @property
    def latches(self) -> tuple[Latch, ...]:
        """Every latch in force, in the order of time within each scope."""
        return tuple(latch for held in self._by_scope.values() for latch in held)

    def latch(self, scope: Scope, mode: Mode, identity: str, reason: str, now_ns: int) -> Latch:
        """Latch at once; never refused. The same person repeating the same changes nothing."""
        return self._set(Latch(scope, mode, identity, reason, now_ns))

    def _set(self, latch: Latch) -> Latch:
        if self.count >= LATCHES_MAX and latch.scope != ALL:
            latch = Latch(ALL, latch.mode, latch.identity, f"{latch.scope}: {latch.reason}", latch.time_ns)
        held = self._by_scope.setdefault(latch.scope, [])
        for known in held:
            if known.mode is latch.mode and _person(known.identity) == _person(latch.identity):
                return known
        held.append(latch)
        self.count += 1
        return latch

    def reinstate(self, scope: Scope, identity: str, reason: str, now_ns: int) -> Latch:
        """Lift every latch of exactly this scope that others have set; returns the strongest of them.

        What `identity` has set itself stays: somebody else must lift it. KillRefused if that is all there is,
        or if identity or reason say nothing.
        """
        held = self._by_scope.get(scope)
        if not held:
            raise KillRefused(f"reinstate {scope}: nothing is latched there")
        if not _person(identity):
            raise KillRefused(f"reinstate {scope}: no identity")
        if not reason.strip():
            raise KillRefused(f"reinstate {scope} by {identity}: no reason")
        own = [latch for latch in held if _person(latch.identity) == _person(identity)]
        lifted = [latch for latch in held if latch not in own]
        if not lifted:
            raise KillRefused(
                f"reinstate {scope} by {identity}: latched by {own[0].identity},"
                " and a second identity must lift it"
            )
        if own:
            self._by_scope[scope] = own  # somebody else must lift these
        else:
            del self._by_scope[scope]
        self.count -= len(lifted)
        return strongest(lifted)

    def blocks(self, venue: str, symbol: str, parent_id: str) -> Latch | None:
        """The latch that keeps a new order of this venue, symbol and parent from leaving, if any.

        Of several, a halt before a suspend, and the wider scope first. "" for what does not apply.
        """
        by_scope = self._by_scope
        if not by_scope:
            return None
        covering: list[Latch] = []
        for kind, name in (("all", ""), ("venue", venue), ("symbol", symbol), ("parent", parent_id)):
            if kind == "all" or name:
                covering += by_scope.get(Scope(cast(Kind, kind), name), ())
        return strongest(covering) if covering else None

    def apply(self, event: Mapping[str, object]) -> None:
        """Replay one event of the journal. ValueError when it is none of ours."""
        try:
            scope = Scope(cast(Kind, event["kind"]), str(event["name"]))
            identity, reason, time_ns = str(event["identity"]), str(event["reason"]), event["time_ns"]
            if type(time_ns) is not int:
                raise ValueError(f"time_ns {time_ns!r} is not an integer")
            if event["event"] == "latch":
                self._set(Latch(scope, Mode(str(event["mode"])), identity, reason, time_ns))
            elif event["event"] == "reinstate":
                self.reinstate(scope, identity, reason, time_ns)
            else:
                raise ValueError(f"event {event['event']!r} is neither latch nor reinstate")
        except KeyError as missing:
            raise ValueError(f"kill event without {missing.args[0]}: {dict(event)!r}") from None


def strongest(latches: list[Latch]) -> Latch:
    """The first halt, or else the first."""
    for latch in latches:
        if latch.mode is Mode.HALT:
            return latch
    return latches[0]
