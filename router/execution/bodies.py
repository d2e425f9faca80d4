"""What leaves for a venue, as bytes: NewOrderSingle(D), OrderCancelRequest(F), OrderStatusRequest(H).

Only an `Approved` can be turned into an order or a cancel here, and only risk's gate makes one.
"""

from functools import lru_cache

from risk.gate import Approved
from risk.order import Cancel, NewOrder, OrdType
from router.fix.decimals import lots_to_wire, nanos_to_wire, time_to_wire
from router.fix.messages.parties import carried
from router.fix.versions import FIX44, Version
from router.orders import Child


@lru_cache(maxsize=1024)
def _account(account: str, *, peg: bool) -> bytes:
    """Account(1) to Symbol's tag: what hardly changes from one order to the next."""
    return b"\x011=%b\x01%b21=1\x0155=" % (account.encode("latin-1"), b"18=M\x01" if peg else b"")


def new_order_body(
    approved: Approved[NewOrder], lots_per_unit: int, now_ns: int, version: Version = FIX44
) -> bytes:
    """Body of NewOrderSingle(D). A peg to the midpoint: OrdType(40)=P, ExecInst(18)=M. HandlInst(21) is there
    since FIX 4.2 requires it.
    """
    order = approved.order
    price = b"" if order.price_nanos is None else b"44=%b\x01" % nanos_to_wire(order.price_nanos)
    body = b"11=%b%b%b\x0154=%d\x0160=%b\x0138=%b\x0140=%b\x01%b59=%b\x01" % (
        order.cl_ord_id.encode(),
        _account(order.account, peg=order.ord_type is OrdType.PEGGED),
        order.symbol.encode(),
        order.side,
        time_to_wire(now_ns),
        lots_to_wire(order.qty_lots, lots_per_unit),
        order.ord_type.encode(),
        price,
        order.tif.encode(),
    )
    if order.parties or order.order_capacity or order.locate_reqd is not None:
        body += carried(order.parties, order.order_capacity, order.locate_reqd, version)
    return body


def cancel_body(approved: Approved[Cancel], lots_per_unit: int, now_ns: int) -> bytes:
    """Body of OrderCancelRequest(F), the same in every version."""
    cancel = approved.order
    order_id = b"37=%b\x01" % cancel.order_id.encode("latin-1") if cancel.order_id else b""
    return b"41=%b\x01%b11=%b\x0155=%b\x0154=%d\x0160=%b\x0138=%b\x01" % (
        cancel.orig_cl_ord_id.encode("latin-1"),
        order_id,
        cancel.cl_ord_id.encode(),
        cancel.symbol.encode(),
        cancel.side,
        time_to_wire(now_ns),
        lots_to_wire(cancel.qty_lots, lots_per_unit),
    )


def status_body(child: Child, now_ns: int, version: Version = FIX44) -> bytes:
    """Body of OrderStatusRequest(H); OrdStatusReqID(790) ties the answer to this question where it is."""
    order_id = b"37=%b\x01" % child.order_id.encode("latin-1") if child.order_id else b""
    name = child.cl_ord_id.encode("latin-1")
    question = b"790=%b.%d\x01" % (name, now_ns // 1_000_000) if version.status_req_id else b""
    return b"%b11=%b\x01%b55=%b\x0154=%d\x01" % (
        order_id, name, question, child.order.symbol.encode(), child.order.side,
    )  # fmt: skip
