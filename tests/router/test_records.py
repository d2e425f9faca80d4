"""Payloads of the journal's hot records: whole there and back, and refused at any other length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.gate import Approved
from risk.order import NewOrder, OrdType, Side, TimeInForce
from risk.refusal import Refusal
from router.actions import A
from router.features import S
from router.fix.codec import Garbled
from router.records import (
    NO_VALUE,
    NO_VECTOR,
    Action,
    Answer,
    AnswerStatus,
    ChosenBy,
    order_fields,
    pack_action,
    pack_answer,
    pack_decision,
    pack_garbled,
    pack_pass,
    pack_refusal,
    unpack_action,
    unpack_answer,
    unpack_decision,
    unpack_garbled,
)
from tests.risk.build import NOW, child, gate_with_parent, market, passed

numbers = st.integers(0, 2**32 - 1)
floats = st.floats(width=32)


def vector(draw: st.DrawFn, size: int) -> Any:
    seed = draw(st.integers(0, 2**32 - 1))
    made = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
    made[seed % size] = draw(floats)
    return made


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    return Answer(
        draw(numbers), draw(numbers), draw(st.sampled_from(AnswerStatus)), draw(st.integers(0, 2**64 - 1)),
        vector(draw, 1), vector(draw, A), vector(draw, A),
    )  # fmt: skip


@given(answers())
def test_an_answer_is_the_same_after_the_journal_to_the_bit(answer: Answer) -> None:
    back = unpack_answer(pack_answer(answer))
    for name in ("parent", "decision", "status", "elapsed_ns", "value", "logits", "action_value"):
        one, two = getattr(answer, name), getattr(back, name)
        assert one.tobytes() == two.tobytes() if isinstance(one, np.ndarray) else one == two, name
    assert pack_answer(back) == pack_answer(answer)


def test_a_failure_is_an_answer_of_nans() -> None:
    back = unpack_answer(pack_answer(Answer(1, 2, AnswerStatus.FAILED, 0, NO_VALUE, NO_VECTOR, NO_VECTOR)))
    assert back.status is AnswerStatus.FAILED
    assert np.isnan(back.logits).all()


@given(numbers, numbers, st.data())
def test_a_decision_is_the_same_after_the_journal(parent: int, decision: int, data: st.DataObject) -> None:
    state = data.draw(st.composite(vector)(S))
    mask = np.frombuffer(data.draw(st.binary(min_size=A, max_size=A)), np.uint8) % 2 == 1
    back = unpack_decision(pack_decision(parent, decision, state, mask))
    assert (back.parent, back.decision) == (parent, decision)
    assert back.state.tobytes() == state.tobytes()
    assert (back.mask == mask).all()


@given(numbers, numbers, st.integers(0, A - 1), st.integers(0, A - 1), st.sampled_from(ChosenBy),
       st.floats(0, 1), st.integers(0, 2**62))  # fmt: skip
def test_an_action_is_the_same_after_the_journal(
    parent: int, decision: int, proposed: int, executed: int, by: ChosenBy, propensity: float, lots: int
) -> None:
    action = Action(parent, decision, proposed, executed, by, propensity, lots)
    assert unpack_action(pack_action(action)) == action


@pytest.mark.parametrize("unpack", [unpack_answer, unpack_decision, unpack_action])
def test_another_length_is_refused_with_both_lengths(unpack: Any) -> None:
    with pytest.raises(ValueError, match=r"record has 3 bytes, its layout has \d+"):
        unpack(b"abc")


@given(st.binary(max_size=200), st.text(max_size=30), st.integers(0, 2**40))
def test_garbled_bytes_are_kept_and_told_apart_from_messages(raw: bytes, reason: str, size: int) -> None:
    garbled = Garbled(reason, raw, size)
    back = unpack_garbled(pack_garbled(garbled))
    assert back is not None
    assert (back.reason, back.raw, back.size) == (reason, raw, size)
    assert unpack_garbled(b"8=FIX.4.4\x01" + raw) is None


def test_a_pass_names_every_field_that_goes_on_the_wire() -> None:
    made = gate_with_parent()
    approved: Approved[NewOrder] = passed(made.check(child(), market(), NOW))
    order = approved.order
    expected = f"pass|{made.limits_hash}|S1-1|P1|XLIT1|BTC-USD|ACC|1|2|3|100000000|{order.price_nanos}"
    assert pack_pass(approved).decode() == expected
    day = TimeInForce.DAY
    without = NewOrder("S1-2", "P1", "XDRK", "BTC-USD", "ACC", Side.SELL, OrdType.PEGGED, day, 5, None)
    assert order_fields(without) == "S1-2|P1|XDRK|BTC-USD|ACC|2|P|0|5|"


def test_a_refusal_names_the_order_the_rule_the_value_and_the_limit() -> None:
    line = pack_refusal(child(), Refusal("size", 1, 100, 50, 3), "abc").decode()
    assert line.startswith("refused|abc|S1-1|P1|XLIT1|")
    assert line.endswith("|" + Refusal("size", 1, 100, 50, 3).text)
    assert "size" in line
    assert "100" in line
    assert "50" in line
