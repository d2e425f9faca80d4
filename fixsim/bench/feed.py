"""Market data into the book: the messages of the shipped tape, from bytes to the consolidated touch.

What the two lit venues of the simulator publish over the recording is kept as bytes, then taken in process
through Framer, Session and MarketData, as the router does it, a message at a time. Beside it, over the same
bytes: the framer alone (checked and cut into fields), and simplefix, a general FIX parser.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import simplefix

from fixsim.bench.settings import HEARTBEAT_S, MARKET_DATA, BenchError
from fixsim.bench.walk import INSTRUMENT
from fixsim.exchange import Exchange
from fixsim.gateway import Gateway
from fixsim.settings import Settings, load_settings
from fixsim.tape import load_tape
from risk.market import Market
from router.fix import events, tags
from router.fix.codec import Framer, Message, parse
from router.fix.session import Session, SessionConfig
from router.marketdata import FeedLimits, MarketData, Request, State, Venue

PARTS = 4  # steps of progress
ROUNDS = 3  # the fastest counts
PEER_MESSAGES = 2000  # simplefix is given no more: it would take minutes
HOUR_NS = 3600 * 10**9

Wire = list[tuple[int, int, bytes]]
"""(venue slot, time ns, a message)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What went through in how long."""

    name: str
    messages: int
    entries: int
    size: int
    seconds: float

    @property
    def messages_per_s(self) -> float:
        return self.messages / self.seconds

    @property
    def entries_per_s(self) -> float:
        return self.entries / self.seconds


class Tap:
    """A subscriber to the lit venues of a simulated exchange, with nothing between; keeps what they say."""

    def __init__(self, settings: Settings) -> None:
        self.names = [venue.name for venue in settings.lit]
        exchange = Exchange(settings, load_tape(), _nowhere)
        self.gateway = Gateway(settings, exchange)
        self.now_ns = exchange.start_ns
        self.wire: Wire = []
        self.market_data = market_data_of(self.names)
        self.sessions = [_session(name) for name in self.names]
        for slot, name in enumerate(self.names):
            self.gateway.accepted(slot, name)
            self._say(slot, self.sessions[slot].connected(self.now_ns))

    def run(self, most: int) -> Wire:
        """Everything up to the tape's end, or to so many messages."""
        while len(self.wire) < most:
            due = self.gateway.deadline_ns()
            if due is None or due > self.gateway.exchange.end_ns + HOUR_NS:
                break
            self.now_ns = max(self.now_ns, due)
            self.gateway.advance(self.now_ns)
            self._listen()
        return self.wire

    def _say(self, slot: int, happened: list[events.Event]) -> None:
        for event in happened:
            match event:
                case events.Send():
                    self._tell(slot, event.raw)
                case events.LoggedOn():
                    for output in self.market_data.feed_up(slot, self.now_ns):
                        if isinstance(output, Request):
                            encode = self.sessions[slot].encode
                            self._tell(slot, encode(tags.MARKET_DATA_REQUEST, output.body, self.now_ns))

    def _tell(self, slot: int, raw: bytes) -> None:
        self.gateway.received(slot, _parsed(raw), self.now_ns)
        self._listen()

    def _listen(self) -> None:
        writes, self.gateway.writes = self.gateway.writes, []
        for slot, raw in writes:
            assert isinstance(slot, int)
            self.wire.append((slot, self.now_ns, raw))
            self._say(slot, self.sessions[slot].received(_parsed(raw), self.now_ns))


def market_data_of(names: list[str]) -> MarketData:
    limits = FeedLimits(silence_ns=HOUR_NS, snapshot_ns=HOUR_NS)
    return MarketData(INSTRUMENT, [Venue(name, True) for name in names], Market(), limits)


def capture(etc: Path, most: int) -> tuple[list[str], Wire]:
    """The lit venues' names, and what they send a subscriber over the shipped tape: A, W, then X."""
    tap = Tap(load_settings(etc / "fixsim.toml"))
    return tap.names, tap.run(most)


def measure(etc: Path, most: int, done: Callable[[int], object]) -> list[Rate]:
    """The whole path, the framer alone, and simplefix."""
    names, wire = capture(etc, most)
    done(1)
    start = 1 + max(k for k, (_, _, raw) in enumerate(wire) if b"\x0135=W\x01" in raw[:40])
    opening, stream = wire[:start], wire[start:]
    raws = [raw for _, _, raw in stream]
    rates = []
    for name, take in (("into the book", _into_book), ("framed and cut into fields", _framed)):
        rates.append(_rate(name, raws, min(take(names, opening, stream) for _ in range(ROUNDS))))
        done(1)
    some = raws[:PEER_MESSAGES]
    rates.append(_rate("simplefix: parsed only", some, min(_by_simplefix(some) for _ in range(ROUNDS))))
    done(1)
    return rates


def _rate(name: str, raws: list[bytes], seconds: float) -> Rate:
    return Rate(name, len(raws), sum(map(_entries, raws)), sum(map(len, raws)), seconds)


def _into_book(names: list[str], opening: Wire, wire: Wire) -> float:
    """Seconds for `wire`; logons and snapshots come before the clock starts."""
    market_data = market_data_of(names)
    sessions = [_session(name) for name in names]
    framers = [Framer() for _ in names]
    for slot, session in enumerate(sessions):
        session.connected(opening[0][1])
        market_data.feed_up(slot, opening[0][1])  # asks by the same name as when the wire was recorded

    def take(part: Wire) -> float:
        begin = time.perf_counter()
        for slot, now, raw in part:
            framer, received = framers[slot], sessions[slot].received
            framer.feed(raw)
            while (message := framer.next()) is not None:
                for event in received(message, now):  # type: ignore[arg-type]
                    if type(event) is events.App:
                        market_data.on_message(slot, event.message, now)
        return time.perf_counter() - begin

    take(opening)
    seconds = take(wire)
    if any(state is not State.LIVE for state in market_data.states) or any(market_data.passed_over):
        raise BenchError(f"books are {market_data.states}, messages passed over: {market_data.passed_over}")
    return seconds


def _framed(names: list[str], opening: Wire, wire: Wire) -> float:
    framer = Framer()
    begin = time.perf_counter()
    for _, _, raw in wire:
        framer.feed(raw)
        while framer.next() is not None:
            pass
    return time.perf_counter() - begin


def _by_simplefix(wire: list[bytes]) -> float:
    parser = simplefix.FixParser()
    begin = time.perf_counter()
    for raw in wire:
        parser.append_buffer(raw)
        if parser.get_message() is None:
            raise BenchError("simplefix finds no message")
    return time.perf_counter() - begin


def _entries(raw: bytes) -> int:
    return raw.count(b"\x01279=")


def _session(venue: str) -> Session:
    return Session(SessionConfig(venue, "initiator", MARKET_DATA, venue, heart_bt_int_s=HEARTBEAT_S))


def _parsed(raw: bytes) -> Message:
    message = parse(raw)
    if not isinstance(message, Message):
        raise BenchError(f"garbled: {message.reason}")
    return message


def _nowhere(line: str) -> None:
    """The venues' record is not wanted here."""
