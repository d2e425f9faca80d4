"""Somebody else's engine as a desk of `router run`, which trades at `fixsim serve`."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import Client, comp_id
from tests.interop.engines import Engine
from tests.interop.ours import COMP_ID, Ours
from tests.interop.peer import Peer
from tests.interop.wording import (
    BUY,
    CANCELED,
    FIX42,
    NEW,
    PENDING_CANCEL,
    REJECTED,
    SELL,
    SUBMIT_AND_LEAVE,
    cancel,
    fills,
    parent,
    quantity,
    status,
)

FAR = "5000.00"  # the recording trades above 6,000: no child of a buy at this limit fills


def test_an_order_is_worked_until_it_is_filled(desk: Client, version: str) -> None:
    peer = desk("parent")
    peer.send("D", parent(version, peer.own, "1", BUY, "0.02", seconds=2))
    taken = peer.get("8", {11: "1", 150: NEW})
    assert (taken[39], taken[14], quantity(taken, 151)) == ("0", "0", 0.02)
    peer.until("it is filled", lambda: any(report[39] == "2" for report in peer.seen("8", {11: "1"})))
    done = fills(version, peer.seen("8", {11: "1"}))
    assert all(report[37] == taken[37] and report[30].startswith("X") for report in done)
    assert [quantity(report, 14) for report in done] == sorted(quantity(report, 14) for report in done)
    assert abs(sum(quantity(report, 32) for report in done) - 0.02) < 1e-9
    assert (done[-1][39], quantity(done[-1], 151)) == ("2", 0)
    assert list(peer.rejects()) == []


def test_an_order_is_cancelled_while_it_works(desk: Client, version: str) -> None:
    peer = desk("cancel")
    peer.send("D", parent(version, peer.own, "1", BUY, "0.5", FAR, seconds=60))
    peer.get("8", {11: "1", 150: NEW})
    peer.send("H", status("1", BUY))
    asked = {11: "1", 20: "3"} if version == FIX42 else {11: "1", 150: "I"}
    assert peer.get("8", asked)[39] == "0"

    peer.send("F", cancel("2", "1", BUY, "0.5"))
    pending = peer.get("8", {11: "2", 150: PENDING_CANCEL})
    ended = peer.get("8", {11: "2", 150: CANCELED})
    assert pending[41] == ended[41] == "1"
    assert (ended[39], quantity(ended, 151)) == ("4", 0)

    peer.send("F", cancel("3", "1", BUY, "0.5"))
    assert peer.get("9", {11: "3"})[434] == "1"
    peer.send("F", cancel("4", "never", BUY, "0.5"))
    assert peer.get("9", {11: "4"})[102] == "1"
    assert list(peer.rejects()) == []


def test_an_order_that_may_not_be_taken_is_refused_in_words(desk: Client, version: str) -> None:
    peer = desk("refused")
    good = parent(version, peer.own, "1", SELL, "0.01", seconds=10, strategy=SUBMIT_AND_LEAVE)
    for number, (tag, value) in enumerate([(55, "NO-SUCH"), (38, "1000"), (44, "6200.001"), (847, "1999")]):
        if tag == 44:
            changed = parent(version, peer.own, str(number), SELL, "0.01", value, seconds=10)
        else:
            changed = [(at, value if at == tag else was) for at, was in good]
        peer.send("D", [(at, str(number) if at == 11 else was) for at, was in changed])
        refused = peer.get("8", {11: str(number), 150: REJECTED})
        assert refused[39] == "8"
        assert refused[103]
        assert refused[58]
    assert list(peer.rejects()) == []


def test_a_desk_that_was_killed_gets_what_it_missed(desk: Client, version: str) -> None:
    peer = desk("restart")
    peer.send("D", parent(version, peer.own, "1", BUY, "0.02", seconds=3))
    first = peer.get("8", {11: "1", 150: NEW})
    peer.kill()
    seen = len(peer.wires)
    peer.start(numbers={COMP_ID: {"in": int(first[34])}})
    peer.logged_on()
    peer.until("it is filled", lambda: any(report[39] == "2" for report in peer.seen("8", {11: "1"})))
    again = [wire for wire in peer.wires[seen:] if wire.way == "in" and wire[35] == "8" and wire[43] == "Y"]
    assert again[0][17] == first[17]
    assert all(report[122] for report in again)
    done = {report[17]: quantity(report, 32) for report in fills(version, peer.seen("8", {11: "1"}))}
    assert abs(sum(done.values()) - 0.02) < 1e-9
    assert list(peer.rejects()) == []


def test_an_order_that_was_sent_into_the_void_is_asked_for_and_taken(desk: Client, version: str) -> None:
    peer = desk("gap")
    peer.log_out(COMP_ID)
    peer.until("it is logged out", lambda: not peer.up(COMP_ID))
    peer.send("D", parent(version, peer.own, "1", BUY, "0.02", FAR, seconds=60))
    peer.log_on(COMP_ID)
    peer.logged_on()
    peer.get("2")
    assert peer.get("D", {11: "1", 43: "Y"}, way="out")[122]
    peer.get("8", {11: "1", 150: NEW})
    peer.send("F", cancel("2", "1", BUY, "0.02"))
    peer.get("8", {11: "2", 150: CANCELED})
    assert list(peer.rejects()) == []


def test_a_desk_gets_every_fill_once_when_the_router_is_killed(
    engine: Engine, version: str, exchange: Ours, tmp_path: Path
) -> None:
    with Ours(tmp_path / "ours") as ours:
        port = ours.start_router(
            {"DESK1": version}, exchange.lit_at_fixsim(comp_id(engine, version, "router"), version)
        )
        with Peer(engine, "initiator", port, tmp_path / "desk", {("DESK1", COMP_ID): version}) as peer:
            peer.logged_on()
            peer.send("D", parent(version, peer.own, "1", BUY, "0.05", seconds=5))
            peer.until("a fill", lambda: fills(version, peer.seen("8", {11: "1"})))
            ours.kill("router")
            peer.until("the session is down", lambda: not peer.up(COMP_ID))
            ours.again("router")
            peer.logged_on()
            peer.until("it is filled", lambda: any(r[39] == "2" for r in peer.seen("8", {11: "1"})), 40)
            reports = fills(version, peer.seen("8", {11: "1"}))
            assert abs(sum({r[17]: quantity(r, 32) for r in reports}.values()) - 0.05) < 1e-9
            assert list(peer.rejects()) == []
            assert ours.end("router") == 0
