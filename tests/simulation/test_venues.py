"""Which venues an order reaches over the recording: rests where that earns, waits in the dark, crosses cheap.

Almgren-Chriss with fees as shipped: resting earns at XLIT1, taking costs less at XLIT2 by 0.1 bp (six ticks).
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from risk.order import Side
from router.journal import Kind, Reader
from tests.simulation.world import World, load_policies

BTC = 10**8
IOC, DAY = "3", "0"


def executed(side: Side, limit_nanos: int | None = None) -> tuple[World, list[dict[str, Any]]]:
    """The first three minutes of the recording with a parent of five bitcoin, and the venues' record."""
    world = World(load_policies())
    world.run(1)
    world.send_parent(5 * BTC, 180, 1002, side=side, limit_nanos=limit_nanos)
    world.run(182)
    (work,) = world.engine.running.parents.values()
    assert work.filled_lots == 5 * BTC
    assert work.fallback_decisions == 0
    return world, [json.loads(line) for line in world.record]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_part_of_an_order_is_done_at_the_midpoint_and_the_venues_are_chosen_by_fee(side: Side) -> None:
    _, record = executed(side)
    lots: dict[str, int] = defaultdict(int)
    for line in record:
        if line["event"] == "fill":
            lots[line["venue"]] += line["qty_lots"]
    assert lots["XDRK"] > BTC
    assert lots["XLIT1"] + lots["XLIT2"] > BTC // 2

    orders = [line for line in record if line["event"] == "order"]
    assert {o["venue"] for o in orders if o["tif"] == DAY} == {"XLIT1", "XDRK"}
    first = next(o for o in orders if o["tif"] == IOC)
    assert first["venue"] == "XLIT2"
    # A peg gets a fair chance, even at this pace: there are not many, and few are withdrawn within a second.
    born = {o["order_id"]: o["time_ns"] for o in orders if o["venue"] == "XDRK"}
    ended = [line for line in record if line["event"] == "canceled" and line["order_id"] in born]
    hasty = [line for line in ended if line["time_ns"] - born[line["order_id"]] < 10**9]
    assert len(born) < 60
    assert len(hasty) <= len(born) // 3


@pytest.mark.parametrize(("side", "percent"), [(Side.BUY, 110), (Side.SELL, 90)])
def test_a_parent_with_a_far_limit_uses_the_dark_venue_like_one_without(side: Side, percent: int) -> None:
    world, record = executed(side, 6190 * 10**9 * percent // 100)
    assert any(line["event"] == "fill" and line["venue"] == "XDRK" for line in record)
    pegs = [line for line in record if line["event"] == "order" and line["venue"] == "XDRK"]
    market = world.engine.running.markets["BTC-USD"].market
    for peg in pegs:
        assert abs(peg["price_nanos"] - market.ask_nanos) * 50 < market.ask_nanos  # within 2 %, not at 10 %
    verdicts = [bytes(r.payload) for r in Reader(bytes(world.journal)) if r.kind is Kind.VERDICT]
    assert verdicts
    assert not any(b"collar" in payload for payload in verdicts)
