"""What the router writes, and what is written to it, is good in the dictionary of its version."""

from __future__ import annotations

import pytest

from router.fix.codec import Message, parse
from router.fix.dictionary import Validation, load
from router.fix.fault import Fault
from router.fix.messages import BusinessMessageReject
from router.fix.versions import FIX44, VERSIONS, Version
from router.journal import Kind
from tests.router.fix import test_messages_market, test_messages_versions
from tests.router.rig import BTC, DARK, LIT1, LIT2, Rig


def faults(messages: list[Message], version: Version) -> list[tuple[Message, Fault]]:
    known = load(version)
    found = [(message, known.fault(message, Validation.FULL)) for message in messages]
    return [(message, fault) for message, fault in found if fault is not None]


@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)
def test_typed_messages_are_in_the_dictionary(version: Version) -> None:
    messages = test_messages_versions.written(version) + test_messages_market.written(version)
    assert faults(messages, version) == []
    assert len({message.msg_type for message in messages}) >= 12


def test_a_whole_day_of_sessions_is_in_the_dictionary() -> None:
    """Logons, market data, orders, fills, a cancel, heartbeats, a lost connection and a resend."""
    rig = Rig()
    rig.want = 1
    rig.parent(1 * BTC)
    rig.run(2)
    for slot in (LIT1, LIT2, DARK):
        for order in rig.orders(slot):
            rig.ack(order, slot)
            rig.fill(order, slot, order.qty_lots // 2)
    rig.cancel_parent()
    for kind in (b"j", b"B"):  # lost on their way: one is resent, one is filled
        rig.peers[0].encode(kind, BusinessMessageReject(1, "D", 4).body(), rig.now)
    rig.run(70)
    rig.cut(0)
    rig.up(0)
    rig.run(5)
    messages = [parse(record.raw) for record in rig.records() if record.kind in (Kind.FIX_IN, Kind.FIX_OUT)]
    whole = [message for message in messages if isinstance(message, Message)]
    assert faults(whole, FIX44) == []
    kinds = {message.msg_type for message in whole}
    assert {b"A", b"0", b"j", b"2", b"4", b"D", b"F", b"8", b"V", b"W"} <= kinds
