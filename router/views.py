"""What operators may see of the engine: read-only pictures as JSON-ready dicts. Nothing here writes.

Integers carry their unit in their name, for programs; beside them stand decimals, as text, for people.
"""

from __future__ import annotations

from typing import Any

from router.core import Core, Port
from router.fix.decimals import lots_to_wire, nanos_to_wire
from router.marketdata import MarketData
from router.orders import Child
from router.parent import ParentWork


def view(core: Core, what: str) -> list[dict[str, Any]]:
    """ "status": one answer; "parents", "orders", "sessions": one answer for each."""
    if what == "status":
        return [_status(core)]
    if what == "sessions":
        return [_session(port) for port in core.ports]
    if what == "parents":
        return [_parent(core, work) for work in core.parents.values()]
    return [_order(core, child) for child in core.orders.live()]


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
    return {
        "event": "status",
        "time_ns": core.now_ns,
        "sessions": sessions,
        "books": {symbol: _book(market) for symbol, market in core.markets.items()},
        "latches": [latch.as_event() for latch in core.gate.kill.latches],
        "limits_hash": core.gate.limits_hash,
        "open_orders": len(core.orders.live()),
        "open_parents": sum(not work.is_ended for work in core.parents.values()),
    }


def _session(port: Port) -> dict[str, Any]:
    session = port.session
    return {
        "event": "session",
        "session": session.name,
        "kind": port.kind.value,
        "version": session.config.version.name,
        "state": session.state.name.lower(),
        "next_out": session.next_out,
        "next_in": session.next_in,
        "waiting": len(port.outbox),
    }


def _book(market: MarketData) -> dict[str, Any]:
    return {
        "bid": _decimal(market.instrument.px_to_nanos(market.bid_px)),
        "ask": _decimal(market.instrument.px_to_nanos(market.ask_px)),
        "venues": {v.name: s.name.lower() for v, s in zip(market.venues, market.states, strict=True)},
    }


def _parent(core: Core, work: ParentWork) -> dict[str, Any]:
    parent = work.parent
    latch = core.gate.kill.blocks("", parent.symbol, parent.parent_id)
    return {
        "event": "parent",
        "parent_id": parent.parent_id,
        "cl_ord_id": parent.cl_ord_id,
        "symbol": parent.symbol,
        "side": parent.side.name,
        "quantity": _quantity(core, parent.symbol, parent.qty_lots),
        "qty_lots": parent.qty_lots,
        "filled": _quantity(core, parent.symbol, work.filled_lots),
        "filled_lots": work.filled_lots,
        "average": _decimal(work.average_nanos),
        "average_nanos": work.average_nanos,
        "state": work.state.value,
        "latch": "" if latch is None or work.is_ended else f"{latch.mode.value} {latch.scope}",
        "is_shut": work.is_shut,
        "strategy": parent.strategy,
        "fallback_decisions": work.fallback_decisions,
        "policy_off": work.policy_off,
    }


def _order(core: Core, child: Child) -> dict[str, Any]:
    order = child.order
    return {
        "event": "order",
        "cl_ord_id": child.cl_ord_id,
        "parent_id": order.parent_id,
        "venue": order.venue,
        "symbol": order.symbol,
        "side": order.side.name,
        "quantity": _quantity(core, order.symbol, order.qty_lots),
        "qty_lots": order.qty_lots,
        "filled": _quantity(core, order.symbol, child.cum_lots),
        "cum_lots": child.cum_lots,
        "price": _decimal(order.price_nanos or 0) if child.px is not None else "midpoint",
        "price_nanos": order.price_nanos,
        "state": child.state.value,
    }


def _quantity(core: Core, symbol: str, lots: int) -> str:
    return lots_to_wire(lots, core.instruments[symbol].lots_per_unit).decode()


def _decimal(nanos: int) -> str:
    return nanos_to_wire(nanos).decode()
