"""The engine: the single writer. Every change of state is an input, in one order, and journalled first.

Inputs: a FIX message, a link that came or went, a timer, a policy's answer, an operator's command, a start.
Outputs, which the shell collects after each input: bytes to write (already journalled), decisions to be
answered, transports to close, replies to operators, alerts. Given the same inputs at the same times it makes
the same outputs, byte for byte, which is how the journal replays. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from risk.gate import Gate
from risk.instrument import Instrument
from risk.limits import Limits
from risk.order import NewOrder
from router.book import TOUCH
from router.config import EngineConfig
from router.core import Core, OrderIds, Port, PortKind
from router.execution import Execution
from router.fix import events, tags
from router.fix.codec import Garbled, Message
from router.fix.messages import ExecutionReport, FieldError, OrderCancelReject
from router.journal import JournalWriter, Kind, json_payload
from router.kills import Kills
from router.marketdata import Moved, Probe, Request
from router.marketdata import Output as MarketOutput
from router.marketdata import State as BookState
from router.oms import Oms
from router.opening import open_markets, open_ports, refuse_misfit
from router.orders import Child
from router.outbox import OutboxFull, Outgoing
from router.records import (
    LINK_BLOCKED,
    LINK_DOWN,
    LINK_UP,
    LINK_WRITABLE,
    Answer,
    pack_answer,
    pack_garbled,
)
from router.sessions import COMMANDS as SESSION_COMMANDS
from router.sessions import Sessions
from router.tick import Decide, Ticker
from router.views import view

# A venue has heard more from us than our journal holds: power was lost, and orders may be forgotten. (Session
# layers word it so in their Logout, or say in their Logon which number they expect; no logon succeeds until a
# person has set the numbers right.)
FORGOTTEN = ("logon refused: MsgSeqNum too low", "Logon(A) refused: NextExpectedMsgSeqNum(789)")


class Engine:
    """One router. `start` comes first; `core` is for the shell and for reading, never for writing."""

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        self.core: Core | None = None

    # Inputs.

    def start(self, config: EngineConfig, ids: OrderIds, now_ns: int) -> None:
        """The process began, with these settings. On an engine that lived before (replay): a restart.

        SettingsError, with nothing journalled, if the settings do not fit what is still open.
        """
        if self.core is not None:
            refuse_misfit(config, self.core)
        self._journal.append(Kind.START, now_ns, json_payload(config.model_dump(mode="json")))
        instruments = {name: Instrument(**fields) for name, fields in config.instruments.items()}
        gate = Gate(Limits.model_validate(config.limits), instruments, config.prefix)
        core = Core(config, instruments, gate, ids, self._journal, now_ns=now_ns)
        old = self.core
        self.core = core
        before = self.execution if old is not None else None
        self.execution: Execution = Execution(core, self)
        self.kills = Kills(core, self.execution)
        self.ticker = Ticker(core, self.execution)
        self.oms = Oms(core, self.ticker, self.execution)
        self.sessions = Sessions(core, self._handle)
        open_ports(core, old)
        open_markets(core)
        if old is not None:
            self._carry_over(core, old)
        if before is not None:
            self.execution.inherit(before)
        core.pump()

    def link(self, index: int, up: bool, now_ns: int) -> None:
        """A session's transport came up or went down."""
        core = self._input(Kind.LINK, now_ns, bytes((index, LINK_UP if up else LINK_DOWN)))
        port = core.ports[index]
        port.up = port.writable = up
        session = port.session
        if up:
            self.sessions.settle(port)
        self._handle(core, port, session.connected(now_ns) if up else session.disconnected(now_ns))
        core.pump()

    def writable(self, index: int, writable: bool, now_ns: int) -> None:
        """The peer reads too slowly, or has caught up: what waits stays unsequenced meanwhile."""
        core = self._input(Kind.LINK, now_ns, bytes((index, LINK_WRITABLE if writable else LINK_BLOCKED)))
        port = core.ports[index]
        port.writable = writable
        core.wake(port)
        core.pump()

    def message(self, index: int, message: Message, now_ns: int) -> None:
        """A whole message of session `index`."""
        core = self.running
        core.now_ns = now_ns
        port = core.ports[index]
        core.journal.append(Kind.FIX_IN, now_ns, port.tag + message.raw)
        core.inputs += 1
        happened = port.session.received(message, now_ns)
        if len(happened) == 1 and type(happened[0]) is events.App:  # the hot path
            self._application(core, port, happened[0].message)
        else:
            self._handle(core, port, happened)
            if port.kind is PortKind.MARKET_DATA:
                for market in core.markets.values():
                    market.heard(port.venue, now_ns)
        core.pump()

    def garbled(self, index: int, garbled: Garbled, now_ns: int) -> None:
        """Bytes of session `index` that are no message. They use no sequence number."""
        core = self._input(Kind.FIX_IN, now_ns, bytes((index,)) + pack_garbled(garbled))
        port = core.ports[index]
        self._handle(core, port, port.session.garbled(garbled, now_ns))
        core.pump()

    def timer(self, now_ns: int) -> None:
        """The time that `deadline_ns` named has come."""
        core = self._input(Kind.TIMER, now_ns, b"")
        while (key := core.timers.pop_due(now_ns)) is not None:
            self._due(core, *key)
        self.ticker.decide_ready()
        core.pump()

    def answer(self, answer: Answer, now_ns: int) -> None:
        """A policy's answer to a Decide, or word that it failed."""
        core = self._input(Kind.ANSWER, now_ns, pack_answer(answer))
        self.ticker.answered(answer)
        core.pump()

    def operator(self, command: int, request: dict[str, Any], now_ns: int) -> None:
        """A command from the console, validated by the control socket. Replies carry `command`."""
        core = self._input(Kind.OPERATOR, now_ns, json_payload({"command": command, **request}))
        if request["cmd"] == "log out":
            for port in core.ports:
                self._handle(core, port, port.session.logout(request["reason"], now_ns))
        elif request["cmd"] in SESSION_COMMANDS:
            self.sessions.command(command, request)
        else:
            if request["cmd"] == "drain":
                self.ticker.stopped = self.execution.draining = True
            self.kills.command(command, request)
            self.oms.latches_moved()
        core.pump()

    # What the shell asks.

    @property
    def running(self) -> Core:
        """The state, once started."""
        if self.core is None:
            raise RuntimeError("the engine was not started")
        return self.core

    def attach(self, journal: JournalWriter) -> None:
        """After a replay: what happens from the next start on is written to this journal."""
        self._journal = journal

    def view(self, what: str) -> list[dict[str, Any]]:
        """What an operator may see: "status", "parents", "orders" or "sessions"."""
        return view(self.running, what)

    def deadline_ns(self) -> int | None:
        """When `timer` is next to be called."""
        core = self.running
        return core.now_ns if self.ticker.ready else core.timers.next_ns()

    def take_decides(self) -> list[Decide]:
        decides, self.ticker.decides = self.ticker.decides, []
        return decides

    # Listener of Execution.

    def filled(self, child: Child, lots: int, report: ExecutionReport) -> None:
        self.oms.filled(child, lots, report)
        self.ticker.child_filled(child)

    def busted(self, child: Child, lots: int, report: ExecutionReport) -> None:
        self.oms.busted(child, lots, report)
        self.ticker.child_filled(child)

    def corrected(self, child: Child, report: ExecutionReport) -> None:
        self.oms.corrected(child, report)
        self.ticker.child_filled(child)

    def changed(self, child: Child) -> None:
        self.kills.child_changed(child)
        self.oms.child_changed(child)
        if not child.is_live:
            self.ticker.child_ended(child)

    def forgotten(self, order: NewOrder) -> None:
        """Whose it was cannot be known: every open parent that it may have worked for gets no further child,
        also after a person has reinstated (invariant 2); the desk cancels it, and sends what is still wanted.
        """
        core = self.running
        self.kills.suspend_all(f"{order.venue} holds {order.cl_ord_id}, which is ours and not known here")
        for work in core.active_parents():
            parent = work.parent
            if (parent.symbol, parent.side) == (order.symbol, order.side) and not work.is_shut:
                work.is_shut = True
                core.gate.parent_closed(parent.parent_id)
                core.alert(f"parent {parent.parent_id} gets no further order: {order.cl_ord_id} may be its")
        self.oms.latches_moved()

    # Inside.

    def _suspend_all(self, text: str) -> None:
        self.kills.suspend_all(text)
        self.oms.latches_moved()

    def _input(self, kind: Kind, now_ns: int, payload: bytes) -> Core:
        core = self.running
        core.now_ns = now_ns
        core.journal.append(kind, now_ns, payload)
        core.inputs += 1
        return core

    def _application(self, core: Core, port: Port, message: Message) -> None:
        if port.kind is PortKind.MARKET_DATA:
            for symbol, market in core.markets.items():
                outputs = market.on_message(port.venue, message, core.now_ns)
                if market.changed & TOUCH:
                    self.ticker.market_moved(symbol)
                if outputs:
                    self._market_outputs(core, symbol, outputs)
            return
        try:
            if port.kind.is_acceptor:
                self.oms.message(port, message)
            else:
                self._venue_message(core, port, message)
        except FieldError as error:
            if port.kind.is_acceptor:
                self.oms.field_error(port, message, error)
            else:
                self._unread(core, port, message, error)

    def _unread(self, core: Core, port: Port, message: Message, error: FieldError) -> None:
        if message.msg_type == tags.EXECUTION_REPORT and port.kind is PortKind.ORDERS:
            self.execution.unread(port, message, error)
            return
        core.alert(f"{port.session.name}: {message.msg_type.decode('latin-1')} not understood: {error}")

    def _venue_message(self, core: Core, port: Port, message: Message) -> None:
        version = port.session.config.version
        match message.msg_type:
            case tags.EXECUTION_REPORT:
                report = ExecutionReport.parse(message, core.instruments, version)
                if port.kind is PortKind.DROP_COPY:
                    self.execution.copied(port, report)
                else:
                    self.execution.report(port, report)
            case tags.ORDER_CANCEL_REJECT if port.kind is PortKind.DROP_COPY:
                pass  # of a request that order entry is told of
            case tags.ORDER_CANCEL_REJECT:
                self.execution.cancel_refused(port, OrderCancelReject.parse(message, version))
            case tags.BUSINESS_MESSAGE_REJECT:
                ref = (message.get(tags.BUSINESS_REJECT_REF_ID) or b"").decode("latin-1")
                text = (message.get(tags.TEXT) or b"").decode("latin-1")
                self.execution.message_refused(port, ref, text)
            case other:
                core.alert(f"{port.session.name}: message type {other.decode('latin-1')} not expected")

    def _market_outputs(self, core: Core, symbol: str, outputs: Sequence[MarketOutput]) -> None:
        for output in outputs:
            port = core.feed_ports[output.venue]
            match output:
                case Request():
                    if port.session.is_logged_on:
                        self._request_book(core, port, output.body)
                case Probe():
                    self._handle(core, port, port.session.test_request(core.now_ns))
                case Moved():
                    text = f"{port.session.name} {symbol}: book {output.state.name.lower()}: {output.reason}"
                    if output.state is BookState.LIVE or self.ticker.stopped:
                        core.note("book", text=text)
                    else:
                        core.alert(text)
                    self.ticker.market_moved(symbol)
        self._watch_market(core, symbol)

    def _request_book(self, core: Core, port: Port, body: bytes) -> None:
        try:
            core.queue(port, Outgoing(tags.MARKET_DATA_REQUEST, body))
        except OutboxFull as full:
            core.alert(f"{port.session.name}: {full}: a MarketDataRequest is lost; it will be repeated")

    def _due(self, core: Core, kind: str, name: str) -> None:
        match kind:
            case "session":
                port = core.ports[int(name)]
                self._handle(core, port, port.session.timer(core.now_ns))
                self._watch(core, port)
            case "throttle":
                core.wake(core.ports[int(name)])
            case "decide":
                self.ticker.interval(name)
            case "overdue":
                self.execution.overdue()
            case "copies":
                self.execution.copies_due()
            case "paced":
                self.execution.send_paced()
            case "kill":
                self.kills.time_up(name)
            case "market":
                market = core.markets[name]
                self._market_outputs(core, name, market.timer(core.now_ns))
            case "parent":
                self.oms.time_reached(name)
            case _:
                raise ValueError(f"no timer is called {kind}")

    def _handle(self, core: Core, port: Port, happened: Sequence[events.Event]) -> None:
        for event in happened:
            match event:
                case events.App(message=message):
                    self._application(core, port, message)
                case events.Send(raw=raw):
                    core.write(port, raw)
                case events.LoggedOn():
                    self._logged_on(core, port)
                case events.LoggedOut(text=text):
                    told = core.note if self.ticker.stopped or port.kind.is_acceptor else core.alert
                    told(f"{port.session.name} logged out: {text}")
                    self._logged_out(core, port)
                case events.Disconnect(reason=reason):
                    core.note("disconnect", session=port.session.name, reason=reason)
                    core.hangups.append(port.index)
                case events.Alert(text=text):
                    core.alert(text)
                    if port.kind is PortKind.ORDERS and any(words in text for words in FORGOTTEN):
                        self._suspend_all(text)
                case events.GapOpened(first=first, last=last):
                    core.alert(f"{port.session.name}: messages {first} to {last} are missing")
                    if port.kind is PortKind.MARKET_DATA:
                        for symbol, market in core.markets.items():
                            self._market_outputs(core, symbol, market.gap(port.venue, core.now_ns))
                case events.Rejected(ref_seq=ref_seq, text=text):
                    self.execution.message_refused(port, "", f"Reject(3) of MsgSeqNum(34) {ref_seq}: {text}")
                case events.NotResent(first=first, last=last):
                    core.note("not resent", session=port.session.name, first=first, last=last)
                case events.SequenceReset(next_out=next_out, next_in=next_in):
                    core.alert(f"{port.session.name}: sequence numbers reset to out {next_out}, in {next_in}")
                case events.GapClosed():
                    core.note("gap closed", session=port.session.name)
        if happened:
            self._watch(core, port)

    def _logged_on(self, core: Core, port: Port) -> None:
        core.note("logged on", session=port.session.name)
        core.wake(port)
        if port.kind is PortKind.ORDERS:
            self.execution.session_up(port)
        self._sessions_changed(core, port, up=True)
        self.sessions.settle(port)

    def _logged_out(self, core: Core, port: Port) -> None:
        if port.kind is PortKind.ORDERS:
            self.execution.session_down(port)
        elif port.kind is PortKind.MARKET_DATA:
            port.outbox.clear()
        self._sessions_changed(core, port, up=False)

    def _sessions_changed(self, core: Core, port: Port, *, up: bool) -> None:
        """Tells the books whether a lit venue's feed is there, risk whether orders can reach the venue."""
        if port.kind not in (PortKind.ORDERS, PortKind.MARKET_DATA):
            return
        v = port.venue
        reachable = core.order_ports[v].session.is_logged_on
        for symbol, market in core.markets.items():
            if port.kind is PortKind.MARKET_DATA:
                act = market.feed_up if up else market.feed_down
                self._market_outputs(core, symbol, act(v, core.now_ns))
            market.market.venues[market.venues[v].name].session_up = reachable

    def _watch(self, core: Core, port: Port) -> None:
        core.timers.set(("session", str(port.index)), port.session.deadline_ns())

    def _watch_market(self, core: Core, symbol: str) -> None:
        core.timers.set(("market", symbol), core.markets[symbol].deadline_ns())

    def _carry_over(self, core: Core, old: Core) -> None:
        """A restart: latches, parents, orders live on; live orders are unknown until their venue speaks."""
        core.orders, core.parents, core.reports = old.orders, old.parents, old.reports
        core.taken, core.ended = old.taken, old.ended
        core.gate.inherit_desk_ids(old.gate)
        for latch in old.gate.kill.latches:
            core.gate.kill.apply(latch.as_event())
        desks = {port.session.name: port.index for port in core.ports}
        for work in core.parents.values():
            work.desk = desks.get(work.parent.desk, -1)
            live = core.orders.live(work.parent.parent_id)
            # The ledger adds what the live children have done, as they are adopted.
            done_lots = work.filled_lots - sum(child.cum_lots for child in live)
            core.gate.adopt_parent(work.parent, done_lots, len(work.former_ids))
            if work.is_ended or work.is_shut:
                core.gate.parent_closed(work.parent.parent_id)
        for child in core.orders.live():
            core.gate.adopt(child.order, child.cum_lots)
            if child.void_lots:
                core.gate.restated(child.cl_ord_id, child.leaves)
        self.execution.restarted()
        self.oms.restarted()
