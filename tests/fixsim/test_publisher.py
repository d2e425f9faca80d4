"""Market data by price: what a subscriber builds from W and X is the book, at every depth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.publisher import MAX_SUBSCRIPTIONS, Published, Publisher
from router.fix.messages import MarketDataRequest
from router.fix.versions import FIX44, FIX50SP2, Version
from tests.fixsim.market import BTC, SYMBOL, entries, fields, settings

INSTRUMENT = settings().instrument
NOW_NS = 1_531_514_831_000_000_000


class Levels:
    """A book by price, and its publisher."""

    def __init__(self) -> None:
        self.side: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.publisher = Publisher(INSTRUMENT, self.depth)

    def depth(self, sign: int, levels: int) -> list[tuple[int, int]]:
        best_first = sorted(self.side[sign].items(), key=lambda level: -sign * level[0])
        return best_first[:levels] if levels else best_first

    def put(self, sign: int, px: int, total: int) -> None:
        before = self.side[sign].get(px, 0)
        if total:
            self.side[sign][px] = total
        else:
            self.side[sign].pop(px, None)
        self.publisher.change(sign, px, before, total)


def ask(depth: int = 0, request_id: str = "r", subscription: int = 1) -> MarketDataRequest:
    return MarketDataRequest(request_id, subscription, depth, ("0", "1", "2"), (SYMBOL,))


def body(published: Published, version: Version = FIX44) -> bytes:
    return published.says.body(version)


def numbers(published: Published) -> list[str]:
    """RptSeq(83) of its entries, as FIX 5.0 SP2 has them."""
    wire = body(published, FIX50SP2).split(b"\x01")
    return [part[3:].decode() for part in wire if part.startswith(b"83=")]


def test_a_snapshot_has_both_sides_best_first() -> None:
    book = Levels()
    book.put(1, 19_998, BTC)
    book.put(1, 20_000, 2 * BTC)
    book.put(-1, 20_004, 3 * BTC)
    book.publisher.flush(NOW_NS)
    (snapshot,) = book.publisher.request("A", ask(), NOW_NS)
    assert (snapshot.to, snapshot.says.MSG_TYPE) == ("A", b"W")
    assert fields(body(snapshot))[262] == "r"
    assert entries(body(snapshot)) == ["0 100 2", "0 99.99 1", "1 100.02 3"]


def test_an_empty_book_is_a_snapshot_without_entries() -> None:
    (snapshot,) = Levels().publisher.request("A", ask(), NOW_NS)
    assert fields(body(snapshot))[268] == "0"


def test_one_batch_is_one_message_with_trades_first_and_each_level_once() -> None:
    book = Levels()
    book.put(1, 20_000, BTC)
    book.publisher.flush(NOW_NS)
    book.publisher.request("A", ask(), NOW_NS)
    book.put(1, 20_000, 2 * BTC)
    book.put(-1, 20_004, BTC)
    book.put(1, 20_000, 0)
    book.publisher.trade(20_000, BTC // 2)
    (update,) = book.publisher.flush(NOW_NS)
    assert update.says.MSG_TYPE == b"X"
    assert entries(body(update)) == ["0 2 100 0.5", "2 0 100 0", "0 1 100.02 1"]
    assert book.publisher.flush(NOW_NS) == []


def test_what_came_and_went_within_a_batch_is_not_published() -> None:
    book = Levels()
    book.publisher.request("A", ask(), NOW_NS)
    book.put(1, 20_000, BTC)
    book.put(1, 20_000, 0)
    assert book.publisher.flush(NOW_NS) == []


def test_a_snapshot_alone_is_no_subscription_and_an_end_ends_one() -> None:
    book = Levels()
    book.publisher.request("A", ask(subscription=0), NOW_NS)
    assert not book.publisher.subscribed
    book.publisher.request("A", ask(), NOW_NS)
    assert book.publisher.request("A", ask(subscription=2), NOW_NS) == []
    assert not book.publisher.subscribed
    book.publisher.request("A", ask(), NOW_NS)
    book.publisher.request("B", ask(), NOW_NS)
    book.publisher.drop("A")
    book.put(1, 20_000, BTC)
    assert [update.to for update in book.publisher.flush(NOW_NS)] == ["B"]


def test_a_request_id_in_use_and_too_many_subscriptions_are_refused() -> None:
    book = Levels()
    book.publisher.request("A", ask(), NOW_NS)
    (reject,) = book.publisher.request("A", ask(), NOW_NS)
    assert (reject.says.MSG_TYPE, fields(body(reject))[281]) == (b"Y", "1")
    for number in range(MAX_SUBSCRIPTIONS - 1):
        book.publisher.request("B", ask(request_id=str(number)), NOW_NS)
    (reject,) = book.publisher.request("C", ask(), NOW_NS)
    assert fields(body(reject))[281] == "2"


class Receiver:
    """Builds a book from messages, and refuses what cannot follow."""

    def __init__(self, snapshot: Published) -> None:
        self.levels: dict[tuple[str, str], str] = {}
        for entry in entries(body(snapshot)):
            kind, price, size = entry.split()
            self.levels[kind, price] = size

    def take(self, update: Published, depth: int) -> None:
        for entry in entries(body(update)):
            action, kind, price, size = entry.split()
            if kind == "2":
                continue
            known = (kind, price) in self.levels
            assert known == (action != "0"), entry
            if action == "2":
                del self.levels[kind, price]
            else:
                self.levels[kind, price] = size
                for side in "01":
                    assert not depth or sum(key[0] == side for key in self.levels) <= depth


BATCHES = st.lists(
    st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 12), st.integers(0, 3)), max_size=6),
    max_size=12,
)


@pytest.mark.parametrize("depth", [0, 1, 3])
@given(batches=BATCHES)
def test_a_receiver_of_any_depth_holds_the_book(
    depth: int, batches: list[list[tuple[int, int, int]]]
) -> None:
    book = Levels()
    for px in range(1, 6):
        book.put(1, px, BTC)
        book.put(-1, px + 20, BTC)
    book.publisher.flush(NOW_NS)
    receiver = Receiver(book.publisher.request("A", ask(depth), NOW_NS)[0])
    for batch in batches:
        for sign, px, lots in batch:
            book.put(sign, px if sign > 0 else px + 20, lots * BTC)
        for update in book.publisher.flush(NOW_NS):
            receiver.take(update, depth)
        fresh = Receiver(book.publisher.request("A", ask(depth, "now", subscription=0), NOW_NS)[0])
        assert receiver.levels == fresh.levels


class TestNumbers:
    """RptSeq(83) and LastUpdateTime(779), which FIX 5.0 SP2 alone has."""

    def test_entries_count_on_from_what_the_snapshot_has_taken_in(self) -> None:
        book = Levels()
        book.put(1, 20_000, BTC)
        book.publisher.flush(NOW_NS - 5)
        (first,) = book.publisher.request("A", ask(), NOW_NS)
        assert fields(body(first, FIX50SP2))[779].endswith(".999")
        assert numbers(first) == ["0"]
        for total in (2, 3):
            book.put(1, 20_000, total * BTC)
            book.put(-1, 20_004, total * BTC)
            (update,) = book.publisher.flush(NOW_NS)
        assert numbers(update) == ["3", "4"]
        (again,) = book.publisher.request("A", ask(0, "now", 0), NOW_NS)
        assert numbers(again) == ["4", "4"]
        assert b"\x0183=" not in body(update)

    def test_subscribers_of_one_view_share_its_numbers_and_views_have_their_own(self) -> None:
        book = Levels()
        for client, depth in (("A", 0), ("B", 0), ("C", 1)):
            book.publisher.request(client, ask(depth), NOW_NS)
        book.put(1, 20_000, BTC)
        book.put(1, 19_998, BTC)
        told = {one.to: numbers(one) for one in book.publisher.flush(NOW_NS)}
        assert told == {"A": ["1", "2"], "B": ["1", "2"], "C": ["1"]}
        (late,) = book.publisher.request("D", ask(0), NOW_NS)
        assert numbers(late) == ["2", "2"]
        book.put(1, 19_998, 2 * BTC)
        told = {one.to: numbers(one) for one in book.publisher.flush(NOW_NS)}
        assert told == {"A": ["3"], "B": ["3"], "D": ["3"]}
