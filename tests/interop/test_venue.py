"""Somebody else's engine as a venue of `router run`, with a desk that the same engine runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixsim.demo.settings import free_ports
from tests.interop.engines import Engine
from tests.interop.ours import COMP_ID, Ours, at_peer, said
from tests.interop.peer import Peer, Wire
from tests.interop.tinyvenue import FEED, ORDERS, TinyVenue
from tests.interop.wording import BUY, CANCELED, NEW, PENDING_CANCEL, SELL, cancel, fills, parent, quantity

DESK = "DESK1"
ARRIVES_S = 0.3  # what the router had written is with the venue by then


@dataclass
class Floor:
    """A router between a venue and a desk, both somebody else's."""

    ours: Ours
    venue: TinyVenue
    desk: Peer

    def rejects(self) -> list[Wire]:
        return [*self.venue.peer.rejects(), *self.desk.rejects()]


@pytest.fixture
def floor(engine: Engine, version: str, tmp_path: Path) -> Iterator[Floor]:
    (port,) = free_ports(1)
    venue = TinyVenue(engine, version, port, tmp_path / "venue")
    with Ours(tmp_path / "ours") as ours, venue.peer:
        desk_port = ours.start_router([{"comp_id": DESK, **said(version)}], [at_peer(port, version)])
        desk = Peer(engine, "initiator", desk_port, tmp_path / "desk", {(DESK, COMP_ID): version})
        with desk:
            venue.peer.logged_on()
            desk.logged_on()
            ours.wait_books()
            yield Floor(ours, venue, desk)


def test_orders_are_filled_refused_cancelled_and_found_again(floor: Floor, version: str) -> None:
    """One router, one day: what a venue does to orders, and what both sides do after a loss."""
    venue, desk = floor.venue, floor.desk

    # Two of the first orders are refused, the others fill in two pieces.
    venue.refuses = 2
    desk.send("D", parent(version, DESK, "fills", BUY, "0.5", seconds=2))
    desk.get("8", {11: "fills", 150: NEW})
    desk.until("it is filled", lambda: any(r[39] == "2" for r in desk.seen("8", {11: "fills"})))
    done = fills(version, desk.seen("8", {11: "fills"}))
    assert abs(sum(quantity(report, 32) for report in done) - 0.5) < 1e-9
    assert len(venue.peer.seen("8", {150: "8"}, way="out")) == 2
    children = venue.peer.seen("D")
    assert {child[35] for child in children} == {"D"}
    assert all(child[54] == BUY and quantity(child, 38) > 0 for child in children)

    # Orders that rest, and one that fills in part.
    venue.fills = False
    desk.send("D", parent(version, DESK, "rests", SELL, "0.4", seconds=30))
    venue.peer.until("an order rests", venue.working)
    venue.cancels = False
    (resting, *_) = venue.working()
    venue.fill(resting, resting.qty / 4)
    desk.until("a part is filled", lambda: fills(version, desk.seen("8", {11: "rests"})))

    # kill -9 of the router, with a fill on the way to it: the venue is asked to send it again.
    floor.ours.freeze("router")
    time.sleep(ARRIVES_S)
    lost = venue.fill(resting, resting.qty / 4)
    venue.peer.get("8", {17: lost}, way="out")
    floor.ours.kill("router")
    venue.peer.until("the sessions are down", lambda: not venue.peer.up(ORDERS) and not desk.up(COMP_ID))
    before = len(venue.peer.wires)
    floor.ours.again("router")
    venue.peer.logged_on()
    desk.logged_on()
    venue.peer.until(
        "a resend", lambda: any(w[35] == "2" and w.way == "in" for w in venue.peer.wires[before:])
    )
    venue.peer.get("8", {17: lost, 43: "Y"}, way="out")
    desk.until("the fill at the desk", lambda: len(fills(version, desk.seen("8", {11: "rests"}))) == 2)
    venue.cancels = True

    # The venue's engine lost what it had: the router's orders do not come again, a gap fill does.
    venue.peer.kill()
    lowest = int(venue.peer.seen("D")[-1][34])
    venue.peer.start(numbers={ORDERS: {"in": lowest}})
    venue.peer.logged_on()
    venue.peer.get("2", {7: str(lowest)}, way="out")
    venue.peer.get("4", {123: "Y", 43: "Y"})
    assert not venue.peer.seen("D", {43: "Y"})

    desk.send("F", cancel("rests-C", "rests", SELL, "0.4"))
    desk.get("8", {11: "rests-C", 150: PENDING_CANCEL})
    ended = desk.get("8", {11: "rests-C", 150: CANCELED})
    told = fills(version, desk.seen("8", {11: "rests"}))
    assert abs(sum(quantity(r, 32) for r in told) - quantity(ended, 14)) < 1e-9
    assert len({report[17] for report in told}) == len(told)
    assert venue.working() == []
    assert floor.ours.end("router") == 0
    venue.peer.until("both have logged out", lambda: not venue.peer.up(ORDERS) and not venue.peer.up(FEED))
    assert len(venue.peer.seen("5")) == 2
    assert floor.rejects() == []
