"""The journal's format: what is appended reads back, and each way to end or be wrong is told apart."""

import hashlib
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.journal import (
    CHAIN_EVERY,
    FLAG_RESERVE,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    JournalError,
    JournalWriter,
    Kind,
    Reader,
    fix_payload,
    json_payload,
)

ORDINARY = [kind for kind in Kind if kind is not Kind.CHAIN]
ENTRIES = st.lists(
    st.tuples(st.sampled_from(ORDINARY), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=40)),
    max_size=30,
)


def journal(records: int, size: int = 10) -> bytes:
    writer = JournalWriter()
    for number in range(records):
        writer.append(Kind.FIX_IN, number, bytes((number % 255 + 1,)) * size)
    return writer.take()


@given(ENTRIES)
def test_what_is_appended_reads_back_in_order(entries: list[tuple[Kind, int, bytes]]) -> None:
    writer = JournalWriter()
    for kind, time_ns, payload in entries:
        writer.append(kind, time_ns, payload)
    content = writer.take()
    reader = Reader(content)
    read = list(reader)
    assert [(record.kind, record.time_ns, record.payload) for record in read] == entries
    assert [record.number for record in read] == list(range(len(entries)))
    assert (reader.offset, reader.torn_bytes) == (len(content), 0)
    assert writer.offset == len(content)


@given(ENTRIES, st.integers(0, 300))
def test_taking_in_pieces_and_settling_between_changes_no_byte(
    entries: list[tuple[Kind, int, bytes]], lead: int
) -> None:
    whole, pieces, content = JournalWriter(), JournalWriter(), b""
    for number, (kind, time_ns, payload) in enumerate([(Kind.NOTE, 0, b"")] * lead + entries):
        whole.append(kind, time_ns, payload)
        pieces.append(kind, time_ns, payload)
        if number % 3 == 0:
            content += pieces.take()
        if number % 5 == 0:
            pieces.settle()
    assert content + pieces.take() == whole.take()
    assert pieces.head() == whole.head()


def test_every_256th_record_is_a_chain_over_all_bytes_before_it() -> None:
    content = journal(600)
    records = list(Reader(content))
    chains = [record for record in records if record.kind is Kind.CHAIN]
    assert [chain.number for chain in chains] == [255, 511]
    for chain in chains:
        assert chain.payload == hashlib.sha256(content[: chain.offset]).digest()
        assert chain.time_ns == records[chain.number - 1].time_ns


def test_a_continued_journal_is_the_one_that_was_never_interrupted() -> None:
    first, whole = JournalWriter(), JournalWriter()
    for number in range(700):
        whole.append(Kind.NOTE, number, b"{}")
    for number in range(300):
        first.append(Kind.NOTE, number, b"{}")
    content = first.take()
    reader = Reader(content)
    list(reader)
    second = JournalWriter(reader.index, reader.offset, reader.sha256())
    for number in range(300, 700):
        second.append(Kind.NOTE, number, b"{}")
    content += second.take()
    assert content == whole.take()
    assert second.head() == whole.head() == hashlib.sha256(content).hexdigest()


def test_a_later_part_reads_with_the_state_of_the_earlier() -> None:
    content = journal(600)
    reader = Reader(content)
    records = list(reader)
    split = records[300].offset
    head = Reader(content[:split])
    list(head)
    tail = Reader(content[split:], head.offset, head.index, head.sha256())
    assert list(tail) == records[300:]
    assert tail.sha256().hexdigest() == hashlib.sha256(content).hexdigest()


@given(st.integers(0, 400), st.integers(0, 200))
def test_cut_anywhere_the_whole_records_remain_and_the_rest_is_torn(cut: int, zeros: int) -> None:
    content = journal(10)
    size = len(content) // 10
    cut = min(cut, len(content))
    reader = Reader(content[:cut] + bytes(zeros))
    assert len(list(reader)) == cut // size
    assert reader.offset == cut // size * size
    torn = content[reader.offset : cut].rstrip(b"\0")
    assert bool(reader.torn_bytes) == bool(torn)


def test_preallocated_zeros_after_the_last_record_are_a_clean_end() -> None:
    reader = Reader(journal(3) + bytes(5000))
    assert (len(list(reader)), reader.torn_bytes) == (3, 0)


@given(st.integers(0, 20 * 38 - 1), st.integers(1, 255))
def test_any_changed_byte_before_the_last_record_is_corruption_at_its_record(at: int, change: int) -> None:
    content = bytearray(journal(21))
    content[at] ^= change
    with pytest.raises(JournalError) as fault:
        list(Reader(bytes(content)))
    assert fault.value.offset == at // 38 * 38


def test_a_removed_record_is_found_by_its_number() -> None:
    content = journal(10)
    with pytest.raises(JournalError, match="record index 4, expected 3") as fault:
        list(Reader(content[: 3 * 38] + content[4 * 38 :]))
    assert fault.value.offset == 3 * 38


def test_a_rewritten_record_with_a_good_crc_is_found_by_the_chain() -> None:
    content = journal(300)
    forged = JournalWriter(index=7)
    forged.append(Kind.FIX_IN, 7, b"\x09" * 10)
    changed = content[: 7 * 38] + forged.take() + content[8 * 38 :]
    with pytest.raises(JournalError, match="CHAIN record 255 does not match"):
        list(Reader(changed))


def test_a_journal_whose_chain_was_left_out_is_refused() -> None:
    content = journal(255)
    forged = JournalWriter(index=255)
    forged.append(Kind.NOTE, 0, b"")
    with pytest.raises(JournalError, match="record 255 must be a CHAIN record, is NOTE"):
        list(Reader(content[: 255 * 38] + forged.take()))


def test_a_record_of_another_version_is_not_a_torn_tail_when_more_follows() -> None:
    content = bytearray(journal(3))
    content[38 + 9] = 2
    with pytest.raises(JournalError, match="offset 38: CRC does not match, and records follow at 76"):
        list(Reader(bytes(content)))


def test_a_payload_that_looks_like_records_is_not_taken_for_them() -> None:
    inner = journal(5)
    writer = JournalWriter(index=0)
    writer.append(Kind.NOTE, 0, inner)
    writer.append(Kind.NOTE, 0, inner)
    content = writer.take()
    assert [record.payload for record in Reader(content)] == [inner, inner]
    # Torn inside, the inner records stand out as whole ones. A person must look: that is safer than to cut.
    with pytest.raises(JournalError, match="not a torn tail"):
        list(Reader(content[:-1]))


def test_flags_mark_what_was_written_into_the_reserve() -> None:
    writer = JournalWriter()
    writer.append(Kind.NOTE, 1, b"")
    writer.flags = FLAG_RESERVE
    writer.append(Kind.LATCH, 2, b"{}")
    assert [record.flags for record in Reader(writer.take())] == [0, FLAG_RESERVE]


def test_payloads_of_messages_links_and_json() -> None:
    writer = JournalWriter()
    writer.append(Kind.FIX_OUT, 1, fix_payload(7, b"8=FIX"))
    writer.append(Kind.NOTE, 2, json_payload({"b": 1, "a": [2]}))
    writer.append(Kind.NOTE, 3, b"[1]")
    message, note, odd = Reader(writer.take())
    assert (message.session, message.raw) == (7, b"8=FIX")
    assert note.payload == b'{"a":[2],"b":1}'
    assert note.json() == {"a": [2], "b": 1}
    with pytest.raises(JournalError, match="not a JSON object"):
        odd.json()


def test_an_oversized_record_is_refused_before_it_is_written() -> None:
    writer = JournalWriter()
    with pytest.raises(ValueError, match="is over"):
        writer.append(Kind.NOTE, 0, bytes(MAX_PAYLOAD_BYTES + 1))
    assert writer.take() == b""


def test_an_append_takes_a_few_microseconds_at_most() -> None:
    writer, payload = JournalWriter(), bytes(200)

    def batch() -> None:
        for _ in range(1000):
            writer.append(Kind.FIX_IN, 1, payload)
        writer.take()
        writer.settle()

    assert min(timeit.repeat(batch, number=1, repeat=5)) / 1000 < 20e-6  # about 1.2 µs on an idle core
    assert HEADER_BYTES == 28
    assert CHAIN_EVERY == 256
