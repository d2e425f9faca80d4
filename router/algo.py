"""What a desk may say of how its parent is to be worked: the parameters of the strategies, in one table.

Start and end are fields of the order, EffectiveTime(168) and ExpireTime(126). What else a strategy takes is
in TargetStrategyParameters(848) or, in FIX 5.0 SP2, in StrategyParametersGrp(957), by the same name. Whether
the parent must complete is all that the policies of today know of (the features' MUST_COMPLETE): none has a
participation rate. What a strategy does not take is refused by name, never passed over. The FIXatdl file is
written from the same table.
"""

from __future__ import annotations

from typing import Final

from risk.refusal import OTHER, UNSUPPORTED
from router.fix.messages import NewOrderSingle, OrderCancelReplaceRequest

COMPLETE: Final = "complete"
COMPLETE_VALUES: Final = {"must": True, "may": False}
STRING: Final = 14
"""StrategyParameterType(959)"""

Fault = tuple[int, str]
"""OrdRejReason(103), and what is wrong."""


class TermsFault(Exception):  # noqa: N818 - the desk's fault, answered by a reject
    """A parameter that the strategy does not take, or a value that it cannot have."""

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def must_complete(order: NewOrderSingle | OrderCancelReplaceRequest, strategy: int | None) -> bool | None:
    """`complete` from wherever the order says it, None where it does not. TermsFault as the module says."""
    if order.participation_nanos is not None:
        raise TermsFault(
            UNSUPPORTED, f"ParticipationRate(849) is no parameter of TargetStrategy(847) {strategy}"
        )
    said = {order.must_complete} - {None}
    for one in order.strategy_parameters:
        if one.name != COMPLETE:
            raise TermsFault(
                UNSUPPORTED,
                f"StrategyParameterName(958) {one.name} is no parameter of TargetStrategy(847) {strategy}, "
                f"which takes {COMPLETE}",
            )
        if one.type != STRING:
            raise TermsFault(
                OTHER, f"StrategyParameterType(959) {one.type} of {COMPLETE} is not {STRING}, a string"
            )
        if one.value not in COMPLETE_VALUES:
            known = " or ".join(COMPLETE_VALUES)
            raise TermsFault(OTHER, f"StrategyParameterValue(960) {one.value} of {COMPLETE} is not {known}")
        said.add(COMPLETE_VALUES[one.value])
    if len(said) > 1:
        raise TermsFault(OTHER, f"the order says both {COMPLETE}=must and {COMPLETE}=may")
    return next(iter(said), None)
