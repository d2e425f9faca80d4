"""The forms of values, by FIX's data types, compiled by numba (FIX 5.0 SP2 volume 1, "FIX data types").

A time has whole seconds or 3, 6, 9 or 12 decimals; a float has digits, at most one point and at most one
minus sign, and no plus; an exchange is any word, since the versions disagree about its codes.
"""

from typing import Any, Final

import numpy as np
from numba import njit

from router.fix.dictionary.validation import FORMS

_CHAR: Final = FORMS["char"]
_BOOLEAN: Final = FORMS["Boolean"]
_INT: Final = FORMS["int"]
_LENGTH: Final = FORMS["Length"]
_TAG_NUM: Final = FORMS["TagNum"]
_DAY: Final = FORMS["DayOfMonth"]
_FLOAT: Final = FORMS["float"]
_PERCENTAGE: Final = FORMS["Percentage"]
_CHARS: Final = FORMS["MultipleCharValue"]
_WORDS: Final = FORMS["MultipleStringValue"]
_COUNTRY: Final = FORMS["Country"]
_CURRENCY: Final = FORMS["Currency"]
_EXCHANGE: Final = FORMS["Exchange"]
_LANGUAGE: Final = FORMS["Language"]
_MONTH_YEAR: Final = FORMS["MonthYear"]
_TIMESTAMP: Final = FORMS["UTCTimestamp"]
_TIME_ONLY: Final = FORMS["UTCTimeOnly"]
_DATE_ONLY: Final = FORMS["UTCDateOnly"]
_LOCAL_DATE: Final = FORMS["LocalMktDate"]
_LOCAL_TIME: Final = FORMS["LocalMktTime"]
_TZ_TIME: Final = FORMS["TZTimeOnly"]
_TZ_TIMESTAMP: Final = FORMS["TZTimestamp"]


@njit(cache=True, nogil=True)
def _digits(buf: Any, lo: int, hi: int) -> bool:
    """One digit or more, and nothing else."""
    if lo >= hi:
        return False
    for at in range(lo, hi):  # noqa: SIM110 (numba)
        if buf[at] < 48 or buf[at] > 57:
            return False
    return True


@njit(cache=True, nogil=True)
def _value(buf: Any, lo: int, hi: int) -> Any:
    """What a few digits say, or -1."""
    if not _digits(buf, lo, hi):
        return -1
    value: Any = 0
    for at in range(lo, hi):
        value = value * 10 + np.int64(buf[at]) - 48
    return value


@njit(cache=True, nogil=True)
def _decimal(buf: Any, lo: int, hi: int) -> bool:
    if lo < hi and buf[lo] == 45:
        lo += 1
    digits = 0
    points = 0
    for at in range(lo, hi):
        if 48 <= buf[at] <= 57:
            digits += 1
        elif buf[at] == 46:
            points += 1
        else:
            return False
    return digits > 0 and points <= 1


@njit(cache=True, nogil=True)
def _date(buf: Any, lo: int, hi: int) -> bool:
    """YYYYMMDD, a day of the calendar."""
    if hi - lo != 8:
        return False
    year, month, day = _value(buf, lo, lo + 4), _value(buf, lo + 4, lo + 6), _value(buf, lo + 6, hi)
    if year < 0 or month < 1 or month > 12 or day < 1:
        return False
    longest = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    elif month == 2:
        longest = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return bool(day <= longest)


@njit(cache=True, nogil=True)
def _minutes(buf: Any, lo: int) -> bool:
    """HH:MM"""
    hour, minute = _value(buf, lo, lo + 2), _value(buf, lo + 3, lo + 5)
    return bool(0 <= hour <= 23 and 0 <= minute <= 59 and buf[lo + 2] == 58)


@njit(cache=True, nogil=True)
def _time(buf: Any, lo: int, hi: int) -> bool:
    """HH:MM:SS, with 0, 3, 6, 9 or 12 decimals. SS is 60 in a leap second."""
    size = hi - lo
    if size < 8 or not _minutes(buf, lo) or buf[lo + 5] != 58:
        return False
    second = _value(buf, lo + 6, lo + 8)
    if second < 0 or second > 60:
        return False
    if size == 8:
        return True
    places = size - 9
    return buf[lo + 8] == 46 and places <= 12 and places % 3 == 0 and _digits(buf, lo + 9, hi)


@njit(cache=True, nogil=True)
def _zoned(buf: Any, lo: int, hi: int) -> bool:
    """HH:MM[:SS[.sss]] and Z, +hh, -hh, +hh:mm, -hh:mm or nothing."""
    end = hi
    if end > lo and buf[end - 1] == 90:
        end -= 1
    else:
        at = lo
        while at < hi and buf[at] != 43 and buf[at] != 45:
            at += 1
        if at < hi:
            if hi - at != 3 and (hi - at != 6 or buf[at + 3] != 58 or _value(buf, at + 4, hi) > 59):
                return False
            if hi - at == 6 and _value(buf, at + 4, hi) < 0:
                return False
            hours = _value(buf, at + 1, at + 3)
            if hours < 0 or hours > 14:
                return False
            end = at
    if end - lo == 5:
        return _minutes(buf, lo)
    return _time(buf, lo, end)


@njit(cache=True, nogil=True)
def _month_year(buf: Any, lo: int, hi: int) -> bool:
    """YYYYMM, YYYYMMDD or YYYYMMwN, N from 1 to 5."""
    size = hi - lo
    if size == 8 and buf[lo + 6] != 119:
        return _date(buf, lo, hi)
    if size == 8:
        if buf[lo + 7] < 49 or buf[lo + 7] > 53:
            return False
    elif size != 6:
        return False
    month = _value(buf, lo + 4, lo + 6)
    return _digits(buf, lo, lo + 4) and 1 <= month <= 12


@njit(cache=True, nogil=True)
def _between(buf: Any, lo: int, hi: int, low: int, high: int) -> bool:
    """Every byte is between two."""
    for at in range(lo, hi):  # noqa: SIM110 (numba)
        if buf[at] < low or buf[at] > high:
            return False
    return True


@njit(cache=True, nogil=True)
def _words(buf: Any, lo: int, hi: int, longest: int) -> bool:
    """Words of printable characters, each after one space."""
    size = 0
    for at in range(lo, hi + 1):
        if at == hi or buf[at] == 32:
            if size == 0 or size > longest:
                return False
            size = 0
        elif buf[at] < 33 or buf[at] > 126:
            return False
        else:
            size += 1
    return True


@njit(cache=True, nogil=True)
def conforms(form: int, buf: Any, lo: int, hi: int) -> bool:
    """Whether buf[lo:hi], which is not empty, has the form of its type. Strings and data have every form."""
    size = hi - lo
    if form < _CHAR:
        return True
    if form >= _FLOAT and form <= _PERCENTAGE:
        return _decimal(buf, lo, hi)
    if form == _CHAR:
        return size == 1
    if form == _TIMESTAMP:
        return size >= 17 and buf[lo + 8] == 45 and _date(buf, lo, lo + 8) and _time(buf, lo + 9, hi)
    if form == _BOOLEAN:
        return size == 1 and (buf[lo] == 89 or buf[lo] == 78)
    if form == _INT:
        return _digits(buf, lo + (1 if buf[lo] == 45 else 0), hi)
    if form >= _LENGTH and form <= _TAG_NUM:
        return _digits(buf, lo, hi)
    if form == _DAY:
        return size <= 2 and 1 <= _value(buf, lo, hi) <= 31
    if form == _CHARS:
        return _words(buf, lo, hi, 1)
    if form == _WORDS:
        return _words(buf, lo, hi, size)
    if form == _COUNTRY:
        return size == 2 and _between(buf, lo, hi, 65, 90)
    if form == _CURRENCY:
        return size == 3 and _between(buf, lo, hi, 65, 90)
    if form == _LANGUAGE:
        return size == 2 and _between(buf, lo, hi, 97, 122)
    if form == _EXCHANGE:
        return _between(buf, lo, hi, 33, 126)
    if form == _MONTH_YEAR:
        return _month_year(buf, lo, hi)
    if form == _TIME_ONLY:
        return _time(buf, lo, hi)
    if form in (_DATE_ONLY, _LOCAL_DATE):
        return _date(buf, lo, hi)
    if form == _LOCAL_TIME:
        return size == 8 and _time(buf, lo, hi)
    if form == _TZ_TIME:
        return size >= 5 and _zoned(buf, lo, hi)
    return size >= 14 and buf[lo + 8] == 45 and _date(buf, lo, lo + 8) and _zoned(buf, lo + 9, hi)
