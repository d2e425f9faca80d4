"""Passwords are on the wire and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.fix.codec import Framer, Garbled, Message, encode, parse
from router.fix.secrets import PLACEHOLDER, WRONG, fill, redact, redact_garbled

T0 = 1_767_571_200_000_000_000
VALUES = st.binary(min_size=1, max_size=300).filter(lambda value: b"\x01" not in value)


def logon(body: bytes) -> bytes:
    return encode(b"FIXT.1.1", b"A", 1, b"US", b"PEER", T0, b"98=0\x01108=30\x01" + body + b"1137=9\x01")


def read(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message)
    return message


@given(VALUES, VALUES)
def test_what_was_filled_in_and_taken_out_again_is_what_the_session_wrote(old: bytes, new: bytes) -> None:
    ours = logon(b"553=desk\x01554=***\x01925=***\x01")
    wire = fill(ours, {554: old, 925: new})
    assert wire == logon(b"553=desk\x01554=" + old + b"\x01925=" + new + b"\x01")
    seen = redact(read(wire), lambda name, password: (name, password) == (b"desk", old))
    assert seen.raw == ours
    assert seen.get(554) == seen.get(925) == PLACEHOLDER


def test_a_wrong_password_is_marked_and_gone_wherever_it_stands() -> None:
    wire = logon(b"554=first\x01553=desk\x01554=second\x01925=third\x01")
    seen = redact(read(wire), lambda name, password: False)
    assert seen.raw == logon(b"554=!\x01553=desk\x01554=!\x01925=***\x01")
    assert seen.get(554) == WRONG


def test_a_placeholder_that_a_peer_sends_is_judged_like_any_password() -> None:
    seen = redact(read(logon(b"554=***\x01")), lambda name, password: password == b"secret")
    assert seen.get(554) == WRONG


def test_messages_without_passwords_are_left_alone() -> None:
    plain = read(logon(b"553=desk\x01"))
    assert redact(plain, lambda name, password: True) is plain
    assert fill(plain.raw, {554: b"secret"}) == plain.raw


@pytest.mark.parametrize("values", [{}, {554: b""}, {554: b"sec\x01ret"}])
def test_a_placeholder_never_leaves(values: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match=r"^Password\(554\) has no value that can be written$"):
        fill(logon(b"554=***\x01"), values)


def test_bytes_that_are_no_message_lose_their_passwords_too() -> None:
    spoilt = logon(b"553=desk\x01554=secret\x01925=newer\x01")[:-4] + b"xxx\x01"
    framer = Framer()
    framer.feed(spoilt)
    garbled = framer.next()
    assert isinstance(garbled, Garbled)
    seen = redact_garbled(garbled)
    assert b"secret" not in seen.raw
    assert b"newer" not in seen.raw
    assert b"\x01554=***\x01925=***\x01" in seen.raw
    assert (seen.reason, seen.size) == (garbled.reason, garbled.size)
    other = Garbled("why", b"9554=x", 6)
    assert redact_garbled(other) is other
