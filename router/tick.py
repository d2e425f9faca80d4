"""The decision tick of a parent: state and mask out, an answer in, children changed.

`decide` looks at the market and asks (`Decide`); the shell runs the policy; `answered` turns the answer into
a target position and moves the children towards it, each new one through risk's gate. A late, broken or
illegal answer gets the parent's fallback schedule. A stale or broken book means that nothing is asked at all:
no new risk, and no fallback either. After a parent's answer the books may have moved: prices, age and latch
are read again then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from risk.envelope import Envelope
from risk.instrument import Instrument
from risk.order import NewOrder, Parent
from risk.refusal import Refusal
from router.actions import (
    NULL,
    PRICES,
    A,
    BadAnswer,
    Choice,
    Slice,
    choose,
    diff,
    fill_caps,
    peg_limit,
    plan,
    set_children,
)
from router.book import V_MAX, Flags
from router.core import Core
from router.execution import Execution
from router.fallback import fallback
from router.features import (
    ADV,
    ARRIVAL_PX,
    END,
    FILLED,
    INTERVAL,
    LIMIT_PX,
    MIN_LOTS,
    MUST_COMPLETE,
    NOW,
    ORDERS_MAX,
    OWN_PX,
    QTY,
    ROUND_LOTS,
    SIGN,
    START,
    VENUE_DARK,
    VENUE_MAKER_PPM,
    VENUE_TAKER_PPM,
    S,
    TickState,
)
from router.journal import Kind
from router.marketdata import MarketData
from router.orders import Child
from router.outbox import OutboxFull
from router.parent import ParentState, ParentWork
from router.records import (
    Action,
    Answer,
    AnswerStatus,
    ChosenBy,
    pack_action,
    pack_decision,
    pack_pass,
    pack_refusal,
)
from router.routing.look import look, question
from router.routing.target import mask

PRICE_KINDS: Final = len(PRICES)
LIVE_MAX: Final = ORDERS_MAX // 2  # with more live children, a parent asks for nothing new


@dataclass(slots=True)
class Decide:
    """A question for the policy of `strategy`: state float32[S], mask bool[A]; valid until the next one."""

    parent: int
    decision: int
    strategy: int
    state: NDArray[np.float32]
    mask: NDArray[np.bool_]


@dataclass(slots=True)
class _Desk:
    """The arrays of one parent's ticks, made once."""

    work: ParentWork
    market_data: MarketData
    tick: TickState
    usable: Flags
    px: NDArray[np.int64]
    caps: NDArray[np.int64]
    state: NDArray[np.float32]
    mask: NDArray[np.bool_]
    asked: int = 0  # how many inputs had come when the policy was asked
    waits: bool = False  # the last action waits for children to end


class Ticker:
    def __init__(self, core: Core, execution: Execution) -> None:
        self._core = core
        self._execution = execution
        self._desks: dict[str, _Desk] = {}
        self._by_number: dict[int, _Desk] = {}
        self._by_symbol: dict[str, list[_Desk]] = {}
        self._strategies = {s.code: s for s in core.config.strategies}
        self._venues = {venue.slot: venue.name for venue in core.config.venues}
        self._dark_slots = [venue.slot for venue in core.config.venues if not venue.lit]
        self.ready: dict[str, None] = {}  # parents to be decided now, in the order in which they became so
        self.decides: list[Decide] = []
        self.stopped = False  # draining: no new risk

    # When.

    def add(self, work: ParentWork) -> None:
        """Begins to tick for a parent that has started."""
        parent = work.parent
        core = self._core
        instrument = core.instruments[parent.symbol]
        tick = TickState()
        i = tick.i
        _set_terms(tick, parent, instrument)
        i[INTERVAL] = core.config.decision_interval_ns
        i[ADV] = instrument.adv_lots
        i[ROUND_LOTS], i[MIN_LOTS] = instrument.round_lots, instrument.min_lots
        for venue in core.config.venues:
            row = tick.venues[venue.slot]
            row[VENUE_DARK] = int(not venue.lit)
            row[VENUE_MAKER_PPM] = venue.maker_fee_ppb // 1000
            row[VENUE_TAKER_PPM] = venue.taker_fee_ppb // 1000
        desk = _Desk(
            work=work,
            market_data=core.markets[parent.symbol],
            tick=tick,
            usable=np.zeros(V_MAX, np.bool_),
            px=np.zeros((V_MAX, PRICE_KINDS), np.int64),
            caps=np.zeros((V_MAX, PRICE_KINDS), np.int64),
            state=np.zeros(S, np.float32),
            mask=np.zeros(A, np.bool_),
        )
        self._desks[parent.parent_id] = desk
        self._by_number[work.number] = desk
        self._by_symbol.setdefault(parent.symbol, []).append(desk)
        self.ready[parent.parent_id] = None

    def renew(self, work: ParentWork) -> None:
        """The parent was replaced, or was to be: it is decided afresh."""
        desk = self._desks.get(work.parent.parent_id)
        if desk is not None:
            _set_terms(desk.tick, work.parent, self._core.instruments[work.parent.symbol])
            self._event(work)

    def remove(self, work: ParentWork) -> None:
        """The parent has ended."""
        desk = self._desks.pop(work.parent.parent_id, None)
        if desk is None:
            return
        del self._by_number[work.number]
        self._by_symbol[work.parent.symbol].remove(desk)
        self.ready.pop(work.parent.parent_id, None)
        self._core.timers.set(("decide", work.parent.parent_id), None)

    def market_moved(self, symbol: str) -> None:
        for desk in self._by_symbol.get(symbol, ()):
            self._event(desk.work)

    def child_filled(self, child: Child) -> None:
        desk = self._desks.get(child.order.parent_id)
        if desk is not None:
            self._event(desk.work)

    def child_ended(self, child: Child) -> None:
        """Only what a decision waited for is news; else an order that found nothing would repeat at once."""
        desk = self._desks.get(child.order.parent_id)
        if desk is not None and desk.waits:
            self._event(desk.work)

    def _event(self, work: ParentWork) -> None:
        """Something happened: decide now, or as soon as the least interval between decisions has passed."""
        core = self._core
        parent_id = work.parent.parent_id
        due = work.last_decision_ns + core.config.min_event_interval_ns
        if due <= core.now_ns:
            self.ready[parent_id] = None
            return
        key = ("decide", parent_id)
        planned = core.timers.get(key)
        if planned is None or due < planned:
            core.timers.set(key, due)

    def interval(self, parent_id: str) -> None:
        """The parent's timer fired."""
        if parent_id in self._desks:
            self.ready[parent_id] = None

    def decide_ready(self) -> None:
        ready, self.ready = self.ready, {}
        for parent_id in ready:
            desk = self._desks.get(parent_id)
            if desk is None:
                continue
            if desk.work.deciding:
                self._await(desk)
            else:
                self._decide(desk)

    def _await(self, desk: _Desk) -> None:
        """An answer is outstanding. A policy that stays silent is late like any other."""
        core, work = self._core, desk.work
        key = ("decide", work.parent.parent_id)
        due = work.last_decision_ns + core.config.policy_deadline_ns
        if core.now_ns <= due:
            core.timers.set(key, due + 1)
            return
        core.timers.set(key, core.now_ns + core.config.decision_interval_ns)
        work.deciding = False
        self._bad_answer(work, f"the policy has not answered within {core.config.policy_deadline_ns} ns")
        if work.state is ParentState.ACTIVE and not self.stopped and self._look(desk):
            mask(desk.market_data.books, desk.usable, desk.caps, desk.tick.i, desk.mask)
            self._act(desk, *self._fallback(desk))

    # What to ask.

    def _decide(self, desk: _Desk) -> None:
        core, work = self._core, desk.work
        now = core.now_ns
        key = ("decide", work.parent.parent_id)
        planned = core.timers.get(key)
        if planned is None or planned <= now:
            core.timers.set(key, now + core.config.decision_interval_ns)
        if work.state is not ParentState.ACTIVE or self.stopped:
            return
        self._note_arrival(desk)
        if len(core.orders.live(work.parent.parent_id)) > LIVE_MAX or not self._look(desk):
            return
        work.last_decision_ns = now
        work.decision += 1
        tick = desk.tick
        question(desk.market_data.books, desk.usable, desk.caps, tick.i, tick.f, desk.state, desk.mask)
        core.journal.append(
            Kind.DECISION, now, pack_decision(work.number, work.decision, desk.state, desk.mask)
        )
        if work.policy_off:
            self._act(desk, *self._fallback(desk))
            return
        work.deciding = True
        desk.asked = core.inputs
        self.decides.append(Decide(work.number, work.decision, work.parent.strategy, desk.state, desk.mask))

    def _look(self, desk: _Desk) -> bool:
        """Reads market and children into the tick state; False where the book allows no new risk."""
        core, work, data = self._core, desk.work, desk.market_data
        if data.bid_px == 0 or data.ask_px == 0 or data.bid_px > data.ask_px:
            return False
        parent_id = work.parent.parent_id
        children = core.orders.live(parent_id)
        tick = desk.tick
        i = tick.i
        i[NOW] = core.now_ns
        i[FILLED] = work.filled_lots
        i[ARRIVAL_PX] = work.arrival_px
        if work.filled_lots:
            half_tick = core.instruments[work.parent.symbol].tick_nanos / 2
            tick.f[OWN_PX] = work.notional / work.filled_lots / half_tick
        set_children(tick, children, self._others(desk)[: ORDERS_MAX - len(children)])
        usable = desk.usable
        usable[:] = data.usable
        for slot in self._dark_slots:
            usable[slot] = core.order_ports[slot].takes_orders
        look(data.books, usable, i, tick.f, desk.px)
        self._fill_caps(desk)
        return True

    def _others(self, desk: _Desk) -> list[Child]:
        """Live children of other parents on the same symbol and side."""
        parent = desk.work.parent
        if len(self._by_symbol[parent.symbol]) == 1:
            return []
        return [
            child
            for other in self._by_symbol[parent.symbol]
            if other is not desk and other.work.parent.side.sign == parent.side.sign
            for child in self._core.orders.live(other.work.parent.parent_id)
        ]

    def _fill_caps(self, desk: _Desk) -> None:
        """What the gate passes now, for each venue that orders can reach and each price kind."""
        core, parent = self._core, desk.work.parent
        market, now, gate = desk.market_data.market, core.now_ns, core.gate
        envelopes: list[Envelope | None] = [None] * V_MAX
        for slot, name in self._venues.items():
            if core.order_ports[slot].takes_orders:
                envelopes[slot] = gate.envelope(parent.parent_id, name, market, now)
        fill_caps(
            envelopes, desk.px, parent.side.sign, core.instruments[parent.symbol].tick_nanos,
            parent.limit_nanos, desk.caps,
        )  # fmt: skip

    def _note_arrival(self, desk: _Desk) -> None:
        """Arrival is the consolidated mid when the parent was accepted, or at its start if that is later."""
        work, data = desk.work, desk.market_data
        if work.arrival_px == 0 and 0 < data.bid_px <= data.ask_px:
            work.arrival_px = (data.bid_px + data.ask_px) // 2
            self._core.note("arrival", parent=work.parent.parent_id, px=work.arrival_px)

    # What to do.

    def answered(self, answer: Answer) -> None:
        desk = self._by_number.get(answer.parent)
        if desk is None or answer.decision != desk.work.decision or not desk.work.deciding:
            return  # the parent ended meanwhile, or somebody else has decided
        work = desk.work
        work.deciding = False
        if work.state is not ParentState.ACTIVE or self.stopped:
            return
        good = self._chosen(desk, answer)
        if (
            self._core.inputs != desk.asked + 1
        ):  # something came in between: look again, at latch and books too
            if not self._look(desk):
                return
            mask(desk.market_data.books, desk.usable, desk.caps, desk.tick.i, desk.mask)
        if isinstance(good, BadAnswer):
            self._bad_answer(work, good.reason)
            self._act(desk, *self._fallback(desk))
        else:
            action = good.action if desk.mask[good.action] else NULL
            self._act(desk, action, ChosenBy.POLICY, good.propensity)

    def _chosen(self, desk: _Desk, answer: Answer) -> Choice | BadAnswer:
        """What the answer says, held against the mask that was asked about."""
        config, work = self._core.config, desk.work
        if answer.status is not AnswerStatus.GOOD:
            return BadAnswer("the policy failed")
        if answer.elapsed_ns > config.policy_deadline_ns:
            return BadAnswer(f"the policy took {answer.elapsed_ns} ns, over {config.policy_deadline_ns}")
        counter = work.number << 32 | work.decision
        return choose(
            answer.logits,
            answer.value,
            answer.action_value,
            desk.mask,
            self._strategies[work.parent.strategy].temperature,
            config.seed,
            counter,
        )

    def _bad_answer(self, work: ParentWork, why: str) -> None:
        work.policy_failures += 1
        self._core.alert(f"parent {work.parent.parent_id}: {why}; its fallback schedule decides")
        if work.policy_failures >= self._core.config.policy_off_after and not work.policy_off:
            work.policy_off = True
            self._core.alert(
                f"parent {work.parent.parent_id}: policy off after {work.policy_failures} failures"
            )

    def _fallback(self, desk: _Desk) -> tuple[int, ChosenBy, float]:
        desk.work.fallback_decisions += 1
        return fallback(desk.tick.i, desk.mask), ChosenBy.FALLBACK, 1.0

    def _act(self, desk: _Desk, action: int, chosen_by: ChosenBy, propensity: float) -> None:
        core, work = self._core, desk.work
        target = plan(action, desk.market_data.books, desk.usable, desk.caps, desk.tick.i)
        children = core.orders.live(work.parent.parent_id)
        instrument = core.instruments[work.parent.symbol]
        steps = diff(target, children, instrument.round_lots, instrument.min_lots)
        desk.waits = steps.waits
        for cl_ord_id in steps.cancels:
            child = core.orders.find(cl_ord_id)
            if child is not None:
                self._execution.cancel(child)
        sent = 0
        for new in steps.new:
            sent += self._submit(desk, new)
        executed = action if steps.cancels or sent or steps.waits else NULL
        record = Action(work.number, work.decision, action, executed, chosen_by, propensity, sent)
        core.journal.append(Kind.ACTION, core.now_ns, pack_action(record))

    def _submit(self, desk: _Desk, new: Slice) -> int:
        """Puts one child through the gate; the lots that left."""
        core, parent = self._core, desk.work.parent
        venue = self._venues[new.venue]
        instrument = core.instruments[parent.symbol]
        if new.px is None:
            envelope = core.gate.envelope(parent.parent_id, venue, desk.market_data.market, core.now_ns)
            price = peg_limit(envelope, parent.side.sign, parent.limit_nanos, instrument.tick_nanos)
        else:
            price = instrument.px_to_nanos(new.px)
        order = NewOrder(
            cl_ord_id=core.next_id(),
            parent_id=parent.parent_id,
            venue=venue,
            symbol=parent.symbol,
            account=parent.account,
            side=parent.side,
            ord_type=new.ord_type,
            tif=new.tif,
            qty_lots=new.qty_lots,
            price_nanos=price,
            parties=parent.parties,
            order_capacity=parent.order_capacity,
            locate_reqd=parent.locate_reqd,
        )
        verdict = core.gate.check(order, desk.market_data.market, core.now_ns)
        if isinstance(verdict, Refusal):
            core.journal.append(
                Kind.VERDICT, core.now_ns, pack_refusal(order, verdict, core.gate.limits_hash)
            )
            return 0
        core.journal.append(Kind.VERDICT, core.now_ns, pack_pass(verdict))
        try:
            self._execution.submit(verdict, new.venue, new.px)
        except OutboxFull as full:
            core.gate.closed(order.cl_ord_id)
            core.alert(f"{venue}: {full}; {order.cl_ord_id} does not leave")
            return 0
        return new.qty_lots


def _set_terms(tick: TickState, parent: Parent, instrument: Instrument) -> None:
    """What the desk asked for, as the features know it."""
    i = tick.i
    i[SIGN] = parent.side.sign
    i[QTY] = parent.qty_lots
    i[START], i[END] = parent.start_ns, parent.end_ns
    i[MUST_COMPLETE] = int(parent.must_complete)
    i[LIMIT_PX] = 0 if parent.limit_nanos is None else instrument.price_to_px(parent.limit_nanos)
