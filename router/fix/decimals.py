"""Wire decimals and timestamps to integers and back: exactly, or not at all.

Prices and money are `nanos` (1e-9 of the quote currency), quantities `lots` (`lots_per_unit` is a power of
ten), times nanoseconds since 1970 in UTC. A float never enters. What cannot be converted exactly raises
ValueError, which names the value and the rule; the one exception is a timestamp written with fewer digits
than it has, which is cut (SendingTime in milliseconds, FIX 4.4 volume 1, UTCTimestamp).
"""

from functools import lru_cache
from typing import Final

from router.fix.kernels import MAX_DIGITS

NANOS: Final = 1_000_000_000
DAY_S: Final = 86_400
POWERS: Final[tuple[int, ...]] = tuple(10**n for n in range(20))
_DIGITS_OF_POWER: Final = {10**n: n for n in range(19)}
_REMEMBERED: Final = 1 << 14  # decimals written lately: prices and quantities come again and again
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _scaled(wire: bytes, digits: int) -> int:
    """The decimal `wire` times 10**digits. [-]digits[.digits], as FIX's float fields are written."""
    whole, point, fraction = wire.partition(b".")
    negative = whole[:1] == b"-"
    if negative:
        whole = whole[1:]
    if point and fraction:
        if not fraction.isdigit() or not (whole.isdigit() or not whole):
            raise ValueError(f"{show(wire)} is not a decimal number")
        if len(fraction) > digits:
            fraction = fraction.rstrip(b"0")
            if len(fraction) > digits:
                raise ValueError(f"{show(wire)} has more than {digits} decimals")
        places = len(fraction)
        if len(whole) + places > MAX_DIGITS:
            raise ValueError(f"{show(wire)} has more than {MAX_DIGITS} digits")
        value = int(whole + fraction or b"0") * POWERS[digits - places]
    else:
        if not whole.isdigit():
            raise ValueError(f"{show(wire)} is not a decimal number")
        if len(whole) > MAX_DIGITS:
            raise ValueError(f"{show(wire)} has more than {MAX_DIGITS} digits")
        value = int(whole) * POWERS[digits]
    return -value if negative else value


def _unscaled(value: int, digits: int) -> bytes:
    if value < 0:
        return b"-" + _unscaled(-value, digits)
    whole, fraction = divmod(value, POWERS[digits])
    if not fraction:
        return b"%d" % whole
    return (b"%d.%0*d" % (whole, digits, fraction)).rstrip(b"0")


def show(wire: bytes) -> str:
    """A value off the wire, fit for one line of an error text."""
    text = wire[:40].decode("latin-1")
    return repr(text) if len(wire) <= 40 else repr(text) + "..."


def nanos_from_wire(wire: bytes) -> int:
    """A price or an amount. ValueError if it is no decimal or finer than 1e-9."""
    return _scaled(wire, 9)


@lru_cache(maxsize=_REMEMBERED)
def nanos_to_wire(nanos: int) -> bytes:
    if nanos < 0:
        return b"-" + nanos_to_wire(-nanos)
    whole, fraction = divmod(nanos, NANOS)
    if not fraction:
        return b"%d" % whole
    return (b"%d.%09d" % (whole, fraction)).rstrip(b"0")


def lot_digits(lots_per_unit: int) -> int:
    """How many decimals a quantity has. ValueError unless lots_per_unit is a power of ten."""
    digits = _DIGITS_OF_POWER.get(lots_per_unit)
    if digits is None:
        raise ValueError(f"lots_per_unit {lots_per_unit} is not a power of ten up to 10**18")
    return digits


def lots_from_wire(wire: bytes, lots_per_unit: int) -> int:
    """A quantity. ValueError if it is no decimal, or not a whole number of lots."""
    return _scaled(wire, lot_digits(lots_per_unit))


@lru_cache(maxsize=_REMEMBERED)
def lots_to_wire(lots: int, lots_per_unit: int) -> bytes:
    return _unscaled(lots, lot_digits(lots_per_unit))


def int_from_wire(wire: bytes) -> int:
    """An integer field: digits, with an optional minus sign."""
    digits = wire[1:] if wire[:1] == b"-" else wire
    if not digits.isdigit() or len(digits) > MAX_DIGITS:
        raise ValueError(f"{show(wire)} is not an integer")
    return int(wire)


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a Gregorian date (Hinnant, "chrono-compatible low-level date algorithms")."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """The inverse of `days_from_civil`."""
    days += 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def time_from_wire(wire: bytes) -> int:
    """UTCTimestamp YYYYMMDD-HH:MM:SS, with up to nine decimals, as ns. ValueError names what is wrong.

    Years 1970 to 2261, whose nanoseconds fit 64 bits. A leap second (SS=60) is the next minute's first
    instant.
    """
    if len(wire) < 17 or wire[8:9] != b"-" or wire[11:12] != b":" or wire[14:15] != b":":
        raise ValueError(f"{show(wire)} is not a UTC timestamp YYYYMMDD-HH:MM:SS[.sss]")
    digits = wire[0:8] + wire[9:11] + wire[12:14] + wire[15:17]
    fraction = wire[18:]
    if not digits.isdigit() or (
        len(wire) > 17 and (wire[17:18] != b"." or not fraction.isdigit() or len(fraction) > 9)
    ):
        raise ValueError(f"{show(wire)} is not a UTC timestamp YYYYMMDD-HH:MM:SS[.sss]")
    year, month, day = int(digits[0:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _MONTH_DAYS[month - 1] + (month == 2 and leap):
        raise ValueError(f"{show(wire)} is not a date of the calendar")
    if not 1970 <= year <= 2261:
        raise ValueError(f"{show(wire)} is not between 1970 and 2261")
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{show(wire)} is not a time of the day")
    seconds = days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second
    return seconds * NANOS + (int(fraction) * POWERS[9 - len(fraction)] if fraction else 0)


def second_to_wire(second: int) -> bytes:
    """YYYYMMDD-HH:MM:SS of a whole second since 1970."""
    days, of_day = divmod(second, DAY_S)
    year, month, day = civil_from_days(days)
    return b"%04d%02d%02d-%02d:%02d:%02d" % (
        year, month, day, of_day // 3600, of_day // 60 % 60, of_day % 60,
    )  # fmt: skip


class WireClock:
    """Writes times to the millisecond, keeping the text of the last second, since most messages share it, and
    of the last time, which a message's header and its body do.
    """

    __slots__ = ("_last", "_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = b""
        self._last = (-1, b"")

    def write(self, time_ns: int) -> bytes:
        """YYYYMMDD-HH:MM:SS.sss; finer digits are cut."""
        last_ns, text = self._last
        if last_ns == time_ns:
            return text
        second = time_ns // NANOS
        if second != self._second:
            self._prefix = second_to_wire(second) + b"."
            self._second = second
        text = self._prefix + MILLIS[time_ns // 1_000_000 % 1000]
        self._last = (time_ns, text)
        return text


class _Seconds(WireClock):
    __slots__ = ()

    def write(self, time_ns: int) -> bytes:
        return super().write(time_ns)[:17]


class _Micros(WireClock):
    __slots__ = ()

    def write(self, time_ns: int) -> bytes:
        return super().write(time_ns) + MILLIS[time_ns // 1000 % 1000]


class _Nanos(WireClock):
    __slots__ = ()

    def write(self, time_ns: int) -> bytes:
        return super().write(time_ns) + MILLIS[time_ns // 1000 % 1000] + MILLIS[time_ns % 1000]


_CLOCKS: Final[dict[int, type[WireClock]]] = {0: _Seconds, 3: WireClock, 6: _Micros, 9: _Nanos}


MILLIS: Final = tuple(b"%03d" % n for n in range(1000))
_WRITERS: Final = {decimals: clock() for decimals, clock in _CLOCKS.items()}
_to_millis: Final = _WRITERS[3].write


def wire_clock(decimals: int) -> WireClock:
    """The writer of times with 0, 3, 6 or 9 decimals: one for all, so that what it keeps serves all."""
    writer = _WRITERS.get(decimals)
    if writer is None:
        raise ValueError(f"a UTC timestamp has 0, 3, 6 or 9 decimals, not {decimals}")
    return writer


def time_to_wire(time_ns: int, decimals: int = 3) -> bytes:
    """UTCTimestamp with 0, 3, 6 or 9 decimals; finer digits are cut."""
    return _to_millis(time_ns) if decimals == 3 else wire_clock(decimals).write(time_ns)
