"""What is given the input, and what may come of it. An exception that leaves here is a finding."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from fixsim.acceptance.framing import ScriptFramer
from fixsim.acceptance.options import Options
from fixsim.fuzz.mutate import APPLICATION, SESSION, Fields, Mutator, fields_of
from router.fix import events, tags
from router.fix.checks import content_fault
from router.fix.codec import Framer, Garbled, Message
from router.fix.decimals import time_from_wire, time_to_wire
from router.fix.dictionary import Validation, load
from router.fix.messages import (
    BusinessMessageReject,
    DontKnowTrade,
    ExecutionReport,
    FieldError,
    MarketDataRequest,
    MarketDataRequestReject,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
)
from router.fix.session import Session, SessionConfig, State
from router.fix.versions import VERSIONS

LOTS: Final = 100


class _Instrument(NamedTuple):
    lots_per_unit: int


INSTRUMENTS: Final = {"S": _Instrument(LOTS), "T": _Instrument(LOTS)}
T0: Final = time_from_wire(b"20260105-12:00:00.000")
MAX_BYTES: Final = 1 << 20
WITH_INSTRUMENTS: Final = {
    b"D": NewOrderSingle, b"F": OrderCancelRequest, b"G": OrderCancelReplaceRequest, b"H": OrderStatusRequest,
    b"q": OrderMassCancelRequest, b"AF": OrderMassStatusRequest, b"8": ExecutionReport, b"Q": DontKnowTrade,
    b"V": MarketDataRequest,
}  # fmt: skip
PLAIN: Final = {
    b"9": OrderCancelReject, b"j": BusinessMessageReject, b"r": OrderMassCancelReport,
    b"Y": MarketDataRequestReject, b"c": SecurityDefinitionRequest, b"e": SecurityStatusRequest,
    b"f": SecurityStatus, b"x": SecurityListRequest,
}  # fmt: skip
WITH_LOTS: Final = {b"d": SecurityDefinition, b"y": SecurityList}


class Codec:
    """Framer, typed messages, dictionaries: every input of three versions in turn."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._mutator = Mutator(self._random)
        self._framers: list[Framer] = [Framer(MAX_BYTES), ScriptFramer(MAX_BYTES)]
        self._versions = list(VERSIONS.values())
        self._corpus: list[list[Fields]] = [
            [fields_of(text, version, "TW", "ISLD", 2) for text in (*SESSION, *APPLICATION)]
            for version in self._versions
        ]
        self.messages = self.garbled = 0

    def step(self) -> None:
        random = self._random
        which = random.randrange(3)
        version = self._versions[which]
        raw = self._mutator.message(version.begin_string.encode(), random.choice(self._corpus[which]))
        framer = self._framers[random.random() < 0.2]
        cut = random.randrange(len(raw) + 1) if random.random() < 0.1 else len(raw)
        for part in (raw[:cut], raw[cut:]):
            framer.feed(part)
            while (message := framer.next()) is not None:
                if isinstance(message, Garbled):
                    self.garbled += 1
                else:
                    self.messages += 1
                    self._read(message, which)

    def _read(self, message: Message, which: int) -> None:
        version, kind = self._versions[which], message.msg_type
        message.values()
        load(version).fault(message, Validation.FULL)
        try:
            if kind in WITH_INSTRUMENTS:
                WITH_INSTRUMENTS[kind].parse(message, INSTRUMENTS, version)  # type: ignore[attr-defined]
            elif kind in PLAIN:
                PLAIN[kind].parse(message, version)  # type: ignore[attr-defined]
            elif kind in WITH_LOTS:
                WITH_LOTS[kind].parse(message, LOTS, version)  # type: ignore[attr-defined]
        except FieldError as error:
            str(error)


def _config(role: str, version: str, checked: bool) -> SessionConfig:
    spoken = VERSIONS[version]
    ours, theirs = ("ISLD", "TW") if role == "acceptor" else ("TW", "ISLD")
    return SessionConfig(
        name="fuzzed",
        role=role,  # type: ignore[arg-type]
        sender_comp_id=ours,
        target_comp_id=theirs,
        version=spoken,
        validation=Options().validation if checked else Validation.FRAMING,
        send_next_expected=spoken.next_expected,
        resend=frozenset({tags.EXECUTION_REPORT}),
        max_resend_store=100,
        max_gap_messages=100,
        max_gap_bytes=100_000,
        await_logout=checked,
    )


class Fuzzed:
    """One session and the peer that means no good, over many connections and any time."""

    def __init__(self, seed: int, role: str, version: str, checked: bool) -> None:
        self._random = Random(seed)
        self._mutator = Mutator(self._random)
        self.session = Session(_config(role, version, checked))
        self._framer = Framer(MAX_BYTES)
        self._now_ns = T0
        self._corpus = (*SESSION * 3, *APPLICATION)
        self.said = 0

    def step(self) -> None:
        session, random = self.session, self._random
        self._now_ns += random.choice((0, 1_000_000, 1_000_000_000))
        if session.state is State.DISCONNECTED:
            self._framer = Framer(MAX_BYTES)
            self._act(session.connected(self._now_ns))
        chance = random.random()
        if session.state is State.AWAITING_LOGON or session.state is State.LOGON_SENT:
            text = random.choice(SESSION[:3]) if chance < 0.95 else random.choice(self._corpus)
        else:
            text = random.choice(self._corpus)
            if chance < 0.02:
                self._now_ns += random.randrange(100_000_000_000)
                self._act(session.timer(self._now_ns))
            elif chance < 0.03:
                self._act(session.logout("enough", self._now_ns))
            elif chance < 0.04:
                self._act(session.test_request(self._now_ns))
            elif chance < 0.05:
                self._act(session.reset(self._now_ns))
            elif chance < 0.06:
                self._act(session.disconnected(self._now_ns))
                return
            elif chance < 0.15 and session.is_logged_on:
                session.encode(tags.EXECUTION_REPORT, b"37=a\x01", self._now_ns)
        self._say(text)

    def _say(self, text: str) -> None:
        config, random = self.session.config, self._random
        near = self.session.next_in + random.choice((0, 0, 0, 0, 0, 0, 1, 2, 9, -1))
        seq = 1 if "141=Y" in text or random.random() < 0.03 else max(near, 0)
        time = time_to_wire(self._now_ns)
        peer, us = config.target_comp_id, config.sender_comp_id
        fields = fields_of(text, config.version, peer, us, seq, time)
        if random.random() < 0.1:
            fields[3:3] = [(b"43", b"Y"), (b"122", time)]
        self._framer.feed(self._mutator.message(config.begin_string.encode(), fields))
        while (message := self._framer.next()) is not None:
            session = self.session
            if session.state in (State.DISCONNECTED, State.CLOSING):
                continue
            if isinstance(message, Garbled):
                self._act(session.garbled(message, self._now_ns))
            else:
                self._act(session.received(message, self._now_ns))

    def _act(self, happened: list[events.Event]) -> None:
        for event in happened:
            match event:
                case events.Send():
                    self.said += 1
                case events.App():
                    content_fault(event.message, self.session.config)
                case events.Disconnect():
                    self._act(self.session.disconnected(self._now_ns))
                case _:
                    pass
        due_ns = self.session.deadline_ns()
        if due_ns is not None and due_ns <= self._now_ns:
            happened = self.session.timer(self._now_ns)
            again_ns = self.session.deadline_ns()
            if not happened and again_ns is not None and again_ns <= self._now_ns:
                raise AssertionError(f"a timer that is due does nothing: {self.session.state.name}")
            self._act(happened)


class Sessions:
    """Both roles, three versions, dictionary on and off: twelve sessions in turn."""

    def __init__(self, seed: int) -> None:
        self.each = [
            Fuzzed(seed * 100 + at, role, version, checked)
            for at, (role, version, checked) in enumerate(
                (role, version, checked)
                for role in ("acceptor", "initiator")
                for version in VERSIONS
                for checked in (False, True)
            )
        ]
        self._turn = 0

    def step(self) -> None:
        self._turn = (self._turn + 1) % len(self.each)
        self.each[self._turn].step()
