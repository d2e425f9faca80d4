"""Messages drawn from the tables are good, each change of one breaks the rule it should, and the kernel finds
what the rules written out in plain Python find, in any message at any level.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from router.fix.codec import Message
from router.fix.dictionary import Validation, load
from router.fix.dictionary.validation import Custom
from router.fix.versions import VERSIONS, Version
from tests.router.fix.dictionary_messages import CHANGES, Draft, drafts
from tests.router.fix.plain_rules import Walk

SPOKEN = ("0", "1", "2", "3", "4", "5", "A", "D", "8", "F", "G", "9", "V", "W", "X", "Y", "j", "E", "d", "C")
CUSTOM: tuple[Custom, ...] = ((6_001, "int", ()), (9_002, "String", ("D",)), (112, "Qty", ("D",)))
FLAGS = [
    "required", "values", "types", "groups", "unknown_tags", "user_tags", "field_order", "empty_values",
    "repeated_tags",
]  # fmt: skip


WITH_GROUPS = {"group_out_of_order": ("W", "X"), "wrong_count": ("D", "E", "W", "X", "V")}


@lru_cache
def drawn(version: Version, kinds: tuple[str, ...] = ()) -> st.SearchStrategy[Draft]:
    tables = load(version)._tables
    return drafts(tables, version.begin_string.encode(), list(kinds or sorted(tables.messages)))


EACH = pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)


@EACH
@given(st.data())
def test_what_the_tables_allow_is_good(version: Version, data: st.DataObject) -> None:
    message = data.draw(drawn(version)).message()
    assert load(version).fault(message, Validation.FULL) is None, message


@EACH
@pytest.mark.parametrize("name", CHANGES)
@settings(suppress_health_check=[*HealthCheck])  # not every message can break every rule
@given(st.data())
def test_each_change_breaks_its_rule(name: str, version: Version, data: st.DataObject) -> None:
    drafted = drawn(version, WITH_GROUPS.get(name, SPOKEN))
    made = data.draw(st.composite(lambda draw: CHANGES[name](draw, draw(drafted)))())
    assume(made is not None)
    assert made is not None
    message, reason, tag = made
    note(repr(message))
    found = load(version).fault(message, Validation.FULL)
    assert found is not None
    assert (found.reason, found.ref_tag) == (reason, tag), found.text


@EACH
@given(st.data())
def test_the_kernel_finds_what_plain_python_finds(version: Version, data: st.DataObject) -> None:
    """Valid messages whose fields are moved, doubled, dropped, emptied and replaced, at every level."""
    draft = data.draw(drawn(version, SPOKEN))
    pairs = draft.pairs()
    tags = sorted({tag for tag, _ in pairs} | {453, 448, 452, 802, 523, 999, 6_001, 9_002, 112, 5_000, 355})
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(pairs)))
        match data.draw(st.sampled_from(["drop", "double", "move", "insert", "value"])):
            case "drop" if at < len(pairs):
                del pairs[at]
            case "double" if at < len(pairs):
                pairs.insert(data.draw(st.integers(0, len(pairs))), pairs[at])
            case "move" if at < len(pairs):
                pairs.insert(data.draw(st.integers(0, len(pairs) - 1)), pairs.pop(at))
            case "value" if at < len(pairs):
                pairs[at] = (
                    pairs[at][0],
                    data.draw(st.sampled_from([b"", b"1", b"2", b"0", b"~", b"-1", b"Y"])),
                )
            case _:
                value = data.draw(st.sampled_from([b"1", b"2", b"A", b"x y", b"2026"]))
                pairs.insert(at, (data.draw(st.sampled_from(tags)), value))
    flags = data.draw(st.one_of(st.just(FLAGS), st.lists(st.sampled_from(FLAGS), unique=True)))
    custom = data.draw(st.sampled_from([(), CUSTOM]))
    validation = Validation(**{flag: flag in flags for flag in FLAGS}, custom=custom)
    compare(version, draft.message(pairs), validation)


def compare(version: Version, message: Message, validation: Validation) -> None:
    known = load(version)
    note(repr(message))
    if known._framing_fault(message) is not None:
        return  # the framer's finding comes before everything else
    kind = message.msg_type.decode()
    custom = {tag: form for tag, form, kinds in validation.custom if not kinds or kind in kinds}
    expected = Walk(known._tables, custom, message, validation.bits).find()
    found = known.fault(message, validation)
    assert (found and (found.reason, found.ref_tag)) == (expected and expected[:2]), found
