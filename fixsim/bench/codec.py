"""The codec's microseconds beside simplefix, in one thread: an order out, a report in, ten entries in.

Ours do more than their peer: an order is encoded from its typed fields in exact units; a report is framed,
checked, cut and read into its typed form; an X is framed, checked and applied to a book. simplefix encodes a
message given as wire values, and parses one into wire values, checking nothing but its framing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplefix

from fixsim.bench.pair import INSTRUMENTS, LOTS, PRICE_NANOS, QTY_LOTS, SYMBOL
from fixsim.bench.settings import BenchError
from fixsim.bench.walk import INSTRUMENT, Walk
from risk.market import Market
from risk.order import OrdType, Side, TimeInForce
from router.fix import warm as fix_warm
from router.fix.codec import Encoder, Framer, Message
from router.fix.messages import ExecType, ExecutionReport, LastLiquidity, OrdStatus
from router.fix.messages.orders import order_body
from router.marketdata import FeedLimits, MarketData, Request, Venue

OURS, PEER = "Sluice", "simplefix"
ORDER, REPORT, BOOK = "encode a NewOrderSingle", "decode an ExecutionReport", "decode a 10-entry X"
BATCH = 500
NOW_NS = 1_531_515_000_000_000_000
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs: `us` is the median over the repeats' means."""

    what: str
    engine: str
    us: float
    size: int  # bytes


Work = Callable[[], object]


def measure(repeats: int, done: Callable[[int], object]) -> list[Cost]:
    """Each of the three by both, `repeats` batches in turn. BenchError if one reads what it should not."""
    fix_warm.warm()
    works = [*_order(), *_report(), *_book()]
    taken: list[list[float]] = [[] for _ in works]
    for _, _, _, work in works:
        for _ in range(BATCH):
            work()
    for _ in range(repeats):
        for (_, _, _, work), means in zip(works, taken, strict=True):
            begin = time.perf_counter_ns()
            for _ in range(BATCH):
                work()
            means.append((time.perf_counter_ns() - begin) / BATCH / 1000)
        done(1)
    return [
        Cost(what, engine, float(np.median(means)), size)
        for (what, engine, size, _), means in zip(works, taken, strict=True)
    ]


def _order() -> list[tuple[str, str, int, Work]]:
    encoder = Encoder(b"FIX.4.4", b"SLUICE-OE", b"XLIT1")
    numbers = itertools.count(1)

    def ours() -> bytes:
        now_ns = NOW_NS + (number := next(numbers)) * 1_000_000
        body = order_body(
            f"SL1-{number}", "ACCT1", SYMBOL, Side.BUY, now_ns, QTY_LOTS, LOTS, OrdType.LIMIT, PRICE_NANOS,
            TimeInForce.DAY,
        )  # fmt: skip
        return encoder.encode(b"D", number, now_ns, body)

    def peer() -> object:
        message = simplefix.FixMessage()
        for tag, value in (
            (8, "FIX.4.4"), (35, "D"), (49, "SLUICE-OE"), (56, "XLIT1"), (34, next(numbers)),
            (52, "20180713-20:50:00.000"), (11, "SL1-1"), (1, "ACCT1"), (21, "1"), (55, SYMBOL), (54, "1"),
            (60, "20180713-20:50:00.000"), (38, "1.5"), (40, "2"), (44, "6230.15"), (59, "0"),
        ):  # fmt: skip
            message.append_pair(tag, value)
        return message.encode()

    return [(ORDER, OURS, len(ours()), ours), (ORDER, PEER, len(ours()), peer)]


def _report() -> list[tuple[str, str, int, Work]]:
    fill = ExecutionReport(
        order_id="O1", exec_id="E1", exec_type=ExecType.TRADE, ord_status=OrdStatus.PARTIALLY_FILLED,
        symbol=SYMBOL, side=Side.BUY, leaves_lots=QTY_LOTS - 1000, cum_lots=1000, avg_px_nanos=PRICE_NANOS,
        cl_ord_id="SL1-1", account="ACCT1", qty_lots=QTY_LOTS, ord_type=OrdType.LIMIT,
        price_nanos=PRICE_NANOS, tif=TimeInForce.DAY, last_qty_lots=1000, last_px_nanos=PRICE_NANOS,
        last_mkt="XLIT1", transact_time_ns=NOW_NS, last_liquidity=LastLiquidity.ADDED,
        commission_nanos=-623,
    )  # fmt: skip
    raw = Encoder(b"FIX.4.4", b"XLIT1", b"SLUICE-OE").encode(b"8", 7, NOW_NS, fill.body(LOTS))
    framer = Framer()

    def ours() -> ExecutionReport:
        framer.feed(raw)
        message = framer.next()
        assert isinstance(message, Message)
        return ExecutionReport.parse(message, INSTRUMENTS)

    if ours() != fill:
        raise BenchError(f"the report reads as {ours()}")
    return [(REPORT, OURS, len(raw), ours), (REPORT, PEER, len(raw), _parser(raw))]


def _book() -> list[tuple[str, str, int, Work]]:
    data = MarketData(INSTRUMENT, [Venue("XLIT1", True)], Market(), FeedLimits(HOUR_NS, HOUR_NS))
    request = next(output for output in data.feed_up(0, NOW_NS) if isinstance(output, Request))
    walk, encoder = Walk(), Encoder(b"FIX.4.4", b"XLIT1", b"SLUICE-MD")
    framer = Framer()

    def taken(raw: bytes) -> None:
        framer.feed(raw)
        message = framer.next()
        assert isinstance(message, Message)
        data.on_message(0, message, NOW_NS)

    name = request.body.split(b"262=")[1].split(b"\x01")[0].decode()
    taken(encoder.encode(b"W", 1, NOW_NS, walk.snapshot(name)))
    raws = [encoder.encode(b"X", 2 + k, NOW_NS, walk.step().body) for k in range(2000)]
    following = itertools.cycle(raws)  # the walk is back where it began after so many steps

    def ours() -> None:
        taken(next(following))

    ours()
    if any(data.passed_over):
        raise BenchError("the book passed messages over")
    return [(BOOK, OURS, len(raws[0]), ours), (BOOK, PEER, len(raws[0]), _parser(raws[0]))]


def _parser(raw: bytes) -> Work:
    parser = simplefix.FixParser()

    def parse() -> object:
        parser.append_buffer(raw)
        message = parser.get_message()
        assert message is not None
        return message

    return parse
