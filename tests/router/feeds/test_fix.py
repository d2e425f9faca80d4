"""W and X as wire text into the book: exact or refused, by tag, value and rule."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.instrument import Instrument
from router import book
from router.book import ASK, BID, CROSSED, TOUCH, TRADED, V_MAX
from router.feeds.decode import MAX_ENTRIES, OTHER_REQUEST
from router.feeds.fix import REFUSED, FixFeed
from router.fix.codec import Message, encode, parse
from router.fix.messages.marketdata import build_incremental, build_snapshot

BTC = Instrument("BTC-USD", 10_000_000, 10**8, 1, 1, 10**12, "USD")
REQUEST = b"md-1"


def message(msg_type: str, body: str, seq: int = 2) -> Message:
    wire = body.replace("|", "\x01").encode("latin-1")
    made = parse(encode(b"FIX.4.4", msg_type.encode(), seq, b"XLIT1", b"SLUICE-MD", 0, wire))
    assert isinstance(made, Message)
    return made


class Bench:
    """A feed with its books; slot 0 is subscribed and usable."""

    def __init__(self, instrument: Instrument = BTC) -> None:
        self.books = book.new_books()
        self.usable = np.array([True] + [False] * (V_MAX - 1))
        self.feed = FixFeed(instrument, self.books, self.usable)
        self.feed.subscribe(0, REQUEST, 0)

    def w(self, body: str) -> int:
        self.last = message("W", body)
        return self.feed.snapshot(0, self.last, 1)

    def x(self, body: str) -> int:
        self.last = message("X", body)
        return self.feed.incremental(0, self.last, 2)[0]

    def error(self) -> str:
        return str(self.feed.error(self.last))

    def levels(self, side: int) -> list[tuple[int, int]]:
        px, qty = np.zeros((2, 9), np.int64), np.zeros((2, 9), np.int64)
        book.top(self.books, 0, 9, px, qty)
        return [level for level in zip(px[side].tolist(), qty[side].tolist(), strict=True) if level[1]]


SNAPSHOT = (
    "262=md-1|55=BTC-USD|268=4|269=0|270=6190.84|271=1.6002045|269=0|270=6190.8|271=2|"
    "269=1|270=6190.85|271=0.00463734|269=1|270=9999999999|271=100|"
)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    assert made.w(SNAPSHOT) == TOUCH
    return made


class TestSnapshot:
    def test_levels_in_half_ticks_and_lots(self, bench: Bench) -> None:
        assert bench.levels(BID) == [(1_238_168, 160_020_450), (1_238_160, 200_000_000)]
        assert bench.levels(ASK) == [(1_238_170, 463_734), (1_999_999_999_800, 10_000_000_000)]

    def test_an_empty_book(self) -> None:
        assert Bench().w("262=md-1|55=BTC-USD|268=0|") == TOUCH

    def test_of_another_request_is_passed_over(self, bench: Bench) -> None:
        assert bench.w("262=md-0|55=BTC-USD|268=0|") == OTHER_REQUEST
        assert bench.w("262=md-11|55=BTC-USD|268=0|") == OTHER_REQUEST
        assert len(bench.levels(BID)) == 2

    def test_a_last_trade_in_it_is_not_counted(self) -> None:
        made = Bench()
        assert made.w("55=BTC-USD|268=1|269=2|270=5|271=1|") == TOUCH
        assert made.books[0]["total_lots"] == 0

    def test_crossed(self) -> None:
        assert Bench().w("55=BTC-USD|268=2|269=0|270=5|271=1|269=1|270=5|271=1|") == TOUCH | CROSSED

    def test_a_price_twice_is_refused(self) -> None:
        made = Bench()
        assert made.w("55=BTC-USD|268=2|269=0|270=5|271=1|269=0|270=5.0|271=1|") == REFUSED
        assert made.error() == "MDEntryPx(270) 5.0 cannot follow from the levels held"


class TestNumbered:
    """RptSeq(83) of FIX 5.0 SP2."""

    W = "262=md-1|779=20260105-00:00:00|55=BTC-USD|268=1|269=0|270=5|271=1|83=7|"

    @staticmethod
    def entry(number: object, px: int = 4) -> str:
        return f"279=0|269=0|55=BTC-USD|270={px}|271=1|83={number}|"

    def test_entries_go_on_from_the_snapshot(self) -> None:
        made = Bench()
        assert made.w(self.W) == TOUCH
        assert made.x(f"268=2|{self.entry(8)}{self.entry(9, 3)}") == 0
        assert made.x(f"268=1|{self.entry(10, 2)}") == 0
        assert len(made.levels(BID)) == 4

    @pytest.mark.parametrize("number", [6, 7, 9, "", "x", "-8", "1" * 19])
    def test_one_that_does_not_follow_is_refused(self, number: object) -> None:
        made = Bench()
        made.w(self.W)
        assert made.x(f"268=1|{self.entry(number)}") == REFUSED
        assert made.error() == f"RptSeq(83) {number} must be the number after that of the entry before"
        assert made.x(f"268=1|{self.entry(8)}") == 0  # the refused one has changed nothing

    def test_after_an_empty_snapshot_and_after_one_without_numbers_the_first_counts(self) -> None:
        made = Bench()
        for body in ("262=md-1|55=BTC-USD|268=0|", self.W.replace("83=7|", "")):
            made.w(body)
            assert made.x(f"268=1|{self.entry(70)}") & TOUCH == (TOUCH if "268=0" in body else 0)
            assert made.x(f"268=1|{self.entry(70, 3)}") == REFUSED
            assert made.x(f"268=1|{self.entry(71, 3)}") == 0

    def test_a_new_request_begins_again(self) -> None:
        made = Bench()
        made.w(self.W)
        made.feed.subscribe(0, REQUEST, 0)
        made.w(self.W.replace("83=7", "83=1"))
        assert made.x(f"268=1|{self.entry(2)}") == 0


class TestIncremental:
    def test_one_message_of_every_kind(self, bench: Bench) -> None:
        flags = bench.x(
            "262=md-1|268=4|279=1|269=0|55=BTC-USD|270=6190.84|271=1|346=3|"
            "279=2|269=0|270=6190.8|279=0|269=1|270=6190.86|271=0.5|"
            "279=0|269=2|55=BTC-USD|270=6190.85|271=0.25|273=12:00:00|2446=2|"
        )
        assert flags == TOUCH | TRADED
        assert bench.levels(BID) == [(1_238_168, 100_000_000)]
        assert bench.levels(ASK)[1] == (1_238_172, 50_000_000)
        assert bench.books[0]["sell_lots"] == 25_000_000

    def test_gives_the_consolidated_touch(self, bench: Bench) -> None:
        answer = bench.feed.incremental(0, message("X", "262=md-1|268=1|279=0|269=0|270=6190.845|271=3|"), 2)
        assert answer == (TOUCH, 1_238_169, 300_000_000, 1_238_170, 463_734, 0)
        bench.usable[0] = False
        assert bench.feed.incremental(0, message("X", "262=md-1|268=0|"), 2)[1:5] == (0, 0, 0, 0)

    def test_without_262_belongs_to_the_request_in_force(self, bench: Bench) -> None:
        assert bench.x("268=1|279=2|269=0|55=BTC-USD|270=6190.84|") == TOUCH

    def test_of_another_request_is_passed_over(self, bench: Bench) -> None:
        assert bench.x("262=other|268=1|279=2|269=0|55=ETH-USD|270=junk|") == OTHER_REQUEST

    def test_a_delete_may_carry_a_size_of_zero(self, bench: Bench) -> None:
        assert bench.x("268=1|279=2|269=0|55=BTC-USD|270=6190.84|271=0|") == TOUCH

    @pytest.mark.parametrize("entries", [1, 2, 3])
    def test_refused_for_its_form_it_changes_nothing(self, bench: Bench, entries: int) -> None:
        good = "279=2|269=0|55=BTC-USD|270=6190.84|279=0|269=0|270=1|271=1|"[: 500 if entries > 1 else 0]
        assert bench.x(f"262=md-1|268={entries}|{good}279=0|269=0|270=1.001|271=1|") == REFUSED
        assert len(bench.levels(BID)) == 2

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ("268=1|279=0|269=0|55=ETH-USD|270=1|271=1|", "Symbol(55) ETH-USD must be the symbol subscribed"),
            ("268=1|279=3|269=0|270=1|271=1|", "MDUpdateAction(279) 3 must be 0, 1 or 2"),
            ("268=1|279=0|269=7|270=1|271=1|", "MDEntryType(269) 7 must be 0, 1 or 2"),
            (
                "268=1|279=0|269=0|270=1.001|271=1|",
                "MDEntryPx(270) 1.001 must be a whole number of half ticks",
            ),
            (
                "268=1|279=0|269=0|270=1.0000000001|271=1|",
                "MDEntryPx(270) 1.0000000001 must be a whole number of half ticks",
            ),
            ("268=1|279=0|269=0|270=1e3|271=1|", "MDEntryPx(270) 1e3 must be a plain unsigned decimal"),
            ("268=1|279=0|269=0|270=-1|271=1|", "MDEntryPx(270) -1 must be a plain unsigned decimal"),
            ("268=1|279=0|269=0|270=.|271=1|", "MDEntryPx(270) . must be a plain unsigned decimal"),
            ("268=1|279=0|269=0|270=1.2.3|271=1|", "MDEntryPx(270) 1.2.3 must be a plain unsigned decimal"),
            (
                "268=1|279=0|269=0|270=0.00|271=1|",
                "MDEntryPx(270) 0.00 must be positive and within the range of prices",
            ),
            (
                "268=1|279=0|269=0|270=99999999999999999999|271=1|",
                "MDEntryPx(270) 99999999999999999999 must be positive and within the range of prices",
            ),
            ("268=1|279=0|269=0|270=1|271=0|", "MDEntrySize(271) 0 must be positive and at most 2**53 lots"),
            (
                "268=1|279=0|269=0|270=1|271=90071993|",
                "MDEntrySize(271) 90071993 must be positive and at most 2**53 lots",
            ),
            (
                "268=1|279=0|269=0|270=1|271=0.000000001|",
                "MDEntrySize(271) 0.000000001 must be a whole number of lots",
            ),
            (
                "268=1|279=0|269=0|270=1|271=0.00000000001|",
                "MDEntrySize(271) 0.00000000001 must be a whole number of lots",
            ),
            ("268=1|279=0|269=0|270=1|", "MDUpdateAction(279) 0 has no MDEntrySize(271)"),
            ("268=1|279=0|269=0|271=1|", "MDUpdateAction(279) 0 has no MDEntryPx(270)"),
            ("268=1|279=0|270=1|271=1|", "MDUpdateAction(279) 0 has no MDEntryType(269)"),
            ("268=2|279=2|269=0|270=6190.84|", "NoMDEntries(268) 2 must equal the entries that follow"),
            ("268=0|279=2|269=0|270=6190.84|", "NoMDEntries(268) 0 must equal the entries that follow"),
            ("268=1|269=0|279=2|270=6190.84|", "MDEntryType(269) 0 must begin its group"),
            ("268=1|279=0|269=0|269=0|270=1|271=1|", "MDEntryType(269) 0 must begin its group"),
            ("268=x|279=2|269=0|270=6190.84|", "NoMDEntries(268) x must equal the entries that follow"),
            (
                f"268={MAX_ENTRIES + 1}|279=2|269=0|270=6190.84|",
                f"NoMDEntries(268) {MAX_ENTRIES + 1} must be at most {MAX_ENTRIES}",
            ),
            ("279=2|269=0|270=6190.84|", "MsgType(35) X has no NoMDEntries(268) before its entries"),
            ("262=md-1|", "MsgType(35) X has no NoMDEntries(268) before its entries"),
            ("268=1|279=2|269=0|270=1|", "MDEntryPx(270) 1 cannot follow from the levels held"),
        ],
    )
    def test_what_is_wrong_is_named(self, bench: Bench, body: str, error: str) -> None:
        assert bench.x(body) == REFUSED
        assert bench.error() == error

    def test_the_anomalous_entry_is_named(self, bench: Bench) -> None:
        assert bench.x("268=2|279=2|269=0|270=6190.84|279=1|269=1|270=7000|271=1|") == REFUSED
        assert bench.error() == "MDEntryPx(270) 7000 cannot follow from the levels held"


class TestDecimals:
    """Against exact rationals."""

    @given(
        st.decimals(0, 10**10, allow_nan=False, places=4) | st.decimals(0, 100, places=9),
        st.sampled_from([10_000_000, 100_000, 31_250_000, 2, 6, 50_000_000]),
    )
    def test_a_price_is_exact_or_refused(self, price: Decimal, tick_nanos: int) -> None:
        made = Bench(Instrument("X", tick_nanos, 1, 1, 1, 1, "USD"))
        flags = made.x(f"268=1|279=0|269=0|55=X|270={price:f}|271=1|")
        px = Fraction(price) * 2 * 10**9 / tick_nanos
        if flags == REFUSED:
            assert px.denominator != 1 or px == 0 or px >= 2**60
        else:
            assert made.levels(BID) == [(px, 1)]

    @given(st.decimals(0, 10**8, allow_nan=False, places=9), st.sampled_from([1, 100, 10**8, 10**9]))
    def test_a_quantity_is_exact_or_refused(self, qty: Decimal, lots_per_unit: int) -> None:
        made = Bench(Instrument("X", 2, lots_per_unit, 1, 1, 1, "USD"))
        flags = made.x(f"268=1|279=0|269=0|55=X|270=1|271={qty:f}|")
        lots = Fraction(qty) * lots_per_unit
        if flags == REFUSED:
            assert lots.denominator != 1 or lots == 0 or lots > 2**53 - lots_per_unit
        else:
            assert [level[1] for level in made.levels(BID)] == [lots]

    @given(st.text(alphabet="0123456789.-+eE ", min_size=1, max_size=22))
    def test_any_text_is_a_decimal_or_refused(self, text: str) -> None:
        made = Bench()
        flags = made.x(f"268=1|279=0|269=0|55=BTC-USD|270={text}|271=1|")
        digits = text.replace(".", "", 1)
        if flags != REFUSED:
            assert digits.isdigit()
            assert made.levels(BID) == [(Fraction(Decimal(text)) * 200, 10**8)]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([55, 268, 269, 270, 271, 279, 262, 2446]), st.text("0129.x", max_size=3)
            )
        )
    )
    def test_no_body_makes_it_fail(self, fields: list[tuple[int, str]]) -> None:
        made = Bench()
        body = "".join(f"{tag}={value or 0}|" for tag, value in fields)
        for flags in (made.w(body), made.x(body)):
            assert flags == REFUSED or flags >= 0
            if flags == REFUSED:
                assert made.feed.error(made.last).rule


class TestWithTheWriters:
    """What router/fix/messages writes is what is read."""

    @given(
        st.dictionaries(st.integers(1, 10**6), st.integers(1, 10**12), max_size=20),
        st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**12)), max_size=20),
    )
    def test_snapshots_and_incrementals(self, bids: dict[int, int], changes: list[tuple[int, int]]) -> None:
        made = Bench()
        body = build_snapshot(
            "md-1", BTC.symbol, *columns([(BID, px, qty) for px, qty in bids.items()]), BTC.tick_nanos, 10**8
        )
        assert made.feed.snapshot(0, message("W", body.decode().replace("\x01", "|")), 1) == TOUCH
        held, rows, actions = dict(bids), [], []
        for px, qty in changes:
            if qty or px in held:
                actions.append(2 if not qty else 1 if px in held else 0)
                rows.append((BID, px, qty))
                held.pop(px, None)
                held |= {px: qty} if qty else {}
        body = build_incremental(
            "md-1", BTC.symbol, np.array(actions, np.int8), *columns(rows), BTC.tick_nanos, 10**8
        )
        assert made.x(body.decode().replace("\x01", "|")) >= 0
        n = int(made.books[0]["n"][BID])
        book_levels = zip(
            made.books[0]["px"][BID, :n].tolist(), made.books[0]["qty"][BID, :n].tolist(), strict=True
        )
        assert list(book_levels) == sorted(held.items())


def columns(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kinds, pxs, qtys = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(kinds, np.int8), np.array(pxs, np.int64), np.array(qtys, np.int64)


class TestRequests:
    def test_the_body_of_a_subscription(self) -> None:
        body = Bench().feed.subscribe(1, b"r-7", 5)
        assert body.replace(b"\x01", b"|") == (
            b"262=r-7|263=1|264=5|265=1|267=3|269=0|269=1|269=2|146=1|55=BTC-USD|"
        )

    def test_the_end_of_a_subscription(self) -> None:
        feed = Bench().feed
        ended = feed.unsubscribe(0, 0)
        assert ended is not None
        assert ended.startswith(b"262=md-1\x01263=2\x01")
        assert feed.unsubscribe(0, 0) is None
        assert feed.request(0) == b""

    def test_nothing_answers_a_request_that_ended(self, bench: Bench) -> None:
        bench.feed.forget(0)
        assert bench.w(SNAPSHOT) == OTHER_REQUEST

    @pytest.mark.parametrize("request_id", [b"", b"x" * 97])
    def test_a_name_that_does_not_fit_is_an_error(self, request_id: bytes) -> None:
        with pytest.raises(ValueError, match="MDReqID"):
            Bench().feed.subscribe(0, request_id, 0)

    @pytest.mark.parametrize(
        "instrument",
        [Instrument("S" * 33, 2, 1, 1, 1, 1, "USD"), Instrument("S", 2, 10**10, 1, 1, 1, "USD")],
    )
    def test_an_instrument_kernels_cannot_hold_is_an_error(self, instrument: Instrument) -> None:
        with pytest.raises(ValueError, match="S"):
            Bench(instrument)
