"""Where the time of a tick to order goes: each stage on the engine's own objects, in the order of the path.

Every sample is a new message, and every stage is done once per sample, so caches are as they are in life. In
every other sample the engine's own inputs are timed instead, whole: that is the total. Beside the stages it
holds the calls between them, the order's table, timers and the smaller records.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fixsim.bench.rig import Rig
from fixsim.bench.settings import BenchError, prepare, title
from risk.gate import Approved
from risk.order import NewOrder
from router.actions import choose, diff, plan
from router.execution import new_order_body
from router.fix import tags
from router.journal import Kind
from router.parent import ParentWork
from router.records import (
    Action,
    Answer,
    AnswerStatus,
    ChosenBy,
    pack_action,
    pack_answer,
    pack_decision,
    pack_pass,
)
from router.routing.look import question

STAGES = (
    "frame, check and cut into fields",
    "session, and journal record of the message",
    "decode and book",
    "tick state, prices, and what the gate would pass",
    "state vector and mask",
    "ONNX Runtime",
    "choose, plan, difference to what rests",
    "risk gate, order made",
    "encode the NewOrderSingle",
    "journal: the decision's records, written to the file",
)
INPUTS = ("message", "tick", "ONNX Runtime", "answer", "journal file")


@dataclass(frozen=True, slots=True)
class Stages:
    """Medians in µs, for one network: of each of STAGES, of each of INPUTS, and of the inputs together."""

    name: str
    stages: tuple[float, ...]
    inputs: tuple[float, ...]
    total: float


def measure(
    folder: Path, etc: Path, sizes: Sequence[int], samples: int, warm_up: int, done: Callable[[int], object]
) -> Stages:
    shutil.rmtree(folder, ignore_errors=True)
    rig = Rig(prepare(folder, etc, sizes, venue_port=1, oms_port=2))
    stages, inputs = [], []
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(warm_up + samples):
            pair = _stages(rig), _inputs(rig)
            if number >= warm_up:
                stages.append(pair[0])
                inputs.append(pair[1])
            done(1)
    finally:
        gc.enable()
        gc.unfreeze()
        rig.close()
    each = _medians(stages), _medians(inputs)
    total = float(np.median(np.sum(np.array(inputs), axis=1))) / 1000
    return Stages(title(sizes), *each, total)


def _medians(rows: list[list[int]]) -> tuple[float, ...]:
    spans: npt.NDArray[np.float64] = np.median(np.array(rows), axis=0) / 1000
    return tuple(float(span) for span in spans)


def _inputs(rig: Rig) -> list[int]:
    """One tick to order by the engine's own inputs."""
    raw, clock = rig.tick(), time.perf_counter_ns
    begin = clock()
    rig.engine.message(rig.feed.index, rig.frame(raw), time.time_ns())
    heard = clock()
    rig.engine.timer(time.time_ns())
    (decide,) = rig.engine.take_decides()
    asked = clock()
    answer = rig.ask(decide)
    answered = clock()
    rig.engine.answer(answer, time.time_ns())
    acted = clock()
    rig.journal.flush()
    written = clock()
    rig.finish()
    return [heard - begin, asked - heard, answered - asked, acted - answered, written - acted]


def _stages(rig: Rig) -> list[int]:
    """The same, a stage at a time. The order that comes of it is taken back, as if it had found nothing."""
    core, ticker = rig.core, rig.engine.ticker
    (desk,) = ticker._desks.values()
    work: ParentWork = desk.work
    data, tick, policy, journal = desk.market_data, desk.tick, rig.policy, core.journal
    parent, instrument = work.parent, data.instrument
    raw, clock = rig.tick(), time.perf_counter_ns
    now = core.now_ns = time.time_ns()
    marks = [clock()]
    message = rig.frame(raw)
    marks.append(clock())
    journal.append(Kind.FIX_IN, now, rig.feed.tag + message.raw)
    rig.feed.session.received(message, now)
    marks.append(clock())
    data.on_message(0, message, now)
    marks.append(clock())
    ticker._look(desk)
    marks.append(clock())
    question(data.books, desk.usable, desk.caps, tick.i, tick.f, desk.state, desk.mask)
    marks.append(clock())
    said = policy.run(desk.state, desk.mask)
    marks.append(clock())
    choice = choose(*said, desk.mask, policy.temperature, core.config.seed, 1)
    target = plan(choice[0], data.books, desk.usable, desk.caps, tick.i)  # type: ignore[arg-type]
    steps = diff(target, [], instrument.round_lots, instrument.min_lots)
    marks.append(clock())
    (new,) = steps.new
    price = instrument.px_to_nanos(new.px or 0)
    order = NewOrder(
        core.next_id(), parent.parent_id, core.config.venues[new.venue].name, parent.symbol, parent.account,
        parent.side, new.ord_type, new.tif, new.qty_lots, price,
    )  # fmt: skip
    verdict = core.gate.check(order, data.market, now)
    marks.append(clock())
    if not isinstance(verdict, Approved):
        raise BenchError(f"the gate refused: {verdict.text}")
    body = new_order_body(verdict, instrument.lots_per_unit, now)
    sent = rig.orders.session.encode(tags.NEW_ORDER_SINGLE, body, now)
    marks.append(clock())
    number, decision = work.number, work.decision
    journal.append(Kind.TIMER, now, b"")
    journal.append(Kind.DECISION, now, pack_decision(number, decision, desk.state, desk.mask))
    numbers = said.value, said.logits, said.action_value
    journal.append(Kind.ANSWER, now, pack_answer(Answer(number, decision, AnswerStatus.GOOD, 1, *numbers)))
    journal.append(Kind.VERDICT, now, pack_pass(verdict))
    action = Action(number, decision, int(choice[0]), int(choice[0]), ChosenBy.POLICY, 1.0, new.qty_lots)
    journal.append(Kind.ACTION, now, pack_action(action))
    journal.append(Kind.FIX_OUT, now, rig.orders.tag + sent)
    rig.journal.flush()
    marks.append(clock())
    core.gate.closed(order.cl_ord_id)
    rig.peers[rig.orders.index].received(rig.frame(sent), now)
    return [end - begin for begin, end in pairwise(marks)]
