"""Decimal text of a recording to whole numbers: exactly, or refused."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Final

_LONGEST = 48
_EXACT = Context(prec=2 * _LONGEST)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
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
    plain = whole.isdigit() and digits.isdigit() and digits.isascii()  # what recordings are full of
    if plain and len(fraction) <= decimals and len(digits) < 19:
        return int(digits)
    value = _scaled(text, decimals)
    number = int(value)
    if number != value:
        raise ValueError(f"{text!r} has more than {decimals} decimals")
    return number


def rounded(text: str, decimals: int) -> int:
    """The same for a number that went through a binary float and shows it: 1.7885566900000001."""
    value = _scaled(text, decimals)
    nearest = value.to_integral_value(context=_EXACT)
    if abs(value - nearest) > FLOAT_NOISE:
        raise ValueError(f"{text!r} has more than {decimals} decimals")
    return int(nearest)


def _scaled(text: str, decimals: int) -> Decimal:
    """Exactly, and small enough to be made an int of: 1e999999999 is a short text."""
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:_LONGEST]!r} is not a decimal number")
    value = Decimal(text)
    if value and not (value > 0 and -_LONGEST < value.adjusted() + decimals < 19):
        raise ValueError(f"{text!r} is out of range")
    value = value.scaleb(decimals, _EXACT)
    if value > LARGEST:
        raise ValueError(f"{text!r} is out of range")
    return value
