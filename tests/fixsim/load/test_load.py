"""`fixsim load`: what its clients send is taken and traded, and its figures are of what happened."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fixsim.load import Load
from fixsim.load.client import Sent, Wire, latencies_us, unanswered
from fixsim.load.figures import Figures, Used, percentiles
from fixsim.load.plan import VENUES, named, requests, settings_for
from fixsim.load.run import run
from fixsim.settings import load_settings
from fixsim.tape import load_tape
from router.fix.codec import encode
from tests.fixsim.market import ETC, Floor

BASE = load_settings(ETC)
SMALL = Load(sessions=6, rate=300, seconds=2.0)
NOW_NS = 1_531_514_831_000_000_000


def test_a_small_load_is_held_and_every_request_answered() -> None:
    shares: list[float] = []
    figures = run(SMALL, BASE, ETC, lambda share, sent, back: shares.append(share))
    assert figures.lost == ()
    assert figures.unanswered == 0
    assert 0.9 * 600 < figures.sent <= 600
    assert figures.answers > 1.1 * figures.sent, "a quarter of them trade, which is a second report"
    assert shares
    assert figures.cpu_s > 0
    assert 0 < figures.percentiles_us["p50"] <= figures.percentiles_us["most"]


def test_what_is_sent_is_taken_in_turn_rests_is_replaced_cancelled_and_trades() -> None:
    load = Load(sessions=2)
    floor = Floor(settings_for(load, BASE), load_tape(), origin_ns=NOW_NS)
    floor.run(2000)
    venue, comp_id = named(load)[0]
    client = floor.client(venue, comp_id)
    plan = requests(b"BTC-USD", 1, 2)
    next(plan)
    for _ in range(8):
        msg_type, body, _ = plan.send(floor.now_ns)
        client.send_raw(msg_type, body)
    floor.run(20)
    assert client.reports() == [
        "0 0 0 0.00002", "5 0 0 0.00003", "4 4 0 0", "0 0 0 0.00001", "F 2 0.00001 0",
    ] * 2  # fmt: skip


def test_sessions_share_no_numbers_and_are_at_both_venues() -> None:
    load = Load(sessions=5)
    assert {venue for venue, _ in named(load)} == set(VENUES)
    assert len(set(named(load))) == 5
    taken: list[int] = []
    for number in range(5):
        plan = requests(b"X", number + 1, 5)
        next(plan)
        taken += [plan.send(NOW_NS)[2] for _ in range(12)]
    assert sorted(taken) == list(range(1, 61))


def report(number: int) -> bytes:
    body = b"37=1\x0111=%d\x0117=1\x0158=ten 10=123 of\x01" % number
    return encode(b"FIX.4.4", b"8", number, b"V", b"C", NOW_NS, body)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_answers_are_recognised_however_the_bytes_are_cut(size: int) -> None:
    sent = Sent(np.ones(50, np.int64), np.zeros(50, np.int64))
    wire = Wire("V", "C", sent)
    wire.on.set_result(None)
    raw = b"".join(report(number) for number in range(1, 41))
    for at in range(0, len(raw), size):
        wire.data_received(raw[at : at + size])
    assert sent.messages == 40
    assert sent.answered_ns[1:41].all()
    assert not sent.answered_ns[41:].any()


def test_latency_is_of_the_first_answer_and_of_those_that_were_answered() -> None:
    sent = Sent(np.array([0, 1000, 2000, 3000]), np.array([0, 5000, 0, 4000]))
    assert latencies_us(sent).tolist() == [4.0, 1.0]
    assert unanswered(sent) == 1
    found = percentiles(np.arange(1.0, 1001.0))
    assert list(found) == ["p50", "p90", "p99", "p99.9", "most"]
    assert all(one < other for one, other in pairwise(found.values()))
    assert percentiles(np.zeros(0)) == {}


def test_a_run_is_held_only_if_all_stayed_and_all_was_sent_and_answered_soon() -> None:
    held = Figures(SMALL, 600, 700, 0, (), 2.0, {"p50": 1000.0}, 0.06, 1 << 20, 1 << 28)
    assert held.held
    assert held.cpu_us == pytest.approx(100)
    assert "one core would do 10,000 a second" in "\n".join(held.lines())
    late = {"p50": 1000.0, "p90": 1_500_000.0}
    worse: list[dict[str, Any]] = [
        {"sent": 500}, {"unanswered": 1}, {"lost": ("V",)}, {"percentiles_us": late},
    ]  # fmt: skip
    for change in worse:
        assert not replace(held, **change).held


def test_a_process_tells_what_it_has_used() -> None:
    used = Used.by(os.getpid())
    assert used.cpu_s > 0
    assert used.rss_bytes > 1 << 20
    with pytest.raises(OSError, match="No such"):
        Used.by(2**22 + 1)


async def test_a_session_that_ends_before_its_time_is_lost() -> None:
    sent = Sent(np.ones(5, np.int64), np.zeros(5, np.int64))
    wire = Wire("V", "C", sent)
    wire.connection_lost(None)
    assert sent.lost == ["C: closed by the venue"]
    with pytest.raises(ConnectionError, match="C was not logged on"):
        await asyncio.wait_for(wire.on, 1)
