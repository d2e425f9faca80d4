"""The tables of the FIX session and of the codec."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fixsim.bench.codec import BOOK, ORDER, REPORT, Cost
from fixsim.bench.figures import Figures
from fixsim.bench.roundtrip import FLOOR, OURS, PEER, WINDOW, Trip

MOST_OF_PEER = 0.5  # goal: our median round trip, of QuickFIX's
TIMES_PEER = 3.0  # goal: our orders a second, of QuickFIX's
GOALS_US = {ORDER: 2.0, REPORT: 4.0, BOOK: 5.0}


def fix_tables(trips: Sequence[Trip], costs: Sequence[Cost]) -> list[Figures]:
    return [_trips(trips), _codec(costs)]


def _trips(trips: Sequence[Trip]) -> Figures:
    blocks, samples = trips[0].ns.shape
    text = (
        "From the sending of a NewOrderSingle to its ExecutionReport, read and typed, between two processes"
        " on loopback: client on one core, server on another, FIX 4.4, both sides writing every message to"
        " their journal before it is acted on and before it leaves (QuickFIX: its file store, no log, no"
        " dictionary, its Python binding). The floor is a uvloop process that answers as many bytes with as"
        f" many, its client uvloop too. {blocks} blocks of {samples} round trips of each, in turn, and bursts"
        f" with {WINDOW} orders in flight, of which the median rate is shown. Ratios are to QuickFIX, the"
        f" median of the ratios of neighbouring blocks. Goals: half of its p50, {TIMES_PEER:g} × its rate."
    )
    by_name = {trip.name: trip for trip in trips}
    peer = by_name.get(PEER)
    if peer is None:
        text += " QuickFIX was not built in this run (`make interop` builds it)."
    rows: list[tuple[str, ...]] = []
    for trip in trips:
        p50, p99 = (f"{value / 1000:.1f}" for value in np.percentile(trip.ns, (50, 99)))
        row = [trip.name, p50, p99, f"{float(np.median(trip.per_s)):,.0f}", "", "", ""]
        if peer is not None:
            slower = float(np.median(np.median(trip.ns, axis=1) / np.median(peer.ns, axis=1)))
            faster = float(np.median(trip.per_s / peer.per_s))
            row[4:6] = f"{slower:.2f}", f"{faster:.2f}"
            if trip.name == OURS:
                met = [slower <= MOST_OF_PEER, faster >= TIMES_PEER]
                row[6] = " / ".join("met" if each else "missed" for each in met)
        rows.append(tuple(row))
    head = ("", "p50 µs", "p99 µs", "orders/s", "p50, of QuickFIX", "rate, of QuickFIX", "goals")
    return Figures(f"FIX session: order to report, {FLOOR} and QuickFIX beside it", text, head, rows)


def _codec(costs: Sequence[Cost]) -> Figures:
    text = (
        "In one thread, message in memory: an order from typed fields to bytes; a fill from bytes to its"
        " typed form in exact units; ten entries from bytes into the book. simplefix beside it only writes"
        " and cuts fields. Medians over batches taken in turn. Goals: 2, 4 and 5 µs."
    )
    rows: list[tuple[str, ...]] = []
    for cost in costs:
        goal = GOALS_US[cost.what] if cost.engine == OURS else None
        met = "" if goal is None else f"{goal:g}: {'met' if cost.us <= goal else 'missed'}"
        rows.append((f"{cost.engine}: {cost.what}", f"{cost.size}", f"{cost.us:.1f}", met))
    return Figures("Codec", text, ("", "bytes", "µs", "goal"), rows)
