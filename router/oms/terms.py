"""From what a desk sends to the parent that it wants: a new one, or one instead of another. Pure.

What no strategy here can work is a TermsFault, which names the field and the rule; whether the parent may be
is risk's word, and is asked afterwards.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from risk.order import OrdType, Parent
from risk.refusal import OTHER, UNSUPPORTED
from router.algo import TermsFault, must_complete
from router.fix.decimals import time_to_wire
from router.fix.messages import NewOrderSingle, OrderCancelReplaceRequest

Value = TypeVar("Value")


def asked_for(order: NewOrderSingle, parent_id: str, desk: str, now_ns: int) -> Parent:
    """The parent as far as the order says it; `fault` says what it lacks. A start in the past is now."""
    start_ns = order.effective_time_ns or now_ns
    return Parent(
        parent_id=parent_id,
        cl_ord_id=order.cl_ord_id,
        symbol=order.symbol,
        account=order.account,
        side=order.side,
        qty_lots=order.qty_lots,
        limit_nanos=order.price_nanos if order.ord_type is OrdType.LIMIT else None,
        start_ns=max(start_ns, now_ns),
        end_ns=order.expire_time_ns or start_ns,
        strategy=order.target_strategy or 0,
        must_complete=bool(order.must_complete),
        accepted_ns=now_ns,
        desk=desk,
        parties=order.parties,
        order_capacity=order.order_capacity,
        locate_reqd=order.locate_reqd,
    )


def complete(order: NewOrderSingle, parent: Parent, strategies: Collection[int]) -> Parent:
    """The parent with its strategy's parameters. TermsFault for what no strategy here can work."""
    _refuse_type(order.ord_type)
    if order.target_strategy not in strategies:
        known = ", ".join(str(code) for code in sorted(strategies))
        raise TermsFault(UNSUPPORTED, f"TargetStrategy(847) {order.target_strategy} is not one of {known}")
    if order.effective_time_ns is None or order.expire_time_ns is None:
        raise TermsFault(
            OTHER, "EffectiveTime(168) and ExpireTime(126) must say when the order starts and ends"
        )
    must = must_complete(order, order.target_strategy)
    if must is None:
        raise TermsFault(OTHER, "TargetStrategyParameters(848) must be complete=must or complete=may")
    if not order.account:
        raise TermsFault(OTHER, "Account(1) is missing")
    return replace(parent, must_complete=must)


def instead_of(
    parent: Parent, request: OrderCancelReplaceRequest, *, has_started: bool, now_ns: int
) -> Parent:
    """The parent that would result from a replace. What the request leaves out stays as it is.

    Quantity, limit, end, whether it must complete, and until it has started its start may change.
    """
    _refuse_type(request.ord_type)
    for name, wanted, held in (
        ("Symbol(55)", request.symbol, parent.symbol),
        ("Side(54)", request.side, parent.side),
        ("Account(1)", request.account or parent.account, parent.account),
        ("TargetStrategy(847)", _or(request.target_strategy, parent.strategy), parent.strategy),
        ("Parties(453)", request.parties or parent.parties, parent.parties),
        ("OrderCapacity(528)", request.order_capacity or parent.order_capacity, parent.order_capacity),
        ("LocateReqd(114)", _or(request.locate_reqd, parent.locate_reqd), parent.locate_reqd),
    ):
        if wanted != held:
            raise TermsFault(OTHER, f"{name} of a parent cannot be changed")
    start_ns = _or(request.effective_time_ns, parent.start_ns)
    if has_started and start_ns > now_ns:
        started = time_to_wire(parent.start_ns).decode()
        raise TermsFault(OTHER, f"EffectiveTime(168) is still to come, and the parent began at {started}")
    must = must_complete(request, parent.strategy)
    return replace(
        parent,
        cl_ord_id=request.cl_ord_id,
        qty_lots=request.qty_lots,
        limit_nanos=request.price_nanos if request.ord_type is OrdType.LIMIT else None,
        start_ns=parent.start_ns if has_started else max(start_ns, now_ns),
        end_ns=_or(request.expire_time_ns, parent.end_ns),
        must_complete=_or(must, parent.must_complete),
    )


def _or(said: Value | None, held: Value) -> Value:
    return held if said is None else said


def _refuse_type(ord_type: OrdType) -> None:
    if ord_type not in (OrdType.MARKET, OrdType.LIMIT):
        raise TermsFault(UNSUPPORTED, f"OrdType(40) {ord_type.value} is not 1 or 2")
