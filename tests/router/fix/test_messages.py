"""Typed messages: what is written is read again, and a wrong field is named, with value, rule and codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.instrument import Instrument
from risk.order import OrdType, Party, Side, TimeInForce
from router.fix.codec import Message, encode, parse
from router.fix.decimals import lots_to_wire, nanos_to_wire
from router.fix.messages import (
    BusinessMessageReject,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    FieldError,
    LastLiquidity,
    MarketDataRequest,
    MarketDataRequestReject,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderStatusRequest,
    OrdStatus,
    build_incremental,
    build_snapshot,
)
from router.fix.messages.strategies import StrategyParameter
from router.fix.tags import name_of
from router.fix.warm import warm

T = 1_767_571_200_123_000_000
LOTS = 10**8
BTC = Instrument("BTC-USD", 10_000_000, LOTS, 1, 1, 10**12, "USD")
INSTRUMENTS = {"BTC-USD": BTC}

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=20)
MAYBE = st.just("") | IDS
QTY = st.integers(1, 10**17)
NANOS = st.integers(1, 10**17)
TIMES = st.integers(1, 4 * 10**9).map(lambda millis: millis * 1_000_000)


PARTIES = st.lists(st.builds(Party, IDS, st.integers(1, 122), st.sampled_from("BCDG")), max_size=3).map(tuple)
PARAMETERS = st.lists(st.builds(StrategyParameter, IDS, IDS, st.integers(1, 29)), max_size=3).map(tuple)


def message(kind: bytes, body: bytes) -> Message:
    found = parse(encode(b"FIX.4.4", kind, 1, b"A", b"B", T, body))
    assert isinstance(found, Message)
    return found


def from_text(kind: bytes, text: str) -> Message:
    return message(kind, text.replace("|", "\x01").encode())


@given(
    st.builds(
        NewOrderSingle,
        cl_ord_id=IDS,
        symbol=st.just("BTC-USD"),
        side=st.sampled_from(Side),
        transact_time_ns=TIMES,
        qty_lots=QTY,
        ord_type=st.sampled_from(OrdType),
        price_nanos=NANOS,
        tif=st.sampled_from(TimeInForce),
        account=MAYBE,
        exec_inst=MAYBE,
        ex_destination=MAYBE,
        effective_time_ns=st.none() | TIMES,
        expire_time_ns=st.none() | TIMES,
        target_strategy=st.none() | st.integers(0, 9999),
        must_complete=st.none() | st.booleans(),
        min_qty_lots=st.just(0) | QTY,
        max_floor_lots=st.none() | st.just(0) | QTY,
    )
)
def test_new_order_single(order: NewOrderSingle) -> None:
    assert NewOrderSingle.parse(message(b"D", order.body(LOTS)), INSTRUMENTS) == order


def test_new_order_single_as_wire_text() -> None:
    child = NewOrderSingle(
        "SLU1", "BTC-USD", Side.BUY, T, 150_000_000, OrdType.LIMIT, 6_543_210_000_000, TimeInForce.IOC, "ACC",
        "", "XLIT1",
    )  # fmt: skip
    assert child.body(LOTS) == (
        b"11=SLU1|1=ACC|21=1|100=XLIT1|55=BTC-USD|54=1|60=20260105-00:00:00.123|38=1.5|40=2|44=6543.21|59=3|"
    ).replace(b"|", b"\x01")
    peg = NewOrderSingle("SLU2", "BTC-USD", Side.SELL, T, 1, OrdType.PEGGED, exec_inst="M")
    assert peg.body(LOTS) == (
        b"11=SLU2|21=1|18=M|55=BTC-USD|54=2|60=20260105-00:00:00.123|38=0.00000001|40=P|59=0|"
    ).replace(b"|", b"\x01")


@given(
    st.builds(
        ExecutionReport,
        order_id=IDS,
        exec_id=IDS,
        exec_type=st.sampled_from([one for one in ExecType if one]),
        ord_status=st.sampled_from([one for one in OrdStatus if one]),
        symbol=st.just("BTC-USD"),
        side=st.sampled_from(Side),
        leaves_lots=st.integers(0, 10**17),
        cum_lots=st.integers(0, 10**17),
        avg_px_nanos=st.integers(0, 10**17),
        cl_ord_id=MAYBE,
        orig_cl_ord_id=MAYBE,
        account=MAYBE,
        qty_lots=st.integers(0, 10**17),
        ord_type=st.none() | st.sampled_from(OrdType),
        price_nanos=st.none() | NANOS,
        tif=st.none() | st.sampled_from(TimeInForce),
        last_qty_lots=QTY,
        last_px_nanos=NANOS,
        last_mkt=MAYBE,
        transact_time_ns=TIMES,
        last_liquidity=st.none() | st.sampled_from(LastLiquidity),
        ord_rej_reason=st.none() | st.sampled_from([*range(9), 99]),
        commission_nanos=st.integers(-(10**15), 10**15),
        text=MAYBE,
        exec_ref_id=MAYBE,
        ord_status_req_id=MAYBE,
        mass_status_req_id=MAYBE,
        tot_reports=st.none() | st.integers(0, 10**6),
        last_of_mass=st.booleans(),
        restatement_reason=st.none() | st.sampled_from([*range(6), 99]),
        min_qty_lots=st.just(0) | QTY,
        price_improvement_nanos=st.integers(-(10**15), 10**15),
        copy=st.booleans(),
        parties=PARTIES,
        order_capacity=st.just("") | st.sampled_from("AGIPRW"),
        oddities=st.just(()),
    )
)
def test_execution_report(report: ExecutionReport) -> None:
    assert ExecutionReport.parse(message(b"8", report.body(LOTS)), INSTRUMENTS) == report


def test_execution_report_of_a_fill_as_wire_text() -> None:
    report = ExecutionReport(
        "X-1", "E-1", ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, "BTC-USD", Side.BUY, 50_000_000, LOTS,
        6_543_210_000_000, "SLU1", qty_lots=150_000_000, last_qty_lots=LOTS, last_px_nanos=6_543_210_000_000,
        last_mkt="XLIT1", transact_time_ns=T, last_liquidity=LastLiquidity.REMOVED,
        commission_nanos=-5_000_000,
    )  # fmt: skip
    assert report.body(LOTS) == (
        b"37=X-1|11=SLU1|17=E-1|150=F|39=1|55=BTC-USD|54=1|38=1.5|32=1|31=6543.21|30=XLIT1|151=0.5|14=1|"
        b"6=6543.21|60=20260105-00:00:00.123|12=-0.005|13=3|851=2|"
    ).replace(b"|", b"\x01")


@given(IDS, IDS, MAYBE, MAYBE, QTY, NANOS, st.sampled_from(Side), st.sampled_from(TimeInForce))
def test_requests_about_orders(
    new: str, old: str, order_id: str, account: str, qty: int, price: int, side: Side, tif: TimeInForce
) -> None:
    cancel = OrderCancelRequest(new, old, "BTC-USD", side, T, qty, order_id, account)
    assert OrderCancelRequest.parse(message(b"F", cancel.body(LOTS)), INSTRUMENTS) == cancel
    replace = OrderCancelReplaceRequest(
        new, old, "BTC-USD", side, T, qty, OrdType.LIMIT, price, tif, order_id, account
    )
    assert OrderCancelReplaceRequest.parse(message(b"G", replace.body(LOTS)), INSTRUMENTS) == replace
    status = OrderStatusRequest(new, "BTC-USD", side, order_id, old, account)
    assert OrderStatusRequest.parse(message(b"H", status.body()), INSTRUMENTS) == status


@given(IDS, IDS, MAYBE, st.none() | st.integers(0, 6), st.sampled_from(CxlRejResponseTo), TIMES)
def test_rejects(
    new: str, old: str, text: str, reason: int | None, to: CxlRejResponseTo, time_ns: int
) -> None:
    refused = OrderCancelReject(new, old, OrdStatus.FILLED, to, "X-1", reason, "", time_ns, text)
    assert OrderCancelReject.parse(message(b"9", refused.body())) == refused
    business = BusinessMessageReject(reason, "D", 3, old, text)
    assert BusinessMessageReject.parse(message(b"j", business.body())) == business
    market_data = MarketDataRequestReject(new, "0", text)
    assert MarketDataRequestReject.parse(message(b"Y", market_data.body())) == market_data


def test_market_data_request() -> None:
    request = MarketDataRequest("R1", 1, 0, ("0", "1", "2"), ("BTC-USD",))
    body = request.body()
    assert body == b"262=R1|263=1|264=0|265=1|267=3|269=0|269=1|269=2|146=1|55=BTC-USD|".replace(
        b"|", b"\x01"
    )
    assert MarketDataRequest.parse(message(b"V", body), INSTRUMENTS) == request


NEW = "11=1|55=BTC-USD|54=1|60=20260105-00:00:00|38=1|40=2|44=1|"


@pytest.mark.parametrize(
    ("old", "new", "text", "codes"),
    [
        ("11=1|", "", "ClOrdID(11) is missing", (1, None, 99)),
        ("55=BTC-USD|", "55=XRP|", "Symbol(55) 'XRP' is not a known symbol", (5, 2, 1)),
        ("54=1|", "54=9|", "Side(54) '9' is not one of 1, 2, 5, 6", (5, None, 11)),
        ("38=1|", "38=0|", "OrderQty(38) '0' is not positive", (5, None, 13)),
        ("38=1|", "38=0.123456789|", "OrderQty(38) '0.123456789' has more than 8 decimals", (6, None, 13)),
        ("38=1|", "38=1e3|", "OrderQty(38) '1e3' is not a decimal number", (6, None, 13)),
        ("40=2|", "40=K|", "OrdType(40) 'K' is not one of 1, 2, P", (5, None, 11)),
        ("44=1|", "", "Price(44) is missing from a limit order", (1, 5, 99)),
        ("44=1|", "44=-1|", "Price(44) '-1' is not positive", (5, None, 99)),
        ("44=1|", "44=1.0000000001|", "Price(44) '1.0000000001' has more than 9 decimals", (6, None, 99)),
        ("60=20260105-00:00:00|", "", "TransactTime(60) is missing", (1, None, 99)),
        ("44=1|", "44=1|168=soon|", "EffectiveTime(168) 'soon' is not a UTC timestamp", (6, None, 99)),
        ("44=1|", "44=1|847=1.5|", "TargetStrategy(847) '1.5' is not an integer", (6, None, 99)),
        (
            "44=1|",
            "44=1|848=x|",
            "TargetStrategyParameters(848) 'x' is not one of complete",
            (5, None, 11),
        ),
    ],
)
def test_a_wrong_field_of_an_order_is_named(
    old: str, new: str, text: str, codes: tuple[int, int | None, int]
) -> None:
    NewOrderSingle.parse(from_text(b"D", NEW), INSTRUMENTS)
    with pytest.raises(FieldError) as raised:
        NewOrderSingle.parse(from_text(b"D", NEW.replace(old, new)), INSTRUMENTS)
    error = raised.value
    assert str(error).startswith(text)
    assert (error.session_reason, error.business_reason, error.ord_rej_reason) == codes


def test_wrong_fields_of_other_messages() -> None:
    report = "37=1|17=1|150=0|39=0|55=BTC-USD|54=1|151=1|14=0|6=0|"
    ExecutionReport.parse(from_text(b"8", report), INSTRUMENTS)
    for old, new, text in (
        ("14=0|", "14=-1|", "CumQty(14) '-1' is below zero"),
        ("54=1|", "54=x|", "Side(54) 'x' is not one of"),
        ("37=1|", "", "OrderID(37) is missing"),
        ("150=0|", "150=F|31=1|", "LastQty(32) is missing"),
        ("150=0|", "150=F|32=1|", "LastPx(31) is missing"),
        ("17=1|150=0|", "150=F|32=1|31=1|", "ExecID(17) is missing"),
        (
            "150=0|39=0|55=BTC-USD|54=1|151=1|",
            "150=D|39=0|55=BTC-USD|54=1|151=x|",
            "LeavesQty(151) 'x' is not",
        ),
    ):
        with pytest.raises(FieldError) as raised:
            ExecutionReport.parse(from_text(b"8", report.replace(old, new)), INSTRUMENTS)
        assert str(raised.value).startswith(text)
    request = "262=R|263=1|264=0|267=1|269=0|146=1|55=BTC-USD|"
    for old, new, text in (
        ("263=1", "263=7", "SubscriptionRequestType(263) '7' is not one of 0, 1, 2"),
        ("264=0", "264=-1", "MarketDepth(264) '-1' is below zero"),
        ("267=1", "267=2", "NoMDEntryTypes(267) '2' does not agree with 1 MDEntryType(269)"),
        ("55=BTC-USD", "55=ETH", "Symbol(55) 'ETH' is not a known symbol"),
        ("146=1|", "", "NoRelatedSym(146) is missing"),
        ("267=1", "267=x", "NoMDEntryTypes(267) 'x' is not an integer"),
    ):
        with pytest.raises(FieldError) as raised:
            MarketDataRequest.parse(from_text(b"V", request.replace(old, new)), INSTRUMENTS)
        assert str(raised.value).startswith(text)


@pytest.mark.parametrize("field", ["cl_ord_id", "account", "symbol"])
def test_a_value_cannot_break_out_of_its_field(field: str) -> None:
    values = {"cl_ord_id": "1", "account": "A", "symbol": "S"} | {field: "x\x0138=999"}
    order = NewOrderSingle(
        values["cl_ord_id"], values["symbol"], Side.BUY, T, 1, OrdType.MARKET, account=values["account"]
    )
    with pytest.raises(ValueError, match="contains the field delimiter"):
        order.body(LOTS)
    cancel = OrderCancelRequest(
        values["cl_ord_id"], "0", values["symbol"], Side.BUY, T, 1, account=values["account"]
    )
    with pytest.raises(ValueError, match="contains the field delimiter"):
        cancel.body(LOTS)


ENTRIES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 10**12), st.integers(0, 10**18)),
    max_size=20,
)


@given(ENTRIES, st.sampled_from([2, 10, 10_000_000, 10**9]), st.integers(0, 9))
def test_market_data_bodies_are_what_python_would_write(
    entries: list[tuple[int, int, int, int]], tick_nanos: int, digits: int
) -> None:
    if any(px * tick_nanos // 2 >= 1 << 63 for _, _, px, _ in entries):
        return
    columns = [np.array(column, np.int64) for column in zip(*entries, strict=True)] or [
        np.empty(0, np.int64)
    ] * 4
    actions, types, px, qty = columns
    snapshot = f"262=R|55=BTC-USD|268={len(entries)}|"
    incremental = f"262=R|268={len(entries)}|"
    for action, kind, price, size in entries:
        rest = f"270={nanos_to_wire(price * tick_nanos // 2).decode()}|"
        rest += f"271={lots_to_wire(size, 10**digits).decode()}|"
        snapshot += f"269={kind}|{rest}"
        incremental += f"279={action}|269={kind}|55=BTC-USD|{rest}"
    lots = 10**digits
    assert (
        build_snapshot("R", "BTC-USD", types, px, qty, tick_nanos, lots).replace(b"\x01", b"|").decode()
        == snapshot
    )
    written = build_incremental("R", "BTC-USD", actions, types, px, qty, tick_nanos, lots)
    assert written.replace(b"\x01", b"|").decode() == incremental


def test_market_data_that_does_not_fit_is_refused() -> None:
    one = np.ones(1, np.int64)
    with pytest.raises(ValueError, match="does not fit 64 bits"):
        build_snapshot("R", "S", one, one * 10**15, one, 10**9, 1)
    with pytest.raises(ValueError, match="is odd"):
        build_snapshot("R", "S", one, one, one, 3, 1)
    with pytest.raises(ValueError, match="1 entries with 2 actions"):
        build_incremental("R", "S", np.ones(2, np.int64), one, one, one, 2, 1)


def test_tags_are_named_as_in_the_specification() -> None:
    assert [name_of(tag) for tag in (11, 264, 268, 112, 847, 5000)] == [
        "ClOrdID(11)", "MarketDepth(264)", "NoMDEntries(268)", "TestReqID(112)", "TargetStrategy(847)",
        "Tag(5000)",
    ]  # fmt: skip


def test_warming_up_takes_every_kernel() -> None:
    warm()
