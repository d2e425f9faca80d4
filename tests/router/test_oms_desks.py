"""Several desks at once, each in its FIX version: names, parties, short sides, mass requests, copies."""

from __future__ import annotations

from typing import Any

import pytest

from risk.order import OrdType, Party, Side
from router.actions import JOIN, NULL, encode
from router.fix.dictionary import Validation, load
from router.fix.messages import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderMassCancelReport,
    OrdStatus,
    StrategyParameter,
)
from router.oms import lives
from router.parent import ParentState
from tests.router.desks import DESKS, Desks
from tests.router.rig import BID, BTC, LIT1, SECOND, SYMBOL

TENTH = encode(10, JOIN, 1)
FIRM = Party("CLIENT7", 3)


def soh(body: str) -> bytes:
    return body.replace("|", "\x01").encode()


def child_of(rig: Desks, desk: str, **terms: Any) -> None:
    rig.want = TENTH
    rig.order(desk, **terms)
    rig.ack(rig.orders(LIT1)[-1], LIT1)
    rig.want = NULL


# Names.


def test_desks_may_use_the_same_names_and_never_meet() -> None:
    rig = Desks()
    child_of(rig, "DESK1")
    child_of(rig, "DESK3", lots=5 * BTC)
    one, three = rig.core.parents.values()
    rig.replace(desk="DESK3", lots=6 * BTC)
    rig.cancel("DESK1", "D1")
    assert (one.state, one.parent.qty_lots) == (ParentState.CANCELING, 10 * BTC)
    assert (three.state, three.parent.cl_ord_id, three.parent.qty_lots) == (
        ParentState.ACTIVE, "R1", 6 * BTC,
    )  # fmt: skip
    first, second = rig.orders(LIT1)
    rig.fill(second, LIT1, 7)
    assert rig.reports_to("DESK3")[-1].last_qty_lots == 7
    assert all(report.last_qty_lots == 0 for report in rig.reports_to("DESK1"))
    rig.canceled(first, LIT1)
    assert rig.reports_to("DESK1")[-1].exec_type is ExecType.CANCELED
    rig.cancel("DESK2", "D1")
    assert rig.refusals("DESK2")[-1].cxl_rej_reason == 1


def test_an_order_that_may_come_again_is_answered_by_its_status_if_it_is_here() -> None:
    rig = Desks()
    child_of(rig, "DESK1")
    rig.fill(rig.orders(LIT1)[0], LIT1, 5)
    body = f"11=D1|1=ACCT1|55={SYMBOL}|54=1|60=20180713-20:47:11|38=10|40=1|"
    rig.say(rig.desk, b"D", soh(body))
    assert rig.reports()[-1].ord_rej_reason == 6
    rig.say(rig.desk, b"D", soh(f"{body}97=Y|"))
    status = rig.reports()[-1]
    assert (status.exec_type, status.cl_ord_id, status.cum_lots) == (ExecType.ORDER_STATUS, "D1", 5)
    rig.say(rig.desk, b"D", soh(f"97=Y|11=D2|{body[6:]}"))
    assert rig.reports()[-1].exec_type is ExecType.REJECTED  # it is not here: judged as any other


# Versions.


def test_a_desk_in_fix_42_is_told_in_fix_42() -> None:
    rig = Desks()
    child_of(rig, "DESK2")
    order = rig.orders(LIT1)[0]
    rig.fill(order, LIT1, 10)
    new, fill = rig.said("DESK2")
    assert (new.get(20), new.get(150), new.get(39)) == (b"0", b"0", b"0")
    assert (fill.get(20), fill.get(150), fill.get(39)) == (b"0", b"1", b"1")
    assert fill.get(851) is None
    rig.replace(desk="DESK2", lots=11 * BTC)
    replaced = rig.said("DESK2")[-1]
    assert (replaced.get(20), replaced.get(150), replaced.get(11), replaced.get(41)) == (
        b"0", b"5", b"R1", b"D1",
    )  # fmt: skip
    rig.say(rig.of("DESK2"), b"H", soh(f"11=R1|55={SYMBOL}|54=1|"))
    status = rig.said("DESK2")[-1]
    assert (status.get(20), status.get(150), status.get(39)) == (b"3", b"1", b"1")
    rig.replace("R1", "R2", desk="DESK2", lots=21 * BTC)
    assert rig.said("DESK2")[-1].get(102) == b"2"


@pytest.mark.parametrize(("desk", "terms", "code"), [
    ("DESK1", {"lots": 21 * BTC}, b"3"),
    ("DESK2", {"lots": 21 * BTC}, b"3"),
    ("DESK3", {"lots": 21 * BTC}, b"26"),
    ("DESK1", {"target_strategy": 7}, b"11"),
    ("DESK2", {"target_strategy": 7}, b"0"),
    ("DESK1", {"limit_nanos": 1}, b"99"),
    ("DESK2", {"limit_nanos": 1}, b"0"),
    ("DESK3", {"limit_nanos": 1}, b"18"),
    ("DESK1", {"side": Side.SELL_SHORT}, b"11"),
    ("DESK2", {"side": Side.SELL_SHORT}, b"0"),
    ("DESK3", {"side": Side.SELL_SHORT}, b"22"),
])  # fmt: skip
def test_a_parent_is_refused_by_a_code_that_its_version_has(
    desk: str, terms: dict[str, Any], code: bytes
) -> None:
    rig = Desks()
    rig.order(desk, **terms)
    refused = rig.said(desk)[-1]
    assert (refused.get(150), refused.get(39), refused.get(103)) == (b"8", b"8", code)


@pytest.mark.parametrize(("desk", "code"), [("DESK1", b"99"), ("DESK2", b"0"), ("DESK3", b"21")])
def test_a_latch_refuses_by_the_code_of_the_version(desk: str, code: bytes) -> None:
    rig = Desks()
    rig.operator(1, "suspend")
    rig.order(desk)
    assert rig.said(desk)[-1].get(103) == code


def test_what_fix_42_does_not_have_is_refused_by_its_name() -> None:
    rig = Desks()
    for msg_type in (b"q", b"AF"):
        rig.say(rig.of("DESK2"), msg_type, soh("11=K1|530=7|584=K1|585=7|60=20180713-20:47:11|"))
        reject = rig.said("DESK2")[-1]
        assert (reject.msg_type, reject.get(372), reject.get(380)) == (b"j", msg_type, b"3")
        assert b"FIX.4.2 has no MsgType(35) " + msg_type in (reject.get(58) or b"")


def revised(rig: Desks, order: NewOrderSingle, kind: ExecType, ref: str, cum: int, **more: Any) -> str:
    """The venue busts or corrects the only fill of an order; the ExecID by which it says so."""
    rig.execs += 1
    report = ExecutionReport(
        f"V-{order.cl_ord_id}", f"V{rig.execs}", kind, OrdStatus.NEW, SYMBOL, order.side,
        order.qty_lots - 10, cum, 0, cl_ord_id=order.cl_ord_id, exec_ref_id=ref, **more,
    )  # fmt: skip
    rig.say(rig.port(LIT1), b"8", report.body(BTC))
    return report.exec_id


@pytest.mark.parametrize("desk", DESKS)
def test_whatever_a_desk_is_told_is_in_its_versions_dictionary(desk: str) -> None:
    """A life with everything in it, to the desk and to the reader of its copies."""
    rig = Desks(short_sales=("ACCT1",))
    may_expire = {"must_complete": False, "expire_time_ns": rig.now + 8 * SECOND}
    rig.order(desk, "D0", lots=30 * BTC)
    rig.order(desk, "D0", lots=2 * BTC, ord_type=OrdType.PEGGED)
    rig.say(rig.of(desk), b"D", soh(f"11=D0|55={SYMBOL}|54=1|60=20180713-20:47:11|38=1|40=9|"))
    rig.say(rig.of(desk), b"F", soh("11=C0|"))
    child_of(
        rig, desk, side=Side.SELL_SHORT, locate_reqd=True, parties=(FIRM,), order_capacity="A", **may_expire
    )
    order = rig.orders(LIT1)[0]
    first = rig.fill(order, LIT1, 10)
    again = revised(rig, order, ExecType.TRADE_CORRECT, first, 10, last_qty_lots=10, last_px_nanos=BID)
    revised(rig, order, ExecType.TRADE_CANCEL, again, 0)
    rig.replace(desk=desk, lots=1, request="R1")
    rig.replace(desk=desk, lots=1, request="R2")
    rig.canceled(order, LIT1)
    rig.operator(1, "suspend")
    rig.operator(2, "reinstate", who="risk-officer")
    rig.say(rig.of(desk), b"H", soh(f"11=R1|790=S1|55={SYMBOL}|54=5|"))
    rig.say(rig.of(desk), b"H", soh(f"11=R9|55={SYMBOL}|54=5|"))
    rig.say(rig.of(desk), b"AF", soh("584=S1|585=7|"))
    rig.say(rig.of(desk), b"AF", soh("584=S1|585=7|1=NOBODY|"))
    rig.run(10)
    rig.cancel(desk, "R1", "C1")
    rig.order(desk, "D2", lots=BTC)
    rig.cancel(desk, "D2", "C2")
    rig.order(desk, "D3", lots=BTC)
    rig.say(rig.of(desk), b"q", soh("11=K1|530=7|60=20180713-20:47:11|"))
    rig.say(rig.of(desk), b"q", soh("11=K2|530=1|55=ETH-USD|60=20180713-20:47:11|"))
    rig.say(rig.of(f"COPY-{desk}"), b"H", soh(f"11=R1|55={SYMBOL}|54=1|"))
    kinds = {report.exec_type for report in rig.reports_to(desk)}
    assert kinds == {
        ExecType.NEW, ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL, ExecType.PENDING_REPLACE,
        ExecType.REPLACED, ExecType.SUSPENDED, ExecType.RESTATED, ExecType.ORDER_STATUS, ExecType.EXPIRED,
        ExecType.PENDING_CANCEL, ExecType.CANCELED, ExecType.REJECTED,
    }  # fmt: skip
    rig.say(rig.of(desk), b"D", soh("11=D0|55=ETH-USD|54=1|60=20180713-20:47:11|38=1|40=1|"))
    for reader in (desk, f"COPY-{desk}"):
        told = rig.said(reader)
        assert {message.msg_type for message in told} >= (
            {b"8", b"9", b"j"} if reader == desk else {b"8", b"j"}
        )
        dictionary = load(rig.version(reader))
        for message in told:
            assert dictionary.fault(message, Validation.FULL) is None, message.raw


# Parameters.


def test_fix_5_says_complete_as_a_parameter_too() -> None:
    rig = Desks()
    may = (StrategyParameter("complete", "may"),)
    rig.order("DESK3", must_complete=None, strategy_parameters=may)
    assert rig.work.parent.must_complete is False
    rig.replace(desk="DESK3", strategy_parameters=(StrategyParameter("complete", "must"),))
    assert rig.work.parent.must_complete is True


@pytest.mark.parametrize(("terms", "words"), [
    ({"strategy_parameters": (StrategyParameter("urgency", "9"),)}, "StrategyParameterName(958) urgency"),
    ({"strategy_parameters": (StrategyParameter("complete", "maybe"),)}, "(960) maybe of complete is not"),
    ({"strategy_parameters": (StrategyParameter("complete", "may", 1),)}, "StrategyParameterType(959) 1"),
    ({"strategy_parameters": (StrategyParameter("complete", "may"),)}, "both complete=must and complete=may"),
    ({"participation_nanos": 10**8}, "ParticipationRate(849) is no parameter of TargetStrategy(847) 1001"),
    ({"must_complete": None}, "TargetStrategyParameters(848) must be complete=must or complete=may"),
])  # fmt: skip
def test_a_parameter_that_the_strategy_does_not_take_is_refused_by_name(
    terms: dict[str, Any], words: str
) -> None:
    rig = Desks()
    rig.order("DESK3", **terms)
    report = rig.reports_to("DESK3")[-1]
    assert report.ord_status is OrdStatus.REJECTED
    assert words in report.text


# Parties, capacity, short sides.


def test_parties_and_capacity_go_to_the_venue_and_come_back_to_the_desk() -> None:
    rig = Desks()
    child_of(rig, "DESK1", parties=(FIRM,), order_capacity="A")
    child = rig.orders(LIT1)[0]
    assert (child.parties, child.order_capacity, child.locate_reqd) == ((FIRM,), "A", None)
    rig.fill(child, LIT1, 5)
    assert {(report.parties, report.order_capacity) for report in rig.reports()} == {((FIRM,), "A")}
    verdicts = [r.payload.decode() for r in rig.records() if r.kind.name == "VERDICT"]
    assert verdicts[0].endswith("|A||CLIENT7,D,3")


def test_a_short_sale_needs_an_account_that_may_and_a_locate_which_is_carried_through() -> None:
    rig = Desks(short_sales=("ACCT1",))
    rig.order("DESK1", side=Side.SELL_SHORT)
    assert "short_sale (control 13): no LocateReqd(114)" in rig.reports()[-1].text
    rig.order("DESK1", "D2", side=Side.SELL_SHORT, account="ACCT2", locate_reqd=False)
    assert "Side(54) 5 for ACCT2; limit parent.short_sale_accounts: ACCT1" in rig.reports()[-1].text
    rig.want = encode(10, JOIN, 1)
    rig.order("DESK1", "D3", side=Side.SELL_SHORT_EXEMPT, locate_reqd=False)
    (child,) = rig.orders(LIT1)
    assert (child.side, child.locate_reqd) == (Side.SELL_SHORT_EXEMPT, False)
    rig.ack(child, LIT1)
    rig.fill(child, LIT1, 5)
    fill = rig.reports()[-1]
    assert (fill.exec_type, fill.side, fill.cum_lots) == (ExecType.TRADE, Side.SELL_SHORT_EXEMPT, 5)


# All at once.


def test_a_mass_cancel_takes_the_desks_own_parents_and_latches_nothing() -> None:
    rig = Desks()
    child_of(rig, "DESK1")
    rig.order("DESK1", "D2", lots=BTC, side=Side.SELL)
    rig.order("DESK3", lots=BTC)
    rig.say(rig.desk, b"q", soh("11=K1|530=7|60=20180713-20:47:11|"))
    (message,) = rig.messages(rig.desk, b"r")
    report = OrderMassCancelReport.parse(message)
    one, two, three = rig.core.parents.values()
    assert (report.cl_ord_id, report.response, report.total) == ("K1", "7", 2)
    assert report.affected == (("D1", one.parent.parent_id), ("D2", two.parent.parent_id))
    assert [work.state.value for work in (one, two, three)] == ["canceling", "canceled", "active"]
    kinds = [(r.exec_type, r.cl_ord_id, r.orig_cl_ord_id) for r in rig.reports()[2:]]
    assert kinds == [
        (ExecType.PENDING_CANCEL, "D1", ""), (ExecType.PENDING_CANCEL, "D2", ""),
        (ExecType.CANCELED, "D2", ""),
    ]  # fmt: skip
    rig.canceled(rig.orders(LIT1)[0], LIT1)
    assert rig.reports()[-1].exec_type is ExecType.CANCELED
    assert rig.core.gate.kill.count == 0
    rig.order("DESK1", "D3", lots=BTC)
    assert rig.reports()[-1].exec_type is ExecType.NEW


@pytest.mark.parametrize(("fields", "response", "reason", "total"), [
    ("530=1|55=BTC-USD|", "1", None, 2),
    ("530=1|55=BTC-USD|54=2|", "1", None, 1),
    ("530=7|54=1|", "7", None, 1),
    ("530=1|55=ETH-USD|", "0", 1, 0),
    ("530=1|", "0", 1, 0),
    ("530=4|", "0", 0, 0),
])  # fmt: skip
@pytest.mark.parametrize("desk", ["DESK1", "DESK3"])
def test_a_mass_cancel_is_narrowed_or_refused(
    desk: str, fields: str, response: str, reason: int | None, total: int
) -> None:
    rig = Desks()
    rig.order(desk, "D1", lots=BTC)
    rig.order(desk, "D2", lots=BTC, side=Side.SELL)
    rig.say(rig.of(desk), b"q", soh(f"11=K1|{fields}60=20180713-20:47:11|"))
    (message,) = rig.messages(rig.of(desk), b"r")
    report = OrderMassCancelReport.parse(message, rig.version(desk))
    assert (report.response, report.reject_reason, report.total) == (response, reason, total)
    assert sum(work.state is ParentState.CANCELED for work in rig.core.parents.values()) == total
    assert (report.text == "") == (reason is None)


def test_a_mass_status_is_of_all_the_desks_parents_with_the_last_one_marked() -> None:
    rig = Desks()
    for number in range(3):
        rig.order("DESK1", f"D{number}", lots=BTC + number)
    rig.order("DESK3", lots=BTC)
    rig.cancel("DESK1", "D1")
    heard = len(rig.reports())
    rig.say(rig.desk, b"AF", soh("584=S1|585=7|"))
    answers = rig.reports()[heard:]
    assert [(r.cl_ord_id, r.ord_status) for r in answers] == [
        ("D1", OrdStatus.CANCELED), ("D0", OrdStatus.NEW), ("D2", OrdStatus.NEW),
    ]  # fmt: skip
    assert {(r.exec_type, r.mass_status_req_id, r.tot_reports) for r in answers} == {
        (ExecType.ORDER_STATUS, "S1", 3)
    }
    assert [r.last_of_mass for r in answers] == [False, False, True]


@pytest.mark.parametrize(("fields", "names"), [
    ("585=1|55=BTC-USD|", ["D0", "D1"]),
    ("585=7|54=2|", ["D1"]),
    ("585=7|1=OTHER|", []),
    ("585=1|55=ETH-USD|", []),
    ("585=3|", []),
])  # fmt: skip
def test_a_mass_status_is_narrowed_and_answered_where_there_is_nothing(fields: str, names: list[str]) -> None:
    rig = Desks()
    rig.order("DESK1", "D0", lots=BTC)
    rig.order("DESK1", "D1", lots=BTC, side=Side.SELL)
    heard = len(rig.messages(rig.desk, b"8"))
    rig.say(rig.desk, b"AF", soh(f"584=S1|{fields}"))
    answers = rig.messages(rig.desk, b"8")[heard:]
    assert answers[-1].get(912) == b"Y"
    if names:
        assert [a.get(11) for a in answers] == [name.encode() for name in names]
    else:
        (nothing,) = answers
        assert (nothing.get(37), nothing.get(39), nothing.get(911)) == (b"NONE", b"8", b"0")


def test_a_mass_status_that_cannot_be_told_whole_is_not_told_in_part() -> None:
    rig = Desks(outbox_bound=4)
    for number in range(5):
        rig.order("DESK1", f"D{number}", lots=BTC + number)
    rig.core.ports[rig.desk].writable = False
    rig.say(rig.desk, b"AF", soh("584=S1|585=7|"))
    (nothing,) = rig.core.ports[rig.desk].outbox.waiting()
    assert b"\x01911=0\x01912=Y\x01" in nothing.body
    assert b"5 reports are due, and only 4 messages may wait" in nothing.body


# Copies.


def test_every_report_of_a_desk_is_copied_to_its_own_reader_alone() -> None:
    rig = Desks()
    child_of(rig, "DESK1", parties=(FIRM,))
    rig.fill(rig.orders(LIT1)[0], LIT1, 5)
    rig.order("DESK1", "D1", parties=(FIRM,))
    rig.order("DESK2", "D9", lots=BTC)
    told, copied = rig.reports(), rig.reports_to("COPY-DESK1")
    assert [copy._replace(copy=False, parties=(FIRM,)) for copy in copied] == told
    assert all(copy.copy and copy.owner == "DESK1" and FIRM in copy.parties for copy in copied)
    assert len(rig.reports_to("COPY-DESK2")) == 1
    assert rig.said("COPY-DESK3") == []


def test_copies_come_in_their_readers_version() -> None:
    rig = Desks()
    rig.order("DESK3", lots=BTC)
    (copy,) = rig.said("COPY-DESK3")
    assert (copy.get(8), copy.get(20), copy.get(797), copy.get(76)) == (b"FIX.4.2", b"0", None, b"DESK3")
    rig.order("DESK2", lots=BTC)
    (copy,) = rig.said("COPY-DESK2")
    assert (copy.get(8), copy.get(20), copy.get(797), copy.get(448)) == (b"FIXT.1.1", None, b"Y", b"DESK2")


def test_copies_wait_for_a_reader_who_is_away_also_over_a_restart() -> None:
    rig = Desks()
    rig.cut(rig.of("COPY-DESK1"))
    child_of(rig, "DESK1")
    rig.restart()
    rig.up()
    assert [copy.exec_type for copy in rig.reports_to("COPY-DESK1")] == [ExecType.NEW]


def test_a_reader_of_copies_may_send_nothing() -> None:
    rig = Desks()
    rig.say(rig.of("COPY-DESK1"), b"H", soh(f"11=D1|55={SYMBOL}|54=1|"))
    (reject,) = rig.said("COPY-DESK1")
    assert (reject.msg_type, reject.get(372), reject.get(380)) == (b"j", b"H", b"3")


# What a desk does not know.


def test_a_trade_that_the_desk_does_not_know_is_told_to_a_person_and_stands() -> None:
    rig = Desks()
    child_of(rig, "DESK1")
    rig.fill(rig.orders(LIT1)[0], LIT1, 5)
    fill = rig.reports()[-1]
    for desk in ("DESK1", "DESK3"):
        body = f"37={fill.order_id}|17={fill.exec_id}|127=D|55={SYMBOL}|54=1|58=not mine|"
        rig.say(rig.of(desk), b"Q", soh(body))
    ours, theirs = rig.alerts[-2:]
    assert f"does not know trade {fill.exec_id} of parent {fill.order_id} (DKReason(127) D: not mine)" in ours
    assert f"of {fill.order_id}, which is no parent of its" in theirs
    assert rig.work.filled_lots == 5


# What is over.


def test_the_oldest_parents_that_are_over_are_forgotten_and_their_late_fills_alerted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lives, "ENDED_KEPT", 2)
    rig = Desks()
    child_of(rig, "DESK1", name="D0")
    order = rig.orders(LIT1)[0]
    rig.cancel("DESK1", "D0", "C0")
    rig.canceled(order, LIT1)
    for number in range(1, 4):
        rig.order("DESK1", f"D{number}", lots=BTC + number)
        rig.cancel("DESK1", f"D{number}", f"C{number}")
    assert [work.parent.cl_ord_id for work in rig.core.parents.values()] == ["D2", "D3"]
    rig.cancel("DESK1", "D1", "C9")
    assert rig.refusals()[-1].cxl_rej_reason == 1
    rig.fill(order, LIT1, 5)
    assert any("has been over for too long to be known" in text for text in rig.alerts)
    rig.order("DESK1", "D1", lots=BTC)
    assert rig.reports()[-1].ord_rej_reason == 6
    rig.restart()
    rig.up()
    rig.order("DESK1", "D1", lots=BTC)
    assert rig.reports()[-1].ord_rej_reason == 6
    rig.order("DESK1", "D9", lots=BTC)
    assert rig.work.parent.parent_id.endswith("P5")


def test_a_desk_whose_session_was_out_of_the_settings_for_a_while_has_its_parents_back() -> None:
    rig = Desks()
    rig.order("DESK2")
    kept = rig.core.config.sessions
    rig.changes["sessions"] = tuple(spec for spec in kept if "DESK2" not in spec.name)
    rig.restart()
    assert rig.work.desk == -1
    rig.changes["sessions"] = kept
    rig.restart()
    assert rig.work.desk == rig.of("DESK2")


def test_a_party_that_does_not_say_what_it_is_is_no_executing_firm() -> None:
    rig = Desks()
    body = f"11=D1|1=ACCT1|55={SYMBOL}|54=1|38=1|40=1|60=20180713-20:47:11|453=1|448=X|"
    rig.say(rig.desk, b"D", body.replace("|", "\x01").encode())
    assert rig.reports_to("DESK1")[-1].text == "PartyRole(452) is missing beside a PartyID(448)"
    assert not rig.core.parents
