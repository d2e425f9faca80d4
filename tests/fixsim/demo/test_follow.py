"""What the demo sees of a run, it sees in the router's journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from fixsim.demo.follow import Follow
from fixsim.demo.liveview import Level
from fixsim.report.runresult import NANOS
from router.journal import JournalWriter, Kind, Reader, fix_payload, json_payload
from router.records import Action, ChosenBy, pack_action
from router.shortfall import Trade
from router.tca import Target, figures

START = 1_531_514_850 * NANOS
LOTS = 100_000_000
PRICE = 6_200 * NANOS
CONFIG = {
    "venues": [
        {"name": "XLIT1", "slot": 0, "lit": True},
        {"name": "XLIT2", "slot": 1, "lit": True},
        {"name": "XDRK", "slot": 2, "lit": False},
    ],
    "sessions": [
        {"kind": "orders", "venue": 0},
        {"kind": "market data", "venue": 0},
        {"kind": "market data", "venue": 1},
        {"kind": "desk", "venue": -1},
    ],
    "instruments": {"BTC-USD": {"tick_nanos": 10_000_000}},
}
ORDERS, FEED_1, FEED_2, DESK = range(4)


def wire(msg_type: str, *fields: str) -> bytes:
    return "\x01".join(["8=FIX.4.4", "9=0", f"35={msg_type}", "34=1", *fields, "10=000", ""]).encode()


@dataclass(slots=True)
class Journal:
    """A journal that is written and followed at once."""

    follow: Follow = field(default_factory=lambda: Follow(LOTS, "BTC"))
    writer: JournalWriter = field(default_factory=JournalWriter)
    _read: int = 0
    _all: bytes = b""

    def put(self, kind: Kind, payload: bytes, second: float = 0.0) -> None:
        self.writer.append(kind, START + round(second * NANOS), payload)
        self._all += self.writer.take()
        records = list(Reader(self._all))
        self.follow.take(records[self._read :])
        self._read = len(records)

    def start(self, config: dict[str, Any] = CONFIG) -> None:
        self.put(Kind.START, json_payload(config))

    def took_in(self, session: int, msg_type: str, *fields: str, second: float = 0.0) -> None:
        self.put(Kind.FIX_IN, fix_payload(session, wire(msg_type, *fields)), second)

    def sent(self, session: int, msg_type: str, *fields: str, second: float = 0.0) -> None:
        self.put(Kind.FIX_OUT, fix_payload(session, wire(msg_type, *fields)), second)

    def book(self, second: float = 0.0) -> None:
        """A snapshot of XLIT1: 6,199.99 and 6,200.00 bid, 6,200.02 asked."""
        levels = (
            "269=0",
            "270=6200",
            "271=1",
            "269=0",
            "270=6199.99",
            "271=2",
            "269=1",
            "270=6200.02",
            "271=3",
        )
        self.took_in(FEED_1, "W", "55=BTC-USD", "268=3", *levels, second=second)

    def parent(self) -> None:
        times = ("168=20180713-20:47:30", "126=20180713-20:55:30")
        terms = ("11=P1", "55=BTC-USD", "54=1", "38=10", "40=1", "847=1002")
        self.took_in(DESK, "D", *terms, *times)
        self.sent(DESK, "8", "37=PARENT-1", "11=P1", "150=0", "39=0")

    def child(self, name: str = "S1", second: float = 1.0) -> None:
        self.sent(ORDERS, "D", f"11={name}", "55=BTC-USD", "54=1", "38=2", "40=2", "44=6200", second=second)

    def report(self, exec_type: str, status: str, *fields: str, second: float = 2.0) -> None:
        self.took_in(ORDERS, "8", f"150={exec_type}", f"39={status}", "55=BTC-USD", *fields, second=second)

    def fill(self, name: str, exec_id: str, lots: str, leaves: str, second: float = 3.0) -> None:
        terms = ("54=1", "31=6200", f"32={lots}", "851=1", "12=0.5", f"151={leaves}")
        status = "1" if float(leaves) else "2"
        self.report("F", status, f"11={name}", f"17={exec_id}", *terms, second=second)


@pytest.fixture
def journal() -> Journal:
    begun = Journal()
    begun.start()
    begun.book()
    begun.parent()
    return begun


def test_the_parent_is_what_the_desk_sent(journal: Journal) -> None:
    parent = journal.follow.parent
    assert parent is not None
    assert (parent.parent_id, parent.sign, parent.qty_lots, parent.strategy) == (
        "PARENT-1",
        1,
        10 * LOTS,
        1002,
    )
    assert (parent.start_ns, parent.end_ns) == (START, START + 480 * NANOS)


def test_books_of_all_lit_venues_make_one_ladder(journal: Journal) -> None:
    journal.took_in(FEED_2, "W", "268=2", "269=0", "270=6200", "271=0.5", "269=1", "270=6200.01", "271=1")
    shown = journal.follow.snapshot("", [], "")
    assert shown is not None
    assert shown.bids == [
        Level(PRICE, (("XLIT1", LOTS), ("XLIT2", LOTS // 2))),
        Level(PRICE - 10_000_000, (("XLIT1", 2 * LOTS),)),
    ]
    assert [level.price_nanos - PRICE for level in shown.asks] == [10_000_000, 20_000_000]


def test_an_incremental_adds_changes_deletes_and_trades(journal: Journal) -> None:
    entries = (
        ("279=2", "269=0", "270=6200"),
        ("279=1", "269=0", "270=6199.99", "271=5"),
        ("279=0", "269=1", "270=6200.01", "271=4"),
        ("279=0", "269=2", "270=6200.01", "271=0.25"),
    )
    flat = [item for entry in entries for item in entry]
    journal.took_in(FEED_1, "X", "268=4", *flat, second=1)
    shown = journal.follow.snapshot("", [], "")
    assert shown is not None
    assert [(level.price_nanos - PRICE, level.total_lots) for level in (*shown.bids, *shown.asks)] == [
        (-10_000_000, 5 * LOTS),
        (10_000_000, 4 * LOTS),
        (20_000_000, 3 * LOTS),
    ]
    assert journal.follow.trades == [Trade(START + NANOS, PRICE + 10_000_000, LOTS // 4)]
    assert [mid.mid_nanos - PRICE for mid in journal.follow.mids] == [10_000_000, 0]


def test_a_child_is_shown_from_the_wire_to_its_end(journal: Journal) -> None:
    journal.child()
    states = [journal.follow.working["S1"].state]
    journal.report("0", "0", "11=S1", "151=2")
    states.append(journal.follow.working["S1"].state)
    journal.sent(ORDERS, "F", "11=C1", "41=S1")
    states.append(journal.follow.working["S1"].state)
    journal.fill("S1", "E1", "0.5", "1.5")
    assert journal.follow.working["S1"].leaves_lots == 15 * LOTS // 10
    journal.report("4", "4", "11=C1", "41=S1", "17=E2", "151=0")
    assert states == ["pending new", "new", "pending cancel"]
    assert journal.follow.working == {}
    assert journal.follow.done_lots == LOTS // 2


def test_a_refused_cancel_leaves_the_child_working(journal: Journal) -> None:
    journal.child()
    journal.sent(ORDERS, "F", "11=C1", "41=S1")
    journal.took_in(ORDERS, "9", "11=C1", "41=S1", "39=0", "434=1")
    assert journal.follow.working["S1"].state == "new"


def test_a_fill_that_is_reported_again_counts_once(journal: Journal) -> None:
    journal.child()
    journal.fill("S1", "E1", "0.5", "1.5")
    journal.fill("S1", "E1", "0.5", "1.5")
    assert len(journal.follow.fills) == 1
    assert journal.follow.fills[0].fee_nanos == NANOS // 2


def test_decisions_of_the_fallback_are_told_apart(journal: Journal) -> None:
    for chosen_by in (ChosenBy.POLICY, ChosenBy.FALLBACK, ChosenBy.POLICY):
        journal.put(Kind.ACTION, pack_action(Action(0, 1, 5, 5, chosen_by, 1.0, 0)))
    assert (journal.follow.decisions, journal.follow.fallback_decisions) == (3, 1)


def test_orders_after_a_latch_are_counted_until_it_is_lifted(journal: Journal) -> None:
    who = {"kind": "all", "name": "", "identity": "trader", "reason": "test", "time_ns": 0}
    journal.child("S1")
    journal.put(Kind.LATCH, json_payload({"event": "latch", "mode": "halt", **who}), 5)
    assert journal.follow.latch == "all, halt, by trader: test"
    journal.child("S2")
    assert journal.follow.orders_after_latch == 1
    journal.put(Kind.LATCH, json_payload({"event": "reinstate", **who}), 6)
    journal.child("S3")
    assert (journal.follow.latch, journal.follow.orders_after_latch) == ("", 1)


def test_a_restart_and_the_questions_after_it_are_seen(journal: Journal) -> None:
    journal.child("S1")
    assert journal.follow.restarts == 0
    journal.start()
    journal.sent(ORDERS, "H", "11=S1", "790=Q1")
    assert journal.follow.restarts == 1
    assert journal.follow.asked == {"S1"}


def test_figures_follow_from_the_facts(journal: Journal) -> None:
    journal.put(Kind.NOTE, json_payload({"note": "arrival", "parent": "PARENT-1", "px": 1_240_002}))
    journal.child()
    journal.fill("S1", "E1", "2", "0")
    facts = journal.follow.facts([Target(START, 0)])
    assert facts.arrival_nanos == PRICE + 10_000_000
    assert figures(facts).filled_lots == 2 * LOTS
    shown = journal.follow.snapshot("", facts.schedule, "")
    assert shown is not None
    assert shown.average_nanos == PRICE
    assert shown.shortfall_bp == pytest.approx(-0.0161, abs=1e-4)


def test_without_a_parent_there_is_nothing_to_show() -> None:
    begun = Journal()
    begun.start()
    assert begun.follow.snapshot("", [], "") is None
    with pytest.raises(ValueError, match="holds no parent order"):
        begun.follow.facts([])
