"""A BodyLength that is wrong takes what it runs into with it, and nothing more."""

from __future__ import annotations

import pytest

from fixsim.acceptance.framing import ScriptFramer
from router.fix.codec import Garbled, Message
from tests.fixsim.acceptance.peer import framed

GOOD = framed("35=0|34=3|49=TW|52=20260105-12:00:00|56=ISLD|")


def with_length(length: int, end: bytes = b"10=000\x01") -> bytes:
    return b"8=FIX.4.4\x019=%d\x0135=0\x0134=2\x0149=TW\x0156=ISLD\x01%b" % (length, end)


def kinds(framer: ScriptFramer) -> list[str]:
    found: list[str] = []
    while (message := framer.next()) is not None:
        found.append(f"message {message.seq}" if isinstance(message, Message) else "garbled")
    return found


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_too_long_a_length_swallows_the_next_message(step: int) -> None:
    framer, data = ScriptFramer(), with_length(60) + GOOD + GOOD
    found: list[str] = []
    for at in range(0, len(data), step):
        framer.feed(data[at : at + step])
        found += kinds(framer)
    assert found == ["garbled", "message 3"]


@pytest.mark.parametrize("length", [5, 6, 10, 20])
def test_too_short_a_length_drops_that_message_alone(length: int) -> None:
    framer = ScriptFramer()
    framer.feed(with_length(length) + GOOD)
    assert kinds(framer) == ["garbled", "message 3"]


def test_a_short_check_sum_drops_that_message_alone() -> None:
    framer = ScriptFramer()
    framer.feed(with_length(24, b"10=0\x01") + GOOD)
    assert kinds(framer) == ["garbled", "message 3"]


def test_the_end_is_waited_for_in_bounded_memory_and_time() -> None:
    framer = ScriptFramer(max_message_bytes=1_000)
    framer.feed(with_length(40, b"x" * 60))
    assert kinds(framer) == ["garbled"]
    for _ in range(10_000):
        framer.feed(b"x" * 499 + b"\x01")
        assert kinds(framer) == []
        assert framer._end - framer._start <= 3
    framer.feed(b"\x0110=")
    assert kinds(framer) == []
    framer.feed(b"123\x01" + GOOD)
    assert kinds(framer) == ["message 3"]


def test_a_check_sum_without_end_is_not_waited_for() -> None:
    framer = ScriptFramer()
    framer.feed(with_length(40, b"x" * 60) + b"\x0110=" + b"9" * 100)
    assert kinds(framer) == ["garbled"]
    framer.feed(b"\x0110=1\x01" + GOOD)
    assert kinds(framer) == ["message 3"]


def test_other_garbling_is_the_codecs() -> None:
    framer = ScriptFramer()
    framer.feed(b"junk" + GOOD + b"8=FIX.4.4\x0135=0\x019=5\x01" + GOOD)
    first = framer.next()
    assert isinstance(first, Garbled)
    assert kinds(framer) == ["message 3", "garbled", "message 3"]
