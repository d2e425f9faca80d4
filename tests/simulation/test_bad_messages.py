"""What peers get wrong: a desk, a venue or a line that says nonsense is answered or ignored; work goes on.

The tables of single faults are with their rooms (tests/router/test_oms.py, tests/fixsim/test_exchange.py,
tests/scenarios/fix); here they meet the whole engine, and no message of anybody may end it.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.actions import JOIN, encode
from router.fix.codec import Framer, Garbled
from router.fix.codec import encode as encode_fix
from router.fix.messages import ExecType, OrdStatus
from tests.router.rig import BTC, LIT1, SYMBOL, Rig
from tests.simulation.world import World, load_policies

TENTH = encode(10, JOIN, 1)
NOISE = [
    "", "0", "1", "2", "4", "8", "F", "I", "C", "D", "-1", "1e9", "0.000000001", "0.00000001", "1.5",
    "6190.001", "99999999999", "999999999999999999999", "SL1-1", "SL1-999", "SL9-1", "BTC-USD", "X", "NaN",
]  # fmt: skip
REPORT_TAGS = (6, 11, 14, 17, 19, 30, 31, 32, 37, 38, 39, 41, 54, 55, 58, 102, 103, 150, 151, 379, 380, 434)


def body(fields: dict[int, str]) -> bytes:
    return b"".join(b"%d=%b\x01" % (tag, value.encode("latin-1")) for tag, value in fields.items() if value)


def hear(rig: Rig, index: int, wire: bytes) -> None:
    """Bytes of a peer, as a connection hands them over."""
    framer = Framer(1 << 16)
    for start in range(0, len(wire), 1 << 12):
        framer.feed(wire[start : start + (1 << 12)])
        while (message := framer.next()) is not None and index in rig.linked:
            if isinstance(message, Garbled):
                rig.engine.garbled(index, message, rig.now)
            else:
                rig.engine.message(index, message, rig.now)
            rig.flow()


def working() -> Rig:
    """A parent of 10 BTC with a child of 1 BTC at the first lit venue, acknowledged."""
    rig = Rig()
    rig.want = TENTH
    rig.parent(10 * BTC)
    rig.ack(rig.orders(LIT1)[0], LIT1)
    return rig


def lives(rig: Rig, *, fresh: bool = True) -> None:
    """Time goes on, nothing exceeds the parent, and the journal lives again to the same state."""
    rig.run(3, fresh=fresh)
    for work in rig.core.parents.values():
        live = sum(child.leaves for child in rig.core.orders.live(work.parent.parent_id))
        assert 0 <= work.filled_lots + live <= work.parent.qty_lots or rig.alerts
    rig.replay()


def noise(*tags: int) -> st.SearchStrategy[list[tuple[int, str]]]:
    return st.lists(st.tuples(st.sampled_from(tags), st.sampled_from(NOISE)), max_size=5)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"8", b"8", b"8", b"9", b"j", b"D", b"ZZ"]),
            noise(*REPORT_TAGS),
        ),
        max_size=4,
    )
)
def test_no_report_of_a_venue_breaks_the_engine(said: list[tuple[bytes, list[tuple[int, str]]]]) -> None:
    rig = working()
    for number, (msg_type, changes) in enumerate(said):
        fields = {37: "V1", 11: "SL1-1", 17: f"N{number}", 150: "F", 39: "1", 55: SYMBOL, 54: "1", 38: "1",
                  32: "0.1", 31: "6190", 151: "0.9", 14: "0.1", 6: "6190", 45: "2", 372: "D",
                  380: "0"}  # fmt: skip
        rig.say(rig.port(LIT1), msg_type, body(fields | dict(changes)))
    lives(rig)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"W", b"X", b"X", b"X", b"Y", b"j", b"8"]),
            st.lists(
                st.tuples(
                    st.sampled_from([268, 279, 269, 270, 271, 55, 83, 262, 278, 280]),
                    st.sampled_from([*NOISE, "6190.00", "6190.01", "40"]),
                ),
                max_size=12,
            ),
        ),
        max_size=4,
    )
)
def test_no_market_data_breaks_the_engine_and_good_data_mends_the_book(
    said: list[tuple[bytes, list[tuple[int, str]]]],
) -> None:
    rig = working()
    feed = rig.core.feed_ports[LIT1]
    for msg_type, entries in said:
        fields = [(262, rig.books[LIT1]), *entries]
        wire = b"".join(b"%d=%b\x01" % (tag, value.encode("latin-1")) for tag, value in fields if value)
        rig.say(feed.index, msg_type, wire)
    lives(rig)
    rig.run(70)
    if feed.session.is_logged_on:
        rig.market()
        market = rig.core.markets[SYMBOL]
        assert market.states[LIT1].name == "LIVE"


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
@given(st.data())
def test_no_bytes_of_anybody_break_the_engine(data: st.DataObject) -> None:
    rig = working()
    index = data.draw(st.sampled_from(range(len(rig.core.ports))), label="session")
    config = rig.peers[index].config
    ids = config.sender_comp_id.encode(), config.target_comp_id.encode()
    for _ in range(data.draw(st.integers(1, 4), label="messages")):
        kind = data.draw(st.sampled_from([b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"D", b"8", b"W"]))
        fields = {112: "T", 7: "1", 16: "0", 36: "5", 123: "Y", 45: "1", 98: "0", 108: "30", 58: "x", 11: "Z"}
        fields |= dict(data.draw(noise(7, 16, 36, 43, 45, 98, 108, 112, 122, 123, 141, 371, 373)))
        off = data.draw(st.sampled_from([0, 0, 0, -1, 1, 50]))
        seq = max(1, rig.core.ports[index].session.next_in + off)
        wire = bytearray(encode_fix(b"FIX.4.4", kind, seq, *ids, rig.now, body(fields)))
        edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3)
        for at, byte in data.draw(edits):
            if data.draw(st.booleans()):
                wire[at % len(wire)] = byte
            else:
                wire.insert(at % len(wire), byte)
        hear(rig, index, bytes(wire))
    hear(rig, index, data.draw(st.binary(max_size=300)))
    lives(rig, fresh=False)  # the peer of a session that was ended has nothing to say


# A desk's orders, refused in words: what is changed of a good one, the code (103), and what the text says.
ORDERS: list[tuple[dict[int, str], str, str]] = [
    ({40: "2", 44: "6200.001"}, "99", "Price(44) 6200.001; limit positive, a multiple of 0.01"),
    ({40: "2", 44: "6200.0000000001"}, "99", "Price(44) '6200.0000000001' has more than 9 decimals"),
    ({40: "2", 44: "cheap"}, "99", "Price(44) 'cheap' is not a decimal number"),
    ({40: "2", 44: "-5"}, "99", "Price(44) '-5' is not positive"),
    ({40: "2"}, "99", "Price(44) is missing from a limit order"),
    ({38: "0.000000001"}, "13", "OrderQty(38) '0.000000001' has more than 8 decimals"),
    ({38: "0"}, "13", "OrderQty(38) '0' is not positive"),
    ({38: "NaN"}, "13", "OrderQty(38) 'NaN' is not a decimal number"),
    ({38: "21"}, "3", "2100000000; limit symbols.BTC-USD.parent_max_lots: 2000000000"),
    ({38: "20", 40: "2", 44: "9000"}, "3", "limit symbols.BTC-USD.parent_max_value_quote: 150000 USD"),
    ({847: "7"}, "11", "TargetStrategy(847) 7 is not one of 1001, 1002, 1003"),
    ({847: "twap"}, "99", "TargetStrategy(847) 'twap' is not an integer"),
    ({168: ""}, "99", "EffectiveTime(168) and ExpireTime(126) must say when"),
    ({126: ""}, "99", "EffectiveTime(168) and ExpireTime(126) must say when"),
    ({126: "tomorrow"}, "99", "ExpireTime(126) 'tomorrow' is not a UTC timestamp"),
    ({126: "20180713-20:00:00"}, "4", "duration: "),
    ({126: "20180714-20:00:00"}, "99", "limit parent.max_duration_s"),
    ({848: ""}, "99", "TargetStrategyParameters(848) must be complete=must or complete=may"),
    ({848: "complete=maybe"}, "11", "TargetStrategyParameters(848) 'complete=maybe' is not one of"),
    ({1: ""}, "99", "Account(1) is missing"),
    ({54: "5"}, "11", "short_sale (control 13): Side(54) 5 for ACCT1"),
    ({40: "K"}, "11", "OrdType(40) 'K' is not one of 1, 2, P"),
]

# What names no order that could be refused: BusinessRejectReason(380) and text of the BusinessMessageReject.
MESSAGES: list[tuple[bytes, dict[int, str], str, str]] = [
    (b"D", {11: ""}, "5", "ClOrdID(11) is missing"),
    (b"D", {54: "9"}, "0", "Side(54) '9' is not one of 1, 2, 5, 6"),
    (b"D", {54: ""}, "5", "Side(54) is missing"),
    (b"ZZ", {}, "3", "this session takes D, F, G, H, Q, q and AF"),
    (b"V", {}, "3", "this session takes D, F, G, H, Q, q and AF"),
]


def test_a_desk_that_gets_everything_wrong_is_answered_and_can_still_trade() -> None:
    world = World(load_policies())
    world.run(3)
    good = {11: "O", 1: "ACCT1", 55: SYMBOL, 54: "1", 60: "20180713-20:47:14", 38: "0.5", 40: "1",
            847: "1001", 848: "complete=must", 168: "20180713-20:47:14",
            126: "20180713-20:48:14"}  # fmt: skip
    for number, (change, code, text) in enumerate(ORDERS):
        world.desk_says(b"D", body(good | {11: f"O{number}"} | change))
        report = world.desk.reports[-1]
        assert (report.exec_type, report.ord_status) == (ExecType.REJECTED, OrdStatus.REJECTED), change
        assert (str(report.ord_rej_reason), report.cl_ord_id) == (code, f"O{number}")
        assert text in report.text
    assert len(world.desk.reports) == len(ORDERS)
    for msg_type, change, reason, text in MESSAGES:
        world.desk_says(msg_type, body(good | change))
        said = world.desk.others[-1]
        assert (said.msg_type, said.get(380)) == (b"j", reason.encode())
        assert text in (said.get(58) or b"").decode("latin-1")
    world.send_parent(BTC // 10, 5, 1001)
    world.run(20, lambda: world.desk.reports[-1].ord_status is OrdStatus.FILLED)
    assert world.desk.reports[-1].ord_status is OrdStatus.FILLED
