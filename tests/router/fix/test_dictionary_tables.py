"""The tables that ship: they are what the specifications derive to, and what other rooms take from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from simplefix.data import RAW_DATA_TAGS, RAW_LEN_TAGS

from router.fix import kernels, tags
from router.fix.dictionary import Validation, load
from router.fix.dictionary.derive import derive
from router.fix.dictionary.dictionary import text_of
from router.fix.dictionary.kernels import KNOWN_WORDS, key
from router.fix.dictionary.packing import Values, key_of
from router.fix.dictionary.plan import Place, place_of
from router.fix.dictionary.tables import Field, Member, Reference, items_of, lines_of, read
from router.fix.versions import VERSIONS

NAMES = ("fix42", "fix44", "fix50sp2", "fixt11")


def test_they_are_derived_from_the_specifications(shared_data: Path) -> None:
    derived = derive(shared_data / "fix_spec")
    assert set(derived) == set(NAMES)
    for name, text in derived.items():
        assert text == text_of(name), f"{name}: run python -m router.fix.dictionary.derive"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back(name: str) -> None:
    tables = read(text_of(name))
    again = read("\n".join(lines_of(tables)))
    assert again.messages == tables.messages
    assert again.components == tables.components
    assert list(again.fields.values()) == list(tables.fields.values())
    assert (again.header, again.trailer) == (tables.header, tables.trailer)


def test_a_line_says_what_its_section_says() -> None:
    tables = read(
        "[fields]\n90 SecureDataLen Length >91\n\n# a comment\n847 T int|1000+ 1=VWAP\n5 U char =847\n"
    )
    assert tables.fields[90] == Field(90, "SecureDataLen", "Length", "", 91)
    assert tables.fields[847] == Field(847, "T", "int", "1000+", 0, (("1", "VWAP"),))
    assert tables.fields[5].values == (("1", "VWAP"),)
    assert items_of("11! 453!(448 @Sub!) @Parties") == (
        Member(11, True),
        Member(453, True, (Member(448, False), Reference("Sub", True))),
        Reference("Parties", False),
    )


@pytest.mark.parametrize("text", ["453(448", "448)", "453(448))"])
def test_brackets_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="group"):
        items_of(text)


def test_a_line_outside_every_section_is_refused() -> None:
    with pytest.raises(ValueError, match="is in no section"):
        read("54 Side char")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_that_is_used_is_there(name: str) -> None:
    tables = read(text_of(name))
    header = read(text_of("fixt11")) if name == "fix50sp2" else tables
    whole = header.over(tables) if header is not tables else tables
    assert {48 <= ord(kind[0]) <= 122 for kind in whole.messages} == {True}
    for kind in whole.messages:
        for place in places(place_of(whole, kind)):
            assert place.slots, f"{name} {kind}: group {place.count_tag} is empty"
            for slot in place.slots:
                assert slot.tag in whole.fields, f"{name} {kind}: field {slot.tag}"


@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda version: version.name)
def test_no_field_is_both_in_a_group_and_around_it(version: object) -> None:
    """So that a field's place never depends on what comes later: kernels.py counts on it."""
    tables = load(VERSIONS[version.name])._tables  # type: ignore[attr-defined]
    for kind in tables.messages:
        unlike(place_of(tables, kind), frozenset(), kind)


def unlike(place: Place, around: frozenset[int], kind: str) -> None:
    own = frozenset(slot.tag for slot in place.slots)
    assert not own & around, f"{kind}: {sorted(own & around)} in {place.count_tag} and around it"
    assert len(own) == len(place.slots)
    for slot in place.slots:
        if slot.group is not None:
            unlike(slot.group, around | own, kind)


def places(place: Place) -> list[Place]:
    return [place, *(inner for slot in place.slots if slot.group for inner in places(slot.group))]


def test_the_framer_knows_every_data_field() -> None:
    pairs = {(made.tag, made.data_tag) for name in NAMES for made in read(text_of(name)).fields.values()}
    assert {pair for pair in pairs if pair[1]} == set(kernels.LENGTHS)
    assert len(kernels.LENGTHS) == 83
    assert list(kernels.LENGTHS) == sorted(kernels.LENGTHS)


def test_simplefix_has_the_same_data_fields() -> None:
    """All that it has, but one: it names 41101 as its own data field."""
    theirs = {(int(length), int(data)) for length, data in zip(RAW_LEN_TAGS, RAW_DATA_TAGS, strict=True)}
    assert theirs - set(kernels.LENGTHS) == {(41101, 41101)}


def test_tags_are_named_as_in_the_specification() -> None:
    """In one of the versions: a few have other names in FIX 4.2 than later."""
    for name, number in vars(tags).items():
        if isinstance(number, int):
            spelled = {(load(version).tag_name(number) or "").upper() for version in VERSIONS.values()}
            assert name.replace("_", "") in spelled, f"tags.{name} is {number}, {spelled}"


@pytest.mark.parametrize("name", NAMES)
def test_values_have_distinct_keys_that_the_kernel_finds(name: str) -> None:
    tables = read(text_of(name))
    values = Values(tables)
    for made in tables.fields.values():
        wires = [wire.encode() for wire, _ in made.values]
        keys = [key_of(wire) for wire in wires]
        assert keys == [key(wire, 0, len(wire)) for wire in wires]
        if wires:
            first, end = values.spans[made.tag]
            assert values.codes[first:end].tolist() == sorted(set(keys)), made.tag
    for offset, tags_of in ((0, set(tables.fields)), (KNOWN_WORDS, set(tables.session_tags))):
        words = values.codes[offset : offset + KNOWN_WORDS].tolist()
        assert {tag for tag in range(64 * KNOWN_WORDS) if words[tag >> 6] >> (tag & 63) & 1} == tags_of


def test_every_message_of_every_version_has_a_plan() -> None:
    for version in VERSIONS.values():
        known = load(version)
        known.prepare([kind.encode() for kind in known._tables.messages], Validation.FULL)


def test_the_notices_of_their_sources_ship_with_the_tables(repository: Path) -> None:
    notice = (repository / "router/fix/dictionary/tables/NOTICE").read_text()
    assert "The QuickFIX Software License, Version 1.0" in notice
    assert "Copyright (c) 2001-2020 Oren Miller" in notice
    assert "Copyright (c) FIX Protocol Ltd." in notice
    assert "router/fix/dictionary/tables/NOTICE" in (repository / "NOTICE").read_text()
    listed = (repository / "pyproject.toml").read_text()
    for kind in ("*.txt", "*.xz", "NOTICE"):
        assert f'"fix/dictionary/tables/{kind}"' in listed


def test_they_are_compact(repository: Path) -> None:
    files = list((repository / "router/fix/dictionary/tables").iterdir())
    assert sum(file.stat().st_size for file in files) < 400_000
