"""Sessions as scripts: tests/scenarios/fix/*.fix, each named for its case, run in memory.

    role acceptor | initiator      config KEY VALUE      numbers NEXT_OUT NEXT_IN      (first lines)
    connect | lost | logout TEXT | wait SECONDS | send TYPE BODY | junk BYTES
    < FIELDS      the peer sends; 8, 9, 49, 56, 52 and 10 are filled in where the script does not have them
    > FIELDS      we send; without 8, 9, 49, 56, 52 and 10
    ! EVENT       we tell the shell
    = STATE NEXT_OUT NEXT_IN

What follows an input must be exactly what it causes. Delimiters are written |. Time begins at
2026-01-05 00:00:00 UTC.
"""

from pathlib import Path

import pytest

from router.fix import events
from router.fix.codec import Framer, Garbled, Message, encode
from router.fix.decimals import NANOS, time_from_wire, time_to_wire
from router.fix.session import Session, SessionConfig

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "fix"
T0 = time_from_wire(b"20260105-00:00:00.000")
FILLED_IN = (8, 9, 49, 56, 52, 10)
INPUTS = ("connect", "lost", "logout", "wait", "send", "junk", "<")


def shown(event: events.Event) -> str:
    match event:
        case events.Send(raw):
            framer = Framer()
            framer.feed(raw)
            message = framer.next()
            assert isinstance(message, Message)
            kept = [(tag, value) for tag, value in message.fields() if tag not in FILLED_IN]
            return "> " + "".join(f"{tag}={value.decode()}|" for tag, value in kept)
        case events.App(message):
            marks = " dup" * message.poss_dup + " resend" * message.poss_resend
            return f"! App {message.msg_type.decode()} {message.seq}{marks}"
        case events.Alert(text, severity):
            return f"! Alert {severity} {text.removeprefix('S: ')}"
        case events.Rejected():
            return (
                f"! Rejected {event.ref_seq} {event.ref_msg_type} {event.ref_tag} {event.reason} {event.text}"
            )
        case _:
            values = [str(getattr(event, name)) for name in event.__dataclass_fields__]
            return " ".join(["!", type(event).__name__, *values])


class Script:
    """One scenario as it runs; `transcript` is what it ought to read like."""

    def __init__(self, lines: list[str]) -> None:
        self.now_ns = T0
        settings: dict[str, object] = {}
        numbers = [1, 1]
        self.transcript: list[str] = []
        self.steps: list[str] = []
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "role":
                settings["role"] = rest
            elif word == "config":
                key, value = rest.split()
                settings[key] = frozenset(value.encode().split(b",")) if key == "resend" else int(value)
            elif word == "numbers":
                numbers = [int(number) for number in rest.split()]
            elif word != "#" or self.steps:
                self.steps.append(line)
                continue
            self.transcript.append(line)
        self.session = Session(
            SessionConfig("S", sender_comp_id="US", target_comp_id="PEER", **settings), *numbers
        )
        self.framer = Framer()

    def run(self) -> list[str]:
        for step in self.steps:
            word, _, rest = step.partition(" ")
            if word in INPUTS:
                self.transcript.append(step)
                self.transcript += [shown(event) for event in self.act(word, rest)]
            elif word == "=":
                session = self.session
                self.transcript.append(f"= {session.state.name} {session.next_out} {session.next_in}")
            elif word == "#":
                self.transcript.append(step)
        return self.transcript

    def act(self, word: str, rest: str) -> list[events.Event]:
        session = self.session
        match word:
            case "connect":
                return session.connected(self.now_ns)
            case "lost":
                return session.disconnected(self.now_ns)
            case "logout":
                return session.logout(rest, self.now_ns)
            case "wait":
                self.now_ns += int(float(rest) * NANOS)
                return session.timer(self.now_ns)
            case "send":
                kind, _, body = rest.partition(" ")
                raw = session.encode(kind.encode(), body.replace("|", "\x01").encode(), self.now_ns)
                return [events.Send(raw, kind.encode(), session.next_out - 1)]
            case "junk":
                return self.deliver(rest.replace("|", "\x01").encode())
            case _:
                return self.deliver(self.from_peer(rest))

    def from_peer(self, text: str) -> bytes:
        """The wire form of a script's line."""
        fields = dict(part.split("=", 1) for part in text.rstrip("|").split("|"))
        header = b""
        for tag, default in (("49", "PEER"), ("56", "US"), ("52", time_to_wire(self.now_ns).decode())):
            value = fields.pop(tag, default)
            header += f"{tag}={value}\x01".encode() if value != "-" else b""
        begin, kind = fields.pop("8", "FIX.4.4").encode(), fields.pop("35").encode()
        rest = "".join(f"{tag}={value}\x01" for tag, value in fields.items()).encode()
        whole = b"35=" + kind + b"\x01" + header + rest
        whole = b"8=" + begin + b"\x019=%d\x01" % len(whole) + whole
        return whole + b"10=%03d\x01" % (sum(whole) % 256)

    def deliver(self, raw: bytes) -> list[events.Event]:
        out: list[events.Event] = []
        self.framer.feed(raw)
        while (found := self.framer.next()) is not None:
            handle = self.session.garbled if isinstance(found, Garbled) else self.session.received
            out += handle(found, self.now_ns)  # type: ignore[operator]
        return out


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.fix")), ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    lines = [line.rstrip() for line in path.read_text().splitlines() if line.strip()]
    assert Script(lines).run() == lines


def test_there_are_scenarios() -> None:
    assert len(list(SCENARIOS.glob("*.fix"))) >= 20


def test_the_script_fills_in_what_the_encoder_would() -> None:
    raw = Script(["role acceptor"]).from_peer("35=0|34=1")
    expected = encode(b"FIX.4.4", b"0", 1, b"PEER", b"US", T0, b"")
    assert sorted(raw.split(b"\x01")) == sorted(expected.split(b"\x01"))
