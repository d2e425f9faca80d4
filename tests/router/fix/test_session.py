"""What the scripts do not reach: our own misuse, a line that breaks, rebuilding from a journal."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine import FORGOTTEN
from router.fix import events
from router.fix.codec import Message, encode, parse
from router.fix.decimals import NANOS
from router.fix.dictionary import Validation
from router.fix.gap import Gap
from router.fix.session import LocalError, Session, SessionConfig, State
from router.fix.states import TRANSITIONS, Trigger, step
from router.fix.store import GapFill, Resend, SentStore

T0 = 1_767_571_200_000_000_000


def pair(**bounds: Any) -> tuple[Session, Session]:
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


def test_numbers_are_set_between_connections_only() -> None:
    ours, theirs = pair()
    log_on(ours, theirs)
    with pytest.raises(LocalError, match="numbers cannot be set in state ACTIVE"):
        ours.renumber(1, 1)
    ours.encode(b"8", b"37=1\x01", T0)
    ours.disconnected(T0)
    with pytest.raises(LocalError, match="numbers begin at 1, not at 0 and 1"):
        ours.renumber(0, 1)
    ours.renumber(3, 7)
    assert [part.seq for part in ours._store.answer(2, 2) if isinstance(part, Resend)] == [2]
    ours.renumber(2, 7)
    assert not len(ours._store)
    assert (ours.next_out, ours.next_in) == (2, 7)


def test_the_engine_hears_that_a_venue_knows_more_than_we_do() -> None:
    """In both words that a venue may use, the engine's own test for it finds them."""
    for kind, body in ((b"5", b"58=MsgSeqNum too low\x01"), (b"A", b"98=0\x01108=30\x01789=9\x01")):
        ours, _ = pair(send_next_expected=True)
        ours.connected(T0)
        told = ours.received(read(encode(b"FIX.4.4", kind, 1, b"PEER", b"US", T0, body)), T0)[0]
        assert isinstance(told, events.Alert)
        assert any(words in told.text for words in FORGOTTEN)


def test_who_inherits_resets_what_was_to_be_reset() -> None:
    ours, _ = pair()
    ours.reset(T0)
    heir, _ = pair()
    heir.inherit(ours)
    reset, logon = heir.connected(T0)
    assert reset == events.SequenceReset(1, 1)
    assert isinstance(logon, events.Send)
    assert b"\x01141=Y\x01" in logon.raw


def test_a_planned_reset_of_nobody_is_not_begun() -> None:
    ours, theirs = pair()
    log_on(ours, theirs)
    assert len(ours.reset(T0)) == 1
    assert ours.reset(T0) == []
    assert ours.disconnected(T0)[-1] == events.Alert("I: the planned reset was not begun: connection lost")


def test_a_dictionary_is_asked_before_anything_is_delivered() -> None:
    ours, theirs = pair(validation=Validation(values=True))
    log_on(ours, theirs)
    [app] = ours.received(read(encode(b"FIX.4.4", b"8", 2, b"PEER", b"US", T0, b"54=1\x01")), T0)
    assert isinstance(app, events.App)
    _, reject = ours.received(read(encode(b"FIX.4.4", b"8", 3, b"PEER", b"US", T0, b"54=Z\x01")), T0)
    assert isinstance(reject, events.Send)
    assert b"\x01371=54\x01372=8\x01373=5\x01" in reject.raw


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


KINDS = st.sampled_from([b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"8", b"D", b"ZZ"])
WORDS = st.sampled_from(
    [b"", b"0", b"1", b"2", b"7", b"-1", b"Y", b"N", b"x", b"9" * 17, b"9" * 30, b"20260105-00:00:00"]
)
TAGS = (
    7, 16, 34, 36, 43, 45, 49, 52, 56, 97, 98, 108, 112, 115, 122, 123, 141, 369, 373, 554, 789, 925, 1128,
)  # fmt: skip
FIELDS = st.lists(st.tuples(st.sampled_from(TAGS), WORDS))
OPTIONS = st.fixed_dictionaries(
    {
        "max_gap_messages": st.just(2),
        "max_same_resends": st.just(2),
        "resend_burst": st.sampled_from([0, 1]),
        "resend_chunk": st.sampled_from([0, 1]),
        "resend_to_infinity": st.booleans(),
        "send_next_expected": st.booleans(),
        "send_last_processed": st.booleans(),
        "await_logout": st.booleans(),
        "check_comp_ids": st.booleans(),
        "check_latency": st.booleans(),
        "reset_on_disconnect": st.booleans(),
        "validation": st.sampled_from([Validation.NONE, Validation.FRAMING, Validation.FULL]),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    OPTIONS,
    st.sampled_from([0, 1]),
    st.booleans(),
    st.lists(st.tuples(KINDS, st.integers(0, 9), FIELDS, st.integers(0, 40)), max_size=15),
)
def test_no_peer_can_make_a_session_raise(
    options: dict[str, Any],
    side: int,
    logged_on: bool,
    peer: list[tuple[bytes, int, list[tuple[int, bytes]], int]],
) -> None:
    sessions = pair(**options)
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
