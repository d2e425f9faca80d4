"""The Binance importer: which update fits which book, three products, and every refusal with its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.tape import TapeError
from fixsim.tape.binance import import_binance
from fixsim.tape.binance_sync import Sync, Update, Verdict
from fixsim.tape.importers import Request
from fixsim.tape.levels import top_levels
from fixsim.tape.reader import StoredTape, open_tape
from fixsim.tape.rows import NULL, Records
from fixsim.tape.schema import Flag, Type

T0 = 1_723_161_600_000_000_000
MS = 1_000_000
NANOS = 10**9


def line(at_ms: int, message: dict[str, Any]) -> str:
    return f"{T0 + at_ms * MS} {json.dumps(message)}"


def depth(
    at_ms: int,
    first: int,
    last: int,
    bids: list[list[str]],
    asks: list[list[str]],
    *,
    before: int | None = None,
    symbol: str = "BTCUSDT",
) -> str:
    data = {
        "e": "depthUpdate",
        "E": T0 // MS + at_ms + 1250,
        "s": symbol,
        "U": first,
        "u": last,
        "b": bids,
        "a": asks,
    }
    if before is not None:
        data |= {"pu": before, "T": T0 // MS + at_ms + 1240}
    return line(at_ms, {"stream": f"{symbol.lower()}@depth@100ms", "data": data})


def coin(text: str) -> str:
    """The same message as COIN-M sends it."""
    time, _, raw = text.partition(" ")
    said = json.loads(raw)
    data = said.get("data", said)
    if data.get("e") != "trade":
        data["pair" if "lastUpdateId" in data else "ps"] = "BTCUSD"
    if "lastUpdateId" in data:
        data["symbol"] = "BTCUSDT"
    return f"{time} {json.dumps(said)}"


def snapshot(
    at_ms: int, last_id: int, bids: list[list[str]], asks: list[list[str]], *, futures: bool = False
) -> str:
    data: dict[str, Any] = {"lastUpdateId": last_id, "bids": bids, "asks": asks}
    return line(at_ms, data | ({"E": T0 // MS, "T": T0 // MS + at_ms} if futures else {}))


def trade(at_ms: int, trade_id: int, price: str, qty: str, *, buyer_is_maker: bool, **more: Any) -> str:
    time = T0 // MS + at_ms + 1245
    data = {
        "e": "trade",
        "E": time,
        "T": time,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": price,
        "q": qty,
        "m": buyer_is_maker,
    }
    return line(at_ms, {"stream": "btcusdt@trade", "data": data | (more or {"M": True})})


def ticker(at_ms: int, update_id: int, bid: list[str], ask: list[str]) -> str:
    data = {"u": update_id, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return line(at_ms, {"stream": "btcusdt@bookTicker", "data": data})


SPOT = [
    depth(0, 10, 12, [["98.00", "7.0"]], []),
    depth(100, 13, 15, [["99.00", "2.0"]], [["101.00", "1.0"]]),
    snapshot(150, 13, [["99.00", "1.0"], ["98.00", "7.0"]], [["101.50", "3.0"]]),
    ticker(160, 15, ["99.00", "2.00000000"], ["101.00", "1.00000000"]),
    depth(200, 16, 20, [["98.00", "0.0"]], [["101.00", "0.5"]]),
    ticker(201, 20, ["99.00", "2.0"], ["101.00", "0.5"]),
    trade(210, 5, "101.00", "0.25", buyer_is_maker=False),
    trade(220, 6, "99.00", "0.125", buyer_is_maker=True),
    depth(300, 21, 25, [], [["101.00", "0.25"]]),
    ticker(301, 25, ["99.00", "2.0"], ["101.00", "0.25"]),
    ticker(310, 27, ["99.00", "2.0"], ["101.00", "0.50"]),
]


def imported(folder: Path, lines: list[str], name: str = "a.jsonl", **asked: Any) -> StoredTape:
    path = folder / name
    path.write_text("".join(f"{text}\n" for text in lines))
    return open_tape(import_binance(Request((path,), folder / "tapes", **asked))[0])


def told(rows: Records, *fields: str) -> list[tuple[Any, ...]]:
    columns = [[None if v == NULL else v for v in rows[f].tolist()] for f in fields]
    return list(zip(*columns, strict=True))


def test_the_updates_that_the_snapshot_does_not_have_are_applied_after_it(tmp_path: Path) -> None:
    tape = imported(tmp_path, SPOT)
    rows = tape.load()
    assert told(rows[:6], "row", "type", "side", "price", "quantity", "sequence", "flags") == [
        (3, Type.CLEAR, 0, None, None, None, 0),
        (3, Type.SNAPSHOT, 1, 99 * NANOS, 10**8, 13, Flag.OPENING),
        (3, Type.SNAPSHOT, 1, 98 * NANOS, 7 * 10**8, 13, Flag.OPENING),
        (3, Type.SNAPSHOT, -1, 101_500_000_000, 3 * 10**8, 13, Flag.OPENING),
        (2, Type.LEVEL, 1, 99 * NANOS, 2 * 10**8, 15, 0),  # received before it, and newer
        (2, Type.LEVEL, -1, 101 * NANOS, 10**8, 15, 0),
    ]
    assert rows["time_ns"][4] == T0 + 150 * MS
    assert rows["receive_time_ns"][4] == T0 + 100 * MS
    assert rows["venue_time_ns"][4] == T0 + 1350 * MS
    px, qty = top_levels(rows, 2)
    assert px[-1].tolist() == [[99 * NANOS, 0], [101 * NANOS, 101_500_000_000]]
    assert qty[-1].tolist() == [[2 * 10**8, 0], [25 * 10**6, 3 * 10**8]]
    assert tape.meta.anomalies["updates_without_book"] == 1
    assert (tape.meta.kind, tape.meta.venue, tape.meta.symbol) == ("levels", "BINANCE-SPOT", "BTCUSDT")
    assert (tape.meta.tick_nanos, tape.meta.lots_per_unit) == (NANOS // 2, 10**8)


def test_a_trades_side_is_its_makers(tmp_path: Path) -> None:
    rows = imported(tmp_path, SPOT).load()
    trades = rows[rows["type"] == Type.TRADE]
    assert told(trades, "side", "price", "quantity", "sequence", "order_id", "flags") == [
        (-1, 101 * NANOS, 25 * 10**6, 5, None, Flag.AGGRESSOR),
        (1, 99 * NANOS, 125 * 10**5, 6, None, Flag.AGGRESSOR),
    ]


def test_the_touch_is_compared_with_the_venues_own(tmp_path: Path) -> None:
    tape = imported(tmp_path, SPOT)
    assert "The touch was compared with bookTicker 1 times." in tape.meta.notes
    assert "quotes_unlike_book" not in tape.meta.anomalies
    other = [text.replace('"A": "0.25"', '"A": "0.26"') for text in SPOT]
    assert imported(tmp_path, other, venue="OTHER").meta.anomalies["quotes_unlike_book"] == 1


@pytest.mark.parametrize("futures", [False, True])
def test_a_hole_in_the_updates_voids_the_book_until_a_snapshot(tmp_path: Path, futures: bool) -> None:
    def update(at_ms: int, first: int, last: int, before: int, price: str) -> str:
        return depth(at_ms, first, last, [[price, "1.0"]], [], before=before if futures else None)

    lines = [
        snapshot(0, 10, [["99.00", "1.0"]], [["101.00", "1.0"]], futures=futures),
        update(100, 11, 20, 10, "98.00"),
        update(200, 22, 30, 21, "97.00"),
        update(300, 31, 40, 30, "96.00"),
        snapshot(350, 35, [["95.00", "1.0"]], [["101.00", "1.0"]], futures=futures),
        update(400, 41, 50, 40, "94.00"),
    ]
    tape = imported(tmp_path, lines)
    rows = tape.load()
    (gap,) = rows[rows["flags"] & Flag.GAP_BEFORE > 0]
    assert (gap["row"], gap["type"]) == (3, Type.CLEAR)
    px, _ = top_levels(rows, 4)
    assert px[rows["row"] == 2][-1, 0].tolist() == [99 * NANOS, 98 * NANOS, 0, 0]
    assert px[rows["row"] == 3][-1].any() == False  # noqa: E712 (an array's)
    assert px[-1, 0].tolist() == [96 * NANOS, 95 * NANOS, 94 * NANOS, 0]
    assert tape.meta.anomalies["sequence_gaps"] == 1
    assert tape.meta.anomalies["updates_without_book"] == 1


def test_a_snapshot_older_than_what_is_kept_is_not_used(tmp_path: Path) -> None:
    tape = imported(
        tmp_path,
        [
            depth(0, 20, 25, [["98.00", "1.0"]], []),
            snapshot(10, 15, [["99.00", "1.0"]], []),
            trade(20, 1, "99.00", "1.0", buyer_is_maker=True),
        ],
    )
    assert tape.meta.counts == {"TRADE": 1}
    assert tape.meta.anomalies["snapshots_too_old"] == 1
    assert any("No snapshot" in note for note in tape.meta.notes)


def test_an_update_that_comes_again_is_dropped(tmp_path: Path) -> None:
    again = depth(205, 16, 20, [["98.00", "9.0"]], [])
    tape = imported(tmp_path, [*SPOT[:6], again, *SPOT[6:]])
    assert tape.meta.anomalies["updates_old"] == 1
    assert "sequence_gaps" not in tape.meta.anomalies


def test_contracts_of_coin_m_are_lots(tmp_path: Path) -> None:
    lines = [
        coin(snapshot(0, 10, [["99.0", "12"]], [["101.5", "7"]], futures=True)),
        coin(depth(100, 15, 20, [["98.5", "30"]], [], before=8)),
        coin(trade(150, 9, "99.0", "4", buyer_is_maker=True, X="MARKET")),
        coin(trade(160, 10, "99.0", "5", buyer_is_maker=True, X="INSURANCE_FUND")),
        coin(trade(170, 12, "0", "0", buyer_is_maker=True, X="NA")),
        coin(trade(180, 14, "98.5", "2", buyer_is_maker=True, X="MARKET")),
    ]
    tape = imported(tmp_path, lines)
    assert (tape.meta.venue, tape.meta.lots_per_unit) == ("BINANCE-COINM", 1)
    rows = tape.load()
    assert told(rows[-3:], "type", "quantity", "sequence", "flags") == [
        (Type.TRADE, 4, 9, Flag.AGGRESSOR),
        (Type.HIDDEN_TRADE, 5, 10, Flag.AGGRESSOR),
        (Type.TRADE, 2, 14, Flag.AGGRESSOR | Flag.GAP_BEFORE),
    ]
    assert (tape.meta.anomalies["trades_empty"], tape.meta.anomalies["trade_id_gaps"]) == (1, 1)
    assert any("contracts" in note for note in tape.meta.notes)


def test_a_crossed_book_is_marked_at_the_end_of_its_message(tmp_path: Path) -> None:
    crossing = [["101.00", "1.0"], ["98.50", "1.0"]]
    rows = imported(tmp_path, [*SPOT, depth(400, 26, 27, crossing, [])]).load()
    assert told(rows[-2:], "price", "flags") == [(101 * NANOS, 0), (98_500_000_000, Flag.CROSSED)]


def test_a_venue_time_that_falls_is_marked(tmp_path: Path) -> None:
    rows = imported(
        tmp_path, [*SPOT[:7], depth(211, 21, 22, [["97.00", "1.0"]], []).replace("61601461", "61601001")]
    ).load()
    assert rows["flags"][-1] & Flag.LATE


def test_messages_of_other_kinds_are_counted(tmp_path: Path) -> None:
    more = [
        line(310, {"result": None, "id": 1}),
        line(320, {"stream": "x", "data": {"e": "markPriceUpdate"}}),
    ]
    anomalies = imported(tmp_path, SPOT + more).meta.anomalies
    assert (anomalies["ignored_reply"], anomalies["ignored_markPriceUpdate"]) == (1, 1)


BROKEN = {
    "cut": (SPOT[4][:90], "Expecting ',' delimiter"),
    "deep": (f"{T0 + 199 * MS} " + "[" * 3000, "maximum recursion depth"),
    "no JSON": (f"{T0 + 199 * MS}", "Expecting value"),
    "a list": (f"{T0 + 199 * MS} []", "not an object"),
    "time": ('17231616 {"id": 1}', "not a local time in nanoseconds"),
    "back": (depth(10, 16, 20, [], []), "local time runs backwards"),
    "symbol": (
        depth(199, 16, 20, [], [], symbol="ETHUSDT"),
        "is of spot ETHUSDT, the recording of spot BTCUSDT",
    ),
    "product": (depth(199, 16, 20, [], [], before=15), "is of usdm BTCUSDT, the recording of spot"),
    "snapshot": (snapshot(199, 15, [], [], futures=True), "is of usdm"),
    "ids": (depth(199, 20, 16, [], []), "update ids run backwards, from U 20 to u 16"),
    "no id": (SPOT[4].replace('"U"', '"V"'), "no 'U'"),
    "text id": (SPOT[4].replace('"U": 16', '"U": "16"'), "U '16' is not an id"),
    "price": (SPOT[4].replace("98.00", "-98.00"), "'-98.00' is out of range"),
    "zero price": (SPOT[4].replace("98.00", "0.00"), "a level at price 0"),
    "qty": (SPOT[4].replace('"0.5"', '"0.123456789"'), "more than 8 decimals"),
    "level": (SPOT[4].replace(', "0.5"', ""), "a level of 1 fields, not 2"),
    "side": (SPOT[6].replace("false", "0"), "m (the buyer is the maker) is 0"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_line_is_refused_with_its_row_or_set_aside(tmp_path: Path, fault: str) -> None:
    bad, reason = BROKEN[fault]
    lines = [*SPOT[:4], bad, *SPOT[4:]]
    with pytest.raises(TapeError, match=r"^a\.jsonl: row 5: ") as refused:
        imported(tmp_path, lines)
    assert reason in str(refused.value)
    assert not list(tmp_path.glob("tapes/venue=*"))
    tape = imported(tmp_path, lines, quarantine=True)
    assert tape.meta.quarantined == 1
    (aside,) = tape.quarantine()
    assert (aside["row"][0].as_py(), aside["raw"][0].as_py()) == (5, bad.encode())
    assert tape.meta.counts == imported(tmp_path, SPOT, venue="WHOLE").meta.counts


def test_a_price_off_the_tick_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="row 3: price 101500000000 nanos is not a multiple of the tick"):
        imported(tmp_path, SPOT, tick_nanos=NANOS)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"none of the first 1000 rows is Binance market data"):
        imported(tmp_path, ["34200.004241176,1,16113575,18,5853300,1"])


def test_files_of_two_products_do_not_make_one_tape(tmp_path: Path) -> None:
    paths = []
    for name, lines in (("a.jsonl", SPOT), ("b.jsonl", [depth(900, 26, 27, [], [], before=25)])):
        paths.append(tmp_path / name)
        paths[-1].write_text("".join(f"{text}\n" for text in lines))
    with pytest.raises(TapeError, match=r"b\.jsonl: row 1: is of usdm"):
        import_binance(Request(tuple(paths), tmp_path / "tapes"))


class Engine:
    """A venue's book as a list of changes: what the importer must arrive at, whatever is lost on the way."""

    def __init__(self, futures: bool) -> None:
        self.futures, self.id, self.told, self.book = futures, 100, 100, {0: 0}

    def update(self, level: int, size: int, skip: int) -> Update[tuple[int, int]]:
        """One level changes; on futures, ids are used up by other books as well."""
        first = self.id + 1 + (skip if self.futures else 0)
        before, self.id = self.told, first + 1
        self.told = self.id
        self.book = self.book | {level: size}
        return Update(first, self.id, before if self.futures else None, (level, size))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["update", "update", "update", "lost", "twice", "read", "snapshot"]),
        st.integers(0, 4),
        st.integers(0, 9),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(STEPS, st.booleans(), st.integers(1, 20))
def test_a_book_that_is_synced_is_the_venues_book(
    steps: list[tuple[str, int, int, int]], futures: bool, kept: int
) -> None:
    engine, sync, book = Engine(futures), Sync[tuple[int, int]](kept), dict[int, int]()
    read: tuple[int, dict[int, int]] | None = None
    sent = 0
    history = {engine.id: engine.book}
    at: int | None = None  # which of the engine's ids the book stands at
    for what, level, size, skip in steps:
        if what == "read":  # the venue answers now, the answer comes later
            read = engine.id, engine.book
        elif what == "snapshot" and read is not None:
            later = sync.snapshot(read[0])
            if later is not None:
                book, at = dict(read[1]), read[0]
                for update in later:
                    book |= dict([update.body])
                    at = update.last
        elif what in ("update", "lost", "twice"):
            update = engine.update(level, size, skip)
            history[engine.id] = engine.book
            for _ in range({"update": 1, "lost": 0, "twice": 2}[what]):
                verdict = sync.update(Update(update.first, update.last, update.before, update.body))
                sent += verdict is not Verdict.OLD
                if verdict is Verdict.APPLY:
                    book |= dict([update.body])
                    at = update.last
        if sync.synced:
            assert at is not None
            assert book == history[at]
    assert sync.end() <= sent


PRODUCTS = {
    # files of one product: venue, tick in nanos, depth updates applied at least, comparisons, that differed
    "spot": ("BINANCE-SPOT", 10**7, 5694, 2),
    "cm": ("BINANCE-COINM", 10**8, 13808, 0),
    "usdm": ("BINANCE-USDM", 10**8, 5450, 0),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_recorded_books_follow_the_venues_own_touch(tmp_path: Path, shared_data: Path, product: str) -> None:
    venue, tick_nanos, compared, unlike = PRODUCTS[product]
    files = sorted((shared_data / "binance_l2" / product).glob("*.jsonl.xz"))
    meta = open_tape(import_binance(Request(tuple(files), tmp_path))[0]).meta
    assert (meta.venue, meta.tick_nanos) == (venue, tick_nanos)
    assert f"The touch was compared with bookTicker {compared} times." in meta.notes
    assert meta.anomalies.get("quotes_unlike_book", 0) == unlike
    assert not meta.anomalies.keys() & {"sequence_gaps", "trade_id_gaps", "GAP_BEFORE", "CROSSED"}
