"""The market's other door: requests as objects, in this process, without sessions, sockets or a wire.

The exchange behind it is the one behind the FIX door: the same settings, latencies, throttles, seeds and
kernels. A client that does the same things at the same times through either is told the same at the same
times; tests/simulation/test_twin_doors.py holds that.

    door = Door(settings, tape)
    door.watch("XLIT1", "SLUICE-MD", MarketDataRequest(…))
    while (told := door.next(until_ns)):      # time moves to the next moment at which anything is told
        for one in told: …
        door.send("XLIT1", "SLUICE-OE", NewOrderSingle(…))     # now, that is at door.now_ns

Pure: no clock; `next` moves time. What FIX adds (MsgSeqNum, resends, logon, drop copies) is not here: a
client cannot be away, and cancel on disconnect never happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from fixsim.exchange import Exchange, Out, Request
from fixsim.settings import Client, Instrument, Settings
from router.fix import tags
from router.fix.codec import Message, encode, parse
from router.fix.messages import ExecutionReport, MarketDataRequest, OrderCancelReject
from router.fix.versions import VERSIONS, Version

if TYPE_CHECKING:
    from fixsim.flow.source import Source
    from fixsim.tape import Tape
    from fixsim.tape.partial import PartialTape


class Told(NamedTuple):
    """What a client is told: a message's type and body, as FIX of its version would carry it."""

    time_ns: int
    venue: str
    client: str
    msg_type: bytes
    body: bytes
    version: Version

    def message(self) -> Message:
        """As a whole message of no session: MsgSeqNum 1, sent when it was told."""
        venue, client, begin = self.venue.encode(), self.client.encode(), self.version.begin_string.encode()
        made = parse(encode(begin, self.msg_type, 1, venue, client, self.time_ns, self.body))
        assert isinstance(made, Message), made
        return made

    def report(self, instruments: Mapping[str, Instrument]) -> ExecutionReport | OrderCancelReject | None:
        """The typed report; None for what is not about an order."""
        if self.msg_type == tags.EXECUTION_REPORT:
            return ExecutionReport.parse(self.message(), instruments, self.version)
        if self.msg_type == tags.ORDER_CANCEL_REJECT:
            return OrderCancelReject.parse(self.message(), self.version)
        return None


class Door:
    """See the module. Clients are those of the settings, and may do what they serve there."""

    def __init__(
        self,
        settings: Settings,
        source: Tape | PartialTape | Source,
        sink: Callable[[str], object] = lambda line: None,
        *,
        listed: Mapping[str, Tape | PartialTape | Source] | None = None,
    ) -> None:
        """`sink` gets the venues' own record, line by line; `listed` as for Exchange."""
        self.exchange = Exchange(settings, source, sink, listed=listed)
        self._clients = {(v.name, c.comp_id): c for v in settings.venue for c in v.clients}

    @property
    def now_ns(self) -> int:
        return self.exchange.now_ns

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self.exchange.instruments

    def send(self, venue: str, client: str, request: Request) -> None:
        """An order-entry request leaves now. ValueError if the venue does not serve orders to the client."""
        self._check(venue, client, "orders")
        self.exchange.request(venue, client, request, self.now_ns)

    def watch(self, venue: str, client: str, request: MarketDataRequest) -> None:
        """A market data request leaves now. ValueError if the venue does not serve data to the client."""
        self._check(venue, client, "market-data")
        self.exchange.subscribe(venue, client, request, self.now_ns)

    def _check(self, venue: str, client: str, serves: str) -> Client:
        found = self._clients.get((venue, client))
        if found is None or found.serves != serves:
            known = ", ".join(f"{c} at {v}" for (v, c), one in self._clients.items() if one.serves == serves)
            raise ValueError(f"{venue} does not serve {serves} to {client}: those served are {known}")
        return found

    def next(self, until_ns: int) -> list[Told]:
        """Move time to the next moment at which anything is told, but at most to `until_ns`; what is told.

        Nothing is told, and time is `until_ns`, if there is no such moment.
        """
        while (due_ns := self.exchange.deadline_ns()) is not None and due_ns <= until_ns:
            out = self.exchange.advance(due_ns)
            if out:
                return [self._told(one) for one in out]
        self.exchange.advance(until_ns)
        return []

    def _told(self, out: Out) -> Told:
        version = VERSIONS[self._clients[out.venue, out.to].version]
        says = out.says
        return Told(self.now_ns, out.venue, out.to, says.MSG_TYPE, says.body(version), version)
