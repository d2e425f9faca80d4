"""The participant's side of the clock link, against a coordinator made of lists."""

import asyncio
import json
from typing import Any

import pytest

from router.clock import SteppedClock
from router.link import Link
from router.lockstep import MAX_LINE_BYTES, LockstepError, Participant


class PlainFramer:
    """A framer of single bytes, enough to see what was released."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, data: bytes) -> None:
        self.data += data


class Wire(asyncio.Transport):
    """The clock link's transport: keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.lines += [json.loads(line) for line in bytes(data).splitlines()]

    def close(self) -> None:
        self.closed = True


class LinkWire(asyncio.Transport):
    """A link's transport between two ports."""

    def __init__(self, local: int, remote: int) -> None:
        super().__init__({"sockname": ("127.0.0.1", local), "peername": ("127.0.0.1", remote)})

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass


class Works:
    """A step owner that writes down what happens; `work` may be a coroutine function."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.due_ns: int | None = None
        self.work: Any = None

    def link_up(self, link: Link) -> None:
        self.told.append(("up", link.ports))

    def link_down(self, link: Link, reason: str) -> None:
        self.told.append(("down", link.ports))

    def messages_ready(self, link: Link) -> None:
        raise AssertionError("in lock-step the owner drains in step only")

    def link_blocked(self, link: Link, blocked: bool) -> None:
        self.told.append(("blocked", blocked))

    def step(self, now_ns: int) -> Any:
        self.told.append(("step", now_ns))
        return self.work() if self.work is not None else None

    def deadline_ns(self) -> int | None:
        return self.due_ns

    def end(self) -> None:
        self.told.append("end")

    def clock_lost(self, reason: str) -> None:
        self.told.append(("lost", reason))


class Bench:
    """A participant joined to a made-up coordinator."""

    def __init__(self, stall_s: float = 30.0) -> None:
        self.owner = Works()
        self.clock = SteppedClock()
        self.participant = Participant("router", self.owner, self.clock, stall_s)
        self.wire = Wire()
        self.participant.connection_made(self.wire)
        self.number = 0

    def link(self, local: int, remote: int, dialled: bool = False) -> Link:
        link = Link(self.participant, PlainFramer(), dialled=dialled)  # type: ignore[arg-type]
        link.connection_made(LinkWire(local, remote))
        return link

    def step(self, now_ns: int, streams: dict[str, int] | None = None, **more: Any) -> dict[str, Any] | None:
        """Send a step; its answer, if it came at once."""
        self.number += 1
        before = len(self.wire.lines)
        self.say({"step": self.number, "now_ns": now_ns, "streams": streams or {}, **more})
        return self.wire.lines[-1] if len(self.wire.lines) > before else None

    def say(self, message: Any) -> None:
        self.participant.data_received(json.dumps(message).encode() + b"\n")


def receive(link: Link, data: bytes) -> None:
    link.get_buffer(-1)[: len(data)] = data
    link.buffer_updated(len(data))


def framed(link: Link) -> bytes:
    return bytes(link.framer.data)  # type: ignore[attr-defined]


async def test_it_joins_by_name_and_answers_a_step_with_its_deadline() -> None:
    bench = Bench()
    assert bench.wire.lines == [{"join": "router"}]
    bench.owner.due_ns = 77
    assert bench.step(5) == {"step": 1, "sent": {}, "deadline_ns": 77}
    assert bench.clock.now_ns() == 5
    assert bench.owner.told == [("step", 5)]


async def test_lines_may_come_in_pieces_and_several_at_once() -> None:
    bench = Bench()
    steps = [{"step": n, "now_ns": n, "streams": {}} for n in (1, 2, 3)]
    data = b"".join(json.dumps(step).encode() + b"\n" for step in steps)
    for at in range(0, len(data), 7):
        bench.participant.data_received(data[at : at + 7])
    assert [line["step"] for line in bench.wire.lines[1:]] == [1, 2, 3]


async def test_a_step_waits_for_the_bytes_that_it_names() -> None:
    bench = Bench()
    link = bench.link(10, 20, dialled=True)
    assert bench.step(5, {"20>10": 4}) is None
    receive(link, b"abc")
    assert bench.owner.told == []
    receive(link, b"d")
    assert bench.owner.told == [("up", (10, 20)), ("step", 5)]
    assert bench.wire.lines[-1] == {"step": 1, "sent": {"10>20": 0}, "deadline_ns": None}


async def test_bytes_beyond_the_total_are_held_for_a_later_step() -> None:
    bench = Bench()
    link = bench.link(10, 20, dialled=True)
    receive(link, b"abcdef")
    bench.step(5, {"20>10": 2})
    assert framed(link) == b"ab"
    bench.step(5)
    assert framed(link) == b"ab"
    bench.step(6, {"20>10": 6})
    assert framed(link) == b"abcdef"


async def test_an_accepted_link_comes_up_in_the_step_that_names_its_stream() -> None:
    bench = Bench()
    link = bench.link(10, 20)
    assert bench.step(1) == {"step": 1, "sent": {}, "deadline_ns": None}
    assert bench.owner.told == [("step", 1)]
    receive(link, b"x")
    link.write(b"12345")
    assert bench.step(2, {"20>10": 1}) == {"step": 2, "sent": {"10>20": 5}, "deadline_ns": None}
    assert bench.owner.told[1:] == [("up", (10, 20)), ("step", 2)]


async def test_a_step_waits_for_a_connection_that_it_names() -> None:
    bench = Bench()
    assert bench.step(1, {"20>10": 1}) is None
    receive(bench.link(10, 20), b"x")
    assert bench.owner.told == [("up", (10, 20)), ("step", 1)]


async def test_links_come_up_in_order_of_their_ports() -> None:
    bench = Bench()
    for ports in ((30, 1), (10, 9), (10, 2)):
        bench.link(*ports, dialled=True)
    bench.step(1)
    assert bench.owner.told == [("up", (10, 2)), ("up", (10, 9)), ("up", (30, 1)), ("step", 1)]


async def test_a_link_that_is_dialled_within_a_step_is_up_at_once() -> None:
    bench = Bench()

    async def dial() -> None:
        await asyncio.sleep(0)
        bench.link(10, 20, dialled=True)
        bench.owner.told.append("dialled")

    bench.owner.work = dial
    assert bench.step(1) is None
    while len(bench.wire.lines) < 2:
        await asyncio.sleep(0)
    assert bench.owner.told == [("step", 1), ("up", (10, 20)), "dialled"]
    assert bench.wire.lines[-1]["sent"] == {"10>20": 0}


async def test_a_down_is_held_until_it_is_announced() -> None:
    bench = Bench()
    link = bench.link(10, 20, dialled=True)
    bench.step(1, closed=[])
    receive(link, b"last")
    link.connection_lost(None)
    answer = bench.step(2, closed=[])
    assert answer is not None
    assert answer["closed"] == ["10>20", "20>10"]
    assert ("down", (10, 20)) not in bench.owner.told
    answer = bench.step(3, closed=["10>20", "20>10"])
    assert answer == {"step": 3, "sent": {}, "deadline_ns": None}
    assert bench.owner.told[-2:] == [("down", (10, 20)), ("step", 3)]
    assert framed(link) == b"last"


async def test_a_step_waits_for_a_close_that_it_announces() -> None:
    bench = Bench()
    link = bench.link(10, 20, dialled=True)
    bench.step(1, closed=[])
    assert bench.step(2, closed=["20>10"]) is None
    link.connection_lost(None)
    assert bench.owner.told[-2:] == [("down", (10, 20)), ("step", 2)]
    assert "closed" not in bench.wire.lines[-1]
    assert bench.wire.lines[-1]["sent"] == {}


async def test_a_link_that_we_close_is_in_the_answer_once_with_its_total() -> None:
    bench = Bench()
    link = bench.link(10, 20, dialled=True)
    bench.step(1, closed=[])
    link.write(b"bye")
    link.connection_lost(None)
    expected = {"step": 2, "sent": {"10>20": 3}, "deadline_ns": None, "closed": ["10>20", "20>10"]}
    assert bench.step(2, closed=[]) == expected
    assert bench.step(3, closed=[]) == {"step": 3, "sent": {}, "deadline_ns": None}


async def test_without_announcements_a_down_is_told_at_the_next_step() -> None:
    bench = Bench()
    link = bench.link(10, 20, dialled=True)
    bench.step(1)
    link.connection_lost(None)
    bench.step(2, {"20>10": 50})
    assert bench.owner.told[-2:] == [("down", (10, 20)), ("step", 2)]
    assert bench.step(3, {"20>10": 50}) is not None  # a stream that is gone is not waited for


async def test_a_link_that_no_step_names_comes_and_goes_unseen() -> None:
    bench = Bench()
    bench.link(10, 20).connection_lost(None)
    noisy = bench.link(10, 21)
    receive(noisy, b"GET / HTTP/1.1")
    assert bench.step(1) == {"step": 1, "sent": {}, "deadline_ns": None}
    noisy.connection_lost(None)
    assert bench.step(2) == {"step": 2, "sent": {}, "deadline_ns": None}
    assert bench.owner.told == [("step", 1), ("step", 2)]


async def test_a_port_used_again_is_a_new_stream() -> None:
    bench = Bench()
    bench.link(10, 20).connection_lost(None)
    bench.step(1)
    again = bench.link(10, 20)
    assert bench.step(2, {"20>10": 1}) is None
    receive(again, b"x")
    assert bench.owner.told[-2:] == [("up", (10, 20)), ("step", 2)]


async def test_the_end_is_told_and_the_link_closed() -> None:
    bench = Bench()
    bench.say({"end": True})
    assert bench.owner.told == ["end"]
    assert bench.wire.closed
    bench.participant.connection_lost(None)
    assert bench.owner.told == ["end"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"step": 1}, "KeyError"),
        ({"step": 1, "now_ns": "x", "streams": {}}, "now_ns 'x'"),
        ([], "list"),
        ({"refused": "no such participant"}, "refused us: no such participant"),
    ],
)
async def test_a_line_that_breaks_the_contract_ends_it(message: Any, reason: str) -> None:
    bench = Bench()
    bench.say(message)
    assert len(bench.owner.told) == 1
    assert bench.owner.told[0][0] == "lost"
    assert reason in bench.owner.told[0][1]


async def test_not_json_too_long_and_two_steps_at_once_end_it() -> None:
    for data, reason in (
        (b"{nope\n", "JSONDecodeError"),
        (b"x" * (MAX_LINE_BYTES + 1), "a line over"),
        (
            b'{"step":1,"now_ns":1,"streams":{"2>1":1}}\n{"step":2,"now_ns":1,"streams":{}}\n',
            "not answered yet",
        ),
    ):
        bench = Bench()
        bench.participant.data_received(data)
        assert [told[0] for told in bench.owner.told] == ["lost"]
        assert reason in bench.owner.told[0][1]


async def test_time_that_goes_back_ends_it() -> None:
    bench = Bench()
    bench.step(5)
    bench.step(4)
    assert bench.owner.told[-1][0] == "lost"
    assert "at 4 ns, and the journal here ends at 5 ns" in bench.owner.told[-1][1]


async def test_a_step_whose_bytes_do_not_come_is_an_error_that_names_the_stream() -> None:
    bench = Bench(stall_s=0.001)
    bench.link(10, 20, dialled=True)
    bench.step(1, {"20>10": 9})
    while not bench.owner.told:
        await asyncio.sleep(0)
    assert bench.owner.told == [("lost", "step 1 stalled for 0.001 s: stream 20>10 has 0 of 9 bytes")]


async def test_a_lost_clock_link_is_told() -> None:
    bench = Bench()
    bench.participant.connection_lost(None)
    assert bench.owner.told == [("lost", "the clock link was lost: closed by the coordinator")]


async def test_only_loopback_is_joined() -> None:
    with pytest.raises(LockstepError, match=r"loopback only, not 10\.0\.0\.1"):
        await Participant("router", Works(), SteppedClock()).join("10.0.0.1", 1)


async def test_over_tcp_it_joins_steps_and_ends() -> None:
    async def coordinate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert json.loads(await reader.readline()) == {"join": "desk"}
        for number in range(100):
            writer.write(b'{"step":%d,"now_ns":%d,"streams":{}}\n' % (number, number))
            assert json.loads(await reader.readline())["step"] == number
        writer.write(b'{"end":true}\n')
        await reader.read()
        writer.close()

    server = await asyncio.start_server(coordinate, "127.0.0.1", 0)
    owner = Works()
    participant = Participant("desk", owner, SteppedClock())
    await participant.join("127.0.0.1", server.sockets[0].getsockname()[1])
    while "end" not in owner.told:
        await asyncio.sleep(0)
    assert participant.steps == 100
    server.close()
