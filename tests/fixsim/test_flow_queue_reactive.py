"""Queue-reactive flow in a market: its law, what it leaves alone, and that nothing of it leaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixsim.flow import displayed
from fixsim.flow.acts import RESTED, TAKEN_OFF, TRADED
from fixsim.flow.log import Log
from fixsim.flow.model import Model, load_model
from fixsim.flow.queue_reactive import QueueReactive
from fixsim.matching import SMALL, BookFull, Capacity, Kind, Market, MatchingError, Phase
from fixsim.matching.layout import EVENT, OPENING

REF = 20_001
NEVER = 1 << 62
S = 1_000_000_000
PUBLISHED = load_model()
UNITS = PUBLISHED.unit_lots.tolist()


class Kept(Log):
    """Rows in a list, the opening's first."""

    def __init__(self, *, levels: int, rows: int) -> None:
        super().__init__(levels=levels, rows=rows)
        self.kept: list[np.ndarray] = []
        self.first = 0
        self.shown: list[tuple[np.ndarray, np.ndarray]] = []

    def opening(self, rows: np.ndarray) -> None:
        self.kept.append(rows)
        self.first += len(rows)

    def take(self, rows: np.ndarray, px: np.ndarray, qty: np.ndarray) -> None:
        self.kept.append(rows)
        self.shown.append((px, qty))


def run(
    seed: int = 1, *, model: Model = PUBLISHED, venues: int = 1, log: Log | None = None, start_ns: int = 0
) -> tuple[Market, QueueReactive]:
    market = Market(venues, REF, capacity=SMALL)
    return market, QueueReactive(market, model, seed=seed, start_ns=start_ns, start_px=REF, log=log)


def on(flow: QueueReactive, events: int, each: int = 500) -> None:
    """So many events, and what they did drained on the way."""
    for _ in range(0, events, each):
        flow.step(NEVER, each)
        flow.hands.market.fills()
        flow.hands.market.changes()


def levels(market: Market, ref: int, sign: int) -> list[int]:
    """Lots on the model's levels."""
    return [int(displayed.shown(market.core, sign, ref - sign * (2 * k + 1))) for k in range(len(UNITS))]


def test_the_same_seed_gives_the_same_market_however_it_is_stepped() -> None:
    (a, whole), (b, parts), (c, other) = run(7), run(7), run(8)
    until_ns, steps = 60 * S, np.random.default_rng(1).integers(1, S, 200).tolist()
    n = whole.step_until(until_ns)
    at_ns, m = 0, 0
    while at_ns < until_ns:
        at_ns = min(until_ns, at_ns + steps.pop())
        m += parts.step_until(at_ns)
        if (due_ns := parts.next_time_ns()) is not None:
            assert due_ns > at_ns
    other.step_until(until_ns)
    assert n == m > 200
    assert a.digest() == b.digest() != c.digest()
    assert whole.next_time_ns() == parts.next_time_ns()


def test_disturbing_what_did_not_change_moves_nothing() -> None:
    (a, calm), (b, poked) = run(3), run(3)
    for second in range(1, 60):
        calm.step_until(second * S)
        poked.step_until(second * S)
        for _ in range(5):
            poked.disturbed()
        assert calm.next_time_ns() == poked.next_time_ns()
    assert a.digest() == b.digest()


def test_queues_have_the_distribution_that_their_rates_imply() -> None:
    """p_ref held still, each queue is a birth and death chain of its own; time spent, not visits."""
    market, flow = run(5, model=replace(PUBLISHED, theta=0.0))
    size = PUBLISHED.most + 1
    spent = np.zeros((2, 3, size))
    last = flow.next_time_ns()
    assert last is not None
    for _ in range(60_000):
        flow.step(NEVER, 1)
        due = flow.next_time_ns()
        assert due is not None
        for side, sign in enumerate((1, -1)):
            for k, lots in enumerate(levels(market, REF, sign)):
                assert lots % UNITS[k] == 0
                spent[side, k, lots // UNITS[k]] += due - last
        last = due
        market.fills()
    rates = PUBLISHED.intensity[:, :, 0, :]
    for k in range(3):
        up, down = rates[k, :-1, 0], rates[k, 1:, 1] + rates[k, 1:, 2]
        law = np.concatenate([[1.0], np.cumprod(up / down)])
        law /= law.sum()
        seen = spent[:, k].sum(axis=0) / spent[:, k].sum()
        # Level 3 forgets slowly (a queue of 19 moves by 1): the bounds are its own spread over seeds.
        assert np.abs(np.cumsum(seen) - np.cumsum(law)).max() < (0.04, 0.08, 0.25)[k]
    assert flow.ref_px == REF
    assert flow.moves == (0, 0)


def test_waiting_times_are_those_of_the_book_with_participants_orders_in_it() -> None:
    """The mean of rate times wait is 1, also when someone changes the book half way."""
    spent = []
    for seed in range(300):
        market, flow = run(seed, venues=2)
        due = flow.next_time_ns()
        assert due is not None
        flow.step_until(due // 2)
        market.submit(seed % 2, -1, 1, REF - 1, 5 * UNITS[0], Kind.LIMIT, due // 2)
        before = rate_of(market)
        flow.disturbed()
        again = flow.next_time_ns()
        assert again is not None
        first = before_rate(seed)
        spent.append((due // 2) / S * first + (again - due // 2) / S * before)
    assert abs(np.mean(spent) - 1) < 4 / np.sqrt(len(spent))
    assert abs(np.mean(np.array(spent) > 1) - np.exp(-1)) < 0.1


def before_rate(seed: int) -> float:
    return rate_of(run(seed, venues=2)[0])


def rate_of(market: Market) -> float:
    """The rate of the whole book at REF, from the table."""
    total = 0.0
    for sign in (1, -1):
        for k, lots in enumerate(levels(market, REF, sign)):
            n = min(-(-lots // UNITS[k]), PUBLISHED.most)
            rates = PUBLISHED.intensity[k, n, 0]
            total += (rates[0] if n < PUBLISHED.most else 0.0) + (rates[1] + rates[2] if n else 0.0)
    return total


@pytest.mark.parametrize("venues", [1, 3])
def test_a_long_run_leaks_nothing_and_never_crosses(venues: int) -> None:
    market, flow = run(2, venues=venues)
    most = 0
    for _ in range(400):
        flow.step(NEVER, 500)
        market.fills()
        market.changes()
        bid = max(market.best(v).bid_px for v in range(venues))
        ask = min(market.best(v).ask_px or NEVER for v in range(venues))
        assert 0 < bid < flow.ref_px < ask
        rests = market.counts().resting
        most = max(most, rests)
        assert np.count_nonzero(market.core.recorded) == rests
    orders = np.concatenate([market.orders(v) for v in range(venues)])
    assert orders["qty"].min() > 0
    assert (np.abs(orders["px"] - flow.ref_px) < 20).all(), "ten levels a side"
    serials = flow.hands.acts.serial[orders["key"]]
    assert len(set(serials.tolist())) == len(serials), "each order has a number of its own"
    assert most < 1_500
    assert flow.hands.void == 0
    followed, redrawn = flow.moves
    assert abs(redrawn / followed - PUBLISHED.theta_reinit) < 5 * np.sqrt(0.85 * 0.15 / followed)


def test_all_of_a_level_taken_moves_p_ref_about_as_often_as_theta_says() -> None:
    moved = 0
    for seed in range(300):
        market, flow = run(seed)
        flow.step_until(S)
        ref, ask = flow.ref_px, market.best(0)
        market.submit(0, -1, 1, ask.ask_px, ask.ask_qty, Kind.IOC, S)
        flow.disturbed()
        assert flow.next_time_ns() == S, "the answer is due at once"
        assert flow.step_until(S) == 1
        assert flow.ref_px - ref in (0, 2)
        moved += flow.ref_px - ref == 2
    assert abs(moved / 300 - 0.7) < 4 * np.sqrt(0.7 * 0.3 / 300)


def test_a_participants_trade_through_two_levels_can_move_p_ref_by_two_ticks() -> None:
    seen = Counter[int]()
    for seed in range(200):
        market, flow = run(seed, model=replace(PUBLISHED, theta=1.0, theta_reinit=0.0))
        market.submit(0, -1, 1, REF + 3, 1 << 20, Kind.IOC, 0)
        flow.disturbed()
        flow.step_until(0)
        seen[flow.ref_px - REF] += 1
    assert max(seen) == 4
    assert seen[4] > 150, seen


def test_what_is_redrawn_comes_to_its_size_with_participants_orders_counted() -> None:
    only_five = np.zeros((3, PUBLISHED.most + 1))
    only_five[:, 5] = 1.0
    market, flow = run(model=replace(PUBLISHED, theta=1.0, theta_reinit=1.0, invariant=only_five))
    market.submit(0, -1, 1, REF + 1, 5 * UNITS[0], Kind.IOC, 0)
    market.submit(0, -2, 1, REF + 1, 2 * UNITS[0], Kind.LIMIT, 0)
    market.submit(0, -3, -1, REF + 5, 9 * UNITS[1], Kind.LIMIT, 0)
    flow.disturbed()
    flow.step_until(0)
    assert flow.ref_px == REF + 2
    assert levels(market, flow.ref_px, 1) == [5 * unit for unit in UNITS]
    assert levels(market, flow.ref_px, -1) == [5 * UNITS[0], 9 * UNITS[1], 5 * UNITS[2]]
    at_best = market.orders(0)
    at_best = at_best[(at_best["px"] == REF + 1) & (at_best["sign"] > 0)]
    assert at_best["key"].tolist()[0] == -2, "the rest of the five units is the flow's"
    assert market.queue_ahead(-2) == 0, "participants keep their place"
    assert market.leaves(-3) == 9 * UNITS[1]


def test_venues_share_the_flow_and_a_halted_one_is_left_alone() -> None:
    market, flow = run(4, venues=2)
    on(flow, 2_000)
    both = [market.best(v) for v in range(2)]
    assert all(touch.bid_qty and touch.ask_qty for touch in both)
    if not hasattr(market, "set_phase"):
        pytest.skip("this market has no phases")
    market.set_phase(1, Phase.HALTED, 0)
    flow.disturbed()
    flow.step_until(flow.next_time_ns() or 0)
    trades = market.counts().matches
    market.fills()
    for _ in range(20):
        flow.step(NEVER, 100)
        assert not (market.fills()["venue"] == 1).any()
        market.changes()
        assert market.best(0).bid_px < flow.ref_px < market.best(0).ask_px
    assert market.counts().matches > trades
    touch = market.best(1)
    assert touch.bid_px < flow.ref_px
    assert not touch.ask_px or touch.ask_px > flow.ref_px, "what p_ref passed is gone there too"


def test_refusals_name_the_rule() -> None:
    market = Market(1, REF, capacity=SMALL)
    with pytest.raises(MatchingError, match="between two"):
        QueueReactive(market, PUBLISHED, seed=1, start_ns=0, start_px=REF + 1)
    with pytest.raises(MatchingError, match="depth 3"):
        QueueReactive(market, PUBLISHED, seed=1, start_ns=0, start_px=REF, depth=3)
    few = Market(1, REF, capacity=replace(SMALL, recorded=SMALL.orders))
    with pytest.raises(MatchingError, match=r"Capacity\.recorded"):
        QueueReactive(few, PUBLISHED, seed=1, start_ns=0, start_px=REF)
    with pytest.raises(MatchingError, match="no room"):
        QueueReactive(market, PUBLISHED, seed=1, start_ns=0, start_px=15)
    market.submit(0, -1, 1, 100, 1, Kind.LIMIT, 0)
    with pytest.raises(MatchingError, match="empty market"):
        QueueReactive(market, PUBLISHED, seed=1, start_ns=0, start_px=REF)


def test_what_does_not_fit_waits_until_it_does() -> None:
    small = Capacity(
        orders=1 << 13, recorded=1 << 14, own=16, window=1 << 12, overflow=64, fills=1 << 12, trades=64,
        notes=64,
    )  # fmt: skip
    full, drained = Market(1, REF, capacity=small), Market(1, REF, capacity=small)
    a, b = (QueueReactive(m, PUBLISHED, seed=3, start_ns=0, start_px=REF) for m in (full, drained))
    with pytest.raises(BookFull, match=r"Capacity\.fills"):
        a.step(NEVER, 1 << 20)
    stopped = a.hands.events
    assert stopped > 10_000
    full.fills()
    a.step(NEVER, 1_000)
    on(b, stopped + 1_000, 100)
    b_events, a_events = b.hands.events, a.hands.events
    b.step(NEVER, max(0, a_events - b_events))
    a.step(NEVER, max(0, b_events - a_events))
    assert a.hands.events == b.hands.events
    assert full.digest() == drained.digest()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(
        st.tuples(
            st.sampled_from(("limit", "ioc", "cancel")),
            st.sampled_from((1, -1)),
            st.integers(-8, 8),
            st.integers(1, 20_000),
            st.integers(1, 3 * S),
        ),
        max_size=25,
    ),
)
def test_participants_orders_leave_only_by_their_own_hand_or_by_a_trade(
    seed: int, acts: list[tuple[str, int, int, int, int]]
) -> None:
    market, flow = run(seed, venues=2)
    now, key, mine = 0, 0, dict[int, int]()

    def settle() -> None:
        for fill in market.fills():
            assert fill["qty"] > 0
            for who, ours in (("maker_key", "maker_is_ours"), ("taker_key", "taker_is_ours")):
                if fill[ours] and int(fill[who]) in mine:
                    mine[int(fill[who])] -= int(fill["qty"])
        assert {k: market.leaves(k) for k in mine} == mine

    for act, sign, ticks, qty, wait in acts:
        now += wait
        flow.step_until(now)
        settle()
        if act == "cancel":
            if mine:
                assert market.cancel(next(iter(mine))) == mine.pop(next(iter(mine)))
        else:
            key -= 1
            kind = Kind.LIMIT if act == "limit" else Kind.IOC
            done = market.submit(key % 2, key, sign, REF + 1 + 2 * ticks, qty, kind, now)
            market.fills()
            if done.leaves:
                mine[key] = done.leaves
                # its own fills were in that drain; those of others' orders too
            mine = {k: market.leaves(k) for k in mine if market.leaves(k)}
        flow.disturbed()
        flow.step_until(now)
        settle()
        mine = {k: lots for k, lots in mine.items() if lots}
        for venue in range(2):
            best = market.best(venue)
            assert not (best.bid_px and best.ask_px) or best.bid_px < best.ask_px
        assert np.count_nonzero(market.core.recorded) + len(mine) == market.counts().resting


def test_the_log_says_everything_that_happened_to_the_book() -> None:
    log = Kept(levels=4, rows=64)
    (market, flow), (plain, silent) = run(6, venues=2, log=log), run(6, venues=2)
    matches = 0
    for _ in range(30):
        flow.step(NEVER, 200)
        silent.step(NEVER, 200)
        assert int(market.fills()["qty"].sum()) == int(plain.fills()["qty"].sum())
        matches = market.counts().matches
    log.drain()
    assert market.digest() == plain.digest(), "keeping a log changes nothing"
    every = np.concatenate(log.kept)
    px, qty = (np.concatenate([pair[i] for pair in log.shown]) for i in (0, 1))
    assert np.diff(every["time_ns"]).min() >= 0
    assert np.count_nonzero(every["what"] == TRADED) == matches
    book: dict[int, dict[int, int]] = {1: {}, -1: {}}
    orders: dict[int, tuple[int, int, int]] = {}
    for i, row in enumerate(every, -log.first):  # the opening has no book after each row
        sign, price, lots, order = int(row["sign"]), int(row["px"]), int(row["qty"]), int(row["order"])
        assert lots > 0
        if row["what"] == RESTED:
            assert order not in orders
            orders[order] = (sign, price, lots)
            book[sign][price] = book[sign].get(price, 0) + lots
        else:
            assert row["what"] in (TAKEN_OFF, TRADED)
            assert orders[order][:2] == (sign, price)
            left = orders[order][2] - lots
            assert left == row["left"]
            orders[order] = (sign, price, left)
            book[sign][price] -= lots
            if not book[sign][price]:
                del book[sign][price]
        for side, s in enumerate((1, -1) if i >= 0 else ()):
            best = sorted(book[s].items(), reverse=s > 0)[:4]
            best += [(0, 0)] * (4 - len(best))
            assert px[i, side].tolist() == [p for p, _ in best], i
            assert qty[i, side].tolist() == [q for _, q in best], i


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 9), st.booleans()), min_size=1, max_size=60))
def test_looking_at_the_book_agrees_with_the_markets_own_depth(orders: list[tuple[int, int, bool]]) -> None:
    """A window of 64 half ticks around 200: most prices lie in the overflow."""
    capacity = Capacity(
        orders=128, recorded=128, own=8, window=64, overflow=512, fills=1024, trades=8, notes=16
    )
    opening = np.zeros(len(orders), OPENING)
    for i, (px, qty, buys) in enumerate(sorted(orders)):
        opening[i] = (i, 2 * (px if buys else 500 + px), qty, 1 if buys else -1)
    market = Market(3, 400, capacity=capacity, opening=opening, events=np.zeros(0, EVENT))
    for sign in (1, -1):
        depth = Counter[int]()
        for venue in range(3):
            for px, qty in zip(*(a.tolist() for a in market.depth(venue, sign)), strict=True):
                depth[px] += qty
        walked, px = [], int(displayed.best_px(market.core, sign))
        while px:
            walked.append((px, int(displayed.shown(market.core, sign, px))))
            px = int(displayed.next_px(market.core, sign, px))
        assert walked == sorted(depth.items(), reverse=sign > 0)
        for px, qty in depth.items():
            slots = [int(displayed.lot_at(market.core, sign, px, lot)) for lot in range(qty)]
            held = Counter(slots)
            assert {slot: int(market.core.orders["leaves"][slot]) for slot in held} == dict(held)
            assert displayed.lot_at(market.core, sign, px, qty) == -1
