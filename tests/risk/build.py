"""What the tests of risk start from: one symbol, three venues, a quiet market, a parent of ten bitcoin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from risk.gate import Approved, Gate
from risk.instrument import Instrument
from risk.limits import Limits
from risk.market import Market, VenueMarket
from risk.order import Cancel, NewOrder, OrdType, Parent, Side, TimeInForce
from risk.refusal import Refusal

NOW = 1_531_514_831_000_000_000
MS = 1_000_000
SECOND = 1_000_000_000
BTC = 100_000_000  # lots
USD = 1_000_000_000  # nanos
TICK = 10_000_000  # nanos
BID, ASK = 619_084 * TICK, 619_085 * TICK

INSTRUMENT = Instrument("BTC-USD", TICK, BTC, 1, 1, 10_000 * BTC, "USD")

SETTINGS: dict[str, dict[str, Any]] = {
    "child": {
        "max_share_of_parent_bp": 2500, "max_share_of_adv_bp": 20, "max_repeats_count": 5,
        "repeat_period_ms": 1000, "max_new_orders_per_s": 100, "max_cancels_per_s": 100,
    },
    "price": {
        "collar_bp": 50, "passive_collar_bp": 500, "rolling_collar_bp": 300, "rolling_period_s": 300,
    },
    "market_data": {
        "venue_max_silence_ms": 5000, "consolidated_max_age_ms": 1000, "last_sale_max_age_ms": 60_000,
        "last_sale_required": False,
    },
    "parent": {
        "max_share_of_adv_bp": 100, "max_duration_s": 28_800, "max_open_count": 50, "max_repeats_count": 2,
        "repeat_period_ms": 60_000, "reference_max_age_ms": 5000, "restricted_symbols": [],
        "max_amendments_count": 3, "short_sale_accounts": [],
    },
    "symbols": {
        "BTC-USD": {
            "child_max_lots": 4 * BTC, "child_max_value_quote": 30_000,
            "parent_max_lots": 20 * BTC, "parent_max_value_quote": 150_000,
        },
    },
}


def limits(**changes: Any) -> Limits:
    """The limits above; `child__max_repeats_count=1` changes one, `symbol__...=1` one of BTC-USD's."""
    settings: dict[str, Any] = {table: dict(values) for table, values in SETTINGS.items()}
    settings["symbols"] = {"BTC-USD": dict(SETTINGS["symbols"]["BTC-USD"])}
    for name, value in changes.items():
        table, key = name.split("__")
        target = settings["symbols"]["BTC-USD"] if table == "symbol" else settings[table]
        assert key in target, name
        target[key] = value
    return Limits.model_validate(settings)


def market(now_ns: int = NOW) -> Market:
    """A market that has just spoken, everywhere."""
    return Market(BID, ASK, now_ns, ASK, now_ns, {
        "XLIT1": VenueMarket(True, True, True, False, now_ns),
        "XLIT2": VenueMarket(True, True, True, False, now_ns),
        "XDRK": VenueMarket(False, True, False, False, 0),
    })


def refresh(book: Market, now_ns: int) -> None:
    """Everything spoke again."""
    book.updated_ns = book.last_sale_ns = now_ns
    for venue in book.venues.values():
        venue.last_message_ns = now_ns


def parent(**changes: Any) -> Parent:
    made = Parent(
        "P1", "D1", "BTC-USD", "ACC", Side.BUY, 10 * BTC, None, NOW, NOW + 580 * SECOND, 847, True, NOW
    )
    return replace(made, **changes)


def child(number: int = 1, **changes: Any) -> NewOrder:
    """An order to buy one bitcoin at the ask, at once."""
    made = NewOrder(f"S1-{number}", "P1", "XLIT1", "BTC-USD", "ACC", Side.BUY, OrdType.LIMIT, TimeInForce.IOC,
                    BTC, ASK)
    return replace(made, **changes)


def cancel(number: int, **changes: Any) -> Cancel:
    made = Cancel(f"S1-{number}", "S1-1", "P1", "XLIT1", "BTC-USD", Side.BUY, BTC, "")
    return replace(made, **changes)


def gate(instrument: Instrument = INSTRUMENT, **changes: Any) -> Gate:
    return Gate(limits(**changes), {instrument.symbol: instrument}, "S1-")


def gate_with_parent(**changes: Any) -> Gate:
    made = gate(**changes)
    assert made.admit(parent(), market(), NOW) is None
    return made


def refused(answer: object) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def passed(answer: object) -> Approved[NewOrder]:
    assert isinstance(answer, Approved), answer
    return answer
