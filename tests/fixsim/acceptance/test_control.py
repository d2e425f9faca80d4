"""Control lines: which session, and its next numbers."""

from __future__ import annotations

import pytest

from fixsim.acceptance.control import Numbers, read


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("FIX.4.4 ISLD TW in=5 out=7", Numbers("FIX.4.4", "ISLD", "TW", 5, 7)),
        ("  FIX.4.2 ISLD TW42 out=2000\n", Numbers("FIX.4.2", "ISLD", "TW42", None, 2000)),
        ("FIX.5.0SP2 ISLD TW in=1", Numbers("FIXT.1.1", "ISLD", "TW", 1, None)),
        ("FIXT.1.1 ISLD TW in=1", Numbers("FIXT.1.1", "ISLD", "TW", 1, None)),
        ("FIXT.1.1:ISLD->TW out=9 in=3", Numbers("FIXT.1.1", "ISLD", "TW", 3, 9)),
    ],
)
def test_a_line_is_read(line: str, wanted: Numbers) -> None:
    assert read(line) == wanted


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hello", "a control line is: VERSION OURS THEIRS in=N out=N"),
        ("FIX.4.4 ISLD TW", "a control line is"),
        ("FIX.4.3 ISLD TW in=1", r"version 'FIX.4.3' is none of FIX.4.2, FIX.4.4, FIX.5.0SP2"),
        ("FIX.4.4 ISLD TW next=1", r"'next=1' is neither in=N nor out=N"),
        ("FIX.4.4 ISLD TW in=0", "in=0: must be a number from 1 to 999999999"),
        ("FIX.4.4 ISLD TW in=1 out=1e3", "out=1e3: must be a number"),
        ("FIX.4.4 ISLD TW in=99999999999999999999", "must be a number from 1"),
        ("FIX.4.4 ISLD TW in=", "in=: must be a number"),
    ],
)
def test_a_line_that_is_none_says_what_is_wrong(line: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(line)
