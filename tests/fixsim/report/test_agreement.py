"""Two witnesses that agree say nothing; each way to part is one clear line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.record import Record
from fixsim.report.agreement import Entry, Wire, compare, fields_of, routers_story, venues_story
from fixsim.report.runresult import Agreement

LOTS = {"BTC-USD": 10**8}
PRICE = 6_200_500_000_000
SESSION = "SLUICE-OE"


def wire(kind: str, **fields: Any) -> bytes:
    """A message with tags given as t11="S1"; what stands around them does not matter here."""
    body = "".join(f"{name[1:]}={value}\x01" for name, value in fields.items())
    return f"8=FIX.4.4\x019=0\x0135={kind}\x0134=1\x01{body}10=000\x01".encode()


@dataclass(slots=True)
class Scene:
    """One run as both witnesses write it down. Each verb writes to both unless told otherwise."""

    entries: list[Entry] = field(default_factory=list)
    messages: list[Wire] = field(default_factory=list)
    executions: int = 0

    def venue(self, event: str, at: str = "XLIT1", session: str = SESSION, **fields: Any) -> None:
        self.entries.append({"event": event, "time_ns": 1, "venue": at, "session": session, **fields})

    def out(self, kind: str, venue: str = "XLIT1", **fields: Any) -> None:
        self.messages.append(Wire(venue, True, wire(kind, **fields)))

    def report(self, exec_type: str, status: str, venue: str = "XLIT1", **fields: Any) -> None:
        raw = wire("8", t150=exec_type, t39=status, t55="BTC-USD", t54=1, **fields)
        self.messages.append(Wire(venue, False, raw))

    def send(self, name: str, qty: int = 100_000_000, venue: str = "XLIT1", *, arrives: bool = True) -> None:
        self.out("D", venue, t11=name, t55="BTC-USD", t54=1, t38=f"{qty / 1e8:.8f}", t44="6200.5")
        if arrives:
            terms: dict[str, Any] = {"symbol": "BTC-USD", "side": 1, "price_nanos": PRICE}
            self.venue("order", venue, cl_ord_id=name, qty_lots=qty, **terms)
            self.report("0", "0", venue, t11=name, t17="E0")

    def fill(self, name: str, qty: int, cum: int, leaves: int, *, told: bool = True) -> None:
        self.executions += 1
        exec_id = f"E{self.executions}"
        self.venue(
            "fill", cl_ord_id=name, exec_id=exec_id, symbol="BTC-USD", side=1, price_nanos=PRICE,
            qty_lots=qty, fee_nanos=12_345, liquidity=2, cum_lots=cum, leaves_lots=leaves,
        )  # fmt: skip
        if told:
            status, lots = "1" if leaves else "2", f"{qty / 1e8:.8f}"
            terms: dict[str, Any] = {"t31": "6200.5", "t32": lots, "t851": 2, "t12": "0.000012345"}
            self.report("F", status, t11=name, t17=exec_id, **terms)

    def cancel(self, name: str, cum: int) -> None:
        self.out("F", t11=f"{name}c", t41=name)
        self.venue("canceled", cl_ord_id=f"{name}c", orig_cl_ord_id=name, cum_lots=cum)
        self.report("4", "4", t11=f"{name}c", t41=name, t17="E9")

    def verdict(self, *, ended: bool = True) -> Agreement:
        end: list[Entry] = [{"event": "end", "time_ns": 2, "venue": ""}] if ended else []
        return compare(venues_story([*self.entries, *end], SESSION), routers_story(self.messages, LOTS))


def test_a_filled_a_canceled_and_an_open_order_agree() -> None:
    scene = Scene()
    scene.send("S1")
    scene.fill("S1", 40_000_000, 40_000_000, 60_000_000)
    scene.fill("S1", 60_000_000, 100_000_000, 0)
    scene.send("S2", venue="XDRK")
    scene.send("S3")
    scene.fill("S3", 10, 10, 99_999_990)
    scene.cancel("S3", 10)
    assert scene.verdict() == Agreement(orders=3, fills=3, differences=())


def test_the_same_cl_ord_id_at_two_venues_is_two_orders() -> None:
    scene = Scene()
    scene.send("S1")
    scene.send("S1", venue="XLIT2")
    assert scene.verdict().orders == 2


def test_a_fill_that_the_router_was_not_told_of_is_named() -> None:
    scene = Scene()
    scene.send("S1")
    scene.fill("S1", 100_000_000, 100_000_000, 0, told=False)
    assert scene.verdict().differences == (
        "order S1 at XLIT1: status is filled at the venue, open in the router's journal",
        "order S1 at XLIT1: cum_lots is 100000000 at the venue, 0 in the router's journal",
        "fill E1 at XLIT1: 100000000 lots of order S1 that the router was not told of",
    )


def test_a_fill_invented_by_a_report_is_named() -> None:
    scene = Scene()
    scene.send("S1")
    scene.report("F", "2", t11="S1", t17="E7", t31="6200.5", t32="1", t851=1)
    assert (
        "fill E7 at XLIT1: 100000000 lots of order S1 that the venue has no record of"
        in scene.verdict().differences
    )


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        (
            "t31",
            "6200.51",
            "price_nanos is 6200500000000 at the venue, 6200510000000 in the router's journal",
        ),
        ("t12", "0.1", "fee_nanos is 12345 at the venue, 100000000 in the router's journal"),
        ("t851", 1, "liquidity is 2 at the venue, 1 in the router's journal"),
    ],
)
def test_each_term_of_a_fill_is_compared(tag: str, value: object, said: str) -> None:
    scene = Scene()
    scene.send("S1")
    scene.fill("S1", 100_000_000, 100_000_000, 0, told=False)
    terms: dict[str, Any] = {"t31": "6200.5", "t32": "1", "t851": 2, "t12": "0.000012345", tag: value}
    scene.report("F", "2", t11="S1", t17="E1", **terms)
    assert scene.verdict().differences == (f"fill E1 at XLIT1: {said}",)


def test_the_terms_of_an_order_are_compared() -> None:
    scene = Scene()
    scene.send("S1")
    scene.entries[0] = {**scene.entries[0], "price_nanos": PRICE + 10_000_000, "side": 2}
    assert scene.verdict().differences == (
        "order S1 at XLIT1: side is 2 at the venue, 1 in the router's journal",
        "order S1 at XLIT1: price_nanos is 6200510000000 at the venue, 6200500000000 in the router's journal",
    )


def test_a_rejected_order_agrees_by_its_status() -> None:
    scene = Scene()
    scene.send("S1", arrives=False)
    scene.venue("rejected", cl_ord_id="S1", reason=99, text="no")
    scene.report("8", "8", t11="S1", t17="E1")
    assert scene.verdict().agrees


def test_an_order_lost_between_journal_and_wire_agrees_only_once_it_was_asked_for() -> None:
    scene = Scene()
    scene.send("S1", arrives=False)
    assert scene.verdict().differences == (
        "order S1 at XLIT1: the router sent it and holds it unconfirmed, the venue has no record of it",
    )
    scene.report("I", "8", t11="S1", t17="0")
    assert scene.verdict().agrees


def test_a_resent_report_counts_once_and_a_different_one_is_a_fault() -> None:
    scene = Scene()
    scene.send("S1")
    scene.fill("S1", 100_000_000, 100_000_000, 0)
    scene.messages.append(scene.messages[-1])
    assert scene.verdict().agrees
    scene.report("F", "2", t11="S1", t17="E1", t31="1", t32="1", t851=2)
    assert scene.verdict().differences == ("router: fill E1 at XLIT1: reported twice, and not alike",)


def test_a_cl_ord_id_that_left_twice_is_a_fault() -> None:
    scene = Scene()
    scene.send("S1")
    scene.send("S1", arrives=False)
    scene.venue("rejected", cl_ord_id="S1", reason=6, text="used before")
    assert scene.verdict().differences == (
        "venues: order S1 at XLIT1: sent twice (used before)",
        "router: order S1 at XLIT1: its ClOrdID left twice",
    )


def test_a_possible_duplicate_of_an_order_is_not_a_second_order() -> None:
    scene = Scene()
    scene.send("S1")
    scene.out("D", t11="S1", t43="Y", t55="BTC-USD", t54=1, t38="1", t44="6200.5")
    assert scene.verdict().agrees


def test_an_order_that_only_the_venue_has_is_named() -> None:
    scene = Scene()
    terms: dict[str, Any] = {"symbol": "BTC-USD", "side": 1, "qty_lots": 1, "price_nanos": 1}
    scene.venue("order", cl_ord_id="X", **terms)
    assert scene.verdict().differences == ("order X at XLIT1: the venue has it, the router never sent it",)


def test_other_clients_orders_are_not_ours() -> None:
    scene = Scene()
    terms: dict[str, Any] = {"symbol": "BTC-USD", "side": 1, "qty_lots": 1, "price_nanos": 1}
    scene.venue("order", session="OTHER", cl_ord_id="X", **terms)
    assert scene.verdict() == Agreement(orders=0, fills=0, differences=())


def test_a_record_without_its_end_is_not_trusted() -> None:
    assert "has no last line" in Scene().verdict(ended=False).differences[0]


def test_a_replaced_order_goes_on_under_its_new_name() -> None:
    scene = Scene()
    scene.send("S1")
    scene.out("G", t11="S2", t41="S1", t55="BTC-USD", t54=1, t38="2", t44="6200.5")
    scene.venue("replaced", cl_ord_id="S2", orig_cl_ord_id="S1", qty_lots=200_000_000, price_nanos=PRICE)
    scene.report("5", "0", t11="S2", t41="S1", t17="E1")
    assert scene.verdict() == Agreement(orders=1, fills=0, differences=())


def test_fields_keep_the_first_value_of_a_tag() -> None:
    assert fields_of(b"35=8\x0158=a=b\x0158=c\x01") == {35: "8", 58: "a=b"}


def test_the_record_writer_writes_what_is_read_here() -> None:
    lines: list[str] = []
    record = Record(lines.append)
    record.write("order", 1, "XLIT1", session=SESSION, cl_ord_id="S1")
    assert record.orders == 1
    assert '"event":"order"' in lines[0]


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=12))
def test_whatever_is_hidden_from_the_router_is_found(sizes: list[tuple[int, bool]]) -> None:
    scene, hidden = Scene(), 0
    total = sum(size for size, _ in sizes)
    scene.send("S1", qty=total)
    done = 0
    for size, told in sizes:
        done += size
        hidden += not told
        scene.fill("S1", size, done, total - done, told=told)
    verdict = scene.verdict()
    assert verdict.agrees == (hidden == 0)
    assert sum("was not told of" in line for line in verdict.differences) == hidden


def test_fills_of_fix_42_are_told_by_what_they_left_and_a_status_is_no_fill() -> None:
    scene = Scene()
    scene.send("S1")
    terms: dict[str, Any] = {"t31": "6200.5", "t12": "0.000012345"}
    for exec_type, qty, leaves in (("1", 40_000_000, 60_000_000), ("2", 60_000_000, 0)):
        scene.fill("S1", qty, 100_000_000 - leaves, leaves, told=False)
        name = f"E{scene.executions}"
        scene.report(exec_type, exec_type, t11="S1", t17=name, t20=0, t32=f"{qty / 1e8:.8f}", **terms)
    scene.report("2", "2", t11="S1", t17="E9", t20=3, t32="0", **terms)
    assert scene.verdict() == Agreement(orders=1, fills=2, differences=())
