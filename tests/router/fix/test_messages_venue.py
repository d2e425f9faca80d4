"""Messages about all orders at once, and about what is listed: written, read again, and told when wrong."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.order import Side
from router.fix.codec import Message
from router.fix.messages import (
    FieldError,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    Security,
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
    TradingStatus,
)
from tests.router.fix.test_messages import IDS, INSTRUMENTS, LOTS, MAYBE, TIMES, T, from_text, message

SIDES = st.none() | st.sampled_from(Side)
READ: dict[bytes, Callable[[Message], object]] = {
    b"AF": lambda read: OrderMassStatusRequest.parse(read, INSTRUMENTS),
    b"q": lambda read: OrderMassCancelRequest.parse(read, INSTRUMENTS),
    b"c": SecurityDefinitionRequest.parse,
    b"x": SecurityListRequest.parse,
    b"e": SecurityStatusRequest.parse,
    b"d": lambda read: SecurityDefinition.parse(read, LOTS),
}
SECURITIES = st.builds(
    Security,
    symbol=IDS,
    exchange=IDS,
    tick_nanos=st.integers(1, 10**12),
    lots_per_unit=st.just(LOTS),
    round_lots=st.integers(1, 10**12),
    min_lots=st.integers(1, 10**12),
    max_lots=st.integers(1, 10**15),
    ticks=st.lists(st.tuples(st.integers(0, 10**15), st.integers(1, 10**12)), max_size=3).map(tuple),
    odd_lots=st.integers(0, 10**12),
)


@given(IDS, st.sampled_from(["1", "7", "5"]), MAYBE, SIDES, MAYBE, TIMES)
def test_mass_requests(
    req_id: str, kind: str, symbol: str, side: Side | None, account: str, time_ns: int
) -> None:
    status = OrderMassStatusRequest(req_id, kind, symbol, side, account)
    assert OrderMassStatusRequest.parse(message(b"AF", status.body()), INSTRUMENTS) == status
    cancel = OrderMassCancelRequest(req_id, time_ns, kind, symbol, side)
    assert OrderMassCancelRequest.parse(message(b"q", cancel.body()), INSTRUMENTS) == cancel


@given(
    st.builds(
        OrderMassCancelReport,
        cl_ord_id=IDS,
        order_id=IDS,
        request_type=st.sampled_from(["1", "7"]),
        response=st.sampled_from(["0", "1", "7"]),
        total=st.integers(0, 10**6),
        affected=st.lists(st.tuples(IDS, IDS), max_size=3).map(tuple),
        reject_reason=st.none() | st.integers(0, 99),
        symbol=MAYBE,
        side=SIDES,
        transact_time_ns=st.just(0) | TIMES,
        text=MAYBE,
    )
)
def test_mass_cancel_report(report: OrderMassCancelReport) -> None:
    assert OrderMassCancelReport.parse(message(b"r", report.body())) == report


def test_a_mass_cancel_report_as_wire_text_and_with_more_orders_than_it_lists() -> None:
    report = OrderMassCancelReport("C", "X-1", "7", "7", 2, (("1", "X-3"), ("2", "X-4")), transact_time_ns=T)
    assert report.body() == (
        b"11=C|37=X-1|530=7|531=7|533=2|534=2|41=1|535=X-3|41=2|535=X-4|60=20260105-00:00:00.123|"
    ).replace(b"|", b"\x01")
    many = OrderMassCancelReport("C", "X-1", "7", "7", 1500, tuple((f"{n}", f"X-{n}") for n in range(1500)))
    read = OrderMassCancelReport.parse(message(b"r", many.body()))
    assert (read.total, len(read.affected)) == (1500, 1000)


@given(IDS, st.integers(0, 9), MAYBE, st.integers(0, 2), IDS)
def test_requests_about_instruments(req_id: str, kind: int, symbol: str, subscription: int, of: str) -> None:
    definition = SecurityDefinitionRequest(req_id, kind, symbol)
    assert SecurityDefinitionRequest.parse(message(b"c", definition.body())) == definition
    listing = SecurityListRequest(req_id, kind, symbol)
    assert SecurityListRequest.parse(message(b"x", listing.body())) == listing
    status = SecurityStatusRequest(req_id, of, subscription)
    assert SecurityStatusRequest.parse(message(b"e", status.body())) == status


@given(IDS, IDS, st.lists(SECURITIES, min_size=1, max_size=3), MAYBE)
def test_definitions_and_lists(req_id: str, response: str, securities: list[Security], text: str) -> None:
    first = securities[0]
    definition = SecurityDefinition(req_id, response, 1, first, first.symbol, text)
    assert SecurityDefinition.parse(message(b"d", definition.body()), LOTS) == definition
    refused = SecurityDefinition(req_id, response, 6, None, first.symbol, text)
    assert SecurityDefinition.parse(message(b"d", refused.body()), LOTS) == refused
    listing = SecurityList(req_id, response, 0, tuple(securities))
    assert SecurityList.parse(message(b"y", listing.body()), LOTS) == listing
    nothing = SecurityList(req_id, response, 2)
    assert SecurityList.parse(message(b"y", nothing.body()), LOTS) == nothing


@given(MAYBE, IDS, st.sampled_from(TradingStatus), st.booleans(), MAYBE, TIMES, MAYBE)
def test_status(
    req_id: str, of: str, status: TradingStatus, told: bool, exchange: str, time_ns: int, text: str
) -> None:
    sent = SecurityStatus(req_id or "1", of, status, told, exchange, time_ns, text)
    assert SecurityStatus.parse(message(b"f", sent.body())) == sent


def test_a_status_code_of_later_versions_is_unknown_and_does_not_trade() -> None:
    read = SecurityStatus.parse(from_text(b"f", "324=1|55=BTC-USD|326=26|"))
    assert read.status is TradingStatus.UNKNOWN
    assert [status for status in TradingStatus if status.trades] == [
        TradingStatus.RESUME,
        TradingStatus.READY_TO_TRADE,
    ]


def test_a_definition_as_wire_text() -> None:
    security = Security("BTC-USD", "XLIT1", 10_000_000, LOTS, 1, 1, 10**11)
    assert SecurityDefinition("q", "r", 1, security).body() == (
        b"320=q|322=r|323=1|55=BTC-USD|207=XLIT1|870=2|871=99|872=MinPriceIncrement=0.01|871=99|"
        b"872=MaxTradeVol=1000|561=0.00000001|562=0.00000001|"
    ).replace(b"|", b"\x01")


def test_a_tick_table_and_odd_lots_as_wire_text() -> None:
    steps = ((0, 10_000_000), (10**10, 50_000_000))
    security = Security("BTC-USD", "XLIT1", 10_000_000, LOTS, LOTS, 1, 10**11, steps, 1)
    assert SecurityDefinition("q", "r", 1, security).body() == (
        b"320=q|322=r|323=1|55=BTC-USD|207=XLIT1|870=5|871=99|872=MinPriceIncrement=0.01|871=99|"
        b"872=MaxTradeVol=1000|871=99|872=TickIncrement=0.01 StartTickPriceRange=0|871=99|"
        b"872=TickIncrement=0.05 StartTickPriceRange=10|871=99|872=MinLotSize=0.00000001|"
        b"561=1|562=0.00000001|"
    ).replace(b"|", b"\x01")


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        (b"AF", "585=7|", r"MassStatusReqID\(584\) is missing"),
        (b"AF", "584=1|585=7|54=9|", r"Side\(54\) '9' is not one of"),
        (b"q", "11=1|530=7|", r"TransactTime\(60\) is missing"),
        (b"q", "11=1|60=20260105-00:00:00|", r"MassCancelRequestType\(530\) is missing"),
        (b"c", "320=1|", r"SecurityRequestType\(321\) is missing"),
        (b"c", "320=1|321=x|", r"SecurityRequestType\(321\) 'x' is not an integer"),
        (b"x", "559=4|", r"SecurityReqID\(320\) is missing"),
        (b"e", "324=1|55=A|263=3|", r"SubscriptionRequestType\(263\) '3' is not one of 0, 1, 2"),
        (b"d", "320=1|322=1|323=1|55=A|561=1|562=1|", r"InstrAttribValue\(872\) lacks MinPriceIncrement"),
        (b"d", "320=1|322=1|323=1|55=A|562=1|872=MinPriceIncrement=1|", r"RoundLot\(561\) is missing"),
        (b"d", "320=1|322=1|323=1|55=A|561=1|562=1|872=MinPriceIncrement=x|", "is not a decimal number"),
        (
            b"d",
            "320=1|322=1|323=1|55=A|561=1|562=1|872=MinPriceIncrement=1|872=MaxTradeVol=1|872=TickIncrement=1|",
            "is not a decimal number",
        ),
    ],
)
def test_what_is_wrong_is_named(kind: bytes, text: str, rule: str) -> None:
    with pytest.raises(FieldError, match=rule):
        READ[kind](from_text(kind, text))
