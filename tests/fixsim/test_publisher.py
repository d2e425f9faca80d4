"""Market data by price: what a subscriber builds from W and X is the book, at every depth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.publisher import MAX_SUBSCRIPTIONS, Published, Publisher
from router.fix.messages import MarketDataRequest
from tests.fixsim.market import BTC, SYMBOL, entries, fields, settings

INSTRUMENT = settings().instrument


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


def test_a_snapshot_has_both_sides_best_first() -> None:
    book = Levels()
    book.put(1, 19_998, BTC)
    book.put(1, 20_000, 2 * BTC)
    book.put(-1, 20_004, 3 * BTC)
    book.publisher.flush()
    (snapshot,) = book.publisher.request("A", ask())
    assert (snapshot.to, snapshot.msg_type) == ("A", b"W")
    assert fields(snapshot.body)[262] == "r"
    assert entries(snapshot.body) == ["0 100 2", "0 99.99 1", "1 100.02 3"]


def test_an_empty_book_is_a_snapshot_without_entries() -> None:
    (snapshot,) = Levels().publisher.request("A", ask())
    assert fields(snapshot.body)[268] == "0"


def test_one_batch_is_one_message_with_trades_first_and_each_level_once() -> None:
    book = Levels()
    book.put(1, 20_000, BTC)
    book.publisher.flush()
    book.publisher.request("A", ask())
    book.put(1, 20_000, 2 * BTC)
    book.put(-1, 20_004, BTC)
    book.put(1, 20_000, 0)
    book.publisher.trade(20_000, BTC // 2)
    (update,) = book.publisher.flush()
    assert update.msg_type == b"X"
    assert entries(update.body) == ["0 2 100 0.5", "2 0 100 0", "0 1 100.02 1"]
    assert book.publisher.flush() == []


def test_what_came_and_went_within_a_batch_is_not_published() -> None:
    book = Levels()
    book.publisher.request("A", ask())
    book.put(1, 20_000, BTC)
    book.put(1, 20_000, 0)
    assert book.publisher.flush() == []


def test_a_snapshot_alone_is_no_subscription_and_an_end_ends_one() -> None:
    book = Levels()
    book.publisher.request("A", ask(subscription=0))
    assert not book.publisher.subscribed
    book.publisher.request("A", ask())
    assert book.publisher.request("A", ask(subscription=2)) == []
    assert not book.publisher.subscribed
    book.publisher.request("A", ask())
    book.publisher.request("B", ask())
    book.publisher.drop("A")
    book.put(1, 20_000, BTC)
    assert [update.to for update in book.publisher.flush()] == ["B"]


def test_a_request_id_in_use_and_too_many_subscriptions_are_refused() -> None:
    book = Levels()
    book.publisher.request("A", ask())
    (reject,) = book.publisher.request("A", ask())
    assert (reject.msg_type, fields(reject.body)[281]) == (b"Y", "1")
    for number in range(MAX_SUBSCRIPTIONS - 1):
        book.publisher.request("B", ask(request_id=str(number)))
    (reject,) = book.publisher.request("C", ask())
    assert fields(reject.body)[281] == "2"


class Receiver:
    """Builds a book from messages, and refuses what cannot follow."""

    def __init__(self, snapshot: Published) -> None:
        self.levels: dict[tuple[str, str], str] = {}
        for entry in entries(snapshot.body):
            kind, price, size = entry.split()
            self.levels[kind, price] = size

    def take(self, update: Published, depth: int) -> None:
        for entry in entries(update.body):
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
    book.publisher.flush()
    receiver = Receiver(book.publisher.request("A", ask(depth))[0])
    for batch in batches:
        for sign, px, lots in batch:
            book.put(sign, px if sign > 0 else px + 20, lots * BTC)
        for update in book.publisher.flush():
            receiver.take(update, depth)
        fresh = Receiver(book.publisher.request("A", ask(depth, "now", subscription=0))[0])
        assert receiver.levels == fresh.levels
