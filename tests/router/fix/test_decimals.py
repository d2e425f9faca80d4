"""Wire numbers and times against decimal.Decimal and datetime."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.fix.decimals import (
    civil_from_days,
    days_from_civil,
    int_from_wire,
    lots_from_wire,
    lots_to_wire,
    nanos_from_wire,
    nanos_to_wire,
    time_from_wire,
    time_to_wire,
    wire_clock,
)
from router.fix.kernels import utc_ns

AMOUNTS = st.integers(-(10**18) + 1, 10**18 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(AMOUNTS)
def test_prices_survive_the_wire(nanos: int) -> None:
    wire = nanos_to_wire(nanos)
    assert nanos_from_wire(wire) == nanos
    assert Decimal(wire.decode()) * 10**9 == nanos
    assert not wire.endswith((b".", b".0")) or wire == b"0"


@given(AMOUNTS, st.integers(0, 9))
def test_quantities_survive_the_wire(lots: int, digits: int) -> None:
    wire = lots_to_wire(lots, 10**digits)
    assert lots_from_wire(wire, 10**digits) == lots
    assert Decimal(wire.decode()) * 10**digits == lots


@given(st.text("0123456789.-+ e_", max_size=24))
def test_what_is_read_is_what_decimal_reads(text: str) -> None:
    try:
        nanos = nanos_from_wire(text.encode())
    except ValueError:
        return
    assert Decimal(text) * 10**9 == nanos


@pytest.mark.parametrize(
    ("wire", "nanos"),
    [(b"0", 0), (b"-0.5", -500_000_000), (b"1.", 10**9), (b".5", 500_000_000), (b"007.10", 7_100_000_000),
     (b"1.000000000000", 10**9)],
)  # fmt: skip
def test_unusual_decimals_that_fix_allows(wire: bytes, nanos: int) -> None:
    assert nanos_from_wire(wire) == nanos


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b"", "'' is not a decimal number"),
        (b".", "'.' is not a decimal number"),
        (b"-", "'-' is not a decimal number"),
        (b"+1", "'+1' is not a decimal number"),
        (b"1e5", "'1e5' is not a decimal number"),
        (b"1_0", "'1_0' is not a decimal number"),
        (b"1.2.3", "'1.2.3' is not a decimal number"),
        (b"\xb2", "'²' is not a decimal number"),
        (b"1.0000000001", "'1.0000000001' has more than 9 decimals"),
        (b"1" * 19, "'1111111111111111111' has more than 18 digits"),
    ],
)
def test_decimals_that_are_refused_and_why(wire: bytes, text: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(text) + "$"):
        nanos_from_wire(wire)


def test_a_quantity_between_lots_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'0\.123456789' has more than 8 decimals"):
        lots_from_wire(b"0.123456789", 10**8)
    with pytest.raises(ValueError, match="lots_per_unit 12 is not a power of ten"):
        lots_to_wire(1, 12)


def test_integers() -> None:
    assert int_from_wire(b"-007") == -7
    for wire in (b"", b"-", b"1.0", b"1_0", b" 1", b"9" * 19):
        with pytest.raises(ValueError, match="is not an integer"):
            int_from_wire(wire)


@given(st.integers(0, 9_214_646_400 * 10**9 - 1), st.sampled_from([0, 3, 6, 9]))
def test_times_survive_the_wire(time_ns: int, decimals: int) -> None:
    wire = time_to_wire(time_ns, decimals)
    unit = 10 ** (9 - decimals)
    assert time_from_wire(wire) == time_ns // unit * unit
    moment = EPOCH + timedelta(seconds=time_ns // 10**9)
    assert wire.decode().startswith(moment.strftime("%Y%m%d-%H:%M:%S").rjust(17, "0"))
    assert utc_ns(np.frombuffer(wire, np.uint8), 0, len(wire)) == time_from_wire(wire)


@given(
    st.text("0123456789-:.", min_size=15, max_size=28)
    | st.from_regex(r"20\d{6}-\d\d:\d\d:\d\d(\.\d{1,9})?", fullmatch=True)
)
def test_the_kernel_reads_times_as_python_does(text: str) -> None:
    wire = text.encode()
    try:
        expected = time_from_wire(wire)
    except ValueError:
        expected = -2
    assert utc_ns(np.frombuffer(wire, np.uint8), 0, len(wire)) == expected


@pytest.mark.parametrize(
    ("wire", "rule"),
    [
        (b"20260229-00:00:00", "is not a date of the calendar"),
        (b"20261301-00:00:00", "is not a date of the calendar"),
        (b"19691231-23:59:59", "is not between 1970 and 2261"),
        (b"22620101-00:00:00", "is not between 1970 and 2261"),
        (b"20260105-24:00:00", "is not a time of the day"),
        (b"20260105 00:00:00", "is not a UTC timestamp"),
        (b"20260105-00:00:00.", "is not a UTC timestamp"),
        (b"20260105-00:00:00.0123456789", "is not a UTC timestamp"),
    ],
)
def test_times_that_are_refused_and_why(wire: bytes, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        time_from_wire(wire)


def test_a_leap_second_is_the_next_minute() -> None:
    assert time_from_wire(b"20161231-23:59:60") == time_from_wire(b"20170101-00:00:00")


def test_other_precisions_are_refused() -> None:
    with pytest.raises(ValueError, match="0, 3, 6 or 9 decimals, not 4"):
        time_to_wire(0, 4)


@given(st.integers(-719_162, 2_932_896))
def test_the_calendar(days: int) -> None:
    date = (EPOCH + timedelta(days=days)).date()
    assert civil_from_days(days) == (date.year, date.month, date.day)
    assert days_from_civil(date.year, date.month, date.day) == days


@given(st.lists(st.integers(0, 9_000_000_000_000_000_000), min_size=1), st.sampled_from([0, 3, 6, 9]))
def test_a_clock_that_remembers_the_second_writes_the_same(times: list[int], decimals: int) -> None:
    clock = wire_clock(decimals)
    for time_ns in times:
        second, nanos = divmod(time_ns, 10**9)
        plain = (EPOCH + timedelta(seconds=second)).strftime("%Y%m%d-%H:%M:%S")
        fraction = f".{nanos:09d}"[: decimals + 1] if decimals else ""
        assert clock.write(time_ns) == (plain + fraction).encode()


def test_a_clock_has_the_precisions_of_the_standard() -> None:
    with pytest.raises(ValueError, match="has 0, 3, 6 or 9 decimals, not 4"):
        wire_clock(4)
