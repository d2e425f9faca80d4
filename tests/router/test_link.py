"""A link over loopback TCP, over a transport in memory, held in lock-step; and backing off."""

import asyncio
import socket
from typing import Any

import pytest
import simplefix
from hypothesis import given
from hypothesis import strategies as st

from router.addresses import Backoff
from router.fix.codec import Framer, Message
from router.link import Link, TcpNetwork


def heartbeat(seq: int) -> bytes:
    message = simplefix.FixMessage()
    message.append_pair(8, "FIX.4.4")
    message.append_pair(35, "0")
    message.append_pair(34, seq)
    message.append_pair(49, "A")
    message.append_pair(56, "B")
    message.append_pair(52, "20261121-12:00:00.000")
    return bytes(message.encode())


class Recorder:
    """An owner that drains at once and writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.up: asyncio.Queue[Link] = asyncio.Queue()
        self.seqs: asyncio.Queue[int] = asyncio.Queue()
        self.down: asyncio.Queue[str] = asyncio.Queue()

    def link_up(self, link: Link) -> None:
        self.told.append("up")
        self.up.put_nowait(link)

    def link_down(self, link: Link, reason: str) -> None:
        self.told.append(("down", reason))
        self.down.put_nowait(reason)

    def messages_ready(self, link: Link) -> None:
        while (message := link.framer.next()) is not None:
            assert isinstance(message, Message)
            self.seqs.put_nowait(message.seq)

    def link_blocked(self, link: Link, blocked: bool) -> None:
        self.told.append(("blocked", blocked))


class MemoryTransport(asyncio.Transport):
    """A peer that reads nothing: what is written waits."""

    def __init__(self, link: Link) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1000), "peername": ("127.0.0.1", 2000)})
        self.link = link
        self.written = bytearray()
        self.high = 0
        self.ended = ""
        link.connection_made(self)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def write(self, data: Any) -> None:
        before = len(self.written)
        self.written += data
        if before <= self.high < len(self.written):
            self.link.pause_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def abort(self) -> None:
        self.ended = "abort"
        self.link.connection_lost(None)

    def close(self) -> None:
        self.ended = "close"
        self.link.connection_lost(None)


def receive(link: Link, data: bytes) -> None:
    while data:
        room = link.get_buffer(-1)
        part = data[: len(room)]
        room[: len(part)] = part
        link.buffer_updated(len(part))
        data = data[len(part) :]


async def test_two_ends_over_tcp_pass_messages_and_count_the_same_bytes() -> None:
    network, near, far = TcpNetwork(), Recorder(), Recorder()
    listener = await network.serve("127.0.0.1", 0, lambda: Link(far, Framer()))
    port = listener.port
    link = await network.dial("127.0.0.1", port, lambda: Link(near, Framer(), "XLIT1-OE", dialled=True))
    accepted = await far.up.get()
    assert near.told == ["up"]
    assert link.ports == accepted.ports[::-1]
    assert link.ports[1] == listener.port
    assert (link.name, accepted.name) == ("XLIT1-OE", f"{listener.port}-{link.ports[0]}")
    sent = b"".join(heartbeat(seq) for seq in (1, 2, 3))
    assert link.write(sent)
    assert [await far.seqs.get() for _ in range(3)] == [1, 2, 3]
    assert accepted.write(heartbeat(9))
    assert await near.seqs.get() == 9
    assert link.sent_bytes == accepted.received_bytes == len(sent)
    assert accepted.sent_bytes == link.received_bytes == len(heartbeat(9))
    link.close("done")
    assert await far.down.get() == "closed by the peer"
    assert await near.down.get() == "done"
    assert not link.write(b"x")
    assert link.sent_bytes == len(sent)
    assert near.told == ["up", ("down", "done")]
    listener.close()


async def test_connections_have_nagle_off() -> None:
    network, near, far = TcpNetwork(), Recorder(), Recorder()
    listener = await network.serve("127.0.0.1", 0, lambda: Link(far, Framer()))
    link = await network.dial("127.0.0.1", listener.port, lambda: Link(near, Framer()))
    for end in (link, await far.up.get()):
        assert end._transport is not None
        peer = end._transport.get_extra_info("socket")
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        end.close()
    listener.close()


async def test_a_port_in_use_and_a_port_where_nobody_listens_are_os_errors() -> None:
    network, owner = TcpNetwork(), Recorder()
    listener = await network.serve("127.0.0.1", 0, lambda: Link(owner, Framer()))
    port = listener.port
    with pytest.raises(OSError, match="in use"):
        await network.serve("127.0.0.1", port, lambda: Link(owner, Framer()))
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        await network.dial("127.0.0.1", port, lambda: Link(owner, Framer()))
    assert owner.told == []


def test_a_slow_peer_blocks_the_link_and_is_cut_off_at_the_cap() -> None:
    owner = Recorder()
    link = Link(owner, Framer(), soft_bytes=100, cap_bytes=300)
    transport = MemoryTransport(link)
    link.write(bytes(100))
    assert not link.blocked
    link.write(bytes(1))
    assert link.blocked
    link.write(bytes(199))
    assert link.up
    assert link.write(bytes(1))
    assert transport.ended == "abort"
    assert owner.told == ["up", ("blocked", True), ("down", "slow peer: more than 300 bytes unread")]
    assert not link.write(b"x")


def test_a_peer_that_catches_up_unblocks_the_link() -> None:
    owner = Recorder()
    link = Link(owner, Framer(), soft_bytes=100, cap_bytes=300)
    transport = MemoryTransport(link)
    link.write(bytes(150))
    transport.written.clear()
    link.resume_writing()
    assert not link.blocked
    assert owner.told[1:] == [("blocked", True), ("blocked", False)]


@given(st.lists(st.integers(1, 60), max_size=20))
def test_bytes_in_any_pieces_give_the_same_messages(cuts: list[int]) -> None:
    owner = Recorder()
    link = Link(owner, Framer())
    MemoryTransport(link)
    data, at = b"".join(heartbeat(seq) for seq in range(1, 6)), 0
    for cut in [*cuts, 1000]:
        receive(link, data[at : at + cut])
        at += cut
    assert [owner.seqs.get_nowait() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert link.received_bytes == len(data)


def test_a_held_link_releases_bytes_up_to_the_total_and_no_further() -> None:
    owner = Recorder()
    link = Link(owner, Framer())
    MemoryTransport(link)
    link.hold()
    one, two = heartbeat(1), heartbeat(2)
    receive(link, one + two)
    assert owner.seqs.empty()
    link.release(len(one))
    owner.messages_ready(link)
    assert owner.seqs.get_nowait() == 1
    assert owner.seqs.empty()
    link.release(len(one))
    link.release(len(one) + len(two) + 1000)
    owner.messages_ready(link)
    assert owner.seqs.get_nowait() == 2
    receive(link, heartbeat(3))
    link.release(link.received_bytes)
    owner.messages_ready(link)
    assert owner.seqs.get_nowait() == 3


def test_the_reason_of_a_lost_connection_is_told() -> None:
    owner = Recorder()
    link = Link(owner, Framer())
    MemoryTransport(link)
    link.connection_lost(ConnectionResetError("reset"))
    assert owner.told[-1] == ("down", "connection lost: reset")


@given(st.floats(0, 1, exclude_max=True), st.integers(2, 10**9), st.integers(1, 64))
def test_backoff_doubles_to_its_cap_and_starts_again(chance: float, first_ns: int, times: int) -> None:
    cap_ns = first_ns * times
    backoff = Backoff(first_ns, cap_ns, lambda: chance)
    step_ns = first_ns
    for _ in range(10):
        assert step_ns // 2 <= backoff.next_delay_ns() <= step_ns
        step_ns = min(2 * step_ns, cap_ns)
    backoff.reset()
    assert backoff.next_delay_ns() <= first_ns
