"""What the scripts do not reach: our own misuse, a line that breaks, rebuilding from a journal."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from router.fix import events
from router.fix.codec import Message, encode, parse
from router.fix.decimals import NANOS
from router.fix.gap import Gap
from router.fix.session import LocalError, Session, SessionConfig, State
from router.fix.states import TRANSITIONS, Trigger, step
from router.fix.store import GapFill, Resend, SentStore

T0 = 1_767_571_200_000_000_000


def pair(**bounds: int) -> tuple[Session, Session]:
    kinds = frozenset({b"8"})
    return (
        Session(SessionConfig("I", "initiator", "US", "PEER", resend=kinds, **bounds)),
        Session(SessionConfig("A", "acceptor", "PEER", "US", resend=kinds, **bounds)),
    )


def read(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message)
    return message


def log_on(initiator: Session, acceptor: Session) -> None:
    acceptor.connected(T0)
    [logon] = initiator.connected(T0)
    assert isinstance(logon, events.Send)
    answer = acceptor.received(read(logon.raw), T0)[0]
    assert isinstance(answer, events.Send)
    initiator.received(read(answer.raw), T0)
    assert initiator.state is acceptor.state is State.ACTIVE


def test_an_application_message_needs_a_logon() -> None:
    session, _ = pair()
    with pytest.raises(LocalError, match="I: application message b'D' cannot be sent in state DISCONNECTED"):
        session.encode(b"D", b"11=1\x01", T0)
    session.connected(T0)
    with pytest.raises(LocalError, match="in state LOGON_SENT"):
        session.encode(b"D", b"11=1\x01", T0)
    assert session.next_out == 2


def test_session_messages_are_the_sessions_own() -> None:
    ours, theirs = pair()
    log_on(ours, theirs)
    with pytest.raises(LocalError, match="application message b'0'"):
        ours.encode(b"0", b"", T0)


def test_connecting_twice_and_restoring_while_connected_are_misuse() -> None:
    session, _ = pair()
    [logon] = session.connected(T0)
    assert isinstance(logon, events.Send)
    with pytest.raises(LocalError, match="CONNECTED_INITIATOR is not possible in state LOGON_SENT"):
        session.connected(T0)
    with pytest.raises(LocalError, match="restoring in state LOGON_SENT"):
        session.restore_sent(logon.raw)
    with pytest.raises(LocalError, match="garbled"):
        pair()[0].restore_received(b"8=FIX.4.4\x01")


@pytest.mark.parametrize("kind", [b"D", b"F", b"G", b"A"])
def test_orders_cannot_be_configured_to_be_resent(kind: bytes) -> None:
    with pytest.raises(ValueError, match="orders and session messages are gap filled"):
        SessionConfig("S", "initiator", "US", "PEER", resend=frozenset({kind}))


@pytest.mark.parametrize("name", ["", "A\x01B", "A%dB", "Ä"])
def test_comp_ids_that_could_break_a_header_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"sender_comp_id .* must be printable ASCII"):
        SessionConfig("S", "initiator", name, "PEER")


def test_a_hot_message_and_its_slow_twin_do_the_same() -> None:
    """The first test of `received` is only a short cut."""
    for flagged in (b"", b"97=N\x01", b"43=N\x01"):
        ours, theirs = pair()
        log_on(ours, theirs)
        raw = encode(b"FIX.4.4", b"8", 2, b"PEER", b"US", T0, b"37=1\x01", flagged)
        [app] = ours.received(read(raw), T0 + 5)
        assert isinstance(app, events.App)
        assert (ours.next_in, ours.deadline_ns()) == (3, T0 + 30 * NANOS)


def test_the_deadline_is_none_without_connection_and_without_heartbeats() -> None:
    ours, theirs = pair(heart_bt_int_s=0)
    assert ours.deadline_ns() is None
    log_on(ours, theirs)
    assert ours.deadline_ns() is None
    assert ours.timer(T0 + 10**6 * NANOS) == []


def test_a_test_request_on_demand_is_sent_once() -> None:
    ours, theirs = pair()
    assert ours.test_request(T0) == []
    log_on(ours, theirs)
    [request] = ours.test_request(T0)
    assert isinstance(request, events.Send)
    assert request.msg_type == b"1"
    assert ours.test_request(T0) == []
    assert ours.deadline_ns() == T0 + 30 * NANOS


def test_every_state_can_be_left_and_the_table_knows_all_of_them() -> None:
    assert set(TRANSITIONS) == set(State)
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State)
    for state in State:
        for trigger in Trigger:
            if trigger in TRANSITIONS[state]:
                assert step(state, trigger) is TRANSITIONS[state][trigger]
            else:
                with pytest.raises(LocalError):
                    step(state, trigger)


def test_the_store_answers_in_one_piece_where_it_can() -> None:
    store = SentStore(2)
    for seq in (3, 4, 8):
        store.put(seq, b"8", b"%d" % seq, T0)
    assert len(store) == 2
    parts = [
        (part.seq if isinstance(part, Resend) else (part.first, part.last)) for part in store.answer(1, 9)
    ]
    assert parts == [(1, 3), 4, (5, 7), 8, (9, 9)]
    assert list(store.answer(5, 6)) == [GapFill(5, 6)]


def test_what_is_held_is_bounded_by_count_and_bytes() -> None:
    raw = encode(b"FIX.4.4", b"8", 9, b"A", b"B", T0, b"")
    gap = Gap(max_messages=2, max_bytes=2 * len(raw))
    assert [gap.hold(seq, read(raw)) for seq in (5, 6, 7)] == [True, True, False]
    assert gap.high == 7
    gap.take(5)
    assert gap.hold(8, read(raw))
    assert (len(gap), gap.has(8), gap.last_missing(2)) == (2, True, 5)
    assert not Gap(10, 1).hold(1, read(raw))


class BrokenLine(RuleBasedStateMachine):
    """Two sessions, a line that loses what is under way when it breaks, and a journal on each side.

    Whatever happens, each side is told of a report of the other at most once, and in order; in the end
    neither waits for anything, and the journals give back numbers and store.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = T0
        self.sides = list(pair(max_gap_messages=3, max_resend_store=5))
        self.lines: list[deque[bytes]] = [deque(), deque()]  # to side 0, to side 1
        self.journals: list[list[tuple[str, bytes]]] = [[], []]
        self.sent: list[list[int]] = [[], []]
        self.got: list[list[int]] = [[], []]
        self.up = False
        self.closing = False
        self.next_report = 0

    def put(self, side: int, raw: bytes) -> None:
        self.journals[side].append(("out", raw))
        self.lines[1 - side].append(raw)

    def act(self, side: int, out: list[events.Event]) -> None:
        for event in out:
            match event:
                case events.Send(raw):
                    self.put(side, raw)
                case events.App(message):
                    self.got[side].append(int(message.get(37) or b""))
                case events.Disconnect(reason):
                    raise AssertionError(reason)

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        self.up = True
        for side in (1, 0):
            self.act(side, self.sides[side].connected(self.now_ns))

    @precondition(lambda self: self.up)
    @rule()
    def cut(self) -> None:
        self.up = False
        for side in (0, 1):
            self.lines[side].clear()
            self.act(side, self.sides[side].disconnected(self.now_ns))

    @rule(side=st.integers(0, 1), kind=st.sampled_from([b"8", b"8", b"W"]))
    def send(self, side: int, kind: bytes) -> None:
        session = self.sides[side]
        if session.is_logged_on:
            self.next_report += 1
            self.sent[side].append(self.next_report)
            self.put(side, session.encode(kind, b"37=%d\x01" % self.next_report, self.now_ns))

    @rule(side=st.integers(0, 1), count=st.integers(1, 6))
    def deliver(self, side: int, count: int) -> None:
        for _ in range(min(count, len(self.lines[side]))):
            raw = self.lines[side].popleft()
            self.journals[side].append(("in", raw))
            self.act(side, self.sides[side].received(read(raw), self.now_ns))

    @rule(side=st.integers(0, 1))
    def lose(self, side: int) -> None:
        """Not what TCP does; but the sequence numbers are there for it."""
        session = self.sides[1 - side]
        if self.lines[side] and session.is_logged_on and read(self.lines[side][0]).msg_type in (b"8", b"W"):
            self.lines[side].popleft()

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * NANOS // 10

    @invariant()
    def each_is_told_once_and_in_order(self) -> None:
        for side in (0, 1):
            assert self.got[side] == sorted(set(self.got[side]))
            assert set(self.got[side]) <= set(self.sent[1 - side])

    @precondition(lambda self: not self.up)
    @rule(side=st.integers(0, 1))
    def restart(self, side: int) -> None:
        """The journal gives back what the lost process knew."""
        lost = self.sides[side]
        restored = Session(lost.config)
        for direction, raw in self.journals[side]:
            (restored.restore_sent if direction == "out" else restored.restore_received)(raw)
        assert (restored.next_out, restored.next_in) == (lost.next_out, lost.next_in)
        answers = [list(session._store.answer(1, lost.next_out)) for session in (lost, restored)]
        assert [part[0] for part in answers[0]] == [part[0] for part in answers[1]]
        assert [part.sent.body for part in answers[0] if isinstance(part, Resend)] == [
            part.sent.body for part in answers[1] if isinstance(part, Resend)
        ]
        self.sides[side] = restored

    def settle(self) -> None:
        for _ in range(100):
            if not self.lines[0] and not self.lines[1]:
                return
            for side in (0, 1):
                self.deliver(side, 100)
        raise AssertionError("the two never stop talking")

    def teardown(self) -> None:
        """Let it all arrive: then neither side misses anything."""
        if not self.up:
            self.connect()
        self.settle()
        for side in (0, 1, 0, 1):
            self.act(side, self.sides[side].test_request(self.now_ns))
            self.settle()
        for side in (0, 1, 0, 1):  # what was resent and lost is asked for once more
            self.now_ns += 15 * NANOS
            self.act(side, self.sides[side].timer(self.now_ns))
            self.settle()
        for side in (0, 1):
            assert self.sides[side].state is State.ACTIVE
            assert self.sides[side].next_in == self.sides[1 - side].next_out
        self.each_is_told_once_and_in_order()
        self.cut()
        self.restart(0)
        self.restart(1)


TestBrokenLine = BrokenLine.TestCase
TestBrokenLine.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


KINDS = st.sampled_from([b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"8", b"D", b"ZZ"])
WORDS = st.sampled_from(
    [b"", b"0", b"1", b"2", b"7", b"-1", b"Y", b"N", b"x", b"9" * 17, b"9" * 30, b"20260105-00:00:00"]
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from([7, 16, 34, 36, 43, 45, 49, 52, 56, 97, 98, 108, 112, 122, 123, 141, 373]), WORDS
    )
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([0, 1]),
    st.booleans(),
    st.lists(st.tuples(KINDS, st.integers(0, 9), FIELDS, st.integers(0, 40)), max_size=15),
)
def test_no_peer_can_make_a_session_raise(
    side: int, logged_on: bool, peer: list[tuple[bytes, int, list[tuple[int, bytes]], int]]
) -> None:
    sessions = pair(max_gap_messages=2)
    if logged_on:
        log_on(*sessions)
    else:
        sessions[side].connected(T0)
    session = sessions[side]
    comp_ids = [(b"PEER", b"US"), (b"US", b"PEER")][side]
    now_ns = T0
    for kind, seq, fields, seconds in peer:
        body = b"".join(b"%d=%b\x01" % field for field in fields)
        raw = encode(b"FIX.4.4", kind, seq, *comp_ids, now_ns, body)
        sent_before = session.next_out
        out = session.received(read(raw), now_ns)
        sent = [event for event in out if isinstance(event, events.Send)]
        assert len(sent) <= 6 + session.next_out
        assert session.next_out - sent_before <= 6
        assert all(isinstance(parse(event.raw), Message) for event in sent)
        now_ns += seconds * NANOS
        session.timer(now_ns)
