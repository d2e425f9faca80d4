"""Peers that mean no good, at the venues' door and on any link: what they do costs them, and the others are
served meanwhile. The acceptor's own are in tests/fixsim/acceptance; the sessions' in tests/router/fix.
"""

from __future__ import annotations

import tracemalloc

import pytest

from risk.order import Side
from router.fix.codec import Framer, Garbled, Message, encode, parse
from router.link import READ_BYTES
from tests.fixsim.market import Floor, order

BUSY = "XLIT1"


def test_thousands_of_logons_at_a_venues_door_leave_nothing_behind() -> None:
    floor = Floor()
    client = floor.client(BUSY)
    gateway, now_ns = floor.gateway, floor.now_ns
    logon = parse(encode(b"FIX.4.4", b"A", 1, b"NOBODY", BUSY.encode(), now_ns, b"98=0\x01108=30\x01"))
    mine = parse(encode(b"FIX.4.4", b"A", 1, b"SLUICE-OE", BUSY.encode(), now_ns, b"98=0\x01108=30\x01"))
    assert isinstance(logon, Message)
    assert isinstance(mine, Message)
    tracemalloc.start()
    try:
        for at in range(10_000):
            if at == 1_000:
                before = tracemalloc.get_traced_memory()[0]
            conn = ("hostile", at)
            gateway.accepted(conn, BUSY)
            gateway.received(conn, (logon, mine)[at % 2], now_ns)
            assert gateway.hangups.pop() == conn, "the second is connected already"
            gateway.closed(conn, now_ns)
            assert gateway.alerts.pop()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100_000
    client.send(order("1", Side.BUY, 9_000))
    floor.run(1)
    assert client.reports() == ["0 0 0 1"]


OPENINGS = (b"", b"8=FIX.4.4\x01", b"8=FIX.4.4\x019=4000000\x0135=D\x0158=", b"8=FIX.4.4\x019=99999999\x01")


@pytest.mark.parametrize("opening", OPENINGS, ids=["junk", "no length", "largest", "too large"])
def test_a_hundred_megabytes_without_a_delimiter_are_not_held(opening: bytes) -> None:
    framer, chunk = Framer(), b"x" * READ_BYTES
    framer.feed(opening)
    told = 0
    for _ in range((100 << 20) // READ_BYTES):
        framer.writable(READ_BYTES)[: len(chunk)] = chunk
        framer.wrote(len(chunk))
        while (got := framer.next()) is not None:
            assert isinstance(got, Garbled)
            told += 1
        assert framer._buf.size <= 4 * framer.max_message_bytes
    assert 1 <= told <= 4, "a stretch of junk is told once, not once a read"


def test_a_byte_at_a_time_is_looked_at_once() -> None:
    """The largest message, byte by byte: work grows with the bytes, not with their square."""
    body = b"35=B\x0134=2\x0158=" + b"x" * 200_000 + b"\x01"
    head = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
    raw = head + b"10=%03d\x01" % (sum(head) & 255)
    framer, got = Framer(), []
    for at in range(len(raw)):
        framer.feed(raw[at : at + 1])
        message = framer.next()
        if message is not None:
            got.append(message)
    assert [type(one) for one in got] == [Message]


def test_an_order_is_taken_while_another_connection_floods() -> None:
    floor = Floor()
    client = floor.client(BUSY)
    conn = "flood"
    floor.gateway.accepted(conn, BUSY)
    framer = Framer()
    framer.feed(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01" * 1_000)
    while (message := framer.next()) is not None:
        floor.gateway.received(conn, message, floor.now_ns)
    assert floor.gateway.hangups == [conn], "at its first message that is none"
    floor.gateway.hangups.clear()
    client.send(order("1", Side.BUY, 9_000))
    floor.run(1)
    assert client.reports() == ["0 0 0 1"]
