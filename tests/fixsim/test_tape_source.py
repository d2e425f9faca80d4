"""Files are read as a stream, whatever packs them; where one is cut or damaged, its row is named."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.tape import TapeError
from fixsim.tape.jsonstream import elements, fields
from fixsim.tape.source import MAX_LINE_BYTES, CutShortError, SourceFile

PACKED: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".xz": lzma.compress, ".gz": gzip.compress}


def write(folder: Path, content: bytes, suffix: str = "") -> Path:
    path = folder / f"some.csv{suffix}"
    path.write_bytes(PACKED[suffix](content))
    return path


@pytest.mark.parametrize("suffix", PACKED)
def test_lines_come_with_their_rows_and_the_file_with_its_digest(tmp_path: Path, suffix: str) -> None:
    content = b"".join(b"line %d of the file\n" % n for n in range(1, 50_001))
    path, seen = write(tmp_path, content, suffix), []
    with SourceFile(path, seen.append) as source:
        lines = source.lines()
        assert [next(lines), next(lines)] == [(1, b"line 1 of the file"), (2, b"line 2 of the file")]
        assert len(list(lines)) == 49_998
        said = source.described()
    assert (said.name, said.rows) == (path.name, 50_000)
    assert said.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sum(seen) == path.stat().st_size
    assert len([n for n in seen if n]) >= path.stat().st_size / (1 << 18)


def test_a_last_line_needs_no_end_and_windows_ends_are_cut(tmp_path: Path) -> None:
    with SourceFile(write(tmp_path, b"a\r\nb\n\nc")) as source:
        assert [line for _, line in source.lines()] == [b"a", b"b", b"", b"c"]


@pytest.mark.parametrize("suffix", [".xz", ".gz"])
def test_a_packed_file_that_is_cut_is_used_up_to_there(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, b"".join(b"%09d\n" % (n * n % 999_999_937) for n in range(200_000)), suffix)
    path.write_bytes(path.read_bytes()[:-2000])
    with SourceFile(path) as source:
        with pytest.raises(CutShortError, match=rf"some\.csv\{suffix}: row \d+: damaged or cut short"):
            list(source.lines())
        assert source.rows > 100_000
        assert source.described().sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"none\.csv: No such file"):
        SourceFile(tmp_path / "none.csv")
    with pytest.raises(TapeError, match="Is a directory"), SourceFile(tmp_path) as source:
        list(source.lines())
    for suffix in (".xz", ".gz"):
        path = tmp_path / f"not.csv{suffix}"
        path.write_bytes(b"plain text, not packed at all\n" * 9)
        with SourceFile(path) as source, pytest.raises(CutShortError, match="row 1: damaged"):
            list(source.lines())
    with (
        SourceFile(write(tmp_path, b"short\n" + b"x" * (MAX_LINE_BYTES + 1))) as source,
        pytest.raises(TapeError, match=r"some\.csv: row 2: longer than"),
    ):
        list(source.lines())


# JSON

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(said=st.lists(values, max_size=8), indent=st.none() | st.integers(0, 2), block=st.integers(1, 7))
def test_an_array_or_lines_give_their_elements_whatever_the_blocks(
    tmp_path_factory: pytest.TempPathFactory, said: list[Any], indent: int | None, block: int
) -> None:
    folder = tmp_path_factory.mktemp("json")
    array = json.dumps(said, indent=indent, ensure_ascii=False).encode()
    lines = b"\n".join(json.dumps({"at": value}).encode() for value in said)
    for content, expected in ((array, said), (lines, [{"at": value} for value in said])):
        with SourceFile(write(folder, content)) as source:
            source.blocks = (
                lambda text=content: iter(  # type: ignore[method-assign,misc]
                    text[i : i + block] for i in range(0, len(text), block)
                )
            )
            assert list(elements(source)) == list(enumerate(expected, 1))
            assert source.rows == len(expected)


def test_an_object_gives_its_arrays_element_by_element(tmp_path: Path) -> None:
    said = {"sequence": 7, "bids": [[1], [2]], "asks": [], "time": {"of": "day"}}
    with SourceFile(write(tmp_path, json.dumps(said).encode())) as source:
        assert list(fields(source)) == [
            ("sequence", 0, 7),
            ("bids", 1, [1]),
            ("bids", 2, [2]),
            ("time", 0, {"of": "day"}),
        ]


@pytest.mark.parametrize(
    ("content", "row", "words"),
    [
        (b"[1, 2, {", 3, "Expecting property name"),
        (b"[1, 2", 2, "',' is not there"),
        (b"[1 2]", 1, "',' is not there"),
        (b"[1] 2 oops", 1, "something comes after its end"),
        (b"{} {} oops", 3, "Expecting value"),
        (b'[1, "\xff"]', 2, "not UTF-8"),
        (b"[" * 100_000, 1, "recursion"),
        (b'["' + b"x" * (2 << 20) + b'"]', 1, "Unterminated string"),
    ],
)
def test_json_that_is_damaged_names_the_element(tmp_path: Path, content: bytes, row: int, words: str) -> None:
    with SourceFile(write(tmp_path, content)) as source, pytest.raises(CutShortError) as refused:
        list(elements(source))
    assert f"some.csv: row {row}: damaged or cut short: " in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1', b'{"a" 1}', b"{} {}"])
def test_what_is_not_one_object_is_refused(tmp_path: Path, content: bytes) -> None:
    with SourceFile(write(tmp_path, content)) as source, pytest.raises(CutShortError, match="damaged"):
        list(fields(source))
