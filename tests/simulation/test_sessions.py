"""Sessions as operators and desks meet them: TLS, passwords, reload and reset, and no secret in any file."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from fixsim.demo.processes import command_line
from router.fix import secrets
from router.fix.codec import Framer, Message
from router.fix.session import Session, SessionConfig
from router.journal import Kind
from router.journalfile import records
from router.recovery import Replay
from tests.simulation.processes import START_S, Stage

PASSWORD, WRONG = b"s3cret-of-the-desk", b"s3cret-guess"
WAIT_S = 10
WINDOW = ("2018-07-13T20:47:30Z", "2018-07-13T20:47:56Z")
START_NS = 1_531_514_850 * 10**9  # of the window
DESK = 'desks = [{ comp_id = "DESK1", username = "d", password_file = "desk.password", pins = ["PIN"] }]'
MORE = '{ comp_id = "DESK2", username = "e", password_file = "desk.password" }'


class Papers:
    def __init__(self, etc: Path) -> None:
        ca = trustme.CA()
        self.ca_file = etc / "ca.pem"
        ca.cert_pem.write_to_path(self.ca_file)
        self.pins = {}
        for name in ("oms", "desk"):
            leaf = ca.issue_cert(f"{name}.test")
            leaf.private_key_and_cert_chain_pem.write_to_path(etc / f"{name}.pem")
            der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
            self.pins[name] = hashlib.sha256(der).hexdigest()
        self.context = ssl.create_default_context(cafile=self.ca_file)
        self.context.load_cert_chain(etc / "desk.pem")


class Desk:
    """A desk on a socket of its own, without a loop."""

    def __init__(
        self, port: int, context: ssl.SSLContext, name: str, username: str, next_out: int = 1
    ) -> None:
        config = SessionConfig(name, "initiator", name, "SLUICE", username=username, has_password=True)
        self.session = Session(config, next_out=next_out)
        plain = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.socket = context.wrap_socket(plain, server_hostname="oms.test")
        self.framer = Framer()

    def log_on(self, password: bytes) -> Message | None:
        """What the router answers; None if it hangs up."""
        happened = self.session.connected(time.time_ns())
        self._send(happened, password)
        message = self.receive()
        if message is not None:
            self.session.received(message, time.time_ns())
        return message

    def receive(self) -> Message | None:
        while (message := self.framer.next()) is None:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return None
            if not data:
                return None
            self.framer.feed(data)
        assert isinstance(message, Message)
        return message.keep()

    def log_out(self) -> None:
        self._send(self.session.logout("done", time.time_ns()), b"")
        while self.receive() is not None:
            pass
        self.socket.close()

    def _send(self, happened: list[Any], password: bytes) -> None:
        for event in happened:
            if hasattr(event, "raw"):
                self.socket.sendall(secrets.fill(event.raw, {554: password}) if password else event.raw)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path / "run") as stage:
        yield stage


def asked(stage: Stage, *words: str) -> tuple[int, str]:
    """`router sessions …`: its status and what it printed."""
    command = command_line(["router", "sessions", *words, "--settings", str(stage.run.router_settings)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_desk_over_tls_with_a_password_while_operators_reload_and_reset(stage: Stage) -> None:
    etc = stage.run.router_settings.parent
    papers = Papers(etc)
    (etc / "desk.password").write_bytes(PASSWORD + b"\n")
    (etc / "desk.password").chmod(0o600)
    settings = stage.run.router_settings
    tls = 'tls = { certificate = "oms.pem", key = "oms.pem", ca = "ca.pem" }'
    guarded = DESK.replace("PIN", papers.pins["desk"])
    text = settings.read_text().replace('desks = [{ comp_id = "DESK1" }]', f"{guarded}\n{tls}")
    settings.write_text(text)
    stage.start_router()
    stage.wait_listening("router", stage.oms_port, START_S)

    # A wrong password, and the right one.
    desk = Desk(stage.oms_port, papers.context, "DESK1", "d")
    answer = desk.log_on(WRONG)
    assert answer is not None
    assert answer.msg_type == b"5"
    desk.socket.close()
    desk = Desk(stage.oms_port, papers.context, "DESK1", "d")
    answer = desk.log_on(PASSWORD)
    assert answer is not None
    assert answer.msg_type == b"A"

    # What operators see.
    status, shown = asked(stage)
    assert status == 0
    assert "SLUICE>DESK1         active  (desk, FIX.4.4; next out" in shown
    assert "p50 / p99 / max in µs: travelled" in shown
    status, shown = asked(stage, "--json")
    sessions = {body["session"]: body for body in map(json.loads, shown.splitlines())}
    assert sessions["SLUICE-OE>XLIT1"]["address"].startswith("127.0.0.1:")
    assert sessions["SLUICE>DESK1"]["latency"]["A"]["written"]["count"] >= 1
    status, shown = asked(stage, "reset", "SLUICE>DESK1", "--reason", "a test", "--identity", "trader")
    assert status == 2
    assert "its numbers are reset only while it is logged off" in shown
    status, shown = asked(stage, "reset", "SLUICE>DESK9", "--reason", "a test", "--identity", "trader")
    assert status == 2
    assert "no session is called SLUICE>DESK9" in shown

    # A desk is added, and comes; what may not change is refused.
    settings.write_text(text.replace("}]\ntls", f"}}, {MORE}]\ntls"))
    status, shown = asked(stage, "reload", "--identity", "trader")
    assert (status, shown) == (0, "added: SLUICE>DESK2; changed: none\n")
    second = Desk(stage.oms_port, papers.context, "DESK2", "e")
    answer = second.log_on(PASSWORD)
    assert answer is not None
    assert answer.msg_type == b"A"
    settings.write_text(text)
    status, shown = asked(stage, "reload", "--identity", "trader")
    assert status == 2
    assert "session SLUICE>DESK2 is gone: only a restart takes a session away" in shown
    settings.write_text(text.replace("}]\ntls", f"}}, {MORE}]\ntls"))

    # Reset while it is logged off: it begins with number 1 again.
    desk.log_out()
    status, shown = asked(stage, "reset", "SLUICE>DESK1", "--reason", "agreed", "--identity", "trader")
    assert status == 0, shown
    desk = Desk(stage.oms_port, papers.context, "DESK1", "d")
    answer = desk.log_on(PASSWORD)
    assert answer is not None
    assert (answer.msg_type, answer.seq) == (b"A", 1)

    # A restart, and the journal's life again: the added session is there, and no secret anywhere.
    stage.signal("router", signal.SIGKILL)
    stage.status_of("router", WAIT_S)
    stage.start_router("again")
    stage.wait_listening("again", stage.oms_port, START_S)
    desk = Desk(stage.oms_port, papers.context, "DESK1", "d", 2)
    answer = desk.log_on(PASSWORD)
    assert answer is not None
    assert answer.msg_type == b"A"
    stage.signal("again", signal.SIGTERM)
    assert stage.status_of("again", WAIT_S) == 0
    replay = Replay()
    for record in records(stage.run.journal):
        replay.feed(record)
    names = [port.session.name for port in replay.engine.running.ports]
    assert names[-2:] == ["SLUICE>DESK1", "SLUICE>DESK2"]
    files = [path for path in stage.run.folder.rglob("*") if path.is_file() and path.name != "desk.password"]
    assert stage.run.journal in files
    for path in files:
        content = path.read_bytes()
        assert PASSWORD not in content, path
        assert WRONG not in content, path


def test_a_router_whose_password_file_others_may_read_does_not_start(stage: Stage) -> None:
    etc = stage.run.router_settings.parent
    (etc / "desk.password").write_bytes(PASSWORD)
    (etc / "desk.password").chmod(0o644)
    settings = stage.run.router_settings
    desks = 'desks = [{ comp_id = "DESK1", username = "d", password_file = "desk.password" }]'
    settings.write_text(settings.read_text().replace('desks = [{ comp_id = "DESK1" }]', desks))
    for command in ("check", "run"):
        line = command_line(["router", command, "--settings", str(settings)])
        done = subprocess.run(line, capture_output=True, text=True, timeout=START_S, check=False)
        assert done.returncode == 2
        assert "oms.desks.0.password_file = " in done.stderr
        assert "mode 0644; group and others may have no access" in done.stderr
        assert "Traceback" not in done.stderr


def test_in_lock_step_a_session_closes_and_opens_by_its_hours_and_two_runs_are_the_same(
    tmp_path: Path,
) -> None:
    """Order entry at XLIT1 is open but for four seconds of the window; a day is over at the end of it."""
    journals = []
    for name in ("first", "second"):
        with Stage(tmp_path / name, window=WINDOW) as stage:
            hours = 'start = "20:47:44", end = "20:47:40", days = ["thu", "fri"], zone = "UTC"'
            venues = stage.run.router_settings.parent / "venues.toml"
            text, count = re.subn(
                r'(order_entry = \{ sender_comp_id = "SLUICE-OE", target_comp_id = "XLIT1") \}',
                rf'\1, schedule = {{ {hours}, reset = "at start" }} }}',
                venues.read_text(),
                count=1,
            )
            assert count == 1
            venues.write_text(text)
            stage.begin("1", 18)
            ended = [stage.status_of(process, START_S) for process in ("fixsim", "desk", "router")]
            assert ended == [0, 0, 0]
            assert stage.agreement().differences == ()
            assert stage.follow.done_lots == 10**8
        kept = list(records(stage.run.journal))
        journals.append(stage.run.journal.read_bytes())
    assert journals[0] == journals[1]
    ours = [
        (record.time_ns - START_NS) / 10**9
        for record in kept
        if record.kind is Kind.LINK and record.payload in (bytes((0, 0)), bytes((0, 1)))
    ]
    up, down, again = ours[:3]
    assert (up, 10 <= down < 11, 14 <= again < 15) == (0, True, True)
    logons = [
        record.raw
        for record in kept
        if record.kind is Kind.FIX_OUT and record.session == 0 and b"\x0135=A\x01" in record.raw
    ]
    assert [b"\x0134=1\x01" in raw and b"\x01141=Y\x01" in raw for raw in logons] == [False, True]
    notes = [record.payload for record in kept if record.kind is Kind.NOTE]
    assert any(b"a new period begins: its numbers" in note for note in notes)


def test_venues_of_three_versions_with_a_password_a_dictionary_a_limit_and_drop_copies(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path / "run", window=WINDOW) as stage:
        etc = stage.run.router_settings.parent
        for name in ("oe.password", "router.password"):
            (etc / name).write_bytes(PASSWORD + b"\n")
            (etc / name).chmod(0o600)
        ours = (
            'version = "FIX.5.0SP2", username = "router", password_file = "router.password", timestamp = "us"'
        )
        more = 'validation = "full", next_expected = true, last_processed = true, max_messages_per_s = 12'
        copies = 'drop_copy = { sender_comp_id = "SLUICE-DC", target_comp_id = "XLIT1" }'
        _replaced(
            etc / "venues.toml",
            (
                '"SLUICE-OE", target_comp_id = "XLIT1" }',
                f'"SLUICE-OE", target_comp_id = "XLIT1", {ours}, {more} }}\n{copies}',
            ),
            (
                '"SLUICE-OE", target_comp_id = "XLIT2" }',
                '"SLUICE-OE", target_comp_id = "XLIT2", version = "FIX.4.2" }',
            ),
        )
        theirs = 'version = "FIX.5.0SP2", username = "router", password_file = "oe.password"'
        lit1 = '{ comp_id = "SLUICE-OE", serves = "orders" },\n'
        lit1 += '    { comp_id = "SLUICE-MD", serves = "market-data" },\n'
        _replaced(
            etc / "fixsim.toml",
            (
                lit1 + "    #",
                lit1.replace('"orders" }', f'"orders", {theirs} }}')
                + '    { comp_id = "SLUICE-DC", serves = "drop-copy" },\n    #',
            ),
            (lit1 + "]", lit1.replace('"orders" }', '"orders", version = "FIX.4.2" }') + "]"),
        )
        stage.begin("1", 18)
        ended = [stage.status_of(process, START_S) for process in ("fixsim", "desk", "router")]
        assert ended == [0, 0, 0], stage.log("router")[-2000:] + stage.log("fixsim")[-2000:]
        assert stage.agreement().differences == ()
        assert stage.follow.done_lots == 10**8
    kept = list(records(stage.run.journal))
    alerts = [r.payload for r in kept if r.kind is Kind.NOTE and b'"alert"' in r.payload]
    assert not [text for text in alerts if b"reject" in text.lower() or b"all the same" in text], alerts
    orders = [r for r in kept if r.kind is Kind.FIX_OUT and r.session == 0]
    assert all(r.raw.startswith(b"8=FIXT.1.1\x01") for r in orders)
    times = [r.time_ns for r in orders]
    assert max(sum(first <= ns < first + 10**9 for ns in times) for first in times) <= 12
    copied = [r.raw for r in kept if r.kind is Kind.FIX_IN and r.session == 2 and b"\x01797=Y\x01" in r.raw]
    assert copied
    assert PASSWORD not in stage.run.journal.read_bytes()
    replay = Replay()
    for record in kept:
        replay.feed(record)
    assert [port.kind.value for port in replay.engine.running.ports][:3] == [
        "orders",
        "market data",
        "drop copy",
    ]


def _replaced(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert text.count(old) == 1, (path, old, text.count(old))
        text = text.replace(old, new)
    path.write_text(text)
