"""The acceptor as a process: one port, standard input and output, signals; and peers that mean no good."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.fix.codec import Framer, Message
from tests.fixsim.acceptance.peer import ORDER, framed

COMMAND = [str(Path(sys.executable).with_name("fixsim")), "acceptor", "--mode", "acceptance", "--port", "0"]
START_S = 60.0  # two cores may be busy compiling
ANSWER_S = 20.0


class Running:
    """An acceptor that listens."""

    def __init__(self, *options: str, stdin: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *options], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        said = self.line(START_S)
        assert said.startswith("listening on 127.0.0.1:"), said
        self.port = int(said.rpartition(":")[2])

    def line(self, within_s: float = ANSWER_S) -> str:
        """The next line of its standard output."""
        assert self.process.stdout is not None
        waits, held, end = selectors.DefaultSelector(), b"", time.monotonic() + within_s
        waits.register(self.process.stdout, selectors.EVENT_READ)
        while not held.endswith(b"\n"):
            assert waits.select(max(end - time.monotonic(), 0)), "no line came"
            byte = os.read(self.process.stdout.fileno(), 1)
            assert byte, "standard output has ended"
            held += byte
        return held.decode().strip()

    def tell(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        return self.line()

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) << 10

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(ANSWER_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return status


class Peer:
    def __init__(self, port: int, comp_id: str = "TW", version: str = "FIX.4.4") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.comp_id, self.version = comp_id, version
        self.framer = Framer()

    def bytes_of(self, msg_type: str, seq: int, body: str = "") -> bytes:
        now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
        head = f"35={msg_type}|34={seq}|49={self.comp_id}|52={now}|56=ISLD|"
        return framed(head + (body + "|" if body else ""), self.version)

    def say(self, msg_type: str, seq: int, body: str = "") -> None:
        self.socket.sendall(self.bytes_of(msg_type, seq, body))

    def hear(self) -> tuple[str, int]:
        """The next message's MsgType and MsgSeqNum."""
        while (message := self.framer.next()) is None:
            data = self.socket.recv(1 << 16)
            assert data, "the acceptor hung up"
            self.framer.feed(data)
        assert isinstance(message, Message)
        return message.msg_type.decode(), message.seq

    def hung_up(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def logon(self) -> None:
        self.say("A", 1, "98=0|108=30")
        assert self.hear() == ("A", 1)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    acceptor = Running()
    yield acceptor
    assert acceptor.end() == 0


def test_sessions_at_once_and_orders_back(running: Running) -> None:
    one, two, three = Peer(running.port), Peer(running.port, "TW44"), Peer(running.port, "TW", "FIX.4.2")
    for peer in (one, two, three):
        peer.logon()
    order = ORDER.replace("20260105", time.strftime("%Y%m%d"))
    for peer in (three, one, two):
        peer.say("D", 2, order)
        assert peer.hear() == ("D", 2)
    for peer in (one, two, three):
        peer.say("5", 3)
        assert peer.hear() == ("5", 3)
        assert peer.hung_up()


def test_control_lines_are_answered(running: Running) -> None:
    assert running.tell("FIX.4.4 ISLD NOBODY in=1").startswith(
        "error: no session FIX.4.4 ISLD NOBODY; there are"
    )
    assert running.tell("nonsense") == "error: a control line is: VERSION OURS THEIRS in=N out=N"
    assert running.tell("FIX.4.2 ISLD TW42 in=7 out=9") == "ok FIX.4.2 ISLD TW42 in=7 out=9"
    peer = Peer(running.port, "TW42", "FIX.4.2")
    peer.say("A", 7, "98=0|108=30")
    assert peer.hear() == ("A", 9)
    peer.socket.close()


def test_one_byte_at_a_time_costs_the_peer(running: Running) -> None:
    slow, other = Peer(running.port, "TW50SP2", "FIXT.1.1"), Peer(running.port)
    other.logon()
    for byte in slow.bytes_of("A", 1, "98=0|108=30|1137=9"):
        slow.socket.sendall(bytes([byte]))
    assert slow.hear() == ("A", 1)
    for byte in slow.bytes_of("1", 2, "112=a"):
        slow.socket.sendall(bytes([byte]))
        if byte == ord("="):
            other.say("1", seq := getattr(other, "seq", 2), "112=b")
            other.seq = seq + 1  # type: ignore[attr-defined]
            assert other.hear() == ("0", seq)
    assert slow.hear() == ("0", 2)
    slow.socket.close()
    other.socket.close()


OPENINGS = (b"", b"8=FIX.4.4\x019=4000000\x0135=D\x0158=", b"8=FIX.4.4\x019=99999999\x0135=D\x0158=")


@pytest.mark.parametrize("opening", OPENINGS, ids=["junk", "largest", "too large"])
def test_a_hundred_megabytes_without_a_delimiter(running: Running, opening: bytes) -> None:
    """It is hung up on, or held to the largest message; and another session is served meanwhile."""
    other, bad = Peer(running.port), Peer(running.port, "TW44")
    other.logon()
    bad.logon()
    before, chunk, slowest_s, seq = running.resident_bytes(), b"x" * (1 << 20), 0.0, 2
    with contextlib.suppress(ConnectionError):
        bad.socket.sendall(opening)
        for _ in range(100):
            bad.socket.sendall(chunk)
            began = time.monotonic()
            other.say("1", seq, "112=a")
            assert other.hear() == ("0", seq)
            slowest_s, seq = max(slowest_s, time.monotonic() - began), seq + 1
    assert running.resident_bytes() - before < 64 << 20
    assert slowest_s < 5
    bad.socket.close()
    other.socket.close()


def test_a_thousand_logons_of_nobody(running: Running) -> None:
    """One after another, and some that stay: memory does not grow, and another session is served."""
    other, first = Peer(running.port, "TW", "FIX.4.2"), Peer(running.port, "NOBODY")
    other.logon()
    nobody, address, kept = first.bytes_of("A", 1, "98=0|108=30"), ("127.0.0.1", running.port), []
    before = running.resident_bytes()
    for at in range(1_000):
        peer = socket.create_connection(address)
        peer.sendall(nobody)
        if at % 50 == 0:
            kept.append(peer)
            other.say("1", 2 + at // 50, "112=a")
            assert other.hear() == ("0", 2 + at // 50)
        else:
            peer.close()
    assert running.resident_bytes() - before < 16 << 20
    for peer in kept:
        assert peer.recv(1) == b""
        peer.close()
    first.socket.close()
    other.socket.close()


def test_it_ends_on_a_signal_with_a_goodbye() -> None:
    acceptor = Running(stdin=subprocess.DEVNULL)
    peer = Peer(acceptor.port)
    peer.logon()
    time.sleep(0.2)  # standard input has ended long since, which is not to end it
    peer.say("1", 2, "112=a")
    assert peer.hear() == ("0", 2)
    acceptor.process.send_signal(signal.SIGINT)
    assert peer.hear() == ("5", 3)
    peer.say("5", 3)
    assert peer.hung_up()
    assert acceptor.end() == 0


def test_it_ends_with_standard_input_if_it_is_to() -> None:
    acceptor = Running("--exit-on-eof")
    assert acceptor.process.stdin is not None
    acceptor.process.stdin.close()
    assert acceptor.process.wait(ANSWER_S) == 0
    assert acceptor.process.stdout is not None
    acceptor.process.stdout.close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mode", "rehearsal"], "--mode = 'rehearsal': must be acceptance"),
        (["--version", "FIX.4.1"], "--version = 'FIX.4.1': must be one of FIX.4.2, FIX.4.4, FIX.5.0SP2"),
        (["--session", "FIX.4.4:A,b=c"], "--session: 'b' is no option"),
        (["--host", "256.1.1.1"], "--port 0 on 256.1.1.1 cannot be listened on"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(options: list[str], says: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(says)
    assert "Traceback" not in done.stderr
