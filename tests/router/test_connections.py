"""Which link carries which session: dialling and pausing, desks known by their Logon, strangers refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trustme
from structlog.testing import capture_logs

from router.addresses import LASTED_NS, Backoff
from router.connections import SLOW_NS, STRANGER_BYTES, Connections
from router.credentials import Credential
from router.fix import events, secrets
from router.fix.codec import Encoder, Framer, check_sum, parse
from router.fix.session import Session, SessionConfig
from router.fix.states import State
from router.fix.versions import FIX50SP2
from router.link import Link, Listener
from router.peers import Address, Tls
from router.schedule import Schedule
from router.strangers import FAILURES_A_MINUTE, LOGONS_A_MINUTE, MAX_STRANGERS, MINUTE_NS, TOLD_A_MINUTE
from router.tls import client
from router.ways import Way
from tests.router.rig import SECOND, Rig, _config
from tests.router.test_schedule import at

OE1, MD1 = 0, 1
FIRST_NS, CAP_NS = 2 * SECOND, 8 * SECOND  # pauses, of which the lower half is drawn here
PATIENCE_NS = 10 * SECOND  # with strangers


class Wire(asyncio.Transport):
    """A link's transport, with a peer that only keeps what it gets."""

    def __init__(self, link: Link, port: int) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1000), "peername": ("127.0.0.1", port)})
        self.link = link
        self.got = bytearray()
        self.ended = ""
        link.connection_made(self)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: Any) -> None:
        self.got += data

    def abort(self) -> None:
        self._ends("abort")

    def close(self) -> None:
        self._ends("close")

    def _ends(self, how: str) -> None:
        """By us: the link hears of it at the event loop's next turn."""
        if not self.ended:
            self.ended = how
            asyncio.get_running_loop().call_soon(self.link.connection_lost, None)

    def end(self) -> None:
        """By the peer."""
        self.ended = "by the peer"
        self.link.connection_lost(None)


class Shell:
    """Connections around a real engine, with a network of lists; does what the app does around them."""

    def __init__(self, ways: dict[str, Way] | None = None, **changes: Any) -> None:
        self.rig = Rig(up=False, **changes)
        self.heard = 0
        self.open = True
        self.hang_up_at_once = False
        self.dialled: list[int] = []
        self.asked: dict[int, tuple[Any, str]] = {}
        self.wires: dict[int, Wire] = {}
        self.connections = Connections(
            self.rig.engine, self, lambda: self.rig.now, self.on_heard, PATIENCE_NS
        )
        self.ours = [p.index for p in self.rig.core.ports if p.session.config.role == "initiator"]
        self.ways = {port.session.name: Way() for port in self.rig.core.ports}
        for index in self.ours:
            name = self.rig.core.ports[index].session.name
            self.ways[name] = Way(addresses=(Address(host="127.0.0.1", port=9000 + index),))
        self.ways |= ways or {}
        self.connections.begin(self.ways, lambda: Backoff(FIRST_NS, CAP_NS, lambda: 0.0), self.rig.now)
        self.flush()

    def on_heard(self) -> None:
        self.heard += 1
        self.flush()

    def flush(self) -> None:
        core = self.rig.core
        writes, core.writes = core.writes, []
        for index, raw in writes:
            self.connections.write(index, raw)
        hangups, core.hangups = core.hangups, []
        for index in hangups:
            self.connections.hang_up(index)

    # The network.

    async def serve(self, *_: Any) -> Listener:
        raise NotImplementedError

    async def dial(
        self, host: str, port: int, factory: Callable[[], Link], tls: Any = None, server_name: str = ""
    ) -> Link:
        index = port - 9000
        self.dialled.append(index)
        self.asked[index] = (tls, server_name)
        if not self.open:
            raise ConnectionRefusedError(111, "refused")
        link = factory()
        self.wires[index] = Wire(link, port)
        if self.hang_up_at_once:
            self.wires[index].end()
        return link

    async def dial_due(self) -> list[int]:
        """What is dialled now."""
        self.dialled.clear()
        for index in self.connections.due(self.rig.now):
            await self.connections.dial(index, self)
        self.flush()
        return list(self.dialled)

    def accept(self, port: int = 5000) -> Wire:
        return Wire(Link(self, Framer(STRANGER_BYTES)), port)

    # The links' owner.

    def link_up(self, link: Link) -> None:
        self.connections.up(link)
        self.flush()

    def link_down(self, link: Link, reason: str) -> None:
        self.connections.down(link, reason)
        self.flush()

    def link_blocked(self, link: Link, blocked: bool) -> None:
        self.connections.blocked(link, blocked)

    def messages_ready(self, link: Link) -> None:
        self.connections.drain(link)

    # Peers.

    def log_on(self, index: int, status: bytes = b"") -> None:
        """The venue answers our Logon; `status` is its SessionStatus(1409) in place of 3."""
        peer, wire = self.rig.peers[index], self.wires[index]
        peer.connected(self.rig.now)
        message = parse(bytes(wire.got))
        answer = sends(peer.received(message, self.rig.now))  # type: ignore[arg-type]
        if status:
            first, end, rest = answer.partition(b"\x011409=3\x0110=")
            assert end
            first += b"\x011409=" + status + b"\x01"
            answer = first + b"10=%03d" % check_sum(first) + rest[3:]
        deliver(wire, answer)

    def state(self, index: int) -> State:
        return self.rig.core.ports[index].session.state


def sends(happened: list[events.Event]) -> bytes:
    return b"".join(event.raw for event in happened if isinstance(event, events.Send))


def deliver(wire: Wire, data: bytes) -> None:
    while data and not wire.ended:
        room = wire.link.get_buffer(-1)
        part = data[: len(room)]
        room[: len(part)] = part
        wire.link.buffer_updated(len(part))
        data = data[len(part) :]


def logon(shell: Shell, desk: str = "DESK1") -> bytes:
    """A desk's first bytes."""
    return sends(Session(SessionConfig("desk", "initiator", desk, "SLUICE")).connected(shell.rig.now))


# Dialling.


async def test_every_session_that_we_begin_is_dialled_at_once_and_sends_its_logon() -> None:
    shell = Shell()
    assert shell.connections.deadline_ns() == shell.rig.now
    assert await shell.dial_due() == shell.ours
    assert shell.connections.deadline_ns() is None
    for index, wire in shell.wires.items():
        message = parse(bytes(wire.got))
        assert message.msg_type == b"A"  # type: ignore[union-attr]
        assert shell.rig.core.ports[index].up
    shell.log_on(OE1)
    assert shell.state(OE1) is State.ACTIVE


async def test_who_does_not_answer_is_dialled_again_after_pauses_that_double_to_a_cap() -> None:
    shell = Shell()
    shell.open = False
    pauses = []
    for _ in range(5):
        assert await shell.dial_due() == shell.ours
        due = shell.connections.deadline_ns()
        assert due is not None
        assert shell.connections.due(due - 1) == []
        pauses.append((due - shell.rig.now) / SECOND)
        shell.rig.now = due
    assert pauses == [1, 2, 4, 4, 4]


async def test_only_a_session_that_lasts_ends_the_growing_pauses() -> None:
    shell = Shell()
    shell.hang_up_at_once = True  # it is there, and wants nothing of us
    pauses = []
    for _ in range(3):
        assert OE1 in await shell.dial_due()
        due = shell.connections.deadline_ns()
        assert due is not None
        pauses.append((due - shell.rig.now) / SECOND)
        shell.rig.now = due
    assert pauses == [1, 2, 4]

    shell.hang_up_at_once = False
    for lasts_ns, pause_ns in ((0, CAP_NS), (LASTED_NS, FIRST_NS)):
        await shell.dial_due()
        shell.log_on(OE1)
        shell.rig.now += lasts_ns
        shell.wires[OE1].end()
        shell.rig.peers[OE1].disconnected(shell.rig.now)
        shell.rig.now += pause_ns // 2
        assert OE1 not in shell.connections.due(shell.rig.now - 1)
        assert OE1 in shell.connections.due(shell.rig.now)


async def test_a_session_without_its_link_is_down_and_dialled_again() -> None:
    shell = Shell()
    await shell.dial_due()
    shell.log_on(OE1)
    shell.wires[OE1].end()
    assert shell.state(OE1) is State.DISCONNECTED
    assert not shell.rig.core.ports[OE1].up
    shell.rig.now += FIRST_NS
    assert await shell.dial_due() == [OE1]


async def test_after_giving_up_nobody_is_dialled() -> None:
    shell = Shell()
    shell.connections.give_up()
    assert shell.connections.deadline_ns() is None
    assert await shell.dial_due() == []
    shell = Shell()
    await shell.dial_due()
    shell.connections.give_up()
    shell.wires[OE1].end()
    assert shell.connections.deadline_ns() is None


# Desks.


async def test_a_desk_is_known_by_its_logon() -> None:
    shell = Shell()
    wire = shell.accept()
    desk = shell.rig.desk
    assert not shell.rig.core.ports[desk].up
    deliver(wire, logon(shell))
    assert shell.state(desk) is State.ACTIVE
    assert wire.link.name == shell.rig.core.ports[desk].session.name
    assert parse(bytes(wire.got)).msg_type == b"A"  # type: ignore[union-attr]
    wire.end()
    assert shell.state(desk) is State.DISCONNECTED
    assert shell.connections.due(shell.rig.now) == shell.ours, "nobody dials a desk"


async def test_whoever_is_not_a_desk_of_the_settings_is_refused_and_hears_nothing() -> None:
    shell = Shell()
    heartbeat = logon(shell).replace(b"35=A", b"35=0")
    for said in (logon(shell, "DESK9"), heartbeat, b"GET / HTTP/1.1\r\n\r\n8=FIX.4.4\x01"):
        wire = shell.accept()
        deliver(wire, said)
        assert (wire.ended, wire.got) in (("abort", b""), ("", b"")), said
    assert shell.heard == 0
    assert shell.state(shell.rig.desk) is State.DISCONNECTED


async def test_a_desk_that_is_there_already_keeps_its_link() -> None:
    shell = Shell()
    first, second = shell.accept(5001), shell.accept(5002)
    deliver(first, logon(shell))
    deliver(second, logon(shell))
    assert (first.ended, second.ended) == ("", "abort")
    assert second.got == b""
    assert shell.state(shell.rig.desk) is State.ACTIVE


async def test_connections_that_say_nothing_are_bounded_and_the_oldest_gives_way() -> None:
    shell = Shell()
    wires = [shell.accept(5000 + n) for n in range(MAX_STRANGERS + 3)]
    assert [wire.ended for wire in wires[:4]] == ["abort", "abort", "abort", ""]
    wires[3].end()
    deliver(wires[-1], logon(shell))
    assert shell.state(shell.rig.desk) is State.ACTIVE


# What passes.


async def test_in_lock_step_links_are_drained_in_the_order_of_sessions_and_strangers_last() -> None:
    shell = Shell()
    stranger = shell.accept()
    await shell.dial_due()
    order: list[int] = []
    message = shell.rig.engine.message

    def noted(index: int, *rest: Any) -> None:
        order.append(index)
        message(index, *rest)

    shell.rig.engine.message = noted  # type: ignore[method-assign]
    shell.messages_ready = lambda link: None  # type: ignore[method-assign,assignment]
    deliver(stranger, logon(shell))
    for index in reversed(shell.ours):
        shell.log_on(index)
    assert order == []
    shell.connections.drain_all()
    assert order == [*shell.ours, shell.rig.desk]
    assert shell.heard == len(order)


async def test_nothing_is_read_of_a_link_that_was_hung_up() -> None:
    shell = Shell()
    await shell.dial_due()
    shell.log_on(OE1)
    peer, before = shell.rig.peers[OE1], shell.heard
    beats = [sends(peer.test_request(shell.rig.now)) for _ in range(3)]
    shell.rig.core.hangups.append(OE1)  # as if the first of them were the reason
    deliver(shell.wires[OE1], b"".join(beats))
    assert shell.heard == before + 1
    assert shell.wires[OE1].ended == "close"
    shell.connections.write(OE1, b"late")
    shell.connections.hang_up(OE1)
    assert b"late" not in shell.wires[OE1].got


async def test_a_slow_peer_stops_its_session_until_it_has_caught_up() -> None:
    shell = Shell()
    await shell.dial_due()
    shell.wires[OE1].link.pause_writing()
    assert not shell.rig.core.ports[OE1].writable
    assert shell.rig.core.ports[MD1].writable
    shell.wires[OE1].link.resume_writing()
    assert shell.rig.core.ports[OE1].writable
    shell.accept().link.pause_writing()  # a stranger is nobody's session


async def test_at_the_end_every_session_is_closed() -> None:
    shell = Shell()
    await shell.dial_due()
    shell.connections.close()
    assert {wire.ended for wire in shell.wires.values()} == {"close"}


async def test_feeds_are_let_go_while_the_disk_is_short_and_dialled_again_after() -> None:
    shell = Shell()
    await shell.dial_due()
    shell.connections.hold_feeds(True)
    feeds = {port.index for port in shell.rig.core.feed_ports.values()}
    assert {index for index, wire in shell.wires.items() if wire.ended} == feeds
    await asyncio.sleep(0)
    shell.rig.now += CAP_NS
    assert await shell.dial_due() == []
    assert shell.connections.deadline_ns() is None
    shell.connections.hold_feeds(False)
    assert set(await shell.dial_due()) == feeds


# Addresses, hours, passwords, certificates.

VENUE, DESK = "SLUICE-OE>XLIT1", "SLUICE>DESK1"
SECRET, DESK_SECRET = b"s3cret-of-ours", b"s3cret-of-theirs"
DAY = Schedule(time(8), time(16), ZoneInfo("UTC"), ZoneInfo("UTC"), frozenset(range(7)))
OPEN_NS, CLOSED_NS = at("2018-07-14 08:00"), at("2018-07-14 16:00")


def specs(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "sessions": tuple(
            spec.model_copy(update=changes) if spec.name == name else spec for spec in _config().sessions
        )
    }


def journal_of(shell: Shell) -> bytes:
    shell.rig.keep()
    return bytes(shell.rig.journal)


async def test_after_a_refused_logon_the_next_address_is_dialled_and_the_primary_preferred_later() -> None:
    primary, backup = Address(host="127.0.0.1", port=9000), Address(host="backup", port=9000)
    shell = Shell({VENUE: Way(addresses=(primary, backup))})
    await shell.dial_due()
    assert shell.connections.address(OE1) == "127.0.0.1:9000"
    shell.wires[OE1].end()  # it took the connection, and no Logon
    assert await shell.dial_due() == [OE1]
    assert shell.connections.address(OE1) == "backup:9000"
    shell.log_on(OE1)
    shell.wires[OE1].end()
    shell.rig.now += FIRST_NS
    assert await shell.dial_due() == [OE1]
    assert shell.connections.address(OE1) == "127.0.0.1:9000"


async def test_outside_its_hours_a_session_is_not_dialled_and_its_link_is_closed_at_their_end() -> None:
    way = Way(addresses=(Address(host="127.0.0.1", port=9000),), schedule=DAY)
    shell = Shell({VENUE: way}, **specs(VENUE, has_schedule=True))
    assert shell.rig.now < OPEN_NS
    assert OE1 not in await shell.dial_due()
    shell.rig.now = OPEN_NS
    shell.connections.tend(shell.rig.now)
    assert await shell.dial_due() == [OE1]
    shell.log_on(OE1)
    assert shell.state(OE1) is State.ACTIVE
    shell.rig.now = CLOSED_NS
    shell.connections.tend(shell.rig.now)
    shell.flush()
    assert shell.state(OE1) is State.LOGOUT_SENT
    shell.wires[OE1].end()
    assert await shell.dial_due() == []
    view = next(body for body in shell.connections.view() if body["session"] == VENUE)
    assert (view["is_open"], view["next_change_ns"]) == (False, OPEN_NS + 86_400 * SECOND)
    shell.rig.now = view["next_change_ns"]
    shell.connections.tend(shell.rig.now)
    assert await shell.dial_due() == [OE1]


async def test_a_connection_that_comes_up_after_the_hours_is_dropped_before_the_session_hears_of_it() -> None:
    way = Way(addresses=(Address(host="127.0.0.1", port=9000),), schedule=DAY)
    shell = Shell({VENUE: way}, **specs(VENUE, has_schedule=True))
    shell.rig.now = CLOSED_NS - 1
    shell.connections.tend(shell.rig.now)
    assert OE1 in shell.connections.due(shell.rig.now)
    link = Link(shell, Framer(), name=VENUE, dialled=True)
    shell.rig.now = CLOSED_NS
    shell.connections.tend(shell.rig.now)
    wire = Wire(link, 9000)
    assert wire.ended == "abort"
    assert wire.got == b""
    assert shell.state(OE1) is State.DISCONNECTED


async def test_a_desk_that_comes_outside_its_hours_is_refused() -> None:
    shell = Shell({DESK: Way(schedule=DAY)}, **specs(DESK, has_schedule=True))
    wire = shell.accept()
    deliver(wire, logon(shell))
    assert (wire.ended, wire.got) == ("abort", b"")
    shell.rig.now = OPEN_NS
    shell.connections.tend(shell.rig.now)
    wire = shell.accept()
    deliver(wire, logon(shell))
    assert shell.state(shell.rig.desk) is State.ACTIVE


async def test_our_password_is_on_the_wire_and_nowhere_else() -> None:
    way = Way(addresses=(Address(host="127.0.0.1", port=9000),), secrets={554: SECRET})
    shell = Shell({VENUE: way}, **specs(VENUE, username="sluice", has_password=True))
    await shell.dial_due()
    message = parse(bytes(shell.wires[OE1].got))
    assert (message.get(553), message.get(554)) == (b"sluice", SECRET)  # type: ignore[union-attr]
    shell.rig.peers[OE1] = Session(SessionConfig("x", "acceptor", "XLIT1", "SLUICE-OE"))
    shell.log_on(OE1)
    assert shell.state(OE1) is State.ACTIVE
    kept = journal_of(shell)
    assert b"554=***" in kept
    assert SECRET not in kept
    assert all(SECRET not in raw for _, raw in shell.rig.core.writes)


def desk_logon(shell: Shell, password: bytes, number: int = 1) -> bytes:
    config = SessionConfig("d", "initiator", "DESK1", "SLUICE", username="desk", has_password=True)
    return secrets.fill(sends(Session(config, next_out=number).connected(shell.rig.now)), {554: password})


def guarded() -> Shell:
    way = Way(credential=Credential(b"desk", DESK_SECRET))
    return Shell({DESK: way}, **specs(DESK, requires_password=True))


async def test_a_desk_s_password_opens_its_session_and_stays_out_of_the_journal() -> None:
    shell = guarded()
    wire = shell.accept()
    deliver(wire, desk_logon(shell, DESK_SECRET))
    assert shell.state(shell.rig.desk) is State.ACTIVE
    assert DESK_SECRET not in journal_of(shell)
    assert b"554=***" in journal_of(shell)


async def test_a_wrong_password_is_answered_by_a_logout_and_too_many_are_not_heard_any_more() -> None:
    with capture_logs() as logged:
        await _guess_the_password()
    told = [entry for entry in logged if entry["event"] == "connection refused"]
    assert 0 < len(told) <= TOLD_A_MINUTE
    assert "s3cret" not in str(logged)


async def _guess_the_password() -> None:
    shell = guarded()
    wrong = b"s3cret-guess"
    for number in range(FAILURES_A_MINUTE):
        wire = shell.accept()
        deliver(wire, desk_logon(shell, wrong, number + 1))
        assert parse(bytes(wire.got)).msg_type == b"5"  # type: ignore[union-attr]
        if not wire.ended:
            wire.end()
        await asyncio.sleep(0)
    size = len(journal_of(shell))
    for number in range(200):
        wire = shell.accept()
        deliver(wire, desk_logon(shell, DESK_SECRET, number + 1))
        assert (wire.ended, wire.got) == ("abort", b"")
        await asyncio.sleep(0)
    assert len(journal_of(shell)) == size
    assert wrong not in journal_of(shell)
    shell.rig.now += MINUTE_NS
    wire = shell.accept()
    deliver(wire, desk_logon(shell, DESK_SECRET, 1 + shell.rig.core.ports[shell.rig.desk].session.next_in))
    assert shell.rig.core.ports[shell.rig.desk].session.is_logged_on


async def test_a_spoilt_logon_and_any_other_message_leave_no_password_either() -> None:
    shell = guarded()
    wire = shell.accept()
    deliver(wire, desk_logon(shell, DESK_SECRET))
    spoilt = desk_logon(shell, DESK_SECRET)[:-4] + b"000\x01"
    config = SessionConfig("d", "initiator", "DESK1", "SLUICE")
    raw = Encoder(b"FIX.4.4", b"DESK1", b"SLUICE").encode(
        b"BE", 2, shell.rig.now, b"923=1\x01924=1\x01553=desk\x01554=" + DESK_SECRET + b"\x01"
    )
    assert config.begin_string == "FIX.4.4"
    deliver(wire, spoilt + raw)
    kept = journal_of(shell)
    assert b"923=1" in kept
    assert b"garbled" in kept
    assert DESK_SECRET not in kept


async def test_a_desk_that_logs_on_and_off_without_end_is_not_heard_for_the_rest_of_the_minute() -> None:
    shell = guarded()
    session = shell.rig.core.ports[shell.rig.desk].session
    taken = 0
    for _ in range(LOGONS_A_MINUTE + 100):
        wire = shell.accept()
        deliver(wire, desk_logon(shell, DESK_SECRET, session.next_in))
        taken += session.is_logged_on
        if not wire.ended:
            wire.end()
        await asyncio.sleep(0)
    assert taken == LOGONS_A_MINUTE
    shell.rig.now += MINUTE_NS
    deliver(shell.accept(), desk_logon(shell, DESK_SECRET, session.next_in))
    assert session.is_logged_on


async def test_who_has_not_logged_on_cannot_fill_the_journal_and_a_desk_may_say_more() -> None:
    shell = Shell()
    long = b"58=" + b"x" * STRANGER_BYTES + b"\x01"
    desk = Encoder(b"FIX.4.4", b"DESK1", b"SLUICE")
    size = len(journal_of(shell))
    wire = shell.accept()
    deliver(wire, desk.encode(b"A", 1, shell.rig.now, b"98=0\x01108=30\x01" + long))
    assert (wire.ended, wire.got, len(journal_of(shell))) == ("abort", b"", size)
    wire = shell.accept()
    deliver(wire, logon(shell) + desk.encode(b"B", 2, shell.rig.now, b"148=news\x0133=1\x01" + long))
    assert shell.rig.core.ports[shell.rig.desk].session.next_in == 3
    assert long in journal_of(shell)


async def test_a_pinned_desk_is_let_in_with_its_own_certificate_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = Shell({DESK: Way(pins=frozenset({"ab"}))})
    for shown, ended in (("", "abort"), ("cd", "abort"), ("ab", "")):
        monkeypatch.setattr(Link, "fingerprint", lambda self, shown=shown: shown)
        wire = shell.accept()
        deliver(wire, logon(shell))
        assert wire.ended == ended
    assert shell.state(shell.rig.desk) is State.ACTIVE


async def test_a_stranger_that_does_not_log_on_in_time_is_dropped() -> None:
    shell = Shell()
    await shell.dial_due()
    wire = shell.accept()
    due = shell.connections.deadline_ns()
    assert due == shell.rig.now + PATIENCE_NS
    deliver(wire, b"8=FIX.4.4\x019=1")  # a byte now and then buys no time
    shell.rig.now = due
    shell.connections.tend(due)
    assert wire.ended == "abort"
    await asyncio.sleep(0)
    assert shell.connections.deadline_ns() is None


async def test_ten_thousand_connections_cost_a_bounded_number_of_places_and_log_lines() -> None:
    shell = Shell()
    wires = []
    with capture_logs() as logged:
        for number in range(10_000):
            wires.append(shell.accept(number))
            if number % 2:
                deliver(wires[-1], logon(shell, "NOBODY"))
            if number % 100 == 0:
                await asyncio.sleep(0)
    assert sum(not wire.ended for wire in wires) <= MAX_STRANGERS
    assert 0 < sum(entry["event"] == "connection refused" for entry in logged) <= TOLD_A_MINUTE
    deliver(shell.accept(), logon(shell))
    assert shell.state(shell.rig.desk) is State.ACTIVE


async def test_the_times_of_messages_are_seen_by_session_and_type_and_not_in_the_journal() -> None:
    shell = Shell()
    await shell.dial_due()
    shell.log_on(OE1)
    shell.connections.flushed()
    view = next(body for body in shell.connections.view() if body["session"] == VENUE)
    assert view["latency"]["A"]["handled"]["count"] == 1
    assert view["latency"]["A"]["travelled"]["max_ns"] == 0
    assert (view["address"], view["version"], view["next_in"]) == ("127.0.0.1:9000", "FIX.4.4", 2)


async def test_a_new_password_that_the_venue_has_taken_is_the_password_from_then_on() -> None:
    new = b"s3cret-next"
    way = Way(addresses=(Address(host="127.0.0.1", port=9000),), secrets={554: SECRET, 925: new})
    changes = {"version": "FIX.5.0SP2", "username": "u", "has_password": True, "has_new_password": True}
    shell = Shell({VENUE: way}, **specs(VENUE, **changes))
    shell.rig.peers[OE1] = Session(SessionConfig("x", "acceptor", "XLIT1", "SLUICE-OE", FIX50SP2))
    passwords = []
    with capture_logs() as logged:
        for says in (b"", b"3", b"1", b"3"):
            shell.rig.now += CAP_NS
            await shell.dial_due()
            message = parse(bytes(shell.wires[OE1].got))
            passwords.append((message.get(554), message.get(925)))  # type: ignore[union-attr]
            if says:
                shell.log_on(OE1, says)
                assert shell.state(OE1) is State.ACTIVE
                shell.rig.peers[OE1].disconnected(shell.rig.now)
            shell.wires[OE1].end()
    assert passwords == [(SECRET, new), (SECRET, new), (SECRET, new), (new, new)]
    said = [entry["event"] for entry in logged]
    assert said.count("password not changed") == 1
    assert said.count("password changed") == 1
    assert "s3cret" not in str(logged)
    assert new not in journal_of(shell)


async def test_a_peer_that_does_not_read_is_cut_off_in_the_end_and_one_that_does_is_not() -> None:
    shell = Shell()
    await shell.dial_due()
    for index in (OE1, MD1):
        shell.wires[index].link.pause_writing()
    since_ns = shell.rig.now
    shell.rig.now += SECOND
    shell.wires[MD1].link.resume_writing()
    assert shell.connections.deadline_ns() == since_ns + SLOW_NS
    shell.rig.now = since_ns + SLOW_NS
    shell.connections.tend(shell.rig.now)
    assert (shell.wires[OE1].ended, shell.wires[MD1].ended) == ("abort", "")
    await asyncio.sleep(0)
    assert not shell.rig.core.ports[OE1].up


async def test_a_venue_with_tls_is_dialled_with_its_name_and_its_certificate_looked_at(
    tmp_path: Path,
) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca)
    tls = client("v", Tls(ca=ca, server_name="venue.test", pins=("0" * 64,)))
    way = Way(addresses=(Address(host="127.0.0.1", port=9000),), tls=tls)
    shell = Shell({VENUE: way})
    await shell.dial_due()
    assert shell.asked[OE1] == (tls.context, "venue.test")
    assert shell.asked[MD1] == (None, "")
    assert shell.wires[OE1].ended == "abort", "it shows no certificate, and so none that is pinned"
    assert shell.wires[OE1].got == b""
    assert not shell.rig.core.ports[OE1].up
