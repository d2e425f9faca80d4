"""The kill switch: never refused, never lifted by itself nor by who latched it, rebuilt from its events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from risk import kill
from risk.kill import ALL, KillRefused, KillSwitch, Latch, Mode, Scope, reinstate_event
from tests.risk.build import NOW

VENUE = Scope("venue", "XLIT1")


def test_a_second_identity_with_a_reason_lifts_a_latch() -> None:
    switch = KillSwitch()
    made = switch.latch(VENUE, Mode.HALT, "ann", "prices look wrong", NOW)
    assert list(switch.latches) == [made]
    assert switch.reinstate(VENUE, "bob", "venue confirms", NOW + 1) == made
    assert list(switch.latches) == []


@pytest.mark.parametrize(("scope", "identity", "reason", "says"), [
    (VENUE, "ann", "mine", "second identity"),
    (VENUE, " Ann ", "mine again", "second identity"),
    (VENUE, "bob", " ", "no reason"),
    (VENUE, "", "who?", "no identity"),
    (ALL, "bob", "not that", "nothing is latched"),
    (Scope("venue", "XLIT2"), "bob", "not that", "nothing is latched"),
])
def test_anything_less_is_refused_and_the_latch_holds(
    scope: Scope, identity: str, reason: str, says: str
) -> None:
    switch = KillSwitch()
    made = switch.latch(VENUE, Mode.SUSPEND, "ann", "drill", NOW)
    with pytest.raises(KillRefused, match=says):
        switch.reinstate(scope, identity, reason, NOW + 1)
    assert switch.latches == (made,)


def test_what_somebody_latched_another_must_lift() -> None:
    switch = KillSwitch()
    switch.latch(VENUE, Mode.SUSPEND, "ann", "drill", NOW)
    switch.latch(VENUE, Mode.HALT, "bob", "worse", NOW + 1)
    assert switch.reinstate(VENUE, "ann", "over", NOW + 2).identity == "bob"
    assert [latch.identity for latch in switch.latches] == ["ann"]
    with pytest.raises(KillRefused, match="second identity"):
        switch.reinstate(VENUE, "ann", "over", NOW + 3)
    assert switch.reinstate(VENUE, "bob", "over", NOW + 3).identity == "ann"
    assert switch.latches == ()


def test_a_third_identity_lifts_what_several_have_latched() -> None:
    switch = KillSwitch()
    switch.latch(VENUE, Mode.SUSPEND, "ann", "drill", NOW)
    switch.latch(VENUE, Mode.HALT, "bob", "worse", NOW + 1)
    assert switch.reinstate(VENUE, "cho", "over", NOW + 2).mode is Mode.HALT
    assert switch.latches == ()


def test_a_suspend_does_not_weaken_a_halt() -> None:
    switch = KillSwitch()
    switch.latch(VENUE, Mode.HALT, "ann", "stop", NOW)
    switch.latch(VENUE, Mode.SUSPEND, "bob", "me too", NOW + 1)
    blocking = switch.blocks("XLIT1", "BTC-USD", "P1")
    assert blocking is not None
    assert blocking.mode is Mode.HALT


def test_the_same_person_saying_the_same_changes_nothing() -> None:
    switch = KillSwitch()
    made = switch.latch(ALL, Mode.HALT, "ann", "stop", NOW)
    assert switch.latch(ALL, Mode.HALT, "ann", "STOP", NOW + 1) == made
    assert switch.count == 1


def test_lifting_one_scope_leaves_the_others() -> None:
    switch = KillSwitch()
    switch.latch(ALL, Mode.HALT, "ann", "stop", NOW)
    switch.latch(VENUE, Mode.HALT, "ann", "stop", NOW)
    switch.reinstate(ALL, "bob", "over", NOW + 1)
    assert switch.blocks("XLIT1", "BTC-USD", "P1") is not None
    assert switch.blocks("XLIT2", "BTC-USD", "P1") is None


@pytest.mark.parametrize(("kind", "name"), [("all", "x"), ("venue", ""), ("desk", "x")])
def test_a_scope_that_means_nothing_is_an_error(kind: Any, name: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        Scope(kind, name)


def test_a_kill_beyond_the_bound_latches_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill, "LATCHES_MAX", 2)
    switch = KillSwitch()
    for number in range(3):
        switch.latch(Scope("parent", f"P{number}"), Mode.HALT, "ann", "stop", NOW)
    assert switch.latches[-1].scope == ALL
    assert switch.blocks("any", "thing", "else") is not None


@pytest.mark.parametrize("event", [
    {"event": "open"}, {"mode": "nap"}, {"time_ns": "1"}, {"kind": "desk"}, {"event": "reinstate"},
])
def test_an_event_that_cannot_be_ours_is_an_error(event: dict[str, Any]) -> None:
    good = Latch(VENUE, Mode.HALT, "ann", "stop", NOW).as_event()
    KillSwitch().apply(good)
    with pytest.raises(ValueError, match=r"event|Mode|time_ns|latched|scope"):
        KillSwitch().apply(good | event)
    with pytest.raises(ValueError, match="kill event without reason"):
        KillSwitch().apply({name: value for name, value in good.items() if name != "reason"})


SCOPES = [ALL, VENUE, Scope("venue", "XLIT2"), Scope("symbol", "BTC-USD"), Scope("parent", "P1")]
PEOPLE = ["ann", "bob", "cho"]


class KillMachine(RuleBasedStateMachine):
    """Against a plain list of latches: what is latched blocks, until somebody else lifts it with a reason."""

    def __init__(self) -> None:
        super().__init__()
        self.switch = KillSwitch()
        self.model: list[Latch] = []
        self.events: list[str] = []
        self.now_ns = NOW

    @rule(scope=st.sampled_from(SCOPES), mode=st.sampled_from(Mode), who=st.sampled_from(PEOPLE))
    def latch(self, scope: Scope, mode: Mode, who: str) -> None:
        self.now_ns += 1
        made = self.switch.latch(scope, mode, who, "stop", self.now_ns)
        assert (made.scope, made.mode, made.identity) == (scope, mode, who)
        if made not in self.model:
            self.model.append(made)
            self.events.append(json.dumps(made.as_event()))

    @rule(scope=st.sampled_from(SCOPES), who=st.sampled_from(PEOPLE), reason=st.sampled_from(["", "over"]))
    def reinstate(self, scope: Scope, who: str, reason: str) -> None:
        self.now_ns += 1
        held = [latch for latch in self.model if latch.scope == scope]
        others = [latch for latch in held if latch.identity != who]
        allowed = bool(others) and bool(reason)
        try:
            lifted = self.switch.reinstate(scope, who, reason, self.now_ns)
        except KillRefused:
            assert not allowed
            return
        assert allowed
        assert lifted in others
        self.model = [latch for latch in self.model if latch not in others]
        self.events.append(json.dumps(reinstate_event(scope, who, reason, self.now_ns)))

    @invariant()
    def holds_what_was_latched(self) -> None:
        assert set(self.switch.latches) == set(self.model)
        assert self.switch.count == len(self.model)

    @invariant()
    def blocks_exactly_what_is_in_scope(self) -> None:
        for venue in ("XLIT1", "XLIT2"):
            for symbol in ("BTC-USD", "ETH-USD"):
                for parent_id in ("P1", "P2"):
                    covering = [latch for latch in self.model if latch.scope in (
                        ALL, Scope("venue", venue), Scope("symbol", symbol), Scope("parent", parent_id))]
                    found = self.switch.blocks(venue, symbol, parent_id)
                    assert (found is not None) == bool(covering)
                    if found is not None:
                        assert found in covering
                        halted = any(latch.mode is Mode.HALT for latch in covering)
                        assert (found.mode is Mode.HALT) == halted

    @precondition(lambda self: self.events)
    @rule()
    def survives_a_restart(self) -> None:
        replayed = KillSwitch()
        for event in self.events:
            replayed.apply(json.loads(event))
        assert replayed.latches == self.switch.latches
        self.switch = replayed


TestKillMachine = KillMachine.TestCase
