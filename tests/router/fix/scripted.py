"""Sessions as scripts: the language of tests/scenarios/fix/*.fix, and what plays it in memory and over TCP.

First lines:
    role acceptor | initiator      version FIX.4.2      numbers NEXT_OUT NEXT_IN
    config KEY VALUE      show TAGS, which of the header's fields that are filled in are shown all the same
Inputs:
    connect | lost | logout TEXT | wait SECONDS | send TYPE BODY | reset | test | renumber OUT IN
    restart       the process ends, and the session is rebuilt from what it has sent and received
    < FIELDS      the peer sends; 8, 9, 49, 56, 52 and 10 are filled in where the script does not have them,
                  after 35; TAG=- leaves one out
    junk BYTES    the peer sends just that
What must follow, exactly:
    > FIELDS      we send; without 8, 9, 49, 56, 52 and 10
    ! EVENT       we tell the shell
    = STATE NEXT_OUT NEXT_IN

Delimiters are written |, those within data {SOH}. Time begins at 2026-01-05 00:00:00 UTC.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from router.fix import events
from router.fix.codec import Framer, Garbled, Message, check_sum
from router.fix.decimals import NANOS, time_from_wire, time_to_wire
from router.fix.dictionary import Validation
from router.fix.session import Session, SessionConfig
from router.fix.versions import FIX44, VERSIONS
from router.link import Link, TcpNetwork

T0 = time_from_wire(b"20260105-00:00:00.000")
FILLED_IN = {"8", "9", "49", "56", "52", "10"}
SETTINGS = ("role", "version", "numbers", "config", "show")
INPUTS = (
    "connect", "lost", "logout", "wait", "send", "reset", "test", "renumber", "restart", "<", "junk",
)  # fmt: skip
PATIENCE_S = 5


class Script:
    """One scenario: its session, its time, and what its lines mean."""

    def __init__(self, lines: list[str]) -> None:
        self.now_ns = T0
        self.hidden = set(FILLED_IN)
        self.journal: list[tuple[str, bytes]] = []
        self.settings: dict[str, object] = {"version": FIX44}
        self.numbers = [1, 1]
        self.head: list[str] = []
        self.steps: list[str] = []
        for line in lines:
            word, _, rest = line.partition(" ")
            if not self.steps and (word in SETTINGS or word == "#"):
                self.head.append(line)
                self._set(word, rest)
            else:
                self.steps.append(line)
        self.session = self._session()
        self.framer = Framer()

    def _set(self, word: str, rest: str) -> None:
        match word:
            case "role":
                self.settings["role"] = rest
            case "version":
                self.settings["version"] = VERSIONS[rest]
            case "numbers":
                self.numbers = [int(number) for number in rest.split()]
            case "show":
                self.hidden -= set(rest.split())
            case "config":
                key, value = rest.split(" ", 1)
                self.settings[key] = _value(key, value)

    def _session(self) -> Session:
        known = {"sender_comp_id": "US", "target_comp_id": "PEER", **self.settings}
        return Session(SessionConfig("S", **known), *self.numbers)  # type: ignore[arg-type]

    def told(self) -> str:
        session = self.session
        return f"= {session.state.name} {session.next_out} {session.next_in}"

    def wire(self, word: str, rest: str) -> bytes:
        """What the peer sends in a step."""
        if word == "junk":
            return rest.replace("|", "\x01").encode("latin-1")
        fields = [part.split("=", 1) for part in rest.rstrip("|").replace("{SOH}", "\x01").split("|")]
        begin = str(self.session.config.begin_string)
        defaults = {
            "8": begin, "49": "PEER", "56": "US", "52": time_to_wire(self.now_ns).decode(), "9": "", "10": "",
        }  # fmt: skip
        for tag in defaults:
            given = next((field for field in fields if field[0] == tag), None)
            if given is not None:
                fields.remove(given)
                defaults[tag] = given[1]
        kind = next(field for field in fields if field[0] == "35")
        fields.remove(kind)
        header = [[tag, defaults[tag]] for tag in ("49", "56", "52") if defaults[tag] != "-"]
        body = "".join(f"{tag}={value}\x01" for tag, value in [kind, *header, *fields]).encode("latin-1")
        length = int(defaults["9"] or len(body))
        whole = f"8={defaults['8']}\x019={length}\x01".encode() + body
        return whole + b"10=%03d\x01" % int(defaults["10"] or check_sum(whole))

    def hear(self, raw: bytes) -> Iterator[events.Event]:
        """Bytes have come."""
        self.framer.feed(raw)
        yield from self.drain(self.framer)

    def drain(self, framer: Framer) -> Iterator[events.Event]:
        while (found := framer.next()) is not None:
            if isinstance(found, Garbled):
                yield from self.session.garbled(found, self.now_ns)
            else:
                self.journal.append(("in", found.raw))
                yield from self.session.received(found, self.now_ns)

    def act(self, word: str, rest: str) -> list[events.Event]:
        """An input that is not the peer's bytes."""
        session, now_ns = self.session, self.now_ns
        match word:
            case "connect":
                self.framer = Framer()
                return session.connected(now_ns)
            case "lost":
                return session.disconnected(now_ns)
            case "logout":
                return session.logout(rest, now_ns)
            case "reset":
                return session.reset(now_ns)
            case "test":
                return session.test_request(now_ns)
            case "renumber":
                return session.renumber(*map(int, rest.split()))
            case "wait":
                self.now_ns += int(float(rest) * NANOS)
                return session.timer(self.now_ns)
            case "send":
                kind, _, body = rest.partition(" ")
                raw = session.encode(kind.encode(), body.replace("|", "\x01").encode(), now_ns)
                return [events.Send(raw, kind.encode(), session.next_out - 1)]
            case "restart":
                self.session = self._session()
                for direction, raw in self.journal:
                    restore = (
                        self.session.restore_sent if direction == "out" else self.session.restore_received
                    )
                    restore(raw)
                return []
            case _:
                raise ValueError(f"no input is called {word}")

    def shown(self, event: events.Event) -> str:
        return self._shown(event).rstrip()

    def _shown(self, event: events.Event) -> str:
        match event:
            case events.Send(raw):
                return self.shown_wire(raw)
            case events.App(message):
                marks = " dup" * message.poss_dup + " resend" * message.poss_resend
                return f"! App {message.msg_type.decode()} {message.seq}{marks}"
            case events.Alert(text, severity):
                return f"! Alert {severity} {text.removeprefix('S: ')}"
            case _:
                values = [str(getattr(event, name)) for name in event.__dataclass_fields__]
                return " ".join(["!", type(event).__name__, *values])

    def shown_wire(self, raw: bytes) -> str:
        framer = Framer()
        framer.feed(raw)
        message = framer.next()
        assert isinstance(message, Message)
        assert len(message.raw) == len(raw)
        kept = [
            (tag, value.decode("latin-1")) for tag, value in message.fields() if str(tag) not in self.hidden
        ]
        return "> " + "".join(f"{tag}={value}|" for tag, value in kept).replace("\x01", "{SOH}")


def _value(key: str, value: str) -> object:
    match key:
        case "resend":
            return frozenset(value.encode().split(b","))
        case "validation":
            if value in ("none", "framing", "full"):
                return getattr(Validation, value.upper())
            flags: dict[str, Any] = dict.fromkeys(value.split(","), True)
            return Validation(**flags)
        case "username":
            return value
        case _:
            return int(value)


def played_in_memory(lines: list[str]) -> list[str]:
    """The scenario as it goes, the session being handed each message."""
    script = Script(lines)
    transcript = list(script.head)
    for step in script.steps:
        word, _, rest = step.partition(" ")
        if word in ("<", "junk"):
            happened = list(script.hear(script.wire(word, rest)))
        elif word in INPUTS:
            happened = script.act(word, rest)
        else:
            if word in ("=", "#"):
                transcript.append(script.told() if word == "=" else step)
            continue
        script.journal += [("out", event.raw) for event in happened if isinstance(event, events.Send)]
        transcript += [step, *map(script.shown, happened)]
    return transcript


class Wire:
    """The least shell around a session: a real connection, and a clock that the script holds."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.link: Link | None = None
        self.moved = asyncio.Event()
        self.happened: list[events.Event] = []
        self.reader = asyncio.StreamReader()
        self.writer: asyncio.StreamWriter | None = None
        self.peer_bytes = 0

    # The link's owner

    def link_up(self, link: Link) -> None:
        self.link = link
        self.moved.set()

    def link_down(self, link: Link, reason: str) -> None:
        self.moved.set()

    def messages_ready(self, link: Link) -> None:
        self.happened += self.script.drain(link.framer)
        self.moved.set()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        raise AssertionError("a script fits a socket's buffer")

    # The script's inputs

    async def step(self, word: str, rest: str) -> list[events.Event]:
        self.happened = []
        match word:
            case "connect":
                await self._connect()
                self.happened += self.script.act(word, rest)
            case "lost":
                assert self.writer is not None
                self.writer.close()
                await self._until(lambda: self.link is None or not self.link.up)
                self.happened += self.script.act(word, rest)
            case "<" | "junk":
                raw = self.script.wire(word, rest)
                if self.writer is not None and self.link is not None and self.link.up:
                    link = self.link
                    self.writer.write(raw)
                    self.peer_bytes += len(raw)
                    await self._until(lambda: link.received_bytes == self.peer_bytes)
            case _:
                self.happened += self.script.act(word, rest)
        return self.happened

    async def _connect(self) -> None:
        """The initiator dials, whoever of the two that is."""
        accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        accepted = asyncio.get_running_loop().create_future()
        self.peer_bytes = 0
        self.link = None
        if self.script.session.config.role == "initiator":
            server = await asyncio.start_server(lambda *ends: accepted.set_result(ends), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            await TcpNetwork().dial("127.0.0.1", port, lambda: Link(self, Framer()))
            self.reader, self.writer = await accepted
            server.close()
        else:
            listener = await TcpNetwork().serve("127.0.0.1", 0, lambda: Link(self, Framer()))
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", listener.port)
            await self._until(lambda: self.link is not None)
            listener.close()

    async def _until(self, done: object) -> None:
        assert callable(done)
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self.moved.clear()
                await self.moved.wait()

    async def carry(self, event: events.Event) -> str:
        """Act on an event as a shell does, and read what of it reaches the peer."""
        match event:
            case events.Send(raw):
                assert self.link is not None
                self.script.journal.append(("out", raw))
                assert self.link.write(raw)
                async with asyncio.timeout(PATIENCE_S):
                    return self.script.shown_wire(await self.reader.readexactly(len(raw)))
            case events.Disconnect():
                assert self.link is not None
                self.link.close()
                async with asyncio.timeout(PATIENCE_S):
                    assert await self.reader.read() == b""
        return self.script.shown(event)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        if self.link is not None:
            self.link.abort()


async def played_over_tcp(lines: list[str]) -> list[str]:
    """The scenario as it goes between two sockets, the peer's bytes sent and read as they are."""
    script = Script(lines)
    wire = Wire(script)
    transcript = list(script.head)
    try:
        for step in script.steps:
            word, _, rest = step.partition(" ")
            if word in INPUTS:
                transcript.append(step)
                transcript += [await wire.carry(event) for event in await wire.step(word, rest)]
            elif word in ("=", "#"):
                transcript.append(script.told() if word == "=" else step)
    finally:
        wire.close()
    return transcript
