"""A parent order: what the desk asked for, and how far it has come.

The desk's order is `risk.order.Parent` (frozen). This room adds what changes: its state, its fills and its
schedule of decisions. Pure; the engine is the only writer.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from risk.order import Parent


class ParentState(enum.Enum):
    PENDING = "pending"  # accepted, start time not reached
    ACTIVE = "active"
    CANCELING = "canceling"  # the desk withdrew it, or it expired; its children are being cancelled
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"


class ParentEvent(enum.Enum):
    STARTED = "started"
    CANCEL_ASKED = "cancel asked"
    TIME_UP = "time up"  # may-expire parents only
    FILLED = "filled"
    CHILDREN_GONE = "children gone"


_S, _E = ParentState, ParentEvent
TRANSITIONS: dict[tuple[ParentState, ParentEvent], ParentState] = {
    (_S.PENDING, _E.STARTED): _S.ACTIVE,
    (_S.PENDING, _E.CANCEL_ASKED): _S.CANCELING,
    (_S.PENDING, _E.TIME_UP): _S.CANCELING,
    (_S.ACTIVE, _E.CANCEL_ASKED): _S.CANCELING,
    (_S.ACTIVE, _E.TIME_UP): _S.CANCELING,
    (_S.ACTIVE, _E.FILLED): _S.FILLED,
    (_S.CANCELING, _E.FILLED): _S.FILLED,
    (_S.CANCELING, _E.CANCEL_ASKED): _S.CANCELING,
}
ENDED = frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED})


@dataclass(slots=True)
class ParentWork:
    """One parent at work. Quantities in lots, prices in nanos (arrival in half ticks), times in ns UTC."""

    parent: Parent
    number: int  # position in order of acceptance; names it in hot journal records
    desk: int  # index of the OMS session that owns it; -1 if the settings have it no more
    state: ParentState = ParentState.PENDING
    filled_lots: int = 0
    notional: int = 0  # sum of price_nanos * lots
    fees_nanos: int = 0
    arrival_px: int = 0  # consolidated mid in half ticks when it started; 0 until there is one
    expired: bool = False
    decision: int = 0  # how many decisions were asked for
    deciding: bool = False  # an answer is outstanding
    last_decision_ns: int = 0
    fallback_decisions: int = 0
    policy_failures: int = 0
    policy_off: bool = False
    is_shut: bool = False  # a venue holds an order that may have been its own: no further child, ever
    cancel_cl_ord_id: str = ""  # the desk's cancel request, to be named in the closing report

    @property
    def left_lots(self) -> int:
        return self.parent.qty_lots - self.filled_lots

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def average_nanos(self) -> int:
        """Average price, rounded half up to a nano (a report's figure; sums stay exact in `notional`)."""
        return (2 * self.notional + self.filled_lots) // (2 * self.filled_lots) if self.filled_lots else 0

    def move(self, event: ParentEvent) -> None:
        if event is ParentEvent.CHILDREN_GONE:
            if self.state is not ParentState.CANCELING:
                raise ValueError(f"parent {self.parent.parent_id} is {self.state.value}, not canceling")
            self.state = ParentState.EXPIRED if self.expired else ParentState.CANCELED
            return
        target = TRANSITIONS.get((self.state, event))
        if target is None:
            raise ValueError(f"parent {self.parent.parent_id} is {self.state.value}: no '{event.value}'")
        if event is ParentEvent.TIME_UP:
            self.expired = True
        self.state = target
