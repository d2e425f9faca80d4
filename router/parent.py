"""A parent order: what the desk asked for, and how far it has come.

The desk's order is `risk.order.Parent` (frozen; a replace puts another in its place). This room adds what
changes: its state, its fills and its schedule of decisions. Pure; the engine is the only writer.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from risk.order import Parent

FILLS_KEPT: Final = 20_000
"""Fills of a parent that can still be busted or corrected under the ExecID that its desk knows."""


class ParentState(enum.Enum):
    PENDING = "pending"  # accepted, start time not reached
    ACTIVE = "active"
    REPLACING = "replacing"  # the desk changed it; children that the change leaves no room for are going
    CANCELING = "canceling"  # the desk withdrew it, or it expired; its children are being cancelled
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"


class ParentEvent(enum.Enum):
    STARTED = "started"
    REPLACE_ASKED = "replace asked"  # and there are children to cancel first
    REPLACE_OVER = "replace over"  # done, or refused
    CANCEL_ASKED = "cancel asked"
    TIME_UP = "time up"  # may-expire parents only
    FILLED = "filled"
    BUSTED = "busted"  # of what is filled whole: it is over all the same, and does not trade again by itself
    CHILDREN_GONE = "children gone"


_S, _E = ParentState, ParentEvent
TRANSITIONS: dict[tuple[ParentState, ParentEvent], ParentState] = {
    (_S.PENDING, _E.STARTED): _S.ACTIVE,
    (_S.PENDING, _E.CANCEL_ASKED): _S.CANCELING,
    (_S.PENDING, _E.TIME_UP): _S.CANCELING,
    (_S.ACTIVE, _E.CANCEL_ASKED): _S.CANCELING,
    (_S.ACTIVE, _E.TIME_UP): _S.CANCELING,
    (_S.ACTIVE, _E.FILLED): _S.FILLED,
    (_S.ACTIVE, _E.REPLACE_ASKED): _S.REPLACING,
    (_S.REPLACING, _E.REPLACE_OVER): _S.ACTIVE,
    (_S.REPLACING, _E.FILLED): _S.FILLED,
    (_S.CANCELING, _E.FILLED): _S.FILLED,
    (_S.CANCELING, _E.CANCEL_ASKED): _S.CANCELING,
    (_S.FILLED, _E.BUSTED): _S.CANCELED,
}
ENDED = frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED})

FillKey = tuple[int, str, str]
"""A venue's slot, its ExecID(17), and the child's ClOrdID: an ExecID may begin again the next day."""


@dataclass(slots=True)
class Fill:
    """A fill as the desk knows it: our ExecID, the newest that has named it, and what it is by now."""

    exec_id: str
    lots: int
    price_nanos: int
    fee_nanos: int


@dataclass(slots=True)
class Replacement:
    """A replace under way: the parent that would result, and the children (ClOrdIDs) that must end first."""

    parent: Parent
    doomed: set[str] = field(default_factory=set)


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
    former_ids: list[str] = field(default_factory=list)  # the desk's ClOrdIDs for it that were replaced
    replacement: Replacement | None = None
    is_suspended: bool = False  # as its desk was told: no child leaves until a person reinstates
    fills: dict[FillKey, Fill] = field(default_factory=dict)

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

    def dooms(self, cl_ord_id: str) -> bool:
        """Whether this child is to be cancelled whatever else happens."""
        if self.state is ParentState.REPLACING and self.replacement is not None:
            return cl_ord_id in self.replacement.doomed
        return self.state is not ParentState.ACTIVE

    def keep_fill(self, key: FillKey, fill: Fill) -> None:
        """The oldest fill is beyond a bust's reach at the bound."""
        self.fills[key] = fill
        if len(self.fills) > FILLS_KEPT:
            del self.fills[next(iter(self.fills))]

    def move(self, event: ParentEvent) -> None:
        if event is ParentEvent.CHILDREN_GONE:
            if self.state is not ParentState.CANCELING:
                raise ValueError(f"parent {self.parent.parent_id} is {self.state.value}, not canceling")
            self.state = ParentState.EXPIRED if self.expired else ParentState.CANCELED
            return
        target = TRANSITIONS.get((self.state, event))
        if target is None:
            raise ValueError(f"parent {self.parent.parent_id} is {self.state.value}: no '{event.value}'")
        if event in (ParentEvent.TIME_UP, ParentEvent.CANCEL_ASKED):
            self.expired = event is ParentEvent.TIME_UP
        self.state = target
