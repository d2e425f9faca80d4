"""A lit venue's market data by price, of one instrument: subscriptions, snapshots (W), incrementals (X).

Pure. The book's changes and trades of one instant are gathered and leave as one X for each subscription,
and none when nothing changed: the trades; then a level once, with its last total, in the order first touched.
An entry is New, Change or Delete by its price. MsgSeqNum orders them; FIX 5.0 SP2 numbers them too: RptSeq
(83) counts the entries of a book, by depth and entry types, and a W states the last that it has taken in (4.4
has none in W and X). MarketDepth(264) 0 is the full book; n is the best n levels of each side, maintained as
such: a level that comes into view is New, one that leaves is Deleted. Only the entry types that were asked
for (269: 0 bids, 1 offers, 2 trades) are sent; the snapshot of a subscription to trades alone has no entries.

Recovery: market data is never resent, a ResendRequest over it is gap filled. Whoever misses a MsgSeqNum asks
for a snapshot (263=0) of what it holds, the same depth and entry types: the W is the book as of every X that
came before it on the session and of none that comes after, so it replaces what was built, and the
subscription goes on from there.

Aggressor: FIX 4.4 has no field for it; receivers infer it from the book before.

A fault may make it show a bid that is not there (`feign`), to every subscriber alike, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from fixsim.says import Says
from fixsim.settings import Instrument
from router.fix import tags
from router.fix.messages import MarketDataRequest, MarketDataRequestReject, build_incremental, build_snapshot
from router.fix.versions import Version

MAX_SUBSCRIPTIONS = 64
BID, OFFER, TRADE = 0, 1, 2  # MDEntryType(269)
NEW, CHANGE, DELETE = 0, 1, 2  # MDUpdateAction(279)
SNAPSHOT, SUBSCRIBE, UNSUBSCRIBE = 0, 1, 2  # SubscriptionRequestType(263)
DUPLICATE_ID, TOO_MANY, UNSUPPORTED_TYPE = "1", "2", "8"  # MDReqRejReason(281)
TYPES = {"0": BID, "1": OFFER, "2": TRADE}

Levels = Sequence[tuple[int, int]]
Entry = tuple[int, int, int, int]
"""(action, type, px in half ticks, lots)"""

View = tuple[int, frozenset[int]]
"""(depth, entry types) that are asked for"""

Depth = Callable[[int, int], Levels]
"""(sign, levels; 0 for all) -> (px in half ticks, total lots), best first."""


@dataclass(frozen=True, slots=True)
class Published:
    """A market data message for one client."""

    to: str
    says: Says


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A W: bids and offers as they are, as of the entry `rpt_seq`, which came at `updated_ns`."""

    MSG_TYPE: ClassVar[bytes] = tags.MARKET_DATA_SNAPSHOT

    request_id: str
    instrument: Instrument
    bids: Levels
    offers: Levels
    rpt_seq: int
    updated_ns: int

    def body(self, version: Version) -> bytes:
        rows = np.array([*self.bids, *self.offers], np.int64).reshape(-1, 2)
        types = np.full(len(rows), BID, np.int64)
        types[len(self.bids) :] = OFFER
        px, qty = np.ascontiguousarray(rows.T)
        rule = self.instrument
        return build_snapshot(
            self.request_id, rule.symbol, types, px, qty, rule.tick_nanos, rule.lots_per_unit, version,
            self.rpt_seq, self.updated_ns,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Incremental:
    """An X, whose first entry is number `rpt_seq`."""

    MSG_TYPE: ClassVar[bytes] = tags.MARKET_DATA_INCREMENTAL

    request_id: str
    instrument: Instrument
    entries: Sequence[Entry]
    rpt_seq: int

    def body(self, version: Version) -> bytes:
        actions, types, px, qty = np.array(list(zip(*self.entries, strict=True)), np.int64)
        rule = self.instrument
        return build_incremental(
            self.request_id, rule.symbol, actions, types, px, qty, rule.tick_nanos, rule.lots_per_unit,
            version, self.rpt_seq,
        )  # fmt: skip


@dataclass(slots=True)
class _Subscription:
    client: str
    request_id: str
    depth: int
    types: frozenset[int]
    seen: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    """What a top-n subscriber holds, by side: px -> lots. Unused for the full book."""


@dataclass(slots=True)
class Publisher:
    """The subscriptions of one venue to one instrument; see the module. `depth` reads its book."""

    instrument: Instrument
    depth: Depth
    _subscriptions: dict[tuple[str, str], _Subscription] = field(default_factory=dict)
    _changed: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """(sign, px) -> [total before this batch, total now]."""
    _trades: list[tuple[int, int]] = field(default_factory=list)
    _feigned: dict[int, int] = field(default_factory=dict)
    """Bids that are shown and not there: px -> lots."""
    _numbers: dict[View, int] = field(default_factory=dict)
    """RptSeq(83) of the last entry of each view that somebody has asked for."""
    _updated_ns: int | None = None
    """When it last changed; None: it never has."""

    def request(self, client: str, request: MarketDataRequest, now_ns: int) -> list[Published]:
        """A MarketDataRequest(V): a snapshot, an end, or a MarketDataRequestReject(Y).

        Call it between batches: the snapshot is the book now, and later batches follow from it.
        """
        key = (client, request.md_req_id)
        if request.subscription == UNSUBSCRIBE:
            self._subscriptions.pop(key, None)
            return []
        refusal = self.refusal(client, request)
        if refusal is not None:
            return [refusal]
        types = frozenset(TYPES[kind] for kind in request.entry_types)
        bids, offers = self._view(request.depth, types)
        if request.subscription == SUBSCRIBE:
            subscription = _Subscription(client, request.md_req_id, request.depth, types)
            if request.depth:
                subscription.seen = (dict(bids), dict(offers))
            self._subscriptions[key] = subscription
        number = self._numbers.setdefault((request.depth, types), 0)
        updated_ns = now_ns if self._updated_ns is None else self._updated_ns
        told = Snapshot(request.md_req_id, self.instrument, bids, offers, number, updated_ns)
        return [Published(client, told)]

    def refusal(self, client: str, request: MarketDataRequest) -> Published | None:
        """The MarketDataRequestReject(Y) that a request would meet; None: it would be served."""
        unknown = [kind for kind in request.entry_types if kind not in TYPES]
        if (client, request.md_req_id) in self._subscriptions:
            reason, text = DUPLICATE_ID, f"MDReqID(262) {request.md_req_id} is in use"
        elif len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            reason, text = TOO_MANY, f"{MAX_SUBSCRIPTIONS} subscriptions are in use"
        elif unknown:
            reason, text = UNSUPPORTED_TYPE, f"MDEntryType(269) {unknown[0]} is not one of 0, 1, 2"
        else:
            return None
        reject = MarketDataRequestReject(request.md_req_id, reason, text)
        return Published(client, reject)

    def _view(self, depth: int, types: frozenset[int]) -> tuple[Levels, Levels]:
        """Bids and offers as far as they were asked for."""
        return (self._bids(depth) if BID in types else [], self.depth(-1, depth) if OFFER in types else [])

    def _bids(self, depth: int) -> Levels:
        """With what is feigned among them."""
        bids = self.depth(1, depth)
        if not self._feigned:
            return bids
        shown = dict(bids)
        for px, lots in self._feigned.items():
            shown[px] = shown.get(px, 0) + lots
        return sorted(shown.items(), reverse=True)[: depth or None]

    def drop(self, client: str) -> None:
        """The client's session ended, and its subscriptions with it."""
        for key in [key for key in self._subscriptions if key[0] == client]:
            del self._subscriptions[key]

    def holds(self, client: str, request_id: str) -> bool:
        """Whether this is a subscription in force."""
        return (client, request_id) in self._subscriptions

    @property
    def subscribed(self) -> bool:
        return bool(self._subscriptions)

    # -- what happened ----------------------------------------------------------------------------

    def change(self, sign: int, px: int, before: int, total: int) -> None:
        """A level's total went from `before` to `total` lots (0: no such level)."""
        if sign > 0 and px in self._feigned:
            before, total = before + self._feigned[px], total + self._feigned[px]
        known = self._changed.get((sign, px))
        if known is None:
            self._changed[sign, px] = [before, total]
        else:
            known[1] = total

    def trade(self, px: int, qty_lots: int) -> None:
        self._trades.append((px, qty_lots))

    def feign(self, px: int, lots: int) -> None:
        """Show so many lots more than there are bid at a price; as many below 0 take them back."""
        real = dict(self.depth(1, 0)).get(px, 0)
        shown = self._feigned.pop(px, 0)
        if shown + lots:
            self._feigned[px] = shown + lots
        known = self._changed.setdefault((1, px), [real + shown, 0])
        known[1] = real + shown + lots

    def flush(self, now_ns: int) -> list[Published]:
        """End the batch: one X for each subscription that saw something."""
        if not self._changed and not self._trades:
            return []
        self._updated_ns = now_ns
        changed, self._changed = self._changed, {}
        traded, self._trades = self._trades, []
        if not self._subscriptions:
            return []
        trades: list[Entry] = [(NEW, TRADE, px, qty) for px, qty in traded]
        whole: dict[frozenset[int], list[Entry]] = {}
        views: dict[View, tuple[Levels, Levels]] = {}
        numbered: dict[View, int] = {}
        published: list[Published] = []
        for subscription in self._subscriptions.values():
            depth, types = subscription.depth, subscription.types
            if depth == 0 or types == {TRADE}:
                if types not in whole:
                    every = trades + _entries(changed)
                    whole[types] = every if len(types) == 3 else [e for e in every if e[1] in types]
                entries = whole[types]
            else:
                if (depth, types) not in views:
                    views[depth, types] = self._view(depth, types)
                view = views[depth, types]
                entries = _difference(subscription.seen, view)
                if TRADE in types:
                    entries = trades + entries
                subscription.seen = (dict(view[0]), dict(view[1]))
            if entries:
                number = numbered.setdefault((depth, types), self._numbers[depth, types] + 1)
                self._numbers[depth, types] = number + len(entries) - 1
                told = Incremental(subscription.request_id, self.instrument, entries, number)
                published.append(Published(subscription.client, told))
        return published


def _entries(changed: dict[tuple[int, int], list[int]]) -> list[Entry]:
    entries = []
    for (sign, px), (before, total) in changed.items():
        if before == total:
            continue
        action = CHANGE if before and total else NEW if total else DELETE
        entries.append((action, BID if sign > 0 else OFFER, px, total))
    return entries


def _difference(seen: tuple[dict[int, int], dict[int, int]], view: tuple[Levels, Levels]) -> list[Entry]:
    """Deletes first, so that a receiver never holds more than n levels."""
    deleted: list[Entry] = []
    rest: list[Entry] = []
    for kind, (old, levels) in enumerate(zip(seen, view, strict=True)):
        new = dict(levels)
        deleted += [(DELETE, kind, px, 0) for px in old if px not in new]
        for px, total in levels:
            before = old.get(px)
            if before != total:
                rest.append((NEW if before is None else CHANGE, kind, px, total))
    return deleted + rest
