"""The forms of values, by the names of FIX's data types (FIX 5.0 SP2 volume 1, "FIX data types")."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile(rb"[0-9]+")
_INT: Final = re.compile(rb"-?[0-9]+")
_FLOAT: Final = re.compile(rb"-?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DAY: Final = re.compile(rb"0?[1-9]|[12][0-9]|3[01]")
_CHARS: Final = re.compile(rb"[!-~]( [!-~])*")
_WORDS: Final = re.compile(rb"[!-~]+( [!-~]+)*")
_TIME: Final = rb"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
_FRACTION: Final = rb"(\.[0-9]{3}|\.[0-9]{6}|\.[0-9]{9}|\.[0-9]{12})?"
_TZ_TIME: Final = (
    rb"([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)" + _FRACTION + rb")?"
    rb"(Z|[+-](0[0-9]|1[0-4])(:[0-5][0-9])?)?"
)
_DATE: Final = rb"[0-9]{8}"

_FORMS: Final = {
    "char": re.compile(rb"[^\x01]", re.DOTALL),
    "Boolean": re.compile(rb"[YN]"),
    "int": _INT,
    "Length": _DIGITS, "NumInGroup": _DIGITS, "SeqNum": _DIGITS, "TagNum": _DIGITS,
    "DayOfMonth": _DAY,
    "float": _FLOAT, "Qty": _FLOAT, "Price": _FLOAT, "PriceOffset": _FLOAT, "Amt": _FLOAT,
    "Percentage": _FLOAT,
    "MultipleCharValue": _CHARS, "MultipleStringValue": _WORDS,
    "Country": re.compile(rb"[A-Z]{2}"), "Currency": re.compile(rb"[A-Z]{3}"),
    "Language": re.compile(rb"[a-z]{2}"),
    "Exchange": re.compile(rb"[!-~]+"),
    "UTCTimestamp": re.compile(_DATE + rb"-" + _TIME + _FRACTION),
    "UTCTimeOnly": re.compile(_TIME + _FRACTION),
    "UTCDateOnly": re.compile(_DATE), "LocalMktDate": re.compile(_DATE), "LocalMktTime": re.compile(_TIME),
    "MonthYear": re.compile(rb"[0-9]{6}([0-9]{2}|w[1-5])?"),
    "TZTimeOnly": re.compile(_TZ_TIME), "TZTimestamp": re.compile(_DATE + rb"-" + _TZ_TIME),
}  # fmt: skip
_DATED: Final = frozenset({"UTCTimestamp", "UTCDateOnly", "LocalMktDate", "TZTimestamp"})
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def conforms(kind: str, value: bytes) -> bool:
    """Whether a value has the form of its type. Strings and data have every form."""
    form = _FORMS.get(kind)
    if form is None:
        return True
    if form.fullmatch(value) is None:
        return False
    if kind in _DATED:
        return _is_day(value[:8])
    if kind == "MonthYear":
        return _is_day(value) if len(value) == 8 and b"w" not in value else 1 <= int(value[4:6]) <= 12
    return True


def _is_day(digits: bytes) -> bool:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1] + (month == 2 and leap)
