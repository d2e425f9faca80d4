"""Somebody else's engine as a client of `fixsim serve`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import Client
from tests.interop.engines import FIXCORE, Engine
from tests.interop.ours import VENUE, Ours
from tests.interop.peer import Peer
from tests.interop.wording import (
    BUY,
    CANCELED,
    FIX42,
    NEW,
    NO_MASS,
    REJECTED,
    REPLACED,
    SELL,
    cancel,
    fills,
    mass_cancel,
    mass_status,
    order,
    quantity,
    replace,
    status,
    subscribe,
    touch,
)

FAR = "5000.00"  # the recording trades above 6,000


def test_an_order_rests_is_replaced_and_cancelled(client: Client, version: str) -> None:
    peer = client("orders")
    peer.send("D", order(version, "1", BUY, "2", FAR))
    resting = peer.get("8", {11: "1", 150: NEW})
    assert (resting[39], resting[14], quantity(resting, 151)) == ("0", "0", 2)

    peer.send("H", status("1", BUY))
    asked = {11: "1", 20: "3"} if version == FIX42 else {11: "1", 150: "I"}
    assert peer.get("8", asked)[39] == "0"

    peer.send("G", replace(version, "2", "1", BUY, "3", "5001.00"))
    replaced = peer.get("8", {11: "2", 150: REPLACED})
    assert replaced[41] == "1"
    assert (quantity(replaced, 38), quantity(replaced, 44), quantity(replaced, 151)) == (3, 5001, 3)

    peer.send("F", cancel("3", "2", BUY, "3"))
    cancelled = peer.get("8", {11: "3", 150: CANCELED})
    assert (cancelled[41], cancelled[39], quantity(cancelled, 151)) == ("2", "4", 0)

    peer.send("F", cancel("4", "3", BUY, "3"))
    too_late = peer.get("9", {11: "4"})
    assert (too_late[434], too_late[102]) == ("1", "0")
    peer.send("F", cancel("5", "never", BUY, "3"))
    unknown = peer.get("9", {11: "5"})
    assert (unknown[37], unknown[102]) == ("NONE", "1")

    peer.send("D", order(version, "6", BUY, "2", FAR, symbol="NO-SUCH"))
    refused = peer.get("8", {11: "6", 150: REJECTED})
    assert (refused[39], refused[103]) == ("8", "1")
    peer.send("D", order(version, "1", BUY, "2", FAR))
    assert peer.get("8", {11: "1", 150: REJECTED})[103] == "6"
    assert list(peer.rejects()) == []


def test_orders_fill_in_part_and_in_full(client: Client, version: str) -> None:
    peer, book = client("fills"), client("fills-MD")
    book.send("V", subscribe("now"))
    best = touch(book.get("W", {262: "now"}), SELL)

    peer.send("D", order(version, "1", BUY, "0.001", f"{best * 1.02:.2f}"))
    peer.until("it is filled", lambda: any(report[39] == "2" for report in peer.seen("8", {11: "1"})))
    done = fills(version, peer.seen("8", {11: "1"}))
    assert sum(quantity(report, 32) for report in done) == 0.001
    assert all(report[30] == VENUE and 6000 < quantity(report, 31) < 7000 for report in done)
    assert (quantity(done[-1], 14), quantity(done[-1], 151)) == (0.001, 0)

    peer.send("D", order(version, "2", BUY, "900", f"{best + 0.5:.2f}"))
    peer.until("it is filled in part", lambda: fills(version, peer.seen("8", {11: "2"})))
    peer.send("F", cancel("3", "2", BUY, "900"))
    ended = peer.get("8", {11: "3", 150: CANCELED})
    done = fills(version, peer.seen("8", {11: "2"}))
    assert all(report[39] == "1" and report[150] == ("1" if version == FIX42 else "F") for report in done)
    assert 0 < quantity(ended, 14) < 900
    assert abs(quantity(ended, 14) - sum(quantity(report, 32) for report in done)) < 1e-9

    peer.send("D", order(version, "4", BUY, "900", f"{best + 0.5:.2f}", tif="3"))
    peer.get("8", {11: "4", 39: "4"})
    assert len({report[17] for report in peer.seen("8")}) == len(peer.seen("8"))
    assert [*peer.rejects(), *book.rejects()] == []


def test_all_orders_are_listed_and_cancelled_at_once(client: Client, version: str) -> None:
    if version == FIX42:
        pytest.skip(NO_MASS)
    peer = client("mass")
    for number in ("1", "2", "3"):
        peer.send("D", order(version, number, BUY, "1", FAR))
        peer.get("8", {11: number, 150: NEW})
    peer.send("AF", mass_status("all"))
    last = peer.get("8", {584: "all", 912: "Y"})
    listed = peer.seen("8", {584: "all", 150: "I"})
    assert {report[11] for report in listed} == {"1", "2", "3"}
    assert last[911] == "3"
    peer.send("q", mass_cancel("4"))
    done = peer.get("r", {11: "4"})
    assert (done[530], done[531], done[533]) == ("7", "7", "3")
    for number in ("1", "2", "3"):
        peer.get("8", {11: number, 150: CANCELED})
    assert list(peer.rejects()) == []


def test_the_book_comes_as_a_snapshot_and_as_changes_to_it(client: Client, version: str) -> None:
    peer = client("book-MD")
    peer.send("V", subscribe("r1"))
    snapshot = peer.get("W", {262: "r1"})
    assert snapshot[268] == str(len(snapshot.entries(269)))
    assert touch(snapshot, BUY) < touch(snapshot, SELL)
    changes = peer.get("X", {262: "r1"}, nth=5)
    assert all(entry[279] in "012" and entry[269] in "012" for entry in changes.entries(279))

    peer.send("V", subscribe("r1"))
    assert peer.get("Y", {262: "r1"})[281] == "1"
    peer.send("V", subscribe("r1", ends=True))
    assert list(peer.rejects()) == []


def test_a_client_that_was_killed_gets_what_it_missed(client: Client, exchange: Ours, version: str) -> None:
    """What happened while it was away, and what it had but lost: the venue resends that with PossDupFlag."""
    peer = client("restart")
    peer.send("D", order(version, "1", BUY, "1", FAR))
    first = peer.get("8", {11: "1", 150: NEW})
    peer.send("D", order(version, "2", BUY, "2", FAR))
    second = peer.get("8", {11: "2", 150: NEW})
    peer.kill()
    exchange.admin("cancel", VENUE, second[37])

    seen = len(peer.wires)
    peer.start(numbers={VENUE: {"in": int(first[34])}})
    peer.logged_on()
    unasked = peer.get("8", {37: second[37], 150: CANCELED})
    again = [wire for wire in peer.wires[seen:] if wire.way == "in" and wire[35] == "8" and wire[43] == "Y"]
    assert [report[17] for report in again][:2] == [first[17], second[17]]
    assert all(report[122] for report in again)
    assert quantity(unasked, 151) == 0
    peer.send("F", cancel("3", "1", BUY, "1"))
    peer.get("8", {11: "3", 150: CANCELED})
    assert list(peer.rejects()) == []


def test_a_client_that_skips_numbers_is_asked_for_them_and_fills_the_gap(
    client: Client, version: str
) -> None:
    peer = client("gap")
    peer.send("D", order(version, "1", BUY, "1", FAR))
    peer.get("8", {11: "1", 150: NEW})
    peer.leave()
    out = max(int(wire[34]) for wire in peer.wires if wire.way == "out")
    peer.start(numbers={VENUE: {"out": out + 20}})
    asked = peer.get("2")
    assert int(asked[7]) == out + 1
    assert int(peer.get("4", {123: "Y"}, way="out")[36]) >= out + 20
    peer.send("D", order(version, "2", BUY, "1", FAR))
    peer.get("8", {11: "2", 150: NEW})
    assert list(peer.rejects()) == []


def test_each_fills_the_others_gap_when_both_have_one(client: Client, engine: Engine, version: str) -> None:
    if engine is FIXCORE:
        pytest.skip(
            "fixcore-engine 0.15.0 keeps a ResendRequest that comes early, and drops it when a gap fill "
            "covers its number: who asked hears nothing until he asks again (we do, after 30 s)"
        )
    peer = client("both")
    peer.send("D", order(version, "1", BUY, "1", FAR))
    first = peer.get("8", {11: "1", 150: NEW})
    peer.leave()
    out = max(int(wire[34]) for wire in peer.wires if wire.way == "out")
    peer.start(numbers={VENUE: {"out": out + 20, "in": int(first[34])}})
    peer.get("4", {123: "Y"}, way="out")
    assert peer.get("8", {17: first[17], 43: "Y"})[122]
    peer.send("D", order(version, "2", BUY, "1", FAR))
    peer.get("8", {11: "2", 150: NEW})
    assert list(peer.rejects()) == []


def test_an_order_that_was_sent_into_the_void_is_asked_for_and_taken(client: Client, version: str) -> None:
    peer = client("void")
    peer.log_out(VENUE)
    peer.until("it is logged out", lambda: not peer.up(VENUE))
    peer.send("D", order(version, "1", BUY, "1", FAR))
    peer.log_on(VENUE)
    peer.logged_on()
    peer.get("2")
    assert peer.get("D", {11: "1", 43: "Y"}, way="out")[122]
    assert peer.get("8", {11: "1"})[150] == NEW
    assert list(peer.rejects()) == []


def test_a_logout_is_answered_and_the_numbers_run_on(client: Client) -> None:
    peer = client("logout")
    for _ in range(2):
        peer.log_out(VENUE)
        peer.until("it is logged out", lambda: not peer.up(VENUE))
        peer.log_on(VENUE)
        peer.logged_on()
    logons = [int(wire[34]) for wire in peer.seen("A")]
    assert logons == sorted(set(logons))
    assert logons[0] == 1 < logons[-1]
    assert list(peer.rejects()) == []


def test_an_exchange_that_was_killed_starts_anew_with_numbers_reset_by_agreement(
    engine: Engine, version: str, tmp_path: Path
) -> None:
    """It is a simulator and keeps no sessions: the client's ResetSeqNumFlag(141) puts both back to 1."""
    with Ours(tmp_path / "ours") as ours:
        port = ours.start_fixsim({"CLIENT": version})
        sessions = {("CLIENT", VENUE): version}
        with Peer(engine, "initiator", port, tmp_path / "peer", sessions, {"ResetOnLogon": "Y"}) as peer:
            peer.logged_on()
            peer.send("D", order(version, "1", BUY, "1", FAR))
            peer.get("8", {11: "1", 150: NEW})
            ours.kill("fixsim")
            peer.until("the session is down", lambda: not peer.up(VENUE))
            ours.again("fixsim")
            peer.logged_on()
            assert [wire[34] for wire in peer.seen("A", {141: "Y"})] == ["1", "1"]
            peer.send("D", order(version, "1", BUY, "1", FAR))
            assert peer.get("8", {11: "1", 150: NEW}, nth=2)[34] == "2"
            assert list(peer.rejects()) == []
