"""Decimals become whole numbers exactly or not at all; the touch is the best of what rests."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixsim.tape.decimals import LARGEST, exact, rounded
from fixsim.tape.touch import Touch


@given(st.integers(0, LARGEST), st.integers(0, 9))
def test_a_number_that_is_written_out_is_read_exactly(number: int, decimals: int) -> None:
    text = f"{Decimal(number).scaleb(-decimals):f}"
    assert exact(text, decimals) == number
    assert exact(text + ("0" if "." in text else ".00"), decimals) == number
    assert rounded(text, decimals) == number


@given(st.floats(0, 1e6, allow_subnormal=False))
def test_a_float_of_so_many_decimals_is_read_to_the_lot(value: float) -> None:
    lots = round(value * 10**8)
    assert rounded(repr(lots / 10**8), 8) == lots


@pytest.mark.parametrize(
    ("text", "decimals", "reason"),
    [
        ("", 2, "is not a decimal number"),
        (".", 2, "is not a decimal number"),
        ("1.2.3", 2, "is not a decimal number"),
        ("nan", 2, "is not a decimal number"),
        ("Infinity", 2, "is not a decimal number"),
        ("١٢", 2, "is not a decimal number"),
        ("1_000", 2, "is not a decimal number"),
        ("0.001", 2, "has more than 2 decimals"),
        ("-1", 2, "is out of range"),
        ("5" * 19, 0, "is out of range"),
        ("1e30", 0, "is out of range"),
        ("1e999999999", 0, "is out of range"),
        ("1e-999999999", 8, "is out of range"),
        ("0.1234567800000000000000000000000000000001", 8, "has more than 8 decimals"),
        ("0." + "1" * 60, 8, "is not a decimal number"),
    ],
)
def test_what_is_no_number_in_range_is_refused(text: str, decimals: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        exact(text, decimals)


def test_floats_that_are_off_by_more_than_noise_are_refused() -> None:
    assert rounded("1.7885566900000001", 8) == 178_855_669
    assert exact("1e-05", 8) == rounded("1e-05", 8) == 1000
    for text, reason in (("0.123456785", "more than 8"), ("1e30", "out of range"), ("nan", "not a decimal")):
        with pytest.raises(ValueError, match=reason):
            rounded(text, 8)


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "add"]), st.sampled_from([1, -1]), st.integers(1, 6), st.integers(-9, 9)
    ),
    max_size=40,
)


@given(steps)
def test_the_touch_is_the_best_of_what_rests(said: list[tuple[str, int, int, int]]) -> None:
    touch, plain = Touch(), {1: dict[int, int](), -1: dict[int, int]()}
    for what, sign, price, quantity in said:
        if what == "put":
            touch.put(sign, price, quantity)
            total = quantity
        else:
            touch.add(sign, price, quantity)
            total = plain[sign].get(price, 0) + quantity
        plain[sign].pop(price, None)
        if total > 0:
            plain[sign][price] = total
        assert touch.best(1) == max(plain[1], default=None)
        assert touch.best(-1) == min(plain[-1], default=None)
        assert touch.total(sign, price) == plain[sign].get(price, 0)
        assert touch.crossed == bool(plain[1] and plain[-1] and max(plain[1]) >= min(plain[-1]))
    touch.clear()
    assert (touch.best(1), touch.best(-1), touch.crossed) == (None, None, False)
