"""Decimal text of a recording to whole numbers: exactly, or refused."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

LARGEST: Final = 1 << 62
FLOAT_NOISE: Final = Decimal("0.01")
"""By how much, of the last decimal, the text of a binary float may be off."""


def exact(text: str, decimals: int) -> int:
    """`text` (123, 123.45, 1e-05) times 10**decimals. Raises ValueError where that is not a whole number
    from 0 to 2**62.
    """
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    digits = whole + fraction.ljust(decimals, "0")
    if len(fraction) <= decimals and digits.isascii() and digits.isdigit() and len(digits) < 19:
        return int(digits)
    try:
        value = Decimal(text).scaleb(decimals)
        number = int(value)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not a decimal number") from None
    if number != value:
        raise ValueError(f"{text[:40]!r} has more than {decimals} decimals")
    if not 0 <= number <= LARGEST or "_" in text:
        raise ValueError(f"{text[:40]!r} is out of range")
    return number


def rounded(text: str, decimals: int) -> int:
    """The same for a number that went through a binary float and shows it: 1.7885566900000001."""
    try:
        value = Decimal(text).scaleb(decimals)
        nearest = value.to_integral_value()
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a decimal number") from None
    if not value.is_finite() or not 0 <= nearest <= LARGEST:
        raise ValueError(f"{text[:40]!r} is out of range")
    if abs(value - nearest) > FLOAT_NOISE:
        raise ValueError(f"{text[:40]!r} has more than {decimals} decimals")
    return int(nearest)
