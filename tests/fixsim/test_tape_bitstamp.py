"""The Bitstamp importer: executions told from cancels, what overtakes what, each refusal with its row."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.tape import TapeError
from fixsim.tape.bitstamp import import_bitstamp
from fixsim.tape.bitstamp_pairs import WINDOW_NS, Held, Pairs, Role
from fixsim.tape.importers import Request
from fixsim.tape.levels import top_levels
from fixsim.tape.reader import StoredTape, open_tape
from fixsim.tape.rows import NULL, Records
from fixsim.tape.schema import Flag, Type

T0_MS = 1_430_438_400_000
NANOS = 10**9


def order(at_ms: int, what: str, order_id: int, side: str, price: str, amount: str) -> str:
    created = (T0_MS + at_ms) // 1000
    body = {
        "price": price,
        "amount": amount,
        "datetime": str(created),
        "id": order_id,
        "order_type": ["bid", "ask"].index(side),
    }
    return f"{T0_MS + at_ms} order_{what} {json.dumps(body)}"


def trade(at_ms: int, trade_id: int, price: float, amount: float) -> str:
    return f"{T0_MS + at_ms} trade {json.dumps({'price': price, 'amount': amount, 'id': trade_id})}"


def book(at_ms: int, bid: tuple[str, str], ask: tuple[str, str]) -> str:
    return f"{T0_MS + at_ms} order_book {json.dumps({'bids': [bid], 'asks': [ask]})}"


ONE_TRADE = [
    order(0, "created", 1, "ask", "101.00", "2.00000000"),
    order(100, "created", 2, "bid", "99.00", "1.00000000"),
    order(200, "created", 3, "bid", "101.50", "0.50000000"),
    order(210, "deleted", 3, "bid", "101.50", "0.00000000"),
    order(215, "changed", 1, "ask", "101.00", "1.50000000"),
    trade(220, 7, 101.0, 0.5),
    book(250, ("99.00", "1.00000000"), ("101.00", "1.50000000")),
    order(300, "deleted", 2, "bid", "99.00", "1.00000000"),
]


def imported(folder: Path, lines: list[str], name: str = "a.log", **asked: Any) -> StoredTape:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return open_tape(import_bitstamp(Request((path,), folder / "tapes", **asked))[0])


def rows_of(folder: Path, lines: list[str], name: str = "a.log") -> Records:
    return imported(folder, lines, name).load()


def told(rows: Records, *fields: str) -> list[tuple[Any, ...]]:
    columns = [[None if v == NULL else v for v in rows[f].tolist()] for f in fields]
    return list(zip(*columns, strict=True))


def test_an_execution_is_a_trade_of_the_maker_and_takes_the_taker_off_the_book(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, ONE_TRADE)
    crossed, taker = Flag.CROSSED, Flag.TAKER
    assert told(rows, "row", "type", "side", "order_id", "contra_id", "price", "quantity", "flags") == [
        (1, Type.ADD, -1, 1, None, 101 * NANOS, 2 * 10**8, 0),
        (2, Type.ADD, 1, 2, None, 99 * NANOS, 10**8, 0),
        (3, Type.ADD, 1, 3, None, 101_500_000_000, 5 * 10**7, crossed),
        (4, Type.DELETE, 1, 3, 1, 101_500_000_000, 5 * 10**7, taker),
        (5, Type.TRADE, -1, 1, 3, 101 * NANOS, 5 * 10**7, 0),
        (7, Type.QUOTE, 1, None, None, 99 * NANOS, 10**8, 0),
        (7, Type.QUOTE, -1, None, None, 101 * NANOS, 15 * 10**7, 0),
        (8, Type.DELETE, 1, 2, None, 99 * NANOS, 10**8, 0),
    ]
    assert rows["sequence"][rows["type"] == Type.TRADE].tolist() == [7]
    assert rows["receive_time_ns"][4] == (T0_MS + 215) * 1_000_000
    assert rows["venue_time_ns"].tolist()[:4] == [T0_MS * 1_000_000] * 3 + [NULL]


def test_the_levels_are_what_the_venue_shows(tmp_path: Path) -> None:
    tape = imported(tmp_path, ONE_TRADE)
    px, qty = top_levels(tape.load(), 1)
    assert px[-2].tolist() == [[99 * NANOS], [101 * NANOS]]
    assert qty[-2].tolist() == [[10**8], [15 * 10**7]]
    assert "quotes_unlike_book" not in tape.meta.anomalies
    assert (tape.meta.kind, tape.meta.venue, tape.meta.symbol) == ("edits", "BITSTAMP", "BTC-USD")
    assert any("No opening snapshot" in note for note in tape.meta.notes)


def test_a_touch_that_the_venue_does_not_share_is_counted(tmp_path: Path) -> None:
    lines = [*ONE_TRADE[:2], book(150, ("99.50", "1.00000000"), ("101.00", "2.00000000"))]
    assert imported(tmp_path, lines).meta.anomalies["quotes_unlike_book"] == 1


def test_the_trades_message_may_come_before_its_orders(tmp_path: Path) -> None:
    early = [*ONE_TRADE[:3], trade(205, 7, 101.0, 0.5), *ONE_TRADE[3:5]]
    rows = rows_of(tmp_path, early)
    assert told(rows[rows["type"] == Type.TRADE], "order_id", "contra_id", "sequence") == [(1, 3, 7)]
    assert not (rows["flags"] & Flag.MISMATCH).any()


def test_of_two_orders_that_fit_the_one_at_the_trades_price_is_the_maker(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        [
            order(0, "created", 1, "ask", "101.00", "1.00000000"),
            order(1, "created", 2, "ask", "101.20", "1.00000000"),
            order(2, "created", 3, "bid", "102.00", "2.00000000"),
            order(10, "changed", 3, "bid", "102.00", "1.00000000"),
            order(11, "deleted", 1, "ask", "101.00", "0.00000000"),
            order(12, "deleted", 3, "bid", "102.00", "0.00000000"),
            order(13, "deleted", 2, "ask", "101.20", "0.00000000"),
            trade(14, 9, 101.2, 1.0),  # the two messages have overtaken each other
            trade(15, 8, 101.0, 1.0),
        ],
    )
    trades = rows[rows["type"] == Type.TRADE]
    assert told(trades, "order_id", "price", "sequence") == [(1, 101 * NANOS, 8), (2, 101_200_000_000, 9)]


def test_an_order_whose_add_was_never_seen_is_the_maker_by_its_price(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        [
            order(0, "created", 9, "bid", "101.00", "3.00000000"),
            order(10, "changed", 9, "bid", "101.00", "2.00000000"),
            order(11, "deleted", 4, "ask", "101.00", "0.00000000"),
            trade(12, 1, 101.0, 1.0),
            order(20, "changed", 9, "bid", "101.00", "1.50000000"),
            order(21, "changed", 5, "ask", "101.00", "0.75000000"),
            trade(22, 2, 101.0, 0.5),
            order(30, "deleted", 6, "bid", "90.00", "4.00000000"),
        ],
    )
    unknown = rows[rows["flags"] & Flag.UNKNOWN_ORDER > 0]
    assert told(unknown, "row", "type", "order_id", "contra_id", "quantity") == [
        (3, Type.TRADE, 4, 9, 10**8),
        (6, Type.TRADE, 5, 9, 5 * 10**7),
        (6, Type.ADD, 5, None, 75 * 10**6),  # what was left of it is in view from here on
        (8, Type.DELETE, 6, None, 4 * 10**8),
    ]
    _, qty = top_levels(rows, 1)
    assert qty[-1].tolist() == [[15 * 10**7], [75 * 10**6]]


def test_an_unseen_order_that_is_gone_without_a_trade_has_no_quantity(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, [order(0, "deleted", 4, "ask", "101.00", "0.00000000")])
    assert told(rows, "type", "quantity", "flags") == [
        (Type.DELETE, None, Flag.UNKNOWN_ORDER | Flag.MISMATCH)
    ]


def test_a_trade_without_its_maker_is_kept_with_the_takers_other_side(tmp_path: Path) -> None:
    tape = imported(
        tmp_path,
        [
            order(0, "created", 9, "bid", "101.50", "3.00000000"),
            order(10, "changed", 9, "bid", "101.50", "2.00000000"),
            trade(12, 1, 101.0, 1.0),
            trade(14, 2, 101.0, 0.25),
        ],
    )
    flags = Flag.UNKNOWN_ORDER | Flag.AGGRESSOR
    trades = told(tape.load()[2:], "type", "side", "order_id", "contra_id", "sequence", "flags")
    assert trades == [(Type.TRADE, -1, None, 9, 1, flags), (Type.TRADE, 0, None, None, 2, flags)]
    assert tape.meta.anomalies["trades_without_maker"] == 2


def test_reductions_that_no_message_announces_are_paired_and_marked(tmp_path: Path) -> None:
    tape = imported(tmp_path, [line for line in ONE_TRADE if " trade " not in line])
    rows = tape.load()
    assert told(rows[rows["type"] == Type.TRADE], "order_id", "contra_id", "flags") == [(1, 3, Flag.MISMATCH)]
    assert tape.meta.anomalies["trades_unannounced"] == 1


def test_a_reduction_without_another_side_is_no_trade(tmp_path: Path) -> None:
    tape = imported(tmp_path, [ONE_TRADE[0], ONE_TRADE[4]])
    assert told(tape.load()[1:], "type", "quantity", "flags") == [(Type.REDUCE, 5 * 10**7, Flag.MISMATCH)]
    assert tape.meta.anomalies["reductions_unpaired"] == 1


def test_an_order_that_the_venue_moves_in_price_leaves_one_level_and_joins_another(tmp_path: Path) -> None:
    tape = imported(
        tmp_path,
        [
            order(0, "created", 1, "ask", "101.00", "2.00000000"),
            order(10, "changed", 1, "ask", "100.50", "1.99999990"),
        ],
    )
    rows = tape.load()
    assert told(rows[1:], "row", "type", "order_id", "price", "quantity") == [
        (2, Type.DELETE, 1, 101 * NANOS, 2 * 10**8),
        (2, Type.ADD, 1, 100_500_000_000, 199_999_990),
    ]
    px, _ = top_levels(rows, 2)
    assert px[-1, 1].tolist() == [100_500_000_000, 0]
    assert tape.meta.anomalies["orders_repriced"] == 1


def test_messages_that_come_too_late_change_nothing_and_are_marked(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        [
            order(0, "deleted", 1, "bid", "99.00", "1.00000000"),
            order(1, "created", 1, "bid", "99.00", "1.00000000"),
            order(2, "created", 2, "bid", "98.00", "1.00000000"),
            order(3, "created", 2, "bid", "98.00", "1.00000000"),
            order(4, "deleted", 2, "bid", "98.00", "1.00000000"),
            order(5, "deleted", 2, "bid", "98.00", "1.00000000"),
        ],
    )
    moved = rows[rows["flags"] & Flag.LATE > 0]
    assert told(moved, "row", "type", "quantity") == [
        (2, Type.DELETE, 0),
        (4, Type.REDUCE, 0),
        (6, Type.DELETE, 0),
    ]
    px, _ = top_levels(rows, 1)
    assert px[:, 0, 0].tolist() == [0, 0, 98 * NANOS, 98 * NANOS, 0, 0]


def test_a_silence_of_orders_is_a_gap(tmp_path: Path) -> None:
    lines = [
        order(0, "created", 1, "bid", "99.00", "1.00000000"),
        order(10_000, "created", 2, "bid", "98.00", "1.00000000"),
        order(20_001, "created", 3, "bid", "97.00", "1.00000000"),
    ]
    tape = imported(tmp_path, lines)
    assert (tape.load()["flags"] & Flag.GAP_BEFORE > 0).tolist() == [False, False, True]
    assert tape.meta.anomalies["GAP_BEFORE"] == 1


CSV = [
    "id,timestamp,exchange.timestamp,price,volume,action,direction",
    f"1,{T0_MS},{T0_MS},101.00,200000000,created,ask",
    f"2,{T0_MS + 200},{T0_MS},101.50,50000000,created,bid",
    f"2,{T0_MS + 210},{T0_MS},101.50,0,deleted,bid",
    f"1,{T0_MS + 215},{T0_MS},101.00,150000001,changed,ask",
]


def test_a_csv_has_no_trades_but_what_both_orders_lost_at_once(tmp_path: Path) -> None:
    tape = imported(tmp_path, CSV, "orders.csv")
    rows = tape.load()
    assert told(rows[2:], "row", "type", "order_id", "contra_id", "quantity", "flags") == [
        (4, Type.DELETE, 2, 1, 50_000_000, Flag.TAKER),
        (5, Type.TRADE, 1, 2, 49_999_999, 0),  # its own amount: the csv's volumes are cut off
    ]
    assert any("no trade messages" in note for note in tape.meta.notes)


BROKEN = {
    "cut": ('1430438400300 order_deleted {"price": "99.0', "Unterminated string"),
    "kind": ("1430438400300 order_moved {}", "no 'order_type'"),
    "other": ("1430438400300 heartbeat {}", "'heartbeat' is not a message of this format"),
    "time": ('soon trade {"price": 1, "amount": 1, "id": 1}', "local time 'soon' is not a whole number"),
    "price": (order(300, "deleted", 2, "bid", "9x.00", "1.0"), "'9x.00' is not a decimal number"),
    "zero price": (order(300, "deleted", 2, "bid", "0.00", "1.0"), "the price is not above zero"),
    "decimals": (order(300, "deleted", 2, "bid", "99.00", "1.000000001"), "more than 8 decimals"),
    "nothing": (order(300, "changed", 2, "bid", "99.00", "0.0"), "changed with nothing left"),
    "back": (order(1, "deleted", 2, "bid", "99.00", "1.0"), "local time runs backwards"),
    "no id": (f'{T0_MS + 300} trade {{"price": 1, "amount": 1}}', "no 'id'"),
    "side": (f'{T0_MS + 300} order_created {{"order_type": 2, "id": 1}}', "order_type 2 is neither"),
    "deep": ("1430438400300 trade " + "[" * 3000, "maximum recursion depth"),
    "empty": ("", "local time '' is not a whole number"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_line_is_refused_with_its_row_or_set_aside(tmp_path: Path, fault: str) -> None:
    line, reason = BROKEN[fault]
    lines = [*ONE_TRADE[:4], line, *ONE_TRADE[4:]]
    with pytest.raises(TapeError, match=r"^a\.log: row 5: ") as refused:
        imported(tmp_path, lines)
    assert reason in str(refused.value)
    assert not list(tmp_path.glob("tapes/venue=*"))
    tape = imported(tmp_path, lines, quarantine=True)
    assert tape.meta.quarantined == 1
    (aside,) = tape.quarantine()
    assert aside.to_pylist() == [
        {"file": 0, "row": 5, "reason": aside["reason"][0].as_py(), "raw": line.encode()}
    ]
    assert tape.meta.counts["TRADE"] == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (CSV[1] + ",", "8 fields, not 7"),
        (CSV[1].replace("ask", "sell"), "'sell' is neither bid nor ask"),
        (CSV[1].replace("created", "moved"), "'moved' is not one of created, changed, deleted"),
        (CSV[1].replace("200000000", "2.0"), "volume '2.0' is not a whole number"),
        (ONE_TRADE[0], "fields, not 7"),
    ],
)
def test_a_broken_row_of_a_csv_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(TapeError, match=r"orders\.csv: row 3: ") as refused:
        imported(tmp_path, [*CSV[:2], line], "orders.csv")
    assert reason in str(refused.value)


def test_a_packed_file_that_is_cut_short_is_refused_or_used_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in ONE_TRADE).encode(), mtime=0)[:-40])
    with pytest.raises(TapeError, match=r"a\.log\.gz: row \d: damaged or cut short"):
        import_bitstamp(Request((path,), tmp_path / "tapes"))
    (folder,) = import_bitstamp(Request((path,), tmp_path / "tapes", quarantine=True))
    assert open_tape(folder).meta.quarantined >= 1


def test_files_that_follow_each_other_make_one_tape_and_others_are_refused(tmp_path: Path) -> None:
    paths = []
    for name, lines in (("a.log", ONE_TRADE[:2]), ("b.log", ONE_TRADE[2:])):
        paths.append(tmp_path / name)
        paths[-1].write_text("".join(f"{line}\n" for line in lines))
    (folder,) = import_bitstamp(Request(tuple(paths), tmp_path / "tapes"))
    rows = open_tape(folder).load()
    assert told(rows[rows["type"] == Type.TRADE], "file", "row", "order_id") == [(1, 3, 1)]
    with pytest.raises(TapeError, match=r"a\.log: row 1: local time runs backwards"):
        import_bitstamp(Request(tuple(reversed(paths)), tmp_path / "other"))


def test_an_option_that_does_not_apply_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="--lots-per-unit: not for bitstamp"):
        imported(tmp_path, ONE_TRADE, lots_per_unit=1000)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3_000),
        st.sampled_from([1, -1, 0]),
        st.integers(98, 102),
        st.one_of(st.none(), st.integers(1, 3)),
    ),
    max_size=60,
)


@given(EVENTS, st.integers(2, 100))
def test_every_event_comes_out_once_in_order_and_pairs_agree(
    drawn: list[tuple[int, int, int, int | None]], most: int
) -> None:
    pairs, time_ns, events = Pairs(most=most), 0, []
    for i, (wait_ms, sign, price, amount) in enumerate(drawn):
        time_ns += wait_ms * 1_000_000
        if sign == 0:
            event = Held(i, time_ns, 0, None, price, amount or 1, trade=True)
            event.trade_id, event.trade_price = i, price
        else:
            event = Held(i, time_ns, sign, i, price, amount)
        events.append(event)
    out = [done for event in events for done in pairs.push(event)]
    assert len(events) - len(out) <= most
    out += pairs.flush()
    assert [event.row for event in out] == list(range(len(events)))
    by_id = {event.order_id: event for event in events if not event.trade}
    merged = [event.trade_id for event in events if event.role is Role.MERGED]
    assert sorted(e.trade_id for e in events if e.role is Role.MAKER and e.announced) == sorted(merged)  # type: ignore[type-var]
    for event in by_id.values():
        if event.role in (Role.MAKER, Role.TAKER) and event.contra_id is not None:
            other = by_id[event.contra_id]
            assert {event.role, other.role} == {Role.MAKER, Role.TAKER}
            assert (event.sign, event.taken) == (-other.sign, other.taken)
            assert other.contra_id == event.order_id
            assert abs(event.time_ns - other.time_ns) <= 2 * WINDOW_NS
            taker = event if event.role is Role.TAKER else other
            assert taker.trade_price is not None
            assert taker.sign * (taker.price - taker.trade_price) >= 0


@pytest.fixture(scope="module")
def recorded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, StoredTape]:
    """The day's log and csv, imported."""
    day, out = shared_data / "bitstamp_l3" / "2015-05-01", tmp_path_factory.mktemp("bitstamp")
    return {
        kind: open_tape(import_bitstamp(Request((day / name,), out / kind))[0])
        for kind, name in (("log", "2015-05-01.log.xz"), ("csv", "orders.csv.xz"))
    }


def test_the_recorded_days_trades_are_all_found(recorded: dict[str, StoredTape], shared_data: Path) -> None:
    meta = recorded["log"].meta
    assert meta.anomalies["GAP_BEFORE"] == 9
    announced = {}
    with lzma.open(shared_data / "bitstamp_l3/2015-05-01/2015-05-01.log.xz", "rt") as log:
        for line in log:
            _, what, body = line.split(" ", 2)
            if what == "trade":
                said = json.loads(body)
                announced[said["id"]] = (round(said["price"] * 100), round(said["amount"] * 10**8))
    assert len(announced) == 4251
    rows = recorded["log"].load()
    trades = rows[rows["type"] == Type.TRADE]
    named = trades[trades["sequence"] != NULL]
    found = {int(t["sequence"]): (int(t["price"]) // 10**7, int(t["quantity"])) for t in named}
    assert found == announced  # each once, with its price and amount to the lot
    assert np.count_nonzero(named["order_id"] == NULL) == meta.anomalies["trades_without_maker"] == 11
    assert len(trades) - len(named) == meta.anomalies["trades_unannounced"] == 7


def test_the_recorded_book_is_the_venues_own(recorded: dict[str, StoredTape]) -> None:
    meta = recorded["log"].meta
    assert meta.counts["QUOTE"] == 59_984
    assert meta.anomalies["quotes_unlike_book"] == 150  # of so many statements of a side's best price


def test_the_csv_alone_gives_the_same_pairs(recorded: dict[str, StoredTape]) -> None:
    pairs = {}
    for kind, tape in recorded.items():
        rows = tape.load()
        trades = rows[(rows["type"] == Type.TRADE)]
        pairs[kind] = set(told(trades, "order_id", "contra_id", "price"))
    assert len(pairs["csv"] - pairs["log"]) <= 1
    assert len(pairs["csv"] & pairs["log"]) > 4150
