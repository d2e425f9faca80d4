"""A rig with desks DESK1 (FIX 4.4), DESK2 (4.2), DESK3 (5.0 SP2), and copies of what each of them is told."""

from __future__ import annotations

from typing import Any

from risk.order import OrdType, Side
from router.config import SessionSpec
from router.core import PortKind
from router.fix.codec import Message
from router.fix.messages import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from router.fix.versions import VERSIONS, Version
from tests.router.rig import BTC, SECOND, SYMBOL, Rig, _config

DESKS = {"DESK1": "FIX.4.4", "DESK2": "FIX.4.2", "DESK3": "FIX.5.0SP2"}
COPIES = {"DESK1": "FIX.4.4", "DESK2": "FIX.5.0SP2", "DESK3": "FIX.4.2"}


def sessions() -> tuple[SessionSpec, ...]:
    kept = tuple(spec for spec in _config().sessions if spec.kind != "desk")
    desks = [
        SessionSpec(
            name=f"SLUICE>{desk}", kind="desk", venue=-1, version=version, sender_comp_id="SLUICE",
            target_comp_id=desk, heart_bt_int_s=30,
        )
        for desk, version in DESKS.items()
    ]  # fmt: skip
    copies = [
        SessionSpec(
            name=f"SLUICE>COPY-{desk}", kind="desk drop copy", venue=-1, version=version,
            sender_comp_id="SLUICE", target_comp_id=f"COPY-{desk}", heart_bt_int_s=30,
            drop_copy_of=f"SLUICE>{desk}",
        )
        for desk, version in COPIES.items()
    ]  # fmt: skip
    return (*kept, *desks, *copies)


class Desks(Rig):
    """`of` is the port of a session by its peer's CompID. Replaces, orders and answers as each desk's version
    has them.
    """

    def __init__(self, *, short_sales: tuple[str, ...] = (), **changes: Any) -> None:
        limits = _config().limits
        limits = {**limits, "parent": {**limits["parent"], "short_sale_accounts": list(short_sales)}}
        super().__init__(**{"sessions": sessions(), "limits": limits, **changes})

    @property
    def desk(self) -> int:
        return self.of("DESK1")

    def of(self, comp_id: str) -> int:
        return next(
            port.index
            for port in self.core.ports
            if port.kind in (PortKind.DESK, PortKind.DESK_DROP_COPY)
            and port.session.config.target_comp_id == comp_id
        )

    def version(self, desk: str) -> Version:
        return VERSIONS[{**DESKS, **{f"COPY-{name}": at for name, at in COPIES.items()}}[desk]]

    def order(self, desk: str, name: str = "D1", lots: int = 10 * BTC, **changes: Any) -> None:
        limit = changes.pop("limit_nanos", None)
        fields: dict[str, Any] = {
            "cl_ord_id": name, "symbol": SYMBOL, "side": Side.BUY, "transact_time_ns": self.now,
            "qty_lots": lots, "ord_type": OrdType.MARKET if limit is None else OrdType.LIMIT,
            "price_nanos": limit, "account": "ACCT1", "effective_time_ns": self.now,
            "expire_time_ns": self.now + 100 * SECOND, "target_strategy": 1001, "must_complete": True,
        }  # fmt: skip
        self.say(self.of(desk), b"D", NewOrderSingle(**{**fields, **changes}).body(BTC, self.version(desk)))

    def cancel(self, desk: str, name: str = "D1", request: str = "C1") -> None:
        asked = OrderCancelRequest(request, name, SYMBOL, Side.BUY, self.now, 1)
        self.say(self.of(desk), b"F", asked.body(BTC, self.version(desk)))

    def replace(self, name: str = "D1", request: str = "R1", desk: str = "DESK1", **changes: Any) -> None:
        """Left out of `changes`: as the last parent is."""
        parent = self.work.parent
        limit = changes.pop("limit_nanos", parent.limit_nanos)
        fields: dict[str, Any] = {
            "cl_ord_id": request, "orig_cl_ord_id": name, "symbol": SYMBOL, "side": parent.side,
            "transact_time_ns": self.now, "qty_lots": changes.pop("lots", parent.qty_lots),
            "ord_type": OrdType.MARKET if limit is None else OrdType.LIMIT, "price_nanos": limit,
        }  # fmt: skip
        asked = OrderCancelReplaceRequest(**{**fields, **changes})
        self.say(self.of(desk), b"G", asked.body(BTC, self.version(desk)))

    def said(self, desk: str = "DESK1") -> list[Message]:
        """All that a desk, or a reader of copies, was sent."""
        at = self.of(desk)
        return [message for index, message in self.heard if index == at]

    def reports_to(self, desk: str) -> list[ExecutionReport]:
        instruments, version = self.core.instruments, self.version(desk)
        return [
            ExecutionReport.parse(m, instruments, version)
            for m in self.messages(self.of(desk), b"8")
        ]  # fmt: skip

    def refusals(self, desk: str = "DESK1") -> list[OrderCancelReject]:
        return [
            OrderCancelReject.parse(m, self.version(desk))
            for m in self.messages(self.of(desk), b"9")
        ]  # fmt: skip
