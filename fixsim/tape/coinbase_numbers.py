"""Coinbase's words to whole numbers: prices to nanos, sizes to lots, funds to ticks x lots, times to ns."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from fixsim.tape.decimals import LARGEST, exact
from fixsim.tape.schema import Flag

_SIGN = {"buy": 1, "sell": -1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO_DECIMALS: Final = 9


class Numbers:
    """Exactly, or ValueError. `lots_per_unit` is a power of ten."""

    def __init__(self, tick_nanos: int, lots_per_unit: int) -> None:
        self._tick, self._lot_decimals = tick_nanos, len(str(lots_per_unit)) - 1
        self._max_price = LARGEST // tick_nanos * tick_nanos

    def price(self, text: Any) -> tuple[int, Flag]:
        """Nanos, and CLAMPED where there is no such number of them."""
        text = _text(text)
        try:
            nanos = exact(text, _NANO_DECIMALS)
        except ValueError:
            if not _beyond(text):
                raise
            return self._max_price, Flag.CLAMPED
        if nanos <= 0 or nanos % self._tick:
            raise ValueError(f"price {text!r} is not a multiple of the tick, above zero")
        return nanos, Flag(0)

    def lots(self, text: Any, *, least: int = 0) -> int:
        """A size of at least so many lots."""
        lots = exact(_text(text), self._lot_decimals)
        if lots < least:
            raise ValueError(f"size {text!r} is not above zero")
        return lots

    def funds(self, text: Any) -> int:
        """Ticks x lots."""
        try:
            funds = Decimal(_text(text)).scaleb(_NANO_DECIMALS + self._lot_decimals) / self._tick
        except ArithmeticError:
            raise ValueError(f"{text[:40]!r} is not a decimal number") from None
        if not funds.is_finite() or not 0 < funds <= LARGEST or funds != funds.to_integral_value():
            raise ValueError(f"funds {text!r} are not a whole number of ticks x lots, above zero")
        return int(funds)


def sign_of(message: dict[str, Any]) -> int:
    """+1 buy, -1 sell."""
    if message["side"] not in _SIGN:
        raise ValueError(f"side {message['side']!r} is neither buy nor sell")
    return _SIGN[message["side"]]


def time_ns(text: Any) -> int:
    """ISO 8601, which carries microseconds."""
    elapsed = datetime.fromisoformat(_text(text)) - _EPOCH
    ns = ((elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1_000
    if not 0 <= ns <= LARGEST:
        raise ValueError(f"time {text!r} is before 1970, or later than nanoseconds can say")
    return ns


def _beyond(text: str) -> bool:
    """A plain decimal number that is larger than int64 nanos can say."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    return digits.isascii() and digits.isdigit() and len(digits) < 64 and Decimal(text).scaleb(9) > LARGEST


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a number in quotes")
    return value
