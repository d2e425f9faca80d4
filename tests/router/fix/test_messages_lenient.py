"""An ExecutionReport is read by what it takes to apply it; what else is odd is told, and loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.instrument import Instrument
from risk.order import Side
from router.fix.messages import ExecType, ExecutionReport, FieldError, OrdStatus
from router.fix.messages.common import common
from router.fix.messages.lenient import leniently
from router.fix.versions import FIX42, FIX44, FIX50SP2, Version
from tests.router.fix.test_messages import INSTRUMENTS, LOTS, from_text

FILL = (
    "37=X-1|11=SL1|17=E-1|150=F|39=1|1=ACC|55=BTC-USD|54=1|38=1.5|40=2|44=6543.21|59=0|32=1|31=6543.21|"
    "30=XLIT1|151=0.5|14=1|6=6543.21|60=20260105-00:00:00.123|12=-0.005|13=3|851=2|"
)
NEEDED = {"37", "17", "150", "55", "54", "32", "31"}


def read(text: str, version: Version = FIX44) -> ExecutionReport:
    return ExecutionReport.parse(from_text(b"8", text), INSTRUMENTS, version)


@pytest.mark.parametrize(
    ("old", "new", "oddity"),
    [
        ("39=1|", "39=Z|", "OrdStatus(39) 'Z' is not one of"),
        ("39=1|", "", "OrdStatus(39) is missing"),
        ("40=2|", "40=22|", "OrdType(40) '22' is not one of"),
        ("59=0|", "59=J|", "TimeInForce(59) 'J' is not one of"),
        ("851=2|", "851=7|", "LastLiquidityInd(851) '7' is not one of"),
        ("38=1.5|", "38=many|", "OrderQty(38) 'many' is not a decimal number"),
        ("14=1|", "14=-1|", "CumQty(14) '-1' is below zero"),
        ("14=1|", "", "CumQty(14) is missing"),
        ("151=0.5|", "", "LeavesQty(151) is missing"),
        ("151=0.5|", "151=0.000000001|", "LeavesQty(151) '0.000000001' has more than 8 decimals"),
        ("6=6543.21|", "6=1e3|", "AvgPx(6) '1e3' is not a decimal number"),
        ("44=6543.21|", "44=x|", "Price(44) 'x' is not a decimal number"),
        ("60=20260105-00:00:00.123|", "60=now|", "TransactTime(60) 'now' is not a UTC timestamp"),
        ("12=-0.005|", "12=free|", "Commission(12) 'free' is not a decimal number"),
        ("13=3|", "13=2|", "CommType(13) '2' is not 1 or 3: Commission(12) is not counted"),
        ("851=2|", "453=2|448=A|447=D|452=1|", "NoPartyIDs(453) '2' does not agree with"),
        ("851=2|", "528=Z|", "OrderCapacity(528) 'Z' is not one of"),
        ("851=2|", "9730=R|", "Tag(9730) is no tag of FIX.4.4"),
        ("851=2|", "1057=Y|", "Tag(1057) is no tag of FIX.4.4"),
        ("851=2|", "103=x|", "OrdRejReason(103) 'x' is not an integer"),
        ("851=2|", "911=x|", "TotNumReports(911) 'x' is not an integer"),
    ],
)
def test_an_oddity_does_not_lose_a_fill(old: str, new: str, oddity: str) -> None:
    assert old in FILL
    report = read(FILL.replace(old, new))
    assert len(report.oddities) == 1
    assert report.oddities[0].startswith(oddity)
    assert (report.exec_type, report.last_qty_lots, report.last_px_nanos) == (
        ExecType.TRADE, LOTS, 6_543_210_000_000,
    )  # fmt: skip
    assert (report.cl_ord_id, report.exec_id, report.side) == ("SL1", "E-1", Side.BUY)


def test_nothing_is_odd_about_a_fill_as_it_should_be() -> None:
    assert read(FILL).oddities == ()
    assert read(FILL + "58=text|41=0|198=S|5=x|").oddities == ()
    assert read(FILL + "1057=Y|", FIX50SP2).oddities == ()
    assert read(FILL.replace("150=F", "20=0|150=1").replace("851=2|", ""), FIX42).oddities == ()


def test_a_commission_for_each_unit() -> None:
    report = read(FILL.replace("13=3", "13=1").replace("32=1|", "32=2|"))
    assert (report.commission_nanos, report.oddities) == (-10_000_000, ())


@pytest.mark.parametrize("old", ["17=E-1|", "55=BTC-USD|", "54=1|", "32=1|", "31=6543.21|"])
def test_without_what_it_takes_a_fill_is_refused(old: str) -> None:
    assert old in FILL
    with pytest.raises(FieldError, match="is missing"):
        read(FILL.replace(old, ""))


def test_one_of_the_names_of_the_order_is_enough() -> None:
    assert read(FILL.replace("11=SL1|", "")).order_id == "X-1"
    assert read(FILL.replace("37=X-1|", "")).cl_ord_id == "SL1"
    with pytest.raises(FieldError, match=r"OrderID\(37\) is missing"):
        read(FILL.replace("11=SL1|", "").replace("37=X-1|", ""))


@pytest.mark.parametrize(
    ("old", "new", "version"),
    [
        ("150=F|", "150=Z|", FIX44),
        ("150=F|", "", FIX44),
        ("150=F|", "20=0|150=F|", FIX42),
        ("150=F|", "150=1|", FIX42),
        ("150=F|", "20=9|150=1|", FIX42),
    ],
)
def test_a_kind_that_is_not_known_is_left_to_who_knows_the_order(
    old: str, new: str, version: Version
) -> None:
    report = read(FILL.replace(old, new).replace("851=2|", ""), version)
    assert report.exec_type is ExecType.UNKNOWN
    assert (report.last_qty_lots, report.cum_lots) == (LOTS, LOTS)
    assert report.oddities[0].startswith("Exec")
    with pytest.raises(ValueError, match="is nothing that can be written"):
        report.body(LOTS)


WIRE = st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=12)
OPTIONAL = sorted({field.split("=")[0] for field in FILL.split("|")[:-1]} - NEEDED, key=int)


@given(st.dictionaries(st.sampled_from(OPTIONAL), WIRE), st.lists(st.tuples(st.integers(1, 60_000), WIRE)))
def test_whatever_the_rest_of_it_says_a_fill_is_read(
    garbled: dict[str, str], added: list[tuple[int, str]]
) -> None:
    fields = [field.split("=", 1) for field in FILL.split("|")[:-1]]
    own = {int(tag) for tag, _ in fields} | {8, 9, 10, 20, 34, 35, 90, 93, 95, 96, 212, 213}
    lengths = {348, 349, 350, 351, 352, 353, 354, 355, 356, 357, 358, 359, 360, 361, 362, 363, 364, 365}
    lengths |= {445, 446, 618, 619, 621, 622}
    body = "".join(f"{tag}={garbled.get(tag, value)}\x01" for tag, value in fields)
    body += "".join(f"{tag}={value}\x01" for tag, value in added if tag not in own | lengths)
    found = from_text(b"8", body.encode("latin-1").decode("latin-1"))
    report = ExecutionReport.parse(found, INSTRUMENTS)
    assert (report.exec_type, report.last_qty_lots, report.last_px_nanos, report.exec_id) == (
        ExecType.TRADE, LOTS, 6_543_210_000_000, "E-1",
    )  # fmt: skip


@given(st.data())
def test_the_common_way_reads_what_the_lenient_way_reads(data: st.DataObject) -> None:
    """Where the common way answers, both answer alike; and it does answer for what venues mostly say."""
    few = Instrument("FEW", 10_000_000, 100, 1, 1, 10**12, "USD")
    instruments = {**INSTRUMENTS, "FEW": few}
    fields = [field.split("=", 1) for field in FILL.split("|")[:-1]]
    odd = data.draw(st.dictionaries(st.sampled_from([tag for tag, _ in fields]), WIRE, max_size=2))
    gone = data.draw(st.sets(st.sampled_from([tag for tag, _ in fields]), max_size=4))
    said = {**dict(fields), "55": data.draw(st.sampled_from(["BTC-USD", "FEW"])), **odd}
    version = data.draw(st.sampled_from([FIX42, FIX44, FIX50SP2]))
    if version is FIX42:
        said |= {"20": data.draw(st.sampled_from("01239")), "150": data.draw(st.sampled_from("0124F"))}
    body = "".join(f"{tag}={value}\x01" for tag, value in said.items() if tag not in gone)
    found = from_text(b"8", body)
    quick = common(found, instruments, version)
    if quick is not None:
        assert quick == leniently(found, instruments, version)
    assert quick is not None or odd or gone or version is FIX42
    assert ExecutionReport.parse(from_text(b"8", FILL), INSTRUMENTS).ord_status is OrdStatus.PARTIALLY_FILLED
