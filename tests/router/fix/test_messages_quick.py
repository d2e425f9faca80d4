"""The quick ways of reading orders and writing reports say what the careful ways say, or leave it to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.instrument import Instrument
from risk.order import OrdType, Party, Side, TimeInForce
from router.fix.messages import ExecType, ExecutionReport, NewOrderSingle, OrdStatus
from router.fix.messages.common import common_body
from router.fix.messages.fields import FieldError
from router.fix.messages.plain import plain_order
from router.fix.messages.statuses import LastLiquidity
from router.fix.versions import FIX42, FIX44, FIX50SP2
from tests.router.fix.test_messages import INSTRUMENTS, LOTS, from_text

ORDER = (
    "11=SL1-7|1=ACC|21=1|55=BTC-USD|54=1|60=20260105-00:00:00.123|38=1.5|40=2|44=6543.21|59=0|18=6|100=XLIT1|"
)
FEW = Instrument("FEW", 10_000_000, 100, 1, 1, 10**12, "USD")
TWO = {**INSTRUMENTS, "FEW": FEW}
WIRE = st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=12)
VERSIONS = st.sampled_from([FIX42, FIX44, FIX50SP2])


def either(read: Any) -> Any:
    """What it gives, or why it does not."""
    try:
        return read()
    except FieldError as error:
        return str(error)


class TestOrder:
    def test_a_usual_order_is_read_quickly(self) -> None:
        found = from_text(b"D", ORDER)
        quick = plain_order(found, INSTRUMENTS, FIX44)
        assert quick is not None
        assert NewOrderSingle(*quick) == NewOrderSingle._any_order(found, INSTRUMENTS, FIX44)

    @pytest.mark.parametrize(
        "more", ["110=1|", "111=0|", "453=1|448=A|447=D|452=1|", "528=A|", "114=N|", "847=1001|"]
    )
    def test_an_order_that_says_more_is_left_to_the_careful_way(self, more: str) -> None:
        found = from_text(b"D", ORDER + more)
        assert plain_order(found, INSTRUMENTS, FIX44) is None
        assert NewOrderSingle.parse(found, INSTRUMENTS).cl_ord_id == "SL1-7"

    @given(st.data())
    def test_whatever_it_says_both_ways_read_it_alike(self, data: st.DataObject) -> None:
        said = dict(field.split("=", 1) for field in ORDER.split("|")[:-1])
        tags = st.sampled_from(list(said))
        said["55"] = data.draw(st.sampled_from(["BTC-USD", "FEW", "NONE"]))
        said["38"] = data.draw(st.sampled_from(["1.5", "1", "0", "-1", "0.001", "0.000000001", "1e3"]))
        said["44"] = data.draw(
            st.sampled_from(["6543.21", "0", "-1", "0.0000000001", "99999999999999999999"])
        )
        said["40"] = data.draw(st.sampled_from("12PZ"))
        said |= data.draw(st.dictionaries(tags, WIRE, max_size=1))
        gone = data.draw(st.sets(tags, max_size=2))
        version = data.draw(VERSIONS)
        body = "".join(f"{tag}={value}\x01" for tag, value in said.items() if tag not in gone)
        found = from_text(b"D", body)
        careful = either(lambda: NewOrderSingle._any_order(found, TWO, version))
        assert either(lambda: NewOrderSingle.parse(found, TWO, version)) == careful

    def test_instruments_of_different_lots_do_not_mix(self) -> None:
        for symbol, quantity, lots in (
            ("FEW", "1.5", 150), ("BTC-USD", "1.5", 150_000_000), ("FEW", "1.5", 150),
        ):  # fmt: skip
            found = from_text(b"D", ORDER.replace("BTC-USD", symbol).replace("38=1.5", f"38={quantity}"))
            assert NewOrderSingle.parse(found, TWO).qty_lots == lots


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=8)
NANOS = st.integers(0, 10**15)
REPORTS = st.builds(
    ExecutionReport,
    order_id=NAMES.filter(bool),
    exec_id=NAMES.filter(bool),
    exec_type=st.sampled_from([kind for kind in ExecType if kind]),
    ord_status=st.sampled_from([status for status in OrdStatus if status]),
    symbol=st.just("BTC-USD"),
    side=st.sampled_from(Side),
    leaves_lots=NANOS,
    cum_lots=NANOS,
    avg_px_nanos=NANOS,
    cl_ord_id=NAMES,
    orig_cl_ord_id=NAMES,
    account=NAMES,
    qty_lots=NANOS,
    ord_type=st.none() | st.sampled_from(OrdType),
    price_nanos=st.none() | NANOS,
    tif=st.none() | st.sampled_from(TimeInForce),
    last_qty_lots=NANOS,
    last_px_nanos=NANOS,
    last_mkt=NAMES,
    transact_time_ns=st.sampled_from([0, 1_767_571_200_123_000_000]),
    last_liquidity=st.none() | st.sampled_from(LastLiquidity),
    ord_rej_reason=st.sampled_from([None, None, 99]),
    commission_nanos=st.integers(-(10**9), 10**9),
    text=st.sampled_from(["", "", "why"]),
    min_qty_lots=st.sampled_from([0, 0, 5]),
    parties=st.sampled_from([(), (), (Party("FIRM"),)]),
    copy=st.sampled_from([False, False, True]),
    exec_ref_id=st.sampled_from(["", "", "E0"]),
    ord_status_req_id=st.sampled_from(["", "", "Q1"]),
    mass_status_req_id=st.sampled_from(["", "", "M1"]),
    tot_reports=st.sampled_from([None, None, 3]),
    last_of_mass=st.sampled_from([False, False, True]),
    restatement_reason=st.sampled_from([None, None, 5]),
    price_improvement_nanos=st.sampled_from([0, 0, 7]),
    order_capacity=st.sampled_from(["", "", "A"]),
    oddities=st.just(()),
)


class TestReport:
    @given(REPORTS, VERSIONS)
    def test_both_ways_write_the_same_bytes(self, report: ExecutionReport, version: Any) -> None:
        careful = report._any_body(LOTS, version)
        assert report.body(LOTS, version) == careful
        quick = common_body(report, LOTS, version)
        assert quick is None or quick == careful

    def test_a_usual_report_is_written_quickly(self) -> None:
        report = ExecutionReport(
            "O1", "E1", ExecType.TRADE, OrdStatus.FILLED, "BTC-USD", Side.BUY, 0, LOTS, 10**9,
            cl_ord_id="C1", last_qty_lots=LOTS, last_px_nanos=10**9,
        )  # fmt: skip
        assert common_body(report, LOTS, FIX44) == report._any_body(LOTS, FIX44)
        assert common_body(report, LOTS, FIX42) is None
        assert common_body(report._replace(text="why"), LOTS, FIX44) is None

    @pytest.mark.parametrize("field", ["order_id", "cl_ord_id", "account", "last_mkt"])
    def test_a_value_that_breaks_out_of_its_field_is_refused(self, field: str) -> None:
        report = ExecutionReport(
            "O1", "E1", ExecType.NEW, OrdStatus.NEW, "BTC-USD", Side.BUY, LOTS, 0, 0
        )._replace(**{field: "x\x0139=8"})
        with pytest.raises(ValueError, match="contains the field delimiter"):
            report.body(LOTS)
