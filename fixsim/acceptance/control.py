"""The control line: the next sequence numbers of a session, set from outside, as a certification desk asks.

    FIX.4.4 ISLD TW in=5 out=7
    FIXT.1.1:ISLD->TW in=5

Version (or BeginString), our CompID, the peer's, and what is to be next: `in` from the peer, `out` to it.
"""

import re
from typing import Final, NamedTuple

from router.fix.versions import VERSIONS

MAX_SEQ: Final = 999_999_999
_LINE: Final = re.compile(
    r"(?P<version>[^\s:]+)[\s:]+(?P<sender>\S+?)(?:\s+|->)(?P<target>\S+)\s+(?P<rest>.+)"
)
_WORDS: Final = {"in": "next_in", "out": "next_out"}


class Numbers(NamedTuple):
    """What one line asks for; None: as it is."""

    begin_string: str
    sender: str
    target: str
    next_in: int | None
    next_out: int | None


def read(line: str) -> Numbers:
    """ValueError, with what is wrong, if the line is not one."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise ValueError("a control line is: VERSION OURS THEIRS in=N out=N")
    name = found["version"]
    version = VERSIONS.get(name)
    begin_string = name if version is None else version.begin_string
    if begin_string not in {known.begin_string for known in VERSIONS.values()}:
        raise ValueError(f"version {name!r} is none of {', '.join(VERSIONS)}")
    numbers: dict[str, int] = {}
    for part in found["rest"].split():
        word, _, value = part.partition("=")
        if word not in _WORDS:
            raise ValueError(f"{part!r} is neither in=N nor out=N")
        if not (
            value.isascii() and value.isdecimal() and 1 <= int(value[:10]) <= MAX_SEQ and len(value) < 10
        ):
            raise ValueError(f"{word}={value}: must be a number from 1 to {MAX_SEQ}")
        numbers[_WORDS[word]] = int(value)
    return Numbers(
        begin_string,
        found["sender"],
        found["target"],
        numbers.get("next_in"),
        numbers.get("next_out"),
    )
