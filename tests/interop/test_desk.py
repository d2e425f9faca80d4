"""Somebody else's engine as a desk of `router run`, which trades at `fixsim serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Client, comp_id
from tests.interop.engines import FIXCORE, Engine
from tests.interop.ours import COMP_ID, Ours, said
from tests.interop.peer import Peer
from tests.interop.wording import (
    BUY,
    CANCELED,
    FIX42,
    FIX50SP2,
    NEW,
    NO_MASS,
    PENDING_CANCEL,
    REJECTED,
    REPLACED,
    SELL,
    SUBMIT_AND_LEAVE,
    cancel,
    fills,
    mass_cancel,
    mass_status,
    parent,
    quantity,
    replace,
    status,
)

FAR = "5000.00"  # the recording trades above 6,000: no child of a buy at this limit fills


CLIENT = [(448, "CLIENT-7"), (447, "D"), (452, "3")]


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


def test_an_order_is_changed_while_it_works(desk: Client, version: str) -> None:
    peer = desk("replace")
    peer.send("D", parent(version, peer.own, "1", BUY, "0.5", FAR, seconds=60))
    peer.get("8", {11: "1", 150: NEW})
    peer.send("G", replace(version, "2", "1", BUY, "0.6", "5001.00", account=peer.own))
    changed = peer.get("8", {11: "2", 150: REPLACED})
    assert changed[41] == "1"
    assert (quantity(changed, 38), quantity(changed, 44), quantity(changed, 151)) == (0.6, 5001, 0.6)

    peer.send("G", replace(version, "3", "2", BUY, "1000", "5001.00", account=peer.own))
    refused = peer.get("9", {11: "3"})
    assert (refused[41], refused[434], refused[39]) == ("2", "2", "0")
    assert refused[58]
    peer.send("G", replace(version, "4", "never", BUY, "0.6", "5001.00", account=peer.own))
    assert peer.get("9", {11: "4"})[102] == "1"

    # Beyond the other side it trades, and what is left of it is changed again.
    peer.send("G", replace(version, "5", "2", BUY, "0.6", "6999.00", account=peer.own))
    peer.get("8", {11: "5", 150: REPLACED})
    peer.until("a fill", lambda: fills(version, peer.seen("8", {11: "5"})))
    peer.send("G", replace(version, "6", "5", BUY, "0.7", "5000.00", account=peer.own))
    lower = peer.get("8", {11: "6", 150: REPLACED})
    assert quantity(lower, 14) > 0
    assert abs(quantity(lower, 14) + quantity(lower, 151) - 0.7) < 1e-9
    peer.send("F", cancel("7", "6", BUY, "0.7"))
    peer.get("8", {11: "7", 150: CANCELED})
    assert list(peer.rejects()) == []


def test_all_orders_of_a_desk_are_listed_and_cancelled_at_once(desk: Client, version: str) -> None:
    if version == FIX42:
        pytest.skip(NO_MASS)
    peer = desk("mass")
    for number in ("1", "2"):
        peer.send("D", parent(version, peer.own, number, BUY, "0.5", FAR, seconds=60))
        peer.get("8", {11: number, 150: NEW})
    peer.send("AF", mass_status("all"))
    last = peer.get("8", {584: "all", 912: "Y"})
    assert last[911] == "2"
    assert {report[11] for report in peer.seen("8", {584: "all", 150: "I"})} == {"1", "2"}
    peer.send("q", mass_cancel("3"))
    done = peer.get("r", {11: "3"})
    assert (done[530], done[531], done[533]) == ("7", "7", "2")
    for number in ("1", "2"):
        peer.until(
            f"{number} is cancelled",
            lambda number=number: any(r[150] == CANCELED for r in peer.seen("8") if number in (r[11], r[41])),  # type: ignore[misc]
        )
    assert list(peer.rejects()) == []


def test_who_an_order_is_for_comes_back_and_is_copied(desk: Client, version: str) -> None:
    peer, copy = desk("terms"), desk("terms/copy")
    about: list[tuple[int, Any]] = [] if version == FIX42 else [(528, "A"), (453, [CLIENT])]
    if version == FIX50SP2:
        fields = [
            item for item in parent(version, peer.own, "1", BUY, "0.5", FAR, seconds=60) if item[0] != 848
        ]
        about.append((957, [[(958, "complete"), (959, "14"), (960, "may")]]))
    else:
        fields = list(parent(version, peer.own, "1", BUY, "0.5", FAR, seconds=60))
    peer.send("D", [*fields, *about])
    taken = peer.get("8", {11: "1", 150: NEW})
    copied = copy.get("8", {11: "1", 150: NEW})
    assert taken[1] == copied[1] == peer.own
    assert (copied[37], copied[17]) == (taken[37], taken[17])
    if version != FIX42:
        assert taken[528] == "A"
        assert dict(CLIENT).items() <= taken.entries(448)[0].items()
        assert (copied[797], taken[797]) == ("Y", "")
        assert any(dict(CLIENT).items() <= party.items() for party in copied.entries(448))

    short = parent(version, peer.own, "2", "5", "0.5", seconds=60)
    peer.send("D", [*short, (114, "N")])
    refused = peer.get("8", {11: "2", 150: REJECTED})
    assert "short" in refused[58]
    peer.send("F", cancel("3", "1", BUY, "0.5"))
    peer.get("8", {11: "3", 150: CANCELED})
    copy.get("8", {11: "3", 150: CANCELED})
    assert [*peer.rejects(), *copy.rejects()] == []


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


def test_a_desk_that_says_what_it_expects_next_is_sent_it_without_asking(
    desk: Client, engine: Engine, version: str
) -> None:
    if version == FIX42:
        pytest.skip("FIX 4.2 has no NextExpectedMsgSeqNum(789)")
    if engine is FIXCORE:
        pytest.skip("fixcore-engine 0.15.0 has no NextExpectedMsgSeqNum(789)")
    peer = desk("next", SendNextExpectedMsgSeqNum="Y")
    peer.send("D", parent(version, peer.own, "1", BUY, "0.5", FAR, seconds=60))
    first = peer.get("8", {11: "1", 150: NEW})
    peer.send("F", cancel("2", "1", BUY, "0.5"))
    last = peer.get("8", {11: "2", 150: CANCELED})
    peer.leave()
    seen = len(peer.wires)
    peer.start(numbers={COMP_ID: {"in": int(first[34])}})
    peer.logged_on()
    peer.until("all of it again", lambda: peer.seen("8", {17: last[17], 43: "Y"}))
    peer.send("H", status("1", BUY))
    peer.get("8", {150: "I"})
    now = peer.wires[seen:]
    assert [wire[789] for wire in now if wire.way == "out" and wire[35] == "A"] == [first[34]]
    assert not [wire for wire in now if wire[35] == "2"]
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
            [{"comp_id": "DESK1", **said(version)}],
            exchange.lit_at_fixsim(comp_id(engine, version, "router"), version),
        )
        with Peer(engine, "initiator", port, tmp_path / "desk", {("DESK1", COMP_ID): version}) as peer:
            peer.logged_on()
            ours.wait_books()
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
