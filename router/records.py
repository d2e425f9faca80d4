"""Payloads of the journal's hot records. Cold ones are JSON; these are packed, since each decision writes
them.

Layouts are little-endian and part of journal format version 1. All functions are pure; a payload that does
not have the layout raises ValueError.
"""

from __future__ import annotations

import enum
import json
import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from risk.gate import Approved, Refusal
from risk.order import Cancel, NewOrder
from router.actions import ACTIONS, A
from router.features import S
from router.fix.codec import Garbled
from router.journal import Kind, Record

_NAME = struct.Struct("<II")
_ANSWER = struct.Struct("<IIBQ")
_ACTION = struct.Struct("<IIHHBdq")
_STATE_BYTES = 4 * S
_LOGIT_BYTES = 4 * A


# LINK records: u8 session, u8 one of these.
LINK_DOWN, LINK_UP, LINK_BLOCKED, LINK_WRITABLE = range(4)

_GARBLED = b"\x00"  # no FIX message begins with it: what follows in a FIX_IN record is JSON


class AnswerStatus(enum.IntEnum):
    GOOD = 0
    FAILED = 1  # the runtime raised; there are no logits


class ChosenBy(enum.IntEnum):
    POLICY = 0
    FALLBACK = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """State float32[S] and mask bool[A] that a policy was asked about."""

    parent: int
    decision: int
    state: NDArray[np.float32]
    mask: NDArray[np.bool_]


class Answer(NamedTuple):
    """What came back: value float32[1], logits, action values float32[A]; time it took, 0 in lock-step."""

    parent: int
    decision: int
    status: AnswerStatus
    elapsed_ns: int
    value: NDArray[np.float32]
    logits: NDArray[np.float32]
    action_value: NDArray[np.float32]


class Action(NamedTuple):
    """The action proposed, who chose it, its probability, and the child quantity that left for it."""

    parent: int
    decision: int
    proposed: int
    executed: int
    chosen_by: ChosenBy
    propensity: float
    sent_lots: int


NO_VALUE: NDArray[np.float32] = np.full(1, np.nan, dtype=np.float32)
NO_VECTOR: NDArray[np.float32] = np.full(A, np.nan, dtype=np.float32)


def pack_decision(parent: int, decision: int, state: NDArray[np.float32], mask: NDArray[np.bool_]) -> bytes:
    return _NAME.pack(parent, decision) + state.tobytes() + mask.tobytes()


def unpack_decision(payload: bytes) -> Decision:
    _expect("DECISION", payload, _NAME.size + _STATE_BYTES + A)
    parent, decision = _NAME.unpack_from(payload)
    state = np.frombuffer(payload, np.float32, S, _NAME.size)
    return Decision(parent, decision, state, np.frombuffer(payload, np.bool_, A, _NAME.size + _STATE_BYTES))


def pack_answer(answer: Answer) -> bytes:
    head = _ANSWER.pack(answer.parent, answer.decision, answer.status, answer.elapsed_ns)
    return head + answer.value.tobytes() + answer.logits.tobytes() + answer.action_value.tobytes()


def unpack_answer(payload: bytes) -> Answer:
    _expect("ANSWER", payload, _ANSWER.size + 4 + 2 * _LOGIT_BYTES)
    parent, decision, status, elapsed_ns = _ANSWER.unpack_from(payload)
    numbers = np.frombuffer(payload, np.float32, 1 + 2 * A, _ANSWER.size)
    return Answer(
        parent, decision, AnswerStatus(status), elapsed_ns, numbers[:1], numbers[1 : 1 + A], numbers[1 + A :]
    )


def pack_action(action: Action) -> bytes:
    return _ACTION.pack(*action)


def unpack_action(payload: bytes) -> Action:
    _expect("ACTION", payload, _ACTION.size)
    parent, decision, proposed, executed, chosen_by, propensity, sent_lots = _ACTION.unpack(payload)
    return Action(parent, decision, proposed, executed, ChosenBy(chosen_by), propensity, sent_lots)


def order_fields(order: NewOrder) -> str:
    """The fields that a verdict vouches for, in one line: a NewOrderSingle on the wire must match them.

    Few orders say more than the first ten: OrderCapacity(528), LocateReqd(114), and each party.
    """
    price = "" if order.price_nanos is None else order.price_nanos
    line = (
        f"{order.cl_ord_id}|{order.parent_id}|{order.venue}|{order.symbol}|{order.account}|{order.side:d}|"
        f"{order.ord_type}|{order.tif}|{order.qty_lots}|{price}"
    )
    if not (order.parties or order.order_capacity or order.locate_reqd is not None):
        return line
    locate = "" if order.locate_reqd is None else "NY"[order.locate_reqd]
    parties = ";".join(f"{one.party_id},{one.source},{one.role}" for one in order.parties)
    return f"{line}|{order.order_capacity}|{locate}|{parties}"


def pack_pass(approved: Approved[NewOrder]) -> bytes:
    return f"pass|{approved.limits_hash}|{order_fields(approved.order)}".encode()


def pack_cancel_pass(approved: Approved[Cancel]) -> bytes:
    order = approved.order
    return f"cancel|{approved.limits_hash}|{order.cl_ord_id}|{order.orig_cl_ord_id}|{order.venue}".encode()


def pack_refusal(order: NewOrder, refusal: Refusal, limits_hash: str) -> bytes:
    return f"refused|{limits_hash}|{order_fields(order)}|{refusal.text}".encode()


def pack_garbled(garbled: Garbled) -> bytes:
    """What follows the session in the FIX_IN record of bytes that were no message."""
    fields = {"garbled": garbled.reason, "raw": garbled.raw.decode("latin-1"), "size": garbled.size}
    return _GARBLED + json.dumps(fields, sort_keys=True).encode()


def unpack_garbled(raw: bytes) -> Garbled | None:
    """The inverse; None for a record that holds a message."""
    if not raw.startswith(_GARBLED):
        return None
    fields = json.loads(raw[1:])
    return Garbled(fields["garbled"], fields["raw"].encode("latin-1"), fields["size"])


def told(record: Record) -> str:
    """A hot record in words, on one line."""
    match record.kind:
        case Kind.DECISION:
            asked = unpack_decision(record.payload)
            allowed = int(asked.mask.sum())
            return f"parent {asked.parent} decision {asked.decision}: {allowed} of {A} actions allowed"
        case Kind.ANSWER:
            answer = unpack_answer(record.payload)
            good = answer.status is AnswerStatus.GOOD
            best = ACTIONS[int(np.nanargmax(answer.logits))] if good else "no answer"
            return f"parent {answer.parent} decision {answer.decision}: {best}, after {answer.elapsed_ns} ns"
        case Kind.ACTION:
            done = unpack_action(record.payload)
            who = done.chosen_by.name.lower()
            took = "" if done.executed == done.proposed else ", nothing to do"
            return (
                f"parent {done.parent} decision {done.decision}: {ACTIONS[done.proposed]} by {who}{took}, "
                f"{done.sent_lots} lots sent"
            )
        case _:
            return record.payload.decode("utf-8", "backslashreplace")


def _expect(kind: str, payload: bytes, size: int) -> None:
    if len(payload) != size:
        raise ValueError(f"{kind} record has {len(payload)} bytes, its layout has {size}")
