"""Agents that live off others: what they see, what they do, what they gain, and from whom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.flow.hostile.agents import Agent, Anticipator, PennyJumper, Pinger
from fixsim.flow.hostile.crowd import Crowd
from fixsim.flow.hostile.desk import Desk, Taken
from fixsim.flow.log import Log
from fixsim.flow.markets import queue_reactive, zero_intelligence
from fixsim.flow.model import load_model
from fixsim.flow.record import Listing, record
from fixsim.flow.source import AGENT_KEYS, Source
from fixsim.flow.zero import Rates
from fixsim.matching import SMALL, BookFull, Kind, Market, Peg, Phase, Terms
from fixsim.matching.layout import S as State
from fixsim.tape.frame import Change
from tests.fixsim import victims
from tests.fixsim.victims import Act, Outcome, Slices, play

S = 1_000_000_000
MODEL = load_model()
RATES = Rates(limit_per_s=0.4, market_per_s=1.0, cancel_per_s=0.08, lots=100, ticks=12)


def quoted(venues: int = 1, lots: int = 1000, width: int = 1) -> Market:
    """1000 lots at each of ten prices a side around 20,001 half ticks; the touch is `width` ticks wide."""
    market = Market(venues, 20_001, capacity=SMALL)
    key = 0
    for venue in range(venues):
        for level in range(10):
            for sign, px in ((1, 20_000 - 2 * level), (-1, 20_000 + 2 * width + 2 * level)):
                key -= 1
                market.submit(venue, key, sign, px, lots, Kind.LIMIT, 0)
    market.changes()
    return market


# The desk


def test_a_desk_sees_the_touch_of_the_venues_that_trade_and_what_others_show() -> None:
    market = quoted(venues=2)
    desk = Desk(market, 0)
    market.submit(1, -100, 1, 20_000, 500, Kind.LIMIT, 0)
    best = desk.best()
    assert best is not None
    assert (best.bid_px, best.bid_lots, best.bid_venue, best.ask_px, best.spread) == (
        20_000,
        1500,
        1,
        20_002,
        2,
    )
    assert desk.shown(1, 20_000) == 2500
    desk.rest(1, 20_000, 77, 0, 1)
    assert desk.shown(1, 20_000) == 2500, "its own is not what others show"
    market.set_phase(1, Phase.HALTED, 1)
    assert desk.shown(1, 20_000) == 1000
    market.set_phase(0, Phase.HALTED, 1)
    assert desk.best() is None
    assert desk.take(1, 20_002, 5, 0, 2) == 0, "what a venue refuses is an order less"


def test_a_desk_reads_takers_off_the_tape_once() -> None:
    market = quoted()
    desk = Desk(market, 0)
    market.submit(0, -100, 1, 20_004, 1500, Kind.IOC, 5)
    market.submit(0, -101, -1, 20_000, 10, Kind.IOC, 5)
    market.submit(0, -102, -1, 20_000, 20, Kind.IOC, 6)
    assert desk.taken() == [Taken(5, 1, 1500), Taken(5, -1, 10), Taken(6, -1, 20)]
    assert desk.taken() == []


def test_an_account_is_what_the_fills_say_wherever_they_are_drained() -> None:
    market = quoted()
    desk = Desk(market, 3)
    assert desk.take(1, 20_004, 1500, 0, 1) == 1500
    assert desk.rest(-1, 20_008, 700, 0, 2) == 0
    market.fills()
    market.submit(0, -100, 1, 20_008, 2000, Kind.IOC, 3)
    market.fills()
    desk.settle()
    account = desk.account
    # 20,004 had 500 left and 20,006 has 1000; the agent's 700 are behind the 1000 at 20,008.
    assert (account.position, account.orders) == (1500, 2)
    market.submit(0, -101, 1, 20_008, 800, Kind.IOC, 4)
    desk.settle()
    assert account.position == 1500 - 300
    assert account.cash == -(1000 * 20_002 + 500 * 20_004) + 300 * 20_008
    assert account.gain(20_005.0) == account.cash + 1200 * 20_005.0
    desk.cancel_all(5)
    assert not market.orders(0)["key"].tolist().count(AGENT_KEYS)
    assert (market.orders(0)["key"] > AGENT_KEYS).all()


def test_a_trade_at_the_midpoint_meets_only_what_is_hidden() -> None:
    market = quoted()
    desk = Desk(market, 0)
    assert desk.at_mid(-1, 10, 0, 1) == 0
    market.submit(0, -100, 1, 0, 300, Kind.LIMIT, 2, Terms(peg=Peg.MID))
    assert desk.at_mid(1, 10, 0, 3) == 0
    desk.rest(1, 19_990, 5, 0, 3)
    assert desk.at_mid(-1, 10, 0, 4) == 10
    assert desk.account.cash == 10 * 20_001
    assert [px for _, px, _ in desk.resting().values()] == [19_990], "other orders of its own stay"


# The agents, in markets without a flow


def test_a_pinger_buys_up_the_thin_offer_above_a_hidden_buyer_and_hands_it_to_him() -> None:
    market = quoted()
    market.submit(0, -100, 1, 0, 5000, Kind.LIMIT, 0, Terms(peg=Peg.MID))
    agent = Pinger(Desk(market, 0))
    agent.look(1)
    account = agent.desk.account
    assert (account.found, account.trips, account.position) == (1, 1, 999)
    agent.look(2)
    assert account.position == 0
    # One lot sold at 20,001, a thousand bought at 20,002, handed over at the midpoint of 20,000 and 20,004.
    assert account.cash == 20_001 - 1000 * 20_002 + 999 * 20_002


def test_a_pinger_that_finds_nobody_does_nothing_and_one_who_is_stuck_gets_out() -> None:
    market = quoted()
    agent = Pinger(Desk(market, 0), patience=2)
    for now in range(10):
        agent.look(now)
    account = agent.desk.account
    assert (account.found, account.fills) == (0, 0)
    market.submit(0, -100, 1, 0, 300, Kind.LIMIT, 10, Terms(peg=Peg.MID))
    while not account.trips:
        agent.look(11)
    market.cancel(-100)
    for now in range(12, 16):
        agent.look(now)
    assert abs(account.position) <= 1
    assert account.gain(20_001) < 0


def test_a_penny_jumper_steps_in_front_and_leaves_with_the_large_order() -> None:
    market = quoted(width=3)
    agent = PennyJumper(Desk(market, 0), large_lots=5000, lots=200)
    agent.look(1)
    assert market.best(0).bid_px == 20_000
    market.submit(0, -100, 1, 20_000, 6000, Kind.LIMIT, 2)
    agent.look(3)
    assert (market.best(0).bid_px, market.best(0).bid_qty) == (20_002, 200)
    market.submit(0, -101, -1, 20_002, 200, Kind.IOC, 4)
    agent.look(5)
    assert agent.desk.account.position == 200
    assert [(sign, px) for sign, px, _ in agent.desk.resting().values()] == [(-1, 20_006)]
    market.cancel(-100)
    agent.look(6)
    account = agent.desk.account
    assert (account.position, account.cash) == (0, 200 * (20_000 - 20_002))
    assert not agent.desk.resting()
    agent.look(7)
    assert account.trips == 1


def test_a_penny_jumper_keeps_off_a_touch_that_is_a_tick_wide() -> None:
    market = quoted()
    agent = PennyJumper(Desk(market, 0), large_lots=500)
    agent.look(1)
    assert agent.desk.account.orders == 0


def prints(market: Market, agent: Agent, times: list[float], lots: list[int]) -> None:
    """Buyers at these seconds; the agent looks ten times a second, and the book is full again each time."""
    due = list(zip(times, lots, strict=True))
    key = -1000
    for tenth in range(int(times[-1] * 10) + 20):
        now = tenth * S // 10
        while due and due[0][0] <= tenth / 10:
            key -= 1
            market.submit(0, key, 1, 20_030, due.pop(0)[1], Kind.IOC, now)
            for px, there in ((20_002 + 2 * level, 1000) for level in range(10)):
                missing = there - int(market.depth(0, -1)[1][market.depth(0, -1)[0] == px].sum())
                if missing > 0:
                    key -= 1
                    market.submit(0, key, -1, px, missing, Kind.LIMIT, now)
        agent.look(now)


@pytest.mark.parametrize(
    ("times", "lots", "finds"),
    [
        ([5, 15, 25, 35, 45], [3000] * 5, True),
        ([5, 15, 25.2, 35, 45], [3000, 3010, 2990, 3000, 3000], True),
        ([5, 12, 25, 33, 45], [3000] * 5, False),
        ([5, 15, 25, 35, 45], [3000, 3500, 4000, 2800, 3900], False),
        ([5, 15, 25, 35, 45], [2000] * 5, False),
    ],
)
def test_an_anticipator_knows_one_size_at_even_times(
    times: list[float], lots: list[int], finds: bool
) -> None:
    market = quoted()
    agent = Anticipator(Desk(market, 0), reaction_ns=S // 10, lots=500, hold=1)
    prints(market, agent, times, lots)
    account = agent.desk.account
    assert (account.found > 0) == finds
    assert (account.trips > 0) == finds
    assert account.position == 0, "it is out again"
    if finds:
        assert account.bought == account.sold == 500 * account.trips


def test_an_anticipator_whose_print_fails_to_come_is_out_at_once() -> None:
    market = quoted()
    agent = Anticipator(Desk(market, 0), reaction_ns=S // 10, lots=500, hold=10)
    prints(market, agent, [5, 15, 25], [3000] * 3)
    for tenth in range(270, 400):
        agent.look(tenth * S // 10)
    assert agent.desk.account.trips == 1
    assert agent.desk.account.position == 0


# The crowd


def crowd(seed: int, *agents: Callable[[Desk], Agent], log: Log | None = None) -> tuple[Source, Crowd]:
    source = queue_reactive(MODEL, seed=seed, duration_s=120.0, log=log)
    hands = source.flow.hands  # type: ignore[attr-defined]
    desks = [Desk(source.market, number, log, hands.acts) for number in range(len(agents))]
    made = [make(desk) for make, desk in zip(agents, desks, strict=True)]
    return source, Crowd(source.flow, made, seed=seed, start_ns=0)


def busy(desk: Desk) -> Agent:
    return PennyJumper(desk, large_lots=4_000, lots=500)


def test_agents_that_find_nothing_leave_the_flow_as_it_was() -> None:
    alone = queue_reactive(MODEL, seed=3, duration_s=120.0)
    source, watched = crowd(3, lambda desk: PennyJumper(desk, large_lots=1 << 40), Anticipator)
    alone.flow.step_until(120 * S)
    watched.step_until(120 * S)
    assert source.market.digest() == alone.market.digest()


def test_a_crowd_is_the_same_however_it_is_stepped() -> None:
    (a, whole), (b, parts), (c, other) = (
        crowd(5, busy, Pinger),
        crowd(5, busy, Pinger),
        crowd(6, busy, Pinger),
    )
    whole.step_until(120 * S)
    for at in range(S // 3, 120 * S, S // 3):
        parts.step_until(at)
        parts.disturbed()
        assert (parts.next_time_ns() or 0) > at
        b.market.fills()
        b.market.changes()
    parts.step_until(120 * S)
    other.step_until(120 * S)
    assert a.market.digest() == b.market.digest() != c.market.digest()
    accounts = [[agent.desk.account for agent in one.agents] for one in (whole, parts)]
    assert accounts[0] == accounts[1]
    assert accounts[0][0].fills > 0


def test_a_look_waits_for_room_in_the_fills() -> None:
    source, watched = crowd(5, busy)
    source.market.core.state[State.FILLS] = len(source.market.core.fills) - 10
    with pytest.raises(BookFull, match=r"Capacity\.fills"):
        watched.step_until(S)
    source.market.core.state[State.FILLS] = 0
    watched.step_until(S)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_every_account_is_the_sum_of_its_fills(seed: int) -> None:
    source, watched = crowd(seed, busy, lambda desk: PennyJumper(desk, large_lots=8_000), Pinger)
    market = source.market
    position, cash = dict[int, int](), dict[int, int]()
    for second in range(1, 121):
        watched.step_until(second * S)
        for fill in market.fills():
            sign, px, lots = int(fill["aggressor_sign"]), int(fill["px"]), int(fill["qty"])
            for key, way in ((int(fill["taker_key"]), sign), (int(fill["maker_key"]), -sign)):
                if key <= AGENT_KEYS:
                    agent = (AGENT_KEYS - key) >> 40
                    position[agent] = position.get(agent, 0) + way * lots
                    cash[agent] = cash.get(agent, 0) - way * lots * px
        market.changes()
    for number, agent in enumerate(watched.agents):
        agent.desk.settle()
        account = agent.desk.account
        assert (account.position, account.cash) == (position.get(number, 0), cash.get(number, 0))
        assert account.bought - account.sold == account.position


def test_what_agents_do_is_in_the_frame() -> None:
    def opens(log: Log) -> Source:
        source, watched = crowd(5, busy, log=log)
        return Source(source.market, watched, 0, source.stop_ns)

    frame = record(opens, Listing("QRM", MODEL.tick_nanos))
    theirs = frame.order_id == -1
    assert {Change.LIMIT, Change.CANCEL} <= set(frame.change[theirs].tolist())
    assert (np.diff(frame.time_ns) >= 0).all()
    assert (frame.px[:, 0, 0] < frame.px[:, 1, 0]).all()


# What they gain, and from whom: over seeds, in ticks x 1000 lots.


def reactive(seed: int) -> Source:
    return queue_reactive(MODEL, seed=seed, duration_s=900.0)


def zero(seed: int) -> Source:
    return zero_intelligence(RATES, seed=seed, duration_s=900.0)


def outcomes(
    opens: Callable[[int], Source],
    agent: Callable[[Desk], Agent],
    act: Act,
    slices: Callable[[int, int, float, int], Slices] | None,
    plan: tuple[int, float, int],
    seeds: int,
) -> list[Outcome]:
    return [play(opens, agent, act, slices(seed, *plan) if slices else None, seed) for seed in range(seeds)]


def gain(outcomes: list[Outcome]) -> tuple[float, float]:
    """Mean and standard error."""
    gains = np.array([one.gain for one in outcomes]) / 2 / 1000
    return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))


def test_an_anticipator_gains_from_equal_slices_and_not_from_random_ones() -> None:
    def agent(desk: Desk) -> Agent:
        return Anticipator(desk, reaction_ns=S, hold=10)

    plan = (35, 25.0, 6000)
    equal = outcomes(reactive, agent, victims.take, Slices.equal, plan, 10)
    random = outcomes(reactive, agent, victims.take, Slices.random, plan, 10)
    none = outcomes(reactive, agent, victims.take, None, plan, 4)
    mean, error = gain(equal)
    assert mean > 3 * error
    assert all(one.found for one in equal)
    assert abs(gain(random)[0]) < 0.1 * mean
    assert sum(one.found for one in random) < 0.1 * sum(one.found for one in equal)
    assert not any(one.found for one in none)


def test_a_pinger_gains_from_whoever_is_hidden_but_not_from_who_asks_for_a_minimum() -> None:
    """Uneven sizes and times do not help against a ping; a minimum quantity does."""

    def agent(desk: Desk) -> Agent:
        return Pinger(desk, reaction_ns=S)

    plan = (44, 20.0, 6000)
    equal = outcomes(reactive, agent, victims.hide, Slices.equal, plan, 30)
    guarded = outcomes(reactive, agent, victims.guard, Slices.random, plan, 6)
    none = outcomes(reactive, agent, victims.hide, None, plan, 4)
    mean, error = gain(equal)
    assert mean > 3 * error
    assert all(one.found for one in equal)
    for calm in (guarded, none):
        assert not any(one.found for one in calm)
        assert gain(calm)[0] == 0


def test_a_penny_jumper_gains_from_what_is_displayed_whole_but_not_from_an_iceberg() -> None:
    """In a market with a spread to step into. Uneven slices help little, showing little of them does."""

    def agent(desk: Desk) -> Agent:
        return PennyJumper(desk, reaction_ns=S, large_lots=2000, lots=200)

    plan = (44, 20.0, 3000)
    equal = outcomes(zero, agent, victims.show, Slices.equal, plan, 6)
    veiled = outcomes(zero, agent, victims.iceberg, Slices.random, plan, 4)
    none = outcomes(zero, agent, victims.show, None, plan, 2)
    mean, error = gain(equal)
    assert mean > 3 * error
    assert all(one.trips for one in equal)
    for calm in (veiled, none):
        assert not any(one.found for one in calm)
        assert gain(calm)[0] == 0
