"""Typed messages: frozen, in the project's units, with `parse` from the wire and `body` to it."""

from router.fix.messages.fields import FieldError, Instruments, Quantum
from router.fix.messages.marketdata import (
    MarketDataRequest,
    MarketDataRequestReject,
    build_incremental,
    build_snapshot,
)
from router.fix.messages.mass import OrderMassCancelReport, OrderMassCancelRequest, OrderMassStatusRequest
from router.fix.messages.orders import (
    MIDPOINT_PEG,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    order_body,
)
from router.fix.messages.parties import Parties
from router.fix.messages.rejects import BusinessMessageReject, DKReason, DontKnowTrade
from router.fix.messages.reports import ExecutionReport, OrderCancelReject
from router.fix.messages.requests import OrderCancelRequest, OrderStatusRequest
from router.fix.messages.securities import (
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
    TradingStatus,
)
from router.fix.messages.security import Security
from router.fix.messages.statuses import CxlRejResponseTo, ExecType, LastLiquidity, OrdStatus
from router.fix.messages.strategies import StrategyParameter

__all__ = [
    "MIDPOINT_PEG",
    "BusinessMessageReject",
    "CxlRejResponseTo",
    "DKReason",
    "DontKnowTrade",
    "ExecType",
    "ExecutionReport",
    "FieldError",
    "Instruments",
    "LastLiquidity",
    "MarketDataRequest",
    "MarketDataRequestReject",
    "NewOrderSingle",
    "OrdStatus",
    "OrderCancelReject",
    "OrderCancelReplaceRequest",
    "OrderCancelRequest",
    "OrderMassCancelReport",
    "OrderMassCancelRequest",
    "OrderMassStatusRequest",
    "OrderStatusRequest",
    "Parties",
    "Quantum",
    "Security",
    "SecurityDefinition",
    "SecurityDefinitionRequest",
    "SecurityList",
    "SecurityListRequest",
    "SecurityStatus",
    "SecurityStatusRequest",
    "StrategyParameter",
    "TradingStatus",
    "build_incremental",
    "build_snapshot",
    "order_body",
]
