"""Session messages, written by simplefix: they are not hot.

Text that goes out is kept to one printable line, whatever the peer sent that it quotes.
"""

from collections.abc import Iterable

from simplefix import FixMessage

from router.fix import tags

_MAX_TEXT = 200

Pairs = Iterable[tuple[int, bytes | int]]


def printable(text: str) -> bytes:
    """`text` as a FIX value: one line of printable ASCII, cut at 200 characters."""
    return "".join(char if " " <= char <= "~" else "?" for char in text[:_MAX_TEXT]).encode("ascii") or b"?"


def encode_admin(
    begin_string: bytes,
    msg_type: bytes,
    seq: int,
    comp_ids: tuple[bytes, bytes],
    sending_time: bytes,
    pairs: Pairs,
) -> bytes:
    """One session message; `comp_ids` are sender and target."""
    message = FixMessage()
    for tag, value in (
        (tags.BEGIN_STRING, begin_string),
        (tags.MSG_TYPE, msg_type),
        (tags.SENDER_COMP_ID, comp_ids[0]),
        (tags.TARGET_COMP_ID, comp_ids[1]),
        (tags.MSG_SEQ_NUM, seq),
        (tags.SENDING_TIME, sending_time),
        *pairs,
    ):
        message.append_pair(tag, value)
    return bytes(message.encode())
