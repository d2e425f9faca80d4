"""The router's engine in this process, with the bench's market around it and no sockets: for its stages."""

from __future__ import annotations

import time
from pathlib import Path

from fixsim.bench.client import INSTRUMENTS, parent_order, report_of
from fixsim.bench.settings import HEARTBEAT_S, STRATEGY, BenchError, Setup
from fixsim.bench.walk import LOTS, Walk
from router.core import Port
from router.daemon import warm
from router.engine import Engine
from router.fix import events, tags
from router.fix.codec import Framer, Message
from router.fix.messages import MarketDataRequest, NewOrderSingle
from router.fix.session import Session, SessionConfig
from router.identity import OrderIds
from router.journalfile import JournalFile
from router.policy import Policy, load_all, read_policies
from router.records import Answer, AnswerStatus
from router.settings import load
from router.startup import engine_config
from router.tick import Decide


class Rig:
    """Engine, journal and policy as `router run` makes them; `step` and what follows do one tick to order."""

    def __init__(self, setup: Setup) -> None:
        settings = load(setup.settings)
        warm()
        self.policies: dict[int, Policy] = load_all(read_policies(settings.files.policies))
        self.journal = JournalFile(Path(settings.journal.dir) / "router.journal")
        self.engine = Engine(self.journal.writer)
        ids = OrderIds(settings.daemon.clordid_prefix, setup.folder / "var" / "clordid", 1_000_000)
        config, _ = engine_config(settings, self.policies, ids.next_number)
        self.engine.start(config, ids, time.time_ns())
        self.core = self.engine.running
        self.walk = Walk()
        self.framer = Framer()
        self.peers = [self._peer(port) for port in self.core.ports]
        for port in self.core.ports:
            self.engine.link(port.index, True, time.time_ns())
            if port.session.config.role == "acceptor":
                for event in self.peers[port.index].connected(time.time_ns()):
                    if isinstance(event, events.Send):
                        self._receive(port.index, event.raw)
            self.deliver()
        desk = self.core.ports[-1].index
        body = parent_order().body(LOTS)
        self._receive(desk, self.peers[desk].encode(tags.NEW_ORDER_SINGLE, body, time.time_ns()))
        self.decide()
        self.finish()

    @property
    def orders(self) -> Port:
        return self.core.order_ports[0]

    @property
    def feed(self) -> Port:
        return self.core.feed_ports[0]

    def _peer(self, port: Port) -> Session:
        """The other end of a session, waiting for what comes."""
        config = port.session.config
        names = (config.target_comp_id, config.sender_comp_id)
        if config.role == "acceptor":
            return Session(SessionConfig(config.name, "initiator", *names, heart_bt_int_s=HEARTBEAT_S))
        peer = Session(SessionConfig(config.name, "acceptor", *names, heart_bt_int_s=HEARTBEAT_S))
        peer.connected(time.time_ns())
        return peer

    def frame(self, raw: bytes) -> Message:
        self.framer.feed(raw)
        message = self.framer.next()
        if not isinstance(message, Message):
            raise BenchError(f"not a message: {raw!r}")
        self.framer.next()  # the link asks until there is none
        return message

    def _receive(self, index: int, raw: bytes) -> None:
        self.engine.message(index, self.frame(raw), time.time_ns())

    def tick(self) -> bytes:
        """The next X of the market, as bytes."""
        step = self.walk.step()
        return self.peers[self.feed.index].encode(b"X", step.body, time.time_ns())

    @property
    def policy(self) -> Policy:
        return self.policies[STRATEGY]

    def ask(self, decide: Decide) -> Answer:
        """The policy's answer, as the app makes it."""
        begin = time.monotonic_ns()
        said = self.policy.run(decide.state, decide.mask)
        elapsed_ns, good = time.monotonic_ns() - begin, AnswerStatus.GOOD
        numbers = said.value, said.logits, said.action_value
        return Answer(decide.parent, decide.decision, good, elapsed_ns, *numbers)

    def decide(self) -> None:
        """What the app does after a message: what is due, and the policy's answer."""
        now = time.time_ns()
        due = self.engine.deadline_ns()
        if due is not None and due <= now:
            self.engine.timer(now)
        for decide in self.engine.take_decides():
            self.engine.answer(self.ask(decide), time.time_ns())

    def finish(self) -> NewOrderSingle:
        """The one order that left is reported taken and ended, as the bench's venue does."""
        found = self.deliver()
        if len(found) != 1:
            raise BenchError(f"{len(found)} orders left, one was expected")
        order, peer = found[0], self.peers[self.orders.index]
        for ended in (False, True):
            body = report_of(order, ended=ended)
            self._receive(self.orders.index, peer.encode(tags.EXECUTION_REPORT, body, time.time_ns()))
        self.decide()
        self.deliver()
        return order

    def deliver(self) -> list[NewOrderSingle]:
        """What the engine wrote reaches its peers, who answer where they must; the new orders."""
        orders = []
        self.journal.flush()
        while self.core.writes:
            writes, self.core.writes = self.core.writes, []
            for index, raw in writes:
                message = self.frame(raw)
                peer = self.peers[index]
                for event in peer.received(message, time.time_ns()):
                    if isinstance(event, events.Send):
                        self._receive(index, event.raw)
                if message.msg_type == tags.MARKET_DATA_REQUEST:
                    request = MarketDataRequest.parse(message, INSTRUMENTS)
                    body = self.walk.snapshot(request.md_req_id)
                    self._receive(index, peer.encode(b"W", body, time.time_ns()))
                elif message.msg_type == tags.NEW_ORDER_SINGLE:
                    orders.append(NewOrderSingle.parse(message, INSTRUMENTS))
        return orders

    def close(self) -> None:
        self.journal.close()
