"""What must be true after every simulated step: controls.md, "Invariants", as far as they exist yet.

`Watch` reads the world from outside: the journal's bytes, the bytes on the wire, the venues' own tables. It
keeps its own small account of both, so that it does not believe what the engine says of itself. Numbers in
brackets are those of controls.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from risk.kill import KillSwitch
from router.core import PortKind
from router.engine import Engine
from router.fix.codec import Message, parse
from router.fix.messages import ExecType, ExecutionReport, NewOrderSingle, OrdStatus
from router.journal import Kind, Reader, Record
from router.orders import TRANSITIONS, ChildState
from router.records import Answer, ChosenBy, unpack_action, unpack_answer
from router.recovery import Replay
from tests.simulation.world import World

OURS = "SLUICE-OE"


@dataclass
class Passed:
    """A journalled pass: where in the journal, under which limits, for what."""

    number: int
    limits: str
    fields: list[str]
    left: bool = False


class Watch:
    """Call `step` after every step, `quiet` when nothing is under way and nothing more will trade."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.passes: dict[str, Passed] = {}
        self.kill = KillSwitch()  # as the journal's LATCH records have it
        self.limits = ""
        self.given: set[bytes] = set()  # every ClOrdID that left, of orders and of cancels
        self.sent: set[tuple[int, int]] = set()  # (port, MsgSeqNum) that left
        self.said: set[tuple[int, str, str]] = set()  # fills, busts, corrections: (venue, ExecID, ClOrdID)
        self.traded: dict[tuple[int, str, str], list[int]] = {}  # what stands of a fill: [lots]
        self.by_order: dict[str, int] = defaultdict(int)
        self.revised: dict[str, int] = defaultdict(int)  # busts and corrections that reached us, by order
        self.held: dict[str, tuple[int, int]] = {}  # CumQty, and how many of these had come, a step ago
        self.restated: set[str] = set()
        self.counts = True  # all that ever reached us is in the journal
        self.overfilled = False
        self.bad_answers: set[tuple[int, int]] = set()
        self.sent_at: dict[str, int] = {}
        self.steps = 0
        self.refused = 0
        self._journal = Reader(b"")
        self._offset = 0
        self._index = 0
        self._wire = 0
        self._outs: list[tuple[int, bytes]] = []  # FIX_OUT records not yet seen on the wire
        self._reports = 0
        self._execs: set[str] = set()

    # After every step.

    def step(self) -> None:
        self.steps += 1
        self._read_journal()
        self._read_wire()
        self._check_parents()
        self._check_children()

    def died(self) -> None:
        """The process died: what it had journalled and not written never leaves."""
        self._read_journal()
        self._read_wire()
        self._outs.clear()

    def lost_tail(self) -> None:
        """The journal was cut: what it held beyond is not known any more, and nothing of it is expected."""
        self._offset = self._index = 0
        self._outs.clear()
        self._wire = len(self.world.wire)
        self.passes.clear()
        self.kill = KillSwitch()
        self.traded.clear()
        self.said.clear()
        self.by_order.clear()
        self.held.clear()
        self.counts = False
        self.sent.clear()  # the numbers are given again: the peers refuse them
        self._read_journal(quietly=True)
        self._outs.clear()

    def _read_journal(self, *, quietly: bool = False) -> None:
        journal = self.world.journal
        if len(journal) == self._offset:
            return
        reader = Reader(bytes(journal[self._offset :]), self._offset, self._index)
        reader._check = lambda record, position: None  # type: ignore[method-assign]  # the chain: once, at the end
        for record in reader:
            self._record(record, quietly)
        self._offset, self._index = reader.offset, reader.index

    def _record(self, record: Record, quietly: bool) -> None:
        match record.kind:
            case Kind.VERDICT:
                verdict, limits, *fields = record.payload.decode().split("|")
                if verdict == "pass":
                    assert fields[0] not in self.passes, f"{fields[0]} passed twice"  # [8]
                    self.passes[fields[0]] = Passed(record.number, limits, fields)
                elif verdict == "refused":
                    # What the mask allows passes the gate, but for control 7, which the mask does not know.
                    assert fields[-1].startswith("repeats "), fields
                    self.refused += 1
            case Kind.LATCH:
                self.kill.apply(record.json())
            case Kind.FIX_OUT:
                self._outs.append((record.session, record.raw))
                if b"\x0135=D\x01" in record.raw[:40]:
                    self._order_left(record)
            case Kind.FIX_IN if b"\x0135=8\x01" in record.raw[:40]:
                self._report_came(record)
            case Kind.ANSWER:
                answer = unpack_answer(record.payload)
                if not _is_sane(answer, self.world):
                    self.bad_answers.add((answer.parent, answer.decision))
            case Kind.ACTION:
                action = unpack_action(record.payload)
                if (action.parent, action.decision) in self.bad_answers:  # [11]
                    assert action.chosen_by is ChosenBy.FALLBACK, action
                if action.chosen_by is ChosenBy.FALLBACK:
                    assert action.propensity == 1.0
            case _:
                pass

    def _order_left(self, record: Record) -> None:
        """[1] The pass is journalled before, names these very fields, and is used once."""
        order = NewOrderSingle.parse(_message(record.raw), self.world.engine.running.instruments)
        passed = self.passes.get(order.cl_ord_id)
        assert passed is not None, f"{order.cl_ord_id} left without a pass"
        assert passed.number < record.number
        assert not passed.left, f"{order.cl_ord_id} left twice"  # [9]
        passed.left = True
        price = "" if order.price_nanos is None else str(order.price_nanos)
        name, parent, venue, *rest = passed.fields
        ports = self.world.engine.running.ports
        assert venue == self.world.engine.running.config.venues[ports[record.session].venue].name
        assert name == order.cl_ord_id
        locate = {None: "", True: "Y", False: "N"}[order.locate_reqd]
        parties = ";".join(f"{one.party_id},{one.source},{one.role}" for one in order.parties)
        more = [order.order_capacity, locate, parties]
        assert rest == [
            order.symbol, order.account, str(order.side.value), order.ord_type.value, order.tif.value,
            str(order.qty_lots), price, *(more if any(more) else ()),
        ]  # fmt: skip
        # [6] No latch covers it at the moment that it leaves.
        latch = self.kill.blocks(venue, order.symbol, parent)
        assert latch is None, f"{name} left under {latch}"
        self.sent_at[name] = record.time_ns

    def _report_came(self, record: Record) -> None:
        """[4] Our own count of fills: each ExecID of a venue once, less what is busted, as corrected."""
        core = self.world.engine.running
        port = core.ports[record.session]
        if port.kind is not PortKind.ORDERS:
            return
        report = ExecutionReport.parse(_message(record.raw), core.instruments, port.session.config.version)
        child = core.orders.find(report.orig_cl_ord_id or report.cl_ord_id)
        if child is None:
            return
        name = child.cl_ord_id
        key, ref = (port.venue, report.exec_id, name), (port.venue, report.exec_ref_id, name)
        if key in self.said:
            return
        match report.exec_type:
            case ExecType.TRADE:
                self.said.add(key)
                self.traded[key] = [report.last_qty_lots]
                self.by_order[name] += report.last_qty_lots
            case ExecType.TRADE_CANCEL | ExecType.TRADE_CORRECT if ref in self.traded:
                self.said.add(key)
                self.revised[name] += 1
                now = 0 if report.exec_type is ExecType.TRADE_CANCEL else report.last_qty_lots
                self.by_order[name] += now - self.traded[ref][0]
                self.traded[ref][0] = now
                self.traded[key] = self.traded[ref]
            case ExecType.RESTATED:
                self.restated.add(name)

    def _read_wire(self) -> None:
        """[1] What is on the wire was in the journal, byte for byte, in the same order; [8] [9]."""
        wire = self.world.wire
        new, self._wire = wire[self._wire :], len(wire)
        known, self._outs = self._outs, []
        assert new == known[: len(new)], "bytes on the wire that the journal does not hold"
        self._outs = known[len(new) :]
        for port, raw in new:
            message = _message(raw)
            if message.msg_type in (b"D", b"F", b"G"):
                assert not message.poss_dup, f"resent: {raw!r}"
                name = message.get(11) or b""
                assert name not in self.given, f"ClOrdID {name!r} is used twice"
                self.given.add(name)
            if not message.poss_dup:
                assert (port, message.seq) not in self.sent, f"MsgSeqNum {message.seq} of port {port} twice"
                self.sent.add((port, message.seq))

    def _check_parents(self) -> None:
        """[2] Fills, open, pending and unknown are at most the parent, by two ledgers that agree."""
        core = self.world.engine.running
        lines = core.gate.exposure.parents
        for name, work in core.parents.items():
            live = core.orders.live(name)
            reserved = sum(child.leaves for child in live)
            assert work.filled_lots + reserved <= work.parent.qty_lots or self.overfilled, name
            line = lines.get(name)
            assert line is not None
            assert (line.filled_lots, line.reserved_lots) == (work.filled_lots, reserved), name
            if work.is_ended:
                assert not live, f"{name} is {work.state.value} with live children"

    def _check_children(self) -> None:
        """[3] [10] Quantities add up, no live order has lost what it reserves; CumQty falls only by bust or
        correct.
        """
        core = self.world.engine.running
        orders = core.gate.exposure.orders
        for child in core.orders.live():
            assert child.cum_lots + child.leaves + child.void_lots == child.order.qty_lots, child
            revised = self.revised[child.cl_ord_id]
            assert not child.void_lots or revised or child.cl_ord_id in self.restated, child
            before, had = self.held.get(child.cl_ord_id, (0, 0))
            assert child.cum_lots >= before or revised > had, f"{child} had filled {before}"
            self.held[child.cl_ord_id] = child.cum_lots, revised
            assert child.leaves > 0
            assert orders[child.cl_ord_id].open, f"{child.cl_ord_id} is {child.state.value} and not reserved"
            assert any(state is child.state for state, _ in TRANSITIONS)

    # When all is quiet.

    def quiet(self, *, dead: frozenset[str] = frozenset()) -> None:
        """[5] The venues' open orders and fills are ours; [7] [15] nothing is in doubt. `dead` cannot say."""
        world = self.world
        core = world.engine.running
        for child in core.orders.live():
            if child.order.venue not in dead:
                assert child.state is not ChildState.UNKNOWN, f"{child.cl_ord_id} stays unknown"
                assert child.state is not ChildState.PENDING_NEW
        for name, venue in world.exchange.venues.items():
            if name in dead:
                continue
            theirs = {o.cl_ord_id: o.leaves_lots for o in venue.open_orders() if o.owner == OURS}
            ours = {c.cl_ord_id: c.leaves for c in core.orders.live() if c.order.venue == name}
            assert ours == theirs, name
            for order in venue.orders.values():
                child = core.orders.find(order.cl_ord_id)
                assert child is not None, f"{name} has {order.cl_ord_id}, we do not"
                assert child.cum_lots == order.cum_lots, order
                assert child.cum_lots == self.by_order[child.cl_ord_id] or not self.counts, child  # [4]
                assert child.is_live == order.live, (order, child)
        for work in core.parents.values():
            mine = sum(
                o.cum_lots
                for v in world.exchange.venues.values()
                for o in v.orders.values()
                if (c := core.orders.find(o.cl_ord_id)) is not None
                and c.order.parent_id == work.parent.parent_id
                and v.name not in dead
            )
            assert work.filled_lots == mine or dead, work

    def told(self) -> None:
        """What the desk holds of each parent agrees with the parent, once nothing is owed."""
        core = self.world.engine.running
        last: dict[str, ExecutionReport] = {}
        traded: dict[str, dict[str, int]] = defaultdict(dict)  # what stands: ExecID -> lots
        seen: set[str] = set()
        for report in self.world.desk.reports:
            name = report.order_id
            assert report.exec_id not in seen, f"the desk was told {report.exec_id} twice"
            seen.add(report.exec_id)
            last[name] = report
            if report.exec_type is ExecType.TRADE:
                traded[name][report.exec_id] = report.last_qty_lots
            elif report.exec_type is ExecType.TRADE_CANCEL:
                del traded[name][report.exec_ref_id]
            elif report.exec_type is ExecType.TRADE_CORRECT:
                del traded[name][report.exec_ref_id]
                traded[name][report.exec_id] = report.last_qty_lots
        for work in core.parents.values():
            name = work.parent.parent_id
            assert sum(traded[name].values()) == work.filled_lots, name
            assert last[name].cum_lots == work.filled_lots, name
            if work.is_ended:
                assert last[name].leaves_lots == 0
                done = (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED)
                assert last[name].ord_status in done, last[name]
            else:
                assert last[name].cum_lots + last[name].leaves_lots == work.parent.qty_lots

    def replays(self) -> None:
        """[12] The journal, lived again, is the state that we have; and its chain holds [14, in part]."""
        self.world.keep_journal()
        replay = Replay()
        for record in Reader(bytes(self.world.journal)):
            replay.feed(record)
        assert picture(replay.engine) == picture(self.world.engine)


def picture(engine: Engine) -> list[object]:
    """Everything of an engine that its future depends on, as far as it can be compared."""
    core = engine.running
    gate = core.gate
    return [
        engine.view("status"), engine.view("parents"), engine.view("orders"),
        [(w.parent, w.state, w.filled_lots, w.notional, w.fees_nanos, w.arrival_px, w.decision, w.deciding,
          w.fallback_decisions, w.policy_failures, w.policy_off, w.cancel_cl_ord_id, w.former_ids,
          w.replacement, w.is_suspended, w.fills)
         for w in core.parents.values()],
        [(c.order, c.state, c.leaves, c.cum_lots, c.notional, c.fees_nanos, c.cancel_ids, c.provisional_lots,
          c.void_lots, c.order_id) for c in core.orders._children.values()],
        core.orders._exec_ids, sorted(core.timers._due_ns.items()), core.reports, core.inputs, core.now_ns,
        {n: (p.filled_lots, p.reserved_lots, p.closed) for n, p in gate.exposure.parents.items()},
        {n: (o.filled_lots, o.open) for n, o in gate.exposure.orders.items()},
        gate._last_counter, gate._passes, gate.kill.latches,
        [(s.market.bid_nanos, s.market.ask_nanos, s.market.updated_ns, s.market.last_sale_ns, s.states,
          s.books.tobytes()) for s in core.markets.values()],
        [[(m.msg_type, m.body) for m in p.outbox.waiting()] for p in core.ports],
    ]  # fmt: skip


def _message(raw: bytes) -> Message:
    message = parse(raw)
    assert isinstance(message, Message)
    return message


def _is_sane(answer: Answer, world: World) -> bool:
    return (
        answer.elapsed_ns <= world.engine.running.config.policy_deadline_ns
        and not np.isnan(answer.logits).any()
        and not np.isposinf(answer.logits).any()
        and bool(np.isfinite(answer.value).all())
        and bool(np.isfinite(answer.action_value).all())
    )
