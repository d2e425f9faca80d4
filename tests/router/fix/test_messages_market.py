"""Market data, listings and trades that are not known, in each version: read again, and by the dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.order import Side
from router.fix.codec import Message
from router.fix.messages import (
    DKReason,
    DontKnowTrade,
    FieldError,
    MarketDataRequest,
    MarketDataRequestReject,
    Security,
    SecurityDefinition,
    SecurityDefinitionRequest,
    SecurityList,
    SecurityListRequest,
    SecurityStatus,
    SecurityStatusRequest,
    TradingStatus,
    build_incremental,
    build_snapshot,
)
from router.fix.versions import FIX42, FIX44, FIX50SP2, Version
from tests.router.fix.dictionary_of import dictionary_of, needs_shared
from tests.router.fix.test_messages import IDS, INSTRUMENTS, LOTS, MAYBE, NANOS, QTY, T, message
from tests.router.fix.test_messages_venue import SECURITIES
from tests.router.fix.test_messages_versions import EVERY

SECURITY = Security(
    "BTC-USD", "XLIT1", 10_000_000, LOTS, 1_000, 2_000, 10**12, ((0, 10_000_000), (10**12, 50_000_000)), 100
)


@EVERY
@given(IDS, IDS, SECURITIES, MAYBE)
def test_definitions(version: Version, req_id: str, response: str, security: Security, text: str) -> None:
    said = SecurityDefinition(req_id, response, 1, security, security.symbol, text)
    assert SecurityDefinition.parse(message(b"d", said.body(version)), LOTS, version) == said
    refused = SecurityDefinition(req_id, response, 6, None, security.symbol, text)
    assert SecurityDefinition.parse(message(b"d", refused.body(version)), LOTS, version) == refused


@given(IDS, IDS, st.lists(SECURITIES, max_size=3))
def test_lists(req_id: str, response: str, securities: list[Security]) -> None:
    listing = SecurityList(req_id, response, 0 if securities else 2, tuple(securities))
    for version in (FIX44, FIX50SP2):
        assert SecurityList.parse(message(b"y", listing.body(version)), LOTS, version) == listing


def test_a_definition_as_wire_text() -> None:
    said = SecurityDefinition("R", "A-1", 1, SECURITY, "BTC-USD", "as asked")
    assert said.body(FIX42).replace(b"\x01", b"|").decode() == (
        "320=R|322=A-1|323=1|393=1|55=BTC-USD|207=XLIT1|58=MinPriceIncrement=0.01; MaxTradeVol=10000; "
        "TickIncrement=0.01 StartTickPriceRange=0; TickIncrement=0.05 StartTickPriceRange=1000; "
        "MinLotSize=0.000001; RoundLot=0.00001; MinTradeVol=0.00002; as asked|"
    )
    assert said.body(FIX50SP2).replace(b"\x01", b"|").decode() == (
        "320=R|322=A-1|323=1|55=BTC-USD|969=0.01|207=XLIT1|1310=1|1301=XLIT1|1205=2|1206=0|1208=0.01|1206=1000|"
        "1208=0.05|1234=1|1093=1|1231=0.000001|562=0.00002|1140=10000|561=0.00001|58=as asked|"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "taken", "text"),
    [
        (FIX42, b"MinPriceIncrement=0.01; ", "Text(58) lacks RoundLot"),
        (FIX42, b"RoundLot=0.00001; ", "Text(58) lacks RoundLot"),
        (FIX44, b"872=MinPriceIncrement=0.01\x01", "InstrAttribValue(872) lacks MinPriceIncrement"),
        (FIX44, b"561=0.00001\x01", "RoundLot(561) is missing"),
        (FIX50SP2, b"969=0.01\x01", "MinPriceIncrement(969) is missing"),
        (FIX50SP2, b"1140=10000\x01", "MaxTradeVol(1140) is missing"),
    ],
)
def test_a_definition_without_what_is_needed_is_refused(version: Version, taken: bytes, text: str) -> None:
    body = SecurityDefinition("R", "A-1", 1, SECURITY, "BTC-USD").body(version)
    assert taken in body
    with pytest.raises(FieldError) as raised:
        SecurityDefinition.parse(message(b"d", body.replace(taken, b"")), LOTS, version)
    assert str(raised.value) == text


@EVERY
def test_what_a_status_says(version: Version) -> None:
    said = SecurityStatus("S", "BTC-USD", TradingStatus.PRE_OPEN, True, "XLIT1", T, "soon")
    read = SecurityStatus.parse(message(b"f", said.body(version)), version)
    has = version is not FIX42
    assert read.status is (TradingStatus.PRE_OPEN if has else TradingStatus.NOT_AVAILABLE)
    assert read.text == ("soon" if has else "")


def test_4_2_lists_nothing() -> None:
    for one in (SecurityListRequest("R"), SecurityList("R", "A", 0)):
        with pytest.raises(ValueError, match=r"FIX\.4\.2 has no SecurityList"):
            one.body(FIX42)


@EVERY
@given(IDS, IDS, st.sampled_from(DKReason), st.sampled_from(Side), st.just(0) | QTY, QTY, NANOS, MAYBE)
def test_a_trade_that_is_not_known(
    version: Version, order_id: str, exec_id: str, reason: DKReason, side: Side, qty: int, last: int, px: int,
    text: str,
) -> None:  # fmt: skip
    said = DontKnowTrade(order_id, exec_id, reason, "BTC-USD", side, qty, last, px, text)
    assert DontKnowTrade.parse(message(b"Q", said.body(LOTS, version)), INSTRUMENTS, version) == said


def test_a_reason_that_only_later_versions_have() -> None:
    body = DontKnowTrade("X", "E", DKReason.OTHER, "BTC-USD", Side.BUY).body(LOTS).replace(b"127=Z", b"127=F")
    assert DontKnowTrade.parse(message(b"Q", body), INSTRUMENTS).reason is DKReason.OTHER


def books(version: Version, number: int = 7) -> tuple[bytes, bytes]:
    """A W and an X with two entries each."""
    sides, px, qty = np.array([0, 1]), np.array([10_000, 10_002]), np.array([LOTS, LOTS // 2])
    w = build_snapshot("R", "BTC-USD", sides, px, qty, 10_000_000, LOTS, version, number, T)
    x = build_incremental("R", "BTC-USD", sides, sides, px, qty, 10_000_000, LOTS, version, number)
    return w, x


def test_entries_are_numbered_in_5_0_sp2_alone() -> None:
    w, x = (body.replace(b"\x01", b"|").decode() for body in books(FIX50SP2))
    assert w == (
        "262=R|779=20260105-00:00:00.123|55=BTC-USD|268=2|269=0|270=50|271=1|83=7|269=1|270=50.01|271=0.5|83=7|"
    )  # fmt: skip
    assert x == (
        "262=R|268=2|279=0|269=0|55=BTC-USD|270=50|271=1|83=7|279=1|269=1|55=BTC-USD|270=50.01|271=0.5|83=8|"
    )
    assert books(FIX42) == books(FIX44)
    assert b"\x0183=" not in b"".join(books(FIX44))


def written(version: Version) -> list[Message]:
    """Every message that a version has, with all fields."""
    w, x = books(version)
    unknown = DontKnowTrade("X", "E", DKReason.OTHER, "BTC-USD", Side.BUY, 9, 9, 9, "text")
    said = [
        (b"V", MarketDataRequest("R", 1, 0, ("0", "1", "2"), ("BTC-USD",)).body(version)),
        (b"Y", MarketDataRequestReject("R", "8", "text").body(version)),
        (b"W", w),
        (b"X", x),
        (b"c", SecurityDefinitionRequest("R", 3, "BTC-USD").body(version)),
        (b"d", SecurityDefinition("R", "A-1", 1, SECURITY, "BTC-USD", "text").body(version)),
        (b"d", SecurityDefinition("R", "A-1", 5, None, "BTC-USD", "text").body(version)),
        (b"e", SecurityStatusRequest("R", "BTC-USD", 1).body(version)),
        (b"Q", unknown.body(LOTS, version)),
    ]  # fmt: skip
    said += [
        (b"f", SecurityStatus("S", "BTC-USD", status, True, "XLIT1", T, "text").body(version))
        for status in TradingStatus
    ]
    if version.listings:
        said.append((b"x", SecurityListRequest("R", 0, "BTC-USD").body(version)))
        said.append((b"y", SecurityList("R", "A", 0, (SECURITY, SECURITY)).body(version)))
        said.append((b"y", SecurityList("R", "A", 2).body(version)))
    return [message(kind, body) for kind, body in said]


@needs_shared
@EVERY
def test_what_is_written_is_what_the_dictionary_has(version: Version) -> None:
    for one in written(version):
        assert dictionary_of(version).faults(one) == [], one
