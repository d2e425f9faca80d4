"""A venue's limit: never more in any second, cancels before orders, nothing lost, all of it in a replay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from risk.order import Side
from router.actions import CROSS, encode
from router.config import EngineConfig
from router.outbox import Outgoing
from router.throttle import WINDOW_NS, Throttle
from tests.router.rig import LIT1, SECOND, Rig, _config


@given(st.integers(1, 12), st.data(), st.lists(st.tuples(st.integers(0, SECOND), st.booleans()), max_size=80))
def test_no_second_ever_sees_more_than_the_limit(
    per_s: int, data: st.DataObject, asks: list[tuple[int, bool]]
) -> None:
    cancels_per_s = data.draw(st.integers(0, per_s - 1))
    throttle = Throttle(per_s, cancels_per_s)
    now_ns, left = 0, []
    for pause_ns, cancel in asks:
        now_ns += pause_ns
        free_ns = throttle.free_ns(now_ns, cancel=cancel)
        assert free_ns >= now_ns
        if free_ns > now_ns:
            assert throttle.free_ns(free_ns - 1, cancel=cancel) == free_ns, "and not before"
        assert throttle.free_ns(free_ns, cancel=cancel) == free_ns, "the time that it names is the time"
        now_ns = free_ns
        throttle.left(now_ns)
        left.append(now_ns)
    for first in left:
        assert sum(first <= ns < first + SECOND for ns in left) <= per_s


def test_cancels_have_a_share_that_orders_cannot_use_and_the_session_a_message_of_its_own() -> None:
    throttle = Throttle(10, 4)
    for _ in range(5):
        assert throttle.free_ns(0, cancel=False) == 0
        throttle.left(0)
    assert throttle.free_ns(0, cancel=False) == WINDOW_NS
    for _ in range(4):
        assert throttle.free_ns(0, cancel=True) == 0
        throttle.left(0)
    assert throttle.free_ns(0, cancel=True) == WINDOW_NS
    throttle.left(0)  # a heartbeat does not ask
    assert throttle.free_ns(WINDOW_NS, cancel=False) == WINDOW_NS


def limited(per_s: int, cancels_per_s: int) -> EngineConfig:
    config = _config()
    sessions = tuple(
        spec.model_copy(update={"max_messages_per_s": per_s, "cancels_per_s": cancels_per_s})
        if spec.name == "SLUICE-OE>XLIT1"
        else spec
        for spec in config.sessions
    )
    return config.model_copy(update={"sessions": sessions})


def test_what_is_over_the_limit_waits_without_a_number_and_cancels_pass_it() -> None:
    rig = Rig(sessions=limited(8, 3).sessions)
    rig.run(2)
    port = rig.core.order_ports[LIT1]
    before = port.session.next_out
    for number in range(7):
        rig.core.queue(port, Outgoing(b"H", b"11=H%d\x0155=BTC-USD\x0154=1\x01" % number))
    rig.core.queue_cancel(port, Outgoing(b"F", b"11=C\x01"))
    rig.core.pump()
    rig.flow()
    kinds = [m.msg_type for m in rig.messages(port.index, b"F") + rig.messages(port.index, b"H")]
    assert kinds == [b"F", b"H", b"H", b"H"]
    assert port.session.next_out == before + 4, "what waits has no number"
    assert not port.takes_orders, "what is queued now would not leave now"
    rig.core.queue_cancel(port, Outgoing(b"F", b"11=C2\x01"))
    rig.core.pump()
    rig.flow()
    assert len(rig.messages(port.index, b"F")) == 2
    rig.run(3)
    assert len(rig.messages(port.index, b"H")) == 7
    assert [m.seq for m in rig.messages(port.index, b"H")] == sorted(
        m.seq for m in rig.messages(port.index, b"H")
    )
    assert port.takes_orders


def test_orders_keep_to_the_limit_and_the_journal_replays() -> None:
    rig = Rig(sessions=limited(6, 2).sessions)
    rig.want = encode(100, CROSS, 1)
    for number in range(6):
        rig.parent(10**6, name=f"P{number}", side=Side.BUY)
    rig.run(10)
    times = [m.sending_time_ns for at, m in rig.sent if at == rig.port(LIT1)]
    assert len(rig.orders(LIT1)) >= 6
    assert all(sum(first <= ns < first + SECOND for ns in times) <= 6 for first in times)
    replayed = rig.replay().running
    assert replayed.order_ports[LIT1].session.next_out == rig.core.order_ports[LIT1].session.next_out


def test_a_resend_keeps_to_the_limit_too() -> None:
    sessions = tuple(
        spec.model_copy(update={"max_messages_per_s": 20, "cancels_per_s": 5})
        if spec.kind == "desk"
        else spec
        for spec in _config().sessions
    )
    rig = Rig(sessions=sessions)
    port = rig.core.ports[rig.desk]
    for number in range(60):
        rig.core.queue(port, Outgoing(b"j", b"372=D\x01380=0\x0158=%d\x01" % number))
    rig.core.pump()
    rig.run(8)
    assert len(rig.messages(rig.desk, b"j")) == 60
    rig.cut(rig.desk)
    first = len(rig.sent)
    peer = rig.peers[rig.desk]
    peer.next_in = 1  # it has lost what it had
    rig.heard.clear()
    rig.up(rig.desk)
    rig.run(20)
    assert len(rig.messages(rig.desk, b"j")) == 60
    times = [m.sending_time_ns for at, m in rig.sent[first:] if at == rig.desk]
    assert len(times) > 60
    assert max(sum(start <= ns < start + SECOND for ns in times) for start in times) <= 20
