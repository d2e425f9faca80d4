"""What operators may see of the engine: read-only pictures as JSON-ready dicts. Nothing here writes."""

from __future__ import annotations

from typing import Any

from router.core import Core
from router.orders import Child
from router.parent import ParentWork


def view(core: Core, what: str) -> list[dict[str, Any]]:
    """ "status": one answer; "parents", "orders": one answer for each."""
    if what == "status":
        return [_status(core)]
    if what == "parents":
        return [_parent(work) for work in core.parents.values()]
    return [_order(child) for child in core.orders.live()]


def _status(core: Core) -> dict[str, Any]:
    sessions = {
        port.session.name: {
            "state": port.session.state.name.lower(),
            "next_out": port.session.next_out,
            "next_in": port.session.next_in,
            "waiting": len(port.outbox),
        }
        for port in core.ports
    }
    books = {
        symbol: {
            "bid_px": market.bid_px,
            "ask_px": market.ask_px,
            "venues": {v.name: s.name.lower() for v, s in zip(market.venues, market.states, strict=True)},
        }
        for symbol, market in core.markets.items()
    }
    latches = [latch.as_event() for latch in core.gate.kill.latches]
    return {
        "event": "status",
        "time_ns": core.now_ns,
        "sessions": sessions,
        "books": books,
        "latches": latches,
        "limits_hash": core.gate.limits_hash,
        "open_orders": len(core.orders.live()),
        "open_parents": sum(not work.is_ended for work in core.parents.values()),
    }


def _parent(work: ParentWork) -> dict[str, Any]:
    parent = work.parent
    return {
        "event": "parent",
        "parent_id": parent.parent_id,
        "cl_ord_id": parent.cl_ord_id,
        "symbol": parent.symbol,
        "side": parent.side.name,
        "qty_lots": parent.qty_lots,
        "filled_lots": work.filled_lots,
        "average_nanos": work.average_nanos,
        "state": work.state.value,
        "strategy": parent.strategy,
        "fallback_decisions": work.fallback_decisions,
        "policy_off": work.policy_off,
    }


def _order(child: Child) -> dict[str, Any]:
    order = child.order
    return {
        "event": "order",
        "cl_ord_id": child.cl_ord_id,
        "parent_id": order.parent_id,
        "venue": order.venue,
        "symbol": order.symbol,
        "side": order.side.name,
        "qty_lots": order.qty_lots,
        "cum_lots": child.cum_lots,
        "price_nanos": order.price_nanos,
        "state": child.state.value,
    }
