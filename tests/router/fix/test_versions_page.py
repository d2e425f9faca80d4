"""docs/fix-versions.md says what router/fix/versions.py and the dictionaries say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.fix.dictionary import load
from router.fix.dictionary.plan import Place, place_of
from router.fix.versions import VERSIONS, Version

PAGE = (Path(__file__).parents[3] / "docs" / "fix-versions.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the tables under a heading, without their heads."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = section.splitlines()
    heads = {number - 1 for number, line in enumerate(lines) if line.startswith("|---")}
    kept = [line for number, line in enumerate(lines) if line.startswith("| ") and number not in heads]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]


def per_version(title: str) -> Iterator[tuple[list[str], Version, str]]:
    for row in rows(title):
        for version, cell in zip(VERSIONS.values(), row[-3:], strict=True):
            yield row, version, cell


def tags_of(place: Place) -> set[int]:
    """Every tag of a message, those inside its groups too."""
    found = {slot.tag for slot in place.slots}
    for slot in place.slots:
        if slot.group is not None:
            found |= tags_of(slot.group)
    return found


SESSION = {
    "BeginString": lambda version: version.begin_string,
    "DefaultApplVerID": lambda version: version.appl_ver_id or "no",
    "Username": lambda version: "yes" if version.credentials else "no",
    "NewPassword": lambda version: "yes" if version.new_password else "no",
    "NextExpectedMsgSeqNum": lambda version: "yes" if version.next_expected else "no",
    "LastMsgSeqNumProcessed": lambda version: "yes",
    "SessionRejectReason(373), highest but 99": lambda version: str(version.max_session_reject),
    "SessionRejectReason(373)=99": lambda version: "yes" if version.other else "no",
}


def test_sessions() -> None:
    seen = 0
    for row, version, cell in per_version("Sessions"):
        said = next(say for words, say in SESSION.items() if row[0].startswith(words))
        assert cell == said(version), (row[0], version.name)
        seen += 1
    assert seen == len(SESSION) * len(VERSIONS)


def test_messages() -> None:
    seen = set()
    for row, version, cell in per_version("Messages"):
        for msg_type in re.findall(r"\((\w{1,2})\)", row[0]):
            assert load(version).knows(msg_type.encode()) == (cell == "yes"), (msg_type, version.name)
            seen.add(msg_type)
    assert seen >= set("DFGH89QjVWXYcdefxyqr") | {"AF"}


def test_fields() -> None:
    seen = set()
    for row, version, cell in per_version("Fields"):
        for msg_type in row[1].split(", "):
            tags = tags_of(place_of(load(version)._tables, msg_type))
            for tag in map(int, re.findall(r"\((\d+)\)", row[0])):
                assert (tag in tags) == (cell == "yes"), (tag, msg_type, version.name)
                seen.add(tag)
    assert len(seen) >= 20


CODES = {
    103: ("max_ord_rej", "ord_rej_reason"),
    102: ("max_cxl_rej", "cxl_rej_reason"),
    378: ("max_restatement", "restatement_reason"),
    380: ("max_business_reject", "business_reject_reason"),
    326: ("max_trading_status", "trading_status"),
}


@pytest.mark.parametrize("tag", CODES)
def test_codes(tag: int) -> None:
    row = next(row for row in rows("Values") if f"({tag})" in row[0] and len(row) == 5)
    highest, becomes = CODES[tag]
    for version, cell in zip(VERSIONS.values(), row[1:4], strict=True):
        assert int(cell) == getattr(version, highest)
        lost = getattr(version, becomes)(98)
        words = row[4].split("; ")
        expected = words[-1].removesuffix(" in 4.2") if version.name == "FIX.4.2" else words[0]
        assert str(lost) == expected, version.name
