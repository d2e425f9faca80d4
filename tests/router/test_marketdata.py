"""What a venue's feed does to its state, to the consolidated touch, and to risk's view of the market."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from risk.instrument import Instrument
from risk.market import Market
from router.book import BID, TOUCH, TRADED
from router.fix.codec import Message, encode, parse
from router.marketdata import (
    TRANSITIONS,
    Event,
    FeedLimits,
    MarketData,
    Moved,
    Output,
    Probe,
    Request,
    State,
    Venue,
)

SECOND = 1_000_000_000
BTC = Instrument("BTC-USD", 10_000_000, 10**8, 1, 1, 10**12, "USD")
VENUES = (Venue("XLIT1", True), Venue("XLIT2", True), Venue("XDRK", False))


def message(msg_type: str, seq: int, body: str) -> Message:
    wire = body.replace("|", "\x01").encode("latin-1")
    made = parse(encode(b"FIX.4.4", msg_type.encode(), seq, b"V", b"SLUICE-MD", 0, wire))
    assert isinstance(made, Message)
    return made


def ids(outputs: list[Output], kind: str = "1") -> list[str]:
    """MDReqIDs of the requests among the outputs: kind 1 asks, 2 ends."""
    fields = [
        dict(f.split("=") for f in o.body.decode().split("\x01")[:3])
        for o in outputs
        if isinstance(o, Request)
    ]
    return [f["262"] for f in fields if f["263"] == kind]


class Desk:
    """One MarketData, with the requests in force and sequence numbers of each venue's session."""

    def __init__(self, limits: FeedLimits | None = None) -> None:
        self.market = Market()
        self.md = MarketData(BTC, VENUES, self.market, limits)
        self.now_ns = SECOND
        self.asked = ["", "", ""]
        self.seq = [1, 1, 1]

    def take(self, outputs: object) -> list[Output]:
        made: list[Output] = list(outputs)  # type: ignore[call-overload]
        for output in made:
            if isinstance(output, Request):
                self.asked[output.venue] = (ids([output]) or [""])[0]
        return made

    def up(self, v: int) -> list[Output]:
        return self.take(self.md.feed_up(v, self.now_ns))

    def send(self, v: int, msg_type: str, body: str) -> list[Output]:
        self.seq[v] += 1
        return self.take(self.md.on_message(v, message(msg_type, self.seq[v], body), self.now_ns))

    def w(self, v: int, bid: str = "100", ask: str = "101", request: str | None = None) -> list[Output]:
        name = self.asked[v] if request is None else request
        levels = f"269=0|270={bid}|271=1|269=1|270={ask}|271=2|"
        return self.send(v, "W", f"262={name}|55=BTC-USD|268=2|{levels}")

    def x(self, v: int, *entries: str, request: str | None = None) -> list[Output]:
        name = self.asked[v] if request is None else request
        body = "".join(f"{entry}|" for entry in entries)
        return self.send(v, "X", f"262={name}|268={len(entries)}|{body}")

    def timer(self) -> list[Output]:
        return self.take(self.md.timer(self.now_ns))

    def until(self, time_ns: int) -> list[Output]:
        """Time passes as the engine lets it: the timer runs at each deadline up to then."""
        outputs: list[Output] = []
        while (due := self.md.deadline_ns()) is not None and due <= time_ns:
            self.now_ns = max(self.now_ns, due)
            outputs += self.timer()
        self.now_ns = time_ns
        return outputs


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def live() -> Desk:
    made = Desk()
    for v in (0, 1):
        made.up(v)
        made.w(v)
    return made


def quarantined(outputs: list[Output], v: int = 0) -> str:
    """The reason; the request in force ended and a new one was asked for, in that order."""
    moved = [o for o in outputs if isinstance(o, Moved)]
    assert [(o.venue, o.state) for o in moved] == [(v, State.QUARANTINED)]
    return moved[0].reason


class TestStart:
    def test_a_feed_that_comes_up_is_asked_for_its_book(self, desk: Desk) -> None:
        (request,) = desk.up(0)
        assert isinstance(request, Request)
        assert request.body.startswith(b"262=BTC-USD-0-1-1000000000\x01263=1\x01264=0\x01")
        assert desk.md.states[0] is State.WAITING_SNAPSHOT
        assert not desk.md.usable.any()

    def test_a_snapshot_brings_the_venue_into_use(self, desk: Desk) -> None:
        desk.up(0)
        assert desk.w(0) == [Moved(0, State.LIVE, "snapshot")]
        assert desk.md.usable.tolist()[:2] == [True, False]
        assert desk.md.changed == TOUCH
        assert (desk.md.bid_px, desk.md.bid_qty) == (20_000, 10**8)
        assert (desk.md.ask_px, desk.md.ask_qty) == (20_200, 2 * 10**8)

    def test_risk_sees_the_market(self, live: Desk) -> None:
        market = live.market
        assert (market.bid_nanos, market.ask_nanos) == (100 * SECOND, 101 * SECOND)
        assert market.updated_ns == live.now_ns
        assert [market.venues[v.name].intact for v in VENUES] == [True, True, False]
        assert [market.venues[v.name].lit for v in VENUES] == [True, True, False]
        assert not market.venues["XLIT1"].session_up  # orders' session: not this room's

    def test_a_dark_venue_has_no_feed(self, desk: Desk) -> None:
        with pytest.raises(AssertionError):
            desk.up(2)

    def test_too_many_venues_or_one_twice_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="at most 8"):
            MarketData(BTC, [Venue(str(i), True) for i in range(9)], Market())
        with pytest.raises(ValueError, match="each once"):
            MarketData(BTC, [Venue("A", True), Venue("A", True)], Market())


class TestLive:
    def test_the_consolidated_touch_moves(self, live: Desk) -> None:
        assert live.x(1, "279=0|269=0|270=100.5|271=3") == []
        assert live.md.changed == TOUCH
        assert (live.md.bid_px, live.md.bid_qty) == (20_100, 3 * 10**8)
        assert live.market.bid_nanos == 100_500_000_000

    def test_a_venues_touch_behind_the_best_is_no_change(self, live: Desk) -> None:
        live.x(1, "279=0|269=0|270=100.5|271=3")
        live.x(0, "279=1|269=0|270=100|271=4")
        assert live.md.changed == 0

    def test_quantity_at_the_touch_is_a_change(self, live: Desk) -> None:
        live.x(0, "279=1|269=0|270=100|271=4")
        assert live.md.changed == TOUCH
        assert live.md.bid_qty == 5 * 10**8

    def test_a_side_may_be_empty(self, live: Desk) -> None:
        live.x(0, "279=2|269=0|270=100")
        live.x(1, "279=2|269=0|270=100")
        assert (live.md.bid_px, live.md.bid_qty, live.market.bid_nanos) == (0, 0, 0)

    def test_a_trade_is_the_last_sale(self, live: Desk) -> None:
        live.now_ns += 5
        live.x(0, "279=0|269=2|270=100.01|271=0.5")
        assert live.md.changed == TRADED
        assert (live.market.last_sale_nanos, live.market.last_sale_ns) == (100_010_000_000, live.now_ns)
        assert live.md.books[0]["sell_lots"] == 5 * 10**7

    def test_any_message_keeps_the_market_fresh(self, live: Desk) -> None:
        live.now_ns += 7
        live.md.heard(1, live.now_ns)
        assert live.market.updated_ns == live.market.venues["XLIT2"].last_message_ns == live.now_ns

    def test_what_answers_an_earlier_request_is_passed_over(self, live: Desk) -> None:
        assert live.x(0, "279=2|269=0|270=77", request="old") == []
        assert live.w(0, "1", "2", request="old") == []
        assert live.md.passed_over[0] == 2
        assert live.md.bid_px == 20_000

    def test_an_unasked_snapshot_refreshes(self, live: Desk) -> None:
        assert live.w(0, "100.2") == []
        assert live.md.bid_px == 20_040

    def test_a_halt_is_told_to_risk(self, live: Desk) -> None:
        live.md.halted(1, True)
        assert live.market.venues["XLIT2"].halted


class TestQuarantine:
    @pytest.mark.parametrize(
        ("entry", "reason"),
        [
            ("279=2|269=0|270=99", "MDEntryPx(270) 99 cannot follow from the levels held"),
            ("279=0|269=0|270=99.001|271=1", "MDEntryPx(270) 99.001 must be a whole number of half ticks"),
            ("279=0|269=0|270=101|271=1", "its book is crossed by itself"),
        ],
    )
    def test_a_bad_book_is_rebuilt_from_empty(self, live: Desk, entry: str, reason: str) -> None:
        was = live.asked[0]
        outputs = live.x(0, entry)
        assert quarantined(outputs) == reason
        assert ids(outputs, "2") == [was]
        assert ids(outputs, "1") == [live.asked[0]] != [was]
        assert live.md.books[0]["n"].tolist() == [0, 0]
        assert live.md.usable.tolist()[:2] == [False, True]
        assert not live.market.venues["XLIT1"].intact
        assert live.md.changed == TOUCH
        assert live.md.bid_qty == 10**8  # the other venue's alone
        assert live.w(0, "99", "102") == [Moved(0, State.LIVE, "snapshot")]
        assert live.md.quarantines == [1, 0, 0]

    def test_a_gap(self, live: Desk) -> None:
        assert quarantined(list(live.md.gap(0, live.now_ns))) == "messages are missing"

    def test_a_gap_where_nothing_is_held_is_nothing(self, desk: Desk) -> None:
        assert list(desk.md.gap(0, 1)) == []

    def test_an_incremental_older_than_its_snapshot(self, live: Desk) -> None:
        live.seq[0] -= 1
        assert "older" in quarantined(live.x(0, "279=1|269=0|270=100|271=4"))

    def test_an_incremental_before_its_snapshot(self, desk: Desk) -> None:
        desk.up(0)
        assert quarantined(desk.x(0, "279=0|269=0|270=1|271=1")) == "incremental before its snapshot"

    def test_what_is_still_under_way_after_a_quarantine_does_no_harm(self, live: Desk) -> None:
        was = live.asked[0]
        live.take(live.md.gap(0, live.now_ns))
        assert live.x(0, "279=1|269=0|270=100|271=4", request=was) == []
        assert live.md.states[0] is State.WAITING_SNAPSHOT
        assert live.w(0) == [Moved(0, State.LIVE, "snapshot")]

    def test_a_crossed_snapshot(self, desk: Desk) -> None:
        desk.up(0)
        assert quarantined(desk.w(0, "101", "100")) == "its snapshot is crossed"

    def test_a_refused_request(self, desk: Desk) -> None:
        desk.up(0)
        outputs = desk.send(0, "Y", f"262={desk.asked[0]}|281=0|58=Unknown symbol|")
        assert quarantined(outputs) == "MarketDataRequest was rejected: Unknown symbol"
        assert ids(outputs, "2") == []

    def test_rebuilding_again_and_again_waits_longer(self, desk: Desk) -> None:
        waits = []
        desk.up(0)
        for _ in range(9):
            asked_at = desk.now_ns
            while not ids(desk.take(desk.send(0, "Y", f"262={desk.asked[0]}|281=0|"))) and not ids(
                desk.until(desk.md.deadline_ns() or 0)
            ):
                pass
            waits.append((desk.now_ns - asked_at) // SECOND)
        assert waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]

    def test_a_book_long_good_is_rebuilt_at_once(self, live: Desk) -> None:
        live.md.gap(0, live.now_ns)
        live.asked[0] = live.md._feed.request(0).decode()
        live.w(0)
        live.now_ns += 31 * SECOND
        assert ids(list(live.md.gap(0, live.now_ns)))

    def test_a_lost_session(self, live: Desk) -> None:
        outputs = list(live.md.feed_down(0, live.now_ns))
        assert quarantined(outputs) == "its session is down"
        assert len(outputs) == 1  # there is nowhere to ask
        assert live.until(live.now_ns + 4 * SECOND) == []
        assert len(ids(live.up(0))) == 1
        assert live.w(0) == [Moved(0, State.LIVE, "snapshot")]

    def test_a_session_lost_before_it_was_up_is_nothing(self, desk: Desk) -> None:
        assert list(desk.md.feed_down(0, 1)) == []
        assert desk.md.deadline_ns() is None


class TestSilence:
    def test_first_a_test_request_then_quarantine(self, live: Desk) -> None:
        start = live.now_ns
        live.md.heard(1, start + 6 * SECOND)
        assert live.until(start + 5 * SECOND - 1) == []
        assert live.until(start + 5 * SECOND) == [Probe(0)]
        assert live.until(start + 7 * SECOND - 1) == []
        assert quarantined(live.until(start + 7 * SECOND)) == "silent for 7.000 s"

    def test_an_answer_puts_it_off(self, live: Desk) -> None:
        start = live.now_ns
        assert live.until(start + 5 * SECOND) == [Probe(0), Probe(1)]
        for v in (0, 1):
            live.md.heard(v, live.now_ns)
        assert live.until(start + 10 * SECOND - 1) == []
        assert live.until(start + 10 * SECOND) == [Probe(0), Probe(1)]

    def test_messages_put_it_off(self, live: Desk) -> None:
        for _ in range(5):
            live.now_ns += 3 * SECOND
            live.x(0, "279=1|269=0|270=100|271=4")
            live.x(1, "279=1|269=0|270=100|271=4")
            assert live.until(live.now_ns) == []

    def test_a_request_without_answer(self, desk: Desk) -> None:
        desk.up(0)
        outputs = desk.until(desk.now_ns + 10 * SECOND)
        assert quarantined(outputs) == "no snapshot came"
        assert ids(outputs, "1") == [desk.asked[0]]


class TestTable:
    def test_every_move_is_listed(self) -> None:
        assert {state for state, _ in TRANSITIONS} == set(State)
        assert all(event is Event.SNAPSHOT for (_, event), to in TRANSITIONS.items() if to is State.LIVE)
        assert (State.QUARANTINED, Event.SNAPSHOT) not in TRANSITIONS
        assert (State.EMPTY, Event.SNAPSHOT) not in TRANSITIONS


class Feeds(RuleBasedStateMachine):
    """Two venues under every event, with a dictionary for what each LIVE book must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.up = [False, False]
        self.held: list[dict[int, int] | None] = [None, None]  # bids by price in dollars

    venues = st.sampled_from([0, 1])

    @rule(v=venues)
    def feed_up(self, v: int) -> None:
        if not self.up[v]:
            self.up[v] = True
            self.desk.up(v)

    @rule(v=venues)
    def feed_down(self, v: int) -> None:
        self.up[v], self.held[v] = False, None
        self.desk.md.feed_down(v, self.desk.now_ns)
        self.desk.asked[v] = ""

    @rule(v=venues, bid=st.integers(90, 99))
    def snapshot(self, v: int, bid: int) -> None:
        if self.desk.asked[v]:
            self.held[v] = {bid: 10**8}
            self.desk.w(v, str(bid), "100")

    @rule(v=venues, action=st.integers(0, 2), px=st.integers(85, 101), qty=st.integers(1, 9))
    def incremental(self, v: int, action: int, px: int, qty: int) -> None:
        held = self.held[v]
        if not self.desk.asked[v]:
            return
        fits = held is not None and (px in held) == (action != 0)
        self.desk.x(v, f"279={action}|269=0|270={px}|271={qty}")
        if not fits or (action == 0 and px >= 100):
            self.held[v] = None
        elif held is not None:
            held.pop(px) if action == 2 else held.__setitem__(px, qty * 10**8)

    @rule(v=venues)
    def gap(self, v: int) -> None:
        self.held[v] = None
        self.desk.take(self.desk.md.gap(v, self.desk.now_ns))

    @rule(seconds=st.integers(0, 8))
    def time(self, seconds: int) -> None:
        for output in self.desk.until(self.desk.now_ns + seconds * SECOND):
            if isinstance(output, Moved):
                self.held[output.venue] = None

    @invariant()
    def only_whole_books_are_used(self) -> None:
        md, market = self.desk.md, self.desk.market
        best = 0
        for v, held in enumerate(self.held):
            is_live = md.states[v] is State.LIVE
            assert is_live == (held is not None) == bool(md.usable[v]) == market.venues[VENUES[v].name].intact
            n = int(md.books[v]["n"][BID])
            levels = dict(
                zip(md.books[v]["px"][BID, :n].tolist(), md.books[v]["qty"][BID, :n].tolist(), strict=True)
            )
            assert levels == {px * 200: qty for px, qty in (held or {}).items()}
            best = max(best, *levels, 0)
        assert md.bid_px == best
        assert market.bid_nanos == best * 5_000_000

    @invariant()
    def what_is_up_and_not_used_has_a_deadline(self) -> None:
        if any(self.up):
            assert self.desk.md.deadline_ns() is not None


TestFeeds = Feeds.TestCase
TestFeeds.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
