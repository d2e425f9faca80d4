"""Each message in each version: what it says is read again, and all that is written is in the dictionary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.order import OrdType, Party, Side, TimeInForce
from router.fix.codec import Message
from router.fix.messages import (
    BusinessMessageReject,
    CxlRejResponseTo,
    ExecType,
    ExecutionReport,
    FieldError,
    LastLiquidity,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelReport,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    OrdStatus,
)
from router.fix.messages.parties import CLEARING_FIRM, CLIENT_ID, EXECUTING_FIRM
from router.fix.messages.strategies import StrategyParameter
from router.fix.versions import FIX42, FIX44, FIX50SP2, VERSIONS, Version
from tests.router.fix.dictionary_of import dictionary_of, needs_shared
from tests.router.fix.test_messages import IDS, INSTRUMENTS, LOTS, MAYBE, NANOS, QTY, TIMES, T, message

EVERY = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
KINDS = [one for one in ExecType if one]
STATUSES = [one for one in OrdStatus if one not in (OrdStatus.UNKNOWN, OrdStatus.REPLACED)]
PARTIES = (Party("FIRM"), Party("WHO", CLIENT_ID), Party("CLEARS", CLEARING_FIRM), Party("TRADER", 12, "C"))
ORDER = NewOrderSingle(
    "SL1", "BTC-USD", Side.SELL_SHORT, T, 150_000_000, OrdType.LIMIT, 6_543_210_000_000, TimeInForce.DAY,
    "ACC", "M", "XLIT1", T, T + 10**9, 1001, True, 1_000, 0, 100_000_000,
    (StrategyParameter("urgency", "3", 1), StrategyParameter("pov", "0.1", 6)), PARTIES, "A", False,
)  # fmt: skip
REPLACE = OrderCancelReplaceRequest(
    "SL2", "SL1", "BTC-USD", Side.SELL_SHORT, T, 150_000_000, OrdType.LIMIT, 6_543_210_000_000,
    TimeInForce.GTC, "X-1", "ACC", "M", T, T + 10**9, 1001, False, 1_000, 50, 100_000_000,
    (StrategyParameter("urgency", "3", 1),), PARTIES, "P", True,
)  # fmt: skip
REPORT = ExecutionReport(
    "X-1", "E-1", ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, "BTC-USD", Side.SELL, 50_000_000, LOTS,
    6_543_210_000_000, "SL1", "SL0", "ACC", 150_000_000, OrdType.LIMIT, 6_543_210_000_000, TimeInForce.IOC,
    LOTS, 6_543_210_000_000, "XLIT1", T, LastLiquidity.REMOVED, None, -5_000_000, "text", "E-0", "Q-1", "M-1",
    7, True, None, 5_000, 1_000, True, PARTIES, "A",
)  # fmt: skip


def without(version: Version, said: Any) -> Any:
    """What is left of a message when a version has said it."""
    fields: dict[str, Any] = {}
    if not version.parties:
        kept = {EXECUTING_FIRM, CLIENT_ID, CLEARING_FIRM}
        fields["parties"] = tuple(Party(one.party_id, one.role) for one in PARTIES if one.role in kept)
    if not version.strategy_group and hasattr(said, "strategy_parameters"):
        fields["strategy_parameters"] = ()
    if isinstance(said, ExecutionReport):
        if not version.parties:
            fields["copy"] = False
        if not version.last_liquidity:
            fields |= {"last_liquidity": None, "price_improvement_nanos": 0}
        if not version.mass:
            fields |= {"mass_status_req_id": "", "tot_reports": None, "last_of_mass": False}
        if not version.status_req_id:
            fields["ord_status_req_id"] = ""
        return said._replace(**fields)
    return replace(said, **fields)


@EVERY
@pytest.mark.parametrize("capacity", ["", "A", "P", "I", "W"])
def test_orders(version: Version, capacity: str) -> None:
    for said in (replace(ORDER, order_capacity=capacity), replace(REPLACE, order_capacity=capacity)):
        read = type(said).parse(message(said.MSG_TYPE, said.body(LOTS, version)), INSTRUMENTS, version)
        assert read == without(version, said)


@EVERY
def test_a_capacity_that_rule_80a_has_no_letter_for_is_not_said_in_4_2(version: Version) -> None:
    said = replace(ORDER, order_capacity="G")
    read = NewOrderSingle.parse(message(b"D", said.body(LOTS, version)), INSTRUMENTS, version)
    assert read.order_capacity == ("G" if version.parties else "")


def test_in_4_2_the_strategy_goes_by_user_defined_tags_and_is_read_by_either() -> None:
    body = ORDER.body(LOTS, FIX42)
    assert b"\x019847=1001\x019848=complete=must\x019849=0.1\x01" in body
    by_44 = body.replace(b"\x01984", b"\x0184")
    assert b"\x01847=1001\x01" in by_44
    for wire in (body, by_44):
        read = NewOrderSingle.parse(message(b"D", wire), INSTRUMENTS, FIX42)
        assert (read.target_strategy, read.must_complete, read.participation_nanos) == (1001, True, 10**8)


def test_whose_order_it_is_in_4_2() -> None:
    body = ORDER.body(LOTS, FIX42)
    assert b"\x0176=FIRM\x01109=WHO\x01439=CLEARS\x0147=A\x01114=N\x01" in body
    cancel = OrderCancelRequest("2", "1", "BTC-USD", Side.BUY, T, 1, parties=PARTIES)
    assert cancel.body(LOTS, FIX42).endswith(b"\x0176=FIRM\x01109=WHO\x01")


@EVERY
def test_an_execution_report(version: Version) -> None:
    read = ExecutionReport.parse(message(b"8", REPORT.body(LOTS, version)), INSTRUMENTS, version)
    assert read == without(version, REPORT)


@EVERY
@given(
    kind=st.sampled_from(KINDS),
    status=st.sampled_from(STATUSES),
    ids=st.tuples(IDS, IDS, MAYBE),
    qty=QTY,
    price=NANOS,
    time_ns=TIMES,
)
def test_every_exec_type(
    version: Version, kind: ExecType, status: OrdStatus, ids: tuple[str, str, str], qty: int, price: int,
    time_ns: int,
) -> None:  # fmt: skip
    said = ExecutionReport(
        ids[0], ids[1], kind, status, "BTC-USD", Side.BUY, 0, qty, price, ids[2], last_qty_lots=qty,
        last_px_nanos=price, transact_time_ns=time_ns,
    )  # fmt: skip
    assert ExecutionReport.parse(message(b"8", said.body(LOTS, version)), INSTRUMENTS, version) == said


def kind_of(report: ExecutionReport) -> str:
    """20, 150 and 39 as FIX 4.2 has them."""
    fields = dict(field.split(b"=", 1) for field in report.body(LOTS, FIX42).split(b"\x01")[:-1])
    return "|".join(f"{tag}={fields[tag.encode()].decode()}" for tag in ("20", "150", "39"))


def test_fills_busts_corrects_and_statuses_in_4_2() -> None:
    assert kind_of(REPORT) == "20=0|150=1|39=1"
    assert kind_of(REPORT._replace(ord_status=OrdStatus.FILLED)) == "20=0|150=2|39=2"
    assert kind_of(REPORT._replace(exec_type=ExecType.TRADE_CANCEL)) == "20=1|150=1|39=1"
    assert kind_of(REPORT._replace(exec_type=ExecType.TRADE_CORRECT)) == "20=2|150=1|39=1"
    assert kind_of(REPORT._replace(exec_type=ExecType.ORDER_STATUS)) == "20=3|150=1|39=1"
    replaced = REPORT._replace(exec_type=ExecType.REPLACED, ord_status=OrdStatus.NEW)
    assert kind_of(replaced) == "20=0|150=5|39=5"
    read = ExecutionReport.parse(message(b"8", replaced.body(LOTS, FIX42)), INSTRUMENTS, FIX42)
    assert read.ord_status is OrdStatus.NEW
    assert kind_of(REPORT._replace(exec_type=ExecType.PENDING_REPLACE)) == "20=0|150=E|39=1"


def test_the_requests_of_4_2_have_no_number_of_their_own() -> None:
    status = OrderStatusRequest("1", "BTC-USD", Side.BUY, "X-1", "Q", "ACC", PARTIES)
    read = OrderStatusRequest.parse(message(b"H", status.body(FIX42)), INSTRUMENTS, FIX42)
    assert (read.ord_status_req_id, read.order_id) == ("", "X-1")
    for version in (FIX44, FIX50SP2):
        assert OrderStatusRequest.parse(message(b"H", status.body(version)), INSTRUMENTS, version) == status


@EVERY
@pytest.mark.parametrize(
    ("reason", "said"),
    [(0, (0, 0, 0)), (3, (3, 3, 3)), (6, (2, 6, 6)), (8, (2, 99, 8)), (99, (2, 99, 99))],
)
def test_a_reason_that_a_version_lacks_is_another(
    version: Version, reason: int, said: tuple[int, int, int]
) -> None:
    refused = OrderCancelReject("2", "1", OrdStatus.FILLED, CxlRejResponseTo.CANCEL, "X-1", reason)
    read = OrderCancelReject.parse(message(b"9", refused.body(version)), version)
    assert read.cxl_rej_reason == dict(zip(VERSIONS.values(), said, strict=True))[version]


@pytest.mark.parametrize(
    ("version", "said"), [(FIX42, (0, 4, 0)), (FIX44, (99, 99, 7)), (FIX50SP2, (18, 14, 7))]
)
def test_other_reasons(version: Version, said: tuple[int, int, int]) -> None:
    report = REPORT._replace(exec_type=ExecType.RESTATED, restatement_reason=14, ord_rej_reason=18)
    read = ExecutionReport.parse(message(b"8", report.body(LOTS, version)), INSTRUMENTS, version)
    business = BusinessMessageReject(1, "D", 7)
    reason = BusinessMessageReject.parse(message(b"j", business.body(version)), version).reason
    assert (read.ord_rej_reason, read.restatement_reason, reason) == said


MASS = (
    OrderMassStatusRequest("M-1"),
    OrderMassCancelRequest("C-1", T),
    OrderMassCancelReport("C-1", "X-9", "7", "7", 2, (("1", "X-3"), ("2", "X-4")), transact_time_ns=T),
)


def test_what_4_2_does_not_have_is_not_written() -> None:
    for one in MASS:
        with pytest.raises(ValueError, match=r"FIX\.4\.2 has no OrderMass"):
            one.body(FIX42)


def test_a_mass_cancel_report_of_5_0_sp2() -> None:
    report = MASS[2]
    assert isinstance(report, OrderMassCancelReport)
    body = report.body(FIX50SP2)
    assert b"|37=X-9|1369=X-9|530=7|" in body.replace(b"\x01", b"|")
    assert b"|534=2|1824=1|535=X-3|1824=2|535=X-4|" in body.replace(b"\x01", b"|")
    assert OrderMassCancelReport.parse(message(b"r", body), FIX50SP2) == report


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("453=2|448=A|447=D|452=1|", "NoPartyIDs(453) '2' does not agree with 1 PartyID(448)"),
        ("453=x|448=A|", "NoPartyIDs(453) 'x' is not an integer"),
        ("453=1|448=A|452=x|", "PartyRole(452) 'x' is not an integer"),
        ("528=Z|", "OrderCapacity(528) 'Z' is not one of A, G, I, P, R, W"),
        ("114=X|", "LocateReqd(114) 'X' is not one of Y, N"),
        ("957=2|958=a|959=1|960=b|", "NoStrategyParameters(957) '2' does not agree with 1"),
        ("957=1|958=a|959=x|960=b|", "StrategyParameterType(959) 'x' is not an integer"),
    ],
)
def test_wrong_groups_are_named(fields: str, text: str) -> None:
    body = replace(ORDER, strategy_parameters=(), parties=(), order_capacity="", locate_reqd=None).body(LOTS)
    with pytest.raises(FieldError) as raised:
        NewOrderSingle.parse(
            message(b"D", body + fields.replace("|", "\x01").encode()), INSTRUMENTS, FIX50SP2
        )
    assert str(raised.value).startswith(text)


def written(version: Version) -> list[Message]:
    """Every message that a version has, with all fields."""
    cancel = OrderCancelRequest("2", "1", "BTC-USD", Side.BUY, T, 1, "X", "A", PARTIES)
    said: list[tuple[bytes, bytes]] = [
        (b"D", ORDER.body(LOTS, version)),
        (b"G", REPLACE.body(LOTS, version)),
        (b"F", cancel.body(LOTS, version)),
        (b"H", OrderStatusRequest("1", "BTC-USD", Side.BUY, "X", "Q", "A", PARTIES).body(version)),
        (b"j", BusinessMessageReject(1, "D", 7, "1", "text").body(version)),
    ]  # fmt: skip
    for kind in KINDS:
        for status in STATUSES:
            report = REPORT._replace(exec_type=kind, ord_status=status)
            said.append((b"8", report.body(LOTS, version)))
    for reason in (*range(10), 99):
        refused = OrderCancelReject(
            "2", "1", OrdStatus.NEW, CxlRejResponseTo.REPLACE, "X", reason, "A", T, "t"
        )
        restated = REPORT._replace(ord_rej_reason=reason, restatement_reason=reason)
        said += [(b"9", refused.body(version)), (b"8", restated.body(LOTS, version))]
    if version.mass:
        said += [(one.MSG_TYPE, one.body(version)) for one in MASS]
    return [message(kind, body) for kind, body in said]


@needs_shared
@EVERY
def test_what_is_written_is_what_the_dictionary_has(version: Version) -> None:
    dictionary = dictionary_of(version)
    # User-defined tags, and strategies by agreement: 847 is 1000 and above (FIX 4.4 volume 6).
    agreed = {f"35={kind}: {tag} does not belong" for kind in "DG" for tag in (9847, 9848, 9849)}
    agreed |= {f"35={kind}: 847=1001 is not one of ['1', '2', '3']" for kind in "DG"}
    for one in written(version):
        assert {*dictionary.faults(one)} - agreed == set(), one


@needs_shared
def test_the_check_itself_finds_faults() -> None:
    order = ORDER.body(LOTS, FIX44)
    assert dictionary_of(FIX42).faults(message(b"D", order)) != []
    no_handl_inst = replace(ORDER).body(LOTS, FIX42).replace(b"\x0121=1", b"")
    assert "35=D: 21 is missing" in dictionary_of(FIX42).faults(message(b"D", no_handl_inst))
    swapped = order.replace(b"447=D\x01452=1", b"452=1\x01447=D")
    assert any("not in the order of" in one for one in dictionary_of(FIX44).faults(message(b"D", swapped)))
    one_more = order.replace(b"453=4", b"453=5")
    assert "35=D: 453=5, but 4 of 448" in dictionary_of(FIX44).faults(message(b"D", one_more))
