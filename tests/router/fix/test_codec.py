"""The codec against simplefix, which shares no code with it, and against hostile bytes."""

import simplefix
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simplefix.data import RAW_DATA_TAGS, RAW_LEN_TAGS

from router.fix.codec import Encoder, Framer, Garbled, Message, byte_sum, check_sum, encode, parse
from router.fix.kernels import BAD_TIME, NO_TIME

T = 1_767_571_200_123_456_789  # 2026-01-05 00:00:00.123456789
SPECIAL = {8, 9, 10, 34, 35, 43, 49, 52, 56, 97}
DATA = {int(tag) for tag in (*RAW_LEN_TAGS, *RAW_DATA_TAGS)}  # of all versions
TAGS = st.integers(1, 99_999).filter(lambda tag: tag not in SPECIAL | DATA)
VALUES = st.binary(min_size=1, max_size=30).map(lambda value: value.replace(b"\x01", b"|"))
BODIES = st.lists(st.tuples(TAGS, VALUES), max_size=40)
GOOD = encode(b"FIX.4.4", b"0", 7, b"A", b"B", T, b"112=x\x01")


def wire(fields: list[tuple[int, bytes]]) -> bytes:
    return b"".join(b"%d=%b\x01" % field for field in fields)


def drain(framer: Framer) -> list[Message | Garbled]:
    found = []
    while (item := framer.next()) is not None:
        found.append(item.keep() if isinstance(item, Message) else item)
    return found


def by_simplefix(fields: list[tuple[int, bytes]]) -> bytes:
    message = simplefix.FixMessage()
    message.append_pair(8, b"FIX.4.4")
    message.append_pair(35, b"D")
    message.append_pair(34, 42)
    message.append_pair(49, b"PEER")
    message.append_pair(56, b"US")
    message.append_pair(52, b"20260105-00:00:00.123")
    for tag, value in fields:
        message.append_pair(tag, value)
    return bytes(message.encode())


@given(BODIES, st.integers(1, 10**12))
def test_simplefix_reads_what_we_write(body: list[tuple[int, bytes]], seq: int) -> None:
    raw = Encoder(b"FIX.4.4", b"US", b"PEER").encode(b"D", seq, T, wire(body), b"43=Y\x01")
    parser = simplefix.FixParser()
    parser.append_buffer(raw)
    message = parser.get_message()
    assert message is not None
    head = [(8, b"FIX.4.4"), (9, None), (35, b"D"), (49, b"US"), (56, b"PEER"), (34, b"%d" % seq)]
    head += [(52, b"20260105-00:00:00.123"), (43, b"Y")]
    pairs = [(int(tag), value) for tag, value in message.pairs]
    assert [tag for tag, _ in pairs[:8]] == [tag for tag, _ in head]
    assert all(value in (None, found) for (_, value), (_, found) in zip(head, pairs, strict=False))
    assert pairs[8:-1] == body
    assert pairs[-1] == (10, message.get(10))
    assert int(message.get(10)) == sum(raw[:-7]) % 256
    assert int(message.get(9)) == raw.rindex(b"\x0110=") - raw.index(b"\x0135=")


@given(BODIES, st.data())
def test_we_read_what_simplefix_writes(body: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """Whole, byte by byte, in random pieces, and with trailing bytes of the next message."""
    raw = by_simplefix(body)
    cut = data.draw(st.integers(0, len(raw)))
    pieces = [[raw], [raw[at : at + 1] for at in range(len(raw))], [raw[:cut], raw[cut:]], [raw + GOOD[:20]]]
    for chunks in pieces:
        framer = Framer()
        found: list[Message | Garbled] = []
        for chunk in chunks:
            framer.feed(chunk)
            found += drain(framer)
        [message] = found
        assert isinstance(message, Message)
        assert message.raw == raw
        assert (message.msg_type, message.seq, message.poss_dup) == (b"D", 42, False)
        assert message.fields()[7:-1] == body
        assert message.sending_time_ns == T // 1_000_000 * 1_000_000
        assert raw.startswith(b"PEER\x01", message.sender_at)
        assert raw.startswith(b"US\x01", message.target_at)
        firsts: dict[int, bytes] = {}
        for tag, value in message.fields():
            firsts.setdefault(tag, value)
        assert message.values() == firsts
        assert all(message.get(tag) == value for tag, value in firsts.items())


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(1, 200),
)
@example([(12, ord("9"))], 7)
def test_mutated_bytes_never_do_more_than_cost_their_own_message(
    mutations: list[tuple[int, int]], size: int
) -> None:
    bad = bytearray(GOOD)
    for at, byte in mutations:
        bad[at] = byte
    framer = Framer(max_message_bytes=1024)
    stream = GOOD + bytes(bad) + GOOD * 30  # more than the longest message that could be waited for
    found: list[Message | Garbled] = []
    for at in range(0, len(stream), size):
        framer.feed(stream[at : at + size])
        found += drain(framer)
    whole = [item for item in found if isinstance(item, Message) and item.raw == GOOD]
    assert found[0] == whole[0]
    assert len(whole) >= 31 - 1024 // len(GOOD)
    assert found[-1] is whole[-1]
    assert framer.received_bytes == len(stream)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_noise_is_garbled_or_partial(noise: bytes, size: int) -> None:
    framer = Framer(max_message_bytes=256)
    for at in range(0, len(noise), size):
        framer.feed(noise[at : at + size])
        drain(framer)
    framer.feed(b"\x01" * 300 + GOOD)
    assert any(isinstance(item, Message) and item.raw == GOOD for item in drain(framer))


def reason(text: str) -> str:
    framer = Framer(max_message_bytes=1000)
    framer.feed(text.replace("|", "\x01").encode())
    [item] = drain(framer)
    assert isinstance(item, Garbled)
    return item.reason


def test_each_fault_of_framing_has_its_reason() -> None:
    assert reason("hello") == "no 8=FIX where a message should begin"
    assert reason("8=FIXFIXFIXFIXFIX") == "BeginString(8) is longer than 12 characters"
    assert reason("8=FIX.4.4|35=0|") == "BodyLength(9) is not the second field"
    assert reason("8=FIX.4.4|9=|") == "BodyLength(9) is not a number"
    assert reason("8=FIX.4.4|9=-5|") == "BodyLength(9) is not a number"
    assert reason("8=FIX.4.4|9=1000000000|") == "BodyLength(9) is not a number"
    assert reason("8=FIX.4.4|9=1000|") == "BodyLength(9) exceeds the largest message accepted"
    assert reason("8=FIX.4.4|9=5|34=1|") == "MsgType(35) is not the third field"
    assert reason("8=FIX.4.4|9=4|35=0|10=000|") == "BodyLength(9) does not lead to CheckSum(10)"
    assert reason("8=FIX.4.4|9=5|35=0|10=000|") == "CheckSum(10) does not match"


def test_what_may_still_become_right_is_waited_for() -> None:
    framer = Framer()
    for at in range(len(GOOD) - 1):
        framer.feed(GOOD[at : at + 1])
        assert framer.next() is None
    framer.feed(GOOD[-1:])
    message = framer.next()
    assert isinstance(message, Message)
    assert message.raw == GOOD


def test_a_stretch_of_noise_is_reported_once() -> None:
    framer = Framer()
    found = []
    for _ in range(1000):
        framer.feed(b"no delimiter here " * 100)
        found += drain(framer)
    assert len(found) == 1
    assert framer.discarded_bytes == 1_800_000
    framer.feed(GOOD)
    [message] = drain(framer)
    assert isinstance(message, Message)


def test_memory_is_bounded() -> None:
    framer = Framer(max_message_bytes=100_000)
    framer.feed(b"8=FIX.4.4\x019=99900\x0135=D\x01")
    for _ in range(3000):
        framer.writable(1000)[:1000] = b"x" * 1000
        framer.wrote(1000)
        drain(framer)
        assert framer.writable(1).nbytes <= 400_000


def test_a_snapshot_of_two_megabytes() -> None:
    body = b"262=1\x01268=60000\x01" + b"".join(
        b"269=0\x01270=%d.01\x01271=1.5\x01" % n for n in range(60_000)
    )
    raw = encode(b"FIX.4.4", b"W", 9, b"A", b"B", T, body)
    framer = Framer()
    messages = []
    for at in range(0, len(raw), 65_536):
        framer.feed(raw[at : at + 65_536])
        messages += drain(framer)
    [message] = messages
    assert isinstance(message, Message)
    assert message.count == 180_000 + 2 + 8
    assert message.fields()[-2] == (271, b"1.5")


def test_data_fields_may_contain_the_delimiter() -> None:
    message = parse(encode(b"FIX.4.4", b"B", 1, b"A", b"B", T, b"95=7\x0196=a\x0110=b\x01\x0158=c\x01"))
    assert isinstance(message, Message)
    assert message.fields()[7:-1] == [(95, b"7"), (96, b"a\x0110=b\x01"), (58, b"c")]
    assert message.fault == -1


def test_faults_within_a_message_are_marked_not_garbled() -> None:
    def fault(body: bytes) -> int:
        message = parse(encode(b"FIX.4.4", b"D", 1, b"A", b"B", T, body))
        assert isinstance(message, Message)
        assert bool(message.flags) == (message.fault >= 0)
        return message.fault

    assert fault(b"11=1\x01") == -1
    assert fault(b"11=\x01") == 11 * 256 + 4
    assert fault(b"=1\x01") == 0
    assert fault(b"011=1\x01") == 0
    assert fault(b"junk\x01") == 0
    assert fault(b"1234567890=1\x01") == 0
    assert fault(b"95=9\x0196=short\x01") == 96 * 256 + 6


def test_header_fields_that_are_not_there() -> None:
    body = b"35=D\x0111=1\x01"
    head = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    message = parse(head + b"10=%03d\x01" % check_sum(head))
    assert isinstance(message, Message)
    assert (message.seq, message.sending_time_ns) == (-1, NO_TIME)
    assert message.sender_at == message.target_at == len(message.raw)
    bad_time = parse(encode(b"FIX.4.4", b"D", 1, b"A", b"B", T, b"").replace(b"52=2026", b"52=20x6"))
    assert isinstance(bad_time, Garbled)
    assert BAD_TIME < 0


def test_a_kept_message_outlives_the_next() -> None:
    framer = Framer()
    framer.feed(GOOD + encode(b"FIX.4.4", b"D", 8, b"LONGER", b"NAMES", T, b"11=1\x01"))
    first = framer.next()
    assert isinstance(first, Message)
    kept = first.keep()
    framer.next()
    assert kept.get(112) == b"x"


@given(st.binary(max_size=6000))
def test_the_byte_sum_is_exact(data: bytes) -> None:
    assert byte_sum(data) == sum(data)


def test_the_byte_sum_is_exact_at_the_edges() -> None:
    for size in (0, 1, 255, 256, 257, 512, 4095, 4096, 4097):
        assert byte_sum(b"\xff" * size) == 255 * size
