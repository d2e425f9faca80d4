"""Passwords: where they enter and leave the wire, and nowhere else.

Password(554) and NewPassword(925) are the shell's. The session writes a placeholder in their place, the
journal and the log hold the placeholder, and the shell puts the value in (`fill`) at the moment of writing
to the link. Of a Logon that comes in the shell judges the password and takes it out (`redact`) before the
session, the journal or the log see it; likewise out of bytes that are no message (`redact_garbled`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from router.fix import tags
from router.fix.codec import Garbled, Message, check_sum, parse

PLACEHOLDER: Final = b"***"  # in our Logon: the password belongs here; in the peer's: it was right
WRONG: Final = b"!"
SECRET_TAGS: Final = frozenset({tags.PASSWORD, tags.NEW_PASSWORD})
_SECRET_IN_BYTES: Final = re.compile(rb"((?:554|925)=)[^\x01]*")
_LOGON_IN_BYTES: Final = re.compile(rb"(35=A\x01).*", re.DOTALL)


def fill(raw: bytes, values: Mapping[int, bytes]) -> bytes:
    """Our Logon `raw` with its placeholders replaced by `values`, by tag; BodyLength and CheckSum made right.

    A message without placeholders comes back as it was. ValueError, which never tells a value: a placeholder
    has no value, or a value could not stand in a field.
    """
    message = _parsed(raw)
    new: dict[int, bytes] = {}
    for row, (tag, value) in enumerate(message.fields()):
        if tag in SECRET_TAGS and value == PLACEHOLDER:
            secret = values.get(tag, b"")
            if not secret or b"\x01" in secret:
                raise ValueError(f"{tags.name_of(tag)} has no value that can be written")
            new[row] = secret
    return _rewritten(message, new)


def redact(message: Message, accepts: Callable[[bytes, bytes], bool]) -> Message:
    """The peer's message without passwords: Password(554) is the placeholder if it is right by
    `accepts(username, password)`, else `WRONG`; NewPassword(925) is the placeholder. A message without either
    comes back as it was.
    """
    rows = [row for row, (tag, _) in enumerate(message.fields()) if tag in SECRET_TAGS]
    if not rows:
        return message
    right = accepts(message.get(tags.USERNAME) or b"", message.get(tags.PASSWORD) or b"")
    new = {
        row: WRONG if int(message.tok[row, 0]) == tags.PASSWORD and not right else PLACEHOLDER for row in rows
    }
    return _parsed(_rewritten(message, new))


def redact_garbled(garbled: Garbled) -> Garbled:
    """Bytes that are no message may be a spoilt Logon, in which any byte may be spoilt: of what says to
    be a Logon nothing but its beginning is kept, and of other bytes no value that may be a password.
    """
    raw = _LOGON_IN_BYTES.sub(rb"\1" + PLACEHOLDER, garbled.raw)
    raw = _SECRET_IN_BYTES.sub(rb"\1" + PLACEHOLDER, raw)
    return garbled if raw == garbled.raw else Garbled(garbled.reason, raw, garbled.size)


def _parsed(raw: bytes) -> Message:
    message = parse(raw)
    if isinstance(message, Garbled):
        raise ValueError(f"not a message: {message.reason}")
    return message


def _rewritten(message: Message, new: Mapping[int, bytes]) -> bytes:
    """`message` with the values of some rows replaced, 9 and 10 made right. All else stays byte for byte,
    also what the framer could not read as a field.
    """
    if not new:
        return message.raw
    raw = message.raw
    parts: list[bytes] = []
    at = int(message.tok[2, 1]) - 3  # from MsgType(35) on, which is the third field
    for row in sorted(new):
        parts += [raw[at : int(message.tok[row, 1])], new[row]]
        at = int(message.tok[row, 2])
    body = b"".join(parts) + raw[at : len(raw) - 7]
    begin = raw[: int(message.tok[1, 1])]
    whole = b"%b%d\x01%b" % (begin, len(body), body)
    return b"%b10=%03d\x01" % (whole, check_sum(whole))
