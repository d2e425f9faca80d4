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


def garbled_of(data: bytes) -> list[Garbled]:
    framer = Framer()
    framer.feed(data)
    return [found for found in iter(framer.next, None) if isinstance(found, Garbled)]


def test_a_logon_that_any_one_byte_has_spoilt_loses_its_passwords() -> None:
    whole = logon(b"553=desk\x01554=topsecret\x01925=newsecret\x01")
    seen = 0
    for at in range(len(whole)):
        for byte in (b"", b"\x00", b"\x01", b"0", b"=", b"x"):
            for garbled in garbled_of(whole[:at] + byte + whole[at + 1 :] + whole):
                seen += 1
                kept = redact_garbled(garbled)
                assert b"psecr" not in kept.raw, (at, byte)
                assert b"wsecr" not in kept.raw, (at, byte)
                assert (kept.reason, kept.size) == (garbled.reason, garbled.size)
    assert seen > 500


def test_other_bytes_lose_what_may_be_a_password_and_nothing_else() -> None:
    (news,) = garbled_of(
        encode(b"FIX.4.4", b"BE", 1, b"US", b"PEER", T0, b"553=desk\x01554=s\x01")[:-4] + b"xxx\x01"
    )
    assert redact_garbled(news).raw == news.raw.replace(b"554=s", b"554=***")
    other = Garbled("why", b"555=x", 5)
    assert redact_garbled(other) is other
