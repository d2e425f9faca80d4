"""What is listed, and whether it trades: SecurityDefinitionRequest(c), SecurityDefinition(d),
SecurityListRequest(x), SecurityList(y), SecurityStatusRequest(e), SecurityStatus(f).

How an instrument is stated in each version: security.py. FIX 4.2 has no x and no y.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import time_to_wire
from router.fix.messages.fields import FieldError, Layout, joined
from router.fix.messages.security import Security, Stated, apart
from router.fix.versions import FIX44, Version

_REQUEST: Final = Layout(
    text=(tags.SECURITY_REQ_ID, tags.SECURITY_STATUS_REQ_ID, tags.SYMBOL),
    decimal=(tags.SECURITY_REQUEST_TYPE, tags.SECURITY_LIST_REQUEST_TYPE, tags.SUBSCRIPTION_REQUEST_TYPE),
)
_ANSWER: Final = Layout(
    text=(
        tags.SECURITY_REQ_ID, tags.SECURITY_RESPONSE_ID, tags.SECURITY_STATUS_REQ_ID, tags.SYMBOL,
        tags.SECURITY_EXCHANGE, tags.UNSOLICITED_INDICATOR, tags.TEXT,
    ),
    decimal=(
        tags.SECURITY_RESPONSE_TYPE, tags.SECURITY_REQUEST_RESULT, tags.SECURITY_TRADING_STATUS,
        tags.TOT_NO_RELATED_SYM,
    ),
    time=(tags.TRANSACT_TIME,),
)  # fmt: skip


class TradingStatus(IntEnum):
    """SecurityTradingStatus(326), those that this package's venues use."""

    HALT = 2
    RESUME = 3
    READY_TO_TRADE = 17
    NOT_AVAILABLE = 18
    UNKNOWN = 20
    PRE_OPEN = 21

    @property
    def trades(self) -> bool:
        """Orders are matched as they come."""
        return self in (TradingStatus.RESUME, TradingStatus.READY_TO_TRADE)


@dataclass(frozen=True, slots=True)
class SecurityDefinitionRequest:
    """`request_type` (321): 0 identity and specifications, 1 identity, 3 all that are listed."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_DEFINITION_REQUEST

    security_req_id: str
    request_type: int = 0
    symbol: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "SecurityDefinitionRequest":
        fields = _REQUEST.read(message)
        req_id = fields.required(tags.SECURITY_REQ_ID)
        fields.need(tags.SECURITY_REQUEST_TYPE)
        return cls(req_id, fields.integer(tags.SECURITY_REQUEST_TYPE) or 0, fields.text(tags.SYMBOL))

    def body(self, version: Version = FIX44) -> bytes:
        return joined(
            f"320={self.security_req_id}",
            b"321=%d" % self.request_type,
            self.symbol and f"55={self.symbol}",
        )


@dataclass(frozen=True, slots=True)
class SecurityDefinition:
    """`response_type` (323): 1 as asked and `security`, 5 the request is refused, 6 no such instrument."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_DEFINITION

    security_req_id: str
    response_id: str
    response_type: int
    security: Security | None = None
    symbol: str = ""
    text: str = ""

    @classmethod
    def parse(cls, message: Message, lots_per_unit: int, version: Version = FIX44) -> "SecurityDefinition":
        fields = _ANSWER.read(message)
        kind = fields.integer(tags.SECURITY_RESPONSE_TYPE) or 0
        security = Security.read(message.fields(), lots_per_unit, version) if kind == 1 else None
        text = fields.text(tags.TEXT)
        return cls(
            fields.required(tags.SECURITY_REQ_ID),
            fields.required(tags.SECURITY_RESPONSE_ID),
            kind,
            security,
            fields.text(tags.SYMBOL),
            text if version.listings else apart(text)[1],
        )

    def body(self, version: Version = FIX44) -> bytes:
        stated: Stated = (self.symbol and f"55={self.symbol}",)
        text = self.text
        if self.security is not None:
            stated = self.security.fields(version)
            if version.trading_rules:  # outside of a list, the rules are those of a market segment
                instrument = len(stated) - len(self.security.rules())
                stated = (
                    *stated[:instrument],
                    "1310=1",
                    f"1301={self.security.exchange}",
                    *stated[instrument:],
                )
            elif not version.listings:
                text = self.security.as_text(text)
        return joined(
            f"320={self.security_req_id}",
            f"322={self.response_id}",
            b"323=%d" % self.response_type,
            "" if version.listings else b"393=%d" % (self.security is not None),
            *stated,
            text and f"58={text}",
        )


@dataclass(frozen=True, slots=True)
class SecurityListRequest:
    """`request_type` (559): 0 one `symbol`, 4 all."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_LIST_REQUEST

    security_req_id: str
    request_type: int = 4
    symbol: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "SecurityListRequest":
        fields = _REQUEST.read(message)
        req_id = fields.required(tags.SECURITY_REQ_ID)
        fields.need(tags.SECURITY_LIST_REQUEST_TYPE)
        return cls(req_id, fields.integer(tags.SECURITY_LIST_REQUEST_TYPE) or 0, fields.text(tags.SYMBOL))

    def body(self, version: Version = FIX44) -> bytes:
        version.needs(version.listings, "SecurityListRequest(x)")
        return joined(
            f"320={self.security_req_id}",
            b"559=%d" % self.request_type,
            self.symbol and f"55={self.symbol}",
        )


@dataclass(frozen=True, slots=True)
class SecurityList:
    """`result` (560): 0 as asked, 1 the request is not supported, 2 nothing found. One message has all."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_LIST

    security_req_id: str
    response_id: str
    result: int
    securities: tuple[Security, ...] = ()

    @classmethod
    def parse(cls, message: Message, lots_per_unit: int, version: Version = FIX44) -> "SecurityList":
        fields = _ANSWER.read(message)
        groups: list[list[tuple[int, bytes]]] = []
        for tag, value in message.fields():
            if tag == tags.SYMBOL:
                groups.append([])
            if groups:
                groups[-1].append((tag, value))
        return cls(
            fields.required(tags.SECURITY_REQ_ID),
            fields.required(tags.SECURITY_RESPONSE_ID),
            fields.integer(tags.SECURITY_REQUEST_RESULT) or 0,
            tuple(Security.read(group, lots_per_unit, version) for group in groups),
        )

    def body(self, version: Version = FIX44) -> bytes:
        version.needs(version.listings, "SecurityList(y)")
        return joined(
            f"320={self.security_req_id}",
            f"322={self.response_id}",
            b"560=%d" % self.result,
            b"393=%d" % len(self.securities) if self.securities else b"",
            b"893=Y" if self.securities else b"",
            b"146=%d" % len(self.securities) if self.securities else b"",
            *(part for security in self.securities for part in security.fields(version)),
        )


@dataclass(frozen=True, slots=True)
class SecurityStatusRequest:
    """`subscription` (263): 0 the status now, 1 and every change, 2 no more changes."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_STATUS_REQUEST

    status_req_id: str
    symbol: str
    subscription: int = 0

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "SecurityStatusRequest":
        fields = _REQUEST.read(message)
        req_id, symbol = fields.required(tags.SECURITY_STATUS_REQ_ID), fields.required(tags.SYMBOL)
        fields.need(tags.SUBSCRIPTION_REQUEST_TYPE)
        subscription = fields.integer(tags.SUBSCRIPTION_REQUEST_TYPE)
        if subscription not in (0, 1, 2):
            wire = fields.wire(tags.SUBSCRIPTION_REQUEST_TYPE)
            raise FieldError(tags.SUBSCRIPTION_REQUEST_TYPE, wire, "is not one of 0, 1, 2")
        return cls(req_id, symbol, subscription)

    def body(self, version: Version = FIX44) -> bytes:
        return joined(f"324={self.status_req_id}", f"55={self.symbol}", b"263=%d" % self.subscription)


@dataclass(frozen=True, slots=True)
class SecurityStatus:
    """`status` is a TradingStatus; `unsolicited`: a change that a subscriber is told."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_STATUS

    status_req_id: str
    symbol: str
    status: TradingStatus
    unsolicited: bool = False
    exchange: str = ""
    transact_time_ns: int = 0
    text: str = ""

    @classmethod
    def parse(cls, message: Message, version: Version = FIX44) -> "SecurityStatus":
        fields = _ANSWER.read(message)
        code = fields.integer(tags.SECURITY_TRADING_STATUS)
        known = {int(status): status for status in TradingStatus}
        return cls(
            fields.text(tags.SECURITY_STATUS_REQ_ID),
            fields.required(tags.SYMBOL),
            known.get(code, TradingStatus.UNKNOWN) if code is not None else TradingStatus.UNKNOWN,
            fields.text(tags.UNSOLICITED_INDICATOR) == "Y",
            fields.text(tags.SECURITY_EXCHANGE),
            fields.time_ns(tags.TRANSACT_TIME) or 0,
            fields.text(tags.TEXT),
        )

    def body(self, version: Version = FIX44) -> bytes:
        return joined(
            f"324={self.status_req_id}",
            f"55={self.symbol}",
            self.exchange and f"207={self.exchange}",
            b"325=Y" if self.unsolicited else b"325=N",
            b"326=%d" % version.trading_status(self.status),
            b"60=" + time_to_wire(self.transact_time_ns) if self.transact_time_ns else b"",
            f"58={self.text}" if self.text and version.listings else "",
        )
