"""What is listed, and whether it trades: SecurityDefinitionRequest(c), SecurityDefinition(d),
SecurityListRequest(x), SecurityList(y), SecurityStatusRequest(e), SecurityStatus(f).

FIX 4.4 has no field for a tick or a largest quantity: both are instrument attributes of type 99 (text),
`MinPriceIncrement=0.01` and `MaxTradeVol=1000`, under the names that later versions gave them. So are a tick
table, one `TickIncrement=0.05 StartTickPriceRange=10` for each step, and where odd lots are taken the lot
that they are multiples of, `MinLotSize=0.001`; RoundLot(561) is then the board lot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import lots_from_wire, lots_to_wire, nanos_from_wire, nanos_to_wire, time_to_wire
from router.fix.messages.fields import FieldError, Layout, joined

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
_TICK: Final = "MinPriceIncrement="
_MOST: Final = "MaxTradeVol="
_STEP: Final = "TickIncrement="
_SINCE: Final = " StartTickPriceRange="
_LEAST: Final = "MinLotSize="


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
class Security:
    """An instrument as its venue states it: tick in nanos, quantities in lots of 1 / lots_per_unit."""

    symbol: str
    exchange: str
    tick_nanos: int
    lots_per_unit: int
    round_lots: int
    min_lots: int
    max_lots: int
    ticks: tuple[tuple[int, int], ...] = ()
    """A tick table: (from this price, its tick) in nanos; empty: `tick_nanos` everywhere."""
    odd_lots: int = 0
    """Where odd lots are taken, what they are multiples of; 0: orders are multiples of `round_lots`."""

    def fields(self) -> tuple[bytes | str, ...]:
        """The Instrument, its attributes, RoundLot and MinTradeVol, in this order."""
        attributes = [
            f"{_TICK}{nanos_to_wire(self.tick_nanos).decode()}",
            f"{_MOST}{lots_to_wire(self.max_lots, self.lots_per_unit).decode()}",
            *(
                f"{_STEP}{nanos_to_wire(tick).decode()}{_SINCE}{nanos_to_wire(since).decode()}"
                for since, tick in self.ticks
            ),
        ]
        if self.odd_lots:
            attributes.append(f"{_LEAST}{lots_to_wire(self.odd_lots, self.lots_per_unit).decode()}")
        return (
            f"55={self.symbol}",
            f"207={self.exchange}",
            f"870={len(attributes)}",
            *(part for attribute in attributes for part in ("871=99", f"872={attribute}")),
            b"561=" + lots_to_wire(self.round_lots, self.lots_per_unit),
            b"562=" + lots_to_wire(self.min_lots, self.lots_per_unit),
        )

    @classmethod
    def read(cls, fields: Sequence[tuple[int, bytes]], lots_per_unit: int) -> "Security":
        """From the fields of one instrument. FieldError if one is missing or no decimal."""
        one = dict(fields)
        attributes = [value.decode("latin-1") for tag, value in fields if tag == tags.INSTR_ATTRIB_VALUE]

        def attribute(name: str) -> bytes:
            found = next((value for value in attributes if value.startswith(name)), None)
            if found is None:
                raise FieldError(tags.INSTR_ATTRIB_VALUE, None, f"lacks {name.rstrip('=')}")
            return found.removeprefix(name).encode("latin-1")

        def lots(tag: int) -> int:
            if tag not in one:
                raise FieldError(tag, None, "is missing")
            return lots_from_wire(one[tag], lots_per_unit)

        def step(stated: str) -> tuple[int, int]:
            tick, _, since = stated.removeprefix(_STEP).partition(_SINCE)
            return nanos_from_wire(since.encode("latin-1")), nanos_from_wire(tick.encode("latin-1"))

        try:
            return cls(
                symbol=one.get(tags.SYMBOL, b"").decode("latin-1"),
                exchange=one.get(tags.SECURITY_EXCHANGE, b"").decode("latin-1"),
                tick_nanos=nanos_from_wire(attribute(_TICK)),
                lots_per_unit=lots_per_unit,
                round_lots=lots(tags.ROUND_LOT),
                min_lots=lots(tags.MIN_TRADE_VOL),
                max_lots=lots_from_wire(attribute(_MOST), lots_per_unit),
                ticks=tuple(step(value) for value in attributes if value.startswith(_STEP)),
                odd_lots=next(
                    (
                        lots_from_wire(value.removeprefix(_LEAST).encode("latin-1"), lots_per_unit)
                        for value in attributes
                        if value.startswith(_LEAST)
                    ),
                    0,
                ),
            )
        except FieldError:
            raise
        except ValueError as error:
            raise FieldError(tags.INSTR_ATTRIB_VALUE, None, str(error)) from None


@dataclass(frozen=True, slots=True)
class SecurityDefinitionRequest:
    """`request_type` (321): 0 identity and specifications, 1 identity, 3 all that are listed."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_DEFINITION_REQUEST

    security_req_id: str
    request_type: int = 0
    symbol: str = ""

    @classmethod
    def parse(cls, message: Message) -> "SecurityDefinitionRequest":
        fields = _REQUEST.read(message)
        req_id = fields.required(tags.SECURITY_REQ_ID)
        fields.need(tags.SECURITY_REQUEST_TYPE)
        return cls(req_id, fields.integer(tags.SECURITY_REQUEST_TYPE) or 0, fields.text(tags.SYMBOL))

    def body(self) -> bytes:
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
    def parse(cls, message: Message, lots_per_unit: int) -> "SecurityDefinition":
        fields = _ANSWER.read(message)
        kind = fields.integer(tags.SECURITY_RESPONSE_TYPE) or 0
        security = Security.read(list(message.fields()), lots_per_unit) if kind == 1 else None
        return cls(
            fields.required(tags.SECURITY_REQ_ID),
            fields.required(tags.SECURITY_RESPONSE_ID),
            kind,
            security,
            fields.text(tags.SYMBOL),
            fields.text(tags.TEXT),
        )

    def body(self) -> bytes:
        stated = self.security.fields() if self.security else (self.symbol and f"55={self.symbol}",)
        return joined(
            f"320={self.security_req_id}",
            f"322={self.response_id}",
            b"323=%d" % self.response_type,
            *stated,
            self.text and f"58={self.text}",
        )


@dataclass(frozen=True, slots=True)
class SecurityListRequest:
    """`request_type` (559): 0 one `symbol`, 4 all."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_LIST_REQUEST

    security_req_id: str
    request_type: int = 4
    symbol: str = ""

    @classmethod
    def parse(cls, message: Message) -> "SecurityListRequest":
        fields = _REQUEST.read(message)
        req_id = fields.required(tags.SECURITY_REQ_ID)
        fields.need(tags.SECURITY_LIST_REQUEST_TYPE)
        return cls(req_id, fields.integer(tags.SECURITY_LIST_REQUEST_TYPE) or 0, fields.text(tags.SYMBOL))

    def body(self) -> bytes:
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
    def parse(cls, message: Message, lots_per_unit: int) -> "SecurityList":
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
            tuple(Security.read(group, lots_per_unit) for group in groups),
        )

    def body(self) -> bytes:
        return joined(
            f"320={self.security_req_id}",
            f"322={self.response_id}",
            b"560=%d" % self.result,
            b"393=%d" % len(self.securities) if self.securities else b"",
            b"893=Y" if self.securities else b"",
            b"146=%d" % len(self.securities) if self.securities else b"",
            *(part for security in self.securities for part in security.fields()),
        )


@dataclass(frozen=True, slots=True)
class SecurityStatusRequest:
    """`subscription` (263): 0 the status now, 1 and every change, 2 no more changes."""

    MSG_TYPE: ClassVar[bytes] = tags.SECURITY_STATUS_REQUEST

    status_req_id: str
    symbol: str
    subscription: int = 0

    @classmethod
    def parse(cls, message: Message) -> "SecurityStatusRequest":
        fields = _REQUEST.read(message)
        req_id, symbol = fields.required(tags.SECURITY_STATUS_REQ_ID), fields.required(tags.SYMBOL)
        fields.need(tags.SUBSCRIPTION_REQUEST_TYPE)
        subscription = fields.integer(tags.SUBSCRIPTION_REQUEST_TYPE)
        if subscription not in (0, 1, 2):
            wire = fields.wire(tags.SUBSCRIPTION_REQUEST_TYPE)
            raise FieldError(tags.SUBSCRIPTION_REQUEST_TYPE, wire, "is not one of 0, 1, 2")
        return cls(req_id, symbol, subscription)

    def body(self) -> bytes:
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
    def parse(cls, message: Message) -> "SecurityStatus":
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

    def body(self) -> bytes:
        return joined(
            f"324={self.status_req_id}",
            f"55={self.symbol}",
            self.exchange and f"207={self.exchange}",
            b"325=Y" if self.unsolicited else b"325=N",
            b"326=%d" % self.status,
            b"60=" + time_to_wire(self.transact_time_ns) if self.transact_time_ns else b"",
            self.text and f"58={self.text}",
        )
