"""Sessions that open, close, are reset and added: inputs of the engine, which its journal replays."""

from __future__ import annotations

from typing import Any

import pytest

from router.actions import JOIN, encode
from router.config import SessionSpec
from router.fix.states import State
from tests.router.rig import LIT1, SECOND, START, Rig, _config

OE1, NAME = 0, "SLUICE-OE>XLIT1"
DAY_NS = 86_400 * SECOND


def rig_with(**changes: Any) -> Rig:
    """The session of order entry at XLIT1 has a schedule, and is not up."""
    sessions = tuple(
        spec.model_copy(update={"has_schedule": True, **changes}) if spec.name == NAME else spec
        for spec in _config().sessions
    )
    return Rig(up=False, sessions=sessions)


def tell(rig: Rig, cmd: str, **request: Any) -> None:
    rig.engine.operator(0, {"cmd": cmd, "name": NAME, **request}, rig.now)
    rig.flow()


def opens(rig: Rig, period_ns: int) -> None:
    tell(rig, "open session", period_ns=period_ns)


def closes(rig: Rig) -> None:
    tell(rig, "close session", reason="closed by its schedule")


def numbers(rig: Rig, name: str = NAME) -> tuple[int, int]:
    session = next(port.session for port in rig.core.ports if port.session.name == name)
    return session.next_out, session.next_in


def lives_again(rig: Rig) -> None:
    """The journal replays to the same sessions."""
    again = rig.replay().running
    for port, replayed in zip(rig.core.ports, again.ports, strict=True):
        assert (port.is_open, port.period_ns, port.reset_due) == (
            replayed.is_open, replayed.period_ns, replayed.reset_due,
        )  # fmt: skip
        assert (port.session.next_out, port.session.next_in) == (
            replayed.session.next_out, replayed.session.next_in,
        )  # fmt: skip


def test_a_session_with_a_schedule_is_closed_until_its_hours_begin() -> None:
    rig = rig_with()
    assert not rig.core.ports[OE1].is_open
    assert all(port.is_open for port in rig.core.ports[1:])
    opens(rig, START)
    assert rig.core.ports[OE1].is_open
    lives_again(rig)


def test_at_the_end_of_its_hours_it_logs_out_and_what_is_open_there_stays_and_is_told() -> None:
    rig = rig_with()
    opens(rig, START)
    rig.up()
    rig.want = encode(10, JOIN, 1)
    rig.parent()
    rig.ack(rig.orders(LIT1)[0], LIT1)
    closes(rig)
    assert any(f"{NAME} closed by its schedule while 1 of its orders are open" in a for a in rig.alerts)
    assert rig.core.ports[OE1].session.state is State.DISCONNECTED
    assert rig.cancels(LIT1) == [], "nothing is cancelled by itself"
    assert [child.venue for child in rig.core.orders.live()] == [LIT1]
    assert not rig.core.order_ports[LIT1].takes_orders
    lives_again(rig)


def test_a_schedule_alone_never_resets_numbers() -> None:
    rig = rig_with()
    for day in range(3):
        opens(rig, START + day * DAY_NS)
        rig.up(OE1)
        before = numbers(rig)
        closes(rig)
        assert min(numbers(rig)) >= min(before) > 1
    assert not any("reset" in alert for alert in rig.alerts)


def test_where_the_settings_say_so_a_new_period_begins_with_number_1_and_says_so() -> None:
    rig = rig_with(reset_at_start=True)
    opens(rig, START)
    rig.up(OE1)
    assert numbers(rig) == (2, 2)
    assert not any("reset" in alert for alert in rig.alerts), "the first has nothing to reset"
    rig.run(100)
    closes(rig)
    assert min(numbers(rig)) > 2
    opens(rig, START)  # again within the period: the router was restarted
    assert not rig.core.ports[OE1].reset_due
    assert not any("are reset" in alert for alert in rig.alerts)
    opens(rig, START + DAY_NS)
    assert any(f"{NAME}: a new period begins: its numbers" in alert for alert in rig.alerts)
    rig.up(OE1)
    logon = [m for at, m in rig.sent if at == OE1 and m.msg_type == b"A"][-1]
    assert (logon.seq, logon.get(141)) == (1, b"Y")
    assert numbers(rig) == (2, 2)
    assert any("sequence numbers reset" in alert for alert in rig.alerts)
    lives_again(rig)


def test_a_period_that_follows_without_a_pause_resets_within_the_session() -> None:
    rig = rig_with(reset_at_start=True)
    opens(rig, START)
    rig.up(OE1)
    rig.run(100)
    opens(rig, START + DAY_NS)
    assert rig.core.ports[OE1].session.state is State.ACTIVE
    assert numbers(rig)[0] < 4
    assert any("sequence numbers reset" in alert for alert in rig.alerts)
    lives_again(rig)


def test_a_restart_in_the_middle_of_a_period_resets_nothing() -> None:
    rig = rig_with(reset_at_start=True)
    opens(rig, START)
    rig.up(OE1)
    rig.run(100)
    before = numbers(rig)
    rig.restart()
    assert rig.core.ports[OE1].period_ns == START
    opens(rig, START)
    assert numbers(rig) == before
    assert not rig.core.ports[OE1].reset_due


@pytest.mark.parametrize(
    "moved", [{"period_ns": START - SECOND}, {"period_ns": START + SECOND, "goes_on": True}]
)
def test_a_period_whose_start_is_moved_while_it_lasts_resets_nothing_and_the_next_one_does(
    moved: dict[str, Any],
) -> None:
    rig = rig_with(reset_at_start=True)
    opens(rig, START)
    rig.up(OE1)
    before = numbers(rig)
    tell(rig, "open session", **moved)
    assert not any("are reset" in alert for alert in rig.alerts)
    assert min(numbers(rig)) >= min(before) > 1
    assert not rig.core.ports[OE1].reset_due
    opens(rig, moved["period_ns"])  # the router was restarted
    assert not any("are reset" in alert for alert in rig.alerts)
    opens(rig, START + DAY_NS)
    assert any("a new period begins" in alert for alert in rig.alerts)
    lives_again(rig)


def test_a_schedule_that_came_later_than_the_numbers_waits_for_its_next_period() -> None:
    rig = Rig(up=False)
    rig.up(OE1)
    rig.run(100)
    rig.changes = {"sessions": rig_with(reset_at_start=True).changes["sessions"]}
    rig.restart()
    before = numbers(rig)
    opens(rig, START)
    assert numbers(rig) == before
    assert any("are reset when its next period begins" in alert for alert in rig.alerts)


def test_an_operator_resets_only_a_session_that_is_logged_off() -> None:
    rig = Rig(up=False)
    rig.up(OE1)
    request = {"cmd": "reset session", "name": NAME, "identity": "trader", "reason": "agreed with the venue"}
    rig.engine.operator(7, request, rig.now)
    rig.flow()
    (refusal,) = rig.told(7)
    assert refusal["event"] == "refused"
    assert f"{NAME} is active: its numbers are reset only while it is logged off" in refusal["reason"]
    rig.run(100)
    rig.cut(OE1)
    out, received = numbers(rig)
    rig.engine.operator(8, request, rig.now)
    rig.flow()
    assert rig.told(8) == [{"event": "session reset", "session": NAME, "next_out": out, "next_in": received}]
    assert f"{NAME}: numbers reset by trader: agreed with the venue" in rig.alerts
    rig.up(OE1)
    assert numbers(rig) == (2, 2)
    lives_again(rig)


def test_sessions_are_added_while_others_work_and_a_restart_keeps_them() -> None:
    rig = Rig()
    desk = SessionSpec(
        name="SLUICE>DESK2", kind="desk", venue=-1, sender_comp_id="SLUICE", target_comp_id="DESK2",
        heart_bt_int_s=30,
    )  # fmt: skip
    copies = desk.model_copy(
        update={"name": "SLUICE>WATCH", "kind": "desk drop copy", "target_comp_id": "WATCH",
                "drop_copy_of": "SLUICE>DESK1"}
    )  # fmt: skip
    request = {
        "cmd": "add sessions",
        "sessions": [spec.model_dump(mode="json") for spec in (desk, copies)],
        "changed": [NAME],
        "identity": "trader",
    }
    before = len(rig.core.ports)
    rig.engine.operator(9, request, rig.now)
    rig.flow()
    assert rig.told(9) == [
        {"event": "sessions reloaded", "added": ["SLUICE>DESK2", "SLUICE>WATCH"], "changed": [NAME]}
    ]
    assert [port.session.name for port in rig.core.ports[before:]] == ["SLUICE>DESK2", "SLUICE>WATCH"]
    assert rig.core.config.sessions[-1].drop_copy_of == "SLUICE>DESK1"
    lives_again(rig)
    rig.engine.link(before, True, rig.now)
    assert rig.core.ports[before].session.state is State.AWAITING_LOGON
