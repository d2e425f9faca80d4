"""How typed messages read and write their fields: which are wanted, of what kind, and what is wrong with one.

Reading is one kernel call per message (`Layout`), then typed access by tag. FieldError says which field,
value and rule, and the codes with which to answer.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar

import numpy as np

from risk.order import OrdType, Side, TimeInForce
from router.fix import tags
from router.fix.codec import Message
from router.fix.decimals import POWERS, lot_digits, lots_from_wire, nanos_from_wire, show, time_from_wire
from router.fix.messages.pick import ABSENT, DECIMAL, FOUND, TEXT, TIME, UNFIT, pick

# SessionRejectReason(373)
REQUIRED_TAG_MISSING: Final = 1
VALUE_INCORRECT: Final = 5
INCORRECT_FORMAT: Final = 6
# BusinessRejectReason(380)
UNKNOWN_SECURITY: Final = 2
CONDITIONALLY_REQUIRED_MISSING: Final = 5
# OrdRejReason(103)
UNKNOWN_SYMBOL: Final = 1
UNSUPPORTED_ORDER_CHARACTERISTIC: Final = 11
INCORRECT_QUANTITY: Final = 13
OTHER_REASON: Final = 99

Enumeration = TypeVar("Enumeration")


class Quantum(Protocol):
    """What must be known of an instrument to read its quantities: risk.instrument.Instrument, for one."""

    @property
    def lots_per_unit(self) -> int: ...


Instruments = Mapping[str, Quantum]


class FieldError(ValueError):
    """A field of a peer's message that cannot be understood. `str()` names field, value and rule.

    `session_reason` is for Reject(3), `business_reason` for BusinessMessageReject(j), None where 3 is the
    answer; `ord_rej_reason` is for the ExecutionReport that refuses an order.
    """

    def __init__(
        self,
        tag: int,
        value: bytes | None,
        rule: str,
        session_reason: int = VALUE_INCORRECT,
        business_reason: int | None = None,
        ord_rej_reason: int = OTHER_REASON,
    ) -> None:
        super().__init__(f"{tags.name_of(tag)} {rule if value is None else f'{show(value)} {rule}'}")
        self.tag = tag
        self.value = value
        self.rule = rule
        self.session_reason = session_reason
        self.business_reason = business_reason
        self.ord_rej_reason = ord_rej_reason


class Layout:
    """The wanted tags of a message type."""

    def __init__(
        self, text: Sequence[int] = (), decimal: Sequence[int] = (), time: Sequence[int] = ()
    ) -> None:
        wanted = [*text, *decimal, *time]
        self._slot_of = np.full(max(wanted) + 1, -1, np.int16)
        self._slot_of[wanted] = np.arange(len(wanted))
        kinds = [TEXT] * len(text) + [DECIMAL] * len(decimal) + [TIME] * len(time)
        self._kinds = np.array(kinds, np.int8)
        self._out = np.zeros(3 * len(wanted), np.int64)
        self.at = {tag: 3 * slot for slot, tag in enumerate(wanted)}

    def pick(self, message: Message) -> list[int]:
        """For each tag, at `self.at[tag]`: whether it is there, and two integers (see pick.pick)."""
        pick(message.data, message.tok, message.count, self._slot_of, self._kinds, self._out)
        return self._out.tolist()

    def read(self, message: Message) -> "Fields":
        return Fields(message, self)


class Fields:
    """The wanted fields of one message, by tag."""

    __slots__ = ("_at", "_message", "_picked", "_raw")

    def __init__(self, message: Message, layout: Layout) -> None:
        self._message = message
        self._raw = message.raw
        self._picked = layout.pick(message)
        self._at = layout.at

    def has(self, tag: int) -> bool:
        return self._picked[self._at[tag]] != ABSENT

    def wire(self, tag: int) -> bytes | None:
        return self._message.get(tag)

    def need(self, tag: int) -> None:
        if self._picked[self._at[tag]] == ABSENT:
            raise FieldError(tag, None, "is missing", REQUIRED_TAG_MISSING)

    def text(self, tag: int) -> str:
        """A text field; "" if it is not there."""
        at = self._at[tag]
        picked = self._picked
        return self._raw[picked[at + 1] : picked[at + 2]].decode("latin-1")

    def required(self, tag: int) -> str:
        self.need(tag)
        return self.text(tag)

    def choice(self, tag: int, choices: Mapping[bytes, Enumeration]) -> Enumeration | None:
        """The value of an enumeration; FieldError if it is not in it, None if the field is not there."""
        at = self._at[tag]
        picked = self._picked
        if picked[at] == ABSENT:
            return None
        wire = self._raw[picked[at + 1] : picked[at + 2]]
        value = choices.get(wire)
        if value is None:
            listed = ", ".join(key.decode() for key in choices)
            raise FieldError(
                tag, wire, f"is not one of {listed}", ord_rej_reason=UNSUPPORTED_ORDER_CHARACTERISTIC
            )
        return value

    def required_choice(self, tag: int, choices: Mapping[bytes, Enumeration]) -> Enumeration:
        value = self.choice(tag, choices)
        if value is None:
            raise FieldError(tag, None, "is missing", REQUIRED_TAG_MISSING)
        return value

    def nanos(self, tag: int) -> int | None:
        """A price or an amount in nanos."""
        at = self._at[tag]
        picked = self._picked
        if picked[at] == FOUND and picked[at + 2] <= 9:
            return picked[at + 1] * POWERS[9 - picked[at + 2]]
        if picked[at] == ABSENT:
            return None
        return self._exactly(tag, nanos_from_wire)

    def lots(self, tag: int, lots_per_unit: int) -> int | None:
        """A quantity in lots."""
        at = self._at[tag]
        picked = self._picked
        digits = lot_digits(lots_per_unit)
        if picked[at] == FOUND and picked[at + 2] <= digits:
            return picked[at + 1] * POWERS[digits - picked[at + 2]]
        if picked[at] == ABSENT:
            return None
        return self._exactly(tag, lambda wire: lots_from_wire(wire, lots_per_unit))

    def integer(self, tag: int) -> int | None:
        at = self._at[tag]
        picked = self._picked
        if picked[at] == ABSENT:
            return None
        if picked[at] == UNFIT or picked[at + 2]:
            raise FieldError(tag, self.wire(tag), "is not an integer", INCORRECT_FORMAT)
        return picked[at + 1]

    def time_ns(self, tag: int) -> int | None:
        at = self._at[tag]
        picked = self._picked
        if picked[at] == FOUND:
            return picked[at + 1]
        return None if picked[at] == ABSENT else self._exactly(tag, time_from_wire)

    def required_time_ns(self, tag: int) -> int:
        value = self.time_ns(tag)
        if value is None:
            raise FieldError(tag, None, "is missing", REQUIRED_TAG_MISSING)
        return value

    def positive_lots(self, tag: int, lots_per_unit: int) -> int:
        """The quantity of an order."""
        value = self.lots(tag, lots_per_unit)
        if value is None:
            raise FieldError(tag, None, "is missing", REQUIRED_TAG_MISSING)
        if value <= 0:
            raise FieldError(tag, self.wire(tag), "is not positive", ord_rej_reason=INCORRECT_QUANTITY)
        return value

    def symbol(self, instruments: Instruments) -> tuple[str, int]:
        """Symbol(55) and its lots per unit."""
        symbol = self.required(tags.SYMBOL)
        instrument = instruments.get(symbol)
        if instrument is None:
            rule = "is not a known symbol"
            raise FieldError(
                tags.SYMBOL, symbol.encode("latin-1"), rule, VALUE_INCORRECT, UNKNOWN_SECURITY, UNKNOWN_SYMBOL
            )
        return symbol, instrument.lots_per_unit

    def _exactly(self, tag: int, convert: "Converter") -> int:
        """The slow way, which words the error."""
        wire = self.wire(tag) or b""
        try:
            return convert(wire)
        except ValueError as error:
            rule = str(error).removeprefix(show(wire)).strip()
            reason = INCORRECT_QUANTITY if tag == tags.ORDER_QTY else OTHER_REASON
            raise FieldError(tag, wire, rule, INCORRECT_FORMAT, ord_rej_reason=reason) from None


class Converter(Protocol):
    def __call__(self, wire: bytes, /) -> int: ...


SIDES: Final = {str(side.value).encode(): side for side in Side}
ORD_TYPES: Final = {kind.value.encode(): kind for kind in OrdType}
TIMES_IN_FORCE: Final = {tif.value.encode(): tif for tif in TimeInForce}


def joined(*parts: bytes | str) -> bytes:
    """Fields `tag=value` as a body. ValueError if a value would break out of its field, or is no Latin-1."""
    wire = [part if isinstance(part, bytes) else part.encode("latin-1") for part in parts if part]
    body = b"\x01".join(wire) + b"\x01"
    if body.count(b"\x01") != len(wire):
        broken = next(part for part in wire if b"\x01" in part)
        raise ValueError(f"{show(broken)} contains the field delimiter")
    return body
