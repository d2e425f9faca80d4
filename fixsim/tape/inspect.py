"""Looks through a tape once, as a stream, and says what is in it: `fixsim tape inspect`.

Memory is bounded by a batch, by the book itself (its levels, and for tapes with order ids its live orders),
and by the minutes of the tape. The shares and means of the book are weighted by time: a state counts for as
long as it held, from a row to the next; silences beyond PAUSE_NS (a night) count for nothing and are listed.
Rows of one line of the source are one message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fixsim.tape.levels import Replayer
from fixsim.tape.opened import Readable
from fixsim.tape.rows import NULL, Records
from fixsim.tape.schema import Flag, Type
from fixsim.tape.tally import LogTally, TimeTally

LEVELS: Final = 10
PAUSE_NS: Final = 3_600_000_000_000
MINUTE_NS: Final = 60_000_000_000
_QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}
_LISTED = 5

_Ints = NDArray[np.int64]


@dataclass(slots=True)
class Inspection:
    """Times ns UTC, prices nanos, quantities lots; None: the tape does not have it. JSON as it stands."""

    format: str
    kind: str
    venue: str
    symbol: str
    tick_nanos: int
    lots_per_unit: int
    start_ns: int
    end_ns: int
    rows: int
    messages: int
    counts: dict[str, int]
    """Rows by type."""
    flags: dict[str, int]
    """Rows by flag."""
    anomalies: dict[str, int]
    """What the importer counted beside the flags."""
    quarantined: int
    gaps: list[tuple[int, int]]
    """Rows flagged GAP_BEFORE: (time, silence before it in ns), the first 1,000."""
    longest_silences: list[tuple[int, int]]
    """(time at which it began, length in ns), longest first."""
    book: dict[str, Any]
    trades: dict[str, Any]
    inter_event_ns: dict[str, Any]
    """Between messages."""
    lifetimes_ns: dict[str, Any]
    """Of orders that were seen to come and to go: `cancelled` and `filled`, quantiles of each."""
    messages_per_minute: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For json.dumps."""
        return asdict(self)


def inspect_tape(tape: Readable, progress: Callable[[int], None] = lambda _: None) -> Inspection:
    """Read `tape` from its beginning to its end. `progress` is told the rows done since its last call."""
    meta = tape.meta
    flow, book, trades, lives = _Flow(), _Book(meta.tick_nanos, meta.kind == "partial"), _Trades(), _Lives()
    for rows in tape.rows():
        flow.add(rows)
        book.add(rows)
        trades.add(rows)
        lives.add(rows)
        progress(len(rows))
    names = {str(flag.name) for flag in Flag}
    return Inspection(
        format=meta.format,
        kind=meta.kind,
        venue=meta.venue,
        symbol=meta.symbol,
        tick_nanos=meta.tick_nanos,
        lots_per_unit=meta.lots_per_unit,
        start_ns=meta.start_ns,
        end_ns=meta.end_ns,
        rows=flow.rows,
        messages=flow.messages,
        counts={Type(t).name: n for t, n in sorted(flow.counts.items()) if n},
        flags={str(f.name): n for f, n in flow.flags.items() if n},
        anomalies={name: n for name, n in meta.anomalies.items() if name not in names},
        quarantined=meta.quarantined,
        gaps=flow.gaps,
        longest_silences=sorted(flow.silences, key=lambda silence: (-silence[1], silence[0])),
        book=book.said(),
        trades=trades.said(),
        inter_event_ns=_spread_of(flow.between),
        lifetimes_ns={"cancelled": _spread_of(lives.cancelled), "filled": _spread_of(lives.filled)}
        | {"still_there": len(lives.live)},
        messages_per_minute=flow.rate(),
        notes=list(meta.notes),
    )


class _Flow:
    """Rows, messages and the time between them."""

    def __init__(self) -> None:
        self.rows = self.messages = 0
        self.counts: Counter[int] = Counter()
        self.flags: dict[Flag, int] = dict.fromkeys(Flag, 0)
        self.gaps: list[tuple[int, int]] = []
        self.silences: list[tuple[int, int]] = []
        self.between = LogTally()
        self._minutes: Counter[int] = Counter()
        self._last: int | None = None
        self._place = -1, -1  # file and row of the last message
        self._message_ns = 0

    def add(self, rows: Records) -> None:
        self.rows += len(rows)
        self.counts.update(dict(enumerate(np.bincount(rows["type"], minlength=len(Type)).tolist())))
        for flag in Flag:
            self.flags[flag] += int(np.count_nonzero(rows["flags"] & flag))
        time_ns = rows["time_ns"]
        since = np.diff(time_ns, prepend=int(time_ns[0]) if self._last is None else self._last)
        self._last = int(time_ns[-1])
        for at in np.flatnonzero(rows["flags"] & Flag.GAP_BEFORE)[: 1000 - len(self.gaps)]:
            self.gaps.append((int(time_ns[at]), int(since[at])))
        longest = np.argsort(-since, kind="stable")[:_LISTED]
        found = [(int(time_ns[at] - since[at]), int(since[at])) for at in longest if since[at] > 0]
        self.silences = sorted(self.silences + found, key=lambda s: -s[1])[:_LISTED]
        told = rows[(rows["type"] != Type.ANCHOR) & (rows["flags"] & Flag.OPENING == 0)]
        if len(told):
            self._messages(told)

    def _messages(self, rows: Records) -> None:
        """Rows of the same line of the same file are one message."""
        file, row = self._place
        fresh = (np.diff(rows["row"], prepend=row) != 0) | (np.diff(rows["file"], prepend=file) != 0)
        self._place = int(rows["file"][-1]), int(rows["row"][-1])
        came = rows["time_ns"][fresh]
        if not len(came):
            return
        before = [self._message_ns] if self.messages else []
        self.between.add(np.diff(np.concatenate([np.array(before, np.int64), came])))
        minutes, n = np.unique(came // MINUTE_NS, return_counts=True)
        self._minutes.update(dict(zip(minutes.tolist(), n.tolist(), strict=True)))
        self.messages += len(came)
        self._message_ns = int(came[-1])

    def rate(self) -> dict[str, Any]:
        """Messages in each minute of the clock, from the first with one to the last."""
        if not self._minutes:
            return {}
        first, last = min(self._minutes), max(self._minutes)
        per = [self._minutes[minute] for minute in range(first, min(last, first + 10 * 1440) + 1)]
        busiest = int(np.argmax(per))
        return {
            "mean": self.messages / (last - first + 1),
            "median": float(np.median(per)),
            "most": per[busiest],
            "most_at_ns": (first + busiest) * MINUTE_NS,
            "least": min(per),
            "from_ns": first * MINUTE_NS,
            "minutes": per,
        }


class _Book:
    """The levels along the tape, weighted by how long each state held."""

    def __init__(self, tick_nanos: int, partial: bool) -> None:
        self._tick_nanos = tick_nanos
        self._replayer = Replayer(partial=partial)
        self._state: tuple[_Ints, _Ints, int] | None = None  # px, qty [1, 2, LEVELS] and time of the last row
        self._spread = TimeTally()
        self._ns: Counter[str] = Counter()
        self._depth = np.zeros((2, 2))  # touch, ten levels; bids, offers: lots x ns
        self._mids: list[int] = []  # first, last, low, high

    def add(self, rows: Records) -> None:
        px, qty = self._replayer.top(rows, LEVELS)
        time_ns = rows["time_ns"]
        if self._state is not None:
            px, qty = np.concatenate([self._state[0], px]), np.concatenate([self._state[1], qty])
            time_ns = np.concatenate([[self._state[2]], time_ns])
        held = np.diff(time_ns)
        self._state = px[-1:].copy(), qty[-1:].copy(), int(time_ns[-1])
        paused = held > PAUSE_NS
        self._ns["paused"] += int(held[paused].sum())
        lasted = np.flatnonzero((held > 0) & ~paused)
        self._held(px[lasted], qty[lasted], held[lasted])

    def _held(self, px: _Ints, qty: _Ints, held: _Ints) -> None:
        bid, offer = px[:, 0, 0], px[:, 1, 0]
        both = (bid > 0) & (offer > 0)
        state = np.where(~both, 0, np.where(bid > offer, 1, np.where(bid == offer, 2, 3)))
        for i, name in enumerate(("one_sided", "crossed", "locked", "open")):
            self._ns[name] += int(held[state == i].sum())
        fine = state == 3
        if not fine.any():
            return
        spread = (offer - bid)[fine] // self._tick_nanos
        self._spread.add(spread, held[fine])
        weighted = qty[fine] * held[fine, None, None].astype(np.float64)
        self._depth += np.stack([weighted[:, :, 0].sum(0), weighted.sum((0, 2))])
        mids = (bid + offer)[fine] // 2
        low, high = int(mids.min()), int(mids.max())
        first, _, least, most = self._mids or (int(mids[0]), 0, low, high)
        self._mids = [first, int(mids[-1]), min(least, low), max(most, high)]

    def said(self) -> dict[str, Any]:
        ns = sum(n for name, n in self._ns.items() if name != "paused")
        if not ns:
            return {}
        share = {f"{name}_share": self._ns[name] / ns for name in ("crossed", "locked", "one_sided")}
        said: dict[str, Any] = {"watched_ns": ns, "paused_ns": self._ns["paused"], **share}
        if not self._spread.ns:
            return said
        ticks = {name: self._spread.quantile(q) for name, q in _QUANTILES.items()}
        depth = (self._depth / self._spread.ns).tolist()
        names = ("first", "last", "low", "high")
        return said | {
            "spread_ticks": {"mean": self._spread.mean} | ticks,
            "touch_lots": {"bid": depth[0][0], "offer": depth[0][1]},
            f"levels_{LEVELS}_lots": {"bid": depth[1][0], "offer": depth[1][1]},
            "mid_nanos": dict(zip(names, self._mids, strict=True)),
        }


class _Trades:
    """What was traded. Volumes are Python ints: a notional does not fit into 64 bits."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lots: Counter[str] = Counter()
        self._notional = 0
        self._sizes = LogTally()
        self._prices: list[int] = []

    def add(self, rows: Records) -> None:
        for kind, name in ((Type.HIDDEN_TRADE, "hidden"), (Type.CROSS, "cross")):
            of = rows[(rows["type"] == kind) & (rows["quantity"] != NULL)]
            self._counts[name] += len(of)
            self._lots[name] += sum(of["quantity"].tolist())
        trades = rows[(rows["type"] == Type.TRADE) & (rows["quantity"] > 0) & (rows["price"] != NULL)]
        if not len(trades):
            return
        for side, name in ((-1, "buyer"), (1, "seller"), (0, "unknown")):
            of = trades["quantity"][trades["side"] == side]
            self._counts[name] += len(of)
            self._lots[name] += sum(of.tolist())
        pairs = zip(trades["price"].tolist(), trades["quantity"].tolist(), strict=True)
        self._notional += sum(price * quantity for price, quantity in pairs)
        self._sizes.add(trades["quantity"])
        low, high = int(trades["price"].min()), int(trades["price"].max())
        first, _, least, most = self._prices or (int(trades["price"][0]), 0, low, high)
        self._prices = [first, int(trades["price"][-1]), min(low, least), max(high, most)]

    def said(self) -> dict[str, Any]:
        """`by_aggressor`: who took; hidden trades and auctions are apart."""
        sides = ("buyer", "seller", "unknown")
        lots = sum(self._lots[side] for side in sides)
        other = {
            name: {"count": self._counts[name], "lots": self._lots[name]}
            for name in ("hidden", "cross")
            if self._counts[name]
        }
        if not lots:
            return {"count": 0, "lots": 0} | other
        names = ("first", "last", "low", "high")
        return {
            "count": sum(self._counts[side] for side in sides),
            "lots": lots,
            "vwap_nanos": self._notional // lots,
            "price_nanos": dict(zip(names, self._prices, strict=True)),
            "size_lots": _spread_of(self._sizes),
            "by_aggressor": {s: {"count": self._counts[s], "lots": self._lots[s]} for s in sides},
        } | other


class _Lives:
    """Orders that were seen to come, until they go."""

    def __init__(self) -> None:
        self.live: dict[int, list[int]] = {}  # when it came, what is left
        self.cancelled, self.filled = LogTally(), LogTally()

    def add(self, rows: Records) -> None:
        wanted = np.isin(rows["type"], (Type.ADD, Type.REDUCE, Type.DELETE, Type.TRADE, Type.CLEAR))
        wanted &= (rows["order_id"] != NULL) | (rows["type"] == Type.CLEAR)
        of = rows[wanted]
        columns = (of[name].tolist() for name in ("type", "time_ns", "order_id", "quantity", "flags"))
        cancelled: list[int] = []
        filled: list[int] = []
        live = self.live
        for kind, time_ns, order_id, quantity, flags in zip(*columns, strict=True):
            if kind == Type.CLEAR:
                live.clear()
                continue
            order = live.get(order_id)
            if kind == Type.ADD:
                if order is None and not flags & Flag.UNKNOWN_ORDER:
                    live[order_id] = [time_ns, quantity]
                elif order is not None:
                    order[1] += quantity
            elif order is not None and quantity != NULL:
                order[1] -= quantity
                if kind == Type.DELETE or order[1] <= 0:
                    if not flags & Flag.TAKER:  # it never rested
                        (filled if kind == Type.TRADE else cancelled).append(time_ns - order[0])
                    del live[order_id]
        self.cancelled.add(np.array(cancelled, np.int64))
        self.filled.add(np.array(filled, np.int64))


def _spread_of(tally: LogTally) -> dict[str, Any]:
    """Count, mean, quantiles (to 4.4 % above 4096), most."""
    if not tally.n:
        return {"n": 0}
    quantiles = {name: tally.quantile(q) for name, q in _QUANTILES.items()}
    return {"n": tally.n, "mean": tally.mean, **quantiles, "most": tally.most}
