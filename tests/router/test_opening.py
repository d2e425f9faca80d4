"""Sessions and books made from the configuration, and what of them outlives a start."""

from __future__ import annotations

import pytest

from risk.errors import SettingsError
from router.actions import JOIN, encode
from router.core import PortKind
from router.fix.codec import encode as wire_encode
from router.fix.session import Session, SessionConfig
from router.marketdata import State
from tests.router.rig import BTC, LIT1, SYMBOL, Rig


def test_there_is_one_port_for_each_session_in_the_order_of_the_settings() -> None:
    core = Rig(up=False).core
    assert [(p.index, p.session.name, p.kind, p.venue) for p in core.ports] == [
        (0, "SLUICE-OE>XLIT1", PortKind.ORDERS, 0),
        (1, "SLUICE-MD>XLIT1", PortKind.MARKET_DATA, 0),
        (2, "SLUICE-OE>XLIT2", PortKind.ORDERS, 1),
        (3, "SLUICE-MD>XLIT2", PortKind.MARKET_DATA, 1),
        (4, "SLUICE-OE>XDRK", PortKind.ORDERS, 2),
        (5, "SLUICE>DESK1", PortKind.DESK, -1),
    ]
    assert {v: p.index for v, p in core.order_ports.items()} == {0: 0, 1: 2, 2: 4}
    assert {v: p.index for v, p in core.feed_ports.items()} == {0: 1, 1: 3}
    assert [p.session.config.role for p in core.ports] == ["initiator"] * 5 + ["acceptor"]


def test_orders_are_never_resent_and_reports_to_the_desk_are() -> None:
    core = Rig(up=False).core
    assert all(p.session.config.resend == frozenset() for p in core.ports[:5])
    assert core.ports[5].session.config.resend == {b"8", b"9", b"j", b"r"}


def test_a_session_keeps_its_numbers_and_its_books_are_empty_after_a_restart() -> None:
    rig = Rig()
    rig.run(1)
    numbers = [(p.session.next_out, p.session.next_in) for p in rig.core.ports]
    rig.restart()
    assert [(p.session.next_out, p.session.next_in) for p in rig.core.ports] == numbers
    assert not any(p.up or p.session.is_logged_on for p in rig.core.ports)
    market = rig.core.markets[SYMBOL]
    assert market.states == [State.EMPTY] * 3
    assert (market.bid_px, market.ask_px) == (0, 0)
    assert not any(v.session_up or v.intact for v in market.market.venues.values())


def test_a_session_whose_terms_changed_goes_on_with_its_numbers() -> None:
    rig = Rig()
    sessions = rig.core.config.sessions
    numbers = [(p.session.next_out, p.session.next_in) for p in rig.core.ports]
    rig.changes = {"sessions": tuple(s.model_copy(update={"heart_bt_int_s": 11}) for s in sessions)}
    rig.restart()
    assert [(p.session.next_out, p.session.next_in) for p in rig.core.ports] == numbers
    assert all(p.session.config.heart_bt_int_s == 11 for p in rig.core.ports)


def test_reports_that_wait_for_a_desk_wait_on_and_messages_to_venues_do_not() -> None:
    rig = Rig()
    rig.parent(BTC)
    rig.cut(rig.desk)
    rig.engine.oms._reports.tell(rig.work, rig.reports()[0].exec_type)
    waiting = rig.core.ports[rig.desk].outbox.waiting()
    assert len(waiting) == 1
    core = rig.core
    assert len(core.ports[rig.port(LIT1)].outbox) == 0


def test_settings_that_do_not_fit_what_is_open_are_refused_and_leave_no_record() -> None:
    rig = Rig()
    rig.want = encode(10, JOIN, LIT1 + 1)
    rig.parent()
    assert rig.core.orders.live()
    config, core, written = rig.core.config, rig.core, rig.engine._journal.index
    lit1, lit2, *rest = config.venues
    moved = (lit1.model_copy(update={"slot": 1}), lit2.model_copy(update={"slot": 0}), *rest)
    for changes, says in (
        ({"venues": moved}, "XLIT1 is slot 1, and was slot 0"),
        ({"venues": (lit2, *rest)}, "XLIT1 is not in the settings"),
        ({"symbols": ("ETH-USD",)}, "BTC-USD is missing, and parent SL1-P1 is open"),
    ):
        with pytest.raises(SettingsError, match=says):
            rig.engine.start(config.model_copy(update=changes), core.ids, rig.now)
    assert rig.engine._journal.index == written
    assert rig.engine.core is core


def test_a_session_whose_settings_change_keeps_its_numbers_and_what_it_may_have_to_send_again() -> None:
    old = Session(SessionConfig("S", "acceptor", "A", "B", resend=frozenset({b"8"})))
    old.restore_sent(wire_encode(b"FIX.4.4", b"8", 1, b"A", b"B", 0, b"37=1\x0117=2\x01"))
    fresh = Session(SessionConfig("S", "acceptor", "A", "B", heart_bt_int_s=7, resend=frozenset({b"8"})))
    fresh.inherit(old)
    assert (fresh.next_out, fresh.next_in) == (2, 1)
    assert [type(part).__name__ for part in fresh._store.answer(1, 1)] != ["GapFill"]
