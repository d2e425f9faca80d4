"""Parents under any order of events, against a plain account of what the desk should be told.

The desk sends, cancels, replaces and asks; the venue acknowledges, fills, busts, corrects, cancels or stays
silent; time passes; a person latches and lets go; the process dies. The account believes only what was said
on the wires: fills less busts, and what each report claims.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from router.actions import JOIN, NULL, encode
from router.fix.messages import ExecType, ExecutionReport, NewOrderSingle, OrdStatus
from router.orders import ChildState
from tests.router.desks import Desks
from tests.router.rig import ASK, BTC, LIT1, SECOND, SYMBOL

CENT = 10_000_000
LIVE = (
    OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE,
    OrdStatus.SUSPENDED,
)  # fmt: skip
OVER = (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED)


@dataclass
class Sold:
    """One fill as the venue has it by now."""

    exec_id: str
    order: NewOrderSingle
    lots: int
    px: int


@dataclass
class Order:
    """A child at the venue."""

    sent: NewOrderSingle
    cum: int = 0  # less what was busted
    leaves: int = 0
    over: bool = False
    acked: bool = False
    fills: list[Sold] = field(default_factory=list)


class ParentsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = Desks()
        self.orders: dict[str, Order] = {}
        self.read = 0
        self.names = 0
        self.asked: dict[str, str] = {}  # F and G: what they are
        self.latched = False

    # The desk.

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    @initialize(lots=st.integers(20, 60), must=st.booleans())
    def send(self, lots: int, must: bool) -> None:
        self.rig.want = encode(100, JOIN, 1)
        end_ns = self.rig.now + (100 if must else 12) * SECOND
        self.rig.order("DESK1", self.name("D"), lots, must_complete=must, expire_time_ns=end_ns)
        self.meet()

    @rule(lots=st.integers(1, 80), limit=st.sampled_from([None, ASK, ASK - CENT, ASK + CENT]))
    def replace(self, lots: int, limit: int | None) -> None:
        request = self.name("G")
        self.asked[request] = "G"
        self.rig.replace(self.rig.work.parent.cl_ord_id, request, lots=lots, limit_nanos=limit)
        self.meet()

    @rule(mass=st.booleans())
    def cancel(self, mass: bool) -> None:
        if mass:
            self.rig.say(self.rig.desk, b"q", b"11=Q\x01530=7\x0160=20180713-20:47:11\x01")
        else:
            request = self.name("F")
            self.asked[request] = "F"
            self.rig.cancel("DESK1", self.rig.work.parent.cl_ord_id, request)
        self.meet()

    @rule()
    def ask(self) -> None:
        body = f"11={self.rig.work.parent.cl_ord_id}\x0155={SYMBOL}\x0154=1\x01"
        self.rig.say(self.rig.desk, b"H", body.encode())

    # The venue.

    def meet(self) -> None:
        for order in self.rig.orders(LIT1):
            if order.cl_ord_id not in self.orders:
                self.orders[order.cl_ord_id] = Order(order, leaves=order.qty_lots)

    def pick(self, draw: int, *, over: bool = False) -> Order | None:
        found = [order for order in self.orders.values() if over or not order.over]
        return found[draw % len(found)] if found else None

    def say(self, order: Order, kind: ExecType, status: OrdStatus, **more: Any) -> str:
        rig = self.rig
        rig.execs += 1
        report = ExecutionReport(
            order_id=f"V-{order.sent.cl_ord_id}", exec_id=f"V{rig.execs}", exec_type=kind, ord_status=status,
            symbol=SYMBOL, side=order.sent.side, leaves_lots=order.leaves, cum_lots=order.cum, avg_px_nanos=0,
            cl_ord_id=order.sent.cl_ord_id, account="ACCT1", qty_lots=order.sent.qty_lots, **more,
        )  # fmt: skip
        rig.say(rig.port(LIT1), b"8", report.body(BTC))
        self.meet()
        return report.exec_id

    def status(self, order: Order) -> OrdStatus:
        if order.over:
            return OrdStatus.CANCELED if order.cum < order.sent.qty_lots else OrdStatus.FILLED
        return OrdStatus.PARTIALLY_FILLED if order.cum else OrdStatus.NEW

    @rule(draw=st.integers(0, 99))
    def ack(self, draw: int) -> None:
        order = self.pick(draw)
        if order is not None and not order.acked:
            order.acked = True
            self.say(order, ExecType.NEW, OrdStatus.NEW)

    @rule(draw=st.integers(0, 99), share=st.integers(1, 100), cents=st.integers(-1, 1))
    def fill(self, draw: int, share: int, cents: int) -> None:
        order = self.pick(draw)
        if order is None:
            return
        lots, px = -(-order.leaves * share // 100), ASK + cents * CENT
        order.acked = True
        order.cum += lots
        order.leaves -= lots
        order.over = order.leaves == 0
        status = OrdStatus.FILLED if order.over else OrdStatus.PARTIALLY_FILLED
        sold = Sold("", order.sent, lots, px)
        order.fills.append(sold)
        sold.exec_id = self.say(order, ExecType.TRADE, status, last_qty_lots=lots, last_px_nanos=px)

    @rule()
    def trade_on(self) -> None:
        """The venue fills whatever comes, for a while."""
        for draw in range(5):
            self.fill(draw, 100, 0)
            self.wait(1.1)

    @rule(draw=st.integers(0, 99))
    def end(self, draw: int) -> None:
        """Cancelled, by our request or not."""
        order = self.pick(draw)
        if order is not None:
            order.over, order.leaves, order.acked = True, 0, True
            self.say(order, ExecType.CANCELED, OrdStatus.CANCELED)

    @rule(draw=st.integers(0, 99), which=st.integers(0, 99))
    def bust(self, draw: int, which: int) -> None:
        order = self.pick(draw, over=True)
        if order is None or not order.fills:
            return
        sold = order.fills.pop(which % len(order.fills))
        order.cum -= sold.lots
        self.say(order, ExecType.TRADE_CANCEL, self.status(order), exec_ref_id=sold.exec_id)

    @rule(draw=st.integers(0, 99), which=st.integers(0, 99), cents=st.integers(-3, 3))
    def correct(self, draw: int, which: int, cents: int) -> None:
        order = self.pick(draw, over=True)
        if order is None or not order.fills:
            return
        sold = order.fills[which % len(order.fills)]
        sold.px = ASK + cents * CENT
        sold.exec_id = self.say(
            order, ExecType.TRADE_CORRECT, self.status(order), exec_ref_id=sold.exec_id,
            last_qty_lots=sold.lots, last_px_nanos=sold.px,
        )  # fmt: skip

    # Time, people, the process.

    @rule(seconds=st.floats(0.2, 4))
    def wait(self, seconds: float) -> None:
        self.rig.run(seconds)
        self.meet()

    @rule()
    def rest(self) -> None:
        self.rig.want = NULL if self.rig.want != NULL else encode(100, JOIN, 1)

    @rule()
    def latch(self) -> None:
        who, cmd = ("risk-officer", "reinstate") if self.latched else ("trader", "suspend")
        self.rig.operator(self.names, cmd, who=who)
        self.latched = not self.latched
        self.meet()

    @rule()
    def die(self) -> None:
        self.rig.restart()
        self.rig.up()
        for order in list(self.orders.values()):
            if self.rig.child(order.sent).state is ChildState.UNKNOWN:
                self.say(order, ExecType.ORDER_STATUS, self.status(order))
        self.meet()

    # What must hold.

    def done(self) -> tuple[int, int]:
        """Lots and notional of what the venue still calls filled."""
        fills = [sold for order in self.orders.values() for sold in order.fills]
        return sum(sold.lots for sold in fills), sum(sold.lots * sold.px for sold in fills)

    @invariant()
    def the_desk_was_told_what_happened(self) -> None:
        if not self.names:
            return
        work, reports = self.rig.work, self.rig.reports()
        lots, notional = self.done()
        assert (work.filled_lots, work.notional) == (lots, notional)
        last = reports[-1]
        assert last.cum_lots == lots
        assert last.avg_px_nanos == ((2 * notional + lots) // (2 * lots) if lots else 0)
        for report in reports[self.read :]:
            assert report.order_id == work.parent.parent_id
            if report.ord_status in LIVE:
                assert report.qty_lots == report.cum_lots + report.leaves_lots
            else:
                assert report.ord_status in OVER
                assert report.leaves_lots == 0
                if report.ord_status is OrdStatus.FILLED:
                    assert report.cum_lots == report.qty_lots
        self.read = len(reports)
        assert len({report.exec_id for report in reports}) == len(reports)

    @invariant()
    def the_desk_can_add_up_what_it_was_told(self) -> None:
        """Its own books from the reports alone: trades, less busts, with corrections, each by our ExecIDs."""
        if not self.names:
            return
        held: dict[str, int] = {}
        for report in self.rig.reports():
            match report.exec_type:
                case ExecType.TRADE:
                    held[report.exec_id] = report.last_qty_lots * report.last_px_nanos
                case ExecType.TRADE_CANCEL:
                    del held[report.exec_ref_id]
                case ExecType.TRADE_CORRECT:
                    del held[report.exec_ref_id]
                    held[report.exec_id] = report.last_qty_lots * report.last_px_nanos
        assert sum(held.values()) == self.done()[1]

    @invariant()
    def the_ledgers_agree_and_the_parent_stays_within_its_quantity(self) -> None:
        if not self.names:
            return
        core, work = self.rig.core, self.rig.work
        live = core.orders.live(work.parent.parent_id)
        reserved = sum(child.leaves for child in live)
        line = core.gate.exposure.parents[work.parent.parent_id]
        assert (line.filled_lots, line.reserved_lots) == (work.filled_lots, reserved)
        assert line.qty_lots == work.parent.qty_lots
        assert line.closed == (work.is_ended or work.is_shut)
        assert work.filled_lots + reserved <= work.parent.qty_lots
        if work.is_ended:
            assert not live

    @invariant()
    def every_request_has_one_answer_at_most(self) -> None:
        refused = [reject.cl_ord_id for reject in self.rig.refusals()]
        done = [
            report.cl_ord_id
            for report in self.rig.reports()
            if report.exec_type is ExecType.REPLACED
            or (report.exec_type is ExecType.CANCELED and report.orig_cl_ord_id)
        ]
        answers = refused + done
        assert len(answers) == len(set(answers))
        assert set(answers) <= self.asked.keys()

    def teardown(self) -> None:
        """Peace: the venue lets go of everything, and what was asked has its answer."""
        for order in list(self.orders.values()):
            if not order.over:
                order.over, order.leaves = True, 0
                self.say(order, ExecType.CANCELED, OrdStatus.CANCELED)
        work = self.rig.work
        assert work.replacement is None
        if work.is_ended:
            refused = {reject.cl_ord_id for reject in self.rig.refusals()}
            named = {report.cl_ord_id for report in self.rig.reports()}
            assert self.asked.keys() <= refused | named
        self.rig.replay()


TestParents = ParentsMachine.TestCase
TestParents.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
