"""Living the journal again: to the same state, byte for byte, or not at all."""

from __future__ import annotations

import json

import pytest

from router.actions import JOIN, NULL, encode
from router.fix.codec import Garbled
from router.fix.versions import FIX44
from router.journal import JournalWriter, Kind, Reader, Record, json_payload
from router.orders import ChildState
from router.records import pack_garbled
from router.recovery import Replay, ReplayError
from tests.router.rig import LIT1, Rig
from tests.simulation.invariants import picture


def worked() -> Rig:
    rig = Rig()
    rig.want = encode(10, JOIN, 1)
    rig.parent()
    order = rig.orders(LIT1)[0]
    rig.ack(order, LIT1)
    rig.want = NULL
    rig.fill(order, LIT1, 40)
    rig.engine.garbled(rig.port(LIT1), Garbled("no CheckSum(10)", b"8=x\xff", 4), rig.now)
    rig.engine.writable(rig.port(LIT1), False, rig.now)
    rig.engine.writable(rig.port(LIT1), True, rig.now)
    rig.operator(1, "suspend", "venue", "XLIT2")
    rig.run(2)
    return rig


def fed(records: list[Record]) -> Replay:
    replay = Replay()
    for record in records:
        replay.feed(record)
    return replay


def test_a_replay_is_the_live_engine_and_has_nothing_left_to_say() -> None:
    rig = worked()
    replay = fed(rig.records())
    assert picture(replay.engine) == picture(rig.engine)
    core = replay.engine.running
    assert (core.writes, core.replies, core.alerts, core.hangups) == ([], [], [], [])
    assert replay.last_order_id == "SL1-1"
    assert replay.last_ns == rig.records()[-1].time_ns
    assert replay.records == sum(r.kind is not Kind.CHAIN for r in rig.records())


def test_any_prefix_of_the_journal_replays_and_goes_on() -> None:
    """A crash between any two records; then another start, and another: none trips over the cut."""
    records = worked().records()
    starts = Rig().records()[:1]
    for end in range(1, len(records), 7):
        replay = fed(records[:end] + starts + starts)
        live = replay.engine.running.orders.live()
        assert all(child.state is ChildState.UNKNOWN for child in live)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: r._replace(payload=r.payload[:-1] + b"\x02"), "FIX_OUT differs from byte"),
        (lambda r: r._replace(time_ns=r.time_ns + 1), "FIX_OUT was written at"),
        (lambda r: r._replace(kind=Kind.NOTE), "NOTE was written, FIX_OUT comes out now"),
    ],
)
def test_a_difference_names_the_record_and_what_differs(change: object, why: str) -> None:
    records = worked().records()
    at = max(n for n, r in enumerate(records) if r.kind is Kind.FIX_OUT)
    replay = fed(records[:at])
    with pytest.raises(ReplayError, match=rf"record {records[at].number}.*{why}.*the release that wrote it"):
        replay.feed(change(records[at]))  # type: ignore[operator]


def test_a_record_that_nothing_here_writes_is_refused() -> None:
    records = worked().records()
    note = records[-1]._replace(kind=Kind.NOTE, payload=json.dumps({"note": "x"}).encode())
    with pytest.raises(ReplayError, match="NOTE was written, and nothing here writes it"):
        fed([*records, note])


def test_inputs_that_make_no_sense_are_refused() -> None:
    records = worked().records()
    last = records[-1]
    with pytest.raises(ReplayError, match="LINK record says 9"):
        fed([*records, last._replace(kind=Kind.LINK, payload=b"\x00\x09")])
    with pytest.raises(ReplayError, match="the message is garbled"):
        fed([*records, last._replace(kind=Kind.FIX_IN, payload=b"\x008=FIX.4.4\x019=3\x01")])
    garbled = b"\x00" + pack_garbled(Garbled("why", b"raw", 3))
    fed([*records, last._replace(kind=Kind.FIX_IN, payload=garbled)])


def test_chain_records_are_passed_over() -> None:
    records = worked().records()
    chain = records[-1]._replace(kind=Kind.CHAIN, payload=bytes(32))
    assert picture(fed([*records[:5], chain, *records[5:]]).engine) == picture(fed(records).engine)


def test_settings_may_change_from_start_to_start() -> None:
    rig = worked()
    rig.changes = {"seed": 99, "ack_timeout_ns": 5_000_000_000}
    rig.restart()
    rig.up()
    rig.run(1)
    assert rig.core.config.seed == 99
    assert picture(rig.replay()) == picture(rig.engine)
    assert rig.core.parents["SL1-P1"].filled_lots == 40


def test_a_restart_with_another_desk_keeps_each_parent_with_its_own() -> None:
    rig = worked()
    sessions = list(rig.core.config.sessions)
    desk = sessions[-1]
    other = desk.model_copy(update={"name": "SLUICE>DESK0", "target_comp_id": "DESK0"})
    rig.changes = {"sessions": (*sessions[:-1], other, desk)}
    rig.restart()
    assert rig.core.parents["SL1-P1"].desk == len(sessions)
    rig.changes = {"sessions": tuple(sessions[:-1])}
    rig.restart()
    assert rig.core.parents["SL1-P1"].desk == -1


def test_a_start_from_before_sessions_had_versions_is_lived_again_to_the_same_bytes() -> None:
    (start, *_) = Rig(up=False).records()
    content = json.loads(start.payload)
    for session in content["sessions"]:
        session["begin_string"] = "FIX.4.4"
    old = json_payload(content)
    writer = JournalWriter()
    writer.append(Kind.START, start.time_ns, old)
    replay = Replay()
    for record in Reader(writer.take()):
        replay.feed(record)
    ports = replay.engine.running.ports
    assert {port.session.config.version for port in ports} == {FIX44}
    assert all(port.is_open and port.throttle is None for port in ports)
