"""What is listed at each venue, and who is told whether it trades. Pure.

SecurityStatus(f) follows the venue's phase for an instrument; a subscriber gets every change until its
session ends, in one order with its market data.

    phase        SecurityTradingStatus(326) when asked     when it changes
    CONTINUOUS   17 ready to trade                          3 resume
    AUCTION      21 pre-open                               21
    HALTED        2 trading halt                            2
    CLOSED       18 not available for trading              18
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fixsim.matching.terms import Phase
from fixsim.says import Says
from fixsim.settings import Instrument
from router.fix.messages import (
    Security,
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
    TradingStatus,
)

Asked = SecurityDefinitionRequest | SecurityListRequest | SecurityStatusRequest
MAX_SUBSCRIPTIONS = 64
"""At one venue; one more is answered once, and Text(58) says that it gets no changes."""
UNSUBSCRIBE, SUBSCRIBE = 2, 1  # SubscriptionRequestType(263)
SPECIFICATIONS, IDENTITY, LIST = 0, 1, 3  # SecurityRequestType(321)
ACCEPTED, REJECTED, NO_MATCH = 1, 5, 6  # SecurityResponseType(323)
ONE, ALL = 0, 4  # SecurityListRequestType(559)
STATUS = {
    Phase.CONTINUOUS: TradingStatus.READY_TO_TRADE,
    Phase.AUCTION: TradingStatus.PRE_OPEN,
    Phase.HALTED: TradingStatus.HALT,
    Phase.CLOSED: TradingStatus.NOT_AVAILABLE,
}


class Answer(NamedTuple):
    """A message for one client."""

    to: str
    says: Says


@dataclass(slots=True)
class Board:
    """One venue's instruments and their phases; `venue` is its name."""

    venue: str
    instruments: Mapping[str, Instrument]
    phases: dict[str, Phase] = field(init=False)
    _told: dict[str, str] = field(default_factory=dict)
    """The text of the last change, by symbol."""
    _subscriptions: dict[tuple[str, str], str] = field(default_factory=dict)
    """(client, SecurityStatusReqID) -> symbol."""
    _answers: int = 0

    def __post_init__(self) -> None:
        self.phases = dict.fromkeys(self.instruments, Phase.CONTINUOUS)

    def ask(self, client: str, request: Asked, now_ns: int) -> list[Answer]:
        """What a request about the instruments is answered."""
        match request:
            case SecurityDefinitionRequest():
                return [Answer(client, one) for one in self._define(request)]
            case SecurityListRequest():
                return [Answer(client, self._list(request))]
            case SecurityStatusRequest():
                return self._watch(client, request, now_ns)

    def change(self, symbol: str, phase: Phase, text: str, now_ns: int) -> list[Answer]:
        """A venue's phase for an instrument is another; every subscriber is told."""
        self.phases[symbol], self._told[symbol] = phase, text
        status = TradingStatus.RESUME if phase is Phase.CONTINUOUS else STATUS[phase]
        told = []
        for (client, request_id), watched in self._subscriptions.items():
            if watched == symbol:
                message = SecurityStatus(request_id, symbol, status, True, self.venue, now_ns, text)
                told.append(Answer(client, message))
        return told

    def drop(self, client: str) -> None:
        """The client's session ended, and its subscriptions with it."""
        for key in [key for key in self._subscriptions if key[0] == client]:
            del self._subscriptions[key]

    def _define(self, request: SecurityDefinitionRequest) -> list[SecurityDefinition]:
        req_id, symbol = request.security_req_id, request.symbol
        if request.request_type not in (SPECIFICATIONS, IDENTITY, LIST):
            text = f"SecurityRequestType(321) {request.request_type} is not one of 0, 1, 3"
            return [SecurityDefinition(req_id, self._number(), REJECTED, symbol=symbol, text=text)]
        wanted = [symbol] if symbol or request.request_type != LIST else list(self.instruments)
        if any(one not in self.instruments for one in wanted):
            text = f"Symbol(55) {symbol} is not listed" if symbol else "Symbol(55) is missing"
            return [SecurityDefinition(req_id, self._number(), NO_MATCH, symbol=symbol, text=text)]
        return [
            SecurityDefinition(req_id, self._number(), ACCEPTED, self._security(one), one) for one in wanted
        ]

    def _list(self, request: SecurityListRequest) -> SecurityList:
        req_id, kind, symbol = request.security_req_id, request.request_type, request.symbol
        if kind not in (ONE, ALL):
            return SecurityList(req_id, self._number(), 1)
        wanted = list(self.instruments) if kind == ALL else [symbol] if symbol in self.instruments else []
        found = tuple(self._security(one) for one in wanted)
        return SecurityList(req_id, self._number(), 0 if found else 2, found)

    def _watch(self, client: str, request: SecurityStatusRequest, now_ns: int) -> list[Answer]:
        req_id, symbol, key = request.status_req_id, request.symbol, (client, request.status_req_id)
        if request.subscription == UNSUBSCRIBE:
            self._subscriptions.pop(key, None)
            return []
        text = self._told.get(symbol, "")
        if symbol not in self.instruments:
            status, text = TradingStatus.UNKNOWN, f"Symbol(55) {symbol} is not listed"
        else:
            status = STATUS[self.phases[symbol]]
            if request.subscription == SUBSCRIBE:
                if len(self._subscriptions) < MAX_SUBSCRIPTIONS or key in self._subscriptions:
                    self._subscriptions[key] = symbol
                else:
                    text = f"no changes will be told: {MAX_SUBSCRIPTIONS} subscriptions are in use"
        message = SecurityStatus(req_id, symbol, status, False, self.venue, now_ns, text)
        return [Answer(client, message)]

    def _security(self, symbol: str) -> Security:
        rule = self.instruments[symbol]
        return Security(
            symbol,
            self.venue,
            rule.tick_nanos,
            rule.lots_per_unit,
            rule.round_lot_lots or rule.round_lots,
            rule.min_lots,
            rule.max_lots,
            ticks=tuple((step.from_nanos, step.tick_nanos) for step in rule.ticks or ()),
            odd_lots=rule.round_lots if rule.odd_lots else 0,
        )

    def _number(self) -> str:
        self._answers += 1
        return f"{self.venue}-D{self._answers}"
